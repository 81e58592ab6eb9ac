
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_link.h"
#include "sjl_binary.h"
#include "sjl_complete.h"
#include "sjl_config.h"
#include "sjl_context.h"
#include "sjl_files.h"
#include "sjl_job_queue.h"
#include "sjl_link_body.h"
#include "sjl_setup.h"
#include "sjl_shown.h"
#include "sjl_spool.h"
#include "sjl_state.h"
#include "sjl_stray.h"
#include "sjl_thrift.h"


/* a parser may quote the whole of a long body */
#define SJL_LINK_TEXT     4096

#define SJL_LINK_OPTIONS  64

/* each is a line in our log */
#define SJL_LINK_FAULTS   100


static void sjl_link_cut(json_t *meta);
static int64_t sjl_link_limit(json_int_t n);
static sjl_job_t *sjl_link_job(sjl_conn_t *c, sjl_frame_t *f, const char **id,
    char **file);
static sjl_job_t *sjl_link_job_find(sjl_conn_t *c, sjl_frame_t *f,
    const char *id);
static void sjl_link_resolve_context(sjl_context_t *ctx, const json_t *names);


int
sjl_link_unpack(sjl_conn_t *c, sjl_frame_t *f, const char *fmt, ...)
{
    int           rc;
    va_list       args;
    json_error_t  err;

    sjl_link_cut(f->meta);

    va_start(args, fmt);
    rc = json_vunpack_ex(f->meta, &err, 0, fmt, args);
    va_end(args);

    if (rc == -1) {
        sjl_link_violation(c, f, err.text);
        return SJL_ERROR;
    }

    return SJL_OK;
}


void
sjl_link_violation(sjl_conn_t *c, sjl_frame_t *f, const char *what)
{
    sjl_log(SJL_LOG_ERR, "connection %u sent a bad message of type %u: %s",
            c->number, (unsigned) f->type, what);

    c->broken = 1;
    sjl_conn_close(c);
}


/* what a driver says goes on in records and errors, with more beside it */

static void
sjl_link_cut(json_t *meta)
{
    char        *text;
    json_t      *value;
    const char  *key;

    json_object_foreach(meta, key, value) {

        if (json_string_length(value) <= SJL_LINK_TEXT) {
            continue;
        }

        text = sjl_strdup(json_string_value(value));
        sjl_text_cut(text, SJL_LINK_TEXT);
        (void) json_string_set(value, text);
        free(text);
    }
}


sjl_context_t *
sjl_link_context(sjl_conn_t *c)
{
    sjl_driver_t  *d;

    d = c->data;

    return d ? d->context : NULL;
}


void
sjl_link_ready(sjl_conn_t *c, sjl_frame_t *f)
{
    int             supervise;
    json_int_t      max_jobs, max_queued, idle, ttl;
    const char     *application, *url, *master;
    sjl_context_t  *ctx;

    url = NULL;
    master = NULL;
    max_jobs = 0;
    max_queued = -1;
    idle = 0;
    ttl = 0;
    supervise = 0;

    if (sjl_link_unpack(c, f, "{s:s, s?s, s?s, s?I, s?I, s?I, s?I, s?b}",
                        "applicationId", &application, "url", &url, "master",
                        &master, "maxJobs", &max_jobs, "maxQueued", &max_queued,
                        "idleTimeout", &idle, "ttl", &ttl, "supervise",
                        &supervise)
        == SJL_ERROR)
    {
        return;
    }

    ctx = sjl_link_context(c);

    if (ctx) {
        if (max_queued >= 0) {
            ctx->row.max_queued = sjl_link_limit(max_queued);
        }

        ctx->row.idle_timeout = sjl_link_limit(idle);
        ctx->row.ttl = sjl_link_limit(ttl);
        ctx->row.supervise = supervise;

        free(ctx->row.master);
        ctx->row.master = sjl_strdup(master);

        /* who comes back says in "link-status" how it is by now */

        if (ctx->row.state != SJP_CONTEXT_RUNNING) {
            (void) sjl_shown_take(ctx, json_object_get(f->meta, "status"));
        }

        sjl_context_ready(ctx, application, url, sjl_link_limit(max_jobs));
    }
}


/* small enough to be added to others */

