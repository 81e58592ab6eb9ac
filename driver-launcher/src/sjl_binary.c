
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_binary.h"
#include "sjl_channel.h"
#include "sjl_db.h"
#include "sjl_files.h"
#include "sjl_job.h"
#include "sjl_library.h"
#include "sjl_predefined.h"
#include "sjl_record.h"
#include "sjl_request.h"
#include "sjl_python.h"
#include "sjl_text.h"

#include <utlist.h>


/* so many jobs are named as the users of a binary */
#define SJL_BINARY_USERS  50

/* so many names and bytes of them can be asked for at once */
#define SJL_BINARY_NAMES  256
#define SJL_BINARY_TEXT   (SJP_META_MAX / 4)


typedef struct {
    sjl_db_op_t       op;
    sjl_request_t    *request;          /* NULL: it is predefined */
    sjl_binary_row_t  row;
} sjl_put_t;


/* bytes that a deletion has left, perhaps needed by another name */

typedef struct sjl_leftover_s  sjl_leftover_t;

struct sjl_leftover_s {
    sjl_binary_row_t   row;
    int64_t            uses;
    sjl_leftover_t    *next;
};


typedef struct {
    sjl_db_op_t      op;
    sjl_request_t   *request;
    char            *name;
    sjl_leftover_t  *leftovers;
} sjl_delete_t;


typedef struct {
    sjl_db_op_t      op;
    sjl_leftover_t  *leftovers;
} sjl_sweep_t;


static int sjl_put_read(sjl_put_t *put, sjl_frame_t *f, sjl_file_op_t *fop);
static void sjl_put_stored(sjl_file_op_t *fop);
static int sjl_put_run(sjl_db_op_t *op, sjl_dao_t *dao);
static void sjl_put_committed(sjl_db_op_t *op);
static void sjl_put_left(sjl_put_t *put);
static void sjl_put_free(sjl_put_t *put);
static void sjl_binary_free(sjl_binary_t *binary);
static char *sjl_binary_users(const char *name, const char *owner);
static int sjl_delete_run(sjl_db_op_t *op, sjl_dao_t *dao);
static void sjl_delete_version(void *data, const void *row);
static void sjl_delete_committed(sjl_db_op_t *op);
static void sjl_leftovers_free(sjl_leftover_t *leftovers);
static void sjl_sweep(void);
static int sjl_sweep_run(sjl_db_op_t *op, sjl_dao_t *dao);
static void sjl_sweep_looked(sjl_db_op_t *op);
static void sjl_binary_listed(sjl_file_op_t *fop);


sjl_binary_t  *sjl_binaries;


/*
 * Uploads between their file and their row: as long as there is any, no file
 * is removed, since it may be the one that the row is going to need.
 */
static size_t           sjl_binary_uploads;

static sjl_leftover_t  *sjl_leftovers;


void
sjl_binary_put(sjl_conn_t *c, sjl_frame_t *f)
{
    sjl_put_t      *put;
    sjl_file_op_t  *fop;

    put = sjl_alloc(sizeof(sjl_put_t));
    put->request = sjl_request_make(c, f);

    fop = sjl_file_op_make(sjl_files_store, sjl_put_stored, put);

    if (sjl_put_read(put, f, fop) == SJL_ERROR) {
        sjl_file_op_free(fop);
        sjl_put_free(put);
        return;
    }

    SPARKJOB_FAULT("upload.taken");

    sjl_binary_uploads++;
    sjl_file_op_add(fop);
}


