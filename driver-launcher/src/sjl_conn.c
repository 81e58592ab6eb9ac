
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_conn_send.h"
#include "sjl_dispatch.h"
#include "sjl_limit.h"
#include "sjl_link.h"
#include "sjl_request.h"
#include "sjl_spool.h"
#include "sparkjob_json.h"

#include <utlist.h>


#define SJL_CONN_BUFFER    (64 * 1024)
#define SJL_CONN_READS     16           /* in one turn */
#define SJL_CONN_TURN      .002         /* seconds, for a driver */
#define SJL_CONN_REST      3            /* times as long, after that */
#define SJL_CONN_PIECE     (16 * 1024)
#define SJL_CONN_HELLO     10.          /* seconds */


static void sjl_conn_silent(struct ev_loop *loop, ev_timer *timer, int events);
static void sjl_conn_readable(struct ev_loop *loop, ev_io *io, int events);
static void sjl_conn_read_module(sjl_conn_t *c);
static void sjl_conn_read_driver(sjl_conn_t *c);
static void sjl_conn_rested(struct ev_loop *loop, ev_timer *timer, int events);
static int sjl_conn_read(sjl_conn_t *c);
static void sjl_conn_room(sjl_conn_t *c);
static int sjl_conn_frames(sjl_conn_t *c);
static int sjl_conn_expected(sjl_conn_t *c, const sjp_header_t *h);
static int sjl_conn_frame(sjl_conn_t *c, const sjp_header_t *h, char *p);
static json_t *sjl_conn_meta(const char *p, size_t n);
static void sjl_conn_turn(struct ev_loop *loop, ev_prepare *prepare,
    int events);


sjl_conn_t  *sjl_conns;


static ev_prepare   sjl_conn_prepare;
static sjl_conn_t  *sjl_conn_dead;
static unsigned     sjl_conn_number;


sjl_conn_t *
sjl_conn_make(const sjl_io_t *io, const struct ucred *peer, const char *name)
{
    sjl_conn_t  *c;

    c = sjl_alloc(sizeof(sjl_conn_t));

    c->io = *io;
    c->name = sjl_strdup(name);
    c->pid = peer->pid;
    c->uid = peer->uid;
    c->number = ++sjl_conn_number;
    c->in_size = SJL_CONN_BUFFER;
    c->in = sjl_alloc(c->in_size);

    DL_APPEND(sjl_conns, c);

    if (!ev_is_active(&sjl_conn_prepare)) {
        ev_prepare_init(&sjl_conn_prepare, sjl_conn_turn);
        ev_prepare_start(sjl_loop, &sjl_conn_prepare);
    }

    ev_io_init(&c->read, sjl_conn_readable, io->fd, EV_READ);
    c->read.data = c;
    ev_io_start(sjl_loop, &c->read);

    sjl_conn_send_init(c);

    ev_timer_init(&c->timer, sjl_conn_silent, SJL_CONN_HELLO, 0.);
    c->timer.data = c;
    ev_timer_start(sjl_loop, &c->timer);

    ev_init(&c->rest, sjl_conn_rested);
    c->rest.data = c;

    sjl_log(SJL_LOG_DEBUG, "connection %u from %s", c->number, c->name);

    return c;
}


static void
sjl_conn_silent(struct ev_loop *loop, ev_timer *timer, int events)
{
    sjl_conn_t  *c;

    (void) loop;
    (void) events;

    c = timer->data;

    sjl_log(SJL_LOG_ERR, "connection %u from %s has not said hello "
            "for %d s", c->number, c->name, (int) SJL_CONN_HELLO);

    sjl_conn_close(c);
}


/* what TLS has taken from the socket already does not make that readable */

static void
sjl_conn_readable(struct ev_loop *loop, ev_io *io, int events)
{
    sjl_conn_t  *c;

    (void) events;

    c = io->data;

    if (c->role == SJL_ROLE_DRIVER) {
        sjl_conn_read_driver(c);

    } else {
        sjl_conn_read_module(c);
    }

    if (c->closed) {
        return;
    }

    if (ev_is_active(&c->read) && sjl_io_pending(&c->io)) {
        ev_feed_event(loop, &c->read, EV_READ);
    }

    sjl_conn_turned(c);
}


static void
sjl_conn_read_module(sjl_conn_t *c)
{
    int  n;

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

    if (!c->finishing && !c->held) {
        ev_io_start(loop, &c->read);
        ev_feed_event(loop, &c->read, EV_READ);
    }
}


