
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_command.h"
#include "sjl_archive.h"
#include "sjl_config.h"
#include "sjl_files.h"
#include "sjl_listen_link.h"

#include <dirent.h>
#include <sys/stat.h>
#include <utlist.h>


typedef struct {
    char    **list;
    size_t    n;
} sjl_words_t;


/* a folder of jars, as it was when it was read */

typedef struct sjl_jars_s  sjl_jars_t;

struct sjl_jars_s {
    char             *folder;
    char             *list;
    struct timespec   changed;
    sjl_jars_t       *next;
};


static void sjl_command_add(sjl_words_t *words, char *word);
static void sjl_command_add_all(sjl_words_t *words, const json_t *array);
static int sjl_command_driver(sjl_words_t *argv, const char *context,
    const json_t *options);
static int sjl_command_java(sjl_words_t *argv, char *archive,
    const char *tmp, const json_t *options, const char *class);
static int sjl_command_finish(sjl_command_t *cmd, const sjl_words_t *argv,
    const sjl_words_t *envp, int rc);
static char *sjl_command_class_path(void);
static const char *sjl_command_jars(const char *folder);
static char *sjl_command_read_jars(const char *folder);
static int sjl_command_is_jar(const struct dirent *entry);
static void sjl_command_environment(sjl_words_t *envp, const char *context,
    const sjl_login_t *login);
static void sjl_command_user(sjl_words_t *envp, const char *context,
    const sjl_login_t *login);
static void sjl_command_set(sjl_words_t *envp, const char *name,
    const char *value);


/*
 * What JDK 17 has closed and Spark needs open (its JavaModuleOptions).  A JVM
 * without memory has to end, since nobody knows which of its threads it lost.
 */

static const char *const  sjl_command_jvm[] = {
    "-XX:+ExitOnOutOfMemoryError",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--add-opens=java.base/java.lang.invoke=ALL-UNNAMED",
    "--add-opens=java.base/java.lang.reflect=ALL-UNNAMED",
    "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/java.net=ALL-UNNAMED",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent.atomic=ALL-UNNAMED",
    "--add-opens=java.base/jdk.internal.ref=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.cs=ALL-UNNAMED",
    "--add-opens=java.base/sun.security.action=ALL-UNNAMED",
    "--add-opens=java.base/sun.util.calendar=ALL-UNNAMED",
    "--add-opens=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
    "-Djdk.reflect.useDirectMethodHandle=false"
};


/* what a driver gets of our own environment */

static const char *const  sjl_command_inherited[] = {
    "PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "JAVA_HOME",
    "SPARK_LOCAL_IP", "HADOOP_CONF_DIR", "YARN_CONF_DIR"
};


static sjl_jars_t  *sjl_command_folders;


int
sjl_command_make(sjl_command_t *cmd, const char *context,
    const json_t *options, const sjl_login_t *login)
{
    int          rc;
    sjl_words_t  argv, envp;

    memset(&argv, 0, sizeof(argv));
    memset(&envp, 0, sizeof(envp));

    rc = SJL_OK;

    if (json_array_size(sjl_conf->command)) {
        sjl_command_add_all(&argv, sjl_conf->command);

    } else {
        rc = sjl_command_driver(&argv, context, options);
    }

    sjl_command_environment(&envp, context, login);

    return sjl_command_finish(cmd, &argv, &envp, rc);
}


int
sjl_command_archive(sjl_command_t *cmd, const char *id, const char *folder,
    const char *archive, const sjl_login_t *login)
{
    int          rc;
    sjl_words_t  argv, envp;

    memset(&argv, 0, sizeof(argv));
    memset(&envp, 0, sizeof(envp));

    rc = sjl_command_java(&argv,
                          sjl_format("-XX:ArchiveClassesAtExit=%s", archive),
                          folder, NULL, "sparkjob.driver.Archive");
    sjl_command_environment(&envp, id, login);

    return sjl_command_finish(cmd, &argv, &envp, rc);
}


