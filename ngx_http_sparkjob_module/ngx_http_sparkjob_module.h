
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The REST surface of a Spark job server.  Requests are answered from the
 * shared memory zone where that can be, anything else is asked of the launcher
 * over the worker's channel; docs/protocol.md has the messages.
 */


#ifndef _NGX_HTTP_SPARKJOB_MODULE_H_INCLUDED_
#define _NGX_HTTP_SPARKJOB_MODULE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <jansson.h>
#include <sparkjob_fault.h>
#include <sparkjob_protocol.h>

#include <ngx_http_sparkjob_record.h>
#include <ngx_http_sparkjob_channel.h>


#ifndef ngx_rbtree_data         /* nginx before 1.21 */
#define ngx_rbtree_data  ngx_queue_data
#endif


#define NGX_HTTP_SPARKJOB_ID_LEN  36

/* how much of the zone is copied at once for those who watch */
#define NGX_HTTP_SPARKJOB_PIECE       (64 * 1024)

/* what one turn of the event loop does at most: frames read, waiters asked */
#define NGX_HTTP_SPARKJOB_BATCH       256


/* what requests may be allowed to do */

#define NGX_HTTP_SPARKJOB_NO_ROLE     0x00
#define NGX_HTTP_SPARKJOB_READ        0x01
#define NGX_HTTP_SPARKJOB_SUBMIT      0x02
#define NGX_HTTP_SPARKJOB_CONTEXTS    0x04
#define NGX_HTTP_SPARKJOB_BINARIES    0x08
#define NGX_HTTP_SPARKJOB_ADMIN       0x10      /* everything */


typedef struct ngx_http_sparkjob_trace_s  ngx_http_sparkjob_trace_t;


/* a walk over what is not final */

typedef struct {
    uint64_t                      epoch;    /* where the zone stood */
    uint64_t                      seq;
    uint64_t                      last;
    uint64_t                      end;      /* 0: not begun */
} ngx_http_sparkjob_state_walk_t;


typedef struct {
    ngx_uint_t                    method;
    ngx_str_t                     pattern;  /* "*" is one segment, "**" all
                                               that are left, "~" one segment
                                               that names a context; behind
                                               these "**" may be empty */
    ngx_uint_t                    body;
    ngx_http_sparkjob_handler_pt  handler;
    ngx_uint_t                    role;     /* that it needs; 0: none */
    ngx_uint_t                    own_role; /* where all that it reaches is
                                               the user's own */
} ngx_http_sparkjob_route_t;


/* what requests that are passed on tell their location */

typedef enum {
    NGX_HTTP_SPARKJOB_PASS_UI = 0,
    NGX_HTTP_SPARKJOB_PASS_UI_BASE,
    NGX_HTTP_SPARKJOB_PASS_UI_ROOT,
    NGX_HTTP_SPARKJOB_PASS_THRIFT,
    NGX_HTTP_SPARKJOB_PASS_THRIFT_LOGIN,
    NGX_HTTP_SPARKJOB_NPASS
} ngx_http_sparkjob_pass_e;


typedef struct {
    ngx_array_t                   zones;    /* ngx_http_sparkjob_zone_t * */
    ngx_int_t                     pass[NGX_HTTP_SPARKJOB_NPASS];
                                            /* indices of variables */
} ngx_http_sparkjob_main_conf_t;


typedef struct {
    ngx_http_sparkjob_zone_t     *zone;
    ngx_http_sparkjob_route_t    *routes;
    ngx_uint_t                    livy;     /* the dialect is Livy's */
    ngx_str_t                     prefix;
    ngx_http_complex_value_t     *user;
    ngx_http_complex_value_t     *origin;   /* whether it may be another */
    ngx_array_t                  *allow;    /* NULL: everybody everything */
    ngx_open_file_t              *audit;    /* NULL: off */
    ngx_str_t                     ui;       /* named locations; empty: off */
    ngx_str_t                     thrift;
    ngx_flag_t                    owner;
    ngx_flag_t                    proxy_user;
    ngx_msec_t                    sync_timeout;
    ngx_msec_t                    context_timeout;
    ngx_msec_t                    delete_timeout;
    ngx_msec_t                    launcher_timeout;
    ngx_msec_t                    reply_timeout;
} ngx_http_sparkjob_loc_conf_t;


