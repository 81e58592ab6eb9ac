
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Applications of a context have its id as a tag, so they are found whoever has
 * submitted them, and though nobody was told their ids.  Mostly there is none
 * left: a driver that stops in order ends its own, and an application master
 * that loses its driver ends, too.  It has a second for that.
 */


#include "sjl_yarn.h"
#include "sjl_cluster_want.h"
#include "sjl_http.h"


#define SJL_REAP_TIMEOUT  5             /* seconds for an answer */
#define SJL_REAP_PAUSE    1.            /* between two looks */
#define SJL_REAP_MAX      (30 * 1000)   /* milliseconds in all */
#define SJL_REAP_SILENT   3             /* looks without an answer, at most */


struct sjl_reap_s {
    char              *id;              /* of whose applications these are */
    char              *who;             /* the same for people */
    char              *rest;
    char              *cluster;         /* its name, or NULL */
    sjl_yarn_reap_pt   done;
    void              *data;
    ev_timer           timer;
    int64_t            until;
    unsigned           waited:1;        /* for what ends by itself */
    unsigned           silent;
    json_t            *left;            /* ids, to be killed */
    char              *why;             /* the last one was not */
};


static void sjl_reap_context(void *data, int known, const char *left);
static sjl_reap_t *sjl_reap_make(const char *id, const char *who, char *rest,
    const char *cluster, sjl_yarn_reap_pt done, void *data);
static void sjl_reap_look(sjl_reap_t *reap);
static void sjl_reap_looked(void *data, long status, const char *why,
    json_t *answer);
static void sjl_reap_nothing(sjl_reap_t *reap, long status, const char *why);
static json_t *sjl_reap_ids(const json_t *answer);
static void sjl_reap_kill(sjl_reap_t *reap);
static void sjl_reap_killed(void *data, long status, const char *why,
    json_t *answer);
static void sjl_reap_ended(void *data, json_t *report, int usable);
static void sjl_reap_tried(sjl_reap_t *reap, char *why);
static void sjl_reap_later(sjl_reap_t *reap);
static void sjl_reap_timeout(struct ev_loop *loop, ev_timer *timer,
    int events);
static void sjl_reap_end(sjl_reap_t *reap, int known, char *left);


static size_t  sjl_reaps;


size_t
sjl_yarn_reaping(void)
{
    return sjl_reaps;
}


void
sjl_yarn_reap(sjl_context_t *ctx)
{
    char  *rest, *why, *who;

    if (!sjl_yarn_is(ctx->row.master ? ctx->row.master
                                     : sjl_want_setting(ctx, "spark.master")))
    {
        return;
    }

    why = NULL;
    rest = sjl_yarn_rest(ctx, &why);

    if (rest == NULL) {
        sjl_log(SJL_LOG_WARN, "context %s %s: nobody can be asked whether its "
                "application has ended: %s", ctx->row.name, ctx->row.id, why);
        free(why);
        return;
    }

    ctx->nops++;

    who = sjl_format("context %s %s", ctx->row.name, ctx->row.id);
    ctx->reap = sjl_reap_make(ctx->row.id, who, rest, ctx->row.cluster,
                              sjl_reap_context, ctx);
    free(who);

    sjl_reap_look(ctx->reap);
}


static void
sjl_reap_context(void *data, int known, const char *left)
{
    sjl_context_reaped(data, known, left);
}


void
sjl_yarn_reap_of(const char *id, const char *who, char *rest,
    const char *cluster, sjl_yarn_reap_pt done, void *data)
{
    sjl_reap_look(sjl_reap_make(id, who, rest, cluster, done, data));
}


static sjl_reap_t *
sjl_reap_make(const char *id, const char *who, char *rest,
    const char *cluster, sjl_yarn_reap_pt done, void *data)
{
    sjl_reap_t  *reap;

    reap = sjl_alloc(sizeof(sjl_reap_t));
    reap->id = sjl_strdup(id);
    reap->who = sjl_strdup(who);
    reap->rest = rest;
    reap->cluster = sjl_strdup(cluster);
    reap->until = sjl_now() + SJL_REAP_MAX;
    reap->done = done;
    reap->data = data;

    ev_init(&reap->timer, sjl_reap_timeout);
    reap->timer.data = reap;

    sjl_reaps++;

    return reap;
}


static void
sjl_reap_look(sjl_reap_t *reap)
{
    char  *url;

    url = sjl_yarn_url(reap->rest, "apps?applicationTags=" SJL_YARN_TAG
                       "%s&states=" SJL_YARN_ALIVE, reap->id);

    (void) sjl_http_ask("GET", url, NULL, SJL_REAP_TIMEOUT, sjl_reap_looked,
                        reap);
    free(url);
}


