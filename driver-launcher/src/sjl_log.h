
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The log.  The level tells whose fault it is: alert ours, crit the system's,
 * err the peer's; warn and notice want attention, info is told of what goes on.
 */


#ifndef _SJL_LOG_H_INCLUDED_
#define _SJL_LOG_H_INCLUDED_


typedef enum {
    SJL_LOG_ALERT = 0,
    SJL_LOG_CRIT,
    SJL_LOG_ERR,
    SJL_LOG_WARN,
    SJL_LOG_NOTICE,
    SJL_LOG_INFO,
    SJL_LOG_DEBUG
} sjl_log_level_e;


/* a zero-terminated list of level names, as the configuration has them */
extern const char *const  sjl_log_levels[];

extern sjl_log_level_e    sjl_log_level;


/*
 * Opens the log: "stderr" or the name of a file, which is appended to.  It may
 * be called again at any time, and then replaces the log (a rotated file is
 * opened anew); when that fails the old one stays.  Returns SJL_OK or
 * SJL_ERROR.
 */
int sjl_log_open(const char *file);

/*
 * Until then whoever has started the launcher is told of errors on stderr, too,
 * when the log is a file.
 */
void sjl_log_started(void);

/* any thread may log; a line is written at once, and in one piece */
#define sjl_log(level, ...)                                                   \
    do {                                                                      \
        if ((level) <= sjl_log_level) {                                       \
            sjl_log_write(level, __VA_ARGS__);                                \
        }                                                                     \
    } while (0)

void sjl_log_write(sjl_log_level_e level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));


#endif /* _SJL_LOG_H_INCLUDED_ */
