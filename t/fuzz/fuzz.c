
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "fuzz.h"

#include <sparkjob_protocol.h>

#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>


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


void
fuzz_send(int fd, unsigned type, uint32_t stream, const char *meta, size_t size,
    const char *payload, int file)
{
    int            body;
    size_t         rest;
    sjp_header_t   h;
    struct iovec   iov[3];
    struct msghdr  msg;
    unsigned char  header[SJP_HEADER_SIZE];

    union {
        struct cmsghdr  cm;
        char            space[CMSG_SPACE(sizeof(int))];
    } control;

    memset(&msg, 0, sizeof(msg));
    body = -1;
    rest = strlen(payload);

    if (file) {
        body = memfd_create("body", MFD_CLOEXEC);
        fuzz_check(body != -1);
        fuzz_check(write(body, payload, rest) == (ssize_t) rest);
        rest = 0;

        memset(&control, 0, sizeof(control));
        control.cm.cmsg_level = SOL_SOCKET;
        control.cm.cmsg_type = SCM_RIGHTS;
        control.cm.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.cm), &body, sizeof(int));
        msg.msg_control = &control;
        msg.msg_controllen = sizeof(control);
    }

    h.type = (uint16_t) type;
    h.flags = file ? SJP_FLAG_FD : 0;
    h.stream = stream;
    h.meta = (uint32_t) size;
    h.length = h.meta + (uint32_t) rest;
    sjp_header_encode(header, &h);

    iov[0].iov_base = header;
    iov[0].iov_len = sizeof(header);
    iov[1].iov_base = (void *) (uintptr_t) meta;
    iov[1].iov_len = size;
    iov[2].iov_base = (void *) (uintptr_t) payload;
    iov[2].iov_len = rest;
    msg.msg_iov = iov;
    msg.msg_iovlen = 3;

    /* that the other end has closed it is read later */

    (void) sendmsg(fd, &msg, MSG_NOSIGNAL);

    if (body != -1) {
        (void) close(body);
    }
}
