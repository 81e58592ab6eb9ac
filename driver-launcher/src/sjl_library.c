
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_library.h"
#include "sjl_cluster.h"
#include "sjl_command.h"
#include "sjl_owner.h"
#include "sjl_setup.h"

#include <sys/stat.h>


static void sjl_library_spare(void);
static void sjl_library_fix(const char *name, json_t *spec);
static sjl_resource_t *sjl_library_make(const char *name, json_t *spec);
static void sjl_library_resolve(sjl_library_t *library);
static char *sjl_library_text(const json_t *spec, const char *member,
    const char *other);
static char *sjl_library_java(const json_t *spec);
static void sjl_library_clear(sjl_library_t *library);
static void sjl_library_free(sjl_resource_t *resource);
static void sjl_library_look(const json_t *spec, int fixed, json_t *wrong);
static void sjl_library_look_spark(const char *home, json_t *wrong);
static void sjl_library_look_jars(const json_t *entries, const char *member,
    int fixed, json_t *wrong);
static void sjl_library_say(json_t *wrong, const char *words,
    const char *value);
static json_t *sjl_library_users(const char *name, int remove);


static const char *const  sjl_library_orders[] = {
    "spark-first", "hadoop-first", NULL
};

static const sjl_resource_member_t  sjl_library_members[] = {
    { "spark_home", SJL_RESOURCE_TEXT, NULL },
    { "java", SJL_RESOURCE_TEXT, NULL },
    { "hadoop_jars", SJL_RESOURCE_LIST, NULL },
    { "extra_jars", SJL_RESOURCE_LIST, NULL },
    { "order", SJL_RESOURCE_TEXT, sjl_library_orders },
    { "hadoop_conf", SJL_RESOURCE_TEXT, NULL },
    { "environment", SJL_RESOURCE_ENVIRONMENT, NULL },
    { "options", SJL_RESOURCE_LIST, NULL },
    { "spares", SJL_RESOURCE_COUNT, NULL },
    { "scala", SJL_RESOURCE_TEXT, NULL }
};


static sjl_resource_t  *sjl_libraries;
static int              sjl_library_spares;     /* contexts can have such */


const sjl_resource_type_t  sjl_libraries_type = {
    "library set",
    &sjl_libraries_table,
    &sjl_libraries,
    sjl_library_check,
    sjl_library_look,
    sjl_library_make,
    sjl_library_free,
    sjl_library_users,
    NULL
};


sjl_library_t *
sjl_library_find(const char *name)
{
    sjl_resource_t  *found;

    if (name == NULL) {
        name = SJL_LIBRARY_DEFAULT;
    }

    HASH_FIND_STR(sjl_libraries, name, found);

    return found ? sjl_container(found, sjl_library_t, resource) : NULL;
}


/* the others have what they do not say from driver.*, too */

void
sjl_library_configure(void)
{
    json_t          *spec;
    const char      *name;
    sjl_library_t   *library;
    sjl_resource_t  *old, *next;

    HASH_ITER(hh, sjl_libraries, old, next) {
        library = sjl_container(old, sjl_library_t, resource);

        if (old->fixed) {
            sjl_library_free(old);

        } else {
            sjl_library_clear(library);
            sjl_library_resolve(library);
        }
    }

    spec = json_pack("{s:s*, s:s*, s:O, s:I}", "java", sjl_conf->java,
                     "spark_home", sjl_conf->spark_home,
                     "environment", sjl_conf->environment,
                     "spares", (json_int_t) sjl_conf->spares);
    sjl_library_fix(SJL_LIBRARY_DEFAULT, spec);
    json_decref(spec);

    json_object_foreach(sjl_conf->library_sets, name, spec) {
        sjl_library_fix(name, spec);
    }

    sjl_library_spare();
}


/* a spare has our user, as contexts that name none may have */

static void
sjl_library_spare(void)
{
    int          wanted;
    char        *why;
    sjl_owner_t  owner;

    sjl_library_spares = 1;
    wanted = sjl_library_with_spares(NULL) != NULL;

    if (sjl_owner_choose(sjl_conf, NULL, &owner, &why) == SJL_ERROR) {
        sjl_library_spares = 0;
        free(why);

    } else {
        sjl_library_spares = !sjl_owner_is_other(&owner);
    }

    if (wanted && !sjl_library_spares) {
        sjl_log(SJL_LOG_WARN, "%s: no spare driver is started, since it has "
                "the launcher's user, and no context does with driver.run_as",
                sjl_conf->file);
    }
}


