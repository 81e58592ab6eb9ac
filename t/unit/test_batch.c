
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What requests for batches say, and bodies that have files with them.
 */


#include "unit.h"
#include "sjl_batch_said.h"
#include "sjl_batch_want.h"
#include "sjl_multipart.h"

#include <sys/mman.h>


static sjl_batch_want_t *
want(const char *text)
{
    char              *why;
    sjl_batch_want_t  *w;

    why = NULL;
    w = sjl_batch_want_read(text, strlen(text), &why);

    if (w == NULL) {
        fail_msg("%s: %s", text, why);
    }

    return w;
}


static void
assert_refused(const char *text, const char *words)
{
    char              *why;
    sjl_batch_want_t  *w;

    why = NULL;
    w = sjl_batch_want_read(text, strlen(text), &why);

    if (w || why == NULL || strstr(why, words) == NULL) {
        fail_msg("%s: \"%s\", not \"%s\"", text, why ? why : "taken", words);
    }

    free(why);
}


static void
assert_setting(const sjl_batch_want_t *w, const char *key, const char *value)
{
    const char  *found;

    found = json_string_value(json_object_get(w->settings, key));

    if (found == NULL || strcmp(found, value) != 0) {
        fail_msg("%s is \"%s\", not \"%s\"", key, found ? found : "", value);
    }
}


static void
test_members_become_settings(void **state)
{
    char              *args;
    sjl_batch_want_t  *w;

    w = want("{\"file\": \"a\", \"className\": \"C\", \"name\": \"n\","
             " \"proxyUser\": \"p\", \"args\": [\"x y\", 1, true, 2.5],"
             " \"driverMemory\": \"2G\", \"executorMemory\": 512,"
             " \"driverCores\": \"2\", \"executorCores\": 3,"
             " \"numExecutors\": \"04\", \"queue\": \"q\", \"jars\": null,"
             " \"conf\": {\"a\": 1, \"b\": \"c\", \"d\": false}, \"new\": {}}");

    assert_string_equal(w->class, "C");
    assert_string_equal(w->name, "n");
    assert_string_equal(w->proxy_user, "p");

    args = sjl_json_text(w->args);
    assert_string_equal(args, "[\"x y\",\"1\",\"true\",\"2.5\"]");
    free(args);

    assert_setting(w, "spark.driver.memory", "2g");
    assert_setting(w, "spark.executor.memory", "512m");
    assert_setting(w, "spark.driver.cores", "2");
    assert_setting(w, "spark.executor.cores", "3");
    assert_setting(w, "spark.executor.instances", "04");
    assert_setting(w, "spark.yarn.queue", "q");
    assert_setting(w, "a", "1");
    assert_setting(w, "b", "c");
    assert_setting(w, "d", "false");

    sjl_batch_want_free(w);
}


static void
test_files_are_told_apart(void **state)
{
    size_t             i;
    sjl_batch_want_t  *w;

    static const struct {
        const char          *text;
        const char          *fragment;
        sjl_batch_use_e      use;
        sjl_batch_source_e   source;
    } expected[] = {
        { "app", NULL, SJL_BATCH_FILE, SJL_BATCH_NAMED },
        { "/a/b.jar", NULL, SJL_BATCH_JARS, SJL_BATCH_PATH },
        { "hdfs://h/x", NULL, SJL_BATCH_JARS, SJL_BATCH_REMOTE },
        { "HTTPS://h/y.jar", NULL, SJL_BATCH_JARS, SJL_BATCH_WEB },
        { "s3a://b/p", NULL, SJL_BATCH_PY_FILES, SJL_BATCH_REMOTE },
        { "file:///e.tgz", "#env", SJL_BATCH_ARCHIVES, SJL_BATCH_LOCAL },
        { "z.zip", NULL, SJL_BATCH_ARCHIVES, SJL_BATCH_NAMED }
    };

    w = want("{\"archives\": [\"file:///e.tgz#env\"], \"file\": \"app\","
             " \"jars\": [\"/a/b.jar\", \"hdfs://h/x\", \"HTTPS://h/y.jar\"],"
             " \"conf\": {\"spark.submit.pyFiles\": \"s3a://b/p\","
             " \"spark.archives\": \" z.zip,\"}}");

    assert_int_equal(w->nfiles, sjl_nelts(expected));

    /* those of the settings come when these are read */

    for (i = 0; i < w->nfiles; i++) {
        size_t  j;

        for (j = 0; j < sjl_nelts(expected); j++) {
            if (strcmp(w->files[i].text, expected[j].text) == 0) {
                break;
            }
        }

        assert_true(j < sjl_nelts(expected));
        assert_int_equal(w->files[i].use, expected[j].use);
        assert_int_equal(w->files[i].source, expected[j].source);

        if (expected[j].fragment) {
            assert_string_equal(w->files[i].fragment, expected[j].fragment);

        } else {
            assert_null(w->files[i].fragment);
        }
    }

    assert_int_equal(w->files[0].use, SJL_BATCH_FILE);

    sjl_batch_want_free(w);
}


