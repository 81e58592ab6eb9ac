
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_setting.h"

#include <ctype.h>
#include <strings.h>


#define SJL_SETTING_MIB     (1024 * 1024)
#define SJL_SETTING_DIGITS  12          /* of a heap */


typedef struct {
    const char  *expected;
    int        (*ok)(const char *text);
} sjl_setting_kind_t;


static int sjl_setting_is_master(const char *text);
static int sjl_setting_is_local(const char *text);
static int sjl_setting_is_address(const char *text);
static int sjl_setting_is_nothing(const char *text);
static int sjl_setting_is_mode(const char *text);
static int sjl_setting_is_size(const char *text);
static int sjl_setting_is_heap(const char *text);
static int sjl_setting_is_count(const char *text);
static char *sjl_setting_refuse(const char *name, const char *text,
    const sjl_setting_kind_t *kind);


static const sjl_setting_kind_t  sjl_setting_a_master = {
    "the URL of a master, like local[2], spark://host:7077, yarn or "
    "k8s://https://host:6443", sjl_setting_is_master
};

static const sjl_setting_kind_t  sjl_setting_a_mode = {
    "client or cluster", sjl_setting_is_mode
};

static const sjl_setting_kind_t  sjl_setting_a_size = {
    "a size like 512m or 2g", sjl_setting_is_size
};

static const sjl_setting_kind_t  sjl_setting_a_heap = {
    "a number with k, m, g or t behind it", sjl_setting_is_heap
};

static const sjl_setting_kind_t  sjl_setting_a_count = {
    "a number above 0", sjl_setting_is_count
};


/* those of Spark have another name each, with "launcher." before it */

static const struct {
    const char                *name;
    const sjl_setting_kind_t  *kind;
} sjl_settings[] = {
    { "spark.master", &sjl_setting_a_master },
    { "spark.submit.deployMode", &sjl_setting_a_mode },
    { "memory-per-node", &sjl_setting_a_size },
    { "num-cpu-cores", &sjl_setting_a_count },
    { "max-jobs-per-context", &sjl_setting_a_count },
    { "spark.executor.memory", &sjl_setting_a_size },
    { "spark.executor.cores", &sjl_setting_a_count },
    { "spark.cores.max", &sjl_setting_a_count },
    { "spark.driver.memory", &sjl_setting_a_heap },
    { "spark.driver.cores", &sjl_setting_a_count },
    { "spark.yarn.am.memory", &sjl_setting_a_size },
    { "spark.yarn.am.cores", &sjl_setting_a_count }
};


/* what comes behind; others, of which Spark may have plugins, are URLs */

static const struct {
    const char  *prefix;
    int        (*ok)(const char *rest);
} sjl_setting_masters[] = {
    { "local", sjl_setting_is_local },
    { "spark://", sjl_setting_is_address },
    { "yarn", sjl_setting_is_nothing }
};


static const struct {
    const char  *name;
    unsigned     shift;
} sjl_setting_units[] = {
    { "", 20 }, { "b", 0 }, { "k", 10 }, { "kb", 10 }, { "m", 20 },
    { "mb", 20 }, { "g", 30 }, { "gb", 30 }, { "t", 40 }, { "tb", 40 },
    { "p", 50 }, { "pb", 50 }
};


char *
sjl_setting_wrong(const json_t *settings)
{
    size_t       i;
    json_t      *value;
    const char  *key, *name, *text;

    static const char  launcher[] = "launcher.";

    json_object_foreach((json_t *) (uintptr_t) settings, key, value) {

        name = strncmp(key, launcher, sizeof(launcher) - 1) == 0
               ? key + sizeof(launcher) - 1 : key;
        text = json_string_value(value);

        for (i = 0; text && i < sjl_nelts(sjl_settings); i++) {
            if (strcmp(name, sjl_settings[i].name) == 0
                && !sjl_settings[i].kind->ok(text))
            {
                return sjl_setting_refuse(key, text, sjl_settings[i].kind);
            }
        }
    }

    return NULL;
}


static char *
sjl_setting_refuse(const char *name, const char *text,
    const sjl_setting_kind_t *kind)
{
    char  *why;

    why = sjl_format("%s: expected %s, got \"%.100s\"", name, kind->expected,
                     text);
    sjl_text_clean(why);

    return why;
}


