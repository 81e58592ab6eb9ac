
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_probe.h"
#include "sjl_command.h"
#include "sjl_config.h"
#include "sjl_folder.h"
#include "sjl_process.h"
#include "sjl_quota.h"
#include "sjl_submitter.h"
#include "sjl_ticket.h"

#include <signal.h>
#include <sys/stat.h>
#include <utlist.h>


#define SJL_PROBE_MAX     2             /* of a kind at once, of a CPU each */
#define SJL_PROBE_LINES   12            /* of its log, where it says nothing */
#define SJL_PROBE_TAIL    4000
#define SJL_PROBE_REPORT  (256 * 1024)
#define SJL_PROBE_NICE    10
#define SJL_PROBE_TIME    30            /* seconds for an errand */
#define SJL_PROBE_LOOK    "sparkjob.driver.Probe"
#define SJL_PROBE_ERRAND  "sparkjob.driver.Errand"


struct sjl_probe_s {
    char            id[SJL_ID_LEN + 1];
    sjl_probe_e     kind;
    char           *what;               /* it does, for people */
    char           *failed;             /* what is said first if it cannot */
    char           *spec;               /* of the set */
    char           *cluster;            /* an errand's, which has no spec */
    char           *input;              /* a look's, from a pipe */
    char           *told;               /* an errand's, a file of its folder */
    sjl_owner_t     owner;
    sjl_process_t   process;
    sjl_ticket_t   *ticket;
    unsigned        started:1;          /* it is no longer in the queue */
    sjl_probe_pt    done;               /* NULL: nobody wants to know */
    void           *data;
    sjl_probe_t    *next;
    sjl_probe_t    *prev;
};


static sjl_probe_t *sjl_probe_make(char *what, char *failed,
    sjl_probe_pt done, void *data);
static char *sjl_probe_told(const char *name, const json_t *own,
    json_t *words);
static int sjl_probe_over(const sjl_probe_t *probe);
static void sjl_probe_go_on(void);
static void sjl_probe_prepare(sjl_probe_t *probe);
static void sjl_probe_made(sjl_file_op_t *op);
static void sjl_probe_login(sjl_probe_t *probe);
static void sjl_probe_ticket(void *data, char *why);
static void sjl_probe_spawn(sjl_probe_t *probe);
static int sjl_probe_seconds(const sjl_probe_t *probe);
static int sjl_probe_run(sjl_probe_t *probe);
static int sjl_probe_run_with(sjl_probe_t *probe,
    const sjl_library_t *library, const sjl_cluster_t *cluster);
static void sjl_probe_exited(sjl_process_t *p, int status);
static int sjl_probe_read(sjl_file_op_t *op);
static void sjl_probe_report(sjl_file_op_t *op, int fd, size_t size);
static void sjl_probe_was_read(sjl_file_op_t *op);
static json_t *sjl_probe_failed(const sjl_probe_t *probe, const char *how,
    const char *tail);
static void sjl_probe_end(sjl_probe_t *probe, json_t *report, int usable);


static sjl_probe_t  *sjl_probes;
static int           sjl_probe_ending;


int
sjl_probe_wanted(void)
{
    return json_array_size(sjl_conf->command) == 0;
}


void
sjl_probe_start(const char *name, const char *spec, const char *uri,
    sjl_probe_pt done, void *data)
{
    sjl_probe_t  *probe;

    probe = sjl_probe_make(sjl_format("looks at library set %s", name),
                           sjl_format("no driver starts with library set %s",
                                      name), done, data);
    probe->spec = sjl_strdup(spec);
    probe->input = sjl_strdup(uri ? uri : "");

    sjl_probe_go_on();
}


sjl_probe_t *
sjl_probe_errand(sjl_probe_e kind, const char *cluster, const json_t *own,
    const char *what, json_t *words, sjl_probe_pt done, void *data)
{
    sjl_probe_t  *probe;

    probe = sjl_probe_make(sjl_strdup(what), sjl_format("nobody %s", what),
                           done, data);
    probe->kind = kind;
    probe->cluster = sjl_strdup(cluster);
    probe->input = sjl_strdup("");
    probe->told = sjl_probe_told(cluster, own, words);

    sjl_probe_go_on();

    return probe;
}


/*
 * Where the cluster is may stand in its settings only.  They are of any length,
 * and may have secrets.
 */

