
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What modules ask of jobs: to be run and to be killed.
 */


#include "sjl_again.h"
#include "sjl_binary.h"
#include "sjl_config.h"
#include "sjl_create.h"
#include "sjl_http.h"
#include "sjl_job.h"
#include "sjl_limit.h"
#include "sjl_look.h"
#include "sjl_outbound.h"
#include "sjl_record.h"
#include "sjl_stray.h"

#include <utlist.h>


typedef struct {
    sjl_again_t     base;
    char           *class;
    char           *context;            /* NULL: ad hoc */
    char           *user;
    char           *proxy_user;         /* of an ad hoc context, or NULL */
    char           *own;                /* what its name begins with */
    char           *callback;           /* URL, or NULL */
    sjl_trace_t    *trace;              /* NULL: not asked for */
    json_t         *names;
    json_t         *dependent;          /* names too, or NULL */
    int             sync;
} sjl_submit_t;


typedef struct {
    sjl_request_t  *request;
    char           *id;
    char           *owner;
} sjl_kill_t;


static int sjl_submit_read(sjl_submit_t *s, sjl_frame_t *f);
static int sjl_submit_callback(sjl_request_t *r, const char *url);
static int sjl_submit_names_ok(const json_t *names);
static char *sjl_submit_key(const sjl_again_t *a, const char *body);
static void sjl_submit_accept(sjl_again_t *a);
static void sjl_submit_resolve(sjl_submit_t *s);
static sjl_context_t *sjl_submit_context(sjl_submit_t *s);
static int sjl_submit_room(sjl_submit_t *s, const sjl_context_t *ctx);
static sjl_context_t *sjl_submit_adhoc(sjl_submit_t *s);
static void sjl_submit_make(sjl_submit_t *s, sjl_context_t *ctx, json_t *cp,
    json_t *dependent);
static void sjl_submit_copied(sjl_file_op_t *fop);
static void sjl_submit_free(sjl_again_t *a);
static void sjl_kill_looked(void *data, const void *row,
    const sjl_why_t *why);


void
sjl_job_submit(sjl_conn_t *c, sjl_frame_t *f)
{
    sjl_submit_t  *s;

    s = sjl_alloc(sizeof(sjl_submit_t));
    s->base.request = sjl_request_make(c, f);
    s->base.fd = -1;
    s->base.key = sjl_submit_key;
    s->base.accept = sjl_submit_accept;
    s->base.free = sjl_submit_free;

    if (sjl_submit_read(s, f) == SJL_ERROR) {
        sjl_submit_free(&s->base);
        return;
    }

    sjl_again_begin(&s->base, c);
}


/* SJL_ERROR: it is answered */

static int
sjl_submit_read(sjl_submit_t *s, sjl_frame_t *f)
{
    int             early, trace;
    json_t         *cp, *dependent;
    const char     *id, *class, *context, *user, *proxy, *own, *callback;
    const char     *wrong;
    sjl_request_t  *r;

    r = s->base.request;
    early = 0;
    trace = 0;
    callback = NULL;
    context = NULL;
    dependent = NULL;
    user = "";
    proxy = "";
    own = "";

    if (sjl_request_unpack(r, f, "{s:s, s:o, s:s, s?s, s?b, s?s, s?b, s?b,"
                           " s?o, s?s, s?s, s?s, s?b}", "id", &id, "cp", &cp,
                           "class", &class, "context", &context, "sync",
                           &s->sync, "user", &user, "early", &early, "again",
                           &s->base.again, "dependent", &dependent,
                           "proxyUser", &proxy, "own", &own, "callback",
                           &callback, "trace", &trace)
        == SJL_ERROR)
    {
        return SJL_ERROR;
    }

    r->early = early ? 1 : 0;
    r->traced = trace ? 1 : 0;
    s->trace = trace ? sjl_trace_begin() : NULL;

    wrong = !sjl_id_ok(id) ? "id"
            : strlen(class) > SJP_CLASS_MAX ? "class"
            : strlen(proxy) > SJP_NAME_MAX ? "proxyUser"
            : strlen(own) > SJP_OWN_MAX ? "own"
            : !sjl_submit_names_ok(cp) ? "cp"
            : dependent && !sjl_submit_names_ok(dependent) ? "dependent"
            : !sjl_binary_names_fit(cp, dependent) ? "too many binaries"
            : NULL;

    if (wrong) {
        sjl_request_refuse(r, SJP_ERR_BAD_REQUEST, wrong);
        return SJL_ERROR;
    }

    if (callback && sjl_submit_callback(r, callback) == SJL_ERROR) {
        return SJL_ERROR;
    }

    s->base.id = sjl_strdup(id);
    s->class = sjl_strdup(class);
    s->context = sjl_strdup(context);
    s->user = sjl_strdup(user);
    s->callback = sjl_strdup(callback);
    s->proxy_user = *proxy ? sjl_strdup(proxy) : NULL;
    s->own = sjl_strdup(own);
    s->names = json_incref(cp);
    s->dependent = json_incref(dependent);

    return sjl_again_body(&s->base, f);
}


