
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * A database with many jobs costs no more than one with few: counted in steps
 * of SQLite and in pages that it writes, which no machine changes.
 */


#include "unit.h"
#include "sjl_dao_sqlite.h"

#include <sys/stat.h>


#define FEW    6000
#define MANY   30000
#define ROUND  1000
#define GROUP  20                       /* jobs in a commit */
#define LOG    (16 * 1024 * 1024)


typedef struct {
    sjl_dao_t     *dao;
    char          *folder;
    int64_t        n;                   /* jobs that were made */
    size_t         found;
    char           id[SJL_ID_LEN + 1];
} fixture_t;


static int
setup(void **state)
{
    int                 whole;
    char               *why;
    fixture_t          *f;
    sjl_context_row_t   context;

    f = sjl_alloc(sizeof(fixture_t));
    f->folder = unit_folder();
    f->dao = sjl_dao_sqlite.open(f->folder, &whole, &why);
    assert_non_null(f->dao);

    memset(&context, 0, sizeof(context));
    context.id = "c";
    context.name = "n";
    context.user = "u";
    context.settings = "{}";
    context.secret = "s";
    context.token = "t";

    assert_int_equal(sjl_dao_sqlite.begin(f->dao), SJL_OK);
    assert_int_equal(sjl_dao_sqlite.context_add(f->dao, &context), SJL_OK);
    assert_int_equal(sjl_dao_sqlite.commit(f->dao), SJL_OK);

    *state = f;

    return 0;
}


static int
teardown(void **state)
{
    fixture_t  *f;

    f = *state;
    sjl_dao_sqlite.close(f->dao);
    unit_remove(f->folder);
    free(f);

    return 0;
}


/* as the module makes them: the time, then what is random */

static void
make_id(fixture_t *f, int64_t n)
{
    uint64_t  random;

    random = (uint64_t) n * 0x9e3779b97f4a7c15;

    (void) snprintf(f->id, sizeof(f->id), "%08llx-%04llx-7%03llx-8%03llx-%012llx",
                    (unsigned long long) (n >> 16),
                    (unsigned long long) (n & 0xffff),
                    (unsigned long long) (random >> 52),
                    (unsigned long long) (random >> 40 & 0xfff),
                    (unsigned long long) (random & 0xffffffffffff));
}


/* a job as it is when it is accepted, and again when it has ended */

static void
put(fixture_t *f, int64_t n, int final)
{
    sjl_job_row_t  row;

    static char  *users[] = { "a", "b", "c" };
    static char  *classes[] = { "A", "B", "C", "D" };

    make_id(f, n);

    memset(&row, 0, sizeof(row));
    row.id = f->id;
    row.rev = final ? 3 : 1;
    row.class = classes[n % 4];
    row.context = "n";
    row.context_id = "c";
    row.user = users[n % 3];
    row.cp = "[{\"name\":\"examples\",\"type\":\"Jar\"}]";
    row.start = 1000 + n;
    row.code = -1;

    if (final) {
        row.final = 1;
        row.state = n % 50 ? SJP_JOB_FINISHED : SJP_JOB_ERROR;
        row.end = 1005 + n;
        row.data.data = "{\"a\":2,\"b\":1}";
        row.data.len = 13;
    }

    assert_int_equal(sjl_dao_sqlite.job_put(f->dao, &row), SJL_OK);
}


/* as they come: those of a group are accepted in one commit, and end in one */

static void
record(fixture_t *f, int64_t jobs)
{
    int      final;
    int64_t  i, until;

    for (until = f->n + jobs; f->n < until; f->n += GROUP) {

        for (final = 0; final <= 1; final++) {
            assert_int_equal(sjl_dao_sqlite.begin(f->dao), SJL_OK);

            for (i = 0; i < GROUP; i++) {
                put(f, f->n + i, final);
            }

            assert_int_equal(sjl_dao_sqlite.commit(f->dao), SJL_OK);
        }
    }
}


static void
relaxed(fixture_t *f)
{
    assert_int_equal(sqlite3_exec(((sjl_sqlite_t *) (void *) f->dao)->db,
                                  "PRAGMA synchronous = OFF", NULL, NULL, NULL),
                     SQLITE_OK);
}


static void
found(void *data, const void *row)
{
    (void) row;

    ((fixture_t *) data)->found++;
}


