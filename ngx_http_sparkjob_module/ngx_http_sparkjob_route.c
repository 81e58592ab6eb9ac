
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The routes, and how a request gets to its handler.
 */


#include <ngx_http_sparkjob_route.h>


/* a control character: no name may have it */
#define NGX_HTTP_SPARKJOB_SLASH      0x01

/* of a path in the path */
#define NGX_HTTP_SPARKJOB_PATH_MAX   4096

/*
 * ms: what the launcher has said last is a sign of life so long, it has so much
 * time to give one, and it is looked for so often
 */

#define NGX_HTTP_SPARKJOB_HEALTH_FRESH  1000
#define NGX_HTTP_SPARKJOB_HEALTH_WAIT   2000
#define NGX_HTTP_SPARKJOB_HEALTH_POLL   20


static ngx_int_t ngx_http_sparkjob_prepare(ngx_http_request_t *r,
    ngx_http_sparkjob_loc_conf_t *slcf, ngx_http_sparkjob_ctx_t *ctx);
static ngx_int_t ngx_http_sparkjob_method(ngx_http_request_t *r,
    ngx_http_sparkjob_ctx_t *ctx, ngx_uint_t *method);
static ngx_int_t ngx_http_sparkjob_find_route(ngx_http_request_t *r,
    ngx_http_sparkjob_loc_conf_t *slcf, ngx_http_sparkjob_ctx_t *ctx,
    ngx_uint_t method, ngx_uint_t *allowed);
static ngx_int_t ngx_http_sparkjob_search(ngx_http_sparkjob_route_t *route,
    ngx_http_sparkjob_ctx_t *ctx, ngx_uint_t method, ngx_str_t *path,
    ngx_uint_t *allowed);
static void ngx_http_sparkjob_trim(ngx_str_t *path);
static ngx_int_t ngx_http_sparkjob_path(ngx_http_request_t *r,
    ngx_str_t *path);
static ngx_uint_t ngx_http_sparkjob_match(ngx_str_t *pattern, ngx_str_t *path,
    ngx_str_t *name, ngx_str_t *rest);
static ngx_int_t ngx_http_sparkjob_name(ngx_http_sparkjob_ctx_t *ctx,
    ngx_uint_t marked);
static ngx_int_t ngx_http_sparkjob_no_route(ngx_http_request_t *r,
    ngx_uint_t allowed);
static ngx_int_t ngx_http_sparkjob_not_allowed(ngx_http_request_t *r,
    ngx_uint_t allowed);
static ngx_int_t ngx_http_sparkjob_user(ngx_http_request_t *r,
    ngx_http_sparkjob_loc_conf_t *slcf, ngx_http_sparkjob_ctx_t *ctx);
static ngx_int_t ngx_http_sparkjob_read_body(ngx_http_request_t *r);
static ngx_int_t ngx_http_sparkjob_upload(ngx_http_request_t *r);
static void ngx_http_sparkjob_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_sparkjob_health(ngx_http_request_t *r);
static ngx_int_t ngx_http_sparkjob_health_heard(ngx_http_request_t *r);


#define ngx_http_sparkjob_is_rest(route)                                      \
    ((route)->pattern.len > 1                                                 \
     && (route)->pattern.data[(route)->pattern.len - 2] == '*'                \
     && !ngx_http_sparkjob_is_context(route))

#define ngx_http_sparkjob_is_context(route)                                   \
    (ngx_strlchr((route)->pattern.data,                                       \
                 (route)->pattern.data + (route)->pattern.len, '~')           \
     != NULL)


