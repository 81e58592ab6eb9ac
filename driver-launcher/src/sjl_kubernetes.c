
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
 *
 * Where the API server is, and by which right it is asked, the configuration or
 * a cluster says.  A request that could say so might have our token sent
 * elsewhere.
 */


#include "sjl_submitter.h"
#include "sjl_context.h"

#include <fcntl.h>


#define SJL_KUBERNETES_SCHEME   "k8s://"
#define SJL_KUBERNETES_TIMEOUT  10      /* seconds for an answer */
#define SJL_KUBERNETES_TOKEN    65536   /* bytes at most */
#define SJL_KUBERNETES_SPACE    63

#define SJL_KUBERNETES_RIGHT    "spark.kubernetes.authenticate.submission."

/* where the secret lies in the pod, and its only file */
#define SJL_KUBERNETES_MOUNT    "/var/run/sparkjob"
#define SJL_KUBERNETES_FILE     "start"


static char *sjl_kubernetes_rest(const char *master, const json_t *settings,
    const sjl_cluster_t *cluster, const sjl_library_t *library, char **why);
static char *sjl_kubernetes_check(const json_t *settings,
    const sjl_cluster_t *cluster);
static int sjl_kubernetes_is_right(const char *name);
static const char *sjl_kubernetes_space(const json_t *settings,
    const sjl_cluster_t *cluster);
static void sjl_kubernetes_submit(sjl_remote_t *r,
    const sjl_remote_start_t *start);
static void sjl_kubernetes_settings(json_t *settings, const sjl_remote_t *r,
    const sjl_library_t *library);
static const char *sjl_kubernetes_name(const sjl_remote_t *r);
static void sjl_kubernetes_keep(sjl_remote_t *r, const char *text);
static sjl_http_t *sjl_kubernetes_ask(const sjl_remote_t *r,
    const char *method, const char *kind, const char *name, const char *body,
    sjl_http_answer_pt done, void *data);
static char *sjl_kubernetes_token(const char *path);
static void sjl_kubernetes_kept(void *data, long status, const char *why,
    json_t *answer);
static void sjl_kubernetes_submitted(sjl_remote_t *r, int status,
    const char *said, const char *why);
static char *sjl_kubernetes_wrong(long status, const char *why,
    const json_t *answer);
static void sjl_kubernetes_status(sjl_remote_t *r);
static void sjl_kubernetes_stated(void *data, long status, const char *why,
    json_t *answer);
static char *sjl_kubernetes_stuck(const json_t *pod);
static char *sjl_kubernetes_over(const json_t *pod);
static const char *sjl_kubernetes_text(const json_t *object, const char *name);
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
    sjl_kubernetes_kill, sjl_kubernetes_forget
};


/* of all settings those of which the pod is made; they stand in a config map */

static const char *const  sjl_kubernetes_shown[] = {
    "spark.kubernetes.", "spark.driver.", "spark.kerberos.", "spark.master",
    "spark.submit.deployMode", "spark.app.name"
};


/* what says where the API server is, and by which right it is asked */

static const char *const  sjl_kubernetes_rights[] = {
    SJL_KUBERNETES_RIGHT, "spark.kubernetes.context",
    "spark.kubernetes.trust.certificates"
};


/* what a container waits for that is not going to come by itself */

static const char *const  sjl_kubernetes_hopeless[] = {
    "ErrImagePull", "ImagePullBackOff", "InvalidImageName",
    "ErrImageNeverPull", "CreateContainerConfigError", "CreateContainerError"
};


/* without a scheme Spark takes it for https, too */

static char *
sjl_kubernetes_rest(const char *master, const json_t *settings,
    const sjl_cluster_t *cluster, const sjl_library_t *library, char **why)
{
    char        *url, *host;
    size_t       len;
    const char  *address;

    (void) library;

    address = master + sizeof(SJL_KUBERNETES_SCHEME) - 1;
    url = sjl_format("%s%s", strstr(address, "://") ? "" : "https://", address);
    host = sjl_http_host(url);

    if (host == NULL) {
        free(url);
        return NULL;
    }

    free(host);

    *why = sjl_kubernetes_check(settings, cluster);

    if (*why) {
        free(url);
        return NULL;
    }

    len = strlen(url);

    while (url[len - 1] == '/') {
        url[--len] = '\0';
    }

    return url;
}


