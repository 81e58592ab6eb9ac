
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * A disk that fails when a test wants it to, preloaded into the unchanged
 * launcher.  It stands in front of SQLite as its default VFS (storage_vfs.c),
 * and in front of the calls of the C library that make, write and move files.
 *
 * SPARKJOB_SHIM_ROOT is the folder that lies on this disk, SPARKJOB_SHIM_FILE
 * what is wrong with it at present; t/lib/storage.py writes the latter, as
 * lines that each say
 *
 *    <call> <pattern of paths below the root> <what> <calls to let by> <times>
 *
 * where "what" is full, error, busy, torn or power.  What has happened goes to
 * the file of that name with ".log" behind it.
 *
 * The power can be lost, since all that was changed and not synchronised is
 * known: bytes by their file, names by their folder.  It is taken back, newest
 * first, and the process killed.  A torn write is such a loss of which half of
 * one write is left.
 */


#include "storage_shim.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>


#define SHIM_RULES  16
#define SHIM_TEXT   4096


typedef struct {
    char         call[16];
    char         pattern[256];
    shim_what_e  what;
    long         skip;
    long         times;
} shim_rule_t;


/* a change that is not on the disk yet, and how it is taken back */

typedef struct shim_change_s  shim_change_t;

struct shim_change_s {
    enum {
        SHIM_BYTES,                     /* of a file: what there was */
        SHIM_MADE,                      /* a name: it goes */
        SHIM_GONE                       /* a name: it comes back */
    } kind;

    dev_t           dev;                /* the file, or the name's folder */
    ino_t           ino;
    char           *path;
    char           *kept;               /* SHIM_GONE: another name for it */
    off_t           offset;
    off_t           size;               /* of the whole file */
    size_t          len;
    char           *bytes;
    shim_change_t  *older;
};


/* files whose bytes were synchronised since they were opened for writing */

typedef struct shim_synced_s  shim_synced_t;

struct shim_synced_s {
    dev_t           dev;
    ino_t           ino;
    shim_synced_t  *next;
};


static pthread_mutex_t   shim_mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static char              shim_root[SHIM_TEXT / 2];
static const char       *shim_control_file;
static char              shim_text[SHIM_TEXT];
static shim_rule_t       shim_rules[SHIM_RULES];
static int               shim_nrules, shim_trace;
static unsigned          shim_nkept;
static shim_change_t    *shim_changes;
static shim_synced_t    *shim_syncs;


static const struct {
    const char   *name;
    shim_what_e   what;
} shim_whats[] = {
    { "full", SHIM_FULL }, { "error", SHIM_ERROR }, { "busy", SHIM_BUSY },
    { "torn", SHIM_TORN }, { "power", SHIM_POWER }, { NULL, SHIM_NONE }
};


void
shim_enter(void)
{
    (void) pthread_mutex_lock(&shim_mutex);
}


void
shim_leave(void)
{
    (void) pthread_mutex_unlock(&shim_mutex);
}


/*
 * Who holds it has another number in a child; and what a child does before it
 * is a driver is not the launcher's disk any longer.
 */

static void
shim_forked(void)
{
    static const pthread_mutex_t  fresh =
                                      PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

    shim_mutex = fresh;
    shim_root[0] = '\0';
}


static __attribute__((constructor)) void
shim_init(void)
{
    const char  *root;

    root = getenv("SPARKJOB_SHIM_ROOT");
    shim_control_file = getenv("SPARKJOB_SHIM_FILE");

    if (root == NULL || shim_control_file == NULL) {
        return;
    }

    (void) snprintf(shim_root, sizeof(shim_root), "%s", root);
    (void) pthread_atfork(shim_enter, shim_leave, shim_forked);

    shim_vfs_register();
}


/* the path below the root, or NULL */

static const char *
shim_below(const char *path)
{
    size_t  n;

    n = strlen(shim_root);

    if (n == 0 || path == NULL || strncmp(path, shim_root, n) != 0) {
        return NULL;
    }

    return path[n] == '/' ? path + n + 1 : path[n] == '\0' ? "" : NULL;
}


