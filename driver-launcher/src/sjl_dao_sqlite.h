
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What the files of the SQLite DAO share: its statements, and how they are run.
 */


#ifndef _SJL_DAO_SQLITE_H_INCLUDED_
#define _SJL_DAO_SQLITE_H_INCLUDED_


#include "sjl_dao.h"

#include <sqlite3.h>


/* the jobs behind a place, each list by one index that is in this order */

#define SJL_SQL_LIST(of)                                                      \
    "SELECT %c FROM jobs t WHERE " of "(t.start, t.seq) < (?1, ?2)"           \
    " AND t.start BETWEEN ?3 AND ?4 ORDER BY t.start DESC, t.seq DESC"        \
    " LIMIT ?5"

/* statements by the index that has no other rows */

#define SJL_SQL_STATEMENT(which, order)                                       \
    "SELECT %c FROM jobs t WHERE t.context_id = ?1 AND t.statement >= 0"      \
    " AND t.statement " which order

/* how many jobs there are of a kind, as far as that matters */

#define SJL_SQL_SOME(of)                                                      \
    "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE " of " = ?1 LIMIT 1000)"


/* X(symbol, text); "%c" stands for a table's columns */

#define SJL_STATEMENTS(X)                                                     \
    X(BEGIN,           NULL, "BEGIN")                                         \
    X(COMMIT,          NULL, "COMMIT")                                        \
    X(ROLLBACK,        NULL, "ROLLBACK")                                      \
    X(CONTEXT_GET,     &sjl_contexts_table,                                   \
      "SELECT %c FROM contexts t WHERE id = ?1")                              \
    X(CONTEXT_NAMED,   &sjl_contexts_table,                                   \
      "SELECT %c FROM contexts t WHERE name = ?1 ORDER BY seq DESC LIMIT 1")  \
    X(CONTEXT_SESSION, &sjl_contexts_table,                                   \
      "SELECT %c FROM contexts t WHERE session >= 0 AND session = ?1")        \
    X(SESSION_FORGET,  NULL,                                                  \
      "UPDATE contexts SET until = 0, rev = rev + 1"                          \
      " WHERE id = ?1 AND final = 1")                                         \
    X(CONTEXT_ALIVE,   &sjl_contexts_table,                                   \
      "SELECT %c FROM contexts t WHERE final = 0 ORDER BY seq")               \
    X(CONTEXT_LAST,    &sjl_contexts_table,                                   \
      "SELECT %c FROM contexts_last l JOIN contexts t ON t.seq = l.context"   \
      " ORDER BY l.context DESC LIMIT ?1")                                    \
    X(CONTEXT_SHOWN,   &sjl_contexts_table,                                   \
      "SELECT %c FROM contexts t WHERE until > 0 AND until > ?1"              \
      " ORDER BY until DESC LIMIT ?2")                                        \
    X(SESSION_LIST,    &sjl_contexts_table,                                   \
      "SELECT %c FROM contexts t WHERE session >= 0 AND (final = 0 OR seq IN" \
      " (SELECT seq FROM contexts WHERE until > 0 AND until > ?1"             \
      " ORDER BY until DESC LIMIT ?2)) ORDER BY session DESC")                \
    X(CONTEXT_ENDED,   &sjl_contexts_table,                                   \
      "SELECT %c FROM contexts t WHERE t.final = 1 AND t.\"end\" < ?4"        \
      " AND (t.\"end\", t.seq) > (?1, ?2) ORDER BY t.\"end\", t.seq"          \
      " LIMIT ?5")                                                            \
    X(CONTEXT_JOBS,    NULL,                                                  \
      "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE context_id = ?1"        \
      " LIMIT 1)")                                                            \
    X(CONTEXT_DELETE,  NULL, "DELETE FROM contexts WHERE seq = ?1")           \
    X(JOB_GET,         &sjl_jobs_table,                                       \
      "SELECT %c FROM jobs t WHERE t.id = ?1")                                \
    X(JOB_ALIVE,       &sjl_jobs_table,                                       \
      "SELECT %c FROM jobs t WHERE t.final = 0 AND t.seq < ?1"                \
      " ORDER BY t.seq")                                                      \
    X(JOB_SCAN,        &sjl_jobs_table,                                       \
      "SELECT %c FROM jobs t WHERE t.seq >= ?1 ORDER BY t.seq LIMIT ?2")      \
    X(STATEMENT_GET,   &sjl_jobs_table,                                       \
      SJL_SQL_STATEMENT("= ?2", ""))                                          \
    X(STATEMENT_UP,    &sjl_jobs_table,                                       \
      SJL_SQL_STATEMENT("> ?2", " ORDER BY t.statement LIMIT ?3 OFFSET ?4"))  \
    X(STATEMENT_DOWN,  &sjl_jobs_table,                                       \
      SJL_SQL_STATEMENT("< ?2",                                               \
                        " ORDER BY t.statement DESC LIMIT ?3 OFFSET ?4"))     \
    X(STATEMENT_COUNT, NULL,                                                  \
      "SELECT count(*) FROM jobs WHERE context_id = ?1 AND statement >= 0")   \
    X(JOB_LIST,         &sjl_jobs_table, SJL_SQL_LIST(""))                    \
    X(JOB_LIST_STATE,   &sjl_jobs_table, SJL_SQL_LIST("t.state = ?6 AND "))   \
    X(JOB_LIST_CONTEXT, &sjl_jobs_table, SJL_SQL_LIST("t.context = ?6 AND ")) \
    X(JOB_LIST_USER,    &sjl_jobs_table, SJL_SQL_LIST("t.user = ?6 AND "))    \
    X(JOB_LIST_CLASS,   &sjl_jobs_table, SJL_SQL_LIST("t.class = ?6 AND "))   \
    X(JOB_SOME_STATE,   NULL, SJL_SQL_SOME("state"))                          \
    X(JOB_SOME_CONTEXT, NULL, SJL_SQL_SOME("context"))                        \
    X(JOB_SOME_USER,    NULL, SJL_SQL_SOME("user"))                           \
    X(JOB_SOME_CLASS,   NULL, SJL_SQL_SOME("class"))                          \
    X(JOB_ENDED,        &sjl_jobs_table,                                      \
      "SELECT %c FROM jobs t WHERE t.final = 1 AND t.\"end\" < ?4"            \
      " AND (t.\"end\", t.seq) > (?1, ?2) ORDER BY t.\"end\", t.seq"          \
      " LIMIT ?5")                                                            \
    X(JOB_DELETE,      NULL, "DELETE FROM jobs WHERE seq = ?1")               \
    X(JOB_FORGET,      NULL, "DELETE FROM jobs WHERE id = ?1")                \
    X(JOB_NTH,         NULL,                                                  \
      "SELECT seq FROM jobs ORDER BY seq DESC LIMIT 1 OFFSET ?1 - 1")         \
    X(BINARY_DELETE,   NULL, "DELETE FROM binaries WHERE name = ?1")          \
    X(BINARY_VERSIONS, &sjl_binaries_table,                                   \
      "SELECT %c FROM binaries t WHERE name = ?1")                            \
    X(BINARY_NEWEST,   &sjl_binaries_table,                                   \
      "SELECT %c FROM binaries t WHERE NOT EXISTS (SELECT 1 FROM binaries n"  \
      " WHERE n.name = t.name AND n.time > t.time) ORDER BY seq")             \
    X(BINARY_USES,     NULL,                                                  \
      "SELECT count(*) FROM binaries WHERE sha256 = ?1 AND type = ?2")        \
    X(DATA_DELETE,     NULL, "DELETE FROM data WHERE file = ?1")              \
    X(DATA_ALL,        &sjl_data_table,                                       \
      "SELECT %c FROM data t ORDER BY seq")                                   \
    X(CALLBACK_DELETE, NULL, "DELETE FROM callbacks WHERE job = ?1")          \
    X(CALLBACK_ALL,    &sjl_callbacks_table,                                  \
      "SELECT %c FROM callbacks t ORDER BY seq")                              \
    X(REPLACEMENT_DELETE, NULL, "DELETE FROM replacements WHERE id = ?1")     \
    X(REPLACEMENT_ALL,    &sjl_replacements_table,                            \
      "SELECT %c FROM replacements t ORDER BY seq")                           \
    X(CLUSTER_DELETE,  NULL, "DELETE FROM clusters WHERE name = ?1")          \
    X(CLUSTER_ALL,     &sjl_clusters_table,                                   \
      "SELECT %c FROM clusters t ORDER BY seq")                               \
    X(LIBRARY_DELETE,  NULL, "DELETE FROM libraries WHERE name = ?1")         \
    X(LIBRARY_ALL,     &sjl_libraries_table,                                  \
      "SELECT %c FROM libraries t ORDER BY seq")                              \
    X(KILL_DELETE,     NULL, "DELETE FROM kills WHERE driver = ?1")           \
    X(KILL_ALL,        &sjl_kills_table,                                      \
      "SELECT %c FROM kills t ORDER BY seq")                                  \
    X(NUMBER_DELETE,   NULL, "DELETE FROM numbers WHERE name = ?1")           \
    X(NUMBER_ALL,      &sjl_numbers_table,                                    \
      "SELECT %c FROM numbers t ORDER BY seq")                                \
    X(BATCH_DELETE,    NULL, "DELETE FROM batches WHERE id = ?1")             \
    X(BATCH_ALL,       &sjl_batches_table,                                    \
      "SELECT %c FROM batches t ORDER BY seq")


