
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The DAO in SQLite: a write-ahead log that is synchronised at each commit.
 */


#include "sjl_dao_sqlite.h"
#include "sjl_dao_schema.h"
#include "sjl_state.h"

/* milliseconds that a change waits for somebody else's lock */
#define SJL_SQLITE_BUSY  5000


static sjl_dao_t *sjl_sqlite_open(const char *folder, int *whole, char **why);
static int sjl_sqlite_configure(sjl_sqlite_t *s);
static int sjl_sqlite_prepare(sjl_sqlite_t *s, sjl_sql_e n,
    const sjl_table_t *table, const char *text);
static char *sjl_sqlite_text(const sjl_table_t *table, const char *text);
static int sjl_sqlite_prepare_add(sjl_sqlite_t *s, sjl_sql_e n,
    const sjl_table_t *table, const char *put);
static void sjl_sqlite_close(sjl_dao_t *dao);
static const sjl_why_t *sjl_sqlite_error(sjl_dao_t *dao);
static int sjl_sqlite_begin(sjl_dao_t *dao);
static int sjl_sqlite_commit(sjl_dao_t *dao);
static void sjl_sqlite_rollback(sjl_dao_t *dao);
static void sjl_sqlite_bind(sqlite3_stmt *stmt, const sjl_table_t *table,
    const void *row);
static void sjl_sqlite_column(sqlite3_stmt *stmt, int i,
    const sjl_column_t *column, void *field);
static int sjl_sqlite_context_add(sjl_dao_t *dao, const sjl_context_row_t *row);
static int sjl_sqlite_context_put(sjl_dao_t *dao, const sjl_context_row_t *row);
static int sjl_sqlite_context_get(sjl_dao_t *dao, const char *id,
    sjl_dao_row_pt fn, void *data);
static int sjl_sqlite_context_named(sjl_dao_t *dao, const char *name,
    sjl_dao_row_pt fn, void *data);
static int sjl_sqlite_context_alive(sjl_dao_t *dao, sjl_dao_row_pt fn,
    void *data);
static int sjl_sqlite_context_last(sjl_dao_t *dao, int64_t limit,
    sjl_dao_row_pt fn, void *data);
static int sjl_sqlite_binary_add(sjl_dao_t *dao, const sjl_binary_row_t *row);
static int sjl_sqlite_binary_delete(sjl_dao_t *dao, const char *name);
static int sjl_sqlite_binary_versions(sjl_dao_t *dao, const char *name,
    sjl_dao_row_pt fn, void *data);
static int sjl_sqlite_binary_newest(sjl_dao_t *dao, sjl_dao_row_pt fn,
    void *data);
static int sjl_sqlite_binary_uses(sjl_dao_t *dao, const char *sha256,
    const char *type, int64_t *uses);
static int sjl_sqlite_row_add(sjl_dao_t *dao, const sjl_table_t *table,
    const void *row);
static int sjl_sqlite_row_put(sjl_dao_t *dao, const sjl_table_t *table,
    const void *row);
static int sjl_sqlite_row_delete(sjl_dao_t *dao, const sjl_table_t *table,
    const char *key);
static int sjl_sqlite_row_all(sjl_dao_t *dao, const sjl_table_t *table,
    sjl_dao_row_pt fn, void *data);
static size_t sjl_sqlite_keyed(const sjl_table_t *table);


const sjl_dao_type_t  sjl_dao_sqlite = {
    "sqlite",
    sjl_sqlite_open,
    sjl_sqlite_close,
    sjl_sqlite_error,
    sjl_sqlite_damaged,
    sjl_sqlite_begin,
    sjl_sqlite_commit,
    sjl_sqlite_rollback,
    sjl_sqlite_context_add,
    sjl_sqlite_job_add,
    sjl_sqlite_context_put,
    sjl_sqlite_job_put,
    sjl_sqlite_job_forget,
    sjl_sqlite_context_get,
    sjl_sqlite_job_get,
    sjl_sqlite_context_named,
    sjl_sqlite_context_session,
    sjl_sqlite_session_forget,
    sjl_sqlite_context_alive,
    sjl_sqlite_context_last,
    sjl_sqlite_context_shown,
    sjl_sqlite_session_list,
    sjl_sqlite_job_alive,
    sjl_sqlite_job_scan,
    sjl_sqlite_statement_get,
    sjl_sqlite_statement_list,
    sjl_sqlite_statement_count,
    sjl_sqlite_job_list,
    sjl_sqlite_job_purge,
    sjl_sqlite_context_purge,
    sjl_sqlite_job_nth,
    sjl_sqlite_binary_add,
    sjl_sqlite_binary_delete,
    sjl_sqlite_binary_versions,
    sjl_sqlite_binary_newest,
    sjl_sqlite_binary_uses,
    sjl_sqlite_row_add,
    sjl_sqlite_row_put,
    sjl_sqlite_row_delete,
    sjl_sqlite_row_all
};


