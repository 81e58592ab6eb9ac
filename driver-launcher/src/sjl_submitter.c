
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_submitter.h"
#include "sjl_command.h"
#include "sjl_config.h"
#include "sjl_context.h"
#include "sjl_files.h"
#include "sjl_ticket.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>


#define SJL_SUBMITTER_SAID    (64 * 1024)   /* of its output is looked at */
#define SJL_SUBMITTER_THROWN  "Exception in thread \"main\" "
#define SJL_SUBMITTER_LINE    500


struct sjl_submitter_s {
    sjl_process_t      process;
    sjl_remote_t      *remote;
    sjl_submitter_pt   done;
    sjl_command_t      cmd;
    sjl_login_t        login;
    off_t              said;            /* where its output begins */
    ev_timer           timer;           /* for what cannot be started */
    unsigned           whole:1;         /* all that it needs is there */
};


static int sjl_submitter_files(const sjl_remote_t *r, const json_t *settings,
    const char *text);
static char *sjl_submitter_escape(char *p, const char *s,
    const char *special);
static int sjl_submitter_write(const sjl_remote_t *r, const char *name,
    const char *text);
static int sjl_submitter_command(sjl_submitter_t *s,
    const sjl_remote_start_t *start, const char *jar, const char *told);
static int sjl_submitter_spawn(sjl_submitter_t *s);
static void sjl_submitter_lacking(struct ev_loop *loop, ev_timer *timer,
    int events);
static void sjl_submitter_exited(sjl_process_t *p, int status);
static char *sjl_submitter_said(const sjl_submitter_t *s);
static char *sjl_submitter_why(const char *said, int status);
static void sjl_submitter_release(sjl_submitter_t *s);
static void sjl_submitter_remove(const sjl_remote_t *r);


json_t *
sjl_submitter_settings(const sjl_remote_t *r, const sjl_remote_start_t *start)
{
    char                 *words;
    json_t               *settings, *all;
    const sjl_cluster_t  *cluster;
    const sjl_context_t  *ctx;

    ctx = r->driver->context;
    cluster = start->cluster;
    settings = json_object();

    sjl_submitter_layer(settings, sjl_conf->context_settings);

    if (cluster) {
        sjl_submitter_layer(settings, cluster->settings);
    }

    sjl_submitter_layer(settings, ctx->settings);

    all = json_copy(start->options);
    sjl_remote_memory(settings, all);
    words = sjl_remote_words(all);

    (void) json_object_update_new(settings,
        json_pack("{s:s, s:s, s:s, s:s}",
                  "spark.master", r->master,
                  "spark.submit.deployMode", "cluster",
                  "spark.app.name", ctx->row.name,
                  "spark.driver.extraJavaOptions", words));

    if (sjl_ticket_wanted(cluster) && r->user == NULL) {
        (void) json_object_set_new(settings, "spark.kerberos.principal",
                                   json_string(cluster->principal));
        (void) json_object_set_new(settings, "spark.kerberos.keytab",
                                   json_string(cluster->keytab));
    }

    json_decref(all);
    free(words);

    return settings;
}


void
sjl_submitter_layer(json_t *settings, const json_t *layer)
{
    char        *whole;
    size_t       i;
    json_t      *value;
    const char  *name;

    static const struct {
        const char  *prefix;
        const char  *instead;
    } prefixes[] = {
        { "spark.", "spark." },
        { "launcher.spark.", "spark." },
        { "hadoop.", "spark.hadoop." }
    };

    json_object_foreach((json_t *) (uintptr_t) layer, name, value) {

        for (i = 0; i < sjl_nelts(prefixes) && json_is_string(value); i++) {

            if (strncmp(name, prefixes[i].prefix, strlen(prefixes[i].prefix))
                == 0)
            {
                whole = sjl_format("%s%s", prefixes[i].instead,
                                   name + strlen(prefixes[i].prefix));
                (void) json_object_set(settings, whole, value);
                free(whole);
                break;
            }
        }
    }
}


sjl_submitter_t *
sjl_submitter_make(sjl_remote_t *r, const sjl_remote_start_t *start,
    const json_t *settings, const char *jar, const char *told,
    const char *text)
{
    sjl_submitter_t  *s;

    s = sjl_alloc(sizeof(sjl_submitter_t));
    s->remote = r;
    s->process.exited = sjl_submitter_exited;

    ev_timer_init(&s->timer, sjl_submitter_lacking, 0., 0.);
    s->timer.data = s;

    sjl_login_make(&s->login, &r->driver->context->owner);

    s->whole = sjl_submitter_files(r, settings, text) == SJL_OK
               && sjl_submitter_command(s, start, jar, told) == SJL_OK;

    return s;
}


