
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Whose page has a browser send a request that changes something.
 *
 * A page may have a browser send simple requests anywhere, with the passwords
 * and certificates that the browser has for there, or from within a network
 * that the page's author does not reach.  Browsers say so, by headers that no
 * page can set; programs that are no browsers send neither.
 */


#include <ngx_http_sparkjob_module.h>


static ngx_str_t *ngx_http_sparkjob_origin_header(ngx_http_request_t *r,
    ngx_str_t *name);
static ngx_uint_t ngx_http_sparkjob_origin_is(ngx_str_t *value,
    const char *word);
static ngx_uint_t ngx_http_sparkjob_origin_is_host(ngx_http_request_t *r,
    ngx_str_t *origin);


/*
 * Sec-Fetch-Site is the browser's own judgement, which proxies do not disturb;
 * it comes by TLS, and from old browsers not at all.  Then Origin is compared
 * with Host.  NGX_DECLINED: ctx->problem says that it is another's page.
 */

ngx_int_t
ngx_http_sparkjob_origin(ngx_http_request_t *r,
    ngx_http_sparkjob_loc_conf_t *slcf, ngx_http_sparkjob_ctx_t *ctx)
{
    ngx_str_t         *site, *origin, listed;
    static ngx_str_t   site_name = ngx_string("sec-fetch-site");
    static ngx_str_t   origin_name = ngx_string("origin");

    if (ctx->route->method == NGX_HTTP_GET) {
        return NGX_OK;
    }

    site = ngx_http_sparkjob_origin_header(r, &site_name);
    origin = ngx_http_sparkjob_origin_header(r, &origin_name);

    if (site == NULL && origin == NULL) {
        return NGX_OK;
    }

    if (site ? ngx_http_sparkjob_origin_is(site, "same-origin")
               || ngx_http_sparkjob_origin_is(site, "none")
             : ngx_http_sparkjob_origin_is_host(r, origin))
    {
        return NGX_OK;
    }

    if (slcf->origin) {

        if (ngx_http_complex_value(r, slcf->origin, &listed) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (listed.len && !ngx_http_sparkjob_origin_is(&listed, "0")) {
            return NGX_OK;
        }
    }

    ctx->status = NGX_HTTP_FORBIDDEN;

    if (origin == NULL) {
        return ngx_http_sparkjob_problem(ctx, "Pages of other sites may not "
                                         "change anything (Sec-Fetch-Site: "
                                         "%V)", site);
    }

    return ngx_http_sparkjob_problem(ctx, "Pages of '%V' may not change "
                                     "anything here, see sparkjob_origin",
                                     origin);
}


/* the name is in lower case */

static ngx_str_t *
ngx_http_sparkjob_origin_header(ngx_http_request_t *r, ngx_str_t *name)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len == name->len
                && ngx_strncmp(h[i].lowcase_key, name->data, name->len) == 0)
            {
                return &h[i].value;
            }
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_http_sparkjob_origin_is(ngx_str_t *value, const char *word)
{
    return value->len == ngx_strlen(word)
           && ngx_strncmp(value->data, word, value->len) == 0;
}


/* "scheme://host:port", where the port is left out as in Host; or "null" */

static ngx_uint_t
ngx_http_sparkjob_origin_is_host(ngx_http_request_t *r, ngx_str_t *origin)
{
    u_char     *p;
    ngx_str_t  *host;

    if (r->headers_in.host == NULL) {
        return 0;
    }

    host = &r->headers_in.host->value;

    if (origin->len < host->len + sizeof("://") - 1) {
        return 0;
    }

    p = origin->data + origin->len - host->len;

    return ngx_strncmp(p - 3, "://", 3) == 0
           && ngx_strncasecmp(p, host->data, host->len) == 0;
}
