
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * libcurl tells which sockets it waits for, and until when; the loop tells it
 * what has happened to them.  Names are resolved by threads of libcurl.
 */


#include "sjl_http.h"
#include "sjl_config.h"
#include "sjl_outbound.h"

#include <curl/curl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <utlist.h>


#define SJL_HTTP_REDIRECTS  5
#define SJL_HTTP_IDLE       16          /* connections that are kept */
#define SJL_HTTP_RATE       (1024 * 1024)
#define SJL_HTTP_WHY        256
#define SJL_HTTP_ANSWER     (4 * 1024 * 1024)


struct sjl_http_s {
    CURL               *easy;
    struct curl_slist  *headers;

    char               *head;
    char               *tail;
    size_t              head_size;
    size_t              tail_size;
    size_t              file_size;
    int                 fd;
    curl_off_t          place;

    char                why[SJL_HTTP_WHY];
    char                error[CURL_ERROR_SIZE];
    sjl_http_pt         done;
    sjl_http_answer_pt  answered;       /* of who wants to know the answer */
    void               *data;

    char               *answer;
    size_t              answer_size;

    sjl_http_t         *next;
    sjl_http_t         *prev;
};


static sjl_http_t *sjl_http_make(const char *head, const char *tail, int fd,
    void *data);
static void sjl_http_setup(sjl_http_t *http, const char *url, int64_t timeout);
static size_t sjl_http_read(char *buffer, size_t size, size_t n, void *data);
static ssize_t sjl_http_part(sjl_http_t *http, char *buffer, size_t n);
static int sjl_http_seek(void *data, curl_off_t offset, int origin);
static size_t sjl_http_write(char *buffer, size_t size, size_t n, void *data);
static curl_socket_t sjl_http_open(void *data, curlsocktype purpose,
    struct curl_sockaddr *addr);
static void sjl_http_url_host(sjl_http_t *http, char *host, size_t size);
static int sjl_http_socket(CURL *easy, curl_socket_t fd, int what, void *data,
    void *socket);
static int sjl_http_timer(CURLM *multi, long milliseconds, void *data);
static void sjl_http_ready(struct ev_loop *loop, ev_io *io, int events);
static void sjl_http_timeout(struct ev_loop *loop, ev_timer *timer,
    int events);
static void sjl_http_act(curl_socket_t fd, int what);
static void sjl_http_ended(CURL *easy, CURLcode rc);
static void sjl_http_free(sjl_http_t *http);


static CURLM       *sjl_http_multi;
static ev_timer     sjl_http_clock;
static sjl_http_t  *sjl_https;


int
sjl_http_init(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        sjl_log(SJL_LOG_CRIT, "curl_global_init() failed");
        return SJL_ERROR;
    }

    sjl_http_multi = curl_multi_init();

    if (sjl_http_multi == NULL) {
        sjl_log(SJL_LOG_CRIT, "curl_multi_init() failed");
        return SJL_ERROR;
    }

    ev_init(&sjl_http_clock, sjl_http_timeout);

    (void) curl_multi_setopt(sjl_http_multi, CURLMOPT_SOCKETFUNCTION,
                             sjl_http_socket);
    (void) curl_multi_setopt(sjl_http_multi, CURLMOPT_TIMERFUNCTION,
                             sjl_http_timer);
    (void) curl_multi_setopt(sjl_http_multi, CURLMOPT_MAXCONNECTS,
                             (long) SJL_HTTP_IDLE);

    return SJL_OK;
}


char *
sjl_http_host(const char *url)
{
    char   *text, *scheme, *host, *port;
    CURLU  *u;

    text = NULL;
    scheme = NULL;
    host = NULL;
    port = NULL;
    u = curl_url();

    if (u && strlen(url) <= SJL_HTTP_URL_MAX
        && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK
        && curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK
        && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0)
        && curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK
        && curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT)
           == CURLUE_OK)
    {
        text = sjl_format("%s:%s", host, port);
    }

    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);

    return text;
}


void
sjl_http_post(const char *url, const char *head, int fd, const char *tail,
    int64_t timeout, sjl_http_pt done, void *data)
{
    sjl_http_t  *http;

    http = sjl_http_make(head, tail, fd, data);
    http->done = done;

    sjl_http_setup(http, url, timeout);

    (void) curl_multi_add_handle(sjl_http_multi, http->easy);
}


