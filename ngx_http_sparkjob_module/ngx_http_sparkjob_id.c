
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The ids of jobs and contexts.
 *
 * They are made here, so that a question may be asked again after the channel
 * broke: the launcher knows the id.  A client that wants the same for itself
 * sends an Idempotency-Key: from it, the user and the route the id follows, in
 * every worker and after any restart.
 */


#include <ngx_http_sparkjob_module.h>

#include <uuid/uuid.h>


#define NGX_HTTP_SPARKJOB_KEY_MAX  255


static ngx_int_t ngx_http_sparkjob_id_key(ngx_http_request_t *r,
    ngx_str_t *key);
static ngx_int_t ngx_http_sparkjob_id_check_key(ngx_http_sparkjob_ctx_t *ctx,
    ngx_str_t *key);
static ngx_int_t ngx_http_sparkjob_id_from_key(ngx_http_request_t *r,
    const char *route, ngx_str_t *key, uuid_t uuid);
static void ngx_http_sparkjob_id_stamp(uuid_t uuid);


/* the name space of ids that follow from keys; never to be changed */

static const uuid_t  ngx_http_sparkjob_id_space = {
    0x4b, 0xc5, 0x8b, 0x32, 0x86, 0xbe, 0xd9, 0x87,
    0x0d, 0xf5, 0x02, 0x53, 0xea, 0x7b, 0x7b, 0x96
};


/*
 * Gives the request its id, ctx->id, and ctx->again if that follows from a
 * key.  NGX_DECLINED: ctx->problem says what is wrong with the key.
 */

ngx_int_t
ngx_http_sparkjob_id_make(ngx_http_request_t *r, const char *route)
{
    uuid_t                    uuid;
    ngx_int_t                 rc;
    ngx_str_t                 key;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    ctx->id.len = NGX_HTTP_SPARKJOB_ID_LEN;

    ctx->id.data = ngx_pnalloc(r->pool, NGX_HTTP_SPARKJOB_ID_LEN + 1);
    if (ctx->id.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_sparkjob_id_key(r, &key);

    if (rc != NGX_OK) {
        return rc;
    }

    if (key.data) {
        ctx->key = key;

        if (ngx_http_sparkjob_id_from_key(r, route, &key, uuid) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

    } else {
        uuid_generate_random(uuid);
        ngx_http_sparkjob_id_stamp(uuid);
    }

    uuid_unparse_lower(uuid, (char *) ctx->id.data);

    return NGX_OK;
}


/*
 * The time, in milliseconds, in front of the random bits (version 7 of RFC
 * 9562).  New ids are neighbours then: among a million jobs that are recorded
 * the launcher writes the same few pages of the index of ids, not another one
 * for each job.
 */

static void
ngx_http_sparkjob_id_stamp(uuid_t uuid)
{
    uint64_t   msec;
    ngx_int_t  i;

    msec = ngx_http_sparkjob_now();

    for (i = 5; i >= 0; i--) {
        uuid[i] = (u_char) msec;
        msec >>= 8;
    }

    uuid[6] = 0x70 | (uuid[6] & 0x0f);
}


/* the value of the header; no data: there is none */

static ngx_int_t
ngx_http_sparkjob_id_key(ngx_http_request_t *r, ngx_str_t *key)
{
    ngx_uint_t                i;
    ngx_list_part_t          *part;
    ngx_table_elt_t          *h;
    ngx_http_sparkjob_ctx_t  *ctx;
    static ngx_str_t          name = ngx_string("idempotency-key");

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    ngx_str_null(key);

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {

            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len != name.len
            || ngx_strncmp(h[i].lowcase_key, name.data, name.len) != 0)
        {
            continue;
        }

        if (key->data) {
            return ngx_http_sparkjob_problem(ctx, "There is more than one "
                                             "Idempotency-Key header");
        }

        *key = h[i].value;
    }

    return key->data ? ngx_http_sparkjob_id_check_key(ctx, key) : NGX_OK;
}


static ngx_int_t
ngx_http_sparkjob_id_check_key(ngx_http_sparkjob_ctx_t *ctx, ngx_str_t *key)
{
    size_t  i;

    for (i = 0; i < key->len; i++) {

        if (key->data[i] <= ' ' || key->data[i] >= 0x7f) {
            break;
        }
    }

    if (i != key->len || key->len == 0 || key->len > NGX_HTTP_SPARKJOB_KEY_MAX)
    {
        return ngx_http_sparkjob_problem(ctx, "The header Idempotency-Key was "
                                "malformed:\n'%V' is not 1 to %d visible ASCII "
                                "characters", key, NGX_HTTP_SPARKJOB_KEY_MAX);
    }

    return NGX_OK;
}


/* no line feed is in any of the three, so no two of them look alike */

static ngx_int_t
ngx_http_sparkjob_id_from_key(ngx_http_request_t *r, const char *route,
    ngx_str_t *key, uuid_t uuid)
{
    u_char                   *p, *last;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    p = ngx_pnalloc(r->pool, ctx->user.len + ngx_strlen(route) + key->len
                             + sizeof("\n\n"));
    if (p == NULL) {
        return NGX_ERROR;
    }

    last = ngx_sprintf(p, "%V\n%s\n%V", &ctx->user, route, key);

    uuid_generate_sha1(uuid, ngx_http_sparkjob_id_space, (char *) p, last - p);

    return NGX_OK;
}


/* other ids than ours need not be asked for */

ngx_uint_t
ngx_http_sparkjob_id_valid(ngx_str_t *id)
{
    size_t  i;
    u_char  ch;

    if (id->len != NGX_HTTP_SPARKJOB_ID_LEN) {
        return 0;
    }

    for (i = 0; i < id->len; i++) {
        ch = id->data[i];

        if (i == 8 || i == 13 || i == 18 || i == 23) {

            if (ch != '-') {
                return 0;
            }

        } else if (!((ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'f'))) {
            return 0;
        }
    }

    return 1;
}
