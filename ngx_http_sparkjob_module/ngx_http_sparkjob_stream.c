
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Answers that go on: headers at once, and then as much as there is, whenever
 * the client takes it.
 */


#include <ngx_http_sparkjob_module.h>


static ngx_int_t ngx_http_sparkjob_stream_wait(ngx_http_request_t *r);


/*
 * Sends the headers; "length" may be -1: it is not known.  Returns NGX_OK if a
 * body is to follow, NGX_DONE if the client wants none, or an HTTP error code.
 */

ngx_int_t
ngx_http_sparkjob_stream_start(ngx_http_request_t *r, ngx_str_t *type,
    off_t length)
{
    ngx_int_t                 rc;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    if (length == -1) {
        rc = ngx_http_sparkjob_limit_enter(r, NGX_HTTP_SPARKJOB_WATCHERS);

        if (rc != NGX_OK) {
            rc = ngx_http_sparkjob_limit_refuse(r, NGX_HTTP_SPARKJOB_WATCHERS,
                                                rc);
            return rc == NGX_OK ? NGX_DONE : rc;
        }

        ngx_http_sparkjob_limit_leave(ctx, NGX_HTTP_SPARKJOB_PARKED);
    }

    ctx->replied = 1;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = length;
    r->headers_out.content_type = *type;
    r->headers_out.content_type_len = type->len;
    r->headers_out.content_type_lowcase = NULL;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return rc;
    }

    return r->header_only ? NGX_DONE : NGX_OK;
}


/* from here on the request is ended by its timers, its events or its client */

ngx_int_t
ngx_http_sparkjob_stream_park(ngx_http_request_t *r,
    ngx_http_event_handler_pt writer)
{
    ngx_event_t              *rev;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = writer;

    rev = r->connection->read;

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_events);
        return NGX_OK;
    }

    return ngx_handle_read_event(rev, 0) == NGX_OK ? NGX_OK : NGX_ERROR;
}


/*
 * Headers that no body follows for a while.  HTTP/2 hands them to TLS without
 * asking to flush them, as it does with a body.
 */

ngx_int_t
ngx_http_sparkjob_stream_headers(ngx_http_request_t *r)
{
#if (NGX_HTTP_V2 && NGX_HTTP_SSL)
    ngx_connection_t  *c;
#endif

    if (ngx_http_send_special(r, NGX_HTTP_FLUSH) == NGX_ERROR) {
        return NGX_ERROR;
    }

#if (NGX_HTTP_V2 && NGX_HTTP_SSL)

    if (r->stream) {
        c = r->stream->connection->connection;

        if ((c->buffered & NGX_SSL_BUFFERED)
            && c->send_chain(c, NULL, 0) == NGX_CHAIN_ERROR)
        {
            return NGX_ERROR;
        }
    }

#endif

    /* a client that has not read what came before may not take even these */

    return ngx_http_sparkjob_stream_wait(r) == NGX_ERROR ? NGX_ERROR : NGX_OK;
}


ngx_uint_t
ngx_http_sparkjob_stream_blocked(ngx_http_request_t *r)
{
    return r->buffered || r->connection->buffered;
}


/* NGX_OK: the client took it; NGX_AGAIN: not all, the writer is called later */

ngx_int_t
ngx_http_sparkjob_stream_send(ngx_http_request_t *r, ngx_chain_t *out)
{
    if (ngx_http_output_filter(r, out) == NGX_ERROR) {
        return NGX_ERROR;
    }

    return ngx_http_sparkjob_stream_wait(r);
}


static ngx_int_t
ngx_http_sparkjob_stream_wait(ngx_http_request_t *r)
{
    ngx_event_t               *wev;
    ngx_http_core_loc_conf_t  *clcf;

    wev = r->connection->write;

    if (!ngx_http_sparkjob_stream_blocked(r)) {

        if (wev->timer_set && !wev->delayed) {
            ngx_del_timer(wev);
        }

        return NGX_OK;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


/* for a writer; returns as above, or what to end the request by */

ngx_int_t
ngx_http_sparkjob_stream_flush(ngx_http_request_t *r)
{
    ngx_event_t       *wev;
    ngx_connection_t  *c;

    c = r->connection;
    wev = c->write;

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client does not read what it asked for");
        c->timedout = 1;

        return NGX_HTTP_REQUEST_TIME_OUT;
    }

    if (!ngx_http_sparkjob_stream_blocked(r)) {
        return NGX_OK;
    }

    if (wev->delayed || r->aio) {
        return ngx_http_sparkjob_stream_wait(r);
    }

    return ngx_http_sparkjob_stream_send(r, NULL);
}


/* the last bytes; returns what to end the request by */

ngx_int_t
ngx_http_sparkjob_stream_end(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_http_send_special(r, NGX_HTTP_LAST);

    return rc == NGX_AGAIN ? NGX_OK : rc;
}
