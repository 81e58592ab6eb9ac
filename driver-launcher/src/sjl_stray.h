
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Jobs that a driver knows and that are not in memory.  Either they are final,
 * killed while their thread would not stop, or nobody told us the end was
 * heard; or the launcher before died before it could keep the submission.
 * Then it comes again if somebody waits for it, and if it does not, the job is
 * nobody's and is killed.  A stray holds a slot of its lane until it has ended.
 */


#ifndef _SJL_STRAY_H_INCLUDED_
#define _SJL_STRAY_H_INCLUDED_


#include "sjl_context.h"


/*
 * A driver speaks of such a job; "ended": that it is over.  Of one that has a
 * row this tells the lane, of another one the driver.  SJL_ERROR: there are
 * more of them than any launcher can have left.
 */
int sjl_stray_heard(sjl_context_t *ctx, const char *id, sjl_lane_e lane,
    int ended);

/* whether it is one */
int sjl_stray_is(sjl_context_t *ctx, const char *id);

/*
 * Its submission has come: it is a job like others, no stray any longer.
 * Returns whether it was one.
 */
int sjl_stray_found(sjl_context_t *ctx, const char *id);

void sjl_strays_free(sjl_context_t *ctx);


#endif /* _SJL_STRAY_H_INCLUDED_ */