/* "rc" says whether they are whole */

static int
sjl_command_finish(sjl_command_t *cmd, const sjl_words_t *argv,
    const sjl_words_t *envp, int rc)
{
    char  *program;

    cmd->argv = argv->list;
    cmd->envp = envp->list;

    if (rc == SJL_ERROR) {
        sjl_command_free(cmd);
        return SJL_ERROR;
    }

    program = sjl_command_program(argv->list[0]);

    if (program == NULL) {
        sjl_log(SJL_LOG_CRIT, "there is no program \"%s\" to start a driver "
                "with", argv->list[0]);
        sjl_command_free(cmd);
        return SJL_ERROR;
    }

    free(argv->list[0]);
    argv->list[0] = program;

    return SJL_OK;
}


/* the word is the list's from now on */

static void
sjl_command_add(sjl_words_t *words, char *word)
{
    char  **list;

    list = sjl_alloc((words->n + 2) * sizeof(char *));

    if (words->n) {
        memcpy(list, words->list, words->n * sizeof(char *));
    }

    list[words->n++] = word;

    free(words->list);
    words->list = list;
}


static void
sjl_command_add_all(sjl_words_t *words, const json_t *array)
{
    size_t   i;
    json_t  *word;

    json_array_foreach(array, i, word) {
        sjl_command_add(words, sjl_strdup(json_string_value(word)));
    }
}


static int
sjl_command_driver(sjl_words_t *argv, const char *context,
    const json_t *options)
{
    int          rc;
    char        *tmp, *archive;
    const char  *path;

    path = sjl_archive_path();
    archive = path ? sjl_format("-XX:SharedArchiveFile=%s", path) : NULL;

    /* what a killed driver leaves there goes away with the context */

    tmp = sjl_path_context(context, "/tmp");

    rc = sjl_command_java(argv, archive, tmp, options, "sparkjob.driver.Main");

    free(tmp);

    return rc;
}


/* "archive", an option or NULL, is the list's from now on */

static int
sjl_command_java(sjl_words_t *argv, char *archive, const char *tmp,
    const json_t *options, const char *class)
{
    char    *path;
    size_t   i;

    sjl_command_add(argv, sjl_strdup(sjl_conf->java));

    for (i = 0; i < sjl_nelts(sjl_command_jvm); i++) {
        sjl_command_add(argv, sjl_strdup(sjl_command_jvm[i]));
    }

    /* a JVM that cannot use it goes without, and has nothing to say of it */

    if (archive) {
        sjl_command_add(argv, archive);
        sjl_command_add(argv, sjl_strdup("-Xlog:cds*=off"));
    }

    sjl_command_add(argv, sjl_format("-Djava.io.tmpdir=%s", tmp));

    /* of two that say different things the JVM takes the last */

    sjl_command_add_all(argv, sjl_conf->options);
    sjl_command_add_all(argv, options);

    path = sjl_command_class_path();

    if (path == NULL) {
        return SJL_ERROR;
    }

    sjl_command_add(argv, sjl_strdup("-cp"));
    sjl_command_add(argv, path);
    sjl_command_add(argv, sjl_strdup(class));

    return SJL_OK;
}


/*
 * The list is written out: archives of shared classes need it the same.  NULL:
 * there is no knowing which of our drivers fits Spark's jars.
 */

static char *
sjl_command_class_path(void)
{
    char  *path, *ours, *lib, *spark, *scala;

    scala = sjl_command_scala(sjl_conf->spark_home);

    if (scala == NULL) {
        sjl_log(SJL_LOG_CRIT, "\"%s/jars\" has no scala-library jar: there is "
                "no knowing which driver fits", sjl_conf->spark_home);
        return NULL;
    }

    lib = sjl_format("%s/lib_%s", sjl_conf->home, scala);
    spark = sjl_format("%s/jars", sjl_conf->spark_home);

    /* one list after the other: each is good until the next is asked for */

    ours = sjl_format("%s/sparkjob-driver_%s.jar:%s/sparkjob-job-api_%s.jar%s",
                      sjl_conf->home, scala, sjl_conf->home, scala,
                      sjl_command_jars(lib));
    path = sjl_format("%s%s", ours, sjl_command_jars(spark));

    free(ours);
    free(lib);
    free(spark);
    free(scala);

    return path;
}