static int
sjl_submitter_files(const sjl_remote_t *r, const json_t *settings,
    const char *text)
{
    int    rc;
    char  *properties;

    properties = sjl_submitter_properties(settings);

    rc = sjl_submitter_write(r, "/" SJL_SUBMITTER_PROPERTIES, properties);

    if (rc == SJL_OK && text) {
        rc = sjl_submitter_write(r, "/" SJL_SUBMITTER_START, text);
    }

    free(properties);

    return rc;
}


char *
sjl_submitter_properties(const json_t *settings)
{
    char        *text, *p;
    size_t       size;
    json_t      *value;
    const char  *name;

    size = 1;

    json_object_foreach((json_t *) (uintptr_t) settings, name, value) {
        size += 2 * (strlen(name) + json_string_length(value)) + 2;
    }

    text = sjl_alloc(size);
    p = text;

    json_object_foreach((json_t *) (uintptr_t) settings, name, value) {

        p = sjl_submitter_escape(p, name, "\\:=#! ");
        *p++ = '=';
        p = sjl_submitter_escape(p, json_string_value(value), "\\ ");
        *p++ = '\n';
    }

    return text;
}


/* a request's setting is to end no line, else another one could begin there */

static char *
sjl_submitter_escape(char *p, const char *s, const char *special)
{
    const char  *found;

    static const char  controls[] = "\n\r\t\f";
    static const char  letters[] = "nrtf";

    for ( /* void */ ; *s; s++) {
        found = strchr(controls, *s);

        if (found || strchr(special, *s)) {
            *p++ = '\\';
        }

        *p++ = found ? letters[found - controls] : *s;
    }

    return p;
}


/* it is whose the folder is, who submits as that user */

static int
sjl_submitter_write(const sjl_remote_t *r, const char *name,
    const char *text)
{
    int      fd, rc;
    char    *path;
    size_t   n;

    rc = SJL_OK;
    path = sjl_path_context(r->driver->id, name);
    n = strlen(text);

    (void) sjl_owner_enter(path);
    (void) unlink(path);
    fd = open(path, O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600);
    sjl_owner_leave();

    if (fd == -1 || write(fd, text, n) != (ssize_t) n) {
        sjl_log(SJL_LOG_CRIT, "\"%s\" cannot be written: %s", path,
                strerror(errno));
        rc = SJL_ERROR;
    }

    if (fd != -1) {
        (void) close(fd);
    }

    free(path);

    return rc;
}


static int
sjl_submitter_command(sjl_submitter_t *s, const sjl_remote_start_t *start,
    const char *jar, const char *told)
{
    int          rc;
    char        *properties;
    json_t      *words, *rest;
    const char  *id, *user;

    id = s->remote->driver->id;
    user = s->remote->user;
    properties = sjl_path_context(id, "/" SJL_SUBMITTER_PROPERTIES);

    rest = json_pack("[s, s, s, s, s, s, s]", "--properties-file", properties,
                     "--class", "sparkjob.driver.Main", jar,
                     "--secret-file", told);
    words = user ? json_pack("[s, s]", "--proxy-user", user) : json_array();
    (void) json_array_extend(words, rest);
    json_decref(rest);

    rc = sjl_command_submit(&s->cmd, id, words, start->library, start->cluster,
                            &s->login);

    if (rc == SJL_OK && user) {
        sjl_command_ticket(&s->cmd, id, start->cluster);
    }

    json_decref(words);
    free(properties);

    return rc;
}


/* whatever goes wrong is told after this has returned */

void
sjl_submitter_run(sjl_submitter_t *s, sjl_submitter_pt done)
{
    s->done = done;

    if (!s->whole || sjl_submitter_spawn(s) == SJL_ERROR) {
        ev_timer_start(sjl_loop, &s->timer);
        return;
    }

    /* the driver has to come within that time, too: nobody waits for it */

    sjl_process_within(&s->process, (double) sjl_conf->start_timeout);
}


