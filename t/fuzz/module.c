
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <nginx.h>

#include "module.h"

#include <setjmp.h>
#include <sys/socket.h>
#include <sys/un.h>


#define FUZZ_CLIENTS   8
#define FUZZ_PASSES    2000
#define FUZZ_BUFFER    (512 * 1024)


/* main() of nginx, by another name; it is left when it begins to wait */
int nginx_main(int argc, char *const *argv);

__typeof__(ngx_process_events_and_timers)  __wrap_ngx_process_events_and_timers;
__typeof__(ngx_process_events_and_timers)  __real_ngx_process_events_and_timers;
__typeof__(clock_gettime)  __wrap_clock_gettime;
__typeof__(clock_gettime)  __real_clock_gettime;

void __wrap_ngx_log_error_core(ngx_uint_t level, ngx_log_t *log,
    ngx_err_t err, const char *fmt, ...);

static int fuzz_socket(const char *name, struct sockaddr_un *addr);
static void fuzz_nothing(ngx_event_t *ev);
static void fuzz_turn(void);
static int fuzz_read_client(size_t i);
static int fuzz_lowest(void);


int  fuzz_channel = -1;


static jmp_buf          fuzz_started;
static int              fuzz_running;
static int              fuzz_listener;
static int              fuzz_clients[FUZZ_CLIENTS];
static int              fuzz_free;
static ngx_uint_t       fuzz_connections;
static ngx_event_t      fuzz_event;
static struct timespec  fuzz_now[2];
static int64_t          fuzz_epoch = 1;
static int64_t          fuzz_seq;

static unsigned char    fuzz_in[FUZZ_BUFFER];
static size_t           fuzz_in_len;


static const char  fuzz_conf[] =
    "daemon off; master_process off; pid nginx.pid; error_log stderr info;\n"
    "events { worker_connections 64; }\n"
    "http {\n"
    "    access_log off; client_body_temp_path body;\n"
    "    client_max_body_size 64k; client_body_buffer_size 1k;\n"
    "    sparkjob_zone main 512k unix:launcher.sock;\n"
    "    sparkjob_user $http_x_user;\n"
    "    server {\n"
    "        listen unix:http.sock;\n"
    "        location / { sparkjob main; sparkjob_audit audit; }\n"
    "        location /own/ {\n"
    "            sparkjob main; sparkjob_owner on; sparkjob_proxy_user on;\n"
    "            sparkjob_allow read,submit,contexts,binaries all;\n"
    "            sparkjob_allow admin root;\n"
    "        }\n"
    "        location = /one { sparkjob main; }\n"
    "    }\n"
    "}\n";


void
fuzz_module_start(void)
{
    size_t              i;
    struct sockaddr_un  addr;

    static char *const  argv[] = { "nginx", "-p", ".", "-c", "nginx.conf",
                                   "-e", "stderr", NULL };

    (void) fuzz_file("nginx.conf", fuzz_conf, sizeof(fuzz_conf) - 1);
    fuzz_check(chdir(fuzz_folder()) == 0);

    for (i = 0; i < FUZZ_CLIENTS; i++) {
        fuzz_clients[i] = -1;
    }

    fuzz_listener = fuzz_socket("launcher.sock", &addr);
    fuzz_check(bind(fuzz_listener, (struct sockaddr *) &addr, sizeof(addr))
               == 0);
    fuzz_check(listen(fuzz_listener, 16) == 0);

    if (setjmp(fuzz_started) == 0) {
        (void) nginx_main(7, argv);
        fuzz_check(!"nginx starts");
    }

    fuzz_event.handler = fuzz_nothing;
    fuzz_event.log = ngx_cycle->log;
    fuzz_running = 1;

    /* all inputs begin alike: without a connection to the launcher */

    fuzz_module_begin();
    (void) close(fuzz_channel);
    fuzz_channel = -1;
    fuzz_module_settle();
}


static int
fuzz_socket(const char *name, struct sockaddr_un *addr)
{
    int  fd;

    memset(addr, 0, sizeof(struct sockaddr_un));
    addr->sun_family = AF_UNIX;
    (void) strcpy(addr->sun_path, name);

    fd = socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK, 0);
    fuzz_check(fd != -1);

    return fd;
}


