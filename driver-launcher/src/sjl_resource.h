
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


#define SJL_RESOURCE_MOST  64


typedef struct {
    sjl_resource_row_t   row;
    json_t              *spec;          /* what is told of it, an object */
    unsigned             fixed:1;       /* the configuration's */
    UT_hash_handle       hh;            /* by name */
} sjl_resource_t;


typedef enum {
    SJL_RESOURCE_TEXT,
    SJL_RESOURCE_URL,                   /* of HTTP, or several with commas */
    SJL_RESOURCE_COUNT,                 /* from 0 to SJL_RESOURCE_MOST */
    SJL_RESOURCE_LIST,                  /* of strings */
    SJL_RESOURCE_MAP,                   /* with strings */
    SJL_RESOURCE_ENVIRONMENT
} sjl_resource_kind_e;


/* one that may be in what is told of a resource */

typedef struct {
    const char          *name;
    sjl_resource_kind_e  kind;
    const char *const   *values;        /* the only ones, or NULL */
} sjl_resource_member_t;


/* what clusters and library sets have in common, each with its own part */

typedef struct {
    const char          *words;         /* "cluster" */
    const sjl_table_t   *table;
    sjl_resource_t     **all;           /* by name */

    /* adds sentences about what is wrong in what is told of one */
    void               (*check)(const json_t *spec, json_t *wrong);

    /* likewise, about what is not there now; fixed: binaries and other
       resources, which may be in the database, do not count */
    void               (*look)(const json_t *spec, int fixed, json_t *wrong);

    /* makes one, under a name that is free; the spec is taken over */
    sjl_resource_t    *(*make)(const char *name, json_t *spec);
    void               (*free)(sjl_resource_t *resource);

    /* who needs one to be as it is, or to be there at all: names, an array */
    json_t            *(*users)(const char *name, int remove);

    /* why nobody looks whether it has what contexts want; NULL: somebody does */
    const char        *(*unchecked)(const sjl_resource_t *resource);
} sjl_resource_type_t;


extern const sjl_resource_type_t  sjl_clusters_type;
extern const sjl_resource_type_t  sjl_libraries_type;


sjl_resource_t *sjl_resource_find(const sjl_resource_type_t *type,
    const char *name);

/* replaces, or adds, the one of a row, which is copied */
sjl_resource_t *sjl_resource_put(const sjl_resource_type_t *type,
    const sjl_resource_row_t *row);

/*
 * As clients see one: what looks like a secret is left out, and so are contexts
 * that are not the user's own, see sjl_context_owned().
 */
json_t *sjl_resource_show(const sjl_resource_type_t *type,
    const sjl_resource_t *resource, const char *own);

/*
 * Whoever puts back what was shown keeps what was not: what stands for a secret
 * becomes that one of the old.
 */
void sjl_resource_keep(json_t *spec, const json_t *old);

/* all of them, by name */
json_t *sjl_resource_show_all(const sjl_resource_type_t *type,
    const char *own);

/*
 * Adds to an array a sentence for each thing in what is told of a resource that
 * is not as its members are to be.
 */
void sjl_resource_check(const sjl_resource_member_t *members, size_t n,
    const json_t *spec, json_t *wrong);

/* adds a sentence, which is taken over */
void sjl_resource_say(json_t *wrong, char *text);

/* adds one if a member is there, but not the absolute path of a folder */
void sjl_resource_look_folder(const json_t *spec, const char *member,
    json_t *wrong);

/* what those of the configuration name that is not there: sentences, an array */
json_t *sjl_resource_look_fixed(void);

/* whether it may be the name of one: as binaries have */
int sjl_resource_name_ok(const char *name);


#endif /* _SJL_RESOURCE_H_INCLUDED_ */
