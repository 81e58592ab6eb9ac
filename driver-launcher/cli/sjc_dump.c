
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * All that the server tells of what there is now.
 */


#include "sjc_command.h"

#include <limits.h>


static sjc_exit_e sjc_dump_all(json_t *all);
static sjc_exit_e sjc_dump_get(json_t *all, const char *name,
    const char *path);
static sjc_exit_e sjc_dump_contexts(json_t *all);
static sjc_exit_e sjc_dump_jobs(json_t *all);
static void sjc_dump_print(const json_t *all);
static void sjc_dump_section(const char *title, const sjc_column_t *columns,
    const json_t *rows);


static const sjc_column_t  sjc_dump_context_columns[] = {
    { "NAME", "name" },
    { "STATE", "state" },
    { "STARTED", "startTime" },
    { "APPLICATION", "applicationId" },
    { "ID", "id" },
    { NULL, NULL }
};


static const sjc_column_t  sjc_dump_binary_columns[] = {
    { "NAME", "name" },
    { "TYPE", "binary-type" },
    { "UPLOADED", "upload-time" },
    { NULL, NULL }
};


static const sjc_column_t  sjc_dump_data_columns[] = {
    { "FILE", "name" },
    { NULL, NULL }
};


sjc_exit_e
sjc_dump(char *const *args)
{
    json_t      *all;
    sjc_exit_e   rc;

    (void) args;

    all = json_object();
    rc = sjc_dump_all(all);

    if (rc == SJC_OK && sjc_option(SJC_JSON)) {
        sjc_print_json(all);

    } else if (rc == SJC_OK) {
        sjc_dump_print(all);
    }

    json_decref(all);

    return rc;
}


static sjc_exit_e
sjc_dump_all(json_t *all)
{
    sjc_exit_e  rc;

    rc = sjc_dump_contexts(all);

    if (rc == SJC_OK) {
        rc = sjc_dump_jobs(all);
    }

    if (rc == SJC_OK) {
        rc = sjc_dump_get(all, "binaries", "/binaries");
    }

    if (rc == SJC_OK) {
        rc = sjc_dump_get(all, "data", "/data");
    }

    return rc;
}


static sjc_exit_e
sjc_dump_get(json_t *all, const char *name, const char *path)
{
    json_t        *root;
    sjc_exit_e     rc;
    sjc_answer_t   answer;

    rc = sjc_http_get(path, &answer);

    if (rc == SJC_OK) {
        rc = sjc_command_json(&answer, &root);
    }

    if (rc == SJC_OK) {
        (void) json_object_set_new(all, name, root);
    }

    sjc_answer_free(&answer);

    return rc;
}


/* the list has names only */

static sjc_exit_e
sjc_dump_contexts(json_t *all)
{
    size_t       i;
    json_t      *names, *name, *contexts, *one;
    sjc_buf_t    path;
    sjc_exit_e   rc;

    rc = sjc_dump_get(all, "contexts", "/contexts");

    names = json_incref(json_object_get(all, "contexts"));
    contexts = json_array();
    one = json_object();

    json_array_foreach(names, i, name) {
        memset(&path, 0, sizeof(sjc_buf_t));
        sjc_path(&path, "/contexts/", json_string_value(name), NULL);

        rc = sjc_dump_get(one, "context", path.data);
        sjc_buf_free(&path);

        if (rc != SJC_OK) {
            break;
        }

        (void) json_array_append(contexts, json_object_get(one, "context"));
    }

    (void) json_object_set_new(all, "contexts", contexts);
    json_decref(one);
    json_decref(names);

    return rc;
}


static sjc_exit_e
sjc_dump_jobs(json_t *all)
{
    size_t                     i;
    char                      *path;
    json_t                    *jobs, *rows;
    sjc_exit_e                 rc;
    static const char *const   states[] = { "RUNNING", "STARTED",
                                            "RESTARTING" };

    rc = SJC_OK;
    jobs = json_array();

    for (i = 0; rc == SJC_OK && i < sjc_nelts(states); i++) {
        path = sjc_format("/jobs?limit=1000&status=%s", states[i]);

        rc = sjc_job_pages(path, INT_MAX, &rows);

        (void) json_array_extend(jobs, rows);
        json_decref(rows);
        free(path);
    }

    (void) json_object_set_new(all, "jobs", jobs);

    return rc;
}


static void
sjc_dump_print(const json_t *all)
{
    json_t  *rows;

    sjc_dump_section("CONTEXTS", sjc_dump_context_columns,
                     json_object_get(all, "contexts"));
    sjc_dump_section("JOBS", sjc_job_columns, json_object_get(all, "jobs"));

    rows = sjc_print_named(json_object_get(all, "binaries"));
    sjc_dump_section("BINARIES", sjc_dump_binary_columns, rows);
    json_decref(rows);

    rows = sjc_print_names(json_object_get(all, "data"));
    sjc_dump_section("DATA", sjc_dump_data_columns, rows);
    json_decref(rows);
}


static void
sjc_dump_section(const char *title, const sjc_column_t *columns,
    const json_t *rows)
{
    (void) printf("%s: %zu\n", title, json_array_size(rows));

    if (json_array_size(rows)) {
        sjc_print_table(columns, rows);
    }

    (void) putchar('\n');
}
