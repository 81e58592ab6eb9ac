
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_config_check.h"
#include "sjl_cluster.h"
#include "sjl_command.h"
#include "sjl_context.h"
#include "sjl_endpoint.h"
#include "sjl_files.h"
#include "sjl_library.h"
#include "sjl_outbound.h"
#include "sjl_owner.h"
#include "sjl_python.h"
#include "sjl_setting.h"
#include "sjl_text.h"
#include "sjl_tls.h"

#include <ctype.h>
#include <libgen.h>
#include <sys/stat.h>
#include <sys/un.h>


static void sjl_config_absolute(sjl_config_ctx_t *ctx, char **path);
static int sjl_config_is_wrong(sjl_config_ctx_t *ctx, const char *member);
static void sjl_config_check_socket(sjl_config_ctx_t *ctx, const char *path);
static void sjl_config_check_parent(sjl_config_ctx_t *ctx, const char *member,
    const char *path);
static void sjl_config_check_spark(sjl_config_ctx_t *ctx);
static int sjl_config_check_holds(sjl_config_ctx_t *ctx, const char *member,
    const char *folder, const char *file);
static void sjl_config_check_java(sjl_config_ctx_t *ctx);
static void sjl_config_check_defaults(sjl_config_ctx_t *ctx);
static void sjl_config_check_contexts(sjl_config_ctx_t *ctx);
static void sjl_config_check_settings(sjl_config_ctx_t *ctx, const char *name,
    json_t *settings);
static void sjl_config_check_binaries(sjl_config_ctx_t *ctx);
static void sjl_config_check_resources(sjl_config_ctx_t *ctx,
    const char *member, const json_t *resources,
    void (*check)(const json_t *spec, json_t *wrong));
static void sjl_config_check_hosts(sjl_config_ctx_t *ctx);
static void sjl_config_check_own(sjl_config_ctx_t *ctx, const char *name);
static void sjl_config_check_group(sjl_config_ctx_t *ctx);
static void sjl_config_check_users(sjl_config_ctx_t *ctx);
static void sjl_config_check_user(sjl_config_ctx_t *ctx, const char *member,
    const char *name);
static void sjl_config_check_driver(sjl_config_ctx_t *ctx, const char *member,
    const char *name);
static void sjl_config_check_folders(sjl_config_ctx_t *ctx);
static void sjl_config_check_link(sjl_config_ctx_t *ctx);
static void sjl_config_check_address(sjl_config_ctx_t *ctx);
static void sjl_config_check_certificate(sjl_config_ctx_t *ctx);


void
sjl_config_check(sjl_config_ctx_t *ctx)
{
    sjl_config_t  *conf;

    conf = ctx->conf;

    sjl_config_absolute(ctx, &conf->data_dir);
    sjl_config_absolute(ctx, &conf->channel_socket);
    sjl_config_absolute(ctx, &conf->home);
    sjl_config_absolute(ctx, &conf->spark_home);
    sjl_config_absolute(ctx, &conf->link_certificate);
    sjl_config_absolute(ctx, &conf->link_key);

    if (conf->log_file && strcmp(conf->log_file, "stderr") != 0) {
        sjl_config_absolute(ctx, &conf->log_file);
    }

    if (conf->java && strchr(conf->java, '/')) {
        sjl_config_absolute(ctx, &conf->java);
    }

    if (conf->data_dir == NULL && !sjl_config_is_wrong(ctx, "data_dir")) {
        sjl_config_error(ctx, "data_dir: expected the path of a folder, "
                         "got nothing");
    }

    if (conf->channel_socket) {
        sjl_config_check_socket(ctx, conf->channel_socket);

    } else if (!sjl_config_is_wrong(ctx, "channel.socket")) {
        sjl_config_error(ctx, "channel.socket: expected the path of a socket, "
                         "got nothing");
    }

    sjl_config_check_parent(ctx, "data_dir", conf->data_dir);
    sjl_config_check_parent(ctx, "channel.socket", conf->channel_socket);
    sjl_config_check_parent(ctx, "log.file", conf->log_file);

    if (conf->command && json_array_size(conf->command) == 0) {
        sjl_config_check_spark(ctx);
        sjl_config_check_java(ctx);
    }

    sjl_config_check_defaults(ctx);
    sjl_config_check_contexts(ctx);
    sjl_config_check_binaries(ctx);
    sjl_config_check_resources(ctx, "clusters", conf->clusters,
                               sjl_cluster_check);
    sjl_config_check_resources(ctx, "library_sets", conf->library_sets,
                               sjl_library_check);
    sjl_config_check_hosts(ctx);
    sjl_config_check_folders(ctx);
    sjl_config_check_users(ctx);
    sjl_config_check_group(ctx);
    sjl_config_check_link(ctx);
}


