
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The same tests against each implementation of the DAO.
 */


#include "unit.h"
#include "sjl_dao_sqlite.h"

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
    int    whole;
    char  *why;

    why = NULL;

    if (f->dao) {
        f->type->close(f->dao);
    }

    f->dao = f->type->open(f->folder, &whole, &why);
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


/* a list from its beginning, a page at a time, and how many pages it took */

static size_t
list(fixture_t *f, sjl_filter_t *filter, int64_t limit, int64_t scan,
    found_t *found)
{
    size_t      pages;
    sjl_page_t  page;

    memset(&page, 0, sizeof(page));
    page.filter = *filter;
    page.limit = limit;
    page.scan = scan;
    page.time = INT64_MAX;
    page.seq = INT64_MAX;
    pages = 0;

    if (page.filter.to == 0) {
        page.filter.to = INT64_MAX;
    }

    do {
        assert_int_equal(f->type->job_list(f->dao, &page, found_job, found),
                         SJL_OK);
        pages++;
    } while (page.more);

    return pages;
}


/* ids of what was found, one after the other */

static void
assert_found(found_t *found, const char *ids)
{
    char    text[1024];
    size_t  i;

    text[0] = '\0';

    for (i = 0; i < found->n; i++) {
        (void) strcat(text, i ? " " : "");
        (void) strcat(text, found->ids[i]);
    }

    assert_string_equal(text, ids);
    forget(found);
}


/* twelve jobs; of each two the later one has begun earlier */

static void
fill_mixed(fixture_t *f)
{
    int                 i;
    char                id[16];
    sjl_job_row_t       job;
    sjl_context_row_t   context;

    assert_int_equal(f->type->begin(f->dao), SJL_OK);

    context_row(&context, "c1", "name");
    assert_int_equal(f->type->context_add(f->dao, &context), SJL_OK);

    for (i = 1; i <= 12; i++) {
        (void) snprintf(id, sizeof(id), "j%d", i);
        job_row(&job, id, "c1");
        job.start = 100 + (i % 2 ? i + 1 : i - 1);
        job.end = 1000 - i;
        job.final = i != 12;
        job.state = i == 12 ? SJP_JOB_RUNNING
                    : i % 3 ? SJP_JOB_FINISHED : SJP_JOB_ERROR;
        job.user = i % 4 ? "a" : "b";
        job.context = i <= 6 ? "x" : "y";
        job.class = i == 5 ? "Other" : "C";
        assert_int_equal(f->type->job_add(f->dao, &job), SJL_OK);
    }

    job_row(&job, "j13", "c1");
    job.start = 112;
    job.context = "z";
    assert_int_equal(f->type->job_add(f->dao, &job), SJL_OK);
    assert_int_equal(f->type->commit(f->dao), SJL_OK);
}


static void
test_jobs_are_listed_newest_first(void **state)
{
    size_t      i;
    found_t     found;
    fixture_t  *f;

    static const struct {
        sjl_filter_t   filter;
        const char    *ids;
    } cases[] = {
        { { NULL, NULL, NULL, NULL, 0, 0 },
          "j13 j11 j12 j9 j10 j7 j8 j5 j6 j3 j4 j1 j2" },
        { { "ERROR", NULL, NULL, NULL, 0, 0 }, "j9 j6 j3" },
        { { NULL, "x", NULL, NULL, 0, 0 }, "j5 j6 j3 j4 j1 j2" },
        { { NULL, NULL, "b", NULL, 0, 0 }, "j12 j8 j4" },
        { { NULL, NULL, NULL, "Other", 0, 0 }, "j5" },
        { { NULL, NULL, NULL, NULL, 105, 107 }, "j8 j5 j6" },
        { { NULL, NULL, NULL, NULL, 113, 0 }, "" },
        { { "FINISHED", "x", "a", "C", 0, 0 }, "j1 j2" },
        { { "ERROR", "y", "a", NULL, 0, 0 }, "j9" },
        { { "STARTED", "z", "u", "C", 112, 112 }, "j13" },
        { { "NOPE", NULL, NULL, NULL, 0, 0 }, "" },
        { { NULL, "x", "nobody", NULL, 0, 0 }, "" }
    };

    f = *state;
    memset(&found, 0, sizeof(found));
    fill_mixed(f);

    for (i = 0; i < sjl_nelts(cases); i++) {
        (void) list(f, (sjl_filter_t *) &cases[i].filter, 100, 100, &found);
        assert_found(&found, cases[i].ids);

        /* the pages together are the whole, however small */

        (void) list(f, (sjl_filter_t *) &cases[i].filter, 1, 100, &found);
        assert_found(&found, cases[i].ids);

        (void) list(f, (sjl_filter_t *) &cases[i].filter, 5, 2, &found);
        assert_found(&found, cases[i].ids);
    }

    assert_int_equal(list(f, (sjl_filter_t *) &cases[0].filter, 0, 100,
                          &found), 1);
    assert_found(&found, "");
}


