
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Clusters and library sets.
 */


#include "sjc_command.h"


#define SJC_RESOURCE_CLUSTERS   "/clusters/"
#define SJC_RESOURCE_LIBRARIES  "/library-sets/"


static sjc_exit_e sjc_resource_show(const char *folder, const char *name);
static sjc_exit_e sjc_resource_send(const char *method, const char *folder,
    const char *name, const char *rest);
static sjc_exit_e sjc_resource_tell(const sjc_answer_t *answer);
static sjc_exit_e sjc_resource_delete(const char *folder, const char *name);
static void sjc_cluster_print_list(const json_t *answer);
static void sjc_library_print_list(const json_t *answer);
static void sjc_resource_print(const json_t *answer);
static void sjc_resource_print_findings(const json_t *probe);


static const sjc_column_t  sjc_cluster_columns[] = {
    { "NAME", "name" },
    { "MASTER", "spec.master" },
    { "MODE", "spec.deploy_mode" },
    { "LIBRARY-SET", "spec.library_set" },
    { NULL, NULL }
};


static const sjc_column_t  sjc_library_columns[] = {
    { "NAME", "name" },
    { "SPARK", "probe.spark" },
    { "SCALA", "probe.scala" },
    { "HADOOP", "probe.hadoop" },
    { "JAVA", "probe.java" },
    { "SPARK-HOME", "spec.spark_home" },
    { NULL, NULL }
};


static const sjc_column_t  sjc_resource_members[] = {
    { "name", "name" },
    { "user", "user" },
    { "spark", "probe.spark" },
    { "scala", "probe.scala" },
    { "hadoop", "probe.hadoop" },
    { "hive", "probe.hive" },
    { "java", "probe.java" },
    { NULL, NULL }
};


sjc_exit_e
sjc_cluster_list(char *const *args)
{
    (void) args;

    return sjc_command_get("/clusters", sjc_cluster_print_list);
}


static void
sjc_cluster_print_list(const json_t *answer)
{
    sjc_print_table(sjc_cluster_columns, answer);
}


sjc_exit_e
sjc_library_list(char *const *args)
{
    (void) args;

    return sjc_command_get("/library-sets", sjc_library_print_list);
}


static void
sjc_library_print_list(const json_t *answer)
{
    sjc_print_table(sjc_library_columns, answer);
}


sjc_exit_e
sjc_cluster_show(char *const *args)
{
    return sjc_resource_show(SJC_RESOURCE_CLUSTERS, args[0]);
}


sjc_exit_e
sjc_library_show(char *const *args)
{
    return sjc_resource_show(SJC_RESOURCE_LIBRARIES, args[0]);
}


static sjc_exit_e
sjc_resource_show(const char *folder, const char *name)
{
    sjc_buf_t   path;
    sjc_exit_e  rc;

    memset(&path, 0, sizeof(sjc_buf_t));
    sjc_path(&path, folder, name, NULL);

    rc = sjc_command_get(path.data, sjc_resource_print);

    sjc_buf_free(&path);

    return rc;
}


sjc_exit_e
sjc_cluster_create(char *const *args)
{
    return sjc_resource_send("POST", SJC_RESOURCE_CLUSTERS, args[0], NULL);
}


sjc_exit_e
sjc_cluster_change(char *const *args)
{
    return sjc_resource_send("PUT", SJC_RESOURCE_CLUSTERS, args[0], NULL);
}


sjc_exit_e
sjc_library_create(char *const *args)
{
    return sjc_resource_send("POST", SJC_RESOURCE_LIBRARIES, args[0], NULL);
}


sjc_exit_e
sjc_library_change(char *const *args)
{
    return sjc_resource_send("PUT", SJC_RESOURCE_LIBRARIES, args[0], NULL);
}


sjc_exit_e
sjc_library_probe(char *const *args)
{
    return sjc_resource_send("POST", SJC_RESOURCE_LIBRARIES, args[0], "/probe");
}


static sjc_exit_e
sjc_resource_send(const char *method, const char *folder, const char *name,
    const char *rest)
{
    sjc_buf_t       path, body;
    sjc_exit_e      rc;
    sjc_answer_t    answer;
    sjc_request_t   request;

    memset(&path, 0, sizeof(sjc_buf_t));
    memset(&body, 0, sizeof(sjc_buf_t));

    sjc_path(&path, folder, name, rest);
    sjc_query(&path, "probe", sjc_option(SJC_PROBE));

    rc = sjc_command_config(&body);

    if (rc == SJC_OK) {
        memset(&request, 0, sizeof(sjc_request_t));
        request.method = method;
        request.path = path.data;
        request.type = "application/json";
        request.body = body.data;
        request.len = body.len;

        rc = sjc_http(&request, &answer);

        if (rc == SJC_OK) {
            rc = sjc_resource_tell(&answer);
        }

        sjc_answer_free(&answer);
    }

    sjc_buf_free(&path);
    sjc_buf_free(&body);

    return rc;
}


static sjc_exit_e
sjc_resource_tell(const sjc_answer_t *answer)
{
    json_t      *root;
    sjc_exit_e   rc;

    rc = sjc_command_json(answer, &root);

    if (rc != SJC_OK) {
        return rc;
    }

    if (sjc_option(SJC_JSON)) {
        sjc_print_raw(answer->body.data, answer->body.len);

    } else if (json_object_get(root, "name")) {
        sjc_resource_print(root);

    } else {
        sjc_resource_print_findings(root);
    }

    json_decref(root);

    return SJC_OK;
}


static void
sjc_resource_print(const json_t *answer)
{
    sjc_print_object(sjc_resource_members, answer);
    sjc_print_json(json_object_get(answer, "spec"));
    sjc_resource_print_findings(json_object_get(answer, "probe"));
}


static void
sjc_resource_print_findings(const json_t *probe)
{
    size_t   i;
    json_t  *finding;

    json_array_foreach(json_object_get(probe, "findings"), i, finding) {
        (void) printf("%s: %s\n",
                      json_string_value(json_object_get(finding, "level")),
                      json_string_value(json_object_get(finding, "text")));
    }
}


sjc_exit_e
sjc_cluster_delete(char *const *args)
{
    return sjc_resource_delete(SJC_RESOURCE_CLUSTERS, args[0]);
}


sjc_exit_e
sjc_library_delete(char *const *args)
{
    return sjc_resource_delete(SJC_RESOURCE_LIBRARIES, args[0]);
}


static sjc_exit_e
sjc_resource_delete(const char *folder, const char *name)
{
    sjc_buf_t      path;
    sjc_exit_e     rc;
    sjc_request_t  request;

    memset(&path, 0, sizeof(sjc_buf_t));
    sjc_path(&path, folder, name, NULL);

    memset(&request, 0, sizeof(sjc_request_t));
    request.method = "DELETE";
    request.path = path.data;

    rc = sjc_command_do(&request);

    sjc_buf_free(&path);

    return rc;
}
