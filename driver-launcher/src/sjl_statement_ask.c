
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What is asked of statements that are there: their results, code, a list of
 * them, and to cancel one.
 */


#include "sjl_statement.h"
#include "sjl_config.h"
#include "sjl_history.h"
#include "sjl_look.h"
#include "sjl_read.h"
#include "sjl_session.h"

#include <utlist.h>


/* what is asked of one statement */

struct sjl_ask_s {
    sjl_request_t  *request;
    json_int_t      number;
    void          (*answer)(sjl_request_t *r, const sjl_job_row_t *row);

    unsigned        waited:1;           /* for the end of its job */
    sjl_ask_t      *next;               /* of the job's */
};


/* which part of the list is wanted */

typedef struct {
    json_int_t      from;
    json_int_t      size;
    int             desc;
} sjl_statement_part_t;


static void sjl_statement_ask(sjl_conn_t *c, sjl_frame_t *f,
    void (*answer)(sjl_request_t *r, const sjl_job_row_t *row));
static void sjl_statement_session(void *data, sjl_request_t *r,
    const sjl_context_row_t *row);
static void sjl_statement_found(void *data, const void *row,
    const sjl_why_t *why);
static int sjl_statement_wait(sjl_ask_t *ask, const sjl_job_row_t *row);
static void sjl_statement_old(struct ev_loop *loop, ev_timer *timer,
    int events);
static sjl_ask_t *sjl_statement_next(sjl_job_t *job);
static void sjl_statement_refuse(sjl_request_t *r, json_int_t number);
static void sjl_statement_answer(sjl_request_t *r, const sjl_job_row_t *row);
static void sjl_statement_listed(void *data, sjl_request_t *r,
    const sjl_context_row_t *row);
static void sjl_statement_cancelled(void *data, sjl_request_t *r,
    const sjl_context_row_t *row);


/* how many requests wait for the end of a statement */
static int64_t  sjl_statement_asks;


void
sjl_statement_get(sjl_conn_t *c, sjl_frame_t *f)
{
    sjl_statement_ask(c, f, sjl_statement_answer);
}


void
sjl_statement_code(sjl_conn_t *c, sjl_frame_t *f)
{
    sjl_statement_ask(c, f, sjl_read_code);
}


static void
sjl_statement_ask(sjl_conn_t *c, sjl_frame_t *f,
    void (*answer)(sjl_request_t *r, const sjl_job_row_t *row))
{
    json_int_t      number;
    sjl_ask_t      *ask;
    const char     *session, *own;
    sjl_request_t  *r;

    r = sjl_request_make(c, f);
    own = "";

    if (sjl_request_unpack(r, f, "{s:s, s:I, s?s}", "session", &session,
                           "statement", &number, "own", &own)
        == SJL_ERROR)
    {
        return;
    }

    ask = sjl_alloc(sizeof(sjl_ask_t));
    ask->request = r;
    ask->number = number;
    ask->answer = answer;

    sjl_session_look(r, session, own, sjl_statement_session, ask);
}


static void
sjl_statement_session(void *data, sjl_request_t *r,
    const sjl_context_row_t *row)
{
    sjl_ask_t  *ask;

    (void) r;

    ask = data;

    if (row == NULL) {
        free(ask);
        return;
    }

    sjl_look_statement(row->id, ask->number, sjl_statement_found, ask);
}


static void
sjl_statement_found(void *data, const void *row, const sjl_why_t *why)
{
    sjl_ask_t  *ask;

    ask = data;

    if (why) {
        sjl_request_storage_failed(ask->request, why);

    } else if (row == NULL) {
        sjl_statement_refuse(ask->request, ask->number);

    } else if (sjl_statement_wait(ask, row)) {
        return;

    } else {
        ask->answer(ask->request, row);
    }

    free(ask);
}


/*
 * Whether it waits, which it does once.  Those that wait are answered at the
 * same time, which may not be more than their modules can take.
 */

static int
sjl_statement_wait(sjl_ask_t *ask, const sjl_job_row_t *row)
{
    double      left, most;
    sjl_job_t  *job;

    most = (double) sjl_conf->livy_wait / 1000;
    left = (double) row->start / 1000 + most - ev_now(sjl_loop);

    if (row->final || left <= 0. || left > most || ask->waited
        || ask->answer != sjl_statement_answer
        || sjl_statement_asks * 2 * SJP_LENGTH_MAX
           >= sjl_conf->limit_channel_bytes)
    {
        return 0;
    }

    job = sjl_job_find(row->id);

    if (job == NULL) {
        return 0;
    }

    if (job->asks == NULL) {
        ev_timer_init(&job->asked, sjl_statement_old, left, 0.);
        job->asked.data = job;
        ev_timer_start(sjl_loop, &job->asked);
    }

    /* its row was read before its end was durable: that will be told */

    ask->waited = 1;
    LL_PREPEND(job->asks, ask);
    sjl_statement_asks++;

    return 1;
}