ngx_http_sparkjob_route_t  ngx_http_sparkjob_routes[] = {

    ngx_http_sparkjob_get("/jobs/*", ngx_http_sparkjob_job_get, READ),
    ngx_http_sparkjob_delete("/jobs/*", ngx_http_sparkjob_job_delete, SUBMIT),
    ngx_http_sparkjob_get("/jobs/*/config", ngx_http_sparkjob_job_config, READ),
    ngx_http_sparkjob_get("/jobs/*/events", ngx_http_sparkjob_job_events, READ),
    ngx_http_sparkjob_get("/jobs/*/log", ngx_http_sparkjob_job_log, READ),
    ngx_http_sparkjob_get("/jobs/*/result", ngx_http_sparkjob_result_get, READ),
    ngx_http_sparkjob_get("/jobs", ngx_http_sparkjob_job_list, READ),
    ngx_http_sparkjob_post("/jobs", ngx_http_sparkjob_job_post, SUBMIT),
    ngx_http_sparkjob_purge("/jobs", ngx_http_sparkjob_job_purge, SUBMIT),

    ngx_http_sparkjob_post("/sql", ngx_http_sparkjob_sql_post, SUBMIT),

    ngx_http_sparkjob_get("/contexts", ngx_http_sparkjob_context_list, READ),
    ngx_http_sparkjob_put("/contexts", ngx_http_sparkjob_context_put, CONTEXTS),
    ngx_http_sparkjob_get("/contexts/~", ngx_http_sparkjob_context_get, READ),
    ngx_http_sparkjob_get("/contexts/~/log", ngx_http_sparkjob_context_log,
                          READ),
    ngx_http_sparkjob_get("/contexts/~/ui", ngx_http_sparkjob_context_ui_begin,
                          READ),
    ngx_http_sparkjob_get("/contexts/~/ui/**", ngx_http_sparkjob_context_ui,
                          READ),
    ngx_http_sparkjob_post("/contexts/~/token", ngx_http_sparkjob_thrift_token,
                           SUBMIT),
    ngx_http_sparkjob_post("/contexts/~/jdbc", ngx_http_sparkjob_thrift_jdbc,
                           SUBMIT),
    ngx_http_sparkjob_replace("/contexts/~/thrift-server",
                              ngx_http_sparkjob_thrift_put, CONTEXTS),
    ngx_http_sparkjob_delete("/contexts/~/thrift-server",
                             ngx_http_sparkjob_thrift_delete, CONTEXTS),
    ngx_http_sparkjob_post("/contexts/~", ngx_http_sparkjob_context_post,
                           CONTEXTS),
    ngx_http_sparkjob_replace("/contexts/~", ngx_http_sparkjob_context_replace,
                              CONTEXTS),
    ngx_http_sparkjob_delete("/contexts/~", ngx_http_sparkjob_context_delete,
                             CONTEXTS),

    ngx_http_sparkjob_post("/contexts/~/binaries",
                           ngx_http_sparkjob_context_add, SUBMIT),

    ngx_http_sparkjob_get("/binaries", ngx_http_sparkjob_binary_list, READ),
    ngx_http_sparkjob_get("/binaries/*", ngx_http_sparkjob_binary_get, READ),
    ngx_http_sparkjob_post("/binaries/*", ngx_http_sparkjob_binary_post,
                           BINARIES),
    ngx_http_sparkjob_delete("/binaries/*", ngx_http_sparkjob_binary_delete,
                             BINARIES),

    ngx_http_sparkjob_get("/data", ngx_http_sparkjob_data_list, READ),
    ngx_http_sparkjob_put("/data", ngx_http_sparkjob_data_put, BINARIES),
    ngx_http_sparkjob_post("/data/*", ngx_http_sparkjob_data_post, BINARIES),
    ngx_http_sparkjob_delete("/data/**", ngx_http_sparkjob_data_delete,
                             BINARIES),

    ngx_http_sparkjob_get("/clusters", ngx_http_sparkjob_cluster_list, READ),
    ngx_http_sparkjob_get("/clusters/*", ngx_http_sparkjob_cluster_list, READ),
    ngx_http_sparkjob_post("/clusters/*", ngx_http_sparkjob_cluster_post,
                           ADMIN),
    ngx_http_sparkjob_replace("/clusters/*", ngx_http_sparkjob_cluster_put,
                              ADMIN),
    ngx_http_sparkjob_delete("/clusters/*", ngx_http_sparkjob_cluster_delete,
                             ADMIN),

    ngx_http_sparkjob_get("/library-sets", ngx_http_sparkjob_library_list,
                          READ),
    ngx_http_sparkjob_get("/library-sets/*", ngx_http_sparkjob_library_list,
                          READ),
    ngx_http_sparkjob_post("/library-sets/*", ngx_http_sparkjob_library_post,
                           ADMIN),
    ngx_http_sparkjob_replace("/library-sets/*", ngx_http_sparkjob_library_put,
                              ADMIN),
    ngx_http_sparkjob_delete("/library-sets/*",
                             ngx_http_sparkjob_library_delete, ADMIN),
    ngx_http_sparkjob_post("/library-sets/*/probe",
                           ngx_http_sparkjob_library_probe, ADMIN),

    ngx_http_sparkjob_get("/jars", ngx_http_sparkjob_jar_list, READ),
    ngx_http_sparkjob_post("/jars/*", ngx_http_sparkjob_jar_post, BINARIES),
    ngx_http_sparkjob_delete("/jars/*", ngx_http_sparkjob_binary_delete,
                             BINARIES),

    ngx_http_sparkjob_get("/events", ngx_http_sparkjob_events, READ),

    ngx_http_sparkjob_get("/healthz", ngx_http_sparkjob_health, NO_ROLE),

    { 0, ngx_null_string, 0, NULL, 0, 0 }
};


