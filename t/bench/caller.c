
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * caller PORT CONNECTIONS COUNT METHOD PATH [BODY]: the same request so many
 * times, by connections that are kept as long as the server wants to, and that
 * each wait for their answer before they ask again.
 *
 * An object of JSON says what was seen: how long all took, in seconds; how many
 * answers were not 2xx; and, for each request in the order of the answers and
 * in ms, what it took ("took") and what its Server-Timing says of the job
 * ("inside").
 */


#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>


#define CALLER_HEAD    8192
#define CALLER_BUFFER  (256 * 1024)
#define CALLER_EVENTS  256
#define CALLER_SILENT  120000       /* milliseconds */


typedef struct {
    int     fd;
    double  began;
    size_t  len;                    /* of the head */
    int     body;                   /* the head is complete */
    int     last;                   /* the server closes after this answer */
    long    left;                   /* bytes of the body */
    double  inside;
    char    head[CALLER_HEAD + 1];
} caller_t;


static void caller_request(int argc, char **argv);
static void caller_connect(caller_t *c);
static void caller_ask(caller_t *c);
static void caller_read(caller_t *c);
static size_t caller_read_head(caller_t *c, const char *p, size_t n);
static void caller_head(caller_t *c);
static const char *caller_header(caller_t *c, const char *name);
static void caller_answered(caller_t *c);
static double caller_now(void);
static void caller_tell(void);
static void caller_tell_all(const char *name, const double *seen);
static void caller_fail(const char *what);


static uint16_t  caller_port;
static char     *caller_text;
static size_t    caller_text_len;
static int       caller_epoll;
static long      caller_count;
static long      caller_asked;
static long      caller_done;
static long      caller_refused;
static double    caller_seconds;
static double   *caller_took;
static double   *caller_inside;


int
main(int argc, char **argv)
{
    int                  i, n, connections;
    double               began;
    caller_t            *all;
    struct epoll_event   events[CALLER_EVENTS];

    if (argc < 6) {
        fprintf(stderr, "usage: caller PORT CONNECTIONS COUNT METHOD PATH "
                "[BODY]\n");
        return 2;
    }

    caller_request(argc, argv);

    caller_port = (uint16_t) atoi(argv[1]);
    connections = atoi(argv[2]);
    caller_count = atol(argv[3]);
    caller_epoll = epoll_create1(EPOLL_CLOEXEC);
    all = calloc((size_t) connections, sizeof(caller_t));

    caller_took = calloc((size_t) caller_count, sizeof(double));
    caller_inside = calloc((size_t) caller_count, sizeof(double));

    if (caller_epoll == -1 || all == NULL || caller_took == NULL
        || caller_inside == NULL)
    {
        caller_fail("start");
    }

    for (i = 0; i < connections; i++) {
        caller_connect(&all[i]);
    }

    began = caller_now();

    for (i = 0; i < connections; i++) {
        caller_ask(&all[i]);
    }

    while (caller_done < caller_count) {
        n = epoll_wait(caller_epoll, events, CALLER_EVENTS, CALLER_SILENT);

        if (n == 0) {
            errno = ETIMEDOUT;
        }

        if (n <= 0) {
            caller_fail("wait");
        }

        for (i = 0; i < n; i++) {
            caller_read(events[i].data.ptr);
        }
    }

    caller_seconds = caller_now() - began;
    caller_tell();

    return 0;
}


static void
caller_request(int argc, char **argv)
{
    int          n;
    const char  *body;

    body = argc > 6 ? argv[6] : "";

    n = asprintf(&caller_text, "%s %s HTTP/1.1\r\nHost: localhost\r\n"
                 "Content-Length: %zu\r\n\r\n%s",
                 argv[4], argv[5], strlen(body), body);

    if (n == -1) {
        caller_fail("request");
    }

    caller_text_len = (size_t) n;
}


