
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * /data: files that jobs read.  The launcher names them, by absolute paths.
 */


#include <ngx_http_sparkjob_module.h>


static ngx_int_t ngx_http_sparkjob_data_listed(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_data_stored(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_data_path(ngx_http_request_t *r,
    ngx_str_t *path);
static ngx_int_t ngx_http_sparkjob_data_deleted(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_data_was_reset(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_data_reset_sent(ngx_http_request_t *r);


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_data_list_call = {
    SJP_DATA_LIST,
    ngx_http_sparkjob_data_listed,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_data_put_call = {
    SJP_DATA_PUT,
    ngx_http_sparkjob_data_stored,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_data_delete_call = {
    SJP_DATA_DELETE,
    ngx_http_sparkjob_data_deleted,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_data_reset_call = {
    SJP_DATA_RESET,
    ngx_http_sparkjob_data_was_reset,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


/* answered when the launcher has been told */

static ngx_http_sparkjob_call_t  ngx_http_sparkjob_data_reset_async_call = {
    SJP_DATA_RESET,
    ngx_http_sparkjob_data_was_reset,
    NULL,
    ngx_http_sparkjob_data_reset_sent,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


ngx_int_t
ngx_http_sparkjob_data_list(ngx_http_request_t *r)
{
    json_t                        *meta;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    meta = ngx_http_sparkjob_meta_with(json_object(), "owner", &ctx->owner);

    return ngx_http_sparkjob_ask(r, &ngx_http_sparkjob_data_list_call, meta, 0,
                                 slcf->reply_timeout);
}


static ngx_int_t
ngx_http_sparkjob_data_listed(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    return ngx_http_sparkjob_reply_payload(r, NGX_HTTP_OK, msg);
}


ngx_int_t
ngx_http_sparkjob_data_post(ngx_http_request_t *r)
{
    json_t                        *meta;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    meta = json_pack("{s:s%, s:s%}",
                     "name", ngx_http_sparkjob_text(&ctx->name),
                     "user", ngx_http_sparkjob_text(&ctx->user));

    return ngx_http_sparkjob_ask(r, &ngx_http_sparkjob_data_put_call, meta, 1,
                                 slcf->reply_timeout);
}


static ngx_int_t
ngx_http_sparkjob_data_stored(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_buf_t  *b;
    ngx_str_t   file;

    if (ngx_http_sparkjob_meta_string(msg->meta, "file", &file) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "sparkjob launcher stored a data file and named none");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b = ngx_create_temp_buf(r->pool,
                            sizeof("{\"result\":{\"filename\":\"\"}}")
                            + ngx_http_sparkjob_json_len(&file));
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_sprintf(b->last, "{\"result\":{\"filename\":\"");
    b->last = ngx_http_sparkjob_json(b->last, &file);
    b->last = ngx_cpymem(b->last, "\"}}", 3);

    return ngx_http_sparkjob_reply_buf(r, NGX_HTTP_OK, b);
}


ngx_int_t
ngx_http_sparkjob_data_delete(ngx_http_request_t *r)
{
    json_t                        *meta;
    ngx_str_t                      path;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    if (ngx_http_sparkjob_data_path(r, &path) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    meta = json_pack("{s:s%, s:s%}",
                     "file", ngx_http_sparkjob_text(&path),
                     "user", ngx_http_sparkjob_text(&ctx->user));

    meta = ngx_http_sparkjob_meta_with(meta, "owner", &ctx->owner);

    return ngx_http_sparkjob_ask(r, &ngx_http_sparkjob_data_delete_call, meta,
                                 0, slcf->reply_timeout);
}


/*
 * All paths are absolute, so what stands behind "/data/" in plain segments can
 * only lack its first slash.
 */

static ngx_int_t
ngx_http_sparkjob_data_path(ngx_http_request_t *r, ngx_str_t *path)
{
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    *path = ctx->name;

    if (path->data[0] == '/'
        || ngx_strlchr(path->data, path->data + path->len, '/') == NULL)
    {
        return NGX_OK;
    }

    path->data = ngx_pnalloc(r->pool, path->len + 1);
    if (path->data == NULL) {
        return NGX_ERROR;
    }

    path->data[0] = '/';
    ngx_memcpy(path->data + 1, ctx->name.data, ctx->name.len);
    path->len++;

    return NGX_OK;
}


/* not JSON, but what the original says */

static ngx_int_t
ngx_http_sparkjob_data_deleted(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_buf_t  *b;

    b = ngx_create_temp_buf(r->pool, 2);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_cpymem(b->last, "OK", 2);

    return ngx_http_sparkjob_reply_buf(r, NGX_HTTP_OK, b);
}


ngx_int_t
ngx_http_sparkjob_data_put(ngx_http_request_t *r)
{
    json_t                        *meta;
    ngx_flag_t                     sync;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_call_t      *call;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    if (ngx_http_sparkjob_param_reset(ctx, &sync) != NGX_OK) {
        return ngx_http_sparkjob_reply_problem(r);
    }

    meta = json_pack("{s:s%}", "user", ngx_http_sparkjob_text(&ctx->user));
    meta = ngx_http_sparkjob_meta_with(meta, "owner", &ctx->owner);

    call = sync ? &ngx_http_sparkjob_data_reset_call
                : &ngx_http_sparkjob_data_reset_async_call;

    return ngx_http_sparkjob_ask(r, call, meta, 0, slcf->reply_timeout);
}


static ngx_int_t
ngx_http_sparkjob_data_was_reset(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    return ngx_http_sparkjob_reply_success(r, NGX_HTTP_OK, "Data reset");
}


static ngx_int_t
ngx_http_sparkjob_data_reset_sent(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_reply_success(r, NGX_HTTP_OK,
                                           "Data reset requested");
}
