
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What modules ask about one job, which may be over.
 */


#ifndef _SJL_READ_H_INCLUDED_
#define _SJL_READ_H_INCLUDED_


#include "sjl_request.h"
#include "sjl_row.h"


/* messages */
void sjl_read_job(sjl_conn_t *c, sjl_frame_t *f);
void sjl_read_result(sjl_conn_t *c, sjl_frame_t *f);
void sjl_read_config(sjl_conn_t *c, sjl_frame_t *f);
void sjl_read_log(sjl_conn_t *c, sjl_frame_t *f);

/* answers with the result or error of a job, however long; meta is released */
void sjl_read_payload(sjl_request_t *r, json_t *meta,
    const sjl_job_row_t *row);

/* likewise, with the code of a statement */
void sjl_read_code(sjl_request_t *r, const sjl_job_row_t *row);


#endif /* _SJL_READ_H_INCLUDED_ */
