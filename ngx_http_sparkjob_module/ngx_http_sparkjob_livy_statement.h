
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * A statement, as one answer or as one of a list.
 */


#ifndef _NGX_HTTP_SPARKJOB_LIVY_STATEMENT_H_INCLUDED_
#define _NGX_HTTP_SPARKJOB_LIVY_STATEMENT_H_INCLUDED_


#include <ngx_http_sparkjob_livy.h>


typedef struct {
    ngx_http_sparkjob_record_t   *rec;
    json_int_t                    number;
    json_int_t                    began;    /* ms; 0: it does not run */
    ngx_str_t                     id;       /* of the job that it is */
    ngx_str_t                     code;
    ngx_chain_t                  *output;   /* NULL: none (yet) */
    unsigned                      killing:1;
    unsigned                      coded:1;  /* the code is there */
} ngx_http_sparkjob_livy_statement_t;


/*
 * ngx_http_sparkjob_livy_statement_take() fills it in with what a message says:
 * the record, the code unless it is a long one, and the output unless that is
 * to be fetched.  ngx_http_sparkjob_livy_statement_chain() is its JSON; NULL:
 * no memory.
 */
ngx_int_t ngx_http_sparkjob_livy_statement_take(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg,
    ngx_http_sparkjob_livy_statement_t *st);
ngx_int_t ngx_http_sparkjob_livy_statement_code(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call, json_int_t number);
ngx_chain_t *ngx_http_sparkjob_livy_statement_chain(ngx_http_request_t *r,
    ngx_http_sparkjob_livy_statement_t *st);


#endif /* _NGX_HTTP_SPARKJOB_LIVY_STATEMENT_H_INCLUDED_ */
