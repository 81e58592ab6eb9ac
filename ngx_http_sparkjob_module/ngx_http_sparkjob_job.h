
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * A job on its way to the launcher, for the routes that submit one.
 */


#ifndef _NGX_HTTP_SPARKJOB_JOB_H_INCLUDED_
#define _NGX_HTTP_SPARKJOB_JOB_H_INCLUDED_


#include <ngx_http_sparkjob_module.h>


#define NGX_HTTP_SPARKJOB_URL_MAX  2048


typedef struct {
    ngx_flag_t                   sync;
    ngx_int_t                    timeout;
    ngx_str_t                    app;
    ngx_str_t                    class_path;
    ngx_str_t                    cp;
    ngx_str_t                    main_class;
    ngx_str_t                    context;
    ngx_str_t                    dependent;
    ngx_str_t                    callback;
    ngx_str_t                    proxy_user;
    ngx_flag_t                   early;     /* answered before validation */
    ngx_flag_t                   traced;

    json_t                      *names;     /* of binaries, or URIs */
    json_t                      *dependents;
    ngx_str_t                    class;
    ngx_http_sparkjob_record_t  *rec;       /* as the launcher accepted it */
    ngx_http_sparkjob_trace_t   *trace;     /* NULL: not asked for */
    ngx_msec_t                   end;       /* of the time for it to do so */
    unsigned                     overdue:1; /* the client's patience is over */
} ngx_http_sparkjob_job_t;


/*
 * Begins a job, which is zeroed memory of the request's, with the parameters
 * of a table; what it runs is added then.  NGX_DECLINED: ctx->problem is set.
 */
ngx_int_t ngx_http_sparkjob_job_begin(ngx_http_request_t *r,
    ngx_http_sparkjob_job_t *job, ngx_http_sparkjob_param_t *params);

/* submits it, or answers what "rc" says of how it began */
ngx_int_t ngx_http_sparkjob_job_end(ngx_http_request_t *r,
    ngx_http_sparkjob_job_t *job, const char *route, ngx_int_t rc);

ngx_int_t ngx_http_sparkjob_job_validate(ngx_http_sparkjob_ctx_t *ctx,
    ngx_keyval_t *arg, void *field, ngx_uint_t max);


#endif /* _NGX_HTTP_SPARKJOB_JOB_H_INCLUDED_ */