#define SJL_X(sym, table, text)  { SJL_SQL_##sym, table, text },

static const struct {
    sjl_sql_e           n;
    const sjl_table_t  *table;
    const char         *text;
} sjl_statements[] = {
    SJL_STATEMENTS(SJL_X)
};

#undef SJL_X


/* "put" is the condition for replacing a row; NULL: none is replaced */

#define SJL_SQL_NEWER  "excluded.rev >= rev AND final = 0"

static const struct {
    sjl_sql_e           n;
    const sjl_table_t  *table;
    const char         *put;
} sjl_adds[] = {
    { SJL_SQL_CONTEXT_ADD, &sjl_contexts_table, NULL },
    { SJL_SQL_CONTEXT_PUT, &sjl_contexts_table, SJL_SQL_NEWER },
    { SJL_SQL_JOB_ADD, &sjl_jobs_table, NULL },
    { SJL_SQL_JOB_PUT, &sjl_jobs_table, SJL_SQL_NEWER },
    { SJL_SQL_BINARY_ADD, &sjl_binaries_table, NULL },
    { SJL_SQL_DATA_ADD, &sjl_data_table, NULL },
    { SJL_SQL_DATA_PUT, &sjl_data_table, "1" },
    { SJL_SQL_CALLBACK_ADD, &sjl_callbacks_table, NULL },
    { SJL_SQL_CALLBACK_PUT, &sjl_callbacks_table, "1" },
    { SJL_SQL_REPLACEMENT_ADD, &sjl_replacements_table, NULL },
    { SJL_SQL_CLUSTER_ADD, &sjl_clusters_table, NULL },
    { SJL_SQL_CLUSTER_PUT, &sjl_clusters_table, "1" },
    { SJL_SQL_LIBRARY_ADD, &sjl_libraries_table, NULL },
    { SJL_SQL_LIBRARY_PUT, &sjl_libraries_table, "1" },
    { SJL_SQL_KILL_ADD, &sjl_kills_table, NULL },
    { SJL_SQL_KILL_PUT, &sjl_kills_table, "1" },
    { SJL_SQL_NUMBER_ADD, &sjl_numbers_table, NULL },
    { SJL_SQL_NUMBER_PUT, &sjl_numbers_table, "1" },
    { SJL_SQL_BATCH_ADD, &sjl_batches_table, NULL },
    { SJL_SQL_BATCH_PUT, &sjl_batches_table, "1" }
};


/* the tables that have a key only */

static const struct {
    const sjl_table_t  *table;
    sjl_sql_e           add;
    sjl_sql_e           put;
    sjl_sql_e           delete;
    sjl_sql_e           all;
} sjl_keyed[] = {
    { &sjl_data_table, SJL_SQL_DATA_ADD, SJL_SQL_DATA_PUT,
      SJL_SQL_DATA_DELETE, SJL_SQL_DATA_ALL },
    { &sjl_callbacks_table, SJL_SQL_CALLBACK_ADD, SJL_SQL_CALLBACK_PUT,
      SJL_SQL_CALLBACK_DELETE, SJL_SQL_CALLBACK_ALL },
    { &sjl_replacements_table, SJL_SQL_REPLACEMENT_ADD,
      SJL_SQL_REPLACEMENT_ADD, SJL_SQL_REPLACEMENT_DELETE,
      SJL_SQL_REPLACEMENT_ALL },
    { &sjl_clusters_table, SJL_SQL_CLUSTER_ADD, SJL_SQL_CLUSTER_PUT,
      SJL_SQL_CLUSTER_DELETE, SJL_SQL_CLUSTER_ALL },
    { &sjl_libraries_table, SJL_SQL_LIBRARY_ADD, SJL_SQL_LIBRARY_PUT,
      SJL_SQL_LIBRARY_DELETE, SJL_SQL_LIBRARY_ALL },
    { &sjl_kills_table, SJL_SQL_KILL_ADD, SJL_SQL_KILL_PUT,
      SJL_SQL_KILL_DELETE, SJL_SQL_KILL_ALL },
    { &sjl_numbers_table, SJL_SQL_NUMBER_ADD, SJL_SQL_NUMBER_PUT,
      SJL_SQL_NUMBER_DELETE, SJL_SQL_NUMBER_ALL },
    { &sjl_batches_table, SJL_SQL_BATCH_ADD, SJL_SQL_BATCH_PUT,
      SJL_SQL_BATCH_DELETE, SJL_SQL_BATCH_ALL }
};


