
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * A driver runs code of users, and pages show what it says as links: so they
 * are links, and not many.
 */


#include "sjl_shown.h"
#include "sjl_lifetime.h"
#include "sjl_thrift.h"


#define SJL_SHOWN_LINK       1024
#define SJL_SHOWN_NAME       64
#define SJL_SHOWN_EXECUTORS  16
#define SJL_SHOWN_LOGS       4          /* of one process */
#define SJL_SHOWN_MAX        (16 * 1024)


static json_t *sjl_shown_count(const json_t *value);
static json_t *sjl_shown_link(const json_t *value);
static json_t *sjl_shown_links(const json_t *value);
static json_t *sjl_shown_executors(const json_t *value);
static json_t *sjl_shown_logs(const json_t *value);
static json_t *sjl_shown_each(const json_t *value, size_t max,
    json_t *(*check)(const json_t *value));


static const struct {
    const char   *name;
    json_t     *(*check)(const json_t *value);
} sjl_shown_members[] = {
    { "trackingUrl", sjl_shown_link },
    { "executors", sjl_shown_count },
    { "cores", sjl_shown_count },
    { "logs", sjl_shown_logs }
};


/* what nobody has any longer when the context has ended */

static const char *const  sjl_shown_alive[] = {
    "executors", "cores", "thriftServer"
};


int
sjl_shown_take(sjl_context_t *ctx, const json_t *told)
{
    int      changed, used;
    char    *text;
    size_t   i;
    json_t  *shown, *value;

    shown = json_object();

    for (i = 0; i < sjl_nelts(sjl_shown_members); i++) {
        value = sjl_shown_members[i].check(
                    json_object_get(told, sjl_shown_members[i].name));

        if (value) {
            (void) json_object_set_new(shown, sjl_shown_members[i].name,
                                       value);
        }
    }

    used = ctx->sessions > 0;
    value = sjl_thrift_told(ctx, json_object_get(told, "thriftServer"));

    if (value) {
        (void) json_object_set_new(shown, "thriftServer", value);
    }

    text = json_object_size(shown) ? sjl_json_text(shown) : NULL;

    if (text && strlen(text) > SJL_SHOWN_MAX) {
        free(text);
        (void) json_object_del(shown, "logs");
        text = sjl_json_text(shown);
    }

    json_decref(shown);

    if (used && ctx->sessions == 0) {
        sjl_lifetime_idle(ctx);
    }

    changed = strcmp(text ? text : "", ctx->row.shown ? ctx->row.shown : "")
              != 0;

    free(ctx->row.shown);
    ctx->row.shown = text;

    return changed;
}


static json_t *
sjl_shown_count(const json_t *value)
{
    json_int_t  n;

    n = json_integer_value(value);

    return json_is_integer(value) && n >= 0 && n <= INT32_MAX
           ? json_integer(n) : NULL;
}


static json_t *
sjl_shown_link(const json_t *value)
{
    const char  *link;

    link = json_string_value(value);

    if (link == NULL || strlen(link) > SJL_SHOWN_LINK
        || (strncmp(link, "http://", 7) != 0
            && strncmp(link, "https://", 8) != 0))
    {
        return NULL;
    }

    return json_string(link);
}


/* {"stdout": link, ...} */

static json_t *
sjl_shown_links(const json_t *value)
{
    return sjl_shown_each(value, SJL_SHOWN_LOGS, sjl_shown_link);
}


/* {"<executor's id>": {"stdout": link, ...}, ...} */

static json_t *
sjl_shown_executors(const json_t *value)
{
    return sjl_shown_each(value, SJL_SHOWN_EXECUTORS, sjl_shown_links);
}


static json_t *
sjl_shown_logs(const json_t *value)
{
    json_t  *logs, *driver, *executors;

    logs = json_object();
    driver = sjl_shown_links(json_object_get(value, "driver"));
    executors = sjl_shown_executors(json_object_get(value, "executors"));

    if (driver) {
        (void) json_object_set_new(logs, "driver", driver);
    }

    if (executors) {
        (void) json_object_set_new(logs, "executors", executors);
    }

    if (json_object_size(logs) == 0) {
        json_decref(logs);
        return NULL;
    }

    return logs;
}


/* the first so many members that pass; NULL: none does */

static json_t *
sjl_shown_each(const json_t *value, size_t max,
    json_t *(*check)(const json_t *value))
{
    json_t      *object, *member, *checked;
    const char  *name;

    object = json_object();

    json_object_foreach((json_t *) value, name, member) {
        checked = strlen(name) <= SJL_SHOWN_NAME ? check(member) : NULL;

        if (checked && json_object_size(object) < max) {
            (void) json_object_set_new(object, name, checked);

        } else {
            json_decref(checked);
        }
    }

    if (json_object_size(object) == 0) {
        json_decref(object);
        return NULL;
    }

    return object;
}


json_t *
sjl_shown_record(const sjl_context_row_t *row)
{
    size_t   i;
    json_t  *shown;

    shown = row->shown ? json_loads(row->shown, 0, NULL) : NULL;

    for (i = 0; row->final && i < sjl_nelts(sjl_shown_alive); i++) {
        (void) json_object_del(shown, sjl_shown_alive[i]);
    }

    return shown;
}
