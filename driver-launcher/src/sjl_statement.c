
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_statement.h"
#include "sjl_again.h"
#include "sjl_config.h"
#include "sjl_lifetime.h"
#include "sjl_limit.h"
#include "sjl_session.h"
#include "sjl_state.h"
#include "sjl_stray.h"
#include "sjl_text.h"


typedef struct {
    sjl_again_t  base;
    char        *session;
    char        *own;
    char        *kind;
    char        *user;
    char        *context;               /* id, while its code is copied */
} sjl_statement_t;


static int sjl_statement_read(sjl_statement_t *s, sjl_frame_t *f);
static char *sjl_statement_key(const sjl_again_t *a, const char *body);
static void sjl_statement_accept(sjl_again_t *a);
static void sjl_statement_keep(sjl_statement_t *s, const sjl_context_t *ctx);
static void sjl_statement_kept(sjl_file_op_t *fop);
static void sjl_statement_copied(sjl_file_op_t *fop);
static sjl_context_t *sjl_statement_context(sjl_statement_t *s);
static int sjl_statement_room(sjl_statement_t *s, const sjl_context_t *ctx);
static void sjl_statement_make(sjl_statement_t *s, sjl_context_t *ctx,
    int in_file);
static void sjl_statement_free(sjl_again_t *a);


void
sjl_statement_submit(sjl_conn_t *c, sjl_frame_t *f)
{
    sjl_statement_t  *s;

    s = sjl_alloc(sizeof(sjl_statement_t));
    s->base.request = sjl_request_make(c, f);
    s->base.request->early = 1;
    s->base.fd = -1;
    s->base.key = sjl_statement_key;
    s->base.accept = sjl_statement_accept;
    s->base.free = sjl_statement_free;

    if (sjl_statement_read(s, f) == SJL_ERROR) {
        sjl_statement_free(&s->base);
        return;
    }

    sjl_again_begin(&s->base, c);
}


/* SJL_ERROR: it is answered */

static int
sjl_statement_read(sjl_statement_t *s, sjl_frame_t *f)
{
    sjl_text_t      text;
    const char     *id, *session, *own, *kind, *user;
    sjl_request_t  *r;

    r = s->base.request;
    own = "";
    kind = "";
    user = "";

    if (sjl_request_unpack(r, f, "{s:s, s:s, s?s, s?s, s?s, s?b}", "id", &id,
                           "session", &session, "own", &own, "kind", &kind,
                           "user", &user, "again", &s->base.again)
        == SJL_ERROR)
    {
        return SJL_ERROR;
    }

    s->base.id = sjl_strdup(id);
    s->session = sjl_strdup(session);
    s->own = sjl_strdup(own);
    s->kind = sjl_strdup(kind);
    s->user = sjl_strdup(user);

    if (!sjl_id_ok(id)) {
        sjl_request_refuse(r, SJP_ERR_BAD_REQUEST, "id");
        return SJL_ERROR;
    }

    if (sjl_again_body(&s->base, f) == SJL_ERROR) {
        return SJL_ERROR;
    }

    memset(&text, 0, sizeof(sjl_text_t));

    if (s->base.body
        && (sjl_text_check(&text, s->base.body, s->base.size) == SJL_ERROR
            || sjl_text_end(&text) == SJL_ERROR))
    {
        sjl_request_refuse(r, SJP_ERR_BAD_REQUEST, "the code is not UTF-8");
        return SJL_ERROR;
    }

    return SJL_OK;
}


static char *
sjl_statement_key(const sjl_again_t *a, const char *body)
{
    const sjl_statement_t  *s;

    s = sjl_container(a, sjl_statement_t, base);

    return sjl_format("%s\n%s\n%s", s->session, s->kind, body);
}


static void
sjl_statement_accept(sjl_again_t *a)
{
    sjl_context_t    *ctx;
    sjl_statement_t  *s;

    s = sjl_container(a, sjl_statement_t, base);

    ctx = sjl_again_open(a) && sjl_limit_take(a->request, a->fd)
          ? sjl_statement_context(s) : NULL;

    if (ctx && a->fd != -1) {
        sjl_statement_keep(s, ctx);
        return;
    }

    if (ctx) {
        sjl_statement_make(s, ctx, 0);
    }

    sjl_statement_free(a);
}


