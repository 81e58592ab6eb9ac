
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What has to fit together in a configuration whose members are right one by
 * one; and what is completed: paths, and settings as text.
 */


#ifndef _SJL_CONFIG_CHECK_H_INCLUDED_
#define _SJL_CONFIG_CHECK_H_INCLUDED_


#include "sjl_config.h"


typedef struct {
    sjl_config_t  *conf;
    json_t        *errors;
    char          *folder;              /* what relative paths begin at */
} sjl_config_ctx_t;


void sjl_config_check(sjl_config_ctx_t *ctx);

/* a sentence more about what is wrong */
void sjl_config_error(sjl_config_ctx_t *ctx, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));


#endif /* _SJL_CONFIG_CHECK_H_INCLUDED_ */