/* SQLite alone: a list that finds nothing does not read on and on */

static void
test_a_list_looks_at_so_many_rows_in_one_go(void **state)
{
    found_t       found;
    fixture_t    *f;
    sjl_filter_t  filter;

    f = *state;
    memset(&found, 0, sizeof(found));
    memset(&filter, 0, sizeof(filter));
    fill_mixed(f);

    /* both are as frequent as may be, but never together */

    filter.user = "b";
    filter.context = "z";
    assert_int_equal(list(f, &filter, 10, 100, &found), 1);

    filter.context = "x";
    filter.state = "RUNNING";
    filter.user = "a";
    assert_int_equal(list(f, &filter, 10, 1, &found), 2);
    assert_found(&found, "");
}


static size_t
purge(fixture_t *f, sjl_filter_t *filter, int64_t before, int64_t limit,
    found_t *found)
{
    size_t      pages;
    sjl_page_t  page;

    memset(&page, 0, sizeof(page));
    page.filter = *filter;
    page.before = before;
    page.limit = limit;
    page.scan = 100;
    page.time = INT64_MIN;
    pages = 0;

    assert_int_equal(f->type->begin(f->dao), SJL_OK);

    do {
        assert_int_equal(f->type->job_purge(f->dao, &page, found_job, found),
                         SJL_OK);
        pages++;
    } while (page.more);

    assert_int_equal(f->type->commit(f->dao), SJL_OK);

    return pages;
}


static void
test_what_has_ended_is_purged_in_parts(void **state)
{
    found_t       found;
    fixture_t    *f;
    sjl_filter_t  filter, all;

    f = *state;
    memset(&found, 0, sizeof(found));
    memset(&filter, 0, sizeof(filter));
    memset(&all, 0, sizeof(all));
    fill_mixed(f);

    assert_int_equal(purge(f, &all, 991, 100, &found), 1);
    assert_found(&found, "j11 j10");

    filter.state = "ERROR";
    (void) purge(f, &filter, INT64_MAX, 100, &found);
    assert_found(&found, "j9 j6 j3");

    filter.state = NULL;
    filter.context = "x";
    filter.user = "b";
    (void) purge(f, &filter, INT64_MAX, 100, &found);
    assert_found(&found, "j4");

    (void) list(f, &all, 100, 100, &found);
    assert_found(&found, "j13 j12 j7 j8 j5 j1 j2");

    assert_true(purge(f, &all, INT64_MAX, 2, &found) >= 3);
    assert_found(&found, "j8 j7 j5 j2 j1");

    /* what is not final stays, however old */

    (void) list(f, &all, 100, 100, &found);
    assert_found(&found, "j13 j12");
}


