
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The connection of this worker to a launcher: bytes in and out, descriptors,
 * reconnecting, heartbeat.  What the frames mean is not known here.
 *
 * Frames to be sent wait in a queue that a posted event empties, so that all
 * that one turn of the event loop has to say goes out by one sendmsg().
 */


#include <ngx_http_sparkjob_module.h>


#define NGX_HTTP_SPARKJOB_BACKOFF_MIN  100
#define NGX_HTTP_SPARKJOB_BACKOFF_MAX  2000
#define NGX_HTTP_SPARKJOB_TICK         1000
#define NGX_HTTP_SPARKJOB_SOON         100
#define NGX_HTTP_SPARKJOB_PING_TICKS   15
#define NGX_HTTP_SPARKJOB_PINGS_MAX    2

#define NGX_HTTP_SPARKJOB_IOVS         64
#define NGX_HTTP_SPARKJOB_FDS          16
#define NGX_HTTP_SPARKJOB_IN_SIZE                                             \
    (SJP_HEADER_SIZE + SJP_LENGTH_MAX + 64 * 1024)


static void ngx_http_sparkjob_channel_connect(ngx_http_sparkjob_channel_t *ch);
static ngx_connection_t *ngx_http_sparkjob_channel_open(
    ngx_http_sparkjob_channel_t *ch);
static ngx_int_t ngx_http_sparkjob_channel_hello(
    ngx_http_sparkjob_channel_t *ch);
static void ngx_http_sparkjob_channel_close(ngx_http_sparkjob_channel_t *ch);
static void ngx_http_sparkjob_channel_clear(ngx_http_sparkjob_channel_t *ch);
static void ngx_http_sparkjob_channel_reconnect(ngx_event_t *ev);
static void ngx_http_sparkjob_channel_tick(ngx_event_t *ev);
static void ngx_http_sparkjob_channel_resume_handler(ngx_event_t *ev);
static void ngx_http_sparkjob_channel_read(ngx_event_t *rev);
static ngx_int_t ngx_http_sparkjob_channel_parse(
    ngx_http_sparkjob_channel_t *ch, ngx_uint_t *budget);
static ngx_int_t ngx_http_sparkjob_channel_frame(
    ngx_http_sparkjob_channel_t *ch, sjp_header_t *h, u_char *p);
static ngx_int_t ngx_http_sparkjob_channel_recv(
    ngx_http_sparkjob_channel_t *ch);
static ngx_int_t ngx_http_sparkjob_channel_take_fds(
    ngx_http_sparkjob_channel_t *ch, struct msghdr *msg);
static void ngx_http_sparkjob_channel_write(ngx_event_t *wev);
static ngx_int_t ngx_http_sparkjob_channel_flush(
    ngx_http_sparkjob_channel_t *ch);
static ngx_uint_t ngx_http_sparkjob_channel_gather(
    ngx_http_sparkjob_channel_t *ch, struct iovec *iov, ngx_fd_t *fd);
static ngx_uint_t ngx_http_sparkjob_frame_iovs(
    ngx_http_sparkjob_frame_t *frame, struct iovec *iov, ngx_uint_t room);
static void ngx_http_sparkjob_channel_sent(ngx_http_sparkjob_channel_t *ch,
    size_t n);


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

    ngx_add_timer(&ch->tick, NGX_HTTP_SPARKJOB_TICK);

    ngx_http_sparkjob_channel_connect(ch);

    return NGX_OK;
}


/* at the end of the worker, when no request is left */

void
ngx_http_sparkjob_channel_stop(ngx_http_sparkjob_channel_t *ch)
{
    ngx_http_sparkjob_channel_clear(ch);

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
    c->read->handler = ngx_http_sparkjob_channel_read;
    c->write->handler = ngx_http_sparkjob_channel_write;
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
    return ngx_http_sparkjob_channel_send(ch, SJP_HELLO,
                       ngx_http_sparkjob_op_stream(ch),
                       json_pack("{s:i, s:i, s:i}",
                                 "protocol", SJP_VERSION,
                                 "pid", (int) ngx_pid,
                                 "worker", (int) ngx_worker));
}


/* the launcher is away, or has to be asked anew; it is tried again soon */

static void
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


/* somebody waits for the launcher: find out soon whether it is back */

void
ngx_http_sparkjob_channel_hurry(ngx_http_sparkjob_channel_t *ch)
{
    if (ch->reconnect.timer_set
        && (ngx_msec_int_t) (ch->reconnect.timer.key - ngx_current_msec)
           > NGX_HTTP_SPARKJOB_BACKOFF_MIN)
    {
        ngx_del_timer(&ch->reconnect);
        ngx_add_timer(&ch->reconnect, NGX_HTTP_SPARKJOB_BACKOFF_MIN);
    }
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
            rc = ngx_http_sparkjob_channel_send(ch, SJP_PING,
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
        ngx_http_sparkjob_channel_read(ch->connection->read);
    }
}


