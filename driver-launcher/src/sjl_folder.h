
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Folders of contexts: made, swept and removed on the file thread.
 */


#ifndef _SJL_FOLDER_H_INCLUDED_
#define _SJL_FOLDER_H_INCLUDED_


#include "sjl_files.h"


/*
 * Makes the folder "to" of a context, with all that is in it, and gives it to
 * its owner; fd or body, if there is any, becomes its context.conf.  Without
 * an owner it fails, and "why" is set already.
 */
int sjl_folder_make(sjl_file_op_t *op);

/* likewise, for what has no row: a mark says that somebody runs in it */
int sjl_folder_make_marked(sjl_file_op_t *op);

#define SJL_FOLDER_MARK  "/unrecorded"

/*
 * Removes what the folder of a context needs no longer when its driver has
 * ended, on the file thread; the path is freed.  "whole": of what is left only
 * what its jobs have said is needed.
 */
void sjl_folder_sweep(char *folder, int whole);

/* removes the folder with all that is in it, likewise */
void sjl_folder_remove(char *folder);

/* the same at once, on the file thread; SJL_ERROR: "why" is set */
int sjl_folder_clear(sjl_file_op_t *op, const char *folder);

/* makes a folder if it is not there; SJL_ERROR: errno tells why not */
int sjl_folder_add(const char *path);

/* removes a file, or a folder with all that is in it, if it is there */
int sjl_folder_remove_tree(const char *path);


#endif /* _SJL_FOLDER_H_INCLUDED_ */
