
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The lock check: linked into the module, around its calls of ngx_shmtx_lock()
 * and ngx_shmtx_unlock().
 *
 * As long as a worker does not have the lock of a zone the pages of that zone
 * cannot be accessed by it, so that whatever looks at the tables without the
 * lock, by whichever path, ends the worker with an [alert] that tells where it
 * was.  The same for what must not be done while the lock is held: logging,
 * allocating, formatting, taking it once more.
 *
 * The first page is left out: it has the mutex itself.
 */


#include <ngx_http_sparkjob_table.h>

#include <execinfo.h>
#include <sys/mman.h>


#define NGX_HTTP_SPARKJOB_LOCKCHECK_ZONES   16
#define NGX_HTTP_SPARKJOB_LOCKCHECK_FRAMES  32


void __real_ngx_shmtx_lock(ngx_shmtx_t *mtx);
void __real_ngx_shmtx_unlock(ngx_shmtx_t *mtx);
ngx_int_t __real_ngx_http_sparkjob_channel_start(ngx_cycle_t *cycle,
    ngx_http_sparkjob_zone_t *zone);
void *__real_ngx_alloc(size_t size, ngx_log_t *log);
void *__real_ngx_palloc(ngx_pool_t *pool, size_t size);
void *__real_ngx_pnalloc(ngx_pool_t *pool, size_t size);
void *__real_ngx_pcalloc(ngx_pool_t *pool, size_t size);
void __real_ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...);

static void ngx_http_sparkjob_lockcheck_guard(ngx_slab_pool_t *shpool,
    int prot);
static void ngx_http_sparkjob_lockcheck_fault(int signo, siginfo_t *info,
    void *context);
static void ngx_http_sparkjob_lockcheck_fail(char *what);
static void ngx_http_sparkjob_lockcheck_no_lock(char *what);


static ngx_slab_pool_t  *ngx_http_sparkjob_lockcheck_zones[
                                        NGX_HTTP_SPARKJOB_LOCKCHECK_ZONES];
static ngx_uint_t        ngx_http_sparkjob_lockcheck_nzones;
static ngx_slab_pool_t  *ngx_http_sparkjob_lockcheck_held;


/* at the start of a worker: from now on the zone is closed */

ngx_int_t
__wrap_ngx_http_sparkjob_channel_start(ngx_cycle_t *cycle,
    ngx_http_sparkjob_zone_t *zone)
{
    void              *frame;
    struct sigaction   sa;

    if (ngx_http_sparkjob_lockcheck_nzones
        == NGX_HTTP_SPARKJOB_LOCKCHECK_ZONES)
    {
        ngx_http_sparkjob_lockcheck_fail("there are too many zones");
    }

    /* the first call allocates: not within the handler, then */
    (void) backtrace(&frame, 1);

    ngx_memzero(&sa, sizeof(struct sigaction));
    sa.sa_sigaction = ngx_http_sparkjob_lockcheck_fault;
    sa.sa_flags = SA_SIGINFO|SA_RESETHAND;

    if (sigaction(SIGSEGV, &sa, NULL) == -1) {
        ngx_http_sparkjob_lockcheck_fail("sigaction() failed");
    }

    ngx_http_sparkjob_lockcheck_zones[ngx_http_sparkjob_lockcheck_nzones++] =
        zone->shpool;

    ngx_http_sparkjob_lockcheck_guard(zone->shpool, PROT_NONE);

    ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0,
                  "lock check: sparkjob_zone \"%V\" is guarded", &zone->name);

    return __real_ngx_http_sparkjob_channel_start(cycle, zone);
}


void
__wrap_ngx_shmtx_lock(ngx_shmtx_t *mtx)
{
    if (ngx_http_sparkjob_lockcheck_held) {
        ngx_http_sparkjob_lockcheck_fail("a lock is taken while one is held");
    }

    __real_ngx_shmtx_lock(mtx);

    ngx_http_sparkjob_lockcheck_held =
        (ngx_slab_pool_t *) ((u_char *) mtx - offsetof(ngx_slab_pool_t, mutex));

    ngx_http_sparkjob_lockcheck_guard(ngx_http_sparkjob_lockcheck_held,
                                      PROT_READ|PROT_WRITE);
}


