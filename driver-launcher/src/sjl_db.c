
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_db.h"
#include "sjl_config.h"
#include "sjl_verify.h"

#include <stdatomic.h>


#define SJL_DB_RETRY  1.


static void sjl_db_work(void *data, sjl_op_t *ops);
static int sjl_db_batch(sjl_op_t *ops, sjl_op_t *last);
static int sjl_db_reads(sjl_op_t *ops, sjl_op_t *last);
static int sjl_db_run(sjl_op_t *ops, sjl_op_t *last);
static void sjl_db_failed(sjl_op_t *ops, sjl_op_t *last);
static void sjl_db_done(sjl_op_t *op);
static void sjl_db_settle(void);
static int sjl_db_settle_run(sjl_db_op_t *op, sjl_dao_t *dao);
static void sjl_db_settled(sjl_db_op_t *op);
static int sjl_db_damage(sjl_db_op_t *op, sjl_dao_t *dao);
static void sjl_db_damage_known(sjl_db_op_t *op);
static void sjl_db_verified(char *why);
static void sjl_db_again(struct ev_loop *loop, ev_timer *timer, int events);


static sjl_dao_t         *sjl_dao;
static atomic_uint_fast64_t  sjl_db_ncommits;

static sjl_queue_t        sjl_db_queue = {
    .name = "database",
    .work = sjl_db_work
};

static sjl_db_op_t       *sjl_db_retry, **sjl_db_retry_last = &sjl_db_retry;
static size_t             sjl_db_nretries;
static size_t             sjl_db_ntried;
static size_t             sjl_db_nkept;
static sjl_why_t          sjl_db_why;
static int                sjl_db_settling;
static int                sjl_db_whole;      /* all of it was looked at */
static void             (*sjl_db_well)(void);
static ev_timer           sjl_db_retry_timer;


static const sjl_dao_type_t *const  sjl_db_daos[] = {
    [SJL_DAO_KIND_SQLITE] = &sjl_dao_sqlite,
    [SJL_DAO_KIND_MEMORY] = &sjl_dao_memory
};


int
sjl_db_open(void)
{
    char  *why;

    why = NULL;
    sjl_dao = sjl_db_daos[sjl_conf->dao]->open(sjl_conf->data_dir,
                                                    &sjl_db_whole, &why);

    if (sjl_dao == NULL) {
        sjl_log(SJL_LOG_CRIT, "the %s storage in \"%s\" cannot be used: %s",
                sjl_db_daos[sjl_conf->dao]->name, sjl_conf->data_dir, why);
        free(why);
        return SJL_ERROR;
    }

    return SJL_OK;
}


void
sjl_db_when_whole(void (*fn)(void))
{
    if (sjl_db_whole) {
        fn();

    } else {
        sjl_db_well = fn;
    }
}


sjl_dao_t *
sjl_db_dao(void)
{
    return sjl_dao;
}


static int
sjl_db_damage(sjl_db_op_t *op, sjl_dao_t *dao)
{
    dao->type->damaged(dao, op->data);

    return SJL_OK;
}


static void
sjl_db_damage_known(sjl_db_op_t *op)
{
    free(op->data);
    free(op);
}


/* on the loop: what is changed is the database thread's to stop */

static void
sjl_db_verified(char *why)
{
    sjl_db_op_t  *op;

    if (why == NULL) {
        sjl_log(SJL_LOG_INFO, "the whole database was looked at, it is well");
        sjl_db_well();
        return;
    }

    sjl_log(SJL_LOG_CRIT, "the database is damaged: %s.  Nothing in it is "
            "changed any more; \"sparkjob-launcher check\" tells what else is "
            "wrong, and the last backup is to be put in its place", why);

    op = sjl_alloc(sizeof(sjl_db_op_t));
    op->run = sjl_db_damage;
    op->done = sjl_db_damage_known;
    op->data = why;

    sjl_db_add(op, 0);
}


int
sjl_db_start(void)
{
    if (!sjl_db_whole
        && sjl_verify_start(sjl_conf->data_dir, sjl_db_verified) == SJL_ERROR)
    {
        return SJL_ERROR;
    }

    ev_init(&sjl_db_retry_timer, sjl_db_again);

    return sjl_queue_start(&sjl_db_queue);
}


/*
 * A batch that fails is done again one operation at a time, so that nobody is
 * told of a failure that was another one's.
 */

static void
sjl_db_work(void *data, sjl_op_t *ops)
{
    sjl_op_t  *op;

    (void) data;

    if (sjl_db_batch(ops, NULL) == SJL_OK) {
        return;
    }

    for (op = ops; op; op = op->next) {
        if (sjl_db_batch(op, op->next) == SJL_ERROR) {
            sjl_db_failed(op, op->next);
        }
    }
}


/*
 * What only reads is no transaction: a commit is a change after one that has
 * failed, see sjl_sqlite_commit(), and nobody else writes in between.
 */

static int
sjl_db_batch(sjl_op_t *ops, sjl_op_t *last)
{
    if (sjl_db_reads(ops, last)) {
        return sjl_db_run(ops, last);
    }

    if (SPARKJOB_FAILS("db.begin")
        || sjl_dao->type->begin(sjl_dao) != SJL_OK)
    {
        return SJL_ERROR;
    }

    if (sjl_db_run(ops, last) == SJL_ERROR || SPARKJOB_FAILS("db.commit")
        || sjl_dao->type->commit(sjl_dao) != SJL_OK)
    {
        sjl_dao->type->rollback(sjl_dao);
        return SJL_ERROR;
    }

    SPARKJOB_FAULT("db.committed");

    atomic_fetch_add(&sjl_db_ncommits, 1);

    return SJL_OK;
}