static void
shim_log(const char *fmt, ...)
{
    int      fd, n;
    char     path[PATH_MAX], line[PATH_MAX + 100];
    va_list  args;

    (void) snprintf(path, sizeof(path), "%s.log", shim_control_file);
    fd = (int) syscall(SYS_openat, AT_FDCWD, path,
                       O_WRONLY|O_CREAT|O_APPEND|O_CLOEXEC, 0600);

    va_start(args, fmt);
    n = vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);

    (void) !syscall(SYS_write, fd, line, n);
    (void) syscall(SYS_close, fd);
}


/* counting begins anew when the file says something else */

static void
shim_rules_read(void)
{
    int          fd, i;
    char         text[SHIM_TEXT], what[16], *line, *next;
    ssize_t      n;
    shim_rule_t  rule;

    fd = (int) syscall(SYS_openat, AT_FDCWD, shim_control_file,
                       O_RDONLY|O_CLOEXEC);
    n = syscall(SYS_read, fd, text, sizeof(text) - 1);
    (void) syscall(SYS_close, fd);

    text[n > 0 ? n : 0] = '\0';

    if (strcmp(text, shim_text) == 0) {
        return;
    }

    strcpy(shim_text, text);
    shim_nrules = 0;
    shim_trace = 0;

    for (line = text; *line; line = next) {
        next = strchrnul(line, '\n');
        next += *next != '\0';

        if (strncmp(line, "trace", 5) == 0) {
            shim_trace = 1;
            continue;
        }

        memset(&rule, 0, sizeof(rule));

        if (sscanf(line, "%15s %255s %15s %ld %ld", rule.call, rule.pattern,
                   what, &rule.skip, &rule.times)
            != 5 || shim_nrules == SHIM_RULES)
        {
            continue;
        }

        for (i = 0; shim_whats[i].name; i++) {
            if (strcmp(shim_whats[i].name, what) == 0) {
                rule.what = shim_whats[i].what;
            }
        }

        shim_rules[shim_nrules++] = rule;
    }
}


/* takes back what is not on the disk, and is gone */

void
shim_power_lost(void)
{
    int             fd;
    shim_change_t  *c;

    for (c = shim_changes; c; c = c->older) {

        switch (c->kind) {

        case SHIM_BYTES:
            fd = (int) syscall(SYS_openat, AT_FDCWD, c->path, O_WRONLY, 0);
            (void) !syscall(SYS_pwrite64, fd, c->bytes, c->len, c->offset);
            (void) !syscall(SYS_ftruncate, fd, c->size);
            (void) syscall(SYS_close, fd);
            break;

        case SHIM_MADE:
            if (syscall(SYS_unlinkat, AT_FDCWD, c->path, 0) == -1) {
                (void) syscall(SYS_unlinkat, AT_FDCWD, c->path, AT_REMOVEDIR);
            }

            break;

        case SHIM_GONE:
            (void) syscall(SYS_linkat, AT_FDCWD, c->kept, AT_FDCWD, c->path, 0);
            break;
        }
    }

    shim_log("the power is lost\n");

    (void) kill(getpid(), SIGKILL);
}


/* what becomes of a call; the mutex is held */

shim_what_e
shim_call(const char *call, const char *path)
{
    int           i;
    const char   *name;
    shim_rule_t  *rule;

    name = shim_below(path);

    if (name == NULL) {
        return SHIM_NONE;
    }

    shim_rules_read();

    if (shim_trace) {
        shim_log("%s %s\n", call, name);
    }

    for (i = 0; i < shim_nrules; i++) {
        rule = &shim_rules[i];

        if (rule->times == 0 || fnmatch(rule->call, call, 0) != 0
            || fnmatch(rule->pattern, name, 0) != 0)
        {
            continue;
        }

        if (rule->skip) {
            rule->skip--;
            continue;
        }

        rule->times--;
        shim_log("hit %s %s\n", call, name);

        if (rule->what == SHIM_POWER) {
            shim_power_lost();
        }

        return rule->what;
    }

    return SHIM_NONE;
}


