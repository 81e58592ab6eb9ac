
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The look at a whole database, in a thread and a connection of its own while
 * the launcher works: of a million jobs it takes seconds.
 */


#ifndef _SJL_VERIFY_H_INCLUDED_
#define _SJL_VERIFY_H_INCLUDED_


#include "sjl.h"


/*
 * Begins; "done" is called on the loop once, with what is wrong, to be freed,
 * or NULL.  Returns SJL_ERROR, and has logged why, when there is no thread.
 */
int sjl_verify_start(const char *folder, void (*done)(char *why));

/* ends it, and waits for that; "done" is not called any more */
void sjl_verify_stop(void);


#endif /* _SJL_VERIFY_H_INCLUDED_ */
