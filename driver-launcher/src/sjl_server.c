
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_server.h"
#include "sjl_archive.h"
#include "sjl_batch.h"
#include "sjl_binary.h"
#include "sjl_callback.h"
#include "sjl_channel.h"
#include "sjl_cluster.h"
#include "sjl_config.h"
#include "sjl_conn.h"
#include "sjl_context.h"
#include "sjl_create.h"
#include "sjl_data.h"
#include "sjl_db.h"
#include "sjl_examine.h"
#include "sjl_files.h"
#include "sjl_http.h"
#include "sjl_job.h"
#include "sjl_kill.h"
#include "sjl_library.h"
#include "sjl_listen.h"
#include "sjl_listen_link.h"
#include "sjl_lost.h"
#include "sjl_number.h"
#include "sjl_orphan.h"
#include "sjl_predefined.h"
#include "sjl_probe.h"
#include "sjl_purge.h"
#include "sjl_quota.h"
#include "sjl_remote.h"
#include "sjl_rights.h"
#include "sjl_spare.h"
#include "sjl_sweep.h"
#include "sjl_ticket.h"
#include "sjl_tls.h"
#include "sjl_yarn.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>


#define SJL_SERVER_FLUSH  10.           /* seconds for a storage that fails */
#define SJL_SERVER_LOCK   20            /* times that it is tried again */
#define SJL_SERVER_DRAIN  2.            /* seconds for peers that read slowly */


static int sjl_server_start(void);
static int sjl_server_lock(void);
static int sjl_server_try_lock(int fd);
static int sjl_server_recover(void);
static void sjl_server_resources(void);
static void sjl_server_context(void *data, const void *row);
static void sjl_server_job(void *data, const void *row);
static void sjl_server_binary(void *data, const void *row);
static void sjl_server_data(void *data, const void *row);
static void sjl_server_callback(void *data, const void *row);
static void sjl_server_replacement(void *data, const void *row);
static void sjl_server_cluster(void *data, const void *row);
static void sjl_server_library(void *data, const void *row);
static void sjl_server_kill(void *data, const void *row);
static void sjl_server_number(void *data, const void *row);
static void sjl_server_batch(void *data, const void *row);
static void sjl_server_signals(void);
static void sjl_server_hangup(struct ev_loop *loop, ev_signal *w, int events);
static void sjl_server_end(struct ev_loop *loop, ev_signal *w, int events);
static void sjl_server_check(struct ev_loop *loop, ev_prepare *w, int events);
static void sjl_server_flush_expired(struct ev_loop *loop, ev_timer *w,
    int events);
static void sjl_server_drain_expired(struct ev_loop *loop, ev_timer *w,
    int events);


static const struct {
    int     signo;
    void  (*handler)(struct ev_loop *loop, ev_signal *w, int events);
} sjl_server_table[] = {
    { SIGHUP, sjl_server_hangup },
    { SIGTERM, sjl_server_end },
    { SIGINT, sjl_server_end }
};


static ev_signal   sjl_server_watchers[sjl_nelts(sjl_server_table)];
static ev_prepare  sjl_server_prepare;
static ev_timer    sjl_server_flush;
static ev_timer    sjl_server_drain;
static int         sjl_server_is_drained;
static int         sjl_server_lock_fd = -1;
static int         sjl_server_is_ending;
static int64_t     sjl_server_since;


