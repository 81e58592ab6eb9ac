
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Rows: the same tests against each implementation of the DAO.
 */


#include "unit_dao.h"


static void
binary_row(sjl_binary_row_t *row, char *name, int64_t time, char *sha256)
{
    memset(row, 0, sizeof(sjl_binary_row_t));
    row->name = name;
    row->type = "Jar";
    row->time = time;
    row->sha256 = sha256;
    row->size = 3;
}


static void
found_binary(void *data, const void *row)
{
    found_t                 *found;
    const sjl_binary_row_t  *binary;

    found = data;
    binary = row;

    assert_true(found->n < MAX);
    (void) snprintf(found->ids[found->n++], 80, "%s %lld %s", binary->name,
                    (long long) binary->time, binary->sha256);
}


static void
found_callback(void *data, const void *row)
{
    found_t                   *found;
    const sjl_callback_row_t  *callback;

    found = data;
    callback = row;

    assert_true(found->n < MAX);
    (void) snprintf(found->ids[found->n++], 80, "%s %d %s", callback->job,
                    (int) callback->attempts, callback->url);
}


static void
found_resource(void *data, const void *row)
{
    found_t                   *found;
    const sjl_resource_row_t  *resource;

    found = data;
    resource = row;

    assert_true(found->n < MAX);
    (void) snprintf(found->ids[found->n++], 80, "%s %s %d %s %s",
                    resource->name, resource->user, (int) resource->time,
                    resource->spec, resource->report);
}


static void
found_kill(void *data, const void *row)
{
    found_t               *found;
    const sjl_kill_row_t  *kill;

    found = data;
    kill = row;

    assert_true(found->n < MAX);
    (void) snprintf(found->ids[found->n++], 80, "%s %d %s", kill->driver,
                    (int) kill->time, kill->remote);
}


static void
test_a_row_comes_back_whole(void **state)
{
    found_t             found;
    fixture_t          *f;
    sjl_job_row_t       job;
    sjl_context_row_t   context;

    f = *state;
    memset(&found, 0, sizeof(found));

    context_row(&context, "c1", "name");
    context.adhoc = 1;
    context.state = SJP_CONTEXT_RUNNING;
    context.application = "app";
    context.max_jobs = 3;
    context.max_queued = 4;
    context.process = "1 2 3 boot";
    context.options = "[\"-Xmx1g\"]";
    context.error.data = "a\0b";
    context.error.len = 3;

    job_row(&job, "j1", "c1");
    job.state = SJP_JOB_ERROR;
    job.payload = SJL_PAYLOAD_ERROR;
    job.data.data = "{\"x\":1}";
    job.data.len = 7;
    job.end = 9;
    job.run_micros = 12;
    job.sync = 1;
    job.code = SJP_ERR_BAD_CONFIG;
    job.code_name = "words";
    job.dependent = "[{}]";
    job.request = "hash";
    job.progress = "{}";

    assert_int_equal(f->type->begin(f->dao), SJL_OK);
    assert_int_equal(f->type->context_add(f->dao, &context), SJL_OK);
    assert_int_equal(f->type->job_add(f->dao, &job), SJL_OK);
    assert_int_equal(f->type->commit(f->dao), SJL_OK);

    assert_int_equal(f->type->context_get(f->dao, "c1", found_context, &found),
                     SJL_OK);
    assert_int_equal(found.n, 1);
    assert_string_equal(found.context.name, "name");
    assert_int_equal(found.context.adhoc, 1);
    assert_int_equal(found.context.state, SJP_CONTEXT_RUNNING);
    assert_string_equal(found.context.application, "app");
    assert_null(found.context.url);
    assert_string_equal(found.context.process, "1 2 3 boot");
    assert_int_equal(found.context.max_jobs, 3);
    assert_int_equal(found.context.max_queued, 4);
    assert_int_equal(found.context.code, -1);
    assert_int_equal(found.context.error.len, 3);
    assert_memory_equal(found.context.error.data, "a\0b", 3);
    forget(&found);

    assert_int_equal(f->type->job_get(f->dao, "j1", found_job, &found), SJL_OK);
    assert_int_equal(found.n, 1);
    assert_string_equal(found.job.context, "name");
    assert_string_equal(found.job.context_id, "c1");
    assert_int_equal(found.job.state, SJP_JOB_ERROR);
    assert_int_equal(found.job.payload, SJL_PAYLOAD_ERROR);
    assert_int_equal(found.job.data.len, 7);
    assert_null(found.job.config.data);
    assert_int_equal(found.job.end, 9);
    assert_int_equal(found.job.run_micros, 12);
    assert_int_equal(found.job.sync, 1);
    assert_int_equal(found.job.code, SJP_ERR_BAD_CONFIG);
    assert_string_equal(found.job.code_name, "words");
    assert_string_equal(found.job.dependent, "[{}]");
    assert_string_equal(found.job.request, "hash");
    assert_string_equal(found.job.progress, "{}");
    forget(&found);

    assert_int_equal(f->type->job_get(f->dao, "j2", found_job, &found), SJL_OK);
    assert_int_equal(found.n, 0);
}