static void
ngx_http_sparkjob_channel_read(ngx_event_t *rev)
{
    ngx_int_t                     rc;
    ngx_uint_t                    budget;
    ngx_connection_t             *c;
    ngx_http_sparkjob_channel_t  *ch;

    c = rev->data;
    ch = c->data;

    if (c->close) {
        /* worker_shutdown_timeout */
        ngx_http_sparkjob_channel_close(ch);
        return;
    }

    budget = NGX_HTTP_SPARKJOB_BATCH;

    for ( ;; ) {
        rc = ngx_http_sparkjob_channel_parse(ch, &budget);

        if (rc == NGX_BUSY) {
            ngx_http_sparkjob_channel_resume(ch);
            break;
        }

        if (rc == NGX_OK) {
            rc = ngx_http_sparkjob_channel_recv(ch);
        }

        if (rc == NGX_AGAIN) {
            break;
        }

        if (rc != NGX_OK) {
            ngx_http_sparkjob_channel_close(ch);
            return;
        }
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_sparkjob_channel_close(ch);
    }
}


/*
 * Handles all frames that have arrived as a whole.  NGX_BUSY: there are more,
 * but other connections want their turn.
 */

static ngx_int_t
ngx_http_sparkjob_channel_parse(ngx_http_sparkjob_channel_t *ch,
    ngx_uint_t *budget)
{
    u_char        *p;
    size_t         size;
    const char    *problem;
    sjp_header_t   h;

    for ( ;; ) {
        p = ch->in + ch->in_pos;
        size = ch->in_last - ch->in_pos;

        if (size < SJP_HEADER_SIZE) {
            return NGX_OK;
        }

        problem = sjp_header_decode(p, &h);

        if (problem) {
            ngx_log_error(NGX_LOG_ERR, ch->log, 0,
                          "sparkjob launcher at %V sent a bad frame: %s "
                          "(type %ui, length %uD, metadata %uD)",
                          &ch->zone->addr->name, problem,
                          (ngx_uint_t) h.type, h.length, h.meta);
            return NGX_ERROR;
        }

        if (size - SJP_HEADER_SIZE < h.length) {
            return NGX_OK;
        }

        if (*budget == 0) {
            return NGX_BUSY;
        }

        (*budget)--;

        ch->in_pos += SJP_HEADER_SIZE + h.length;

        if (ngx_http_sparkjob_channel_frame(ch, &h, p + SJP_HEADER_SIZE)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }
}


static ngx_int_t
ngx_http_sparkjob_channel_frame(ngx_http_sparkjob_channel_t *ch,
    sjp_header_t *h, u_char *p)
{
    ngx_int_t                    rc;
    ngx_http_sparkjob_message_t  msg;

    msg.type = h->type;
    msg.stream = h->stream;
    msg.payload.data = p + h->meta;
    msg.payload.len = h->length - h->meta;
    msg.fd = -1;

    if (h->flags & SJP_FLAG_FD) {

        if (ch->nfds == 0) {
            ngx_log_error(NGX_LOG_ERR, ch->log, 0,
                          "sparkjob launcher at %V announced a descriptor, "
                          "but sent none", &ch->zone->addr->name);
            return NGX_ERROR;
        }

        msg.fd = ch->fds[0];
        ch->nfds--;
        ngx_memmove(&ch->fds[0], &ch->fds[1], ch->nfds * sizeof(ngx_fd_t));
    }

    rc = ngx_http_sparkjob_message(ch, &msg, p, h->meta);

    if (msg.fd != -1 && ngx_close_file(msg.fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, ch->log, ngx_errno,
                      ngx_close_file_n " failed");
    }

    return rc;
}


static ngx_int_t
ngx_http_sparkjob_channel_recv(ngx_http_sparkjob_channel_t *ch)
{
    ssize_t        n;
    ngx_err_t      err;
    struct iovec   iov;
    struct msghdr  msg;

    union {
        struct cmsghdr  cm;
        char            space[CMSG_SPACE(NGX_HTTP_SPARKJOB_FDS * sizeof(int))];
    } control;

    if (ch->in_pos) {
        ch->in_last -= ch->in_pos;
        ngx_memmove(ch->in, ch->in + ch->in_pos, ch->in_last);
        ch->in_pos = 0;
    }

    iov.iov_base = ch->in + ch->in_last;
    iov.iov_len = NGX_HTTP_SPARKJOB_IN_SIZE - ch->in_last;

    ngx_memzero(&msg, sizeof(struct msghdr));

    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    msg.msg_control = &control;
    msg.msg_controllen = sizeof(control);

    do {
        n = recvmsg(ch->connection->fd, &msg, MSG_CMSG_CLOEXEC);
        err = (n == -1) ? ngx_socket_errno : 0;
    } while (err == NGX_EINTR);

    if (err == NGX_EAGAIN) {
        ch->connection->read->ready = 0;
        return NGX_AGAIN;
    }

    if (n == -1) {
        ngx_log_error(NGX_LOG_ERR, ch->log, err,
                      "recvmsg() from the launcher at %V failed",
                      &ch->zone->addr->name);
        return NGX_ERROR;
    }

    if (n == 0) {
        return NGX_DONE;
    }

    ch->in_last += n;

    return ngx_http_sparkjob_channel_take_fds(ch, &msg);
}


static ngx_int_t
ngx_http_sparkjob_channel_take_fds(ngx_http_sparkjob_channel_t *ch,
    struct msghdr *msg)
{
    ngx_int_t        rc;
    ngx_fd_t         fd;
    ngx_uint_t       i, n;
    struct cmsghdr  *cm;

    rc = (msg->msg_flags & MSG_CTRUNC) ? NGX_ERROR : NGX_OK;

    for (cm = CMSG_FIRSTHDR(msg); cm; cm = CMSG_NXTHDR(msg, cm)) {

        if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS) {
            continue;
        }

        n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        for (i = 0; i < n; i++) {
            ngx_memcpy(&fd, CMSG_DATA(cm) + i * sizeof(int), sizeof(int));

            if (ch->nfds < sizeof(ch->fds) / sizeof(ch->fds[0])) {
                ch->fds[ch->nfds++] = fd;
                continue;
            }

            rc = NGX_ERROR;

            if (ngx_close_file(fd) == NGX_FILE_ERROR) {
                ngx_log_error(NGX_LOG_ALERT, ch->log, ngx_errno,
                              ngx_close_file_n " failed");
            }
        }
    }

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, ch->log, 0,
                      "sparkjob launcher at %V sent more descriptors than "
                      "frames could need", &ch->zone->addr->name);
    }

    return rc;
}


