
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_batch_want.h"
#include "sparkjob_body.h"

#include <ctype.h>


#define SJL_BATCH_WANT_FILES  1000      /* and as many words */
#define SJL_BATCH_WANT_NAME   200       /* bytes of what is a file's name */


typedef struct sjl_batch_member_s  sjl_batch_member_t;

struct sjl_batch_member_s {
    const char  *name;
    int        (*read)(sjl_batch_want_t *want, const sjl_batch_member_t *m,
                       const json_t *value, char **why);
    size_t       offset;                /* of a text */
    const char  *key;                   /* the setting that it is */
    unsigned     use;                   /* of files */
};


static int sjl_batch_want_text(sjl_batch_want_t *want,
    const sjl_batch_member_t *m, const json_t *value, char **why);
static int sjl_batch_want_setting(sjl_batch_want_t *want,
    const sjl_batch_member_t *m, const json_t *value, char **why);
static char *sjl_batch_want_string(const sjl_batch_member_t *m,
    const json_t *value, char **why);
static int sjl_batch_want_memory(sjl_batch_want_t *want,
    const sjl_batch_member_t *m, const json_t *value, char **why);
static int sjl_batch_want_count(sjl_batch_want_t *want,
    const sjl_batch_member_t *m, const json_t *value, char **why);
static int sjl_batch_want_args(sjl_batch_want_t *want,
    const sjl_batch_member_t *m, const json_t *value, char **why);
static int sjl_batch_want_file(sjl_batch_want_t *want,
    const sjl_batch_member_t *m, const json_t *value, char **why);
static int sjl_batch_want_list(sjl_batch_want_t *want,
    const sjl_batch_member_t *m, const json_t *value, char **why);
static int sjl_batch_want_conf(sjl_batch_want_t *want,
    const sjl_batch_member_t *m, const json_t *value, char **why);
static int sjl_batch_want_conf_files(sjl_batch_want_t *want,
    const sjl_batch_member_t *m, const char *list, char **why);
static int sjl_batch_want_checked(const sjl_batch_want_t *want, char **why);
static int sjl_batch_want_conf_refused(const char *key, char **why);
static int sjl_batch_want_add(sjl_batch_want_t *want,
    const sjl_batch_member_t *m, const char *text, size_t len, char **why);
static int sjl_batch_want_source(const sjl_batch_member_t *m,
    sjl_batch_file_t *file, char **why);
static int sjl_batch_want_name_ok(const char *name);
static char *sjl_batch_want_scalar(const json_t *value);
static int sjl_batch_want_wrong_element(const sjl_batch_member_t *m, size_t i,
    const char *expected, const json_t *value, char **why);
static int sjl_batch_want_wrong(const char *name, const char *expected,
    const json_t *value, char **why);


static const sjl_batch_member_t  sjl_batch_members[] = {
    { "file", sjl_batch_want_file, 0, NULL, SJL_BATCH_FILE },
    { "jars", sjl_batch_want_list, 0, "spark.jars", SJL_BATCH_JARS },
    { "pyFiles", sjl_batch_want_list, 0, "spark.submit.pyFiles",
      SJL_BATCH_PY_FILES },
    { "files", sjl_batch_want_list, 0, "spark.files", SJL_BATCH_FILES },
    { "archives", sjl_batch_want_list, 0, "spark.archives",
      SJL_BATCH_ARCHIVES },
    { "className", sjl_batch_want_text, offsetof(sjl_batch_want_t, class),
      NULL, 0 },
    { "name", sjl_batch_want_text, offsetof(sjl_batch_want_t, name), NULL, 0 },
    { "proxyUser", sjl_batch_want_text,
      offsetof(sjl_batch_want_t, proxy_user), NULL, 0 },
    { "args", sjl_batch_want_args, 0, NULL, 0 },
    { "conf", sjl_batch_want_conf, 0, NULL, 0 },
    { "driverMemory", sjl_batch_want_memory, 0, "spark.driver.memory", 0 },
    { "executorMemory", sjl_batch_want_memory, 0, "spark.executor.memory", 0 },
    { "driverCores", sjl_batch_want_count, 0, "spark.driver.cores", 0 },
    { "executorCores", sjl_batch_want_count, 0, "spark.executor.cores", 0 },
    { "numExecutors", sjl_batch_want_count, 0, "spark.executor.instances", 0 },
    { "queue", sjl_batch_want_setting, 0, "spark.yarn.queue", 0 }
};


/* what would have us lose a batch, or is asked for in another way */

