
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The hub: events on their way from the channel to this worker's watchers.
 *
 * Each event is formatted once.  It goes into the zone's ring, for those who
 * come back later, and into a list here, which watchers walk along, each at its
 * own pace: nothing is copied for them.  They take turns, so many at a time;
 * whatever has happened until a watcher's turn goes out to it at once.
 *
 * When the channel was broken the hub gets what it missed from the ring, where
 * other workers have put it; if it is not there, all begin anew.
 */


#include <ngx_http_sparkjob_hub.h>


#define NGX_HTTP_SPARKJOB_HUB_TICK   250
#define NGX_HTTP_SPARKJOB_HUB_SOON   50
#define NGX_HTTP_SPARKJOB_HUB_BEAT   15000

/* a system call for each: others do not wait for more than a few of them */
#define NGX_HTTP_SPARKJOB_HUB_BATCH  32

/* what an event has beside its report, and before the name of a context */
#define NGX_HTTP_SPARKJOB_EVENT_MAX  192


static void ngx_http_sparkjob_hub_tick(ngx_event_t *ev);
static ngx_int_t ngx_http_sparkjob_hub_beat(ngx_http_sparkjob_hub_t *hub);
static void ngx_http_sparkjob_hub_turn(ngx_event_t *ev);
static ngx_int_t ngx_http_sparkjob_hub_format(ngx_http_sparkjob_hub_t *hub,
    uint64_t seq, ngx_http_sparkjob_record_t *rec, ngx_http_sparkjob_op_e op,
    ngx_http_sparkjob_item_t **item);
static size_t ngx_http_sparkjob_hub_own(ngx_http_sparkjob_event_t *ev,
    ngx_http_sparkjob_record_t *rec, ngx_http_sparkjob_op_e op);
static ngx_int_t ngx_http_sparkjob_hub_told(ngx_http_sparkjob_hub_t *hub,
    uint64_t seq, ngx_http_sparkjob_item_t **item);
static u_char *ngx_http_sparkjob_hub_text(u_char *p,
    ngx_http_sparkjob_record_t *rec, ngx_http_sparkjob_op_e op);
static void ngx_http_sparkjob_hub_append(ngx_http_sparkjob_hub_t *hub,
    ngx_http_sparkjob_item_t *item);
static void ngx_http_sparkjob_hub_trim(ngx_http_sparkjob_hub_t *hub);
static ngx_int_t ngx_http_sparkjob_hub_catch_up(ngx_http_sparkjob_hub_t *hub);
static ngx_int_t ngx_http_sparkjob_hub_take(ngx_http_sparkjob_hub_t *hub,
    size_t size);
static ngx_int_t ngx_http_sparkjob_hub_reset(ngx_http_sparkjob_hub_t *hub);
static ngx_http_sparkjob_item_t *ngx_http_sparkjob_item_copy(
    ngx_http_sparkjob_event_t *ev, ngx_log_t *log);
static void ngx_http_sparkjob_item_fill(ngx_http_sparkjob_item_t *item,
    u_char *p, ngx_http_sparkjob_record_t *rec);


/* what a record is called, and its key */

static struct {
    char  *name;
    char  *key;
} ngx_http_sparkjob_kinds[NGX_HTTP_SPARKJOB_NKINDS] = {
    { "job", "jobId" },
    { "context", "name" },
    { "binary", "app-name" }
};


ngx_int_t
ngx_http_sparkjob_hub_start(ngx_cycle_t *cycle,
    ngx_http_sparkjob_channel_t *ch)
{
    ngx_http_sparkjob_hub_t  *hub;

    hub = ngx_pcalloc(cycle->pool, sizeof(ngx_http_sparkjob_hub_t));
    if (hub == NULL) {
        return NGX_ERROR;
    }

    hub->piece = ngx_palloc(cycle->pool, NGX_HTTP_SPARKJOB_PIECE);
    if (hub->piece == NULL) {
        return NGX_ERROR;
    }

    /* the list is never empty: there is always a place to stand at */

    hub->first = ngx_http_sparkjob_item(0, cycle->log);
    if (hub->first == NULL) {
        return NGX_ERROR;
    }

    hub->last = hub->first;
    hub->channel = ch;

    ngx_queue_init(&hub->idle);
    ngx_queue_init(&hub->ready);
    ngx_queue_init(&hub->waiting);

    hub->turn.handler = ngx_http_sparkjob_hub_turn;
    hub->turn.data = hub;
    hub->turn.log = cycle->log;

    hub->timer.handler = ngx_http_sparkjob_hub_tick;
    hub->timer.data = hub;
    hub->timer.log = cycle->log;

    ch->hub = hub;

    return NGX_OK;
}


