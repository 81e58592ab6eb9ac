
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjc_command.h"


static sjc_exit_e sjc_context_make(const char *method, const char *name);
static sjc_exit_e sjc_context_settings(sjc_buf_t *path);
static void sjc_context_print_list(const json_t *answer);
static void sjc_context_print(const json_t *answer);


static const sjc_column_t  sjc_context_columns[] = {
    { "NAME", "name" },
    { NULL, NULL }
};


static const sjc_column_t  sjc_context_members[] = {
    { "name", "name" },
    { "state", "state" },
    { "id", "id" },
    { "started", "startTime" },
    { "ended", "endTime" },
    { "application", "applicationId" },
    { "url", "url" },
    { "reason", "reason" },
    { NULL, NULL }
};


sjc_exit_e
sjc_context_list(char *const *args)
{
    (void) args;

    return sjc_command_get("/contexts", sjc_context_print_list);
}


static void
sjc_context_print_list(const json_t *answer)
{
    json_t  *rows;

    rows = sjc_print_names(answer);
    sjc_print_table(sjc_context_columns, rows);
    json_decref(rows);
}


sjc_exit_e
sjc_context_create(char *const *args)
{
    return sjc_context_make("POST", args[0]);
}


sjc_exit_e
sjc_context_restart(char *const *args)
{
    return sjc_context_make("PUT", args[0]);
}


static sjc_exit_e
sjc_context_make(const char *method, const char *name)
{
    char           *key;
    sjc_buf_t       path, body;
    sjc_exit_e      rc;
    sjc_request_t   request;

    memset(&path, 0, sizeof(sjc_buf_t));
    memset(&body, 0, sizeof(sjc_buf_t));

    sjc_path(&path, "/contexts/", name, NULL);
    sjc_query(&path, "async", sjc_option(SJC_ASYNC) ? "true" : NULL);

    rc = sjc_context_settings(&path);

    if (rc == SJC_OK) {
        rc = sjc_command_config(&body);
    }

    if (rc == SJC_OK) {
        key = sjc_command_key();

        memset(&request, 0, sizeof(sjc_request_t));
        request.method = method;
        request.path = path.data;
        request.header = key;
        request.body = body.data;
        request.len = body.len;

        rc = sjc_command_do(&request);

        free(key);
    }

    sjc_buf_free(&path);
    sjc_buf_free(&body);

    return rc;
}


static sjc_exit_e
sjc_context_settings(sjc_buf_t *path)
{
    char        *name;
    size_t       n;
    const char  *set, *value;

    for (n = 0; (set = sjc_option_nth(SJC_SET, n)) != NULL; n++) {
        value = strchr(set, '=');

        if (value == NULL || value == set) {
            return sjc_say(SJC_WRONG_USE, "--set wants NAME=VALUE, not \"%s\"",
                           set);
        }

        name = sjc_format("%.*s", (int) (value - set), set);
        sjc_query(path, name, value + 1);
        free(name);
    }

    return SJC_OK;
}


sjc_exit_e
sjc_context_show(char *const *args)
{
    sjc_buf_t   path;
    sjc_exit_e  rc;

    memset(&path, 0, sizeof(sjc_buf_t));
    sjc_path(&path, "/contexts/", args[0], NULL);

    rc = sjc_command_get(path.data, sjc_context_print);

    sjc_buf_free(&path);

    return rc;
}


static void
sjc_context_print(const json_t *answer)
{
    sjc_print_object(sjc_context_members, answer);
}


sjc_exit_e
sjc_context_delete(char *const *args)
{
    sjc_buf_t      path;
    sjc_exit_e     rc;
    sjc_request_t  request;

    memset(&path, 0, sizeof(sjc_buf_t));
    sjc_path(&path, "/contexts/", args[0], NULL);
    sjc_query(&path, "force", sjc_option(SJC_FORCE) ? "true" : NULL);

    memset(&request, 0, sizeof(sjc_request_t));
    request.method = "DELETE";
    request.path = path.data;

    rc = sjc_command_do(&request);

    sjc_buf_free(&path);

    return rc;
}


sjc_exit_e
sjc_context_reset(char *const *args)
{
    sjc_request_t  request;

    (void) args;

    memset(&request, 0, sizeof(sjc_request_t));
    request.method = "PUT";
    request.path = sjc_option(SJC_ASYNC) ? "/contexts?reset=reboot&sync=false"
                                         : "/contexts?reset=reboot";

    return sjc_command_do(&request);
}
