
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_batch_draft.h"
#include "sjl_binary.h"
#include "sjl_config.h"
#include "sjl_outbound.h"
#include "sjl_setup.h"
#include "sjl_submitter.h"
#include "sjl_ticket.h"
#include "sjl_yarn.h"


#define SJL_BATCH_MASTER  "local[*]"    /* as contexts have it */


static int sjl_batch_draft_user(sjl_batch_draft_t *draft);
static void sjl_batch_draft_plan(sjl_batch_draft_t *draft);
static int sjl_batch_draft_setup(sjl_batch_draft_t *draft);
static int sjl_batch_draft_settings(sjl_batch_draft_t *draft,
    const sjl_cluster_t *cluster);
static int sjl_batch_draft_kerberos(sjl_batch_draft_t *draft,
    const sjl_cluster_t *cluster);
static int sjl_batch_draft_master(sjl_batch_draft_t *draft);
static void sjl_batch_draft_default(json_t *settings, const char *name,
    const char *value);
static int sjl_batch_draft_jvm(sjl_batch_draft_t *draft);
static int sjl_batch_draft_files(sjl_batch_draft_t *draft);
static int sjl_batch_draft_named(sjl_batch_draft_t *draft,
    sjl_batch_file_t *file);
static int sjl_batch_draft_absolute(sjl_batch_draft_t *draft,
    sjl_batch_file_t *file);
static int sjl_batch_draft_web(sjl_batch_draft_t *draft,
    sjl_batch_file_t *file);
static void sjl_batch_draft_add(sjl_batch_draft_t *draft, char *to, char *from,
    sjl_part_t *part);
static int sjl_batch_draft_unused(sjl_batch_draft_t *draft);
static const char *sjl_batch_draft_get(const sjl_batch_draft_t *draft,
    const char *name);


/* what a cluster says for good */

static const char *const  sjl_batch_fixed[] = {
    "spark.master", "spark.submit.deployMode", "spark.kerberos.principal",
    "spark.kerberos.keytab", "spark.yarn.principal", "spark.yarn.keytab"
};


/* names that contexts know, and Spark does not */

static const char *const  sjl_batch_aliases[][2] = {
    { "num-cpu-cores", "spark.cores.max" },
    { "memory-per-node", "spark.executor.memory" }
};


int
sjl_batch_draft_judge(sjl_batch_draft_t *draft)
{
    draft->want = sjl_batch_want_read(draft->text, draft->len, &draft->why);

    if (draft->want == NULL) {
        return SJL_ERROR;
    }

    if (sjl_batch_draft_user(draft) == SJL_ERROR) {
        return SJL_ERROR;
    }

    if (draft->want->name
        && sjl_batch_call(draft->batch, draft->want->name, draft->owner)
           == SJL_ERROR)
    {
        draft->why = sjl_format("Duplicate session name: %s",
                                draft->want->name);
        return SJL_ERROR;
    }

    if (sjl_batch_draft_setup(draft) == SJL_ERROR
        || sjl_batch_draft_files(draft) == SJL_ERROR)
    {
        return SJL_ERROR;
    }

    draft->readable = json_deep_copy(sjl_conf->outbound_files);
    sjl_batch_draft_plan(draft);

    return SJL_OK;
}


/* who may be whom is the module's to know */

static int
sjl_batch_draft_user(sjl_batch_draft_t *draft)
{
    char        **asked;
    const char   *user;

    asked = &draft->want->proxy_user;
    user = draft->batch->row.user;

    if (draft->proxy_user) {
        free(*asked);
        *asked = sjl_strdup(draft->proxy_user);

    } else if (*asked == NULL) {
        *asked = sjl_strdup(draft->proxy_default);

    } else if (!draft->anybody && strcmp(*asked, user) != 0) {
        draft->code = SJP_ERR_NOT_ALLOWED;
        draft->why = sjl_format("User '%s' not allowed to impersonate '%s'.",
                                user, *asked);
        return SJL_ERROR;
    }

    return SJL_OK;
}


/* what the process that waits has to know beside the command */

