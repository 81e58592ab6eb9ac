
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Bodies of requests that are one JSON object, and what clients are told of
 * those that are not: in the same words by the module and the launcher.
 */


#ifndef _SPARKJOB_BODY_H_INCLUDED_
#define _SPARKJOB_BODY_H_INCLUDED_


#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define SJP_BODY_WRONG  128             /* bytes, with the null at the end */
#define SJP_BODY_SHOWN  64              /* likewise */


static inline const char *
sjp_body_syntax(const json_error_t *err)
{
    size_t  i;

    static const struct {
        enum json_error_code  code;
        const char           *what;
    } words[] = {
        { json_error_out_of_memory, "there is no memory for it" },
        { json_error_stack_overflow, "it is nested too deeply" },
        { json_error_invalid_utf8, "it is not UTF-8" },
        { json_error_premature_end_of_input, "it ends too early" },
        { json_error_end_of_input_expected, "there is more behind its end" },
        { json_error_null_character, "a string has \\u0000" },
        { json_error_null_byte_in_key, "the name of a member has \\u0000" },
        { json_error_duplicate_key, "a member is there twice" },
        { json_error_numeric_overflow, "a number is too large" }
    };

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (words[i].code == json_error_code(err)) {
            return words[i].what;
        }
    }

    return "an unexpected character or word";
}


/* NULL: "wrong", of SJP_BODY_WRONG bytes, says what it is instead */

static inline json_t *
sjp_body_object(const char *text, size_t len, char *wrong)
{
    json_t        *body;
    json_error_t   err;

    body = json_loadb(text, len, JSON_REJECT_DUPLICATES|JSON_DECODE_ANY, &err);

    if (json_is_object(body)) {
        return body;
    }

    if (body) {
        (void) snprintf(wrong, SJP_BODY_WRONG, "no JSON object");
        json_decref(body);

    } else {
        (void) snprintf(wrong, SJP_BODY_WRONG,
                        "no JSON: line %d, column %d: %s", err.line,
                        err.column, sjp_body_syntax(&err));
    }

    return NULL;
}


/* a value in a message about it, in ASCII and cut short */

static inline const char *
sjp_body_shown(const json_t *value, char *shown)
{
    char  *text;

    text = json_dumps(value, JSON_COMPACT|JSON_ENCODE_ANY|JSON_ENSURE_ASCII);

    (void) snprintf(shown, SJP_BODY_SHOWN, "%.*s%s", SJP_BODY_SHOWN - 4,
                    text ? text : "",
                    text && strlen(text) > SJP_BODY_SHOWN - 4 ? "..." : "");
    free(text);

    return shown;
}


/*
 * NULL: a path may name it.  Else what is told behind the name: one of digits is
 * taken for a number, and "." and ".." are taken out of paths.
 */

static inline const char *
sjp_body_name(const char *name, size_t len)
{
    size_t  i, n;

    for (i = 0; i < len && name[i] >= '0' && name[i] <= '9'; i++) { /* void */ }

    if (i == len) {
        return "";
    }

    for (i = 0; i <= len; i += n + 1) {
        for (n = 0; i + n < len && name[i + n] != '/'; n++) { /* void */ }

        if ((n == 1 || n == 2) && memcmp(name + i, "..", n) == 0) {
            return ", no path can have \".\" or \"..\" between slashes";
        }
    }

    return NULL;
}


#endif /* _SPARKJOB_BODY_H_INCLUDED_ */
