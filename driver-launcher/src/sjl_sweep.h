
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What an earlier launcher has not come to sweep: folders of contexts that have
 * ended, and of those that never got a row.
 */


#ifndef _SJL_SWEEP_H_INCLUDED_
#define _SJL_SWEEP_H_INCLUDED_


#include "sjl.h"


/* looks through all folders, off the loop */
void sjl_sweep_contexts(void);


#endif /* _SJL_SWEEP_H_INCLUDED_ */
