
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_queue.h"

#include <signal.h>


static void *sjl_queue_thread(void *data);
static sjl_op_t *sjl_queue_take(sjl_queue_t *q);
static void sjl_queue_finish(sjl_queue_t *q, sjl_op_t *ops);
static void sjl_queue_begin(sjl_queue_t *q, int64_t delay);
static void sjl_queue_wake(sjl_queue_t *q);
static void sjl_queue_lazy(struct ev_loop *loop, ev_timer *timer, int events);
static void sjl_queue_async(struct ev_loop *loop, ev_async *async, int events);
static void sjl_queue_tell(sjl_queue_t *q);


int
sjl_queue_start(sjl_queue_t *q)
{
    int       err;
    sigset_t  all, old;

    q->pending_last = &q->pending;
    q->finished_last = &q->finished;

    (void) pthread_mutex_init(&q->mutex, NULL);
    (void) pthread_cond_init(&q->cond, NULL);

    ev_async_init(&q->async, sjl_queue_async);
    q->async.data = q;
    ev_async_start(sjl_loop, &q->async);

    ev_init(&q->lazy, sjl_queue_lazy);
    q->lazy.data = q;

    /* signals are the loop's */

    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &old);

    err = pthread_create(&q->thread, NULL, sjl_queue_thread, q);

    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);

    if (err) {
        sjl_log(SJL_LOG_CRIT, "the %s thread cannot be started: %s", q->name,
                strerror(err));
        return SJL_ERROR;
    }

    return SJL_OK;
}


static void *
sjl_queue_thread(void *data)
{
    sjl_op_t     *ops;
    sjl_queue_t  *q;

    q = data;

    for ( ;; ) {
        ops = sjl_queue_take(q);

        if (ops == NULL) {
            return NULL;
        }

        q->work(q->data, ops);

        sjl_queue_finish(q, ops);
        ev_async_send(sjl_loop, &q->async);
    }
}


static sjl_op_t *
sjl_queue_take(sjl_queue_t *q)
{
    sjl_op_t  *op, *ops;

    (void) pthread_mutex_lock(&q->mutex);

    while (!q->quit && (q->pending == NULL || !q->wake)) {
        (void) pthread_cond_wait(&q->cond, &q->mutex);
    }

    ops = q->pending;

    if (q->one && ops && ops->next) {
        q->pending = ops->next;
        ops->next = NULL;

    } else {
        q->pending = NULL;
        q->pending_last = &q->pending;
        q->wake = 0;
    }

    for (op = ops; op; op = op->next) {
        op->begun = 1;
    }

    (void) pthread_mutex_unlock(&q->mutex);

    return ops;
}


static void
sjl_queue_finish(sjl_queue_t *q, sjl_op_t *ops)
{
    (void) pthread_mutex_lock(&q->mutex);

    *q->finished_last = ops;

    while (*q->finished_last) {
        q->finished_last = &(*q->finished_last)->next;
    }

    (void) pthread_mutex_unlock(&q->mutex);
}


void
sjl_queue_add(sjl_queue_t *q, sjl_op_t *op, int64_t delay)
{
    q->length++;
    q->total++;

    op->next = NULL;
    op->arrived = 0;
    op->begun = 0;

    (void) pthread_mutex_lock(&q->mutex);

    *q->pending_last = op;
    q->pending_last = &op->next;

    (void) pthread_mutex_unlock(&q->mutex);

    sjl_queue_begin(q, delay);
}


int
sjl_queue_amend(sjl_queue_t *q, sjl_op_t *op, void (*fn)(sjl_op_t *op),
    int64_t delay)
{
    int  begun;

    (void) pthread_mutex_lock(&q->mutex);

    begun = op->begun;

    if (!begun) {
        fn(op);
    }

    (void) pthread_mutex_unlock(&q->mutex);

    if (!begun) {
        sjl_queue_begin(q, delay);
    }

    return !begun;
}


static void
sjl_queue_begin(sjl_queue_t *q, int64_t delay)
{
    if (delay == 0) {
        ev_timer_stop(sjl_loop, &q->lazy);
        sjl_queue_wake(q);

    } else if (!ev_is_active(&q->lazy)) {
        ev_timer_set(&q->lazy, (double) delay / 1000, 0.);
        ev_timer_start(sjl_loop, &q->lazy);
    }
}


/* a thread that is woken while the mutex is held has to be woken once more */

static void
sjl_queue_wake(sjl_queue_t *q)
{
    (void) pthread_mutex_lock(&q->mutex);

    q->wake = 1;

    (void) pthread_mutex_unlock(&q->mutex);

    (void) pthread_cond_signal(&q->cond);
}


static void
sjl_queue_lazy(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void) loop;
    (void) events;

    sjl_queue_wake(timer->data);
}


static void
sjl_queue_async(struct ev_loop *loop, ev_async *async, int events)
{
    (void) loop;
    (void) events;

    sjl_queue_tell(async->data);
}


static void
sjl_queue_tell(sjl_queue_t *q)
{
    sjl_op_t  *op, *ops;

    (void) pthread_mutex_lock(&q->mutex);

    ops = q->finished;
    q->finished = NULL;
    q->finished_last = &q->finished;

    (void) pthread_mutex_unlock(&q->mutex);

    for (op = ops; op; op = op->next) {
        op->arrived = 1;
    }

    while (ops) {
        op = ops;
        ops = op->next;

        q->length--;
        op->done(op);
    }
}


void
sjl_queue_stop(sjl_queue_t *q)
{
    (void) pthread_mutex_lock(&q->mutex);

    q->quit = 1;
    (void) pthread_cond_signal(&q->cond);

    (void) pthread_mutex_unlock(&q->mutex);

    (void) pthread_join(q->thread, NULL);

    sjl_queue_tell(q);

    ev_async_stop(sjl_loop, &q->async);
    ev_timer_stop(sjl_loop, &q->lazy);

    (void) pthread_cond_destroy(&q->cond);
    (void) pthread_mutex_destroy(&q->mutex);
}
