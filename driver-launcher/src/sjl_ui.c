
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_ui.h"
#include "sjl_context.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <dirent.h>
#include <sys/stat.h>


/* what /proc/net/tcp has for a socket that listens */
#define SJL_UI_LISTENS  0x0a

/* of one line of it */
#define SJL_UI_LINE     512


typedef struct {
    struct in6_addr  addr;              /* one of IPv4 as it is within IPv6 */
    unsigned         port;
    unsigned         state;
    unsigned         uid;
    unsigned long    inode;
} sjl_ui_socket_t;


static char *sjl_ui_of(const sjl_context_t *ctx, char **why);
static int sjl_ui_told(const char *url, char *scheme, size_t size,
    unsigned *port);
static char *sjl_ui_text(const struct in6_addr *addr);
static int sjl_ui_search(FILE *f, pid_t pid, unsigned port,
    sjl_ui_socket_t *s);
static int sjl_ui_parse(char *line, sjl_ui_socket_t *s);
static int sjl_ui_owned(pid_t pid, const sjl_ui_socket_t *s);


void
sjl_ui_find(sjl_conn_t *c, sjl_frame_t *f)
{
    char           *url, *why;
    const char     *name;
    sjl_request_t  *r;
    sjl_context_t  *ctx;

    r = sjl_request_make(c, f);

    if (sjl_request_unpack(r, f, "{s:s}", "name", &name) == SJL_ERROR) {
        return;
    }

    ctx = sjl_context_find_name(name);

    if (ctx == NULL) {
        sjl_request_refuse(r, SJP_ERR_NO_SUCH_CONTEXT, name);
        return;
    }

    why = NULL;
    url = sjl_ui_of(ctx, &why);

    if (url) {
        sjl_request_reply(r, json_pack("{s:s}", "url", url), NULL, 0);

    } else {
        sjl_log(SJL_LOG_INFO, "context %s %s has no UI: %s", ctx->row.name,
                ctx->row.id, why);
        sjl_request_refuse(r, SJP_ERR_NO_UI, why);
    }

    free(url);
    free(why);
}


static char *
sjl_ui_of(const sjl_context_t *ctx, char **why)
{
    int            local;
    char          *host, *url, scheme[sizeof("https")];
    unsigned       port;
    sjl_driver_t  *d;

    d = ctx->driver;

    if (d == NULL || d->conn == NULL || ctx->row.url == NULL) {
        *why = sjl_strdup(ctx->row.url == NULL
                          && ctx->row.state == SJP_CONTEXT_RUNNING
                          ? "its driver has none (spark.ui.enabled)"
                          : "its driver is not there now");
        return NULL;
    }

    if (sjl_ui_told(ctx->row.url, scheme, sizeof(scheme), &port) == SJL_ERROR) {
        *why = sjl_format("its driver says that it is at \"%.200s\"",
                          ctx->row.url);
        return NULL;
    }

    /* one that a cluster has started is no process that we know */

    local = d->process.pid != 0;
    host = local ? sjl_ui_listener(d->process.pid, port)
                 : sjl_ui_peer(d->conn->io.fd);

    if (host == NULL) {
        *why = sjl_format("its driver says that it is at port %u, %s", port,
                          local ? "but does not listen there"
                                : "and the driver's address is not known");
        return NULL;
    }

    url = sjl_format("%s://%s:%u", scheme, host, port);
    free(host);

    return url;
}


/* the ports below 1024 are no user's */

static int
sjl_ui_told(const char *url, char *scheme, size_t size, unsigned *port)
{
    int    rc;
    char  *protocol, *text;
    CURLU *u;

    rc = SJL_ERROR;
    protocol = NULL;
    text = NULL;
    u = curl_url();

    if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK
        && curl_url_get(u, CURLUPART_SCHEME, &protocol, 0) == CURLUE_OK
        && (strcmp(protocol, "http") == 0 || strcmp(protocol, "https") == 0)
        && curl_url_get(u, CURLUPART_PORT, &text, 0) == CURLUE_OK)
    {
        *port = (unsigned) strtoul(text, NULL, 10);
        (void) snprintf(scheme, size, "%s", protocol);

        rc = (*port >= 1024 && *port <= 65535) ? SJL_OK : SJL_ERROR;
    }

    curl_free(protocol);
    curl_free(text);
    curl_url_cleanup(u);

    return rc;
}