static void
sjl_config_absolute(sjl_config_ctx_t *ctx, char **path)
{
    char  *s;

    s = *path;

    if (s == NULL || *s == '/') {
        return;
    }

    *path = sjl_format("%s%s", ctx->folder, s);

    free(s);
}


/* a value that cannot be is none, and has been told */

static int
sjl_config_is_wrong(sjl_config_ctx_t *ctx, const char *member)
{
    int      found;
    char    *begin;
    size_t   i;
    json_t  *error;

    begin = sjl_format("%s: %s: ", ctx->conf->file, member);
    found = 0;

    json_array_foreach(ctx->errors, i, error) {
        found |= strncmp(json_string_value(error), begin, strlen(begin)) == 0;
    }

    free(begin);

    return found;
}


static void
sjl_config_check_socket(sjl_config_ctx_t *ctx, const char *path)
{
    size_t              max;
    struct sockaddr_un  addr;

    max = sizeof(addr.sun_path) - 1;

    if (strlen(path) > max) {
        sjl_config_error(ctx, "channel.socket: expected a path of at most %zu "
                         "bytes, got \"%s\"", max, path);
    }
}


/* what is no path, such as "stderr", needs no folder */

static void
sjl_config_check_parent(sjl_config_ctx_t *ctx, const char *member,
    const char *path)
{
    char         *folder;
    struct stat   sb;

    if (path == NULL || *path != '/') {
        return;
    }

    folder = sjl_strdup(path);

    if (stat(dirname(folder), &sb) == -1 || !S_ISDIR(sb.st_mode)) {
        sjl_config_error(ctx, "%s: expected a path in a folder that exists, "
                         "got \"%s\"", member, path);
    }

    free(folder);
}


static void
sjl_config_check_spark(sjl_config_ctx_t *ctx)
{
    char  *driver, *scala;

    scala = NULL;

    if (sjl_config_check_holds(ctx, "driver.spark_home", ctx->conf->spark_home,
                               "jars")
        == SJL_OK)
    {
        scala = sjl_library_scala(ctx->conf->spark_home);

        if (scala == NULL) {
            sjl_config_error(ctx, "driver.spark_home: expected a Spark, but "
                             "there is no scala-library jar in \"%s/jars\"",
                             ctx->conf->spark_home);
        }
    }

    driver = sjl_format("sparkjob-driver_%s.jar", scala ? scala : "2.12");

    (void) sjl_config_check_holds(ctx, "driver.home", ctx->conf->home, driver);

    free(driver);
    free(scala);
}


static int
sjl_config_check_holds(sjl_config_ctx_t *ctx, const char *member,
    const char *folder, const char *file)
{
    int    rc;
    char  *path;

    if (folder == NULL) {

        if (!sjl_config_is_wrong(ctx, member)) {
            sjl_config_error(ctx, "%s: expected the path of a folder that "
                             "holds \"%s\", got nothing (it is needed unless "
                             "driver.command is given)", member, file);
        }

        return SJL_ERROR;
    }

    rc = SJL_OK;
    path = sjl_format("%s/%s", folder, file);

    if (access(path, R_OK) == -1) {
        sjl_config_error(ctx, "%s: expected the path of a folder that holds "
                         "\"%s\", got \"%s\"", member, file, folder);
        rc = SJL_ERROR;
    }

    free(path);

    return rc;
}


/* looked for as it will be when a driver is started */

static void
sjl_config_check_java(sjl_config_ctx_t *ctx)
{
    char  *path;

    if (ctx->conf->java == NULL) {
        return;
    }

    path = sjl_command_program(ctx->conf->java);

    if (path == NULL || access(path, X_OK) == -1) {
        sjl_config_error(ctx, "driver.java: expected a program that can be "
                         "run, got \"%s\"%s", ctx->conf->java,
                         path ? "" : ", which is not in PATH");
    }

    free(path);
}


static void
sjl_config_check_defaults(sjl_config_ctx_t *ctx)
{
    char  *why;

    why = sjl_setting_wrong(ctx->conf->context_settings);

    if (why) {
        sjl_config_error(ctx, "context_settings: %s", why);
        free(why);
    }
}