int
sjl_server_run(void)
{
    sjl_server_since = sjl_now();
    sjl_log_level = (sjl_log_level_e) sjl_conf->log_level;

    /* a loop of our own does not wait for children, see sjl_process.c */

    sjl_loop = ev_loop_new(EVFLAG_AUTO);

    if (sjl_loop == NULL) {
        sjl_log(SJL_LOG_CRIT, "ev_loop_new() failed: %s", strerror(errno));
        return SJL_ERROR;
    }

    if (sjl_server_start() == SJL_ERROR) {
        return SJL_ERROR;
    }

    sjl_log_started();

    sjl_log(SJL_LOG_NOTICE, "launcher " SJL_VERSION " runs, data in \"%s\", "
            "channel \"%s\"", sjl_conf->data_dir, sjl_conf->channel_socket);

    (void) ev_run(sjl_loop, 0);

    sjl_listen_stop();
    sjl_listen_link_stop();
    sjl_conn_stop();
    sjl_orphan_stop();
    sjl_driver_leave();
    sjl_batch_leave();
    sjl_archive_leave();
    sjl_probe_leave();
    sjl_ticket_leave();
    sjl_http_stop();
    sjl_files_stop();
    sjl_db_stop();
    sjl_callback_stop();

    sjl_log(SJL_LOG_NOTICE, "launcher has ended");

    (void) close(sjl_server_lock_fd);
    ev_loop_destroy(sjl_loop);

    return SJL_OK;
}


static int
sjl_server_start(void)
{
    if (mkdir(sjl_conf->data_dir, 0700) == -1 && errno != EEXIST) {
        sjl_log(SJL_LOG_CRIT, "mkdir(\"%s\") failed: %s", sjl_conf->data_dir,
                strerror(errno));
        return SJL_ERROR;
    }

    if (sjl_log_open(sjl_conf->log_file) == SJL_ERROR
        || sjl_rights_drop() == SJL_ERROR
        || sjl_server_lock() == SJL_ERROR
        || sjl_files_init() == SJL_ERROR
        || sjl_db_open() == SJL_ERROR
        || sjl_server_recover() == SJL_ERROR)
    {
        return SJL_ERROR;
    }

    sjl_server_signals();
    sjl_channel_init();

    if (sjl_http_init() == SJL_ERROR
        || sjl_db_start() == SJL_ERROR
        || sjl_files_start() == SJL_ERROR
        || sjl_listen(sjl_conf->channel_socket,
                      (mode_t) sjl_conf->channel_mode)
           == SJL_ERROR
        || sjl_listen_link() == SJL_ERROR)
    {
        return SJL_ERROR;
    }

    sjl_context_adopted_all();
    sjl_kill_start();
    sjl_batch_start_all();
    sjl_replace_check();
    sjl_quota_sweep();
    sjl_orphan_start();
    sjl_lost_end_all();
    sjl_predefined_start(NULL, NULL);
    sjl_callback_start();
    sjl_purge_start();
    sjl_examine_start();
    sjl_archive_start();
    sjl_spare_start();
    sjl_ticket_start();

    return SJL_OK;
}


/* the lock goes away with us, however we end */

static int
sjl_server_lock(void)
{
    char  *path;
    int    fd;

    path = sjl_format("%s/lock", sjl_conf->data_dir);
    fd = open(path, O_RDWR|O_CREAT|O_CLOEXEC, 0600);

    if (fd == -1) {
        sjl_log(SJL_LOG_CRIT, "open(\"%s\") failed: %s", path,
                strerror(errno));

    } else if (sjl_server_try_lock(fd) == SJL_ERROR) {
        sjl_log(SJL_LOG_CRIT, "data folder \"%s\" is in use by another "
                "launcher", sjl_conf->data_dir);
        (void) close(fd);
        fd = -1;
    }

    free(path);
    sjl_server_lock_fd = fd;

    return fd == -1 ? SJL_ERROR : SJL_OK;
}


/* a launcher that was killed while it forked left a child, until its exec() */

static int
sjl_server_try_lock(int fd)
{
    int              tries;
    struct timespec  pause;

    pause.tv_sec = 0;
    pause.tv_nsec = 50000000;

    for (tries = SJL_SERVER_LOCK; flock(fd, LOCK_EX|LOCK_NB) == -1; tries--) {

        if (tries == 0) {
            return SJL_ERROR;
        }

        (void) nanosleep(&pause, NULL);
    }

    return SJL_OK;
}


/* what another launcher has left alive */

