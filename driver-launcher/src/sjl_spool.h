
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Payloads of links by TCP that are too large for a frame: they go in pieces,
 * ahead of the message that they belong to, and are a file at either end.
 */


#ifndef _SJL_SPOOL_H_INCLUDED_
#define _SJL_SPOOL_H_INCLUDED_


#include "sjl_conn.h"


/* the message with which a driver sends a piece */
void sjl_spool_piece(sjl_conn_t *c, sjl_frame_t *f);

/*
 * The file, to be freed and removed, that the payload of a message has become:
 * it has that many bytes, or else NULL comes back.
 */
char *sjl_spool_take(sjl_conn_t *c, json_int_t size);

/*
 * Whether a message has to wait until what came before it is written.  Then
 * sjl_conn_resume() will be called.
 */
int sjl_spool_waits(sjl_conn_t *c, uint16_t type);

/* removes a file that was taken, or that a local driver has named; or NULL */
void sjl_spool_remove(const char *file);

/* the connection is closed: what has no message yet is forgotten */
void sjl_spool_drop(sjl_conn_t *c);


#endif /* _SJL_SPOOL_H_INCLUDED_ */
