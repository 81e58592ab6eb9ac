
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What a yarn-site.xml says of the ResourceManager, however it says it: it is
 * read on the loop, for which nothing in it may take long.
 */


#include "unit.h"
#include "sjl_yarn_conf.h"


#define ADDRESS  "yarn.resourcemanager.webapp.address"


static char *
rest(const char *properties)
{
    char  *path, *text, *why, *url;

    path = sjl_format("%s/yarn-site.xml", unit_here);
    text = sjl_format("<configuration>%s</configuration>", properties);
    unit_write(path, text);
    free(path);
    free(text);

    why = NULL;
    url = sjl_yarn_conf_rest(unit_here, &why);
    assert_null(why);

    return url;
}


static void
says(const char *properties, const char *expected)
{
    char  *url;

    url = rest(properties);
    assert_string_equal(url, expected);
    free(url);
}


static void
test_properties_stand_for_others(void **state)
{
    says("", "http://localhost:8088");
    says("<property><name>" ADDRESS "</name><value>${h}:${p}</value></property>"
         "<property><name>h</name><value>a.${d}</value></property>"
         "<property><name>d</name><value>b&#46;c</value></property>"
         "<property><name>p</name><value>1</value></property>",
         "http://a.b.c:1");
    says("<property><name>" ADDRESS "</name>"
         "<value>${user.name}${p}${</value></property>"
         "<property><name>p</name><value>:1</value></property>",
         "http://${user.name}:1${");
}


/* each of 60 is twice the one before, and one is itself: as far as Hadoop */

static void
test_properties_that_swell_are_expanded_so_often_only(void **state)
{
    int       i;
    char     *text, *longer, *url;
    int64_t   began;

    text = sjl_strdup("<property><name>" ADDRESS "</name>"
                      "<value>${p59}</value></property>");

    for (i = 0; i < 60; i++) {
        longer = sjl_format("%s<property><name>p%d</name>"
                            "<value>${p%d}${p%d}</value></property>", text,
                            i, i ? i - 1 : 0, i ? i - 1 : 0);
        free(text);
        text = longer;
    }

    began = sjl_now();
    url = rest(text);

    assert_true(strlen(url) < 1000);
    assert_true(sjl_now() - began < 5000);

    free(url);
    free(text);
}


/* 4 MiB of lines, each of which is told by itself */

static void
test_values_that_are_long_take_no_longer(void **state)
{
    char     *value, *text;
    size_t    size;
    int64_t   began;

    size = 4 * 1024 * 1024 - 1000;
    value = sjl_alloc(size + 1);
    memset(value, '\n', size);
    text = sjl_format("<property><name>" ADDRESS "</name><value>%s</value>"
                      "</property><property><name>"
                      "yarn.resourcemanager.hostname</name><value>h</value>"
                      "</property>", value);

    began = sjl_now();
    says(text, "http://h:8088");
    assert_true(sjl_now() - began < 20000);

    free(text);
    free(value);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_properties_stand_for_others),
        cmocka_unit_test(test_properties_that_swell_are_expanded_so_often_only),
        cmocka_unit_test(test_values_that_are_long_take_no_longer)
    };

    return cmocka_run_group_tests(tests, unit_enter, unit_leave);
}
