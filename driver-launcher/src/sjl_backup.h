
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The command that copies a data folder, whether a launcher runs on it or not.
 */


#ifndef _SJL_BACKUP_H_INCLUDED_
#define _SJL_BACKUP_H_INCLUDED_


#include "sjl.h"


/*
 * Makes the folder "to", or uses it when it is empty, and puts there what the
 * folder "from" has at one moment, so that a launcher can start on it.  Returns
 * SJL_OK, or SJL_ERROR and has said why.
 */
int sjl_backup(const char *from, const char *to);


#endif /* _SJL_BACKUP_H_INCLUDED_ */
