
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What modules ask for: a new context, under a name that is free or not.
 */


#include "sjl_create.h"
#include "sjl_binary.h"
#include "sjl_cluster_want.h"
#include "sjl_config.h"
#include "sjl_files.h"
#include "sjl_limit.h"
#include "sjl_look.h"
#include "sjl_remote.h"
#include "sjl_server.h"
#include "sjl_setting.h"
#include "sjl_setup.h"
#include "sjl_state.h"

#include <utlist.h>


#define SJL_CONTEXT_MEMORY  "launcher.spark.driver.memory"


typedef struct {
    const char  *setting;
    const char  *member;
    int        (*there)(const char *name);
    const char  *missing;
} sjl_create_files_t;


static void sjl_create_begin(sjl_conn_t *c, sjl_frame_t *f, int replace);
static int sjl_create_read(sjl_create_t *create, sjl_frame_t *f);
static int sjl_create_session(sjl_create_t *create, sjl_frame_t *f);
static int sjl_create_place(sjl_request_t *r,
    const sjl_context_spec_t *spec);
static int sjl_create_settings(sjl_create_t *create, sjl_request_t *r,
    json_t *settings);
static void sjl_create_hash(sjl_create_t *create, const char *body);
static char *sjl_create_hash_session(const sjl_context_spec_t *spec);
static void sjl_create_hashed(sjl_file_op_t *fop);
static void sjl_create_look(sjl_create_t *create);
static void sjl_create_looked(void *data, const void *found,
    const sjl_why_t *why);
static int sjl_create_attach(sjl_create_t *create);
static void sjl_create_go(sjl_create_t *create);
static char *sjl_create_missing(const sjl_context_spec_t *spec);
static char *sjl_create_missing_of(const sjl_create_files_t *files,
    const char *list);
static int sjl_create_is_binary(const char *name);
static int sjl_create_is_absolute(const char *name);


#define SJL_CREATE_NO_BINARY  "no URI, and there is no binary of that name"
#define SJL_CREATE_NO_FILE    "neither a URI nor an absolute path"


/* lists of files, and what they are called in a request for a session */

static const sjl_create_files_t  sjl_create_files[] = {
    { "dependent-jar-uris", "jars", sjl_create_is_binary,
      SJL_CREATE_NO_BINARY },
    { "cp", "cp", sjl_create_is_binary, SJL_CREATE_NO_BINARY },
    { "spark.submit.pyFiles", "pyFiles", sjl_create_is_absolute,
      SJL_CREATE_NO_FILE },
    { "spark.files", "files", sjl_create_is_absolute, SJL_CREATE_NO_FILE },
    { "spark.archives", "archives", sjl_create_is_absolute,
      SJL_CREATE_NO_FILE }
};


void
sjl_context_create(sjl_conn_t *c, sjl_frame_t *f)
{
    sjl_create_begin(c, f, 0);
}


void
sjl_context_replace(sjl_conn_t *c, sjl_frame_t *f)
{
    sjl_create_begin(c, f, 1);
}


static void
sjl_create_begin(sjl_conn_t *c, sjl_frame_t *f, int replace)
{
    char            hash[SJL_HASH_LEN + 1];
    sjl_create_t   *create;
    sjl_file_op_t  *fop;

    create = sjl_alloc(sizeof(sjl_create_t));
    create->requests = sjl_request_make(c, f);
    create->replace = replace ? 1 : 0;
    create->spec.fd = -1;

    if (sjl_create_read(create, f) == SJL_ERROR) {
        sjl_create_free(create);
        return;
    }

    if (!create->again) {
        sjl_create_look(create);
        return;
    }

    if (create->spec.fd == -1) {
        sjl_hash(hash, create->spec.body ? create->spec.body : "",
                 create->spec.size);
        sjl_create_hash(create, hash);
        sjl_create_look(create);
        return;
    }

    fop = sjl_file_op_make(sjl_files_hash, sjl_create_hashed, create);
    fop->fd = create->spec.fd;
    create->spec.fd = -1;
    sjl_file_op_add(fop);
}


