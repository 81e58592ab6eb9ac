
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_remote.h"
#include "sjl_config.h"
#include "sjl_context.h"
#include "sjl_files.h"
#include "sjl_listen_link.h"
#include "sjl_orphan.h"
#include "sjl_setup.h"
#include "sjl_ticket.h"
#include "sjl_tls.h"

#include <signal.h>
#include <sys/stat.h>


#define SJL_REMOTE_SCALA  "2.12"
#define SJL_REMOTE_PAUSE  1.            /* seconds between two questions */
#define SJL_REMOTE_ID     300           /* bytes */


static int sjl_remote_wanted(const json_t *settings,
    const sjl_cluster_t *cluster);
static char *sjl_remote_keytab(const sjl_remote_kind_t *kind,
    const sjl_cluster_t *cluster);
static const sjl_library_t *sjl_remote_library(const json_t *settings,
    const sjl_cluster_t *cluster);
static const sjl_remote_kind_t *sjl_remote_kind(const char *master);
static char *sjl_remote_pack(const sjl_remote_kind_t *kind,
    const char *master, const char *rest, const char *cluster,
    const char *user, const char *id, int64_t log);
static char *sjl_remote_start_text(const sjl_context_t *ctx,
    const char *secret);
static const char *sjl_remote_home(void);
static char *sjl_remote_scala(const sjl_library_t *library);
static void sjl_remote_tick(struct ev_loop *loop, ev_timer *timer, int events);
static void sjl_remote_next(sjl_remote_t *r);
static int sjl_remote_settled(sjl_remote_t *r);
static int sjl_remote_asks(const sjl_remote_t *r);
static int sjl_remote_id_ok(const char *id);
static void sjl_remote_known(sjl_remote_t *r, const char *id, int changed);
static void sjl_remote_silent(sjl_remote_t *r, const char *words);


static const sjl_remote_kind_t *const  sjl_remote_kinds[] = {
    &sjl_remote_standalone, &sjl_remote_yarn, &sjl_remote_kubernetes
};


char *
sjl_remote_choose(const json_t *settings, const char *user,
    const char *name, char **why)
{
    char                     *rest, *text;
    const char               *master;
    sjl_cluster_t            *cluster;
    const sjl_remote_kind_t  *kind;

    *why = NULL;
    cluster = name ? sjl_cluster_find(name) : NULL;

    if (!sjl_remote_wanted(settings, cluster)) {
        return NULL;
    }

    master = cluster ? cluster->master
             : sjl_remote_setting(settings, NULL, "spark.master");
    kind = master ? sjl_remote_kind(master) : NULL;

    rest = kind == NULL ? NULL
           : kind->rest(master, settings, cluster,
                        sjl_remote_library(settings, cluster), why);

    if (rest == NULL && *why) {
        return NULL;
    }

    if (rest == NULL) {
        *why = sjl_format("spark.submit.deployMode: drivers cannot be started "
                          "by the master \"%s\"", master ? master : "");
        return NULL;
    }

    if (sjl_conf->link_listen == NULL) {
        *why = sjl_strdup("spark.submit.deployMode: drivers of clusters need "
                          "driver.link.listen in the launcher's configuration");
        free(rest);
        return NULL;
    }

    user = user ? user : sjl_remote_setting(settings, cluster,
                                            "spark.proxy.user");
    user = user && *user && sjl_ticket_wanted(cluster) ? user : NULL;
    *why = sjl_remote_keytab(kind, cluster);

    if (*why) {
        free(rest);
        return NULL;
    }

    text = sjl_remote_pack(kind, master, rest, name, user, NULL, 0);
    free(rest);

    return text;
}


/*
 * The one way of a keytab to a driver elsewhere is Spark's own, of YARN.  One
 * for another user is that user's application, and has tokens only.
 */

static char *
sjl_remote_keytab(const sjl_remote_kind_t *kind, const sjl_cluster_t *cluster)
{
    if (!sjl_ticket_wanted(cluster)) {
        return NULL;
    }

    if (kind != &sjl_remote_yarn) {
        return sjl_format("cluster: %s has a keytab, and drivers that %s "
                          "starts cannot log in by it: take client mode",
                          cluster->resource.row.name, cluster->master);
    }

    if (sjl_owner_any()) {
        return sjl_format("cluster: in cluster mode %s would have its keytab "
                          "or tickets read by the users of drivers "
                          "(driver.run_as): take client mode",
                          cluster->resource.row.name);
    }

    return NULL;
}


static int
sjl_remote_wanted(const json_t *settings, const sjl_cluster_t *cluster)
{
    const char  *mode;

    mode = sjl_remote_setting(settings, cluster, "spark.submit.deployMode");

    return (cluster && cluster->deploys)
           || (mode && strcmp(mode, "cluster") == 0);
}


