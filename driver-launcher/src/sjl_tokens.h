
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Tokens of Hadoop for drivers that a cluster has started for another user, who
 * have neither tickets nor a keytab: an errand gets them in that user's name,
 * and they go over the driver's link.  Those that it was submitted with its
 * cluster renews, but not for ever.
 */


#ifndef _SJL_TOKENS_H_INCLUDED_
#define _SJL_TOKENS_H_INCLUDED_


#include "sjl_context.h"


/* whether a context's driver has them from us, and could be given new ones */
int sjl_tokens_wanted(const sjl_context_t *ctx);

/* gets new ones; if there are none, that is tried again soon */
void sjl_tokens_get(sjl_context_t *ctx);

/* nobody wants them any longer */
void sjl_tokens_forget(sjl_context_t *ctx);


#endif /* _SJL_TOKENS_H_INCLUDED_ */
