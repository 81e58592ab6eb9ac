
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The DAO in memory, for tests and for those who need no history.
 */


#include "sjl_dao_memory.h"

#include <utlist.h>


static sjl_dao_t *sjl_memory_open(const char *folder, int *whole, char **why);
static void sjl_memory_close(sjl_dao_t *dao);
static void sjl_memory_close_store(sjl_store_t *store);
static const sjl_why_t *sjl_memory_error(sjl_dao_t *dao);
static void sjl_memory_damaged(sjl_dao_t *dao, const char *why);
static int sjl_memory_begin(sjl_dao_t *dao);
static int sjl_memory_commit(sjl_dao_t *dao);
static void sjl_memory_rollback(sjl_dao_t *dao);
static void *sjl_memory_copy(const sjl_table_t *table, const void *row);
static void sjl_memory_free(const sjl_table_t *table, void *row);
static void sjl_memory_note(sjl_memory_t *m, sjl_store_t *store,
    sjl_entry_t *entry, void *row);
static int sjl_memory_by_seq(sjl_entry_t *a, sjl_entry_t *b);
static int sjl_memory_context_add(sjl_dao_t *dao, const sjl_context_row_t *row);
static int sjl_memory_context_put(sjl_dao_t *dao, const sjl_context_row_t *row);
static int sjl_memory_context_get(sjl_dao_t *dao, const char *id,
    sjl_dao_row_pt fn, void *data);
static int sjl_memory_context_named(sjl_dao_t *dao, const char *name,
    sjl_dao_row_pt fn, void *data);
static int sjl_memory_context_alive(sjl_dao_t *dao, sjl_dao_row_pt fn,
    void *data);
static int sjl_memory_context_last(sjl_dao_t *dao, int64_t limit,
    sjl_dao_row_pt fn, void *data);
static int sjl_memory_binary_add(sjl_dao_t *dao, const sjl_binary_row_t *row);
static int sjl_memory_binary_delete(sjl_dao_t *dao, const char *name);
static int sjl_memory_binary_versions(sjl_dao_t *dao, const char *name,
    sjl_dao_row_pt fn, void *data);
static int sjl_memory_binary_newest(sjl_dao_t *dao, sjl_dao_row_pt fn,
    void *data);
static int sjl_memory_binary_uses(sjl_dao_t *dao, const char *sha256,
    const char *type, int64_t *uses);
static int sjl_memory_row_add(sjl_dao_t *dao, const sjl_table_t *table,
    const void *row);
static int sjl_memory_row_put(sjl_dao_t *dao, const sjl_table_t *table,
    const void *row);
static int sjl_memory_row_delete(sjl_dao_t *dao, const sjl_table_t *table,
    const char *key);
static int sjl_memory_row_all(sjl_dao_t *dao, const sjl_table_t *table,
    sjl_dao_row_pt fn, void *data);
static sjl_store_t *sjl_memory_store(sjl_memory_t *m,
    const sjl_table_t *table);
static const char *sjl_memory_key(const sjl_table_t *table, const void *row);


const sjl_dao_type_t  sjl_dao_memory = {
    "memory",
    sjl_memory_open,
    sjl_memory_close,
    sjl_memory_error,
    sjl_memory_damaged,
    sjl_memory_begin,
    sjl_memory_commit,
    sjl_memory_rollback,
    sjl_memory_context_add,
    sjl_memory_job_add,
    sjl_memory_context_put,
    sjl_memory_job_put,
    sjl_memory_job_forget,
    sjl_memory_context_get,
    sjl_memory_job_get,
    sjl_memory_context_named,
    sjl_memory_context_session,
    sjl_memory_session_forget,
    sjl_memory_context_alive,
    sjl_memory_context_last,
    sjl_memory_context_shown,
    sjl_memory_session_list,
    sjl_memory_job_alive,
    sjl_memory_job_scan,
    sjl_memory_statement_get,
    sjl_memory_statement_list,
    sjl_memory_statement_count,
    sjl_memory_job_list,
    sjl_memory_job_purge,
    sjl_memory_context_purge,
    sjl_memory_job_nth,
    sjl_memory_binary_add,
    sjl_memory_binary_delete,
    sjl_memory_binary_versions,
    sjl_memory_binary_newest,
    sjl_memory_binary_uses,
    sjl_memory_row_add,
    sjl_memory_row_put,
    sjl_memory_row_delete,
    sjl_memory_row_all
};


