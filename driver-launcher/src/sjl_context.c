
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The life of a context.
 */


#include "sjl_context.h"
#include "sjl_cluster_fit.h"
#include "sjl_config.h"
#include "sjl_create.h"
#include "sjl_failure.h"
#include "sjl_folder.h"
#include "sjl_job.h"
#include "sjl_kill.h"
#include "sjl_lifetime.h"
#include "sjl_ports.h"
#include "sjl_remote.h"
#include "sjl_session.h"
#include "sjl_setup.h"
#include "sjl_spare.h"
#include "sjl_state.h"
#include "sjl_stray.h"
#include "sjl_supervise.h"
#include "sjl_ticket.h"
#include "sjl_tokens.h"
#include "sjl_yarn.h"

#include <utlist.h>


#define SJL_CONTEXT_SECRET  32
#define SJL_CONTEXT_GRACE   5.          /* seconds */


static void sjl_context_index(sjl_context_t *ctx);
static void sjl_context_renew(char **secret, char **kept);
static void sjl_context_made(sjl_file_op_t *fop);
static void sjl_context_fits(sjl_context_t *ctx, sjp_error_e code, char *why);
static void sjl_context_spawn(sjl_context_t *ctx);
static void sjl_context_ticket(void *data, char *why);
static void sjl_context_launch(sjl_context_t *ctx);
static void sjl_context_idle_timeout(struct ev_loop *loop, ev_timer *timer,
    int events);


sjl_context_t  *sjl_contexts;


static sjl_context_t  *sjl_contexts_by_name;
static uint64_t        sjl_context_number;


sjl_context_t *
sjl_context_find(const char *id)
{
    sjl_context_t  *ctx;

    HASH_FIND_STR(sjl_contexts, id, ctx);

    return ctx;
}


sjl_context_t *
sjl_context_find_name(const char *name)
{
    sjl_context_t  *ctx;

    HASH_FIND(hh_name, sjl_contexts_by_name, name, strlen(name), ctx);

    return ctx;
}


void
sjl_context_leave_name(sjl_context_t *ctx)
{
    HASH_DELETE(hh_name, sjl_contexts_by_name, ctx);
    sjl_session_leave(ctx);
}


size_t
sjl_context_count(void)
{
    return HASH_CNT(hh_name, sjl_contexts_by_name) + sjl_replace_count();
}


sjl_context_t *
sjl_context_make(sjl_context_spec_t *spec)
{
    char           *why;
    sjl_context_t  *ctx;
    sjl_file_op_t  *fop;

    ctx = sjl_alloc(sizeof(sjl_context_t));
    ctx->settings = spec->settings;
    ctx->options = spec->options;

    ctx->row.id = sjl_strdup(spec->id);
    sjl_session_begin(ctx, spec);
    ctx->row.user = sjl_strdup(spec->user);
    ctx->row.proxy_user = sjl_strdup(spec->proxy_user);
    ctx->row.request = sjl_strdup(spec->request);
    ctx->row.adhoc = spec->adhoc;
    ctx->kept = spec->kept ? 1 : 0;
    ctx->row.state = SJP_CONTEXT_STARTED;
    ctx->row.rev = 1;
    ctx->row.start = sjl_now();
    ctx->row.settings = sjl_json_text(ctx->settings);
    ctx->row.max_jobs = sjl_conf->max_jobs;
    ctx->row.max_queued = sjl_conf->max_queued;
    ctx->row.code = -1;

    ctx->row.ports = sjl_ports_take();
    ctx->row.generation = 1;

    (void) sjl_setup_set(ctx, json_string_value(json_object_get(ctx->settings,
                                                SJL_SETUP_CLUSTER)),
                         json_string_value(json_object_get(ctx->settings,
                                           SJL_SETUP_LIBRARY)));

    sjl_context_options_else(ctx);
    ctx->row.options = sjl_json_text(ctx->options);

    ctx->row.remote = sjl_remote_choose(ctx->settings, ctx->row.proxy_user,
                                        ctx->row.cluster, &ctx->misfit);

    sjl_context_index(ctx);
    sjl_context_renew(&ctx->secret, &ctx->row.secret);
    sjl_context_renew(&ctx->token, &ctx->row.token);

    sjl_log(SJL_LOG_INFO, "context %s %s: STARTED", ctx->row.name,
            ctx->row.id);

    fop = sjl_file_op_make(sjl_folder_make, sjl_context_made, ctx);
    fop->to = sjl_path_context(ctx->row.id, "");

    if (spec->wrong) {
        sjl_why_set(&fop->why, 0, "%s", spec->wrong);

    } else if (sjl_owner_choose(sjl_conf, ctx->settings, &ctx->owner, &why)
               == SJL_OK)
    {
        fop->owner = &ctx->owner;
        fop->from = sjl_spare_take(ctx);

    } else {
        sjl_why_set(&fop->why, 0, "%s", why);
        free(why);
    }

    fop->body = spec->body;
    fop->size = spec->size;
    fop->fd = spec->fd;

    ctx->nops++;
    sjl_file_op_add(fop);

    return ctx;
}


