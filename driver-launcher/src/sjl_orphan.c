
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_orphan.h"
#include "sjl_archive.h"
#include "sjl_batch.h"
#include "sjl_config.h"
#include "sjl_context.h"
#include "sjl_files.h"
#include "sjl_probe.h"
#include "sjl_remote.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <utlist.h>


#define SJL_ORPHAN_FIRST    .2          /* seconds */
#define SJL_ORPHAN_PAUSE    10.
#define SJL_ORPHAN_ENVIRON  (256 * 1024)

#define SJL_ORPHAN_ID       "SPARKJOB_CONTEXT="


static void sjl_orphan_look(struct ev_loop *loop, ev_timer *timer, int events);
static int sjl_orphan_list(sjl_file_op_t *op);
static int sjl_orphan_context(const char *pid, const char *mark, char *text,
    char *id);
static int sjl_orphan_open(const char *pid);
static int sjl_orphan_user(const char *pid, sjl_owner_t *user);
static const char *sjl_orphan_find(const char *text, size_t len,
    const char *mark);
static void sjl_orphan_listed(sjl_file_op_t *op);
static int sjl_orphan_owned(pid_t pid, pid_t session, const char *id);
static void sjl_orphan_found(sjl_context_t *ctx, pid_t pid);
static void sjl_orphan_end(pid_t pid, const char *id, int signo);


static ev_timer   sjl_orphan_timer;

static int        sjl_orphan_has_looked;

/* those of the last look, which were sent a SIGTERM, by pid and context */
static json_t    *sjl_orphans;


void
sjl_orphan_start(void)
{
    sjl_orphans = json_object();

    /* the first look comes at once, but not before the first answers */

    ev_timer_init(&sjl_orphan_timer, sjl_orphan_look, SJL_ORPHAN_FIRST, 0.);
    ev_timer_start(sjl_loop, &sjl_orphan_timer);
}


static void
sjl_orphan_look(struct ev_loop *loop, ev_timer *timer, int events)
{
    sjl_file_op_t  *op;

    (void) loop;
    (void) timer;
    (void) events;

    op = sjl_file_op_make(sjl_orphan_list, sjl_orphan_listed, NULL);
    op->from = sjl_format("SPARKJOB_SOCKET=%s", sjl_conf->channel_socket);

    sjl_file_op_add(op);
}


/* on the file thread: lines of pid, session and context */

static int
sjl_orphan_list(sjl_file_op_t *op)
{
    DIR            *dir;
    char           *text, *more, id[SJL_ID_LEN + 1];
    struct dirent  *entry;

    dir = opendir("/proc");

    if (dir == NULL) {
        sjl_why_set(&op->why, errno, "opendir(\"/proc\") failed: %s",
                    strerror(errno));
        return SJL_ERROR;
    }

    text = sjl_alloc(SJL_ORPHAN_ENVIRON);
    op->body = sjl_strdup("");

    for (entry = readdir(dir); entry; entry = readdir(dir)) {

        if (strspn(entry->d_name, "0123456789") != strlen(entry->d_name)
            || !sjl_orphan_context(entry->d_name, op->from, text, id))
        {
            continue;
        }

        more = sjl_format("%s%s %d %s\n", op->body, entry->d_name,
                          (int) getsid((pid_t) atoi(entry->d_name)), id);
        free(op->body);
        op->body = more;
    }

    free(text);
    (void) closedir(dir);

    return SJL_OK;
}


/* whether a process was started for a context of ours */

static int
sjl_orphan_context(const char *pid, const char *mark, char *text, char *id)
{
    int          fd;
    size_t       len;
    ssize_t      n;
    const char  *found;

    fd = sjl_orphan_open(pid);

    if (fd == -1) {
        return 0;
    }

    len = 0;

    do {
        n = read(fd, text + len, SJL_ORPHAN_ENVIRON - 1 - len);
        len += n > 0 ? (size_t) n : 0;
    } while (n > 0);

    (void) close(fd);
    text[len] = '\0';

    found = sjl_orphan_find(text, len, mark);

    if (found == NULL || *found) {
        return 0;
    }

    found = sjl_orphan_find(text, len, SJL_ORPHAN_ID);

    if (found == NULL || !sjl_id_ok(found)) {
        return 0;
    }

    memcpy(id, found, SJL_ID_LEN + 1);

    return 1;
}


/* that of another user's process is open to this user, and not to us */

static int
sjl_orphan_open(const char *pid)
{
    int          fd;
    char         path[64];
    sjl_owner_t  user;

    (void) snprintf(path, sizeof(path), "/proc/%.20s/environ", pid);

    fd = open(path, O_RDONLY|O_CLOEXEC);

    if (fd == -1 && errno == EACCES
        && sjl_orphan_user(pid, &user) == SJL_OK)
    {
        sjl_owner_enter_user(&user);
        fd = open(path, O_RDONLY|O_CLOEXEC);
        sjl_owner_leave();
    }

    return fd;
}


static int
sjl_orphan_user(const char *pid, sjl_owner_t *user)
{
    char         path[64];
    struct stat  sb;

    (void) snprintf(path, sizeof(path), "/proc/%.20s", pid);

    if (stat(path, &sb) == -1) {
        return SJL_ERROR;
    }

    user->uid = sb.st_uid;
    user->gid = sb.st_gid;

    return SJL_OK;
}