static void
caller_connect(caller_t *c)
{
    int                 on;
    struct epoll_event  event;
    struct sockaddr_in  to;

    memset(&to, 0, sizeof(to));
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(caller_port);

    on = 1;
    event.events = EPOLLIN;
    event.data.ptr = c;
    c->fd = socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, 0);

    if (c->fd == -1
        || connect(c->fd, (struct sockaddr *) &to, sizeof(to)) == -1
        || setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1
        || epoll_ctl(caller_epoll, EPOLL_CTL_ADD, c->fd, &event) == -1)
    {
        caller_fail("connect");
    }
}


static void
caller_ask(caller_t *c)
{
    if (caller_asked == caller_count) {
        return;
    }

    caller_asked++;
    c->len = 0;
    c->body = 0;
    c->inside = 0;
    c->began = caller_now();

    if (send(c->fd, caller_text, caller_text_len, MSG_NOSIGNAL)
        != (ssize_t) caller_text_len)
    {
        caller_fail("send");
    }
}


static void
caller_read(caller_t *c)
{
    size_t       used;
    ssize_t      n;
    static char  buf[CALLER_BUFFER];

    n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);

    if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }

    if (n <= 0) {
        caller_fail("read");
    }

    used = c->body ? 0 : caller_read_head(c, buf, (size_t) n);

    if (!c->body) {
        return;
    }

    c->left -= n - (ssize_t) used;

    if (c->left == 0) {
        caller_answered(c);
    }
}


/* returns how much of what was read belongs to the head */

static size_t
caller_read_head(caller_t *c, const char *p, size_t n)
{
    char    *end;
    size_t   take;

    take = n < CALLER_HEAD - c->len ? n : CALLER_HEAD - c->len;

    memcpy(c->head + c->len, p, take);
    c->head[c->len + take] = '\0';

    end = strstr(c->head, "\r\n\r\n");

    if (end == NULL) {
        c->len += take;

        if (c->len == CALLER_HEAD) {
            errno = EMSGSIZE;
            caller_fail("head");
        }

        return take;
    }

    take = (size_t) (end + 4 - c->head) - c->len;
    *end = '\0';

    caller_head(c);

    return take;
}


static void
caller_head(caller_t *c)
{
    const char  *value;

    value = caller_header(c, "Content-Length");

    if (value == NULL) {
        errno = EBADMSG;
        caller_fail("an answer without Content-Length");
    }

    c->body = 1;
    c->left = atol(value);
    caller_refused += c->head[sizeof("HTTP/1.1 ") - 1] != '2';

    value = caller_header(c, "Connection");
    c->last = value != NULL && strncasecmp(value, " close", 6) == 0;

    value = caller_header(c, "Server-Timing");
    value = value ? strstr(value, "dur=") : NULL;

    if (value != NULL) {
        c->inside = strtod(value + sizeof("dur=") - 1, NULL);
    }
}


static const char *
caller_header(caller_t *c, const char *name)
{
    size_t       len;
    const char  *p;

    len = strlen(name);

    for (p = strstr(c->head, "\r\n"); p != NULL; p = strstr(p, "\r\n")) {
        p += 2;

        if (strncasecmp(p, name, len) == 0 && p[len] == ':') {
            return p + len + 1;
        }
    }

    return NULL;
}


static void
caller_answered(caller_t *c)
{
    caller_took[caller_done] = (caller_now() - c->began) * 1000;
    caller_inside[caller_done] = c->inside;
    caller_done++;

    if (c->last) {
        (void) close(c->fd);
        caller_connect(c);
    }

    caller_ask(c);
}


static double
caller_now(void)
{
    struct timespec  now;

    clock_gettime(CLOCK_MONOTONIC, &now);

    return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}


static void
caller_tell(void)
{
    printf("{\"seconds\": %.6f, \"refused\": %ld", caller_seconds,
           caller_refused);

    caller_tell_all("took", caller_took);
    caller_tell_all("inside", caller_inside);

    printf("}\n");
}


static void
caller_tell_all(const char *name, const double *seen)
{
    long  i;

    printf(", \"%s\": [", name);

    for (i = 0; i < caller_count; i++) {
        printf("%s%.4f", i ? ", " : "", seen[i]);
    }

    printf("]");
}


static void
caller_fail(const char *what)
{
    fprintf(stderr, "caller: %s: %s\n", what, strerror(errno));
    exit(1);
}