static struct {
    ngx_str_t   name;
    ngx_uint_t  method;
} ngx_http_sparkjob_methods[] = {
    { ngx_string("GET"), NGX_HTTP_GET },
    { ngx_string("HEAD"), NGX_HTTP_HEAD },
    { ngx_string("POST"), NGX_HTTP_POST },
    { ngx_string("PUT"), NGX_HTTP_PUT },
    { ngx_string("DELETE"), NGX_HTTP_DELETE },
    { ngx_null_string, 0 }
};


ngx_int_t
ngx_http_sparkjob_handler(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_sparkjob_ctx_t));
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->request = r;
    ctx->zone = slcf->zone;
    ctx->audit = slcf->audit;

    ngx_http_set_ctx(r, ctx, ngx_http_sparkjob_module);

    rc = ngx_http_sparkjob_prepare(r, slcf, ctx);

    if (rc != NGX_OK || ctx->replied) {
        return rc;
    }

    if (ctx->route->body == NGX_HTTP_SPARKJOB_BODY_READ) {
        return ngx_http_sparkjob_read_body(r);
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ctx->route->handler(r);

    if (rc == NGX_AGAIN) {
        r->main->count++;
        return NGX_DONE;
    }

    return rc;
}


/* whatever can be said before the body is read is said here */

