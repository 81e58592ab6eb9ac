
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_lifetime.h"
#include "sjl_config.h"
#include "sjl_job.h"

#include <utlist.h>


#define SJL_LIFETIME_STRAYS  1.         /* seconds */


static void sjl_lifetime_idle_over(struct ev_loop *loop, ev_timer *timer,
    int events);
static void sjl_lifetime_over(struct ev_loop *loop, ev_timer *timer,
    int events);
static void sjl_lifetime_hard_over(struct ev_loop *loop, ev_timer *timer,
    int events);
static void sjl_lifetime_arm(ev_timer *timer, double seconds);
static void sjl_lifetime_check(sjl_context_t *ctx);


void
sjl_lifetime_init(sjl_context_t *ctx)
{
    ev_init(&ctx->idle, sjl_lifetime_idle_over);
    ctx->idle.data = ctx;

    ev_init(&ctx->ttl, sjl_lifetime_over);
    ctx->ttl.data = ctx;

    ev_init(&ctx->hard, sjl_lifetime_hard_over);
    ctx->hard.data = ctx;

    ev_init(&ctx->beat, sjl_lifetime_over);
    ctx->beat.data = ctx;
}


void
sjl_lifetime_begin(sjl_context_t *ctx)
{
    double  rest;

    if (ctx->row.ttl) {
        rest = (double) ctx->row.ttl
               - (double) (sjl_now() - ctx->row.start) / 1000;
        sjl_lifetime_arm(&ctx->ttl, rest);
        sjl_lifetime_arm(&ctx->hard, rest + (double) sjl_conf->ttl_grace);
    }

    if (ctx->row.idle_timeout) {
        sjl_lifetime_arm(&ctx->idle, (double) ctx->row.idle_timeout);
    }

    sjl_lifetime_beat(ctx);
}


/* as long as it starts nobody can use it */

void
sjl_lifetime_beat(sjl_context_t *ctx)
{
    if (ctx->row.heartbeat && (ctx->row.state == SJP_CONTEXT_RUNNING
                               || ctx->row.state == SJP_CONTEXT_RESTARTING))
    {
        sjl_lifetime_arm(&ctx->beat, (double) ctx->row.heartbeat);
    }
}


static void
sjl_lifetime_arm(ev_timer *timer, double seconds)
{
    ev_timer_stop(sjl_loop, timer);
    ev_timer_set(timer, seconds > 0. ? seconds : 0., 0.);
    ev_timer_start(sjl_loop, timer);
}


int
sjl_lifetime_busy(const sjl_context_t *ctx)
{
    sjl_job_t  *job;

    DL_FOREACH(ctx->jobs, job) {
        if (!job->row.final
            && (job->row.statement < 0 || sjl_conf->livy_skip_busy))
        {
            return 1;
        }
    }

    return ctx->strays != NULL || ctx->sessions;
}


void
sjl_lifetime_idle(sjl_context_t *ctx)
{
    if (ctx->row.state != SJP_CONTEXT_RUNNING || sjl_lifetime_busy(ctx)) {
        return;
    }

    if (ctx->row.idle_timeout) {
        sjl_lifetime_arm(&ctx->idle, (double) ctx->row.idle_timeout);
    }

    sjl_lifetime_check(ctx);
}


/*
 * One that is busy is looked at again when its last job has ended; the end of
 * what is not ours is not told, so that is looked at from time to time.
 */

static void
sjl_lifetime_idle_over(struct ev_loop *loop, ev_timer *timer, int events)
{
    sjl_context_t  *ctx;

    (void) loop;
    (void) events;

    ctx = timer->data;

    if (ctx->strays) {
        sjl_lifetime_arm(timer, (double) ctx->row.idle_timeout);

    } else if (!sjl_lifetime_busy(ctx)) {
        sjl_context_stop_because(ctx,
            sjl_format("idle for %lld s", (long long) ctx->row.idle_timeout));
    }
}


/* its time to live, or that without a sign of life */

static void
sjl_lifetime_over(struct ev_loop *loop, ev_timer *timer, int events)
{
    sjl_context_t  *ctx;

    (void) loop;
    (void) events;

    ctx = timer->data;

    if (ctx->strays) {
        sjl_lifetime_arm(timer, SJL_LIFETIME_STRAYS);

    } else if (!sjl_lifetime_busy(ctx)) {
        sjl_lifetime_check(ctx);
    }
}


/* what has not ended by now may never do so by itself */

static void
sjl_lifetime_hard_over(struct ev_loop *loop, ev_timer *timer, int events)
{
    sjl_context_t  *ctx;

    (void) loop;
    (void) events;

    ctx = timer->data;

    sjl_context_stop_because(ctx,
        sjl_format("its time to live of %lld s is over since %lld s, and it "
                   "had jobs yet", (long long) ctx->row.ttl,
                   (long long) sjl_conf->ttl_grace));
}


static void
sjl_lifetime_check(sjl_context_t *ctx)
{
    if (ctx->row.ttl && !ev_is_active(&ctx->ttl)) {
        sjl_context_stop_because(ctx,
            sjl_format("its time to live of %lld s is over",
                       (long long) ctx->row.ttl));

    } else if (ctx->row.heartbeat && !ev_is_active(&ctx->beat)) {
        sjl_context_stop_because(ctx,
            sjl_format("no sign of life for %lld s",
                       (long long) ctx->row.heartbeat));
    }
}


void
sjl_lifetime_end(sjl_context_t *ctx)
{
    ev_timer_stop(sjl_loop, &ctx->idle);
    ev_timer_stop(sjl_loop, &ctx->ttl);
    ev_timer_stop(sjl_loop, &ctx->hard);
    ev_timer_stop(sjl_loop, &ctx->beat);
}
