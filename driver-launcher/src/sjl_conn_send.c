
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_conn_send.h"
#include "sjl_limit.h"
#include "sjl_link.h"
#include "sjl_state.h"
#include "sparkjob_json.h"

#include <sys/mman.h>
#include <utlist.h>


#define SJL_CONN_BUSY    (1024 * 1024)
#define SJL_CONN_META    2048           /* bytes, most have less */
#define SJL_CONN_PIECES  16             /* of a file, in one turn */


/* a frame as it is sent; those that go to many are shared */

typedef struct {
    unsigned  refs;
    size_t    size;
    char      data[];
} sjl_buf_t;


/* what is to be sent: a frame, or a file, a piece of which goes ahead of it */

struct sjl_out_s {
    sjl_out_t  *next;
    sjl_buf_t  *buf;                    /* NULL: a file */
    size_t      off;
    int         fd;
    off_t       sent;                   /* of the file */
    off_t       left;
};


static int sjl_conn_memory_file(const void *p, size_t n);
static sjl_buf_t *sjl_conn_encode(sjp_type_e type, uint32_t stream,
    const json_t *meta, const void *payload, size_t size, int fd);
static void sjl_conn_buf_release(sjl_buf_t *buf);
static void sjl_conn_queue(sjl_conn_t *c, sjl_buf_t *buf, int fd, int urgent);
static void sjl_conn_append(sjl_conn_t *c, sjl_out_t *out, int urgent);
static sjl_out_t **sjl_conn_before_file(sjl_conn_t *c);
static void sjl_conn_flush_later(sjl_conn_t *c);
static int sjl_conn_piece(sjl_conn_t *c);
static void sjl_conn_writable(struct ev_loop *loop, ev_io *io, int events);
static void sjl_conn_flush(sjl_conn_t *c);
static ssize_t sjl_conn_write(sjl_conn_t *c);
static void sjl_conn_written(sjl_conn_t *c, size_t n);
static void sjl_conn_out_next(sjl_conn_t *c);
static void sjl_conn_out_free(sjl_out_t *out);


static sjl_conn_t   *sjl_conn_flushes;
static sjl_conn_t **sjl_conn_flushes_last = &sjl_conn_flushes;


void
sjl_conn_send_init(sjl_conn_t *c)
{
    c->out_last = &c->out;

    ev_io_init(&c->write, sjl_conn_writable, c->io.fd, EV_WRITE);
    c->write.data = c;
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
        sjl_conn_queue(c, buf, fd, type == SJP_PING || type == SJP_PONG);
        sjl_conn_buf_release(buf);
    }
}


void
sjl_conn_send_file(sjl_conn_t *c, sjp_type_e type, const json_t *meta, int fd,
    off_t size)
{
    sjl_out_t  *out;

    if (c->closed) {
        (void) close(fd);
        return;
    }

    out = sjl_alloc(sizeof(sjl_out_t));
    out->fd = fd;
    out->left = size;

    sjl_conn_append(c, out, 0);
    sjl_conn_send(c, type, 0, meta, NULL, 0, -1);
}