static int
sjl_submitter_spawn(sjl_submitter_t *s)
{
    int           rc;
    char         *folder, *log;
    const char   *id;
    sjl_spawn_t   spawn;
    struct stat   sb;

    id = s->remote->driver->id;
    folder = sjl_path_context(id, "");
    log = sjl_path_context(id, "/driver.log");

    s->said = stat(log, &sb) == 0 ? sb.st_size : 0;

    spawn.argv = s->cmd.argv;
    spawn.envp = s->cmd.envp;
    spawn.input = "";
    spawn.folder = folder;
    spawn.log = log;
    spawn.group = -1;
    spawn.nice = 0;
    spawn.login = &s->login;

    rc = sjl_process_spawn(&s->process, &spawn);
    s->remote->submitter = s->process.pid;

    free(folder);
    free(log);

    return rc;
}


static void
sjl_submitter_lacking(struct ev_loop *loop, ev_timer *timer, int events)
{
    sjl_submitter_t  *s;

    (void) loop;
    (void) events;

    s = timer->data;

    s->done(s->remote, -1, "", "it could not be submitted, the launcher's log "
            "tells why");
}


static void
sjl_submitter_exited(sjl_process_t *p, int status)
{
    char             *said, *why;
    sjl_submitter_t  *s;

    s = sjl_container(p, sjl_submitter_t, process);

    if (s->remote == NULL) {
        sjl_submitter_release(s);
        return;
    }

    s->remote->submitter = 0;

    said = sjl_submitter_said(s);
    why = sjl_submitter_why(said, status);

    s->done(s->remote, status, said, why);

    free(said);
    free(why);
}


static char *
sjl_submitter_said(const sjl_submitter_t *s)
{
    int      fd;
    char    *path, *said;
    ssize_t  n;

    said = sjl_alloc(SJL_SUBMITTER_SAID + 1);
    path = sjl_path_context(s->remote->driver->id, "/driver.log");

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK);
    n = fd == -1 ? -1 : pread(fd, said, SJL_SUBMITTER_SAID, s->said);

    if (n == -1) {
        sjl_log(SJL_LOG_CRIT, "\"%s\" cannot be read: %s", path,
                strerror(errno));
    }

    if (fd != -1) {
        (void) close(fd);
    }

    said[n > 0 ? n : 0] = '\0';
    free(path);

    return said;
}


static char *
sjl_submitter_why(const char *said, int status)
{
    int          n;
    char        *words, *why;
    const char  *thrown;

    thrown = strstr(said, SJL_SUBMITTER_THROWN);

    if (thrown) {
        thrown += sizeof(SJL_SUBMITTER_THROWN) - 1;
        n = (int) strcspn(thrown, "\n");
        n = n < SJL_SUBMITTER_LINE ? n : SJL_SUBMITTER_LINE;

        return sjl_format("%.*s", n, thrown);
    }

    words = sjl_process_words(status);
    why = sjl_format("of SparkSubmit %s: the context's log has what it said",
                     words);
    free(words);

    return why;
}


void
sjl_submitter_free(sjl_submitter_t *s)
{
    if (s == NULL) {
        return;
    }

    sjl_submitter_remove(s->remote);
    s->remote->submitter = 0;
    s->remote = NULL;

    ev_timer_stop(sjl_loop, &s->timer);

    /* one that runs is freed when it has ended */

    if (s->process.pid) {
        sjl_process_signal(&s->process, SIGKILL);
        return;
    }

    sjl_submitter_release(s);
}


static void
sjl_submitter_release(sjl_submitter_t *s)
{
    sjl_command_free(&s->cmd);
    sjl_login_free(&s->login);
    free(s);
}


/* a cluster has its own copies by then, which its users cannot see */

static void
sjl_submitter_remove(const sjl_remote_t *r)
{
    char    *path;
    size_t   i;

    static const char *const  names[] = {
        "/" SJL_SUBMITTER_START, "/" SJL_SUBMITTER_PROPERTIES, SJL_TICKET_FILE
    };

    for (i = 0; i < sjl_nelts(names); i++) {
        path = sjl_path_context(r->driver->id, names[i]);
        (void) sjl_owner_enter(path);

        if (unlink(path) == -1 && errno != ENOENT) {
            sjl_log(SJL_LOG_CRIT, "unlink(\"%s\") failed: %s", path,
                    strerror(errno));
        }

        sjl_owner_leave();
        free(path);
    }
}
