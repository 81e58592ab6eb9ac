
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_kubernetes.h"
#include "sjl_cluster.h"

#include <fcntl.h>


#define SJL_KUBERNETES_TIMEOUT  10      /* seconds for an answer */
#define SJL_KUBERNETES_TOKEN    65536   /* bytes at most */
#define SJL_KUBERNETES_SPACE    63

#define SJL_KUBERNETES_RIGHT    "spark.kubernetes.authenticate.submission."


static char *sjl_kubernetes_check(const json_t *settings,
    const sjl_cluster_t *cluster);
static int sjl_kubernetes_is_right(const char *name);
static char *sjl_kubernetes_token(const char *path);


/* what says where the API server is, and by which right it is asked */

static const char *const  sjl_kubernetes_rights[] = {
    SJL_KUBERNETES_RIGHT, "spark.kubernetes.context",
    "spark.kubernetes.trust.certificates"
};


/* without a scheme Spark takes it for https, too */

char *
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


const char *
sjl_kubernetes_space(const json_t *settings, const sjl_cluster_t *cluster)
{
    const char  *space;

    space = sjl_remote_setting(settings, cluster, "spark.kubernetes.namespace");

    return space ? space : "default";
}


sjl_http_t *
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


char *
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


const char *
sjl_kubernetes_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}
