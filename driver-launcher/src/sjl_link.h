
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The messages of drivers.
 */


#ifndef _SJL_LINK_H_INCLUDED_
#define _SJL_LINK_H_INCLUDED_


#include "sjl_conn.h"


void sjl_link_hello(sjl_conn_t *c, sjl_frame_t *f);
void sjl_link_ready(sjl_conn_t *c, sjl_frame_t *f);
void sjl_link_failed(sjl_conn_t *c, sjl_frame_t *f);
void sjl_link_respawn(sjl_conn_t *c, sjl_frame_t *f);
void sjl_link_started(sjl_conn_t *c, sjl_frame_t *f);
void sjl_link_refused(sjl_conn_t *c, sjl_frame_t *f);
void sjl_link_result(sjl_conn_t *c, sjl_frame_t *f);
void sjl_link_stopped(sjl_conn_t *c, sjl_frame_t *f);
void sjl_link_resolve(sjl_conn_t *c, sjl_frame_t *f);
void sjl_link_progress(sjl_conn_t *c, sjl_frame_t *f);
void sjl_link_status(sjl_conn_t *c, sjl_frame_t *f);

/* the connection is closed */
void sjl_link_closed(sjl_conn_t *c);

/* the driver has read most of what was sent */
void sjl_link_drained(sjl_conn_t *c);


#endif /* _SJL_LINK_H_INCLUDED_ */
