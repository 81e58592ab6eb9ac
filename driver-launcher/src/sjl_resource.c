
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_resource.h"
#include "sjl_context.h"

#include <ctype.h>
#include <sys/stat.h>


#define SJL_RESOURCE_GOT     100
#define SJL_RESOURCE_LONG    4096
#define SJL_RESOURCE_HIDDEN  "*********"


/* what names of secrets have in them */

static const char *const  sjl_resource_secrets[] = {
    "secret", "password", "passwd", "token", "access.key", "access_key",
    "credential"
};


/* members that may have some: objects of strings, or arrays of "name=value" */

static const char *const  sjl_resource_groups[] = {
    "environment", "settings", "options"
};


static void sjl_resource_hide(json_t *spec, const char *member);
static char *sjl_resource_option(const char *option);
static int sjl_resource_secret(const char *text);
static void sjl_resource_keep_map(json_t *map, const json_t *old);
static void sjl_resource_keep_options(json_t *options, const json_t *old);
static size_t sjl_resource_alike(const json_t *options, size_t end,
    const char *shown, size_t n);
static void sjl_resource_check_hidden(const json_t *spec, const char *member,
    json_t *wrong);
static int sjl_resource_is_mark(const char *key, const json_t *value);
static int sjl_resource_by_name(sjl_resource_t *a, sjl_resource_t *b);
static const char *sjl_resource_wrong(const sjl_resource_member_t *m,
    const json_t *value);
static const char *sjl_resource_wrong_text(const char *text);
static const char *sjl_resource_wrong_url(const char *url);
static const char *sjl_resource_wrong_environment(const json_t *value);
static char *sjl_resource_values(const sjl_resource_member_t *m);


sjl_resource_t *
sjl_resource_find(const sjl_resource_type_t *type, const char *name)
{
    sjl_resource_t  *found;

    HASH_FIND_STR(*type->all, name, found);

    return found;
}


sjl_resource_t *
sjl_resource_put(const sjl_resource_type_t *type, const sjl_resource_row_t *row)
{
    json_t          *spec;
    sjl_resource_t  *resource;

    resource = sjl_resource_find(type, row->name);

    if (resource) {
        type->free(resource);
    }

    spec = json_loads(row->spec, 0, NULL);

    resource = type->make(row->name, spec ? spec : json_object());
    resource->row.user = sjl_strdup(row->user);
    resource->row.time = row->time;
    resource->row.spec = sjl_strdup(row->spec);
    resource->row.report = sjl_strdup(row->report);

    return resource;
}


json_t *
sjl_resource_show(const sjl_resource_type_t *type,
    const sjl_resource_t *resource, const char *own)
{
    size_t       i;
    json_t      *json, *spec, *report, *users;
    const char  *unchecked;

    users = type->users(resource->row.name, 1);

    for (i = json_array_size(users); i-- > 0; ) {
        if (!sjl_context_owned(json_string_value(json_array_get(users, i)),
                               own))
        {
            (void) json_array_remove(users, i);
        }
    }

    spec = json_deep_copy(resource->spec);

    for (i = 0; i < sjl_nelts(sjl_resource_groups); i++) {
        sjl_resource_hide(spec, sjl_resource_groups[i]);
    }

    json = json_pack("{s:s, s:b, s:o, s:o}", "name", resource->row.name,
                     "fixed", (int) resource->fixed, "spec", spec,
                     "usedBy", users);

    if (!resource->fixed) {
        (void) json_object_set_new(json, "user",
                                   json_string(resource->row.user));
        (void) json_object_set_new(json, "time",
                                   json_integer(resource->row.time));
    }

    unchecked = type->unchecked ? type->unchecked(resource) : NULL;

    if (unchecked) {
        (void) json_object_set_new(json, "unchecked", json_string(unchecked));
    }

    report = resource->row.report ? json_loads(resource->row.report, 0, NULL)
                                  : NULL;

    if (report) {
        (void) json_object_set_new(json, "probe", report);
    }

    return json;
}


/* whoever may read may see that there is a secret, but not which */

