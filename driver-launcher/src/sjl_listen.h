
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The socket that modules and drivers connect to.
 */


#ifndef _SJL_LISTEN_H_INCLUDED_
#define _SJL_LISTEN_H_INCLUDED_


#include "sjl_endpoint.h"


/* a socket that listens; whoever has come is handed to a function */

typedef struct {
    ev_io      io;
    ev_timer   pause;                   /* while there are no descriptors */
    char      *name;
    void     (*accepted)(int fd, const sjl_endpoint_t *from);
} sjl_listener_t;


/*
 * Listens on a Unix socket, in the place of one that nobody listens on.
 * Returns SJL_OK or SJL_ERROR, and has logged why.
 */
int sjl_listen(const char *path, mode_t mode);

/* listens no longer, and removes the socket */
void sjl_listen_stop(void);

/* takes over a socket that listens */
void sjl_listener_start(sjl_listener_t *listener, int fd, const char *name,
    void (*accepted)(int fd, const sjl_endpoint_t *from));
void sjl_listener_stop(sjl_listener_t *listener);


#endif /* _SJL_LISTEN_H_INCLUDED_ */
