
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Drivers that YARN starts, as its application masters: submitted by Spark's
 * own SparkSubmit, a child of ours whose output goes to the driver's log, and
 * asked for and killed by the ResourceManager's REST.  What the driver has to
 * be told is a file of its context's folder that goes along with the
 * application's files, which its own user can read; neither pages nor command
 * lines show it.
 */


#include "sjl_submitter.h"
#include "sjl_context.h"
#include "sjl_files.h"
#include "sjl_yarn.h"


#define SJL_YARN_TIMEOUT    10          /* seconds for an answer */
#define SJL_YARN_OWN        "/sparkjob-driver_"
#define SJL_YARN_APP        "__app__.jar"
#define SJL_YARN_SUBMITTED  "Submitted application "


static char *sjl_yarn_driver_rest(const char *master, const json_t *settings,
    const sjl_cluster_t *cluster, const sjl_library_t *library, char **why);
static void sjl_yarn_driver_submit(sjl_remote_t *r,
    const sjl_remote_start_t *start);
static void sjl_yarn_driver_settings(json_t *settings, const sjl_remote_t *r);
static char *sjl_yarn_driver_jars(json_t *settings, const sjl_remote_t *r,
    const sjl_remote_start_t *start);
static void sjl_yarn_driver_submitted(sjl_remote_t *r, int status,
    const char *said, const char *why);
static char *sjl_yarn_driver_id(const char *said);
static void sjl_yarn_driver_forget(sjl_remote_t *r);
static void sjl_yarn_driver_status(sjl_remote_t *r);
static void sjl_yarn_driver_stated(void *data, long status, const char *why,
    json_t *answer);
static void sjl_yarn_driver_find(sjl_remote_t *r);
static void sjl_yarn_driver_found(void *data, long status, const char *why,
    json_t *answer);
static void sjl_yarn_driver_kill(sjl_remote_t *r);
static void sjl_yarn_driver_killed(void *data, long status, const char *why,
    json_t *answer);
static void sjl_yarn_driver_ended(void *data, json_t *report, int usable);


const sjl_remote_kind_t  sjl_remote_yarn = {
    "yarn", "yarn",
    sjl_yarn_driver_rest, sjl_yarn_driver_submit, sjl_yarn_driver_status,
    sjl_yarn_driver_find, sjl_yarn_driver_kill, sjl_yarn_driver_forget
};


static const char *const  sjl_yarn_over[] = {
    "FINISHED", "FAILED", "KILLED"
};


static char *
sjl_yarn_driver_rest(const char *master, const json_t *settings,
    const sjl_cluster_t *cluster, const sjl_library_t *library, char **why)
{
    (void) settings;

    return sjl_yarn_is(master) ? sjl_yarn_rest_of(cluster, library, why)
                               : NULL;
}


static void
sjl_yarn_driver_submit(sjl_remote_t *r, const sjl_remote_start_t *start)
{
    char             *jar;
    json_t           *settings;
    sjl_submitter_t  *s;

    settings = sjl_submitter_settings(r, start);
    sjl_yarn_driver_settings(settings, r);
    jar = sjl_yarn_driver_jars(settings, r, start);

    s = sjl_submitter_make(r, start, settings, jar, SJL_SUBMITTER_START,
                           start->text);
    r->data = s;

    sjl_submitter_run(s, sjl_yarn_driver_submitted);

    json_decref(settings);
    free(jar);
}


/* it is us who start a driver again */

static void
sjl_yarn_driver_settings(json_t *settings, const sjl_remote_t *r)
{
    char        *tags;
    const char  *tag;

    tag = json_string_value(json_object_get(settings, "spark.yarn.tags"));
    tags = sjl_format("%s%s" SJL_YARN_TAG "%s", tag ? tag : "", tag ? "," : "",
                      r->driver->context->row.id);

    (void) json_object_update_new(settings,
        json_pack("{s:s, s:s, s:s}",
                  "spark.yarn.tags", tags,
                  "spark.yarn.maxAppAttempts", "1",
                  "spark.yarn.submit.waitAppCompletion", "false"));
    free(tags);
}


