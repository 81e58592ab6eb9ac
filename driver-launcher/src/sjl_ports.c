
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_ports.h"
#include "sjl_config.h"
#include "sjl_context.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <utlist.h>


#define SJL_PORTS_RETRIES  "spark.port.maxRetries"


static int sjl_ports_taken(int64_t first);
static int sjl_ports_meet(int64_t a, int64_t b);
static int sjl_ports_open(int64_t first);


static const char *const  sjl_ports_names[SJL_PORTS] = {
    "spark.driver.port", "spark.driver.blockManager.port"
};


int64_t
sjl_ports_take(void)
{
    int64_t  first;

    if (sjl_conf->ports.first == 0) {
        return 0;
    }

    for (first = sjl_conf->ports.first;
         first + SJL_PORTS - 1 <= sjl_conf->ports.last;
         first += SJL_PORTS)
    {
        if (!sjl_ports_taken(first) && sjl_ports_open(first)) {
            return first;
        }
    }

    return 0;
}


/* a driver that was given up may still run, though its context has ended */

static int
sjl_ports_taken(int64_t first)
{
    sjl_driver_t   *d;
    sjl_context_t  *ctx, *next;

    HASH_ITER(hh, sjl_contexts, ctx, next) {
        if (!ctx->row.final && sjl_ports_meet(ctx->row.ports, first)) {
            return 1;
        }
    }

    DL_FOREACH(sjl_drivers, d) {
        if (sjl_ports_meet(d->ports, first)) {
            return 1;
        }
    }

    return 0;
}


/* the range of a launcher before us may have begun elsewhere */

static int
sjl_ports_meet(int64_t a, int64_t b)
{
    return a && a - b < SJL_PORTS && b - a < SJL_PORTS;
}


/* whether no other program listens there: Spark would not try others */

static int
sjl_ports_open(int64_t first)
{
    int                  i, fd, on, rc;
    struct sockaddr_in   in;

    rc = 0;
    on = 1;

    memset(&in, 0, sizeof(in));
    in.sin_family = AF_INET;

    for (i = 0; i < SJL_PORTS && rc == 0; i++) {
        in.sin_port = htons((uint16_t) (first + i));
        fd = socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, 0);

        if (fd == -1) {
            return 0;
        }

        (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));

        rc = bind(fd, (struct sockaddr *) &in, sizeof(in));
        (void) close(fd);
    }

    return rc == 0;
}


char *
sjl_ports_lacking(void)
{
    return sjl_format("all ports of driver.ports, %u-%u, are in use",
                      sjl_conf->ports.first, sjl_conf->ports.last);
}


/* with retries one driver would take the next one's */

json_t *
sjl_ports_set(json_t *settings, int64_t ports)
{
    int      i;
    char     number[16];
    json_t  *fixed;

    fixed = json_array();

    for (i = 0; i < SJL_PORTS; i++) {
        (void) snprintf(number, sizeof(number), "%d", (int) ports + i);
        (void) json_object_set_new(settings, sjl_ports_names[i],
                                   json_string(number));
        (void) json_array_append_new(fixed, json_string(sjl_ports_names[i]));
    }

    (void) json_object_set_new(settings, SJL_PORTS_RETRIES, json_string("0"));
    (void) json_array_append_new(fixed, json_string(SJL_PORTS_RETRIES));

    return fixed;
}
