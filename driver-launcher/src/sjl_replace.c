
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_create.h"
#include "sjl_server.h"

#include <utlist.h>


static void sjl_replace_answer_early(sjl_create_t *create);
static int sjl_replace_step(sjl_create_t *create);
static int sjl_replace_first(const sjl_create_t *create);
static sjl_context_t *sjl_replace_old(const char *name);


/* in the order of arrival; the first of each name is the one that is served */
static sjl_create_t  *sjl_replaces;


void
sjl_replace_add(sjl_create_t *create)
{
    if (sjl_replace_old(create->spec.name)
        || sjl_replace_reserved(create->spec.name))
    {
        sjl_replace_answer_early(create);
    }

    LL_APPEND(sjl_replaces, create);

    sjl_replace_check();
}


/*
 * The old context may take long to end, and the new one has no row before it
 * has: who does not wait for a context that runs does not wait for that either.
 */

static void
sjl_replace_answer_early(sjl_create_t *create)
{
    sjl_request_t  *r, *next;

    LL_FOREACH_SAFE2(create->requests, r, next, waiting) {
        if (r->early) {
            LL_DELETE2(create->requests, r, waiting);
            sjl_request_reply(r, NULL, NULL, 0);
        }
    }
}


sjl_create_t *
sjl_replace_find(const char *id)
{
    sjl_create_t  *create;

    LL_FOREACH(sjl_replaces, create) {
        if (strcmp(create->spec.id, id) == 0) {
            return create;
        }
    }

    return NULL;
}


int
sjl_replace_reserved(const char *name)
{
    sjl_create_t  *create;

    LL_FOREACH(sjl_replaces, create) {
        if (strcmp(create->spec.name, name) == 0) {
            return 1;
        }
    }

    return 0;
}


size_t
sjl_replace_count(void)
{
    size_t         n;
    sjl_create_t  *create;

    n = 0;

    LL_FOREACH(sjl_replaces, create) {
        if (!create->made && sjl_replace_first(create)
            && sjl_context_find_name(create->spec.name) == NULL)
        {
            n++;
        }
    }

    return n;
}


void
sjl_replace_check(void)
{
    sjl_create_t  *create, *next;

    LL_FOREACH_SAFE(sjl_replaces, create, next) {

        if (sjl_replace_first(create) && sjl_replace_step(create)) {
            LL_DELETE(sjl_replaces, create);
            sjl_create_free(create);
        }
    }
}


static int
sjl_replace_first(const sjl_create_t *create)
{
    sjl_create_t  *other;

    LL_FOREACH(sjl_replaces, other) {
        if (strcmp(other->spec.name, create->spec.name) == 0) {
            return other == create;
        }
    }

    return 0;
}


/* whether it is over: then it is the next one's turn */

static int
sjl_replace_step(sjl_create_t *create)
{
    sjl_context_t  *ctx;

    if (create->made) {
        ctx = sjl_context_find(create->spec.id);
        return ctx == NULL || ctx->answered || ctx->gone;
    }

    if (sjl_server_ending()) {
        sjl_create_refuse(create, SJP_ERR_UNAVAILABLE,
                          "the launcher is ending");
        return 1;
    }

    ctx = sjl_replace_old(create->spec.name);

    if (ctx == NULL) {
        sjl_create_make(create);
        create->made = 1;
        return 0;
    }

    if (!ctx->row.final && ctx->row.state != SJP_CONTEXT_STOPPING) {
        sjl_log(SJL_LOG_INFO, "context %s %s is to be replaced by %s, asked by "
                "\"%s\"", ctx->row.name, ctx->row.id, create->spec.id,
                create->spec.user);
        sjl_context_stop(ctx, 0);
    }

    return 0;
}


/* also one that has ended, but not wholly: its driver may still be there */

static sjl_context_t *
sjl_replace_old(const char *name)
{
    sjl_context_t  *ctx, *next;

    HASH_ITER(hh, sjl_contexts, ctx, next) {
        if (strcmp(ctx->row.name, name) == 0) {
            return ctx;
        }
    }

    return NULL;
}
