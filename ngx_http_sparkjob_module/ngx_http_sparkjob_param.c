
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Query parameters: taken apart and decoded once, read by tables.
 */


#include <ngx_http_sparkjob_module.h>


#define NGX_HTTP_SPARKJOB_PROBLEM_MAX  2048
#define NGX_HTTP_SPARKJOB_DAY          86400


typedef struct {
    ngx_str_t   reset;
    ngx_flag_t  sync;
} ngx_http_sparkjob_reset_t;


static ngx_int_t ngx_http_sparkjob_arg_add(ngx_http_request_t *r,
    ngx_http_sparkjob_ctx_t *ctx, u_char *p, u_char *last);
static void ngx_http_sparkjob_decode(ngx_str_t *dst, u_char *p, u_char *last);
static int64_t ngx_http_sparkjob_instant(u_char *p, u_char *last);
static ngx_int_t ngx_http_sparkjob_offset(u_char *p, u_char *last);


static struct {
    ngx_str_t   name;
    ngx_flag_t  value;
} ngx_http_sparkjob_flags[] = {
    { ngx_string("true"), 1 },
    { ngx_string("yes"), 1 },
    { ngx_string("on"), 1 },
    { ngx_string("1"), 1 },
    { ngx_string("false"), 0 },
    { ngx_string("no"), 0 },
    { ngx_string("off"), 0 },
    { ngx_string("0"), 0 },
    { ngx_null_string, 0 }
};


static ngx_http_sparkjob_param_t  ngx_http_sparkjob_reset_params[] = {
    { ngx_string("reset"), ngx_http_sparkjob_param_string,
      offsetof(ngx_http_sparkjob_reset_t, reset), SJP_NAME_MAX },
    { ngx_string("sync"), ngx_http_sparkjob_param_flag,
      offsetof(ngx_http_sparkjob_reset_t, sync), 0 },
    { ngx_null_string, NULL, 0, 0 }
};


