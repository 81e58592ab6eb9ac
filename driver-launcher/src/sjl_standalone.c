
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Spark's own cluster manager: drivers are submitted by the REST server of its
 * master (spark.master.rest.enabled), as spark-submit does it.
 */


#include "sjl_remote.h"
#include "sjl_context.h"


#define SJL_STANDALONE_SCHEME   "spark://"
#define SJL_STANDALONE_PORT     "6066"
#define SJL_STANDALONE_TIMEOUT  30      /* seconds for an answer */

/* by the environment of the submission: no page and no list shows it */
#define SJL_STANDALONE_START    "SPARKJOB_START"


static char *sjl_standalone_rest(const char *master, const json_t *settings,
    const sjl_cluster_t *cluster, const sjl_library_t *library, char **why);
static void sjl_standalone_submit(sjl_remote_t *r,
    const sjl_remote_start_t *start);
static json_t *sjl_standalone_request(const sjl_remote_t *r,
    const sjl_remote_start_t *start);
static json_t *sjl_standalone_environment(const sjl_remote_start_t *start);
static json_t *sjl_standalone_properties(const sjl_remote_t *r,
    const sjl_remote_start_t *start);
static void sjl_standalone_submitted(void *data, long status, const char *why,
    json_t *answer);
static const char *sjl_standalone_wrong(long status, const char *why,
    const json_t *answer);
static void sjl_standalone_ask(sjl_remote_t *r, const char *method,
    const char *action, const char *body, sjl_http_answer_pt done);
static void sjl_standalone_status(sjl_remote_t *r);
static void sjl_standalone_stated(void *data, long status, const char *why,
    json_t *answer);
static void sjl_standalone_kill(sjl_remote_t *r);
static void sjl_standalone_killed(void *data, long status, const char *why,
    json_t *answer);


const sjl_remote_kind_t  sjl_remote_standalone = {
    "standalone", SJL_STANDALONE_SCHEME,
    sjl_standalone_rest, sjl_standalone_submit, sjl_standalone_status,
    NULL, sjl_standalone_kill, NULL
};


/* what the master says of a driver that does not run, nor is going to */

static const char *const  sjl_standalone_over[] = {
    "FINISHED", "KILLED", "FAILED", "ERROR"
};


/* the first of several masters; spark.master.rest.port is Spark's own name */

static char *
sjl_standalone_rest(const char *master, const json_t *settings,
    const sjl_cluster_t *cluster, const sjl_library_t *library, char **why)
{
    char        *host, *rest;
    const char  *port;

    (void) library;
    (void) why;

    if (cluster && cluster->rest) {
        return sjl_strdup(cluster->rest);
    }

    port = sjl_remote_setting(settings, cluster, "spark.master.rest.port");
    port = port ? port : SJL_STANDALONE_PORT;
    host = sjl_cluster_host(master);

    if (host == NULL || *port == '\0'
        || port[strspn(port, "0123456789")] != '\0')
    {
        free(host);
        return NULL;
    }

    rest = sjl_format("http://%s:%s", host, port);
    free(host);

    return rest;
}


static void
sjl_standalone_submit(sjl_remote_t *r, const sjl_remote_start_t *start)
{
    char    *body;
    json_t  *request;

    request = sjl_standalone_request(r, start);
    body = sjl_json_text(request);
    json_decref(request);

    sjl_standalone_ask(r, "POST", "create", body, sjl_standalone_submitted);

    sjl_free_secret(body);
}


static json_t *
sjl_standalone_request(const sjl_remote_t *r, const sjl_remote_start_t *start)
{
    char    *path, *jar;
    json_t  *request;

    path = sjl_remote_jar(start->library);
    jar = sjl_format("file:%s", path);

    request = json_pack("{s:s, s:s, s:s, s:s, s:[], s:o, s:o}",
                        "action", "CreateSubmissionRequest",
                        "clientSparkVersion", "sparkjob " SJL_VERSION,
                        "appResource", jar,
                        "mainClass", "sparkjob.driver.Main", "appArgs",
                        "environmentVariables",
                        sjl_standalone_environment(start),
                        "sparkProperties",
                        sjl_standalone_properties(r, start));
    free(path);
    free(jar);

    return request;
}


static json_t *
sjl_standalone_environment(const sjl_remote_start_t *start)
{
    json_t  *environment;

    environment = start->library->environment
                  ? json_deep_copy(start->library->environment)
                  : json_object();

    /* where Spark lies, and which address is the host's, the worker knows */

    (void) json_object_del(environment, "SPARK_HOME");
    (void) json_object_del(environment, "SPARK_LOCAL_IP");
    (void) json_object_del(environment, "SPARK_LOCAL_HOSTNAME");

    (void) json_object_set_new(environment, SJL_STANDALONE_START,
                               json_string(start->text));

    return environment;
}


