
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Many rows are read a page at a time, and the next page only once the peer
 * has taken most of the one before: memory does not grow with the history.
 * Between two pages other rows may change; their events go the same way, in
 * order, and each record's "rev" tells which is the newer.
 */


#include "sjl_history.h"
#include "sjl_binary.h"
#include "sjl_channel.h"
#include "sjl_job.h"
#include "sjl_record.h"
#include "sjl_request.h"
#include "sjl_session.h"
#include "sjl_statement.h"


#define SJL_HISTORY_PAGE   64
#define SJL_HISTORY_SCAN   1000         /* rows, see sjl_page_t */
#define SJL_HISTORY_SHOWN  10000        /* sessions that died, of a list */


typedef struct sjl_reader_s  sjl_reader_t;

struct sjl_reader_s {
    sjl_db_op_t       op;
    sjl_drain_t       drain;
    sjl_request_t    *request;

    /* reads the next rows; the last step has no successor */
    const struct sjl_step_s  *step;
    int               more;             /* the step has more pages */

    int64_t           left;             /* rows */
    int64_t           place;            /* seq */

    /* of a list */
    sjl_page_t        page;             /* with the place where it begins */
    sjl_page_t        reached;          /* with the one where it ends */
    char             *after;            /* id: the cursor's job */
    char             *next;             /* cursor */

    /* of a list of statements */
    sjl_statements_t  statements;
    char             *context;          /* id; NULL: it is none */
    int64_t           session;
    int64_t           total;

    /* a page */
    size_t            n;
    union {
        sjl_context_row_t  *contexts;
        sjl_job_row_t      *jobs;
    } rows;
};


typedef struct sjl_step_s  sjl_step_t;

struct sjl_step_s {
    int               (*run)(sjl_reader_t *reader, sjl_dao_t *dao);
    void              (*send)(sjl_reader_t *reader);
    const sjl_step_t   *next;
};


static void sjl_snapshot_binaries(sjl_request_t *r);
static void sjl_reader_begin(sjl_reader_t *reader, const sjl_step_t *step);
static int sjl_reader_run(sjl_db_op_t *op, sjl_dao_t *dao);
static void sjl_reader_page(sjl_db_op_t *op);
static void sjl_reader_drained(sjl_drain_t *drain);
static void sjl_reader_next(sjl_reader_t *reader);
static void sjl_reader_clear(sjl_reader_t *reader);
static void sjl_reader_free(sjl_reader_t *reader);
static void sjl_reader_add_context(void *data, const void *row);
static void sjl_reader_add_job(void *data, const void *row);
static void *sjl_reader_grow(void *rows, size_t n, size_t size);
static int sjl_snapshot_contexts_final(sjl_reader_t *reader, sjl_dao_t *dao);
static int sjl_snapshot_contexts_shown(sjl_reader_t *reader, sjl_dao_t *dao);
static int sjl_snapshot_contexts_alive(sjl_reader_t *reader, sjl_dao_t *dao);
static int sjl_snapshot_jobs_alive(sjl_reader_t *reader, sjl_dao_t *dao);
static int sjl_snapshot_jobs(sjl_reader_t *reader, sjl_dao_t *dao);
static int sjl_list_jobs(sjl_reader_t *reader, sjl_dao_t *dao);
static void sjl_list_place(void *data, const void *row);
static int sjl_list_cursor(sjl_reader_t *reader, const char *before);
static int sjl_list_sessions(sjl_reader_t *reader, sjl_dao_t *dao);
static int sjl_list_statements(sjl_reader_t *reader, sjl_dao_t *dao);
static void sjl_reader_send_statements(sjl_reader_t *reader);
static void sjl_reader_send_contexts(sjl_reader_t *reader);
static void sjl_reader_send_jobs(sjl_reader_t *reader);
static void sjl_reader_send_listed(sjl_reader_t *reader);


static const sjl_step_t  sjl_step_jobs = {
    sjl_snapshot_jobs, sjl_reader_send_jobs, NULL
};

static const sjl_step_t  sjl_step_jobs_alive = {
    sjl_snapshot_jobs_alive, sjl_reader_send_jobs, &sjl_step_jobs
};

static const sjl_step_t  sjl_step_contexts_shown = {
    sjl_snapshot_contexts_shown, sjl_reader_send_contexts, &sjl_step_jobs_alive
};

static const sjl_step_t  sjl_step_contexts_final = {
    sjl_snapshot_contexts_final, sjl_reader_send_contexts,
    &sjl_step_contexts_shown
};

/* a name is never that of an older context while the snapshot is loaded */

static const sjl_step_t  sjl_step_snapshot = {
    sjl_snapshot_contexts_alive, sjl_reader_send_contexts,
    &sjl_step_contexts_final
};

