
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The class path of a library set.
 */


#include "sjl_binary.h"
#include "sjl_files.h"
#include "sjl_library.h"

#include <dirent.h>
#include <sys/stat.h>
#include <utlist.h>


/* a folder of jars, as it was when it was read */

typedef struct sjl_jars_s  sjl_jars_t;

struct sjl_jars_s {
    char             *folder;
    char             *list;
    struct timespec   changed;
    sjl_jars_t       *next;
};


static char *sjl_library_ours(const char *scala);
static char *sjl_library_spark(const sjl_library_t *library);
static int sjl_library_is_hadoop(const char *file, size_t len);
static char *sjl_library_list(const json_t *entries);
static char *sjl_library_entry(const char *entry);
static const char *sjl_library_jars(const char *folder);
static char *sjl_library_read_jars(const char *folder);
static int sjl_library_is_jar(const struct dirent *entry);


/* of the Hadoop client in a Spark, which another one takes the place of */

static const char *const  sjl_library_hadoop[] = {
    "hadoop-client-", "hadoop-shaded-guava-", "hadoop-yarn-server-web-proxy-"
};


static sjl_jars_t  *sjl_library_folders;


char *
sjl_library_class_path(const sjl_library_t *library)
{
    char  *path, *scala, *ours, *theirs;

    scala = sjl_library_scala(library->spark_home);

    if (scala == NULL) {
        sjl_log(SJL_LOG_CRIT, "\"%s/jars\" has no scala-library jar: there is "
                "no knowing which driver fits", library->spark_home);
        return NULL;
    }

    ours = sjl_library_ours(scala);
    theirs = sjl_library_spark_path(library);

    path = sjl_format("%s%s%s", ours, *theirs ? ":" : "", theirs);
    free(scala);
    free(ours);
    free(theirs);

    return path;
}


/* each list begins with a colon */

char *
sjl_library_spark_path(const sjl_library_t *library)
{
    char  *path, *spark, *hadoop, *extra;

    spark = sjl_library_spark(library);
    hadoop = sjl_library_list(library->hadoop_jars);
    extra = sjl_library_list(library->extra_jars);

    path = sjl_format("%s%s%s", library->hadoop_first ? hadoop : spark,
                      library->hadoop_first ? spark : hadoop, extra);
    free(spark);
    free(hadoop);
    free(extra);

    if (*path == ':') {
        memmove(path, path + 1, strlen(path));
    }

    return path;
}


char *
sjl_library_scala(const char *spark_home)
{
    char        *folder;
    size_t       major, minor;
    const char  *version;

    static const char  name[] = "/scala-library-";

    folder = sjl_format("%s/jars", spark_home);
    version = strstr(sjl_library_jars(folder), name);
    free(folder);

    if (version == NULL) {
        return NULL;
    }

    version += sizeof(name) - 1;
    major = strspn(version, "0123456789");
    minor = version[major] == '.'
            ? strspn(version + major + 1, "0123456789") : 0;

    return major && minor
           ? sjl_format("%.*s", (int) (major + 1 + minor), version) : NULL;
}


static char *
sjl_library_ours(const char *scala)
{
    char  *path, *lib;

    lib = sjl_format("%s/lib_%s", sjl_conf->home, scala);
    path = sjl_format("%s/sparkjob-driver_%s.jar:%s/sparkjob-job-api_%s.jar%s",
                      sjl_conf->home, scala, sjl_conf->home, scala,
                      sjl_library_jars(lib));
    free(lib);

    return path;
}


/* with another Hadoop client there is no place for Spark's own */

static char *
sjl_library_spark(const sjl_library_t *library)
{
    char        *folder, *list, *end;
    size_t       len;
    const char  *p;

    folder = sjl_format("%s/jars", library->spark_home);
    list = sjl_strdup(sjl_library_jars(folder));
    free(folder);

    if (json_array_size(library->hadoop_jars) == 0) {
        return list;
    }

    end = list;

    for (p = list; *p; p += len) {
        len = 1 + strcspn(p + 1, ":");

        if (!sjl_library_is_hadoop(p, len)) {
            memmove(end, p, len);
            end += len;
        }
    }

    *end = '\0';

    return list;
}