const char *
sjl_remote_setting(const json_t *settings, const sjl_cluster_t *cluster,
    const char *name)
{
    json_t  *value;

    value = json_object_get(settings, name);

    if (value == NULL && cluster) {
        value = json_object_get(cluster->settings, name);
    }

    if (value == NULL) {
        value = json_object_get(sjl_conf->context_settings, name);
    }

    return json_string_value(value);
}


/* the default one, if there is none of that name */

static const sjl_library_t *
sjl_remote_library(const json_t *settings, const sjl_cluster_t *cluster)
{
    const char           *name;
    const sjl_library_t  *library;

    name = json_string_value(json_object_get(settings, SJL_SETUP_LIBRARY));

    if (name == NULL && cluster) {
        name = cluster->library;
    }

    library = sjl_library_find(name);

    return library ? library : sjl_library_find(NULL);
}


int
sjl_remote_deploys(const char *master)
{
    return sjl_remote_kind(master) != NULL;
}


static const sjl_remote_kind_t *
sjl_remote_kind(const char *master)
{
    size_t  i;

    for (i = 0; i < sjl_nelts(sjl_remote_kinds); i++) {
        if (strncmp(master, sjl_remote_kinds[i]->scheme,
                    strlen(sjl_remote_kinds[i]->scheme))
            == 0)
        {
            return sjl_remote_kinds[i];
        }
    }

    return NULL;
}


static char *
sjl_remote_pack(const sjl_remote_kind_t *kind, const char *master,
    const char *rest, const char *cluster, const char *user, const char *id,
    int64_t log)
{
    char    *text;
    json_t  *object;

    object = json_pack("{s:s, s:s, s:s, s:s*, s:s*, s:s*, s:I}", "kind",
                       kind->name, "master", master, "rest", rest, "cluster",
                       cluster, "user", user, "id", id, "log",
                       (json_int_t) log);
    text = sjl_json_text(object);
    json_decref(object);

    return text;
}


sjl_remote_t *
sjl_remote_make(sjl_driver_t *d, const char *text)
{
    json_t                   *object;
    json_int_t                log;
    const char               *name, *master, *rest, *cluster, *user, *id;
    sjl_remote_t             *r;
    const sjl_remote_kind_t  *kind;

    id = NULL;
    log = 0;
    kind = NULL;
    cluster = NULL;
    user = NULL;
    object = json_loads(text, 0, NULL);

    if (json_unpack(object, "{s:s, s:s, s:s, s?s, s?s, s?s, s?I}", "kind",
                    &name, "master", &master, "rest", &rest, "cluster",
                    &cluster, "user", &user, "id", &id, "log", &log)
        == 0)
    {
        kind = sjl_remote_kind(master);
    }

    if (kind == NULL) {
        sjl_log(SJL_LOG_ALERT, "\"%s\" is no driver of a cluster", text);
        json_decref(object);
        return NULL;
    }

    r = sjl_alloc(sizeof(sjl_remote_t));
    r->kind = kind;
    r->driver = d;
    r->master = sjl_strdup(master);
    r->rest = sjl_strdup(rest);
    r->cluster = sjl_strdup(cluster);
    r->user = sjl_strdup(user);
    r->id = sjl_strdup(id);
    r->log = log;

    json_decref(object);

    ev_timer_init(&r->timer, sjl_remote_tick, SJL_REMOTE_PAUSE,
                  SJL_REMOTE_PAUSE);
    r->timer.data = r;
    ev_timer_start(sjl_loop, &r->timer);

    return r;
}


void
sjl_remote_adopt(sjl_remote_t *r)
{
    r->unsure = 1;
}


char *
sjl_remote_text(const sjl_remote_t *r)
{
    return sjl_remote_pack(r->kind, r->master, r->rest, r->cluster, r->user,
                           r->id, r->log);
}


void
sjl_remote_submit(sjl_remote_t *r, const char *secret,
    sjl_remote_start_t *start)
{
    char  *text;

    text = sjl_remote_start_text(r->driver->context, secret);
    start->text = text;

    r->busy = 1;
    r->kind->submit(r, start);

    sjl_free_secret(text);
}


/* all that a driver elsewhere has to know; docs/security.md: how it goes */

static char *
sjl_remote_start_text(const sjl_context_t *ctx, const char *secret)
{
    char    *text, *url;
    json_t  *start;

    url = sjl_listen_link_url();

    start = json_pack("{s:s, s:I, s:s, s:s, s:s*, s:I}",
                      "context", ctx->row.id,
                      "generation", (json_int_t) ctx->row.generation,
                      "secret", secret, "link", url,
                      "pin", sjl_conf->link_tls ? sjl_tls_pin() : NULL,
                      "orphanTimeout", (json_int_t) sjl_conf->orphan_timeout);
    text = sjl_json_text(start);

    json_decref(start);
    free(url);

    return text;
}


