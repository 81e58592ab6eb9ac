
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * /sql: a query as a job of a class that drivers have built in, with a name for
 * each format of the result.
 */


#include <ngx_http_sparkjob_job.h>


#define NGX_HTTP_SPARKJOB_QUERY_MAX  (1024 * 1024)

#define NGX_HTTP_SPARKJOB_QUERY_HEAD  "{\"query\":\""
#define NGX_HTTP_SPARKJOB_QUERY_TAIL  "\",\"schema\":false}"


typedef struct {
    ngx_http_sparkjob_job_t      job;       /* what ctx->data is known as */
    ngx_http_sparkjob_format_t  *format;    /* NULL: as the client accepts */
    ngx_flag_t                   schema;
} ngx_http_sparkjob_sql_t;


static ngx_int_t ngx_http_sparkjob_sql_what(ngx_http_request_t *r,
    ngx_http_sparkjob_sql_t *sql);
static ngx_http_sparkjob_format_t *ngx_http_sparkjob_sql_accepted(
    ngx_http_request_t *r);
static ngx_uint_t ngx_http_sparkjob_sql_quality(u_char *p, u_char *last,
    ngx_str_t *type);
static ngx_int_t ngx_http_sparkjob_sql_read(ngx_http_request_t *r,
    ngx_str_t *query);
static ngx_int_t ngx_http_sparkjob_sql_check(ngx_http_sparkjob_ctx_t *ctx,
    ngx_str_t *query);
static ngx_int_t ngx_http_sparkjob_sql_body(ngx_http_request_t *r,
    ngx_str_t *query, ngx_flag_t schema);
static ngx_int_t ngx_http_sparkjob_sql_format(ngx_http_sparkjob_ctx_t *ctx,
    ngx_keyval_t *arg, void *field, ngx_uint_t max);


static ngx_http_sparkjob_param_t  ngx_http_sparkjob_sql_params[] = {
    { ngx_string("context"), ngx_http_sparkjob_param_string,
      offsetof(ngx_http_sparkjob_sql_t, job.context), SJP_NAME_MAX },
    { ngx_string("sync"), ngx_http_sparkjob_param_flag,
      offsetof(ngx_http_sparkjob_sql_t, job.sync), 0 },
    { ngx_string("timeout"), ngx_http_sparkjob_param_number,
      offsetof(ngx_http_sparkjob_sql_t, job.timeout), 0 },
    { ngx_string("format"), ngx_http_sparkjob_sql_format,
      offsetof(ngx_http_sparkjob_sql_t, format), 0 },
    { ngx_string("schema"), ngx_http_sparkjob_param_flag,
      offsetof(ngx_http_sparkjob_sql_t, schema), 0 },
    { ngx_string("callbackUrl"), ngx_http_sparkjob_param_url,
      offsetof(ngx_http_sparkjob_sql_t, job.callback),
      NGX_HTTP_SPARKJOB_URL_MAX },
    { ngx_string("spark.proxy.user"), ngx_http_sparkjob_param_string,
      offsetof(ngx_http_sparkjob_sql_t, job.proxy_user), SJP_NAME_MAX },
    { ngx_string("validate"), ngx_http_sparkjob_job_validate,
      offsetof(ngx_http_sparkjob_sql_t, job.early), 0 },
    { ngx_string("trace"), ngx_http_sparkjob_param_flag,
      offsetof(ngx_http_sparkjob_sql_t, job.traced), 0 },
    { ngx_null_string, NULL, 0, 0 }
};


ngx_int_t
ngx_http_sparkjob_sql_post(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_http_sparkjob_sql_t  *sql;

    sql = ngx_pcalloc(r->pool, sizeof(ngx_http_sparkjob_sql_t));
    if (sql == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_sparkjob_job_begin(r, &sql->job,
                                     ngx_http_sparkjob_sql_params);

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_sql_what(r, sql);
    }

    return ngx_http_sparkjob_job_end(r, &sql->job, "POST /sql", rc);
}


/* the class, and the body that drivers get; NGX_DECLINED: see ctx->problem */

static ngx_int_t
ngx_http_sparkjob_sql_what(ngx_http_request_t *r, ngx_http_sparkjob_sql_t *sql)
{
    ngx_int_t                 rc;
    ngx_str_t                 query;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    if (sql->format == NULL) {
        sql->format = ngx_http_sparkjob_sql_accepted(r);
    }

    if (sql->schema && sql->format != ngx_http_sparkjob_formats) {
        return ngx_http_sparkjob_problem(ctx, "The query parameter 'schema' is "
                                         "for the format json, not for %V",
                                         &sql->format->name);
    }

    sql->job.class = sql->format->class;

    rc = ngx_http_sparkjob_sql_read(r, &query);

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_sql_check(ctx, &query);
    }

    return rc == NGX_OK ? ngx_http_sparkjob_sql_body(r, &query, sql->schema)
                        : rc;
}


/* what no header asks for is JSON, as is what it likes as much as JSON */

