
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjc_command.h"

#include <limits.h>


#define SJC_JOB_LIMIT  50
#define SJC_JOB_PAGE   1000


static sjc_exit_e sjc_job_add_page(const char *path, json_t *rows,
    char **next);
static void sjc_job_print(const json_t *answer);
static void sjc_job_print_config(const json_t *answer);
static sjc_exit_e sjc_job_get(const char *id, const char *rest,
    sjc_print_pt print);


const sjc_column_t  sjc_job_columns[] = {
    { "ID", "jobId" },
    { "STATUS", "status" },
    { "QUEUE", "queuePosition" },
    { "%", "progress.percent" },
    { "STARTED", "startTime" },
    { "DURATION", "duration" },
    { "CONTEXT", "context" },
    { "CLASS", "classPath" },
    { NULL, NULL }
};


static const sjc_column_t  sjc_job_members[] = {
    { "id", "jobId" },
    { "status", "status" },
    { "queue position", "queuePosition" },
    { "class", "classPath" },
    { "context", "context" },
    { "context id", "contextId" },
    { "started", "startTime" },
    { "duration", "duration" },
    { "percent", "progress.percent" },
    { "tasks", "progress.tasks" },
    { "tasks done", "progress.tasksDone" },
    { "tasks failed", "progress.tasksFailed" },
    { "result", "result" },
    { NULL, NULL }
};


/* options of the command, parameters of the route */

static const struct {
    sjc_option_e   option;
    const char    *name;
} sjc_job_filters[] = {
    { SJC_STATUS, "status" },
    { SJC_WITHIN, "context" },
    { SJC_OWNER, "user" },
    { SJC_CLASS, "mainClass" },
    { SJC_FROM, "from" },
    { SJC_TO, "to" },
    { SJC_BEFORE, "before" }
};


sjc_exit_e
sjc_job_list(char *const *args)
{
    size_t       i;
    json_t      *rows;
    int64_t      max;
    sjc_buf_t    path;
    sjc_exit_e   rc;
    const char  *limit;

    (void) args;

    limit = sjc_option(SJC_LIMIT);
    max = sjc_option(SJC_ALL) ? INT_MAX
          : limit ? sjc_number(limit, INT_MAX) : SJC_JOB_LIMIT;

    if (max == -1) {
        return sjc_say(SJC_WRONG_USE, "--limit wants a number, not \"%s\"",
                       limit);
    }

    memset(&path, 0, sizeof(sjc_buf_t));
    sjc_buf_print(&path, "/jobs?limit=%lld",
                  (long long) (max < SJC_JOB_PAGE ? max : SJC_JOB_PAGE));

    for (i = 0; i < sjc_nelts(sjc_job_filters); i++) {
        sjc_query(&path, sjc_job_filters[i].name,
                  sjc_option(sjc_job_filters[i].option));
    }

    rc = sjc_job_pages(path.data, max, &rows);

    if (rc == SJC_OK && sjc_option(SJC_JSON)) {
        sjc_print_json(rows);

    } else if (rc == SJC_OK) {
        sjc_print_table(sjc_job_columns, rows);
    }

    json_decref(rows);
    sjc_buf_free(&path);

    return rc;
}


sjc_exit_e
sjc_job_pages(const char *path, int64_t max, json_t **rows)
{
    char        *next, *page;
    sjc_exit_e   rc;

    *rows = json_array();
    page = sjc_format("%s", path);

    for ( ;; ) {
        rc = sjc_job_add_page(page, *rows, &next);

        free(page);

        if (rc != SJC_OK || next == NULL
            || (int64_t) json_array_size(*rows) >= max)
        {
            break;
        }

        page = sjc_format("/jobs%s", next);
        free(next);
    }

    free(next);

    while ((int64_t) json_array_size(*rows) > max) {
        (void) json_array_remove(*rows, json_array_size(*rows) - 1);
    }

    return rc;
}


static sjc_exit_e
sjc_job_add_page(const char *path, json_t *rows, char **next)
{
    json_t        *page;
    sjc_exit_e     rc;
    sjc_answer_t   answer;

    *next = NULL;
    rc = sjc_http_get(path, &answer);

    if (rc == SJC_OK) {
        rc = sjc_command_json(&answer, &page);
    }

    if (rc == SJC_OK) {
        (void) json_array_extend(rows, page);

        /* a page of nothing would lead nowhere */

        if (json_array_size(page)) {
            *next = answer.next;
            answer.next = NULL;
        }

        json_decref(page);
    }

    sjc_answer_free(&answer);

    return rc;
}


static sjc_exit_e
sjc_job_get(const char *id, const char *rest, sjc_print_pt print)
{
    sjc_buf_t   path;
    sjc_exit_e  rc;

    memset(&path, 0, sizeof(sjc_buf_t));
    sjc_path(&path, "/jobs/", id, rest);

    rc = sjc_command_get(path.data, print);

    sjc_buf_free(&path);

    return rc;
}


