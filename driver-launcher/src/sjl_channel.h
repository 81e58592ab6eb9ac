
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The channel's own messages, and the events that go to all channels.
 */


#ifndef _SJL_CHANNEL_H_INCLUDED_
#define _SJL_CHANNEL_H_INCLUDED_


#include "sjl_conn.h"


void sjl_channel_hello(sjl_conn_t *c, sjl_frame_t *f);
void sjl_channel_ping(sjl_conn_t *c, sjl_frame_t *f);
void sjl_channel_pong(sjl_conn_t *c, sjl_frame_t *f);

/* begins a new epoch */
void sjl_channel_init(void);

/*
 * Tells all modules of a record, which is released; "op" is put or remove.
 * What it tells has to be durable.
 */
void sjl_channel_publish(const char *op, const char *kind, json_t *record,
    const void *payload, size_t size);

/* the present epoch and seq as metadata of an answer */
json_t *sjl_channel_position(void);


#endif /* _SJL_CHANNEL_H_INCLUDED_ */
