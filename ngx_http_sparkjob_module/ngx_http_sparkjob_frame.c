
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Frames and descriptors, in and out of a channel.  What they mean is not known
 * here.
 *
 * Frames to be sent wait in a queue that a posted event empties, so that all
 * that one turn of the event loop has to say goes out by one sendmsg().
 */


#include <ngx_http_sparkjob_module.h>


#define NGX_HTTP_SPARKJOB_IOVS  64
#define NGX_HTTP_SPARKJOB_FDS   16


static ngx_int_t ngx_http_sparkjob_frame_parse(
    ngx_http_sparkjob_channel_t *ch, ngx_uint_t *budget);
static ngx_int_t ngx_http_sparkjob_frame_take(
    ngx_http_sparkjob_channel_t *ch, sjp_header_t *h, u_char *p);
static ngx_int_t ngx_http_sparkjob_frame_recv(
    ngx_http_sparkjob_channel_t *ch);
static ngx_int_t ngx_http_sparkjob_frame_take_fds(
    ngx_http_sparkjob_channel_t *ch, struct msghdr *msg);
static ngx_int_t ngx_http_sparkjob_frame_flush(
    ngx_http_sparkjob_channel_t *ch);
static ngx_uint_t ngx_http_sparkjob_frame_gather(
    ngx_http_sparkjob_channel_t *ch, struct iovec *iov, ngx_fd_t *fd);
static ngx_uint_t ngx_http_sparkjob_frame_iovs(
    ngx_http_sparkjob_frame_t *frame, struct iovec *iov, ngx_uint_t room);
static void ngx_http_sparkjob_frame_sent(ngx_http_sparkjob_channel_t *ch,
    size_t n);


void
ngx_http_sparkjob_frame_read(ngx_event_t *rev)
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
        rc = ngx_http_sparkjob_frame_parse(ch, &budget);

        if (rc == NGX_BUSY) {
            ngx_http_sparkjob_channel_resume(ch);
            break;
        }

        if (rc == NGX_OK) {
            rc = ngx_http_sparkjob_frame_recv(ch);
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
ngx_http_sparkjob_frame_parse(ngx_http_sparkjob_channel_t *ch,
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

        if (ngx_http_sparkjob_frame_take(ch, &h, p + SJP_HEADER_SIZE)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }
}


static ngx_int_t
ngx_http_sparkjob_frame_take(ngx_http_sparkjob_channel_t *ch,
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
ngx_http_sparkjob_frame_recv(ngx_http_sparkjob_channel_t *ch)
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
        n = SPARKJOB_FAILS("reply.receive")
            ? -1 : recvmsg(ch->connection->fd, &msg, MSG_CMSG_CLOEXEC);
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
    ch->heard = ngx_current_msec;
    ch->probed = 0;

    return ngx_http_sparkjob_frame_take_fds(ch, &msg);
}


static ngx_int_t
ngx_http_sparkjob_frame_take_fds(ngx_http_sparkjob_channel_t *ch,
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
ngx_http_sparkjob_frame_queue(ngx_http_sparkjob_channel_t *ch,
    ngx_http_sparkjob_frame_t *frame)
{
    frame->sent = 0;
    frame->queued = 1;
    ch->used[NGX_HTTP_SPARKJOB_QUEUED] += frame->size;

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
ngx_http_sparkjob_frame_drop(ngx_http_sparkjob_channel_t *ch,
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

    rest = frame->size - frame->sent;

    if (frame->sent == 0) {
        ngx_queue_remove(&frame->queue);
        ch->used[NGX_HTTP_SPARKJOB_QUEUED] -= rest;
        return;
    }

    copy = ngx_calloc(sizeof(ngx_http_sparkjob_frame_t) + rest, ch->log);
    if (copy == NULL) {
        ch->used[NGX_HTTP_SPARKJOB_QUEUED] -= rest;
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

    while (frame->sent < frame->size) {
        n = ngx_http_sparkjob_frame_iovs(frame, iov, NGX_HTTP_SPARKJOB_IOVS);

        for (i = 0; i < n; i++) {
            p = ngx_cpymem(p, iov[i].iov_base, iov[i].iov_len);
            frame->sent += iov[i].iov_len;
        }
    }

    ngx_queue_remove(&frame->queue);
    ngx_queue_insert_head(&ch->output, &copy->queue);
}


/* a frame that no request stands behind */

ngx_int_t
ngx_http_sparkjob_frame_send(ngx_http_sparkjob_channel_t *ch,
    ngx_uint_t type, uint32_t stream, json_t *meta)
{
    ngx_http_sparkjob_frame_t  *frame;

    frame = ngx_http_sparkjob_op_frame(type, stream, meta, ch->log);

    if (frame == NULL) {
        return NGX_ERROR;
    }

    ngx_http_sparkjob_frame_queue(ch, frame);

    return NGX_OK;
}


void
ngx_http_sparkjob_frame_write(ngx_event_t *wev)
{
    ngx_connection_t             *c;
    ngx_http_sparkjob_channel_t  *ch;

    c = wev->data;
    ch = c->data;

    if (ngx_http_sparkjob_frame_flush(ch) == NGX_ERROR
        || ngx_handle_write_event(wev, 0) != NGX_OK)
    {
        ngx_http_sparkjob_channel_close(ch);
    }
}


static ngx_int_t
ngx_http_sparkjob_frame_flush(ngx_http_sparkjob_channel_t *ch)
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
        msg.msg_iovlen = ngx_http_sparkjob_frame_gather(ch, iov, &fd);

        if (fd != -1) {
            ngx_memzero(&control, sizeof(control));

            msg.msg_control = &control;
            msg.msg_controllen = sizeof(control);

            control.cm.cmsg_level = SOL_SOCKET;
            control.cm.cmsg_type = SCM_RIGHTS;
            control.cm.cmsg_len = CMSG_LEN(sizeof(int));

            ngx_memcpy(CMSG_DATA(&control.cm), &fd, sizeof(int));
        }

        n = SPARKJOB_FAILS("ask.send")
            ? -1 : sendmsg(ch->connection->fd, &msg, MSG_NOSIGNAL);

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

        ngx_http_sparkjob_frame_sent(ch, n);
    }

    return NGX_OK;
}


/*
 * A descriptor goes with the first byte of what is sent at once, so that a
 * frame with one can only be the first.
 */

static ngx_uint_t
ngx_http_sparkjob_frame_gather(ngx_http_sparkjob_channel_t *ch,
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
ngx_http_sparkjob_frame_sent(ngx_http_sparkjob_channel_t *ch, size_t n)
{
    size_t                      rest;
    ngx_queue_t                *q;
    ngx_http_sparkjob_frame_t  *frame;

    ch->used[NGX_HTTP_SPARKJOB_QUEUED] -= n;

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
