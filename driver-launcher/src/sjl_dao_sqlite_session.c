
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Sessions and their statements in SQLite.
 */


#include "sjl_dao_sqlite.h"


static int sjl_sqlite_shown(sjl_dao_t *dao, sjl_sql_e n, int64_t now,
    int64_t limit, sjl_dao_row_pt fn, void *data);


int
sjl_sqlite_context_session(sjl_dao_t *dao, int64_t session, sjl_dao_row_pt fn,
    void *data)
{
    (void) sqlite3_bind_int64(
               sjl_sqlite_statement(dao, SJL_SQL_CONTEXT_SESSION), 1, session);

    return sjl_sqlite_rows(dao, SJL_SQL_CONTEXT_SESSION, &sjl_contexts_table,
                           fn, data);
}


int
sjl_sqlite_context_shown(sjl_dao_t *dao, int64_t now, int64_t limit,
    sjl_dao_row_pt fn, void *data)
{
    return sjl_sqlite_shown(dao, SJL_SQL_CONTEXT_SHOWN, now, limit, fn, data);
}


int
sjl_sqlite_session_list(sjl_dao_t *dao, int64_t now, int64_t limit,
    sjl_dao_row_pt fn, void *data)
{
    return sjl_sqlite_shown(dao, SJL_SQL_SESSION_LIST, now, limit, fn, data);
}


static int
sjl_sqlite_shown(sjl_dao_t *dao, sjl_sql_e n, int64_t now, int64_t limit,
    sjl_dao_row_pt fn, void *data)
{
    sqlite3_stmt  *stmt;

    stmt = sjl_sqlite_statement(dao, n);

    (void) sqlite3_bind_int64(stmt, 1, now);
    (void) sqlite3_bind_int64(stmt, 2, limit);

    return sjl_sqlite_rows(dao, n, &sjl_contexts_table, fn, data);
}


int
sjl_sqlite_session_forget(sjl_dao_t *dao, const char *id)
{
    (void) sqlite3_bind_text(
               sjl_sqlite_statement(dao, SJL_SQL_SESSION_FORGET), 1, id, -1,
               SQLITE_STATIC);

    return sjl_sqlite_run(dao, SJL_SQL_SESSION_FORGET);
}


int
sjl_sqlite_statement_get(sjl_dao_t *dao, const char *context, int64_t number,
    sjl_dao_row_pt fn, void *data)
{
    sqlite3_stmt  *stmt;

    stmt = sjl_sqlite_statement(dao, SJL_SQL_STATEMENT_GET);

    (void) sqlite3_bind_text(stmt, 1, context, -1, SQLITE_STATIC);
    (void) sqlite3_bind_int64(stmt, 2, number);

    return sjl_sqlite_rows(dao, SJL_SQL_STATEMENT_GET, &sjl_jobs_table, fn,
                           data);
}


int
sjl_sqlite_statement_list(sjl_dao_t *dao, const sjl_statements_t *statements,
    sjl_dao_row_pt fn, void *data)
{
    sjl_sql_e      n;
    sqlite3_stmt  *stmt;

    n = statements->down ? SJL_SQL_STATEMENT_DOWN : SJL_SQL_STATEMENT_UP;
    stmt = sjl_sqlite_statement(dao, n);

    (void) sqlite3_bind_text(stmt, 1, statements->context, -1, SQLITE_STATIC);
    (void) sqlite3_bind_int64(stmt, 2, statements->after);
    (void) sqlite3_bind_int64(stmt, 3, statements->limit);
    (void) sqlite3_bind_int64(stmt, 4, statements->skip);

    return sjl_sqlite_rows(dao, n, &sjl_jobs_table, fn, data);
}


int
sjl_sqlite_statement_count(sjl_dao_t *dao, const char *context, int64_t *count)
{
    (void) sqlite3_bind_text(
               sjl_sqlite_statement(dao, SJL_SQL_STATEMENT_COUNT), 1, context,
               -1, SQLITE_STATIC);

    return sjl_sqlite_number(dao, SJL_SQL_STATEMENT_COUNT, count);
}
