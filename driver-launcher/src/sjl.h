
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What every part of the launcher uses: memory, text, time, random numbers.
 *
 * Memory that cannot be had ends the process: the drivers go on, and the next
 * launcher adopts them, which is better than a change that was half made.
 */


#ifndef _SJL_H_INCLUDED_
#define _SJL_H_INCLUDED_


#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <ev.h>
#include <jansson.h>

#include "sparkjob_fault.h"
#include "sparkjob_protocol.h"
#include "sjl_log.h"


#define SJL_VERSION        "0.1.0"

#define SJL_OK             0
#define SJL_ERROR          -1

#define SJL_ID_LEN         36
#define SJL_HASH_LEN       64

#define sjl_container(ptr, type, member)                                      \
    ((type *) (void *) ((char *) (ptr) - offsetof(type, member)))

#define sjl_nelts(array)   (sizeof(array) / sizeof((array)[0]))


/* why the storage has not done what it was asked */

typedef struct {
    sjp_error_e  code;                  /* NO_SPACE or STORAGE_FAILED */
    char         text[512];
} sjl_why_t;


/* the one loop; it owns all state, other threads see only their operations */
extern struct ev_loop  *sjl_loop;


/* n bytes of zeros; or of whatever was there */
void *sjl_alloc(size_t n);
void *sjl_alloc_raw(size_t n);

/* a copy of n bytes of p with a zero behind it; NULL stays NULL */
char *sjl_memdup(const void *p, size_t n);

/* a copy of a string; NULL stays NULL */
char *sjl_strdup(const char *s);

/* a new string, as sprintf() would make it */
char *sjl_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* milliseconds since 1970 UTC */
int64_t sjl_now(void);

/* microseconds, by a clock that nobody sets */
int64_t sjl_ticks(void);

/* fills p with 2 * n hexadecimal digits of n random bytes, and a zero */
void sjl_random_hex(char *p, size_t n);

/* two digits a byte, and a zero behind the last; of no bytes nothing */
void sjl_hex(char *p, const unsigned char *bytes, size_t n);

/* fills p (SJL_ID_LEN + 1 bytes) with a new UUID */
void sjl_id_make(char *p);

/* whether s is a UUID in lower-case text, so that it may be part of a path */
int sjl_id_ok(const char *s);

/* fills p (SJL_HASH_LEN + 1 bytes) with the SHA-256 of n bytes */
void sjl_hash(char *p, const void *data, size_t n);

/* compares strings in a time that does not tell where they differ */
int sjl_same_secret(const char *a, const char *b);

/* frees it, and leaves nothing of it in memory */
void sjl_free_secret(char *s);

/* the text of a JSON value, to be freed */
char *sjl_json_text(const json_t *value);

/*
 * An error as clients read it: {"message", "errorClass", "stack"}.  The stack
 * is "class: message", and behind it "more" unless that is NULL.  Message and
 * more are cleaned, and cut so that the error is no longer than a payload.
 */
char *sjl_error_text(const char *class, const char *message, const char *more);

/* fills "why"; "err" is the system's code, or 0 */
void sjl_why_set(sjl_why_t *why, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* replaces in place what is not UTF-8, or not printable, by '?' */
void sjl_text_clean(char *s);

/* cuts a text to "max" bytes or less, between two characters */
void sjl_text_cut(char *s, size_t max);

/*
 * Opens a log for reading; *size is its length.  One that is not there is made,
 * or else reads as empty.  Returns -1, and has logged why, when that fails.
 */
int sjl_file_open_log(const char *path, int make, size_t *size);

/*
 * The last "lines" lines of a file, "max" bytes at most, of what is behind its
 * first "from" bytes, cleaned; or NULL.
 */
char *sjl_file_tail(const char *path, off_t from, unsigned lines, size_t max);


#endif /* _SJL_H_INCLUDED_ */