/*
 * Long code lies in a file for as long as the row does, and in another one that
 * the driver takes.  It has its number only then, since those behind it do not
 * wait for files.
 */

static void
sjl_statement_keep(sjl_statement_t *s, const sjl_context_t *ctx)
{
    sjl_file_op_t  *fop;

    s->context = sjl_strdup(ctx->row.id);

    fop = sjl_file_op_make(sjl_files_add, sjl_statement_kept, s);
    fop->fd = s->base.fd;
    fop->to = sjl_path_result(s->base.id, ".config");
    s->base.fd = -1;

    sjl_file_op_add(fop);
}


/* what came again may be there already, and is the same */

static void
sjl_statement_kept(sjl_file_op_t *fop)
{
    sjl_file_op_t    *copy;
    sjl_statement_t  *s;

    s = fop->data;

    if (fop->rc == SJL_ERROR && !fop->exists) {
        sjl_request_storage_failed(s->base.request, &fop->why);
        sjl_statement_free(&s->base);
        sjl_file_op_free(fop);
        return;
    }

    copy = sjl_file_op_make(sjl_files_copy, sjl_statement_copied, s);
    copy->fd = fop->fd;
    copy->to = sjl_path_job_body(s->context, s->base.id);
    fop->fd = -1;

    sjl_file_op_free(fop);
    sjl_file_op_add(copy);
}


static void
sjl_statement_copied(sjl_file_op_t *fop)
{
    sjl_context_t    *ctx;
    sjl_statement_t  *s;

    s = fop->data;

    SPARKJOB_FAULT("submit.copied");

    if (sjl_again_attach(&s->base)) {
        sjl_file_op_free(fop);
        sjl_statement_free(&s->base);
        return;
    }

    ctx = NULL;

    if (fop->rc == SJL_ERROR) {
        sjl_request_storage_failed(s->base.request, &fop->why);

    } else if (sjl_again_open(&s->base)) {
        ctx = sjl_statement_context(s);
    }

    if (ctx && strcmp(ctx->row.id, s->context) != 0) {
        sjl_request_refuse(s->base.request, SJP_ERR_CONTEXT_STOPPING,
                           s->session);
        ctx = NULL;
    }

    if (ctx) {
        sjl_statement_make(s, ctx, 1);

    } else {
        sjl_files_delete(sjl_path_result(s->base.id, ".config"));
        sjl_files_delete(sjl_path_job_body(s->context, s->base.id));
    }

    sjl_file_op_free(fop);
    sjl_statement_free(&s->base);
}


/* NULL: it is answered */

static sjl_context_t *
sjl_statement_context(sjl_statement_t *s)
{
    char           *why;
    const char     *kind;
    sjl_context_t  *ctx;

    ctx = sjl_session_find(s->session, s->own);

    if (ctx == NULL) {
        sjl_session_refuse(s->base.request, s->session, s->own);
        return NULL;
    }

    if (ctx->row.state == SJP_CONTEXT_STOPPING) {
        sjl_request_refuse(s->base.request, SJP_ERR_CONTEXT_STOPPING,
                           ctx->row.name);
        return NULL;
    }

    kind = sjl_statement_kind(ctx, s->kind, &why);

    if (kind == NULL) {
        sjl_request_refuse(s->base.request, SJP_ERR_BAD_REQUEST, why);
        free(why);
        return NULL;
    }

    free(s->kind);
    s->kind = sjl_strdup(kind);

    /* one that its driver knows has its place, and keeps it until it is made */

    return sjl_stray_is(ctx, s->base.id) || sjl_statement_room(s, ctx) ? ctx
                                                                       : NULL;
}


const char *
sjl_statement_kind(const sjl_context_t *ctx, const char *kind, char **why)
{
    int  n;

    if (*kind == '\0') {
        kind = ctx->row.kind;
    }

    n = sjl_name_find(sjl_kinds, kind);

    if (n == SJP_KIND_SHARED) {
        *why = sjl_strdup("Code type should be specified if session kind is "
                          "shared");
        return NULL;
    }

    if (n == -1) {
        *why = sjl_format("kind: expected spark, pyspark, sql or sparkr, got "
                          "\"%.100s\"", kind);
        sjl_text_clean(*why);
        return NULL;
    }

    return sjl_kinds[n];
}