static sjl_dao_t *
sjl_memory_open(const char *folder, int *whole, char **why)
{
    sjl_memory_t  *m;

    (void) folder;

    *why = NULL;
    *whole = 1;

    m = sjl_alloc(sizeof(sjl_memory_t));
    m->dao.type = &sjl_dao_memory;
    m->contexts.table = &sjl_contexts_table;
    m->jobs.table = &sjl_jobs_table;
    m->binaries.table = &sjl_binaries_table;
    m->data.table = &sjl_data_table;
    m->callbacks.table = &sjl_callbacks_table;
    m->replacements.table = &sjl_replacements_table;
    m->clusters.table = &sjl_clusters_table;
    m->libraries.table = &sjl_libraries_table;
    m->kills.table = &sjl_kills_table;
    m->numbers.table = &sjl_numbers_table;
    m->batches.table = &sjl_batches_table;

    return &m->dao;
}


static void
sjl_memory_close(sjl_dao_t *dao)
{
    (void) sjl_memory_commit(dao);

    sjl_memory_close_store(&sjl_memory(dao)->contexts);
    sjl_memory_close_store(&sjl_memory(dao)->jobs);
    sjl_memory_close_store(&sjl_memory(dao)->binaries);
    sjl_memory_close_store(&sjl_memory(dao)->data);
    sjl_memory_close_store(&sjl_memory(dao)->callbacks);
    sjl_memory_close_store(&sjl_memory(dao)->replacements);
    sjl_memory_close_store(&sjl_memory(dao)->clusters);
    sjl_memory_close_store(&sjl_memory(dao)->libraries);
    sjl_memory_close_store(&sjl_memory(dao)->kills);
    sjl_memory_close_store(&sjl_memory(dao)->numbers);
    sjl_memory_close_store(&sjl_memory(dao)->batches);

    free(dao);
}


static void
sjl_memory_close_store(sjl_store_t *store)
{
    sjl_entry_t  *entry, *next;

    HASH_CLEAR(hh, store->by_key);

    DL_FOREACH_SAFE(store->list, entry, next) {
        sjl_memory_free(store->table, entry->row);
        free(entry->key);
        free(entry);
    }
}


static const sjl_why_t *
sjl_memory_error(sjl_dao_t *dao)
{
    static const sjl_why_t  why = {
        SJP_ERR_STORAGE_FAILED, "nothing fails in memory"
    };

    (void) dao;

    return &why;
}


/* nothing can be, and nobody looks */

static void
sjl_memory_damaged(sjl_dao_t *dao, const char *why)
{
    (void) dao;
    (void) why;
}


static int
sjl_memory_begin(sjl_dao_t *dao)
{
    (void) dao;

    return SJL_OK;
}


static int
sjl_memory_commit(sjl_dao_t *dao)
{
    sjl_undo_t    *undo;
    sjl_memory_t  *m;

    m = sjl_memory(dao);

    while (m->undo) {
        undo = m->undo;
        m->undo = undo->next;

        /* an entry that was removed is kept by nobody else */

        if (undo->entry->row == NULL) {
            free(undo->entry->key);
            free(undo->entry);
        }

        sjl_memory_free(undo->store->table, undo->row);
        free(undo);
    }

    return SJL_OK;
}


static void
sjl_memory_rollback(sjl_dao_t *dao)
{
    sjl_undo_t    *undo;
    sjl_entry_t   *entry;
    sjl_store_t   *store;
    sjl_memory_t  *m;

    m = sjl_memory(dao);

    while (m->undo) {
        undo = m->undo;
        m->undo = undo->next;

        entry = undo->entry;
        store = undo->store;

        if (undo->row == NULL) {
            HASH_DELETE(hh, store->by_key, entry);
            DL_DELETE(store->list, entry);
            sjl_memory_free(store->table, entry->row);
            free(entry->key);
            free(entry);

        } else if (entry->row == NULL) {
            entry->row = undo->row;
            HASH_ADD_KEYPTR(hh, store->by_key, entry->key, strlen(entry->key),
                            entry);
            DL_INSERT_INORDER(store->list, entry, sjl_memory_by_seq);

        } else {
            sjl_memory_free(store->table, entry->row);
            entry->row = undo->row;
        }

        free(undo);
    }
}


static void *
sjl_memory_copy(const sjl_table_t *table, const void *row)
{
    void  *copy;

    copy = sjl_alloc(table->size);
    sjl_row_copy(table, copy, row);

    return copy;
}


static void
sjl_memory_free(const sjl_table_t *table, void *row)
{
    if (row) {
        sjl_row_clear(table, row);
        free(row);
    }
}


sjl_entry_t *
sjl_memory_find(sjl_store_t *store, const char *key)
{
    sjl_entry_t  *entry;

    HASH_FIND_STR(store->by_key, key, entry);

    return entry;
}


/* the key is taken over; "seq" is the first member of every row */

void
sjl_memory_add(sjl_memory_t *m, sjl_store_t *store, char *key, const void *row)
{
    sjl_entry_t  *entry;

    entry = sjl_alloc(sizeof(sjl_entry_t));
    entry->row = sjl_memory_copy(store->table, row);
    entry->key = key;

    *(int64_t *) entry->row = ++store->seq;

    HASH_ADD_KEYPTR(hh, store->by_key, entry->key, strlen(key), entry);
    DL_APPEND(store->list, entry);

    sjl_memory_note(m, store, entry, NULL);
}


