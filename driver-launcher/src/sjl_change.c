
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_change.h"
#include "sjl_probe.h"
#include "sjl_request.h"
#include "sjl_spare.h"
#include "sparkjob_body.h"

#include <utlist.h>


#define SJL_CHANGE_NAMES  1000


static const sjl_resource_type_t *sjl_change_type(const sjl_frame_t *f);
static int sjl_change_read(sjl_change_t *change, sjl_frame_t *f,
    char **probe, json_int_t *asked);
static int sjl_change_spec(sjl_change_t *change, sjl_frame_t *f);
static int sjl_change_may(sjl_change_t *change, json_int_t asked);
static int sjl_change_alone(sjl_change_t *change);
static int sjl_change_is_again(const sjl_change_t *change,
    const sjl_change_t *other);
static int sjl_change_uri(sjl_request_t *r, const char *uri);
static int sjl_change_checked(sjl_change_t *change);
static int sjl_change_free_of_users(sjl_change_t *change);
static void sjl_change_refuse(sjl_change_t *change, sjp_error_e code,
    const char *more);
static void sjl_change_refuse_wrong(sjl_change_t *change, json_t *wrong);
static void sjl_change_probed(void *data, json_t *report, int usable);
static void sjl_change_save(sjl_change_t *change);
static int sjl_change_run(sjl_db_op_t *op, sjl_dao_t *dao);
static void sjl_change_done(sjl_db_op_t *op);
static void sjl_change_answer(sjl_request_t *r,
    const sjl_resource_type_t *type, const sjl_resource_t *resource,
    const char *own);
static void sjl_change_free(sjl_change_t *change);
static void sjl_change_reported(void *data, json_t *report, int usable);


/* those that are on their way */
static sjl_change_t  *sjl_changes;


static const sjl_resource_type_t *
sjl_change_type(const sjl_frame_t *f)
{
    return f->type <= SJP_CLUSTER_DELETE ? &sjl_clusters_type
                                         : &sjl_libraries_type;
}


void
sjl_change_list(sjl_conn_t *c, sjl_frame_t *f)
{
    char                       *text;
    json_t                     *json;
    const char                 *name, *own;
    sjl_request_t              *r;
    sjl_resource_t             *resource;
    const sjl_resource_type_t  *type;

    r = sjl_request_make(c, f);
    type = sjl_change_type(f);
    name = NULL;
    own = NULL;

    if (sjl_request_unpack(r, f, "{s?s, s?s}", "name", &name, "own", &own)
        == SJL_ERROR)
    {
        return;
    }

    if (name) {
        resource = sjl_resource_find(type, name);

        if (resource) {
            sjl_change_answer(r, type, resource, own);
            return;
        }

        text = sjl_format("%s %s", type->words, name);
        sjl_request_refuse(r, SJP_ERR_NO_SUCH_RESOURCE, text);
        free(text);
        return;
    }

    json = sjl_resource_show_all(type, own);
    text = sjl_json_text(json);
    json_decref(json);

    sjl_request_reply_long(r, NULL, text, strlen(text));
    free(text);
}


void
sjl_change_put(sjl_conn_t *c, sjl_frame_t *f)
{
    char          *probe;
    json_int_t     asked;
    sjl_change_t  *change;

    change = sjl_alloc(sizeof(sjl_change_t));
    change->request = sjl_request_make(c, f);
    change->type = sjl_change_type(f);

    LL_PREPEND(sjl_changes, change);

    probe = NULL;

    if (sjl_change_read(change, f, &probe, &asked) == SJL_ERROR
        || sjl_change_spec(change, f) == SJL_ERROR
        || sjl_change_may(change, asked) == SJL_ERROR
        || sjl_change_checked(change) == SJL_ERROR)
    {
        sjl_change_free(change);

    } else if (change->type == &sjl_libraries_type && sjl_probe_wanted()) {
        sjl_probe_start(change->row.name, change->row.spec, probe,
                        sjl_change_probed, change);

    } else {
        sjl_change_save(change);
    }

    free(probe);
}


/* SJL_ERROR, here and below: it is answered */