/* one that was made by a request has rows that speak of it */

static void
sjl_library_fix(const char *name, json_t *spec)
{
    sjl_resource_t  *resource;

    if (sjl_library_find(name)) {
        sjl_log(SJL_LOG_ERR, "library_sets.%s is not used: there is a library "
                "set of that name which was made by a request", name);
        return;
    }

    resource = sjl_library_make(name, json_deep_copy(spec));
    resource->fixed = 1;
}


/* the spec is the set's from now on */

static sjl_resource_t *
sjl_library_make(const char *name, json_t *spec)
{
    sjl_library_t  *library;

    library = sjl_alloc(sizeof(sjl_library_t));
    library->resource.row.name = sjl_strdup(name);
    library->resource.spec = spec;

    sjl_library_resolve(library);

    HASH_ADD_KEYPTR(hh, sjl_libraries, library->resource.row.name,
                    strlen(library->resource.row.name), &library->resource);

    return &library->resource;
}


sjl_library_t *
sjl_library_loose(const json_t *spec)
{
    sjl_library_t  *library;

    library = sjl_alloc(sizeof(sjl_library_t));
    library->resource.spec = json_deep_copy(spec);

    sjl_library_resolve(library);

    return library;
}


void
sjl_library_loose_free(sjl_library_t *library)
{
    json_decref(library->resource.spec);
    sjl_library_clear(library);
    free(library);
}


/* of options that say different things the JVM takes the last */

static void
sjl_library_resolve(sjl_library_t *library)
{
    json_t      *spec, *own;
    const char  *order;

    spec = library->resource.spec;

    library->java = sjl_library_java(spec);
    library->spark_home = sjl_library_text(spec, "spark_home",
                                           sjl_conf->spark_home);
    library->hadoop_conf = sjl_library_text(spec, "hadoop_conf", NULL);
    library->hadoop_jars = json_incref(json_object_get(spec, "hadoop_jars"));
    library->extra_jars = json_incref(json_object_get(spec, "extra_jars"));

    library->spares = json_integer_value(json_object_get(spec, "spares"));

    order = json_string_value(json_object_get(spec, "order"));
    library->hadoop_first = order && strcmp(order, "hadoop-first") == 0;

    library->options = json_copy(sjl_conf->options);
    own = json_object_get(spec, "options");

    if (own) {
        (void) json_array_extend(library->options, own);
    }

    library->environment = json_copy(sjl_conf->environment);
    own = json_object_get(spec, "environment");

    if (own) {
        (void) json_object_update(library->environment, own);
    }
}


static char *
sjl_library_text(const json_t *spec, const char *member, const char *other)
{
    json_t  *value;

    value = json_object_get(spec, member);

    return sjl_strdup(value ? json_string_value(value) : other);
}


/* the folder of a Java is as good as its program */

static char *
sjl_library_java(const json_t *spec)
{
    char         *java, *program;
    struct stat   sb;

    java = sjl_library_text(spec, "java", sjl_conf->java);

    if (strchr(java, '/') && stat(java, &sb) == 0 && S_ISDIR(sb.st_mode)) {
        program = sjl_format("%s/bin/java", java);
        free(java);
        return program;
    }

    return java;
}


static void
sjl_library_clear(sjl_library_t *library)
{
    free(library->java);
    free(library->spark_home);
    free(library->hadoop_conf);
    json_decref(library->hadoop_jars);
    json_decref(library->extra_jars);
    json_decref(library->options);
    json_decref(library->environment);
}


static void
sjl_library_free(sjl_resource_t *resource)
{
    sjl_library_t  *library;

    library = sjl_container(resource, sjl_library_t, resource);
    HASH_DEL(sjl_libraries, resource);

    sjl_row_clear(&sjl_libraries_table, &resource->row);
    json_decref(resource->spec);
    sjl_library_clear(library);
    free(library);
}


void
sjl_library_check(const json_t *spec, json_t *wrong)
{
    sjl_resource_check(sjl_library_members, sjl_nelts(sjl_library_members),
                       spec, wrong);
}


/* what a driver would not even start without */

