
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Spark's own SparkSubmit, a child of ours whose output goes to the driver's
 * log, for clusters to which Spark alone knows how to send a driver.  It gets
 * the settings by a file, since everybody on this host can read its command
 * line.
 *
 * Batches are run by SparkSubmit, too, which a process of their own waits for
 * (sjl_batch_wait.c): settings and their file are the same for both.
 */


#ifndef _SJL_SUBMITTER_H_INCLUDED_
#define _SJL_SUBMITTER_H_INCLUDED_


#include "sjl_remote.h"


/* files of the context's or batch's folder, as long as a submission goes on */
#define SJL_SUBMITTER_START       "sparkjob-start.json"
#define SJL_SUBMITTER_PROPERTIES  "sparkjob-submit.properties"


typedef struct sjl_submitter_s  sjl_submitter_t;

/*
 * It has ended: with which status of wait(), what it has said, and that in a
 * few words if it has failed; good until it returns.  status -1: it was not
 * started.
 */
typedef void (*sjl_submitter_pt)(sjl_remote_t *r, int status,
    const char *said, const char *why);


/*
 * All that is known of Spark's settings: a manager has to be told some of them,
 * and the driver's host others; what the context is made with comes over the
 * link once more.  A new object of strings.
 */
json_t *sjl_submitter_settings(const sjl_remote_t *r,
    const sjl_remote_start_t *start);

/*
 * Adds to settings those of a layer that are Spark's, by the names that Spark
 * knows them by.
 */
void sjl_submitter_layer(json_t *settings, const json_t *layer);

/* settings as a file of properties that Java reads, to be freed */
char *sjl_submitter_properties(const json_t *settings);

/*
 * Prepares the submission of our driver's jar with these settings.  The driver
 * finds what it is told by the name "told"; if it is to be in the context's
 * folder until then, "text" is what the file SJL_SUBMITTER_START holds, else
 * NULL.
 */
sjl_submitter_t *sjl_submitter_make(sjl_remote_t *r,
    const sjl_remote_start_t *start, const json_t *settings, const char *jar,
    const char *told, const char *text);

/*
 * "done" is called once, after this has returned and before it is freed, which
 * is up to the caller.
 */
void sjl_submitter_run(sjl_submitter_t *s, sjl_submitter_pt done);

/* ends it; may be NULL */
void sjl_submitter_free(sjl_submitter_t *s);


#endif /* _SJL_SUBMITTER_H_INCLUDED_ */