static int
sjl_db_reads(sjl_op_t *ops, sjl_op_t *last)
{
    sjl_op_t  *op;

    for (op = ops; op != last; op = op->next) {
        if (!sjl_container(op, sjl_db_op_t, op)->reads) {
            return 0;
        }
    }

    return 1;
}


static int
sjl_db_run(sjl_op_t *ops, sjl_op_t *last)
{
    sjl_op_t     *op;
    sjl_db_op_t  *dbop;

    for (op = ops; op != last; op = op->next) {
        dbop = sjl_container(op, sjl_db_op_t, op);
        dbop->rc = SPARKJOB_FAILS("db.run") ? SJL_ERROR
                                          : dbop->run(dbop, sjl_dao);

        if (dbop->rc == SJL_ERROR) {
            return SJL_ERROR;
        }
    }

    return SJL_OK;
}


static void
sjl_db_failed(sjl_op_t *ops, sjl_op_t *last)
{
    sjl_op_t     *op;
    sjl_db_op_t  *dbop;

    for (op = ops; op != last; op = op->next) {
        dbop = sjl_container(op, sjl_db_op_t, op);
        dbop->rc = SJL_ERROR;
        dbop->why = *sjl_dao->type->error(sjl_dao);
    }
}


void
sjl_db_add(sjl_db_op_t *op, int lazy)
{
    op->op.done = sjl_db_done;

    sjl_queue_add(&sjl_db_queue, &op->op,
                  lazy ? sjl_conf->sync_commit_delay : 0);
}


int
sjl_db_amend(sjl_db_op_t *op, void (*fn)(sjl_op_t *op), int lazy)
{
    return sjl_queue_amend(&sjl_db_queue, &op->op, fn,
                           lazy ? sjl_conf->sync_commit_delay : 0);
}


static void
sjl_db_done(sjl_op_t *op)
{
    sjl_db_op_t  *dbop;

    dbop = sjl_container(op, sjl_db_op_t, op);

    if (dbop->rc != SJL_ERROR) {

        /* one that changes nothing succeeds on a full disk as well */

        if (dbop->tried || (dbop->keeps && dbop->rc == SJL_OK)) {
            sjl_db_nkept++;
        }

        if (dbop->tried && --sjl_db_ntried == 0) {
            sjl_log(SJL_LOG_NOTICE, "the storage works again");
        }

        dbop->done(dbop);
        return;
    }

    sjl_text_clean(dbop->why.text);

    if (!dbop->tried) {
        sjl_log(SJL_LOG_CRIT, "the storage failed: %s", dbop->why.text);
    }

    if (!dbop->retry) {
        dbop->done(dbop);
        sjl_db_settle();
        return;
    }

    if (!dbop->tried) {
        dbop->tried = 1;
        sjl_db_ntried++;
    }

    sjl_db_why = dbop->why;

    dbop->next = NULL;
    *sjl_db_retry_last = dbop;
    sjl_db_retry_last = &dbop->next;
    sjl_db_nretries++;

    if (!ev_is_active(&sjl_db_retry_timer)) {
        ev_timer_set(&sjl_db_retry_timer, SJL_DB_RETRY, 0.);
        ev_timer_start(sjl_loop, &sjl_db_retry_timer);
    }
}


/*
 * Who is told that nothing was changed is told the truth only when there was a
 * commit after the one that failed, see sjl_sqlite_commit().
 */

static void
sjl_db_settle(void)
{
    sjl_db_op_t  *op;

    if (sjl_db_settling) {
        return;
    }

    sjl_db_settling = 1;

    op = sjl_alloc(sizeof(sjl_db_op_t));
    op->run = sjl_db_settle_run;
    op->done = sjl_db_settled;
    op->retry = 1;

    sjl_db_add(op, 0);
}


static int
sjl_db_settle_run(sjl_db_op_t *op, sjl_dao_t *dao)
{
    (void) op;
    (void) dao;

    return SJL_OK;
}


static void
sjl_db_settled(sjl_db_op_t *op)
{
    sjl_db_settling = 0;
    free(op);
}


static void
sjl_db_again(struct ev_loop *loop, ev_timer *timer, int events)
{
    sjl_db_op_t  *op, *ops;

    (void) loop;
    (void) timer;
    (void) events;

    sjl_log(SJL_LOG_CRIT, "%zu changes wait for the storage, trying again: %s",
            sjl_db_nretries, sjl_db_why.text);

    ops = sjl_db_retry;
    sjl_db_retry = NULL;
    sjl_db_retry_last = &sjl_db_retry;
    sjl_db_nretries = 0;

    while (ops) {
        op = ops;
        ops = op->next;
        sjl_db_add(op, 0);
    }
}


const sjl_why_t *
sjl_db_trouble(void)
{
    return sjl_db_ntried ? &sjl_db_why : NULL;
}


size_t
sjl_db_kept(void)
{
    return sjl_db_nkept;
}


size_t
sjl_db_length(void)
{
    return sjl_db_queue.length + sjl_db_nretries;
}


size_t
sjl_db_retries(void)
{
    return sjl_db_nretries;
}


uint64_t
sjl_db_total(void)
{
    return sjl_db_queue.total;
}


uint64_t
sjl_db_commits(void)
{
    return atomic_load(&sjl_db_ncommits);
}


void
sjl_db_stop(void)
{
    sjl_verify_stop();
    sjl_queue_stop(&sjl_db_queue);
    ev_timer_stop(sjl_loop, &sjl_db_retry_timer);

    sjl_dao->type->close(sjl_dao);
    sjl_dao = NULL;
}
