
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_batch.h"
#include "sjl_config.h"
#include "sjl_db.h"
#include "sjl_folder.h"
#include "sjl_number.h"
#include "sjl_quota.h"
#include "sjl_state.h"

#include <utlist.h>


#define SJL_BATCH_PERIOD  5.            /* seconds between two looks */


typedef struct {
    sjl_db_op_t       op;
    sjl_batch_t      *batch;
    sjl_batch_row_t   row;
} sjl_batch_save_t;


static void sjl_batch_enter(sjl_batch_t *b);
static void sjl_batch_due(struct ev_loop *loop, ev_timer *timer, int events);
static int sjl_batch_is_over(const sjl_batch_t *b);
static sjl_batch_save_t *sjl_batch_save_make(sjl_batch_t *b,
    int (*run)(sjl_db_op_t *op, sjl_dao_t *dao),
    void (*done)(sjl_db_op_t *op));
static void sjl_batch_save_free(sjl_batch_save_t *save);
static int sjl_batch_add_run(sjl_db_op_t *op, sjl_dao_t *dao);
static void sjl_batch_added(sjl_db_op_t *op);
static int sjl_batch_save_run(sjl_db_op_t *op, sjl_dao_t *dao);
static void sjl_batch_saved(sjl_db_op_t *op);
static int sjl_batch_delete_run(sjl_db_op_t *op, sjl_dao_t *dao);
static void sjl_batch_deleted(sjl_db_op_t *op);


sjl_batch_t  *sjl_batches;

static ev_timer  sjl_batch_timer;


void
sjl_batch_adopt(const sjl_batch_row_t *row)
{
    sjl_batch_t  *b;

    b = sjl_alloc(sizeof(sjl_batch_t));
    sjl_row_copy(&sjl_batches_table, &b->row, row);

    b->spec = json_loads(row->spec, 0, NULL);
    b->kept = 1;
    sjl_owner_of(row->id, &b->owner);

    sjl_batch_enter(b);
}


/* what it is found by is the row's, which has it for good */

static void
sjl_batch_enter(sjl_batch_t *b)
{
    ev_init(&b->timer, NULL);

    HASH_ADD_KEYPTR(hh, sjl_batches, b->row.id, SJL_ID_LEN, b);
}


void
sjl_batch_start_all(void)
{
    sjl_batch_t  *b, *next;

    HASH_ITER(hh, sjl_batches, b, next) {
        if (!sjl_batch_final(b)) {
            sjl_batch_resume(b);
        }
    }

    ev_timer_init(&sjl_batch_timer, sjl_batch_due, SJL_BATCH_PERIOD,
                  SJL_BATCH_PERIOD);
    ev_timer_start(sjl_loop, &sjl_batch_timer);
}


static void
sjl_batch_due(struct ev_loop *loop, ev_timer *timer, int events)
{
    sjl_batch_t  *b, *next;

    (void) loop;
    (void) timer;
    (void) events;

    HASH_ITER(hh, sjl_batches, b, next) {
        if (sjl_batch_is_over(b)) {
            sjl_batch_remove(b);
        }
    }
}


/* whether it has ended, and was shown long enough since */

static int
sjl_batch_is_over(const sjl_batch_t *b)
{
    return sjl_batch_final(b)
           && (b->row.stopping
               || sjl_now() - b->row.end >= sjl_conf->livy_retain * 1000);
}


sjl_batch_t *
sjl_batch_make(const char *id, const char *user)
{
    sjl_batch_t  *b;

    b = sjl_alloc(sizeof(sjl_batch_t));
    b->row.id = sjl_strdup(id);
    b->row.user = sjl_strdup(user);
    b->row.number = -1;
    b->row.start = sjl_now();

    sjl_batch_enter(b);

    return b;
}


void
sjl_batch_free(sjl_batch_t *b)
{
    HASH_DEL(sjl_batches, b);

    ev_timer_stop(sjl_loop, &b->timer);
    sjl_row_clear(&sjl_batches_table, &b->row);
    json_decref(b->spec);
    free(b->application);
    free(b->url);
    free(b);
}


sjl_batch_t *
sjl_batch_find(const char *id)
{
    sjl_batch_t  *b;

    HASH_FIND(hh, sjl_batches, id, strlen(id), b);

    return b;
}


int
sjl_batch_known(const char *id)
{
    return sjl_batch_find(id) != NULL;
}


int
sjl_batch_lives(const char *id)
{
    sjl_batch_t  *b;

    b = sjl_batch_find(id);

    return b && !sjl_batch_final(b);
}


size_t
sjl_batch_alive(void)
{
    size_t        n;
    sjl_batch_t  *b, *next;

    n = 0;

    HASH_ITER(hh, sjl_batches, b, next) {
        n += !sjl_batch_final(b);
    }

    return n;
}


int
sjl_batch_there(const sjl_batch_t *b, const char *owner)
{
    return b->kept && !b->removing && !sjl_batch_is_over(b)
           && sjl_row_owned(b->row.user, owner);
}


sjl_batch_t *
sjl_batch_which(const char *text, const char *owner)
{
    int           number;
    int64_t       n;
    sjl_batch_t  *b, *next, *found;

    number = *text && strspn(text, "0123456789") == strlen(text);
    n = number && strlen(text) < 19 ? strtoll(text, NULL, 10) : -1;
    found = NULL;

    HASH_ITER(hh, sjl_batches, b, next) {

        if (sjl_batch_there(b, owner)
            && (number ? b->row.number == n
                       : b->row.name && strcmp(b->row.name, text) == 0)
            && (found == NULL || b->row.number > found->row.number))
        {
            found = b;
        }
    }

    return found;
}


