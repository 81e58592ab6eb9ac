
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjc_stream.h"


#define SJC_STREAM_TURN      250    /* milliseconds */
#define SJC_STREAM_DELAY     100    /* before it is asked again; doubles */
#define SJC_STREAM_SLOWEST   2000
#define SJC_STREAM_PATIENCE  60000  /* without an answer */
#define SJC_STREAM_SILENCE   60L    /* seconds, for one that beats */


static sjc_exit_e sjc_stream_turn(CURLM *multi, sjc_stream_t *const *streams,
    size_t n);
static void sjc_stream_open(CURLM *multi, sjc_stream_t *stream);
static size_t sjc_stream_write(char *p, size_t size, size_t n, void *data);
static sjc_exit_e sjc_stream_finished(sjc_stream_t *stream, CURLcode code);
static sjc_exit_e sjc_stream_again(sjc_stream_t *stream, sjc_exit_e rc);
static void sjc_stream_close(sjc_stream_t *stream);


sjc_exit_e
sjc_stream_run(sjc_stream_t *const *streams, size_t n, const int64_t *deadline)
{
    size_t       i, done;
    CURLM       *multi;
    sjc_exit_e   rc;

    multi = curl_multi_init();

    if (multi == NULL) {
        exit(sjc_say(SJC_FAILED, "libcurl gives no handle"));
    }

    for (i = 0; i < n; i++) {
        streams[i]->heard = sjc_now();
        streams[i]->delay = SJC_STREAM_DELAY;
    }

    for ( ;; ) {
        rc = sjc_stream_turn(multi, streams, n);

        for (i = 0, done = 0; i < n; i++) {
            done += streams[i]->done;
        }

        if (rc != SJC_OK || done == n) {
            break;
        }

        if (*deadline != -1 && sjc_now() >= *deadline) {
            rc = SJC_TIMED_OUT;
            break;
        }

        (void) curl_multi_poll(multi, NULL, 0, SJC_STREAM_TURN, NULL);
    }

    for (i = 0; i < n; i++) {
        sjc_stream_close(streams[i]);
        sjc_buf_free(&streams[i]->refusal);
    }

    (void) curl_multi_cleanup(multi);

    return rc;
}


static sjc_exit_e
sjc_stream_turn(CURLM *multi, sjc_stream_t *const *streams, size_t n)
{
    int            left;
    char          *owner;
    size_t         i;
    CURLMsg       *msg;
    CURLcode       code;
    sjc_exit_e     rc;

    for (i = 0; i < n; i++) {

        if (streams[i]->done) {
            sjc_stream_close(streams[i]);

        } else if (streams[i]->curl == NULL
                   && sjc_now() >= streams[i]->again)
        {
            sjc_stream_open(multi, streams[i]);
        }
    }

    (void) curl_multi_perform(multi, &left);

    while ((msg = curl_multi_info_read(multi, &left)) != NULL) {

        /* the message goes away with its handle */

        code = msg->data.result;
        (void) curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &owner);

        rc = sjc_stream_finished((sjc_stream_t *) (void *) owner, code);

        if (rc != SJC_OK) {
            return rc;
        }
    }

    return SJC_OK;
}


static void
sjc_stream_open(CURLM *multi, sjc_stream_t *stream)
{
    CURL       *curl;
    sjc_buf_t   path, header;

    memset(&path, 0, sizeof(sjc_buf_t));
    memset(&header, 0, sizeof(sjc_buf_t));

    stream->ask(stream, &path, &header);

    curl = sjc_http_handle(path.data);

    if (header.len) {
        stream->headers = curl_slist_append(NULL, header.data);
        (void) curl_easy_setopt(curl, CURLOPT_HTTPHEADER, stream->headers);
    }

    stream->detail[0] = '\0';

    (void) curl_easy_setopt(curl, CURLOPT_PRIVATE, stream);
    (void) curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, stream->detail);
    (void) curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, sjc_stream_write);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEDATA, stream);

    if (stream->beats) {
        (void) curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
        (void) curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME,
                                SJC_STREAM_SILENCE);
    }

    stream->curl = curl;
    stream->multi = multi;
    (void) curl_multi_add_handle(multi, curl);

    sjc_buf_free(&path);
    sjc_buf_free(&header);
}


static size_t
sjc_stream_write(char *p, size_t size, size_t n, void *data)
{
    long           status;
    sjc_stream_t  *stream = data;

    (void) curl_easy_getinfo(stream->curl, CURLINFO_RESPONSE_CODE, &status);

    if (status >= 400) {
        sjc_buf_add(&stream->refusal, p, size * n);
        return size * n;
    }

    stream->answered = 1;
    stream->heard = sjc_now();
    stream->delay = SJC_STREAM_DELAY;

    if (!stream->done) {
        stream->data(stream, p, size * n);
    }

    return size * n;
}


static sjc_exit_e
sjc_stream_finished(sjc_stream_t *stream, CURLcode code)
{
    long  status;

    (void) curl_easy_getinfo(stream->curl, CURLINFO_RESPONSE_CODE, &status);

    sjc_stream_close(stream);

    if (code != CURLE_OK) {

        if (stream->retries && stream->answered
            && sjc_stream_again(stream, SJC_FAILED) == SJC_OK)
        {
            return SJC_OK;
        }

        return sjc_http_broken(code, stream->detail);
    }

    if (status >= 400) {

        if (status >= 500 && stream->retries && stream->answered
            && sjc_stream_again(stream, SJC_FAILED) == SJC_OK)
        {
            sjc_buf_free(&stream->refusal);
            return SJC_OK;
        }

        sjc_buf_add(&stream->refusal, "", 0);

        return sjc_http_refused(status, &stream->refusal);
    }

    stream->answered = 1;
    stream->heard = sjc_now();

    if (!stream->retries || stream->ended(stream, status)) {
        stream->done = 1;
        return SJC_OK;
    }

    return sjc_stream_again(stream, SJC_OK);
}


/* "rc" when there was no answer for too long */

static sjc_exit_e
sjc_stream_again(sjc_stream_t *stream, sjc_exit_e rc)
{
    int64_t  now;

    now = sjc_now();

    if (now - stream->heard > SJC_STREAM_PATIENCE) {
        return rc;
    }

    stream->again = now + stream->delay;
    stream->delay *= 2;

    if (stream->delay > SJC_STREAM_SLOWEST) {
        stream->delay = SJC_STREAM_SLOWEST;
    }

    return SJC_OK;
}


static void
sjc_stream_close(sjc_stream_t *stream)
{
    if (stream->curl == NULL) {
        return;
    }

    (void) curl_multi_remove_handle(stream->multi, stream->curl);
    curl_easy_cleanup(stream->curl);
    curl_slist_free_all(stream->headers);

    stream->curl = NULL;
    stream->headers = NULL;
}