static void
sjl_batch_draft_plan(sjl_batch_draft_t *draft)
{
    json_t  *plan;

    plan = json_pack("{s:I, s:O, s:O}",
                     "log", (json_int_t) sjl_conf->batch_log * 1024 * 1024,
                     "hosts", draft->hosts, "rules", sjl_conf->outbound_hosts);
    draft->plan = sjl_json_text(plan);

    json_decref(plan);
}


static int
sjl_batch_draft_setup(sjl_batch_draft_t *draft)
{
    json_t         *asked;
    const char     *name;
    sjl_cluster_t  *cluster;

    asked = draft->want->settings;

    if (sjl_setup_known(asked, &draft->why) == SJL_ERROR
        || sjl_owner_choose(sjl_conf, asked, &draft->batch->owner, &draft->why)
           == SJL_ERROR)
    {
        return SJL_ERROR;
    }

    name = json_string_value(json_object_get(asked, SJL_SETUP_CLUSTER));

    if (name == NULL) {
        name = json_string_value(json_object_get(sjl_conf->context_settings,
                                                 SJL_SETUP_CLUSTER));
    }

    draft->cluster = sjl_strdup(name);
    cluster = name ? sjl_cluster_find(name) : NULL;

    if (name && cluster == NULL) {
        draft->why = sjl_format(SJL_SETUP_CLUSTER ": there is no cluster "
                                "\"%.300s\"", name);
        return SJL_ERROR;
    }

    name = json_string_value(json_object_get(asked, SJL_SETUP_LIBRARY));

    if (name == NULL && cluster) {
        name = cluster->library;
    }

    if (name == NULL) {
        name = json_string_value(json_object_get(sjl_conf->context_settings,
                                                 SJL_SETUP_LIBRARY));
    }

    draft->library = sjl_strdup(sjl_setup_library_name(name));

    if (sjl_library_find(draft->library) == NULL) {
        draft->why = sjl_format(SJL_SETUP_LIBRARY ": there is no library set "
                                "\"%.300s\"", draft->library);
        return SJL_ERROR;
    }

    if (sjl_batch_draft_settings(draft, cluster) == SJL_ERROR) {
        return SJL_ERROR;
    }

    return draft->deployed ? SJL_OK : sjl_batch_draft_jvm(draft);
}


static int
sjl_batch_draft_settings(sjl_batch_draft_t *draft,
    const sjl_cluster_t *cluster)
{
    size_t   i, j;
    json_t  *value, *layers[3];

    layers[0] = sjl_conf->context_settings;
    layers[1] = cluster ? (json_t *) (uintptr_t) cluster->settings : NULL;
    layers[2] = draft->want->settings;

    for (i = 0; cluster && i < sjl_nelts(sjl_batch_fixed); i++) {
        if (json_object_get(layers[2], sjl_batch_fixed[i])
            && (i < 2 || cluster->principal))
        {
            draft->why = sjl_format("conf: %s cannot be set: cluster %s says "
                                    "that", sjl_batch_fixed[i],
                                    cluster->resource.row.name);
            return SJL_ERROR;
        }
    }

    for (i = 0; i < sjl_nelts(layers); i++) {

        for (j = 0; j < sjl_nelts(sjl_batch_aliases) && layers[i]; j++) {
            value = json_object_get(layers[i], sjl_batch_aliases[j][0]);

            if (json_is_string(value)) {
                (void) json_object_set(draft->settings, sjl_batch_aliases[j][1],
                                       value);
            }
        }

        if (layers[i]) {
            sjl_submitter_layer(draft->settings, layers[i]);
        }
    }

    if (cluster) {
        (void) json_object_set_new(draft->settings, "spark.master",
                                   json_string(cluster->master));
        (void) json_object_set_new(draft->settings, "spark.submit.deployMode",
                                   json_string(cluster->deploys ? "cluster"
                                                                : "client"));
    }

    if (cluster && sjl_batch_draft_kerberos(draft, cluster) == SJL_ERROR) {
        return SJL_ERROR;
    }

    return sjl_batch_draft_master(draft);
}


