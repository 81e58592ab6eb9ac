
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Livy's dialect: what its resources have in common.
 */


#ifndef _NGX_HTTP_SPARKJOB_LIVY_H_INCLUDED_
#define _NGX_HTTP_SPARKJOB_LIVY_H_INCLUDED_


#include <ngx_http_sparkjob_module.h>


/* the label of refusals whose text is told as a JSON string, not as "msg" */
#define NGX_HTTP_SPARKJOB_LIVY_STRING  "string"

/* of the body of a request, and so of code */
#define NGX_HTTP_SPARKJOB_LIVY_BODY    (1024 * 1024)

/* of what a driver has said, as much is looked at for all lines, and a few */
#define NGX_HTTP_SPARKJOB_LIVY_TAIL    (256 * 1024)
#define NGX_HTTP_SPARKJOB_LIVY_END     (16 * 1024)


/* "from" and "size" of lists and logs, as Livy understands them */

typedef struct {
    ngx_int_t                     from;
    ngx_int_t                     size;
    ngx_str_t                     order;
} ngx_http_sparkjob_livy_page_t;


/*
 * A member of a request that stands for a setting: what it has to be, and what
 * the setting is called.
 */

typedef enum {
    NGX_HTTP_SPARKJOB_LIVY_TEXT = 0,
    NGX_HTTP_SPARKJOB_LIVY_NUMBER,
    NGX_HTTP_SPARKJOB_LIVY_TIME,        /* "10m", told in seconds */
    NGX_HTTP_SPARKJOB_LIVY_LIST,        /* told with commas between */
    NGX_HTTP_SPARKJOB_LIVY_CONF         /* each member is a setting */
} ngx_http_sparkjob_livy_type_e;


typedef struct {
    const char                     *name;
    ngx_http_sparkjob_livy_type_e   type;
    const char                     *setting;    /* NULL: none */
} ngx_http_sparkjob_livy_member_t;


/* the last lines of a log, in memory */

typedef struct {
    u_char                       *start;
    u_char                       *last;
    ngx_uint_t                    total;
} ngx_http_sparkjob_livy_log_t;


/*
 * livy: what is said of the dialect as a whole
 */
ngx_int_t ngx_http_sparkjob_livy_page(ngx_http_sparkjob_ctx_t *ctx,
    ngx_http_sparkjob_livy_page_t *page, ngx_uint_t log);
ngx_int_t ngx_http_sparkjob_livy_number(ngx_http_sparkjob_ctx_t *ctx,
    ngx_str_t *s, json_int_t *number);
ngx_int_t ngx_http_sparkjob_livy_done(ngx_http_request_t *r, const char *msg);
ngx_uint_t ngx_http_sparkjob_livy_may_be_all(ngx_http_sparkjob_ctx_t *ctx);
ngx_uint_t ngx_http_sparkjob_livy_may_be(ngx_http_sparkjob_ctx_t *ctx,
    ngx_str_t *user);
ngx_int_t ngx_http_sparkjob_livy_not_him(ngx_http_sparkjob_ctx_t *ctx,
    ngx_str_t *user);

/*
 * body: JSON of requests.  NGX_DECLINED: ctx->problem says what is wrong.  What
 * is read lives as long as the request.
 */
ngx_int_t ngx_http_sparkjob_livy_body(ngx_http_request_t *r, json_t **body);
ngx_int_t ngx_http_sparkjob_livy_string(ngx_http_sparkjob_ctx_t *ctx,
    json_t *body, const char *name, ngx_str_t *value);
ngx_int_t ngx_http_sparkjob_livy_scalar(ngx_http_sparkjob_ctx_t *ctx,
    const char *name, const char *expected, json_t *value, ngx_str_t *text);
ngx_int_t ngx_http_sparkjob_livy_integer(ngx_http_sparkjob_ctx_t *ctx,
    json_t *body, const char *name, json_int_t *value);
ngx_int_t ngx_http_sparkjob_livy_wrong(ngx_http_sparkjob_ctx_t *ctx,
    const char *name, const char *expected, json_t *value);
ngx_int_t ngx_http_sparkjob_livy_bytes(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg, ngx_str_t *bytes);

/*
 * member: turns members of a request into settings, and into what is told of
 * them later ("echo").
 */
ngx_int_t ngx_http_sparkjob_livy_members(ngx_http_sparkjob_ctx_t *ctx,
    ngx_http_sparkjob_livy_member_t *members, json_t *body, json_t *settings,
    json_t *echo);

/* log: see the comments there */
ngx_int_t ngx_http_sparkjob_livy_log_read(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg, size_t tail, ngx_str_t *more,
    ngx_http_sparkjob_livy_log_t *log);
void ngx_http_sparkjob_livy_log_page(ngx_http_sparkjob_livy_log_t *log,
    ngx_http_sparkjob_livy_page_t *page);
size_t ngx_http_sparkjob_livy_log_len(ngx_http_sparkjob_livy_log_t *log);
u_char *ngx_http_sparkjob_livy_log_lines(u_char *p,
    ngx_http_sparkjob_livy_log_t *log, ngx_http_sparkjob_livy_page_t *page);

/*
 * row: what a record tells of a session.  The state is good as long as it is
 * not changed.  ngx_http_sparkjob_livy_ui() is where the UIs of sessions can be
 * seen, as in JSON; empty: nowhere.
 */
ngx_int_t ngx_http_sparkjob_livy_ui(ngx_http_request_t *r, ngx_str_t *ui);
ngx_str_t *ngx_http_sparkjob_livy_state(ngx_http_sparkjob_record_t *rec);

/*
 * create: NGX_DECLINED: there is no such kind.  The empty name is the empty
 * kind.
 */
ngx_int_t ngx_http_sparkjob_livy_kind(ngx_http_sparkjob_ctx_t *ctx,
    ngx_str_t *name, ngx_str_t *kind);

/* sessions */
ngx_int_t ngx_http_sparkjob_livy_session_tell(ngx_http_request_t *r,
    ngx_uint_t status, ngx_http_sparkjob_record_t *rec,
    ngx_http_sparkjob_livy_log_t *log);
extern ngx_http_sparkjob_refusal_t  ngx_http_sparkjob_livy_refusals[];

ngx_int_t ngx_http_sparkjob_livy_session_list(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_livy_session_post(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_livy_session_get(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_livy_session_state(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_livy_session_log(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_livy_session_delete(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_livy_session_stop(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_livy_session_interrupt(ngx_http_request_t *r);

/* statements */
ngx_int_t ngx_http_sparkjob_livy_statement_list(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_livy_statement_post(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_livy_statement_get(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_livy_statement_cancel(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_livy_completion(ngx_http_request_t *r);

/* batches */
ngx_int_t ngx_http_sparkjob_livy_batch_list(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_livy_batch_post(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_livy_batch_get(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_livy_batch_state(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_livy_batch_log(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_livy_batch_delete(ngx_http_request_t *r);


#endif /* _NGX_HTTP_SPARKJOB_LIVY_H_INCLUDED_ */
