
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What of the data folder drivers of other users may reach: their own contexts'
 * folders, and binaries and data files whose names they know.  They have our
 * group for that.
 */


#ifndef _SJL_SHARE_H_INCLUDED_
#define _SJL_SHARE_H_INCLUDED_


#include "sjl_owner.h"


/* opens what is there; returns SJL_OK or SJL_ERROR, and has logged why */
int sjl_share_open(const char *root);

/* the mode of what they read; on any thread */
mode_t sjl_share_mode(void);

/*
 * Gives a new folder of a context, with all of these parts, to its owner; for
 * one that is ours nothing is done.  Returns the path that failed, to be freed,
 * or NULL.
 */
char *sjl_share_give(const char *folder, const char *const *parts, size_t n,
    const sjl_owner_t *owner);


#endif /* _SJL_SHARE_H_INCLUDED_ */