static char *
sjl_probe_told(const char *name, const json_t *own, json_t *words)
{
    char           *text;
    json_t         *settings;
    sjl_cluster_t  *cluster;

    settings = json_object();
    cluster = sjl_cluster_find(name);

    sjl_submitter_layer(settings, sjl_conf->context_settings);

    if (cluster) {
        sjl_submitter_layer(settings, cluster->settings);
    }

    sjl_submitter_layer(settings, own);

    if (cluster) {
        (void) json_object_set_new(settings, "spark.master",
                                   json_string(cluster->master));
    }

    (void) json_object_set_new(words, "settings", settings);
    text = sjl_json_text(words);
    json_decref(words);

    return text;
}


static sjl_probe_t *
sjl_probe_make(char *what, char *failed, sjl_probe_pt done, void *data)
{
    sjl_probe_t  *probe;

    probe = sjl_alloc(sizeof(sjl_probe_t));
    probe->what = what;
    probe->failed = failed;
    probe->done = done;
    probe->data = data;
    probe->process.exited = sjl_probe_exited;
    sjl_id_make(probe->id);

    DL_APPEND(sjl_probes, probe);

    return probe;
}


/* of one that is busy on the file thread the next step sees to the end */

void
sjl_probe_forget(sjl_probe_t *probe)
{
    if (probe == NULL) {
        return;
    }

    probe->done = NULL;

    if (!probe->started || probe->ticket) {
        sjl_ticket_forget(&probe->ticket);
        sjl_probe_end(probe, NULL, 0);
        return;
    }

    sjl_process_signal(&probe->process, SIGKILL);
}


/* the launcher ends; while drivers have to, there is something to be done */

static int
sjl_probe_over(const sjl_probe_t *probe)
{
    return sjl_probe_ending
           && (probe->cluster == NULL
               || sjl_conf->at_exit == SJL_AT_EXIT_LEAVE);
}


static void
sjl_probe_go_on(void)
{
    size_t        n[SJL_PROBE_KILL + 1];
    sjl_probe_t  *probe;

    memset(n, 0, sizeof(n));

    DL_FOREACH(sjl_probes, probe) {

        if (n[probe->kind]++ >= SJL_PROBE_MAX || probe->started
            || sjl_probe_over(probe))
        {
            continue;
        }

        probe->started = 1;
        sjl_probe_prepare(probe);
    }
}


static void
sjl_probe_prepare(sjl_probe_t *probe)
{
    char           *why;
    sjl_file_op_t  *op;

    op = sjl_file_op_make(sjl_folder_make_marked, sjl_probe_made, probe);
    op->to = sjl_path_context(probe->id, "");

    if (probe->told) {
        op->body = probe->told;
        op->size = strlen(op->body);
        probe->told = NULL;
    }

    /* whose code that is nobody knows: it has a driver's rights */

    if (sjl_owner_choose(sjl_conf, NULL, &probe->owner, &why) == SJL_OK) {
        op->owner = &probe->owner;

    } else {
        sjl_why_set(&op->why, 0, "%s", why);
        free(why);
    }

    sjl_file_op_add(op);
}


static void
sjl_probe_made(sjl_file_op_t *op)
{
    sjl_probe_t  *probe;

    probe = op->data;

    SPARKJOB_FAULT("probe.made");

    sjl_free_secret(op->body);
    op->body = NULL;

    if (sjl_probe_over(probe)) {
        sjl_folder_remove(sjl_path_context(probe->id, ""));

    } else if (probe->done == NULL) {
        sjl_probe_end(probe, NULL, 0);

    } else if (op->rc == SJL_ERROR) {
        sjl_probe_end(probe, sjl_probe_failed(probe, op->why.text, NULL), 0);

    } else if (probe->cluster) {
        sjl_probe_login(probe);

    } else {
        sjl_probe_spawn(probe);
    }

    sjl_file_op_free(op);
}


static void
sjl_probe_login(sjl_probe_t *probe)
{
    sjl_cluster_t  *cluster;

    cluster = sjl_cluster_find(probe->cluster);

    if (!sjl_ticket_wanted(cluster)) {
        sjl_probe_end(probe, sjl_probe_failed(probe, "there is no such cluster "
                                              "with a keytab any longer", NULL),
                      0);
        return;
    }

    sjl_ticket_get_for(&probe->ticket, probe->id, probe->what, cluster,
                       sjl_library_find(cluster->library), sjl_probe_ticket,
                       probe);
}


