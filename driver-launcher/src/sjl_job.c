
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The life of a job.
 */


#include "sjl_job_queue.h"
#include "sjl_callback.h"
#include "sjl_channel.h"
#include "sjl_lost.h"
#include "sjl_read.h"
#include "sjl_record.h"
#include "sjl_session.h"
#include "sjl_state.h"
#include "sjl_statement.h"

#include <utlist.h>


struct sjl_job_op_s {
    sjl_db_op_t     op;
    sjl_job_t      *job;

    /* as it was then; text and bytes are the job's, which set them once */
    sjl_job_row_t   row;
};


static void sjl_job_amend(sjl_op_t *op);
static int sjl_job_run_add(sjl_db_op_t *op, sjl_dao_t *dao);
static int sjl_job_run_put(sjl_db_op_t *op, sjl_dao_t *dao);
static int sjl_job_run_forget(sjl_db_op_t *op, sjl_dao_t *dao);
static void sjl_job_saved(sjl_db_op_t *op);
static int sjl_job_hurries(const sjl_job_t *job);
static void sjl_job_publish(sjl_job_t *job, const sjl_job_row_t *row);
static void sjl_job_busy(sjl_job_t *job, int busy);
static void sjl_job_answer(sjl_job_t *job, const sjl_job_row_t *row);
static void sjl_job_not_added(sjl_job_t *job, const sjl_why_t *why);
static void sjl_job_free(sjl_job_t *job);


sjl_job_t  *sjl_jobs;


sjl_job_t *
sjl_job_find(const char *id)
{
    sjl_job_t  *job;

    HASH_FIND_STR(sjl_jobs, id, job);

    return job;
}


sjl_job_t *
sjl_job_make(sjl_context_t *ctx, sjl_job_row_t *row)
{
    sjl_job_t  *job;

    job = sjl_alloc(sizeof(sjl_job_t));
    job->context = ctx;
    job->row = *row;
    job->body = row->statement < 0 ? row->body : row->config;

    memset(row, 0, sizeof(sjl_job_row_t));

    job->row.context = sjl_strdup(ctx->row.name);
    job->row.context_id = sjl_strdup(ctx->row.id);

    HASH_ADD_KEYPTR(hh, sjl_jobs, job->row.id, SJL_ID_LEN, job);
    DL_APPEND(ctx->jobs, job);
    sjl_job_lane(job)->nwaiting++;
    ctx->bodies += job->body.len;

    return job;
}


void
sjl_job_adopt(const sjl_job_row_t *row)
{
    sjl_job_t      *job;
    sjl_job_row_t   copy;
    sjl_context_t  *ctx;

    ctx = sjl_context_find(row->context_id);

    if (ctx == NULL) {
        sjl_lost_add(row);
        return;
    }

    sjl_row_copy(&sjl_jobs_table, &copy, row);
    free(copy.context);
    free(copy.context_id);

    job = sjl_job_make(ctx, &copy);

    job->whole = 1;
    job->added = 1;
    job->published = job->row.rev;
    job->answered = job->row.state != SJP_JOB_STARTED;

    /* not before that: earlier launchers have kept no more */

    if (job->row.began == 0 && job->row.state != SJP_JOB_STARTED) {
        job->row.began = job->row.start;
    }

    /* whether it has got to the driver the driver will tell */

    job->sent = 1;
    sjl_job_lane(job)->nwaiting--;
    sjl_job_lane(job)->nslots++;

    sjl_job_busy(job, 1);
}


void
sjl_job_admit(sjl_job_t *job)
{
    sjl_why_t  why;

    job->whole = 1;

    if (job->context->gone) {
        sjl_why_set(&why, 0, "its context could not be kept");
        sjl_job_reject(job, &why);
        return;
    }

    if (job->known && !job->row.final) {
        sjl_job_send(job);

    } else if (!job->row.final) {
        sjl_job_queue_add(job);
        sjl_job_queue_run(job->context);
    }

    if (job->context->durable && !job->added) {
        sjl_job_save(job, !sjl_job_hurries(job));
    }

    sjl_job_release(job);
}


/* whether somebody is answered as soon as its row is durable */

