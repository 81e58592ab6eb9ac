
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_listen.h"
#include "sjl_config.h"
#include "sjl_conn.h"
#include "sjl_context.h"
#include "sjl_limit.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>


#define SJL_LISTEN_PAUSE  1.            /* seconds */


static int sjl_listen_bind(int fd, const char *path, mode_t mode);
static void sjl_listen_accepted(int fd, const sjl_endpoint_t *from);
static int sjl_listen_allowed(const struct ucred *peer);
static int sjl_listen_driver(const struct ucred *peer);
static void sjl_listener_accept(struct ev_loop *loop, ev_io *io, int events);
static void sjl_listener_again(struct ev_loop *loop, ev_timer *timer,
    int events);


static sjl_listener_t  sjl_listen_channel;


int
sjl_listen(const char *path, mode_t mode)
{
    int  fd;

    fd = socket(AF_UNIX, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);

    if (fd == -1) {
        sjl_log(SJL_LOG_CRIT, "socket() failed: %s", strerror(errno));
        return SJL_ERROR;
    }

    if (sjl_listen_bind(fd, path, mode) == SJL_ERROR) {
        (void) close(fd);
        return SJL_ERROR;
    }

    sjl_listener_start(&sjl_listen_channel, fd, path, sjl_listen_accepted);

    return SJL_OK;
}


static int
sjl_listen_bind(int fd, const char *path, mode_t mode)
{
    struct stat         sb;
    struct sockaddr_un  addr;

    memset(&addr, 0, sizeof(addr));
    addr.sun_family = AF_UNIX;
    memcpy(addr.sun_path, path, strlen(path) + 1);

    /* the data folder's lock is ours, but the socket may lie elsewhere */

    if (connect(fd, (struct sockaddr *) &addr, sizeof(addr)) == 0) {
        sjl_log(SJL_LOG_CRIT, "somebody listens on \"%s\" already", path);
        return SJL_ERROR;
    }

    if (lstat(path, &sb) == 0 && S_ISSOCK(sb.st_mode) && unlink(path) == -1) {
        sjl_log(SJL_LOG_CRIT, "unlink(\"%s\") failed: %s", path,
                strerror(errno));
        return SJL_ERROR;
    }

    if (bind(fd, (struct sockaddr *) &addr, sizeof(addr)) == -1) {
        sjl_log(SJL_LOG_CRIT, "bind(\"%s\") failed: %s", path,
                strerror(errno));
        return SJL_ERROR;
    }

    if (chmod(path, mode) == -1 || listen(fd, 511) == -1) {
        sjl_log(SJL_LOG_CRIT, "listening on \"%s\" failed: %s", path,
                strerror(errno));
        return SJL_ERROR;
    }

    return SJL_OK;
}


static void
sjl_listen_accepted(int fd, const sjl_endpoint_t *from)
{
    int           allowed;
    char         *name;
    sjl_io_t      io;
    socklen_t     len;
    struct ucred  peer;

    (void) from;

    len = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == -1) {
        sjl_log(SJL_LOG_CRIT, "getsockopt(SO_PEERCRED) failed: %s",
                strerror(errno));
        (void) close(fd);
        return;
    }

    allowed = sjl_listen_allowed(&peer);

    if (!allowed && !sjl_listen_driver(&peer)) {
        sjl_log(SJL_LOG_ERR, "process %d of user %u may not connect to \"%s\", "
                "channel.users does not name it", (int) peer.pid,
                (unsigned) peer.uid, sjl_listen_channel.name);
        (void) close(fd);
        return;
    }

    if (!sjl_limit_stranger()) {
        sjl_log(SJL_LOG_ERR, "process %d is refused, too many connections have "
                "not said hello", (int) peer.pid);
        (void) close(fd);
        return;
    }

    memset(&io, 0, sizeof(sjl_io_t));
    io.type = &sjl_io_unix;
    io.fd = fd;

    name = sjl_format("process %d", (int) peer.pid);
    sjl_conn_make(&io, &peer, name)->driver = allowed ? 0 : 1;
    free(name);
}


static int
sjl_listen_allowed(const struct ucred *peer)
{
    size_t   i;
    json_t  *user;

    if (peer->uid == 0 || peer->uid == geteuid()) {
        return 1;
    }

    json_array_foreach(sjl_conf->channel_users, i, user) {
        if (json_integer_value(user) == peer->uid) {
            return 1;
        }
    }

    return 0;
}


/* a user that drivers have: whoever it is may be a driver, and nothing else */

static int
sjl_listen_driver(const struct ucred *peer)
{
    sjl_context_t  *ctx, *next;

    HASH_ITER(hh, sjl_contexts, ctx, next) {
        if (ctx->owner.uid == peer->uid) {
            return 1;
        }
    }

    return 0;
}


void
sjl_listen_stop(void)
{
    (void) unlink(sjl_listen_channel.name);
    sjl_listener_stop(&sjl_listen_channel);
}


void
sjl_listener_start(sjl_listener_t *listener, int fd, const char *name,
    void (*accepted)(int fd, const sjl_endpoint_t *from))
{
    listener->name = sjl_strdup(name);
    listener->accepted = accepted;

    ev_io_init(&listener->io, sjl_listener_accept, fd, EV_READ);
    listener->io.data = listener;
    ev_io_start(sjl_loop, &listener->io);

    ev_init(&listener->pause, sjl_listener_again);
    listener->pause.data = listener;
}


static void
sjl_listener_accept(struct ev_loop *loop, ev_io *io, int events)
{
    int              fd;
    socklen_t        len;
    sjl_endpoint_t   from;
    sjl_listener_t  *listener;

    (void) events;

    listener = io->data;
    len = sizeof(from);

    fd = accept4(io->fd, &from.any, &len, SOCK_NONBLOCK|SOCK_CLOEXEC);

    if (fd != -1) {
        listener->accepted(fd, &from);

    } else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {

        sjl_log(SJL_LOG_CRIT, "accept4(\"%s\") failed: %s", listener->name,
                strerror(errno));

        /* without descriptors it would fail again at once, and for ever */

        ev_io_stop(loop, io);
        ev_timer_set(&listener->pause, SJL_LISTEN_PAUSE, 0.);
        ev_timer_start(loop, &listener->pause);
    }
}


static void
sjl_listener_again(struct ev_loop *loop, ev_timer *timer, int events)
{
    sjl_listener_t  *listener;

    (void) events;

    listener = timer->data;

    ev_io_start(loop, &listener->io);
}


void
sjl_listener_stop(sjl_listener_t *listener)
{
    ev_timer_stop(sjl_loop, &listener->pause);
    ev_io_stop(sjl_loop, &listener->io);
    (void) close(listener->io.fd);
    free(listener->name);
    listener->name = NULL;
}
