
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Whose turn it is: the order in which jobs leave the queue, and that positions
 * tell just this order.
 */


#include "unit.h"
#include "sjl_job_queue.h"

#include <time.h>
#include <utlist.h>


#define MAX  64


typedef struct {
    sjl_context_t   context;
    sjl_job_t       jobs[MAX];
    char            users[MAX][2];
    size_t          n;
} fixture_t;


static int
setup(void **state)
{
    *state = sjl_alloc(sizeof(fixture_t));

    return 0;
}


static sjl_job_t *
next(fixture_t *f)
{
    return sjl_job_queue_next(&f->context.lanes[SJL_LANE_JOBS]);
}


static int
teardown(void **state)
{
    fixture_t  *f;

    f = *state;

    while (next(f)) { /* void */ }

    assert_null(f->context.lanes[SJL_LANE_JOBS].turns);
    assert_null(f->context.lanes[SJL_LANE_JOBS].users);
    free(f);

    return 0;
}


/* a job for each letter, of the user whom it names */

static void
add(fixture_t *f, const char *users)
{
    sjl_job_t  *job;

    for ( /* void */ ; *users; users++) {
        job = &f->jobs[f->n];
        f->users[f->n][0] = *users;

        job->row.user = f->users[f->n++];
        job->row.statement = -1;
        job->context = &f->context;
        job->whole = 1;

        DL_APPEND(f->context.jobs, job);
        sjl_job_queue_add(job);
    }
}


/* takes all out; "order" has the places at which they were added, from 'a' */

static void
assert_order(fixture_t *f, const char *order)
{
    char        text[MAX + 1];
    size_t      i, n, positions[MAX];
    sjl_job_t  *job;

    for (i = 0; i < f->n; i++) {
        positions[i] = sjl_job_queue_position(&f->jobs[i]);
    }

    n = 0;

    for (job = next(f);
         job;
         job = next(f))
    {
        i = (size_t) (job - f->jobs);
        text[n++] = (char) ('a' + i);
        assert_int_equal(positions[i], n);
        assert_int_equal(sjl_job_queue_position(job), 0);
    }

    text[n] = '\0';
    assert_string_equal(text, order);
}


static void
test_one_user_is_served_in_order(void **state)
{
    add(*state, "aaaa");
    assert_order(*state, "abcd");
}


static void
test_users_take_turns(void **state)
{
    add(*state, "aaaabbc");
    assert_order(*state, "aegbfcd");
}


static void
test_who_was_served_is_behind_those_who_were_not(void **state)
{
    fixture_t  *f;

    f = *state;
    add(f, "aab");

    assert_ptr_equal(next(f), &f->jobs[0]);

    add(f, "ab");
    assert_order(f, "cbed");
}


static void
test_what_is_removed_leaves_the_others_in_order(void **state)
{
    fixture_t  *f;

    f = *state;
    add(f, "abacb");

    sjl_job_queue_remove(&f->jobs[0]);
    sjl_job_queue_remove(&f->jobs[3]);
    sjl_job_queue_remove(&f->jobs[3]);
    assert_order(f, "cbe");
}


static void
test_who_leaves_the_middle_or_the_end_moves_those_behind(void **state)
{
    fixture_t  *f;

    f = *state;
    add(f, "aaaaaaabb");

    sjl_job_queue_remove(&f->jobs[2]);
    sjl_job_queue_remove(&f->jobs[6]);
    assert_ptr_equal(next(f), &f->jobs[0]);
    sjl_job_queue_remove(&f->jobs[4]);
    add(f, "a");

    assert_int_equal(sjl_job_queue_position(&f->jobs[9]), 6);
    assert_int_equal(sjl_job_queue_position(&f->jobs[2]), 0);
    assert_order(f, "hbidfj");
}


/* each is told its position, in events and lists, from the launcher's loop */

static void
test_a_position_costs_the_same_in_a_long_queue(void **state)
{
    enum { N = 100000 };

    clock_t      began;
    size_t       i;
    sjl_job_t   *jobs;
    fixture_t   *f;

    f = *state;
    jobs = sjl_alloc(N * sizeof(sjl_job_t));
    began = clock();

    for (i = 0; i < N; i++) {
        jobs[i].row.user = f->users[0];
        jobs[i].row.statement = -1;
        jobs[i].context = &f->context;
        sjl_job_queue_add(&jobs[i]);
        assert_int_equal(sjl_job_queue_position(&jobs[i]), i + 1);
    }

    assert_true(clock() - began < 20 * CLOCKS_PER_SEC);

    while (next(f)) { /* void */ }
    free(jobs);
}


static void
test_free_slots_are_not_waited_for(void **state)
{
    fixture_t  *f;

    f = *state;
    f->context.row.max_jobs = 3;
    f->context.lanes[SJL_LANE_JOBS].nslots = 1;
    add(f, "abab");

    assert_int_equal(sjl_job_queue_position(&f->jobs[0]), 0);
    assert_int_equal(sjl_job_queue_position(&f->jobs[1]), 0);
    assert_int_equal(sjl_job_queue_position(&f->jobs[2]), 1);
    assert_int_equal(sjl_job_queue_position(&f->jobs[3]), 2);

    /* strays may have taken more than there are */

    f->context.lanes[SJL_LANE_JOBS].nslots = 9;
    assert_int_equal(sjl_job_queue_position(&f->jobs[0]), 1);
}


static void
test_a_new_queue_has_what_can_be_sent(void **state)
{
    fixture_t  *f;

    f = *state;
    add(f, "aabcc");

    while (next(f)) { /* void */ }

    f->jobs[0].sent = 1;
    f->jobs[3].whole = 0;
    f->jobs[4].row.final = 1;

    sjl_job_queue_fill(&f->context);
    sjl_job_queue_fill(&f->context);
    assert_order(f, "bc");
}


static void
test_nothing_is_sent_without_a_driver(void **state)
{
    fixture_t  *f;

    f = *state;
    f->context.row.state = SJP_CONTEXT_RUNNING;
    f->context.row.max_jobs = 8;
    add(f, "ab");

    sjl_job_queue_run(&f->context);
    assert_false(f->jobs[0].sent);
    assert_int_equal(f->context.lanes[SJL_LANE_JOBS].nslots, 0);

    f->context.row.max_jobs = 0;
    assert_order(f, "ab");
}


#define TEST(test)  cmocka_unit_test_setup_teardown(test, setup, teardown)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        TEST(test_one_user_is_served_in_order),
        TEST(test_users_take_turns),
        TEST(test_who_was_served_is_behind_those_who_were_not),
        TEST(test_what_is_removed_leaves_the_others_in_order),
        TEST(test_who_leaves_the_middle_or_the_end_moves_those_behind),
        TEST(test_a_position_costs_the_same_in_a_long_queue),
        TEST(test_free_slots_are_not_waited_for),
        TEST(test_a_new_queue_has_what_can_be_sent),
        TEST(test_nothing_is_sent_without_a_driver)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