static const struct {
    const char  *key;                   /* or what it begins with, and a star */
    const char  *why;
} sjl_batch_refused[] = {
    { "spark.yarn.submit.waitAppCompletion",
      "a batch is watched until it ends" },
    { "spark.kubernetes.submission.waitAppCompletion",
      "a batch is watched until it ends" },
    { "spark.standalone.submit.waitAppCompletion",
      "a batch is watched until it ends" },
    { "spark.driver.supervise", "a batch runs once" },
    { "spark.yarn.maxAppAttempts", "a batch runs once" },
    { "spark.yarn.dist.*", "\"jars\", \"files\" and \"archives\" say that" },
    { "spark.driver.extraClassPath", "\"jars\" says that" },
    { "spark.jars.ivySettings", "it is a file of this host" },
    { "spark.proxy.user", "\"proxyUser\" says that" },
    { "spark.app.name", "\"name\" says that" }
};


static const struct {
    const char          *scheme;
    sjl_batch_source_e   source;
} sjl_batch_schemes[] = {
    { "file", SJL_BATCH_LOCAL },
    { "local", SJL_BATCH_LOCAL },
    { "http", SJL_BATCH_WEB },
    { "https", SJL_BATCH_WEB },
    { "hdfs", SJL_BATCH_REMOTE },
    { "s3a", SJL_BATCH_REMOTE },
    { "abfs", SJL_BATCH_REMOTE },
    { "abfss", SJL_BATCH_REMOTE },
    { "gs", SJL_BATCH_REMOTE },
    { "wasb", SJL_BATCH_REMOTE },
    { "wasbs", SJL_BATCH_REMOTE },
    { "o3fs", SJL_BATCH_REMOTE },
    { "ofs", SJL_BATCH_REMOTE }
};


sjl_batch_want_t *
sjl_batch_want_read(const char *text, size_t len, char **why)
{
    int                        rc;
    char                       wrong[SJP_BODY_WRONG];
    size_t                     i;
    json_t                    *root, *value;
    sjl_batch_want_t          *want;
    const sjl_batch_member_t  *m;

    root = sjp_body_object(text, len, wrong);

    if (root == NULL) {
        *why = sjl_format("the request is %s", wrong);
        return NULL;
    }

    want = sjl_alloc(sizeof(sjl_batch_want_t));
    want->settings = json_object();
    want->args = json_array();
    rc = SJL_OK;

    for (i = 0; i < sjl_nelts(sjl_batch_members) && rc == SJL_OK; i++) {
        m = &sjl_batch_members[i];
        value = json_object_get(root, m->name);

        if (value && !json_is_null(value)) {
            rc = m->read(want, m, value, why);
        }
    }

    json_decref(root);

    if (rc == SJL_OK) {
        rc = sjl_batch_want_checked(want, why);
    }

    if (rc == SJL_ERROR) {
        sjl_batch_want_free(want);
        want = NULL;
    }

    return want;
}


static int
sjl_batch_want_checked(const sjl_batch_want_t *want, char **why)
{
    const char  *wrong;

    if (want->nfiles == 0 || want->files[0].use != SJL_BATCH_FILE) {
        *why = sjl_strdup("requirement failed: File is required.");
        return SJL_ERROR;
    }

    wrong = want->name ? sjp_body_name(want->name, strlen(want->name)) : NULL;

    if (wrong) {
        *why = sjl_format("Invalid session name: %s%s", want->name, wrong);
        return SJL_ERROR;
    }

    return SJL_OK;
}


static int
sjl_batch_want_text(sjl_batch_want_t *want, const sjl_batch_member_t *m,
    const json_t *value, char **why)
{
    char    *text;
    size_t   len;

    text = sjl_batch_want_string(m, value, why);

    if (text == NULL) {
        return SJL_ERROR;
    }

    len = strlen(text);

    if (len > SJP_CLASS_MAX) {
        *why = sjl_format("%s is too long: %zu bytes, at most %d are allowed",
                          m->name, len, SJP_CLASS_MAX);
    }

    if (len == 0 || len > SJP_CLASS_MAX) {
        free(text);
        return len ? SJL_ERROR : SJL_OK;
    }

    *(char **) (void *) ((char *) want + m->offset) = text;

    return SJL_OK;
}


static int
sjl_batch_want_setting(sjl_batch_want_t *want, const sjl_batch_member_t *m,
    const json_t *value, char **why)
{
    char  *text;

    text = sjl_batch_want_string(m, value, why);

    if (text == NULL) {
        return SJL_ERROR;
    }

    (void) json_object_set_new(want->settings, m->key, json_string(text));
    free(text);

    return SJL_OK;
}


