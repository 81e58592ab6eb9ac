
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_yarn_conf.h"

#include <expat.h>
#include <fcntl.h>
#include <sys/stat.h>


#define SJL_YARN_FILE    "yarn-site.xml"
#define SJL_YARN_SIZE    (4 * 1024 * 1024)
#define SJL_YARN_DEPTH   20             /* of values within values */


typedef struct {
    json_t   *values;                   /* by name */
    char     *name;
    char     *value;
    char    **text;                     /* the one that is being read */
} sjl_yarn_xml_t;


static json_t *sjl_yarn_conf_read(const char *path, char **why);
static char *sjl_yarn_conf_load(const char *path, size_t *size, char **why);
static json_t *sjl_yarn_conf_parse(const char *path, const char *xml,
    size_t size, char **why);
static void sjl_yarn_conf_begin(void *data, const char *tag,
    const char **attributes);
static void sjl_yarn_conf_text(void *data, const char *text, int n);
static void sjl_yarn_conf_end(void *data, const char *tag);
static char *sjl_yarn_conf_get(const json_t *values, const char *name,
    const char *suffix, const char *otherwise);
static char *sjl_yarn_conf_expand(const json_t *values, const char *text,
    unsigned depth);
static char *sjl_yarn_conf_all(const json_t *values);
static char *sjl_yarn_conf_url(const json_t *values, const char *suffix);


char *
sjl_yarn_conf_rest(const char *folder, char **why)
{
    char    *path, *rest;
    json_t  *values;

    path = sjl_format("%s/" SJL_YARN_FILE, folder);
    values = sjl_yarn_conf_read(path, why);
    free(path);

    rest = values ? sjl_yarn_conf_all(values) : NULL;
    json_decref(values);

    return rest;
}


static json_t *
sjl_yarn_conf_read(const char *path, char **why)
{
    char    *xml;
    size_t   size;
    json_t  *values;

    xml = sjl_yarn_conf_load(path, &size, why);

    if (xml == NULL) {
        return NULL;
    }

    values = sjl_yarn_conf_parse(path, xml, size, why);
    free(xml);

    return values;
}


static char *
sjl_yarn_conf_load(const char *path, size_t *size, char **why)
{
    int           fd;
    char         *xml;
    ssize_t       n;
    struct stat   sb;

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NONBLOCK);

    if (fd == -1 || fstat(fd, &sb) == -1 || !S_ISREG(sb.st_mode)
        || sb.st_size > SJL_YARN_SIZE)
    {
        *why = sjl_format("%s cannot be read: %s", path,
                          fd == -1 ? strerror(errno)
                          : "it is no file, or too large");

        if (fd != -1) {
            (void) close(fd);
        }

        return NULL;
    }

    xml = sjl_alloc((size_t) sb.st_size + 1);
    n = read(fd, xml, (size_t) sb.st_size);
    (void) close(fd);

    *size = n > 0 ? (size_t) n : 0;

    return xml;
}


static json_t *
sjl_yarn_conf_parse(const char *path, const char *xml, size_t size, char **why)
{
    XML_Parser      parser;
    sjl_yarn_xml_t  state;

    memset(&state, 0, sizeof(sjl_yarn_xml_t));
    state.values = json_object();

    parser = XML_ParserCreate(NULL);

    if (parser == NULL) {
        sjl_log(SJL_LOG_CRIT, "there is no memory for a parser, giving up");
        abort();
    }

    XML_SetUserData(parser, &state);
    XML_SetElementHandler(parser, sjl_yarn_conf_begin, sjl_yarn_conf_end);
    XML_SetCharacterDataHandler(parser, sjl_yarn_conf_text);

    if (XML_Parse(parser, xml, (int) size, 1) == XML_STATUS_ERROR) {
        *why = sjl_format("%s, line %lu: %s", path,
                          (unsigned long) XML_GetCurrentLineNumber(parser),
                          XML_ErrorString(XML_GetErrorCode(parser)));
        json_decref(state.values);
        state.values = NULL;
    }

    XML_ParserFree(parser);
    free(state.name);
    free(state.value);

    return state.values;
}


static void
sjl_yarn_conf_begin(void *data, const char *tag, const char **attributes)
{
    sjl_yarn_xml_t  *state;

    (void) attributes;

    state = data;

    state->text = strcmp(tag, "name") == 0 ? &state->name
                  : strcmp(tag, "value") == 0 ? &state->value : NULL;

    if (state->text) {
        free(*state->text);
        *state->text = sjl_strdup("");
    }
}


