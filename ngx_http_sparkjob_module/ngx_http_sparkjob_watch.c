
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * A watcher: what it gets, and how.
 *
 * It begins with the present state, or with what it missed, both from the zone
 * a piece at a time, and only as fast as its client reads.  Once it is up to
 * date it gets a place in the hub's list.  From then on its client is the one
 * to keep pace: one that has too much pending is dropped, and can come back
 * with the id of the last event that it got.
 */


#include <ngx_http_sparkjob_hub.h>


/*
 * What may wait for a client that does not read: of what it wants, and of all
 * that the hub has to keep for it.
 */

#define NGX_HTTP_SPARKJOB_PENDING_MAX  (256 * 1024)
#define NGX_HTTP_SPARKJOB_KEPT_MAX     (4 * 1024 * 1024)

/* how many pieces a client gets in a turn, and events in a piece */
#define NGX_HTTP_SPARKJOB_STEPS_MAX    8
#define NGX_HTTP_SPARKJOB_LINKS_MAX    64

#define NGX_HTTP_SPARKJOB_RESET        "event: reset\ndata: {}\n\n"

/* ms after which a client is to come back, when all have to: from, and range */
#define NGX_HTTP_SPARKJOB_RETRY_MIN    500
#define NGX_HTTP_SPARKJOB_RETRY_RANGE  3000
#define NGX_HTTP_SPARKJOB_RETRY        "retry: %ui\n\n"

#define NGX_HTTP_SPARKJOB_ID_MAX                                              \
    (sizeof("id: -\n\n") - 1 + 2 * NGX_INT64_LEN)


/* an item on its way to a client */

struct ngx_http_sparkjob_link_s {
    ngx_http_sparkjob_link_t    *next;
    ngx_http_sparkjob_item_t    *item;
    ngx_chain_t                  chain;
    ngx_buf_t                    buf;
};


static ngx_int_t ngx_http_sparkjob_watch_retry(ngx_http_sparkjob_watch_t *w);
static ngx_int_t ngx_http_sparkjob_watch_steps(ngx_http_sparkjob_watch_t *w);
static void ngx_http_sparkjob_watch_queue(ngx_http_sparkjob_watch_t *w,
    ngx_queue_t *queue);
static ngx_int_t ngx_http_sparkjob_watch_missed_put(
    ngx_http_sparkjob_watch_t *w, size_t size);
static ngx_int_t ngx_http_sparkjob_watch_state_put(
    ngx_http_sparkjob_watch_t *w, size_t size);
static ngx_int_t ngx_http_sparkjob_watch_state_job(
    ngx_http_sparkjob_watch_t *w);
static ngx_int_t ngx_http_sparkjob_watch_state_end(
    ngx_http_sparkjob_watch_t *w);
static ngx_int_t ngx_http_sparkjob_watch_live(ngx_http_sparkjob_watch_t *w);
static ngx_int_t ngx_http_sparkjob_watch_wait(ngx_http_sparkjob_watch_t *w);
static ngx_int_t ngx_http_sparkjob_watch_item(ngx_http_sparkjob_watch_t *w,
    ngx_http_sparkjob_item_t *item);
static void ngx_http_sparkjob_watch_void(ngx_http_sparkjob_watch_t *w);
static ngx_int_t ngx_http_sparkjob_watch_text(ngx_http_sparkjob_watch_t *w,
    ngx_http_sparkjob_item_t *item, u_char *p);
static ngx_int_t ngx_http_sparkjob_watch_link(ngx_http_sparkjob_watch_t *w,
    ngx_http_sparkjob_item_t *item);
static ngx_int_t ngx_http_sparkjob_watch_send(ngx_http_sparkjob_watch_t *w);
static void ngx_http_sparkjob_watch_sent(ngx_http_sparkjob_watch_t *w);
static ngx_uint_t ngx_http_sparkjob_watch_blocked(
    ngx_http_sparkjob_watch_t *w);


/* from the hub */

void
ngx_http_sparkjob_watch_turn(ngx_queue_t *q)
{
    ngx_http_request_t         *r;
    ngx_http_sparkjob_watch_t  *w;

    w = ngx_queue_data(q, ngx_http_sparkjob_watch_t, queue);
    w->queued = 0;

    r = w->request;

    ngx_http_set_log_request(r->connection->log, r);
    ngx_http_sparkjob_finish(r, ngx_http_sparkjob_watch_serve(w));
}