static void
sjl_context_index(sjl_context_t *ctx)
{
    ctx->number = ++sjl_context_number;

    ev_init(&ctx->timer, sjl_context_idle_timeout);
    ctx->timer.data = ctx;

    sjl_lifetime_init(ctx);
    sjl_supervise_init(ctx);

    HASH_ADD_KEYPTR(hh, sjl_contexts, ctx->row.id, SJL_ID_LEN, ctx);
    HASH_ADD_KEYPTR(hh_name, sjl_contexts_by_name, ctx->row.name,
                    strlen(ctx->row.name), ctx);
    sjl_session_enter(ctx);
}


/* rows have hashes only: who reads the database cannot be a driver */

static void
sjl_context_renew(char **secret, char **kept)
{
    char  hash[SJL_HASH_LEN + 1];

    sjl_free_secret(*secret);
    *secret = sjl_alloc(2 * SJL_CONTEXT_SECRET + 1);
    sjl_random_hex(*secret, SJL_CONTEXT_SECRET);

    sjl_hash(hash, *secret, strlen(*secret));
    free(*kept);
    *kept = sjl_strdup(hash);
}


static void
sjl_context_made(sjl_file_op_t *fop)
{
    sjl_context_t  *ctx;

    ctx = fop->data;
    ctx->nops--;

    SPARKJOB_FAULT("create.made");

    if (fop->rc == SJL_ERROR || !fop->renamed) {
        sjl_spare_leave(ctx);
    }

    if (fop->rc == SJL_ERROR) {
        sjl_folder_remove(sjl_path_context(ctx->row.id, ""));

        /* what was promised has at least a row that tells what became of it */

        if (ctx->kept) {
            ctx->unmade = sjl_strdup(fop->why.text);
        }
    }

    if (fop->rc == SJL_ERROR && !ctx->kept) {
        sjl_context_not_added(ctx, &fop->why);

    } else {
        sjl_context_add(ctx);
    }

    sjl_file_op_free(fop);
}


void
sjl_context_begin(sjl_context_t *ctx)
{
    sjl_failure_t  why;

    if (ctx->row.state == SJP_CONTEXT_STOPPING) {
        sjl_failure_words(&why, sjl_strdup("it was stopped before its driver "
                                           "was started"));
        sjl_context_end(ctx, SJP_CONTEXT_FINISHED, &why);
        return;
    }

    if (ctx->unmade) {
        sjl_context_not_kept(ctx, sjl_strdup(ctx->unmade));

    } else if (sjl_conf->ports.first && ctx->row.ports == 0) {
        sjl_failure_words(&why, sjl_ports_lacking());
        sjl_context_end(ctx, SJP_CONTEXT_ERROR, &why);

    } else {
        sjl_cluster_fit(ctx, sjl_context_fits);
    }
}


