
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The tables of permitted transitions: every state against every state.  What
 * is permitted is written here once more, by name.
 */


#include "unit.h"
#include "sjl_state.h"


static const struct {
    const char  *from;
    const char  *to;
} context_moves[] = {
    { "STARTED", "RUNNING" },
    { "STARTED", "STOPPING" },
    { "STARTED", "FINISHED" },
    { "STARTED", "ERROR" },
    { "STARTED", "KILLED" },
    { "RUNNING", "STOPPING" },
    { "RUNNING", "RESTARTING" },
    { "RUNNING", "FINISHED" },
    { "RUNNING", "ERROR" },
    { "RUNNING", "KILLED" },
    { "STOPPING", "FINISHED" },
    { "STOPPING", "ERROR" },
    { "STOPPING", "KILLED" },
    { "RESTARTING", "RUNNING" },
    { "RESTARTING", "STOPPING" },
    { "RESTARTING", "ERROR" },
    { "RESTARTING", "KILLED" }
};

static const struct {
    const char  *from;
    const char  *to;
} job_moves[] = {
    { "STARTED", "RUNNING" },
    { "STARTED", "FINISHED" },
    { "STARTED", "ERROR" },
    { "STARTED", "KILLED" },
    { "RUNNING", "RESTARTING" },
    { "RUNNING", "FINISHED" },
    { "RUNNING", "ERROR" },
    { "RUNNING", "KILLED" },
    { "RESTARTING", "RUNNING" },
    { "RESTARTING", "FINISHED" },
    { "RESTARTING", "ERROR" },
    { "RESTARTING", "KILLED" }
};


static void
test_contexts_move_as_the_table_says(void **state)
{
    int     from, to, may;
    size_t  i;

    for (from = 0; from < SJP_CONTEXT_NSTATES; from++) {
        for (to = 0; to < SJP_CONTEXT_NSTATES; to++) {

            may = 0;

            for (i = 0; i < sjl_nelts(context_moves); i++) {
                may |= strcmp(context_moves[i].from, sjl_context_states[from])
                       == 0
                       && strcmp(context_moves[i].to, sjl_context_states[to])
                          == 0;
            }

            assert_int_equal(sjl_context_state_may(from, to), may);
        }
    }
}


static void
test_jobs_move_as_the_table_says(void **state)
{
    int     from, to, may;
    size_t  i;

    for (from = 0; from < SJP_JOB_NSTATES; from++) {
        for (to = 0; to < SJP_JOB_NSTATES; to++) {

            may = 0;

            for (i = 0; i < sjl_nelts(job_moves); i++) {
                may |= strcmp(job_moves[i].from, sjl_job_states[from]) == 0
                       && strcmp(job_moves[i].to, sjl_job_states[to]) == 0;
            }

            assert_int_equal(sjl_job_state_may(from, to), may);
        }
    }
}


static void
test_a_final_state_is_never_left(void **state)
{
    int  from, to;

    for (from = 0; from < SJP_CONTEXT_NSTATES; from++) {
        for (to = 0; to < SJP_CONTEXT_NSTATES; to++) {
            if (sjl_context_state_final(from)) {
                assert_false(sjl_context_state_may(from, to));
            }
        }
    }

    for (from = 0; from < SJP_JOB_NSTATES; from++) {
        for (to = 0; to < SJP_JOB_NSTATES; to++) {
            if (sjl_job_state_final(from)) {
                assert_false(sjl_job_state_may(from, to));
            }
        }
    }
}


static void
test_names_are_found(void **state)
{
    assert_int_equal(sjl_name_find(sjl_job_states, "KILLED"), SJP_JOB_KILLED);
    assert_int_equal(sjl_name_find(sjl_job_states, "killed"), -1);
    assert_int_equal(sjl_name_find(sjl_errors, "no-slots"), SJP_ERR_NO_SLOTS);
    assert_int_equal(sjl_name_find(sjl_errors, ""), -1);
}


static void
test_only_the_codes_with_a_payload_have_one(void **state)
{
    assert_true(sjl_error_explained(SJP_ERR_VALIDATION_FAILED));
    assert_true(sjl_error_explained(SJP_ERR_CONTEXT_INIT_FAILED));
    assert_false(sjl_error_explained(SJP_ERR_BAD_CONFIG));
    assert_false(sjl_error_explained(SJP_ERR_CLASS_NOT_FOUND));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_contexts_move_as_the_table_says),
        cmocka_unit_test(test_jobs_move_as_the_table_says),
        cmocka_unit_test(test_a_final_state_is_never_left),
        cmocka_unit_test(test_names_are_found),
        cmocka_unit_test(test_only_the_codes_with_a_payload_have_one)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
