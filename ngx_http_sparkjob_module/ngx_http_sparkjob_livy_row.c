
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What a session is for Livy, made once of each record of a context: lists
 * copy it, and what is asked about one session begins with it.
 */


#include <ngx_http_sparkjob_livy.h>


#if (NGX_HTTP_SSL)
#define ngx_http_sparkjob_livy_is_tls(r)  ((r)->connection->ssl != NULL)
#else
#define ngx_http_sparkjob_livy_is_tls(r)  0
#endif


static u_char *ngx_http_sparkjob_livy_member(u_char *p, const char *name,
    ngx_str_t *s);


static ngx_str_t  ngx_http_sparkjob_livy_states[] = {
    ngx_string("starting"),         /* STARTED */
    ngx_string("idle"),             /* RUNNING */
    ngx_string("shutting_down"),    /* STOPPING */
    ngx_string("recovering"),       /* RESTARTING */
    ngx_string("success"),          /* FINISHED */
    ngx_string("dead"),             /* ERROR */
    ngx_string("killed")            /* KILLED */
};


/* in place of "idle", which has as many letters: see below */

static ngx_str_t  ngx_http_sparkjob_livy_busy = ngx_string("busy");


/* what was asked for, and what is told if nothing was, in this order */

static struct {
    const char  *name;
    const char  *none;
} ngx_http_sparkjob_livy_echoes[] = {
    { "ttl", "null" },
    { "idleTimeout", "null" },
    { "driverMemory", "null" },
    { "driverCores", "0" },
    { "executorMemory", "null" },
    { "executorCores", "0" },
    { "conf", "{}" },
    { "archives", "[]" },
    { "files", "[]" },
    { "heartbeatTimeoutInSecond", "0" },
    { "jars", "[]" },
    { "numExecutors", "0" },
    { "pyFiles", "[]" },
    { "queue", "null" },
    { NULL, NULL }
};


/*
 * The members that the row has beside those of every context; the text of all
 * that follows the log, to be freed, or NULL.
 */

char *
ngx_http_sparkjob_livy_record(json_t *meta, ngx_str_t *s)
{
    char        *text;
    json_t      *shown, *echo, *livy, *value;
    const char  *name;
    ngx_uint_t   i;

    if (!json_is_integer(json_object_get(meta, "session"))) {
        return NULL;
    }

    shown = json_object_get(meta, "shown");
    livy = json_object_get(meta, "livy");

    ngx_http_sparkjob_meta_string(meta, "kind",
                                  &s[NGX_HTTP_SPARKJOB_CONTEXT_KIND]);
    ngx_http_sparkjob_meta_string(meta, "proxyUser",
                                  &s[NGX_HTTP_SPARKJOB_CONTEXT_PROXY]);
    ngx_http_sparkjob_meta_string(shown, "trackingUrl",
                                  &s[NGX_HTTP_SPARKJOB_CONTEXT_TRACKING]);
    ngx_http_sparkjob_meta_string(json_object_get(shown, "logs"), "driver",
                                  &s[NGX_HTTP_SPARKJOB_CONTEXT_DRIVER_LOG]);

    echo = json_object();

    for (i = 0; ngx_http_sparkjob_livy_echoes[i].name; i++) {
        name = ngx_http_sparkjob_livy_echoes[i].name;
        value = json_object_get(livy, name);

        if (ngx_strcmp(name, "heartbeatTimeoutInSecond") == 0) {
            value = json_object_get(meta, "heartbeat");
        }

        (void) json_object_set_new(echo, name, value ? json_incref(value)
                     : json_loads(ngx_http_sparkjob_livy_echoes[i].none,
                                  JSON_DECODE_ANY, NULL));
    }

    text = json_dumps(echo, JSON_COMPACT);

    json_decref(echo);

    if (text) {
        text[0] = ',';
        s[NGX_HTTP_SPARKJOB_CONTEXT_REST].data = (u_char *) text;
        s[NGX_HTTP_SPARKJOB_CONTEXT_REST].len = ngx_strlen(text);
    }

    return text;
}


u_char *
ngx_http_sparkjob_livy_render(u_char *p, ngx_http_sparkjob_record_t *rec,
    ngx_str_t *s)
{
    u_char     *start, *url;
    ngx_str_t  *ui;

    if (rec->of.session.number < 0) {
        return p;
    }

    start = p;
    ui = s[NGX_HTTP_SPARKJOB_CONTEXT_TRACKING].len
         ? &s[NGX_HTTP_SPARKJOB_CONTEXT_TRACKING]
         : &s[NGX_HTTP_SPARKJOB_CONTEXT_URL];

    p = ngx_sprintf(p, "{\"id\":%L,\"name\":\"", rec->of.session.number);
    rec->of.session.name = p - start;

    p = ngx_http_sparkjob_json(p, &s[NGX_HTTP_SPARKJOB_KEY]);
    p = ngx_http_sparkjob_livy_member(p, "\",\"appId\":",
                                      &s[NGX_HTTP_SPARKJOB_CONTEXT_APP]);
    p = ngx_http_sparkjob_livy_member(p, ",\"owner\":",
                                      &s[NGX_HTTP_SPARKJOB_USER]);
    p = ngx_http_sparkjob_livy_member(p, ",\"proxyUser\":",
                                      &s[NGX_HTTP_SPARKJOB_CONTEXT_PROXY]);

    p = ngx_sprintf(p, ",\"state\":\"");
    rec->of.session.state = p - start;

    p = ngx_sprintf(p, "%V", ngx_http_sparkjob_livy_state(rec));
    p = ngx_http_sparkjob_livy_member(p, "\",\"kind\":",
                                      &s[NGX_HTTP_SPARKJOB_CONTEXT_KIND]);
    p = ngx_http_sparkjob_livy_member(p, ",\"appInfo\":{\"driverLogUrl\":",
                                     &s[NGX_HTTP_SPARKJOB_CONTEXT_DRIVER_LOG]);

    url = ngx_cpymem(p, ",\"sparkUiUrl\":", sizeof(",\"sparkUiUrl\":") - 1);
    p = ngx_http_sparkjob_livy_member(p, ",\"sparkUiUrl\":", ui);

    if (rec->state == SJP_CONTEXT_RUNNING
        && s[NGX_HTTP_SPARKJOB_CONTEXT_URL].len)
    {
        rec->of.session.ui = url + 1 - start;
        rec->of.session.ui_len = p - url - 2;
    }

    p = ngx_sprintf(p, ",\"executorLogUrls\":null},\"log\":[");
    rec->of.session.log = p - start;
    *p++ = ']';

    return ngx_cpymem(p, s[NGX_HTTP_SPARKJOB_CONTEXT_REST].data,
                      s[NGX_HTTP_SPARKJOB_CONTEXT_REST].len);
}


