
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Parked requests.
 *
 * A request that waits, for a reply or for the end of a job, has a timer that
 * keeps a worker that is to leave, and a cleanup that takes it out of all
 * tables, whatever ends it: the client may go away at any time, and the job
 * goes on without it.
 */


#include <ngx_http_sparkjob_module.h>


#define NGX_HTTP_SPARKJOB_ZONE_POLL  50
#define NGX_HTTP_SPARKJOB_SENT_POLL  50


static void ngx_http_sparkjob_wait_timer(ngx_http_sparkjob_ctx_t *ctx);
static void ngx_http_sparkjob_wait_expire(ngx_event_t *ev);
static void ngx_http_sparkjob_wait_cleanup(void *data);
static ngx_int_t ngx_http_sparkjob_wait_zone_again(ngx_http_request_t *r);
static void ngx_http_sparkjob_unlink(ngx_http_sparkjob_ctx_t *ctx);
static ngx_http_sparkjob_ctx_t *ngx_http_sparkjob_waiter(
    ngx_http_sparkjob_channel_t *ch, ngx_str_t *id);


/*
 * Returns NGX_AGAIN, or an HTTP error code.  See ngx_http_sparkjob_ask() for
 * the timeout.
 */

ngx_int_t
ngx_http_sparkjob_wait(ngx_http_request_t *r, ngx_msec_t timeout,
    ngx_http_sparkjob_handler_pt expire)
{
    ngx_event_t              *rev;
    ngx_http_cleanup_t       *cln;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    if (!ctx->parked) {

        cln = ngx_http_cleanup_add(r, 0);
        if (cln == NULL) {
            ngx_http_sparkjob_op_cancel(ctx);
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        cln->handler = ngx_http_sparkjob_wait_cleanup;
        cln->data = ctx;

        ctx->timer.handler = ngx_http_sparkjob_wait_expire;
        ctx->timer.data = r;
        ctx->timer.log = r->connection->log;

        ctx->parked = 1;

        r->read_event_handler = ngx_http_test_reading;
        r->write_event_handler = ngx_http_request_empty_handler;

        rev = r->connection->read;

        if (rev->ready) {
            ngx_post_event(rev, &ngx_posted_events);

        } else if (ngx_handle_read_event(rev, 0) != NGX_OK) {
            ngx_http_sparkjob_op_cancel(ctx);
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (timeout != NGX_TIMER_INFINITE) {
        ctx->deadline = ngx_current_msec + timeout;
        ctx->expire = expire;
    }

    ctx->until = ctx->deadline;

    ngx_http_sparkjob_wait_timer(ctx);

    return NGX_AGAIN;
}


/* what was asked cannot be sent: no longer than sparkjob_launcher_timeout */

void
ngx_http_sparkjob_wait_away(ngx_http_request_t *r)
{
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    ctx->until = ngx_current_msec + slcf->launcher_timeout;

    ngx_http_sparkjob_wait_timer(ctx);
}


static void
ngx_http_sparkjob_wait_timer(ngx_http_sparkjob_ctx_t *ctx)
{
    ngx_msec_int_t  ms;

    ms = (ngx_msec_int_t) (ctx->deadline - ngx_current_msec);

    if (ctx->op.active && !ctx->op.left && !ctx->zone->channel->up) {
        ms = ngx_min(ms, (ngx_msec_int_t) (ctx->until - ngx_current_msec));
    }

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    /* timers of no time run before the posted event that sends the question */

    ngx_add_timer(&ctx->timer, (ngx_msec_t) ngx_max(ms, 1));
}


static void
ngx_http_sparkjob_wait_expire(ngx_event_t *ev)
{
    ngx_int_t                 rc;
    ngx_uint_t                unsent, up;
    ngx_http_request_t       *r;
    ngx_http_sparkjob_ctx_t  *ctx;

    r = ev->data;
    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    ngx_http_set_log_request(r->connection->log, r);

    unsent = ctx->op.active && !ctx->op.left;
    up = unsent && ctx->zone->channel->up;

    if ((ngx_msec_int_t) (ctx->deadline - ngx_current_msec) > 0
        && (!unsent || up))
    {
        ngx_http_sparkjob_wait_timer(ctx);
        return;
    }

    /*
     * The launcher is there, but reads slowly: it gets the question, unless it
     * reads nothing and the channel is closed for that.
     */

    if (up) {
        ngx_add_timer(&ctx->timer, NGX_HTTP_SPARKJOB_SENT_POLL);
        return;
    }

    if (unsent && !ctx->replied) {
        rc = ngx_http_sparkjob_reply_unavailable(r);

    } else {
        rc = ctx->expire(r);
    }

    ngx_http_sparkjob_finish(r, rc);
}


static void
ngx_http_sparkjob_wait_cleanup(void *data)
{
    ngx_http_sparkjob_ctx_t  *ctx = data;

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    ngx_http_sparkjob_op_cancel(ctx);
    ngx_http_sparkjob_unlink(ctx);
}


/*
 * Until there has been a first snapshot nobody can say what there is.  Another
 * worker may be loading it, and workers do not talk to each other: so look
 * again now and then.
 */

ngx_int_t
ngx_http_sparkjob_wait_zone(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_channel_t   *ch;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    ch = ctx->zone->channel;

    if (ch) {
        ngx_http_sparkjob_channel_hurry(ch);
    }

    rc = ngx_http_sparkjob_limit_enter(r, NGX_HTTP_SPARKJOB_PARKED);

    if (rc != NGX_OK) {
        return ngx_http_sparkjob_limit_refuse(r, NGX_HTTP_SPARKJOB_PARKED, rc);
    }

    if (!ctx->parked) {
        slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);
        ctx->polled = ngx_current_msec + slcf->launcher_timeout;

    } else if ((ngx_msec_int_t) (ctx->polled - ngx_current_msec) <= 0) {
        return ngx_http_sparkjob_reply_unavailable(r);
    }

    return ngx_http_sparkjob_wait(r, NGX_HTTP_SPARKJOB_ZONE_POLL,
                                  ngx_http_sparkjob_wait_zone_again);
}


static ngx_int_t
ngx_http_sparkjob_wait_zone_again(ngx_http_request_t *r)
{
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    return ctx->route->handler(r);
}


/*
 * "wake" is called with the record of the job once that is final; "again" asks
 * the launcher for it when events may have been missed.  For a request that is
 * parked already, in the turn in which it heard that the job runs: the event
 * that tells of the end comes later on the same channel.
 */

void
ngx_http_sparkjob_wait_job(ngx_http_request_t *r, ngx_str_t *id,
    ngx_http_sparkjob_wake_pt wake, ngx_http_sparkjob_handler_pt again)
{
    ngx_http_sparkjob_ctx_t      *ctx;
    ngx_http_sparkjob_channel_t  *ch;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    ch = ctx->zone->channel;

    ctx->id = *id;
    ctx->wake = wake;
    ctx->again = again;
    ctx->waiting = 1;
    ctx->waiter.key = ngx_crc32_short(id->data, id->len);

    ngx_rbtree_insert(&ch->waiters, &ctx->waiter);
}


void
ngx_http_sparkjob_wait_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel)
{
    ngx_int_t                  rc;
    ngx_rbtree_node_t        **p;
    ngx_http_sparkjob_ctx_t   *ctx, *other;

    ctx = ngx_rbtree_data(node, ngx_http_sparkjob_ctx_t, waiter);

    for ( ;; ) {

        if (node->key != temp->key) {
            rc = node->key < temp->key ? -1 : 1;

        } else {
            other = ngx_rbtree_data(temp, ngx_http_sparkjob_ctx_t, waiter);
            rc = ngx_memn2cmp(ctx->id.data, other->id.data, ctx->id.len,
                              other->id.len);
        }

        p = (rc < 0) ? &temp->left : &temp->right;

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}


static void
ngx_http_sparkjob_unlink(ngx_http_sparkjob_ctx_t *ctx)
{
    if (ctx->waiting) {
        ctx->waiting = 0;
        ngx_rbtree_delete(&ctx->zone->channel->waiters, &ctx->waiter);
    }

    if (ctx->asked) {
        ctx->asked = 0;
        ngx_queue_remove(&ctx->asking);
    }
}


/*
 * Very many may wait for one job, which they have submitted by one key: those
 * that this turn has no time for ask the launcher in the next ones.
 */

void
ngx_http_sparkjob_wake(ngx_http_sparkjob_channel_t *ch,
    ngx_http_sparkjob_record_t *rec)
{
    ngx_str_t                 id;
    ngx_uint_t                n;
    ngx_http_request_t       *r;
    ngx_http_sparkjob_ctx_t  *ctx;

    if (!rec->final) {
        return;
    }

    id = ngx_http_sparkjob_record_string(rec, NGX_HTTP_SPARKJOB_KEY);

    for (n = 0; (ctx = ngx_http_sparkjob_waiter(ch, &id)) != NULL; n++) {

        ngx_http_sparkjob_unlink(ctx);

        if (n >= NGX_HTTP_SPARKJOB_BATCH) {
            ctx->asked = 1;
            ngx_queue_insert_tail(&ch->asking, &ctx->asking);
            continue;
        }

        r = ctx->request;

        ngx_http_set_log_request(r->connection->log, r);

        SPARKJOB_FAULT("result.wake");

        ngx_http_sparkjob_finish(r, ctx->wake(r, rec));
    }

    if (n > NGX_HTTP_SPARKJOB_BATCH) {
        ngx_http_sparkjob_channel_resume(ch);
    }
}


static ngx_http_sparkjob_ctx_t *
ngx_http_sparkjob_waiter(ngx_http_sparkjob_channel_t *ch, ngx_str_t *id)
{
    uint32_t                  key;
    ngx_int_t                 rc;
    ngx_rbtree_node_t        *node;
    ngx_http_sparkjob_ctx_t  *ctx;

    key = ngx_crc32_short(id->data, id->len);
    node = ch->waiters.root;

    while (node != ch->waiters.sentinel) {

        if (key != node->key) {
            node = (key < node->key) ? node->left : node->right;
            continue;
        }

        ctx = ngx_rbtree_data(node, ngx_http_sparkjob_ctx_t, waiter);

        rc = ngx_memn2cmp(id->data, ctx->id.data, id->len, ctx->id.len);

        if (rc == 0) {
            return ctx;
        }

        node = (rc < 0) ? node->left : node->right;
    }

    return NULL;
}


/* after a new welcome: the ends of jobs may have been missed */

void
ngx_http_sparkjob_ask_again(ngx_http_sparkjob_channel_t *ch)
{
    ngx_rbtree_node_t        *node;
    ngx_http_sparkjob_ctx_t  *ctx;

    node = (ch->waiters.root == ch->waiters.sentinel)
           ? NULL
           : ngx_rbtree_min(ch->waiters.root, ch->waiters.sentinel);

    for ( /* void */ ;
         node;
         node = ngx_rbtree_next(&ch->waiters, node))
    {
        ctx = ngx_rbtree_data(node, ngx_http_sparkjob_ctx_t, waiter);

        if (!ctx->op.active && !ctx->asked) {
            ctx->asked = 1;
            ngx_queue_insert_tail(&ch->asking, &ctx->asking);
        }
    }

    ngx_http_sparkjob_channel_resume(ch);
}


void
ngx_http_sparkjob_ask_some(ngx_http_sparkjob_channel_t *ch)
{
    ngx_uint_t                n;
    ngx_queue_t              *q;
    ngx_http_request_t       *r;
    ngx_http_sparkjob_ctx_t  *ctx;

    for (n = 0; n < NGX_HTTP_SPARKJOB_BATCH; n++) {

        if (!ch->up || ngx_queue_empty(&ch->asking)) {
            return;
        }

        q = ngx_queue_head(&ch->asking);
        ngx_queue_remove(q);

        ctx = ngx_queue_data(q, ngx_http_sparkjob_ctx_t, asking);
        ctx->asked = 0;

        r = ctx->request;

        ngx_http_set_log_request(r->connection->log, r);
        ngx_http_sparkjob_finish(r, ctx->again(r));
    }

    ngx_http_sparkjob_channel_resume(ch);
}


/*
 * Ends a parked request by what its handler returned, unless that was
 * NGX_AGAIN.  The request may be gone afterwards.
 */

void
ngx_http_sparkjob_finish(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_connection_t         *c;
    ngx_http_sparkjob_ctx_t  *ctx;

    if (rc == NGX_AGAIN) {
        return;
    }

    c = r->connection;
    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    ngx_http_sparkjob_wait_cleanup(ctx);

    /* a client may take long to read its answer, but that costs no slot */

    ngx_http_sparkjob_limit_leave(ctx, NGX_HTTP_SPARKJOB_PARKED);

    /* this takes our context from the request */

    if (ctx->passed.len) {
        rc = ngx_http_named_location(r, &ctx->passed);
    }

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}
