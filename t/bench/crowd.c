
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * crowd slow|watch|idle PORT COUNT: so many connections at once, from several
 * addresses.
 *
 * "slow" ones send a request byte by byte, one in ten seconds, and never end
 * it: every second one is slow in the headers, the others in the body.  Those
 * that "watch" ask for /events and read what comes, "idle" ones have asked for
 * /healthz once and stay connected.  Says "ready" when all have
 * connected; when its input ends it says how many the server has closed, and
 * how many bytes came.
 */


#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>


#define CROWD_TURN     10               /* milliseconds */
#define CROWD_EVERY    10000
#define CROWD_SOURCES  16
#define CROWD_EVENTS   256


static int crowd_connect(int number, int port, const char *text);
static void crowd_send(int count);
static int crowd_read(void);
static void crowd_closed(int number);
static int64_t crowd_now(void);
static void crowd_fail(const char *what);


static const char  *crowd_headers = "GET /jobs HTTP/1.1\r\nHost: x\r\nX-Slow: ";
static const char  *crowd_body = "POST /jobs?cp=j&mainClass=noop&context=c "
                                 "HTTP/1.1\r\nHost: x\r\n"
                                 "Content-Length: 1000\r\n\r\n";
static const char  *crowd_watch = "GET /events HTTP/1.1\r\nHost: x\r\n\r\n";
static const char  *crowd_idle = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

static int         *crowd_fds;
static int          crowd_epoll;
static int          crowd_gone;
static long         crowd_bytes;
static int64_t      crowd_began;


int
main(int argc, char **argv)
{
    int                 i, count, slow;
    const char         *text, *whole;
    struct epoll_event  ev;

    if (argc != 4) {
        (void) fprintf(stderr, "usage: crowd slow|watch|idle PORT COUNT\n");
        return 2;
    }

    slow = strcmp(argv[1], "slow") == 0;
    whole = strcmp(argv[1], "idle") == 0 ? crowd_idle : crowd_watch;
    count = atoi(argv[3]);
    crowd_fds = calloc((size_t) count, sizeof(int));
    crowd_epoll = epoll_create1(EPOLL_CLOEXEC);

    if (crowd_fds == NULL || crowd_epoll == -1) {
        crowd_fail("epoll_create1()");
    }

    for (i = 0; i < count; i++) {
        text = !slow ? whole : i % 2 ? crowd_body : crowd_headers;
        crowd_fds[i] = crowd_connect(i, atoi(argv[2]), text);

        ev.events = EPOLLIN;
        ev.data.u32 = (uint32_t) i;

        if (epoll_ctl(crowd_epoll, EPOLL_CTL_ADD, crowd_fds[i], &ev) == -1) {
            crowd_fail("epoll_ctl()");
        }
    }

    ev.data.u32 = UINT32_MAX;

    if (epoll_ctl(crowd_epoll, EPOLL_CTL_ADD, STDIN_FILENO, &ev) == -1) {
        crowd_fail("epoll_ctl()");
    }

    (void) puts("ready");
    (void) fflush(stdout);

    crowd_began = crowd_now();

    while (crowd_read()) {
        if (slow) {
            crowd_send(count);
        }
    }

    (void) printf("%d %ld\n", crowd_gone, crowd_bytes);

    return 0;
}


static int
crowd_connect(int number, int port, const char *text)
{
    int                 fd, on;
    struct sockaddr_in  from, to;

    fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd == -1) {
        crowd_fail("socket()");
    }

    memset(&from, 0, sizeof(from));
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1
                                 + (uint32_t) (number % CROWD_SOURCES));

    to = from;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t) port);

    on = 1;

    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on))
        == -1
        || bind(fd, (struct sockaddr *) &from, sizeof(from)) == -1
        || connect(fd, (struct sockaddr *) &to, sizeof(to)) == -1
        || write(fd, text, strlen(text)) != (ssize_t) strlen(text)
        || fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
    {
        crowd_fail("connect()");
    }

    return fd;
}


/* the bytes due since the last turn, by one connection after another */

static void
crowd_send(int count)
{
    int              i;
    int64_t          due;
    static int64_t   sent;

    due = (crowd_now() - crowd_began) * count / CROWD_EVERY;

    for ( ; sent < due; sent++) {
        i = (int) (sent % count);

        if (crowd_fds[i] != -1
            && send(crowd_fds[i], "x", 1, MSG_NOSIGNAL) == -1
            && errno != EAGAIN)
        {
            crowd_closed(i);
        }
    }
}


/* 0: the input has ended */

static int
crowd_read(void)
{
    int                 i, n, number;
    char                buf[65536];
    ssize_t             got;
    struct epoll_event  events[CROWD_EVENTS];

    n = epoll_wait(crowd_epoll, events, CROWD_EVENTS, CROWD_TURN);

    for (i = 0; i < n; i++) {

        if (events[i].data.u32 == UINT32_MAX) {
            return 0;
        }

        number = (int) events[i].data.u32;
        got = read(crowd_fds[number], buf, sizeof(buf));

        if (got > 0) {
            crowd_bytes += got;

        } else if (got == 0 || errno != EAGAIN) {
            crowd_closed(number);
        }
    }

    return 1;
}


static void
crowd_closed(int number)
{
    (void) close(crowd_fds[number]);
    crowd_fds[number] = -1;
    crowd_gone++;
}


static int64_t
crowd_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


static void
crowd_fail(const char *what)
{
    (void) fprintf(stderr, "%s failed: %s\n", what, strerror(errno));
    exit(1);
}