/* a driver would wait for ever for what its cluster has not */

static void
sjl_context_fits(sjl_context_t *ctx, sjp_error_e code, char *why)
{
    sjl_failure_t  failure;

    if (why == NULL) {
        sjl_context_spawn(ctx);
        return;
    }

    sjl_text_clean(why);
    sjl_failure_words(&failure, why);
    failure.code = code;
    failure.error = sjl_error_text(code == SJP_ERR_BAD_SETTING
                                   ? "sparkjob.driver.BadSettingException"
                                   : "spark.jobserver."
                                     "ContextInitializationException",
                                   why, NULL);
    sjl_context_end(ctx, SJP_CONTEXT_ERROR, &failure);
}


/* its secret is durable, so the next launcher will know the driver */

static void
sjl_context_spawn(sjl_context_t *ctx)
{
    sjl_failure_t  why;

    /* a driver of this host would be no substitute */

    if (ctx->misfit) {
        sjl_failure_words(&why, sjl_strdup(ctx->misfit));
        sjl_context_fail(ctx, &why);
        return;
    }

    if (sjl_ticket_wanted(sjl_setup_cluster(ctx))) {
        sjl_ticket_get(ctx, sjl_context_ticket);

    } else {
        sjl_context_launch(ctx);
    }
}


static void
sjl_context_ticket(void *data, char *why)
{
    sjl_context_t  *ctx;
    sjl_failure_t   failure;

    ctx = data;

    if (why == NULL) {
        sjl_context_launch(ctx);
        return;
    }

    sjl_failure_words(&failure, why);
    failure.error = sjl_error_text("spark.jobserver."
                                   "ContextInitializationException", why, NULL);
    sjl_context_fail(ctx, &failure);
}


/* the configuration may have changed while all was waited for */

static void
sjl_context_launch(sjl_context_t *ctx)
{
    char           *wrong;
    sjl_failure_t   why;

    if (sjl_setup_there(ctx->row.cluster, ctx->row.library, &wrong)
        == SJL_ERROR)
    {
        sjl_failure_words(&why, wrong);
        sjl_context_fail(ctx, &why);
        return;
    }

    ctx->driver = sjl_spare_give(ctx);

    if (ctx->driver == NULL) {
        ctx->driver = sjl_driver_start(ctx, ctx->secret, ctx->options);
    }

    if (ctx->driver == NULL) {
        sjl_failure_words(&why, sjl_strdup("its driver could not be started, "
                                           "the launcher's log tells why"));
        sjl_context_fail(ctx, &why);
        return;
    }

    SPARKJOB_FAULT("create.spawned");

    ctx->row.process = sjl_driver_text(ctx->driver);
    sjl_context_save(ctx, 0);
}


/*
 * If we die in between, the next launcher either finds that none was started,
 * or waits for the one that has this secret: there are never two.
 */

void
sjl_context_spawn_again(sjl_context_t *ctx)
{
    sjl_context_renew(&ctx->secret, &ctx->row.secret);

    /* whoever has an earlier number is nobody's, wherever it may live yet */

    ctx->row.generation++;

    free(ctx->row.process);
    ctx->row.process = NULL;

    free(ctx->row.remote);
    free(ctx->misfit);
    ctx->row.remote = sjl_remote_choose(ctx->settings, ctx->row.proxy_user,
                                        ctx->row.cluster, &ctx->misfit);

    sjl_context_save_first(ctx, sjl_context_spawn);
}


int
sjl_context_set_state(sjl_context_t *ctx, sjp_context_state_e state)
{
    if (!sjl_context_state_may(ctx->row.state, state)) {
        sjl_log(SJL_LOG_ALERT, "context %s %s: %s may not follow %s",
                ctx->row.name, ctx->row.id, sjl_context_states[state],
                sjl_context_states[ctx->row.state]);
        return SJL_ERROR;
    }

    ctx->row.state = state;
    ctx->row.final = sjl_context_state_final(state);

    sjl_log(SJL_LOG_INFO, "context %s %s: %s%s%s", ctx->row.name, ctx->row.id,
            sjl_context_states[state], ctx->row.reason ? ", " : "",
            ctx->row.reason ? ctx->row.reason : "");

    return SJL_OK;
}