sjl_http_t *
sjl_http_ask(const char *method, const char *url, const char *body,
    int64_t timeout, sjl_http_answer_pt done, void *data)
{
    sjl_http_t  *http;

    http = sjl_http_make(body ? body : "", "", -1, data);
    http->answered = done;

    sjl_http_setup(http, url, timeout);

    if (strcmp(method, "GET") == 0) {
        (void) curl_easy_setopt(http->easy, CURLOPT_HTTPGET, 1L);

    } else {
        (void) curl_easy_setopt(http->easy, CURLOPT_CUSTOMREQUEST, method);
    }

    /* a submission has a secret in it, which is for that server alone */

    if (strcmp(method, "POST") == 0) {
        (void) curl_easy_setopt(http->easy, CURLOPT_FOLLOWLOCATION, 0L);
    }

    (void) curl_multi_add_handle(sjl_http_multi, http->easy);

    return http;
}


void
sjl_http_authorize(sjl_http_t *http, const sjl_http_right_t *right)
{
    char               *header;
    struct curl_slist  *headers;

    (void) curl_easy_setopt(http->easy, CURLOPT_FOLLOWLOCATION, 0L);

    if (right->token) {
        header = sjl_format("Authorization: Bearer %s", right->token);
        headers = curl_slist_append(http->headers, header);
        sjl_free_secret(header);

        if (headers == NULL) {
            sjl_log(SJL_LOG_CRIT, "there is no memory for a transfer, giving "
                    "up");
            abort();
        }

        http->headers = headers;
        (void) curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, http->headers);
    }

    if (right->ca) {
        (void) curl_easy_setopt(http->easy, CURLOPT_CAINFO, right->ca);
    }

    if (right->cert && right->key) {
        (void) curl_easy_setopt(http->easy, CURLOPT_SSLCERT, right->cert);
        (void) curl_easy_setopt(http->easy, CURLOPT_SSLKEY, right->key);
    }
}


static sjl_http_t *
sjl_http_make(const char *head, const char *tail, int fd, void *data)
{
    sjl_http_t   *http;
    struct stat   sb;

    http = sjl_alloc(sizeof(sjl_http_t));
    http->head = sjl_strdup(head);
    http->head_size = strlen(head);
    http->tail = sjl_strdup(tail);
    http->tail_size = strlen(tail);
    http->fd = fd;
    http->data = data;

    if (fd != -1 && fstat(fd, &sb) == 0) {
        http->file_size = (size_t) sb.st_size;
    }

    DL_APPEND(sjl_https, http);

    return http;
}


/*
 * No proxy of our environment comes in between: it would be the one that is
 * connected to.  A redirection is followed by another POST, and its address is
 * looked at as the first one was.
 */

static void
sjl_http_setup(sjl_http_t *http, const char *url, int64_t timeout)
{
    CURL  *easy;
    long   seconds;

    easy = curl_easy_init();
    http->easy = easy;

    http->headers = curl_slist_append(NULL, "Content-Type: application/json");
    http->headers = curl_slist_append(http->headers, "Expect:");

    if (easy == NULL || http->headers == NULL) {
        sjl_log(SJL_LOG_CRIT, "there is no memory for a transfer, giving up");
        abort();
    }

    seconds = (long) timeout + (long) (http->file_size / SJL_HTTP_RATE);

    (void) curl_easy_setopt(easy, CURLOPT_URL, url);
    (void) curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void) curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    (void) curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    (void) curl_easy_setopt(easy, CURLOPT_MAXREDIRS,
                            (long) SJL_HTTP_REDIRECTS);
    (void) curl_easy_setopt(easy, CURLOPT_POSTREDIR, CURL_REDIR_POST_ALL);
    (void) curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void) curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    (void) curl_easy_setopt(easy, CURLOPT_TIMEOUT, seconds);
    (void) curl_easy_setopt(easy, CURLOPT_USERAGENT, "sparkjob/" SJL_VERSION);
    (void) curl_easy_setopt(easy, CURLOPT_HTTPHEADER, http->headers);
    (void) curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, http->error);
    (void) curl_easy_setopt(easy, CURLOPT_PRIVATE, http);

    (void) curl_easy_setopt(easy, CURLOPT_POST, 1L);
    (void) curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                            (curl_off_t) (http->head_size + http->file_size
                                          + http->tail_size));
    (void) curl_easy_setopt(easy, CURLOPT_READFUNCTION, sjl_http_read);
    (void) curl_easy_setopt(easy, CURLOPT_READDATA, http);
    (void) curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, sjl_http_seek);
    (void) curl_easy_setopt(easy, CURLOPT_SEEKDATA, http);
    (void) curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, sjl_http_write);
    (void) curl_easy_setopt(easy, CURLOPT_WRITEDATA, http);
    (void) curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, sjl_http_open);
    (void) curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, http);
}


