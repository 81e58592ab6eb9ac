
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_look.h"


typedef struct sjl_look_s  sjl_look_t;

typedef int (*sjl_look_find_pt)(sjl_look_t *look, sjl_dao_t *dao);

struct sjl_look_s {
    sjl_db_op_t          op;
    const sjl_table_t   *table;
    sjl_look_find_pt     find;
    char                *key;
    int64_t              number;
    sjl_look_pt          done;
    void                *data;
    int                  found;

    union {
        sjl_job_row_t      job;
        sjl_context_row_t  context;
    } row;
};


static void sjl_look(const sjl_table_t *table, sjl_look_find_pt find,
    const char *key, int64_t number, sjl_look_pt done, void *data);
static int sjl_look_run(sjl_db_op_t *op, sjl_dao_t *dao);
static int sjl_look_find_job(sjl_look_t *look, sjl_dao_t *dao);
static int sjl_look_find_context(sjl_look_t *look, sjl_dao_t *dao);
static int sjl_look_find_context_named(sjl_look_t *look, sjl_dao_t *dao);
static int sjl_look_find_session(sjl_look_t *look, sjl_dao_t *dao);
static int sjl_look_find_statement(sjl_look_t *look, sjl_dao_t *dao);
static void sjl_look_found(void *data, const void *row);
static void sjl_look_done(sjl_db_op_t *op);


void
sjl_look_job(const char *id, sjl_look_pt done, void *data)
{
    sjl_look(&sjl_jobs_table, sjl_look_find_job, id, 0, done, data);
}


void
sjl_look_context(const char *id, sjl_look_pt done, void *data)
{
    sjl_look(&sjl_contexts_table, sjl_look_find_context, id, 0, done,
             data);
}


void
sjl_look_context_named(const char *name, sjl_look_pt done, void *data)
{
    sjl_look(&sjl_contexts_table, sjl_look_find_context_named, name, 0, done,
             data);
}


void
sjl_look_session(int64_t session, sjl_look_pt done, void *data)
{
    sjl_look(&sjl_contexts_table, sjl_look_find_session, NULL, session, done,
             data);
}


void
sjl_look_statement(const char *context, int64_t number, sjl_look_pt done,
    void *data)
{
    sjl_look(&sjl_jobs_table, sjl_look_find_statement, context, number, done,
             data);
}


static void
sjl_look(const sjl_table_t *table, sjl_look_find_pt find, const char *key,
    int64_t number, sjl_look_pt done, void *data)
{
    sjl_look_t  *look;

    look = sjl_alloc(sizeof(sjl_look_t));
    look->table = table;
    look->find = find;
    look->key = sjl_strdup(key);
    look->number = number;
    look->done = done;
    look->data = data;
    look->op.run = sjl_look_run;
    look->op.reads = 1;
    look->op.done = sjl_look_done;

    sjl_db_add(&look->op, 0);
}


/* it may be the second time, after a rollback */

static int
sjl_look_run(sjl_db_op_t *op, sjl_dao_t *dao)
{
    sjl_look_t  *look;

    look = sjl_container(op, sjl_look_t, op);

    sjl_row_clear(look->table, &look->row);
    look->found = 0;

    return look->find(look, dao);
}


static int
sjl_look_find_job(sjl_look_t *look, sjl_dao_t *dao)
{
    return dao->type->job_get(dao, look->key, sjl_look_found, look);
}


static int
sjl_look_find_context(sjl_look_t *look, sjl_dao_t *dao)
{
    return dao->type->context_get(dao, look->key, sjl_look_found, look);
}


static int
sjl_look_find_context_named(sjl_look_t *look, sjl_dao_t *dao)
{
    return dao->type->context_named(dao, look->key, sjl_look_found, look);
}


static int
sjl_look_find_session(sjl_look_t *look, sjl_dao_t *dao)
{
    return dao->type->context_session(dao, look->number, sjl_look_found, look);
}


static int
sjl_look_find_statement(sjl_look_t *look, sjl_dao_t *dao)
{
    return dao->type->statement_get(dao, look->key, look->number,
                                    sjl_look_found, look);
}


static void
sjl_look_found(void *data, const void *row)
{
    sjl_look_t  *look;

    look = data;

    sjl_row_copy(look->table, &look->row, row);
    look->found = 1;
}


static void
sjl_look_done(sjl_db_op_t *op)
{
    sjl_look_t  *look;

    look = sjl_container(op, sjl_look_t, op);

    look->done(look->data, look->found ? &look->row : NULL,
               op->rc == SJL_ERROR ? &op->why : NULL);

    sjl_row_clear(look->table, &look->row);
    free(look->key);
    free(look);
}
