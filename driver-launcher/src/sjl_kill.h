
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Drivers that their cluster is to kill, and that no context has any longer:
 * kept until the cluster says that they are over, so that the next launcher
 * goes on with it.
 */


#ifndef _SJL_KILL_H_INCLUDED_
#define _SJL_KILL_H_INCLUDED_


#include "sjl_driver.h"
#include "sjl_row.h"


/*
 * To be called as long as the driver has its context, and before that is kept
 * as one that has ended; does nothing for drivers of this host.
 */
void sjl_kill_keep(sjl_driver_t *d);

/* its id is known now */
void sjl_kill_change(sjl_driver_t *d);

/* it is over */
void sjl_kill_forget(sjl_driver_t *d);

/* what another launcher has left, after its contexts; begins with the start */
void sjl_kill_adopt(const sjl_kill_row_t *row);
void sjl_kill_start(void);


#endif /* _SJL_KILL_H_INCLUDED_ */
