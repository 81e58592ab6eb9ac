
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
#include "sjl_library.h"


#define SJL_TICKET_FILE  "/ticket"      /* in a context's folder */


void sjl_ticket_start(void);

/* whether the cluster's contexts have tickets from us, if they run here */
int sjl_ticket_wanted(const sjl_cluster_t *cluster);

/*
 * It was got, or why not, as a sentence to be freed.  Called once, unless it is
 * forgotten before; maybe before what has asked for it returns.
 */
typedef void (*sjl_ticket_pt)(void *data, char *why);

/* gets one for a context's driver, which is "data" */
void sjl_ticket_get(sjl_context_t *ctx, sjl_ticket_pt done);

/* a context has none, which is told; it is tried again soon */
void sjl_ticket_again(sjl_context_t *ctx, const char *why);

/*
 * The same by a cluster's keytab for something else, called "who" for people,
 * in a folder of its own below those of contexts.  While it goes on it stands
 * at "place", for sjl_ticket_forget().
 */
void sjl_ticket_get_for(sjl_ticket_t **place, const char *id, const char *who,
    const sjl_cluster_t *cluster, const sjl_library_t *library,
    sjl_ticket_pt done, void *data);

/* nobody wants to know any longer */
void sjl_ticket_forget(sjl_ticket_t **place);

/* adds sentences about what is wrong with what a cluster logs in by */
void sjl_ticket_check(const char *principal, const char *keytab, json_t *wrong);

/* has those of contexts end, nobody is told; how many are being got */
void sjl_ticket_stop(void);
size_t sjl_ticket_count(void);

/* watches them no longer */
void sjl_ticket_leave(void);


#endif /* _SJL_TICKET_H_INCLUDED_ */