static sjl_dao_t *
sjl_sqlite_open(const char *folder, int *whole, char **why)
{
    char          *path;
    int            rc;
    size_t         i;
    sjl_sqlite_t  *s;

    s = sjl_alloc(sizeof(sjl_sqlite_t));
    s->dao.type = &sjl_dao_sqlite;

    path = sjl_format("%s/sparkjob.db", folder);

    if (sjl_sqlite_there(folder, path, why) == SJL_ERROR) {
        free(path);
        free(s);
        return NULL;
    }

    rc = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE
                         |SQLITE_OPEN_CREATE|SQLITE_OPEN_NOMUTEX, NULL);

    if (rc != SQLITE_OK) {
        (void) sjl_sqlite_failed(s, "opening the database");
        goto failed;
    }

    if (sjl_sqlite_configure(s) == SJL_ERROR
        || sjl_sqlite_look(s, path, whole) == SJL_ERROR
        || sjl_sqlite_migrate(s->db, why) == SJL_ERROR)
    {
        goto failed;
    }

    for (i = 0; i < sjl_nelts(sjl_statements); i++) {
        if (sjl_sqlite_prepare(s, sjl_statements[i].n, sjl_statements[i].table,
                               sjl_statements[i].text)
            == SJL_ERROR)
        {
            goto failed;
        }
    }

    for (i = 0; i < sjl_nelts(sjl_adds); i++) {
        if (sjl_sqlite_prepare_add(s, sjl_adds[i].n, sjl_adds[i].table,
                                   sjl_adds[i].put)
            == SJL_ERROR)
        {
            goto failed;
        }
    }

    free(path);

    return &s->dao;

failed:

    free(path);

    if (*why == NULL) {
        *why = sjl_strdup(s->why.text);
    }

    sjl_sqlite_close(&s->dao);

    return NULL;
}


/*
 * The log grows as long as somebody else reads (a backup, the look at a large
 * database), since nothing in it can be written over.  What it was once it need
 * not be for ever.
 */

static int
sjl_sqlite_configure(sjl_sqlite_t *s)
{
    (void) sqlite3_busy_timeout(s->db, SJL_SQLITE_BUSY);

    if (sqlite3_exec(s->db, "PRAGMA journal_mode = WAL;"
                            "PRAGMA synchronous = FULL;"
                            "PRAGMA foreign_keys = ON;"
                            "PRAGMA journal_size_limit = 16777216;", NULL, NULL,
                     NULL)
        != SQLITE_OK)
    {
        return sjl_sqlite_failed(s, "setting up the database");
    }

    return SJL_OK;
}


static int
sjl_sqlite_prepare(sjl_sqlite_t *s, sjl_sql_e n, const sjl_table_t *table,
    const char *text)
{
    int    rc;
    char  *sql;

    sql = sjl_sqlite_text(table, text);

    rc = sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
                            &s->statements[n], NULL);
    free(sql);

    if (rc != SQLITE_OK) {
        return sjl_sqlite_failed(s, text);
    }

    return SJL_OK;
}


static char *
sjl_sqlite_text(const sjl_table_t *table, const char *text)
{
    char                *sql, *list, *next;
    size_t               i;
    const char          *place;
    const sjl_column_t  *column;

    place = strstr(text, "%c");

    if (place == NULL) {
        return sjl_strdup(text);
    }

    list = sjl_strdup("t.seq");

    for (i = 0; i < table->ncolumns; i++) {
        column = &table->columns[i];

        next = sjl_format("%s, t.\"%s\"", list, column->name);
        free(list);
        list = next;
    }

    sql = sjl_format("%.*s%s%s", (int) (place - text), text, list, place + 2);
    free(list);

    return sql;
}


