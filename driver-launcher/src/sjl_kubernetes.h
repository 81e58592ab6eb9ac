
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The API server of Kubernetes: where it is, and by which right it is asked,
 * the configuration or a cluster says.  A request that could say so might have
 * our token sent elsewhere.
 */


#ifndef _SJL_KUBERNETES_H_INCLUDED_
#define _SJL_KUBERNETES_H_INCLUDED_


#include "sjl_remote.h"


#define SJL_KUBERNETES_SCHEME  "k8s://"


/* see sjl_remote_kind_t */
char *sjl_kubernetes_rest(const char *master, const json_t *settings,
    const sjl_cluster_t *cluster, const sjl_library_t *library, char **why);

/* the namespace that a driver is to be in */
const char *sjl_kubernetes_space(const json_t *settings,
    const sjl_cluster_t *cluster);

/* asks about objects of a kind, or one of a name, in a driver's namespace */
sjl_http_t *sjl_kubernetes_ask(const sjl_remote_t *r, const char *method,
    const char *kind, const char *name, const char *body,
    sjl_http_answer_pt done, void *data);

/* what is wrong by an answer, to be freed; NULL: it was done */
char *sjl_kubernetes_wrong(long status, const char *why, const json_t *answer);

/* a member of an object, if it is a text, or NULL */
const char *sjl_kubernetes_text(const json_t *object, const char *name);


#endif /* _SJL_KUBERNETES_H_INCLUDED_ */
