
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_cluster_fit.h"
#include "sjl_cluster_want.h"
#include "sjl_http.h"
#include "sjl_kubernetes.h"
#include "sjl_setup.h"
#include "sjl_yarn.h"


#define SJL_FIT_TIMEOUT   5             /* seconds for an answer */
#define SJL_FIT_SPARK     "spark://"

/* of a standalone master's pages, and where Spark goes if that one is taken */
#define SJL_FIT_WEB_PORT  8080
#define SJL_FIT_WEB_LAST  8084


typedef struct sjl_fit_question_s  sjl_fit_question_t;

struct sjl_fit_s {
    sjl_context_t             *context;
    void                     (*done)(sjl_context_t *ctx, sjp_error_e code,
                                     char *why);
    const sjl_fit_question_t  *question;
    char                      *rest;    /* URLs, commas between them */
    size_t                     others;  /* of these, not asked yet */
    ev_tstamp                  until;   /* for others that are guesses */
    sjl_http_t                *http;
};


/* what is asked, one after the other */

struct sjl_fit_question_s {
    const char                *path;    /* below YARN's REST; or NULL */
    char                    *(*wrong)(const sjl_context_t *ctx,
                                      const char *where,
                                      const json_t *answer);
    const char                *who;
    const sjl_fit_question_t  *next;
    unsigned                   must:1;  /* else it may be silent */
};


static char *sjl_fit_yarn(sjl_context_t *ctx, char **why);
static char *sjl_fit_standalone(sjl_context_t *ctx, char **why);
static char *sjl_fit_kubernetes(sjl_context_t *ctx, char **why);
static char *sjl_fit_guess(const sjl_cluster_t *cluster, const char *host);
static int sjl_fit_is_off(const sjl_context_t *ctx);
static void sjl_fit_ask(sjl_fit_t *fit);
static void sjl_fit_answered(void *data, long status, const char *why,
    json_t *answer);
static void sjl_fit_silent(sjl_fit_t *fit, long status, const char *why);
static void sjl_fit_untold(const sjl_fit_t *fit, const char *why);
static int sjl_fit_is_other(const sjl_fit_t *fit, const json_t *answer);
static void sjl_fit_end(sjl_fit_t *fit, sjp_error_e code, char *why);
static void sjl_fit_free(sjl_fit_t *fit);


static const sjl_fit_question_t  sjl_fit_nodes = {
    "nodes?states=RUNNING", sjl_want_yarn_nodes, "the ResourceManager", NULL, 0
};

static const sjl_fit_question_t  sjl_fit_scheduler = {
    "scheduler", sjl_want_yarn_scheduler, "the ResourceManager",
    &sjl_fit_nodes, 1
};

static const sjl_fit_question_t  sjl_fit_workers = {
    NULL, sjl_want_standalone, "the master", NULL, 0
};


/* masters that can be asked, and where; NULL, and no reason: not this one */

static const struct {
    const char                *master;
    char                    *(*rest)(sjl_context_t *ctx, char **why);
    const sjl_fit_question_t  *question;
} sjl_fit_masters[] = {
    { "yarn", sjl_fit_yarn, &sjl_fit_scheduler },
    { SJL_FIT_SPARK, sjl_fit_standalone, &sjl_fit_workers },
    { SJL_KUBERNETES_SCHEME, sjl_fit_kubernetes, NULL }
};


void
sjl_cluster_fit(sjl_context_t *ctx, void (*done)(sjl_context_t *ctx,
    sjp_error_e code, char *why))
{
    char        *rest, *why;
    size_t       i;
    sjl_fit_t   *fit;
    const char  *master, *p;

    why = NULL;
    rest = NULL;
    master = sjl_fit_is_off(ctx) ? NULL : sjl_want_setting(ctx, "spark.master");

    for (i = 0; master && i < sjl_nelts(sjl_fit_masters); i++) {

        if (strncmp(master, sjl_fit_masters[i].master,
                    strlen(sjl_fit_masters[i].master))
            == 0)
        {
            rest = sjl_fit_masters[i].rest(ctx, &why);
            break;
        }
    }

    if (rest == NULL) {
        done(ctx, SJP_ERR_BAD_SETTING, why);
        return;
    }

    fit = sjl_alloc(sizeof(sjl_fit_t));
    fit->context = ctx;
    fit->done = done;
    fit->question = sjl_fit_masters[i].question;
    fit->rest = rest;
    fit->until = ev_now(sjl_loop) + SJL_FIT_TIMEOUT;

    for (p = strchr(rest, ','); p; p = strchr(p + 1, ',')) {
        fit->others++;
    }

    ctx->fit = fit;

    sjl_fit_ask(fit);
}


/* for who knows better than the cluster's pages */

static int
sjl_fit_is_off(const sjl_context_t *ctx)
{
    const char  *check;

    check = sjl_want_setting(ctx, "cluster-check");

    return check && (strcmp(check, "false") == 0 || strcmp(check, "off") == 0);
}


static char *
sjl_fit_yarn(sjl_context_t *ctx, char **why)
{
    return sjl_yarn_rest(ctx, why);
}


/* where its pages are a master's URL does not tell */

static char *
sjl_fit_standalone(sjl_context_t *ctx, char **why)
{
    char           *host, *rest;
    sjl_cluster_t  *cluster;

    (void) why;

    cluster = sjl_setup_cluster(ctx);

    if (cluster && cluster->web) {
        return sjl_strdup(cluster->web);
    }

    host = sjl_cluster_host(sjl_want_setting(ctx, "spark.master"));
    rest = host ? sjl_fit_guess(cluster, host) : NULL;
    free(host);

    return rest;
}


/*
 * A request is to have only that one port asked of whatever host it names as a
 * master's.
 */

