
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_row.h"
#include "sjl_state.h"


#define SJL_C(type, column, field, kind, flags, names)                        \
    { column, SJL_COLUMN_##kind, offsetof(sjl_##type##_row_t, field), flags,  \
      names }

#define SJL_FIXED  SJL_COLUMN_FIXED

#define SJL_TABLE(type, name)                                                 \
    { name, sizeof(sjl_##type##_row_t), sjl_nelts(sjl_##type##_columns),      \
      sjl_##type##_columns }


static const sjl_column_t  sjl_context_columns[] = {
    SJL_C(context, "id", id, TEXT, SJL_FIXED, NULL),
    SJL_C(context, "rev", rev, NUMBER, 0, NULL),
    SJL_C(context, "name", name, TEXT, SJL_FIXED, NULL),
    SJL_C(context, "user", user, TEXT, SJL_FIXED, NULL),
    SJL_C(context, "adhoc", adhoc, NUMBER, SJL_FIXED, NULL),
    SJL_C(context, "state", state, NAME, 0, sjl_context_states),
    SJL_C(context, "final", final, NUMBER, 0, NULL),
    SJL_C(context, "start", start, NUMBER, SJL_FIXED, NULL),
    SJL_C(context, "end", end, NUMBER, 0, NULL),
    SJL_C(context, "application", application, TEXT, 0, NULL),
    SJL_C(context, "url", url, TEXT, 0, NULL),
    SJL_C(context, "reason", reason, TEXT, 0, NULL),
    SJL_C(context, "settings", settings, TEXT, SJL_FIXED, NULL),
    SJL_C(context, "options", options, TEXT, 0, NULL),
    SJL_C(context, "max_jobs", max_jobs, NUMBER, 0, NULL),
    SJL_C(context, "max_queued", max_queued, NUMBER, 0, NULL),
    SJL_C(context, "process", process, TEXT, 0, NULL),
    SJL_C(context, "ports", ports, NUMBER, 0, NULL),
    SJL_C(context, "secret", secret, TEXT, 0, NULL),
    SJL_C(context, "token", token, TEXT, 0, NULL),
    SJL_C(context, "code", code, NUMBER, 0, NULL),
    SJL_C(context, "error", error, BYTES, 0, NULL),
    SJL_C(context, "proxy_user", proxy_user, TEXT, SJL_FIXED, NULL),
    SJL_C(context, "request", request, TEXT, SJL_FIXED, NULL),
    SJL_C(context, "idle_timeout", idle_timeout, NUMBER, 0, NULL),
    SJL_C(context, "ttl", ttl, NUMBER, 0, NULL),
    SJL_C(context, "supervise", supervise, NUMBER, 0, NULL),
    SJL_C(context, "restarts", restarts, TEXT, 0, NULL),
    SJL_C(context, "cluster", cluster, TEXT, 0, NULL),
    SJL_C(context, "library", library, TEXT, 0, NULL),
    SJL_C(context, "master", master, TEXT, 0, NULL),
    SJL_C(context, "generation", generation, NUMBER, 0, NULL),
    SJL_C(context, "remote", remote, TEXT, 0, NULL),
    SJL_C(context, "shown", shown, TEXT, 0, NULL),
    SJL_C(context, "session", session, NUMBER, SJL_FIXED, NULL),
    SJL_C(context, "kind", kind, TEXT, SJL_FIXED, NULL),
    SJL_C(context, "livy", livy, TEXT, SJL_FIXED, NULL),
    SJL_C(context, "heartbeat", heartbeat, NUMBER, SJL_FIXED, NULL),

    /* a statement's row counts it, see migration 8 */
    SJL_C(context, "statements", statements, NUMBER, SJL_FIXED, NULL),
    SJL_C(context, "until", until, NUMBER, 0, NULL),
    SJL_C(context, "added", added, TEXT, 0, NULL)
};


static const sjl_column_t  sjl_job_columns[] = {
    SJL_C(job, "id", id, TEXT, SJL_FIXED, NULL),
    SJL_C(job, "rev", rev, NUMBER, 0, NULL),
    SJL_C(job, "class", class, TEXT, 0, NULL),
    SJL_C(job, "context", context, TEXT, SJL_FIXED, NULL),
    SJL_C(job, "context_id", context_id, TEXT, SJL_FIXED, NULL),
    SJL_C(job, "user", user, TEXT, SJL_FIXED, NULL),
    SJL_C(job, "cp", cp, TEXT, 0, NULL),
    SJL_C(job, "dependent", dependent, TEXT, 0, NULL),
    SJL_C(job, "state", state, NAME, 0, sjl_job_states),
    SJL_C(job, "final", final, NUMBER, 0, NULL),
    SJL_C(job, "sync", sync, NUMBER, SJL_FIXED, NULL),
    SJL_C(job, "start", start, NUMBER, SJL_FIXED, NULL),
    SJL_C(job, "began", began, NUMBER, 0, NULL),
    SJL_C(job, "end", end, NUMBER, 0, NULL),
    SJL_C(job, "run_micros", run_micros, NUMBER, 0, NULL),
    SJL_C(job, "payload", payload, NAME, 0, sjl_payloads),
    SJL_C(job, "size", size, NUMBER, 0, NULL),
    SJL_C(job, "data", data, BYTES, 0, NULL),
    SJL_C(job, "config", config, BYTES, 0, NULL),
    SJL_C(job, "config_file", config_file, NUMBER, 0, NULL),
    SJL_C(job, "body", body, BYTES, 0, NULL),
    SJL_C(job, "body_file", body_file, NUMBER, 0, NULL),
    SJL_C(job, "code", code, NUMBER, 0, NULL),
    SJL_C(job, "code_name", code_name, TEXT, 0, NULL),
    SJL_C(job, "request", request, TEXT, SJL_FIXED, NULL),
    SJL_C(job, "progress", progress, TEXT, 0, NULL),
    SJL_C(job, "statement", statement, NUMBER, SJL_FIXED, NULL),
    SJL_C(job, "kind", kind, TEXT, SJL_FIXED, NULL)
};


static const sjl_column_t  sjl_binary_columns[] = {
    SJL_C(binary, "name", name, TEXT, SJL_FIXED, NULL),
    SJL_C(binary, "type", type, TEXT, SJL_FIXED, NULL),
    SJL_C(binary, "time", time, NUMBER, SJL_FIXED, NULL),
    SJL_C(binary, "sha256", sha256, TEXT, SJL_FIXED, NULL),
    SJL_C(binary, "size", size, NUMBER, SJL_FIXED, NULL)
};


static const sjl_column_t  sjl_data_columns[] = {
    SJL_C(data, "file", file, TEXT, SJL_FIXED, NULL),
    SJL_C(data, "user", user, TEXT, SJL_FIXED, NULL),
    SJL_C(data, "time", time, NUMBER, 0, NULL),
    SJL_C(data, "size", size, NUMBER, 0, NULL)
};


static const sjl_column_t  sjl_callback_columns[] = {
    SJL_C(callback, "job", job, TEXT, SJL_FIXED, NULL),
    SJL_C(callback, "url", url, TEXT, SJL_FIXED, NULL),
    SJL_C(callback, "attempts", attempts, NUMBER, 0, NULL),
    SJL_C(callback, "due", due, NUMBER, 0, NULL)
};


static const sjl_column_t  sjl_replacement_columns[] = {
    SJL_C(replacement, "id", id, TEXT, SJL_FIXED, NULL),
    SJL_C(replacement, "name", name, TEXT, SJL_FIXED, NULL),
    SJL_C(replacement, "user", user, TEXT, SJL_FIXED, NULL),
    SJL_C(replacement, "proxy_user", proxy_user, TEXT, SJL_FIXED, NULL),
    SJL_C(replacement, "request", request, TEXT, SJL_FIXED, NULL),
    SJL_C(replacement, "settings", settings, TEXT, SJL_FIXED, NULL)
};


static const sjl_column_t  sjl_kill_columns[] = {
    SJL_C(kill, "driver", driver, TEXT, SJL_FIXED, NULL),
    SJL_C(kill, "time", time, NUMBER, 0, NULL),
    SJL_C(kill, "remote", remote, TEXT, 0, NULL)
};


static const sjl_column_t  sjl_batch_columns[] = {
    SJL_C(batch, "id", id, TEXT, SJL_FIXED, NULL),
    SJL_C(batch, "number", number, NUMBER, SJL_FIXED, NULL),
    SJL_C(batch, "name", name, TEXT, SJL_FIXED, NULL),
    SJL_C(batch, "user", user, TEXT, SJL_FIXED, NULL),
    SJL_C(batch, "proxy_user", proxy_user, TEXT, SJL_FIXED, NULL),
    SJL_C(batch, "state", state, NAME, 0, sjl_batch_states),
    SJL_C(batch, "start", start, NUMBER, SJL_FIXED, NULL),
    SJL_C(batch, "end", end, NUMBER, 0, NULL),
    SJL_C(batch, "stopping", stopping, NUMBER, 0, NULL),
    SJL_C(batch, "application", application, TEXT, 0, NULL),
    SJL_C(batch, "url", url, TEXT, 0, NULL),
    SJL_C(batch, "reason", reason, TEXT, 0, NULL),
    SJL_C(batch, "spec", spec, TEXT, SJL_FIXED, NULL)
};


static const sjl_column_t  sjl_resource_columns[] = {
    SJL_C(resource, "name", name, TEXT, SJL_FIXED, NULL),
    SJL_C(resource, "user", user, TEXT, 0, NULL),
    SJL_C(resource, "time", time, NUMBER, 0, NULL),
    SJL_C(resource, "spec", spec, TEXT, 0, NULL),
    SJL_C(resource, "report", report, TEXT, 0, NULL)
};


static const sjl_column_t  sjl_number_columns[] = {
    SJL_C(number, "name", name, TEXT, SJL_FIXED, NULL),
    SJL_C(number, "next", next, NUMBER, 0, NULL)
};


const sjl_table_t  sjl_contexts_table = SJL_TABLE(context, "contexts");

const sjl_table_t  sjl_jobs_table = SJL_TABLE(job, "jobs");

const sjl_table_t  sjl_binaries_table = SJL_TABLE(binary, "binaries");

const sjl_table_t  sjl_data_table = SJL_TABLE(data, "data");

const sjl_table_t  sjl_callbacks_table = SJL_TABLE(callback, "callbacks");

const sjl_table_t  sjl_replacements_table = SJL_TABLE(replacement,
                                                      "replacements");

const sjl_table_t  sjl_clusters_table = SJL_TABLE(resource, "clusters");

const sjl_table_t  sjl_libraries_table = SJL_TABLE(resource, "libraries");

const sjl_table_t  sjl_kills_table = SJL_TABLE(kill, "kills");

const sjl_table_t  sjl_numbers_table = SJL_TABLE(number, "numbers");

const sjl_table_t  sjl_batches_table = SJL_TABLE(batch, "batches");


void
sjl_row_copy(const sjl_table_t *table, void *dst, const void *src)
{
    char                **text;
    size_t                i;
    sjl_bytes_t          *bytes;
    const sjl_column_t   *column;

    memcpy(dst, src, table->size);

    for (i = 0; i < table->ncolumns; i++) {
        column = &table->columns[i];

        if (column->kind == SJL_COLUMN_TEXT) {
            text = sjl_row_field(dst, column);
            *text = sjl_strdup(*text);

        } else if (column->kind == SJL_COLUMN_BYTES) {
            bytes = sjl_row_field(dst, column);
            bytes->data = sjl_memdup(bytes->data, bytes->len);
        }
    }
}


void
sjl_row_clear(const sjl_table_t *table, void *row)
{
    size_t               i;
    sjl_bytes_t         *bytes;
    const sjl_column_t  *column;

    for (i = 0; i < table->ncolumns; i++) {
        column = &table->columns[i];

        if (column->kind == SJL_COLUMN_TEXT) {
            free(*(char **) sjl_row_field(row, column));

        } else if (column->kind == SJL_COLUMN_BYTES) {
            bytes = sjl_row_field(row, column);
            free(bytes->data);
        }
    }

    memset(row, 0, table->size);
}


int
sjl_row_owned(const char *user, const char *owner)
{
    return owner == NULL || (user && strcmp(user, owner) == 0);
}
