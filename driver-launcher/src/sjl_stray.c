
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_stray.h"
#include "sjl_db.h"
#include "sjl_job_queue.h"

#include <utlist.h>


#define SJL_STRAY_WAIT  30.             /* seconds */
#define SJL_STRAY_MAX   1024            /* or as many as may run at once */


struct sjl_stray_s {
    char            id[SJL_ID_LEN + 1];
    unsigned        ended:1;
    unsigned        kept:1;             /* its end is in the database */
    unsigned        expired:1;          /* nobody has asked for it again */
    sjl_lane_t     *slot;               /* of which it has one; NULL: none */
    ev_timer        timer;
    sjl_context_t  *context;
    sjl_stray_t    *next;
};


typedef struct {
    sjl_db_op_t     op;
    sjl_context_t  *context;
    char            id[SJL_ID_LEN + 1];
    unsigned        final:1;
    unsigned        statement:1;
} sjl_stray_op_t;


static sjl_stray_t *sjl_stray_find(sjl_context_t *ctx, const char *id);
static void sjl_stray_add(sjl_context_t *ctx, const char *id, sjl_lane_e lane,
    int ended);
static void sjl_stray_hold(sjl_stray_t *stray, sjl_lane_t *lane);
static int sjl_stray_run(sjl_db_op_t *op, sjl_dao_t *dao);
static void sjl_stray_row(void *data, const void *row);
static void sjl_stray_looked(sjl_db_op_t *op);
static void sjl_stray_timeout(struct ev_loop *loop, ev_timer *timer,
    int events);
static void sjl_stray_check(sjl_stray_t *stray);
static void sjl_stray_send(sjl_stray_t *stray, sjp_type_e type);
static void sjl_stray_free(sjl_stray_t *stray);


int
sjl_stray_heard(sjl_context_t *ctx, const char *id, sjl_lane_e lane, int ended)
{
    sjl_stray_t  *stray;

    if (!sjl_id_ok(id)) {
        sjl_log(SJL_LOG_ERR, "context %s %s speaks of a job \"%.40s\"",
                ctx->row.name, ctx->row.id, id);
        return SJL_ERROR;
    }

    stray = sjl_stray_find(ctx, id);

    if (stray) {
        if (ended) {
            stray->ended = 1;
            sjl_stray_hold(stray, NULL);
            sjl_stray_check(stray);
            sjl_job_queue_run(ctx);
        }

        return SJL_OK;
    }

    if (ctx->nstrays >= SJL_STRAY_MAX
        && (int64_t) ctx->nstrays >= ctx->row.max_jobs)
    {
        sjl_log(SJL_LOG_ERR, "context %s %s speaks of more than %zu jobs that "
                "nobody knows", ctx->row.name, ctx->row.id, ctx->nstrays);
        return SJL_ERROR;
    }

    sjl_stray_add(ctx, id, lane, ended);

    return SJL_OK;
}


static sjl_stray_t *
sjl_stray_find(sjl_context_t *ctx, const char *id)
{
    sjl_stray_t  *stray;

    LL_FOREACH(ctx->strays, stray) {
        if (strcmp(stray->id, id) == 0) {
            return stray;
        }
    }

    return NULL;
}


static void
sjl_stray_add(sjl_context_t *ctx, const char *id, sjl_lane_e lane, int ended)
{
    sjl_stray_t     *stray;
    sjl_stray_op_t  *sop;

    stray = sjl_alloc(sizeof(sjl_stray_t));
    memcpy(stray->id, id, SJL_ID_LEN);
    stray->context = ctx;
    stray->ended = ended ? 1 : 0;

    ev_timer_init(&stray->timer, sjl_stray_timeout, SJL_STRAY_WAIT, 0.);
    stray->timer.data = stray;
    ev_timer_start(sjl_loop, &stray->timer);

    LL_PREPEND(ctx->strays, stray);
    ctx->nstrays++;
    sjl_stray_hold(stray, ended ? NULL : &ctx->lanes[lane]);

    sop = sjl_alloc(sizeof(sjl_stray_op_t));
    sop->context = ctx;
    memcpy(sop->id, id, SJL_ID_LEN);
    sop->op.run = sjl_stray_run;
    sop->op.done = sjl_stray_looked;
    sop->op.retry = 1;

    ctx->nops++;
    sjl_db_add(&sop->op, 0);
}


