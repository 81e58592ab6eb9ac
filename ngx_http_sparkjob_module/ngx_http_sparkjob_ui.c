
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The Spark UI of a context, or of a session, which is one: sparkjob_ui.
 *
 * Who may see it is found out here, as for any other route.  The launcher tells
 * where it is; then nginx asks, see ngx_http_sparkjob_pass.c.
 */


#include <ngx_http_sparkjob_module.h>


/* what the dialects have of their own; the second one is Livy's */

typedef struct {
    const char                *path;
    const char                *kill;
    const char                *off;
    const char                *get;
    ngx_http_sparkjob_call_t   call;
} ngx_http_sparkjob_ui_dialect_t;


static ngx_http_sparkjob_ui_dialect_t *ngx_http_sparkjob_ui_dialect(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_sparkjob_ui_check(ngx_http_sparkjob_ctx_t *ctx);
static ngx_int_t ngx_http_sparkjob_ui_told(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_ui_pass(ngx_http_request_t *r,
    ngx_str_t *url, ngx_str_t *root);


static ngx_http_sparkjob_refusal_t  ngx_http_sparkjob_ui_refusals[] = {
    { SJP_ERR_NO_SUCH_CONTEXT, 404, "ERROR",
      "context %V does not run, so it has no UI" },
    { SJP_ERR_NO_UI, 404, "ERROR", "The context has no UI: %V" },
    { 0, 0, NULL, NULL }
};


static ngx_http_sparkjob_refusal_t  ngx_http_sparkjob_ui_livy_refusals[] = {
    { SJP_ERR_NO_SUCH_CONTEXT, 404, "", "Session '%V' not found." },
    { SJP_ERR_SESSION_ENDED, 404, "",
      "Session is in state %V, so it has no UI" },
    { SJP_ERR_NO_UI, 404, "", "The session has no UI: %V" },
    { 0, 0, NULL, NULL }
};


#define ngx_http_sparkjob_ui_call(refusals)                                   \
    {                                                                         \
        SJP_CONTEXT_UI, ngx_http_sparkjob_ui_told, NULL, NULL,                \
        ngx_http_sparkjob_reply_expired, refusals, 0                          \
    }


static ngx_http_sparkjob_ui_dialect_t  ngx_http_sparkjob_ui_dialects[] = {
    { "/contexts/", "DELETE /jobs/<id>",
      "The UI of contexts cannot be seen here: sparkjob_ui of nginx's "
      "configuration is off",
      "The UI of a context is for GET",
      ngx_http_sparkjob_ui_call(ngx_http_sparkjob_ui_refusals) },

    { "/sessions/", "POST /sessions/<id>/statements/<number>/cancel",
      "The UI of sessions cannot be seen here: sparkjob_ui of nginx's "
      "configuration is off",
      "The UI of a session is for GET",
      ngx_http_sparkjob_ui_call(ngx_http_sparkjob_ui_livy_refusals) }
};


/* what changes something within Spark's UI, in any path of it */

static ngx_str_t  ngx_http_sparkjob_ui_kill = ngx_string("kill");


static ngx_http_sparkjob_ui_dialect_t *
ngx_http_sparkjob_ui_dialect(ngx_http_request_t *r)
{
    ngx_http_sparkjob_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    return &ngx_http_sparkjob_ui_dialects[slcf->livy];
}


/* the pages have relative links, too */

ngx_int_t
ngx_http_sparkjob_context_ui_begin(ngx_http_request_t *r)
{
    ngx_str_t                 value;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    if (ngx_http_sparkjob_reply_path(r, ngx_http_sparkjob_ui_dialect(r)->path,
                                     &ctx->name, "/ui/", &value)
        != NGX_OK
        || ngx_http_sparkjob_reply_header(r, "Location", &value) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_reply(r, NGX_HTTP_MOVED_TEMPORARILY, NULL);
}


ngx_int_t
ngx_http_sparkjob_context_ui(ngx_http_request_t *r)
{
    json_t                          *meta;
    ngx_http_sparkjob_ctx_t         *ctx;
    ngx_http_sparkjob_loc_conf_t    *slcf;
    ngx_http_sparkjob_ui_dialect_t  *dialect;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);
    dialect = ngx_http_sparkjob_ui_dialect(r);

    if (slcf->ui.len == 0) {
        return ngx_http_sparkjob_reply_error(r, NGX_HTTP_NOT_FOUND, "%s",
                                             dialect->off);
    }

    /* by _method it is a GET to us, but would be what it is to the UI */

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_http_sparkjob_reply_error(r, NGX_HTTP_NOT_ALLOWED, "%s",
                                             dialect->get);
    }

    if (ngx_http_sparkjob_ui_check(ctx) != NGX_OK) {
        return ngx_http_sparkjob_reply_problem(r);
    }

    meta = slcf->livy ? ngx_http_sparkjob_livy_meta(r)
                      : json_pack("{s:s%}", "name",
                                  ngx_http_sparkjob_text(&ctx->stored));

    return ngx_http_sparkjob_ask(r, &dialect->call, meta, 0,
                                 slcf->reply_timeout);
}


/* a ";" begins what the UI's server would not count among the path */

static ngx_int_t
ngx_http_sparkjob_ui_check(ngx_http_sparkjob_ctx_t *ctx)
{
    u_char     *p, *last;
    ngx_str_t   word;

    last = ctx->rest.data + ctx->rest.len;

    for (p = ctx->rest.data; p < last; p = word.data + word.len + 1) {

        word.data = p;

        while (p < last && *p != '/') {

            if (*p == ';' || *p == '\\' || *p < 0x20) {
                return ngx_http_sparkjob_problem(ctx, "The path of the UI has "
                                                 "a character that it cannot "
                                                 "have");
            }

            p++;
        }

        word.len = p - word.data;

        if (word.len == ngx_http_sparkjob_ui_kill.len
            && ngx_strncasecmp(word.data, ngx_http_sparkjob_ui_kill.data,
                               word.len)
               == 0)
        {
            ctx->status = NGX_HTTP_FORBIDDEN;

            return ngx_http_sparkjob_problem(ctx, "Nothing is killed through "
                                             "the UI: use %s",
                     ngx_http_sparkjob_ui_dialect(ctx->request)->kill);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sparkjob_ui_told(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_str_t                 url, root;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    if (ngx_http_sparkjob_meta_string(msg->meta, "url", &url) != NGX_OK
        || url.len == 0)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "sparkjob launcher at %V told of no UI",
                      &ctx->zone->addr->name);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* what is behind a proxy of its cluster has links that begin with that */

    ngx_http_sparkjob_meta_string(msg->meta, "root", &root);

    return ngx_http_sparkjob_ui_pass(r, &url, &root);
}


/*
 * The path is the one that was looked at, escaped anew, so that the UI's server
 * cannot read another one in it.
 */

static ngx_int_t
ngx_http_sparkjob_ui_pass(ngx_http_request_t *r, ngx_str_t *url,
    ngx_str_t *root)
{
    u_char                        *p, *uri;
    size_t                         len;
    ngx_str_t                      base, what, kept;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    /* links of the UI's own pages begin with that */

    if (ngx_http_sparkjob_reply_path(r, ngx_http_sparkjob_ui_dialect(r)->path,
                                     &ctx->name, "/ui", &base)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    len = url->len + 1 + ctx->rest.len
          + 2 * ngx_escape_uri(NULL, ctx->rest.data, ctx->rest.len,
                               NGX_ESCAPE_URI)
          + 1 + r->args.len;

    uri = ngx_pnalloc(r->pool, len + root->len);
    if (uri == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_cpymem(uri, url->data, url->len);
    *p++ = '/';
    p = (u_char *) ngx_escape_uri(p, ctx->rest.data, ctx->rest.len,
                                  NGX_ESCAPE_URI);

    if (r->args.len) {
        *p++ = '?';
        p = ngx_cpymem(p, r->args.data, r->args.len);
    }

    what.data = uri;
    what.len = p - uri;

    kept.data = p;
    kept.len = root->len;
    ngx_memcpy(p, root->data, root->len);

    ngx_http_sparkjob_pass_set(r, NGX_HTTP_SPARKJOB_PASS_UI, &what);
    ngx_http_sparkjob_pass_set(r, NGX_HTTP_SPARKJOB_PASS_UI_BASE, &base);
    ngx_http_sparkjob_pass_set(r, NGX_HTTP_SPARKJOB_PASS_UI_ROOT, &kept);

    /* see ngx_http_sparkjob_finish() */

    ctx->passed = slcf->ui;

    return NGX_OK;
}