int
sjl_batch_call(sjl_batch_t *b, const char *name, const char *owner)
{
    sjl_batch_t  *other, *next;

    /* one that has ended leaves its name to the next try */

    HASH_ITER(hh, sjl_batches, other, next) {

        if (other->row.name && strcmp(other->row.name, name) == 0
            && !sjl_batch_final(other) && sjl_row_owned(other->row.user, owner))
        {
            return SJL_ERROR;
        }
    }

    b->row.name = sjl_strdup(name);

    return SJL_OK;
}


int
sjl_batch_final(const sjl_batch_t *b)
{
#define SJL_X(sym, name, final)  final,
    static const unsigned char  finals[] = { SJP_BATCH_STATES(SJL_X) };
#undef SJL_X

    return finals[b->row.state];
}


const char *
sjl_batch_state(const sjl_batch_t *b)
{
    if (!sjl_batch_final(b) && b->row.stopping) {
        return "shutting_down";
    }

    if (b->row.state == SJP_BATCH_STARTING_STATE && b->runs
        && (b->process.pid || b->reaping))
    {
        return sjl_batch_states[SJP_BATCH_RUNNING_STATE];
    }

    return sjl_batch_states[b->row.state];
}


void
sjl_batch_add(sjl_batch_t *b)
{
    sjl_batch_save_t  *save;

    save = sjl_batch_save_make(b, sjl_batch_add_run, sjl_batch_added);
    save->op.keeps = 1;

    sjl_db_add(&save->op, 0);
}


static sjl_batch_save_t *
sjl_batch_save_make(sjl_batch_t *b,
    int (*run)(sjl_db_op_t *op, sjl_dao_t *dao), void (*done)(sjl_db_op_t *op))
{
    sjl_batch_save_t  *save;

    save = sjl_alloc(sizeof(sjl_batch_save_t));
    save->batch = b;
    save->op.run = run;
    save->op.done = done;
    sjl_row_copy(&sjl_batches_table, &save->row, &b->row);

    b->nsaves++;

    return save;
}


static void
sjl_batch_save_free(sjl_batch_save_t *save)
{
    save->batch->nsaves--;
    sjl_row_clear(&sjl_batches_table, &save->row);
    free(save);
}


static int
sjl_batch_add_run(sjl_db_op_t *op, sjl_dao_t *dao)
{
    int                rc;
    sjl_batch_save_t  *save;

    save = sjl_container(op, sjl_batch_save_t, op);

    rc = dao->type->row_add(dao, &sjl_batches_table, &save->row);

    return rc == SJL_OK ? sjl_number_keep(dao, SJL_NUMBER_BATCH,
                                          save->row.number)
                        : rc;
}


static void
sjl_batch_added(sjl_db_op_t *op)
{
    sjl_batch_t       *b;
    sjl_request_t     *r, *next;
    sjl_batch_save_t  *save;

    save = sjl_container(op, sjl_batch_save_t, op);
    b = save->batch;
    b->kept = op->rc == SJL_OK;

    LL_FOREACH_SAFE2(b->creators, r, next, waiting) {
        if (b->kept) {
            sjl_batch_tell(b, r);

        } else {
            sjl_request_storage_failed(r, &op->why);
        }
    }

    b->creators = NULL;
    sjl_batch_save_free(save);

    if (b->kept) {
        sjl_batch_run(b);

    } else {
        sjl_folder_remove(sjl_path_context(b->row.id, ""));
        sjl_batch_free(b);
    }
}


void
sjl_batch_save(sjl_batch_t *b)
{
    sjl_batch_save_t  *save;

    save = sjl_batch_save_make(b, sjl_batch_save_run, sjl_batch_saved);
    save->op.retry = 1;

    sjl_db_add(&save->op, 0);
}


static int
sjl_batch_save_run(sjl_db_op_t *op, sjl_dao_t *dao)
{
    sjl_batch_save_t  *save;

    save = sjl_container(op, sjl_batch_save_t, op);

    return dao->type->row_put(dao, &sjl_batches_table, &save->row);
}


static void
sjl_batch_saved(sjl_db_op_t *op)
{
    sjl_batch_t       *b;
    sjl_batch_save_t  *save;

    save = sjl_container(op, sjl_batch_save_t, op);
    b = save->batch;
    sjl_batch_save_free(save);

    if (sjl_batch_final(b) && b->row.stopping) {
        sjl_batch_remove(b);
    }
}


/* as long as a change waits to be kept the row would come back by it */

void
sjl_batch_remove(sjl_batch_t *b)
{
    sjl_batch_save_t  *save;

    if (b->removing || b->nsaves) {
        return;
    }

    b->removing = 1;

    save = sjl_batch_save_make(b, sjl_batch_delete_run, sjl_batch_deleted);
    save->op.retry = 1;

    sjl_db_add(&save->op, 0);
}


static int
sjl_batch_delete_run(sjl_db_op_t *op, sjl_dao_t *dao)
{
    sjl_batch_save_t  *save;

    save = sjl_container(op, sjl_batch_save_t, op);

    return dao->type->row_delete(dao, &sjl_batches_table, save->row.id);
}


static void
sjl_batch_deleted(sjl_db_op_t *op)
{
    sjl_batch_t       *b;
    sjl_request_t     *r, *next;
    sjl_batch_save_t  *save;

    save = sjl_container(op, sjl_batch_save_t, op);
    b = save->batch;
    sjl_batch_save_free(save);

    LL_FOREACH_SAFE2(b->deleters, r, next, waiting) {
        sjl_request_reply(r, NULL, NULL, 0);
    }

    sjl_folder_remove(sjl_path_context(b->row.id, ""));
    sjl_batch_free(b);
    sjl_quota_sweep();
}
