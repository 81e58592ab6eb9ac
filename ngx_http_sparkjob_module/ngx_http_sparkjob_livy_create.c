
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * POST /sessions: a context by the words of Livy.  It is answered as soon as
 * the context has its row; who waits for its driver asks for its state.
 */


#include <ngx_http_sparkjob_livy.h>
#include <sparkjob_body.h>


/* of "heartbeatTimeoutInSecond" */
#define NGX_HTTP_SPARKJOB_LIVY_HEARTBEAT  "heartbeatTimeoutInSecond"


typedef struct {
    ngx_str_t    name;              /* as asked for, may be empty */
    ngx_str_t    stored;
    ngx_str_t    kind;
    ngx_str_t    proxy_user;
    json_int_t   heartbeat;
    json_t      *settings;
    json_t      *echo;
} ngx_http_sparkjob_livy_create_t;


static ngx_int_t ngx_http_sparkjob_livy_create_read(
    ngx_http_sparkjob_ctx_t *ctx, json_t *body,
    ngx_http_sparkjob_livy_create_t *create);
static ngx_int_t ngx_http_sparkjob_livy_create_name(
    ngx_http_sparkjob_ctx_t *ctx, json_t *body,
    ngx_http_sparkjob_livy_create_t *create);
static ngx_int_t ngx_http_sparkjob_livy_create_user(
    ngx_http_sparkjob_ctx_t *ctx, json_t *body,
    ngx_http_sparkjob_livy_create_t *create);
static ngx_int_t ngx_http_sparkjob_livy_create_ask(ngx_http_request_t *r,
    ngx_http_sparkjob_livy_create_t *create);
static ngx_int_t ngx_http_sparkjob_livy_created(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);


/* what Livy calls them, and what they are for Spark and for contexts here */

static ngx_http_sparkjob_livy_member_t  ngx_http_sparkjob_livy_create_members[]
    =
{
    { "conf", NGX_HTTP_SPARKJOB_LIVY_CONF, NULL },
    { "ttl", NGX_HTTP_SPARKJOB_LIVY_TIME, "context-ttl" },
    { "idleTimeout", NGX_HTTP_SPARKJOB_LIVY_TIME, "context-idle-timeout" },
    { "driverMemory", NGX_HTTP_SPARKJOB_LIVY_TEXT, "spark.driver.memory" },
    { "driverCores", NGX_HTTP_SPARKJOB_LIVY_NUMBER, "spark.driver.cores" },
    { "executorMemory", NGX_HTTP_SPARKJOB_LIVY_TEXT, "spark.executor.memory" },
    { "executorCores", NGX_HTTP_SPARKJOB_LIVY_NUMBER, "spark.executor.cores" },
    { "numExecutors", NGX_HTTP_SPARKJOB_LIVY_NUMBER,
      "spark.executor.instances" },
    { "queue", NGX_HTTP_SPARKJOB_LIVY_TEXT, "spark.yarn.queue" },
    { "jars", NGX_HTTP_SPARKJOB_LIVY_LIST, "dependent-jar-uris" },
    { "pyFiles", NGX_HTTP_SPARKJOB_LIVY_LIST, "spark.submit.pyFiles" },
    { "files", NGX_HTTP_SPARKJOB_LIVY_LIST, "spark.files" },
    { "archives", NGX_HTTP_SPARKJOB_LIVY_LIST, "spark.archives" },
    { NULL, 0, NULL }
};


static struct {
    ngx_str_t   name;
    ngx_str_t   kind;
} ngx_http_sparkjob_livy_kinds[] = {
    { ngx_string("spark"), ngx_string("spark") },
    { ngx_string("scala"), ngx_string("spark") },
    { ngx_string("pyspark"), ngx_string("pyspark") },
    { ngx_string("python"), ngx_string("pyspark") },
    { ngx_string("sparkr"), ngx_string("sparkr") },
    { ngx_string("r"), ngx_string("sparkr") },
    { ngx_string("sql"), ngx_string("sql") },
    { ngx_string("shared"), ngx_string("shared") },
    { ngx_null_string, ngx_null_string }
};


static ngx_http_sparkjob_refusal_t  ngx_http_sparkjob_livy_create_refusals[] = {
    { SJP_ERR_CONTEXT_EXISTS, 400, "",
      "Rejected, Reason: Duplicate session name: %V" },
    { SJP_ERR_TOO_MANY_CONTEXTS, 400, "",
      "Rejected, too many sessions are being created!" },
    { SJP_ERR_BAD_REQUEST, 400, "", "Rejected, Reason: %V" },
    { 0, 0, NULL, NULL }
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_livy_create_call = {
    SJP_CONTEXT_CREATE,
    ngx_http_sparkjob_livy_created,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_unavailable,
    ngx_http_sparkjob_livy_create_refusals,
    1
};


ngx_int_t
ngx_http_sparkjob_livy_session_post(ngx_http_request_t *r)
{
    json_t                           *body;
    ngx_int_t                         rc;
    ngx_http_sparkjob_ctx_t          *ctx;
    ngx_http_sparkjob_livy_create_t   create;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    ngx_memzero(&create, sizeof(ngx_http_sparkjob_livy_create_t));

    create.settings = json_object();
    create.echo = json_object();

    rc = ngx_http_sparkjob_livy_body(r, &body);

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_livy_create_read(ctx, body, &create);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_id_make(r, "POST /sessions");
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_livy_create_ask(r, &create);

    } else if (rc == NGX_DECLINED) {
        rc = ngx_http_sparkjob_reply_problem(r);
    }

    json_decref(create.settings);
    json_decref(create.echo);

    return rc;
}