void
__wrap_ngx_process_events_and_timers(ngx_cycle_t *cycle)
{
    (void) cycle;

    longjmp(fuzz_started, 1);
}


int
__wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
    struct timespec  *now;

    now = &fuzz_now[clock == CLOCK_REALTIME];

    if (now->tv_sec == 0) {
        fuzz_check(__real_clock_gettime(clock, now) == 0);
    }

    *ts = *now;

    return 0;
}


/* an alert is a fault of the module's own, whatever its peers send */

void
__wrap_ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    u_char   text[NGX_MAX_ERROR_STR], *last;
    va_list  args;

    (void) log;
    (void) err;

    va_start(args, fmt);
    last = ngx_vslprintf(text, text + sizeof(text), fmt, args);
    va_end(args);

    if (level <= NGX_LOG_ALERT || !fuzz_running) {
        (void) fprintf(stderr, "%.*s\n", (int) (last - text), text);
    }

    fuzz_check(level > NGX_LOG_ALERT);
}


static void
fuzz_nothing(ngx_event_t *ev)
{
    (void) ev;
}


/* as long as an event is posted for the next turn nginx does not wait */

static void
fuzz_turn(void)
{
    ngx_post_event(&fuzz_event, &ngx_posted_next_events);

    __real_ngx_process_events_and_timers((ngx_cycle_t *) ngx_cycle);
}


void
fuzz_module_begin(void)
{
    int  i;

    fuzz_free = fuzz_lowest();

    for (i = 0; fuzz_channel == -1; i++) {
        fuzz_check(i < FUZZ_PASSES);
        fuzz_module_pass(100);

        fuzz_channel = accept4(fuzz_listener, NULL, NULL,
                               SOCK_CLOEXEC|SOCK_NONBLOCK);
    }

    fuzz_in_len = 0;
    fuzz_module_settle();

    fuzz_connections = ngx_cycle->free_connection_n;
}


void
fuzz_module_welcome(void)
{
    unsigned  type;
    uint32_t  stream;

    fuzz_epoch++;
    fuzz_seq = 0;

    while ((type = fuzz_module_asked(&stream)) != 0) {

        fuzz_module_frame(type == SJP_HELLO ? SJP_WELCOME : SJP_REPLY, stream,
                          "{\"protocol\":1,\"version\":\"1\",\"epoch\":$E,"
                          "\"seq\":0}", "", 0);
        fuzz_module_settle();
    }
}


int
fuzz_module_client(const void *request, size_t size)
{
    int                 fd;
    size_t              i;
    struct sockaddr_un  addr;

    for (i = 0; i < FUZZ_CLIENTS && fuzz_clients[i] != -1; i++) {
        /* void */
    }

    if (i == FUZZ_CLIENTS) {
        return -1;
    }

    fd = fuzz_socket("http.sock", &addr);
    fuzz_check(connect(fd, (struct sockaddr *) &addr, sizeof(addr)) == 0);
    fuzz_check(send(fd, request, size, MSG_NOSIGNAL) == (ssize_t) size);

    fuzz_clients[i] = fd;
    fuzz_module_settle();

    return (int) i;
}


void
fuzz_module_settle(void)
{
    int     quiet;
    size_t  i, passes;

    passes = 0;

    for (quiet = 0; quiet < 3; quiet++) {
        fuzz_turn();
        fuzz_check(passes++ < FUZZ_PASSES);

        for (i = 0; i < FUZZ_CLIENTS; i++) {
            if (fuzz_read_client(i)) {
                quiet = -1;
            }
        }
    }
}


static int
fuzz_read_client(size_t i)
{
    ssize_t      n;
    static char  buf[65536];

    if (fuzz_clients[i] == -1) {
        return 0;
    }

    n = recv(fuzz_clients[i], buf, sizeof(buf), 0);

    if (n == -1 && errno == EAGAIN) {
        return 0;
    }

    if (n <= 0) {
        (void) close(fuzz_clients[i]);
        fuzz_clients[i] = -1;
    }

    return 1;
}