/* -1 and errno, if the call is to fail */

static int
shim_fails(const char *call, const char *path)
{
    shim_what_e  what;

    what = shim_call(call, path);

    if (what == SHIM_NONE || what == SHIM_TORN) {
        return 0;
    }

    errno = what == SHIM_FULL ? ENOSPC : what == SHIM_BUSY ? EAGAIN : EIO;

    return -1;
}


static const char *
shim_path(int fd, char *path)
{
    char     link[64];
    ssize_t  n;

    (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, PATH_MAX - 1);
    path[n > 0 ? n : 0] = '\0';

    return path;
}


static void
shim_change(shim_change_t *change)
{
    shim_change_t  *c;

    c = malloc(sizeof(shim_change_t));
    *c = *change;
    c->path = strdup(change->path);
    c->older = shim_changes;
    shim_changes = c;
}


/* of a name, with the folder in which it is */

static void
shim_name_changed(int kind, const char *path, const char *kept)
{
    char           folder[PATH_MAX];
    struct stat    sb;
    shim_change_t  change;

    if (shim_below(path) == NULL) {
        return;
    }

    (void) snprintf(folder, sizeof(folder), "%s", path);
    *strrchr(folder, '/') = '\0';

    memset(&change, 0, sizeof(change));
    memset(&sb, 0, sizeof(sb));
    (void) stat(folder, &sb);

    change.kind = kind;
    change.dev = sb.st_dev;
    change.ino = sb.st_ino;
    change.path = (char *) (uintptr_t) path;
    change.kept = kept ? strdup(kept) : NULL;

    shim_change(&change);
}


/* another name for what is about to lose one, or NULL: there is none */

static char *
shim_keep(const char *path)
{
    static char  kept[PATH_MAX];

    (void) snprintf(kept, sizeof(kept), "%s.kept", shim_root);
    (void) syscall(SYS_mkdirat, AT_FDCWD, kept, 0700);
    (void) snprintf(kept, sizeof(kept), "%s.kept/%d.%u", shim_root,
                    (int) getpid(), ++shim_nkept);

    if (syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, kept, 0) == -1) {
        return NULL;
    }

    return kept;
}


/* what a file has where it is going to be written, and its size */

static void
shim_bytes_change(int fd, const char *path, off_t offset, size_t len)
{
    ssize_t        n;
    struct stat    sb;
    shim_change_t  change;

    if (shim_below(path) == NULL || fstat(fd, &sb) == -1) {
        return;
    }

    memset(&change, 0, sizeof(change));
    change.kind = SHIM_BYTES;
    change.dev = sb.st_dev;
    change.ino = sb.st_ino;
    change.path = (char *) (uintptr_t) path;
    change.size = sb.st_size;
    change.offset = offset;

    if (offset < sb.st_size) {
        len = len < (size_t) (sb.st_size - offset) ? len
              : (size_t) (sb.st_size - offset);
        change.bytes = malloc(len + 1);

        fd = (int) syscall(SYS_openat, AT_FDCWD, path, O_RDONLY|O_CLOEXEC);
        n = syscall(SYS_pread64, fd, change.bytes, len, offset);
        (void) syscall(SYS_close, fd);
        change.len = n > 0 ? (size_t) n : 0;
    }

    shim_change(&change);
}


/* what is known of a file, or of names in a folder, is on the disk now */

static void
shim_on_disk(int fd)
{
    struct stat      sb;
    shim_synced_t   *synced;
    shim_change_t   *c, **last;

    if (fstat(fd, &sb) == -1) {
        return;
    }

    for (last = &shim_changes, c = *last; c; c = *last) {

        if (c->dev == sb.st_dev && c->ino == sb.st_ino) {
            *last = c->older;

            if (c->kept) {
                (void) syscall(SYS_unlinkat, AT_FDCWD, c->kept, 0);
            }

            free(c->path);
            free(c->kept);
            free(c->bytes);
            free(c);
            continue;
        }

        last = &c->older;
    }

    synced = malloc(sizeof(shim_synced_t));
    synced->dev = sb.st_dev;
    synced->ino = sb.st_ino;
    synced->next = shim_syncs;
    shim_syncs = synced;
}