sjc_exit_e
sjc_job_show(char *const *args)
{
    return sjc_job_get(args[0], NULL, sjc_job_print);
}


/* an error is told in one line, its stack is in the JSON */

static void
sjc_job_print(const json_t *answer)
{
    char        *error;
    json_t      *short_one;
    const char  *status;

    short_one = json_copy((json_t *) answer);
    status = json_string_value(json_object_get(answer, "status"));

    if (status
        && (strcmp(status, "ERROR") == 0 || strcmp(status, "KILLED") == 0)
        && json_is_object(json_object_get(answer, "result")))
    {
        error = sjc_print_error(json_object_get(answer, "result"));
        (void) json_object_set_new(short_one, "result", json_string(error));
        free(error);
    }

    sjc_print_object(sjc_job_members, short_one);
    json_decref(short_one);
}


sjc_exit_e
sjc_job_config(char *const *args)
{
    return sjc_job_get(args[0], "/config", sjc_job_print_config);
}


static void
sjc_job_print_config(const json_t *answer)
{
    sjc_print_json(answer);
}


sjc_exit_e
sjc_job_result(char *const *args)
{
    sjc_buf_t      path;
    sjc_exit_e     rc;
    sjc_answer_t   answer;

    memset(&path, 0, sizeof(sjc_buf_t));
    sjc_path(&path, "/jobs/", args[0], NULL);

    rc = sjc_http_get(path.data, &answer);

    if (rc == SJC_OK) {
        rc = sjc_job_outcome(answer.body.data, answer.body.len);
    }

    sjc_answer_free(&answer);
    sjc_buf_free(&path);

    return rc;
}


/*
 * A job that went well and was waited for has no "status" in its answer.  One
 * without an end is a wait that was too short.
 */

sjc_exit_e
sjc_job_outcome(const char *body, size_t len)
{
    char        *words;
    size_t       n;
    json_t      *root, *error;
    sjc_exit_e   rc;
    const char  *result, *status, *id;

    if (sjc_option(SJC_JSON)) {
        sjc_print_raw(body, len);
    }

    result = sjc_print_find_result(body, len, &n);

    words = result ? sjc_format("%.*s\"result\":null}",
                                (int) (result - body) - 9, body)
                   : sjc_format("%s", body);
    root = json_loads(words, 0, NULL);
    free(words);

    status = json_string_value(json_object_get(root, "status"));
    id = json_string_value(json_object_get(root, "jobId"));

    if (id == NULL) {
        rc = sjc_say(SJC_FAILED, "the server's answer is no report of a job");

    } else if (status == NULL || strcmp(status, "FINISHED") == 0) {

        if (result && !sjc_option(SJC_JSON)) {
            sjc_print_result(result, n);
        }

        rc = SJC_OK;

    } else if (strcmp(status, "ERROR") == 0 || strcmp(status, "KILLED") == 0) {
        error = result ? json_loadb(result, n, 0, NULL) : NULL;
        words = sjc_print_error(error);
        rc = sjc_say(SJC_JOB_FAILED, "job %s: %s: %s", id, status, words);
        free(words);
        json_decref(error);

    } else {
        rc = sjc_say(SJC_TIMED_OUT, "job %s is %s, and has no result yet", id,
                     status);
    }

    json_decref(root);

    return rc;
}


sjc_exit_e
sjc_job_kill(char *const *args)
{
    sjc_buf_t      path;
    sjc_exit_e     rc;
    sjc_request_t  request;

    memset(&path, 0, sizeof(sjc_buf_t));
    sjc_path(&path, "/jobs/", args[0], NULL);

    memset(&request, 0, sizeof(sjc_request_t));
    request.method = "DELETE";
    request.path = path.data;

    rc = sjc_command_do(&request);

    sjc_buf_free(&path);

    return rc;
}


sjc_exit_e
sjc_job_purge(char *const *args)
{
    size_t         i;
    sjc_buf_t      path;
    sjc_exit_e     rc;
    sjc_request_t  request;

    (void) args;

    if (sjc_option(SJC_BEFORE) == NULL) {
        return sjc_say(SJC_WRONG_USE, "purge wants --before TIME");
    }

    memset(&path, 0, sizeof(sjc_buf_t));
    sjc_path(&path, "/jobs", NULL, NULL);

    for (i = 0; i < sjc_nelts(sjc_job_filters); i++) {
        sjc_query(&path, sjc_job_filters[i].name,
                  sjc_option(sjc_job_filters[i].option));
    }

    memset(&request, 0, sizeof(sjc_request_t));
    request.method = "DELETE";
    request.path = path.data;

    rc = sjc_command_do(&request);

    sjc_buf_free(&path);

    return rc;
}
