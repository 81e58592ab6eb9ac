
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * /sessions/<id>/statements of Livy's dialect: submitting, reading one,
 * cancelling it; and what code could go on with.
 */


#include <ngx_http_sparkjob_livy_statement.h>


static ngx_int_t ngx_http_sparkjob_livy_statement_read(ngx_http_request_t *r,
    ngx_str_t *code, ngx_str_t *kind, json_int_t *cursor);
static ngx_int_t ngx_http_sparkjob_livy_statement_accepted(
    ngx_http_request_t *r, ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_livy_statement_ask(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call);
static ngx_int_t ngx_http_sparkjob_livy_statement_told(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_livy_statement_coded(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_livy_statement_reply(ngx_http_request_t *r,
    ngx_uint_t status, ngx_http_sparkjob_livy_statement_t *st);
static ngx_int_t ngx_http_sparkjob_livy_statement_cancelled(
    ngx_http_request_t *r, ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_livy_completed(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_livy_submit_call = {
    SJP_STATEMENT_SUBMIT,
    ngx_http_sparkjob_livy_statement_accepted,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_unavailable,
    ngx_http_sparkjob_livy_refusals,
    1
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_livy_statement_call = {
    SJP_STATEMENT_GET,
    ngx_http_sparkjob_livy_statement_told,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_unavailable,
    ngx_http_sparkjob_livy_refusals,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_livy_code_call = {
    SJP_STATEMENT_CODE,
    ngx_http_sparkjob_livy_statement_coded,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_unavailable,
    ngx_http_sparkjob_livy_refusals,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_livy_cancel_call = {
    SJP_STATEMENT_CANCEL,
    ngx_http_sparkjob_livy_statement_cancelled,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_unavailable,
    ngx_http_sparkjob_livy_refusals,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_livy_complete_call = {
    SJP_SESSION_COMPLETE,
    ngx_http_sparkjob_livy_completed,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_unavailable,
    ngx_http_sparkjob_livy_refusals,
    0
};


ngx_int_t
ngx_http_sparkjob_livy_statement_post(ngx_http_request_t *r)
{
    json_t                              *meta;
    ngx_int_t                            rc;
    ngx_str_t                            kind;
    json_int_t                           cursor;
    ngx_http_sparkjob_ctx_t             *ctx;
    ngx_http_sparkjob_loc_conf_t        *slcf;
    ngx_http_sparkjob_livy_statement_t  *st;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    st = ngx_pcalloc(r->pool, sizeof(ngx_http_sparkjob_livy_statement_t));
    if (st == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->data = st;

    rc = ngx_http_sparkjob_livy_statement_read(r, &st->code, &kind, &cursor);

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_id_make(r, "POST /sessions/statements");
    }

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? ngx_http_sparkjob_reply_problem(r) : rc;
    }

    st->coded = 1;

    meta = ngx_http_sparkjob_livy_meta(r);
    meta = ngx_http_sparkjob_meta_with(meta, "id", &ctx->id);
    meta = ngx_http_sparkjob_meta_with(meta, "kind", &kind);
    meta = ngx_http_sparkjob_meta_set(meta, "again",
                                      json_boolean(ctx->key.len));

    return ngx_http_sparkjob_ask(r, &ngx_http_sparkjob_livy_submit_call, meta,
                                 1, slcf->reply_timeout);
}


/* code, which becomes what is sent, and what it is code of */

static ngx_int_t
ngx_http_sparkjob_livy_statement_read(ngx_http_request_t *r, ngx_str_t *code,
    ngx_str_t *kind, json_int_t *cursor)
{
    json_t                   *body;
    ngx_int_t                 rc;
    ngx_str_t                 name;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    rc = ngx_http_sparkjob_livy_body(r, &body);

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_livy_string(ctx, body, "code", code);
    }

    if (rc == NGX_OK && code->data == NULL) {
        rc = ngx_http_sparkjob_problem(ctx, "requirement failed: 'code' is "
                                       "required.");
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_livy_string(ctx, body, "kind", &name);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_livy_kind(ctx, &name, kind);
    }

    *cursor = code->len;

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_livy_integer(ctx, body, "cursor", cursor);
    }

    return rc == NGX_OK ? ngx_http_sparkjob_body_set(r, code) : rc;
}


static ngx_int_t
ngx_http_sparkjob_livy_statement_accepted(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    u_char                               end[sizeof("/statements/")
                                             + NGX_INT64_LEN], *last;
    ngx_str_t                            location;
    ngx_http_sparkjob_ctx_t             *ctx;
    ngx_http_sparkjob_livy_statement_t  *st;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    st = ctx->data;

    if (ngx_http_sparkjob_livy_statement_take(r, msg, st) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    last = ngx_sprintf(end, "/statements/%L", (int64_t) st->number);
    *last = '\0';

    if (ngx_http_sparkjob_reply_path(r, "/sessions/", &ctx->name, (char *) end,
                                     &location)
        != NGX_OK
        || ngx_http_sparkjob_reply_header(r, "Location", &location) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_livy_statement_reply(r, NGX_HTTP_CREATED, st);
}


ngx_int_t
ngx_http_sparkjob_livy_statement_get(ngx_http_request_t *r)
{
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    ctx->data = ngx_pcalloc(r->pool,
                            sizeof(ngx_http_sparkjob_livy_statement_t));
    if (ctx->data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_livy_statement_ask(r,
                                        &ngx_http_sparkjob_livy_statement_call);
}


/* about the statement that the path names */

static ngx_int_t
ngx_http_sparkjob_livy_statement_ask(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call)
{
    json_int_t                number;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    if (ngx_http_sparkjob_livy_number(ctx, &ctx->rest, &number) != NGX_OK) {
        return ngx_http_sparkjob_reply_problem(r);
    }

    return ngx_http_sparkjob_livy_statement_code(r, call, number);
}


ngx_int_t
ngx_http_sparkjob_livy_statement_code(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call, json_int_t number)
{
    json_t                        *meta;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    meta = ngx_http_sparkjob_livy_meta(r);
    meta = ngx_http_sparkjob_meta_set(meta, "statement", json_integer(number));

    return ngx_http_sparkjob_ask(r, call, meta, 0, slcf->reply_timeout);
}


static ngx_int_t
ngx_http_sparkjob_livy_statement_told(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_http_sparkjob_ctx_t             *ctx;
    ngx_http_sparkjob_livy_statement_t  *st;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    st = ctx->data;

    if (ngx_http_sparkjob_livy_statement_take(r, msg, st) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return st->coded ? ngx_http_sparkjob_livy_statement_reply(r, NGX_HTTP_OK,
                                                              st)
                     : ngx_http_sparkjob_livy_statement_ask(r,
                                             &ngx_http_sparkjob_livy_code_call);
}


static ngx_int_t
ngx_http_sparkjob_livy_statement_coded(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_http_sparkjob_ctx_t             *ctx;
    ngx_http_sparkjob_livy_statement_t  *st;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    st = ctx->data;

    if (ngx_http_sparkjob_livy_bytes(r, msg, &st->code) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_livy_statement_reply(r, NGX_HTTP_OK, st);
}


static ngx_int_t
ngx_http_sparkjob_livy_statement_reply(ngx_http_request_t *r,
    ngx_uint_t status, ngx_http_sparkjob_livy_statement_t *st)
{
    ngx_chain_t  *out;

    out = ngx_http_sparkjob_livy_statement_chain(r, st);

    if (out == NULL
        || ngx_http_sparkjob_reply_header(r, "Sparkjob-Job", &st->id) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_reply(r, status, out);
}


ngx_int_t
ngx_http_sparkjob_livy_statement_cancel(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_livy_statement_ask(r,
                                           &ngx_http_sparkjob_livy_cancel_call);
}


static ngx_int_t
ngx_http_sparkjob_livy_statement_cancelled(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    return ngx_http_sparkjob_livy_done(r, "canceled");
}


ngx_int_t
ngx_http_sparkjob_livy_completion(ngx_http_request_t *r)
{
    json_t                        *meta;
    ngx_int_t                      rc;
    ngx_str_t                      code, kind;
    json_int_t                     cursor;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    rc = ngx_http_sparkjob_livy_statement_read(r, &code, &kind, &cursor);

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? ngx_http_sparkjob_reply_problem(r) : rc;
    }

    meta = ngx_http_sparkjob_livy_meta(r);
    meta = ngx_http_sparkjob_meta_with(meta, "kind", &kind);
    meta = ngx_http_sparkjob_meta_set(meta, "cursor", json_integer(cursor));

    return ngx_http_sparkjob_ask(r, &ngx_http_sparkjob_livy_complete_call, meta,
                                 1, slcf->reply_timeout);
}


static ngx_int_t
ngx_http_sparkjob_livy_completed(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_buf_t  *b;

    b = ngx_create_temp_buf(r->pool, sizeof("{\"candidates\":"));
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_sprintf(b->last, "{\"candidates\":");

    return ngx_http_sparkjob_reply_around(r, NGX_HTTP_OK, b,
                                          ngx_http_sparkjob_payload(r, msg));
}
