
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Spark's thrift server in a driver, for JDBC: whether a context has one, and
 * who may use it.  A token is a time and a seal over context, user and time:
 * whoever has one may log in until then.  Nothing of it is kept but the key of
 * the seals.
 */


#ifndef _SJL_THRIFT_H_INCLUDED_
#define _SJL_THRIFT_H_INCLUDED_


#include "sjl_conn.h"
#include "sjl_context.h"


/* messages of modules */
void sjl_thrift_token(sjl_conn_t *c, sjl_frame_t *f);
void sjl_thrift_switch(sjl_conn_t *c, sjl_frame_t *f);
void sjl_thrift_find(sjl_conn_t *c, sjl_frame_t *f);

/* messages of drivers */
void sjl_thrift_switched(sjl_conn_t *c, sjl_frame_t *f);
void sjl_thrift_login(sjl_conn_t *c, sjl_frame_t *f);

/* what a driver is told: where it may listen; NULL: nowhere */
json_t *sjl_thrift_place(void);

/*
 * What is shown of the server that a driver tells of: its JDBC URL, and how
 * many sessions are open; NULL: there is none, or not where it may be.  What we
 * ourselves need of it is kept in the context.
 */
json_t *sjl_thrift_told(sjl_context_t *ctx, const json_t *told);

/* what the context's row tells is durable, and published */
void sjl_thrift_saved(sjl_context_t *ctx);

/* the context's driver answers no more */
void sjl_thrift_lost(sjl_context_t *ctx);


#endif /* _SJL_THRIFT_H_INCLUDED_ */
