
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The database first, as it is at one moment; then the files that its rows
 * speak of, which never change once they are there, and so may be the same
 * files under another name.  What is deleted meanwhile is deleted in the copy.
 * The copy has its database under another name until all is there: a launcher
 * refuses a folder that has files and no database.
 */


#include "sjl_backup.h"
#include "sjl_copy.h"
#include "sjl_kept.h"

#include <dirent.h>
#include <libgen.h>
#include <sys/stat.h>


#define SJL_BACKUP_PART   "/sparkjob.db.part"
#define SJL_BACKUP_TRIES  100
#define SJL_BACKUP_PAUSE  100           /* milliseconds */


typedef struct {
    const char  *from;
    const char  *to;
    sqlite3     *live;
    sqlite3     *copy;
    size_t       files;
    size_t       failed;
    size_t       closed;                /* contexts of other users */
} sjl_backup_t;


static int sjl_backup_elsewhere(const char *from, const char *to);
static int sjl_backup_folder(const char *to);
static int sjl_backup_database(sjl_backup_t *b);
static int sjl_backup_rows(sjl_backup_t *b);
static int sjl_backup_files(sjl_backup_t *b);
static int sjl_backup_kept(void *data, const sjl_kept_t *kept);
static int sjl_backup_gone(sjl_backup_t *b, const sjl_kept_t *kept);
static int sjl_backup_context(void *data, sqlite3_stmt *stmt);
static int sjl_backup_replacement(void *data, sqlite3_stmt *stmt);
static int sjl_backup_all(sjl_backup_t *b, const char *folder);
static int sjl_backup_file(sjl_backup_t *b, const char *path, int grows);
static int sjl_backup_parents(const char *to, const char *path);
static int sjl_backup_finish(sjl_backup_t *b);
static int sjl_backup_sync(const char *folder);
static int sjl_backup_fail(const char *doing, const char *path);


/* what a context's folder has that is asked for later, or needed for a start */

static const char *const  sjl_backup_parts[] = { "", "/logs", "/in" };


int
sjl_backup(const char *from, const char *to)
{
    int           rc;
    char         *why;
    sjl_backup_t  b;

    memset(&b, 0, sizeof(b));
    b.from = from;
    b.to = to;

    b.live = sjl_kept_open(from, &why);

    if (b.live == NULL) {
        (void) fprintf(stderr, "%s\n", why);
        free(why);
        return SJL_ERROR;
    }

    rc = sjl_backup_elsewhere(from, to) == SJL_OK
         && sjl_backup_folder(to) == SJL_OK
         && sjl_backup_database(&b) == SJL_OK
         && sjl_backup_rows(&b) == SJL_OK
         && sjl_backup_files(&b) == SJL_OK
         ? SJL_OK : SJL_ERROR;

    if (sqlite3_close(b.copy) != SQLITE_OK || sqlite3_close(b.live)) {
        (void) fprintf(stderr, "sqlite3_close() failed\n");
        rc = SJL_ERROR;
    }

    if (rc == SJL_OK) {
        rc = sjl_backup_finish(&b);
    }

    if (b.closed) {
        (void) fprintf(stderr, "the logs of %zu contexts are other users', and "
                       "were left out: only root can copy these\n", b.closed);
    }

    if (rc == SJL_OK) {
        (void) printf("the database and %zu files are in \"%s\"\n", b.files,
                      to);
    }

    return rc == SJL_OK && b.failed + b.closed == 0 ? SJL_OK : SJL_ERROR;
}


/* a launcher removes from its own folder what it does not know */

static int
sjl_backup_elsewhere(const char *from, const char *to)
{
    char         *parent, *copy;
    struct stat   own, sb;

    copy = sjl_strdup(to);
    parent = realpath(to, NULL);

    if (parent == NULL) {
        parent = realpath(dirname(copy), NULL);
    }

    free(copy);

    if (parent == NULL) {
        return sjl_backup_fail("realpath", to);
    }

    if (stat(from, &own) == -1) {
        free(parent);
        return sjl_backup_fail("stat", from);
    }

    for ( ;; ) {

        if (stat(parent, &sb) == -1) {
            free(parent);
            return sjl_backup_fail("stat", to);
        }

        if (sb.st_ino == own.st_ino && sb.st_dev == own.st_dev) {
            (void) fprintf(stderr, "\"%s\" is in the data folder itself\n", to);
            free(parent);
            return SJL_ERROR;
        }

        if (strcmp(parent, "/") == 0) {
            free(parent);
            return SJL_OK;
        }

        (void) dirname(parent);
    }
}