void
sjl_conn_resume(sjl_conn_t *c)
{
    c->held = 0;

    if (sjl_conn_frames(c) == SJL_ERROR) {
        c->broken = 1;
        sjl_conn_close(c);
    }

    if (!c->closed && !c->finishing && !c->held && !ev_is_active(&c->rest)) {
        ev_io_start(sjl_loop, &c->read);
        ev_feed_event(sjl_loop, &c->read, EV_READ);
    }
}


void
sjl_conn_read_all(sjl_conn_t *c)
{
    c->last = 1;

    if (c->held) {
        sjl_conn_resume(c);
    }

    while (!c->closed && sjl_conn_read(c) == SJL_OK) {
        /* void */
    }
}


/* SJL_ERROR: there is nothing more to read now, or for ever */

static int
sjl_conn_read(sjl_conn_t *c)
{
    size_t   room;
    ssize_t  n;

    sjl_conn_room(c);

    room = c->in_size - c->in_len;

    /* what was read is handled at once, so a piece is what a turn may take */

    if (c->role == SJL_ROLE_DRIVER && room > SJL_CONN_PIECE) {
        room = SJL_CONN_PIECE;
    }

    n = c->io.type->read(&c->io, c->in + c->in_len, room);

    if (n == -1) {
        if (errno != EAGAIN && errno != EINTR) {
            sjl_conn_lost(c);
        }

        return SJL_ERROR;
    }

    if (n == 0) {
        sjl_log(SJL_LOG_INFO, "connection %u was closed by %s", c->number,
                c->name);
        sjl_conn_close(c);
        return SJL_ERROR;
    }

    c->in_len += (size_t) n;

    if (sjl_conn_frames(c) == SJL_ERROR) {
        c->broken = 1;
        sjl_conn_close(c);
    }

    return c->closed || c->held ? SJL_ERROR : SJL_OK;
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

        if (c->io.remote && !sjl_conn_expected(c, &h)) {
            return SJL_ERROR;
        }

        if ((size_t) (last - p) < SJP_HEADER_SIZE + (size_t) h.length) {
            break;
        }

        if (!c->last && sjl_spool_waits(c, h.type)) {
            c->held = 1;
            ev_io_stop(sjl_loop, &c->read);
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


/* who might be anybody has no memory for anything but a hello */

static int
sjl_conn_expected(sjl_conn_t *c, const sjp_header_t *h)
{
    if (c->greeted || (h->type == SJP_LINK_HELLO && h->length == h->meta)) {
        return 1;
    }

    if (h->type == SJP_LINK_HELLO) {
        sjl_log(SJL_LOG_ERR, "connection %u from %s sent a driver's hello with "
                "a payload, which has none", c->number, c->name);
        return 0;
    }

    sjl_log(SJL_LOG_ERR, "connection %u from %s sent a message of type %u in "
            "place of a driver's hello", c->number, c->name,
            (unsigned) h->type);

    return 0;
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

        f.fd = sjl_io_take_fd(&c->io);

        if (f.fd == -1) {
            sjl_log(SJL_LOG_ERR, "connection %u sent a frame of type %u "
                    "without its descriptor", c->number, (unsigned) h->type);
            return SJL_ERROR;
        }
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

    meta = sjp_json_read(p, n, NULL);

    if (!json_is_object(meta)) {
        json_decref(meta);
        return NULL;
    }

    return meta;
}


/* before the loop sleeps: write what this turn has made, free what it closed */

static void
sjl_conn_turn(struct ev_loop *loop, ev_prepare *prepare, int events)
{
    sjl_conn_t  *c;

    (void) loop;
    (void) prepare;
    (void) events;

    sjl_conn_flush_all();

    while (sjl_conn_dead) {
        c = sjl_conn_dead;
        sjl_conn_dead = c->next;

        free(c->name);
        free(c->in);
        free(c);
    }
}


void
sjl_conn_lost(sjl_conn_t *c)
{
    int  err;

    err = errno;

    if (err == EPROTO && c->io.why) {
        sjl_log(SJL_LOG_ERR, "connection %u from %s is closed: %s", c->number,
                c->name, c->io.why);

    } else {
        sjl_log(SJL_LOG_INFO, "connection %u was lost: %s", c->number,
                strerror(err));
    }

    sjl_conn_close(c);
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
    if (c->closed) {
        return;
    }

    c->closed = 1;

    ev_io_stop(sjl_loop, &c->read);
    ev_io_stop(sjl_loop, &c->write);
    ev_timer_stop(sjl_loop, &c->timer);
    ev_timer_stop(sjl_loop, &c->rest);

    sjl_io_close(&c->io);
    sjl_conn_unqueue(c);
    sjl_spool_drop(c);

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
