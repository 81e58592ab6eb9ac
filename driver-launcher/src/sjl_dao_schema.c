
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_dao_schema.h"


static int sjl_sqlite_version(sqlite3 *db, int *version);


/*
 * Migrations: number n (from 1) makes version n of the schema out of the one
 * before.  What was released is never changed, only added to.
 */

static const char *const  sjl_migrations[] = {

    "CREATE TABLE contexts ("
    " seq INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE,"
    " rev INTEGER NOT NULL,"
    " name TEXT NOT NULL,"
    " user TEXT NOT NULL,"
    " adhoc INTEGER NOT NULL,"
    " state TEXT NOT NULL,"
    " final INTEGER NOT NULL,"
    " start INTEGER NOT NULL,"
    " \"end\" INTEGER NOT NULL,"
    " application TEXT,"
    " url TEXT,"
    " reason TEXT,"
    " settings TEXT NOT NULL,"
    " options TEXT,"
    " max_jobs INTEGER NOT NULL,"
    " process TEXT,"
    " secret TEXT NOT NULL,"
    " token TEXT NOT NULL,"
    " code INTEGER NOT NULL,"
    " error BLOB);"

    "CREATE INDEX contexts_name ON contexts (name, seq);"
    "CREATE INDEX contexts_alive ON contexts (seq) WHERE final = 0;"

    "CREATE TABLE jobs ("
    " seq INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE,"
    " rev INTEGER NOT NULL,"
    " class TEXT NOT NULL,"
    " context_id TEXT NOT NULL REFERENCES contexts (id),"
    " user TEXT NOT NULL,"
    " cp TEXT NOT NULL,"
    " state TEXT NOT NULL,"
    " final INTEGER NOT NULL,"
    " sync INTEGER NOT NULL,"
    " start INTEGER NOT NULL,"
    " \"end\" INTEGER NOT NULL,"
    " run_micros INTEGER NOT NULL,"
    " payload TEXT NOT NULL,"
    " size INTEGER NOT NULL,"
    " data BLOB,"
    " config BLOB,"
    " config_file INTEGER NOT NULL,"
    " body BLOB,"
    " body_file INTEGER NOT NULL,"
    " code INTEGER NOT NULL,"
    " code_name TEXT);"

    "CREATE INDEX jobs_state ON jobs (state, seq);"
    "CREATE INDEX jobs_alive ON jobs (seq) WHERE final = 0;"

    "CREATE TABLE binaries ("
    " seq INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL,"
    " type TEXT NOT NULL,"
    " time INTEGER NOT NULL,"
    " sha256 TEXT NOT NULL,"
    " size INTEGER NOT NULL,"
    " UNIQUE (name, time));"

    "CREATE INDEX binaries_sha256 ON binaries (sha256);",

    /*
     * A job has the name of its context, so that lists can be had by it.  A
     * list by one thing is in the order of "start" there, "seq" is the last
     * column of every index anyway.
     */

    "ALTER TABLE contexts ADD COLUMN max_queued INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE jobs ADD COLUMN context TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE jobs ADD COLUMN dependent TEXT;"
    "ALTER TABLE jobs ADD COLUMN request TEXT;"
    "ALTER TABLE jobs ADD COLUMN progress TEXT;"

    "UPDATE jobs SET context = (SELECT name FROM contexts c"
    " WHERE c.id = context_id);"

    "DROP INDEX jobs_state;"
    "CREATE INDEX jobs_start ON jobs (start);"
    "CREATE INDEX jobs_state ON jobs (state, start);"
    "CREATE INDEX jobs_context ON jobs (context, start);"
    "CREATE INDEX jobs_user ON jobs (user, start);"
    "CREATE INDEX jobs_class ON jobs (class, start);"
    "CREATE INDEX jobs_end ON jobs (\"end\") WHERE final = 1;"
    "CREATE INDEX jobs_context_id ON jobs (context_id);"
    "CREATE INDEX contexts_end ON contexts (\"end\") WHERE final = 1;",

    "ALTER TABLE contexts ADD COLUMN ports INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE contexts ADD COLUMN proxy_user TEXT;"
    "ALTER TABLE contexts ADD COLUMN request TEXT;"
    "ALTER TABLE contexts ADD COLUMN idle_timeout INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE contexts ADD COLUMN ttl INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE contexts ADD COLUMN supervise INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE contexts ADD COLUMN restarts TEXT;"

    "CREATE TABLE data ("
    " seq INTEGER PRIMARY KEY,"
    " file TEXT NOT NULL UNIQUE,"
    " user TEXT NOT NULL,"
    " time INTEGER NOT NULL,"
    " size INTEGER NOT NULL);"

    "CREATE TABLE callbacks ("
    " seq INTEGER PRIMARY KEY,"
    " job TEXT NOT NULL UNIQUE,"
    " url TEXT NOT NULL,"
    " attempts INTEGER NOT NULL,"
    " due INTEGER NOT NULL);",

    /*
     * Which final context is the newest of its name: found by no index among
     * many of one name, so it is kept.
     */

    "CREATE TABLE contexts_last ("
    " name TEXT PRIMARY KEY,"
    " context INTEGER NOT NULL) WITHOUT ROWID;"

    "CREATE INDEX contexts_last_context ON contexts_last (context);"

    "INSERT INTO contexts_last SELECT name, max(seq) FROM contexts"
    " WHERE final = 1 GROUP BY name;"

    "CREATE TRIGGER contexts_final AFTER UPDATE OF final ON contexts"
    " WHEN NEW.final = 1 BEGIN"
    " INSERT INTO contexts_last VALUES (NEW.name, NEW.seq)"
    " ON CONFLICT (name) DO UPDATE SET context = max(context, NEW.seq);"
    " END;"

    "CREATE TRIGGER contexts_added AFTER INSERT ON contexts"
    " WHEN NEW.final = 1 BEGIN"
    " INSERT INTO contexts_last VALUES (NEW.name, NEW.seq)"
    " ON CONFLICT (name) DO UPDATE SET context = max(context, NEW.seq);"
    " END;"

    "CREATE TRIGGER contexts_deleted AFTER DELETE ON contexts"
    " WHEN OLD.final = 1 BEGIN"
    " DELETE FROM contexts_last WHERE context = OLD.seq;"
    " INSERT OR IGNORE INTO contexts_last SELECT name, seq FROM contexts"
    " WHERE name = OLD.name AND final = 1 ORDER BY seq DESC LIMIT 1;"
    " END;"

    "CREATE TABLE replacements ("
    " seq INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE,"
    " name TEXT NOT NULL,"
    " user TEXT NOT NULL,"
    " proxy_user TEXT,"
    " request TEXT,"
    " settings TEXT NOT NULL);",

    "ALTER TABLE contexts ADD COLUMN cluster TEXT;"
    "ALTER TABLE contexts ADD COLUMN library TEXT;"
    "ALTER TABLE contexts ADD COLUMN master TEXT;"
    "ALTER TABLE contexts ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE contexts ADD COLUMN remote TEXT;"

    "CREATE TABLE clusters ("
    " seq INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE,"
    " user TEXT NOT NULL,"
    " time INTEGER NOT NULL,"
    " spec TEXT NOT NULL,"
    " report TEXT);"

    "CREATE TABLE libraries ("
    " seq INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE,"
    " user TEXT NOT NULL,"
    " time INTEGER NOT NULL,"
    " spec TEXT NOT NULL,"
    " report TEXT);",

    "ALTER TABLE contexts ADD COLUMN shown TEXT;",

    "CREATE TABLE kills ("
    " seq INTEGER PRIMARY KEY,"
    " driver TEXT NOT NULL UNIQUE,"
    " time INTEGER NOT NULL,"
    " remote TEXT NOT NULL);",

    /*
     * A context is a session, a job may be a statement.  How many statements
     * there were is counted with the row of each, so that the numbers of those
     * that were deleted are not given again; the same holds for sessions.
     */

    "ALTER TABLE contexts ADD COLUMN session INTEGER NOT NULL DEFAULT -1;"
    "ALTER TABLE contexts ADD COLUMN kind TEXT;"
    "ALTER TABLE contexts ADD COLUMN livy TEXT;"
    "ALTER TABLE contexts ADD COLUMN heartbeat INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE contexts ADD COLUMN statements INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE contexts ADD COLUMN until INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE jobs ADD COLUMN statement INTEGER NOT NULL DEFAULT -1;"
    "ALTER TABLE jobs ADD COLUMN kind TEXT;"

    "CREATE TABLE numbers ("
    " seq INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE,"
    " next INTEGER NOT NULL);"

    "UPDATE contexts SET kind = 'shared', session = (SELECT count(*)"
    " FROM contexts o WHERE o.adhoc = 0 AND o.final = 0"
    " AND o.seq < contexts.seq) WHERE adhoc = 0 AND final = 0;"
    "INSERT INTO numbers (name, next) SELECT 'session', count(*)"
    " FROM contexts WHERE session >= 0;"

    "CREATE INDEX contexts_session ON contexts (session) WHERE session >= 0;"
    "CREATE INDEX jobs_statement ON jobs (context_id, statement)"
    " WHERE statement >= 0;"

    "CREATE TRIGGER jobs_added AFTER INSERT ON jobs WHEN NEW.statement >= 0"
    " BEGIN UPDATE contexts SET statements = max(statements,"
    " NEW.statement + 1) WHERE id = NEW.context_id; END;",

    "CREATE TABLE batches ("
    " seq INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE,"
    " number INTEGER NOT NULL UNIQUE,"
    " name TEXT,"
    " user TEXT NOT NULL,"
    " proxy_user TEXT,"
    " state TEXT NOT NULL,"
    " start INTEGER NOT NULL,"
    " \"end\" INTEGER NOT NULL,"
    " stopping INTEGER NOT NULL,"
    " application TEXT,"
    " url TEXT,"
    " reason TEXT,"
    " spec TEXT NOT NULL);",

    "ALTER TABLE contexts ADD COLUMN added TEXT;",

    "CREATE INDEX contexts_until ON contexts (until) WHERE until > 0;",

    "ALTER TABLE jobs ADD COLUMN began INTEGER NOT NULL DEFAULT 0;"
};