static void
sjl_probe_ticket(void *data, char *why)
{
    json_t       *report;
    sjl_probe_t  *probe;

    probe = data;

    if (why == NULL) {
        sjl_probe_spawn(probe);
        return;
    }

    report = sjl_probe_failed(probe, why, NULL);
    free(why);
    sjl_probe_end(probe, report, 0);
}


static void
sjl_probe_spawn(sjl_probe_t *probe)
{
    if (sjl_probe_run(probe) == SJL_ERROR) {
        sjl_probe_end(probe,
                      sjl_probe_failed(probe, "its JVM could not be started, "
                                       "the launcher's log tells why", NULL),
                      0);
        return;
    }

    sjl_log(SJL_LOG_INFO, "process %d %s", (int) probe->process.pid,
            probe->what);

    sjl_process_within(&probe->process, (double) sjl_probe_seconds(probe));

    SPARKJOB_FAULT("probe.spawned");
}


/* a look opens a context; an errand only asks, and somebody waits for it */

static int
sjl_probe_seconds(const sjl_probe_t *probe)
{
    return probe->cluster ? SJL_PROBE_TIME : (int) sjl_conf->start_timeout;
}


static int
sjl_probe_run(sjl_probe_t *probe)
{
    int             rc;
    json_t         *spec;
    sjl_cluster_t  *cluster;
    sjl_library_t  *library;

    if (probe->spec) {
        spec = json_loads(probe->spec, 0, NULL);
        library = sjl_library_loose(spec);
        json_decref(spec);

        rc = sjl_probe_run_with(probe, library, NULL);
        sjl_library_loose_free(library);

        return rc;
    }

    /* either may have gone meanwhile */

    cluster = sjl_cluster_find(probe->cluster);
    library = cluster ? sjl_library_find(cluster->library) : NULL;

    if (library == NULL || !sjl_ticket_wanted(cluster)) {
        sjl_log(SJL_LOG_ERR, "nobody %s: cluster %s or its library set is no "
                "longer there", probe->what, probe->cluster);
        return SJL_ERROR;
    }

    return sjl_probe_run_with(probe, library, cluster);
}


static int
sjl_probe_run_with(sjl_probe_t *probe, const sjl_library_t *library,
    const sjl_cluster_t *cluster)
{
    int             rc;
    char           *folder, *log, *report;
    sjl_login_t     login;
    sjl_spawn_t     spawn;
    sjl_command_t   cmd;

    sjl_login_make(&login, &probe->owner);

    folder = sjl_path_context(probe->id, "");
    log = sjl_path_context(probe->id, "/driver.log");
    report = sjl_path_context(probe->id, "/report.json");

    spawn.group = sjl_quota_group(probe->id);

    rc = spawn.group == SJL_QUOTA_FAILED ? SJL_ERROR
         : sjl_command_probe(&cmd, probe->id, folder, report,
                             cluster ? SJL_PROBE_ERRAND : SJL_PROBE_LOOK,
                             library, cluster, &login);

    if (rc == SJL_OK) {

        if (cluster) {
            sjl_command_ticket(&cmd, probe->id, cluster);
        }

        spawn.argv = cmd.argv;
        spawn.envp = cmd.envp;
        spawn.input = probe->input;
        spawn.folder = folder;
        spawn.log = log;
        spawn.nice = cluster ? 0 : SJL_PROBE_NICE;
        spawn.login = &login;

        rc = sjl_process_spawn(&probe->process, &spawn);
        sjl_command_free(&cmd);
    }

    if (spawn.group >= 0) {
        (void) close(spawn.group);
    }

    sjl_login_free(&login);
    free(folder);
    free(log);
    free(report);

    return rc;
}


static void
sjl_probe_exited(sjl_process_t *p, int status)
{
    sjl_probe_t    *probe;
    sjl_file_op_t  *op;

    probe = sjl_container(p, sjl_probe_t, process);

    if (p->late) {
        sjl_log(SJL_LOG_ERR, "a process that %s has taken %d s, it is given up",
                probe->what, sjl_probe_seconds(probe));
    }

    op = sjl_file_op_make(sjl_probe_read, sjl_probe_was_read, probe);
    op->from = sjl_path_context(probe->id, "");
    op->to = p->late ? sjl_format("its JVM has not ended within %d s",
                                  sjl_probe_seconds(probe))
                     : sjl_process_words(status);
    sjl_file_op_add(op);
}


/* on the file thread: the report becomes "body", or else the end of the log */