static size_t
sjl_http_read(char *buffer, size_t size, size_t n, void *data)
{
    size_t       filled;
    ssize_t      got;
    sjl_http_t  *http;

    http = data;

    for (filled = 0; filled < size * n; filled += (size_t) got) {
        got = sjl_http_part(http, buffer + filled, size * n - filled);

        if (got == -1) {
            (void) snprintf(http->why, sizeof(http->why),
                            "the result cannot be read");
            return CURL_READFUNC_ABORT;
        }

        if (got == 0) {
            break;
        }

        http->place += got;
    }

    return filled;
}


/* what is at the place that has been reached: of the head, file or tail */

static ssize_t
sjl_http_part(sjl_http_t *http, char *buffer, size_t n)
{
    size_t       at, left;
    ssize_t      got;
    const char  *from;

    at = (size_t) http->place;

    if (at >= http->head_size && at < http->head_size + http->file_size) {
        at -= http->head_size;
        left = http->file_size - at;
        got = pread(http->fd, buffer, left < n ? left : n, (off_t) at);

        return got > 0 ? got : -1;
    }

    if (at < http->head_size) {
        from = http->head + at;
        left = http->head_size - at;

    } else {
        at -= http->head_size + http->file_size;
        from = http->tail + at;
        left = http->tail_size - at;
    }

    left = left < n ? left : n;
    memcpy(buffer, from, left);

    return (ssize_t) left;
}


static int
sjl_http_seek(void *data, curl_off_t offset, int origin)
{
    if (origin != SEEK_SET) {
        return CURL_SEEKFUNC_CANTSEEK;
    }

    ((sjl_http_t *) data)->place = offset;

    return CURL_SEEKFUNC_OK;
}


/* of a callback nobody wants to know what the answer says */

static size_t
sjl_http_write(char *buffer, size_t size, size_t n, void *data)
{
    char        *longer;
    sjl_http_t  *http;

    http = data;

    if (http->answered == NULL) {
        return size * n;
    }

    if (http->answer_size + size * n > SJL_HTTP_ANSWER) {
        (void) snprintf(http->why, sizeof(http->why),
                        "its answer is longer than %d bytes", SJL_HTTP_ANSWER);
        return 0;
    }

    longer = realloc(http->answer, http->answer_size + size * n);

    if (longer == NULL) {
        return 0;
    }

    memcpy(longer + http->answer_size, buffer, size * n);
    http->answer = longer;
    http->answer_size += size * n;

    return size * n;
}


/* this address is connected to, whatever the name resolves to next time */

static curl_socket_t
sjl_http_open(void *data, curlsocktype purpose, struct curl_sockaddr *addr)
{
    char         host[SJL_HTTP_URL_MAX + 1], text[64];
    sjl_http_t  *http;

    (void) purpose;

    http = data;

    if (http->answered) {
        return socket(addr->family, addr->socktype|SOCK_CLOEXEC,
                      addr->protocol);
    }

    sjl_http_url_host(http, host, sizeof(host));

    if (!sjl_outbound_may(sjl_conf->outbound_hosts, host, &addr->addr)) {
        sjl_outbound_text(&addr->addr, text, sizeof(text));
        (void) snprintf(http->why, sizeof(http->why),
                        "its address %s may not be reached, see outbound.hosts",
                        text);
        return CURL_SOCKET_BAD;
    }

    return socket(addr->family, addr->socktype|SOCK_CLOEXEC, addr->protocol);
}


/* of the URL that is at its turn, the first or that of a redirection */

static void
sjl_http_url_host(sjl_http_t *http, char *host, size_t size)
{
    char   *url, *found;
    CURLU  *u;

    *host = '\0';
    url = NULL;
    found = NULL;
    u = curl_url();

    if (u
        && curl_easy_getinfo(http->easy, CURLINFO_EFFECTIVE_URL, &url)
           == CURLE_OK
        && url && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK
        && curl_url_get(u, CURLUPART_HOST, &found, 0) == CURLUE_OK)
    {
        (void) snprintf(host, size, "%s", found);
    }

    curl_free(found);
    curl_url_cleanup(u);
}