/*
 * A file gets a new name.  One that another process has written may lose all of
 * its bytes, unless it was synchronised here.
 */

static void
shim_renamed(const char *path)
{
    int             found;
    struct stat     sb;
    shim_synced_t  *synced;
    shim_change_t  *c, change;

    if (shim_below(path) == NULL || stat(path, &sb) == -1
        || !S_ISREG(sb.st_mode))
    {
        return;
    }

    found = 0;

    for (c = shim_changes; c; c = c->older) {
        if (c->kind == SHIM_BYTES && c->ino == sb.st_ino) {
            free(c->path);
            c->path = strdup(path);
            found = 1;
        }
    }

    if (found) {
        return;
    }

    for (synced = shim_syncs; synced; synced = synced->next) {
        if (synced->dev == sb.st_dev && synced->ino == sb.st_ino) {
            return;
        }
    }

    memset(&change, 0, sizeof(change));
    change.kind = SHIM_BYTES;
    change.dev = sb.st_dev;
    change.ino = sb.st_ino;
    change.path = (char *) (uintptr_t) path;

    shim_change(&change);
}


/* the C library's */

static int
shim_open_file(const char *path, int flags, mode_t mode)
{
    int  fd, made;

    (void) pthread_mutex_lock(&shim_mutex);

    fd = -1;
    made = (flags & O_CREAT) && faccessat(AT_FDCWD, path, F_OK, 0) == -1;

    if (shim_fails(made ? "create" : "open", path) == 0) {
        fd = (int) syscall(SYS_openat, AT_FDCWD, path, flags, mode);

        if (fd != -1 && made) {
            shim_name_changed(SHIM_MADE, path, NULL);
        }
    }

    (void) pthread_mutex_unlock(&shim_mutex);

    return fd;
}


int
open(const char *path, int flags, ...)
{
    mode_t   mode;
    va_list  args;

    va_start(args, flags);
    mode = (flags & (O_CREAT|__O_TMPFILE)) ? va_arg(args, mode_t) : 0;
    va_end(args);

    return shim_open_file(path, flags, mode);
}


int
open64(const char *path, int flags, ...)
{
    mode_t   mode;
    va_list  args;

    va_start(args, flags);
    mode = (flags & (O_CREAT|__O_TMPFILE)) ? va_arg(args, mode_t) : 0;
    va_end(args);

    return shim_open_file(path, flags, mode);
}


/* SQLite's own calls get here, too, but what fails of these is said there */

static ssize_t
shim_write_file(int fd, const void *p, size_t n, off_t offset, int seek)
{
    char         path[PATH_MAX];
    ssize_t      rc;
    shim_what_e  what;

    if (shim_below(shim_path(fd, path)) == NULL) {
        return seek ? syscall(SYS_write, fd, p, n)
                    : syscall(SYS_pwrite64, fd, p, n, offset);
    }

    (void) pthread_mutex_lock(&shim_mutex);

    if (seek) {
        offset = lseek(fd, 0, SEEK_CUR);
    }

    what = seek ? shim_call("write", path) : SHIM_NONE;

    if (what == SHIM_TORN) {
        shim_power_lost();

    } else if (what != SHIM_NONE) {
        errno = what == SHIM_FULL ? ENOSPC : EIO;
        (void) pthread_mutex_unlock(&shim_mutex);
        return -1;
    }

    shim_bytes_change(fd, path, offset, n);

    rc = seek ? syscall(SYS_write, fd, p, n)
              : syscall(SYS_pwrite64, fd, p, n, offset);

    (void) pthread_mutex_unlock(&shim_mutex);

    return rc;
}


ssize_t
write(int fd, const void *p, size_t n)
{
    return shim_write_file(fd, p, n, 0, 1);
}


ssize_t
pwrite64(int fd, const void *p, size_t n, off64_t offset)
{
    return shim_write_file(fd, p, n, offset, 0);
}


ssize_t
pwrite(int fd, const void *p, size_t n, off_t offset)
{
    return shim_write_file(fd, p, n, offset, 0);
}


