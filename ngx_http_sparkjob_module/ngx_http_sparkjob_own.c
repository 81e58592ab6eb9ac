
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What is the user's own.
 *
 * If sparkjob_proxy_user or sparkjob_owner is on a context is stored as
 * "<user>~<name>", where each "~" of the user is doubled, and users see but the
 * names of their own ones, without what stands before them.  No name begins
 * with "~": so none of "a" can be taken for one of "a~".
 *
 * sparkjob_owner keeps jobs and data files apart, too.  To an admin everything
 * is there, under the names that it is stored by.
 */


#include <ngx_http_sparkjob_module.h>


/* NGX_DECLINED: there is no user, ctx->problem says so */

ngx_int_t
ngx_http_sparkjob_own_user(ngx_http_request_t *r,
    ngx_http_sparkjob_loc_conf_t *slcf, ngx_http_sparkjob_ctx_t *ctx)
{
    u_char            *p;
    size_t             i;
    static ngx_str_t   what = ngx_string("user, before names of contexts,");

    if (ctx->route->role == 0 || (!slcf->proxy_user && !ctx->isolated)) {
        return NGX_OK;
    }

    if (ctx->user.len == 0) {
        ctx->status = NGX_HTTP_FORBIDDEN;

        return ngx_http_sparkjob_problem(ctx, "Contexts belong to users here, "
                                         "and this request has no user");
    }

    if (slcf->owner && !ctx->isolated) {
        return NGX_OK;
    }

    if (ctx->isolated) {
        ctx->owner = ctx->user;
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


/* whether a list by that user can have anything; empty: by any */

ngx_uint_t
ngx_http_sparkjob_own_filter(ngx_http_sparkjob_ctx_t *ctx, ngx_str_t *user)
{
    if (ctx->owner.len == 0) {
        return 1;
    }

    if (user->len == 0) {
        *user = ctx->owner;
    }

    return user->len == ctx->owner.len
           && ngx_memcmp(user->data, ctx->owner.data, user->len) == 0;
}