static int
sjl_http_socket(CURL *easy, curl_socket_t fd, int what, void *data,
    void *socket)
{
    int     events;
    ev_io  *io;

    (void) easy;
    (void) data;

    io = socket;

    if (io) {
        ev_io_stop(sjl_loop, io);
    }

    if (what == CURL_POLL_REMOVE) {
        free(io);
        return 0;
    }

    if (io == NULL) {
        io = sjl_alloc(sizeof(ev_io));
        (void) curl_multi_assign(sjl_http_multi, fd, io);
    }

    events = (what & CURL_POLL_IN ? EV_READ : 0)
             |(what & CURL_POLL_OUT ? EV_WRITE : 0);

    ev_io_init(io, sjl_http_ready, fd, events);
    ev_io_start(sjl_loop, io);

    return 0;
}


static int
sjl_http_timer(CURLM *multi, long milliseconds, void *data)
{
    (void) multi;
    (void) data;

    ev_timer_stop(sjl_loop, &sjl_http_clock);

    if (milliseconds >= 0) {
        ev_timer_set(&sjl_http_clock, (double) milliseconds / 1000, 0.);
        ev_timer_start(sjl_loop, &sjl_http_clock);
    }

    return 0;
}


static void
sjl_http_ready(struct ev_loop *loop, ev_io *io, int events)
{
    (void) loop;

    sjl_http_act(io->fd, (events & EV_READ ? CURL_CSELECT_IN : 0)
                         |(events & EV_WRITE ? CURL_CSELECT_OUT : 0));
}


static void
sjl_http_timeout(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void) loop;
    (void) timer;
    (void) events;

    sjl_http_act(CURL_SOCKET_TIMEOUT, 0);
}


static void
sjl_http_act(curl_socket_t fd, int what)
{
    int       n;
    CURLMsg  *message;

    (void) curl_multi_socket_action(sjl_http_multi, fd, what, &n);

    for (message = curl_multi_info_read(sjl_http_multi, &n); message;
         message = curl_multi_info_read(sjl_http_multi, &n))
    {
        if (message->msg == CURLMSG_DONE) {
            sjl_http_ended(message->easy_handle, message->data.result);
        }
    }
}


static void
sjl_http_ended(CURL *easy, CURLcode rc)
{
    char        *private;
    long         status;
    json_t      *answer;
    sjl_http_t  *http;

    private = NULL;
    status = 0;

    (void) curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
    http = (sjl_http_t *) (void *) private;

    if (rc == CURLE_OK) {
        (void) curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);

    } else if (http->why[0] == '\0') {
        (void) snprintf(http->why, sizeof(http->why), "%s",
                        http->error[0] ? http->error : curl_easy_strerror(rc));
        sjl_text_clean(http->why);
    }

    DL_DELETE(sjl_https, http);

    if (http->done) {
        http->done(http->data, status, http->why);

    } else {
        answer = http->answer ? json_loadb(http->answer, http->answer_size, 0,
                                           NULL)
                              : NULL;
        http->answered(http->data, status, http->why, answer);
        json_decref(answer);
    }

    sjl_http_free(http);
}


void
sjl_http_cancel(sjl_http_t *http)
{
    DL_DELETE(sjl_https, http);
    sjl_http_free(http);
}


char *
sjl_http_peer(const sjl_http_t *http, long *port)
{
    char        *url, *addr;
    const char  *scheme;

    url = NULL;
    addr = NULL;
    *port = 0;

    (void) curl_easy_getinfo(http->easy, CURLINFO_EFFECTIVE_URL, &url);
    (void) curl_easy_getinfo(http->easy, CURLINFO_PRIMARY_IP, &addr);
    (void) curl_easy_getinfo(http->easy, CURLINFO_PRIMARY_PORT, port);

    if (url == NULL || addr == NULL || *addr == '\0' || *port == 0) {
        return NULL;
    }

    scheme = strncasecmp(url, "https:", 6) == 0 ? "https" : "http";

    return sjl_format(strchr(addr, ':') ? "%s://[%s]:%ld" : "%s://%s:%ld",
                      scheme, addr, *port);
}


static void
sjl_http_free(sjl_http_t *http)
{
    (void) curl_multi_remove_handle(sjl_http_multi, http->easy);
    curl_easy_cleanup(http->easy);
    curl_slist_free_all(http->headers);

    if (http->fd != -1) {
        (void) close(http->fd);
    }

    free(http->head);
    free(http->tail);
    free(http->answer);
    free(http);
}


void
sjl_http_stop(void)
{
    sjl_http_t  *http;

    while (sjl_https) {
        http = sjl_https;
        DL_DELETE(sjl_https, http);
        sjl_http_free(http);
    }

    (void) curl_multi_cleanup(sjl_http_multi);
    ev_timer_stop(sjl_loop, &sjl_http_clock);
    curl_global_cleanup();
}