/* SparkSubmit logs in itself, which it cannot as one and act for another */

static int
sjl_batch_draft_kerberos(sjl_batch_draft_t *draft,
    const sjl_cluster_t *cluster)
{
    if (!sjl_ticket_wanted(cluster)) {
        return SJL_OK;
    }

    if (draft->want->proxy_user) {
        draft->why = sjl_format("proxyUser: batches on cluster %s act for %s "
                                "alone", cluster->resource.row.name,
                                cluster->principal);
        return SJL_ERROR;
    }

    if (sjl_owner_is_other(&draft->batch->owner)) {
        draft->why = sjl_format("run-as: batches on cluster %s need its "
                                "keytab, which no other user can read",
                                cluster->resource.row.name);
        return SJL_ERROR;
    }

    (void) json_object_update_new(draft->settings,
        json_pack("{s:s, s:s}", "spark.kerberos.principal", cluster->principal,
                  "spark.kerberos.keytab", cluster->keytab));

    return SJL_OK;
}


static int
sjl_batch_draft_master(sjl_batch_draft_t *draft)
{
    char        *tags;
    const char  *mode, *master, *tag;

    sjl_batch_draft_default(draft->settings, "spark.master", SJL_BATCH_MASTER);
    sjl_batch_draft_default(draft->settings, "spark.ui.port", "0");
    sjl_batch_draft_default(draft->settings, "spark.ui.killEnabled", "false");

    master = sjl_batch_draft_get(draft, "spark.master");
    mode = sjl_batch_draft_get(draft, "spark.submit.deployMode");
    draft->deployed = mode && strcmp(mode, "cluster") == 0;

    if (draft->deployed && !sjl_yarn_is(master)) {
        draft->why = sjl_format("a batch runs its driver on this host or on "
                                "YARN: the master \"%.300s\" cannot be told "
                                "to start it", master);
        return SJL_ERROR;
    }

    /* Spark's ports are open to all users of this host */

    if (strncmp(master, "local", 5) == 0) {
        sjl_batch_draft_default(draft->settings, "spark.authenticate", "true");
    }

    if (sjl_yarn_is(master)) {
        tag = sjl_batch_draft_get(draft, "spark.yarn.tags");
        tags = sjl_format("%s%s" SJL_YARN_TAG "%s", tag ? tag : "",
                          tag ? "," : "", draft->batch->row.id);

        (void) json_object_update_new(draft->settings,
            json_pack("{s:s, s:s, s:s}", "spark.yarn.tags", tags,
                      "spark.yarn.maxAppAttempts", "1",
                      "spark.yarn.submit.waitAppCompletion", "true"));
        free(tags);
    }

    if (draft->want->name) {
        (void) json_object_set_new(draft->settings, "spark.app.name",
                                   json_string(draft->want->name));
    }

    return SJL_OK;
}


static void
sjl_batch_draft_default(json_t *settings, const char *name, const char *value)
{
    if (json_object_get(settings, name) == NULL) {
        (void) json_object_set_new(settings, name, json_string(value));
    }
}


/* what the JVM has to be started with, where SparkSubmit is the driver */

static int
sjl_batch_draft_jvm(sjl_batch_draft_t *draft)
{
    size_t       i;
    json_t      *words;
    const char  *value;

    static const char *const  lines[] = {
        "spark.driver.defaultJavaOptions", "spark.driver.extraJavaOptions"
    };

    for (i = 0; i < sjl_nelts(lines); i++) {
        value = sjl_batch_draft_get(draft, lines[i]);
        words = value ? sjl_batch_want_words(value) : NULL;

        if (value && words == NULL) {
            draft->why = sjl_format("conf: %s has a quote without an end",
                                    lines[i]);
            return SJL_ERROR;
        }

        (void) json_array_extend(draft->options, words);
        json_decref(words);
    }

    value = sjl_batch_draft_get(draft, "spark.driver.extraLibraryPath");

    if (value) {
        (void) json_array_append_new(draft->options,
            json_sprintf("-Djava.library.path=%s", value));
    }

    value = sjl_batch_draft_get(draft, "spark.driver.memory");

    if (value) {
        (void) json_array_append_new(draft->options,
                                     json_sprintf("-Xmx%s", value));
    }

    return SJL_OK;
}


