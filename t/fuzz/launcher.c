
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "launcher.h"
#include "sjl_binary.h"
#include "sjl_channel.h"
#include "sjl_cluster.h"
#include "sjl_config.h"
#include "sjl_context.h"
#include "sjl_data.h"
#include "sjl_db.h"
#include "sjl_files.h"
#include "sjl_http.h"
#include "sjl_job.h"
#include "sjl_library.h"
#include "sjl_process.h"
#include "sjl_spare.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <utlist.h>


/* more than a pid can be: no process is ever hit */
#define FUZZ_PID     5000000

#define FUZZ_PASSES  2000
#define FUZZ_ALL     INT64_MAX


typedef struct fuzz_process_s  fuzz_process_t;

struct fuzz_process_s {
    sjl_process_t   *process;
    fuzz_process_t  *next;
};


typedef struct fuzz_post_s  fuzz_post_t;

struct fuzz_post_s {
    sjl_http_pt   done;
    void         *data;
    fuzz_post_t  *next;
};


/* what a wrapped function is declared as it is wrapped as */

__typeof__(sjl_process_spawn)  __wrap_sjl_process_spawn;
__typeof__(sjl_process_adopt_pid)  __wrap_sjl_process_adopt_pid;
__typeof__(sjl_process_signal)  __wrap_sjl_process_signal;
__typeof__(sjl_process_forget)  __wrap_sjl_process_forget;
__typeof__(sjl_process_forget)  __real_sjl_process_forget;
__typeof__(sjl_http_post)  __wrap_sjl_http_post;
__typeof__(sjl_log_write)  __wrap_sjl_log_write;

static void fuzz_environment(char *const *envp, const char *name, char *value,
    size_t size);
static void fuzz_process_ended(struct ev_loop *loop, ev_io *io, int events);
static void fuzz_posted(void);
static void fuzz_read(int *end);
static void fuzz_forget(void);
static void fuzz_forget_resources(const sjl_resource_type_t *type,
    unsigned message);
static void fuzz_forget_files(void);
static void fuzz_row(void *data, const void *row);
static int fuzz_lowest(void);


fuzz_driver_t          fuzz_driver;


static fuzz_process_t  *fuzz_processes;
static fuzz_post_t     *fuzz_posts;
static pid_t            fuzz_pids = FUZZ_PID;
static int              fuzz_free;


static const char  fuzz_conf[] =
    "{\"data_dir\": \"data\", \"channel\": {\"socket\": \"s\"},"
    " \"dao\": \"memory\", \"log\": {\"level\": \"alert\"},"
    " \"driver\": {\"command\": [\"/bin/true\"],"
    "              \"ports\": \"20000-20127\"},"
    " \"sync_commit_delay\": 0, \"max_jobs_per_context\": 2,"
    " \"max_queued_jobs\": 2, \"max_contexts\": 4,"
    " \"outbound\": {\"hosts\": [\"localhost\"]}}";


void
fuzz_launcher_start(void)
{
    json_t  *errors;

    sjl_conf = sjl_config_read(fuzz_file("launcher.json", fuzz_conf,
                                         sizeof(fuzz_conf) - 1), &errors);
    fuzz_check(sjl_conf != NULL);
    json_decref(errors);

    sjl_cluster_configure();
    sjl_library_configure();

    sjl_log_level = SJL_LOG_ALERT;
    (void) signal(SIGPIPE, SIG_IGN);

    sjl_loop = ev_loop_new(EVFLAG_AUTO);
    fuzz_check(sjl_loop != NULL);

    fuzz_check(mkdir(sjl_conf->data_dir, 0700) == 0);
    fuzz_check(sjl_files_init() == SJL_OK);
    fuzz_check(sjl_db_open() == SJL_OK);
    sjl_channel_init();
    fuzz_check(sjl_db_start() == SJL_OK);
    fuzz_check(sjl_files_start() == SJL_OK);
    sjl_spare_start();

    (void) ev_run(sjl_loop, EVRUN_NOWAIT);
}


/* between two inputs the fuzzer itself may open something */

void
fuzz_launcher_begin(void)
{
    fuzz_free = fuzz_lowest();
}


int
fuzz_launcher_connect(void)
{
    int           fds[2];
    sjl_io_t      io;
    struct ucred  peer;

    fuzz_check(socketpair(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK, 0,
                          fds) == 0);

    memset(&io, 0, sizeof(sjl_io_t));
    io.type = &sjl_io_unix;
    io.fd = fds[0];

    peer.pid = ++fuzz_pids;
    peer.uid = geteuid();
    peer.gid = getegid();
    sjl_conn_make(&io, &peer, "a fuzzer");

    return fds[1];
}


void
fuzz_launcher_send(int end, unsigned type, uint32_t stream, const char *meta,
    const char *payload, int file)
{
    fuzz_send(end, type, stream, meta, strlen(meta), payload, file);
}


/* a driver's process is a descriptor: what is written to it ends it */