static void
test_an_id_is_added_once(void **state)
{
    fixture_t          *f;
    sjl_job_row_t       job;
    sjl_context_row_t   context;

    f = *state;
    context_row(&context, "c1", "name");
    job_row(&job, "j1", "c1");

    assert_int_equal(f->type->begin(f->dao), SJL_OK);
    assert_int_equal(f->type->context_add(f->dao, &context), SJL_OK);
    assert_int_equal(f->type->context_add(f->dao, &context), SJL_DAO_EXISTS);
    assert_int_equal(f->type->job_add(f->dao, &job), SJL_OK);
    assert_int_equal(f->type->job_add(f->dao, &job), SJL_DAO_EXISTS);
    assert_int_equal(f->type->commit(f->dao), SJL_OK);
}


static void
test_an_older_change_does_not_win(void **state)
{
    found_t             found;
    fixture_t          *f;
    sjl_job_row_t       job;
    sjl_context_row_t   context;

    f = *state;
    memset(&found, 0, sizeof(found));

    context_row(&context, "c1", "name");
    job_row(&job, "j1", "c1");

    assert_int_equal(f->type->begin(f->dao), SJL_OK);
    assert_int_equal(f->type->context_put(f->dao, &context), SJL_OK);

    job.rev = 2;
    job.state = SJP_JOB_RUNNING;
    assert_int_equal(f->type->job_put(f->dao, &job), SJL_OK);

    job.rev = 1;
    job.state = SJP_JOB_STARTED;
    assert_int_equal(f->type->job_put(f->dao, &job), SJL_OK);

    assert_int_equal(f->type->job_get(f->dao, "j1", found_job, &found), SJL_OK);
    assert_int_equal(found.job.state, SJP_JOB_RUNNING);

    job.rev = 3;
    job.state = SJP_JOB_FINISHED;
    job.final = 1;
    assert_int_equal(f->type->job_put(f->dao, &job), SJL_OK);

    job.rev = 4;
    job.state = SJP_JOB_RUNNING;
    job.final = 0;
    assert_int_equal(f->type->job_put(f->dao, &job), SJL_OK);

    assert_int_equal(f->type->job_get(f->dao, "j1", found_job, &found), SJL_OK);
    assert_int_equal(found.job.state, SJP_JOB_FINISHED);
    assert_int_equal(found.job.rev, 3);

    context.rev = 3;
    context.secret = "";
    assert_int_equal(f->type->context_put(f->dao, &context), SJL_OK);

    context.rev = 2;
    context.secret = "unused";
    assert_int_equal(f->type->context_put(f->dao, &context), SJL_OK);

    assert_int_equal(f->type->context_get(f->dao, "c1", found_context, &found),
                     SJL_OK);
    assert_string_equal(found.context.secret, "");

    assert_int_equal(f->type->commit(f->dao), SJL_OK);
    forget(&found);
}


static void
test_a_rollback_leaves_nothing(void **state)
{
    int64_t             uses;
    found_t             found;
    fixture_t          *f;
    sjl_job_row_t       job;
    sjl_binary_row_t    binary;
    sjl_context_row_t   context;

    f = *state;
    memset(&found, 0, sizeof(found));

    context_row(&context, "c1", "name");
    job_row(&job, "j1", "c1");
    binary_row(&binary, "b", 1, "aa");

    assert_int_equal(f->type->begin(f->dao), SJL_OK);
    assert_int_equal(f->type->context_add(f->dao, &context), SJL_OK);
    assert_int_equal(f->type->job_add(f->dao, &job), SJL_OK);
    assert_int_equal(f->type->binary_add(f->dao, &binary), SJL_OK);
    assert_int_equal(f->type->commit(f->dao), SJL_OK);

    assert_int_equal(f->type->begin(f->dao), SJL_OK);
    job.rev = 2;
    job.state = SJP_JOB_RUNNING;
    assert_int_equal(f->type->job_put(f->dao, &job), SJL_OK);
    assert_int_equal(f->type->binary_delete(f->dao, "b"), SJL_OK);
    job_row(&job, "j2", "c1");
    assert_int_equal(f->type->job_add(f->dao, &job), SJL_OK);
    f->type->rollback(f->dao);

    assert_int_equal(f->type->begin(f->dao), SJL_OK);
    assert_int_equal(f->type->job_scan(f->dao, 0, 10, found_job, &found),
                     SJL_OK);
    assert_int_equal(found.n, 1);
    assert_int_equal(found.job.state, SJP_JOB_STARTED);
    assert_int_equal(f->type->binary_uses(f->dao, "aa", "Jar", &uses), SJL_OK);
    assert_int_equal(uses, 1);
    assert_int_equal(f->type->commit(f->dao), SJL_OK);
    forget(&found);
}


