
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_create.h"
#include "sjl_config.h"
#include "sjl_files.h"
#include "sjl_server.h"
#include "sjl_setup.h"

#include <utlist.h>


static void sjl_replace_keep(sjl_create_t *create);
static void sjl_replace_body_kept(sjl_file_op_t *fop);
static void sjl_replace_save(sjl_create_t *create);
static int sjl_replace_run_add(sjl_db_op_t *op, sjl_dao_t *dao);
static void sjl_replace_saved(sjl_db_op_t *op);
static void sjl_replace_drop(sjl_create_t *create, const sjl_why_t *why);
static void sjl_replace_answer_early(sjl_create_t *create);
static int sjl_replace_step(sjl_create_t *create);
static int sjl_replace_first(const sjl_create_t *create);
static void sjl_replace_make(sjl_create_t *create);
static void sjl_replace_give_up(sjl_create_t *create);
static int sjl_replace_run_delete(sjl_db_op_t *op, sjl_dao_t *dao);
static void sjl_replace_deleted(sjl_db_op_t *op);
static sjl_context_t *sjl_replace_old(const char *name);


/* in the order of arrival; the first of each name is the one that is served */
static sjl_create_t  *sjl_replaces;


void
sjl_replace_add(sjl_create_t *create)
{
    int  waits;

    waits = sjl_replace_old(create->spec.name)
            || sjl_replace_reserved(create->spec.name);

    LL_APPEND(sjl_replaces, create);

    if (waits) {
        sjl_replace_keep(create);

    } else {
        sjl_replace_check();
    }
}


/*
 * The old context may take long to end, and the new one has no row before it
 * has, so it is kept what is to be made then; before that nothing is stopped.
 */

static void
sjl_replace_keep(sjl_create_t *create)
{
    sjl_file_op_t  *fop;

    create->keeping = 1;

    if (create->spec.body == NULL && create->spec.fd == -1) {
        sjl_replace_save(create);
        return;
    }

    fop = sjl_file_op_make(sjl_files_add, sjl_replace_body_kept, create);
    fop->to = sjl_path_context(create->spec.id, ".conf");
    fop->body = create->spec.body;
    fop->size = create->spec.size;
    fop->fd = create->spec.fd;

    create->spec.body = NULL;
    create->spec.fd = -1;

    sjl_file_op_add(fop);
}


static void
sjl_replace_body_kept(sjl_file_op_t *fop)
{
    sjl_create_t  *create;

    create = fop->data;

    if (fop->rc == SJL_ERROR) {
        sjl_replace_drop(create, &fop->why);

    } else {
        sjl_replace_save(create);
    }

    sjl_file_op_free(fop);
}


static void
sjl_replace_save(sjl_create_t *create)
{
    create->settings = sjl_json_text(create->spec.settings);

    create->op.run = sjl_replace_run_add;
    create->op.done = sjl_replace_saved;
    create->op.keeps = 1;

    sjl_db_add(&create->op, 0);
}


static int
sjl_replace_run_add(sjl_db_op_t *op, sjl_dao_t *dao)
{
    sjl_create_t           *create;
    sjl_replacement_row_t   row;

    create = sjl_container(op, sjl_create_t, op);

    memset(&row, 0, sizeof(sjl_replacement_row_t));
    row.id = (char *) (uintptr_t) create->spec.id;
    row.name = (char *) (uintptr_t) create->spec.name;
    row.user = (char *) (uintptr_t) create->spec.user;
    row.proxy_user = (char *) (uintptr_t) create->spec.proxy_user;
    row.request = create->hash;
    row.settings = create->settings;

    return dao->type->row_add(dao, &sjl_replacements_table, &row);
}


static void
sjl_replace_saved(sjl_db_op_t *op)
{
    sjl_create_t  *create;

    create = sjl_container(op, sjl_create_t, op);

    if (op->rc == SJL_ERROR) {
        sjl_files_delete(sjl_path_context(create->spec.id, ".conf"));
        sjl_replace_drop(create, &op->why);
        return;
    }

    create->keeping = 0;
    create->kept = 1;

    sjl_replace_answer_early(create);
    sjl_replace_check();
}


static void
sjl_replace_drop(sjl_create_t *create, const sjl_why_t *why)
{
    sjl_request_t  *r;

    while (create->requests) {
        r = create->requests;
        LL_DELETE2(create->requests, r, waiting);
        sjl_request_storage_failed(r, why);
    }

    LL_DELETE(sjl_replaces, create);
    sjl_create_free(create);

    sjl_replace_check();
}


/* who does not wait for a context that runs does not wait for its turn */

static void
sjl_replace_answer_early(sjl_create_t *create)
{
    sjl_request_t  *r, *next;

    LL_FOREACH_SAFE2(create->requests, r, next, waiting) {
        if (r->early) {
            LL_DELETE2(create->requests, r, waiting);
            sjl_request_reply(r, NULL, NULL, 0);
        }
    }
}


void
sjl_replace_attach(sjl_create_t *create, sjl_request_t *r)
{
    LL_PREPEND2(create->requests, r, waiting);

    if (create->kept) {
        sjl_replace_answer_early(create);
    }
}