static int
sjl_backup_folder(const char *to)
{
    int             n;
    DIR            *dir;
    struct dirent  *entry;

    if (mkdir(to, 0700) == 0) {
        return SJL_OK;
    }

    if (errno != EEXIST) {
        return sjl_backup_fail("mkdir", to);
    }

    dir = opendir(to);

    if (dir == NULL) {
        return sjl_backup_fail("opendir", to);
    }

    n = 0;

    for (entry = readdir(dir); entry; entry = readdir(dir)) {
        n += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    }

    (void) closedir(dir);

    if (n) {
        (void) fprintf(stderr, "\"%s\" is not empty\n", to);
        return SJL_ERROR;
    }

    return SJL_OK;
}


/* in one step, so that no change of a launcher can make it begin anew */

static int
sjl_backup_database(sjl_backup_t *b)
{
    int              rc, tries;
    char            *path;
    sqlite3_backup  *backup;

    path = sjl_format("%s" SJL_BACKUP_PART, b->to);
    rc = sqlite3_open_v2(path, &b->copy, SQLITE_OPEN_READWRITE
                         |SQLITE_OPEN_CREATE|SQLITE_OPEN_NOMUTEX, NULL);
    free(path);

    if (rc == SQLITE_OK) {
        backup = sqlite3_backup_init(b->copy, "main", b->live, "main");

        for (tries = 0; backup && tries < SJL_BACKUP_TRIES; tries++) {
            rc = sqlite3_backup_step(backup, -1);

            if (rc != SQLITE_BUSY && rc != SQLITE_LOCKED) {
                break;
            }

            (void) sqlite3_sleep(SJL_BACKUP_PAUSE);
        }

        rc = backup ? sqlite3_backup_finish(backup)
                    : sqlite3_errcode(b->copy);
    }

    if (rc != SQLITE_OK) {
        (void) fprintf(stderr, "copying the database failed: %s\n",
                       sqlite3_errmsg(b->copy));
        return SJL_ERROR;
    }

    return SJL_OK;
}


/*
 * The drivers that are alive are those of the original: a launcher that starts
 * on the copy may not wait for them, and even less end them.  Nor may it run
 * batches again, which are not shown for long anyway.
 */

static int
sjl_backup_rows(sjl_backup_t *b)
{
    if (sqlite3_exec(b->copy, "PRAGMA synchronous = FULL;"
                              "UPDATE contexts SET process = 'elsewhere',"
                              " secret = '', token = '' WHERE final = 0;"
                              "DELETE FROM batches",
                     NULL, NULL, NULL)
        != SQLITE_OK)
    {
        (void) fprintf(stderr, "writing the copy of the database failed: %s\n",
                       sqlite3_errmsg(b->copy));
        return SJL_ERROR;
    }

    return SJL_OK;
}


static int
sjl_backup_files(sjl_backup_t *b)
{
    int  rc;

    /* rows that are deleted on the way are deleted behind the reader */

    rc = sjl_kept_files(b->copy, sjl_backup_kept, b);

    if (rc == SJL_OK) {
        rc = sjl_kept_query(b->copy, "SELECT id FROM contexts",
                            sjl_backup_context, b);
    }

    if (rc == SJL_OK) {
        rc = sjl_kept_query(b->copy, "SELECT id FROM replacements",
                            sjl_backup_replacement, b);
    }

    if (rc == SJL_ERROR && sqlite3_errcode(b->copy) != SQLITE_OK
        && sqlite3_errcode(b->copy) != SQLITE_DONE)
    {
        (void) fprintf(stderr, "reading the copy of the database failed: %s\n",
                       sqlite3_errmsg(b->copy));
    }

    return rc;
}


static int
sjl_backup_kept(void *data, const sjl_kept_t *kept)
{
    sjl_backup_t  *b;

    b = data;

    if (sjl_backup_file(b, kept->path, 0) == SJL_OK) {
        return SJL_OK;
    }

    if (errno != ENOENT) {
        return sjl_backup_fail("copying", kept->path);
    }

    return sjl_backup_gone(b, kept);
}


/* a file that is not there, though the row still is, is said and left out */

static int
sjl_backup_gone(sjl_backup_t *b, const sjl_kept_t *kept)
{
    int            there;
    char          *sql;
    sqlite3_stmt  *stmt;

    sql = sjl_format("SELECT 1 FROM %s WHERE seq = %lld", kept->table,
                     (long long) kept->seq);
    there = sqlite3_prepare_v2(b->live, sql, -1, &stmt, NULL) != SQLITE_OK
            || sqlite3_step(stmt) != SQLITE_DONE;

    (void) sqlite3_finalize(stmt);
    free(sql);

    if (there) {
        (void) fprintf(stderr, "%s is missing, \"%s\"\n", kept->what,
                       kept->path);
        b->failed++;
        return SJL_OK;
    }

    sql = sjl_format("DELETE FROM %s WHERE seq = %lld", kept->table,
                     (long long) kept->seq);
    there = sqlite3_exec(b->copy, sql, NULL, NULL, NULL) != SQLITE_OK;
    free(sql);

    return there ? SJL_ERROR : SJL_OK;
}