static void
sjl_config_check_contexts(sjl_config_ctx_t *ctx)
{
    json_t      *settings;
    const char  *name;

    /* 0: it is wrong itself, and that is told */

    if (ctx->conf->max_contexts
        && (int64_t) json_object_size(ctx->conf->contexts)
           > ctx->conf->max_contexts)
    {
        sjl_config_error(ctx, "contexts: expected at most as many as "
                         "max_contexts, which is %d, got %zu",
                         (int) ctx->conf->max_contexts,
                         json_object_size(ctx->conf->contexts));
    }

    json_object_foreach(ctx->conf->contexts, name, settings) {

        if (!isalpha((unsigned char) *name) || strlen(name) > SJP_NAME_MAX) {
            sjl_config_error(ctx, "contexts: expected names that start with a "
                             "letter, of at most %d bytes, got \"%.300s\"",
                             SJP_NAME_MAX, name);
        }

        if (!json_is_object(settings)) {
            sjl_config_error(ctx, "contexts.%s: expected an object of settings",
                             name);
            continue;
        }

        sjl_config_check_settings(ctx, name, settings);
    }
}


/* as in a query, where everything is text */

static void
sjl_config_check_settings(sjl_config_ctx_t *ctx, const char *name,
    json_t *settings)
{
    void         *next;
    char         *why;
    json_t       *value, *options;
    const char   *key;
    sjl_owner_t   owner;

    json_object_foreach_safe(settings, next, key, value) {

        if (json_is_string(value)) {
            continue;
        }

        if (json_is_object(value) || json_is_array(value)
            || json_is_null(value))
        {
            sjl_config_error(ctx, "contexts.%s.%s: expected a string, a number,"
                             " true or false", name, key);
            continue;
        }

        why = sjl_json_text(value);
        (void) json_object_set_new(settings, key, json_string(why));
        free(why);
    }

    options = sjl_context_options(settings, &why);

    if (options == NULL) {
        sjl_config_error(ctx, "contexts.%s: %s", name, why);
        free(why);
    }

    if (sjl_owner_choose(ctx->conf, settings, &owner, &why) == SJL_ERROR) {
        sjl_config_error(ctx, "contexts.%s: %s", name, why);
        free(why);
    }

    json_decref(options);
}


static void
sjl_config_check_binaries(sjl_config_ctx_t *ctx)
{
    char        *path;
    void        *next;
    json_t      *value;
    const char  *name;

    json_object_foreach_safe(ctx->conf->binaries, next, name, value) {

        if (*name == '\0' || strlen(name) > SJP_NAME_MAX) {
            sjl_config_error(ctx, "binaries: expected names of 1 to %d bytes, "
                             "got \"%.300s\"", SJP_NAME_MAX, name);
        }

        path = sjl_strdup(json_string_value(value));
        sjl_config_absolute(ctx, &path);
        (void) json_object_set_new(ctx->conf->binaries, name,
                                   json_string(path));

        if (sjl_files_type(path) == NULL) {
            sjl_config_error(ctx, "binaries.%s: expected a path that ends with "
                             ".jar, .egg, .whl or .py, got \"%s\"", name,
                             path);

        } else if (strcmp(sjl_files_type(path), "Python") == 0
                   && (!sjl_text_is_module(name) || sjl_python_is_taken(name)))
        {
            sjl_config_error(ctx, "binaries.%s: expected a name that a module "
                             "of Python can have (and none of its own has)",
                             name);

        } else if (access(path, R_OK) == -1) {
            sjl_config_error(ctx, "binaries.%s: expected a file that can be "
                             "read, got \"%s\": %s", name, path,
                             strerror(errno));
        }

        free(path);
    }
}


static void
sjl_config_check_resources(sjl_config_ctx_t *ctx, const char *member,
    const json_t *resources, void (*check)(const json_t *spec, json_t *wrong))
{
    size_t       i;
    json_t      *spec, *wrong, *sentence;
    const char  *name;

    json_object_foreach((json_t *) (uintptr_t) resources, name, spec) {

        if (!sjl_resource_name_ok(name)) {
            sjl_config_error(ctx, "%s: expected names that start with a "
                             "letter, of at most %d bytes, got \"%.300s\"",
                             member, SJP_NAME_MAX, name);
        }

        if (strcmp(name, SJL_LIBRARY_DEFAULT) == 0
            && resources == ctx->conf->library_sets)
        {
            sjl_config_error(ctx, "library_sets.%s: expected another name, "
                             "since this one is of what driver.* says", name);
        }

        if (!json_is_object(spec)) {
            sjl_config_error(ctx, "%s.%s: expected an object", member, name);
            continue;
        }

        wrong = json_array();
        check(spec, wrong);

        json_array_foreach(wrong, i, sentence) {
            sjl_config_error(ctx, "%s.%s.%s", member, name,
                             json_string_value(sentence));
        }

        json_decref(wrong);
    }
}


