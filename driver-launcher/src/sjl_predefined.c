
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_predefined.h"
#include "sjl_binary.h"
#include "sjl_config.h"
#include "sjl_create.h"
#include "sjl_driver.h"
#include "sjl_files.h"
#include "sjl_limit.h"
#include "sjl_server.h"

#include <utlist.h>


#define SJL_PREDEFINED_USER  ""

/* how often it is looked whether contexts that wait may start, in seconds */
#define SJL_PREDEFINED_TURN  .5


/* contexts that are made together */

struct sjl_round_s {
    sjl_request_t  *request;            /* NULL: nobody waits for them */
    size_t          left;
    json_t         *waiting;            /* settings, by name */
    ev_timer        timer;
    char           *failed;             /* the name of one that does not run */
    sjl_bytes_t     error;
    sjl_round_t    *next;
};


static void sjl_predefined_want(const json_t *before);
static void sjl_predefined_contexts(sjl_request_t *r, const char *own,
    json_t *contexts);
static void sjl_predefined_go_on(sjl_round_t *round);
static int sjl_predefined_waits(const char *name);
static void sjl_predefined_timeout(struct ev_loop *loop, ev_timer *timer,
    int events);
static void sjl_predefined_context(sjl_round_t *round, const char *name,
    json_t *settings);
static void sjl_predefined_check(sjl_round_t *round);
static void sjl_predefined_binary(const char *name, const char *path);
static void sjl_predefined_hashed(sjl_file_op_t *fop);


static sjl_round_t  *sjl_predefined_rounds;

/* binaries on their way, and the contexts that wait for them */
static size_t   sjl_predefined_left;
static json_t  *sjl_predefined_wanted;


void
sjl_predefined_start(const json_t *contexts, const json_t *binaries)
{
    json_t      *path;
    const char  *name;

    sjl_predefined_left++;

    json_object_foreach(sjl_conf->binaries, name, path) {
        if (!json_equal(path, json_object_get(binaries, name))) {
            sjl_predefined_binary(name, json_string_value(path));
        }
    }

    sjl_predefined_want(contexts);
    sjl_predefined_stored();
}


static void
sjl_predefined_want(const json_t *before)
{
    json_t      *settings;
    const char  *name;

    if (sjl_predefined_wanted == NULL) {
        sjl_predefined_wanted = json_object();
    }

    json_object_foreach(sjl_conf->contexts, name, settings) {
        if (json_object_get(before, name) == NULL) {
            (void) json_object_set(sjl_predefined_wanted, name, settings);
        }
    }
}


/* a context's settings may name a binary, so all of these come first */

void
sjl_predefined_stored(void)
{
    json_t  *contexts;

    if (--sjl_predefined_left) {
        return;
    }

    contexts = sjl_predefined_wanted;
    sjl_predefined_wanted = NULL;

    if (!sjl_server_ending()) {
        sjl_predefined_contexts(NULL, NULL, contexts);
    }

    json_decref(contexts);
}


void
sjl_predefined_recreate(sjl_request_t *r, const char *own)
{
    sjl_predefined_contexts(r, own, sjl_conf->contexts);
}


static void
sjl_predefined_contexts(sjl_request_t *r, const char *own, json_t *contexts)
{
    json_t       *settings;
    const char   *name;
    sjl_round_t  *round;

    round = sjl_alloc(sizeof(sjl_round_t));
    round->request = r;
    round->left = 1;
    round->waiting = json_object();

    ev_init(&round->timer, sjl_predefined_timeout);
    round->timer.data = round;

    LL_PREPEND(sjl_predefined_rounds, round);

    json_object_foreach(contexts, name, settings) {
        if (sjl_context_owned(name, own)) {
            (void) json_object_set(round->waiting, name, settings);
        }
    }

    sjl_predefined_go_on(round);
}


static void
sjl_predefined_go_on(sjl_round_t *round)
{
    int          ending;
    void        *next;
    json_t      *settings;
    const char  *name;

    ending = sjl_server_ending();

    json_object_foreach_safe(round->waiting, next, name, settings) {
        if (!ending && !sjl_predefined_waits(name)) {
            sjl_predefined_context(round, name, settings);
            (void) json_object_del(round->waiting, name);
        }
    }

    if (!ending && json_object_size(round->waiting)) {
        ev_timer_set(&round->timer, SJL_PREDEFINED_TURN, 0.);
        ev_timer_start(sjl_loop, &round->timer);
        return;
    }

    round->left--;
    sjl_predefined_check(round);
}


