
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Contexts whose settings want them to go on when their driver is lost: another
 * one is started, at once the first time, then after pauses that grow, until
 * there were too many of them.
 */


#ifndef _SJL_SUPERVISE_H_INCLUDED_
#define _SJL_SUPERVISE_H_INCLUDED_


#include "sjl_failure.h"


void sjl_supervise_init(sjl_context_t *ctx);

/*
 * Its driver is lost.  Returns whether another one is going to be started: then
 * "why" is used up, else it tells, too, that this was given up.
 */
int sjl_supervise_take(sjl_context_t *ctx, sjl_failure_t *why);

/*
 * A driver was about to be started, by another launcher, and it is known that
 * none was.  That was counted already, and part of the pause is over.
 */
void sjl_supervise_resume(sjl_context_t *ctx);

/* the lost driver has ended at last; returns whether that was waited for */
int sjl_supervise_ended(sjl_context_t *ctx);

/* no driver is started any longer */
void sjl_supervise_stop(sjl_context_t *ctx);


#endif /* _SJL_SUPERVISE_H_INCLUDED_ */
