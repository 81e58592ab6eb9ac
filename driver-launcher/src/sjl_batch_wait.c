
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The process between the launcher and SparkSubmit, with the rights of the
 * batch's user.  It lives as long as SparkSubmit does, whatever becomes of the
 * launcher, and leads the session of all that the batch starts.
 *
 * Its files in the batch's folder are there at once, and durable: who it is
 * (so that there is one such process for a batch, and no second one), what it
 * has learned from what Spark says, and how SparkSubmit has ended.
 */


#include "sjl_batch.h"
#include "sjl_batch_said.h"
#include "sjl_outbound.h"

#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>


#define SJL_WAIT_CLAIMED  3             /* exit code: another one has it */
#define SJL_WAIT_CHUNK    (64 * 1024)
#define SJL_WAIT_PAUSE    1             /* seconds, when the disk is full */


typedef struct {
    char *const       *argv;
    json_t            *plan;
    pid_t              pid;
    int                out;             /* what SparkSubmit says */
    int                ended;           /* tells when it has ended */
    int                status;
    char              *why;             /* it was not even started */
    sjl_batch_said_t  *said;
} sjl_wait_t;


static void sjl_wait_signals(void (*handler)(int));
static int sjl_wait_claim(void);
static int sjl_wait_write(const char *name, const char *text, int once);
static int sjl_wait_put(const char *name, const char *text);
static int sjl_wait_sync(void);
static char *sjl_wait_hosts(const json_t *plan);
static char *sjl_wait_host(const json_t *entry, const json_t *rules);
static int sjl_wait_start(sjl_wait_t *w);
static void sjl_wait_child(const sjl_wait_t *w, int out, pid_t parent);
static void sjl_wait_loop(sjl_wait_t *w);
static int sjl_wait_read(sjl_wait_t *w, char *chunk);
static void sjl_wait_end(sjl_wait_t *w);


/* the batch is asked to end by these, and not who tells of it */

static const int  sjl_wait_ignored[] = {
    SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGXFSZ
};


extern char  **environ;


int
sjl_batch_wait(char *const *args)
{
    sjl_wait_t  w;

    memset(&w, 0, sizeof(w));
    w.argv = args + 1;

    sjl_wait_signals(SIG_IGN);
    (void) prctl(PR_SET_NAME, "sparkjob-batch");

    if (chdir(args[0]) == -1) {
        perror(args[0]);
        return 1;
    }

    if (sjl_wait_claim() == SJL_ERROR) {
        return SJL_WAIT_CLAIMED;
    }

    w.plan = json_load_file(SJL_BATCH_PLAN, 0, NULL);
    w.said = sjl_batch_said_make(STDOUT_FILENO,
                                 json_integer_value(json_object_get(w.plan,
                                                                    "log")));
    w.why = sjl_wait_hosts(w.plan);

    if (w.why == NULL && sjl_wait_start(&w) == SJL_OK) {
        sjl_wait_loop(&w);
    }

    sjl_wait_end(&w);

    /* whatever the batch has left running in its session ends with it */

    (void) kill(0, SIGKILL);

    return 0;
}


static void
sjl_wait_signals(void (*handler)(int))
{
    size_t            i;
    struct sigaction  sa;

    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = handler;

    for (i = 0; i < sjl_nelts(sjl_wait_ignored); i++) {
        (void) sigaction(sjl_wait_ignored[i], &sa, NULL);
    }
}


static int
sjl_wait_claim(void)
{
    int    rc;
    char  *text;

    text = sjl_process_self();
    rc = sjl_wait_write(SJL_BATCH_PROCESS, text, 1);
    free(text);

    return rc;
}


/* whole, or not at all; "once": SJL_ERROR when it is there already */

static int
sjl_wait_write(const char *name, const char *text, int once)
{
    int    rc;
    char  *tmp;

    tmp = sjl_format("%s.%d", name, (int) getpid());

    rc = sjl_wait_put(tmp, text);

    if (rc == SJL_OK) {
        rc = once ? link(tmp, name) : rename(tmp, name);
    }

    if (once || rc == -1) {
        (void) unlink(tmp);
    }

    free(tmp);

    return rc == -1 ? SJL_ERROR : sjl_wait_sync();
}


static int
sjl_wait_put(const char *name, const char *text)
{
    int     fd, rc;
    size_t  n;

    n = strlen(text);
    fd = open(name, O_WRONLY|O_CREAT|O_TRUNC|O_NOFOLLOW|O_CLOEXEC, 0600);

    if (fd == -1) {
        return SJL_ERROR;
    }

    rc = write(fd, text, n) == (ssize_t) n && fsync(fd) == 0 ? SJL_OK
                                                             : SJL_ERROR;
    (void) close(fd);

    return rc;
}


