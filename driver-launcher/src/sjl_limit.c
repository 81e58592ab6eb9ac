
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_limit.h"
#include "sjl_config.h"
#include "sjl_files.h"
#include "sjl_request.h"
#include "sjl_spare.h"

#include <utlist.h>


static int sjl_limit_exempt(uint16_t type);
static void sjl_limit_refuse(sjl_request_t *r, const char *what, int64_t max);


/*
 * What keeps a module going, or makes the load less, is always taken.  So is
 * what a module sends again when its channel was broken: those who wait for a
 * job are not refused, and of submissions it has to be looked first whether
 * they were taken before, see sjl_limit_take().
 */

static const sjp_type_e  sjl_limit_always[] = {
    SJP_HELLO, SJP_PING, SJP_PONG, SJP_SNAPSHOT, SJP_DUMP, SJP_JOB_GET,
    SJP_JOB_KILL, SJP_CONTEXT_DELETE, SJP_JOB_SUBMIT, SJP_CONTEXT_CREATE,
    SJP_CONTEXT_REPLACE, SJP_STATEMENT_SUBMIT, SJP_STATEMENT_GET,
    SJP_STATEMENT_CANCEL, SJP_BATCH_CREATE, SJP_BATCH_DELETE
};


int
sjl_limit_message(sjl_conn_t *c, const sjl_frame_t *f)
{
    if (c->role != SJL_ROLE_MODULE || sjl_limit_exempt(f->type)) {
        return SJL_OK;
    }

    if ((int64_t) sjl_request_count() < sjl_conf->limit_requests
        && (f->fd == -1
            || (int64_t) sjl_files_bodies() < sjl_conf->limit_uploads))
    {
        return SJL_OK;
    }

    (void) sjl_limit_take(sjl_request_make(c, f), f->fd);

    return SJL_ERROR;
}


int
sjl_limit_take(sjl_request_t *r, int fd)
{
    if ((int64_t) sjl_request_count() > sjl_conf->limit_requests) {
        sjl_limit_refuse(r, "requests at once", sjl_conf->limit_requests);
        return 0;
    }

    if (fd != -1 && (int64_t) sjl_files_bodies() >= sjl_conf->limit_uploads) {
        sjl_limit_refuse(r, "uploads at once", sjl_conf->limit_uploads);
        return 0;
    }

    return 1;
}


static int
sjl_limit_exempt(uint16_t type)
{
    size_t  i;

    for (i = 0; i < sjl_nelts(sjl_limit_always); i++) {
        if (sjl_limit_always[i] == type) {
            return 1;
        }
    }

    return 0;
}


static void
sjl_limit_refuse(sjl_request_t *r, const char *what, int64_t max)
{
    char  *text;

    text = sjl_format("Too many %s (at most %lld)", what, (long long) max);

    sjl_request_refuse(r, SJP_ERR_OVERLOADED, text);
    free(text);
}


int
sjl_limit_channel(void)
{
    int64_t      n;
    sjl_conn_t  *c;

    n = 0;

    DL_FOREACH(sjl_conns, c) {
        n += c->role == SJL_ROLE_MODULE && c->greeted;
    }

    return n < sjl_conf->limit_channels;
}


/* all modules and drivers may come at once, when the launcher is a new one */

int
sjl_limit_stranger(void)
{
    int64_t      n;
    sjl_conn_t  *c;

    n = 0;

    DL_FOREACH(sjl_conns, c) {
        n += c->role == SJL_ROLE_UNKNOWN && !c->io.remote;
    }

    return n < sjl_conf->limit_channels + sjl_conf->max_contexts
               + sjl_spare_wanted();
}


/* one that is to be restarted, but not yet, waits for its turn itself */

int
sjl_limit_may_start(void)
{
    int64_t         n;
    sjl_context_t  *ctx, *next;

    n = 0;

    HASH_ITER(hh, sjl_contexts, ctx, next) {
        n += ctx->row.state == SJP_CONTEXT_STARTED
             || (ctx->row.state == SJP_CONTEXT_RESTARTING && !ctx->restarting);
    }

    return n < sjl_conf->limit_starting;
}


int
sjl_limit_start(sjl_request_t *r)
{
    if (sjl_limit_may_start()) {
        return 1;
    }

    sjl_limit_refuse(r, "contexts start at once", sjl_conf->limit_starting);

    return 0;
}


int
sjl_limit_body(sjl_request_t *r, const sjl_context_t *ctx, size_t size)
{
    if (size == 0
        || ctx->bodies + size <= (size_t) sjl_conf->limit_link_bytes)
    {
        return 1;
    }

    sjl_limit_refuse(r, "bytes wait for the context's driver",
                     sjl_conf->limit_link_bytes);

    return 0;
}


size_t
sjl_limit_queue(const sjl_conn_t *c)
{
    return (size_t) (c->role == SJL_ROLE_DRIVER
                     ? sjl_conf->limit_link_bytes
                     : sjl_conf->limit_channel_bytes);
}
