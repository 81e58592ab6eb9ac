
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjc_sse.h"


static void sjc_sse_line(sjc_sse_t *sse);
static void sjc_sse_field(sjc_sse_t *sse, const char *value);
static void sjc_sse_event(sjc_sse_t *sse);
static void sjc_sse_set(sjc_buf_t *buf, const char *value);
static void sjc_sse_clear(sjc_buf_t *buf);


void
sjc_sse_feed(sjc_sse_t *sse, const char *p, size_t n)
{
    const char  *end, *start;

    end = p + n;

    while (p < end) {

        /* the second half of "\r\n" */

        if (sse->cr && *p == '\n') {
            sse->cr = 0;
            p++;
            continue;
        }

        sse->cr = 0;
        start = p;

        while (p < end && *p != '\n' && *p != '\r') {
            p++;
        }

        sjc_buf_add(&sse->line, start, p - start);

        if (p < end) {
            sse->cr = *p++ == '\r';
            sjc_sse_line(sse);
        }
    }
}


static void
sjc_sse_line(sjc_sse_t *sse)
{
    char  *colon;

    if (sse->line.len == 0) {
        sjc_sse_event(sse);
        return;
    }

    colon = strchr(sse->line.data, ':');

    if (colon) {
        *colon++ = '\0';
        colon += *colon == ' ';
    }

    sjc_sse_field(sse, colon ? colon : "");
    sjc_sse_clear(&sse->line);
}


/* a line without a name is a comment, which keeps the connection alive */

static void
sjc_sse_field(sjc_sse_t *sse, const char *value)
{
    const char  *name;

    name = sse->line.data;

    if (strcmp(name, "event") == 0) {
        sjc_sse_set(&sse->event, value);

    } else if (strcmp(name, "id") == 0) {
        sjc_sse_set(&sse->next, value);

    } else if (strcmp(name, "data") == 0) {

        if (sse->any) {
            sjc_buf_add(&sse->data, "\n", 1);
        }

        sjc_buf_add(&sse->data, value, strlen(value));
        sse->any = 1;
    }
}


/* the id is known before the handler is: it may break the connection off */

static void
sjc_sse_event(sjc_sse_t *sse)
{
    if (sse->next.len) {
        sjc_sse_set(&sse->id, sse->next.data);
    }

    if (sse->any) {
        sse->handler(sse->ctx, sse->event.len ? sse->event.data : "message",
                     sse->data.data);
    }

    sjc_sse_reset(sse);
}


void
sjc_sse_reset(sjc_sse_t *sse)
{
    sjc_sse_clear(&sse->line);
    sjc_sse_clear(&sse->next);
    sjc_sse_clear(&sse->event);
    sjc_sse_clear(&sse->data);
    sse->any = 0;
}


static void
sjc_sse_set(sjc_buf_t *buf, const char *value)
{
    sjc_sse_clear(buf);
    sjc_buf_add(buf, value, strlen(value));
}


static void
sjc_sse_clear(sjc_buf_t *buf)
{
    buf->len = 0;

    if (buf->data) {
        buf->data[0] = '\0';
    }
}


void
sjc_sse_free(sjc_sse_t *sse)
{
    sjc_buf_free(&sse->id);
    sjc_buf_free(&sse->line);
    sjc_buf_free(&sse->next);
    sjc_buf_free(&sse->event);
    sjc_buf_free(&sse->data);
}
