
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Which state may follow which, and what states, errors and messages are
 * called.
 */


#ifndef _SJL_STATE_H_INCLUDED_
#define _SJL_STATE_H_INCLUDED_


#include "sjl.h"


/* zero-terminated lists of names */
extern const char *const  sjl_context_states[];
extern const char *const  sjl_job_states[];
extern const char *const  sjl_batch_states[];
extern const char *const  sjl_payloads[];
extern const char *const  sjl_errors[];
extern const char *const  sjl_kinds[];


/* whether a state is final, and whether one may be left for another */
int sjl_context_state_final(int64_t state);
int sjl_context_state_may(int64_t from, int64_t to);
int sjl_job_state_final(int64_t state);
int sjl_job_state_may(int64_t from, int64_t to);

/* whether an error code comes with an error as payload */
int sjl_error_explained(int64_t code);

/* the place of a name in one of the lists, or -1 */
int sjl_name_find(const char *const *names, const char *name);


#endif /* _SJL_STATE_H_INCLUDED_ */
