
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_files.h"
#include "sjl_config.h"
#include "sjl_copy.h"
#include "sjl_folder.h"
#include "sjl_share.h"
#include "sjl_text.h"

#include <dirent.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <utlist.h>


#define SJL_FILES_CHUNK  (256 * 1024)
#define SJL_FILES_RETRY  1.             /* seconds */


static void sjl_files_work(void *data, sjl_op_t *ops);
static void sjl_files_done(sjl_op_t *op);
static void sjl_files_again(struct ev_loop *loop, ev_timer *timer, int events);
static int sjl_files_write_tmp(sjl_file_op_t *op, char **path);
static int sjl_files_rename(sjl_file_op_t *op, int fd);
static int sjl_files_take(sjl_file_op_t *op, int fd);
static char *sjl_files_tmp(const sjl_file_op_t *op);
static int sjl_files_copy_all(sjl_file_op_t *op, int out);
static int sjl_files_copy_chunks(sjl_file_op_t *op, int out, EVP_MD_CTX *md,
    char *chunk);
static int sjl_files_check(sjl_file_op_t *op, sjl_text_t *text,
    const char *chunk, size_t n, int first);
static int sjl_files_write(int fd, const char *p, size_t n);
static void sjl_files_digest(sjl_file_op_t *op, EVP_MD_CTX *md);
static int sjl_files_sync_parent(sjl_file_op_t *op, const char *path);


static const char *const  sjl_files_folders[] = {
    "", "/archives", "/binaries", "/contexts", "/data", "/results", "/tmp"
};

static sjl_queue_t  sjl_files_queue = {
    .name = "file",
    .work = sjl_files_work,
    .one = 1
};

static sjl_file_op_t  *sjl_files_retry;
static size_t          sjl_files_nretries;
static ev_timer        sjl_files_retry_timer;

/* operations that hold a descriptor of what is to be copied */
static size_t       sjl_files_held;


int
sjl_files_init(void)
{
    char    *path;
    int      rc;
    size_t   i;

    sjl_files_root = sjl_strdup(sjl_conf->data_dir);
    rc = SJL_OK;

    for (i = 0; i < sjl_nelts(sjl_files_folders) && rc == SJL_OK; i++) {
        path = sjl_format("%s%s", sjl_files_root, sjl_files_folders[i]);

        if (sjl_folder_add(path) == SJL_ERROR) {
            sjl_log(SJL_LOG_CRIT, "mkdir(\"%s\") failed: %s", path,
                    strerror(errno));
            rc = SJL_ERROR;
        }

        free(path);
    }

    /* so that moving a result has one folder to make durable, not two */

    for (i = 0; i < 256 && rc == SJL_OK; i++) {
        path = sjl_format("%s/results/%02zx", sjl_files_root, i);

        if (sjl_folder_add(path) == SJL_ERROR) {
            sjl_log(SJL_LOG_CRIT, "mkdir(\"%s\") failed: %s", path,
                    strerror(errno));
            rc = SJL_ERROR;
        }

        free(path);
    }

    return rc == SJL_OK ? sjl_share_open(sjl_files_root) : rc;
}


/* what uploads have left behind goes away with the start */

int
sjl_files_start(void)
{
    char  *path;

    path = sjl_format("%s/tmp", sjl_files_root);

    if (sjl_folder_remove_tree(path) == SJL_ERROR
        || sjl_folder_add(path) == SJL_ERROR)
    {
        sjl_log(SJL_LOG_CRIT, "emptying \"%s\" failed: %s", path,
                strerror(errno));
    }

    free(path);

    ev_timer_init(&sjl_files_retry_timer, sjl_files_again, SJL_FILES_RETRY, 0.);

    return sjl_queue_start(&sjl_files_queue);
}


static void
sjl_files_work(void *data, sjl_op_t *ops)
{
    sjl_file_op_t  *op;

    (void) data;

    op = sjl_container(ops, sjl_file_op_t, op);

    SPARKJOB_FAULT("file.begin");

    op->rc = op->run(op);

    SPARKJOB_FAULT("file.done");
}


static void
sjl_files_done(sjl_op_t *op)
{
    sjl_file_op_t  *fop;

    fop = sjl_container(op, sjl_file_op_t, op);

    if (fop->fd != -1) {
        sjl_files_held--;
    }

    if (fop->rc == SJL_ERROR) {
        sjl_log(fop->bad || fop->exists ? SJL_LOG_ERR : SJL_LOG_CRIT, "%s",
                fop->why.text);
        sjl_text_clean(fop->why.text);

        if (fop->transient && fop->tries) {
            fop->tries--;
            LL_APPEND(sjl_files_retry, fop);
            sjl_files_nretries++;
            ev_timer_start(sjl_loop, &sjl_files_retry_timer);
            return;
        }
    }

    fop->done(fop);
}


