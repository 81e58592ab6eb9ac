
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The schema of the SQLite DAO, and how an older one becomes the present one.
 */


#ifndef _SJL_DAO_SCHEMA_H_INCLUDED_
#define _SJL_DAO_SCHEMA_H_INCLUDED_


#include "sjl.h"

#include <sqlite3.h>


/*
 * Runs the migrations that a database lacks, each in a transaction.  Returns
 * SJL_ERROR when one fails, or the database is newer than this launcher; *why,
 * to be freed, tells how then.
 */
int sjl_sqlite_migrate(sqlite3 *db, char **why);

/*
 * Whether a database is one of this launcher's version; *why, to be freed,
 * tells what it is otherwise.
 */
int sjl_sqlite_is_present(sqlite3 *db, char **why);


#endif /* _SJL_DAO_SCHEMA_H_INCLUDED_ */