#define SJL_X(sym, table, text)  SJL_SQL_##sym,

typedef enum {
    SJL_STATEMENTS(SJL_X)

    /* their text is made from the tables */
    SJL_SQL_CONTEXT_ADD,
    SJL_SQL_CONTEXT_PUT,
    SJL_SQL_JOB_ADD,
    SJL_SQL_JOB_PUT,
    SJL_SQL_BINARY_ADD,
    SJL_SQL_DATA_ADD,
    SJL_SQL_DATA_PUT,
    SJL_SQL_CALLBACK_ADD,
    SJL_SQL_CALLBACK_PUT,
    SJL_SQL_REPLACEMENT_ADD,
    SJL_SQL_CLUSTER_ADD,
    SJL_SQL_CLUSTER_PUT,
    SJL_SQL_LIBRARY_ADD,
    SJL_SQL_LIBRARY_PUT,
    SJL_SQL_KILL_ADD,
    SJL_SQL_KILL_PUT,
    SJL_SQL_NUMBER_ADD,
    SJL_SQL_NUMBER_PUT,
    SJL_SQL_BATCH_ADD,
    SJL_SQL_BATCH_PUT,

    SJL_NSTATEMENTS
} sjl_sql_e;

#undef SJL_X


typedef struct {
    sjl_dao_t      dao;
    sqlite3       *db;
    sqlite3_stmt  *statements[SJL_NSTATEMENTS];
    sjl_why_t      why;
    sjl_why_t      damage;              /* no text: there is none */
    int            impatient;           /* it is locked, and was waited for */
    int            spoiled;             /* the last commit has failed */
} sjl_sqlite_t;


