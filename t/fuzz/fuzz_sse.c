
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * A stream of events as the command reads it: however the bytes are cut into
 * pieces, the events are the same.
 */


#include "fuzz.h"
#include "sjc_sse.h"


static void fuzz_event(void *ctx, const char *event, const char *data);
static void fuzz_feed(sjc_buf_t *events, const uint8_t *data, size_t size,
    size_t piece);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t     piece;
    sjc_buf_t  whole, pieces;

    memset(&whole, 0, sizeof(whole));
    fuzz_feed(&whole, data, size, size ? size : 1);

    for (piece = 1; piece < 4; piece++) {
        memset(&pieces, 0, sizeof(pieces));
        fuzz_feed(&pieces, data, size, piece);

        fuzz_check(whole.len == pieces.len);
        fuzz_check(whole.len == 0
                   || memcmp(whole.data, pieces.data, whole.len) == 0);
        sjc_buf_free(&pieces);
    }

    sjc_buf_free(&whole);

    return 0;
}


static void
fuzz_feed(sjc_buf_t *events, const uint8_t *data, size_t size, size_t piece)
{
    size_t     n;
    sjc_sse_t  sse;

    memset(&sse, 0, sizeof(sse));
    sse.handler = fuzz_event;
    sse.ctx = events;

    for ( /* void */ ; size; data += n, size -= n) {
        n = piece < size ? piece : size;
        sjc_sse_feed(&sse, (const char *) data, n);
    }

    sjc_sse_free(&sse);
}


static void
fuzz_event(void *ctx, const char *event, const char *data)
{
    sjc_buf_add(ctx, event, strlen(event) + 1);
    sjc_buf_add(ctx, data, strlen(data) + 1);
}
