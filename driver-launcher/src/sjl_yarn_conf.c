
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_yarn_conf.h"

#include <expat.h>
#include <fcntl.h>
#include <sys/stat.h>


#define SJL_YARN_FILE    "yarn-site.xml"
#define SJL_YARN_CORE    "core-site.xml"
#define SJL_YARN_SIZE    (4 * 1024 * 1024)
#define SJL_YARN_VALUE   8192           /* bytes of a name or a value */
#define SJL_YARN_SUBST   20             /* in a value, as Hadoop has it */


/* longer ones than that are for others than us */

typedef struct {
    size_t   len;
    char     text[SJL_YARN_VALUE + 1];
    int      there;
} sjl_yarn_text_t;


typedef struct {
    json_t           *values;           /* by name */
    sjl_yarn_text_t   name;
    sjl_yarn_text_t   value;
    sjl_yarn_text_t  *text;             /* the one that is being read */
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
static char *sjl_yarn_conf_expand(const json_t *values, const char *text);
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


char *
sjl_yarn_conf_default_fs(const char *folder)
{
    char    *path, *fs, *why;
    size_t   n;
    json_t  *values;

    why = NULL;
    path = sjl_format("%s/" SJL_YARN_CORE, folder);
    values = sjl_yarn_conf_read(path, &why);

    fs = values ? sjl_yarn_conf_get(values, "fs.defaultFS", "", NULL) : NULL;

    for (n = fs ? strlen(fs) : 0; n && fs[n - 1] == '/'; n--) {
        fs[n - 1] = '\0';
    }

    json_decref(values);
    free(path);
    free(why);

    return fs;
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
        state->text->len = 0;
        state->text->there = 1;
    }
}


static void
sjl_yarn_conf_text(void *data, const char *text, int n)
{
    sjl_yarn_text_t  *whole;

    whole = ((sjl_yarn_xml_t *) data)->text;

    if (whole == NULL || !whole->there) {
        return;
    }

    if ((size_t) n > SJL_YARN_VALUE - whole->len) {
        whole->there = 0;
        return;
    }

    memcpy(whole->text + whole->len, text, (size_t) n);
    whole->len += (size_t) n;
}


static void
sjl_yarn_conf_end(void *data, const char *tag)
{
    size_t           n;
    const char      *value;
    sjl_yarn_xml_t  *state;

    state = data;
    state->text = NULL;

    if (strcmp(tag, "property") != 0) {
        return;
    }

    if (state->name.there && state->value.there) {
        state->name.text[state->name.len] = '\0';
        state->value.text[state->value.len] = '\0';

        value = state->value.text + strspn(state->value.text, " \t\r\n");
        n = strcspn(value, " \t\r\n");

        (void) json_object_set_new(state->values, state->name.text,
                                   json_stringn(value, n));
    }

    state->name.there = 0;
    state->value.there = 0;
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

    return value ? sjl_yarn_conf_expand(values, value) : NULL;
}


/* what stands in ${} is another property, or one of the JVM, which stays */

static char *
sjl_yarn_conf_expand(const json_t *values, const char *text)
{
    int          n;
    char        *whole, *name, *longer, *begin, *end;
    size_t       at;
    unsigned     i;
    const char  *value;

    at = 0;
    whole = sjl_strdup(text);

    for (i = 0; i < SJL_YARN_SUBST; i++) {
        begin = strstr(whole + at, "${");
        end = begin ? strchr(begin, '}') : NULL;

        if (end == NULL) {
            break;
        }

        n = (int) (begin - whole);
        name = sjl_memdup(begin + 2, (size_t) (end - begin - 2));
        value = json_string_value(json_object_get(values, name));
        free(name);

        if (value == NULL) {
            at = (size_t) (end + 1 - whole);
            continue;
        }

        longer = sjl_format("%.*s%s%s", n, whole, value, end + 1);
        free(whole);
        whole = longer;
    }

    return whole;
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
