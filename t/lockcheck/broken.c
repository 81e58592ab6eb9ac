
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Faults that the lock check has to find, one for each number that BROKEN may
 * be: they are made when binaries are listed.
 */


#include <ngx_http_sparkjob_table.h>


#define ngx_http_sparkjob_broken_sh(zone)                                     \
    ((ngx_http_sparkjob_sh_t *) (zone)->shpool->data)


ngx_int_t __real_ngx_http_sparkjob_zone_list(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_query_t *query, ngx_http_sparkjob_rows_t *rows);


ngx_int_t
__wrap_ngx_http_sparkjob_zone_list(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_query_t *query, ngx_http_sparkjob_rows_t *rows)
{
    if (query->kind != NGX_HTTP_SPARKJOB_BINARY) {
        return __real_ngx_http_sparkjob_zone_list(zone, query, rows);
    }

#if (BROKEN == 1)       /* a walk without the lock */

    if (!ngx_queue_empty(&ngx_http_sparkjob_broken_sh(zone)->alive)) {
        rows->more = 0;
    }

#elif (BROKEN == 2)     /* a search without the lock */

    (void) ngx_http_sparkjob_table_find_locked(
                                            ngx_http_sparkjob_broken_sh(zone),
                                            query->kind, &query->user);

#elif (BROKEN == 3)     /* a change without the lock */

    *(volatile uint64_t *) &ngx_http_sparkjob_broken_sh(zone)->stamp = 0;

#elif (BROKEN == 4)     /* a lock that is not given up */

    ngx_shmtx_lock(&zone->shpool->mutex);

#elif (BROKEN == 5)     /* a lock that is given up twice */

    ngx_shmtx_lock(&zone->shpool->mutex);
    ngx_shmtx_unlock(&zone->shpool->mutex);
    ngx_shmtx_unlock(&zone->shpool->mutex);

#else

    ngx_shmtx_lock(&zone->shpool->mutex);

#if (BROKEN == 6)
    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0, "%uL",
                  ngx_http_sparkjob_broken_sh(zone)->seq);

#elif (BROKEN == 7)
    (void) ngx_palloc(ngx_cycle->pool, sizeof(uint64_t));

#elif (BROKEN == 8)
    (void) ngx_alloc(sizeof(uint64_t), ngx_cycle->log);

#elif (BROKEN == 9)
    {
    u_char  text[NGX_INT64_LEN];

    (void) ngx_sprintf(text, "%uL", ngx_http_sparkjob_broken_sh(zone)->seq);
    }

#endif

    ngx_shmtx_unlock(&zone->shpool->mutex);

#endif

    return __real_ngx_http_sparkjob_zone_list(zone, query, rows);
}
