
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_share.h"

#include <dirent.h>
#include <sys/stat.h>


#define SJL_SHARE_FOLDER  0710
#define SJL_SHARE_FILE    0640


static int sjl_share_folder(const char *path, int files);


static const struct {
    const char  *path;
    int          files;                 /* those in it are read, too */
} sjl_share_table[] = {
    { "", 0 },
    { "/archives", 1 },
    { "/contexts", 0 },
    { "/binaries", 1 },
    { "/data", 1 }
};


/* set before there is another thread */
static mode_t  sjl_share_file_mode = 0600;


int
sjl_share_open(const char *root)
{
    int      rc;
    char    *path;
    size_t   i;

    if (!sjl_owner_any()) {
        return SJL_OK;
    }

    sjl_share_file_mode = SJL_SHARE_FILE;
    rc = SJL_OK;

    for (i = 0; i < sjl_nelts(sjl_share_table) && rc == SJL_OK; i++) {
        path = sjl_format("%s%s", root, sjl_share_table[i].path);
        rc = sjl_share_folder(path, sjl_share_table[i].files);

        if (rc == SJL_ERROR) {
            sjl_log(SJL_LOG_CRIT, "opening \"%s\" to drivers failed: %s", path,
                    strerror(errno));
        }

        free(path);
    }

    return rc;
}


/* files were stored when no driver had a user of its own */

static int
sjl_share_folder(const char *path, int files)
{
    int             rc;
    DIR            *dir;
    struct dirent  *entry;

    if (chmod(path, SJL_SHARE_FOLDER) == -1) {
        return SJL_ERROR;
    }

    if (!files) {
        return SJL_OK;
    }

    dir = opendir(path);

    if (dir == NULL) {
        return SJL_ERROR;
    }

    rc = SJL_OK;

    for (entry = readdir(dir); entry && rc == SJL_OK; entry = readdir(dir)) {
        if (entry->d_type == DT_REG
            && fchmodat(dirfd(dir), entry->d_name, SJL_SHARE_FILE, 0) == -1)
        {
            rc = SJL_ERROR;
        }
    }

    (void) closedir(dir);

    return rc;
}


mode_t
sjl_share_mode(void)
{
    return sjl_share_file_mode;
}


/* the folder itself goes last: behind it nothing is ours to give */

char *
sjl_share_give(const char *folder, const char *const *parts, size_t n,
    const sjl_owner_t *owner)
{
    char  *path;

    if (!sjl_owner_is_other(owner)) {
        return NULL;
    }

    while (n--) {
        path = sjl_format("%s%s", folder, parts[n]);

        if (lchown(path, owner->uid, owner->gid) == -1 && errno != ENOENT) {
            return path;
        }

        free(path);
    }

    return NULL;
}
