
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * /jobs: submitting.  What is read of jobs is in ngx_http_sparkjob_report.c.
 *
 * What the query leaves out, class path and class, may stand in the body, which
 * only the driver reads.  A synchronous request waits for the event that tells
 * of the job's end.
 *
 * Adding binaries to a context is a job, too, of a class that drivers have
 * built in: so it can take its time, be killed, and fail as jobs do.
 */


#include <ngx_http_sparkjob_job.h>


#define NGX_HTTP_SPARKJOB_LIST_MAX  8192
#define NGX_HTTP_SPARKJOB_JOB_POLL  20


static ngx_int_t ngx_http_sparkjob_job_what(ngx_http_request_t *r,
    ngx_http_sparkjob_job_t *job);
static ngx_int_t ngx_http_sparkjob_job_names(ngx_http_sparkjob_ctx_t *ctx,
    json_t *names, ngx_str_t *what, ngx_str_t *list);
static ngx_uint_t ngx_http_sparkjob_job_has_body(ngx_http_request_t *r);
static ngx_int_t ngx_http_sparkjob_job_submit(ngx_http_request_t *r,
    ngx_http_sparkjob_job_t *job, const char *route);
static ngx_int_t ngx_http_sparkjob_job_sent(ngx_http_request_t *r);
static ngx_int_t ngx_http_sparkjob_job_accepted(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_job_ended(ngx_http_request_t *r,
    ngx_http_sparkjob_record_t *rec);
static ngx_int_t ngx_http_sparkjob_job_result(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_job_answer(ngx_http_request_t *r,
    ngx_http_sparkjob_record_t *rec, ngx_chain_t *payload);
static ngx_int_t ngx_http_sparkjob_job_ask_again(ngx_http_request_t *r);
static ngx_int_t ngx_http_sparkjob_job_told_again(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_job_expired(ngx_http_request_t *r);


static ngx_http_sparkjob_param_t  ngx_http_sparkjob_job_params[] = {
    { ngx_string("sync"), ngx_http_sparkjob_param_flag,
      offsetof(ngx_http_sparkjob_job_t, sync), 0 },
    { ngx_string("timeout"), ngx_http_sparkjob_param_number,
      offsetof(ngx_http_sparkjob_job_t, timeout), 0 },
    { ngx_string("appName"), ngx_http_sparkjob_param_string,
      offsetof(ngx_http_sparkjob_job_t, app), SJP_NAME_MAX },
    { ngx_string("classPath"), ngx_http_sparkjob_param_string,
      offsetof(ngx_http_sparkjob_job_t, class_path),
      SJP_CLASS_MAX },
    { ngx_string("cp"), ngx_http_sparkjob_param_string,
      offsetof(ngx_http_sparkjob_job_t, cp), NGX_HTTP_SPARKJOB_LIST_MAX },
    { ngx_string("mainClass"), ngx_http_sparkjob_param_string,
      offsetof(ngx_http_sparkjob_job_t, main_class),
      SJP_CLASS_MAX },
    { ngx_string("context"), ngx_http_sparkjob_param_string,
      offsetof(ngx_http_sparkjob_job_t, context), SJP_NAME_MAX },
    { ngx_string("dependent-jar-uris"), ngx_http_sparkjob_param_string,
      offsetof(ngx_http_sparkjob_job_t, dependent),
      NGX_HTTP_SPARKJOB_LIST_MAX },
    { ngx_string("callbackUrl"), ngx_http_sparkjob_param_url,
      offsetof(ngx_http_sparkjob_job_t, callback), NGX_HTTP_SPARKJOB_URL_MAX },
    { ngx_string("spark.proxy.user"), ngx_http_sparkjob_param_string,
      offsetof(ngx_http_sparkjob_job_t, proxy_user), SJP_NAME_MAX },
    { ngx_string("validate"), ngx_http_sparkjob_job_validate,
      offsetof(ngx_http_sparkjob_job_t, early), 0 },
    { ngx_string("trace"), ngx_http_sparkjob_param_flag,
      offsetof(ngx_http_sparkjob_job_t, traced), 0 },
    { ngx_null_string, NULL, 0, 0 }
};


static ngx_http_sparkjob_param_t  ngx_http_sparkjob_add_params[] = {
    { ngx_string("cp"), ngx_http_sparkjob_param_string,
      offsetof(ngx_http_sparkjob_job_t, cp), NGX_HTTP_SPARKJOB_LIST_MAX },
    { ngx_string("sync"), ngx_http_sparkjob_param_flag,
      offsetof(ngx_http_sparkjob_job_t, sync), 0 },
    { ngx_string("timeout"), ngx_http_sparkjob_param_number,
      offsetof(ngx_http_sparkjob_job_t, timeout), 0 },
    { ngx_null_string, NULL, 0, 0 }
};


/* an ad hoc context that fails has another label than one that is created */

static ngx_http_sparkjob_refusal_t  ngx_http_sparkjob_submit_refusals[] = {
    { SJP_ERR_CONTEXT_INIT_FAILED, 500, "CONTEXT INIT FAILED", NULL },
    { SJP_ERR_BAD_SETTING, 400, "CONTEXT INIT FAILED", NULL },
    { 0, 0, NULL, NULL }
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_submit_call = {
    SJP_JOB_SUBMIT,
    ngx_http_sparkjob_job_accepted,
    NULL,
    ngx_http_sparkjob_job_sent,
    ngx_http_sparkjob_job_expired,
    ngx_http_sparkjob_submit_refusals,
    1
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_again_call = {
    SJP_JOB_GET,
    ngx_http_sparkjob_job_told_again,
    NULL,
    NULL,
    ngx_http_sparkjob_job_expired,
    NULL,
    1
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_sync_result_call = {
    SJP_JOB_RESULT,
    ngx_http_sparkjob_job_result,
    NULL,
    NULL,
    ngx_http_sparkjob_job_expired,
    NULL,
    1
};


ngx_int_t
ngx_http_sparkjob_job_post(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_http_sparkjob_job_t  *job;

    job = ngx_pcalloc(r->pool, sizeof(ngx_http_sparkjob_job_t));
    if (job == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_sparkjob_job_begin(r, job, ngx_http_sparkjob_job_params);

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_job_what(r, job);
    }

    return ngx_http_sparkjob_job_end(r, job, "POST /jobs", rc);
}


ngx_int_t
ngx_http_sparkjob_context_add(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_http_sparkjob_ctx_t  *ctx;
    ngx_http_sparkjob_job_t  *job;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    job = ngx_pcalloc(r->pool, sizeof(ngx_http_sparkjob_job_t));
    if (job == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    job->sync = 1;
    ngx_str_set(&job->main_class, SJP_CLASS_BINARIES);

    rc = ngx_http_sparkjob_job_begin(r, job, ngx_http_sparkjob_add_params);

    job->context = ctx->stored;

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_job_what(r, job);
    }

    return ngx_http_sparkjob_job_end(r, job, "POST /contexts/binaries", rc);
}


ngx_int_t
ngx_http_sparkjob_job_begin(ngx_http_request_t *r,
    ngx_http_sparkjob_job_t *job, ngx_http_sparkjob_param_t *params)
{
    ngx_int_t                 rc;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    ctx->data = job;
    job->timeout = -1;
    job->names = json_array();
    job->dependents = json_array();

    if (job->names == NULL || job->dependents == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_sparkjob_params(ctx, params, job);

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_own_name(ctx, &job->context, &job->context);
    }

    ctx->about = job->context;

    return rc;
}


ngx_int_t
ngx_http_sparkjob_job_end(ngx_http_request_t *r, ngx_http_sparkjob_job_t *job,
    const char *route, ngx_int_t rc)
{
    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_job_submit(r, job, route);

    } else if (rc == NGX_DECLINED) {
        rc = ngx_http_sparkjob_reply_problem(r);
    }

    json_decref(job->names);
    json_decref(job->dependents);

    return rc;
}


/* which binaries and which class; NGX_DECLINED: ctx->problem is set */

static ngx_int_t
ngx_http_sparkjob_job_what(ngx_http_request_t *r, ngx_http_sparkjob_job_t *job)
{
    ngx_int_t                 rc;
    ngx_http_sparkjob_ctx_t  *ctx;
    static ngx_str_t          cp = ngx_string("name of a binary in 'cp'");
    static ngx_str_t          uris = ngx_string("URI in 'dependent-jar-uris'");

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    rc = ngx_http_sparkjob_job_names(ctx, job->dependents, &uris,
                                     &job->dependent);
    if (rc != NGX_OK) {
        return rc;
    }

    if (job->app.len) {
        job->class = job->class_path;

        if (job->class.len == 0) {
            return ngx_http_sparkjob_problem(ctx, "Cannot parse config: "
                                         "classPath parameter is missing!");
        }

        return json_array_append_new(job->names,
                              json_stringn(ngx_http_sparkjob_text(&job->app)))
               ? NGX_HTTP_INTERNAL_SERVER_ERROR : NGX_OK;
    }

    job->class = job->main_class;

    rc = ngx_http_sparkjob_job_names(ctx, job->names, &cp, &job->cp);

    if (rc != NGX_OK || ngx_http_sparkjob_job_has_body(r)) {
        return rc;
    }

    if (json_array_size(job->names) == 0) {
        return ngx_http_sparkjob_problem(ctx, "Cannot parse config: "
                             "To start the job appName or cp parameters should "
                             "be configured!");
    }

    if (job->class.len == 0) {
        return ngx_http_sparkjob_problem(ctx, "Cannot parse config: "
                                         "mainClass parameter is missing!");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sparkjob_job_names(ngx_http_sparkjob_ctx_t *ctx, json_t *names,
    ngx_str_t *what, ngx_str_t *list)
{
    u_char     *p, *last;
    ngx_int_t   rc;
    ngx_str_t   name;

    last = list->data + list->len;

    for (p = list->data; p < last; p += name.len + 1) {

        name.data = p;

        p = ngx_strlchr(p, last, ',');

        name.len = (p ? p : last) - name.data;
        p = name.data;

        if (name.len == 0) {
            continue;
        }

        rc = ngx_http_sparkjob_check_text(ctx, what, &name, SJP_CLASS_MAX);

        if (rc != NGX_OK) {
            return rc;
        }

        if (json_array_append_new(names, json_stringn((char *) name.data,
                                                      name.len)))
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_sparkjob_job_has_body(ngx_http_request_t *r)
{
    ngx_chain_t  *cl;

    for (cl = r->request_body ? r->request_body->bufs : NULL;
         cl;
         cl = cl->next)
    {
        if (ngx_buf_size(cl->buf)) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_sparkjob_job_validate(ngx_http_sparkjob_ctx_t *ctx,
    ngx_keyval_t *arg, void *field, ngx_uint_t max)
{
    ngx_flag_t  *early = field;

    *early = (arg->value.len == sizeof("async") - 1
              && ngx_strncmp(arg->value.data, "async", arg->value.len) == 0);

    if (*early
        || (arg->value.len == sizeof("sync") - 1
            && ngx_strncmp(arg->value.data, "sync", arg->value.len) == 0))
    {
        return NGX_OK;
    }

    return ngx_http_sparkjob_problem(ctx, "The query parameter 'validate' was "
                                     "malformed:\n'%V' is neither 'async' nor "
                                     "'sync'", &arg->value);
}


/* an early answer is of no use to a client that waits for the end anyway */

static ngx_int_t
ngx_http_sparkjob_job_submit(ngx_http_request_t *r,
    ngx_http_sparkjob_job_t *job, const char *route)
{
    json_t                        *meta;
    ngx_int_t                      rc;
    ngx_msec_t                     timeout;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    if (job->traced && job->sync) {
        job->trace = ngx_http_sparkjob_trace_begin(r->pool);
        if (job->trace == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    rc = ngx_http_sparkjob_id_make(r, route);

    if (rc == NGX_DECLINED) {
        return ngx_http_sparkjob_reply_problem(r);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    meta = json_pack("{s:s%, s:O, s:O, s:s%, s:b, s:b, s:b, s:b, s:s%}",
                     "id", ngx_http_sparkjob_text(&ctx->id),
                     "cp", job->names,
                     "dependent", job->dependents,
                     "class", ngx_http_sparkjob_text(&job->class),
                     "sync", (int) job->sync,
                     "early", job->early && !job->sync,
                     "again", ctx->key.len != 0,
                     "trace", job->trace != NULL,
                     "user", ngx_http_sparkjob_text(&ctx->user));

    meta = ngx_http_sparkjob_meta_with(meta, "context", &job->context);
    meta = ngx_http_sparkjob_meta_with(meta, "callback", &job->callback);
    meta = ngx_http_sparkjob_meta_with(meta, "proxyUser",
                                       slcf->proxy_user ? &ctx->user
                                                        : &job->proxy_user);
    meta = ngx_http_sparkjob_meta_with(meta, "own", &ctx->own);

    timeout = (job->timeout == -1) ? slcf->sync_timeout
                                   : (ngx_msec_t) job->timeout * 1000;

    return ngx_http_sparkjob_ask(r, &ngx_http_sparkjob_submit_call, meta, 1,
                                 timeout);
}


static ngx_int_t
ngx_http_sparkjob_job_sent(ngx_http_request_t *r)
{
    ngx_http_sparkjob_ctx_t  *ctx;
    ngx_http_sparkjob_job_t  *job;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    job = ctx->data;

    if (job->trace) {
        ngx_http_sparkjob_trace_sent(job->trace);
    }

    return NGX_AGAIN;
}


/* the job runs, or it has ended already */

static ngx_int_t
ngx_http_sparkjob_job_accepted(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    json_t                      *record;
    ngx_http_sparkjob_ctx_t     *ctx;
    ngx_http_sparkjob_job_t     *job;
    ngx_http_sparkjob_record_t  *rec;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    job = ctx->data;

    if (job->trace) {
        ngx_http_sparkjob_trace_back(job->trace, msg->meta);
    }

    rec = ngx_http_sparkjob_record_told(r, NGX_HTTP_SPARKJOB_JOB, msg);
    if (rec == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (job->sync && !rec->final) {
        job->rec = rec;

        /* no event gets lost: the one that ends the job is still to come */

        ngx_http_sparkjob_wait_job(r, &ctx->id, ngx_http_sparkjob_job_ended,
                                   ngx_http_sparkjob_job_ask_again);
        return NGX_AGAIN;
    }

    /* an asynchronous one has not run at all if its validation has thrown */

    if (job->sync
        || (!job->early && rec->state == SJP_JOB_ERROR
            && rec->of.job.micros == 0))
    {
        return ngx_http_sparkjob_job_ended(r, rec);
    }

    /* whatever has become of it since, it is told as it was accepted */

    record = json_object_get(msg->meta, "record");

    if (json_object_set_new(record, "state", json_string("STARTED")) == -1
        || json_object_set_new(record, "end", json_integer(0)) == -1
        || json_object_set_new(record, "payload", json_string("none")) == -1)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rec = ngx_http_sparkjob_record_told(r, NGX_HTTP_SPARKJOB_JOB, msg);
    if (rec == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_report(r, NGX_HTTP_ACCEPTED, rec, NULL);
}


static ngx_int_t
ngx_http_sparkjob_job_ended(ngx_http_request_t *r,
    ngx_http_sparkjob_record_t *rec)
{
    ngx_chain_t                   *payload;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_job_t       *job;
    ngx_http_sparkjob_message_t    msg;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    job = ctx->data;

    if (rec->payload == NGX_HTTP_SPARKJOB_STORED) {

        if (job->rec != rec) {

            job->rec = ngx_palloc(r->pool, rec->size);
            if (job->rec == NULL) {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }

            ngx_memcpy(job->rec, rec, rec->size);
        }

        slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

        return ngx_http_sparkjob_job_ask(r, &ngx_http_sparkjob_sync_result_call,
                                         &ctx->id, slcf->reply_timeout);
    }

    msg.fd = -1;
    msg.payload = ngx_http_sparkjob_record_string(rec,
                                                  NGX_HTTP_SPARKJOB_PAYLOAD);

    payload = ngx_http_sparkjob_payload(r, &msg);
    if (payload == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_job_answer(r, rec, payload);
}


static ngx_int_t
ngx_http_sparkjob_job_result(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_chain_t              *payload;
    ngx_http_sparkjob_ctx_t  *ctx;
    ngx_http_sparkjob_job_t  *job;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    job = ctx->data;

    payload = ngx_http_sparkjob_payload(r, msg);
    if (payload == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_job_answer(r, job->rec, payload);
}


static ngx_int_t
ngx_http_sparkjob_job_answer(ngx_http_request_t *r,
    ngx_http_sparkjob_record_t *rec, ngx_chain_t *payload)
{
    ngx_buf_t                   *b;
    ngx_http_sparkjob_ctx_t     *ctx;
    ngx_http_sparkjob_job_t     *job;
    ngx_http_sparkjob_format_t  *format;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    job = ctx->data;
    format = ngx_http_sparkjob_format(rec);

    if (ngx_http_sparkjob_timing(r, rec, job->trace) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rec->state == SJP_JOB_FINISHED && format != ngx_http_sparkjob_formats) {

        if (ngx_http_sparkjob_reply_header(r, "Sparkjob-Job", &ctx->id)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_sparkjob_result_reply(r, format, payload);
    }

    b = ngx_create_temp_buf(r->pool,
                     sizeof("{\"jobId\":\"\",\"status\":\"\",\"result\":")
                     + NGX_HTTP_SPARKJOB_ID_LEN + sizeof("RESTARTING"));
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_sprintf(b->last, "{\"jobId\":\"%V\",", &ctx->id);

    if (rec->state != SJP_JOB_FINISHED) {
        b->last = ngx_sprintf(b->last, "\"status\":\"%V\",",
                           ngx_http_sparkjob_state_name(rec->kind, rec->state));
    }

    b->last = ngx_sprintf(b->last, "\"result\":");

    return ngx_http_sparkjob_reply_around(r, NGX_HTTP_OK, b, payload);
}


/* the channel is new, and the event that was waited for may be lost */

static ngx_int_t
ngx_http_sparkjob_job_ask_again(ngx_http_request_t *r)
{
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    return ngx_http_sparkjob_job_ask(r, &ngx_http_sparkjob_again_call,
                                     &ctx->id, NGX_TIMER_INFINITE);
}


static ngx_int_t
ngx_http_sparkjob_job_told_again(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_http_sparkjob_record_t  *rec;

    rec = ngx_http_sparkjob_record_told(r, NGX_HTTP_SPARKJOB_JOB, msg);
    if (rec == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return rec->final ? ngx_http_sparkjob_job_ended(r, rec) : NGX_AGAIN;
}


/*
 * The job goes on: the client gets its id, its present state, and where to look
 * for it.  But nobody is told of a job that the launcher may not keep, or not
 * even accept: what it says to it, or its event, is waited for yet.
 */

static ngx_int_t
ngx_http_sparkjob_job_expired(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_job_t       *job;
    ngx_http_sparkjob_record_t    *rec;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);
    job = ctx->data;

    rc = ngx_http_sparkjob_zone_get(ctx->zone, NGX_HTTP_SPARKJOB_JOB, &ctx->id,
                                    &ctx->owner, r->pool, &rec);

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc != NGX_OK) {
        rec = job->rec;
    }

    if (rec == NULL) {

        if (!job->overdue) {
            job->overdue = 1;
            job->end = ngx_current_msec + slcf->launcher_timeout;
        }

        if (!ctx->zone->channel->up
            || (ngx_msec_int_t) (job->end - ngx_current_msec) <= 0)
        {
            return ngx_http_sparkjob_reply_unavailable(r);
        }

        return ngx_http_sparkjob_wait(r, NGX_HTTP_SPARKJOB_JOB_POLL,
                                      ngx_http_sparkjob_job_expired);
    }

    if (ngx_http_sparkjob_reply_location(r, "/jobs/", &ctx->id) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rec->payload != NGX_HTTP_SPARKJOB_ERROR) {
        rec->payload = NGX_HTTP_SPARKJOB_NO_PAYLOAD;
    }

    return ngx_http_sparkjob_report(r, NGX_HTTP_ACCEPTED, rec, NULL);
}
