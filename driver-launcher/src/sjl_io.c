
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_io.h"


/* the kernel passes no more at once */
#define SJL_IO_SCM_MAX  253


static ssize_t sjl_io_unix_read(sjl_io_t *io, void *p, size_t n);
static int sjl_io_keep_fds(sjl_io_t *io, struct msghdr *msg);
static ssize_t sjl_io_unix_write(sjl_io_t *io, const struct iovec *iov,
    size_t n, int fd);
static ssize_t sjl_io_tcp_read(sjl_io_t *io, void *p, size_t n);
static ssize_t sjl_io_tcp_write(sjl_io_t *io, const struct iovec *iov,
    size_t n, int fd);
static ssize_t sjl_io_send(sjl_io_t *io, const struct msghdr *msg);
static void sjl_io_socket_close(sjl_io_t *io);


const sjl_io_type_t  sjl_io_unix = {
    sjl_io_unix_read, sjl_io_unix_write, sjl_io_socket_close
};

const sjl_io_type_t  sjl_io_tcp = {
    sjl_io_tcp_read, sjl_io_tcp_write, sjl_io_socket_close
};


static ssize_t
sjl_io_unix_read(sjl_io_t *io, void *p, size_t n)
{
    ssize_t        got;
    struct iovec   iov;
    struct msghdr  msg;

    union {
        struct cmsghdr  align;
        char            space[CMSG_SPACE(SJL_IO_SCM_MAX * sizeof(int))];
    } control;

    iov.iov_base = p;
    iov.iov_len = n;

    memset(&msg, 0, sizeof(msg));
    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    msg.msg_control = control.space;
    msg.msg_controllen = sizeof(control.space);

    got = recvmsg(io->fd, &msg, MSG_CMSG_CLOEXEC);

    if (got != -1 && sjl_io_keep_fds(io, &msg) == SJL_ERROR) {
        io->why = "it passes more descriptors than frames";
        errno = EPROTO;
        return -1;
    }

    return got;
}


static int
sjl_io_keep_fds(sjl_io_t *io, struct msghdr *msg)
{
    int              fd, rc;
    size_t           i, n;
    struct cmsghdr  *cmsg;

    rc = SJL_OK;

    for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {

        if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS) {
            continue;
        }

        n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        for (i = 0; i < n; i++) {
            memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));

            if (io->nfds == SJL_IO_FDS) {
                (void) close(fd);
                rc = SJL_ERROR;
                continue;
            }

            io->fds[io->nfds++] = fd;
        }
    }

    return msg->msg_flags & MSG_CTRUNC ? SJL_ERROR : rc;
}


static ssize_t
sjl_io_unix_write(sjl_io_t *io, const struct iovec *iov, size_t n, int fd)
{
    struct msghdr    msg;
    struct cmsghdr  *cmsg;

    union {
        struct cmsghdr  align;
        char            space[CMSG_SPACE(sizeof(int))];
    } control;

    memset(&msg, 0, sizeof(msg));
    msg.msg_iov = (struct iovec *) iov;
    msg.msg_iovlen = n;

    if (fd != -1) {
        memset(&control, 0, sizeof(control));
        msg.msg_control = control.space;
        msg.msg_controllen = sizeof(control.space);

        cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
    }

    return sjl_io_send(io, &msg);
}


static ssize_t
sjl_io_tcp_read(sjl_io_t *io, void *p, size_t n)
{
    return recv(io->fd, p, n, 0);
}


static ssize_t
sjl_io_tcp_write(sjl_io_t *io, const struct iovec *iov, size_t n, int fd)
{
    struct msghdr  msg;

    (void) fd;

    memset(&msg, 0, sizeof(msg));
    msg.msg_iov = (struct iovec *) iov;
    msg.msg_iovlen = n;

    return sjl_io_send(io, &msg);
}


static ssize_t
sjl_io_send(sjl_io_t *io, const struct msghdr *msg)
{
    return sendmsg(io->fd, msg, MSG_NOSIGNAL);
}


static void
sjl_io_socket_close(sjl_io_t *io)
{
    (void) close(io->fd);
}


int
sjl_io_take_fd(sjl_io_t *io)
{
    int  fd;

    if (io->nfds == 0) {
        return -1;
    }

    fd = io->fds[0];
    memmove(io->fds, io->fds + 1, --io->nfds * sizeof(int));

    return fd;
}


int
sjl_io_pending(const sjl_io_t *io)
{
    return io->ssl && SSL_pending(io->ssl) > 0;
}


void
sjl_io_close(sjl_io_t *io)
{
    io->type->close(io);

    while (io->nfds) {
        (void) close(io->fds[--io->nfds]);
    }
}