/* SJL_ERROR: it is answered */

static int
sjl_create_read(sjl_create_t *create, sjl_frame_t *f)
{
    int                  early, again;
    char                *why;
    json_t              *settings;
    const char          *id, *name, *user, *proxy;
    sjl_request_t       *r;
    sjl_context_spec_t  *spec;

    r = create->requests;
    spec = &create->spec;
    settings = NULL;
    user = "";
    proxy = "";
    early = 0;
    again = 0;

    if (sjl_request_unpack(r, f, "{s:s, s:s, s?o, s?s, s?b, s?b, s?s}",
                           "id", &id, "name", &name, "settings", &settings,
                           "user", &user, "early", &early, "again", &again,
                           "proxyUser", &proxy)
        == SJL_ERROR)
    {
        return SJL_ERROR;
    }

    r->early = early ? 1 : 0;
    create->again = again ? 1 : 0;

    spec->id = sjl_strdup(id);
    spec->name = sjl_strdup(name);
    spec->user = sjl_strdup(user);
    spec->proxy_user = *proxy ? sjl_strdup(proxy) : NULL;

    if (!sjl_id_ok(id) || strlen(name) > SJP_NAME_MAX
        || (*name == '\0' && create->replace)
        || strlen(proxy) > SJP_NAME_MAX)
    {
        sjl_request_refuse(r, SJP_ERR_BAD_REQUEST, !sjl_id_ok(id) ? "id"
                           : strlen(proxy) > SJP_NAME_MAX ? "proxyUser"
                           : "name");
        return SJL_ERROR;
    }

    if (sjl_create_session(create, f) == SJL_ERROR) {
        return SJL_ERROR;
    }

    if (sjl_create_settings(create, r, settings) == SJL_ERROR) {
        return SJL_ERROR;
    }

    spec->options = sjl_context_options(spec->settings, &why);

    if (spec->options == NULL) {
        sjl_request_refuse(r, SJP_ERR_BAD_REQUEST, why);
        free(why);
        return SJL_ERROR;
    }

    if (sjl_create_place(r, spec) == SJL_ERROR) {
        return SJL_ERROR;
    }

    if (sjl_request_body(r, f, &spec->body, &spec->size) == SJL_ERROR) {
        return SJL_ERROR;
    }

    if (spec->body == NULL && spec->size) {
        spec->fd = f->fd;
        f->fd = -1;
    }

    return SJL_OK;
}


/* what it is as a session; one that replaces another is shared */

static int
sjl_create_session(sjl_create_t *create, sjl_frame_t *f)
{
    json_t              *livy;
    json_int_t           heartbeat;
    const char          *kind, *own, *wrong;
    sjl_request_t       *r;
    sjl_context_spec_t  *spec;

    r = create->requests;
    spec = &create->spec;
    livy = NULL;
    kind = "";
    own = "";
    heartbeat = 0;

    if (sjl_request_unpack(r, f, "{s?s, s?s, s?o, s?I}", "kind", &kind, "own",
                           &own, "livy", &livy, "heartbeat", &heartbeat)
        == SJL_ERROR)
    {
        return SJL_ERROR;
    }

    wrong = strlen(own) > SJP_OWN_MAX ? "own"
            : livy && !json_is_object(livy) ? "livy"
            : heartbeat < 0 || heartbeat > INT32_MAX ? "heartbeat"
            : (*kind && sjl_name_find(sjl_kinds, kind) == -1) ? "kind"
            : create->replace && (*kind || livy || heartbeat)
            ? "a session that replaces another" : NULL;

    if (wrong) {
        sjl_request_refuse(r, SJP_ERR_BAD_REQUEST, wrong);
        return SJL_ERROR;
    }

    spec->kind = *kind ? sjl_strdup(kind) : NULL;
    spec->own = sjl_strdup(own);
    spec->livy = json_incref(livy);
    spec->heartbeat = heartbeat;

    return SJL_OK;
}