void
sjl_context_token_first(sjl_context_t *ctx, void (*then)(sjl_context_t *ctx))
{
    /* it may have come once more while its token is on the way to the disk */

    if (ctx->awaiting) {
        return;
    }

    if (ctx->token) {
        then(ctx);
        return;
    }

    /* one that another launcher has made is known by its hash only */

    sjl_context_renew(&ctx->token, &ctx->row.token);
    sjl_context_save_first(ctx, then);
}


void
sjl_context_secret_used(sjl_context_t *ctx)
{
    free(ctx->row.secret);
    ctx->row.secret = sjl_strdup("");
    sjl_free_secret(ctx->secret);
    ctx->secret = NULL;

    sjl_context_save(ctx, 1);
}


void
sjl_context_credentials_void(sjl_context_t *ctx)
{
    free(ctx->row.secret);
    ctx->row.secret = sjl_strdup("");
    free(ctx->row.token);
    ctx->row.token = sjl_strdup("");

    ctx->awaiting = NULL;
}


void
sjl_context_restart(sjl_context_t *ctx)
{
    sjl_context_renew(&ctx->token, &ctx->row.token);
    sjl_context_spawn_again(ctx);
}


void
sjl_context_stop_because(sjl_context_t *ctx, char *reason)
{
    if (ctx->row.final || ctx->row.state == SJP_CONTEXT_STOPPING) {
        free(reason);
        return;
    }

    free(ctx->row.reason);
    ctx->row.reason = reason;

    sjl_context_stop(ctx, 0);
}


void
sjl_context_stop(sjl_context_t *ctx, int force)
{
    sjl_failure_t  why;

    if (ctx->row.final) {
        return;
    }

    if (ctx->row.state != SJP_CONTEXT_STOPPING) {
        (void) sjl_context_set_state(ctx, SJP_CONTEXT_STOPPING);
        sjl_context_save(ctx, 0);
    }

    SPARKJOB_FAULT("delete.stop");

    if (ctx->driver) {
        sjl_driver_stop(ctx->driver, force);

    } else if (ctx->durable) {

        /* it was to be restarted, so there is nobody to wait for */

        sjl_failure_stopped(&why, ctx, NULL, 0);
        sjl_context_end(ctx, SJP_CONTEXT_FINISHED, &why);
    }
}


void
sjl_context_stop_all(int force)
{
    sjl_context_t  *ctx, *next;

    HASH_ITER(hh, sjl_contexts, ctx, next) {
        sjl_context_stop(ctx, force);
    }
}


/* the only place where an ad hoc context is stopped because it has no job */

void
sjl_context_idle(sjl_context_t *ctx)
{
    sjl_job_t  *job;

    if (ctx->ending || ctx->row.state == SJP_CONTEXT_STOPPING) {
        return;
    }

    if (!ctx->row.adhoc) {
        sjl_lifetime_idle(ctx);
        return;
    }

    DL_FOREACH(ctx->jobs, job) {
        if (!job->row.final) {
            return;
        }
    }

    sjl_context_stop(ctx, 0);
}


/*
 * The jobs come first, so that nobody sees a job alive in a context that is
 * not; "why" is used up.
 */

