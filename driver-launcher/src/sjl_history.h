
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What modules read of the database.
 */


#ifndef _SJL_HISTORY_H_INCLUDED_
#define _SJL_HISTORY_H_INCLUDED_


#include "sjl_request.h"
#include "sjl_row.h"


void sjl_history_snapshot(sjl_conn_t *c, sjl_frame_t *f);
void sjl_history_list(sjl_conn_t *c, sjl_frame_t *f);

/* answers with statements of a context, "size" of them from a place on */
void sjl_history_statements(sjl_request_t *r, const sjl_context_row_t *row,
    int64_t from, int64_t size, int down);


#endif /* _SJL_HISTORY_H_INCLUDED_ */
