
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The connection of this worker to a launcher: made, watched, made again.
 */


#include <ngx_http_sparkjob_module.h>


#define NGX_HTTP_SPARKJOB_BACKOFF_MIN  100
#define NGX_HTTP_SPARKJOB_BACKOFF_MAX  2000
#define NGX_HTTP_SPARKJOB_TICK         1000
#define NGX_HTTP_SPARKJOB_SOON         100
#define NGX_HTTP_SPARKJOB_PING_TICKS   15
#define NGX_HTTP_SPARKJOB_PINGS_MAX    2


static void ngx_http_sparkjob_channel_connect(ngx_http_sparkjob_channel_t *ch);
static ngx_connection_t *ngx_http_sparkjob_channel_open(
    ngx_http_sparkjob_channel_t *ch);
static ngx_int_t ngx_http_sparkjob_channel_hello(
    ngx_http_sparkjob_channel_t *ch);
static void ngx_http_sparkjob_channel_clear(ngx_http_sparkjob_channel_t *ch);
static void ngx_http_sparkjob_channel_reconnect(ngx_event_t *ev);
static void ngx_http_sparkjob_channel_tick(ngx_event_t *ev);
static void ngx_http_sparkjob_channel_resume_handler(ngx_event_t *ev);


ngx_int_t
ngx_http_sparkjob_channel_start(ngx_cycle_t *cycle,
    ngx_http_sparkjob_zone_t *zone)
{
    ngx_http_sparkjob_channel_t  *ch;

    ch = ngx_pcalloc(cycle->pool, sizeof(ngx_http_sparkjob_channel_t));
    if (ch == NULL) {
        return NGX_ERROR;
    }

    ch->in = ngx_palloc(cycle->pool, NGX_HTTP_SPARKJOB_IN_SIZE);
    if (ch->in == NULL) {
        return NGX_ERROR;
    }

    ch->zone = zone;
    ch->log = cycle->log;
    ch->backoff = NGX_HTTP_SPARKJOB_BACKOFF_MIN;

    ch->reconnect.handler = ngx_http_sparkjob_channel_reconnect;
    ch->reconnect.data = ch;
    ch->reconnect.log = ch->log;
    ch->reconnect.cancelable = 1;

    ch->tick.handler = ngx_http_sparkjob_channel_tick;
    ch->tick.data = ch;
    ch->tick.log = ch->log;
    ch->tick.cancelable = 1;

    ch->resume.handler = ngx_http_sparkjob_channel_resume_handler;
    ch->resume.data = ch;
    ch->resume.log = ch->log;

    ngx_queue_init(&ch->output);
    ngx_queue_init(&ch->asking);

    ngx_rbtree_init(&ch->ops, &ch->ops_sentinel, ngx_rbtree_insert_value);
    ngx_rbtree_init(&ch->waiters, &ch->waiters_sentinel,
                    ngx_http_sparkjob_wait_insert);

    zone->channel = ch;

    if (ngx_http_sparkjob_hub_start(cycle, ch) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_add_timer(&ch->tick, NGX_HTTP_SPARKJOB_TICK);

    ngx_http_sparkjob_channel_connect(ch);

    return NGX_OK;
}


/* at the end of the worker, when no request is left */

void
ngx_http_sparkjob_channel_stop(ngx_http_sparkjob_channel_t *ch)
{
    ngx_http_sparkjob_channel_clear(ch);
    ngx_http_sparkjob_hub_stop(ch);

    if (ch->reconnect.timer_set) {
        ngx_del_timer(&ch->reconnect);
    }

    if (ch->tick.timer_set) {
        ngx_del_timer(&ch->tick);
    }

    if (ch->scratch) {
        ngx_free(ch->scratch);
        ch->scratch = NULL;
    }

    ch->zone->channel = NULL;
}


static void
ngx_http_sparkjob_channel_connect(ngx_http_sparkjob_channel_t *ch)
{
    ch->age = 0;
    ch->pings = 0;
    ch->ponged = 0;     /* what another launcher said is not this one's */

    ch->connection = ngx_http_sparkjob_channel_open(ch);

    if (ch->connection == NULL
        || ngx_http_sparkjob_channel_hello(ch) != NGX_OK)
    {
        ngx_http_sparkjob_channel_close(ch);
    }
}


static ngx_connection_t *
ngx_http_sparkjob_channel_open(ngx_http_sparkjob_channel_t *ch)
{
    ngx_err_t          err;
    ngx_uint_t         level;
    ngx_addr_t        *addr;
    ngx_socket_t       s;
    ngx_connection_t  *c;

    addr = ch->zone->addr;

    s = ngx_socket(AF_UNIX, SOCK_STREAM, 0);

    if (s == (ngx_socket_t) -1) {
        ngx_log_error(NGX_LOG_ALERT, ch->log, ngx_socket_errno,
                      ngx_socket_n " failed");
        return NULL;
    }

    c = ngx_get_connection(s, ch->log);

    if (c == NULL) {
        goto failed;
    }

    if (ngx_nonblocking(s) == -1) {
        ngx_log_error(NGX_LOG_ALERT, ch->log, ngx_socket_errno,
                      ngx_nonblocking_n " failed");
        goto failed;
    }

    if (connect(s, addr->sockaddr, addr->socklen) == -1) {
        err = ngx_socket_errno;

        /* once is enough, it is tried again every two seconds */

        level = ch->complained ? NGX_LOG_DEBUG : NGX_LOG_ERR;
        ch->complained = 1;

        ngx_log_error(level, ch->log, err,
                      "sparkjob_zone \"%V\": connect() to the launcher at %V "
                      "failed", &ch->zone->name, &addr->name);
        goto failed;
    }

    c->data = ch;
    c->log = ch->log;
    c->read->log = ch->log;
    c->write->log = ch->log;
    c->read->handler = ngx_http_sparkjob_frame_read;
    c->write->handler = ngx_http_sparkjob_frame_write;
    c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);

    if (ngx_add_conn) {
        if (ngx_add_conn(c) == NGX_ERROR) {
            goto failed;
        }

    } else if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        goto failed;
    }

    c->write->ready = 1;

    return c;

