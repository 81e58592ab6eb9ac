
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The tables in shared memory.  For the zone only, which has the lock: every
 * function here needs it.
 */


#ifndef _NGX_HTTP_SPARKJOB_TABLE_H_INCLUDED_
#define _NGX_HTTP_SPARKJOB_TABLE_H_INCLUDED_


#include <ngx_http_sparkjob_module.h>


typedef struct {
    ngx_rbtree_node_t           by_key;
    ngx_rbtree_node_t           by_start;       /* jobs, and sessions by
                                                   number */
    ngx_queue_t                 queue;          /* of final ones, or others */
    ngx_uint_t                  generation;
    uint64_t                    order;          /* of jobs of one millisecond */
    uint64_t                    stamp;          /* of its last change */
    ngx_http_sparkjob_record_t  record;
} ngx_http_sparkjob_node_t;


/* where an event lies in the ring */

typedef struct {
    uint32_t                    offset;
    uint32_t                    size;
} ngx_http_sparkjob_place_t;


typedef struct {
    uint64_t                    first;          /* last + 1: there is none */
    uint64_t                    last;
    size_t                      head;
    size_t                      size;
    u_char                     *data;
    ngx_uint_t                  nplaces;
    ngx_http_sparkjob_place_t  *places;
} ngx_http_sparkjob_ring_t;


typedef struct {
    ngx_rbtree_t                by_key[NGX_HTTP_SPARKJOB_NKINDS];
    ngx_rbtree_node_t           key_sentinel[NGX_HTTP_SPARKJOB_NKINDS];
    ngx_rbtree_t                by_start;       /* the latest one first */
    ngx_rbtree_node_t           start_sentinel;
    ngx_rbtree_t                by_session;     /* the oldest one first */
    ngx_rbtree_node_t           session_sentinel;
    ngx_queue_t                 final;          /* the latest one first */
    ngx_queue_t                 alive;          /* likewise */
    uint64_t                    order;
    uint64_t                    stamp;
    ngx_http_sparkjob_ring_t   *ring;

    uint64_t                    epoch;          /* 0: nothing yet */
    uint64_t                    seq;
    uint64_t                    horizon;        /* 0: nothing is missing */
    uint64_t                    load_horizon;
    ngx_uint_t                  forgotten;      /* final contexts are missing */
    ngx_uint_t                  load_forgotten;
    uint64_t                    unlisted;       /* dead sessions are, ms */
    uint64_t                    load_unlisted;
    ngx_uint_t                  generation;
    ngx_pid_t                   loader;
    ngx_msec_t                  loader_time;

    ngx_uint_t                  dirty;
    ngx_uint_t                  loaded;         /* there was a snapshot */
    ngx_uint_t                  complete;       /* of this epoch, whole */
    ngx_uint_t                  overflow;       /* of contexts or binaries */
    ngx_uint_t                  load_overflow;
    ngx_uint_t                  room;           /* there may be, since then */
    ngx_uint_t                  crowded;        /* loads that did not fit */
} ngx_http_sparkjob_sh_t;


/* a place in a tree */

typedef struct {
    ngx_rbtree_key_t            key;
    uint64_t                    order;
    ngx_str_t                   name;
} ngx_http_sparkjob_cursor_t;


ngx_int_t ngx_http_sparkjob_table_init_locked(ngx_slab_pool_t *shpool);
ngx_http_sparkjob_node_t *ngx_http_sparkjob_table_find_locked(
    ngx_http_sparkjob_sh_t *sh, ngx_http_sparkjob_kind_e kind, ngx_str_t *key);
ngx_http_sparkjob_node_t *ngx_http_sparkjob_table_same_locked(
    ngx_http_sparkjob_sh_t *sh, ngx_http_sparkjob_record_t *rec);
ngx_rbtree_node_t *ngx_http_sparkjob_table_after_locked(ngx_rbtree_t *tree,
    ngx_http_sparkjob_cursor_t *cursor);
ngx_http_sparkjob_record_t *ngx_http_sparkjob_table_record(
    ngx_rbtree_node_t *rbnode);
ngx_uint_t ngx_http_sparkjob_table_is_shown(ngx_http_sparkjob_record_t *rec);
void ngx_http_sparkjob_table_cursor_locked(ngx_rbtree_node_t *rbnode,
    ngx_http_sparkjob_cursor_t *cursor);
void ngx_http_sparkjob_table_put_locked(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_sh_t *sh, ngx_http_sparkjob_record_t *rec,
    ngx_uint_t force);
void ngx_http_sparkjob_table_remove_locked(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_sh_t *sh, ngx_http_sparkjob_node_t *node);
void ngx_http_sparkjob_table_progress_locked(ngx_http_sparkjob_node_t *node,
    ngx_http_sparkjob_record_t *rec);
void ngx_http_sparkjob_table_busy_locked(ngx_http_sparkjob_node_t *node,
    ngx_http_sparkjob_record_t *rec);
void ngx_http_sparkjob_table_sweep_locked(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_sh_t *sh);


/* ring */
ngx_http_sparkjob_ring_t *ngx_http_sparkjob_ring_init_locked(
    ngx_slab_pool_t *shpool);
void ngx_http_sparkjob_ring_clear_locked(ngx_http_sparkjob_ring_t *ring,
    uint64_t seq);
void ngx_http_sparkjob_ring_put_locked(ngx_http_sparkjob_ring_t *ring,
    uint64_t seq, ngx_http_sparkjob_event_t *ev);
size_t ngx_http_sparkjob_ring_copy_locked(ngx_http_sparkjob_ring_t *ring,
    uint64_t *seq, u_char *buf, size_t size);


#define ngx_http_sparkjob_record_key(rec)  ((u_char *) ((rec) + 1))


#endif /* _NGX_HTTP_SPARKJOB_TABLE_H_INCLUDED_ */
