
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_conn.h"
#include "sjl_dispatch.h"
#include "sjl_limit.h"
#include "sjl_link.h"
#include "sjl_request.h"
#include "sjl_state.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <utlist.h>


#define SJL_CONN_BUFFER    (64 * 1024)
#define SJL_CONN_IOV       64
#define SJL_CONN_READS     16           /* in one turn */
#define SJL_CONN_TURN      .002         /* seconds, for a driver */
#define SJL_CONN_REST      3            /* times as long, after that */
#define SJL_CONN_PIECE     (16 * 1024)
#define SJL_CONN_HELLO     10.          /* seconds */
#define SJL_CONN_BUSY      (1024 * 1024)

/* the kernel passes no more at once */
#define SJL_CONN_SCM_MAX   253


/* a frame as it is sent; those that go to many are shared */

typedef struct {
    unsigned  refs;
    size_t    size;
    char      data[];
} sjl_buf_t;


struct sjl_out_s {
    sjl_out_t  *next;
    sjl_buf_t  *buf;
    size_t      off;
    int         fd;
};


static void sjl_conn_silent(struct ev_loop *loop, ev_timer *timer, int events);
static void sjl_conn_readable(struct ev_loop *loop, ev_io *io, int events);
static void sjl_conn_read_driver(sjl_conn_t *c);
static void sjl_conn_rested(struct ev_loop *loop, ev_timer *timer, int events);
static int sjl_conn_read(sjl_conn_t *c);
static void sjl_conn_room(sjl_conn_t *c);
static int sjl_conn_take_fds(sjl_conn_t *c, struct msghdr *msg);
static int sjl_conn_frames(sjl_conn_t *c);
static int sjl_conn_frame(sjl_conn_t *c, const sjp_header_t *h, char *p);
static json_t *sjl_conn_meta(const char *p, size_t n);
static int sjl_conn_memory_file(const void *p, size_t n);
static sjl_buf_t *sjl_conn_encode(sjp_type_e type, uint32_t stream,
    const json_t *meta, const void *payload, size_t size, int fd);
static void sjl_conn_buf_release(sjl_buf_t *buf);
static void sjl_conn_queue(sjl_conn_t *c, sjl_buf_t *buf, int fd);
static void sjl_conn_turn(struct ev_loop *loop, ev_prepare *prepare,
    int events);
static void sjl_conn_writable(struct ev_loop *loop, ev_io *io, int events);
static void sjl_conn_flush(sjl_conn_t *c);
static ssize_t sjl_conn_write(sjl_conn_t *c);
static void sjl_conn_written(sjl_conn_t *c, size_t n);
static void sjl_conn_out_free(sjl_out_t *out);
static void sjl_conn_drained(sjl_conn_t *c);


sjl_conn_t  *sjl_conns;


static ev_prepare   sjl_conn_prepare;
static sjl_conn_t  *sjl_conn_flushes;
static sjl_conn_t  *sjl_conn_dead;
static unsigned     sjl_conn_number;


sjl_conn_t *
sjl_conn_make(int fd, const struct ucred *peer)
{
    sjl_conn_t  *c;

    c = sjl_alloc(sizeof(sjl_conn_t));

    c->fd = fd;
    c->pid = peer->pid;
    c->uid = peer->uid;
    c->number = ++sjl_conn_number;
    c->out_last = &c->out;
    c->in_size = SJL_CONN_BUFFER;
    c->in = sjl_alloc(c->in_size);

    DL_APPEND(sjl_conns, c);

    if (!ev_is_active(&sjl_conn_prepare)) {
        ev_prepare_init(&sjl_conn_prepare, sjl_conn_turn);
        ev_prepare_start(sjl_loop, &sjl_conn_prepare);
    }

    ev_io_init(&c->read, sjl_conn_readable, fd, EV_READ);
    c->read.data = c;
    ev_io_start(sjl_loop, &c->read);

    ev_io_init(&c->write, sjl_conn_writable, fd, EV_WRITE);
    c->write.data = c;

    ev_timer_init(&c->timer, sjl_conn_silent, SJL_CONN_HELLO, 0.);
    c->timer.data = c;
    ev_timer_start(sjl_loop, &c->timer);

    ev_init(&c->rest, sjl_conn_rested);
    c->rest.data = c;

    sjl_log(SJL_LOG_DEBUG, "connection %u from process %d", c->number,
            (int) c->pid);

    return c;
}


