
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * A library to be preloaded (make prove-onebyte): whatever a process reads from
 * a socket or writes to it goes by single bytes, and one that does not block is
 * not ready for every second write, so that its reader has to wait within each
 * frame.  Descriptors still go with the byte that they were sent with.
 *
 * Sockets without a name are left alone: nginx takes it for granted that its
 * master's messages to the workers come whole.  Where epoll tells of edges it
 * is made to tell of this one again, since bytes are left.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>


#define ONEBYTE_FDS    65536
#define ONEBYTE_LARGE  65536
#define ONEBYTE_PIECE  97

#define onebyte_real(type, name)                                              \
    static type  real;                                                        \
                                                                              \
    if (real == NULL) {                                                       \
        real = (type) onebyte_next(name);                                     \
    }


typedef int (*onebyte_epoll_pt)(int ep, int op, int fd,
    struct epoll_event *event);


typedef enum {
    ONEBYTE_UNKNOWN = 0,
    ONEBYTE_OTHER,
    ONEBYTE_UNIX,
    ONEBYTE_TCP
} onebyte_kind_e;


typedef struct {
    onebyte_kind_e      kind;
    int                 ep;
    struct epoll_event  event;      /* of no events: there is none */
    size_t              bytes;
    unsigned            turn:1;
} onebyte_fd_t;


static void onebyte_again(int fd);
static onebyte_kind_e onebyte_kind(int fd);
static ssize_t onebyte_size(int fd, size_t size, int writes);
static void *onebyte_next(const char *name);


static onebyte_fd_t      onebyte_fds[ONEBYTE_FDS];
static onebyte_epoll_pt  onebyte_epoll;


/* how much may be asked for; -1: nothing, this time */

static ssize_t
onebyte_size(int fd, size_t size, int writes)
{
    int             err;
    onebyte_fd_t   *f;
    onebyte_kind_e  kind;

    err = errno;
    kind = onebyte_kind(fd);
    errno = err;

    if (size == 0 || kind == ONEBYTE_OTHER) {
        return size;
    }

    f = &onebyte_fds[fd];

    onebyte_again(fd);

    if (writes && (fcntl(fd, F_GETFL) & O_NONBLOCK) && (f->turn ^= 1)) {
        errno = EAGAIN;
        return -1;
    }

    errno = err;

    if (kind == ONEBYTE_UNIX || f->bytes < ONEBYTE_LARGE) {
        f->bytes++;
        return 1;
    }

    return size < ONEBYTE_PIECE ? size : ONEBYTE_PIECE;
}


static void
onebyte_again(int fd)
{
    onebyte_fd_t  *f;

    f = &onebyte_fds[fd];

    if (f->event.events) {
        (void) onebyte_epoll(f->ep, EPOLL_CTL_MOD, fd, &f->event);
    }
}


int
epoll_ctl(int ep, int op, int fd, struct epoll_event *event)
{
    if (onebyte_epoll == NULL) {
        onebyte_epoll = (onebyte_epoll_pt) onebyte_next("epoll_ctl");
    }

    if (fd >= 0 && fd < ONEBYTE_FDS) {
        onebyte_fds[fd].event.events = 0;

        if (op != EPOLL_CTL_DEL && (event->events & EPOLLET)) {
            onebyte_fds[fd].ep = ep;
            onebyte_fds[fd].event = *event;
        }
    }

    return onebyte_epoll(ep, op, fd, event);
}


/* closed without EPOLL_CTL_DEL */

int
close(int fd)
{
    typedef int (*onebyte_close_pt)(int fd);

    onebyte_real(onebyte_close_pt, "close");

    if (fd >= 0 && fd < ONEBYTE_FDS) {
        memset(&onebyte_fds[fd], 0, sizeof(onebyte_fd_t));
    }

    return real(fd);
}


/* a stream over TCP, or over a Unix socket that has a path at one end */

static onebyte_kind_e
onebyte_kind(int fd)
{
    int           type;
    socklen_t     len;
    onebyte_fd_t  *f;

    union {
        struct sockaddr     sa;
        struct sockaddr_un  un;
        char                space[128];
    } addr;

    if (fd < 0 || fd >= ONEBYTE_FDS) {
        return ONEBYTE_OTHER;
    }

    f = &onebyte_fds[fd];

    if (f->kind != ONEBYTE_UNKNOWN) {
        return f->kind;
    }

    len = sizeof(type);

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == -1
        || type != SOCK_STREAM)
    {
        return ONEBYTE_OTHER;
    }

    memset(&addr, 0, sizeof(addr));
    len = sizeof(addr);

    if (getsockname(fd, &addr.sa, &len) == -1) {
        return ONEBYTE_OTHER;
    }

    if (addr.sa.sa_family != AF_UNIX) {
        f->kind = ONEBYTE_TCP;
        return f->kind;
    }

    if (addr.un.sun_path[0] == '\0') {
        len = sizeof(addr);

        if (getpeername(fd, &addr.sa, &len) == -1
            || addr.un.sun_path[0] == '\0')
        {
            return ONEBYTE_OTHER;
        }
    }

    f->kind = ONEBYTE_UNIX;

    return f->kind;
}


static void *
onebyte_next(const char *name)
{
    void  *f;

    f = dlsym(RTLD_NEXT, name);

    if (f == NULL) {
        abort();
    }

    return f;
}


