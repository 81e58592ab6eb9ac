
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Batches run: started, found again, asked to end, over.
 */


#include "sjl_batch.h"
#include "sjl_command.h"
#include "sjl_config.h"
#include "sjl_files.h"
#include "sjl_folder.h"
#include "sjl_quota.h"
#include "sjl_server.h"
#include "sjl_setup.h"
#include "sjl_yarn.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>


#define SJL_BATCH_APPLICATION  200      /* bytes of its id */
#define SJL_BATCH_URL          2048


static int sjl_batch_spawn(sjl_batch_t *b);
static int sjl_batch_spawn_command(sjl_batch_t *b, const sjl_command_t *cmd,
    const sjl_login_t *login);
static int sjl_batch_take(sjl_batch_t *b);
static int sjl_batch_is_owners(const sjl_batch_t *b);
static void sjl_batch_exited(sjl_process_t *p, int status);
static int sjl_batch_ended(sjl_batch_t *b);
static char *sjl_batch_why(int status);
static void sjl_batch_end(sjl_batch_t *b, sjp_batch_state_e state, char *why,
    int64_t when);
static char *sjl_batch_rest(const sjl_batch_t *b);
static void sjl_batch_reaped(void *data, int known, const char *left);
static void sjl_batch_over(sjl_batch_t *b);
static void sjl_batch_expired(struct ev_loop *loop, ev_timer *timer,
    int events);


void
sjl_batch_run(sjl_batch_t *b)
{
    if (b->row.stopping) {
        sjl_batch_end(b, SJP_BATCH_KILLED_STATE, NULL, sjl_now());
        return;
    }

    /* it is the next launcher's, since nobody would have it end here */

    if (sjl_server_ending()) {
        return;
    }

    b->tried = 1;

    if (sjl_batch_spawn(b) == SJL_ERROR) {
        sjl_batch_end(b, SJP_BATCH_DEAD_STATE,
                      sjl_strdup("SparkSubmit could not be started, the "
                                 "launcher's log tells why"), sjl_now());
        return;
    }

    sjl_log(SJL_LOG_INFO, "batch %lld %s: process %d was started",
            (long long) b->row.number, b->row.id, (int) b->process.pid);
}


static int
sjl_batch_spawn(sjl_batch_t *b)
{
    int             rc;
    char           *folder;
    const char     *name;
    sjl_login_t     login;
    sjl_command_t   cmd;
    sjl_cluster_t  *cluster;
    sjl_library_t  *library;

    name = json_string_value(json_object_get(b->spec, "cluster"));
    cluster = name ? sjl_cluster_find(name) : NULL;
    library = sjl_library_find(json_string_value(json_object_get(b->spec,
                                                                 "library")));

    if (library == NULL || (name && cluster == NULL)) {
        sjl_log(SJL_LOG_ERR, "batch %lld %s: its cluster or its library set is "
                "there no longer", (long long) b->row.number, b->row.id);
        return SJL_ERROR;
    }

    sjl_login_make(&login, &b->owner);

    rc = sjl_command_batch(&cmd, b->row.id,
                           json_object_get(b->spec, "options"),
                           json_object_get(b->spec, "words"), library, cluster,
                           &login);

    if (rc == SJL_OK) {
        folder = sjl_path_context(b->row.id, "");
        sjl_command_wrap(&cmd, "wait", folder);
        free(folder);

        rc = sjl_batch_spawn_command(b, &cmd, &login);
        sjl_command_free(&cmd);
    }

    sjl_login_free(&login);

    if (rc == SJL_ERROR) {
        sjl_quota_sweep();
    }

    return rc;
}


static int
sjl_batch_spawn_command(sjl_batch_t *b, const sjl_command_t *cmd,
    const sjl_login_t *login)
{
    int           rc;
    char         *folder, *log;
    sjl_spawn_t   spawn;

    spawn.group = sjl_quota_group(b->row.id);

    if (spawn.group == SJL_QUOTA_FAILED) {
        return SJL_ERROR;
    }

    folder = sjl_path_context(b->row.id, "");
    log = sjl_batch_path(b, SJL_BATCH_LOG);

    spawn.argv = cmd->argv;
    spawn.envp = cmd->envp;
    spawn.input = "";
    spawn.folder = folder;
    spawn.log = log;
    spawn.nice = 0;
    spawn.login = login;

    b->process.exited = sjl_batch_exited;
    rc = sjl_process_spawn(&b->process, &spawn);

    free(folder);
    free(log);

    if (spawn.group != -1) {
        (void) close(spawn.group);
    }

    return rc;
}


/*
 * The process that waits says that it is there before it starts anything, and
 * there can be but one that has: so one that an earlier launcher has started,
 * and that comes late, does nothing.
 */

