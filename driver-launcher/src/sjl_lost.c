
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_lost.h"
#include "sjl_channel.h"
#include "sjl_job.h"
#include "sjl_record.h"

#include <utlist.h>


typedef struct sjl_lost_s  sjl_lost_t;

struct sjl_lost_s {
    sjl_db_op_t   op;
    sjl_job_t     job;                  /* nobody finds it, it has a row only */
    sjl_lost_t   *next;
};


static void sjl_lost_end(sjl_lost_t *lost);
static int sjl_lost_run(sjl_db_op_t *op, sjl_dao_t *dao);
static void sjl_lost_saved(sjl_db_op_t *op);


static sjl_lost_t  *sjl_losts;


void
sjl_lost_add(const sjl_job_row_t *row)
{
    sjl_lost_t  *lost;

    lost = sjl_alloc(sizeof(sjl_lost_t));
    sjl_row_copy(&sjl_jobs_table, &lost->job.row, row);

    LL_PREPEND(sjl_losts, lost);
}


void
sjl_lost_end_all(void)
{
    sjl_lost_t  *lost, *next;

    LL_FOREACH_SAFE(sjl_losts, lost, next) {
        sjl_lost_end(lost);
    }

    sjl_losts = NULL;
}


static void
sjl_lost_end(sjl_lost_t *lost)
{
    char           *message;
    sjl_job_row_t  *row;

    row = &lost->job.row;

    sjl_log(SJL_LOG_WARN, "job %s was not final, though its context %s is",
            row->id, row->context_id);

    message = sjl_format("Unexpected termination of context %s: the launcher "
                         "ended before the end of the job was kept",
                         row->context_id);

    free(row->body.data);
    row->body.data = NULL;
    row->body.len = 0;
    row->body_file = 0;

    row->payload = SJL_PAYLOAD_ERROR;
    row->data.data = sjl_error_text(SJL_JOB_LOST, message, NULL);
    row->data.len = strlen(row->data.data);
    row->end = sjl_now();
    free(message);

    (void) sjl_job_set_state(&lost->job, SJP_JOB_ERROR);

    lost->op.run = sjl_lost_run;
    lost->op.done = sjl_lost_saved;
    lost->op.retry = 1;

    sjl_db_add(&lost->op, 0);
}


static int
sjl_lost_run(sjl_db_op_t *op, sjl_dao_t *dao)
{
    return dao->type->job_put(dao, &sjl_container(op, sjl_lost_t, op)->job.row);
}


/* who has asked for a snapshot before has read that it is alive */

static void
sjl_lost_saved(sjl_db_op_t *op)
{
    sjl_lost_t     *lost;
    sjl_job_row_t  *row;

    lost = sjl_container(op, sjl_lost_t, op);
    row = &lost->job.row;

    sjl_channel_publish("put", "job", sjl_record_job(row), row->data.data,
                        row->data.len);

    sjl_row_clear(&sjl_jobs_table, row);
    free(lost);
}
