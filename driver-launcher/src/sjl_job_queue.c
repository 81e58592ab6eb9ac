
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_job_queue.h"

#include <utlist.h>


static void sjl_job_queue_drop(sjl_context_t *ctx, sjl_turn_t *turn);
static int sjl_job_queue_open(const sjl_context_t *ctx);


void
sjl_job_queue_add(sjl_job_t *job)
{
    sjl_turn_t     *turn;
    sjl_context_t  *ctx;

    ctx = job->context;

    HASH_FIND_STR(ctx->users, job->row.user, turn);

    if (turn == NULL) {
        turn = sjl_alloc(sizeof(sjl_turn_t));
        turn->user = sjl_strdup(job->row.user);

        HASH_ADD_KEYPTR(hh, ctx->users, turn->user, strlen(turn->user), turn);
        DL_APPEND(ctx->turns, turn);
    }

    DL_APPEND2(turn->jobs, job, queue_prev, queue_next);
    job->number = turn->first + turn->n++;
    job->turn = turn;
}


/* all ask for their positions, few leave from the middle */

void
sjl_job_queue_remove(sjl_job_t *job)
{
    sjl_job_t   *behind;
    sjl_turn_t  *turn;

    turn = job->turn;

    if (turn == NULL) {
        return;
    }

    if (job == turn->jobs) {
        turn->first++;

    } else {
        for (behind = job->queue_next; behind; behind = behind->queue_next) {
            behind->number--;
        }
    }

    DL_DELETE2(turn->jobs, job, queue_prev, queue_next);
    turn->n--;
    job->turn = NULL;

    if (turn->n == 0) {
        sjl_job_queue_drop(job->context, turn);
    }
}


static void
sjl_job_queue_drop(sjl_context_t *ctx, sjl_turn_t *turn)
{
    HASH_DEL(ctx->users, turn);
    DL_DELETE(ctx->turns, turn);

    free(turn->user);
    free(turn);
}


sjl_job_t *
sjl_job_queue_next(sjl_context_t *ctx)
{
    sjl_job_t   *job;
    sjl_turn_t  *turn;

    turn = ctx->turns;

    if (turn == NULL) {
        return NULL;
    }

    job = turn->jobs;

    if (turn->n > 1) {
        DL_DELETE(ctx->turns, turn);
        DL_APPEND(ctx->turns, turn);
    }

    sjl_job_queue_remove(job);

    return job;
}


void
sjl_job_queue_fill(sjl_context_t *ctx)
{
    sjl_job_t  *job;

    DL_FOREACH(ctx->jobs, job) {
        sjl_job_queue_remove(job);
    }

    DL_FOREACH(ctx->jobs, job) {
        if (job->whole && !job->sent && !job->row.final) {
            sjl_job_queue_add(job);
        }
    }
}


/*
 * What cannot reach its driver now waits for it here, also while the driver has
 * much to read: see sjl_link_drained().
 */

void
sjl_job_queue_run(sjl_context_t *ctx)
{
    while (ctx->turns && sjl_job_queue_open(ctx)) {
        sjl_job_send(sjl_job_queue_next(ctx));
    }
}


static int
sjl_job_queue_open(const sjl_context_t *ctx)
{
    return ctx->row.state == SJP_CONTEXT_RUNNING && !ctx->ending
           && ctx->driver && ctx->driver->conn
           && !sjl_conn_busy(ctx->driver->conn)
           && (int64_t) ctx->nslots < ctx->row.max_jobs;
}


/*
 * Of another user as many go first as there are turns up to this job's, one
 * more if his turn comes first.
 */

size_t
sjl_job_queue_position(const sjl_job_t *job)
{
    size_t                place, turns, free_slots;
    sjl_turn_t           *turn;
    const sjl_context_t  *ctx;

    ctx = job->context;

    if (job->turn == NULL) {
        return 0;
    }

    turns = job->number - job->turn->first;
    place = 1;

    DL_FOREACH(ctx->turns, turn) {

        if (turn == job->turn) {
            place += turns;
            break;
        }

        place += turn->n < turns + 1 ? turn->n : turns + 1;
    }

    for (turn = turn->next; turn; turn = turn->next) {
        place += turn->n < turns ? turn->n : turns;
    }

    free_slots = (int64_t) ctx->nslots < ctx->row.max_jobs
                 ? (size_t) ctx->row.max_jobs - ctx->nslots : 0;

    return place > free_slots ? place - free_slots : 0;
}
