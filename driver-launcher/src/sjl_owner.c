
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_owner.h"
#include "sjl_files.h"

#include <grp.h>
#include <pwd.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>


static int sjl_owner_allowed(const sjl_config_t *conf, const char *name);


int
sjl_owner_parse(const char *text, sjl_owner_t *owner)
{
    char                *end;
    struct passwd       *pw;
    unsigned long long   n;

    n = strtoull(text, &end, 10);

    if (*text >= '0' && *text <= '9' && *end == '\0') {

        /* the last one stands for no user at all */

        if (n >= UINT32_MAX) {
            return SJL_ERROR;
        }

        pw = getpwuid((uid_t) n);

        owner->uid = (uid_t) n;
        owner->gid = pw ? pw->pw_gid : (gid_t) n;

        return SJL_OK;
    }

    pw = getpwnam(text);

    if (pw == NULL) {
        return SJL_ERROR;
    }

    owner->uid = pw->pw_uid;
    owner->gid = pw->pw_gid;

    return SJL_OK;
}


int
sjl_owner_choose(const sjl_config_t *conf, const json_t *settings,
    sjl_owner_t *owner, char **why)
{
    const char  *name;

    owner->uid = geteuid();
    owner->gid = getegid();

    name = json_string_value(json_object_get(settings, SJL_OWNER_SETTING));

    if (name && !sjl_owner_allowed(conf, name)) {
        *why = sjl_format(SJL_OWNER_SETTING ": \"%.100s\" is not one of the "
                          "users that the launcher's driver.run_as_users "
                          "lists", name);
        sjl_text_clean(*why);
        return SJL_ERROR;
    }

    if (name == NULL) {
        name = conf->run_as;
    }

    if (name && sjl_owner_parse(name, owner) == SJL_ERROR) {
        *why = sjl_format(SJL_OWNER_SETTING ": there is no user \"%.100s\"",
                          name);
        return SJL_ERROR;
    }

    return SJL_OK;
}


static int
sjl_owner_allowed(const sjl_config_t *conf, const char *name)
{
    size_t   i;
    json_t  *user;

    json_array_foreach(conf->run_as_users, i, user) {
        if (strcmp(json_string_value(user), name) == 0) {
            return 1;
        }
    }

    return 0;
}


int
sjl_owner_any(void)
{
    return sjl_conf->run_as != NULL
           || json_array_size(sjl_conf->run_as_users) != 0;
}


void
sjl_owner_of(const char *context, sjl_owner_t *owner)
{
    char         *path;
    struct stat   sb;

    owner->uid = geteuid();
    owner->gid = getegid();

    path = sjl_path_context(context, "");

    if (lstat(path, &sb) == 0) {
        owner->uid = sb.st_uid;
        owner->gid = sb.st_gid;
    }

    free(path);
}


int
sjl_owner_is_other(const sjl_owner_t *owner)
{
    return owner->uid != geteuid();
}


void
sjl_login_make(sjl_login_t *login, const sjl_owner_t *owner)
{
    struct passwd  *pw;

    memset(login, 0, sizeof(sjl_login_t));
    login->owner = *owner;

    if (!sjl_owner_is_other(owner)) {
        return;
    }

    pw = getpwuid(owner->uid);

    if (pw) {
        login->name = sjl_strdup(pw->pw_name);
        login->home = sjl_strdup(pw->pw_dir);
        login->ngroups = SJL_OWNER_GROUPS - 1;

        if (getgrouplist(login->name, owner->gid, login->groups,
                         &login->ngroups)
            == -1)
        {
            sjl_log(SJL_LOG_ERR, "user \"%s\" has more than %d groups, the "
                    "others do not count", login->name, SJL_OWNER_GROUPS - 1);
            login->ngroups = SJL_OWNER_GROUPS - 1;
        }
    }

    /* binaries and data files are open to our group */

    login->groups[login->ngroups++] = getegid();
}


void
sjl_login_free(sjl_login_t *login)
{
    free(login->name);
    free(login->home);
}


/* rights are given up by execve(), and programs there give none back */

int
sjl_login_become(const sjl_login_t *login)
{
    uid_t  uid;
    gid_t  gid;

    if (!sjl_owner_is_other(&login->owner)) {
        return SJL_OK;
    }

    uid = login->owner.uid;
    gid = login->owner.gid;

    /* libc's would look for other threads, which there are none of */

    if (syscall(SYS_setgroups, login->ngroups, login->groups) == -1
        || syscall(SYS_setresgid, gid, gid, gid) == -1
        || syscall(SYS_setresuid, uid, uid, uid) == -1
        || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
    {
        return SJL_ERROR;
    }

    return SJL_OK;
}


int
sjl_owner_enter(const char *path)
{
    int           other;
    char         *root, *folder;
    size_t        len;
    sjl_owner_t   owner;
    struct stat   sb;

    root = sjl_path_context("", "");
    len = strlen(root);

    if (strncmp(path, root, len) != 0) {
        free(root);
        return 0;
    }

    free(root);

    folder = sjl_memdup(path, len + strcspn(path + len, "/"));

    other = lstat(folder, &sb) == 0 && sb.st_uid != geteuid();

    if (other) {
        owner.uid = sb.st_uid;
        owner.gid = sb.st_gid;
        sjl_owner_enter_user(&owner);
    }

    free(folder);

    return other;
}


void
sjl_owner_enter_user(const sjl_owner_t *owner)
{
    if (owner->uid != 0) {
        (void) setfsgid(owner->gid);
        (void) setfsuid(owner->uid);
    }
}


void
sjl_owner_leave(void)
{
    (void) setfsuid(geteuid());
    (void) setfsgid(getegid());
}


int
sjl_owner_unlink(const char *path)
{
    int  err, rc;

    sjl_owner_enter(path);
    rc = unlink(path);
    err = errno;
    sjl_owner_leave();

    errno = err;

    return rc;
}