static const sjl_step_t  sjl_step_list = {
    sjl_list_jobs, sjl_reader_send_listed, NULL
};

static const sjl_step_t  sjl_step_sessions = {
    sjl_list_sessions, sjl_reader_send_contexts, NULL
};

static const sjl_step_t  sjl_step_statements = {
    sjl_list_statements, sjl_reader_send_statements, NULL
};


void
sjl_history_snapshot(sjl_conn_t *c, sjl_frame_t *f)
{
    int             sessions;
    json_int_t      jobs;
    sjl_reader_t   *reader;
    sjl_request_t  *r;

    r = sjl_request_make(c, f);
    sessions = 0;

    if (sjl_request_unpack(r, f, "{s:I, s?b}", "jobs", &jobs, "sessions",
                           &sessions)
        == SJL_ERROR)
    {
        return;
    }

    reader = sjl_alloc(sizeof(sjl_reader_t));
    reader->request = r;
    reader->left = jobs > 0 ? jobs : 0;

    if (sessions) {
        sjl_reader_begin(reader, &sjl_step_sessions);
        return;
    }

    sjl_snapshot_binaries(r);
    sjl_reader_begin(reader, &sjl_step_snapshot);
}


/* what is in memory has been told in events, up to now */

static void
sjl_snapshot_binaries(sjl_request_t *r)
{
    json_t        *meta;
    sjl_binary_t  *binary, *next;

    HASH_ITER(hh, sjl_binaries, binary, next) {
        meta = sjl_record_put("binary", sjl_record_binary(&binary->row));
        sjl_request_record(r, meta, NULL, 0);
        json_decref(meta);
    }
}


static void
sjl_reader_begin(sjl_reader_t *reader, const sjl_step_t *step)
{
    reader->step = step;
    reader->drain.fn = sjl_reader_drained;
    reader->op.run = sjl_reader_run;
    reader->op.reads = 1;
    reader->op.done = sjl_reader_page;

    sjl_db_add(&reader->op, 0);
}


static int
sjl_reader_run(sjl_db_op_t *op, sjl_dao_t *dao)
{
    sjl_reader_t  *reader;

    reader = sjl_container(op, sjl_reader_t, op);
    sjl_reader_clear(reader);

    return reader->step->run(reader, dao);
}


static void
sjl_reader_page(sjl_db_op_t *op)
{
    sjl_conn_t    *c;
    sjl_reader_t  *reader;

    reader = sjl_container(op, sjl_reader_t, op);

    if (op->rc == SJL_ERROR) {
        sjl_request_storage_failed(reader->request, &op->why);
        sjl_reader_free(reader);
        return;
    }

    reader->step->send(reader);
    sjl_reader_clear(reader);

    c = reader->request->conn;

    if (c && sjl_conn_busy(c)) {
        sjl_conn_when_drained(c, &reader->drain);
        return;
    }

    sjl_reader_next(reader);
}


static void
sjl_reader_drained(sjl_drain_t *drain)
{
    sjl_reader_next(sjl_container(drain, sjl_reader_t, drain));
}


static void
sjl_reader_next(sjl_reader_t *reader)
{
    json_t  *position;

    if (!reader->more) {
        reader->step = reader->step->next;
    }

    if (reader->step == NULL || reader->request->conn == NULL) {
        position = sjl_channel_position();

        if (reader->next) {
            (void) json_object_set_new(position, "next",
                                       json_string(reader->next));
        }

        if (reader->context) {
            (void) json_object_set_new(position, "total",
                                       json_integer(reader->total));
            (void) json_object_set_new(position, "session",
                                       json_integer(reader->session));
        }

        sjl_request_reply(reader->request, position, NULL, 0);
        sjl_reader_free(reader);
        return;
    }

    sjl_db_add(&reader->op, 0);
}


static void
sjl_reader_clear(sjl_reader_t *reader)
{
    size_t  i;

    for (i = 0; i < reader->n; i++) {
        if (reader->step->send == sjl_reader_send_contexts) {
            sjl_row_clear(&sjl_contexts_table, &reader->rows.contexts[i]);

        } else {
            sjl_row_clear(&sjl_jobs_table, &reader->rows.jobs[i]);
        }
    }

    free(reader->rows.jobs);
    reader->rows.jobs = NULL;
    reader->n = 0;
}


static void
sjl_reader_free(sjl_reader_t *reader)
{
    if (reader->step) {
        sjl_reader_clear(reader);
    }

    sjl_filter_clear(&reader->page.filter);
    free(reader->after);
    free(reader->next);
    free(reader->context);
    free(reader);
}


