
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_spool.h"
#include "sjl_config.h"
#include "sjl_files.h"


/* pieces on their way to the disk */
#define SJL_SPOOL_PIECES  16


struct sjl_spool_s {
    sjl_conn_t  *conn;                  /* NULL: it was closed, or took it */
    char        *path;
    size_t       size;
    unsigned     pieces;                /* not written yet */
    unsigned     refs;                  /* of conn, and of each piece */
};


static int sjl_spool_append(sjl_file_op_t *op);
static void sjl_spool_appended(sjl_file_op_t *op);
static void sjl_spool_release(sjl_spool_t *spool);


void
sjl_spool_piece(sjl_conn_t *c, sjl_frame_t *f)
{
    char            name[33];
    sjl_spool_t    *spool;
    sjl_file_op_t  *op;

    spool = c->spool;

    if (spool == NULL) {
        spool = sjl_alloc(sizeof(sjl_spool_t));
        spool->conn = c;
        spool->refs = 1;

        sjl_random_hex(name, 16);
        spool->path = sjl_format("%s/tmp/%s", sjl_files_root, name);

        c->spool = spool;
    }

    /* one that is longer than it may be is told so by its length */

    if (spool->size <= (size_t) sjl_conf->limit_result_bytes) {
        op = sjl_file_op_make(sjl_spool_append, sjl_spool_appended, spool);
        op->to = sjl_strdup(spool->path);
        op->body = sjl_memdup(f->payload, f->size);
        op->size = f->size;
        op->max = spool->size;

        spool->pieces++;
        spool->refs++;
        sjl_file_op_add(op);
    }

    spool->size += f->size;
}


/*
 * On the file thread.  A file that lacks a piece is no file: neither later
 * pieces nor whoever is to take it find one.
 */

static int
sjl_spool_append(sjl_file_op_t *op)
{
    int  fd, rc;

    fd = open(op->to, op->max ? O_WRONLY|O_CLOEXEC
                              : O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600);

    if (fd == -1) {
        return sjl_files_fail(op, "open", op->to);
    }

    errno = ENOSPC;

    rc = SPARKJOB_FAILS("spool.write")
         || pwrite(fd, op->body, op->size, (off_t) op->max)
            != (ssize_t) op->size
         ? sjl_files_fail(op, "pwrite", op->to) : SJL_OK;

    if (close(fd) == -1 && rc == SJL_OK) {
        rc = sjl_files_fail(op, "close", op->to);
    }

    if (rc == SJL_ERROR) {
        (void) unlink(op->to);
    }

    return rc;
}


/* the driver sends again what it was not acknowledged, when it is back */

static void
sjl_spool_appended(sjl_file_op_t *op)
{
    sjl_conn_t   *c;
    sjl_spool_t  *spool;

    spool = op->data;
    c = spool->conn;
    spool->pieces--;

    if (c && op->rc == SJL_ERROR) {
        sjl_log(SJL_LOG_INFO, "connection %u is closed, since what it sends "
                "cannot be kept", c->number);
        sjl_conn_close(c);

    } else if (c && c->held && !sjl_spool_waits(c, SJP_LINK_RESULT)) {
        sjl_conn_resume(c);
    }

    sjl_file_op_free(op);
    sjl_spool_release(spool);
}


static void
sjl_spool_release(sjl_spool_t *spool)
{
    if (--spool->refs == 0) {
        free(spool->path);
        free(spool);
    }
}


int
sjl_spool_waits(sjl_conn_t *c, uint16_t type)
{
    return c->spool
           && c->spool->pieces > (type == SJP_LINK_PIECE ? SJL_SPOOL_PIECES
                                                         : 0);
}


char *
sjl_spool_take(sjl_conn_t *c, json_int_t size)
{
    char         *path;
    sjl_spool_t  *spool;

    spool = c->spool;

    if (spool == NULL || size < 0 || spool->size != (size_t) size) {
        return NULL;
    }

    path = sjl_strdup(spool->path);

    c->spool = NULL;
    spool->conn = NULL;
    sjl_spool_release(spool);

    return path;
}


void
sjl_spool_remove(const char *file)
{
    char    *folder;
    size_t   len;

    if (file == NULL) {
        return;
    }

    folder = sjl_format("%s/tmp/", sjl_files_root);
    len = strlen(folder);

    /* that of a driver may be another user's, and closed to us */

    if (strncmp(file, folder, len) == 0) {
        sjl_files_delete(sjl_strdup(file));

    } else {
        (void) sjl_owner_unlink(file);
    }

    free(folder);
}


void
sjl_spool_drop(sjl_conn_t *c)
{
    sjl_spool_t  *spool;

    spool = c->spool;

    if (spool) {
        sjl_files_delete(sjl_strdup(spool->path));

        c->spool = NULL;
        spool->conn = NULL;
        sjl_spool_release(spool);
    }
}
