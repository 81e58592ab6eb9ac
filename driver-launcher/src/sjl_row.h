
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The rows that are kept: contexts, jobs, binaries.  A table for each tells
 * its columns, so that copying, storing and reading them is written once.
 */


#ifndef _SJL_ROW_H_INCLUDED_
#define _SJL_ROW_H_INCLUDED_


#include "sjl.h"


typedef enum {
    SJL_PAYLOAD_NONE = 0,
    SJL_PAYLOAD_RESULT,
    SJL_PAYLOAD_ERROR,
    SJL_PAYLOAD_STORED
} sjl_payload_e;


/* not text: it may hold anything, and be long */

typedef struct {
    char     *data;
    size_t    len;
} sjl_bytes_t;


/* times are milliseconds since 1970 UTC, 0 is "not yet"; text may be NULL */

typedef struct {
    int64_t      seq;                   /* the order in which rows were added */
    char        *id;
    int64_t      rev;
    char        *name;
    char        *user;
    int64_t      adhoc;
    int64_t      state;                 /* sjp_context_state_e */
    int64_t      final;
    int64_t      start;
    int64_t      end;
    char        *application;
    char        *url;
    char        *reason;
    char        *settings;              /* the request's, a JSON object */
    char        *options;               /* JVM options asked for, JSON array */
    int64_t      max_jobs;
    int64_t      max_queued;
    char        *process;               /* the driver's, see sjl_process.h */
    int64_t      ports;                 /* its first port, see sjl_ports.h */
    char        *secret;                /* hash; "" when it was used */
    char        *token;                 /* hash */
    int64_t      code;                  /* sjp_error_e, or -1 */
    sjl_bytes_t  error;
    char        *proxy_user;
    char        *request;               /* hash of settings and body */
    int64_t      idle_timeout;          /* seconds, 0: none */
    int64_t      ttl;                   /* likewise */
    int64_t      supervise;
    char        *restarts;              /* when, a JSON array, or NULL */
    char        *cluster;               /* its name, or NULL */
    char        *library;               /* likewise; NULL: the default */
    char        *master;                /* the driver's, as it says */
    int64_t      generation;            /* drivers that were started for it */
    char        *remote;                /* JSON; NULL: a process of ours */
    char        *shown;                 /* see sjl_shown.h, JSON, or NULL */
    int64_t      session;               /* its number; -1: it is none */
    char        *kind;                  /* see SJP_KINDS; NULL: ad hoc */
    char        *livy;                  /* what was asked for, JSON, or NULL */
    int64_t      heartbeat;             /* seconds, 0: none */
    int64_t      statements;            /* numbers given, see job_add() */
    int64_t      until;                 /* it is shown as a session that died */
    char        *added;                 /* see sjl_added.h, JSON, or NULL */
} sjl_context_row_t;


typedef struct {
    int64_t      seq;
    char        *id;
    int64_t      rev;
    char        *class;
    char        *context;               /* its name, see migration 2 */
    char        *context_id;
    char        *user;
    char        *cp;                    /* [{"name", "type", "sha256"}, ...] */
    char        *dependent;             /* likewise, or NULL */
    int64_t      state;                 /* sjp_job_state_e */
    int64_t      final;
    int64_t      sync;
    int64_t      start;
    int64_t      began;                 /* to run, for the last time */
    int64_t      end;
    int64_t      run_micros;
    int64_t      payload;               /* sjl_payload_e */
    int64_t      size;
    sjl_bytes_t  data;                  /* result or error */
    sjl_bytes_t  config;
    int64_t      config_file;           /* it lies in a file */
    sjl_bytes_t  body;                  /* until the job runs */
    int64_t      body_file;
    int64_t      code;                  /* sjp_error_e of a refusal, or -1 */
    char        *code_name;
    char        *request;               /* hash, if its id is from a key */
    char        *progress;              /* the last, a JSON object, or NULL */
    int64_t      statement;             /* its number, -1: it is none */
    char        *kind;                  /* of a statement, or NULL */
} sjl_job_row_t;


