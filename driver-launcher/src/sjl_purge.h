
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What has been over for long enough is deleted: rows first, a part at a time,
 * then the files that only they spoke of.
 */


#ifndef _SJL_PURGE_H_INCLUDED_
#define _SJL_PURGE_H_INCLUDED_


#include "sjl_conn.h"


/* message */
void sjl_purge_jobs(sjl_conn_t *c, sjl_frame_t *f);

/* deletes what the configuration does not retain, now and each minute */
void sjl_purge_start(void);


#endif /* _SJL_PURGE_H_INCLUDED_ */
