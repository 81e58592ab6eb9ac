
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * JSON bodies, and what the launcher's refusals are for an HTTP client.
 */


#include <ngx_http_sparkjob_module.h>


#define NGX_HTTP_SPARKJOB_TEXT_MAX  4096


static ngx_int_t ngx_http_sparkjob_refusal_payload(ngx_http_request_t *r,
    ngx_http_sparkjob_refusal_t *refusal, ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_no_slots(ngx_http_request_t *r,
    ngx_http_sparkjob_refusal_t *refusal, ngx_str_t *name);
static ngx_int_t ngx_http_sparkjob_error_code(ngx_str_t *code);
static ngx_chain_t *ngx_http_sparkjob_file_payload(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);


#define SJP_X(sym, name)  ngx_string(name),
static ngx_str_t  ngx_http_sparkjob_error_names[] = { SJP_ERRORS(SJP_X) };
#undef SJP_X


/* in "text" %V is the name that came with the refusal */

static ngx_http_sparkjob_refusal_t  ngx_http_sparkjob_refusals[] = {

    { SJP_ERR_BAD_REQUEST, 400, "ERROR", "%V" },
    { SJP_ERR_UNAVAILABLE, 503, "ERROR", "%V" },
    { SJP_ERR_INTERNAL, 500, "ERROR", "%V" },
    { SJP_ERR_STORAGE_FAILED, 503, "Storage Failure", NULL },
    { SJP_ERR_NO_SPACE, 507, "Storage Failure", NULL },

    { SJP_ERR_BAD_BINARY, 400, "ERROR", "Binary is not of the right format" },
    { SJP_ERR_BAD_SOURCE, 400, "ERROR",
      "Binary is not of the right format: %V" },
    { SJP_ERR_NO_SUCH_BINARY, 404, "ERROR", "appName %V not found" },
    { SJP_ERR_BINARY_IN_USE, 403, "ERROR", "Binary is in use by job(s): %V" },

    { SJP_ERR_CONTEXT_EXISTS, 400, "ERROR", "context %V exists" },
    { SJP_ERR_NO_SUCH_CONTEXT, 404, "ERROR", "context %V not found" },
    { SJP_ERR_CONTEXT_STOPPING, 409, "ERROR", "Context stop in progress" },
    { SJP_ERR_CONTEXT_INIT_FAILED, 500, "CONTEXT INIT ERROR", NULL },
    { SJP_ERR_BAD_SETTING, 400, "CONTEXT INIT ERROR", NULL },
    { SJP_ERR_CONTEXT_BAD_URL, 400, "CONTEXT INIT ERROR: Malformed URL", NULL },
    { SJP_ERR_TOO_MANY_CONTEXTS, 503, "ERROR",
      "Too many contexts (at most %V)" },

    { SJP_ERR_NO_SUCH_JOB, 404, "ERROR", "No such job ID %V" },
    { SJP_ERR_JOB_NOT_RUNNING, 404, "ERROR", "No running job with ID %V" },
    { SJP_ERR_NO_SLOTS, 503, "NO SLOTS AVAILABLE",
      "Too many running jobs (%V) for job context '%V'" },
    { SJP_ERR_QUEUE_FULL, 503, "NO SLOTS AVAILABLE",
      "Too many queued jobs (%V) for job context '%V'" },
    { SJP_ERR_BAD_CONFIG, 400, "ERROR", "Cannot parse config: %V" },
    { SJP_ERR_CLASS_NOT_FOUND, 404, "ERROR", "classPath %V not found" },
    { SJP_ERR_WRONG_JOB_TYPE, 400, "ERROR",
      "Invalid job type for this context" },
    { SJP_ERR_LOADING_FAILED, 400, "JOB LOADING FAILED", NULL },
    { SJP_ERR_LOADING_BAD_URL, 400, "JOB LOADING FAILED: Malformed URL", NULL },
    { SJP_ERR_VALIDATION_FAILED, 400, "VALIDATION FAILED", NULL },
    { SJP_ERR_BAD_URI, 400, "JOB LOADING FAILED: Malformed URL", NULL },

    { SJP_ERR_NO_SUCH_DATA, 400, "ERROR", "Unable to delete data file '%V'." },
    { SJP_ERR_KEY_REUSED, 422, "ERROR",
      "Idempotency-Key '%V' was used for another request" },

    { SJP_ERR_OVERLOADED, 503, "ERROR", "%V" },
    { SJP_ERR_BAD_CALLBACK, 400, "ERROR",
      "The query parameter 'callbackUrl' was malformed:\n'%V' may not be "
      "reached, see outbound.hosts of the launcher" },
    { SJP_ERR_NO_UI, 404, "ERROR", "%V" },
    { SJP_ERR_NO_CONFIG, 404, "ERROR", "%V" },

    { SJP_ERR_RESOURCE_EXISTS, 400, "ERROR", "%V exists" },
    { SJP_ERR_NO_SUCH_RESOURCE, 404, "ERROR", "%V not found" },
    { SJP_ERR_RESOURCE_FIXED, 409, "ERROR",
      "%V is of the launcher's configuration, and is changed there" },
    { SJP_ERR_RESOURCE_IN_USE, 409, "ERROR", "%V" },
    { SJP_ERR_BAD_RESOURCE, 400, "ERROR", NULL },

    { SJP_ERR_NO_SUCH_STATEMENT, 404, "ERROR", "No such statement %V" },
    { SJP_ERR_SESSION_ENDED, 409, "ERROR", "Session %V has ended" },

    { SJP_NERRORS, 500, "ERROR", "%V" }
};


/* by these nothing was made: what others refuse may have a record */

static sjp_error_e  ngx_http_sparkjob_unmade[] = {
    SJP_ERR_BAD_REQUEST, SJP_ERR_BAD_CALLBACK, SJP_ERR_OVERLOADED,
    SJP_ERR_STORAGE_FAILED, SJP_ERR_NO_SPACE, SJP_ERR_CONTEXT_EXISTS,
    SJP_ERR_NO_SUCH_CONTEXT, SJP_ERR_CONTEXT_STOPPING,
    SJP_ERR_TOO_MANY_CONTEXTS, SJP_ERR_NO_SLOTS, SJP_ERR_QUEUE_FULL,
    SJP_ERR_KEY_REUSED
};


/*
 * The return code is one for ngx_http_finalize_request(), but never NGX_AGAIN,
 * by which handlers say that they have not answered yet.
 */

ngx_int_t
ngx_http_sparkjob_reply(ngx_http_request_t *r, ngx_uint_t status,
    ngx_chain_t *out)
{
    static ngx_str_t  json = ngx_string("application/json");

    return ngx_http_sparkjob_reply_as(r, status, &json, out);
}


ngx_int_t
ngx_http_sparkjob_reply_as(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *type, ngx_chain_t *out)
{
    off_t                     len;
    ngx_int_t                 rc;
    ngx_chain_t              *cl;
    ngx_http_sparkjob_ctx_t  *ctx;

    /* a stream that has begun cannot become something else */

    if (r->header_sent) {
        return NGX_ERROR;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    len = 0;

    for (cl = out; cl; cl = cl->next) {
        len += ngx_buf_size(cl->buf);

        if (cl->next == NULL) {
            cl->buf->last_buf = 1;
            cl->buf->last_in_chain = 1;
        }
    }

    ctx->replied = 1;

    r->headers_out.status = status;
    r->headers_out.content_length_n = len;
    r->headers_out.content_type = *type;
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    if (len == 0) {
        r->header_only = 1;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc == NGX_AGAIN ? NGX_OK : rc;
    }

    rc = ngx_http_output_filter(r, out);

    return rc == NGX_AGAIN ? NGX_OK : rc;
}


ngx_int_t
ngx_http_sparkjob_reply_buf(ngx_http_request_t *r, ngx_uint_t status,
    ngx_buf_t *b)
{
    ngx_chain_t  *out;

    out = ngx_alloc_chain_link(r->pool);
    if (out == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    out->buf = b;
    out->next = NULL;

    return ngx_http_sparkjob_reply(r, status, out);
}


/* the payload of a message is all that there is to say */

ngx_int_t
ngx_http_sparkjob_reply_payload(ngx_http_request_t *r, ngx_uint_t status,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_chain_t  *payload;

    payload = ngx_http_sparkjob_payload(r, msg);

    return payload ? ngx_http_sparkjob_reply(r, status, payload)
                   : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


ngx_int_t
ngx_http_sparkjob_reply_text(ngx_http_request_t *r, ngx_uint_t status,
    const char *label, ngx_str_t *text)
{
    size_t                         len;
    ngx_buf_t                     *b;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    ngx_http_sparkjob_clean_utf8(text);

    if (slcf->livy) {
        return ngx_http_sparkjob_livy_reply_text(r, status, label, text);
    }

    len = sizeof("{\"status\":\"\",\"result\":\"\"}") - 1 + ngx_strlen(label)
          + ngx_http_sparkjob_json_len(text);

    b = ngx_create_temp_buf(r->pool, len);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_sprintf(b->last, "{\"status\":\"%s\",\"result\":\"", label);
    b->last = ngx_http_sparkjob_json(b->last, text);
    b->last = ngx_cpymem(b->last, "\"}", 2);

    return ngx_http_sparkjob_reply_buf(r, status, b);
}


ngx_int_t
ngx_http_sparkjob_reply_success(ngx_http_request_t *r, ngx_uint_t status,
    const char *text)
{
    size_t      len;
    ngx_buf_t  *b;

    len = sizeof("{\"status\":\"SUCCESS\",\"result\":\"\"}") - 1
          + (text ? ngx_strlen(text) : 0);

    b = ngx_create_temp_buf(r->pool, len);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (text) {
        b->last = ngx_sprintf(b->last,
                              "{\"status\":\"SUCCESS\",\"result\":\"%s\"}",
                              text);

    } else {
        b->last = ngx_sprintf(b->last, "{\"status\":\"SUCCESS\"}");
    }

    return ngx_http_sparkjob_reply_buf(r, status, b);
}


ngx_int_t
ngx_http_sparkjob_reply_error(ngx_http_request_t *r, ngx_uint_t status,
    const char *fmt, ...)
{
    u_char     *p, *last;
    va_list     args;
    ngx_str_t   text;

    p = ngx_pnalloc(r->pool, NGX_HTTP_SPARKJOB_TEXT_MAX);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    va_start(args, fmt);
    last = ngx_vslprintf(p, p + NGX_HTTP_SPARKJOB_TEXT_MAX, fmt, args);
    va_end(args);

    text.data = p;
    text.len = last - p;

    return ngx_http_sparkjob_reply_text(r, status, "ERROR", &text);
}


ngx_int_t
ngx_http_sparkjob_reply_problem(ngx_http_request_t *r)
{
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    return ngx_http_sparkjob_reply_text(r, ctx->status ? ctx->status
                                                       : NGX_HTTP_BAD_REQUEST,
                                        ctx->bare ? "string" : "ERROR",
                                        &ctx->problem);
}


ngx_int_t
ngx_http_sparkjob_reply_unavailable(ngx_http_request_t *r)
{
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    if (ngx_http_sparkjob_reply_retry(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_reply_error(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                  "The launcher at %V does not answer",
                                  &ctx->zone->addr->name);
}


/* what is refused now may be taken in a moment */

ngx_int_t
ngx_http_sparkjob_reply_retry(ngx_http_request_t *r)
{
    static ngx_str_t  after = ngx_string("1");

    return ngx_http_sparkjob_reply_header(r, "Retry-After", &after);
}


ngx_int_t
ngx_http_sparkjob_reply_expired(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_reply_error(r, NGX_HTTP_INTERNAL_SERVER_ERROR,
                           "Request timed out. Try using the /jobs/<jobID>, "
                           "/jobs APIs to get status/results");
}


/* what ngx_http_sparkjob_zone_list() returns but for an answer */

ngx_int_t
ngx_http_sparkjob_reply_zone(ngx_http_request_t *r, ngx_int_t rc)
{
    return rc == NGX_AGAIN ? ngx_http_sparkjob_wait_zone(r)
                           : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


ngx_int_t
ngx_http_sparkjob_reply_refusal(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg, ngx_http_sparkjob_refusal_t *refusals)
{
    ngx_int_t                     code;
    ngx_str_t                     error, name;
    ngx_uint_t                    i;
    ngx_http_sparkjob_ctx_t      *ctx;
    ngx_http_sparkjob_refusal_t  *refusal;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    ngx_http_sparkjob_meta_string(msg->meta, "error", &error);
    ngx_http_sparkjob_meta_string(msg->meta, "name", &name);

    code = ngx_http_sparkjob_error_code(&error);

    if (code == SJP_NERRORS) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "sparkjob launcher refused with unknown code \"%V\"",
                      &error);
        name = error;
    }

    for (i = 0; i < sizeof(ngx_http_sparkjob_unmade) / sizeof(sjp_error_e); i++)
    {
        if (ngx_http_sparkjob_unmade[i] == (sjp_error_e) code) {
            ctx->made = 0;
        }
    }

    refusal = refusals;

    while (refusal && refusal->code != code && refusal->status) {
        refusal++;
    }

    if (refusal == NULL || refusal->status == 0) {
        refusal = ngx_http_sparkjob_refusals;

        while (refusal->code != code && refusal->code != SJP_NERRORS) {
            refusal++;
        }
    }

    if (refusal->status == NGX_HTTP_SERVICE_UNAVAILABLE
        && ngx_http_sparkjob_reply_retry(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (refusal->text == NULL && (msg->payload.len || msg->fd != -1)) {
        return ngx_http_sparkjob_refusal_payload(r, refusal, msg);
    }

    if (code == SJP_ERR_NO_SLOTS || code == SJP_ERR_QUEUE_FULL) {
        return ngx_http_sparkjob_no_slots(r, refusal, &name);
    }

    if (code == SJP_ERR_CONTEXT_EXISTS || code == SJP_ERR_NO_SUCH_CONTEXT) {
        ngx_http_sparkjob_own_strip(ctx, &name);

    } else if (code == SJP_ERR_KEY_REUSED) {
        name = ctx->key;

    } else if (code == SJP_ERR_SESSION_ENDED) {
        ngx_http_sparkjob_livy_ended(&name);
    }

    error.data = ngx_pnalloc(r->pool, NGX_HTTP_SPARKJOB_TEXT_MAX);
    if (error.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    error.len = ngx_snprintf(error.data, NGX_HTTP_SPARKJOB_TEXT_MAX,
                             refusal->text ? refusal->text : "%V", &name)
                - error.data;

    return ngx_http_sparkjob_reply_text(r, refusal->status, refusal->label,
                                        &error);
}


static ngx_int_t
ngx_http_sparkjob_refusal_payload(ngx_http_request_t *r,
    ngx_http_sparkjob_refusal_t *refusal, ngx_http_sparkjob_message_t *msg)
{
    ngx_buf_t                     *b;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    if (slcf->livy) {
        return ngx_http_sparkjob_livy_reply_error(r, refusal->status, msg);
    }

    b = ngx_create_temp_buf(r->pool, sizeof("{\"status\":\"\",\"result\":")
                                     + ngx_strlen(refusal->label));
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_sprintf(b->last, "{\"status\":\"%s\",\"result\":",
                          refusal->label);

    return ngx_http_sparkjob_reply_around(r, refusal->status, b,
                                          ngx_http_sparkjob_payload(r, msg));
}


/*
 * "head" begins an object whose last member's value is the payload, which is
 * NULL where there was no memory for it
 */

ngx_int_t
ngx_http_sparkjob_reply_around(ngx_http_request_t *r, ngx_uint_t status,
    ngx_buf_t *head, ngx_chain_t *payload)
{
    ngx_buf_t    *b;
    ngx_chain_t  *first, *last, *cl;

    b = ngx_create_temp_buf(r->pool, 1);
    first = ngx_alloc_chain_link(r->pool);
    last = ngx_alloc_chain_link(r->pool);

    if (payload == NULL || b == NULL || first == NULL || last == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    *b->last++ = '}';

    first->buf = head;
    first->next = payload;

    for (cl = payload; cl->next; cl = cl->next) { /* void */ }

    cl->next = last;

    last->buf = b;
    last->next = NULL;

    return ngx_http_sparkjob_reply(r, status, first);
}


/* the name is "<slots> <context>" */

static ngx_int_t
ngx_http_sparkjob_no_slots(ngx_http_request_t *r,
    ngx_http_sparkjob_refusal_t *refusal, ngx_str_t *name)
{
    u_char     *p;
    ngx_str_t   slots, context, text;

    p = ngx_strlchr(name->data, name->data + name->len, ' ');

    slots.data = name->data;
    slots.len = p ? (size_t) (p - name->data) : name->len;

    context.data = p ? p + 1 : name->data;
    context.len = p ? name->len - slots.len - 1 : 0;

    ngx_http_sparkjob_own_strip(ngx_http_get_module_ctx(r,
                                                      ngx_http_sparkjob_module),
                                &context);

    text.data = ngx_pnalloc(r->pool, NGX_HTTP_SPARKJOB_TEXT_MAX);
    if (text.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text.len = ngx_snprintf(text.data, NGX_HTTP_SPARKJOB_TEXT_MAX,
                            refusal->text, &slots, &context)
               - text.data;

    return ngx_http_sparkjob_reply_text(r, refusal->status, refusal->label,
                                        &text);
}


static ngx_int_t
ngx_http_sparkjob_error_code(ngx_str_t *code)
{
    ngx_int_t  n;

    for (n = 0; n < SJP_NERRORS; n++) {

        if (ngx_http_sparkjob_error_names[n].len == code->len
            && ngx_strncmp(ngx_http_sparkjob_error_names[n].data, code->data,
                           code->len)
               == 0)
        {
            break;
        }
    }

    return n;
}


/* the name of a header must be constant */

ngx_int_t
ngx_http_sparkjob_reply_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;

    return NGX_OK;
}


/*
 * Relative to the host, so that it also holds behind a proxy; that is why it
 * is not put into headers_out.location, which nginx makes absolute.
 */

ngx_int_t
ngx_http_sparkjob_reply_location(ngx_http_request_t *r, const char *path,
    ngx_str_t *name)
{
    ngx_str_t  value;

    if (ngx_http_sparkjob_reply_path(r, path, name, "", &value) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_sparkjob_reply_header(r, "Location", &value);
}


/* a path of ours as clients ask for it */

ngx_int_t
ngx_http_sparkjob_reply_path(ngx_http_request_t *r, const char *path,
    ngx_str_t *name, const char *end, ngx_str_t *value)
{
    u_char                        *p;
    size_t                         len;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    len = slcf->prefix.len
          + 2 * ngx_escape_uri(NULL, slcf->prefix.data, slcf->prefix.len,
                               NGX_ESCAPE_URI)
          + ngx_strlen(path) + name->len
          + 2 * ngx_escape_uri(NULL, name->data, name->len,
                               NGX_ESCAPE_URI_COMPONENT)
          + ngx_strlen(end);

    value->data = ngx_pnalloc(r->pool, len);
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    p = (u_char *) ngx_escape_uri(value->data, slcf->prefix.data,
                                  slcf->prefix.len, NGX_ESCAPE_URI);
    p = ngx_cpymem(p, path, ngx_strlen(path));
    p = (u_char *) ngx_escape_uri(p, name->data, name->len,
                                  NGX_ESCAPE_URI_COMPONENT);

    p = ngx_cpymem(p, end, ngx_strlen(end));

    value->len = p - value->data;

    return NGX_OK;
}


/*
 * The payload of a message as one link, to be sent on.  Without any, a "null"
 * keeps what is built around it well-formed.
 */

ngx_chain_t *
ngx_http_sparkjob_payload(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_str_t     s;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (msg->fd != -1) {
        return ngx_http_sparkjob_file_payload(r, msg);
    }

    s = msg->payload;

    if (s.len == 0) {
        ngx_str_set(&s, "null");
    }

    b = ngx_create_temp_buf(r->pool, s.len);
    cl = ngx_alloc_chain_link(r->pool);

    if (b == NULL || cl == NULL) {
        return NULL;
    }

    b->last = ngx_cpymem(b->last, s.data, s.len);

    cl->buf = b;
    cl->next = NULL;

    return cl;
}


static ngx_chain_t *
ngx_http_sparkjob_file_payload(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_buf_t                *b;
    ngx_chain_t              *cl;
    ngx_file_info_t           fi;
    ngx_pool_cleanup_t       *cln;
    ngx_pool_cleanup_file_t  *clnf;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_pool_cleanup_file_t));
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_pool_cleanup_file;
    clnf = cln->data;

    clnf->fd = msg->fd;
    clnf->name = (u_char *) "sparkjob payload";
    clnf->log = r->pool->log;

    msg->fd = -1;

    if (ngx_fd_info(clnf->fd, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, ngx_errno,
                      "sparkjob launcher sent a descriptor that is no file");
        return NULL;
    }

    if (ngx_file_size(&fi) == 0) {
        return ngx_http_sparkjob_payload(r, msg);
    }

    b = ngx_calloc_buf(r->pool);
    cl = ngx_alloc_chain_link(r->pool);

    if (b == NULL || cl == NULL) {
        return NULL;
    }

    b->file = ngx_pcalloc(r->pool, sizeof(ngx_file_t));
    if (b->file == NULL) {
        return NULL;
    }

    b->file->fd = clnf->fd;
    b->file->log = r->connection->log;
    ngx_str_set(&b->file->name, "sparkjob payload");

    b->in_file = 1;
    b->file_last = ngx_file_size(&fi);

    cl->buf = b;
    cl->next = NULL;

    return cl;
}


/* bytes that came from a client, or from a format that cut them, may be any */

void
ngx_http_sparkjob_clean_utf8(ngx_str_t *s)
{
    size_t   n;
    u_char  *p, *last;

    p = s->data;
    last = p + s->len;

    while (p < last) {
        n = ngx_http_sparkjob_utf8_len(p, last);

        if (n == 0) {
            *p = '?';
            n = 1;
        }

        p += n;
    }
}


size_t
ngx_http_sparkjob_json_len(ngx_str_t *s)
{
    return s->len + ngx_escape_json(NULL, s->data, s->len);
}


u_char *
ngx_http_sparkjob_json(u_char *p, ngx_str_t *s)
{
    return (u_char *) ngx_escape_json(p, s->data, s->len);
}


u_char *
ngx_http_sparkjob_time(u_char *p, uint64_t ms)
{
    ngx_tm_t  tm;

    ngx_gmtime((time_t) (ms / 1000), &tm);

    return ngx_sprintf(p, "%4d-%02d-%02dT%02d:%02d:%02d.%03uLZ",
                       tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                       tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec, ms % 1000);
}
