
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What becomes of a context by what its driver says, and by how it ends.
 */


#include "sjl_context.h"
#include "sjl_failure.h"
#include "sjl_job.h"
#include "sjl_lifetime.h"
#include "sjl_setup.h"
#include "sjl_supervise.h"


static int sjl_context_respawn(sjl_context_t *ctx, sjl_driver_t *d);


void
sjl_context_ready(sjl_context_t *ctx, const char *application, const char *url,
    int64_t max_jobs)
{
    /* one that comes back may tell it again; one that is to stop has no need */

    if (ctx->restarting
        || (ctx->row.state != SJP_CONTEXT_STARTED
            && ctx->row.state != SJP_CONTEXT_RESTARTING))
    {
        return;
    }

    free(ctx->row.application);
    ctx->row.application = sjl_strdup(application);
    free(ctx->row.url);
    ctx->row.url = sjl_strdup(url);

    if (max_jobs > 0) {
        ctx->row.max_jobs = max_jobs;
    }

    SPARKJOB_FAULT("create.ready");

    ctx->ready = 1;

    sjl_driver_ready(ctx->driver);
    (void) sjl_context_set_state(ctx, SJP_CONTEXT_RUNNING);
    sjl_context_save(ctx, 0);

    sjl_lifetime_begin(ctx);
    sjl_job_context_ready(ctx);
}


void
sjl_context_failed(sjl_context_t *ctx, sjp_error_e code, const char *error,
    size_t size)
{
    sjl_failure_t  why;

    sjl_failure_reported(&why, code, error, size);
    sjl_context_fail(ctx, &why);
}


/* the end of a context that nobody has asked for, unless it is supervised */

void
sjl_context_fail(sjl_context_t *ctx, sjl_failure_t *why)
{
    if (!sjl_supervise_take(ctx, why)) {
        sjl_context_end(ctx, SJP_CONTEXT_ERROR, why);
    }
}


void
sjl_context_not_kept(sjl_context_t *ctx, char *reason)
{
    sjl_failure_t  why;

    sjl_text_clean(reason);
    sjl_failure_words(&why, reason);
    why.code = SJP_ERR_STORAGE_FAILED;

    sjl_context_end(ctx, SJP_CONTEXT_ERROR, &why);
}


void
sjl_context_late(sjl_context_t *ctx, int connected)
{
    sjl_failure_t  why;

    sjl_failure_late(&why, ctx, connected);
    sjl_context_fail(ctx, &why);
}


void
sjl_context_lost(sjl_context_t *ctx, char *reason)
{
    sjl_failure_t  why;

    sjl_failure_words(&why, reason);

    if (ctx->row.state == SJP_CONTEXT_STOPPING) {
        sjl_context_end(ctx, SJP_CONTEXT_KILLED, &why);

    } else {
        sjl_context_fail(ctx, &why);
    }
}


void
sjl_context_abandon(sjl_context_t *ctx, char *reason)
{
    sjl_failure_t  why;

    free(ctx->left);
    ctx->left = sjl_strdup(reason);
    sjl_text_clean(ctx->left);

    sjl_failure_words(&why, reason);

    sjl_context_end(ctx, ctx->row.state == SJP_CONTEXT_STOPPING
                         ? SJP_CONTEXT_KILLED : SJP_CONTEXT_ERROR, &why);
}


/*
 * What a driver has said and how it ended are brought together here: whoever
 * was asked to stop has stopped, whatever its exit code, unless it was killed;
 * an end in order that was not reported is no end in order.
 */

void
sjl_context_driver_ended(sjl_context_t *ctx, sjl_driver_t *d, int status)
{
    sjl_failure_t        why;
    sjp_context_state_e  state;

    if (sjl_supervise_ended(ctx)) {
        return;
    }

    if (d->respawn && ctx->row.state == SJP_CONTEXT_STARTED
        && sjl_context_respawn(ctx, d))
    {
        return;
    }

    if (ctx->row.state == SJP_CONTEXT_STOPPING) {
        state = SJP_CONTEXT_FINISHED;

        if (!d->stopped && d->phase >= SJL_DRIVER_TERMINATED) {
            state = SJP_CONTEXT_KILLED;
        }

        sjl_failure_stopped(&why, ctx, d, status);

    } else if (d->stopped && d->reason) {
        state = SJP_CONTEXT_KILLED;
        sjl_failure_words(&why, sjl_format("its driver stopped: %s",
                                           d->reason));

    } else if (d->stopped) {
        state = SJP_CONTEXT_FINISHED;
        sjl_failure_words(&why, sjl_strdup("its driver stopped by itself"));

    } else {
        sjl_failure_exit(&why, ctx, d, status);
        sjl_context_fail(ctx, &why);
        return;
    }

    sjl_context_end(ctx, state, &why);
}


/*
 * Once for options, and once for other libraries, which may have defaults that
 * ask for options.  0: it has asked for that before.
 */

static int
sjl_context_respawn(sjl_context_t *ctx, sjl_driver_t *d)
{
    if (d->cluster && !ctx->moved
        && sjl_setup_set(ctx, *d->cluster ? d->cluster : NULL, d->library))
    {
        ctx->moved = 1;

    } else if (ctx->respawned) {
        return 0;

    } else {
        ctx->respawned = 1;
    }

    (void) json_array_extend(ctx->options, d->respawn);
    free(ctx->row.options);
    ctx->row.options = sjl_json_text(ctx->options);

    sjl_log(SJL_LOG_INFO, "context %s %s: its driver is started again with %s, "
            "library set %s, cluster \"%s\"", ctx->row.name, ctx->row.id,
            ctx->row.options, ctx->row.library,
            ctx->row.cluster ? ctx->row.cluster : "");

    sjl_context_spawn_again(ctx);

    return 1;
}