/* NULL: *why says what it is */

static char *
sjl_batch_want_string(const sjl_batch_member_t *m, const json_t *value,
    char **why)
{
    char  *text;

    text = json_is_boolean(value) ? NULL : sjl_batch_want_scalar(value);

    if (text == NULL) {
        (void) sjl_batch_want_wrong(m->name, "a string", value, why);
    }

    return text;
}


/* Spark counts in MiB where there is no unit, and a JVM in bytes */

static int
sjl_batch_want_memory(sjl_batch_want_t *want, const sjl_batch_member_t *m,
    const json_t *value, char **why)
{
    char    *text, *size;
    size_t   n;

    text = sjl_batch_want_scalar(value);
    n = text ? strspn(text, "0123456789") : 0;

    if (n == 0 || n > 15
        || (text[n] && (strchr("kKmMgGtT", text[n]) == NULL
                        || (text[n + 1] && strcasecmp(text + n + 1, "b")))))
    {
        free(text);
        return sjl_batch_want_wrong(m->name, "a size like \"2g\"", value, why);
    }

    size = sjl_format("%.*s%c", (int) n, text,
                      text[n] ? tolower((unsigned char) text[n]) : 'm');

    (void) json_object_set_new(want->settings, m->key, json_string(size));

    free(text);
    free(size);

    return SJL_OK;
}


static int
sjl_batch_want_count(sjl_batch_want_t *want, const sjl_batch_member_t *m,
    const json_t *value, char **why)
{
    int    rc;
    char  *text;

    text = sjl_batch_want_scalar(value);

    if (text == NULL || *text == '\0' || strlen(text) > 9
        || strspn(text, "0123456789") != strlen(text) || atoi(text) == 0)
    {
        rc = sjl_batch_want_wrong(m->name, "a whole number from 1 to 999999999",
                                  value, why);

    } else {
        (void) json_object_set_new(want->settings, m->key, json_string(text));
        rc = SJL_OK;
    }

    free(text);

    return rc;
}


static int
sjl_batch_want_args(sjl_batch_want_t *want, const sjl_batch_member_t *m,
    const json_t *value, char **why)
{
    char    *text;
    size_t   i;
    json_t  *word;

    if (!json_is_array(value)) {
        return sjl_batch_want_wrong(m->name, "an array of strings", value, why);
    }

    if (json_array_size(value) > SJL_BATCH_WANT_FILES) {
        *why = sjl_format("%s is too long: %zu strings, at most %d are allowed",
                          m->name, json_array_size(value),
                          SJL_BATCH_WANT_FILES);
        return SJL_ERROR;
    }

    json_array_foreach(value, i, word) {
        text = sjl_batch_want_scalar(word);

        if (text == NULL) {
            return sjl_batch_want_wrong_element(m, i, "a string, a number or a "
                                                "boolean", word, why);
        }

        (void) json_array_append_new(want->args, json_string(text));
        free(text);
    }

    return SJL_OK;
}


static int
sjl_batch_want_file(sjl_batch_want_t *want, const sjl_batch_member_t *m,
    const json_t *value, char **why)
{
    if (!json_is_string(value)) {
        return sjl_batch_want_wrong(m->name, "a string", value, why);
    }

    if (json_string_length(value) == 0) {
        return SJL_OK;
    }

    return sjl_batch_want_add(want, m, json_string_value(value),
                              json_string_length(value), why);
}


static int
sjl_batch_want_list(sjl_batch_want_t *want, const sjl_batch_member_t *m,
    const json_t *value, char **why)
{
    size_t   i;
    json_t  *entry;

    if (!json_is_array(value)) {
        return sjl_batch_want_wrong(m->name, "an array of strings", value, why);
    }

    json_array_foreach(value, i, entry) {

        if (!json_is_string(entry)) {
            return sjl_batch_want_wrong_element(m, i, "a string", entry, why);
        }

        if (sjl_batch_want_add(want, m, json_string_value(entry),
                               json_string_length(entry), why)
            == SJL_ERROR)
        {
            return SJL_ERROR;
        }
    }

    return SJL_OK;
}


/* a setting that names files is read as the member of the request is */

