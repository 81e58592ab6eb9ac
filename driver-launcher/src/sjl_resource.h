
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What contexts are made with and is named: clusters and library sets.  Those
 * of the configuration are fixed, those that modules ask for are rows.
 */


#ifndef _SJL_RESOURCE_H_INCLUDED_
#define _SJL_RESOURCE_H_INCLUDED_


#include "sjl_row.h"

#include <uthash.h>


typedef struct {
    sjl_resource_row_t   row;
    json_t              *spec;          /* what is told of it, an object */
    unsigned             fixed:1;       /* the configuration's */
    UT_hash_handle       hh;            /* by name */
} sjl_resource_t;


typedef enum {
    SJL_RESOURCE_TEXT,
    SJL_RESOURCE_LIST,                  /* of strings */
    SJL_RESOURCE_MAP                    /* with strings */
} sjl_resource_kind_e;


/* one that may be in what is told of a resource */

typedef struct {
    const char          *name;
    sjl_resource_kind_e  kind;
    const char *const   *values;        /* the only ones, or NULL */
} sjl_resource_member_t;


/*
 * Adds to an array a sentence for each thing in what is told of a resource that
 * is not as its members are to be.
 */
void sjl_resource_check(const sjl_resource_member_t *members, size_t n,
    const json_t *spec, json_t *wrong);

/* whether it may be the name of one: as binaries have */
int sjl_resource_name_ok(const char *name);


#endif /* _SJL_RESOURCE_H_INCLUDED_ */
