
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Small things on which safety rests: ids, secrets, text, processes.
 */


#include "unit.h"
#include "sjl_process.h"
#include "sjl_text.h"
#include "sparkjob_json.h"

#include <signal.h>
#include <sys/wait.h>


static void
test_only_a_uuid_may_be_part_of_a_path(void **state)
{
    char  id[SJL_ID_LEN + 1];

    sjl_id_make(id);
    assert_true(sjl_id_ok(id));

    assert_true(sjl_id_ok("01234567-89ab-cdef-0123-456789abcdef"));
    assert_false(sjl_id_ok(""));
    assert_false(sjl_id_ok("../../../../../../../../etc/passwd00"));
    assert_false(sjl_id_ok("01234567-89AB-cdef-0123-456789abcdef"));
    assert_false(sjl_id_ok("01234567-89ab-cdef-0123-456789abcde"));
    assert_false(sjl_id_ok("01234567-89ab-cdef-0123-456789abcdef0"));
    assert_false(sjl_id_ok("01234567089ab-cdef-0123-456789abcdef"));
}


/* what is written and read by us must be what jansson writes and reads */

static void
test_json_as_jansson(void **state)
{
    char          *text, *expected, every[256];
    size_t         i, n;
    json_t        *value, *read, *deep;
    json_error_t   error;

    static const char *const  texts[] = {
        "{}", "[]", "[ ]", "{ }", " {\"a\" : [ null , true,false ] }\n",
        "[0,-0]",
        "[-1,1234567890123456789,-999999999999999999,1000000000000000000]",
        "[9223372036854775807,-9223372036854775808]", "[1.5,-1e300,1e-9,1E3]",
        "[0.1, 1.0, 123456789012345678901234567890.0]",
        "{\"a\": {\"b\": [1, [], {}, {\"c\": [null, true, \"x\"]}]}, \"\": 1}",
        "{\"a\": 1, \"b\": 2, \"a\": 3}",
        "[\"\\u0000 \\u0001 \\u001f \\u007f\", \"\"]",
        "[\"\\\\ \\\" / \\b\\f\\n\\r\\t\", \"\"]",
        "{\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\": \"\\ud83d\\ude00 \x7f\"}",
        ("{\"012345678901234567890123456789012345678901234567890123456789"
         "0123\":1}"),
        "[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]",

        /* and what is no JSON */
        "", " ", "1", "{", "}", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]",
        "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":1 \"b\":2}", "{a:1}",
        "{1:2}",
        "[01]", "[-]", "[--1]", "[+1]", "[1.]", "[.5]", "[1e]", "[1]x", "{}{}",
        "[tru]", "[truefalse]", "[nul", "[\"a]", "[\"a", "[\"\xff\"]",
        "{\"\xff\":1}",
        "[\"\xc3\"]", "[\"\n\"]", "[\"\\x\"]", "[99999999999999999999]", "\"a\""
    };

    for (i = 0; i < sjl_nelts(texts); i++) {
        value = json_loads(texts[i], JSON_ALLOW_NUL, NULL);
        read = sjp_json_read(texts[i], strlen(texts[i]), &error);

        assert_int_equal(value == NULL, read == NULL);

        if (value == NULL) {
            continue;
        }

        assert_true(json_equal(value, read));

        text = sjl_json_text(read);
        expected = json_dumps(value, JSON_COMPACT|JSON_ENCODE_ANY);
        assert_string_equal(text, expected);

        /* of a text that is cut as much is written as there is room for */

        for (n = 0; n < strlen(text); n++) {
            memset(every, 'x', sizeof(every));
            assert_int_equal(sjp_json_write(read, every, n), strlen(text));
            assert_memory_equal(every, text, n);
            assert_int_equal(every[n], 'x');

            /* nor does a text that is cut make sense */

            assert_null(sjp_json_read(text, n, &error));
        }

        free(text);
        free(expected);
        json_decref(value);
        json_decref(read);
    }

    /* texts of any length */

    memset(every, '\n', sizeof(every));
    deep = json_array();

    for (i = 0; i < sizeof(every); i++) {
        (void) json_array_append_new(deep, json_stringn(every, i));

        text = sjl_json_text(deep);
        expected = json_dumps(deep, JSON_COMPACT);
        assert_string_equal(text, expected);

        free(text);
        free(expected);
    }

    json_decref(deep);
}


static void
test_secrets(void **state)
{
    char  a[65], b[65];

    sjl_random_hex(a, 32);
    sjl_random_hex(b, 32);
    assert_int_equal(strlen(a), 64);
    assert_string_not_equal(a, b);

    assert_true(sjl_same_secret(a, a));
    assert_false(sjl_same_secret(a, b));
    assert_false(sjl_same_secret(a, ""));

    sjl_hash(a, "abc", 3);
    assert_string_equal(a, "ba7816bf8f01cfea414140de5dae2223"
                        "b00361a396177a9cb410ff61f20015ad");
}


