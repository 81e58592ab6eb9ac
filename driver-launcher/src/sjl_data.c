
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_data.h"
#include "sjl_db.h"
#include "sjl_files.h"
#include "sjl_request.h"

#include <limits.h>
#include <sys/stat.h>
#include <uthash.h>


/* "-2016-07-04T09_09_57.928Z.dat" */
#define SJL_DATA_SUFFIX  29

#define SJL_DATA_PREFIX  (NAME_MAX - SJL_DATA_SUFFIX)


typedef struct {
    sjl_data_row_t   row;
    unsigned         kept:1;            /* file and row are durable */
    unsigned         deleting:1;
    UT_hash_handle   hh;                /* by file, in the order of adding */
} sjl_data_t;


typedef struct {
    sjl_db_op_t      op;
    sjl_request_t   *request;
    char            *prefix;
    sjl_data_t      *file;
} sjl_data_put_t;


/* one request that deletes files, perhaps many */

typedef struct {
    sjl_request_t  *request;
    size_t          left;
    int             failed;
    sjl_why_t       why;                /* of the last one that has */
} sjl_data_round_t;


typedef struct {
    sjl_db_op_t        op;
    sjl_data_t        *file;
    sjl_data_round_t  *round;
} sjl_data_delete_t;


static void sjl_data_listed(sjl_file_op_t *fop);
static int sjl_data_put_read(sjl_data_put_t *put, sjl_frame_t *f,
    sjl_file_op_t *fop);
static const char *sjl_data_prefix_wrong(const char *prefix);
static sjl_data_t *sjl_data_make(sjl_data_put_t *put);
static char *sjl_data_name(const char *prefix, int64_t time);
static sjl_data_t *sjl_data_find(const char *file);
static void sjl_data_stored(sjl_file_op_t *fop);
static int sjl_data_put_run(sjl_db_op_t *op, sjl_dao_t *dao);
static void sjl_data_put_done(sjl_db_op_t *op);
static void sjl_data_put_free(sjl_data_put_t *put);
static void sjl_data_free(sjl_data_t *file);
static int sjl_data_there(const sjl_data_t *file, const char *owner);
static sjl_data_t *sjl_data_of_path(const char *path);
static void sjl_data_delete_one(sjl_data_t *file, sjl_data_round_t *round);
static void sjl_data_removed(sjl_file_op_t *fop);
static int sjl_data_delete_run(sjl_db_op_t *op, sjl_dao_t *dao);
static void sjl_data_delete_done(sjl_db_op_t *op);
static void sjl_data_deleted(sjl_data_delete_t *d, const sjl_why_t *why);
static void sjl_data_round_check(sjl_data_round_t *round);


static sjl_data_t  *sjl_data_files;


void
sjl_data_adopt(const sjl_data_row_t *row)
{
    sjl_data_t  *file;

    file = sjl_alloc(sizeof(sjl_data_t));
    sjl_row_copy(&sjl_data_table, &file->row, row);
    file->kept = 1;

    HASH_ADD_KEYPTR(hh, sjl_data_files, file->row.file, strlen(file->row.file),
                    file);
}


void
sjl_data_examine(void)
{
    char         *path;
    sjl_data_t   *file, *next;
    struct stat   sb;

    HASH_ITER(hh, sjl_data_files, file, next) {
        path = sjl_path_data(file->row.file);

        if (stat(path, &sb) == -1) {
            sjl_log(SJL_LOG_CRIT, "data file \"%s\" is missing: %s", path,
                    strerror(errno));

        } else if (sb.st_size != file->row.size) {
            sjl_log(SJL_LOG_CRIT, "data file \"%s\" is damaged, it has %lld "
                    "bytes, not %lld", path, (long long) sb.st_size,
                    (long long) file->row.size);
        }

        free(path);
    }
}


void
sjl_data_sweep(void)
{
    sjl_file_op_t  *fop;

    fop = sjl_file_op_make(sjl_files_list, sjl_data_listed, NULL);
    fop->from = sjl_path_data("");
    sjl_file_op_add(fop);
}


/* one that is being uploaded is known already; nor is any but ours touched */

