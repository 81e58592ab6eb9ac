
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What modules ask of jobs: to be run and to be killed.
 */


#include "sjl_binary.h"
#include "sjl_config.h"
#include "sjl_create.h"
#include "sjl_job.h"
#include "sjl_look.h"
#include "sjl_server.h"
#include "sjl_record.h"
#include "sjl_stray.h"

#include <utlist.h>


/*
 * A module that comes back sends what was not answered again, at once.  So it
 * is only for this long after its hello, in milliseconds, that a submission may
 * be one that the database knows and memory has forgotten.
 */
#define SJL_SUBMIT_AGAIN     5000

#define SJL_SUBMIT_BINARIES  256


typedef struct {
    sjl_request_t  *request;
    char           *id;
    char           *class;
    char           *context;            /* NULL: ad hoc */
    char           *user;
    json_t         *names;
    int             sync;
    char           *body;
    size_t          size;
    int             fd;
} sjl_submit_t;


typedef struct {
    sjl_request_t  *request;
    char           *id;
} sjl_kill_t;


static int sjl_submit_read(sjl_submit_t *s, sjl_frame_t *f);
static int sjl_submit_attach(sjl_submit_t *s);
static void sjl_submit_looked(void *data, const void *row, const char *error);
static void sjl_submit_accept(sjl_submit_t *s);
static sjl_context_t *sjl_submit_context(sjl_submit_t *s);
static sjl_context_t *sjl_submit_adhoc(sjl_submit_t *s);
static void sjl_submit_make(sjl_submit_t *s, sjl_context_t *ctx, json_t *cp);
static void sjl_submit_copied(sjl_file_op_t *fop);
static void sjl_submit_free(sjl_submit_t *s);
static void sjl_kill_looked(void *data, const void *row, const char *error);


void
sjl_job_submit(sjl_conn_t *c, sjl_frame_t *f)
{
    sjl_submit_t  *s;

    s = sjl_alloc(sizeof(sjl_submit_t));
    s->request = sjl_request_make(c, f);
    s->fd = -1;

    if (sjl_submit_read(s, f) == SJL_ERROR || sjl_submit_attach(s)) {
        sjl_submit_free(s);
        return;
    }

    if (sjl_job_find(s->id) || sjl_now() - c->since < SJL_SUBMIT_AGAIN) {
        sjl_look_job(s->id, sjl_submit_looked, s);
        return;
    }

    sjl_submit_accept(s);
    sjl_submit_free(s);
}


/* SJL_ERROR: it is answered */

static int
sjl_submit_read(sjl_submit_t *s, sjl_frame_t *f)
{
    size_t          i;
    json_t         *cp, *name;
    const char     *id, *class, *context, *user;
    sjl_request_t  *r;

    r = s->request;
    context = NULL;
    user = "";

    if (sjl_request_unpack(r, f, "{s:s, s:o, s:s, s?s, s?b, s?s}", "id", &id,
                           "cp", &cp, "class", &class, "context", &context,
                           "sync", &s->sync, "user", &user)
        == SJL_ERROR)
    {
        return SJL_ERROR;
    }

    if (!sjl_id_ok(id) || *class == '\0' || strlen(class) > SJP_CLASS_MAX
        || !json_is_array(cp))
    {
        sjl_request_refuse(r, SJP_ERR_BAD_REQUEST, !sjl_id_ok(id) ? "id"
                           : !json_is_array(cp) ? "cp" : "class");
        return SJL_ERROR;
    }

    /* paths and hashes of all have to go into one frame */

    if (json_array_size(cp) > SJL_SUBMIT_BINARIES) {
        sjl_request_refuse(r, SJP_ERR_BAD_REQUEST, "too many binaries");
        return SJL_ERROR;
    }

    json_array_foreach(cp, i, name) {
        if (!json_is_string(name)) {
            sjl_request_refuse(r, SJP_ERR_BAD_REQUEST, "cp");
            return SJL_ERROR;
        }
    }

    s->id = sjl_strdup(id);
    s->class = sjl_strdup(class);
    s->context = sjl_strdup(context);
    s->user = sjl_strdup(user);
    s->names = json_incref(cp);

    if (sjl_request_body(r, f, &s->body, &s->size) == SJL_ERROR) {
        return SJL_ERROR;
    }

    if (s->body == NULL && s->size) {
        s->fd = f->fd;
        f->fd = -1;
    }

    return SJL_OK;
}


