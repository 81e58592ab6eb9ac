
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * One request and its answer.
 */


#ifndef _SJC_HTTP_H_INCLUDED_
#define _SJC_HTTP_H_INCLUDED_


#include "sjc.h"

#include <curl/curl.h>


typedef struct {
    const char   *method;
    const char   *path;         /* below the server's address, with query */
    const char   *type;         /* of the body, or NULL */
    const char   *header;       /* one more, a whole line, or NULL */
    const char   *body;
    size_t        len;
    FILE         *file;         /* the body, instead, or NULL */
} sjc_request_t;


typedef struct {
    long          status;
    sjc_buf_t     body;
    char         *next;         /* the query of the next page, or NULL */
} sjc_answer_t;


/* with the options and the environment; stderr tells what is wrong with them */
sjc_exit_e sjc_http_init(void);
void sjc_http_free(void);

/* "folder", the name escaped, and the rest; NULL is nothing; to be freed */
void sjc_path(sjc_buf_t *path, const char *folder, const char *name,
    const char *rest);

/* adds a query parameter, unless the value is NULL */
void sjc_query(sjc_buf_t *path, const char *name, const char *value);

/*
 * Asks, and returns SJC_OK for a 2xx.  Else stderr has told what is wrong, in
 * the server's words if it had any.  The answer is to be freed in any case.
 */
sjc_exit_e sjc_http(const sjc_request_t *request, sjc_answer_t *answer);
void sjc_answer_free(sjc_answer_t *answer);

/* a GET of that path */
sjc_exit_e sjc_http_get(const char *path, sjc_answer_t *answer);

/* a handle that knows the server and the user, for that path */
CURL *sjc_http_handle(const char *path);

/* what an answer of 400 or more is for us; stderr tells its words */
sjc_exit_e sjc_http_refused(long status, const sjc_buf_t *body);

/* likewise what went wrong before there was an answer */
sjc_exit_e sjc_http_broken(CURLcode code, const char *detail);


#endif /* _SJC_HTTP_H_INCLUDED_ */
