
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * An HTTP client for the loop, by libcurl.  It posts JSON for clients, and is
 * interested in nothing but the status then; what may be connected to is
 * sjl_outbound.h's.  And it asks clusters, which the configuration trusts.
 */


#ifndef _SJL_HTTP_H_INCLUDED_
#define _SJL_HTTP_H_INCLUDED_


#include "sjl.h"


#define SJL_HTTP_URL_MAX  2048


typedef struct sjl_http_s  sjl_http_t;

/* the status, or 0 and why there is none, good until it returns */
typedef void (*sjl_http_pt)(void *data, long status, const char *why);

/* likewise, with the body of the answer, which may be NULL */
typedef void (*sjl_http_answer_pt)(void *data, long status, const char *why,
    json_t *answer);


/* returns SJL_OK or SJL_ERROR, and has logged why */
int sjl_http_init(void);

/* forgets what is on its way */
void sjl_http_stop(void);

/*
 * What a URL is about as "host:port", to be freed; NULL: it is no URL that can
 * be posted to.
 */
char *sjl_http_host(const char *url);

/*
 * Posts head, all of the file fd (-1: none), and tail.  The texts are copied,
 * the descriptor is taken over.  "done" is called once, not before this
 * function has returned.
 */
void sjl_http_post(const char *url, const char *head, int fd, const char *tail,
    int64_t timeout, sjl_http_pt done, void *data);

/*
 * Asks a cluster: GET, or another method with a body (NULL: none), as long as
 * redirections lead.  "done" is called once, not before this function has
 * returned, and not after sjl_http_cancel(); an answer that is no JSON object,
 * or too long, counts as none.
 */
sjl_http_t *sjl_http_ask(const char *method, const char *url, const char *body,
    int64_t timeout, sjl_http_answer_pt done, void *data);
void sjl_http_cancel(sjl_http_t *http);

/*
 * While "done" is called: who has answered, as a URL with address and port, to
 * be freed, or NULL.
 */
char *sjl_http_peer(const sjl_http_t *http, long *port);

/*
 * By which right such a question is asked, to be said before the loop goes on:
 * texts, the last three are paths of files.  Any may be NULL.  It is not sent
 * to where a redirection leads.
 */
typedef struct {
    char        *token;
    const char  *ca;
    const char  *cert;
    const char  *key;
} sjl_http_right_t;

void sjl_http_authorize(sjl_http_t *http, const sjl_http_right_t *right);


#endif /* _SJL_HTTP_H_INCLUDED_ */
