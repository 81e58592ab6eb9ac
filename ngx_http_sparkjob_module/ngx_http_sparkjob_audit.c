
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * sparkjob_audit: a line of JSON for each request that is to change something,
 * whatever becomes of it.
 *
 * It is written when nginx logs the request, so that the status is the one that
 * the client got, also where an error_page has led elsewhere.  The file is one
 * of nginx's own: the master opens it, and again on USR1.  A line is one write,
 * so that those of several workers do not mix, and has nothing but printable
 * ASCII, so that no value can look like another one, or like another line.
 */


#include <ngx_http_sparkjob_module.h>


/* seconds between complaints of one worker */
#define NGX_HTTP_SPARKJOB_AUDIT_QUIET  60

/* the most that a byte becomes: "\u0000" */
#define NGX_HTTP_SPARKJOB_AUDIT_CHAR   6


static ngx_int_t ngx_http_sparkjob_audit_handler(ngx_http_request_t *r);
static void ngx_http_sparkjob_audit_cleanup(void *data);
static ngx_int_t ngx_http_sparkjob_audit_refused(ngx_http_request_t *r);
static ngx_int_t ngx_http_sparkjob_audit_write(ngx_http_sparkjob_ctx_t *ctx);
static u_char *ngx_http_sparkjob_audit_member(u_char *p, const char *name,
    ngx_str_t *value);
static u_char *ngx_http_sparkjob_audit_char(u_char *p, uint32_t ch);
static ngx_int_t ngx_http_sparkjob_audit_line(ngx_http_request_t *r,
    ngx_open_file_t *file, u_char *line, size_t len);


char *
ngx_http_sparkjob_audit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sparkjob_loc_conf_t  *slcf = conf;

    ngx_str_t  *value;

    if (slcf->audit != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 3 && ngx_strncmp(value[1].data, "off", 3) == 0) {
        slcf->audit = NULL;
        return NGX_CONF_OK;
    }

    if (value[1].len == 0
        || ngx_strlchr(value[1].data, value[1].data + value[1].len, '$'))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not the name of a file, which has no "
                           "variables", &value[1]);
        return NGX_CONF_ERROR;
    }

    slcf->audit = ngx_conf_open_file(cf->cycle, &value[1]);

    return slcf->audit ? NGX_CONF_OK : NGX_CONF_ERROR;
}


ngx_int_t
ngx_http_sparkjob_audit_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_sparkjob_audit_handler;

    return NGX_OK;
}


/*
 * Remembers a request that has its route.  An internal redirect takes its
 * context from it, and its location: so the pool is what keeps it.
 */

ngx_int_t
ngx_http_sparkjob_audit_add(ngx_http_sparkjob_ctx_t *ctx)
{
    ngx_pool_cleanup_t  *cln;

    if (ctx->audit == NULL) {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(ctx->request->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_sparkjob_audit_cleanup;
    cln->data = ctx;

    return NGX_OK;
}


static void
ngx_http_sparkjob_audit_cleanup(void *data)
{
    /* only marks what it belongs to */
}


/*
 * Subrequests (of "mirror") have the pool of their main request, and are logged
 * with it, unless log_subrequest is on.
 */

static ngx_int_t
ngx_http_sparkjob_audit_handler(ngx_http_request_t *r)
{
    ngx_uint_t                found;
    ngx_pool_cleanup_t       *cln;
    ngx_http_sparkjob_ctx_t  *ctx;

    found = 0;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler != ngx_http_sparkjob_audit_cleanup) {
            continue;
        }

        ctx = cln->data;

        if (r != r->main && r != ctx->request) {
            continue;
        }

        found = 1;

        if (!ctx->audited && ngx_http_sparkjob_audit_write(ctx) != NGX_OK) {
            return NGX_ERROR;
        }

        ctx->audited = 1;
    }

    return found ? NGX_OK : ngx_http_sparkjob_audit_refused(r);
}


/* nginx itself has refused it: who it was is not known for sure */

static ngx_int_t
ngx_http_sparkjob_audit_refused(ngx_http_request_t *r)
{
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    if (slcf->zone == NULL || slcf->audit == NULL
        || r->headers_out.status < NGX_HTTP_BAD_REQUEST)
    {
        return NGX_OK;
    }

    ctx = ngx_http_sparkjob_route_of(r, slcf);

    return ctx ? ngx_http_sparkjob_audit_write(ctx) : NGX_OK;
}


