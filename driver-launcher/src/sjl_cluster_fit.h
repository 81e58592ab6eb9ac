
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Asks a cluster, before a driver is started, whether it has what a context
 * wants: Spark itself waits for ever for what will never be there.
 */


#ifndef _SJL_CLUSTER_FIT_H_INCLUDED_
#define _SJL_CLUSTER_FIT_H_INCLUDED_


#include "sjl_context.h"


/*
 * "done" is called once, unless the context ends before, maybe before this
 * returns: with why the context cannot be had there, as sentence to be freed
 * and code, or NULL.
 */
void sjl_cluster_fit(sjl_context_t *ctx, void (*done)(sjl_context_t *ctx,
    sjp_error_e code, char *why));

/* nobody wants to know any longer */
void sjl_cluster_fit_forget(sjl_context_t *ctx);


#endif /* _SJL_CLUSTER_FIT_H_INCLUDED_ */
