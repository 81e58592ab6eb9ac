
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * sparkjob, the command: what all of its files use.
 */


#ifndef _SJC_H_INCLUDED_
#define _SJC_H_INCLUDED_


#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>


#define SJC_RELEASE  "0.1.0"

#define sjc_nelts(array)   (sizeof(array) / sizeof((array)[0]))


/* how a command ends, for scripts; functions return them, too */

typedef enum {
    SJC_OK = 0,
    SJC_JOB_FAILED,         /* the job ended ERROR or KILLED */
    SJC_WRONG_USE,
    SJC_REFUSED,            /* the server's 4xx */
    SJC_FAILED,             /* its 5xx, no server, no answer */
    SJC_TIMED_OUT           /* a wait that was bounded */
} sjc_exit_e;


/* bytes that grow; there is always a zero behind them once there are any */

typedef struct {
    char    *data;
    size_t   len;
    size_t   size;
} sjc_buf_t;


/* n bytes of zeros; the process ends when there are none */
void *sjc_alloc(size_t n);

/* a new string, as sprintf() would make it */
char *sjc_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void sjc_buf_add(sjc_buf_t *buf, const void *p, size_t n);
void sjc_buf_print(sjc_buf_t *buf, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* the buffer is empty afterwards, and may be used again */
void sjc_buf_free(sjc_buf_t *buf);

/* a server's words may be anything: control characters become blanks */
void sjc_clean(char *text);

/* one sentence on stderr, cleaned; returns "rc" */
sjc_exit_e sjc_say(sjc_exit_e rc, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* milliseconds of a clock that only goes forward */
int64_t sjc_now(void);

/* a whole number from 0 to "max"; -1: the text is none */
int64_t sjc_number(const char *text, int64_t max);

/* all bytes of a file, "-" is stdin; SJC_WRONG_USE: it cannot be read */
sjc_exit_e sjc_read_file(const char *path, sjc_buf_t *buf);


#endif /* _SJC_H_INCLUDED_ */
