
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_callback.h"
#include "sjl_config.h"
#include "sjl_files.h"
#include "sjl_http.h"
#include "sjl_job.h"
#include "sjl_look.h"
#include "sjl_server.h"

#include <utlist.h>


/* at once, of all and to one host: one that does not answer stops no others */
#define SJL_CALLBACK_ALL   32
#define SJL_CALLBACK_HOST  4


typedef struct sjl_callback_s  sjl_callback_t;
typedef struct sjl_callback_host_s  sjl_callback_host_t;


struct sjl_callback_s {
    sjl_db_op_t          op;
    sjl_callback_row_t   row;
    sjl_callback_host_t *host;
    unsigned             sending:1;
    ev_timer             timer;         /* until it is due */

    sjl_callback_t      *next;          /* of those that are due, or wait */
    sjl_callback_t      *prev;
};


/* however many wait for one that does not answer, nobody walks past them */

struct sjl_callback_host_s {
    char                *name;          /* with the port */
    size_t               n;             /* callbacks that there are */
    size_t               sending;
    sjl_callback_t      *ready;         /* in the order of arrival */
    unsigned             turn:1;        /* it is in the list */

    sjl_callback_host_t *next;          /* of those that may send one more */
    sjl_callback_host_t *prev;
    UT_hash_handle       hh;
};


static sjl_callback_t *sjl_callback_make(const sjl_callback_row_t *row);
static sjl_callback_host_t *sjl_callback_host(const char *url);
static void sjl_callback_wait(sjl_callback_t *cb);
static void sjl_callback_timeout(struct ev_loop *loop, ev_timer *timer,
    int events);
static void sjl_callback_queue(sjl_callback_t *cb);
static void sjl_callback_turn(sjl_callback_host_t *host);
static void sjl_callback_pump(void);
static void sjl_callback_begin(sjl_callback_t *cb);
static void sjl_callback_looked(void *data, const void *row,
    const sjl_why_t *why);
static int sjl_callback_post(sjl_callback_t *cb, const sjl_job_row_t *job);
static void sjl_callback_answered(void *data, long status, const char *why);
static void sjl_callback_failed(sjl_callback_t *cb, const char *why);
static int sjl_callback_run_put(sjl_db_op_t *op, sjl_dao_t *dao);
static void sjl_callback_put(sjl_db_op_t *op);
static void sjl_callback_sent(sjl_callback_t *cb);
static void sjl_callback_over(sjl_callback_t *cb);
static int sjl_callback_run_delete(sjl_db_op_t *op, sjl_dao_t *dao);
static void sjl_callback_deleted(sjl_db_op_t *op);
static void sjl_callback_free(sjl_callback_t *cb);


static sjl_callback_host_t  *sjl_callback_hosts;
static sjl_callback_host_t  *sjl_callback_turns;
static sjl_callback_t       *sjl_callback_active;
static sjl_callback_t       *sjl_callback_later;
static size_t                sjl_callback_nready;
static size_t                sjl_callback_nlater;
static size_t                sjl_callback_nactive;


int
sjl_callback_add(sjl_dao_t *dao, const char *job, const char *url)
{
    sjl_callback_row_t  row;

    memset(&row, 0, sizeof(sjl_callback_row_t));
    row.job = (char *) (uintptr_t) job;
    row.url = (char *) (uintptr_t) url;

    return dao->type->row_put(dao, &sjl_callbacks_table, &row);
}


void
sjl_callback_due(const sjl_job_row_t *job, const char *url)
{
    sjl_callback_t      *cb;
    sjl_callback_row_t   row;

    memset(&row, 0, sizeof(sjl_callback_row_t));
    row.job = job->id;
    row.url = (char *) (uintptr_t) url;

    cb = sjl_callback_make(&row);

    if (job->state == SJP_JOB_KILLED) {
        sjl_callback_over(cb);
        return;
    }

    sjl_callback_queue(cb);
    sjl_callback_pump();
}


static sjl_callback_t *
sjl_callback_make(const sjl_callback_row_t *row)
{
    sjl_callback_t  *cb;

    cb = sjl_alloc(sizeof(sjl_callback_t));
    sjl_row_copy(&sjl_callbacks_table, &cb->row, row);
    cb->host = sjl_callback_host(row->url);

    ev_init(&cb->timer, sjl_callback_timeout);
    cb->timer.data = cb;

    return cb;
}


static sjl_callback_host_t *
sjl_callback_host(const char *url)
{
    char                 *name;
    sjl_callback_host_t  *host;

    name = sjl_http_host(url);

    if (name == NULL) {
        name = sjl_strdup("nowhere");
    }

    HASH_FIND_STR(sjl_callback_hosts, name, host);

    if (host) {
        free(name);

    } else {
        host = sjl_alloc(sizeof(sjl_callback_host_t));
        host->name = name;

        HASH_ADD_KEYPTR(hh, sjl_callback_hosts, name, strlen(name), host);
    }

    host->n++;

    return host;
}


