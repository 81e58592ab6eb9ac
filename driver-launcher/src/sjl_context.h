
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Contexts that are not final; all others are in the database only.
 */


#ifndef _SJL_CONTEXT_H_INCLUDED_
#define _SJL_CONTEXT_H_INCLUDED_


#include "sjl_driver.h"
#include "sjl_owner.h"
#include "sjl_request.h"
#include "sjl_row.h"

#include <uthash.h>


typedef struct sjl_job_s      sjl_job_t;
typedef struct sjl_stray_s    sjl_stray_t;
typedef struct sjl_round_s    sjl_round_t;
typedef struct sjl_turn_s     sjl_turn_t;
typedef struct sjl_failure_s  sjl_failure_t;
typedef struct sjl_fit_s      sjl_fit_t;
typedef struct sjl_reap_s     sjl_reap_t;
typedef struct sjl_ticket_s   sjl_ticket_t;
typedef struct sjl_probe_s    sjl_probe_t;


/* a queue of jobs, and the places in the driver that it leads to */

typedef struct {
    size_t              nslots;         /* taken */
    size_t              nwaiting;       /* jobs that were not sent yet */
    sjl_turn_t         *turns;          /* see sjl_job_queue.h */
    sjl_turn_t         *users;
} sjl_lane_t;

typedef enum {
    SJL_LANE_JOBS = 0,                  /* row.max_jobs at once */
    SJL_LANE_STATEMENTS,                /* one at a time */
    SJL_NLANES
} sjl_lane_e;


struct sjl_context_s {
    sjl_context_row_t   row;
    sjl_driver_t       *driver;
    sjl_driver_t       *spare;          /* that is kept for it until then */
    json_t             *settings;       /* the request's */
    json_t             *options;        /* JVM options that were asked for */
    sjl_owner_t         owner;          /* whom its driver runs as */
    char               *secret;         /* of the driver that starts */
    char               *token;          /* for the driver to come back with */

    sjl_job_t          *jobs;
    sjl_stray_t        *strays;         /* see sjl_stray.h */
    size_t              nstrays;
    sjl_lane_t          lanes[SJL_NLANES];
    size_t              bodies;         /* bytes of what its jobs were given */
    int64_t             sessions;       /* of JDBC, that are open */
    unsigned            http;           /* port of JDBC by HTTP; 0: none */
    size_t              nbusy;          /* statements that are told of, and not
                                           final */

    sjl_request_t      *creators;
    sjl_request_t      *deleters;
    sjl_round_t        *round;          /* see sjl_predefined.h */

    unsigned            durable:1;
    unsigned            ready:1;        /* it has been RUNNING */
    unsigned            respawned:1;
    unsigned            moved:1;        /* to what its driver has asked for */
    unsigned            answered:1;     /* so have been its creators */
    unsigned            gone:1;         /* its row could not be added */
    unsigned            kept:1;         /* until then as a replacement */
    char               *unmade;         /* why its folder could not be made */
    char               *misfit;         /* why it can have no driver */
    unsigned            ending:1;       /* its jobs are told that it ends */
    unsigned            failed:1;       /* a job of it has */
    unsigned            restarting:1;   /* a new driver is to be started */
    int64_t             published;      /* rev */
    int64_t             awaited;        /* rev, see sjl_context_save_first() */
    void              (*awaiting)(sjl_context_t *ctx);
    size_t              nops;           /* changes on their way */
    uint64_t            number;         /* in the order of making */
    ev_timer            timer;          /* of one that was found idle */
    ev_timer            idle;           /* see sjl_lifetime.h */
    ev_timer            ttl;
    ev_timer            hard;           /* when its ttl is long over */
    ev_timer            beat;           /* of its heartbeat */
    ev_timer            restart;        /* see sjl_supervise.h */
    double              pause;

    UT_hash_handle      hh;             /* by id */
    UT_hash_handle      hh_name;        /* by name, while not final */
    UT_hash_handle      hh_session;     /* by row.session, likewise */

    sjl_fit_t          *fit;            /* see sjl_cluster_fit.h */
    sjl_reap_t         *reap;           /* see sjl_yarn_reap() */
    char               *left;           /* what of it has not ended, or NULL */
    sjl_ticket_t       *ticket;         /* see sjl_ticket.h */
    sjl_probe_t        *errand;         /* see sjl_tokens.h */
    int64_t             ticket_due;     /* when it needs the next one */
};


extern sjl_context_t  *sjl_contexts;


/* messages */
void sjl_context_create(sjl_conn_t *c, sjl_frame_t *f);
void sjl_context_replace(sjl_conn_t *c, sjl_frame_t *f);
void sjl_context_get(sjl_conn_t *c, sjl_frame_t *f);
void sjl_context_log(sjl_conn_t *c, sjl_frame_t *f);
void sjl_context_delete(sjl_conn_t *c, sjl_frame_t *f);
void sjl_context_reset(sjl_conn_t *c, sjl_frame_t *f);

sjl_context_t *sjl_context_find(const char *id);

/*
 * Its cluster was asked what it has of it: whether it could be, and what is
 * left, in words, or NULL.
 */
void sjl_context_reaped(sjl_context_t *ctx, int known, const char *left);

/* one that is not final */
sjl_context_t *sjl_context_find_name(const char *name);

/* it is that no longer: another may have its name */
void sjl_context_leave_name(sjl_context_t *ctx);

/* how many are not final, with those that are about to be made */
size_t sjl_context_count(void);

