
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_resource.h"

#include <ctype.h>


#define SJL_RESOURCE_GOT  100


static const char *sjl_resource_wrong(const sjl_resource_member_t *m,
    const json_t *value);
static char *sjl_resource_values(const sjl_resource_member_t *m);


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
        sjl_text_clean(text);

        (void) json_array_append_new(wrong, json_string(text));

        free(values);
        free(text);
        free(got);
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

        return m->values || json_string_length(value) == 0
               ? "a string that is not empty" : NULL;

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


int
sjl_resource_name_ok(const char *name)
{
    return isalpha((unsigned char) *name) && strlen(name) <= SJP_NAME_MAX;
}
