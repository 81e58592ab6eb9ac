
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_job_queue.h"

#include <utlist.h>


static void sjl_job_queue_drop(sjl_lane_t *lane, sjl_turn_t *turn);
static int sjl_job_queue_open(const sjl_context_t *ctx,
    const sjl_lane_t *lane);
static size_t sjl_job_queue_free(const sjl_context_t *ctx,
    const sjl_lane_t *lane);


sjl_lane_t *
sjl_job_lane(const sjl_job_t *job)
{
    return &job->context->lanes[job->row.statement < 0 ? SJL_LANE_JOBS
                                                       : SJL_LANE_STATEMENTS];
}


void
sjl_job_queue_add(sjl_job_t *job)
{
    sjl_lane_t  *lane;
    sjl_turn_t  *turn;
    const char  *user;

    lane = sjl_job_lane(job);

    /* what one statement has left behind the next one sees, whoever's it is */

    user = job->row.statement < 0 ? job->row.user : "";

    HASH_FIND_STR(lane->users, user, turn);

    if (turn == NULL) {
        turn = sjl_alloc(sizeof(sjl_turn_t));
        turn->user = sjl_strdup(user);

        HASH_ADD_KEYPTR(hh, lane->users, turn->user, strlen(turn->user), turn);
        DL_APPEND(lane->turns, turn);
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
        sjl_job_queue_drop(sjl_job_lane(job), turn);
    }
}


static void
sjl_job_queue_drop(sjl_lane_t *lane, sjl_turn_t *turn)
{
    HASH_DEL(lane->users, turn);
    DL_DELETE(lane->turns, turn);

    free(turn->user);
    free(turn);
}


sjl_job_t *
sjl_job_queue_next(sjl_lane_t *lane)
{
    sjl_job_t   *job;
    sjl_turn_t  *turn;

    turn = lane->turns;

    if (turn == NULL) {
        return NULL;
    }

    job = turn->jobs;

    if (turn->n > 1) {
        DL_DELETE(lane->turns, turn);
        DL_APPEND(lane->turns, turn);
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
    size_t       i;
    sjl_lane_t  *lane;

    for (i = 0; i < SJL_NLANES; i++) {
        lane = &ctx->lanes[i];

        while (lane->turns && sjl_job_queue_open(ctx, lane)) {
            sjl_job_send(sjl_job_queue_next(lane));
        }
    }
}


static int
sjl_job_queue_open(const sjl_context_t *ctx, const sjl_lane_t *lane)
{
    return ctx->row.state == SJP_CONTEXT_RUNNING && !ctx->ending
           && ctx->driver && ctx->driver->conn
           && !sjl_conn_busy(ctx->driver->conn)
           && sjl_job_queue_free(ctx, lane);
}


/* slots that are not taken */

static size_t
sjl_job_queue_free(const sjl_context_t *ctx, const sjl_lane_t *lane)
{
    int64_t  max;

    max = lane == &ctx->lanes[SJL_LANE_JOBS] ? ctx->row.max_jobs : 1;

    return (int64_t) lane->nslots < max ? (size_t) max - lane->nslots : 0;
}


/*
 * Of another user as many go first as there are turns up to this job's, one
 * more if his turn comes first.
 */

size_t
sjl_job_queue_position(const sjl_job_t *job)
{
    size_t       place, turns, free_slots;
    sjl_lane_t  *lane;
    sjl_turn_t  *turn;

    if (job->turn == NULL) {
        return 0;
    }

    lane = sjl_job_lane(job);
    turns = job->number - job->turn->first;
    place = 1;

    DL_FOREACH(lane->turns, turn) {

        if (turn == job->turn) {
            place += turns;
            break;
        }

        place += turn->n < turns + 1 ? turn->n : turns + 1;
    }

    for (turn = turn->next; turn; turn = turn->next) {
        place += turn->n < turns ? turn->n : turns;
    }

    free_slots = sjl_job_queue_free(job->context, lane);

    return place > free_slots ? place - free_slots : 0;
}