void
sjl_batch_resume(sjl_batch_t *b)
{
    char  *process;

    if (sjl_batch_take(b) == SJL_OK) {

        sjl_log(SJL_LOG_INFO, "batch %lld %s: process %d goes on",
                (long long) b->row.number, b->row.id, (int) b->process.pid);

        if (b->row.stopping) {
            sjl_batch_stop(b);
        }

        return;
    }

    if (sjl_batch_ended(b)) {
        return;
    }

    process = sjl_batch_read(b, SJL_BATCH_PROCESS);

    if (process == NULL && !b->tried) {
        sjl_batch_run(b);

    } else if (b->row.stopping || b->ending) {
        sjl_batch_end(b, SJP_BATCH_KILLED_STATE,
                      b->row.stopping ? NULL
                      : sjl_strdup("the launcher was stopped"), sjl_now());

    } else {
        sjl_batch_end(b, SJP_BATCH_DEAD_STATE,
                      sjl_strdup("its processes have ended, and nobody knows "
                                 "how: they were killed, or this host was"),
                      sjl_now());
    }

    free(process);
}


static int
sjl_batch_take(sjl_batch_t *b)
{
    int    rc;
    char  *text;

    text = sjl_batch_read(b, SJL_BATCH_PROCESS);

    b->process.exited = sjl_batch_exited;
    b->process.child = 0;

    rc = text ? sjl_process_adopt(&b->process, text) : SJL_ERROR;
    free(text);

    /*
     * Whoever the batch runs as may have written what he likes; with our
     * rights he could end processes of others.
     */

    if (rc == SJL_OK && !sjl_batch_is_owners(b)) {
        sjl_log(SJL_LOG_ERR, "batch %lld %s: process %d, or group %d, is "
                "another one's", (long long) b->row.number, b->row.id,
                (int) b->process.pid, (int) b->process.group);
        sjl_process_forget(&b->process);
        rc = SJL_ERROR;
    }

    return rc;
}


static int
sjl_batch_is_owners(const sjl_batch_t *b)
{
    char         path[32];
    struct stat  sb;

    (void) snprintf(path, sizeof(path), "/proc/%d", (int) b->process.pid);

    return stat(path, &sb) == 0 && sb.st_uid == b->owner.uid
           && b->process.pid != getpid() && b->process.group != getpgrp()
           && b->process.group == getpgid(b->process.pid);
}


/* what there is now decides, whoever that was */

static void
sjl_batch_exited(sjl_process_t *p, int status)
{
    sjl_batch_t  *b;

    (void) status;

    b = sjl_container(p, sjl_batch_t, process);

    ev_timer_stop(sjl_loop, &b->timer);
    sjl_batch_resume(b);
}


/* whether it has left how it has ended */

static int
sjl_batch_ended(sjl_batch_t *b)
{
    int          killed;
    char        *text, *why;
    json_t      *said;
    json_int_t   status, when;
    const char  *refused;

    text = sjl_batch_read(b, SJL_BATCH_STATUS);
    said = text ? json_loads(text, 0, NULL) : NULL;
    free(text);

    refused = NULL;
    killed = 0;

    if (said == NULL
        || json_unpack(said, "{s:I, s:I, s?b, s?s}", "status", &status, "end",
                       &when, "killed", &killed, "why", &refused)
           == -1)
    {
        json_decref(said);
        return 0;
    }

    why = refused ? sjl_strdup(refused) : sjl_batch_why((int) status);

    if (when < b->row.start || when > sjl_now()) {
        when = sjl_now();
    }

    sjl_batch_look(b);

    if (b->row.stopping || b->ending || killed) {
        sjl_batch_end(b, SJP_BATCH_KILLED_STATE, why, when);

    } else {
        sjl_batch_end(b, status == 0 ? SJP_BATCH_SUCCESS_STATE
                                     : SJP_BATCH_DEAD_STATE,
                      why, when);
    }

    json_decref(said);

    return 1;
}


static char *
sjl_batch_why(int status)
{
    if (status == 0) {
        return NULL;
    }

    if (WIFSIGNALED(status)) {
        return sjl_format("SparkSubmit was killed by signal %d (%s)",
                          WTERMSIG(status), strsignal(WTERMSIG(status)));
    }

    return sjl_format("SparkSubmit exited with code %d", WEXITSTATUS(status));
}


/*
 * "why", which may be NULL, is used up.  An application that a cluster has yet
 * is killed first: until then the row says that there is something to do.
 */

static void
sjl_batch_end(sjl_batch_t *b, sjp_batch_state_e state, char *why, int64_t when)
{
    char  *rest, *who;

    if (why) {
        sjl_text_clean(why);
    }

    free(b->row.reason);
    b->row.reason = why;
    b->end_state = state;
    b->end = when;

    sjl_quota_kill(b->row.id);

    rest = sjl_batch_rest(b);

    if (rest == NULL) {
        sjl_batch_over(b);
        return;
    }

    b->reaping = 1;

    who = sjl_format("batch %lld %s", (long long) b->row.number, b->row.id);
    sjl_yarn_reap_of(b->row.id, who, rest,
                     json_string_value(json_object_get(b->spec, "cluster")),
                     sjl_batch_reaped, b);
    free(who);
}


