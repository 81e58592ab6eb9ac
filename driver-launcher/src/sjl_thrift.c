
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_thrift.h"
#include "sjl_config.h"
#include "sjl_driver.h"
#include "sjl_link.h"
#include "sjl_request.h"
#include "sjl_ui.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <utlist.h>


/* seconds until a driver has started its server, or has said why not */
#define SJL_THRIFT_WAIT      60.

#define SJL_THRIFT_KEY       64         /* hexadecimal digits */
#define SJL_THRIFT_SEAL      64
#define SJL_THRIFT_TTL_MAX   (90 * 86400)

/* that nginx has for one request: until the driver has read its head */
#define SJL_THRIFT_TTL_HTTP  60

/* whom a token is for where nginx knows no users */
#define SJL_THRIFT_NOBODY    "anonymous"
#define SJL_THRIFT_LOOPBACK  "127.0.0.1"


typedef struct sjl_thrift_s  sjl_thrift_t;

struct sjl_thrift_s {
    sjl_request_t  *request;
    sjl_context_t  *context;
    char            key[24];
    int64_t         rev;                /* of the row that tells; 0: none yet */
    ev_timer        timer;
    sjl_thrift_t   *next;
    sjl_thrift_t   *prev;
};


static char *sjl_thrift_make(const char *context, const char *user,
    int64_t expires);
static const char *sjl_thrift_secret(void);
static int sjl_thrift_secret_make(const char *path);
static int sjl_thrift_secret_read(const char *path);
static int sjl_thrift_seal(char *seal, const char *context, const char *user,
    int64_t expires);
static const char *sjl_thrift_wrong(const sjl_context_t *ctx, const char *user,
    const char *token);
static char *sjl_thrift_url(const sjl_context_t *ctx, const char *user,
    char **why);
static char *sjl_thrift_address(const sjl_driver_t *d, unsigned port);
static char *sjl_thrift_here(void);
static void sjl_thrift_timeout(struct ev_loop *loop, ev_timer *timer,
    int events);
static void sjl_thrift_refuse(sjl_thrift_t *thrift, sjp_error_e code,
    const char *why);
static void sjl_thrift_free(sjl_thrift_t *thrift);


static sjl_thrift_t  *sjl_thrifts;
static uint64_t       sjl_thrift_number;
static char           sjl_thrift_key[SJL_THRIFT_KEY + 1];


void
sjl_thrift_token(sjl_conn_t *c, sjl_frame_t *f)
{
    char           *token;
    int64_t         expires;
    json_int_t      ttl;
    const char     *name, *user;
    sjl_request_t  *r;

    r = sjl_request_make(c, f);
    user = "";

    if (sjl_request_unpack(r, f, "{s:s, s:I, s?s}", "name", &name, "ttl", &ttl,
                           "user", &user)
        == SJL_ERROR)
    {
        return;
    }

    user = *user ? user : SJL_THRIFT_NOBODY;

    if (sjl_context_find_name(name) == NULL) {
        sjl_request_refuse(r, SJP_ERR_NO_SUCH_CONTEXT, name);
        return;
    }

    if (ttl < 1 || ttl > SJL_THRIFT_TTL_MAX) {
        sjl_request_refuse(r, SJP_ERR_BAD_REQUEST,
                           "a token is good for 1 to 7776000 seconds");
        return;
    }

    expires = sjl_now() / 1000 + ttl;

    token = sjl_thrift_make(name, user, expires);

    if (token == NULL) {
        sjl_request_refuse(r, SJP_ERR_STORAGE_FAILED,
                           "the key of tokens can be neither read nor made");
        return;
    }

    sjl_log(SJL_LOG_INFO, "context %s: user \"%s\" gets a token for %lld s",
            name, user, (long long) ttl);

    sjl_request_reply(r, json_pack("{s:s, s:s, s:I}", "token", token,
                                   "user", user, "expires",
                                   (json_int_t) expires * 1000),
                      NULL, 0);

    OPENSSL_cleanse(token, strlen(token));
    free(token);
}


/* NULL: there is no key */

static char *
sjl_thrift_make(const char *context, const char *user, int64_t expires)
{
    char  seal[SJL_THRIFT_SEAL + 1];

    if (sjl_thrift_seal(seal, context, user, expires) == SJL_ERROR) {
        return NULL;
    }

    return sjl_format("%lld-%s", (long long) expires, seal);
}


/* kept, so that tokens outlive a launcher; NULL: it can be had in no way */

