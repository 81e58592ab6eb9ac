
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * SQLite alone: what outlives the process, schemas, and its plans.
 */


#include "unit_dao.h"

#include <sqlite3.h>


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
    assert_non_null(strstr(f->type->error(f->dao)->text, "FOREIGN KEY"));
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
found_number(void *data, const void *row)
{
    *(int64_t *) data = ((const sjl_number_row_t *) row)->next;
}


static void
test_an_older_database_is_migrated(void **state)
{
    char       *path;
    int64_t     number;
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

    /* what was alive is a session, and its number is not given again */

    assert_int_equal(found.context.session, 0);
    assert_string_equal(found.context.kind, "shared");
    forget(&found);

    number = 0;
    assert_int_equal(f->type->row_all(f->dao, &sjl_numbers_table, found_number,
                                      &number), SJL_OK);
    assert_int_equal(number, 1);
}


static void
test_a_newer_database_is_refused(void **state)
{
    int         whole;
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

    assert_null(f->type->open(f->folder, &whole, &why));
    assert_non_null(strstr(why, "version 1000"));
    free(why);

    assert_int_equal(unlink(path), 0);
    free(path);

    f->dao = NULL;
    reopen(f);
}


/* those that want all rows, or just the last ones, have nothing to look up */

static int
wants_all(size_t n)
{
    return n == SJL_SQL_JOB_NTH || n == SJL_SQL_BINARY_NEWEST
           || n == SJL_SQL_DATA_ALL || n == SJL_SQL_CALLBACK_ALL
           || n == SJL_SQL_REPLACEMENT_ALL || n == SJL_SQL_CLUSTER_ALL
           || n == SJL_SQL_LIBRARY_ALL
           || n == SJL_SQL_KILL_ALL || n == SJL_SQL_NUMBER_ALL
           || n == SJL_SQL_BATCH_ALL;
}


static void
test_no_statement_walks_a_table_or_sorts(void **state)
{
    char          *sql;
    size_t         i, steps;
    sqlite3       *db;
    fixture_t     *f;
    const char    *text, *detail;
    sqlite3_stmt  *plan;

    f = *state;
    db = ((sjl_sqlite_t *) (void *) f->dao)->db;
    steps = 0;

    for (i = 0; i < SJL_NSTATEMENTS; i++) {
        text = sqlite3_sql(sjl_sqlite_statement(f->dao, (sjl_sql_e) i));
        sql = sjl_format("EXPLAIN QUERY PLAN %s", text);
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &plan, NULL),
                         SQLITE_OK);

        while (sqlite3_step(plan) == SQLITE_ROW) {
            detail = (const char *) sqlite3_column_text(plan, 3);
            steps++;

            if (strstr(detail, "TEMP B-TREE")
                || (strncmp(detail, "SCAN ", 5) == 0 && !wants_all(i)
                    && strstr(detail, "INDEX contexts_alive") == NULL
                    && strstr(detail, "INDEX contexts_last") == NULL
                    && strstr(detail, "subquery") == NULL))
            {
                fail_msg("%s: %s", text, detail);
            }
        }

        assert_int_equal(sqlite3_finalize(plan), SQLITE_OK);
        free(sql);
    }

    assert_true(steps > 20);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        SQLITE(test_what_was_committed_is_there_again),
        SQLITE(test_a_job_needs_its_context),
        SQLITE(test_an_older_database_is_migrated),
        SQLITE(test_a_newer_database_is_refused),
        SQLITE(test_no_statement_walks_a_table_or_sorts)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