static void
test_what_is_wrong_is_named(void **state)
{
    assert_refused("{}", "requirement failed: File is required.");
    assert_refused("{\"file\": \"\"}", "File is required.");
    assert_refused("{\"file\": null, \"jars\": [\"a\"]}", "File is required.");
    assert_refused("[]", "no JSON object");
    assert_refused("{", "no JSON: line 1, column 1: it ends too early");
    assert_refused("{\"file\": 1}", "file has to be a string, it is 1");
    assert_refused("{\"file\": \"a/b\"}", "a path has to be absolute");
    assert_refused("{\"file\": \"../b\"}", "a path has to be absolute");
    assert_refused("{\"file\": \"..\"}", "neither a URI nor a name");
    assert_refused("{\"file\": \"a,b\"}", "commas");
    assert_refused("{\"file\": \"a\\nb\"}", "control characters");
    assert_refused("{\"file\": \"ftp://h/x\"}", "the scheme ftp is not served");
    assert_refused("{\"file\": \"a\", \"name\": \"12\"}",
                   "Invalid session name: 12");
    assert_refused("{\"file\": \"a\", \"name\": \"a/..\"}",
                   "Invalid session name: a/.., no path can have");
    assert_refused("{\"file\": \"a\", \"args\": \"x\"}",
                   "args has to be an array of strings, it is \"x\"");
    assert_refused("{\"file\": \"a\", \"args\": [[]]}",
                   "args[0] has to be a string, a number or a boolean, it is "
                   "[]");
    assert_refused("{\"file\": \"a\", \"jars\": [\"b\", null]}",
                   "jars[1] has to be a string, it is null");
    assert_refused("{\"file\": \"a\", \"conf\": []}",
                   "conf has to be an object, it is []");
    assert_refused("{\"file\": \"a\", \"conf\": {\"k\": []}}",
                   "k has to be a string, a number or a boolean in \"conf\", "
                   "it is []");
    assert_refused("{\"file\": \"a\", \"name\": true}",
                   "name has to be a string, it is true");
    assert_refused("{\"file\": \"a\", \"queue\": {}}",
                   "queue has to be a string, it is {}");
    assert_refused("{\"file\": \"a\", \"driverCores\": 0}",
                   "driverCores has to be a whole number from 1 to 999999999, "
                   "it is 0");
    assert_refused("{\"file\": \"a\", \"numExecutors\": []}",
                   "numExecutors has to be a whole number from 1 to 999999999, "
                   "it is []");
    assert_refused("{\"file\": \"a\", \"driverMemory\": \"g\"}",
                   "driverMemory has to be a size like \"2g\", it is \"g\"");
    assert_refused("{\"file\": \"a\", \"driverMemory\": \"1gx\"}",
                   "driverMemory");
    assert_refused("{\"file\": \"a\", \"conf\":"
                   " {\"spark.yarn.dist.jars\": \"x\"}}",
                   "spark.yarn.dist.jars cannot be set");
    assert_refused("{\"file\": \"a\", \"conf\":"
                   " {\"spark.jars\": \"ftp://x/y\"}}", "jars: the scheme");
    assert_refused("{\"file\": \"a\", \"file\": \"b\"}",
                   "a member is there twice");
    assert_refused("{\"file\": \"\\u0000\"}", "a string has \\u0000");
    assert_refused("{\"file\": \"\xff\"}", "it is not UTF-8");
    assert_refused("{} x", "column 4: there is more behind its end");
}