void
sjl_memory_replace(sjl_memory_t *m, sjl_store_t *store, sjl_entry_t *entry,
    const void *row)
{
    void  *old;

    old = entry->row;
    entry->row = sjl_memory_copy(store->table, row);
    *(int64_t *) entry->row = *(int64_t *) old;

    sjl_memory_note(m, store, entry, old);
}


void
sjl_memory_remove(sjl_memory_t *m, sjl_store_t *store, sjl_entry_t *entry)
{
    HASH_DELETE(hh, store->by_key, entry);
    DL_DELETE(store->list, entry);

    sjl_memory_note(m, store, entry, entry->row);
    entry->row = NULL;
}


static void
sjl_memory_note(sjl_memory_t *m, sjl_store_t *store, sjl_entry_t *entry,
    void *row)
{
    sjl_undo_t  *undo;

    undo = sjl_alloc(sizeof(sjl_undo_t));
    undo->store = store;
    undo->entry = entry;
    undo->row = row;

    LL_PREPEND(m->undo, undo);
}


static int
sjl_memory_by_seq(sjl_entry_t *a, sjl_entry_t *b)
{
    int64_t  x, y;

    x = *(int64_t *) a->row;
    y = *(int64_t *) b->row;

    return x < y ? -1 : x > y;
}


static int
sjl_memory_context_add(sjl_dao_t *dao, const sjl_context_row_t *row)
{
    sjl_memory_t  *m;

    m = sjl_memory(dao);

    if (sjl_memory_find(&m->contexts, row->id)) {
        return SJL_DAO_EXISTS;
    }

    sjl_memory_add(m, &m->contexts, sjl_strdup(row->id), row);

    return SJL_OK;
}


static int
sjl_memory_context_put(sjl_dao_t *dao, const sjl_context_row_t *row)
{
    sjl_entry_t        *entry;
    sjl_memory_t       *m;
    sjl_context_row_t  *old, next;

    m = sjl_memory(dao);
    entry = sjl_memory_find(&m->contexts, row->id);

    if (entry == NULL) {
        return sjl_memory_context_add(dao, row);
    }

    old = entry->row;

    if (row->rev >= old->rev && !old->final) {
        next = *row;
        next.statements = old->statements;
        sjl_memory_replace(m, &m->contexts, entry, &next);
    }

    return SJL_OK;
}


static int
sjl_memory_context_get(sjl_dao_t *dao, const char *id, sjl_dao_row_pt fn,
    void *data)
{
    sjl_entry_t  *entry;

    entry = sjl_memory_find(&sjl_memory(dao)->contexts, id);

    if (entry) {
        fn(data, entry->row);
    }

    return SJL_OK;
}


static int
sjl_memory_context_named(sjl_dao_t *dao, const char *name, sjl_dao_row_pt fn,
    void *data)
{
    sjl_entry_t  *entry, *newest;

    newest = NULL;

    DL_FOREACH(sjl_memory(dao)->contexts.list, entry) {
        if (strcmp(((sjl_context_row_t *) entry->row)->name, name) == 0) {
            newest = entry;
        }
    }

    if (newest) {
        fn(data, newest->row);
    }

    return SJL_OK;
}


static int
sjl_memory_context_alive(sjl_dao_t *dao, sjl_dao_row_pt fn, void *data)
{
    sjl_entry_t  *entry;

    DL_FOREACH(sjl_memory(dao)->contexts.list, entry) {
        if (!((sjl_context_row_t *) entry->row)->final) {
            fn(data, entry->row);
        }
    }

    return SJL_OK;
}


static int
sjl_memory_context_last(sjl_dao_t *dao, int64_t limit, sjl_dao_row_pt fn,
    void *data)
{
    sjl_entry_t        *entry, *newer, *list;
    sjl_context_row_t  *row, *other;

    list = sjl_memory(dao)->contexts.list;

    /* the list's first element has the last one as "prev" */

    for (entry = list ? list->prev : NULL; entry && limit > 0;
         entry = entry == list ? NULL : entry->prev)
    {
        row = entry->row;

        for (newer = entry->next; newer; newer = newer->next) {
            other = newer->row;

            if (other->final && strcmp(other->name, row->name) == 0) {
                break;
            }
        }

        if (row->final && newer == NULL) {
            fn(data, row);
            limit--;
        }
    }

    return SJL_OK;
}


static int
sjl_memory_binary_add(sjl_dao_t *dao, const sjl_binary_row_t *row)
{
    char          *key;
    sjl_memory_t  *m;

    m = sjl_memory(dao);
    key = sjl_format("%lld %s", (long long) row->time, row->name);

    if (sjl_memory_find(&m->binaries, key)) {
        free(key);
        return SJL_DAO_EXISTS;
    }

    sjl_memory_add(m, &m->binaries, key, row);

    return SJL_OK;
}