/* INSERT, and for "put" the UPDATE in its place when the row is there */

static int
sjl_sqlite_prepare_add(sjl_sqlite_t *s, sjl_sql_e n, const sjl_table_t *table,
    const char *put)
{
    int                  rc;
    char                *sql, *names, *values, *sets, *next;
    size_t               i;
    const char          *comma;
    const sjl_column_t  *column;

    names = sjl_strdup("");
    values = sjl_strdup("");
    sets = sjl_strdup("");

    for (i = 0; i < table->ncolumns; i++) {
        column = &table->columns[i];

        comma = *names ? ", " : "";
        next = sjl_format("%s%s\"%s\"", names, comma, column->name);
        free(names);
        names = next;

        next = sjl_format("%s%s?%zu", values, comma, i + 1);
        free(values);
        values = next;

        if (column->flags & SJL_COLUMN_FIXED) {
            continue;
        }

        next = sjl_format("%s%s\"%s\" = excluded.\"%s\"", sets,
                          *sets ? ", " : "", column->name, column->name);
        free(sets);
        sets = next;
    }

    sql = sjl_format("INSERT INTO %s (%s) VALUES (%s)", table->name, names,
                     values);

    if (put) {
        next = sjl_format("%s ON CONFLICT (\"%s\") DO UPDATE SET %s WHERE %s",
                          sql, table->columns[0].name, sets, put);
        free(sql);
        sql = next;
    }

    rc = sjl_sqlite_prepare(s, n, NULL, sql);

    free(names);
    free(values);
    free(sets);
    free(sql);

    return rc;
}


static void
sjl_sqlite_close(sjl_dao_t *dao)
{
    size_t         i;
    sjl_sqlite_t  *s;

    s = (sjl_sqlite_t *) (void *) dao;

    for (i = 0; i < SJL_NSTATEMENTS; i++) {
        (void) sqlite3_finalize(s->statements[i]);
    }

    if (sqlite3_close(s->db) != SQLITE_OK) {
        sjl_log(SJL_LOG_ALERT, "sqlite3_close() failed: %s",
                sqlite3_errmsg(s->db));
    }

    free(s);
}


static const sjl_why_t *
sjl_sqlite_error(sjl_dao_t *dao)
{
    return &((sjl_sqlite_t *) (void *) dao)->why;
}


int
sjl_sqlite_failed(sjl_sqlite_t *s, const char *doing)
{
    int  rc, err;

    rc = sqlite3_errcode(s->db);
    err = rc == SQLITE_IOERR || rc == SQLITE_CANTOPEN
          ? sqlite3_system_errno(s->db) : 0;

    if (*s->damage.text && rc == SQLITE_READONLY) {
        s->why = s->damage;
        return SJL_ERROR;
    }

    sjl_why_set(&s->why, rc == SQLITE_FULL ? ENOSPC : err, "%s: %s%s%s%s",
                doing, sqlite3_errmsg(s->db), err ? " (" : "",
                err ? strerror(err) : "", err ? ")" : "");

    /* others are not to wait as long for the same lock, one after the other */

    if (rc == SQLITE_BUSY) {
        s->impatient = 1;
        (void) sqlite3_busy_timeout(s->db, 0);
    }

    if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB) {
        sjl_sqlite_damaged(&s->dao, s->why.text);
    }

    return SJL_ERROR;
}


int
sjl_sqlite_run(sjl_dao_t *dao, sjl_sql_e n)
{
    int            rc;
    sjl_sqlite_t  *s;
    sqlite3_stmt  *stmt;

    s = (sjl_sqlite_t *) (void *) dao;
    stmt = s->statements[n];

    rc = SJL_OK;

    if (sqlite3_step(stmt) != SQLITE_DONE) {
        rc = sqlite3_extended_errcode(s->db) == SQLITE_CONSTRAINT_UNIQUE
             ? SJL_DAO_EXISTS
             : sjl_sqlite_failed(s, "writing to the database");
    }

    if (rc == SJL_OK && s->impatient && n != SJL_SQL_BEGIN
        && n != SJL_SQL_COMMIT)
    {
        s->impatient = 0;
        (void) sqlite3_busy_timeout(s->db, SJL_SQLITE_BUSY);
    }

    (void) sqlite3_reset(stmt);
    (void) sqlite3_clear_bindings(stmt);

    return rc;
}