static void
sjl_conn_silent(struct ev_loop *loop, ev_timer *timer, int events)
{
    sjl_conn_t  *c;

    (void) loop;
    (void) events;

    c = timer->data;

    sjl_log(SJL_LOG_ERR, "connection %u has not said hello for %d s",
            c->number, (int) SJL_CONN_HELLO);

    sjl_conn_close(c);
}


static void
sjl_conn_readable(struct ev_loop *loop, ev_io *io, int events)
{
    int          n;
    sjl_conn_t  *c;

    (void) loop;
    (void) events;

    c = io->data;

    if (c->role == SJL_ROLE_DRIVER) {
        sjl_conn_read_driver(c);
        return;
    }

    for (n = 0; n < SJL_CONN_READS; n++) {
        if (c->closed || c->finishing || sjl_conn_read(c) == SJL_ERROR) {
            return;
        }

        /* a module that does not read its answers may ask for no more */

        if (c->role == SJL_ROLE_MODULE
            && c->queued > sjl_limit_queue(c) / 2)
        {
            ev_io_stop(sjl_loop, &c->read);
            return;
        }
    }
}


/*
 * User code runs in a driver, and may have it say as much as it can.  Who needs
 * more than its turn rests a multiple of what it has taken, so that most of our
 * time is left to others; meanwhile its own socket holds it up.
 */

static void
sjl_conn_read_driver(sjl_conn_t *c)
{
    int      n;
    double   taken;
    int64_t  began;

    began = sjl_ticks();

    for (n = 0; n < SJL_CONN_READS; n++) {

        if (c->closed || c->finishing || sjl_conn_read(c) == SJL_ERROR) {
            return;
        }

        taken = (double) (sjl_ticks() - began) / 1e6;

        if (taken > SJL_CONN_TURN) {
            ev_io_stop(sjl_loop, &c->read);
            ev_timer_set(&c->rest, taken * SJL_CONN_REST, 0.);
            ev_timer_start(sjl_loop, &c->rest);
            return;
        }
    }
}


static void
sjl_conn_rested(struct ev_loop *loop, ev_timer *timer, int events)
{
    sjl_conn_t  *c;

    (void) events;

    c = timer->data;

    if (!c->finishing) {
        ev_io_start(loop, &c->read);
    }
}


void
sjl_conn_read_all(sjl_conn_t *c)
{
    while (!c->closed && sjl_conn_read(c) == SJL_OK) {
        /* void */
    }
}


/* SJL_ERROR: there is nothing more to read now, or for ever */

static int
sjl_conn_read(sjl_conn_t *c)
{
    ssize_t        n;
    struct iovec   iov;
    struct msghdr  msg;

    union {
        struct cmsghdr  align;
        char            space[CMSG_SPACE(SJL_CONN_SCM_MAX * sizeof(int))];
    } control;

    sjl_conn_room(c);

    iov.iov_base = c->in + c->in_len;
    iov.iov_len = c->in_size - c->in_len;

    /* what was read is handled at once, so a piece is what a turn may take */

    if (c->role == SJL_ROLE_DRIVER && iov.iov_len > SJL_CONN_PIECE) {
        iov.iov_len = SJL_CONN_PIECE;
    }

    memset(&msg, 0, sizeof(msg));
    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    msg.msg_control = control.space;
    msg.msg_controllen = sizeof(control.space);

    n = recvmsg(c->fd, &msg, MSG_CMSG_CLOEXEC);

    if (n == -1) {
        if (errno != EAGAIN && errno != EINTR) {
            sjl_log(SJL_LOG_INFO, "connection %u was lost: %s", c->number,
                    strerror(errno));
            sjl_conn_close(c);
        }

        return SJL_ERROR;
    }

    if (sjl_conn_take_fds(c, &msg) == SJL_ERROR) {
        sjl_conn_close(c);
        return SJL_ERROR;
    }

    if (n == 0) {
        sjl_log(SJL_LOG_INFO, "connection %u was closed by process %d",
                c->number, (int) c->pid);
        sjl_conn_close(c);
        return SJL_ERROR;
    }

    c->in_len += (size_t) n;

    if (sjl_conn_frames(c) == SJL_ERROR) {
        c->broken = 1;
        sjl_conn_close(c);
    }

    return c->closed ? SJL_ERROR : SJL_OK;
}