/* which cluster and libraries its driver has, and whose it is */

static int
sjl_create_place(sjl_request_t *r, const sjl_context_spec_t *spec)
{
    char         *why;
    json_t       *settings;
    sjl_owner_t   owner;

    settings = spec->settings;

    if (sjl_setup_known(settings, &why) == SJL_ERROR) {
        sjl_request_refuse(r, SJP_ERR_BAD_REQUEST, why);
        free(why);
        return SJL_ERROR;
    }

    free(sjl_remote_choose(settings, spec->proxy_user,
                           json_string_value(json_object_get(
                               settings, SJL_SETUP_CLUSTER)), &why));

    if (why || sjl_owner_choose(sjl_conf, settings, &owner, &why) == SJL_ERROR)
    {
        sjl_request_refuse(r, SJP_ERR_BAD_CONFIG, why);
        free(why);
        return SJL_ERROR;
    }

    return SJL_OK;
}


static int
sjl_create_settings(sjl_create_t *create, sjl_request_t *r, json_t *settings)
{
    json_t      *value;
    const char  *key;

    if (settings && !json_is_object(settings)) {
        sjl_request_refuse(r, SJP_ERR_BAD_REQUEST, "settings");
        return SJL_ERROR;
    }

    json_object_foreach(settings, key, value) {
        if (!json_is_string(value)) {
            sjl_request_refuse(r, SJP_ERR_BAD_REQUEST, key);
            return SJL_ERROR;
        }
    }

    create->spec.settings = settings ? json_incref(settings) : json_object();

    return SJL_OK;
}


json_t *
sjl_context_options(const json_t *settings, char **why)
{
    char        *option;
    json_t      *options;
    const char  *memory;

    *why = sjl_setting_wrong(settings);

    if (*why) {
        return NULL;
    }

    options = json_array();
    memory = json_string_value(json_object_get(settings, SJL_CONTEXT_MEMORY));

    if (memory) {
        option = sjl_setting_heap(memory);
        (void) json_array_append_new(options, json_string(option));
        free(option);
    }

    return options;
}


void
sjl_context_options_else(sjl_context_t *ctx)
{
    char        *option;
    const char  *memory;

    memory = json_array_size(ctx->options) ? NULL
             : sjl_want_setting(ctx, "spark.driver.memory");
    option = memory ? sjl_setting_heap(memory) : NULL;

    if (option) {
        (void) json_array_append_new(ctx->options, json_string(option));
        free(option);
    }
}


/* all that a key stands for, but the name, which is compared by itself */

static void
sjl_create_hash(sjl_create_t *create, const char *body)
{
    char  *text, *settings, *session;

    session = sjl_create_hash_session(&create->spec);
    settings = json_dumps(create->spec.settings, JSON_COMPACT|JSON_SORT_KEYS);

    text = sjl_format("%d %s %s %s%s", (int) create->replace, body,
                      create->spec.proxy_user ? create->spec.proxy_user : "",
                      settings ? settings : "", session ? session : "");

    create->hash = sjl_alloc(SJL_HASH_LEN + 1);
    sjl_hash(create->hash, text, strlen(text));
    create->spec.request = create->hash;

    free(session);
    free(settings);
    free(text);
}


/* NULL: there is nothing of a session, as in what earlier launchers kept */

static char *
sjl_create_hash_session(const sjl_context_spec_t *spec)
{
    char  *livy, *text;

    if (*spec->name && spec->kind == NULL && spec->livy == NULL
        && spec->heartbeat == 0)
    {
        return NULL;
    }

    livy = spec->livy ? json_dumps(spec->livy, JSON_COMPACT|JSON_SORT_KEYS)
                      : NULL;

    text = sjl_format(" %s %lld %s %s", spec->kind ? spec->kind : "",
                      (long long) spec->heartbeat, livy ? livy : "",
                      *spec->name ? "" : spec->own);
    free(livy);

    return text;
}