static int
sjl_put_read(sjl_put_t *put, sjl_frame_t *f, sjl_file_op_t *fop)
{
    char             *why;
    const char       *name, *type, *user, *extension;
    const sjl_why_t  *why_not;

    user = "";

    if (sjl_request_unpack(put->request, f, "{s:s, s:s, s?s}", "name", &name,
                           "type", &type, "user", &user)
        == SJL_ERROR)
    {
        return SJL_ERROR;
    }

    extension = sjl_files_extension(type);

    if (extension == NULL || *name == '\0' || strlen(name) > SJP_NAME_MAX) {
        sjl_request_refuse(put->request, SJP_ERR_BAD_REQUEST,
                           extension ? "name" : "type");
        return SJL_ERROR;
    }

    if (sjl_request_file(put->request, f, &fop->size) == SJL_ERROR) {
        return SJL_ERROR;
    }

    if (strcmp(extension, ".py") == 0
        && (!sjl_text_is_module(name) || sjl_python_is_taken(name)))
    {
        why = sjl_format(sjl_python_is_taken(name)
                         ? "a source of Python cannot have the name of one of "
                           "Python's own modules, \"%s\""
                         : "the name of a source of Python has to be one of a "
                           "module, not \"%s\"", name);
        sjl_request_refuse(put->request, SJP_ERR_BAD_REQUEST, why);
        free(why);
        return SJL_ERROR;
    }

    why_not = sjl_db_trouble();

    if (why_not) {
        sjl_request_storage_failed(put->request, why_not);
        return SJL_ERROR;
    }

    put->row.name = sjl_strdup(name);
    put->row.type = sjl_strdup(type);
    fop->to = sjl_strdup(extension);

    if (f->fd != -1) {
        fop->fd = f->fd;
        f->fd = -1;

    } else {
        fop->body = sjl_memdup(f->payload, f->size);
    }

    sjl_log(SJL_LOG_INFO, "binary %s is uploaded by \"%s\"", name, user);

    return SJL_OK;
}


int
sjl_binary_is(const char *name, const char *type, const char *sha256)
{
    sjl_binary_t  *binary;

    binary = sjl_binary_find(name);

    return binary && !binary->deleting
           && strcmp(binary->row.sha256, sha256) == 0
           && strcmp(binary->row.type, type) == 0;
}


void
sjl_binary_store(const char *name, const char *type, int fd)
{
    sjl_put_t      *put;
    sjl_file_op_t  *fop;

    put = sjl_alloc(sizeof(sjl_put_t));
    put->row.name = sjl_strdup(name);
    put->row.type = sjl_strdup(type);

    fop = sjl_file_op_make(sjl_files_store, sjl_put_stored, put);
    fop->to = sjl_strdup(sjl_files_extension(type));
    fop->fd = fd;

    sjl_binary_uploads++;
    sjl_file_op_add(fop);
}


static void
sjl_put_stored(sjl_file_op_t *fop)
{
    sjl_put_t     *put;
    sjl_binary_t  *binary;

    put = fop->data;

    SPARKJOB_FAULT("upload.stored");

    if (fop->rc == SJL_ERROR) {
        if (put->request == NULL) {
            sjl_log(SJL_LOG_ERR, "predefined binary %s is not stored: %s",
                    put->row.name, fop->why.text);

        } else if (fop->bad && strcmp(fop->to, ".py") == 0) {
            sjl_request_refuse(put->request, SJP_ERR_BAD_SOURCE,
                               fop->why.text);

        } else if (fop->bad) {
            sjl_request_refuse(put->request, SJP_ERR_BAD_BINARY,
                               put->row.name);
        } else {
            sjl_request_storage_failed(put->request, &fop->why);
        }

        if (*fop->sha256) {
            put->row.sha256 = sjl_strdup(fop->sha256);
            sjl_put_left(put);
        }

        sjl_file_op_free(fop);
        sjl_put_free(put);
        sjl_binary_uploads--;
        sjl_sweep();
        return;
    }

    put->row.sha256 = sjl_strdup(fop->sha256);
    put->row.size = (int64_t) fop->size;
    put->row.time = sjl_now();

    /* the newest version is the one with the latest time, so no two share it */

    binary = sjl_binary_find(put->row.name);

    if (binary && binary->row.time >= put->row.time) {
        put->row.time = binary->row.time + 1;
    }

    put->op.run = sjl_put_run;
    put->op.done = sjl_put_committed;
    put->op.keeps = 1;
    sjl_db_add(&put->op, 0);

    sjl_file_op_free(fop);
}


/* of two uploads at once neither has seen the other's time */

static int
sjl_put_run(sjl_db_op_t *op, sjl_dao_t *dao)
{
    int         rc;
    sjl_put_t  *put;

    put = sjl_container(op, sjl_put_t, op);

    if (SPARKJOB_FAILS("upload.row")) {
        return SJL_ERROR;
    }

    rc = dao->type->binary_add(dao, &put->row);

    while (rc == SJL_DAO_EXISTS) {
        put->row.time++;
        rc = dao->type->binary_add(dao, &put->row);
    }

    return rc;
}


