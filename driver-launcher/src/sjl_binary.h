
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Binaries: the newest version of each is in memory, the others are in the
 * database.  The bytes lie once in the binaries folder, whatever the names.
 */


#ifndef _SJL_BINARY_H_INCLUDED_
#define _SJL_BINARY_H_INCLUDED_


#include "sjl_conn.h"
#include "sjl_row.h"

#include <uthash.h>


typedef struct {
    sjl_binary_row_t  row;
    char             *damage;           /* what is wrong with its file */
    unsigned          deleting:1;
    UT_hash_handle    hh;               /* by name */
} sjl_binary_t;


extern sjl_binary_t  *sjl_binaries;


/* messages */
void sjl_binary_put(sjl_conn_t *c, sjl_frame_t *f);
void sjl_binary_delete(sjl_conn_t *c, sjl_frame_t *f);
void sjl_binary_get(sjl_conn_t *c, sjl_frame_t *f);

/* a row of the database, at the start */
void sjl_binary_adopt(const sjl_binary_row_t *row);

/* removes what another launcher has stored, and died before it was kept */
void sjl_binary_sweep(void);

/* the newest version of a name, or NULL */
sjl_binary_t *sjl_binary_find(const char *name);

/* what is wrong with the file of one of some names, or NULL */
const char *sjl_binary_damage(const json_t *names);

/*
 * Whether two arrays of names, of which the second may be NULL, are short
 * enough: with their paths and hashes all have to go into one frame.
 */
int sjl_binary_names_fit(const json_t *names, const json_t *more);

/*
 * The newest versions of some names as a new array of {"name", "type",
 * "sha256"}.  What is no name and has a colon is {"uri"}; anything else is
 * *missing, to be freed, and NULL comes back.
 */
json_t *sjl_binary_resolve(const json_t *names, char **missing);

/* adds to those that are binaries where they lie, for a driver */
void sjl_binary_paths(json_t *cp);

/* whether these bytes are the newest version of a name */
int sjl_binary_is(const char *name, const char *type, const char *sha256);

/* stores a version without being asked; the descriptor is taken over */
void sjl_binary_store(const char *name, const char *type, int fd);


#endif /* _SJL_BINARY_H_INCLUDED_ */
