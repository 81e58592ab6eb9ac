
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * From a request to the folder of a batch, in four steps: its text is found in
 * the body, judged, its files are put into the folder, and it has a number.
 */


#ifndef _SJL_BATCH_DRAFT_H_INCLUDED_
#define _SJL_BATCH_DRAFT_H_INCLUDED_


#include "sjl_batch.h"
#include "sjl_batch_want.h"
#include "sjl_files.h"
#include "sjl_multipart.h"


#define SJL_BATCH_REQUEST  "request"    /* the part that is the request */


/* a file that is to be in the folder */

typedef struct {
    char        *to;
    char        *from;                  /* a binary's; NULL: a part */
    sjl_part_t  *part;
} sjl_batch_place_t;


typedef struct {
    sjl_batch_t        *batch;
    char               *owner;          /* who alone is to see it, or NULL */
    char               *proxy_user;     /* whatever the request says */
    char               *proxy_default;  /* if it says nothing */
    unsigned            anybody:1;      /* it may say anything */
    char                boundary[SJL_MULTIPART_BOUNDARY + 1];
    unsigned            is_multipart:1;
    unsigned            again:1;        /* its id is from a key, which stands
                                           for this body: */
    char                hash[SJL_HASH_LEN + 1];

    sjl_multipart_t     multipart;
    char               *text;
    size_t              len;

    sjl_batch_want_t   *want;
    json_t             *settings;       /* all that Spark is to have */
    json_t             *options;        /* of its JVM */
    json_t             *hosts;          /* to be looked up: name, port, URL */
    char               *cluster;
    char               *library;
    char               *plan;
    json_t             *readable;       /* folders of this host, by outbound */
    unsigned            deployed:1;

    sjl_batch_place_t  *places;
    size_t              nplaces;

    char               *why;            /* NULL: nothing is wrong */
    sjp_error_e         code;           /* what that is */
} sjl_batch_draft_t;


/* finds the request in the body; on the file thread */
int sjl_batch_draft_read(sjl_file_op_t *op);

/* what stands for a body, or for its parts if it has any: op->sha256 */
int sjl_batch_hash(sjl_file_op_t *op, const sjl_multipart_t *multipart);

/* judges it; SJL_ERROR: "why" says what is wrong */
int sjl_batch_draft_judge(sjl_batch_draft_t *draft);

/* makes the folder, and puts all files there; on the file thread */
int sjl_batch_draft_place(sjl_file_op_t *op);

/* how it is to be started, a new object */
json_t *sjl_batch_draft_spec(const sjl_batch_draft_t *draft);

void sjl_batch_draft_free(sjl_batch_draft_t *draft);


#endif /* _SJL_BATCH_DRAFT_H_INCLUDED_ */
