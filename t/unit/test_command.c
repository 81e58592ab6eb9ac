
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

    path = sjl_format("%s/lib", sjl_conf->home);
    assert_int_equal(mkdir(sjl_conf->home, 0700), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    free(path);

    path = sjl_format("%s/jars", sjl_conf->spark_home);
    assert_int_equal(mkdir(sjl_conf->spark_home, 0700), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    free(path);

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


/* the class path, with the folder's path left out, to be freed */

static char *
class_path(void)
{
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
    assert_int_equal(sjl_command_make(&cmd, "id", options, &login), SJL_OK);
    json_decref(options);

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

    put("home/lib/b.jar");
    put("home/lib/a.jar");
    put("home/lib/readme.txt");
    put("spark/jars/s.jar");

    path = class_path();
    assert_string_equal(path, "home/sparkjob-driver.jar:"
                        "home/sparkjob-job-api.jar:home/lib/a.jar:"
                        "home/lib/b.jar:spark/jars/s.jar");
    free(path);

    /* the clock of a file system may be coarse */

    (void) usleep(20000);
    put("spark/jars/t.jar");

    path = class_path();
    assert_string_equal(path, "home/sparkjob-driver.jar:"
                        "home/sparkjob-job-api.jar:home/lib/a.jar:"
                        "home/lib/b.jar:spark/jars/s.jar:spark/jars/t.jar");
    free(path);
}


/* a driver without Spark's jars cannot start, the next one shall have them */

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
    assert_null(strstr(path, "spark/jars"));
    free(path);

    path = class_path();
    assert_non_null(strstr(path, "spark/jars/u.jar"));
    free(path);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_the_class_path_follows_the_folders),
        cmocka_unit_test(test_a_folder_that_could_not_be_read_is_read_again)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