static int
sjl_statement_room(sjl_statement_t *s, const sjl_context_t *ctx)
{
    char              *text;
    const sjl_lane_t  *lane;

    lane = &ctx->lanes[SJL_LANE_STATEMENTS];

    if ((int64_t) (lane->nslots + lane->nwaiting) < sjl_conf->livy_statements) {
        return sjl_limit_body(s->base.request, ctx,
                              s->base.body ? s->base.size : 0);
    }

    text = sjl_format("%lld %s", (long long) sjl_conf->livy_statements,
                      ctx->row.name);
    sjl_request_refuse(s->base.request, SJP_ERR_QUEUE_FULL, text);
    free(text);

    return 0;
}


/* nobody waits for it to run: its state is asked for, and events tell it */

static void
sjl_statement_make(sjl_statement_t *s, sjl_context_t *ctx, int in_file)
{
    sjl_job_t      *job;
    sjl_job_row_t   row;

    memset(&row, 0, sizeof(sjl_job_row_t));

    row.id = sjl_strdup(s->base.id);
    row.class = sjl_format("statement.%s", s->kind);
    row.user = sjl_strdup(s->user);
    row.cp = sjl_strdup("[]");
    row.request = s->base.again ? sjl_strdup(s->base.hash) : NULL;
    row.state = SJP_JOB_STARTED;
    row.rev = 1;
    row.sync = 1;
    row.start = sjl_now();
    row.code = -1;
    row.statement = ctx->row.statements++;
    row.kind = sjl_strdup(s->kind);
    row.body_file = in_file;
    row.config_file = in_file;

    if (s->base.body) {
        row.config.data = s->base.body;
        row.config.len = s->base.size;
        s->base.body = NULL;
    }

    job = sjl_job_make(ctx, &row);
    job->known = sjl_stray_found(ctx, job->row.id) ? 1 : 0;
    (void) sjl_job_attach(job, s->base.request);

    sjl_log(SJL_LOG_INFO, "job %s: STARTED in context %s %s, statement %lld "
            "of session %lld, %s, user \"%s\"", job->row.id, ctx->row.name,
            ctx->row.id, (long long) job->row.statement,
            (long long) ctx->row.session, s->kind, s->user);

    SPARKJOB_FAULT("submit.made");

    sjl_lifetime_idle(ctx);
    sjl_job_admit(job);
}


static void
sjl_statement_free(sjl_again_t *a)
{
    sjl_statement_t  *s;

    s = sjl_container(a, sjl_statement_t, base);

    free(s->session);
    free(s->own);
    free(s->kind);
    free(s->user);
    free(s->context);

    sjl_again_clear(a);
    free(s);
}


json_t *
sjl_statement_frame(const sjl_job_t *job)
{
    json_t  *meta;

    meta = json_pack("{s:s, s:s, s:s, s:I, s:s, s:b}", "id", job->row.id,
                     "class", job->row.class, "kind", job->row.kind,
                     "statement", (json_int_t) job->row.statement, "user",
                     job->row.user, "sync", (int) job->row.sync);

    return meta;
}


json_t *
sjl_statement_record(const sjl_job_row_t *row)
{
    json_t  *record;

    record = sjl_job_record(row);

    if (!row->config_file && row->config.len <= SJP_CODE_MAX) {
        (void) json_object_set_new(record, "code",
                                   json_stringn(row->config.data
                                                ? row->config.data : "",
                                                row->config.len));
    }

    return record;
}


void
sjl_statement_lost(sjl_job_t *job)
{
    if (job->killing) {
        sjl_job_killed(job, "its driver is gone");
        return;
    }

    (void) sjl_job_over(job);
    sjl_job_fail(job, SJP_JOB_ERROR, SJL_JOB_LOST, NULL,
                 "Statement %lld was lost with the driver of context %s, and "
                 "all that statements before it had defined",
                 (long long) job->row.statement, job->row.context);
}
