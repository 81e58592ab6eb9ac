
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What people and scripts read.
 */


#ifndef _SJC_PRINT_H_INCLUDED_
#define _SJC_PRINT_H_INCLUDED_


#include "sjc.h"


/* a column of a table: members of members by dots, "progress.percent" */

typedef struct {
    const char  *title;
    const char  *member;
} sjc_column_t;


/* bytes on stdout as they are, and a newline unless they end with one */
void sjc_print_raw(const char *p, size_t n);

/* a JSON value as one document */
void sjc_print_json(const json_t *value);

/* rows: an array of objects; columns end with one without title */
void sjc_print_table(const sjc_column_t *columns, const json_t *rows);

/* one object as "member  value" lines */
void sjc_print_object(const sjc_column_t *members, const json_t *object);

/* {"a": {"x": 1}} becomes [{"name": "a", "x": 1}], to be decref'ed */
json_t *sjc_print_named(const json_t *object);

/* ["a"] becomes [{"name": "a"}], to be decref'ed */
json_t *sjc_print_names(const json_t *array);

/* what an error of the server says, in one line, to be freed */
char *sjc_print_words(const char *body);

/* {"message", "errorClass"} in one line, to be freed */
char *sjc_print_error(const json_t *error);

/*
 * The text of the last member "result" of a report, as the server wrote it:
 * results need not be parsed, they are large, and streams may be no JSON.
 * NULL: there is none.
 */
const char *sjc_print_find_result(const char *body, size_t len, size_t *n);

/* the result on stdout: a string without its quotes, all else as it is */
void sjc_print_result(const char *p, size_t n);


#endif /* _SJC_PRINT_H_INCLUDED_ */
