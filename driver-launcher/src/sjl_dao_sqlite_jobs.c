
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Jobs in SQLite, and what is deleted in the end.
 */


#include "sjl_dao_sqlite.h"


/* rows of one order, which are looked at a part at a time */

typedef struct {
    const sjl_table_t  *table;
    size_t              time;           /* the member of the order */

    /* whether a row is wanted, or SJL_ERROR */
    int               (*has)(sjl_dao_t *dao, const sjl_page_t *page,
                             const void *row);
} sjl_order_t;


/* rows that are to be deleted */

typedef struct {
    int64_t         *seqs;
    size_t           n;
    sjl_dao_row_pt   fn;
    void            *data;
} sjl_doomed_t;


static int sjl_sqlite_rarest(sjl_dao_t *dao, const sjl_filter_t *filter,
    sjl_sql_e *n, const char **value);
static const char *sjl_sqlite_wanted(const sjl_filter_t *filter, size_t i);
static int sjl_sqlite_page(sjl_dao_t *dao, sjl_sql_e n,
    const sjl_order_t *order, sjl_page_t *page, sjl_dao_row_pt fn, void *data);
static int sjl_sqlite_job_has(sjl_dao_t *dao, const sjl_page_t *page,
    const void *row);
static int sjl_sqlite_context_has(sjl_dao_t *dao, const sjl_page_t *page,
    const void *row);
static int sjl_sqlite_purge(sjl_dao_t *dao, sjl_sql_e n, sjl_sql_e delete,
    const sjl_order_t *order, sjl_page_t *page, sjl_dao_row_pt fn, void *data);
static void sjl_sqlite_doom(void *data, const void *row);


static const sjl_order_t  sjl_sqlite_by_start = {
    &sjl_jobs_table, offsetof(sjl_job_row_t, start), sjl_sqlite_job_has
};

static const sjl_order_t  sjl_sqlite_by_end = {
    &sjl_jobs_table, offsetof(sjl_job_row_t, end), sjl_sqlite_job_has
};

static const sjl_order_t  sjl_sqlite_contexts_by_end = {
    &sjl_contexts_table, offsetof(sjl_context_row_t, end),
    sjl_sqlite_context_has
};


/* the members of a filter that have an index */

static const struct {
    size_t     member;
    sjl_sql_e  some;
    sjl_sql_e  list;
} sjl_sqlite_lists[] = {
    { offsetof(sjl_filter_t, state), SJL_SQL_JOB_SOME_STATE,
      SJL_SQL_JOB_LIST_STATE },
    { offsetof(sjl_filter_t, context), SJL_SQL_JOB_SOME_CONTEXT,
      SJL_SQL_JOB_LIST_CONTEXT },
    { offsetof(sjl_filter_t, user), SJL_SQL_JOB_SOME_USER,
      SJL_SQL_JOB_LIST_USER },
    { offsetof(sjl_filter_t, class), SJL_SQL_JOB_SOME_CLASS,
      SJL_SQL_JOB_LIST_CLASS }
};


int
sjl_sqlite_job_add(sjl_dao_t *dao, const sjl_job_row_t *row)
{
    return sjl_sqlite_add(dao, SJL_SQL_JOB_ADD, &sjl_jobs_table, row);
}


int
sjl_sqlite_job_put(sjl_dao_t *dao, const sjl_job_row_t *row)
{
    return sjl_sqlite_add(dao, SJL_SQL_JOB_PUT, &sjl_jobs_table, row);
}


int
sjl_sqlite_job_forget(sjl_dao_t *dao, const char *id)
{
    (void) sqlite3_bind_text(sjl_sqlite_statement(dao, SJL_SQL_JOB_FORGET), 1,
                             id, -1, SQLITE_STATIC);

    return sjl_sqlite_run(dao, SJL_SQL_JOB_FORGET);
}


int
sjl_sqlite_job_get(sjl_dao_t *dao, const char *id, sjl_dao_row_pt fn,
    void *data)
{
    (void) sqlite3_bind_text(sjl_sqlite_statement(dao, SJL_SQL_JOB_GET), 1, id,
                             -1, SQLITE_STATIC);

    return sjl_sqlite_rows(dao, SJL_SQL_JOB_GET, &sjl_jobs_table, fn, data);
}


