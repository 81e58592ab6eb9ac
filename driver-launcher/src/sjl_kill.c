
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_kill.h"
#include "sjl_context.h"
#include "sjl_db.h"
#include "sjl_remote.h"

#include <utlist.h>


/* a cluster that has not answered for that long will not come back */
#define SJL_KILL_DAYS  7
#define SJL_KILL_DAY   ((int64_t) 24 * 60 * 60 * 1000)


typedef struct {
    sjl_db_op_t     op;
    sjl_kill_row_t  row;
} sjl_kill_op_t;


static void sjl_kill_later(const char *key);
static void sjl_kill_save(const sjl_driver_t *d);
static int sjl_kill_run_put(sjl_db_op_t *op, sjl_dao_t *dao);
static void sjl_kill_delete(const char *key);
static int sjl_kill_run_delete(sjl_db_op_t *op, sjl_dao_t *dao);
static void sjl_kill_queue(sjl_kill_op_t *kop,
    int (*run)(sjl_db_op_t *op, sjl_dao_t *dao));
static void sjl_kill_saved(sjl_db_op_t *op);


/* rows that are of no use, found when the database takes no operations yet */
static json_t  *sjl_kill_stale;


void
sjl_kill_keep(sjl_driver_t *d)
{
    if (d->remote == NULL || d->kept) {
        return;
    }

    d->kept = sjl_format("%s %lld", d->id,
                         (long long) d->context->row.generation);
    sjl_kill_save(d);
}


void
sjl_kill_change(sjl_driver_t *d)
{
    if (d->kept) {
        sjl_kill_save(d);
    }
}


static void
sjl_kill_save(const sjl_driver_t *d)
{
    sjl_kill_op_t  *kop;

    kop = sjl_alloc(sizeof(sjl_kill_op_t));
    kop->row.driver = sjl_strdup(d->kept);
    kop->row.time = sjl_now();
    kop->row.remote = sjl_remote_text(d->remote);

    sjl_kill_queue(kop, sjl_kill_run_put);
}


static int
sjl_kill_run_put(sjl_db_op_t *op, sjl_dao_t *dao)
{
    if (SPARKJOB_FAILS("remote.row")) {
        return SJL_ERROR;
    }

    return dao->type->row_put(dao, &sjl_kills_table,
                              &sjl_container(op, sjl_kill_op_t, op)->row);
}


void
sjl_kill_forget(sjl_driver_t *d)
{
    if (d->kept) {
        sjl_kill_delete(d->kept);
    }
}


static void
sjl_kill_delete(const char *key)
{
    sjl_kill_op_t  *kop;

    kop = sjl_alloc(sizeof(sjl_kill_op_t));
    kop->row.driver = sjl_strdup(key);

    sjl_kill_queue(kop, sjl_kill_run_delete);
}


static int
sjl_kill_run_delete(sjl_db_op_t *op, sjl_dao_t *dao)
{
    if (SPARKJOB_FAILS("remote.forget")) {
        return SJL_ERROR;
    }

    return dao->type->row_delete(dao, &sjl_kills_table,
                                 sjl_container(op, sjl_kill_op_t,
                                               op)->row.driver);
}


static void
sjl_kill_queue(sjl_kill_op_t *kop,
    int (*run)(sjl_db_op_t *op, sjl_dao_t *dao))
{
    kop->op.run = run;
    kop->op.done = sjl_kill_saved;
    kop->op.retry = 1;

    sjl_db_add(&kop->op, 0);
}


static void
sjl_kill_saved(sjl_db_op_t *op)
{
    sjl_kill_op_t  *kop;

    kop = sjl_container(op, sjl_kill_op_t, op);

    SPARKJOB_FAULT(op->run == sjl_kill_run_put ? "remote.kept"
                                               : "remote.forgotten");

    sjl_row_clear(&sjl_kills_table, &kop->row);
    free(kop);
}


/*
 * The last launcher may have died between this row and its context's: then the
 * driver is the context's yet.  One whose id was never told cannot be named to
 * its cluster; if it comes, it is nobody's, and is told to stop.
 */

void
sjl_kill_adopt(const sjl_kill_row_t *row)
{
    char            id[SJL_ID_LEN + 1];
    sjl_driver_t   *d;
    sjl_context_t  *ctx;

    (void) snprintf(id, sizeof(id), "%s", row->driver);
    ctx = sjl_context_find(id);

    if (ctx && strlen(row->driver) > SJL_ID_LEN
        && atoll(row->driver + SJL_ID_LEN) == ctx->row.generation)
    {
        sjl_kill_later(row->driver);
        return;
    }

    d = sjl_driver_make(id, NULL);
    d->since = row->time;
    d->remote = sjl_remote_make(d, row->remote);
    d->kept = sjl_strdup(row->driver);

    if (d->remote == NULL || d->remote->id == NULL) {
        sjl_kill_later(d->kept);
        sjl_driver_free(d);
    }
}


static void
sjl_kill_later(const char *key)
{
    if (sjl_kill_stale == NULL) {
        sjl_kill_stale = json_array();
    }

    (void) json_array_append_new(sjl_kill_stale, json_string(key));
}


void
sjl_kill_start(void)
{
    size_t         i;
    json_t        *key;
    sjl_driver_t  *d, *next;

    json_array_foreach(sjl_kill_stale, i, key) {
        sjl_kill_delete(json_string_value(key));
    }

    json_decref(sjl_kill_stale);
    sjl_kill_stale = NULL;

    DL_FOREACH_SAFE(sjl_drivers, d, next) {

        if (d->kept == NULL || d->context) {
            continue;
        }

        if (d->since > sjl_now() - SJL_KILL_DAYS * SJL_KILL_DAY) {
            sjl_log(SJL_LOG_INFO, "driver %s of %s is killed, as another "
                    "launcher had begun to", d->remote->id, d->remote->rest);
            sjl_driver_discard(d);
            continue;
        }

        sjl_log(SJL_LOG_ERR, "driver %s of %s is given up: its cluster has not "
                "said for %d days that it is over", d->remote->id,
                d->remote->rest, SJL_KILL_DAYS);
        sjl_kill_forget(d);
        sjl_driver_free(d);
    }
}
