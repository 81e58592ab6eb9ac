
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_library.h"

#include <sys/stat.h>


static void sjl_library_fix(const char *name, json_t *spec);
static sjl_library_t *sjl_library_make(const char *name, json_t *spec);
static void sjl_library_resolve(sjl_library_t *library);
static char *sjl_library_text(const json_t *spec, const char *member,
    const char *other);
static char *sjl_library_java(const json_t *spec);
static void sjl_library_clear(sjl_library_t *library);
static void sjl_library_free(sjl_library_t *library);


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
    { "environment", SJL_RESOURCE_MAP, NULL },
    { "options", SJL_RESOURCE_LIST, NULL },
    { "scala", SJL_RESOURCE_TEXT, NULL }
};


static sjl_resource_t  *sjl_libraries;


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
            sjl_library_free(library);

        } else {
            sjl_library_clear(library);
            sjl_library_resolve(library);
        }
    }

    spec = json_object();
    sjl_library_fix(SJL_LIBRARY_DEFAULT, spec);
    json_decref(spec);

    json_object_foreach(sjl_conf->library_sets, name, spec) {
        sjl_library_fix(name, spec);
    }
}


/* one that was made by a request has rows that speak of it */

static void
sjl_library_fix(const char *name, json_t *spec)
{
    sjl_library_t  *library;

    if (sjl_library_find(name)) {
        sjl_log(SJL_LOG_ERR, "library_sets.%s is not used: there is a library "
                "set of that name which was made by a request", name);
        return;
    }

    library = sjl_library_make(name, json_deep_copy(spec));
    library->resource.row.user = sjl_strdup("");
    library->resource.row.spec = sjl_json_text(spec);
    library->resource.fixed = 1;
}


void
sjl_library_adopt(const sjl_resource_row_t *row)
{
    json_t         *spec;
    sjl_library_t  *library;

    spec = json_loads(row->spec, 0, NULL);

    library = sjl_library_make(row->name, spec ? spec : json_object());
    library->resource.row.user = sjl_strdup(row->user);
    library->resource.row.time = row->time;
    library->resource.row.spec = sjl_strdup(row->spec);
    library->resource.row.report = sjl_strdup(row->report);
}


/* the spec is the set's from now on */

static sjl_library_t *
sjl_library_make(const char *name, json_t *spec)
{
    sjl_library_t  *library;

    library = sjl_alloc(sizeof(sjl_library_t));
    library->resource.row.name = sjl_strdup(name);
    library->resource.spec = spec;

    sjl_library_resolve(library);

    HASH_ADD_KEYPTR(hh, sjl_libraries, library->resource.row.name,
                    strlen(library->resource.row.name), &library->resource);

    return library;
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
sjl_library_free(sjl_library_t *library)
{
    sjl_resource_t  *resource;

    resource = &library->resource;
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
