
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Jobs in memory, and what is deleted in the end.
 */


#include "sjl_dao_memory.h"

#include <utlist.h>


static int sjl_memory_newer(const void *a, const void *b);
static size_t sjl_memory_page(sjl_page_t *page, size_t time,
    sjl_entry_t **found, size_t n, sjl_dao_row_pt fn, void *data);
static int sjl_memory_job_sooner(const void *a, const void *b);
static int sjl_memory_has_jobs(sjl_memory_t *m, const char *id);
static int sjl_memory_context_sooner(const void *a, const void *b);
static void sjl_memory_purge(sjl_dao_t *dao, sjl_store_t *store,
    sjl_page_t *page, size_t time, sjl_entry_t **found, size_t n,
    sjl_dao_row_pt fn, void *data);


int
sjl_memory_job_add(sjl_dao_t *dao, const sjl_job_row_t *row)
{
    sjl_memory_t  *m;

    m = sjl_memory(dao);

    if (sjl_memory_find(&m->jobs, row->id)) {
        return SJL_DAO_EXISTS;
    }

    sjl_memory_add(m, &m->jobs, sjl_strdup(row->id), row);
    sjl_memory_statement_added(m, row);

    return SJL_OK;
}


int
sjl_memory_job_put(sjl_dao_t *dao, const sjl_job_row_t *row)
{
    sjl_entry_t    *entry;
    sjl_memory_t   *m;
    sjl_job_row_t  *old;

    m = sjl_memory(dao);
    entry = sjl_memory_find(&m->jobs, row->id);

    if (entry == NULL) {
        return sjl_memory_job_add(dao, row);
    }

    old = entry->row;

    if (row->rev >= old->rev && !old->final) {
        sjl_memory_replace(m, &m->jobs, entry, row);
    }

    return SJL_OK;
}


int
sjl_memory_job_forget(sjl_dao_t *dao, const char *id)
{
    sjl_entry_t   *entry;
    sjl_memory_t  *m;

    m = sjl_memory(dao);
    entry = sjl_memory_find(&m->jobs, id);

    if (entry) {
        sjl_memory_remove(m, &m->jobs, entry);
    }

    return SJL_OK;
}


int
sjl_memory_job_get(sjl_dao_t *dao, const char *id, sjl_dao_row_pt fn,
    void *data)
{
    sjl_entry_t  *entry;

    entry = sjl_memory_find(&sjl_memory(dao)->jobs, id);

    if (entry) {
        fn(data, entry->row);
    }

    return SJL_OK;
}


int
sjl_memory_job_alive(sjl_dao_t *dao, int64_t before, sjl_dao_row_pt fn,
    void *data)
{
    sjl_entry_t    *entry;
    sjl_job_row_t  *row;

    DL_FOREACH(sjl_memory(dao)->jobs.list, entry) {
        row = entry->row;

        if (!row->final && row->seq < before) {
            fn(data, entry->row);
        }
    }

    return SJL_OK;
}


int
sjl_memory_job_scan(sjl_dao_t *dao, int64_t from, int64_t limit,
    sjl_dao_row_pt fn, void *data)
{
    sjl_entry_t  *entry;

    DL_FOREACH(sjl_memory(dao)->jobs.list, entry) {

        if (limit <= 0) {
            break;
        }

        if (((sjl_job_row_t *) entry->row)->seq >= from) {
            fn(data, entry->row);
            limit--;
        }
    }

    return SJL_OK;
}


int
sjl_memory_job_list(sjl_dao_t *dao, sjl_page_t *page, sjl_dao_row_pt fn,
    void *data)
{
    size_t          n;
    sjl_entry_t    *entry, **found;
    sjl_job_row_t  *row;

    found = sjl_alloc((HASH_COUNT(sjl_memory(dao)->jobs.by_key) + 1)
                      * sizeof(sjl_entry_t *));
    n = 0;

    DL_FOREACH(sjl_memory(dao)->jobs.list, entry) {
        row = entry->row;

        if (row->start >= page->filter.from && row->start <= page->filter.to
            && (row->start < page->time
                || (row->start == page->time && row->seq < page->seq))
            && sjl_filter_has(&page->filter, row))
        {
            found[n++] = entry;
        }
    }

    qsort(found, n, sizeof(sjl_entry_t *), sjl_memory_newer);
    sjl_memory_page(page, offsetof(sjl_job_row_t, start), found, n, fn, data);
    free(found);

    return SJL_OK;
}


static int
sjl_memory_newer(const void *a, const void *b)
{
    const sjl_job_row_t  *x, *y;

    x = (*(sjl_entry_t *const *) a)->row;
    y = (*(sjl_entry_t *const *) b)->row;

    if (x->start == y->start) {
        return x->seq > y->seq ? -1 : 1;
    }

    return x->start > y->start ? -1 : 1;
}


