
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The database thread: order, grouping, failures that stay with their own.
 */


#include "unit.h"
#include "sjl_config.h"
#include "sjl_db.h"
#include "sjl_job.h"
#include "sjl_lost.h"

#include <signal.h>
#include <sys/resource.h>


#define OPS  200


typedef struct {
    sjl_db_op_t  op;
    int          number;
    int          fail;                  /* so many times */
    int          runs;
    int64_t      pause;                 /* microseconds */
} probe_t;


static char     *folder;
static probe_t   probes[OPS];
static int       order[OPS];
static int       told, all, expected;
static uint64_t  commits_before;


static int
setup(void **state)
{
    char    *path;
    json_t  *errors;

    folder = unit_folder();
    path = sjl_format("%s/c.json", folder);
    unit_write(path, "{\"data_dir\": \".\", \"channel\": {\"socket\": \"s\"},"
               " \"driver\": {\"command\": [\"x\"]},"
               " \"sync_commit_delay\": 500}");

    sjl_conf = sjl_config_read(path, &errors);
    assert_non_null(sjl_conf);
    json_decref(errors);
    free(path);

    /* what fails on purpose is logged as what it would be */
    sjl_log_level = SJL_LOG_ALERT;

    sjl_loop = ev_loop_new(EVFLAG_AUTO);
    assert_int_equal(sjl_db_open(), SJL_OK);
    assert_int_equal(sjl_db_start(), SJL_OK);

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


static int
probe_run(sjl_db_op_t *op, sjl_dao_t *dao)
{
    probe_t  *probe;

    probe = sjl_container(op, probe_t, op);
    (void) __atomic_add_fetch(&probe->runs, 1, __ATOMIC_RELEASE);

    if (probe->pause) {
        (void) usleep((useconds_t) probe->pause);
    }

    if (probe->fail) {
        probe->fail--;
        return SJL_ERROR;
    }

    return SJL_OK;
}


static void
probe_done(sjl_db_op_t *op)
{
    order[told++] = sjl_container(op, probe_t, op)->number;
    all = told == expected;
}


static void
begin(int n)
{
    int  i;

    memset(probes, 0, sizeof(probes));

    for (i = 0; i < n; i++) {
        probes[i].number = i;
        probes[i].op.run = probe_run;
        probes[i].op.done = probe_done;
    }

    told = 0;
    all = 0;
    expected = n;
    commits_before = sjl_db_commits();
}


static uint64_t
commits(void)
{
    return sjl_db_commits() - commits_before;
}


static void
test_operations_are_told_back_in_order(void **state)
{
    int  i;

    begin(OPS);

    for (i = 0; i < OPS; i++) {
        sjl_db_add(&probes[i].op, 0);
    }

    unit_run(&all, 60000);
    assert_int_equal(told, OPS);

    for (i = 0; i < OPS; i++) {
        assert_int_equal(order[i], i);
    }
}


/* the first one pauses in the database's thread by now */

static void
wait_for_run(void)
{
    int  n;

    for (n = 0; n < 3000; n++) {
        if (__atomic_load_n(&probes[0].runs, __ATOMIC_ACQUIRE)) {
            return;
        }

        (void) usleep(20000);
    }

    fail();
}


static void
test_what_waits_for_a_commit_goes_into_the_next(void **state)
{
    int  i;

    begin(OPS);
    probes[0].pause = 1000000;

    sjl_db_add(&probes[0].op, 0);
    wait_for_run();

    for (i = 1; i < OPS; i++) {
        sjl_db_add(&probes[i].op, 0);
    }

    unit_run(&all, 60000);
    assert_int_equal(told, OPS);
    assert_int_equal(commits(), 2);
}


static void
test_a_lazy_operation_waits_for_another(void **state)
{
    begin(2);

    sjl_db_add(&probes[0].op, 1);
    unit_run(&all, 15);
    assert_int_equal(told, 0);

    sjl_db_add(&probes[1].op, 0);
    unit_run(&all, 60000);
    assert_int_equal(told, 2);
    assert_int_equal(order[0], 0);
    assert_int_equal(commits(), 1);
}


static void
probe_amend(sjl_op_t *op)
{
    sjl_container(sjl_container(op, sjl_db_op_t, op), probe_t, op)->pause = 0;
}


static void
test_an_operation_is_amended_until_it_is_begun(void **state)
{
    begin(1);

    /* far beyond the test's patience */

    probes[0].pause = 3600LL * 1000000;
    sjl_db_add(&probes[0].op, 1);
    assert_true(sjl_db_amend(&probes[0].op, probe_amend, 0));

    unit_run(&all, 20000);
    assert_int_equal(told, 1);
    assert_int_equal(probes[0].runs, 1);

    probes[0].pause = 1;
    assert_false(sjl_db_amend(&probes[0].op, probe_amend, 0));
    assert_int_equal(probes[0].pause, 1);
}


static void
test_a_lazy_operation_does_not_wait_for_ever(void **state)
{
    int64_t  start;

    begin(1);
    start = sjl_now();

    sjl_db_add(&probes[0].op, 1);
    unit_run(&all, 60000);

    assert_int_equal(told, 1);
    assert_true(sjl_now() - start >= 450);
}


static void
test_a_failure_stays_with_its_own(void **state)
{
    int  i;

    begin(5);
    probes[0].pause = 1000000;
    probes[2].fail = 2;

    sjl_db_add(&probes[0].op, 0);
    wait_for_run();

    for (i = 1; i < 5; i++) {
        sjl_db_add(&probes[i].op, 0);
    }

    unit_run(&all, 60000);
    assert_int_equal(told, 5);

    for (i = 0; i < 5; i++) {
        assert_int_equal(order[i], i);
        assert_int_equal(probes[i].op.rc, i == 2 ? SJL_ERROR : SJL_OK);
    }

    /* once in the batch that failed, once alone */
    assert_int_equal(probes[1].runs, 2);
}


static void
test_what_must_not_be_lost_is_tried_again(void **state)
{
    int  n;

    begin(1);
    probes[0].fail = 4;
    probes[0].op.retry = 1;

    sjl_db_add(&probes[0].op, 0);

    for (n = 0; n < 1000 && sjl_db_retries() == 0; n++) {
        unit_run(&all, 20);
    }

    assert_int_equal(told, 0);
    assert_int_equal(sjl_db_retries(), 1);

    unit_run(&all, 60000);
    assert_int_equal(told, 1);
    assert_int_equal(probes[0].op.rc, SJL_OK);
    assert_int_equal(sjl_db_retries(), 0);
    assert_int_equal(sjl_db_length(), 0);
}


static void
test_what_changes_nothing_shows_no_space(void **state)
{
    size_t  before;

    begin(4);
    probes[1].op.keeps = 1;
    probes[2].op.keeps = 1;
    probes[2].fail = 2;
    probes[3].op.retry = 1;
    probes[3].fail = 2;
    before = sjl_db_kept();

    sjl_db_add(&probes[0].op, 0);
    unit_run(&told, 60000);
    assert_int_equal(sjl_db_kept() - before, 0);

    sjl_db_add(&probes[1].op, 0);
    sjl_db_add(&probes[2].op, 0);
    sjl_db_add(&probes[3].op, 0);
    unit_run(&all, 60000);

    assert_int_equal(probes[2].op.rc, SJL_ERROR);
    assert_true(probes[3].op.tried);
    assert_int_equal(sjl_db_kept() - before, 2);
}


typedef struct {
    sjl_db_op_t       op;
    sjl_binary_row_t  row;
} add_t;


static int
add_run(sjl_db_op_t *op, sjl_dao_t *dao)
{
    return dao->type->binary_add(dao, &sjl_container(op, add_t, op)->row);
}


static void
add_done(sjl_db_op_t *op)
{
    all = 1;
}


/* a file that may not grow stands for a disk that is full */

static int
leave_job(sjl_db_op_t *op, sjl_dao_t *dao)
{
    sjl_job_row_t      job;
    sjl_context_row_t  context;

    memset(&context, 0, sizeof(context));
    context.id = "01234567-89ab-cdef-0123-456789abcdef";
    context.name = "ended";
    context.user = "";
    context.settings = "{}";
    context.secret = "";
    context.token = "";
    context.rev = 4;
    context.state = SJP_CONTEXT_FINISHED;
    context.final = 1;
    context.code = -1;

    memset(&job, 0, sizeof(job));
    job.id = "11234567-89ab-cdef-0123-456789abcdef";
    job.context = context.name;
    job.context_id = context.id;
    job.class = "C";
    job.user = "";
    job.cp = "[]";
    job.rev = 2;
    job.state = SJP_JOB_RUNNING;
    job.code = -1;

    return dao->type->context_put(dao, &context) == SJL_OK
           ? dao->type->job_put(dao, &job) : SJL_ERROR;
}


static void
adopt_job(void *data, const void *row)
{
    sjl_job_adopt(row);
}


static int
adopt_jobs(sjl_db_op_t *op, sjl_dao_t *dao)
{
    return dao->type->job_alive(dao, INT64_MAX, adopt_job, NULL);
}


static void
check_job(void *data, const void *row)
{
    const sjl_job_row_t  *job;

    job = row;
    assert_int_equal(job->state, SJP_JOB_ERROR);
    assert_int_equal(job->rev, 3);
    assert_true(job->final);
    assert_int_equal(job->payload, SJL_PAYLOAD_ERROR);
    assert_non_null(memmem(job->data.data, job->data.len, SJL_JOB_LOST,
                           sizeof(SJL_JOB_LOST) - 1));
    (*(int *) data)++;
}


static int
check_jobs(sjl_db_op_t *op, sjl_dao_t *dao)
{
    return dao->type->job_get(dao, "11234567-89ab-cdef-0123-456789abcdef",
                              check_job, op->data);
}


/* a launcher died between the end of a context and that of its last job */

static void
test_no_job_stays_alive_in_a_context_that_has_ended(void **state)
{
    int  found;

    found = 0;

    begin(1);
    probes[0].op.run = leave_job;
    sjl_db_add(&probes[0].op, 0);
    unit_run(&all, 60000);
    assert_int_equal(all, 1);

    begin(1);
    probes[0].op.run = adopt_jobs;
    sjl_db_add(&probes[0].op, 0);
    unit_run(&all, 60000);
    assert_int_equal(all, 1);

    sjl_lost_end_all();

    begin(1);
    probes[0].op.run = check_jobs;
    probes[0].op.data = &found;
    sjl_db_add(&probes[0].op, 0);
    unit_run(&all, 60000);
    assert_int_equal(all, 1);

    assert_int_equal(found, 1);
}


static void
test_a_full_disk_is_told_and_then_forgotten(void **state)
{
    add_t          add;
    char          *name;
    struct rlimit  old, limit;

    (void) signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    limit = old;
    limit.rlim_cur = 4096;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);

    name = sjl_alloc(100001);
    memset(name, 'n', 100000);

    memset(&add, 0, sizeof(add));
    add.op.run = add_run;
    add.op.done = add_done;
    add.row.name = name;
    add.row.type = "Jar";
    add.row.sha256 = "aa";

    all = 0;
    sjl_db_add(&add.op, 0);
    unit_run(&all, 60000);
    assert_int_equal(all, 1);
    assert_int_equal(add.op.rc, SJL_ERROR);
    assert_true(strlen(add.op.why.text) > 0);

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);

    all = 0;
    sjl_db_add(&add.op, 0);
    unit_run(&all, 60000);
    assert_int_equal(all, 1);
    assert_int_equal(add.op.rc, SJL_OK);

    free(name);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_operations_are_told_back_in_order),
        cmocka_unit_test(test_what_waits_for_a_commit_goes_into_the_next),
        cmocka_unit_test(test_a_lazy_operation_waits_for_another),
        cmocka_unit_test(test_an_operation_is_amended_until_it_is_begun),
        cmocka_unit_test(test_a_lazy_operation_does_not_wait_for_ever),
        cmocka_unit_test(test_a_failure_stays_with_its_own),
        cmocka_unit_test(test_what_must_not_be_lost_is_tried_again),
        cmocka_unit_test(test_what_changes_nothing_shows_no_space),
        cmocka_unit_test(test_no_job_stays_alive_in_a_context_that_has_ended),
        cmocka_unit_test(test_a_full_disk_is_told_and_then_forgotten)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
