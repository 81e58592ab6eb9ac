
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Copies of files, by the kernel.
 */


#ifndef _SJL_COPY_H_INCLUDED_
#define _SJL_COPY_H_INCLUDED_


#include "sjl.h"


/*
 * So many bytes, from a place of one descriptor, which may be one of memory, to
 * that which another is at.  Returns SJL_OK, or SJL_ERROR with errno; ENODATA:
 * there are fewer.
 */
int sjl_copy(int from, off_t at, int to, off_t size);

/*
 * To a new file of ours, synchronised; `flags` are more ones to open() the
 * other with.  One that is cut meanwhile is copied up to there.  Returns
 * SJL_OK, or SJL_ERROR with errno.
 */
int sjl_copy_file(const char *from, int flags, const char *to);


#endif /* _SJL_COPY_H_INCLUDED_ */
