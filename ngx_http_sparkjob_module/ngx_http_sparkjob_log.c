
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * GET /jobs/<id>/log and /contexts/<name>/log
 *
 * The launcher hands over the file, open.  What it holds at that time is sent
 * at once.  A follower then looks now and then whether more was appended; it
 * has seen everything when the job, or the context, was final before it found
 * no more.
 */


#include <ngx_http_sparkjob_hub.h>


#define NGX_HTTP_SPARKJOB_LOG_LINES  10000

/* how far back lines are looked for, and how much is read for that at once */
#define NGX_HTTP_SPARKJOB_LOG_BACK   (16 * 1024 * 1024)
#define NGX_HTTP_SPARKJOB_LOG_BLOCK  (64 * 1024)

/* a follower: milliseconds between looks, bytes at once, and in a turn */
#define NGX_HTTP_SPARKJOB_LOG_LOOK   200
#define NGX_HTTP_SPARKJOB_LOG_CHUNK  (256 * 1024)
#define NGX_HTTP_SPARKJOB_LOG_STEPS  8

/* looks until a file that has not begun yet is asked for again */
#define NGX_HTTP_SPARKJOB_LOG_AGAIN  5


typedef struct {
    ngx_http_request_t          *request;
    ngx_http_sparkjob_kind_e     kind;
    ngx_str_t                    key;
    ngx_str_t                    context_id;    /* another one may follow */

    ngx_int_t                    tail;
    off_t                        offset;
    ngx_flag_t                   follow;

    ngx_file_t                   file;
    off_t                        size;
    off_t                        pos;
    ngx_buf_t                    buf;
    ngx_chain_t                  out;
    ngx_event_t                  timer;
    ngx_uint_t                   looks;

    unsigned                     live:1;
} ngx_http_sparkjob_log_t;


static ngx_int_t ngx_http_sparkjob_log_ask(ngx_http_request_t *r,
    ngx_http_sparkjob_kind_e kind, ngx_str_t *key);
static ngx_int_t ngx_http_sparkjob_log_params(ngx_http_sparkjob_ctx_t *ctx,
    ngx_http_sparkjob_log_t *log);
static ngx_int_t ngx_http_sparkjob_param_offset(ngx_http_sparkjob_ctx_t *ctx,
    ngx_keyval_t *arg, void *field, ngx_uint_t max);
