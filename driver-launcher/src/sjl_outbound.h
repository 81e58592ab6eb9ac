
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Which addresses may be connected to on behalf of clients.  Loopback, link
 * local, multicast and unspecified ones, and those of this host's own
 * interfaces, may not, unless a rule of outbound.hosts names them:
 *
 *    name  name:port  10.0.0.1  10.0.0.1:80  10.0.0.0/8  fe80::1
 *    [fe80::1]:80  fd00::/8
 *
 * A name is the one in the URL; addresses are those that names resolve to.
 */


#ifndef _SJL_OUTBOUND_H_INCLUDED_
#define _SJL_OUTBOUND_H_INCLUDED_


#include "sjl.h"

#include <sys/socket.h>


/* whether a text is a rule */
int sjl_outbound_rule_ok(const char *text);

/* whether "host" of a URL may be reached at an address, by these rules */
int sjl_outbound_may(const json_t *rules, const char *host,
    const struct sockaddr *addr);

/* the same of a "host:port", if the host is an address; any other one may */
int sjl_outbound_may_text(const json_t *rules, const char *text);

/* the address as text */
void sjl_outbound_text(const struct sockaddr *addr, char *text, size_t size);


#endif /* _SJL_OUTBOUND_H_INCLUDED_ */
