
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Where rows are kept: one table of functions, several implementations.
 *
 * A DAO is used by one thread at a time.  Text and bytes of rows that are given
 * to it are not kept, those of rows that it gives are good until the function
 * that they were given to returns.
 */


#ifndef _SJL_DAO_H_INCLUDED_
#define _SJL_DAO_H_INCLUDED_


#include "sjl_row.h"


/*
 * What the functions return: SJL_OK, SJL_ERROR (the storage failed, "error"
 * tells how; the transaction has to be rolled back) or
 */

#define SJL_DAO_EXISTS  -2              /* add: the key is taken */


typedef struct sjl_dao_s  sjl_dao_t;

/* called for each row that was found */
typedef void (*sjl_dao_row_pt)(void *data, const void *row);


/* which jobs; what is NULL may be anything, and names need not exist */

typedef struct {
    char     *state;
    char     *context;
    char     *user;
    char     *class;
    int64_t   from;                     /* of "start", both inclusive */
    int64_t   to;
} sjl_filter_t;


/*
 * A part of many rows.  So that nobody waits long for the database, no more
 * than "scan" rows are looked at in one go, whether they are of the filter or
 * not, and the place is moved behind them.
 */

typedef struct {
    sjl_filter_t   filter;
    int64_t        before;              /* an end */
    int64_t        limit;               /* rows that are wanted */
    int64_t        scan;

    /* the place: what was looked at last */
    int64_t        time;                /* its "start" or "end" */
    int64_t        seq;
    int            more;                /* there may be more behind it */
} sjl_page_t;


/* a part of the statements of a context, by their numbers */

typedef struct {
    const char  *context;               /* id */
    int64_t      after;                 /* a number, see "down" */
    int64_t      skip;                  /* so many behind it are passed over */
    int64_t      limit;
    int          down;                  /* from the highest number on */
} sjl_statements_t;


/* whether a job is one of a filter; "start" is not looked at */
int sjl_filter_has(const sjl_filter_t *filter, const sjl_job_row_t *row);

/* frees what a filter has */
void sjl_filter_clear(sjl_filter_t *filter);


