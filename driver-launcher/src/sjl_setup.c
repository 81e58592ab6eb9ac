
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_setup.h"
#include "sjl_config.h"
#include "sjl_create.h"
#include "sjl_ticket.h"


static const char *sjl_setup_library_of(const char *cluster,
    const char *library);
static int sjl_setup_placed(const json_t *settings, char **why);
static void sjl_setup_kerberos(const sjl_context_t *ctx, json_t *settings,
    json_t *fixed);
static void sjl_setup_fix_place(const sjl_context_t *ctx, json_t *fixed);
static void sjl_setup_fix(json_t *settings, json_t *fixed, const char *name,
    const char *value);


/* where a driver is, and whom we ask about it */

static const char *const  sjl_setup_places[] = {
    "spark.master", "spark.submit.deployMode", "spark.master.rest.port"
};


int
sjl_setup_there(const char *cluster, const char *library, char **why)
{
    if (cluster && sjl_cluster_find(cluster) == NULL) {
        *why = sjl_format(SJL_SETUP_CLUSTER ": there is no cluster \"%.300s\"",
                          cluster);

    } else if (library && sjl_library_find(library) == NULL) {
        *why = sjl_format(SJL_SETUP_LIBRARY ": there is no library set "
                          "\"%.300s\"", library);

    } else {
        return SJL_OK;
    }

    sjl_text_clean(*why);

    return SJL_ERROR;
}


int
sjl_setup_known(const json_t *settings, char **why)
{
    if (sjl_conf->only_clusters
        && sjl_setup_placed(settings, why) == SJL_ERROR)
    {
        return SJL_ERROR;
    }

    return sjl_setup_there(json_string_value(
                               json_object_get(settings, SJL_SETUP_CLUSTER)),
                           json_string_value(
                               json_object_get(settings, SJL_SETUP_LIBRARY)),
                           why);
}


/* what a name with a prefix says only the driver heeds, who is told the same */

static int
sjl_setup_placed(const json_t *settings, char **why)
{
    size_t  i;

    for (i = 0; i < sjl_nelts(sjl_setup_places); i++) {

        if (json_object_get(settings, sjl_setup_places[i])) {
            *why = sjl_format("%s: a context here says by \"cluster\" where it "
                              "is to run, and in no other way (only_clusters)",
                              sjl_setup_places[i]);
            return SJL_ERROR;
        }
    }

    return SJL_OK;
}


int
sjl_setup_set(sjl_context_t *ctx, const char *cluster, const char *library)
{
    int  changed;

    library = sjl_setup_library_of(cluster, library);

    changed = strcmp(cluster ? cluster : "",
                     ctx->row.cluster ? ctx->row.cluster : "") != 0
              || strcmp(library, sjl_setup_library_name(ctx->row.library)) != 0;

    free(ctx->row.cluster);
    ctx->row.cluster = sjl_strdup(cluster);
    free(ctx->row.library);
    ctx->row.library = sjl_strdup(library);

    return changed;
}


sjl_cluster_t *
sjl_setup_cluster(const sjl_context_t *ctx)
{
    return ctx->row.cluster ? sjl_cluster_find(ctx->row.cluster) : NULL;
}


sjl_library_t *
sjl_setup_library(const sjl_context_t *ctx)
{
    return sjl_library_find(ctx->row.library);
}


const char *
sjl_setup_library_name(const char *library)
{
    return library ? library : SJL_LIBRARY_DEFAULT;
}


/* a context that had another master would be on the cluster in name only */

void
sjl_setup_settings(const sjl_context_t *ctx, json_t *settings, json_t *fixed)
{
    sjl_cluster_t  *cluster;

    cluster = sjl_setup_cluster(ctx);

    if (sjl_conf->only_clusters) {
        sjl_setup_fix_place(ctx, fixed);
    }

    if (cluster == NULL) {
        return;
    }

    if (cluster->settings) {
        (void) json_object_update(settings,
                                  (json_t *) (uintptr_t) cluster->settings);
    }

    sjl_setup_fix(settings, fixed, "spark.master", cluster->master);
    sjl_setup_fix(settings, fixed, "spark.submit.deployMode",
                  cluster->deploys ? "cluster" : "client");

    if (sjl_ticket_wanted(cluster)) {
        sjl_setup_kerberos(ctx, settings, fixed);
    }
}


/*
 * A driver here is given tickets, and executors' tokens by them; one elsewhere
 * has been given a keytab, or a user's tokens, by who has submitted it.
 */

static void
sjl_setup_kerberos(const sjl_context_t *ctx, json_t *settings, json_t *fixed)
{
    size_t  i;

    /* Spark takes the older names as well */

    static const char *const  names[] = {
        "spark.kerberos.principal", "spark.kerberos.keytab",
        "spark.yarn.principal", "spark.yarn.keytab"
    };

    for (i = 0; i < sjl_nelts(names); i++) {
        (void) json_object_del(settings, names[i]);
        (void) json_array_append_new(fixed, json_string(names[i]));
    }

    if (ctx->row.remote == NULL) {
        sjl_setup_fix(settings, fixed, "spark.kerberos.renewal.credentials",
                      "ccache");
    }
}


/* only contexts of the configuration have such settings themselves */

static void
sjl_setup_fix_place(const sjl_context_t *ctx, json_t *fixed)
{
    size_t  i;

    for (i = 0; i < sjl_nelts(sjl_setup_places); i++) {

        if (json_object_get(ctx->settings, sjl_setup_places[i]) == NULL) {
            (void) json_array_append_new(fixed,
                                         json_string(sjl_setup_places[i]));
        }
    }
}


static void
sjl_setup_fix(json_t *settings, json_t *fixed, const char *name,
    const char *value)
{
    if (value) {
        (void) json_object_set_new(settings, name, json_string(value));
        (void) json_array_append_new(fixed, json_string(name));
    }
}


json_t *
sjl_setup_users(const char *cluster, const char *library)
{
    json_t         *names;
    sjl_context_t  *ctx, *next;

    names = json_array();

    HASH_ITER(hh, sjl_contexts, ctx, next) {

        if (!ctx->row.final
            && sjl_setup_uses(ctx->row.cluster, ctx->row.library, cluster,
                              library))
        {
            sjl_setup_add_user(names, ctx->row.name);
        }
    }

    sjl_replace_users(cluster, library, names);

    return names;
}


/* one that waits to replace another has its name */

void
sjl_setup_add_user(json_t *names, const char *name)
{
    size_t   i;
    json_t  *value;

    json_array_foreach(names, i, value) {
        if (strcmp(json_string_value(value), name) == 0) {
            return;
        }
    }

    (void) json_array_append_new(names, json_string(name));
}


int
sjl_setup_uses(const char *own_cluster, const char *own_library,
    const char *cluster, const char *library)
{
    return (cluster == NULL
            || (own_cluster && strcmp(own_cluster, cluster) == 0))
           && (library == NULL
               || strcmp(sjl_setup_library_of(own_cluster, own_library),
                         library)
                  == 0);
}


/* a set that is named wins over the cluster's */

static const char *
sjl_setup_library_of(const char *cluster, const char *library)
{
    sjl_cluster_t  *found;

    found = cluster && library == NULL ? sjl_cluster_find(cluster) : NULL;

    return sjl_setup_library_name(found ? found->library : library);
}
