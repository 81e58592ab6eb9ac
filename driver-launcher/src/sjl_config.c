
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_config_check.h"

#include <pwd.h>
#include <sys/stat.h>


#define SJL_CONFIG_GOT  60


typedef struct sjl_config_member_s  sjl_config_member_t;

/* stores the value, or returns SJL_ERROR: it is not what was expected */
typedef int (*sjl_config_set_pt)(const sjl_config_member_t *m, void *field,
    json_t *value);

struct sjl_config_member_s {
    const char         *path;
    sjl_config_set_pt   set;
    size_t              offset;
    const char         *initial;        /* JSON text; NULL: see the checks */
    const char         *expected;
    int64_t             min;
    int64_t             max;
    const char *const  *names;
};


static json_t *sjl_config_load(sjl_config_ctx_t *ctx, const char *file);
static void sjl_config_unknown(sjl_config_ctx_t *ctx, json_t *object,
    const char *prefix);
static int sjl_config_known(const char *path, json_t *value);
static void sjl_config_member(sjl_config_ctx_t *ctx, json_t *root,
    const sjl_config_member_t *m);
static json_t *sjl_config_find(json_t *root, const char *path);
static int sjl_config_set_text(const sjl_config_member_t *m, void *field,
    json_t *value);
static int sjl_config_set_number(const sjl_config_member_t *m, void *field,
    json_t *value);
static int sjl_config_set_mode(const sjl_config_member_t *m, void *field,
    json_t *value);
static int sjl_config_set_name(const sjl_config_member_t *m, void *field,
    json_t *value);
static int sjl_config_set_list(const sjl_config_member_t *m, void *field,
    json_t *value);
static int sjl_config_set_map(const sjl_config_member_t *m, void *field,
    json_t *value);
static int sjl_config_set_object(const sjl_config_member_t *m, void *field,
    json_t *value);
static int sjl_config_set_ports(const sjl_config_member_t *m, void *field,
    json_t *value);
static int sjl_config_set_users(const sjl_config_member_t *m, void *field,
    json_t *value);
static void sjl_config_keep_text(char **now, char **next, const char *member);
static void sjl_config_keep_list(json_t **now, json_t **next,
    const char *member);


static const char *const  sjl_config_daos[] = { "sqlite", "memory", NULL };
static const char *const  sjl_config_exits[] = { "stop", "leave", NULL };
static const char *const  sjl_config_switch[] = { "off", "on", NULL };


#define SJL_TEXT(path, field, initial, expected)                              \
    { path, sjl_config_set_text, offsetof(sjl_config_t, field), initial,      \
      expected, 0, 0, NULL }

