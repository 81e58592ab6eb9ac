
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What clients of Livy's dialect post: JSON, read here as a whole, and so with
 * a bound.  Numbers may stand where strings are declared, and the other way
 * round, as some clients send them; members that are not known are passed over.
 */


#include <ngx_http_sparkjob_livy.h>
#include <sparkjob_body.h>


static ngx_int_t ngx_http_sparkjob_livy_read(ngx_http_request_t *r,
    ngx_fd_t fd, off_t from, size_t size, u_char *p);
static void ngx_http_sparkjob_livy_forget(void *data);


ngx_int_t
ngx_http_sparkjob_livy_body(ngx_http_request_t *r, json_t **body)
{
    char                      wrong[SJP_BODY_WRONG];
    ngx_int_t                 rc;
    ngx_str_t                 text;
    ngx_pool_cleanup_t       *cln;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    rc = ngx_http_sparkjob_body_text(r, NGX_HTTP_SPARKJOB_LIVY_BODY, &text);

    if (rc == NGX_DECLINED) {
        ctx->status = NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;

        return ngx_http_sparkjob_problem(ctx, "The body is too large: %uz "
                                         "bytes, at most %d are allowed",
                                         text.len,
                                         NGX_HTTP_SPARKJOB_LIVY_BODY);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    *body = text.len ? sjp_body_object((char *) text.data, text.len, wrong)
                     : json_object();

    cln->handler = ngx_http_sparkjob_livy_forget;
    cln->data = *body;

    if (*body == NULL) {
        ctx->bare = 1;
        return ngx_http_sparkjob_problem(ctx, "The body is %s", wrong);
    }

    return NGX_OK;
}


static void
ngx_http_sparkjob_livy_forget(void *data)
{
    json_decref(data);
}


static ngx_int_t
ngx_http_sparkjob_livy_read(ngx_http_request_t *r, ngx_fd_t fd, off_t from,
    size_t size, u_char *p)
{
    ngx_file_t  file;

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.fd = fd;
    file.log = r->connection->log;
    ngx_str_set(&file.name, "sparkjob body");

    if (ngx_read_file(&file, p, size, from) != (ssize_t) size) {
        ngx_log_error(NGX_LOG_CRIT, r->connection->log, 0,
                      "could not read %uz bytes of a file at %O", size, from);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* a string or a number; empty: there is none, or null */

ngx_int_t
ngx_http_sparkjob_livy_string(ngx_http_sparkjob_ctx_t *ctx, json_t *body,
    const char *name, ngx_str_t *value)
{
    json_t  *member;

    member = json_object_get(body, name);

    if (json_is_boolean(member)) {
        return ngx_http_sparkjob_livy_wrong(ctx, name, "a string", member);
    }

    return ngx_http_sparkjob_livy_scalar(ctx, name, "a string", member, value);
}


/* what a string can stand for, and so a boolean, too */

ngx_int_t
ngx_http_sparkjob_livy_scalar(ngx_http_sparkjob_ctx_t *ctx, const char *name,
    const char *expected, json_t *value, ngx_str_t *text)
{
    ngx_str_null(text);

    if (value == NULL || json_is_null(value)) {
        return NGX_OK;
    }

    if (json_is_object(value) || json_is_array(value)) {
        return ngx_http_sparkjob_livy_wrong(ctx, name, expected, value);
    }

    if (json_is_string(value)) {
        text->data = (u_char *) json_string_value(value);
        text->len = json_string_length(value);
        return NGX_OK;
    }

    text->data = ngx_pnalloc(ctx->request->pool, NGX_INT64_LEN + 32);
    if (text->data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text->len = json_dumpb(value, (char *) text->data, NGX_INT64_LEN + 32,
                           JSON_ENCODE_ANY);

    return NGX_OK;
}


/* from 0 on, also as a string; where there is none *value stays */

ngx_int_t
ngx_http_sparkjob_livy_integer(ngx_http_sparkjob_ctx_t *ctx, json_t *body,
    const char *name, json_int_t *value)
{
    json_t      *member;
    ngx_int_t    rc;
    ngx_str_t    text;
    json_int_t   n;

    static const char  expected[] = "a whole number from 0 to 2147483647";

    member = json_object_get(body, name);

    rc = ngx_http_sparkjob_livy_scalar(ctx, name, expected, member, &text);

    if (rc != NGX_OK || text.len == 0) {
        return rc;
    }

    if (ngx_http_sparkjob_livy_number(ctx, &text, &n) != NGX_OK || n < 0) {
        return ngx_http_sparkjob_livy_wrong(ctx, name, expected, member);
    }

    *value = n;

    return NGX_OK;
}


/* a member that is of another type, or none of the values that it can have */

ngx_int_t
ngx_http_sparkjob_livy_wrong(ngx_http_sparkjob_ctx_t *ctx, const char *name,
    const char *expected, json_t *value)
{
    char  shown[SJP_BODY_SHOWN];

    ctx->bare = 1;

    return ngx_http_sparkjob_problem(ctx, "The member '%s' has to be %s, it is "
                                     "%s", name, expected,
                                     sjp_body_shown(value, shown));
}


/* what came with a message, in memory, wherever it is; for what is bounded */

ngx_int_t
ngx_http_sparkjob_livy_bytes(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg, ngx_str_t *bytes)
{
    ngx_file_info_t  fi;

    bytes->len = msg->payload.len;

    if (msg->fd != -1) {

        if (ngx_fd_info(msg->fd, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, ngx_errno,
                          "sparkjob launcher sent a descriptor that is no "
                          "file");
            return NGX_ERROR;
        }

        bytes->len = ngx_min(ngx_file_size(&fi), NGX_HTTP_SPARKJOB_LIVY_BODY);
    }

    bytes->data = ngx_pnalloc(r->pool, bytes->len + 1);
    if (bytes->data == NULL) {
        return NGX_ERROR;
    }

    if (msg->fd != -1) {
        return bytes->len ? ngx_http_sparkjob_livy_read(r, msg->fd, 0,
                                                     bytes->len, bytes->data)
                          : NGX_OK;
    }

    ngx_memcpy(bytes->data, msg->payload.data, bytes->len);

    return NGX_OK;
}