/* a client that is behind cannot be waited for */

void
ngx_http_sparkjob_watch_end(ngx_queue_t *q)
{
    ngx_int_t                   rc;
    ngx_http_request_t         *r;
    ngx_http_sparkjob_watch_t  *w;

    w = ngx_queue_data(q, ngx_http_sparkjob_watch_t, queue);
    w->queued = 0;

    r = w->request;

    ngx_http_set_log_request(r->connection->log, r);

    rc = ngx_http_sparkjob_watch_blocked(w) ? NGX_ERROR
                                            : ngx_http_sparkjob_watch_retry(w);

    ngx_http_sparkjob_watch_cleanup(w);
    ngx_http_sparkjob_finish(r, rc);
}


/*
 * The worker leaves, and all of its watchers come back to others: not all of
 * them at once.
 */

static ngx_int_t
ngx_http_sparkjob_watch_retry(ngx_http_sparkjob_watch_t *w)
{
    u_char                    *p;
    ngx_uint_t                 ms;
    ngx_http_sparkjob_item_t  *item;

    item = ngx_http_sparkjob_item(sizeof(NGX_HTTP_SPARKJOB_RETRY)
                                  + NGX_INT_T_LEN,
                                  w->request->connection->log);
    if (item == NULL) {
        return NGX_ERROR;
    }

    ms = NGX_HTTP_SPARKJOB_RETRY_MIN
         + ngx_random() % NGX_HTTP_SPARKJOB_RETRY_RANGE;

    p = ngx_http_sparkjob_event_strings(&item->event);
    p = ngx_sprintf(p, NGX_HTTP_SPARKJOB_RETRY, ms);

    if (ngx_http_sparkjob_watch_text(w, item, p) != NGX_OK
        || ngx_http_sparkjob_watch_send(w) == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    return ngx_http_sparkjob_stream_end(w->request);
}


/*
 * Gives the client what there is for it, as far as it takes that.  Returns
 * NGX_AGAIN, or what to end the request by.
 */

ngx_int_t
ngx_http_sparkjob_watch_serve(ngx_http_sparkjob_watch_t *w)
{
    ngx_int_t  rc;

    rc = ngx_http_sparkjob_watch_steps(w);

    if (rc != NGX_AGAIN) {
        ngx_http_sparkjob_watch_cleanup(w);
    }

    return rc;
}


static ngx_int_t
ngx_http_sparkjob_watch_steps(ngx_http_sparkjob_watch_t *w)
{
    ngx_int_t    rc;
    ngx_uint_t   n;

    for (n = 0; n < NGX_HTTP_SPARKJOB_STEPS_MAX; n++) {

        if (w->step != ngx_http_sparkjob_watch_live
            && ngx_http_sparkjob_watch_blocked(w))
        {
            ngx_http_sparkjob_watch_queue(w, &w->hub->idle);
            return NGX_AGAIN;
        }

        rc = w->over ? NGX_DONE : w->step(w);

        if (rc == NGX_ERROR || ngx_http_sparkjob_watch_send(w) == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (w->over && w->unsent == NULL) {
            return ngx_http_sparkjob_stream_end(w->request);
        }

        if (rc == NGX_DONE) {
            ngx_http_sparkjob_watch_queue(w, &w->hub->idle);
            return NGX_AGAIN;
        }

        if (rc == NGX_AGAIN) {
            ngx_http_sparkjob_watch_queue(w, &w->hub->waiting);
            ngx_http_sparkjob_hub_soon(w->hub);
            return NGX_AGAIN;
        }
    }

    /* there is more, but others want their turn */

    ngx_http_sparkjob_watch_queue(w, &w->hub->ready);
    ngx_post_event(&w->hub->turn, &ngx_posted_next_events);

    return NGX_AGAIN;
}


static void
ngx_http_sparkjob_watch_queue(ngx_http_sparkjob_watch_t *w,
    ngx_queue_t *queue)
{
    if (w->queued) {
        ngx_queue_remove(&w->queue);
    }

    w->queued = 1;
    ngx_queue_insert_tail(queue, &w->queue);
}


/*
 * The steps.  NGX_OK: there is more; NGX_DONE: the hub tells when there is;
 * NGX_AGAIN: the zone has to be loaded first.
 */

ngx_int_t
ngx_http_sparkjob_watch_missed(ngx_http_sparkjob_watch_t *w)
{
    size_t     size;
    uint64_t   seq;
    ngx_int_t  rc;

    seq = w->seq;
    size = NGX_HTTP_SPARKJOB_PIECE;

    rc = ngx_http_sparkjob_zone_events(w->hub->channel->zone, w->epoch, &seq,
                                       w->hub->piece, &size);

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_watch_missed_put(w, size);
        w->seq = seq;

        return rc;
    }

    if (rc == NGX_DECLINED) {
        ngx_http_sparkjob_watch_void(w);
        return NGX_OK;
    }

    if (rc == NGX_DONE && w->ended) {
        /* the end of the job was not missed, and will not come again */
        w->over = 1;
        return NGX_DONE;
    }

    if (rc == NGX_DONE) {
        w->cursor = ngx_http_sparkjob_hub_attach(w->hub, w->epoch, w->seq);
        w->counted = w->cursor;
        w->step = ngx_http_sparkjob_watch_live;
    }

    return rc;
}


static ngx_int_t
ngx_http_sparkjob_watch_missed_put(ngx_http_sparkjob_watch_t *w, size_t size)
{
    u_char                     *p, *q;
    ngx_http_sparkjob_item_t   *item;
    ngx_http_sparkjob_event_t  *ev;

    item = ngx_http_sparkjob_item(size, w->request->connection->log);
    if (item == NULL) {
        return NGX_ERROR;
    }

    q = ngx_http_sparkjob_event_strings(&item->event);

    for (p = w->hub->piece;
         p < w->hub->piece + size && !w->over;
         p += ev->size)
    {
        ev = (ngx_http_sparkjob_event_t *) p;

        if (ngx_http_sparkjob_watch_wants_event(w, ev)) {
            q = ngx_http_sparkjob_watch_copy(w, q, ev);

            w->over = w->id.len && ev->final;
        }
    }

    return ngx_http_sparkjob_watch_text(w, item, q);
}


/* whether nothing that it wants has come after what it knows */

ngx_uint_t
ngx_http_sparkjob_watch_has_all(ngx_http_sparkjob_watch_t *w)
{
    u_char                     *p;
    size_t                      size;
    uint64_t                    seq;
    ngx_int_t                   rc;
    ngx_http_sparkjob_event_t  *ev;

    seq = w->seq;

    for ( ;; ) {
        size = NGX_HTTP_SPARKJOB_PIECE;

        rc = ngx_http_sparkjob_zone_events(w->hub->channel->zone, w->epoch,
                                           &seq, w->hub->piece, &size);
        if (rc != NGX_OK) {
            return rc == NGX_DONE;
        }

        for (p = w->hub->piece; p < w->hub->piece + size; p += ev->size) {
            ev = (ngx_http_sparkjob_event_t *) p;

            if (ngx_http_sparkjob_watch_wants_event(w, ev)) {
                return 0;
            }
        }
    }
}


/* all that is not final, or one job */

ngx_int_t
ngx_http_sparkjob_watch_state(ngx_http_sparkjob_watch_t *w)
{
    size_t     size;
    ngx_int_t  rc;

    size = (w->id.len) ? 0 : NGX_HTTP_SPARKJOB_PIECE;

    rc = ngx_http_sparkjob_zone_alive(w->hub->channel->zone, &w->walk,
                                      w->hub->piece, &size);

    if (rc == NGX_OK) {
        return ngx_http_sparkjob_watch_state_put(w, size);
    }

    if (rc != NGX_DONE) {
        return rc;
    }

    if (w->id.len) {
        return ngx_http_sparkjob_watch_state_job(w);
    }

    return ngx_http_sparkjob_watch_state_end(w);
}


static ngx_int_t
ngx_http_sparkjob_watch_state_put(ngx_http_sparkjob_watch_t *w, size_t size)
{
    u_char                      *p, *q;
    size_t                       len;
    ngx_str_t                    whose[NGX_HTTP_SPARKJOB_EVENT_NSTRINGS];
    ngx_http_sparkjob_item_t    *item;
    ngx_http_sparkjob_record_t  *rec;

    len = sizeof(NGX_HTTP_SPARKJOB_RESET);

    for (p = w->hub->piece; p < w->hub->piece + size; p += rec->size) {
        rec = (ngx_http_sparkjob_record_t *) p;
        len += ngx_http_sparkjob_event_len(rec);
    }

    item = ngx_http_sparkjob_item(len, w->request->connection->log);
    if (item == NULL) {
        return NGX_ERROR;
    }

    q = ngx_http_sparkjob_event_strings(&item->event);

    if (w->reset) {
        w->reset = 0;
        q = ngx_sprintf(q, NGX_HTTP_SPARKJOB_RESET);
    }

    for (p = w->hub->piece; p < w->hub->piece + size; p += rec->size) {
        rec = (ngx_http_sparkjob_record_t *) p;

        ngx_http_sparkjob_event_whose(rec, whose);

        if (ngx_http_sparkjob_watch_wants(w, rec->kind, whose)) {
            q = ngx_http_sparkjob_event_put(q, rec, &w->ctx->own_json);
        }
    }

    return ngx_http_sparkjob_watch_text(w, item, q);
}


static ngx_int_t
ngx_http_sparkjob_watch_state_job(ngx_http_sparkjob_watch_t *w)
{
    u_char                      *p;
    ngx_int_t                    rc;
    ngx_http_sparkjob_item_t    *item;
    ngx_http_sparkjob_record_t  *rec;

    rec = w->record;

    if (rec == NULL || !rec->final) {
        rc = ngx_http_sparkjob_zone_get(w->hub->channel->zone,
                                        NGX_HTTP_SPARKJOB_JOB, &w->id,
                                        &w->ctx->owner, w->request->pool,
                                        &rec);
        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc != NGX_OK) {
            /*
             * It has ended and gone meanwhile, or the zone has no room for it.
             * Whoever comes back is told more: without an id, since nobody
             * knows what this state belongs to.
             */

            w->over = 1;

            if (w->record == NULL) {
                return NGX_OK;
            }

            rec = w->record;
        }
    }

    item = ngx_http_sparkjob_item(sizeof(NGX_HTTP_SPARKJOB_RESET)
                                  + ngx_http_sparkjob_event_len(rec),
                                  w->request->connection->log);
    if (item == NULL) {
        return NGX_ERROR;
    }

    p = ngx_http_sparkjob_event_strings(&item->event);

    if (w->reset) {
        w->reset = 0;
        p = ngx_sprintf(p, NGX_HTTP_SPARKJOB_RESET);
    }

    p = ngx_http_sparkjob_event_put(p, rec, &w->ctx->own_json);

    if (ngx_http_sparkjob_watch_text(w, item, p) != NGX_OK) {
        return NGX_ERROR;
    }

    if (w->over) {
        return NGX_OK;
    }

    w->over = rec->final;

    return ngx_http_sparkjob_watch_state_end(w);
}