void
fuzz_module_pass(unsigned milliseconds)
{
    size_t  i;

    for (i = 0; i < 2; i++) {
        fuzz_now[i].tv_sec += milliseconds / 1000;
        fuzz_now[i].tv_nsec += milliseconds % 1000 * 1000000;

        if (fuzz_now[i].tv_nsec >= 1000000000) {
            fuzz_now[i].tv_nsec -= 1000000000;
            fuzz_now[i].tv_sec++;
        }
    }

    fuzz_module_settle();
}


unsigned
fuzz_module_asked(uint32_t *stream)
{
    int               fd;
    ssize_t           n;
    sjp_header_t      h;
    struct iovec      iov;
    struct msghdr     msg;
    struct cmsghdr   *cm;

    union {
        struct cmsghdr  cm;
        char            space[CMSG_SPACE(sizeof(int))];
    } control;

    for ( ;; ) {

        if (fuzz_in_len >= SJP_HEADER_SIZE) {
            fuzz_check(sjp_header_decode(fuzz_in, &h) == NULL);

            if (fuzz_in_len >= SJP_HEADER_SIZE + h.length) {
                fuzz_in_len -= SJP_HEADER_SIZE + h.length;
                memmove(fuzz_in, fuzz_in + SJP_HEADER_SIZE + h.length,
                        fuzz_in_len);
                *stream = h.stream;
                return h.type;
            }
        }

        if (fuzz_channel == -1) {
            return 0;
        }

        iov.iov_base = fuzz_in + fuzz_in_len;
        iov.iov_len = sizeof(fuzz_in) - fuzz_in_len;
        memset(&msg, 0, sizeof(msg));
        msg.msg_iov = &iov;
        msg.msg_iovlen = 1;
        msg.msg_control = &control;
        msg.msg_controllen = sizeof(control);

        n = recvmsg(fuzz_channel, &msg, MSG_CMSG_CLOEXEC);

        if (n == -1) {
            return 0;
        }

        if (n == 0) {
            (void) close(fuzz_channel);
            fuzz_channel = -1;
            return 0;
        }

        cm = CMSG_FIRSTHDR(&msg);

        if (cm) {
            memcpy(&fd, CMSG_DATA(cm), sizeof(int));
            (void) close(fd);
        }

        fuzz_in_len += (size_t) n;
    }
}


void
fuzz_module_frame(unsigned type, uint32_t stream, const char *meta,
    const char *payload, int file)
{
    char  text[8192], *p, *last;

    if (fuzz_channel == -1) {
        return;
    }

    last = text + sizeof(text) - 32;

    for (p = text; *meta && p < last; meta++) {

        if (*meta == '$' && (meta[1] == 'E' || meta[1] == 'Q')) {
            meta++;
            p += sprintf(p, "%lld", (long long) (*meta == 'E' ? fuzz_epoch
                                                 : ++fuzz_seq));
            continue;
        }

        *p++ = *meta;
    }

    fuzz_send(fuzz_channel, type, stream, text, (size_t) (p - text), payload,
              file);
}


void
fuzz_module_end(void)
{
    size_t  i;

    fuzz_module_pass(1000);
    fuzz_module_pass(200000);

    for (i = 0; i < FUZZ_CLIENTS; i++) {
        if (fuzz_clients[i] != -1) {
            (void) close(fuzz_clients[i]);
            fuzz_clients[i] = -1;
        }
    }

    fuzz_module_settle();

    fuzz_in_len = 0;

    /* it may have been closed by the module, which has another one then */

    do {
        if (fuzz_channel != -1) {
            (void) close(fuzz_channel);
        }

        fuzz_module_settle();

        fuzz_channel = accept4(fuzz_listener, NULL, NULL,
                               SOCK_CLOEXEC|SOCK_NONBLOCK);

    } while (fuzz_channel != -1);

    fuzz_check(ngx_cycle->free_connection_n == fuzz_connections + 1);
    fuzz_check(fuzz_lowest() == fuzz_free);
}


/* the descriptor that the next file would get */

static int
fuzz_lowest(void)
{
    int  fd;

    fd = dup(STDERR_FILENO);
    fuzz_check(fd != -1 && close(fd) == 0);

    return fd;
}