static void
sjl_stray_hold(sjl_stray_t *stray, sjl_lane_t *lane)
{
    if (stray->slot) {
        stray->slot->nslots--;
    }

    if (lane) {
        lane->nslots++;
    }

    stray->slot = lane;
}


static int
sjl_stray_run(sjl_db_op_t *op, sjl_dao_t *dao)
{
    sjl_stray_op_t  *sop;

    sop = sjl_container(op, sjl_stray_op_t, op);
    sop->final = 0;
    sop->statement = 0;

    return dao->type->job_get(dao, sop->id, sjl_stray_row, sop);
}


static void
sjl_stray_row(void *data, const void *row)
{
    sjl_stray_op_t       *sop;
    const sjl_job_row_t  *job;

    sop = data;
    job = row;

    sop->final = job->final ? 1 : 0;
    sop->statement = job->statement >= 0 ? 1 : 0;
}


static void
sjl_stray_looked(sjl_db_op_t *op)
{
    sjl_stray_t     *stray;
    sjl_context_t   *ctx;
    sjl_stray_op_t  *sop;

    sop = sjl_container(op, sjl_stray_op_t, op);
    ctx = sop->context;
    stray = sjl_stray_find(ctx, sop->id);

    if (stray) {
        stray->kept = sop->final;

        if (sop->statement && stray->slot) {
            sjl_stray_hold(stray, &ctx->lanes[SJL_LANE_STATEMENTS]);
        }

        sjl_stray_check(stray);
    }

    free(sop);

    ctx->nops--;
    sjl_context_release(ctx);
}


static void
sjl_stray_timeout(struct ev_loop *loop, ev_timer *timer, int events)
{
    sjl_stray_t  *stray;

    (void) loop;
    (void) events;

    stray = timer->data;
    stray->expired = 1;

    if (!stray->ended) {
        sjl_log(SJL_LOG_WARN, "job %s runs in context %s %s though %s, it is "
                "killed", stray->id, stray->context->row.name,
                stray->context->row.id, stray->kept
                ? "its end was told" : "nobody has submitted it");
        sjl_stray_send(stray, SJP_LINK_KILL);
    }

    sjl_stray_check(stray);
}


/* before the time is over a submission may come that wants to know the end */

static void
sjl_stray_check(sjl_stray_t *stray)
{
    if (stray->ended && (stray->kept || stray->expired)) {
        sjl_stray_send(stray, SJP_LINK_ACK);
        sjl_stray_free(stray);
    }
}


static void
sjl_stray_send(sjl_stray_t *stray, sjp_type_e type)
{
    sjl_driver_send(stray->context->driver, type,
                    json_pack("{s:s}", "id", stray->id), NULL, 0);
}


static void
sjl_stray_free(sjl_stray_t *stray)
{
    ev_timer_stop(sjl_loop, &stray->timer);

    LL_DELETE(stray->context->strays, stray);
    stray->context->nstrays--;
    sjl_stray_hold(stray, NULL);

    free(stray);
}


int
sjl_stray_is(sjl_context_t *ctx, const char *id)
{
    return sjl_stray_find(ctx, id) != NULL;
}


int
sjl_stray_found(sjl_context_t *ctx, const char *id)
{
    sjl_stray_t  *stray;

    stray = sjl_stray_find(ctx, id);

    if (stray == NULL) {
        return 0;
    }

    sjl_stray_free(stray);

    return 1;
}


void
sjl_strays_free(sjl_context_t *ctx)
{
    sjl_stray_t  *stray, *next;

    LL_FOREACH_SAFE(ctx->strays, stray, next) {
        sjl_stray_free(stray);
    }
}
