
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Lists: the rows of records between two brackets.
 */


#include <ngx_http_sparkjob_module.h>


#define NGX_HTTP_SPARKJOB_ROWS_MIN   512
#define NGX_HTTP_SPARKJOB_ROWS_SIZE  (64 * 1024)


static size_t ngx_http_sparkjob_rows_job_len(ngx_http_sparkjob_record_t *rec,
    ngx_str_t *progress, ngx_str_t *error);
static u_char *ngx_http_sparkjob_rows_job(u_char *p,
    ngx_http_sparkjob_rows_t *rows, ngx_http_sparkjob_record_t *rec,
    ngx_str_t *progress, ngx_str_t *error);


/* "size" is a guess at the length of the list */

void
ngx_http_sparkjob_rows_init(ngx_http_sparkjob_rows_t *rows, ngx_pool_t *pool,
    const char *brackets, ngx_uint_t row, size_t size)
{
    rows->pool = pool;
    rows->out = NULL;
    rows->last = NULL;
    rows->brackets.data = (u_char *) brackets;
    rows->brackets.len = 2;
    ngx_str_null(&rows->own);
    ngx_str_null(&rows->ui);
    rows->row = row;
    rows->n = 0;
    rows->more = 0;
    rows->skip = 0;
    rows->page = NGX_MAX_INT_T_VALUE;
    rows->total = 0;
    rows->need = ngx_max(size, NGX_HTTP_SPARKJOB_ROWS_MIN);
}


ngx_int_t
ngx_http_sparkjob_rows_grow(ngx_http_sparkjob_rows_t *rows)
{
    size_t        size;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (rows->need == 0) {
        return NGX_OK;
    }

    size = rows->need + rows->brackets.len;

    if (rows->out) {
        size = ngx_max(size, NGX_HTTP_SPARKJOB_ROWS_SIZE);
    }

    b = ngx_create_temp_buf(rows->pool, size);
    cl = ngx_alloc_chain_link(rows->pool);

    if (b == NULL || cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf = b;
    cl->next = NULL;

    if (rows->out) {
        rows->last->next = cl;

    } else {
        rows->out = cl;
        *b->last++ = rows->brackets.data[0];
    }

    rows->last = cl;
    rows->need = 0;

    return NGX_OK;
}


/* one byte of a buffer is kept for the closing bracket */

ngx_int_t
ngx_http_sparkjob_rows_put(ngx_http_sparkjob_rows_t *rows,
    ngx_http_sparkjob_record_t *rec)
{
    u_char      *p;
    size_t       size;
    ngx_buf_t   *b;
    ngx_str_t    progress, error;
    ngx_uint_t   session, job;

    session = (rows->row == NGX_HTTP_SPARKJOB_SESSION);
    job = (rec->kind == NGX_HTTP_SPARKJOB_JOB);

    /* before the page the difference is larger than any page */

    if (session && rows->total - rows->skip >= rows->page) {
        rows->total++;
        return NGX_OK;
    }

    ngx_str_null(&progress);
    ngx_str_null(&error);

    size = sizeof(",") - 1 + rec->len[rows->row];

    if (session) {
        size += rows->ui.len + NGX_HTTP_SPARKJOB_LIVY_UI;

    } else if (job) {
        size += ngx_http_sparkjob_rows_job_len(rec, &progress, &error);
    }

    b = rows->last->buf;

    if ((size_t) (b->end - b->last) <= size) {
        rows->need = size;
        return NGX_DECLINED;
    }

    p = b->last;

    if (rows->n++) {
        *p++ = ',';
    }

    if (session) {
        p = ngx_http_sparkjob_livy_row(p, rec, &rows->own, &rows->ui);
        rows->total++;

    } else {
        p = ngx_http_sparkjob_row(p, rec, rows->row, &rows->own);
    }

    b->last = job ? ngx_http_sparkjob_rows_job(p, rows, rec, &progress, &error)
                  : p;

    return NGX_OK;
}


/* what follows the row of a job, which lacks its last brace */

static size_t
ngx_http_sparkjob_rows_job_len(ngx_http_sparkjob_record_t *rec,
    ngx_str_t *progress, ngx_str_t *error)
{
    *progress = ngx_http_sparkjob_record_progress(rec);

    if (rec->payload == NGX_HTTP_SPARKJOB_ERROR) {
        *error = ngx_http_sparkjob_record_string(rec,
                                                 NGX_HTTP_SPARKJOB_PAYLOAD);
    }

    return sizeof(",\"result\":}") - 1 + progress->len + error->len;
}


/* results are left out of lists, errors are not */

static u_char *
ngx_http_sparkjob_rows_job(u_char *p, ngx_http_sparkjob_rows_t *rows,
    ngx_http_sparkjob_record_t *rec, ngx_str_t *progress, ngx_str_t *error)
{
    if (progress->len) {
        p = ngx_cpymem(p, progress->data, progress->len);
    }

    if (error->len) {
        p = ngx_cpymem(p, ",\"result\":", sizeof(",\"result\":") - 1);
        p = ngx_cpymem(p, error->data, error->len);
    }

    *p++ = '}';

    rows->start = rec->start;

    if (rec->len[NGX_HTTP_SPARKJOB_KEY] == NGX_HTTP_SPARKJOB_ID_LEN) {
        ngx_memcpy(rows->key, rec + 1, NGX_HTTP_SPARKJOB_ID_LEN);
    }

    return p;
}


u_char *
ngx_http_sparkjob_row(u_char *p, ngx_http_sparkjob_record_t *rec, ngx_uint_t n,
    ngx_str_t *own)
{
    size_t     at;
    ngx_str_t  row, name;

    row = ngx_http_sparkjob_record_string(rec, n);

    /* most have nothing to be left out */

    at = (own->len && n == NGX_HTTP_SPARKJOB_ROW) ? rec->own : 0;

    if (at == 0) {
        return ngx_cpymem(p, row.data, row.len);
    }

    name.data = row.data + at;
    name.len = row.len - at;

    p = ngx_cpymem(p, row.data, at);

    if (ngx_http_sparkjob_is_own(own, name.data, name.len)) {
        name.data += own->len;
        name.len -= own->len;
    }

    return ngx_cpymem(p, name.data, name.len);
}


ngx_int_t
ngx_http_sparkjob_rows_reply(ngx_http_request_t *r,
    ngx_http_sparkjob_rows_t *rows)
{
    ngx_chain_t  *out;

    out = ngx_http_sparkjob_rows_chain(rows);

    return out ? ngx_http_sparkjob_reply(r, NGX_HTTP_OK, out)
               : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/* all of them, with both brackets; NULL: no memory */

ngx_chain_t *
ngx_http_sparkjob_rows_chain(ngx_http_sparkjob_rows_t *rows)
{
    if (rows->out == NULL && ngx_http_sparkjob_rows_grow(rows) != NGX_OK) {
        return NULL;
    }

    *rows->last->buf->last++ = rows->brackets.data[1];

    return rows->out;
}