static void
sjl_put_committed(sjl_db_op_t *op)
{
    sjl_put_t  *put;

    put = sjl_container(op, sjl_put_t, op);

    SPARKJOB_FAULT("upload.committed");

    if (op->rc == SJL_OK) {
        sjl_log(SJL_LOG_INFO, "binary %s %s: %lld bytes", put->row.name,
                put->row.sha256, (long long) put->row.size);

        sjl_binary_adopt(&put->row);
        sjl_channel_publish("put", "binary", sjl_record_binary(&put->row),
                            NULL, 0);

        if (put->request) {
            sjl_request_reply(put->request, NULL, NULL, 0);
        }

    } else {
        if (put->request) {
            sjl_request_storage_failed(put->request, &op->why);
        }

        sjl_put_left(put);
    }

    sjl_put_free(put);
    sjl_binary_uploads--;
    sjl_sweep();
}


/* its bytes would be in the way of those who need the space */

static void
sjl_put_left(sjl_put_t *put)
{
    sjl_leftover_t  *leftover;

    leftover = sjl_alloc(sizeof(sjl_leftover_t));
    sjl_row_copy(&sjl_binaries_table, &leftover->row, &put->row);

    LL_PREPEND(sjl_leftovers, leftover);
}


static void
sjl_put_free(sjl_put_t *put)
{
    if (put->request == NULL) {
        sjl_predefined_stored();
    }

    sjl_row_clear(&sjl_binaries_table, &put->row);
    free(put);
}


void
sjl_binary_get(sjl_conn_t *c, sjl_frame_t *f)
{
    const char     *name;
    sjl_binary_t   *binary;
    sjl_request_t  *r;

    r = sjl_request_make(c, f);

    if (sjl_request_unpack(r, f, "{s:s}", "name", &name) == SJL_ERROR) {
        return;
    }

    binary = sjl_binary_find(name);

    if (binary == NULL) {
        sjl_request_refuse(r, SJP_ERR_NO_SUCH_BINARY, name);
        return;
    }

    sjl_request_reply(r, json_pack("{s:o}", "record",
                                   sjl_record_binary(&binary->row)), NULL, 0);
}


sjl_binary_t *
sjl_binary_find(const char *name)
{
    sjl_binary_t  *binary;

    HASH_FIND_STR(sjl_binaries, name, binary);

    return binary;
}


void
sjl_binary_adopt(const sjl_binary_row_t *row)
{
    sjl_binary_t  *binary, *old;

    old = sjl_binary_find(row->name);

    if (old && old->row.time > row->time) {
        return;
    }

    binary = sjl_alloc(sizeof(sjl_binary_t));
    sjl_row_copy(&sjl_binaries_table, &binary->row, row);

    /* a deletion that has begun takes this version as well */

    if (old) {
        binary->deleting = old->deleting;
        sjl_binary_free(old);
    }

    HASH_ADD_KEYPTR(hh, sjl_binaries, binary->row.name,
                    strlen(binary->row.name), binary);
}


static void
sjl_binary_free(sjl_binary_t *binary)
{
    HASH_DEL(sjl_binaries, binary);

    sjl_row_clear(&sjl_binaries_table, &binary->row);
    free(binary->damage);
    free(binary);
}


const char *
sjl_binary_damage(const json_t *names)
{
    size_t         i;
    json_t        *name;
    sjl_binary_t  *binary;

    json_array_foreach(names, i, name) {
        binary = sjl_binary_find(json_string_value(name));

        if (binary && binary->damage) {
            return binary->damage;
        }
    }

    return NULL;
}


int
sjl_binary_names_fit(const json_t *names, const json_t *more)
{
    return json_array_size(names) + json_array_size(more) <= SJL_BINARY_NAMES
           && json_dumpb(names, NULL, 0, JSON_COMPACT)
              + json_dumpb(more, NULL, 0, JSON_COMPACT) <= SJL_BINARY_TEXT;
}


json_t *
sjl_binary_resolve(const json_t *names, char **missing)
{
    size_t         i;
    json_t        *name, *cp;
    const char    *s;
    sjl_binary_t  *binary;

    cp = json_array();

    json_array_foreach(names, i, name) {
        s = json_string_value(name);
        binary = sjl_binary_find(s);

        if (binary == NULL || binary->deleting) {

            if (strchr(s, ':')) {
                (void) json_array_append_new(cp, json_pack("{s:s}", "uri", s));
                continue;
            }

            *missing = sjl_strdup(s);
            json_decref(cp);
            return NULL;
        }

        (void) json_array_append_new(cp,
            json_pack("{s:s, s:s, s:s}", "name", binary->row.name, "type",
                      binary->row.type, "sha256", binary->row.sha256));
    }

    return cp;
}


