
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * How much is taken on at once.  What comes beyond is refused before anything
 * is done for it, with "overloaded": whoever asks again a little later loses
 * nothing.
 */


#ifndef _SJL_LIMIT_H_INCLUDED_
#define _SJL_LIMIT_H_INCLUDED_


#include "sjl_context.h"


/* SJL_ERROR: there is too much to do for this message, and it was answered */
int sjl_limit_message(sjl_conn_t *c, const sjl_frame_t *f);

/*
 * Whether a submission that is new, with a body in a file or -1, may be taken;
 * if not the request is refused.
 */
int sjl_limit_take(sjl_request_t *r, int fd);

/* whether one more module may have a channel */
int sjl_limit_channel(void);

/* whether one more local peer may connect that has yet to say who it is */
int sjl_limit_stranger(void);

/* whether one more context may start, of those that nobody asks for */
int sjl_limit_may_start(void);

/*
 * Whether one more context may start, or one more job of "size" bytes wait for
 * a context; if not the request is refused.
 */
int sjl_limit_start(sjl_request_t *r);
int sjl_limit_body(sjl_request_t *r, const sjl_context_t *ctx, size_t size);

/* what may wait until the peer reads it, in bytes */
size_t sjl_limit_queue(const sjl_conn_t *c);


#endif /* _SJL_LIMIT_H_INCLUDED_ */