/* runs a statement that gives nothing; SJL_DAO_EXISTS: it is there already */
int sjl_sqlite_run(sjl_dao_t *dao, sjl_sql_e n);

/* runs a statement with the columns of a row */
int sjl_sqlite_add(sjl_dao_t *dao, sjl_sql_e n, const sjl_table_t *table,
    const void *row);

/* gives the rows that a statement finds */
int sjl_sqlite_rows(sjl_dao_t *dao, sjl_sql_e n, const sjl_table_t *table,
    sjl_dao_row_pt fn, void *data);

/*
 * Reads what a statement has found: first all but bytes, then these, which may
 * be long, if the row is wanted.
 */
void sjl_sqlite_read(sqlite3_stmt *stmt, const sjl_table_t *table, void *row,
    int bytes);

/* a statement was stepped for the last time, with this code */
int sjl_sqlite_end(sjl_dao_t *dao, sjl_sql_e n, int rc);

/* the number that a statement finds, or 0 */
int sjl_sqlite_number(sjl_dao_t *dao, sjl_sql_e n, int64_t *number);

/* a statement, for its parameters */
sqlite3_stmt *sjl_sqlite_statement(sjl_dao_t *dao, sjl_sql_e n);

/* keeps and returns the error that SQLite has had */
int sjl_sqlite_failed(sjl_sqlite_t *s, const char *doing);

/*
 * Whether a database may be made where there is none; *why, to be freed, tells
 * why not.
 */
int sjl_sqlite_there(const char *folder, const char *path, char **why);

/* a look at a database; *whole: at all of it */
int sjl_sqlite_look(sjl_sqlite_t *s, const char *path, int *whole);

/* of the table of functions */
void sjl_sqlite_damaged(sjl_dao_t *dao, const char *why);
int sjl_sqlite_job_add(sjl_dao_t *dao, const sjl_job_row_t *row);
int sjl_sqlite_job_put(sjl_dao_t *dao, const sjl_job_row_t *row);
int sjl_sqlite_job_forget(sjl_dao_t *dao, const char *id);
int sjl_sqlite_job_get(sjl_dao_t *dao, const char *id, sjl_dao_row_pt fn,
    void *data);
int sjl_sqlite_job_alive(sjl_dao_t *dao, int64_t before, sjl_dao_row_pt fn,
    void *data);
int sjl_sqlite_job_scan(sjl_dao_t *dao, int64_t from, int64_t limit,
    sjl_dao_row_pt fn, void *data);
int sjl_sqlite_job_list(sjl_dao_t *dao, sjl_page_t *page, sjl_dao_row_pt fn,
    void *data);
int sjl_sqlite_job_purge(sjl_dao_t *dao, sjl_page_t *page, sjl_dao_row_pt fn,
    void *data);
int sjl_sqlite_context_purge(sjl_dao_t *dao, sjl_page_t *page,
    sjl_dao_row_pt fn, void *data);
int sjl_sqlite_job_nth(sjl_dao_t *dao, int64_t n, int64_t *seq);
int sjl_sqlite_context_session(sjl_dao_t *dao, int64_t session,
    sjl_dao_row_pt fn, void *data);
int sjl_sqlite_context_shown(sjl_dao_t *dao, int64_t now, int64_t limit,
    sjl_dao_row_pt fn, void *data);
int sjl_sqlite_session_list(sjl_dao_t *dao, int64_t now, int64_t limit,
    sjl_dao_row_pt fn, void *data);
int sjl_sqlite_session_forget(sjl_dao_t *dao, const char *id);
int sjl_sqlite_statement_get(sjl_dao_t *dao, const char *context,
    int64_t number, sjl_dao_row_pt fn, void *data);
int sjl_sqlite_statement_list(sjl_dao_t *dao,
    const sjl_statements_t *statements, sjl_dao_row_pt fn, void *data);
int sjl_sqlite_statement_count(sjl_dao_t *dao, const char *context,
    int64_t *count);


#endif /* _SJL_DAO_SQLITE_H_INCLUDED_ */
