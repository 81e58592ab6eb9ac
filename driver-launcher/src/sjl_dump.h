
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The live state, for people.
 */


#ifndef _SJL_DUMP_H_INCLUDED_
#define _SJL_DUMP_H_INCLUDED_


#include "sjl_conn.h"


/* message */
void sjl_dump(sjl_conn_t *c, sjl_frame_t *f);

/*
 * Asks the launcher that listens on a socket, and prints its state to stdout.
 * Returns SJL_OK, or SJL_ERROR and has told why on stderr.
 */
int sjl_dump_ask(const char *socket);


#endif /* _SJL_DUMP_H_INCLUDED_ */
