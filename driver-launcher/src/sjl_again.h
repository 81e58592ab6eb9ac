
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What a module submits, a job or a statement: its id may have been seen
 * before, since the module has sent it again, or since a client has used a key
 * once more.  It is there once only.
 */


#ifndef _SJL_AGAIN_H_INCLUDED_
#define _SJL_AGAIN_H_INCLUDED_


#include "sjl_request.h"


typedef struct sjl_again_s  sjl_again_t;

struct sjl_again_s {
    sjl_request_t  *request;
    char           *id;
    int             again;              /* it is from a key */
    int             look;               /* the database may know it */
    int             known;              /* its driver does */
    char            hash[SJL_HASH_LEN + 1];
    char           *body;
    size_t          size;
    int             fd;                 /* of a long body, or -1 */

    /* what a key stands for, beside the body's hash, to be freed */
    char         *(*key)(const sjl_again_t *a, const char *body);

    /* it is new; who is called has it from then on */
    void          (*accept)(sjl_again_t *a);
    void          (*free)(sjl_again_t *a);
};


/* SJL_ERROR: it is answered */
int sjl_again_body(sjl_again_t *a, sjl_frame_t *f);

/* answers if its id was seen before, else has it accepted */
void sjl_again_begin(sjl_again_t *a, const sjl_conn_t *c);

/* whether it is there already, and the request waits for it, or is answered */
int sjl_again_attach(sjl_again_t *a);

/* whether anything is begun now; 0: it is answered */
int sjl_again_open(sjl_again_t *a);

/* frees what it has */
void sjl_again_clear(sjl_again_t *a);


#endif /* _SJL_AGAIN_H_INCLUDED_ */