static int
sjl_sqlite_begin(sjl_dao_t *dao)
{
    return sjl_sqlite_run(dao, SJL_SQL_BEGIN);
}


/*
 * All of a commit that failed when it was synchronised is in the log yet, where
 * the next launcher would find it.  The next commit is written over it; one
 * that changes nothing would not be written.  And what is in a file that has no
 * name any longer would be found by nobody.
 */

static int
sjl_sqlite_commit(sjl_dao_t *dao)
{
    int            rc, moved;
    sjl_sqlite_t  *s;

    s = (sjl_sqlite_t *) (void *) dao;

    if (s->spoiled && *s->damage.text == '\0'
        && sqlite3_exec(s->db, "PRAGMA application_id = 0", NULL, NULL, NULL)
           != SQLITE_OK)
    {
        return sjl_sqlite_failed(s, "writing to the database");
    }

    rc = sjl_sqlite_run(dao, SJL_SQL_COMMIT);
    s->spoiled = rc != SJL_OK;

    moved = 0;
    (void) sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);

    if (moved) {
        sjl_sqlite_damaged(dao, "its file was removed, or another one is in "
                                "its place");
        s->why = s->damage;
        rc = SJL_ERROR;
    }

    return rc;
}


static void
sjl_sqlite_rollback(sjl_dao_t *dao)
{
    sjl_sqlite_t  *s;

    s = (sjl_sqlite_t *) (void *) dao;

    /* a full disk has rolled it back already */

    if (sqlite3_get_autocommit(s->db) == 0
        && sqlite3_step(s->statements[SJL_SQL_ROLLBACK]) != SQLITE_DONE)
    {
        sjl_log(SJL_LOG_CRIT, "ROLLBACK failed: %s", sqlite3_errmsg(s->db));
    }

    (void) sqlite3_reset(s->statements[SJL_SQL_ROLLBACK]);
}


int
sjl_sqlite_add(sjl_dao_t *dao, sjl_sql_e n, const sjl_table_t *table,
    const void *row)
{
    sjl_sqlite_t  *s;

    s = (sjl_sqlite_t *) (void *) dao;

    sjl_sqlite_bind(s->statements[n], table, row);

    return sjl_sqlite_run(dao, n);
}


static void
sjl_sqlite_bind(sqlite3_stmt *stmt, const sjl_table_t *table, const void *row)
{
    int                  i;
    const char          *text;
    const int64_t       *number;
    const sjl_bytes_t   *bytes;
    const sjl_column_t  *column;

    for (i = 0; i < (int) table->ncolumns; i++) {
        column = &table->columns[i];

        number = sjl_row_field(row, column);

        switch (column->kind) {

        case SJL_COLUMN_NUMBER:
            (void) sqlite3_bind_int64(stmt, i + 1, *number);
            break;

        case SJL_COLUMN_NAME:
            (void) sqlite3_bind_text(stmt, i + 1, column->names[*number], -1,
                                     SQLITE_STATIC);
            break;

        case SJL_COLUMN_TEXT:
            text = *(char **) sjl_row_field(row, column);
            (void) sqlite3_bind_text(stmt, i + 1, text, -1, SQLITE_STATIC);
            break;

        case SJL_COLUMN_BYTES:
            bytes = sjl_row_field(row, column);
            (void) sqlite3_bind_blob64(stmt, i + 1, bytes->data, bytes->len,
                                       SQLITE_STATIC);
            break;
        }
    }
}


int
sjl_sqlite_rows(sjl_dao_t *dao, sjl_sql_e n, const sjl_table_t *table,
    sjl_dao_row_pt fn, void *data)
{
    int            rc;
    sjl_sqlite_t  *s;
    sqlite3_stmt  *stmt;

    union {
        sjl_context_row_t   context;
        sjl_job_row_t       job;
        sjl_binary_row_t    binary;
        sjl_data_row_t      file;
        sjl_callback_row_t  callback;
        sjl_replacement_row_t  replacement;
    } row;

    s = (sjl_sqlite_t *) (void *) dao;
    stmt = s->statements[n];

    for (rc = sqlite3_step(stmt); rc == SQLITE_ROW; rc = sqlite3_step(stmt)) {

        sjl_sqlite_read(stmt, table, &row, 0);
        sjl_sqlite_read(stmt, table, &row, 1);

        fn(data, &row);
    }

    return sjl_sqlite_end(dao, n, rc);
}