static int64_t
sjl_link_limit(json_int_t n)
{
    return n < 0 ? 0 : n > INT32_MAX ? INT32_MAX : n;
}


void
sjl_link_failed(sjl_conn_t *c, sjl_frame_t *f)
{
    int             code;
    char           *error, *path;
    size_t          size;
    const char     *name, *text;
    sjl_context_t  *ctx;

    text = "";

    if (sjl_link_unpack(c, f, "{s:s, s?s}", "code", &name, "name", &text)
        == SJL_ERROR)
    {
        return;
    }

    ctx = sjl_link_context(c);

    if (ctx == NULL || sjl_link_file(c, f, &path) == SJL_ERROR) {
        return;
    }

    code = sjl_name_find(sjl_errors, name);

    if (code == -1) {
        sjl_log(SJL_LOG_ERR, "context %s %s: its driver failed with an unknown "
                "code \"%s\"", ctx->row.name, ctx->row.id, name);
        code = SJP_ERR_CONTEXT_INIT_FAILED;
    }

    error = sjl_link_error(f, path, code, text, &size);
    sjl_context_failed(ctx, (sjp_error_e) code, error, size);

    free(error);
    free(path);
}


void
sjl_link_respawn(sjl_conn_t *c, sjl_frame_t *f)
{
    char           *why, *error;
    size_t          i;
    json_t         *options, *option;
    const char     *cluster, *library;
    sjl_driver_t   *d;

    cluster = NULL;
    library = NULL;

    if (sjl_link_unpack(c, f, "{s:o, s?s, s?s}", "options", &options, "cluster",
                        &cluster, "library", &library)
        == SJL_ERROR)
    {
        return;
    }

    if (!json_is_array(options) || json_array_size(options) > SJL_LINK_OPTIONS)
    {
        sjl_link_violation(c, f, "options are no array, or too many");
        return;
    }

    json_array_foreach(options, i, option) {
        if (!json_is_string(option)) {
            sjl_link_violation(c, f, "an option is no string");
            return;
        }
    }

    d = c->data;

    if (d == NULL || d->context == NULL) {
        return;
    }

    if (sjl_setup_there(cluster && *cluster ? cluster : NULL, library, &why)
        == SJL_ERROR)
    {
        error = sjl_error_text("sparkjob.driver.BadSettingException", why,
                               NULL);
        sjl_context_failed(d->context, SJP_ERR_BAD_SETTING, error,
                           strlen(error));
        free(error);
        free(why);
        return;
    }

    json_decref(d->respawn);
    d->respawn = json_incref(options);
    free(d->cluster);
    d->cluster = sjl_strdup(cluster);
    free(d->library);
    d->library = sjl_strdup(library);
}


void
sjl_link_started(sjl_conn_t *c, sjl_frame_t *f)
{
    char        *file;
    sjl_job_t   *job;
    const char  *id;

    job = sjl_link_job(c, f, &id, &file);

    if (job) {
        sjl_job_started(job, f->payload, f->size, file);
    }

    free(file);
}


void
sjl_link_refused(sjl_conn_t *c, sjl_frame_t *f)
{
    int          code;
    char        *file, *error;
    size_t       size;
    sjl_job_t   *job;
    const char  *id, *name, *text;

    job = sjl_link_job(c, f, &id, &file);
    text = "";

    if (job == NULL
        || sjl_link_unpack(c, f, "{s:s, s?s}", "code", &name, "name", &text)
           == SJL_ERROR)
    {
        sjl_spool_remove(file);
        free(file);
        return;
    }

    code = sjl_name_find(sjl_errors, name);

    if (code == -1) {
        sjl_log(SJL_LOG_ERR, "job %s was refused with an unknown code \"%s\"",
                id, name);
        code = SJP_ERR_INTERNAL;
    }

    error = sjl_link_error(f, file, code, text, &size);
    sjl_job_refused(job, (sjp_error_e) code, text, error, size);

    free(error);
    free(file);
}


