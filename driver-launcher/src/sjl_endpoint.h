
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Addresses of TCP with their ports: "127.0.0.1:8079", "[::1]:8079".
 */


#ifndef _SJL_ENDPOINT_H_INCLUDED_
#define _SJL_ENDPOINT_H_INCLUDED_


#include "sjl.h"

#include <netinet/in.h>
#include <sys/socket.h>


typedef union {
    struct sockaddr         any;
    struct sockaddr_in      in;
    struct sockaddr_in6     in6;
    struct sockaddr_storage room;
} sjl_endpoint_t;


/* an address in numbers and a port; SJL_ERROR when the text is none */
int sjl_endpoint_parse(const char *text, sjl_endpoint_t *e);

/* whether a text is a name or an address with a port, to be connected to */
int sjl_endpoint_ok(const char *text);

/* whether no other host can reach it */
int sjl_endpoint_loopback(const sjl_endpoint_t *e);

/* whether it stands for all addresses of this host */
int sjl_endpoint_wildcard(const sjl_endpoint_t *e);

socklen_t sjl_endpoint_len(const sjl_endpoint_t *e);

/* as it is parsed; to be freed */
char *sjl_endpoint_text(const sjl_endpoint_t *e);


#endif /* _SJL_ENDPOINT_H_INCLUDED_ */