static void
sjl_resource_hide(json_t *spec, const char *member)
{
    char        *text;
    void        *next;
    size_t       i;
    json_t      *group, *value;
    const char  *key;

    group = json_object_get(spec, member);

    json_object_foreach_safe(group, next, key, value) {
        if (sjl_resource_secret(key)) {
            (void) json_object_set_new(group, key,
                                       json_string(SJL_RESOURCE_HIDDEN));
        }
    }

    json_array_foreach(group, i, value) {
        text = sjl_resource_option(json_string_value(value));

        if (text) {
            (void) json_array_set_new(group, i, json_string(text));
            free(text);
        }
    }
}


/* what is shown of an option that has a secret, to be freed; else NULL */

static char *
sjl_resource_option(const char *option)
{
    return sjl_resource_secret(option)
           ? sjl_format("%.*s=" SJL_RESOURCE_HIDDEN,
                        (int) strcspn(option, "="), option)
           : NULL;
}


static int
sjl_resource_secret(const char *text)
{
    char    *lower, *p;
    size_t   i;
    int      found;

    found = 0;
    lower = sjl_strdup(text);

    for (p = lower; *p; p++) {
        *p = (char) tolower((unsigned char) *p);
    }

    for (i = 0; i < sjl_nelts(sjl_resource_secrets); i++) {
        found |= strstr(lower, sjl_resource_secrets[i]) != NULL;
    }

    free(lower);

    return found;
}


void
sjl_resource_keep(json_t *spec, const json_t *old)
{
    size_t       i;
    const char  *member;

    for (i = 0; i < sjl_nelts(sjl_resource_groups); i++) {
        member = sjl_resource_groups[i];

        sjl_resource_keep_map(json_object_get(spec, member),
                              json_object_get(old, member));
        sjl_resource_keep_options(json_object_get(spec, member),
                                  json_object_get(old, member));
    }
}


static void
sjl_resource_keep_map(json_t *map, const json_t *old)
{
    void        *next;
    json_t      *value, *stored;
    const char  *key;

    json_object_foreach_safe(map, next, key, value) {
        stored = json_object_get(old, key);

        if (stored && sjl_resource_is_mark(key, value)) {
            (void) json_object_set(map, key, stored);
        }
    }
}


/* of several with one name each has its own value: by their order */

static void
sjl_resource_keep_options(json_t *options, const json_t *old)
{
    char    *shown;
    size_t   i, n, at;
    json_t  *value;

    json_array_foreach(options, i, value) {

        if (!sjl_resource_is_mark(NULL, value)) {
            continue;
        }

        shown = sjl_strdup(json_string_value(value));

        for (n = 0; sjl_resource_alike(options, i, shown, n) < i; n++) {
            /* void */
        }

        at = sjl_resource_alike(old, json_array_size(old), shown, n);

        if (at < json_array_size(old)) {
            (void) json_array_set(options, i, json_array_get(old, at));
        }

        free(shown);
    }
}


/* where one is that is shown so, with n such before it; "end": there is none */

static size_t
sjl_resource_alike(const json_t *options, size_t end, const char *shown,
    size_t n)
{
    int          same;
    char        *text;
    size_t       i;
    const char  *option;

    for (i = 0; i < end; i++) {
        option = json_string_value(json_array_get(options, i));
        text = option ? sjl_resource_option(option) : NULL;
        same = text && strcmp(text, shown) == 0;
        free(text);

        if (same && n-- == 0) {
            return i;
        }
    }

    return end;
}


/* whether it is what stands for a secret; an option has no key */

static int
sjl_resource_is_mark(const char *key, const json_t *value)
{
    int          mark;
    char        *shown;
    const char  *text;

    text = json_string_value(value);

    if (text == NULL) {
        return 0;
    }

    if (key) {
        return sjl_resource_secret(key)
               && strcmp(text, SJL_RESOURCE_HIDDEN) == 0;
    }

    shown = sjl_resource_option(text);
    mark = shown && strcmp(text, shown) == 0;
    free(shown);

    return mark;
}


