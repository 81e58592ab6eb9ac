
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The end of a job: as its driver tells it, by a kill, or with its context.
 */


#include "sjl_job_queue.h"
#include "sjl_added.h"
#include "sjl_config.h"
#include "sjl_spool.h"
#include "sjl_state.h"

#include <utlist.h>


/* seconds for a disk that fails, then the result is given up */
#define SJL_JOB_TRIES  30

#define SJL_JOB_KILLED  "spark.jobserver.JobManagerActor$JobKilledException"


static void sjl_job_result_moved(sjl_file_op_t *fop);
static void sjl_job_finish(sjl_job_t *job, sjp_job_state_e state,
    sjl_payload_e payload, char *data, size_t size);
static int64_t sjl_job_micros(const sjl_job_t *job);
static void sjl_job_kill_timeout(struct ev_loop *loop, ev_timer *timer,
    int events);


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

    SPARKJOB_FAULT("result.taken");

    if (!sjl_job_over(job)) {
        /* told again, while it is on its way to the disk */
        sjl_spool_remove(result->file);
        return;
    }

    sjl_trace_driver(job->trace, result->trace);

    sjl_job_queue_run(job->context);

    if (job->row.final) {

        /* it was given up before its thread has stopped */

        sjl_spool_remove(result->file);
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
        fop->tries = SJL_JOB_TRIES;
        fop->max = (size_t) sjl_conf->limit_result_bytes;

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


int
sjl_job_over(sjl_job_t *job)
{
    if (job->ended) {
        return 0;
    }

    job->ended = 1;

    if (job->sent) {
        sjl_job_lane(job)->nslots--;

    } else {
        sjl_job_lane(job)->nwaiting--;
        sjl_job_queue_remove(job);
    }

    return 1;
}


void
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

    SPARKJOB_FAULT("result.moved");

    if (job->row.final) {
        /* it was killed meanwhile */

    } else if (fop->too_long) {
        sjl_job_fail(job, SJP_JOB_ERROR, "java.io.IOException", NULL,
                     "The result of job %s has %zu bytes, at most %zu are "
                     "kept", job->row.id, fop->size, fop->max);

    } else if (fop->rc == SJL_OK) {
        sjl_job_finish(job, SJP_JOB_FINISHED, SJL_PAYLOAD_STORED, NULL,
                       fop->size);

    } else {
        sjl_job_fail(job, SJP_JOB_ERROR, "java.io.IOException", NULL,
                     "The result of job %s could not be kept: %s",
                     job->row.id, fop->why.text);
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

    sjl_job_queue_run(job->context);

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

    job->row.end = job->end < job->row.start ? sjl_now() : job->end;
    job->row.run_micros = sjl_job_micros(job);

    job->row.progress = job->progress;
    job->progress = NULL;

    /* until its end is durable the next launcher may need the file */

    job->spent |= job->row.body_file ? 1 : 0;

    job->row.body.data = NULL;
    job->row.body.len = 0;
    job->row.body_file = 0;

    (void) sjl_job_set_state(job, state);

    if (state == SJP_JOB_ERROR) {
        job->context->failed = 1;

    } else if (state == SJP_JOB_FINISHED) {

        /* before the job's end, so that who is told of that can rely on it */

        sjl_added_take(job);
    }

    /* before its context is durable its row would have nothing to refer to */

    if (job->context->durable) {
        sjl_job_save(job, 0);
    }
}


/* its driver may have had no time to tell; 0 is what has never run */

static int64_t
sjl_job_micros(const sjl_job_t *job)
{
    int64_t  micros;

    if (job->run_micros || job->row.began == 0) {
        return job->run_micros;
    }

    micros = (job->row.end - job->row.began) * 1000;

    return micros > 0 ? micros : 1;
}


void
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
        sjl_job_killed(job, "before it was sent to its driver");
        return;
    }

    sjl_job_send_id(job, SJP_LINK_KILL);

    SPARKJOB_FAULT("kill.sent");

    /* of a statement that is told */

    if (job->row.statement >= 0 && job->added) {
        job->row.rev++;
        sjl_job_save(job, 0);
    }

    ev_timer_init(&job->timer, sjl_job_kill_timeout,
                  (double) sjl_conf->kill_timeout, 0.);
    job->timer.data = job;
    ev_timer_start(sjl_loop, &job->timer);
}


/* the driver has no part in it, or none any longer */

void
sjl_job_killed(sjl_job_t *job, const char *when)
{
    sjl_log(SJL_LOG_DEBUG, "job %s: killed, %s", job->row.id, when);

    (void) sjl_job_over(job);
    sjl_job_fail(job, SJP_JOB_KILLED, SJL_JOB_KILLED, NULL, "Job %s killed",
                 job->row.id);
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
