
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Server-sent events, taken from bytes as they come.
 */


#ifndef _SJC_SSE_H_INCLUDED_
#define _SJC_SSE_H_INCLUDED_


#include "sjc.h"


/* event is "message" unless the server named it */
typedef void (*sjc_sse_pt)(void *ctx, const char *event, const char *data);


typedef struct {
    sjc_sse_pt   handler;
    void        *ctx;

    sjc_buf_t    id;            /* of the last whole event that had one */

    sjc_buf_t    line;
    sjc_buf_t    next;          /* id of the event that is being read */
    sjc_buf_t    event;
    sjc_buf_t    data;
    int          cr;            /* the last byte was one */
    int          any;           /* the event has data */
} sjc_sse_t;


void sjc_sse_feed(sjc_sse_t *sse, const char *p, size_t n);

/* what was begun is given up, as when the connection broke; the id stays */
void sjc_sse_reset(sjc_sse_t *sse);

void sjc_sse_free(sjc_sse_t *sse);


#endif /* _SJC_SSE_H_INCLUDED_ */
