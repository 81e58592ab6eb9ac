
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Callbacks: the end of a job is posted to a URL.  Its row comes into the
 * database together with the job's, and leaves it once the URL has answered or
 * has been tried often enough: so each is posted at least once.
 */


#ifndef _SJL_CALLBACK_H_INCLUDED_
#define _SJL_CALLBACK_H_INCLUDED_


#include "sjl_db.h"


/* adds the row of a callback, within the transaction that adds the job */
int sjl_callback_add(sjl_dao_t *dao, const char *job, const char *url);

/* the end of its job is durable */
void sjl_callback_due(const sjl_job_row_t *job, const char *url);

/* a row that another launcher has left; its job may still be alive */
void sjl_callback_adopt(const sjl_callback_row_t *row);

/* goes on with those that were left, once the launcher runs */
void sjl_callback_start(void);

/* forgets all; the rows stay */
void sjl_callback_stop(void);

/* how many wait for their time or turn, and are on their way */
size_t sjl_callback_waiting(void);
size_t sjl_callback_sending(void);


#endif /* _SJL_CALLBACK_H_INCLUDED_ */
