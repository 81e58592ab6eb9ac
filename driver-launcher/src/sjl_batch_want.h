
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What a request for a batch asks for, as Livy's API has it: one JSON object,
 * turned into the settings that Spark has for it, the words for the program,
 * and the files that it names.
 */


#ifndef _SJL_BATCH_WANT_H_INCLUDED_
#define _SJL_BATCH_WANT_H_INCLUDED_


#include "sjl.h"


typedef enum {
    SJL_BATCH_FILE = 0,                 /* the program */
    SJL_BATCH_JARS,
    SJL_BATCH_PY_FILES,
    SJL_BATCH_FILES,
    SJL_BATCH_ARCHIVES
} sjl_batch_use_e;


typedef enum {
    SJL_BATCH_NAMED = 0,                /* a part of the request, a binary */
    SJL_BATCH_PATH,                     /* of no scheme */
    SJL_BATCH_LOCAL,                    /* of this host */
    SJL_BATCH_WEB,
    SJL_BATCH_REMOTE                    /* of a file system of Hadoop's */
} sjl_batch_source_e;


typedef struct {
    sjl_batch_use_e      use;
    sjl_batch_source_e   source;
    char                *text;          /* without what stands behind a # */
    char                *fragment;      /* or NULL */
    char                *path;          /* what Spark is told; NULL: not yet */
} sjl_batch_file_t;


typedef struct {
    char              *name;            /* any of these may be NULL */
    char              *class;
    char              *proxy_user;
    json_t            *settings;        /* texts */
    json_t            *args;
    sjl_batch_file_t  *files;
    size_t             nfiles;
} sjl_batch_want_t;


/*
 * Reads a request.  Returns NULL when anything in it is wrong, and *why, to be
 * freed, says what.
 */
sjl_batch_want_t *sjl_batch_want_read(const char *text, size_t len,
    char **why);

void sjl_batch_want_free(sjl_batch_want_t *want);

/* the setting that names all files of a use, or NULL */
const char *sjl_batch_want_key(sjl_batch_use_e use);

/*
 * Takes a line of options apart as a shell would, into an array.  Returns NULL
 * when a quote has no end.
 */
json_t *sjl_batch_want_words(const char *line);

/*
 * The host, to be freed, and the port of a URL; NULL: it names none, or an
 * impossible port.
 */
char *sjl_batch_want_host(const char *url, unsigned *port);


#endif /* _SJL_BATCH_WANT_H_INCLUDED_ */