/*
 * They stand in the driver's command line, so only what its JVM needs goes this
 * way: all else goes over the link.  It is us who start a driver again.
 */

static json_t *
sjl_standalone_properties(const sjl_remote_t *r,
    const sjl_remote_start_t *start)
{
    char    *path, *words;
    json_t  *properties, *all;

    all = json_copy(start->options);
    path = sjl_remote_path(start->library);

    properties = json_pack("{s:s, s:s, s:s, s:s, s:s}",
                           "spark.master", r->master,
                           "spark.app.name", r->driver->context->row.name,
                           "spark.submit.deployMode", "cluster",
                           "spark.driver.supervise", "false",
                           "spark.driver.extraClassPath", path);

    sjl_remote_memory(properties, all);

    words = sjl_remote_words(all);
    (void) json_object_set_new(properties, "spark.driver.extraJavaOptions",
                               json_string(words));

    json_decref(all);
    free(path);
    free(words);

    return properties;
}


static void
sjl_standalone_ask(sjl_remote_t *r, const char *method, const char *action,
    const char *body, sjl_http_answer_pt done)
{
    char  *url;

    url = r->id && body == NULL
          ? sjl_format("%s/v1/submissions/%s/%s", r->rest, action, r->id)
          : sjl_format("%s/v1/submissions/%s", r->rest, action);

    r->http = sjl_http_ask(method, url, body, SJL_STANDALONE_TIMEOUT, done, r);
    free(url);
}


static void
sjl_standalone_submitted(void *data, long status, const char *why,
    json_t *answer)
{
    const char    *id;
    sjl_remote_t  *r;

    r = data;
    r->http = NULL;

    why = sjl_standalone_wrong(status, why, answer);
    id = json_string_value(json_object_get(answer, "submissionId"));

    sjl_remote_submitted(r, why ? NULL : id, why ? why
                         : "it has not told the driver's id");
}


/* NULL: it was done */

static const char *
sjl_standalone_wrong(long status, const char *why, const json_t *answer)
{
    const char  *message;

    if (status == 0) {
        return why;
    }

    if (json_is_true(json_object_get(answer, "success"))) {
        return NULL;
    }

    message = json_string_value(json_object_get(answer, "message"));

    return message ? message : "its answer is none of a master's REST server";
}


static void
sjl_standalone_status(sjl_remote_t *r)
{
    sjl_standalone_ask(r, "GET", "status", NULL, sjl_standalone_stated);
}


static void
sjl_standalone_stated(void *data, long status, const char *why,
    json_t *answer)
{
    char          *words;
    size_t         i;
    const char    *name, *message;
    sjl_remote_t  *r;

    r = data;
    r->http = NULL;

    name = json_string_value(json_object_get(answer, "driverState"));
    message = json_string_value(json_object_get(answer, "message"));

    if (status == 0 || !json_is_object(answer)
        || json_string_value(json_object_get(answer, "action")) == NULL)
    {
        sjl_remote_stated(r, SJL_REMOTE_SILENT, status == 0 ? why
                          : "its answer is none of a master's REST server");
        return;
    }

    /* a master that was started anew without its files knows no driver */

    if (name == NULL) {
        sjl_remote_stated(r, json_object_get(answer, "success")
                          ? SJL_REMOTE_OVER : SJL_REMOTE_SILENT,
                          message ? message : "it knows none of that id");
        return;
    }

    for (i = 0; i < sjl_nelts(sjl_standalone_over); i++) {

        if (strcmp(name, sjl_standalone_over[i]) == 0) {
            words = sjl_format("%s%s%s", name, message ? ", " : "",
                               message ? message : "");
            sjl_remote_stated(r, SJL_REMOTE_OVER, words);
            free(words);
            return;
        }
    }

    sjl_remote_stated(r, SJL_REMOTE_ALIVE, name);
}


static void
sjl_standalone_kill(sjl_remote_t *r)
{
    sjl_standalone_ask(r, "POST", "kill", NULL, sjl_standalone_killed);
}


/* one that has ended already is no failure: its state is asked next */

static void
sjl_standalone_killed(void *data, long status, const char *why,
    json_t *answer)
{
    sjl_remote_t  *r;

    r = data;
    r->http = NULL;

    sjl_remote_killed(r, json_is_object(answer) ? NULL
                      : sjl_standalone_wrong(status, why, answer));
}
