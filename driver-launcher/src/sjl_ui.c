
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_ui.h"
#include "sjl_context.h"
#include "sjl_session.h"
#include "sjl_yarn.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <dirent.h>
#include <sys/stat.h>


/* what /proc/net/tcp has for a socket that is connected, or listens */
#define SJL_UI_CONNECTED  0x01
#define SJL_UI_LISTENS    0x0a

/* of one line of it */
#define SJL_UI_LINE     512


/* an address of IPv4 is as it is within IPv6 */

typedef struct {
    struct in6_addr  addr;
    unsigned         port;
    struct in6_addr  peer;
    unsigned         peer_port;
    unsigned         state;
    unsigned         uid;
    unsigned long    inode;
} sjl_ui_socket_t;


static char *sjl_ui_of(const sjl_context_t *ctx, char **why);
static int sjl_ui_told(const char *url, char *scheme, size_t size,
    unsigned *port);
static pid_t sjl_ui_process(int fd);
static int sjl_ui_end(int fd,
    int (*name)(int fd, struct sockaddr *addr, socklen_t *len),
    struct in6_addr *addr, unsigned *port);
static int sjl_ui_ours(const struct in6_addr *addr);
static int sjl_ui_connected(FILE *f, const sjl_ui_socket_t *wanted,
    sjl_ui_socket_t *s);
static pid_t sjl_ui_owner(const sjl_ui_socket_t *s);
static char *sjl_ui_text(const struct in6_addr *addr);
static int sjl_ui_search(FILE *f, pid_t pid, unsigned port,
    sjl_ui_socket_t *s);
static int sjl_ui_parse(char *line, sjl_ui_socket_t *s);
static int sjl_ui_address(char *hex, struct in6_addr *addr);
static int sjl_ui_owned(pid_t pid, const sjl_ui_socket_t *s);


static const char *const  sjl_ui_tables[] = { "tcp", "tcp6" };


void
sjl_ui_find(sjl_conn_t *c, sjl_frame_t *f)
{
    char           *url, *why;
    const char     *name, *session, *own;
    sjl_request_t  *r;
    sjl_context_t  *ctx;

    r = sjl_request_make(c, f);
    name = "";
    session = NULL;
    own = NULL;

    if (sjl_request_unpack(r, f, "{s?s, s?s, s?s}", "name", &name, "session",
                           &session, "own", &own)
        == SJL_ERROR)
    {
        return;
    }

    ctx = session ? sjl_session_find(session, own)
                  : sjl_context_find_name(name);

    if (ctx == NULL && session) {
        sjl_session_refuse(r, session, own);
        return;
    }

    if (ctx == NULL) {
        sjl_request_refuse(r, SJP_ERR_NO_SUCH_CONTEXT, name);
        return;
    }

    if (ctx->driver && ctx->driver->conn && ctx->row.url
        && sjl_yarn_is(ctx->row.master))
    {
        sjl_yarn_ui(r, ctx);
        return;
    }

    why = NULL;
    url = sjl_ui_of(ctx, &why);

    if (url) {
        sjl_request_reply(r, json_pack("{s:s}", "url", url), NULL, 0);

    } else {
        sjl_ui_none(r, ctx->row.name, why);
    }

    free(url);
    free(why);
}


void
sjl_ui_none(sjl_request_t *r, const char *name, const char *why)
{
    sjl_log(SJL_LOG_INFO, "context %s has no UI: %s", name, why);
    sjl_request_refuse(r, SJP_ERR_NO_UI, why);
}


