
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Answers that have no end for a while: logs and events, some at once.  A
 * connection that breaks is made again, from where it broke.
 */


#ifndef _SJC_STREAM_H_INCLUDED_
#define _SJC_STREAM_H_INCLUDED_


#include "sjc_http.h"


typedef struct sjc_stream_s  sjc_stream_t;

struct sjc_stream_s {

    /* the path to ask for now, and a header's line if one is wanted */
    void       (*ask)(sjc_stream_t *stream, sjc_buf_t *path,
                      sjc_buf_t *header);

    /* bytes of the answer */
    void       (*data)(sjc_stream_t *stream, const char *p, size_t n);

    /* whether an answer that is complete was all there is; 204: for ever */
    int        (*ended)(sjc_stream_t *stream, long status);

    void        *ctx;
    unsigned     retries:1;     /* ask again when it breaks */
    unsigned     beats:1;       /* the server says something now and then */
    unsigned     done:1;        /* may be set by data() */

    unsigned     answered:1;
    CURL        *curl;
    CURLM       *multi;
    int64_t      again;         /* when to ask */
    int64_t      heard;         /* when there was anything, last */
    int64_t      delay;
    sjc_buf_t    refusal;
    char         detail[CURL_ERROR_SIZE];
    struct curl_slist  *headers;
};


/*
 * Returns when all are done.  SJC_TIMED_OUT: the deadline of sjc_now() has
 * passed, which may change on the way, -1 is none.
 */
sjc_exit_e sjc_stream_run(sjc_stream_t *const *streams, size_t n,
    const int64_t *deadline);


#endif /* _SJC_STREAM_H_INCLUDED_ */
