
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_rights.h"
#include "sjl_config.h"
#include "sjl_owner.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>


static int sjl_rights_become(const sjl_owner_t *user);
static int sjl_rights_bound(void);
static int sjl_rights_keep(void);
static int sjl_rights_has(uint32_t needed);
static uint32_t sjl_rights_needed(void);


static const unsigned  sjl_rights_kept[] = {
    CAP_CHOWN, CAP_KILL, CAP_SETGID, CAP_SETUID
};


int
sjl_rights_drop(void)
{
    sjl_owner_t  user;

    if (sjl_conf->user == NULL && !sjl_owner_any()) {
        return SJL_OK;
    }

    if (sjl_conf->user && geteuid() == 0) {

        if (sjl_owner_parse(sjl_conf->user, &user) == SJL_ERROR) {
            sjl_log(SJL_LOG_CRIT, "there is no user \"%s\"", sjl_conf->user);
            return SJL_ERROR;
        }

        if (sjl_rights_bound() == SJL_ERROR
            || sjl_rights_become(&user) == SJL_ERROR)
        {
            return SJL_ERROR;
        }
    }

    if (sjl_conf->user == NULL && geteuid() == 0) {
        sjl_log(SJL_LOG_CRIT, "drivers run as other users only if the launcher "
                "is not root itself: set \"user\"");
        return SJL_ERROR;
    }

    return sjl_rights_keep();
}


/* what is made before is ours yet, and has to be his */

static int
sjl_rights_become(const sjl_owner_t *user)
{
    size_t       i;
    const char  *paths[2];

    paths[0] = sjl_conf->data_dir;
    paths[1] = sjl_conf->log_file;

    for (i = 0; i < sjl_nelts(paths); i++) {
        if (*paths[i] == '/' && chown(paths[i], user->uid, user->gid) == -1) {
            sjl_log(SJL_LOG_CRIT, "chown(\"%s\", %u) failed: %s", paths[i],
                    (unsigned) user->uid, strerror(errno));
            return SJL_ERROR;
        }
    }

    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == -1
        || setgroups(1, &user->gid) == -1
        || setresgid(user->gid, user->gid, user->gid) == -1
        || setresuid(user->uid, user->uid, user->uid) == -1
        || prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) == -1)
    {
        sjl_log(SJL_LOG_CRIT, "becoming user %u failed: %s",
                (unsigned) user->uid, strerror(errno));
        return SJL_ERROR;
    }

    return SJL_OK;
}


/* what no process of ours can ever have again, not even by a setuid program */

static int
sjl_rights_bound(void)
{
    int       cap;
    uint32_t  needed;

    needed = sjl_rights_needed();

    for (cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != -1; cap++) {

        if (cap < 32 && (needed & (1U << cap))) {
            continue;
        }

        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1) {
            sjl_log(SJL_LOG_CRIT, "giving up right %d failed: %s", cap,
                    strerror(errno));
            return SJL_ERROR;
        }
    }

    return SJL_OK;
}


static int
sjl_rights_keep(void)
{
    uint32_t                           needed;
    struct __user_cap_header_struct    head;
    struct __user_cap_data_struct      data[2];

    needed = sjl_rights_needed();

    if (!sjl_rights_has(needed)) {
        sjl_log(SJL_LOG_CRIT, "to start drivers as other users the launcher "
                "needs the rights CAP_SETUID, CAP_SETGID, CAP_KILL and "
                "CAP_CHOWN: start it as root, with \"user\" set");
        return SJL_ERROR;
    }

    memset(&head, 0, sizeof(head));
    memset(data, 0, sizeof(data));

    head.version = _LINUX_CAPABILITY_VERSION_3;
    data[0].effective = needed;
    data[0].permitted = needed;

    /* drivers that run as ourselves inherit nothing of it */

    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1
        || syscall(SYS_capset, &head, data) == -1
        || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
    {
        sjl_log(SJL_LOG_CRIT, "giving up rights failed: %s", strerror(errno));
        return SJL_ERROR;
    }

    return SJL_OK;
}


static int
sjl_rights_has(uint32_t needed)
{
    struct __user_cap_header_struct  head;
    struct __user_cap_data_struct    data[2];

    memset(&head, 0, sizeof(head));
    head.version = _LINUX_CAPABILITY_VERSION_3;

    if (syscall(SYS_capget, &head, data) == -1) {
        sjl_log(SJL_LOG_CRIT, "capget() failed: %s", strerror(errno));
        return 0;
    }

    return (data[0].permitted & needed) == needed;
}


static uint32_t
sjl_rights_needed(void)
{
    size_t    i;
    uint32_t  needed;

    needed = 0;

    for (i = 0; sjl_owner_any() && i < sjl_nelts(sjl_rights_kept); i++) {
        needed |= 1U << sjl_rights_kept[i];
    }

    return needed;
}
