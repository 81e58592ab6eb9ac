
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Which cluster and which library set a context has, and what that means for
 * its driver.
 */


#ifndef _SJL_SETUP_H_INCLUDED_
#define _SJL_SETUP_H_INCLUDED_


#include "sjl_cluster.h"
#include "sjl_context.h"
#include "sjl_library.h"


/* of a request's settings, and of spark.context-settings in a body */
#define SJL_SETUP_CLUSTER  "cluster"
#define SJL_SETUP_LIBRARY  "library-set"


/*
 * Whether there is what these names, which may be NULL, stand for.  SJL_ERROR:
 * *why, to be freed, tells what is not.
 */
int sjl_setup_there(const char *cluster, const char *library, char **why);

/* the same of settings */
int sjl_setup_known(const json_t *settings, char **why);

/*
 * Gives them to a context; the library set may be the cluster's.  Returns
 * whether that has changed anything.
 */
int sjl_setup_set(sjl_context_t *ctx, const char *cluster,
    const char *library);

/* those of a context; NULL: it has none, or there is none any longer */
sjl_cluster_t *sjl_setup_cluster(const sjl_context_t *ctx);
sjl_library_t *sjl_setup_library(const sjl_context_t *ctx);

/* the same text for the default library set, however it is asked for */
const char *sjl_setup_library_name(const char *library);

/*
 * Adds to the settings of a context's driver what its cluster says, and to an
 * array those of them that its request cannot change.
 */
void sjl_setup_settings(const sjl_context_t *ctx, json_t *settings,
    json_t *fixed);

/*
 * The names of the contexts that are not final, or wait for an old one to end,
 * and have such a cluster, or library set, an array.
 */
json_t *sjl_setup_users(const char *cluster, const char *library);

/* adds one of these; a name that is there is not told twice */
void sjl_setup_add_user(json_t *names, const char *name);

/* whether who names these two, or NULL, has that cluster and that set, or NULL:
   any */
int sjl_setup_uses(const char *own_cluster, const char *own_library,
    const char *cluster, const char *library);


#endif /* _SJL_SETUP_H_INCLUDED_ */
