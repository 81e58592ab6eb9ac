
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The error pages that nginx itself makes within our locations (401 of
 * auth_basic, 413, 503 of limit_req and so on) become JSON, and those of the
 * location that passes on what is for the UI of a context.
 */


#include <ngx_http_sparkjob_module.h>


static ngx_int_t ngx_http_sparkjob_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_sparkjob_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_http_sparkjob_error_body(ngx_http_request_t *r,
    ngx_str_t *body);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


static struct {
    ngx_uint_t   status;
    char        *text;
} ngx_http_sparkjob_error_texts[] = {
    { 400, "The request is malformed" },
    { 401, "The supplied authentication is invalid" },
    { 403, "The supplied authentication is not authorized to access this "
           "resource" },
    { 404, "The requested resource could not be found." },
    { 405, "HTTP method not allowed" },
    { 408, "The request did not arrive in time" },
    { 413, "The request's body is too large" },
    { 414, "The request's address is too long" },
    { 429, "Too many requests" },
    { 500, "There was an internal server error." },
    { 502, "The UI of the context does not answer" },
    { 503, "The server is currently unavailable" },
    { 504, "The UI of the context does not answer" },
    { 507, "There is no space left for the request" },
    { 0, "The request could not be served" }
};


ngx_int_t
ngx_http_sparkjob_filter_init(ngx_conf_t *cf)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_sparkjob_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_sparkjob_body_filter;

    return NGX_OK;
}


/*
 * A page of nginx's own sets err_status.  An error_page of the configuration
 * has left our location, unless it leads to a resource of ours, whose handler
 * has replied then.
 */

static ngx_int_t
ngx_http_sparkjob_header_filter(ngx_http_request_t *r)
{
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    if ((slcf->zone == NULL && !ngx_http_sparkjob_passed(r))
        || r != r->main
        || r->err_status < NGX_HTTP_BAD_REQUEST)
    {
        return ngx_http_next_header_filter(r);
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    if (ctx == NULL) {

        ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_sparkjob_ctx_t));
        if (ctx == NULL) {
            return NGX_ERROR;
        }

        ctx->request = r;
        ctx->zone = slcf->zone;

        ngx_http_set_ctx(r, ctx, ngx_http_sparkjob_module);
    }

    if (ctx->replied) {
        return ngx_http_next_header_filter(r);
    }

    if (ngx_http_sparkjob_error_body(r, &ctx->error) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);

    r->headers_out.content_length_n = ctx->error.len;

    /* limit_req, limit_conn and the like do not say when to come back */

    if ((r->err_status == NGX_HTTP_SERVICE_UNAVAILABLE
         || r->err_status == NGX_HTTP_TOO_MANY_REQUESTS)
        && ngx_http_sparkjob_reply_retry(r) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_next_header_filter(r);
}


static ngx_int_t
ngx_http_sparkjob_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_buf_t                *b;
    ngx_chain_t               out, *cl;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    if (ctx == NULL || ctx->error.len == 0 || in == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    for (cl = in; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
        cl->buf->file_pos = cl->buf->file_last;
    }

    if (ctx->error.data == NULL) {
        return NGX_OK;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = ctx->error.data;
    b->last = ctx->error.data + ctx->error.len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    ctx->error.data = NULL;

    out.buf = b;
    out.next = NULL;

    return ngx_http_next_body_filter(r, &out);
}


static ngx_int_t
ngx_http_sparkjob_error_body(ngx_http_request_t *r, ngx_str_t *body)
{
    char                          *text, *format;
    size_t                         len;
    ngx_uint_t                     i;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    format = slcf->livy ? "{\"msg\":\"%s\"}"
                        : "{\"status\":\"ERROR\",\"result\":\"%s\"}";

    for (i = 0; ngx_http_sparkjob_error_texts[i].status; i++) {

        if (ngx_http_sparkjob_error_texts[i].status == r->err_status) {
            break;
        }
    }

    text = ngx_http_sparkjob_error_texts[i].text;

    if (r->err_status == NGX_HTTP_UNAUTHORIZED
        && r->headers_in.authorization == NULL)
    {
        text = "The resource requires authentication, which was not supplied "
               "with the request";
    }

    len = ngx_strlen(format) - (sizeof("%s") - 1) + ngx_strlen(text);

    body->data = ngx_pnalloc(r->pool, len);
    if (body->data == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(body->data, format, text);
    body->len = len;

    return NGX_OK;
}