static void
sjl_yarn_conf_text(void *data, const char *text, int n)
{
    char            *longer;
    sjl_yarn_xml_t  *state;

    state = data;

    if (state->text) {
        longer = sjl_format("%s%.*s", *state->text, n, text);
        free(*state->text);
        *state->text = longer;
    }
}


static void
sjl_yarn_conf_end(void *data, const char *tag)
{
    size_t           n;
    const char      *value;
    sjl_yarn_xml_t  *state;

    state = data;
    state->text = NULL;

    if (strcmp(tag, "property") != 0 || state->name == NULL
        || state->value == NULL)
    {
        return;
    }

    value = state->value + strspn(state->value, " \t\r\n");
    n = strcspn(value, " \t\r\n");

    (void) json_object_set_new(state->values, state->name,
                               json_stringn(value, n));
    free(state->name);
    free(state->value);
    state->name = NULL;
    state->value = NULL;
}


/* a property whose name has that end (or ""); to be freed, NULL: none is */

static char *
sjl_yarn_conf_get(const json_t *values, const char *name, const char *suffix,
    const char *otherwise)
{
    char        *whole;
    const char  *value;

    whole = sjl_format("%s%s", name, suffix);
    value = json_string_value(json_object_get(values, whole));
    free(whole);

    value = value && *value ? value : otherwise;

    return value ? sjl_yarn_conf_expand(values, value, 0) : NULL;
}


/* what stands in ${} is another property, or one of the JVM, which stays */

static char *
sjl_yarn_conf_expand(const json_t *values, const char *text, unsigned depth)
{
    int          n;
    char        *name, *longer, *inner, *expanded;
    const char  *begin, *end, *value;

    begin = depth < SJL_YARN_DEPTH ? strstr(text, "${") : NULL;
    end = begin ? strchr(begin, '}') : NULL;

    if (end == NULL) {
        return sjl_strdup(text);
    }

    n = (int) (begin - text);
    name = sjl_format("%.*s", (int) (end - begin - 2), begin + 2);
    value = json_string_value(json_object_get(values, name));
    free(name);

    inner = value ? sjl_yarn_conf_expand(values, value, depth + 1)
                  : sjl_format("%.*s", (int) (end + 1 - begin), begin);
    expanded = sjl_yarn_conf_expand(values, end + 1, depth + 1);

    longer = sjl_format("%.*s%s%s", n, text, inner, expanded);

    free(inner);
    free(expanded);

    return longer;
}


static char *
sjl_yarn_conf_all(const json_t *values)
{
    char  *ids, *id, *suffix, *rest, *url, *longer, *save;

    ids = sjl_yarn_conf_get(values, "yarn.resourcemanager.ha.rm-ids", "", NULL);

    if (ids == NULL) {
        return sjl_yarn_conf_url(values, "");
    }

    rest = NULL;

    for (id = strtok_r(ids, ",", &save); id; id = strtok_r(NULL, ",", &save)) {
        suffix = sjl_format(".%s", id);
        url = sjl_yarn_conf_url(values, suffix);
        longer = rest ? sjl_format("%s,%s", rest, url) : sjl_strdup(url);

        free(rest);
        rest = longer;
        free(suffix);
        free(url);
    }

    free(ids);

    return rest;
}


/* its defaults are those of Hadoop */

static char *
sjl_yarn_conf_url(const json_t *values, const char *suffix)
{
    int    https;
    char  *policy, *host, *address, *otherwise, *url;

    policy = sjl_yarn_conf_get(values, "yarn.http.policy", "", "HTTP_ONLY");
    https = strcmp(policy, "HTTPS_ONLY") == 0;

    host = sjl_yarn_conf_get(values, "yarn.resourcemanager.hostname", suffix,
                             "localhost");
    otherwise = sjl_format("%s:%s", host, https ? "8090" : "8088");

    address = sjl_yarn_conf_get(values, https
                                ? "yarn.resourcemanager.webapp.https.address"
                                : "yarn.resourcemanager.webapp.address",
                                suffix, otherwise);

    url = sjl_format("%s://%s", https ? "https" : "http", address);

    free(policy);
    free(host);
    free(otherwise);
    free(address);

    return url;
}