/* what a name resolves to is looked at only when it is connected to */

static int
sjl_submit_callback(sjl_request_t *r, const char *url)
{
    char  *host;

    host = sjl_http_host(url);

    if (host == NULL) {
        sjl_request_refuse(r, SJP_ERR_BAD_REQUEST, "callback");
        return SJL_ERROR;
    }

    if (!sjl_outbound_may_text(sjl_conf->outbound_hosts, host)) {
        sjl_request_refuse(r, SJP_ERR_BAD_CALLBACK, host);
        free(host);
        return SJL_ERROR;
    }

    free(host);

    return SJL_OK;
}


static int
sjl_submit_names_ok(const json_t *names)
{
    size_t   i;
    json_t  *name;

    json_array_foreach(names, i, name) {
        if (!json_is_string(name)) {
            return 0;
        }
    }

    return json_is_array(names);
}


static char *
sjl_submit_key(const sjl_again_t *a, const char *body)
{
    const sjl_submit_t  *s;

    s = sjl_container(a, sjl_submit_t, base);

    return sjl_format("%zu %s\n%s\n%s", strlen(s->class), s->class,
                      s->context ? s->context : "", body);
}


static void
sjl_submit_accept(sjl_again_t *a)
{
    if (sjl_again_open(a)) {
        sjl_submit_resolve(sjl_container(a, sjl_submit_t, base));
    }

    sjl_submit_free(a);
}


static void
sjl_submit_resolve(sjl_submit_t *s)
{
    char           *missing;
    json_t         *cp, *dependent;
    sjl_context_t  *ctx;
    sjl_why_t       wrong;
    const char     *damage;

    damage = sjl_binary_damage(s->names);
    damage = damage ? damage : sjl_binary_damage(s->dependent);

    if (damage) {
        sjl_why_set(&wrong, 0, "%s", damage);
        sjl_request_storage_failed(s->base.request, &wrong);
        return;
    }

    if (!sjl_limit_take(s->base.request, s->base.fd)) {
        return;
    }

    dependent = NULL;
    cp = sjl_binary_resolve(s->names, &missing);

    if (cp && s->dependent) {
        dependent = sjl_binary_resolve(s->dependent, &missing);
    }

    if (cp == NULL || (s->dependent && dependent == NULL)) {
        sjl_request_refuse(s->base.request, SJP_ERR_NO_SUCH_BINARY, missing);
        json_decref(cp);
        free(missing);
        return;
    }

    SPARKJOB_FAULT("submit.accept");

    ctx = s->context ? sjl_submit_context(s) : sjl_submit_adhoc(s);

    if (ctx) {
        sjl_submit_make(s, ctx, cp, dependent);
    }

    json_decref(cp);
    json_decref(dependent);
}


/* NULL: it is answered */