/*
 * Nothing of ours lies on the hosts of the cluster, so all jars that are not
 * Spark's go along, with what the driver has to be told.  Returns the driver's
 * own, to be freed.
 */

static char *
sjl_yarn_driver_jars(json_t *settings, const sjl_remote_t *r,
    const sjl_remote_start_t *start)
{
    char        *path, *jar, *main, *files, *names, *longer, *spark, *save;
    size_t       n;
    const char  *own, *name;

    path = sjl_path_context(r->driver->id, "/" SJL_SUBMITTER_START);
    files = sjl_format("file:%s", path);
    free(path);

    own = json_string_value(json_object_get(settings, "spark.yarn.dist.files"));

    if (own) {
        longer = sjl_format("%s,%s", files, own);
        free(files);
        files = longer;
    }

    main = NULL;
    names = sjl_strdup("");
    spark = sjl_format("%s/jars/", start->library->spark_home);
    n = strlen(spark);
    path = sjl_library_class_path(start->library);

    for (jar = path ? strtok_r(path, ":", &save) : NULL;
         jar;
         jar = strtok_r(NULL, ":", &save))
    {
        if (strncmp(jar, spark, n) == 0) {
            continue;
        }

        /* the application's own jar goes along under that name */

        if (main == NULL && strstr(jar, SJL_YARN_OWN)) {
            name = SJL_YARN_APP;
            main = sjl_strdup(jar);

        } else {
            name = strrchr(jar, '/');
            name = name ? name + 1 : jar;
            longer = sjl_format("%s,file:%s", files, jar);
            free(files);
            files = longer;
        }

        longer = sjl_format("%s%s%s", names, *names ? ":" : "", name);
        free(names);
        names = longer;
    }

    own = json_string_value(json_object_get(settings,
                                            "spark.driver.extraClassPath"));

    if (own) {
        longer = sjl_format("%s:%s", names, own);
        free(names);
        names = longer;
    }

    (void) json_object_set_new(settings, "spark.yarn.dist.files",
                               json_string(files));
    (void) json_object_set_new(settings, "spark.driver.extraClassPath",
                               json_string(names));

    free(path);
    free(spark);
    free(files);
    free(names);

    return main ? main : sjl_strdup("");
}


/* an application that it has said is there, however it has ended itself */

static void
sjl_yarn_driver_submitted(sjl_remote_t *r, int status, const char *said,
    const char *why)
{
    char  *id;

    (void) status;

    id = sjl_yarn_driver_id(said);

    sjl_yarn_driver_forget(r);
    sjl_remote_submitted(r, id, why);
    free(id);
}


static char *
sjl_yarn_driver_id(const char *said)
{
    size_t       n;
    const char  *id;

    id = strstr(said, SJL_YARN_SUBMITTED);

    if (id == NULL) {
        return NULL;
    }

    id += sizeof(SJL_YARN_SUBMITTED) - 1;
    n = strspn(id, "aplictons_0123456789");

    return strncmp(id, "application_", 12) == 0 ? sjl_memdup(id, n) : NULL;
}


static void
sjl_yarn_driver_forget(sjl_remote_t *r)
{
    sjl_submitter_free(r->data);
    r->data = NULL;
}


static void
sjl_yarn_driver_status(sjl_remote_t *r)
{
    char  *url;

    url = sjl_yarn_url(r->rest, "apps/%s", r->id);
    r->http = sjl_http_ask("GET", url, NULL, SJL_YARN_TIMEOUT,
                           sjl_yarn_driver_stated, r);
    free(url);
}


