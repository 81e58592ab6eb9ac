
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


#ifndef ngx_rbtree_data         /* nginx before 1.21 */
#define ngx_rbtree_data  ngx_queue_data
#endif


#define NGX_HTTP_SPARKJOB_ID_LEN  36

/* of what the launcher says is wrong with its storage; its texts are shorter */
#define NGX_HTTP_SPARKJOB_WHY_MAX  512

/* a frame of any length, and more behind it */
#define NGX_HTTP_SPARKJOB_IN_SIZE                                             \
    (SJP_HEADER_SIZE + SJP_LENGTH_MAX + 64 * 1024)

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


typedef struct ngx_http_sparkjob_channel_s  ngx_http_sparkjob_channel_t;
typedef struct ngx_http_sparkjob_hub_s      ngx_http_sparkjob_hub_t;
typedef struct ngx_http_sparkjob_op_s       ngx_http_sparkjob_op_t;
typedef struct ngx_http_sparkjob_trace_s    ngx_http_sparkjob_trace_t;


/*
 * Records: what the launcher knows of a job, a context or a binary.  One block
 * of memory without pointers, so that a single memcpy takes it into the zone
 * and out of it.
 */

typedef enum {
    NGX_HTTP_SPARKJOB_JOB = 0,
    NGX_HTTP_SPARKJOB_CONTEXT,
    NGX_HTTP_SPARKJOB_BINARY,
    NGX_HTTP_SPARKJOB_NKINDS
} ngx_http_sparkjob_kind_e;


typedef enum {
    NGX_HTTP_SPARKJOB_NO_PAYLOAD = 0,
    NGX_HTTP_SPARKJOB_RESULT,
    NGX_HTTP_SPARKJOB_ERROR,
    NGX_HTTP_SPARKJOB_STORED,       /* a result that only the launcher has */
    NGX_HTTP_SPARKJOB_NO_ROOM       /* the zone could not take the payload */
} ngx_http_sparkjob_payload_e;


/*
 * Strings of a record: the key, the row that the record is in lists (rendered
 * once here rather than at each of many reads) and the payload are common to
 * all kinds.
 */

#define NGX_HTTP_SPARKJOB_KEY             0     /* id of a job, else the name */
#define NGX_HTTP_SPARKJOB_ROW             1
#define NGX_HTTP_SPARKJOB_USER            2

#define NGX_HTTP_SPARKJOB_JOB_CONTEXT     3
#define NGX_HTTP_SPARKJOB_JOB_PROGRESS    4
#define NGX_HTTP_SPARKJOB_JOB_CLASS       5

#define NGX_HTTP_SPARKJOB_CONTEXT_ID      3
#define NGX_HTTP_SPARKJOB_CONTEXT_APP     4
#define NGX_HTTP_SPARKJOB_CONTEXT_URL     5
#define NGX_HTTP_SPARKJOB_CONTEXT_REASON  6
#define NGX_HTTP_SPARKJOB_CONTEXT_SHOWN   7     /* members of its report */

#define NGX_HTTP_SPARKJOB_BINARY_JAR_ROW  3
#define NGX_HTTP_SPARKJOB_BINARY_TYPE     4

#define NGX_HTTP_SPARKJOB_PAYLOAD         8
#define NGX_HTTP_SPARKJOB_NSTRINGS        9

/* this only goes into the row */

#define NGX_HTTP_SPARKJOB_JOB_CONTEXT_ID  9
#define NGX_HTTP_SPARKJOB_NMEMBERS        10


/* how far the Spark work of a job is */

typedef enum {
    NGX_HTTP_SPARKJOB_STAGES = 0,
    NGX_HTTP_SPARKJOB_STAGES_DONE,
    NGX_HTTP_SPARKJOB_TASKS,
    NGX_HTTP_SPARKJOB_TASKS_DONE,
    NGX_HTTP_SPARKJOB_TASKS_FAILED,
    NGX_HTTP_SPARKJOB_NPROGRESS
} ngx_http_sparkjob_progress_e;


