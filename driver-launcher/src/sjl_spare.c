
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_spare.h"
#include "sjl_command.h"
#include "sjl_config.h"
#include "sjl_folder.h"
#include "sjl_setup.h"
#include "sjl_ticket.h"

#include <utlist.h>


#define SJL_SPARE_SECRET   32
#define SJL_SPARE_PERIOD   10.          /* seconds between two looks */
#define SJL_SPARE_SOON     1.
#define SJL_SPARE_PATIENCE 10000        /* ms, while contexts start */
#define SJL_SPARE_PAUSE    2.           /* after a failure, doubled each time */
#define SJL_SPARE_LONGEST  300.
#define SJL_SPARE_TAIL     2000


static void sjl_spare_wait(double seconds);
static void sjl_spare_look(struct ev_loop *loop, ev_timer *timer, int events);
static void sjl_spare_next(const char *after);
static int sjl_spare_hash(sjl_file_op_t *op);
static void sjl_spare_looked(sjl_file_op_t *op);
static void sjl_spare_decide(void);
static void sjl_spare_discard(int64_t memory);
static int sjl_spare_needed(const sjl_driver_t *d);
static sjl_library_t *sjl_spare_library(const char *key);
static int sjl_spare_waits(const sjl_driver_t *d);
static sjl_library_t *sjl_spare_lacking(int *later);
static int64_t sjl_spare_waiting(const sjl_library_t *library);
static int sjl_spare_warms(void);
static int sjl_spare_yields(void);
static int64_t sjl_spare_memory(void);
static void sjl_spare_make(const sjl_library_t *library);
static void sjl_spare_made(sjl_file_op_t *op);
static int sjl_spare_fits(const sjl_context_t *ctx, const sjl_driver_t *d);
static void sjl_spare_failed(sjl_library_t *library, const char *why);


static ev_timer      sjl_spare_timer;
static int           sjl_spare_ending;
static int           sjl_spare_working; /* an operation is on its way */
static int           sjl_spare_stale;   /* what it finds is that of before */
static int64_t       sjl_spare_yielded; /* since when, to contexts that start */
static sjl_owner_t   sjl_spare_owner;
static char         *sjl_spare_for;     /* the set that one is made for */


void
sjl_spare_start(void)
{
    sjl_spare_owner.uid = geteuid();
    sjl_spare_owner.gid = getegid();

    ev_init(&sjl_spare_timer, sjl_spare_look);
    sjl_spare_wait(SJL_SPARE_SOON);
}


void
sjl_spare_again(void)
{
    sjl_library_t  *library;

    /* none is taken until it is known which of them fit */

    library = sjl_library_with_spares(NULL);

    while (library) {
        *library->spare_key = '\0';
        library->spare_pause = 0.;
        library->spare_due = 0;

        library = sjl_library_with_spares(library->resource.row.name);
    }

    sjl_spare_stale = 1;
    sjl_spare_wait(0.);
}


int64_t
sjl_spare_wanted(void)
{
    int64_t         n;
    sjl_library_t  *library;

    n = 0;
    library = sjl_library_with_spares(NULL);

    while (library) {
        n += library->spares;
        library = sjl_library_with_spares(library->resource.row.name);
    }

    return n;
}


static void
sjl_spare_wait(double seconds)
{
    if (sjl_spare_ending) {
        return;
    }

    ev_timer_stop(sjl_loop, &sjl_spare_timer);
    ev_timer_set(&sjl_spare_timer, seconds, 0.);
    ev_timer_start(sjl_loop, &sjl_spare_timer);
}


static void
sjl_spare_look(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void) loop;
    (void) timer;
    (void) events;

    if (sjl_spare_working) {
        sjl_spare_wait(SJL_SPARE_SOON);
        return;
    }

    sjl_spare_stale = 0;
    sjl_spare_next(NULL);
}


/* what drivers are started with at present, one set after the other */

static void
sjl_spare_next(const char *after)
{
    sjl_file_op_t  *op;
    sjl_library_t  *library;

    library = sjl_library_with_spares(after);

    if (library == NULL) {
        sjl_spare_decide();
        return;
    }

    op = sjl_file_op_make(sjl_spare_hash, sjl_spare_looked,
                          sjl_strdup(library->resource.row.name));
    op->body = sjl_command_depends(library);

    sjl_spare_working = 1;
    sjl_file_op_add(op);
}


