
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * /binaries, and its older form /jars.
 */


#include <ngx_http_sparkjob_module.h>


static ngx_int_t ngx_http_sparkjob_binary_reply_list(ngx_http_request_t *r,
    ngx_uint_t row);
static ngx_int_t ngx_http_sparkjob_binary_told(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_binary_type(ngx_http_request_t *r,
    ngx_str_t *type);
static ngx_int_t ngx_http_sparkjob_binary_put(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call, ngx_str_t *type);
static ngx_int_t ngx_http_sparkjob_binary_created(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_jar_uploaded(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_binary_deleted(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);


static struct {
    ngx_str_t  media;
    ngx_str_t  type;
} ngx_http_sparkjob_binary_types[] = {
    { ngx_string("application/java-archive"), ngx_string("Jar") },
    { ngx_string("application/python-egg"), ngx_string("Egg") },
    { ngx_string("application/python-wheel"), ngx_string("Wheel") },
    { ngx_string("application/python-archive"), ngx_string("Egg") },
    { ngx_string("python-archive"), ngx_string("Egg") },
    { ngx_string("text/x-python"), ngx_string("Python") },
    { ngx_null_string, ngx_null_string }
};


static ngx_http_sparkjob_refusal_t  ngx_http_sparkjob_jar_refusals[] = {
    { SJP_ERR_BAD_BINARY, 400, "ERROR", "Jar is not of the right format" },
    { 0, 0, NULL, NULL }
};


static ngx_http_sparkjob_refusal_t  ngx_http_sparkjob_binary_refusals[] = {
    { SJP_ERR_NO_SUCH_BINARY, 404, "ERROR",
      "Can't find binary with name %V" },
    { 0, 0, NULL, NULL }
};


static ngx_http_sparkjob_refusal_t  ngx_http_sparkjob_delete_refusals[] = {
    { SJP_ERR_NO_SUCH_BINARY, 404, "ERROR",
      "can't find binary with name %V" },
    { 0, 0, NULL, NULL }
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_binary_get_call = {
    SJP_BINARY_GET,
    ngx_http_sparkjob_binary_told,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    ngx_http_sparkjob_binary_refusals,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_binary_put_call = {
    SJP_BINARY_PUT,
    ngx_http_sparkjob_binary_created,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_jar_put_call = {
    SJP_BINARY_PUT,
    ngx_http_sparkjob_jar_uploaded,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    ngx_http_sparkjob_jar_refusals,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_binary_delete_call = {
    SJP_BINARY_DELETE,
    ngx_http_sparkjob_binary_deleted,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    ngx_http_sparkjob_delete_refusals,
    0
};


ngx_int_t
ngx_http_sparkjob_binary_list(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_binary_reply_list(r, NGX_HTTP_SPARKJOB_ROW);
}


ngx_int_t
ngx_http_sparkjob_jar_list(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_binary_reply_list(r,
                                             NGX_HTTP_SPARKJOB_BINARY_JAR_ROW);
}


static ngx_int_t
ngx_http_sparkjob_binary_reply_list(ngx_http_request_t *r, ngx_uint_t row)
{
    ngx_http_sparkjob_query_t  query;

    ngx_memzero(&query, sizeof(ngx_http_sparkjob_query_t));

    query.kind = NGX_HTTP_SPARKJOB_BINARY;
    query.limit = NGX_MAX_INT_T_VALUE;

    return ngx_http_sparkjob_list(r, &query, "{}", row);
}


u_char *
ngx_http_sparkjob_binary_render(u_char *p, ngx_uint_t n,
    ngx_http_sparkjob_record_t *rec, ngx_str_t *s)
{
    *p++ = '"';
    p = ngx_http_sparkjob_json(p, &s[NGX_HTTP_SPARKJOB_KEY]);

    if (n == NGX_HTTP_SPARKJOB_BINARY_JAR_ROW) {
        p = ngx_cpymem(p, "\":\"", 3);
        p = ngx_http_sparkjob_time(p, rec->start);
        *p++ = '"';

        return p;
    }

    p = ngx_sprintf(p, "\":{\"binary-type\":\"%V\",\"upload-time\":\"",
                    &s[NGX_HTTP_SPARKJOB_BINARY_TYPE]);
    p = ngx_http_sparkjob_time(p, rec->start);

    return ngx_cpymem(p, "\"}", 2);
}


ngx_int_t
ngx_http_sparkjob_binary_get(ngx_http_request_t *r)
{
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    return ngx_http_sparkjob_show(r, NGX_HTTP_SPARKJOB_BINARY, &ctx->name,
                                  &ngx_http_sparkjob_binary_get_call);
}


static ngx_int_t
ngx_http_sparkjob_binary_told(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    return ngx_http_sparkjob_show_told(r, NGX_HTTP_SPARKJOB_BINARY, msg);
}


u_char *
ngx_http_sparkjob_binary_report(u_char *p, ngx_http_sparkjob_record_t *rec,
    ngx_str_t *own)
{
    ngx_str_t  name, type;

    name = ngx_http_sparkjob_record_string(rec, NGX_HTTP_SPARKJOB_KEY);
    type = ngx_http_sparkjob_record_string(rec, NGX_HTTP_SPARKJOB_BINARY_TYPE);

    p = ngx_sprintf(p, "{\"app-name\":\"");
    p = ngx_http_sparkjob_json(p, &name);
    p = ngx_sprintf(p, "\",\"binary-type\":\"%V\",\"upload-time\":\"", &type);
    p = ngx_http_sparkjob_time(p, rec->start);

    return ngx_cpymem(p, "\"}", 2);
}


ngx_int_t
ngx_http_sparkjob_binary_post(ngx_http_request_t *r)
{
    ngx_str_t  type;

    if (ngx_http_sparkjob_binary_type(r, &type) != NGX_OK) {
        return ngx_http_sparkjob_reply_error(r,
                                             NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                                             "Unsupported binary type %V",
                                             &type);
    }

    return ngx_http_sparkjob_binary_put(r, &ngx_http_sparkjob_binary_put_call,
                                        &type);
}


ngx_int_t
ngx_http_sparkjob_jar_post(ngx_http_request_t *r)
{
    static ngx_str_t  type = ngx_string("Jar");

    return ngx_http_sparkjob_binary_put(r, &ngx_http_sparkjob_jar_put_call,
                                        &type);
}


/* NGX_DECLINED: "type" is the content type that is none of ours */

static ngx_int_t
ngx_http_sparkjob_binary_type(ngx_http_request_t *r, ngx_str_t *type)
{
    u_char     *p;
    size_t      len;
    ngx_uint_t  i;

    if (r->headers_in.content_type == NULL) {
        ngx_str_set(type, "none");
        return NGX_DECLINED;
    }

    *type = r->headers_in.content_type->value;

    p = ngx_strlchr(type->data, type->data + type->len, ';');
    len = p ? (size_t) (p - type->data) : type->len;

    while (len && (type->data[len - 1] == ' ' || type->data[len - 1] == '\t')) {
        len--;
    }

    for (i = 0; ngx_http_sparkjob_binary_types[i].media.len; i++) {

        if (ngx_http_sparkjob_binary_types[i].media.len == len
            && ngx_strncasecmp(ngx_http_sparkjob_binary_types[i].media.data,
                               type->data, len)
               == 0)
        {
            *type = ngx_http_sparkjob_binary_types[i].type;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_sparkjob_binary_put(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call, ngx_str_t *type)
{
    json_t                        *meta;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    meta = json_pack("{s:s%, s:s%, s:s%}",
                     "name", ngx_http_sparkjob_text(&ctx->name),
                     "type", ngx_http_sparkjob_text(type),
                     "user", ngx_http_sparkjob_text(&ctx->user));

    return ngx_http_sparkjob_ask(r, call, meta, 1, slcf->reply_timeout);
}


static ngx_int_t
ngx_http_sparkjob_binary_created(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    return ngx_http_sparkjob_reply_success(r, NGX_HTTP_CREATED, NULL);
}


static ngx_int_t
ngx_http_sparkjob_jar_uploaded(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    return ngx_http_sparkjob_reply_success(r, NGX_HTTP_OK, "Jar uploaded");
}


ngx_int_t
ngx_http_sparkjob_binary_delete(ngx_http_request_t *r)
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

    meta = ngx_http_sparkjob_meta_with(meta, "owner", &ctx->owner);

    return ngx_http_sparkjob_ask(r, &ngx_http_sparkjob_binary_delete_call,
                                 meta, 0, slcf->reply_timeout);
}


static ngx_int_t
ngx_http_sparkjob_binary_deleted(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    return ngx_http_sparkjob_reply_success(r, NGX_HTTP_OK, NULL);
}
