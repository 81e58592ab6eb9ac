
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_purge.h"
#include "sjl_channel.h"
#include "sjl_config.h"
#include "sjl_db.h"
#include "sjl_folder.h"
#include "sjl_request.h"
#include "sjl_server.h"


#define SJL_PURGE_ROWS      32          /* in one commit */
#define SJL_PURGE_SCAN      1000        /* see sjl_page_t */
#define SJL_PURGE_INTERVAL  60.         /* seconds */


typedef struct sjl_purge_s  sjl_purge_t;


/* what can be deleted, and what else is to be done when it was */

typedef struct {
    const char  *kind;
    int        (*run)(sjl_purge_t *purge, sjl_dao_t *dao);
    void       (*gone)(sjl_purge_t *purge, size_t i);
    size_t       retention;             /* the member of the configuration */
} sjl_purge_kind_t;


struct sjl_purge_s {
    sjl_db_op_t              op;
    const sjl_purge_kind_t  *kind;
    sjl_request_t           *request;   /* NULL: by retention */

    sjl_page_t               page;      /* with the place where it begins */
    sjl_page_t               reached;   /* with the one where it ends */
    json_int_t               count;

    /* a part, without its bytes */
    size_t                   n;
    union {
        sjl_job_row_t        jobs[SJL_PURGE_ROWS];
        sjl_context_row_t    contexts[SJL_PURGE_ROWS];
    } rows;
};


static void sjl_purge_due(struct ev_loop *loop, ev_timer *timer, int events);
static void sjl_purge_retention(const sjl_purge_kind_t *kind);
static void sjl_purge_begin(sjl_purge_t *purge);
static int sjl_purge_run(sjl_db_op_t *op, sjl_dao_t *dao);
static int sjl_purge_run_jobs(sjl_purge_t *purge, sjl_dao_t *dao);
static int sjl_purge_run_contexts(sjl_purge_t *purge, sjl_dao_t *dao);
static void sjl_purge_job(void *data, const void *row);
static void sjl_purge_context(void *data, const void *row);
static void sjl_purge_clear(sjl_purge_t *purge);
static void sjl_purge_done(sjl_db_op_t *op);
static void sjl_purge_job_gone(sjl_purge_t *purge, size_t i);
static void sjl_purge_context_gone(sjl_purge_t *purge, size_t i);
static void sjl_purge_end(sjl_purge_t *purge, const sjl_why_t *why);


/* a context goes after its jobs */

static const sjl_purge_kind_t  sjl_purge_kinds[] = {
    { "jobs", sjl_purge_run_jobs, sjl_purge_job_gone,
      offsetof(sjl_config_t, retention_jobs) },
    { "contexts", sjl_purge_run_contexts, sjl_purge_context_gone,
      offsetof(sjl_config_t, retention_contexts) }
};


static ev_timer  sjl_purge_timer;
static int       sjl_purge_retaining;


void
sjl_purge_start(void)
{
    ev_timer_init(&sjl_purge_timer, sjl_purge_due, 0., SJL_PURGE_INTERVAL);
    ev_timer_start(sjl_loop, &sjl_purge_timer);
}


/* one that takes longer than the interval is not overtaken */

static void
sjl_purge_due(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void) loop;
    (void) timer;
    (void) events;

    if (!sjl_purge_retaining && !sjl_server_ending()) {
        sjl_purge_retaining = 1;
        sjl_purge_retention(sjl_purge_kinds);
    }
}


static void
sjl_purge_retention(const sjl_purge_kind_t *kind)
{
    int64_t       seconds;
    sjl_purge_t  *purge;

    for ( /* void */ ;
         kind < sjl_purge_kinds + sjl_nelts(sjl_purge_kinds);
         kind++)
    {
        seconds = *(int64_t *) (void *) ((char *) sjl_conf + kind->retention);

        if (seconds) {
            purge = sjl_alloc(sizeof(sjl_purge_t));
            purge->kind = kind;
            purge->page.before = sjl_now() - seconds * 1000;

            sjl_purge_begin(purge);
            return;
        }
    }

    sjl_purge_retaining = 0;
}


void
sjl_purge_jobs(sjl_conn_t *c, sjl_frame_t *f)
{
    json_int_t      before;
    const char     *state, *context, *user;
    sjl_purge_t    *purge;
    sjl_request_t  *r;

    r = sjl_request_make(c, f);
    state = NULL;
    context = NULL;
    user = NULL;

    if (sjl_request_unpack(r, f, "{s:I, s?s, s?s, s?s}", "before", &before,
                           "state", &state, "context", &context, "user", &user)
        == SJL_ERROR)
    {
        return;
    }

    sjl_log(SJL_LOG_INFO, "jobs that ended before %lld are to be deleted",
            (long long) before);

    purge = sjl_alloc(sizeof(sjl_purge_t));
    purge->kind = sjl_purge_kinds;
    purge->request = r;
    purge->page.before = before;
    purge->page.filter.state = sjl_strdup(state);
    purge->page.filter.context = sjl_strdup(context);
    purge->page.filter.user = sjl_strdup(user);

    sjl_purge_begin(purge);
}


