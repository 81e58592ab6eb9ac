
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Which function takes which message.
 */


#ifndef _SJL_DISPATCH_H_INCLUDED_
#define _SJL_DISPATCH_H_INCLUDED_


#include "sjl_conn.h"


/*
 * Has a frame handled.  Returns SJL_ERROR when the peer may not send it: the
 * connection has to be closed then.
 */
int sjl_dispatch(sjl_conn_t *c, sjl_frame_t *f);


#endif /* _SJL_DISPATCH_H_INCLUDED_ */