/* room for the frame that has begun, which sjl_conn_frames() has checked */

static void
sjl_conn_room(sjl_conn_t *c)
{
    char    *in;
    size_t   size;

    size = SJL_CONN_BUFFER;

    if (c->in_len >= SJP_HEADER_SIZE) {
        size = SJP_HEADER_SIZE + sjp_get32((unsigned char *) c->in);

        if (size < SJL_CONN_BUFFER) {
            size = SJL_CONN_BUFFER;
        }
    }

    if (size == c->in_size) {
        return;
    }

    in = sjl_alloc(size);
    memcpy(in, c->in, c->in_len);

    free(c->in);
    c->in = in;
    c->in_size = size;
}


static int
sjl_conn_take_fds(sjl_conn_t *c, struct msghdr *msg)
{
    int              fd, rc;
    size_t           i, n;
    struct cmsghdr  *cmsg;

    rc = SJL_OK;

    for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {

        if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS) {
            continue;
        }

        n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        for (i = 0; i < n; i++) {
            memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));

            if (c->nfds == SJL_CONN_FDS) {
                (void) close(fd);
                rc = SJL_ERROR;
                continue;
            }

            c->fds[c->nfds++] = fd;
        }
    }

    if (rc == SJL_ERROR || (msg->msg_flags & MSG_CTRUNC)) {
        sjl_log(SJL_LOG_ERR, "connection %u passes more descriptors than "
                "frames", c->number);
        return SJL_ERROR;
    }

    return SJL_OK;
}


static int
sjl_conn_frames(sjl_conn_t *c)
{
    char          *p, *last;
    const char    *err;
    sjp_header_t   h;

    p = c->in;
    last = c->in + c->in_len;

    while (last - p >= SJP_HEADER_SIZE) {

        err = sjp_header_decode((unsigned char *) p, &h);

        if (err) {
            sjl_log(SJL_LOG_ERR, "connection %u sent a bad frame: %s, type %u, "
                    "length %u, metadata %u", c->number, err,
                    (unsigned) h.type, (unsigned) h.length, (unsigned) h.meta);
            return SJL_ERROR;
        }

        if ((size_t) (last - p) < SJP_HEADER_SIZE + (size_t) h.length) {
            break;
        }

        if (sjl_conn_frame(c, &h, p + SJP_HEADER_SIZE) == SJL_ERROR) {
            return SJL_ERROR;
        }

        if (c->closed || c->finishing) {
            return SJL_OK;
        }

        p += SJP_HEADER_SIZE + h.length;
    }

    c->in_len = (size_t) (last - p);
    memmove(c->in, p, c->in_len);

    return SJL_OK;
}


static int
sjl_conn_frame(sjl_conn_t *c, const sjp_header_t *h, char *p)
{
    int          rc;
    sjl_frame_t  f;

    c->received++;

    f.type = h->type;
    f.stream = h->stream;
    f.meta_size = h->meta;
    f.payload = p + h->meta;
    f.size = h->length - h->meta;
    f.fd = -1;

    if (h->flags & SJP_FLAG_FD) {

        if (c->nfds == 0) {
            sjl_log(SJL_LOG_ERR, "connection %u sent a frame of type %u "
                    "without its descriptor", c->number, (unsigned) h->type);
            return SJL_ERROR;
        }

        f.fd = c->fds[0];
        memmove(c->fds, c->fds + 1, --c->nfds * sizeof(int));
    }

    f.meta = sjl_conn_meta(p, h->meta);

    if (f.meta == NULL) {
        sjl_log(SJL_LOG_ERR, "connection %u sent metadata that is no JSON "
                "object: \"%.*s\"", c->number, (int) (h->meta > 200 ? 200
                : h->meta), p);
        rc = SJL_ERROR;

    } else {
        rc = sjl_dispatch(c, &f);
    }

    json_decref(f.meta);

    if (f.fd != -1) {
        (void) close(f.fd);
    }

    return rc;
}


