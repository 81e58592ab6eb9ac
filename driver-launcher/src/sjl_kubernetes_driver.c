
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Drivers that are pods of Kubernetes: submitted by Spark's own SparkSubmit,
 * asked for and killed by the API server.
 *
 * What a driver is told goes by a secret of Kubernetes, which is made before
 * the pod and mounted in it: pods, config maps and environments can be read by
 * many who may not read secrets.  It goes away with the driver.
 */


#include "sjl_kubernetes.h"
#include "sjl_context.h"
#include "sjl_submitter.h"


/* where the secret lies in the pod, and its only file */
#define SJL_KUBERNETES_MOUNT    "/var/run/sparkjob"
#define SJL_KUBERNETES_FILE     "start"


static void sjl_kubernetes_submit(sjl_remote_t *r,
    const sjl_remote_start_t *start);
static void sjl_kubernetes_settings(json_t *settings, const sjl_remote_t *r,
    const sjl_library_t *library);
static const char *sjl_kubernetes_name(const sjl_remote_t *r);
static void sjl_kubernetes_keep(sjl_remote_t *r, const char *text);
static void sjl_kubernetes_kept(void *data, long status, const char *why,
    json_t *answer);
static void sjl_kubernetes_submitted(sjl_remote_t *r, int status,
    const char *said, const char *why);
static void sjl_kubernetes_status(sjl_remote_t *r);
static void sjl_kubernetes_stated(void *data, long status, const char *why,
    json_t *answer);
static char *sjl_kubernetes_stuck(const json_t *pod);
static char *sjl_kubernetes_over(const json_t *pod);
static void sjl_kubernetes_kill(sjl_remote_t *r);
static void sjl_kubernetes_killed(void *data, long status, const char *why,
    json_t *answer);
static void sjl_kubernetes_remove(const sjl_remote_t *r, const char *kind);
static void sjl_kubernetes_removed(void *data, long status, const char *why,
    json_t *answer);
static void sjl_kubernetes_forget(sjl_remote_t *r);


static size_t  sjl_kubernetes_removals;


const sjl_remote_kind_t  sjl_remote_kubernetes = {
    "kubernetes", SJL_KUBERNETES_SCHEME,
    sjl_kubernetes_rest, sjl_kubernetes_submit, sjl_kubernetes_status,
    NULL, sjl_kubernetes_kill, sjl_kubernetes_forget
};


/* of all settings those of which the pod is made; they stand in a config map */

static const char *const  sjl_kubernetes_shown[] = {
    "spark.kubernetes.", "spark.driver.", "spark.kerberos.", "spark.master",
    "spark.submit.deployMode", "spark.app.name"
};


/* what a container waits for that is not going to come by itself */

static const char *const  sjl_kubernetes_hopeless[] = {
    "ErrImagePull", "ImagePullBackOff", "InvalidImageName",
    "ErrImageNeverPull", "CreateContainerConfigError", "CreateContainerError"
};


/*
 * The id, "<namespace>:<pod>", is ours to choose, and the row has it before
 * anything is there that somebody would have to find again.  Each driver of a
 * context has its own.
 */

static void
sjl_kubernetes_submit(sjl_remote_t *r, const sjl_remote_start_t *start)
{
    char                 *path, *jar;
    json_t               *settings;
    const sjl_context_t  *ctx;

    ctx = r->driver->context;

    free(r->id);
    r->id = sjl_format("%s:sparkjob-%s-%lld",
                       sjl_kubernetes_space(ctx->settings, start->cluster),
                       ctx->row.id, (long long) ctx->row.generation);
    sjl_driver_note(r->driver);

    settings = sjl_submitter_settings(r, start);
    sjl_kubernetes_settings(settings, r, start->library);

    path = sjl_remote_jar(start->library);
    jar = sjl_format("local://%s", path);

    r->data = sjl_submitter_make(r, start, settings, jar,
                                 SJL_KUBERNETES_MOUNT "/" SJL_KUBERNETES_FILE,
                                 NULL);
    sjl_kubernetes_keep(r, start->text);

    json_decref(settings);
    free(path);
    free(jar);
}


