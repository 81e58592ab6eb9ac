
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The same tests against each implementation of the DAO.
 */


#include "unit.h"
#include "sjl_dao.h"

#include <sqlite3.h>


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


static void
reopen(fixture_t *f)
{
    char  *why;

    why = NULL;

    if (f->dao) {
        f->type->close(f->dao);
    }

    f->dao = f->type->open(f->folder, &why);
    assert_non_null(f->dao);
}


static int
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


static int
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


static int
teardown(void **state)
{
    fixture_t  *f;

    f = *state;
    f->type->close(f->dao);
    unit_remove(f->folder);
    free(f);

    return 0;
}


static void
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
}


static void
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
}


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


static void
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
forget(found_t *found)
{
    sjl_row_clear(&sjl_jobs_table, &found->job);
    sjl_row_clear(&sjl_contexts_table, &found->context);
    memset(found, 0, sizeof(found_t));
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
fill(fixture_t *f)
{
    int                 i;
    char                id[16];
    sjl_job_row_t       job;
    sjl_context_row_t   context;

    assert_int_equal(f->type->begin(f->dao), SJL_OK);

    context_row(&context, "c1", "name");
    assert_int_equal(f->type->context_add(f->dao, &context), SJL_OK);

    for (i = 1; i <= 9; i++) {
        (void) snprintf(id, sizeof(id), "j%d", i);
        job_row(&job, id, "c1");

        if (i % 3) {
            job.state = SJP_JOB_FINISHED;
            job.final = 1;
        }

        assert_int_equal(f->type->job_add(f->dao, &job), SJL_OK);
    }

    assert_int_equal(f->type->commit(f->dao), SJL_OK);
}


static void
test_jobs_are_listed_newest_first(void **state)
{
    found_t     found;
    int64_t     place;
    fixture_t  *f;

    f = *state;
    memset(&found, 0, sizeof(found));
    fill(f);

    assert_int_equal(f->type->job_list(f->dao, NULL, INT64_MAX, 4, found_job,
                                       &found), SJL_OK);
    assert_int_equal(found.n, 4);
    assert_string_equal(found.ids[0], "j9");
    assert_string_equal(found.ids[3], "j6");
    place = found.seqs[3];
    forget(&found);

    assert_int_equal(f->type->job_list(f->dao, NULL, place, 10, found_job,
                                       &found), SJL_OK);
    assert_int_equal(found.n, 5);
    assert_string_equal(found.ids[0], "j5");
    forget(&found);

    assert_int_equal(f->type->job_list(f->dao, "STARTED", INT64_MAX, 10,
                                       found_job, &found), SJL_OK);
    assert_int_equal(found.n, 3);
    assert_string_equal(found.ids[0], "j9");
    assert_string_equal(found.ids[2], "j3");
    forget(&found);

    assert_int_equal(f->type->job_list(f->dao, "NOPE", INT64_MAX, 10,
                                       found_job, &found), SJL_OK);
    assert_int_equal(found.n, 0);

    assert_int_equal(f->type->job_list(f->dao, NULL, INT64_MAX, 0, found_job,
                                       &found), SJL_OK);
    assert_int_equal(found.n, 0);
}


static void
test_jobs_are_scanned_oldest_first(void **state)
{
    found_t     found;
    int64_t     seq;
    fixture_t  *f;

    f = *state;
    memset(&found, 0, sizeof(found));
    fill(f);

    assert_int_equal(f->type->job_nth(f->dao, 4, &seq), SJL_OK);
    assert_int_equal(f->type->job_scan(f->dao, seq, 3, found_job, &found),
                     SJL_OK);
    assert_int_equal(found.n, 3);
    assert_string_equal(found.ids[0], "j6");
    assert_string_equal(found.ids[2], "j8");
    forget(&found);

    assert_int_equal(f->type->job_alive(f->dao, seq, found_job, &found),
                     SJL_OK);
    assert_int_equal(found.n, 1);
    assert_string_equal(found.ids[0], "j3");
    forget(&found);

    assert_int_equal(f->type->job_nth(f->dao, 10, &seq), SJL_OK);
    assert_int_equal(seq, 0);
}


static void
test_contexts_are_the_last_of_their_name(void **state)
{
    size_t              i;
    found_t             found;
    fixture_t          *f;
    sjl_context_row_t   context;

    static const struct {
        char  *id;
        char  *name;
        int    final;
    } rows[] = {
        { "c1", "a", 1 }, { "c2", "b", 1 }, { "c3", "a", 1 }, { "c4", "a", 0 }
    };

    f = *state;
    memset(&found, 0, sizeof(found));

    assert_int_equal(f->type->begin(f->dao), SJL_OK);

    for (i = 0; i < sjl_nelts(rows); i++) {
        context_row(&context, rows[i].id, rows[i].name);
        context.final = rows[i].final;
        context.state = rows[i].final ? SJP_CONTEXT_FINISHED
                                      : SJP_CONTEXT_RUNNING;
        assert_int_equal(f->type->context_add(f->dao, &context), SJL_OK);
    }

    assert_int_equal(f->type->commit(f->dao), SJL_OK);

    assert_int_equal(f->type->context_last(f->dao, 10, found_context, &found),
                     SJL_OK);
    assert_int_equal(found.n, 2);
    assert_string_equal(found.ids[0], "c3");
    assert_string_equal(found.ids[1], "c2");
    forget(&found);

    assert_int_equal(f->type->context_last(f->dao, 1, found_context, &found),
                     SJL_OK);
    assert_int_equal(found.n, 1);
    forget(&found);

    assert_int_equal(f->type->context_alive(f->dao, found_context, &found),
                     SJL_OK);
    assert_int_equal(found.n, 1);
    assert_string_equal(found.ids[0], "c4");
    forget(&found);

    assert_int_equal(f->type->context_named(f->dao, "a", found_context, &found),
                     SJL_OK);
    assert_int_equal(found.n, 1);
    assert_string_equal(found.ids[0], "c4");
    forget(&found);

    assert_int_equal(f->type->context_named(f->dao, "z", found_context, &found),
                     SJL_OK);
    assert_int_equal(found.n, 0);
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


/* SQLite alone: what was committed outlives the process, schemas too new not */

static void
test_what_was_committed_is_there_again(void **state)
{
    found_t     found;
    fixture_t  *f;

    f = *state;
    memset(&found, 0, sizeof(found));

    fill(f);
    reopen(f);

    assert_int_equal(f->type->job_scan(f->dao, 0, MAX, found_job, &found),
                     SJL_OK);
    assert_int_equal(found.n, 9);
    forget(&found);
}


static void
test_a_job_needs_its_context(void **state)
{
    fixture_t      *f;
    sjl_job_row_t   job;

    f = *state;
    job_row(&job, "j1", "nowhere");

    assert_int_equal(f->type->begin(f->dao), SJL_OK);
    assert_int_equal(f->type->job_add(f->dao, &job), SJL_ERROR);
    assert_non_null(strstr(f->type->error(f->dao), "FOREIGN KEY"));
    f->type->rollback(f->dao);
}


/* version 1 of the schema, with a job in it */

static const char  version_1[] =
    "CREATE TABLE contexts (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " rev INTEGER NOT NULL, name TEXT NOT NULL, user TEXT NOT NULL,"
    " adhoc INTEGER NOT NULL, state TEXT NOT NULL, final INTEGER NOT NULL,"
    " start INTEGER NOT NULL, \"end\" INTEGER NOT NULL, application TEXT,"
    " url TEXT, reason TEXT, settings TEXT NOT NULL, options TEXT,"
    " max_jobs INTEGER NOT NULL, process TEXT, secret TEXT NOT NULL,"
    " token TEXT NOT NULL, code INTEGER NOT NULL, error BLOB);"
    "CREATE INDEX contexts_name ON contexts (name, seq);"
    "CREATE INDEX contexts_alive ON contexts (seq) WHERE final = 0;"
    "CREATE TABLE jobs (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " rev INTEGER NOT NULL, class TEXT NOT NULL,"
    " context_id TEXT NOT NULL REFERENCES contexts (id), user TEXT NOT NULL,"
    " cp TEXT NOT NULL, state TEXT NOT NULL, final INTEGER NOT NULL,"
    " sync INTEGER NOT NULL, start INTEGER NOT NULL, \"end\" INTEGER NOT NULL,"
    " run_micros INTEGER NOT NULL, payload TEXT NOT NULL,"
    " size INTEGER NOT NULL,"
    " data BLOB, config BLOB, config_file INTEGER NOT NULL, body BLOB,"
    " body_file INTEGER NOT NULL, code INTEGER NOT NULL, code_name TEXT);"
    "CREATE INDEX jobs_state ON jobs (state, seq);"
    "CREATE INDEX jobs_alive ON jobs (seq) WHERE final = 0;"
    "CREATE TABLE binaries (seq INTEGER PRIMARY KEY, name TEXT NOT NULL,"
    " type TEXT NOT NULL, time INTEGER NOT NULL, sha256 TEXT NOT NULL,"
    " size INTEGER NOT NULL, UNIQUE (name, time));"
    "CREATE INDEX binaries_sha256 ON binaries (sha256);"
    "INSERT INTO contexts VALUES (1, 'c1', 1, 'old', 'u', 0, 'RUNNING', 0, 1,"
    " 0, NULL, NULL, NULL, '{}', NULL, 8, NULL, '', '', -1, NULL);"
    "INSERT INTO jobs VALUES (1, 'j1', 1, 'C', 'c1', 'u', '[]', 'FINISHED', 1,"
    " 0, 1, 2, 3, 'none', 0, NULL, NULL, 0, NULL, 0, -1, NULL);"
    "PRAGMA user_version = 1;";


static void
test_an_older_database_is_migrated(void **state)
{
    char       *path;
    found_t     found;
    sqlite3    *db;
    fixture_t  *f;

    f = *state;
    memset(&found, 0, sizeof(found));
    f->type->close(f->dao);

    path = sjl_format("%s/sparkjob.db", f->folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, version_1, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    free(path);

    f->dao = NULL;
    reopen(f);

    assert_int_equal(f->type->job_get(f->dao, "j1", found_job, &found), SJL_OK);
    assert_int_equal(found.n, 1);
    assert_string_equal(found.job.context, "old");
    assert_int_equal(found.job.run_micros, 3);
    assert_null(found.job.request);
    forget(&found);

    assert_int_equal(f->type->context_get(f->dao, "c1", found_context, &found),
                     SJL_OK);
    assert_int_equal(found.context.max_jobs, 8);
    assert_int_equal(found.context.max_queued, 0);
    forget(&found);
}


static void
test_a_newer_database_is_refused(void **state)
{
    char       *path, *why;
    sqlite3    *db;
    fixture_t  *f;

    f = *state;
    f->type->close(f->dao);

    path = sjl_format("%s/sparkjob.db", f->folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 1000", NULL, NULL,
                                  NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);

    assert_null(f->type->open(f->folder, &why));
    assert_non_null(strstr(why, "version 1000"));
    free(why);

    assert_int_equal(unlink(path), 0);
    free(path);

    f->dao = NULL;
    reopen(f);
}


#define EACH(test)                                                            \
    cmocka_unit_test_setup_teardown(test, setup_sqlite, teardown),            \
    cmocka_unit_test_setup_teardown(test, setup_memory, teardown)

#define SQLITE(test)                                                          \
    cmocka_unit_test_setup_teardown(test, setup_sqlite, teardown)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        EACH(test_a_row_comes_back_whole),
        EACH(test_an_id_is_added_once),
        EACH(test_an_older_change_does_not_win),
        EACH(test_a_rollback_leaves_nothing),
        EACH(test_jobs_are_listed_newest_first),
        EACH(test_jobs_are_scanned_oldest_first),
        EACH(test_contexts_are_the_last_of_their_name),
        EACH(test_the_newest_binary_wins),
        EACH(test_rows_with_a_key_only),
        SQLITE(test_what_was_committed_is_there_again),
        SQLITE(test_a_job_needs_its_context),
        SQLITE(test_an_older_database_is_migrated),
        SQLITE(test_a_newer_database_is_refused)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
