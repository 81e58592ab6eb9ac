
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The TCP port that drivers connect to; only their secrets tell who they are.
 */


#ifndef _SJL_LISTEN_LINK_H_INCLUDED_
#define _SJL_LISTEN_LINK_H_INCLUDED_


#include "sjl.h"


/*
 * Listens where driver.link.listen says, if it says anything.  Returns SJL_OK
 * or SJL_ERROR, and has logged why.
 */
int sjl_listen_link(void);

void sjl_listen_link_stop(void);

/* what drivers are told: "tls://host:port" or "tcp://host:port", to be freed */
char *sjl_listen_link_url(void);


#endif /* _SJL_LISTEN_LINK_H_INCLUDED_ */
