
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Sessions: every context that is not ad hoc is one, and has a number.
 */


#ifndef _SJL_SESSION_H_INCLUDED_
#define _SJL_SESSION_H_INCLUDED_


#include "sjl_context.h"


/* what a new context is as a session, its name too */
void sjl_session_begin(sjl_context_t *ctx, const sjl_context_spec_t *spec);

/* it can be found by its number, and not any longer */
void sjl_session_enter(sjl_context_t *ctx);
void sjl_session_leave(sjl_context_t *ctx);

/* the record of a context, with what only memory knows if it is alive */
json_t *sjl_session_record(const sjl_context_row_t *row);

/*
 * One that is not final, by number or name, as a request names it: "own" is put
 * before a name, and is what the name of one with this number has to begin
 * with.  This counts as a sign of life of who uses it.
 */
sjl_context_t *sjl_session_find(const char *session, const char *own);

/*
 * Looks for one that is not final, or has died and is shown yet, and calls "fn"
 * with its row, which is good until then; or with NULL, after the request was
 * refused.
 */
void sjl_session_look(sjl_request_t *r, const char *session, const char *own,
    void (*fn)(void *data, sjl_request_t *r, const sjl_context_row_t *row),
    void *data);

/* refuses what one that is not alive, or not there, cannot do */
void sjl_session_refuse(sjl_request_t *r, const char *session,
    const char *own);

/* how long one that ends unasked is shown, in a row with state and end */
int64_t sjl_session_until(const sjl_context_t *ctx);

/* likewise, and one that has died is not shown any longer */
void sjl_session_forget(sjl_request_t *r, const char *session,
    const char *own);

/* a statement of it was told of for the first time, or has ended */
void sjl_session_busy(sjl_context_t *ctx, int begins);


#endif /* _SJL_SESSION_H_INCLUDED_ */
