
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_tokens.h"
#include "sjl_config.h"
#include "sjl_probe.h"
#include "sjl_remote.h"
#include "sjl_ticket.h"


static void sjl_tokens_got(void *data, json_t *report, int usable);


int
sjl_tokens_wanted(const sjl_context_t *ctx)
{
    const sjl_driver_t  *d;

    d = ctx->driver;

    return d && d->remote && d->remote->user && d->conn && ctx->errand == NULL
           && ctx->row.state == SJP_CONTEXT_RUNNING;
}


void
sjl_tokens_get(sjl_context_t *ctx)
{
    char    *what;
    json_t  *words;

    ctx->ticket_due = sjl_now() + sjl_conf->ticket_renewal * 1000;

    what = sjl_format("gets tokens for context %s %s", ctx->row.name,
                      ctx->row.id);
    words = json_pack("{s:s}", "tokens", ctx->driver->remote->user);
    ctx->errand = sjl_probe_errand(SJL_PROBE_TOKENS, ctx->row.cluster,
                                   ctx->settings, what, words, sjl_tokens_got,
                                   ctx);
    free(what);
}


static void
sjl_tokens_got(void *data, json_t *report, int usable)
{
    json_t         *tokens;
    const char     *why;
    sjl_context_t  *ctx;

    ctx = data;
    ctx->errand = NULL;

    tokens = json_object_get(report, "tokens");

    if (usable && json_is_string(tokens)) {

        /* others at once when the link is back */

        if (ctx->driver == NULL || ctx->driver->conn == NULL) {
            ctx->ticket_due = 0;
            return;
        }

        sjl_driver_send(ctx->driver, SJP_LINK_TOKENS, NULL,
                        json_string_value(tokens), json_string_length(tokens));
        return;
    }

    why = json_string_value(json_object_get(report, "message"));
    sjl_ticket_again(ctx, why ? why : "there were no tokens");
}


void
sjl_tokens_forget(sjl_context_t *ctx)
{
    sjl_probe_forget(ctx->errand);
    ctx->errand = NULL;
}
