
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The configuration: its defaults, and a sentence for each thing that is wrong.
 */


#include "unit.h"
#include "sjl_config.h"


/* what is wrong with a text, one sentence a line, without the file's name */

static char *
errors_of(const char *text, sjl_config_t **conf)
{
    char    *path, *all, *more;
    size_t   i;
    json_t  *errors, *error;

    path = sjl_format("%s/c.json", unit_here);
    unit_write(path, text);

    *conf = sjl_config_read(path, &errors);
    all = sjl_strdup("");

    json_array_foreach(errors, i, error) {
        assert_int_equal(strncmp(json_string_value(error), path, strlen(path)),
                         0);

        more = sjl_format("%s%s\n", all, json_string_value(error)
                          + strlen(path) + 2);
        free(all);
        all = more;
    }

    json_decref(errors);
    free(path);

    return all;
}


static void
refused(const char *text, const char *expected)
{
    char          *got;
    sjl_config_t  *conf;

    got = errors_of(text, &conf);

    assert_null(conf);
    assert_string_equal(got, expected);

    free(got);
}


#define GOOD  "\"data_dir\": \"data\", \"channel\": {\"socket\": \"s\"}, "


static void
test_defaults(void **state)
{
    char          *got, *path;
    sjl_config_t  *conf;

    got = errors_of("{" GOOD "\"driver\": {\"command\": [\"x\"]}}", &conf);

    assert_string_equal(got, "");
    assert_non_null(conf);

    path = sjl_format("%s/data", unit_here);
    assert_string_equal(conf->data_dir, path);
    free(path);

    assert_int_equal(conf->channel_mode, 0600);
    assert_int_equal(json_array_size(conf->channel_users), 0);
    assert_string_equal(conf->log_file, "stderr");
    assert_int_equal(conf->log_level, SJL_LOG_INFO);
    assert_int_equal(conf->dao, SJL_DAO_KIND_SQLITE);
    assert_int_equal(conf->at_exit, SJL_AT_EXIT_STOP);
    assert_string_equal(conf->java, "java");
    assert_int_equal(json_array_size(conf->options), 1);
    assert_int_equal(conf->start_timeout, 60);
    assert_int_equal(conf->stop_timeout, 15);
    assert_int_equal(conf->kill_timeout, 5);
    assert_int_equal(conf->orphan_timeout, 600);
    assert_int_equal(conf->max_contexts, 64);
    assert_int_equal(conf->max_jobs, 8);
    assert_int_equal(conf->sync_commit_delay, 20);
    assert_int_equal(conf->limit_channels, 256);
    assert_int_equal(conf->limit_requests, 20000);
    assert_int_equal(conf->limit_uploads, 256);
    assert_int_equal(conf->limit_starting, 16);
    assert_int_equal(conf->limit_channel_bytes, 64 * 1024 * 1024);
    assert_int_equal(conf->limit_link_bytes, 64 * 1024 * 1024);
    assert_int_equal(conf->limit_result_bytes, 1024 * 1024 * 1024);
    assert_int_equal(json_object_size(conf->contexts), 0);
    assert_int_equal(json_object_size(conf->binaries), 0);
    assert_int_equal(json_array_size(conf->outbound_hosts), 0);
    assert_int_equal(json_array_size(conf->outbound_files), 0);
    assert_int_equal(conf->callback_attempts, 5);
    assert_int_equal(conf->callback_interval, 10);
    assert_int_equal(conf->callback_timeout, 10);
    assert_int_equal(conf->supervise_restarts, 5);
    assert_int_equal(conf->supervise_period, 600);
    assert_int_equal(conf->ports.first, 0);

    sjl_config_free(conf);
    free(got);
}


