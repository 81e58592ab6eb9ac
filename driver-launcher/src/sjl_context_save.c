
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * A context's row on its way to the disk, and who waits for it.
 */


#include "sjl_context.h"
#include "sjl_channel.h"
#include "sjl_create.h"
#include "sjl_db.h"
#include "sjl_failure.h"
#include "sjl_folder.h"
#include "sjl_job.h"
#include "sjl_predefined.h"
#include "sjl_number.h"
#include "sjl_session.h"
#include "sjl_spare.h"
#include "sjl_state.h"
#include "sjl_thrift.h"

#include <utlist.h>


typedef struct {
    sjl_db_op_t         op;
    sjl_context_t      *context;
    sjl_context_row_t   row;
    int                 kept;           /* the context's is the loop's */
} sjl_context_op_t;


static void sjl_context_queue(sjl_context_t *ctx, int lazy,
    int (*run)(sjl_db_op_t *op, sjl_dao_t *dao), unsigned retry);
static int sjl_context_run_add(sjl_db_op_t *op, sjl_dao_t *dao);
static int sjl_context_run_put(sjl_db_op_t *op, sjl_dao_t *dao);
static void sjl_context_saved(sjl_db_op_t *op);
static void sjl_context_publish(sjl_context_t *ctx,
    const sjl_context_row_t *row);
static void sjl_context_answer(sjl_context_t *ctx,
    const sjl_context_row_t *row);
static void sjl_context_deleted(sjl_context_t *ctx);
static void sjl_context_durable(sjl_context_t *ctx);


void
sjl_context_add(sjl_context_t *ctx)
{
    sjl_context_queue(ctx, 0, sjl_context_run_add, ctx->kept);
}


/*
 * What is kept has a "rev" of its own each time, so that a change that has to
 * be tried again does not take a later one back.
 */

void
sjl_context_save(sjl_context_t *ctx, int lazy)
{
    ctx->row.rev++;

    /* until it is durable the row that is added has it, or begin() sees it */

    if (ctx->durable) {
        sjl_context_queue(ctx, lazy, sjl_context_run_put, 1);
    }
}


void
sjl_context_save_first(sjl_context_t *ctx, void (*then)(sjl_context_t *ctx))
{
    sjl_context_save(ctx, 0);

    ctx->awaited = ctx->row.rev;
    ctx->awaiting = then;
}


static void
sjl_context_queue(sjl_context_t *ctx, int lazy,
    int (*run)(sjl_db_op_t *op, sjl_dao_t *dao), unsigned retry)
{
    sjl_context_op_t  *cop;

    cop = sjl_alloc(sizeof(sjl_context_op_t));
    cop->context = ctx;
    cop->kept = ctx->kept;
    cop->op.run = run;
    cop->op.done = sjl_context_saved;
    cop->op.retry = retry;
    cop->op.keeps = 1;

    sjl_row_copy(&sjl_contexts_table, &cop->row, &ctx->row);

    ctx->nops++;
    sjl_db_add(&cop->op, lazy);
}


static int
sjl_context_run_add(sjl_db_op_t *op, sjl_dao_t *dao)
{
    int                rc;
    sjl_context_op_t  *cop;

    if (SPARKJOB_FAILS("create.row")) {
        return SJL_ERROR;
    }

    cop = sjl_container(op, sjl_context_op_t, op);
    rc = dao->type->context_add(dao, &cop->row);

    if (rc == SJL_OK && cop->row.session >= 0) {
        rc = sjl_number_keep(dao, SJL_NUMBER_SESSION, cop->row.session);
    }

    if (rc == SJL_OK && cop->kept) {
        rc = dao->type->row_delete(dao, &sjl_replacements_table, cop->row.id);
    }

    return rc;
}


static int
sjl_context_run_put(sjl_db_op_t *op, sjl_dao_t *dao)
{
    if (SPARKJOB_FAILS("context.row")) {
        return SJL_ERROR;
    }

    return dao->type->context_put(dao, &sjl_container(op, sjl_context_op_t,
                                                      op)->row);
}