static int
sjl_change_read(sjl_change_t *change, sjl_frame_t *f, char **probe,
    json_int_t *asked)
{
    int          create;
    const char  *name, *user, *uri;

    user = "";
    uri = NULL;
    create = 0;
    *asked = 0;

    if (sjl_request_unpack(change->request, f, "{s:s, s?s, s?b, s?I, s?s}",
                           "name", &name, "user", &user, "create", &create,
                           "asked", asked, "probe", &uri)
        == SJL_ERROR)
    {
        return SJL_ERROR;
    }

    change->create = create ? 1 : 0;
    change->row.name = sjl_strdup(name);
    change->row.user = sjl_strdup(user);
    change->row.time = sjl_now();

    if (sjl_change_uri(change->request, uri) == SJL_ERROR) {
        return SJL_ERROR;
    }

    if (probe) {
        *probe = sjl_strdup(uri);
    }

    if (!sjl_resource_name_ok(name)) {
        sjl_request_refuse(change->request, SJP_ERR_BAD_REQUEST,
                           "a name must start with a letter, and have at most "
                           "255 bytes");
        return SJL_ERROR;
    }

    return SJL_OK;
}


static int
sjl_change_uri(sjl_request_t *r, const char *uri)
{
    char  *text;

    if (uri == NULL || strlen(uri) <= SJL_PROBE_URI) {
        return SJL_OK;
    }

    text = sjl_format("probe: expected a URI of at most %d bytes",
                      SJL_PROBE_URI);
    sjl_request_refuse(r, SJP_ERR_BAD_REQUEST, text);
    free(text);

    return SJL_ERROR;
}


static int
sjl_change_spec(sjl_change_t *change, sjl_frame_t *f)
{
    char            *body, *text, what[SJP_BODY_WRONG];
    size_t           size;
    json_t          *spec, *wrong;
    sjl_resource_t  *resource;

    if (sjl_request_body(change->request, f, &body, &size) == SJL_ERROR) {
        return SJL_ERROR;
    }

    spec = sjp_body_object(body ? body : "", body ? size : 0, what);
    text = spec ? NULL
           : body == NULL && size
           ? sjl_format("the body is longer than %d bytes", SJP_PAYLOAD_MAX)
           : sjl_format("the body is %s", what);
    free(body);

    if (text) {
        wrong = json_array();
        sjl_resource_say(wrong, text);
        sjl_change_refuse_wrong(change, wrong);
        return SJL_ERROR;
    }

    resource = sjl_resource_find(change->type, change->row.name);

    if (resource && !change->create) {
        sjl_resource_keep(spec, resource->spec);
    }

    change->row.spec = sjl_json_text(spec);
    json_decref(spec);

    return SJL_OK;
}


/*
 * What a module sends again after its channel broke may have been done the
 * first time: then there is just that, and since it was asked for.
 */

static int
sjl_change_may(sjl_change_t *change, json_int_t asked)
{
    json_t           *spec;
    sjl_resource_t   *resource;
    const sjl_why_t  *why;

    if (sjl_change_alone(change) == SJL_ERROR) {
        return SJL_ERROR;
    }

    resource = sjl_resource_find(change->type, change->row.name);

    if (change->create && resource) {
        spec = json_loads(change->row.spec, 0, NULL);

        if (asked && !resource->fixed && resource->row.time >= asked
            && json_equal(spec, resource->spec))
        {
            sjl_change_answer(change->request, change->type, resource, NULL);

        } else {
            sjl_change_refuse(change, SJP_ERR_RESOURCE_EXISTS, "");
        }

        json_decref(spec);
        return SJL_ERROR;
    }

    if (!change->create
        && (resource == NULL
            || (change->remove
                && sjl_request_is_before(change->request, asked,
                                         resource->row.time))))
    {
        sjl_change_refuse(change, SJP_ERR_NO_SUCH_RESOURCE, "");
        return SJL_ERROR;
    }

    if (resource && resource->fixed) {
        sjl_change_refuse(change, SJP_ERR_RESOURCE_FIXED, "");
        return SJL_ERROR;
    }

    why = sjl_db_trouble();

    if (why) {
        sjl_request_storage_failed(change->request, why);
        return SJL_ERROR;
    }

    return sjl_change_free_of_users(change);
}


/* one after the other; what comes again is answered as the first time */