void
sjl_binary_paths(json_t *cp)
{
    char        *path;
    size_t       i;
    json_t      *binary;
    const char  *sha256;

    json_array_foreach(cp, i, binary) {
        sha256 = json_string_value(json_object_get(binary, "sha256"));

        if (sha256) {
            path = sjl_path_binary(
                       sha256,
                       json_string_value(json_object_get(binary, "type")));

            (void) json_object_set_new(binary, "path", json_string(path));
            free(path);
        }
    }
}


void
sjl_binary_delete(sjl_conn_t *c, sjl_frame_t *f)
{
    char           *users;
    json_int_t      asked;
    const char     *name, *user, *owner;
    sjl_binary_t   *binary;
    sjl_delete_t   *d;
    sjl_request_t  *r;

    r = sjl_request_make(c, f);
    asked = 0;
    user = "";
    owner = NULL;

    if (sjl_request_unpack(r, f, "{s:s, s?I, s?s, s?s}", "name", &name,
                           "asked", &asked, "user", &user, "owner", &owner)
        == SJL_ERROR)
    {
        return;
    }

    binary = sjl_binary_find(name);

    if (binary == NULL || binary->deleting
        || sjl_request_is_before(r, asked, binary->row.time))
    {
        sjl_request_refuse(r, SJP_ERR_NO_SUCH_BINARY, name);
        return;
    }

    users = sjl_library_with_binary(name);

    if (users == NULL) {
        users = sjl_binary_users(name, owner);
    }

    if (users) {
        sjl_request_refuse(r, SJP_ERR_BINARY_IN_USE, users);
        free(users);
        return;
    }

    sjl_log(SJL_LOG_INFO, "binary %s is deleted by \"%s\"", name, user);

    SPARKJOB_FAULT("delete.binary");

    binary->deleting = 1;

    d = sjl_alloc(sizeof(sjl_delete_t));
    d->request = r;
    d->name = sjl_strdup(name);
    d->op.run = sjl_delete_run;
    d->op.done = sjl_delete_committed;

    sjl_db_add(&d->op, 0);
}


/*
 * The first jobs that are not final and use a binary, or NULL.  An owner is not
 * told the ids of others' jobs.
 *
 * There may be thousands of jobs with long class paths, so these are searched
 * as text: a member is written in one way only, see sjl_json_text(), and within
 * other strings its quotes would be escaped.
 */

static char *
sjl_binary_users(const char *name, const char *owner)
{
    int         others;
    char       *users, *more, *quoted, *member;
    size_t      n;
    json_t     *string;
    sjl_job_t  *job, *next;

    string = json_string(name);
    quoted = sjl_json_text(string);
    member = sjl_format("\"name\":%s", quoted);
    json_decref(string);
    free(quoted);

    users = NULL;
    others = 0;
    n = 0;

    HASH_ITER(hh, sjl_jobs, job, next) {

        if (job->row.final || n > SJL_BINARY_USERS
            || !(strstr(job->row.cp, member)
                 || (job->row.dependent && strstr(job->row.dependent, member))))
        {
            continue;
        }

        if (!sjl_row_owned(job->row.user, owner)) {
            others = 1;
            continue;
        }

        more = sjl_format("%s%s%s", users ? users : "", users ? ", " : "",
                          n++ < SJL_BINARY_USERS ? job->row.id : "...");
        free(users);
        users = more;
    }

    if (others) {
        more = sjl_format("%s%s%s", users ? users : "", users ? ", " : "",
                          "of others");
        free(users);
        users = more;
    }

    free(member);

    return users;
}


static int
sjl_delete_run(sjl_db_op_t *op, sjl_dao_t *dao)
{
    sjl_delete_t  *d;

    d = sjl_container(op, sjl_delete_t, op);

    sjl_leftovers_free(d->leftovers);
    d->leftovers = NULL;

    if (dao->type->binary_versions(dao, d->name, sjl_delete_version, d)
        != SJL_OK)
    {
        return SJL_ERROR;
    }

    return SPARKJOB_FAILS("delete.row")
           ? SJL_ERROR : dao->type->binary_delete(dao, d->name);
}