static json_t *
sjl_conn_meta(const char *p, size_t n)
{
    json_t  *meta;

    if (n == 0) {
        return json_object();
    }

    meta = json_loadb(p, n, JSON_ALLOW_NUL, NULL);

    if (!json_is_object(meta)) {
        json_decref(meta);
        return NULL;
    }

    return meta;
}


void
sjl_conn_send(sjl_conn_t *c, sjp_type_e type, uint32_t stream,
    const json_t *meta, const void *payload, size_t size, int fd)
{
    json_t     *refusal;
    sjl_buf_t  *buf;

    if (size > SJP_PAYLOAD_MAX && !c->closed) {
        fd = sjl_conn_memory_file(payload, size);
        size = 0;

        /* an answer that lacks what was asked for is none */

        if (fd == -1) {
            sjl_conn_close(c);
        }
    }

    buf = c->closed ? NULL
          : sjl_conn_encode(type, stream, meta, payload, size, fd);

    if (buf == NULL && fd != -1) {
        (void) close(fd);
        fd = -1;
    }

    /* whoever has asked does not wait for ever */

    if (buf == NULL && type == SJP_REPLY && !c->closed) {
        refusal = json_pack("{s:s, s:s}", "error",
                            sjl_errors[SJP_ERR_INTERNAL], "name",
                            "the answer is too long");
        buf = sjl_conn_encode(type, stream, refusal, NULL, 0, -1);
        json_decref(refusal);
    }

    if (buf) {
        sjl_conn_queue(c, buf, fd);
        sjl_conn_buf_release(buf);
    }
}


static int
sjl_conn_memory_file(const void *p, size_t n)
{
    int  fd;

    fd = memfd_create("payload", MFD_CLOEXEC);

    if (fd == -1) {
        sjl_log(SJL_LOG_CRIT, "memfd_create() failed: %s", strerror(errno));
        return -1;
    }

    if (pwrite(fd, p, n, 0) != (ssize_t) n) {
        sjl_log(SJL_LOG_CRIT, "writing %zu bytes to memory failed: %s", n,
                strerror(errno));
        (void) close(fd);
        return -1;
    }

    return fd;
}


/* the buffer has one reference, the caller's */

static sjl_buf_t *
sjl_conn_encode(sjp_type_e type, uint32_t stream, const json_t *meta,
    const void *payload, size_t size, int fd)
{
    char          *text;
    sjl_buf_t     *buf;
    sjp_header_t   h;

    text = meta ? sjl_json_text(meta) : NULL;

    h.meta = text ? (uint32_t) strlen(text) : 0;
    h.length = h.meta + (uint32_t) size;
    h.type = (uint16_t) type;
    h.flags = fd == -1 ? 0 : SJP_FLAG_FD;
    h.stream = stream;

    if (h.meta > SJP_META_MAX || size > SJP_PAYLOAD_MAX) {
        sjl_log(SJL_LOG_ALERT, "a frame of type %u has %u bytes of metadata, "
                "payload %zu, it is not sent: \"%.100s\"", (unsigned) type,
                (unsigned) h.meta, size, text ? text : "");
        free(text);
        return NULL;
    }

    buf = sjl_alloc(sizeof(sjl_buf_t) + SJP_HEADER_SIZE + h.length);
    buf->refs = 1;
    buf->size = SJP_HEADER_SIZE + h.length;

    sjp_header_encode((unsigned char *) buf->data, &h);

    if (h.meta) {
        memcpy(buf->data + SJP_HEADER_SIZE, text, h.meta);
    }

    if (size) {
        memcpy(buf->data + SJP_HEADER_SIZE + h.meta, payload, size);
    }

    free(text);

    return buf;
}


