
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * JSON between text and jansson's values, for metadata of frames.
 *
 * jansson's own json_dumpb() looks for loops by a table of addresses at each
 * level, json_loadb() takes each character through several calls; that was more
 * than half of what a job cost module and launcher.  What we say has no loops.
 * What is read here is what mostly comes; the rest, and whatever is wrong, is
 * jansson's to read.
 */


#ifndef _SPARKJOB_JSON_H_INCLUDED_
#define _SPARKJOB_JSON_H_INCLUDED_


#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>


#define SJP_JSON_KEY     63             /* bytes */
#define SJP_JSON_DIGITS  18             /* no more of them fit for sure */
#define SJP_JSON_DEPTH   16
#define SJP_JSON_NUMBER  32


typedef struct {
    char        *data;
    size_t       size;
    size_t       len;                   /* may be more */
} sjp_json_out_t;


typedef struct {
    const char  *p;
    const char  *last;
    unsigned     depth;
} sjp_json_in_t;


static inline void sjp_json_put_value(sjp_json_out_t *out, const json_t *value);
static inline json_t *sjp_json_get_value(sjp_json_in_t *in);


static inline void
sjp_json_put(sjp_json_out_t *out, const char *s, size_t n)
{
    size_t  room;

    if (out->len < out->size) {
        room = out->size - out->len;
        memcpy(out->data + out->len, s, n < room ? n : room);
    }

    out->len += n;
}


static inline void
sjp_json_put_string(sjp_json_out_t *out, const char *s, size_t n)
{
    char         escape[8], letter;
    size_t       i, from;
    const char  *p;

    static const char  letters[] = "\"\"\\\\\bb\ff\nn\rr\tt";

    sjp_json_put(out, "\"", 1);

    for (i = from = 0; i < n; i++) {

        if ((unsigned char) s[i] >= 0x20 && s[i] != '"' && s[i] != '\\') {
            continue;
        }

        letter = 0;

        for (p = letters; *p && letter == 0; p += 2) {
            letter = (*p == s[i]) ? p[1] : 0;
        }

        sjp_json_put(out, s + from, i - from);
        from = i + 1;

        sjp_json_put(out, escape, (size_t) (letter
                     ? snprintf(escape, sizeof(escape), "\\%c", letter)
                     : snprintf(escape, sizeof(escape), "\\u%04X",
                                (unsigned) (unsigned char) s[i])));
    }

    sjp_json_put(out, s + from, n - from);
    sjp_json_put(out, "\"", 1);
}


static inline void
sjp_json_put_integer(sjp_json_out_t *out, json_int_t n)
{
    char                digits[SJP_JSON_NUMBER], *p;
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

    sjp_json_put(out, p, (size_t) (digits + sizeof(digits) - p));
}


static inline void
sjp_json_put_object(sjp_json_out_t *out, json_t *object)
{
    void        *iter;
    const char  *key, *before;

    before = "{";

    for (iter = json_object_iter(object);
         iter;
         iter = json_object_iter_next(object, iter))
    {
        key = json_object_iter_key(iter);

        sjp_json_put(out, before, 1);
        sjp_json_put_string(out, key, strlen(key));
        sjp_json_put(out, ":", 1);
        sjp_json_put_value(out, json_object_iter_value(iter));

        before = ",";
    }

    if (*before == '{') {
        sjp_json_put(out, "{", 1);
    }

    sjp_json_put(out, "}", 1);
}


static inline void
sjp_json_put_array(sjp_json_out_t *out, const json_t *array)
{
    size_t   i;
    json_t  *value;

    sjp_json_put(out, "[", 1);

    json_array_foreach(array, i, value) {
        sjp_json_put(out, ",", i > 0);
        sjp_json_put_value(out, value);
    }

    sjp_json_put(out, "]", 1);
}


static inline void
sjp_json_put_value(sjp_json_out_t *out, const json_t *value)
{
    char  real[SJP_JSON_NUMBER];

    switch (json_typeof(value)) {

    case JSON_OBJECT:
        sjp_json_put_object(out, (json_t *) (uintptr_t) value);
        break;

    case JSON_ARRAY:
        sjp_json_put_array(out, value);
        break;

    case JSON_STRING:
        sjp_json_put_string(out, json_string_value(value),
                            json_string_length(value));
        break;

    case JSON_INTEGER:
        sjp_json_put_integer(out, json_integer_value(value));
        break;

    case JSON_REAL:
        sjp_json_put(out, real, json_dumpb(value, real, sizeof(real),
                                           JSON_ENCODE_ANY));
        break;

    case JSON_TRUE:
        sjp_json_put(out, "true", 4);
        break;

    case JSON_FALSE:
        sjp_json_put(out, "false", 5);
        break;

    case JSON_NULL:
        sjp_json_put(out, "null", 4);
        break;
    }
}


/*
 * Writes the text of a value, without blanks and without a zero behind it, as
 * far as there is room.  Returns its whole length.
 */

static inline size_t
sjp_json_write(const json_t *value, char *p, size_t size)
{
    sjp_json_out_t  out;

    out.data = p;
    out.size = size;
    out.len = 0;

    sjp_json_put_value(&out, value);

    return out.len;
}