size_t
sjl_conn_files(sjl_conn_t *c)
{
    size_t      n;
    sjl_out_t  *out;

    n = 0;

    LL_FOREACH(c->out, out) {
        n += out->buf == NULL;
    }

    return n;
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
    char           text[SJL_CONN_META];
    size_t         n;
    sjl_buf_t     *buf;
    sjp_header_t   h;

    n = meta ? sjp_json_write(meta, text, sizeof(text)) : 0;

    h.meta = (uint32_t) n;
    h.length = h.meta + (uint32_t) size;
    h.type = (uint16_t) type;
    h.flags = fd == -1 ? 0 : SJP_FLAG_FD;
    h.stream = stream;

    if (n > SJP_META_MAX || size > SJP_PAYLOAD_MAX) {
        sjl_log(SJL_LOG_ALERT, "a frame of type %u has %zu bytes of metadata, "
                "payload %zu, it is not sent: \"%.*s\"", (unsigned) type, n,
                size, n < 100 ? (int) n : 100, text);
        return NULL;
    }

    buf = sjl_alloc_raw(sizeof(sjl_buf_t) + SJP_HEADER_SIZE + h.length);
    buf->refs = 1;
    buf->size = SJP_HEADER_SIZE + h.length;

    sjp_header_encode((unsigned char *) buf->data, &h);

    if (n <= sizeof(text)) {
        memcpy(buf->data + SJP_HEADER_SIZE, text, n);

    } else {
        (void) sjp_json_write(meta, buf->data + SJP_HEADER_SIZE, n);
    }

    if (size) {
        memcpy(buf->data + SJP_HEADER_SIZE + h.meta, payload, size);
    }

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
            sjl_conn_queue(c, buf, -1, 0);
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
sjl_conn_queue(sjl_conn_t *c, sjl_buf_t *buf, int fd, int urgent)
{
    sjl_out_t  *out;

    out = sjl_alloc(sizeof(sjl_out_t));
    out->buf = buf;
    out->fd = fd;
    buf->refs++;

    sjl_conn_append(c, out, urgent);

    c->queued += buf->size;
    c->sent++;

    if (c->queued > sjl_limit_queue(c)) {
        sjl_log(SJL_LOG_ERR, "connection %u from %s does not read, %zu bytes "
                "wait for it", c->number, c->name, c->queued);
        sjl_conn_close(c);
        return;
    }

    sjl_conn_flush_later(c);
}


/* a ping does not wait for a file: its answer is waited for */

static void
sjl_conn_append(sjl_conn_t *c, sjl_out_t *out, int urgent)
{
    sjl_out_t  **before;

    before = urgent ? sjl_conn_before_file(c) : c->out_last;

    out->next = *before;
    *before = out;

    if (before == c->out_last) {
        c->out_last = &out->next;
    }
}


static sjl_out_t **
sjl_conn_before_file(sjl_conn_t *c)
{
    sjl_out_t  **out;

    for (out = &c->out; *out && (*out)->buf; out = &(*out)->next) {
        /* void */
    }

    return out;
}


static void
sjl_conn_flush_later(sjl_conn_t *c)
{
    if (!c->flushing && !ev_is_active(&c->write)) {
        c->flushing = 1;
        c->flush_next = NULL;
        *sjl_conn_flushes_last = c;
        sjl_conn_flushes_last = &c->flush_next;
    }
}


/* who was told first gets it first: modules their answers, drivers the rest */

void
sjl_conn_flush_all(void)
{
    sjl_conn_t  *c;

    while (sjl_conn_flushes) {
        c = sjl_conn_flushes;
        sjl_conn_flushes = c->flush_next;

        if (sjl_conn_flushes == NULL) {
            sjl_conn_flushes_last = &sjl_conn_flushes;
        }

        c->flushing = 0;

        if (!c->closed) {
            sjl_conn_flush(c);
        }
    }
}


static void
sjl_conn_writable(struct ev_loop *loop, ev_io *io, int events)
{
    sjl_conn_t  *c;

    (void) events;

    c = io->data;

    ev_io_stop(loop, io);

    if (c->io.read_waits) {
        ev_feed_event(loop, &c->read, EV_READ);
    }

    sjl_conn_flush(c);
}


static void
sjl_conn_flush(sjl_conn_t *c)
{
    int      pieces;
    ssize_t  n;

    pieces = 0;

    while (c->out) {

        if (c->out->buf == NULL) {

            if (pieces++ == SJL_CONN_PIECES) {
                ev_io_start(sjl_loop, &c->write);
                return;
            }

            if (sjl_conn_piece(c) == SJL_ERROR) {
                sjl_conn_close(c);
                return;
            }

            continue;
        }

        n = sjl_conn_write(c);

        if (n == -1) {
            if (errno == EINTR) {
                continue;
            }

            if (errno == EAGAIN) {
                if (!c->io.write_waits) {
                    ev_io_start(sjl_loop, &c->write);
                }

                return;
            }

            sjl_conn_lost(c);
            return;
        }

        sjl_conn_written(c, (size_t) n);
    }

    if (!c->io.read_waits) {
        ev_io_stop(sjl_loop, &c->write);
    }

    if (c->finishing) {
        sjl_conn_close(c);
    }
}


/* puts a piece of a file ahead of it, or removes the file when all was sent */

static int
sjl_conn_piece(sjl_conn_t *c)
{
    size_t      size;
    sjl_buf_t  *buf;
    sjl_out_t  *file;

    static char  piece[SJP_PAYLOAD_MAX];

    file = c->out;

    if (file->left == 0) {
        sjl_conn_out_next(c);
        return SJL_OK;
    }

    size = file->left < (off_t) sizeof(piece) ? (size_t) file->left
                                              : sizeof(piece);

    if (pread(file->fd, piece, size, file->sent) != (ssize_t) size) {
        sjl_log(SJL_LOG_CRIT, "pread() of what connection %u is sent failed",
                c->number);
        return SJL_ERROR;
    }

    buf = sjl_conn_encode(SJP_LINK_PIECE, 0, NULL, piece, size, -1);

    if (buf == NULL) {
        return SJL_ERROR;
    }

    file->sent += (off_t) size;
    file->left -= (off_t) size;

    sjl_conn_queue(c, buf, -1, 1);
    sjl_conn_buf_release(buf);

    return SJL_OK;
}


/* a descriptor goes with the first byte of its frame, so that frame is first */

static ssize_t
sjl_conn_write(sjl_conn_t *c)
{
    size_t        n;
    sjl_out_t    *out;
    struct iovec  iov[SJL_IO_IOV];

    n = 0;

    for (out = c->out; out && n < SJL_IO_IOV; out = out->next) {

        if (out->buf == NULL || (out->fd != -1 && n > 0)) {
            break;
        }

        iov[n].iov_base = out->buf->data + out->off;
        iov[n++].iov_len = out->buf->size - out->off;
    }

    return c->io.type->write(&c->io, iov, n, c->out->fd);
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
        sjl_conn_out_next(c);
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


/* the first one has gone */

static void
sjl_conn_out_next(sjl_conn_t *c)
{
    sjl_out_t  *out;

    out = c->out;
    c->out = out->next;

    if (c->out == NULL) {
        c->out_last = &c->out;
    }

    sjl_conn_out_free(out);
}


static void
sjl_conn_out_free(sjl_out_t *out)
{
    if (out->buf) {
        sjl_conn_buf_release(out->buf);
    }

    if (out->fd != -1) {
        (void) close(out->fd);
    }

    free(out);
}


void
sjl_conn_unqueue(sjl_conn_t *c)
{
    sjl_out_t  *out;

    while (c->out) {
        out = c->out;
        c->out = out->next;
        sjl_conn_out_free(out);
    }
}


/* TLS may have to write before it can read on, and the other way round */

void
sjl_conn_turned(sjl_conn_t *c)
{
    if (c->io.read_waits) {
        ev_io_start(sjl_loop, &c->write);
    }

    if (c->io.write_waits) {
        sjl_conn_flush(c);
    }
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


void
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