static void
sjl_files_again(struct ev_loop *loop, ev_timer *timer, int events)
{
    sjl_file_op_t  *op, *next, *ops;

    (void) loop;
    (void) timer;
    (void) events;

    ops = sjl_files_retry;
    sjl_files_retry = NULL;
    sjl_files_nretries = 0;

    LL_FOREACH_SAFE(ops, op, next) {
        sjl_file_op_add(op);
    }
}


sjl_file_op_t *
sjl_file_op_make(int (*run)(sjl_file_op_t *op),
    void (*done)(sjl_file_op_t *op), void *data)
{
    sjl_file_op_t  *op;

    op = sjl_alloc(sizeof(sjl_file_op_t));
    op->run = run;
    op->done = done;
    op->data = data;
    op->fd = -1;

    return op;
}


void
sjl_file_op_free(sjl_file_op_t *op)
{
    if (op->fd != -1) {
        (void) close(op->fd);
    }

    free(op->body);
    free(op->from);
    free(op->to);
    free(op);
}


void
sjl_file_op_add(sjl_file_op_t *op)
{
    op->op.done = sjl_files_done;

    if (op->fd != -1) {
        sjl_files_held++;
    }

    sjl_queue_add(&sjl_files_queue, &op->op, 0);
}


int
sjl_files_fail(sjl_file_op_t *op, const char *doing, const char *path)
{
    op->transient = errno == ENOSPC || errno == EDQUOT || errno == EIO;

    sjl_why_set(&op->why, errno, "%s(\"%.400s\") failed: %s", doing, path,
                strerror(errno));
    return SJL_ERROR;
}


int
sjl_files_store(sjl_file_op_t *op)
{
    int    rc;
    char  *tmp, *folder, *path;

    if (sjl_files_write_tmp(op, &tmp) == SJL_ERROR) {
        return SJL_ERROR;
    }

    folder = sjl_format("%s/binaries", sjl_files_root);
    path = sjl_format("%s/%s%s", folder, op->sha256, op->to);

    /* replacing the same bytes by the same bytes does no harm */

    if (SPARKJOB_FAILS("upload.rename") || rename(tmp, path) == -1) {
        rc = sjl_files_fail(op, "rename", path);
        (void) unlink(tmp);

    } else {
        rc = sjl_files_sync_folder(op, folder);
    }

    free(tmp);
    free(folder);
    free(path);

    return rc;
}


/* fd or body, with its hash, durable as *path */

static int
sjl_files_write_tmp(sjl_file_op_t *op, char **path)
{
    int  fd, rc;

    *path = sjl_files_tmp(op);

    fd = SPARKJOB_FAILS("file.open")
         ? -1 : open(*path, O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600);

    if (fd == -1) {
        (void) sjl_files_fail(op, "open", *path);
        goto failed;
    }

    rc = sjl_files_copy_all(op, fd);

    if (rc == SJL_OK && (op->run == sjl_files_store || op->run == sjl_files_add)
        && fchmod(fd, sjl_share_mode()) == -1)
    {
        rc = sjl_files_fail(op, "fchmod", *path);
    }

    if (rc == SJL_OK && (SPARKJOB_FAILS("file.fsync") || fsync(fd) == -1)) {
        rc = sjl_files_fail(op, "fsync", *path);
    }

    if (close(fd) == -1 && rc == SJL_OK) {
        rc = sjl_files_fail(op, "close", *path);
    }

    if (rc == SJL_OK) {
        return SJL_OK;
    }

    (void) unlink(*path);

failed:

    free(*path);

    return SJL_ERROR;
}


/* another user can write in his own folder only */

static char *
sjl_files_tmp(const sjl_file_op_t *op)
{
    char  name[33];

    sjl_random_hex(name, 16);

    return op->other ? sjl_format("%s.%s", op->to, name)
                     : sjl_format("%s/tmp/%s", sjl_files_root, name);
}


static int
sjl_files_copy_all(sjl_file_op_t *op, int out)
{
    int          rc;
    char        *chunk;
    EVP_MD_CTX  *md;

    md = EVP_MD_CTX_new();

    if (md == NULL || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(md);
        sjl_why_set(&op->why, 0, "EVP_DigestInit_ex() failed");
        return SJL_ERROR;
    }

    chunk = sjl_alloc(SJL_FILES_CHUNK);

    rc = sjl_files_copy_chunks(op, out, md, chunk);

    if (rc == SJL_OK) {
        sjl_files_digest(op, md);
    }

    /* tickets are copied, too */

    OPENSSL_cleanse(chunk, SJL_FILES_CHUNK);
    free(chunk);
    EVP_MD_CTX_free(md);

    return rc;
}