#define SJL_NUMBER(path, field, initial, unit, min, max)                      \
    { path, sjl_config_set_number, offsetof(sjl_config_t, field), initial,    \
      "a number of " unit " from " #min " to " #max, min, max, NULL }

#define SJL_OTHER(path, field, set, initial, expected, names)                 \
    { path, sjl_config_set_##set, offsetof(sjl_config_t, field), initial,     \
      expected, 0, 0, names }


static const sjl_config_member_t  sjl_config_members[] = {
    SJL_TEXT("user", user, NULL, "a user's name or number"),
    SJL_TEXT("data_dir", data_dir, NULL, "the path of a folder"),
    SJL_TEXT("channel.socket", channel_socket, NULL, "the path of a socket"),
    SJL_OTHER("channel.mode", channel_mode, mode, "\"0600\"",
              "an octal file mode like \"0660\"", NULL),
    SJL_OTHER("channel.users", channel_users, users, "[]",
              "an array of users that exist, names or numbers", NULL),
    SJL_TEXT("log.file", log_file, "\"stderr\"", "\"stderr\" or a path"),
    SJL_OTHER("log.level", log_level, name, "\"info\"",
              "one of alert, crit, err, warn, notice, info, debug",
              sjl_log_levels),
    SJL_OTHER("dao", dao, name, "\"sqlite\"", "\"sqlite\" or \"memory\"",
              sjl_config_daos),
    SJL_OTHER("at_exit", at_exit, name, "\"stop\"", "\"stop\" or \"leave\"",
              sjl_config_exits),

    SJL_TEXT("driver.java", java, "\"java\"", "the path of a JVM"),
    SJL_TEXT("driver.home", home, NULL, "the path of a folder"),
    SJL_TEXT("driver.remote_home", remote_home, NULL,
             "the path of a folder on the hosts of clusters"),
    SJL_TEXT("driver.spark_home", spark_home, NULL, "the path of a folder"),
    SJL_OTHER("driver.options", options, list, "[\"-Xmx1g\"]",
              "an array of strings", NULL),
    SJL_OTHER("driver.environment", environment, map, "{}",
              "an object with strings", NULL),
    SJL_OTHER("driver.command", command, list, "[]", "an array of strings",
              NULL),
    SJL_OTHER("driver.archive", archive, name, "\"on\"", "\"on\" or \"off\"",
              sjl_config_switch),
    SJL_NUMBER("driver.spares", spares, "0", "drivers", 0, 64),
    SJL_OTHER("driver.spare_interpreter", spare_interpreter, name, "\"off\"",
              "\"on\" or \"off\"", sjl_config_switch),
    SJL_NUMBER("driver.spare_memory", spare_memory, "1024", "MiB",
               0, 67108864),
    SJL_TEXT("driver.run_as", run_as, NULL, "a user's name or number"),
    SJL_OTHER("driver.run_as_users", run_as_users, list, "[]",
              "an array of strings, users' names or numbers", NULL),
    SJL_TEXT("driver.cgroup", cgroup, NULL, "the path of a folder"),
    SJL_TEXT("driver.link.listen", link_listen, NULL,
             "an address and a port like \"127.0.0.1:8079\""),
    SJL_TEXT("driver.link.address", link_address, NULL,
             "a name or an address with a port, like \"launcher:8079\""),
    SJL_OTHER("driver.link.tls", link_tls, name, "\"on\"",
              "\"on\" or \"off\"", sjl_config_switch),
    SJL_TEXT("driver.link.certificate", link_certificate, NULL,
             "the path of a certificate in PEM"),
    SJL_TEXT("driver.link.key", link_key, NULL, "the path of a key in PEM"),
    SJL_OTHER("driver.link.always", link_always, name, "\"off\"",
              "\"on\" or \"off\"", sjl_config_switch),
    SJL_NUMBER("driver.link.strangers", link_strangers, "64", "connections",
               1, 10000),
    SJL_TEXT("driver.kerberos.kinit", kinit, "\"kinit\"",
             "the path of MIT's program kinit"),
    SJL_NUMBER("driver.kerberos.renewal", ticket_renewal, "3600", "seconds",
               1, 604800),
    SJL_NUMBER("driver.limits.memory", quota_memory, "0", "MiB", 0, 67108864),
    SJL_NUMBER("driver.limits.processes", quota_processes, "0", "processes",
               0, 4194304),
    SJL_NUMBER("driver.limits.files", quota_files, "0", "files", 0, 1048576),
    SJL_NUMBER("driver.limits.file_size", quota_file_size, "0", "MiB",
               0, 67108864),
    SJL_NUMBER("driver.limits.cpu", quota_cpu, "0", "seconds", 0, 315360000),
    SJL_OTHER("driver.ports", ports, ports, "\"\"",
              "\"first-last\", port numbers from 1024 to 65535", NULL),
    SJL_NUMBER("driver.start_timeout", start_timeout, "60", "seconds", 1, 3600),
    SJL_NUMBER("driver.stop_timeout", stop_timeout, "15", "seconds", 1, 3600),
    SJL_NUMBER("driver.kill_timeout", kill_timeout, "5", "seconds", 1, 3600),
    SJL_NUMBER("driver.hang_timeout", hang_timeout, "60", "seconds", 1, 3600),
    SJL_NUMBER("driver.ttl_grace", ttl_grace, "3600", "seconds", 1, 604800),
    SJL_NUMBER("driver.orphan_timeout", orphan_timeout, "600", "seconds",
               1, 604800),

    SJL_OTHER("context_settings", context_settings, map, "{}",
              "an object with strings", NULL),
    SJL_NUMBER("max_contexts", max_contexts, "64", "contexts", 1, 10000),
    SJL_NUMBER("max_jobs_per_context", max_jobs, "8", "jobs", 1, 100000),
    SJL_NUMBER("max_queued_jobs", max_queued, "0", "jobs", 0, 100000),
    SJL_NUMBER("limits.channels", limit_channels, "256", "connections",
               1, 10000),
    SJL_NUMBER("limits.requests", limit_requests, "20000", "requests",
               1, 1000000),
    SJL_NUMBER("limits.uploads", limit_uploads, "256", "files", 1, 10000),
    SJL_NUMBER("limits.starting", limit_starting, "16", "contexts", 1, 10000),
    SJL_NUMBER("limits.channel_bytes", limit_channel_bytes, "67108864", "bytes",
               2097152, 1073741824),
    SJL_NUMBER("limits.link_bytes", limit_link_bytes, "67108864", "bytes",
               2097152, 1073741824),
    SJL_NUMBER("limits.result_bytes", limit_result_bytes, "1073741824", "bytes",
               65536, 1099511627776),
    SJL_NUMBER("sync_commit_delay", sync_commit_delay, "20", "milliseconds",
               0, 1000),

    SJL_OTHER("contexts", contexts, object, "{}",
              "an object with an object of settings for each name", NULL),
    SJL_OTHER("binaries", binaries, map, "{}",
              "an object with a path for each name", NULL),
    SJL_OTHER("clusters", clusters, object, "{}",
              "an object with an object for each name", NULL),
    SJL_OTHER("only_clusters", only_clusters, name, "\"off\"",
              "\"on\" or \"off\"", sjl_config_switch),
    SJL_OTHER("library_sets", library_sets, object, "{}",
              "an object with an object for each name", NULL),
    SJL_OTHER("outbound.hosts", outbound_hosts, list, "[]",
              "an array of strings", NULL),
    SJL_OTHER("outbound.files", outbound_files, list, "[]",
              "an array of strings", NULL),
    SJL_NUMBER("retention.jobs", retention_jobs, "259200", "seconds",
               0, 315360000),
    SJL_NUMBER("retention.contexts", retention_contexts, "259200", "seconds",
               0, 315360000),
    SJL_TEXT("thrift.listen", thrift_listen, "\"127.0.0.1\"",
             "an address that drivers listen on"),
    SJL_TEXT("thrift.address", thrift_address, NULL,
             "a name or an address that clients connect to"),
    SJL_OTHER("thrift.ports", thrift_ports, ports, "\"\"",
              "\"first-last\", port numbers from 1024 to 65535", NULL),
    SJL_NUMBER("livy.retain", livy_retain, "600", "seconds", 0, 31536000),
    SJL_OTHER("livy.skip_busy", livy_skip_busy, name, "\"on\"",
              "\"on\" or \"off\"", sjl_config_switch),
    SJL_NUMBER("livy.max_statements", livy_statements, "1000", "statements",
               1, 100000),
    SJL_NUMBER("livy.wait", livy_wait, "250", "milliseconds", 0, 10000),
    SJL_NUMBER("batches.max", max_batches, "64", "batches", 0, 10000),
    SJL_NUMBER("batches.log_size", batch_log, "64", "MiB", 1, 65536),
    SJL_NUMBER("callbacks.attempts", callback_attempts, "5", "attempts",
               1, 1000),
    SJL_NUMBER("callbacks.interval", callback_interval, "10", "seconds",
               1, 86400),
    SJL_NUMBER("callbacks.timeout", callback_timeout, "10", "seconds",
               1, 3600),
    SJL_NUMBER("supervise.restarts", supervise_restarts, "5", "restarts",
               1, 1000),
    SJL_NUMBER("supervise.period", supervise_period, "600", "seconds",
               1, 604800)
};


sjl_config_t  *sjl_conf;


sjl_config_t *
sjl_config_read(const char *file, json_t **errors)
{
    char              *slash;
    size_t             i;
    json_t            *root;
    sjl_config_ctx_t   ctx;

    ctx.conf = sjl_alloc(sizeof(sjl_config_t));
    ctx.conf->file = sjl_strdup(file);
    ctx.errors = json_array();
    ctx.folder = realpath(file, NULL);

    if (ctx.folder == NULL) {
        ctx.folder = sjl_strdup("/");
    }

    slash = strrchr(ctx.folder, '/');
    slash[1] = '\0';

    root = sjl_config_load(&ctx, file);

    if (root) {
        sjl_config_unknown(&ctx, root, "");

        for (i = 0; i < sjl_nelts(sjl_config_members); i++) {
            sjl_config_member(&ctx, root, &sjl_config_members[i]);
        }

        sjl_config_check(&ctx);
        json_decref(root);
    }

    free(ctx.folder);

    if (json_array_size(ctx.errors)) {
        sjl_config_free(ctx.conf);
        ctx.conf = NULL;
    }

    *errors = ctx.errors;

    return ctx.conf;
}


static json_t *
sjl_config_load(sjl_config_ctx_t *ctx, const char *file)
{
    FILE          *f;
    json_t        *root;
    json_error_t   err;

    f = fopen(file, "re");

    if (f == NULL) {
        sjl_config_error(ctx, "cannot be opened: %s", strerror(errno));
        return NULL;
    }

    root = json_loadf(f, JSON_REJECT_DUPLICATES, &err);
    (void) fclose(f);

    if (root == NULL) {
        sjl_config_error(ctx, "line %d, column %d: %s", err.line, err.column,
                         err.text);
        return NULL;
    }

    if (!json_is_object(root)) {
        sjl_config_error(ctx, "expected an object");
        json_decref(root);
        return NULL;
    }

    return root;
}


static void
sjl_config_unknown(sjl_config_ctx_t *ctx, json_t *object, const char *prefix)
{
    char        *path;
    json_t      *value;
    const char  *key;

    json_object_foreach(object, key, value) {
        path = sjl_format("%s%s", prefix, key);

        /* dots are how we name a member of a group, not how it is written */

        switch (strchr(key, '.') ? 0 : sjl_config_known(path, value)) {

        case 0:
            sjl_config_error(ctx, "%s: no such member", path);
            break;

        case 1:
            break;

        default:
            free(path);
            path = sjl_format("%s%s.", prefix, key);
            sjl_config_unknown(ctx, value, path);
        }

        free(path);
    }
}


/* 0: there is no such member, 1: there is, 2: this is a group of members */

static int
sjl_config_known(const char *path, json_t *value)
{
    size_t       i, len;
    const char  *member;

    len = strlen(path);

    for (i = 0; i < sjl_nelts(sjl_config_members); i++) {
        member = sjl_config_members[i].path;

        if (strcmp(member, path) == 0) {
            return 1;
        }

        if (strncmp(member, path, len) == 0 && member[len] == '.') {
            return json_is_object(value) ? 2 : 0;
        }
    }

    return 0;
}


static void
sjl_config_member(sjl_config_ctx_t *ctx, json_t *root,
    const sjl_config_member_t *m)
{
    char    *got;
    void    *field;
    json_t  *value;

    field = (char *) ctx->conf + m->offset;
    value = json_incref(sjl_config_find(root, m->path));

    if (value == NULL) {
        if (m->initial == NULL) {
            return;
        }

        value = json_loads(m->initial, JSON_DECODE_ANY, NULL);
    }

    if (m->set(m, field, value) == SJL_ERROR) {
        got = sjl_json_text(value);

        if (strlen(got) > SJL_CONFIG_GOT) {
            got[SJL_CONFIG_GOT] = '\0';
            sjl_text_clean(got);
        }

        sjl_config_error(ctx, "%s: expected %s, got %s", m->path, m->expected,
                         got);
        free(got);
    }

    json_decref(value);
}


static json_t *
sjl_config_find(json_t *root, const char *path)
{
    const char  *dot;

    dot = strchr(path, '.');

    if (dot == NULL) {
        return json_object_get(root, path);
    }

    return sjl_config_find(json_object_getn(root, path, (size_t) (dot - path)),
                           dot + 1);
}


static int
sjl_config_set_text(const sjl_config_member_t *m, void *field, json_t *value)
{
    (void) m;

    if (!json_is_string(value) || json_string_length(value) == 0) {
        return SJL_ERROR;
    }

    *(char **) field = sjl_strdup(json_string_value(value));

    return SJL_OK;
}


static int
sjl_config_set_number(const sjl_config_member_t *m, void *field, json_t *value)
{
    int64_t  n;

    n = json_integer_value(value);

    if (!json_is_integer(value) || n < m->min || n > m->max) {
        return SJL_ERROR;
    }

    *(int64_t *) field = n;

    return SJL_OK;
}


static int
sjl_config_set_mode(const sjl_config_member_t *m, void *field, json_t *value)
{
    char        *last;
    long         mode;
    const char  *s;

    (void) m;

    s = json_string_value(value);

    if (s == NULL || *s < '0' || *s > '7') {
        return SJL_ERROR;
    }

    mode = strtol(s, &last, 8);

    if (*last || mode > 0777) {
        return SJL_ERROR;
    }

    *(int64_t *) field = mode;

    return SJL_OK;
}


static int
sjl_config_set_name(const sjl_config_member_t *m, void *field, json_t *value)
{
    int          i;
    const char  *s;

    s = json_string_value(value);

    for (i = 0; s && m->names[i]; i++) {
        if (strcmp(s, m->names[i]) == 0) {
            *(int64_t *) field = i;
            return SJL_OK;
        }
    }

    return SJL_ERROR;
}


static int
sjl_config_set_list(const sjl_config_member_t *m, void *field, json_t *value)
{
    size_t   i;
    json_t  *item;

    (void) m;

    if (!json_is_array(value)) {
        return SJL_ERROR;
    }

    json_array_foreach(value, i, item) {
        if (!json_is_string(item)) {
            return SJL_ERROR;
        }
    }

    *(json_t **) field = json_incref(value);

    return SJL_OK;
}


static int
sjl_config_set_map(const sjl_config_member_t *m, void *field, json_t *value)
{
    json_t      *item;
    const char  *key;

    (void) m;

    if (!json_is_object(value)) {
        return SJL_ERROR;
    }

    json_object_foreach(value, key, item) {
        if (!json_is_string(item)) {
            return SJL_ERROR;
        }
    }

    *(json_t **) field = json_incref(value);

    return SJL_OK;
}


static int
sjl_config_set_object(const sjl_config_member_t *m, void *field, json_t *value)
{
    (void) m;

    if (!json_is_object(value)) {
        return SJL_ERROR;
    }

    *(json_t **) field = json_incref(value);

    return SJL_OK;
}


static int
sjl_config_set_ports(const sjl_config_member_t *m, void *field, json_t *value)
{
    int                 n;
    const char         *text;
    sjl_config_ports_t  ports;

    (void) m;

    text = json_string_value(value);

    if (text == NULL) {
        return SJL_ERROR;
    }

    memset(&ports, 0, sizeof(ports));
    n = 0;

    if (*text
        && (sscanf(text, "%5u-%5u%n", &ports.first, &ports.last, &n) != 2
            || text[n] || ports.first < 1024 || ports.last > 65535
            || ports.first >= ports.last))
    {
        return SJL_ERROR;
    }

    *(sjl_config_ports_t *) field = ports;

    return SJL_OK;
}


static int
sjl_config_set_users(const sjl_config_member_t *m, void *field, json_t *value)
{
    size_t          i;
    json_t         *item, *users;
    struct passwd  *pw;

    (void) m;

    if (!json_is_array(value)) {
        return SJL_ERROR;
    }

    users = json_array();

    json_array_foreach(value, i, item) {

        if (json_is_integer(item) && json_integer_value(item) >= 0
            && json_integer_value(item) < (json_int_t) UINT32_MAX)
        {
            (void) json_array_append(users, item);
            continue;
        }

        pw = json_is_string(item) ? getpwnam(json_string_value(item)) : NULL;

        if (pw == NULL) {
            json_decref(users);
            return SJL_ERROR;
        }

        (void) json_array_append_new(users, json_integer(pw->pw_uid));
    }

    *(json_t **) field = users;

    return SJL_OK;
}


void
sjl_config_free(sjl_config_t *conf)
{
    size_t   i;
    void    *field;

    for (i = 0; i < sjl_nelts(sjl_config_members); i++) {
        field = (char *) conf + sjl_config_members[i].offset;

        if (sjl_config_members[i].set == sjl_config_set_text) {
            free(*(char **) field);

        } else if (sjl_config_members[i].set == sjl_config_set_list
                   || sjl_config_members[i].set == sjl_config_set_map
                   || sjl_config_members[i].set == sjl_config_set_object
                   || sjl_config_members[i].set == sjl_config_set_users)
        {
            json_decref(*(json_t **) field);
        }
    }

    free(conf->file);
    free(conf);
}


void
sjl_config_reload(void)
{
    size_t         i;
    json_t        *errors, *error;
    sjl_config_t  *next;

    next = sjl_config_read(sjl_conf->file, &errors);

    json_array_foreach(errors, i, error) {
        sjl_log(SJL_LOG_ERR, "%s", json_string_value(error));
    }

    json_decref(errors);

    if (next == NULL) {
        sjl_log(SJL_LOG_ERR, "the configuration stays as it was");
        return;
    }

    sjl_config_keep_text(&sjl_conf->data_dir, &next->data_dir, "data_dir");
    sjl_config_keep_text(&sjl_conf->channel_socket, &next->channel_socket,
                         "channel.socket");
    sjl_config_keep_text(&sjl_conf->user, &next->user, "user");
    sjl_config_keep_text(&sjl_conf->cgroup, &next->cgroup, "driver.cgroup");
    sjl_config_keep_text(&sjl_conf->link_listen, &next->link_listen,
                         "driver.link.listen");
    sjl_config_keep_text(&sjl_conf->link_certificate, &next->link_certificate,
                         "driver.link.certificate");
    sjl_config_keep_text(&sjl_conf->link_key, &next->link_key,
                         "driver.link.key");
    sjl_config_keep_text(&sjl_conf->run_as, &next->run_as, "driver.run_as");
    sjl_config_keep_list(&sjl_conf->run_as_users, &next->run_as_users,
                         "driver.run_as_users");

    if (next->dao != sjl_conf->dao) {
        sjl_log(SJL_LOG_ERR, "dao cannot change while the launcher runs, it "
                "stays \"%s\"", sjl_config_daos[sjl_conf->dao]);
        next->dao = sjl_conf->dao;
    }

    if (next->link_tls != sjl_conf->link_tls) {
        sjl_log(SJL_LOG_ERR, "driver.link.tls cannot change while the launcher "
                "runs, it stays \"%s\"", sjl_config_switch[sjl_conf->link_tls]);
        next->link_tls = sjl_conf->link_tls;
    }

    /* where nobody listens yet no driver is to be sent */

    next->link_always = next->link_always && next->link_listen;

    (void) sjl_log_open(next->log_file);
    sjl_log_level = (sjl_log_level_e) next->log_level;

    if (chmod(next->channel_socket, (mode_t) next->channel_mode) == -1) {
        sjl_log(SJL_LOG_CRIT, "chmod(\"%s\") failed: %s", next->channel_socket,
                strerror(errno));
    }

    sjl_config_free(sjl_conf);
    sjl_conf = next;

    sjl_log(SJL_LOG_NOTICE, "configuration %s read again", sjl_conf->file);
}


static void
sjl_config_keep_text(char **now, char **next, const char *member)
{
    if (*now == NULL || *next == NULL ? *now != *next
        : strcmp(*now, *next) != 0)
    {
        sjl_log(SJL_LOG_ERR, "%s cannot change while the launcher runs, it "
                "stays \"%s\"", member, *now ? *now : "");
    }

    free(*next);
    *next = sjl_strdup(*now);
}


static void
sjl_config_keep_list(json_t **now, json_t **next, const char *member)
{
    if (!json_equal(*now, *next)) {
        sjl_log(SJL_LOG_ERR, "%s cannot change while the launcher runs, it "
                "stays as it is", member);
    }

    json_decref(*next);
    *next = json_incref(*now);
}
