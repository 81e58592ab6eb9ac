
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The Spark UI of an application answers nobody but YARN's proxy, which is a
 * part of the ResourceManager: so that one is asked, at the address at which it
 * has just told that the application is this context's, whatever the driver
 * says.  All links of the pages begin with the proxy's path then.
 */


#include "sjl_yarn.h"
#include "sjl_http.h"
#include "sjl_ui.h"


#define SJL_YARN_UI_TIMEOUT  5          /* seconds for an answer */


typedef struct {
    sjl_request_t  *request;
    sjl_http_t     *http;
    char           *name;
    char           *id;
    char           *application;        /* as its driver says, or NULL */
    char           *rest;
    size_t          left;               /* of ResourceManagers */
} sjl_yarn_ui_t;


static void sjl_yarn_ui_ask(sjl_yarn_ui_t *ui);
static void sjl_yarn_ui_answered(void *data, long status, const char *why,
    json_t *answer);
static const json_t *sjl_yarn_ui_application(const sjl_yarn_ui_t *ui,
    const json_t *answer);
static char *sjl_yarn_ui_elsewhere(const json_t *app, long port);
static void sjl_yarn_ui_end(sjl_yarn_ui_t *ui, char *why);


void
sjl_yarn_ui(sjl_request_t *r, const sjl_context_t *ctx)
{
    char           *rest, *why;
    const char     *p;
    sjl_yarn_ui_t  *ui;

    why = NULL;
    rest = sjl_yarn_rest(ctx, &why);

    if (rest == NULL) {
        sjl_ui_none(r, ctx->row.name, why);
        free(why);
        return;
    }

    ui = sjl_alloc(sizeof(sjl_yarn_ui_t));
    ui->request = r;
    ui->name = sjl_strdup(ctx->row.name);
    ui->id = sjl_strdup(ctx->row.id);
    ui->application = sjl_strdup(ctx->row.application);
    ui->rest = rest;

    for (p = rest; p; p = strchr(p + 1, ',')) {
        ui->left++;
    }

    sjl_yarn_ui_ask(ui);
}


static void
sjl_yarn_ui_ask(sjl_yarn_ui_t *ui)
{
    char  *url;

    ui->left--;

    url = sjl_yarn_url(ui->rest, "apps?applicationTags=" SJL_YARN_TAG
                       "%s&states=RUNNING", ui->id);
    ui->http = sjl_http_ask("GET", url, NULL, SJL_YARN_UI_TIMEOUT,
                            sjl_yarn_ui_answered, ui);
    free(url);
}


static void
sjl_yarn_ui_answered(void *data, long status, const char *why, json_t *answer)
{
    int             n;
    char           *peer, *url, *elsewhere;
    long            port;
    const char     *id;
    const json_t   *app;
    sjl_yarn_ui_t  *ui;

    ui = data;

    if (status == 0 && ui->left) {
        sjl_yarn_rotate(ui->rest);
        sjl_yarn_ui_ask(ui);
        return;
    }

    n = (int) strcspn(ui->rest, ",");

    if (status != 200 || !json_is_object(answer)) {
        sjl_yarn_ui_end(ui, status
            ? sjl_format("the ResourceManager at %.*s answers with status %ld",
                         n, ui->rest, status)
            : sjl_format("the ResourceManager at %.*s does not answer: %s",
                         n, ui->rest, why));
        return;
    }

    app = sjl_yarn_ui_application(ui, answer);

    if (app == NULL) {
        sjl_yarn_ui_end(ui, sjl_format("the ResourceManager at %.*s has no "
                                       "such application of it", n, ui->rest));
        return;
    }

    peer = sjl_http_peer(ui->http, &port);
    elsewhere = sjl_yarn_ui_elsewhere(app, port);

    if (peer == NULL || elsewhere) {
        free(peer);
        sjl_yarn_ui_end(ui, sjl_format("YARN's proxy has it, at %s",
                                       elsewhere ? elsewhere : ui->rest));
        free(elsewhere);
        return;
    }

    id = json_string_value(json_object_get(app, "id"));
    url = sjl_format("%s/proxy/%s", peer, id);

    sjl_request_reply(ui->request,
                      json_pack("{s:s, s:s}", "url", url,
                                "root", url + strlen(peer)), NULL, 0);
    free(url);
    free(peer);

    sjl_yarn_ui_end(ui, NULL);
}


/* the tag says that it is the context's; of several it is the driver's own */

static const json_t *
sjl_yarn_ui_application(const sjl_yarn_ui_t *ui, const json_t *answer)
{
    size_t        i;
    json_t       *app;
    const char   *id;

    json_array_foreach(json_object_get(json_object_get(answer, "apps"), "app"),
                       i, app)
    {
        id = json_string_value(json_object_get(app, "id"));

        if (id && ui->application && strcmp(id, ui->application) == 0) {
            return app;
        }
    }

    return NULL;
}


/* yarn.web-proxy.address: a proxy that is no part of the ResourceManager */

static char *
sjl_yarn_ui_elsewhere(const json_t *app, long port)
{
    char        *host, *found;
    const char  *url, *p;

    url = json_string_value(json_object_get(app, "trackingUrl"));
    host = url ? sjl_http_host(url) : NULL;

    if (host == NULL) {
        return NULL;
    }

    p = strrchr(host, ':');
    found = p && strtol(p + 1, NULL, 10) == port ? NULL : sjl_strdup(url);
    free(host);

    return found;
}


static void
sjl_yarn_ui_end(sjl_yarn_ui_t *ui, char *why)
{
    if (why) {
        sjl_ui_none(ui->request, ui->name, why);
        free(why);
    }

    free(ui->name);
    free(ui->id);
    free(ui->application);
    free(ui->rest);
    free(ui);
}
