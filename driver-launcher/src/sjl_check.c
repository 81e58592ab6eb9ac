
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_check.h"
#include "sjl_folder.h"
#include "sjl_kept.h"
#include "sjl_wal.h"

#include <openssl/evp.h>
#include <sys/stat.h>
#include <uthash.h>


#define SJL_CHECK_CHUNK  (256 * 1024)

/* seconds after which what a running launcher was about to do is done */
#define SJL_CHECK_PAUSE  2


/* a text of a set: something that is wrong, or a file that is needed */

typedef struct {
    char            *text;
    UT_hash_handle   hh;
} sjl_check_entry_t;


typedef struct {
    const char         *folder;
    int                 running;        /* a launcher is there */
    sjl_check_entry_t  *found;
    sjl_check_entry_t  *files;
} sjl_check_t;


static int sjl_check_pass(sjl_check_t *check);
static void sjl_check_log(sjl_check_t *check);
static void sjl_check_found(sjl_check_t *check, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static int sjl_check_add(sjl_check_entry_t **set, const char *text);
static int sjl_check_has(sjl_check_entry_t *set, const char *text);
static void sjl_check_clear(sjl_check_entry_t **set);
static int sjl_check_text(void *data, sqlite3_stmt *stmt);
static int sjl_check_reference(void *data, sqlite3_stmt *stmt);
static int sjl_check_context(void *data, sqlite3_stmt *stmt);
static int sjl_check_file(void *data, const sjl_kept_t *kept);
static void sjl_check_hash(sjl_check_t *check, const char *path,
    const sjl_kept_t *kept);
static int sjl_check_digest(int fd, char *sha256);
static int sjl_check_stray(void *data, const char *path);
static int sjl_check_used(sjl_check_t *check, const char *path);


/* the states and whether each is final, as rows */

#define SJL_X(sym, name, final)  "('" name "', " #final "), "

#define SJL_CONTEXT_STATES                                                    \
    "WITH s (name, final) AS (VALUES " SJP_CONTEXT_STATES(SJL_X) "('', 0)) "
#define SJL_JOB_STATES                                                        \
    "WITH s (name, final) AS (VALUES " SJP_JOB_STATES(SJL_X) "('', 0)) "


/* each finds what is wrong, in words */

static const char *const  sjl_check_rows[] = {

    "PRAGMA integrity_check",

    SJL_CONTEXT_STATES
    "SELECT 'context ' || id || ' is ' || state || ', and final is ' || final"
    " FROM contexts c WHERE NOT EXISTS (SELECT 1 FROM s"
    " WHERE s.name = c.state AND s.final = c.final)",

    SJL_JOB_STATES
    "SELECT 'job ' || id || ' is ' || state || ', and final is ' || final"
    " FROM jobs j WHERE NOT EXISTS (SELECT 1 FROM s"
    " WHERE s.name = j.state AND s.final = j.final)",

    "SELECT 'context ' || id || ' is ' || state || ', and its end is '"
    " || \"end\" FROM contexts WHERE final <> (\"end\" > 0)",

    "SELECT 'job ' || id || ' is ' || state || ', and its end is '"
    " || \"end\" FROM jobs WHERE final <> (\"end\" > 0)",

    "SELECT 'contexts ' || min(id) || ' and ' || max(id)"
    " || ' are both alive with the name ' || name FROM contexts"
    " WHERE final = 0 GROUP BY name HAVING count(*) > 1",

    "SELECT 'context ' || id || ' has settings that are no JSON'"
    " FROM contexts WHERE NOT json_valid(settings)",

    "SELECT 'job ' || id || ' has a class path that is no JSON' FROM jobs"
    " WHERE NOT json_valid(cp) OR NOT json_valid(coalesce(dependent, '[]'))",

    "SELECT 'job ' || j.id || ' says that its context ' || c.id || ' is ' ||"
    " j.context || ', not ' || c.name FROM jobs j JOIN contexts c"
    " ON c.id = j.context_id WHERE c.name <> j.context",

    "SELECT 'job ' || id || ' is ' || state || ', and what it has is: '"
    " || payload FROM jobs WHERE payload NOT IN (SELECT value FROM json_each("
    " CASE state WHEN 'FINISHED' THEN '[\"none\", \"result\", \"stored\"]'"
    " WHEN 'ERROR' THEN '[\"error\"]' WHEN 'KILLED' THEN '[\"error\"]'"
    " ELSE '[\"none\"]' END))",

    "SELECT 'job ' || id || ' has a result of ' || length(data)"
    " || ' bytes, not ' || size FROM jobs WHERE payload = 'result'"
    " AND length(data) <> size",

    "SELECT 'binary ' || name || ' has no SHA-256, but ' || sha256"
    " FROM binaries WHERE length(sha256) <> 64"
    " OR sha256 GLOB '*[^0-9a-f]*'",

    "SELECT 'binary ' || name || ' has the unknown type ' || type"
    " FROM binaries WHERE type NOT IN ('Jar', 'Egg', 'Wheel', 'Python')",

    "SELECT 'data file ' || file || ' has a name that leads elsewhere'"
    " FROM data WHERE instr(file, '/') OR file IN ('', '.', '..')"
};


/*
 * What is being done by a launcher at this moment can look wrong; it does not
 * a little later.
 */

int
sjl_check(const char *folder)
{
    int                 rc;
    sjl_check_t         check;
    sjl_check_entry_t  *first, *entry, *next;

    memset(&check, 0, sizeof(check));
    check.folder = folder;
    check.running = sjl_kept_in_use(folder);

    rc = sjl_check_pass(&check);
    first = NULL;

    if (check.running && check.found && rc == SJL_OK) {
        (void) sleep(SJL_CHECK_PAUSE);

        first = check.found;
        check.found = NULL;
        (void) sjl_check_pass(&check);
    }

    rc = SJL_OK;

    HASH_ITER(hh, check.found, entry, next) {
        if (first == NULL || sjl_check_has(first, entry->text)) {
            (void) printf("%s\n", entry->text);
            rc = SJL_ERROR;
        }
    }

    if (rc == SJL_OK) {
        (void) printf("all is well in \"%s\"\n", folder);
    }

    sjl_check_clear(&first);
    sjl_check_clear(&check.found);

    return rc;
}


/* SJL_ERROR: there is nothing more to look at */

static int
sjl_check_pass(sjl_check_t *check)
{
    char     *why;
    size_t    i;
    sqlite3  *db;

    sjl_check_log(check);

    db = sjl_kept_open(check->folder, &why);

    if (db == NULL) {
        sjl_check_found(check, "%s", why);
        free(why);
        return SJL_ERROR;
    }

    /* all that follows sees the rows of one moment */

    (void) sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);

    for (i = 0; i < sjl_nelts(sjl_check_rows); i++) {
        if (sjl_kept_query(db, sjl_check_rows[i], sjl_check_text, check)
            == SJL_ERROR)
        {
            sjl_check_found(check, "the database cannot be read: %s",
                            sqlite3_errmsg(db));
        }
    }

    if (sjl_kept_query(db, "PRAGMA foreign_key_check", sjl_check_reference,
                       check)
           == SJL_ERROR
        || sjl_kept_query(db, "SELECT id FROM contexts UNION ALL"
                          " SELECT id FROM batches UNION ALL"
                          " SELECT id || '.conf' FROM replacements",
                          sjl_check_context, check)
           == SJL_ERROR
        || sjl_kept_files(db, sjl_check_file, check) == SJL_ERROR)
    {
        sjl_check_found(check, "the database cannot be read: %s",
                        sqlite3_errmsg(db));

    } else {
        (void) sjl_kept_paths(check->folder, sjl_check_stray, check);
    }

    sjl_check_clear(&check->files);
    (void) sqlite3_close(db);

    return SJL_OK;
}


