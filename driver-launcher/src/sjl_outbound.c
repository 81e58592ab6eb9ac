
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_outbound.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <strings.h>


#define SJL_OUTBOUND_NAME  253

#define SJL_OUTBOUND_NAMES                                                    \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"


/* IPv4 is kept as IPv6, ::ffff:a.b.c.d */

typedef struct {
    unsigned char  addr[16];
    unsigned       bits;
} sjl_net_t;


typedef struct {
    char       name[SJL_OUTBOUND_NAME + 1];     /* "": it is a network */
    sjl_net_t  net;
    int        port;                            /* 0: any */
} sjl_rule_t;


static int sjl_outbound_parse(sjl_rule_t *rule, const char *text);
static int sjl_outbound_bracket(sjl_rule_t *rule, char *text);
static int sjl_outbound_net(sjl_net_t *net, char *text);
static int sjl_outbound_address(sjl_net_t *net, const char *text);
static int sjl_outbound_number(const char *text, int max);
static int sjl_outbound_split(const struct sockaddr *addr, unsigned char *ip,
    int *port);
static int sjl_outbound_refused(const unsigned char *ip);
static int sjl_outbound_own(const unsigned char *ip);
static int sjl_outbound_within(const unsigned char *ip, const sjl_net_t *net);
static int sjl_outbound_same_name(const char *rule, const char *host);


#define SJL_V4  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff

static const unsigned char  sjl_outbound_v4[12] = { SJL_V4 };

static const sjl_net_t  sjl_outbound_nets[] = {
    { { SJL_V4, 0 }, 96 + 8 },                  /* unspecified, this host */
    { { SJL_V4, 127 }, 96 + 8 },                /* loopback */
    { { SJL_V4, 169, 254 }, 96 + 16 },          /* link local */
    { { SJL_V4, 224 }, 96 + 4 },                /* multicast */
    { { SJL_V4, 255, 255, 255, 255 }, 128 },    /* broadcast */
    { { 0 }, 127 },                             /* unspecified, loopback */
    { { 0xfe, 0x80 }, 10 },                     /* link local */
    { { 0xff }, 8 },                            /* multicast */

    /* what clouds tell their hosts, from addresses that are none of a link */

    { { SJL_V4, 100, 100, 100, 200 }, 128 },
    { { SJL_V4, 168, 63, 129, 16 }, 128 },
    { { SJL_V4, 192, 0, 0, 192 }, 128 },
    { { 0xfd, 0, 0x0e, 0xc2 }, 32 },
    { { 0xfd, 0x20, 0, 0xce }, 32 },

    /* behind which any of these may be */

    { { 0, 0x64, 0xff, 0x9b, 0, 1 }, 48 },      /* local NAT64 */
    { { 0x20, 0x01 }, 32 }                      /* Teredo */
};


/* where an IPv6 address stands for the IPv4 one that it holds */