static void
test_the_newest_binary_wins(void **state)
{
    size_t             i;
    int64_t            uses;
    found_t            found;
    fixture_t         *f;
    sjl_binary_row_t   binary;

    static const struct {
        char     *name;
        int64_t   time;
        char     *sha256;
    } rows[] = {
        { "x", 2, "bb" }, { "x", 1, "aa" }, { "y", 1, "aa" }
    };

    f = *state;
    memset(&found, 0, sizeof(found));

    assert_int_equal(f->type->begin(f->dao), SJL_OK);

    for (i = 0; i < sjl_nelts(rows); i++) {
        binary_row(&binary, rows[i].name, rows[i].time, rows[i].sha256);
        assert_int_equal(f->type->binary_add(f->dao, &binary), SJL_OK);
    }

    assert_int_equal(f->type->binary_add(f->dao, &binary), SJL_DAO_EXISTS);
    assert_int_equal(f->type->commit(f->dao), SJL_OK);

    assert_int_equal(f->type->binary_newest(f->dao, found_binary, &found),
                     SJL_OK);
    assert_int_equal(found.n, 2);
    assert_string_equal(found.ids[0], "x 2 bb");
    assert_string_equal(found.ids[1], "y 1 aa");
    forget(&found);

    assert_int_equal(f->type->binary_versions(f->dao, "x", found_binary,
                                              &found), SJL_OK);
    assert_int_equal(found.n, 2);
    forget(&found);

    assert_int_equal(f->type->binary_uses(f->dao, "aa", "Jar", &uses), SJL_OK);
    assert_int_equal(uses, 2);

    assert_int_equal(f->type->begin(f->dao), SJL_OK);
    assert_int_equal(f->type->binary_delete(f->dao, "x"), SJL_OK);
    assert_int_equal(f->type->commit(f->dao), SJL_OK);

    assert_int_equal(f->type->binary_uses(f->dao, "aa", "Jar", &uses), SJL_OK);
    assert_int_equal(uses, 1);
    assert_int_equal(f->type->binary_uses(f->dao, "aa", "Egg", &uses), SJL_OK);
    assert_int_equal(uses, 0);
    assert_int_equal(f->type->binary_uses(f->dao, "bb", "Jar", &uses), SJL_OK);
    assert_int_equal(uses, 0);
}


static void
test_rows_with_a_key_only(void **state)
{
    found_t              found;
    fixture_t           *f;
    sjl_callback_row_t   row;

    f = *state;
    memset(&found, 0, sizeof(found));
    memset(&row, 0, sizeof(row));
    row.url = "http://host/";

    assert_int_equal(f->type->begin(f->dao), SJL_OK);

    row.job = "j2";
    assert_int_equal(f->type->row_add(f->dao, &sjl_callbacks_table, &row),
                     SJL_OK);
    row.job = "j1";
    assert_int_equal(f->type->row_add(f->dao, &sjl_callbacks_table, &row),
                     SJL_OK);
    assert_int_equal(f->type->row_add(f->dao, &sjl_callbacks_table, &row),
                     SJL_DAO_EXISTS);
    row.job = "j2";
    row.attempts = 3;
    assert_int_equal(f->type->row_put(f->dao, &sjl_callbacks_table, &row),
                     SJL_OK);
    assert_int_equal(f->type->commit(f->dao), SJL_OK);

    assert_int_equal(f->type->row_all(f->dao, &sjl_callbacks_table,
                                      found_callback, &found), SJL_OK);
    assert_int_equal(found.n, 2);
    assert_string_equal(found.ids[0], "j2 3 http://host/");
    assert_string_equal(found.ids[1], "j1 0 http://host/");
    forget(&found);

    assert_int_equal(f->type->row_all(f->dao, &sjl_data_table, found_callback,
                                      &found), SJL_OK);
    assert_int_equal(found.n, 0);

    assert_int_equal(f->type->begin(f->dao), SJL_OK);
    assert_int_equal(f->type->row_delete(f->dao, &sjl_callbacks_table, "j2"),
                     SJL_OK);
    assert_int_equal(f->type->row_delete(f->dao, &sjl_callbacks_table, "j9"),
                     SJL_OK);
    assert_int_equal(f->type->commit(f->dao), SJL_OK);

    assert_int_equal(f->type->row_all(f->dao, &sjl_callbacks_table,
                                      found_callback, &found), SJL_OK);
    assert_int_equal(found.n, 1);
    forget(&found);
}


