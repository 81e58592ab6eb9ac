
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_process.h"
#include "sjl_quota.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>


static int sjl_process_input(const char *text);
static void sjl_process_child(const sjl_spawn_t *spawn, int input);
static int sjl_process_watch(sjl_process_t *p);
static uint64_t sjl_process_ticks(pid_t pid);
static int sjl_process_is_over(const sjl_process_t *p);
static void sjl_process_boot(char *id, size_t size);
static void sjl_process_ended(struct ev_loop *loop, ev_io *io, int events);
static void sjl_process_expired(struct ev_loop *loop, ev_timer *timer,
    int events);


int
sjl_process_spawn(sjl_process_t *p, const sjl_spawn_t *spawn)
{
    int       input;
    pid_t     pid;
    sigset_t  all, mask;

    input = sjl_process_input(spawn->input);

    if (input == -1) {
        return SJL_ERROR;
    }

    /* our handlers, in a child that has them yet, would swallow its SIGTERM */

    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &mask);

    pid = SPARKJOB_FAILS("create.fork") ? -1 : fork();

    if (pid == 0) {
        sjl_process_child(spawn, input);
    }

    (void) pthread_sigmask(SIG_SETMASK, &mask, NULL);
    (void) close(input);

    if (pid == -1) {
        sjl_log(SJL_LOG_CRIT, "fork() failed: %s", strerror(errno));
        return SJL_ERROR;
    }

    p->pid = pid;
    p->group = pid;
    p->child = 1;
    p->late = 0;
    p->ticks = sjl_process_ticks(pid);

    /* one that cannot be known again would be lost by the next launcher */

    if (p->ticks == 0) {
        sjl_log(SJL_LOG_CRIT, "when process %d was started cannot be read",
                (int) pid);
    }

    if (p->ticks == 0 || sjl_process_watch(p) == SJL_ERROR) {
        (void) kill(-pid, SIGKILL);
        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);
        p->pid = 0;
        return SJL_ERROR;
    }

    return SJL_OK;
}


/*
 * A pipe that has the text already, and ends behind it.  It is where secrets
 * are told: others can read neither it, nor what was read from it, as they can
 * read a command line, or an environment.
 */

static int
sjl_process_input(const char *text)
{
    int     fds[2];
    size_t  len;

    if (pipe2(fds, O_CLOEXEC) == -1) {
        sjl_log(SJL_LOG_CRIT, "pipe2() failed: %s", strerror(errno));
        return -1;
    }

    len = strlen(text);

    /* PIPE_BUF bytes always fit */

    if (len > PIPE_BUF || write(fds[1], text, len) != (ssize_t) len) {
        sjl_log(SJL_LOG_ALERT, "%zu bytes of input do not fit into a pipe",
                len);
        (void) close(fds[0]);
        fds[0] = -1;
    }

    (void) close(fds[1]);

    return fds[0];
}


/*
 * Other threads may hold any lock at the time of the fork, so nothing but
 * system calls happens here.
 */

static void
sjl_process_child(const sjl_spawn_t *spawn, int input)
{
    int               fd, signo;
    sigset_t          none;
    const char       *why;
    struct sigaction  sa;

    (void) setsid();

    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = SIG_DFL;

    for (signo = 1; signo < NSIG; signo++) {
        (void) sigaction(signo, &sa, NULL);
    }

    (void) sigemptyset(&none);
    (void) sigprocmask(SIG_SETMASK, &none, NULL);

    if ((spawn->nice && spawn->nice > getpriority(PRIO_PROCESS, 0)
         && setpriority(PRIO_PROCESS, 0, spawn->nice) == -1)
        || sjl_quota_apply(spawn->group) == SJL_ERROR
        || sjl_login_become(spawn->login) == SJL_ERROR)
    {
        _exit(127);
    }

    fd = open(spawn->log, O_WRONLY|O_CREAT|O_APPEND|O_NOFOLLOW, 0600);

    if (fd == -1 || dup2(fd, STDOUT_FILENO) == -1
        || dup2(fd, STDERR_FILENO) == -1)
    {
        _exit(127);
    }

    if (dup2(input, STDIN_FILENO) == -1 || chdir(spawn->folder) == -1) {
        _exit(127);
    }

    (void) close_range(3, ~0U, 0);

    (void) execve(spawn->argv[0], spawn->argv, spawn->envp);

    why = strerrordesc_np(errno);

    if (write(STDERR_FILENO, spawn->argv[0], strlen(spawn->argv[0])) == -1
        || write(STDERR_FILENO, ": ", 2) == -1
        || write(STDERR_FILENO, why, strlen(why)) == -1
        || write(STDERR_FILENO, "\n", 1) == -1)
    {
        _exit(127);
    }

    _exit(127);
}


static int
sjl_process_watch(sjl_process_t *p)
{
    p->fd = (int) syscall(SYS_pidfd_open, p->pid, 0);

    if (p->fd == -1) {
        if (errno != ESRCH) {
            sjl_log(SJL_LOG_CRIT, "pidfd_open(%d) failed: %s", (int) p->pid,
                    strerror(errno));
        }

        return SJL_ERROR;
    }

    ev_io_init(&p->watch, sjl_process_ended, p->fd, EV_READ);
    p->watch.data = p;
    ev_io_start(sjl_loop, &p->watch);

    return SJL_OK;
}


/* the 22nd field of its stat; the 2nd, in brackets, may hold anything */