void
sjl_callback_adopt(const sjl_callback_row_t *row)
{
    sjl_job_t       *job;
    sjl_callback_t  *cb;

    job = sjl_job_find(row->job);

    if (job) {
        job->callback = sjl_strdup(row->url);
        return;
    }

    cb = sjl_callback_make(row);
    DL_APPEND(sjl_callback_later, cb);
    sjl_callback_nlater++;
}


void
sjl_callback_start(void)
{
    sjl_callback_t  *cb, *kept;

    /* those that have to wait come to the list again */

    kept = sjl_callback_later;
    sjl_callback_later = NULL;
    sjl_callback_nlater = 0;

    while (kept) {
        cb = kept;
        DL_DELETE(kept, cb);
        sjl_callback_wait(cb);
    }

    sjl_callback_pump();
}


static void
sjl_callback_wait(sjl_callback_t *cb)
{
    int64_t  left;

    left = cb->row.due - sjl_now();

    if (left <= 0) {
        sjl_callback_queue(cb);
        return;
    }

    DL_APPEND(sjl_callback_later, cb);
    sjl_callback_nlater++;

    ev_timer_set(&cb->timer, (double) left / 1000, 0.);
    ev_timer_start(sjl_loop, &cb->timer);
}


static void
sjl_callback_timeout(struct ev_loop *loop, ev_timer *timer, int events)
{
    sjl_callback_t  *cb;

    (void) loop;
    (void) events;

    cb = timer->data;

    DL_DELETE(sjl_callback_later, cb);
    sjl_callback_nlater--;

    sjl_callback_queue(cb);
    sjl_callback_pump();
}


static void
sjl_callback_queue(sjl_callback_t *cb)
{
    DL_APPEND(cb->host->ready, cb);
    sjl_callback_nready++;

    sjl_callback_turn(cb->host);
}


/* whether it may send one more has changed */

static void
sjl_callback_turn(sjl_callback_host_t *host)
{
    if (host->ready && host->sending < SJL_CALLBACK_HOST && !host->turn) {
        host->turn = 1;
        DL_APPEND(sjl_callback_turns, host);
    }
}


static void
sjl_callback_pump(void)
{
    sjl_callback_t       *cb;
    sjl_callback_host_t  *host;

    if (sjl_server_ending()) {
        return;
    }

    while (sjl_callback_nactive < SJL_CALLBACK_ALL && sjl_callback_turns) {
        host = sjl_callback_turns;
        DL_DELETE(sjl_callback_turns, host);
        host->turn = 0;

        cb = host->ready;
        DL_DELETE(host->ready, cb);
        sjl_callback_nready--;

        sjl_callback_begin(cb);
        sjl_callback_turn(host);
    }
}


static void
sjl_callback_begin(sjl_callback_t *cb)
{
    DL_APPEND(sjl_callback_active, cb);
    cb->sending = 1;
    cb->host->sending++;
    sjl_callback_nactive++;

    sjl_look_job(cb->row.job, sjl_callback_looked, cb);
}


/* the job's end may wait for the storage yet, after a launcher that died */

static void
sjl_callback_looked(void *data, const void *row, const sjl_why_t *why)
{
    sjl_callback_t       *cb;
    const sjl_job_row_t  *job;

    cb = data;
    job = row;

    if (why || (job && !job->final)) {
        cb->row.due = sjl_now() + 1000;
        sjl_callback_put(&cb->op);

    } else if (job == NULL) {
        sjl_log(SJL_LOG_INFO, "job %s was deleted, and so is its callback to "
                "%s", cb->row.job, cb->host->name);
        sjl_callback_over(cb);

    } else if (job->state == SJP_JOB_KILLED) {
        sjl_callback_over(cb);

    } else if (sjl_callback_post(cb, job) == SJL_ERROR) {
        sjl_callback_failed(cb, "its result is gone");
    }
}


static int
sjl_callback_post(sjl_callback_t *cb, const sjl_job_row_t *job)
{
    int    fd;
    char  *head, *path;

    fd = -1;

    /* what is no JSON has to be fetched */

    if (job->payload == SJL_PAYLOAD_STORED
        && strncmp(job->class, SJP_CLASS_SQL ".", sizeof(SJP_CLASS_SQL)) != 0)
    {
        path = sjl_path_result(job->id, "");
        fd = open(path, O_RDONLY|O_CLOEXEC|O_NOFOLLOW);
        free(path);

        if (fd == -1) {
            return SJL_ERROR;
        }
    }

    head = sjl_format("{\"jobId\":\"%s\",%s\"result\":%.*s", job->id,
                      job->state == SJP_JOB_FINISHED ? ""
                      : "\"status\":\"ERROR\",",
                      job->data.data ? (int) job->data.len : fd == -1 ? 4 : 0,
                      job->data.data ? job->data.data : "null");

    sjl_http_post(cb->row.url, head, fd, "}", sjl_conf->callback_timeout,
                  sjl_callback_answered, cb);

    free(head);

    return SJL_OK;
}


