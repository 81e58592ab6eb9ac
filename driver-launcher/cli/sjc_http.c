
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjc_http.h"
#include "sjc_option.h"
#include "sjc_print.h"
#include "sjc_progress.h"

#include <strings.h>
#include <sys/stat.h>


#define SJC_HTTP_URL      "http://127.0.0.1:8090"
#define SJC_HTTP_CONNECT  10L


static void sjc_http_user(void);
static void sjc_http_body(CURL *curl, const sjc_request_t *request,
    struct curl_slist **headers);
static size_t sjc_http_write(char *p, size_t size, size_t n, void *data);
static size_t sjc_http_header(char *p, size_t size, size_t n, void *data);


static struct {
    char  *url;                 /* without a slash at its end */
    char  *user;
    char  *password;
} sjc_server;


/* what the user has got wrong, rather than the server or the network */

static const CURLcode  sjc_http_wrong_use[] = {
    CURLE_URL_MALFORMAT,
    CURLE_UNSUPPORTED_PROTOCOL,
    CURLE_SSL_CERTPROBLEM,
    CURLE_SSL_CACERT_BADFILE,
    CURLE_READ_ERROR
};


sjc_exit_e
sjc_http_init(void)
{
    size_t       len;
    const char  *url;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return sjc_say(SJC_FAILED, "libcurl cannot be initialised");
    }

    url = sjc_option(SJC_URL);

    if (url == NULL) {
        url = getenv("SPARKJOB_URL");
    }

    if (url == NULL || *url == '\0') {
        url = SJC_HTTP_URL;
    }

    if (strpbrk(url, "?# ")) {
        return sjc_say(SJC_WRONG_USE, "\"%s\" is no address of a server", url);
    }

    for (len = strlen(url); len && url[len - 1] == '/'; len--) { /* void */ }

    sjc_server.url = sjc_format("%.*s", (int) len, url);

    sjc_http_user();

    return SJC_OK;
}


/* only a person at a terminal is asked for a password */

static void
sjc_http_user(void)
{
    char        *asked;
    size_t       len;
    const char  *user;

    user = sjc_option(SJC_USER);

    if (user == NULL) {
        user = getenv("SPARKJOB_USER");
    }

    if (user == NULL || *user == '\0') {
        return;
    }

    len = strcspn(user, ":");
    sjc_server.user = sjc_format("%.*s", (int) len, user);

    if (user[len] == ':') {
        sjc_server.password = sjc_format("%s", user + len + 1);
        return;
    }

    asked = isatty(STDIN_FILENO) ? getpass("Password: ") : NULL;
    sjc_server.password = sjc_format("%s", asked ? asked : "");
}


void
sjc_http_free(void)
{
    free(sjc_server.url);
    free(sjc_server.user);
    free(sjc_server.password);
    memset(&sjc_server, 0, sizeof(sjc_server));

    curl_global_cleanup();
}


void
sjc_path(sjc_buf_t *path, const char *folder, const char *name,
    const char *rest)
{
    char  *escaped;

    sjc_buf_add(path, folder, strlen(folder));

    if (name) {
        escaped = curl_easy_escape(NULL, name, (int) strlen(name));

        if (escaped == NULL) {
            exit(sjc_say(SJC_FAILED, "memory for text cannot be had"));
        }

        sjc_buf_add(path, escaped, strlen(escaped));
        curl_free(escaped);
    }

    if (rest) {
        sjc_buf_add(path, rest, strlen(rest));
    }
}


void
sjc_query(sjc_buf_t *path, const char *name, const char *value)
{
    if (value == NULL) {
        return;
    }

    sjc_path(path, strchr(path->data, '?') ? "&" : "?", name, "=");
    sjc_path(path, "", value, NULL);
}


sjc_exit_e
sjc_http_get(const char *path, sjc_answer_t *answer)
{
    sjc_request_t  request;

    memset(&request, 0, sizeof(sjc_request_t));
    request.method = "GET";
    request.path = path;

    return sjc_http(&request, answer);
}


sjc_exit_e
sjc_http(const sjc_request_t *request, sjc_answer_t *answer)
{
    CURL               *curl;
    char                detail[CURL_ERROR_SIZE];
    CURLcode            code;
    sjc_exit_e          rc;
    struct curl_slist  *headers;

    memset(answer, 0, sizeof(sjc_answer_t));
    sjc_buf_add(&answer->body, "", 0);
    detail[0] = '\0';
    headers = NULL;

    curl = sjc_http_handle(request->path);

    (void) curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, sjc_http_write);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer->body);
    (void) curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, sjc_http_header);
    (void) curl_easy_setopt(curl, CURLOPT_HEADERDATA, answer);

    sjc_http_body(curl, request, &headers);

    code = curl_easy_perform(curl);
    (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);

    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    sjc_progress_end();

    /* a server that refuses early may not have read all that was sent */

    if (code != CURLE_OK
        && !(code == CURLE_SEND_ERROR && answer->status >= 400))
    {
        rc = sjc_http_broken(code, detail);

    } else if (answer->status >= 200 && answer->status < 300) {
        rc = SJC_OK;

    } else {
        rc = sjc_http_refused(answer->status, &answer->body);
    }

    return rc;
}


