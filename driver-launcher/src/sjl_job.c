
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The life of a job.
 */


#include "sjl_job.h"
#include "sjl_channel.h"
#include "sjl_config.h"
#include "sjl_lost.h"
#include "sjl_record.h"
#include "sjl_state.h"
#include "sjl_stray.h"

#include <utlist.h>


#define SJL_JOB_KILLED  "spark.jobserver.JobManagerActor$JobKilledException"


struct sjl_job_op_s {
    sjl_db_op_t     op;
    sjl_job_t      *job;

    /* as it was then; text and bytes are the job's, which set them once */
    sjl_job_row_t   row;
};


static void sjl_job_save(sjl_job_t *job, int lazy);
static int sjl_job_run_add(sjl_db_op_t *op, sjl_dao_t *dao);
static int sjl_job_run_put(sjl_db_op_t *op, sjl_dao_t *dao);
static void sjl_job_saved(sjl_db_op_t *op);
static void sjl_job_publish(sjl_job_t *job, const sjl_job_row_t *row);
static void sjl_job_answer(sjl_job_t *job, const sjl_job_row_t *row);
static void sjl_job_not_added(sjl_job_t *job, const char *why);
static void sjl_job_send(sjl_job_t *job);
static void sjl_job_send_id(sjl_job_t *job, sjp_type_e type);
static void sjl_job_config_moved(sjl_file_op_t *fop);
static void sjl_job_running(sjl_job_t *job);
static int sjl_job_over(sjl_job_t *job);
static void sjl_job_conclude(sjl_job_t *job, int64_t state, char *data,
    size_t size);
static void sjl_job_result_moved(sjl_file_op_t *fop);
static void sjl_job_finish(sjl_job_t *job, sjp_job_state_e state,
    sjl_payload_e payload, char *data, size_t size);
static void sjl_job_fail(sjl_job_t *job, sjp_job_state_e state,
    const char *class, const char *more, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
static void sjl_job_kill_timeout(struct ev_loop *loop, ev_timer *timer,
    int events);
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
    job->body = row->body;

    memset(row, 0, sizeof(sjl_job_row_t));

    job->row.context = sjl_strdup(ctx->row.name);
    job->row.context_id = sjl_strdup(ctx->row.id);

    ev_init(&job->timer, sjl_job_kill_timeout);
    job->timer.data = job;

    HASH_ADD_KEYPTR(hh, sjl_jobs, job->row.id, SJL_ID_LEN, job);
    DL_APPEND(ctx->jobs, job);
    ctx->nslots++;

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

    /* whether it has got to the driver the driver will tell */

    job->sent = 1;
}


void
sjl_job_admit(sjl_job_t *job)
{
    job->whole = 1;

    if (job->context->gone) {
        sjl_job_reject(job, "its context could not be kept");
        return;
    }

    if (job->context->durable && !job->added) {
        sjl_job_save(job, 1);
    }

    if (job->context->row.state == SJP_CONTEXT_RUNNING && !job->row.final) {
        sjl_job_send(job);
    }

    sjl_job_release(job);
}


void
sjl_job_reject(sjl_job_t *job, const char *why)
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


/*
 * The first time the row is added.  That may fail, all later changes are tried
 * until they are down, so that what was once told stays true.
 */

static void
sjl_job_save(sjl_job_t *job, int lazy)
{
    sjl_job_op_t  *jop;

    jop = sjl_alloc(sizeof(sjl_job_op_t));
    jop->job = job;
    jop->row = job->row;
    jop->op.run = job->added ? sjl_job_run_put : sjl_job_run_add;
    jop->op.done = sjl_job_saved;
    jop->op.retry = job->added;

    job->added = 1;
    job->newest = jop;
    job->nops++;

    sjl_db_add(&jop->op, lazy);
}


static int
sjl_job_run_add(sjl_db_op_t *op, sjl_dao_t *dao)
{
    return dao->type->job_add(dao, &sjl_container(op, sjl_job_op_t, op)->row);
}