struct ngx_http_sparkjob_ctx_s {
    ngx_http_request_t           *request;
    ngx_http_sparkjob_zone_t     *zone;
    ngx_http_sparkjob_route_t    *route;
    ngx_open_file_t              *audit;
    ngx_str_t                     name;     /* what stands for "*" */
    ngx_str_t                     rest;     /* for the second one, or "**" */
    ngx_str_t                     stored;   /* a context's, in the launcher */
    ngx_str_t                     about;    /* a job's context, likewise */
    ngx_array_t                  *args;     /* ngx_keyval_t, decoded */
    ngx_str_t                     user;
    ngx_str_t                     as;       /* on whose behalf it asks, if it
                                               says so: the user, then, */
    ngx_str_t                     asker;    /* instead of the one that it is */
    ngx_uint_t                    denied;   /* the role that it lacks */
    ngx_str_t                     owner;    /* the user, if what belongs to
                                               others is not there for it */
    ngx_str_t                     own;      /* stands before the names of the
                                               user's contexts: "<user>~" */
    ngx_str_t                     own_json;
    ngx_str_t                     key;      /* Idempotency-Key */
    ngx_str_t                     problem;  /* with a parameter */
    ngx_uint_t                    status;   /* of it, 0: 400 */
    void                         *data;     /* of the route's handler */

    ngx_http_sparkjob_op_t        op;
    ngx_event_t                   timer;
    ngx_msec_t                    deadline;
    ngx_msec_t                    until;    /* for an absent launcher */
    ngx_msec_t                    polled;   /* for the zone to be loaded */
    ngx_http_sparkjob_handler_pt  expire;

    /* parked until the job with this id has ended */
    ngx_rbtree_node_t             waiter;
    ngx_queue_t                   asking;
    ngx_str_t                     id;
    ngx_http_sparkjob_wake_pt     wake;
    ngx_http_sparkjob_handler_pt  again;

    ngx_str_t                     error;    /* the body of an error page */
    ngx_str_t                     passed;   /* the location that answers */
    ngx_uint_t                    slots;    /* a bit for each limit */

    unsigned                      admin:1;
    unsigned                      bare:1;   /* the problem is told as it is */
    unsigned                      isolated:1;   /* by sparkjob_owner */
    unsigned                      limited:1; /* has or had slots */
    unsigned                      audited:1;
    unsigned                      made:1;   /* what has the id, perhaps */
    unsigned                      parked:1;
    unsigned                      waiting:1;
    unsigned                      asked:1;  /* is in the queue "asking" */
    unsigned                      replied:1;
};


typedef struct {
    ngx_str_t                     name;
    ngx_int_t                   (*parse)(ngx_http_sparkjob_ctx_t *ctx,
                                      ngx_keyval_t *arg, void *field,
                                      ngx_uint_t max);
    size_t                        offset;
    ngx_uint_t                    max;
} ngx_http_sparkjob_param_t;


/* two arguments for "s%" of json_pack() */
#define ngx_http_sparkjob_text(s)                                             \
    ((s)->len ? (char *) (s)->data : ""), (s)->len


typedef struct ngx_http_sparkjob_query_s  ngx_http_sparkjob_query_t;
typedef struct ngx_http_sparkjob_rows_s   ngx_http_sparkjob_rows_t;

typedef ngx_int_t (*ngx_http_sparkjob_rows_pt)(ngx_http_request_t *r,
    ngx_http_sparkjob_query_t *query, ngx_http_sparkjob_rows_t *rows);


/* what to list from the zone */

