
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * /clusters and /library-sets: the launcher keeps them, and says all that there
 * is to say.
 */


#include <ngx_http_sparkjob_module.h>


static ngx_int_t ngx_http_sparkjob_resource_list(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call);
static ngx_int_t ngx_http_sparkjob_resource_put(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call, ngx_uint_t create, ngx_str_t *probe);
static ngx_int_t ngx_http_sparkjob_library_looked(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call, ngx_uint_t create);
static ngx_int_t ngx_http_sparkjob_library_params(ngx_http_sparkjob_ctx_t *ctx,
    ngx_str_t *probe);
static ngx_int_t ngx_http_sparkjob_resource_delete(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call);
static ngx_int_t ngx_http_sparkjob_resource_told(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_resource_made(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_resource_deleted(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);


/* a file system that a library set has to reach */

static ngx_http_sparkjob_param_t  ngx_http_sparkjob_library_probe_params[] = {
    { ngx_string("probe"), ngx_http_sparkjob_param_string, 0, 4096 },
    { ngx_null_string, NULL, 0, 0 }
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_cluster_list_call = {
    SJP_CLUSTER_LIST,
    ngx_http_sparkjob_resource_told,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_cluster_create_call = {
    SJP_CLUSTER_PUT,
    ngx_http_sparkjob_resource_made,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_cluster_change_call = {
    SJP_CLUSTER_PUT,
    ngx_http_sparkjob_resource_told,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_cluster_delete_call = {
    SJP_CLUSTER_DELETE,
    ngx_http_sparkjob_resource_deleted,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_library_list_call = {
    SJP_LIBRARY_LIST,
    ngx_http_sparkjob_resource_told,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_library_create_call = {
    SJP_LIBRARY_PUT,
    ngx_http_sparkjob_resource_made,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_library_change_call = {
    SJP_LIBRARY_PUT,
    ngx_http_sparkjob_resource_told,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_library_delete_call = {
    SJP_LIBRARY_DELETE,
    ngx_http_sparkjob_resource_deleted,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_library_probe_call = {
    SJP_LIBRARY_PROBE,
    ngx_http_sparkjob_resource_told,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


ngx_int_t
ngx_http_sparkjob_cluster_list(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_resource_list(r,
                                         &ngx_http_sparkjob_cluster_list_call);
}


ngx_int_t
ngx_http_sparkjob_library_list(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_resource_list(r,
                                         &ngx_http_sparkjob_library_list_call);
}


/* all of them, or the one that the path names */

static ngx_int_t
ngx_http_sparkjob_resource_list(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call)
{
    json_t                        *meta;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    meta = ngx_http_sparkjob_meta_with(json_object(), "name", &ctx->name);

    if (ctx->owner.len) {
        meta = ngx_http_sparkjob_meta_with(meta, "own", &ctx->own);
    }

    return ngx_http_sparkjob_ask(r, call, meta, 0, slcf->reply_timeout);
}


ngx_int_t
ngx_http_sparkjob_cluster_post(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_resource_put(r,
                                    &ngx_http_sparkjob_cluster_create_call, 1,
                                    NULL);
}


ngx_int_t
ngx_http_sparkjob_cluster_put(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_resource_put(r,
                                    &ngx_http_sparkjob_cluster_change_call, 0,
                                    NULL);
}


ngx_int_t
ngx_http_sparkjob_library_post(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_library_looked(r,
                                    &ngx_http_sparkjob_library_create_call, 1);
}


ngx_int_t
ngx_http_sparkjob_library_put(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_library_looked(r,
                                    &ngx_http_sparkjob_library_change_call, 0);
}


static ngx_int_t
ngx_http_sparkjob_library_looked(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call, ngx_uint_t create)
{
    ngx_str_t                 probe;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    if (ngx_http_sparkjob_library_params(ctx, &probe) != NGX_OK) {
        return ngx_http_sparkjob_reply_problem(r);
    }

    return ngx_http_sparkjob_resource_put(r, call, create, &probe);
}


static ngx_int_t
ngx_http_sparkjob_library_params(ngx_http_sparkjob_ctx_t *ctx, ngx_str_t *probe)
{
    ngx_str_null(probe);

    return ngx_http_sparkjob_params(ctx, ngx_http_sparkjob_library_probe_params,
                                    probe);
}


static ngx_int_t
ngx_http_sparkjob_resource_put(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call, ngx_uint_t create, ngx_str_t *probe)
{
    json_t                        *meta;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    meta = json_pack("{s:s%, s:b, s:I, s:s%}",
                     "name", ngx_http_sparkjob_text(&ctx->name),
                     "create", (int) create, "asked", ngx_http_sparkjob_now(),
                     "user", ngx_http_sparkjob_text(&ctx->user));

    if (probe) {
        meta = ngx_http_sparkjob_meta_with(meta, "probe", probe);
    }

    return ngx_http_sparkjob_ask(r, call, meta, 1, slcf->context_timeout);
}


ngx_int_t
ngx_http_sparkjob_library_probe(ngx_http_request_t *r)
{
    json_t                        *meta;
    ngx_str_t                      probe;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    if (ngx_http_sparkjob_library_params(ctx, &probe) != NGX_OK) {
        return ngx_http_sparkjob_reply_problem(r);
    }

    meta = json_pack("{s:s%}", "name", ngx_http_sparkjob_text(&ctx->name));
    meta = ngx_http_sparkjob_meta_with(meta, "probe", &probe);

    return ngx_http_sparkjob_ask(r, &ngx_http_sparkjob_library_probe_call, meta,
                                 0, slcf->context_timeout);
}


ngx_int_t
ngx_http_sparkjob_cluster_delete(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_resource_delete(r,
                                       &ngx_http_sparkjob_cluster_delete_call);
}


ngx_int_t
ngx_http_sparkjob_library_delete(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_resource_delete(r,
                                       &ngx_http_sparkjob_library_delete_call);
}


static ngx_int_t
ngx_http_sparkjob_resource_delete(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call)
{
    json_t                        *meta;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    meta = json_pack("{s:s%, s:I, s:s%}",
                     "name", ngx_http_sparkjob_text(&ctx->name),
                     "asked", ngx_http_sparkjob_now(),
                     "user", ngx_http_sparkjob_text(&ctx->user));

    return ngx_http_sparkjob_ask(r, call, meta, 0, slcf->reply_timeout);
}


static ngx_int_t
ngx_http_sparkjob_resource_told(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    return ngx_http_sparkjob_reply_payload(r, NGX_HTTP_OK, msg);
}


static ngx_int_t
ngx_http_sparkjob_resource_made(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    return ngx_http_sparkjob_reply_payload(r, NGX_HTTP_CREATED, msg);
}


static ngx_int_t
ngx_http_sparkjob_resource_deleted(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    return ngx_http_sparkjob_reply_success(r, NGX_HTTP_OK, NULL);
}
