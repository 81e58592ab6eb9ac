
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * /sessions of Livy's dialect: contexts, by their number or name.
 *
 * The list comes from the zone, where each record has its row ready.  Whatever
 * is asked about one session goes to the launcher: it is a sign of life of the
 * client, which some sessions end without.
 */


#include <ngx_http_sparkjob_livy.h>


/* as many lines of the log as a session shows itself */
#define NGX_HTTP_SPARKJOB_LIVY_LINES  10

/* what a session has beside the strings of its record */
#define NGX_HTTP_SPARKJOB_LIVY_FRAME  128


typedef struct {
    ngx_http_sparkjob_record_t     *rec;
    ngx_http_sparkjob_livy_page_t   page;
} ngx_http_sparkjob_livy_session_t;


static ngx_int_t ngx_http_sparkjob_livy_session_rows(ngx_http_request_t *r,
    ngx_http_sparkjob_query_t *query, ngx_http_sparkjob_rows_t *rows);
static ngx_int_t ngx_http_sparkjob_livy_session_ask(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call);
static ngx_int_t ngx_http_sparkjob_livy_session_known(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_livy_session_lines(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_livy_session_stated(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_livy_session_logged(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_livy_session_page(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_livy_session_said(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg, ngx_http_sparkjob_record_t *rec,
    size_t tail, ngx_http_sparkjob_livy_log_t *log);
static ngx_int_t ngx_http_sparkjob_livy_session_end(ngx_http_request_t *r,
    const char *said);
static ngx_int_t ngx_http_sparkjob_livy_session_ended(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_livy_session_ending(ngx_http_request_t *r);


ngx_http_sparkjob_refusal_t  ngx_http_sparkjob_livy_refusals[] = {
    { SJP_ERR_NO_SUCH_CONTEXT, 404, "", "Session '%V' not found." },
    { SJP_ERR_NO_SUCH_STATEMENT, 404, NGX_HTTP_SPARKJOB_LIVY_STRING,
      "Statement not found" },
    { SJP_ERR_CONTEXT_STOPPING, 400, "", "Session '%V' is shutting down" },
    { SJP_ERR_SESSION_ENDED, 400, "", "Session is in state %V" },
    { SJP_ERR_QUEUE_FULL, 503, "",
      "Too many statements (%V) wait or run in session '%V'" },
    { 0, 0, NULL, NULL }
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_livy_get_call = {
    SJP_CONTEXT_GET,
    ngx_http_sparkjob_livy_session_known,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_unavailable,
    ngx_http_sparkjob_livy_refusals,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_livy_lines_call = {
    SJP_CONTEXT_LOG,
    ngx_http_sparkjob_livy_session_lines,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_unavailable,
    ngx_http_sparkjob_livy_refusals,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_livy_state_call = {
    SJP_CONTEXT_GET,
    ngx_http_sparkjob_livy_session_stated,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_unavailable,
    ngx_http_sparkjob_livy_refusals,
    0
};


/* the number is not in the answer that has the log */

static ngx_http_sparkjob_call_t  ngx_http_sparkjob_livy_log_call = {
    SJP_CONTEXT_GET,
    ngx_http_sparkjob_livy_session_logged,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_unavailable,
    ngx_http_sparkjob_livy_refusals,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_livy_page_call = {
    SJP_CONTEXT_LOG,
    ngx_http_sparkjob_livy_session_page,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_unavailable,
    ngx_http_sparkjob_livy_refusals,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_livy_end_call = {
    SJP_CONTEXT_DELETE,
    ngx_http_sparkjob_livy_session_ended,
    NULL,
    NULL,
    ngx_http_sparkjob_livy_session_ending,
    ngx_http_sparkjob_livy_refusals,
    1
};


ngx_int_t
ngx_http_sparkjob_livy_session_list(ngx_http_request_t *r)
{
    ngx_http_sparkjob_ctx_t        *ctx;
    ngx_http_sparkjob_query_t       query;
    ngx_http_sparkjob_livy_page_t   page;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    if (ngx_http_sparkjob_livy_page(ctx, &page, 0) != NGX_OK) {
        return ngx_http_sparkjob_reply_problem(r);
    }

    ngx_memzero(&query, sizeof(ngx_http_sparkjob_query_t));

    query.kind = NGX_HTTP_SPARKJOB_CONTEXT;
    query.limit = NGX_MAX_INT_T_VALUE;
    query.own = ctx->own;
    query.sessions = 1;
    query.skip = ngx_max(page.from, 0);
    query.page = page.size;
    query.reply = ngx_http_sparkjob_livy_session_rows;

    if (ngx_http_sparkjob_livy_ui(r, &query.ui) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_list(r, &query, "[]", NGX_HTTP_SPARKJOB_SESSION);
}


static ngx_int_t
ngx_http_sparkjob_livy_session_rows(ngx_http_request_t *r,
    ngx_http_sparkjob_query_t *query, ngx_http_sparkjob_rows_t *rows)
{
    ngx_buf_t  *b;

    b = ngx_create_temp_buf(r->pool, NGX_HTTP_SPARKJOB_LIVY_FRAME);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_sprintf(b->last, "{\"from\":%ui,\"total\":%ui,\"sessions\":",
                          query->skip, rows->total);

    return ngx_http_sparkjob_reply_around(r, NGX_HTTP_OK, b,
                                          ngx_http_sparkjob_rows_chain(rows));
}


/* a question about the session that the path names */

json_t *
ngx_http_sparkjob_livy_meta(ngx_http_request_t *r)
{
    json_t                   *meta;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    meta = json_pack("{s:s%, s:s%}",
                     "session", ngx_http_sparkjob_text(&ctx->name),
                     "user", ngx_http_sparkjob_text(&ctx->user));

    return ngx_http_sparkjob_meta_with(meta, "own", &ctx->own);
}


static ngx_int_t
ngx_http_sparkjob_livy_session_ask(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call)
{
    ngx_http_sparkjob_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    return ngx_http_sparkjob_ask(r, call, ngx_http_sparkjob_livy_meta(r), 0,
                                 slcf->reply_timeout);
}


ngx_int_t
ngx_http_sparkjob_livy_session_get(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_livy_session_ask(r,
                                              &ngx_http_sparkjob_livy_get_call);
}


/* the record is here, the last lines of the log are asked for */

static ngx_int_t
ngx_http_sparkjob_livy_session_known(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    ctx->data = ngx_http_sparkjob_record_told(r, NGX_HTTP_SPARKJOB_CONTEXT,
                                              msg);
    if (ctx->data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_livy_session_ask(r,
                                            &ngx_http_sparkjob_livy_lines_call);
}


static ngx_int_t
ngx_http_sparkjob_livy_session_lines(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_livy_log_t   log;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    if (ngx_http_sparkjob_livy_session_said(r, msg, ctx->data,
                                            NGX_HTTP_SPARKJOB_LIVY_END, &log)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_livy_session_tell(r, NGX_HTTP_OK, ctx->data, &log);
}


/* the row of the record, with the last lines of the log, which may be NULL */

ngx_int_t
ngx_http_sparkjob_livy_session_tell(ngx_http_request_t *r, ngx_uint_t status,
    ngx_http_sparkjob_record_t *rec, ngx_http_sparkjob_livy_log_t *log)
{
    u_char                         *p;
    size_t                          at;
    ngx_str_t                       row, ui;
    ngx_buf_t                      *b;
    ngx_http_sparkjob_ctx_t        *ctx;
    ngx_http_sparkjob_livy_page_t   page;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    if (ngx_http_sparkjob_livy_ui(r, &ui) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    row.len = rec->len[NGX_HTTP_SPARKJOB_SESSION] + ui.len
              + NGX_HTTP_SPARKJOB_LIVY_UI;

    row.data = ngx_pnalloc(r->pool, row.len);
    b = ngx_create_temp_buf(r->pool, row.len
                            + (log ? ngx_http_sparkjob_livy_log_len(log) : 0));

    if (row.data == NULL || b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_http_sparkjob_livy_row(row.data, rec, &ctx->own_json, &ui);
    row.len = p - row.data;

    /* what is told in another way than in the record stands before the log */

    at = row.len
         - (rec->len[NGX_HTTP_SPARKJOB_SESSION] - rec->of.session.log);

    b->last = ngx_cpymem(b->last, row.data, at);

    if (log) {
        page.from = -1;
        page.size = NGX_HTTP_SPARKJOB_LIVY_LINES;

        ngx_http_sparkjob_livy_log_page(log, &page);
        b->last = ngx_http_sparkjob_livy_log_lines(b->last, log, &page);
    }

    b->last = ngx_cpymem(b->last, row.data + at, row.len - at);

    return ngx_http_sparkjob_reply_buf(r, status, b);
}


ngx_int_t
ngx_http_sparkjob_livy_session_state(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_livy_session_ask(r,
                                            &ngx_http_sparkjob_livy_state_call);
}


static ngx_int_t
ngx_http_sparkjob_livy_session_stated(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_buf_t                   *b;
    ngx_http_sparkjob_record_t  *rec;

    rec = ngx_http_sparkjob_record_told(r, NGX_HTTP_SPARKJOB_CONTEXT, msg);
    b = ngx_create_temp_buf(r->pool, NGX_HTTP_SPARKJOB_LIVY_FRAME);

    if (rec == NULL || b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_sprintf(b->last, "{\"id\":%L,\"state\":\"%V\"}",
                          rec->of.session.number,
                          ngx_http_sparkjob_livy_state(rec));

    return ngx_http_sparkjob_reply_buf(r, NGX_HTTP_OK, b);
}


ngx_int_t
ngx_http_sparkjob_livy_session_log(ngx_http_request_t *r)
{
    ngx_http_sparkjob_ctx_t           *ctx;
    ngx_http_sparkjob_livy_session_t  *session;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    session = ngx_palloc(r->pool, sizeof(ngx_http_sparkjob_livy_session_t));
    if (session == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->data = session;

    if (ngx_http_sparkjob_livy_page(ctx, &session->page, 1) != NGX_OK) {
        return ngx_http_sparkjob_reply_problem(r);
    }

    return ngx_http_sparkjob_livy_session_ask(r,
                                              &ngx_http_sparkjob_livy_log_call);
}


static ngx_int_t
ngx_http_sparkjob_livy_session_logged(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_http_sparkjob_ctx_t           *ctx;
    ngx_http_sparkjob_livy_session_t  *session;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    session = ctx->data;

    session->rec = ngx_http_sparkjob_record_told(r, NGX_HTTP_SPARKJOB_CONTEXT,
                                                 msg);
    if (session->rec == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_livy_session_ask(r,
                                             &ngx_http_sparkjob_livy_page_call);
}


static ngx_int_t
ngx_http_sparkjob_livy_session_page(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_buf_t                         *b;
    ngx_http_sparkjob_ctx_t           *ctx;
    ngx_http_sparkjob_livy_log_t       log;
    ngx_http_sparkjob_livy_session_t  *session;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    session = ctx->data;

    if (ngx_http_sparkjob_livy_session_said(r, msg, session->rec,
                                            NGX_HTTP_SPARKJOB_LIVY_TAIL, &log)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_sparkjob_livy_log_page(&log, &session->page);

    b = ngx_create_temp_buf(r->pool, NGX_HTTP_SPARKJOB_LIVY_FRAME
                                     + ngx_http_sparkjob_livy_log_len(&log));
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_sprintf(b->last,
                          "{\"id\":%L,\"from\":%i,\"total\":%ui,\"log\":[",
                          session->rec->of.session.number, session->page.from,
                          log.total);
    b->last = ngx_http_sparkjob_livy_log_lines(b->last, &log, &session->page);
    b->last = ngx_cpymem(b->last, "]}", 2);

    return ngx_http_sparkjob_reply_buf(r, NGX_HTTP_OK, b);
}


/* why a session is over stands behind all that its driver has said */

static ngx_int_t
ngx_http_sparkjob_livy_session_said(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg, ngx_http_sparkjob_record_t *rec,
    size_t tail, ngx_http_sparkjob_livy_log_t *log)
{
    ngx_str_t  why;

    ngx_str_null(&why);

    if (rec->end) {
        why = ngx_http_sparkjob_record_string(rec,
                                              NGX_HTTP_SPARKJOB_CONTEXT_REASON);
    }

    return ngx_http_sparkjob_livy_log_read(r, msg, tail, &why, log);
}


ngx_int_t
ngx_http_sparkjob_livy_session_delete(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_livy_session_end(r, "deleted");
}


ngx_int_t
ngx_http_sparkjob_livy_session_stop(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_livy_session_end(r, NULL);
}


ngx_int_t
ngx_http_sparkjob_livy_session_interrupt(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_livy_session_end(r, "interrupted");
}


/* "said" is told when it is over; NULL: there is nothing to tell */

static ngx_int_t
ngx_http_sparkjob_livy_session_end(ngx_http_request_t *r, const char *said)
{
    json_t                        *meta;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    ctx->data = (void *) said;

    meta = ngx_http_sparkjob_livy_meta(r);
    meta = ngx_http_sparkjob_meta_set(meta, "asked",
                                      json_integer(ngx_http_sparkjob_now()));

    return ngx_http_sparkjob_ask(r, &ngx_http_sparkjob_livy_end_call, meta, 0,
                                 slcf->delete_timeout);
}


static ngx_int_t
ngx_http_sparkjob_livy_session_ended(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    return ctx->data ? ngx_http_sparkjob_livy_done(r, ctx->data)
                     : ngx_http_sparkjob_reply(r, NGX_HTTP_NO_CONTENT, NULL);
}


/* it takes long, but it has been told to: the state says how far it is */

static ngx_int_t
ngx_http_sparkjob_livy_session_ending(ngx_http_request_t *r)
{
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    return ctx->zone->channel->up
           ? ngx_http_sparkjob_livy_session_ended(r, NULL)
           : ngx_http_sparkjob_reply_unavailable(r);
}
