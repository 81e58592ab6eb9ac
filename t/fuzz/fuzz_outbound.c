
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Rules of outbound.hosts: a line that is a rule, a line that is the URL's
 * host, and behind it port and address as bytes.
 */


#include "fuzz.h"
#include "sjl_outbound.h"

#include <arpa/inet.h>
#include <netinet/in.h>


typedef union {
    struct sockaddr      any;
    struct sockaddr_in   in;
    struct sockaddr_in6  in6;
} fuzz_address_t;


static char *fuzz_line(const uint8_t **p, size_t *size);
static void fuzz_address(fuzz_address_t *addr, const uint8_t *p, size_t size);
static int fuzz_loopback(const fuzz_address_t *addr);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int             ok, may, alone;
    char           *rule, *host, text[INET6_ADDRSTRLEN];
    json_t         *rules, *none;
    fuzz_address_t  addr;

    rule = fuzz_line(&data, &size);
    host = fuzz_line(&data, &size);
    fuzz_address(&addr, data, size);

    none = json_array();
    rules = json_array();
    (void) json_array_append_new(rules, json_stringn_nocheck(rule,
                                                             strlen(rule)));

    ok = sjl_outbound_rule_ok(rule);
    may = sjl_outbound_may(rules, host, &addr.any);
    alone = sjl_outbound_may(none, host, &addr.any);

    /* rules only permit, and what is no rule permits nothing */

    fuzz_check(may >= alone);
    fuzz_check(ok || may == alone);
    fuzz_check(!alone || !fuzz_loopback(&addr));

    sjl_outbound_text(&addr.any, text, sizeof(text));
    fuzz_check(memchr(text, '\0', sizeof(text)) != NULL);

    json_decref(none);
    json_decref(rules);
    free(rule);
    free(host);

    return 0;
}


static char *
fuzz_line(const uint8_t **p, size_t *size)
{
    char           *line;
    size_t          len;
    const uint8_t  *end;

    end = *size ? memchr(*p, '\n', *size) : NULL;
    len = end ? (size_t) (end - *p) : *size;

    line = sjl_memdup(len ? (const void *) *p : "", len);

    len += end != NULL;
    *p += len;
    *size -= len;

    return line;
}


static void
fuzz_address(fuzz_address_t *addr, const uint8_t *p, size_t size)
{
    uint8_t  bytes[18];

    memset(addr, 0, sizeof(fuzz_address_t));
    memset(bytes, 0, sizeof(bytes));

    if (size) {
        memcpy(bytes, p, size < sizeof(bytes) ? size : sizeof(bytes));
    }

    if (size <= 6) {
        addr->in.sin_family = AF_INET;
        memcpy(&addr->in.sin_port, bytes, 2);
        memcpy(&addr->in.sin_addr, bytes + 2, 4);
        return;
    }

    addr->in6.sin6_family = AF_INET6;
    memcpy(&addr->in6.sin6_port, bytes, 2);
    memcpy(&addr->in6.sin6_addr, bytes + 2, 16);
}


static int
fuzz_loopback(const fuzz_address_t *addr)
{
    if (addr->any.sa_family == AF_INET) {
        return ntohl(addr->in.sin_addr.s_addr) >> 24 == 127;
    }

    return IN6_IS_ADDR_LOOPBACK(&addr->in6.sin6_addr)
           || (IN6_IS_ADDR_V4MAPPED(&addr->in6.sin6_addr)
               && addr->in6.sin6_addr.s6_addr[12] == 127);
}
