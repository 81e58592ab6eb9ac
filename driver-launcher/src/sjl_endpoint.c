
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_endpoint.h"

#include <arpa/inet.h>
#include <ctype.h>


#define SJL_ENDPOINT_HOST  255


static int sjl_endpoint_split(const char *text, char *host, unsigned *port,
    int *v6);


int
sjl_endpoint_parse(const char *text, sjl_endpoint_t *e)
{
    int       v6;
    char      host[SJL_ENDPOINT_HOST + 1];
    unsigned  port;

    if (sjl_endpoint_split(text, host, &port, &v6) == SJL_ERROR) {
        return SJL_ERROR;
    }

    memset(e, 0, sizeof(sjl_endpoint_t));

    if (v6) {
        e->in6.sin6_family = AF_INET6;
        e->in6.sin6_port = htons((uint16_t) port);

        return inet_pton(AF_INET6, host, &e->in6.sin6_addr) == 1 ? SJL_OK
                                                                 : SJL_ERROR;
    }

    e->in.sin_family = AF_INET;
    e->in.sin_port = htons((uint16_t) port);

    return inet_pton(AF_INET, host, &e->in.sin_addr) == 1 ? SJL_OK : SJL_ERROR;
}


/* only an address of IPv6 has brackets, and has to */

static int
sjl_endpoint_split(const char *text, char *host, unsigned *port, int *v6)
{
    int          n;
    size_t       len;
    const char  *colon;

    colon = strrchr(text, ':');
    n = 0;

    if (colon == NULL || !isdigit((unsigned char) colon[1])
        || sscanf(colon + 1, "%5u%n", port, &n) != 1 || colon[1 + n]
        || *port == 0 || *port > 65535)
    {
        return SJL_ERROR;
    }

    len = (size_t) (colon - text);
    *v6 = len > 2 && text[0] == '[' && text[len - 1] == ']';

    if (*v6) {
        text++;
        len -= 2;
    }

    if (len == 0 || len > SJL_ENDPOINT_HOST) {
        return SJL_ERROR;
    }

    memcpy(host, text, len);
    host[len] = '\0';

    return SJL_OK;
}


int
sjl_endpoint_ok(const char *text)
{
    int              v6;
    char             host[SJL_ENDPOINT_HOST + 1], *p;
    unsigned         port;
    sjl_endpoint_t   e;

    if (sjl_endpoint_split(text, host, &port, &v6) == SJL_ERROR) {
        return 0;
    }

    if (v6) {
        return sjl_endpoint_parse(text, &e) == SJL_OK;
    }

    for (p = host; *p; p++) {
        if (!isalnum((unsigned char) *p) && *p != '-' && *p != '.'
            && *p != '_')
        {
            return 0;
        }
    }

    return 1;
}


int
sjl_endpoint_loopback(const sjl_endpoint_t *e)
{
    if (e->any.sa_family == AF_INET6) {
        return IN6_IS_ADDR_LOOPBACK(&e->in6.sin6_addr);
    }

    return ntohl(e->in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}


int
sjl_endpoint_wildcard(const sjl_endpoint_t *e)
{
    if (e->any.sa_family == AF_INET6) {
        return IN6_IS_ADDR_UNSPECIFIED(&e->in6.sin6_addr);
    }

    return e->in.sin_addr.s_addr == htonl(INADDR_ANY);
}


socklen_t
sjl_endpoint_len(const sjl_endpoint_t *e)
{
    return e->any.sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                        : sizeof(struct sockaddr_in);
}


char *
sjl_endpoint_text(const sjl_endpoint_t *e)
{
    char  host[INET6_ADDRSTRLEN];

    if (e->any.sa_family == AF_INET6) {
        return sjl_format("[%s]:%u",
                          inet_ntop(AF_INET6, &e->in6.sin6_addr, host,
                                    sizeof(host)),
                          (unsigned) ntohs(e->in6.sin6_port));
    }

    return sjl_format("%s:%u", inet_ntop(AF_INET, &e->in.sin_addr, host,
                                         sizeof(host)),
                      (unsigned) ntohs(e->in.sin_port));
}
