
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Lists, and the purge of what they show.
 *
 * The zone answers where it can tell, which for jobs is the first page of what
 * it still holds; else the launcher is asked.  A page ends with a cursor that
 * both can make, see docs/protocol.md.
 */


#include <ngx_http_sparkjob_module.h>


#define NGX_HTTP_SPARKJOB_LIMIT       50
#define NGX_HTTP_SPARKJOB_LIMIT_MAX   1000

/* how long a row is, about */
#define NGX_HTTP_SPARKJOB_ROW_GUESS   320

#define NGX_HTTP_SPARKJOB_CURSOR_MAX  (NGX_INT64_LEN                          \
                                       + NGX_HTTP_SPARKJOB_ID_LEN + 1)


typedef struct {
    ngx_http_sparkjob_query_t  query;
    ngx_http_sparkjob_rows_t   rows;
} ngx_http_sparkjob_list_t;


/* what the parameters say */

typedef struct {
    ngx_int_t                  limit;
    ngx_str_t                  status;
    ngx_str_t                  context;
    ngx_str_t                  user;
    ngx_str_t                  class;
    uint64_t                   from;
    uint64_t                   to;
    uint64_t                   before;
    ngx_str_t                  cursor;
} ngx_http_sparkjob_filter_t;


static ngx_int_t ngx_http_sparkjob_list_status(ngx_str_t *status);
static ngx_int_t ngx_http_sparkjob_list_cursor(ngx_http_sparkjob_ctx_t *ctx,
    ngx_keyval_t *arg, void *field, ngx_uint_t max);
static void ngx_http_sparkjob_list_begin(ngx_http_request_t *r,
    ngx_http_sparkjob_list_t *list, const char *brackets, ngx_uint_t row,
    size_t size);
static ngx_int_t ngx_http_sparkjob_list_ask(ngx_http_request_t *r,
    ngx_http_sparkjob_list_t *list);