typedef struct {
    uint64_t                      rev;
    uint64_t                      start;    /* ms since 1970; or the upload */
    uint64_t                      end;      /* 0: not yet */
    uint64_t                      micros;   /* time inside the job */
    uint32_t                      progress[NGX_HTTP_SPARKJOB_NPROGRESS];
    uint32_t                      queue;    /* a job's place in it, from 1 */
    uint32_t                      own;      /* in the row: where the context's
                                               name begins, or 0 */
    uint32_t                      size;     /* of the whole block */
    uint8_t                       kind;
    uint8_t                       state;
    uint8_t                       final;
    uint8_t                       payload;
    uint32_t                      len[NGX_HTTP_SPARKJOB_NSTRINGS];
    /* the strings follow */
} ngx_http_sparkjob_record_t;


/* what an event does */

typedef enum {
    NGX_HTTP_SPARKJOB_OP_PUT = 0,
    NGX_HTTP_SPARKJOB_OP_REMOVE,
    NGX_HTTP_SPARKJOB_OP_PROGRESS,
    NGX_HTTP_SPARKJOB_NOPS
} ngx_http_sparkjob_op_e;


/*
 * An event as watchers get it, and by what they choose: one block without
 * pointers, as records are.
 */

#define NGX_HTTP_SPARKJOB_EVENT_TEXT      0
#define NGX_HTTP_SPARKJOB_EVENT_KEY       1
#define NGX_HTTP_SPARKJOB_EVENT_CONTEXT   2     /* empty: of none, or unknown */
#define NGX_HTTP_SPARKJOB_EVENT_USER      3
#define NGX_HTTP_SPARKJOB_EVENT_NSTRINGS  4

typedef struct {
    uint64_t                      seq;
    uint32_t                      size;     /* of the whole block, aligned */
    uint8_t                       kind;
    uint8_t                       final;    /* nothing more of that key */
    uint32_t                      own;      /* in the text: where the context's
                                               name begins; 0: nowhere */
    uint32_t                      len[NGX_HTTP_SPARKJOB_EVENT_NSTRINGS];
    /* the strings follow */
} ngx_http_sparkjob_event_t;


/* a walk over what is not final */

typedef struct {
    uint64_t                      epoch;    /* where the zone stood */
    uint64_t                      seq;
    uint64_t                      last;
    uint64_t                      end;      /* 0: not begun */
} ngx_http_sparkjob_state_walk_t;


/* what came in one frame; a handler that keeps fd sets it to -1 here */

typedef struct {
    ngx_uint_t                    type;
    uint32_t                      stream;
    json_t                       *meta;
    ngx_str_t                     payload;
    ngx_fd_t                      fd;
} ngx_http_sparkjob_message_t;


/*
 * These return what ngx_http_finalize_request() takes, or NGX_AGAIN where the
 * request goes on waiting.
 */