void
sjl_link_result(sjl_conn_t *c, sjl_frame_t *f)
{
    int           state;
    char         *file, *error;
    sjl_job_t    *job;
    json_int_t    end, run;
    const char   *id, *name;
    sjl_result_t  result;

    memset(&result, 0, sizeof(sjl_result_t));
    error = NULL;
    end = 0;
    run = 0;

    job = sjl_link_job(c, f, &id, &file);

    if (job == NULL
        || sjl_link_unpack(c, f, "{s:s, s?I, s?I}", "state", &name, "end",
                           &end, "runMicros", &run)
           == SJL_ERROR)
    {
        sjl_spool_remove(file);
        free(file);
        return;
    }

    state = sjl_name_find(sjl_job_states, name);

    if (state == -1 || !sjl_job_state_final(state)) {
        sjl_log(SJL_LOG_ERR, "job %s: its driver says that it ended as \"%s\"",
                id, name);
        state = SJP_JOB_ERROR;
    }

    result.state = state;
    result.end = end;
    result.run_micros = run;
    result.trace = json_object_get(f->meta, "trace");
    result.data = f->payload;
    result.size = f->size;
    result.file = file;

    if (state != SJP_JOB_FINISHED) {
        error = sjl_link_error(f, file, SJP_ERR_INTERNAL, "", &result.size);
        result.data = error;
        result.file = NULL;
    }

    sjl_job_result(job, &result);

    free(error);
    free(file);
}


void
sjl_link_stopped(sjl_conn_t *c, sjl_frame_t *f)
{
    sjl_driver_t  *d;
    const char    *reason;

    d = c->data;

    if (d == NULL) {
        return;
    }

    reason = json_string_value(json_object_get(f->meta, "reason"));

    d->stopped = 1;
    free(d->reason);
    d->reason = reason ? sjl_strdup(reason) : NULL;

    sjl_log(SJL_LOG_DEBUG, "driver %d has stopped: %s", (int) d->process.pid,
            reason ? reason : "it does not say why");
}


void
sjl_link_resolve(sjl_conn_t *c, sjl_frame_t *f)
{
    char           *file;
    size_t          i;
    json_t         *cp, *name;
    sjl_job_t      *job;
    const char     *id, *class;
    sjl_context_t  *ctx;

    if (sjl_link_unpack(c, f, "{s:s, s:s, s:o}", "id", &id, "class", &class,
                        "cp", &cp)
        == SJL_ERROR)
    {
        return;
    }

    if (!json_is_array(cp)) {
        sjl_link_violation(c, f, "cp is no array");
        return;
    }

    json_array_foreach(cp, i, name) {
        if (!json_is_string(name)) {
            sjl_link_violation(c, f, "a name in cp is no string");
            return;
        }
    }

    ctx = sjl_link_context(c);

    if (ctx && strcmp(id, ctx->row.id) == 0) {
        sjl_link_resolve_context(ctx, cp);
        return;
    }

    job = sjl_link_job(c, f, &id, &file);
    sjl_spool_remove(file);
    free(file);

    if (job) {
        sjl_job_resolve(job, class, cp);
    }
}


/* what its settings name is the class path of all of its jobs */

static void
sjl_link_resolve_context(sjl_context_t *ctx, const json_t *names)
{
    char        *missing, *error, *message;
    json_t      *cp;
    const char  *damage;

    cp = NULL;
    missing = NULL;
    damage = sjl_binary_damage(names);

    if (damage == NULL && sjl_binary_names_fit(names, NULL)) {
        cp = sjl_binary_resolve(names, &missing);
    }

    if (cp == NULL) {
        message = damage ? sjl_strdup(damage)
                  : missing ? sjl_format("dependent-jar-uris or cp: there is "
                                         "no binary %s", missing)
                  : sjl_strdup("dependent-jar-uris or cp: too many, or too "
                               "long");
        error = sjl_error_text("java.lang.IllegalArgumentException", message,
                               NULL);
        sjl_context_failed(ctx, damage ? SJP_ERR_CONTEXT_INIT_FAILED
                                       : SJP_ERR_BAD_SETTING,
                           error, strlen(error));
        free(error);
        free(message);
        free(missing);
        return;
    }

    sjl_binary_paths(cp);

    sjl_driver_send(ctx->driver, SJP_LINK_RUN,
                    json_pack("{s:s, s:s, s:o}", "id", ctx->row.id, "class",
                              "", "cp", cp),
                    NULL, 0);
}


