
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Tickets of Kerberos for drivers.  kinit gets them as our own user, by a
 * keytab that no driver needs to read, and each context has a file of them in
 * its folder.  It is replaced again and again, since a context may live for
 * weeks, and a ticket for hours.
 */


#ifndef _SJL_TICKET_H_INCLUDED_
#define _SJL_TICKET_H_INCLUDED_


#include "sjl_cluster.h"
#include "sjl_context.h"


#define SJL_TICKET_FILE  "/ticket"      /* in a context's folder */


void sjl_ticket_start(void);

/* whether the cluster's contexts have tickets from us, if they run here */
int sjl_ticket_wanted(const sjl_cluster_t *cluster);

/*
 * Gets a ticket for a context's driver.  "done" is called once, unless the
 * context ends before, maybe before this returns: with why there is none, as a
 * sentence to be freed, or NULL.
 */
void sjl_ticket_get(sjl_context_t *ctx, void (*done)(sjl_context_t *ctx,
    char *why));

/* nobody wants to know any longer */
void sjl_ticket_forget(sjl_context_t *ctx);

/* adds sentences about what is wrong with what a cluster logs in by */
void sjl_ticket_check(const char *principal, const char *keytab, json_t *wrong);

/* has all end that are being got, nobody is told; how many have not yet */
void sjl_ticket_stop(void);
size_t sjl_ticket_count(void);

/* watches them no longer */
void sjl_ticket_leave(void);


#endif /* _SJL_TICKET_H_INCLUDED_ */
