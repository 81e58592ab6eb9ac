
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What a context shows of the cluster that it runs on, as its driver says.
 */


#ifndef _SJL_SHOWN_H_INCLUDED_
#define _SJL_SHOWN_H_INCLUDED_


#include "sjl_context.h"


/*
 * Takes what a driver tells, an object or NULL; what is no link and no count is
 * left out.  Returns whether anything has changed.
 */
int sjl_shown_take(sjl_context_t *ctx, const json_t *told);

/* what records of a context have of it, an object or NULL */
json_t *sjl_shown_record(const sjl_context_row_t *row);


#endif /* _SJL_SHOWN_H_INCLUDED_ */