/* on the file thread, since jars may be many, and far away */

static int
sjl_spare_hash(sjl_file_op_t *op)
{
    sjl_command_hash(op->sha256, op->body);

    return SJL_OK;
}


static void
sjl_spare_looked(sjl_file_op_t *op)
{
    char           *name;
    sjl_library_t  *library;

    name = op->data;
    sjl_spare_working = 0;

    /* else there is another look to come, and the set may be another one */

    if (!sjl_spare_ending && !sjl_spare_stale) {
        library = sjl_library_find(name);

        if (library) {
            memcpy(library->spare_key, op->sha256, sizeof(library->spare_key));
        }

        sjl_spare_next(name);
    }

    sjl_file_op_free(op);
    free(name);
}


/* one at a time, and contexts that are wanted now come first */

static void
sjl_spare_decide(void)
{
    int             later;
    int64_t         memory;
    sjl_library_t  *library;

    memory = sjl_spare_memory();
    sjl_spare_discard(memory);

    if (sjl_library_with_spares(NULL) == NULL) {
        return;
    }

    library = sjl_spare_lacking(&later);

    if ((library == NULL && !later) || sjl_spare_warms()
        || memory < sjl_conf->spare_memory)
    {
        sjl_spare_wait(SJL_SPARE_PERIOD);

    } else if (library == NULL || sjl_spare_yields()) {
        sjl_spare_wait(SJL_SPARE_SOON);

    } else {
        sjl_spare_make(library);
    }
}


/* those that do not fit any longer, or are too many */

static void
sjl_spare_discard(int64_t memory)
{
    sjl_driver_t  *d;

    DL_FOREACH(sjl_drivers, d) {

        if (!sjl_spare_waits(d)
            || (memory >= sjl_conf->spare_memory / 2 && sjl_spare_needed(d)))
        {
            continue;
        }

        sjl_log(SJL_LOG_INFO, "spare driver %d is not needed any longer",
                (int) d->process.pid);

        d->settled = 1;
        sjl_driver_discard(d);
    }
}


/* sets that have their drivers started in the same way share them */

static int
sjl_spare_needed(const sjl_driver_t *d)
{
    int64_t         n;
    sjl_driver_t   *other;
    sjl_library_t  *library;

    n = 0;

    DL_FOREACH(sjl_drivers, other) {

        if (other == d) {
            break;
        }

        n += sjl_spare_waits(other) && strcmp(other->key, d->key) == 0;
    }

    library = sjl_library_with_spares(NULL);

    while (library && (strcmp(library->spare_key, d->key) != 0
                       || n >= library->spares))
    {
        library = sjl_library_with_spares(library->resource.row.name);
    }

    return library != NULL;
}


/* whose drivers are started in just that way */

static sjl_library_t *
sjl_spare_library(const char *key)
{
    sjl_library_t  *library;

    library = sjl_library_with_spares(NULL);

    while (library && strcmp(library->spare_key, key) != 0) {
        library = sjl_library_with_spares(library->resource.row.name);
    }

    return library;
}


static int
sjl_spare_waits(const sjl_driver_t *d)
{
    return d->phase <= SJL_DRIVER_SPARE && d->taker == NULL;
}


/* the first set that has too few; *later: there is one, but not yet */

static sjl_library_t *
sjl_spare_lacking(int *later)
{
    sjl_library_t  *library;

    *later = 0;
    library = sjl_library_with_spares(NULL);

    while (library) {

        if (sjl_spare_waiting(library) < library->spares) {

            if (sjl_now() >= library->spare_due) {
                return library;
            }

            *later = 1;
        }

        library = sjl_library_with_spares(library->resource.row.name);
    }

    return NULL;
}


static int64_t
sjl_spare_waiting(const sjl_library_t *library)
{
    int64_t        n;
    sjl_driver_t  *d;

    n = 0;

    DL_FOREACH(sjl_drivers, d) {
        n += sjl_spare_waits(d) && strcmp(d->key, library->spare_key) == 0;
    }

    return n;
}


static int
sjl_spare_warms(void)
{
    sjl_driver_t  *d;

    DL_FOREACH(sjl_drivers, d) {
        if (sjl_spare_waits(d) && d->phase == SJL_DRIVER_WARMING) {
            return 1;
        }
    }

    return 0;
}


