
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * SQLite's VFS of the disk that fails (storage_shim.c).
 */


#include "storage_shim.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sqlite3.h>


typedef struct {
    sqlite3_file   file;
    char           path[PATH_MAX];
    sqlite3_file  *real;
} shim_file_t;


static int shim_code(const char *call, const char *path, int error);
static shim_file_t *shim_file(sqlite3_file *file);
static sqlite3_file *shim_inner(sqlite3_file *file);
static int shim_vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file,
    int flags, int *out);
static int shim_vfs_delete(sqlite3_vfs *vfs, const char *name, int sync);
static int shim_vfs_access(sqlite3_vfs *vfs, const char *name, int flags,
    int *out);
static int shim_close(sqlite3_file *file);
static int shim_read(sqlite3_file *file, void *p, int n, sqlite3_int64 offset);
static int shim_write(sqlite3_file *file, const void *p, int n,
    sqlite3_int64 offset);
static int shim_truncate(sqlite3_file *file, sqlite3_int64 size);
static int shim_sync(sqlite3_file *file, int flags);
static int shim_size(sqlite3_file *file, sqlite3_int64 *size);
static int shim_lock(sqlite3_file *file, int level);
static int shim_unlock(sqlite3_file *file, int level);
static int shim_reserved(sqlite3_file *file, int *out);
static int shim_control(sqlite3_file *file, int op, void *arg);
static int shim_sector(sqlite3_file *file);
static int shim_device(sqlite3_file *file);
static int shim_shm_map(sqlite3_file *file, int page, int size, int extend,
    void volatile **p);
static int shim_shm_lock(sqlite3_file *file, int offset, int n, int flags);
static void shim_shm_barrier(sqlite3_file *file);
static int shim_shm_unmap(sqlite3_file *file, int delete);


static sqlite3_vfs  *shim_real, shim_vfs;


/* the methods of version 2: there is no memory map of the database */

static const sqlite3_io_methods  shim_methods = {
    2, shim_close, shim_read, shim_write, shim_truncate, shim_sync, shim_size,
    shim_lock, shim_unlock, shim_reserved, shim_control, shim_sector,
    shim_device, shim_shm_map, shim_shm_lock, shim_shm_barrier,
    shim_shm_unmap, NULL, NULL
};


void
shim_vfs_register(void)
{
    (void) sqlite3_initialize();
    shim_real = sqlite3_vfs_find(NULL);

    shim_vfs = *shim_real;
    shim_vfs.zName = "shim";
    shim_vfs.szOsFile = (int) sizeof(shim_file_t) + shim_real->szOsFile;
    shim_vfs.pAppData = shim_real;
    shim_vfs.xOpen = shim_vfs_open;
    shim_vfs.xDelete = shim_vfs_delete;
    shim_vfs.xAccess = shim_vfs_access;

    (void) sqlite3_vfs_register(&shim_vfs, 1);
}


static int
shim_code(const char *call, const char *path, int error)
{
    int          rc;
    shim_what_e  what;

    shim_enter();

    what = shim_call(call, path);
    rc = what == SHIM_FULL ? SQLITE_FULL : what == SHIM_BUSY ? SQLITE_BUSY
         : what == SHIM_ERROR ? error : what == SHIM_TORN ? -1 : SQLITE_OK;

    shim_leave();

    return rc;
}


static shim_file_t *
shim_file(sqlite3_file *file)
{
    return (shim_file_t *) (void *) file;
}


static sqlite3_file *
shim_inner(sqlite3_file *file)
{
    return shim_file(file)->real;
}


static int
shim_vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file,
    int flags, int *out)
{
    int           rc;
    shim_file_t  *f;

    (void) vfs;

    f = shim_file(file);
    memset(f, 0, sizeof(shim_file_t));
    f->real = (sqlite3_file *) (void *) (f + 1);
    (void) snprintf(f->path, sizeof(f->path), "%s", name ? name : "");

    rc = shim_code("db-open", name, SQLITE_CANTOPEN);

    if (rc == SQLITE_OK) {
        rc = shim_real->xOpen(shim_real, name, f->real, flags, out);
    }

    f->file.pMethods = rc == SQLITE_OK ? &shim_methods : NULL;

    return rc;
}


static int
shim_vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    int  rc;

    (void) vfs;

    rc = shim_code("db-delete", name, SQLITE_IOERR_DELETE);

    return rc ? rc : shim_real->xDelete(shim_real, name, sync);
}


