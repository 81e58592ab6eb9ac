
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Lists and purges, by each implementation of the DAO.
 */


#include "unit_dao.h"


/* all pages, and how many it took */

static size_t
turn(fixture_t *f, int (*fn)(sjl_dao_t *dao, sjl_page_t *page,
    sjl_dao_row_pt found, void *data), sjl_page_t *page, found_t *found)
{
    size_t  pages;

    pages = 0;

    do {
        assert_int_equal(fn(f->dao, page, found_job, found), SJL_OK);
        pages++;
    } while (page->more);

    return pages;
}


/* a list from its beginning, a page at a time, and how many pages it took */

static size_t
list(fixture_t *f, sjl_filter_t *filter, int64_t limit, int64_t scan,
    found_t *found)
{
    sjl_page_t  page;

    memset(&page, 0, sizeof(page));
    page.filter = *filter;
    page.limit = limit;
    page.scan = scan;
    page.time = INT64_MAX;
    page.seq = INT64_MAX;

    if (page.filter.to == 0) {
        page.filter.to = INT64_MAX;
    }

    return turn(f, f->type->job_list, &page, found);
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
mixed(sjl_job_row_t *job, int i)
{
    job->start = 100 + (i % 2 ? i + 1 : i - 1);
    job->end = 1000 - i;
    job->final = i != 12;
    job->state = i == 12 ? SJP_JOB_RUNNING
                 : i % 3 ? SJP_JOB_FINISHED : SJP_JOB_ERROR;
    job->user = i % 4 ? "a" : "b";
    job->context = i <= 6 ? "x" : "y";
    job->class = i == 5 ? "Other" : "C";
}


static void
fill_mixed(fixture_t *f)
{
    sjl_job_row_t  job;

    fill_with(f, 12, mixed);

    job_row(&job, "j13", "c1");
    job.start = 112;
    job.context = "z";

    assert_int_equal(f->type->begin(f->dao), SJL_OK);
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

    assert_int_equal(f->type->begin(f->dao), SJL_OK);
    pages = turn(f, f->type->job_purge, &page, found);
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


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        EACH(test_jobs_are_listed_newest_first),
        EACH(test_what_has_ended_is_purged_in_parts),
        EACH(test_a_context_is_purged_after_its_jobs),
        EACH(test_jobs_are_scanned_oldest_first),
        EACH(test_contexts_are_the_last_of_their_name),
        SQLITE(test_a_list_looks_at_so_many_rows_in_one_go)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
