
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_command.h"
#include "sjl_archive.h"
#include "sjl_config.h"
#include "sjl_files.h"
#include "sjl_krb5.h"
#include "sjl_listen_link.h"
#include "sjl_ticket.h"

#include <sys/stat.h>


#define SJL_COMMAND_PROBE_MEMORY  "-Xmx640m"
#define SJL_COMMAND_LOG           "-Dlog4j2.configurationFile=" \
                                  "sparkjob-log4j2.properties"


typedef struct {
    char    **list;
    size_t    n;
} sjl_words_t;


static void sjl_command_add(sjl_words_t *words, char *word);
static void sjl_command_add_all(sjl_words_t *words, const json_t *array);
static int sjl_command_driver(sjl_words_t *argv, const char *context,
    const json_t *options, const sjl_library_t *library, const char *hadoop);
static int sjl_command_spark(sjl_command_t *cmd, const char *context,
    const char *path, const json_t *options, const json_t *words,
    const sjl_library_t *library, const sjl_cluster_t *cluster,
    const sjl_login_t *login);
static int sjl_command_java(sjl_words_t *argv, char *archive,
    const char *tmp, const json_t *options, const sjl_library_t *library,
    const char *hadoop, const char *class);
static int sjl_command_java_with(sjl_words_t *argv, char *archive,
    const char *tmp, const json_t *options, const sjl_library_t *library,
    const char *path, const char *hadoop, const char *class);
static int sjl_command_finish(sjl_command_t *cmd, const sjl_words_t *argv,
    const sjl_words_t *envp, int rc);
static const char *sjl_command_hadoop(const sjl_library_t *library,
    const sjl_cluster_t *cluster);
static void sjl_command_environment(sjl_words_t *envp, const char *context,
    const sjl_library_t *library, const char *hadoop, const sjl_login_t *login);
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


/* options, also in the environment, of who looks at classes */

static const char *const  sjl_command_watchers[] = {
    "-javaagent:", "-agentlib:", "-agentpath:", "-XX:StartFlightRecording"
};


/* what a driver gets of our own environment */

static const char *const  sjl_command_inherited[] = {
    "PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "JAVA_HOME",
    "SPARK_LOCAL_IP", "HADOOP_CONF_DIR", "YARN_CONF_DIR", "KRB5_CONFIG"
};


int
sjl_command_make(sjl_command_t *cmd, const char *context,
    const json_t *options, const sjl_library_t *library,
    const sjl_cluster_t *cluster, const sjl_login_t *login)
{
    int           rc;
    const char   *hadoop;
    sjl_words_t   argv, envp;

    memset(&argv, 0, sizeof(argv));
    memset(&envp, 0, sizeof(envp));

    rc = SJL_OK;
    hadoop = sjl_command_hadoop(library, cluster);

    if (json_array_size(sjl_conf->command)) {
        sjl_command_add_all(&argv, sjl_conf->command);

    } else {
        rc = sjl_command_driver(&argv, context, options, library, hadoop);
    }

    sjl_command_environment(&envp, context, library, hadoop, login);

    return sjl_command_finish(cmd, &argv, &envp, rc);
}


int
sjl_command_submit(sjl_command_t *cmd, const char *context,
    const json_t *words, const sjl_library_t *library,
    const sjl_cluster_t *cluster, const sjl_login_t *login)
{
    int      rc;
    char    *path;
    json_t  *options;

    /* its log is the beginning of the driver's, and has YARN's id for us */

    options = json_pack("[s]", SJL_COMMAND_LOG);

    path = sjl_library_class_path(library);
    rc = sjl_command_spark(cmd, context, path, options, words, library,
                           cluster, login);
    json_decref(options);
    free(path);

    return rc;
}


int
sjl_command_batch(sjl_command_t *cmd, const char *batch, const json_t *options,
    const json_t *words, const sjl_library_t *library,
    const sjl_cluster_t *cluster, const sjl_login_t *login)
{
    int    rc;
    char  *path;

    path = sjl_library_spark_path(library);
    rc = sjl_command_spark(cmd, batch, path, options, words, library, cluster,
                           login);
    free(path);

    return rc;
}