static sjl_context_t *
sjl_submit_context(sjl_submit_t *s)
{
    sjl_context_t  *ctx;

    ctx = sjl_context_find_name(s->context);

    if (ctx == NULL) {
        sjl_request_refuse(s->base.request, sjl_replace_reserved(s->context)
                           ? SJP_ERR_CONTEXT_STOPPING
                           : SJP_ERR_NO_SUCH_CONTEXT, s->context);
        return NULL;
    }

    if (ctx->row.state == SJP_CONTEXT_STOPPING) {
        sjl_request_refuse(s->base.request, SJP_ERR_CONTEXT_STOPPING,
                           s->context);
        return NULL;
    }

    /* one that it knows already has its slot */

    if (sjl_stray_found(ctx, s->base.id)) {
        s->base.known = 1;
        return ctx;
    }

    return sjl_submit_room(s, ctx) ? ctx : NULL;
}


/* without a queue there is none but in a slot */

static int
sjl_submit_room(sjl_submit_t *s, const sjl_context_t *ctx)
{
    char     *text;
    int64_t   n, max;

    n = (int64_t) (ctx->lanes[SJL_LANE_JOBS].nslots
                   + ctx->lanes[SJL_LANE_JOBS].nwaiting);

    if (n < ctx->row.max_jobs + ctx->row.max_queued) {
        return sjl_limit_body(s->base.request, ctx,
                              s->base.body ? s->base.size : 0);
    }

    max = ctx->row.max_queued ? ctx->row.max_queued : ctx->row.max_jobs;
    text = sjl_format("%lld %s", (long long) max, s->context);

    sjl_request_refuse(s->base.request, ctx->row.max_queued
                       ? SJP_ERR_QUEUE_FULL : SJP_ERR_NO_SLOTS, text);
    free(text);

    return 0;
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
        sjl_request_refuse(s->base.request, SJP_ERR_TOO_MANY_CONTEXTS, limit);
        return NULL;
    }

    if (!sjl_limit_start(s->base.request)) {
        return NULL;
    }

    fd = -1;

    if (s->base.fd != -1) {
        fd = fcntl(s->base.fd, F_DUPFD_CLOEXEC, 3);

        if (fd == -1) {
            sjl_log(SJL_LOG_CRIT, "fcntl(F_DUPFD_CLOEXEC) failed: %s",
                    strerror(errno));
            sjl_request_refuse(s->base.request, SJP_ERR_INTERNAL,
                               strerror(errno));
            return NULL;
        }
    }

    do {
        sjl_id_make(id);
        name = sjl_format("%s%.8s-%s", s->own, id,
                          *s->class ? s->class : "job");
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
    spec.proxy_user = s->proxy_user;
    spec.settings = json_object();
    spec.options = json_array();
    spec.adhoc = 1;
    spec.body = s->base.body ? sjl_memdup(s->base.body, s->base.size) : NULL;
    spec.size = s->base.size;
    spec.fd = fd;

    ctx = sjl_context_make(&spec);
    free(name);

    return ctx;
}


