
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Sessions and statements in the DAO's implementations, and numbers that are
 * given once.
 */


#include "unit_dao.h"
#include "sjl_number.h"


/* two sessions; the first one has statements 0 to 4 and a job between them */

static void
fill_sessions(fixture_t *f)
{
    int                 i;
    char                id[16];
    sjl_job_row_t       job;
    sjl_context_row_t   context;

    assert_int_equal(f->type->begin(f->dao), SJL_OK);

    for (i = 0; i < 2; i++) {
        (void) snprintf(id, sizeof(id), "c%d", i);
        context_row(&context, id, id);
        context.session = i;
        context.kind = "spark";
        context.livy = "{}";
        context.heartbeat = 60;
        assert_int_equal(f->type->context_add(f->dao, &context), SJL_OK);
    }

    job_row(&job, "other", "c1");
    job.statement = 0;
    assert_int_equal(f->type->job_add(f->dao, &job), SJL_OK);

    for (i = 0; i < 5; i++) {
        (void) snprintf(id, sizeof(id), "s%d", i);
        job_row(&job, id, "c0");
        job.statement = i;
        job.kind = "sql";
        assert_int_equal(f->type->job_add(f->dao, &job), SJL_OK);

        (void) snprintf(id, sizeof(id), "j%d", i);
        job_row(&job, id, "c0");
        assert_int_equal(f->type->job_add(f->dao, &job), SJL_OK);
    }

    assert_int_equal(f->type->commit(f->dao), SJL_OK);
}


static void
test_a_session_is_found_by_its_number(void **state)
{
    found_t             found;
    fixture_t          *f;
    sjl_context_row_t   context;

    f = *state;
    memset(&found, 0, sizeof(found));
    fill_sessions(f);

    assert_int_equal(f->type->begin(f->dao), SJL_OK);

    context_row(&context, "adhoc", "adhoc");
    assert_int_equal(f->type->context_add(f->dao, &context), SJL_OK);

    assert_int_equal(f->type->context_session(f->dao, 1, found_context,
                                              &found), SJL_OK);
    assert_int_equal(found.n, 1);
    assert_string_equal(found.context.id, "c1");
    assert_string_equal(found.context.kind, "spark");
    assert_string_equal(found.context.livy, "{}");
    assert_int_equal(found.context.heartbeat, 60);
    forget(&found);

    assert_int_equal(f->type->context_session(f->dao, 2, found_context,
                                              &found), SJL_OK);
    assert_int_equal(f->type->context_session(f->dao, -1, found_context,
                                              &found), SJL_OK);
    assert_int_equal(found.n, 0);
    assert_int_equal(f->type->commit(f->dao), SJL_OK);
}


static void
list(fixture_t *f, found_t *found, int down, int64_t after, int64_t skip,
    int64_t limit)
{
    sjl_statements_t  statements;

    statements.context = "c0";
    statements.after = after;
    statements.skip = skip;
    statements.limit = limit;
    statements.down = down;

    forget(found);
    assert_int_equal(f->type->statement_list(f->dao, &statements, found_job,
                                             found), SJL_OK);
}


static void
test_statements_are_listed_by_their_numbers(void **state)
{
    int64_t     count;
    found_t     found;
    fixture_t  *f;

    f = *state;
    memset(&found, 0, sizeof(found));
    fill_sessions(f);

    assert_int_equal(f->type->begin(f->dao), SJL_OK);

    list(f, &found, 0, -1, 0, 100);
    assert_int_equal(found.n, 5);
    assert_string_equal(found.ids[0], "s0");
    assert_string_equal(found.ids[4], "s4");
    assert_string_equal(found.job.kind, "sql");

    list(f, &found, 0, 1, 1, 2);
    assert_int_equal(found.n, 2);
    assert_string_equal(found.ids[0], "s3");

    list(f, &found, 1, INT64_MAX, 1, 2);
    assert_int_equal(found.n, 2);
    assert_string_equal(found.ids[0], "s3");
    assert_string_equal(found.ids[1], "s2");

    list(f, &found, 1, 1, 0, 100);
    assert_int_equal(found.n, 1);
    assert_string_equal(found.ids[0], "s0");
    forget(&found);

    assert_int_equal(f->type->statement_get(f->dao, "c0", 3, found_job,
                                            &found), SJL_OK);
    assert_int_equal(found.n, 1);
    assert_string_equal(found.ids[0], "s3");
    assert_int_equal(found.job.statement, 3);
    forget(&found);

    assert_int_equal(f->type->statement_get(f->dao, "c1", 3, found_job,
                                            &found), SJL_OK);
    assert_int_equal(f->type->statement_get(f->dao, "c0", -1, found_job,
                                            &found), SJL_OK);
    assert_int_equal(found.n, 0);

    assert_int_equal(f->type->statement_count(f->dao, "c0", &count), SJL_OK);
    assert_int_equal(count, 5);
    assert_int_equal(f->type->statement_count(f->dao, "x", &count), SJL_OK);
    assert_int_equal(count, 0);
    assert_int_equal(f->type->commit(f->dao), SJL_OK);
}


static void
assert_counted(fixture_t *f, int64_t statements)
{
    found_t  found;

    memset(&found, 0, sizeof(found));

    assert_int_equal(f->type->context_get(f->dao, "c0", found_context, &found),
                     SJL_OK);
    assert_int_equal(found.context.statements, statements);
    forget(&found);
}


/* with the row that has it, and whatever becomes of that */

