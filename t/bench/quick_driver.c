
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * A driver whose jobs end as soon as they come, for what is measured of the
 * launcher alone.  It reads JSON no further than to the members that it needs,
 * and answers all that it has read by one write.  Jobs of class "hold" go on
 * until one of class "release" comes; then all end at once.
 */


#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../driver-launcher/include/sparkjob_protocol.h"


#define DRIVER_ROOM    (SJP_HEADER_SIZE + SJP_LENGTH_MAX)
#define DRIVER_BUFFER  (16 * DRIVER_ROOM)
#define DRIVER_HELD    20000


static void driver_fail(const char *what);
static int driver_connect(const char *path);
static size_t driver_frames(char *p, size_t n);
static void driver_frame(const sjp_header_t *h, char *meta);
static void driver_run(const char *meta);
static void driver_hold(const char *id);
static void driver_end(const char *id);
static void driver_member(const char *meta, const char *name, char *value,
    size_t size);
static void driver_say(sjp_type_e type, uint32_t stream, const char *meta,
    const char *payload);
static void driver_flush(int fd);


static char    driver_in[DRIVER_BUFFER + 1];        /* for a zero */
static char    driver_out[4 * DRIVER_BUFFER];
static size_t  driver_queued;
static int     driver_over;
static char    driver_held[DRIVER_HELD][64];
static size_t  driver_held_n;


int
main(void)
{
    int      fd;
    char     secret[256], meta[1024];
    size_t   n, done;
    ssize_t  got;

    if (fgets(secret, sizeof(secret), stdin) == NULL) {
        driver_fail("reading the secret");
    }

    secret[strcspn(secret, "\n")] = '\0';

    fd = driver_connect(getenv("SPARKJOB_SOCKET"));

    (void) snprintf(meta, sizeof(meta), "{\"protocol\":1,\"context\":\"%s\","
                    "\"pid\":%d,\"jobs\":[],\"secret\":\"%s\"}",
                    getenv("SPARKJOB_CONTEXT"), (int) getpid(), secret);
    driver_say(SJP_LINK_HELLO, 0, meta, "");
    driver_flush(fd);

    n = 0;

    while (!driver_over) {
        got = read(fd, driver_in + n, DRIVER_BUFFER - n);

        if (got <= 0) {
            driver_fail("the launcher went away");
        }

        n += (size_t) got;
        done = driver_frames(driver_in, n);
        n -= done;
        memmove(driver_in, driver_in + done, n);

        driver_flush(fd);
    }

    return 0;
}


static void
driver_fail(const char *what)
{
    perror(what);
    exit(1);
}


static int
driver_connect(const char *path)
{
    int                 fd;
    struct sockaddr_un  sa;

    memset(&sa, 0, sizeof(sa));
    sa.sun_family = AF_UNIX;
    (void) snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path ? path : "");

    fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (fd == -1 || connect(fd, (struct sockaddr *) &sa, sizeof(sa)) == -1) {
        driver_fail(sa.sun_path);
    }

    return fd;
}


static size_t
driver_frames(char *p, size_t n)
{
    size_t        done;
    sjp_header_t  h;

    done = 0;

    while (n - done >= SJP_HEADER_SIZE) {

        if (sjp_header_decode((unsigned char *) p + done, &h)) {
            driver_fail("a bad frame");
        }

        if (n - done < SJP_HEADER_SIZE + (size_t) h.length) {
            break;
        }

        driver_frame(&h, p + done + SJP_HEADER_SIZE);
        done += SJP_HEADER_SIZE + h.length;
    }

    return done;
}


static void
driver_frame(const sjp_header_t *h, char *meta)
{
    char  last, jobs[32], ready[128];

    /* what follows is read already, and is put back */

    last = meta[h->meta];
    meta[h->meta] = '\0';

    switch (h->type) {

    case SJP_LINK_CONTEXT:
        driver_member(meta, "\"maxJobs\":", jobs, sizeof(jobs));
        (void) snprintf(ready, sizeof(ready), "{\"applicationId\":\"quick\","
                        "\"maxJobs\":%d}", atoi(jobs));
        driver_say(SJP_LINK_READY, 0, ready, "");
        break;

    case SJP_LINK_RUN:
        driver_run(meta);
        break;

    case SJP_PING:
        driver_say(SJP_PONG, h->stream, "", "");
        break;

    case SJP_LINK_STOP:
        driver_say(SJP_LINK_STOPPED, 0, "{}", "");
        driver_over = 1;
        break;
    }

    meta[h->meta] = last;
}


static void
driver_run(const char *meta)
{
    char  id[64], class[16], started[128];

    driver_member(meta, "\"id\":\"", id, sizeof(id));
    driver_member(meta, "\"class\":\"", class, sizeof(class));

    (void) snprintf(started, sizeof(started), "{\"id\":\"%s\"}", id);
    driver_say(SJP_LINK_STARTED, 0, started, "{}");

    if (strcmp(class, "hold") == 0) {
        driver_hold(id);
        return;
    }

    if (strcmp(class, "release") == 0) {
        while (driver_held_n > 0) {
            driver_end(driver_held[--driver_held_n]);
        }
    }

    driver_end(id);
}


static void
driver_hold(const char *id)
{
    if (driver_held_n == DRIVER_HELD) {
        driver_fail("too much to hold");
    }

    (void) strcpy(driver_held[driver_held_n++], id);
}


static void
driver_end(const char *id)
{
    char             result[256];
    long long        now;
    struct timeval   tv;

    (void) gettimeofday(&tv, NULL);
    now = (long long) tv.tv_sec * 1000 + tv.tv_usec / 1000;

    (void) snprintf(result, sizeof(result), "{\"id\":\"%s\",\"state\":"
                    "\"FINISHED\",\"start\":%lld,\"end\":%lld,\"runMicros\":1,"
                    "\"size\":4}", id, now, now);
    driver_say(SJP_LINK_RESULT, 0, result, "true");
}


/* the launcher writes its JSON without blanks */

static void
driver_member(const char *meta, const char *name, char *value, size_t size)
{
    size_t       n;
    const char  *p;

    p = strstr(meta, name);
    p = p ? p + strlen(name) : "";

    n = strcspn(p, "\",}");
    n = n < size ? n : size - 1;

    memcpy(value, p, n);
    value[n] = '\0';
}


static void
driver_say(sjp_type_e type, uint32_t stream, const char *meta,
    const char *payload)
{
    char          *p;
    size_t         size;
    sjp_header_t   h;

    size = strlen(payload);

    h.meta = (uint32_t) strlen(meta);
    h.length = h.meta + (uint32_t) size;
    h.type = (uint16_t) type;
    h.flags = 0;
    h.stream = stream;

    if (driver_queued + SJP_HEADER_SIZE + h.length > sizeof(driver_out)) {
        driver_fail("too much to say");
    }

    p = driver_out + driver_queued;

    sjp_header_encode((unsigned char *) p, &h);
    memcpy(p + SJP_HEADER_SIZE, meta, h.meta);
    memcpy(p + SJP_HEADER_SIZE + h.meta, payload, size);

    driver_queued += SJP_HEADER_SIZE + h.length;
}


static void
driver_flush(int fd)
{
    size_t   done;
    ssize_t  n;

    for (done = 0; done < driver_queued; done += (size_t) n) {
        n = write(fd, driver_out + done, driver_queued - done);

        if (n == -1) {
            driver_fail("writing to the launcher");
        }
    }

    driver_queued = 0;
}
