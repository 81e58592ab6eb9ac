
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What a driver on another host has of our files, and what we keep of its:
 * binaries and data files that it fetches, and logs.
 */


#include "sjl_link.h"
#include "sjl_binary.h"
#include "sjl_context.h"
#include "sjl_files.h"
#include "sjl_job.h"
#include "sjl_link_body.h"
#include "sjl_remote.h"

#include <sys/stat.h>


/* files on their way to one driver, and pieces of its logs to the disk */
#define SJL_LINK_BLOBS  32
#define SJL_LINK_LOGS   256

/* of one log of one driver, who keeps less; and of all drivers of a context */
#define SJL_LINK_LOG    (64 * 1024 * 1024)
#define SJL_LINK_ALL    (4 * SJL_LINK_LOG)

/* no log is that long: what is added to it stays a number */
#define SJL_LINK_PLACE  ((json_int_t) 1 << 62)


typedef struct {
    char           id[SJL_ID_LEN + 1];  /* of the context */
    int64_t        generation;
    char           log[SJL_ID_LEN + 1];
    json_int_t     at;                  /* the driver's count, of both ends */
    json_int_t     end;
    int            make;                /* O_CREAT, or 0 */
} sjl_link_log_t;


static char *sjl_link_asked(const char *sha256, const char *type,
    const char *data);
static int sjl_link_log_make(const sjl_context_t *ctx, const char *id);
static int sjl_link_log_write(sjl_file_op_t *op);
static void sjl_link_log_written(sjl_file_op_t *op);
static void sjl_link_logged(sjl_context_t *ctx, const char *id, json_int_t at,
    json_int_t end);


/* a driver of this host would delete the file that it is told of */

void
sjl_link_fetch(sjl_conn_t *c, sjl_frame_t *f)
{
    char           *path;
    json_t         *meta;
    const char     *key, *sha256, *type, *data;
    sjl_context_t  *ctx;

    sha256 = NULL;
    type = NULL;
    data = NULL;
    ctx = sjl_link_context(c);

    if (sjl_link_unpack(c, f, "{s:s, s?s, s?s, s?s}", "key", &key, "sha256",
                        &sha256, "type", &type, "data", &data)
        == SJL_ERROR || ctx == NULL)
    {
        return;
    }

    if (!c->io.remote) {
        sjl_link_violation(c, f, "files are not fetched from this host");
        return;
    }

    meta = json_pack("{s:s}", "key", key);
    path = sjl_link_asked(sha256, type, data);

    if (sjl_conn_files(c) >= SJL_LINK_BLOBS) {
        (void) json_object_set_new(meta, "error", json_string(
                                       "too many files are fetched at once"));

    } else if (path == NULL || access(path, R_OK) == -1) {
        (void) json_object_set_new(meta, "error", json_sprintf(
                                       "the launcher has no %s %s",
                                       data ? "data file" : "binary",
                                       data ? data : sha256 ? sha256 : ""));

    } else {
        (void) json_object_set_new(meta, "file", json_string(path));
    }

    free(path);

    sjl_driver_send(ctx->driver, SJP_LINK_BLOB, meta, NULL, 0);
}


/* only what lies in the folders of binaries and data, or NULL */

static char *
sjl_link_asked(const char *sha256, const char *type, const char *data)
{
    char        *folder, *path;
    size_t       len;
    const char  *name;

    if (sha256 && type && sjl_files_extension(type)
        && strlen(sha256) == SJL_HASH_LEN
        && strspn(sha256, "0123456789abcdef") == SJL_HASH_LEN)
    {
        return sjl_path_binary(sha256, type);
    }

    if (data == NULL) {
        return NULL;
    }

    /* the path that an upload was answered with, or its last part */

    folder = sjl_path_data("");
    len = strlen(folder);
    name = strncmp(data, folder, len) == 0 ? data + len : data;
    path = *name == '\0' || *name == '.' || strchr(name, '/')
           ? NULL : sjl_path_data(name);
    free(folder);

    return path;
}