static int
sjl_server_recover(void)
{
    int         rc;
    sjl_dao_t  *dao;

    dao = sjl_db_dao();

    rc = dao->type->begin(dao);

    if (rc == SJL_OK) {
        rc = dao->type->context_alive(dao, sjl_server_context, NULL);
    }

    if (rc == SJL_OK) {
        rc = dao->type->job_alive(dao, INT64_MAX, sjl_server_job, NULL);
    }

    if (rc == SJL_OK) {
        rc = dao->type->binary_newest(dao, sjl_server_binary, NULL);
    }

    if (rc == SJL_OK) {
        rc = dao->type->row_all(dao, &sjl_data_table, sjl_server_data, NULL);
    }

    if (rc == SJL_OK) {
        rc = dao->type->row_all(dao, &sjl_callbacks_table, sjl_server_callback,
                                NULL);
    }

    if (rc == SJL_OK) {
        rc = dao->type->row_all(dao, &sjl_replacements_table,
                                sjl_server_replacement, NULL);
    }

    if (rc == SJL_OK) {
        rc = dao->type->row_all(dao, &sjl_clusters_table, sjl_server_cluster,
                                NULL);
    }

    if (rc == SJL_OK) {
        rc = dao->type->row_all(dao, &sjl_libraries_table, sjl_server_library,
                                NULL);
    }

    if (rc == SJL_OK) {
        rc = dao->type->row_all(dao, &sjl_kills_table, sjl_server_kill, NULL);
    }

    if (rc == SJL_OK) {
        rc = dao->type->row_all(dao, &sjl_numbers_table, sjl_server_number,
                                NULL);
    }

    if (rc == SJL_OK) {
        rc = dao->type->row_all(dao, &sjl_batches_table, sjl_server_batch,
                                NULL);
    }

    if (rc == SJL_OK) {
        rc = dao->type->commit(dao);
    }

    if (rc != SJL_OK) {
        sjl_log(SJL_LOG_CRIT, "the storage cannot be read: %s",
                dao->type->error(dao)->text);
        return SJL_ERROR;
    }

    sjl_server_resources();

    return SJL_OK;
}


static void
sjl_server_resources(void)
{
    size_t   i;
    json_t  *wrong, *sentence;

    sjl_cluster_configure();
    sjl_library_configure();

    wrong = sjl_resource_look_fixed();

    json_array_foreach(wrong, i, sentence) {
        sjl_log(SJL_LOG_WARN, "%s: %s", sjl_conf->file,
                json_string_value(sentence));
    }

    json_decref(wrong);
}


static void
sjl_server_context(void *data, const void *row)
{
    (void) data;

    sjl_context_adopt(row);
}


static void
sjl_server_job(void *data, const void *row)
{
    (void) data;

    sjl_job_adopt(row);
}


static void
sjl_server_binary(void *data, const void *row)
{
    (void) data;

    sjl_binary_adopt(row);
}


static void
sjl_server_data(void *data, const void *row)
{
    (void) data;

    sjl_data_adopt(row);
}


static void
sjl_server_callback(void *data, const void *row)
{
    (void) data;

    sjl_callback_adopt(row);
}


static void
sjl_server_replacement(void *data, const void *row)
{
    (void) data;

    sjl_replace_adopt(row);
}


static void
sjl_server_cluster(void *data, const void *row)
{
    (void) data;

    (void) sjl_resource_put(&sjl_clusters_type, row);
}


static void
sjl_server_library(void *data, const void *row)
{
    (void) data;

    (void) sjl_resource_put(&sjl_libraries_type, row);
}


static void
sjl_server_kill(void *data, const void *row)
{
    (void) data;

    sjl_kill_adopt(row);
}


static void
sjl_server_number(void *data, const void *row)
{
    (void) data;

    sjl_number_adopt(row);
}


static void
sjl_server_batch(void *data, const void *row)
{
    (void) data;

    sjl_batch_adopt(row);
}