static void
sjl_create_hashed(sjl_file_op_t *fop)
{
    sjl_create_t  *create;

    create = fop->data;

    create->spec.fd = fop->fd;
    fop->fd = -1;

    if (fop->rc == SJL_ERROR) {
        sjl_request_storage_failed(create->requests, &fop->why);
        sjl_create_free(create);

    } else {
        sjl_create_hash(create, fop->sha256);
        sjl_create_look(create);
    }

    sjl_file_op_free(fop);
}


/* a context that has ended is known to the database only */

static void
sjl_create_look(sjl_create_t *create)
{
    if (sjl_create_attach(create)) {
        sjl_create_free(create);
        return;
    }

    sjl_look_context(create->spec.id, sjl_create_looked, create);
}


static void
sjl_create_looked(void *data, const void *found, const sjl_why_t *why)
{
    sjl_create_t             *create;
    const sjl_context_row_t  *row;

    create = data;
    row = found;

    if (why) {
        sjl_request_storage_failed(create->requests, why);

    } else if (row && sjl_create_reused(create, row->name, row->request)) {
        sjl_request_refuse(create->requests, SJP_ERR_KEY_REUSED,
                           create->spec.id);

    } else if (row) {
        sjl_context_reply(create->requests, row);

    } else if (!sjl_create_attach(create)) {
        sjl_create_go(create);
        return;
    }

    sjl_create_free(create);
}


int
sjl_create_reused(const sjl_create_t *create, const char *name,
    const char *hash)
{
    return create->again
           && ((*create->spec.name && strcmp(create->spec.name, name) != 0)
               || hash == NULL || strcmp(create->hash, hash) != 0);
}


/*
 * Whether the context is there already, or is to come, asked for by the same id
 * before: then the request is one more that waits for it, or is refused.
 */

static int
sjl_create_attach(sjl_create_t *create)
{
    sjl_create_t   *other;
    sjl_request_t  *r;
    sjl_context_t  *ctx;

    r = create->requests;
    ctx = sjl_context_find(create->spec.id);
    other = sjl_replace_find(create->spec.id);

    if (ctx == NULL && other == NULL) {
        return 0;
    }

    if (sjl_create_reused(create, ctx ? ctx->row.name : other->spec.name,
                          ctx ? ctx->row.request : other->hash))
    {
        sjl_request_refuse(r, SJP_ERR_KEY_REUSED, create->spec.id);
        return 1;
    }

    if (ctx == NULL) {
        sjl_replace_attach(other, r);
        return 1;
    }

    /* those who wait for it were told, it only waits for a job's body */

    if (ctx->gone) {
        sjl_request_refuse(r, SJP_ERR_UNAVAILABLE, "the context of this id "
                           "could not be kept");
        return 1;
    }

    /* what is durable already, as far as is asked, the database answers */

    if (ctx->answered || (r->early && ctx->durable)) {
        return 0;
    }

    LL_PREPEND2(ctx->creators, r, waiting);

    return 1;
}


/* the request is taken over */

static void
sjl_create_go(sjl_create_t *create)
{
    int                  taken;
    char                *missing, limit[24];
    const sjl_why_t     *why;
    sjl_context_spec_t  *spec;

    spec = &create->spec;
    why = sjl_db_trouble();
    missing = sjl_create_missing(spec);
    taken = *spec->name && (sjl_context_find_name(spec->name) != NULL
                            || sjl_replace_reserved(spec->name));

    if (sjl_server_ending()) {
        sjl_create_refuse(create, SJP_ERR_UNAVAILABLE,
                          "the launcher is ending");

    } else if (why) {
        sjl_request_storage_failed(create->requests, why);

    } else if (taken && !create->replace) {
        sjl_create_refuse(create, SJP_ERR_CONTEXT_EXISTS, spec->name);

    } else if (missing) {
        sjl_create_refuse(create, SJP_ERR_BAD_REQUEST, missing);

    } else if (!taken && (int64_t) sjl_context_count()
                         >= sjl_conf->max_contexts)
    {
        (void) snprintf(limit, sizeof(limit), "%d",
                        (int) sjl_conf->max_contexts);
        sjl_create_refuse(create, SJP_ERR_TOO_MANY_CONTEXTS, limit);

    } else if (!sjl_limit_take(create->requests, spec->fd)
               || !sjl_limit_start(create->requests))
    {
        create->requests = NULL;

    } else if (create->replace) {
        free(missing);
        sjl_replace_add(create);
        return;

    } else {
        sjl_create_make(create);
    }

    free(missing);
    sjl_create_free(create);
}


