
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Spare drivers: they were started before a context needs them, have loaded and
 * used Spark, and wait.  A context whose driver would be started in just that
 * way gets one, and is ready in a fraction of the time.  Each library set says
 * how many it is to have.
 *
 * A spare has an id and a folder of its own, as if it were a context's.  The
 * folder is renamed when a context is made; the spare is told whose it is when
 * the context's row is durable, and comes then as any driver does.  No row
 * tells of spares: those that another launcher has left end by themselves when
 * their link breaks, or are found as processes that belong to no context.
 */


#ifndef _SJL_SPARE_H_INCLUDED_
#define _SJL_SPARE_H_INCLUDED_


#include "sjl_context.h"


void sjl_spare_start(void);

/* the configuration has changed, or a library set */
void sjl_spare_again(void);

/* how many there are to be, by all library sets */
int64_t sjl_spare_wanted(void);

/* ends those that wait; there will be no others */
void sjl_spare_stop(void);

/* how many there are that have no context, also those that are about to end */
size_t sjl_spare_count(void);

/*
 * Keeps a spare for a context that is about to be made, if there is one that
 * fits.  Returns its folder, to be freed and to be renamed, or NULL.
 */
char *sjl_spare_take(sjl_context_t *ctx);

/* the driver of a context that has kept one; NULL: it is not there any more */
sjl_driver_t *sjl_spare_give(sjl_context_t *ctx);

/* the context does not need the one that it has kept, if it has */
void sjl_spare_leave(sjl_context_t *ctx);

/* a spare says hello; SJL_ERROR: it is none */
int sjl_spare_hello(sjl_conn_t *c, const char *id, const char *secret);

/* a process that was started as a spare has ended */
void sjl_spare_ended(sjl_driver_t *d, int status);


#endif /* _SJL_SPARE_H_INCLUDED_ */
