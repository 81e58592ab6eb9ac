
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What a watcher is told of, and under which name.
 */


#include <ngx_http_sparkjob_hub.h>


static ngx_uint_t ngx_http_sparkjob_watch_owns(ngx_http_sparkjob_watch_t *w,
    ngx_uint_t kind, ngx_str_t *whose);


ngx_uint_t
ngx_http_sparkjob_watch_wants_event(ngx_http_sparkjob_watch_t *w,
    ngx_http_sparkjob_event_t *ev)
{
    ngx_str_t   whose[NGX_HTTP_SPARKJOB_EVENT_NSTRINGS];
    ngx_uint_t  n;

    if (ev->kind == NGX_HTTP_SPARKJOB_ANY_KIND) {
        return 1;
    }

    if (ev->seq <= w->seq) {
        return 0;
    }

    for (n = NGX_HTTP_SPARKJOB_EVENT_KEY;
         n < NGX_HTTP_SPARKJOB_EVENT_NSTRINGS;
         n++)
    {
        whose[n] = ngx_http_sparkjob_event_string(ev, n);
    }

    return ngx_http_sparkjob_watch_wants(w, ev->kind, whose);
}


ngx_uint_t
ngx_http_sparkjob_watch_wants(ngx_http_sparkjob_watch_t *w, ngx_uint_t kind,
    ngx_str_t *whose)
{
    ngx_uint_t  i;

    struct {
        ngx_str_t   *want;
        ngx_uint_t   n;
    } filters[] = {
        { &w->id, NGX_HTTP_SPARKJOB_EVENT_KEY },
        { &w->context, NGX_HTTP_SPARKJOB_EVENT_CONTEXT },
        { &w->user, NGX_HTTP_SPARKJOB_EVENT_USER },
        { NULL, 0 }
    };

    if (!(w->kinds & 1 << kind)
        || !ngx_http_sparkjob_watch_owns(w, kind, whose))
    {
        return 0;
    }

    for (i = 0; filters[i].want; i++) {

        if (filters[i].want->len
            && ngx_memn2cmp(filters[i].want->data, whose[filters[i].n].data,
                            filters[i].want->len, whose[filters[i].n].len)
               != 0)
        {
            return 0;
        }
    }

    return 1;
}


/*
 * Where contexts belong to users they, and jobs, are not others' business; but
 * who knows the id of a job may ask for it.
 */

static ngx_uint_t
ngx_http_sparkjob_watch_owns(ngx_http_sparkjob_watch_t *w, ngx_uint_t kind,
    ngx_str_t *whose)
{
    ngx_str_t  *s;

    if (w->ctx->own.len == 0 || w->id.len
        || kind == NGX_HTTP_SPARKJOB_BINARY)
    {
        return 1;
    }

    if (kind == NGX_HTTP_SPARKJOB_CONTEXT) {
        s = &whose[NGX_HTTP_SPARKJOB_EVENT_KEY];

        return ngx_http_sparkjob_is_own(&w->ctx->own, s->data, s->len);
    }

    s = &whose[NGX_HTTP_SPARKJOB_EVENT_USER];

    return ngx_memn2cmp(w->ctx->user.data, s->data, w->ctx->user.len, s->len)
           == 0;
}


/* the text, for a user whose names of contexts are his own */

u_char *
ngx_http_sparkjob_watch_copy(ngx_http_sparkjob_watch_t *w, u_char *p,
    ngx_http_sparkjob_event_t *ev)
{
    ngx_str_t   text, name;
    ngx_str_t  *own;

    own = &w->ctx->own_json;
    text = ngx_http_sparkjob_event_string(ev, NGX_HTTP_SPARKJOB_EVENT_TEXT);

    name.data = text.data + ev->own;
    name.len = text.len - ev->own;

    if (own->len && ev->own
        && ngx_http_sparkjob_is_own(own, name.data, name.len))
    {
        p = ngx_cpymem(p, text.data, ev->own);

        return ngx_cpymem(p, name.data + own->len, name.len - own->len);
    }

    return ngx_cpymem(p, text.data, text.len);
}