static ngx_int_t
ngx_http_sparkjob_audit_write(ngx_http_sparkjob_ctx_t *ctx)
{
    u_char              *line, *p, path[NGX_HTTP_SPARKJOB_ROUTE_LEN];
    size_t               len;
    ngx_str_t            route;
    ngx_uint_t           i;
    ngx_time_t          *now;
    ngx_http_request_t  *r;
    static ngx_str_t     none = ngx_null_string;

    struct {
        char       *name;
        ngx_str_t  *value;
    } members[] = {
        { "client", &ctx->request->connection->addr_text },
        { "user", ctx->asker.len ? &ctx->asker : &ctx->user },
        { "as", &ctx->as },
        { "method", ngx_http_sparkjob_route_method(ctx->route) },
        { "route", &route },
        { "name", ctx->stored.len ? &ctx->stored : &ctx->name },
        { "context", &ctx->about },
        { "id", ctx->made ? &ctx->id : &none },
        { "denied", ngx_http_sparkjob_role_name(ctx->denied) },
        { NULL, NULL }
    };

    r = ctx->request;

    if (ctx->route->method == NGX_HTTP_GET) {
        return NGX_OK;
    }

    route.data = path;
    route.len = ngx_http_sparkjob_route_path(path, ctx->route) - path;

    len = sizeof("{\"time\":\"\",\"status\":}" CRLF)
          + NGX_HTTP_SPARKJOB_TIME_LEN + NGX_INT_T_LEN;

    for (i = 0; members[i].name; i++) {
        len += sizeof(",\"\":\"\"") + ngx_strlen(members[i].name)
               + NGX_HTTP_SPARKJOB_AUDIT_CHAR * members[i].value->len;
    }

    line = ngx_pnalloc(r->pool, len);
    if (line == NULL) {
        return NGX_ERROR;
    }

    now = ngx_timeofday();

    p = ngx_sprintf(line, "{\"time\":\"");
    p = ngx_http_sparkjob_time(p, (uint64_t) now->sec * 1000 + now->msec);
    *p++ = '"';

    for (i = 0; members[i].name; i++) {
        p = ngx_http_sparkjob_audit_member(p, members[i].name,
                                           members[i].value);
    }

    p = ngx_sprintf(p, ",\"status\":%ui}" "\n",
                    r->err_status ? r->err_status : r->headers_out.status);

    return ngx_http_sparkjob_audit_line(r, ctx->audit, line, p - line);
}


/* what is empty is left out */

static u_char *
ngx_http_sparkjob_audit_member(u_char *p, const char *name, ngx_str_t *value)
{
    size_t    n;
    u_char   *s, *last;
    uint32_t  ch;

    if (value->len == 0) {
        return p;
    }

    p = ngx_sprintf(p, ",\"%s\":\"", name);

    s = value->data;
    last = s + value->len;

    while (s < last) {
        n = ngx_http_sparkjob_utf8_len(s, last);

        if (n > 1) {
            ch = ngx_utf8_decode(&s, n);

        } else {
            /* not UTF-8: as Latin 1 */
            ch = *s++;
        }

        p = ngx_http_sparkjob_audit_char(p, ch);
    }

    *p++ = '"';

    return p;
}


static u_char *
ngx_http_sparkjob_audit_char(u_char *p, uint32_t ch)
{
    if (ch >= 0x20 && ch < 0x7f && ch != '"' && ch != '\\') {
        *p++ = (u_char) ch;
        return p;
    }

    if (ch >= 0x10000) {
        ch -= 0x10000;

        return ngx_sprintf(p, "\\u%04xD\\u%04xD", 0xd800 + (ch >> 10),
                           0xdc00 + (ch & 0x3ff));
    }

    return ngx_sprintf(p, "\\u%04xD", ch);
}


static ngx_int_t
ngx_http_sparkjob_audit_line(ngx_http_request_t *r, ngx_open_file_t *file,
    u_char *line, size_t len)
{
    ssize_t        n;
    ngx_err_t      err;
    static time_t  complained;

    n = ngx_write_fd(file->fd, line, len);

    if (n == (ssize_t) len) {
        return NGX_OK;
    }

    err = (n == -1) ? ngx_errno : 0;

    if (ngx_time() - complained > NGX_HTTP_SPARKJOB_AUDIT_QUIET) {
        complained = ngx_time();

        ngx_log_error(NGX_LOG_CRIT, r->connection->log, err,
                      ngx_write_fd_n " to \"%V\" failed or was incomplete: "
                      "%z of %uz", &file->name, n, len);
    }

    return NGX_ERROR;
}
