
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "fuzz.h"

#include <fcntl.h>
#include <ftw.h>


#define FUZZ_MEMORY  "/dev/shm"


static void fuzz_folder_remove(void);
static int fuzz_remove(const char *path, const struct stat *sb, int type,
    struct FTW *ftw);


static char   fuzz_path[128];
static pid_t  fuzz_pid;


const char *
fuzz_folder(void)
{
    if (fuzz_path[0]) {
        return fuzz_path;
    }

    (void) snprintf(fuzz_path, sizeof(fuzz_path), "%s/sparkjob-fuzz-XXXXXX",
                    access(FUZZ_MEMORY, W_OK) == 0 ? FUZZ_MEMORY : P_tmpdir);

    fuzz_check(mkdtemp(fuzz_path) != NULL);

    fuzz_pid = getpid();
    fuzz_check(atexit(fuzz_folder_remove) == 0);

    return fuzz_path;
}


static void
fuzz_folder_remove(void)
{
    if (getpid() == fuzz_pid) {
        (void) nftw(fuzz_path, fuzz_remove, 16, FTW_DEPTH|FTW_PHYS);
    }
}


static int
fuzz_remove(const char *path, const struct stat *sb, int type,
    struct FTW *ftw)
{
    (void) sb;
    (void) type;
    (void) ftw;

    return remove(path);
}


const char *
fuzz_file(const char *name, const void *data, size_t size)
{
    int          fd;
    static char  path[256];

    (void) snprintf(path, sizeof(path), "%s/%s", fuzz_folder(), name);

    fd = open(path, O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0600);
    fuzz_check(fd != -1);
    fuzz_check(write(fd, data, size) == (ssize_t) size);
    fuzz_check(close(fd) == 0);

    return path;
}