int
sjl_sqlite_job_alive(sjl_dao_t *dao, int64_t before, sjl_dao_row_pt fn,
    void *data)
{
    (void) sqlite3_bind_int64(sjl_sqlite_statement(dao, SJL_SQL_JOB_ALIVE), 1,
                              before);

    return sjl_sqlite_rows(dao, SJL_SQL_JOB_ALIVE, &sjl_jobs_table, fn, data);
}


int
sjl_sqlite_job_scan(sjl_dao_t *dao, int64_t from, int64_t limit,
    sjl_dao_row_pt fn, void *data)
{
    sqlite3_stmt  *stmt;

    stmt = sjl_sqlite_statement(dao, SJL_SQL_JOB_SCAN);

    (void) sqlite3_bind_int64(stmt, 1, from);
    (void) sqlite3_bind_int64(stmt, 2, limit);

    return sjl_sqlite_rows(dao, SJL_SQL_JOB_SCAN, &sjl_jobs_table, fn, data);
}


int
sjl_sqlite_job_list(sjl_dao_t *dao, sjl_page_t *page, sjl_dao_row_pt fn,
    void *data)
{
    int64_t        to;
    sjl_sql_e      n;
    const char    *value;
    sqlite3_stmt  *stmt;

    if (sjl_sqlite_rarest(dao, &page->filter, &n, &value) == SJL_ERROR) {
        return SJL_ERROR;
    }

    /* one bound only is looked up in the index, so both are this one */

    to = page->filter.to < page->time ? page->filter.to : page->time;
    stmt = sjl_sqlite_statement(dao, n);

    (void) sqlite3_bind_int64(stmt, 3, page->filter.from);
    (void) sqlite3_bind_int64(stmt, 4, to);

    if (value) {
        (void) sqlite3_bind_text(stmt, 6, value, -1, SQLITE_STATIC);
    }

    return sjl_sqlite_page(dao, n, &sjl_sqlite_by_start, page, fn, data);
}


/*
 * The list that has the fewest rows to be looked at, as far as a short look
 * tells; the rest of the filter is applied to these.
 */

static int
sjl_sqlite_rarest(sjl_dao_t *dao, const sjl_filter_t *filter, sjl_sql_e *n,
    const char **value)
{
    size_t       i, wanted;
    int64_t      some, least;
    const char  *s;

    *n = SJL_SQL_JOB_LIST;
    *value = NULL;
    least = INT64_MAX;
    wanted = 0;

    for (i = 0; i < sjl_nelts(sjl_sqlite_lists); i++) {
        s = sjl_sqlite_wanted(filter, i);

        if (s) {
            *n = sjl_sqlite_lists[i].list;
            *value = s;
            wanted++;
        }
    }

    for (i = 0; wanted > 1 && i < sjl_nelts(sjl_sqlite_lists); i++) {
        s = sjl_sqlite_wanted(filter, i);

        if (s == NULL) {
            continue;
        }

        (void) sqlite3_bind_text(
                   sjl_sqlite_statement(dao, sjl_sqlite_lists[i].some), 1, s,
                   -1, SQLITE_STATIC);

        if (sjl_sqlite_number(dao, sjl_sqlite_lists[i].some, &some)
            == SJL_ERROR)
        {
            return SJL_ERROR;
        }

        if (some < least) {
            least = some;
            *n = sjl_sqlite_lists[i].list;
            *value = s;
        }
    }

    return SJL_OK;
}


static const char *
sjl_sqlite_wanted(const sjl_filter_t *filter, size_t i)
{
    return *(char **) (void *) ((char *) (uintptr_t) filter
                                + sjl_sqlite_lists[i].member);
}


