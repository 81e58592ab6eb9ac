
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Where Kerberos is configured.
 */


#include "unit.h"
#include "sjl_files.h"
#include "sjl_krb5.h"
#include "sjl_share.h"

#include <sys/stat.h>


static char  *folder;


static int
setup(void **state)
{
    char  *path;

    folder = unit_folder();
    sjl_files_root = folder;

    path = sjl_format("%s/tmp", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    free(path);

    path = sjl_format("%s/one.conf", folder);
    unit_write(path, "");
    free(path);

    path = sjl_format("%s/two.conf", folder);
    unit_write(path, "");
    free(path);

    return unsetenv("KRB5_CONFIG");
}


static int
teardown(void **state)
{
    unit_remove(folder);

    return 0;
}


static char *
java(const char *told)
{
    char    *path, *text;
    json_t  *environment;

    text = sjl_format(told, folder, folder, folder);
    environment = json_pack("{s:s}", "KRB5_CONFIG", text);
    path = sjl_krb5_java(environment);

    json_decref(environment);
    free(text);

    return path;
}


static void
test_one_file_is_told_as_it_is(void **state)
{
    char    *path;
    json_t  *none;

    none = json_object();
    assert_null(sjl_krb5_java(none));
    assert_null(sjl_krb5_java(NULL));

    path = java("%s/three.conf");
    assert_non_null(strstr(path, "/three.conf"));
    free(path);

    /* what the environment of drivers does not say ours does */

    assert_int_equal(setenv("KRB5_CONFIG", "/ours.conf", 1), 0);
    path = sjl_krb5_java(none);
    assert_string_equal(path, "/ours.conf");
    free(path);
    assert_int_equal(unsetenv("KRB5_CONFIG"), 0);

    json_decref(none);
}


static void
test_several_become_one_that_includes_those_that_are_there(void **state)
{
    char         *path, *again, *expected, text[1000];
    FILE         *f;
    size_t        n;
    struct stat   sb;

    path = java("%s/one.conf:%s/none.conf:%s/two.conf");
    assert_non_null(path);
    assert_memory_equal(path, folder, strlen(folder));

    f = fopen(path, "r");
    assert_non_null(f);
    n = fread(text, 1, sizeof(text) - 1, f);
    text[n] = '\0';
    (void) fclose(f);

    expected = sjl_format("include %s/one.conf\ninclude %s/two.conf\n", folder,
                          folder);
    assert_string_equal(text, expected);
    free(expected);

    assert_int_equal(stat(path, &sb), 0);
    assert_int_equal(sb.st_mode & 07777, sjl_share_mode());

    /* the same list is the same file, another one is another */

    again = java("%s/one.conf:%s/two.conf");
    assert_string_equal(path, again);
    free(again);

    again = java("%s/two.conf:%s/one.conf");
    assert_string_not_equal(path, again);
    free(again);
    free(path);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_one_file_is_told_as_it_is),
        cmocka_unit_test(
            test_several_become_one_that_includes_those_that_are_there)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
