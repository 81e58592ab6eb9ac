
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_listen_link.h"
#include "sjl_config.h"
#include "sjl_conn.h"
#include "sjl_listen.h"
#include "sjl_tls.h"

#include <netinet/tcp.h>
#include <utlist.h>


/* a host that has vanished is noticed after a minute and a half */
#define SJL_LISTEN_LINK_IDLE    30      /* seconds */
#define SJL_LISTEN_LINK_PAUSE   15
#define SJL_LISTEN_LINK_PROBES  4


static int sjl_listen_link_bind(int fd, const sjl_endpoint_t *e);
static void sjl_listen_link_accepted(int fd, const sjl_endpoint_t *from);
static void sjl_listen_link_room(void);
static int sjl_listen_link_options(int fd);


static sjl_listener_t  sjl_listener_link;


int
sjl_listen_link(void)
{
    int             fd;
    sjl_endpoint_t  e;

    if (sjl_conf->link_listen == NULL) {
        return SJL_OK;
    }

    if (sjl_conf->link_tls && sjl_tls_init() == SJL_ERROR) {
        return SJL_ERROR;
    }

    (void) sjl_endpoint_parse(sjl_conf->link_listen, &e);

    fd = socket(e.any.sa_family, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);

    if (fd == -1) {
        sjl_log(SJL_LOG_CRIT, "socket() failed: %s", strerror(errno));
        return SJL_ERROR;
    }

    if (sjl_listen_link_bind(fd, &e) == SJL_ERROR) {
        sjl_log(SJL_LOG_CRIT, "listening on \"%s\" failed: %s",
                sjl_conf->link_listen, strerror(errno));
        (void) close(fd);
        return SJL_ERROR;
    }

    sjl_listener_start(&sjl_listener_link, fd, sjl_conf->link_listen,
                       sjl_listen_link_accepted);

    sjl_log(SJL_LOG_NOTICE, "drivers may connect to %s by %s",
            sjl_conf->link_listen, sjl_conf->link_tls ? "TLS" : "TCP");

    return SJL_OK;
}


/* connections of a launcher before us may linger */

static int
sjl_listen_link_bind(int fd, const sjl_endpoint_t *e)
{
    int  on;

    on = 1;

    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1
        || bind(fd, &e->any, sjl_endpoint_len(e)) == -1
        || listen(fd, 511) == -1)
    {
        return SJL_ERROR;
    }

    return SJL_OK;
}


static void
sjl_listen_link_accepted(int fd, const sjl_endpoint_t *from)
{
    char         *name;
    sjl_io_t      io;
    struct ucred  nobody;

    memset(&io, 0, sizeof(sjl_io_t));
    io.type = &sjl_io_tcp;
    io.fd = fd;
    io.remote = 1;

    if (sjl_listen_link_options(fd) == SJL_ERROR
        || (sjl_conf->link_tls && sjl_tls_start(&io) == SJL_ERROR))
    {
        (void) close(fd);
        return;
    }

    sjl_listen_link_room();

    nobody.pid = 0;
    nobody.uid = (uid_t) -1;
    nobody.gid = (gid_t) -1;

    name = sjl_endpoint_text(from);
    sjl_conn_make(&io, &nobody, name)->driver = 1;
    free(name);
}


static int
sjl_listen_link_options(int fd)
{
    size_t  i;

    static const struct {
        int  level;
        int  name;
        int  value;
    } options[] = {
        { IPPROTO_TCP, TCP_NODELAY, 1 },
        { SOL_SOCKET, SO_KEEPALIVE, 1 },
        { IPPROTO_TCP, TCP_KEEPIDLE, SJL_LISTEN_LINK_IDLE },
        { IPPROTO_TCP, TCP_KEEPINTVL, SJL_LISTEN_LINK_PAUSE },
        { IPPROTO_TCP, TCP_KEEPCNT, SJL_LISTEN_LINK_PROBES }
    };

    for (i = 0; i < sjl_nelts(options); i++) {
        if (setsockopt(fd, options[i].level, options[i].name,
                       &options[i].value, sizeof(int))
            == -1)
        {
            sjl_log(SJL_LOG_INFO, "setsockopt() failed: %s", strerror(errno));
            return SJL_ERROR;
        }
    }

    return SJL_OK;
}


/*
 * Anybody may connect and say nothing.  A driver says hello within
 * milliseconds, so it is the oldest of those who have not that goes.
 */

static void
sjl_listen_link_room(void)
{
    int64_t      n;
    sjl_conn_t  *c, *oldest;

    n = 0;
    oldest = NULL;

    DL_FOREACH(sjl_conns, c) {

        if (c->io.remote && !c->greeted && !c->finishing) {
            oldest = oldest ? oldest : c;
            n++;
        }
    }

    if (oldest && n >= sjl_conf->link_strangers) {
        sjl_log(SJL_LOG_ERR, "connection %u from %s is closed: too many have "
                "not said hello", oldest->number, oldest->name);
        sjl_conn_close(oldest);
    }
}


void
sjl_listen_link_stop(void)
{
    if (sjl_listener_link.name) {
        sjl_listener_stop(&sjl_listener_link);
    }

    sjl_tls_free();
}


char *
sjl_listen_link_url(void)
{
    return sjl_format("%s://%s", sjl_conf->link_tls ? "tls" : "tcp",
                      sjl_conf->link_address ? sjl_conf->link_address
                                             : sjl_conf->link_listen);
}