static int
sjl_library_is_hadoop(const char *file, size_t len)
{
    size_t       i;
    const char  *name;

    for (name = file + len; name[-1] != '/'; name--) { /* void */ }

    for (i = 0; i < sjl_nelts(sjl_library_hadoop); i++) {
        if (strncmp(name, sjl_library_hadoop[i], strlen(sjl_library_hadoop[i]))
            == 0)
        {
            return 1;
        }
    }

    return 0;
}


static char *
sjl_library_list(const json_t *entries)
{
    char    *list, *more, *longer;
    size_t   i;
    json_t  *entry;

    list = sjl_strdup("");

    json_array_foreach(entries, i, entry) {
        more = sjl_library_entry(json_string_value(entry));
        longer = sjl_format("%s%s", list, more);
        free(more);
        free(list);
        list = longer;
    }

    return list;
}


/* a jar, a folder of jars or a binary, the newest version of which is meant */

static char *
sjl_library_entry(const char *entry)
{
    char          *path, *list;
    struct stat    sb;
    sjl_binary_t  *binary;

    if (strncmp(entry, SJL_LIBRARY_BINARY, sizeof(SJL_LIBRARY_BINARY) - 1)
        == 0)
    {
        entry += sizeof(SJL_LIBRARY_BINARY) - 1;
        binary = sjl_binary_find(entry);

        if (binary == NULL) {
            sjl_log(SJL_LOG_ERR, "there is no binary \"%s\" for a class path",
                    entry);
            return sjl_strdup("");
        }

        path = sjl_path_binary(binary->row.sha256, binary->row.type);
        list = sjl_format(":%s", path);
        free(path);

        return list;
    }

    if (stat(entry, &sb) == 0 && S_ISDIR(sb.st_mode)) {
        return sjl_strdup(sjl_library_jars(entry));
    }

    return sjl_format(":%s", entry);
}


int
sjl_library_entry_there(const char *entry, int fixed)
{
    struct stat  sb;

    if (strncmp(entry, SJL_LIBRARY_BINARY, sizeof(SJL_LIBRARY_BINARY) - 1)
        == 0)
    {
        return fixed || sjl_binary_find(entry + sizeof(SJL_LIBRARY_BINARY) - 1);
    }

    return *entry == '/' && access(entry, R_OK) == 0 && stat(entry, &sb) == 0
           && (S_ISREG(sb.st_mode) || S_ISDIR(sb.st_mode));
}


/*
 * The jars in a folder, ":" before each.  Reading it takes a while, with a cold
 * cache or over a network, and so it is read again only when it has changed.
 */

static const char *
sjl_library_jars(const char *folder)
{
    struct stat   sb;
    sjl_jars_t   *jars;

    LL_FOREACH(sjl_library_folders, jars) {
        if (strcmp(jars->folder, folder) == 0) {
            break;
        }
    }

    if (stat(folder, &sb) == -1) {
        sjl_log(SJL_LOG_CRIT, "stat(\"%s\") failed: %s", folder,
                strerror(errno));
        return "";
    }

    if (jars == NULL) {
        jars = sjl_alloc(sizeof(sjl_jars_t));
        jars->folder = sjl_strdup(folder);
        LL_PREPEND(sjl_library_folders, jars);
    }

    if (jars->list == NULL || memcmp(&jars->changed, &sb.st_mtim,
                                     sizeof(struct timespec)) != 0)
    {
        free(jars->list);
        jars->list = sjl_library_read_jars(folder);
        jars->changed = sb.st_mtim;
    }

    return jars->list ? jars->list : "";
}


/* NULL: the next driver may be luckier */

static char *
sjl_library_read_jars(const char *folder)
{
    int              i, n;
    char            *list, *longer;
    struct dirent  **entries;

    n = scandir(folder, &entries, sjl_library_is_jar, alphasort);

    if (n == -1) {
        sjl_log(SJL_LOG_CRIT, "scandir(\"%s\") failed: %s", folder,
                strerror(errno));
        return NULL;
    }

    list = sjl_strdup("");

    for (i = 0; i < n; i++) {
        longer = sjl_format("%s:%s/%s", list, folder, entries[i]->d_name);
        free(list);
        list = longer;
        free(entries[i]);
    }

    free(entries);

    return list;
}


static int
sjl_library_is_jar(const struct dirent *entry)
{
    size_t  len;

    len = strlen(entry->d_name);

    return len > 4 && strcmp(entry->d_name + len - 4, ".jar") == 0;
}