/* where its cluster is asked, to be freed; NULL: it has none to ask */

static char *
sjl_batch_rest(const sjl_batch_t *b)
{
    char           *rest, *why;
    const char     *name;
    sjl_cluster_t  *cluster;
    sjl_library_t  *library;

    if (!sjl_yarn_is(json_string_value(json_object_get(b->spec, "master")))) {
        return NULL;
    }

    name = json_string_value(json_object_get(b->spec, "cluster"));
    cluster = name ? sjl_cluster_find(name) : NULL;
    library = sjl_library_find(json_string_value(json_object_get(b->spec,
                                                                 "library")));
    why = NULL;
    rest = sjl_yarn_rest_of(cluster, library, &why);

    if (rest == NULL) {
        sjl_log(SJL_LOG_WARN, "batch %lld %s: nobody can be asked whether its "
                "application has ended: %s", (long long) b->row.number,
                b->row.id, why);
        free(why);
    }

    return rest;
}


static void
sjl_batch_reaped(void *data, int known, const char *left)
{
    char         *why;
    sjl_batch_t  *b;

    (void) known;

    b = data;

    if (left) {
        why = b->row.reason ? sjl_format("%s; %s", b->row.reason, left)
                            : sjl_strdup(left);
        free(b->row.reason);
        b->row.reason = why;
        sjl_text_clean(why);
    }

    sjl_batch_over(b);
}


static void
sjl_batch_over(sjl_batch_t *b)
{
    b->reaping = 0;
    b->row.state = b->row.stopping ? SJP_BATCH_KILLED_STATE : b->end_state;
    b->row.end = b->end;
    b->row.application = b->application;
    b->row.url = b->url;
    b->application = NULL;
    b->url = NULL;

    sjl_log(SJL_LOG_INFO, "batch %lld %s: %s%s%s", (long long) b->row.number,
            b->row.id, sjl_batch_state(b), b->row.reason ? ", " : "",
            b->row.reason ? b->row.reason : "");

    sjl_quota_sweep();
    sjl_folder_sweep(sjl_path_context(b->row.id, ""), 0);
    sjl_batch_save(b);
}


void
sjl_batch_stop(sjl_batch_t *b)
{
    b->ending = 1;

    if (b->process.pid == 0) {
        return;
    }

    sjl_process_signal(&b->process, SIGTERM);

    ev_timer_stop(sjl_loop, &b->timer);
    ev_timer_init(&b->timer, sjl_batch_expired,
                  (double) sjl_conf->kill_timeout, 0.);
    b->timer.data = b;
    ev_timer_start(sjl_loop, &b->timer);
}


static void
sjl_batch_expired(struct ev_loop *loop, ev_timer *timer, int events)
{
    sjl_batch_t  *b;

    (void) loop;
    (void) events;

    b = timer->data;

    sjl_log(SJL_LOG_WARN, "batch %lld %s does not end, and is killed",
            (long long) b->row.number, b->row.id);
    sjl_process_signal(&b->process, SIGKILL);
}


/* as the process that waits has read it in what Spark says */

void
sjl_batch_look(sjl_batch_t *b)
{
    int          runs;
    char        *text;
    json_t      *told;
    const char  *application, *url;

    text = sjl_batch_read(b, SJL_BATCH_TOLD);
    told = text ? json_loads(text, 0, NULL) : NULL;
    free(text);

    application = NULL;
    url = NULL;
    runs = !json_is_true(json_object_get(b->spec, "deployed"));

    if (told) {
        (void) json_unpack(told, "{s?s, s?s, s?b}", "application", &application,
                           "url", &url, "runs", &runs);
    }

    b->runs = runs ? 1 : 0;

    if (application && strlen(application) <= SJL_BATCH_APPLICATION) {
        free(b->application);
        b->application = sjl_strdup(application);
        sjl_text_clean(b->application);
    }

    if (url && strlen(url) <= SJL_BATCH_URL && strncmp(url, "http", 4) == 0) {
        free(b->url);
        b->url = sjl_strdup(url);
        sjl_text_clean(b->url);
    }

    json_decref(told);
}


void
sjl_batch_stop_all(int now)
{
    sjl_batch_t  *b, *next;

    HASH_ITER(hh, sjl_batches, b, next) {

        if (sjl_batch_final(b) || b->process.pid == 0) {
            continue;
        }

        sjl_batch_stop(b);

        if (now) {
            sjl_process_signal(&b->process, SIGKILL);
        }
    }
}


size_t
sjl_batch_stopping(void)
{
    size_t        n;
    sjl_batch_t  *b, *next;

    n = 0;

    HASH_ITER(hh, sjl_batches, b, next) {
        n += b->process.pid != 0;
    }

    return n;
}


void
sjl_batch_leave(void)
{
    sjl_batch_t  *b, *next;

    HASH_ITER(hh, sjl_batches, b, next) {
        sjl_process_forget(&b->process);
    }
}
