
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjc_command.h"


static sjc_exit_e sjc_submit_path(sjc_buf_t *path);
static sjc_exit_e sjc_submit_send(const sjc_request_t *request);
static sjc_exit_e sjc_submit_sent(const sjc_answer_t *answer);


/* options of the command, parameters of the route */

static const struct {
    sjc_option_e   option;
    const char    *name;
} sjc_submit_params[] = {
    { SJC_CP, "cp" },
    { SJC_CLASS, "mainClass" },
    { SJC_CONTEXT, "context" },
    { SJC_CALLBACK, "callbackUrl" }
};


sjc_exit_e
sjc_submit(char *const *args)
{
    char           *key;
    sjc_buf_t       path, body;
    sjc_exit_e      rc;
    sjc_request_t   request;

    (void) args;

    memset(&path, 0, sizeof(sjc_buf_t));
    memset(&body, 0, sizeof(sjc_buf_t));

    rc = sjc_submit_path(&path);

    if (rc == SJC_OK) {
        rc = sjc_command_config(&body);
    }

    if (rc == SJC_OK) {
        key = sjc_command_key();

        memset(&request, 0, sizeof(sjc_request_t));
        request.method = "POST";
        request.path = path.data;
        request.header = key;
        request.body = body.data;
        request.len = body.len;

        rc = sjc_submit_send(&request);

        free(key);
    }

    sjc_buf_free(&path);
    sjc_buf_free(&body);

    return rc;
}


static sjc_exit_e
sjc_submit_path(sjc_buf_t *path)
{
    size_t      i;
    int64_t     timeout;
    sjc_exit_e  rc;

    if (sjc_option(SJC_SYNC)
        && (sjc_option(SJC_WAIT) || sjc_option(SJC_FOLLOW)
            || sjc_option(SJC_ASYNC)))
    {
        return sjc_say(SJC_WRONG_USE, "--sync excludes --wait, --follow and "
                       "--async");
    }

    rc = sjc_command_timeout(&timeout);

    if (rc != SJC_OK) {
        return rc;
    }

    sjc_path(path, "/jobs", NULL, NULL);

    for (i = 0; i < sjc_nelts(sjc_submit_params); i++) {
        sjc_query(path, sjc_submit_params[i].name,
                  sjc_option(sjc_submit_params[i].option));
    }

    sjc_query(path, "validate", sjc_option(SJC_ASYNC) ? "async" : NULL);

    if (sjc_option(SJC_SYNC)) {
        sjc_query(path, "sync", "true");
        sjc_query(path, "timeout", sjc_option(SJC_TIMEOUT));
    }

    return SJC_OK;
}


static sjc_exit_e
sjc_submit_send(const sjc_request_t *request)
{
    sjc_exit_e     rc;
    sjc_answer_t   answer;

    rc = sjc_http(request, &answer);

    if (rc == SJC_OK) {
        rc = sjc_option(SJC_SYNC) ? sjc_job_outcome(answer.body.data,
                                                    answer.body.len)
                                  : sjc_submit_sent(&answer);
    }

    sjc_answer_free(&answer);

    return rc;
}


/* an answer of 200 is an end already: the validation threw */

static sjc_exit_e
sjc_submit_sent(const sjc_answer_t *answer)
{
    char        *id;
    json_t      *root;
    sjc_exit_e   rc;
    const char  *said;

    if (answer->status == 200) {
        return sjc_job_outcome(answer->body.data, answer->body.len);
    }

    rc = sjc_command_json(answer, &root);

    if (rc != SJC_OK) {
        return rc;
    }

    said = json_string_value(json_object_get(root, "jobId"));
    id = sjc_format("%s", said ? said : "");
    json_decref(root);

    if (sjc_option(SJC_WAIT) || sjc_option(SJC_FOLLOW)) {
        rc = sjc_follow(&id);

    } else if (sjc_option(SJC_JSON)) {
        sjc_print_raw(answer->body.data, answer->body.len);

    } else {
        (void) puts(id);
    }

    free(id);

    return rc;
}