static int
sjl_change_alone(sjl_change_t *change)
{
    sjl_change_t   *other;
    sjl_request_t  *gone;

    LL_FOREACH(sjl_changes, other) {
        if (other != change && other->type == change->type && other->row.name
            && strcmp(other->row.name, change->row.name) == 0)
        {
            break;
        }
    }

    if (other == NULL) {
        return SJL_OK;
    }

    if (sjl_change_is_again(change, other)) {
        gone = other->request;
        other->request = change->request;
        change->request = gone;
    }

    if (change->remove && other->remove) {
        sjl_change_refuse(change, SJP_ERR_NO_SUCH_RESOURCE, "");

    } else {
        sjl_change_refuse(change, SJP_ERR_RESOURCE_IN_USE, " is being changed");
    }

    return SJL_ERROR;
}


/* nobody waits for the first any longer, whose module has come back */

static int
sjl_change_is_again(const sjl_change_t *change, const sjl_change_t *other)
{
    return other->request->conn == NULL
           && change->create == other->create
           && change->remove == other->remove
           && (change->remove
               || strcmp(change->row.spec, other->row.spec) == 0);
}


static int
sjl_change_checked(sjl_change_t *change)
{
    json_t  *spec, *wrong;

    spec = json_loads(change->row.spec, 0, NULL);
    wrong = json_array();

    change->type->check(spec, wrong);

    if (json_array_size(wrong) == 0) {
        change->type->look(spec, 0, wrong);
    }

    json_decref(spec);

    if (json_array_size(wrong)) {
        sjl_change_refuse_wrong(change, wrong);
        return SJL_ERROR;
    }

    json_decref(wrong);

    return SJL_OK;
}


static int
sjl_change_free_of_users(sjl_change_t *change)
{
    char    *text, *longer;
    size_t   i;
    json_t  *users, *user;

    users = change->type->users(change->row.name, change->remove);

    if (json_array_size(users) == 0) {
        json_decref(users);
        return SJL_OK;
    }

    text = sjl_strdup(" is used by ");

    json_array_foreach(users, i, user) {
        longer = sjl_format("%s%s%s", text, i ? ", " : "",
                            json_string_value(user));
        free(text);
        text = longer;

        if (strlen(text) > SJL_CHANGE_NAMES && i + 1 < json_array_size(users)) {
            longer = sjl_format("%s and %zu more", text,
                                json_array_size(users) - i - 1);
            free(text);
            text = longer;
            break;
        }
    }

    sjl_change_refuse(change, SJP_ERR_RESOURCE_IN_USE, text);

    json_decref(users);
    free(text);

    return SJL_ERROR;
}


static void
sjl_change_refuse(sjl_change_t *change, sjp_error_e code, const char *more)
{
    char  *text;

    text = sjl_format("%s %s%s", change->type->words, change->row.name, more);
    sjl_request_refuse(change->request, code, text);
    free(text);
}


/* sentences as what a probe has found */

static void
sjl_change_refuse_wrong(sjl_change_t *change, json_t *wrong)
{
    char    *text;
    size_t   i;
    json_t  *findings, *report, *sentence;

    findings = json_array();

    json_array_foreach(wrong, i, sentence) {
        (void) json_array_append_new(findings,
                                     json_pack("{s:s, s:O}", "level", "error",
                                               "text", sentence));
    }

    report = json_pack("{s:O, s:o}", "message", json_array_get(wrong, 0),
                       "findings", findings);
    text = sjl_json_text(report);

    sjl_request_refuse_error(change->request, SJP_ERR_BAD_RESOURCE,
                             change->row.name, text, strlen(text));
    free(text);
    json_decref(report);
    json_decref(wrong);
}


/* meanwhile somebody may have begun to use it */

static void
sjl_change_probed(void *data, json_t *report, int usable)
{
    char          *text;
    sjl_change_t  *change;

    change = data;

    if (!usable) {
        text = sjl_json_text(report);
        sjl_request_refuse_error(change->request, SJP_ERR_BAD_RESOURCE,
                                 change->row.name, text, strlen(text));
        free(text);
        sjl_change_free(change);
        return;
    }

    change->row.report = sjl_json_text(report);

    if (sjl_change_free_of_users(change) == SJL_ERROR) {
        sjl_change_free(change);
        return;
    }

    sjl_change_save(change);
}


