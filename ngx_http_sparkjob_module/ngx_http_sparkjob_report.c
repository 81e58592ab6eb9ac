
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * /jobs: the reports, the configuration, and killing.
 */


#include <ngx_http_sparkjob_module.h>


#define NGX_HTTP_SPARKJOB_LIMIT  50


typedef struct {
    ngx_int_t   limit;
    ngx_str_t   status;
} ngx_http_sparkjob_list_t;


static ngx_int_t ngx_http_sparkjob_job_ask(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call);
static ngx_int_t ngx_http_sparkjob_job_known(ngx_http_request_t *r,
    ngx_http_sparkjob_record_t *rec);
static ngx_int_t ngx_http_sparkjob_job_told(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_job_stored(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_job_list_ask(ngx_http_request_t *r,
    ngx_http_sparkjob_list_t *list);
static ngx_int_t ngx_http_sparkjob_job_list_record(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_job_list_end(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_job_list_reply(ngx_http_request_t *r,
    ngx_array_t *recs);
static ngx_int_t ngx_http_sparkjob_job_configured(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_job_killed(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_no_such_job(ngx_http_request_t *r);
static ngx_uint_t ngx_http_sparkjob_is_id(ngx_str_t *id);
static size_t ngx_http_sparkjob_report_len(ngx_http_sparkjob_record_t *rec);
static u_char *ngx_http_sparkjob_report_format(u_char *p,
    ngx_http_sparkjob_record_t *rec);
static u_char *ngx_http_sparkjob_duration(u_char *p, uint64_t ms);


#define NGX_HTTP_SPARKJOB_REPORT_FORMAT                                       \
    "{\"jobId\":\"\",\"startTime\":\"\",\"classPath\":\"\",\"context\":\"\"," \
    "\"contextId\":\"\",\"duration\":\"Job not done yet\","                   \
    "\"status\":\"RESTARTING\",\"result\":},"

#define NGX_HTTP_SPARKJOB_AD_HOC  "<<ad-hoc>>"


static ngx_http_sparkjob_param_t  ngx_http_sparkjob_list_params[] = {
    { ngx_string("limit"), ngx_http_sparkjob_param_number,
      offsetof(ngx_http_sparkjob_list_t, limit), 0 },
    { ngx_string("status"), ngx_http_sparkjob_param_string,
      offsetof(ngx_http_sparkjob_list_t, status), NGX_HTTP_SPARKJOB_NAME_MAX },
    { ngx_null_string, NULL, 0, 0 }
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_get_call = {
    SJP_JOB_GET,
    ngx_http_sparkjob_job_told,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_result_call = {
    SJP_JOB_RESULT,
    ngx_http_sparkjob_job_stored,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_list_call = {
    SJP_JOB_LIST,
    ngx_http_sparkjob_job_list_end,
    ngx_http_sparkjob_job_list_record,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_config_call = {
    SJP_JOB_CONFIG,
    ngx_http_sparkjob_job_configured,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_kill_call = {
    SJP_JOB_KILL,
    ngx_http_sparkjob_job_killed,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


ngx_int_t
ngx_http_sparkjob_job_get(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_http_sparkjob_ctx_t     *ctx;
    ngx_http_sparkjob_record_t  *rec;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    rc = ngx_http_sparkjob_zone_get(ctx->zone, NGX_HTTP_SPARKJOB_JOB,
                                    &ctx->name, r->pool, &rec);

    if (rc == NGX_OK && rec->payload != NGX_HTTP_SPARKJOB_NO_ROOM) {
        return ngx_http_sparkjob_job_known(r, rec);
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_sparkjob_no_such_job(r);
    }

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_job_ask(r, &ngx_http_sparkjob_get_call);
}


static ngx_int_t
ngx_http_sparkjob_job_ask(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call)
{
    json_t                        *meta;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    if (!ngx_http_sparkjob_is_id(&ctx->name)) {
        return ngx_http_sparkjob_no_such_job(r);
    }

    meta = json_pack("{s:s%, s:s%}",
                     "id", ngx_http_sparkjob_text(&ctx->name),
                     "user", ngx_http_sparkjob_text(&ctx->user));

    return ngx_http_sparkjob_ask(r, call, meta, 0, slcf->reply_timeout);
}


static ngx_int_t
ngx_http_sparkjob_job_known(ngx_http_request_t *r,
    ngx_http_sparkjob_record_t *rec)
{
    ngx_http_sparkjob_ctx_t  *ctx;

    if (rec->payload != NGX_HTTP_SPARKJOB_STORED) {
        return ngx_http_sparkjob_report(r, NGX_HTTP_OK, rec, NULL);
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    ctx->data = rec;

    return ngx_http_sparkjob_job_ask(r, &ngx_http_sparkjob_result_call);
}


static ngx_int_t
ngx_http_sparkjob_job_told(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_http_sparkjob_ctx_t     *ctx;
    ngx_http_sparkjob_record_t  *rec;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    rec = ngx_http_sparkjob_record(ctx->zone->channel, r->pool,
                                   NGX_HTTP_SPARKJOB_JOB,
                                   json_object_get(msg->meta, "record"),
                                   &msg->payload);
    if (rec == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_job_known(r, rec);
}


static ngx_int_t
ngx_http_sparkjob_job_stored(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_chain_t              *payload;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    payload = ngx_http_sparkjob_payload(r, msg);
    if (payload == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_report(r, NGX_HTTP_OK, ctx->data, payload);
}


ngx_int_t
ngx_http_sparkjob_job_list(ngx_http_request_t *r)
{
    size_t                      i;
    ngx_int_t                   rc;
    ngx_array_t                 recs;
    ngx_http_sparkjob_ctx_t    *ctx;
    ngx_http_sparkjob_list_t    list;
    ngx_http_sparkjob_query_t   query;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    list.limit = NGX_HTTP_SPARKJOB_LIMIT;
    ngx_str_null(&list.status);

    rc = ngx_http_sparkjob_params(ctx, ngx_http_sparkjob_list_params, &list);

    if (rc != NGX_OK) {
        return ngx_http_sparkjob_reply_problem(r);
    }

    if (ngx_array_init(&recs, r->pool, 64, sizeof(void *)) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    query.kind = NGX_HTTP_SPARKJOB_JOB;
    query.states = 0;
    query.limit = list.limit;

    if (list.status.len) {
        for (i = 0; i < list.status.len; i++) {
            list.status.data[i] = ngx_toupper(list.status.data[i]);
        }

        rc = ngx_http_sparkjob_state_number(NGX_HTTP_SPARKJOB_JOB,
                                            &list.status);
        if (rc == NGX_ERROR) {
            return ngx_http_sparkjob_job_list_reply(r, &recs);
        }

        query.states = ngx_http_sparkjob_state_bit(rc);
    }

    rc = ngx_http_sparkjob_zone_list(ctx->zone, &query, r->pool, &recs);

    if (rc == NGX_AGAIN) {
        return ngx_http_sparkjob_job_list_ask(r, &list);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_job_list_reply(r, &recs);
}


static ngx_int_t
ngx_http_sparkjob_job_list_ask(ngx_http_request_t *r,
    ngx_http_sparkjob_list_t *list)
{
    json_t                        *meta;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    meta = json_pack("{s:I}", "limit", (json_int_t) list->limit);

    if (meta && list->status.len
        && json_object_set_new(meta, "status",
                               json_stringn((char *) list->status.data,
                                            list->status.len))
           == -1)
    {
        json_decref(meta);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->data = ngx_array_create(r->pool, 64, sizeof(void *));

    if (ctx->data == NULL) {
        json_decref(meta);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_ask(r, &ngx_http_sparkjob_list_call, meta, 0,
                                 slcf->reply_timeout);
}


static ngx_int_t
ngx_http_sparkjob_job_list_record(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_http_sparkjob_ctx_t      *ctx;
    ngx_http_sparkjob_record_t  **rec;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    rec = ngx_array_push(ctx->data);
    if (rec == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    *rec = ngx_http_sparkjob_record(ctx->zone->channel, r->pool,
                                    NGX_HTTP_SPARKJOB_JOB,
                                    json_object_get(msg->meta, "record"),
                                    &msg->payload);

    return *rec ? NGX_AGAIN : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


static ngx_int_t
ngx_http_sparkjob_job_list_end(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    return ngx_http_sparkjob_job_list_reply(r, ctx->data);
}


/* results are left out of lists, errors are not */

static ngx_int_t
ngx_http_sparkjob_job_list_reply(ngx_http_request_t *r, ngx_array_t *recs)
{
    size_t                        len;
    ngx_buf_t                    *b;
    ngx_uint_t                    i;
    ngx_http_sparkjob_record_t  **rec;

    rec = recs->elts;
    len = sizeof("[]");

    for (i = 0; i < recs->nelts; i++) {

        if (rec[i]->payload != NGX_HTTP_SPARKJOB_ERROR) {
            rec[i]->payload = NGX_HTTP_SPARKJOB_NO_PAYLOAD;
        }

        len += ngx_http_sparkjob_report_len(rec[i]);
    }

    b = ngx_create_temp_buf(r->pool, len);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    *b->last++ = '[';

    for (i = 0; i < recs->nelts; i++) {

        if (i) {
            *b->last++ = ',';
        }

        b->last = ngx_http_sparkjob_report_format(b->last, rec[i]);
        *b->last++ = '}';
    }

    *b->last++ = ']';

    return ngx_http_sparkjob_reply_buf(r, NGX_HTTP_OK, b);
}


ngx_int_t
ngx_http_sparkjob_job_config(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_job_ask(r, &ngx_http_sparkjob_config_call);
}


static ngx_int_t
ngx_http_sparkjob_job_configured(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_chain_t  *payload;

    payload = ngx_http_sparkjob_payload(r, msg);
    if (payload == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_reply(r, NGX_HTTP_OK, payload);
}


ngx_int_t
ngx_http_sparkjob_job_delete(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_job_ask(r, &ngx_http_sparkjob_kill_call);
}


/* the odd key "ERROR" is the original's */

static ngx_int_t
ngx_http_sparkjob_job_killed(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_buf_t                   *b;
    ngx_str_t                    error, text;
    ngx_http_sparkjob_ctx_t     *ctx;
    ngx_http_sparkjob_record_t  *rec;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    rec = ngx_http_sparkjob_record(ctx->zone->channel, r->pool,
                                   NGX_HTTP_SPARKJOB_JOB,
                                   json_object_get(msg->meta, "record"),
                                   &msg->payload);
    if (rec == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!rec->final) {
        ngx_str_set(&text, "The job has been told to stop, but still runs");

        return ngx_http_sparkjob_reply_text(r, NGX_HTTP_ACCEPTED,
                   (char *) ngx_http_sparkjob_state_name(rec->kind,
                                                         rec->state)->data,
                   &text);
    }

    if (rec->state == SJP_JOB_FINISHED) {
        return ngx_http_sparkjob_reply_error(r, NGX_HTTP_NOT_FOUND,
                                             "No running job with ID %V",
                                             &ctx->name);
    }

    error = ngx_http_sparkjob_record_string(rec, NGX_HTTP_SPARKJOB_PAYLOAD);

    b = ngx_create_temp_buf(r->pool,
                            sizeof("{\"status\":\"KILLED\",\"ERROR\":null}")
                            + error.len);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rec->state == SJP_JOB_KILLED) {
        b->last = ngx_sprintf(b->last, "{\"status\":\"KILLED\"}");

    } else if (error.len) {
        b->last = ngx_sprintf(b->last, "{\"status\":\"ERROR\",\"ERROR\":%V}",
                              &error);

    } else {
        b->last = ngx_sprintf(b->last, "{\"status\":\"ERROR\"}");
    }

    return ngx_http_sparkjob_reply_buf(r, NGX_HTTP_OK, b);
}


static ngx_int_t
ngx_http_sparkjob_no_such_job(ngx_http_request_t *r)
{
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    return ngx_http_sparkjob_reply_error(r, NGX_HTTP_NOT_FOUND,
                                         "No such job ID %V", &ctx->name);
}


/* other ids than ours need not be asked for */

static ngx_uint_t
ngx_http_sparkjob_is_id(ngx_str_t *id)
{
    size_t  i;
    u_char  ch;

    if (id->len != NGX_HTTP_SPARKJOB_ID_LEN) {
        return 0;
    }

    for (i = 0; i < id->len; i++) {
        ch = id->data[i];

        if (i == 8 || i == 13 || i == 18 || i == 23) {

            if (ch != '-') {
                return 0;
            }

        } else if (!((ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'f'))) {
            return 0;
        }
    }

    return 1;
}


/* "result" is what comes instead of the record's own payload, or NULL */

ngx_int_t
ngx_http_sparkjob_report(ngx_http_request_t *r, ngx_uint_t status,
    ngx_http_sparkjob_record_t *rec, ngx_chain_t *result)
{
    ngx_buf_t  *b;

    b = ngx_create_temp_buf(r->pool, ngx_http_sparkjob_report_len(rec));
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_http_sparkjob_report_format(b->last, rec);

    if (result) {
        b->last = ngx_cpymem(b->last, ",\"result\":",
                             sizeof(",\"result\":") - 1);

        return ngx_http_sparkjob_reply_around(r, status, b, result);
    }

    *b->last++ = '}';

    return ngx_http_sparkjob_reply_buf(r, status, b);
}


static size_t
ngx_http_sparkjob_report_len(ngx_http_sparkjob_record_t *rec)
{
    size_t      len;
    ngx_str_t   s;
    ngx_uint_t  i;

    len = sizeof(NGX_HTTP_SPARKJOB_REPORT_FORMAT)
          + NGX_HTTP_SPARKJOB_TIME_LEN
          + sizeof(NGX_HTTP_SPARKJOB_AD_HOC)
          + sizeof(".000 secs") + NGX_INT64_LEN;

    for (i = 0; i < NGX_HTTP_SPARKJOB_PAYLOAD; i++) {
        s = ngx_http_sparkjob_record_string(rec, i);
        len += ngx_http_sparkjob_json_len(&s);
    }

    return len + rec->len[NGX_HTTP_SPARKJOB_PAYLOAD];
}


/* all but the last brace */

static u_char *
ngx_http_sparkjob_report_format(u_char *p, ngx_http_sparkjob_record_t *rec)
{
    ngx_str_t  id, class, context, context_id, payload;

    id = ngx_http_sparkjob_record_string(rec, NGX_HTTP_SPARKJOB_KEY);
    class = ngx_http_sparkjob_record_string(rec, NGX_HTTP_SPARKJOB_JOB_CLASS);
    context = ngx_http_sparkjob_record_string(rec,
                                              NGX_HTTP_SPARKJOB_JOB_CONTEXT);
    context_id = ngx_http_sparkjob_record_string(rec,
                                            NGX_HTTP_SPARKJOB_JOB_CONTEXT_ID);

    if (context.len == 0) {
        ngx_str_set(&context, NGX_HTTP_SPARKJOB_AD_HOC);
    }

    p = ngx_sprintf(p, "{\"jobId\":\"%V\",\"startTime\":\"", &id);
    p = ngx_http_sparkjob_time(p, rec->start);
    p = ngx_sprintf(p, "\",\"classPath\":\"");
    p = ngx_http_sparkjob_json(p, &class);
    p = ngx_sprintf(p, "\",\"context\":\"");
    p = ngx_http_sparkjob_json(p, &context);
    p = ngx_sprintf(p, "\",\"contextId\":\"%V\",\"duration\":\"", &context_id);
    p = rec->end ? ngx_http_sparkjob_duration(p, rec->end > rec->start
                                                 ? rec->end - rec->start : 0)
                 : ngx_sprintf(p, "Job not done yet");
    p = ngx_sprintf(p, "\",\"status\":\"%V\"",
                    ngx_http_sparkjob_state_name(rec->kind, rec->state));

    if (rec->payload == NGX_HTTP_SPARKJOB_RESULT
        || rec->payload == NGX_HTTP_SPARKJOB_ERROR)
    {
        payload = ngx_http_sparkjob_record_string(rec,
                                                  NGX_HTTP_SPARKJOB_PAYLOAD);

        p = ngx_sprintf(p, ",\"result\":%V", &payload);
    }

    return p;
}


/* seconds as Java prints a double: without needless zeroes, but one digit */

static u_char *
ngx_http_sparkjob_duration(u_char *p, uint64_t ms)
{
    p = ngx_sprintf(p, "%uL.%03uL", ms / 1000, ms % 1000);

    while (p[-1] == '0' && p[-2] != '.') {
        p--;
    }

    return ngx_cpymem(p, " secs", sizeof(" secs") - 1);
}