json_t *
sjl_resource_show_all(const sjl_resource_type_t *type, const char *own)
{
    json_t          *list;
    sjl_resource_t  *resource, *next;

    list = json_array();

    HASH_SORT(*type->all, sjl_resource_by_name);

    HASH_ITER(hh, *type->all, resource, next) {
        (void) json_array_append_new(list,
                                     sjl_resource_show(type, resource, own));
    }

    return list;
}


static int
sjl_resource_by_name(sjl_resource_t *a, sjl_resource_t *b)
{
    return strcmp(a->row.name, b->row.name);
}


void
sjl_resource_check(const sjl_resource_member_t *members, size_t n,
    const json_t *spec, json_t *wrong)
{
    char        *got, *text, *values;
    size_t       i;
    json_t      *value;
    const char  *key, *expected;

    json_object_foreach((json_t *) (uintptr_t) spec, key, value) {

        for (i = 0; i < n && strcmp(members[i].name, key) != 0; i++) {
            /* void */
        }

        expected = i < n ? sjl_resource_wrong(&members[i], value) : NULL;

        if (i < n && expected == NULL) {
            continue;
        }

        got = sjl_json_text(value);

        if (strlen(got) > SJL_RESOURCE_GOT) {
            got[SJL_RESOURCE_GOT] = '\0';
            sjl_text_clean(got);
        }

        values = i < n ? sjl_resource_values(&members[i]) : NULL;
        text = expected ? sjl_format("%s: expected %s, got %s", key,
                                     values ? values : expected, got)
                        : sjl_format("%.100s: no such member", key);
        sjl_resource_say(wrong, text);

        free(values);
        free(got);
    }

    for (i = 0; i < sjl_nelts(sjl_resource_groups); i++) {
        sjl_resource_check_hidden(spec, sjl_resource_groups[i], wrong);
    }
}


/* what has no stored value is no value */

static void
sjl_resource_check_hidden(const json_t *spec, const char *member,
    json_t *wrong)
{
    size_t       i;
    json_t      *group, *value;
    const char  *key;

    group = json_object_get(spec, member);

    json_object_foreach(group, key, value) {
        if (sjl_resource_is_mark(key, value)) {
            sjl_resource_say(wrong,
                sjl_format("%s: expected the value of %.100s, got what stands "
                           "for one that is not shown", member, key));
        }
    }

    json_array_foreach(group, i, value) {
        if (sjl_resource_is_mark(NULL, value)) {
            sjl_resource_say(wrong,
                sjl_format("%s: expected an option, got %.100s, which stands "
                           "for one that is not shown", member,
                           json_string_value(value)));
        }
    }
}


/* what it had to be, or NULL: it is */

static const char *
sjl_resource_wrong(const sjl_resource_member_t *m, const json_t *value)
{
    size_t       i;
    json_t      *item;
    const char  *key;

    switch (m->kind) {

    case SJL_RESOURCE_TEXT:

        for (i = 0; m->values && m->values[i] && json_is_string(value); i++) {
            if (strcmp(m->values[i], json_string_value(value)) == 0) {
                return NULL;
            }
        }

        return m->values ? "one of these"
               : sjl_resource_wrong_text(json_string_value(value));

    case SJL_RESOURCE_URL:

        return sjl_resource_wrong_url(json_string_value(value));

    case SJL_RESOURCE_ENVIRONMENT:

        return sjl_resource_wrong_environment(value);

    case SJL_RESOURCE_COUNT:

        return json_is_integer(value) && json_integer_value(value) >= 0
               && json_integer_value(value) <= SJL_RESOURCE_MOST ? NULL
               : "a number from 0 to 64";

    case SJL_RESOURCE_LIST:

        json_array_foreach(value, i, item) {
            if (json_string_length(item) == 0) {
                return "an array of strings that are not empty";
            }
        }

        return json_is_array(value) ? NULL
               : "an array of strings that are not empty";

    case SJL_RESOURCE_MAP:

        json_object_foreach((json_t *) (uintptr_t) value, key, item) {
            if (!json_is_string(item)) {
                return "an object with strings";
            }
        }

        return json_is_object(value) ? NULL : "an object with strings";
    }

    return NULL;
}