char *
sjl_command_scala(const char *spark_home)
{
    char        *folder;
    size_t       major, minor;
    const char  *version;

    static const char  name[] = "/scala-library-";

    folder = sjl_format("%s/jars", spark_home);
    version = strstr(sjl_command_jars(folder), name);
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


/*
 * The jars in a folder, ":" before each.  Reading it takes a while, with a cold
 * cache or over a network, and so it is read again only when it has changed.
 */

static const char *
sjl_command_jars(const char *folder)
{
    struct stat   sb;
    sjl_jars_t   *jars;

    LL_FOREACH(sjl_command_folders, jars) {
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
        LL_PREPEND(sjl_command_folders, jars);
    }

    if (jars->list == NULL || memcmp(&jars->changed, &sb.st_mtim,
                                     sizeof(struct timespec)) != 0)
    {
        free(jars->list);
        jars->list = sjl_command_read_jars(folder);
        jars->changed = sb.st_mtim;
    }

    return jars->list ? jars->list : "";
}


/* NULL: the next driver may be luckier */

static char *
sjl_command_read_jars(const char *folder)
{
    int              i, n;
    char            *list, *longer;
    struct dirent  **entries;

    n = scandir(folder, &entries, sjl_command_is_jar, alphasort);

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
sjl_command_is_jar(const struct dirent *entry)
{
    size_t  len;

    len = strlen(entry->d_name);

    return len > 4 && strcmp(entry->d_name + len - 4, ".jar") == 0;
}


char *
sjl_command_archived(void)
{
    char    *java, *program, *cp, *list, *options, *p;
    size_t   i;

    program = sjl_command_program(sjl_conf->java);
    java = program ? realpath(program, NULL) : NULL;
    cp = sjl_command_class_path();
    options = sjl_json_text(sjl_conf->options);

    for (p = cp; p && *p; p++) {
        *p = *p == ':' ? '\n' : *p;
    }

    /* beside the program lies what tells one Java from another */

    list = sjl_format("%s\n%.*s/../lib/modules\n%s\noptions %s",
                      java ? java : "",
                      java ? (int) (strrchr(java, '/') - java) : 0,
                      java ? java : "", cp ? cp : "", options);

    for (i = 0; i < sjl_nelts(sjl_command_jvm); i++) {
        p = sjl_format("%s\noption %s", list, sjl_command_jvm[i]);
        free(list);
        list = p;
    }

    free(program);
    free(java);
    free(cp);
    free(options);

    return list;
}


char *
sjl_command_depends(void)
{
    char  *list, *how, *environment;

    how = json_array_size(sjl_conf->command)
          ? sjl_json_text(sjl_conf->command) : sjl_command_archived();

    environment = sjl_json_text(sjl_conf->environment);

    list = sjl_format("%s\nenvironment %s\norphans %lld\nlink %d", how,
                      environment, (long long) sjl_conf->orphan_timeout,
                      (int) sjl_conf->link_always);
    free(how);
    free(environment);

    return list;
}


void
sjl_command_hash(char *hash, char *lines)
{
    char         *line, *next, *text, *more;
    struct stat   sb;

    text = sjl_strdup("");

    for (line = lines; line; line = next) {
        next = strchr(line, '\n');

        if (next) {
            *next++ = '\0';
        }

        memset(&sb, 0, sizeof(sb));

        if (*line == '/' && stat(line, &sb) == -1) {
            sb.st_size = -1;
        }

        more = sjl_format("%s%s %lld %lld.%09ld\n", text, line,
                          (long long) sb.st_size, (long long) sb.st_mtim.tv_sec,
                          sb.st_mtim.tv_nsec);
        free(text);
        text = more;
    }

    sjl_hash(hash, text, strlen(text));
    free(text);
}


/* as a shell would find it */

char *
sjl_command_program(const char *program)
{
    char        *file;
    size_t       len;
    const char  *path;

    if (strchr(program, '/')) {
        return sjl_strdup(program);
    }

    path = getenv("PATH");

    if (path == NULL) {
        path = "/usr/local/bin:/usr/bin:/bin";
    }

    for ( /* void */ ; *path; path += len + (path[len] == ':')) {
        len = strcspn(path, ":");
        file = sjl_format("%.*s/%s", (int) len, path, program);

        if (access(file, X_OK) == 0) {
            return file;
        }

        free(file);
    }

    return NULL;
}


static void
sjl_command_environment(sjl_words_t *envp, const char *context,
    const sjl_login_t *login)
{
    char         timeout[24], *url;
    size_t       i;
    json_t      *value;
    const char  *name;

    for (i = 0; i < sjl_nelts(sjl_command_inherited); i++) {
        name = sjl_command_inherited[i];
        sjl_command_set(envp, name, getenv(name));
    }

    sjl_command_user(envp, context, login);
    sjl_command_set(envp, "SPARK_HOME", sjl_conf->spark_home);

    json_object_foreach(sjl_conf->environment, name, value) {
        sjl_command_set(envp, name, json_string_value(value));
    }

    (void) snprintf(timeout, sizeof(timeout), "%lld",
                    (long long) sjl_conf->orphan_timeout);

    /* the first also says whose process it is */

    sjl_command_set(envp, "SPARKJOB_SOCKET", sjl_conf->channel_socket);
    sjl_command_set(envp, "SPARKJOB_CONTEXT", context);
    sjl_command_set(envp, "SPARKJOB_ORPHAN_TIMEOUT", timeout);

    if (sjl_conf->link_always) {
        url = sjl_listen_link_url();
        sjl_command_set(envp, "SPARKJOB_LINK", url);
        free(url);
    }
}


/* another user's home is not ours; one without a name has his context's */

static void
sjl_command_user(sjl_words_t *envp, const char *context,
    const sjl_login_t *login)
{
    char  *folder;

    if (!sjl_owner_is_other(&login->owner)) {
        return;
    }

    folder = sjl_path_context(context, "");

    sjl_command_set(envp, "HOME", login->home ? login->home : folder);
    sjl_command_set(envp, "USER", login->name ? login->name : "");

    free(folder);
}


/* replaces what the name had; NULL is no value */

static void
sjl_command_set(sjl_words_t *envp, const char *name, const char *value)
{
    size_t  i, len;

    if (value == NULL) {
        return;
    }

    len = strlen(name);

    for (i = 0; i < envp->n; i++) {
        if (strncmp(envp->list[i], name, len) == 0
            && envp->list[i][len] == '=')
        {
            free(envp->list[i]);
            envp->list[i] = sjl_format("%s=%s", name, value);
            return;
        }
    }

    sjl_command_add(envp, sjl_format("%s=%s", name, value));
}


void
sjl_command_setenv(sjl_command_t *cmd, const char *name, const char *value)
{
    sjl_words_t  envp;

    envp.list = cmd->envp;

    for (envp.n = 0; envp.list[envp.n]; envp.n++) { /* void */ }

    sjl_command_set(&envp, name, value);
    cmd->envp = envp.list;
}


void
sjl_command_free(sjl_command_t *cmd)
{
    char  **p;

    for (p = cmd->argv; p && *p; p++) {
        free(*p);
    }

    for (p = cmd->envp; p && *p; p++) {
        free(*p);
    }

    free(cmd->argv);
    free(cmd->envp);
}