/*
 * Who asks for a session is answered before its driver could say that a file is
 * not there.  Returns NULL, or what is wrong, to be freed.
 */

static char *
sjl_create_missing(const sjl_context_spec_t *spec)
{
    char        *why;
    size_t       i;
    const char  *list;

    why = NULL;

    for (i = 0; spec->livy && !why && i < sjl_nelts(sjl_create_files); i++) {
        list = json_string_value(json_object_get(spec->settings,
                                                 sjl_create_files[i].setting));

        why = list ? sjl_create_missing_of(&sjl_create_files[i], list) : NULL;
    }

    return why;
}


static char *
sjl_create_missing_of(const sjl_create_files_t *files, const char *list)
{
    char    *name, *why;
    size_t   n, len;

    why = NULL;

    for ( /* void */ ; *list && why == NULL; list += n + (list[n] == ',')) {
        list += strspn(list, " ");
        n = strcspn(list, ",");

        for (len = n; len && list[len - 1] == ' '; len--) { /* void */ }

        name = sjl_memdup(list, len);

        /* URIs and Maven coordinates are for the driver to fetch */

        if (len && strchr(name, ':') == NULL && !files->there(name)) {
            why = sjl_format("%s: \"%.300s\" is %s", files->member, name,
                             files->missing);
            sjl_text_clean(why);
        }

        free(name);
    }

    return why;
}


static int
sjl_create_is_binary(const char *name)
{
    sjl_binary_t  *binary;

    binary = sjl_binary_find(name);

    return binary && !binary->deleting;
}


/* any other is one of the driver's own folder, in which there is none */

static int
sjl_create_is_absolute(const char *name)
{
    return *name == '/';
}


void
sjl_create_make(sjl_create_t *create)
{
    sjl_context_t  *ctx;

    SPARKJOB_FAULT("create.make");

    ctx = sjl_context_make(&create->spec);

    LL_CONCAT2(ctx->creators, create->requests, waiting);
    create->requests = NULL;

    create->spec.settings = NULL;
    create->spec.options = NULL;
    create->spec.body = NULL;
    create->spec.fd = -1;
}


void
sjl_create_refuse(sjl_create_t *create, sjp_error_e code, const char *name)
{
    sjl_request_t  *r;

    while (create->requests) {
        r = create->requests;
        LL_DELETE2(create->requests, r, waiting);
        sjl_request_refuse(r, code, name);
    }
}


void
sjl_create_free(sjl_create_t *create)
{
    free((char *) (uintptr_t) create->spec.id);
    free((char *) (uintptr_t) create->spec.name);
    free((char *) (uintptr_t) create->spec.user);
    free((char *) (uintptr_t) create->spec.proxy_user);
    free((char *) (uintptr_t) create->spec.kind);
    free((char *) (uintptr_t) create->spec.own);
    json_decref(create->spec.livy);
    free(create->spec.body);
    free(create->spec.wrong);
    free(create->settings);
    free(create->hash);
    json_decref(create->spec.settings);
    json_decref(create->spec.options);

    if (create->spec.fd != -1) {
        (void) close(create->spec.fd);
    }

    free(create);
}
