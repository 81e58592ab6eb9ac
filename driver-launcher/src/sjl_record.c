
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_record.h"
#include "sjl_shown.h"
#include "sjl_state.h"


static json_t *sjl_record_names(const char *cp);


json_t *
sjl_record_context(const sjl_context_row_t *row)
{
    json_t  *shown;

    shown = sjl_shown_record(row);
    shown = shown ? shown : json_object();

    if (row->cluster) {
        (void) json_object_set_new(shown, "cluster", json_string(row->cluster));
    }

    if (row->master) {
        (void) json_object_set_new(shown, "master", json_string(row->master));
    }

    (void) json_object_set_new(shown, "library",
                               json_string(row->library ? row->library
                                                        : "default"));

    return json_pack("{s:s, s:I, s:s, s:s, s:b, s:s, s:I, s:I, s:s*, s:s*,"
                     " s:s*, s:I, s:I, s:s*, s:o}",
                     "id", row->id, "rev", (json_int_t) row->rev,
                     "name", row->name, "user", row->user,
                     "adhoc", (int) row->adhoc,
                     "state", sjl_context_states[row->state],
                     "start", (json_int_t) row->start,
                     "end", (json_int_t) row->end,
                     "applicationId", row->application, "url", row->url,
                     "reason", row->reason,
                     "maxJobs", (json_int_t) row->max_jobs,
                     "maxQueued", (json_int_t) row->max_queued,
                     "proxyUser", row->proxy_user,
                     "shown", shown);
}


json_t *
sjl_record_job(const sjl_job_row_t *row)
{
    json_t  *progress, *record;

    progress = row->progress ? json_loads(row->progress, 0, NULL) : NULL;

    record = json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:o, s:s, s:I, s:I,"
                       " s:s, s:I, s:I, s:o*}",
                       "id", row->id, "rev", (json_int_t) row->rev,
                       "class", row->class, "context", row->context,
                       "contextId", row->context_id, "user", row->user,
                       "cp", sjl_record_names(row->cp),
                       "state", sjl_job_states[row->state],
                       "start", (json_int_t) row->start,
                       "end", (json_int_t) row->end,
                       "payload", sjl_payloads[row->payload],
                       "size", (json_int_t) row->size,
                       "runMicros", (json_int_t) row->run_micros,
                       "progress", progress);

    if (row->statement >= 0) {
        (void) json_object_set_new(record, "statement",
                                   json_integer(row->statement));
        (void) json_object_set_new(record, "kind", json_string(row->kind));
    }

    return record;
}


/* jobs that follow each other mostly have one class path, so one is kept */

static json_t *
sjl_record_names(const char *cp)
{
    size_t   i;
    json_t  *binaries, *binary, *name;

    static char    *text;
    static json_t  *names;

    if (text && strcmp(text, cp) == 0) {
        return json_incref(names);
    }

    free(text);
    json_decref(names);

    text = sjl_strdup(cp);
    names = json_array();
    binaries = json_loads(cp, 0, NULL);

    json_array_foreach(binaries, i, binary) {
        name = json_object_get(binary, "name");
        (void) json_array_append(names, name ? name
                                 : json_object_get(binary, "uri"));
    }

    json_decref(binaries);

    return json_incref(names);
}


json_t *
sjl_record_binary(const sjl_binary_row_t *row)
{
    return json_pack("{s:s, s:s, s:I, s:s, s:I}", "name", row->name,
                     "type", row->type, "time", (json_int_t) row->time,
                     "sha256", row->sha256, "size", (json_int_t) row->size);
}


json_t *
sjl_record_put(const char *kind, json_t *record)
{
    return json_pack("{s:s, s:s, s:o}", "op", "put", "kind", kind, "record",
                     record);
}
