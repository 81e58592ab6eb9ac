
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * JSON as text, as json_dumps() of jansson writes it with JSON_COMPACT.  That
 * looks for loops, by a table of addresses at each level, and grows its text by
 * pieces: it is half of what a frame costs.  What we send has no loops.
 */


#include "sjl.h"


#define SJL_JSON_FIRST   500            /* bytes, most have less */
#define SJL_JSON_NUMBER  32


typedef struct {
    char    *data;
    size_t   len;
    size_t   size;
} sjl_json_out_t;


static void sjl_json_value(sjl_json_out_t *out, const json_t *value);
static void sjl_json_object(sjl_json_out_t *out, const json_t *object);
static void sjl_json_array(sjl_json_out_t *out, const json_t *array);
static void sjl_json_string(sjl_json_out_t *out, const char *s, size_t n);
static void sjl_json_integer(sjl_json_out_t *out, json_int_t n);
static void sjl_json_real(sjl_json_out_t *out, const json_t *real);
static void sjl_json_bytes(sjl_json_out_t *out, const char *s, size_t n);
static char *sjl_json_room(sjl_json_out_t *out, size_t n);


/* what a character is written as: itself (0), by a letter, or as \u00XX ('u') */

static const char  sjl_json_escapes[256] = {
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'b', 't', 'n', 'u', 'f', 'r', 'u',
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u',
    'u', 'u',
    ['"'] = '"',
    ['\\'] = '\\'
};


char *
sjl_json_text(const json_t *value)
{
    size_t  n;

    return sjl_json_text_len(value, &n);
}


char *
sjl_json_text_len(const json_t *value, size_t *n)
{
    sjl_json_out_t  out;

    out.data = sjl_alloc_raw(SJL_JSON_FIRST);
    out.len = 0;
    out.size = SJL_JSON_FIRST;

    sjl_json_value(&out, value);

    *n = out.len;
    sjl_json_bytes(&out, "", 1);

    return out.data;
}


static void
sjl_json_value(sjl_json_out_t *out, const json_t *value)
{
    switch (json_typeof(value)) {

    case JSON_OBJECT:
        sjl_json_object(out, value);
        break;

    case JSON_ARRAY:
        sjl_json_array(out, value);
        break;

    case JSON_STRING:
        sjl_json_string(out, json_string_value(value),
                        json_string_length(value));
        break;

    case JSON_INTEGER:
        sjl_json_integer(out, json_integer_value(value));
        break;

    case JSON_REAL:
        sjl_json_real(out, value);
        break;

    case JSON_TRUE:
        sjl_json_bytes(out, "true", 4);
        break;

    case JSON_FALSE:
        sjl_json_bytes(out, "false", 5);
        break;

    case JSON_NULL:
        sjl_json_bytes(out, "null", 4);
        break;
    }
}


static void
sjl_json_object(sjl_json_out_t *out, const json_t *object)
{
    void        *iter;
    const char  *key, *before;

    before = "{";

    for (iter = json_object_iter((json_t *) object);
         iter;
         iter = json_object_iter_next((json_t *) object, iter))
    {
        key = json_object_iter_key(iter);

        sjl_json_bytes(out, before, 1);
        sjl_json_string(out, key, strlen(key));
        sjl_json_bytes(out, ":", 1);
        sjl_json_value(out, json_object_iter_value(iter));

        before = ",";
    }

    sjl_json_bytes(out, *before == '{' ? "{}" : "}", *before == '{' ? 2 : 1);
}


static void
sjl_json_array(sjl_json_out_t *out, const json_t *array)
{
    size_t   i;
    json_t  *value;

    sjl_json_bytes(out, "[", 1);

    json_array_foreach(array, i, value) {
        if (i) {
            sjl_json_bytes(out, ",", 1);
        }

        sjl_json_value(out, value);
    }

    sjl_json_bytes(out, "]", 1);
}


static void
sjl_json_string(sjl_json_out_t *out, const char *s, size_t n)
{
    char    escape, *p;
    size_t  i, from;

    sjl_json_bytes(out, "\"", 1);

    for (i = from = 0; i < n; i++) {

        escape = sjl_json_escapes[(unsigned char) s[i]];

        if (escape == 0) {
            continue;
        }

        sjl_json_bytes(out, s + from, i - from);
        from = i + 1;

        p = sjl_json_room(out, sizeof("\\u0000"));
        out->len += (size_t) (escape == 'u'
                              ? sprintf(p, "\\u%04X", (unsigned char) s[i])
                              : sprintf(p, "\\%c", escape));
    }

    sjl_json_bytes(out, s + from, n - from);
    sjl_json_bytes(out, "\"", 1);
}


static void
sjl_json_integer(sjl_json_out_t *out, json_int_t n)
{
    char                digits[SJL_JSON_NUMBER], *p;
    unsigned long long  rest;

    p = digits + sizeof(digits);
    rest = n < 0 ? 0 - (unsigned long long) n : (unsigned long long) n;

    do {
        *--p = (char) ('0' + rest % 10);
        rest /= 10;
    } while (rest);

    if (n < 0) {
        *--p = '-';
    }

    sjl_json_bytes(out, p, (size_t) (digits + sizeof(digits) - p));
}


static void
sjl_json_real(sjl_json_out_t *out, const json_t *real)
{
    char  *p;

    p = sjl_json_room(out, SJL_JSON_NUMBER);

    out->len += json_dumpb(real, p, SJL_JSON_NUMBER, JSON_ENCODE_ANY);
}


static void
sjl_json_bytes(sjl_json_out_t *out, const char *s, size_t n)
{
    memcpy(sjl_json_room(out, n), s, n);
    out->len += n;
}


static char *
sjl_json_room(sjl_json_out_t *out, size_t n)
{
    char    *data;
    size_t   size;

    if (n > out->size - out->len) {
        size = 2 * out->size + n;

        data = sjl_alloc_raw(size);
        memcpy(data, out->data, out->len);
        free(out->data);

        out->data = data;
        out->size = size;
    }

    return out->data + out->len;
}
