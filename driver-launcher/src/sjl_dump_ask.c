
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The other side of a dump: a small module that asks one thing.
 */


#include "sjl_dump.h"
#include "sjl_io.h"

#include <sys/socket.h>
#include <sys/un.h>


#define SJL_ASK_STREAM   2
#define SJL_ASK_SECONDS  10


typedef struct {
    sjl_io_t             io;
    sjp_header_t         h;
    char                *body;
} sjl_ask_t;


static int sjl_ask_connect(const char *path);
static int sjl_ask_send(int fd, sjp_type_e type, uint32_t stream,
    const char *meta);
static int sjl_ask_frame(sjl_ask_t *ask);
static int sjl_ask_read(sjl_ask_t *ask, char *p, size_t n);
static int sjl_ask_print(sjl_ask_t *ask);


int
sjl_dump_ask(const char *socket)
{
    int        rc;
    sjl_ask_t  ask;

    memset(&ask, 0, sizeof(sjl_ask_t));
    ask.io.type = &sjl_io_unix;
    ask.io.fd = sjl_ask_connect(socket);

    if (ask.io.fd == -1) {
        (void) fprintf(stderr, "no launcher listens on \"%s\": %s\n", socket,
                       strerror(errno));
        return SJL_ERROR;
    }

    rc = SJL_ERROR;

    if (sjl_ask_send(ask.io.fd, SJP_HELLO, 1, "{\"protocol\":1}") == SJL_OK
        && sjl_ask_send(ask.io.fd, SJP_DUMP, SJL_ASK_STREAM, "{}") == SJL_OK)
    {
        /* events may come before the answer */

        do {
            rc = sjl_ask_frame(&ask);

        } while (rc == SJL_OK && (ask.h.type != SJP_REPLY
                                  || ask.h.stream != SJL_ASK_STREAM));
    }

    if (rc == SJL_OK) {
        rc = sjl_ask_print(&ask);

    } else {
        (void) fprintf(stderr, "the launcher on \"%s\" does not answer: %s\n",
                       socket, errno ? strerror(errno)
                       : "it closed the connection");
    }

    free(ask.body);
    sjl_io_close(&ask.io);

    return rc;
}


static int
sjl_ask_connect(const char *path)
{
    int                 fd;
    struct timeval      tv;
    struct sockaddr_un  addr;

    fd = socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0);

    if (fd == -1) {
        return -1;
    }

    tv.tv_sec = SJL_ASK_SECONDS;
    tv.tv_usec = 0;

    memset(&addr, 0, sizeof(addr));
    addr.sun_family = AF_UNIX;
    (void) snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);

    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == -1
        || connect(fd, (struct sockaddr *) &addr, sizeof(addr)) == -1)
    {
        (void) close(fd);
        return -1;
    }

    return fd;
}


static int
sjl_ask_send(int fd, sjp_type_e type, uint32_t stream, const char *meta)
{
    char          frame[SJP_HEADER_SIZE + 64];
    size_t        n;
    sjp_header_t  h;

    n = strlen(meta);

    h.length = (uint32_t) n;
    h.type = (uint16_t) type;
    h.flags = 0;
    h.stream = stream;
    h.meta = (uint32_t) n;

    sjp_header_encode((unsigned char *) frame, &h);
    memcpy(frame + SJP_HEADER_SIZE, meta, n);
    n += SJP_HEADER_SIZE;

    return send(fd, frame, n, MSG_NOSIGNAL) == (ssize_t) n ? SJL_OK : SJL_ERROR;
}


static int
sjl_ask_frame(sjl_ask_t *ask)
{
    unsigned char  header[SJP_HEADER_SIZE];

    errno = 0;

    if (sjl_ask_read(ask, (char *) header, SJP_HEADER_SIZE) == SJL_ERROR
        || sjp_header_decode(header, &ask->h))
    {
        return SJL_ERROR;
    }

    free(ask->body);
    ask->body = sjl_alloc(ask->h.length + 1);

    return sjl_ask_read(ask, ask->body, ask->h.length);
}


static int
sjl_ask_read(sjl_ask_t *ask, char *p, size_t n)
{
    ssize_t  rc;

    while (n) {
        rc = ask->io.type->read(&ask->io, p, n);

        if (rc <= 0) {
            return SJL_ERROR;
        }

        p += rc;
        n -= (size_t) rc;
    }

    return SJL_OK;
}


static int
sjl_ask_print(sjl_ask_t *ask)
{
    int      fd;
    char     chunk[4096];
    off_t    offset;
    ssize_t  n;

    (void) fwrite(ask->body + ask->h.meta, 1, ask->h.length - ask->h.meta,
                  stdout);

    fd = sjl_io_take_fd(&ask->io);

    if (fd != -1) {

        for (offset = 0; /* void */ ; offset += n) {
            n = pread(fd, chunk, sizeof(chunk), offset);

            if (n <= 0) {
                break;
            }

            (void) fwrite(chunk, 1, (size_t) n, stdout);
        }

        (void) close(fd);
    }

    (void) putchar('\n');

    return fflush(stdout) == 0 ? SJL_OK : SJL_ERROR;
}