static void
sjl_statement_old(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void) loop;
    (void) events;

    sjl_statement_again(timer->data);
}


void
sjl_statement_ended(sjl_job_t *job, const sjl_job_row_t *row)
{
    sjl_ask_t  *ask;

    while ((ask = sjl_statement_next(job)) != NULL) {
        ask->answer(ask->request, row);
        free(ask);
    }
}


void
sjl_statement_again(sjl_job_t *job)
{
    sjl_ask_t  *ask;

    while ((ask = sjl_statement_next(job)) != NULL) {
        sjl_look_statement(job->row.context_id, job->row.statement,
                           sjl_statement_found, ask);
    }
}


/* takes one of those that wait; NULL: there is none */

static sjl_ask_t *
sjl_statement_next(sjl_job_t *job)
{
    sjl_ask_t  *ask;

    ask = job->asks;

    if (ask == NULL) {
        ev_timer_stop(sjl_loop, &job->asked);
        return NULL;
    }

    LL_DELETE(job->asks, ask);
    sjl_statement_asks--;

    return ask;
}


static void
sjl_statement_refuse(sjl_request_t *r, json_int_t number)
{
    char  *text;

    text = sjl_format("%lld", (long long) number);
    sjl_request_refuse(r, SJP_ERR_NO_SUCH_STATEMENT, text);
    free(text);
}


static void
sjl_statement_answer(sjl_request_t *r, const sjl_job_row_t *row)
{
    sjl_read_payload(r, json_pack("{s:o}", "record",
                                  sjl_statement_record(row)), row);
}


void
sjl_statement_list(sjl_conn_t *c, sjl_frame_t *f)
{
    const char            *session, *own;
    sjl_request_t         *r;
    sjl_statement_part_t  *part;

    r = sjl_request_make(c, f);
    own = "";

    part = sjl_alloc(sizeof(sjl_statement_part_t));
    part->size = INT64_MAX;

    if (sjl_request_unpack(r, f, "{s:s, s?s, s?I, s?I, s?b}", "session",
                           &session, "own", &own, "from", &part->from, "size",
                           &part->size, "desc", &part->desc)
        == SJL_ERROR)
    {
        free(part);
        return;
    }

    sjl_session_look(r, session, own, sjl_statement_listed, part);
}


static void
sjl_statement_listed(void *data, sjl_request_t *r,
    const sjl_context_row_t *row)
{
    sjl_statement_part_t  *part;

    part = data;

    if (row) {
        sjl_history_statements(r, row, part->from, part->size, part->desc);
    }

    free(part);
}


void
sjl_statement_cancel(sjl_conn_t *c, sjl_frame_t *f)
{
    json_int_t      number, *copy;
    const char     *session, *own, *user;
    sjl_request_t  *r;

    r = sjl_request_make(c, f);
    own = "";
    user = "";

    if (sjl_request_unpack(r, f, "{s:s, s:I, s?s, s?s}", "session", &session,
                           "statement", &number, "own", &own, "user", &user)
        == SJL_ERROR)
    {
        return;
    }

    sjl_log(SJL_LOG_INFO, "statement %lld of session %.255s is to be "
            "cancelled, asked by \"%s\"", (long long) number, session, user);

    copy = sjl_alloc(sizeof(json_int_t));
    *copy = number;

    sjl_session_look(r, session, own, sjl_statement_cancelled, copy);
}


/* one that is over stays as it is, which is no mistake of who asks */

static void
sjl_statement_cancelled(void *data, sjl_request_t *r,
    const sjl_context_row_t *row)
{
    sjl_job_t      *job;
    json_int_t      number;
    sjl_context_t  *ctx;

    number = *(json_int_t *) data;
    free(data);

    if (row == NULL) {
        return;
    }

    if (number < 0 || number >= row->statements) {
        sjl_statement_refuse(r, number);
        return;
    }

    ctx = sjl_context_find(row->id);
    job = NULL;

    if (ctx) {
        DL_FOREACH(ctx->jobs, job) {
            if (job->row.statement == number) {
                break;
            }
        }
    }

    if (job) {
        SPARKJOB_FAULT("kill.asked");

        sjl_job_end(job);
    }

    sjl_request_reply(r, NULL, NULL, 0);
}