static int
sjl_sqlite_page(sjl_dao_t *dao, sjl_sql_e n, const sjl_order_t *order,
    sjl_page_t *page, sjl_dao_row_pt fn, void *data)
{
    int            rc, has;
    int64_t        found, scanned;
    sqlite3_stmt  *stmt;

    union {
        sjl_context_row_t  context;
        sjl_job_row_t      job;
    } row;

    stmt = sjl_sqlite_statement(dao, n);
    found = 0;
    scanned = 0;
    has = 0;
    rc = SQLITE_DONE;

    (void) sqlite3_bind_int64(stmt, 1, page->time);
    (void) sqlite3_bind_int64(stmt, 2, page->seq);
    (void) sqlite3_bind_int64(stmt, 5, page->scan);

    while (found < page->limit && has != SJL_ERROR) {
        rc = sqlite3_step(stmt);

        if (rc != SQLITE_ROW) {
            break;
        }

        sjl_sqlite_read(stmt, order->table, &row, 0);

        scanned++;
        page->time = *(int64_t *) (void *) ((char *) &row + order->time);
        page->seq = *(int64_t *) (void *) &row;

        has = order->has(dao, page, &row);

        if (has > 0) {
            sjl_sqlite_read(stmt, order->table, &row, 1);
            fn(data, &row);
            found++;
        }
    }

    page->more = scanned && (rc == SQLITE_ROW || scanned == page->scan);

    if (sjl_sqlite_end(dao, n, rc) == SJL_ERROR) {
        return SJL_ERROR;
    }

    return has == SJL_ERROR ? SJL_ERROR : SJL_OK;
}


static int
sjl_sqlite_job_has(sjl_dao_t *dao, const sjl_page_t *page, const void *row)
{
    (void) dao;

    return sjl_filter_has(&page->filter, row);
}


static int
sjl_sqlite_context_has(sjl_dao_t *dao, const sjl_page_t *page, const void *row)
{
    int64_t                   jobs;
    const sjl_context_row_t  *context;

    (void) page;

    context = row;

    (void) sqlite3_bind_text(sjl_sqlite_statement(dao, SJL_SQL_CONTEXT_JOBS), 1,
                             context->id, -1, SQLITE_STATIC);

    if (sjl_sqlite_number(dao, SJL_SQL_CONTEXT_JOBS, &jobs) == SJL_ERROR) {
        return SJL_ERROR;
    }

    return jobs == 0;
}


int
sjl_sqlite_job_purge(sjl_dao_t *dao, sjl_page_t *page, sjl_dao_row_pt fn,
    void *data)
{
    return sjl_sqlite_purge(dao, SJL_SQL_JOB_ENDED, SJL_SQL_JOB_DELETE,
                            &sjl_sqlite_by_end, page, fn, data);
}


int
sjl_sqlite_context_purge(sjl_dao_t *dao, sjl_page_t *page, sjl_dao_row_pt fn,
    void *data)
{
    return sjl_sqlite_purge(dao, SJL_SQL_CONTEXT_ENDED, SJL_SQL_CONTEXT_DELETE,
                            &sjl_sqlite_contexts_by_end, page, fn, data);
}


static int
sjl_sqlite_purge(sjl_dao_t *dao, sjl_sql_e n, sjl_sql_e delete,
    const sjl_order_t *order, sjl_page_t *page, sjl_dao_row_pt fn, void *data)
{
    int            rc;
    size_t         i;
    sjl_doomed_t   doomed;

    doomed.seqs = sjl_alloc((size_t) page->limit * sizeof(int64_t));
    doomed.n = 0;
    doomed.fn = fn;
    doomed.data = data;

    (void) sqlite3_bind_int64(sjl_sqlite_statement(dao, n), 4, page->before);

    rc = sjl_sqlite_page(dao, n, order, page, sjl_sqlite_doom, &doomed);

    for (i = 0; i < doomed.n && rc == SJL_OK; i++) {
        (void) sqlite3_bind_int64(sjl_sqlite_statement(dao, delete), 1,
                                  doomed.seqs[i]);
        rc = sjl_sqlite_run(dao, delete);
    }

    free(doomed.seqs);

    return rc;
}


static void
sjl_sqlite_doom(void *data, const void *row)
{
    sjl_doomed_t  *doomed;

    doomed = data;

    doomed->seqs[doomed->n++] = *(const int64_t *) row;
    doomed->fn(doomed->data, row);
}


int
sjl_sqlite_job_nth(sjl_dao_t *dao, int64_t n, int64_t *seq)
{
    (void) sqlite3_bind_int64(sjl_sqlite_statement(dao, SJL_SQL_JOB_NTH), 1, n);

    return sjl_sqlite_number(dao, SJL_SQL_JOB_NTH, seq);
}