/* gives the first of what was found; returns how many these are */

static size_t
sjl_memory_page(sjl_page_t *page, size_t time, sjl_entry_t **found, size_t n,
    sjl_dao_row_pt fn, void *data)
{
    size_t   i;
    char    *row;

    for (i = 0; i < n && (int64_t) i < page->limit; i++) {
        row = found[i]->row;

        page->time = *(int64_t *) (void *) (row + time);
        page->seq = *(int64_t *) (void *) row;
        fn(data, row);
    }

    page->more = i && (int64_t) i == page->limit;

    return i;
}


int
sjl_memory_job_purge(sjl_dao_t *dao, sjl_page_t *page, sjl_dao_row_pt fn,
    void *data)
{
    size_t          n;
    sjl_store_t    *store;
    sjl_entry_t    *entry, **found;
    sjl_job_row_t  *row;

    store = &sjl_memory(dao)->jobs;
    found = sjl_alloc((HASH_COUNT(store->by_key) + 1) * sizeof(sjl_entry_t *));
    n = 0;

    DL_FOREACH(store->list, entry) {
        row = entry->row;

        if (row->final && row->end < page->before
            && (row->end > page->time
                || (row->end == page->time && row->seq > page->seq))
            && sjl_filter_has(&page->filter, row))
        {
            found[n++] = entry;
        }
    }

    qsort(found, n, sizeof(sjl_entry_t *), sjl_memory_job_sooner);
    sjl_memory_purge(dao, store, page, offsetof(sjl_job_row_t, end), found, n,
                     fn, data);

    return SJL_OK;
}


static int
sjl_memory_job_sooner(const void *a, const void *b)
{
    const sjl_job_row_t  *x, *y;

    x = (*(sjl_entry_t *const *) a)->row;
    y = (*(sjl_entry_t *const *) b)->row;

    if (x->end == y->end) {
        return x->seq < y->seq ? -1 : 1;
    }

    return x->end < y->end ? -1 : 1;
}


int
sjl_memory_context_purge(sjl_dao_t *dao, sjl_page_t *page, sjl_dao_row_pt fn,
    void *data)
{
    size_t              n;
    sjl_store_t        *store;
    sjl_entry_t        *entry, **found;
    sjl_context_row_t  *row;

    store = &sjl_memory(dao)->contexts;
    found = sjl_alloc((HASH_COUNT(store->by_key) + 1) * sizeof(sjl_entry_t *));
    n = 0;

    DL_FOREACH(store->list, entry) {
        row = entry->row;

        if (row->final && row->end < page->before
            && (row->end > page->time
                || (row->end == page->time && row->seq > page->seq))
            && !sjl_memory_has_jobs(sjl_memory(dao), row->id))
        {
            found[n++] = entry;
        }
    }

    qsort(found, n, sizeof(sjl_entry_t *), sjl_memory_context_sooner);
    sjl_memory_purge(dao, store, page, offsetof(sjl_context_row_t, end), found,
                     n, fn, data);

    return SJL_OK;
}


static int
sjl_memory_has_jobs(sjl_memory_t *m, const char *id)
{
    sjl_entry_t  *entry;

    DL_FOREACH(m->jobs.list, entry) {
        if (strcmp(((sjl_job_row_t *) entry->row)->context_id, id) == 0) {
            return 1;
        }
    }

    return 0;
}


static int
sjl_memory_context_sooner(const void *a, const void *b)
{
    const sjl_context_row_t  *x, *y;

    x = (*(sjl_entry_t *const *) a)->row;
    y = (*(sjl_entry_t *const *) b)->row;

    if (x->end == y->end) {
        return x->seq < y->seq ? -1 : 1;
    }

    return x->end < y->end ? -1 : 1;
}


/* "found" is freed */

static void
sjl_memory_purge(sjl_dao_t *dao, sjl_store_t *store, sjl_page_t *page,
    size_t time, sjl_entry_t **found, size_t n, sjl_dao_row_pt fn, void *data)
{
    size_t  i, given;

    given = sjl_memory_page(page, time, found, n, fn, data);

    for (i = 0; i < given; i++) {
        sjl_memory_remove(sjl_memory(dao), store, found[i]);
    }

    free(found);
}


int
sjl_memory_job_nth(sjl_dao_t *dao, int64_t n, int64_t *seq)
{
    sjl_entry_t  *entry, *list;

    list = sjl_memory(dao)->jobs.list;
    *seq = 0;

    for (entry = list ? list->prev : NULL; entry;
         entry = entry == list ? NULL : entry->prev)
    {
        if (--n == 0) {
            *seq = ((sjl_job_row_t *) entry->row)->seq;
            break;
        }
    }

    return SJL_OK;
}
