
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Livy's dialect: its routes, what it says of itself, and how it says things.
 *
 * Its sessions are contexts and its statements jobs, of the same launcher:
 * only words, shapes and codes are others.
 */


#include <ngx_http_sparkjob_livy.h>
#include <ngx_http_sparkjob_route.h>


#define NGX_HTTP_SPARKJOB_LIVY_SIZE       100
#define NGX_HTTP_SPARKJOB_LIVY_TYPE       "application/vnd.livy."
#define NGX_HTTP_SPARKJOB_NOT_ACCEPTABLE  406


/* clients compare it as text, part by part: what it is compatible with */

#define NGX_HTTP_SPARKJOB_LIVY_VERSION                                        \
    "{\"version\":\"0.9.0\",\"user\":\"sparkjob\",\"revision\":\"\","         \
    "\"branch\":\"\",\"date\":\"\",\"url\":\"\"}"


static ngx_int_t ngx_http_sparkjob_livy_accept(ngx_http_request_t *r,
    ngx_http_sparkjob_ctx_t *ctx);
static ngx_int_t ngx_http_sparkjob_livy_param_natural(
    ngx_http_sparkjob_ctx_t *ctx, ngx_keyval_t *arg, void *field,
    ngx_uint_t max);
static ngx_int_t ngx_http_sparkjob_livy_param(ngx_http_sparkjob_ctx_t *ctx,
    ngx_keyval_t *arg, void *field, ngx_uint_t max);
static ngx_int_t ngx_http_sparkjob_livy_version(ngx_http_request_t *r);


ngx_http_sparkjob_route_t  ngx_http_sparkjob_livy_routes[] = {

    ngx_http_sparkjob_get("/sessions", ngx_http_sparkjob_livy_session_list,
                          READ),
    ngx_http_sparkjob_post("/sessions", ngx_http_sparkjob_livy_session_post,
                           CONTEXTS),
    ngx_http_sparkjob_get("/sessions/*", ngx_http_sparkjob_livy_session_get,
                          READ),
    ngx_http_sparkjob_delete("/sessions/*",
                             ngx_http_sparkjob_livy_session_delete, CONTEXTS),
    ngx_http_sparkjob_get("/sessions/*/state",
                          ngx_http_sparkjob_livy_session_state, READ),
    ngx_http_sparkjob_get("/sessions/*/log",
                          ngx_http_sparkjob_livy_session_log, READ),
    ngx_http_sparkjob_get("/sessions/*/ui/**", ngx_http_sparkjob_context_ui,
                          READ),
    ngx_http_sparkjob_get("/sessions/*/ui", ngx_http_sparkjob_context_ui_begin,
                          READ),
    ngx_http_sparkjob_post("/sessions/*/stop",
                           ngx_http_sparkjob_livy_session_stop, CONTEXTS),
    ngx_http_sparkjob_post("/sessions/*/interrupt",
                           ngx_http_sparkjob_livy_session_interrupt, CONTEXTS),
    ngx_http_sparkjob_post("/sessions/*/connect",
                           ngx_http_sparkjob_livy_session_get, SUBMIT),

    ngx_http_sparkjob_get("/sessions/*/statements",
                          ngx_http_sparkjob_livy_statement_list, READ),
    ngx_http_sparkjob_post("/sessions/*/statements",
                           ngx_http_sparkjob_livy_statement_post, SUBMIT),
    ngx_http_sparkjob_get("/sessions/*/statements/*",
                          ngx_http_sparkjob_livy_statement_get, READ),
    ngx_http_sparkjob_post("/sessions/*/statements/*/cancel",
                           ngx_http_sparkjob_livy_statement_cancel, SUBMIT),
    ngx_http_sparkjob_post("/sessions/*/completion",
                           ngx_http_sparkjob_livy_completion, SUBMIT),

    ngx_http_sparkjob_get("/batches", ngx_http_sparkjob_livy_batch_list, READ),
    ngx_http_sparkjob_post("/batches", ngx_http_sparkjob_livy_batch_post,
                           SUBMIT),
    ngx_http_sparkjob_get("/batches/*", ngx_http_sparkjob_livy_batch_get, READ),
    ngx_http_sparkjob_delete("/batches/*", ngx_http_sparkjob_livy_batch_delete,
                             SUBMIT),
    ngx_http_sparkjob_get("/batches/*/state",
                          ngx_http_sparkjob_livy_batch_state, READ),
    ngx_http_sparkjob_get("/batches/*/log", ngx_http_sparkjob_livy_batch_log,
                          READ),

    ngx_http_sparkjob_get("/version", ngx_http_sparkjob_livy_version, NO_ROLE),
    ngx_http_sparkjob_get("/", ngx_http_sparkjob_livy_version, NO_ROLE),

    { 0, ngx_null_string, 0, NULL, 0, 0 }
};


/* what is negative means something in logs alone, see below */