char *
sjl_remote_jar(const sjl_library_t *library)
{
    char  *scala, *path;

    scala = sjl_remote_scala(library);
    path = sjl_format("%s/sparkjob-driver_%s.jar", sjl_remote_home(), scala);
    free(scala);

    return path;
}


/* which jars lie there only those can tell who are there */

char *
sjl_remote_path(const sjl_library_t *library)
{
    char        *scala, *path;
    const char  *home;

    home = sjl_remote_home();
    scala = sjl_remote_scala(library);
    path = sjl_format("%s/sparkjob-driver_%s.jar:%s/sparkjob-job-api_%s.jar:"
                      "%s/lib_%s/*", home, scala, home, scala, home, scala);
    free(scala);

    return path;
}


static const char *
sjl_remote_home(void)
{
    return sjl_conf->remote_home ? sjl_conf->remote_home
           : sjl_conf->home ? sjl_conf->home : "";
}


/* that of the Spark there, which is taken to be like the one here */

static char *
sjl_remote_scala(const sjl_library_t *library)
{
    char  *scala;

    scala = library->spark_home ? sjl_library_scala(library->spark_home)
                                : NULL;

    return scala ? scala : sjl_strdup(SJL_REMOTE_SCALA);
}


/* a manager counts with what it was told, and gives it to the JVM itself */

void
sjl_remote_memory(json_t *properties, json_t *options)
{
    size_t       i;
    const char  *option;

    for (i = json_array_size(options); i > 0; i--) {
        option = json_string_value(json_array_get(options, i - 1));

        if (strncmp(option, "-Xmx", 4) != 0) {
            continue;
        }

        if (json_object_get(properties, "spark.driver.memory") == NULL) {
            (void) json_object_set_new(properties, "spark.driver.memory",
                                       json_string(option + 4));
        }

        (void) json_array_remove(options, i - 1);
    }
}


/* as Spark takes them apart again */

char *
sjl_remote_words(const json_t *options)
{
    char        *words, *p;
    size_t       i, size;
    json_t      *option;
    const char  *s;

    size = 1;

    json_array_foreach(options, i, option) {
        size += 2 * json_string_length(option) + 3;
    }

    words = sjl_alloc(size);
    p = words;

    json_array_foreach(options, i, option) {
        *p++ = '"';

        for (s = json_string_value(option); *s; s++) {

            if (*s == '"' || *s == '\\') {
                *p++ = '\\';
            }

            *p++ = *s;
        }

        *p++ = '"';
        *p++ = ' ';
    }

    return words;
}


static void
sjl_remote_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void) loop;
    (void) events;

    sjl_remote_next(timer->data);
}


/* the driver may be freed by what is told at once */

static void
sjl_remote_next(sjl_remote_t *r)
{
    if (r->busy || !sjl_remote_asks(r) || !sjl_remote_settled(r)
        || (r->id == NULL && (!r->unsure || r->kind->find == NULL)))
    {
        return;
    }

    r->busy = 1;

    if (r->id == NULL) {
        r->kind->find(r);
        return;
    }

    if (r->kill) {
        SPARKJOB_FAULT("remote.kill");
        r->kill = 0;
        r->kind->kill(r);
        return;
    }

    r->kind->status(r);
}


/* who submits yet may have it made after we were told that there is none */

static int
sjl_remote_settled(sjl_remote_t *r)
{
    return !r->unsure || sjl_orphan_cleared(r->driver->id);
}


/* as long as the link is there, and the driver is to go on, it says more */

static int
sjl_remote_asks(const sjl_remote_t *r)
{
    return r->kill || r->driver->conn == NULL
           || r->driver->phase >= SJL_DRIVER_TERMINATED;
}


/*
 * It may be on its way yet: then it is killed when that has ended, which a
 * submitter of ours has to at once.
 */

void
sjl_remote_kill(sjl_remote_t *r)
{
    if (r->submitter && kill(-r->submitter, SIGKILL) == -1 && errno != ESRCH) {
        sjl_log(SJL_LOG_CRIT, "kill(%d) failed: %s", (int) -r->submitter,
                strerror(errno));
    }

    r->kill = 1;
    sjl_remote_next(r);
}