CURL *
sjc_http_handle(const char *path)
{
    CURL  *curl;
    char  *url;

    curl = curl_easy_init();

    if (curl == NULL) {
        exit(sjc_say(SJC_FAILED, "libcurl gives no handle"));
    }

    url = sjc_format("%s%s", sjc_server.url, path);
    (void) curl_easy_setopt(curl, CURLOPT_URL, url);
    free(url);

    (void) curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void) curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, SJC_HTTP_CONNECT);
    (void) curl_easy_setopt(curl, CURLOPT_USERAGENT, "sparkjob/" SJC_RELEASE);
    (void) curl_easy_setopt(curl, CURLOPT_SSLCERT, sjc_option(SJC_CERT));
    (void) curl_easy_setopt(curl, CURLOPT_SSLKEY, sjc_option(SJC_KEY));

    /* NULL would take away the system's own */

    if (sjc_option(SJC_CACERT)) {
        (void) curl_easy_setopt(curl, CURLOPT_CAINFO, sjc_option(SJC_CACERT));
    }

    if (sjc_option(SJC_INSECURE)) {
        (void) curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        (void) curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }

    if (sjc_server.user) {
        (void) curl_easy_setopt(curl, CURLOPT_USERNAME, sjc_server.user);
        (void) curl_easy_setopt(curl, CURLOPT_PASSWORD, sjc_server.password);

    } else {
        (void) curl_easy_setopt(curl, CURLOPT_NETRC,
                                (long) CURL_NETRC_OPTIONAL);
        (void) curl_easy_setopt(curl, CURLOPT_NETRC_FILE,
                                sjc_option(SJC_NETRC));
    }

    return curl;
}


static void
sjc_http_body(CURL *curl, const sjc_request_t *request,
    struct curl_slist **headers)
{
    char         *line;
    struct stat   sb;

    if (request->body || request->file) {
        line = sjc_format("Content-Type: %s", request->type ? request->type
                                              : "application/octet-stream");
        *headers = curl_slist_append(*headers, line);
        free(line);
    }

    if (request->header) {
        *headers = curl_slist_append(*headers, request->header);
    }

    if (request->file) {
        (void) curl_easy_setopt(curl, CURLOPT_POST, 1L);
        (void) curl_easy_setopt(curl, CURLOPT_READDATA, request->file);
        sjc_progress_upload(curl);

        if (fstat(fileno(request->file), &sb) == 0 && S_ISREG(sb.st_mode)) {
            (void) curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                                    (curl_off_t) sb.st_size);

        } else {
            *headers = curl_slist_append(*headers,
                                         "Transfer-Encoding: chunked");
        }

    } else if (request->body) {
        (void) curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
        (void) curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                                (curl_off_t) request->len);
    }

    (void) curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    (void) curl_easy_setopt(curl, CURLOPT_HTTPHEADER, *headers);
}


static size_t
sjc_http_write(char *p, size_t size, size_t n, void *data)
{
    sjc_buf_add(data, p, size * n);

    return size * n;
}


/* Link: </jobs?limit=50&cursor=x>; rel="next" */

static size_t
sjc_http_header(char *p, size_t size, size_t n, void *data)
{
    char          *line;
    const char    *query, *end;
    sjc_answer_t  *answer = data;

    line = sjc_format("%.*s", (int) (size * n), p);

    if (strncasecmp(line, "Link:", 5) == 0
        && strcasestr(line, "rel=\"next\""))
    {
        query = strchr(line, '?');
        end = query ? strchr(query, '>') : NULL;

        if (end) {
            free(answer->next);
            answer->next = sjc_format("%.*s", (int) (end - query), query);
        }
    }

    free(line);

    return size * n;
}


sjc_exit_e
sjc_http_broken(CURLcode code, const char *detail)
{
    size_t       i;
    sjc_exit_e   rc;

    rc = SJC_FAILED;

    for (i = 0; i < sjc_nelts(sjc_http_wrong_use); i++) {
        if (sjc_http_wrong_use[i] == code) {
            rc = SJC_WRONG_USE;
        }
    }

    return sjc_say(rc, "no answer from %s: %s", sjc_server.url,
                   detail && *detail ? detail : curl_easy_strerror(code));
}


/* with --json a script can read all of what the server said */

sjc_exit_e
sjc_http_refused(long status, const sjc_buf_t *body)
{
    char        *words;
    sjc_exit_e   rc;

    rc = status >= 400 && status < 500 ? SJC_REFUSED : SJC_FAILED;

    words = sjc_print_words(body->data);
    (void) sjc_say(rc, "%s (%ld)", words, status);
    free(words);

    if (sjc_option(SJC_JSON) && body->len) {
        sjc_print_raw(body->data, body->len);
    }

    return rc;
}


void
sjc_answer_free(sjc_answer_t *answer)
{
    sjc_buf_free(&answer->body);
    free(answer->next);
    answer->next = NULL;
}
