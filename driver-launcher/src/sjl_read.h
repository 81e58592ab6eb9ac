
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What modules ask about one job, which may be over.
 */


#ifndef _SJL_READ_H_INCLUDED_
#define _SJL_READ_H_INCLUDED_


#include "sjl_conn.h"


/* messages */
void sjl_read_job(sjl_conn_t *c, sjl_frame_t *f);
void sjl_read_result(sjl_conn_t *c, sjl_frame_t *f);
void sjl_read_config(sjl_conn_t *c, sjl_frame_t *f);
void sjl_read_log(sjl_conn_t *c, sjl_frame_t *f);


#endif /* _SJL_READ_H_INCLUDED_ */
