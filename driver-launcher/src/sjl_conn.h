
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * A connection that carries frames, of a module or of a driver.  What is sent
 * is written when the loop's turn ends, many frames at once.
 */


#ifndef _SJL_CONN_H_INCLUDED_
#define _SJL_CONN_H_INCLUDED_


#include "sjl_io.h"


typedef struct sjl_conn_s     sjl_conn_t;
typedef struct sjl_request_s  sjl_request_t;
typedef struct sjl_out_s      sjl_out_t;
typedef struct sjl_drain_s    sjl_drain_t;
typedef struct sjl_spool_s    sjl_spool_t;


/* who is at the other end, as the letters in SJP_MESSAGES */

typedef enum {
    SJL_ROLE_UNKNOWN = 0,               /* it has not said hello */
    SJL_ROLE_MODULE = 'M',
    SJL_ROLE_DRIVER = 'D'
} sjl_role_e;


/* all of it is the connection's, and good until the handler returns */

typedef struct {
    uint16_t     type;
    uint32_t     stream;
    json_t      *meta;
    size_t       meta_size;             /* as text */
    const char  *payload;
    size_t       size;
    int          fd;                    /* set to -1 by who takes it */
} sjl_frame_t;


/* somebody who goes on when the peer has read, or is gone */

struct sjl_drain_s {
    void       (*fn)(sjl_drain_t *drain);
    sjl_drain_t  *next;
};


struct sjl_conn_s {
    sjl_io_t        io;
    sjl_role_e      role;               /* by its hello */
    unsigned        number;
    char           *name;               /* of who has connected, for logs */
    pid_t           pid;                /* 0: it is remote */
    uid_t           uid;
    int64_t         since;              /* of its hello */

    unsigned        greeted:1;
    unsigned        driver:1;           /* it may be nothing else */
    unsigned        closed:1;
    unsigned        broken:1;           /* it sent what no frame may be */
    unsigned        finishing:1;        /* to be closed once all is sent */
    unsigned        flushing:1;         /* in the list of those to be written */
    unsigned        held:1;             /* the next frame has to wait */
    unsigned        last:1;             /* nothing more will come: none waits */

    ev_io           read;
    ev_io           write;
    ev_timer        timer;              /* until it has said hello */
    ev_timer        rest;               /* until a driver is read again */

    char           *in;
    size_t          in_size;
    size_t          in_len;

    sjl_out_t      *out;
    sjl_out_t     **out_last;
    size_t          queued;             /* bytes */
    sjl_drain_t    *drains;

    sjl_spool_t    *spool;              /* of a payload that comes in pieces */
    sjl_request_t  *requests;           /* not answered yet */

    void           *data;               /* of the role */
    uint64_t        received;
    uint64_t        sent;

    sjl_conn_t     *next;
    sjl_conn_t     *prev;
    sjl_conn_t     *flush_next;
};


/* all connections */
extern sjl_conn_t  *sjl_conns;


/* takes over a socket that somebody has connected to */
sjl_conn_t *sjl_conn_make(const sjl_io_t *io, const struct ucred *peer,
    const char *name);

/* closes all connections, after a last attempt to send what waits */
void sjl_conn_stop(void);

/*
 * Sends a frame.  The metadata is not kept; "fd" is closed after it was sent,
 * -1 is none.
 */
void sjl_conn_send(sjl_conn_t *c, sjp_type_e type, uint32_t stream,
    const json_t *meta, const void *payload, size_t size, int fd);

/*
 * Sends a message on stream 0, and ahead of it all of a file in pieces; fd is
 * closed after that.
 */
void sjl_conn_send_file(sjl_conn_t *c, sjp_type_e type, const json_t *meta,
    int fd, off_t size);

/* how many files are on their way so */
size_t sjl_conn_files(sjl_conn_t *c);

/* sends one frame, on stream 0, to all modules that have said hello */
void sjl_conn_broadcast(sjp_type_e type, const json_t *meta,
    const void *payload, size_t size);

/* handles what has come until now; the connection may be closed after it */
void sjl_conn_read_all(sjl_conn_t *c);

/* what has waited within it, see sjl_spool_waits(), need not wait any longer */
void sjl_conn_resume(sjl_conn_t *c);

/* whether the peer has much to read yet */
int sjl_conn_busy(sjl_conn_t *c);

/* whether anybody has not taken yet what it is sent */
int sjl_conn_unsent(void);

/* has a function called, once, when sjl_conn_busy() ends or c is closed */
void sjl_conn_when_drained(sjl_conn_t *c, sjl_drain_t *drain);

/* closes a connection once what was sent until now has gone */
void sjl_conn_finish(sjl_conn_t *c);

/*
 * Closes a connection; what was to be sent is forgotten.  c stays readable
 * until the loop's turn ends.
 */
void sjl_conn_close(sjl_conn_t *c);


#endif /* _SJL_CONN_H_INCLUDED_ */
