
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The database of a data folder as those see it who only look at it, whether a
 * launcher runs there or not, and the files that its rows speak of.
 */


#ifndef _SJL_KEPT_H_INCLUDED_
#define _SJL_KEPT_H_INCLUDED_


#include "sjl.h"

#include <sqlite3.h>


typedef struct {
    const char  *table;                 /* whose row it is of */
    int64_t      seq;
    const char  *path;                  /* below the data folder */
    int64_t      size;                  /* -1: it is not known */
    const char  *sha256;                /* NULL: likewise */
    const char  *what;                  /* it is, in words */
} sjl_kept_t;


/* called for each file; SJL_ERROR ends it */
typedef int (*sjl_kept_pt)(void *data, const sjl_kept_t *kept);

/* called for what lies in the folder, with its path there; likewise */
typedef int (*sjl_kept_path_pt)(void *data, const char *path);

/* called for each row of a query, whose columns are the statement's */
typedef int (*sjl_kept_row_pt)(void *data, sqlite3_stmt *stmt);


/*
 * Opens the database for reading; what is not there is not made.  Returns NULL,
 * and *why, to be freed, tells why.
 */
sqlite3 *sjl_kept_open(const char *folder, char **why);

/* all files; SJL_ERROR: "fn" has returned it, or the database has failed */
int sjl_kept_files(sqlite3 *db, sjl_kept_pt fn, void *data);

/* runs a query, likewise */
int sjl_kept_query(sqlite3 *db, const char *sql, sjl_kept_row_pt fn,
    void *data);

/*
 * All that is there where files of rows, and folders of contexts, are; of a
 * folder that cannot be read it is the folder.
 */
int sjl_kept_paths(const char *folder, sjl_kept_path_pt fn, void *data);

/* whether a launcher runs on the folder */
int sjl_kept_in_use(const char *folder);


#endif /* _SJL_KEPT_H_INCLUDED_ */
