
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Members of a request of Livy's dialect, by a table: each becomes a setting of
 * the context, and a member of what is told of the session later.
 */


#include <ngx_http_sparkjob_livy.h>


/* a list, as the setting has it */
#define NGX_HTTP_SPARKJOB_LIVY_LIST_MAX  (16 * 1024)

/* of an element of one, with its number */
#define NGX_HTTP_SPARKJOB_LIVY_NAME      64

/* days of a time, as for the driver: so its seconds are a number of 32 bits */
#define NGX_HTTP_SPARKJOB_LIVY_DAYS      10000
#define NGX_HTTP_SPARKJOB_LIVY_DAY       (24 * 60 * 60 * 1000)


typedef struct {
    ngx_http_sparkjob_ctx_t            *ctx;
    ngx_http_sparkjob_livy_member_t    *member;
    json_t                             *body;
    json_t                             *value;
    json_t                             *settings;
    json_t                             *echo;
} ngx_http_sparkjob_livy_take_t;


typedef ngx_int_t (*ngx_http_sparkjob_livy_take_pt)(
    ngx_http_sparkjob_livy_take_t *take);


static ngx_int_t ngx_http_sparkjob_livy_take_text(
    ngx_http_sparkjob_livy_take_t *take);
static ngx_int_t ngx_http_sparkjob_livy_take_number(
    ngx_http_sparkjob_livy_take_t *take);
static ngx_int_t ngx_http_sparkjob_livy_take_time(
    ngx_http_sparkjob_livy_take_t *take);
static ngx_int_t ngx_http_sparkjob_livy_seconds(ngx_str_t *time,
    json_int_t *seconds);
static ngx_int_t ngx_http_sparkjob_livy_take_list(
    ngx_http_sparkjob_livy_take_t *take);
static ngx_int_t ngx_http_sparkjob_livy_take_element(
    ngx_http_sparkjob_livy_take_t *take, size_t i, json_t *element);
static ngx_int_t ngx_http_sparkjob_livy_take_conf(
    ngx_http_sparkjob_livy_take_t *take);
static ngx_int_t ngx_http_sparkjob_livy_take_setting(
    ngx_http_sparkjob_livy_take_t *take, const char *key, json_t *value,
    ngx_str_t *text);
static ngx_uint_t ngx_http_sparkjob_livy_is_secret(const char *key);
static ngx_int_t ngx_http_sparkjob_livy_set(
    ngx_http_sparkjob_livy_take_t *take, const char *what,
    const char *setting, ngx_str_t *value);
static ngx_int_t ngx_http_sparkjob_livy_tell(
    ngx_http_sparkjob_livy_take_t *take, json_t *value);


static ngx_http_sparkjob_livy_take_pt  ngx_http_sparkjob_livy_takes[] = {
    ngx_http_sparkjob_livy_take_text,
    ngx_http_sparkjob_livy_take_number,
    ngx_http_sparkjob_livy_take_time,
    ngx_http_sparkjob_livy_take_list,
    ngx_http_sparkjob_livy_take_conf
};


/* in milliseconds; without a unit it is one of them */

static struct {
    ngx_str_t    name;
    json_int_t   ms;
} ngx_http_sparkjob_livy_units[] = {
    { ngx_string(""), 1 },
    { ngx_string("ms"), 1 },
    { ngx_string("s"), 1000 },
    { ngx_string("m"), 60 * 1000 },
    { ngx_string("min"), 60 * 1000 },
    { ngx_string("h"), 60 * 60 * 1000 },
    { ngx_string("d"), NGX_HTTP_SPARKJOB_LIVY_DAY },
    { ngx_null_string, 0 }
};


/* what Spark itself hides of a configuration that it shows */

static char  *ngx_http_sparkjob_livy_secrets[] = {
    "secret",
    "password",
    "token",
    "access.key",
    "accesskey",
    NULL
};


/* NGX_DECLINED: ctx->problem names the member that is wrong */

