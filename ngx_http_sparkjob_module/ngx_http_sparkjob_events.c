
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * GET /events and /jobs/<id>/events: who watches what, and from where on.
 */


#include <ngx_http_sparkjob_hub.h>


static ngx_int_t ngx_http_sparkjob_param_kinds(ngx_http_sparkjob_ctx_t *ctx,
    ngx_keyval_t *arg, void *field, ngx_uint_t max);
static ngx_int_t ngx_http_sparkjob_watch_job(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_http_sparkjob_watch_t *ngx_http_sparkjob_watch_create(
    ngx_http_request_t *r, ngx_http_sparkjob_ctx_t *ctx);
static ngx_int_t ngx_http_sparkjob_watch_since(ngx_http_sparkjob_watch_t *w);
static ngx_int_t ngx_http_sparkjob_watch_start(ngx_http_sparkjob_watch_t *w);
static ngx_int_t ngx_http_sparkjob_watch_park(ngx_http_sparkjob_watch_t *w);


static ngx_http_sparkjob_param_t  ngx_http_sparkjob_events_params[] = {
    { ngx_string("context"), ngx_http_sparkjob_param_string,
      offsetof(ngx_http_sparkjob_watch_t, context), SJP_NAME_MAX },
    { ngx_string("user"), ngx_http_sparkjob_param_string,
      offsetof(ngx_http_sparkjob_watch_t, user), SJP_NAME_MAX },
    { ngx_string("kind"), ngx_http_sparkjob_param_kinds,
      offsetof(ngx_http_sparkjob_watch_t, kinds), 0 },
    { ngx_string("lastEventId"), ngx_http_sparkjob_param_string,
      offsetof(ngx_http_sparkjob_watch_t, since), SJP_NAME_MAX },
    { ngx_null_string, NULL, 0, 0 }
};


static ngx_http_sparkjob_param_t  ngx_http_sparkjob_job_events_params[] = {
    { ngx_string("lastEventId"), ngx_http_sparkjob_param_string,
      offsetof(ngx_http_sparkjob_watch_t, since), SJP_NAME_MAX },
    { ngx_null_string, NULL, 0, 0 }
};


static struct {
    ngx_str_t   name;
    ngx_uint_t  bit;
} ngx_http_sparkjob_event_kinds[] = {
    { ngx_string("job"), 1 << NGX_HTTP_SPARKJOB_JOB },
    { ngx_string("context"), 1 << NGX_HTTP_SPARKJOB_CONTEXT },
    { ngx_string("binary"), 1 << NGX_HTTP_SPARKJOB_BINARY },
    { ngx_null_string, 0 }
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_watch_call = {
    SJP_JOB_GET,
    ngx_http_sparkjob_watch_job,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


ngx_int_t
ngx_http_sparkjob_events(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_http_sparkjob_ctx_t    *ctx;
    ngx_http_sparkjob_watch_t  *w;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    w = ngx_http_sparkjob_watch_create(r, ctx);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_sparkjob_params(ctx, ngx_http_sparkjob_events_params, w);

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_own_name(ctx, &w->context, &w->context);
    }

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? ngx_http_sparkjob_reply_problem(r) : rc;
    }

    return ngx_http_sparkjob_watch_start(w);
}


/* one of the names, or some with commas between */

static ngx_int_t
ngx_http_sparkjob_param_kinds(ngx_http_sparkjob_ctx_t *ctx, ngx_keyval_t *arg,
    void *field, ngx_uint_t max)
{
    u_char      *p, *end, *last;
    ngx_uint_t   i;
    ngx_uint_t  *kinds = field;

    *kinds = 0;
    last = arg->value.data + arg->value.len;

    for (p = arg->value.data; p <= last; p = end + 1) {

        end = ngx_strlchr(p, last, ',');

        if (end == NULL) {
            end = last;
        }

        for (i = 0; ngx_http_sparkjob_event_kinds[i].bit; i++) {

            if (ngx_http_sparkjob_event_kinds[i].name.len == (size_t) (end - p)
                && ngx_strncmp(ngx_http_sparkjob_event_kinds[i].name.data, p,
                               end - p)
                   == 0)
            {
                break;
            }
        }

        if (ngx_http_sparkjob_event_kinds[i].bit == 0) {
            return ngx_http_sparkjob_problem(ctx,
                                    "The query parameter '%V' was malformed:\n"
                                    "'%*s' is not 'job', 'context' or 'binary'",
                                    &arg->key, (size_t) (end - p), p);
        }

        *kinds |= ngx_http_sparkjob_event_kinds[i].bit;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_sparkjob_job_events(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_http_sparkjob_ctx_t     *ctx;
    ngx_http_sparkjob_watch_t   *w;
    ngx_http_sparkjob_record_t  *rec;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    w = ngx_http_sparkjob_watch_create(r, ctx);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_sparkjob_params(ctx, ngx_http_sparkjob_job_events_params, w)
        != NGX_OK)
    {
        return ngx_http_sparkjob_reply_problem(r);
    }

    w->id = ctx->name;
    w->kinds = 1 << NGX_HTTP_SPARKJOB_JOB;

    rc = ngx_http_sparkjob_zone_get(ctx->zone, NGX_HTTP_SPARKJOB_JOB,
                                    &ctx->name, &ctx->owner, r->pool, &rec);

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == NGX_DECLINED) {
        ctx->data = w;
        return ngx_http_sparkjob_job_ask_named(r,
                                              &ngx_http_sparkjob_watch_call);
    }

    w->ended = rec->final;

    return ngx_http_sparkjob_watch_start(w);
}


/* what the zone does not hold: it is over, too new, or has no room there */

static ngx_int_t
ngx_http_sparkjob_watch_job(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_http_sparkjob_ctx_t    *ctx;
    ngx_http_sparkjob_watch_t  *w;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    w = ctx->data;

    w->record = ngx_http_sparkjob_record_told(r, NGX_HTTP_SPARKJOB_JOB, msg);
    if (w->record == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    w->ended = w->record->final;

    return ngx_http_sparkjob_watch_start(w);
}


static ngx_http_sparkjob_watch_t *
ngx_http_sparkjob_watch_create(ngx_http_request_t *r,
    ngx_http_sparkjob_ctx_t *ctx)
{
    ngx_uint_t                  i;
    ngx_list_part_t            *part;
    ngx_table_elt_t            *h;
    ngx_http_sparkjob_watch_t  *w;

    w = ngx_pcalloc(r->pool, sizeof(ngx_http_sparkjob_watch_t));
    if (w == NULL) {
        return NULL;
    }

    w->request = r;
    w->ctx = ctx;
    w->last = &w->links;
    w->kinds = (1 << NGX_HTTP_SPARKJOB_NKINDS) - 1;

    /* a query parameter goes before it: browsers cannot set headers */

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len == sizeof("Last-Event-ID") - 1
                && ngx_strncasecmp(h[i].key.data, (u_char *) "Last-Event-ID",
                                   sizeof("Last-Event-ID") - 1)
                   == 0)
            {
                w->since = h[i].value;
            }
        }
    }

    return w;
}