/* what everybody may know; all else the driver gets over its link */

static void
sjl_kubernetes_settings(json_t *settings, const sjl_remote_t *r,
    const sjl_library_t *library)
{
    char        *path, *mount, *space;
    void        *next;
    size_t       i;
    json_t      *value;
    const char  *setting, *name;

    json_object_foreach_safe(settings, next, setting, value) {

        for (i = 0; i < sjl_nelts(sjl_kubernetes_shown)
                    && strncmp(setting, sjl_kubernetes_shown[i],
                               strlen(sjl_kubernetes_shown[i])) != 0;
             i++)
        {
            /* void */
        }

        if (i == sjl_nelts(sjl_kubernetes_shown)) {
            (void) json_object_del(settings, setting);
        }
    }

    name = sjl_kubernetes_name(r);
    space = sjl_format("%.*s", (int) strcspn(r->id, ":"), r->id);
    path = sjl_remote_path(library);
    mount = sjl_format("spark.kubernetes.driver.secrets.%s", name);

    (void) json_object_update_new(settings,
        json_pack("{s:s, s:s, s:s, s:s, s:s}",
                  "spark.kubernetes.namespace", space,
                  "spark.kubernetes.driver.pod.name", name,
                  "spark.kubernetes.submission.waitAppCompletion", "false",
                  mount, SJL_KUBERNETES_MOUNT,
                  "spark.driver.extraClassPath", path));
    free(path);
    free(mount);
    free(space);
}


/* of the pod, and of its secret */

static const char *
sjl_kubernetes_name(const sjl_remote_t *r)
{
    return r->id + strcspn(r->id, ":") + (strchr(r->id, ':') != NULL);
}


static void
sjl_kubernetes_keep(sjl_remote_t *r, const char *text)
{
    char    *body;
    json_t  *secret;

    secret = json_pack("{s:s, s:s, s:s, s:{s:s, s:{s:s, s:s}}, s:{s:s}}",
                       "apiVersion", "v1", "kind", "Secret", "type", "Opaque",
                       "metadata", "name", sjl_kubernetes_name(r), "labels",
                       "app.kubernetes.io/managed-by", "sparkjob",
                       "sparkjob-context", r->driver->id,
                       "stringData", SJL_KUBERNETES_FILE, text);
    body = sjl_json_text(secret);
    json_decref(secret);

    r->http = sjl_kubernetes_ask(r, "POST", "secrets", NULL, body,
                                 sjl_kubernetes_kept, r);
    sjl_free_secret(body);
}


static void
sjl_kubernetes_kept(void *data, long status, const char *why, json_t *answer)
{
    char          *wrong;
    sjl_remote_t  *r;

    r = data;
    r->http = NULL;

    wrong = sjl_kubernetes_wrong(status, why, answer);

    if (wrong) {
        sjl_remote_submitted(r, NULL, wrong);
        free(wrong);
        return;
    }

    sjl_submitter_run(r->data, sjl_kubernetes_submitted);
}


static void
sjl_kubernetes_submitted(sjl_remote_t *r, int status, const char *said,
    const char *why)
{
    (void) said;

    sjl_submitter_free(r->data);
    r->data = NULL;

    if (status != 0 && r->driver->conn == NULL) {

        /* its pod may be there; one whose driver has come goes on */

        sjl_kubernetes_remove(r, "pods");
    }

    sjl_remote_submitted(r, status == 0 ? r->id : NULL, why);
}


static void
sjl_kubernetes_status(sjl_remote_t *r)
{
    r->http = sjl_kubernetes_ask(r, "GET", "pods", sjl_kubernetes_name(r), NULL,
                                 sjl_kubernetes_stated, r);
}


