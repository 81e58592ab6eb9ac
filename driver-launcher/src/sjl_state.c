
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_state.h"


#define SJL_X(sym, name, final)  name,

const char *const  sjl_context_states[] = { SJP_CONTEXT_STATES(SJL_X) NULL };
const char *const  sjl_job_states[] = { SJP_JOB_STATES(SJL_X) NULL };
const char *const  sjl_batch_states[] = { SJP_BATCH_STATES(SJL_X) NULL };

#undef SJL_X


#define SJL_X(sym, name)  name,

const char *const  sjl_errors[] = { SJP_ERRORS(SJL_X) NULL };
const char *const  sjl_kinds[] = { SJP_KINDS(SJL_X) NULL };

#undef SJL_X


const char *const  sjl_payloads[] = {
    "none", "result", "error", "stored", NULL
};


#define SJL_X(sym, name, final)  final,

static const unsigned char  sjl_context_finals[] = {
    SJP_CONTEXT_STATES(SJL_X)
};

static const unsigned char  sjl_job_finals[] = { SJP_JOB_STATES(SJL_X) };

#undef SJL_X


/*
 * A bit for each state that may follow.  A context that is not asked to stop
 * may all the same be FINISHED: its driver has stopped by itself, in order.
 */

#define SJL_C(sym)  (1 << SJP_CONTEXT_##sym)

static const unsigned char  sjl_context_next[SJP_CONTEXT_NSTATES] = {
    [SJP_CONTEXT_STARTED] = SJL_C(RUNNING)|SJL_C(STOPPING)|SJL_C(FINISHED)
                            |SJL_C(ERROR)|SJL_C(KILLED),
    [SJP_CONTEXT_RUNNING] = SJL_C(STOPPING)|SJL_C(RESTARTING)|SJL_C(FINISHED)
                            |SJL_C(ERROR)|SJL_C(KILLED),
    [SJP_CONTEXT_STOPPING] = SJL_C(FINISHED)|SJL_C(ERROR)|SJL_C(KILLED),
    [SJP_CONTEXT_RESTARTING] = SJL_C(RUNNING)|SJL_C(STOPPING)|SJL_C(ERROR)
                               |SJL_C(KILLED)
};


/* FINISHED follows STARTED, RESTARTING when "started" was lost with a link */

#define SJL_J(sym)  (1 << SJP_JOB_##sym)

static const unsigned char  sjl_job_next[SJP_JOB_NSTATES] = {
    [SJP_JOB_STARTED] = SJL_J(RUNNING)|SJL_J(FINISHED)|SJL_J(ERROR)
                        |SJL_J(KILLED),
    [SJP_JOB_RUNNING] = SJL_J(RESTARTING)|SJL_J(FINISHED)|SJL_J(ERROR)
                        |SJL_J(KILLED),
    [SJP_JOB_RESTARTING] = SJL_J(RUNNING)|SJL_J(FINISHED)|SJL_J(ERROR)
                           |SJL_J(KILLED)
};


static const unsigned char  sjl_errors_explained[SJP_NERRORS] = {
    [SJP_ERR_STORAGE_FAILED] = 1,
    [SJP_ERR_NO_SPACE] = 1,
    [SJP_ERR_CONTEXT_INIT_FAILED] = 1,
    [SJP_ERR_CONTEXT_BAD_URL] = 1,
    [SJP_ERR_LOADING_FAILED] = 1,
    [SJP_ERR_LOADING_BAD_URL] = 1,
    [SJP_ERR_BAD_URI] = 1,
    [SJP_ERR_VALIDATION_FAILED] = 1,
    [SJP_ERR_BAD_SETTING] = 1
};


int
sjl_context_state_final(int64_t state)
{
    return sjl_context_finals[state];
}


int
sjl_context_state_may(int64_t from, int64_t to)
{
    return sjl_context_next[from] >> to & 1;
}


int
sjl_job_state_final(int64_t state)
{
    return sjl_job_finals[state];
}


int
sjl_job_state_may(int64_t from, int64_t to)
{
    return sjl_job_next[from] >> to & 1;
}


int
sjl_error_explained(int64_t code)
{
    return sjl_errors_explained[code];
}


int
sjl_name_find(const char *const *names, const char *name)
{
    int  i;

    for (i = 0; names[i]; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }

    return -1;
}
