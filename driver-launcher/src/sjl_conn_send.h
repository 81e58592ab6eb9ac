
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What the two halves of a connection, reading and sending, need of each other.
 */


#ifndef _SJL_CONN_SEND_H_INCLUDED_
#define _SJL_CONN_SEND_H_INCLUDED_


#include "sjl_conn.h"


void sjl_conn_send_init(sjl_conn_t *c);

/* writes what all connections have queued in this turn */
void sjl_conn_flush_all(void);

/* forgets what is queued */
void sjl_conn_unqueue(sjl_conn_t *c);

/* after it was read from: goes on with what has waited for that */
void sjl_conn_turned(sjl_conn_t *c);

/* calls those who wait for the peer to have read, or to be gone */
void sjl_conn_drained(sjl_conn_t *c);

/* closes it for what errno says */
void sjl_conn_lost(sjl_conn_t *c);


#endif /* _SJL_CONN_SEND_H_INCLUDED_ */