/*
 * Only now does the client get an id: if it comes back with one it has had the
 * state as a whole.
 */

static ngx_int_t
ngx_http_sparkjob_watch_state_end(ngx_http_sparkjob_watch_t *w)
{
    u_char                    *p;
    ngx_http_sparkjob_item_t  *item;

    item = ngx_http_sparkjob_item(sizeof(NGX_HTTP_SPARKJOB_RESET)
                                  + NGX_HTTP_SPARKJOB_ID_MAX,
                                  w->request->connection->log);
    if (item == NULL) {
        return NGX_ERROR;
    }

    p = ngx_http_sparkjob_event_strings(&item->event);

    if (w->reset) {
        w->reset = 0;
        p = ngx_sprintf(p, NGX_HTTP_SPARKJOB_RESET);
    }

    p = ngx_sprintf(p, "id: %uL-%uL\n\n", w->walk.epoch, w->walk.seq);

    w->epoch = w->walk.epoch;
    w->seq = w->walk.seq;
    w->step = ngx_http_sparkjob_watch_missed;

    return ngx_http_sparkjob_watch_text(w, item, p);
}


/*
 * What is new, as long as the client takes it; otherwise it waits in the list,
 * and costs nothing more.
 */

static ngx_int_t
ngx_http_sparkjob_watch_live(ngx_http_sparkjob_watch_t *w)
{
    ngx_uint_t                 n;
    ngx_http_sparkjob_item_t  *item;

    if (ngx_http_sparkjob_watch_blocked(w)) {
        return ngx_http_sparkjob_watch_wait(w);
    }

    item = w->cursor;

    for (n = 0; item->next && n < NGX_HTTP_SPARKJOB_LINKS_MAX && !w->over; ) {
        item = item->next;

        if (item->reset) {
            ngx_http_sparkjob_watch_void(w);
            return NGX_OK;
        }

        if (!ngx_http_sparkjob_watch_wants_event(w, &item->event)) {
            continue;
        }

        if (ngx_http_sparkjob_watch_item(w, item) != NGX_OK) {
            return NGX_ERROR;
        }

        w->over = w->id.len && item->event.final;
        n++;
    }

    ngx_http_sparkjob_hub_move(w->hub, w->cursor, item);
    w->cursor = item;
    w->counted = item;
    w->backlog = 0;

    return item->next ? NGX_OK : NGX_DONE;
}


