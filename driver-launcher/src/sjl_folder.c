
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_folder.h"
#include "sjl_share.h"
#include "sjl_submitter.h"

#include <ftw.h>
#include <sys/stat.h>


static void sjl_folder_take(sjl_file_op_t *op);
static int sjl_folder_sweep_run(sjl_file_op_t *op);
static int sjl_folder_sweep_whole(sjl_file_op_t *op);
static int sjl_folder_remove_run(sjl_file_op_t *op);
static int sjl_folder_remove_one(const char *path, const struct stat *sb,
    int type, struct FTW *ftw);


int
sjl_folder_make(sjl_file_op_t *op)
{
    char    *path, *folder;
    int      rc;
    size_t   i;

    static const char *const  parts[] = {
        "", "/in", "/logs", "/out", "/tmp", "/context.conf"
    };

    if (op->owner == NULL) {
        return SJL_ERROR;
    }

    rc = SJL_OK;
    folder = op->to;

    if (op->from) {
        sjl_folder_take(op);
    }

    for (i = 0; i < sjl_nelts(parts) - 1 && rc == SJL_OK; i++) {
        path = sjl_format("%s%s", folder, parts[i]);

        if (SPARKJOB_FAILS("create.folder")
            || sjl_folder_add(path) == SJL_ERROR)
        {
            rc = sjl_files_fail(op, "mkdir", path);
        }

        free(path);
    }

    if (rc == SJL_OK && (op->fd != -1 || op->body)) {
        op->to = sjl_format("%s/context.conf", folder);
        rc = sjl_files_copy(op);
        free(op->to);
        op->to = folder;

    } else if (rc == SJL_OK) {
        rc = sjl_files_sync_folder(op, folder);
    }

    if (rc == SJL_OK) {
        path = sjl_share_give(folder, parts, sjl_nelts(parts), op->owner);

        if (path) {
            rc = sjl_files_fail(op, "lchown", path);
            free(path);
        }
    }

    /* what its jobs are given has to be found by the next launcher */

    folder[strlen(folder) - 1 - SJL_ID_LEN] = '\0';

    return rc == SJL_OK ? sjl_files_sync_folder(op, folder) : rc;
}


int
sjl_folder_make_marked(sjl_file_op_t *op)
{
    int    fd;
    char  *path;

    if (op->owner == NULL) {
        return SJL_ERROR;
    }

    if (sjl_folder_add(op->to) == SJL_ERROR) {
        return sjl_files_fail(op, "mkdir", op->to);
    }

    path = sjl_format("%s" SJL_FOLDER_MARK, op->to);
    fd = open(path, O_WRONLY|O_CREAT|O_CLOEXEC|O_NOFOLLOW, 0600);

    if (fd == -1) {
        (void) sjl_files_fail(op, "open", path);
        free(path);
        return SJL_ERROR;
    }

    (void) close(fd);
    free(path);

    return sjl_folder_make(op);
}


/*
 * The folder of a spare driver, which has all the parts, and a log of what was
 * before.  Its old name leads to it, for what the driver remembers of it.
 */

static void
sjl_folder_take(sjl_file_op_t *op)
{
    char  *log, *mark;

    if (SPARKJOB_FAILS("create.rename") || rename(op->from, op->to) == -1) {
        sjl_log(SJL_LOG_CRIT, "rename(\"%s\", \"%s\") failed: %s", op->from,
                op->to, strerror(errno));
        return;
    }

    log = sjl_format("%s/driver.log", op->to);
    mark = sjl_format("%s" SJL_FOLDER_MARK, op->to);

    if ((unlink(mark) == -1 && errno != ENOENT) || truncate(log, 0) == -1
        || symlink(strrchr(op->to, '/') + 1, op->from) == -1)
    {
        sjl_log(SJL_LOG_CRIT, "the folder \"%s\" cannot be taken: %s", op->to,
                strerror(errno));

    } else {
        op->renamed = 1;
    }

    free(mark);
    free(log);
}


void
sjl_folder_sweep(char *folder, int whole)
{
    sjl_file_op_t  *op;

    op = sjl_file_op_make(whole ? sjl_folder_sweep_whole : sjl_folder_sweep_run,
                          sjl_file_op_free, NULL);
    op->from = folder;
    sjl_file_op_add(op);
}


static int
sjl_folder_sweep_run(sjl_file_op_t *op)
{
    char    *path;
    int      rc;
    size_t   i;

    static const char *const  parts[] = {
        "/ticket", "/" SJL_SUBMITTER_START, "/" SJL_SUBMITTER_PROPERTIES,
        "/classes", "/in", "/out", "/tmp", "/context.conf"
    };

    rc = SJL_OK;

    (void) sjl_owner_enter(op->from);

    for (i = 0; i < sjl_nelts(parts); i++) {
        path = sjl_format("%s%s", op->from, parts[i]);

        if (sjl_folder_remove_tree(path) == SJL_ERROR) {
            rc = sjl_files_fail(op, "remove", path);
        }

        free(path);
    }

    /* logs of jobs stay, no folder does for none */

    path = sjl_format("%s/logs", op->from);

    if (rmdir(path) == -1 && errno != ENOTEMPTY && errno != ENOENT) {
        rc = sjl_files_fail(op, "rmdir", path);
    }

    sjl_owner_leave();
    free(path);

    return rc;
}


static int
sjl_folder_sweep_whole(sjl_file_op_t *op)
{
    char  *path;
    int    rc;

    rc = sjl_folder_sweep_run(op);

    path = sjl_format("%s/driver.log", op->from);

    if (sjl_owner_unlink(path) == -1 && errno != ENOENT) {
        rc = sjl_files_fail(op, "unlink", path);
    }

    free(path);

    /* the folder stays as long as there is anything in it */

    if (rmdir(op->from) == -1 && errno != ENOTEMPTY && errno != ENOENT) {
        rc = sjl_files_fail(op, "rmdir", op->from);
    }

    return rc;
}


void
sjl_folder_remove(char *folder)
{
    sjl_file_op_t  *op;

    op = sjl_file_op_make(sjl_folder_remove_run, sjl_file_op_free, NULL);
    op->from = folder;
    sjl_file_op_add(op);
}


static int
sjl_folder_remove_run(sjl_file_op_t *op)
{
    return sjl_folder_clear(op, op->from);
}


/* what is in another user's folder he removes, and we the folder */

int
sjl_folder_clear(sjl_file_op_t *op, const char *folder)
{
    if (sjl_owner_enter(folder)) {
        (void) sjl_folder_remove_tree(folder);
        sjl_owner_leave();
    }

    return sjl_folder_remove_tree(folder) == SJL_ERROR
           ? sjl_files_fail(op, "remove", folder) : SJL_OK;
}


int
sjl_folder_add(const char *path)
{
    return mkdir(path, 0700) == -1 && errno != EEXIST ? SJL_ERROR : SJL_OK;
}


/* removes a file, or a folder with all that is in it, if it is there */

int
sjl_folder_remove_tree(const char *path)
{
    int  rc;

    rc = nftw(path, sjl_folder_remove_one, 16, FTW_DEPTH|FTW_PHYS);

    return rc == -1 && errno != ENOENT ? SJL_ERROR : SJL_OK;
}


static int
sjl_folder_remove_one(const char *path, const struct stat *sb, int type,
    struct FTW *ftw)
{
    (void) sb;
    (void) type;
    (void) ftw;

    return remove(path);
}
