
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Jobs of a context whose driver is replaced by another one.
 */


#include "unit.h"
#include "sjl_config.h"
#include "sjl_db.h"
#include "sjl_job_queue.h"

#include <utlist.h>


#define CONTEXT  "01234567-89ab-cdef-0123-456789abcdef"


typedef struct {
    sjl_db_op_t         op;
    sjl_job_row_t       job;
    sjl_context_row_t   context;
    const char         *id;
    int                 done;
} ask_t;


static char           *folder;
static sjl_context_t   context;


static int
context_add(sjl_db_op_t *op, sjl_dao_t *dao)
{
    return dao->type->context_put(dao, &context.row);
}


static void
asked(sjl_db_op_t *op)
{
    sjl_container(op, ask_t, op)->done = 1;
}


static void
ask(ask_t *a, int (*run)(sjl_db_op_t *op, sjl_dao_t *dao))
{
    a->op.run = run;
    a->op.done = asked;
    sjl_db_add(&a->op, 0);
    unit_run(&a->done, 60000);
    assert_int_equal(a->op.rc, SJL_OK);
}


static int
setup(void **state)
{
    ask_t    a;
    char    *path;
    json_t  *errors;

    folder = unit_folder();
    path = sjl_format("%s/c.json", folder);
    unit_write(path, "{\"data_dir\": \".\", \"channel\": {\"socket\": \"s\"},"
               " \"driver\": {\"command\": [\"x\"]}, \"dao\": \"memory\"}");

    sjl_conf = sjl_config_read(path, &errors);
    assert_non_null(sjl_conf);
    json_decref(errors);
    free(path);

    sjl_log_level = SJL_LOG_ALERT;
    sjl_loop = ev_loop_new(EVFLAG_AUTO);
    assert_int_equal(sjl_db_open(), SJL_OK);
    assert_int_equal(sjl_db_start(), SJL_OK);

    memset(&context, 0, sizeof(context));
    context.row.id = CONTEXT;
    context.row.name = "c";
    context.row.user = "";
    context.row.settings = "{}";
    context.row.secret = "";
    context.row.token = "";
    context.row.rev = 1;
    context.row.code = -1;
    context.row.max_jobs = 8;
    context.row.state = SJP_CONTEXT_RUNNING;
    context.durable = 1;

    memset(&a, 0, sizeof(a));
    ask(&a, context_add);

    return 0;
}


static int
teardown(void **state)
{
    sjl_db_stop();
    sjl_config_free(sjl_conf);
    ev_loop_destroy(sjl_loop);
    unit_remove(folder);

    return 0;
}


/* all that was there before has ended and is forgotten */

static int
begin(void **state)
{
    assert_null(context.jobs);
    assert_int_equal(context.lanes[SJL_LANE_JOBS].nslots, 0);
    assert_int_equal(context.lanes[SJL_LANE_JOBS].nwaiting, 0);

    context.row.state = SJP_CONTEXT_RUNNING;

    return 0;
}


static void
job_found(void *data, const void *row)
{
    sjl_row_copy(&sjl_jobs_table, &((ask_t *) data)->job, row);
}


static int
job_get(sjl_db_op_t *op, sjl_dao_t *dao)
{
    ask_t  *a;

    a = sjl_container(op, ask_t, op);

    return dao->type->job_get(dao, a->id, job_found, a);
}


/* what is kept of a job: its state, and whether its body is there */

static void
assert_kept(const char *id, sjp_job_state_e state, const char *body)
{
    ask_t  a;

    memset(&a, 0, sizeof(a));
    a.id = id;
    ask(&a, job_get);

    assert_non_null(a.job.id);
    assert_int_equal(a.job.state, state);
    assert_int_equal(a.job.body.len, strlen(body));
    assert_memory_equal(a.job.body.len ? a.job.body.data : "", body,
                        strlen(body));

    sjl_row_clear(&sjl_jobs_table, &a.job);
}


/* a job that its driver was sent, and perhaps runs */

