
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_driver.h"
#include "sjl_config.h"
#include "sjl_context.h"
#include "sjl_folder.h"
#include "sjl_kill.h"
#include "sjl_orphan.h"
#include "sjl_quota.h"
#include "sjl_remote.h"
#include "sjl_server.h"
#include "sjl_spare.h"
#include "sjl_supervise.h"

#include <signal.h>
#include <utlist.h>


#define SJL_DRIVER_BACK   30            /* seconds for a link to come back */
#define SJL_DRIVER_COME   10            /* for a spare to come */
#define SJL_DRIVER_WARM   240           /* more, since nobody waits for it */
#define SJL_DRIVER_FIND   3             /* for a process to be found */
#define SJL_DRIVER_PINGS  4             /* within driver.hang_timeout */
#define SJL_DRIVER_GRACE  5             /* between TERM and KILL */
#define SJL_DRIVER_ALARM  10            /* between KILL and a word about it */
#define SJL_DRIVER_FAR    60            /* the same, of one of a cluster */


static void sjl_driver_find(sjl_driver_t *d);
static int64_t sjl_driver_seconds(const sjl_driver_t *d,
    sjl_driver_phase_e phase);
static void sjl_driver_ask(sjl_driver_t *d);
static void sjl_driver_term(sjl_driver_t *d);
static void sjl_driver_kill(sjl_driver_t *d);
static void sjl_driver_timeout(struct ev_loop *loop, ev_timer *timer,
    int events);
static void sjl_driver_come_expired(sjl_driver_t *d);
static void sjl_driver_start_expired(sjl_driver_t *d);
static void sjl_driver_away_expired(sjl_driver_t *d);
static void sjl_driver_again(sjl_driver_t *d);
static void sjl_driver_stop_expired(sjl_driver_t *d);
static void sjl_driver_term_expired(sjl_driver_t *d);
static void sjl_driver_kill_expired(sjl_driver_t *d);
static void sjl_driver_watch(sjl_driver_t *d);
static void sjl_driver_ping(struct ev_loop *loop, ev_timer *timer, int events);
static void sjl_driver_exited(sjl_process_t *p, int status);
static void sjl_driver_ended(sjl_driver_t *d, int status);


/*
 * What is done when a phase begins, how long it may last (a member of the
 * configuration, and so many seconds), and what is done then.
 */

static const struct {
    void     (*enter)(sjl_driver_t *d);
    size_t     configured;
    int64_t    seconds;
    void     (*expired)(sjl_driver_t *d);
} sjl_driver_table[] = {
    [SJL_DRIVER_WARMING] = { NULL, offsetof(sjl_config_t, start_timeout),
                             SJL_DRIVER_WARM, sjl_driver_discard },
    [SJL_DRIVER_SPARE] = { NULL, 0, 0, NULL },
    [SJL_DRIVER_ASSIGNED] = { NULL, 0, SJL_DRIVER_COME,
                              sjl_driver_come_expired },
    [SJL_DRIVER_STARTING] = { NULL, offsetof(sjl_config_t, start_timeout), 0,
                              sjl_driver_start_expired },
    [SJL_DRIVER_READY] = { NULL, 0, 0, NULL },
    [SJL_DRIVER_AWAY] = { NULL, 0, SJL_DRIVER_BACK, sjl_driver_away_expired },
    [SJL_DRIVER_STOPPING] = { sjl_driver_ask,
                              offsetof(sjl_config_t, stop_timeout), 0,
                              sjl_driver_stop_expired },
    [SJL_DRIVER_TERMINATED] = { sjl_driver_term, 0, SJL_DRIVER_GRACE,
                                sjl_driver_term_expired },
    [SJL_DRIVER_KILLED] = { sjl_driver_kill, 0, SJL_DRIVER_ALARM,
                            sjl_driver_kill_expired }
};


const char *const  sjl_driver_phases[] = {
    "warming", "spare", "assigned", "starting", "ready", "away", "stopping",
    "terminated", "killed"
};

sjl_driver_t      *sjl_drivers;


sjl_driver_t *
sjl_driver_make(const char *id, sjl_context_t *ctx)
{
    sjl_driver_t  *d;

    d = sjl_alloc(sizeof(sjl_driver_t));
    d->context = ctx;
    d->ports = ctx ? ctx->row.ports : 0;
    d->since = sjl_now();
    d->process.exited = sjl_driver_exited;
    (void) strcpy(d->id, id);

    ev_init(&d->timer, sjl_driver_timeout);
    d->timer.data = d;

    ev_init(&d->ping, sjl_driver_ping);
    d->ping.data = d;

    DL_APPEND(sjl_drivers, d);

    return d;
}