/* whether contexts start now; where they always do it waits for some time */

static int
sjl_spare_yields(void)
{
    sjl_context_t  *ctx, *next;

    HASH_ITER(hh, sjl_contexts, ctx, next) {

        if (ctx->row.state != SJP_CONTEXT_STARTED
            && ctx->row.state != SJP_CONTEXT_RESTARTING)
        {
            continue;
        }

        if (sjl_spare_yielded == 0) {
            sjl_spare_yielded = sjl_now();
        }

        return sjl_now() - sjl_spare_yielded < SJL_SPARE_PATIENCE;
    }

    sjl_spare_yielded = 0;

    return 0;
}


/* what this machine has for new programs, in MiB; the unknown is no limit */

static int64_t
sjl_spare_memory(void)
{
    FILE       *f;
    char        line[128];
    long long   kib;

    kib = INT64_MAX;
    f = fopen("/proc/meminfo", "re");

    while (f && fgets(line, sizeof(line), f)) {
        if (sscanf(line, "MemAvailable: %lld", &kib) == 1) {
            break;
        }
    }

    if (f) {
        (void) fclose(f);
    }

    return kib / 1024;
}


static void
sjl_spare_make(const sjl_library_t *library)
{
    char            id[SJL_ID_LEN + 1];
    sjl_file_op_t  *op;

    sjl_id_make(id);

    op = sjl_file_op_make(sjl_folder_make_marked, sjl_spare_made,
                          sjl_strdup(id));
    op->to = sjl_path_context(id, "");
    op->owner = &sjl_spare_owner;

    free(sjl_spare_for);
    sjl_spare_for = sjl_strdup(library->resource.row.name);

    sjl_spare_working = 1;
    sjl_spare_yielded = 0;

    sjl_file_op_add(op);
}


static void
sjl_spare_made(sjl_file_op_t *op)
{
    char           *id, secret[2 * SJL_SPARE_SECRET + 1];
    sjl_driver_t   *d;
    sjl_library_t  *library;

    id = op->data;
    d = NULL;
    library = sjl_spare_stale || sjl_spare_ending
              ? NULL : sjl_library_find(sjl_spare_for);
    sjl_spare_working = 0;

    if (op->rc == SJL_OK && library) {
        sjl_random_hex(secret, SJL_SPARE_SECRET);
        d = sjl_driver_start_spare(id, secret, library);
        explicit_bzero(secret, sizeof(secret));
    }

    if (d) {
        memcpy(d->key, library->spare_key, sizeof(d->key));
        sjl_log(SJL_LOG_INFO, "spare driver %d of library set %s was started",
                (int) d->process.pid, library->resource.row.name);

    } else {
        sjl_folder_remove(sjl_path_context(id, ""));
    }

    if (d == NULL && library) {
        sjl_spare_failed(library, op->rc == SJL_ERROR ? op->why.text
                         : "its process could not be started");
    }

    sjl_file_op_free(op);
    free(id);

    sjl_spare_wait(d ? SJL_SPARE_PERIOD : SJL_SPARE_SOON);
}


int
sjl_spare_hello(sjl_conn_t *c, const char *id, const char *secret)
{
    char           hash[SJL_HASH_LEN + 1];
    sjl_driver_t  *d;

    DL_FOREACH(sjl_drivers, d) {
        if (d->phase == SJL_DRIVER_WARMING && strcmp(d->id, id) == 0) {
            break;
        }
    }

    if (d == NULL || secret == NULL) {
        return SJL_ERROR;
    }

    sjl_hash(hash, secret, strlen(secret));

    if (!sjl_same_secret(hash, d->hash)) {
        return SJL_ERROR;
    }

    sjl_log(SJL_LOG_INFO, "spare driver %d is ready after %d ms, connection %u "
            "from %s", (int) d->process.pid, (int) (sjl_now() - d->since),
            c->number, c->name);

    c->greeted = 1;
    ev_timer_stop(sjl_loop, &c->timer);

    sjl_driver_attach(d, c);
    sjl_spare_wait(SJL_SPARE_SOON);

    return SJL_OK;
}