struct ngx_http_sparkjob_query_s {
    ngx_http_sparkjob_kind_e      kind;
    ngx_uint_t                    states;   /* a bit for each, 0: any */
    ngx_uint_t                    limit;

    ngx_str_t                     own;      /* of contexts: before the name */

    ngx_str_t                     status;   /* the name of the state */
    ngx_str_t                     context;  /* of jobs; empty: any */
    ngx_str_t                     user;
    ngx_str_t                     class;
    uint64_t                      from;
    uint64_t                      to;
    ngx_str_t                     cursor;   /* where the page before ended */

    ngx_uint_t                    sessions; /* by their numbers: contexts */
    ngx_uint_t                    skip;     /* of sessions, so many */
    ngx_uint_t                    page;     /* and then show so many */
    ngx_str_t                     ui;       /* of sessions, where UIs are */
    ngx_http_sparkjob_rows_pt     reply;    /* NULL: the rows alone */
};


/* a JSON array or object of rows, in as many buffers as needed */

struct ngx_http_sparkjob_rows_s {
    ngx_pool_t                   *pool;
    ngx_chain_t                  *out;
    ngx_chain_t                  *last;
    ngx_str_t                     brackets;
    ngx_str_t                     own;      /* see ngx_http_sparkjob_row() */
    ngx_str_t                     ui;
    ngx_uint_t                    row;      /* which string of the records */
    ngx_uint_t                    n;
    ngx_uint_t                    more;     /* may follow, of jobs */
    uint64_t                      start;    /* of the last one, and its key */
    u_char                        key[NGX_HTTP_SPARKJOB_ID_LEN];
    size_t                        need;     /* for the next one */
    ngx_uint_t                    skip;     /* see the query */
    ngx_uint_t                    page;
    ngx_uint_t                    total;    /* with those that are not shown */
};


/* what the result of a job is, by its class */

typedef struct {
    ngx_str_t                     name;
    ngx_str_t                     class;
    ngx_str_t                     type;
    ngx_str_t                     charset;
} ngx_http_sparkjob_format_t;


#define ngx_http_sparkjob_state_bit(state)  ((ngx_uint_t) 1 << (state))


/* route */
extern ngx_http_sparkjob_route_t  ngx_http_sparkjob_routes[];
extern ngx_http_sparkjob_route_t  ngx_http_sparkjob_livy_routes[];
ngx_int_t ngx_http_sparkjob_handler(ngx_http_request_t *r);
ngx_http_sparkjob_ctx_t *ngx_http_sparkjob_route_of(ngx_http_request_t *r,
    ngx_http_sparkjob_loc_conf_t *slcf);
ngx_str_t *ngx_http_sparkjob_route_method(ngx_http_sparkjob_route_t *route);
u_char *ngx_http_sparkjob_route_path(u_char *p,
    ngx_http_sparkjob_route_t *route);

#define NGX_HTTP_SPARKJOB_ROUTE_LEN  32

/*
 * param: query parameters.  NGX_DECLINED: ctx->problem says what is wrong, and
 * ngx_http_sparkjob_reply_problem() tells it.
 */
ngx_int_t ngx_http_sparkjob_args(ngx_http_request_t *r);
ngx_keyval_t *ngx_http_sparkjob_arg(ngx_http_sparkjob_ctx_t *ctx,
    ngx_str_t *name);
ngx_int_t ngx_http_sparkjob_params(ngx_http_sparkjob_ctx_t *ctx,
    ngx_http_sparkjob_param_t *params, void *fields);
ngx_int_t ngx_http_sparkjob_param_flag(ngx_http_sparkjob_ctx_t *ctx,
    ngx_keyval_t *arg, void *field, ngx_uint_t max);
ngx_int_t ngx_http_sparkjob_param_number(ngx_http_sparkjob_ctx_t *ctx,
    ngx_keyval_t *arg, void *field, ngx_uint_t max);