static ngx_int_t
ngx_http_sparkjob_watch_wait(ngx_http_sparkjob_watch_t *w)
{
    uint64_t  kept;

    while (w->counted->next) {
        w->counted = w->counted->next;

        if (ngx_http_sparkjob_watch_wants_event(w, &w->counted->event)) {
            w->backlog += w->counted->event.len[NGX_HTTP_SPARKJOB_EVENT_TEXT];
        }
    }

    kept = w->hub->last->total - w->cursor->total;

    if (w->backlog <= NGX_HTTP_SPARKJOB_PENDING_MAX
        && kept <= NGX_HTTP_SPARKJOB_KEPT_MAX)
    {
        return NGX_DONE;
    }

    ngx_log_error(NGX_LOG_INFO, w->request->connection->log, 0,
                  "client does not read its events, %uz bytes are pending, "
                  "%uL are kept for it", w->backlog, kept);

    return NGX_ERROR;
}


/* shared, unless the name of the context is another one for this watcher */

static ngx_int_t
ngx_http_sparkjob_watch_item(ngx_http_sparkjob_watch_t *w,
    ngx_http_sparkjob_item_t *item)
{
    u_char                    *p;
    ngx_http_sparkjob_item_t  *copy;

    if (w->ctx->own.len == 0 || item->event.own == 0) {
        item->refs++;
        return ngx_http_sparkjob_watch_link(w, item);
    }

    copy = ngx_http_sparkjob_item(item->event.size,
                                  w->request->connection->log);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    p = ngx_http_sparkjob_event_strings(&copy->event);
    p = ngx_http_sparkjob_watch_copy(w, p, &item->event);

    return ngx_http_sparkjob_watch_text(w, copy, p);
}