static ngx_http_sparkjob_param_t  ngx_http_sparkjob_livy_list_params[] = {
    { ngx_string("from"), ngx_http_sparkjob_livy_param_natural,
      offsetof(ngx_http_sparkjob_livy_page_t, from), 0 },
    { ngx_string("size"), ngx_http_sparkjob_livy_param_natural,
      offsetof(ngx_http_sparkjob_livy_page_t, size), 0 },
    { ngx_string("order"), ngx_http_sparkjob_param_string,
      offsetof(ngx_http_sparkjob_livy_page_t, order), SJP_NAME_MAX },
    { ngx_null_string, NULL, 0, 0 }
};


static ngx_http_sparkjob_param_t  ngx_http_sparkjob_livy_log_params[] = {
    { ngx_string("from"), ngx_http_sparkjob_livy_param,
      offsetof(ngx_http_sparkjob_livy_page_t, from), 0 },
    { ngx_string("size"), ngx_http_sparkjob_livy_param,
      offsetof(ngx_http_sparkjob_livy_page_t, size), 0 },
    { ngx_null_string, NULL, 0, 0 }
};


/*
 * What holds for every request, after it is known who asks and what that user
 * may do: on whose behalf is it, and does it want an answer that we have.
 */

ngx_int_t
ngx_http_sparkjob_livy_prepare(ngx_http_request_t *r,
    ngx_http_sparkjob_loc_conf_t *slcf, ngx_http_sparkjob_ctx_t *ctx)
{
    ngx_int_t          rc;
    ngx_keyval_t      *arg;
    static ngx_str_t   name = ngx_string("doAs");

    rc = ngx_http_sparkjob_livy_accept(r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    arg = ngx_http_sparkjob_arg(ctx, &name);

    if (arg == NULL) {
        return NGX_OK;
    }

    rc = ngx_http_sparkjob_check_text(ctx, &name, &arg->value, SJP_NAME_MAX);

    if (rc != NGX_OK) {
        return rc;
    }

    if (!ngx_http_sparkjob_livy_may_be(ctx, &arg->value)) {
        return ngx_http_sparkjob_livy_not_him(ctx, &arg->value);
    }

    /* from here on it is as if that user had asked */

    ctx->asker = ctx->user;
    ctx->user = arg->value;
    ctx->as = arg->value;
    ctx->isolated = (slcf->owner != 0);

    return NGX_OK;
}


/* there is one version of Livy's API; who names another one wants that */

static ngx_int_t
ngx_http_sparkjob_livy_accept(ngx_http_request_t *r,
    ngx_http_sparkjob_ctx_t *ctx)
{
    u_char           *p, *last;
    ngx_str_t         value;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {

            if (part->next == NULL) {
                return NGX_OK;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len != sizeof("Accept") - 1
            || ngx_strncasecmp(h[i].key.data, (u_char *) "Accept",
                               sizeof("Accept") - 1)
               != 0)
        {
            continue;
        }

        value = h[i].value;
        last = value.data + value.len;

        p = ngx_strlcasestrn(value.data, last,
                             (u_char *) NGX_HTTP_SPARKJOB_LIVY_TYPE,
                             sizeof(NGX_HTTP_SPARKJOB_LIVY_TYPE) - 2);

        if (p && ngx_strlcasestrn(p, last,
                            (u_char *) NGX_HTTP_SPARKJOB_LIVY_TYPE "v0.1+json",
                            sizeof(NGX_HTTP_SPARKJOB_LIVY_TYPE "v0.1+json") - 2)
                 == NULL)
        {
            ctx->status = NGX_HTTP_SPARKJOB_NOT_ACCEPTABLE;

            return ngx_http_sparkjob_problem(ctx, "There is no version of the "
                                             "API such as '%V' wants, only "
                                             "0.1", &value);
        }
    }
}


/* an admin, and anybody where there are no rules at all */

ngx_uint_t
ngx_http_sparkjob_livy_may_be_all(ngx_http_sparkjob_ctx_t *ctx)
{
    ngx_http_sparkjob_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(ctx->request, ngx_http_sparkjob_module);

    return ctx->admin
           || (slcf->allow == NULL && !slcf->owner && !slcf->proxy_user);
}


/* everybody else may be himself */

ngx_uint_t
ngx_http_sparkjob_livy_may_be(ngx_http_sparkjob_ctx_t *ctx, ngx_str_t *user)
{
    return ngx_http_sparkjob_livy_may_be_all(ctx)
           || (ctx->user.len == user->len
               && ngx_memcmp(ctx->user.data, user->data, user->len) == 0);
}


ngx_int_t
ngx_http_sparkjob_livy_not_him(ngx_http_sparkjob_ctx_t *ctx, ngx_str_t *user)
{
    ctx->status = NGX_HTTP_FORBIDDEN;

    return ngx_http_sparkjob_problem(ctx, "User '%V' not allowed to "
                                     "impersonate '%V'.", &ctx->user, user);
}


static ngx_int_t
ngx_http_sparkjob_livy_version(ngx_http_request_t *r)
{
    ngx_buf_t  *b;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = (u_char *) NGX_HTTP_SPARKJOB_LIVY_VERSION;
    b->last = b->pos + sizeof(NGX_HTTP_SPARKJOB_LIVY_VERSION) - 1;
    b->memory = 1;

    return ngx_http_sparkjob_reply_buf(r, NGX_HTTP_OK, b);
}


/* of a log "size" is negative where all is wanted, "from" where the end is */

ngx_int_t
ngx_http_sparkjob_livy_page(ngx_http_sparkjob_ctx_t *ctx,
    ngx_http_sparkjob_livy_page_t *page, ngx_uint_t log)
{
    page->from = -1;
    page->size = NGX_HTTP_SPARKJOB_LIVY_SIZE;
    ngx_str_null(&page->order);

    return ngx_http_sparkjob_params(ctx,
                                    log ? ngx_http_sparkjob_livy_log_params
                                        : ngx_http_sparkjob_livy_list_params,
                                    page);
}


static ngx_int_t
ngx_http_sparkjob_livy_param_natural(ngx_http_sparkjob_ctx_t *ctx,
    ngx_keyval_t *arg, void *field, ngx_uint_t max)
{
    ngx_int_t   rc;
    ngx_int_t  *number = field;

    rc = ngx_http_sparkjob_livy_param(ctx, arg, field, max);

    if (rc == NGX_OK && *number < 0) {
        return ngx_http_sparkjob_problem(ctx, "requirement failed: '%V' of a "
                                         "list is negative: %i", &arg->key,
                                         *number);
    }

    return rc;
}


static ngx_int_t
ngx_http_sparkjob_livy_param(ngx_http_sparkjob_ctx_t *ctx, ngx_keyval_t *arg,
    void *field, ngx_uint_t max)
{
    ngx_int_t    rc;
    json_int_t   n;
    ngx_int_t   *number = field;

    rc = ngx_http_sparkjob_livy_number(ctx, &arg->value, &n);

    if (rc != NGX_OK) {
        return rc;
    }

    *number = n;

    return NGX_OK;
}


/* a number as Java's Integer reads it, and Java's words where it is none */

ngx_int_t
ngx_http_sparkjob_livy_number(ngx_http_sparkjob_ctx_t *ctx, ngx_str_t *s,
    json_int_t *number)
{
    ngx_int_t  n, sign;
    ngx_str_t  digits;

    digits = *s;
    sign = 1;

    if (digits.len > 1 && (digits.data[0] == '-' || digits.data[0] == '+')) {
        sign = (digits.data[0] == '-') ? -1 : 1;
        digits.data++;
        digits.len--;
    }

    n = ngx_atoi(digits.data, digits.len);

    if (n == NGX_ERROR || n > NGX_MAX_INT32_VALUE) {
        return ngx_http_sparkjob_problem(ctx, "For input string: \"%V\"", s);
    }

    *number = sign * n;

    return NGX_OK;
}


/* what has nothing more to say than that */

ngx_int_t
ngx_http_sparkjob_livy_done(ngx_http_request_t *r, const char *msg)
{
    ngx_str_t  text;

    text.data = (u_char *) msg;
    text.len = ngx_strlen(msg);

    return ngx_http_sparkjob_livy_reply_text(r, NGX_HTTP_OK, "", &text);
}


/* {"msg":"text"}, or "text" alone where the original's answer is that */

ngx_int_t
ngx_http_sparkjob_livy_reply_text(ngx_http_request_t *r, ngx_uint_t status,
    const char *label, ngx_str_t *text)
{
    ngx_buf_t   *b;
    ngx_uint_t   bare;

    bare = (ngx_strcmp(label, NGX_HTTP_SPARKJOB_LIVY_STRING) == 0);

    b = ngx_create_temp_buf(r->pool, sizeof("{\"msg\":\"\"}")
                                     + ngx_http_sparkjob_json_len(text));
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_sprintf(b->last, bare ? "\"" : "{\"msg\":\"");
    b->last = ngx_http_sparkjob_json(b->last, text);
    b->last = ngx_sprintf(b->last, bare ? "\"" : "\"}");

    return ngx_http_sparkjob_reply_buf(r, status, b);
}


/* of an error that the launcher tells as an object, what a person reads */

ngx_int_t
ngx_http_sparkjob_livy_reply_error(ngx_http_request_t *r, ngx_uint_t status,
    ngx_http_sparkjob_message_t *msg)
{
    json_t     *error;
    ngx_int_t   rc;
    ngx_str_t   bytes, text;

    if (ngx_http_sparkjob_livy_bytes(r, msg, &bytes) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    error = json_loadb((char *) bytes.data, bytes.len, 0, NULL);

    if (ngx_http_sparkjob_meta_string(error, "message", &text) != NGX_OK
        && ngx_http_sparkjob_meta_string(error, "errorClass", &text) != NGX_OK)
    {
        text = bytes;
    }

    rc = ngx_http_sparkjob_livy_reply_text(r, status, "", &text);

    json_decref(error);

    return rc;
}
