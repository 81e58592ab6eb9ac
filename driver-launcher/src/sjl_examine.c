
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_examine.h"
#include "sjl_binary.h"
#include "sjl_data.h"
#include "sjl_db.h"
#include "sjl_files.h"
#include "sjl_job.h"
#include "sjl_server.h"
#include "sjl_sweep.h"

#include <sys/stat.h>


#define SJL_EXAMINE_PARTS   256         /* folders of results */
#define SJL_EXAMINE_ROWS    256         /* looked for in one go */
#define SJL_EXAMINE_CONFIG  ".config"


/* what a row speaks of; one that is alive may yet do so */

#define SJL_EXAMINE_HAS_RESULT  1
#define SJL_EXAMINE_HAS_CONFIG  2
#define SJL_EXAMINE_IS_ALIVE    4


/* files of results, whose rows are looked for */

typedef struct {
    sjl_db_op_t   op;
    unsigned      part;
    json_t       *names;
    size_t        first;                /* whose rows are looked for now */
    size_t        last;
    char         *needed;               /* of each: SJL_EXAMINE_... */
} sjl_examine_t;


static void sjl_examine_next(void);
static void sjl_examine_hash(sjl_binary_t *binary, int fd);
static void sjl_examine_hashed(sjl_file_op_t *fop);
static void sjl_examine_damaged(sjl_binary_t *binary, char *damage);
static void sjl_examine_sweep(void);
static void sjl_examine_part(unsigned part);
static void sjl_examine_listed(sjl_file_op_t *fop);
static void sjl_examine_rows(sjl_examine_t *examine);
static int sjl_examine_is_result(const char *name);
static int sjl_examine_run(sjl_db_op_t *op, sjl_dao_t *dao);
static void sjl_examine_row(void *data, const void *row);
static void sjl_examine_looked(sjl_db_op_t *op);


static json_t  *sjl_examine_binaries;


void
sjl_examine_start(void)
{
    sjl_binary_t  *binary, *next;

    sjl_examine_binaries = json_array();

    HASH_ITER(hh, sjl_binaries, binary, next) {
        (void) json_array_append_new(sjl_examine_binaries,
                                     json_string(binary->row.name));
    }

    sjl_examine_next();
    sjl_data_examine();

    /* a damaged database does not tell what is needed */

    sjl_db_when_whole(sjl_examine_sweep);
}


/*
 * What is missing, or has another size, is known now; reading all takes a
 * while, and is done one at a time, so that it holds up no upload for long.
 */

static void
sjl_examine_next(void)
{
    int            fd;
    char          *path;
    size_t         n;
    struct stat    sb;
    sjl_binary_t  *binary;

    for (n = json_array_size(sjl_examine_binaries);
         n && !sjl_server_ending();
         n--)
    {
        binary = sjl_binary_find(json_string_value(
                                  json_array_get(sjl_examine_binaries, n - 1)));
        (void) json_array_remove(sjl_examine_binaries, n - 1);

        if (binary == NULL || binary->deleting) {
            continue;
        }

        path = sjl_path_binary(binary->row.sha256, binary->row.type);
        fd = open(path, O_RDONLY|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK);

        if (fd == -1 || fstat(fd, &sb) == -1) {
            sjl_examine_damaged(binary,
                                sjl_format("binary %s is missing: %s",
                                           binary->row.name, strerror(errno)));

        } else if (sb.st_size != binary->row.size) {
            sjl_examine_damaged(binary,
                                sjl_format("binary %s is damaged: it has %lld "
                                           "bytes, not %lld", binary->row.name,
                                           (long long) sb.st_size,
                                           (long long) binary->row.size));

        } else {
            free(path);
            sjl_examine_hash(binary, fd);
            return;
        }

        free(path);

        if (fd != -1) {
            (void) close(fd);
        }
    }

    json_decref(sjl_examine_binaries);
    sjl_examine_binaries = NULL;
}


static void
sjl_examine_hash(sjl_binary_t *binary, int fd)
{
    sjl_file_op_t  *fop;

    fop = sjl_file_op_make(sjl_files_hash, sjl_examine_hashed,
                           sjl_strdup(binary->row.name));
    fop->from = sjl_strdup(binary->row.sha256);
    fop->fd = fd;

    sjl_file_op_add(fop);
}


/* one that was uploaded again meanwhile has another file */

static void
sjl_examine_hashed(sjl_file_op_t *fop)
{
    char          *damage;
    sjl_binary_t  *binary;

    binary = sjl_binary_find(fop->data);

    if (binary && strcmp(binary->row.sha256, fop->from) == 0
        && (fop->rc == SJL_ERROR || strcmp(fop->sha256, fop->from) != 0))
    {
        damage = fop->rc == SJL_ERROR
                 ? sjl_format("binary %s cannot be read: %s", binary->row.name,
                              fop->why.text)
                 : sjl_format("binary %s is damaged: it has the SHA-256 %s, "
                              "not %s", binary->row.name, fop->sha256,
                              fop->from);

        sjl_examine_damaged(binary, damage);
    }

    free(fop->data);
    sjl_file_op_free(fop);

    sjl_examine_next();
}