static const struct {
    sjl_net_t  net;
    size_t     at;
} sjl_outbound_holders[] = {
    { { { 0 }, 96 }, 12 },                      /* compatible */
    { { { 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 96 }, 12 },     /* translated */
    { { { 0, 0x64, 0xff, 0x9b }, 96 }, 12 },    /* NAT64 */
    { { { 0x20, 0x02 }, 16 }, 2 }               /* 6to4 */
};


int
sjl_outbound_rule_ok(const char *text)
{
    sjl_rule_t  rule;

    return sjl_outbound_parse(&rule, text) == SJL_OK;
}


static int
sjl_outbound_parse(sjl_rule_t *rule, const char *text)
{
    char  copy[SJL_OUTBOUND_NAME + 16], *colon;

    memset(rule, 0, sizeof(sjl_rule_t));

    if (strlen(text) >= sizeof(copy)) {
        return SJL_ERROR;
    }

    (void) strcpy(copy, text);

    if (copy[0] == '[') {
        return sjl_outbound_bracket(rule, copy);
    }

    if (strchr(copy, '/')) {
        return sjl_outbound_net(&rule->net, copy);
    }

    if (sjl_outbound_address(&rule->net, copy) == SJL_OK) {
        return SJL_OK;
    }

    colon = strchr(copy, ':');

    if (colon) {
        *colon = '\0';
        rule->port = sjl_outbound_number(colon + 1, 65535);

        if (rule->port <= 0) {
            return SJL_ERROR;
        }
    }

    if (sjl_outbound_address(&rule->net, copy) == SJL_OK) {
        return SJL_OK;
    }

    if (copy[0] == '\0' || strlen(copy) > SJL_OUTBOUND_NAME
        || copy[strspn(copy, SJL_OUTBOUND_NAMES)]
        || copy[strspn(copy, "0123456789.")] == '\0')
    {
        return SJL_ERROR;
    }

    (void) strcpy(rule->name, copy);

    return SJL_OK;
}


/* "[address]", "[address]:port" */

static int
sjl_outbound_bracket(sjl_rule_t *rule, char *text)
{
    char  *end;

    end = strchr(text, ']');

    if (end == NULL || (end[1] && end[1] != ':')) {
        return SJL_ERROR;
    }

    *end = '\0';

    if (end[1]) {
        rule->port = sjl_outbound_number(end + 2, 65535);

        if (rule->port <= 0) {
            return SJL_ERROR;
        }
    }

    return strchr(text, ':') ? sjl_outbound_address(&rule->net, text + 1)
                             : SJL_ERROR;
}


/* "address/bits" */

static int
sjl_outbound_net(sjl_net_t *net, char *text)
{
    int    bits;
    char  *slash;

    slash = strchr(text, '/');
    *slash = '\0';

    if (sjl_outbound_address(net, text) == SJL_ERROR) {
        return SJL_ERROR;
    }

    bits = sjl_outbound_number(slash + 1, strchr(text, ':') ? 128 : 32);

    if (bits == -1) {
        return SJL_ERROR;
    }

    net->bits = (unsigned) bits + (strchr(text, ':') ? 0 : 96);

    return SJL_OK;
}


static int
sjl_outbound_address(sjl_net_t *net, const char *text)
{
    net->bits = 128;

    if (inet_pton(AF_INET6, text, net->addr) == 1) {
        return SJL_OK;
    }

    memcpy(net->addr, sjl_outbound_v4, sizeof(sjl_outbound_v4));

    return inet_pton(AF_INET, text, net->addr + sizeof(sjl_outbound_v4)) == 1
           ? SJL_OK : SJL_ERROR;
}


static int
sjl_outbound_number(const char *text, int max)
{
    int  n;

    if (*text == '\0' || strlen(text) > 5
        || text[strspn(text, "0123456789")])
    {
        return -1;
    }

    n = atoi(text);

    return n > max ? -1 : n;
}


int
sjl_outbound_may(const json_t *rules, const char *host,
    const struct sockaddr *addr)
{
    int             port;
    size_t          i;
    json_t         *value;
    sjl_rule_t      rule;
    unsigned char   ip[16];

    if (sjl_outbound_split(addr, ip, &port) == SJL_ERROR) {
        return 0;
    }

    if (!sjl_outbound_refused(ip)) {
        return 1;
    }

    json_array_foreach(rules, i, value) {

        if (sjl_outbound_parse(&rule, json_string_value(value)) == SJL_ERROR
            || (rule.port && rule.port != port))
        {
            continue;
        }

        if (rule.name[0] ? sjl_outbound_same_name(rule.name, host)
                         : sjl_outbound_within(ip, &rule.net))
        {
            return 1;
        }
    }

    return 0;
}


int
sjl_outbound_may_text(const json_t *rules, const char *text)
{
    char                *colon, host[SJL_OUTBOUND_NAME + 1];
    sjl_net_t            net;
    struct sockaddr_in6  in6;

    (void) snprintf(host, sizeof(host), "%s", text + (*text == '['));
    colon = strrchr(host, ':');

    if (colon == NULL) {
        return 1;
    }

    *colon = '\0';

    if (*text == '[' && colon > host) {
        colon[-1] = '\0';
    }

    if (sjl_outbound_address(&net, host) == SJL_ERROR) {
        return 1;
    }

    memset(&in6, 0, sizeof(struct sockaddr_in6));
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons((uint16_t) atoi(colon + 1));
    memcpy(&in6.sin6_addr, net.addr, sizeof(net.addr));

    return sjl_outbound_may(rules, host,
                            (const struct sockaddr *) (const void *) &in6);
}


static int
sjl_outbound_split(const struct sockaddr *addr, unsigned char *ip, int *port)
{
    const struct sockaddr_in   *in;
    const struct sockaddr_in6  *in6;

    if (addr->sa_family == AF_INET) {
        in = (const struct sockaddr_in *) (const void *) addr;
        memcpy(ip, sjl_outbound_v4, sizeof(sjl_outbound_v4));
        memcpy(ip + sizeof(sjl_outbound_v4), &in->sin_addr, 4);
        *port = ntohs(in->sin_port);
        return SJL_OK;
    }

    if (addr->sa_family == AF_INET6) {
        in6 = (const struct sockaddr_in6 *) (const void *) addr;
        memcpy(ip, &in6->sin6_addr, 16);
        *port = ntohs(in6->sin6_port);
        return SJL_OK;
    }

    return SJL_ERROR;
}


static int
sjl_outbound_refused(const unsigned char *ip)
{
    size_t         i;
    unsigned char  held[16];

    for (i = 0; i < sjl_nelts(sjl_outbound_nets); i++) {
        if (sjl_outbound_within(ip, &sjl_outbound_nets[i])) {
            return 1;
        }
    }

    for (i = 0; i < sjl_nelts(sjl_outbound_holders); i++) {
        if (sjl_outbound_within(ip, &sjl_outbound_holders[i].net)) {
            memcpy(held, sjl_outbound_v4, sizeof(sjl_outbound_v4));
            memcpy(held + sizeof(sjl_outbound_v4),
                   ip + sjl_outbound_holders[i].at, 4);
            return sjl_outbound_refused(held);
        }
    }

    return sjl_outbound_own(ip);
}


/*
 * Whether an interface of this host has it, as they are now: what listens on
 * all addresses but is meant for loopback is to be reached by none of them.
 */

static int
sjl_outbound_own(const unsigned char *ip)
{
    int              port, own;
    unsigned char    addr[16];
    struct ifaddrs  *ifa, *list;

    if (getifaddrs(&list) == -1) {
        sjl_log(SJL_LOG_CRIT, "the addresses of this host are not known, so "
                "that none is reached for a client: %s", strerror(errno));
        return 1;
    }

    own = 0;

    for (ifa = list; ifa && !own; ifa = ifa->ifa_next) {
        own = ifa->ifa_addr
              && sjl_outbound_split(ifa->ifa_addr, addr, &port) == SJL_OK
              && memcmp(ip, addr, sizeof(addr)) == 0;
    }

    freeifaddrs(list);

    return own;
}


static int
sjl_outbound_within(const unsigned char *ip, const sjl_net_t *net)
{
    unsigned  n, rest;

    n = net->bits / 8;
    rest = net->bits % 8;

    return memcmp(ip, net->addr, n) == 0
           && (rest == 0 || (ip[n] ^ net->addr[n]) >> (8 - rest) == 0);
}


static int
sjl_outbound_same_name(const char *rule, const char *host)
{
    size_t  len;

    len = strlen(host);

    if (len && host[len - 1] == '.') {
        len--;
    }

    return strlen(rule) == len && strncasecmp(rule, host, len) == 0;
}


void
sjl_outbound_text(const struct sockaddr *addr, char *text, size_t size)
{
    int            port;
    unsigned char  ip[16];

    if (sjl_outbound_split(addr, ip, &port) == SJL_ERROR
        || (addr->sa_family == AF_INET
            ? inet_ntop(AF_INET, ip + sizeof(sjl_outbound_v4), text,
                        (socklen_t) size)
            : inet_ntop(AF_INET6, ip, text, (socklen_t) size))
           == NULL)
    {
        (void) snprintf(text, size, "of an unknown family");
    }
}
