
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What modules ask of contexts that are there.
 */


#include "sjl_context.h"
#include "sjl_files.h"
#include "sjl_look.h"
#include "sjl_predefined.h"
#include "sjl_server.h"
#include "sjl_session.h"

#include <utlist.h>


typedef struct sjl_reset_s  sjl_reset_t;

struct sjl_reset_s {
    sjl_request_t  *request;
    uint64_t        number;             /* contexts up to this one */
    char           *own;                /* only of this user; NULL: of all */
    int             recreate;
    sjl_reset_t    *next;
};


/* what is asked about the newest context of a name */

typedef struct {
    sjl_request_t  *request;
    char           *name;
    void          (*answer)(sjl_request_t *r, const sjl_context_row_t *row);
} sjl_context_read_t;


static int sjl_reset_over(const sjl_reset_t *reset);
static void sjl_context_read(sjl_conn_t *c, sjl_frame_t *f,
    void (*answer)(sjl_request_t *r, const sjl_context_row_t *row));
static void sjl_context_read_session(void *data, sjl_request_t *r,
    const sjl_context_row_t *row);
static void sjl_context_read_done(void *data, const void *row,
    const sjl_why_t *why);
static void sjl_context_answer_record(sjl_request_t *r,
    const sjl_context_row_t *row);
static void sjl_context_answer_log(sjl_request_t *r,
    const sjl_context_row_t *row);


static sjl_reset_t  *sjl_resets;


void
sjl_context_delete(sjl_conn_t *c, sjl_frame_t *f)
{
    int             force;
    json_int_t      asked;
    const char     *name, *session, *own, *user;
    sjl_request_t  *r;
    sjl_context_t  *ctx;

    r = sjl_request_make(c, f);
    name = "";
    session = NULL;
    own = NULL;
    force = 0;
    asked = 0;
    user = "";

    if (sjl_request_unpack(r, f, "{s?s, s?s, s?s, s?b, s?I, s?s}", "name",
                           &name, "session", &session, "own", &own, "force",
                           &force, "asked", &asked, "user", &user)
        == SJL_ERROR)
    {
        return;
    }

    ctx = session ? sjl_session_find(session, own)
                  : sjl_context_find_name(name);

    if (ctx == NULL && session) {
        sjl_session_forget(r, session, own);
        return;
    }

    name = session ? session : name;

    if (ctx == NULL || sjl_request_is_before(r, asked, ctx->row.start)) {
        sjl_request_refuse(r, SJP_ERR_NO_SUCH_CONTEXT, name);
        return;
    }

    sjl_log(SJL_LOG_INFO, "context %s %s is to stop%s, asked by \"%s\"",
            ctx->row.name, ctx->row.id, force ? " by force" : "", user);

    LL_PREPEND2(ctx->deleters, r, waiting);
    sjl_context_stop(ctx, force);
}


void
sjl_context_reset(sjl_conn_t *c, sjl_frame_t *f)
{
    int              recreate;
    const char      *user, *own;
    sjl_reset_t     *reset;
    sjl_context_t   *ctx, *next;
    sjl_request_t   *r;

    r = sjl_request_make(c, f);
    user = "";
    own = NULL;
    recreate = 0;

    if (sjl_request_unpack(r, f, "{s?s, s?s, s?b}", "user", &user, "own", &own,
                           "recreate", &recreate)
        == SJL_ERROR)
    {
        return;
    }

    sjl_log(SJL_LOG_INFO, "all contexts%s are to stop, asked by \"%s\"",
            own ? " of this user" : "", user);

    reset = sjl_alloc(sizeof(sjl_reset_t));
    reset->request = r;
    reset->own = sjl_strdup(own);
    reset->recreate = recreate;

    HASH_ITER(hh, sjl_contexts, ctx, next) {
        if (ctx->number > reset->number) {
            reset->number = ctx->number;
        }
    }

    LL_PREPEND(sjl_resets, reset);

    HASH_ITER(hh, sjl_contexts, ctx, next) {
        if (sjl_context_owned(ctx->row.name, reset->own)) {
            sjl_context_stop(ctx, 0);
        }
    }

    sjl_context_resets_check();
}


