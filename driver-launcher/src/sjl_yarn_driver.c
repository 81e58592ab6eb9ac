
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Drivers that YARN starts, as its application masters: submitted by Spark's
 * own SparkSubmit, a child of ours whose output goes to the driver's log, and
 * asked for and killed by the ResourceManager's REST.  What the driver has to
 * be told is a file of its context's folder that goes along with the
 * application's files, which its own user can read; neither pages nor command
 * lines show it.
 */


#include "sjl_remote.h"
#include "sjl_command.h"
#include "sjl_config.h"
#include "sjl_context.h"
#include "sjl_files.h"
#include "sjl_setup.h"
#include "sjl_yarn.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>


#define SJL_YARN_TIMEOUT     10         /* seconds for an answer */
#define SJL_YARN_START       "sparkjob-start.json"
#define SJL_YARN_PROPERTIES  "sparkjob-submit.properties"
#define SJL_YARN_OWN         "/sparkjob-driver_"
#define SJL_YARN_APP         "__app__.jar"
#define SJL_YARN_SAID        (64 * 1024)    /* of its output is looked at */
#define SJL_YARN_SUBMITTED   "Submitted application "
#define SJL_YARN_THROWN      "Exception in thread \"main\" "
#define SJL_YARN_LINE        500


typedef struct {
    sjl_process_t   process;
    sjl_remote_t   *remote;
    off_t           said;               /* where its output begins */
    ev_timer        timer;
} sjl_yarn_submitter_t;


static char *sjl_yarn_driver_rest(const char *master, const char *port,
    const sjl_cluster_t *cluster, const sjl_library_t *library, char **why);
static void sjl_yarn_driver_submit(sjl_remote_t *r,
    const sjl_remote_start_t *start);
static int sjl_yarn_driver_spawn(sjl_yarn_submitter_t *s,
    const sjl_remote_start_t *start);
static int sjl_yarn_driver_files(const sjl_remote_t *r,
    const sjl_remote_start_t *start);
static int sjl_yarn_driver_write(const sjl_remote_t *r, const char *name,
    const char *text);
static json_t *sjl_yarn_driver_settings(const sjl_remote_t *r,
    const sjl_remote_start_t *start);
static void sjl_yarn_driver_layer(json_t *settings, const json_t *layer);
static void sjl_yarn_driver_jars(json_t *settings, const sjl_remote_t *r,
    const sjl_remote_start_t *start);
static char *sjl_yarn_driver_properties(const json_t *settings);
static char *sjl_yarn_driver_escape(char *p, const char *s,
    const char *special);
static json_t *sjl_yarn_driver_words(const sjl_remote_t *r,
    const sjl_remote_start_t *start);
static void sjl_yarn_driver_expired(struct ev_loop *loop, ev_timer *timer,
    int events);
static void sjl_yarn_driver_exited(sjl_process_t *p, int status);
static char *sjl_yarn_driver_said(const sjl_yarn_submitter_t *s);
static char *sjl_yarn_driver_id(const char *said);
static char *sjl_yarn_driver_why(const char *said, int status);
static void sjl_yarn_driver_forget(sjl_remote_t *r);
static void sjl_yarn_driver_remove(const sjl_remote_t *r);
static void sjl_yarn_driver_status(sjl_remote_t *r);
static void sjl_yarn_driver_stated(void *data, long status, const char *why,
    json_t *answer);
static void sjl_yarn_driver_kill(sjl_remote_t *r);
static void sjl_yarn_driver_killed(void *data, long status, const char *why,
    json_t *answer);


const sjl_remote_kind_t  sjl_remote_yarn = {
    "yarn", "yarn",
    sjl_yarn_driver_rest, sjl_yarn_driver_submit, sjl_yarn_driver_status,
    sjl_yarn_driver_kill, sjl_yarn_driver_forget
};


static const char *const  sjl_yarn_over[] = {
    "FINISHED", "FAILED", "KILLED"
};


static char *
sjl_yarn_driver_rest(const char *master, const char *port,
    const sjl_cluster_t *cluster, const sjl_library_t *library, char **why)
{
    (void) port;

    return sjl_yarn_is(master) ? sjl_yarn_rest_of(cluster, library, why)
                               : NULL;
}


/* whatever goes wrong is told after this has returned */