static void
sjl_reap_looked(void *data, long status, const char *why, json_t *answer)
{
    char        *left;
    sjl_reap_t  *reap;

    reap = data;

    if (status != 200 || !json_is_object(answer)) {
        sjl_reap_nothing(reap, status, why);
        return;
    }

    reap->silent = 0;
    reap->left = sjl_reap_ids(answer);

    if (json_array_size(reap->left) == 0) {
        sjl_reap_end(reap, 1, NULL);

    } else if (sjl_now() >= reap->until) {
        left = sjl_format("its application %s is still on the cluster at %s"
                          "%s%s",
                          json_string_value(json_array_get(reap->left, 0)),
                          reap->rest, reap->why ? ": " : "",
                          reap->why ? reap->why : "");
        sjl_log(SJL_LOG_ERR, "%s: %s", reap->who, left);
        sjl_reap_end(reap, 1, left);

    } else if (!reap->waited) {
        reap->waited = 1;
        sjl_reap_later(reap);

    } else {
        sjl_reap_kill(reap);
    }
}


static void
sjl_reap_nothing(sjl_reap_t *reap, long status, const char *why)
{
    if (status == 0 && ++reap->silent < SJL_REAP_SILENT) {
        sjl_yarn_rotate(reap->rest);
        sjl_reap_later(reap);
        return;
    }

    sjl_log(SJL_LOG_ERR, "%s: %s cannot be asked whether its application "
            "has ended: %s%ld", reap->who, reap->rest,
            status ? "it answers with status " : why, status);

    sjl_reap_end(reap, 0, NULL);
}


static json_t *
sjl_reap_ids(const json_t *answer)
{
    size_t   i;
    json_t  *ids, *app, *id;

    ids = json_array();

    json_array_foreach(json_object_get(json_object_get(answer, "apps"), "app"),
                       i, app)
    {
        id = json_object_get(app, "id");

        if (json_is_string(id)) {
            (void) json_array_append(ids, id);
        }
    }

    return ids;
}


/* one after the other; then they are looked for again */

static void
sjl_reap_kill(sjl_reap_t *reap)
{
    char        *url;
    size_t       n;
    const char  *id;

    n = json_array_size(reap->left);

    if (n == 0) {
        sjl_reap_later(reap);
        return;
    }

    id = json_string_value(json_array_get(reap->left, n - 1));

    sjl_log(SJL_LOG_INFO, "%s: its application %s is killed", reap->who, id);

    if (sjl_yarn_kill(reap->cluster, reap->id, id, sjl_reap_ended, reap)
        == NULL)
    {
        url = sjl_yarn_url(reap->rest, "apps/%s/state", id);
        (void) sjl_http_ask("PUT", url, "{\"state\":\"KILLED\"}",
                            SJL_REAP_TIMEOUT, sjl_reap_killed, reap);
        free(url);
    }

    (void) json_array_remove(reap->left, n - 1);
}


static void
sjl_reap_killed(void *data, long status, const char *why, json_t *answer)
{
    char  *words;

    (void) answer;

    words = NULL;

    if (status == 0) {
        words = sjl_strdup(why);

    } else if (status >= 300) {
        words = sjl_format("it answers with status %ld", status);
    }

    sjl_reap_tried(data, words);
}


static void
sjl_reap_ended(void *data, json_t *report, int usable)
{
    const char  *why;

    why = json_string_value(json_object_get(report, "message"));

    sjl_reap_tried(data, usable ? NULL : sjl_strdup(why));
}


/* "why", it is not killed, is used up; NULL: it is */

static void
sjl_reap_tried(sjl_reap_t *reap, char *why)
{
    free(reap->why);
    reap->why = why;

    if (why) {
        sjl_log(SJL_LOG_ERR, "%s: %s does not kill its application: %s",
                reap->who, reap->rest, why);
    }

    sjl_reap_kill(reap);
}


static void
sjl_reap_later(sjl_reap_t *reap)
{
    json_decref(reap->left);
    reap->left = NULL;

    ev_timer_set(&reap->timer, SJL_REAP_PAUSE, 0.);
    ev_timer_start(sjl_loop, &reap->timer);
}


static void
sjl_reap_timeout(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void) loop;
    (void) events;

    sjl_reap_look(timer->data);
}


/* "left" is used up */

static void
sjl_reap_end(sjl_reap_t *reap, int known, char *left)
{
    void              *data;
    sjl_yarn_reap_pt   done;

    done = reap->done;
    data = reap->data;

    json_decref(reap->left);
    free(reap->id);
    free(reap->who);
    free(reap->rest);
    free(reap->cluster);
    free(reap->why);
    free(reap);
    sjl_reaps--;

    done(data, known, left);
    free(left);
}
