
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * A job on its way to its driver, until it runs there.
 */


#include "sjl_job_queue.h"
#include "sjl_binary.h"
#include "sjl_channel.h"
#include "sjl_config.h"
#include "sjl_spool.h"
#include "sjl_statement.h"
#include "sjl_stray.h"

#include <utlist.h>


#define SJL_JOB_PROGRESS_PAUSE  200     /* milliseconds */
#define SJL_JOB_PROGRESS_BURST  3200

/* bytes; no body that a driver can parse comes near to it */
#define SJL_JOB_CONFIG_MAX  (1024 * 1024 * 1024)


static json_t *sjl_job_frame(const sjl_job_t *job);
static json_t *sjl_job_paths(const char *binaries);
static char *sjl_job_body_file(const sjl_job_t *job);
static void sjl_job_unsend(sjl_job_t *job);
static void sjl_job_unresolved(sjl_job_t *job, sjp_error_e code,
    const char *name, const char *what);
static void sjl_job_config_moved(sjl_file_op_t *fop);
static void sjl_job_running(sjl_job_t *job);


void
sjl_job_context_ready(sjl_context_t *ctx)
{
    sjl_job_t  *job;

    sjl_job_queue_run(ctx);

    /* what is left waits for a slot, not for the context any longer */

    DL_FOREACH(ctx->jobs, job) {
        if (job->turn && job->submitters && job->published) {
            sjl_job_answer_early(job, &job->row);
        }
    }
}


void
sjl_job_send(sjl_job_t *job)
{
    char    *path;
    json_t  *meta;

    sjl_trace_mark(job->trace, SJP_TRACE_LINK_OUT);

    job->sent = 1;
    job->log = sjl_failure_mark(job->context);
    sjl_job_lane(job)->nwaiting--;
    sjl_job_lane(job)->nslots++;

    sjl_log(SJL_LOG_DEBUG, "job %s: sent to its driver, body of %zu bytes%s",
            job->row.id, job->body.len,
            job->row.body_file ? ", in a file" : "");

    meta = job->row.statement < 0 ? sjl_job_frame(job)
                                  : sjl_statement_frame(job);

    if (job->row.body_file) {
        path = sjl_job_body_file(job);
        (void) json_object_set_new(meta, "file", json_string(path));
        free(path);
    }

    sjl_driver_send(job->context->driver, SJP_LINK_RUN, meta, job->body.data,
                    job->body.len);

    SPARKJOB_FAULT("run.sent");
}


static json_t *
sjl_job_frame(const sjl_job_t *job)
{
    json_t  *meta;

    meta = json_pack("{s:s, s:s, s:o, s:s}", "id", job->row.id, "class",
                     job->row.class, "cp", sjl_job_paths(job->row.cp), "user",
                     job->row.user);

    if (job->row.dependent) {
        (void) json_object_set_new(meta, "dependent",
                                   sjl_job_paths(job->row.dependent));
    }

    if (job->row.sync) {
        (void) json_object_set_new(meta, "sync", json_true());
    }

    if (job->trace) {
        (void) json_object_set_new(meta, "trace", json_true());
    }

    return meta;
}


/*
 * What is no binary of ours is a URI, and the driver's to fetch.  Jobs that
 * follow each other mostly have one class path, so one is kept.
 */

static json_t *
sjl_job_paths(const char *binaries)
{
    static char    *text;
    static json_t  *paths;

    if (text == NULL || strcmp(text, binaries)) {
        free(text);
        json_decref(paths);

        text = sjl_strdup(binaries);
        paths = json_loads(binaries, 0, NULL);
        sjl_binary_paths(paths);
    }

    return json_incref(paths);
}


/*
 * A local driver deletes the file.  One that may be sent to another driver as
 * well stays, and has a second name for this one.
 */

static char *
sjl_job_body_file(const sjl_job_t *job)
{
    int    rc, err;
    char  *path, *copy;

    path = sjl_path_job_body(job->row.context_id, job->row.id);

    if (!job->context->row.supervise
        || sjl_driver_is_remote(job->context->driver))
    {
        return path;
    }

    copy = sjl_format("%s.run", path);

    (void) sjl_owner_enter(path);
    (void) unlink(copy);
    rc = link(path, copy);
    err = errno;
    sjl_owner_leave();

    if (rc == -1) {
        sjl_log(SJL_LOG_CRIT, "link(\"%s\") failed: %s", copy,
                strerror(err));
        free(copy);
        return path;
    }

    free(path);

    return copy;
}