/*
 * Drivers that start take all of the machine, whoever wants them.  One that was
 * adopted may turn out to have ended.
 */

static int
sjl_predefined_waits(const char *name)
{
    sjl_context_t  *ctx;

    ctx = sjl_context_find_name(name);

    if (ctx) {
        return ctx->driver && ctx->driver->phase == SJL_DRIVER_AWAY;
    }

    return !sjl_limit_may_start();
}


static void
sjl_predefined_timeout(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void) loop;
    (void) events;

    sjl_predefined_go_on(timer->data);
}


/* the configuration was checked: only what was adopted can be in the way */

static void
sjl_predefined_context(sjl_round_t *round, const char *name, json_t *settings)
{
    char                *why, id[SJL_ID_LEN + 1];
    sjl_context_t       *ctx;
    sjl_context_spec_t   spec;

    if (sjl_context_find_name(name) || sjl_replace_reserved(name)) {
        return;
    }

    if ((int64_t) sjl_context_count() >= sjl_conf->max_contexts) {
        sjl_log(SJL_LOG_ERR, "predefined context %s is not made, there are "
                "%d contexts already", name, (int) sjl_conf->max_contexts);
        free(round->failed);
        round->failed = sjl_strdup(name);
        return;
    }

    sjl_id_make(id);

    memset(&spec, 0, sizeof(sjl_context_spec_t));
    spec.id = id;
    spec.name = name;
    spec.user = SJL_PREDEFINED_USER;
    spec.settings = json_deep_copy(settings);
    spec.options = sjl_context_options(settings, &why);
    spec.fd = -1;

    sjl_log(SJL_LOG_INFO, "context %s is predefined", name);

    ctx = sjl_context_make(&spec);
    ctx->round = round;
    round->left++;
}


void
sjl_predefined_answered(sjl_context_t *ctx, const char *reason,
    const void *error, size_t size)
{
    sjl_round_t  *round;

    round = ctx->round;
    ctx->round = NULL;
    round->left--;

    if (reason) {
        sjl_log(SJL_LOG_ERR, "predefined context %s does not run: %s",
                ctx->row.name, reason);

        free(round->failed);
        free(round->error.data);
        round->failed = sjl_strdup(ctx->row.name);
        round->error.data = sjl_memdup(error, size);
        round->error.len = size;
    }

    sjl_predefined_check(round);
}


static void
sjl_predefined_check(sjl_round_t *round)
{
    if (round->left) {
        return;
    }

    if (round->request == NULL) {
        /* it was the launcher's start, and the log tells */

    } else if (round->failed) {
        sjl_request_refuse_error(round->request, SJP_ERR_CONTEXT_INIT_FAILED,
                                 round->failed, round->error.data,
                                 round->error.len);

    } else {
        sjl_request_reply(round->request, NULL, NULL, 0);
    }

    LL_DELETE(sjl_predefined_rounds, round);

    json_decref(round->waiting);
    free(round->failed);
    free(round->error.data);
    free(round);
}


static void
sjl_predefined_binary(const char *name, const char *path)
{
    int             fd;
    sjl_file_op_t  *fop;

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NONBLOCK);

    if (fd == -1) {
        sjl_log(SJL_LOG_ERR, "predefined binary %s is not stored: "
                "open(\"%s\") failed: %s", name, path, strerror(errno));
        return;
    }

    fop = sjl_file_op_make(sjl_files_hash, sjl_predefined_hashed,
                           sjl_strdup(name));
    fop->fd = fd;
    fop->from = sjl_strdup(path);

    sjl_predefined_left++;
    sjl_file_op_add(fop);
}


static void
sjl_predefined_hashed(sjl_file_op_t *fop)
{
    char        *name;
    const char  *type;

    name = fop->data;
    type = sjl_files_type(fop->from);

    if (fop->rc == SJL_OK && !sjl_binary_is(name, type, fop->sha256)) {
        sjl_log(SJL_LOG_INFO, "binary %s is predefined, and new", name);
        sjl_binary_store(name, type, fop->fd);
        fop->fd = -1;

    } else {
        sjl_predefined_stored();
    }

    free(name);
    sjl_file_op_free(fop);
}