static void
sjl_submit_make(sjl_submit_t *s, sjl_context_t *ctx, json_t *cp,
    json_t *dependent)
{
    sjl_job_t      *job;
    sjl_job_row_t   row;
    sjl_file_op_t  *fop;

    memset(&row, 0, sizeof(sjl_job_row_t));

    row.id = sjl_strdup(s->base.id);
    row.class = sjl_strdup(s->class);
    row.user = sjl_strdup(s->user);
    row.cp = sjl_json_text(cp);
    row.dependent = dependent ? sjl_json_text(dependent) : NULL;
    row.request = s->base.again ? sjl_strdup(s->base.hash) : NULL;
    row.state = SJP_JOB_STARTED;
    row.rev = 1;
    row.sync = s->sync;
    row.start = sjl_now();
    row.code = -1;
    row.statement = -1;

    if (s->base.body) {
        row.body.data = s->base.body;
        row.body.len = s->base.size;
        s->base.body = NULL;
    }

    row.body_file = s->base.fd != -1;

    job = sjl_job_make(ctx, &row);
    job->known = s->base.known ? 1 : 0;
    job->callback = s->callback;
    s->callback = NULL;
    job->trace = s->trace;
    s->trace = NULL;
    (void) sjl_job_attach(job, s->base.request);

    sjl_log(SJL_LOG_INFO, "job %s: STARTED in context %s %s, class %s, user "
            "\"%s\"", job->row.id, ctx->row.name, ctx->row.id, s->class,
            s->user);

    SPARKJOB_FAULT("submit.made");

    if (s->base.fd == -1) {
        sjl_job_admit(job);
        return;
    }

    fop = sjl_file_op_make(sjl_files_copy, sjl_submit_copied, job);
    fop->fd = s->base.fd;
    fop->to = sjl_path_job_body(ctx->row.id, job->row.id);
    s->base.fd = -1;

    job->nops++;
    sjl_file_op_add(fop);
}


static void
sjl_submit_copied(sjl_file_op_t *fop)
{
    sjl_job_t  *job;

    job = fop->data;
    job->nops--;

    SPARKJOB_FAULT("submit.copied");

    if (fop->rc == SJL_OK) {
        sjl_job_admit(job);

    } else if (job->added) {
        /* it was killed meanwhile, and that is on the disk or on its way */

        sjl_job_release(job);

    } else {
        sjl_job_reject(job, &fop->why);
    }

    sjl_file_op_free(fop);
}


static void
sjl_submit_free(sjl_again_t *a)
{
    sjl_submit_t  *s;

    s = sjl_container(a, sjl_submit_t, base);

    free(s->class);
    free(s->context);
    free(s->user);
    free(s->proxy_user);
    free(s->own);
    free(s->callback);
    free(s->trace);
    json_decref(s->names);
    json_decref(s->dependent);

    sjl_again_clear(a);
    free(s);
}


void
sjl_job_kill(sjl_conn_t *c, sjl_frame_t *f)
{
    sjl_job_t      *job;
    const char     *id, *user, *owner;
    sjl_kill_t     *k;
    sjl_request_t  *r;

    r = sjl_request_make(c, f);
    user = "";
    owner = NULL;

    if (sjl_request_unpack(r, f, "{s:s, s?s, s?s}", "id", &id, "user", &user,
                           "owner", &owner)
        == SJL_ERROR)
    {
        return;
    }

    job = sjl_job_find(id);

    if (job && !job->row.final && sjl_row_owned(job->row.user, owner)) {
        sjl_log(SJL_LOG_INFO, "job %s is to be killed, asked by \"%s\"", id,
                user);

        SPARKJOB_FAULT("kill.asked");

        LL_PREPEND2(job->killers, r, waiting);
        sjl_job_end(job);
        return;
    }

    k = sjl_alloc(sizeof(sjl_kill_t));
    k->request = r;
    k->id = sjl_strdup(id);
    k->owner = sjl_strdup(owner);

    sjl_look_job(id, sjl_kill_looked, k);
}


static void
sjl_kill_looked(void *data, const void *row, const sjl_why_t *why)
{
    sjl_kill_t           *k;
    const sjl_job_row_t  *job;

    k = data;
    job = row;

    if (why) {
        sjl_request_storage_failed(k->request, why);

    } else if (job == NULL || !sjl_row_owned(job->user, k->owner)) {
        sjl_request_refuse(k->request, SJP_ERR_NO_SUCH_JOB, k->id);

    } else if (job->state == SJP_JOB_ERROR) {
        sjl_request_reply(k->request,
                          json_pack("{s:o}", "record", sjl_record_job(job)),
                          job->data.data, job->data.len);

    } else {
        sjl_request_refuse(k->request, SJP_ERR_JOB_NOT_RUNNING, k->id);
    }

    free(k->owner);
    free(k->id);
    free(k);
}
