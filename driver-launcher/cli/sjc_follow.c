
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What goes on: a job until it ends, events, logs.
 */


#include "sjc_command.h"
#include "sjc_progress.h"
#include "sjc_sse.h"
#include "sjc_stream.h"


/* how long the rest of a log may take once the job has ended */
#define SJC_FOLLOW_REST  10000


typedef struct {
    const char    *id;
    int            ended;       /* the job */
    int64_t        deadline;

    sjc_sse_t      sse;
    sjc_stream_t   events;
    sjc_stream_t   log;
    int64_t        offset;      /* bytes of the log that we have */
} sjc_follow_t;


static void sjc_follow_init(sjc_follow_t *follow, const char *id);
static void sjc_follow_ask(sjc_stream_t *stream, sjc_buf_t *path,
    sjc_buf_t *header);
static void sjc_follow_data(sjc_stream_t *stream, const char *p, size_t n);
static int sjc_follow_ended(sjc_stream_t *stream, long status);
static void sjc_follow_event(void *ctx, const char *event, const char *data);
static void sjc_follow_job(sjc_follow_t *follow, const json_t *job);
static void sjc_follow_progress(const json_t *progress);
static void sjc_follow_log_ask(sjc_stream_t *stream, sjc_buf_t *path,
    sjc_buf_t *header);
static void sjc_follow_log_data(sjc_stream_t *stream, const char *p, size_t n);
static void sjc_events_ask(sjc_stream_t *stream, sjc_buf_t *path,
    sjc_buf_t *header);
static void sjc_events_event(void *ctx, const char *event, const char *data);
static sjc_exit_e sjc_log(const char *folder, const char *name);
static void sjc_log_ask(sjc_stream_t *stream, sjc_buf_t *path,
    sjc_buf_t *header);
static void sjc_log_data(sjc_stream_t *stream, const char *p, size_t n);
static int sjc_log_ended(sjc_stream_t *stream, long status);


/* in the order in which they are shown, of whatever kind the event is */

static const char *const  sjc_event_members[] = {
    "jobId", "name", "app-name", "status", "state", "binary-type",
    "classPath", "context", "percent", "reason"
};


sjc_exit_e
sjc_follow(char *const *args)
{
    size_t         n;
    int64_t        seconds;
    sjc_exit_e     rc;
    sjc_follow_t   follow;
    sjc_stream_t  *streams[2];

    rc = sjc_command_timeout(&seconds);

    if (rc != SJC_OK) {
        return rc;
    }

    sjc_follow_init(&follow, args[0]);
    follow.deadline = seconds == -1 ? -1 : sjc_now() + seconds * 1000;

    streams[0] = &follow.events;
    streams[1] = &follow.log;
    n = sjc_option(SJC_WAIT) ? 1 : 2;

    rc = sjc_stream_run(streams, n, &follow.deadline);

    sjc_progress_end();
    sjc_sse_free(&follow.sse);

    if (rc == SJC_OK || (rc == SJC_TIMED_OUT && follow.ended)) {
        return sjc_job_result(args);
    }

    if (rc == SJC_TIMED_OUT) {
        return sjc_say(rc, "job %s has not ended within %s s", args[0],
                       sjc_option(SJC_TIMEOUT));
    }

    return rc;
}


static void
sjc_follow_init(sjc_follow_t *follow, const char *id)
{
    memset(follow, 0, sizeof(sjc_follow_t));

    follow->id = id;

    follow->sse.handler = sjc_follow_event;
    follow->sse.ctx = follow;

    follow->events.ask = sjc_follow_ask;
    follow->events.data = sjc_follow_data;
    follow->events.ended = sjc_follow_ended;
    follow->events.ctx = follow;
    follow->events.retries = 1;
    follow->events.beats = 1;

    follow->log.ask = sjc_follow_log_ask;
    follow->log.data = sjc_follow_log_data;
    follow->log.ended = sjc_follow_ended;
    follow->log.ctx = follow;
    follow->log.retries = 1;
}


