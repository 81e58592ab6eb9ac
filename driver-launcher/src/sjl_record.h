
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Rows as records of the protocol.
 */


#ifndef _SJL_RECORD_H_INCLUDED_
#define _SJL_RECORD_H_INCLUDED_


#include "sjl_row.h"


json_t *sjl_record_context(const sjl_context_row_t *row);
json_t *sjl_record_job(const sjl_job_row_t *row);
json_t *sjl_record_binary(const sjl_binary_row_t *row);

/* {"op": "put", "kind": ..., "record": ...}; the record is released */
json_t *sjl_record_put(const char *kind, json_t *record);


#endif /* _SJL_RECORD_H_INCLUDED_ */
