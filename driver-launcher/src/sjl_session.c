
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_session.h"
#include "sjl_channel.h"
#include "sjl_config.h"
#include "sjl_create.h"
#include "sjl_lifetime.h"
#include "sjl_look.h"
#include "sjl_number.h"
#include "sjl_record.h"
#include "sjl_state.h"


/* digits of the largest number that can be one */
#define SJL_SESSION_DIGITS  18


/* what is asked of one */

typedef struct {
    sjl_request_t  *request;
    char           *session;
    char           *own;
    void          (*fn)(void *data, sjl_request_t *r,
                        const sjl_context_row_t *row);
    void           *data;
} sjl_session_look_t;


static int sjl_session_is_number(const char *session);
static char *sjl_session_name(const char *session, const char *own);
static void sjl_session_looked(void *data, const void *row,
    const sjl_why_t *why);
static void sjl_session_refused(void *data, sjl_request_t *r,
    const sjl_context_row_t *row);


static sjl_context_t  *sjl_sessions;


void
sjl_session_begin(sjl_context_t *ctx, const sjl_context_spec_t *spec)
{
    ctx->row.name = *spec->name ? sjl_strdup(spec->name) : NULL;

    if (spec->adhoc) {
        ctx->row.session = -1;
        return;
    }

    ctx->row.kind = sjl_strdup(spec->kind ? spec->kind
                                          : sjl_kinds[SJP_KIND_SHARED]);
    ctx->row.livy = spec->livy ? sjl_json_text(spec->livy) : NULL;
    ctx->row.heartbeat = spec->heartbeat;
    ctx->row.session = sjl_number_take(SJL_NUMBER_SESSION);

    /* somebody may have given the name to another one */

    while (ctx->row.name == NULL) {
        ctx->row.name = sjl_format("%ssession-%lld", spec->own ? spec->own : "",
                                   (long long) ctx->row.session);

        if (sjl_context_find_name(ctx->row.name)
            || sjl_replace_reserved(ctx->row.name))
        {
            free(ctx->row.name);
            ctx->row.name = NULL;
            ctx->row.session = sjl_number_take(SJL_NUMBER_SESSION);
        }
    }
}


void
sjl_session_enter(sjl_context_t *ctx)
{
    if (ctx->row.session >= 0) {
        HASH_ADD_KEYPTR(hh_session, sjl_sessions, &ctx->row.session,
                        sizeof(int64_t), ctx);
    }
}


void
sjl_session_leave(sjl_context_t *ctx)
{
    if (ctx->row.session >= 0) {
        HASH_DELETE(hh_session, sjl_sessions, ctx);
    }
}


json_t *
sjl_session_record(const sjl_context_row_t *row)
{
    json_t         *record;
    sjl_context_t  *ctx;

    record = sjl_record_context(row);

    if (row->session < 0) {
        return record;
    }

    ctx = row->final ? NULL : sjl_context_find(row->id);

    (void) json_object_set_new(record, "session", json_integer(row->session));
    (void) json_object_set_new(record, "kind", json_string(row->kind));
    (void) json_object_set_new(record, "heartbeat",
                               json_integer(row->heartbeat));
    (void) json_object_set_new(record, "busy",
                               json_boolean(ctx && ctx->nbusy));

    if (row->livy) {
        (void) json_object_set_new(record, "livy",
                                   json_loads(row->livy, 0, NULL));
    }

    if (row->until) {
        (void) json_object_set_new(record, "until", json_integer(row->until));
    }

    return record;
}


/* who has asked for the end does not look for what is left, however it came */

int64_t
sjl_session_until(const sjl_context_t *ctx)
{
    return ctx->row.state == SJP_CONTEXT_STOPPING || ctx->row.session < 0
           ? 0 : sjl_now() + sjl_conf->livy_retain * 1000;
}


sjl_context_t *
sjl_session_find(const char *session, const char *own)
{
    char           *name;
    int64_t         number;
    sjl_context_t  *ctx;

    if (sjl_session_is_number(session)) {
        number = strtoll(session, NULL, 10);
        HASH_FIND(hh_session, sjl_sessions, &number, sizeof(int64_t), ctx);

    } else {
        name = sjl_session_name(session, own);
        ctx = sjl_context_find_name(name);
        free(name);
    }

    if (ctx == NULL || ctx->row.session < 0
        || !sjl_context_owned(ctx->row.name, own))
    {
        return NULL;
    }

    sjl_lifetime_beat(ctx);

    return ctx;
}


static int
sjl_session_is_number(const char *session)
{
    size_t  len;

    len = strlen(session);

    return len > 0 && len <= SJL_SESSION_DIGITS
           && strspn(session, "0123456789") == len;
}


static char *
sjl_session_name(const char *session, const char *own)
{
    return sjl_format("%s%s", own ? own : "", session);
}


void
sjl_session_look(sjl_request_t *r, const char *session, const char *own,
    void (*fn)(void *data, sjl_request_t *r, const sjl_context_row_t *row),
    void *data)
{
    char                *name;
    sjl_context_t       *ctx;
    sjl_session_look_t  *look;

    ctx = sjl_session_find(session, own);

    if (ctx) {
        fn(data, r, &ctx->row);
        return;
    }

    look = sjl_alloc(sizeof(sjl_session_look_t));
    look->request = r;
    look->session = sjl_strdup(session);
    look->own = sjl_strdup(own);
    look->fn = fn;
    look->data = data;

    if (sjl_session_is_number(session)) {
        sjl_look_session(strtoll(session, NULL, 10), sjl_session_looked, look);
        return;
    }

    name = sjl_session_name(session, own);
    sjl_look_context_named(name, sjl_session_looked, look);
    free(name);
}


/* one that is not final in the database may be so by now, or was made since */

static void
sjl_session_looked(void *data, const void *row, const sjl_why_t *why)
{
    sjl_session_look_t       *look;
    const sjl_context_row_t  *found;

    look = data;
    found = row;

    if (why) {
        sjl_request_storage_failed(look->request, why);
        found = NULL;

    } else if (found == NULL || found->session < 0
               || !sjl_context_owned(found->name, look->own)
               || (found->final && found->until <= sjl_now()))
    {
        sjl_request_refuse(look->request, SJP_ERR_NO_SUCH_CONTEXT,
                           look->session);
        found = NULL;
    }

    look->fn(look->data, look->request, found);

    free(look->session);
    free(look->own);
    free(look);
}


void
sjl_session_refuse(sjl_request_t *r, const char *session, const char *own)
{
    sjl_session_look(r, session, own, sjl_session_refused, NULL);
}


static void
sjl_session_refused(void *data, sjl_request_t *r, const sjl_context_row_t *row)
{
    char  *text;

    (void) data;

    if (row == NULL) {
        return;
    }

    text = sjl_format("%lld %s", (long long) row->session,
                      sjl_context_states[row->state]);
    sjl_request_refuse(r, SJP_ERR_SESSION_ENDED, text);
    free(text);
}


/* not kept, as the progress of jobs: a snapshot tells how it is */

void
sjl_session_busy(sjl_context_t *ctx, int begins)
{
    int  was;

    was = ctx->nbusy != 0;
    ctx->nbusy += begins ? 1 : (size_t) -1;

    if (was == (ctx->nbusy != 0) || ctx->row.final) {
        return;
    }

    sjl_channel_publish("busy", "context",
                        json_pack("{s:s, s:s, s:I, s:b}", "id", ctx->row.id,
                                  "name", ctx->row.name, "session",
                                  (json_int_t) ctx->row.session, "busy",
                                  ctx->nbusy != 0),
                        NULL, 0);
}
