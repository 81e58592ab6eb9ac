
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The write-ahead log of a database, before SQLite reads it.
 */


#ifndef _SJL_WAL_H_INCLUDED_
#define _SJL_WAL_H_INCLUDED_


#include "sjl.h"


/*
 * How many commits lie behind the first frame that is damaged: SQLite passes
 * them over without a word.  Up to one is what a loss of power leaves; 0, too,
 * when there is no log, or none that can be read.
 */
size_t sjl_wal_lost(const char *path);


#endif /* _SJL_WAL_H_INCLUDED_ */