static void
sjl_delete_version(void *data, const void *row)
{
    sjl_delete_t    *d;
    sjl_leftover_t  *leftover;

    d = data;

    leftover = sjl_alloc(sizeof(sjl_leftover_t));
    sjl_row_copy(&sjl_binaries_table, &leftover->row, row);

    LL_PREPEND(d->leftovers, leftover);
}


static void
sjl_delete_committed(sjl_db_op_t *op)
{
    sjl_binary_t  *binary;
    sjl_delete_t  *d;

    d = sjl_container(op, sjl_delete_t, op);
    binary = sjl_binary_find(d->name);

    SPARKJOB_FAULT("delete.committed");

    if (op->rc == SJL_OK) {
        sjl_binary_free(binary);

        sjl_channel_publish("remove", "binary",
                            json_pack("{s:s}", "name", d->name), NULL, 0);
        sjl_request_reply(d->request, NULL, NULL, 0);

        LL_CONCAT(sjl_leftovers, d->leftovers);

    } else {
        binary->deleting = 0;
        sjl_request_storage_failed(d->request, &op->why);
        sjl_leftovers_free(d->leftovers);
    }

    free(d->name);
    free(d);

    sjl_sweep();
}


static void
sjl_leftovers_free(sjl_leftover_t *leftovers)
{
    sjl_leftover_t  *leftover, *next;

    LL_FOREACH_SAFE(leftovers, leftover, next) {
        sjl_row_clear(&sjl_binaries_table, &leftover->row);
        free(leftover);
    }
}


static void
sjl_sweep(void)
{
    sjl_sweep_t  *sweep;

    if (sjl_binary_uploads || sjl_leftovers == NULL) {
        return;
    }

    sweep = sjl_alloc(sizeof(sjl_sweep_t));
    sweep->leftovers = sjl_leftovers;
    sjl_leftovers = NULL;

    sweep->op.run = sjl_sweep_run;
    sweep->op.done = sjl_sweep_looked;
    sweep->op.retry = 1;

    sjl_db_add(&sweep->op, 0);
}


static int
sjl_sweep_run(sjl_db_op_t *op, sjl_dao_t *dao)
{
    sjl_sweep_t     *sweep;
    sjl_leftover_t  *leftover;

    sweep = sjl_container(op, sjl_sweep_t, op);

    LL_FOREACH(sweep->leftovers, leftover) {
        if (dao->type->binary_uses(dao, leftover->row.sha256,
                                   leftover->row.type, &leftover->uses)
            != SJL_OK)
        {
            return SJL_ERROR;
        }
    }

    return SJL_OK;
}


/* an upload that has begun meanwhile may need one of them: wait for its row */

static void
sjl_sweep_looked(sjl_db_op_t *op)
{
    sjl_sweep_t     *sweep;
    sjl_leftover_t  *leftover;

    sweep = sjl_container(op, sjl_sweep_t, op);

    if (sjl_binary_uploads) {
        LL_CONCAT(sjl_leftovers, sweep->leftovers);
        free(sweep);
        return;
    }

    LL_FOREACH(sweep->leftovers, leftover) {
        if (leftover->uses == 0) {
            sjl_files_delete(sjl_path_binary(leftover->row.sha256,
                                             leftover->row.type));
        }
    }

    sjl_leftovers_free(sweep->leftovers);
    free(sweep);
}


void
sjl_binary_sweep(void)
{
    sjl_file_op_t  *fop;

    fop = sjl_file_op_make(sjl_files_list, sjl_binary_listed, NULL);
    fop->from = sjl_path_binaries();
    sjl_file_op_add(fop);
}


/* which of them have a row is looked up like for what a deletion has left */

static void
sjl_binary_listed(sjl_file_op_t *fop)
{
    const char      *name, *type;
    sjl_leftover_t  *leftover;

    for (name = fop->body;
         name && name < fop->body + fop->size;
         name += strlen(name) + 1)
    {
        type = sjl_files_type(name);

        if (type == NULL || strlen(name) <= SJL_HASH_LEN) {
            continue;
        }

        leftover = sjl_alloc(sizeof(sjl_leftover_t));
        leftover->row.sha256 = sjl_memdup(name, SJL_HASH_LEN);
        leftover->row.type = sjl_strdup(type);

        LL_PREPEND(sjl_leftovers, leftover);
    }

    sjl_file_op_free(fop);
    sjl_sweep();
}
