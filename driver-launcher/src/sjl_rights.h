
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The rights of the launcher itself.  One that is to start drivers as other
 * users needs four of root's: to become them, to end their processes, and to
 * give them the folders of their contexts.
 */


#ifndef _SJL_RIGHTS_H_INCLUDED_
#define _SJL_RIGHTS_H_INCLUDED_


#include "sjl.h"


/*
 * Becomes the configuration's "user", if we are root; gives up, also for all
 * programs that are started, what is not needed.  To be called before there is
 * any thread.  Returns SJL_OK or SJL_ERROR, and has logged why.
 */
int sjl_rights_drop(void);


#endif /* _SJL_RIGHTS_H_INCLUDED_ */