static void
test_words_are_taken_apart(void **state)
{
    char    *text;
    size_t   i;
    json_t  *words;

    static const char *const  lines[][2] = {
        { "", "[]" },
        { "  ", "[]" },
        { "-Da=b -Xs", "[\"-Da=b\",\"-Xs\"]" },
        { " \"-Da=b c\" 'd\"e' ", "[\"-Da=b c\",\"d\\\"e\"]" },
        { "a\\ b \"c\\\"d\" ''", "[\"a b\",\"c\\\"d\",\"\"]" },
        { "-D\"x y\"=z", "[\"-Dx y=z\"]" }
    };

    for (i = 0; i < sjl_nelts(lines); i++) {
        words = sjl_batch_want_words(lines[i][0]);
        assert_non_null(words);

        text = sjl_json_text(words);
        assert_string_equal(text, lines[i][1]);
        free(text);
        json_decref(words);
    }

    assert_null(sjl_batch_want_words("-Da=\"b"));
    assert_null(sjl_batch_want_words("'"));
}


static void
test_hosts_of_urls(void **state)
{
    char      *host;
    size_t     i;
    unsigned   port;

    static const struct {
        const char  *url;
        const char  *host;
        unsigned     port;
    } urls[] = {
        { "http://h/x", "h", 80 },
        { "https://h", "h", 443 },
        { "HTTPS://h:81/x:y@z", "h", 81 },
        { "http://u:p@h:82/", "h", 82 },
        { "http://[::1]:83/x", "::1", 83 },
        { "http://[::1]/x", "::1", 80 },
        { "http://h?x=/", "h", 80 },
        { "http:///x", NULL, 0 },
        { "http://h:0/", NULL, 0 },
        { "http://h:65536/", NULL, 0 },
        { "http:h", NULL, 0 },
        { "http://[::1", NULL, 0 }
    };

    for (i = 0; i < sjl_nelts(urls); i++) {
        host = sjl_batch_want_host(urls[i].url, &port);

        if (urls[i].host == NULL) {
            assert_null(host);
            continue;
        }

        assert_non_null(host);
        assert_string_equal(host, urls[i].host);
        assert_int_equal(port, urls[i].port);
        free(host);
    }
}


static void
test_boundaries(void **state)
{
    char    boundary[SJL_MULTIPART_BOUNDARY + 1], type[200];

    assert_true(sjl_multipart_type("multipart/form-data; boundary=aB", boundary));
    assert_string_equal(boundary, "aB");
    assert_true(sjl_multipart_type("Multipart/Form-Data; x=y; boundary=\"a b\"",
                                   boundary));
    assert_string_equal(boundary, "a b");
    assert_true(sjl_multipart_type("multipart/form-data", boundary));
    assert_string_equal(boundary, "");

    memset(type, 'x', sizeof(type) - 1);
    memcpy(type, "multipart/form-data; boundary=", 30);
    type[sizeof(type) - 1] = '\0';
    assert_true(sjl_multipart_type(type, boundary));
    assert_string_equal(boundary, "");

    assert_false(sjl_multipart_type("multipart/form-datax", boundary));
    assert_false(sjl_multipart_type("application/json", boundary));
    assert_false(sjl_multipart_type("", boundary));
}


static int
body(const char *text, size_t len)
{
    int  fd;

    fd = memfd_create("body", MFD_CLOEXEC);
    assert_int_equal(write(fd, text, len), len);

    return fd;
}


static const char *
read_parts(sjl_multipart_t *m, const char *text)
{
    int          fd, rc;
    const char  *why;

    memset(m, 0, sizeof(sjl_multipart_t));
    why = NULL;
    fd = body(text, strlen(text));
    rc = sjl_multipart_read(m, fd, "B", &why);
    (void) close(fd);

    assert_int_equal(rc, why ? SJL_ERROR : SJL_OK);

    return why;
}


static void
test_parts(void **state)
{
    const char       *text;
    sjl_part_t       *part;
    sjl_multipart_t   m;

    text = "preamble\r\n--B\r\n"
           "content-disposition: form-data; name=\"a\"\r\n\r\n"
           "one\r\n--Bx\r\ntwo\r\n--B\r\n"
           "Content-Type: text/x\r\n"
           "Content-Disposition: form-data; filename=\"f \\\"x\\\".py\"; "
           "name=b\r\n\r\n"
           "\r\n--B--\r\nafter";

    /* a line that only begins like a boundary is an error, not a part's end */

    assert_non_null(strstr(read_parts(&m, text), "more behind it"));
    sjl_multipart_clear(&m);

    text = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n"
           "one\r\n--C\r\ntwo\r\n--B\r\n"
           "Content-Type: text/x\r\n"
           "Content-Disposition: form-data; filename=\"f \\\"x\\\".py\"; "
           "name=b\r\n\r\n"
           "\r\n--B--\r\nafter";

    assert_null(read_parts(&m, text));
    assert_int_equal(m.n, 2);

    part = sjl_multipart_find(&m, "a");
    assert_non_null(part);
    assert_null(part->filename);
    assert_int_equal(part->size, 13);
    assert_memory_equal(text + part->start, "one\r\n--C\r\ntwo", 13);

    part = sjl_multipart_find(&m, "f \"x\".py");
    assert_non_null(part);
    assert_string_equal(part->name, "b");
    assert_int_equal(part->size, 0);
    assert_null(sjl_multipart_find(&m, "c"));

    sjl_multipart_clear(&m);
}