void
sjl_change_delete(sjl_conn_t *c, sjl_frame_t *f)
{
    json_int_t     asked;
    sjl_change_t  *change;

    change = sjl_alloc(sizeof(sjl_change_t));
    change->request = sjl_request_make(c, f);
    change->type = sjl_change_type(f);
    change->remove = 1;

    LL_PREPEND(sjl_changes, change);

    if (sjl_change_read(change, f, NULL, &asked) == SJL_ERROR
        || sjl_change_may(change, asked) == SJL_ERROR)
    {
        sjl_change_free(change);
        return;
    }

    sjl_change_save(change);
}


static void
sjl_change_save(sjl_change_t *change)
{
    sjl_log(SJL_LOG_INFO, "%s %s is %s by \"%s\"", change->type->words,
            change->row.name, change->remove ? "deleted"
            : change->create ? "made" : "changed", change->row.user);

    SPARKJOB_FAULT("change.save");

    change->op.run = sjl_change_run;
    change->op.done = sjl_change_done;
    change->op.keeps = !change->remove;
    sjl_db_add(&change->op, 0);
}


static int
sjl_change_run(sjl_db_op_t *op, sjl_dao_t *dao)
{
    sjl_change_t  *change;

    change = sjl_container(op, sjl_change_t, op);

    if (change->remove) {
        return dao->type->row_delete(dao, change->type->table,
                                     change->row.name);
    }

    return change->create
           ? dao->type->row_add(dao, change->type->table, &change->row)
           : dao->type->row_put(dao, change->type->table, &change->row);
}


static void
sjl_change_done(sjl_db_op_t *op)
{
    sjl_change_t    *change;
    sjl_resource_t  *resource;

    change = sjl_container(op, sjl_change_t, op);

    SPARKJOB_FAULT("change.saved");

    if (op->rc == SJL_OK && change->type == &sjl_libraries_type) {
        sjl_spare_again();
    }

    if (op->rc != SJL_OK) {
        sjl_request_storage_failed(change->request, &op->why);

    } else if (change->remove) {
        resource = sjl_resource_find(change->type, change->row.name);

        if (resource) {
            change->type->free(resource);
        }

        sjl_request_reply(change->request, NULL, NULL, 0);

    } else {
        resource = sjl_resource_put(change->type, &change->row);
        sjl_change_answer(change->request, change->type, resource, NULL);
    }

    sjl_change_free(change);
}


static void
sjl_change_answer(sjl_request_t *r, const sjl_resource_type_t *type,
    const sjl_resource_t *resource, const char *own)
{
    char    *text;
    json_t  *json;

    json = sjl_resource_show(type, resource, own);
    text = sjl_json_text(json);
    json_decref(json);

    sjl_request_reply_long(r, NULL, text, strlen(text));
    free(text);
}


static void
sjl_change_free(sjl_change_t *change)
{
    LL_DELETE(sjl_changes, change);

    sjl_row_clear(change->type->table, &change->row);
    free(change);
}


/* a look at one that is there, which is not changed by it */

void
sjl_change_probe(sjl_conn_t *c, sjl_frame_t *f)
{
    char            *text;
    const char      *name, *uri;
    sjl_request_t   *r;
    sjl_resource_t  *resource;

    r = sjl_request_make(c, f);
    uri = NULL;

    if (sjl_request_unpack(r, f, "{s:s, s?s}", "name", &name, "probe", &uri)
        == SJL_ERROR
        || sjl_change_uri(r, uri) == SJL_ERROR)
    {
        return;
    }

    resource = sjl_resource_find(&sjl_libraries_type, name);

    if (resource == NULL) {
        text = sjl_format("%s %s", sjl_libraries_type.words, name);
        sjl_request_refuse(r, SJP_ERR_NO_SUCH_RESOURCE, text);
        free(text);

    } else if (!sjl_probe_wanted()) {
        sjl_request_refuse(r, SJP_ERR_BAD_REQUEST, "driver.command is no JVM");

    } else {
        text = sjl_json_text(resource->spec);
        sjl_probe_start(name, text, uri, sjl_change_reported, r);
        free(text);
    }
}


static void
sjl_change_reported(void *data, json_t *report, int usable)
{
    char  *text;

    (void) usable;

    text = sjl_json_text(report);
    sjl_request_reply_long(data, NULL, text, strlen(text));
    free(text);
}