/* whether the job is on its way already, submitted by the same id before */

static int
sjl_submit_attach(sjl_submit_t *s)
{
    sjl_job_t  *job;

    job = sjl_job_find(s->id);

    /* what was answered once is durable, so the database answers it again */

    if (job == NULL || job->answered) {
        return 0;
    }

    LL_PREPEND2(job->submitters, s->request, waiting);

    return 1;
}


static void
sjl_submit_looked(void *data, const void *row, const char *error)
{
    sjl_submit_t  *s;

    s = data;

    if (error) {
        sjl_request_storage_failed(s->request, error);

    } else if (row) {
        sjl_job_reply(s->request, row);

    } else if (!sjl_submit_attach(s)) {
        sjl_submit_accept(s);
    }

    sjl_submit_free(s);
}


static void
sjl_submit_accept(sjl_submit_t *s)
{
    char           *missing;
    json_t         *cp;
    sjl_context_t  *ctx;

    if (sjl_server_ending()) {
        sjl_request_refuse(s->request, SJP_ERR_UNAVAILABLE,
                           "the launcher is ending");
        return;
    }

    cp = sjl_binary_resolve(s->names, &missing);

    if (cp == NULL) {
        sjl_request_refuse(s->request, SJP_ERR_NO_SUCH_BINARY, missing);
        free(missing);
        return;
    }

    ctx = s->context ? sjl_submit_context(s) : sjl_submit_adhoc(s);

    if (ctx) {
        sjl_submit_make(s, ctx, cp);
    }

    json_decref(cp);
}


/* NULL: it is answered */

static sjl_context_t *
sjl_submit_context(sjl_submit_t *s)
{
    char           *text;
    sjl_context_t  *ctx;

    ctx = sjl_context_find_name(s->context);

    if (ctx == NULL) {
        sjl_request_refuse(s->request, sjl_replace_reserved(s->context)
                           ? SJP_ERR_CONTEXT_STOPPING
                           : SJP_ERR_NO_SUCH_CONTEXT, s->context);
        return NULL;
    }

    if (ctx->row.state == SJP_CONTEXT_STOPPING) {
        sjl_request_refuse(s->request, SJP_ERR_CONTEXT_STOPPING, s->context);
        return NULL;
    }

    /* one that it knows already has its slot */

    sjl_stray_found(ctx, s->id);

    if ((int64_t) ctx->nslots >= ctx->row.max_jobs) {
        text = sjl_format("%d %s", (int) ctx->row.max_jobs, s->context);
        sjl_request_refuse(s->request, SJP_ERR_NO_SLOTS, text);
        free(text);
        return NULL;
    }

    return ctx;
}


static sjl_context_t *
sjl_submit_adhoc(sjl_submit_t *s)
{
    int                  fd;
    char                 id[SJL_ID_LEN + 1], limit[24], *name;
    sjl_context_t       *ctx;
    sjl_context_spec_t   spec;

    if ((int64_t) sjl_context_count() >= sjl_conf->max_contexts) {
        (void) snprintf(limit, sizeof(limit), "%d",
                        (int) sjl_conf->max_contexts);
        sjl_request_refuse(s->request, SJP_ERR_TOO_MANY_CONTEXTS, limit);
        return NULL;
    }

    fd = -1;

    if (s->fd != -1) {
        fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 3);

        if (fd == -1) {
            sjl_log(SJL_LOG_CRIT, "fcntl(F_DUPFD_CLOEXEC) failed: %s",
                    strerror(errno));
            sjl_request_refuse(s->request, SJP_ERR_INTERNAL, strerror(errno));
            return NULL;
        }
    }

    do {
        sjl_id_make(id);
        name = sjl_format("%.8s-%s", id, s->class);
        sjl_text_cut(name, SJP_NAME_MAX);

        if (sjl_context_find_name(name) == NULL) {
            break;
        }

        free(name);

    } while (1);

    memset(&spec, 0, sizeof(sjl_context_spec_t));
    spec.id = id;
    spec.name = name;
    spec.user = s->user;
    spec.settings = json_object();
    spec.options = json_array();
    spec.adhoc = 1;
    spec.body = s->body ? sjl_memdup(s->body, s->size) : NULL;
    spec.size = s->size;
    spec.fd = fd;

    ctx = sjl_context_make(&spec);
    free(name);

    return ctx;
}