static void
sjl_purge_begin(sjl_purge_t *purge)
{
    purge->page.limit = SJL_PURGE_ROWS;
    purge->page.scan = SJL_PURGE_SCAN;
    purge->page.time = INT64_MIN;

    purge->op.run = sjl_purge_run;
    purge->op.done = sjl_purge_done;

    sjl_db_add(&purge->op, 0);
}


static int
sjl_purge_run(sjl_db_op_t *op, sjl_dao_t *dao)
{
    sjl_purge_t  *purge;

    purge = sjl_container(op, sjl_purge_t, op);

    sjl_purge_clear(purge);
    purge->reached = purge->page;

    return purge->kind->run(purge, dao);
}


static int
sjl_purge_run_jobs(sjl_purge_t *purge, sjl_dao_t *dao)
{
    return dao->type->job_purge(dao, &purge->reached, sjl_purge_job, purge);
}


static int
sjl_purge_run_contexts(sjl_purge_t *purge, sjl_dao_t *dao)
{
    return dao->type->context_purge(dao, &purge->reached, sjl_purge_context,
                                    purge);
}


static void
sjl_purge_job(void *data, const void *row)
{
    sjl_purge_t          *purge;
    sjl_job_row_t        *copy;
    const sjl_job_row_t  *job;

    purge = data;
    job = row;
    copy = &purge->rows.jobs[purge->n++];

    copy->id = sjl_strdup(job->id);
    copy->context_id = sjl_strdup(job->context_id);
    copy->context = sjl_strdup(job->context);
    copy->user = sjl_strdup(job->user);
    copy->payload = job->payload;
    copy->config_file = job->config_file;
}


static void
sjl_purge_context(void *data, const void *row)
{
    sjl_purge_t              *purge;
    sjl_context_row_t        *copy;
    const sjl_context_row_t  *context;

    purge = data;
    context = row;
    copy = &purge->rows.contexts[purge->n++];

    copy->id = sjl_strdup(context->id);
    copy->name = sjl_strdup(context->name);
    copy->user = sjl_strdup(context->user);
    copy->session = context->session;
}


static void
sjl_purge_clear(sjl_purge_t *purge)
{
    size_t  i;

    for (i = 0; i < purge->n; i++) {
        if (purge->kind->run == sjl_purge_run_jobs) {
            sjl_row_clear(&sjl_jobs_table, &purge->rows.jobs[i]);

        } else {
            sjl_row_clear(&sjl_contexts_table, &purge->rows.contexts[i]);
        }
    }

    purge->n = 0;
}


static void
sjl_purge_done(sjl_db_op_t *op)
{
    size_t        i;
    sjl_purge_t  *purge;

    purge = sjl_container(op, sjl_purge_t, op);

    if (op->rc == SJL_ERROR) {
        sjl_purge_end(purge, &op->why);
        return;
    }

    for (i = 0; i < purge->n; i++) {
        purge->kind->gone(purge, i);
    }

    purge->count += (json_int_t) purge->n;
    purge->page = purge->reached;

    if (purge->page.more && !sjl_server_ending()) {
        sjl_db_add(&purge->op, 0);
        return;
    }

    sjl_purge_end(purge, NULL);
}


static void
sjl_purge_job_gone(sjl_purge_t *purge, size_t i)
{
    sjl_job_row_t  *row;

    row = &purge->rows.jobs[i];

    /* whose it was: the module may have forgotten */

    sjl_channel_publish("remove", "job",
                        json_pack("{s:s, s:s*, s:s*}", "id", row->id,
                                  "context", row->context, "user",
                                  row->user),
                        NULL, 0);

    if (row->payload == SJL_PAYLOAD_STORED) {
        sjl_files_delete(sjl_path_result(row->id, ""));
    }

    if (row->config_file) {
        sjl_files_delete(sjl_path_result(row->id, ".config"));
    }

    sjl_files_delete(sjl_path_job_log(row->context_id, row->id));
}


static void
sjl_purge_context_gone(sjl_purge_t *purge, size_t i)
{
    sjl_context_row_t  *row;

    row = &purge->rows.contexts[i];

    sjl_channel_publish("remove", "context",
                        json_pack("{s:s, s:s, s:s*, s:I}", "id", row->id,
                                  "name", row->name, "user", row->user,
                                  "session", (json_int_t) row->session),
                        NULL, 0);

    sjl_folder_remove(sjl_path_context(row->id, ""));
}


static void
sjl_purge_end(sjl_purge_t *purge, const sjl_why_t *why)
{
    const sjl_purge_kind_t  *kind;

    kind = purge->kind;

    if (purge->count) {
        sjl_log(SJL_LOG_NOTICE, "%lld %s were deleted",
                (long long) purge->count, kind->kind);
    }

    if (purge->request && why) {
        sjl_request_storage_failed(purge->request, why);

    } else if (purge->request) {
        sjl_request_reply(purge->request,
                          json_pack("{s:I}", "count", purge->count), NULL, 0);

    } else {
        sjl_purge_retention(kind + 1);
    }

    sjl_purge_clear(purge);
    sjl_filter_clear(&purge->page.filter);
    free(purge);
}