static int
sjl_files_copy_chunks(sjl_file_op_t *op, int out, EVP_MD_CTX *md, char *chunk)
{
    size_t      total;
    ssize_t     n;
    sjl_text_t  text;

    memset(&text, 0, sizeof(sjl_text_t));

    for (total = 0; /* void */ ; total += (size_t) n) {

        if (op->fd != -1) {
            n = pread(op->fd, chunk, SJL_FILES_CHUNK, (off_t) total);

            if (n == -1) {
                return sjl_files_fail(op, "pread", "the body");
            }

        } else {
            n = (ssize_t) (op->size - total);

            if (n > SJL_FILES_CHUNK) {
                n = SJL_FILES_CHUNK;
            }

            if (n) {
                memcpy(chunk, op->body + total, (size_t) n);
            }
        }

        if (op->run == sjl_files_store
            && sjl_files_check(op, &text, chunk, (size_t) n, total == 0)
               == SJL_ERROR)
        {
            op->bad = 1;
            return SJL_ERROR;
        }

        if (n == 0) {
            op->size = total;
            return SJL_OK;
        }

        if ((out != -1 && sjl_files_write(out, chunk, (size_t) n) == SJL_ERROR)
            || EVP_DigestUpdate(md, chunk, (size_t) n) != 1)
        {
            return sjl_files_fail(op, "write", sjl_files_root);
        }
    }
}


/* a binary is an archive, or a source of Python; "n" is 0 at its end */

static int
sjl_files_check(sjl_file_op_t *op, sjl_text_t *text, const char *chunk,
    size_t n, int first)
{
    int  zip;

    zip = first && n > 4 && memcmp(chunk, "PK\3\4", 4) == 0;

    if (strcmp(op->to, ".py") != 0) {
        if (first && !zip) {
            sjl_why_set(&op->why, 0, "what was uploaded is no zip archive");
            return SJL_ERROR;
        }

        return SJL_OK;
    }

    if (first && n == 0) {
        sjl_why_set(&op->why, 0, "it is empty");
        return SJL_ERROR;
    }

    if (zip
        || sjl_text_check(text, chunk, n) == SJL_ERROR
        || (n == 0 && sjl_text_end(text) == SJL_ERROR))
    {
        sjl_why_set(&op->why, 0, "a source of Python has to be text in UTF-8");
        return SJL_ERROR;
    }

    return SJL_OK;
}


static int
sjl_files_write(int fd, const char *p, size_t n)
{
    ssize_t  rc;

    while (n) {
        rc = write(fd, p, n);

        if (rc == -1) {
            return SJL_ERROR;
        }

        p += rc;
        n -= (size_t) rc;
    }

    return SJL_OK;
}


static void
sjl_files_digest(sjl_file_op_t *op, EVP_MD_CTX *md)
{
    unsigned       len;
    unsigned char  digest[EVP_MAX_MD_SIZE];

    len = 0;
    (void) EVP_DigestFinal_ex(md, digest, &len);
    sjl_hex(op->sha256, digest, len);
}


int
sjl_files_sync_folder(sjl_file_op_t *op, const char *path)
{
    int  fd, rc;

    fd = open(path, O_RDONLY|O_DIRECTORY|O_CLOEXEC);

    if (fd == -1) {
        return sjl_files_fail(op, "open", path);
    }

    rc = SPARKJOB_FAILS("file.sync-folder") || fsync(fd) == -1
         ? sjl_files_fail(op, "fsync", path) : SJL_OK;

    (void) close(fd);

    return rc;
}


static int
sjl_files_sync_parent(sjl_file_op_t *op, const char *path)
{
    int    rc;
    char  *folder;

    folder = sjl_memdup(path, (size_t) (strrchr(path, '/') - path));
    rc = sjl_files_sync_folder(op, folder);
    free(folder);

    return rc;
}


int
sjl_files_copy(sjl_file_op_t *op)
{
    int    rc;
    char  *tmp;

    op->other = sjl_owner_enter(op->to) ? 1 : 0;

    rc = sjl_files_write_tmp(op, &tmp);

    if (rc == SJL_OK) {

        if (SPARKJOB_FAILS("file.copy") || rename(tmp, op->to) == -1) {
            rc = sjl_files_fail(op, "rename", op->to);
            (void) unlink(tmp);

        } else {
            rc = sjl_files_sync_parent(op, op->to);
        }

        free(tmp);
    }

    sjl_owner_leave();

    return rc;
}


/* link() replaces nothing, rename() would */

int
sjl_files_add(sjl_file_op_t *op)
{
    int    rc;
    char  *tmp;

    if (sjl_files_write_tmp(op, &tmp) == SJL_ERROR) {
        return SJL_ERROR;
    }

    if (link(tmp, op->to) == -1) {
        op->exists = errno == EEXIST;
        rc = sjl_files_fail(op, "link", op->to);

    } else {
        rc = sjl_files_sync_parent(op, op->to);
    }

    if (unlink(tmp) == -1) {
        rc = sjl_files_fail(op, "unlink", tmp);
    }

    if (rc == SJL_ERROR && !op->exists) {
        (void) unlink(op->to);
    }

    free(tmp);

    return rc;
}