static int
shim_vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    int  rc;

    (void) vfs;

    rc = shim_code("db-access", name, SQLITE_IOERR_ACCESS);

    return rc ? rc : shim_real->xAccess(shim_real, name, flags, out);
}


static int
shim_close(sqlite3_file *file)
{
    return shim_inner(file)->pMethods->xClose(shim_inner(file));
}


static int
shim_read(sqlite3_file *file, void *p, int n, sqlite3_int64 offset)
{
    int  rc;

    rc = shim_code("db-read", shim_file(file)->path, SQLITE_IOERR_READ);

    return rc ? rc : shim_inner(file)->pMethods->xRead(shim_inner(file), p, n,
                                                       offset);
}


/* of a torn write half is on the disk, and nothing else that is new */

static int
shim_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 offset)
{
    int  rc, fd;

    rc = shim_code("db-write", shim_file(file)->path, SQLITE_IOERR_WRITE);

    if (rc == -1) {
        shim_enter();
        fd = (int) syscall(SYS_openat, AT_FDCWD, shim_file(file)->path,
                           O_WRONLY|O_CLOEXEC);
        (void) !syscall(SYS_pwrite64, fd, p, n / 2, offset);
        shim_power_lost();
    }

    return rc ? rc : shim_inner(file)->pMethods->xWrite(shim_inner(file), p, n,
                                                        offset);
}


static int
shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int  rc;

    rc = shim_code("db-truncate", shim_file(file)->path, SQLITE_IOERR_TRUNCATE);

    return rc ? rc : shim_inner(file)->pMethods->xTruncate(shim_inner(file),
                                                           size);
}


static int
shim_sync(sqlite3_file *file, int flags)
{
    int  rc;

    rc = shim_code("db-sync", shim_file(file)->path, SQLITE_IOERR_FSYNC);

    return rc ? rc : shim_inner(file)->pMethods->xSync(shim_inner(file), flags);
}


static int
shim_size(sqlite3_file *file, sqlite3_int64 *size)
{
    int  rc;

    rc = shim_code("db-size", shim_file(file)->path, SQLITE_IOERR_FSTAT);

    return rc ? rc : shim_inner(file)->pMethods->xFileSize(shim_inner(file),
                                                           size);
}


static int
shim_lock(sqlite3_file *file, int level)
{
    int  rc;

    rc = shim_code("db-lock", shim_file(file)->path, SQLITE_IOERR_LOCK);

    return rc ? rc : shim_inner(file)->pMethods->xLock(shim_inner(file), level);
}


static int
shim_unlock(sqlite3_file *file, int level)
{
    return shim_inner(file)->pMethods->xUnlock(shim_inner(file), level);
}


static int
shim_reserved(sqlite3_file *file, int *out)
{
    return shim_inner(file)->pMethods->xCheckReservedLock(shim_inner(file),
                                                          out);
}


static int
shim_control(sqlite3_file *file, int op, void *arg)
{
    return shim_inner(file)->pMethods->xFileControl(shim_inner(file), op, arg);
}


static int
shim_sector(sqlite3_file *file)
{
    return shim_inner(file)->pMethods->xSectorSize(shim_inner(file));
}


static int
shim_device(sqlite3_file *file)
{
    return shim_inner(file)->pMethods->xDeviceCharacteristics(shim_inner(file));
}


static int
shim_shm_map(sqlite3_file *file, int page, int size, int extend,
    void volatile **p)
{
    int  rc;

    rc = shim_code("db-shm-map", shim_file(file)->path, SQLITE_IOERR_SHMMAP);

    return rc ? rc : shim_inner(file)->pMethods->xShmMap(shim_inner(file), page,
                                                         size, extend, p);
}


/* a lock that is given back is never refused */

static int
shim_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    int  rc;

    rc = flags & SQLITE_SHM_UNLOCK ? SQLITE_OK
         : shim_code("db-shm-lock", shim_file(file)->path,
                     SQLITE_IOERR_SHMLOCK);

    return rc ? rc : shim_inner(file)->pMethods->xShmLock(shim_inner(file),
                                                          offset, n, flags);
}


static void
shim_shm_barrier(sqlite3_file *file)
{
    shim_inner(file)->pMethods->xShmBarrier(shim_inner(file));
}


static int
shim_shm_unmap(sqlite3_file *file, int delete)
{
    return shim_inner(file)->pMethods->xShmUnmap(shim_inner(file), delete);
}