void
sjl_job_send_id(sjl_job_t *job, sjp_type_e type)
{
    sjl_driver_send(job->context->driver, type,
                    json_pack("{s:s}", "id", job->row.id), NULL, 0);
}


void
sjl_job_reconcile(sjl_context_t *ctx, json_t *known, json_t *statements)
{
    size_t       i;
    json_t      *id, *ids;
    sjl_job_t   *job, *next;
    const char  *name;

    ids = json_object();

    json_array_foreach(known, i, id) {
        if (json_is_string(id)) {
            (void) json_object_set_new(ids, json_string_value(id),
                                       json_integer(SJL_LANE_JOBS));
        }
    }

    json_array_foreach(statements, i, id) {
        if (json_is_string(id) && json_object_get(ids, json_string_value(id))) {
            (void) json_object_set_new(ids, json_string_value(id),
                                       json_integer(SJL_LANE_STATEMENTS));
        }
    }

    DL_FOREACH_SAFE(ctx->jobs, job, next) {

        if (job->turn && json_object_get(ids, job->row.id)) {

            /* it was submitted again before its driver has come back */

            sjl_job_queue_remove(job);
            sjl_job_send(job);
            continue;
        }

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

        } else if (job->killing) {
            sjl_job_unsend(job);
            sjl_job_killed(job, "its driver does not know it");

        } else if (job->row.state != SJP_JOB_RUNNING) {
            sjl_job_unsend(job);

        } else if (ctx->row.supervise && job->row.statement < 0) {

            /* it was an earlier driver's, and both who knew its end are gone */

            sjl_job_unsend(job);
            (void) sjl_job_set_state(job, SJP_JOB_RESTARTING);
            sjl_job_save(job, 0);

        } else {
            (void) sjl_job_over(job);
            sjl_job_fail(job, SJP_JOB_ERROR, SJL_JOB_LOST, NULL,
                         "Job %s was lost by its driver", job->row.id);
        }
    }

    json_object_foreach(ids, name, id) {
        if (sjl_job_find(name) == NULL
            && sjl_stray_heard(ctx, name, (sjl_lane_e) json_integer_value(id),
                               0)
               == SJL_ERROR)
        {
            break;
        }
    }

    json_decref(ids);

    sjl_job_queue_fill(ctx);
    sjl_job_context_ready(ctx);
}


static void
sjl_job_unsend(sjl_job_t *job)
{
    job->sent = 0;
    sjl_job_lane(job)->nslots--;
    sjl_job_lane(job)->nwaiting++;
}


void
sjl_job_context_restarting(sjl_context_t *ctx)
{
    sjl_job_t  *job, *next;

    sjl_strays_free(ctx);

    DL_FOREACH_SAFE(ctx->jobs, job, next) {

        if (job->row.statement >= 0 && !job->row.final && !job->moving) {
            sjl_statement_lost(job);
            continue;
        }

        if (!job->sent || job->ended) {
            continue;
        }

        if (job->row.final) {
            (void) sjl_job_over(job);
            sjl_job_release(job);
            continue;
        }

        sjl_job_unsend(job);

        if (job->killing) {
            sjl_job_killed(job, "its driver is gone");

        } else if (job->row.state == SJP_JOB_RUNNING) {
            (void) sjl_job_set_state(job, SJP_JOB_RESTARTING);
            sjl_job_save(job, 0);
        }
    }

    sjl_job_queue_fill(ctx);
}


/*
 * Its body has named what it is to run.  The driver has the body, and gets no
 * other answer when it asks again after its link was broken.
 */

