
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Questions to the launcher on behalf of a request, from the frame to the
 * reply.  A question stays until it is answered, and is asked again on a new
 * connection: the ids that the module mints make that harmless.
 */


#include <ngx_http_sparkjob_module.h>
#include <sparkjob_json.h>


static ngx_int_t ngx_http_sparkjob_op_too_long(ngx_http_request_t *r);
static ngx_int_t ngx_http_sparkjob_op_encode(ngx_http_sparkjob_op_t *op,
    json_t *meta, ngx_uint_t body);
static ngx_int_t ngx_http_sparkjob_op_payload(ngx_http_request_t *r,
    ngx_http_sparkjob_frame_t *frame);
static ngx_int_t ngx_http_sparkjob_op_to_file(ngx_http_request_t *r,
    ngx_http_sparkjob_frame_t *frame);
static ngx_http_sparkjob_op_t *ngx_http_sparkjob_op_find(
    ngx_http_sparkjob_channel_t *ch, uint32_t stream);
static ngx_uint_t ngx_http_sparkjob_op_done(ngx_http_sparkjob_op_t *op,
    json_t *error);


/*
 * What has no id may have been done the first time, when only the answer was
 * lost: these refusals of a question that was asked again say so.
 */

static struct {
    ngx_uint_t   type;
    const char  *error;
} ngx_http_sparkjob_op_gone[] = {
    { SJP_BINARY_DELETE, "no-such-binary" },
    { SJP_CONTEXT_DELETE, "no-such-context" },
    { SJP_DATA_DELETE, "no-such-data" },
    { SJP_CLUSTER_DELETE, "no-such-resource" },
    { SJP_LIBRARY_DELETE, "no-such-resource" },
    { SJP_BATCH_DELETE, "no-such-batch" },
    { 0, NULL }
};


ngx_int_t
ngx_http_sparkjob_ask(ngx_http_request_t *r, ngx_http_sparkjob_call_t *call,
    json_t *meta, ngx_uint_t body, ngx_msec_t timeout)
{
    ngx_int_t                     rc;
    ngx_http_sparkjob_op_t       *op;
    ngx_http_sparkjob_ctx_t      *ctx;
    ngx_http_sparkjob_channel_t  *ch;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    ch = ctx->zone->channel;
    op = &ctx->op;

    if (ch == NULL) {
        json_decref(meta);
        return ngx_http_sparkjob_reply_unavailable(r);
    }

    /*
     * those who wait already, and ask again, are bounded as such, and streams
     * as watchers: they could not even be told that there is no slot
     */

    rc = ctx->parked
         ? NGX_OK : ngx_http_sparkjob_limit_enter(r, NGX_HTTP_SPARKJOB_PARKED);

    if (rc != NGX_OK) {
        json_decref(meta);
        return ngx_http_sparkjob_limit_refuse(r, NGX_HTTP_SPARKJOB_PARKED, rc);
    }

    ngx_http_sparkjob_op_cancel(ctx);
    ngx_memzero(op, sizeof(ngx_http_sparkjob_op_t));

    op->request = r;
    op->call = call;
    op->node.key = ngx_http_sparkjob_op_stream(ch);

    rc = SPARKJOB_FAILS("ask.encode")
         ? NGX_ERROR : ngx_http_sparkjob_op_encode(op, meta, body);

    json_decref(meta);

    if (rc == NGX_DECLINED) {
        return ngx_http_sparkjob_op_too_long(r);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!ctx->parked
        && ch->used[NGX_HTTP_SPARKJOB_QUEUED] + op->frame.size
           > ctx->zone->limits[NGX_HTTP_SPARKJOB_QUEUED])
    {
        return ngx_http_sparkjob_limit_refuse(r, NGX_HTTP_SPARKJOB_QUEUED,
                                              NGX_BUSY);
    }

    op->active = 1;
    ngx_rbtree_insert(&ch->ops, &op->node);

    if (ch->up) {
        ngx_http_sparkjob_frame_queue(ch, &op->frame);
    }

    rc = ngx_http_sparkjob_wait(r, timeout, call->expire);

    if (rc == NGX_AGAIN && !ch->up) {
        ngx_http_sparkjob_wait_away(r);
        ngx_http_sparkjob_channel_hurry(ch);
    }

    return rc;
}


/* settings are all that can be so long: in Livy's dialect the body has them */

static ngx_int_t
ngx_http_sparkjob_op_too_long(ngx_http_request_t *r)
{
    ngx_http_sparkjob_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    return slcf->livy
           ? ngx_http_sparkjob_reply_error(r,
                                       NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                       "The members of the request are too "
                                       "long")
           : ngx_http_sparkjob_reply_error(r, NGX_HTTP_REQUEST_URI_TOO_LARGE,
                                       "The query parameters are too long");
}


json_int_t
ngx_http_sparkjob_now(void)
{
    ngx_time_t  *now;

    now = ngx_timeofday();

    return (json_int_t) now->sec * 1000 + now->msec;
}