static int
sjl_probe_read(sjl_file_op_t *op)
{
    int           fd;
    char         *path;
    struct stat   sb;

    path = sjl_format("%s/report.json", op->from);
    (void) sjl_owner_enter(path);
    fd = open(path, O_RDONLY|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK);
    sjl_owner_leave();
    free(path);

    if (fd != -1) {
        if (fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode)) {
            sjl_probe_report(op, fd, (size_t) sb.st_size);
        }

        (void) close(fd);
    }

    if (op->size == 0) {
        free(op->body);
        path = sjl_format("%s/driver.log", op->from);
        op->body = sjl_file_tail(path, 0, SJL_PROBE_LINES, SJL_PROBE_TAIL);
        free(path);
    }

    return SJL_OK;
}


static void
sjl_probe_report(sjl_file_op_t *op, int fd, size_t size)
{
    ssize_t  n;

    if (size > SJL_PROBE_REPORT) {
        free(op->to);
        op->to = sjl_format("its report has %zu bytes, more than %d", size,
                            SJL_PROBE_REPORT);
        return;
    }

    op->body = sjl_alloc(size + 1);
    n = pread(fd, op->body, size, 0);
    op->size = n > 0 ? (size_t) n : 0;
}


static void
sjl_probe_was_read(sjl_file_op_t *op)
{
    int           usable;
    json_t       *report;
    sjl_probe_t  *probe;

    probe = op->data;
    report = op->size ? json_loadb(op->body, op->size, 0, NULL) : NULL;
    usable = json_is_object(report) && json_object_get(report, "message")
             == NULL;

    if (!json_is_object(report)) {
        json_decref(report);
        report = sjl_probe_failed(probe, op->to, op->size ? NULL : op->body);
    }

    /* there may be tokens in it */

    sjl_free_secret(op->body);
    op->body = NULL;
    sjl_file_op_free(op);

    if (sjl_probe_over(probe)) {
        json_decref(report);
        sjl_folder_remove(sjl_path_context(probe->id, ""));
        return;
    }

    sjl_probe_end(probe, report, usable);
}


static json_t *
sjl_probe_failed(const sjl_probe_t *probe, const char *how, const char *tail)
{
    char    *text;
    json_t  *report;

    text = tail ? sjl_format("%s: %s. Last lines of its output:\n%s",
                             probe->failed, how, tail)
                : sjl_format("%s: %s", probe->failed, how);
    sjl_text_clean(text);

    report = json_pack("{s:s, s:[{s:s, s:s}]}", "message", text, "findings",
                       "level", "error", "text", text);
    free(text);

    return report;
}


static void
sjl_probe_end(sjl_probe_t *probe, json_t *report, int usable)
{
    sjl_folder_remove(sjl_path_context(probe->id, ""));

    DL_DELETE(sjl_probes, probe);
    sjl_quota_sweep();

    if (probe->done) {
        probe->done(probe->data, report, usable);
    }

    json_decref(report);
    free(probe->what);
    free(probe->failed);
    free(probe->spec);
    free(probe->cluster);
    free(probe->input);
    sjl_free_secret(probe->told);
    free(probe);

    sjl_probe_go_on();
}


int
sjl_probe_known(const char *id)
{
    sjl_probe_t  *probe;

    DL_FOREACH(sjl_probes, probe) {
        if (strcmp(probe->id, id) == 0) {
            return 1;
        }
    }

    return 0;
}


int
sjl_probe_owns(pid_t session)
{
    sjl_probe_t  *probe;

    DL_FOREACH(sjl_probes, probe) {
        if (probe->process.pid && probe->process.pid == session) {
            return 1;
        }
    }

    return 0;
}


void
sjl_probe_stop(void)
{
    sjl_probe_t  *probe;

    sjl_probe_ending = 1;

    DL_FOREACH(sjl_probes, probe) {
        if (sjl_probe_over(probe)) {
            sjl_ticket_forget(&probe->ticket);
            sjl_process_signal(&probe->process, SIGKILL);
        }
    }
}


size_t
sjl_probe_count(void)
{
    size_t        n;
    sjl_probe_t  *probe;

    n = 0;

    DL_FOREACH(sjl_probes, probe) {
        n += probe->process.pid != 0;
    }

    return n;
}


void
sjl_probe_leave(void)
{
    sjl_probe_t  *probe;

    DL_FOREACH(sjl_probes, probe) {
        sjl_process_forget(&probe->process);
    }
}
