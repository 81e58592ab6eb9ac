
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Databases that are missing or damaged.
 */


#include "sjl_dao_sqlite.h"
#include "sjl_copy.h"
#include "sjl_kept.h"
#include "sjl_wal.h"

#include <sys/stat.h>


/* bytes of a database that is looked at as a whole before the start goes on */
#define SJL_SQLITE_LOOK  (16 * 1024 * 1024)


static int sjl_sqlite_close_up(const char *path, char **why);
static int sjl_sqlite_log(const char *wal, char **why);
static int sjl_sqlite_first(void *data, const char *path);
static int sjl_sqlite_looked(void *data, sqlite3_stmt *stmt);


/*
 * An empty database is made in an empty folder only: where there are files,
 * there was one.
 */

int
sjl_sqlite_there(const char *folder, const char *path, char **why)
{
    int           rc;
    char         *wal, *first;
    struct stat   sb;

    wal = sjl_format("%s-wal", path);

    if (stat(path, &sb) == 0 && sb.st_size > 0) {
        rc = sjl_sqlite_close_up(path, why) == SJL_OK
             ? sjl_sqlite_log(wal, why) : SJL_ERROR;
        free(wal);
        return rc;
    }

    first = NULL;

    if (stat(wal, &sb) == 0 && sb.st_size > 0) {
        first = sjl_strdup("sparkjob.db-wal");

    } else {
        (void) sjl_kept_paths(folder, sjl_sqlite_first, &first);
    }

    free(wal);

    if (first) {
        *why = sjl_format("the database \"%s\" is missing, or empty, though "
                          "there is \"%s\"; put it back, or a whole backup, "
                          "or begin with an empty folder", path, first);
        free(first);
        return SJL_ERROR;
    }

    return SJL_OK;
}


/* a copy that somebody has put there may be open to drivers, and their jobs */

static int
sjl_sqlite_close_up(const char *path, char **why)
{
    int      rc;
    char    *file;
    size_t   i;

    static const char *const  parts[] = { "", "-wal", "-shm" };

    rc = SJL_OK;

    for (i = 0; rc == SJL_OK && i < sjl_nelts(parts); i++) {
        file = sjl_format("%s%s", path, parts[i]);

        if (chmod(file, 0600) == -1 && errno != ENOENT) {
            *why = sjl_format("chmod(\"%s\", 0600) failed: %s", file,
                              strerror(errno));
            rc = SJL_ERROR;
        }

        free(file);
    }

    return rc;
}


/*
 * Commits that fail may leave what looks the same, so this is no reason not to
 * start; but whoever looks into it later has to find it.
 */

static int
sjl_sqlite_log(const char *wal, char **why)
{
    int      rc;
    char    *copy;
    size_t   lost;

    lost = sjl_wal_lost(wal);

    if (lost < 2) {
        return SJL_OK;
    }

    copy = sjl_format("%s.damaged-%lld", wal, (long long) sjl_now());
    rc = sjl_copy_file(wal, 0, copy);

    if (rc == SJL_OK) {
        sjl_log(SJL_LOG_CRIT, "\"%s\" is damaged: %zu commits lie behind a "
                "frame that cannot be read, and what they have changed is "
                "lost, unless they had failed.  It is kept as \"%s\"", wal,
                lost, copy);

    } else {
        *why = sjl_format("\"%s\" is damaged, and keeping it as \"%s\" "
                          "failed: %s", wal, copy, strerror(errno));
    }

    free(copy);

    return rc;
}


static int
sjl_sqlite_first(void *data, const char *path)
{
    *(char **) data = sjl_strdup(path);

    return SJL_ERROR;
}


/* a look at all of a large one takes seconds, see sjl_verify.c */

int
sjl_sqlite_look(sjl_sqlite_t *s, const char *path, int *whole)
{
    int          rc;
    struct stat  sb;

    *whole = stat(path, &sb) == 0 && sb.st_size <= SJL_SQLITE_LOOK;

    rc = sjl_kept_query(s->db, *whole ? "PRAGMA quick_check(1)"
                        : "SELECT 'ok' FROM sqlite_schema LIMIT 1",
                        sjl_sqlite_looked, s);

    if (*s->damage.text) {
        s->why = s->damage;
        return SJL_ERROR;
    }

    return rc == SJL_OK ? SJL_OK : sjl_sqlite_failed(s, "reading the database");
}


static int
sjl_sqlite_looked(void *data, sqlite3_stmt *stmt)
{
    const char    *text;
    sjl_sqlite_t  *s;

    s = data;
    text = (const char *) sqlite3_column_text(stmt, 0);

    if (text && strcmp(text, "ok") != 0) {
        sjl_sqlite_damaged(&s->dao, text);
    }

    return SJL_OK;
}


/* whatever is written now could make it worse */

void
sjl_sqlite_damaged(sjl_dao_t *dao, const char *why)
{
    sjl_sqlite_t  *s;

    s = (sjl_sqlite_t *) (void *) dao;

    if (*s->damage.text) {
        return;
    }

    sjl_why_set(&s->damage, 0, "the database is damaged, and nothing in it is "
                "changed any more: %s", why);
    sjl_text_clean(s->damage.text);

    (void) sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void) sqlite3_exec(s->db, "PRAGMA query_only = ON", NULL, NULL, NULL);
}