static void
sjl_context_saved(sjl_db_op_t *op)
{
    void             (*then)(sjl_context_t *ctx);
    sjl_context_t     *ctx;
    sjl_context_op_t  *cop;

    cop = sjl_container(op, sjl_context_op_t, op);
    ctx = cop->context;

    ctx->nops--;

    SPARKJOB_FAULT(cop->row.final ? "delete.saved" : "create.saved");

    if (op->rc != SJL_OK) {
        if (op->rc == SJL_DAO_EXISTS) {
            sjl_why_set(&op->why, 0, "the context's id was used before");

        } else {
            sjl_folder_remove(sjl_path_context(ctx->row.id, ""));
        }

        sjl_context_not_added(ctx, &op->why);

    } else {
        if (cop->row.rev > ctx->published) {
            sjl_context_publish(ctx, &cop->row);
            sjl_context_answer(ctx, &cop->row);
            sjl_thrift_saved(ctx);
        }

        if (!ctx->durable) {
            sjl_context_durable(ctx);

        } else if (ctx->awaiting && cop->row.rev >= ctx->awaited) {
            then = ctx->awaiting;
            ctx->awaiting = NULL;
            then(ctx);
        }

        sjl_context_release(ctx);
    }

    sjl_row_clear(&sjl_contexts_table, &cop->row);
    free(cop);
}


static void
sjl_context_publish(sjl_context_t *ctx, const sjl_context_row_t *row)
{
    ctx->published = row->rev;

    sjl_channel_publish("put", "context", sjl_session_record(row), NULL, 0);
}


static void
sjl_context_answer(sjl_context_t *ctx, const sjl_context_row_t *row)
{
    sjl_request_t  *r, *next;

    if (row->state == SJP_CONTEXT_RUNNING || row->final) {
        ctx->answered = 1;

        while (ctx->creators) {
            r = ctx->creators;
            LL_DELETE2(ctx->creators, r, waiting);
            sjl_context_reply(r, row);
        }

        if (ctx->round) {
            sjl_predefined_answered(ctx, row->final ? row->reason : NULL,
                                    row->error.data, row->error.len);
        }

        sjl_replace_check();
    }

    LL_FOREACH_SAFE2(ctx->creators, r, next, waiting) {
        if (r->early) {
            LL_DELETE2(ctx->creators, r, waiting);
            sjl_context_reply(r, row);
        }
    }

    if (row->final && ctx->reap == NULL) {
        sjl_context_deleted(ctx);
    }
}


static void
sjl_context_deleted(sjl_context_t *ctx)
{
    char           *words;
    sjl_request_t  *r;

    words = ctx->left ? sjl_format("context %s: %s", ctx->row.name, ctx->left)
                      : NULL;

    while (ctx->deleters) {
        r = ctx->deleters;
        LL_DELETE2(ctx->deleters, r, waiting);

        if (words) {
            sjl_request_refuse(r, SJP_ERR_INTERNAL, words);

        } else {
            sjl_request_reply(r, NULL, NULL, 0);
        }
    }

    free(words);
}


static void
sjl_context_durable(sjl_context_t *ctx)
{
    ctx->durable = 1;

    if (ctx->kept) {
        sjl_files_delete(sjl_path_context(ctx->row.id, ".conf"));
    }

    sjl_job_context_durable(ctx);
    sjl_context_begin(ctx);
}


/* its row may be on the way to the disk yet, and answers then */

void
sjl_context_reaped(sjl_context_t *ctx, int known, const char *left)
{
    ctx->reap = NULL;
    ctx->nops--;

    if (known) {
        free(ctx->left);
        ctx->left = sjl_strdup(left);
    }

    if (ctx->published == ctx->row.rev) {
        sjl_context_deleted(ctx);
    }

    sjl_context_release(ctx);
}


void
sjl_context_reply(sjl_request_t *r, const sjl_context_row_t *row)
{
    if (row->code >= 0) {
        sjl_request_refuse_error(r, (sjp_error_e) row->code,
                                 sjl_error_explained(row->code) ? row->name
                                                                : row->reason,
                                 row->error.data, row->error.len);
        return;
    }

    sjl_request_reply(r, json_pack("{s:o}", "record", sjl_session_record(row)),
                      NULL, 0);
}


/* nothing has begun yet: there is no driver, and its jobs have no rows */

void
sjl_context_not_added(sjl_context_t *ctx, const sjl_why_t *why)
{
    sjl_request_t  *r;

    sjl_log(SJL_LOG_CRIT, "context %s %s cannot be kept: %s", ctx->row.name,
            ctx->row.id, why->text);

    sjl_context_leave_name(ctx);
    ctx->row.final = 1;
    ctx->gone = 1;
    ctx->nops++;

    sjl_spare_leave(ctx);

    while (ctx->creators) {
        r = ctx->creators;
        LL_DELETE2(ctx->creators, r, waiting);
        sjl_request_storage_failed(r, why);
    }

    sjl_context_deleted(ctx);

    if (ctx->round) {
        sjl_predefined_answered(ctx, why->text, NULL, 0);
    }

    sjl_job_context_gone(ctx, why);

    ctx->nops--;
    sjl_context_release(ctx);
}