/* an id that is not of this form cannot be continued from */

static ngx_int_t
ngx_http_sparkjob_watch_since(ngx_http_sparkjob_watch_t *w)
{
    u_char     *p, *last;
    ngx_int_t   epoch, seq;

    last = w->since.data + w->since.len;
    p = ngx_strlchr(w->since.data, last, '-');

    if (p == NULL) {
        return NGX_DECLINED;
    }

    epoch = ngx_atoi(w->since.data, p - w->since.data);
    seq = ngx_atoi(p + 1, last - p - 1);

    if (epoch == NGX_ERROR || seq == NGX_ERROR) {
        return NGX_DECLINED;
    }

    w->epoch = epoch;
    w->seq = seq;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sparkjob_watch_start(ngx_http_sparkjob_watch_t *w)
{
    ngx_int_t                 rc;
    ngx_http_request_t       *r;
    ngx_http_sparkjob_ctx_t  *ctx;
    static ngx_str_t          type = ngx_string("text/event-stream");
    static ngx_str_t          no_store = ngx_string("no-store");

    r = w->request;
    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    if (ctx->zone->channel == NULL) {
        return ngx_http_sparkjob_reply_unavailable(r);
    }

    w->hub = ctx->zone->channel->hub;
    w->step = ngx_http_sparkjob_watch_state;

    if (w->since.len) {

        if (ngx_http_sparkjob_watch_since(w) == NGX_OK) {
            w->step = ngx_http_sparkjob_watch_missed;

        } else {
            w->reset = 1;
        }
    }

    /* a browser comes back again and again, unless it is told not to */

    if (w->ended && w->step == ngx_http_sparkjob_watch_missed
        && ngx_http_sparkjob_watch_has_all(w))
    {
        return ngx_http_sparkjob_reply(r, NGX_HTTP_NO_CONTENT, NULL);
    }

    if (ngx_http_sparkjob_reply_header(r, "Cache-Control", &no_store)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_sparkjob_stream_start(r, &type, -1);

    if (rc != NGX_OK) {
        return rc == NGX_DONE ? NGX_OK : rc;
    }

    if (ngx_http_sparkjob_watch_park(w) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_sparkjob_watch_serve(w);
}


/* the headers are on their way: from here on a stream can only go on or end */

static ngx_int_t
ngx_http_sparkjob_watch_park(ngx_http_sparkjob_watch_t *w)
{
    ngx_pool_cleanup_t       *pcln;
    ngx_http_cleanup_t       *cln;
    ngx_http_request_t       *r;
    ngx_http_sparkjob_ctx_t  *ctx;

    r = w->request;
    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    cln = ngx_http_cleanup_add(r, 0);
    pcln = ngx_pool_cleanup_add(r->pool, 0);

    if (cln == NULL || pcln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_sparkjob_watch_cleanup;
    cln->data = w;

    pcln->handler = ngx_http_sparkjob_watch_free;
    pcln->data = w;

    w->entered = 1;
    ngx_http_sparkjob_hub_enter(w->hub);

    ctx->data = w;

    if (ngx_http_sparkjob_stream_park(r, ngx_http_sparkjob_watch_writer)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* it may be long until there is something to tell */

    return ngx_http_sparkjob_stream_headers(r);
}