static int
sjl_batch_draft_files(sjl_batch_draft_t *draft)
{
    int                rc;
    size_t             i;
    sjl_batch_file_t  *file;

    rc = SJL_OK;

    for (i = 0; i < draft->want->nfiles && rc == SJL_OK; i++) {
        file = &draft->want->files[i];

        if (file->source == SJL_BATCH_PATH) {
            rc = sjl_batch_draft_absolute(draft, file);
        }

        switch (rc == SJL_OK ? file->source : SJL_BATCH_LOCAL) {

        case SJL_BATCH_NAMED:
            rc = sjl_batch_draft_named(draft, file);
            break;

        case SJL_BATCH_WEB:
            rc = sjl_batch_draft_web(draft, file);
            break;

        case SJL_BATCH_REMOTE:
            file->path = sjl_strdup(file->text);
            break;

        default:
            break;
        }
    }

    return rc == SJL_OK ? sjl_batch_draft_unused(draft) : rc;
}


/* what came with the request goes ahead of what was uploaded before */

static int
sjl_batch_draft_named(sjl_batch_draft_t *draft, sjl_batch_file_t *file)
{
    char          *name, *from;
    size_t         len, n;
    sjl_part_t    *part;
    const char    *extension;
    sjl_binary_t  *binary;

    part = sjl_multipart_find(&draft->multipart, file->text);

    if (part) {
        name = sjl_format("/in/%s", file->text);
        file->path = sjl_path_context(draft->batch->row.id, name);
        free(name);
        sjl_batch_draft_add(draft, sjl_strdup(file->path), NULL, part);
        return SJL_OK;
    }

    binary = sjl_binary_find(file->text);

    if (binary == NULL || binary->damage || binary->deleting) {
        draft->why = sjl_format("There is no file \"%s\" in the request, and "
                                "%s binary of that name", file->text,
                                binary ? "no whole" : "no");
        return SJL_ERROR;
    }

    extension = sjl_files_extension(binary->row.type);
    len = strlen(file->text);
    n = strlen(extension);

    name = sjl_format("/in/%s%s", file->text,
                      len > n && strcmp(file->text + len - n, extension) == 0
                      ? "" : extension);
    from = sjl_path_binary(binary->row.sha256, binary->row.type);
    file->path = sjl_path_context(draft->batch->row.id, name);
    free(name);

    sjl_batch_draft_add(draft, sjl_strdup(file->path), from, NULL);

    return SJL_OK;
}


/* it is one of the cluster's file system, if that has one of its own */

static int
sjl_batch_draft_absolute(sjl_batch_draft_t *draft, sjl_batch_file_t *file)
{
    char           *fs, *text;
    sjl_cluster_t  *cluster;

    cluster = draft->cluster ? sjl_cluster_find(draft->cluster) : NULL;
    fs = sjl_yarn_default_fs(cluster, sjl_library_find(draft->library));

    if (fs && strncmp(fs, "file:", 5) != 0) {
        text = sjl_format("%s%s", fs, file->text);
        free(file->text);
        file->text = text;
        file->source = SJL_BATCH_REMOTE;

    } else {
        file->source = SJL_BATCH_LOCAL;
    }

    free(fs);

    return SJL_OK;
}


/* names are looked up by the process of the batch, which may take its time */

static int
sjl_batch_draft_web(sjl_batch_draft_t *draft, sjl_batch_file_t *file)
{
    char      *host, *text;
    unsigned   port;

    host = sjl_batch_want_host(file->text, &port);

    if (host == NULL) {
        draft->why = sjl_format("%.300s names no host", file->text);
        return SJL_ERROR;
    }

    text = strchr(host, ':') ? sjl_format("[%s]:%u", host, port)
                             : sjl_format("%s:%u", host, port);

    if (!sjl_outbound_may_text(sjl_conf->outbound_hosts, text)) {
        draft->why = sjl_format("%s is not allowed: it is an address of this "
                                "host or this network, and the launcher's "
                                "outbound.hosts does not list it", text);
        free(host);
        free(text);
        return SJL_ERROR;
    }

    (void) json_array_append_new(draft->hosts,
                                 json_pack("{s:s, s:I, s:s}", "host", host,
                                           "port", (json_int_t) port,
                                           "url", file->text));
    file->path = sjl_strdup(file->text);

    free(host);
    free(text);

    return SJL_OK;
}


