
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_dump.h"
#include "sjl_binary.h"
#include "sjl_callback.h"
#include "sjl_channel.h"
#include "sjl_config.h"
#include "sjl_context.h"
#include "sjl_db.h"
#include "sjl_files.h"
#include "sjl_job.h"
#include "sjl_request.h"
#include "sjl_server.h"
#include "sjl_state.h"

#include <sys/resource.h>
#include <utlist.h>


static json_t *sjl_dump_launcher(void);
static json_t *sjl_dump_memory(void);
static json_t *sjl_dump_queues(void);
static json_t *sjl_dump_contexts(void);
static size_t sjl_dump_statements(const sjl_context_t *ctx);
static json_t *sjl_dump_jobs(void);
static json_t *sjl_dump_drivers(void);
static json_t *sjl_dump_connections(void);


static const struct {
    const char   *name;
    json_t     *(*make)(void);
} sjl_dump_parts[] = {
    { "launcher", sjl_dump_launcher },
    { "memory", sjl_dump_memory },
    { "queues", sjl_dump_queues },
    { "contexts", sjl_dump_contexts },
    { "jobs", sjl_dump_jobs },
    { "drivers", sjl_dump_drivers },
    { "connections", sjl_dump_connections }
};


void
sjl_dump(sjl_conn_t *c, sjl_frame_t *f)
{
    char    *text;
    size_t   i;
    json_t  *state;

    state = json_object();

    for (i = 0; i < sjl_nelts(sjl_dump_parts); i++) {
        (void) json_object_set_new(state, sjl_dump_parts[i].name,
                                   sjl_dump_parts[i].make());
    }

    text = json_dumps(state, JSON_INDENT(2));
    json_decref(state);

    sjl_request_reply(sjl_request_make(c, f), NULL, text,
                      text ? strlen(text) : 0);
    free(text);
}


static json_t *
sjl_dump_launcher(void)
{
    json_t  *launcher, *position;

    launcher = json_pack("{s:s, s:i, s:s, s:s, s:I, s:b, s:i}",
                         "version", SJL_VERSION, "pid", (int) getpid(),
                         "configuration", sjl_conf->file,
                         "dataDir", sjl_conf->data_dir,
                         "uptime", (json_int_t) (sjl_server_age() / 1000),
                         "ending", sjl_server_ending(),
                         "binaries", (int) HASH_COUNT(sjl_binaries));

    position = sjl_channel_position();
    (void) json_object_update(launcher, position);
    json_decref(position);

    return launcher;
}


static json_t *
sjl_dump_memory(void)
{
    long            resident;
    FILE           *f;
    struct rusage   usage;

    resident = 0;
    f = fopen("/proc/self/statm", "re");

    if (f) {
        if (fscanf(f, "%*d %ld", &resident) != 1) {
            resident = 0;
        }

        (void) fclose(f);
    }

    (void) getrusage(RUSAGE_SELF, &usage);

    return json_pack("{s:I, s:I}", "residentKiB",
                     (json_int_t) (resident * (sysconf(_SC_PAGESIZE) / 1024)),
                     "peakKiB", (json_int_t) usage.ru_maxrss);
}


static json_t *
sjl_dump_queues(void)
{
    return json_pack("{s:{s:I, s:I, s:I, s:I}, s:{s:I, s:I}, s:{s:I, s:I}}",
                     "database",
                     "length", (json_int_t) sjl_db_length(),
                     "failed", (json_int_t) sjl_db_retries(),
                     "total", (json_int_t) sjl_db_total(),
                     "commits", (json_int_t) sjl_db_commits(),
                     "files",
                     "length", (json_int_t) sjl_files_length(),
                     "total", (json_int_t) sjl_files_total(),
                     "callbacks",
                     "waiting", (json_int_t) sjl_callback_waiting(),
                     "sending", (json_int_t) sjl_callback_sending());
}


static json_t *
sjl_dump_contexts(void)
{
    json_t         *list;
    sjl_context_t  *ctx, *next;

    list = json_array();

    HASH_ITER(hh, sjl_contexts, ctx, next) {
        (void) json_array_append_new(list,
            json_pack("{s:s, s:s, s:s, s:b, s:I, s:i, s:I, s:I, s:I, s:I,"
                      " s:I, s:I, s:I}",
                      "name", ctx->row.name, "id", ctx->row.id,
                      "state", sjl_context_states[ctx->row.state],
                      "adhoc", (int) ctx->row.adhoc,
                      "age", (json_int_t) ((sjl_now() - ctx->row.start) / 1000),
                      "driver", ctx->driver ? (int) ctx->driver->process.pid
                                            : 0,
                      "slotsTaken",
                      (json_int_t) ctx->lanes[SJL_LANE_JOBS].nslots,
                      "maxJobs", (json_int_t) ctx->row.max_jobs,
                      "waiting",
                      (json_int_t) ctx->lanes[SJL_LANE_JOBS].nwaiting,
                      "maxQueued", (json_int_t) ctx->row.max_queued,
                      "session", (json_int_t) ctx->row.session,
                      "statements",
                      (json_int_t) sjl_dump_statements(ctx),
                      "changesOnTheWay", (json_int_t) ctx->nops));
    }

    return list;
}


/* that run or wait */

static size_t
sjl_dump_statements(const sjl_context_t *ctx)
{
    return ctx->lanes[SJL_LANE_STATEMENTS].nslots
           + ctx->lanes[SJL_LANE_STATEMENTS].nwaiting;
}


static json_t *
sjl_dump_jobs(void)
{
    json_t     *list;
    sjl_job_t  *job, *next;

    list = json_array();

    HASH_ITER(hh, sjl_jobs, job, next) {
        (void) json_array_append_new(list,
            json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:b, s:b, s:I}",
                      "id", job->row.id, "class", job->row.class,
                      "context", job->row.context,
                      "state", sjl_job_states[job->row.state],
                      "age", (json_int_t) ((sjl_now() - job->row.start) / 1000),
                      "sent", (int) job->sent, "ended", (int) job->ended,
                      "killing", (int) job->killing,
                      "changesOnTheWay", (json_int_t) job->nops));
    }

    return list;
}


static json_t *
sjl_dump_drivers(void)
{
    json_t        *list;
    sjl_driver_t  *d;

    list = json_array();

    DL_FOREACH(sjl_drivers, d) {
        (void) json_array_append_new(list,
            json_pack("{s:i, s:s, s:s, s:b, s:I, s:s*}",
                      "pid", (int) d->process.pid, "id", d->id,
                      "phase", sjl_driver_phases[d->phase],
                      "connected", d->conn != NULL,
                      "age", (json_int_t) ((sjl_now() - d->since) / 1000),
                      "context", d->context ? d->context->row.id : NULL));
    }

    return list;
}


static json_t *
sjl_dump_connections(void)
{
    json_t      *list;
    sjl_conn_t  *c;

    list = json_array();

    DL_FOREACH(sjl_conns, c) {
        (void) json_array_append_new(list,
            json_pack("{s:i, s:s, s:i, s:I, s:I, s:I}",
                      "number", (int) c->number,
                      "peer", c->role == SJL_ROLE_MODULE ? "module"
                              : c->role == SJL_ROLE_DRIVER ? "driver"
                              : "unknown",
                      "pid", (int) c->pid,
                      "received", (json_int_t) c->received,
                      "sent", (json_int_t) c->sent,
                      "queuedBytes", (json_int_t) c->queued));
    }

    return list;
}
