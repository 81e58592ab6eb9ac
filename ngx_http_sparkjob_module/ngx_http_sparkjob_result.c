
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * /jobs/<id>/result: results as such, with nothing around them; those that are
 * no JSON can be had in no other way.
 */


#include <ngx_http_sparkjob_module.h>


static ngx_int_t ngx_http_sparkjob_result_told(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_result_known(ngx_http_request_t *r,
    ngx_http_sparkjob_record_t *rec);
static ngx_int_t ngx_http_sparkjob_result_none(ngx_http_request_t *r,
    ngx_http_sparkjob_record_t *rec);
static ngx_int_t ngx_http_sparkjob_result_stored(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);


/* the first one is that of all other classes */

ngx_http_sparkjob_format_t  ngx_http_sparkjob_formats[] = {
    { ngx_string("json"), ngx_string(SJP_CLASS_SQL),
      ngx_string("application/json"), ngx_null_string },
    { ngx_string("csv"), ngx_string(SJP_CLASS_SQL ".csv"),
      ngx_string("text/csv"), ngx_string("utf-8") },
    { ngx_string("arrow"), ngx_string(SJP_CLASS_SQL ".arrow"),
      ngx_string("application/vnd.apache.arrow.stream"), ngx_null_string },
    { ngx_null_string, ngx_null_string, ngx_null_string, ngx_null_string }
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_result_job_call = {
    SJP_JOB_GET,
    ngx_http_sparkjob_result_told,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_result_as_such_call = {
    SJP_JOB_RESULT,
    ngx_http_sparkjob_result_stored,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


ngx_int_t
ngx_http_sparkjob_result_get(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_http_sparkjob_ctx_t     *ctx;
    ngx_http_sparkjob_record_t  *rec;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    rc = ngx_http_sparkjob_zone_get(ctx->zone, NGX_HTTP_SPARKJOB_JOB,
                                    &ctx->name, &ctx->owner, r->pool, &rec);

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == NGX_OK && rec->payload != NGX_HTTP_SPARKJOB_NO_ROOM) {
        return ngx_http_sparkjob_result_known(r, rec);
    }

    return ngx_http_sparkjob_job_ask_named(r,
                                           &ngx_http_sparkjob_result_job_call);
}


static ngx_int_t
ngx_http_sparkjob_result_told(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_http_sparkjob_record_t  *rec;

    rec = ngx_http_sparkjob_record_told(r, NGX_HTTP_SPARKJOB_JOB, msg);

    return rec ? ngx_http_sparkjob_result_known(r, rec)
               : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


static ngx_int_t
ngx_http_sparkjob_result_known(ngx_http_request_t *r,
    ngx_http_sparkjob_record_t *rec)
{
    ngx_http_sparkjob_ctx_t      *ctx;
    ngx_http_sparkjob_message_t   msg;

    if (rec->state != SJP_JOB_FINISHED) {
        return ngx_http_sparkjob_result_none(r, rec);
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    ctx->data = rec;

    if (rec->payload == NGX_HTTP_SPARKJOB_STORED) {
        return ngx_http_sparkjob_job_ask_named(r,
                                       &ngx_http_sparkjob_result_as_such_call);
    }

    msg.fd = -1;
    msg.payload = ngx_http_sparkjob_record_string(rec,
                                                  NGX_HTTP_SPARKJOB_PAYLOAD);

    return ngx_http_sparkjob_result_stored(r, &msg);
}


/* it has none yet, or an error in its place */

static ngx_int_t
ngx_http_sparkjob_result_none(ngx_http_request_t *r,
    ngx_http_sparkjob_record_t *rec)
{
    char       *state;
    ngx_buf_t  *b;
    ngx_str_t   s;

    state = (char *) ngx_http_sparkjob_state_name(rec->kind, rec->state)->data;

    if (!rec->final) {
        ngx_str_set(&s, "The job has not ended yet");
        return ngx_http_sparkjob_reply_text(r, NGX_HTTP_CONFLICT, state, &s);
    }

    s = ngx_http_sparkjob_record_string(rec, NGX_HTTP_SPARKJOB_PAYLOAD);

    if (s.len == 0) {
        ngx_str_set(&s, "null");
    }

    b = ngx_create_temp_buf(r->pool, sizeof("{\"status\":\"\",\"result\":}")
                                     + ngx_strlen(state) + s.len);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_sprintf(b->last, "{\"status\":\"%s\",\"result\":%V}", state,
                          &s);

    return ngx_http_sparkjob_reply_buf(r, NGX_HTTP_CONFLICT, b);
}


static ngx_int_t
ngx_http_sparkjob_result_stored(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_chain_t              *payload;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    payload = ngx_http_sparkjob_payload(r, msg);

    return payload ? ngx_http_sparkjob_result_reply(r,
                                ngx_http_sparkjob_format(ctx->data), payload)
                   : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


ngx_http_sparkjob_format_t *
ngx_http_sparkjob_format(ngx_http_sparkjob_record_t *rec)
{
    ngx_str_t                    class;
    ngx_http_sparkjob_format_t  *format;

    class = ngx_http_sparkjob_record_string(rec, NGX_HTTP_SPARKJOB_JOB_CLASS);

    for (format = ngx_http_sparkjob_formats; format->name.len; format++) {

        if (format->class.len == class.len
            && ngx_strncmp(format->class.data, class.data, class.len) == 0)
        {
            return format;
        }
    }

    return ngx_http_sparkjob_formats;
}


/* results may be large: a client that was cut off can go on from there */

ngx_int_t
ngx_http_sparkjob_result_reply(ngx_http_request_t *r,
    ngx_http_sparkjob_format_t *format, ngx_chain_t *payload)
{
    r->allow_ranges = 1;
    r->headers_out.charset = format->charset;

    return ngx_http_sparkjob_reply_as(r, NGX_HTTP_OK, &format->type, payload);
}


/* where a result is that does not fit the JSON of a report; NULL: no memory */

ngx_chain_t *
ngx_http_sparkjob_result_place(ngx_http_request_t *r, ngx_str_t *id,
    ngx_http_sparkjob_format_t *format)
{
    ngx_buf_t    *b;
    ngx_str_t     path;
    ngx_chain_t  *cl;

    if (ngx_http_sparkjob_reply_path(r, "/jobs/", id, "/result", &path)
        != NGX_OK)
    {
        return NULL;
    }

    b = ngx_create_temp_buf(r->pool,
                            sizeof("{\"location\":\"\",\"contentType\":\"\"}")
                            + ngx_http_sparkjob_json_len(&path)
                            + format->type.len);
    cl = ngx_alloc_chain_link(r->pool);

    if (b == NULL || cl == NULL) {
        return NULL;
    }

    b->last = ngx_cpymem(b->last, "{\"location\":\"",
                         sizeof("{\"location\":\"") - 1);
    b->last = ngx_http_sparkjob_json(b->last, &path);
    b->last = ngx_sprintf(b->last, "\",\"contentType\":\"%V\"}",
                          &format->type);

    cl->buf = b;
    cl->next = NULL;

    return cl;
}