void
sjl_context_end(sjl_context_t *ctx, sjp_context_state_e state,
    sjl_failure_t *why)
{
    if (!sjl_context_state_may(ctx->row.state, state)) {
        sjl_failure_clear(why);
        return;
    }

    SPARKJOB_FAULT("delete.end");

    ctx->ending = 1;

    sjl_lifetime_end(ctx);
    sjl_supervise_stop(ctx);
    sjl_spare_leave(ctx);
    sjl_cluster_fit_forget(ctx);
    sjl_ticket_forget(&ctx->ticket);
    sjl_tokens_forget(ctx);

    sjl_failure_complete(why, ctx);
    sjl_job_context_ended(ctx, why, ctx->row.state == SJP_CONTEXT_STOPPING);

    if (!ctx->ready) {
        ctx->row.code = why->code;
        ctx->row.error.data = sjl_strdup(why->error);
        ctx->row.error.len = strlen(why->error);
    }

    free(ctx->row.reason);
    ctx->row.reason = sjl_strdup(why->reason);
    ctx->row.end = sjl_now();
    ctx->row.until = state == SJP_CONTEXT_FINISHED ? 0
                                                   : sjl_session_until(ctx);

    sjl_context_credentials_void(ctx);
    sjl_context_leave_name(ctx);

    if (ctx->driver) {
        sjl_kill_keep(ctx->driver);
    }

    (void) sjl_context_set_state(ctx, state);
    sjl_context_save(ctx, 0);
    sjl_yarn_reap(ctx);

    if (ctx->driver) {
        sjl_driver_give_up(ctx->driver, why->reported);

    } else {
        sjl_folder_sweep(sjl_path_context(ctx->row.id, ""),
                         sjl_context_forgettable(ctx));
    }

    sjl_failure_clear(why);
}


int
sjl_context_forgettable(const sjl_context_t *ctx)
{
    return ctx->row.adhoc && ctx->row.state == SJP_CONTEXT_FINISHED
           && !ctx->failed;
}


void
sjl_context_adopt(const sjl_context_row_t *row)
{
    sjl_context_t  *ctx;

    ctx = sjl_alloc(sizeof(sjl_context_t));

    sjl_row_copy(&sjl_contexts_table, &ctx->row, row);
    sjl_context_index(ctx);

    sjl_owner_of(ctx->row.id, &ctx->owner);

    ctx->settings = json_loads(ctx->row.settings, 0, NULL);
    ctx->options = json_loads(ctx->row.options, 0, NULL);
    ctx->durable = 1;
    ctx->published = ctx->row.rev;
    ctx->ready = ctx->row.application != NULL;
    ctx->answered = ctx->ready;
    ctx->driver = sjl_driver_adopt(ctx, ctx->row.process);
}


/* a module may be about to send again what the last launcher had not kept */

void
sjl_context_adopted_all(void)
{
    sjl_context_t  *ctx, *next;

    HASH_ITER(hh, sjl_contexts, ctx, next) {

        if (ctx->row.state == SJP_CONTEXT_RESTARTING
            && *ctx->row.secret == '\0' && *ctx->row.token == '\0')
        {
            sjl_supervise_resume(ctx);
            continue;
        }

        if (ctx->driver) {
            ev_timer_set(&ctx->timer, SJL_CONTEXT_GRACE, 0.);
            ev_timer_start(sjl_loop, &ctx->timer);

            if (ctx->row.state == SJP_CONTEXT_RUNNING) {
                sjl_lifetime_begin(ctx);
            }

            continue;
        }

        sjl_context_lost(ctx, sjl_strdup("its driver has ended while no "
                                         "launcher ran"));
    }
}


static void
sjl_context_idle_timeout(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void) loop;
    (void) events;

    sjl_context_idle(timer->data);
}


void
sjl_context_release(sjl_context_t *ctx)
{
    if (!ctx->row.final || ctx->nops || ctx->driver || ctx->jobs) {
        return;
    }

    HASH_DELETE(hh, sjl_contexts, ctx);

    sjl_strays_free(ctx);
    ev_timer_stop(sjl_loop, &ctx->timer);

    free(ctx->unmade);
    free(ctx->misfit);
    free(ctx->left);
    json_decref(ctx->settings);
    json_decref(ctx->options);
    sjl_free_secret(ctx->secret);
    sjl_free_secret(ctx->token);

    sjl_row_clear(&sjl_contexts_table, &ctx->row);
    free(ctx);

    sjl_context_resets_check();
    sjl_replace_check();
}