void
ngx_http_sparkjob_channel_queue(ngx_http_sparkjob_channel_t *ch,
    ngx_http_sparkjob_frame_t *frame)
{
    frame->sent = 0;
    frame->queued = 1;

    ngx_queue_insert_tail(&ch->output, &frame->queue);

    if (ch->connection->write->ready) {
        ngx_post_event(ch->connection->write, &ngx_posted_events);
    }
}


/*
 * The memory of this frame goes away.  If the launcher has read its beginning
 * it must get the rest as well.
 */

void
ngx_http_sparkjob_channel_drop(ngx_http_sparkjob_channel_t *ch,
    ngx_http_sparkjob_frame_t *frame)
{
    u_char                     *p;
    size_t                      rest;
    ngx_uint_t                  i, n;
    struct iovec                iov[NGX_HTTP_SPARKJOB_IOVS];
    ngx_http_sparkjob_frame_t  *copy;

    if (!frame->queued) {
        return;
    }

    frame->queued = 0;

    if (frame->sent == 0) {
        ngx_queue_remove(&frame->queue);
        return;
    }

    rest = frame->size - frame->sent;

    copy = ngx_calloc(sizeof(ngx_http_sparkjob_frame_t) + rest, ch->log);
    if (copy == NULL) {
        ngx_queue_remove(&frame->queue);
        ch->broken = 1;
        ngx_post_event(ch->connection->write, &ngx_posted_events);
        return;
    }

    p = (u_char *) (copy + 1);

    copy->head.data = p;
    copy->head.len = rest;
    copy->size = rest;
    copy->fd = -1;
    copy->own = 1;
    copy->queued = 1;

    n = ngx_http_sparkjob_frame_iovs(frame, iov, NGX_HTTP_SPARKJOB_IOVS);

    for (i = 0; i < n; i++) {
        p = ngx_cpymem(p, iov[i].iov_base, iov[i].iov_len);
    }

    ngx_queue_remove(&frame->queue);
    ngx_queue_insert_head(&ch->output, &copy->queue);
}


/* a frame that no request stands behind */

ngx_int_t
ngx_http_sparkjob_channel_send(ngx_http_sparkjob_channel_t *ch,
    ngx_uint_t type, uint32_t stream, json_t *meta)
{
    ngx_http_sparkjob_frame_t  *frame;

    frame = ngx_http_sparkjob_op_frame(type, stream, meta, ch->log);

    if (frame == NULL) {
        return NGX_ERROR;
    }

    ngx_http_sparkjob_channel_queue(ch, frame);

    return NGX_OK;
}


static void
ngx_http_sparkjob_channel_write(ngx_event_t *wev)
{
    ngx_connection_t             *c;
    ngx_http_sparkjob_channel_t  *ch;

    c = wev->data;
    ch = c->data;

    if (ngx_http_sparkjob_channel_flush(ch) == NGX_ERROR
        || ngx_handle_write_event(wev, 0) != NGX_OK)
    {
        ngx_http_sparkjob_channel_close(ch);
    }
}


