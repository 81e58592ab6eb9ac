
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_yarn.h"
#include "sjl_setup.h"
#include "sjl_ticket.h"
#include "sjl_yarn_conf.h"


static const char *sjl_yarn_folder(const sjl_cluster_t *cluster,
    const sjl_library_t *library);


/* a library set's environment, and then ours, as drivers get them */

static const char *const  sjl_yarn_variables[] = {
    "HADOOP_CONF_DIR", "YARN_CONF_DIR"
};


int
sjl_yarn_is(const char *master)
{
    return master && strcmp(master, "yarn") == 0;
}


char *
sjl_yarn_rest(const sjl_context_t *ctx, char **why)
{
    return sjl_yarn_rest_of(sjl_setup_cluster(ctx), sjl_setup_library(ctx),
                            why);
}


char *
sjl_yarn_rest_of(const sjl_cluster_t *cluster, const sjl_library_t *library,
    char **why)
{
    const char  *folder;

    if (cluster && cluster->rest) {
        return sjl_strdup(cluster->rest);
    }

    folder = sjl_yarn_folder(cluster, library);

    if (folder == NULL) {
        *why = sjl_strdup("the master is yarn, but there is no Hadoop "
                          "configuration that says where it is: hadoop_conf of "
                          "the cluster or the library set, or HADOOP_CONF_DIR");
        return NULL;
    }

    return sjl_yarn_conf_rest(folder, why);
}


char *
sjl_yarn_default_fs(const sjl_cluster_t *cluster, const sjl_library_t *library)
{
    const char  *folder;

    folder = sjl_yarn_folder(cluster, library);

    return folder ? sjl_yarn_conf_default_fs(folder) : NULL;
}


static const char *
sjl_yarn_folder(const sjl_cluster_t *cluster, const sjl_library_t *library)
{
    size_t       i;
    const char  *folder;

    folder = cluster && cluster->hadoop_conf ? cluster->hadoop_conf
             : library ? library->hadoop_conf : NULL;

    for (i = 0; folder == NULL && i < sjl_nelts(sjl_yarn_variables); i++) {

        if (library) {
            folder = json_string_value(json_object_get(library->environment,
                                                       sjl_yarn_variables[i]));
        }

        if (folder == NULL) {
            folder = getenv(sjl_yarn_variables[i]);
        }
    }

    return folder;
}


char *
sjl_yarn_url(const char *rest, const char *format, ...)
{
    int      n;
    char    *path, *url;
    va_list  args;

    va_start(args, format);
    n = vasprintf(&path, format, args);
    va_end(args);

    if (n == -1) {
        sjl_log(SJL_LOG_CRIT, "there is no memory for a URL, giving up");
        abort();
    }

    n = (int) strcspn(rest, ",");

    while (n && rest[n - 1] == '/') {
        n--;
    }

    url = sjl_format("%.*s/ws/v1/cluster/%s", n, rest, path);
    free(path);

    return url;
}


void
sjl_yarn_rotate(char *rest)
{
    char    *first;
    size_t   n, left;

    n = strcspn(rest, ",");

    if (rest[n] == '\0') {
        return;
    }

    first = sjl_memdup(rest, n);
    left = strlen(rest + n + 1);

    memmove(rest, rest + n + 1, left);
    rest[left] = ',';
    memcpy(rest + left + 1, first, n);

    free(first);
}


sjl_probe_t *
sjl_yarn_kill(const char *cluster, const char *owner, const char *id,
    sjl_probe_pt done, void *data)
{
    char         *what;
    sjl_probe_t  *errand;

    if (cluster == NULL || !sjl_ticket_wanted(sjl_cluster_find(cluster))
        || !sjl_probe_wanted())
    {
        return NULL;
    }

    /* what a context says is not to lead the one with our tickets elsewhere */

    what = sjl_format("kills %s of %s", id, cluster);
    errand = sjl_probe_errand(SJL_PROBE_KILL, cluster, NULL, what,
                              json_pack("{s:s, s:s+}", "kill", id, "tag",
                                        SJL_YARN_TAG, owner), done, data);
    free(what);

    return errand;
}