static ngx_int_t ngx_http_sparkjob_list_record(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_list_end(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_list_reply(ngx_http_request_t *r,
    ngx_http_sparkjob_list_t *list, ngx_str_t *next);
static ngx_int_t ngx_http_sparkjob_list_link(ngx_http_request_t *r,
    ngx_str_t *next);
static u_char *ngx_http_sparkjob_list_arg(u_char *p, ngx_str_t *key,
    ngx_str_t *value);
static ngx_int_t ngx_http_sparkjob_job_purged(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);


static ngx_str_t  ngx_http_sparkjob_list_cursor_name = ngx_string("cursor");


static ngx_http_sparkjob_param_t  ngx_http_sparkjob_list_params[] = {
    { ngx_string("limit"), ngx_http_sparkjob_param_number,
      offsetof(ngx_http_sparkjob_filter_t, limit), 0 },
    { ngx_string("status"), ngx_http_sparkjob_param_string,
      offsetof(ngx_http_sparkjob_filter_t, status), SJP_NAME_MAX },
    { ngx_string("context"), ngx_http_sparkjob_param_string,
      offsetof(ngx_http_sparkjob_filter_t, context), SJP_NAME_MAX },
    { ngx_string("user"), ngx_http_sparkjob_param_string,
      offsetof(ngx_http_sparkjob_filter_t, user), SJP_NAME_MAX },
    { ngx_string("classPath"), ngx_http_sparkjob_param_string,
      offsetof(ngx_http_sparkjob_filter_t, class), SJP_CLASS_MAX },
    { ngx_string("mainClass"), ngx_http_sparkjob_param_string,
      offsetof(ngx_http_sparkjob_filter_t, class), SJP_CLASS_MAX },
    { ngx_string("from"), ngx_http_sparkjob_param_time,
      offsetof(ngx_http_sparkjob_filter_t, from), 0 },
    { ngx_string("to"), ngx_http_sparkjob_param_time,
      offsetof(ngx_http_sparkjob_filter_t, to), 0 },
    { ngx_string("cursor"), ngx_http_sparkjob_list_cursor,
      offsetof(ngx_http_sparkjob_filter_t, cursor),
      NGX_HTTP_SPARKJOB_CURSOR_MAX },
    { ngx_null_string, NULL, 0, 0 }
};


static ngx_http_sparkjob_param_t  ngx_http_sparkjob_purge_params[] = {
    { ngx_string("before"), ngx_http_sparkjob_param_time,
      offsetof(ngx_http_sparkjob_filter_t, before), 0 },
    { ngx_string("status"), ngx_http_sparkjob_param_string,
      offsetof(ngx_http_sparkjob_filter_t, status), SJP_NAME_MAX },
    { ngx_string("context"), ngx_http_sparkjob_param_string,
      offsetof(ngx_http_sparkjob_filter_t, context), SJP_NAME_MAX },
    { ngx_string("user"), ngx_http_sparkjob_param_string,
      offsetof(ngx_http_sparkjob_filter_t, user), SJP_NAME_MAX },
    { ngx_null_string, NULL, 0, 0 }
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_list_jobs_call = {
    SJP_JOB_LIST,
    ngx_http_sparkjob_list_end,
    ngx_http_sparkjob_list_record,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


/*
 * All contexts that are alive and all binaries are in every snapshot, sessions
 * that have died, behind those, if they are asked for.
 */

static ngx_http_sparkjob_call_t  ngx_http_sparkjob_list_others_call = {
    SJP_SNAPSHOT,
    ngx_http_sparkjob_list_end,
    ngx_http_sparkjob_list_record,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_purge_call = {
    SJP_JOB_PURGE,
    ngx_http_sparkjob_job_purged,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


ngx_int_t
ngx_http_sparkjob_job_list(ngx_http_request_t *r)
{
    ngx_int_t                   rc, state;
    ngx_http_sparkjob_ctx_t    *ctx;
    ngx_http_sparkjob_query_t   query;
    ngx_http_sparkjob_filter_t  filter;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    ngx_memzero(&filter, sizeof(ngx_http_sparkjob_filter_t));
    filter.limit = NGX_HTTP_SPARKJOB_LIMIT;
    filter.to = INT64_MAX;

    rc = ngx_http_sparkjob_params(ctx, ngx_http_sparkjob_list_params, &filter);

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_own_name(ctx, &filter.context, &filter.context);
    }

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? ngx_http_sparkjob_reply_problem(r) : rc;
    }

    ngx_memzero(&query, sizeof(ngx_http_sparkjob_query_t));

    query.kind = NGX_HTTP_SPARKJOB_JOB;
    query.limit = ngx_min(filter.limit, NGX_HTTP_SPARKJOB_LIMIT_MAX);
    query.context = filter.context;
    query.user = filter.user;
    query.class = filter.class;
    query.from = filter.from;
    query.to = filter.to;
    query.cursor = filter.cursor;

    if (!ngx_http_sparkjob_own_filter(ctx, &query.user)) {
        query.limit = 0;
    }

    if (filter.status.len) {
        state = ngx_http_sparkjob_list_status(&filter.status);

        if (state == NGX_ERROR) {
            query.limit = 0;

        } else {
            query.states = ngx_http_sparkjob_state_bit(state);
            query.status = filter.status;
        }
    }

    return ngx_http_sparkjob_list(r, &query, "[]", NGX_HTTP_SPARKJOB_ROW);
}


static ngx_int_t
ngx_http_sparkjob_list_status(ngx_str_t *status)
{
    size_t  i;

    for (i = 0; i < status->len; i++) {
        status->data[i] = ngx_toupper(status->data[i]);
    }

    return ngx_http_sparkjob_state_number(NGX_HTTP_SPARKJOB_JOB, status);
}


static ngx_int_t
ngx_http_sparkjob_list_cursor(ngx_http_sparkjob_ctx_t *ctx, ngx_keyval_t *arg,
    void *field, ngx_uint_t max)
{
    u_char     *p, *last;
    ngx_str_t   id, *cursor = field;

    *cursor = arg->value;

    last = cursor->data + cursor->len;
    p = ngx_strlchr(cursor->data, last, '.');

    if (p && cursor->len <= max
        && ngx_atoof(cursor->data, p - cursor->data) != NGX_ERROR)
    {
        id.data = p + 1;
        id.len = last - id.data;

        if (ngx_http_sparkjob_id_valid(&id)) {
            return NGX_OK;
        }
    }

    return ngx_http_sparkjob_problem(ctx, "The query parameter '%V' was "
                                     "malformed:\n'%V' is none that a list "
                                     "has given", &arg->key, &arg->value);
}


ngx_int_t
ngx_http_sparkjob_list(ngx_http_request_t *r, ngx_http_sparkjob_query_t *query,
    const char *brackets, ngx_uint_t row)
{
    size_t                     size;
    ngx_int_t                  rc;
    ngx_str_t                  next;
    u_char                     cursor[NGX_HTTP_SPARKJOB_CURSOR_MAX];
    ngx_http_sparkjob_ctx_t   *ctx;
    ngx_http_sparkjob_list_t  *list;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    list = ngx_palloc(r->pool, sizeof(ngx_http_sparkjob_list_t));
    if (list == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    list->query = *query;

    size = ngx_min(query->limit, NGX_HTTP_SPARKJOB_LIMIT)
           * NGX_HTTP_SPARKJOB_ROW_GUESS;

    ngx_http_sparkjob_list_begin(r, list, brackets, row, size);

    rc = query->cursor.len ? NGX_ABORT
                           : ngx_http_sparkjob_zone_list(ctx->zone, query,
                                                         &list->rows);

    if (rc == NGX_ABORT
        || (rc == NGX_AGAIN && query->kind == NGX_HTTP_SPARKJOB_JOB))
    {
        ngx_http_sparkjob_list_begin(r, list, brackets, row, size);

        return ngx_http_sparkjob_list_ask(r, list);
    }

    if (rc != NGX_OK) {
        return ngx_http_sparkjob_reply_zone(r, rc);
    }

    next.data = cursor;
    next.len = 0;

    if (list->rows.more && list->rows.n) {
        next.len = ngx_sprintf(cursor, "%uL.%*s", list->rows.start,
                               (size_t) NGX_HTTP_SPARKJOB_ID_LEN,
                               list->rows.key)
                   - cursor;
    }

    return ngx_http_sparkjob_list_reply(r, list, &next);
}


static void
ngx_http_sparkjob_list_begin(ngx_http_request_t *r,
    ngx_http_sparkjob_list_t *list, const char *brackets, ngx_uint_t row,
    size_t size)
{
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    ngx_http_sparkjob_rows_init(&list->rows, r->pool, brackets, row, size);

    list->rows.own = ctx->own_json;

    if (list->query.sessions) {
        list->rows.skip = list->query.skip;
        list->rows.page = list->query.page;
        list->rows.ui = list->query.ui;
    }
}


static ngx_int_t
ngx_http_sparkjob_list_ask(ngx_http_request_t *r,
    ngx_http_sparkjob_list_t *list)
{
    json_t                        *meta;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_call_t      *call;
    ngx_http_sparkjob_query_t     *query;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    ctx->data = list;
    query = &list->query;

    if (query->kind != NGX_HTTP_SPARKJOB_JOB) {
        call = &ngx_http_sparkjob_list_others_call;
        meta = json_pack("{s:i, s:b}", "jobs", 0, "sessions",
                         (int) query->sessions);

    } else {
        call = &ngx_http_sparkjob_list_jobs_call;
        meta = json_pack("{s:I, s:I, s:I}",
                         "limit", (json_int_t) query->limit,
                         "from", (json_int_t) query->from,
                         "to", (json_int_t) query->to);

        meta = ngx_http_sparkjob_meta_with(meta, "status", &query->status);
        meta = ngx_http_sparkjob_meta_with(meta, "context", &query->context);
        meta = ngx_http_sparkjob_meta_with(meta, "user", &query->user);
        meta = ngx_http_sparkjob_meta_with(meta, "class", &query->class);
        meta = ngx_http_sparkjob_meta_with(meta, "before", &query->cursor);
    }

    return ngx_http_sparkjob_ask(r, call, meta, 0, slcf->reply_timeout);
}


static ngx_int_t
ngx_http_sparkjob_list_record(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_int_t                    rc;
    ngx_http_sparkjob_ctx_t     *ctx;
    ngx_http_sparkjob_kind_e     kind;
    ngx_http_sparkjob_list_t    *list;
    ngx_http_sparkjob_record_t  *rec;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    list = ctx->data;

    if (ngx_http_sparkjob_record_kind(msg->meta, &kind) != NGX_OK
        || kind != list->query.kind)
    {
        return NGX_AGAIN;
    }

    rc = ngx_http_sparkjob_record(ctx->zone->channel, NULL, kind,
                                  json_object_get(msg->meta, "record"),
                                  &msg->payload, &rec);

    if (rc == NGX_DECLINED
        || (rc == NGX_OK && !ngx_http_sparkjob_zone_wanted(&list->query, rec)))
    {
        return NGX_AGAIN;
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    do {
        if (ngx_http_sparkjob_rows_grow(&list->rows) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

    } while (ngx_http_sparkjob_rows_put(&list->rows, rec) != NGX_OK);

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_sparkjob_list_end(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_str_t                 next;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    (void) ngx_http_sparkjob_meta_string(msg->meta, "next", &next);

    return ngx_http_sparkjob_list_reply(r, ctx->data, &next);
}


/* "next" is the cursor of the next page, empty if this is the last one */

static ngx_int_t
ngx_http_sparkjob_list_reply(ngx_http_request_t *r,
    ngx_http_sparkjob_list_t *list, ngx_str_t *next)
{
    if (next->len && ngx_http_sparkjob_list_link(r, next) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return list->query.reply ? list->query.reply(r, &list->query, &list->rows)
                             : ngx_http_sparkjob_rows_reply(r, &list->rows);
}


/* the same request, with another cursor; relative, as every Location */

static ngx_int_t
ngx_http_sparkjob_list_link(ngx_http_request_t *r, ngx_str_t *next)
{
    u_char                        *p;
    size_t                         len;
    ngx_str_t                      value, *name;
    ngx_uint_t                     i, n;
    ngx_keyval_t                  *arg;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    name = &ngx_http_sparkjob_list_cursor_name;
    arg = ctx->args ? ctx->args->elts : NULL;
    n = ctx->args ? ctx->args->nelts : 0;

    len = sizeof("</jobs?cursor=>; rel=\"next\"") + next->len
          + 3 * slcf->prefix.len;

    for (i = 0; i < n; i++) {
        len += 3 * (arg[i].key.len + arg[i].value.len) + sizeof("=&") - 1;
    }

    value.data = ngx_pnalloc(r->pool, len);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    p = value.data;
    *p++ = '<';
    p = (u_char *) ngx_escape_uri(p, slcf->prefix.data, slcf->prefix.len,
                                  NGX_ESCAPE_URI);
    p = ngx_cpymem(p, "/jobs?", sizeof("/jobs?") - 1);

    for (i = 0; i < n; i++) {

        if (arg[i].key.len != name->len
            || ngx_strncmp(arg[i].key.data, name->data, name->len) != 0)
        {
            p = ngx_http_sparkjob_list_arg(p, &arg[i].key, &arg[i].value);
            *p++ = '&';
        }
    }

    p = ngx_http_sparkjob_list_arg(p, name, next);
    p = ngx_cpymem(p, ">; rel=\"next\"", sizeof(">; rel=\"next\"") - 1);

    value.len = p - value.data;

    return ngx_http_sparkjob_reply_header(r, "Link", &value);
}


static u_char *
ngx_http_sparkjob_list_arg(u_char *p, ngx_str_t *key, ngx_str_t *value)
{
    p = (u_char *) ngx_escape_uri(p, key->data, key->len,
                                  NGX_ESCAPE_URI_COMPONENT);
    *p++ = '=';

    return (u_char *) ngx_escape_uri(p, value->data, value->len,
                                     NGX_ESCAPE_URI_COMPONENT);
}


/* DELETE /jobs: forgets what has ended before a certain time */

ngx_int_t
ngx_http_sparkjob_job_purge(ngx_http_request_t *r)
{
    json_t                        *meta;
    ngx_int_t                      rc, state;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_filter_t     filter;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    ngx_memzero(&filter, sizeof(ngx_http_sparkjob_filter_t));
    filter.before = (uint64_t) -1;

    rc = ngx_http_sparkjob_params(ctx, ngx_http_sparkjob_purge_params, &filter);

    if (rc == NGX_OK && filter.before == (uint64_t) -1) {
        rc = ngx_http_sparkjob_problem(ctx, "Request is missing required query "
                                       "parameter 'before'");
    }

    if (rc == NGX_OK && filter.status.len) {
        state = ngx_http_sparkjob_list_status(&filter.status);

        if (state != SJP_JOB_FINISHED && state != SJP_JOB_ERROR
            && state != SJP_JOB_KILLED)
        {
            rc = ngx_http_sparkjob_problem(ctx, "The query parameter 'status' "
                                           "was malformed:\n'%V' is no state "
                                           "of jobs that have ended",
                                           &filter.status);
        }
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_own_name(ctx, &filter.context, &filter.context);
    }

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? ngx_http_sparkjob_reply_problem(r) : rc;
    }

    if (!ngx_http_sparkjob_own_filter(ctx, &filter.user)) {
        return ngx_http_sparkjob_reply_success(r, NGX_HTTP_OK,
                                               "0 jobs deleted");
    }

    meta = json_pack("{s:I}", "before", (json_int_t) filter.before);

    meta = ngx_http_sparkjob_meta_with(meta, "state", &filter.status);
    meta = ngx_http_sparkjob_meta_with(meta, "context", &filter.context);
    meta = ngx_http_sparkjob_meta_with(meta, "user", &filter.user);

    return ngx_http_sparkjob_ask(r, &ngx_http_sparkjob_purge_call, meta, 0,
                                 slcf->reply_timeout);
}


static ngx_int_t
ngx_http_sparkjob_job_purged(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    u_char  text[NGX_INT64_LEN + sizeof(" jobs deleted")], *last;

    last = ngx_sprintf(text, "%L jobs deleted",
                       (int64_t) json_integer_value(
                                       json_object_get(msg->meta, "count")));
    *last = '\0';

    return ngx_http_sparkjob_reply_success(r, NGX_HTTP_OK, (char *) text);
}