void
sjl_link_progress(sjl_conn_t *c, sjl_frame_t *f)
{
    char        *file;
    size_t       i;
    json_t      *progress;
    sjl_job_t   *job;
    const char  *id;
    json_int_t   n;

    static const char *const  members[] = {
        "stages", "stagesDone", "tasks", "tasksDone", "tasksFailed"
    };

    job = sjl_link_job(c, f, &id, &file);
    sjl_spool_remove(file);
    free(file);

    if (job == NULL) {
        return;
    }

    progress = json_object();

    for (i = 0; i < sjl_nelts(members); i++) {
        if (sjl_link_unpack(c, f, "{s:I}", members[i], &n) == SJL_ERROR) {
            json_decref(progress);
            return;
        }

        (void) json_object_set_new(progress, members[i], json_integer(n));
    }

    sjl_job_progress(job, progress);
}


void
sjl_link_status(sjl_conn_t *c, sjl_frame_t *f)
{
    json_t         *status;
    sjl_context_t  *ctx;

    if (sjl_link_unpack(c, f, "{s:o}", "status", &status) == SJL_ERROR) {
        return;
    }

    ctx = sjl_link_context(c);

    if (ctx && !ctx->row.final && sjl_shown_take(ctx, status)) {
        sjl_context_save(ctx, 1);
    }
}


/* the job that a message is about; NULL: it is none of ours, or not any more */

static sjl_job_t *
sjl_link_job(sjl_conn_t *c, sjl_frame_t *f, const char **id, char **file)
{
    int          rc;
    sjl_job_t   *job;
    const char  *path;

    *file = NULL;

    if (sjl_link_unpack(c, f, "{s:s}", "id", id) == SJL_ERROR) {
        return NULL;
    }

    rc = sjl_link_file(c, f, file);
    path = json_string_value(json_object_get(f->meta, "file"));

    if (rc == SJL_ERROR && path == NULL) {
        sjl_link_violation(c, f, "its payload has not come");
        return NULL;
    }

    job = sjl_link_job_find(c, f, *id);

    if (job && rc == SJL_ERROR) {
        sjl_job_bad_file(job, path);
        return NULL;
    }

    if (job == NULL) {
        sjl_spool_remove(*file);
        free(*file);
        *file = NULL;
    }

    return job;
}


static sjl_job_t *
sjl_link_job_find(sjl_conn_t *c, sjl_frame_t *f, const char *id)
{
    sjl_job_t      *job;
    sjl_context_t  *ctx;

    ctx = sjl_link_context(c);

    if (ctx == NULL) {
        return NULL;
    }

    job = sjl_job_find(id);

    if (job == NULL) {
        if (sjl_stray_heard(ctx, id, SJL_LANE_JOBS,
                            f->type == SJP_LINK_REFUSED
                            || f->type == SJP_LINK_RESULT)
            == SJL_ERROR)
        {
            sjl_link_violation(c, f, "it is about a job that nobody knows");
        }

        return NULL;
    }

    if (job->context != ctx) {
        sjl_log(SJL_LOG_ERR, "context %s %s speaks of job %s, which is not its",
                ctx->row.name, ctx->row.id, id);

        if (++ctx->driver->faults == SJL_LINK_FAULTS) {
            sjl_link_violation(c, f, "jobs are of other contexts");
        }

        return NULL;
    }

    /*
     * An earlier launcher has sent it, and its body is being copied once more:
     * the driver tells again what it knows when it is sent again.
     */

    if (!job->whole && !job->row.final) {
        job->known = 1;
        return NULL;
    }

    return job;
}


/*
 * A driver that broke the protocol would, when it comes back, send the same
 * again, and so for ever.
 */

void
sjl_link_closed(sjl_conn_t *c)
{
    sjl_driver_t  *d;

    d = c->data;

    if (d == NULL || d->conn != c) {
        return;
    }

    if (d->context) {
        sjl_complete_lost(d->context);
        sjl_thrift_lost(d->context);
    }

    sjl_driver_detach(d);

    if (c->broken && d->context) {
        sjl_context_lost(d->context,
                         sjl_strdup("its driver broke the protocol"));
    }
}


void
sjl_link_drained(sjl_conn_t *c)
{
    sjl_driver_t  *d;

    d = c->data;

    if (d && d->conn == c && d->context) {
        sjl_job_queue_run(d->context);
    }
}