ngx_int_t ngx_http_sparkjob_param_string(ngx_http_sparkjob_ctx_t *ctx,
    ngx_keyval_t *arg, void *field, ngx_uint_t max);
ngx_int_t ngx_http_sparkjob_param_time(ngx_http_sparkjob_ctx_t *ctx,
    ngx_keyval_t *arg, void *field, ngx_uint_t max);
ngx_int_t ngx_http_sparkjob_param_url(ngx_http_sparkjob_ctx_t *ctx,
    ngx_keyval_t *arg, void *field, ngx_uint_t max);
ngx_int_t ngx_http_sparkjob_param_reset(ngx_http_sparkjob_ctx_t *ctx,
    ngx_flag_t *sync);
ngx_int_t ngx_http_sparkjob_problem(ngx_http_sparkjob_ctx_t *ctx,
    const char *fmt, ...);
size_t ngx_http_sparkjob_utf8_len(u_char *p, u_char *last);
ngx_int_t ngx_http_sparkjob_check_text(ngx_http_sparkjob_ctx_t *ctx,
    ngx_str_t *what, ngx_str_t *value, ngx_uint_t max);

/*
 * body: that of a request in memory; NGX_DECLINED: it is longer than "max", see
 * text->len.  And a text that ngx_http_sparkjob_ask() sends in its place.
 */
ngx_int_t ngx_http_sparkjob_body_text(ngx_http_request_t *r, off_t max,
    ngx_str_t *text);
ngx_int_t ngx_http_sparkjob_body_set(ngx_http_request_t *r, ngx_str_t *text);