/* the frame may be all that it ever gets: it says hello as any driver does */

void
sjl_driver_assign(sjl_driver_t *d, sjl_context_t *ctx, const char *secret)
{
    char  *folder;

    sjl_log(SJL_LOG_INFO, "context %s %s: spare driver %d is given to it",
            ctx->row.name, ctx->row.id, (int) d->process.pid);

    d->context = ctx;
    d->ports = ctx->row.ports;
    d->settled = 1;

    SPARKJOB_FAULT("create.assign");

    folder = sjl_path_context(ctx->row.id, "");

    sjl_driver_enter(d, SJL_DRIVER_ASSIGNED);
    sjl_driver_send(d, SJP_LINK_ASSIGN,
                    json_pack("{s:s, s:s, s:s, s:I}", "context", ctx->row.id,
                              "secret", secret, "work", folder, "generation",
                              (json_int_t) ctx->row.generation),
                    NULL, 0);
    free(folder);
}


void
sjl_driver_discard(sjl_driver_t *d)
{
    if (d->phase < SJL_DRIVER_KILLED) {
        sjl_driver_enter(d, SJL_DRIVER_KILLED);
    }
}


int
sjl_driver_known(const char *id)
{
    sjl_driver_t  *d;

    DL_FOREACH(sjl_drivers, d) {
        if (strcmp(d->id, id) == 0) {
            return 1;
        }
    }

    return 0;
}


char *
sjl_driver_text(const sjl_driver_t *d)
{
    char  *process, *text;

    if (d->remote) {
        return NULL;
    }

    process = sjl_process_text(&d->process);

    if (!d->spare) {
        return process;
    }

    text = sjl_format("%s %s", process, d->id);
    free(process);

    return text;
}


void
sjl_driver_note(sjl_driver_t *d)
{
    sjl_context_t  *ctx;

    ctx = d->context;

    if (ctx) {
        free(ctx->row.remote);
        ctx->row.remote = sjl_remote_text(d->remote);
        sjl_context_save(ctx, 0);
    }

    sjl_kill_change(d);
}


sjl_driver_t *
sjl_driver_adopt(sjl_context_t *ctx, const char *process)
{
    const char    *id;
    sjl_driver_t  *d;

    /* behind the process stands the id of one that was a spare */

    id = process ? sjl_process_rest(process) : NULL;
    id = id && sjl_id_ok(id) ? id : NULL;

    d = sjl_driver_make(id ? id : ctx->row.id, ctx);
    d->spare = id != NULL;
    d->remote = ctx->row.remote ? sjl_remote_make(d, ctx->row.remote) : NULL;

    /* who has come has used its secret up */

    if (d->remote && *ctx->row.secret) {
        sjl_remote_adopt(d->remote);
    }

    if (process && sjl_process_adopt(&d->process, process) == SJL_ERROR) {
        sjl_driver_free(d);
        return NULL;
    }

    sjl_log(SJL_LOG_INFO, "context %s %s: waiting for driver %d to come back",
            ctx->row.name, ctx->row.id, (int) d->process.pid);

    sjl_driver_enter(d, SJL_DRIVER_AWAY);

    if (d->process.pid == 0 && d->remote == NULL) {
        sjl_driver_find(d);
    }

    return d;
}


/* it may never have been started, which does not take long to find out */

static void
sjl_driver_find(sjl_driver_t *d)
{
    ev_timer_stop(sjl_loop, &d->timer);
    ev_timer_set(&d->timer, SJL_DRIVER_FIND, 0.);
    ev_timer_start(sjl_loop, &d->timer);
}


/* the launcher that has started it may have died before it noted its number */

void
sjl_driver_found(sjl_driver_t *d, pid_t pid)
{
    sjl_context_t  *ctx;

    ctx = d->context;

    if (d->process.pid || d->remote
        || sjl_process_adopt_pid(&d->process, pid) == SJL_ERROR)
    {
        return;
    }

    sjl_log(SJL_LOG_INFO, "context %s %s: its driver is process %d",
            ctx->row.name, ctx->row.id, (int) pid);

    free(ctx->row.process);
    ctx->row.process = sjl_driver_text(d);
    sjl_context_save(ctx, 0);

    if (d->phase == SJL_DRIVER_AWAY) {
        sjl_driver_enter(d, SJL_DRIVER_AWAY);
    }
}