void
sjl_sqlite_read(sqlite3_stmt *stmt, const sjl_table_t *table, void *row,
    int bytes)
{
    int                  i;
    const sjl_column_t  *column;

    if (!bytes) {
        memset(row, 0, table->size);
        *(int64_t *) row = sqlite3_column_int64(stmt, 0);
    }

    for (i = 0; i < (int) table->ncolumns; i++) {
        column = &table->columns[i];

        if ((column->kind == SJL_COLUMN_BYTES) == bytes) {
            sjl_sqlite_column(stmt, i + 1, column, sjl_row_field(row, column));
        }
    }
}


int
sjl_sqlite_end(sjl_dao_t *dao, sjl_sql_e n, int rc)
{
    sjl_sqlite_t  *s;
    sqlite3_stmt  *stmt;

    s = (sjl_sqlite_t *) (void *) dao;
    stmt = s->statements[n];

    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        (void) sjl_sqlite_failed(s, "reading the database");
    }

    (void) sqlite3_reset(stmt);
    (void) sqlite3_clear_bindings(stmt);

    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SJL_OK : SJL_ERROR;
}


static void
sjl_sqlite_column(sqlite3_stmt *stmt, int i, const sjl_column_t *column,
    void *field)
{
    const char   *text;
    sjl_bytes_t  *bytes;

    switch (column->kind) {

    case SJL_COLUMN_NUMBER:
        *(int64_t *) field = sqlite3_column_int64(stmt, i);
        break;

    case SJL_COLUMN_NAME:
        text = (const char *) sqlite3_column_text(stmt, i);
        *(int64_t *) field = sjl_name_find(column->names, text ? text : "");
        break;

    case SJL_COLUMN_TEXT:
        *(const char **) field = (const char *) sqlite3_column_text(stmt, i);
        break;

    case SJL_COLUMN_BYTES:
        bytes = field;
        bytes->data = (char *) (uintptr_t) sqlite3_column_blob(stmt, i);
        bytes->len = (size_t) sqlite3_column_bytes(stmt, i);
        break;
    }
}


int
sjl_sqlite_number(sjl_dao_t *dao, sjl_sql_e n, int64_t *number)
{
    int            rc;
    sqlite3_stmt  *stmt;

    stmt = sjl_sqlite_statement(dao, n);

    rc = sqlite3_step(stmt);
    *number = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;

    return sjl_sqlite_end(dao, n, rc);
}


sqlite3_stmt *
sjl_sqlite_statement(sjl_dao_t *dao, sjl_sql_e n)
{
    return ((sjl_sqlite_t *) (void *) dao)->statements[n];
}


static int
sjl_sqlite_context_add(sjl_dao_t *dao, const sjl_context_row_t *row)
{
    return sjl_sqlite_add(dao, SJL_SQL_CONTEXT_ADD, &sjl_contexts_table, row);
}


static int
sjl_sqlite_context_put(sjl_dao_t *dao, const sjl_context_row_t *row)
{
    return sjl_sqlite_add(dao, SJL_SQL_CONTEXT_PUT, &sjl_contexts_table, row);
}


static int
sjl_sqlite_context_get(sjl_dao_t *dao, const char *id, sjl_dao_row_pt fn,
    void *data)
{
    (void) sqlite3_bind_text(sjl_sqlite_statement(dao, SJL_SQL_CONTEXT_GET), 1,
                             id, -1, SQLITE_STATIC);

    return sjl_sqlite_rows(dao, SJL_SQL_CONTEXT_GET, &sjl_contexts_table, fn,
                           data);
}


static int
sjl_sqlite_context_named(sjl_dao_t *dao, const char *name, sjl_dao_row_pt fn,
    void *data)
{
    (void) sqlite3_bind_text(sjl_sqlite_statement(dao, SJL_SQL_CONTEXT_NAMED),
                             1, name, -1, SQLITE_STATIC);

    return sjl_sqlite_rows(dao, SJL_SQL_CONTEXT_NAMED, &sjl_contexts_table, fn,
                           data);
}