static void
list(fixture_t *f, const sjl_filter_t *filter, int64_t time, int64_t wanted)
{
    sjl_page_t  page;

    memset(&page, 0, sizeof(page));
    page.filter = *filter;
    page.filter.from = page.filter.from ? page.filter.from : INT64_MIN;
    page.filter.to = page.filter.to ? page.filter.to : INT64_MAX;
    page.limit = 50;
    page.scan = 1000;
    page.time = time;
    page.seq = INT64_MAX;
    f->found = 0;

    assert_int_equal(sjl_dao_sqlite.job_list(f->dao, &page, found, f), SJL_OK);
    assert_int_equal(f->found, wanted);
}


/* the first page, one from a cursor on, and one of a time that is long ago */

static void
lists(fixture_t *f, const sjl_filter_t *filter, int64_t old)
{
    sjl_filter_t  range;

    range = *filter;
    range.from = 1000;
    range.to = 1049;

    list(f, filter, INT64_MAX, 50);
    list(f, filter, 1000 + f->n / 2, 50);
    list(f, &range, INT64_MAX, old);
}


static void
ask(fixture_t *f)
{
    int64_t       seq;
    sjl_page_t    page;
    sjl_filter_t  filter;

    make_id(f, f->n / 3);
    f->found = 0;
    assert_int_equal(sjl_dao_sqlite.job_get(f->dao, f->id, found, f), SJL_OK);
    assert_int_equal(f->found, 1);

    assert_int_equal(sjl_dao_sqlite.job_alive(f->dao, INT64_MAX, found, f),
                     SJL_OK);
    assert_int_equal(sjl_dao_sqlite.job_nth(f->dao, 500, &seq), SJL_OK);
    assert_int_equal(sjl_dao_sqlite.job_scan(f->dao, seq, 64, found, f),
                     SJL_OK);
    assert_int_equal(sjl_dao_sqlite.context_named(f->dao, "n", found, f),
                     SJL_OK);

    memset(&filter, 0, sizeof(filter));
    lists(f, &filter, 50);

    filter.context = "n";
    lists(f, &filter, 50);

    filter.context = NULL;
    filter.user = "b";
    lists(f, &filter, 17);

    filter.user = NULL;
    filter.class = "C";
    lists(f, &filter, 12);

    filter.user = "b";
    lists(f, &filter, 4);

    filter.user = NULL;
    filter.class = NULL;
    filter.state = "FINISHED";
    lists(f, &filter, 49);

    /* what retention looks at each minute, when nothing is due */

    memset(&page, 0, sizeof(page));
    page.before = 1000;
    page.limit = 32;
    page.scan = 1000;
    page.time = INT64_MIN;

    assert_int_equal(sjl_dao_sqlite.job_purge(f->dao, &page, found, f), SJL_OK);
    assert_int_equal(sjl_dao_sqlite.context_purge(f->dao, &page, found, f),
                     SJL_OK);
}


static int64_t
steps(fixture_t *f)
{
    size_t   i;
    int64_t  n;

    n = 0;

    for (i = 0; i < SJL_NSTATEMENTS; i++) {
        n += sqlite3_stmt_status(sjl_sqlite_statement(f->dao, (sjl_sql_e) i),
                                 SQLITE_STMTSTATUS_VM_STEP, 1);
    }

    return n;
}


static void
test_what_is_asked_takes_as_many_steps(void **state)
{
    int64_t     few, many;
    fixture_t  *f;

    f = *state;
    relaxed(f);

    record(f, FEW);
    (void) steps(f);
    ask(f);
    few = steps(f);

    record(f, MANY);
    (void) steps(f);
    ask(f);
    many = steps(f);

    print_message("steps: %lld of %d jobs, %lld of %d\n", (long long) few, FEW,
                  (long long) many, MANY);

    assert_true(few > 1000);
    assert_true(many <= few + few / 10);
}


/* of the log and of the database: what a checkpoint copies is in there, too */

