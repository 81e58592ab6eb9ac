
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What the hub and those who watch have in common.
 */


#ifndef _NGX_HTTP_SPARKJOB_HUB_H_INCLUDED_
#define _NGX_HTTP_SPARKJOB_HUB_H_INCLUDED_


#include <ngx_http_sparkjob_module.h>


#define NGX_HTTP_SPARKJOB_ANY_KIND    NGX_HTTP_SPARKJOB_NKINDS


typedef struct ngx_http_sparkjob_item_s   ngx_http_sparkjob_item_t;
typedef struct ngx_http_sparkjob_link_s   ngx_http_sparkjob_link_t;
typedef struct ngx_http_sparkjob_watch_s  ngx_http_sparkjob_watch_t;


/*
 * An event in this worker, formatted once.  References are held by the hub's
 * list and by what is on its way to a client; a cursor is the place of a
 * watcher, who has got everything up to this one.
 */

struct ngx_http_sparkjob_item_s {
    ngx_http_sparkjob_item_t     *next;
    ngx_uint_t                    refs;
    ngx_uint_t                    cursors;
    ngx_uint_t                    reset;    /* what was before is void */
    uint64_t                      total;    /* bytes in the list up to here */
    ngx_http_sparkjob_event_t     event;
};


struct ngx_http_sparkjob_hub_s {
    ngx_http_sparkjob_channel_t  *channel;
    ngx_http_sparkjob_item_t     *first;
    ngx_http_sparkjob_item_t     *last;
    uint64_t                      epoch;    /* of the last one */
    uint64_t                      seq;

    ngx_queue_t                   idle;     /* have got everything */
    ngx_queue_t                   ready;    /* to have their turn */
    ngx_queue_t                   waiting;  /* for the zone to be loaded */
    ngx_uint_t                    watchers;
    ngx_uint_t                    live;     /* those with a cursor */

    ngx_event_t                   turn;
    ngx_event_t                   timer;
    ngx_msec_t                    beat;     /* when the next one is due */
    u_char                       *piece;

    unsigned                      behind:1; /* the channel has missed some */
};


/* a step gives links to be sent, or changes "step" */

typedef ngx_int_t (*ngx_http_sparkjob_step_pt)(
    ngx_http_sparkjob_watch_t *w);


struct ngx_http_sparkjob_watch_s {
    ngx_queue_t                  queue;     /* idle, ready or waiting */
    ngx_http_request_t          *request;
    ngx_http_sparkjob_ctx_t     *ctx;
    ngx_http_sparkjob_hub_t     *hub;
    ngx_http_sparkjob_item_t    *cursor;
    ngx_http_sparkjob_step_pt    step;

    uint64_t                     epoch;     /* what it has got up to there */
    uint64_t                     seq;
    ngx_http_sparkjob_state_walk_t  walk;
    ngx_http_sparkjob_record_t  *record;    /* of a job, from the launcher */

    ngx_uint_t                   kinds;     /* one bit for each */
    ngx_str_t                    id;        /* of a job; empty: any */
    ngx_str_t                    context;
    ngx_str_t                    user;
    ngx_str_t                    since;

    ngx_http_sparkjob_link_t    *links;     /* the first has not left wholly */
    ngx_http_sparkjob_link_t   **last;
    ngx_http_sparkjob_link_t    *unsent;
    ngx_http_sparkjob_link_t    *free;
    ngx_http_sparkjob_item_t    *counted;   /* the last one in "backlog" */
    size_t                       backlog;   /* bytes that wait in the list */

    unsigned                     queued:1;
    unsigned                     entered:1;
    unsigned                     reset:1;   /* to be told */
    unsigned                     over:1;    /* nothing more will come */
    unsigned                     ended:1;   /* the job, before it came */
};


#define ngx_http_sparkjob_event_strings(ev)  ((u_char *) ((ev) + 1))


ngx_http_sparkjob_item_t *ngx_http_sparkjob_item(size_t size, ngx_log_t *log);
void ngx_http_sparkjob_item_release(ngx_http_sparkjob_item_t *item);
ngx_str_t ngx_http_sparkjob_event_string(ngx_http_sparkjob_event_t *ev,
    ngx_uint_t n);
void ngx_http_sparkjob_event_whose(ngx_http_sparkjob_record_t *rec,
    ngx_str_t *s);
size_t ngx_http_sparkjob_event_len(ngx_http_sparkjob_record_t *rec);
u_char *ngx_http_sparkjob_event_put(u_char *p,
    ngx_http_sparkjob_record_t *rec, ngx_str_t *own);

/* a watcher comes, goes, takes part in what happens from now on */
void ngx_http_sparkjob_hub_enter(ngx_http_sparkjob_hub_t *hub);
void ngx_http_sparkjob_hub_leave(ngx_http_sparkjob_hub_t *hub);
ngx_http_sparkjob_item_t *ngx_http_sparkjob_hub_attach(
    ngx_http_sparkjob_hub_t *hub, uint64_t epoch, uint64_t seq);
void ngx_http_sparkjob_hub_detach(ngx_http_sparkjob_hub_t *hub,
    ngx_http_sparkjob_item_t *cursor);
void ngx_http_sparkjob_hub_move(ngx_http_sparkjob_hub_t *hub,
    ngx_http_sparkjob_item_t *from, ngx_http_sparkjob_item_t *to);
void ngx_http_sparkjob_hub_soon(ngx_http_sparkjob_hub_t *hub);

/* watch: steps to begin with, what lets a watcher go on, and its ends */
ngx_int_t ngx_http_sparkjob_watch_state(ngx_http_sparkjob_watch_t *w);
ngx_int_t ngx_http_sparkjob_watch_missed(ngx_http_sparkjob_watch_t *w);
ngx_uint_t ngx_http_sparkjob_watch_has_all(ngx_http_sparkjob_watch_t *w);
ngx_int_t ngx_http_sparkjob_watch_serve(ngx_http_sparkjob_watch_t *w);
void ngx_http_sparkjob_watch_writer(ngx_http_request_t *r);
void ngx_http_sparkjob_watch_cleanup(void *data);
void ngx_http_sparkjob_watch_free(void *data);

/* choice: "whose" is as ngx_http_sparkjob_event_whose() fills it */
ngx_uint_t ngx_http_sparkjob_watch_wants_event(ngx_http_sparkjob_watch_t *w,
    ngx_http_sparkjob_event_t *ev);
ngx_uint_t ngx_http_sparkjob_watch_wants(ngx_http_sparkjob_watch_t *w,
    ngx_uint_t kind, ngx_str_t *whose);
u_char *ngx_http_sparkjob_watch_copy(ngx_http_sparkjob_watch_t *w, u_char *p,
    ngx_http_sparkjob_event_t *ev);

/* from the hub: its turn, or its end; it is in no queue meanwhile */
void ngx_http_sparkjob_watch_turn(ngx_queue_t *q);
void ngx_http_sparkjob_watch_end(ngx_queue_t *q);


#endif /* _NGX_HTTP_SPARKJOB_HUB_H_INCLUDED_ */