static void
sjl_config_check_hosts(sjl_config_ctx_t *ctx)
{
    size_t   i;
    json_t  *rule;

    json_array_foreach(ctx->conf->outbound_hosts, i, rule) {
        if (!sjl_outbound_rule_ok(json_string_value(rule))) {
            sjl_config_error(ctx, "outbound.hosts: expected \"name\", "
                             "\"name:port\", an address or a network like "
                             "\"10.0.0.0/8\", got \"%s\"",
                             json_string_value(rule));
        }
    }
}


static void
sjl_config_check_folders(sjl_config_ctx_t *ctx)
{
    size_t        i;
    json_t       *folder;
    const char   *path;
    struct stat   sb;

    json_array_foreach(ctx->conf->outbound_files, i, folder) {
        path = json_string_value(folder);

        if (*path != '/' || stat(path, &sb) == -1 || !S_ISDIR(sb.st_mode)) {
            sjl_config_error(ctx, "outbound.files: expected absolute paths of "
                             "folders that exist, got \"%s\"", path);
        }
    }
}


static void
sjl_config_check_users(sjl_config_ctx_t *ctx)
{
    size_t         i;
    json_t        *name;
    sjl_config_t  *conf;

    conf = ctx->conf;

    sjl_config_check_user(ctx, "user", conf->user);
    sjl_config_check_driver(ctx, "driver.run_as", conf->run_as);

    json_array_foreach(conf->run_as_users, i, name) {
        sjl_config_check_driver(ctx, "driver.run_as_users",
                                json_string_value(name));
        sjl_config_check_own(ctx, json_string_value(name));
    }

    if (json_object_get(conf->context_settings, SJL_OWNER_SETTING)) {
        sjl_config_error(ctx, "context_settings: expected no " SJL_OWNER_SETTING
                         ", which is driver.run_as for all contexts");
    }

    /* they connect to it as their users; who they are is looked at then */

    if ((conf->run_as || json_array_size(conf->run_as_users))
        && (conf->channel_mode & 0020) == 0)
    {
        sjl_config_error(ctx, "channel.mode: expected one like \"0660\", since "
                         "drivers that run as other users connect by the "
                         "launcher's group");
    }
}


static void
sjl_config_check_user(sjl_config_ctx_t *ctx, const char *member,
    const char *name)
{
    sjl_owner_t  owner;

    if (name == NULL) {
        return;
    }

    if (sjl_owner_parse(name, &owner) == SJL_ERROR) {
        sjl_config_error(ctx, "%s: expected a user that exists, or a number, "
                         "got \"%s\"", member, name);

    } else if (owner.uid == 0) {
        sjl_config_error(ctx, "%s: expected a user that is not root, got "
                         "\"%s\"", member, name);
    }
}


/* whoever may be a module may do all that any client may */

static void
sjl_config_check_driver(sjl_config_ctx_t *ctx, const char *member,
    const char *name)
{
    size_t        i;
    json_t       *user;
    sjl_owner_t   owner;

    sjl_config_check_user(ctx, member, name);

    if (name == NULL || sjl_owner_parse(name, &owner) == SJL_ERROR) {
        return;
    }

    json_array_foreach(ctx->conf->channel_users, i, user) {
        if (json_integer_value(user) == owner.uid) {
            sjl_config_error(ctx, "%s: expected a user that is none of "
                             "channel.users, got \"%s\"", member, name);
        }
    }
}


/* clients would choose to read and write all that the launcher keeps */

static void
sjl_config_check_own(sjl_config_ctx_t *ctx, const char *name)
{
    sjl_owner_t  own, owner;

    own.uid = geteuid();

    if (ctx->conf->user) {
        (void) sjl_owner_parse(ctx->conf->user, &own);
    }

    if (sjl_owner_parse(name, &owner) == SJL_OK && owner.uid
        && owner.uid == own.uid)
    {
        sjl_config_error(ctx, "driver.run_as_users: expected users other than "
                         "the launcher's own, got \"%s\"", name);
    }
}