static int
sjl_memory_binary_delete(sjl_dao_t *dao, const char *name)
{
    sjl_entry_t   *entry, *next;
    sjl_memory_t  *m;

    m = sjl_memory(dao);

    DL_FOREACH_SAFE(m->binaries.list, entry, next) {
        if (strcmp(((sjl_binary_row_t *) entry->row)->name, name) == 0) {
            sjl_memory_remove(m, &m->binaries, entry);
        }
    }

    return SJL_OK;
}


static int
sjl_memory_binary_versions(sjl_dao_t *dao, const char *name, sjl_dao_row_pt fn,
    void *data)
{
    sjl_entry_t  *entry;

    DL_FOREACH(sjl_memory(dao)->binaries.list, entry) {
        if (strcmp(((sjl_binary_row_t *) entry->row)->name, name) == 0) {
            fn(data, entry->row);
        }
    }

    return SJL_OK;
}


static int
sjl_memory_binary_newest(sjl_dao_t *dao, sjl_dao_row_pt fn, void *data)
{
    sjl_entry_t       *entry, *other, *list;
    sjl_binary_row_t  *row, *newer;

    list = sjl_memory(dao)->binaries.list;

    DL_FOREACH(list, entry) {
        row = entry->row;

        DL_FOREACH(list, other) {
            newer = other->row;

            if (strcmp(newer->name, row->name) == 0 && newer->time > row->time)
            {
                break;
            }
        }

        if (other == NULL) {
            fn(data, row);
        }
    }

    return SJL_OK;
}


static int
sjl_memory_binary_uses(sjl_dao_t *dao, const char *sha256, const char *type,
    int64_t *uses)
{
    sjl_entry_t       *entry;
    sjl_binary_row_t  *row;

    *uses = 0;

    DL_FOREACH(sjl_memory(dao)->binaries.list, entry) {
        row = entry->row;

        if (strcmp(row->sha256, sha256) == 0 && strcmp(row->type, type) == 0) {
            (*uses)++;
        }
    }

    return SJL_OK;
}


static int
sjl_memory_row_add(sjl_dao_t *dao, const sjl_table_t *table, const void *row)
{
    sjl_store_t   *store;
    sjl_memory_t  *m;

    m = sjl_memory(dao);
    store = sjl_memory_store(m, table);

    if (sjl_memory_find(store, sjl_memory_key(table, row))) {
        return SJL_DAO_EXISTS;
    }

    sjl_memory_add(m, store, sjl_strdup(sjl_memory_key(table, row)), row);

    return SJL_OK;
}


static int
sjl_memory_row_put(sjl_dao_t *dao, const sjl_table_t *table, const void *row)
{
    sjl_entry_t   *entry;
    sjl_store_t   *store;
    sjl_memory_t  *m;

    m = sjl_memory(dao);
    store = sjl_memory_store(m, table);
    entry = sjl_memory_find(store, sjl_memory_key(table, row));

    if (entry == NULL) {
        return sjl_memory_row_add(dao, table, row);
    }

    sjl_memory_replace(m, store, entry, row);

    return SJL_OK;
}


static int
sjl_memory_row_delete(sjl_dao_t *dao, const sjl_table_t *table,
    const char *key)
{
    sjl_entry_t   *entry;
    sjl_store_t   *store;
    sjl_memory_t  *m;

    m = sjl_memory(dao);
    store = sjl_memory_store(m, table);
    entry = sjl_memory_find(store, key);

    if (entry) {
        sjl_memory_remove(m, store, entry);
    }

    return SJL_OK;
}


static int
sjl_memory_row_all(sjl_dao_t *dao, const sjl_table_t *table, sjl_dao_row_pt fn,
    void *data)
{
    sjl_entry_t  *entry;

    DL_FOREACH(sjl_memory_store(sjl_memory(dao), table)->list, entry) {
        fn(data, entry->row);
    }

    return SJL_OK;
}


static sjl_store_t *
sjl_memory_store(sjl_memory_t *m, const sjl_table_t *table)
{
    return table == &sjl_data_table ? &m->data
           : table == &sjl_callbacks_table ? &m->callbacks
           : table == &sjl_clusters_table ? &m->clusters
           : table == &sjl_libraries_table ? &m->libraries
           : table == &sjl_kills_table ? &m->kills
           : table == &sjl_numbers_table ? &m->numbers
           : table == &sjl_batches_table ? &m->batches
           : &m->replacements;
}


static const char *
sjl_memory_key(const sjl_table_t *table, const void *row)
{
    return *(char *const *) sjl_row_field(row, &table->columns[0]);
}
