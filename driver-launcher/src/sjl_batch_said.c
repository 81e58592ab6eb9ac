
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_batch_said.h"
#include "sjl_batch.h"

#include <ctype.h>
#include <sys/stat.h>


#define SJL_SAID_LINE   4096            /* longer ones are not looked at */
#define SJL_SAID_CHUNK  (256 * 1024)
#define SJL_SAID_NEW    SJL_BATCH_LOG ".new"


struct sjl_batch_said_s {
    int       fd;
    int64_t   max;
    int64_t   size;
    int64_t   gone;                     /* bytes that were left out */
    char      line[SJL_SAID_LINE + 1];
    size_t    n;
    json_t   *known;
    char     *text;
    unsigned  changed:1;
};


static void sjl_batch_said_keep(sjl_batch_said_t *said, const char *p,
    size_t n);
static void sjl_batch_said_cut(sjl_batch_said_t *said);
static int sjl_batch_said_rest(sjl_batch_said_t *said, int from, int to);
static void sjl_batch_said_line(sjl_batch_said_t *said);


/* what Spark's own classes log, and what follows is; NULL: that it was said */

static const struct {
    const char  *text;
    const char  *begins;                /* what follows, or anything */
    const char  *known;
} sjl_batch_said_known[] = {
    { "Submitted application ", "application_", "application" },
    { "Connected to Spark cluster with app ID ", "app-", "application" },
    { ", and started at ", "http", "url" },
    { "tracking URL: ", "http", "url" },
    { "(state: RUNNING)", NULL, "runs" },
    { "final status: KILLED", NULL, "killed" }
};


sjl_batch_said_t *
sjl_batch_said_make(int fd, int64_t max)
{
    struct stat        sb;
    sjl_batch_said_t  *said;

    said = sjl_alloc(sizeof(sjl_batch_said_t));
    said->fd = fd;
    said->max = max > 0 ? max : INT64_MAX;
    said->size = fstat(fd, &sb) == 0 ? sb.st_size : 0;
    said->known = json_object();

    return said;
}


void
sjl_batch_said_add(sjl_batch_said_t *said, const char *p, size_t n)
{
    const char  *end;

    sjl_batch_said_keep(said, p, n);

    for (end = p + n; p < end; p++) {

        if (*p == '\n') {
            sjl_batch_said_line(said);
            said->n = 0;

        } else if (said->n < SJL_SAID_LINE) {
            said->line[said->n++] = *p;
        }
    }
}


/* what a full disk does not take is lost, but the batch goes on */

static void
sjl_batch_said_keep(sjl_batch_said_t *said, const char *p, size_t n)
{
    ssize_t  rc;

    if (said->size + (int64_t) n > said->max) {
        sjl_batch_said_cut(said);
    }

    while (n) {
        rc = write(said->fd, p, n);

        if (rc == -1) {
            return;
        }

        p += rc;
        n -= (size_t) rc;
        said->size += rc;
    }
}


/* whoever reads the log meanwhile has the file as it was */

static void
sjl_batch_said_cut(sjl_batch_said_t *said)
{
    int  from, to;

    from = open(SJL_BATCH_LOG, O_RDONLY|O_CLOEXEC|O_NOFOLLOW);
    to = open(SJL_SAID_NEW, O_WRONLY|O_CREAT|O_TRUNC|O_APPEND|O_CLOEXEC
                            |O_NOFOLLOW, 0600);

    if (from != -1 && to != -1
        && sjl_batch_said_rest(said, from, to) == SJL_OK
        && rename(SJL_SAID_NEW, SJL_BATCH_LOG) == 0)
    {
        (void) dup2(to, said->fd);
    }

    if (from != -1) {
        (void) close(from);
    }

    if (to != -1) {
        (void) close(to);
    }
}


/* from a line's beginning on */

static int
sjl_batch_said_rest(sjl_batch_said_t *said, int from, int to)
{
    char        *chunk, *p, note[100];
    off_t        at;
    ssize_t      n;
    int64_t      size;

    chunk = sjl_alloc_raw(SJL_SAID_CHUNK);
    at = said->size - said->max / 2;
    at = at > 0 ? at : 0;
    n = pread(from, chunk, SJL_SAID_CHUNK, at);
    p = n > 0 ? memchr(chunk, '\n', (size_t) n) : NULL;
    at += p ? p + 1 - chunk : 0;

    said->gone += at;
    size = snprintf(note, sizeof(note), "... %lld bytes were left out\n",
                    (long long) said->gone);

    if (write(to, note, (size_t) size) != size) {
        n = -1;
    }

    while (n > 0) {
        n = pread(from, chunk, SJL_SAID_CHUNK, at);

        if (n > 0 && write(to, chunk, (size_t) n) != n) {
            n = -1;
        }

        if (n > 0) {
            at += n;
            size += n;
        }
    }

    free(chunk);

    if (n == -1) {
        return SJL_ERROR;
    }

    said->size = size;

    return SJL_OK;
}


/* of the same thing what was said last counts */

static void
sjl_batch_said_line(sjl_batch_said_t *said)
{
    size_t       i, n;
    json_t      *value;
    const char  *p, *known;

    said->line[said->n] = '\0';

    for (i = 0; i < sjl_nelts(sjl_batch_said_known); i++) {
        p = strstr(said->line, sjl_batch_said_known[i].text);

        if (p == NULL) {
            continue;
        }

        known = sjl_batch_said_known[i].known;
        value = json_true();

        if (sjl_batch_said_known[i].begins) {
            p += strlen(sjl_batch_said_known[i].text);

            for (n = 0; isgraph((unsigned char) p[n]); n++) { /* void */ }

            if (strncmp(p, sjl_batch_said_known[i].begins,
                        strlen(sjl_batch_said_known[i].begins))
                != 0)
            {
                continue;
            }

            value = json_stringn(p, n);
        }

        if (!json_equal(value, json_object_get(said->known, known))) {
            (void) json_object_set(said->known, known, value);
            said->changed = 1;
        }

        json_decref(value);
    }
}


int
sjl_batch_said_changed(sjl_batch_said_t *said)
{
    int  changed;

    changed = said->changed;
    said->changed = 0;

    return changed;
}


const char *
sjl_batch_said_text(sjl_batch_said_t *said)
{
    free(said->text);
    said->text = sjl_json_text(said->known);

    return said->text;
}


int
sjl_batch_said_killed(const sjl_batch_said_t *said)
{
    return json_is_true(json_object_get(said->known, "killed"));
}


void
sjl_batch_said_free(sjl_batch_said_t *said)
{
    json_decref(said->known);
    free(said->text);
    free(said);
}
