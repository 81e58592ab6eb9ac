
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_complete.h"
#include "sjl_link.h"
#include "sjl_session.h"
#include "sjl_state.h"
#include "sjl_statement.h"

#include <utlist.h>


/* of one session at once, and seconds for an answer */
#define SJL_COMPLETE_MAX   32
#define SJL_COMPLETE_WAIT  10.


typedef struct sjl_complete_s  sjl_complete_t;

struct sjl_complete_s {
    sjl_request_t   *request;
    sjl_context_t   *context;
    char             key[24];
    ev_timer         timer;
    sjl_complete_t  *next;
    sjl_complete_t  *prev;
};


static void sjl_complete_send(sjl_request_t *r, sjl_context_t *ctx,
    const char *kind, json_int_t cursor, const sjl_frame_t *f);
static size_t sjl_complete_count(const sjl_context_t *ctx);
static void sjl_complete_timeout(struct ev_loop *loop, ev_timer *timer,
    int events);
static int sjl_complete_ok(const json_t *list);
static void sjl_complete_refuse(sjl_complete_t *complete, const char *why);
static void sjl_complete_free(sjl_complete_t *complete);


static sjl_complete_t  *sjl_completes;
static uint64_t         sjl_complete_number;


void
sjl_complete_ask(sjl_conn_t *c, sjl_frame_t *f)
{
    char           *why;
    const char     *session, *own, *kind;
    json_int_t      cursor;
    sjl_request_t  *r;
    sjl_context_t  *ctx;

    r = sjl_request_make(c, f);
    own = "";
    kind = "";
    cursor = 0;

    if (sjl_request_unpack(r, f, "{s:s, s?s, s?s, s?I}", "session", &session,
                           "own", &own, "kind", &kind, "cursor", &cursor)
        == SJL_ERROR)
    {
        return;
    }

    ctx = sjl_session_find(session, own);

    if (ctx == NULL) {
        sjl_session_refuse(r, session, own);
        return;
    }

    kind = sjl_statement_kind(ctx, kind, &why);

    if (kind == NULL) {
        sjl_request_refuse(r, SJP_ERR_BAD_REQUEST, why);
        free(why);

    } else if (f->fd != -1 || cursor < 0) {
        sjl_request_refuse(r, SJP_ERR_BAD_REQUEST, cursor < 0
                           ? "the cursor is negative" : "the code is too long");

    } else {
        sjl_complete_send(r, ctx, kind, cursor, f);
    }
}


static void
sjl_complete_send(sjl_request_t *r, sjl_context_t *ctx, const char *kind,
    json_int_t cursor, const sjl_frame_t *f)
{
    sjl_complete_t  *complete;

    if (ctx->row.state != SJP_CONTEXT_RUNNING || ctx->driver == NULL
        || ctx->driver->conn == NULL)
    {
        sjl_request_refuse(r, SJP_ERR_UNAVAILABLE,
                           "the session's driver is not there");
        return;
    }

    if (sjl_complete_count(ctx) >= SJL_COMPLETE_MAX
        || sjl_conn_busy(ctx->driver->conn))
    {
        sjl_request_refuse(r, SJP_ERR_OVERLOADED,
                           "Too many completions of a session at once");
        return;
    }

    complete = sjl_alloc(sizeof(sjl_complete_t));
    complete->request = r;
    complete->context = ctx;
    (void) snprintf(complete->key, sizeof(complete->key), "%llu",
                    (unsigned long long) ++sjl_complete_number);

    ev_timer_init(&complete->timer, sjl_complete_timeout, SJL_COMPLETE_WAIT,
                  0.);
    complete->timer.data = complete;
    ev_timer_start(sjl_loop, &complete->timer);

    DL_APPEND(sjl_completes, complete);

    sjl_driver_send(ctx->driver, SJP_LINK_COMPLETE,
                    json_pack("{s:s, s:s, s:I}", "key", complete->key, "kind",
                              kind, "cursor", cursor),
                    f->payload, f->size);
}


static size_t
sjl_complete_count(const sjl_context_t *ctx)
{
    size_t           n;
    sjl_complete_t  *complete;

    n = 0;

    DL_FOREACH(sjl_completes, complete) {
        n += complete->context == ctx;
    }

    return n;
}


static void
sjl_complete_timeout(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void) loop;
    (void) events;

    sjl_complete_refuse(timer->data, "the session's driver has not answered");
}


/* one that was given up may be answered all the same */

void
sjl_complete_answered(sjl_conn_t *c, sjl_frame_t *f)
{
    json_t          *list;
    const char      *key;
    sjl_context_t   *ctx;
    sjl_complete_t  *complete;

    if (sjl_link_unpack(c, f, "{s:s}", "key", &key) == SJL_ERROR) {
        return;
    }

    ctx = sjl_link_context(c);

    DL_FOREACH(sjl_completes, complete) {
        if (complete->context == ctx && strcmp(complete->key, key) == 0) {
            break;
        }
    }

    if (complete == NULL) {
        return;
    }

    list = json_loadb(f->size ? f->payload : "[]", f->size ? f->size : 2, 0,
                      NULL);

    if (sjl_complete_ok(list)) {
        sjl_request_reply(complete->request, NULL,
                          f->size ? (const void *) f->payload : "[]",
                          f->size ? f->size : 2);
        sjl_complete_free(complete);

    } else {
        sjl_log(SJL_LOG_ERR, "context %s %s: its driver completes code by what "
                "is no array of strings", ctx->row.name, ctx->row.id);
        sjl_complete_refuse(complete, "the session's driver answers nonsense");
    }

    json_decref(list);
}


static int
sjl_complete_ok(const json_t *list)
{
    size_t   i;
    json_t  *item;

    json_array_foreach(list, i, item) {
        if (!json_is_string(item)) {
            return 0;
        }
    }

    return json_is_array(list);
}


void
sjl_complete_lost(sjl_context_t *ctx)
{
    sjl_complete_t  *complete, *next;

    DL_FOREACH_SAFE(sjl_completes, complete, next) {
        if (complete->context == ctx) {
            sjl_complete_refuse(complete, "the session's driver is gone");
        }
    }
}


static void
sjl_complete_refuse(sjl_complete_t *complete, const char *why)
{
    sjl_request_refuse(complete->request, SJP_ERR_UNAVAILABLE, why);
    sjl_complete_free(complete);
}


static void
sjl_complete_free(sjl_complete_t *complete)
{
    ev_timer_stop(sjl_loop, &complete->timer);
    DL_DELETE(sjl_completes, complete);
    free(complete);
}