char *
sjl_spare_take(sjl_context_t *ctx)
{
    sjl_driver_t  *d;

    DL_FOREACH(sjl_drivers, d) {
        if (sjl_spare_fits(ctx, d)) {
            d->taker = ctx;
            ctx->spare = d;
            sjl_spare_wait(SJL_SPARE_SOON);
            return sjl_path_context(d->id, "");
        }
    }

    return NULL;
}


/* what a context's driver is started with, beside the configuration */

static int
sjl_spare_fits(const sjl_context_t *ctx, const sjl_driver_t *d)
{
    sjl_cluster_t  *cluster;
    sjl_library_t  *library;

    cluster = sjl_setup_cluster(ctx);
    library = sjl_setup_library(ctx);

    return d->phase == SJL_DRIVER_SPARE && d->taker == NULL && d->conn
           && d->silent < 2
           && library && *library->spare_key
           && strcmp(d->key, library->spare_key) == 0
           && json_array_size(ctx->options) == 0 && ctx->row.remote == NULL
           && (cluster == NULL || cluster->hadoop_conf == NULL)
           && !sjl_ticket_wanted(cluster)
           && !sjl_owner_is_other(&ctx->owner);
}


sjl_driver_t *
sjl_spare_give(sjl_context_t *ctx)
{
    sjl_driver_t   *d;
    sjl_library_t  *library;

    d = ctx->spare;

    if (d == NULL) {
        return NULL;
    }

    if (d->phase != SJL_DRIVER_SPARE || d->conn == NULL) {
        sjl_spare_leave(ctx);
        return NULL;
    }

    ctx->spare = NULL;
    d->taker = NULL;

    sjl_driver_assign(d, ctx, ctx->secret);

    library = sjl_spare_library(d->key);

    if (library) {
        library->spare_pause = 0.;
    }

    return d;
}


/* its folder is the context's already, so it is of no use for another one */

void
sjl_spare_leave(sjl_context_t *ctx)
{
    sjl_driver_t  *d;

    d = ctx->spare;

    if (d) {
        ctx->spare = NULL;
        d->taker = NULL;
        d->settled = 1;
        sjl_driver_discard(d);
    }
}


void
sjl_spare_ended(sjl_driver_t *d, int status)
{
    char  *words, *why, *log, *tail;

    if (d->taker) {
        d->taker->spare = NULL;
        d->taker = NULL;
    }

    if (!d->settled) {
        log = sjl_path_context(d->id, "/driver.log");
        tail = sjl_file_tail(log, 0, 5, SJL_SPARE_TAIL);
        words = sjl_process_words(status);
        why = sjl_format("%s. Last lines of its log:\n%s", words,
                         tail ? tail : "");
        sjl_spare_failed(sjl_spare_library(d->key), why);
        free(why);
        free(words);
        free(tail);
        free(log);
    }

    /* or what leads to the context's, which its driver needs no longer */

    sjl_folder_remove(sjl_path_context(d->id, ""));
}


/* "library" is NULL when there is none any longer that it was for */

static void
sjl_spare_failed(sjl_library_t *library, const char *why)
{
    double  pause;

    if (library == NULL) {
        sjl_log(SJL_LOG_ERR, "a spare driver has failed: %s", why);
        return;
    }

    pause = library->spare_pause > 0. ? 2 * library->spare_pause
                                      : SJL_SPARE_PAUSE;

    if (pause > SJL_SPARE_LONGEST) {
        pause = SJL_SPARE_LONGEST;
    }

    library->spare_pause = pause;
    library->spare_due = sjl_now() + (int64_t) (pause * 1000.);

    sjl_log(SJL_LOG_ERR, "a spare driver has failed, the next one of library "
            "set %s is started in %d s: %s", library->resource.row.name,
            (int) pause, why);

    sjl_spare_wait(SJL_SPARE_SOON);
}


size_t
sjl_spare_count(void)
{
    size_t         n;
    sjl_driver_t  *d;

    n = 0;

    DL_FOREACH(sjl_drivers, d) {
        n += d->spare && d->context == NULL && d->folder == NULL;
    }

    return n;
}


void
sjl_spare_stop(void)
{
    sjl_driver_t  *d;

    sjl_spare_ending = 1;
    ev_timer_stop(sjl_loop, &sjl_spare_timer);

    DL_FOREACH(sjl_drivers, d) {
        if (sjl_spare_waits(d)) {
            d->settled = 1;
            sjl_driver_discard(d);
        }
    }
}