static const char *
sjl_thrift_secret(void)
{
    int    rc;
    char  *path;

    if (*sjl_thrift_key) {
        return sjl_thrift_key;
    }

    path = sjl_format("%s/thrift.key", sjl_conf->data_dir);

    rc = sjl_thrift_secret_read(path);

    if (rc == SJL_ERROR && errno == ENOENT) {
        rc = sjl_thrift_secret_make(path);
    }

    if (rc == SJL_ERROR) {
        sjl_log(SJL_LOG_CRIT, "the key of tokens in \"%s\" cannot be had: %s",
                path, errno ? strerror(errno) : "it is none of ours");
    }

    free(path);

    return rc == SJL_OK ? sjl_thrift_key : NULL;
}


static int
sjl_thrift_secret_read(const char *path)
{
    int      fd;
    char     key[SJL_THRIFT_KEY + 1];
    ssize_t  n;

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NOFOLLOW);

    if (fd == -1) {
        return SJL_ERROR;
    }

    n = read(fd, key, sizeof(key));
    (void) close(fd);

    if (n != SJL_THRIFT_KEY) {
        errno = 0;
        return SJL_ERROR;
    }

    memcpy(sjl_thrift_key, key, SJL_THRIFT_KEY);
    OPENSSL_cleanse(key, sizeof(key));

    return SJL_OK;
}


static int
sjl_thrift_secret_make(const char *path)
{
    int    fd, rc, err;
    char   key[SJL_THRIFT_KEY + 1];

    sjl_random_hex(key, SJL_THRIFT_KEY / 2);
    key[SJL_THRIFT_KEY] = '\0';

    fd = open(path, O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC|O_NOFOLLOW, 0600);

    if (fd == -1) {
        return SJL_ERROR;
    }

    rc = write(fd, key, SJL_THRIFT_KEY) == SJL_THRIFT_KEY && fsync(fd) == 0
         ? SJL_OK : SJL_ERROR;
    err = errno;

    (void) close(fd);

    if (rc == SJL_OK) {
        memcpy(sjl_thrift_key, key, SJL_THRIFT_KEY);

    } else {
        (void) unlink(path);
    }

    OPENSSL_cleanse(key, sizeof(key));
    errno = err;

    return rc;
}


/* no line feed is in a context's name, so no two texts look alike */

static int
sjl_thrift_seal(char *seal, const char *context, const char *user,
    int64_t expires)
{
    char           *text;
    unsigned        len;
    const char     *key;
    unsigned char   md[EVP_MAX_MD_SIZE];

    key = sjl_thrift_secret();

    if (key == NULL) {
        return SJL_ERROR;
    }

    text = sjl_format("%lld\n%s\n%s", (long long) expires, context, user);
    len = 0;

    if (HMAC(EVP_sha256(), key, SJL_THRIFT_KEY, (unsigned char *) text,
             strlen(text), md, &len)
        == NULL || len != SJL_THRIFT_SEAL / 2)
    {
        sjl_log(SJL_LOG_CRIT, "HMAC() failed");
        free(text);
        return SJL_ERROR;
    }

    free(text);

    sjl_hex(seal, md, len);

    return SJL_OK;
}


void
sjl_thrift_login(sjl_conn_t *c, sjl_frame_t *f)
{
    const char     *key, *user, *token, *wrong;
    sjl_context_t  *ctx;

    if (sjl_link_unpack(c, f, "{s:s, s:s, s:s}", "key", &key, "user", &user,
                        "token", &token)
        == SJL_ERROR)
    {
        return;
    }

    ctx = sjl_link_context(c);

    if (ctx == NULL) {
        return;
    }

    wrong = sjl_thrift_wrong(ctx, user, token);

    sjl_log(SJL_LOG_INFO, "context %s %s: \"%s\" logs in by JDBC: %s",
            ctx->row.name, ctx->row.id, user, wrong ? wrong : "welcome");

    sjl_driver_send(ctx->driver, SJP_LINK_LOGGED_IN,
                    json_pack("{s:s, s:s*}", "key", key, "error", wrong),
                    NULL, 0);
}


/* what is wrong with a token; NULL: nothing */

static const char *
sjl_thrift_wrong(const sjl_context_t *ctx, const char *user, const char *token)
{
    int         n;
    char        seal[SJL_THRIFT_SEAL + 1];
    long long   expires;

    n = 0;

    if (sscanf(token, "%15lld-%n", &expires, &n) != 1 || n == 0
        || strlen(token + n) != SJL_THRIFT_SEAL)
    {
        return "the password is no token of this server";
    }

    if (sjl_thrift_seal(seal, ctx->row.name, user, expires) == SJL_ERROR) {
        return "the launcher cannot check tokens at present";
    }

    if (CRYPTO_memcmp(seal, token + n, SJL_THRIFT_SEAL) != 0) {
        return "the token is not for this user and this context";
    }

    return expires > sjl_now() / 1000 ? NULL : "the token has expired";
}


/* where a module passes requests of JDBC on to, and what the driver is told */