static void
sjl_callback_answered(void *data, long status, const char *why)
{
    char             text[32];
    sjl_callback_t  *cb;

    cb = data;

    if (status && status < 400) {
        sjl_log(SJL_LOG_INFO, "job %s: its callback to %s was answered by %ld",
                cb->row.job, cb->host->name, status);
        sjl_callback_over(cb);
        return;
    }

    if (status) {
        (void) snprintf(text, sizeof(text), "it answered %ld", status);
        why = text;
    }

    sjl_callback_failed(cb, why);
}


static void
sjl_callback_failed(sjl_callback_t *cb, const char *why)
{
    cb->row.attempts++;

    sjl_log(SJL_LOG_WARN, "job %s: callback %d of %d to %s failed: %s",
            cb->row.job, (int) cb->row.attempts,
            (int) sjl_conf->callback_attempts, cb->host->name, why);

    if (cb->row.attempts >= sjl_conf->callback_attempts) {
        sjl_log(SJL_LOG_ERR, "job %s: its callback to %s is given up",
                cb->row.job, cb->host->name);
        sjl_callback_over(cb);
        return;
    }

    cb->row.due = sjl_now() + sjl_conf->callback_interval * 1000;

    cb->op.run = sjl_callback_run_put;
    cb->op.done = sjl_callback_put;
    sjl_db_add(&cb->op, 1);
}


static int
sjl_callback_run_put(sjl_db_op_t *op, sjl_dao_t *dao)
{
    return dao->type->row_put(dao, &sjl_callbacks_table,
                              &sjl_container(op, sjl_callback_t, op)->row);
}


/* if that could not be kept, a launcher to come tries once more: no harm */

static void
sjl_callback_put(sjl_db_op_t *op)
{
    sjl_callback_t  *cb;

    cb = sjl_container(op, sjl_callback_t, op);

    sjl_callback_sent(cb);
    sjl_callback_wait(cb);
    sjl_callback_pump();
}


static void
sjl_callback_sent(sjl_callback_t *cb)
{
    DL_DELETE(sjl_callback_active, cb);
    cb->sending = 0;
    cb->host->sending--;
    sjl_callback_nactive--;

    sjl_callback_turn(cb->host);
}


static void
sjl_callback_over(sjl_callback_t *cb)
{
    cb->op.run = sjl_callback_run_delete;
    cb->op.done = sjl_callback_deleted;
    cb->op.retry = 1;

    sjl_db_add(&cb->op, 1);
}


static int
sjl_callback_run_delete(sjl_db_op_t *op, sjl_dao_t *dao)
{
    return dao->type->row_delete(dao, &sjl_callbacks_table,
                                 sjl_container(op, sjl_callback_t,
                                               op)->row.job);
}


static void
sjl_callback_deleted(sjl_db_op_t *op)
{
    sjl_callback_t  *cb;

    cb = sjl_container(op, sjl_callback_t, op);

    if (cb->sending) {
        sjl_callback_sent(cb);
    }

    sjl_callback_free(cb);
    sjl_callback_pump();
}


static void
sjl_callback_free(sjl_callback_t *cb)
{
    sjl_callback_host_t  *host;

    ev_timer_stop(sjl_loop, &cb->timer);

    host = cb->host;

    if (--host->n == 0) {
        HASH_DEL(sjl_callback_hosts, host);
        free(host->name);
        free(host);
    }

    sjl_row_clear(&sjl_callbacks_table, &cb->row);
    free(cb);
}


/* sjl_http.c and the database thread have stopped, and let go of theirs */

void
sjl_callback_stop(void)
{
    sjl_callback_t       *cb, *next;
    sjl_callback_host_t  *host, *following;

    DL_FOREACH_SAFE(sjl_callback_later, cb, next) {
        sjl_callback_free(cb);
    }

    DL_FOREACH_SAFE(sjl_callback_active, cb, next) {
        sjl_callback_free(cb);
    }

    /* with the last one its host goes, too */

    HASH_ITER(hh, sjl_callback_hosts, host, following) {
        cb = host->ready;
        host->ready = NULL;

        while (cb) {
            next = cb->next;
            sjl_callback_free(cb);
            cb = next;
        }
    }

    sjl_callback_later = NULL;
    sjl_callback_active = NULL;
    sjl_callback_turns = NULL;
    sjl_callback_nready = 0;
    sjl_callback_nlater = 0;
}


size_t
sjl_callback_waiting(void)
{
    return sjl_callback_nready + sjl_callback_nlater;
}


size_t
sjl_callback_sending(void)
{
    return sjl_callback_nactive;
}