typedef struct {
    int64_t      seq;
    char        *name;
    char        *type;
    int64_t      time;
    char        *sha256;
    int64_t      size;
} sjl_binary_row_t;


typedef struct {
    int64_t      seq;
    char        *file;                  /* its name, see sjl_path_data() */
    char        *user;
    int64_t      time;
    int64_t      size;
} sjl_data_row_t;


/* a job's end that a URL has to be told of */

typedef struct {
    int64_t      seq;
    char        *job;                   /* id */
    char        *url;
    int64_t      attempts;
    int64_t      due;                   /* of the next one */
} sjl_callback_row_t;


/* a context that is to be made as soon as the one of its name has ended */

typedef struct {
    int64_t      seq;
    char        *id;
    char        *name;
    char        *user;
    char        *proxy_user;
    char        *request;               /* see sjl_context_row_t */
    char        *settings;
} sjl_replacement_row_t;


/* a driver that its cluster is to kill, see sjl_kill.h */

typedef struct {
    int64_t      seq;
    char        *driver;                /* its context's id, and generation */
    int64_t      time;                  /* since when */
    char        *remote;                /* see sjl_context_row_t */
} sjl_kill_row_t;


/* what Spark's own SparkSubmit runs, see sjl_batch.h */

typedef struct {
    int64_t      seq;
    char        *id;
    int64_t      number;
    char        *name;                  /* or NULL */
    char        *user;
    char        *proxy_user;            /* or NULL */
    int64_t      state;                 /* sjp_batch_state_e */
    int64_t      start;
    int64_t      end;
    int64_t      stopping;              /* since when it is to be deleted */
    char        *application;           /* NULL: it is not known */
    char        *url;
    char        *reason;                /* why it has ended so, or NULL */
    char        *spec;                  /* how it is started, a JSON object */
} sjl_batch_row_t;


/* a cluster or a library set that was made by a request */

typedef struct {
    int64_t      seq;
    char        *name;
    char        *user;
    int64_t      time;                  /* of its last change */
    char        *spec;                  /* what was asked for, a JSON object */
    char        *report;                /* what was found, likewise, or NULL */
} sjl_resource_row_t;


/* numbers that are given once, see sjl_number.h */

typedef struct {
    int64_t      seq;
    char        *name;
    int64_t      next;
} sjl_number_row_t;


typedef enum {
    SJL_COLUMN_NUMBER,
    SJL_COLUMN_NAME,                    /* a number here, a name when kept */
    SJL_COLUMN_TEXT,
    SJL_COLUMN_BYTES
} sjl_column_e;


#define SJL_COLUMN_FIXED  0x1           /* never changes */


typedef struct {
    const char         *name;
    sjl_column_e        kind;
    size_t              offset;
    unsigned            flags;
    const char *const  *names;
} sjl_column_t;


typedef struct {
    const char          *name;
    size_t               size;
    size_t               ncolumns;
    const sjl_column_t  *columns;
} sjl_table_t;


extern const sjl_table_t  sjl_contexts_table;
extern const sjl_table_t  sjl_jobs_table;
extern const sjl_table_t  sjl_binaries_table;

/* the key of these is their first column */
extern const sjl_table_t  sjl_data_table;
extern const sjl_table_t  sjl_callbacks_table;
extern const sjl_table_t  sjl_replacements_table;
extern const sjl_table_t  sjl_clusters_table;
extern const sjl_table_t  sjl_libraries_table;
extern const sjl_table_t  sjl_kills_table;
extern const sjl_table_t  sjl_numbers_table;
extern const sjl_table_t  sjl_batches_table;


/* fills dst with copies of all that src has */
void sjl_row_copy(const sjl_table_t *table, void *dst, const void *src);

/* releases what a row has, not the row */
void sjl_row_clear(const sjl_table_t *table, void *row);

/*
 * Whether a row of that user is there for a request that says whose rows are;
 * an owner of NULL has all.
 */
int sjl_row_owned(const char *user, const char *owner);

/* a column of a row */
#define sjl_row_field(row, column)                                            \
    ((void *) ((char *) (row) + (column)->offset))


#endif /* _SJL_ROW_H_INCLUDED_ */