static void
test_a_number_of_a_statement_is_given_once(void **state)
{
    int                 i;
    char                id[16];
    fixture_t          *f;
    sjl_job_row_t       job;
    sjl_context_row_t   context;

    f = *state;
    fill_sessions(f);

    assert_int_equal(f->type->begin(f->dao), SJL_OK);
    assert_counted(f, 5);

    for (i = 0; i < 5; i++) {
        (void) snprintf(id, sizeof(id), "s%d", i);
        assert_int_equal(f->type->job_forget(f->dao, id), SJL_OK);
    }

    /* the context's own row has none of it, and takes nothing back */

    context_row(&context, "c0", "c0");
    context.session = 0;
    context.rev = 2;
    assert_int_equal(f->type->context_put(f->dao, &context), SJL_OK);

    assert_counted(f, 5);
    assert_int_equal(f->type->commit(f->dao), SJL_OK);

    assert_int_equal(f->type->begin(f->dao), SJL_OK);
    job_row(&job, "s9", "c0");
    job.statement = 9;
    assert_int_equal(f->type->job_add(f->dao, &job), SJL_OK);
    assert_counted(f, 10);
    f->type->rollback(f->dao);

    assert_int_equal(f->type->begin(f->dao), SJL_OK);
    assert_counted(f, 5);
    assert_int_equal(f->type->commit(f->dao), SJL_OK);
}


static void
test_a_session_that_died_is_forgotten(void **state)
{
    found_t             found;
    fixture_t          *f;
    sjl_context_row_t   context;

    f = *state;
    memset(&found, 0, sizeof(found));
    fill_sessions(f);

    assert_int_equal(f->type->begin(f->dao), SJL_OK);

    context_row(&context, "c0", "c0");
    context.rev = 2;
    context.state = SJP_CONTEXT_ERROR;
    context.final = 1;
    context.until = 77;
    assert_int_equal(f->type->context_put(f->dao, &context), SJL_OK);
    assert_int_equal(f->type->session_forget(f->dao, "c0"), SJL_OK);
    assert_int_equal(f->type->session_forget(f->dao, "c1"), SJL_OK);

    assert_int_equal(f->type->context_get(f->dao, "c0", found_context, &found),
                     SJL_OK);
    assert_int_equal(found.context.until, 0);
    assert_int_equal(found.context.rev, 3);
    assert_int_equal(found.context.state, SJP_CONTEXT_ERROR);
    forget(&found);

    /* one that is alive stays as it is */

    assert_int_equal(f->type->context_get(f->dao, "c1", found_context, &found),
                     SJL_OK);
    assert_int_equal(found.context.rev, 1);
    forget(&found);

    assert_int_equal(f->type->commit(f->dao), SJL_OK);
}


static void
test_sessions_that_died_are_shown(void **state)
{
    int                 i;
    char                id[16];
    found_t             found;
    fixture_t          *f;
    sjl_context_row_t   context;

    f = *state;
    memset(&found, 0, sizeof(found));

    assert_int_equal(f->type->begin(f->dao), SJL_OK);

    for (i = 0; i < 5; i++) {
        (void) snprintf(id, sizeof(id), "c%d", i);
        context_row(&context, id, "dup");
        context.session = i;
        context.until = i == 4 ? 0 : 70 + i;
        context.final = i < 4;
        context.state = i < 4 ? SJP_CONTEXT_ERROR : SJP_CONTEXT_RUNNING;
        assert_int_equal(f->type->context_add(f->dao, &context), SJL_OK);
    }

    assert_int_equal(f->type->commit(f->dao), SJL_OK);

    assert_int_equal(f->type->context_shown(f->dao, 70, 10, found_context,
                                            &found), SJL_OK);
    assert_int_equal(found.n, 3);
    assert_string_equal(found.ids[0], "c3");
    assert_string_equal(found.ids[2], "c1");
    forget(&found);

    assert_int_equal(f->type->context_shown(f->dao, 70, 2, found_context,
                                            &found), SJL_OK);
    assert_int_equal(found.n, 2);
    assert_string_equal(found.ids[1], "c2");
    forget(&found);

    assert_int_equal(f->type->context_shown(f->dao, 73, 10, found_context,
                                            &found), SJL_OK);
    assert_int_equal(found.n, 0);

    assert_int_equal(f->type->session_list(f->dao, 71, 10, found_context,
                                           &found), SJL_OK);
    assert_int_equal(found.n, 3);
    assert_string_equal(found.ids[0], "c4");
    assert_string_equal(found.ids[2], "c2");
    forget(&found);
}


static void
found_number(void *data, const void *row)
{
    const sjl_number_row_t  *number;

    number = row;

    assert_string_equal(number->name, "session");
    *(int64_t *) data = number->next;
}


static void
assert_next(fixture_t *f, int64_t next)
{
    int64_t  found;

    found = -1;
    assert_int_equal(f->type->row_all(f->dao, &sjl_numbers_table, found_number,
                                      &found), SJL_OK);
    assert_int_equal(found, next);
}


/* what has to be tried again is kept later than it was given */

static void
test_a_smaller_number_takes_no_larger_one_back(void **state)
{
    size_t      i;
    fixture_t  *f;

    static const int64_t  keeps[][2] = { { 0, 1 }, { 4, 5 }, { 2, 5 } };

    f = *state;
    assert_int_equal(f->type->begin(f->dao), SJL_OK);

    for (i = 0; i < sjl_nelts(keeps); i++) {
        assert_int_equal(sjl_number_keep(f->dao, SJL_NUMBER_SESSION,
                                         keeps[i][0]), SJL_OK);
        assert_next(f, keeps[i][1]);
    }

    assert_int_equal(f->type->commit(f->dao), SJL_OK);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        EACH(test_a_session_is_found_by_its_number),
        EACH(test_statements_are_listed_by_their_numbers),
        EACH(test_a_number_of_a_statement_is_given_once),
        EACH(test_a_session_that_died_is_forgotten),
        EACH(test_sessions_that_died_are_shown),
        EACH(test_a_smaller_number_takes_no_larger_one_back)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