char *
sjl_ui_peer(int fd)
{
    socklen_t            len;
    struct in6_addr      addr;
    struct sockaddr_in6  in6;

    memset(&in6, 0, sizeof(struct sockaddr_in6));
    len = sizeof(struct sockaddr_in6);

    if (getpeername(fd, (struct sockaddr *) &in6, &len) == -1) {
        return NULL;
    }

    if (in6.sin6_family == AF_INET6) {
        return sjl_ui_text(&in6.sin6_addr);
    }

    if (in6.sin6_family != AF_INET) {
        return NULL;
    }

    memset(&addr, 0, sizeof(struct in6_addr));
    memset(&addr.s6_addr[10], 0xff, 2);
    memcpy(&addr.s6_addr[12],
           &((struct sockaddr_in *) (void *) &in6)->sin_addr, 4);

    return sjl_ui_text(&addr);
}


/* what listens on all addresses is reached by the loopback one */

static char *
sjl_ui_text(const struct in6_addr *addr)
{
    char             text[INET6_ADDRSTRLEN];
    struct in6_addr  any;

    any = *addr;

    if (!IN6_IS_ADDR_V4MAPPED(&any) && !IN6_IS_ADDR_UNSPECIFIED(&any)) {
        (void) inet_ntop(AF_INET6, &any, text, sizeof(text));
        return sjl_format("[%s]", text);
    }

    if (memcmp(&any.s6_addr[12], "\0\0\0\0", 4) == 0) {
        return sjl_strdup("127.0.0.1");
    }

    (void) inet_ntop(AF_INET, &any.s6_addr[12], text, sizeof(text));

    return sjl_strdup(text);
}


char *
sjl_ui_listener(pid_t pid, unsigned port)
{
    FILE             *f;
    char              path[64];
    size_t            i;
    sjl_ui_socket_t   s;

    static const char *const  tables[] = { "tcp", "tcp6" };

    for (i = 0; i < sjl_nelts(tables); i++) {
        (void) snprintf(path, sizeof(path), "/proc/%d/net/%s", (int) pid,
                        tables[i]);

        f = fopen(path, "re");

        if (f == NULL) {
            continue;
        }

        if (sjl_ui_search(f, pid, port, &s)) {
            (void) fclose(f);
            return sjl_ui_text(&s.addr);
        }

        (void) fclose(f);
    }

    return NULL;
}


/* those that listen come first: so it does not matter how many are connected */

static int
sjl_ui_search(FILE *f, pid_t pid, unsigned port, sjl_ui_socket_t *s)
{
    char  line[SJL_UI_LINE];

    /* the names of the columns */

    if (fgets(line, sizeof(line), f) == NULL) {
        return 0;
    }

    while (fgets(line, sizeof(line), f)) {

        if (sjl_ui_parse(line, s) == SJL_ERROR || s->state != SJL_UI_LISTENS) {
            return 0;
        }

        if (s->port == port && sjl_ui_owned(pid, s)) {
            return 1;
        }
    }

    return 0;
}


/* addresses are words in the machine's own order, as they lie in memory */

static int
sjl_ui_parse(char *line, sjl_ui_socket_t *s)
{
    char      hex[33];
    size_t    i, n;
    uint32_t  word;

    if (sscanf(line, " %*u: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x %*x:%*x %*x:%*x "
               "%*x %u %*u %lu", hex, &s->port, &s->state, &s->uid, &s->inode)
        != 5)
    {
        return SJL_ERROR;
    }

    n = strlen(hex);

    if (n != 8 && n != 32) {
        return SJL_ERROR;
    }

    memset(&s->addr, 0, sizeof(struct in6_addr));

    if (n == 8) {
        memset(&s->addr.s6_addr[10], 0xff, 2);
    }

    for (i = n; i > 0; i -= 8) {
        word = (uint32_t) strtoul(&hex[i - 8], NULL, 16);
        memcpy(&s->addr.s6_addr[16 - (n - i + 8) / 2], &word, 4);
        hex[i - 8] = '\0';
    }

    return SJL_OK;
}


/*
 * Descriptors of other users' processes are not ours to see: of such a driver
 * it is told by whom the socket was made.
 */

static int
sjl_ui_owned(pid_t pid, const sjl_ui_socket_t *s)
{
    DIR            *dir;
    int             found;
    char            path[64], target[64], wanted[64];
    ssize_t         n;
    struct stat     st;
    struct dirent  *entry;

    (void) snprintf(path, sizeof(path), "/proc/%d/fd", (int) pid);
    (void) snprintf(wanted, sizeof(wanted), "socket:[%lu]", s->inode);

    dir = opendir(path);

    if (dir == NULL) {
        return errno == EACCES && stat(path, &st) == 0
               && st.st_uid == s->uid && st.st_uid != geteuid();
    }

    found = 0;

    while (!found && (entry = readdir(dir)) != NULL) {
        n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

        if (n > 0) {
            target[n] = '\0';
            found = strcmp(target, wanted) == 0;
        }
    }

    (void) closedir(dir);

    return found;
}