static void
test_a_context_is_purged_after_its_jobs(void **state)
{
    size_t              i;
    found_t             found;
    fixture_t          *f;
    sjl_page_t          page;
    sjl_filter_t        all;
    sjl_job_row_t       job;
    sjl_context_row_t   context;

    static const struct {
        char     *id;
        int64_t   end;
        int       final;
    } rows[] = {
        { "c1", 30, 1 }, { "c2", 20, 1 }, { "c3", 0, 0 }, { "c4", 10, 1 },
        { "c5", 90, 1 }
    };

    f = *state;
    memset(&found, 0, sizeof(found));
    memset(&all, 0, sizeof(all));
    assert_int_equal(f->type->begin(f->dao), SJL_OK);

    for (i = 0; i < sjl_nelts(rows); i++) {
        context_row(&context, rows[i].id, "n");
        context.end = rows[i].end;
        context.final = rows[i].final;
        assert_int_equal(f->type->context_add(f->dao, &context), SJL_OK);
    }

    job_row(&job, "j1", "c2");
    job.final = 1;
    job.state = SJP_JOB_FINISHED;
    assert_int_equal(f->type->job_add(f->dao, &job), SJL_OK);
    assert_int_equal(f->type->commit(f->dao), SJL_OK);

    memset(&page, 0, sizeof(page));
    page.before = 50;
    page.limit = 10;
    page.scan = 10;
    page.time = INT64_MIN;

    assert_int_equal(f->type->begin(f->dao), SJL_OK);
    assert_int_equal(f->type->context_purge(f->dao, &page, found_context,
                                            &found), SJL_OK);
    assert_int_equal(f->type->commit(f->dao), SJL_OK);
    assert_false(page.more);
    assert_found(&found, "c4 c1");

    (void) purge(f, &all, INT64_MAX, 10, &found);
    assert_found(&found, "j1");

    page.time = INT64_MIN;
    page.seq = 0;
    assert_int_equal(f->type->begin(f->dao), SJL_OK);
    assert_int_equal(f->type->context_purge(f->dao, &page, found_context,
                                            &found), SJL_OK);
    f->type->rollback(f->dao);
    assert_found(&found, "c2");

    assert_int_equal(f->type->context_get(f->dao, "c2", found_context, &found),
                     SJL_OK);
    assert_found(&found, "c2");
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
    sjl_page_t          page;
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

    /* one that becomes final is the last one; once deleted it is not */

    context_row(&context, "c4", "a");
    context.rev = 9;
    context.final = 1;
    context.end = 1;
    context.state = SJP_CONTEXT_FINISHED;
    assert_int_equal(f->type->begin(f->dao), SJL_OK);
    assert_int_equal(f->type->context_put(f->dao, &context), SJL_OK);
    assert_int_equal(f->type->commit(f->dao), SJL_OK);

    assert_int_equal(f->type->context_last(f->dao, 10, found_context, &found),
                     SJL_OK);
    assert_found(&found, "c4 c2");

    memset(&page, 0, sizeof(page));
    page.before = 2;
    page.limit = 10;
    page.scan = 10;
    page.time = 0;
    page.seq = INT64_MAX;
    assert_int_equal(f->type->begin(f->dao), SJL_OK);
    assert_int_equal(f->type->context_purge(f->dao, &page, found_context,
                                            &found), SJL_OK);
    assert_int_equal(f->type->commit(f->dao), SJL_OK);
    assert_found(&found, "c4");

    assert_int_equal(f->type->context_last(f->dao, 10, found_context, &found),
                     SJL_OK);
    assert_found(&found, "c3 c2");

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
           || n == SJL_SQL_LIBRARY_ALL;
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
        EACH(test_what_has_ended_is_purged_in_parts),
        EACH(test_a_context_is_purged_after_its_jobs),
        EACH(test_jobs_are_scanned_oldest_first),
        EACH(test_contexts_are_the_last_of_their_name),
        EACH(test_the_newest_binary_wins),
        EACH(test_rows_with_a_key_only),
        EACH(test_rows_of_clusters_and_library_sets),
        SQLITE(test_no_statement_walks_a_table_or_sorts),
        SQLITE(test_a_list_looks_at_so_many_rows_in_one_go),
        SQLITE(test_what_was_committed_is_there_again),
        SQLITE(test_a_job_needs_its_context),
        SQLITE(test_an_older_database_is_migrated),
        SQLITE(test_a_newer_database_is_refused)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