void
sjl_job_resolve(sjl_job_t *job, const char *class, json_t *names)
{
    int          fit;
    char        *missing;
    json_t      *cp, *dependent;
    const char  *damage;

    if (job->ended || job->row.final || job->row.state == SJP_JOB_RUNNING) {
        return;
    }

    dependent = job->row.dependent ? json_loads(job->row.dependent, 0, NULL)
                                   : NULL;
    fit = sjl_binary_names_fit(names, dependent);
    json_decref(dependent);

    if (*class == '\0' || strlen(class) > SJP_CLASS_MAX || !fit) {
        sjl_job_unresolved(job, SJP_ERR_BAD_CONFIG,
                           "mainClass or cp is missing, or too long", "");
        return;
    }

    damage = sjl_binary_damage(names);

    if (damage && !job->resolved) {
        sjl_job_unresolved(job, SJP_ERR_STORAGE_FAILED, damage, "");
        return;
    }

    if (!job->resolved) {
        cp = sjl_binary_resolve(names, &missing);

        if (cp == NULL) {
            sjl_job_unresolved(job, SJP_ERR_NO_SUCH_BINARY, missing,
                               " was not found");
            free(missing);
            return;
        }

        /* rows on their way to the disk have the old text yet */

        job->resolved = 1;
        job->unresolved_class = job->row.class;
        job->unresolved_cp = job->row.cp;
        job->row.class = sjl_strdup(class);
        job->row.cp = sjl_json_text(cp);
        json_decref(cp);

        job->row.rev++;
        sjl_job_save(job, 1);
    }

    sjl_driver_send(job->context->driver, SJP_LINK_RUN, sjl_job_frame(job),
                    NULL, 0);
}


void
sjl_job_started(sjl_job_t *job, const char *config, size_t size,
    const char *file)
{
    sjl_file_op_t  *fop;

    SPARKJOB_FAULT("run.started");

    if (job->row.final || job->row.state == SJP_JOB_RUNNING
        || job->configuring)
    {
        /* told again after its link was broken, or too late */

        sjl_spool_remove(file);
        return;
    }

    if (job->row.config.data || job->row.config_file
        || job->row.statement >= 0)
    {
        /* it has run before, in a driver that is gone, or has none */

        sjl_spool_remove(file);
        sjl_job_running(job);
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
    fop->max = SJL_JOB_CONFIG_MAX;

    /* what comes in pieces is cut there: none is better than a part of one */

    if (sjl_driver_is_remote(job->context->driver)) {
        fop->max = (size_t) sjl_conf->limit_result_bytes;
    }

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

    if (!job->row.final) {
        job->row.config_file = fop->rc == SJL_OK && !fop->too_long;

        if (job->sent) {
            sjl_job_running(job);
        }

    } else if (fop->rc == SJL_OK) {

        /* its row does not tell of it, so nobody would ever delete it */

        sjl_files_delete(sjl_path_result(job->row.id, ".config"));
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
    if (!job->context->row.supervise) {
        job->row.body.data = NULL;
        job->row.body.len = 0;

        /* a driver elsewhere has not deleted it */

        job->spent = job->row.body_file ? 1 : 0;
        job->row.body_file = 0;
    }

    job->row.began = sjl_now();

    (void) sjl_job_set_state(job, SJP_JOB_RUNNING);
    sjl_job_save(job, job->row.sync);
}


static void
sjl_job_unresolved(sjl_job_t *job, sjp_error_e code, const char *name,
    const char *what)
{
    char  *message, *error;

    message = sjl_format("%s%s", name, what);
    error = sjl_error_text("java.lang.RuntimeException", message, NULL);

    sjl_job_refused(job, code, name, error, strlen(error));

    free(error);
    free(message);
}


/*
 * Not durable: the last one is kept with the job's end.  An event goes to
 * everybody, so there are no more of them than a driver has reason for; some
 * may come at once.
 */

void
sjl_job_progress(sjl_job_t *job, json_t *progress)
{
    int64_t  now;
    json_t  *record;

    if (job->row.final || job->ended) {
        json_decref(progress);
        return;
    }

    free(job->progress);
    job->progress = sjl_json_text(progress);

    now = sjl_now();

    if (job->progress_told < now - SJL_JOB_PROGRESS_BURST) {
        job->progress_told = now - SJL_JOB_PROGRESS_BURST;
    }

    if (job->progress_told + SJL_JOB_PROGRESS_PAUSE <= now) {
        job->progress_told += SJL_JOB_PROGRESS_PAUSE;

        record = json_copy(progress);
        (void) json_object_set_new(record, "id", json_string(job->row.id));
        sjl_channel_publish("progress", "job", record, NULL, 0);
    }

    json_decref(progress);
}