static ngx_int_t
ngx_http_sparkjob_channel_flush(ngx_http_sparkjob_channel_t *ch)
{
    ssize_t          n;
    ngx_fd_t         fd;
    ngx_err_t        err;
    struct iovec     iov[NGX_HTTP_SPARKJOB_IOVS];
    struct msghdr    msg;

    union {
        struct cmsghdr  cm;
        char            space[CMSG_SPACE(sizeof(int))];
    } control;

    if (ch->broken) {
        return NGX_ERROR;
    }

    while (!ngx_queue_empty(&ch->output)) {

        ngx_memzero(&msg, sizeof(struct msghdr));

        msg.msg_iov = iov;
        msg.msg_iovlen = ngx_http_sparkjob_channel_gather(ch, iov, &fd);

        if (fd != -1) {
            ngx_memzero(&control, sizeof(control));

            msg.msg_control = &control;
            msg.msg_controllen = sizeof(control);

            control.cm.cmsg_level = SOL_SOCKET;
            control.cm.cmsg_type = SCM_RIGHTS;
            control.cm.cmsg_len = CMSG_LEN(sizeof(int));

            ngx_memcpy(CMSG_DATA(&control.cm), &fd, sizeof(int));
        }

        n = sendmsg(ch->connection->fd, &msg, MSG_NOSIGNAL);

        if (n == -1) {
            err = ngx_socket_errno;

            if (err == NGX_EINTR) {
                continue;
            }

            if (err == NGX_EAGAIN) {
                ch->connection->write->ready = 0;
                return NGX_AGAIN;
            }

            ngx_log_error(NGX_LOG_ERR, ch->log, err,
                          "sendmsg() to the launcher at %V failed",
                          &ch->zone->addr->name);
            return NGX_ERROR;
        }

        ngx_http_sparkjob_channel_sent(ch, n);
    }

    return NGX_OK;
}


/*
 * A descriptor goes with the first byte of what is sent at once, so that a
 * frame with one can only be the first.
 */

static ngx_uint_t
ngx_http_sparkjob_channel_gather(ngx_http_sparkjob_channel_t *ch,
    struct iovec *iov, ngx_fd_t *fd)
{
    ngx_uint_t                  n;
    ngx_queue_t                *q;
    ngx_http_sparkjob_frame_t  *frame;

    n = 0;
    *fd = -1;

    for (q = ngx_queue_head(&ch->output);
         q != ngx_queue_sentinel(&ch->output) && n < NGX_HTTP_SPARKJOB_IOVS;
         q = ngx_queue_next(q))
    {
        frame = ngx_queue_data(q, ngx_http_sparkjob_frame_t, queue);

        if (frame->fd != -1 && frame->sent == 0) {

            if (n) {
                break;
            }

            *fd = frame->fd;
        }

        n += ngx_http_sparkjob_frame_iovs(frame, iov + n,
                                          NGX_HTTP_SPARKJOB_IOVS - n);
    }

    return n;
}


/* what of a frame has not been sent yet, as far as there is room */

static ngx_uint_t
ngx_http_sparkjob_frame_iovs(ngx_http_sparkjob_frame_t *frame,
    struct iovec *iov, ngx_uint_t room)
{
    u_char       *p;
    size_t        len, skip;
    ngx_uint_t    n;
    ngx_chain_t  *cl;

    n = 0;
    skip = frame->sent;
    p = frame->head.data;
    len = frame->head.len;
    cl = frame->payload;

    for ( ;; ) {

        if (len > skip) {

            if (n == room) {
                break;
            }

            iov[n].iov_base = p + skip;
            iov[n].iov_len = len - skip;
            skip = 0;
            n++;

        } else {
            skip -= len;
        }

        if (cl == NULL) {
            break;
        }

        p = cl->buf->pos;
        len = cl->buf->last - cl->buf->pos;
        cl = cl->next;
    }

    return n;
}


static void
ngx_http_sparkjob_channel_sent(ngx_http_sparkjob_channel_t *ch, size_t n)
{
    size_t                      rest;
    ngx_queue_t                *q;
    ngx_http_sparkjob_frame_t  *frame;

    while (n) {
        q = ngx_queue_head(&ch->output);
        frame = ngx_queue_data(q, ngx_http_sparkjob_frame_t, queue);

        rest = frame->size - frame->sent;

        if (n < rest) {
            frame->sent += n;
            return;
        }

        n -= rest;

        ngx_queue_remove(q);
        frame->queued = 0;

        if (frame->own) {
            ngx_free(frame);

        } else {
            ngx_http_sparkjob_op_sent(frame->op);
        }
    }
}