static ngx_int_t
ngx_http_sparkjob_prepare(ngx_http_request_t *r,
    ngx_http_sparkjob_loc_conf_t *slcf, ngx_http_sparkjob_ctx_t *ctx)
{
    ngx_int_t   rc, discarded;
    ngx_uint_t  method, allowed;

    method = 0;
    allowed = 0;

    if (slcf->user
        && ngx_http_complex_value(r, slcf->user, &ctx->user) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_sparkjob_args(r);

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_method(r, ctx, &method);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_find_route(r, slcf, ctx, method, &allowed);
    }

    if (ctx->route && ngx_http_sparkjob_audit_add(ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == NGX_OK && ctx->route) {
        rc = ngx_http_sparkjob_user(r, slcf, ctx);
    }

    if (rc != NGX_DECLINED && (rc != NGX_OK || ctx->route)) {
        return rc;
    }

    discarded = ngx_http_discard_request_body(r);

    if (discarded != NGX_OK) {
        return discarded;
    }

    return rc == NGX_OK ? ngx_http_sparkjob_no_route(r, allowed)
                        : ngx_http_sparkjob_reply_problem(r);
}


static ngx_int_t
ngx_http_sparkjob_method(ngx_http_request_t *r, ngx_http_sparkjob_ctx_t *ctx,
    ngx_uint_t *method)
{
    ngx_uint_t         i;
    ngx_keyval_t      *arg;
    static ngx_str_t   name = ngx_string("_method");

    *method = r->method;

    if (r->method == NGX_HTTP_HEAD) {
        *method = NGX_HTTP_GET;
        return NGX_OK;
    }

    if (r->method != NGX_HTTP_POST) {
        return NGX_OK;
    }

    arg = ngx_http_sparkjob_arg(ctx, &name);

    if (arg == NULL) {
        return NGX_OK;
    }

    for (i = 0; ngx_http_sparkjob_methods[i].method; i++) {

        if (ngx_http_sparkjob_methods[i].name.len == arg->value.len
            && ngx_strncasecmp(ngx_http_sparkjob_methods[i].name.data,
                               arg->value.data, arg->value.len)
               == 0)
        {
            *method = ngx_http_sparkjob_methods[i].method;
            return NGX_OK;
        }
    }

    return ngx_http_sparkjob_problem(ctx,
                                     "The query parameter '_method' was "
                                     "malformed:\n'%V' is not a method",
                                     &arg->value);
}


/* without a route: which methods the path allows; 0: there is no such path */

static ngx_int_t
ngx_http_sparkjob_find_route(ngx_http_request_t *r,
    ngx_http_sparkjob_loc_conf_t *slcf, ngx_http_sparkjob_ctx_t *ctx,
    ngx_uint_t method, ngx_uint_t *allowed)
{
    ngx_int_t   rc;
    ngx_str_t   path;
    ngx_uint_t  marked;

    if (ngx_http_sparkjob_path(r, &path) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    marked = (path.data != r->uri.data);

    /* after a "rewrite ... break" the prefix may be gone already */

    if (path.len >= slcf->prefix.len
        && ngx_strncmp(path.data, slcf->prefix.data, slcf->prefix.len) == 0)
    {
        path.data += slcf->prefix.len;
        path.len -= slcf->prefix.len;
    }

    rc = ngx_http_sparkjob_search(slcf->routes, ctx, method, &path, allowed);

    if (rc == NGX_DECLINED && slcf->livy && *allowed == 0) {
        ngx_http_sparkjob_trim(&path);
        rc = ngx_http_sparkjob_search(slcf->routes, ctx, method, &path,
                                      allowed);
    }

    return rc == NGX_OK ? ngx_http_sparkjob_name(ctx, marked) : NGX_OK;
}


static ngx_int_t
ngx_http_sparkjob_search(ngx_http_sparkjob_route_t *route,
    ngx_http_sparkjob_ctx_t *ctx, ngx_uint_t method, ngx_str_t *path,
    ngx_uint_t *allowed)
{
    ngx_str_t  name, rest;

    for ( /* void */ ; route->handler; route++) {

        if (!ngx_http_sparkjob_match(&route->pattern, path, &name, &rest)) {
            continue;
        }

        if (route->method == method) {
            ctx->route = route;
            ctx->name = name;
            ctx->rest = rest;

            return NGX_OK;
        }

        *allowed |= route->method;
    }

    return NGX_DECLINED;
}


/* to Livy it is the same with a slash behind; of nothing but that one stays */

static void
ngx_http_sparkjob_trim(ngx_str_t *path)
{
    if (path->len == 0) {
        ngx_str_set(path, "/");

    } else if (path->len > 1 && path->data[path->len - 1] == '/') {
        path->len--;
    }
}


/*
 * The path as nginx sees it, but with a mark for each slash that was encoded:
 * it belongs to a name.  Locations, and with them all access rules, have been
 * chosen by nginx's view, so that ours counts only where it is the same but
 * for the marks and doubled slashes.
 */

static ngx_int_t
ngx_http_sparkjob_path(ngx_http_request_t *r, ngx_str_t *path)
{
    u_char     *p, *last, *d, *s, *end;
    ngx_int_t   ch;

    *path = r->uri;

    p = r->unparsed_uri.data;
    last = ngx_strlchr(p, p + r->unparsed_uri.len, '?');

    if (last == NULL) {
        last = p + r->unparsed_uri.len;
    }

    if (!r->quoted_uri
        || ngx_strlcasestrn(p, last, (u_char *) "%2f",
                            sizeof("%2f") - 2)
           == NULL)
    {
        return NGX_OK;
    }

    d = ngx_pnalloc(r->pool, last - p);
    if (d == NULL) {
        return NGX_ERROR;
    }

    path->data = d;

    s = r->uri.data;
    end = s + r->uri.len;

    while (p < last) {
        ch = *p++;

        if (ch == '%' && last - p >= 2) {
            ch = ngx_hextoi(p, 2);
            p += 2;

            if (ch == '/') {
                ch = NGX_HTTP_SPARKJOB_SLASH;
            }
        }

        if (s < end && *s == (ch == NGX_HTTP_SPARKJOB_SLASH ? '/' : ch)) {
            s++;

        } else if (!(ch == '/' || ch == NGX_HTTP_SPARKJOB_SLASH)
                   || s == r->uri.data || s[-1] != '/')
        {
            *path = r->uri;
            return NGX_OK;
        }

        if (ch != '/' || d == path->data || d[-1] != '/') {
            *d++ = (u_char) ch;
        }
    }

    path->len = d - path->data;

    if (s != end) {
        *path = r->uri;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_sparkjob_match(ngx_str_t *pattern, ngx_str_t *path, ngx_str_t *name,
    ngx_str_t *rest)
{
    u_char     *p, *end, *s, *last;
    ngx_str_t  *segment;

    p = path->data;
    end = p + path->len;

    s = pattern->data;
    last = s + pattern->len;

    ngx_str_null(name);
    ngx_str_null(rest);

    for ( /* void */ ; s < last; s++) {

        if (*s != '*' && *s != '~') {
            if (p == end || *p++ != *s) {
                return 0;
            }

            continue;
        }

        segment = name->len ? rest : name;
        segment->data = p;

        if (last - s == sizeof("**") - 1 && s[1] == '*') {
            segment->len = end - p;

            return segment == rest || segment->len;
        }

        while (p < end && *p != '/') {
            p++;
        }

        segment->len = p - segment->data;

        if (segment->len == 0) {
            return 0;
        }
    }

    return p == end;
}


static ngx_int_t
ngx_http_sparkjob_name(ngx_http_sparkjob_ctx_t *ctx, ngx_uint_t marked)
{
    size_t            i;
    static ngx_str_t  what = ngx_string("name in the path");

    for (i = 0; marked && i < ctx->name.len; i++) {

        if (ctx->name.data[i] == NGX_HTTP_SPARKJOB_SLASH) {
            ctx->name.data[i] = '/';
        }
    }

    return ngx_http_sparkjob_check_text(ctx, &what, &ctx->name,
                                   ngx_http_sparkjob_is_rest(ctx->route)
                                   ? NGX_HTTP_SPARKJOB_PATH_MAX : SJP_NAME_MAX);
}


static ngx_int_t
ngx_http_sparkjob_no_route(ngx_http_request_t *r, ngx_uint_t allowed)
{
    if (allowed) {
        return ngx_http_sparkjob_not_allowed(r, allowed);
    }

    return ngx_http_sparkjob_reply_error(r, NGX_HTTP_NOT_FOUND,
                              "The requested resource could not be found.");
}


static ngx_int_t
ngx_http_sparkjob_not_allowed(ngx_http_request_t *r, ngx_uint_t allowed)
{
    u_char      *p;
    ngx_str_t    list;
    ngx_uint_t   i;

    if (allowed & NGX_HTTP_GET) {
        allowed |= NGX_HTTP_HEAD;
    }

    list.data = ngx_pnalloc(r->pool, sizeof("GET, HEAD, POST, PUT, DELETE, "));
    if (list.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = list.data;

    for (i = 0; ngx_http_sparkjob_methods[i].method; i++) {

        if (allowed & ngx_http_sparkjob_methods[i].method) {
            p = ngx_sprintf(p, "%V, ", &ngx_http_sparkjob_methods[i].name);
        }
    }

    list.len = p - list.data - 2;

    if (ngx_http_sparkjob_reply_header(r, "Allow", &list) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_reply_error(r, NGX_HTTP_NOT_ALLOWED,
                       "HTTP method not allowed, supported methods: %V", &list);
}


/*
 * What a request that never got to us is about: a context in which only that
 * is filled in.  NULL: nothing that we know.
 */

ngx_http_sparkjob_ctx_t *
ngx_http_sparkjob_route_of(ngx_http_request_t *r,
    ngx_http_sparkjob_loc_conf_t *slcf)
{
    ngx_uint_t                method, allowed;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_sparkjob_ctx_t));
    if (ctx == NULL) {
        return NULL;
    }

    ctx->request = r;
    ctx->audit = slcf->audit;
    allowed = 0;

    ngx_http_set_ctx(r, ctx, ngx_http_sparkjob_module);

    /* what is refused for its parameters is that route's all the same */

    if (ngx_http_sparkjob_args(r) != NGX_HTTP_INTERNAL_SERVER_ERROR
        && ngx_http_sparkjob_method(r, ctx, &method) == NGX_OK)
    {
        (void) ngx_http_sparkjob_find_route(r, slcf, ctx, method, &allowed);
    }

    return ctx->route ? ctx : NULL;
}


ngx_str_t *
ngx_http_sparkjob_route_method(ngx_http_sparkjob_route_t *route)
{
    ngx_uint_t  i;

    for (i = 0; ngx_http_sparkjob_methods[i].method != route->method; i++) {
        /* void */
    }

    return &ngx_http_sparkjob_methods[i].name;
}


/* for people: any name is "*"; at most NGX_HTTP_SPARKJOB_ROUTE_LEN bytes */

u_char *
ngx_http_sparkjob_route_path(u_char *p, ngx_http_sparkjob_route_t *route)
{
    size_t   i;
    u_char  *s;

    s = route->pattern.data;

    for (i = 0; i < route->pattern.len; i++) {

        if (s[i] != '*' || s[i - 1] != '*') {
            *p++ = (s[i] == '~') ? '*' : s[i];
        }
    }

    return p;
}


static ngx_int_t
ngx_http_sparkjob_user(ngx_http_request_t *r,
    ngx_http_sparkjob_loc_conf_t *slcf, ngx_http_sparkjob_ctx_t *ctx)
{
    ngx_int_t         rc;
    static ngx_str_t  what = ngx_string("user");

    rc = ngx_http_sparkjob_check_text(ctx, &what, &ctx->user, SJP_NAME_MAX);

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_origin(r, slcf, ctx);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_allowed(r, slcf, ctx);
    }

    if (rc == NGX_OK && slcf->livy) {
        rc = ngx_http_sparkjob_livy_prepare(r, slcf, ctx);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_own_user(r, slcf, ctx);
    }

    if (rc == NGX_OK && ngx_http_sparkjob_is_context(ctx->route)) {
        rc = ngx_http_sparkjob_own_name(ctx, &ctx->name, &ctx->stored);
    }

    return rc;
}


/*
 * What is larger than a payload may be, or of unknown length, goes to a file:
 * its descriptor is handed to the launcher, and the bytes pass through here
 * but once.
 */

static ngx_int_t
ngx_http_sparkjob_read_body(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_http_sparkjob_upload(r);

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? NGX_OK : rc;
    }

    if (r->headers_in.content_length_n > SJP_PAYLOAD_MAX
        || r->headers_in.content_length_n == -1)
    {
        r->request_body_in_file_only = 1;
        r->request_body_file_log_level = 0;
    }

    rc = ngx_http_read_client_request_body(r, ngx_http_sparkjob_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


/*
 * A body that needs a file, by its length or since nobody knows that, wants a
 * slot until the launcher has it.  NGX_DECLINED: it was answered that there are
 * too many.
 */

static ngx_int_t
ngx_http_sparkjob_upload(ngx_http_request_t *r)
{
    off_t                      size;
    ngx_int_t                  rc, discard;
    ngx_uint_t                 large;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    size = ngx_min(clcf->client_body_buffer_size, SJP_PAYLOAD_MAX);
    large = r->headers_in.content_length_n > size || r->headers_in.chunked;

#if (NGX_HTTP_V2)
    large |= r->stream && !r->stream->in_closed
             && r->headers_in.content_length_n == -1;
#endif

    rc = large ? ngx_http_sparkjob_limit_enter(r, NGX_HTTP_SPARKJOB_UPLOADS)
               : NGX_OK;

    if (rc == NGX_OK) {
        return NGX_OK;
    }

    discard = ngx_http_discard_request_body(r);

    if (discard != NGX_OK) {
        return discard;
    }

    rc = ngx_http_sparkjob_limit_refuse(r, NGX_HTTP_SPARKJOB_UPLOADS, rc);

    return rc == NGX_OK ? NGX_DECLINED : rc;
}


static void
ngx_http_sparkjob_body_handler(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    rc = ctx->route->handler(r);

    if (rc != NGX_AGAIN) {
        ngx_http_finalize_request(r, rc);
    }
}


static ngx_int_t
ngx_http_sparkjob_health(ngx_http_request_t *r)
{
    ngx_http_sparkjob_ctx_t      *ctx;
    ngx_http_sparkjob_channel_t  *ch;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    ch = ctx->zone->channel;

    if (ch) {
        ngx_http_sparkjob_channel_hurry(ch);

        if (ch->up) {
            return ngx_http_sparkjob_health_heard(r);
        }

        if (ch->connection) {
            /* to be welcomed in a moment */
            return ngx_http_sparkjob_wait_zone(r);
        }
    }

    return ngx_http_sparkjob_reply_error(r, NGX_HTTP_INTERNAL_SERVER_ERROR,
               "Required actors not alive: no connection to the launcher at %V",
               &ctx->zone->addr->name);
}


/*
 * A launcher that stands still keeps its connections for long; one whose
 * storage fails answers, but nothing can be changed.
 */

static ngx_int_t
ngx_http_sparkjob_health_heard(ngx_http_request_t *r)
{
    ngx_str_t                     why;
    ngx_msec_t                    silence;
    ngx_http_sparkjob_ctx_t      *ctx;
    ngx_http_sparkjob_channel_t  *ch;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    ch = ctx->zone->channel;
    silence = ngx_current_msec - ch->ponged;

    if (ch->ponged && silence < NGX_HTTP_SPARKJOB_HEALTH_FRESH) {
        why.data = ch->why;
        why.len = ch->trouble;

        return why.len ? ngx_http_sparkjob_reply_text(r,
                             ch->full ? NGX_HTTP_INSUFFICIENT_STORAGE
                                      : NGX_HTTP_SERVICE_UNAVAILABLE,
                             "Storage Failure", &why)
                       : ngx_http_sparkjob_reply_success(r, NGX_HTTP_OK, NULL);
    }

    if (!ctx->parked) {
        ctx->polled = ngx_current_msec + NGX_HTTP_SPARKJOB_HEALTH_WAIT;

    } else if ((ngx_msec_int_t) (ctx->polled - ngx_current_msec) <= 0) {
        return ngx_http_sparkjob_reply_error(r,
               NGX_HTTP_INTERNAL_SERVER_ERROR,
               "Required actors not alive: the launcher at %V has not said "
               "anything for %M ms", &ctx->zone->addr->name,
               ngx_current_msec - ch->heard);
    }

    if (ngx_http_sparkjob_channel_probe(ch) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_wait(r, NGX_HTTP_SPARKJOB_HEALTH_POLL,
                                  ngx_http_sparkjob_health);
}
