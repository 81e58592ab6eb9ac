
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Parts of the command that no server can be made to try in all ways.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sjc_http.h"
#include "sjc_print.h"
#include "sjc_progress.h"
#include "sjc_sse.h"


static void
heard(void *ctx, const char *event, const char *data)
{
    sjc_buf_print(ctx, "%s=%s;", event, data);
}


/* the same events, whatever the pieces are in which they come */

static void
test_events_come_in_pieces(void **state)
{
    size_t      i, n, len;
    sjc_sse_t   sse;
    sjc_buf_t   got;

    static const char  text[] =
        ": a comment\n\n"
        "id: 7\nevent: job\ndata: {\"a\":1}\n\n"
        "data:one\r\ndata: two\r\n\r\n"
        "id: 8\rdata\r\r"
        "retry: 5\nevent: none\n\n"
        "id: 9\ndata: lost";

    (void) state;
    len = sizeof(text) - 1;

    for (n = 1; n <= len; n++) {
        memset(&sse, 0, sizeof(sjc_sse_t));
        memset(&got, 0, sizeof(sjc_buf_t));
        sse.handler = heard;
        sse.ctx = &got;

        for (i = 0; i < len; i += n) {
            sjc_sse_feed(&sse, text + i, len - i < n ? len - i : n);
        }

        assert_string_equal(got.data,
                            "job={\"a\":1};message=one\ntwo;message=;");
        assert_string_equal(sse.id.data, "8");

        sjc_sse_free(&sse);
        sjc_buf_free(&got);
    }
}


static void
test_a_result_is_found_by_its_place(void **state)
{
    size_t       i, n;
    const char  *p;

    static const struct {
        const char  *body;
        const char  *result;
    } cases[] = {
        { "{\"jobId\":\"x\",\"result\":1}", "1" },
        { "{\"a\":{\"result\":1},\"result\":[2]}", "[2]" },
        { "{\"a\":\"\\\"result\\\":1\",\"result\":\"}\"}\n", "\"}\"" },
        { "{\"result\":\"a\\\\\"}", "\"a\\\\\"" },
        { "{\"result\":no}JSON}", "no}JSON" },
        { "{\"jobId\":\"result\"}", NULL },
        { "{\"a\":[\"result\"]}", NULL },
        { "{\"a\":\"unended", NULL },
        { "{\"a\":\"\\", NULL },
        { "\"result\":1", NULL },
        { "}}}{\"result\":1", NULL },
        { "", NULL }
    };

    (void) state;

    for (i = 0; i < sjc_nelts(cases); i++) {
        p = sjc_print_find_result(cases[i].body, strlen(cases[i].body), &n);

        if (cases[i].result == NULL) {
            assert_null(p);
            continue;
        }

        assert_int_equal(n, strlen(cases[i].result));
        assert_memory_equal(p, cases[i].result, n);
    }
}


static void
test_paths_are_escaped(void **state)
{
    sjc_buf_t  path;

    (void) state;
    memset(&path, 0, sizeof(sjc_buf_t));

    sjc_path(&path, "/jobs/", "a b/\xc3\xbc?&+%", "/log");
    sjc_query(&path, "none", NULL);
    sjc_query(&path, "a.b", "=&+");
    sjc_query(&path, "empty", "");
    assert_string_equal(path.data, "/jobs/a%20b%2F%C3%BC%3F%26%2B%25/log"
                        "?a.b=%3D%26%2B&empty=");

    sjc_buf_free(&path);
}


static void
test_words_of_an_error(void **state)
{
    size_t   i;
    char    *words;

    static const char *const  cases[][2] = {
        { "{\"status\":\"ERROR\",\"result\":\"no\"}", "no" },
        { "{\"status\":\"S\",\"result\":{\"message\":\"m\",\"errorClass\":"
          "\"c\",\"stack\":\"x\"}}", "S: m (c)" },
        { "{\"status\":\"S\",\"result\":{\"message\":null}}",
          "S: no message" },
        { "<html>", "the server says <html>" },
        { "", "the server says nothing" },
        { "[]", "the server says []" }
    };

    (void) state;

    for (i = 0; i < sjc_nelts(cases); i++) {
        words = sjc_print_words(cases[i][0]);
        assert_string_equal(words, cases[i][1]);
        free(words);
    }
}


static void
test_a_bar_keeps_its_width(void **state)
{
    size_t   i;
    char    *text;

    static const struct {
        double       part;
        const char  *text;
    } cases[] = {
        { -1, "x [------------------------------]   0%" },
        { 0.5, "x [###############---------------]  50%" },
        { 2, "x [##############################] 100%" }
    };

    (void) state;

    for (i = 0; i < sjc_nelts(cases); i++) {
        text = sjc_progress_text("x", cases[i].part, "");
        assert_string_equal(text, cases[i].text);
        free(text);
    }
}


static void
test_numbers(void **state)
{
    (void) state;

    assert_int_equal(sjc_number("0", 10), 0);
    assert_int_equal(sjc_number("10", 10), 10);
    assert_int_equal(sjc_number("11", 10), -1);
    assert_int_equal(sjc_number("99999999999999999999", INT64_MAX), -1);
    assert_int_equal(sjc_number("", 10), -1);
    assert_int_equal(sjc_number("-1", 10), -1);
    assert_int_equal(sjc_number("1s", 10), -1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_events_come_in_pieces),
        cmocka_unit_test(test_a_result_is_found_by_its_place),
        cmocka_unit_test(test_paths_are_escaped),
        cmocka_unit_test(test_words_of_an_error),
        cmocka_unit_test(test_a_bar_keeps_its_width),
        cmocka_unit_test(test_numbers)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
