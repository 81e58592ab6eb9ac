
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Completion of code that is being written: asked of the interpreter of a
 * session, and kept nowhere.
 */


#ifndef _SJL_COMPLETE_H_INCLUDED_
#define _SJL_COMPLETE_H_INCLUDED_


#include "sjl_context.h"


/* messages */
void sjl_complete_ask(sjl_conn_t *c, sjl_frame_t *f);
void sjl_complete_answered(sjl_conn_t *c, sjl_frame_t *f);

/* its driver cannot answer any longer what it was asked */
void sjl_complete_lost(sjl_context_t *ctx);


#endif /* _SJL_COMPLETE_H_INCLUDED_ */