static void
test_values(void **state)
{
    char          *got;
    sjl_config_t  *conf;

    got = errors_of("{\"data_dir\": \"/d\", \"channel\": {\"socket\": \"/s\","
                    " \"mode\": \"0666\", \"users\": [\"root\", 33]},"
                    " \"log\": {\"level\": \"debug\"}, \"dao\": \"memory\","
                    " \"at_exit\": \"leave\", \"context_settings\":"
                    " {\"spark.master\": \"local[2]\"},"
                    " \"driver\": {\"command\": [\"x\", \"y\"],"
                    " \"start_timeout\": 1}}", &conf);

    assert_string_equal(got, "");
    assert_int_equal(conf->channel_mode, 0666);
    assert_int_equal(json_integer_value(json_array_get(conf->channel_users, 0)),
                     0);
    assert_int_equal(json_integer_value(json_array_get(conf->channel_users, 1)),
                     33);
    assert_int_equal(conf->log_level, SJL_LOG_DEBUG);
    assert_int_equal(conf->dao, SJL_DAO_KIND_MEMORY);
    assert_int_equal(conf->at_exit, SJL_AT_EXIT_LEAVE);
    assert_int_equal(conf->start_timeout, 1);
    assert_int_equal(json_object_size(conf->context_settings), 1);

    sjl_config_free(conf);
    free(got);
}


static void
test_each_error_names_member_and_expectation(void **state)
{
    refused("{" GOOD "\"driver\": {\"command\": [\"x\"],"
            " \"start_timeout\": \"x\"}}",
            "driver.start_timeout: expected a number of seconds from 1 to 3600,"
            " got \"x\"\n");

    refused("{" GOOD "\"driver\": {\"command\": [\"x\"]},"
            " \"max_contexts\": 0}",
            "max_contexts: expected a number of contexts from 1 to 10000,"
            " got 0\n");

    refused("{" GOOD "\"driver\": {\"command\": [\"x\"]}, \"dao\": \"x\"}",
            "dao: expected \"sqlite\" or \"memory\", got \"x\"\n");

    refused("{\"data_dir\": \"\", \"channel\": {\"socket\": 1},"
            " \"driver\": {\"command\": [\"x\"]}}",
            "data_dir: expected the path of a folder, got \"\"\n"
            "channel.socket: expected the path of a socket, got 1\n");

    refused("{" GOOD "\"driver\": {\"home\": \"\", \"spark_home\": \"\","
            " \"java\": \"no-such-java\"}}",
            "driver.home: expected the path of a folder, got \"\"\n"
            "driver.spark_home: expected the path of a folder, got \"\"\n"
            "driver.java: expected a program that can be run, got"
            " \"no-such-java\", which is not in PATH\n");

    refused("{" GOOD "\"driver\": {\"home\": \"\", \"spark_home\": \"\","
            " \"java\": \"/dev/null/java\"}}",
            "driver.home: expected the path of a folder, got \"\"\n"
            "driver.spark_home: expected the path of a folder, got \"\"\n"
            "driver.java: expected a program that can be run, got"
            " \"/dev/null/java\"\n");

    refused("{" GOOD "\"driver\": {\"command\": [1]}}",
            "driver.command: expected an array of strings, got [1]\n");

    refused("{\"data_dir\": \"d\", \"channel\": {\"socket\": \"s\","
            " \"users\": [\"no-such-user\"]},"
            " \"driver\": {\"command\": [\"x\"]}}",
            "channel.users: expected an array of users that exist, names or"
            " numbers, got [\"no-such-user\"]\n");

    refused("{\"data_dir\": \"/no/such/d\", \"channel\": {\"socket\": \"s\","
            " \"users\": [4294967296]},"
            " \"driver\": {\"command\": [\"x\"]}}",
            "channel.users: expected an array of users that exist, names or"
            " numbers, got [4294967296]\n"
            "data_dir: expected a path in a folder that exists, got"
            " \"/no/such/d\"\n");

    refused("{\"data_dir\": \"d\", \"channel\": {\"socket\": \"s\","
            " \"mode\": \"0888\"}, \"driver\": {\"command\": [\"x\"]}}",
            "channel.mode: expected an octal file mode like \"0660\","
            " got \"0888\"\n");
}


#define WITH(more)  "{" GOOD "\"driver\": {\"command\": [\"x\"]}, " more "}"