/* at the end of the worker */

void
ngx_http_sparkjob_hub_stop(ngx_http_sparkjob_channel_t *ch)
{
    ngx_http_sparkjob_hub_t   *hub;
    ngx_http_sparkjob_item_t  *item;

    hub = ch->hub;

    if (hub->turn.posted) {
        ngx_delete_posted_event(&hub->turn);
    }

    if (hub->timer.timer_set) {
        ngx_del_timer(&hub->timer);
    }

    while (hub->first) {
        item = hub->first;
        hub->first = item->next;
        ngx_http_sparkjob_item_release(item);
    }
}


/*
 * The timer is not cancelable: a worker that is to leave ends its watchers
 * first, so that they come back to another one.
 */

void
ngx_http_sparkjob_hub_enter(ngx_http_sparkjob_hub_t *hub)
{
    if (hub->watchers++ == 0) {
        hub->beat = ngx_current_msec + NGX_HTTP_SPARKJOB_HUB_BEAT;
        ngx_add_timer(&hub->timer, NGX_HTTP_SPARKJOB_HUB_TICK);
    }
}


void
ngx_http_sparkjob_hub_leave(ngx_http_sparkjob_hub_t *hub)
{
    if (--hub->watchers == 0) {
        ngx_del_timer(&hub->timer);
    }
}


static void
ngx_http_sparkjob_hub_tick(ngx_event_t *ev)
{
    ngx_int_t                 rc;
    ngx_http_sparkjob_hub_t  *hub;

    hub = ev->data;

    rc = hub->behind ? ngx_http_sparkjob_hub_catch_up(hub) : NGX_OK;

    if (rc == NGX_OK
        && (ngx_msec_int_t) (hub->beat - ngx_current_msec) <= 0)
    {
        rc = ngx_http_sparkjob_hub_beat(hub);
    }

    if (rc != NGX_OK) {
        ngx_http_sparkjob_channel_close(hub->channel);
    }

    if (!ngx_queue_empty(&hub->waiting)) {
        ngx_queue_add(&hub->ready, &hub->waiting);
        ngx_queue_init(&hub->waiting);
    }

    if (ngx_exiting && !ngx_queue_empty(&hub->idle)) {
        ngx_queue_add(&hub->ready, &hub->idle);
        ngx_queue_init(&hub->idle);
    }

    if (!ngx_queue_empty(&hub->ready)) {
        ngx_post_event(&hub->turn, &ngx_posted_events);
    }

    ngx_add_timer(&hub->timer, hub->behind ? NGX_HTTP_SPARKJOB_HUB_SOON
                                           : NGX_HTTP_SPARKJOB_HUB_TICK);
}


/* the zone is not as it should be, which may change at any time */

void
ngx_http_sparkjob_hub_soon(ngx_http_sparkjob_hub_t *hub)
{
    if (hub->timer.timer_set
        && (ngx_msec_int_t) (hub->timer.timer.key - ngx_current_msec)
           > NGX_HTTP_SPARKJOB_HUB_SOON)
    {
        ngx_del_timer(&hub->timer);
        ngx_add_timer(&hub->timer, NGX_HTTP_SPARKJOB_HUB_SOON);
    }
}


/*
 * A comment keeps proxies from thinking that a stream is dead.  The id with it
 * moves the place to come back to on, also where nothing passes a filter.
 */

static ngx_int_t
ngx_http_sparkjob_hub_beat(ngx_http_sparkjob_hub_t *hub)
{
    u_char                    *p;
    ngx_http_sparkjob_item_t  *item;

    hub->beat = ngx_current_msec + NGX_HTTP_SPARKJOB_HUB_BEAT;

    if (hub->live == 0) {
        return NGX_OK;
    }

    item = ngx_http_sparkjob_item(NGX_HTTP_SPARKJOB_EVENT_MAX,
                                  hub->channel->log);
    if (item == NULL) {
        return NGX_ERROR;
    }

    item->event.kind = NGX_HTTP_SPARKJOB_ANY_KIND;

    p = ngx_http_sparkjob_event_strings(&item->event);
    p = ngx_sprintf(p, ":\nid: %uL-%uL\n\n", hub->epoch, hub->seq);

    ngx_http_sparkjob_item_fill(item, p, NULL);
    ngx_http_sparkjob_hub_append(hub, item);

    return NGX_OK;
}