ngx_int_t
ngx_http_sparkjob_args(ngx_http_request_t *r)
{
    u_char                   *p, *q, *end;
    ngx_int_t                 rc;
    ngx_http_sparkjob_ctx_t  *ctx;

    if (r->args.len == 0) {
        return NGX_OK;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    ctx->args = ngx_array_create(r->pool, 4, sizeof(ngx_keyval_t));
    if (ctx->args == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    end = r->args.data + r->args.len;

    for (p = r->args.data; p < end; p = q + 1) {

        q = ngx_strlchr(p, end, '&');

        if (q == NULL) {
            q = end;
        }

        if (q == p) {
            continue;
        }

        rc = ngx_http_sparkjob_arg_add(r, ctx, p, q);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sparkjob_arg_add(ngx_http_request_t *r, ngx_http_sparkjob_ctx_t *ctx,
    u_char *p, u_char *last)
{
    u_char           *eq, *dst;
    ngx_int_t         rc;
    ngx_keyval_t     *arg;
    static ngx_str_t  what = ngx_string("query parameter");

    arg = ngx_array_push(ctx->args);
    if (arg == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    dst = ngx_pnalloc(r->pool, last - p + 1);
    if (dst == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    eq = ngx_strlchr(p, last, '=');

    if (eq == NULL) {
        eq = last;
    }

    arg->key.data = dst;
    arg->value.data = dst + (eq - p);
    arg->value.len = 0;

    ngx_http_sparkjob_decode(&arg->key, p, eq);

    if (eq < last) {
        ngx_http_sparkjob_decode(&arg->value, eq + 1, last);
    }

    rc = ngx_http_sparkjob_check_text(ctx, &what, &arg->key,
                                      NGX_MAX_SIZE_T_VALUE);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_sparkjob_check_text(ctx, &arg->key, &arg->value,
                                        NGX_MAX_SIZE_T_VALUE);
}


/* "+" is a blank, as in forms; a "%" that encodes nothing is one */

static void
ngx_http_sparkjob_decode(ngx_str_t *dst, u_char *p, u_char *last)
{
    u_char     *d;
    ngx_int_t   ch;

    for (d = dst->data; p < last; p++) {

        if (*p == '+') {
            *d++ = ' ';
            continue;
        }

        if (*p == '%' && last - p > 2) {
            ch = ngx_hextoi(p + 1, 2);

            if (ch != NGX_ERROR) {
                *d++ = (u_char) ch;
                p += 2;
                continue;
            }
        }

        *d++ = *p;
    }

    dst->len = d - dst->data;
}


/* the first parameter of that name; an empty one counts as absent */

ngx_keyval_t *
ngx_http_sparkjob_arg(ngx_http_sparkjob_ctx_t *ctx, ngx_str_t *name)
{
    ngx_uint_t     i;
    ngx_keyval_t  *arg;

    if (ctx->args == NULL) {
        return NULL;
    }

    arg = ctx->args->elts;

    for (i = 0; i < ctx->args->nelts; i++) {

        if (arg[i].value.len
            && arg[i].key.len == name->len
            && ngx_strncmp(arg[i].key.data, name->data, name->len) == 0)
        {
            return &arg[i];
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_sparkjob_params(ngx_http_sparkjob_ctx_t *ctx,
    ngx_http_sparkjob_param_t *params, void *fields)
{
    ngx_int_t                   rc;
    ngx_keyval_t               *arg;
    ngx_http_sparkjob_param_t  *p;

    for (p = params; p->parse; p++) {

        arg = ngx_http_sparkjob_arg(ctx, &p->name);

        if (arg == NULL) {
            continue;
        }

        rc = p->parse(ctx, arg, (u_char *) fields + p->offset, p->max);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_sparkjob_param_flag(ngx_http_sparkjob_ctx_t *ctx, ngx_keyval_t *arg,
    void *field, ngx_uint_t max)
{
    ngx_uint_t   i;
    ngx_flag_t  *flag = field;

    for (i = 0; ngx_http_sparkjob_flags[i].name.len; i++) {

        if (ngx_http_sparkjob_flags[i].name.len == arg->value.len
            && ngx_strncasecmp(ngx_http_sparkjob_flags[i].name.data,
                               arg->value.data, arg->value.len)
               == 0)
        {
            *flag = ngx_http_sparkjob_flags[i].value;
            return NGX_OK;
        }
    }

    return ngx_http_sparkjob_problem(ctx,
                                     "The query parameter '%V' was malformed:\n"
                                     "'%V' is not a valid Boolean value",
                                     &arg->key, &arg->value);
}


ngx_int_t
ngx_http_sparkjob_param_number(ngx_http_sparkjob_ctx_t *ctx, ngx_keyval_t *arg,
    void *field, ngx_uint_t max)
{
    ngx_int_t   n;
    ngx_str_t   s;
    ngx_int_t  *number = field;

    s = arg->value;

    if (s.len > 1 && s.data[0] == '-') {
        s.data++;
        s.len--;
    }

    n = ngx_atoi(s.data, s.len);

    if (n == NGX_ERROR || n > NGX_MAX_INT32_VALUE) {
        return ngx_http_sparkjob_problem(ctx,
                                    "The query parameter '%V' was malformed:\n"
                                    "'%V' is not a valid 32-bit signed integer "
                                    "value", &arg->key, &arg->value);
    }

    if (s.len != arg->value.len && n != 0) {
        return ngx_http_sparkjob_problem(ctx,
                                    "The query parameter '%V' was malformed:\n"
                                    "'%V' is negative",
                                    &arg->key, &arg->value);
    }

    *number = n;

    return NGX_OK;
}


ngx_int_t
ngx_http_sparkjob_param_string(ngx_http_sparkjob_ctx_t *ctx, ngx_keyval_t *arg,
    void *field, ngx_uint_t max)
{
    ngx_str_t  *s = field;

    *s = arg->value;

    return ngx_http_sparkjob_check_text(ctx, &arg->key, s, max);
}


/* ms since 1970, or an ISO-8601 instant, whose blank is a "+" not encoded */

ngx_int_t
ngx_http_sparkjob_param_time(ngx_http_sparkjob_ctx_t *ctx, ngx_keyval_t *arg,
    void *field, ngx_uint_t max)
{
    int64_t    ms;
    uint64_t  *time = field;

    ms = ngx_atoof(arg->value.data, arg->value.len);

    if (ms == NGX_ERROR) {
        ms = ngx_http_sparkjob_instant(arg->value.data,
                                       arg->value.data + arg->value.len);
    }

    if (ms < 0) {
        return ngx_http_sparkjob_problem(ctx, "The query parameter '%V' was "
                            "malformed:\n'%V' is neither an instant such as "
                            "2026-01-31T12:00:00Z nor milliseconds since 1970",
                            &arg->key, &arg->value);
    }

    *time = ms;

    return NGX_OK;
}


/* milliseconds, or NGX_ERROR */

static int64_t
ngx_http_sparkjob_instant(u_char *p, u_char *last)
{
    time_t      sec;
    int64_t     ms, scale;
    struct tm   tm, day;
    ngx_int_t   field[6], offset;
    ngx_uint_t  i;

    static struct {
        size_t  len;
        u_char  end;
    } format[] = {
        { 4, '-' }, { 2, '-' }, { 2, 'T' }, { 2, ':' }, { 2, ':' }, { 2, 0 }
    };

    for (i = 0; i < 6; i++) {

        if (last - p < (ssize_t) format[i].len + 1) {
            return NGX_ERROR;
        }

        field[i] = ngx_atoi(p, format[i].len);
        p += format[i].len;

        if (field[i] == NGX_ERROR || (format[i].end && *p++ != format[i].end)) {
            return NGX_ERROR;
        }
    }

    ms = 0;

    if (*p == '.') {
        p++;

        for (scale = 100; p < last && *p >= '0' && *p <= '9'; scale /= 10) {
            ms += (*p++ - '0') * scale;
        }
    }

    offset = ngx_http_sparkjob_offset(p, last);

    if (offset == NGX_ERROR) {
        return NGX_ERROR;
    }

    ngx_memzero(&tm, sizeof(struct tm));

    tm.tm_year = field[0] - 1900;
    tm.tm_mon = field[1] - 1;
    tm.tm_mday = field[2];
    tm.tm_hour = field[3];
    tm.tm_min = field[4];
    tm.tm_sec = field[5];

    day = tm;
    sec = timegm(&day);

    /* what is no date, such as the 31st of April, comes back as another one */

    if (day.tm_mon != tm.tm_mon || day.tm_mday != tm.tm_mday
        || day.tm_hour != tm.tm_hour || day.tm_min != tm.tm_min
        || day.tm_sec != tm.tm_sec)
    {
        return NGX_ERROR;
    }

    ms += ((int64_t) sec - (offset - NGX_HTTP_SPARKJOB_DAY)) * 1000;

    return ms < 0 ? NGX_ERROR : ms;
}


/* seconds east of Greenwich, plus a day so that none is an error */

static ngx_int_t
ngx_http_sparkjob_offset(u_char *p, u_char *last)
{
    ngx_int_t  sign, hours, minutes;

    if (last - p == 1 && (*p == 'Z' || *p == 'z')) {
        return NGX_HTTP_SPARKJOB_DAY;
    }

    if (last - p != sizeof("+00:00") - 1 || p[3] != ':'
        || (*p != '+' && *p != ' ' && *p != '-'))
    {
        return NGX_ERROR;
    }

    sign = (*p == '-') ? -1 : 1;
    hours = ngx_atoi(p + 1, 2);
    minutes = ngx_atoi(p + 4, 2);

    if (hours == NGX_ERROR || hours > 18 || minutes == NGX_ERROR
        || minutes > 59)
    {
        return NGX_ERROR;
    }

    return NGX_HTTP_SPARKJOB_DAY + sign * (hours * 3600 + minutes * 60);
}


/* one that a server can be found by: http or https, and a host */

ngx_int_t
ngx_http_sparkjob_param_url(ngx_http_sparkjob_ctx_t *ctx, ngx_keyval_t *arg,
    void *field, ngx_uint_t max)
{
    u_char     *p, *last, *host, *end;
    ngx_int_t   port;
    ngx_str_t  *url = field;

    *url = arg->value;

    p = url->data;
    last = p + url->len;

    if (url->len >= 7 && ngx_strncasecmp(p, (u_char *) "http://", 7) == 0) {
        host = p + 7;

    } else if (url->len >= 8
               && ngx_strncasecmp(p, (u_char *) "https://", 8) == 0)
    {
        host = p + 8;

    } else {
        goto malformed;
    }

    for (end = host; end < last; end++) {

        if (*end == '/' || *end == '?' || *end == '#') {
            break;
        }

        if (*end == '@') {
            host = end + 1;
        }
    }

    /* what stands behind a ":" that is not inside of an IPv6 address */

    p = (host < end && *host == '[') ? ngx_strlchr(host, end, ']') : host;
    p = p ? ngx_strlchr(p, end, ':') : host;
    port = (p && p + 1 < end) ? ngx_atoi(p + 1, end - p - 1) : 80;

    if (host == (p ? p : end) || port < 1 || port > 65535
        || ngx_strlchr(url->data, last, ' '))
    {
        goto malformed;
    }

    return ngx_http_sparkjob_check_text(ctx, &arg->key, url, max);

malformed:

    return ngx_http_sparkjob_problem(ctx, "The query parameter '%V' was "
                                     "malformed:\n'%V' is not an http or https "
                                     "URL with a host", &arg->key, url);
}


/* "reset=reboot", which contexts and data files have in common */

ngx_int_t
ngx_http_sparkjob_param_reset(ngx_http_sparkjob_ctx_t *ctx, ngx_flag_t *sync)
{
    ngx_int_t                  rc;
    ngx_http_sparkjob_reset_t  reset;

    ngx_str_null(&reset.reset);
    reset.sync = 1;

    rc = ngx_http_sparkjob_params(ctx, ngx_http_sparkjob_reset_params, &reset);

    if (rc != NGX_OK) {
        return rc;
    }

    *sync = reset.sync;

    if (reset.reset.len == 0) {
        return ngx_http_sparkjob_problem(ctx, "Request is missing required "
                                         "query parameter 'reset'");
    }

    if (reset.reset.len != sizeof("reboot") - 1
        || ngx_strncmp(reset.reset.data, "reboot", sizeof("reboot") - 1) != 0)
    {
        return ngx_http_sparkjob_problem(ctx, "The query parameter 'reset' was "
                                         "malformed:\n'%V' is not 'reboot'",
                                         &reset.reset);
    }

    return NGX_OK;
}


/*
 * Everything that goes into metadata or into a log must be clean UTF-8; that
 * it is short keeps the frames within their limits.
 */

ngx_int_t
ngx_http_sparkjob_check_text(ngx_http_sparkjob_ctx_t *ctx, ngx_str_t *what,
    ngx_str_t *value, ngx_uint_t max)
{
    size_t   n;
    u_char  *p, *last;

    if (value->len > max) {
        return ngx_http_sparkjob_problem(ctx, "The %V is too long: %uz bytes, "
                                         "at most %ui are allowed",
                                         what, value->len, max);
    }

    p = value->data;
    last = p + value->len;

    for ( /* void */ ; p < last; p += n) {

        if (*p >= 0x20 && *p < 0x7f) {
            n = 1;
            continue;
        }

        if (*p < 0x80) {
            return ngx_http_sparkjob_problem(ctx, "The %V contains a control "
                                             "character", what);
        }

        n = ngx_http_sparkjob_utf8_len(p, last);

        if (n == 0) {
            return ngx_http_sparkjob_problem(ctx, "The %V is not valid UTF-8",
                                             what);
        }
    }

    return NGX_OK;
}


/*
 * The length of the character at p, 0 if it is none.  ngx_utf8_decode() takes
 * any byte above 0x7f for one that continues a character, jansson does not.
 */

size_t
ngx_http_sparkjob_utf8_len(u_char *p, u_char *last)
{
    size_t     i, len;
    uint32_t   n;

    if (*p < 0x80) {
        return 1;
    }

    len = (*p >= 0xf0) ? 4 : (*p >= 0xe0) ? 3 : 2;

    if (len > (size_t) (last - p)) {
        return 0;
    }

    for (i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    n = ngx_utf8_decode(&p, len);

    return (n > 0x10ffff || (n >= 0xd800 && n <= 0xdfff)) ? 0 : len;
}


/* returns NGX_DECLINED, for its callers to pass on */

ngx_int_t
ngx_http_sparkjob_problem(ngx_http_sparkjob_ctx_t *ctx, const char *fmt, ...)
{
    u_char   *p, *last;
    va_list   args;

    p = ngx_pnalloc(ctx->request->pool, NGX_HTTP_SPARKJOB_PROBLEM_MAX);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    va_start(args, fmt);
    last = ngx_vslprintf(p, p + NGX_HTTP_SPARKJOB_PROBLEM_MAX, fmt, args);
    va_end(args);

    ctx->problem.data = p;
    ctx->problem.len = last - p;

    return NGX_DECLINED;
}
