
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * GET of the one context or binary that a path names: the zone tells, or the
 * launcher, where the zone cannot be sure.
 */


#include <ngx_http_sparkjob_module.h>


static ngx_int_t ngx_http_sparkjob_show_record(ngx_http_request_t *r,
    ngx_http_sparkjob_record_t *rec);
static ngx_int_t ngx_http_sparkjob_show_ui(ngx_http_request_t *r,
    ngx_http_sparkjob_record_t *rec, ngx_str_t *ui);


ngx_int_t
ngx_http_sparkjob_show(ngx_http_request_t *r, ngx_http_sparkjob_kind_e kind,
    ngx_str_t *key, ngx_http_sparkjob_call_t *call)
{
    json_t                        *meta;
    ngx_int_t                      rc;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_record_t    *rec;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    rc = ngx_http_sparkjob_zone_get(ctx->zone, kind, key, NULL, r->pool, &rec);

    if (rc == NGX_OK) {
        return ngx_http_sparkjob_show_record(r, rec);
    }

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    meta = json_pack("{s:s%}", "name", ngx_http_sparkjob_text(key));

    return ngx_http_sparkjob_ask(r, call, meta, 0, slcf->reply_timeout);
}


ngx_int_t
ngx_http_sparkjob_show_told(ngx_http_request_t *r,
    ngx_http_sparkjob_kind_e kind, ngx_http_sparkjob_message_t *msg)
{
    ngx_http_sparkjob_record_t  *rec;

    rec = ngx_http_sparkjob_record_told(r, kind, msg);
    if (rec == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_show_record(r, rec);
}


static ngx_int_t
ngx_http_sparkjob_show_record(ngx_http_request_t *r,
    ngx_http_sparkjob_record_t *rec)
{
    size_t                    len;
    ngx_str_t                 ui;
    ngx_buf_t                *b;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    if (ngx_http_sparkjob_show_ui(r, rec, &ui) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    len = ngx_http_sparkjob_report_len(rec) + sizeof(",\"uiUrl\":\"\"") - 1
          + ngx_http_sparkjob_json_len(&ui);

    b = ngx_create_temp_buf(r->pool, len);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_http_sparkjob_tell(b->last, rec, &ctx->own_json);

    if (ui.len) {
        b->last = ngx_cpymem(b->last - 1, ",\"uiUrl\":\"",
                             sizeof(",\"uiUrl\":\"") - 1);
        b->last = ngx_http_sparkjob_json(b->last, &ui);
        b->last = ngx_cpymem(b->last, "\"}", 2);
    }

    return ngx_http_sparkjob_reply_buf(r, NGX_HTTP_OK, b);
}


/* "url" is the driver's own, which clients seldom reach; empty: none */

static ngx_int_t
ngx_http_sparkjob_show_ui(ngx_http_request_t *r,
    ngx_http_sparkjob_record_t *rec, ngx_str_t *ui)
{
    ngx_str_t                      url;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    ngx_str_null(ui);

    if (rec->kind != NGX_HTTP_SPARKJOB_CONTEXT
        || rec->state != SJP_CONTEXT_RUNNING || slcf->ui.len == 0)
    {
        return NGX_OK;
    }

    url = ngx_http_sparkjob_record_string(rec, NGX_HTTP_SPARKJOB_CONTEXT_URL);

    return url.len ? ngx_http_sparkjob_reply_path(r, "/contexts/", &ctx->name,
                                                  "/ui/", ui)
                   : NGX_OK;
}


u_char *
ngx_http_sparkjob_tell(u_char *p, ngx_http_sparkjob_record_t *rec,
    ngx_str_t *own)
{
    static u_char *(*tellers[NGX_HTTP_SPARKJOB_NKINDS])(u_char *p,
        ngx_http_sparkjob_record_t *rec, ngx_str_t *own) =
    {
        ngx_http_sparkjob_job_report,
        ngx_http_sparkjob_context_report,
        ngx_http_sparkjob_binary_report
    };

    return tellers[rec->kind](p, rec, own);
}