static int
sjl_job_hurries(const sjl_job_t *job)
{
    const sjl_request_t  *r;

    LL_FOREACH2(job->submitters, r, waiting) {
        if (r->early) {
            return 1;
        }
    }

    return sjl_job_queue_position(job) != 0;
}


int
sjl_job_attach(sjl_job_t *job, sjl_request_t *r)
{
    /* what was answered once is durable, so the database answers it again */

    if (job->answered) {
        return 0;
    }

    LL_PREPEND2(job->submitters, r, waiting);

    if (job->published) {
        sjl_job_answer_early(job, &job->row);
    }

    return 1;
}


void
sjl_job_reject(sjl_job_t *job, const sjl_why_t *why)
{
    sjl_request_t  *r;

    while (job->submitters) {
        r = job->submitters;
        LL_DELETE2(job->submitters, r, waiting);
        sjl_request_storage_failed(r, why);
    }

    while (job->killers) {
        r = job->killers;
        LL_DELETE2(job->killers, r, waiting);
        sjl_request_refuse(r, SJP_ERR_NO_SUCH_JOB, job->row.id);
    }

    sjl_job_free(job);
}


int
sjl_job_set_state(sjl_job_t *job, sjp_job_state_e state)
{
    if (!sjl_job_state_may(job->row.state, state)) {
        sjl_log(SJL_LOG_ALERT, "job %s: %s may not follow %s", job->row.id,
                sjl_job_states[state], sjl_job_states[job->row.state]);
        return SJL_ERROR;
    }

    job->row.state = state;
    job->row.final = sjl_job_state_final(state);
    job->row.rev++;

    sjl_log(SJL_LOG_INFO, "job %s: %s in context %s", job->row.id,
            sjl_job_states[state], job->row.context);

    return SJL_OK;
}


void
sjl_job_save(sjl_job_t *job, int lazy)
{
    sjl_job_op_t  *jop;

    /* a short job's row is mostly written once, as it is in the end */

    if (job->newest && !job->refused
        && sjl_db_amend(&job->newest->op, sjl_job_amend, lazy))
    {
        return;
    }

    jop = sjl_alloc(sizeof(sjl_job_op_t));
    jop->job = job;
    jop->row = job->row;
    jop->op.run = job->refused ? sjl_job_run_forget
                  : job->added ? sjl_job_run_put : sjl_job_run_add;
    jop->op.done = sjl_job_saved;
    jop->op.retry = job->added;
    jop->op.keeps = !job->refused;

    job->added = 1;
    job->newest = jop;
    job->nops++;

    sjl_db_add(&jop->op, lazy);
}


static void
sjl_job_amend(sjl_op_t *op)
{
    sjl_job_op_t  *jop;

    jop = sjl_container(sjl_container(op, sjl_db_op_t, op), sjl_job_op_t, op);
    jop->row = jop->job->row;
}


static int
sjl_job_run_add(sjl_db_op_t *op, sjl_dao_t *dao)
{
    int            rc;
    sjl_job_op_t  *jop;

    jop = sjl_container(op, sjl_job_op_t, op);
    rc = SPARKJOB_FAILS("submit.row") ? SJL_ERROR
                                      : dao->type->job_add(dao, &jop->row);

    if (rc == SJL_OK && jop->job->callback) {
        rc = sjl_callback_add(dao, jop->row.id, jop->job->callback);
    }

    return rc;
}


static int
sjl_job_run_put(sjl_db_op_t *op, sjl_dao_t *dao)
{
    if (SPARKJOB_FAILS("run.row")) {
        return SJL_ERROR;
    }

    return dao->type->job_put(dao, &sjl_container(op, sjl_job_op_t, op)->row);
}


/*
 * Who was refused may come again with this id.  A commit that has failed may
 * all the same be found by the next launcher.
 */

static int
sjl_job_run_forget(sjl_db_op_t *op, sjl_dao_t *dao)
{
    sjl_job_op_t  *jop;

    jop = sjl_container(op, sjl_job_op_t, op);

    if (dao->type->row_delete(dao, &sjl_callbacks_table, jop->row.id)
        != SJL_OK)
    {
        return SJL_ERROR;
    }

    return dao->type->job_forget(dao, jop->row.id);
}


