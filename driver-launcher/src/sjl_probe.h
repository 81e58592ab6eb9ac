
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * A look at a library set: a JVM with its class path, options and environment,
 * bounded in time and memory, that says which versions there are and what is
 * wrong.  It has the id of a context that there is not, and that one's folder.
 */


#ifndef _SJL_PROBE_H_INCLUDED_
#define _SJL_PROBE_H_INCLUDED_


#include "sjl_context.h"


/* bytes: it is told by a pipe, since others can read a command line */
#define SJL_PROBE_URI  4096


/*
 * What was found, an object that is not the called one's: "message" where the
 * set is not usable, or the errand was in vain, "findings", and what else the
 * JVM has said.
 */
typedef void (*sjl_probe_pt)(void *data, json_t *report, int usable);


/* whether there is a JVM to look with: driver.command may be anything */
int sjl_probe_wanted(void);

/*
 * Looks at what is told of a set, as JSON; "uri", of a file system that it has
 * to reach, may be NULL.  The function is called once, unless the launcher
 * ends.
 */
void sjl_probe_start(const char *name, const char *spec, const char *uri,
    sjl_probe_pt done, void *data);

/* each has processes of its own, so that none waits for those of another */
typedef enum {
    SJL_PROBE_LIBRARY = 0,
    SJL_PROBE_TOKENS,
    SJL_PROBE_KILL
} sjl_probe_e;

/*
 * Sends such a JVM on an errand to a cluster that has a principal: it logs in
 * by tickets of ours, with the cluster's library set, configuration and
 * settings, and does what the object "words", which is used up, tells it
 * (Errand.scala).  "own" are settings that count for more than the cluster's,
 * or NULL, and "what" says to people what it does.  The function is called
 * once, after this has returned, unless the launcher ends or nobody wants to
 * know any longer.
 */
sjl_probe_t *sjl_probe_errand(sjl_probe_e kind, const char *cluster,
    const json_t *own, const char *what, json_t *words, sjl_probe_pt done,
    void *data);

/* it comes to its end at once; may be NULL */
void sjl_probe_forget(sjl_probe_t *probe);

/* whether it is our process that leads this session */
int sjl_probe_owns(pid_t session);

/* whether it is the id of one */
int sjl_probe_known(const char *id);

/*
 * Ends all, but errands if clusters are yet to be told that drivers end; how
 * many have not ended.
 */
void sjl_probe_stop(void);
size_t sjl_probe_count(void);

/* after the loop: nothing is watched any longer */
void sjl_probe_leave(void);


#endif /* _SJL_PROBE_H_INCLUDED_ */