failed:

    if (c) {
        ngx_close_connection(c);

    } else if (ngx_close_socket(s) == -1) {
        ngx_log_error(NGX_LOG_ALERT, ch->log, ngx_socket_errno,
                      ngx_close_socket_n " failed");
    }

    return NULL;
}


static ngx_int_t
ngx_http_sparkjob_channel_hello(ngx_http_sparkjob_channel_t *ch)
{
    return ngx_http_sparkjob_frame_send(ch, SJP_HELLO,
                       ngx_http_sparkjob_op_stream(ch),
                       json_pack("{s:i, s:i, s:i}",
                                 "protocol", SJP_VERSION,
                                 "pid", (int) ngx_pid,
                                 "worker", (int) ngx_worker));
}


/* the launcher is away, or has to be asked anew; it is tried again soon */

void
ngx_http_sparkjob_channel_close(ngx_http_sparkjob_channel_t *ch)
{
    ngx_uint_t  up;

    up = ch->up;

    if (ch->connection && (up || !ch->complained)) {
        ch->complained = 1;

        ngx_log_error(NGX_LOG_ERR, ch->log, 0,
                      "sparkjob_zone \"%V\": the launcher at %V %s",
                      &ch->zone->name, &ch->zone->addr->name,
                      up ? "is gone" : "refused the connection");
    }

    ngx_http_sparkjob_channel_clear(ch);

    if (up) {
        ngx_http_sparkjob_op_down(ch);
    }

    ngx_add_timer(&ch->reconnect, ch->ops.root == ch->ops.sentinel
                                  ? ch->backoff
                                  : NGX_HTTP_SPARKJOB_BACKOFF_MIN);

    ch->backoff = ngx_min(ch->backoff * 2, NGX_HTTP_SPARKJOB_BACKOFF_MAX);
}