int
sjl_files_list(sjl_file_op_t *op)
{
    DIR            *dir;
    char           *more;
    size_t          n, room;
    struct dirent  *entry;

    room = 0;
    dir = opendir(op->from);

    if (dir == NULL) {
        return sjl_files_fail(op, "opendir", op->from);
    }

    for (entry = readdir(dir); entry; entry = readdir(dir)) {
        n = strlen(entry->d_name) + 1;

        if (op->size + n > room) {
            room = 2 * (op->size + n);
            more = sjl_alloc(room);

            if (op->size) {
                memcpy(more, op->body, op->size);
            }

            free(op->body);
            op->body = more;
        }

        memcpy(op->body + op->size, entry->d_name, n);
        op->size += n;
    }

    (void) closedir(dir);

    return SJL_OK;
}


int
sjl_files_move(sjl_file_op_t *op)
{
    int          fd, rc, other;
    struct stat  sb;

    if (op->moved) {
        return sjl_files_sync_parent(op, op->to);
    }

    other = sjl_owner_enter(op->from);
    fd = open(op->from, O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC);
    rc = fd == -1 ? sjl_files_fail(op, "open", op->from) : SJL_OK;
    sjl_owner_leave();

    if (rc == SJL_ERROR) {
        return rc;
    }

    if (fstat(fd, &sb) == -1 || !S_ISREG(sb.st_mode)) {
        errno = EINVAL;
        rc = sjl_files_fail(op, "fstat", op->from);

    } else {
        op->size = (size_t) sb.st_size;
        op->too_long = op->size > op->max;

        /* to copy it, a hole perhaps, could take all of the disk, and hours */

        if (op->too_long) {
            (void) sjl_owner_unlink(op->from);

        } else {
            rc = other ? sjl_files_take(op, fd) : sjl_files_rename(op, fd);
        }
    }

    (void) close(fd);

    return rc;
}


static int
sjl_files_rename(sjl_file_op_t *op, int fd)
{
    if (fsync(fd) == -1) {
        return sjl_files_fail(op, "fsync", op->from);
    }

    if (SPARKJOB_FAILS("result.move") || rename(op->from, op->to) == -1) {
        return sjl_files_fail(op, "rename", op->to);
    }

    op->moved = 1;

    return sjl_files_sync_parent(op, op->to);
}


/*
 * What another user's is, is copied: he may have it open, and write to it when
 * it is a result already.
 */

static int
sjl_files_take(sjl_file_op_t *op, int fd)
{
    int    out, rc;
    char  *tmp, *from;

    tmp = sjl_files_tmp(op);
    out = open(tmp, O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600);

    if (out == -1) {
        rc = sjl_files_fail(op, "open", tmp);
        free(tmp);
        return rc;
    }

    from = op->from;

    if (sjl_copy(fd, 0, out, (off_t) op->size) == SJL_ERROR) {
        rc = sjl_files_fail(op, "sendfile", tmp);

    } else {
        op->from = tmp;
        rc = sjl_files_rename(op, out);
        op->from = from;
    }

    (void) close(out);

    /* what is to be tried again has to be there */

    if (op->moved) {
        (void) sjl_owner_unlink(from);

    } else {
        (void) unlink(tmp);
    }

    free(tmp);

    return rc;
}


int
sjl_files_hash(sjl_file_op_t *op)
{
    return sjl_files_copy_all(op, -1);
}


int
sjl_files_remove(sjl_file_op_t *op)
{
    if (SPARKJOB_FAILS("delete.file")
        || (sjl_owner_unlink(op->from) == -1 && errno != ENOENT))
    {
        return sjl_files_fail(op, "unlink", op->from);
    }

    return SJL_OK;
}


void
sjl_files_delete(char *path)
{
    sjl_file_op_t  *op;

    op = sjl_file_op_make(sjl_files_remove, sjl_file_op_free, NULL);
    op->from = path;
    sjl_file_op_add(op);
}


size_t
sjl_files_length(void)
{
    return sjl_files_queue.length + sjl_files_nretries;
}


size_t
sjl_files_bodies(void)
{
    return sjl_files_held;
}


uint64_t
sjl_files_total(void)
{
    return sjl_files_queue.total;
}


void
sjl_files_stop(void)
{
    sjl_queue_stop(&sjl_files_queue);
    ev_timer_stop(sjl_loop, &sjl_files_retry_timer);

    free(sjl_files_root);
    sjl_files_root = NULL;
}
