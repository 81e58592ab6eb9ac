
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
static void sjl_listen_accept(struct ev_loop *loop, ev_io *io, int events);
static int sjl_listen_allowed(const struct ucred *peer);
static int sjl_listen_driver(const struct ucred *peer);
static void sjl_listen_again(struct ev_loop *loop, ev_timer *timer,
    int events);


static char      *sjl_listen_path;
static ev_io      sjl_listen_io;
static ev_timer   sjl_listen_pause;


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

    sjl_listen_path = sjl_strdup(path);

    ev_io_init(&sjl_listen_io, sjl_listen_accept, fd, EV_READ);
    ev_io_start(sjl_loop, &sjl_listen_io);

    ev_init(&sjl_listen_pause, sjl_listen_again);

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
sjl_listen_accept(struct ev_loop *loop, ev_io *io, int events)
{
    int           fd, allowed;
    socklen_t     len;
    struct ucred  peer;

    (void) loop;
    (void) events;

    fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK|SOCK_CLOEXEC);

    if (fd == -1) {
        if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
            sjl_log(SJL_LOG_CRIT, "accept4(\"%s\") failed: %s",
                    sjl_listen_path, strerror(errno));

            /* without descriptors it would fail again at once, and for ever */

            ev_io_stop(sjl_loop, &sjl_listen_io);
            ev_timer_set(&sjl_listen_pause, SJL_LISTEN_PAUSE, 0.);
            ev_timer_start(sjl_loop, &sjl_listen_pause);
        }

        return;
    }

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
                (unsigned) peer.uid, sjl_listen_path);
        (void) close(fd);
        return;
    }

    if (!sjl_limit_stranger()) {
        sjl_log(SJL_LOG_ERR, "process %d is refused, too many connections have "
                "not said hello", (int) peer.pid);
        (void) close(fd);
        return;
    }

    sjl_conn_make(fd, &peer)->driver = allowed ? 0 : 1;
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


static void
sjl_listen_again(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void) loop;
    (void) timer;
    (void) events;

    ev_io_start(sjl_loop, &sjl_listen_io);
}


void
sjl_listen_stop(void)
{
    ev_timer_stop(sjl_loop, &sjl_listen_pause);
    ev_io_stop(sjl_loop, &sjl_listen_io);
    (void) close(sjl_listen_io.fd);
    (void) unlink(sjl_listen_path);
    free(sjl_listen_path);
}
