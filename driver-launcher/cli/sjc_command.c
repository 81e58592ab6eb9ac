
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What commands share.
 */


#include "sjc_command.h"

#include <limits.h>


sjc_exit_e
sjc_command_get(const char *path, sjc_print_pt print)
{
    json_t        *root;
    sjc_exit_e     rc;
    sjc_answer_t   answer;

    rc = sjc_http_get(path, &answer);

    if (rc == SJC_OK && sjc_option(SJC_JSON)) {
        sjc_print_raw(answer.body.data, answer.body.len);

    } else if (rc == SJC_OK) {
        rc = sjc_command_json(&answer, &root);

        if (rc == SJC_OK) {
            print(root);
            json_decref(root);
        }
    }

    sjc_answer_free(&answer);

    return rc;
}


sjc_exit_e
sjc_command_json(const sjc_answer_t *answer, json_t **root)
{
    json_error_t  error;

    *root = json_loadb(answer->body.data, answer->body.len, JSON_DECODE_ANY,
                       &error);

    if (*root == NULL) {
        return sjc_say(SJC_FAILED, "the server's answer is no JSON: %s",
                       error.text);
    }

    return SJC_OK;
}


sjc_exit_e
sjc_command_do(const sjc_request_t *request)
{
    json_t        *root, *result;
    sjc_exit_e     rc;
    const char    *words;
    sjc_answer_t   answer;

    rc = sjc_http(request, &answer);

    if (rc == SJC_OK && sjc_option(SJC_JSON)) {
        sjc_print_raw(answer.body.data, answer.body.len);

    } else if (rc == SJC_OK) {
        root = json_loadb(answer.body.data, answer.body.len, 0, NULL);
        result = json_object_get(root, "result");
        words = json_string_value(result);

        /* of a data file its name on the server is what one wants to know */

        if (words == NULL) {
            words = json_string_value(json_object_get(result, "filename"));
        }

        if (words == NULL) {
            words = json_string_value(json_object_get(root, "status"));
        }

        /* some answers are no more than their code, or "OK" */

        (void) puts(words ? words : answer.body.len ? answer.body.data : "OK");
        json_decref(root);
    }

    sjc_answer_free(&answer);

    return rc;
}


sjc_exit_e
sjc_command_config(sjc_buf_t *body)
{
    const char  *file, *text;

    file = sjc_option(SJC_CONFIG);
    text = sjc_option(SJC_HOCON);

    if (file && text) {
        return sjc_say(SJC_WRONG_USE, "--config and --hocon exclude each "
                       "other");
    }

    if (file) {
        return sjc_read_file(file, body);
    }

    sjc_buf_add(body, text ? text : "", text ? strlen(text) : 0);

    return SJC_OK;
}


char *
sjc_command_key(void)
{
    const char  *key;

    key = sjc_option(SJC_IDEMPOTENCY);

    return key ? sjc_format("Idempotency-Key: %s", key) : NULL;
}


sjc_exit_e
sjc_command_timeout(int64_t *seconds)
{
    const char  *text;

    *seconds = -1;
    text = sjc_option(SJC_TIMEOUT);

    if (text == NULL) {
        return SJC_OK;
    }

    *seconds = sjc_number(text, INT_MAX);

    if (*seconds == -1) {
        return sjc_say(SJC_WRONG_USE, "--timeout wants seconds, not \"%s\"",
                       text);
    }

    return SJC_OK;
}
