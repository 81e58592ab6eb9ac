
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_kept.h"
#include "sjl_dao_schema.h"

#include <dirent.h>
#include <sys/file.h>
#include <sys/stat.h>


#define SJL_KEPT_BUSY  10000            /* milliseconds */


typedef struct {
    const char   *table;
    sjl_kept_pt   fn;
    void         *data;
} sjl_kept_call_t;


/* as sjl_path_result() has it */

#define SJL_KEPT_RESULT                                                       \
    "'results/' || CASE substr(id, 15, 1) WHEN '7' THEN substr(id, -2)"       \
    " ELSE substr(id, 1, 2) END || '/' || id"


static int sjl_kept_file(void *data, sqlite3_stmt *stmt);
static int sjl_kept_walk(const char *folder, const char *name, int depth,
    sjl_kept_path_pt fn, void *data);


/* seq, path, size, SHA-256, what it is */

static const struct {
    const char  *table;
    const char  *sql;
} sjl_kept_queries[] = {

    { "jobs",
      "SELECT seq, " SJL_KEPT_RESULT ", size, NULL,"
      " 'the result of job ' || id FROM jobs WHERE payload = 'stored'" },

    { "jobs",
      "SELECT seq, " SJL_KEPT_RESULT " || '.config',"
      " -1, NULL, 'the configuration of job ' || id FROM jobs"
      " WHERE config_file = 1" },

    { "binaries",
      "SELECT seq, 'binaries/' || sha256 || CASE type WHEN 'Jar' THEN '.jar'"
      " WHEN 'Egg' THEN '.egg' WHEN 'Wheel' THEN '.whl' ELSE '.py' END, size,"
      " sha256, 'binary ' || name FROM binaries" },

    { "data",
      "SELECT seq, 'data/' || file, size, NULL, 'data file ' || file"
      " FROM data" }
};


/* folders, and how many are between each and its files */

static const struct {
    const char  *name;
    int          depth;
} sjl_kept_folders[] = {
    { "binaries", 0 }, { "data", 0 }, { "results", 1 }, { "contexts", 0 }
};


sqlite3 *
sjl_kept_open(const char *folder, char **why)
{
    int           rc;
    char         *path;
    sqlite3      *db;
    struct stat   sb;

    path = sjl_format("%s/sparkjob.db", folder);

    if (stat(path, &sb) == -1) {
        *why = sjl_format("the database \"%s\" cannot be found: %s", path,
                          strerror(errno));
        free(path);
        return NULL;
    }

    rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY|SQLITE_OPEN_NOMUTEX,
                         NULL);

    if (rc == SQLITE_OK) {
        (void) sqlite3_busy_timeout(db, SJL_KEPT_BUSY);
        rc = sqlite3_exec(db, "SELECT count(*) FROM sqlite_schema", NULL, NULL,
                          NULL);
    }

    if (rc != SQLITE_OK) {
        *why = sjl_format("the database \"%s\" cannot be read: %s", path,
                          sqlite3_errmsg(db));
    }

    if (rc != SQLITE_OK || sjl_sqlite_is_present(db, why) == SJL_ERROR) {
        (void) sqlite3_close(db);
        db = NULL;
    }

    free(path);

    return db;
}


int
sjl_kept_files(sqlite3 *db, sjl_kept_pt fn, void *data)
{
    size_t           i;
    sjl_kept_call_t  call;

    call.fn = fn;
    call.data = data;

    for (i = 0; i < sjl_nelts(sjl_kept_queries); i++) {
        call.table = sjl_kept_queries[i].table;

        if (sjl_kept_query(db, sjl_kept_queries[i].sql, sjl_kept_file, &call)
            == SJL_ERROR)
        {
            return SJL_ERROR;
        }
    }

    return SJL_OK;
}


static int
sjl_kept_file(void *data, sqlite3_stmt *stmt)
{
    sjl_kept_t        kept;
    sjl_kept_call_t  *call;

    call = data;

    kept.table = call->table;
    kept.seq = sqlite3_column_int64(stmt, 0);
    kept.path = (const char *) sqlite3_column_text(stmt, 1);
    kept.size = sqlite3_column_int64(stmt, 2);
    kept.sha256 = (const char *) sqlite3_column_text(stmt, 3);
    kept.what = (const char *) sqlite3_column_text(stmt, 4);

    return kept.path && kept.what ? call->fn(call->data, &kept) : SJL_OK;
}


int
sjl_kept_query(sqlite3 *db, const char *sql, sjl_kept_row_pt fn, void *data)
{
    int            rc, step;
    sqlite3_stmt  *stmt;

    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        return SJL_ERROR;
    }

    rc = SJL_OK;

    for (step = sqlite3_step(stmt);
         step == SQLITE_ROW && rc == SJL_OK;
         step = sqlite3_step(stmt))
    {
        rc = fn(data, stmt);
    }

    if (rc == SJL_OK && step != SQLITE_DONE) {
        rc = SJL_ERROR;
    }

    (void) sqlite3_finalize(stmt);

    return rc;
}


int
sjl_kept_paths(const char *folder, sjl_kept_path_pt fn, void *data)
{
    int     rc;
    size_t  i;

    rc = SJL_OK;

    for (i = 0; i < sjl_nelts(sjl_kept_folders) && rc == SJL_OK; i++) {
        rc = sjl_kept_walk(folder, sjl_kept_folders[i].name,
                           sjl_kept_folders[i].depth, fn, data);
    }

    return rc;
}


static int
sjl_kept_walk(const char *folder, const char *name, int depth,
    sjl_kept_path_pt fn, void *data)
{
    int             rc;
    DIR            *dir;
    char           *path;
    struct dirent  *entry;

    path = sjl_format("%s/%s", folder, name);
    dir = opendir(path);
    free(path);

    if (dir == NULL) {
        return errno == ENOENT ? SJL_OK : fn(data, name);
    }

    rc = SJL_OK;

    for (entry = readdir(dir); entry && rc == SJL_OK; entry = readdir(dir)) {

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        {
            continue;
        }

        path = sjl_format("%s/%s", name, entry->d_name);
        rc = depth ? sjl_kept_walk(folder, path, depth - 1, fn, data)
                   : fn(data, path);
        free(path);
    }

    (void) closedir(dir);

    return rc;
}


int
sjl_kept_in_use(const char *folder)
{
    int    fd, rc;
    char  *path;

    path = sjl_format("%s/lock", folder);
    fd = open(path, O_RDONLY|O_CLOEXEC);
    free(path);

    if (fd == -1) {
        return 0;
    }

    rc = flock(fd, LOCK_SH|LOCK_NB) == -1;
    (void) close(fd);

    return rc;
}