static void
test_rows_of_kills(void **state)
{
    found_t          found;
    fixture_t       *f;
    sjl_kill_row_t   row;

    f = *state;
    memset(&found, 0, sizeof(found));
    memset(&row, 0, sizeof(row));

    row.driver = "c 1";
    row.time = 5;
    row.remote = "{}";

    assert_int_equal(f->type->begin(f->dao), SJL_OK);
    assert_int_equal(f->type->row_put(f->dao, &sjl_kills_table, &row), SJL_OK);
    row.time = 9;
    row.remote = "{\"id\": 1}";
    assert_int_equal(f->type->row_put(f->dao, &sjl_kills_table, &row), SJL_OK);
    assert_int_equal(f->type->commit(f->dao), SJL_OK);

    assert_int_equal(f->type->row_all(f->dao, &sjl_kills_table, found_kill,
                                      &found), SJL_OK);
    assert_int_equal(found.n, 1);
    assert_string_equal(found.ids[0], "c 1 9 {\"id\": 1}");
    forget(&found);

    assert_int_equal(f->type->begin(f->dao), SJL_OK);
    assert_int_equal(f->type->row_delete(f->dao, &sjl_kills_table, "c 1"),
                     SJL_OK);
    assert_int_equal(f->type->commit(f->dao), SJL_OK);

    assert_int_equal(f->type->row_all(f->dao, &sjl_kills_table, found_kill,
                                      &found), SJL_OK);
    assert_int_equal(found.n, 0);
}


/* both tables have the same columns: what is in one is not in the other */

static void
test_rows_of_clusters_and_library_sets(void **state)
{
    size_t               i;
    found_t              found;
    fixture_t           *f;
    sjl_resource_row_t   row;

    static const sjl_table_t *const  tables[] = {
        &sjl_clusters_table, &sjl_libraries_table
    };

    f = *state;
    memset(&found, 0, sizeof(found));
    memset(&row, 0, sizeof(row));
    row.user = "u";
    row.time = 5;

    for (i = 0; i < sjl_nelts(tables); i++) {
        row.name = (char *[]) { "c", "l" }[i];
        row.spec = "{}";
        row.report = NULL;

        assert_int_equal(f->type->begin(f->dao), SJL_OK);
        assert_int_equal(f->type->row_add(f->dao, tables[i], &row), SJL_OK);
        assert_int_equal(f->type->row_add(f->dao, tables[i], &row),
                         SJL_DAO_EXISTS);
        row.spec = "{\"a\": 1}";
        row.report = "{\"b\": 2}";
        assert_int_equal(f->type->row_put(f->dao, tables[i], &row), SJL_OK);
        assert_int_equal(f->type->commit(f->dao), SJL_OK);
    }

    for (i = 0; i < sjl_nelts(tables); i++) {
        assert_int_equal(f->type->row_all(f->dao, tables[i], found_resource,
                                          &found), SJL_OK);
        assert_int_equal(found.n, 1);
        assert_string_equal(found.ids[0],
                            i == 0 ? "c u 5 {\"a\": 1} {\"b\": 2}"
                            : "l u 5 {\"a\": 1} {\"b\": 2}");
        forget(&found);
    }

    assert_int_equal(f->type->begin(f->dao), SJL_OK);
    assert_int_equal(f->type->row_delete(f->dao, &sjl_clusters_table, "c"),
                     SJL_OK);
    assert_int_equal(f->type->row_delete(f->dao, &sjl_libraries_table, "c"),
                     SJL_OK);
    assert_int_equal(f->type->commit(f->dao), SJL_OK);

    assert_int_equal(f->type->row_all(f->dao, &sjl_clusters_table,
                                      found_resource, &found), SJL_OK);
    assert_int_equal(found.n, 0);
    assert_int_equal(f->type->row_all(f->dao, &sjl_libraries_table,
                                      found_resource, &found), SJL_OK);
    assert_int_equal(found.n, 1);
    forget(&found);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        EACH(test_a_row_comes_back_whole),
        EACH(test_an_id_is_added_once),
        EACH(test_an_older_change_does_not_win),
        EACH(test_a_rollback_leaves_nothing),
        EACH(test_the_newest_binary_wins),
        EACH(test_rows_with_a_key_only),
        EACH(test_rows_of_kills),
        EACH(test_rows_of_clusters_and_library_sets)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