static void
sjl_yarn_driver_submit(sjl_remote_t *r, const sjl_remote_start_t *start)
{
    sjl_yarn_submitter_t  *s;

    s = sjl_alloc(sizeof(sjl_yarn_submitter_t));
    s->remote = r;
    s->process.exited = sjl_yarn_driver_exited;

    ev_timer_init(&s->timer, sjl_yarn_driver_expired,
                  (double) sjl_conf->start_timeout, 0.);
    s->timer.data = s;

    r->data = s;

    if (sjl_yarn_driver_files(r, start) == SJL_ERROR
        || sjl_yarn_driver_spawn(s, start) == SJL_ERROR)
    {
        ev_timer_set(&s->timer, 0., 0.);
    }

    ev_timer_start(sjl_loop, &s->timer);
}


static int
sjl_yarn_driver_spawn(sjl_yarn_submitter_t *s, const sjl_remote_start_t *start)
{
    int             rc;
    char           *folder, *log;
    json_t         *words;
    const char     *id;
    sjl_login_t     login;
    sjl_spawn_t     spawn;
    struct stat     sb;
    sjl_command_t   cmd;

    id = s->remote->driver->id;
    folder = sjl_path_context(id, "");
    log = sjl_path_context(id, "/driver.log");
    words = sjl_yarn_driver_words(s->remote, start);

    s->said = stat(log, &sb) == 0 ? sb.st_size : 0;

    sjl_login_make(&login, &s->remote->driver->context->owner);

    rc = sjl_command_submit(&cmd, id, words, start->library, start->cluster,
                            &login);

    if (rc == SJL_OK) {
        spawn.argv = cmd.argv;
        spawn.envp = cmd.envp;
        spawn.input = "";
        spawn.folder = folder;
        spawn.log = log;
        spawn.group = -1;
        spawn.nice = 0;
        spawn.login = &login;

        rc = sjl_process_spawn(&s->process, &spawn);
        sjl_command_free(&cmd);
    }

    sjl_login_free(&login);
    json_decref(words);
    free(folder);
    free(log);

    return rc;
}


static int
sjl_yarn_driver_files(const sjl_remote_t *r, const sjl_remote_start_t *start)
{
    int      rc;
    char    *text;
    json_t  *settings;

    settings = sjl_yarn_driver_settings(r, start);
    text = sjl_yarn_driver_properties(settings);

    rc = sjl_yarn_driver_write(r, "/" SJL_YARN_PROPERTIES, text);

    if (rc == SJL_OK) {
        rc = sjl_yarn_driver_write(r, "/" SJL_YARN_START, start->text);
    }

    json_decref(settings);
    free(text);

    return rc;
}


/* it is whose the folder is, who submits as that user */

static int
sjl_yarn_driver_write(const sjl_remote_t *r, const char *name,
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


/*
 * All that is known of Spark's settings, since YARN has to be told some of
 * them, and the driver's host others; what the context is made with comes over
 * the link once more.  It is us who start a driver again.
 */

static json_t *
sjl_yarn_driver_settings(const sjl_remote_t *r,
    const sjl_remote_start_t *start)
{
    char                 *tags, *words;
    json_t               *settings, *all;
    const char           *tag;
    const sjl_context_t  *ctx;

    ctx = r->driver->context;
    settings = json_object();

    sjl_yarn_driver_layer(settings, sjl_conf->context_settings);

    if (start->cluster) {
        sjl_yarn_driver_layer(settings, start->cluster->settings);
    }

    sjl_yarn_driver_layer(settings, ctx->settings);

    tag = json_string_value(json_object_get(settings, "spark.yarn.tags"));
    tags = sjl_format("%s%s" SJL_YARN_TAG "%s", tag ? tag : "", tag ? "," : "",
                      ctx->row.id);

    all = json_copy(start->options);
    sjl_remote_memory(settings, all);
    words = sjl_remote_words(all);

    (void) json_object_update_new(settings,
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}",
                  "spark.master", "yarn",
                  "spark.submit.deployMode", "cluster",
                  "spark.app.name", ctx->row.name,
                  "spark.yarn.tags", tags,
                  "spark.yarn.maxAppAttempts", "1",
                  "spark.yarn.submit.waitAppCompletion", "false",
                  "spark.driver.extraJavaOptions", words));

    if (start->cluster && start->cluster->principal
        && start->cluster->keytab)
    {
        (void) json_object_set_new(settings, "spark.kerberos.principal",
                                   json_string(start->cluster->principal));
        (void) json_object_set_new(settings, "spark.kerberos.keytab",
                                   json_string(start->cluster->keytab));
    }

    sjl_yarn_driver_jars(settings, r, start);

    json_decref(all);
    free(tags);
    free(words);

    return settings;
}


/* the names of settings that are Spark's, as drivers know them */

static void
sjl_yarn_driver_layer(json_t *settings, const json_t *layer)
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


