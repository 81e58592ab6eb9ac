
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The jobs of a context that were not sent to its driver yet, because it does
 * not run or has no slot free.  Users take turns, and the jobs of one user go
 * in the order in which they came.  Statements have a lane of their own, with
 * one slot, in the order of their numbers.
 */


#ifndef _SJL_JOB_QUEUE_H_INCLUDED_
#define _SJL_JOB_QUEUE_H_INCLUDED_


#include "sjl_job.h"


/* a user with jobs that wait */

struct sjl_turn_s {
    char           *user;
    sjl_job_t      *jobs;               /* in order */
    size_t          n;
    size_t          first;              /* number of the first job */

    UT_hash_handle  hh;                 /* by user */
    sjl_turn_t     *next;               /* in the order of their turns */
    sjl_turn_t     *prev;
};


/* its job comes last of its user's, its user last if he has none there */
void sjl_job_queue_add(sjl_job_t *job);

/* it is not to be sent any longer, if it waits at all */
void sjl_job_queue_remove(sjl_job_t *job);

/* takes the job out whose turn it is; NULL: none waits */
sjl_job_t *sjl_job_queue_next(sjl_lane_t *lane);

/* the lane of a job */
sjl_lane_t *sjl_job_lane(const sjl_job_t *job);

/* makes the queue anew, of all that can be sent, in the order they came */
void sjl_job_queue_fill(sjl_context_t *ctx);

/* sends as many jobs as there are slots, if the driver is there */
void sjl_job_queue_run(sjl_context_t *ctx);

/*
 * How many jobs will be sent before there is a slot for it, with itself; 0: it
 * does not wait for a slot.
 */
size_t sjl_job_queue_position(const sjl_job_t *job);


#endif /* _SJL_JOB_QUEUE_H_INCLUDED_ */