static int
sjl_sqlite_context_alive(sjl_dao_t *dao, sjl_dao_row_pt fn, void *data)
{
    return sjl_sqlite_rows(dao, SJL_SQL_CONTEXT_ALIVE, &sjl_contexts_table, fn,
                           data);
}


static int
sjl_sqlite_context_last(sjl_dao_t *dao, int64_t limit, sjl_dao_row_pt fn,
    void *data)
{
    (void) sqlite3_bind_int64(sjl_sqlite_statement(dao, SJL_SQL_CONTEXT_LAST),
                              1, limit);

    return sjl_sqlite_rows(dao, SJL_SQL_CONTEXT_LAST, &sjl_contexts_table, fn,
                           data);
}


static int
sjl_sqlite_binary_add(sjl_dao_t *dao, const sjl_binary_row_t *row)
{
    return sjl_sqlite_add(dao, SJL_SQL_BINARY_ADD, &sjl_binaries_table, row);
}


static int
sjl_sqlite_binary_delete(sjl_dao_t *dao, const char *name)
{
    (void) sqlite3_bind_text(sjl_sqlite_statement(dao, SJL_SQL_BINARY_DELETE),
                             1, name, -1, SQLITE_STATIC);

    return sjl_sqlite_run(dao, SJL_SQL_BINARY_DELETE);
}


static int
sjl_sqlite_binary_versions(sjl_dao_t *dao, const char *name, sjl_dao_row_pt fn,
    void *data)
{
    (void) sqlite3_bind_text(sjl_sqlite_statement(dao, SJL_SQL_BINARY_VERSIONS),
                             1, name, -1, SQLITE_STATIC);

    return sjl_sqlite_rows(dao, SJL_SQL_BINARY_VERSIONS, &sjl_binaries_table,
                           fn, data);
}


static int
sjl_sqlite_binary_newest(sjl_dao_t *dao, sjl_dao_row_pt fn, void *data)
{
    return sjl_sqlite_rows(dao, SJL_SQL_BINARY_NEWEST, &sjl_binaries_table, fn,
                           data);
}


static int
sjl_sqlite_binary_uses(sjl_dao_t *dao, const char *sha256, const char *type,
    int64_t *uses)
{
    sqlite3_stmt  *stmt;

    stmt = sjl_sqlite_statement(dao, SJL_SQL_BINARY_USES);

    (void) sqlite3_bind_text(stmt, 1, sha256, -1, SQLITE_STATIC);
    (void) sqlite3_bind_text(stmt, 2, type, -1, SQLITE_STATIC);

    return sjl_sqlite_number(dao, SJL_SQL_BINARY_USES, uses);
}


static int
sjl_sqlite_row_add(sjl_dao_t *dao, const sjl_table_t *table, const void *row)
{
    return sjl_sqlite_add(dao, sjl_keyed[sjl_sqlite_keyed(table)].add, table,
                          row);
}


static int
sjl_sqlite_row_put(sjl_dao_t *dao, const sjl_table_t *table, const void *row)
{
    return sjl_sqlite_add(dao, sjl_keyed[sjl_sqlite_keyed(table)].put, table,
                          row);
}


static int
sjl_sqlite_row_delete(sjl_dao_t *dao, const sjl_table_t *table,
    const char *key)
{
    sjl_sql_e  n;

    n = sjl_keyed[sjl_sqlite_keyed(table)].delete;

    (void) sqlite3_bind_text(sjl_sqlite_statement(dao, n), 1, key, -1,
                             SQLITE_STATIC);

    return sjl_sqlite_run(dao, n);
}


static int
sjl_sqlite_row_all(sjl_dao_t *dao, const sjl_table_t *table, sjl_dao_row_pt fn,
    void *data)
{
    return sjl_sqlite_rows(dao, sjl_keyed[sjl_sqlite_keyed(table)].all, table,
                           fn, data);
}


static size_t
sjl_sqlite_keyed(const sjl_table_t *table)
{
    size_t  i;

    for (i = 0; sjl_keyed[i].table != table; i++) {
        /* void */
    }

    return i;
}