static ngx_http_sparkjob_format_t *
ngx_http_sparkjob_sql_accepted(ngx_http_request_t *r)
{
    u_char                      *p, *last, *end;
    ngx_uint_t                   i, quality, best;
    ngx_list_part_t             *part;
    ngx_table_elt_t             *h;
    ngx_http_sparkjob_format_t  *format, *found;

    best = 0;
    found = ngx_http_sparkjob_formats;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len != sizeof("accept") - 1
                || ngx_strncmp(h[i].lowcase_key, "accept", h[i].key.len) != 0)
            {
                continue;
            }

            last = h[i].value.data + h[i].value.len;

            for (p = h[i].value.data; p < last; p = end + 1) {
                end = ngx_strlchr(p, last, ',');
                end = end ? end : last;

                for (format = ngx_http_sparkjob_formats;
                     format->name.len;
                     format++)
                {
                    quality = ngx_http_sparkjob_sql_quality(p, end,
                                                            &format->type);

                    if (quality > best || (quality && quality == best
                                           && format < found))
                    {
                        best = quality;
                        found = format;
                    }
                }
            }
        }
    }

    return found;
}


/*
 * How much a media range with its parameters likes a type: 0 not at all, else
 * up to 1000.  Whatever stands for all types stands for JSON.
 */

static ngx_uint_t
ngx_http_sparkjob_sql_quality(u_char *p, u_char *last, ngx_str_t *type)
{
    u_char     *q, *end;
    ngx_int_t   n;

    while (p < last && *p == ' ') {
        p++;
    }

    q = ngx_strlchr(p, last, ';');
    end = q ? q : last;

    while (end > p && end[-1] == ' ') {
        end--;
    }

    if (end - p == 3 && ngx_strncmp(p, "*/*", 3) == 0) {
        if (type != &ngx_http_sparkjob_formats[0].type) {
            return 0;
        }

    } else if ((size_t) (end - p) != type->len
               || ngx_strncasecmp(p, type->data, type->len) != 0)
    {
        return 0;
    }

    q = q ? ngx_strlcasestrn(q, last, (u_char *) "q=", 2 - 1) : NULL;

    if (q == NULL) {
        return 1000;
    }

    q += 2;

    for (end = q; end < last && (*end == '.' || (*end >= '0' && *end <= '9'));
         end++)
    {
        /* void */
    }

    n = ngx_atofp(q, end - q, 3);

    return (n == NGX_ERROR || n > 1000) ? 1000 : n;
}


static ngx_int_t
ngx_http_sparkjob_sql_read(ngx_http_request_t *r, ngx_str_t *query)
{
    ngx_int_t                 rc;
    ngx_http_sparkjob_ctx_t  *ctx;

    rc = ngx_http_sparkjob_body_text(r, NGX_HTTP_SPARKJOB_QUERY_MAX, query);

    if (rc == NGX_DECLINED) {
        ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
        ctx->status = NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;

        return ngx_http_sparkjob_problem(ctx, "The query has %uz bytes, more "
                                         "than %d", query->len,
                                         NGX_HTTP_SPARKJOB_QUERY_MAX);
    }

    return rc;
}


static ngx_int_t
ngx_http_sparkjob_sql_check(ngx_http_sparkjob_ctx_t *ctx, ngx_str_t *query)
{
    size_t       n;
    u_char      *p, *last;
    ngx_uint_t   blank;

    blank = 1;
    last = query->data + query->len;

    for (p = query->data; p < last; p += n) {

        n = ngx_http_sparkjob_utf8_len(p, last);

        if (n == 0) {
            return ngx_http_sparkjob_problem(ctx,
                                             "The query is not valid UTF-8");
        }

        if (*p > ' ') {
            blank = 0;
        }
    }

    return blank ? ngx_http_sparkjob_problem(ctx, "The body has no query")
                 : NGX_OK;
}


static ngx_int_t
ngx_http_sparkjob_sql_body(ngx_http_request_t *r, ngx_str_t *query,
    ngx_flag_t schema)
{
    u_char     *p;
    ngx_str_t   text;

    p = ngx_pnalloc(r->pool, sizeof(NGX_HTTP_SPARKJOB_QUERY_HEAD)
                             + ngx_http_sparkjob_json_len(query)
                             + sizeof(NGX_HTTP_SPARKJOB_QUERY_TAIL));
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text.data = p;

    p = ngx_cpymem(p, NGX_HTTP_SPARKJOB_QUERY_HEAD,
                   sizeof(NGX_HTTP_SPARKJOB_QUERY_HEAD) - 1);
    p = ngx_http_sparkjob_json(p, query);
    p = ngx_sprintf(p, "\",\"schema\":%s}", schema ? "true" : "false");

    text.len = p - text.data;

    return ngx_http_sparkjob_body_set(r, &text);
}


static ngx_int_t
ngx_http_sparkjob_sql_format(ngx_http_sparkjob_ctx_t *ctx, ngx_keyval_t *arg,
    void *field, ngx_uint_t max)
{
    ngx_http_sparkjob_format_t  *format, **found;

    found = field;

    for (format = ngx_http_sparkjob_formats; format->name.len; format++) {

        if (format->name.len == arg->value.len
            && ngx_strncmp(format->name.data, arg->value.data, arg->value.len)
               == 0)
        {
            *found = format;
            return NGX_OK;
        }
    }

    return ngx_http_sparkjob_problem(ctx, "The query parameter 'format' was "
                                     "malformed:\n'%V' is none of 'json', "
                                     "'csv' and 'arrow'", &arg->value);
}
