
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * One row of the database, looked up for one answer.
 */


#ifndef _SJL_LOOK_H_INCLUDED_
#define _SJL_LOOK_H_INCLUDED_


#include "sjl_db.h"


/*
 * What becomes of it.  "row" is NULL when there is none of that id, and is
 * released behind the call; "why" is not NULL when the storage failed.
 */
typedef void (*sjl_look_pt)(void *data, const void *row,
    const sjl_why_t *why);


/* looks for the row of an id, and calls "done" on the loop */
void sjl_look_job(const char *id, sjl_look_pt done, void *data);
void sjl_look_context(const char *id, sjl_look_pt done, void *data);

/* the newest context of a name */
void sjl_look_context_named(const char *name, sjl_look_pt done, void *data);

/* the context that is a session, and a statement of one */
void sjl_look_session(int64_t session, sjl_look_pt done, void *data);
void sjl_look_statement(const char *context, int64_t number, sjl_look_pt done,
    void *data);


#endif /* _SJL_LOOK_H_INCLUDED_ */