static void
test_contexts_have_settings_as_text(void **state)
{
    char          *got;
    json_t        *settings;
    sjl_config_t  *conf;

    got = errors_of(WITH("\"contexts\": {\"a\": {\"n\": 1, \"r\": 0.5,"
                         " \"b\": true, \"s\": \"x\"}, \"b\": {}}"), &conf);

    assert_string_equal(got, "");
    assert_int_equal(json_object_size(conf->contexts), 2);

    settings = json_object_get(conf->contexts, "a");
    assert_string_equal(json_string_value(json_object_get(settings, "n")), "1");
    assert_string_equal(json_string_value(json_object_get(settings, "r")),
                        "0.5");
    assert_string_equal(json_string_value(json_object_get(settings, "b")),
                        "true");
    assert_string_equal(json_string_value(json_object_get(settings, "s")), "x");

    sjl_config_free(conf);
    free(got);

    refused(WITH("\"contexts\": []"), "contexts: expected an object with an "
            "object of settings for each name, got []\n");

    refused(WITH("\"max_contexts\": 1, \"contexts\": {\"1a\": {}, \"b\": 1,"
                 " \"c\": {\"x\": {}, \"launcher.spark.driver.memory\":"
                 " \"much\"}}"),
            "contexts: expected at most as many as max_contexts, which is 1, "
            "got 3\n"
            "contexts: expected names that start with a letter, of at most 255 "
            "bytes, got \"1a\"\n"
            "contexts.b: expected an object of settings\n"
            "contexts.c.x: expected a string, a number, true or false\n"
            "contexts.c: launcher.spark.driver.memory: expected a number with "
            "k, m, g or t behind it, got \"much\"\n");

    refused(WITH("\"context_settings\": {\"memory-per-node\": \"1.5g\"},"
                 " \"clusters\": {\"c\": {\"master\": \"local\","
                 " \"settings\": {\"spark.cores.max\": \"0\"}}}"),
            "context_settings: memory-per-node: expected a size like 512m or "
            "2g, got \"1.5g\"\n"
            "clusters.c.settings: spark.cores.max: expected a number above 0, "
            "got \"0\"\n");
}


static void
test_binaries_are_files_of_a_known_kind(void **state)
{
    char          *got, *path;
    sjl_config_t  *conf;

    path = sjl_format("%s/a.py", unit_here);
    unit_write(path, "");

    got = errors_of(WITH("\"binaries\": {\"a\": \"a.py\"}"), &conf);
    assert_string_equal(got, "");
    assert_string_equal(json_string_value(json_object_get(conf->binaries, "a")),
                        path);
    sjl_config_free(conf);
    free(got);
    free(path);

    refused(WITH("\"binaries\": {\"my-py\": \"a.py\"}"),
            "binaries.my-py: expected a name that a module of Python can "
            "have (and none of its own has)\n");
    refused(WITH("\"binaries\": {\"json\": \"a.py\"}"),
            "binaries.json: expected a name that a module of Python can "
            "have (and none of its own has)\n");

    refused(WITH("\"binaries\": {\"a\": \"/x/a.txt\", \"b\": \"/x/b.jar\"}"),
            "binaries.a: expected a path that ends with .jar, .egg, .whl or "
            ".py, got \"/x/a.txt\"\n"
            "binaries.b: expected a file that can be read, got \"/x/b.jar\": "
            "No such file or directory\n");
}


static void
test_what_may_be_reached(void **state)
{
    char          *got;
    sjl_config_t  *conf;

    got = errors_of(WITH("\"outbound\": {\"hosts\": [\"a:80\","
                         " \"10.0.0.0/8\"], \"files\": [\"/\"]},"
                         " \"callbacks\": {\"attempts\": 2}"), &conf);
    assert_string_equal(got, "");
    assert_int_equal(json_array_size(conf->outbound_hosts), 2);
    assert_int_equal(conf->callback_attempts, 2);
    sjl_config_free(conf);
    free(got);

    refused(WITH("\"outbound\": {\"hosts\": [\"http://a\"],"
                 " \"files\": [\"x\", \"/no/such\"]}"),
            "outbound.hosts: expected \"name\", \"name:port\", an address or a "
            "network like \"10.0.0.0/8\", got \"http://a\"\n"
            "outbound.files: expected absolute paths of folders that exist, "
            "got \"x\"\n"
            "outbound.files: expected absolute paths of folders that exist, "
            "got \"/no/such\"\n");
}