void
sjl_driver_enter(sjl_driver_t *d, sjl_driver_phase_e phase)
{
    int64_t  seconds;

    seconds = sjl_driver_seconds(d, phase);

    d->phase = phase;
    ev_timer_stop(sjl_loop, &d->timer);

    if (seconds) {
        ev_timer_set(&d->timer, (double) seconds, 0.);
        ev_timer_start(sjl_loop, &d->timer);
    }

    if (sjl_driver_table[phase].enter) {
        sjl_driver_table[phase].enter(d);
    }
}


/*
 * One of a cluster may be cut off for long, and looks for us as long as it may;
 * whether it lives the cluster tells.  One whose id was not kept may not have
 * been started; one that is to stop is not waited for any longer than if it
 * were there.
 */

static int64_t
sjl_driver_seconds(const sjl_driver_t *d, sjl_driver_phase_e phase)
{
    int64_t  seconds;

    if (d->remote && phase == SJL_DRIVER_AWAY
        && d->context->row.state == SJP_CONTEXT_STOPPING)
    {
        return sjl_conf->stop_timeout;
    }

    if (d->remote && phase == SJL_DRIVER_AWAY) {
        return d->remote->id ? sjl_conf->orphan_timeout
                             : sjl_conf->start_timeout;
    }

    if (d->remote && phase == SJL_DRIVER_KILLED) {
        return SJL_DRIVER_FAR;
    }

    seconds = sjl_driver_table[phase].seconds;

    if (sjl_driver_table[phase].configured) {
        seconds += *(int64_t *) (void *) ((char *) sjl_conf
                                         + sjl_driver_table[phase].configured);
    }

    return seconds;
}


static void
sjl_driver_ask(sjl_driver_t *d)
{
    if (d->conn == NULL) {
        sjl_driver_enter(d, SJL_DRIVER_TERMINATED);
        return;
    }

    sjl_driver_send(d, SJP_LINK_STOP, NULL, NULL, 0);
}


static void
sjl_driver_term(sjl_driver_t *d)
{
    if (d->remote) {
        sjl_remote_kill(d->remote);
        return;
    }

    sjl_process_signal(&d->process, SIGTERM);
}


static void
sjl_driver_kill(sjl_driver_t *d)
{
    if (d->remote) {
        sjl_remote_kill(d->remote);
        return;
    }

    sjl_process_signal(&d->process, SIGKILL);
}


static void
sjl_driver_timeout(struct ev_loop *loop, ev_timer *timer, int events)
{
    int            far;
    sjl_driver_t  *d;

    (void) loop;
    (void) events;

    d = timer->data;

    /* the look for it may have had to wait for other files */

    if (d->phase == SJL_DRIVER_AWAY && d->process.pid == 0
        && d->remote == NULL && !sjl_orphan_looked())
    {
        sjl_driver_find(d);
        return;
    }

    sjl_log(SJL_LOG_WARN, "driver %d is still \"%s\" after its time",
            (int) d->process.pid, sjl_driver_phases[d->phase]);

    /*
     * One that is being submitted is killed once its id is known; but who
     * cannot be asked keeps nobody from ending.
     */

    far = d->remote && (d->remote->id || d->remote->busy)
          && !(d->phase == SJL_DRIVER_KILLED && sjl_server_ending());

    sjl_driver_table[d->phase].expired(d);

    /* nobody can tell when a driver ends that never was seen */

    if (!far && d->process.pid == 0) {
        sjl_driver_ended(d, -1);
    }
}


static void
sjl_driver_come_expired(sjl_driver_t *d)
{
    sjl_context_t  *ctx;

    ctx = d->context;
    ctx->driver = NULL;
    d->context = NULL;

    sjl_driver_discard(d);
    sjl_context_spawn_again(ctx);
}


static void
sjl_driver_start_expired(sjl_driver_t *d)
{
    sjl_context_late(d->context, d->conn != NULL);
}


static void
sjl_driver_away_expired(sjl_driver_t *d)
{
    int64_t         seconds;
    sjl_context_t  *ctx;

    ctx = d->context;

    if (d->process.pid || (d->remote && d->remote->id)
        || ctx->row.state == SJP_CONTEXT_STOPPING)
    {
        seconds = d->process.pid || d->remote
                  ? sjl_driver_seconds(d, SJL_DRIVER_AWAY) : SJL_DRIVER_FIND;
        sjl_context_lost(ctx, sjl_format("its driver has not come back within "
                                         "%lld s", (long long) seconds));
        return;
    }

    sjl_driver_again(d);
}


