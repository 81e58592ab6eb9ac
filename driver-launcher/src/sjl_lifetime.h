
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * How long a context may live: without a job, without a sign of life of who
 * uses it, and in all.  No limit ends one that has a job which runs or is
 * queued.
 */


#ifndef _SJL_LIFETIME_H_INCLUDED_
#define _SJL_LIFETIME_H_INCLUDED_


#include "sjl_context.h"


void sjl_lifetime_init(sjl_context_t *ctx);

/* it runs: what its row says of limits holds from now on */
void sjl_lifetime_begin(sjl_context_t *ctx);

/*
 * Whether it has a job that is not final, or one that is not ours yet;
 * statements count as the configuration says.
 */
int sjl_lifetime_busy(const sjl_context_t *ctx);

/* its last job has ended, or a statement has come */
void sjl_lifetime_idle(sjl_context_t *ctx);

/* somebody uses it yet: its heartbeat begins anew */
void sjl_lifetime_beat(sjl_context_t *ctx);

void sjl_lifetime_end(sjl_context_t *ctx);


#endif /* _SJL_LIFETIME_H_INCLUDED_ */
