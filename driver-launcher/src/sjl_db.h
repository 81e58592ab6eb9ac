
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The database thread.  Operations that wait while a commit is on its way go
 * together into the next one; each is told back after its commit.  So when a
 * read is told back, so was every change that it has seen.
 */


#ifndef _SJL_DB_H_INCLUDED_
#define _SJL_DB_H_INCLUDED_


#include "sjl_dao.h"
#include "sjl_queue.h"


typedef struct sjl_db_op_s  sjl_db_op_t;

struct sjl_db_op_s {
    sjl_op_t      op;

    /*
     * Called on the database thread, within a transaction if one of those that
     * go together changes something; returns what the DAO's functions do.  It
     * may be called again after a rollback, so it begins with forgetting what
     * it read.
     */
    int         (*run)(sjl_db_op_t *op, sjl_dao_t *dao);

    /* called on the loop; the operation is the callee's again */
    void        (*done)(sjl_db_op_t *op);

    void         *data;

    /*
     * The change must not be lost: when it fails it is tried again each second
     * until it is down.
     */
    unsigned      retry:1;
    unsigned      tried:1;              /* and it has failed */

    /* it changes nothing, and needs no disk that can be written to */
    unsigned      reads:1;

    /* it keeps something, so once it is down the disk is not full */
    unsigned      keeps:1;

    int           rc;
    sjl_why_t     why;                  /* of SJL_ERROR */
    sjl_db_op_t  *next;                 /* of those to be tried again */
};


/* opens the DAO; returns SJL_OK or SJL_ERROR, and has logged why */
int sjl_db_open(void);

/* calls a function once all of what is kept was looked at, and is well */
void sjl_db_when_whole(void (*fn)(void));

/* the DAO itself, for the time before sjl_db_start() */
sjl_dao_t *sjl_db_dao(void);

int sjl_db_start(void);

/*
 * A "lazy" operation does not make a commit of its own, unless none follows
 * within sync_commit_delay.
 */
void sjl_db_add(sjl_db_op_t *op, int lazy);

/*
 * Has fn change an operation that is still to be begun, instead of another one
 * that would overwrite what it does.  Returns whether it was.
 */
int sjl_db_amend(sjl_db_op_t *op, void (*fn)(sjl_op_t *op), int lazy);

/*
 * Why changes that must not be lost are not down yet, or NULL.  As long as
 * there are such nothing new is begun: it would not be kept either.
 */
const sjl_why_t *sjl_db_trouble(void);

/* how often what was down showed that the disk is not full */
size_t sjl_db_kept(void);

/* the queue's length, with what is to be tried again, and its total */
size_t sjl_db_length(void);
size_t sjl_db_retries(void);
uint64_t sjl_db_total(void);
uint64_t sjl_db_commits(void);

/* waits for all operations, and closes the DAO */
void sjl_db_stop(void);


#endif /* _SJL_DB_H_INCLUDED_ */