/* the next character behind blanks, which stays; 0: there is none */

static inline char
sjp_json_next(sjp_json_in_t *in)
{
    while (in->p < in->last && (*in->p == ' ' || *in->p == '\n'
                                || *in->p == '\r' || *in->p == '\t'))
    {
        in->p++;
    }

    return in->p < in->last ? *in->p : '\0';
}


/* NULL: it has escapes, or no end */

static inline const char *
sjp_json_get_text(sjp_json_in_t *in, size_t *n)
{
    const char  *s;

    for (s = ++in->p; in->p < in->last && *in->p != '"'; in->p++) {
        if (*in->p == '\\' || (unsigned char) *in->p < 0x20) {
            return NULL;
        }
    }

    *n = (size_t) (in->p - s);

    return in->p++ < in->last ? s : NULL;
}


static inline json_t *
sjp_json_get_object(sjp_json_in_t *in)
{
    char         c, key[SJP_JSON_KEY + 1];
    size_t       n;
    json_t      *object;
    const char  *s;

    n = 0;
    object = json_object();
    in->p++;

    if (sjp_json_next(in) == '}') {
        in->p++;
        return object;
    }

    do {
        s = sjp_json_next(in) == '"' ? sjp_json_get_text(in, &n) : NULL;

        if (s == NULL || n > SJP_JSON_KEY || sjp_json_next(in) != ':') {
            break;
        }

        memcpy(key, s, n);
        key[n] = '\0';
        in->p++;

        /* NULL is refused, and so is what is no UTF-8 */

        if (json_object_set_new(object, key, sjp_json_get_value(in))) {
            break;
        }

        c = sjp_json_next(in);
        in->p++;

        if (c == '}') {
            return object;
        }

    } while (c == ',');

    json_decref(object);

    return NULL;
}


static inline json_t *
sjp_json_get_array(sjp_json_in_t *in)
{
    char     c;
    json_t  *array;

    array = json_array();
    in->p++;

    if (sjp_json_next(in) == ']') {
        in->p++;
        return array;
    }

    do {
        if (json_array_append_new(array, sjp_json_get_value(in))) {
            break;
        }

        c = sjp_json_next(in);
        in->p++;

        if (c == ']') {
            return array;
        }

    } while (c == ',');

    json_decref(array);

    return NULL;
}


static inline json_t *
sjp_json_get_integer(sjp_json_in_t *in)
{
    int          minus;
    json_int_t   n;
    const char  *s;

    n = 0;
    minus = *in->p == '-';
    s = in->p + minus;

    for (in->p = s;
         in->p < in->last && *in->p >= '0' && *in->p <= '9';
         in->p++)
    {
        if (in->p - s == SJP_JSON_DIGITS) {
            return NULL;
        }

        n = n * 10 + (*in->p - '0');
    }

    if (in->p == s || (*s == '0' && in->p - s > 1)
        || (in->p < in->last && strchr(".eE", *in->p)))
    {
        return NULL;
    }

    return json_integer(minus ? -n : n);
}


static inline json_t *
sjp_json_get_word(sjp_json_in_t *in, const char *word, json_t *value)
{
    size_t  n;

    n = strlen(word);

    if ((size_t) (in->last - in->p) < n || memcmp(in->p, word, n)) {
        return NULL;
    }

    in->p += n;

    return value;
}


/* NULL: it is not for us to read */

static inline json_t *
sjp_json_get_value(sjp_json_in_t *in)
{
    size_t       n;
    json_t      *value;
    const char  *s;

    if (in->depth++ == SJP_JSON_DEPTH) {
        return NULL;
    }

    switch (sjp_json_next(in)) {

    case '{':
        value = sjp_json_get_object(in);
        break;

    case '[':
        value = sjp_json_get_array(in);
        break;

    case '"':
        s = sjp_json_get_text(in, &n);
        value = s ? json_stringn(s, n) : NULL;
        break;

    case 't':
        value = sjp_json_get_word(in, "true", json_true());
        break;

    case 'f':
        value = sjp_json_get_word(in, "false", json_false());
        break;

    case 'n':
        value = sjp_json_get_word(in, "null", json_null());
        break;

    case '\0':
        value = NULL;
        break;

    default:
        value = sjp_json_get_integer(in);
        break;
    }

    in->depth--;

    return value;
}


/* reads a text that is an object or an array; NULL: *error says why not */

static inline json_t *
sjp_json_read(const char *p, size_t n, json_error_t *error)
{
    json_t         *value;
    sjp_json_in_t   in;

    in.p = p;
    in.last = p + n;
    in.depth = 0;

    value = sjp_json_next(&in) == '{' || sjp_json_next(&in) == '['
            ? sjp_json_get_value(&in) : NULL;

    if (value && sjp_json_next(&in) == '\0' && in.p == in.last) {
        return value;
    }

    json_decref(value);

    return json_loadb(p, n, JSON_ALLOW_NUL, error);
}


#endif /* _SPARKJOB_JSON_H_INCLUDED_ */