static void
test_bad_parts(void **state)
{
    size_t            i;
    const char       *why;
    sjl_multipart_t   m;

    static const char *const  bad[][2] = {
        { "", "no part" },
        { "--C--\r\n", "no part" },
        { "--B", "ends within" },
        { "--B\r\n", "no header" },
        { "--B\r\nX: y\r\n\r\nz\r\n--B--", "no name" },
        { "--B\r\nContent-Disposition: form-data\r\n\r\nz\r\n--B--",
          "no name" },
        { "--B\r\nContent-Disposition: form-data; name=\"\"\r\n\r\nz\r\n--B--",
          "no name" },
        { "--B\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\nz",
          "ends within" }
    };

    for (i = 0; i < sjl_nelts(bad); i++) {
        why = read_parts(&m, bad[i][0]);

        if (why == NULL || strstr(why, bad[i][1]) == NULL) {
            fail_msg("%s: %s", bad[i][0], why ? why : "taken");
        }

        sjl_multipart_clear(&m);
    }
}


/* a boundary may lie anywhere in what is read at once */

static void
test_large_parts(void **state)
{
    int               fd;
    char             *text;
    size_t            i, n, len;
    const char       *why;
    sjl_multipart_t   m;

    static const char  head[] = "--B\r\nContent-Disposition: form-data; "
                                "name=\"a\"\r\n\r\n";

    text = sjl_alloc(300000);

    for (i = 0; i < 12; i++) {
        n = 2 * 65536 - 8 + i;
        len = sizeof(head) - 1;
        memcpy(text, head, len);
        memset(text + len, '\r', n);
        memcpy(text + len + n, "\r\n--B--", 7);

        memset(&m, 0, sizeof(m));
        fd = body(text, len + n + 7);
        assert_int_equal(sjl_multipart_read(&m, fd, "B", &why), SJL_OK);
        (void) close(fd);

        assert_int_equal(m.n, 1);
        assert_int_equal(m.parts[0].size, n);
        sjl_multipart_clear(&m);
    }

    free(text);
}


static void
test_what_spark_says(void **state)
{
    int                fd;
    const char        *text;
    sjl_batch_said_t  *said;

    fd = memfd_create("log", MFD_CLOEXEC);
    said = sjl_batch_said_make(fd, 0);

    text = "x INFO SparkUI: Bound SparkUI to 0.0.0.0, and started at http://h:"
           "4040\nINFO YarnClientImpl: Submitted application appli";
    sjl_batch_said_add(said, text, strlen(text));
    assert_true(sjl_batch_said_changed(said));
    assert_false(sjl_batch_said_changed(said));
    assert_string_equal(sjl_batch_said_text(said),
                        "{\"url\":\"http://h:4040\"}");

    text = "cation_1_2\nSubmitted application nothing\n";
    sjl_batch_said_add(said, text, strlen(text));
    assert_true(sjl_batch_said_changed(said));
    assert_string_equal(sjl_batch_said_text(said),
                        "{\"url\":\"http://h:4040\","
                        "\"application\":\"application_1_2\"}");
    assert_false(sjl_batch_said_killed(said));

    text = "\t final status: KILLED\n";
    sjl_batch_said_add(said, text, strlen(text));
    assert_true(sjl_batch_said_killed(said));

    sjl_batch_said_free(said);
    (void) close(fd);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_members_become_settings),
        cmocka_unit_test(test_files_are_told_apart),
        cmocka_unit_test(test_what_is_wrong_is_named),
        cmocka_unit_test(test_words_are_taken_apart),
        cmocka_unit_test(test_hosts_of_urls),
        cmocka_unit_test(test_boundaries),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_bad_parts),
        cmocka_unit_test(test_large_parts),
        cmocka_unit_test(test_what_spark_says)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