/* its file stays as it is: who has the bytes may upload them again */

static void
sjl_examine_damaged(sjl_binary_t *binary, char *damage)
{
    sjl_log(SJL_LOG_CRIT, "%s; jobs that name it are refused", damage);

    free(binary->damage);
    binary->damage = damage;
}


static void
sjl_examine_sweep(void)
{
    sjl_binary_sweep();
    sjl_data_sweep();
    sjl_sweep_contexts();
    sjl_examine_part(0);
}


static void
sjl_examine_part(unsigned part)
{
    sjl_examine_t  *examine;
    sjl_file_op_t  *fop;

    if (part == SJL_EXAMINE_PARTS || sjl_server_ending()) {
        return;
    }

    examine = sjl_alloc(sizeof(sjl_examine_t));
    examine->part = part;
    examine->op.run = sjl_examine_run;
    examine->op.reads = 1;
    examine->op.done = sjl_examine_looked;

    fop = sjl_file_op_make(sjl_files_list, sjl_examine_listed, examine);
    fop->from = sjl_path_results(part);
    sjl_file_op_add(fop);
}


/* what has no name of ours is not ours to remove */

static void
sjl_examine_listed(sjl_file_op_t *fop)
{
    const char     *name;
    sjl_examine_t  *examine;

    examine = fop->data;
    examine->names = json_array();

    for (name = fop->body;
         name && name < fop->body + fop->size;
         name += strlen(name) + 1)
    {
        if (sjl_examine_is_result(name)) {
            (void) json_array_append_new(examine->names, json_string(name));
        }
    }

    sjl_file_op_free(fop);

    if (json_array_size(examine->names)) {
        examine->needed = sjl_alloc(json_array_size(examine->names));
    }

    sjl_examine_rows(examine);
}


/* others have changes for the database, so it is asked a few at a time */

static void
sjl_examine_rows(sjl_examine_t *examine)
{
    size_t    n;
    unsigned  part;

    n = json_array_size(examine->names);

    if (examine->first < n && !sjl_server_ending()) {
        examine->last = examine->first + SJL_EXAMINE_ROWS < n
                        ? examine->first + SJL_EXAMINE_ROWS : n;
        sjl_db_add(&examine->op, 0);
        return;
    }

    part = examine->part;
    json_decref(examine->names);
    free(examine->needed);
    free(examine);

    sjl_examine_part(part + 1);
}


static int
sjl_examine_is_result(const char *name)
{
    int    rc;
    char  *id;

    if (strlen(name) < SJL_ID_LEN
        || (name[SJL_ID_LEN] && strcmp(name + SJL_ID_LEN, SJL_EXAMINE_CONFIG)))
    {
        return 0;
    }

    id = sjl_memdup(name, SJL_ID_LEN);
    rc = sjl_id_ok(id);
    free(id);

    return rc;
}


/* who has a file has a row that was added before this */

static int
sjl_examine_run(sjl_db_op_t *op, sjl_dao_t *dao)
{
    int             rc;
    char           *id;
    size_t          i;
    const char     *s;
    sjl_examine_t  *examine;

    examine = sjl_container(op, sjl_examine_t, op);
    rc = SJL_OK;

    for (i = examine->first; i < examine->last; i++) {
        s = json_string_value(json_array_get(examine->names, i));
        examine->needed[i] = 0;

        id = sjl_memdup(s, SJL_ID_LEN);
        rc = dao->type->job_get(dao, id, sjl_examine_row,
                                &examine->needed[i]);
        free(id);

        if (rc != SJL_OK) {
            break;
        }

        examine->needed[i] &= SJL_EXAMINE_IS_ALIVE
                              |(s[SJL_ID_LEN] ? SJL_EXAMINE_HAS_CONFIG
                                              : SJL_EXAMINE_HAS_RESULT);
    }

    return rc;
}


static void
sjl_examine_row(void *data, const void *row)
{
    char                 *needed;
    const sjl_job_row_t  *job;

    needed = data;
    job = row;

    *needed = (char) ((job->payload == SJL_PAYLOAD_STORED
                       ? SJL_EXAMINE_HAS_RESULT : 0)
                      |(job->config_file ? SJL_EXAMINE_HAS_CONFIG : 0)
                      |(job->final ? 0 : SJL_EXAMINE_IS_ALIVE));
}


static void
sjl_examine_looked(sjl_db_op_t *op)
{
    char           *id;
    size_t          i;
    const char     *s;
    sjl_examine_t  *examine;

    examine = sjl_container(op, sjl_examine_t, op);

    for (i = examine->first; i < examine->last; i++) {
        s = json_string_value(json_array_get(examine->names, i));
        id = sjl_memdup(s, SJL_ID_LEN);

        if (op->rc == SJL_OK && !examine->needed[i] && sjl_job_find(id) == NULL)
        {
            sjl_log(SJL_LOG_NOTICE, "result %s has no row, and is removed", s);
            sjl_files_delete(sjl_path_result(id, s + SJL_ID_LEN));
        }

        free(id);
    }

    examine->first = examine->last;
    sjl_examine_rows(examine);
}
