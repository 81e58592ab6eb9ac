
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Statements: jobs that are code for an interpreter of their context.  They
 * have numbers, and run one at a time in the order of these; none is run again
 * by another driver, since what those before it have left behind is gone.
 */


#ifndef _SJL_STATEMENT_H_INCLUDED_
#define _SJL_STATEMENT_H_INCLUDED_


#include "sjl_job.h"


/* messages */
void sjl_statement_submit(sjl_conn_t *c, sjl_frame_t *f);
void sjl_statement_get(sjl_conn_t *c, sjl_frame_t *f);
void sjl_statement_code(sjl_conn_t *c, sjl_frame_t *f);
void sjl_statement_list(sjl_conn_t *c, sjl_frame_t *f);
void sjl_statement_cancel(sjl_conn_t *c, sjl_frame_t *f);

/*
 * What a statement is written in: "kind", or what the context is for where
 * that is empty.  NULL: *why, to be freed, tells what is wrong.
 */
const char *sjl_statement_kind(const sjl_context_t *ctx, const char *kind,
    char **why);

/* the metadata of link-run */
json_t *sjl_statement_frame(const sjl_job_t *job);

/* the record of a row, with the code, unless that is long */
json_t *sjl_statement_record(const sjl_job_row_t *row);

/*
 * Who asks for a young statement is answered when it ends, or is older than
 * livy.wait: most are over by then, and clients sleep between two questions.
 */
void sjl_statement_ended(sjl_job_t *job, const sjl_job_row_t *row);

/* they are answered by what its row says now */
void sjl_statement_again(sjl_job_t *job);

/* its driver is gone, and another one comes */
void sjl_statement_lost(sjl_job_t *job);


#endif /* _SJL_STATEMENT_H_INCLUDED_ */
