
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The command that looks whether a data folder is as it should be.
 */


#ifndef _SJL_CHECK_H_INCLUDED_
#define _SJL_CHECK_H_INCLUDED_


#include "sjl.h"


/*
 * Prints a line for each thing that is wrong in a data folder, and changes
 * nothing.  Returns SJL_OK when there is none.
 */
int sjl_check(const char *folder);


#endif /* _SJL_CHECK_H_INCLUDED_ */
