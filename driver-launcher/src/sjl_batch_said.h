
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What SparkSubmit says: kept in a log that does not grow without end, and
 * looked through for what is known of the application.
 */


#ifndef _SJL_BATCH_SAID_H_INCLUDED_
#define _SJL_BATCH_SAID_H_INCLUDED_


#include "sjl.h"


typedef struct sjl_batch_said_s  sjl_batch_said_t;


/*
 * Goes on with a log that is open to be written: when it has "max" bytes its
 * older half is left out, in a new file of the same name.
 */
sjl_batch_said_t *sjl_batch_said_make(int fd, int64_t max);

void sjl_batch_said_add(sjl_batch_said_t *said, const char *p, size_t n);

/* whether more is known than at the last call */
int sjl_batch_said_changed(sjl_batch_said_t *said);

/* what is known, as JSON; good until it is called again */
const char *sjl_batch_said_text(sjl_batch_said_t *said);

void sjl_batch_said_free(sjl_batch_said_t *said);

/* whether the cluster says that somebody has killed the application */
int sjl_batch_said_killed(const sjl_batch_said_t *said);


#endif /* _SJL_BATCH_SAID_H_INCLUDED_ */
