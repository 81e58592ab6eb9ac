
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The messages of drivers.
 */


#ifndef _SJL_LINK_H_INCLUDED_
#define _SJL_LINK_H_INCLUDED_


#include "sjl_context.h"


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

/* of a driver on another host, see sjl_link_files.c */
void sjl_link_fetch(sjl_conn_t *c, sjl_frame_t *f);
void sjl_link_log(sjl_conn_t *c, sjl_frame_t *f);

/* the context whose driver it is; NULL: it has ended without it */
sjl_context_t *sjl_link_context(sjl_conn_t *c);

/*
 * Takes the metadata apart.  What a driver lacks to say, or says against the
 * rules, is logged and ends the connection.
 */
int sjl_link_unpack(sjl_conn_t *c, sjl_frame_t *f, const char *fmt, ...);
void sjl_link_violation(sjl_conn_t *c, sjl_frame_t *f, const char *what);

/* the connection is closed */
void sjl_link_closed(sjl_conn_t *c);

/* the driver has read most of what was sent */
void sjl_link_drained(sjl_conn_t *c);


#endif /* _SJL_LINK_H_INCLUDED_ */
