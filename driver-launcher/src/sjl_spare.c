
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
static int sjl_spare_hash(sjl_file_op_t *op);
static void sjl_spare_looked(sjl_file_op_t *op);
static void sjl_spare_discard(int64_t memory);
static int sjl_spare_waits(const sjl_driver_t *d);
static size_t sjl_spare_waiting(int *warming);
static int sjl_spare_yields(void);
static int64_t sjl_spare_memory(void);
static void sjl_spare_make(void);
static void sjl_spare_made(sjl_file_op_t *op);
static int sjl_spare_fits(const sjl_context_t *ctx, const sjl_driver_t *d);
static void sjl_spare_failed(const char *why);


static ev_timer      sjl_spare_timer;
static int           sjl_spare_ending;
static int           sjl_spare_working; /* an operation is on its way */
static double        sjl_spare_pause;
static int64_t       sjl_spare_due;     /* not before, since one has failed */
static int64_t       sjl_spare_yielded; /* since when, to contexts that start */
static sjl_owner_t   sjl_spare_owner;

/* what a driver is started with at present; none until it is known */
static char          sjl_spare_key[SJL_HASH_LEN + 1];


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
    /* none is taken until it is known which of them fit */

    *sjl_spare_key = '\0';
    sjl_spare_pause = 0.;
    sjl_spare_due = 0;

    sjl_spare_wait(0.);
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
    sjl_file_op_t  *op;

    (void) loop;
    (void) timer;
    (void) events;

    if (sjl_spare_working) {
        sjl_spare_wait(SJL_SPARE_SOON);
        return;
    }

    if (sjl_conf->spares == 0) {
        sjl_spare_discard(INT64_MAX);
        return;
    }

    op = sjl_file_op_make(sjl_spare_hash, sjl_spare_looked, NULL);
    op->body = sjl_command_depends(sjl_library_find(NULL));

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


/* one at a time, and contexts that are wanted now come first */

static void
sjl_spare_looked(sjl_file_op_t *op)
{
    int      warming;
    int64_t  memory;

    sjl_spare_working = 0;

    memcpy(sjl_spare_key, op->sha256, sizeof(sjl_spare_key));
    sjl_file_op_free(op);

    if (sjl_spare_ending) {
        return;
    }

    memory = sjl_spare_memory();
    sjl_spare_discard(memory);

    if ((int64_t) sjl_spare_waiting(&warming) >= sjl_conf->spares || warming
        || memory < sjl_conf->spare_memory)
    {
        sjl_spare_wait(SJL_SPARE_PERIOD);

    } else if (sjl_spare_yields() || sjl_now() < sjl_spare_due) {
        sjl_spare_wait(SJL_SPARE_SOON);

    } else {
        sjl_spare_make();
    }
}


/* those that do not fit any longer, or are too many */

static void
sjl_spare_discard(int64_t memory)
{
    int64_t        n;
    sjl_driver_t  *d;

    n = 0;

    DL_FOREACH(sjl_drivers, d) {

        if (!sjl_spare_waits(d)
            || (++n <= sjl_conf->spares
                && strcmp(d->key, sjl_spare_key) == 0
                && memory >= sjl_conf->spare_memory / 2))
        {
            continue;
        }

        sjl_log(SJL_LOG_INFO, "spare driver %d is not needed any longer",
                (int) d->process.pid);

        d->settled = 1;
        sjl_driver_discard(d);
    }
}


static int
sjl_spare_waits(const sjl_driver_t *d)
{
    return d->phase <= SJL_DRIVER_SPARE && d->taker == NULL;
}


static size_t
sjl_spare_waiting(int *warming)
{
    size_t         n;
    sjl_driver_t  *d;

    n = 0;
    *warming = 0;

    DL_FOREACH(sjl_drivers, d) {
        if (sjl_spare_waits(d)) {
            n++;
            *warming |= d->phase == SJL_DRIVER_WARMING;
        }
    }

    return n;
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
sjl_spare_make(void)
{
    char            id[SJL_ID_LEN + 1];
    sjl_file_op_t  *op;

    sjl_id_make(id);

    op = sjl_file_op_make(sjl_folder_make, sjl_spare_made, sjl_strdup(id));
    op->to = sjl_path_context(id, "");
    op->owner = &sjl_spare_owner;

    sjl_spare_working = 1;
    sjl_spare_yielded = 0;

    sjl_file_op_add(op);
}


static void
sjl_spare_made(sjl_file_op_t *op)
{
    char          *id, secret[2 * SJL_SPARE_SECRET + 1];
    sjl_driver_t  *d;

    id = op->data;
    d = NULL;
    sjl_spare_working = 0;

    if (op->rc == SJL_OK && !sjl_spare_ending) {
        sjl_random_hex(secret, SJL_SPARE_SECRET);
        d = sjl_driver_start_spare(id, secret);
        explicit_bzero(secret, sizeof(secret));
    }

    if (d) {
        memcpy(d->key, sjl_spare_key, sizeof(d->key));
        sjl_log(SJL_LOG_INFO, "spare driver %d was started",
                (int) d->process.pid);

    } else {
        sjl_folder_remove(sjl_path_context(id, ""));
        sjl_spare_failed(op->rc == SJL_ERROR ? op->why.text
                         : "its process could not be started");
    }

    sjl_file_op_free(op);
    free(id);

    sjl_spare_wait(SJL_SPARE_PERIOD);
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

    cluster = sjl_setup_cluster(ctx);

    return d->phase == SJL_DRIVER_SPARE && d->taker == NULL && d->conn
           && d->silent < 2
           && *sjl_spare_key && strcmp(d->key, sjl_spare_key) == 0
           && json_array_size(ctx->options) == 0 && ctx->row.remote == NULL
           && sjl_setup_library(ctx) == sjl_library_find(NULL)
           && (cluster == NULL || cluster->hadoop_conf == NULL)
           && !sjl_ticket_wanted(cluster)
           && !sjl_owner_is_other(&ctx->owner);
}


sjl_driver_t *
sjl_spare_give(sjl_context_t *ctx)
{
    sjl_driver_t  *d;

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

    sjl_spare_pause = 0.;

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
        tail = sjl_file_tail(log, 5, SJL_SPARE_TAIL);
        words = sjl_process_words(status);
        why = sjl_format("%s. Last lines of its log:\n%s", words,
                         tail ? tail : "");
        sjl_spare_failed(why);
        free(why);
        free(words);
        free(tail);
        free(log);
    }

    /* or what leads to the context's, which its driver needs no longer */

    sjl_folder_remove(sjl_path_context(d->id, ""));
}


static void
sjl_spare_failed(const char *why)
{
    sjl_spare_pause = sjl_spare_pause > 0. ? 2 * sjl_spare_pause
                                           : SJL_SPARE_PAUSE;

    if (sjl_spare_pause > SJL_SPARE_LONGEST) {
        sjl_spare_pause = SJL_SPARE_LONGEST;
    }

    sjl_spare_due = sjl_now() + (int64_t) (sjl_spare_pause * 1000.);

    sjl_log(SJL_LOG_ERR, "a spare driver has failed, the next one is started "
            "in %d s: %s", (int) sjl_spare_pause, why);

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