void
sjl_thrift_find(sjl_conn_t *c, sjl_frame_t *f)
{
    char           *url, *why, *token;
    const char     *name, *user;
    sjl_request_t  *r;
    sjl_context_t  *ctx;

    r = sjl_request_make(c, f);
    user = "";

    if (sjl_request_unpack(r, f, "{s:s, s?s}", "name", &name, "user", &user)
        == SJL_ERROR)
    {
        return;
    }

    user = *user ? user : SJL_THRIFT_NOBODY;
    ctx = sjl_context_find_name(name);

    if (ctx == NULL) {
        sjl_request_refuse(r, SJP_ERR_NO_SUCH_CONTEXT, name);
        return;
    }

    why = NULL;
    token = NULL;
    url = sjl_thrift_url(ctx, user, &why);

    if (url) {
        token = sjl_thrift_make(name, user,
                                sjl_now() / 1000 + SJL_THRIFT_TTL_HTTP);
    }

    if (token) {
        sjl_request_reply(r, json_pack("{s:s, s:s, s:s}", "url", url, "user",
                                       user, "token", token),
                          NULL, 0);
        OPENSSL_cleanse(token, strlen(token));

    } else {
        sjl_request_refuse(r, SJP_ERR_NO_THRIFT,
                           why ? why : "the launcher can make no tokens");
    }

    free(token);
    free(url);
    free(why);
}


static char *
sjl_thrift_url(const sjl_context_t *ctx, const char *user, char **why)
{
    char  *host, *url;

    if (strchr(user, ':')) {
        *why = sjl_format("HTTP cannot tell a user \"%s\", for the colon",
                          user);
        return NULL;
    }

    if (ctx->http == 0 || ctx->driver == NULL || ctx->driver->conn == NULL) {
        *why = sjl_strdup(ctx->http ? "its driver is not there now"
                                    : "it needs thrift-server=true and "
                                      "thrift-server-transport=http");
        return NULL;
    }

    host = sjl_ui_host(ctx->driver, ctx->http, why);

    if (host == NULL) {
        return NULL;
    }

    url = sjl_format("http://%s:%u/cliservice", host, ctx->http);
    free(host);

    return url;
}


void
sjl_thrift_switch(sjl_conn_t *c, sjl_frame_t *f)
{
    int             on;
    const char     *name;
    sjl_thrift_t   *thrift;
    sjl_request_t  *r;
    sjl_context_t  *ctx;

    r = sjl_request_make(c, f);

    if (sjl_request_unpack(r, f, "{s:s, s:b}", "name", &name, "on", &on)
        == SJL_ERROR)
    {
        return;
    }

    ctx = sjl_context_find_name(name);

    if (ctx == NULL) {
        sjl_request_refuse(r, SJP_ERR_NO_SUCH_CONTEXT, name);
        return;
    }

    if (ctx->row.state != SJP_CONTEXT_RUNNING) {
        sjl_request_refuse(r, SJP_ERR_BAD_REQUEST,
                           "a context can serve JDBC while it is RUNNING");
        return;
    }

    if (ctx->driver == NULL || ctx->driver->conn == NULL) {
        sjl_request_refuse(r, SJP_ERR_UNAVAILABLE,
                           "the context's driver is not there");
        return;
    }

    thrift = sjl_alloc(sizeof(sjl_thrift_t));
    thrift->request = r;
    thrift->context = ctx;
    thrift->rev = 0;
    (void) snprintf(thrift->key, sizeof(thrift->key), "%llu",
                    (unsigned long long) ++sjl_thrift_number);

    ev_timer_init(&thrift->timer, sjl_thrift_timeout, SJL_THRIFT_WAIT, 0.);
    thrift->timer.data = thrift;
    ev_timer_start(sjl_loop, &thrift->timer);

    DL_APPEND(sjl_thrifts, thrift);

    sjl_driver_send(ctx->driver, SJP_LINK_THRIFT,
                    json_pack("{s:s, s:b}", "key", thrift->key, "on", on),
                    NULL, 0);
}


static void
sjl_thrift_timeout(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void) loop;
    (void) events;

    sjl_thrift_refuse(timer->data, SJP_ERR_UNAVAILABLE,
                      "the context's driver has not answered");
}


/* the driver has told its status before, so the row has it, or will soon */

void
sjl_thrift_switched(sjl_conn_t *c, sjl_frame_t *f)
{
    const char     *key, *error;
    sjl_thrift_t   *thrift;
    sjl_context_t  *ctx;

    error = NULL;

    if (sjl_link_unpack(c, f, "{s:s, s?s}", "key", &key, "error", &error)
        == SJL_ERROR)
    {
        return;
    }

    ctx = sjl_link_context(c);

    DL_FOREACH(sjl_thrifts, thrift) {
        if (thrift->context == ctx && strcmp(thrift->key, key) == 0) {
            break;
        }
    }

    if (thrift == NULL) {
        return;
    }

    if (error) {
        sjl_thrift_refuse(thrift, SJP_ERR_BAD_REQUEST, error);
        return;
    }

    thrift->rev = ctx->row.rev;
    sjl_thrift_saved(ctx);
}


