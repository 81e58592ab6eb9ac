
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Processes against contexts, at the start and from time to time.  What was
 * started for a context has its id in the environment, and so has all that it
 * starts itself.  A driver whose number the last launcher could not note is
 * found so; what belongs to no context is ended.
 */


#ifndef _SJL_ORPHAN_H_INCLUDED_
#define _SJL_ORPHAN_H_INCLUDED_


#include "sjl.h"


void sjl_orphan_start(void);
void sjl_orphan_stop(void);

/* whether all processes were looked at since the start */
int sjl_orphan_looked(void);

/* whether no process of a context was left that is to end */
int sjl_orphan_cleared(const char *id);


#endif /* _SJL_ORPHAN_H_INCLUDED_ */
