
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Batches: programs that Spark's own SparkSubmit runs.  Each has a folder among
 * those of contexts, and a number.  All that are shown are in memory.
 *
 * A small process of ours stands between the launcher and SparkSubmit, see
 * sjl_batch_wait.c: it goes on when the launcher dies, and leaves in the folder
 * who runs, what is known of it, and how it has ended.  Those files decide; a
 * row says only which batches there are, and how they have ended.
 */


#ifndef _SJL_BATCH_H_INCLUDED_
#define _SJL_BATCH_H_INCLUDED_


#include "sjl_cluster.h"
#include "sjl_library.h"
#include "sjl_process.h"
#include "sjl_request.h"
#include "sjl_row.h"

#include <uthash.h>


/* files of a batch's folder */
#define SJL_BATCH_PROCESS     "sparkjob-batch.process"
#define SJL_BATCH_STATUS      "sparkjob-batch.status"
#define SJL_BATCH_TOLD        "sparkjob-batch.told"
#define SJL_BATCH_PLAN        "sparkjob-batch.plan"
#define SJL_BATCH_LOG         "driver.log"


typedef struct sjl_batch_s  sjl_batch_t;

struct sjl_batch_s {
    sjl_batch_row_t   row;
    json_t           *spec;             /* of the row */
    sjl_owner_t       owner;

    sjl_process_t     process;          /* who waits for SparkSubmit */
    ev_timer          timer;            /* until it is killed */
    char             *application;      /* as they were told last */
    char             *url;

    unsigned          kept:1;           /* its row is durable */
    unsigned          tried:1;          /* it was started by this launcher */
    unsigned          runs:1;           /* on its cluster, too */
    unsigned          ending:1;         /* it was asked to end */
    unsigned          removing:1;
    unsigned          reaping:1;        /* its application is killed */
    unsigned          nsaves;

    sjp_batch_state_e end_state;        /* what becomes of it then */
    int64_t           end;

    sjl_request_t    *creators;         /* they wait for the row */
    sjl_request_t    *deleters;         /* they wait for the end */

    UT_hash_handle    hh;               /* by id, in the order of numbers */
};


/* all that are there, those that are being made too */
extern sjl_batch_t  *sjl_batches;


/* a row of the database, at the start */
void sjl_batch_adopt(const sjl_batch_row_t *row);

/* goes on with what another launcher has left */
void sjl_batch_start_all(void);

sjl_batch_t *sjl_batch_make(const char *id, const char *user);
void sjl_batch_free(sjl_batch_t *b);

sjl_batch_t *sjl_batch_find(const char *id);

/* whether an id, of a process or a folder, is that of a batch */
int sjl_batch_known(const char *id);

/* the same, while something of it may run */
int sjl_batch_lives(const char *id);

/* how many have not ended */
size_t sjl_batch_alive(void);

/*
 * Whether it is there for a request that says whose batches are; an owner of
 * NULL has all.
 */
int sjl_batch_there(const sjl_batch_t *b, const char *owner);

/* the one of a number in text, or else the newest of a name; or NULL */
sjl_batch_t *sjl_batch_which(const char *text, const char *owner);

/* gives it a name; SJL_ERROR: one that runs has it, or is made with it */
int sjl_batch_call(sjl_batch_t *b, const char *name, const char *owner);

int sjl_batch_final(const sjl_batch_t *b);

/* its state by a name of Livy's */
const char *sjl_batch_state(const sjl_batch_t *b);

/*
 * Replies with what Livy's API shows of so many batches, an array, or of one
 * alone, as it is known of them now; the metadata are taken over
 * (sjl_batch_show.c).
 */
void sjl_batch_show(sjl_request_t *r, json_t *meta, sjl_batch_t **batches,
    size_t n, int alone);

/*
 * Keeps a new row, or its change; a new one that cannot be kept is refused to
 * those who wait for it, and freed.
 */
void sjl_batch_add(sjl_batch_t *b);
void sjl_batch_save(sjl_batch_t *b);

/* forgets one that has ended, with its folder */
void sjl_batch_remove(sjl_batch_t *b);


/* starts it, once its row is durable (sjl_batch_run.c) */
void sjl_batch_run(sjl_batch_t *b);

/* finds what an earlier launcher has left of it, or starts it */
void sjl_batch_resume(sjl_batch_t *b);

/* has it end: in order, and a while later in any case */
void sjl_batch_stop(sjl_batch_t *b);

/* reads what is known of it now */
void sjl_batch_look(sjl_batch_t *b);

/* the launcher ends: batches too, or they are left */
void sjl_batch_stop_all(int now);
size_t sjl_batch_stopping(void);
void sjl_batch_leave(void);


/* the folder's files (sjl_batch_files.c): a path in it, to be freed */
char *sjl_batch_path(const sjl_batch_t *b, const char *file);

/* reads a short one, to be freed; NULL: there is none */
char *sjl_batch_read(const sjl_batch_t *b, const char *file);


/* the process that waits; args: the folder, the program and its words */
int sjl_batch_wait(char *const *args);


/* answers a request by what is shown of a batch */
void sjl_batch_tell(sjl_batch_t *b, sjl_request_t *r);

/* messages */
void sjl_batch_create(sjl_conn_t *c, sjl_frame_t *f);
void sjl_batch_get(sjl_conn_t *c, sjl_frame_t *f);
void sjl_batch_list(sjl_conn_t *c, sjl_frame_t *f);
void sjl_batch_log(sjl_conn_t *c, sjl_frame_t *f);
void sjl_batch_delete(sjl_conn_t *c, sjl_frame_t *f);


#endif /* _SJL_BATCH_H_INCLUDED_ */