static void
sjl_server_signals(void)
{
    size_t  i;

    (void) signal(SIGPIPE, SIG_IGN);

    for (i = 0; i < sjl_nelts(sjl_server_table); i++) {
        ev_signal_init(&sjl_server_watchers[i], sjl_server_table[i].handler,
                       sjl_server_table[i].signo);
        ev_signal_start(sjl_loop, &sjl_server_watchers[i]);
    }

    /* after what this turn has to send was written, as far as it is taken */
    ev_prepare_init(&sjl_server_prepare, sjl_server_check);
    ev_set_priority(&sjl_server_prepare, EV_MINPRI);

    ev_timer_init(&sjl_server_flush, sjl_server_flush_expired,
                  SJL_SERVER_FLUSH, 0.);
    ev_timer_init(&sjl_server_drain, sjl_server_drain_expired,
                  SJL_SERVER_DRAIN, 0.);
}


static void
sjl_server_hangup(struct ev_loop *loop, ev_signal *w, int events)
{
    json_t  *contexts, *binaries;

    (void) loop;
    (void) w;
    (void) events;

    contexts = json_incref(sjl_conf->contexts);
    binaries = json_incref(sjl_conf->binaries);

    sjl_config_reload();
    sjl_server_resources();
    sjl_tls_reload();
    sjl_predefined_start(contexts, binaries);
    sjl_archive_again();
    sjl_spare_again();

    json_decref(contexts);
    json_decref(binaries);
}


/* asked a second time it does not wait for the drivers to stop by themselves */

static void
sjl_server_end(struct ev_loop *loop, ev_signal *w, int events)
{
    (void) events;

    sjl_log(SJL_LOG_NOTICE, "signal %d, the launcher ends, drivers are %s",
            w->signum, sjl_conf->at_exit == SJL_AT_EXIT_LEAVE ? "left"
            : sjl_server_is_ending ? "killed" : "stopped");

    if (sjl_conf->at_exit == SJL_AT_EXIT_STOP) {
        sjl_context_stop_all(sjl_server_is_ending);
        sjl_batch_stop_all(sjl_server_is_ending);
    }

    sjl_archive_stop();
    sjl_probe_stop();
    sjl_ticket_stop();
    sjl_spare_stop();

    sjl_server_is_ending = 1;
    ev_prepare_start(loop, &sjl_server_prepare);
}


static void
sjl_server_check(struct ev_loop *loop, ev_prepare *w, int events)
{
    (void) w;
    (void) events;

    if (sjl_archive_busy() || sjl_probe_count() || sjl_spare_count()
        || sjl_ticket_count() || sjl_kubernetes_removing()
        || (sjl_conf->at_exit == SJL_AT_EXIT_STOP
            && (sjl_drivers || sjl_context_count() || sjl_yarn_reaping()
                || sjl_batch_stopping())))
    {
        return;
    }

    if (sjl_db_length() == 0 && sjl_files_length() == 0) {

        if (sjl_server_is_drained || !sjl_conn_unsent()) {
            ev_break(loop, EVBREAK_ALL);

        } else if (!ev_is_active(&sjl_server_drain)) {
            ev_timer_start(loop, &sjl_server_drain);
        }

        return;
    }

    if (!ev_is_active(&sjl_server_flush)) {
        ev_timer_start(loop, &sjl_server_flush);
    }
}


static void
sjl_server_flush_expired(struct ev_loop *loop, ev_timer *w, int events)
{
    (void) w;
    (void) events;

    sjl_log(SJL_LOG_CRIT, "%zu changes could not be stored, they are lost",
            sjl_db_length());

    ev_break(loop, EVBREAK_ALL);
}


/* the ends of contexts and jobs were told, but somebody does not read it */

static void
sjl_server_drain_expired(struct ev_loop *loop, ev_timer *w, int events)
{
    (void) loop;
    (void) w;
    (void) events;

    sjl_server_is_drained = 1;
}


int
sjl_server_ending(void)
{
    return sjl_server_is_ending;
}


int64_t
sjl_server_age(void)
{
    return sjl_now() - sjl_server_since;
}