/* what the client knows is void */

static void
ngx_http_sparkjob_watch_void(ngx_http_sparkjob_watch_t *w)
{
    if (w->cursor) {
        ngx_http_sparkjob_hub_detach(w->hub, w->cursor);
        w->cursor = NULL;
    }

    ngx_memzero(&w->walk, sizeof(ngx_http_sparkjob_state_walk_t));

    w->reset = 1;
    w->step = ngx_http_sparkjob_watch_state;
}


/* an item of this watcher's own, whose text ends at p */

static ngx_int_t
ngx_http_sparkjob_watch_text(ngx_http_sparkjob_watch_t *w,
    ngx_http_sparkjob_item_t *item, u_char *p)
{
    size_t  len;

    len = p - ngx_http_sparkjob_event_strings(&item->event);

    if (len == 0) {
        ngx_http_sparkjob_item_release(item);
        return NGX_OK;
    }

    item->event.len[NGX_HTTP_SPARKJOB_EVENT_TEXT] = len;

    return ngx_http_sparkjob_watch_link(w, item);
}


/* takes over a reference */

static ngx_int_t
ngx_http_sparkjob_watch_link(ngx_http_sparkjob_watch_t *w,
    ngx_http_sparkjob_item_t *item)
{
    ngx_str_t                  text;
    ngx_http_sparkjob_link_t  *link;

    link = w->free;

    if (link) {
        w->free = link->next;

    } else {
        link = ngx_palloc(w->request->pool, sizeof(ngx_http_sparkjob_link_t));

        if (link == NULL) {
            ngx_http_sparkjob_item_release(item);
            return NGX_ERROR;
        }
    }

    text = ngx_http_sparkjob_event_string(&item->event,
                                          NGX_HTTP_SPARKJOB_EVENT_TEXT);

    ngx_memzero(&link->buf, sizeof(ngx_buf_t));

    link->buf.start = text.data;
    link->buf.pos = text.data;
    link->buf.last = text.data + text.len;
    link->buf.end = link->buf.last;
    link->buf.memory = 1;
    link->buf.tag = (ngx_buf_tag_t) &ngx_http_sparkjob_module;

    link->item = item;
    link->next = NULL;

    *w->last = link;
    w->last = &link->next;

    if (w->unsent == NULL) {
        w->unsent = link;
    }

    return NGX_OK;
}


