
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Clusters: where a context's driver finds its executors, or is sent to itself,
 * and the settings that contexts there have unless they say otherwise.
 */


#ifndef _SJL_CLUSTER_H_INCLUDED_
#define _SJL_CLUSTER_H_INCLUDED_


#include "sjl_config.h"
#include "sjl_resource.h"


typedef struct {
    sjl_resource_t   resource;

    /* of the resource's spec; may be NULL, but for the first */
    const char      *master;
    const char      *hadoop_conf;
    const char      *library;           /* of contexts that name none */
    const char      *principal;
    const char      *keytab;
    const char      *rest;              /* where the cluster is asked */
    const json_t    *settings;
    unsigned         deploys:1;         /* drivers: deploy mode "cluster" */

    const char      *web;               /* pages of a standalone master */
    char            *unchecked;         /* why it was asked nothing, or NULL */
} sjl_cluster_t;


/* the one of a name, or NULL */
sjl_cluster_t *sjl_cluster_find(const char *name);

/*
 * The host, to be freed, of a standalone master, the first of several, by its
 * URL "spark://host:port,..."; NULL: that is none.
 */
char *sjl_cluster_host(const char *master);

/*
 * Puts those of the configuration in force, once rows were adopted and after
 * each reload.
 */
void sjl_cluster_configure(void);

/* adds sentences about what is wrong in what is told of a cluster */
void sjl_cluster_check(const json_t *spec, json_t *wrong);

/* adds to names the clusters whose contexts have a library set */
void sjl_cluster_of_library(const char *library, json_t *names);


#endif /* _SJL_CLUSTER_H_INCLUDED_ */