int
__wrap_sjl_process_spawn(sjl_process_t *p, const sjl_spawn_t *spawn)
{
    fuzz_process_t  *process;

    fuzz_check(spawn->argv[0] != NULL);
    fuzz_check(access(spawn->folder, W_OK) == 0);
    fuzz_check(strncmp(spawn->log, spawn->folder, strlen(spawn->folder)) == 0);

    p->pid = ++fuzz_pids;
    p->ticks = 1;
    p->fd = eventfd(0, EFD_CLOEXEC|EFD_NONBLOCK);
    fuzz_check(p->fd != -1);

    ev_io_init(&p->watch, fuzz_process_ended, p->fd, EV_READ);
    p->watch.data = p;
    ev_io_start(sjl_loop, &p->watch);

    process = sjl_alloc(sizeof(fuzz_process_t));
    process->process = p;
    LL_PREPEND(fuzz_processes, process);

    fuzz_environment(spawn->envp, "SPARKJOB_CONTEXT=", fuzz_driver.context,
                     sizeof(fuzz_driver.context));
    (void) snprintf(fuzz_driver.secret, sizeof(fuzz_driver.secret), "%.*s",
                    (int) strcspn(spawn->input, "\n"), spawn->input);

    return SJL_OK;
}


static void
fuzz_environment(char *const *envp, const char *name, char *value, size_t size)
{
    for ( /* void */ ; *envp; envp++) {
        if (strncmp(*envp, name, strlen(name)) == 0) {
            (void) snprintf(value, size, "%s", *envp + strlen(name));
            return;
        }
    }

    fuzz_check(!"the driver is told who it is");
}


int
__wrap_sjl_process_adopt_pid(sjl_process_t *p, pid_t pid)
{
    (void) p;
    (void) pid;

    return SJL_ERROR;
}


void
__wrap_sjl_process_signal(const sjl_process_t *p, int signo)
{
    uint64_t  n;

    n = (uint64_t) signo;

    if (p->pid && (signo == SIGTERM || signo == SIGKILL)) {
        fuzz_check(write(p->fd, &n, sizeof(n)) == sizeof(n));
    }
}


static void
fuzz_process_ended(struct ev_loop *loop, ev_io *io, int events)
{
    uint64_t        status;
    sjl_process_t  *p;

    (void) loop;
    (void) events;

    p = io->data;
    fuzz_check(read(p->fd, &status, sizeof(status)) == sizeof(status));

    __wrap_sjl_process_forget(p);
    p->exited(p, (int) (status & 0xffff));
}


void
__wrap_sjl_process_forget(sjl_process_t *p)
{
    fuzz_process_t  *process, *next;

    LL_FOREACH_SAFE(fuzz_processes, process, next) {
        if (process->process == p) {
            LL_DELETE(fuzz_processes, process);
            free(process);
        }
    }

    __real_sjl_process_forget(p);
}


int
fuzz_launcher_exit(int status)
{
    uint64_t  n;

    if (fuzz_processes == NULL) {
        return 0;
    }

    /* an exit code of 0 cannot be written, a bit above those that count can */

    n = (uint64_t) status | 0x10000;
    fuzz_check(write(fuzz_processes->process->fd, &n, sizeof(n))
               == sizeof(n));

    return 1;
}


void
__wrap_sjl_http_post(const char *url, const char *head, int fd,
    const char *tail, int64_t timeout, sjl_http_pt done, void *data)
{
    char         *host;
    fuzz_post_t  *post;

    host = sjl_http_host(url);
    fuzz_check(host != NULL);
    free(host);

    fuzz_check(head[0] == '{' && tail[0] == '}' && timeout > 0);

    if (fd != -1) {
        (void) close(fd);
    }

    post = sjl_alloc(sizeof(fuzz_post_t));
    post->done = done;
    post->data = data;
    LL_APPEND(fuzz_posts, post);
}


static void
fuzz_posted(void)
{
    fuzz_post_t  *post;

    while (fuzz_posts) {
        post = fuzz_posts;
        LL_DELETE(fuzz_posts, post);
        post->done(post->data, 200, NULL);
        free(post);
    }
}


/* an alert is a fault of the launcher's own, whatever its peers send */

void
__wrap_sjl_log_write(sjl_log_level_e level, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    (void) vfprintf(stderr, fmt, args);
    (void) fputc('\n', stderr);
    va_end(args);

    fuzz_check(level != SJL_LOG_ALERT);
}


void
fuzz_launcher_settle(int *ends, size_t n)
{
    int     quiet;
    size_t  i, passes;

    passes = 0;

    for (quiet = 0; quiet < 2; quiet++) {

        if (sjl_db_length() || sjl_files_length()) {
            (void) ev_run(sjl_loop, EVRUN_ONCE);
            quiet = -1;

        } else {
            (void) ev_run(sjl_loop, EVRUN_NOWAIT);
        }

        if (fuzz_posts) {
            fuzz_posted();
            quiet = -1;
        }

        for (i = 0; i < n; i++) {
            fuzz_read(&ends[i]);
        }

        fuzz_check(passes++ < FUZZ_PASSES);
    }
}


