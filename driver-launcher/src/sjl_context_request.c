
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What modules ask of contexts.
 */


#include "sjl_config.h"
#include "sjl_context.h"
#include "sjl_look.h"
#include "sjl_server.h"

#include <ctype.h>
#include <utlist.h>


#define SJL_CONTEXT_MEMORY  "launcher.spark.driver.memory"


typedef struct {
    sjl_request_t      *request;
    sjl_context_spec_t  spec;
} sjl_create_t;


typedef struct sjl_reset_s  sjl_reset_t;

struct sjl_reset_s {
    sjl_request_t  *request;
    uint64_t        number;             /* contexts up to this one */
    sjl_reset_t    *next;
};


static int sjl_create_read(sjl_create_t *create, sjl_frame_t *f);
static int sjl_create_settings(sjl_create_t *create, json_t *settings);
static void sjl_create_looked(void *data, const void *row, const char *error);
static int sjl_create_attach(sjl_create_t *create);
static void sjl_create_go(sjl_create_t *create);
static void sjl_create_free(sjl_create_t *create);


static sjl_reset_t  *sjl_resets;


void
sjl_context_create(sjl_conn_t *c, sjl_frame_t *f)
{
    sjl_create_t  *create;

    create = sjl_alloc(sizeof(sjl_create_t));
    create->request = sjl_request_make(c, f);
    create->spec.fd = -1;

    if (sjl_create_read(create, f) == SJL_ERROR || sjl_create_attach(create)) {
        sjl_create_free(create);
        return;
    }

    /* a context that has ended is known to the database only */

    sjl_look_context(create->spec.id, sjl_create_looked, create);
}


/* SJL_ERROR: it is answered */

static int
sjl_create_read(sjl_create_t *create, sjl_frame_t *f)
{
    char                *why;
    json_t              *settings;
    const char          *id, *name, *user;
    sjl_request_t       *r;
    sjl_context_spec_t  *spec;

    r = create->request;
    spec = &create->spec;
    settings = NULL;
    user = "";

    if (sjl_request_unpack(r, f, "{s:s, s:s, s?o, s?s}", "id", &id, "name",
                           &name, "settings", &settings, "user", &user)
        == SJL_ERROR)
    {
        return SJL_ERROR;
    }

    spec->id = sjl_strdup(id);
    spec->name = sjl_strdup(name);
    spec->user = sjl_strdup(user);

    if (!sjl_id_ok(id) || *name == '\0' || strlen(name) > SJP_NAME_MAX) {
        sjl_request_refuse(r, SJP_ERR_BAD_REQUEST,
                           sjl_id_ok(id) ? "name" : "id");
        return SJL_ERROR;
    }

    if (sjl_create_settings(create, settings) == SJL_ERROR) {
        return SJL_ERROR;
    }

    spec->options = sjl_context_options(spec->settings, &why);

    if (spec->options == NULL) {
        sjl_request_refuse(r, SJP_ERR_BAD_CONFIG, why);
        free(why);
        return SJL_ERROR;
    }

    if (sjl_request_body(r, f, &spec->body, &spec->size) == SJL_ERROR) {
        return SJL_ERROR;
    }

    if (spec->body == NULL && spec->size) {
        spec->fd = f->fd;
        f->fd = -1;
    }

    return SJL_OK;
}


static int
sjl_create_settings(sjl_create_t *create, json_t *settings)
{
    json_t      *value;
    const char  *key;

    if (settings && !json_is_object(settings)) {
        sjl_request_refuse(create->request, SJP_ERR_BAD_REQUEST, "settings");
        return SJL_ERROR;
    }

    json_object_foreach(settings, key, value) {
        if (!json_is_string(value)) {
            sjl_request_refuse(create->request, SJP_ERR_BAD_REQUEST, key);
            return SJL_ERROR;
        }
    }

    create->spec.settings = settings ? json_incref(settings) : json_object();

    return SJL_OK;
}


json_t *
sjl_context_options(const json_t *settings, char **why)
{
    char        *option;
    size_t       n;
    json_t      *options;
    const char  *memory;

    options = json_array();
    memory = json_string_value(json_object_get(settings, SJL_CONTEXT_MEMORY));

    if (memory == NULL) {
        return options;
    }

    n = strspn(memory, "0123456789");

    if (n == 0 || n > 12
        || (memory[n] && (strchr("kmgt", memory[n]) == NULL || memory[n + 1])))
    {
        *why = sjl_format(SJL_CONTEXT_MEMORY ": expected a number with k, m, g "
                          "or t behind it, got \"%.100s\"", memory);
        sjl_text_clean(*why);
        json_decref(options);
        return NULL;
    }

    /* a number alone is in MiB to Spark, and in bytes to the JVM */

    option = sjl_format("-Xmx%s%s", memory, memory[n] ? "" : "m");
    (void) json_array_append_new(options, json_string(option));
    free(option);

    return options;
}


