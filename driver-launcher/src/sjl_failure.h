
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Why a context has ended, in words that its user understands.
 */


#ifndef _SJL_FAILURE_H_INCLUDED_
#define _SJL_FAILURE_H_INCLUDED_


#include "sjl_context.h"


struct sjl_failure_s {
    int64_t    code;                    /* sjp_error_e */
    char      *reason;                  /* one sentence without a subject */
    char      *error;                   /* as clients read it, or NULL */
    char      *tail;                    /* of the driver's log since the oldest
                                           job that runs came, or NULL */
    unsigned   reported:1;              /* by the driver, which then exits */
};


/* a reason that is taken over */
void sjl_failure_words(sjl_failure_t *why, char *reason);

/* an error that the driver has sent */
void sjl_failure_reported(sjl_failure_t *why, sjp_error_e code,
    const char *error, size_t size);

/* the driver took too long to start */
void sjl_failure_late(sjl_failure_t *why, const sjl_context_t *ctx,
    int connected);

/* the driver (NULL: there was none) has ended after it was asked to, or not */
void sjl_failure_stopped(sjl_failure_t *why, const sjl_context_t *ctx,
    const sjl_driver_t *d, int status);
void sjl_failure_exit(sjl_failure_t *why, const sjl_context_t *ctx,
    const sjl_driver_t *d, int status);

/* how much the driver has logged: what comes behind that is later */
int64_t sjl_failure_mark(const sjl_context_t *ctx);

/* makes the error that the context's creators are told, unless there is one */
void sjl_failure_complete(sjl_failure_t *why, const sjl_context_t *ctx);

void sjl_failure_clear(sjl_failure_t *why);


#endif /* _SJL_FAILURE_H_INCLUDED_ */