static void
fuzz_read(int *end)
{
    char         *token;
    ssize_t       n;
    static char   buf[65536];

    while (*end != -1) {
        n = read(*end, buf, sizeof(buf) - 1);

        if (n == -1 && errno == EAGAIN) {
            return;
        }

        if (n <= 0) {
            (void) close(*end);
            *end = -1;
            return;
        }

        buf[n] = '\0';
        token = memmem(buf, (size_t) n, "\"token\":\"", 9);

        if (token) {
            (void) snprintf(fuzz_driver.token, sizeof(fuzz_driver.token),
                            "%.*s", (int) strcspn(token + 9, "\""), token + 9);
        }
    }
}


void
fuzz_launcher_reset(int *ends, size_t n)
{
    size_t         i, passes;
    sjl_driver_t  *d, *next;

    for (passes = 0; sjl_drivers || sjl_context_count(); passes++) {
        fuzz_check(passes < FUZZ_PASSES);
        sjl_context_stop_all(1);

        /* those that their contexts have given up have a timer only */

        DL_FOREACH_SAFE(sjl_drivers, d, next) {
            sjl_driver_stop(d, 1);
        }

        fuzz_launcher_settle(ends, n);
    }

    for (i = 0; i < n; i++) {
        if (ends[i] != -1) {
            (void) close(ends[i]);
            ends[i] = -1;
        }
    }

    fuzz_launcher_settle(NULL, 0);
    fuzz_forget_resources(&sjl_clusters_type, SJP_CLUSTER_DELETE);
    fuzz_forget_resources(&sjl_libraries_type, SJP_LIBRARY_DELETE);
    fuzz_forget_files();
    fuzz_forget();

    fuzz_check(sjl_conns == NULL);
    fuzz_check(sjl_contexts == NULL);
    fuzz_check(sjl_jobs == NULL);
    fuzz_check(fuzz_processes == NULL);
    fuzz_check(fuzz_lowest() == fuzz_free);

    memset(&fuzz_driver, 0, sizeof(fuzz_driver));
}


/* clusters have library sets, and these have binaries */

static void
fuzz_forget_resources(const sjl_resource_type_t *type, unsigned message)
{
    int              end;
    json_t          *meta;
    char            *text;
    uint32_t         stream;
    sjl_resource_t  *resource, *next;

    end = fuzz_launcher_connect();
    stream = 1;

    fuzz_launcher_send(end, SJP_HELLO, stream++, "{\"protocol\":1}", "", 0);

    HASH_ITER(hh, *type->all, resource, next) {

        if (resource->fixed) {
            continue;
        }

        meta = json_pack("{s:s, s:s}", "name", resource->row.name, "user", "");
        text = sjl_json_text(meta);
        fuzz_launcher_send(end, message, stream++, text, "", 0);
        free(text);
        json_decref(meta);
    }

    fuzz_launcher_settle(&end, 1);

    HASH_ITER(hh, *type->all, resource, next) {
        fuzz_check(resource->fixed);
    }

    (void) close(end);
    fuzz_launcher_settle(NULL, 0);
}


static void
fuzz_forget_files(void)
{
    int            end;
    json_t        *meta;
    char          *text;
    uint32_t       stream;
    sjl_binary_t  *binary, *next;

    end = fuzz_launcher_connect();
    stream = 1;

    fuzz_launcher_send(end, SJP_HELLO, stream++, "{\"protocol\":1}", "", 0);
    fuzz_launcher_send(end, SJP_DATA_RESET, stream++, "{\"user\":\"\"}", "",
                       0);

    HASH_ITER(hh, sjl_binaries, binary, next) {
        meta = json_pack("{s:s, s:s}", "name", binary->row.name, "user", "");
        text = sjl_json_text(meta);
        fuzz_launcher_send(end, SJP_BINARY_DELETE, stream++, text, "", 0);
        free(text);
        json_decref(meta);
    }

    fuzz_launcher_settle(&end, 1);
    fuzz_check(sjl_binaries == NULL);

    (void) close(end);
    fuzz_launcher_settle(NULL, 0);
}


/* the database thread has nothing to do, so its rows may be changed from here */

static void
fuzz_forget(void)
{
    sjl_dao_t   *dao;
    sjl_page_t   page;

    dao = sjl_db_dao();
    fuzz_check(dao->type->begin(dao) == SJL_OK);

    memset(&page, 0, sizeof(page));
    page.before = page.limit = page.scan = FUZZ_ALL;
    fuzz_check(dao->type->job_purge(dao, &page, fuzz_row, NULL) == SJL_OK);

    memset(&page, 0, sizeof(page));
    page.before = page.limit = page.scan = FUZZ_ALL;
    fuzz_check(dao->type->context_purge(dao, &page, fuzz_row, NULL)
               == SJL_OK);

    fuzz_check(dao->type->commit(dao) == SJL_OK);
}


static void
fuzz_row(void *data, const void *row)
{
    (void) data;
    (void) row;
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