static sjl_job_t *
job(const char *id, int running)
{
    sjl_job_t      *job;
    sjl_job_row_t   row;

    memset(&row, 0, sizeof(row));
    row.id = sjl_strdup(id);
    row.class = sjl_strdup("C");
    row.user = sjl_strdup("u");
    row.cp = sjl_strdup("[]");
    row.rev = 1;
    row.code = -1;
    row.statement = -1;
    row.body.data = sjl_strdup("body");
    row.body.len = 4;

    job = sjl_job_make(&context, &row);
    sjl_job_admit(job);
    sjl_job_queue_remove(job);
    sjl_job_send(job);

    if (running) {
        sjl_job_started(job, "{}", 2, NULL);
    }

    return job;
}


static sjl_job_t *
next(void)
{
    return sjl_job_queue_next(&context.lanes[SJL_LANE_JOBS]);
}


static void
end(sjl_job_t *job)
{
    sjl_result_t  result;

    memset(&result, 0, sizeof(result));
    result.state = SJP_JOB_FINISHED;
    result.data = "1";
    result.size = 1;

    sjl_job_result(job, &result);
}


static void
test_jobs_run_again_with_their_bodies(void **state)
{
    sjl_job_t  *runs, *validates, *waits;

    context.row.supervise = 1;
    runs = job("11234567-89ab-cdef-0123-456789abcdef", 1);
    validates = job("21234567-89ab-cdef-0123-456789abcdef", 0);
    waits = job("31234567-89ab-cdef-0123-456789abcdef", 1);

    assert_kept(runs->row.id, SJP_JOB_RUNNING, "body");

    context.row.state = SJP_CONTEXT_RESTARTING;
    sjl_job_context_restarting(&context);

    assert_kept(runs->row.id, SJP_JOB_RESTARTING, "body");
    assert_kept(validates->row.id, SJP_JOB_STARTED, "body");
    assert_int_equal(context.lanes[SJL_LANE_JOBS].nslots, 0);
    assert_int_equal(context.lanes[SJL_LANE_JOBS].nwaiting, 3);

    /* what was there first is sent first */

    assert_ptr_equal(next(), runs);
    assert_ptr_equal(next(), validates);
    assert_ptr_equal(next(), waits);

    sjl_job_send(runs);
    sjl_job_send(validates);
    sjl_job_send(waits);
    sjl_job_started(runs, "{}", 2, NULL);
    assert_kept(runs->row.id, SJP_JOB_RUNNING, "body");

    /* that one has begun may be lost with a link */

    end(runs);
    end(validates);
    end(waits);
    assert_kept("11234567-89ab-cdef-0123-456789abcdef", SJP_JOB_FINISHED, "");
    assert_kept("21234567-89ab-cdef-0123-456789abcdef", SJP_JOB_FINISHED, "");
    assert_kept("31234567-89ab-cdef-0123-456789abcdef", SJP_JOB_FINISHED, "");
}


static void
test_what_was_to_be_killed_is_not_run_again(void **state)
{
    sjl_job_t  *killed, *late;

    context.row.supervise = 1;
    killed = job("41234567-89ab-cdef-0123-456789abcdef", 1);
    late = job("51234567-89ab-cdef-0123-456789abcdef", 1);

    sjl_job_end(killed);
    context.row.state = SJP_CONTEXT_RESTARTING;
    sjl_job_context_restarting(&context);

    /* killed while it waits for the driver, at once */

    sjl_job_end(late);
    assert_null(next());

    assert_kept("41234567-89ab-cdef-0123-456789abcdef", SJP_JOB_KILLED, "");
    assert_kept("51234567-89ab-cdef-0123-456789abcdef", SJP_JOB_KILLED, "");
}


static void
test_bodies_of_other_contexts_are_not_kept(void **state)
{
    sjl_job_t  *runs;

    context.row.supervise = 0;
    runs = job("61234567-89ab-cdef-0123-456789abcdef", 1);
    assert_kept(runs->row.id, SJP_JOB_RUNNING, "");

    end(runs);
    assert_kept("61234567-89ab-cdef-0123-456789abcdef", SJP_JOB_FINISHED, "");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup(test_jobs_run_again_with_their_bodies, begin),
        cmocka_unit_test_setup(test_what_was_to_be_killed_is_not_run_again,
                               begin),
        cmocka_unit_test_setup(test_bodies_of_other_contexts_are_not_kept,
                               begin)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