typedef ssize_t (*onebyte_read_pt)(int fd, void *buf, size_t size);
typedef ssize_t (*onebyte_write_pt)(int fd, const void *buf, size_t size);
typedef ssize_t (*onebyte_recv_pt)(int fd, void *buf, size_t size, int flags);
typedef ssize_t (*onebyte_send_pt)(int fd, const void *buf, size_t size,
    int flags);
typedef ssize_t (*onebyte_recvmsg_pt)(int fd, struct msghdr *msg, int flags);
typedef ssize_t (*onebyte_sendmsg_pt)(int fd, const struct msghdr *msg,
    int flags);
typedef ssize_t (*onebyte_sendfile_pt)(int fd, int file, off_t *offset,
    size_t size);
typedef ssize_t (*onebyte_iov_pt)(int fd, const struct iovec *iov, int n);


ssize_t
read(int fd, void *buf, size_t size)
{
    onebyte_real(onebyte_read_pt, "read");

    return real(fd, buf, onebyte_size(fd, size, 0));
}


ssize_t
__read_chk(int fd, void *buf, size_t size, size_t room)
{
    return read(fd, buf, size < room ? size : room);
}


ssize_t
write(int fd, const void *buf, size_t size)
{
    ssize_t  n;

    onebyte_real(onebyte_write_pt, "write");

    n = onebyte_size(fd, size, 1);

    return (n == -1) ? -1 : real(fd, buf, n);
}


ssize_t
recv(int fd, void *buf, size_t size, int flags)
{
    onebyte_real(onebyte_recv_pt, "recv");

    return real(fd, buf, onebyte_size(fd, size, 0), flags);
}


ssize_t
__recv_chk(int fd, void *buf, size_t size, size_t room, int flags)
{
    return recv(fd, buf, size < room ? size : room, flags);
}


ssize_t
send(int fd, const void *buf, size_t size, int flags)
{
    ssize_t  n;

    onebyte_real(onebyte_send_pt, "send");

    n = onebyte_size(fd, size, 1);

    return (n == -1) ? -1 : real(fd, buf, n, flags);
}


/* the first piece that is not empty, or NULL */

static const struct iovec *
onebyte_piece(const struct iovec *iov, size_t n)
{
    for ( /* void */ ; n; n--, iov++) {

        if (iov->iov_len) {
            return iov;
        }
    }

    return NULL;
}


ssize_t
recvmsg(int fd, struct msghdr *msg, int flags)
{
    ssize_t              n;
    struct iovec         one;
    struct msghdr        m;
    const struct iovec  *piece;

    onebyte_real(onebyte_recvmsg_pt, "recvmsg");

    piece = onebyte_piece(msg->msg_iov, msg->msg_iovlen);

    if (piece == NULL || onebyte_kind(fd) == ONEBYTE_OTHER) {
        return real(fd, msg, flags);
    }

    (void) onebyte_size(fd, 1, 0);

    m = *msg;
    one.iov_base = piece->iov_base;
    one.iov_len = 1;
    m.msg_iov = &one;
    m.msg_iovlen = 1;

    n = real(fd, &m, flags);

    msg->msg_controllen = m.msg_controllen;
    msg->msg_namelen = m.msg_namelen;
    msg->msg_flags = m.msg_flags;

    return n;
}


ssize_t
sendmsg(int fd, const struct msghdr *msg, int flags)
{
    struct iovec         one;
    struct msghdr        m;
    const struct iovec  *piece;

    onebyte_real(onebyte_sendmsg_pt, "sendmsg");

    piece = onebyte_piece(msg->msg_iov, msg->msg_iovlen);

    if (piece == NULL || onebyte_kind(fd) == ONEBYTE_OTHER) {
        return real(fd, msg, flags);
    }

    if (onebyte_size(fd, 1, 1) == -1) {
        return -1;
    }

    m = *msg;
    one.iov_base = piece->iov_base;
    one.iov_len = 1;
    m.msg_iov = &one;
    m.msg_iovlen = 1;

    return real(fd, &m, flags);
}


ssize_t
readv(int fd, const struct iovec *iov, int n)
{
    const struct iovec  *piece;

    onebyte_real(onebyte_iov_pt, "readv");

    piece = onebyte_piece(iov, n);

    if (piece && onebyte_kind(fd) != ONEBYTE_OTHER) {
        return read(fd, piece->iov_base, 1);
    }

    return real(fd, iov, n);
}


ssize_t
writev(int fd, const struct iovec *iov, int n)
{
    const struct iovec  *piece;

    onebyte_real(onebyte_iov_pt, "writev");

    piece = onebyte_piece(iov, n);

    if (piece && onebyte_kind(fd) != ONEBYTE_OTHER) {
        return write(fd, piece->iov_base, 1);
    }

    return real(fd, iov, n);
}


ssize_t
sendfile(int fd, int file, off_t *offset, size_t size)
{
    ssize_t  n;

    onebyte_real(onebyte_sendfile_pt, "sendfile");

    n = onebyte_size(fd, size, 1);

    return (n == -1) ? -1 : real(fd, file, offset, n);
}


ssize_t
sendfile64(int fd, int file, off64_t *offset, size_t size)
{
    return sendfile(fd, file, (off_t *) offset, size);
}
