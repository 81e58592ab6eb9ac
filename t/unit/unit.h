
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What the unit tests share.
 */


#ifndef _UNIT_H_INCLUDED_
#define _UNIT_H_INCLUDED_


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sjl.h"


/* runs the loop for so many milliseconds at most, or until *flag is set */
static inline void
unit_run(const int *flag, int milliseconds)
{
    int      n;
    int64_t  until;

    until = sjl_now() + milliseconds;

    /* a machine that stood still all the time is no reason to do nothing */

    for (n = 0; !*flag && (n < 20 || sjl_now() < until); n++) {
        (void) ev_run(sjl_loop, EVRUN_NOWAIT);
        (void) usleep(200);
    }
}


/* a new folder, to be removed by unit_remove() */
static inline char *
unit_folder(void)
{
    char  *path;

    path = sjl_strdup(P_tmpdir "/sparkjob-unit-XXXXXX");
    assert_non_null(mkdtemp(path));

    return path;
}


static inline void
unit_remove(char *folder)
{
    char  *command;

    command = sjl_format("rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);

    free(command);
    free(folder);
}


/* the folder of a group of tests: its setup and teardown */
static char  *unit_here;


static inline int
unit_enter(void **state)
{
    (void) state;

    unit_here = unit_folder();

    return 0;
}


static inline int
unit_leave(void **state)
{
    (void) state;

    unit_remove(unit_here);

    return 0;
}


static inline void
unit_write(const char *path, const char *text)
{
    FILE  *f;

    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fputs(text, f) < 0, 0);
    assert_int_equal(fclose(f), 0);
}


#endif /* _UNIT_H_INCLUDED_ */