typedef ngx_int_t (*ngx_http_sparkjob_handler_pt)(ngx_http_request_t *r);
typedef ngx_int_t (*ngx_http_sparkjob_reply_pt)(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
typedef ngx_int_t (*ngx_http_sparkjob_wake_pt)(ngx_http_request_t *r,
    ngx_http_sparkjob_record_t *rec);


/* how a refusal by the launcher is told to the client */

typedef struct {
    sjp_error_e                   code;
    ngx_uint_t                    status;
    char                         *label;
    char                         *text;     /* NULL: the payload is told */
} ngx_http_sparkjob_refusal_t;


typedef struct {
    ngx_uint_t                    type;
    ngx_http_sparkjob_reply_pt    reply;
    ngx_http_sparkjob_reply_pt    record;   /* for frames before the reply */
    ngx_http_sparkjob_handler_pt  sent;
    ngx_http_sparkjob_handler_pt  expire;
    ngx_http_sparkjob_refusal_t  *refusals; /* other than the usual ones */

    /*
     * what was asked goes on in the launcher though the channel broke: do not
     * tell the client "unavailable" before its own time is up
     */
    unsigned                      patient;
} ngx_http_sparkjob_call_t;


/*
 * A frame on its way to the launcher.  Its memory belongs to the request, or
 * to the frame itself (own) where no request stands behind it.
 */

typedef struct {
    ngx_queue_t                   queue;
    ngx_http_sparkjob_op_t       *op;
    ngx_str_t                     head;     /* header and metadata */
    ngx_chain_t                  *payload;  /* in memory, 64 KiB at most */
    ngx_fd_t                      fd;       /* or in a file */
    size_t                        size;
    size_t                        sent;
    unsigned                      queued:1;
    unsigned                      own:1;
} ngx_http_sparkjob_frame_t;


/* a request to the launcher that has not been answered yet */

struct ngx_http_sparkjob_op_s {
    ngx_rbtree_node_t             node;     /* key: the stream number */
    ngx_http_request_t           *request;
    ngx_http_sparkjob_call_t     *call;
    ngx_http_sparkjob_frame_t     frame;
    unsigned                      active:1; /* in the channel's tree */
    unsigned                      left:1;   /* sent, wholly */
    unsigned                      again:1;  /* on an earlier connection, too */
};


/* how much a worker takes on at once, by zone */

#define NGX_HTTP_SPARKJOB_PARKED    0
#define NGX_HTTP_SPARKJOB_WATCHERS  1
#define NGX_HTTP_SPARKJOB_UPLOADS   2
#define NGX_HTTP_SPARKJOB_QUEUED    3   /* bytes, in frames to the launcher */
#define NGX_HTTP_SPARKJOB_NLIMITS   4


typedef struct {
    ngx_str_t                     name;
    ngx_addr_t                   *addr;
    ngx_shm_zone_t               *shm_zone;
    ngx_slab_pool_t              *shpool;
    ngx_http_sparkjob_channel_t  *channel;  /* of this worker */
    ngx_uint_t                    limits[NGX_HTTP_SPARKJOB_NLIMITS];
    u_char                       *file;     /* where a location names it */
    ngx_uint_t                    line;
    unsigned                      reset:1;  /* found half-written, to be told */
    unsigned                      full:1;   /* likewise */
} ngx_http_sparkjob_zone_t;


/* the connection of this worker to one launcher, there or not */

struct ngx_http_sparkjob_channel_s {
    ngx_http_sparkjob_zone_t     *zone;
    ngx_connection_t             *connection;
    ngx_log_t                    *log;

    ngx_event_t                   reconnect;
    ngx_event_t                   tick;
    ngx_event_t                   resume;   /* what one turn left undone */
    ngx_msec_t                    backoff;
    ngx_uint_t                    age;      /* ticks since it was connected */
    ngx_uint_t                    pings;    /* without a pong */
    ngx_msec_t                    heard;    /* when, of the launcher */
    ngx_msec_t                    ponged;   /* when, and what it said: */
    ngx_uint_t                    full;
    size_t                        trouble;  /* 0: none */
    u_char                        why[NGX_HTTP_SPARKJOB_WHY_MAX];

    ngx_queue_t                   output;
    ngx_uint_t                    used[NGX_HTTP_SPARKJOB_NLIMITS];

    u_char                       *in;
    size_t                        in_pos;
    size_t                        in_last;
    ngx_fd_t                      fds[64];  /* came in, not asked for yet */
    ngx_uint_t                    nfds;

    ngx_rbtree_t                  ops;
    ngx_rbtree_node_t             ops_sentinel;
    uint32_t                      stream;

    ngx_rbtree_t                  waiters;
    ngx_rbtree_node_t             waiters_sentinel;
    ngx_queue_t                   asking;   /* waiters to ask again */
    ngx_http_sparkjob_hub_t      *hub;      /* of those who watch */

    uint64_t                      epoch;
    uint64_t                      seen;     /* newest event seen here */
    uint64_t                      checked;  /* the same, one tick ago */

    ngx_http_sparkjob_record_t   *scratch;
    size_t                        scratch_size;

    ngx_uint_t                    generation;
    uint32_t                      load_stream;
    ngx_uint_t                    load_limit;
    ngx_uint_t                    load_final;
    ngx_uint_t                    load_contexts;
    uint64_t                      load_oldest;

    unsigned                      up:1;     /* welcomed */
    unsigned                      loading:1;
    unsigned                      complained:1;
    unsigned                      broken:1; /* half a frame was sent */
    unsigned                      probed:1; /* pinged for somebody */
};


typedef struct {
    ngx_uint_t                    method;
    ngx_str_t                     pattern;  /* "*" is one segment, "**" all
                                               that are left, "~" one segment
                                               that names a context; behind
                                               that "**" may be empty */
    ngx_uint_t                    body;
    ngx_http_sparkjob_handler_pt  handler;
    ngx_uint_t                    role;     /* that it needs; 0: none */
    ngx_uint_t                    own_role; /* where all that it reaches is
                                               the user's own */
} ngx_http_sparkjob_route_t;


typedef struct {
    ngx_array_t                   zones;    /* ngx_http_sparkjob_zone_t * */
    ngx_int_t                     ui;       /* indices of variables */
    ngx_int_t                     ui_base;
} ngx_http_sparkjob_main_conf_t;


typedef struct {
    ngx_http_sparkjob_zone_t     *zone;
    ngx_http_sparkjob_route_t    *routes;
    ngx_str_t                     prefix;
    ngx_http_complex_value_t     *user;
    ngx_http_complex_value_t     *origin;   /* whether it may be another */
    ngx_array_t                  *allow;    /* NULL: everybody everything */
    ngx_open_file_t              *audit;    /* NULL: off */
    ngx_str_t                     ui;       /* a named location; empty: off */
    ngx_flag_t                    owner;
    ngx_flag_t                    proxy_user;
    ngx_msec_t                    sync_timeout;
    ngx_msec_t                    context_timeout;
    ngx_msec_t                    delete_timeout;
    ngx_msec_t                    launcher_timeout;
    ngx_msec_t                    reply_timeout;
} ngx_http_sparkjob_loc_conf_t;


typedef struct {
    ngx_http_request_t           *request;
    ngx_http_sparkjob_zone_t     *zone;
    ngx_http_sparkjob_route_t    *route;
    ngx_open_file_t              *audit;
    ngx_str_t                     name;     /* what stands for "*" */
    ngx_str_t                     rest;     /* for "**" behind a context */
    ngx_str_t                     stored;   /* a context's, in the launcher */
    ngx_str_t                     about;    /* a job's context, likewise */
    ngx_array_t                  *args;     /* ngx_keyval_t, decoded */
    ngx_str_t                     user;
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

    unsigned                      isolated:1;   /* by sparkjob_owner */
    unsigned                      limited:1; /* has or had slots */
    unsigned                      audited:1;
    unsigned                      made:1;   /* what has the id, perhaps */
    unsigned                      parked:1;
    unsigned                      waiting:1;
    unsigned                      asked:1;  /* is in the queue "asking" */
    unsigned                      replied:1;
} ngx_http_sparkjob_ctx_t;


typedef struct {
    ngx_str_t                     name;
    ngx_int_t                   (*parse)(ngx_http_sparkjob_ctx_t *ctx,
                                      ngx_keyval_t *arg, void *field,
                                      ngx_uint_t max);
    size_t                        offset;
    ngx_uint_t                    max;
} ngx_http_sparkjob_param_t;


/* what to list from the zone */

typedef struct {
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
} ngx_http_sparkjob_query_t;


/* two arguments for "s%" of json_pack() */
#define ngx_http_sparkjob_text(s)                                             \
    ((s)->len ? (char *) (s)->data : ""), (s)->len

/* a JSON array or object of rows, in as many buffers as needed */

typedef struct {
    ngx_pool_t                   *pool;
    ngx_chain_t                  *out;
    ngx_chain_t                  *last;
    ngx_str_t                     brackets;
    ngx_str_t                     own;      /* see ngx_http_sparkjob_row() */
    ngx_uint_t                    row;      /* which string of the records */
    ngx_uint_t                    n;
    ngx_uint_t                    more;     /* may follow, of jobs */
    uint64_t                      start;    /* of the last one, and its key */
    u_char                        key[NGX_HTTP_SPARKJOB_ID_LEN];
    size_t                        need;     /* for the next one */
} ngx_http_sparkjob_rows_t;


#define ngx_http_sparkjob_state_bit(state)  ((ngx_uint_t) 1 << (state))


/* route */
extern ngx_http_sparkjob_route_t  ngx_http_sparkjob_routes[];
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
 * ui: the Spark UI of a context, by a location that passes requests on.
 * ngx_http_sparkjob_ui_passed() tells whether a request is with that.
 */
ngx_int_t ngx_http_sparkjob_ui_add_variables(ngx_conf_t *cf);
char *ngx_http_sparkjob_ui(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_sparkjob_context_ui_begin(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_context_ui(ngx_http_request_t *r);
ngx_uint_t ngx_http_sparkjob_ui_passed(ngx_http_request_t *r);

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
ngx_http_sparkjob_record_t *ngx_http_sparkjob_job_record(
    ngx_http_request_t *r, ngx_http_sparkjob_message_t *msg);
ngx_int_t ngx_http_sparkjob_report(ngx_http_request_t *r, ngx_uint_t status,
    ngx_http_sparkjob_record_t *rec, ngx_chain_t *result);
ngx_int_t ngx_http_sparkjob_job_ask(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call, ngx_str_t *id, ngx_msec_t timeout);
ngx_int_t ngx_http_sparkjob_job_get(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_job_post(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_job_delete(ngx_http_request_t *r);
ngx_int_t ngx_http_sparkjob_job_config(ngx_http_request_t *r);

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

/* channel */
ngx_int_t ngx_http_sparkjob_channel_start(ngx_cycle_t *cycle,
    ngx_http_sparkjob_zone_t *zone);
void ngx_http_sparkjob_channel_stop(ngx_http_sparkjob_channel_t *ch);
void ngx_http_sparkjob_channel_close(ngx_http_sparkjob_channel_t *ch);
void ngx_http_sparkjob_channel_resume(ngx_http_sparkjob_channel_t *ch);
void ngx_http_sparkjob_channel_hurry(ngx_http_sparkjob_channel_t *ch);
ngx_int_t ngx_http_sparkjob_channel_probe(ngx_http_sparkjob_channel_t *ch);
void ngx_http_sparkjob_channel_soon(ngx_http_sparkjob_channel_t *ch);

/* frame: bytes and descriptors */
void ngx_http_sparkjob_frame_read(ngx_event_t *rev);
void ngx_http_sparkjob_frame_write(ngx_event_t *wev);
void ngx_http_sparkjob_frame_queue(ngx_http_sparkjob_channel_t *ch,
    ngx_http_sparkjob_frame_t *frame);
void ngx_http_sparkjob_frame_drop(ngx_http_sparkjob_channel_t *ch,
    ngx_http_sparkjob_frame_t *frame);
ngx_int_t ngx_http_sparkjob_frame_send(ngx_http_sparkjob_channel_t *ch,
    ngx_uint_t type, uint32_t stream, json_t *meta);

/*
 * op: questions to the launcher.  ngx_http_sparkjob_ask() takes over the
 * metadata, which is NULL if it could not be made, and has the request's body
 * as payload if "body" is set.  It returns NGX_AGAIN, or an HTTP error code.
 * After "timeout" milliseconds call->expire answers; NGX_TIMER_INFINITE
 * leaves the time limit that the request has.  ngx_http_sparkjob_meta_with()
 * adds a member unless it is empty, and returns NULL if that failed.
 */
json_int_t ngx_http_sparkjob_now(void);     /* milliseconds since 1970 */
json_t *ngx_http_sparkjob_meta_with(json_t *meta, const char *name,
    ngx_str_t *value);
ngx_int_t ngx_http_sparkjob_ask(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call, json_t *meta, ngx_uint_t body,
    ngx_msec_t timeout);
ngx_http_sparkjob_frame_t *ngx_http_sparkjob_op_frame(ngx_uint_t type,
    uint32_t stream, json_t *meta, ngx_log_t *log);
uint32_t ngx_http_sparkjob_op_stream(ngx_http_sparkjob_channel_t *ch);
void ngx_http_sparkjob_op_cancel(ngx_http_sparkjob_ctx_t *ctx);
void ngx_http_sparkjob_op_sent(ngx_http_sparkjob_op_t *op);
ngx_int_t ngx_http_sparkjob_op_answer(ngx_http_sparkjob_channel_t *ch,
    ngx_http_sparkjob_message_t *msg);
void ngx_http_sparkjob_op_up(ngx_http_sparkjob_channel_t *ch);
void ngx_http_sparkjob_op_down(ngx_http_sparkjob_channel_t *ch);

/*
 * message: what the launcher says.  NGX_ERROR: it broke the protocol (that has
 * been logged), the channel cannot be used any longer.
 */
ngx_int_t ngx_http_sparkjob_message(ngx_http_sparkjob_channel_t *ch,
    ngx_http_sparkjob_message_t *msg, u_char *meta, size_t len);
ngx_int_t ngx_http_sparkjob_load(ngx_http_sparkjob_channel_t *ch,
    ngx_uint_t tick);
ngx_int_t ngx_http_sparkjob_meta_string(json_t *meta, const char *name,
    ngx_str_t *value);

/*
 * record: a record from metadata; with a pool in the pool, else in the
 * channel's scratch memory, good until the next one.  NGX_DECLINED: it is not
 * valid, which has been logged; the channel can still be used.  NGX_ERROR: out
 * of memory.  Both leave NULL.
 */
ngx_int_t ngx_http_sparkjob_record(ngx_http_sparkjob_channel_t *ch,
    ngx_pool_t *pool, ngx_http_sparkjob_kind_e kind, json_t *meta,
    ngx_str_t *payload, ngx_http_sparkjob_record_t **record);
ngx_int_t ngx_http_sparkjob_record_kind(json_t *meta,
    ngx_http_sparkjob_kind_e *kind);
ngx_str_t ngx_http_sparkjob_record_string(ngx_http_sparkjob_record_t *rec,
    ngx_uint_t n);
ngx_str_t ngx_http_sparkjob_record_progress(ngx_http_sparkjob_record_t *rec);
ngx_uint_t ngx_http_sparkjob_record_same(ngx_http_sparkjob_record_t *one,
    ngx_http_sparkjob_record_t *other);
ngx_str_t *ngx_http_sparkjob_state_name(ngx_http_sparkjob_kind_e kind,
    ngx_uint_t state);
ngx_int_t ngx_http_sparkjob_state_number(ngx_http_sparkjob_kind_e kind,
    ngx_str_t *name);

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
 * is escaped as in JSON, out of the name of a context that begins with it.
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

/*
 * list: answers with what the query wants, from the zone if that can tell.
 */
ngx_int_t ngx_http_sparkjob_list(ngx_http_request_t *r,
    ngx_http_sparkjob_query_t *query, const char *brackets, ngx_uint_t row);

/* what a string of a record is rendered from: see the resources */
u_char *ngx_http_sparkjob_job_render(u_char *p, ngx_uint_t n,
    ngx_http_sparkjob_record_t *rec, ngx_str_t *s);
u_char *ngx_http_sparkjob_context_render(u_char *p, ngx_uint_t n,
    ngx_http_sparkjob_record_t *rec, ngx_str_t *s);
u_char *ngx_http_sparkjob_binary_render(u_char *p, ngx_uint_t n,
    ngx_http_sparkjob_record_t *rec, ngx_str_t *s);

/*
 * show: what GET says of the one context or binary that a path names, and what
 * the launcher has said of it to such a call
 */
ngx_int_t ngx_http_sparkjob_show(ngx_http_request_t *r,
    ngx_http_sparkjob_kind_e kind, ngx_str_t *key,
    ngx_http_sparkjob_call_t *call);
ngx_int_t ngx_http_sparkjob_show_told(ngx_http_request_t *r,
    ngx_http_sparkjob_kind_e kind, ngx_http_sparkjob_message_t *msg);

/*
 * what GET tells of a record; of a job without its result; "own" is as for
 * ngx_http_sparkjob_row()
 */
size_t ngx_http_sparkjob_report_len(ngx_http_sparkjob_record_t *rec);
u_char *ngx_http_sparkjob_tell(u_char *p, ngx_http_sparkjob_record_t *rec,
    ngx_str_t *own);
u_char *ngx_http_sparkjob_job_report(u_char *p,
    ngx_http_sparkjob_record_t *rec, ngx_str_t *own);
u_char *ngx_http_sparkjob_context_report(u_char *p,
    ngx_http_sparkjob_record_t *rec, ngx_str_t *own);
u_char *ngx_http_sparkjob_binary_report(u_char *p,
    ngx_http_sparkjob_record_t *rec, ngx_str_t *own);

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
ngx_int_t ngx_http_sparkjob_reply_buf(ngx_http_request_t *r,
    ngx_uint_t status, ngx_buf_t *b);
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
size_t ngx_http_sparkjob_json_len(ngx_str_t *s);
u_char *ngx_http_sparkjob_json(u_char *p, ngx_str_t *s);
u_char *ngx_http_sparkjob_time(u_char *p, uint64_t ms);

#define NGX_HTTP_SPARKJOB_TIME_LEN  sizeof("1970-01-01T00:00:00.000Z")

/* filter */
ngx_int_t ngx_http_sparkjob_filter_init(ngx_conf_t *cf);


extern ngx_module_t  ngx_http_sparkjob_module;


#endif /* _NGX_HTTP_SPARKJOB_MODULE_H_INCLUDED_ */