static void
sjl_reader_add_context(void *data, const void *row)
{
    sjl_reader_t  *reader;

    reader = data;
    reader->rows.contexts = sjl_reader_grow(reader->rows.contexts, reader->n,
                                            sizeof(sjl_context_row_t));

    sjl_row_copy(&sjl_contexts_table, &reader->rows.contexts[reader->n++], row);
}


static void
sjl_reader_add_job(void *data, const void *row)
{
    sjl_reader_t  *reader;

    reader = data;
    reader->rows.jobs = sjl_reader_grow(reader->rows.jobs, reader->n,
                                        sizeof(sjl_job_row_t));

    sjl_row_copy(&sjl_jobs_table, &reader->rows.jobs[reader->n++], row);
}


static void *
sjl_reader_grow(void *rows, size_t n, size_t size)
{
    void  *more;

    if (n % SJL_HISTORY_PAGE) {
        return rows;
    }

    more = sjl_alloc((n + SJL_HISTORY_PAGE) * size);

    if (n) {
        memcpy(more, rows, n * size);
    }

    free(rows);

    return more;
}


static int
sjl_snapshot_contexts_final(sjl_reader_t *reader, sjl_dao_t *dao)
{
    reader->more = 0;

    return dao->type->context_last(dao, reader->left, sjl_reader_add_context,
                                   reader);
}


/* also those whose name has been another's since */

static int
sjl_snapshot_contexts_shown(sjl_reader_t *reader, sjl_dao_t *dao)
{
    return dao->type->context_shown(dao, sjl_now(), reader->left,
                                    sjl_reader_add_context, reader);
}


static int
sjl_snapshot_contexts_alive(sjl_reader_t *reader, sjl_dao_t *dao)
{
    return dao->type->context_alive(dao, sjl_reader_add_context, reader);
}


/* those that are too old to be among the newest */

static int
sjl_snapshot_jobs_alive(sjl_reader_t *reader, sjl_dao_t *dao)
{
    int64_t  first;

    if (reader->left == 0) {
        reader->place = INT64_MAX;

    } else if (dao->type->job_nth(dao, reader->left, &first) == SJL_ERROR) {
        return SJL_ERROR;

    } else {
        reader->place = first;
    }

    return dao->type->job_alive(dao, reader->place, sjl_reader_add_job, reader);
}


static int
sjl_snapshot_jobs(sjl_reader_t *reader, sjl_dao_t *dao)
{
    int  rc;

    rc = dao->type->job_scan(dao, reader->place, SJL_HISTORY_PAGE,
                             sjl_reader_add_job, reader);

    reader->more = reader->n == SJL_HISTORY_PAGE;

    return rc;
}


/* it may be done again after a rollback, from the same place */

static int
sjl_list_jobs(sjl_reader_t *reader, sjl_dao_t *dao)
{
    int  rc;

    reader->reached = reader->page;

    if (reader->after
        && dao->type->job_get(dao, reader->after, sjl_list_place, reader)
           == SJL_ERROR)
    {
        return SJL_ERROR;
    }

    reader->reached.limit = reader->left < SJL_HISTORY_PAGE
                            ? reader->left : SJL_HISTORY_PAGE;

    rc = dao->type->job_list(dao, &reader->reached, sjl_reader_add_job,
                             reader);

    reader->more = reader->reached.more;

    return rc;
}


static void
sjl_list_place(void *data, const void *row)
{
    sjl_reader_t         *reader;
    const sjl_job_row_t  *job;

    reader = data;
    job = row;

    if (job->start == reader->page.time) {
        reader->reached.seq = job->seq;
    }
}


/* final ones come newest first, and are sent oldest first as well */

static void
sjl_reader_send_contexts(sjl_reader_t *reader)
{
    size_t              i;
    json_t             *meta;
    sjl_context_row_t  *row;

    for (i = 0; i < reader->n; i++) {
        row = &reader->rows.contexts[reader->step == &sjl_step_snapshot
                                     ? i : reader->n - 1 - i];

        meta = sjl_record_put("context", sjl_session_record(row));
        sjl_request_record(reader->request, meta, NULL, 0);
        json_decref(meta);
    }
}


static void
sjl_reader_send_jobs(sjl_reader_t *reader)
{
    size_t          i;
    json_t         *meta;
    sjl_job_row_t  *row;

    for (i = 0; i < reader->n; i++) {
        row = &reader->rows.jobs[i];

        meta = sjl_record_put("job", reader->context
                              ? sjl_statement_record(row)
                              : sjl_job_record(row));
        sjl_request_record(reader->request, meta, row->data.data,
                           row->data.len);
        json_decref(meta);
    }

    if (reader->step == &sjl_step_jobs && reader->n) {
        reader->place = reader->rows.jobs[reader->n - 1].seq + 1;
    }
}


