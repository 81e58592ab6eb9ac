
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * JDBC: the thrift server of a context, and the tokens by which users log in to
 * it.  Whoever gets one has passed the rules for this route, with a role that
 * may submit jobs; the server itself knows no rules.
 *
 * By HTTP each request passes the rules, as whoever nginx knows; it then goes
 * to the driver with a token of its own, see ngx_http_sparkjob_pass.c.
 */


#include <ngx_http_sparkjob_module.h>


/* seconds that a token is good for */
#define NGX_HTTP_SPARKJOB_TOKEN_TTL      86400

/* of what is told of one, but for its strings */
#define NGX_HTTP_SPARKJOB_TOKEN_MAX      128


static ngx_int_t ngx_http_sparkjob_thrift_made(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_thrift_ask(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call, ngx_uint_t on);
static ngx_int_t ngx_http_sparkjob_thrift_started(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_thrift_stopped(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_thrift_found(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_thrift_pass(ngx_http_request_t *r,
    ngx_str_t *url, ngx_str_t *user, ngx_str_t *token);


static ngx_http_sparkjob_param_t  ngx_http_sparkjob_token_params[] = {
    { ngx_string("expires"), ngx_http_sparkjob_param_number, 0, 0 },
    { ngx_null_string, NULL, 0, 0 }
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_token_call = {
    SJP_CONTEXT_TOKEN,
    ngx_http_sparkjob_thrift_made,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_thrift_on_call = {
    SJP_CONTEXT_THRIFT,
    ngx_http_sparkjob_thrift_started,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_thrift_off_call = {
    SJP_CONTEXT_THRIFT,
    ngx_http_sparkjob_thrift_stopped,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


static ngx_http_sparkjob_refusal_t  ngx_http_sparkjob_thrift_refusals[] = {
    { SJP_ERR_NO_THRIFT, 404, "ERROR",
      "The context serves no JDBC by HTTP: %V" },
    { 0, 0, NULL, NULL }
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_thrift_find_call = {
    SJP_CONTEXT_JDBC,
    ngx_http_sparkjob_thrift_found,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    ngx_http_sparkjob_thrift_refusals,
    0
};


ngx_int_t
ngx_http_sparkjob_thrift_token(ngx_http_request_t *r)
{
    json_t                        *meta;
    ngx_int_t                      rc, ttl;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    ttl = NGX_HTTP_SPARKJOB_TOKEN_TTL;

    rc = ngx_http_sparkjob_params(ctx, ngx_http_sparkjob_token_params, &ttl);

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? ngx_http_sparkjob_reply_problem(r) : rc;
    }

    meta = json_pack("{s:s%, s:s%, s:I}",
                     "name", ngx_http_sparkjob_text(&ctx->stored),
                     "user", ngx_http_sparkjob_text(&ctx->user),
                     "ttl", (json_int_t) ttl);

    return ngx_http_sparkjob_ask(r, &ngx_http_sparkjob_token_call, meta, 0,
                                 slcf->reply_timeout);
}


static ngx_int_t
ngx_http_sparkjob_thrift_made(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_buf_t                *b;
    ngx_str_t                 token, user, store;
    json_int_t                expires;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    ngx_http_sparkjob_meta_string(msg->meta, "token", &token);
    ngx_http_sparkjob_meta_string(msg->meta, "user", &user);
    expires = json_integer_value(json_object_get(msg->meta, "expires"));

    b = ngx_create_temp_buf(r->pool, NGX_HTTP_SPARKJOB_TOKEN_MAX
                                     + ngx_http_sparkjob_json_len(&token)
                                     + ngx_http_sparkjob_json_len(&user)
                                     + ngx_http_sparkjob_json_len(&ctx->name));
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_sprintf(b->last, "{\"context\":\"");
    b->last = ngx_http_sparkjob_json(b->last, &ctx->name);
    b->last = ngx_sprintf(b->last, "\",\"user\":\"");
    b->last = ngx_http_sparkjob_json(b->last, &user);
    b->last = ngx_sprintf(b->last, "\",\"token\":\"");
    b->last = ngx_http_sparkjob_json(b->last, &token);
    b->last = ngx_sprintf(b->last, "\",\"expires\":\"");
    b->last = ngx_http_sparkjob_time(b->last, expires);
    b->last = ngx_sprintf(b->last, "\"}");

    /* it is a password */

    ngx_str_set(&store, "no-store");

    if (ngx_http_sparkjob_reply_header(r, "Cache-Control", &store) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_reply_buf(r, NGX_HTTP_CREATED, b);
}


ngx_int_t
ngx_http_sparkjob_thrift_put(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_thrift_ask(r, &ngx_http_sparkjob_thrift_on_call,
                                        1);
}


ngx_int_t
ngx_http_sparkjob_thrift_delete(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_thrift_ask(r, &ngx_http_sparkjob_thrift_off_call,
                                        0);
}


static ngx_int_t
ngx_http_sparkjob_thrift_ask(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call, ngx_uint_t on)
{
    json_t                        *meta;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    meta = json_pack("{s:s%, s:b}",
                     "name", ngx_http_sparkjob_text(&ctx->stored),
                     "on", (int) on);

    return ngx_http_sparkjob_ask(r, call, meta, 0, slcf->context_timeout);
}


static ngx_int_t
ngx_http_sparkjob_thrift_started(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    return ngx_http_sparkjob_show_told(r, NGX_HTTP_SPARKJOB_CONTEXT, msg);
}


static ngx_int_t
ngx_http_sparkjob_thrift_stopped(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    return ngx_http_sparkjob_reply_success(r, NGX_HTTP_OK,
                                           "Thrift server stopped");
}


ngx_int_t
ngx_http_sparkjob_thrift_jdbc(ngx_http_request_t *r)
{
    json_t                        *meta;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    if (slcf->thrift.len == 0) {
        return ngx_http_sparkjob_reply_error(r, NGX_HTTP_NOT_FOUND,
                     "There is no JDBC by HTTP here: sparkjob_thrift of "
                     "nginx's configuration is off");
    }

    meta = json_pack("{s:s%, s:s%}",
                     "name", ngx_http_sparkjob_text(&ctx->stored),
                     "user", ngx_http_sparkjob_text(&ctx->user));

    return ngx_http_sparkjob_ask(r, &ngx_http_sparkjob_thrift_find_call, meta,
                                 0, slcf->reply_timeout);
}


static ngx_int_t
ngx_http_sparkjob_thrift_found(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_str_t                 url, user, token;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    if (ngx_http_sparkjob_meta_string(msg->meta, "url", &url) != NGX_OK
        || ngx_http_sparkjob_meta_string(msg->meta, "user", &user) != NGX_OK
        || ngx_http_sparkjob_meta_string(msg->meta, "token", &token) != NGX_OK
        || url.len == 0)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "sparkjob launcher at %V told of no thrift server",
                      &ctx->zone->addr->name);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_thrift_pass(r, &url, &user, &token);
}


/* what the message has goes with it, so all is copied */

static ngx_int_t
ngx_http_sparkjob_thrift_pass(ngx_http_request_t *r, ngx_str_t *url,
    ngx_str_t *user, ngx_str_t *token)
{
    size_t                         len;
    u_char                        *p;
    ngx_str_t                      what, login, plain, coded;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    plain.len = user->len + 1 + token->len;
    coded.len = ngx_base64_encoded_length(plain.len);
    len = url->len + plain.len + sizeof("Basic ") - 1 + coded.len;

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    what.data = p;
    what.len = url->len;
    p = ngx_cpymem(p, url->data, url->len);

    plain.data = p;
    p = ngx_cpymem(p, user->data, user->len);
    *p++ = ':';
    p = ngx_cpymem(p, token->data, token->len);

    login.data = p;
    coded.data = ngx_cpymem(p, "Basic ", sizeof("Basic ") - 1);
    ngx_encode_base64(&coded, &plain);
    login.len = coded.data + coded.len - login.data;

    ngx_http_sparkjob_pass_set(r, NGX_HTTP_SPARKJOB_PASS_THRIFT, &what);
    ngx_http_sparkjob_pass_set(r, NGX_HTTP_SPARKJOB_PASS_THRIFT_LOGIN, &login);

    /* see ngx_http_sparkjob_finish() */

    ctx->passed = slcf->thrift;

    return NGX_OK;
}