void
sjl_driver_unstarted(sjl_driver_t *d)
{
    if (d->context && d->context->row.state != SJP_CONTEXT_STOPPING) {
        sjl_driver_again(d);
        sjl_driver_ended(d, -1);
        return;
    }

    sjl_driver_over(d, sjl_strdup("its cluster knows no driver of it"));
}


static void
sjl_driver_again(sjl_driver_t *d)
{
    sjl_context_t  *ctx;

    ctx = d->context;

    sjl_log(SJL_LOG_WARN, "context %s %s: a launcher ended before it had "
            "started its driver", ctx->row.name, ctx->row.id);

    d->context = NULL;
    ctx->driver = NULL;

    if (d->remote && d->remote->busy) {
        sjl_driver_discard(d);
    }

    if (ctx->row.state == SJP_CONTEXT_RESTARTING) {
        sjl_supervise_resume(ctx);

    } else {
        sjl_context_restart(ctx);
    }
}


static void
sjl_driver_stop_expired(sjl_driver_t *d)
{
    sjl_driver_enter(d, SJL_DRIVER_TERMINATED);
}


static void
sjl_driver_term_expired(sjl_driver_t *d)
{
    sjl_driver_enter(d, SJL_DRIVER_KILLED);
}


static void
sjl_driver_kill_expired(sjl_driver_t *d)
{
    char        *name;
    const char  *why;

    name = d->remote ? sjl_format("%s of %s", d->remote->id ? d->remote->id
                                  : "a new one", d->remote->rest)
                     : sjl_format("process %d", (int) d->process.pid);

    sjl_log(SJL_LOG_CRIT, "a driver, %s, does not end though it was killed",
            name);

    sjl_driver_enter(d, SJL_DRIVER_KILLED);

    why = d->remote ? d->remote->why : NULL;

    if (d->context) {
        sjl_context_abandon(d->context,
                            sjl_format("its driver, %s, does not end though it "
                                       "was killed%s%s", name,
                                       why ? ": " : "", why ? why : ""));
    }

    free(name);
}


void
sjl_driver_attach(sjl_driver_t *d, sjl_conn_t *c)
{
    sjl_conn_t  *old;

    old = d->conn;
    d->conn = c;

    if (old) {
        sjl_conn_close(old);
    }

    c->data = d;
    sjl_driver_watch(d);

    if (d->phase == SJL_DRIVER_WARMING) {
        sjl_driver_enter(d, SJL_DRIVER_SPARE);

    } else if (d->phase == SJL_DRIVER_ASSIGNED) {
        sjl_driver_enter(d, SJL_DRIVER_STARTING);

    } else if (d->phase == SJL_DRIVER_AWAY) {
        sjl_driver_enter(d, d->context->row.state == SJP_CONTEXT_RUNNING
                            ? SJL_DRIVER_READY : SJL_DRIVER_STARTING);

    } else if (d->phase == SJL_DRIVER_STOPPING) {
        sjl_driver_send(d, SJP_LINK_STOP, NULL, NULL, 0);
    }
}


/*
 * A driver that is stopped, or reads no longer, keeps its link.  Pings are
 * counted, not seconds, since it may be us who did not run for some time.
 */

static void
sjl_driver_watch(sjl_driver_t *d)
{
    double  pause;

    pause = (double) sjl_conf->hang_timeout / SJL_DRIVER_PINGS;

    d->silent = 0;
    ev_timer_stop(sjl_loop, &d->ping);
    ev_timer_set(&d->ping, pause, pause);
    ev_timer_start(sjl_loop, &d->ping);
}


static void
sjl_driver_ping(struct ev_loop *loop, ev_timer *timer, int events)
{
    sjl_driver_t  *d;

    (void) loop;
    (void) events;

    d = timer->data;

    /* it is our disk that keeps its answer from being read */

    if (d->conn->held) {
        return;
    }

    if (d->silent < SJL_DRIVER_PINGS) {
        d->silent++;
        sjl_driver_send(d, SJP_PING, NULL, NULL, 0);
        return;
    }

    ev_timer_stop(sjl_loop, &d->ping);

    /* of those that are asked for something the time is measured already */

    if (d->remote && d->phase < SJL_DRIVER_STOPPING) {

        /* the way to it may be cut, and it goes on */

        sjl_log(SJL_LOG_WARN, "the driver of context %s has not answered for "
                "%lld s, its connection is closed", d->id,
                (long long) sjl_conf->hang_timeout);
        sjl_conn_close(d->conn);

    } else if (d->phase == SJL_DRIVER_SPARE) {
        sjl_driver_discard(d);

    } else if (d->context && d->phase >= SJL_DRIVER_STARTING
               && d->phase < SJL_DRIVER_STOPPING)
    {
        sjl_context_lost(d->context,
                         sjl_format("its driver hangs: it has not answered for "
                                    "%lld s",
                                    (long long) sjl_conf->hang_timeout));
    }
}


