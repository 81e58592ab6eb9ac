
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * watchers PORT COUNT: so many clients of GET /events at once.
 *
 * Events are jobs, numbered from 0 by the end of their ids, whose class is the
 * time at which they were told, in nanoseconds of the monotonic clock.  Says
 * "ready" when all clients have had the present state.  A job of class 0 is the
 * last one; then, or when nothing comes for 30 s, a line of JSON says what was
 * seen: how many events, how many came out of order, and how late they were,
 * in ms.
 */


#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>


#define WATCHERS_LINE     1024
#define WATCHERS_PENDING  256       /* connects at once */
#define WATCHERS_SILENT   30000
#define WATCHERS_STEP     20        /* microseconds */
#define WATCHERS_STEPS    1000000


/* where these stand in a line: what comes before is always as long */
#define WATCHERS_ID       (sizeof("data: {\"jobId\":\"") - 1)
#define WATCHERS_CLASS                                                        \
    (WATCHERS_ID + 36 + 24                                                    \
     + sizeof("\",\"startTime\":\"\",\"classPath\":\"") - 1)


typedef struct {
    int       fd;
    int       ready;
    int       over;
    uint64_t  next;                 /* number of the event to come */
    size_t    len;
    char      line[WATCHERS_LINE];
} watcher_t;


static int watchers_connect(watcher_t *w);
static void watchers_read(watcher_t *w);
static void watchers_line(watcher_t *w);
static void watchers_event(watcher_t *w, const char *id, uint64_t told);
static double watchers_late(double share);
static void watchers_fail(const char *what);


static int                 watchers_epoll;
static struct sockaddr_in  watchers_addr;
static uint64_t            watchers_now;     /* when the last bytes came */
static long                watchers_ready;
static long                watchers_over;
static long                watchers_gone;
static uint64_t            watchers_events;
static uint64_t            watchers_disordered;
static uint64_t            watchers_most;
static uint32_t            watchers_steps[WATCHERS_STEPS];


int
main(int argc, char **argv)
{
    int                  i, n;
    long                 count, begun;
    watcher_t           *all;
    struct epoll_event   events[512];

    if (argc != 3) {
        fprintf(stderr, "usage: watchers PORT COUNT\n");
        return 2;
    }

    count = atol(argv[2]);
    begun = 0;

    watchers_addr.sin_family = AF_INET;
    watchers_addr.sin_port = htons((uint16_t) atoi(argv[1]));
    watchers_addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    watchers_epoll = epoll_create1(EPOLL_CLOEXEC);
    all = calloc((size_t) count, sizeof(watcher_t));

    if (watchers_epoll == -1 || all == NULL) {
        watchers_fail("start");
    }

    while (watchers_over + watchers_gone < count) {

        while (begun < count
               && begun - watchers_ready - watchers_gone < WATCHERS_PENDING)
        {
            if (watchers_connect(&all[begun++]) == -1) {
                watchers_fail("connect");
            }
        }

        n = epoll_wait(watchers_epoll, events, 512, WATCHERS_SILENT);

        if (n == 0) {
            break;
        }

        for (i = 0; i < n; i++) {
            watchers_read(events[i].data.ptr);
        }

        if (watchers_ready == count) {
            printf("ready\n");
            fflush(stdout);
            watchers_ready++;
        }
    }

    printf("{\"over\": %ld, \"gone\": %ld, \"events\": %llu,"
           " \"disordered\": %llu, \"p50\": %.2f, \"p99\": %.2f,"
           " \"most\": %.2f}\n",
           watchers_over, watchers_gone, (unsigned long long) watchers_events,
           (unsigned long long) watchers_disordered, watchers_late(0.5),
           watchers_late(0.99), watchers_most / 1e6);

    return 0;
}


static int
watchers_connect(watcher_t *w)
{
    struct epoll_event  event;
    static const char   request[] = "GET /events?kind=job HTTP/1.0\r\n\r\n";

    w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (w->fd == -1
        || connect(w->fd, (struct sockaddr *) &watchers_addr,
                   sizeof(watchers_addr))
           == -1
        || send(w->fd, request, sizeof(request) - 1, MSG_NOSIGNAL) == -1)
    {
        return -1;
    }

    event.events = EPOLLIN;
    event.data.ptr = w;

    return epoll_ctl(watchers_epoll, EPOLL_CTL_ADD, w->fd, &event);
}


static void
watchers_read(watcher_t *w)
{
    char             buf[65536], *p, *end;
    size_t           len;
    ssize_t          n;
    struct timespec  now;

    n = recv(w->fd, buf, sizeof(buf), MSG_DONTWAIT);

    if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }

    if (n <= 0) {
        watchers_gone += !w->over;
        close(w->fd);
        return;
    }

    clock_gettime(CLOCK_MONOTONIC, &now);
    watchers_now = (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;

    for (p = buf; p < buf + n; p = end + 1) {
        end = memchr(p, '\n', (size_t) (buf + n - p));
        len = (size_t) ((end ? end : buf + n) - p);

        if (len > WATCHERS_LINE - 1 - w->len) {
            len = WATCHERS_LINE - 1 - w->len;
        }

        memcpy(w->line + w->len, p, len);
        w->len += len;

        if (end == NULL) {
            return;
        }

        w->line[w->len] = '\0';
        watchers_line(w);
        w->len = 0;
    }
}


static void
watchers_line(watcher_t *w)
{
    if (!w->ready && strncmp(w->line, "id: ", 4) == 0) {
        w->ready = 1;
        watchers_ready++;
        return;
    }

    if (w->ready
        && w->len > WATCHERS_CLASS
        && memcmp(w->line, "data: ", 6) == 0
        && memcmp(w->line + WATCHERS_CLASS - 13, "\"classPath\":\"", 13) == 0)
    {
        watchers_event(w, w->line + WATCHERS_ID,
                       strtoull(w->line + WATCHERS_CLASS, NULL, 10));
    }
}


static void
watchers_event(watcher_t *w, const char *id, uint64_t told)
{
    uint64_t  late;

    if (told == 0) {
        w->over = 1;
        watchers_over++;
        return;
    }

    late = watchers_now - told;

    if (late > watchers_most) {
        watchers_most = late;
    }

    late /= WATCHERS_STEP * 1000;
    watchers_steps[late < WATCHERS_STEPS ? late : WATCHERS_STEPS - 1]++;

    /* the last group of an id */

    watchers_disordered += strtoull(id + 24, NULL, 10) != w->next;
    w->next++;
    watchers_events++;
}


static double
watchers_late(double share)
{
    long      i;
    uint64_t  n;

    n = 0;

    for (i = 0; i < WATCHERS_STEPS; i++) {
        n += watchers_steps[i];

        if ((double) n >= (double) watchers_events * share) {
            break;
        }
    }

    return (double) (i + 1) * WATCHERS_STEP / 1000;
}


static void
watchers_fail(const char *what)
{
    fprintf(stderr, "watchers: %s: %s\n", what, strerror(errno));
    exit(1);
}
