
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_trace.h"


#define SJL_TRACE_DRIVER  (SJP_TRACE_DRIVER_OUT - SJP_TRACE_DRIVER_IN + 1)

/* microseconds; no clock runs that long, and sums of a few are no overflow */
#define SJL_TRACE_MAX     ((json_int_t) 1 << 60)


static int64_t sjl_trace_shift(const sjl_trace_t *trace);


sjl_trace_t *
sjl_trace_begin(void)
{
    sjl_trace_t  *trace;

    trace = sjl_alloc(sizeof(sjl_trace_t));
    sjl_trace_mark(trace, SJP_TRACE_LAUNCHER_IN);

    return trace;
}


void
sjl_trace_mark(sjl_trace_t *trace, sjp_trace_e n)
{
    if (trace) {
        trace->times[n] = sjl_ticks();
    }
}


/* a driver may say anything: what it says is cut to the time that it had */

void
sjl_trace_driver(sjl_trace_t *trace, const json_t *times)
{
    size_t       i;
    int64_t      shift, least, *t;
    json_int_t   n;

    if (trace == NULL) {
        return;
    }

    sjl_trace_mark(trace, SJP_TRACE_LINK_BACK);

    t = trace->times + SJP_TRACE_DRIVER_IN;

    for (i = 0; i < SJL_TRACE_DRIVER; i++) {
        n = json_integer_value(json_array_get(times, i));
        t[i] = n < 0 || n > SJL_TRACE_MAX ? 0 : n;
    }

    shift = sjl_trace_shift(trace);
    least = trace->times[SJP_TRACE_LINK_OUT];

    for (i = 0; i < SJL_TRACE_DRIVER; i++) {
        t[i] += shift;
        t[i] = t[i] < least ? least : t[i];
        t[i] = t[i] > trace->times[SJP_TRACE_LINK_BACK]
               ? trace->times[SJP_TRACE_LINK_BACK] : t[i];
        least = t[i];
    }
}


/*
 * A driver of another host has another clock: of its times only the
 * differences mean something, and both ways are taken to be as long.
 */

static int64_t
sjl_trace_shift(const sjl_trace_t *trace)
{
    int64_t  in, out, sent, back;

    in = trace->times[SJP_TRACE_DRIVER_IN];
    out = trace->times[SJP_TRACE_DRIVER_OUT];
    sent = trace->times[SJP_TRACE_LINK_OUT];
    back = trace->times[SJP_TRACE_LINK_BACK];

    if (in >= sent && out <= back) {
        return 0;
    }

    return (sent + back) / 2 - in - (out - in) / 2;
}


json_t *
sjl_trace_json(const sjl_trace_t *trace)
{
    size_t   i;
    json_t  *times;

    times = json_array();

    for (i = 0; i < SJP_TRACE_NTIMES; i++) {
        (void) json_array_append_new(times,
                                     json_integer((json_int_t)
                                                  trace->times[i]));
    }

    return times;
}