static void
test_ports_are_a_range(void **state)
{
    char          *got, *text;
    size_t         i;
    sjl_config_t  *conf;

    static const char *const  bad[] = {
        "x", "7000", "7000-", "7000-7000", "7001-7000", "80-90", "7000-70000",
        "7000-7001x"
    };

    got = errors_of("{" GOOD "\"driver\": {\"command\": [\"x\"],"
                    " \"ports\": \"7000-7009\"}}", &conf);
    assert_string_equal(got, "");
    assert_int_equal(conf->ports.first, 7000);
    assert_int_equal(conf->ports.last, 7009);
    sjl_config_free(conf);
    free(got);

    for (i = 0; i < sjl_nelts(bad); i++) {
        text = sjl_format("{" GOOD "\"driver\": {\"command\": [\"x\"],"
                          " \"ports\": \"%s\"}}", bad[i]);
        got = sjl_format("driver.ports: expected \"first-last\", port numbers "
                         "from 1024 to 65535, got \"%s\"\n", bad[i]);
        refused(text, got);
        free(text);
        free(got);
    }
}


static void
test_all_errors_are_told(void **state)
{
    refused("{\"channel\": 1, \"drivr\": {}, \"driver\": {\"command\": [\"x\"],"
            " \"jav\": \"y\"}, \"max_contexts\": true, \"contexts\":"
            " {\"a\": {}}, \"outbound.hosts\": [], \"outbound\": {\"hosts\":"
            " []}}",
            "channel: no such member\n"
            "drivr: no such member\n"
            "driver.jav: no such member\n"
            "outbound.hosts: no such member\n"
            "max_contexts: expected a number of contexts from 1 to 10000,"
            " got true\n"
            "data_dir: expected the path of a folder, got nothing\n"
            "channel.socket: expected the path of a socket, got nothing\n");
}


static void
test_spark_is_needed_without_a_command(void **state)
{
    char          *got;
    sjl_config_t  *conf;

    got = errors_of("{" GOOD "\"driver\": {\"home\": \"/nowhere\"}}", &conf);

    assert_null(conf);
    assert_non_null(strstr(got, "driver.home: expected the path of a folder "
                           "that holds \"sparkjob-driver_2.12.jar\", got "
                           "\"/nowhere\""));
    assert_non_null(strstr(got, "driver.spark_home: expected the path of a "
                           "folder that holds \"jars\", got nothing"));

    free(got);
}


static void
test_what_is_no_json_is_told_with_its_place(void **state)
{
    char          *got;
    sjl_config_t  *conf;

    got = errors_of("{\n\"data_dir\": }", &conf);

    assert_null(conf);
    assert_int_equal(strncmp(got, "line 2, column ", 15), 0);
    free(got);

    got = errors_of("{\"data_dir\": \"a\", \"data_dir\": \"b\"}", &conf);
    assert_null(conf);
    assert_non_null(strstr(got, "duplicate"));
    free(got);

    refused("[]", "expected an object\n");
}


static void
test_a_missing_file_is_an_error(void **state)
{
    json_t  *errors;

    assert_null(sjl_config_read("/nowhere/c.json", &errors));
    assert_int_equal(json_array_size(errors), 1);
    json_decref(errors);
}


static void
test_a_socket_path_has_a_limit(void **state)
{
    char          *got, *text, path[200];
    sjl_config_t  *conf;

    memset(path, 'x', sizeof(path));
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';

    text = sjl_format("{\"data_dir\": \"d\", \"channel\": {\"socket\": \"%s\"},"
                      " \"driver\": {\"command\": [\"x\"]}}", path);
    got = errors_of(text, &conf);

    assert_null(conf);
    assert_int_equal(strncmp(got, "channel.socket: expected a path of at most "
                             "107 bytes", 52), 0);
    free(text);
    free(got);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_each_error_names_member_and_expectation),
        cmocka_unit_test(test_contexts_have_settings_as_text),
        cmocka_unit_test(test_binaries_are_files_of_a_known_kind),
        cmocka_unit_test(test_what_may_be_reached),
        cmocka_unit_test(test_ports_are_a_range),
        cmocka_unit_test(test_all_errors_are_told),
        cmocka_unit_test(test_spark_is_needed_without_a_command),
        cmocka_unit_test(test_what_is_no_json_is_told_with_its_place),
        cmocka_unit_test(test_a_missing_file_is_an_error),
        cmocka_unit_test(test_a_socket_path_has_a_limit)
    };

    return cmocka_run_group_tests(tests, unit_enter, unit_leave);
}
