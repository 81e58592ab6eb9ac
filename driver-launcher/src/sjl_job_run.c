
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * A job on its way to its driver, until it runs there.
 */


#include "sjl_job.h"
#include "sjl_stray.h"

#include <utlist.h>


static void sjl_job_config_moved(sjl_file_op_t *fop);
static void sjl_job_running(sjl_job_t *job);


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


void
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


void
sjl_job_send_id(sjl_job_t *job, sjp_type_e type)
{
    sjl_driver_send(job->context->driver, type,
                    json_pack("{s:s}", "id", job->row.id), NULL, 0);
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