static void
sjl_library_look(const json_t *spec, int fixed, json_t *wrong)
{
    char        *path, *java;
    const char  *home;

    home = json_string_value(json_object_get(spec, "spark_home"));

    if (home) {
        sjl_library_look_spark(home, wrong);
    }

    java = sjl_library_java(spec);
    path = sjl_command_program(java);

    if (path == NULL || access(path, X_OK) == -1
        || (strchr(java, '/') && *java != '/'))
    {
        sjl_library_say(wrong, "java: expected the folder of a Java, or its "
                        "program, got", java);
    }

    free(java);
    free(path);

    sjl_library_look_jars(json_object_get(spec, "hadoop_jars"), "hadoop_jars",
                          fixed, wrong);
    sjl_library_look_jars(json_object_get(spec, "extra_jars"), "extra_jars",
                          fixed, wrong);

    sjl_resource_look_folder(spec, "hadoop_conf", wrong);
}


/* a Spark, and one that there is a driver for */

static void
sjl_library_look_spark(const char *home, json_t *wrong)
{
    char  *path, *scala, *driver;

    path = sjl_format("%s/jars", home);

    if (*home != '/' || access(path, R_OK) == -1) {
        sjl_library_say(wrong, "spark_home: expected the path of a folder "
                        "that holds \"jars\", got", home);
        free(path);
        return;
    }

    free(path);
    scala = sjl_library_scala(home);

    if (scala == NULL) {
        sjl_library_say(wrong, "spark_home: expected a Spark, but there is no "
                        "scala-library jar in \"jars\" of", home);
        return;
    }

    driver = sjl_format("%s/sparkjob-driver_%s.jar", sjl_conf->home, scala);

    if (sjl_conf->home && access(driver, R_OK) == -1) {
        sjl_resource_say(wrong,
            sjl_format("spark_home: %s is for Scala %s, and driver.home has no "
                       "\"sparkjob-driver_%s.jar\"", home, scala, scala));
    }

    free(driver);
    free(scala);
}


static void
sjl_library_look_jars(const json_t *entries, const char *member, int fixed,
    json_t *wrong)
{
    char        *text;
    size_t       i;
    json_t      *entry;
    const char  *path;

    json_array_foreach(entries, i, entry) {
        path = json_string_value(entry);

        if (sjl_library_entry_there(path, fixed)) {
            continue;
        }

        text = sjl_format("%s: expected a jar, a folder of jars or "
                          "\"binary:\" with a binary's name, got", member);
        sjl_library_say(wrong, text, path);
        free(text);
    }
}


static void
sjl_library_say(json_t *wrong, const char *words, const char *value)
{
    sjl_resource_say(wrong, sjl_format("%s \"%.300s\"", words, value));
}


/* a cluster names one for contexts to come, which a change does not disturb */

static json_t *
sjl_library_users(const char *name, int remove)
{
    json_t  *names;

    names = sjl_setup_users(NULL, name);

    if (remove) {
        sjl_cluster_of_library(name, names);
    }

    return names;
}


char *
sjl_library_with_binary(const char *name)
{
    char            *entry, *found;
    size_t           i;
    json_t          *value;
    sjl_library_t   *library;
    sjl_resource_t  *resource, *next;

    found = NULL;
    entry = sjl_format(SJL_LIBRARY_BINARY "%s", name);

    HASH_ITER(hh, sjl_libraries, resource, next) {
        library = sjl_container(resource, sjl_library_t, resource);

        json_array_foreach(library->extra_jars, i, value) {

            if (found == NULL && strcmp(json_string_value(value), entry) == 0) {
                found = sjl_format("library set %s", resource->row.name);
            }
        }
    }

    free(entry);

    return found;
}


int
sjl_library_is_ours(const sjl_library_t *library)
{
    size_t       i;
    json_t      *value;
    const char  *entry;

    if (!sjl_owner_any()) {
        return 1;
    }

    json_array_foreach(library->extra_jars, i, value) {
        entry = json_string_value(value);

        if (strncmp(entry, SJL_LIBRARY_BINARY, sizeof(SJL_LIBRARY_BINARY) - 1)
            == 0)
        {
            return 0;
        }
    }

    return library->resource.fixed;
}


sjl_library_t *
sjl_library_with_spares(const char *after)
{
    const char      *name;
    sjl_library_t   *library, *first;
    sjl_resource_t  *resource, *next;

    first = NULL;

    if (!sjl_library_spares) {
        return NULL;
    }

    HASH_ITER(hh, sjl_libraries, resource, next) {
        library = sjl_container(resource, sjl_library_t, resource);
        name = resource->row.name;

        if (library->spares && (after == NULL || strcmp(name, after) > 0)
            && (first == NULL || strcmp(name, first->resource.row.name) < 0)
            && sjl_library_is_ours(library))
        {
            first = library;
        }
    }

    return first;
}