static void
sjl_data_listed(sjl_file_op_t *fop)
{
    size_t       len;
    const char  *name;

    for (name = fop->body;
         name && name < fop->body + fop->size;
         name += len + 1)
    {
        len = strlen(name);

        if (len <= SJL_DATA_SUFFIX || strcmp(name + len - 5, "Z.dat") != 0
            || sjl_data_find(name))
        {
            continue;
        }

        sjl_log(SJL_LOG_NOTICE, "data file %s has no row, and is removed",
                name);
        sjl_files_delete(sjl_path_data(name));
    }

    sjl_file_op_free(fop);
}


void
sjl_data_put(sjl_conn_t *c, sjl_frame_t *f)
{
    sjl_file_op_t   *fop;
    sjl_data_put_t  *put;

    put = sjl_alloc(sizeof(sjl_data_put_t));
    put->request = sjl_request_make(c, f);

    fop = sjl_file_op_make(sjl_files_add, sjl_data_stored, put);

    if (sjl_data_put_read(put, f, fop) == SJL_ERROR) {
        sjl_file_op_free(fop);
        sjl_data_put_free(put);
        return;
    }

    fop->to = sjl_path_data(put->file->row.file);
    sjl_file_op_add(fop);
}


/* SJL_ERROR: it is answered */

static int
sjl_data_put_read(sjl_data_put_t *put, sjl_frame_t *f, sjl_file_op_t *fop)
{
    const char       *name, *user, *wrong;
    const sjl_why_t  *why;

    user = "";

    if (sjl_request_unpack(put->request, f, "{s:s, s?s}", "name", &name,
                           "user", &user)
        == SJL_ERROR)
    {
        return SJL_ERROR;
    }

    wrong = sjl_data_prefix_wrong(name);

    if (wrong) {
        sjl_request_refuse(put->request, SJP_ERR_BAD_REQUEST, wrong);
        return SJL_ERROR;
    }

    if (sjl_request_file(put->request, f, &fop->size) == SJL_ERROR) {
        return SJL_ERROR;
    }

    why = sjl_db_trouble();

    if (why) {
        sjl_request_storage_failed(put->request, why);
        return SJL_ERROR;
    }

    if (f->fd != -1) {
        fop->fd = f->fd;
        f->fd = -1;

    } else {
        fop->body = sjl_memdup(f->payload, f->size);
    }

    put->prefix = sjl_strdup(name);
    put->file = sjl_data_make(put);
    put->file->row.user = sjl_strdup(user);

    sjl_log(SJL_LOG_INFO, "data file %s is uploaded by \"%s\"",
            put->file->row.file, user);

    return SJL_OK;
}


static const char *
sjl_data_prefix_wrong(const char *prefix)
{
    const char  *p;

    if (*prefix == '\0') {
        return "the name of a data file may not be empty";
    }

    if (strlen(prefix) > SJL_DATA_PREFIX) {
        return "the name of a data file is too long";
    }

    for (p = prefix; *p; p++) {

        if (*p == '/') {
            return "the name of a data file may not hold a slash";
        }

        if ((unsigned char) *p < ' ' || *p == 0x7f) {
            return "the name of a data file may not hold control characters";
        }
    }

    return NULL;
}


/* two of one millisecond get names of two: the second one's is a bit late */

static sjl_data_t *
sjl_data_make(sjl_data_put_t *put)
{
    char        *name;
    int64_t      time;
    sjl_data_t  *file;

    time = put->file ? put->file->row.time + 1 : sjl_now();
    name = sjl_data_name(put->prefix, time);

    while (sjl_data_find(name)) {
        free(name);
        name = sjl_data_name(put->prefix, ++time);
    }

    file = sjl_alloc(sizeof(sjl_data_t));
    file->row.file = name;
    file->row.time = time;

    HASH_ADD_KEYPTR(hh, sjl_data_files, file->row.file, strlen(file->row.file),
                    file);

    return file;
}