/*
 * Nothing of ours lies on the hosts of the cluster, so all jars that are not
 * Spark's go along, with what the driver has to be told.
 */

static void
sjl_yarn_driver_jars(json_t *settings, const sjl_remote_t *r,
    const sjl_remote_start_t *start)
{
    char        *path, *jar, *files, *names, *longer, *spark, *save;
    size_t       n;
    const char  *own, *name;

    path = sjl_path_context(r->driver->id, "/" SJL_YARN_START);
    files = sjl_format("file:%s", path);
    free(path);

    own = json_string_value(json_object_get(settings, "spark.yarn.dist.files"));

    if (own) {
        longer = sjl_format("%s,%s", files, own);
        free(files);
        files = longer;
    }

    names = sjl_strdup("");
    spark = sjl_format("%s/jars/", start->library->spark_home);
    n = strlen(spark);
    path = sjl_library_class_path(start->library);

    for (jar = path ? strtok_r(path, ":", &save) : NULL;
         jar;
         jar = strtok_r(NULL, ":", &save))
    {
        if (strncmp(jar, spark, n) == 0) {
            continue;
        }

        /* the application's own jar goes along under that name */

        if (strstr(jar, SJL_YARN_OWN)) {
            name = SJL_YARN_APP;

        } else {
            name = strrchr(jar, '/');
            name = name ? name + 1 : jar;
            longer = sjl_format("%s,file:%s", files, jar);
            free(files);
            files = longer;
        }

        longer = sjl_format("%s%s%s", names, *names ? ":" : "", name);
        free(names);
        names = longer;
    }

    own = json_string_value(json_object_get(settings,
                                            "spark.driver.extraClassPath"));

    if (own) {
        longer = sjl_format("%s:%s", names, own);
        free(names);
        names = longer;
    }

    (void) json_object_set_new(settings, "spark.yarn.dist.files",
                               json_string(files));
    (void) json_object_set_new(settings, "spark.driver.extraClassPath",
                               json_string(names));

    free(path);
    free(spark);
    free(files);
    free(names);
}


/* as Java reads them */

static char *
sjl_yarn_driver_properties(const json_t *settings)
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

        p = sjl_yarn_driver_escape(p, name, "\\:=#! ");
        *p++ = '=';
        p = sjl_yarn_driver_escape(p, json_string_value(value), "\\ ");
        *p++ = '\n';
    }

    return text;
}


/* a request's setting is to end no line, else another one could begin there */

static char *
sjl_yarn_driver_escape(char *p, const char *s, const char *special)
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


static json_t *
sjl_yarn_driver_words(const sjl_remote_t *r, const sjl_remote_start_t *start)
{
    char    *properties, *path, *jar, *save;
    json_t  *words;

    properties = sjl_path_context(r->driver->id, "/" SJL_YARN_PROPERTIES);
    path = sjl_library_class_path(start->library);

    for (jar = path ? strtok_r(path, ":", &save) : NULL;
         jar && strstr(jar, SJL_YARN_OWN) == NULL;
         jar = strtok_r(NULL, ":", &save))
    {
        /* void */
    }

    words = json_pack("[s, s, s, s, s, s, s]", "--properties-file", properties,
                      "--class", "sparkjob.driver.Main", jar ? jar : "",
                      "--secret-file", SJL_YARN_START);
    free(properties);
    free(path);

    return words;
}


static void
sjl_yarn_driver_expired(struct ev_loop *loop, ev_timer *timer, int events)
{
    sjl_remote_t          *r;
    sjl_yarn_submitter_t  *s;

    (void) loop;
    (void) events;

    s = timer->data;
    r = s->remote;

    /* the driver had to come within that time, too: nobody waits for it */

    if (s->process.pid) {
        sjl_process_signal(&s->process, SIGKILL);
        return;
    }

    sjl_yarn_driver_forget(r);
    sjl_remote_submitted(r, NULL, "it could not be submitted, the launcher's "
                         "log tells why");
}


static void
sjl_yarn_driver_exited(sjl_process_t *p, int status)
{
    char                  *said, *id, *why;
    sjl_remote_t          *r;
    sjl_yarn_submitter_t  *s;

    s = sjl_container(p, sjl_yarn_submitter_t, process);
    r = s->remote;

    said = sjl_yarn_driver_said(s);
    id = sjl_yarn_driver_id(said);
    why = id ? NULL : sjl_yarn_driver_why(said, status);

    sjl_yarn_driver_forget(r);
    sjl_remote_submitted(r, id, why);

    free(said);
    free(id);
    free(why);
}


