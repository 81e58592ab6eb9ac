
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * A process, of a driver or a batch: started by us, or by a launcher before us.
 * Both are watched by a descriptor of the process (Linux 5.3), which tells the
 * one from another process that has got the same number later.
 */


#ifndef _SJL_PROCESS_H_INCLUDED_
#define _SJL_PROCESS_H_INCLUDED_


#include "sjl_owner.h"


typedef struct sjl_process_s  sjl_process_t;

struct sjl_process_s {
    pid_t      pid;                     /* 0: there is none */
    pid_t      group;
    uint64_t   ticks;                   /* when it was started, since boot */
    int        fd;
    unsigned   child:1;
    unsigned   late:1;                  /* killed by sjl_process_within() */
    ev_io      watch;
    ev_timer   limit;

    /*
     * Called once when the process has ended: its status as waitpid() tells
     * it, and its group was killed by then; -1 when it was not our child.
     */
    void     (*exited)(sjl_process_t *p, int status);
};


/* what a program is started with */

typedef struct {
    char *const  *argv;
    char *const  *envp;
    const char   *input;                /* all of its standard input, short */
    const char   *folder;
    const char   *log;                  /* its output is appended to it */

    int           group;                /* see sjl_quota.h */
    int           nice;                 /* 0, or less than we are: as we are */

    const sjl_login_t  *login;
} sjl_spawn_t;


/*
 * Starts a program in a session of its own.  Returns SJL_OK or SJL_ERROR, and
 * has logged why.
 */
int sjl_process_spawn(sjl_process_t *p, const sjl_spawn_t *spawn);

/* the process as text, to be freed, and back; SJL_ERROR: it is gone */
char *sjl_process_text(const sjl_process_t *p);
int sjl_process_adopt(sjl_process_t *p, const char *text);

/* the same text of this process itself, which leads its group */
char *sjl_process_self(void);

/* what stands behind a process in a text that begins with one, or NULL */
const char *sjl_process_rest(const char *text);

/* the same for a process that is known by its number only */
int sjl_process_adopt_pid(sjl_process_t *p, pid_t pid);

/* kills it, with its group, unless it has ended after so many seconds */
void sjl_process_within(sjl_process_t *p, double seconds);

/* sends a signal to the process and all of its group */
void sjl_process_signal(const sjl_process_t *p, int signo);

/* watches no longer */
void sjl_process_forget(sjl_process_t *p);

/* how a process has ended, in words, to be freed */
char *sjl_process_words(int status);


#endif /* _SJL_PROCESS_H_INCLUDED_ */