/* some watchers, and the rest in the next turn of the event loop */

static void
ngx_http_sparkjob_hub_turn(ngx_event_t *ev)
{
    ngx_uint_t                n;
    ngx_queue_t              *q;
    ngx_http_sparkjob_hub_t  *hub;

    hub = ev->data;

    for (n = 0; n < NGX_HTTP_SPARKJOB_HUB_BATCH; n++) {

        if (ngx_queue_empty(&hub->ready)) {
            return;
        }

        q = ngx_queue_head(&hub->ready);
        ngx_queue_remove(q);

        if (ngx_exiting) {
            ngx_http_sparkjob_watch_end(q);

        } else {
            ngx_http_sparkjob_watch_turn(q);
        }
    }

    ngx_post_event(&hub->turn, &ngx_posted_next_events);
}


/* the channel has been welcomed: some events may have been missed */

void
ngx_http_sparkjob_hub_up(ngx_http_sparkjob_channel_t *ch)
{
    if (ch->hub->live) {
        ch->hub->behind = 1;
        ngx_http_sparkjob_hub_soon(ch->hub);
    }
}


/*
 * From the channel: into the zone, and to this worker's watchers.  The record
 * is NULL where there is nothing to tell.  NGX_ERROR: out of memory.
 */

ngx_int_t
ngx_http_sparkjob_hub_event(ngx_http_sparkjob_channel_t *ch, uint64_t seq,
    ngx_http_sparkjob_record_t *rec, ngx_http_sparkjob_op_e op)
{
    ngx_http_sparkjob_hub_t   *hub;
    ngx_http_sparkjob_item_t  *item;

    hub = ch->hub;
    item = NULL;

    /* nobody watches for what only says that statements run */

    if (rec && op != NGX_HTTP_SPARKJOB_OP_BUSY
        && ngx_http_sparkjob_hub_format(hub, seq, rec, op, &item) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_sparkjob_zone_event(ch, seq, rec, op, item ? &item->event : NULL);

    if (hub->live == 0 || hub->behind || seq <= hub->seq) {

        if (item) {
            ngx_http_sparkjob_item_release(item);
        }

        return NGX_OK;
    }

    hub->seq = seq;

    if (item) {
        ngx_http_sparkjob_hub_append(hub, item);
    }

    return NGX_OK;
}


/*
 * Only a whole record says whose it is.  Otherwise the zone knows, or, if
 * another worker has removed it there just now, the ring has that worker's.
 */

static ngx_int_t
ngx_http_sparkjob_hub_format(ngx_http_sparkjob_hub_t *hub, uint64_t seq,
    ngx_http_sparkjob_record_t *rec, ngx_http_sparkjob_op_e op,
    ngx_http_sparkjob_item_t **item)
{
    u_char                       *p;
    ngx_str_t                     key;
    ngx_http_sparkjob_record_t   *whose;
    ngx_http_sparkjob_channel_t  *ch;
    static ngx_str_t              none = ngx_null_string;

    ch = hub->channel;
    whose = rec;

    if (op != NGX_HTTP_SPARKJOB_OP_PUT) {
        key = ngx_http_sparkjob_record_string(rec, NGX_HTTP_SPARKJOB_KEY);

        if (ngx_http_sparkjob_zone_peek(ch->zone, rec->kind, &key,
                                   (ngx_http_sparkjob_record_t *) hub->piece,
                                   NGX_HTTP_SPARKJOB_PIECE)
            == NGX_OK)
        {
            whose = (ngx_http_sparkjob_record_t *) hub->piece;

            if (!ngx_http_sparkjob_record_same(whose, rec)) {
                /* there is a newer one of that name, which stays */
                return NGX_OK;
            }

        } else if (ngx_http_sparkjob_hub_told(hub, seq, item) == NGX_OK) {
            return NGX_OK;
        }
    }

    *item = ngx_http_sparkjob_item(ngx_http_sparkjob_event_len(rec)
                                   + 3 * SJP_NAME_MAX, ch->log);
    if (*item == NULL) {
        return NGX_ERROR;
    }

    (*item)->event.seq = seq;
    (*item)->event.kind = rec->kind;
    (*item)->event.final = (op == NGX_HTTP_SPARKJOB_OP_REMOVE)
                           || (op == NGX_HTTP_SPARKJOB_OP_PUT && rec->final);

    p = ngx_http_sparkjob_event_strings(&(*item)->event);
    p = ngx_sprintf(p, "id: %uL-%uL\n", ch->epoch, seq);
    p = (op == NGX_HTTP_SPARKJOB_OP_PUT)
        ? ngx_http_sparkjob_event_put(p, rec, &none)
        : ngx_http_sparkjob_hub_text(p, rec, op);

    (*item)->event.own = ngx_http_sparkjob_hub_own(&(*item)->event, rec, op);

    ngx_http_sparkjob_item_fill(*item, p, whose);

    return NGX_OK;
}


/* what stands before the name has nothing of a client's */

static size_t
ngx_http_sparkjob_hub_own(ngx_http_sparkjob_event_t *ev,
    ngx_http_sparkjob_record_t *rec, ngx_http_sparkjob_op_e op)
{
    char    *mark;
    u_char  *p, *text;
    size_t   offset;

    if (rec->kind == NGX_HTTP_SPARKJOB_CONTEXT) {
        mark = "\"name\":\"";
        offset = 0;

    } else if (op == NGX_HTTP_SPARKJOB_OP_PUT && rec->own) {
        mark = "data: ";
        offset = rec->own;

    } else {
        return 0;
    }

    text = ngx_http_sparkjob_event_strings(ev);
    p = ngx_strnstr(text, mark, NGX_HTTP_SPARKJOB_EVENT_MAX);

    return p ? p - text + ngx_strlen(mark) + offset : 0;
}


static ngx_int_t
ngx_http_sparkjob_hub_told(ngx_http_sparkjob_hub_t *hub, uint64_t seq,
    ngx_http_sparkjob_item_t **item)
{
    size_t                        size;
    uint64_t                      before;
    ngx_http_sparkjob_event_t    *ev;
    ngx_http_sparkjob_channel_t  *ch;

    ch = hub->channel;
    before = seq - 1;
    size = NGX_HTTP_SPARKJOB_PIECE;
    ev = (ngx_http_sparkjob_event_t *) hub->piece;

    if (ngx_http_sparkjob_zone_events(ch->zone, ch->epoch, &before, hub->piece,
                                      &size)
        != NGX_OK
        || size == 0 || ev->seq != seq)
    {
        return NGX_DECLINED;
    }

    *item = ngx_http_sparkjob_item_copy(ev, ch->log);

    return *item ? NGX_OK : NGX_DECLINED;
}


static u_char *
ngx_http_sparkjob_hub_text(u_char *p, ngx_http_sparkjob_record_t *rec,
    ngx_http_sparkjob_op_e op)
{
    ngx_str_t  key, numbers;

    key = ngx_http_sparkjob_record_string(rec, NGX_HTTP_SPARKJOB_KEY);

    if (op == NGX_HTTP_SPARKJOB_OP_REMOVE) {
        p = ngx_sprintf(p, "event: remove\ndata: {\"kind\":\"%s\",\"%s\":\"",
                        ngx_http_sparkjob_kinds[rec->kind].name,
                        ngx_http_sparkjob_kinds[rec->kind].key);
        p = ngx_http_sparkjob_json(p, &key);

        return ngx_cpymem(p, "\"}\n\n", 4);
    }

    /* the members alone: the id and they are one object */

    numbers = ngx_http_sparkjob_record_progress(rec);

    p = ngx_sprintf(p, "event: progress\ndata: {\"jobId\":\"");
    p = ngx_http_sparkjob_json(p, &key);

    if (numbers.len == 0) {
        return ngx_cpymem(p, "\"}\n\n", 4);
    }

    numbers.data += sizeof(",\"progress\":{") - 1;
    numbers.len -= sizeof(",\"progress\":{") - 1;

    return ngx_sprintf(p, "\",%V\n\n", &numbers);
}


static void
ngx_http_sparkjob_hub_append(ngx_http_sparkjob_hub_t *hub,
    ngx_http_sparkjob_item_t *item)
{
    item->total = hub->last->total + item->event.size;

    hub->last->next = item;
    hub->last = item;

    if (!ngx_queue_empty(&hub->idle)) {
        ngx_queue_add(&hub->ready, &hub->idle);
        ngx_queue_init(&hub->idle);
    }

    ngx_http_sparkjob_hub_trim(hub);

    if (!hub->turn.posted) {
        ngx_post_event(&hub->turn, &ngx_posted_events);
    }
}


/* drops what everybody has passed */

static void
ngx_http_sparkjob_hub_trim(ngx_http_sparkjob_hub_t *hub)
{
    ngx_http_sparkjob_item_t  *item;

    while (hub->first != hub->last && hub->first->cursors == 0) {
        item = hub->first;
        hub->first = item->next;
        ngx_http_sparkjob_item_release(item);
    }
}


/* the place of someone who has got everything up to that event */

ngx_http_sparkjob_item_t *
ngx_http_sparkjob_hub_attach(ngx_http_sparkjob_hub_t *hub, uint64_t epoch,
    uint64_t seq)
{
    if (hub->live++ == 0) {
        hub->epoch = epoch;
        hub->seq = seq;
        hub->behind = 0;
    }

    hub->last->cursors++;

    return hub->last;
}


void
ngx_http_sparkjob_hub_detach(ngx_http_sparkjob_hub_t *hub,
    ngx_http_sparkjob_item_t *cursor)
{
    hub->live--;
    cursor->cursors--;

    ngx_http_sparkjob_hub_trim(hub);
}


void
ngx_http_sparkjob_hub_move(ngx_http_sparkjob_hub_t *hub,
    ngx_http_sparkjob_item_t *from, ngx_http_sparkjob_item_t *to)
{
    to->cursors++;
    from->cursors--;

    ngx_http_sparkjob_hub_trim(hub);
}


/*
 * Until the ring has all that this worker's channel has brought, which is left
 * out meanwhile.
 */

static ngx_int_t
ngx_http_sparkjob_hub_catch_up(ngx_http_sparkjob_hub_t *hub)
{
    size_t                        size;
    ngx_int_t                     rc;
    ngx_http_sparkjob_channel_t  *ch;

    ch = hub->channel;

    while (ch->up && hub->live) {
        size = NGX_HTTP_SPARKJOB_PIECE;

        rc = ngx_http_sparkjob_zone_events(ch->zone, hub->epoch, &hub->seq,
                                           hub->piece, &size);

        if (rc == NGX_AGAIN) {
            return NGX_OK;
        }

        if (rc == NGX_DECLINED) {
            return ngx_http_sparkjob_hub_reset(hub);
        }

        if (rc == NGX_DONE) {
            hub->behind = 0;
            return NGX_OK;
        }

        if (ngx_http_sparkjob_hub_take(hub, size) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sparkjob_hub_take(ngx_http_sparkjob_hub_t *hub, size_t size)
{
    u_char                     *p;
    ngx_http_sparkjob_item_t   *item;
    ngx_http_sparkjob_event_t  *ev;

    for (p = hub->piece; p < hub->piece + size; p += ev->size) {
        ev = (ngx_http_sparkjob_event_t *) p;

        item = ngx_http_sparkjob_item_copy(ev, hub->channel->log);
        if (item == NULL) {
            return NGX_ERROR;
        }

        ngx_http_sparkjob_hub_append(hub, item);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sparkjob_hub_reset(ngx_http_sparkjob_hub_t *hub)
{
    ngx_http_sparkjob_item_t  *item;

    item = ngx_http_sparkjob_item(0, hub->channel->log);
    if (item == NULL) {
        return NGX_ERROR;
    }

    item->reset = 1;

    hub->epoch = hub->channel->epoch;
    hub->seq = hub->channel->seen;
    hub->behind = 0;

    ngx_http_sparkjob_hub_append(hub, item);

    return NGX_OK;
}


/* with room for so many bytes of strings */

ngx_http_sparkjob_item_t *
ngx_http_sparkjob_item(size_t size, ngx_log_t *log)
{
    ngx_http_sparkjob_item_t  *item;

    item = ngx_alloc(sizeof(ngx_http_sparkjob_item_t) + size + NGX_ALIGNMENT,
                     log);

    if (item) {
        ngx_memzero(item, sizeof(ngx_http_sparkjob_item_t));
        item->refs = 1;
    }

    return item;
}


static ngx_http_sparkjob_item_t *
ngx_http_sparkjob_item_copy(ngx_http_sparkjob_event_t *ev, ngx_log_t *log)
{
    ngx_http_sparkjob_item_t  *item;

    item = ngx_http_sparkjob_item(ev->size, log);

    if (item) {
        ngx_memcpy(&item->event, ev, ev->size);
    }

    return item;
}


/* the text ends at p; what it can be chosen by follows */

static void
ngx_http_sparkjob_item_fill(ngx_http_sparkjob_item_t *item, u_char *p,
    ngx_http_sparkjob_record_t *rec)
{
    size_t                      size;
    ngx_str_t                   s[NGX_HTTP_SPARKJOB_EVENT_NSTRINGS];
    ngx_uint_t                  n;
    ngx_http_sparkjob_event_t  *ev;

    ev = &item->event;
    ev->len[NGX_HTTP_SPARKJOB_EVENT_TEXT] = p
                                        - ngx_http_sparkjob_event_strings(ev);

    if (rec) {
        ngx_http_sparkjob_event_whose(rec, s);

        for (n = NGX_HTTP_SPARKJOB_EVENT_KEY;
             n < NGX_HTTP_SPARKJOB_EVENT_NSTRINGS;
             n++)
        {
            ev->len[n] = ngx_min(s[n].len, SJP_NAME_MAX);

            if (ev->len[n]) {
                p = ngx_cpymem(p, s[n].data, ev->len[n]);
            }
        }
    }

    size = p - (u_char *) ev;
    ev->size = ngx_align(size, NGX_ALIGNMENT);

    /* all of it goes into the zone: nothing of this worker's memory does */
    ngx_memzero(p, ev->size - size);
}


/* fills all but the text */

void
ngx_http_sparkjob_event_whose(ngx_http_sparkjob_record_t *rec, ngx_str_t *s)
{
    s[NGX_HTTP_SPARKJOB_EVENT_KEY] =
        ngx_http_sparkjob_record_string(rec, NGX_HTTP_SPARKJOB_KEY);
    s[NGX_HTTP_SPARKJOB_EVENT_USER] =
        ngx_http_sparkjob_record_string(rec, NGX_HTTP_SPARKJOB_USER);

    ngx_str_null(&s[NGX_HTTP_SPARKJOB_EVENT_CONTEXT]);

    if (rec->kind == NGX_HTTP_SPARKJOB_JOB) {
        s[NGX_HTTP_SPARKJOB_EVENT_CONTEXT] =
            ngx_http_sparkjob_record_string(rec, NGX_HTTP_SPARKJOB_JOB_CONTEXT);

    } else if (rec->kind == NGX_HTTP_SPARKJOB_CONTEXT) {
        s[NGX_HTTP_SPARKJOB_EVENT_CONTEXT] = s[NGX_HTTP_SPARKJOB_EVENT_KEY];
    }
}


void
ngx_http_sparkjob_item_release(ngx_http_sparkjob_item_t *item)
{
    if (--item->refs == 0) {
        ngx_free(item);
    }
}


ngx_str_t
ngx_http_sparkjob_event_string(ngx_http_sparkjob_event_t *ev, ngx_uint_t n)
{
    ngx_str_t   s;
    ngx_uint_t  i;

    s.data = ngx_http_sparkjob_event_strings(ev);
    s.len = ev->len[n];

    for (i = 0; i < n; i++) {
        s.data += ev->len[i];
    }

    return s;
}


size_t
ngx_http_sparkjob_event_len(ngx_http_sparkjob_record_t *rec)
{
    return NGX_HTTP_SPARKJOB_EVENT_MAX + ngx_http_sparkjob_report_len(rec);
}


/* a record as it is now, without an id */

u_char *
ngx_http_sparkjob_event_put(u_char *p, ngx_http_sparkjob_record_t *rec,
    ngx_str_t *own)
{
    p = ngx_sprintf(p, "event: %s\ndata: ",
                    ngx_http_sparkjob_kinds[rec->kind].name);
    p = ngx_http_sparkjob_tell(p, rec, own);

    return ngx_cpymem(p, "\n\n", 2);
}
