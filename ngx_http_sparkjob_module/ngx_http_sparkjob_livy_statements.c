
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * GET /sessions/<id>/statements.  What does not come with the list, long code
 * and large outputs, is asked for behind it, one after the other.
 */


#include <ngx_http_sparkjob_livy_statement.h>


/* Livy itself has no more of them: without a page it is the newest ones */
#define NGX_HTTP_SPARKJOB_LIVY_STATEMENTS  100


typedef struct {
    ngx_array_t   statements;   /* ngx_http_sparkjob_livy_statement_t */
    ngx_uint_t    next;         /* that may lack something */
    json_int_t    total;
    unsigned      backwards:1;  /* they come in the other order */
} ngx_http_sparkjob_livy_list_t;


static ngx_int_t ngx_http_sparkjob_livy_list_page(
    ngx_http_sparkjob_ctx_t *ctx, ngx_http_sparkjob_livy_page_t *page,
    ngx_uint_t *desc);
static ngx_int_t ngx_http_sparkjob_livy_list_ask(ngx_http_request_t *r,
    ngx_http_sparkjob_livy_page_t *page, ngx_http_sparkjob_livy_list_t *list,
    ngx_uint_t desc);
static ngx_int_t ngx_http_sparkjob_livy_list_record(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_livy_list_end(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_livy_list_more(ngx_http_request_t *r);
static ngx_int_t ngx_http_sparkjob_livy_list_output(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_livy_list_code(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_http_sparkjob_livy_statement_t *ngx_http_sparkjob_livy_list_next(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_sparkjob_livy_list_reply(ngx_http_request_t *r);
static ngx_chain_t **ngx_http_sparkjob_livy_list_last(ngx_chain_t *cl);
static ngx_chain_t **ngx_http_sparkjob_livy_list_text(ngx_http_request_t *r,
    ngx_chain_t **last, const char *fmt, json_int_t number);


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_livy_list_call = {
    SJP_STATEMENT_LIST,
    ngx_http_sparkjob_livy_list_end,
    ngx_http_sparkjob_livy_list_record,
    NULL,
    ngx_http_sparkjob_reply_unavailable,
    ngx_http_sparkjob_livy_refusals,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_livy_list_output_call = {
    SJP_JOB_RESULT,
    ngx_http_sparkjob_livy_list_output,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_unavailable,
    ngx_http_sparkjob_livy_refusals,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_livy_list_code_call = {
    SJP_STATEMENT_CODE,
    ngx_http_sparkjob_livy_list_code,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_unavailable,
    ngx_http_sparkjob_livy_refusals,
    0
};


ngx_int_t
ngx_http_sparkjob_livy_statement_list(ngx_http_request_t *r)
{
    ngx_uint_t                      desc;
    ngx_http_sparkjob_ctx_t        *ctx;
    ngx_http_sparkjob_livy_list_t  *list;
    ngx_http_sparkjob_livy_page_t   page;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    if (ngx_http_sparkjob_livy_list_page(ctx, &page, &desc) != NGX_OK) {
        return ngx_http_sparkjob_reply_problem(r);
    }

    list = ngx_pcalloc(r->pool, sizeof(ngx_http_sparkjob_livy_list_t));

    if (list == NULL
        || ngx_array_init(&list->statements, r->pool, 8,
                          sizeof(ngx_http_sparkjob_livy_statement_t))
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->data = list;

    return ngx_http_sparkjob_livy_list_ask(r, &page, list, desc);
}


static ngx_int_t
ngx_http_sparkjob_livy_list_page(ngx_http_sparkjob_ctx_t *ctx,
    ngx_http_sparkjob_livy_page_t *page, ngx_uint_t *desc)
{
    ngx_int_t         rc;
    ngx_str_t        *order;
    static ngx_str_t  asc = ngx_string("asc"), down = ngx_string("desc");

    rc = ngx_http_sparkjob_livy_page(ctx, page, 0);

    if (rc != NGX_OK) {
        return rc;
    }

    order = &page->order;

    *desc = (order->len == down.len
             && ngx_strncasecmp(order->data, down.data, down.len) == 0);

    if (*desc || order->data == NULL
        || (order->len == asc.len
            && ngx_strncasecmp(order->data, asc.data, asc.len) == 0))
    {
        return NGX_OK;
    }

    return ngx_http_sparkjob_problem(ctx, "requirement failed: 'order' is "
                                     "neither asc nor desc: '%V'", order);
}


static ngx_int_t
ngx_http_sparkjob_livy_list_ask(ngx_http_request_t *r,
    ngx_http_sparkjob_livy_page_t *page, ngx_http_sparkjob_livy_list_t *list,
    ngx_uint_t desc)
{
    json_t                        *meta;
    json_int_t                     from, size;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    /* who names no place in the list wants its end, in the usual order */

    list->backwards = (page->from < 0 && !desc);

    from = ngx_max(page->from, 0);
    size = ngx_min(page->size, NGX_HTTP_SPARKJOB_LIVY_STATEMENTS);

    meta = ngx_http_sparkjob_livy_meta(r);
    meta = ngx_http_sparkjob_meta_set(meta, "from", json_integer(from));
    meta = ngx_http_sparkjob_meta_set(meta, "size", json_integer(size));
    meta = ngx_http_sparkjob_meta_set(meta, "desc",
                                      json_boolean(desc || list->backwards));

    return ngx_http_sparkjob_ask(r, &ngx_http_sparkjob_livy_list_call, meta, 0,
                                 slcf->reply_timeout);
}


static ngx_int_t
ngx_http_sparkjob_livy_list_record(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_http_sparkjob_ctx_t             *ctx;
    ngx_http_sparkjob_livy_list_t       *list;
    ngx_http_sparkjob_livy_statement_t  *st;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    list = ctx->data;

    st = ngx_array_push(&list->statements);
    if (st == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(st, sizeof(ngx_http_sparkjob_livy_statement_t));

    return ngx_http_sparkjob_livy_statement_take(r, msg, st) == NGX_OK
           ? NGX_AGAIN : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


static ngx_int_t
ngx_http_sparkjob_livy_list_end(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_http_sparkjob_ctx_t        *ctx;
    ngx_http_sparkjob_livy_list_t  *list;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    list = ctx->data;

    list->total = json_integer_value(json_object_get(msg->meta, "total"));

    return ngx_http_sparkjob_livy_list_more(r);
}


/* asks for what the next one lacks, or answers */

static ngx_int_t
ngx_http_sparkjob_livy_list_more(ngx_http_request_t *r)
{
    ngx_http_sparkjob_ctx_t             *ctx;
    ngx_http_sparkjob_loc_conf_t        *slcf;
    ngx_http_sparkjob_livy_list_t       *list;
    ngx_http_sparkjob_livy_statement_t  *st;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);
    list = ctx->data;

    for ( /* void */ ; list->next < list->statements.nelts; list->next++) {

        st = list->statements.elts;
        st += list->next;

        if (st->rec->payload == NGX_HTTP_SPARKJOB_STORED && st->output == NULL)
        {
            return ngx_http_sparkjob_job_ask(r,
                                       &ngx_http_sparkjob_livy_list_output_call,
                                       &st->id, slcf->reply_timeout);
        }

        if (!st->coded) {
            return ngx_http_sparkjob_livy_statement_code(r,
                                         &ngx_http_sparkjob_livy_list_code_call,
                                         st->number);
        }
    }

    return ngx_http_sparkjob_livy_list_reply(r);
}


static ngx_int_t
ngx_http_sparkjob_livy_list_output(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_http_sparkjob_livy_statement_t  *st;

    st = ngx_http_sparkjob_livy_list_next(r);

    st->output = ngx_http_sparkjob_payload(r, msg);
    if (st->output == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_livy_list_more(r);
}


static ngx_int_t
ngx_http_sparkjob_livy_list_code(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_http_sparkjob_livy_statement_t  *st;

    st = ngx_http_sparkjob_livy_list_next(r);

    if (ngx_http_sparkjob_livy_bytes(r, msg, &st->code) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    st->coded = 1;

    return ngx_http_sparkjob_livy_list_more(r);
}


/* that which something was asked for */

static ngx_http_sparkjob_livy_statement_t *
ngx_http_sparkjob_livy_list_next(ngx_http_request_t *r)
{
    ngx_http_sparkjob_ctx_t             *ctx;
    ngx_http_sparkjob_livy_list_t       *list;
    ngx_http_sparkjob_livy_statement_t  *st;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    list = ctx->data;

    st = list->statements.elts;

    return st + list->next;
}


static ngx_int_t
ngx_http_sparkjob_livy_list_reply(ngx_http_request_t *r)
{
    ngx_uint_t                           i, n;
    ngx_chain_t                         *out, **last;
    ngx_http_sparkjob_ctx_t             *ctx;
    ngx_http_sparkjob_livy_list_t       *list;
    ngx_http_sparkjob_livy_statement_t  *st;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    list = ctx->data;

    st = list->statements.elts;
    n = list->statements.nelts;

    last = ngx_http_sparkjob_livy_list_text(r, &out,
                                            "{\"total_statements\":%L,"
                                            "\"statements\":[", list->total);

    for (i = 0; i < n && last; i++) {

        if (i) {
            last = ngx_http_sparkjob_livy_list_text(r, last, ",", 0);
        }

        if (last == NULL) {
            break;
        }

        *last = ngx_http_sparkjob_livy_statement_chain(r,
                                      &st[list->backwards ? n - 1 - i : i]);

        last = *last ? ngx_http_sparkjob_livy_list_last(*last) : NULL;
    }

    if (last) {
        last = ngx_http_sparkjob_livy_list_text(r, last, "]}", 0);
    }

    return last ? ngx_http_sparkjob_reply(r, NGX_HTTP_OK, out)
                : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


static ngx_chain_t **
ngx_http_sparkjob_livy_list_last(ngx_chain_t *cl)
{
    while (cl->next) {
        cl = cl->next;
    }

    return &cl->next;
}


/* one more link; returns where the next one goes, NULL: no memory */

static ngx_chain_t **
ngx_http_sparkjob_livy_list_text(ngx_http_request_t *r, ngx_chain_t **last,
    const char *fmt, json_int_t number)
{
    ngx_chain_t  *cl;

    cl = ngx_alloc_chain_link(r->pool);
    if (cl == NULL) {
        return NULL;
    }

    cl->next = NULL;

    cl->buf = ngx_create_temp_buf(r->pool, ngx_strlen(fmt) + NGX_INT64_LEN);
    if (cl->buf == NULL) {
        return NULL;
    }

    cl->buf->last = ngx_sprintf(cl->buf->last, fmt, (int64_t) number);

    *last = cl;

    return &cl->next;
}