/* what is empty is null */

static u_char *
ngx_http_sparkjob_livy_member(u_char *p, const char *name, ngx_str_t *s)
{
    if (s->len == 0) {
        return ngx_sprintf(p, "%snull", name);
    }

    p = ngx_sprintf(p, "%s\"", name);
    p = ngx_http_sparkjob_json(p, s);
    *p++ = '"';

    return p;
}


u_char *
ngx_http_sparkjob_livy_row(u_char *p, ngx_http_sparkjob_record_t *rec,
    ngx_str_t *own, ngx_str_t *ui)
{
    u_char     *name, *url, *last;
    ngx_str_t   row;

    row = ngx_http_sparkjob_record_string(rec, NGX_HTTP_SPARKJOB_SESSION);

    name = row.data + rec->of.session.name;
    url = row.data + rec->of.session.ui;
    last = row.data + row.len;

    if (own->len && ngx_http_sparkjob_is_own(own, name, last - name)) {
        p = ngx_cpymem(p, row.data, name - row.data);
        row.data = name + own->len;
    }

    if (ui->len && rec->of.session.ui) {
        p = ngx_cpymem(p, row.data, url - row.data);
        p = ngx_sprintf(p, "%V%L/ui/", ui, rec->of.session.number);
        row.data = url + rec->of.session.ui_len;
    }

    return ngx_cpymem(p, row.data, last - row.data);
}


/*
 * Clients of Livy show the URL as a link, on pages of their own: so it has to
 * begin with the host, as the client has named it.
 */

ngx_int_t
ngx_http_sparkjob_livy_ui(ngx_http_request_t *r, ngx_str_t *ui)
{
    u_char                        *p;
    ngx_str_t                      none, path, url;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    ngx_str_null(&none);
    ngx_str_null(ui);

    if (slcf->ui.len == 0) {
        return NGX_OK;
    }

    if (ngx_http_sparkjob_reply_path(r, "/sessions/", &none, "", &path)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    url = path;

    if (r->headers_in.host) {
        url.data = ngx_pnalloc(r->pool, sizeof("https://") - 1
                               + r->headers_in.host->value.len + path.len);
        if (url.data == NULL) {
            return NGX_ERROR;
        }

        p = ngx_sprintf(url.data, "%s://%V%V",
                        ngx_http_sparkjob_livy_is_tls(r) ? "https" : "http",
                        &r->headers_in.host->value, &path);
        url.len = p - url.data;
    }

    ui->data = ngx_pnalloc(r->pool, ngx_http_sparkjob_json_len(&url));
    if (ui->data == NULL) {
        return NGX_ERROR;
    }

    ui->len = ngx_http_sparkjob_json(ui->data, &url) - ui->data;

    return NGX_OK;
}


ngx_str_t *
ngx_http_sparkjob_livy_state(ngx_http_sparkjob_record_t *rec)
{
    return rec->of.session.busy && rec->state == SJP_CONTEXT_RUNNING
           ? &ngx_http_sparkjob_livy_busy
           : &ngx_http_sparkjob_livy_states[rec->state];
}


/* of a session that has died its number and its state, which is what is told */

void
ngx_http_sparkjob_livy_ended(ngx_str_t *name)
{
    u_char     *p;
    ngx_int_t   state;
    ngx_str_t   s;

    p = ngx_strlchr(name->data, name->data + name->len, ' ');

    s.data = p ? p + 1 : name->data;
    s.len = name->data + name->len - s.data;

    state = ngx_http_sparkjob_state_number(NGX_HTTP_SPARKJOB_CONTEXT, &s);

    *name = (state == NGX_ERROR) ? s : ngx_http_sparkjob_livy_states[state];
}


/* under the lock of the zone: "idle" and "busy" take each other's place */

void
ngx_http_sparkjob_livy_mark(ngx_http_sparkjob_record_t *rec, ngx_uint_t busy)
{
    ngx_str_t  row, *state;

    rec->of.session.busy = busy;

    if (rec->of.session.number < 0 || rec->state != SJP_CONTEXT_RUNNING) {
        return;
    }

    state = ngx_http_sparkjob_livy_state(rec);
    row = ngx_http_sparkjob_record_string(rec, NGX_HTTP_SPARKJOB_SESSION);

    ngx_memcpy(row.data + rec->of.session.state, state->data, state->len);
}
