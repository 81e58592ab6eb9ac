
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * YARN's ResourceManager, asked by its REST: where it is, that it has no
 * application of a context that is over, and where the UI of one is.
 */


#ifndef _SJL_YARN_H_INCLUDED_
#define _SJL_YARN_H_INCLUDED_


#include "sjl_cluster.h"
#include "sjl_context.h"
#include "sjl_library.h"
#include "sjl_probe.h"
#include "sjl_request.h"


/* what the tag of a context's applications begins with; its id follows */
#define SJL_YARN_TAG    "sparkjob-"

/* states of applications that are not over */
#define SJL_YARN_ALIVE  "NEW,NEW_SAVING,SUBMITTED,ACCEPTED,RUNNING"


/* whether a master is YARN; NULL is none */
int sjl_yarn_is(const char *master);

/*
 * The URLs at which the ResourceManager of a context is asked, with commas
 * between them, to be freed.  NULL: *why, to be freed, says what is missing.
 */
char *sjl_yarn_rest(const sjl_context_t *ctx, char **why);

/* the same of a cluster, or NULL, and a library set */
char *sjl_yarn_rest_of(const sjl_cluster_t *cluster,
    const sjl_library_t *library, char **why);

/*
 * The file system that paths without a scheme are of, "hdfs://host:port", to be
 * freed; NULL: no Hadoop configuration names one.
 */
char *sjl_yarn_default_fs(const sjl_cluster_t *cluster,
    const sjl_library_t *library);

/* the URL of something below the first of them, to be freed */
char *sjl_yarn_url(const char *rest, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* puts the first of them behind the others, since it does not answer */
void sjl_yarn_rotate(char *rest);

/*
 * Sees to it that no application of a context that has ended is left on its
 * cluster; the context is kept until then, and who has asked for its end waits
 * for that, but not for ever.
 */
void sjl_yarn_reap(sjl_context_t *ctx);

/*
 * The same for whatever has an id; "rest", where its cluster is asked, is used
 * up, "cluster" is its name or NULL, and "who" is who it is for people.  "done"
 * is called in the end: "known" is whether it could be asked, and "left" what
 * it has yet, in words, or NULL.
 */
typedef void (*sjl_yarn_reap_pt)(void *data, int known, const char *left);

void sjl_yarn_reap_of(const char *id, const char *who, char *rest,
    const char *cluster, sjl_yarn_reap_pt done, void *data);

/*
 * Has an application that has the tag of "owner" killed in the name of whose it
 * is, at a cluster that has a principal, since the REST of one that asks for
 * Kerberos knows us not.  NULL: it is no such cluster, its REST is asked.
 */
sjl_probe_t *sjl_yarn_kill(const char *cluster, const char *owner,
    const char *id, sjl_probe_pt done, void *data);

/* for how many that goes on */
size_t sjl_yarn_reaping(void);

/*
 * Answers a request for the Spark UI of a context: it is behind the proxy of
 * the ResourceManager, which is the only one that applications answer.
 */
void sjl_yarn_ui(sjl_request_t *r, const sjl_context_t *ctx);


#endif /* _SJL_YARN_H_INCLUDED_ */
