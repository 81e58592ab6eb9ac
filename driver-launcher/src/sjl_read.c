
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_read.h"
#include "sjl_job.h"
#include "sjl_look.h"
#include "sjl_request.h"

#include <sys/stat.h>


typedef struct {
    sjl_request_t  *request;
    char           *id;
    char           *owner;
    void          (*answer)(sjl_request_t *r, const sjl_job_row_t *row);
} sjl_read_t;


static void sjl_read(sjl_conn_t *c, sjl_frame_t *f,
    void (*answer)(sjl_request_t *r, const sjl_job_row_t *row));
static void sjl_read_done(void *data, const void *row,
    const sjl_why_t *why);
static void sjl_read_answer_job(sjl_request_t *r, const sjl_job_row_t *row);
static void sjl_read_answer_result(sjl_request_t *r, const sjl_job_row_t *row);
static void sjl_read_answer_config(sjl_request_t *r, const sjl_job_row_t *row);
static void sjl_read_file(sjl_request_t *r, json_t *meta, const char *id,
    const char *suffix, const char *what, int64_t size);
static void sjl_read_answer_log(sjl_request_t *r, const sjl_job_row_t *row);


void
sjl_read_job(sjl_conn_t *c, sjl_frame_t *f)
{
    sjl_read(c, f, sjl_read_answer_job);
}


void
sjl_read_result(sjl_conn_t *c, sjl_frame_t *f)
{
    sjl_read(c, f, sjl_read_answer_result);
}


void
sjl_read_config(sjl_conn_t *c, sjl_frame_t *f)
{
    sjl_read(c, f, sjl_read_answer_config);
}


void
sjl_read_log(sjl_conn_t *c, sjl_frame_t *f)
{
    sjl_read(c, f, sjl_read_answer_log);
}


static void
sjl_read(sjl_conn_t *c, sjl_frame_t *f,
    void (*answer)(sjl_request_t *r, const sjl_job_row_t *row))
{
    const char     *id, *owner;
    sjl_read_t     *read;
    sjl_request_t  *r;

    r = sjl_request_make(c, f);
    owner = NULL;

    if (sjl_request_unpack(r, f, "{s:s, s?s}", "id", &id, "owner", &owner)
        == SJL_ERROR)
    {
        return;
    }

    read = sjl_alloc(sizeof(sjl_read_t));
    read->request = r;
    read->id = sjl_strdup(id);
    read->owner = sjl_strdup(owner);
    read->answer = answer;

    sjl_look_job(id, sjl_read_done, read);
}


static void
sjl_read_done(void *data, const void *row, const sjl_why_t *why)
{
    sjl_read_t           *read;
    const sjl_job_row_t  *job;

    read = data;
    job = row;

    if (why) {
        sjl_request_storage_failed(read->request, why);

    } else if (job == NULL || !sjl_row_owned(job->user, read->owner)) {
        sjl_request_refuse(read->request, SJP_ERR_NO_SUCH_JOB, read->id);

    } else {
        read->answer(read->request, job);
    }

    free(read->owner);
    free(read->id);
    free(read);
}


static void
sjl_read_answer_job(sjl_request_t *r, const sjl_job_row_t *row)
{
    sjl_request_reply(r, json_pack("{s:o}", "record", sjl_job_record(row)),
                      row->data.data, row->data.len);
}


static void
sjl_read_answer_result(sjl_request_t *r, const sjl_job_row_t *row)
{
    sjl_read_payload(r, NULL, row);
}


void
sjl_read_payload(sjl_request_t *r, json_t *meta, const sjl_job_row_t *row)
{
    if (row->payload == SJL_PAYLOAD_STORED) {
        sjl_read_file(r, meta, row->id, "", "result", row->size);
        return;
    }

    sjl_request_reply(r, meta, row->data.data, row->data.len);
}


void
sjl_read_code(sjl_request_t *r, const sjl_job_row_t *row)
{
    if (row->config_file) {
        sjl_read_file(r, NULL, row->id, ".config", "code", -1);
        return;
    }

    sjl_request_reply(r, NULL, row->config.data, row->config.len);
}


/* one that never ran has none, nor has one that is code */

static void
sjl_read_answer_config(sjl_request_t *r, const sjl_job_row_t *row)
{
    char  *why;

    if (row->statement < 0 && row->config_file) {
        sjl_read_file(r, NULL, row->id, ".config", "configuration", -1);
        return;
    }

    if (row->statement < 0 && row->config.data) {
        sjl_request_reply(r, NULL, row->config.data, row->config.len);
        return;
    }

    why = row->statement < 0
          ? sjl_format("No configuration of job %s is kept", row->id)
          : sjl_format("Job %s has no configuration: it is statement %lld of "
                       "its session, which tells its code", row->id,
                       (long long) row->statement);

    sjl_request_refuse(r, SJP_ERR_NO_CONFIG, why);
    free(why);
}


static void
sjl_read_file(sjl_request_t *r, json_t *meta, const char *id,
    const char *suffix, const char *what, int64_t size)
{
    int          fd;
    char        *path;
    sjl_why_t    why;
    struct stat  sb;

    path = sjl_path_result(id, suffix);
    fd = open(path, O_RDONLY|O_CLOEXEC|O_NOFOLLOW);
    free(path);

    if (fd == -1 || fstat(fd, &sb) == -1) {
        sjl_why_set(&why, 0, "the %s of job %s cannot be read: %s", what, id,
                    strerror(errno));

    } else if (size >= 0 && sb.st_size != size) {
        sjl_why_set(&why, 0, "the %s of job %s is damaged, it has %lld bytes, "
                    "not %lld", what, id, (long long) sb.st_size,
                    (long long) size);

    } else {
        sjl_request_reply_file(r, meta, fd);
        return;
    }

    json_decref(meta);
    sjl_log(SJL_LOG_CRIT, "%s", why.text);
    sjl_request_storage_failed(r, &why);

    if (fd != -1) {
        (void) close(fd);
    }
}


/*
 * Of one that is alive the file is made, so that who follows it sees what the
 * job is going to say.
 */

static void
sjl_read_answer_log(sjl_request_t *r, const sjl_job_row_t *row)
{
    int      fd;
    char    *path;
    size_t   size;

    path = sjl_path_job_log(row->context_id, row->id);
    fd = sjl_file_open_log(path, !row->final, &size);
    free(path);

    if (fd == -1) {
        sjl_request_refuse(r, SJP_ERR_INTERNAL, "the log cannot be opened");
        return;
    }

    sjl_request_reply_file(r, json_pack("{s:b}", "live", !row->final), fd);
}
