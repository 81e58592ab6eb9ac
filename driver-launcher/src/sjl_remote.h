
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Drivers that a cluster starts, on a host of its choice: asked for, looked
 * after and killed by its manager.  What differs between clusters is in a table
 * of kinds; all else of such a driver is as of one of this host.
 *
 * The manager is asked one thing at a time, and only when the link does not
 * tell more: until the driver has come, while it is away, and when it is to
 * end.  What it says counts for more than our own clock, so a driver that is
 * over is known to be, and one that is cut off is not taken for dead.
 */


#ifndef _SJL_REMOTE_H_INCLUDED_
#define _SJL_REMOTE_H_INCLUDED_


#include "sjl_cluster.h"
#include "sjl_driver.h"
#include "sjl_http.h"
#include "sjl_library.h"
#include "sjl_probe.h"


/* what a manager says of a driver */

typedef enum {
    SJL_REMOTE_SILENT = 0,              /* nothing: it cannot be asked */
    SJL_REMOTE_ALIVE,
    SJL_REMOTE_OVER,
    SJL_REMOTE_NONE                     /* it knows no such driver */
} sjl_remote_state_e;


/* what a driver is started with */

typedef struct {
    const sjl_library_t  *library;
    const sjl_cluster_t  *cluster;      /* or NULL */
    json_t               *options;      /* all of its JVM's */

    /*
     * What it has to be told, as text, secret and all: how it goes is the
     * kind's business, but nobody may be shown it.
     */
    const char           *text;
} sjl_remote_start_t;


/*
 * Each function begins something whose end is told by sjl_remote_submitted(),
 * sjl_remote_stated() or sjl_remote_killed().
 */

typedef struct {
    const char  *name;
    const char  *scheme;                /* its masters' URLs begin with it */

    /*
     * Where the manager is asked, to be freed, by its URL, the request's
     * settings, the cluster (or NULL) and the library set; NULL: that is no
     * master, or *why, to be freed, says what is missing or wrong.
     */
    char      *(*rest)(const char *master, const json_t *settings,
                       const sjl_cluster_t *cluster,
                       const sjl_library_t *library, char **why);

    void       (*submit)(sjl_remote_t *r, const sjl_remote_start_t *start);
    void       (*status)(sjl_remote_t *r);

    /*
     * Looks for one that another launcher may have had submitted, and tells
     * sjl_remote_found(); NULL: it cannot be found without its id.
     */
    void       (*find)(sjl_remote_t *r);
    void       (*kill)(sjl_remote_t *r);

    /* releases what it has in "data", may be NULL */
    void       (*forget)(sjl_remote_t *r);
} sjl_remote_kind_t;


struct sjl_remote_s {
    const sjl_remote_kind_t  *kind;
    sjl_driver_t             *driver;
    char                     *master;
    char                     *rest;
    char                     *cluster;  /* its name, or NULL */
    char                     *user;     /* whose it is, if not its cluster's */
    char                     *id;       /* the manager's; NULL: not told yet */
    int64_t                   log;      /* its own begins there in driver.log */

    sjl_http_t               *http;     /* what is being asked */
    sjl_probe_t              *errand;   /* or who is sent to ask */
    char                     *why;      /* it could not be killed last */
    ev_timer                  timer;
    unsigned                  busy:1;
    unsigned                  kill:1;   /* to be asked next */
    unsigned                  told:1;   /* that it cannot be asked */
    unsigned                  unsure:1; /* whether it was ever submitted */

    pid_t                     submitter;   /* of ours that runs, or 0 */

    void                     *data;     /* the kind's own */
};


/* whether drivers of ours can be started by such a master */
int sjl_remote_deploys(const char *master);

/*
 * Whether a context's driver is a cluster's to start, by the settings of the
 * request, the user for whom it acts (or NULL), its cluster's (NULL: it names
 * none), and those of the configuration.  The text for the context's row, to be
 * freed; or NULL, and *why, to be freed, says what is wrong if it is to be but
 * cannot.
 */
char *sjl_remote_choose(const json_t *settings, const char *user,
    const char *cluster, char **why);

/*
 * A setting: the request's (or NULL: what it says does not count), or else the
 * cluster's, or else the configuration's; or NULL.
 */
const char *sjl_remote_setting(const json_t *settings,
    const sjl_cluster_t *cluster, const char *name);

/* NULL: the text is none, which was logged */
sjl_remote_t *sjl_remote_make(sjl_driver_t *d, const char *text);
void sjl_remote_free(sjl_remote_t *r);

/*
 * Another launcher was about to have it submitted, and may have died on the
 * way: what is left of its submitter is ended first, and then the cluster is
 * asked what has become of that.
 */
void sjl_remote_adopt(sjl_remote_t *r);

/* what the row has to say of it, to be freed */
char *sjl_remote_text(const sjl_remote_t *r);

/* has it started, with a secret; "start" may be freed after that */
void sjl_remote_submit(sjl_remote_t *r, const char *secret,
    sjl_remote_start_t *start);

/*
 * Where our driver's jar lies on the hosts of clusters, and the class path
 * there, both to be freed.
 */
char *sjl_remote_jar(const sjl_library_t *library);
char *sjl_remote_path(const sjl_library_t *library);

/*
 * Moves the heap's size from JVM options to the setting that managers count
 * with; and options as Spark takes them apart again, to be freed.
 */
void sjl_remote_memory(json_t *properties, json_t *options);
char *sjl_remote_words(const json_t *options);

/* has it killed; may be called again */
void sjl_remote_kill(sjl_remote_t *r);

/*
 * A driver has come, and says by which id its manager knows it (or NULL); its
 * first hello begins its log, behind what an earlier one has left.
 */
void sjl_remote_come(sjl_remote_t *r, const char *id, int first);

/*
 * What a kind tells: the id, or NULL and why there is none; the state, and what
 * the manager says of it; that it was told to kill, or why not.  The words are
 * copied.
 */
void sjl_remote_submitted(sjl_remote_t *r, const char *id, const char *why);
void sjl_remote_stated(sjl_remote_t *r, sjl_remote_state_e state,
    const char *words);
void sjl_remote_killed(sjl_remote_t *r, const char *why);

/* the id of what was found, or NULL; why: it cannot be asked */
void sjl_remote_found(sjl_remote_t *r, const char *id, const char *why);

/* see sjl_standalone.c, sjl_yarn_driver.c and sjl_kubernetes_driver.c */
extern const sjl_remote_kind_t  sjl_remote_standalone;
extern const sjl_remote_kind_t  sjl_remote_yarn;
extern const sjl_remote_kind_t  sjl_remote_kubernetes;

/* how much Kubernetes is being asked to delete */
size_t sjl_kubernetes_removing(void);


#endif /* _SJL_REMOTE_H_INCLUDED_ */
