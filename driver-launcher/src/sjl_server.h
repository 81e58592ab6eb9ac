
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The launcher as a whole: how it starts, runs and ends.
 */


#ifndef _SJL_SERVER_H_INCLUDED_
#define _SJL_SERVER_H_INCLUDED_


#include "sjl.h"


/*
 * Runs with the configuration sjl_conf until a signal ends it.  Returns SJL_OK,
 * or SJL_ERROR when it could not start.
 */
int sjl_server_run(void);

/* whether the launcher ends: nothing new is begun then */
int sjl_server_ending(void);

/* milliseconds since the start */
int64_t sjl_server_age(void);


#endif /* _SJL_SERVER_H_INCLUDED_ */
