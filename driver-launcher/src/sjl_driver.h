
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * A driver: a process, the link to it, and how long it may take for what.
 */


#ifndef _SJL_DRIVER_H_INCLUDED_
#define _SJL_DRIVER_H_INCLUDED_


#include "sjl_conn.h"
#include "sjl_library.h"
#include "sjl_process.h"


typedef struct sjl_driver_s   sjl_driver_t;
typedef struct sjl_context_s  sjl_context_t;
typedef struct sjl_remote_s   sjl_remote_t;


/*
 * In this order: the first three are those of spare drivers, see sjl_spare.h,
 * and of the last three none leads back to one before.
 */

typedef enum {
    SJL_DRIVER_WARMING = 0,             /* it has to say that it waits */
    SJL_DRIVER_SPARE,                   /* it waits for a context */
    SJL_DRIVER_ASSIGNED,                /* it has to come for its context */
    SJL_DRIVER_STARTING,                /* it has to report its context */
    SJL_DRIVER_READY,
    SJL_DRIVER_AWAY,                    /* its link has to come back */
    SJL_DRIVER_STOPPING,                /* it was asked to stop */
    SJL_DRIVER_TERMINATED,              /* it was sent SIGTERM */
    SJL_DRIVER_KILLED                   /* it was sent SIGKILL */
} sjl_driver_phase_e;


struct sjl_driver_s {
    sjl_process_t        process;       /* one of a cluster has none */
    sjl_remote_t        *remote;        /* NULL: it is a process of ours */
    char                *instance;      /* which JVM it is, as that says */
    char                 id[SJL_ID_LEN + 1];    /* it was started for */
    sjl_driver_phase_e   phase;
    ev_timer             timer;
    ev_timer             ping;
    unsigned             silent;        /* pings that it has not answered */
    unsigned             faults;        /* of little harm: see sjl_link.c */
    unsigned             logs;          /* pieces that are being written */
    int64_t              since;
    sjl_context_t       *context;       /* NULL: it was given up */
    sjl_conn_t          *conn;          /* NULL: it is away */
    unsigned             stopped:1;     /* it has said so */
    unsigned             whole:1;       /* all of its folder is swept */
    unsigned             spare:1;       /* it was one, its id is its own */
    unsigned             settled:1;     /* it is none, or not wanted, now */
    sjl_context_t       *taker;         /* that a spare is kept for */
    char                 hash[SJL_HASH_LEN + 1];    /* of its secret */
    char                 key[SJL_HASH_LEN + 1];     /* see sjl_spare.c */
    json_t              *respawn;       /* options that it wants instead */
    char                *cluster;       /* likewise, "": none; or NULL */
    char                *library;       /* the same; NULL: its cluster's */
    int64_t              ports;         /* see sjl_ports.h */
    char                *folder;        /* to be swept when it has ended */
    char                *reason;        /* why it has stopped, in its words */
    char                *words;         /* how it ended, as its cluster says */
    char                *kept;          /* the key of its row in sjl_kill.c */

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
 * Starts one without a context, which has that secret; it is known by an id of
 * its own, whose folder is there.  Returns NULL, and has logged why.
 */
sjl_driver_t *sjl_driver_start_spare(const char *id, const char *secret,
    const sjl_library_t *library);

/*
 * Gives a context to a spare driver; who does not come for it in time is given
 * up, and the context gets a driver that is started for it.
 */
void sjl_driver_assign(sjl_driver_t *d, sjl_context_t *ctx,
    const char *secret);

/* whether one was started under that id, and has not ended */
int sjl_driver_known(const char *id);

/* one that has no context: it has nothing to stop */
void sjl_driver_discard(sjl_driver_t *d);

/* what the next launcher needs to know of its process, to be freed, or NULL */
char *sjl_driver_text(const sjl_driver_t *d);

/* of one of a cluster something is known now that the row has to have */
void sjl_driver_note(sjl_driver_t *d);

/* one of a cluster has ended; it is freed, the words are taken over */
void sjl_driver_over(sjl_driver_t *d, char *words);

/* a launcher that died had not started it, as its cluster says */
void sjl_driver_unstarted(sjl_driver_t *d);

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

/* its context goes on without it, and it is killed */
void sjl_driver_let_go(sjl_driver_t *d);

/* whether it runs on another host for certain, where none of our files are */
int sjl_driver_is_elsewhere(const sjl_driver_t *d);

/* whether it is connected by TCP, so that files are no way to pass bytes */
int sjl_driver_is_remote(const sjl_driver_t *d);

/* sends a message, unless the link is broken: see sjl_job_reconcile() */
void sjl_driver_send(sjl_driver_t *d, sjp_type_e type, json_t *meta,
    const void *payload, size_t size);

/* forgets all drivers; they go on */
void sjl_driver_leave(void);

/* what starting one needs: see sjl_driver_start.c */
sjl_driver_t *sjl_driver_make(const char *id, sjl_context_t *ctx);
void sjl_driver_enter(sjl_driver_t *d, sjl_driver_phase_e phase);
void sjl_driver_free(sjl_driver_t *d);


#endif /* _SJL_DRIVER_H_INCLUDED_ */