static int
sjl_batch_want_conf(sjl_batch_want_t *want, const sjl_batch_member_t *m,
    const json_t *value, char **why)
{
    int          rc;
    char        *text;
    size_t       i;
    json_t      *entry;
    const char  *key;

    if (!json_is_object(value)) {
        return sjl_batch_want_wrong(m->name, "an object", value, why);
    }

    json_object_foreach((json_t *) (uintptr_t) value, key, entry) {

        if (json_is_null(entry)) {
            continue;
        }

        text = sjl_batch_want_scalar(entry);

        if (text == NULL) {
            return sjl_batch_want_wrong(key, "a string, a number or a boolean "
                                        "in \"conf\"", entry, why);
        }

        rc = sjl_batch_want_conf_refused(key, why);

        for (i = 0; i < sjl_nelts(sjl_batch_members); i++) {
            if (sjl_batch_members[i].read == sjl_batch_want_list
                && strcmp(sjl_batch_members[i].key, key) == 0)
            {
                break;
            }
        }

        if (rc == SJL_OK && i < sjl_nelts(sjl_batch_members)) {
            rc = sjl_batch_want_conf_files(want, &sjl_batch_members[i], text,
                                           why);

        } else if (rc == SJL_OK) {
            (void) json_object_set_new(want->settings, key, json_string(text));
        }

        free(text);

        if (rc == SJL_ERROR) {
            return SJL_ERROR;
        }
    }

    return SJL_OK;
}


static int
sjl_batch_want_conf_refused(const char *key, char **why)
{
    size_t       i, n;
    const char  *refused;

    for (i = 0; i < sjl_nelts(sjl_batch_refused); i++) {
        refused = sjl_batch_refused[i].key;
        n = strcspn(refused, "*");

        if (strncmp(key, refused, n) == 0
            && (refused[n] == '*' || key[n] == '\0'))
        {
            *why = sjl_format("conf: %.300s cannot be set: %s", key,
                              sjl_batch_refused[i].why);
            return SJL_ERROR;
        }
    }

    return SJL_OK;
}


static int
sjl_batch_want_conf_files(sjl_batch_want_t *want, const sjl_batch_member_t *m,
    const char *list, char **why)
{
    size_t  n;

    for ( /* void */ ; *list; list += n + (list[n] == ',')) {
        list += strspn(list, " ");
        n = strcspn(list, ",");

        if (n && sjl_batch_want_add(want, m, list, n, why) == SJL_ERROR) {
            return SJL_ERROR;
        }
    }

    return SJL_OK;
}


static int
sjl_batch_want_add(sjl_batch_want_t *want, const sjl_batch_member_t *m,
    const char *text, size_t len, char **why)
{
    char              *hash;
    sjl_batch_file_t  *files, *file;

    if (want->nfiles == SJL_BATCH_WANT_FILES) {
        *why = sjl_format("%s: there are more than %d files", m->name,
                          SJL_BATCH_WANT_FILES);
        return SJL_ERROR;
    }

    files = sjl_alloc((want->nfiles + 1) * sizeof(sjl_batch_file_t));

    if (want->nfiles) {
        memcpy(files, want->files, want->nfiles * sizeof(sjl_batch_file_t));
    }

    free(want->files);
    want->files = files;

    file = &files[want->nfiles++];
    file->use = m->use;
    file->text = sjl_memdup(text, len);

    hash = strchr(file->text, '#');

    if (hash) {
        file->fragment = sjl_strdup(hash);
        *hash = '\0';
    }

    return sjl_batch_want_source(m, file, why);
}


static int
sjl_batch_want_source(const sjl_batch_member_t *m, sjl_batch_file_t *file,
    char **why)
{
    char    *p;
    size_t   i, n;

    /* Spark takes lists apart at commas */

    for (p = file->text; *p; p++) {
        if (*p == ',' || (unsigned char) *p < ' ' || *p == 0x7f) {
            *why = sjl_format("%s: a name may have neither commas nor control "
                              "characters: %.300s", m->name, file->text);
            sjl_text_clean(*why);
            return SJL_ERROR;
        }
    }

    n = strcspn(file->text, ":/");

    if (file->text[n] == '/') {
        file->source = SJL_BATCH_PATH;

        if (n) {
            *why = sjl_format("%s: a path has to be absolute: %.300s", m->name,
                              file->text);
            return SJL_ERROR;
        }

        return SJL_OK;
    }

    if (file->text[n] == '\0') {
        file->source = SJL_BATCH_NAMED;

        if (!sjl_batch_want_name_ok(file->text)) {
            *why = sjl_format("%s: \"%.300s\" is neither a URI nor a name",
                              m->name, file->text);
            return SJL_ERROR;
        }

        return SJL_OK;
    }

    for (i = 0; i < sjl_nelts(sjl_batch_schemes); i++) {
        if (strlen(sjl_batch_schemes[i].scheme) == n
            && strncasecmp(sjl_batch_schemes[i].scheme, file->text, n) == 0)
        {
            file->source = sjl_batch_schemes[i].source;
            return SJL_OK;
        }
    }

    *why = sjl_format("%s: the scheme %.*s is not served: %.300s", m->name,
                      (int) (n < 50 ? n : 50), file->text, file->text);

    return SJL_ERROR;
}