json_t *
ngx_http_sparkjob_meta_with(json_t *meta, const char *name, ngx_str_t *value)
{
    return value->len ? ngx_http_sparkjob_meta_set(meta, name,
                              json_stringn((char *) value->data, value->len))
                      : meta;
}


json_t *
ngx_http_sparkjob_meta_set(json_t *meta, const char *name, json_t *value)
{
    if (json_object_set_new(meta, name, value) == -1) {
        json_decref(meta);
        return NULL;
    }

    return meta;
}


/* NGX_DECLINED: the metadata is too long */

static ngx_int_t
ngx_http_sparkjob_op_encode(ngx_http_sparkjob_op_t *op, json_t *meta,
    ngx_uint_t body)
{
    size_t                      len;
    sjp_header_t                h;
    ngx_http_request_t         *r;
    ngx_http_sparkjob_frame_t  *frame;

    r = op->request;
    frame = &op->frame;

    len = meta ? sjp_json_write(meta, NULL, 0) : 0;

    if (len == 0) {
        return NGX_ERROR;
    }

    if (len > SJP_META_MAX) {
        return NGX_DECLINED;
    }

    frame->op = op;
    frame->fd = -1;
    frame->head.len = SJP_HEADER_SIZE + len;
    frame->size = frame->head.len;

    frame->head.data = ngx_pnalloc(r->pool, frame->head.len);
    if (frame->head.data == NULL) {
        return NGX_ERROR;
    }

    (void) sjp_json_write(meta, (char *) frame->head.data + SJP_HEADER_SIZE,
                          len);

    if (body && ngx_http_sparkjob_op_payload(r, frame) != NGX_OK) {
        return NGX_ERROR;
    }

    h.length = frame->size - SJP_HEADER_SIZE;
    h.type = op->call->type;
    h.flags = (frame->fd == -1) ? 0 : SJP_FLAG_FD;
    h.stream = op->node.key;
    h.meta = len;

    sjp_header_encode(frame->head.data, &h);

    return NGX_OK;
}


static ngx_int_t
ngx_http_sparkjob_op_payload(ngx_http_request_t *r,
    ngx_http_sparkjob_frame_t *frame)
{
    size_t                    size;
    ngx_chain_t              *cl;
    ngx_http_request_body_t  *rb;

    rb = r->request_body;

    if (rb == NULL || rb->bufs == NULL) {
        return NGX_OK;
    }

    if (rb->temp_file) {
        frame->fd = rb->temp_file->file.fd;
        return NGX_OK;
    }

    size = 0;

    for (cl = rb->bufs; cl; cl = cl->next) {
        size += ngx_buf_size(cl->buf);
    }

    if (size > SJP_PAYLOAD_MAX) {
        return ngx_http_sparkjob_op_to_file(r, frame);
    }

    frame->payload = rb->bufs;
    frame->size += size;

    return NGX_OK;
}


/* another module ("mirror") has had the body read before us, into memory */