ngx_int_t
ngx_http_sparkjob_livy_members(ngx_http_sparkjob_ctx_t *ctx,
    ngx_http_sparkjob_livy_member_t *members, json_t *body, json_t *settings,
    json_t *echo)
{
    ngx_int_t                      rc;
    ngx_http_sparkjob_livy_take_t  take;

    take.ctx = ctx;
    take.body = body;
    take.settings = settings;
    take.echo = echo;

    for (take.member = members; take.member->name; take.member++) {
        take.value = json_object_get(body, take.member->name);

        if (take.value == NULL || json_is_null(take.value)) {
            continue;
        }

        rc = ngx_http_sparkjob_livy_takes[take.member->type](&take);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sparkjob_livy_take_text(ngx_http_sparkjob_livy_take_t *take)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    rc = ngx_http_sparkjob_livy_string(take->ctx, take->body,
                                       take->member->name, &text);

    if (rc == NGX_OK && text.len) {
        rc = ngx_http_sparkjob_livy_set(take, take->member->name,
                                        take->member->setting, &text);
    }

    return rc == NGX_OK ? ngx_http_sparkjob_livy_tell(take,
                              json_stringn(ngx_http_sparkjob_text(&text)))
                        : rc;
}


static ngx_int_t
ngx_http_sparkjob_livy_take_number(ngx_http_sparkjob_livy_take_t *take)
{
    u_char      digits[NGX_INT64_LEN];
    ngx_int_t   rc;
    ngx_str_t   text;
    json_int_t  n;

    n = 0;

    rc = ngx_http_sparkjob_livy_integer(take->ctx, take->body,
                                        take->member->name, &n);

    if (rc != NGX_OK) {
        return rc;
    }

    text.data = digits;
    text.len = ngx_sprintf(digits, "%L", (int64_t) n) - digits;

    if (n && take->member->setting) {
        rc = ngx_http_sparkjob_livy_set(take, take->member->name,
                                        take->member->setting, &text);
    }

    return rc == NGX_OK ? ngx_http_sparkjob_livy_tell(take, json_integer(n))
                        : rc;
}


static ngx_int_t
ngx_http_sparkjob_livy_take_time(ngx_http_sparkjob_livy_take_t *take)
{
    u_char      digits[NGX_INT64_LEN];
    ngx_int_t   rc;
    ngx_str_t   time, text;
    json_int_t  seconds;

    rc = ngx_http_sparkjob_livy_scalar(take->ctx, take->member->name,
                                       "a time such as \"10m\"", take->value,
                                       &time);

    if (rc != NGX_OK || time.len == 0) {
        return rc;
    }

    rc = ngx_http_sparkjob_livy_seconds(&time, &seconds);

    if (rc == NGX_ABORT) {
        return ngx_http_sparkjob_problem(take->ctx, "Rejected, Reason: '%s' is "
                                         "too long: %V, at most %dd are "
                                         "allowed", take->member->name, &time,
                                         NGX_HTTP_SPARKJOB_LIVY_DAYS);
    }

    if (rc != NGX_OK) {
        return ngx_http_sparkjob_problem(take->ctx, "Rejected, Reason: Invalid "
                                         "time string: %V of '%s'", &time,
                                         take->member->name);
    }

    text.data = digits;
    text.len = ngx_sprintf(digits, "%L", (int64_t) seconds) - digits;

    rc = ngx_http_sparkjob_livy_set(take, take->member->name,
                                    take->member->setting, &text);

    return rc == NGX_OK ? ngx_http_sparkjob_livy_tell(take,
                              json_stringn(ngx_http_sparkjob_text(&time)))
                        : rc;
}


/* rounded up: none at all is no time limit; NGX_ABORT: longer than any may be */

static ngx_int_t
ngx_http_sparkjob_livy_seconds(ngx_str_t *time, json_int_t *seconds)
{
    size_t       digits;
    ngx_int_t    n;
    ngx_str_t   *name;
    json_int_t   ms;
    ngx_uint_t   i;

    for (digits = 0; digits < time->len; digits++) {

        if (time->data[digits] < '0' || time->data[digits] > '9') {
            break;
        }
    }

    for (i = 0; ngx_http_sparkjob_livy_units[i].ms; i++) {
        name = &ngx_http_sparkjob_livy_units[i].name;

        if (name->len == time->len - digits
            && ngx_strncasecmp(name->data, time->data + digits, name->len) == 0)
        {
            break;
        }
    }

    ms = ngx_http_sparkjob_livy_units[i].ms;

    if (digits == 0 || ms == 0) {
        return NGX_DECLINED;
    }

    n = ngx_atoi(time->data, digits);

    if (n == NGX_ERROR
        || n > NGX_HTTP_SPARKJOB_LIVY_DAYS * (NGX_HTTP_SPARKJOB_LIVY_DAY / ms))
    {
        return NGX_ABORT;
    }

    *seconds = (n * ms + 999) / 1000;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sparkjob_livy_take_list(ngx_http_sparkjob_livy_take_t *take)
{
    u_char     *p;
    size_t      i;
    json_t     *element;
    ngx_int_t   rc;
    ngx_str_t   list;

    list.len = 0;

    list.data = ngx_pnalloc(take->ctx->request->pool,
                            NGX_HTTP_SPARKJOB_LIVY_LIST_MAX);
    if (list.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = list.data;

    if (!json_is_array(take->value)) {
        return ngx_http_sparkjob_livy_wrong(take->ctx, take->member->name,
                                            "an array of strings", take->value);
    }

    json_array_foreach(take->value, i, element) {

        rc = ngx_http_sparkjob_livy_take_element(take, i, element);

        if (rc != NGX_OK) {
            return rc;
        }

        if ((p - list.data) + json_string_length(element) + 1
            > NGX_HTTP_SPARKJOB_LIVY_LIST_MAX)
        {
            return ngx_http_sparkjob_problem(take->ctx, "Rejected, Reason: "
                                             "'%s' is too long: at most %d "
                                             "bytes are allowed",
                                             take->member->name,
                                             NGX_HTTP_SPARKJOB_LIVY_LIST_MAX);
        }

        if (i) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, json_string_value(element),
                       json_string_length(element));
    }

    list.len = p - list.data;

    rc = list.len ? ngx_http_sparkjob_livy_set(take, take->member->name,
                                               take->member->setting, &list)
                  : NGX_OK;

    return rc == NGX_OK ? ngx_http_sparkjob_livy_tell(take,
                                                      json_incref(take->value))
                        : rc;
}


/* Spark takes lists apart at commas */

static ngx_int_t
ngx_http_sparkjob_livy_take_element(ngx_http_sparkjob_livy_take_t *take,
    size_t i, json_t *element)
{
    u_char  name[NGX_HTTP_SPARKJOB_LIVY_NAME];

    if (json_is_string(element) && json_string_length(element)
        && strchr(json_string_value(element), ',') == NULL)
    {
        return NGX_OK;
    }

    ngx_snprintf(name, sizeof(name), "%s[%uz]%Z", take->member->name, i);

    return ngx_http_sparkjob_livy_wrong(take->ctx, (char *) name,
                                        "a string that is not empty and has "
                                        "no comma", element);
}


static ngx_int_t
ngx_http_sparkjob_livy_take_conf(ngx_http_sparkjob_livy_take_t *take)
{
    json_t      *shown, *value;
    ngx_int_t    rc;
    ngx_str_t    text;
    const char  *key;

    if (!json_is_object(take->value)) {
        return ngx_http_sparkjob_livy_wrong(take->ctx, take->member->name,
                                            "an object", take->value);
    }

    shown = json_object();
    rc = NGX_OK;

    json_object_foreach(take->value, key, value) {

        rc = ngx_http_sparkjob_livy_take_setting(take, key, value, &text);

        if (rc != NGX_OK) {
            break;
        }

        (void) json_object_set_new(shown, key,
                                   ngx_http_sparkjob_livy_is_secret(key)
                                   ? json_string("*********(redacted)")
                                   : json_stringn(
                                           ngx_http_sparkjob_text(&text)));
    }

    if (rc != NGX_OK) {
        json_decref(shown);
        return rc;
    }

    return ngx_http_sparkjob_livy_tell(take, shown);
}


static ngx_int_t
ngx_http_sparkjob_livy_take_setting(ngx_http_sparkjob_livy_take_t *take,
    const char *key, json_t *value, ngx_str_t *text)
{
    ngx_int_t         rc;
    ngx_str_t         name;
    static ngx_str_t  what = ngx_string("name of a setting in 'conf'");

    name.data = (u_char *) key;
    name.len = ngx_strlen(key);

    rc = ngx_http_sparkjob_check_text(take->ctx, &what, &name, SJP_NAME_MAX);

    if (rc != NGX_OK) {
        return rc;
    }

    /* whom the context acts for is said by "proxyUser" */

    if (ngx_strcmp(key, "spark.proxy.user") == 0) {
        return ngx_http_sparkjob_problem(take->ctx, "Rejected, Reason: "
                                         "Blacklisted configuration values "
                                         "in session config: %s", key);
    }

    rc = ngx_http_sparkjob_livy_scalar(take->ctx, key,
                                       "a string, a number or a boolean in "
                                       "'conf'", value, text);

    return rc == NGX_OK && text->len && *key
           ? ngx_http_sparkjob_livy_set(take, key, key, text) : rc;
}


static ngx_uint_t
ngx_http_sparkjob_livy_is_secret(const char *key)
{
    ngx_uint_t  i;

    for (i = 0; ngx_http_sparkjob_livy_secrets[i]; i++) {

        if (ngx_strcasestrn((u_char *) key,
                            ngx_http_sparkjob_livy_secrets[i],
                            ngx_strlen(ngx_http_sparkjob_livy_secrets[i]) - 1))
        {
            return 1;
        }
    }

    return 0;
}


/* "what" is how the client calls it */

static ngx_int_t
ngx_http_sparkjob_livy_set(ngx_http_sparkjob_livy_take_t *take,
    const char *what, const char *setting, ngx_str_t *value)
{
    ngx_int_t  rc;
    ngx_str_t  name;

    name.data = (u_char *) what;
    name.len = ngx_strlen(what);

    rc = ngx_http_sparkjob_check_text(take->ctx, &name, value,
                                      NGX_MAX_SIZE_T_VALUE);

    if (rc != NGX_OK) {
        return rc;
    }

    if (json_object_set_new(take->settings, setting,
                            json_stringn(ngx_http_sparkjob_text(value)))
        == -1)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_OK;
}


/* takes over the value, which may be NULL */

static ngx_int_t
ngx_http_sparkjob_livy_tell(ngx_http_sparkjob_livy_take_t *take,
    json_t *value)
{
    if (json_object_set_new(take->echo, take->member->name, value) == -1) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_OK;
}