static void
sjc_follow_ask(sjc_stream_t *stream, sjc_buf_t *path, sjc_buf_t *header)
{
    sjc_follow_t  *follow = stream->ctx;

    sjc_path(path, "/jobs/", follow->id, "/events");
    sjc_sse_reset(&follow->sse);

    if (follow->sse.id.len) {
        sjc_buf_print(header, "Last-Event-ID: %s", follow->sse.id.data);
    }
}


static void
sjc_follow_data(sjc_stream_t *stream, const char *p, size_t n)
{
    sjc_follow_t  *follow = stream->ctx;

    sjc_sse_feed(&follow->sse, p, n);
}


static int
sjc_follow_ended(sjc_stream_t *stream, long status)
{
    sjc_follow_t  *follow = stream->ctx;

    follow->ended |= status == 204;

    return follow->ended;
}


static void
sjc_follow_event(void *ctx, const char *event, const char *data)
{
    json_t        *root;
    sjc_follow_t  *follow = ctx;

    root = json_loads(data, 0, NULL);

    if (strcmp(event, "job") == 0) {
        sjc_follow_job(follow, root);

    } else if (strcmp(event, "progress") == 0) {
        sjc_follow_progress(root);

    } else if (strcmp(event, "remove") == 0) {
        follow->ended = 1;
    }

    json_decref(root);

    if (follow->ended) {
        follow->events.done = 1;

        if (follow->deadline == -1
            || follow->deadline > sjc_now() + SJC_FOLLOW_REST)
        {
            follow->deadline = sjc_now() + SJC_FOLLOW_REST;
        }
    }
}


static void
sjc_follow_job(sjc_follow_t *follow, const json_t *job)
{
    char                      *more;
    size_t                     i;
    const char                *status;
    const json_t              *position;
    static const char *const   final[] = { "FINISHED", "ERROR", "KILLED" };

    status = json_string_value(json_object_get(job, "status"));

    for (i = 0; status && i < sjc_nelts(final); i++) {
        follow->ended |= strcmp(status, final[i]) == 0;
    }

    position = json_object_get(job, "queuePosition");

    if (position) {
        more = sjc_format("position %lld",
                          (long long) json_integer_value(position));
        sjc_progress_show("queue", 0, more);
        free(more);
    }

    if (json_object_get(job, "progress")) {
        sjc_follow_progress(json_object_get(job, "progress"));
    }
}


static void
sjc_follow_progress(const json_t *progress)
{
    char         *more;
    json_int_t    done, all;

    all = json_integer_value(json_object_get(progress, "tasks"));
    done = json_integer_value(json_object_get(progress, "tasksDone"));

    more = sjc_format("%lld of %lld tasks", (long long) done, (long long) all);
    sjc_progress_show("job", all ? (double) done / (double) all : 0, more);
    free(more);
}


static void
sjc_follow_log_ask(sjc_stream_t *stream, sjc_buf_t *path, sjc_buf_t *header)
{
    sjc_follow_t  *follow = stream->ctx;

    (void) header;

    sjc_path(path, "/jobs/", follow->id, "/log?follow=true");
    sjc_buf_print(path, "&offset=%lld", (long long) follow->offset);
}


/* stdout is for the result */

static void
sjc_follow_log_data(sjc_stream_t *stream, const char *p, size_t n)
{
    sjc_follow_t  *follow = stream->ctx;

    follow->offset += n;

    sjc_progress_hide();
    (void) fwrite(p, 1, n, stderr);

    if (p[n - 1] == '\n') {
        sjc_progress_again();
    }
}


sjc_exit_e
sjc_events(char *const *args)
{
    int64_t        seconds;
    sjc_exit_e     rc;
    sjc_follow_t   follow;
    sjc_stream_t  *streams[1];

    (void) args;

    rc = sjc_command_timeout(&seconds);

    if (rc != SJC_OK) {
        return rc;
    }

    sjc_follow_init(&follow, NULL);
    follow.sse.handler = sjc_events_event;
    follow.events.ask = sjc_events_ask;
    follow.deadline = seconds == -1 ? -1 : sjc_now() + seconds * 1000;

    streams[0] = &follow.events;

    rc = sjc_stream_run(streams, 1, &follow.deadline);

    sjc_sse_free(&follow.sse);

    /* it was asked to listen for that long */

    return rc == SJC_TIMED_OUT ? SJC_OK : rc;
}