static void
sjl_yarn_driver_stated(void *data, long status, const char *why,
    json_t *answer)
{
    char          *words;
    size_t         i;
    json_t        *app;
    const char    *state, *diagnostics;
    sjl_remote_t  *r;

    r = data;
    r->http = NULL;

    app = json_object_get(answer, "app");
    state = json_string_value(json_object_get(app, "state"));
    diagnostics = json_string_value(json_object_get(app, "diagnostics"));

    if (status == 404) {
        sjl_remote_stated(r, SJL_REMOTE_NONE, "it knows none of that id");
        return;
    }

    if (status != 200 || state == NULL) {
        sjl_yarn_rotate(r->rest);
        sjl_remote_stated(r, SJL_REMOTE_SILENT, status == 0 ? why
                          : "its answer is none of a ResourceManager");
        return;
    }

    for (i = 0; i < sjl_nelts(sjl_yarn_over); i++) {

        if (strcmp(state, sjl_yarn_over[i]) == 0) {
            words = sjl_format("%s%s%s", state, diagnostics && *diagnostics
                               ? ", " : "", diagnostics ? diagnostics : "");
            sjl_remote_stated(r, SJL_REMOTE_OVER, words);
            free(words);
            return;
        }
    }

    sjl_remote_stated(r, SJL_REMOTE_ALIVE, state);
}


/* one of an earlier generation is looked for by its own row */

static void
sjl_yarn_driver_find(sjl_remote_t *r)
{
    char  *url;

    url = sjl_yarn_url(r->rest, "apps?applicationTags=" SJL_YARN_TAG
                       "%s&states=" SJL_YARN_ALIVE, r->driver->id);
    r->http = sjl_http_ask("GET", url, NULL, SJL_YARN_TIMEOUT,
                           sjl_yarn_driver_found, r);
    free(url);
}


static void
sjl_yarn_driver_found(void *data, long status, const char *why,
    json_t *answer)
{
    size_t         i;
    json_t        *app;
    const char    *id, *last;
    sjl_remote_t  *r;

    r = data;
    r->http = NULL;

    if (status != 200 || !json_is_object(answer)) {
        sjl_yarn_rotate(r->rest);
        sjl_remote_found(r, NULL, status == 0 ? why
                         : "its answer is none of a ResourceManager");
        return;
    }

    last = NULL;

    json_array_foreach(json_object_get(json_object_get(answer, "apps"), "app"),
                       i, app)
    {
        id = json_string_value(json_object_get(app, "id"));
        last = id && (last == NULL || strcmp(id, last) > 0) ? id : last;
    }

    sjl_remote_found(r, last, NULL);
}


static void
sjl_yarn_driver_kill(sjl_remote_t *r)
{
    char  *url;

    r->errand = sjl_yarn_kill(r->cluster, r->driver->id, r->id,
                              sjl_yarn_driver_ended, r);

    if (r->errand) {
        return;
    }

    url = sjl_yarn_url(r->rest, "apps/%s/state", r->id);
    r->http = sjl_http_ask("PUT", url, "{\"state\":\"KILLED\"}",
                           SJL_YARN_TIMEOUT, sjl_yarn_driver_killed, r);
    free(url);
}


/* one that has ended already is no failure: its state is asked next */

static void
sjl_yarn_driver_killed(void *data, long status, const char *why,
    json_t *answer)
{
    sjl_remote_t  *r;

    (void) answer;

    r = data;
    r->http = NULL;

    sjl_remote_killed(r, status == 0 ? why
                      : status == 401 || status == 403
                        ? "it does not let us" : NULL);
}


/* it has waited for the end, of which a REST may not tell us */

static void
sjl_yarn_driver_ended(void *data, json_t *report, int usable)
{
    const char    *state;
    sjl_remote_t  *r;

    r = data;
    r->errand = NULL;

    state = json_string_value(json_object_get(report, "state"));

    if (usable && state) {
        SPARKJOB_FAULT("remote.killed");
        sjl_remote_stated(r, SJL_REMOTE_OVER, state);
        return;
    }

    state = json_string_value(json_object_get(report, "message"));
    sjl_remote_killed(r, state ? state : "it does not say what became of it");
}