static char *
sjl_ui_of(const sjl_context_t *ctx, char **why)
{
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

    host = sjl_ui_host(d, port, why);

    if (host == NULL) {
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
sjl_ui_host(const sjl_driver_t *d, unsigned port, char **why)
{
    char   *host;
    pid_t   pid;

    /*
     * One that a cluster has started is no process that we know, but may be on
     * this host all the same, whose other ports are none of its own.
     */

    pid = d->process.pid ? d->process.pid : sjl_ui_process(d->conn->io.fd);
    host = pid ? sjl_ui_listener(pid, port) : sjl_ui_peer(d->conn->io.fd);

    if (host == NULL) {
        *why = sjl_format("its driver says that it is at port %u, %s", port,
                          pid ? "but does not listen there"
                              : "and the driver's address is not known");
    }

    return host;
}


/* who is at the other end, if it is on this host; 0: another one, -1: nobody */

static pid_t
sjl_ui_process(int fd)
{
    int               found;
    FILE             *f;
    char              path[64];
    size_t            i;
    sjl_ui_socket_t   wanted, s;

    if (sjl_ui_end(fd, getpeername, &wanted.addr, &wanted.port) == SJL_ERROR
        || sjl_ui_end(fd, getsockname, &wanted.peer, &wanted.peer_port)
           == SJL_ERROR)
    {
        return -1;
    }

    if (!sjl_ui_ours(&wanted.addr)) {
        return 0;
    }

    found = 0;

    for (i = 0; !found && i < sjl_nelts(sjl_ui_tables); i++) {
        (void) snprintf(path, sizeof(path), "/proc/self/net/%s",
                        sjl_ui_tables[i]);

        f = fopen(path, "re");

        if (f) {
            found = sjl_ui_connected(f, &wanted, &s);
            (void) fclose(f);
        }
    }

    return found ? sjl_ui_owner(&s) : -1;
}


static int
sjl_ui_end(int fd, int (*name)(int fd, struct sockaddr *addr, socklen_t *len),
    struct in6_addr *addr, unsigned *port)
{
    socklen_t             len;
    struct sockaddr_in   *in;
    struct sockaddr_in6   in6;

    memset(&in6, 0, sizeof(struct sockaddr_in6));
    len = sizeof(struct sockaddr_in6);

    if (name(fd, (struct sockaddr *) &in6, &len) == -1) {
        return SJL_ERROR;
    }

    if (in6.sin6_family == AF_INET6) {
        *addr = in6.sin6_addr;
        *port = ntohs(in6.sin6_port);
        return SJL_OK;
    }

    if (in6.sin6_family != AF_INET) {
        return SJL_ERROR;
    }

    in = (struct sockaddr_in *) (void *) &in6;

    memset(addr, 0, sizeof(struct in6_addr));
    memset(&addr->s6_addr[10], 0xff, 2);
    memcpy(&addr->s6_addr[12], &in->sin_addr, 4);
    *port = ntohs(in->sin_port);

    return SJL_OK;
}


/* an address can be bound on the host only that has it */

static int
sjl_ui_ours(const struct in6_addr *addr)
{
    int                  fd, rc;
    struct sockaddr_in6  in6;

    memset(&in6, 0, sizeof(struct sockaddr_in6));
    in6.sin6_family = AF_INET6;
    in6.sin6_addr = *addr;

    fd = socket(AF_INET6, SOCK_STREAM|SOCK_CLOEXEC, 0);

    if (fd == -1) {

        /* a kernel without IPv6: better no UI than one of another program */

        return 1;
    }

    rc = bind(fd, (struct sockaddr *) &in6, sizeof(struct sockaddr_in6));
    (void) close(fd);

    return rc == 0;
}


static int
sjl_ui_connected(FILE *f, const sjl_ui_socket_t *wanted, sjl_ui_socket_t *s)
{
    char  line[SJL_UI_LINE];

    while (fgets(line, sizeof(line), f)) {

        /* the names of the columns, too, are no socket */

        if (sjl_ui_parse(line, s) == SJL_OK
            && s->state == SJL_UI_CONNECTED
            && s->port == wanted->port && s->peer_port == wanted->peer_port
            && IN6_ARE_ADDR_EQUAL(&s->addr, &wanted->addr)
            && IN6_ARE_ADDR_EQUAL(&s->peer, &wanted->peer))
        {
            return 1;
        }
    }

    return 0;
}


static pid_t
sjl_ui_owner(const sjl_ui_socket_t *s)
{
    DIR            *dir;
    long            pid;
    pid_t           found;
    struct dirent  *entry;

    found = -1;
    dir = opendir("/proc");

    while (dir && found == -1 && (entry = readdir(dir)) != NULL) {
        pid = strtol(entry->d_name, NULL, 10);

        if (pid > 0 && sjl_ui_owned((pid_t) pid, s)) {
            found = (pid_t) pid;
        }
    }

    if (dir) {
        (void) closedir(dir);
    }

    return found;
}


char *
sjl_ui_peer(int fd)
{
    unsigned         port;
    struct in6_addr  addr;

    return sjl_ui_end(fd, getpeername, &addr, &port) == SJL_OK
           ? sjl_ui_text(&addr) : NULL;
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

    for (i = 0; i < sjl_nelts(sjl_ui_tables); i++) {
        (void) snprintf(path, sizeof(path), "/proc/%d/net/%s", (int) pid,
                        sjl_ui_tables[i]);

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


static int
sjl_ui_parse(char *line, sjl_ui_socket_t *s)
{
    char  addr[33], peer[33];

    if (sscanf(line, " %*u: %32[0-9A-F]:%x %32[0-9A-F]:%x %x %*x:%*x %*x:%*x "
               "%*x %u %*u %lu", addr, &s->port, peer, &s->peer_port, &s->state,
               &s->uid, &s->inode)
        != 7)
    {
        return SJL_ERROR;
    }

    return sjl_ui_address(addr, &s->addr) == SJL_OK
           ? sjl_ui_address(peer, &s->peer) : SJL_ERROR;
}


/* words in the machine's own order, as they lie in memory */

static int
sjl_ui_address(char *hex, struct in6_addr *addr)
{
    size_t    i, n;
    uint32_t  word;

    n = strlen(hex);

    if (n != 8 && n != 32) {
        return SJL_ERROR;
    }

    memset(addr, 0, sizeof(struct in6_addr));

    if (n == 8) {
        memset(&addr->s6_addr[10], 0xff, 2);
    }

    for (i = n; i > 0; i -= 8) {
        word = (uint32_t) strtoul(&hex[i - 8], NULL, 16);
        memcpy(&addr->s6_addr[16 - (n - i + 8) / 2], &word, 4);
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