static int
sjl_wait_sync(void)
{
    int  fd, rc;

    fd = open(".", O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    rc = fd != -1 && fsync(fd) == 0 ? SJL_OK : SJL_ERROR;

    if (fd != -1) {
        (void) close(fd);
    }

    return rc;
}


/* why one of the hosts that files come from may not be reached, or NULL */

static char *
sjl_wait_hosts(const json_t *plan)
{
    char    *why;
    size_t   i;
    json_t  *hosts, *entry;

    hosts = json_object_get(plan, "hosts");
    why = NULL;

    json_array_foreach(hosts, i, entry) {
        why = sjl_wait_host(entry, json_object_get(plan, "rules"));

        if (why) {
            break;
        }
    }

    return why;
}


static char *
sjl_wait_host(const json_t *entry, const json_t *rules)
{
    int               rc;
    char             *why, port[24], text[128];
    const char       *host;
    struct addrinfo   hints, *all, *one;

    host = json_string_value(json_object_get(entry, "host"));
    (void) snprintf(port, sizeof(port), "%lld", (long long)
                    json_integer_value(json_object_get(entry, "port")));

    memset(&hints, 0, sizeof(hints));
    hints.ai_socktype = SOCK_STREAM;

    rc = getaddrinfo(host, port, &hints, &all);

    if (rc != 0) {
        return sjl_format("%s cannot be found: %s", host, gai_strerror(rc));
    }

    why = NULL;

    for (one = all; one && why == NULL; one = one->ai_next) {
        if (!sjl_outbound_may(rules, host, one->ai_addr)) {
            sjl_outbound_text(one->ai_addr, text, sizeof(text));
            why = sjl_format("%s is not allowed: its address %s is one of this "
                             "host or this network, and the launcher's "
                             "outbound.hosts does not list it", host, text);
        }
    }

    freeaddrinfo(all);

    return why;
}


static int
sjl_wait_start(sjl_wait_t *w)
{
    int    fds[2];
    pid_t  parent;

    if (pipe2(fds, O_CLOEXEC) == -1) {
        w->why = sjl_format("pipe2() failed: %s", strerror(errno));
        return SJL_ERROR;
    }

    parent = getpid();
    w->out = fds[0];
    w->pid = fork();

    if (w->pid == 0) {
        sjl_wait_child(w, fds[1], parent);
    }

    (void) close(fds[1]);

    if (w->pid == -1) {
        w->why = sjl_format("fork() failed: %s", strerror(errno));
        return SJL_ERROR;
    }

    w->ended = (int) syscall(SYS_pidfd_open, w->pid, 0);

    /* without it nobody would see that it has ended */

    if (w->ended == -1) {
        w->why = sjl_format("pidfd_open() failed: %s", strerror(errno));
        (void) kill(w->pid, SIGKILL);
        (void) waitpid(w->pid, NULL, 0);
        return SJL_ERROR;
    }

    return SJL_OK;
}


/* without somebody who tells how it has ended it is not to run */

static void
sjl_wait_child(const sjl_wait_t *w, int out, pid_t parent)
{
    sjl_wait_signals(SIG_DFL);

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent
        || dup2(out, STDOUT_FILENO) == -1 || dup2(out, STDERR_FILENO) == -1)
    {
        _exit(127);
    }

    (void) execve(w->argv[0], w->argv, environ);

    perror(w->argv[0]);
    _exit(127);
}


/* others may hold its output when it has ended: nobody waits for them */

static void
sjl_wait_loop(sjl_wait_t *w)
{
    int             over;
    char           *chunk;
    nfds_t          n;
    struct pollfd   fds[2];

    chunk = sjl_alloc_raw(SJL_WAIT_CHUNK);
    over = 0;

    fds[0].fd = w->ended;
    fds[0].events = POLLIN;
    fds[1].fd = w->out;
    fds[1].events = POLLIN;
    n = 2;

    while (!over) {

        if (poll(fds, n, -1) == -1) {
            continue;
        }

        over = fds[0].revents != 0;

        if (n == 2 && fds[1].revents && !sjl_wait_read(w, chunk)) {
            n = 1;
        }

        if (sjl_batch_said_changed(w->said)) {
            (void) sjl_wait_write(SJL_BATCH_TOLD,
                                  sjl_batch_said_text(w->said), 0);
        }
    }

    fds[1].revents = POLLIN;

    while (n == 2 && poll(&fds[1], 1, 0) == 1 && sjl_wait_read(w, chunk)) {
        /* void */
    }

    while (waitpid(w->pid, &w->status, 0) == -1 && errno == EINTR) {
        /* void */
    }

    free(chunk);
}


/* 0: nobody will say anything more */

static int
sjl_wait_read(sjl_wait_t *w, char *chunk)
{
    ssize_t  n;

    n = read(w->out, chunk, SJL_WAIT_CHUNK);

    if (n > 0) {
        sjl_batch_said_add(w->said, chunk, (size_t) n);
    }

    return n > 0 || (n == -1 && errno == EINTR);
}


/* nobody else will ever know: this waits for a disk that is full */

static void
sjl_wait_end(sjl_wait_t *w)
{
    char    *text;
    json_t  *said;

    if (w->why) {
        sjl_batch_said_add(w->said, w->why, strlen(w->why));
        sjl_batch_said_add(w->said, "\n", 1);
        w->status = 127 << 8;
    }

    (void) sjl_wait_write(SJL_BATCH_TOLD, sjl_batch_said_text(w->said), 0);

    said = json_pack("{s:I, s:I, s:b, s:s*}",
                     "status", (json_int_t) w->status, "end",
                     (json_int_t) sjl_now(), "killed",
                     sjl_batch_said_killed(w->said), "why", w->why);
    text = sjl_json_text(said);

    while (sjl_wait_write(SJL_BATCH_STATUS, text, 0) == SJL_ERROR) {
        (void) sleep(SJL_WAIT_PAUSE);
    }

    json_decref(said);
    free(text);
    sjl_batch_said_free(w->said);
}
