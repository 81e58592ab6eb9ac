
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Names that Python has in use.
 */


#ifndef _SJL_PYTHON_H_INCLUDED_
#define _SJL_PYTHON_H_INCLUDED_


#include "sjl.h"


/*
 * Whether a module of this name would take the place of one that Python, or
 * what runs jobs in it, imports itself.
 */
int sjl_python_is_taken(const char *name);


#endif /* _SJL_PYTHON_H_INCLUDED_ */
