
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Reading from and writing to a connected socket that never blocks: a Unix
 * socket, which passes descriptors, too, TCP, or TLS over TCP.
 */


#ifndef _SJL_IO_H_INCLUDED_
#define _SJL_IO_H_INCLUDED_


#include "sjl.h"

#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/uio.h>


#define SJL_IO_FDS  64
#define SJL_IO_IOV  64


typedef struct sjl_io_s  sjl_io_t;


/*
 * As read() and sendmsg(): -1 with errno, where EAGAIN is "not now".  EPROTO is
 * the peer's fault, and io->why says which.  A descriptor goes with the first
 * byte of what is written; -1 is none.
 */

typedef struct {
    ssize_t  (*read)(sjl_io_t *io, void *p, size_t n);
    ssize_t  (*write)(sjl_io_t *io, const struct iovec *iov, size_t n, int fd);
    void     (*close)(sjl_io_t *io);
} sjl_io_type_t;


struct sjl_io_s {
    const sjl_io_type_t  *type;
    int                   fd;
    SSL                  *ssl;
    int                   fds[SJL_IO_FDS];  /* that have come with bytes */
    unsigned              nfds;
    unsigned              remote:1;         /* it passes no descriptors */
    unsigned              read_waits:1;     /* until it can be written */
    unsigned              write_waits:1;    /* until it can be read */
    unsigned              failed:1;         /* TLS has nothing more to say */
    const char           *why;
};


extern const sjl_io_type_t  sjl_io_unix;
extern const sjl_io_type_t  sjl_io_tcp;


/* the oldest descriptor that has come, or -1 */
int sjl_io_take_fd(sjl_io_t *io);

/* whether bytes were taken from the socket that read() has not given yet */
int sjl_io_pending(const sjl_io_t *io);

/* closes it, and all descriptors that have come and were not taken */
void sjl_io_close(sjl_io_t *io);


#endif /* _SJL_IO_H_INCLUDED_ */
