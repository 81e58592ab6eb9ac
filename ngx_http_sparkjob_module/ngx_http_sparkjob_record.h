
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Records and events: what the launcher knows, and what it tells as it changes.
 */


#ifndef _NGX_HTTP_SPARKJOB_RECORD_H_INCLUDED_
#define _NGX_HTTP_SPARKJOB_RECORD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <jansson.h>


typedef struct ngx_http_sparkjob_channel_s  ngx_http_sparkjob_channel_t;
typedef struct ngx_http_sparkjob_message_s  ngx_http_sparkjob_message_t;


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
#define NGX_HTTP_SPARKJOB_SESSION         8     /* the row, as Livy has it */

#define NGX_HTTP_SPARKJOB_BINARY_JAR_ROW  3
#define NGX_HTTP_SPARKJOB_BINARY_TYPE     4

#define NGX_HTTP_SPARKJOB_PAYLOAD         9
#define NGX_HTTP_SPARKJOB_NSTRINGS        10

/* these only go into rows */

#define NGX_HTTP_SPARKJOB_JOB_CONTEXT_ID      10

#define NGX_HTTP_SPARKJOB_CONTEXT_KIND        10
#define NGX_HTTP_SPARKJOB_CONTEXT_PROXY       11
#define NGX_HTTP_SPARKJOB_CONTEXT_TRACKING    12
#define NGX_HTTP_SPARKJOB_CONTEXT_DRIVER_LOG  13
#define NGX_HTTP_SPARKJOB_CONTEXT_REST        14    /* of the session's row */

#define NGX_HTTP_SPARKJOB_NMEMBERS            15


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
    uint64_t                      micros;   /* time inside the job */
    uint32_t                      progress[NGX_HTTP_SPARKJOB_NPROGRESS];
    uint32_t                      queue;    /* its place in it, from 1 */
} ngx_http_sparkjob_job_part_t;


typedef struct {
    int64_t                       number;   /* -1: it is no session */
    uint64_t                      until;    /* one that died is shown */
    uint32_t                      name;     /* in the session's row: where */
    uint32_t                      state;    /* these begin, and the lines of */
    uint32_t                      log;      /* the log */
    uint32_t                      ui;       /* the URL of the UI, if it can be
                                               seen through nginx; or 0 */
    uint32_t                      ui_len;
    uint8_t                       busy;     /* its statements run, or wait */
    uint8_t                       nameless; /* its name is another context's */
} ngx_http_sparkjob_session_part_t;


typedef struct {
    uint64_t                      rev;
    uint64_t                      start;    /* ms since 1970; or the upload */
    uint64_t                      end;      /* 0: not yet */

    union {
        ngx_http_sparkjob_job_part_t      job;
        ngx_http_sparkjob_session_part_t  session;      /* of a context */
    } of;

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
    NGX_HTTP_SPARKJOB_OP_BUSY,
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


/*
 * record: a record from metadata; with a pool in the pool, else in the
 * channel's scratch memory, good until the next one.  NGX_DECLINED: it is not
 * valid, which has been logged; the channel can still be used.  NGX_ERROR: out
 * of memory.  Both leave NULL.  ngx_http_sparkjob_record_told() has that of a
 * reply in the request's pool; NULL: none, which has been logged.
 */
ngx_int_t ngx_http_sparkjob_record(ngx_http_sparkjob_channel_t *ch,
    ngx_pool_t *pool, ngx_http_sparkjob_kind_e kind, json_t *meta,
    ngx_str_t *payload, ngx_http_sparkjob_record_t **record);
ngx_http_sparkjob_record_t *ngx_http_sparkjob_record_told(
    ngx_http_request_t *r, ngx_http_sparkjob_kind_e kind,
    ngx_http_sparkjob_message_t *msg);
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

/* what a string of a record is rendered from: see the resources */
u_char *ngx_http_sparkjob_job_render(u_char *p, ngx_uint_t n,
    ngx_http_sparkjob_record_t *rec, ngx_str_t *s);
u_char *ngx_http_sparkjob_context_render(u_char *p, ngx_uint_t n,
    ngx_http_sparkjob_record_t *rec, ngx_str_t *s);
u_char *ngx_http_sparkjob_binary_render(u_char *p, ngx_uint_t n,
    ngx_http_sparkjob_record_t *rec, ngx_str_t *s);

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


#endif /* _NGX_HTTP_SPARKJOB_RECORD_H_INCLUDED_ */
