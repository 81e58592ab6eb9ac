
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The socket that modules and drivers connect to.
 */


#ifndef _SJL_LISTEN_H_INCLUDED_
#define _SJL_LISTEN_H_INCLUDED_


#include "sjl.h"


/*
 * Listens on a Unix socket, in the place of one that nobody listens on.
 * Returns SJL_OK or SJL_ERROR, and has logged why.
 */
int sjl_listen(const char *path, mode_t mode);

/* listens no longer, and removes the socket */
void sjl_listen_stop(void);


#endif /* _SJL_LISTEN_H_INCLUDED_ */
