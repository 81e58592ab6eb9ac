
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What jobs have added to the class path of a context that lives: names and
 * URIs, an array of strings in its row, so that the next driver of it has them.
 */


#ifndef _SJL_ADDED_H_INCLUDED_
#define _SJL_ADDED_H_INCLUDED_


#include "sjl_job.h"


/* the job has done so, if it is one of those */
void sjl_added_take(sjl_job_t *job);


#endif /* _SJL_ADDED_H_INCLUDED_ */
