
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The first message of a driver, and what it is answered with.
 */


#include "sjl_link.h"
#include "sjl_config.h"
#include "sjl_files.h"
#include "sjl_job.h"
#include "sjl_link_body.h"
#include "sjl_ports.h"
#include "sjl_remote.h"
#include "sjl_setup.h"
#include "sjl_spare.h"
#include "sjl_thrift.h"


/* what a driver says of itself */

typedef struct {
    int          protocol;
    json_int_t   generation;            /* -1: it says none */
    const char  *id;
    const char  *secret;
    const char  *token;
    const char  *instance;
    const char  *submission;
    json_t      *jobs;
    json_t      *statements;            /* those of them that are such */
} sjl_link_hello_t;


static void sjl_link_refuse(sjl_conn_t *c, int orphan);
static const char *sjl_link_wrong(sjl_conn_t *c, const sjl_context_t *ctx,
    const sjl_link_hello_t *hello);
static void sjl_link_accept(sjl_conn_t *c, sjl_context_t *ctx,
    const sjl_link_hello_t *hello);
static int sjl_link_credentials(const sjl_context_t *ctx, const char *secret,
    const char *token);
static void sjl_link_welcome(sjl_context_t *ctx);
static void sjl_link_folders(const sjl_context_t *ctx, json_t *meta);


void
sjl_link_hello(sjl_conn_t *c, sjl_frame_t *f)
{
    const char        *wrong;
    sjl_context_t     *ctx;
    sjl_link_hello_t   hello;

    memset(&hello, 0, sizeof(sjl_link_hello_t));
    hello.generation = -1;

    if (sjl_link_unpack(c, f, "{s:i, s:s, s?I, s?s, s?s, s?s, s?s, s?o, s?o}",
                        "protocol", &hello.protocol, "context", &hello.id,
                        "generation", &hello.generation,
                        "secret", &hello.secret, "token", &hello.token,
                        "instance", &hello.instance,
                        "submission", &hello.submission, "jobs", &hello.jobs,
                        "statements", &hello.statements)
        == SJL_ERROR)
    {
        return;
    }

    ctx = sjl_context_find(hello.id);

    if (ctx == NULL && hello.protocol == SJP_VERSION && !c->greeted
        && sjl_spare_hello(c, hello.id, hello.secret) == SJL_OK)
    {
        return;
    }

    wrong = sjl_link_wrong(c, ctx, &hello);

    if (wrong) {
        sjl_log(SJL_LOG_ERR, "connection %u of %s is no driver of context "
                "%.40s: %s", c->number, c->name, hello.id, wrong);
        sjl_link_refuse(c, hello.protocol == SJP_VERSION && !c->greeted);
        return;
    }

    sjl_link_accept(c, ctx, &hello);
}


/* NULL: it is the driver that the context has now */

static const char *
sjl_link_wrong(sjl_conn_t *c, const sjl_context_t *ctx,
    const sjl_link_hello_t *hello)
{
    const sjl_driver_t  *d;

    d = ctx ? ctx->driver : NULL;

    return hello->protocol != SJP_VERSION ? "another protocol"
           : c->greeted ? "a second hello"
           : d == NULL ? "none is expected"
           : !c->io.remote && sjl_owner_is_other(&ctx->owner)
             && c->uid != ctx->owner.uid ? "another user"
           : hello->generation != -1
             && hello->generation != ctx->row.generation
             ? "another generation"
           : !sjl_link_credentials(ctx, hello->secret, hello->token)
             ? "wrong secret or token"

           /* its cluster may have started it once more, with all it was told */

           : d->conn && d->instance && hello->instance
             && strcmp(d->instance, hello->instance) != 0
             ? "another one of this generation is connected"
           : NULL;
}


static void
sjl_link_accept(sjl_conn_t *c, sjl_context_t *ctx,
    const sjl_link_hello_t *hello)
{
    sjl_log(SJL_LOG_INFO, "context %s %s: driver %d has connected%s, "
            "connection %u from %s", ctx->row.name, ctx->row.id,
            (int) ctx->driver->process.pid, hello->token ? " again" : "",
            c->number, c->name);

    c->greeted = 1;
    ev_timer_stop(sjl_loop, &c->timer);

    if (!c->io.remote) {
        sjl_driver_found(ctx->driver, c->pid);
    }

    free(ctx->driver->instance);
    ctx->driver->instance = sjl_strdup(hello->instance);

    if (ctx->driver->remote) {
        sjl_remote_come(ctx->driver->remote, hello->submission,
                        hello->secret != NULL);
    }

    if (hello->token) {
        free(ctx->token);
        ctx->token = sjl_strdup(hello->token);
    }

    sjl_driver_attach(ctx->driver, c);

    if (hello->secret) {
        sjl_context_token_first(ctx, sjl_link_welcome);

        if (ctx->driver == NULL) {
            return;
        }

    } else {
        sjl_driver_send(ctx->driver, SJP_LINK_CONTEXT,
                        json_pack("{s:s}", "token", hello->token), NULL, 0);
    }

    if (ctx->row.state == SJP_CONTEXT_STOPPING) {
        sjl_driver_stop(ctx->driver, 0);
    }

    sjl_job_reconcile(ctx, hello->jobs, hello->statements);
}


