
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Jobs that are not final, or hold a slot yet; all others are in the database
 * only.
 */


#ifndef _SJL_JOB_H_INCLUDED_
#define _SJL_JOB_H_INCLUDED_


#include "sjl_context.h"
#include "sjl_db.h"
#include "sjl_failure.h"
#include "sjl_files.h"
#include "sjl_trace.h"


/* the error of a job that its context has taken with it */
#define SJL_JOB_LOST  "spark.jobserver.ContextTerminatedException"


typedef struct sjl_job_op_s  sjl_job_op_t;
typedef struct sjl_ask_s     sjl_ask_t;


struct sjl_job_s {
    sjl_job_row_t    row;
    sjl_context_t   *context;
    sjl_bytes_t      body;              /* row.body is it until the job runs;
                                           of a statement row.config is it */
    char            *progress;          /* a JSON object, or NULL */
    int64_t          progress_told;     /* see sjl_job_progress() */

    /* what the row had before its class path was resolved */
    char            *unresolved_class;
    char            *unresolved_cp;

    char            *callback;          /* URL to be told of the end, or NULL */
    sjl_trace_t     *trace;             /* NULL: nobody has asked for it */

    sjl_request_t   *submitters;
    sjl_request_t   *killers;
    sjl_ask_t       *asks;              /* see sjl_statement_ended() */
    ev_timer         asked;             /* until they wait no longer */

    unsigned         whole:1;           /* its body is there */
    unsigned         added:1;           /* so is its row, or on its way */
    unsigned         sent:1;            /* to the driver */
    unsigned         ended:1;           /* in the driver: the slot is free */
    unsigned         killing:1;
    unsigned         configuring:1;     /* its configuration is being moved */
    unsigned         moving:1;          /* its end waits for a file */
    unsigned         answered:1;        /* so have been its submitters */
    unsigned         mute:1;            /* nobody is told of it any longer */
    unsigned         refused:1;         /* its row could not be added */
    unsigned         known:1;           /* to its driver, from before */
    unsigned         resolved:1;        /* what its body has named */
    unsigned         spent:1;           /* the file of its body is of no use */
    unsigned         busy:1;            /* see sjl_session_busy() */

    int64_t          log;               /* sjl_failure_mark() when it was sent;
                                           0: by an earlier launcher */

    /* the end as its driver tells it */
    int64_t          end;
    int64_t          run_micros;
    int64_t          late_state;
    sjl_bytes_t      late;

    int64_t          published;         /* rev */
    sjl_job_op_t    *newest;            /* change on its way */
    size_t           nops;              /* changes and files on their way */
    ev_timer         timer;             /* of the kill */

    UT_hash_handle   hh;                /* by id */
    sjl_job_t       *next;              /* of the context */
    sjl_job_t       *prev;
    sjl_turn_t      *turn;              /* NULL: it is not in the queue */
    sjl_job_t       *queue_next;
    sjl_job_t       *queue_prev;
    size_t           number;            /* of the turn's: they have no gaps */
};


/* how a job ended in its driver */

typedef struct {
    int64_t      state;                 /* sjp_job_state_e */
    int64_t      end;
    int64_t      run_micros;
    const char  *data;
    size_t       size;
    const char  *file;                  /* where the result lies, or NULL */
    json_t      *trace;                 /* the driver's times, or NULL */
} sjl_result_t;


extern sjl_job_t  *sjl_jobs;


/* messages */
void sjl_job_submit(sjl_conn_t *c, sjl_frame_t *f);
void sjl_job_kill(sjl_conn_t *c, sjl_frame_t *f);

sjl_job_t *sjl_job_find(const char *id);

/* takes over the members of the row; the job is the context's */
sjl_job_t *sjl_job_make(sjl_context_t *ctx, sjl_job_row_t *row);

/* puts a row that another launcher has left in memory */
void sjl_job_adopt(const sjl_job_row_t *row);

/* its body is there: it is kept, and runs as soon as there is a slot */
void sjl_job_admit(sjl_job_t *job);

/*
 * Has a request wait for it, unless others were answered before.  Returns
 * whether it waits, or is answered already.
 */
int sjl_job_attach(sjl_job_t *job, sjl_request_t *r);

/* answers those who wait for no more than its row, which is durable */
void sjl_job_answer_early(sjl_job_t *job, const sjl_job_row_t *row);

/* it could not be kept: who has submitted it is told, and it is forgotten */
void sjl_job_reject(sjl_job_t *job, const sjl_why_t *why);

/* frees it if its end is durable, and the driver's part of it over */
void sjl_job_release(sjl_job_t *job);

/*
 * The only place where a job's state is set.  SJL_ERROR: the one it has may not
 * be followed by that one, and nothing has changed.
 */
int sjl_job_set_state(sjl_job_t *job, sjp_job_state_e state);

/*
 * Keeps the row as it is now.  The first time it is added, which may fail; all
 * later changes are tried until they are down, so that what was once told stays
 * true.
 */
void sjl_job_save(sjl_job_t *job, int lazy);

/* has its driver run it: it takes a slot */
void sjl_job_send(sjl_job_t *job);

/* tells its driver something that needs its id only */
void sjl_job_send_id(sjl_job_t *job, sjp_type_e type);

/* the driver's part of it is over; whether that is so since now */
int sjl_job_over(sjl_job_t *job);

/* it ends in a state, with what goes with it, which is taken over */
void sjl_job_conclude(sjl_job_t *job, int64_t state, char *data, size_t size);

/* likewise, with an error that is our own to tell; "more" may be NULL */
void sjl_job_fail(sjl_job_t *job, sjp_job_state_e state, const char *class,
    const char *more, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* what a driver reports */
void sjl_job_resolve(sjl_job_t *job, const char *class, json_t *names);
void sjl_job_started(sjl_job_t *job, const char *config, size_t size,
    const char *file);
void sjl_job_refused(sjl_job_t *job, sjp_error_e code, const char *name,
    const char *error, size_t size);
void sjl_job_progress(sjl_job_t *job, json_t *progress);
void sjl_job_result(sjl_job_t *job, const sjl_result_t *result);
void sjl_job_bad_file(sjl_job_t *job, const char *file);

/* it is KILLED, without a driver that could tell so */
void sjl_job_killed(sjl_job_t *job, const char *when);

/* it is to be killed; those in "killers" are answered when it is */
void sjl_job_end(sjl_job_t *job);

/* what happens to its context */
void sjl_job_context_durable(sjl_context_t *ctx);
void sjl_job_context_gone(sjl_context_t *ctx, const sjl_why_t *why);
void sjl_job_context_ready(sjl_context_t *ctx);
void sjl_job_context_ended(sjl_context_t *ctx, const sjl_failure_t *why,
    int asked);

/*
 * Its driver is gone and another one will come: its jobs wait for it, with the
 * same ids.  That of one that was being killed is kept.
 */
void sjl_job_context_restarting(sjl_context_t *ctx);

/*
 * A driver has connected, and knows these jobs, and of these some as statements
 * (arrays of ids, or NULL).  What was lost with the link before is made up for:
 * jobs that it has not got are sent again, kills too.
 */
void sjl_job_reconcile(sjl_context_t *ctx, json_t *known, json_t *statements);

/* the record of a row, with what only memory knows if the job is alive */
json_t *sjl_job_record(const sjl_job_row_t *row);

/* answers by what a row says of a job */
void sjl_job_reply(sjl_request_t *r, const sjl_job_row_t *row);


#endif /* _SJL_JOB_H_INCLUDED_ */