void
sjl_remote_come(sjl_remote_t *r, const char *id, int first)
{
    char         *path;
    struct stat   sb;

    if (first) {
        path = sjl_path_context(r->driver->id, "/driver.log");
        r->log = stat(path, &sb) == 0 ? sb.st_size : 0;
        free(path);
    }

    r->unsure = 0;

    /* what its manager has said counts for more */

    sjl_remote_known(r, r->id == NULL && id && sjl_remote_id_ok(id) ? id : NULL,
                     first);
}


/* it stands in URLs, whose path nobody else is to choose */

static int
sjl_remote_id_ok(const char *id)
{
    size_t  n;

    n = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
               "0123456789_:.-");

    return n && n <= SJL_REMOTE_ID && id[n] == '\0' && *id != '.'
           && strstr(id, "..") == NULL;
}


static void
sjl_remote_known(sjl_remote_t *r, const char *id, int changed)
{
    if (id && (r->id == NULL || strcmp(r->id, id) != 0)) {
        free(r->id);
        r->id = sjl_strdup(id);
        changed = 1;
    }

    if (changed) {
        sjl_driver_note(r->driver);
    }
}


void
sjl_remote_submitted(sjl_remote_t *r, const char *id, const char *why)
{
    char          *words;
    sjl_driver_t  *d;

    r->busy = 0;
    d = r->driver;

    if (id && !sjl_remote_id_ok(id)) {
        id = NULL;
        why = "what it says is no id of a driver";
    }

    if (id) {
        sjl_log(SJL_LOG_INFO, "driver %s of context %s was submitted to %s",
                id, d->id, r->rest);
        sjl_remote_known(r, id, 0);
        sjl_remote_next(r);
        return;
    }

    /* a driver that came all the same tells its id */

    if (d->conn) {
        return;
    }

    words = sjl_format("the cluster at %s has not started its driver: %s",
                       r->rest, why);
    sjl_text_clean(words);
    sjl_log(SJL_LOG_ERR, "context %s: %s", d->id, words);
    sjl_driver_over(d, words);
}


void
sjl_remote_stated(sjl_remote_t *r, sjl_remote_state_e state,
    const char *words)
{
    char  *text;

    r->busy = 0;

    if (state == SJL_REMOTE_SILENT) {
        sjl_remote_silent(r, words);
        return;
    }

    r->told = 0;

    if (state == SJL_REMOTE_NONE && r->unsure && r->driver->conn == NULL) {
        sjl_driver_unstarted(r->driver);
        return;
    }

    r->unsure = 0;

    /* what it has said before it ended by itself may be on its way yet */

    if (state == SJL_REMOTE_ALIVE
        || (r->driver->conn && r->driver->phase < SJL_DRIVER_TERMINATED))
    {
        return;
    }

    text = sjl_format("the cluster says of its driver %s: %s", r->id, words);
    sjl_text_clean(text);
    sjl_log(SJL_LOG_INFO, "context %s: %s", r->driver->id, text);
    sjl_driver_over(r->driver, text);
}


static void
sjl_remote_silent(sjl_remote_t *r, const char *words)
{
    if (!r->told) {
        sjl_log(SJL_LOG_ERR, "%s cannot be asked about driver %s: %s", r->rest,
                r->id ? r->id : "of another launcher", words);
    }

    r->told = 1;
}


void
sjl_remote_found(sjl_remote_t *r, const char *id, const char *why)
{
    r->busy = 0;

    if (why || (id && !sjl_remote_id_ok(id))) {
        sjl_remote_silent(r, why ? why : "what it says is no id of a driver");
        return;
    }

    r->told = 0;

    if (id == NULL) {
        sjl_driver_unstarted(r->driver);
        return;
    }

    sjl_log(SJL_LOG_INFO, "driver %s of context %s was submitted to %s by "
            "another launcher", id, r->driver->id, r->rest);
    r->unsure = 0;
    sjl_remote_known(r, id, 0);
    sjl_remote_next(r);
}


void
sjl_remote_killed(sjl_remote_t *r, const char *why)
{
    r->busy = 0;

    SPARKJOB_FAULT("remote.killed");

    free(r->why);
    r->why = sjl_strdup(why);

    if (why) {
        sjl_log(SJL_LOG_ERR, "%s does not kill driver %s: %s", r->rest, r->id,
                why);
        return;
    }

    sjl_remote_next(r);
}


void
sjl_remote_free(sjl_remote_t *r)
{
    if (r == NULL) {
        return;
    }

    ev_timer_stop(sjl_loop, &r->timer);

    if (r->http) {
        sjl_http_cancel(r->http);
    }

    sjl_probe_forget(r->errand);

    if (r->kind->forget) {
        r->kind->forget(r);
    }

    free(r->master);
    free(r->rest);
    free(r->cluster);
    free(r->user);
    free(r->why);
    free(r->id);
    free(r);
}
