
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Bodies of requests that are read here, as one text, and so have a bound.
 */


#include <ngx_http_sparkjob_module.h>


/* a large one lies in a file, which has just been written */

ngx_int_t
ngx_http_sparkjob_body_text(ngx_http_request_t *r, off_t max, ngx_str_t *text)
{
    off_t         size;
    u_char       *p;
    ngx_buf_t    *b;
    ngx_chain_t  *cl, *in;

    in = r->request_body ? r->request_body->bufs : NULL;
    size = 0;

    for (cl = in; cl; cl = cl->next) {
        size += ngx_buf_size(cl->buf);
    }

    text->len = size;

    if (size > max) {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(r->pool, size + 1);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text->data = p;

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;
        size = ngx_buf_size(b);

        if (ngx_buf_in_memory(b)) {
            ngx_memcpy(p, b->pos, size);

        } else if (size && ngx_read_file(b->file, p, size, b->file_pos) != size)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        p += size;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_sparkjob_body_set(ngx_http_request_t *r, ngx_str_t *text)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    b = ngx_calloc_buf(r->pool);
    cl = ngx_alloc_chain_link(r->pool);

    if (b == NULL || cl == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = text->data;
    b->last = text->data + text->len;
    b->memory = 1;

    cl->buf = b;
    cl->next = NULL;

    r->request_body->bufs = text->len ? cl : NULL;
    r->request_body->temp_file = NULL;

    return NGX_OK;
}
