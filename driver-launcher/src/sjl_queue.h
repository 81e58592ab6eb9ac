
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * A queue of operations that a thread of its own works on, so that the loop
 * never waits for a disk.  Operations are begun in the order in which they
 * came, and told back to the loop in the same order.
 */


#ifndef _SJL_QUEUE_H_INCLUDED_
#define _SJL_QUEUE_H_INCLUDED_


#include "sjl.h"

#include <pthread.h>


typedef struct sjl_op_s  sjl_op_t;

struct sjl_op_s {
    sjl_op_t   *next;

    /* called on the loop; the operation is the callee's again */
    void      (*done)(sjl_op_t *op);

    /*
     * The loop is about to be told: set on all operations of a turn before
     * the first one's "done" is called.
     */
    unsigned    arrived:1;

    /* under the queue's mutex; no bit beside another one that is not */
    int         begun;
};


typedef struct {
    const char       *name;

    /* called on the thread with a list of operations */
    void            (*work)(void *data, sjl_op_t *ops);
    void             *data;
    unsigned          one:1;            /* one operation at a time */

    pthread_t         thread;
    pthread_mutex_t   mutex;
    pthread_cond_t    cond;

    /* under the mutex */
    sjl_op_t         *pending;
    sjl_op_t        **pending_last;
    sjl_op_t         *finished;
    sjl_op_t        **finished_last;
    unsigned          wake:1;
    unsigned          quit:1;

    /* the loop's */
    ev_async          async;
    ev_timer          lazy;
    size_t            length;           /* operations not told back yet */
    uint64_t          total;
} sjl_queue_t;


/*
 * Starts the thread; name, work, data and one have to be set.  Returns SJL_OK
 * or SJL_ERROR.
 */
int sjl_queue_start(sjl_queue_t *q);

/*
 * Adds an operation.  With a delay (in milliseconds) above 0 the thread begins
 * it together with the next one that has none, but after the delay at latest.
 */
void sjl_queue_add(sjl_queue_t *q, sjl_op_t *op, int64_t delay);

/*
 * Has fn change an operation that was added, unless the thread has begun it,
 * and begins it at latest as one added with that delay.  Returns whether it
 * did.
 */
int sjl_queue_amend(sjl_queue_t *q, sjl_op_t *op, void (*fn)(sjl_op_t *op),
    int64_t delay);

/* ends the thread after all operations, which are told back before */
void sjl_queue_stop(sjl_queue_t *q);


#endif /* _SJL_QUEUE_H_INCLUDED_ */