/* resources */
ngx_int_t ngx_http_sparkjob_binary_list(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_binary_get(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_binary_post(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_binary_delete(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_jar_list(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_jar_post(ngx_http_request_t *r);

ngx_int_t ngx_http_sparkjob_context_list(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_context_get(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_context_post(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_context_delete(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_context_put(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_context_replace(ngx_http_request_t *r);

/*
 * pass: requests that a driver answers, by a location that passes them on;
 * ngx_http_sparkjob_passed() tells whether a request is with one.  The strings
 * that are set have to live as long as the request.
 */
ngx_int_t ngx_http_sparkjob_pass_add_variables(ngx_conf_t *cf);
char *ngx_http_sparkjob_pass(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
void ngx_http_sparkjob_pass_set(ngx_http_request_t *r,
    ngx_http_sparkjob_pass_e pass, ngx_str_t *value);
ngx_uint_t ngx_http_sparkjob_passed(ngx_http_request_t *r);

/* ui: the Spark UI of a context */
ngx_int_t ngx_http_sparkjob_context_ui_begin(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_context_ui(ngx_http_request_t *r);

ngx_int_t ngx_http_sparkjob_data_list(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_data_post(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_data_delete(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_data_put(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_cluster_list(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_cluster_post(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_cluster_put(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_cluster_delete(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_library_list(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_library_post(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_library_put(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_library_delete(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_library_probe(ngx_http_request_t *r);

ngx_int_t ngx_http_sparkjob_job_list(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_job_purge(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_job_ask_named(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call);
ngx_int_t ngx_http_sparkjob_no_such_job(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_report(ngx_http_request_t *r, ngx_uint_t status,
    ngx_http_sparkjob_record_t *rec, ngx_chain_t *result);
ngx_int_t ngx_http_sparkjob_job_ask(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call, ngx_str_t *id, ngx_msec_t timeout);
ngx_int_t ngx_http_sparkjob_job_get(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_job_post(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_context_add(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_sql_post(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_job_delete(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_job_config(ngx_http_request_t *r);

/*
 * result: results that are told as such.  The first format, JSON, is that of
 * all jobs but those which give another one.
 */
extern ngx_http_sparkjob_format_t  ngx_http_sparkjob_formats[];
ngx_int_t ngx_http_sparkjob_result_get(ngx_http_request_t *r);
ngx_http_sparkjob_format_t *ngx_http_sparkjob_format(
    ngx_http_sparkjob_record_t *rec);
ngx_int_t ngx_http_sparkjob_result_reply(ngx_http_request_t *r,
    ngx_http_sparkjob_format_t *format, ngx_chain_t *payload);
ngx_chain_t *ngx_http_sparkjob_result_place(ngx_http_request_t *r,
    ngx_str_t *id, ngx_http_sparkjob_format_t *format);

/*
 * timing: the header Server-Timing, of a job that has ended; the trace may be
 * NULL
 */
ngx_http_sparkjob_trace_t *ngx_http_sparkjob_trace_begin(ngx_pool_t *pool);
void ngx_http_sparkjob_trace_sent(ngx_http_sparkjob_trace_t *trace);
void ngx_http_sparkjob_trace_back(ngx_http_sparkjob_trace_t *trace,
    json_t *meta);
ngx_int_t ngx_http_sparkjob_timing(ngx_http_request_t *r,
    ngx_http_sparkjob_record_t *rec, ngx_http_sparkjob_trace_t *trace);

/* id: see the comments there */
ngx_int_t ngx_http_sparkjob_id_make(ngx_http_request_t *r, const char *route);
ngx_uint_t ngx_http_sparkjob_id_valid(ngx_str_t *id);

/*
 * origin: whose page has a browser ask.  NGX_DECLINED: ctx->problem says that
 * it may not.
 */
ngx_int_t ngx_http_sparkjob_origin(ngx_http_request_t *r,
    ngx_http_sparkjob_loc_conf_t *slcf, ngx_http_sparkjob_ctx_t *ctx);

/*
 * allow: who may do what.  NGX_DECLINED: ctx->problem says why not.
 */
char *ngx_http_sparkjob_allow(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_sparkjob_allow_init(ngx_conf_t *cf,
    ngx_http_sparkjob_loc_conf_t *slcf);
ngx_int_t ngx_http_sparkjob_allowed(ngx_http_request_t *r,
    ngx_http_sparkjob_loc_conf_t *slcf, ngx_http_sparkjob_ctx_t *ctx);
ngx_str_t *ngx_http_sparkjob_role_name(ngx_uint_t role);

/* audit: a line for each change that is asked for, whatever becomes of it */
char *ngx_http_sparkjob_audit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_sparkjob_audit_init(ngx_conf_t *cf);
ngx_int_t ngx_http_sparkjob_audit_add(ngx_http_sparkjob_ctx_t *ctx);

/*
 * own: what is the user's, if sparkjob_owner or sparkjob_proxy_user is on.
 */
ngx_int_t ngx_http_sparkjob_own_user(ngx_http_request_t *r,
    ngx_http_sparkjob_loc_conf_t *slcf, ngx_http_sparkjob_ctx_t *ctx);
ngx_uint_t ngx_http_sparkjob_own_filter(ngx_http_sparkjob_ctx_t *ctx,
    ngx_str_t *user);
ngx_int_t ngx_http_sparkjob_own_name(ngx_http_sparkjob_ctx_t *ctx,
    ngx_str_t *name, ngx_str_t *stored);
ngx_uint_t ngx_http_sparkjob_is_own(ngx_str_t *own, u_char *data, size_t len);
void ngx_http_sparkjob_own_strip(ngx_http_sparkjob_ctx_t *ctx,
    ngx_str_t *name);

/*
 * rows: ngx_http_sparkjob_rows_put() allocates nothing, it may be called under
 * a lock.  It returns NGX_DECLINED if ngx_http_sparkjob_rows_grow() has to make
 * room first.  ngx_http_sparkjob_row() copies one row, and leaves "own", which
 * is escaped as in JSON, out of the name of a context that begins with it; so
 * does ngx_http_sparkjob_livy_row(), with the row of a session.
 */
u_char *ngx_http_sparkjob_row(u_char *p, ngx_http_sparkjob_record_t *rec,
    ngx_uint_t n, ngx_str_t *own);
void ngx_http_sparkjob_rows_init(ngx_http_sparkjob_rows_t *rows,
    ngx_pool_t *pool, const char *brackets, ngx_uint_t row, size_t size);
ngx_int_t ngx_http_sparkjob_rows_grow(ngx_http_sparkjob_rows_t *rows);
ngx_int_t ngx_http_sparkjob_rows_put(ngx_http_sparkjob_rows_t *rows,
    ngx_http_sparkjob_record_t *rec);
ngx_int_t ngx_http_sparkjob_rows_reply(ngx_http_request_t *r,
    ngx_http_sparkjob_rows_t *rows);
ngx_chain_t *ngx_http_sparkjob_rows_chain(ngx_http_sparkjob_rows_t *rows);

/*
 * list: answers with what the query wants, from the zone if that can tell.
 */
ngx_int_t ngx_http_sparkjob_list(ngx_http_request_t *r,
    ngx_http_sparkjob_query_t *query, const char *brackets, ngx_uint_t row);

/* thrift: JDBC */
ngx_int_t ngx_http_sparkjob_thrift_token(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_thrift_put(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_thrift_delete(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_thrift_jdbc(ngx_http_request_t *r);

/*
 * show: what GET says of the one context or binary that a path names, and what
 * the launcher has said of it to such a call
 */
ngx_int_t ngx_http_sparkjob_show(ngx_http_request_t *r,
    ngx_http_sparkjob_kind_e kind, ngx_str_t *key,
    ngx_http_sparkjob_call_t *call);
ngx_int_t ngx_http_sparkjob_show_told(ngx_http_request_t *r,
    ngx_http_sparkjob_kind_e kind, ngx_http_sparkjob_message_t *msg);

/* zone: see the comments there */
ngx_int_t ngx_http_sparkjob_zone_init(ngx_shm_zone_t *shm_zone, void *data);
ngx_int_t ngx_http_sparkjob_zone_get(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_kind_e kind, ngx_str_t *key, ngx_str_t *owner,
    ngx_pool_t *pool, ngx_http_sparkjob_record_t **rec);
ngx_int_t ngx_http_sparkjob_zone_list(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_query_t *query, ngx_http_sparkjob_rows_t *rows);
ngx_uint_t ngx_http_sparkjob_zone_wanted(ngx_http_sparkjob_query_t *query,
    ngx_http_sparkjob_record_t *rec);
void ngx_http_sparkjob_zone_event(ngx_http_sparkjob_channel_t *ch,
    uint64_t seq, ngx_http_sparkjob_record_t *rec,
    ngx_http_sparkjob_op_e op, ngx_http_sparkjob_event_t *ev);
ngx_int_t ngx_http_sparkjob_zone_events(ngx_http_sparkjob_zone_t *zone,
    uint64_t epoch, uint64_t *seq, u_char *buf, size_t *size);
ngx_int_t ngx_http_sparkjob_zone_alive(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_state_walk_t *walk, u_char *buf, size_t *size);
ngx_int_t ngx_http_sparkjob_zone_peek(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_kind_e kind, ngx_str_t *key,
    ngx_http_sparkjob_record_t *rec, size_t room);
ngx_uint_t ngx_http_sparkjob_zone_load(ngx_http_sparkjob_channel_t *ch,
    ngx_uint_t tick);
void ngx_http_sparkjob_zone_load_record(ngx_http_sparkjob_channel_t *ch,
    ngx_http_sparkjob_record_t *rec);
void ngx_http_sparkjob_zone_load_end(ngx_http_sparkjob_channel_t *ch,
    uint64_t seq);
void ngx_http_sparkjob_zone_load_abort(ngx_http_sparkjob_channel_t *ch);

/* hub: events on their way to this worker's watchers */
ngx_int_t ngx_http_sparkjob_hub_start(ngx_cycle_t *cycle,
    ngx_http_sparkjob_channel_t *ch);
void ngx_http_sparkjob_hub_stop(ngx_http_sparkjob_channel_t *ch);
void ngx_http_sparkjob_hub_up(ngx_http_sparkjob_channel_t *ch);
ngx_int_t ngx_http_sparkjob_hub_event(ngx_http_sparkjob_channel_t *ch,
    uint64_t seq, ngx_http_sparkjob_record_t *rec, ngx_http_sparkjob_op_e op);

/* events: those who watch */
ngx_int_t ngx_http_sparkjob_events(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_job_events(ngx_http_request_t *r);

/* log: what jobs and contexts have said */
ngx_int_t ngx_http_sparkjob_job_log(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_context_log(ngx_http_request_t *r);

/* limit: how much a worker takes on at once */
void ngx_http_sparkjob_limit_init(ngx_http_sparkjob_zone_t *zone);
ngx_int_t ngx_http_sparkjob_limit_set(ngx_http_sparkjob_zone_t *zone,
    ngx_str_t *arg);
ngx_int_t ngx_http_sparkjob_limit_enter(ngx_http_request_t *r,
    ngx_uint_t limit);
void ngx_http_sparkjob_limit_leave(ngx_http_sparkjob_ctx_t *ctx,
    ngx_uint_t limit);
ngx_int_t ngx_http_sparkjob_limit_refuse(ngx_http_request_t *r,
    ngx_uint_t limit, ngx_int_t rc);

/* stream: answers that go on */
ngx_int_t ngx_http_sparkjob_stream_start(ngx_http_request_t *r,
    ngx_str_t *type, off_t length);
ngx_int_t ngx_http_sparkjob_stream_park(ngx_http_request_t *r,
    ngx_http_event_handler_pt writer);
ngx_int_t ngx_http_sparkjob_stream_headers(ngx_http_request_t *r);
ngx_uint_t ngx_http_sparkjob_stream_blocked(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_stream_send(ngx_http_request_t *r,
    ngx_chain_t *out);
ngx_int_t ngx_http_sparkjob_stream_flush(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_stream_end(ngx_http_request_t *r);

/* wait: parked requests */
ngx_int_t ngx_http_sparkjob_wait(ngx_http_request_t *r, ngx_msec_t timeout,
    ngx_http_sparkjob_handler_pt expire);
ngx_int_t ngx_http_sparkjob_wait_zone(ngx_http_request_t *r);
void ngx_http_sparkjob_wait_job(ngx_http_request_t *r, ngx_str_t *id,
    ngx_http_sparkjob_wake_pt wake, ngx_http_sparkjob_handler_pt again);
void ngx_http_sparkjob_wait_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);
void ngx_http_sparkjob_wait_away(ngx_http_request_t *r);
void ngx_http_sparkjob_wake(ngx_http_sparkjob_channel_t *ch,
    ngx_http_sparkjob_record_t *rec);
void ngx_http_sparkjob_ask_again(ngx_http_sparkjob_channel_t *ch);
void ngx_http_sparkjob_ask_some(ngx_http_sparkjob_channel_t *ch);
void ngx_http_sparkjob_finish(ngx_http_request_t *r, ngx_int_t rc);

/* reply: "text" is told as {"status":label,"result":text} */
ngx_int_t ngx_http_sparkjob_reply(ngx_http_request_t *r, ngx_uint_t status,
    ngx_chain_t *out);
ngx_int_t ngx_http_sparkjob_reply_as(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *type, ngx_chain_t *out);
ngx_int_t ngx_http_sparkjob_reply_buf(ngx_http_request_t *r,
    ngx_uint_t status, ngx_buf_t *b);
ngx_int_t ngx_http_sparkjob_reply_payload(ngx_http_request_t *r,
    ngx_uint_t status, ngx_http_sparkjob_message_t *msg);
ngx_int_t ngx_http_sparkjob_reply_text(ngx_http_request_t *r,
    ngx_uint_t status, const char *label, ngx_str_t *text);
ngx_int_t ngx_http_sparkjob_reply_success(ngx_http_request_t *r,
    ngx_uint_t status, const char *text);
ngx_int_t ngx_http_sparkjob_reply_error(ngx_http_request_t *r,
    ngx_uint_t status, const char *fmt, ...);
ngx_int_t ngx_http_sparkjob_reply_problem(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_reply_unavailable(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_reply_retry(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_reply_expired(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_reply_zone(ngx_http_request_t *r, ngx_int_t rc);
ngx_int_t ngx_http_sparkjob_reply_around(ngx_http_request_t *r,
    ngx_uint_t status, ngx_buf_t *head, ngx_chain_t *payload);
ngx_int_t ngx_http_sparkjob_reply_refusal(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg, ngx_http_sparkjob_refusal_t *refusals);
ngx_int_t ngx_http_sparkjob_reply_header(ngx_http_request_t *r,
    const char *name, ngx_str_t *value);
ngx_int_t ngx_http_sparkjob_reply_location(ngx_http_request_t *r,
    const char *path, ngx_str_t *name);
ngx_int_t ngx_http_sparkjob_reply_path(ngx_http_request_t *r,
    const char *path, ngx_str_t *name, const char *end, ngx_str_t *value);
ngx_chain_t *ngx_http_sparkjob_payload(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
void ngx_http_sparkjob_clean_utf8(ngx_str_t *s);
size_t ngx_http_sparkjob_json_len(ngx_str_t *s);
u_char *ngx_http_sparkjob_json(u_char *p, ngx_str_t *s);
u_char *ngx_http_sparkjob_time(u_char *p, uint64_t ms);

#define NGX_HTTP_SPARKJOB_TIME_LEN  sizeof("1970-01-01T00:00:00.000Z")

/*
 * livy: the dialect of Livy, as far as others have to know of it.
 * ngx_http_sparkjob_livy_prepare() is NGX_DECLINED where ctx->problem says why
 * not; ngx_http_sparkjob_livy_record() returns what is to be freed.
 * ngx_http_sparkjob_livy_row() has the Spark UI below "ui", as in JSON, unless
 * that is empty, and then needs room for so many bytes more than the row and
 * "ui" have.
 */
#define NGX_HTTP_SPARKJOB_LIVY_UI  (NGX_INT64_LEN + sizeof("/ui/"))


ngx_int_t ngx_http_sparkjob_livy_prepare(ngx_http_request_t *r,
    ngx_http_sparkjob_loc_conf_t *slcf, ngx_http_sparkjob_ctx_t *ctx);
ngx_int_t ngx_http_sparkjob_livy_reply_text(ngx_http_request_t *r,
    ngx_uint_t status, const char *label, ngx_str_t *text);
ngx_int_t ngx_http_sparkjob_livy_reply_error(ngx_http_request_t *r,
    ngx_uint_t status, ngx_http_sparkjob_message_t *msg);
char *ngx_http_sparkjob_livy_record(json_t *meta, ngx_str_t *s);
u_char *ngx_http_sparkjob_livy_render(u_char *p,
    ngx_http_sparkjob_record_t *rec, ngx_str_t *s);
u_char *ngx_http_sparkjob_livy_row(u_char *p, ngx_http_sparkjob_record_t *rec,
    ngx_str_t *own, ngx_str_t *ui);
json_t *ngx_http_sparkjob_livy_meta(ngx_http_request_t *r);
void ngx_http_sparkjob_livy_ended(ngx_str_t *name);
void ngx_http_sparkjob_livy_mark(ngx_http_sparkjob_record_t *rec,
    ngx_uint_t busy);

/* filter */
ngx_int_t ngx_http_sparkjob_filter_init(ngx_conf_t *cf);


extern ngx_module_t  ngx_http_sparkjob_module;


#endif /* _NGX_HTTP_SPARKJOB_MODULE_H_INCLUDED_ */
