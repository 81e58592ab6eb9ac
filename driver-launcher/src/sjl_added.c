
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_added.h"
#include "sjl_binary.h"


static void sjl_added_names(json_t *names, const char *cp);
static int sjl_added_has(const json_t *names, const json_t *name);


/*
 * By their names, as the context's own class path: what the next driver gets of
 * one is its newest version then.
 */

void
sjl_added_take(sjl_job_t *job)
{
    size_t          n;
    json_t         *names;
    sjl_context_t  *ctx;

    ctx = job->context;

    if (strcmp(job->row.class, SJP_CLASS_BINARIES) != 0 || ctx->row.final) {
        return;
    }

    names = ctx->row.added ? json_loads(ctx->row.added, 0, NULL) : NULL;
    names = names ? names : json_array();
    n = json_array_size(names);

    sjl_added_names(names, job->row.dependent);
    sjl_added_names(names, job->row.cp);

    if (!sjl_binary_names_fit(names, NULL)) {
        sjl_log(SJL_LOG_WARN, "context %s %s: another driver of it will not "
                "have what job %s has added, since it is too much",
                ctx->row.name, ctx->row.id, job->row.id);

    } else if (json_array_size(names) > n) {
        free(ctx->row.added);
        ctx->row.added = sjl_json_text(names);
        sjl_context_save(ctx, 0);
    }

    json_decref(names);
}


static void
sjl_added_names(json_t *names, const char *cp)
{
    size_t   i;
    json_t  *entries, *entry, *name;

    entries = cp ? json_loads(cp, 0, NULL) : NULL;

    json_array_foreach(entries, i, entry) {
        name = json_object_get(entry, "name");
        name = name ? name : json_object_get(entry, "uri");

        if (!sjl_added_has(names, name)) {
            (void) json_array_append(names, name);
        }
    }

    json_decref(entries);
}


static int
sjl_added_has(const json_t *names, const json_t *name)
{
    size_t   i;
    json_t  *one;

    json_array_foreach(names, i, one) {
        if (json_equal(one, name)) {
            return 1;
        }
    }

    return 0;
}
