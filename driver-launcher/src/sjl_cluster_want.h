
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What a context asks of its cluster, and whether that has it.
 */


#ifndef _SJL_CLUSTER_WANT_H_INCLUDED_
#define _SJL_CLUSTER_WANT_H_INCLUDED_


#include "sjl_context.h"


/*
 * A setting as far as it is known before the driver runs: the request's, or
 * that of its cluster, or the configuration's; NULL: none says it.
 */
const char *sjl_want_setting(const sjl_context_t *ctx, const char *name);

/*
 * What is wrong with what a context wants, by an answer of its cluster; to be
 * freed, NULL: nothing.  "where" is the cluster in words.
 */
char *sjl_want_yarn_scheduler(const sjl_context_t *ctx, const char *where,
    const json_t *answer);
char *sjl_want_yarn_nodes(const sjl_context_t *ctx, const char *where,
    const json_t *answer);
char *sjl_want_standalone(const sjl_context_t *ctx, const char *where,
    const json_t *answer);

/* the same of files that are to be read on this host for Kubernetes */
char *sjl_want_kubernetes(const sjl_context_t *ctx);


#endif /* _SJL_CLUSTER_WANT_H_INCLUDED_ */