static int
sjl_job_run_put(sjl_db_op_t *op, sjl_dao_t *dao)
{
    return dao->type->job_put(dao, &sjl_container(op, sjl_job_op_t, op)->row);
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

    if (op->rc != SJL_OK) {
        job->mute = op->rc == SJL_DAO_EXISTS;
        sjl_job_not_added(job, op->rc == SJL_DAO_EXISTS
                          ? "the job's id was used before" : op->error);
    }

    /*
     * A job that was over within one commit is told of once: of its end, which
     * is in the same turn of the loop.  A change that had to be tried again may
     * come after the newest one, and there is none then.
     */

    newer = job->newest && job->newest != jop && job->newest->op.op.arrived;

    if (op->rc == SJL_OK && !newer && jop->row.rev > job->published) {
        sjl_job_publish(job, &jop->row);
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

    sjl_log(SJL_LOG_DEBUG, "job %s: %s is durable", row->id,
            sjl_job_states[row->state]);

    if (!job->mute) {
        sjl_channel_publish("put", "job", sjl_record_job(row), row->data.data,
                            row->data.len);
    }
}


static void
sjl_job_answer(sjl_job_t *job, const sjl_job_row_t *row)
{
    sjl_request_t  *r;

    if (row->state == SJP_JOB_STARTED) {
        return;
    }

    job->answered = 1;

    while (job->submitters) {
        r = job->submitters;
        LL_DELETE2(job->submitters, r, waiting);
        sjl_job_reply(r, row);
    }

    if (!row->final) {
        return;
    }

    while (job->killers) {
        r = job->killers;
        LL_DELETE2(job->killers, r, waiting);
        sjl_request_reply(r, json_pack("{s:o}", "record", sjl_record_job(row)),
                          row->data.data, row->data.len);
    }
}


void
sjl_job_reply(sjl_request_t *r, const sjl_job_row_t *row)
{
    if (row->code >= 0) {
        sjl_request_refuse_error(r, (sjp_error_e) row->code, row->code_name,
                                 row->data.data,
                                 sjl_error_explained(row->code)
                                 ? row->data.len : 0);
        return;
    }

    sjl_request_reply(r, json_pack("{s:o}", "record", sjl_record_job(row)),
                      row->data.data, row->data.len);
}


/* it may run already, but nobody must find it there who was told it does not */

static void
sjl_job_not_added(sjl_job_t *job, const char *why)
{
    sjl_request_t  *r;

    sjl_log(SJL_LOG_CRIT, "job %s cannot be kept: %s", job->row.id, why);

    while (job->submitters) {
        r = job->submitters;
        LL_DELETE2(job->submitters, r, waiting);
        sjl_request_storage_failed(r, why);
    }

    job->answered = 1;
    sjl_job_end(job);
}


static void
sjl_job_send(sjl_job_t *job)
{
    char    *path;
    size_t   i;
    json_t  *meta, *cp, *binary;

    job->sent = 1;

    sjl_log(SJL_LOG_DEBUG, "job %s: sent to its driver, body of %zu bytes%s",
            job->row.id, job->body.len,
            job->row.body_file ? ", in a file" : "");

    cp = json_loads(job->row.cp, 0, NULL);

    json_array_foreach(cp, i, binary) {
        path = sjl_path_binary(
                   json_string_value(json_object_get(binary, "sha256")),
                   json_string_value(json_object_get(binary, "type")));

        (void) json_object_set_new(binary, "path", json_string(path));
        free(path);
    }

    meta = json_pack("{s:s, s:s, s:o, s:s}", "id", job->row.id, "class",
                     job->row.class, "cp", cp, "user", job->row.user);

    if (job->row.body_file) {
        path = sjl_path_job_body(job->row.context_id, job->row.id);
        (void) json_object_set_new(meta, "file", json_string(path));
        free(path);
    }

    sjl_driver_send(job->context->driver, SJP_LINK_RUN, meta, job->body.data,
                    job->body.len);
}


static void
sjl_job_send_id(sjl_job_t *job, sjp_type_e type)
{
    sjl_driver_send(job->context->driver, type,
                    json_pack("{s:s}", "id", job->row.id), NULL, 0);
}


void
sjl_job_context_durable(sjl_context_t *ctx)
{
    sjl_job_t  *job;

    DL_FOREACH(ctx->jobs, job) {
        if ((job->whole || job->row.final) && !job->added) {
            sjl_job_save(job, 1);
        }
    }
}


void
sjl_job_context_gone(sjl_context_t *ctx, const char *why)
{
    sjl_job_t  *job, *next;

    DL_FOREACH_SAFE(ctx->jobs, job, next) {
        if (job->whole) {
            sjl_job_reject(job, why);
        }
    }
}


void
sjl_job_context_ready(sjl_context_t *ctx)
{
    sjl_job_t  *job, *next;

    DL_FOREACH_SAFE(ctx->jobs, job, next) {
        if (job->whole && !job->sent && !job->row.final) {
            sjl_job_send(job);
        }
    }
}


/* the driver is not there any longer, so its part of each job is over */

void
sjl_job_context_ended(sjl_context_t *ctx, const sjl_failure_t *why, int asked)
{
    sjl_job_t  *job, *next;

    DL_FOREACH_SAFE(ctx->jobs, job, next) {

        (void) sjl_job_over(job);

        /* a result that is being moved is a result all the same */

        if (job->moving) {
            continue;
        }

        if (job->row.final) {
            sjl_job_release(job);

        } else if (asked || job->killing) {
            sjl_job_fail(job, SJP_JOB_KILLED, SJL_JOB_KILLED, why->tail,
                         "Job %s killed: context %s was stopped", job->row.id,
                         ctx->row.name);

        } else if (!ctx->ready) {
            job->row.code = why->code;
            job->row.code_name = sjl_strdup(ctx->row.name);
            sjl_job_finish(job, SJP_JOB_ERROR, SJL_PAYLOAD_ERROR,
                           sjl_strdup(why->error), strlen(why->error));

        } else {
            sjl_job_fail(job, SJP_JOB_ERROR, SJL_JOB_LOST, why->tail,
                         "Unexpected termination of context %s: %s",
                         ctx->row.id, why->reason);
        }
    }
}


void
sjl_job_started(sjl_job_t *job, const char *config, size_t size,
    const char *file)
{
    sjl_file_op_t  *fop;

    if (job->row.state != SJP_JOB_STARTED || job->configuring) {
        /* told again after its link was broken, or too late */
        return;
    }

    if (file == NULL) {
        job->row.config.data = sjl_memdup(config, size);
        job->row.config.len = size;
        sjl_job_running(job);
        return;
    }

    job->configuring = 1;

    fop = sjl_file_op_make(sjl_files_move, sjl_job_config_moved, job);
    fop->from = sjl_strdup(file);
    fop->to = sjl_path_result(job->row.id, ".config");

    job->nops++;
    sjl_file_op_add(fop);
}


static void
sjl_job_config_moved(sjl_file_op_t *fop)
{
    sjl_job_t  *job;

    job = fop->data;
    job->nops--;
    job->configuring = 0;

    if (job->row.state == SJP_JOB_STARTED) {
        job->row.config_file = fop->rc == SJL_OK;
        sjl_job_running(job);
    }

    if (job->late.data) {
        job->moving = 0;
        sjl_job_conclude(job, job->late_state, job->late.data, job->late.len);
    }

    sjl_file_op_free(fop);
    sjl_job_release(job);
}


/* nobody waits for a sync job to run, only for its end */

static void
sjl_job_running(sjl_job_t *job)
{
    job->row.body.data = NULL;
    job->row.body.len = 0;
    job->row.body_file = 0;

    (void) sjl_job_set_state(job, SJP_JOB_RUNNING);
    sjl_job_save(job, job->row.sync);
}


/* whether the driver's part has ended just now; it is told once only */

static int
sjl_job_over(sjl_job_t *job)
{
    if (job->ended) {
        return 0;
    }

    job->ended = 1;
    job->context->nslots--;

    return 1;
}


void
sjl_job_refused(sjl_job_t *job, sjp_error_e code, const char *name,
    const char *error, size_t size)
{
    sjl_result_t  result;

    if (!job->row.final && !job->ended) {
        job->row.code = code;
        job->row.code_name = sjl_strdup(name);
        sjl_text_clean(job->row.code_name);
    }

    memset(&result, 0, sizeof(sjl_result_t));
    result.state = SJP_JOB_ERROR;
    result.data = error;
    result.size = size;

    sjl_job_result(job, &result);
}


void
sjl_job_result(sjl_job_t *job, const sjl_result_t *result)
{
    char           *data;
    sjl_file_op_t  *fop;

    sjl_log(SJL_LOG_DEBUG, "job %s: its driver tells the end, %s, %zu bytes%s",
            job->row.id, sjl_job_states[result->state], result->size,
            result->file ? ", in a file" : "");

    if (!sjl_job_over(job)) {
        /* told again, while it is on its way to the disk */
        return;
    }

    if (job->row.final) {

        /* it was given up before its thread has stopped */

        sjl_job_release(job);
        return;
    }

    job->end = result->end;
    job->run_micros = result->run_micros;

    if (result->file) {
        job->moving = 1;

        fop = sjl_file_op_make(sjl_files_move, sjl_job_result_moved, job);
        fop->from = sjl_strdup(result->file);
        fop->to = sjl_path_result(job->row.id, "");

        job->nops++;
        sjl_file_op_add(fop);
        return;
    }

    data = sjl_memdup(result->size ? result->data : "", result->size);

    if (job->configuring) {

        /* whoever knows of the end may ask for the configuration */

        job->moving = 1;
        job->late_state = result->state;
        job->late.data = data;
        job->late.len = result->size;
        return;
    }

    sjl_job_conclude(job, result->state, data, result->size);
}


/* data is taken over */

static void
sjl_job_conclude(sjl_job_t *job, int64_t state, char *data, size_t size)
{
    sjl_payload_e  payload;

    payload = state != SJP_JOB_FINISHED ? SJL_PAYLOAD_ERROR
              : size ? SJL_PAYLOAD_RESULT : SJL_PAYLOAD_NONE;

    if (payload == SJL_PAYLOAD_NONE) {
        free(data);
        data = NULL;
    }

    sjl_job_finish(job, (sjp_job_state_e) state, payload, data, size);
}


static void
sjl_job_result_moved(sjl_file_op_t *fop)
{
    sjl_job_t  *job;

    job = fop->data;
    job->nops--;
    job->moving = 0;

    if (job->row.final) {
        /* it was killed meanwhile */

    } else if (fop->rc == SJL_OK) {
        sjl_job_finish(job, SJP_JOB_FINISHED, SJL_PAYLOAD_STORED, NULL,
                       fop->size);

    } else {
        sjl_job_fail(job, SJP_JOB_ERROR, "java.io.IOException", NULL,
                     "The result of job %s could not be kept: %s",
                     job->row.id, fop->why);
    }

    sjl_file_op_free(fop);
    sjl_job_release(job);
}


void
sjl_job_bad_file(sjl_job_t *job, const char *file)
{
    if (!sjl_job_over(job)) {
        return;
    }

    if (job->row.final) {
        sjl_job_release(job);
        return;
    }

    sjl_job_fail(job, SJP_JOB_ERROR, "java.io.IOException", NULL,
                 "The driver of job %s passed a file that is not its "
                 "context's: %s", job->row.id, file);
}


/* data is taken over */

static void
sjl_job_finish(sjl_job_t *job, sjp_job_state_e state, sjl_payload_e payload,
    char *data, size_t size)
{
    ev_timer_stop(sjl_loop, &job->timer);

    job->row.payload = payload;
    job->row.data.data = data;
    job->row.data.len = data ? size : 0;
    job->row.size = payload == SJL_PAYLOAD_ERROR ? 0 : (int64_t) size;

    job->row.run_micros = job->run_micros;
    job->row.end = job->end < job->row.start ? sjl_now() : job->end;

    job->row.body.data = NULL;
    job->row.body.len = 0;
    job->row.body_file = 0;

    (void) sjl_job_set_state(job, state);

    if (state == SJP_JOB_ERROR) {
        job->context->failed = 1;
    }

    /* before its context is durable its row would have nothing to refer to */

    if (job->context->durable) {
        sjl_job_save(job, 0);
    }
}


/* an end that is our own to tell */

static void
sjl_job_fail(sjl_job_t *job, sjp_job_state_e state, const char *class,
    const char *more, const char *fmt, ...)
{
    char     *message, *error;
    va_list   args;

    va_start(args, fmt);

    if (vasprintf(&message, fmt, args) == -1) {
        message = NULL;
    }

    va_end(args);

    error = sjl_error_text(class, message ? message : fmt, more);
    free(message);

    sjl_job_finish(job, state, SJL_PAYLOAD_ERROR, error, strlen(error));
}


void
sjl_job_end(sjl_job_t *job)
{
    if (job->row.final || job->killing) {
        return;
    }

    job->killing = 1;

    sjl_log(SJL_LOG_DEBUG, "job %s: is being killed", job->row.id);

    if (!job->sent) {
        (void) sjl_job_over(job);
        sjl_job_fail(job, SJP_JOB_KILLED, SJL_JOB_KILLED, NULL,
                     "Job %s killed", job->row.id);
        return;
    }

    sjl_job_send_id(job, SJP_LINK_KILL);

    ev_timer_set(&job->timer, (double) sjl_conf->kill_timeout, 0.);
    ev_timer_start(sjl_loop, &job->timer);
}


/* its slot stays taken until the driver tells its end */

static void
sjl_job_kill_timeout(struct ev_loop *loop, ev_timer *timer, int events)
{
    sjl_job_t  *job;

    (void) loop;
    (void) events;

    job = timer->data;

    if (job->moving) {
        return;
    }

    sjl_job_fail(job, SJP_JOB_KILLED, SJL_JOB_KILLED, NULL,
                 "Job %s killed, its thread has not stopped yet", job->row.id);
}


void
sjl_job_reconcile(sjl_context_t *ctx, json_t *known)
{
    size_t       i;
    json_t      *id, *ids;
    sjl_job_t   *job, *next;
    const char  *name;

    ids = json_object();

    json_array_foreach(known, i, id) {
        if (json_is_string(id)) {
            (void) json_object_set_new(ids, json_string_value(id), json_true());
        }
    }

    DL_FOREACH_SAFE(ctx->jobs, job, next) {

        if (!job->sent || job->ended) {
            continue;
        }

        if (json_object_get(ids, job->row.id)) {
            if (job->killing) {
                sjl_job_send_id(job, SJP_LINK_KILL);
            }

        } else if (job->row.final) {
            (void) sjl_job_over(job);
            sjl_job_release(job);

        } else if (job->row.state == SJP_JOB_STARTED) {
            job->sent = 0;

        } else {
            (void) sjl_job_over(job);
            sjl_job_fail(job, SJP_JOB_ERROR, SJL_JOB_LOST, NULL,
                         "Job %s was lost by its driver", job->row.id);
        }
    }

    json_object_foreach(ids, name, id) {
        if (sjl_job_find(name) == NULL) {
            sjl_stray_heard(ctx, name, 0);
        }
    }

    json_decref(ids);

    if (ctx->row.state == SJP_CONTEXT_RUNNING) {
        sjl_job_context_ready(ctx);
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
    ev_timer_stop(sjl_loop, &job->timer);

    HASH_DELETE(hh, sjl_jobs, job);
    DL_DELETE(ctx->jobs, job);

    job->row.body = job->body;
    sjl_row_clear(&sjl_jobs_table, &job->row);
    free(job);

    sjl_context_idle(ctx);
    sjl_context_release(ctx);
}
