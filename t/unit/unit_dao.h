
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The DAO's tests: one store for each test, rows to put into it, and what it
 * has found.
 */


#ifndef _UNIT_DAO_H_INCLUDED_
#define _UNIT_DAO_H_INCLUDED_


#include "unit.h"
#include "sjl_dao_sqlite.h"


#define MAX  64


typedef struct {
    const sjl_dao_type_t  *type;
    sjl_dao_t             *dao;
    char                  *folder;
} fixture_t;


/* what a function has found */

typedef struct {
    size_t             n;
    char               ids[MAX][80];
    int64_t            seqs[MAX];
    sjl_job_row_t      job;
    sjl_context_row_t  context;
} found_t;


static inline void
reopen(fixture_t *f)
{
    int    whole;
    char  *why;

    why = NULL;

    if (f->dao) {
        f->type->close(f->dao);
    }

    f->dao = f->type->open(f->folder, &whole, &why);
    assert_non_null(f->dao);
}


static inline int
setup_sqlite(void **state)
{
    fixture_t  *f;

    f = sjl_alloc(sizeof(fixture_t));
    f->type = &sjl_dao_sqlite;
    f->folder = unit_folder();
    reopen(f);
    *state = f;

    return 0;
}


static inline int
setup_memory(void **state)
{
    fixture_t  *f;

    f = sjl_alloc(sizeof(fixture_t));
    f->type = &sjl_dao_memory;
    f->folder = unit_folder();
    reopen(f);
    *state = f;

    return 0;
}


static inline int
teardown(void **state)
{
    fixture_t  *f;

    f = *state;
    f->type->close(f->dao);
    unit_remove(f->folder);
    free(f);

    return 0;
}


static inline void
context_row(sjl_context_row_t *row, char *id, char *name)
{
    memset(row, 0, sizeof(sjl_context_row_t));
    row->id = id;
    row->name = name;
    row->user = "u";
    row->rev = 1;
    row->start = 5;
    row->settings = "{}";
    row->secret = "s";
    row->token = "t";
    row->code = -1;
    row->session = -1;
}


static inline void
job_row(sjl_job_row_t *row, char *id, char *context)
{
    memset(row, 0, sizeof(sjl_job_row_t));
    row->id = id;
    row->rev = 1;
    row->class = "C";
    row->context = "name";
    row->context_id = context;
    row->user = "u";
    row->cp = "[]";
    row->start = 7;
    row->code = -1;
    row->statement = -1;
}


static inline void
found_job(void *data, const void *row)
{
    found_t              *found;
    const sjl_job_row_t  *job;

    found = data;
    job = row;

    assert_true(found->n < MAX);
    (void) snprintf(found->ids[found->n], 80, "%s", job->id);
    found->seqs[found->n++] = job->seq;

    sjl_row_clear(&sjl_jobs_table, &found->job);
    sjl_row_copy(&sjl_jobs_table, &found->job, job);
}


static inline void
found_context(void *data, const void *row)
{
    found_t                  *found;
    const sjl_context_row_t  *context;

    found = data;
    context = row;

    assert_true(found->n < MAX);
    (void) snprintf(found->ids[found->n++], 80, "%s", context->id);

    sjl_row_clear(&sjl_contexts_table, &found->context);
    sjl_row_copy(&sjl_contexts_table, &found->context, context);
}


static inline void
forget(found_t *found)
{
    sjl_row_clear(&sjl_jobs_table, &found->job);
    sjl_row_clear(&sjl_contexts_table, &found->context);
    memset(found, 0, sizeof(found_t));
}


/* a context with so many jobs, each as a function leaves it */

static inline void
fill_with(fixture_t *f, int n, void (*change)(sjl_job_row_t *job, int i))
{
    int                 i;
    char                id[16];
    sjl_job_row_t       job;
    sjl_context_row_t   context;

    assert_int_equal(f->type->begin(f->dao), SJL_OK);

    context_row(&context, "c1", "name");
    assert_int_equal(f->type->context_add(f->dao, &context), SJL_OK);

    for (i = 1; i <= n; i++) {
        (void) snprintf(id, sizeof(id), "j%d", i);
        job_row(&job, id, "c1");
        change(&job, i);
        assert_int_equal(f->type->job_add(f->dao, &job), SJL_OK);
    }

    assert_int_equal(f->type->commit(f->dao), SJL_OK);
}


static inline void
finish_most(sjl_job_row_t *job, int i)
{
    if (i % 3) {
        job->state = SJP_JOB_FINISHED;
        job->final = 1;
    }
}


static inline void
fill(fixture_t *f)
{
    fill_with(f, 9, finish_most);
}


/* a test of each implementation, and one of SQLite alone */

#define EACH(test)                                                            \
    cmocka_unit_test_setup_teardown(test, setup_sqlite, teardown),            \
    cmocka_unit_test_setup_teardown(test, setup_memory, teardown)

#define SQLITE(test)                                                          \
    cmocka_unit_test_setup_teardown(test, setup_sqlite, teardown)


#endif /* _UNIT_DAO_H_INCLUDED_ */
