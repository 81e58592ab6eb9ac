
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_tokens.h"
#include "sjl_config.h"
#include "sjl_probe.h"
#include "sjl_remote.h"
#include "sjl_ticket.h"

#include <openssl/crypto.h>


static void sjl_tokens_got(void *data, json_t *report, int usable);
static void sjl_tokens_send(sjl_context_t *ctx, const char *tokens,
    size_t size);


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
    size_t          size;
    json_t         *tokens;
    const char     *why;
    sjl_context_t  *ctx;

    ctx = data;
    ctx->errand = NULL;

    tokens = json_object_get(report, "tokens");
    size = json_string_length(tokens);

    if (usable && size) {
        sjl_tokens_send(ctx, json_string_value(tokens), size);
        OPENSSL_cleanse((char *) (uintptr_t) json_string_value(tokens), size);
        return;
    }

    why = json_string_value(json_object_get(report, "message"));
    sjl_ticket_again(ctx, why ? why : "there were no tokens");
}


static void
sjl_tokens_send(sjl_context_t *ctx, const char *tokens, size_t size)
{
    char  *why;

    if (size > SJP_PAYLOAD_MAX) {
        why = sjl_format("its tokens have %zu bytes, and its driver can be "
                         "given %d", size, SJP_PAYLOAD_MAX);
        sjl_ticket_again(ctx, why);
        free(why);

    } else if (ctx->driver && ctx->driver->conn) {
        sjl_driver_send(ctx->driver, SJP_LINK_TOKENS, NULL, tokens, size);

    } else {

        /* others at once when the link is back */

        ctx->ticket_due = 0;
    }
}


void
sjl_tokens_forget(sjl_context_t *ctx)
{
    sjl_probe_forget(ctx->errand);
    ctx->errand = NULL;
}