static void
sjc_events_ask(sjc_stream_t *stream, sjc_buf_t *path, sjc_buf_t *header)
{
    sjc_follow_t  *follow = stream->ctx;

    sjc_path(path, "/events", NULL, NULL);
    sjc_query(path, "context", sjc_option(SJC_WITHIN));
    sjc_query(path, "user", sjc_option(SJC_OWNER));
    sjc_query(path, "kind", sjc_option(SJC_KIND));
    sjc_sse_reset(&follow->sse);

    if (follow->sse.id.len) {
        sjc_buf_print(header, "Last-Event-ID: %s", follow->sse.id.data);
    }
}


static void
sjc_events_event(void *ctx, const char *event, const char *data)
{
    size_t         i;
    json_t        *root, *value;
    sjc_buf_t      line;
    sjc_follow_t  *follow = ctx;

    if (sjc_option(SJC_JSON)) {
        (void) printf("{\"event\":\"%s\",\"id\":\"%s\",\"data\":%s}\n",
                      event, follow->sse.id.len ? follow->sse.id.data : "",
                      *data ? data : "null");
        (void) fflush(stdout);
        return;
    }

    root = json_loads(data, 0, NULL);

    memset(&line, 0, sizeof(sjc_buf_t));
    sjc_buf_print(&line, "%-8s", event);

    for (i = 0; i < sjc_nelts(sjc_event_members); i++) {
        value = json_object_get(root, sjc_event_members[i]);

        if (json_is_string(value)) {
            sjc_buf_print(&line, " %s", json_string_value(value));

        } else if (json_is_number(value)) {
            sjc_buf_print(&line, " %g%%", json_number_value(value));
        }
    }

    sjc_clean(line.data);
    (void) puts(line.data);
    (void) fflush(stdout);

    sjc_buf_free(&line);
    json_decref(root);
}


sjc_exit_e
sjc_job_log(char *const *args)
{
    return sjc_log("/jobs/", args[0]);
}


sjc_exit_e
sjc_context_log(char *const *args)
{
    return sjc_log("/contexts/", args[0]);
}


static sjc_exit_e
sjc_log(const char *folder, const char *name)
{
    sjc_buf_t      path;
    sjc_exit_e     rc;
    sjc_follow_t   follow;
    sjc_stream_t  *streams[1];

    memset(&path, 0, sizeof(sjc_buf_t));
    sjc_path(&path, folder, name, "/log");
    sjc_query(&path, "tail", sjc_option(SJC_TAIL));
    sjc_query(&path, "follow", sjc_option(SJC_FOLLOW) ? "true" : NULL);

    memset(&follow, 0, sizeof(sjc_follow_t));
    follow.id = path.data;
    follow.deadline = -1;
    follow.log.ask = sjc_log_ask;
    follow.log.data = sjc_log_data;
    follow.log.ended = sjc_log_ended;
    follow.log.ctx = &follow;

    /* of the last lines nobody has told at which byte they begin */

    follow.log.retries = sjc_option(SJC_FOLLOW) && !sjc_option(SJC_TAIL);

    streams[0] = &follow.log;

    rc = sjc_stream_run(streams, 1, &follow.deadline);

    sjc_buf_free(&path);

    return rc;
}


static void
sjc_log_ask(sjc_stream_t *stream, sjc_buf_t *path, sjc_buf_t *header)
{
    char          *offset;
    sjc_follow_t  *follow = stream->ctx;

    (void) header;

    sjc_path(path, follow->id, NULL, NULL);

    if (follow->offset) {
        offset = sjc_format("%lld", (long long) follow->offset);
        sjc_query(path, "offset", offset);
        free(offset);
    }
}


static void
sjc_log_data(sjc_stream_t *stream, const char *p, size_t n)
{
    sjc_follow_t  *follow = stream->ctx;

    follow->offset += n;

    (void) fwrite(p, 1, n, stdout);
    (void) fflush(stdout);
}


static int
sjc_log_ended(sjc_stream_t *stream, long status)
{
    (void) stream;
    (void) status;

    return 1;
}
