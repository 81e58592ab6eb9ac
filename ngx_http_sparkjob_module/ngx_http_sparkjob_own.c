
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Users' own names for their contexts.
 *
 * If sparkjob_proxy_user is on a context is stored as "<user>~<name>", where
 * each "~" of the user is doubled, and users see but the names of their own
 * ones, without what stands before them.  No name begins with "~": so none of
 * "a" can be taken for one of "a~".
 */


#include <ngx_http_sparkjob_module.h>


/* NGX_DECLINED: there is no user, ctx->problem says so */

ngx_int_t
ngx_http_sparkjob_own_user(ngx_http_request_t *r,
    ngx_http_sparkjob_ctx_t *ctx)
{
    u_char            *p;
    size_t             i;
    static ngx_str_t   what = ngx_string("user, before names of contexts,");

    if (ctx->user.len == 0) {
        ctx->status = NGX_HTTP_FORBIDDEN;

        return ngx_http_sparkjob_problem(ctx, "Contexts belong to users here, "
                                         "and this request has no user");
    }

    ctx->own.data = ngx_pnalloc(r->pool, 2 * ctx->user.len + 1);
    if (ctx->own.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ctx->own.data;

    for (i = 0; i < ctx->user.len; i++) {

        if (ctx->user.data[i] == '~') {
            *p++ = '~';
        }

        *p++ = ctx->user.data[i];
    }

    *p++ = '~';
    ctx->own.len = p - ctx->own.data;

    ctx->own_json.len = ngx_http_sparkjob_json_len(&ctx->own);

    ctx->own_json.data = ngx_pnalloc(r->pool, ctx->own_json.len);
    if (ctx->own_json.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    (void) ngx_http_sparkjob_json(ctx->own_json.data, &ctx->own);

    return ngx_http_sparkjob_check_text(ctx, &what, &ctx->own, SJP_OWN_MAX);
}


/* "stored", perhaps itself "name", is what the launcher has it under */

ngx_int_t
ngx_http_sparkjob_own_name(ngx_http_sparkjob_ctx_t *ctx, ngx_str_t *name,
    ngx_str_t *stored)
{
    u_char            *p;
    ngx_str_t          whole;
    static ngx_str_t   what = ngx_string("name of the context, with its user,");

    if (ctx->own.len == 0 || name->len == 0) {
        *stored = *name;
        return NGX_OK;
    }

    if (name->data[0] == '~') {
        return ngx_http_sparkjob_problem(ctx, "context name must start with "
                                         "letters");
    }

    whole.len = ctx->own.len + name->len;

    whole.data = ngx_pnalloc(ctx->request->pool, whole.len);
    if (whole.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_cpymem(whole.data, ctx->own.data, ctx->own.len);
    ngx_memcpy(p, name->data, name->len);

    *stored = whole;

    return ngx_http_sparkjob_check_text(ctx, &what, stored, SJP_NAME_MAX);
}


ngx_uint_t
ngx_http_sparkjob_is_own(ngx_str_t *own, u_char *data, size_t len)
{
    return len > own->len
           && ngx_memcmp(data, own->data, own->len) == 0
           && data[own->len] != '~';
}


void
ngx_http_sparkjob_own_strip(ngx_http_sparkjob_ctx_t *ctx, ngx_str_t *name)
{
    if (ctx->own.len
        && ngx_http_sparkjob_is_own(&ctx->own, name->data, name->len))
    {
        name->data += ctx->own.len;
        name->len -= ctx->own.len;
    }
}
