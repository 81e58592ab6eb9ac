
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_failure.h"
#include "sjl_config.h"
#include "sjl_files.h"
#include "sjl_job.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <utlist.h>


#define SJL_FAILURE_CLASS  "spark.jobserver.ContextInitializationException"
#define SJL_FAILURE_LINES  20
#define SJL_FAILURE_TAIL   4096
#define SJL_FAILURE_LINE   500


static int64_t sjl_failure_since(const sjl_context_t *ctx);
static char *sjl_failure_tail(const sjl_context_t *ctx, int64_t from);
static char *sjl_failure_hint(const sjl_context_t *ctx, int status,
    const char *tail);
static char *sjl_failure_line(const char *tail, const char *at, int before);


/* what a JVM writes before it exits, and what that means */

static const struct {
    const char  *text;
    int          before;                /* the line before tells more */
    const char  *words;
} sjl_failure_hints[] = {
    { "Could not create the Java Virtual Machine", 1,
      "the JVM could not be started with its options" },
    { "insufficient memory for the Java Runtime", 0,
      "the machine has too little memory for the JVM" },
    { "java.lang.OutOfMemoryError", 0, "the driver ran out of memory" },
    { "Could not find or load main class", 0,
      "the driver's classes were not found" },
    { "The SparkContext was stopped, not by the launcher", 0,
      "its SparkContext is gone" },
    { "The interpreter of the session has ended", 0,
      "its interpreter is gone" }
};


void
sjl_failure_words(sjl_failure_t *why, char *reason)
{
    memset(why, 0, sizeof(sjl_failure_t));
    why->code = SJP_ERR_CONTEXT_INIT_FAILED;
    why->reason = reason;
}


void
sjl_failure_reported(sjl_failure_t *why, sjp_error_e code, const char *error,
    size_t size)
{
    json_t      *value;
    const char  *message;

    value = json_loadb(error, size, 0, NULL);
    message = json_string_value(json_object_get(value, "message"));

    if (message == NULL) {
        message = json_string_value(json_object_get(value, "errorClass"));
    }

    if (message == NULL) {
        message = "its driver reported a failure";
    }

    sjl_failure_words(why, sjl_failure_line(message, message, 0));
    why->code = code;
    why->reported = 1;

    if (json_is_object(value)) {
        why->error = sjl_memdup(error, size);
    }

    json_decref(value);
}


void
sjl_failure_late(sjl_failure_t *why, const sjl_context_t *ctx, int connected)
{
    char  *more;

    sjl_failure_words(why,
        sjl_format("Context failed to connect back within initialization time "
                   "(%d s): its driver %s", (int) sjl_conf->start_timeout,
                   connected ? "runs, but its Spark context is not ready"
                   : "has not connected"));

    why->tail = sjl_failure_tail(ctx, 0);

    more = why->tail
           ? sjl_format("%s. Last lines of the driver's log:\n%s",
                        why->reason, why->tail)
           : sjl_strdup(why->reason);

    why->error = sjl_error_text("spark.jobserver.util."
                                "ContextJVMInitializationTimeout", more, NULL);
    free(more);
}


void
sjl_failure_stopped(sjl_failure_t *why, const sjl_context_t *ctx,
    const sjl_driver_t *d, int status)
{
    char        *words;
    const char  *reason;

    reason = ctx->row.reason ? ctx->row.reason : "it was stopped";

    if (d == NULL || d->stopped) {
        sjl_failure_words(why, sjl_strdup(reason));

    } else if (d->phase == SJL_DRIVER_KILLED) {
        sjl_failure_words(why, sjl_format("%s, its driver was killed",
                                          reason));

    } else if (d->phase == SJL_DRIVER_TERMINATED) {
        sjl_failure_words(why, sjl_format("%s, its driver was terminated",
                                          reason));

    } else {
        words = sjl_process_words(status);
        sjl_failure_words(why, sjl_format("%s, %s", reason, words));
        free(words);
    }
}