void
sjl_driver_answered(sjl_driver_t *d)
{
    d->silent = 0;
}


void
sjl_driver_detach(sjl_driver_t *d)
{
    d->conn = NULL;
    ev_timer_stop(sjl_loop, &d->ping);

    if (d->phase == SJL_DRIVER_SPARE) {
        sjl_driver_discard(d);

    } else if (d->phase >= SJL_DRIVER_STARTING
               && d->phase <= SJL_DRIVER_READY && d->respawn == NULL)
    {
        sjl_driver_enter(d, SJL_DRIVER_AWAY);
    }
}


void
sjl_driver_ready(sjl_driver_t *d)
{
    if (d->phase < SJL_DRIVER_STOPPING) {
        sjl_driver_enter(d, SJL_DRIVER_READY);
    }
}


void
sjl_driver_stop(sjl_driver_t *d, int force)
{
    sjl_driver_phase_e  phase;

    phase = force ? SJL_DRIVER_KILLED : SJL_DRIVER_STOPPING;

    if (d->phase < phase) {
        sjl_driver_enter(d, phase);
    }
}


void
sjl_driver_give_up(sjl_driver_t *d, int grace)
{
    d->folder = sjl_path_context(d->context->row.id, "");
    d->whole = sjl_context_forgettable(d->context) ? 1 : 0;
    d->context->driver = NULL;
    d->context = NULL;

    sjl_driver_stop(d, 0);

    if (!grace && d->phase < SJL_DRIVER_TERMINATED) {
        sjl_driver_enter(d, SJL_DRIVER_TERMINATED);
    }
}


void
sjl_driver_let_go(sjl_driver_t *d)
{
    sjl_kill_keep(d);

    d->context->driver = NULL;
    d->context = NULL;

    sjl_driver_discard(d);
}


static void
sjl_driver_exited(sjl_process_t *p, int status)
{
    sjl_driver_ended(sjl_container(p, sjl_driver_t, process), status);
}


void
sjl_driver_over(sjl_driver_t *d, char *words)
{
    free(d->words);
    d->words = words;

    sjl_driver_ended(d, -1);
}


/* what it has sent before it ended lies in the socket yet, and comes first */

static void
sjl_driver_ended(sjl_driver_t *d, int status)
{
    sjl_context_t  *ctx;

    SPARKJOB_FAULT("delete.exited");

    if (d->conn) {
        sjl_conn_read_all(d->conn);
    }

    /*
     * Those that have left its session; its successor is not there yet, unless
     * it was elsewhere, where it left nothing here.
     */

    if (d->remote == NULL) {
        sjl_quota_kill(d->id);
    }

    ctx = d->context;

    if (d->spare) {
        sjl_spare_ended(d, status);
    }

    if (ctx && d->phase == SJL_DRIVER_ASSIGNED) {
        ctx->driver = NULL;
        sjl_context_spawn_again(ctx);

    } else if (ctx) {
        ctx->driver = NULL;
        sjl_context_driver_ended(ctx, d, status);
    }

    if (d->folder) {
        sjl_folder_sweep(d->folder, d->whole);
        d->folder = NULL;
    }

    /* one that nobody could be asked about is the next launcher's */

    if (d->words) {
        sjl_kill_forget(d);
    }

    sjl_driver_free(d);
    sjl_quota_sweep();
}


void
sjl_driver_free(sjl_driver_t *d)
{
    sjl_conn_t  *c;

    c = d->conn;

    if (c) {
        d->conn = NULL;
        c->data = NULL;
        sjl_conn_close(c);
    }

    ev_timer_stop(sjl_loop, &d->timer);
    ev_timer_stop(sjl_loop, &d->ping);
    sjl_process_forget(&d->process);
    sjl_remote_free(d->remote);
    json_decref(d->respawn);
    free(d->cluster);
    free(d->library);
    free(d->folder);
    free(d->reason);
    free(d->words);
    free(d->kept);
    free(d->instance);

    DL_DELETE(sjl_drivers, d);
    free(d);
}


void
sjl_driver_leave(void)
{
    sjl_driver_t  *d, *next;

    DL_FOREACH_SAFE(sjl_drivers, d, next) {

        /* the last operations are told back after this */

        if (d->context) {
            d->context->driver = NULL;
        }

        if (d->taker) {
            d->taker->spare = NULL;
        }

        sjl_driver_free(d);
    }
}
