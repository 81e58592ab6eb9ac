
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * YARN's ResourceManager, asked by its REST: where it is, and that it has no
 * application of a context that is over.
 */


#ifndef _SJL_YARN_H_INCLUDED_
#define _SJL_YARN_H_INCLUDED_


#include "sjl_cluster.h"
#include "sjl_context.h"
#include "sjl_library.h"


/* what the tag of a context's applications begins with; its id follows */
#define SJL_YARN_TAG  "sparkjob-"


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

/* for how many contexts that goes on */
size_t sjl_yarn_reaping(void);


#endif /* _SJL_YARN_H_INCLUDED_ */