static const char *
sjl_resource_wrong_text(const char *text)
{
    if (text == NULL || *text == '\0') {
        return "a string that is not empty";
    }

    if (strlen(text) > SJL_RESOURCE_LONG) {
        return "a string of at most 4096 bytes";
    }

    for ( ; *text; text++) {
        if (iscntrl((unsigned char) *text)) {
            return "a string without control characters";
        }
    }

    return NULL;
}


/* nothing else may be asked for by these, files least of all */

static const char *
sjl_resource_wrong_url(const char *url)
{
    const char  *wrong, *p, *next;

    wrong = sjl_resource_wrong_text(url);

    for (p = url; wrong == NULL && p; p = next ? next + 1 : NULL) {
        next = strchr(p, ',');

        if (strncmp(p, "http://", 7) != 0 && strncmp(p, "https://", 8) != 0) {
            wrong = "a URL that begins with http:// or https://";
        }
    }

    return wrong;
}


static const char *
sjl_resource_wrong_environment(const json_t *value)
{
    json_t      *item;
    const char  *name;

    json_object_foreach((json_t *) (uintptr_t) value, name, item) {

        if (!json_is_string(item)) {
            return "an object with strings";
        }

        if (*name == '\0' || strchr(name, '=')) {
            return "names that are not empty and have no \"=\"";
        }
    }

    return json_is_object(value) ? NULL : "an object with strings";
}


static char *
sjl_resource_values(const sjl_resource_member_t *m)
{
    char    *text, *longer;
    size_t   i;

    text = NULL;

    for (i = 0; m->values && m->values[i]; i++) {
        longer = sjl_format("%s%s\"%s\"", text ? text : "",
                            text ? " or " : "", m->values[i]);
        free(text);
        text = longer;
    }

    return text;
}


void
sjl_resource_say(json_t *wrong, char *text)
{
    sjl_text_clean(text);
    (void) json_array_append_new(wrong, json_string(text));
    free(text);
}


/* a driver has another folder to begin with than the launcher */

void
sjl_resource_look_folder(const json_t *spec, const char *member, json_t *wrong)
{
    const char   *path;
    struct stat   sb;

    path = json_string_value(json_object_get(spec, member));

    if (path && *path != '/') {
        sjl_resource_say(wrong, sjl_format("%s: expected a path that begins "
                                           "with \"/\", got \"%.300s\"",
                                           member, path));

    } else if (path && (stat(path, &sb) == -1 || !S_ISDIR(sb.st_mode)
                        || access(path, R_OK|X_OK) == -1))
    {
        sjl_resource_say(wrong, sjl_format("%s: expected the path of a folder, "
                                           "got \"%.300s\"", member, path));
    }
}


json_t *
sjl_resource_look_fixed(void)
{
    char            *text;
    size_t           i, j;
    json_t          *all, *wrong, *sentence;
    sjl_resource_t  *resource, *next;

    static const struct {
        const char                 *member;
        const sjl_resource_type_t  *type;
    } members[] = {
        { "clusters", &sjl_clusters_type },
        { "library_sets", &sjl_libraries_type }
    };

    all = json_array();

    for (i = 0; i < sjl_nelts(members); i++) {
        HASH_ITER(hh, *members[i].type->all, resource, next) {

            wrong = json_array();

            /* the default set is what driver.* says, and looked at with it */

            if (resource->fixed
                && strcmp(resource->row.name, SJL_LIBRARY_DEFAULT) != 0)
            {
                members[i].type->look(resource->spec, 1, wrong);
            }

            json_array_foreach(wrong, j, sentence) {
                text = sjl_format("%s.%s.%s", members[i].member,
                                  resource->row.name,
                                  json_string_value(sentence));
                (void) json_array_append_new(all, json_string(text));
                free(text);
            }

            json_decref(wrong);
        }
    }

    return all;
}


int
sjl_resource_name_ok(const char *name)
{
    return isalpha((unsigned char) *name) && strlen(name) <= SJP_NAME_MAX;
}
