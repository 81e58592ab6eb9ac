
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The command line of a driver: its class path follows what is in the folders.
 */


#include "unit.h"
#include "sjl_command.h"
#include "sjl_config.h"
#include "sjl_files.h"

#include <sys/resource.h>
#include <sys/stat.h>


static char  *folder;


static int
setup(void **state)
{
    char  *path;

    folder = unit_folder();

    sjl_conf = sjl_alloc(sizeof(sjl_config_t));
    sjl_conf->data_dir = folder;
    sjl_conf->home = sjl_format("%s/home", folder);
    sjl_conf->spark_home = sjl_format("%s/spark", folder);
    sjl_conf->java = sjl_strdup("/bin/true");
    sjl_conf->channel_socket = sjl_strdup("s");
    sjl_conf->options = json_array();
    sjl_conf->command = json_array();
    sjl_conf->environment = json_object();

    path = sjl_format("%s/lib_2.13", sjl_conf->home);
    assert_int_equal(mkdir(sjl_conf->home, 0700), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    free(path);

    path = sjl_format("%s/lib_2.12", sjl_conf->home);
    assert_int_equal(mkdir(path, 0700), 0);
    free(path);

    path = sjl_format("%s/jars", sjl_conf->spark_home);
    assert_int_equal(mkdir(sjl_conf->spark_home, 0700), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    free(path);

    sjl_library_configure();

    return sjl_files_init();
}


static int
teardown(void **state)
{
    unit_remove(folder);

    return 0;
}


static void
put(const char *file)
{
    char  *path;

    path = sjl_format("%s/%s", folder, file);
    unit_write(path, "");
    free(path);
}


static void
drop(const char *file)
{
    char  *path;

    path = sjl_format("%s/%s", folder, file);
    assert_int_equal(unlink(path), 0);
    free(path);
}


/* the class path, with the folder's path left out, to be freed; NULL: none */

static char *
class_path(void)
{
    int             rc;
    char           *path, *at, *next;
    json_t         *options;
    size_t          i, len;
    sjl_login_t     login;
    sjl_owner_t     owner;
    sjl_command_t   cmd;

    owner.uid = geteuid();
    owner.gid = getegid();
    sjl_login_make(&login, &owner);

    options = json_array();
    rc = sjl_command_make(&cmd, "id", options, sjl_library_find(NULL), NULL,
                          &login);
    json_decref(options);

    if (rc == SJL_ERROR) {
        return NULL;
    }

    path = NULL;
    len = strlen(folder);

    for (i = 0; cmd.argv[i]; i++) {
        if (strcmp(cmd.argv[i], "-cp") == 0) {
            path = sjl_strdup(cmd.argv[i + 1]);
        }
    }

    sjl_command_free(&cmd);
    assert_non_null(path);

    for (at = strstr(path, folder); at; at = next) {
        memmove(at, at + len + 1, strlen(at + len + 1) + 1);
        next = strstr(at, folder);
    }

    return path;
}


static void
test_the_class_path_follows_the_folders(void **state)
{
    char  *path;

    put("home/lib_2.13/b.jar");
    put("home/lib_2.13/a.jar");
    put("home/lib_2.13/readme.txt");
    put("spark/jars/s.jar");
    put("spark/jars/scala-library-2.13.18.jar");

    path = class_path();
    assert_string_equal(path, "home/sparkjob-driver_2.13.jar:"
                        "home/sparkjob-job-api_2.13.jar:home/lib_2.13/a.jar:"
                        "home/lib_2.13/b.jar:spark/jars/s.jar:"
                        "spark/jars/scala-library-2.13.18.jar");
    free(path);

    /* the clock of a file system may be coarse */

    (void) usleep(20000);
    put("spark/jars/t.jar");

    path = class_path();
    assert_string_equal(path, "home/sparkjob-driver_2.13.jar:"
                        "home/sparkjob-job-api_2.13.jar:home/lib_2.13/a.jar:"
                        "home/lib_2.13/b.jar:spark/jars/s.jar:"
                        "spark/jars/scala-library-2.13.18.jar:"
                        "spark/jars/t.jar");
    free(path);
}


/* without Spark's jars no driver starts, the next one shall have them */

static void
test_a_folder_that_could_not_be_read_is_read_again(void **state)
{
    char           *path;
    struct rlimit   limit, none;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;

    (void) usleep(20000);
    put("spark/jars/u.jar");

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    path = class_path();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_null(path);

    path = class_path();
    assert_non_null(strstr(path, "spark/jars/u.jar"));
    free(path);
}


static sjl_library_t *
loose(const char *spec)
{
    char           *text, *at;
    json_t         *json;
    size_t          n;
    sjl_library_t  *library;

    /* "@" stands for the folder */

    text = sjl_strdup(spec);

    while ((at = strchr(text, '@')) != NULL) {
        n = (size_t) (at - text);
        at = sjl_format("%.*s%s%s", (int) n, text, folder, at + 1);
        free(text);
        text = at;
    }

    json = json_loads(text, 0, NULL);
    assert_non_null(json);
    library = sjl_library_loose(json);
    json_decref(json);
    free(text);

    return library;
}


static void
check(const char *spec, const char *order)
{
    char           *path, *word, *last, *name;
    sjl_library_t  *library;

    library = loose(spec);
    path = sjl_library_class_path(library);
    assert_non_null(path);

    for (word = strtok_r(path, ":", &last); word;
         word = strtok_r(NULL, ":", &last))
    {
        name = strrchr(word, '/') + 1;

        if (strncmp(name, "sparkjob-", 9) == 0 || strstr(word, "/home/")) {
            continue;
        }

        assert_int_equal(strncmp(order, name, strlen(name)), 0);
        order += strlen(name) + (order[strlen(name)] == ' ');
    }

    assert_string_equal(order, "");

    free(path);
    sjl_library_loose_free(library);
}


/* another Hadoop client has the place of Spark's own, before or behind it */

static void
test_a_library_set_has_its_own_jars(void **state)
{
    char  *path;

    path = sjl_format("%s/other", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    free(path);

    path = sjl_format("%s/other/jars", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    free(path);

    path = sjl_format("%s/hadoop", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    free(path);

    put("other/jars/hadoop-client-api-3.3.4.jar");
    put("other/jars/hadoop-client-runtime-3.3.4.jar");
    put("other/jars/hadoop-shaded-guava-1.1.1.jar");
    put("other/jars/hadoop-yarn-server-web-proxy-3.3.4.jar");
    put("other/jars/scala-library-2.12.18.jar");
    put("other/jars/spark-core_2.12-3.5.9.jar");
    put("hadoop/hadoop-client-api-2.jar");
    put("hadoop/hadoop-yarn-server-web-proxy-2.jar");
    put("x.jar");

    check("{\"spark_home\": \"@/other\"}",
          "hadoop-client-api-3.3.4.jar hadoop-client-runtime-3.3.4.jar "
          "hadoop-shaded-guava-1.1.1.jar "
          "hadoop-yarn-server-web-proxy-3.3.4.jar scala-library-2.12.18.jar "
          "spark-core_2.12-3.5.9.jar");
    check("{\"spark_home\": \"@/other\", \"hadoop_jars\": [\"@/hadoop\"]}",
          "scala-library-2.12.18.jar spark-core_2.12-3.5.9.jar "
          "hadoop-client-api-2.jar hadoop-yarn-server-web-proxy-2.jar");
    check("{\"spark_home\": \"@/other\", \"hadoop_jars\": [\"@/hadoop\"], "
          "\"extra_jars\": [\"@/x.jar\", \"binary:none\"], "
          "\"order\": \"hadoop-first\"}",
          "hadoop-client-api-2.jar hadoop-yarn-server-web-proxy-2.jar "
          "scala-library-2.12.18.jar spark-core_2.12-3.5.9.jar x.jar");
}


/* of a home that has drivers for two it takes the one that Spark needs */

static void
test_the_driver_is_that_of_the_scala_of_spark(void **state)
{
    char  *path;

    path = sjl_library_scala(sjl_conf->spark_home);
    assert_string_equal(path, "2.13");
    free(path);

    (void) usleep(20000);
    drop("spark/jars/scala-library-2.13.18.jar");
    put("spark/jars/scala-library-2.12.18.jar");

    path = class_path();
    assert_non_null(strstr(path, "home/sparkjob-driver_2.12.jar:"));
    assert_null(strstr(path, "2.13"));
    free(path);

    (void) usleep(20000);
    drop("spark/jars/scala-library-2.12.18.jar");
    put("spark/jars/scala-library-x.jar");

    assert_null(sjl_library_scala(sjl_conf->spark_home));
    assert_null(class_path());
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_the_class_path_follows_the_folders),
        cmocka_unit_test(test_a_folder_that_could_not_be_read_is_read_again),
        cmocka_unit_test(test_a_library_set_has_its_own_jars),
        cmocka_unit_test(test_the_driver_is_that_of_the_scala_of_spark)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
