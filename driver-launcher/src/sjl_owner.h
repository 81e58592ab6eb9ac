
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The Unix user that a context's driver runs as, and whose its folder is.  It
 * is chosen when the context is made; later the folder itself tells.
 */


#ifndef _SJL_OWNER_H_INCLUDED_
#define _SJL_OWNER_H_INCLUDED_


#include "sjl_config.h"


#define SJL_OWNER_SETTING  "run-as"
#define SJL_OWNER_GROUPS   64


typedef struct {
    uid_t  uid;
    gid_t  gid;
} sjl_owner_t;


/* what a process of an owner is started with */

typedef struct {
    sjl_owner_t   owner;
    gid_t         groups[SJL_OWNER_GROUPS];
    int           ngroups;
    char         *name;                 /* to be freed; NULL: it is a number */
    char         *home;
} sjl_login_t;


/*
 * A user's name, or number: one without a name has the group of that number.
 * Returns SJL_OK or SJL_ERROR: there is none.
 */
int sjl_owner_parse(const char *text, sjl_owner_t *owner);

/*
 * Whom a context with these settings is to run as.  SJL_ERROR: the one that
 * they name may not be, and *why, to be freed, tells it.
 */
int sjl_owner_choose(const sjl_config_t *conf, const json_t *settings,
    sjl_owner_t *owner, char **why);

/* whether drivers may have other users than ours, by the configuration */
int sjl_owner_any(void);

/* who owns the folder of a context; we ourselves, if it is not there */
void sjl_owner_of(const char *context, sjl_owner_t *owner);

int sjl_owner_is_other(const sjl_owner_t *owner);

/* looked up here, since a process that was forked must not */
void sjl_login_make(sjl_login_t *login, const sjl_owner_t *owner);
void sjl_login_free(sjl_login_t *login);

/*
 * Becomes the owner, for good, with no rights beside his; before a program is
 * executed, so only system calls.  Returns SJL_OK or SJL_ERROR.
 */
int sjl_login_become(const sjl_login_t *login);

/*
 * From here on this thread's file operations have the rights of whose the
 * context's folder is that the path lies in, until sjl_owner_leave(): whatever
 * links the driver puts there lead to nothing but what is open to it anyway.
 * With any other path, or one of ours, nothing changes, and it returns 0.
 */
int sjl_owner_enter(const char *path);
void sjl_owner_leave(void);

/* likewise, with the rights of a user that is known; never with root's */
void sjl_owner_enter_user(const sjl_owner_t *owner);

/* unlink() with these rights */
int sjl_owner_unlink(const char *path);


#endif /* _SJL_OWNER_H_INCLUDED_ */
