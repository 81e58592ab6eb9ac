
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Server-Timing: how long a job ran, and if asked for how long it took from
 * hop to hop.  Launcher and drivers of this host read the same clock, so that
 * the time on the way from one to the other can be told as well.
 */


#include <ngx_http_sparkjob_module.h>


/* the worker's own, then the launcher's and the driver's, and the worker's */

#define NGX_HTTP_SPARKJOB_TRACE_IN     0
#define NGX_HTTP_SPARKJOB_TRACE_SENT   1
#define NGX_HTTP_SPARKJOB_TRACE_TOLD   2
#define NGX_HTTP_SPARKJOB_TRACE_BACK   (2 + SJP_TRACE_NTIMES)
#define NGX_HTTP_SPARKJOB_TRACE_OUT    (3 + SJP_TRACE_NTIMES)
#define NGX_HTTP_SPARKJOB_TRACE_TIMES  (4 + SJP_TRACE_NTIMES)


/* microseconds */

struct ngx_http_sparkjob_trace_s {
    uint64_t    times[NGX_HTTP_SPARKJOB_TRACE_TIMES];
    ngx_uint_t  told;
};


static uint64_t ngx_http_sparkjob_trace_now(void);
static u_char *ngx_http_sparkjob_timing_metric(u_char *p, const char *name,
    uint64_t micros);


/* what each time but the first ends */

static const char  *ngx_http_sparkjob_hops[NGX_HTTP_SPARKJOB_TRACE_TIMES] = {
    "total",
    "worker",
    "channel",
    "launcher",
    "link",
    "thread",
    "prepare",
    "job",
    "result",
    "link-back",
    "commit",
    "channel-back",
    "answer"
};

#define NGX_HTTP_SPARKJOB_HOP_LEN                                             \
    (sizeof(", channel-back;dur=.000") - 1 + NGX_INT64_LEN)


ngx_http_sparkjob_trace_t *
ngx_http_sparkjob_trace_begin(ngx_pool_t *pool)
{
    ngx_http_sparkjob_trace_t  *trace;

    trace = ngx_pcalloc(pool, sizeof(ngx_http_sparkjob_trace_t));

    if (trace) {
        trace->times[NGX_HTTP_SPARKJOB_TRACE_IN] =
                                                ngx_http_sparkjob_trace_now();
    }

    return trace;
}


static uint64_t
ngx_http_sparkjob_trace_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


void
ngx_http_sparkjob_trace_sent(ngx_http_sparkjob_trace_t *trace)
{
    trace->times[NGX_HTTP_SPARKJOB_TRACE_SENT] = ngx_http_sparkjob_trace_now();
}


/* a launcher that has not seen the whole of a job tells nothing */

void
ngx_http_sparkjob_trace_back(ngx_http_sparkjob_trace_t *trace, json_t *meta)
{
    json_t      *times;
    json_int_t   n;
    ngx_uint_t   i;

    times = json_object_get(meta, "trace");
    trace->told = (json_array_size(times) == SJP_TRACE_NTIMES);

    for (i = 0; trace->told && i < SJP_TRACE_NTIMES; i++) {
        n = json_integer_value(json_array_get(times, i));
        trace->times[NGX_HTTP_SPARKJOB_TRACE_TOLD + i] = n > 0 ? n : 0;
    }

    trace->times[NGX_HTTP_SPARKJOB_TRACE_BACK] = ngx_http_sparkjob_trace_now();
}


ngx_int_t
ngx_http_sparkjob_timing(ngx_http_request_t *r,
    ngx_http_sparkjob_record_t *rec, ngx_http_sparkjob_trace_t *trace)
{
    u_char      *p;
    uint64_t    *t, taken;
    ngx_str_t    value;
    ngx_uint_t   i, last;

    if (rec->of.job.micros == 0) {
        return NGX_OK;
    }

    last = (trace && trace->told) ? NGX_HTTP_SPARKJOB_TRACE_OUT : 0;

    value.data = ngx_pnalloc(r->pool, (last + 2) * NGX_HTTP_SPARKJOB_HOP_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_http_sparkjob_timing_metric(value.data, "driver",
                                       rec->of.job.micros);

    if (last) {
        t = trace->times;
        t[last] = ngx_http_sparkjob_trace_now();

        /* the launcher may have run before our sendmsg() came back */

        taken = t[NGX_HTTP_SPARKJOB_TRACE_TOLD];

        if (t[NGX_HTTP_SPARKJOB_TRACE_SENT] > taken) {
            t[NGX_HTTP_SPARKJOB_TRACE_SENT] = taken;
        }

        /* what did not happen took no time */

        for (i = 1; i <= last; i++) {
            t[i] = ngx_max(t[i], t[i - 1]);

            p = ngx_cpymem(p, ", ", 2);
            p = ngx_http_sparkjob_timing_metric(p, ngx_http_sparkjob_hops[i],
                                                t[i] - t[i - 1]);
        }

        p = ngx_cpymem(p, ", ", 2);
        p = ngx_http_sparkjob_timing_metric(p, ngx_http_sparkjob_hops[0],
                                            t[last] - t[0]);
    }

    value.len = p - value.data;

    return ngx_http_sparkjob_reply_header(r, "Server-Timing", &value);
}


static u_char *
ngx_http_sparkjob_timing_metric(u_char *p, const char *name, uint64_t micros)
{
    return ngx_sprintf(p, "%s;dur=%uL.%03uL", name, micros / 1000,
                       micros % 1000);
}