void
sjl_replace_adopt(const sjl_replacement_row_t *row)
{
    char          *why;
    sjl_create_t  *create;

    create = sjl_alloc(sizeof(sjl_create_t));
    create->replace = 1;
    create->kept = 1;
    create->hash = sjl_strdup(row->request);

    create->spec.id = sjl_strdup(row->id);
    create->spec.name = sjl_strdup(row->name);
    create->spec.user = sjl_strdup(row->user);
    create->spec.proxy_user = sjl_strdup(row->proxy_user);
    create->spec.request = create->hash;
    create->spec.settings = json_loads(row->settings, 0, NULL);
    create->spec.options = sjl_context_options(create->spec.settings, &why);

    /* they were right when they were kept */

    if (create->spec.options == NULL) {
        sjl_log(SJL_LOG_ALERT, "context %s: %s", row->id, why);
        create->spec.options = json_array();
        free(why);
    }

    create->spec.fd = -1;

    LL_APPEND(sjl_replaces, create);
}


sjl_create_t *
sjl_replace_find(const char *id)
{
    sjl_create_t  *create;

    LL_FOREACH(sjl_replaces, create) {
        if (strcmp(create->spec.id, id) == 0) {
            return create;
        }
    }

    return NULL;
}


void
sjl_replace_users(const char *cluster, const char *library, json_t *names)
{
    json_t        *settings;
    sjl_create_t  *create;

    LL_FOREACH(sjl_replaces, create) {
        settings = create->spec.settings;

        if (!create->made
            && sjl_setup_uses(json_string_value(json_object_get(settings,
                                                SJL_SETUP_CLUSTER)),
                              json_string_value(json_object_get(settings,
                                                SJL_SETUP_LIBRARY)),
                              cluster, library))
        {
            sjl_setup_add_user(names, create->spec.name);
        }
    }
}


int
sjl_replace_reserved(const char *name)
{
    sjl_create_t  *create;

    LL_FOREACH(sjl_replaces, create) {
        if (strcmp(create->spec.name, name) == 0) {
            return 1;
        }
    }

    return 0;
}


size_t
sjl_replace_count(void)
{
    size_t         n;
    sjl_create_t  *create;

    n = 0;

    LL_FOREACH(sjl_replaces, create) {
        if (!create->made && sjl_replace_first(create)
            && sjl_context_find_name(create->spec.name) == NULL)
        {
            n++;
        }
    }

    return n;
}


void
sjl_replace_check(void)
{
    sjl_create_t  *create, *next;

    LL_FOREACH_SAFE(sjl_replaces, create, next) {

        if (sjl_replace_first(create) && sjl_replace_step(create)) {
            LL_DELETE(sjl_replaces, create);
            sjl_create_free(create);
        }
    }
}


static int
sjl_replace_first(const sjl_create_t *create)
{
    sjl_create_t  *other;

    LL_FOREACH(sjl_replaces, other) {
        if (strcmp(other->spec.name, create->spec.name) == 0) {
            return other == create;
        }
    }

    return 0;
}


/* whether it is over: then it is the next one's turn */

static int
sjl_replace_step(sjl_create_t *create)
{
    sjl_context_t  *ctx;

    if (create->made) {
        ctx = sjl_context_find(create->spec.id);
        return ctx == NULL || ctx->answered || ctx->gone;
    }

    if (create->keeping) {
        return 0;
    }

    if (sjl_server_ending()) {

        /* the next launcher goes on with what this one leaves */

        if (sjl_conf->at_exit == SJL_AT_EXIT_STOP) {
            sjl_replace_give_up(create);
            return 1;
        }

        return 0;
    }

    ctx = sjl_replace_old(create->spec.name);

    if (ctx == NULL) {
        sjl_replace_make(create);
        return 0;
    }

    if (create->kept && !ctx->row.final
        && ctx->row.state != SJP_CONTEXT_STOPPING)
    {
        sjl_log(SJL_LOG_INFO, "context %s %s is to be replaced by %s, asked by "
                "\"%s\"", ctx->row.name, ctx->row.id, create->spec.id,
                create->spec.user);
        sjl_context_stop(ctx, 0);
    }

    return 0;
}


static void
sjl_replace_make(sjl_create_t *create)
{
    char  *path;

    if (create->kept) {
        path = sjl_path_context(create->spec.id, ".conf");
        create->spec.fd = open(path, O_RDONLY|O_CLOEXEC|O_NOFOLLOW);

        /* one that was asked for without a body has none */

        if (create->spec.fd == -1 && errno != ENOENT) {
            create->spec.wrong = sjl_format("open(\"%s\") failed: %s", path,
                                            strerror(errno));
        }

        free(path);
    }

    create->spec.kept = create->kept;
    create->made = 1;

    sjl_create_make(create);
}


static void
sjl_replace_give_up(sjl_create_t *create)
{
    sjl_db_op_t  *op;

    sjl_create_refuse(create, SJP_ERR_UNAVAILABLE, "the launcher is ending");

    if (!create->kept) {
        return;
    }

    op = sjl_alloc(sizeof(sjl_db_op_t));
    op->run = sjl_replace_run_delete;
    op->done = sjl_replace_deleted;
    op->data = sjl_strdup(create->spec.id);
    op->retry = 1;

    sjl_db_add(op, 0);
    sjl_files_delete(sjl_path_context(create->spec.id, ".conf"));
}


static int
sjl_replace_run_delete(sjl_db_op_t *op, sjl_dao_t *dao)
{
    return dao->type->row_delete(dao, &sjl_replacements_table, op->data);
}


static void
sjl_replace_deleted(sjl_db_op_t *op)
{
    free(op->data);
    free(op);
}


/* also one that has ended, but not wholly: its driver may still be there */

static sjl_context_t *
sjl_replace_old(const char *name)
{
    sjl_context_t  *ctx, *next;

    HASH_ITER(hh, sjl_contexts, ctx, next) {
        if (strcmp(ctx->row.name, name) == 0) {
            return ctx;
        }
    }

    return NULL;
}