static void
sjl_kubernetes_stated(void *data, long status, const char *why,
    json_t *answer)
{
    char          *words;
    sjl_remote_t  *r;

    r = data;
    r->http = NULL;

    if (status == 404) {
        sjl_remote_stated(r, SJL_REMOTE_NONE, "its pod is gone");
        return;
    }

    words = sjl_kubernetes_wrong(status, why, answer);

    if (words) {
        sjl_remote_stated(r, SJL_REMOTE_SILENT, words);
        free(words);
        return;
    }

    words = sjl_kubernetes_stuck(answer);

    if (words) {

        /* it would go on trying for ever */

        sjl_kubernetes_remove(r, "pods");

    } else {
        words = sjl_kubernetes_over(answer);
    }

    sjl_remote_stated(r, words ? SJL_REMOTE_OVER : SJL_REMOTE_ALIVE,
                      words ? words : "alive");
    free(words);
}


static char *
sjl_kubernetes_stuck(const json_t *pod)
{
    size_t       i, n;
    json_t      *status, *container, *waiting;
    const char  *reason, *message;

    status = json_object_get(pod, "status");

    json_array_foreach(json_object_get(status, "containerStatuses"), i,
                       container)
    {
        waiting = json_object_get(json_object_get(container, "state"),
                                  "waiting");
        reason = sjl_kubernetes_text(waiting, "reason");
        message = sjl_kubernetes_text(waiting, "message");

        for (n = 0; reason && n < sjl_nelts(sjl_kubernetes_hopeless); n++) {

            if (strcmp(reason, sjl_kubernetes_hopeless[n]) == 0) {
                return sjl_format("%s, %s", reason,
                                  message ? message : "without a word");
            }
        }
    }

    return NULL;
}


static char *
sjl_kubernetes_over(const json_t *pod)
{
    json_t      *status;
    const char  *phase, *reason, *message;

    status = json_object_get(pod, "status");
    phase = sjl_kubernetes_text(status, "phase");

    if (phase == NULL || (strcmp(phase, "Failed") != 0
                          && strcmp(phase, "Succeeded") != 0))
    {
        return NULL;
    }

    message = sjl_kubernetes_text(status, "message");
    reason = sjl_kubernetes_text(status, "reason");

    return sjl_format("%s%s%s%s%s", phase, reason ? ", " : "",
                      reason ? reason : "", message ? ", " : "",
                      message ? message : "");
}


static void
sjl_kubernetes_kill(sjl_remote_t *r)
{
    r->http = sjl_kubernetes_ask(r, "DELETE", "pods", sjl_kubernetes_name(r),
                                 NULL, sjl_kubernetes_killed, r);
}


/* one that is gone already is no failure: its state is asked next */

static void
sjl_kubernetes_killed(void *data, long status, const char *why,
    json_t *answer)
{
    char          *wrong;
    sjl_remote_t  *r;

    r = data;
    r->http = NULL;

    wrong = status == 404 ? NULL : sjl_kubernetes_wrong(status, why, answer);
    sjl_remote_killed(r, wrong);
    free(wrong);
}


/* no driver waits for the answer: it may come when that is forgotten */

static void
sjl_kubernetes_remove(const sjl_remote_t *r, const char *kind)
{
    sjl_kubernetes_removals++;

    (void) sjl_kubernetes_ask(r, "DELETE", kind, sjl_kubernetes_name(r), NULL,
                              sjl_kubernetes_removed, NULL);
}


static void
sjl_kubernetes_removed(void *data, long status, const char *why,
    json_t *answer)
{
    char  *wrong;

    (void) data;

    sjl_kubernetes_removals--;

    wrong = status == 404 ? NULL : sjl_kubernetes_wrong(status, why, answer);

    if (wrong) {
        sjl_log(SJL_LOG_ERR, "a driver's secret, or its pod, stays in "
                "Kubernetes: %s", wrong);
    }

    free(wrong);
}


static void
sjl_kubernetes_forget(sjl_remote_t *r)
{
    sjl_submitter_free(r->data);
    r->data = NULL;

    if (r->id) {
        sjl_kubernetes_remove(r, "secrets");
    }
}


size_t
sjl_kubernetes_removing(void)
{
    return sjl_kubernetes_removals;
}
