
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_dao.h"
#include "sjl_state.h"


static int sjl_filter_is(const char *wanted, const char *value);


int
sjl_filter_has(const sjl_filter_t *filter, const sjl_job_row_t *row)
{
    return sjl_filter_is(filter->state, sjl_job_states[row->state])
           && sjl_filter_is(filter->context, row->context)
           && sjl_filter_is(filter->user, row->user)
           && sjl_filter_is(filter->class, row->class);
}


static int
sjl_filter_is(const char *wanted, const char *value)
{
    return wanted == NULL || strcmp(wanted, value) == 0;
}


void
sjl_filter_clear(sjl_filter_t *filter)
{
    free(filter->state);
    free(filter->context);
    free(filter->user);
    free(filter->class);
}
