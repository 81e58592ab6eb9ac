
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl.h"


#define SJL_LOG_LINE  4096


static size_t sjl_log_escape(char *dst, size_t size, const char *src);


const char *const  sjl_log_levels[] = {
    "alert", "crit", "err", "warn", "notice", "info", "debug", NULL
};

sjl_log_level_e  sjl_log_level = SJL_LOG_INFO;


static int  sjl_log_fd = STDERR_FILENO;
static int  sjl_log_is_file;
static int  sjl_log_starting = 1;


int
sjl_log_open(const char *file)
{
    int  fd;

    fd = strcmp(file, "stderr") == 0
         ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
         : open(file, O_WRONLY|O_CREAT|O_APPEND|O_CLOEXEC|O_NOCTTY, 0600);

    if (fd == -1) {
        sjl_log(SJL_LOG_CRIT, "log file \"%s\" cannot be opened: %s", file,
                strerror(errno));
        return SJL_ERROR;
    }

    if (sjl_log_fd == STDERR_FILENO) {
        sjl_log_fd = fd;
        sjl_log_is_file = strcmp(file, "stderr") != 0;
        return SJL_OK;
    }

    /* another thread may be writing: the number has to stay a log's */

    if (dup3(fd, sjl_log_fd, O_CLOEXEC) == -1) {
        sjl_log(SJL_LOG_CRIT, "dup3(\"%s\") failed: %s", file, strerror(errno));
        (void) close(fd);
        return SJL_ERROR;
    }

    (void) close(fd);

    return SJL_OK;
}


void
sjl_log_write(sjl_log_level_e level, const char *fmt, ...)
{
    char             text[SJL_LOG_LINE / 2], line[SJL_LOG_LINE];
    size_t           n;
    va_list          args;
    struct tm        tm;
    struct timespec  ts;

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    (void) clock_gettime(CLOCK_REALTIME, &ts);
    (void) localtime_r(&ts.tv_sec, &tm);

    n = strftime(line, sizeof(line), "%Y/%m/%d %H:%M:%S", &tm);
    n += (size_t) snprintf(line + n, sizeof(line) - n, ".%03d [%s] %d: ",
                           (int) (ts.tv_nsec / 1000000), sjl_log_levels[level],
                           (int) getpid());

    n += sjl_log_escape(line + n, sizeof(line) - n - 1, text);
    line[n++] = '\n';

    if (write(sjl_log_fd, line, n) == -1) {
        /* there is nowhere left to tell of it */
        return;
    }

    /* whoever has started us wants to know why we do not run */

    if (sjl_log_starting && sjl_log_is_file && level <= SJL_LOG_ERR
        && write(STDERR_FILENO, line, n) == -1)
    {
        return;
    }
}


void
sjl_log_started(void)
{
    sjl_log_starting = 0;
}


/* what a peer sent may not begin a line of its own */

static size_t
sjl_log_escape(char *dst, size_t size, const char *src)
{
    char  *p, *last;

    p = dst;
    last = dst + size - 4;

    for ( /* void */ ; *src && p < last; src++) {

        if ((unsigned char) *src >= ' ' && *src != 0x7f) {
            *p++ = *src;
            continue;
        }

        p += sprintf(p, "\\x%02x", (unsigned char) *src);
    }

    return (size_t) (p - dst);
}