/* what stands behind a beginning of one of the texts, which end with zeros */

static const char *
sjl_orphan_find(const char *text, size_t len, const char *mark)
{
    size_t       n;
    const char  *p;

    n = strlen(mark);

    for (p = text; p < text + len; p += strlen(p) + 1) {
        if (strncmp(p, mark, n) == 0) {
            return p + n;
        }
    }

    return NULL;
}


static void
sjl_orphan_listed(sjl_file_op_t *op)
{
    int      pid, session;
    char    *line, *next, id[SJL_ID_LEN + 1], key[64];
    json_t  *orphans;

    /* without our drivers all processes would look like that */

    if (sjl_orphans == NULL) {
        sjl_file_op_free(op);
        return;
    }

    orphans = json_object();

    for (line = op->body; line && *line; line = next) {
        next = strchr(line, '\n') + 1;

        if (sscanf(line, "%d %d %36s", &pid, &session, id) != 3
            || sjl_orphan_owned(pid, session, id))
        {
            continue;
        }

        (void) snprintf(key, sizeof(key), "%d %s", pid, id);
        (void) json_object_set_new(orphans, key, json_true());

        sjl_orphan_end(pid, id, json_object_get(sjl_orphans, key) ? SIGKILL
                                                                  : SIGTERM);
    }

    json_decref(sjl_orphans);
    sjl_orphans = orphans;
    sjl_orphan_has_looked = 1;

    if (op->rc == SJL_ERROR) {
        sjl_log(SJL_LOG_CRIT, "%s", op->why.text);
    }

    sjl_file_op_free(op);

    ev_timer_set(&sjl_orphan_timer, SJL_ORPHAN_PAUSE, 0.);
    ev_timer_start(sjl_loop, &sjl_orphan_timer);
}


/*
 * Whether somebody else is going to end a process: a driver ends with its
 * context, and takes its session with it.
 */

static int
sjl_orphan_owned(pid_t pid, pid_t session, const char *id)
{
    sjl_driver_t   *d;
    sjl_context_t  *ctx;

    ctx = sjl_context_find(id);

    /* of a driver elsewhere nothing is here, but who submits it */

    if (ctx && ctx->driver && ctx->driver->remote == NULL) {

        if (pid == session) {
            sjl_orphan_found(ctx, pid);
        }

        return 1;
    }

    DL_FOREACH(sjl_drivers, d) {
        if (d->process.pid == session
            || (d->context && d->remote && d->remote->submitter == session)
            || (d->context && d->remote == NULL && strcmp(d->id, id) == 0))
        {
            return 1;
        }
    }

    return sjl_archive_owns(session) || sjl_probe_owns(session)
           || sjl_batch_lives(id);
}


/* anybody can have that environment, but only its user's process is a driver */

static void
sjl_orphan_found(sjl_context_t *ctx, pid_t pid)
{
    char         number[24];
    sjl_owner_t  user;

    (void) snprintf(number, sizeof(number), "%d", (int) pid);

    if (sjl_orphan_user(number, &user) == SJL_OK && user.uid == ctx->owner.uid)
    {
        sjl_driver_found(ctx->driver, pid);
    }
}


/* its number may be another's by now */

static void
sjl_orphan_end(pid_t pid, const char *id, int signo)
{
    int    fd;
    char  *text, *mark, number[24], now[SJL_ID_LEN + 1];

    fd = (int) syscall(SYS_pidfd_open, pid, 0);

    if (fd == -1) {
        return;
    }

    (void) snprintf(number, sizeof(number), "%d", (int) pid);
    mark = sjl_format("SPARKJOB_SOCKET=%s", sjl_conf->channel_socket);
    text = sjl_alloc(SJL_ORPHAN_ENVIRON);

    if (sjl_orphan_context(number, mark, text, now) && strcmp(now, id) == 0) {
        sjl_log(SJL_LOG_WARN, "process %d was started for context %s, which "
                "does not need it any longer: it is sent %s", (int) pid, id,
                signo == SIGKILL ? "SIGKILL" : "SIGTERM");

        if (syscall(SYS_pidfd_send_signal, fd, signo, NULL, 0) == -1
            && errno != ESRCH)
        {
            sjl_log(SJL_LOG_CRIT, "signal %d to process %d failed: %s", signo,
                    (int) pid, strerror(errno));
        }
    }

    free(text);
    free(mark);
    (void) close(fd);
}


int
sjl_orphan_looked(void)
{
    return sjl_orphan_has_looked;
}


/* what was found by the last look is being ended, and may not have been yet */

int
sjl_orphan_cleared(const char *id)
{
    json_t      *value;
    const char  *key;

    if (!sjl_orphan_has_looked) {
        return 0;
    }

    json_object_foreach(sjl_orphans, key, value) {
        if (strcmp(strchr(key, ' ') + 1, id) == 0) {
            return 0;
        }
    }

    return 1;
}


void
sjl_orphan_stop(void)
{
    ev_timer_stop(sjl_loop, &sjl_orphan_timer);
    json_decref(sjl_orphans);
    sjl_orphans = NULL;
}