static char *
sjl_fit_guess(const sjl_cluster_t *cluster, const char *host)
{
    char        *rest, *more;
    unsigned     port;
    const char  *told;

    told = cluster ? json_string_value(json_object_get(cluster->settings,
                                                       "spark.master.ui.port"))
                   : NULL;

    if (told && *told && told[strspn(told, "0123456789")] == '\0') {
        return sjl_format("http://%s:%s", host, told);
    }

    rest = sjl_format("http://%s:%u", host, SJL_FIT_WEB_PORT);

    for (port = SJL_FIT_WEB_PORT + 1; cluster && port <= SJL_FIT_WEB_LAST;
         port++)
    {
        more = sjl_format("%s,http://%s:%u", rest, host, port);
        free(rest);
        rest = more;
    }

    return rest;
}


/* nobody is asked: what Spark waits for there nobody could tell */

static char *
sjl_fit_kubernetes(sjl_context_t *ctx, char **why)
{
    *why = sjl_want_kubernetes(ctx);

    return NULL;
}


static void
sjl_fit_ask(sjl_fit_t *fit)
{
    char  *url;

    url = fit->question->path ? sjl_yarn_url(fit->rest, "%s",
                                             fit->question->path)
                              : sjl_format("%.*s/json/",
                                           (int) strcspn(fit->rest, ","),
                                           fit->rest);

    fit->http = sjl_http_ask("GET", url, NULL, SJL_FIT_TIMEOUT,
                             sjl_fit_answered, fit);
    free(url);
}


static void
sjl_fit_answered(void *data, long status, const char *why, json_t *answer)
{
    char       *where, *wrong;
    sjl_fit_t  *fit;

    fit = data;
    fit->http = NULL;

    if (status == 200 && json_is_object(answer)
        && sjl_fit_is_other(fit, answer))
    {
        sjl_fit_silent(fit, 0, "these are no pages of this master");
        return;
    }

    if (status != 200 || !json_is_object(answer)) {
        sjl_fit_silent(fit, status, why);
        return;
    }

    sjl_fit_untold(fit, NULL);

    where = sjl_format("the cluster at %.*s", (int) strcspn(fit->rest, ","),
                       fit->rest);
    wrong = fit->question->wrong(fit->context, where, answer);
    free(where);

    if (wrong || fit->question->next == NULL) {
        sjl_fit_end(fit, SJP_ERR_BAD_SETTING, wrong);
        return;
    }

    fit->question = fit->question->next;
    sjl_fit_ask(fit);
}


/*
 * Who is there, but does not tell us, as one of a secure cluster, may serve
 * drivers well; who is not there serves nobody.
 */

static void
sjl_fit_silent(sjl_fit_t *fit, long status, const char *why)
{
    int    guessed;
    char  *words;

    guessed = fit->question == &sjl_fit_workers;

    if (fit->others
        && (guessed ? ev_now(sjl_loop) < fit->until : status == 0))
    {
        fit->others--;
        sjl_yarn_rotate(fit->rest);
        sjl_fit_ask(fit);
        return;
    }

    if (guessed) {

        /* all were asked: the first one is the first again */

        sjl_yarn_rotate(fit->rest);
    }

    words = status ? sjl_format("status %ld", status) : sjl_strdup(why);

    sjl_log(guessed ? SJL_LOG_WARN : SJL_LOG_INFO,
            "context %s %s: %s at %s does not tell what it has: %s%s",
            fit->context->row.name, fit->context->row.id, fit->question->who,
            fit->rest, words, guessed ? " (\"web\" of a cluster says where "
            "its pages are)" : "");

    sjl_fit_untold(fit, words);

    if (status == 0 && fit->question->must) {
        sjl_fit_end(fit, SJP_ERR_CONTEXT_INIT_FAILED,
                    sjl_format("%s at %s does not answer: %s",
                               fit->question->who, fit->rest, words));

    } else {
        sjl_fit_end(fit, SJP_ERR_CONTEXT_INIT_FAILED, NULL);
    }

    free(words);
}


/* for people who look at the cluster; NULL: it has told */

static void
sjl_fit_untold(const sjl_fit_t *fit, const char *why)
{
    sjl_cluster_t  *cluster;

    cluster = sjl_setup_cluster(fit->context);

    if (cluster == NULL) {
        return;
    }

    free(cluster->unchecked);
    cluster->unchecked = why ? sjl_format("%s at %s does not tell what it has: "
                                          "%s", fit->question->who, fit->rest,
                                          why) : NULL;
}


/* pages at a port that we have guessed may be another master's */

static int
sjl_fit_is_other(const sjl_fit_t *fit, const json_t *answer)
{
    const char  *url;

    url = json_string_value(json_object_get(answer, "url"));

    return fit->question == &sjl_fit_workers
           && (url == NULL
               || strcmp(url, sjl_want_setting(fit->context, "spark.master"))
                  != 0);
}


static void
sjl_fit_end(sjl_fit_t *fit, sjp_error_e code, char *why)
{
    sjl_context_t   *ctx;
    void           (*done)(sjl_context_t *ctx, sjp_error_e code, char *why);

    ctx = fit->context;
    done = fit->done;

    sjl_fit_free(fit);
    done(ctx, code, why);
}


void
sjl_cluster_fit_forget(sjl_context_t *ctx)
{
    if (ctx->fit == NULL) {
        return;
    }

    if (ctx->fit->http) {
        sjl_http_cancel(ctx->fit->http);
    }

    sjl_fit_free(ctx->fit);
}


static void
sjl_fit_free(sjl_fit_t *fit)
{
    fit->context->fit = NULL;

    free(fit->rest);
    free(fit);
}