/* what the client has not taken yet goes before what is new */

static ngx_int_t
ngx_http_sparkjob_watch_send(ngx_http_sparkjob_watch_t *w)
{
    ngx_int_t                  rc;
    ngx_chain_t               *out, **ll;
    ngx_http_sparkjob_link_t  *link;

    if (w->unsent == NULL
        || w->unsent != w->links
        || ngx_http_sparkjob_stream_blocked(w->request))
    {
        return NGX_OK;
    }

    for (ll = &out, link = w->unsent; link; link = link->next) {
        link->chain.buf = &link->buf;
        link->buf.flush = (link->next == NULL);

        *ll = &link->chain;
        ll = &link->chain.next;
    }

    *ll = NULL;
    w->unsent = NULL;

    rc = ngx_http_sparkjob_stream_send(w->request, out);

    ngx_http_sparkjob_watch_sent(w);

    return rc;
}


/* releases what has left */

static void
ngx_http_sparkjob_watch_sent(ngx_http_sparkjob_watch_t *w)
{
    ngx_buf_t                 *b;
    ngx_http_sparkjob_link_t  *link;

    while (w->links != w->unsent) {
        link = w->links;
        b = &link->buf;

        if (ngx_buf_size(b) != 0) {
            return;
        }

        w->links = link->next;

        ngx_http_sparkjob_item_release(link->item);

        link->next = w->free;
        w->free = link;
    }

    if (w->links == NULL) {
        w->last = &w->links;
    }
}


static ngx_uint_t
ngx_http_sparkjob_watch_blocked(ngx_http_sparkjob_watch_t *w)
{
    return w->links != NULL || ngx_http_sparkjob_stream_blocked(w->request);
}


void
ngx_http_sparkjob_watch_writer(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_http_sparkjob_ctx_t    *ctx;
    ngx_http_sparkjob_watch_t  *w;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    w = ctx->data;

    rc = ngx_http_sparkjob_stream_flush(r);

    ngx_http_sparkjob_watch_sent(w);

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_watch_serve(w);
    }

    ngx_http_sparkjob_finish(r, rc);
}


/* it leaves all queues; may be called more than once */

void
ngx_http_sparkjob_watch_cleanup(void *data)
{
    ngx_http_sparkjob_watch_t  *w = data;

    if (w->queued) {
        w->queued = 0;
        ngx_queue_remove(&w->queue);
    }

    if (w->cursor) {
        ngx_http_sparkjob_hub_detach(w->hub, w->cursor);
        w->cursor = NULL;
    }

    if (w->entered) {
        w->entered = 0;
        ngx_http_sparkjob_hub_leave(w->hub);
    }
}


/* what HTTP/2 has queued lives as long as the request's pool does */

void
ngx_http_sparkjob_watch_free(void *data)
{
    ngx_http_sparkjob_watch_t  *w = data;

    for ( /* void */ ; w->links; w->links = w->links->next) {
        ngx_http_sparkjob_item_release(w->links->item);
    }
}
