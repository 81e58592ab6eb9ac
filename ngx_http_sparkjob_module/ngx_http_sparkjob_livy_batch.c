
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * /batches of Livy's dialect: the launcher knows them, and says all that there
 * is to say, in Livy's own shape.  It reads the requests for new ones, too,
 * since files may come with them.
 */


#include <ngx_http_sparkjob_livy.h>


/* what stands around a list, a state or a log */
#define NGX_HTTP_SPARKJOB_LIVY_BATCH_FRAME  128


static ngx_int_t ngx_http_sparkjob_livy_batch_ask(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call, json_t *meta);
static ngx_int_t ngx_http_sparkjob_livy_batch_paged(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call, ngx_uint_t log);
static json_t *ngx_http_sparkjob_livy_batch_who(ngx_http_request_t *r);
static ngx_int_t ngx_http_sparkjob_livy_batch_made(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_livy_batch_told(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_livy_batch_stated(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_livy_batch_listed(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_livy_batch_logged(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_livy_batch_deleted(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_livy_batch_ending(ngx_http_request_t *r);
static json_int_t ngx_http_sparkjob_livy_batch_number(
    ngx_http_sparkjob_message_t *msg, const char *name);


static ngx_http_sparkjob_refusal_t  ngx_http_sparkjob_livy_batch_refusals[] = {
    { SJP_ERR_NO_SUCH_BATCH, 404, "", "Session '%V' not found." },
    { SJP_ERR_BAD_BATCH, 400, "", "Rejected, Reason: %V" },
    { SJP_ERR_NOT_ALLOWED, 403, "", "%V" },
    { SJP_ERR_TOO_MANY_CONTEXTS, 400, "",
      "Rejected, too many sessions are being created!" },
    { 0, 0, NULL, NULL }
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_livy_batch_post_call = {
    SJP_BATCH_CREATE,
    ngx_http_sparkjob_livy_batch_made,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_unavailable,
    ngx_http_sparkjob_livy_batch_refusals,
    1
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_livy_batch_get_call = {
    SJP_BATCH_GET,
    ngx_http_sparkjob_livy_batch_told,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_unavailable,
    ngx_http_sparkjob_livy_batch_refusals,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_livy_batch_state_call = {
    SJP_BATCH_GET,
    ngx_http_sparkjob_livy_batch_stated,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_unavailable,
    ngx_http_sparkjob_livy_batch_refusals,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_livy_batch_list_call = {
    SJP_BATCH_LIST,
    ngx_http_sparkjob_livy_batch_listed,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_unavailable,
    ngx_http_sparkjob_livy_batch_refusals,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_livy_batch_log_call = {
    SJP_BATCH_LOG,
    ngx_http_sparkjob_livy_batch_logged,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_unavailable,
    ngx_http_sparkjob_livy_batch_refusals,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_livy_batch_delete_call = {
    SJP_BATCH_DELETE,
    ngx_http_sparkjob_livy_batch_deleted,
    NULL,
    NULL,
    ngx_http_sparkjob_livy_batch_ending,
    ngx_http_sparkjob_livy_batch_refusals,
    1
};


/* the body goes on as it is: JSON, or a form with files */

ngx_int_t
ngx_http_sparkjob_livy_batch_post(ngx_http_request_t *r)
{
    json_t                        *meta;
    ngx_int_t                      rc;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    rc = ngx_http_sparkjob_id_make(r, "POST /batches");

    if (rc == NGX_DECLINED) {
        return ngx_http_sparkjob_reply_problem(r);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    meta = json_pack("{s:s%, s:b, s:s%, s:b}",
                     "id", ngx_http_sparkjob_text(&ctx->id),
                     "again", ctx->key.len != 0,
                     "user", ngx_http_sparkjob_text(&ctx->user),
                     "anybody",
                     (int) ngx_http_sparkjob_livy_may_be_all(ctx));

    if (r->headers_in.content_type) {
        meta = ngx_http_sparkjob_meta_with(meta, "type",
                                           &r->headers_in.content_type->value);
    }

    meta = ngx_http_sparkjob_meta_with(meta, "owner", &ctx->owner);
    meta = ngx_http_sparkjob_meta_with(meta, "proxyUser", &ctx->as);

    if (slcf->proxy_user) {
        meta = ngx_http_sparkjob_meta_with(meta, "proxyDefault", &ctx->user);
    }

    return ngx_http_sparkjob_ask(r, &ngx_http_sparkjob_livy_batch_post_call,
                                 meta, 1, slcf->context_timeout);
}


ngx_int_t
ngx_http_sparkjob_livy_batch_get(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_livy_batch_ask(r,
                                       &ngx_http_sparkjob_livy_batch_get_call,
                                       ngx_http_sparkjob_livy_batch_who(r));
}


ngx_int_t
ngx_http_sparkjob_livy_batch_state(ngx_http_request_t *r)
{
    json_t  *meta;

    meta = ngx_http_sparkjob_livy_batch_who(r);

    meta = ngx_http_sparkjob_meta_set(meta, "brief", json_true());

    return ngx_http_sparkjob_livy_batch_ask(r,
                                     &ngx_http_sparkjob_livy_batch_state_call,
                                     meta);
}


ngx_int_t
ngx_http_sparkjob_livy_batch_list(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_livy_batch_paged(r,
                                      &ngx_http_sparkjob_livy_batch_list_call,
                                      0);
}


ngx_int_t
ngx_http_sparkjob_livy_batch_log(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_livy_batch_paged(r,
                                       &ngx_http_sparkjob_livy_batch_log_call,
                                       1);
}


ngx_int_t
ngx_http_sparkjob_livy_batch_delete(ngx_http_request_t *r)
{
    ngx_http_sparkjob_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    return ngx_http_sparkjob_ask(r, &ngx_http_sparkjob_livy_batch_delete_call,
                                 ngx_http_sparkjob_livy_batch_who(r), 0,
                                 slcf->delete_timeout);
}


static ngx_int_t
ngx_http_sparkjob_livy_batch_ask(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call, json_t *meta)
{
    ngx_http_sparkjob_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    return ngx_http_sparkjob_ask(r, call, meta, 0, slcf->reply_timeout);
}


/* a list begins at its beginning, a log ends at its end */

static ngx_int_t
ngx_http_sparkjob_livy_batch_paged(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call, ngx_uint_t log)
{
    json_t                         *meta;
    ngx_http_sparkjob_ctx_t        *ctx;
    ngx_http_sparkjob_livy_page_t   page;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    if (ngx_http_sparkjob_livy_page(ctx, &page, log) != NGX_OK) {
        return ngx_http_sparkjob_reply_problem(r);
    }

    if (!log && page.from < 0) {
        page.from = 0;
    }

    meta = ngx_http_sparkjob_livy_batch_who(r);

    meta = ngx_http_sparkjob_meta_set(meta, "from", json_integer(page.from));
    meta = ngx_http_sparkjob_meta_set(meta, "size", json_integer(page.size));

    return ngx_http_sparkjob_livy_batch_ask(r, call, meta);
}


static json_t *
ngx_http_sparkjob_livy_batch_who(ngx_http_request_t *r)
{
    json_t                   *meta;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    meta = json_pack("{s:s%, s:s%}",
                     "batch", ngx_http_sparkjob_text(&ctx->name),
                     "user", ngx_http_sparkjob_text(&ctx->user));

    return ngx_http_sparkjob_meta_with(meta, "owner", &ctx->owner);
}


static ngx_int_t
ngx_http_sparkjob_livy_batch_made(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    u_char     number[NGX_INT64_LEN];
    ngx_str_t  id;

    id.data = number;
    id.len = ngx_sprintf(number, "%L",
                         ngx_http_sparkjob_livy_batch_number(msg, "batch"))
             - number;

    if (ngx_http_sparkjob_reply_location(r, "/batches/", &id) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_reply_payload(r, NGX_HTTP_CREATED, msg);
}


static ngx_int_t
ngx_http_sparkjob_livy_batch_told(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    return ngx_http_sparkjob_reply_payload(r, NGX_HTTP_OK, msg);
}


static ngx_int_t
ngx_http_sparkjob_livy_batch_stated(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_buf_t  *b;
    ngx_str_t   state;

    b = ngx_create_temp_buf(r->pool, NGX_HTTP_SPARKJOB_LIVY_BATCH_FRAME);

    if (b == NULL
        || ngx_http_sparkjob_meta_string(msg->meta, "state", &state) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_slprintf(b->last, b->end, "{\"id\":%L,\"state\":\"%V\"}",
                           ngx_http_sparkjob_livy_batch_number(msg, "batch"),
                           &state);

    return ngx_http_sparkjob_reply_buf(r, NGX_HTTP_OK, b);
}


/* the original calls them sessions here, too */

static ngx_int_t
ngx_http_sparkjob_livy_batch_listed(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_buf_t  *b;

    b = ngx_create_temp_buf(r->pool, NGX_HTTP_SPARKJOB_LIVY_BATCH_FRAME);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_sprintf(b->last, "{\"from\":%L,\"total\":%L,\"sessions\":",
                          ngx_http_sparkjob_livy_batch_number(msg, "from"),
                          ngx_http_sparkjob_livy_batch_number(msg, "total"));

    return ngx_http_sparkjob_reply_around(r, NGX_HTTP_OK, b,
                                          ngx_http_sparkjob_payload(r, msg));
}


static ngx_int_t
ngx_http_sparkjob_livy_batch_logged(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_buf_t  *b;

    b = ngx_create_temp_buf(r->pool, NGX_HTTP_SPARKJOB_LIVY_BATCH_FRAME);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_sprintf(b->last,
                          "{\"id\":%L,\"from\":%L,\"total\":%L,\"log\":",
                          ngx_http_sparkjob_livy_batch_number(msg, "batch"),
                          ngx_http_sparkjob_livy_batch_number(msg, "from"),
                          ngx_http_sparkjob_livy_batch_number(msg, "total"));

    return ngx_http_sparkjob_reply_around(r, NGX_HTTP_OK, b,
                                          ngx_http_sparkjob_payload(r, msg));
}


static ngx_int_t
ngx_http_sparkjob_livy_batch_deleted(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    return ngx_http_sparkjob_livy_done(r, "deleted");
}


/* it takes long, but it has been told to: it is gone when it has ended */

static ngx_int_t
ngx_http_sparkjob_livy_batch_ending(ngx_http_request_t *r)
{
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    return ctx->zone->channel->up
           ? ngx_http_sparkjob_livy_batch_deleted(r, NULL)
           : ngx_http_sparkjob_reply_unavailable(r);
}


static json_int_t
ngx_http_sparkjob_livy_batch_number(ngx_http_sparkjob_message_t *msg,
    const char *name)
{
    return json_integer_value(json_object_get(msg->meta, name));
}
