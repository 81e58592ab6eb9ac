
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The Spark UI of a context: sparkjob_ui.
 *
 * Who may see it is found out here, as for any other route.  The launcher tells
 * where it is; then the request goes to a named location of the configuration,
 * whose proxy_pass takes what is to be asked from $sparkjob_ui.  Only this file
 * gives that variable a value, so there is no other way to have nginx ask, and
 * nothing else that it asks.
 */


#include <ngx_http_sparkjob_module.h>


static ngx_int_t ngx_http_sparkjob_ui_none(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_sparkjob_ui_check(ngx_http_sparkjob_ctx_t *ctx);
static ngx_int_t ngx_http_sparkjob_ui_told(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_ui_pass(ngx_http_request_t *r,
    ngx_str_t *url);
static void ngx_http_sparkjob_ui_set(ngx_http_request_t *r, ngx_int_t index,
    u_char *data, size_t len);


/* what changes something within Spark's UI, in any path of it */

static ngx_str_t  ngx_http_sparkjob_ui_kill = ngx_string("kill");


static ngx_http_sparkjob_refusal_t  ngx_http_sparkjob_ui_refusals[] = {
    { SJP_ERR_NO_SUCH_CONTEXT, 404, "ERROR",
      "context %V does not run, so it has no UI" },
    { SJP_ERR_NO_UI, 404, "ERROR", "The context has no UI: %V" },
    { 0, 0, NULL, NULL }
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_ui_call = {
    SJP_CONTEXT_UI,
    ngx_http_sparkjob_ui_told,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    ngx_http_sparkjob_ui_refusals,
    0
};


static struct {
    ngx_str_t   name;
    size_t      offset;
} ngx_http_sparkjob_ui_variables[] = {
    { ngx_string("sparkjob_ui"),
      offsetof(ngx_http_sparkjob_main_conf_t, ui) },
    { ngx_string("sparkjob_ui_base"),
      offsetof(ngx_http_sparkjob_main_conf_t, ui_base) },
    { ngx_null_string, 0 }
};


/* nobody can "set" them: they may not be changed */

ngx_int_t
ngx_http_sparkjob_ui_add_variables(ngx_conf_t *cf)
{
    ngx_int_t                       *index;
    ngx_str_t                       *name;
    ngx_uint_t                       i;
    ngx_http_variable_t             *var;
    ngx_http_sparkjob_main_conf_t   *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sparkjob_module);

    for (i = 0; ngx_http_sparkjob_ui_variables[i].name.len; i++) {

        name = &ngx_http_sparkjob_ui_variables[i].name;
        index = (ngx_int_t *) ((u_char *) smcf
                               + ngx_http_sparkjob_ui_variables[i].offset);

        var = ngx_http_add_variable(cf, name, 0);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = ngx_http_sparkjob_ui_none;

        *index = ngx_http_get_variable_index(cf, name);

        if (*index == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sparkjob_ui_none(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    v->not_found = 1;

    return NGX_OK;
}


char *
ngx_http_sparkjob_ui(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sparkjob_loc_conf_t  *slcf = conf;

    ngx_str_t  *value;

    if (slcf->ui.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 3 && ngx_strncmp(value[1].data, "off", 3) == 0) {
        ngx_str_set(&slcf->ui, "");
        return NGX_CONF_OK;
    }

    if (value[1].len < 2 || value[1].data[0] != '@') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not a named location", &value[1]);
        return NGX_CONF_ERROR;
    }

    slcf->ui = value[1];

    return NGX_CONF_OK;
}


/* the pages have relative links, too */

ngx_int_t
ngx_http_sparkjob_context_ui_begin(ngx_http_request_t *r)
{
    ngx_str_t                 value;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    if (ngx_http_sparkjob_reply_path(r, "/contexts/", &ctx->name, "/ui/",
                                     &value)
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
    json_t                        *meta;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    if (slcf->ui.len == 0) {
        return ngx_http_sparkjob_reply_error(r, NGX_HTTP_NOT_FOUND,
                     "The UI of contexts cannot be seen here: sparkjob_ui of "
                     "nginx's configuration is off");
    }

    /* by _method it is a GET to us, but would be what it is to the UI */

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_http_sparkjob_reply_error(r, NGX_HTTP_NOT_ALLOWED,
                                             "The UI of a context is for GET");
    }

    if (ngx_http_sparkjob_ui_check(ctx) != NGX_OK) {
        return ngx_http_sparkjob_reply_problem(r);
    }

    meta = json_pack("{s:s%}", "name", ngx_http_sparkjob_text(&ctx->stored));

    return ngx_http_sparkjob_ask(r, &ngx_http_sparkjob_ui_call, meta, 0,
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
                                             "the UI: use DELETE /jobs/<id>");
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sparkjob_ui_told(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_str_t                 url;
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

    return ngx_http_sparkjob_ui_pass(r, &url);
}


/*
 * The path is the one that was looked at, escaped anew, so that the UI's server
 * cannot read another one in it.
 */

static ngx_int_t
ngx_http_sparkjob_ui_pass(ngx_http_request_t *r, ngx_str_t *url)
{
    u_char                         *p, *uri;
    size_t                          len;
    ngx_str_t                       base;
    ngx_http_sparkjob_ctx_t        *ctx;
    ngx_http_sparkjob_loc_conf_t   *slcf;
    ngx_http_sparkjob_main_conf_t  *smcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);
    smcf = ngx_http_get_module_main_conf(r, ngx_http_sparkjob_module);

    /* links of the UI's own pages begin with that */

    if (ngx_http_sparkjob_reply_path(r, "/contexts/", &ctx->name, "/ui", &base)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    len = url->len + 1 + ctx->rest.len
          + 2 * ngx_escape_uri(NULL, ctx->rest.data, ctx->rest.len,
                               NGX_ESCAPE_URI)
          + 1 + r->args.len;

    uri = ngx_pnalloc(r->pool, len);
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

    ngx_http_sparkjob_ui_set(r, smcf->ui, uri, p - uri);
    ngx_http_sparkjob_ui_set(r, smcf->ui_base, base.data, base.len);

    /* see ngx_http_sparkjob_finish() */

    ctx->passed = slcf->ui;

    return NGX_OK;
}


static void
ngx_http_sparkjob_ui_set(ngx_http_request_t *r, ngx_int_t index, u_char *data,
    size_t len)
{
    ngx_http_variable_value_t  *v;

    v = &r->variables[index];

    v->data = data;
    v->len = len;
    v->valid = 1;
    v->not_found = 0;
    v->no_cacheable = 0;
}


ngx_uint_t
ngx_http_sparkjob_ui_passed(ngx_http_request_t *r)
{
    ngx_http_sparkjob_main_conf_t  *smcf;

    smcf = ngx_http_get_module_main_conf(r, ngx_http_sparkjob_module);

    return r->variables[smcf->ui].valid && r->variables[smcf->ui].len;
}