void
sjl_conn_broadcast(sjp_type_e type, const json_t *meta, const void *payload,
    size_t size)
{
    sjl_buf_t   *buf;
    sjl_conn_t  *c, *next;

    buf = sjl_conn_encode(type, 0, meta, payload, size, -1);

    if (buf == NULL) {
        return;
    }

    DL_FOREACH_SAFE(sjl_conns, c, next) {
        if (c->role == SJL_ROLE_MODULE && c->greeted) {
            sjl_conn_queue(c, buf, -1);
        }
    }

    sjl_conn_buf_release(buf);
}


static void
sjl_conn_buf_release(sjl_buf_t *buf)
{
    if (--buf->refs == 0) {
        free(buf);
    }
}


static void
sjl_conn_queue(sjl_conn_t *c, sjl_buf_t *buf, int fd)
{
    sjl_out_t  *out;

    out = sjl_alloc(sizeof(sjl_out_t));
    out->buf = buf;
    out->fd = fd;
    buf->refs++;

    *c->out_last = out;
    c->out_last = &out->next;
    c->queued += buf->size;
    c->sent++;

    if (c->queued > sjl_limit_queue(c)) {
        sjl_log(SJL_LOG_ERR, "connection %u of process %d does not read, %zu "
                "bytes wait for it", c->number, (int) c->pid, c->queued);
        sjl_conn_close(c);
        return;
    }

    if (!c->flushing && !ev_is_active(&c->write)) {
        c->flushing = 1;
        LL_PREPEND2(sjl_conn_flushes, c, flush_next);
    }
}


/* before the loop sleeps: write what this turn has made, free what it closed */

static void
sjl_conn_turn(struct ev_loop *loop, ev_prepare *prepare, int events)
{
    sjl_conn_t  *c;

    (void) loop;
    (void) prepare;
    (void) events;

    while (sjl_conn_flushes) {
        c = sjl_conn_flushes;
        LL_DELETE2(sjl_conn_flushes, c, flush_next);
        c->flushing = 0;

        if (!c->closed) {
            sjl_conn_flush(c);
        }
    }

    while (sjl_conn_dead) {
        c = sjl_conn_dead;
        sjl_conn_dead = c->next;

        free(c->in);
        free(c);
    }
}


static void
sjl_conn_writable(struct ev_loop *loop, ev_io *io, int events)
{
    (void) loop;
    (void) events;

    sjl_conn_flush(io->data);
}


static void
sjl_conn_flush(sjl_conn_t *c)
{
    ssize_t  n;

    while (c->out) {
        n = sjl_conn_write(c);

        if (n == -1) {
            if (errno == EINTR) {
                continue;
            }

            if (errno == EAGAIN) {
                ev_io_start(sjl_loop, &c->write);
                return;
            }

            sjl_log(SJL_LOG_INFO, "connection %u was lost: %s", c->number,
                    strerror(errno));
            sjl_conn_close(c);
            return;
        }

        sjl_conn_written(c, (size_t) n);
    }

    ev_io_stop(sjl_loop, &c->write);

    if (c->finishing) {
        sjl_conn_close(c);
    }
}


/* a descriptor goes with the first byte of its frame, so that frame is first */

