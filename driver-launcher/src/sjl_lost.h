
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Jobs that another launcher has left alive in a context that is not: it died
 * when the end of the context was kept, and a result on its way yet.
 */


#ifndef _SJL_LOST_H_INCLUDED_
#define _SJL_LOST_H_INCLUDED_


#include "sjl_row.h"


/* such a row was found */
void sjl_lost_add(const sjl_job_row_t *row);

/* the database thread runs: all of them end */
void sjl_lost_end_all(void);


#endif /* _SJL_LOST_H_INCLUDED_ */