static char *
sjl_kubernetes_check(const json_t *settings, const sjl_cluster_t *cluster)
{
    int          lines;
    char        *token;
    json_t      *value;
    const char  *name, *space;

    json_object_foreach((json_t *) (uintptr_t) settings, name, value) {

        if (sjl_kubernetes_is_right(name)
            || (cluster == NULL && strcmp(name, "spark.master") == 0))
        {
            return sjl_format("%s: where Kubernetes is, and by which right it "
                              "is asked to start drivers, only the "
                              "configuration or a cluster may say", name);
        }
    }

    if (sjl_remote_setting(NULL, cluster, SJL_KUBERNETES_RIGHT "oauthToken")) {
        return sjl_strdup(SJL_KUBERNETES_RIGHT "oauthToken: name a file, by "
                          SJL_KUBERNETES_RIGHT "oauthTokenFile");
    }

    token = sjl_kubernetes_token(sjl_remote_setting(NULL, cluster,
                                       SJL_KUBERNETES_RIGHT "oauthTokenFile"));
    lines = token && token[strcspn(token, "\r\n")];
    sjl_free_secret(token);

    if (lines) {

        /* it is told, token and all, by Spark's client */

        return sjl_strdup(SJL_KUBERNETES_RIGHT "oauthTokenFile: Spark takes no "
                          "token with the end of a line behind it");
    }

    space = sjl_kubernetes_space(settings, cluster);

    if (*space == '\0' || strlen(space) > SJL_KUBERNETES_SPACE
        || space[strspn(space, "abcdefghijklmnopqrstuvwxyz0123456789-")])
    {
        return sjl_format("spark.kubernetes.namespace: \"%.100s\" is no name "
                          "of a namespace", space);
    }

    if (sjl_remote_setting(settings, cluster,
                           "spark.kubernetes.driver.container.image") == NULL
        && sjl_remote_setting(settings, cluster,
                              "spark.kubernetes.container.image") == NULL)
    {
        return sjl_strdup("spark.kubernetes.container.image is not set: "
                          "Kubernetes has to know the image that the driver is "
                          "to be made of");
    }

    return NULL;
}


static int
sjl_kubernetes_is_right(const char *name)
{
    size_t  i;

    for (i = 0; i < sjl_nelts(sjl_kubernetes_rights); i++) {
        if (strstr(name, sjl_kubernetes_rights[i])) {
            return 1;
        }
    }

    return 0;
}


static const char *
sjl_kubernetes_space(const json_t *settings, const sjl_cluster_t *cluster)
{
    const char  *space;

    space = sjl_remote_setting(settings, cluster, "spark.kubernetes.namespace");

    return space ? space : "default";
}


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


static sjl_http_t *
sjl_kubernetes_ask(const sjl_remote_t *r, const char *method, const char *kind,
    const char *name, const char *body, sjl_http_answer_pt done, void *data)
{
    char                 *url;
    sjl_http_t           *http;
    sjl_http_right_t      right;
    const sjl_cluster_t  *cluster;

    cluster = r->cluster ? sjl_cluster_find(r->cluster) : NULL;

    right.token = sjl_kubernetes_token(sjl_remote_setting(NULL, cluster,
                                       SJL_KUBERNETES_RIGHT "oauthTokenFile"));
    right.ca = sjl_remote_setting(NULL, cluster,
                                  SJL_KUBERNETES_RIGHT "caCertFile");
    right.cert = sjl_remote_setting(NULL, cluster,
                                    SJL_KUBERNETES_RIGHT "clientCertFile");
    right.key = sjl_remote_setting(NULL, cluster,
                                   SJL_KUBERNETES_RIGHT "clientKeyFile");

    if (right.token) {
        right.token[strcspn(right.token, "\r\n")] = '\0';
    }

    url = sjl_format("%s/api/v1/namespaces/%.*s/%s%s%s", r->rest,
                     (int) strcspn(r->id, ":"), r->id, kind, name ? "/" : "",
                     name ? name : "");

    http = sjl_http_ask(method, url, body, SJL_KUBERNETES_TIMEOUT, done, data);
    sjl_http_authorize(http, &right);

    sjl_free_secret(right.token);
    free(url);

    return http;
}


/* it is read each time: those of service accounts change by the hour */

static char *
sjl_kubernetes_token(const char *path)
{
    int      fd;
    char    *token;
    ssize_t  n;

    if (path == NULL) {
        return NULL;
    }

    token = sjl_alloc(SJL_KUBERNETES_TOKEN + 1);
    fd = open(path, O_RDONLY|O_CLOEXEC|O_NONBLOCK);
    n = fd == -1 ? -1 : read(fd, token, SJL_KUBERNETES_TOKEN);

    if (n == -1) {
        sjl_log(SJL_LOG_ERR, "the token \"%s\" cannot be read: %s", path,
                strerror(errno));
        n = 0;
    }

    if (fd != -1) {
        (void) close(fd);
    }

    token[n] = '\0';

    return token;
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

    if (status != 0) {

        /* it may have come so far */

        sjl_kubernetes_remove(r, "pods");
    }

    sjl_remote_submitted(r, status == 0 ? r->id : NULL, why);
}


/* NULL: it was done */

static char *
sjl_kubernetes_wrong(long status, const char *why, const json_t *answer)
{
    const char  *message;

    if (status == 0) {
        return sjl_strdup(why);
    }

    if (status >= 200 && status < 300) {
        return NULL;
    }

    message = sjl_kubernetes_text(answer, "message");

    return sjl_format("the API server answers %ld, %s", status,
                      message ? message : "without a word");
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
        sjl_remote_stated(r, SJL_REMOTE_OVER, "its pod is gone");
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


static const char *
sjl_kubernetes_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
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