static ngx_int_t ngx_http_sparkjob_log_told(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_log_take(ngx_http_sparkjob_log_t *log,
    ngx_http_sparkjob_message_t *msg);
static void ngx_http_sparkjob_log_close(void *data);
static ngx_int_t ngx_http_sparkjob_log_size(ngx_http_sparkjob_log_t *log);
static ngx_int_t ngx_http_sparkjob_log_tail(ngx_http_sparkjob_log_t *log);
static u_char *ngx_http_sparkjob_log_line(u_char *start, u_char *last,
    ngx_int_t *lines);
static ngx_int_t ngx_http_sparkjob_log_send(ngx_http_sparkjob_log_t *log);
static ngx_int_t ngx_http_sparkjob_log_follow(ngx_http_sparkjob_log_t *log);
static void ngx_http_sparkjob_log_cleanup(void *data);
static void ngx_http_sparkjob_log_look(ngx_event_t *ev);
static void ngx_http_sparkjob_log_writer(ngx_http_request_t *r);
static ngx_int_t ngx_http_sparkjob_log_serve(ngx_http_sparkjob_log_t *log);
static ngx_int_t ngx_http_sparkjob_log_steps(ngx_http_sparkjob_log_t *log);
static ngx_chain_t *ngx_http_sparkjob_log_part(ngx_http_sparkjob_log_t *log,
    off_t last);
static ngx_int_t ngx_http_sparkjob_log_final(ngx_http_sparkjob_log_t *log);
static ngx_int_t ngx_http_sparkjob_log_ask_again(
    ngx_http_sparkjob_log_t *log);
static ngx_int_t ngx_http_sparkjob_log_again(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_log_unanswered(ngx_http_request_t *r);
static ngx_uint_t ngx_http_sparkjob_log_same(ngx_http_sparkjob_log_t *log,
    ngx_fd_t fd);
static json_t *ngx_http_sparkjob_log_meta(ngx_http_sparkjob_log_t *log);


static ngx_http_sparkjob_param_t  ngx_http_sparkjob_log_parameters[] = {
    { ngx_string("tail"), ngx_http_sparkjob_param_number,
      offsetof(ngx_http_sparkjob_log_t, tail), 0 },
    { ngx_string("offset"), ngx_http_sparkjob_param_offset,
      offsetof(ngx_http_sparkjob_log_t, offset), 0 },
    { ngx_string("follow"), ngx_http_sparkjob_param_flag,
      offsetof(ngx_http_sparkjob_log_t, follow), 0 },
    { ngx_null_string, NULL, 0, 0 }
};


static ngx_str_t  ngx_http_sparkjob_log_type = ngx_string("text/plain");


/* of a job, and of a context; the second ones ask again, in a stream */

static ngx_http_sparkjob_call_t  ngx_http_sparkjob_log_calls[][2] = {
    {
        { SJP_JOB_LOG, ngx_http_sparkjob_log_told, NULL, NULL,
          ngx_http_sparkjob_reply_expired, NULL, 0 },
        { SJP_JOB_LOG, ngx_http_sparkjob_log_again, NULL, NULL,
          ngx_http_sparkjob_log_unanswered, NULL, 1 }
    },
    {
        { SJP_CONTEXT_LOG, ngx_http_sparkjob_log_told, NULL, NULL,
          ngx_http_sparkjob_reply_expired, NULL, 0 },
        { SJP_CONTEXT_LOG, ngx_http_sparkjob_log_again, NULL, NULL,
          ngx_http_sparkjob_log_unanswered, NULL, 1 }
    }
};


ngx_int_t
ngx_http_sparkjob_job_log(ngx_http_request_t *r)
{
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    if (!ngx_http_sparkjob_id_valid(&ctx->name)) {
        return ngx_http_sparkjob_no_such_job(r);
    }

    return ngx_http_sparkjob_log_ask(r, NGX_HTTP_SPARKJOB_JOB, &ctx->name);
}


ngx_int_t
ngx_http_sparkjob_context_log(ngx_http_request_t *r)
{
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    return ngx_http_sparkjob_log_ask(r, NGX_HTTP_SPARKJOB_CONTEXT,
                                     &ctx->stored);
}


static ngx_int_t
ngx_http_sparkjob_log_ask(ngx_http_request_t *r, ngx_http_sparkjob_kind_e kind,
    ngx_str_t *key)
{
    ngx_int_t                      rc;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_log_t       *log;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    log = ngx_pcalloc(r->pool, sizeof(ngx_http_sparkjob_log_t));
    if (log == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    log->request = r;
    log->kind = kind;
    log->key = *key;
    log->tail = -1;
    log->offset = -1;
    log->file.fd = NGX_INVALID_FILE;
    log->file.log = r->connection->log;
    ngx_str_set(&log->file.name, "sparkjob log");

    rc = ngx_http_sparkjob_log_params(ctx, log);

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? ngx_http_sparkjob_reply_problem(r) : rc;
    }

    ctx->data = log;

    return ngx_http_sparkjob_ask(r, &ngx_http_sparkjob_log_calls[kind][0],
                                 ngx_http_sparkjob_log_meta(log), 0,
                                 slcf->reply_timeout);
}


static ngx_int_t
ngx_http_sparkjob_log_params(ngx_http_sparkjob_ctx_t *ctx,
    ngx_http_sparkjob_log_t *log)
{
    ngx_int_t  rc;

    rc = ngx_http_sparkjob_params(ctx, ngx_http_sparkjob_log_parameters, log);

    if (rc == NGX_OK && log->tail > NGX_HTTP_SPARKJOB_LOG_LINES) {
        rc = ngx_http_sparkjob_problem(ctx,
                                       "The query parameter 'tail' was "
                                       "malformed:\n'%i' is more than %i",
                                       log->tail,
                                       (ngx_int_t) NGX_HTTP_SPARKJOB_LOG_LINES);
    }

    if (rc == NGX_OK && log->tail != -1 && log->offset != -1) {
        rc = ngx_http_sparkjob_problem(ctx,
                                       "The query parameters 'tail' and "
                                       "'offset' exclude each other");
    }

    return rc;
}


static ngx_int_t
ngx_http_sparkjob_param_offset(ngx_http_sparkjob_ctx_t *ctx, ngx_keyval_t *arg,
    void *field, ngx_uint_t max)
{
    off_t   n;
    off_t  *offset = field;

    n = ngx_atoof(arg->value.data, arg->value.len);

    if (n == NGX_ERROR) {
        return ngx_http_sparkjob_problem(ctx,
                                    "The query parameter '%V' was malformed:\n"
                                    "'%V' is not a number of bytes",
                                    &arg->key, &arg->value);
    }

    *offset = n;

    return NGX_OK;
}


static json_t *
ngx_http_sparkjob_log_meta(ngx_http_sparkjob_log_t *log)
{
    json_t                   *meta;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(log->request, ngx_http_sparkjob_module);

    if (log->kind == NGX_HTTP_SPARKJOB_CONTEXT) {
        return json_pack("{s:s%}", "name", ngx_http_sparkjob_text(&log->key));
    }

    meta = json_pack("{s:s%}", "id", ngx_http_sparkjob_text(&log->key));

    return ngx_http_sparkjob_meta_with(meta, "owner", &ctx->owner);
}


static ngx_int_t
ngx_http_sparkjob_log_told(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_http_sparkjob_ctx_t  *ctx;
    ngx_http_sparkjob_log_t  *log;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    log = ctx->data;

    if (ngx_http_sparkjob_log_take(log, msg) != NGX_OK
        || ngx_http_sparkjob_log_size(log) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (log->tail != -1) {

        if (ngx_http_sparkjob_log_tail(log) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

    } else if (log->offset != -1) {
        log->pos = ngx_min(log->offset, log->size);
    }

    ngx_str_set(&r->headers_out.charset, "utf-8");

    if (log->follow && log->live) {
        return ngx_http_sparkjob_log_follow(log);
    }

    return ngx_http_sparkjob_log_send(log);
}


/* the descriptor is this request's now, instead of the one that it had */

static ngx_int_t
ngx_http_sparkjob_log_take(ngx_http_sparkjob_log_t *log,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_pool_cleanup_t  *cln;

    if (msg->fd == -1) {
        ngx_log_error(NGX_LOG_ERR, log->request->connection->log, 0,
                      "sparkjob launcher sent no descriptor of a log");
        return NGX_ERROR;
    }

    if (log->file.fd == NGX_INVALID_FILE) {
        cln = ngx_pool_cleanup_add(log->request->pool, 0);
        if (cln == NULL) {
            return NGX_ERROR;
        }

        cln->handler = ngx_http_sparkjob_log_close;
        cln->data = log;

    } else {
        ngx_http_sparkjob_log_close(log);
    }

    log->file.fd = msg->fd;
    log->live = json_is_true(json_object_get(msg->meta, "live"));

    msg->fd = -1;

    return NGX_OK;
}


static void
ngx_http_sparkjob_log_close(void *data)
{
    ngx_http_sparkjob_log_t  *log = data;

    if (ngx_close_file(log->file.fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, log->file.log, ngx_errno,
                      ngx_close_file_n " of a log failed");
    }
}


static ngx_int_t
ngx_http_sparkjob_log_size(ngx_http_sparkjob_log_t *log)
{
    ngx_file_info_t  fi;

    if (ngx_fd_info(log->file.fd, &fi) == NGX_FILE_ERROR
        || !ngx_is_file(&fi))
    {
        ngx_log_error(NGX_LOG_ERR, log->request->connection->log, ngx_errno,
                      "sparkjob launcher sent a descriptor that is no file");
        return NGX_ERROR;
    }

    log->size = ngx_file_size(&fi);

    return NGX_OK;
}


/* where the last lines begin, read backwards in blocks */

static ngx_int_t
ngx_http_sparkjob_log_tail(ngx_http_sparkjob_log_t *log)
{
    off_t       start, least;
    u_char     *block, *p;
    size_t      size;
    ngx_int_t   lines;

    block = ngx_alloc(NGX_HTTP_SPARKJOB_LOG_BLOCK,
                      log->request->connection->log);
    if (block == NULL) {
        return NGX_ERROR;
    }

    lines = log->tail;
    least = ngx_max(log->size - NGX_HTTP_SPARKJOB_LOG_BACK, 0);
    log->pos = log->size;

    /* an end of line that ends the file begins no line */

    for (start = log->size; lines && start > least; start -= size) {
        size = ngx_min(start - least, NGX_HTTP_SPARKJOB_LOG_BLOCK);

        if (ngx_read_file(&log->file, block, size, start - size)
            != (ssize_t) size)
        {
            ngx_free(block);
            return NGX_ERROR;
        }

        p = ngx_http_sparkjob_log_line(block, block + size
                                              - (start == log->size), &lines);

        log->pos = start - size + (p - block);
    }

    ngx_free(block);

    return NGX_OK;
}


/* the place behind the last ends of so many lines, or the start */

static u_char *
ngx_http_sparkjob_log_line(u_char *start, u_char *last, ngx_int_t *lines)
{
    u_char  *p;

    for (p = last; p > start; p--) {

        if (p[-1] == LF && --(*lines) == 0) {
            return p;
        }
    }

    return start;
}


/* what there is, as any file */

static ngx_int_t
ngx_http_sparkjob_log_send(ngx_http_sparkjob_log_t *log)
{
    ngx_int_t            rc;
    ngx_chain_t         *out;
    ngx_http_request_t  *r;

    r = log->request;

    rc = ngx_http_sparkjob_stream_start(r, &ngx_http_sparkjob_log_type,
                                        log->size - log->pos);

    if (rc != NGX_OK) {
        return rc == NGX_DONE ? NGX_OK : rc;
    }

    if (log->pos == log->size) {
        return ngx_http_sparkjob_stream_end(r);
    }

    out = ngx_http_sparkjob_log_part(log, log->size);
    out->buf->last_buf = 1;
    out->buf->last_in_chain = 1;

    rc = ngx_http_output_filter(r, out);

    return rc == NGX_AGAIN ? NGX_OK : rc;
}


static ngx_chain_t *
ngx_http_sparkjob_log_part(ngx_http_sparkjob_log_t *log, off_t last)
{
    ngx_memzero(&log->buf, sizeof(ngx_buf_t));

    log->buf.in_file = 1;
    log->buf.file = &log->file;
    log->buf.file_pos = log->pos;
    log->buf.file_last = last;
    log->buf.flush = 1;

    log->out.buf = &log->buf;
    log->out.next = NULL;

    log->pos = last;

    return &log->out;
}


static ngx_int_t
ngx_http_sparkjob_log_follow(ngx_http_sparkjob_log_t *log)
{
    ngx_int_t            rc;
    ngx_http_cleanup_t  *cln;
    ngx_http_request_t  *r;

    r = log->request;

    rc = ngx_http_sparkjob_stream_start(r, &ngx_http_sparkjob_log_type, -1);

    if (rc != NGX_OK) {
        return rc == NGX_DONE ? NGX_OK : rc;
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_sparkjob_log_cleanup;
    cln->data = log;

    log->timer.handler = ngx_http_sparkjob_log_look;
    log->timer.data = log;
    log->timer.log = r->connection->log;

    if (ngx_http_sparkjob_stream_park(r, ngx_http_sparkjob_log_writer)
        != NGX_OK
        || ngx_http_sparkjob_stream_headers(r) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_sparkjob_log_serve(log);
}


static void
ngx_http_sparkjob_log_cleanup(void *data)
{
    ngx_http_sparkjob_log_t  *log = data;

    if (log->timer.timer_set) {
        ngx_del_timer(&log->timer);
    }
}


static void
ngx_http_sparkjob_log_look(ngx_event_t *ev)
{
    ngx_int_t                 rc;
    ngx_http_request_t       *r;
    ngx_http_sparkjob_log_t  *log;

    log = ev->data;
    r = log->request;

    ngx_http_set_log_request(r->connection->log, r);

    if (!ngx_exiting) {
        rc = ngx_http_sparkjob_log_serve(log);

    } else if (ngx_http_sparkjob_stream_blocked(r)) {
        rc = NGX_ERROR;

    } else {
        rc = ngx_http_sparkjob_stream_end(r);
    }

    ngx_http_sparkjob_finish(r, rc);
}


static void
ngx_http_sparkjob_log_writer(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    rc = ngx_http_sparkjob_stream_flush(r);

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_log_serve(ctx->data);
    }

    ngx_http_sparkjob_finish(r, rc);
}


/* as much as the client takes; then the timer, or the writer, goes on */

static ngx_int_t
ngx_http_sparkjob_log_serve(ngx_http_sparkjob_log_t *log)
{
    ngx_int_t  rc;

    rc = ngx_http_sparkjob_log_steps(log);

    if (rc == NGX_AGAIN) {

        if (!log->timer.timer_set) {
            ngx_add_timer(&log->timer, NGX_HTTP_SPARKJOB_LOG_LOOK);
        }

        return NGX_AGAIN;
    }

    ngx_http_sparkjob_log_cleanup(log);

    return rc;
}


static ngx_int_t
ngx_http_sparkjob_log_steps(ngx_http_sparkjob_log_t *log)
{
    off_t        last;
    ngx_int_t    rc, final;
    ngx_uint_t   n;

    if (ngx_http_sparkjob_stream_blocked(log->request)) {
        return NGX_AGAIN;
    }

    /* first: what is written until then is in the file afterwards */

    final = ngx_http_sparkjob_log_final(log);

    if (ngx_http_sparkjob_log_size(log) != NGX_OK) {
        return NGX_ERROR;
    }

    for (n = 0; n < NGX_HTTP_SPARKJOB_LOG_STEPS && log->pos < log->size; n++) {

        last = ngx_min(log->pos + NGX_HTTP_SPARKJOB_LOG_CHUNK, log->size);

        rc = ngx_http_sparkjob_stream_send(log->request,
                                       ngx_http_sparkjob_log_part(log, last));
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (log->pos < log->size) {
        return NGX_AGAIN;
    }

    if (log->live
        && (log->size == 0 || final == NGX_DECLINED)
        && (final == NGX_OK
            || ++log->looks % NGX_HTTP_SPARKJOB_LOG_AGAIN == 0))
    {
        return ngx_http_sparkjob_log_ask_again(log);
    }

    if (final == NGX_OK || (final == NGX_DECLINED && !log->live)) {
        return ngx_http_sparkjob_stream_end(log->request);
    }

    return NGX_AGAIN;
}


/* NGX_OK: it is; NGX_AGAIN: not yet; NGX_DECLINED: the launcher knows */

static ngx_int_t
ngx_http_sparkjob_log_final(ngx_http_sparkjob_log_t *log)
{
    ngx_int_t                    rc;
    ngx_str_t                    id;
    ngx_http_sparkjob_hub_t     *hub;
    ngx_http_sparkjob_ctx_t     *ctx;
    ngx_http_sparkjob_record_t  *rec;

    ctx = ngx_http_get_module_ctx(log->request, ngx_http_sparkjob_module);

    hub = ctx->zone->channel->hub;
    rec = (ngx_http_sparkjob_record_t *) hub->piece;

    rc = ngx_http_sparkjob_zone_peek(ctx->zone, log->kind, &log->key, rec,
                                     NGX_HTTP_SPARKJOB_PIECE);

    if (rc == NGX_DECLINED) {
        /* only what is final leaves a zone that is whole */
        return NGX_OK;
    }

    if (rc != NGX_OK) {
        return rc == NGX_ABORT ? NGX_DECLINED : NGX_AGAIN;
    }

    if (log->kind == NGX_HTTP_SPARKJOB_JOB) {
        return rec->final ? NGX_OK : NGX_AGAIN;
    }

    id = ngx_http_sparkjob_record_string(rec, NGX_HTTP_SPARKJOB_CONTEXT_ID);

    if (log->context_id.len == 0) {
        log->context_id.data = ngx_pstrdup(log->request->pool, &id);
        log->context_id.len = log->context_id.data ? id.len : 0;
    }

    return (rec->final
            || ngx_memn2cmp(id.data, log->context_id.data, id.len,
                            log->context_id.len)
               != 0)
           ? NGX_OK : NGX_AGAIN;
}


/*
 * Nothing had been said yet, and the file that was handed over is but a
 * substitute for the one that may be there by now.  Or the zone has no room for
 * all that is not final, and cannot tell whether this is.
 */

static ngx_int_t
ngx_http_sparkjob_log_ask_again(ngx_http_sparkjob_log_t *log)
{
    ngx_http_request_t            *r;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    r = log->request;
    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    if (ctx->op.active || !ctx->zone->channel->up) {
        return NGX_AGAIN;
    }

    return ngx_http_sparkjob_ask(r, &ngx_http_sparkjob_log_calls[log->kind][1],
                                 ngx_http_sparkjob_log_meta(log), 0,
                                 slcf->reply_timeout);
}


static ngx_int_t
ngx_http_sparkjob_log_again(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_http_sparkjob_ctx_t  *ctx;
    ngx_http_sparkjob_log_t  *log;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    log = ctx->data;

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    if (log->size && !ngx_http_sparkjob_log_same(log, msg->fd)) {
        /* that of a later context */
        return ngx_http_sparkjob_stream_end(r);
    }

    if (ngx_http_sparkjob_log_take(log, msg) != NGX_OK) {
        return NGX_ERROR;
    }

    /* otherwise at the next look: two that do not agree ask no faster */

    return log->live ? NGX_AGAIN : ngx_http_sparkjob_log_serve(log);
}


/* the launcher is away, or slow: a later look asks once more */

static ngx_int_t
ngx_http_sparkjob_log_unanswered(ngx_http_request_t *r)
{
    ngx_http_sparkjob_op_cancel(ngx_http_get_module_ctx(r,
                                                   ngx_http_sparkjob_module));

    return NGX_AGAIN;
}


static ngx_uint_t
ngx_http_sparkjob_log_same(ngx_http_sparkjob_log_t *log, ngx_fd_t fd)
{
    ngx_file_info_t  fi, other;

    return fd == -1
           || ngx_fd_info(log->file.fd, &fi) == NGX_FILE_ERROR
           || ngx_fd_info(fd, &other) == NGX_FILE_ERROR
           || (ngx_file_uniq(&fi) == ngx_file_uniq(&other)
               && fi.st_dev == other.st_dev);
}
