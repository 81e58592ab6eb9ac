
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The configuration: one JSON file, checked as a whole before anything of it
 * is applied.
 */


#ifndef _SJL_CONFIG_H_INCLUDED_
#define _SJL_CONFIG_H_INCLUDED_


#include "sjl.h"


typedef enum {
    SJL_DAO_KIND_SQLITE = 0,
    SJL_DAO_KIND_MEMORY
} sjl_dao_kind_e;


typedef enum {
    SJL_AT_EXIT_STOP = 0,
    SJL_AT_EXIT_LEAVE
} sjl_at_exit_e;


typedef struct {
    unsigned  first;                    /* 0: there is no range */
    unsigned  last;
} sjl_config_ports_t;


/* the numbers are in the units that the table in sjl_config.c names */

typedef struct {
    char     *file;

    char     *user;                     /* NULL: whoever has started us */
    char     *data_dir;
    char     *channel_socket;
    int64_t   channel_mode;
    json_t   *channel_users;            /* numbers */
    char     *log_file;
    int64_t   log_level;
    int64_t   dao;
    int64_t   at_exit;

    char     *java;
    char     *home;
    char     *remote_home;              /* of other hosts; NULL: home */
    char     *spark_home;
    json_t   *options;
    json_t   *environment;
    json_t   *command;                  /* empty: a JVM */
    int64_t   archive;                  /* of shared classes: is one made */
    int64_t   spares;
    int64_t   spare_interpreter;        /* they have one of Scala ready */
    int64_t   spare_memory;             /* available before one is started */
    char     *run_as;                   /* NULL: ourselves */
    json_t   *run_as_users;             /* that contexts may name */
    char     *cgroup;                   /* NULL: resource limits */
    char     *link_listen;              /* NULL: no TCP for drivers */
    char     *link_address;             /* NULL: link_listen */
    int64_t   link_tls;
    char     *link_certificate;         /* NULL: of our own making */
    char     *link_key;
    int64_t   link_always;
    int64_t   only_clusters;
    int64_t   link_strangers;
    char     *kinit;
    int64_t   ticket_renewal;
    int64_t   quota_memory;             /* of all limits 0: none */
    int64_t   quota_processes;
    int64_t   quota_files;
    int64_t   quota_file_size;
    int64_t   quota_cpu;
    int64_t   start_timeout;
    int64_t   stop_timeout;
    int64_t   kill_timeout;
    int64_t   hang_timeout;
    int64_t   ttl_grace;
    int64_t   orphan_timeout;

    json_t   *context_settings;
    int64_t   max_contexts;
    int64_t   max_jobs;
    int64_t   max_queued;
    int64_t   retention_jobs;
    int64_t   retention_contexts;
    int64_t   max_batches;
    int64_t   batch_log;
    int64_t   sync_commit_delay;
    int64_t   limit_channels;
    int64_t   limit_requests;
    int64_t   limit_uploads;
    int64_t   limit_starting;
    int64_t   limit_channel_bytes;
    int64_t   limit_link_bytes;
    int64_t   limit_result_bytes;

    json_t   *contexts;                 /* settings as text, by name */
    json_t   *binaries;                 /* paths by name */
    json_t   *clusters;                 /* by name, see sjl_cluster.h */
    json_t   *library_sets;             /* likewise, see sjl_library.h */
    json_t   *outbound_hosts;
    json_t   *outbound_files;
    char     *thrift_listen;            /* where drivers serve JDBC */
    char     *thrift_address;           /* as clients know it; NULL: listen */
    int64_t   livy_retain;
    int64_t   livy_skip_busy;
    int64_t   livy_statements;          /* of a session, that have not ended */
    int64_t   livy_wait;                /* see sjl_statement_ended() */
    int64_t   callback_attempts;
    int64_t   callback_interval;
    int64_t   callback_timeout;
    int64_t   supervise_restarts;
    int64_t   supervise_period;

    sjl_config_ports_t  ports;
    sjl_config_ports_t  thrift_ports;   /* none: there is no JDBC */
} sjl_config_t;


/* the configuration in force */
extern sjl_config_t  *sjl_conf;


/*
 * Reads a file.  Returns NULL when anything in it is wrong; *errors is then an
 * array with a sentence for each thing that is, to be released.
 */
sjl_config_t *sjl_config_read(const char *file, json_t **errors);

void sjl_config_free(sjl_config_t *conf);

/*
 * Reads sjl_conf's file again and puts it in force.  What cannot change while
 * the launcher runs stays as it is, and when the file is wrong all does; both
 * are logged.
 */
void sjl_config_reload(void);


#endif /* _SJL_CONFIG_H_INCLUDED_ */
