
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_verify.h"
#include "sjl_kept.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>


#define SJL_VERIFY_NICE  19


static void *sjl_verify_run(void *data);
static int sjl_verify_hold(sqlite3 *db);
static int sjl_verify_row(void *data, sqlite3_stmt *stmt);
static void sjl_verify_over(void);
static void sjl_verify_told(struct ev_loop *loop, ev_async *async, int events);


static pthread_t    sjl_verify_thread;
static ev_async     sjl_verify_async;
static int          sjl_verify_runs;
static char        *sjl_verify_folder;

/* the thread's, until it has told; to be interrupted the mutex is needed */
static char        *sjl_verify_why;
static sqlite3     *sjl_verify_db;
static int          sjl_verify_ending;

static pthread_mutex_t  sjl_verify_mutex = PTHREAD_MUTEX_INITIALIZER;

static void       (*sjl_verify_done)(char *why);


int
sjl_verify_start(const char *folder, void (*done)(char *why))
{
    int       err;
    sigset_t  all, old;

    sjl_verify_folder = sjl_strdup(folder);
    sjl_verify_done = done;

    ev_async_init(&sjl_verify_async, sjl_verify_told);
    ev_async_start(sjl_loop, &sjl_verify_async);

    /* signals are the loop's */

    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &old);

    err = pthread_create(&sjl_verify_thread, NULL, sjl_verify_run, NULL);

    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);

    if (err) {
        sjl_log(SJL_LOG_CRIT, "the verify thread cannot be started: %s",
                strerror(err));
        return SJL_ERROR;
    }

    sjl_verify_runs = 1;

    return SJL_OK;
}


/* a database that cannot be read now is no damage: whoever uses it will say */

static void *
sjl_verify_run(void *data)
{
    int       rc;
    char     *why;
    sqlite3  *db;

    (void) data;

    /* of Linux' threads each has a niceness of its own */

    (void) setpriority(PRIO_PROCESS, (id_t) gettid(), SJL_VERIFY_NICE);

    db = sjl_kept_open(sjl_verify_folder, &why);

    if (db == NULL) {
        free(why);
        return NULL;
    }

    (void) sjl_verify_hold(db);

    rc = sjl_kept_query(db, "PRAGMA quick_check(1)", sjl_verify_row,
                        &sjl_verify_why);

    if (rc == SJL_ERROR && sqlite3_errcode(db) == SQLITE_CORRUPT) {
        sjl_verify_why = sjl_strdup(sqlite3_errmsg(db));
        rc = SJL_OK;
    }

    /* what was interrupted may have found anything */

    if (!sjl_verify_hold(NULL) && rc == SJL_OK) {
        ev_async_send(sjl_loop, &sjl_verify_async);
    }

    (void) sqlite3_close(db);

    return NULL;
}


/* whether it is to end */

static int
sjl_verify_hold(sqlite3 *db)
{
    int  ending;

    (void) pthread_mutex_lock(&sjl_verify_mutex);

    sjl_verify_db = db;
    ending = sjl_verify_ending;

    (void) pthread_mutex_unlock(&sjl_verify_mutex);

    return ending;
}


static int
sjl_verify_row(void *data, sqlite3_stmt *stmt)
{
    const char  *text;

    text = (const char *) sqlite3_column_text(stmt, 0);

    if (text && strcmp(text, "ok") != 0) {
        *(char **) data = sjl_strdup(text);
    }

    return SJL_OK;
}


static void
sjl_verify_told(struct ev_loop *loop, ev_async *async, int events)
{
    char  *why;

    (void) loop;
    (void) async;
    (void) events;

    (void) pthread_join(sjl_verify_thread, NULL);
    sjl_verify_runs = 0;

    why = sjl_verify_why;
    sjl_verify_why = NULL;

    sjl_verify_over();
    sjl_verify_done(why);
}


void
sjl_verify_stop(void)
{
    if (!sjl_verify_runs) {
        return;
    }

    sjl_verify_runs = 0;

    (void) pthread_mutex_lock(&sjl_verify_mutex);

    sjl_verify_ending = 1;

    if (sjl_verify_db) {
        sqlite3_interrupt(sjl_verify_db);
    }

    (void) pthread_mutex_unlock(&sjl_verify_mutex);

    (void) pthread_join(sjl_verify_thread, NULL);

    free(sjl_verify_why);
    sjl_verify_why = NULL;

    sjl_verify_over();
}


static void
sjl_verify_over(void)
{
    ev_async_stop(sjl_loop, &sjl_verify_async);

    free(sjl_verify_folder);
}