void
__wrap_ngx_shmtx_unlock(ngx_shmtx_t *mtx)
{
    if (ngx_http_sparkjob_lockcheck_held == NULL
        || &ngx_http_sparkjob_lockcheck_held->mutex != mtx)
    {
        ngx_http_sparkjob_lockcheck_fail("a lock is given up that is not held");
    }

    ngx_http_sparkjob_lockcheck_guard(ngx_http_sparkjob_lockcheck_held,
                                      PROT_NONE);

    ngx_http_sparkjob_lockcheck_held = NULL;

    __real_ngx_shmtx_unlock(mtx);
}


static void
ngx_http_sparkjob_lockcheck_guard(ngx_slab_pool_t *shpool, int prot)
{
    u_char  *start;

    start = (u_char *) shpool + ngx_pagesize;

    if (mprotect(start, shpool->end - start, prot) == -1) {
        ngx_http_sparkjob_lockcheck_fail("mprotect() failed");
    }
}


static void
ngx_http_sparkjob_lockcheck_fault(int signo, siginfo_t *info, void *context)
{
    u_char      *p;
    ngx_uint_t   i;

    p = info->si_addr;

    for (i = 0; i < ngx_http_sparkjob_lockcheck_nzones; i++) {

        if (p >= (u_char *) ngx_http_sparkjob_lockcheck_zones[i]
            && p < ngx_http_sparkjob_lockcheck_zones[i]->end)
        {
            ngx_http_sparkjob_lockcheck_fail("the zone is used without its "
                                             "lock");
        }
    }

    /* any other fault: the handler is gone, and the instruction comes again */
}


/* nothing here needs a lock or memory */

static void
ngx_http_sparkjob_lockcheck_fail(char *what)
{
    int            n;
    char          *parts[] = { "[alert] lock check: ", what, "\n" };
    void          *frames[NGX_HTTP_SPARKJOB_LOCKCHECK_FRAMES];
    ngx_fd_t       fd;
    ngx_uint_t     i;

    fd = ngx_cycle->log->file->fd;

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        (void) write(fd, parts[i], ngx_strlen(parts[i]));
    }

    n = backtrace(frames, NGX_HTTP_SPARKJOB_LOCKCHECK_FRAMES);
    backtrace_symbols_fd(frames, n, fd);

    _exit(2);
}


/* what is slow, or may fail, has to wait until the lock is given up */

static void
ngx_http_sparkjob_lockcheck_no_lock(char *what)
{
    if (ngx_http_sparkjob_lockcheck_held) {
        ngx_http_sparkjob_lockcheck_fail(what);
    }
}


void *
__wrap_ngx_alloc(size_t size, ngx_log_t *log)
{
    ngx_http_sparkjob_lockcheck_no_lock("memory is taken under the lock");

    return __real_ngx_alloc(size, log);
}


void *
__wrap_ngx_palloc(ngx_pool_t *pool, size_t size)
{
    ngx_http_sparkjob_lockcheck_no_lock("memory is taken under the lock");

    return __real_ngx_palloc(pool, size);
}


void *
__wrap_ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    ngx_http_sparkjob_lockcheck_no_lock("memory is taken under the lock");

    return __real_ngx_pnalloc(pool, size);
}


void *
__wrap_ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    ngx_http_sparkjob_lockcheck_no_lock("memory is taken under the lock");

    return __real_ngx_pcalloc(pool, size);
}


u_char *
__wrap_ngx_sprintf(u_char *buf, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    ngx_http_sparkjob_lockcheck_no_lock("text is formatted under the lock");

    va_start(args, fmt);
    p = ngx_vslprintf(buf, (void *) -1, fmt, args);
    va_end(args);

    return p;
}


void
__wrap_ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    u_char   *p, text[NGX_MAX_ERROR_STR];
    va_list   args;

    ngx_http_sparkjob_lockcheck_no_lock("something is logged under the lock");

    va_start(args, fmt);
    p = ngx_vslprintf(text, text + NGX_MAX_ERROR_STR - 1, fmt, args);
    va_end(args);

    *p = '\0';

    __real_ngx_log_error_core(level, log, err, "%s", text);
}