static uint64_t
sjl_process_ticks(pid_t pid)
{
    int        fd, n;
    char       path[32], text[1024], *field;
    ssize_t    len;

    (void) snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);

    fd = open(path, O_RDONLY|O_CLOEXEC);

    if (fd == -1) {
        return 0;
    }

    len = read(fd, text, sizeof(text) - 1);
    (void) close(fd);

    if (len <= 0) {
        return 0;
    }

    text[len] = '\0';
    field = strrchr(text, ')');

    for (n = 2; field && n < 22; n++) {
        field = strchr(field + 1, ' ');
    }

    return field ? strtoull(field + 1, NULL, 10) : 0;
}


/* ticks begin anew with each boot */

static void
sjl_process_boot(char *id, size_t size)
{
    int      fd;
    ssize_t  n;

    n = 0;
    fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY|O_CLOEXEC);

    if (fd != -1) {
        n = read(fd, id, size - 1);
        (void) close(fd);
    }

    id[n > 0 ? n : 0] = '\0';
    id[strcspn(id, "\n")] = '\0';
}


char *
sjl_process_text(const sjl_process_t *p)
{
    char  boot[64];

    sjl_process_boot(boot, sizeof(boot));

    return sjl_format("%d %d %llu %s", (int) p->pid, (int) p->group,
                      (unsigned long long) p->ticks, boot);
}


char *
sjl_process_self(void)
{
    sjl_process_t  p;

    p.pid = getpid();
    p.group = getpgrp();
    p.ticks = sjl_process_ticks(p.pid);

    return sjl_process_text(&p);
}


int
sjl_process_adopt(sjl_process_t *p, const char *text)
{
    int                 pid, group;
    char                boot[64], then[64];
    unsigned long long  ticks;

    sjl_process_boot(boot, sizeof(boot));

    if (sscanf(text, "%d %d %llu %63s", &pid, &group, &ticks, then) != 4
        || strcmp(boot, then) != 0)
    {
        return SJL_ERROR;
    }

    p->pid = pid;
    p->group = group;
    p->ticks = ticks;

    /* once it is watched its number cannot be another's */

    if (sjl_process_watch(p) == SJL_ERROR) {
        p->pid = 0;
        return SJL_ERROR;
    }

    if (sjl_process_ticks(p->pid) != p->ticks || sjl_process_is_over(p)) {
        sjl_process_forget(p);
        return SJL_ERROR;
    }

    return SJL_OK;
}


const char *
sjl_process_rest(const char *text)
{
    int  n;

    n = 0;
    (void) sscanf(text, "%*d %*d %*u %*63s %n", &n);

    return n && text[n] ? text + n : NULL;
}


/* whether it has ended already, though nobody has waited for it yet */

static int
sjl_process_is_over(const sjl_process_t *p)
{
    struct pollfd  fd;

    fd.fd = p->fd;
    fd.events = POLLIN;

    return poll(&fd, 1, 0) == 1;
}


int
sjl_process_adopt_pid(sjl_process_t *p, pid_t pid)
{
    p->pid = pid;
    p->group = getpgid(pid);
    p->ticks = sjl_process_ticks(pid);

    /* what is in our own group is killed alone */

    if (p->group <= 1 || p->group == getpgrp()) {
        p->group = 0;
    }

    if (sjl_process_watch(p) == SJL_ERROR) {
        p->pid = 0;
        return SJL_ERROR;
    }

    return SJL_OK;
}


static void
sjl_process_ended(struct ev_loop *loop, ev_io *io, int events)
{
    int             status;
    sjl_process_t  *p;

    (void) loop;
    (void) events;

    p = io->data;
    status = -1;

    /*
     * The group's number is taken as long as its leader was not waited for;
     * that of another's child may be somebody else's by now.
     */

    if (p->child && p->group) {
        (void) kill(-p->group, SIGKILL);
    }

    if (p->child && waitpid(p->pid, &status, 0) == -1) {
        sjl_log(SJL_LOG_ALERT, "waitpid(%d) failed: %s", (int) p->pid,
                strerror(errno));
        status = -1;
    }

    sjl_process_forget(p);
    p->exited(p, status);
}


void
sjl_process_within(sjl_process_t *p, double seconds)
{
    ev_timer_init(&p->limit, sjl_process_expired, seconds, 0.);
    p->limit.data = p;
    ev_timer_start(sjl_loop, &p->limit);
}


static void
sjl_process_expired(struct ev_loop *loop, ev_timer *timer, int events)
{
    sjl_process_t  *p;

    (void) loop;
    (void) events;

    p = timer->data;
    p->late = 1;

    sjl_process_signal(p, SIGKILL);
}


void
sjl_process_signal(const sjl_process_t *p, int signo)
{
    if (p->pid == 0) {
        return;
    }

    if (syscall(SYS_pidfd_send_signal, p->fd, signo, NULL, 0) == -1) {
        if (errno != ESRCH) {
            sjl_log(SJL_LOG_CRIT, "signal %d to process %d failed: %s", signo,
                    (int) p->pid, strerror(errno));
        }

        return;
    }

    if (p->group) {
        (void) kill(-p->group, signo);
    }
}


void
sjl_process_forget(sjl_process_t *p)
{
    if (p->pid == 0) {
        return;
    }

    ev_io_stop(sjl_loop, &p->watch);
    ev_timer_stop(sjl_loop, &p->limit);
    (void) close(p->fd);
    p->pid = 0;
}


char *
sjl_process_words(int status)
{
    if (status == -1) {
        return sjl_strdup("the driver has ended");
    }

    if (WIFSIGNALED(status)) {
        return sjl_format("the driver was killed by signal %d (%s)",
                          WTERMSIG(status), strsignal(WTERMSIG(status)));
    }

    if (WEXITSTATUS(status) == 127) {
        return sjl_strdup("the driver's program could not be started");
    }

    return sjl_format("the driver exited with code %d", WEXITSTATUS(status));
}