/* no name begins with "~", so that one of "a~" is none of "a" */

int
sjl_context_owned(const char *name, const char *own)
{
    size_t  len;

    if (own == NULL) {
        return 1;
    }

    len = strlen(own);

    return strncmp(name, own, len) == 0 && name[len] && name[len] != '~';
}


/* contexts that are final and committed are released, and no longer there */

void
sjl_context_resets_check(void)
{
    sjl_reset_t  *reset, *next;

    LL_FOREACH_SAFE(sjl_resets, reset, next) {
        if (sjl_reset_over(reset)) {
            LL_DELETE(sjl_resets, reset);

            if (reset->recreate && !sjl_server_ending()) {
                sjl_predefined_recreate(reset->request, reset->own);

            } else {
                sjl_request_reply(reset->request, NULL, NULL, 0);
            }

            free(reset->own);
            free(reset);
        }
    }
}


static int
sjl_reset_over(const sjl_reset_t *reset)
{
    sjl_context_t  *ctx, *next;

    HASH_ITER(hh, sjl_contexts, ctx, next) {
        if (ctx->number <= reset->number
            && sjl_context_owned(ctx->row.name, reset->own))
        {
            return 0;
        }
    }

    return 1;
}


void
sjl_context_get(sjl_conn_t *c, sjl_frame_t *f)
{
    sjl_context_read(c, f, sjl_context_answer_record);
}


void
sjl_context_log(sjl_conn_t *c, sjl_frame_t *f)
{
    sjl_context_read(c, f, sjl_context_answer_log);
}


static void
sjl_context_read(sjl_conn_t *c, sjl_frame_t *f,
    void (*answer)(sjl_request_t *r, const sjl_context_row_t *row))
{
    const char          *name, *session, *own;
    sjl_request_t       *r;
    sjl_context_read_t  *read;

    r = sjl_request_make(c, f);
    name = "";
    session = NULL;
    own = NULL;

    if (sjl_request_unpack(r, f, "{s?s, s?s, s?s}", "name", &name, "session",
                           &session, "own", &own)
        == SJL_ERROR)
    {
        return;
    }

    read = sjl_alloc(sizeof(sjl_context_read_t));
    read->request = r;
    read->name = sjl_strdup(name);
    read->answer = answer;

    if (session) {
        sjl_session_look(r, session, own, sjl_context_read_session, read);

    } else {
        sjl_look_context_named(name, sjl_context_read_done, read);
    }
}


/* of one that is alive the row that is durable */

static void
sjl_context_read_session(void *data, sjl_request_t *r,
    const sjl_context_row_t *row)
{
    sjl_context_read_t  *read;

    (void) r;

    read = data;

    if (row && !row->final) {
        sjl_look_context(row->id, sjl_context_read_done, read);
        return;
    }

    if (row) {
        read->answer(read->request, row);
    }

    free(read->name);
    free(read);
}


static void
sjl_context_read_done(void *data, const void *row, const sjl_why_t *why)
{
    sjl_context_read_t  *read;

    read = data;

    if (why) {
        sjl_request_storage_failed(read->request, why);

    } else if (row == NULL) {
        sjl_request_refuse(read->request, SJP_ERR_NO_SUCH_CONTEXT, read->name);

    } else {
        read->answer(read->request, row);
    }

    free(read->name);
    free(read);
}


static void
sjl_context_answer_record(sjl_request_t *r, const sjl_context_row_t *row)
{
    sjl_request_reply(r, json_pack("{s:o}", "record", sjl_session_record(row)),
                      NULL, 0);
}


static void
sjl_context_answer_log(sjl_request_t *r, const sjl_context_row_t *row)
{
    int      fd;
    char    *path;
    size_t   size;

    path = sjl_path_context(row->id, "/driver.log");
    fd = sjl_file_open_log(path, 0, &size);
    free(path);

    if (fd == -1) {
        sjl_request_refuse(r, SJP_ERR_INTERNAL, "the log cannot be opened");
        return;
    }

    sjl_request_reply_file(r, json_pack("{s:b, s:I}", "live", !row->final,
                                        "size", (json_int_t) size), fd);
}