static void
sjl_config_check_group(sjl_config_ctx_t *ctx)
{
    char        *file;
    const char  *path;

    path = ctx->conf->cgroup;

    if (path == NULL) {
        return;
    }

    file = sjl_format("%s/cgroup.procs", path);

    if (*path != '/' || access(file, F_OK) == -1) {
        sjl_config_error(ctx, "driver.cgroup: expected the absolute path of a "
                         "folder of cgroup v2, got \"%s\"", path);
    }

    free(file);
}


static void
sjl_config_check_link(sjl_config_ctx_t *ctx)
{
    size_t         i;
    sjl_config_t  *conf;

    static const struct {
        const char  *member;
        size_t       offset;
    } texts[] = {
        { "driver.link.address", offsetof(sjl_config_t, link_address) },
        { "driver.link.certificate", offsetof(sjl_config_t, link_certificate) },
        { "driver.link.key", offsetof(sjl_config_t, link_key) }
    };

    conf = ctx->conf;

    if (conf->link_listen) {
        sjl_config_check_address(ctx);
        sjl_config_check_certificate(ctx);
        return;
    }

    for (i = 0; i < sjl_nelts(texts); i++) {
        if (*(char **) (void *) ((char *) conf + texts[i].offset)) {
            sjl_config_error(ctx, "%s: expected driver.link.listen beside it, "
                             "got nothing", texts[i].member);
        }
    }

    if (conf->link_always) {
        sjl_config_error(ctx, "driver.link.always: expected driver.link.listen "
                         "beside it, got nothing");
    }
}


static void
sjl_config_check_address(sjl_config_ctx_t *ctx)
{
    sjl_config_t    *conf;
    sjl_endpoint_t   e;

    conf = ctx->conf;

    if (conf->link_address && !sjl_endpoint_ok(conf->link_address)) {
        sjl_config_error(ctx, "driver.link.address: expected a name or an "
                         "address with a port, like \"launcher:8079\" or "
                         "\"[::1]:8079\", got \"%s\"", conf->link_address);
    }

    if (sjl_endpoint_parse(conf->link_listen, &e) == SJL_ERROR) {
        sjl_config_error(ctx, "driver.link.listen: expected an address in "
                         "numbers with a port, like \"127.0.0.1:8079\" or "
                         "\"[::1]:8079\", got \"%s\"", conf->link_listen);
        return;
    }

    if (!conf->link_tls && !sjl_endpoint_loopback(&e)) {
        sjl_config_error(ctx, "driver.link.tls: expected \"on\", since other "
                         "hosts may reach driver.link.listen, \"%s\"",
                         conf->link_listen);
    }

    if (conf->link_address == NULL && sjl_endpoint_wildcard(&e)) {
        sjl_config_error(ctx, "driver.link.address: expected what drivers "
                         "connect to, since driver.link.listen, \"%s\", stands "
                         "for all addresses", conf->link_listen);
    }

    /* secrets would go there as they are */

    if (!conf->link_tls && conf->link_address
        && (sjl_endpoint_parse(conf->link_address, &e) == SJL_ERROR
            || !sjl_endpoint_loopback(&e)))
    {
        sjl_config_error(ctx, "driver.link.tls: expected \"on\", since "
                         "driver.link.address, \"%s\", is no loopback address "
                         "in numbers", conf->link_address);
    }
}


static void
sjl_config_check_certificate(sjl_config_ctx_t *ctx)
{
    char          *why;
    sjl_owner_t    own;
    sjl_config_t  *conf;

    conf = ctx->conf;

    if (conf->link_certificate == NULL && conf->link_key == NULL) {
        return;
    }

    if (conf->link_certificate == NULL || conf->link_key == NULL) {
        sjl_config_error(ctx, "driver.link: expected both certificate and key, "
                         "or neither, got the %s only",
                         conf->link_key ? "key" : "certificate");
        return;
    }

    own.uid = geteuid();

    if (conf->user) {
        (void) sjl_owner_parse(conf->user, &own);
    }

    why = sjl_tls_wrong(conf->link_certificate, conf->link_key, own.uid);

    if (why) {
        sjl_config_error(ctx, "driver.link: expected a certificate and its key "
                         "in PEM, got %s", why);
        free(why);
    }
}


void
sjl_config_error(sjl_config_ctx_t *ctx, const char *fmt, ...)
{
    char     *text, *line;
    va_list   args;

    va_start(args, fmt);

    if (vasprintf(&text, fmt, args) == -1) {
        text = NULL;
    }

    va_end(args);

    line = sjl_format("%s: %s", ctx->conf->file, text ? text : fmt);
    sjl_text_clean(line);

    (void) json_array_append_new(ctx->errors, json_string(line));

    free(line);
    free(text);
}