/* that of a launcher which runs is being written */

static void
sjl_check_log(sjl_check_t *check)
{
    char    *wal;
    size_t   lost;

    if (check->running) {
        return;
    }

    wal = sjl_format("%s/sparkjob.db-wal", check->folder);
    lost = sjl_wal_lost(wal);
    free(wal);

    if (lost > 1) {
        sjl_check_found(check, "\"sparkjob.db-wal\" is damaged: %zu commits "
                        "lie behind a frame that cannot be read", lost);
    }
}


static void
sjl_check_found(sjl_check_t *check, const char *fmt, ...)
{
    char     text[1024];
    va_list  args;

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    sjl_text_clean(text);
    (void) sjl_check_add(&check->found, text);
}


/* 0: it is there already */

static int
sjl_check_add(sjl_check_entry_t **set, const char *text)
{
    sjl_check_entry_t  *entry;

    if (sjl_check_has(*set, text)) {
        return 0;
    }

    entry = sjl_alloc(sizeof(sjl_check_entry_t));
    entry->text = sjl_strdup(text);
    HASH_ADD_KEYPTR(hh, *set, entry->text, strlen(entry->text), entry);

    return 1;
}


static int
sjl_check_has(sjl_check_entry_t *set, const char *text)
{
    sjl_check_entry_t  *entry;

    HASH_FIND_STR(set, text, entry);

    return entry != NULL;
}


static void
sjl_check_clear(sjl_check_entry_t **set)
{
    sjl_check_entry_t  *entry, *next;

    HASH_ITER(hh, *set, entry, next) {
        HASH_DEL(*set, entry);
        free(entry->text);
        free(entry);
    }
}