void
sjl_link_log(sjl_conn_t *c, sjl_frame_t *f)
{
    char            *path;
    json_int_t       at, end, place;
    const char      *id;
    sjl_context_t   *ctx;
    sjl_file_op_t   *op;
    sjl_link_log_t  *log;

    ctx = sjl_link_context(c);

    if (sjl_link_unpack(c, f, "{s:s, s:I}", "id", &id, "at", &at) == SJL_ERROR
        || ctx == NULL)
    {
        return;
    }

    if (ctx->driver->remote == NULL || !sjl_id_ok(id) || at < 0
        || at > SJL_LINK_PLACE)
    {
        sjl_link_violation(c, f, "that is no log of another host");
        return;
    }

    if (ctx->driver->logs >= SJL_LINK_LOGS) {
        sjl_link_logged(ctx, id, at, at);
        return;
    }

    end = at + (json_int_t) f->size;
    place = at;
    path = sjl_path_job_log(ctx->row.id, id);

    if (strcmp(id, ctx->row.id) == 0) {
        free(path);
        path = sjl_path_context(ctx->row.id, "/driver.log");
        place += ctx->driver->remote->log;
    }

    if (end > SJL_LINK_LOG
        || place + (json_int_t) f->size > SJL_LINK_ALL)
    {
        free(path);
        sjl_link_logged(ctx, id, at, end);
        return;
    }

    log = sjl_alloc(sizeof(sjl_link_log_t));
    (void) strcpy(log->id, ctx->row.id);
    (void) strcpy(log->log, id);
    log->generation = ctx->row.generation;
    log->at = at;
    log->end = end;
    log->make = sjl_link_log_make(ctx, id);

    op = sjl_file_op_make(sjl_link_log_write, sjl_link_log_written, log);
    op->to = path;
    op->body = sjl_memdup(f->payload, f->size);
    op->size = f->size;
    op->max = (size_t) place;

    ctx->driver->logs++;
    sjl_file_op_add(op);
}


/*
 * As many logs as there were jobs, whatever a driver says; one that is over may
 * have something to add, unless it was deleted meanwhile.
 */

static int
sjl_link_log_make(const sjl_context_t *ctx, const char *id)
{
    sjl_job_t  *job;

    if (strcmp(id, ctx->row.id) == 0) {
        return O_CREAT;
    }

    job = sjl_job_find(id);

    return job && job->context == ctx && !job->row.final ? O_CREAT : 0;
}


/* on the file thread: what came twice is written twice to the same place */

static int
sjl_link_log_write(sjl_file_op_t *op)
{
    int              fd, rc;
    sjl_link_log_t  *log;

    log = op->data;
    fd = open(op->to, O_WRONLY|log->make|O_NOFOLLOW|O_CLOEXEC, 0600);

    if (fd == -1 && errno == ENOENT && log->make == 0) {
        return SJL_OK;
    }

    if (fd == -1) {
        return sjl_files_fail(op, "open", op->to);
    }

    errno = ENOSPC;

    rc = pwrite(fd, op->body, op->size, (off_t) op->max)
         != (ssize_t) op->size
         ? sjl_files_fail(op, "pwrite", op->to) : SJL_OK;

    (void) close(fd);

    return rc;
}


/* what cannot be kept is not asked for again: a log is no result */

static void
sjl_link_log_written(sjl_file_op_t *op)
{
    sjl_context_t   *ctx;
    sjl_link_log_t  *log;

    log = op->data;
    ctx = sjl_context_find(log->id);

    if (op->rc == SJL_ERROR) {
        sjl_log(SJL_LOG_CRIT, "a driver's log cannot be kept: %s",
                op->why.text);
    }

    if (ctx && ctx->driver && ctx->row.generation == log->generation) {
        ctx->driver->logs--;
        sjl_link_logged(ctx, log->log, log->at, log->end);
    }

    free(log);
    sjl_file_op_free(op);
}


/* nothing of what begins there, if both are the same: it came too fast */

static void
sjl_link_logged(sjl_context_t *ctx, const char *id, json_int_t at,
    json_int_t end)
{
    sjl_driver_send(ctx->driver, SJP_LINK_LOGGED,
                    json_pack("{s:s, s:I, s:I}", "id", id, "at", at, "size",
                              end),
                    NULL, 0);
}