void
sjl_thrift_saved(sjl_context_t *ctx)
{
    sjl_thrift_t  *thrift, *next;

    DL_FOREACH_SAFE(sjl_thrifts, thrift, next) {
        if (thrift->context == ctx && thrift->rev
            && thrift->rev <= ctx->published)
        {
            sjl_context_reply(thrift->request, &ctx->row);
            sjl_thrift_free(thrift);
        }
    }
}


void
sjl_thrift_lost(sjl_context_t *ctx)
{
    sjl_thrift_t  *thrift, *next;

    DL_FOREACH_SAFE(sjl_thrifts, thrift, next) {
        if (thrift->context == ctx) {
            sjl_thrift_refuse(thrift, SJP_ERR_UNAVAILABLE,
                              "the context's driver is gone");
        }
    }
}


static void
sjl_thrift_refuse(sjl_thrift_t *thrift, sjp_error_e code, const char *why)
{
    sjl_request_refuse(thrift->request, code, why);
    sjl_thrift_free(thrift);
}


static void
sjl_thrift_free(sjl_thrift_t *thrift)
{
    ev_timer_stop(sjl_loop, &thrift->timer);
    DL_DELETE(sjl_thrifts, thrift);
    free(thrift);
}


json_t *
sjl_thrift_place(void)
{
    if (sjl_conf->thrift_ports.first == 0) {
        return NULL;
    }

    return json_pack("{s:s, s:I, s:I}", "listen", sjl_conf->thrift_listen,
                     "first", (json_int_t) sjl_conf->thrift_ports.first,
                     "last", (json_int_t) sjl_conf->thrift_ports.last);
}


/* a driver runs code of users: clients are sent to no port but one of ours */

json_t *
sjl_thrift_told(sjl_context_t *ctx, const json_t *told)
{
    int          http;
    char        *address, *url;
    json_t      *shown;
    json_int_t   port, sessions;
    const char  *transport;

    port = json_integer_value(json_object_get(told, "port"));
    sessions = json_integer_value(json_object_get(told, "sessions"));
    transport = json_string_value(json_object_get(told, "transport"));

    ctx->sessions = 0;
    ctx->http = 0;

    if (sjl_conf->thrift_ports.first == 0
        || port < (json_int_t) sjl_conf->thrift_ports.first
        || port > (json_int_t) sjl_conf->thrift_ports.last
        || sessions < 0 || sessions > INT32_MAX)
    {
        return NULL;
    }

    http = transport && strcmp(transport, "http") == 0;
    ctx->sessions = sessions;
    ctx->http = http ? (unsigned) port : 0;

    address = sjl_thrift_address(ctx->driver, (unsigned) port);

    if (address == NULL) {
        return NULL;
    }

    url = sjl_format("jdbc:hive2://%s:%d/%s", address, (int) port,
                     http ? ";transportMode=http;httpPath=cliservice" : "");
    shown = json_pack("{s:s, s:s, s:I, s:I}", "jdbcUrl", url, "transport",
                      http ? "http" : "binary", "port", port, "sessions",
                      sessions);
    free(url);
    free(address);

    return shown;
}


/*
 * As in a URL.  A driver of a cluster listens on its own host, wherever that
 * is; where it is this one, it is reached as those that were started here.
 */

static char *
sjl_thrift_address(const sjl_driver_t *d, unsigned port)
{
    char  *host, *why;

    if (!sjl_driver_is_elsewhere(d) || d->conn == NULL) {
        return sjl_thrift_here();
    }

    why = NULL;
    host = sjl_ui_host(d, port, &why);

    if (host && strcmp(host, SJL_THRIFT_LOOPBACK) == 0) {
        free(host);
        return sjl_thrift_here();
    }

    if (host == NULL) {
        sjl_log(SJL_LOG_ERR, "context %s is shown without its thrift server: "
                "%s", d->context->row.name, why);
    }

    free(why);

    return host;
}


/* what listens on all addresses is told by none of them */

static char *
sjl_thrift_here(void)
{
    const char  *address;

    address = sjl_conf->thrift_address ? sjl_conf->thrift_address
                                       : sjl_conf->thrift_listen;

    if (strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0) {
        address = SJL_THRIFT_LOOPBACK;
    }

    return sjl_format(strchr(address, ':') ? "[%s]" : "%s", address);
}