static int64_t
written(fixture_t *f, int64_t jobs)
{
    int       pages, most, frames, copied;
    sqlite3  *db;

    db = ((sjl_sqlite_t *) (void *) f->dao)->db;

    assert_int_equal(sqlite3_wal_checkpoint_v2(db, NULL,
                                               SQLITE_CHECKPOINT_TRUNCATE,
                                               &frames, &copied), SQLITE_OK);
    assert_int_equal(sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_WRITE, &pages,
                                       &most, 1), SQLITE_OK);
    record(f, jobs);

    assert_int_equal(sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_WRITE, &pages,
                                       &most, 1), SQLITE_OK);

    return pages;
}


static void
test_a_new_job_is_written_to_as_many_pages(void **state)
{
    int64_t     few, many;
    fixture_t  *f;

    f = *state;
    relaxed(f);

    record(f, ROUND);
    few = written(f, 400);

    record(f, MANY);
    many = written(f, 400);

    print_message("pages for 400 jobs: %lld after %d, %lld after %d\n",
                  (long long) few, ROUND, (long long) many, MANY);

    assert_true(few > 100);
    /* a level of a tree more; with ids in no order it would be half of it */

    assert_true(many <= few + few / 5);
}


static int64_t
number(fixture_t *f, const char *sql)
{
    int64_t        n;
    sqlite3_stmt  *stmt;

    assert_int_equal(sqlite3_prepare_v2(((sjl_sqlite_t *) (void *) f->dao)->db,
                                        sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    n = sqlite3_column_int64(stmt, 0);
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);

    return n;
}


static void
purge(fixture_t *f, int64_t before)
{
    sjl_page_t  page;

    memset(&page, 0, sizeof(page));
    page.before = before;
    page.limit = 32;
    page.scan = 1000;
    page.time = INT64_MIN;

    do {
        assert_int_equal(sjl_dao_sqlite.begin(f->dao), SJL_OK);
        assert_int_equal(sjl_dao_sqlite.job_purge(f->dao, &page, found, f),
                         SJL_OK);
        assert_int_equal(sjl_dao_sqlite.commit(f->dao), SJL_OK);
    } while (page.more);
}


/* what is deleted makes room for what comes: nobody has to VACUUM */

static void
test_a_file_stops_growing_when_as_many_jobs_go_as_come(void **state)
{
    size_t      i;
    int64_t     pages;
    fixture_t  *f;

    f = *state;
    relaxed(f);
    pages = 0;

    for (i = 0; i < 12; i++) {
        record(f, ROUND);
        purge(f, 1005 + f->n - 2 * ROUND);

        if (i == 3) {
            pages = number(f, "PRAGMA page_count");
        }
    }

    assert_int_equal(number(f, "SELECT count(*) FROM jobs"), 2 * ROUND);

    print_message("%lld pages after 4 rounds, %lld after 12\n",
                  (long long) pages,
                  (long long) number(f, "PRAGMA page_count"));

    assert_true(number(f, "PRAGMA page_count") <= pages + pages / 20);
}


static int64_t
size(fixture_t *f, const char *name)
{
    char         *path;
    struct stat   sb;

    path = sjl_format("%s/%s", f->folder, name);
    assert_int_equal(stat(path, &sb), 0);
    free(path);

    return sb.st_size;
}


/* nothing in the log can be written over as long as somebody else reads */

static void
test_a_log_that_a_reader_has_let_grow_becomes_small_again(void **state)
{
    char       *path;
    sqlite3    *reader;
    fixture_t  *f;

    f = *state;
    relaxed(f);
    record(f, GROUP);

    path = sjl_format("%s/sparkjob.db", f->folder);
    assert_int_equal(sqlite3_open(path, &reader), SQLITE_OK);
    free(path);
    assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM jobs",
                                  NULL, NULL, NULL), SQLITE_OK);

    while (size(f, "sparkjob.db-wal") <= LOG) {
        record(f, ROUND);
    }

    assert_int_equal(sqlite3_exec(reader, "COMMIT", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(reader), SQLITE_OK);

    record(f, ROUND);
    assert_true(size(f, "sparkjob.db-wal") <= LOG);
}


#define EACH(test)  cmocka_unit_test_setup_teardown(test, setup, teardown)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        EACH(test_what_is_asked_takes_as_many_steps),
        EACH(test_a_new_job_is_written_to_as_many_pages),
        EACH(test_a_file_stops_growing_when_as_many_jobs_go_as_come),
        EACH(test_a_log_that_a_reader_has_let_grow_becomes_small_again)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