static char *
sjl_data_name(const char *prefix, int64_t time)
{
    char       day[32];
    time_t     seconds;
    struct tm  tm;

    seconds = (time_t) (time / 1000);
    (void) gmtime_r(&seconds, &tm);
    (void) strftime(day, sizeof(day), "%Y-%m-%dT%H_%M_%S", &tm);

    return sjl_format("%s-%s.%03dZ.dat", prefix, day, (int) (time % 1000));
}


static sjl_data_t *
sjl_data_find(const char *file)
{
    sjl_data_t  *found;

    HASH_FIND_STR(sjl_data_files, file, found);

    return found;
}


/* a launcher that died between file and row has left a file without a row */

static void
sjl_data_stored(sjl_file_op_t *fop)
{
    sjl_data_t      *next;
    sjl_data_put_t  *put;

    put = fop->data;

    if (fop->exists) {
        next = sjl_data_make(put);
        next->row.user = sjl_strdup(put->file->row.user);
        sjl_data_free(put->file);
        put->file = next;

        free(fop->to);
        fop->to = sjl_path_data(next->row.file);
        fop->exists = 0;
        sjl_file_op_add(fop);
        return;
    }

    if (fop->rc == SJL_ERROR) {
        sjl_request_storage_failed(put->request, &fop->why);
        sjl_data_free(put->file);
        sjl_data_put_free(put);

    } else {
        put->file->row.size = (int64_t) fop->size;
        put->op.run = sjl_data_put_run;
        put->op.done = sjl_data_put_done;
        put->op.keeps = 1;
        sjl_db_add(&put->op, 0);
    }

    sjl_file_op_free(fop);
}


static int
sjl_data_put_run(sjl_db_op_t *op, sjl_dao_t *dao)
{
    return dao->type->row_add(dao, &sjl_data_table,
                              &sjl_container(op, sjl_data_put_t,
                                             op)->file->row);
}


static void
sjl_data_put_done(sjl_db_op_t *op)
{
    char            *path;
    sjl_file_op_t   *fop;
    sjl_data_put_t  *put;

    put = sjl_container(op, sjl_data_put_t, op);
    path = sjl_path_data(put->file->row.file);

    if (op->rc == SJL_OK) {
        put->file->kept = 1;
        sjl_request_reply(put->request, json_pack("{s:s}", "file", path), NULL,
                          0);
        free(path);

    } else {
        sjl_request_storage_failed(put->request, &op->why);
        sjl_data_free(put->file);

        fop = sjl_file_op_make(sjl_files_remove, sjl_file_op_free, NULL);
        fop->from = path;
        sjl_file_op_add(fop);
    }

    sjl_data_put_free(put);
}


static void
sjl_data_put_free(sjl_data_put_t *put)
{
    free(put->prefix);
    free(put);
}


static void
sjl_data_free(sjl_data_t *file)
{
    HASH_DEL(sjl_data_files, file);

    sjl_row_clear(&sjl_data_table, &file->row);
    free(file);
}


void
sjl_data_list(sjl_conn_t *c, sjl_frame_t *f)
{
    char           *text;
    json_t         *list;
    const char     *owner;
    sjl_data_t     *file, *next;
    sjl_request_t  *r;

    r = sjl_request_make(c, f);
    owner = NULL;

    if (sjl_request_unpack(r, f, "{s?s}", "owner", &owner) == SJL_ERROR) {
        return;
    }

    list = json_array();

    HASH_ITER(hh, sjl_data_files, file, next) {

        if (sjl_data_there(file, owner)) {
            text = sjl_path_data(file->row.file);
            (void) json_array_append_new(list, json_string(text));
            free(text);
        }
    }

    text = sjl_json_text(list);
    json_decref(list);

    sjl_request_reply_long(r, NULL, text, strlen(text));
    free(text);
}


static int
sjl_data_there(const sjl_data_t *file, const char *owner)
{
    return file->kept && !file->deleting
           && sjl_row_owned(file->row.user, owner);
}


