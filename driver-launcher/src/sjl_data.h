
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Data files: what modules upload for jobs to read.  A name is made here, of
 * the prefix that was asked for and the time, and only what has a row is ever
 * listed or deleted.
 */


#ifndef _SJL_DATA_H_INCLUDED_
#define _SJL_DATA_H_INCLUDED_


#include "sjl_conn.h"
#include "sjl_row.h"


/* messages */
void sjl_data_put(sjl_conn_t *c, sjl_frame_t *f);
void sjl_data_list(sjl_conn_t *c, sjl_frame_t *f);
void sjl_data_delete(sjl_conn_t *c, sjl_frame_t *f);
void sjl_data_reset(sjl_conn_t *c, sjl_frame_t *f);

/* puts a row that another launcher has left in memory */
void sjl_data_adopt(const sjl_data_row_t *row);

/* at the start: says which files of rows are missing or have another size */
void sjl_data_examine(void);

/* removes those of another launcher that have no row */
void sjl_data_sweep(void);


#endif /* _SJL_DATA_H_INCLUDED_ */