int
ftruncate64(int fd, off64_t size)
{
    int   rc;
    char  path[PATH_MAX];

    (void) pthread_mutex_lock(&shim_mutex);

    if (shim_below(shim_path(fd, path))) {
        shim_bytes_change(fd, path, size, SIZE_MAX / 2);
    }

    rc = (int) syscall(SYS_ftruncate, fd, size);

    (void) pthread_mutex_unlock(&shim_mutex);

    return rc;
}


int
ftruncate(int fd, off_t size)
{
    return ftruncate64(fd, size);
}


static int
shim_sync_file(int fd, int fails)
{
    int   rc;
    char  path[PATH_MAX];

    (void) pthread_mutex_lock(&shim_mutex);

    rc = fails ? shim_fails("sync", shim_path(fd, path)) : 0;

    if (rc == 0) {
        shim_on_disk(fd);
    }

    (void) pthread_mutex_unlock(&shim_mutex);

    return rc;
}


int
fsync(int fd)
{
    return shim_sync_file(fd, 1);
}


/* SQLite's */

int
fdatasync(int fd)
{
    return shim_sync_file(fd, 0);
}


int
rename(const char *from, const char *to)
{
    int          rc, there;
    char         kept_from[PATH_MAX], kept_to[PATH_MAX], *kept;
    struct stat  sb;

    (void) pthread_mutex_lock(&shim_mutex);

    rc = shim_fails("rename", to);

    if (rc == 0) {
        there = lstat(to, &sb) == 0 && S_ISREG(sb.st_mode);
        kept = there ? shim_keep(to) : NULL;
        (void) snprintf(kept_to, sizeof(kept_to), "%s", kept ? kept : "");
        kept = shim_keep(from);
        (void) snprintf(kept_from, sizeof(kept_from), "%s", kept ? kept : "");

        rc = (int) syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);

        if (rc == 0) {
            shim_renamed(to);

            if (there) {
                shim_name_changed(SHIM_GONE, to, kept_to);
            }

            shim_name_changed(SHIM_MADE, to, NULL);
            shim_name_changed(SHIM_GONE, from, kept_from);
        }
    }

    (void) pthread_mutex_unlock(&shim_mutex);

    return rc;
}


int
link(const char *from, const char *to)
{
    int  rc;

    (void) pthread_mutex_lock(&shim_mutex);

    rc = shim_fails("link", to);

    if (rc == 0) {
        rc = (int) syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);

        if (rc == 0) {
            shim_name_changed(SHIM_MADE, to, NULL);
        }
    }

    (void) pthread_mutex_unlock(&shim_mutex);

    return rc;
}


int
unlink(const char *path)
{
    int    rc;
    char  *kept;

    (void) pthread_mutex_lock(&shim_mutex);

    rc = shim_fails("unlink", path);

    if (rc == 0) {
        kept = shim_below(path) ? shim_keep(path) : NULL;
        rc = (int) syscall(SYS_unlinkat, AT_FDCWD, path, 0);

        if (rc == 0 && kept) {
            shim_name_changed(SHIM_GONE, path, kept);
        }
    }

    (void) pthread_mutex_unlock(&shim_mutex);

    return rc;
}


int
rmdir(const char *path)
{
    return shim_fails("rmdir", path) == -1 ? -1
           : (int) syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}


int
remove(const char *path)
{
    struct stat  sb;

    return lstat(path, &sb) == 0 && S_ISDIR(sb.st_mode) ? rmdir(path)
                                                        : unlink(path);
}


int
mkdir(const char *path, mode_t mode)
{
    int  rc;

    (void) pthread_mutex_lock(&shim_mutex);

    rc = shim_fails("mkdir", path);

    if (rc == 0) {
        rc = (int) syscall(SYS_mkdirat, AT_FDCWD, path, mode);

        if (rc == 0) {
            shim_name_changed(SHIM_MADE, path, NULL);
        }
    }

    (void) pthread_mutex_unlock(&shim_mutex);

    return rc;
}