/* a driver that is nobody's would look for a launcher for long yet */

static void
sjl_link_refuse(sjl_conn_t *c, int orphan)
{
    if (!orphan) {
        sjl_conn_close(c);
        return;
    }

    sjl_conn_send(c, SJP_LINK_STOP, 0, NULL, NULL, 0, -1);
    sjl_conn_finish(c);
}


/* the rows have hashes: who reads the database cannot be a driver */

static int
sjl_link_credentials(const sjl_context_t *ctx, const char *secret,
    const char *token)
{
    char         hash[SJL_HASH_LEN + 1];
    const char  *given, *expected;

    given = secret ? secret : token;
    expected = secret ? ctx->row.secret : ctx->row.token;

    if (given == NULL || *expected == '\0') {
        return 0;
    }

    sjl_hash(hash, given, strlen(given));

    return sjl_same_secret(hash, expected);
}


/* the context may fail, and has no driver then */

static void
sjl_link_welcome(sjl_context_t *ctx)
{
    char           *why, *body;
    size_t          size;
    json_t         *meta, *options, *settings, *fixed, *thrift;
    sjl_library_t  *library;

    /* who has gone meanwhile comes back with the secret */

    if (ctx->driver->conn == NULL) {
        return;
    }

    sjl_context_secret_used(ctx);

    settings = json_copy(sjl_conf->context_settings);
    fixed = ctx->row.ports ? sjl_ports_set(settings, ctx->row.ports)
                           : json_array();
    sjl_setup_settings(ctx, settings, fixed);

    /* one that was adopted may have what is not there any longer */

    library = sjl_setup_library(ctx);
    options = json_copy(library ? library->options : sjl_conf->options);
    (void) json_array_extend(options, ctx->options);

    meta = json_pack("{s:s, s:o, s:o, s:s, s:s*, s:O, s:s, s:I, s:o, s:b, s:I}",
                     "name", ctx->row.name,
                     "settings", settings, "fixed", fixed,
                     "library", sjl_setup_library_name(ctx->row.library),
                     "cluster", ctx->row.cluster,
                     "query", ctx->settings, "token", ctx->token,
                     "maxJobs", (json_int_t) ctx->row.max_jobs,
                     "options", options, "adhoc", (int) ctx->row.adhoc,
                     "maxResult", (json_int_t) sjl_conf->limit_result_bytes);


    (void) json_object_set_new(meta, "outbound",
                               json_pack("{s:O, s:O}",
                                         "hosts", sjl_conf->outbound_hosts,
                                         "files", sjl_conf->outbound_files));

    if (ctx->row.kind) {
        (void) json_object_set_new(meta, "kind", json_string(ctx->row.kind));
    }

    if (ctx->row.added) {
        (void) json_object_set_new(meta, "added",
                                   json_loads(ctx->row.added, 0, NULL));
    }

    thrift = sjl_thrift_place();

    if (thrift) {
        (void) json_object_set_new(meta, "thrift", thrift);
    }

    if (ctx->row.proxy_user) {
        (void) json_object_set_new(meta, "proxyUser",
                                   json_string(ctx->row.proxy_user));
    }

    if (!sjl_driver_is_elsewhere(ctx->driver)) {
        sjl_link_folders(ctx, meta);
    }

    why = sjl_link_body(ctx, meta, &body, &size);

    if (why) {
        sjl_log(SJL_LOG_CRIT, "%s", why);
        json_decref(meta);
        sjl_context_not_kept(ctx, why);
        return;
    }

    sjl_driver_send(ctx->driver, SJP_LINK_CONTEXT, meta, body, size);

    free(body);
}


static void
sjl_link_folders(const sjl_context_t *ctx, json_t *meta)
{
    char  *folder;

    folder = sjl_path_context(ctx->row.id, "");
    (void) json_object_set_new(meta, "work", json_string(folder));
    free(folder);

    folder = sjl_path_context(ctx->row.id, "/logs");
    (void) json_object_set_new(meta, "logs", json_string(folder));
    free(folder);

    folder = sjl_path_data("");
    folder[strlen(folder) - 1] = '\0';
    (void) json_object_set_new(meta, "data", json_string(folder));
    free(folder);
}