static void
test_what_is_no_text_becomes_text(void **state)
{
    size_t  i;
    char    buf[64];
    json_t  *value;

    static const struct {
        const char  *dirty;
        const char  *clean;
    } texts[] = {
        { "plain\ttext\n", "plain\ttext\n" },
        { "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
          "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
        { "a\x01" "b\x1b[0m", "a?b?[0m" },
        { "\xff\xfe", "??" },
        { "\xc0\x80", "??" },
        { "\xed\xa0\x80", "???" },
        { "\xe2\x82", "??" },
        { "\xf4\x90\x80\x80", "????" }
    };

    for (i = 0; i < sjl_nelts(texts); i++) {
        (void) snprintf(buf, sizeof(buf), "%s", texts[i].dirty);
        sjl_text_clean(buf);
        assert_string_equal(buf, texts[i].clean);

        value = json_string(buf);
        assert_non_null(value);
        json_decref(value);
    }
}


static int
is_text(const char *p, size_t n, size_t piece)
{
    size_t      i;
    sjl_text_t  text;

    memset(&text, 0, sizeof(sjl_text_t));

    for (i = 0; i < n; i += piece) {
        if (sjl_text_check(&text, p + i, n - i < piece ? n - i : piece)
            == SJL_ERROR)
        {
            return 0;
        }
    }

    return sjl_text_end(&text) == SJL_OK;
}


static void
test_text_is_told_from_bytes_in_any_pieces(void **state)
{
    size_t                i, piece;
    static const char     good[] = "print('\xc3\xa4 \xe2\x82\xac "
                                   "\xed\x9f\xbf \xf0\x9f\x98\x80 "
                                   "\xf4\x8f\xbf\xbf')\n";
    static const char    *bad[] = {
        "\xff", "\x80", "\xc3", "\xc3(", "\xc0\x80", "\xc1\xbf",
        "\xe0\x9f\xbf", "\xe2\x82", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80"
    };

    for (piece = 1; piece < sizeof(good); piece++) {
        assert_true(is_text(good, sizeof(good) - 1, piece));

        for (i = 0; i < sjl_nelts(bad); i++) {
            assert_false(is_text(bad[i], strlen(bad[i]), piece));
        }

        assert_false(is_text("a\0b", 3, piece));
    }
}


static void
test_a_cut_leaves_whole_characters(void **state)
{
    char  buf[16];

    (void) strcpy(buf, "ab\xe2\x82\xac" "c");

    sjl_text_cut(buf, 6);
    assert_string_equal(buf, "ab\xe2\x82\xac" "c");
    sjl_text_cut(buf, 5);
    assert_string_equal(buf, "ab\xe2\x82\xac");
    sjl_text_cut(buf, 4);
    assert_string_equal(buf, "ab");
    sjl_text_cut(buf, 0);
    assert_string_equal(buf, "");
}


static void
test_the_last_lines_of_a_file(void **state)
{
    char  *folder, *path, *tail;

    folder = unit_folder();
    path = sjl_format("%s/log", folder);

    assert_null(sjl_file_tail(path, 0, 3, 100));

    unit_write(path, "1\n2\n3\n4\n5\n");
    tail = sjl_file_tail(path, 0, 3, 100);
    assert_string_equal(tail, "3\n4\n5");
    free(tail);

    tail = sjl_file_tail(path, 0, 3, 4);
    assert_string_equal(tail, "4\n5");
    free(tail);

    tail = sjl_file_tail(path, 0, 99, 100);
    assert_string_equal(tail, "1\n2\n3\n4\n5");
    free(tail);

    /* what was there before is left out, and so is a file that has got less */

    tail = sjl_file_tail(path, 6, 99, 100);
    assert_string_equal(tail, "4\n5");
    free(tail);

    tail = sjl_file_tail(path, 4, 99, 4);
    assert_string_equal(tail, "4\n5");
    free(tail);

    assert_null(sjl_file_tail(path, 10, 99, 100));
    assert_null(sjl_file_tail(path, 20, 99, 100));

    free(path);
    unit_remove(folder);
}


static void
test_an_error_is_json_whatever_its_words(void **state)
{
    char    *text;
    json_t  *error;

    text = sjl_error_text("a.B", "say \"x\"\n", "more");
    error = json_loads(text, 0, NULL);

    assert_string_equal(json_string_value(json_object_get(error, "message")),
                        "say \"x\"\n");
    assert_string_equal(json_string_value(json_object_get(error, "errorClass")),
                        "a.B");
    assert_string_equal(json_string_value(json_object_get(error, "stack")),
                        "a.B: say \"x\"\n\nmore");
    json_decref(error);
    free(text);
}


static void
test_an_error_fits_into_a_frame(void **state)
{
    char    *text, *long_text;
    json_t  *error;
    size_t   i;

    static const char  fills[] = { 'x', '"', '\n', '\xff' };

    long_text = sjl_alloc(SJP_PAYLOAD_MAX + 1);

    for (i = 0; i < sizeof(fills); i++) {
        memset(long_text, fills[i], SJP_PAYLOAD_MAX);
        text = sjl_error_text("a.B", long_text, long_text);

        assert_true(strlen(text) <= SJP_PAYLOAD_MAX);
        assert_true(strlen(text) > SJP_PAYLOAD_MAX / 4);

        error = json_loads(text, 0, NULL);
        assert_non_null(error);
        json_decref(error);
        free(text);
    }

    free(long_text);
}


static int  ended, status_seen;


static void
process_exited(sjl_process_t *p, int status)
{
    ended = 1;
    status_seen = status;
}


static void
spawn(sjl_process_t *p, const char *folder, const char *script)
{
    char         *log;
    sjl_login_t   login;
    sjl_owner_t   owner;
    sjl_spawn_t   how;

    static sjl_config_t  conf;          /* without any limit */

    char *const  argv[] = { "/bin/sh", "-c", (char *) (uintptr_t) script,
                            NULL };
    char *const  envp[] = { NULL };

    log = sjl_format("%s/log", folder);

    memset(p, 0, sizeof(sjl_process_t));
    p->exited = process_exited;
    ended = 0;

    sjl_conf = &conf;

    how.argv = argv;
    how.envp = envp;
    how.input = "";
    how.folder = folder;
    how.log = log;
    how.login = &login;
    how.group = -1;

    owner.uid = geteuid();
    owner.gid = getegid();
    sjl_login_make(&login, &owner);

    assert_int_equal(sjl_process_spawn(p, &how), SJL_OK);
    free(log);
}


static void
test_a_process_is_watched(void **state)
{
    char           *folder, *words;
    sjl_process_t   p;

    sjl_loop = ev_loop_new(EVFLAG_AUTO);
    folder = unit_folder();

    spawn(&p, folder, "exit 7");
    unit_run(&ended, 60000);
    assert_int_equal(ended, 1);
    words = sjl_process_words(status_seen);
    assert_string_equal(words, "the driver exited with code 7");
    free(words);

    spawn(&p, folder, "sleep 60");
    sjl_process_signal(&p, SIGKILL);
    unit_run(&ended, 60000);
    words = sjl_process_words(status_seen);
    assert_string_equal(words, "the driver was killed by signal 9 (Killed)");
    free(words);

    unit_remove(folder);
    ev_loop_destroy(sjl_loop);
}


static void
test_the_whole_group_ends_with_its_leader(void **state)
{
    int             i;
    char           *folder, *path, *tail;
    sjl_process_t   p;

    sjl_loop = ev_loop_new(EVFLAG_AUTO);
    folder = unit_folder();

    spawn(&p, folder, "sleep 60 & echo $!");
    unit_run(&ended, 60000);
    assert_int_equal(ended, 1);

    path = sjl_format("%s/log", folder);
    tail = sjl_file_tail(path, 0, 1, 100);
    assert_non_null(tail);

    /* it is somebody else's child now, who has to wait for it */

    for (i = 0; i < 3000 && kill(atoi(tail), 0) == 0; i++) {
        (void) usleep(20000);
    }

    assert_int_equal(kill(atoi(tail), 0), -1);

    free(tail);
    free(path);
    unit_remove(folder);
    ev_loop_destroy(sjl_loop);
}


static void
test_another_process_of_the_same_number_is_not_adopted(void **state)
{
    char           *folder, *text, *other;
    sjl_process_t   p, q;

    sjl_loop = ev_loop_new(EVFLAG_AUTO);
    folder = unit_folder();

    spawn(&p, folder, "sleep 60");
    text = sjl_process_text(&p);

    memset(&q, 0, sizeof(q));
    q.exited = process_exited;
    assert_int_equal(sjl_process_adopt(&q, text), SJL_OK);
    assert_int_equal(q.pid, p.pid);
    sjl_process_forget(&q);

    other = sjl_format("%d %d %llu %s", (int) p.pid, (int) p.group,
                       (unsigned long long) p.ticks + 1,
                       strrchr(text, ' ') + 1);
    assert_int_equal(sjl_process_adopt(&q, other), SJL_ERROR);
    free(other);

    other = sjl_format("%d %d %llu another-boot", (int) p.pid, (int) p.group,
                       (unsigned long long) p.ticks);
    assert_int_equal(sjl_process_adopt(&q, other), SJL_ERROR);
    free(other);

    assert_int_equal(sjl_process_adopt(&q, "nonsense"), SJL_ERROR);

    sjl_process_signal(&p, SIGKILL);
    unit_run(&ended, 60000);
    assert_int_equal(sjl_process_adopt(&q, text), SJL_ERROR);

    free(text);
    unit_remove(folder);
    ev_loop_destroy(sjl_loop);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_only_a_uuid_may_be_part_of_a_path),
        cmocka_unit_test(test_json_as_jansson),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_what_is_no_text_becomes_text),
        cmocka_unit_test(test_text_is_told_from_bytes_in_any_pieces),
        cmocka_unit_test(test_a_cut_leaves_whole_characters),
        cmocka_unit_test(test_the_last_lines_of_a_file),
        cmocka_unit_test(test_an_error_is_json_whatever_its_words),
        cmocka_unit_test(test_an_error_fits_into_a_frame),
        cmocka_unit_test(test_a_process_is_watched),
        cmocka_unit_test(test_the_whole_group_ends_with_its_leader),
        cmocka_unit_test(test_another_process_of_the_same_number_is_not_adopted)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
