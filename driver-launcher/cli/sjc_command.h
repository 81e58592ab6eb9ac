
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The commands: each gets its arguments, as many as the table in main allows,
 * the rest are NULL.
 */


#ifndef _SJC_COMMAND_H_INCLUDED_
#define _SJC_COMMAND_H_INCLUDED_


#include "sjc_http.h"
#include "sjc_option.h"
#include "sjc_print.h"


typedef sjc_exit_e (*sjc_command_pt)(char *const *args);


sjc_exit_e sjc_binary_upload(char *const *args);
sjc_exit_e sjc_binary_list(char *const *args);
sjc_exit_e sjc_binary_show(char *const *args);
sjc_exit_e sjc_binary_delete(char *const *args);

sjc_exit_e sjc_data_list(char *const *args);
sjc_exit_e sjc_data_upload(char *const *args);
sjc_exit_e sjc_data_delete(char *const *args);
sjc_exit_e sjc_data_reset(char *const *args);

sjc_exit_e sjc_context_list(char *const *args);
sjc_exit_e sjc_context_create(char *const *args);
sjc_exit_e sjc_context_restart(char *const *args);
sjc_exit_e sjc_context_show(char *const *args);
sjc_exit_e sjc_context_delete(char *const *args);
sjc_exit_e sjc_context_reset(char *const *args);
sjc_exit_e sjc_context_log(char *const *args);

sjc_exit_e sjc_cluster_list(char *const *args);
sjc_exit_e sjc_cluster_show(char *const *args);
sjc_exit_e sjc_cluster_create(char *const *args);
sjc_exit_e sjc_cluster_change(char *const *args);
sjc_exit_e sjc_cluster_delete(char *const *args);

sjc_exit_e sjc_library_list(char *const *args);
sjc_exit_e sjc_library_show(char *const *args);
sjc_exit_e sjc_library_create(char *const *args);
sjc_exit_e sjc_library_change(char *const *args);
sjc_exit_e sjc_library_probe(char *const *args);
sjc_exit_e sjc_library_delete(char *const *args);

sjc_exit_e sjc_submit(char *const *args);

sjc_exit_e sjc_job_list(char *const *args);
sjc_exit_e sjc_job_show(char *const *args);
sjc_exit_e sjc_job_result(char *const *args);
sjc_exit_e sjc_job_config(char *const *args);
sjc_exit_e sjc_job_kill(char *const *args);
sjc_exit_e sjc_job_purge(char *const *args);
sjc_exit_e sjc_job_log(char *const *args);

sjc_exit_e sjc_follow(char *const *args);
sjc_exit_e sjc_events(char *const *args);
sjc_exit_e sjc_dump(char *const *args);


/* what commands share */

/* a GET whose answer is printed as it is with --json, else given to "print" */
typedef void (*sjc_print_pt)(const json_t *answer);
sjc_exit_e sjc_command_get(const char *path, sjc_print_pt print);

/* an answer {"status", "result"}: its words, or the JSON */
sjc_exit_e sjc_command_do(const sjc_request_t *request);

/* the body of an answer; SJC_FAILED, and told, when it is no JSON */
sjc_exit_e sjc_command_json(const sjc_answer_t *answer, json_t **root);

/* --config, --hocon: what was given, or nothing; SJC_WRONG_USE for both */
sjc_exit_e sjc_command_config(sjc_buf_t *body);

/* Idempotency-Key: as a header's line, or NULL; to be freed */
char *sjc_command_key(void);

/* --timeout in seconds, -1 for none; SJC_WRONG_USE: it is no number */
sjc_exit_e sjc_command_timeout(int64_t *seconds);

/*
 * How a job went, by its report: prints the result, or the error on stderr,
 * or the report with --json.
 */
sjc_exit_e sjc_job_outcome(const char *body, size_t len);

/* one page after another, the rows of all, "max" at most; to be decref'ed */
sjc_exit_e sjc_job_pages(const char *path, int64_t max, json_t **rows);

extern const sjc_column_t  sjc_job_columns[];


#endif /* _SJC_COMMAND_H_INCLUDED_ */