static void
ngx_http_sparkjob_channel_clear(ngx_http_sparkjob_channel_t *ch)
{
    ngx_queue_t                *q;
    ngx_http_sparkjob_frame_t  *frame;

    ch->up = 0;

    if (ch->loading) {
        ch->loading = 0;
        ngx_http_sparkjob_zone_load_abort(ch);
    }

    if (ch->resume.posted) {
        ngx_delete_posted_event(&ch->resume);
    }

    while (!ngx_queue_empty(&ch->output)) {
        q = ngx_queue_head(&ch->output);
        frame = ngx_queue_data(q, ngx_http_sparkjob_frame_t, queue);

        ngx_queue_remove(q);
        frame->queued = 0;
        frame->sent = 0;

        if (frame->own) {
            ngx_free(frame);
        }
    }

    ch->used[NGX_HTTP_SPARKJOB_QUEUED] = 0;

    while (ch->nfds) {
        ch->nfds--;

        if (ngx_close_file(ch->fds[ch->nfds]) == NGX_FILE_ERROR) {
            ngx_log_error(NGX_LOG_ALERT, ch->log, ngx_errno,
                          ngx_close_file_n " failed");
        }
    }

    ch->in_pos = 0;
    ch->in_last = 0;
    ch->broken = 0;
    ch->probed = 0;

    if (ch->connection) {
        ngx_close_connection(ch->connection);
        ch->connection = NULL;
    }
}


static void
ngx_http_sparkjob_channel_reconnect(ngx_event_t *ev)
{
    ngx_http_sparkjob_channel_connect(ev->data);
}


/* somebody wants the launcher, which may be back: do not wait for the timer */

void
ngx_http_sparkjob_channel_hurry(ngx_http_sparkjob_channel_t *ch)
{
    if (ch->reconnect.timer_set) {
        ngx_del_timer(&ch->reconnect);
        ngx_http_sparkjob_channel_connect(ch);
    }
}


/* somebody wants to know whether the launcher answers: "heard" will tell */

ngx_int_t
ngx_http_sparkjob_channel_probe(ngx_http_sparkjob_channel_t *ch)
{
    if (ch->probed) {
        return NGX_OK;
    }

    ch->probed = 1;

    return ngx_http_sparkjob_frame_send(ch, SJP_PING,
                                        ngx_http_sparkjob_op_stream(ch), NULL);
}


/* everything that is done by the clock */

static void
ngx_http_sparkjob_channel_tick(ngx_event_t *ev)
{
    ngx_int_t                     rc;
    ngx_http_sparkjob_channel_t  *ch;

    ch = ev->data;

    ngx_add_timer(&ch->tick, NGX_HTTP_SPARKJOB_TICK);

    if (ch->connection == NULL) {
        return;
    }

    if (++ch->age == 2 && ch->up) {
        ch->backoff = NGX_HTTP_SPARKJOB_BACKOFF_MIN;
    }

    rc = NGX_OK;

    if (ch->up) {
        rc = ngx_http_sparkjob_load(ch, 1);
        ch->checked = ch->seen;
    }

    if (rc == NGX_OK && ch->age % NGX_HTTP_SPARKJOB_PING_TICKS == 0) {

        if (ch->pings++ == NGX_HTTP_SPARKJOB_PINGS_MAX) {
            ngx_log_error(NGX_LOG_ERR, ch->log, 0,
                          "sparkjob_zone \"%V\": the launcher at %V does not "
                          "answer", &ch->zone->name, &ch->zone->addr->name);
            rc = NGX_ERROR;

        } else {
            rc = ngx_http_sparkjob_frame_send(ch, SJP_PING,
                                      ngx_http_sparkjob_op_stream(ch), NULL);
        }
    }

    if (rc != NGX_OK) {
        ngx_http_sparkjob_channel_close(ch);
    }
}


/* let the next tick come sooner: the zone has to be looked after */

void
ngx_http_sparkjob_channel_soon(ngx_http_sparkjob_channel_t *ch)
{
    if (ch->tick.timer_set
        && (ngx_msec_int_t) (ch->tick.timer.key - ngx_current_msec)
           > NGX_HTTP_SPARKJOB_SOON)
    {
        ngx_del_timer(&ch->tick);
        ngx_add_timer(&ch->tick, NGX_HTTP_SPARKJOB_SOON);
    }
}


void
ngx_http_sparkjob_channel_resume(ngx_http_sparkjob_channel_t *ch)
{
    ngx_post_event(&ch->resume, &ngx_posted_next_events);
}


static void
ngx_http_sparkjob_channel_resume_handler(ngx_event_t *ev)
{
    ngx_http_sparkjob_channel_t  *ch;

    ch = ev->data;

    ngx_http_sparkjob_ask_some(ch);

    if (ch->connection) {
        ngx_http_sparkjob_frame_read(ch->connection->read);
    }
}
