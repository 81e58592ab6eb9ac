
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_cluster.h"
#include "sjl_library.h"
#include "sjl_remote.h"
#include "sjl_setting.h"
#include "sjl_setup.h"
#include "sjl_ticket.h"


static void sjl_cluster_fix(const char *name, json_t *spec);
static sjl_resource_t *sjl_cluster_make(const char *name, json_t *spec);
static const char *sjl_cluster_text(const sjl_cluster_t *cluster,
    const char *member);
static int sjl_cluster_deploys(const json_t *spec);
static void sjl_cluster_free(sjl_resource_t *resource);
static void sjl_cluster_check_settings(const json_t *settings, json_t *wrong);
static void sjl_cluster_look(const json_t *spec, int fixed, json_t *wrong);
static json_t *sjl_cluster_users(const char *name, int remove);
static const char *sjl_cluster_unchecked(const sjl_resource_t *resource);


static const char *const  sjl_cluster_modes[] = { "client", "cluster", NULL };

static const sjl_resource_member_t  sjl_cluster_members[] = {
    { "master", SJL_RESOURCE_TEXT, NULL },
    { "deploy_mode", SJL_RESOURCE_TEXT, sjl_cluster_modes },
    { "settings", SJL_RESOURCE_MAP, NULL },
    { "hadoop_conf", SJL_RESOURCE_TEXT, NULL },
    { "library_set", SJL_RESOURCE_TEXT, NULL },
    { "principal", SJL_RESOURCE_TEXT, NULL },
    { "keytab", SJL_RESOURCE_TEXT, NULL },
    { "rest", SJL_RESOURCE_URL, NULL },
    { "web", SJL_RESOURCE_URL, NULL }
};


static const struct {
    const char  *setting;
    const char  *member;
} sjl_cluster_said[] = {
    { "spark.master", "master" },
    { "spark.submit.deployMode", "deploy_mode" },
    { SJL_SETUP_LIBRARY, "library_set" }
};


static sjl_resource_t  *sjl_clusters;


const sjl_resource_type_t  sjl_clusters_type = {
    "cluster",
    &sjl_clusters_table,
    &sjl_clusters,
    sjl_cluster_check,
    sjl_cluster_look,
    sjl_cluster_make,
    sjl_cluster_free,
    sjl_cluster_users,
    sjl_cluster_unchecked
};


sjl_cluster_t *
sjl_cluster_find(const char *name)
{
    sjl_resource_t  *found;

    HASH_FIND_STR(sjl_clusters, name, found);

    return found ? sjl_container(found, sjl_cluster_t, resource) : NULL;
}


void
sjl_cluster_configure(void)
{
    json_t          *spec;
    const char      *name;
    sjl_resource_t  *old, *next;

    HASH_ITER(hh, sjl_clusters, old, next) {
        if (old->fixed) {
            sjl_cluster_free(old);
        }
    }

    json_object_foreach(sjl_conf->clusters, name, spec) {
        sjl_cluster_fix(name, spec);
    }
}


/* one that was made by a request has rows that speak of it */

static void
sjl_cluster_fix(const char *name, json_t *spec)
{
    sjl_resource_t  *resource;

    if (sjl_cluster_find(name)) {
        sjl_log(SJL_LOG_ERR, "clusters.%s is not used: there is a cluster of "
                "that name which was made by a request", name);
        return;
    }

    resource = sjl_cluster_make(name, json_deep_copy(spec));
    resource->fixed = 1;
}


/* the spec is the cluster's from now on */

static sjl_resource_t *
sjl_cluster_make(const char *name, json_t *spec)
{
    sjl_cluster_t  *cluster;

    cluster = sjl_alloc(sizeof(sjl_cluster_t));
    cluster->resource.row.name = sjl_strdup(name);
    cluster->resource.spec = spec;

    cluster->master = sjl_cluster_text(cluster, "master");
    cluster->hadoop_conf = sjl_cluster_text(cluster, "hadoop_conf");
    cluster->library = sjl_cluster_text(cluster, "library_set");
    cluster->principal = sjl_cluster_text(cluster, "principal");
    cluster->keytab = sjl_cluster_text(cluster, "keytab");
    cluster->rest = sjl_cluster_text(cluster, "rest");
    cluster->web = sjl_cluster_text(cluster, "web");
    cluster->settings = json_object_get(cluster->resource.spec, "settings");
    cluster->deploys = sjl_cluster_deploys(cluster->resource.spec);

    HASH_ADD_KEYPTR(hh, sjl_clusters, cluster->resource.row.name,
                    strlen(cluster->resource.row.name), &cluster->resource);

    return &cluster->resource;
}