typedef struct {
    const char  *name;

    /*
     * Opens what is kept in a folder, and makes or migrates it.  Returns NULL
     * on failure; *why, to be freed, tells how then.  What is damaged, or is
     * missing among what belongs to it, is left as it is.  Only what a short
     * look tells is found, "whole" says whether that was all of it.
     */
    sjl_dao_t  *(*open)(const char *folder, int *whole, char **why);
    void        (*close)(sjl_dao_t *dao);

    /* about the last SJL_ERROR */
    const sjl_why_t *(*error)(sjl_dao_t *dao);

    /*
     * Somebody has found that what is kept is damaged: from now on nothing is
     * changed, and what would be fails with these words.
     */
    void        (*damaged)(sjl_dao_t *dao, const char *why);

    /*
     * All that follows happens within a transaction.  When commit() returns
     * SJL_OK what was done is durable.
     */
    int         (*begin)(sjl_dao_t *dao);
    int         (*commit)(sjl_dao_t *dao);
    void        (*rollback)(sjl_dao_t *dao);

    /*
     * A new row; SJL_DAO_EXISTS when its id is taken.  With a statement its
     * context's "statements" becomes larger than its number: in the same
     * transaction, and nothing else changes it.
     */
    int         (*context_add)(sjl_dao_t *dao, const sjl_context_row_t *row);
    int         (*job_add)(sjl_dao_t *dao, const sjl_job_row_t *row);

    /*
     * A row that is added, or replaces the one of the same id unless that is
     * final, or has a larger "rev".
     */
    int         (*context_put)(sjl_dao_t *dao, const sjl_context_row_t *row);
    int         (*job_put)(sjl_dao_t *dao, const sjl_job_row_t *row);

    /* deletes the row of an id, if there is one, in whatever state */
    int         (*job_forget)(sjl_dao_t *dao, const char *id);

    /* the row of an id, if there is one */
    int         (*context_get)(sjl_dao_t *dao, const char *id,
                               sjl_dao_row_pt fn, void *data);
    int         (*job_get)(sjl_dao_t *dao, const char *id, sjl_dao_row_pt fn,
                           void *data);

    /* the newest context of a name, if there is one */
    int         (*context_named)(sjl_dao_t *dao, const char *name,
                                 sjl_dao_row_pt fn, void *data);

    /* the context that is the session of a number, if there is one */
    int         (*context_session)(sjl_dao_t *dao, int64_t session,
                                   sjl_dao_row_pt fn, void *data);

    /* one that is final is not shown as a session any longer */
    int         (*session_forget)(sjl_dao_t *dao, const char *id);

    /* the contexts that are not final, oldest first */
    int         (*context_alive)(sjl_dao_t *dao, sjl_dao_row_pt fn,
                                 void *data);

    /* the newest final context of each name, "limit" at most, newest first */
    int         (*context_last)(sjl_dao_t *dao, int64_t limit,
                                sjl_dao_row_pt fn, void *data);

    /* those that died as sessions and are shown at a time, likewise */
    int         (*context_shown)(sjl_dao_t *dao, int64_t now, int64_t limit,
                                 sjl_dao_row_pt fn, void *data);

    /* those, and all sessions that live, by number, the last one first */
    int         (*session_list)(sjl_dao_t *dao, int64_t now, int64_t limit,
                                sjl_dao_row_pt fn, void *data);

    /* the jobs that are not final with a "seq" below "before", oldest first */
    int         (*job_alive)(sjl_dao_t *dao, int64_t before, sjl_dao_row_pt fn,
                             void *data);

    /* jobs from a "seq" on, oldest first, "limit" at most */
    int         (*job_scan)(sjl_dao_t *dao, int64_t from, int64_t limit,
                            sjl_dao_row_pt fn, void *data);

    /* the statement of a number in a context, if there is one */
    int         (*statement_get)(sjl_dao_t *dao, const char *context,
                                 int64_t number, sjl_dao_row_pt fn,
                                 void *data);

    /* statements of a context, and how many it has */
    int         (*statement_list)(sjl_dao_t *dao,
                                  const sjl_statements_t *statements,
                                  sjl_dao_row_pt fn, void *data);
    int         (*statement_count)(sjl_dao_t *dao, const char *context,
                                   int64_t *count);

    /* jobs of a filter behind a place, by "start", newest first */
    int         (*job_list)(sjl_dao_t *dao, sjl_page_t *page,
                            sjl_dao_row_pt fn, void *data);

    /*
     * Deletes final jobs of a filter that ended before "before", in the order
     * of their ends, and gives each as it was.
     */
    int         (*job_purge)(sjl_dao_t *dao, sjl_page_t *page,
                             sjl_dao_row_pt fn, void *data);

    /* the same with contexts that have no jobs; there is no filter */
    int         (*context_purge)(sjl_dao_t *dao, sjl_page_t *page,
                                 sjl_dao_row_pt fn, void *data);

    /* the "seq" of the n-th newest job, 0 when there are fewer */
    int         (*job_nth)(sjl_dao_t *dao, int64_t n, int64_t *seq);

    /* a new version; SJL_DAO_EXISTS when there is one of that name and time */
    int         (*binary_add)(sjl_dao_t *dao, const sjl_binary_row_t *row);

    /* forgets all versions of a name */
    int         (*binary_delete)(sjl_dao_t *dao, const char *name);

    /* all versions of a name */
    int         (*binary_versions)(sjl_dao_t *dao, const char *name,
                                   sjl_dao_row_pt fn, void *data);

    /* the newest version of each name */
    int         (*binary_newest)(sjl_dao_t *dao, sjl_dao_row_pt fn,
                                 void *data);

    /* how many rows have these bytes as this type */
    int         (*binary_uses)(sjl_dao_t *dao, const char *sha256,
                               const char *type, int64_t *uses);

    /*
     * Rows of the tables that have a key and nothing more to be found by: data,
     * callbacks, replacements, kills, batches, clusters, library sets, numbers.
     * "add" is SJL_DAO_EXISTS when the key is taken, "put" changes what there
     * is already, "all" is in the order of adding.
     */
    int         (*row_add)(sjl_dao_t *dao, const sjl_table_t *table,
                           const void *row);
    int         (*row_put)(sjl_dao_t *dao, const sjl_table_t *table,
                           const void *row);
    int         (*row_delete)(sjl_dao_t *dao, const sjl_table_t *table,
                              const char *key);
    int         (*row_all)(sjl_dao_t *dao, const sjl_table_t *table,
                           sjl_dao_row_pt fn, void *data);
} sjl_dao_type_t;


struct sjl_dao_s {
    const sjl_dao_type_t  *type;
};


extern const sjl_dao_type_t  sjl_dao_sqlite;
extern const sjl_dao_type_t  sjl_dao_memory;


#endif /* _SJL_DAO_H_INCLUDED_ */