void
sjl_failure_exit(sjl_failure_t *why, const sjl_context_t *ctx,
    const sjl_driver_t *d, int status)
{
    char  *words, *hint, *tail;

    words = d->words ? sjl_strdup(d->words) : sjl_process_words(status);
    tail = sjl_failure_tail(ctx, 0);
    hint = sjl_failure_hint(ctx, status, tail);

    sjl_failure_words(why, hint ? sjl_format("%s, %s", words, hint)
                                : sjl_strdup(words));
    why->tail = sjl_failure_tail(ctx, sjl_failure_since(ctx));

    free(words);
    free(hint);
    free(tail);
}


int64_t
sjl_failure_mark(const sjl_context_t *ctx)
{
    char         *path;
    int64_t       size;
    struct stat   sb;

    path = sjl_path_context(ctx->row.id, "/driver.log");
    size = lstat(path, &sb) == 0 ? sb.st_size : 0;

    free(path);

    return size;
}


/* what was logged before the jobs that run is no part of their failure */

static int64_t
sjl_failure_since(const sjl_context_t *ctx)
{
    int64_t     since;
    sjl_job_t  *job;

    since = -1;

    DL_FOREACH(ctx->jobs, job) {
        if (job->sent && !job->ended && (since == -1 || job->log < since)) {
            since = job->log;
        }
    }

    return since == -1 ? 0 : since;
}


static char *
sjl_failure_tail(const sjl_context_t *ctx, int64_t from)
{
    char  *path, *tail;

    path = sjl_path_context(ctx->row.id, "/driver.log");
    tail = sjl_file_tail(path, from, SJL_FAILURE_LINES, SJL_FAILURE_TAIL);

    free(path);

    return tail;
}


/* a log may hold what went well again, so it counts only for an exit code */

static char *
sjl_failure_hint(const sjl_context_t *ctx, int status, const char *tail)
{
    char        *line, *hint;
    size_t       i;
    const char  *at;

    if (status == 0) {
        return sjl_strdup("without having stopped its context");
    }

    if (status != -1 && WIFSIGNALED(status)) {
        return WTERMSIG(status) != SIGKILL ? NULL
               : sjl_strdup("from outside, or by the system for want of "
                            "memory");
    }

    for (i = 0; tail && i < sjl_nelts(sjl_failure_hints); i++) {
        at = strstr(tail, sjl_failure_hints[i].text);

        if (at == NULL) {
            continue;
        }

        line = sjl_failure_line(tail, at, sjl_failure_hints[i].before);
        hint = sjl_format("%s (%s)", sjl_failure_hints[i].words, line);
        free(line);

        return hint;
    }

    return ctx->ready && status != -1
           ? sjl_strdup("perhaps a job called System.exit") : NULL;
}


/* the line that holds a place, or the one before it */

static char *
sjl_failure_line(const char *tail, const char *at, int before)
{
    char        *line;
    size_t       n;
    const char  *start;

    for (start = at; start > tail && start[-1] != '\n'; start--) {
        /* void */
    }

    if (before && start > tail) {
        for (start--; start > tail && start[-1] != '\n'; start--) {
            /* void */
        }
    }

    n = strcspn(start, "\n");

    line = sjl_memdup(start, n > SJL_FAILURE_LINE ? SJL_FAILURE_LINE : n);
    sjl_text_clean(line);

    return line;
}


void
sjl_failure_complete(sjl_failure_t *why, const sjl_context_t *ctx)
{
    char  *message;

    if (why->error) {
        return;
    }

    message = sjl_format("Context %s could not be started: %s%s%s",
                         ctx->row.name, why->reason, why->tail
                         ? ". Last lines of the driver's log:\n" : "",
                         why->tail ? why->tail : "");

    why->error = sjl_error_text(SJL_FAILURE_CLASS, message, NULL);
    free(message);
}


void
sjl_failure_clear(sjl_failure_t *why)
{
    free(why->reason);
    free(why->error);
    free(why->tail);
}
