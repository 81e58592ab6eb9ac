
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What modules ask of clusters and library sets.  A change is made once it is
 * durable; of a library set it is looked first whether a driver could start
 * with it.  What other contexts have does not change by it.
 */


#ifndef _SJL_CHANGE_H_INCLUDED_
#define _SJL_CHANGE_H_INCLUDED_


#include "sjl_conn.h"
#include "sjl_db.h"
#include "sjl_resource.h"


typedef struct sjl_change_s  sjl_change_t;

struct sjl_change_s {
    sjl_db_op_t                 op;
    sjl_request_t              *request;
    const sjl_resource_type_t  *type;
    sjl_resource_row_t          row;
    unsigned                    create:1;
    unsigned                    remove:1;
    sjl_change_t               *next;
};


/* messages, of either kind */
void sjl_change_list(sjl_conn_t *c, sjl_frame_t *f);
void sjl_change_put(sjl_conn_t *c, sjl_frame_t *f);
void sjl_change_delete(sjl_conn_t *c, sjl_frame_t *f);
void sjl_change_probe(sjl_conn_t *c, sjl_frame_t *f);


#endif /* _SJL_CHANGE_H_INCLUDED_ */
