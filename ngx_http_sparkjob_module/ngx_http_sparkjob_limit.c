
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * How much one worker takes on at once.  What comes beyond is refused at once,
 * with 503 and Retry-After, and costs nothing; nginx's own limit_conn and
 * limit_req are for limits by client.
 */


#include <ngx_http_sparkjob_module.h>


static void ngx_http_sparkjob_limit_cleanup(void *data);


/* bytes of questions are no slots of a request: they are only looked at */

static struct {
    ngx_str_t    name;
    ngx_uint_t   initial;
    ngx_uint_t   size;
    char        *what;
} ngx_http_sparkjob_limits[] = {
    { ngx_string("parked="), 10000, 0, "requests wait" },
    { ngx_string("watchers="), 20000, 0, "clients watch or follow" },
    { ngx_string("uploads="), 1000, 0, "uploads are on their way" },
    { ngx_string("queued="), 64 * 1024 * 1024, 1,
      "bytes wait for the launcher" }
};


void
ngx_http_sparkjob_limit_init(ngx_http_sparkjob_zone_t *zone)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_SPARKJOB_NLIMITS; i++) {
        zone->limits[i] = ngx_http_sparkjob_limits[i].initial;
    }
}


/* NGX_DECLINED: it is none of ours; NGX_ERROR: not a number above 0 */

ngx_int_t
ngx_http_sparkjob_limit_set(ngx_http_sparkjob_zone_t *zone, ngx_str_t *arg)
{
    ssize_t     n;
    ngx_str_t   value;
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_SPARKJOB_NLIMITS; i++) {

        if (arg->len < ngx_http_sparkjob_limits[i].name.len
            || ngx_strncmp(arg->data, ngx_http_sparkjob_limits[i].name.data,
                           ngx_http_sparkjob_limits[i].name.len)
               != 0)
        {
            continue;
        }

        value.data = arg->data + ngx_http_sparkjob_limits[i].name.len;
        value.len = arg->len - ngx_http_sparkjob_limits[i].name.len;

        n = ngx_http_sparkjob_limits[i].size
            ? ngx_parse_size(&value) : ngx_atoi(value.data, value.len);

        if (n <= 0) {
            return NGX_ERROR;
        }

        zone->limits[i] = n;

        return NGX_OK;
    }

    return NGX_DECLINED;
}


/*
 * A slot, until ngx_http_sparkjob_limit_leave() or the end of the request.
 * NGX_BUSY: there is none.
 */

ngx_int_t
ngx_http_sparkjob_limit_enter(ngx_http_request_t *r, ngx_uint_t limit)
{
    ngx_uint_t                    max;
    ngx_http_cleanup_t           *cln;
    ngx_http_sparkjob_ctx_t      *ctx;
    ngx_http_sparkjob_channel_t  *ch;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    ch = ctx->zone->channel;

    if (ch == NULL || (ctx->slots & (1 << limit))) {
        return NGX_OK;
    }

    max = ctx->zone->limits[limit];

    /* to kill and to delete makes room, so there is some for that */

    if (ctx->route->method == NGX_HTTP_DELETE) {
        max += max / 8 + 1;
    }

    if (ch->used[limit] >= max) {
        return NGX_BUSY;
    }

    if (!ctx->limited) {

        cln = ngx_http_cleanup_add(r, 0);
        if (cln == NULL) {
            return NGX_ERROR;
        }

        cln->handler = ngx_http_sparkjob_limit_cleanup;
        cln->data = ctx;

        ctx->limited = 1;
    }

    ctx->slots |= 1 << limit;
    ch->used[limit]++;

    return NGX_OK;
}


void
ngx_http_sparkjob_limit_leave(ngx_http_sparkjob_ctx_t *ctx, ngx_uint_t limit)
{
    if (ctx->slots & (1 << limit)) {
        ctx->slots &= ~(1 << limit);
        ctx->zone->channel->used[limit]--;
    }
}


static void
ngx_http_sparkjob_limit_cleanup(void *data)
{
    ngx_uint_t                i;
    ngx_http_sparkjob_ctx_t  *ctx = data;

    for (i = 0; i < NGX_HTTP_SPARKJOB_NLIMITS; i++) {
        ngx_http_sparkjob_limit_leave(ctx, i);
    }
}


/* the answer when there is no slot: "rc" is what limit_enter() returned */

ngx_int_t
ngx_http_sparkjob_limit_refuse(ngx_http_request_t *r, ngx_uint_t limit,
    ngx_int_t rc)
{
    ngx_http_sparkjob_ctx_t  *ctx;

    if (rc != NGX_BUSY) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "sparkjob_zone \"%V\": too many %s, at most %ui",
                  &ctx->zone->name, ngx_http_sparkjob_limits[limit].what,
                  ctx->zone->limits[limit]);

    if (ngx_http_sparkjob_reply_retry(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_reply_error(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                    "Too many %s (at most %ui)",
                                    ngx_http_sparkjob_limits[limit].what,
                                    ctx->zone->limits[limit]);
}