static int
sjl_check_text(void *data, sqlite3_stmt *stmt)
{
    const char  *text;

    text = (const char *) sqlite3_column_text(stmt, 0);

    if (text && strcmp(text, "ok") != 0) {
        sjl_check_found(data, "%s%s",
                        strcmp(sqlite3_sql(stmt), sjl_check_rows[0]) == 0
                        ? "the database is damaged: " : "", text);
    }

    return SJL_OK;
}


static int
sjl_check_reference(void *data, sqlite3_stmt *stmt)
{
    sjl_check_found(data, "row %lld of %s refers to a row of %s that is not "
                    "there", (long long) sqlite3_column_int64(stmt, 1),
                    sqlite3_column_text(stmt, 0), sqlite3_column_text(stmt, 2));
    return SJL_OK;
}


/* its folder may be gone, if there was nothing to keep in it */

static int
sjl_check_context(void *data, sqlite3_stmt *stmt)
{
    char         *path;
    sjl_check_t  *check;

    check = data;
    path = sjl_format("contexts/%s", sqlite3_column_text(stmt, 0));
    (void) sjl_check_add(&check->files, path);
    free(path);

    return SJL_OK;
}


static int
sjl_check_file(void *data, const sjl_kept_t *kept)
{
    char         *path;
    sjl_check_t  *check;
    struct stat   sb;

    check = data;

    if (!sjl_check_add(&check->files, kept->path)) {
        return SJL_OK;
    }

    path = sjl_format("%s/%s", check->folder, kept->path);

    if (lstat(path, &sb) == -1) {
        sjl_check_found(check, "%s is missing, \"%s\": %s", kept->what,
                        kept->path, strerror(errno));

    } else if (!S_ISREG(sb.st_mode)) {
        sjl_check_found(check, "%s is no regular file, \"%s\"", kept->what,
                        kept->path);

    } else if (kept->size >= 0 && sb.st_size != kept->size) {
        sjl_check_found(check, "%s has %lld bytes, not %lld, \"%s\"",
                        kept->what, (long long) sb.st_size,
                        (long long) kept->size, kept->path);

    } else if (kept->sha256) {
        sjl_check_hash(check, path, kept);
    }

    free(path);

    return SJL_OK;
}


static void
sjl_check_hash(sjl_check_t *check, const char *path, const sjl_kept_t *kept)
{
    int   fd;
    char  sha256[SJL_HASH_LEN + 1];

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NOFOLLOW);

    if (fd == -1 || sjl_check_digest(fd, sha256) == SJL_ERROR) {
        sjl_check_found(check, "%s cannot be read, \"%s\": %s", kept->what,
                        kept->path, strerror(errno));

    } else if (strcmp(sha256, kept->sha256) != 0) {
        sjl_check_found(check, "%s is damaged, \"%s\" has the SHA-256 %s",
                        kept->what, kept->path, sha256);
    }

    if (fd != -1) {
        (void) close(fd);
    }
}


static int
sjl_check_digest(int fd, char *sha256)
{
    char           *chunk;
    ssize_t         n;
    unsigned        len;
    EVP_MD_CTX     *md;
    unsigned char   digest[EVP_MAX_MD_SIZE];

    chunk = sjl_alloc(SJL_CHECK_CHUNK);
    md = EVP_MD_CTX_new();
    n = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 ? 1 : -1;
    len = 0;

    while (n > 0) {
        n = read(fd, chunk, SJL_CHECK_CHUNK);

        if (n > 0 && EVP_DigestUpdate(md, chunk, (size_t) n) != 1) {
            n = -1;
        }
    }

    if (n == 0 && EVP_DigestFinal_ex(md, digest, &len) != 1) {
        n = -1;
    }

    sjl_hex(sha256, digest, len);

    EVP_MD_CTX_free(md);
    free(chunk);

    return n == 0 ? SJL_OK : SJL_ERROR;
}


static int
sjl_check_stray(void *data, const char *path)
{
    sjl_check_t  *check;

    check = data;

    if (!sjl_check_has(check->files, path) && !sjl_check_used(check, path)) {
        sjl_check_found(check, "\"%s\" belongs to nothing", path);
    }

    return SJL_OK;
}


/*
 * By what has no row, while a launcher runs; or had none when it began: then
 * its name leads to the context that it is of.
 */

static int
sjl_check_used(sjl_check_t *check, const char *path)
{
    int      used;
    char    *full, *mark, *context, to[SJL_ID_LEN + 1];
    ssize_t  n;

    full = sjl_format("%s/%s", check->folder, path);
    mark = sjl_format("%s" SJL_FOLDER_MARK, full);
    n = readlink(full, to, SJL_ID_LEN);
    context = sjl_format("contexts/%.*s", n > 0 ? (int) n : 0, to);

    used = (check->running && access(mark, F_OK) == 0)
           || sjl_check_has(check->files, context);

    free(context);
    free(mark);
    free(full);

    return used;
}