/* it becomes a file's name */

static int
sjl_batch_want_name_ok(const char *name)
{
    return *name && *name != '.' && strlen(name) <= SJL_BATCH_WANT_NAME;
}


/* clients are not of one mind about what is a number; NULL: neither */

static char *
sjl_batch_want_scalar(const json_t *value)
{
    switch (json_typeof(value)) {

    case JSON_STRING:
        return sjl_strdup(json_string_value(value));

    case JSON_INTEGER:
    case JSON_REAL:
    case JSON_TRUE:
    case JSON_FALSE:
        return sjl_json_text(value);

    default:
        return NULL;
    }
}


static int
sjl_batch_want_wrong_element(const sjl_batch_member_t *m, size_t i,
    const char *expected, const json_t *value, char **why)
{
    int    rc;
    char  *name;

    name = sjl_format("%s[%zu]", m->name, i);
    rc = sjl_batch_want_wrong(name, expected, value, why);
    free(name);

    return rc;
}


static int
sjl_batch_want_wrong(const char *name, const char *expected,
    const json_t *value, char **why)
{
    char  shown[SJP_BODY_SHOWN];

    *why = sjl_format("%.300s has to be %s, it is %s", name, expected,
                      sjp_body_shown(value, shown));
    sjl_text_clean(*why);

    return SJL_ERROR;
}


const char *
sjl_batch_want_key(sjl_batch_use_e use)
{
    return sjl_batch_members[use].key;
}


json_t *
sjl_batch_want_words(const char *line)
{
    char         *word, *p, quote;
    json_t       *words;
    unsigned      begun;

    words = json_array();
    word = sjl_alloc(strlen(line) + 1);
    p = word;
    quote = '\0';
    begun = 0;

    for ( /* void */ ; *line; line++) {

        if (quote ? *line == quote : *line == '"' || *line == '\'') {
            quote = quote ? '\0' : *line;
            begun = 1;

        } else if (*line == '\\' && line[1] && quote != '\'') {
            *p++ = *++line;
            begun = 1;

        } else if (isspace((unsigned char) *line) && !quote) {

            if (begun) {
                (void) json_array_append_new(words,
                                             json_stringn(word, p - word));
                p = word;
                begun = 0;
            }

        } else {
            *p++ = *line;
            begun = 1;
        }
    }

    if (begun) {
        (void) json_array_append_new(words, json_stringn(word, p - word));
    }

    free(word);

    if (quote) {
        json_decref(words);
        return NULL;
    }

    return words;
}


char *
sjl_batch_want_host(const char *url, unsigned *port)
{
    char        *host, *at, *end;
    size_t       n;
    const char  *p;

    p = strstr(url, "://");

    if (p == NULL) {
        return NULL;
    }

    *port = strncasecmp(url, "https", 5) == 0 ? 443 : 80;

    p += 3;
    n = strcspn(p, "/?");
    host = sjl_memdup(p, n);
    at = strrchr(host, '@');

    if (at) {
        memmove(host, at + 1, strlen(at + 1) + 1);
    }

    if (*host == '[') {
        end = strchr(host, ']');
        n = end ? (size_t) (end - host) : 0;

        if (end) {
            *end = '\0';
            end++;
            memmove(host, host + 1, n);
        }

    } else {
        end = strchr(host, ':');
    }

    if (end && *end == ':') {
        *end = '\0';
        *port = (unsigned) strtoul(end + 1, NULL, 10);
    }

    if (*host == '\0' || *host == '[' || *port == 0 || *port > 65535) {
        free(host);
        return NULL;
    }

    return host;
}


void
sjl_batch_want_free(sjl_batch_want_t *want)
{
    size_t  i;

    if (want == NULL) {
        return;
    }

    for (i = 0; i < want->nfiles; i++) {
        free(want->files[i].text);
        free(want->files[i].fragment);
        free(want->files[i].path);
    }

    free(want->files);
    free(want->name);
    free(want->class);
    free(want->proxy_user);
    json_decref(want->settings);
    json_decref(want->args);
    free(want);
}