static int
sjl_command_spark(sjl_command_t *cmd, const char *context, const char *path,
    const json_t *options, const json_t *words, const sjl_library_t *library,
    const sjl_cluster_t *cluster, const sjl_login_t *login)
{
    int           rc;
    char         *tmp;
    const char   *hadoop;
    sjl_words_t   argv, envp;

    memset(&argv, 0, sizeof(argv));
    memset(&envp, 0, sizeof(envp));

    rc = SJL_OK;
    hadoop = sjl_command_hadoop(library, cluster);

    if (json_array_size(sjl_conf->command)) {
        sjl_command_add_all(&argv, sjl_conf->command);

    } else {
        tmp = sjl_path_context(context, "/tmp");
        rc = sjl_command_java_with(&argv, NULL, tmp, options, library, path,
                                   hadoop,
                                   "org.apache.spark.deploy.SparkSubmit");
        free(tmp);
    }

    sjl_command_add_all(&argv, words);
    sjl_command_environment(&envp, context, library, hadoop, login);

    return sjl_command_finish(cmd, &argv, &envp, rc);
}


/* the program may have been replaced since, this is what runs */

void
sjl_command_wrap(sjl_command_t *cmd, const char *mode, const char *word)
{
    char         **p;
    sjl_words_t    argv;

    memset(&argv, 0, sizeof(argv));

    sjl_command_add(&argv, sjl_strdup("/proc/self/exe"));
    sjl_command_add(&argv, sjl_strdup(mode));
    sjl_command_add(&argv, sjl_strdup(word));

    for (p = cmd->argv; *p; p++) {
        sjl_command_add(&argv, *p);
    }

    free(cmd->argv);
    cmd->argv = argv.list;
}


int
sjl_command_archive(sjl_command_t *cmd, const char *id, const char *folder,
    const char *archive, const sjl_library_t *library, const sjl_login_t *login)
{
    int          rc;
    sjl_words_t  argv, envp;

    memset(&argv, 0, sizeof(argv));
    memset(&envp, 0, sizeof(envp));

    rc = sjl_command_java(&argv,
                          sjl_format("-XX:ArchiveClassesAtExit=%s", archive),
                          folder, NULL, library, NULL,
                          "sparkjob.driver.Archive");
    sjl_command_environment(&envp, id, library, NULL, login);

    return sjl_command_finish(cmd, &argv, &envp, rc);
}


int
sjl_command_probe(sjl_command_t *cmd, const char *id, const char *folder,
    const char *report, const char *class, const sjl_library_t *library,
    const sjl_cluster_t *cluster, const sjl_login_t *login)
{
    int           rc;
    json_t       *options;
    const char   *hadoop;
    sjl_words_t   argv, envp;

    memset(&argv, 0, sizeof(argv));
    memset(&envp, 0, sizeof(envp));

    hadoop = sjl_command_hadoop(library, cluster);
    options = json_pack("[s, s]", SJL_COMMAND_PROBE_MEMORY,
                        "-XX:TieredStopAtLevel=1");

    rc = sjl_command_java(&argv, NULL, folder, options, library, hadoop,
                          class);
    json_decref(options);

    sjl_command_add(&argv, sjl_strdup(report));
    sjl_command_environment(&envp, id, library, hadoop, login);

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
    const json_t *options, const sjl_library_t *library, const char *hadoop)
{
    int          rc;
    char        *tmp, *archive;
    const char  *path;

    path = sjl_command_watched(library, options)
           ? NULL : sjl_archive_path(library->resource.row.name);
    archive = path ? sjl_format("-XX:SharedArchiveFile=%s", path) : NULL;

    /* what a killed driver leaves there goes away with the context */

    tmp = sjl_path_context(context, "/tmp");

    rc = sjl_command_java(argv, archive, tmp, options, library, hadoop,
                          "sparkjob.driver.Main");

    free(tmp);

    return rc;
}


const char *
sjl_command_watched(const sjl_library_t *library, const json_t *options)
{
    char          *text;
    size_t         i, j;
    const char    *found;
    const json_t  *said[] = { library->options, library->environment, options };

    found = NULL;

    for (i = 0; i < sjl_nelts(said); i++) {
        text = said[i] ? sjl_json_text(said[i]) : sjl_strdup("");

        for (j = 0; j < sjl_nelts(sjl_command_watchers); j++) {
            if (strstr(text, sjl_command_watchers[j])) {
                found = sjl_command_watchers[j];
            }
        }

        free(text);
    }

    return found;
}


/* "archive", an option or NULL, is the list's from now on */