static char *
sjl_yarn_driver_said(const sjl_yarn_submitter_t *s)
{
    int      fd;
    char    *path, *said;
    ssize_t  n;

    said = sjl_alloc(SJL_YARN_SAID + 1);
    path = sjl_path_context(s->remote->driver->id, "/driver.log");

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK);
    n = fd == -1 ? -1 : pread(fd, said, SJL_YARN_SAID, s->said);

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
sjl_yarn_driver_id(const char *said)
{
    size_t       n;
    const char  *id;

    id = strstr(said, SJL_YARN_SUBMITTED);

    if (id == NULL) {
        return NULL;
    }

    id += sizeof(SJL_YARN_SUBMITTED) - 1;
    n = strspn(id, "aplictons_0123456789");

    return strncmp(id, "application_", 12) == 0 ? sjl_memdup(id, n) : NULL;
}


static char *
sjl_yarn_driver_why(const char *said, int status)
{
    int          n;
    char        *words, *why;
    const char  *thrown;

    thrown = strstr(said, SJL_YARN_THROWN);

    if (thrown) {
        thrown += sizeof(SJL_YARN_THROWN) - 1;
        n = (int) strcspn(thrown, "\n");
        return sjl_format("%.*s", n < SJL_YARN_LINE ? n : SJL_YARN_LINE,
                          thrown);
    }

    words = sjl_process_words(status);
    why = sjl_format("of SparkSubmit %s, and it has not said an application's "
                     "id", words);
    free(words);

    return why;
}


static void
sjl_yarn_driver_forget(sjl_remote_t *r)
{
    sjl_yarn_submitter_t  *s;

    s = r->data;

    if (s == NULL) {
        return;
    }

    sjl_yarn_driver_remove(r);

    ev_timer_stop(sjl_loop, &s->timer);
    sjl_process_forget(&s->process);
    free(s);

    r->data = NULL;
}


/* YARN has its own copies by then, which its users cannot see */

static void
sjl_yarn_driver_remove(const sjl_remote_t *r)
{
    char    *path;
    size_t   i;

    static const char *const  names[] = {
        "/" SJL_YARN_START, "/" SJL_YARN_PROPERTIES
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


static void
sjl_yarn_driver_status(sjl_remote_t *r)
{
    char  *url;

    url = sjl_yarn_url(r->rest, "apps/%s", r->id);
    r->http = sjl_http_ask("GET", url, NULL, SJL_YARN_TIMEOUT,
                           sjl_yarn_driver_stated, r);
    free(url);
}


static void
sjl_yarn_driver_stated(void *data, long status, const char *why,
    json_t *answer)
{
    char          *words;
    size_t         i;
    json_t        *app;
    const char    *state, *diagnostics;
    sjl_remote_t  *r;

    r = data;
    r->http = NULL;

    app = json_object_get(answer, "app");
    state = json_string_value(json_object_get(app, "state"));
    diagnostics = json_string_value(json_object_get(app, "diagnostics"));

    if (status == 404) {
        sjl_remote_stated(r, SJL_REMOTE_OVER, "it knows none of that id");
        return;
    }

    if (status != 200 || state == NULL) {
        sjl_yarn_rotate(r->rest);
        sjl_remote_stated(r, SJL_REMOTE_SILENT, status == 0 ? why
                          : "its answer is none of a ResourceManager");
        return;
    }

    for (i = 0; i < sjl_nelts(sjl_yarn_over); i++) {

        if (strcmp(state, sjl_yarn_over[i]) == 0) {
            words = sjl_format("%s%s%s", state, diagnostics && *diagnostics
                               ? ", " : "", diagnostics ? diagnostics : "");
            sjl_remote_stated(r, SJL_REMOTE_OVER, words);
            free(words);
            return;
        }
    }

    sjl_remote_stated(r, SJL_REMOTE_ALIVE, state);
}


static void
sjl_yarn_driver_kill(sjl_remote_t *r)
{
    char  *url;

    url = sjl_yarn_url(r->rest, "apps/%s/state", r->id);
    r->http = sjl_http_ask("PUT", url, "{\"state\":\"KILLED\"}",
                           SJL_YARN_TIMEOUT, sjl_yarn_driver_killed, r);
    free(url);
}


/* one that has ended already is no failure: its state is asked next */

static void
sjl_yarn_driver_killed(void *data, long status, const char *why,
    json_t *answer)
{
    sjl_remote_t  *r;

    (void) answer;

    r = data;
    r->http = NULL;

    sjl_remote_killed(r, status == 0 ? why
                      : status == 401 || status == 403
                        ? "it does not let us" : NULL);
}