static void
sjl_create_looked(void *data, const void *row, const char *error)
{
    sjl_create_t  *create;

    create = data;

    if (error) {
        sjl_request_storage_failed(create->request, error);

    } else if (row) {
        sjl_context_reply(create->request, row);

    } else if (!sjl_create_attach(create)) {
        sjl_create_go(create);
    }

    sjl_create_free(create);
}


/* whether the context is there already, asked for by the same id before */

static int
sjl_create_attach(sjl_create_t *create)
{
    sjl_context_t  *ctx;

    ctx = sjl_context_find(create->spec.id);

    /* what was answered once is durable, so the database answers it again */

    if (ctx == NULL || ctx->answered) {
        return 0;
    }

    LL_PREPEND2(ctx->creators, create->request, waiting);

    return 1;
}


static void
sjl_create_go(sjl_create_t *create)
{
    char            limit[24];
    sjl_context_t  *ctx;

    if (sjl_server_ending()) {
        sjl_request_refuse(create->request, SJP_ERR_UNAVAILABLE,
                           "the launcher is ending");
        return;
    }

    if (sjl_context_find_name(create->spec.name)) {
        sjl_request_refuse(create->request, SJP_ERR_CONTEXT_EXISTS,
                           create->spec.name);
        return;
    }

    if ((int64_t) sjl_context_count() >= sjl_conf->max_contexts) {
        (void) snprintf(limit, sizeof(limit), "%d",
                        (int) sjl_conf->max_contexts);
        sjl_request_refuse(create->request, SJP_ERR_TOO_MANY_CONTEXTS, limit);
        return;
    }

    ctx = sjl_context_make(&create->spec);
    LL_PREPEND2(ctx->creators, create->request, waiting);

    create->spec.settings = NULL;
    create->spec.options = NULL;
    create->spec.body = NULL;
    create->spec.fd = -1;
}


static void
sjl_create_free(sjl_create_t *create)
{
    free((char *) (uintptr_t) create->spec.id);
    free((char *) (uintptr_t) create->spec.name);
    free((char *) (uintptr_t) create->spec.user);
    free(create->spec.body);
    json_decref(create->spec.settings);
    json_decref(create->spec.options);

    if (create->spec.fd != -1) {
        (void) close(create->spec.fd);
    }

    free(create);
}


void
sjl_context_delete(sjl_conn_t *c, sjl_frame_t *f)
{
    int             force;
    const char     *name, *user;
    sjl_request_t  *r;
    sjl_context_t  *ctx;

    r = sjl_request_make(c, f);
    force = 0;
    user = "";

    if (sjl_request_unpack(r, f, "{s:s, s?b, s?s}", "name", &name, "force",
                           &force, "user", &user)
        == SJL_ERROR)
    {
        return;
    }

    ctx = sjl_context_find_name(name);

    if (ctx == NULL) {
        sjl_request_refuse(r, SJP_ERR_NO_SUCH_CONTEXT, name);
        return;
    }

    sjl_log(SJL_LOG_INFO, "context %s %s is to stop%s, asked by \"%s\"",
            ctx->row.name, ctx->row.id, force ? " by force" : "", user);

    LL_PREPEND2(ctx->deleters, r, waiting);
    sjl_context_stop(ctx, force);
}


void
sjl_context_reset(sjl_conn_t *c, sjl_frame_t *f)
{
    const char      *user;
    sjl_reset_t     *reset;
    sjl_context_t   *ctx, *next;
    sjl_request_t   *r;

    r = sjl_request_make(c, f);
    user = "";

    if (sjl_request_unpack(r, f, "{s?s}", "user", &user) == SJL_ERROR) {
        return;
    }

    sjl_log(SJL_LOG_INFO, "all contexts are to stop, asked by \"%s\"", user);

    reset = sjl_alloc(sizeof(sjl_reset_t));
    reset->request = r;

    HASH_ITER(hh, sjl_contexts, ctx, next) {
        if (ctx->number > reset->number) {
            reset->number = ctx->number;
        }
    }

    LL_PREPEND(sjl_resets, reset);

    sjl_context_stop_all(0);
    sjl_context_resets_check();
}


/* contexts that are final and committed are released, and no longer there */

void
sjl_context_resets_check(void)
{
    uint64_t        oldest;
    sjl_reset_t    *reset, *next;
    sjl_context_t  *ctx, *tmp;

    if (sjl_resets == NULL) {
        return;
    }

    oldest = UINT64_MAX;

    HASH_ITER(hh, sjl_contexts, ctx, tmp) {
        if (ctx->number < oldest) {
            oldest = ctx->number;
        }
    }

    LL_FOREACH_SAFE(sjl_resets, reset, next) {
        if (reset->number < oldest) {
            LL_DELETE(sjl_resets, reset);
            sjl_request_reply(reset->request, NULL, NULL, 0);
            free(reset);
        }
    }
}