static void
sjl_reader_send_listed(sjl_reader_t *reader)
{
    size_t          i;
    json_t         *meta;
    sjl_job_row_t  *row;

    for (i = 0; i < reader->n; i++) {
        row = &reader->rows.jobs[i];

        meta = sjl_record_put("job", sjl_job_record(row));
        sjl_request_record(reader->request, meta, row->data.data,
                           row->payload == SJL_PAYLOAD_ERROR ? row->data.len
                           : 0);
        json_decref(meta);
    }

    reader->left -= (int64_t) reader->n;
    reader->page = reader->reached;

    free(reader->after);
    reader->after = NULL;

    if (reader->left == 0 && reader->more && reader->n) {
        row = &reader->rows.jobs[reader->n - 1];
        reader->next = sjl_format("%lld.%s", (long long) row->start, row->id);
        reader->more = 0;
    }
}


void
sjl_history_list(sjl_conn_t *c, sjl_frame_t *f)
{
    json_int_t      limit, from, to;
    const char     *status, *context, *user, *class, *before;
    sjl_page_t     *page;
    sjl_reader_t   *reader;
    sjl_request_t  *r;

    r = sjl_request_make(c, f);
    status = NULL;
    context = NULL;
    user = NULL;
    class = NULL;
    before = NULL;
    from = INT64_MIN;
    to = INT64_MAX;

    if (sjl_request_unpack(r, f, "{s:I, s?s, s?s, s?s, s?s, s?I, s?I, s?s}",
                           "limit", &limit, "status", &status, "context",
                           &context, "user", &user, "class", &class, "from",
                           &from, "to", &to, "before", &before)
        == SJL_ERROR)
    {
        return;
    }

    reader = sjl_alloc(sizeof(sjl_reader_t));
    reader->request = r;
    reader->left = limit > 0 ? limit : 0;

    page = &reader->page;
    page->filter.state = sjl_strdup(status);
    page->filter.context = sjl_strdup(context);
    page->filter.user = sjl_strdup(user);
    page->filter.class = sjl_strdup(class);
    page->filter.from = from;
    page->filter.to = to;
    page->scan = SJL_HISTORY_SCAN;
    page->time = INT64_MAX;
    page->seq = INT64_MAX;

    if (before && sjl_list_cursor(reader, before) == SJL_ERROR) {
        sjl_request_refuse(r, SJP_ERR_BAD_REQUEST, "before");
        sjl_reader_free(reader);
        return;
    }

    sjl_reader_begin(reader, &sjl_step_list);
}


/* <start>.<id> of a job, which need not be there any longer */

static int
sjl_list_cursor(sjl_reader_t *reader, const char *before)
{
    char       *dot;
    long long   time;

    errno = 0;
    time = strtoll(before, &dot, 10);

    if (errno || dot == before || *dot != '.' || !sjl_id_ok(dot + 1)) {
        return SJL_ERROR;
    }

    reader->page.time = time;
    reader->after = sjl_strdup(dot + 1);

    return SJL_OK;
}


void
sjl_history_statements(sjl_request_t *r, const sjl_context_row_t *row,
    int64_t from, int64_t size, int down)
{
    sjl_reader_t  *reader;

    reader = sjl_alloc(sizeof(sjl_reader_t));
    reader->request = r;
    reader->left = size > 0 ? size : 0;
    reader->context = sjl_strdup(row->id);
    reader->session = row->session;

    reader->statements.skip = from > 0 ? from : 0;
    reader->statements.down = down;
    reader->statements.after = down ? INT64_MAX : -1;

    sjl_reader_begin(reader, &sjl_step_statements);
}


static int
sjl_list_sessions(sjl_reader_t *reader, sjl_dao_t *dao)
{
    return dao->type->session_list(dao, sjl_now(), SJL_HISTORY_SHOWN,
                                   sjl_reader_add_context, reader);
}


/* it may be done again after a rollback, from the same place */

static int
sjl_list_statements(sjl_reader_t *reader, sjl_dao_t *dao)
{
    reader->statements.context = reader->context;
    reader->statements.limit = reader->left < SJL_HISTORY_PAGE
                               ? reader->left : SJL_HISTORY_PAGE;

    if (dao->type->statement_count(dao, reader->context, &reader->total)
        == SJL_ERROR)
    {
        return SJL_ERROR;
    }

    return dao->type->statement_list(dao, &reader->statements,
                                     sjl_reader_add_job, reader);
}


static void
sjl_reader_send_statements(sjl_reader_t *reader)
{
    sjl_reader_send_jobs(reader);

    if (reader->n) {
        reader->statements.after = reader->rows.jobs[reader->n - 1].statement;
    }

    reader->statements.skip = 0;
    reader->left -= (int64_t) reader->n;
    reader->more = reader->left > 0 && reader->n == SJL_HISTORY_PAGE;
}
