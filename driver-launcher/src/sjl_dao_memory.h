
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What the files of the DAO in memory share.
 */


#ifndef _SJL_DAO_MEMORY_H_INCLUDED_
#define _SJL_DAO_MEMORY_H_INCLUDED_


#include "sjl_dao.h"

#include <uthash.h>


typedef struct sjl_entry_s  sjl_entry_t;

struct sjl_entry_s {
    void            *row;
    char            *key;
    UT_hash_handle   hh;                /* by key */
    sjl_entry_t     *next;              /* in the order of "seq" */
    sjl_entry_t     *prev;
};


typedef struct {
    const sjl_table_t  *table;
    sjl_entry_t        *by_key;
    sjl_entry_t        *list;
    int64_t             seq;
} sjl_store_t;


/* how to take a change back */

typedef struct sjl_undo_s  sjl_undo_t;

struct sjl_undo_s {
    sjl_store_t  *store;
    sjl_entry_t  *entry;
    void         *row;                  /* as it was; NULL: it was not there */
    sjl_undo_t   *next;
};


typedef struct {
    sjl_dao_t     dao;
    sjl_store_t   contexts;
    sjl_store_t   jobs;
    sjl_store_t   binaries;
    sjl_store_t   data;
    sjl_store_t   callbacks;
    sjl_store_t   replacements;
    sjl_store_t   clusters;
    sjl_store_t   libraries;
    sjl_store_t   kills;
    sjl_store_t   numbers;
    sjl_store_t   batches;
    sjl_undo_t   *undo;
} sjl_memory_t;


#define sjl_memory(dao)  ((sjl_memory_t *) (void *) (dao))


sjl_entry_t *sjl_memory_find(sjl_store_t *store, const char *key);

/* changes that a rollback takes back; the key of a new row is taken over */
void sjl_memory_add(sjl_memory_t *m, sjl_store_t *store, char *key,
    const void *row);
void sjl_memory_replace(sjl_memory_t *m, sjl_store_t *store,
    sjl_entry_t *entry, const void *row);
void sjl_memory_remove(sjl_memory_t *m, sjl_store_t *store,
    sjl_entry_t *entry);

/* of the table of functions */
int sjl_memory_job_add(sjl_dao_t *dao, const sjl_job_row_t *row);
int sjl_memory_job_put(sjl_dao_t *dao, const sjl_job_row_t *row);
int sjl_memory_job_forget(sjl_dao_t *dao, const char *id);
int sjl_memory_job_get(sjl_dao_t *dao, const char *id, sjl_dao_row_pt fn,
    void *data);
int sjl_memory_job_alive(sjl_dao_t *dao, int64_t before, sjl_dao_row_pt fn,
    void *data);
int sjl_memory_job_scan(sjl_dao_t *dao, int64_t from, int64_t limit,
    sjl_dao_row_pt fn, void *data);
int sjl_memory_job_list(sjl_dao_t *dao, sjl_page_t *page, sjl_dao_row_pt fn,
    void *data);
int sjl_memory_job_purge(sjl_dao_t *dao, sjl_page_t *page, sjl_dao_row_pt fn,
    void *data);
int sjl_memory_context_purge(sjl_dao_t *dao, sjl_page_t *page,
    sjl_dao_row_pt fn, void *data);
int sjl_memory_job_nth(sjl_dao_t *dao, int64_t n, int64_t *seq);
int sjl_memory_context_session(sjl_dao_t *dao, int64_t session,
    sjl_dao_row_pt fn, void *data);
int sjl_memory_context_shown(sjl_dao_t *dao, int64_t now, int64_t limit,
    sjl_dao_row_pt fn, void *data);
int sjl_memory_session_list(sjl_dao_t *dao, int64_t now, int64_t limit,
    sjl_dao_row_pt fn, void *data);
int sjl_memory_session_forget(sjl_dao_t *dao, const char *id);
int sjl_memory_statement_get(sjl_dao_t *dao, const char *context,
    int64_t number, sjl_dao_row_pt fn, void *data);
int sjl_memory_statement_list(sjl_dao_t *dao,
    const sjl_statements_t *statements, sjl_dao_row_pt fn, void *data);
int sjl_memory_statement_count(sjl_dao_t *dao, const char *context,
    int64_t *count);

/* a statement's row is added: its context's counts it */
void sjl_memory_statement_added(sjl_memory_t *m, const sjl_job_row_t *row);


#endif /* _SJL_DAO_MEMORY_H_INCLUDED_ */