static ngx_int_t
ngx_http_sparkjob_livy_create_read(ngx_http_sparkjob_ctx_t *ctx, json_t *body,
    ngx_http_sparkjob_livy_create_t *create)
{
    ngx_int_t  rc;
    ngx_str_t  kind;

    rc = ngx_http_sparkjob_livy_string(ctx, body, "kind", &kind);

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_livy_kind(ctx, &kind, &create->kind);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_livy_create_name(ctx, body, create);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_livy_create_user(ctx, body, create);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_livy_members(ctx,
                                   ngx_http_sparkjob_livy_create_members, body,
                                   create->settings, create->echo);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_livy_integer(ctx, body,
                                            NGX_HTTP_SPARKJOB_LIVY_HEARTBEAT,
                                            &create->heartbeat);
    }

    return rc;
}


/* an empty one stays empty: the launcher, or the session, knows what it is */

ngx_int_t
ngx_http_sparkjob_livy_kind(ngx_http_sparkjob_ctx_t *ctx, ngx_str_t *name,
    ngx_str_t *kind)
{
    ngx_str_t   *other;
    ngx_uint_t   i;

    ngx_str_null(kind);

    if (name->len == 0) {
        return NGX_OK;
    }

    for (i = 0; ngx_http_sparkjob_livy_kinds[i].name.len; i++) {
        other = &ngx_http_sparkjob_livy_kinds[i].name;

        if (other->len == name->len
            && ngx_strncasecmp(other->data, name->data, name->len) == 0)
        {
            *kind = ngx_http_sparkjob_livy_kinds[i].kind;
            return NGX_OK;
        }
    }

    return ngx_http_sparkjob_problem(ctx, "Rejected, Reason: Invalid kind: %V",
                                     name);
}


/* one that begins with "~" would look like another user's */

static ngx_int_t
ngx_http_sparkjob_livy_create_name(ngx_http_sparkjob_ctx_t *ctx, json_t *body,
    ngx_http_sparkjob_livy_create_t *create)
{
    ngx_int_t         rc;
    ngx_str_t        *name;
    const char       *wrong;
    static ngx_str_t  what = ngx_string("name");

    name = &create->name;

    rc = ngx_http_sparkjob_livy_string(ctx, body, "name", name);

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_check_text(ctx, &what, name, SJP_NAME_MAX);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    wrong = NULL;

    if (name->len) {
        wrong = name->data[0] == '~' ? ""
                : sjp_body_name((char *) name->data, name->len);
    }

    if (wrong) {
        return ngx_http_sparkjob_problem(ctx, "Rejected, Reason: Invalid "
                                         "session name: %V%s", name, wrong);
    }

    return ngx_http_sparkjob_own_name(ctx, name, &create->stored);
}


/* whom Spark acts for: "doAs" wins over what the body says */

static ngx_int_t
ngx_http_sparkjob_livy_create_user(ngx_http_sparkjob_ctx_t *ctx, json_t *body,
    ngx_http_sparkjob_livy_create_t *create)
{
    ngx_int_t                      rc;
    ngx_str_t                     *user;
    ngx_http_sparkjob_loc_conf_t  *slcf;
    static ngx_str_t               what = ngx_string("proxyUser");

    slcf = ngx_http_get_module_loc_conf(ctx->request, ngx_http_sparkjob_module);

    user = &create->proxy_user;

    rc = ngx_http_sparkjob_livy_string(ctx, body, "proxyUser", user);

    if (ctx->as.len) {
        *user = ctx->as;
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sparkjob_check_text(ctx, &what, user, SJP_NAME_MAX);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (user->len && !ngx_http_sparkjob_livy_may_be(ctx, user)) {
        return ngx_http_sparkjob_livy_not_him(ctx, user);
    }

    if (user->len == 0 && slcf->proxy_user) {
        *user = ctx->user;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sparkjob_livy_create_ask(ngx_http_request_t *r,
    ngx_http_sparkjob_livy_create_t *create)
{
    json_t                        *meta;
    ngx_str_t                      none;
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    ngx_str_null(&none);

    if (ngx_http_sparkjob_body_set(r, &none) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->about = create->stored;

    meta = json_pack("{s:s%, s:s%, s:O, s:O, s:I, s:b, s:b, s:s%}",
                     "id", ngx_http_sparkjob_text(&ctx->id),
                     "name", ngx_http_sparkjob_text(&create->stored),
                     "settings", create->settings,
                     "livy", create->echo,
                     "heartbeat", create->heartbeat,
                     "early", 1,
                     "again", ctx->key.len != 0,
                     "user", ngx_http_sparkjob_text(&ctx->user));

    meta = ngx_http_sparkjob_meta_with(meta, "kind", &create->kind);
    meta = ngx_http_sparkjob_meta_with(meta, "own", &ctx->own);
    meta = ngx_http_sparkjob_meta_with(meta, "proxyUser", &create->proxy_user);

    return ngx_http_sparkjob_ask(r, &ngx_http_sparkjob_livy_create_call, meta,
                                 1, slcf->context_timeout);
}


static ngx_int_t
ngx_http_sparkjob_livy_created(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    u_char                       number[NGX_INT64_LEN];
    ngx_str_t                    id;
    ngx_http_sparkjob_record_t  *rec;

    rec = ngx_http_sparkjob_record_told(r, NGX_HTTP_SPARKJOB_CONTEXT, msg);
    if (rec == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    id.data = number;
    id.len = ngx_sprintf(number, "%L", rec->of.session.number) - number;

    if (ngx_http_sparkjob_reply_location(r, "/sessions/", &id) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_livy_session_tell(r, NGX_HTTP_CREATED, rec, NULL);
}
