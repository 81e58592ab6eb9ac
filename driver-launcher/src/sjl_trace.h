
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * When one job was where, for who has asked for it.  NULL is a trace that
 * nobody wants.
 */


#ifndef _SJL_TRACE_H_INCLUDED_
#define _SJL_TRACE_H_INCLUDED_


#include "sjl.h"

#include <jansson.h>
#include <sparkjob_protocol.h>


typedef struct {
    int64_t  times[SJP_TRACE_NTIMES];   /* sjl_ticks() */
} sjl_trace_t;


/* to be freed; the job is with the launcher since now */
sjl_trace_t *sjl_trace_begin(void);

/* it is there now */
void sjl_trace_mark(sjl_trace_t *trace, sjp_trace_e n);

/* its end has come over the link, with the driver's own times, or NULL */
void sjl_trace_driver(sjl_trace_t *trace, const json_t *times);

/* as the message has it */
json_t *sjl_trace_json(const sjl_trace_t *trace);


#endif /* _SJL_TRACE_H_INCLUDED_ */
