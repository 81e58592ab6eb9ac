
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_quota.h"
#include "sjl_batch.h"
#include "sjl_config.h"
#include "sjl_driver.h"
#include "sjl_probe.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>


#define SJL_QUOTA_AGAIN  1.             /* seconds until processes are gone */


typedef struct {
    size_t       offset;                /* in the configuration */
    rlim_t       unit;
    int          resource;
    const char  *file;                  /* of a group; NULL: it has none */
} sjl_quota_t;


static int sjl_quota_group_set(const char *folder);
static int sjl_quota_write(const char *folder, const char *file,
    const char *text);
static int64_t sjl_quota_value(const sjl_quota_t *limit);
static int sjl_quota_sweep_one(const char *folder);
static void sjl_quota_again(struct ev_loop *loop, ev_timer *timer, int events);


/*
 * RLIMIT_DATA counts what a process has got of memory of its own; a JVM makes
 * much larger reservations, which take none.
 */

static const sjl_quota_t  sjl_quotas[] = {
    { offsetof(sjl_config_t, quota_memory), 1024 * 1024, RLIMIT_DATA,
      "memory.max" },
    { offsetof(sjl_config_t, quota_processes), 1, RLIMIT_NPROC, "pids.max" },
    { offsetof(sjl_config_t, quota_files), 1, RLIMIT_NOFILE, NULL },
    { offsetof(sjl_config_t, quota_file_size), 1024 * 1024, RLIMIT_FSIZE,
      NULL },
    { offsetof(sjl_config_t, quota_cpu), 1, RLIMIT_CPU, NULL }
};


static ev_timer  sjl_quota_timer;


int
sjl_quota_group(const char *context)
{
    int    fd;
    char  *folder, *path;

    if (sjl_conf->cgroup == NULL) {
        return -1;
    }

    fd = SJL_QUOTA_FAILED;
    folder = sjl_format("%s/%s", sjl_conf->cgroup, context);
    path = sjl_format("%s/cgroup.procs", folder);

    if (mkdir(folder, 0755) == -1 && errno != EEXIST) {
        sjl_log(SJL_LOG_CRIT, "mkdir(\"%s\") failed: %s", folder,
                strerror(errno));

    } else if (sjl_quota_group_set(folder) == SJL_OK) {
        fd = open(path, O_WRONLY|O_CLOEXEC);

        if (fd == -1) {
            sjl_log(SJL_LOG_CRIT, "open(\"%s\") failed: %s", path,
                    strerror(errno));
            fd = SJL_QUOTA_FAILED;
        }
    }

    free(folder);
    free(path);

    return fd;
}


static int
sjl_quota_group_set(const char *folder)
{
    char                text[24];
    size_t              i;
    int64_t             value;
    const sjl_quota_t  *limit;

    for (i = 0; i < sjl_nelts(sjl_quotas); i++) {
        limit = &sjl_quotas[i];
        value = sjl_quota_value(limit);

        if (value == 0 || limit->file == NULL) {
            continue;
        }

        (void) snprintf(text, sizeof(text), "%lld",
                        (long long) value * (long long) limit->unit);

        if (sjl_quota_write(folder, limit->file, text) == SJL_ERROR) {
            return SJL_ERROR;
        }
    }

    return SJL_OK;
}


static int
sjl_quota_write(const char *folder, const char *file, const char *text)
{
    int     fd;
    char   *path;
    ssize_t n;

    n = -1;
    path = sjl_format("%s/%s", folder, file);
    fd = open(path, O_WRONLY|O_CLOEXEC);

    if (fd != -1) {
        n = write(fd, text, strlen(text));
    }

    if (n == -1) {
        sjl_log(SJL_LOG_CRIT, "writing %s to \"%s\" failed: %s", text, path,
                strerror(errno));
    }

    if (fd != -1) {
        (void) close(fd);
    }

    free(path);

    return n == -1 ? SJL_ERROR : SJL_OK;
}


static int64_t
sjl_quota_value(const sjl_quota_t *limit)
{
    return *(const int64_t *) (const void *)
            ((const char *) sjl_conf + limit->offset);
}


/* nothing but system calls: other threads may hold any lock */

int
sjl_quota_apply(int group)
{
    size_t              i;
    int64_t             value;
    struct rlimit       rl;
    const sjl_quota_t  *limit;

    if (group != -1 && write(group, "0", 1) != 1) {
        return SJL_ERROR;
    }

    for (i = 0; i < sjl_nelts(sjl_quotas); i++) {
        limit = &sjl_quotas[i];
        value = sjl_quota_value(limit);

        if (value == 0 || (group != -1 && limit->file)) {
            continue;
        }

        rl.rlim_cur = (rlim_t) value * limit->unit;
        rl.rlim_max = rl.rlim_cur;

        if (setrlimit(limit->resource, &rl) == -1) {
            return SJL_ERROR;
        }
    }

    return SJL_OK;
}


void
sjl_quota_kill(const char *context)
{
    char  *folder;

    if (sjl_conf->cgroup == NULL) {
        return;
    }

    folder = sjl_format("%s/%s", sjl_conf->cgroup, context);

    if (access(folder, F_OK) == 0) {
        (void) sjl_quota_write(folder, "cgroup.kill", "1");
    }

    free(folder);
}


void
sjl_quota_sweep(void)
{
    DIR            *dir;
    int             left;
    char           *folder;
    struct dirent  *entry;

    if (sjl_conf->cgroup == NULL) {
        return;
    }

    dir = opendir(sjl_conf->cgroup);

    if (dir == NULL) {
        sjl_log(SJL_LOG_CRIT, "opendir(\"%s\") failed: %s", sjl_conf->cgroup,
                strerror(errno));
        return;
    }

    left = 0;

    for (entry = readdir(dir); entry; entry = readdir(dir)) {

        if (!sjl_id_ok(entry->d_name) || sjl_driver_known(entry->d_name)
            || sjl_probe_known(entry->d_name)
            || sjl_batch_lives(entry->d_name))
        {
            continue;
        }

        sjl_quota_kill(entry->d_name);

        folder = sjl_format("%s/%s", sjl_conf->cgroup, entry->d_name);
        left |= sjl_quota_sweep_one(folder);
        free(folder);
    }

    (void) closedir(dir);

    if (left && !ev_is_active(&sjl_quota_timer)) {
        ev_timer_init(&sjl_quota_timer, sjl_quota_again, SJL_QUOTA_AGAIN, 0.);
        ev_timer_start(sjl_loop, &sjl_quota_timer);
    }
}


/* whether it is there yet, since killed processes take a moment to end */

static int
sjl_quota_sweep_one(const char *folder)
{
    if (rmdir(folder) == 0 || errno == ENOENT) {
        return 0;
    }

    if (errno != EBUSY) {
        sjl_log(SJL_LOG_CRIT, "rmdir(\"%s\") failed: %s", folder,
                strerror(errno));
        return 0;
    }

    return 1;
}


static void
sjl_quota_again(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void) loop;
    (void) timer;
    (void) events;

    sjl_quota_sweep();
}
