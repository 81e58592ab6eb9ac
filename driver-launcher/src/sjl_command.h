
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The command line and the environment of a driver.
 */


#ifndef _SJL_COMMAND_H_INCLUDED_
#define _SJL_COMMAND_H_INCLUDED_


#include "sjl_cluster.h"
#include "sjl_library.h"
#include "sjl_owner.h"


typedef struct {
    char  **argv;
    char  **envp;
} sjl_command_t;


/*
 * The command that starts a driver for a context.  "options" is an array of
 * further JVM options, "cluster" is NULL where the context has none, "login" is
 * whom it runs as.  Returns SJL_OK, or SJL_ERROR when the program is nowhere to
 * be found, or Spark has no Scala.
 */
int sjl_command_make(sjl_command_t *cmd, const char *context,
    const json_t *options, const sjl_library_t *library,
    const sjl_cluster_t *cluster, const sjl_login_t *login);

/*
 * The command that submits a driver to a cluster: Spark's own, with these words
 * behind it.
 */
int sjl_command_submit(sjl_command_t *cmd, const char *context,
    const json_t *words, const sjl_library_t *library,
    const sjl_cluster_t *cluster, const sjl_login_t *login);

/*
 * The same for a batch, which has no classes of ours; "options" is an array of
 * JVM options of its own.
 */
int sjl_command_batch(sjl_command_t *cmd, const char *batch,
    const json_t *options, const json_t *words, const sjl_library_t *library,
    const sjl_cluster_t *cluster, const sjl_login_t *login);

/* has this program of ours, with a mode and a word, start a command */
void sjl_command_wrap(sjl_command_t *cmd, const char *mode, const char *word);

/*
 * The command that makes an archive of the classes that drivers share: the file
 * "archive".  It works in "folder", and is known by that id.
 */
int sjl_command_archive(sjl_command_t *cmd, const char *id, const char *folder,
    const char *archive, const sjl_library_t *library,
    const sjl_login_t *login);

/*
 * A JVM 17 crashes when it is to show somebody the bytes of a class that such
 * an archive has: agents and recordings that begin with it do without.  The
 * option that says so, or NULL.
 */
const char *sjl_command_watched(const sjl_library_t *library,
    const json_t *options);

/*
 * The command that runs a class of ours beside all drivers, with little memory:
 * what it finds goes to the file "report".  The cluster may be NULL.
 */
int sjl_command_probe(sjl_command_t *cmd, const char *id, const char *folder,
    const char *report, const char *class, const sjl_library_t *library,
    const sjl_cluster_t *cluster, const sjl_login_t *login);

/*
 * All that such an archive depends on, or a driver that was started before it
 * was needed: lines, to be freed.  Those that begin with a slash are files.
 */
char *sjl_command_archived(const sjl_library_t *library);
char *sjl_command_depends(const sjl_library_t *library);

/* all JVM options of a driver that a cluster starts, a new array */
json_t *sjl_command_options(const sjl_library_t *library,
    const json_t *options);

/*
 * Makes a hash (SJL_HASH_LEN + 1 bytes) of such lines, with the files' sizes
 * and times; they are used up.  On the file thread.
 */
void sjl_command_hash(char *hash, char *lines);

/* has it log in by the tickets in the folder of whoever has this id */
void sjl_command_ticket(sjl_command_t *cmd, const char *id,
    const sjl_cluster_t *cluster);

/* one more variable of its environment */
void sjl_command_setenv(sjl_command_t *cmd, const char *name,
    const char *value);

void sjl_command_free(sjl_command_t *cmd);

/* where a shell would find a program, to be freed; NULL: nowhere */
char *sjl_command_program(const char *program);


#endif /* _SJL_COMMAND_H_INCLUDED_ */