static ssize_t
sjl_conn_write(sjl_conn_t *c)
{
    size_t           n;
    sjl_out_t       *out;
    struct iovec     iov[SJL_CONN_IOV];
    struct msghdr    msg;
    struct cmsghdr  *cmsg;

    union {
        struct cmsghdr  align;
        char            space[CMSG_SPACE(sizeof(int))];
    } control;

    n = 0;

    for (out = c->out; out && n < SJL_CONN_IOV; out = out->next) {

        if (out->fd != -1 && n > 0) {
            break;
        }

        iov[n].iov_base = out->buf->data + out->off;
        iov[n++].iov_len = out->buf->size - out->off;
    }

    memset(&msg, 0, sizeof(msg));
    msg.msg_iov = iov;
    msg.msg_iovlen = n;

    if (c->out->fd != -1) {
        memset(&control, 0, sizeof(control));
        msg.msg_control = control.space;
        msg.msg_controllen = sizeof(control.space);

        cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(cmsg), &c->out->fd, sizeof(int));
    }

    return sendmsg(c->fd, &msg, MSG_NOSIGNAL);
}


static void
sjl_conn_written(sjl_conn_t *c, size_t n)
{
    int         busy;
    size_t      rest;
    sjl_out_t  *out;

    busy = sjl_conn_busy(c);
    c->queued -= n;

    if (c->out->fd != -1) {
        (void) close(c->out->fd);
        c->out->fd = -1;
    }

    while (n) {
        out = c->out;
        rest = out->buf->size - out->off;

        if (n < rest) {
            out->off += n;
            break;
        }

        n -= rest;
        c->out = out->next;
        sjl_conn_out_free(out);
    }

    if (c->out == NULL) {
        c->out_last = &c->out;
    }

    if (!busy || sjl_conn_busy(c)) {
        return;
    }

    sjl_conn_drained(c);

    if (c->role == SJL_ROLE_MODULE && !c->finishing) {
        ev_io_start(sjl_loop, &c->read);

    } else if (c->role == SJL_ROLE_DRIVER) {
        sjl_link_drained(c);
    }
}


static void
sjl_conn_out_free(sjl_out_t *out)
{
    sjl_conn_buf_release(out->buf);

    if (out->fd != -1) {
        (void) close(out->fd);
    }

    free(out);
}


int
sjl_conn_unsent(void)
{
    sjl_conn_t  *c;

    DL_FOREACH(sjl_conns, c) {

        if (c->out) {
            return 1;
        }
    }

    return 0;
}


int
sjl_conn_busy(sjl_conn_t *c)
{
    return c->queued > SJL_CONN_BUSY;
}


void
sjl_conn_when_drained(sjl_conn_t *c, sjl_drain_t *drain)
{
    LL_PREPEND(c->drains, drain);
}


static void
sjl_conn_drained(sjl_conn_t *c)
{
    sjl_drain_t  *drain, *drains;

    drains = c->drains;
    c->drains = NULL;

    while (drains) {
        drain = drains;
        drains = drain->next;
        drain->fn(drain);
    }
}


void
sjl_conn_finish(sjl_conn_t *c)
{
    c->finishing = 1;

    ev_io_stop(sjl_loop, &c->read);
}


void
sjl_conn_close(sjl_conn_t *c)
{
    sjl_out_t  *out;

    if (c->closed) {
        return;
    }

    c->closed = 1;

    ev_io_stop(sjl_loop, &c->read);
    ev_io_stop(sjl_loop, &c->write);
    ev_timer_stop(sjl_loop, &c->timer);
    ev_timer_stop(sjl_loop, &c->rest);

    (void) close(c->fd);

    while (c->nfds) {
        (void) close(c->fds[--c->nfds]);
    }

    while (c->out) {
        out = c->out;
        c->out = out->next;
        sjl_conn_out_free(out);
    }

    DL_DELETE(sjl_conns, c);
    LL_PREPEND(sjl_conn_dead, c);

    sjl_request_orphan(c);
    sjl_conn_drained(c);

    if (c->role == SJL_ROLE_DRIVER) {
        sjl_link_closed(c);
    }
}


void
sjl_conn_stop(void)
{
    /* the last answers */

    sjl_conn_turn(sjl_loop, &sjl_conn_prepare, 0);

    while (sjl_conns) {
        sjl_conn_close(sjl_conns);
    }

    sjl_conn_turn(sjl_loop, &sjl_conn_prepare, 0);
    ev_prepare_stop(sjl_loop, &sjl_conn_prepare);
}
