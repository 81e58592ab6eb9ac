
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * How long workers hold the lock of the zones, and wait for it: linked into the
 * module, around its calls of ngx_shmtx_lock() and ngx_shmtx_unlock().  Each
 * process that has used it says so in the error log when it ends.
 */


#include <ngx_http_sparkjob_table.h>

#include <time.h>


void __real_ngx_shmtx_lock(ngx_shmtx_t *mtx);
void __real_ngx_shmtx_unlock(ngx_shmtx_t *mtx);

static uint64_t ngx_http_sparkjob_locktime_now(void);


static uint64_t  ngx_http_sparkjob_locktime_began;
static uint64_t  ngx_http_sparkjob_locktime_taken;
static uint64_t  ngx_http_sparkjob_locktime_contended;
static uint64_t  ngx_http_sparkjob_locktime_waited;
static uint64_t  ngx_http_sparkjob_locktime_held;
static uint64_t  ngx_http_sparkjob_locktime_longest;


void
__wrap_ngx_shmtx_lock(ngx_shmtx_t *mtx)
{
    uint64_t  began;

    if (!ngx_shmtx_trylock(mtx)) {
        began = ngx_http_sparkjob_locktime_now();

        __real_ngx_shmtx_lock(mtx);

        ngx_http_sparkjob_locktime_contended++;
        ngx_http_sparkjob_locktime_waited += ngx_http_sparkjob_locktime_now()
                                             - began;
    }

    ngx_http_sparkjob_locktime_taken++;
    ngx_http_sparkjob_locktime_began = ngx_http_sparkjob_locktime_now();
}


void
__wrap_ngx_shmtx_unlock(ngx_shmtx_t *mtx)
{
    uint64_t  held;

    held = ngx_http_sparkjob_locktime_now() - ngx_http_sparkjob_locktime_began;

    __real_ngx_shmtx_unlock(mtx);

    ngx_http_sparkjob_locktime_held += held;
    ngx_http_sparkjob_locktime_longest
        = ngx_max(ngx_http_sparkjob_locktime_longest, held);
}


static uint64_t
ngx_http_sparkjob_locktime_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}


/* standard error is the error log */

static void __attribute__((destructor))
ngx_http_sparkjob_locktime_tell(void)
{
    if (ngx_http_sparkjob_locktime_taken == 0) {
        return;
    }

    (void) dprintf(STDERR_FILENO, "locktime: pid %d taken %lu contended %lu "
                   "waited %lu held %lu longest %lu\n", (int) ngx_pid,
                   ngx_http_sparkjob_locktime_taken,
                   ngx_http_sparkjob_locktime_contended,
                   ngx_http_sparkjob_locktime_waited,
                   ngx_http_sparkjob_locktime_held,
                   ngx_http_sparkjob_locktime_longest);
}