int
sjl_sqlite_migrate(sqlite3 *db, char **why)
{
    int    rc, version;
    char  *sql;

    if (sjl_sqlite_version(db, &version) == SJL_ERROR) {
        *why = sjl_format("reading the database's version: %s",
                          sqlite3_errmsg(db));
        return SJL_ERROR;
    }

    if (version > (int) sjl_nelts(sjl_migrations)) {
        *why = sjl_format("the database has version %d, this launcher knows "
                          "versions up to %zu", version,
                          sjl_nelts(sjl_migrations));
        return SJL_ERROR;
    }

    for ( /* void */ ; version < (int) sjl_nelts(sjl_migrations); version++) {

        sql = sjl_format("BEGIN IMMEDIATE; %s PRAGMA user_version = %d; COMMIT",
                         sjl_migrations[version], version + 1);

        rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
        free(sql);

        if (rc != SQLITE_OK) {
            *why = sjl_format("migrating the database to version %d: %s",
                              version + 1, sqlite3_errmsg(db));
            (void) sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
            return SJL_ERROR;
        }
    }

    return SJL_OK;
}


int
sjl_sqlite_is_present(sqlite3 *db, char **why)
{
    int  version;

    if (sjl_sqlite_version(db, &version) == SJL_ERROR) {
        *why = sjl_format("the database cannot be read: %s",
                          sqlite3_errmsg(db));
        return SJL_ERROR;
    }

    if (version == 0) {
        *why = sjl_strdup("the database is empty: it was never a launcher's, "
                          "or what it had is lost");
        return SJL_ERROR;
    }

    if (version != (int) sjl_nelts(sjl_migrations)) {
        *why = sjl_format("the database has version %d, not %zu: a launcher of "
                          "this version has to be started on it first",
                          version, sjl_nelts(sjl_migrations));
        return SJL_ERROR;
    }

    return SJL_OK;
}


static int
sjl_sqlite_version(sqlite3 *db, int *version)
{
    int            rc;
    sqlite3_stmt  *stmt;

    *version = 0;

    if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt, NULL)
        != SQLITE_OK)
    {
        return SJL_ERROR;
    }

    rc = sqlite3_step(stmt);
    *version = sqlite3_column_int(stmt, 0);
    (void) sqlite3_finalize(stmt);

    return rc == SQLITE_ROW ? SJL_OK : SJL_ERROR;
}