static int
sjl_backup_context(void *data, sqlite3_stmt *stmt)
{
    int      closed;
    char    *folder;
    size_t   i;

    for (i = 0; i < sjl_nelts(sjl_backup_parts); i++) {
        folder = sjl_format("contexts/%s%s", sqlite3_column_text(stmt, 0),
                            sjl_backup_parts[i]);
        closed = sjl_backup_all(data, folder) == SJL_ERROR;
        free(folder);

        if (closed) {
            ((sjl_backup_t *) data)->closed++;
            break;
        }
    }

    return SJL_OK;
}


/* one that was asked for without a body has none */

static int
sjl_backup_replacement(void *data, sqlite3_stmt *stmt)
{
    int    rc;
    char  *path;

    path = sjl_format("contexts/%s.conf", sqlite3_column_text(stmt, 0));
    rc = sjl_backup_file(data, path, 1);

    if (rc == SJL_ERROR) {
        rc = errno == ENOENT ? SJL_OK : sjl_backup_fail("copying", path);
    }

    free(path);

    return rc;
}


/*
 * Whatever a driver does there meanwhile is its business.  SJL_ERROR: it is
 * another user's, and closed to us.
 */

static int
sjl_backup_all(sjl_backup_t *b, const char *folder)
{
    int             fd;
    DIR            *dir;
    char           *path;
    struct stat     sb;
    struct dirent  *entry;

    /* nor does a link that it has put there lead elsewhere */

    path = sjl_format("%s/%s", b->from, folder);
    fd = open(path, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);
    free(path);

    if (fd == -1) {
        return errno == EACCES ? SJL_ERROR : SJL_OK;
    }

    dir = fdopendir(fd);

    if (dir == NULL) {
        (void) sjl_backup_fail("fdopendir", folder);
        (void) close(fd);
        b->failed++;
        return SJL_OK;
    }

    for (entry = readdir(dir); entry; entry = readdir(dir)) {
        path = sjl_format("%s/%s", folder, entry->d_name);

        if (fstatat(dirfd(dir), entry->d_name, &sb, AT_SYMLINK_NOFOLLOW) == 0
            && S_ISREG(sb.st_mode)
            && sjl_backup_file(b, path, 1) == SJL_ERROR
            && errno != ENOENT)
        {
            (void) sjl_backup_fail("copying", path);
            b->failed++;
        }

        free(path);
    }

    (void) closedir(dir);

    return SJL_OK;
}


/* one that grows is copied, any other is the same file if it can be */

static int
sjl_backup_file(sjl_backup_t *b, const char *path, int grows)
{
    int    rc, err;
    char  *from, *to;

    from = sjl_format("%s/%s", b->from, path);
    to = sjl_format("%s/%s", b->to, path);

    rc = sjl_backup_parents(b->to, path);

    if (rc == SJL_OK && (grows || link(from, to) == -1)) {
        rc = !grows && errno == EEXIST ? SJL_OK
             : sjl_copy_file(from, O_NOFOLLOW|O_NONBLOCK, to);
    }

    err = errno;
    b->files += rc == SJL_OK;

    free(from);
    free(to);
    errno = err;

    return rc;
}


static int
sjl_backup_parents(const char *to, const char *path)
{
    int          rc;
    char        *folder;
    const char  *p;

    rc = SJL_OK;

    for (p = strchr(path, '/'); p && rc == SJL_OK; p = strchr(p + 1, '/')) {
        folder = sjl_format("%s/%.*s", to, (int) (p - path), path);

        if (mkdir(folder, 0700) == -1 && errno != EEXIST) {
            rc = sjl_backup_fail("mkdir", folder);
        }

        free(folder);
    }

    return rc;
}


static int
sjl_backup_finish(sjl_backup_t *b)
{
    int    rc;
    char  *part, *path;

    /* what was linked and copied, with the folders that were made for it */

    rc = sjl_backup_sync(b->to);

    part = sjl_format("%s" SJL_BACKUP_PART, b->to);
    path = sjl_format("%s/sparkjob.db", b->to);

    if (rc == SJL_OK && rename(part, path) == -1) {
        rc = sjl_backup_fail("rename", path);
    }

    free(part);
    free(path);

    return rc == SJL_OK ? sjl_backup_sync(b->to) : rc;
}


/* a whole file system is synchronised at once: there may be many folders */

static int
sjl_backup_sync(const char *folder)
{
    int  fd, rc;

    fd = open(folder, O_RDONLY|O_DIRECTORY|O_CLOEXEC);

    rc = fd == -1 || syncfs(fd) == -1 ? sjl_backup_fail("syncfs", folder)
                                      : SJL_OK;

    if (fd != -1) {
        (void) close(fd);
    }

    return rc;
}


static int
sjl_backup_fail(const char *doing, const char *path)
{
    (void) fprintf(stderr, "%s \"%s\" failed: %s\n", doing, path,
                   strerror(errno));
    return SJL_ERROR;
}