static void
sjl_job_saved(sjl_db_op_t *op)
{
    int            newer;
    sjl_job_t     *job;
    sjl_job_op_t  *jop;

    jop = sjl_container(op, sjl_job_op_t, op);
    job = jop->job;

    job->nops--;

    SPARKJOB_FAULT(jop->row.final ? "result.saved" : "submit.saved");

    if (op->rc != SJL_OK) {
        job->mute = 1;
        job->refused = op->rc == SJL_ERROR;

        if (op->rc == SJL_DAO_EXISTS) {
            sjl_why_set(&op->why, 0, "the job's id was used before");
        }

        sjl_job_not_added(job, &op->why);
    }

    /*
     * A job that was over within one commit is told of once: of its end, which
     * is in the same turn of the loop.  A change that had to be tried again may
     * come after the newest one, and there is none then.
     */

    /* a change that had to wait may have brought back what was forgotten */

    if (job->refused && op->run != sjl_job_run_forget) {
        sjl_job_save(job, 0);
    }

    newer = job->newest && job->newest != jop && job->newest->op.op.arrived;

    if (op->rc == SJL_OK && !newer && jop->row.rev > job->published) {
        sjl_job_publish(job, &jop->row);

        SPARKJOB_FAULT("submit.published");

        sjl_job_answer(job, &jop->row);
    }

    if (job->newest == jop) {
        job->newest = NULL;
    }

    free(jop);
    sjl_job_release(job);
}


static void
sjl_job_publish(sjl_job_t *job, const sjl_job_row_t *row)
{
    job->published = row->rev;

    if (row->final) {
        sjl_trace_mark(job->trace, SJP_TRACE_COMMITTED);
    }

    sjl_log(SJL_LOG_DEBUG, "job %s: %s is durable", row->id,
            sjl_job_states[row->state]);

    if (job->mute) {
        return;
    }

    /* who finds the end of the last statement finds its session idle */

    sjl_job_busy(job, !row->final);

    sjl_channel_publish("put", "job", sjl_job_record(row), row->data.data,
                        row->data.len);

    if (row->final && job->callback) {
        sjl_callback_due(row, job->callback);
    }
}


/* one that is over within one commit has never been so */

static void
sjl_job_busy(sjl_job_t *job, int busy)
{
    if (job->row.statement >= 0 && job->busy != (unsigned) busy) {
        job->busy = busy ? 1 : 0;
        sjl_session_busy(job->context, busy);
    }
}


static void
sjl_job_answer(sjl_job_t *job, const sjl_job_row_t *row)
{
    sjl_request_t  *r, *next;

    if (row->state == SJP_JOB_STARTED) {
        sjl_job_answer_early(job, row);
        return;
    }

    job->answered = 1;

    LL_FOREACH_SAFE2(job->submitters, r, next, waiting) {
        if (row->final || !r->traced) {
            LL_DELETE2(job->submitters, r, waiting);
            sjl_job_reply(r, row);
        }
    }

    if (!row->final) {
        return;
    }

    /* what was refused is told by nobody: its row goes away */

    if (!job->refused) {
        sjl_statement_ended(job, row);
    }

    while (job->killers) {
        r = job->killers;
        LL_DELETE2(job->killers, r, waiting);
        sjl_request_reply(r, json_pack("{s:o}", "record", sjl_job_record(row)),
                          row->data.data, row->data.len);
    }
}


void
sjl_job_answer_early(sjl_job_t *job, const sjl_job_row_t *row)
{
    int             queued;
    sjl_request_t  *r, *next;

    if (row->state != SJP_JOB_STARTED) {
        return;
    }

    queued = sjl_job_queue_position(job) != 0;

    LL_FOREACH_SAFE2(job->submitters, r, next, waiting) {
        if ((queued || r->early) && !r->traced) {
            LL_DELETE2(job->submitters, r, waiting);
            sjl_job_reply(r, row);
        }
    }
}