static ngx_int_t
ngx_http_sparkjob_op_to_file(ngx_http_request_t *r,
    ngx_http_sparkjob_frame_t *frame)
{
    ngx_temp_file_t           *tf;
    ngx_http_core_loc_conf_t  *clcf;

    tf = ngx_pcalloc(r->pool, sizeof(ngx_temp_file_t));
    if (tf == NULL) {
        return NGX_ERROR;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    tf->file.fd = NGX_INVALID_FILE;
    tf->file.log = r->connection->log;
    tf->path = clcf->client_body_temp_path;
    tf->pool = r->pool;

    if (ngx_write_chain_to_temp_file(tf, r->request_body->bufs) == NGX_ERROR) {
        return NGX_ERROR;
    }

    frame->fd = tf->file.fd;

    return NGX_OK;
}


/* a frame in its own memory; takes over the metadata, which may be NULL */

ngx_http_sparkjob_frame_t *
ngx_http_sparkjob_op_frame(ngx_uint_t type, uint32_t stream, json_t *meta,
    ngx_log_t *log)
{
    size_t                      len;
    sjp_header_t                h;
    ngx_http_sparkjob_frame_t  *frame;

    len = meta ? sjp_json_write(meta, NULL, 0) : 0;

    frame = ngx_calloc(sizeof(ngx_http_sparkjob_frame_t) + SJP_HEADER_SIZE
                       + len, log);

    if (frame) {
        frame->fd = -1;
        frame->own = 1;
        frame->size = SJP_HEADER_SIZE + len;
        frame->head.data = (u_char *) (frame + 1);
        frame->head.len = frame->size;

        h.length = len;
        h.type = type;
        h.flags = 0;
        h.stream = stream;
        h.meta = len;

        sjp_header_encode(frame->head.data, &h);

        if (len) {
            (void) sjp_json_write(meta, (char *) frame->head.data
                                        + SJP_HEADER_SIZE, len);
        }
    }

    json_decref(meta);

    return frame;
}


uint32_t
ngx_http_sparkjob_op_stream(ngx_http_sparkjob_channel_t *ch)
{
    do {
        ch->stream++;
    } while (ch->stream == 0 || ngx_http_sparkjob_op_find(ch, ch->stream));

    return ch->stream;
}


static ngx_http_sparkjob_op_t *
ngx_http_sparkjob_op_find(ngx_http_sparkjob_channel_t *ch, uint32_t stream)
{
    ngx_rbtree_node_t  *node;

    node = ch->ops.root;

    while (node != ch->ops.sentinel) {

        if (stream == node->key) {
            return ngx_rbtree_data(node, ngx_http_sparkjob_op_t, node);
        }

        node = (stream < node->key) ? node->left : node->right;
    }

    return NULL;
}


/* whatever is answered to it finds nobody */

void
ngx_http_sparkjob_op_cancel(ngx_http_sparkjob_ctx_t *ctx)
{
    ngx_http_sparkjob_channel_t  *ch;

    if (!ctx->op.active) {
        return;
    }

    ch = ctx->zone->channel;

    ctx->op.active = 0;

    ngx_rbtree_delete(&ch->ops, &ctx->op.node);
    ngx_http_sparkjob_frame_drop(ch, &ctx->op.frame);
}


void
ngx_http_sparkjob_op_sent(ngx_http_sparkjob_op_t *op)
{
    ngx_http_request_t       *r;
    ngx_http_sparkjob_ctx_t  *ctx;

    op->left = 1;
    r = op->request;

    SPARKJOB_FAULT("ask.sent");

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    ctx->made = 1;

    /* the launcher has its body */

    ngx_http_sparkjob_limit_leave(ctx, NGX_HTTP_SPARKJOB_UPLOADS);

    if (op->call->sent) {
        ngx_http_sparkjob_finish(r, op->call->sent(r));
    }
}


/* a reply, or one of the records before it */

ngx_int_t
ngx_http_sparkjob_op_answer(ngx_http_sparkjob_channel_t *ch,
    ngx_http_sparkjob_message_t *msg)
{
    json_t                    *error;
    ngx_int_t                  rc;
    ngx_http_request_t        *r;
    ngx_http_sparkjob_op_t    *op;
    ngx_http_sparkjob_call_t  *call;

    op = ngx_http_sparkjob_op_find(ch, msg->stream);

    if (op == NULL) {
        return NGX_OK;
    }

    r = op->request;
    call = op->call;

    SPARKJOB_FAULT("ask.answered");

    ngx_http_set_log_request(r->connection->log, r);

    if (msg->type == SJP_RECORD) {

        if (call->record) {
            ngx_http_sparkjob_finish(r, call->record(r, msg));
        }

        return NGX_OK;
    }

    ngx_http_sparkjob_op_cancel(ngx_http_get_module_ctx(r,
                                                    ngx_http_sparkjob_module));

    error = json_object_get(msg->meta, "error");

    if (error && !ngx_http_sparkjob_op_done(op, error)) {
        rc = ngx_http_sparkjob_reply_refusal(r, msg, call->refusals);

    } else {
        rc = call->reply(r, msg);
    }

    ngx_http_sparkjob_finish(r, rc);

    return NGX_OK;
}


static ngx_uint_t
ngx_http_sparkjob_op_done(ngx_http_sparkjob_op_t *op, json_t *error)
{
    ngx_uint_t   i;
    const char  *name;

    name = json_string_value(error);

    for (i = 0; op->again && name && ngx_http_sparkjob_op_gone[i].error; i++) {

        if (op->call->type == ngx_http_sparkjob_op_gone[i].type
            && ngx_strcmp(ngx_http_sparkjob_op_gone[i].error, name) == 0)
        {
            return 1;
        }
    }

    return 0;
}


void
ngx_http_sparkjob_op_up(ngx_http_sparkjob_channel_t *ch)
{
    ngx_rbtree_node_t       *node;
    ngx_http_sparkjob_op_t  *op;

    if (ch->ops.root == ch->ops.sentinel) {
        return;
    }

    for (node = ngx_rbtree_min(ch->ops.root, ch->ops.sentinel);
         node;
         node = ngx_rbtree_next(&ch->ops, node))
    {
        op = ngx_rbtree_data(node, ngx_http_sparkjob_op_t, node);

        ngx_http_sparkjob_frame_queue(ch, &op->frame);
    }
}


/*
 * The launcher is away: clients do not wait for it to come back as long as they
 * would for its answer.
 */

void
ngx_http_sparkjob_op_down(ngx_http_sparkjob_channel_t *ch)
{
    ngx_rbtree_node_t       *node;
    ngx_http_sparkjob_op_t  *op;

    if (ch->ops.root == ch->ops.sentinel) {
        return;
    }

    for (node = ngx_rbtree_min(ch->ops.root, ch->ops.sentinel);
         node;
         node = ngx_rbtree_next(&ch->ops, node))
    {
        op = ngx_rbtree_data(node, ngx_http_sparkjob_op_t, node);

        op->again |= op->left;

        if (op->left && op->call->patient) {
            continue;
        }

        op->left = 0;
        ngx_http_sparkjob_wait_away(op->request);
    }
}
