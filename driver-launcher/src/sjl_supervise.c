
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_supervise.h"
#include "sjl_config.h"
#include "sjl_job.h"
#include "sjl_limit.h"
#include "sjl_server.h"


#define SJL_SUPERVISE_PAUSE  60         /* seconds at most */
#define SJL_SUPERVISE_TURN   .5         /* until there may be room for it */


static int sjl_supervise_wanted(const sjl_context_t *ctx);
static json_t *sjl_supervise_recent(const sjl_context_t *ctx);
static void sjl_supervise_note(sjl_context_t *ctx, json_t *times);
static double sjl_supervise_pause(size_t n);
static double sjl_supervise_rest(const sjl_context_t *ctx);
static void sjl_supervise_begin(sjl_context_t *ctx);
static int sjl_supervise_hold(sjl_context_t *ctx);
static void sjl_supervise_go_on(sjl_context_t *ctx);
static void sjl_supervise_arm(sjl_context_t *ctx);
static void sjl_supervise_timeout(struct ev_loop *loop, ev_timer *timer,
    int events);


void
sjl_supervise_init(sjl_context_t *ctx)
{
    ev_init(&ctx->restart, sjl_supervise_timeout);
    ctx->restart.data = ctx;
}


int
sjl_supervise_take(sjl_context_t *ctx, sjl_failure_t *why)
{
    char    *reason;
    size_t   n;
    json_t  *times;

    if (!sjl_supervise_wanted(ctx)) {
        return 0;
    }

    if (ctx->restarting) {

        /* it was decided, and the old driver is being killed */

        sjl_failure_clear(why);
        return 1;
    }

    times = sjl_supervise_recent(ctx);
    n = json_array_size(times);

    if ((int64_t) n >= sjl_conf->supervise_restarts) {
        reason = sjl_format("given up after %zu restarts within %lld s: %s", n,
                            (long long) sjl_conf->supervise_period,
                            why->reason);
        free(why->reason);
        why->reason = reason;
        json_decref(times);
        return 0;
    }

    sjl_supervise_note(ctx, times);
    ctx->pause = sjl_supervise_pause(n);

    sjl_log(SJL_LOG_WARN, "context %s %s: its driver is lost: %s; another one "
            "is started in %.0f s", ctx->row.name, ctx->row.id, why->reason,
            ctx->pause);

    sjl_failure_clear(why);
    sjl_supervise_begin(ctx);

    return 1;
}


static int
sjl_supervise_wanted(const sjl_context_t *ctx)
{
    return ctx->row.supervise && ctx->ready && !sjl_server_ending()
           && (ctx->row.state == SJP_CONTEXT_RUNNING
               || ctx->row.state == SJP_CONTEXT_RESTARTING);
}


/* the tally is in the row, so that a launcher that dies does not begin anew */

static json_t *
sjl_supervise_recent(const sjl_context_t *ctx)
{
    size_t    i;
    json_t   *all, *recent, *time;
    int64_t   since;

    since = sjl_now() - sjl_conf->supervise_period * 1000;
    recent = json_array();
    all = ctx->row.restarts ? json_loads(ctx->row.restarts, 0, NULL) : NULL;

    json_array_foreach(all, i, time) {
        if (json_integer_value(time) > since) {
            (void) json_array_append(recent, time);
        }
    }

    json_decref(all);

    return recent;
}


static void
sjl_supervise_note(sjl_context_t *ctx, json_t *times)
{
    (void) json_array_append_new(times, json_integer(sjl_now()));

    free(ctx->row.restarts);
    ctx->row.restarts = sjl_json_text(times);

    json_decref(times);
}


static double
sjl_supervise_pause(size_t n)
{
    double  pause;

    if (n == 0) {
        return 0.;
    }

    for (pause = 1.; --n && pause < SJL_SUPERVISE_PAUSE; pause *= 2) {
        /* void */
    }

    return pause < SJL_SUPERVISE_PAUSE ? pause : SJL_SUPERVISE_PAUSE;
}


/* two drivers here would share a folder, so the old one has to end first */

static void
sjl_supervise_begin(sjl_context_t *ctx)
{
    ctx->restarting = 1;

    sjl_context_credentials_void(ctx);

    if (ctx->row.state == SJP_CONTEXT_RUNNING) {
        (void) sjl_context_set_state(ctx, SJP_CONTEXT_RESTARTING);
    }

    sjl_context_save(ctx, 0);

    if (sjl_supervise_hold(ctx)) {
        sjl_supervise_go_on(ctx);
    }
}


/* its jobs wait for the next driver; returns whether there is to be one */

static int
sjl_supervise_hold(sjl_context_t *ctx)
{
    /* an ad hoc context may be over with one of its jobs, but not in here */

    ctx->ending = 1;
    sjl_job_context_restarting(ctx);
    ctx->ending = 0;
    sjl_context_idle(ctx);

    return ctx->row.state == SJP_CONTEXT_RESTARTING;
}


static void
sjl_supervise_go_on(sjl_context_t *ctx)
{
    /* one elsewhere shares nothing with the next, and may be cut off long */

    if (sjl_driver_is_elsewhere(ctx->driver)) {
        sjl_driver_let_go(ctx->driver);
    }

    if (ctx->driver) {
        sjl_driver_stop(ctx->driver, 1);

    } else {
        sjl_supervise_arm(ctx);
    }
}


static void
sjl_supervise_arm(sjl_context_t *ctx)
{
    ev_timer_set(&ctx->restart, ctx->pause, 0.);
    ev_timer_start(sjl_loop, &ctx->restart);
}


void
sjl_supervise_resume(sjl_context_t *ctx)
{
    ctx->restarting = 1;
    ctx->pause = sjl_supervise_rest(ctx);

    sjl_context_credentials_void(ctx);

    /* it may have died before it could keep that they wait */

    if (sjl_supervise_hold(ctx)) {
        sjl_supervise_go_on(ctx);
    }
}


static double
sjl_supervise_rest(const sjl_context_t *ctx)
{
    double   pause;
    size_t   n;
    json_t  *times;

    times = sjl_supervise_recent(ctx);
    n = json_array_size(times);
    pause = 0.;

    if (n) {
        pause = sjl_supervise_pause(n - 1)
                - (double) (sjl_now()
                            - json_integer_value(json_array_get(times, n - 1)))
                  / 1000;
    }

    json_decref(times);

    return pause > 0. ? pause : 0.;
}


int
sjl_supervise_ended(sjl_context_t *ctx)
{
    if (!ctx->restarting || ctx->row.state != SJP_CONTEXT_RESTARTING) {
        return 0;
    }

    sjl_supervise_arm(ctx);

    return 1;
}


static void
sjl_supervise_timeout(struct ev_loop *loop, ev_timer *timer, int events)
{
    sjl_context_t  *ctx;

    (void) loop;
    (void) events;

    ctx = timer->data;

    if (!sjl_limit_may_start()) {
        ctx->pause = SJL_SUPERVISE_TURN;
        sjl_supervise_arm(ctx);
        return;
    }

    ctx->restarting = 0;

    sjl_context_restart(ctx);
}


void
sjl_supervise_stop(sjl_context_t *ctx)
{
    ctx->restarting = 0;
    ev_timer_stop(sjl_loop, &ctx->restart);
}
