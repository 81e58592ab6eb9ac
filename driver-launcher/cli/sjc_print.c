
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjc_print.h"


#define SJC_PRINT_COLUMNS  16
#define SJC_PRINT_WORDS    400


static char *sjc_print_cell(const json_t *object, const char *member);
static size_t sjc_print_width(const char *s);
static const char *sjc_print_skip_string(const char *p, const char *end);


void
sjc_print_raw(const char *p, size_t n)
{
    (void) fwrite(p, 1, n, stdout);

    if (n == 0 || p[n - 1] != '\n') {
        (void) putchar('\n');
    }
}


void
sjc_print_json(const json_t *value)
{
    (void) json_dumpf(value, stdout, JSON_INDENT(2)|JSON_ENCODE_ANY);
    (void) putchar('\n');
}


void
sjc_print_table(const sjc_column_t *columns, const json_t *rows)
{
    char    *cell;
    size_t   i, k, last, width[SJC_PRINT_COLUMNS], pad;
    json_t  *row;

    for (last = 0; columns[last].title; last++) {
        width[last] = sjc_print_width(columns[last].title);

        json_array_foreach(rows, i, row) {
            cell = sjc_print_cell(row, columns[last].member);
            pad = sjc_print_width(cell);
            width[last] = pad > width[last] ? pad : width[last];
            free(cell);
        }
    }

    for (k = 0; k < last; k++) {
        (void) printf("%s%-*s", k ? "  " : "",
                      k + 1 < last ? (int) width[k] : 0, columns[k].title);
    }

    (void) putchar('\n');

    json_array_foreach(rows, i, row) {

        for (k = 0; k < last; k++) {
            cell = sjc_print_cell(row, columns[k].member);
            pad = k + 1 < last ? width[k] - sjc_print_width(cell) : 0;
            (void) printf("%s%s%*s", k ? "  " : "", cell, (int) pad, "");
            free(cell);
        }

        (void) putchar('\n');
    }
}


void
sjc_print_object(const sjc_column_t *members, const json_t *object)
{
    char                *cell;
    const sjc_column_t  *m;

    for (m = members; m->title; m++) {
        cell = sjc_print_cell(object, m->member);

        if (strcmp(cell, "-") != 0) {
            (void) printf("%-14s %s\n", m->title, cell);
        }

        free(cell);
    }
}


/* one line without control characters; "-" for what is not there */

static char *
sjc_print_cell(const json_t *object, const char *member)
{
    char          *text;
    size_t         len;
    const json_t  *value;

    value = object;

    for ( /* void */ ; *member; member += len + (member[len] == '.')) {
        len = strcspn(member, ".");
        text = sjc_format("%.*s", (int) len, member);
        value = json_object_get(value, text);
        free(text);
    }

    if (value == NULL || json_is_null(value)) {
        return sjc_format("-");
    }

    if (json_is_string(value)) {
        text = sjc_format("%s", json_string_value(value));

    } else {
        text = json_dumps(value, JSON_COMPACT|JSON_ENCODE_ANY);

        if (text == NULL) {
            text = sjc_format("?");
        }
    }

    sjc_clean(text);

    return text;
}


/* characters, not bytes */

static size_t
sjc_print_width(const char *s)
{
    size_t  n;

    for (n = 0; *s; s++) {
        n += ((unsigned char) *s & 0xc0) != 0x80;
    }

    return n;
}


json_t *
sjc_print_named(const json_t *object)
{
    json_t      *rows, *row, *value;
    const char  *name;

    rows = json_array();

    json_object_foreach((json_t *) object, name, value) {
        row = json_pack("{s:s}", "name", name);
        (void) json_object_update(row, value);
        (void) json_array_append_new(rows, row);
    }

    return rows;
}


json_t *
sjc_print_names(const json_t *array)
{
    size_t   i;
    json_t  *rows, *value;

    rows = json_array();

    json_array_foreach(array, i, value) {
        (void) json_array_append_new(rows, json_pack("{s:O}", "name", value));
    }

    return rows;
}


char *
sjc_print_words(const char *body)
{
    char          *words, *error;
    json_t        *root;
    const char    *status;
    const json_t  *result;

    root = json_loads(body, 0, NULL);
    result = json_object_get(root, "result");
    status = json_string_value(json_object_get(root, "status"));

    if (json_is_string(result)) {
        words = sjc_format("%s", json_string_value(result));

    } else if (json_is_object(result)) {
        error = sjc_print_error(result);
        words = sjc_format("%s: %s", status ? status : "ERROR", error);
        free(error);

    } else {
        words = sjc_format("the server says%s%.*s", *body ? " " : " nothing",
                           SJC_PRINT_WORDS, body);
    }

    json_decref(root);

    return words;
}


char *
sjc_print_error(const json_t *error)
{
    const char  *message, *class;

    message = json_string_value(json_object_get(error, "message"));
    class = json_string_value(json_object_get(error, "errorClass"));

    return sjc_format("%s%s%s%s", message ? message : "no message",
                      class ? " (" : "", class ? class : "", class ? ")" : "");
}


const char *
sjc_print_find_result(const char *body, size_t len, size_t *n)
{
    size_t       depth;
    const char  *p, *end, *name;

    p = body;
    end = body + len;
    depth = 0;

    while (p < end) {

        if (*p == '{' || *p == '[') {
            depth++;

        } else if (*p == '}' || *p == ']') {
            depth--;

        } else if (*p == '"') {
            name = p;
            p = sjc_print_skip_string(p, end);

            if (depth == 1 && end - p > 2 && p[1] == ':'
                && p - name == sizeof("result")
                && memcmp(name + 1, "result", sizeof("result") - 1) == 0)
            {
                break;
            }
        }

        p++;
    }

    if (p >= end) {
        return NULL;
    }

    p += 2;

    while (end > p && end[-1] != '}') {
        end--;
    }

    *n = end > p ? (size_t) (end - p) - 1 : 0;

    return p;
}


/* p is at the quote that begins it; returns the one that ends it, or the end */

static const char *
sjc_print_skip_string(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++) {
        p += *p == '\\';
    }

    return p;
}


void
sjc_print_result(const char *p, size_t n)
{
    json_t  *value;

    value = n && *p == '"' ? json_loadb(p, n, JSON_DECODE_ANY, NULL) : NULL;

    if (json_is_string(value)) {
        sjc_print_raw(json_string_value(value), json_string_length(value));

    } else {
        sjc_print_raw(p, n);
    }

    json_decref(value);
}