static void
sjl_submit_make(sjl_submit_t *s, sjl_context_t *ctx, json_t *cp)
{
    sjl_job_t      *job;
    sjl_job_row_t   row;
    sjl_file_op_t  *fop;

    memset(&row, 0, sizeof(sjl_job_row_t));

    row.id = sjl_strdup(s->id);
    row.class = sjl_strdup(s->class);
    row.user = sjl_strdup(s->user);
    row.cp = sjl_json_text(cp);
    row.state = SJP_JOB_STARTED;
    row.rev = 1;
    row.sync = s->sync;
    row.start = sjl_now();
    row.code = -1;

    if (s->body) {
        row.body.data = s->body;
        row.body.len = s->size;
        s->body = NULL;
    }

    row.body_file = s->fd != -1;

    job = sjl_job_make(ctx, &row);
    LL_PREPEND2(job->submitters, s->request, waiting);

    sjl_log(SJL_LOG_INFO, "job %s: STARTED in context %s %s, class %s, user "
            "\"%s\"", job->row.id, ctx->row.name, ctx->row.id, s->class,
            s->user);

    if (s->fd == -1) {
        sjl_job_admit(job);
        return;
    }

    fop = sjl_file_op_make(sjl_files_copy, sjl_submit_copied, job);
    fop->fd = s->fd;
    fop->to = sjl_path_job_body(ctx->row.id, job->row.id);
    s->fd = -1;

    job->nops++;
    sjl_file_op_add(fop);
}


static void
sjl_submit_copied(sjl_file_op_t *fop)
{
    sjl_job_t  *job;

    job = fop->data;
    job->nops--;

    if (fop->rc == SJL_OK) {
        sjl_job_admit(job);

    } else if (job->added) {
        /* it was killed meanwhile, and that is on the disk or on its way */

        sjl_job_release(job);

    } else {
        sjl_job_reject(job, fop->why);
    }

    sjl_file_op_free(fop);
}


static void
sjl_submit_free(sjl_submit_t *s)
{
    free(s->id);
    free(s->class);
    free(s->context);
    free(s->user);
    free(s->body);
    json_decref(s->names);

    if (s->fd != -1) {
        (void) close(s->fd);
    }

    free(s);
}


void
sjl_job_kill(sjl_conn_t *c, sjl_frame_t *f)
{
    sjl_job_t      *job;
    const char     *id, *user;
    sjl_kill_t     *k;
    sjl_request_t  *r;

    r = sjl_request_make(c, f);
    user = "";

    if (sjl_request_unpack(r, f, "{s:s, s?s}", "id", &id, "user", &user)
        == SJL_ERROR)
    {
        return;
    }

    job = sjl_job_find(id);

    if (job && !job->row.final) {
        sjl_log(SJL_LOG_INFO, "job %s is to be killed, asked by \"%s\"", id,
                user);

        LL_PREPEND2(job->killers, r, waiting);
        sjl_job_end(job);
        return;
    }

    k = sjl_alloc(sizeof(sjl_kill_t));
    k->request = r;
    k->id = sjl_strdup(id);

    sjl_look_job(id, sjl_kill_looked, k);
}


static void
sjl_kill_looked(void *data, const void *row, const char *error)
{
    sjl_kill_t           *k;
    const sjl_job_row_t  *job;

    k = data;
    job = row;

    if (error) {
        sjl_request_storage_failed(k->request, error);

    } else if (job == NULL) {
        sjl_request_refuse(k->request, SJP_ERR_NO_SUCH_JOB, k->id);

    } else if (job->state == SJP_JOB_ERROR) {
        sjl_request_reply(k->request,
                          json_pack("{s:o}", "record", sjl_record_job(job)),
                          job->data.data, job->data.len);

    } else {
        sjl_request_refuse(k->request, SJP_ERR_JOB_NOT_RUNNING, k->id);
    }

    free(k->id);
    free(k);
}