char *
sjl_setting_wrong_master(const char *name, const char *text)
{
    return sjl_setting_is_master(text) ? NULL
           : sjl_setting_refuse(name, text, &sjl_setting_a_master);
}


static int
sjl_setting_is_master(const char *text)
{
    size_t       i, len;
    const char  *rest;

    for (i = 0; i < sjl_nelts(sjl_setting_masters); i++) {
        len = strlen(sjl_setting_masters[i].prefix);

        if (strncmp(text, sjl_setting_masters[i].prefix, len) == 0) {
            return sjl_setting_masters[i].ok(text + len);
        }
    }

    rest = strstr(text, "://");

    return rest && rest > text && rest[3];
}


/* [threads] or [threads, failures]; or processes, as in Spark's own tests */

static int
sjl_setting_is_local(const char *rest)
{
    size_t  n;

    if (*rest == '\0' || strncmp(rest, "-cluster[", 9) == 0) {
        return 1;
    }

    if (*rest++ != '[') {
        return 0;
    }

    if (*rest != '*' && atol(rest) < 1) {
        return 0;
    }

    n = *rest == '*' ? 1 : strspn(rest, "0123456789");
    rest += n;

    if (n && rest[strspn(rest, " ")] == ',') {
        rest += strspn(rest, " ");
        rest += 1 + strspn(rest + 1, " ");
        n = strspn(rest, "0123456789");
        rest += n;
    }

    return n && strcmp(rest, "]") == 0;
}


/* host:port, several with commas */

static int
sjl_setting_is_address(const char *rest)
{
    char        *end;
    long         port;
    size_t       n;
    const char  *colon;

    for ( ;; rest += n + 1) {
        n = strcspn(rest, ",");
        colon = memrchr(rest, ':', n);

        if (colon == NULL || colon == rest
            || strcspn(rest, "/?#@ ") < n || !isdigit((unsigned char) colon[1]))
        {
            return 0;
        }

        port = strtol(colon + 1, &end, 10);

        if (end != rest + n || port < 1 || port > 65535) {
            return 0;
        }

        if (rest[n] == '\0') {
            return 1;
        }
    }
}


static int
sjl_setting_is_nothing(const char *rest)
{
    return *rest == '\0';
}


static int
sjl_setting_is_mode(const char *text)
{
    return strcmp(text, "client") == 0 || strcmp(text, "cluster") == 0;
}


/* Spark counts executors' memory in MiB by an int */

static int
sjl_setting_is_size(const char *text)
{
    int64_t  size;

    size = sjl_setting_size(text);

    return size > 0 && size <= INT32_MAX;
}


static int
sjl_setting_is_heap(const char *text)
{
    char  *option;

    option = sjl_setting_heap(text);
    free(option);

    return option != NULL;
}


static int
sjl_setting_is_count(const char *text)
{
    size_t  n;

    n = strspn(text, "0123456789");

    return n > 0 && text[n] == '\0' && n <= SJL_SETTING_DIGITS
           && strtoll(text, NULL, 10) > 0
           && strtoll(text, NULL, 10) <= INT32_MAX;
}


int64_t
sjl_setting_size(const char *text)
{
    char     *unit;
    size_t    i;
    int64_t   n;

    if (!isdigit((unsigned char) *text)) {
        return -1;
    }

    errno = 0;
    n = strtoll(text, &unit, 10);

    for (i = 0; i < sjl_nelts(sjl_setting_units); i++) {

        if (strcasecmp(unit, sjl_setting_units[i].name) == 0) {
            return errno || n > INT64_MAX >> sjl_setting_units[i].shift ? -1
                   : (n << sjl_setting_units[i].shift) / SJL_SETTING_MIB;
        }
    }

    return -1;
}


/* a number alone is in MiB to Spark, in bytes to the JVM */

char *
sjl_setting_heap(const char *text)
{
    size_t  n;

    n = strspn(text, "0123456789");

    if (n == 0 || n > SJL_SETTING_DIGITS || strtoll(text, NULL, 10) == 0
        || (text[n] && (strchr("kmgtKMGT", text[n]) == NULL || text[n + 1])))
    {
        return NULL;
    }

    return sjl_format("-Xmx%.*s%c", (int) n, text,
                      text[n] ? tolower((unsigned char) text[n]) : 'm');
}
