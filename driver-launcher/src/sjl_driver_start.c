
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Drivers are started: as processes of ours, or by a cluster.
 */


#include "sjl_driver.h"
#include "sjl_command.h"
#include "sjl_config.h"
#include "sjl_context.h"
#include "sjl_files.h"
#include "sjl_quota.h"
#include "sjl_remote.h"
#include "sjl_setup.h"
#include "sjl_ticket.h"
#include "sjl_tls.h"


static int sjl_driver_spawn(sjl_driver_t *d, const sjl_command_t *cmd,
    const char *secret, const sjl_login_t *login);
static char *sjl_driver_input(const char *secret);
static sjl_driver_t *sjl_driver_submit(sjl_context_t *ctx, const char *secret,
    const json_t *options);


sjl_driver_t *
sjl_driver_start(sjl_context_t *ctx, const char *secret, const json_t *options)
{
    int             rc;
    char            generation[24];
    sjl_login_t     login;
    sjl_driver_t   *d;
    sjl_command_t   cmd;

    if (ctx->row.remote) {
        return sjl_driver_submit(ctx, secret, options);
    }

    sjl_login_make(&login, &ctx->owner);

    if (sjl_command_make(&cmd, ctx->row.id, options, sjl_setup_library(ctx),
                         sjl_setup_cluster(ctx), &login)
        == SJL_ERROR)
    {
        sjl_login_free(&login);
        return NULL;
    }

    (void) snprintf(generation, sizeof(generation), "%lld",
                    (long long) ctx->row.generation);
    sjl_command_setenv(&cmd, "SPARKJOB_GENERATION", generation);

    if (sjl_ticket_wanted(sjl_setup_cluster(ctx))) {
        sjl_command_ticket(&cmd, ctx->row.id, sjl_setup_cluster(ctx));
    }

    d = sjl_driver_make(ctx->row.id, ctx);
    rc = sjl_driver_spawn(d, &cmd, secret, &login);

    sjl_login_free(&login);
    sjl_command_free(&cmd);

    if (rc == SJL_ERROR) {
        sjl_driver_free(d);
        sjl_quota_sweep();
        return NULL;
    }

    sjl_log(SJL_LOG_INFO, "context %s %s: driver %d was started",
            ctx->row.name, ctx->row.id, (int) d->process.pid);

    sjl_driver_enter(d, SJL_DRIVER_STARTING);

    return d;
}


/* where it is going to run nobody knows yet */

static sjl_driver_t *
sjl_driver_submit(sjl_context_t *ctx, const char *secret,
    const json_t *options)
{
    sjl_driver_t        *d;
    sjl_remote_start_t   start;

    d = sjl_driver_make(ctx->row.id, ctx);
    d->remote = sjl_remote_make(d, ctx->row.remote);

    if (d->remote == NULL) {
        sjl_driver_free(d);
        return NULL;
    }

    start.library = sjl_setup_library(ctx);
    start.cluster = sjl_setup_cluster(ctx);
    start.options = sjl_command_options(start.library, options);

    sjl_driver_enter(d, SJL_DRIVER_STARTING);
    sjl_remote_submit(d->remote, secret, &start);

    json_decref(start.options);

    return d;
}


sjl_driver_t *
sjl_driver_start_spare(const char *id, const char *secret,
    const sjl_library_t *library)
{
    int             rc;
    sjl_login_t     login;
    sjl_owner_t     owner;
    sjl_driver_t   *d;
    sjl_command_t   cmd;

    owner.uid = geteuid();
    owner.gid = getegid();
    sjl_login_make(&login, &owner);

    if (sjl_command_make(&cmd, id, NULL, library, NULL, &login) == SJL_ERROR) {
        sjl_login_free(&login);
        return NULL;
    }

    sjl_command_setenv(&cmd, "SPARKJOB_SPARE",
                       sjl_conf->spare_interpreter ? "interpreter" : "1");

    d = sjl_driver_make(id, NULL);
    d->spare = 1;
    sjl_hash(d->hash, secret, strlen(secret));

    rc = sjl_driver_spawn(d, &cmd, secret, &login);

    sjl_login_free(&login);
    sjl_command_free(&cmd);

    if (rc == SJL_ERROR) {
        sjl_driver_free(d);
        sjl_quota_sweep();
        return NULL;
    }

    sjl_driver_enter(d, SJL_DRIVER_WARMING);

    return d;
}


static int
sjl_driver_spawn(sjl_driver_t *d, const sjl_command_t *cmd, const char *secret,
    const sjl_login_t *login)
{
    int           rc;
    char         *folder, *log, *input;
    sjl_spawn_t   spawn;

    spawn.group = sjl_quota_group(d->id);

    if (spawn.group == SJL_QUOTA_FAILED) {
        return SJL_ERROR;
    }

    folder = sjl_path_context(d->id, "");
    log = sjl_path_context(d->id, "/driver.log");
    input = sjl_driver_input(secret);

    spawn.argv = cmd->argv;
    spawn.envp = cmd->envp;
    spawn.input = input;
    spawn.folder = folder;
    spawn.log = log;
    spawn.nice = 0;
    spawn.login = login;

    rc = sjl_process_spawn(&d->process, &spawn);

    free(folder);
    free(log);
    sjl_free_secret(input);

    if (spawn.group != -1) {
        (void) close(spawn.group);
    }

    return rc;
}


/* by TLS it talks to nobody who has not our key */

static char *
sjl_driver_input(const char *secret)
{
    if (sjl_conf->link_always && sjl_conf->link_tls) {
        return sjl_format("%s\n%s\n", secret, sjl_tls_pin());
    }

    return sjl_format("%s\n", secret);
}