/* a request may name a master, and is to choose nothing else of a URL by it */

char *
sjl_cluster_host(const char *master)
{
    size_t  n, port;

    static const char  scheme[] = "spark://";

    if (strncmp(master, scheme, sizeof(scheme) - 1) != 0) {
        return NULL;
    }

    master += sizeof(scheme) - 1;
    n = strspn(master, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
               "0123456789_.-[]:");

    if (master[n] != '\0' && master[n] != ',') {
        return NULL;
    }

    for (port = n; port && master[port - 1] >= '0' && master[port - 1] <= '9';
         port--)
    {
        /* void */
    }

    if (port < 2 || port == n || master[port - 1] != ':') {
        return NULL;
    }

    return sjl_memdup(master, port - 1);
}


static const char *
sjl_cluster_text(const sjl_cluster_t *cluster, const char *member)
{
    return json_string_value(json_object_get(cluster->resource.spec, member));
}


static int
sjl_cluster_deploys(const json_t *spec)
{
    const char  *mode;

    mode = json_string_value(json_object_get(spec, "deploy_mode"));

    return mode && strcmp(mode, "cluster") == 0;
}


static void
sjl_cluster_free(sjl_resource_t *resource)
{
    sjl_cluster_t  *cluster;

    cluster = sjl_container(resource, sjl_cluster_t, resource);
    HASH_DEL(sjl_clusters, resource);

    sjl_row_clear(&sjl_clusters_table, &resource->row);
    json_decref(resource->spec);
    free(cluster->unchecked);
    free(cluster);
}


void
sjl_cluster_check(const json_t *spec, json_t *wrong)
{
    char        *why;
    const char  *master;

    sjl_resource_check(sjl_cluster_members, sjl_nelts(sjl_cluster_members),
                       spec, wrong);

    master = json_string_value(json_object_get(spec, "master"));

    if (json_object_get(spec, "master") == NULL) {
        sjl_resource_say(wrong, sjl_strdup("master: expected the URL of a "
                                           "master, got nothing"));

    } else if (master && *master) {
        why = sjl_setting_wrong_master("master", master);

        if (why) {
            sjl_resource_say(wrong, why);

        } else if (sjl_cluster_deploys(spec)
                   && !sjl_remote_deploys(master))
        {
            sjl_resource_say(wrong, sjl_format("deploy_mode: drivers cannot be "
                                               "started by the master \"%s\"",
                                               master));
        }
    }

    sjl_cluster_check_settings(json_object_get(spec, "settings"), wrong);

    sjl_ticket_check(json_string_value(json_object_get(spec, "principal")),
                     json_string_value(json_object_get(spec, "keytab")),
                     wrong);
}


/* what a member says they would say in vain */

static void
sjl_cluster_check_settings(const json_t *settings, json_t *wrong)
{
    char    *why;
    size_t   i;

    for (i = 0; i < sjl_nelts(sjl_cluster_said); i++) {
        if (json_object_get(settings, sjl_cluster_said[i].setting)) {
            sjl_resource_say(wrong,
                sjl_format("settings: %s: expected in the member \"%s\"",
                           sjl_cluster_said[i].setting,
                           sjl_cluster_said[i].member));
        }
    }

    why = sjl_setting_wrong(settings);

    if (why) {
        sjl_resource_say(wrong, sjl_format("settings: %s", why));
        free(why);
    }
}


static void
sjl_cluster_look(const json_t *spec, int fixed, json_t *wrong)
{
    const char  *library;

    sjl_resource_look_folder(spec, "hadoop_conf", wrong);

    library = json_string_value(json_object_get(spec, "library_set"));

    if (library && !fixed && sjl_library_find(library) == NULL) {
        sjl_resource_say(wrong, sjl_format("library_set: there is no library "
                                           "set \"%.300s\"", library));
    }
}


static json_t *
sjl_cluster_users(const char *name, int remove)
{
    (void) remove;

    return sjl_setup_users(name, NULL);
}


static const char *
sjl_cluster_unchecked(const sjl_resource_t *resource)
{
    return sjl_container(resource, sjl_cluster_t, resource)->unchecked;
}


void
sjl_cluster_of_library(const char *library, json_t *names)
{
    char            *text;
    sjl_cluster_t   *cluster;
    sjl_resource_t  *resource, *next;

    HASH_ITER(hh, sjl_clusters, resource, next) {
        cluster = sjl_container(resource, sjl_cluster_t, resource);

        if (cluster->library && strcmp(cluster->library, library) == 0) {
            text = sjl_format("cluster %s", resource->row.name);
            (void) json_array_append_new(names, json_string(text));
            free(text);
        }
    }
}
