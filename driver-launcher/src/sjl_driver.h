
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * A driver: a process, the link to it, and how long it may take for what.
 */


#ifndef _SJL_DRIVER_H_INCLUDED_
#define _SJL_DRIVER_H_INCLUDED_


#include "sjl_conn.h"
#include "sjl_process.h"


typedef struct sjl_driver_s   sjl_driver_t;
typedef struct sjl_context_s  sjl_context_t;


/* in this order: of the last three none leads back to one before */

typedef enum {
    SJL_DRIVER_STARTING = 0,            /* it has to report its context */
    SJL_DRIVER_READY,
    SJL_DRIVER_AWAY,                    /* its link has to come back */
    SJL_DRIVER_STOPPING,                /* it was asked to stop */
    SJL_DRIVER_TERMINATED,              /* it was sent SIGTERM */
    SJL_DRIVER_KILLED                   /* it was sent SIGKILL */
} sjl_driver_phase_e;


struct sjl_driver_s {
    sjl_process_t        process;
    char                 id[SJL_ID_LEN + 1];    /* of its context */
    sjl_driver_phase_e   phase;
    ev_timer             timer;
    ev_timer             ping;
    unsigned             silent;        /* pings that it has not answered */
    unsigned             faults;        /* of little harm: see sjl_link.c */
    int64_t              since;
    sjl_context_t       *context;       /* NULL: it was given up */
    sjl_conn_t          *conn;          /* NULL: it is away */
    unsigned             stopped:1;     /* it has said so */
    unsigned             whole:1;       /* all of its folder is swept */
    json_t              *respawn;       /* options that it wants instead */
    int64_t              ports;         /* see sjl_ports.h */
    char                *folder;        /* to be swept when it has ended */
    char                *reason;        /* why it has stopped, in its words */

    sjl_driver_t        *next;
    sjl_driver_t        *prev;
};


/* all drivers, also those that were given up but have not ended yet */
extern sjl_driver_t             *sjl_drivers;

extern const char *const         sjl_driver_phases[];


/*
 * Starts a driver for a context, with a secret and further JVM options.
 * Returns NULL on failure, and has logged why.
 */
sjl_driver_t *sjl_driver_start(sjl_context_t *ctx, const char *secret,
    const json_t *options);

/*
 * The driver of a context that another launcher has started; "process" may be
 * NULL when that was not told.  Returns NULL when the process is gone.
 */
sjl_driver_t *sjl_driver_adopt(sjl_context_t *ctx, const char *process);

/* it has said hello, on a link */
void sjl_driver_attach(sjl_driver_t *d, sjl_conn_t *c);

/* its link is broken */
void sjl_driver_detach(sjl_driver_t *d);

/* its context runs */
void sjl_driver_ready(sjl_driver_t *d);

/* it has answered a ping */
void sjl_driver_answered(sjl_driver_t *d);

/* the process of one that was adopted without it; others have theirs already */
void sjl_driver_found(sjl_driver_t *d, pid_t pid);

/* ends it: asked to stop, or by force */
void sjl_driver_stop(sjl_driver_t *d, int force);

/*
 * Its context has ended; it may end by itself (grace) or is terminated.  It is
 * not the context's any longer.
 */
void sjl_driver_give_up(sjl_driver_t *d, int grace);

/* whether it is connected by TCP, so that files are no way to pass bytes */
int sjl_driver_is_remote(const sjl_driver_t *d);

/* sends a message, unless the link is broken: see sjl_job_reconcile() */
void sjl_driver_send(sjl_driver_t *d, sjp_type_e type, json_t *meta,
    const void *payload, size_t size);

/* forgets all drivers; they go on */
void sjl_driver_leave(void);


#endif /* _SJL_DRIVER_H_INCLUDED_ */