json_t *
sjl_job_record(const sjl_job_row_t *row)
{
    size_t      position;
    json_t     *record;
    sjl_job_t  *job;

    record = sjl_record_job(row);
    job = row->final ? NULL : sjl_job_find(row->id);

    if (job == NULL) {
        return record;
    }

    position = sjl_job_queue_position(job);

    if (position) {
        (void) json_object_set_new(record, "queue",
                                   json_integer((json_int_t) position));
    }

    if (job->killing && row->statement >= 0) {
        (void) json_object_set_new(record, "killing", json_true());
    }

    if (row->began && row->statement >= 0) {
        (void) json_object_set_new(record, "began", json_integer(row->began));
    }

    if (job->progress) {
        (void) json_object_set_new(record, "progress",
                                   json_loads(job->progress, 0, NULL));
    }

    return record;
}


void
sjl_job_reply(sjl_request_t *r, const sjl_job_row_t *row)
{
    json_t     *meta;
    sjl_job_t  *job;

    /* who did not want to wait for it is not told, though it may be known */

    if (row->code >= 0 && !r->early) {
        sjl_request_refuse_error(r, (sjp_error_e) row->code, row->code_name,
                                 row->data.data,
                                 sjl_error_explained(row->code)
                                 ? row->data.len : 0);
        return;
    }

    /* one that comes again may have ended long ago, with a large output */

    if (row->statement >= 0) {
        sjl_read_payload(r, json_pack("{s:o}", "record",
                                      sjl_statement_record(row)), row);
        return;
    }

    meta = json_pack("{s:o}", "record", sjl_job_record(row));
    job = r->traced && row->final ? sjl_job_find(row->id) : NULL;

    if (job && job->trace) {
        (void) json_object_set_new(meta, "trace", sjl_trace_json(job->trace));
    }

    sjl_request_reply(r, meta, row->data.data, row->data.len);
}


/* it may run already, but nobody must find it there who was told it does not */

static void
sjl_job_not_added(sjl_job_t *job, const sjl_why_t *why)
{
    sjl_request_t  *r;

    sjl_log(SJL_LOG_CRIT, "job %s cannot be kept: %s", job->row.id,
            why->text);

    while (job->submitters) {
        r = job->submitters;
        LL_DELETE2(job->submitters, r, waiting);
        sjl_request_storage_failed(r, why);
    }

    job->answered = 1;
    sjl_job_end(job);
}


void
sjl_job_context_durable(sjl_context_t *ctx)
{
    sjl_job_t  *job;

    DL_FOREACH(ctx->jobs, job) {
        if ((job->whole || job->row.final) && !job->added) {
            sjl_job_save(job, !sjl_job_hurries(job));
        }
    }
}


void
sjl_job_context_gone(sjl_context_t *ctx, const sjl_why_t *why)
{
    sjl_job_t  *job, *next;

    DL_FOREACH_SAFE(ctx->jobs, job, next) {
        if (job->whole) {
            sjl_job_reject(job, why);
        }
    }
}


void
sjl_job_release(sjl_job_t *job)
{
    if (!job->row.final || !job->added || job->nops) {
        return;
    }

    if (!job->ended) {
        sjl_context_idle(job->context);
        return;
    }

    SPARKJOB_FAULT("result.release");

    /* nothing of it is on its way: whoever asks now finds its end */

    if (job->sent) {
        sjl_job_send_id(job, SJP_LINK_ACK);
    }

    sjl_job_free(job);
}


static void
sjl_job_free(sjl_job_t *job)
{
    sjl_context_t  *ctx;

    ctx = job->context;

    (void) sjl_job_over(job);
    sjl_job_busy(job, 0);
    ev_timer_stop(sjl_loop, &job->timer);
    sjl_statement_again(job);

    if (job->spent) {
        sjl_files_delete(sjl_path_job_body(job->row.context_id, job->row.id));
    }

    HASH_DELETE(hh, sjl_jobs, job);
    DL_DELETE(ctx->jobs, job);

    free(job->callback);
    free(job->trace);
    ctx->bodies -= job->body.len;

    if (job->row.statement < 0) {
        job->row.body = job->body;
    }

    sjl_row_clear(&sjl_jobs_table, &job->row);

    free(job->progress);
    free(job->unresolved_class);
    free(job->unresolved_cp);
    free(job);

    sjl_context_idle(ctx);
    sjl_context_release(ctx);
}
