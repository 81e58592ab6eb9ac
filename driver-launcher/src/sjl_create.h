
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Requests for a new context, and those that wait for an old one to end first.
 */


#ifndef _SJL_CREATE_H_INCLUDED_
#define _SJL_CREATE_H_INCLUDED_


#include "sjl_context.h"
#include "sjl_db.h"


typedef struct sjl_create_s  sjl_create_t;

struct sjl_create_s {
    sjl_request_t       *requests;      /* for the same id */
    sjl_context_spec_t   spec;
    unsigned             replace:1;
    unsigned             again:1;       /* its id is from a key */
    char                *hash;          /* of what was asked for, if so */

    sjl_db_op_t          op;            /* the rest is sjl_replace.c's */
    char                *settings;      /* as they are kept */
    unsigned             keeping:1;
    unsigned             kept:1;        /* its row is durable */
    unsigned             made:1;
    sjl_create_t        *next;
};


/* whether what was asked for is not what an id stands for */
int sjl_create_reused(const sjl_create_t *create, const char *name,
    const char *hash);

/* makes the context; its creators are those who wait for it */
void sjl_create_make(sjl_create_t *create);

/* refuses all who wait */
void sjl_create_refuse(sjl_create_t *create, sjp_error_e code,
    const char *name);

void sjl_create_free(sjl_create_t *create);


/*
 * Puts a context in the place of the one of its name: that is stopped, and as
 * soon as it is gone the new one is made.  Several wait for each other.
 */
void sjl_replace_add(sjl_create_t *create);

/* one that another launcher has kept: it waits, or is made by the next check */
void sjl_replace_adopt(const sjl_replacement_row_t *row);

/* has a request wait for one, as far as it has to wait at all */
void sjl_replace_attach(sjl_create_t *create, sjl_request_t *r);

/* the one of an id that waits for its turn, or is being made */
sjl_create_t *sjl_replace_find(const char *id);

/* adds the names of those that are to have it, see sjl_setup_users() */
void sjl_replace_users(const char *cluster, const char *library, json_t *names);

/* whether a name is taken for a context that is to come */
int sjl_replace_reserved(const char *name);

/* how many contexts are going to be made though no old one is there */
size_t sjl_replace_count(void);

/* goes on, after something has happened to a context */
void sjl_replace_check(void);


#endif /* _SJL_CREATE_H_INCLUDED_ */
