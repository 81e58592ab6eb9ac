
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What the configuration wants to be there: contexts and binaries.
 */


#ifndef _SJL_PREDEFINED_H_INCLUDED_
#define _SJL_PREDEFINED_H_INCLUDED_


#include "sjl_context.h"


/*
 * Begins with all that is not there yet, at the start of the launcher, or with
 * what is new in its configuration: these were there before.
 */
void sjl_predefined_start(const json_t *contexts, const json_t *binaries);

/* a binary that was to be stored is, or cannot be */
void sjl_predefined_stored(void);

/*
 * Makes the contexts that are not there, and answers once they run: or, when
 * one has failed, with context-init-failed and its name.  For "own" see
 * sjl_context_owned().
 */
void sjl_predefined_recreate(sjl_request_t *r, const char *own);

/* one of them runs or has ended; "error" is NULL or why it does not run */
void sjl_predefined_answered(sjl_context_t *ctx, const char *reason,
    const void *error, size_t size);


#endif /* _SJL_PREDEFINED_H_INCLUDED_ */
