
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_sweep.h"
#include "sjl_batch.h"
#include "sjl_create.h"
#include "sjl_folder.h"
#include "sjl_look.h"
#include "sjl_probe.h"

#include <dirent.h>
#include <sys/stat.h>


/* what a folder has */
#define SJL_SWEEP_NOTHING  '-'
#define SJL_SWEEP_LOGS     'l'
#define SJL_SWEEP_ALL      'a'

#define SJL_SWEEP_SIZE     (SJL_ID_LEN + 1)


static int sjl_sweep_list(sjl_file_op_t *op);
static char sjl_sweep_has(const char *root, const char *id);
static void sjl_sweep_listed(sjl_file_op_t *op);
static int sjl_sweep_known(const char *id);
static void sjl_sweep_looked(void *data, const void *row,
    const sjl_why_t *why);
static void sjl_sweep_looked_logs(void *data, const void *row,
    const sjl_why_t *why);
static void sjl_sweep_remove(const char *id);
static void sjl_sweep_bodies(sjl_file_op_t *op);


void
sjl_sweep_contexts(void)
{
    sjl_file_op_t  *op;

    op = sjl_file_op_make(sjl_sweep_list, sjl_sweep_listed, NULL);
    op->from = sjl_path_context("", "");

    sjl_file_op_add(op);

    op = sjl_file_op_make(sjl_files_list, sjl_sweep_bodies, NULL);
    op->from = sjl_path_context("", "");

    sjl_file_op_add(op);
}


/* their ids, as the body, with a byte behind each that tells what it has */

static int
sjl_sweep_list(sjl_file_op_t *op)
{
    DIR            *dir;
    char           *more, has;
    size_t          room;
    struct dirent  *entry;

    dir = opendir(op->from);

    if (dir == NULL) {
        sjl_why_set(&op->why, errno, "opendir(\"%.400s\") failed: %s",
                    op->from, strerror(errno));
        return SJL_ERROR;
    }

    room = 0;

    for (entry = readdir(dir); entry; entry = readdir(dir)) {

        has = sjl_id_ok(entry->d_name)
              ? sjl_sweep_has(op->from, entry->d_name) : SJL_SWEEP_NOTHING;

        if (has == SJL_SWEEP_NOTHING) {
            continue;
        }

        if (op->size == room) {
            room = room ? 2 * room : 64 * SJL_SWEEP_SIZE;
            more = sjl_alloc(room);

            if (op->size) {
                memcpy(more, op->body, op->size);
            }

            free(op->body);
            op->body = more;
        }

        memcpy(op->body + op->size, entry->d_name, SJL_ID_LEN);
        op->body[op->size + SJL_ID_LEN] = has;
        op->size += SJL_SWEEP_SIZE;
    }

    (void) closedir(dir);

    return SJL_OK;
}


/* what is to be swept is there from when the folder was made */

static char
sjl_sweep_has(const char *root, const char *id)
{
    int           found, gone;
    char         *path;
    size_t        i;
    struct stat   sb;

    static const char *const  parts[] = {
        "/classes", "/in", "/out", "/tmp", "/context.conf"
    };

    found = 0;

    for (i = 0; i < sjl_nelts(parts) && !found; i++) {
        path = sjl_format("%s%s%s", root, id, parts[i]);

        /* one that is another user's is closed to us */

        (void) sjl_owner_enter(path);
        found = lstat(path, &sb) == 0;
        sjl_owner_leave();

        free(path);
    }

    if (found) {
        return SJL_SWEEP_ALL;
    }

    /* one that was only begun is empty */

    path = sjl_format("%s%s", root, id);
    gone = rmdir(path) == 0;
    free(path);

    return gone ? SJL_SWEEP_NOTHING : SJL_SWEEP_LOGS;
}


static void
sjl_sweep_listed(sjl_file_op_t *op)
{
    char    *id;
    size_t   i;

    for (i = 0; op->rc == SJL_OK && i < op->size; i += SJL_SWEEP_SIZE) {
        id = sjl_memdup(op->body + i, SJL_ID_LEN);

        if (sjl_sweep_known(id)) {
            free(id);

        } else {
            sjl_look_context(id, op->body[i + SJL_ID_LEN] == SJL_SWEEP_ALL
                                 ? sjl_sweep_looked : sjl_sweep_looked_logs,
                             id);
        }
    }

    sjl_file_op_free(op);
}


/* one that is being made meanwhile is in memory, and has no row yet */

static int
sjl_sweep_known(const char *id)
{
    return sjl_context_find(id) || sjl_driver_known(id) || sjl_batch_known(id)
           || sjl_probe_known(id);
}


static void
sjl_sweep_looked(void *data, const void *row, const sjl_why_t *why)
{
    char                     *id;
    const sjl_context_row_t  *context;

    id = data;
    context = row;

    if (why || sjl_sweep_known(id)) {
        /* it is left to the next start, or not swept at all */

    } else if (context == NULL) {
        sjl_sweep_remove(id);

    } else if (context->final) {
        sjl_log(SJL_LOG_NOTICE, "the folder of context %s %s is swept",
                context->name, id);
        sjl_folder_sweep(sjl_path_context(id, ""), 0);
    }

    free(id);
}


/* a launcher may die when the row is gone, and before the logs are */

static void
sjl_sweep_looked_logs(void *data, const void *row, const sjl_why_t *why)
{
    char  *id;

    id = data;

    if (why == NULL && row == NULL && !sjl_sweep_known(id)) {
        sjl_sweep_remove(id);
    }

    free(id);
}


static void
sjl_sweep_remove(const char *id)
{
    sjl_log(SJL_LOG_NOTICE, "the folder of context %s, which is not kept, is "
            "removed", id);

    sjl_folder_remove(sjl_path_context(id, ""));
}


/* those of replacements that were made, or never kept */

static void
sjl_sweep_bodies(sjl_file_op_t *op)
{
    char        *id;
    const char  *name, *last;

    last = op->body ? op->body + op->size : NULL;

    for (name = op->body; name < last; name += strlen(name) + 1) {

        if (strlen(name) <= SJL_ID_LEN
            || strcmp(name + SJL_ID_LEN, ".conf") != 0)
        {
            continue;
        }

        id = sjl_memdup(name, SJL_ID_LEN);

        if (sjl_id_ok(id) && sjl_replace_find(id) == NULL) {
            sjl_files_delete(sjl_path_context(id, ".conf"));
        }

        free(id);
    }

    sjl_file_op_free(op);
}
