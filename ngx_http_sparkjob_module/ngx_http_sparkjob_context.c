
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * /contexts
 */


#include <ngx_http_sparkjob_module.h>


static ngx_int_t ngx_http_sparkjob_context_told(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_context_start(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call);
static json_t *ngx_http_sparkjob_context_settings(
    ngx_http_sparkjob_ctx_t *ctx);
static ngx_uint_t ngx_http_sparkjob_context_is_setting(
    ngx_http_sparkjob_ctx_t *ctx, ngx_str_t *key);
static ngx_int_t ngx_http_sparkjob_context_created(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_context_starting(ngx_http_request_t *r);
static ngx_int_t ngx_http_sparkjob_context_stopped(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_context_stopping(ngx_http_request_t *r);
static ngx_int_t ngx_http_sparkjob_context_was_reset(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_context_reset_sent(ngx_http_request_t *r);
static ngx_int_t ngx_http_sparkjob_context_resetting(ngx_http_request_t *r);


static ngx_http_sparkjob_param_t  ngx_http_sparkjob_context_start_params[] = {
    { ngx_string("async"), ngx_http_sparkjob_param_flag, 0, 0 },
    { ngx_null_string, NULL, 0, 0 }
};


/* parameters that are no settings; the last one is not if we set it */

static ngx_str_t  ngx_http_sparkjob_context_others[] = {
    ngx_string("_method"),
    ngx_string("async"),
    ngx_string("spark.proxy.user")
};


static ngx_http_sparkjob_refusal_t  ngx_http_sparkjob_start_refusals[] = {
    { SJP_ERR_BAD_URI, 400, "CONTEXT INIT ERROR: Malformed URL", NULL },
    { 0, 0, NULL, NULL }
};


static ngx_http_sparkjob_refusal_t  ngx_http_sparkjob_get_refusals[] = {
    { SJP_ERR_NO_SUCH_CONTEXT, 404, "ERROR",
      "can't find context with name %V" },
    { 0, 0, NULL, NULL }
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_context_get_call = {
    SJP_CONTEXT_GET,
    ngx_http_sparkjob_context_told,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    ngx_http_sparkjob_get_refusals,
    0
};


static ngx_http_sparkjob_param_t  ngx_http_sparkjob_context_delete_params[] = {
    { ngx_string("force"), ngx_http_sparkjob_param_flag, 0, 0 },
    { ngx_null_string, NULL, 0, 0 }
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_context_create_call = {
    SJP_CONTEXT_CREATE,
    ngx_http_sparkjob_context_created,
    NULL,
    NULL,
    ngx_http_sparkjob_context_starting,
    ngx_http_sparkjob_start_refusals,
    1
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_context_replace_call = {
    SJP_CONTEXT_REPLACE,
    ngx_http_sparkjob_context_created,
    NULL,
    NULL,
    ngx_http_sparkjob_context_starting,
    ngx_http_sparkjob_start_refusals,
    1
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_context_delete_call = {
    SJP_CONTEXT_DELETE,
    ngx_http_sparkjob_context_stopped,
    NULL,
    NULL,
    ngx_http_sparkjob_context_stopping,
    NULL,
    1
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_context_reset_call = {
    SJP_CONTEXT_RESET,
    ngx_http_sparkjob_context_was_reset,
    NULL,
    NULL,
    ngx_http_sparkjob_context_resetting,
    NULL,
    1
};


/* answered when the launcher has been told; it starts no contexts again */

static ngx_http_sparkjob_call_t  ngx_http_sparkjob_context_reset_async_call = {
    SJP_CONTEXT_RESET,
    ngx_http_sparkjob_context_was_reset,
    NULL,
    ngx_http_sparkjob_context_reset_sent,
    ngx_http_sparkjob_context_resetting,
    NULL,
    0
};


ngx_int_t
ngx_http_sparkjob_context_list(ngx_http_request_t *r)
{
    ngx_http_sparkjob_ctx_t    *ctx;
    ngx_http_sparkjob_query_t   query;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    ngx_memzero(&query, sizeof(ngx_http_sparkjob_query_t));

    query.kind = NGX_HTTP_SPARKJOB_CONTEXT;
    query.states = ngx_http_sparkjob_state_bit(SJP_CONTEXT_RUNNING)
                   | ngx_http_sparkjob_state_bit(SJP_CONTEXT_RESTARTING)
                   | ngx_http_sparkjob_state_bit(SJP_CONTEXT_STOPPING);
    query.limit = NGX_MAX_INT_T_VALUE;
    query.own = ctx->own;

    return ngx_http_sparkjob_list(r, &query, "[]", NGX_HTTP_SPARKJOB_ROW);
}


u_char *
ngx_http_sparkjob_context_render(u_char *p, ngx_uint_t n,
    ngx_http_sparkjob_record_t *rec, ngx_str_t *s)
{
    if (n == NGX_HTTP_SPARKJOB_SESSION) {
        return ngx_http_sparkjob_livy_render(p, rec, s);
    }

    *p++ = '"';
    p = ngx_http_sparkjob_json(p, &s[NGX_HTTP_SPARKJOB_KEY]);
    *p++ = '"';

    rec->own = 1;

    return p;
}


ngx_int_t
ngx_http_sparkjob_context_get(ngx_http_request_t *r)
{
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    return ngx_http_sparkjob_show(r, NGX_HTTP_SPARKJOB_CONTEXT, &ctx->stored,
                                  &ngx_http_sparkjob_context_get_call);
}


static ngx_int_t
ngx_http_sparkjob_context_told(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    return ngx_http_sparkjob_show_told(r, NGX_HTTP_SPARKJOB_CONTEXT, msg);
}


u_char *
ngx_http_sparkjob_context_report(u_char *p, ngx_http_sparkjob_record_t *rec,
    ngx_str_t *own)
{
    ngx_str_t   s[NGX_HTTP_SPARKJOB_PAYLOAD];
    ngx_uint_t  i;

    static struct {
        char        *name;
        ngx_uint_t   n;
    } members[] = {
        { "applicationId", NGX_HTTP_SPARKJOB_CONTEXT_APP },
        { "url", NGX_HTTP_SPARKJOB_CONTEXT_URL },
        { "reason", NGX_HTTP_SPARKJOB_CONTEXT_REASON },
        { NULL, 0 }
    };

    for (i = 0; i < NGX_HTTP_SPARKJOB_PAYLOAD; i++) {
        s[i] = ngx_http_sparkjob_record_string(rec, i);
    }

    p = ngx_sprintf(p, "{\"id\":\"%V\",\"name\":",
                    &s[NGX_HTTP_SPARKJOB_CONTEXT_ID]);
    p = ngx_http_sparkjob_row(p, rec, NGX_HTTP_SPARKJOB_ROW, own);
    p = ngx_sprintf(p, ",\"startTime\":\"");
    p = ngx_http_sparkjob_time(p, rec->start);
    p = ngx_sprintf(p, "\",\"endTime\":\"");
    p = rec->end ? ngx_http_sparkjob_time(p, rec->end)
                 : ngx_cpymem(p, "Empty", 5);
    p = ngx_sprintf(p, "\",\"state\":\"%V\"",
                    ngx_http_sparkjob_state_name(rec->kind, rec->state));

    for (i = 0; members[i].name; i++) {

        if (s[members[i].n].len) {
            p = ngx_sprintf(p, ",\"%s\":\"", members[i].name);
            p = ngx_http_sparkjob_json(p, &s[members[i].n]);
            *p++ = '"';
        }
    }

    if (s[NGX_HTTP_SPARKJOB_CONTEXT_SHOWN].len) {
        p = ngx_cpymem(p, s[NGX_HTTP_SPARKJOB_CONTEXT_SHOWN].data,
                       s[NGX_HTTP_SPARKJOB_CONTEXT_SHOWN].len);
    }

    *p++ = '}';

    return p;
}


ngx_int_t
ngx_http_sparkjob_context_post(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_context_start(r,
                                        &ngx_http_sparkjob_context_create_call);
}


ngx_int_t
ngx_http_sparkjob_context_replace(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_context_start(r,
                                       &ngx_http_sparkjob_context_replace_call);
}


static ngx_int_t
ngx_http_sparkjob_context_start(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call)
{
    u_char                         ch;
    json_t                        *meta;
    ngx_int_t                      rc;
    ngx_flag_t                    *async;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    ch = ctx->name.data[0] | 0x20;

    if (ch < 'a' || ch > 'z') {
        return ngx_http_sparkjob_reply_error(r, NGX_HTTP_BAD_REQUEST,
                                      "context name must start with letters");
    }

    async = ngx_pcalloc(r->pool, sizeof(ngx_flag_t));
    if (async == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->data = async;

    rc = ngx_http_sparkjob_params(ctx, ngx_http_sparkjob_context_start_params,
                                  async);
    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_id_make(r, "POST /contexts");
    }

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? ngx_http_sparkjob_reply_problem(r) : rc;
    }

    meta = json_pack("{s:s%, s:s%, s:o, s:b, s:b, s:s%}",
                     "id", ngx_http_sparkjob_text(&ctx->id),
                     "name", ngx_http_sparkjob_text(&ctx->stored),
                     "settings", ngx_http_sparkjob_context_settings(ctx),
                     "early", (int) *async,
                     "again", ctx->key.len != 0,
                     "user", ngx_http_sparkjob_text(&ctx->user));

    if (slcf->proxy_user) {
        meta = ngx_http_sparkjob_meta_with(meta, "proxyUser", &ctx->user);
    }

    return ngx_http_sparkjob_ask(r, call, meta, 1, slcf->context_timeout);
}


/* of two settings with one name the last counts */

static json_t *
ngx_http_sparkjob_context_settings(ngx_http_sparkjob_ctx_t *ctx)
{
    u_char        *key;
    json_t        *settings;
    ngx_uint_t     i;
    ngx_keyval_t  *arg;

    settings = json_object();

    if (ctx->args == NULL) {
        return settings;
    }

    arg = ctx->args->elts;

    for (i = 0; i < ctx->args->nelts; i++) {

        if (!ngx_http_sparkjob_context_is_setting(ctx, &arg[i].key)) {
            continue;
        }

        key = ngx_pnalloc(ctx->request->pool, arg[i].key.len + 1);

        if (key == NULL) {
            json_decref(settings);
            return NULL;
        }

        ngx_cpystrn(key, arg[i].key.data, arg[i].key.len + 1);

        if (json_object_set_new(settings, (char *) key,
                                json_stringn((char *) arg[i].value.data,
                                             arg[i].value.len))
            == -1)
        {
            json_decref(settings);
            return NULL;
        }
    }

    return settings;
}


static ngx_uint_t
ngx_http_sparkjob_context_is_setting(ngx_http_sparkjob_ctx_t *ctx,
    ngx_str_t *key)
{
    ngx_str_t                     *other;
    ngx_uint_t                     i, n;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(ctx->request,
                                        ngx_http_sparkjob_module);

    n = sizeof(ngx_http_sparkjob_context_others) / sizeof(ngx_str_t);

    if (!slcf->proxy_user) {
        n--;
    }

    for (i = 0; i < n; i++) {
        other = &ngx_http_sparkjob_context_others[i];

        if (other->len == key->len
            && ngx_strncmp(other->data, key->data, key->len) == 0)
        {
            return 0;
        }
    }

    return key->len != 0;
}


static ngx_int_t
ngx_http_sparkjob_context_created(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_flag_t               *async;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    async = ctx->data;

    if (!*async) {
        return ngx_http_sparkjob_reply_success(r, NGX_HTTP_OK,
                                               "Context initialized");
    }

    if (ngx_http_sparkjob_reply_location(r, "/contexts/", &ctx->name)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_reply_success(r, NGX_HTTP_ACCEPTED,
                                           "Context initialization started");
}


static ngx_int_t
ngx_http_sparkjob_context_starting(ngx_http_request_t *r)
{
    static ngx_str_t          text = ngx_string("Context is being initialized");
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    if (!ctx->zone->channel->up) {
        return ngx_http_sparkjob_reply_unavailable(r);
    }

    if (ngx_http_sparkjob_reply_location(r, "/contexts/", &ctx->name)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_reply_text(r, NGX_HTTP_ACCEPTED, "STARTED", &text);
}


ngx_int_t
ngx_http_sparkjob_context_delete(ngx_http_request_t *r)
{
    json_t                        *meta;
    ngx_flag_t                     force;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    force = 0;

    if (ngx_http_sparkjob_params(ctx, ngx_http_sparkjob_context_delete_params,
                                 &force)
        != NGX_OK)
    {
        return ngx_http_sparkjob_reply_problem(r);
    }

    meta = json_pack("{s:s%, s:b, s:I, s:s%}",
                     "name", ngx_http_sparkjob_text(&ctx->stored),
                     "force", (int) force,
                     "asked", ngx_http_sparkjob_now(),
                     "user", ngx_http_sparkjob_text(&ctx->user));

    return ngx_http_sparkjob_ask(r, &ngx_http_sparkjob_context_delete_call,
                                 meta, 0, slcf->delete_timeout);
}


static ngx_int_t
ngx_http_sparkjob_context_stopped(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    return ngx_http_sparkjob_reply_success(r, NGX_HTTP_OK, "Context stopped");
}


static ngx_int_t
ngx_http_sparkjob_context_stopping(ngx_http_request_t *r)
{
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    if (!ctx->zone->channel->up) {
        return ngx_http_sparkjob_reply_unavailable(r);
    }

    if (ngx_http_sparkjob_reply_header(r, "Location", &r->unparsed_uri)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_reply(r, NGX_HTTP_ACCEPTED, NULL);
}


ngx_int_t
ngx_http_sparkjob_context_put(ngx_http_request_t *r)
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

    meta = json_pack("{s:b, s:s%}",
                     "recreate", (int) sync,
                     "user", ngx_http_sparkjob_text(&ctx->user));

    if (ctx->owner.len) {
        meta = ngx_http_sparkjob_meta_with(meta, "own", &ctx->own);
    }

    call = sync ? &ngx_http_sparkjob_context_reset_call
                : &ngx_http_sparkjob_context_reset_async_call;

    return ngx_http_sparkjob_ask(r, call, meta, 0,
                                 slcf->delete_timeout + slcf->context_timeout);
}


static ngx_int_t
ngx_http_sparkjob_context_was_reset(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    return ngx_http_sparkjob_reply_success(r, NGX_HTTP_OK, "Context reset");
}


static ngx_int_t
ngx_http_sparkjob_context_reset_sent(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_reply_success(r, NGX_HTTP_OK,
                                           "Context reset requested");
}


static ngx_int_t
ngx_http_sparkjob_context_resetting(ngx_http_request_t *r)
{
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    if (!ctx->zone->channel->up) {
        return ngx_http_sparkjob_reply_unavailable(r);
    }

    return ngx_http_sparkjob_reply_success(r, NGX_HTTP_ACCEPTED,
                                           "Context reset requested");
}
