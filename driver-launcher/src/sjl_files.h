
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The file thread: copying, synchronising and removing files.  All paths lie
 * below the data folder:
 *
 *    archives/                   classes that drivers share, see sjl_archive.h
 *    binaries/<sha256>.<jar|egg|whl|py>
 *    contexts/<id>/              driver.log, context.conf, logs/, in/, out/,
 *                                tmp/
 *    data/                       files that modules have uploaded for jobs
 *    results/<2 digits>/<id>     results (and .config, configurations) that
 *                                are too large for the database
 *    tmp/                        what is being written
 */


#ifndef _SJL_FILES_H_INCLUDED_
#define _SJL_FILES_H_INCLUDED_


#include "sjl_owner.h"
#include "sjl_queue.h"


typedef struct sjl_file_op_s  sjl_file_op_t;

struct sjl_file_op_s {
    sjl_op_t    op;

    /* called on the file thread; returns SJL_OK, or SJL_ERROR and sets "why" */
    int       (*run)(sjl_file_op_t *op);

    /* called on the loop; sjl_file_op_free() has to follow */
    void      (*done)(sjl_file_op_t *op);
    void       *data;

    int         fd;                     /* what to copy, or -1: body */
    char       *body;
    size_t      size;
    char       *from;
    char       *to;

    const sjl_owner_t  *owner;          /* of a new context's folder */

    char        sha256[SJL_HASH_LEN + 1];
    int         rc;
    unsigned    bad:1;                  /* it is no binary */
    unsigned    other:1;                /* "to" is to be another user's */
    unsigned    exists:1;               /* there is one of that name */
    unsigned    too_long:1;
    unsigned    renamed:1;              /* it was "from" */
    size_t      max;
    sjl_why_t   why;

    /*
     * So often it is tried again, a second later each time, when the disk is
     * full or fails: for what cannot be had again.
     */
    unsigned        tries;
    unsigned        transient:1;
    unsigned        moved:1;            /* but perhaps not durably */
    sjl_file_op_t  *next;               /* of those to be tried again */
};


/* data_dir, for all threads; it never changes */
extern char  *sjl_files_root;


/* makes the folders; returns SJL_OK or SJL_ERROR, and has logged why */
int sjl_files_init(void);

int sjl_files_start(void);
void sjl_files_stop(void);
size_t sjl_files_length(void);
uint64_t sjl_files_total(void);

/* how many descriptors of bodies operations hold that are not done */
size_t sjl_files_bodies(void);

/* a new operation; "run" is one of those below */
sjl_file_op_t *sjl_file_op_make(int (*run)(sjl_file_op_t *op),
    void (*done)(sjl_file_op_t *op), void *data);
void sjl_file_op_free(sjl_file_op_t *op);
void sjl_file_op_add(sjl_file_op_t *op);

/*
 * Stores a binary, fd or body, as binaries/<sha256><to>; "to" is the
 * extension.  Sets sha256 and size; "bad" when it is no archive, though all but
 * plain Python are.
 */
int sjl_files_store(sjl_file_op_t *op);

/* copies fd or body to the file "to", which becomes its folder's owner's */
int sjl_files_copy(sjl_file_op_t *op);

/*
 * The same, durable with its folder; sets size.  Nothing is replaced: when the
 * file is there, "exists" is set.
 */
int sjl_files_add(sjl_file_op_t *op);

/*
 * Moves the regular file "from" to "to", and makes it durable; sets size.
 * Nothing in "from" may be a symbolic link.  One of more than "max" bytes is
 * removed instead, and "too_long" set.
 */
int sjl_files_move(sjl_file_op_t *op);

/* sets "why" to what errno says, and returns SJL_ERROR */
int sjl_files_fail(sjl_file_op_t *op, const char *doing, const char *path);

/* makes the names in a folder durable; on the file thread */
int sjl_files_sync_folder(sjl_file_op_t *op, const char *path);

/* reads fd; sets sha256 and size */
int sjl_files_hash(sjl_file_op_t *op);

/* removes the file "from", if it is there */
int sjl_files_remove(sjl_file_op_t *op);

/* the names in the folder "from" as "body", each with a zero behind it */
int sjl_files_list(sjl_file_op_t *op);

/* the same, on the file thread; the path is freed */
void sjl_files_delete(char *path);

/* what a type's files end with; NULL: there is no such type of binaries */
const char *sjl_files_extension(const char *type);

/* the type of binaries that a path ends like, or NULL */
const char *sjl_files_type(const char *path);

/* paths, to be freed */
char *sjl_path_binaries(void);
char *sjl_path_binary(const char *sha256, const char *type);
char *sjl_path_context(const char *id, const char *file);
char *sjl_path_job_body(const char *context, const char *id);
char *sjl_path_job_log(const char *context, const char *id);
char *sjl_path_result(const char *id, const char *suffix);
char *sjl_path_results(unsigned part);
char *sjl_path_data(const char *file);


#endif /* _SJL_FILES_H_INCLUDED_ */
