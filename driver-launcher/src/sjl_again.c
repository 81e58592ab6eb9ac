
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_again.h"
#include "sjl_db.h"
#include "sjl_files.h"
#include "sjl_job.h"
#include "sjl_look.h"
#include "sjl_server.h"


static void sjl_again_digested(sjl_file_op_t *fop);
static void sjl_again_hash(sjl_again_t *a, const char *body);
static void sjl_again_find(sjl_again_t *a);
static int sjl_again_same(sjl_again_t *a, const char *request);
static void sjl_again_looked(void *data, const void *row,
    const sjl_why_t *why);


int
sjl_again_body(sjl_again_t *a, sjl_frame_t *f)
{
    if (sjl_request_body(a->request, f, &a->body, &a->size) == SJL_ERROR) {
        return SJL_ERROR;
    }

    if (a->body == NULL && a->size) {
        a->fd = f->fd;
        f->fd = -1;
    }

    return SJL_OK;
}


void
sjl_again_begin(sjl_again_t *a, const sjl_conn_t *c)
{
    char            hash[SJL_HASH_LEN + 1];
    sjl_file_op_t  *fop;

    a->look = a->again || sjl_now() - c->since < SJL_REQUEST_AGAIN;

    if (a->again && a->fd != -1) {
        fop = sjl_file_op_make(sjl_files_hash, sjl_again_digested, a);
        fop->fd = a->fd;
        a->fd = -1;
        sjl_file_op_add(fop);
        return;
    }

    if (a->again) {
        sjl_hash(hash, a->body ? a->body : "", a->size);
        sjl_again_hash(a, hash);
    }

    sjl_again_find(a);
}


static void
sjl_again_digested(sjl_file_op_t *fop)
{
    sjl_again_t  *a;

    a = fop->data;
    a->fd = fop->fd;
    fop->fd = -1;

    if (fop->rc == SJL_OK) {
        sjl_again_hash(a, fop->sha256);
        sjl_again_find(a);

    } else {
        sjl_request_storage_failed(a->request, &fop->why);
        a->free(a);
    }

    sjl_file_op_free(fop);
}


static void
sjl_again_hash(sjl_again_t *a, const char *body)
{
    char  *text;

    text = a->key(a, body);
    sjl_hash(a->hash, text, strlen(text));
    free(text);
}


static void
sjl_again_find(sjl_again_t *a)
{
    if (sjl_again_attach(a)) {
        a->free(a);
        return;
    }

    if (sjl_job_find(a->id) || a->look) {
        sjl_look_job(a->id, sjl_again_looked, a);
        return;
    }

    a->accept(a);
}


int
sjl_again_attach(sjl_again_t *a)
{
    sjl_job_t  *job;

    job = sjl_job_find(a->id);

    if (job == NULL) {
        return 0;
    }

    return !sjl_again_same(a, job->row.request)
           || sjl_job_attach(job, a->request);
}


/* a key that stood for something else is refused */

static int
sjl_again_same(sjl_again_t *a, const char *request)
{
    if (!a->again || (request && strcmp(request, a->hash) == 0)) {
        return 1;
    }

    sjl_request_refuse(a->request, SJP_ERR_KEY_REUSED, a->id);

    return 0;
}


static void
sjl_again_looked(void *data, const void *row, const sjl_why_t *why)
{
    sjl_again_t          *a;
    const sjl_job_row_t  *job;

    a = data;
    job = row;

    if (why) {
        sjl_request_storage_failed(a->request, why);

    } else if (job) {
        if (sjl_again_same(a, job->request)) {
            sjl_job_reply(a->request, job);
        }

    } else if (!sjl_again_attach(a)) {
        a->accept(a);
        return;
    }

    a->free(a);
}


int
sjl_again_open(sjl_again_t *a)
{
    const sjl_why_t  *why;

    if (sjl_server_ending()) {
        sjl_request_refuse(a->request, SJP_ERR_UNAVAILABLE,
                           "the launcher is ending");
        return 0;
    }

    why = sjl_db_trouble();

    if (why) {
        sjl_request_storage_failed(a->request, why);
        return 0;
    }

    /* its record was deleted, or could not be kept, before its thread ended */

    if (sjl_job_find(a->id)) {
        sjl_request_refuse(a->request, SJP_ERR_UNAVAILABLE,
                           "a job of this id has not ended in its driver yet");
        return 0;
    }

    return 1;
}


void
sjl_again_clear(sjl_again_t *a)
{
    free(a->id);
    free(a->body);

    if (a->fd != -1) {
        (void) close(a->fd);
    }
}
