
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The connection to the launcher, and what is asked over it.
 */


#ifndef _NGX_HTTP_SPARKJOB_CHANNEL_H_INCLUDED_
#define _NGX_HTTP_SPARKJOB_CHANNEL_H_INCLUDED_


#include <ngx_http_sparkjob_record.h>
#include <sparkjob_protocol.h>


/* of what the launcher says is wrong with its storage; its texts are shorter */
#define NGX_HTTP_SPARKJOB_WHY_MAX  512

/* a frame of any length, and more behind it */
#define NGX_HTTP_SPARKJOB_IN_SIZE                                             \
    (SJP_HEADER_SIZE + SJP_LENGTH_MAX + 64 * 1024)


typedef struct ngx_http_sparkjob_ctx_s   ngx_http_sparkjob_ctx_t;
typedef struct ngx_http_sparkjob_hub_s   ngx_http_sparkjob_hub_t;
typedef struct ngx_http_sparkjob_op_s    ngx_http_sparkjob_op_t;
typedef struct ngx_http_sparkjob_zone_s  ngx_http_sparkjob_zone_t;


/* what came in one frame; a handler that keeps fd sets it to -1 here */

struct ngx_http_sparkjob_message_s {
    ngx_uint_t                    type;
    uint32_t                      stream;
    json_t                       *meta;
    ngx_str_t                     payload;
    ngx_fd_t                      fd;
};


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


struct ngx_http_sparkjob_zone_s {
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
};


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
 * adds a member unless it is empty, ngx_http_sparkjob_meta_set() one that may
 * be NULL if it could not be made; both take NULL for metadata that could not
 * be made either, and return NULL if they have failed.
 */
json_int_t ngx_http_sparkjob_now(void);     /* milliseconds since 1970 */
json_t *ngx_http_sparkjob_meta_with(json_t *meta, const char *name,
    ngx_str_t *value);
json_t *ngx_http_sparkjob_meta_set(json_t *meta, const char *name,
    json_t *value);
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


#endif /* _NGX_HTTP_SPARKJOB_CHANNEL_H_INCLUDED_ */
