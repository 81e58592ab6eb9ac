
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What a driver may use at most: by resource limits of each of its processes,
 * or, where the configuration names a folder of cgroup v2, by a group for each
 * context, which also has those that leave the driver's session.
 */


#ifndef _SJL_QUOTA_H_INCLUDED_
#define _SJL_QUOTA_H_INCLUDED_


#include "sjl.h"


/*
 * Makes the group of a context's driver.  Returns a descriptor to be handed to
 * sjl_quota_apply(), -1 when there are no groups, or SJL_QUOTA_FAILED, and has
 * logged why.
 */
int sjl_quota_group(const char *context);

#define SJL_QUOTA_FAILED  -2

/* for this process, before it executes a program; SJL_OK or SJL_ERROR */
int sjl_quota_apply(int group);

/* ends what is left of a context's driver, which has ended itself */
void sjl_quota_kill(const char *context);

/* removes groups without a driver, now or when they are empty */
void sjl_quota_sweep(void);


#endif /* _SJL_QUOTA_H_INCLUDED_ */