/*
 * What a new context is made of.  The text is copied; settings, options, and
 * the body (or fd, when it is long) are taken over.
 */

typedef struct {
    const char  *id;
    const char  *name;                  /* "": by the number of its session */
    const char  *user;
    const char  *proxy_user;            /* or NULL */
    const char  *request;               /* hash, or NULL */
    json_t      *settings;              /* an object of strings */
    json_t      *options;               /* see sjl_context_options() */
    int          adhoc;
    const char  *kind;                  /* NULL: shared */
    const char  *own;                   /* what a name made here begins with */
    json_t      *livy;                  /* see sjl_context_row_t, or NULL */
    int64_t      heartbeat;
    int          kept;                  /* see sjl_replacement_row_t */
    char        *wrong;                 /* why it cannot be made, or NULL */
    char        *body;
    size_t       size;
    int          fd;
} sjl_context_spec_t;

/* makes a context, whose row is on its way to the disk; see "durable" */
sjl_context_t *sjl_context_make(sjl_context_spec_t *spec);

/* starts it, once its row is durable */
void sjl_context_begin(sjl_context_t *ctx);

/*
 * Puts a row that another launcher has left in memory.  Once the jobs are there
 * as well, sjl_context_adopted_all() ends those whose driver is gone.
 */
void sjl_context_adopt(const sjl_context_row_t *row);
void sjl_context_adopted_all(void);

/*
 * The JVM options that the settings of a request ask for, an array; NULL when
 * they are wrong, and then *why, to be freed, tells how.
 */
json_t *sjl_context_options(const json_t *settings, char **why);

/*
 * Adds what its cluster and the configuration ask for, if the request asks for
 * nothing: a driver that has to find that out takes another start.
 */
void sjl_context_options_else(sjl_context_t *ctx);

/*
 * The only place where a context's state is set.  SJL_ERROR: the one it has may
 * not be followed by that one, and nothing has changed.
 */
int sjl_context_set_state(sjl_context_t *ctx, sjp_context_state_e state);

/* what a driver reports */
void sjl_context_ready(sjl_context_t *ctx, const char *application,
    const char *url, int64_t max_jobs);
void sjl_context_failed(sjl_context_t *ctx, sjp_error_e code,
    const char *error, size_t size);

/* no driver can say any longer that it is this context's */
void sjl_context_credentials_void(sjl_context_t *ctx);

/* starts another driver in the place of one that is gone, or never was */
void sjl_context_restart(sjl_context_t *ctx);

/* the same, of the start that goes on, whose token stays */
void sjl_context_spawn_again(sjl_context_t *ctx);

/* ends it, with its jobs; "why" is used up */
void sjl_context_end(sjl_context_t *ctx, sjp_context_state_e state,
    sjl_failure_t *why);

/* likewise, if nobody has asked for it; one that is supervised goes on */
void sjl_context_fail(sjl_context_t *ctx, sjl_failure_t *why);

/*
 * Calls a function once there is a token for the driver to come back with, and
 * the next launcher will know it.
 */
void sjl_context_token_first(sjl_context_t *ctx,
    void (*then)(sjl_context_t *ctx));

/* a driver has its token, so its secret is good for nobody any longer */
void sjl_context_secret_used(sjl_context_t *ctx);

/* what its driver needs cannot be read; the reason is freed */
void sjl_context_not_kept(sjl_context_t *ctx, char *reason);

/* what happened to a driver; the reason is freed */
void sjl_context_late(sjl_context_t *ctx, int connected);
void sjl_context_lost(sjl_context_t *ctx, char *reason);
void sjl_context_driver_ended(sjl_context_t *ctx, sjl_driver_t *d, int status);

/* its driver is there, and nothing ends it: the context goes without it */
void sjl_context_abandon(sjl_context_t *ctx, char *reason);

/* has it stopped, by force or by asking; may be called again */
void sjl_context_stop(sjl_context_t *ctx, int force);

/* the same by ourselves; the reason is taken over */
void sjl_context_stop_because(sjl_context_t *ctx, char *reason);
void sjl_context_stop_all(int force);

/*
 * Stops an ad hoc context unless it has a job that is not final; others may
 * have to stop some time after their last job.
 */
void sjl_context_idle(sjl_context_t *ctx);

/* keeps the row of a new one */
void sjl_context_add(sjl_context_t *ctx);

/* that cannot be: it ends, and those who wait for it are refused */
void sjl_context_not_added(sjl_context_t *ctx, const sjl_why_t *why);

/* keeps the row as it is now */
void sjl_context_save(sjl_context_t *ctx, int lazy);

/*
 * The same, and calls a function when that is durable: what the next launcher
 * must know in any case, before somebody acts on it.  Not called if the context
 * has ended by then.
 */
void sjl_context_save_first(sjl_context_t *ctx,
    void (*then)(sjl_context_t *ctx));

/* answers by what a row says of a context */
void sjl_context_reply(sjl_request_t *r, const sjl_context_row_t *row);

/* whether nobody is going to ask for its log: ad hoc, and nothing failed */
int sjl_context_forgettable(const sjl_context_t *ctx);

/* frees it if it has ended and nobody needs it any longer */
void sjl_context_release(sjl_context_t *ctx);

/* the requests that wait for all contexts of now to end */
void sjl_context_resets_check(void);

/* whether that name begins with what a user's begin with; NULL: any does */
int sjl_context_owned(const char *name, const char *own);

#endif /* _SJL_CONTEXT_H_INCLUDED_ */