static int
sjl_command_java(sjl_words_t *argv, char *archive, const char *tmp,
    const json_t *options, const sjl_library_t *library, const char *hadoop,
    const char *class)
{
    int    rc;
    char  *path;

    path = sjl_library_class_path(library);
    rc = sjl_command_java_with(argv, archive, tmp, options, library, path,
                               hadoop, class);
    free(path);

    return rc;
}


/* a path of NULL: there is none */

static int
sjl_command_java_with(sjl_words_t *argv, char *archive, const char *tmp,
    const json_t *options, const sjl_library_t *library, const char *path,
    const char *hadoop, const char *class)
{
    char    *conf;
    size_t   i;

    sjl_command_add(argv, sjl_strdup(library->java));

    for (i = 0; i < sjl_nelts(sjl_command_jvm); i++) {
        sjl_command_add(argv, sjl_strdup(sjl_command_jvm[i]));
    }

    /* a JVM that cannot use it goes without, and has nothing to say of it */

    if (archive) {
        sjl_command_add(argv, archive);
        sjl_command_add(argv, sjl_strdup("-Xlog:cds*=off"));
    }

    sjl_command_add(argv, sjl_format("-Djava.io.tmpdir=%s", tmp));

    /* Java reads the variable of Kerberos' own programs not */

    conf = sjl_krb5_java(library->environment);

    if (conf) {
        sjl_command_add(argv, sjl_format("-Djava.security.krb5.conf=%s", conf));
        free(conf);
    }

    /* of two that say different things the JVM takes the last */

    sjl_command_add_all(argv, library->options);
    sjl_command_add_all(argv, options);

    if (path == NULL) {
        return SJL_ERROR;
    }

    /* a folder behind all jars lets archives be used that know the jars only */

    sjl_command_add(argv, sjl_strdup("-cp"));
    sjl_command_add(argv, hadoop ? sjl_format("%s:%s", path, hadoop)
                                 : sjl_strdup(path));
    sjl_command_add(argv, sjl_strdup(class));

    return SJL_OK;
}


/* Hadoop finds its configuration on the class path, YARN by the environment */

static const char *
sjl_command_hadoop(const sjl_library_t *library, const sjl_cluster_t *cluster)
{
    return cluster && cluster->hadoop_conf ? cluster->hadoop_conf
                                           : library->hadoop_conf;
}


char *
sjl_command_archived(const sjl_library_t *library)
{
    char    *java, *program, *cp, *list, *options, *p;
    size_t   i;

    program = sjl_command_program(library->java);
    java = program ? realpath(program, NULL) : NULL;
    cp = sjl_library_class_path(library);
    options = sjl_json_text(library->options);

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


json_t *
sjl_command_options(const sjl_library_t *library, const json_t *options)
{
    size_t   i;
    json_t  *all;

    all = json_array();

    for (i = 0; i < sjl_nelts(sjl_command_jvm); i++) {
        (void) json_array_append_new(all, json_string(sjl_command_jvm[i]));
    }

    (void) json_array_extend(all, library->options);
    (void) json_array_extend(all, (json_t *) (uintptr_t) options);

    return all;
}


char *
sjl_command_depends(const sjl_library_t *library)
{
    char  *list, *how, *environment;

    how = json_array_size(sjl_conf->command)
          ? sjl_json_text(sjl_conf->command)
          : sjl_command_archived(library);

    environment = sjl_json_text(library->environment);

    list = sjl_format("%s\n%s\nenvironment %s\norphans %lld\nlink %d", how,
                      library->hadoop_conf ? library->hadoop_conf : "",
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
    const sjl_library_t *library, const char *hadoop, const sjl_login_t *login)
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
    sjl_command_set(envp, "SPARK_HOME", library->spark_home);
    sjl_command_set(envp, "HADOOP_CONF_DIR", hadoop);
    sjl_command_set(envp, "YARN_CONF_DIR", hadoop);

    json_object_foreach(library->environment, name, value) {
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


/* by the names that Spark itself knows */

void
sjl_command_ticket(sjl_command_t *cmd, const char *id,
    const sjl_cluster_t *cluster)
{
    char  *path;

    path = sjl_path_context(id, SJL_TICKET_FILE);
    sjl_command_setenv(cmd, "KRB5CCNAME", path);
    sjl_command_setenv(cmd, "KRB5PRINCIPAL", cluster->principal);
    free(path);
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
