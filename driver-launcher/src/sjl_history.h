
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What modules read of the database.
 */


#ifndef _SJL_HISTORY_H_INCLUDED_
#define _SJL_HISTORY_H_INCLUDED_


#include "sjl_conn.h"


void sjl_history_snapshot(sjl_conn_t *c, sjl_frame_t *f);
void sjl_history_list(sjl_conn_t *c, sjl_frame_t *f);


#endif /* _SJL_HISTORY_H_INCLUDED_ */
