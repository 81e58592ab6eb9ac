
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Where a module finds the Spark UI of a context.
 *
 * A driver is user code: what it says of its UI is not believed but for the
 * port.  The address is that of the driver's host, and on our own host there
 * has to be a socket of the driver's process that listens.  So who opens the UI
 * reaches nothing that the driver cannot reach itself.  An application of YARN
 * is asked through YARN's own proxy, see sjl_yarn.h.
 */


#ifndef _SJL_UI_H_INCLUDED_
#define _SJL_UI_H_INCLUDED_


#include "sjl_driver.h"
#include "sjl_request.h"


/* message */
void sjl_ui_find(sjl_conn_t *c, sjl_frame_t *f);

/* answers that a context has none, and logs why */
void sjl_ui_none(sjl_request_t *r, const char *name, const char *why);

/*
 * The address at which a port of the driver's own is reached, as "127.0.0.1"
 * or "[::1]", to be freed; NULL: it has no such port, and why, which is to be
 * freed, says so.
 */
char *sjl_ui_host(const sjl_driver_t *d, unsigned port, char **why);

/*
 * The address at which something that listens on the port is reached, if its
 * socket is of that process, as "127.0.0.1" or "[::1]", to be freed; or NULL.
 */
char *sjl_ui_listener(pid_t pid, unsigned port);

/*
 * Where a connection comes from, likewise; NULL if that is this host by a Unix
 * socket, or is not known any longer.
 */
char *sjl_ui_peer(int fd);


#endif /* _SJL_UI_H_INCLUDED_ */