/* one that is named twice is there once */

static void
sjl_batch_draft_add(sjl_batch_draft_t *draft, char *to, char *from,
    sjl_part_t *part)
{
    size_t              i;
    sjl_batch_place_t  *places;

    for (i = 0; i < draft->nplaces; i++) {
        if (strcmp(draft->places[i].to, to) == 0) {
            free(to);
            free(from);
            return;
        }
    }

    places = sjl_alloc((draft->nplaces + 1) * sizeof(sjl_batch_place_t));

    if (draft->nplaces) {
        memcpy(places, draft->places,
               draft->nplaces * sizeof(sjl_batch_place_t));
    }

    free(draft->places);
    draft->places = places;

    places += draft->nplaces++;
    places->to = to;
    places->from = from;
    places->part = part;
}


/* a file that nobody asked for is more likely a name that is not right */

static int
sjl_batch_draft_unused(sjl_batch_draft_t *draft)
{
    size_t       i, j;
    sjl_part_t  *part;

    for (i = 0; i < draft->multipart.n; i++) {
        part = &draft->multipart.parts[i];

        for (j = 0; j < draft->nplaces; j++) {
            if (draft->places[j].part == part) {
                break;
            }
        }

        if (j == draft->nplaces && strcmp(part->name, SJL_BATCH_REQUEST) != 0) {
            draft->why = sjl_format("The part \"%.300s\" is no file that the "
                                    "request names", part->name);
            sjl_text_clean(draft->why);
            return SJL_ERROR;
        }
    }

    return SJL_OK;
}


static const char *
sjl_batch_draft_get(const sjl_batch_draft_t *draft, const char *name)
{
    return json_string_value(json_object_get(draft->settings, name));
}


json_t *
sjl_batch_draft_spec(const sjl_batch_draft_t *draft)
{
    char              *properties;
    json_t            *words;
    sjl_batch_want_t  *want;

    want = draft->want;
    properties = sjl_batch_path(draft->batch, SJL_SUBMITTER_PROPERTIES);
    words = json_pack("[s, s]", "--properties-file", properties);
    free(properties);

    if (want->class) {
        (void) json_array_append_new(words, json_string("--class"));
        (void) json_array_append_new(words, json_string(want->class));
    }

    if (want->proxy_user) {
        (void) json_array_append_new(words, json_string("--proxy-user"));
        (void) json_array_append_new(words, json_string(want->proxy_user));
    }

    (void) json_array_append_new(words, json_string(want->files[0].path));
    (void) json_array_extend(words, want->args);

    return json_pack("{s:s*, s:s*, s:s, s:s, s:b, s:O, s:o}",
                     "request", draft->again ? draft->hash : NULL,
                     "cluster", draft->cluster, "library", draft->library,
                     "master", sjl_batch_draft_get(draft, "spark.master"),
                     "deployed", draft->deployed, "options", draft->options,
                     "words", words);
}


void
sjl_batch_draft_free(sjl_batch_draft_t *draft)
{
    size_t  i;

    for (i = 0; i < draft->nplaces; i++) {
        free(draft->places[i].to);
        free(draft->places[i].from);
    }

    sjl_multipart_clear(&draft->multipart);
    sjl_batch_want_free(draft->want);
    json_decref(draft->settings);
    json_decref(draft->options);
    json_decref(draft->hosts);
    json_decref(draft->readable);
    free(draft->places);
    free(draft->owner);
    free(draft->proxy_user);
    free(draft->proxy_default);
    free(draft->text);
    free(draft->cluster);
    free(draft->library);
    free(draft->plan);
    free(draft->why);
    free(draft);
}