void
sjl_data_delete(sjl_conn_t *c, sjl_frame_t *f)
{
    const char        *path, *user, *owner;
    sjl_data_t        *file;
    sjl_request_t     *r;
    sjl_data_round_t  *round;

    r = sjl_request_make(c, f);
    user = "";
    owner = NULL;

    if (sjl_request_unpack(r, f, "{s:s, s?s, s?s}", "file", &path, "user",
                           &user, "owner", &owner)
        == SJL_ERROR)
    {
        return;
    }

    file = sjl_data_of_path(path);

    if (file == NULL || !sjl_data_there(file, owner)) {
        sjl_request_refuse(r, SJP_ERR_NO_SUCH_DATA, path);
        return;
    }

    sjl_log(SJL_LOG_INFO, "data file %s is deleted by \"%s\"", file->row.file,
            user);

    round = sjl_alloc(sizeof(sjl_data_round_t));
    round->request = r;

    sjl_data_delete_one(file, round);
}


static sjl_data_t *
sjl_data_of_path(const char *path)
{
    char        *folder;
    size_t       len;
    sjl_data_t  *file;

    folder = sjl_path_data("");
    len = strlen(folder);

    file = strncmp(path, folder, len) == 0 ? sjl_data_find(path + len) : NULL;

    free(folder);

    return file;
}


/*
 * The file goes first: a row without a file can be deleted again, nobody would
 * ever find a file without a row.
 */

static void
sjl_data_delete_one(sjl_data_t *file, sjl_data_round_t *round)
{
    sjl_file_op_t      *fop;
    sjl_data_delete_t  *d;

    file->deleting = 1;
    round->left++;

    d = sjl_alloc(sizeof(sjl_data_delete_t));
    d->file = file;
    d->round = round;

    fop = sjl_file_op_make(sjl_files_remove, sjl_data_removed, d);
    fop->from = sjl_path_data(file->row.file);

    sjl_file_op_add(fop);
}


static void
sjl_data_removed(sjl_file_op_t *fop)
{
    sjl_data_delete_t  *d;

    d = fop->data;

    if (fop->rc == SJL_ERROR) {
        sjl_data_deleted(d, &fop->why);

    } else {
        d->op.run = sjl_data_delete_run;
        d->op.done = sjl_data_delete_done;
        sjl_db_add(&d->op, 0);
    }

    sjl_file_op_free(fop);
}


static int
sjl_data_delete_run(sjl_db_op_t *op, sjl_dao_t *dao)
{
    return dao->type->row_delete(dao, &sjl_data_table,
                                 sjl_container(op, sjl_data_delete_t,
                                               op)->file->row.file);
}


static void
sjl_data_delete_done(sjl_db_op_t *op)
{
    sjl_data_deleted(sjl_container(op, sjl_data_delete_t, op),
                     op->rc == SJL_OK ? NULL : &op->why);
}


static void
sjl_data_deleted(sjl_data_delete_t *d, const sjl_why_t *why)
{
    sjl_data_round_t  *round;

    round = d->round;
    round->left--;

    if (why) {
        d->file->deleting = 0;
        round->failed = 1;
        round->why = *why;

    } else {
        sjl_data_free(d->file);
    }

    free(d);
    sjl_data_round_check(round);
}


static void
sjl_data_round_check(sjl_data_round_t *round)
{
    if (round->left) {
        return;
    }

    if (round->failed) {
        sjl_request_storage_failed(round->request, &round->why);

    } else {
        sjl_request_reply(round->request, NULL, NULL, 0);
    }

    free(round);
}


void
sjl_data_reset(sjl_conn_t *c, sjl_frame_t *f)
{
    const char        *user, *owner;
    sjl_data_t        *file, *next;
    sjl_request_t     *r;
    sjl_data_round_t  *round;

    r = sjl_request_make(c, f);
    user = "";
    owner = NULL;

    if (sjl_request_unpack(r, f, "{s?s, s?s}", "user", &user, "owner", &owner)
        == SJL_ERROR)
    {
        return;
    }

    sjl_log(SJL_LOG_INFO, "all data files%s are deleted by \"%s\"",
            owner ? " of this user" : "", user);

    round = sjl_alloc(sizeof(sjl_data_round_t));
    round->request = r;

    HASH_ITER(hh, sjl_data_files, file, next) {
        if (sjl_data_there(file, owner)) {
            sjl_data_delete_one(file, round);
        }
    }

    sjl_data_round_check(round);
}
