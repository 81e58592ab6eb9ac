
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjc.h"

#include <time.h>


void *
sjc_alloc(size_t n)
{
    void  *p;

    p = calloc(1, n);

    if (p == NULL) {
        exit(sjc_say(SJC_FAILED, "%zu bytes of memory cannot be had", n));
    }

    return p;
}


char *
sjc_format(const char *fmt, ...)
{
    int       n;
    char     *s;
    va_list   args;

    va_start(args, fmt);
    n = vasprintf(&s, fmt, args);
    va_end(args);

    if (n == -1) {
        exit(sjc_say(SJC_FAILED, "memory for text cannot be had"));
    }

    return s;
}


void
sjc_buf_add(sjc_buf_t *buf, const void *p, size_t n)
{
    char    *data;
    size_t   size;

    if (buf->size - buf->len <= n) {
        size = 2 * buf->size + n + 64;
        data = sjc_alloc(size);

        if (buf->len) {
            memcpy(data, buf->data, buf->len);
        }

        free(buf->data);
        buf->data = data;
        buf->size = size;
    }

    if (n) {
        memcpy(buf->data + buf->len, p, n);
        buf->len += n;
    }

    buf->data[buf->len] = '\0';
}


void
sjc_buf_print(sjc_buf_t *buf, const char *fmt, ...)
{
    int       n;
    char     *s;
    va_list   args;

    va_start(args, fmt);
    n = vasprintf(&s, fmt, args);
    va_end(args);

    if (n == -1) {
        exit(sjc_say(SJC_FAILED, "memory for text cannot be had"));
    }

    sjc_buf_add(buf, s, n);
    free(s);
}


void
sjc_buf_free(sjc_buf_t *buf)
{
    free(buf->data);
    memset(buf, 0, sizeof(sjc_buf_t));
}


void
sjc_clean(char *text)
{
    for ( /* void */ ; *text; text++) {
        if ((unsigned char) *text < ' ' || *text == 0x7f) {
            *text = ' ';
        }
    }
}


sjc_exit_e
sjc_say(sjc_exit_e rc, const char *fmt, ...)
{
    int       n;
    char     *s;
    va_list   args;

    va_start(args, fmt);
    n = vasprintf(&s, fmt, args);
    va_end(args);

    if (n == -1) {
        return rc;
    }

    sjc_clean(s);

    (void) fprintf(stderr, "sparkjob: %s\n", s);
    free(s);

    return rc;
}


int64_t
sjc_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


int64_t
sjc_number(const char *text, int64_t max)
{
    int64_t  n;

    if (*text == '\0') {
        return -1;
    }

    for (n = 0; *text; text++) {

        if (*text < '0' || *text > '9' || n > (max - (*text - '0')) / 10) {
            return -1;
        }

        n = n * 10 + (*text - '0');
    }

    return n;
}


sjc_exit_e
sjc_read_file(const char *path, sjc_buf_t *buf)
{
    FILE    *f;
    char     chunk[65536];
    size_t   n;
    int      failed;

    f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");

    if (f == NULL) {
        return sjc_say(SJC_WRONG_USE, "\"%s\" cannot be read: %s", path,
                       strerror(errno));
    }

    sjc_buf_add(buf, "", 0);

    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0) {
        sjc_buf_add(buf, chunk, n);
    }

    failed = ferror(f);

    if (f != stdin) {
        (void) fclose(f);
    }

    if (failed) {
        return sjc_say(SJC_WRONG_USE, "\"%s\" cannot be read: %s", path,
                       strerror(errno));
    }

    return SJC_OK;
}
