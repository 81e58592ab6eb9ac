
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Fault points, in the test build only ("make faults"): places where a test
 * can have a process die, stop, wait, or see a call fail.  In all other builds
 * they are nothing.
 *
 *    SPARKJOB_FAULT("submit.before-save");
 *
 *    if (SPARKJOB_FAILS("submit.save") || save() == ERROR) {
 *
 * A point is "<step>.<where>".  The environment names the file in which points
 * are armed, SPARKJOB_FAULT_FILE: an array of sjf_slot_t in the machine's byte
 * order, mapped by all processes, so that what a test writes there counts at
 * once, and an armed fault strikes one process, once.  t/lib/faults.py writes
 * it.
 */


#ifndef _SPARKJOB_FAULT_H_INCLUDED_
#define _SPARKJOB_FAULT_H_INCLUDED_


#ifndef SPARKJOB_FAULTS

#define SPARKJOB_FAULT(point)  ((void) 0)
#define SPARKJOB_FAILS(point)  0

#else

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>


#define SPARKJOB_FAULT(point)  ((void) sjf_pass(point))
#define SPARKJOB_FAILS(point)  sjf_pass(point)

#define SJF_SLOTS  128

/* one definition for all files that have points */
#define sjf_shared  __attribute__((weak, visibility("hidden")))


typedef enum {
    SJF_NONE = 0,               /* the slot is free */
    SJF_KILL,                   /* SIGKILL to the process itself */
    SJF_STOP,                   /* SIGSTOP to the process itself */
    SJF_FAIL,                   /* SPARKJOB_FAILS() is true, errno EIO */
    SJF_DELAY                   /* this thread sleeps */
} sjf_action_e;


typedef struct {
    char      point[48];        /* written before the action */
    uint32_t  action;
    int32_t   passes;           /* to let by */
    uint32_t  ms;               /* of SJF_DELAY */
    uint32_t  struck;           /* the process that it struck, or 0 */
} sjf_slot_t;


sjf_shared sjf_slot_t  *sjf_slots;


__attribute__((constructor)) sjf_shared void
sjf_open(void)
{
    int          fd;
    void        *map;
    const char  *name;

    name = getenv("SPARKJOB_FAULT_FILE");

    if (sjf_slots || name == NULL) {
        return;
    }

    fd = open(name, O_RDWR|O_CLOEXEC);

    if (fd == -1) {
        return;
    }

    map = mmap(NULL, SJF_SLOTS * sizeof(sjf_slot_t), PROT_READ|PROT_WRITE,
               MAP_SHARED, fd, 0);

    if (map != MAP_FAILED) {
        sjf_slots = map;
    }

    (void) close(fd);
}


/* whether the call at this point is to fail */

sjf_shared int
sjf_strike(sjf_slot_t *s)
{
    struct timespec  ts;

    switch (s->action) {

    case SJF_KILL:
        (void) kill(getpid(), SIGKILL);
        return 0;

    case SJF_STOP:
        (void) kill(getpid(), SIGSTOP);
        return 0;

    case SJF_DELAY:
        ts.tv_sec = s->ms / 1000;
        ts.tv_nsec = (long) (s->ms % 1000) * 1000000;
        (void) nanosleep(&ts, NULL);
        return 0;

    default:
        errno = EIO;
        return 1;
    }
}


sjf_shared int
sjf_pass(const char *point)
{
    int          fails;
    sjf_slot_t  *s;

    fails = 0;

    if (sjf_slots == NULL) {
        return 0;
    }

    for (s = sjf_slots; s < sjf_slots + SJF_SLOTS; s++) {

        if (__atomic_load_n(&s->action, __ATOMIC_ACQUIRE) == SJF_NONE
            || strcmp(s->point, point) != 0
            || __atomic_fetch_sub(&s->passes, 1, __ATOMIC_ACQ_REL) != 0)
        {
            continue;
        }

        __atomic_store_n(&s->struck, (uint32_t) getpid(), __ATOMIC_RELEASE);
        fails |= sjf_strike(s);
    }

    return fails;
}


#endif

#endif /* _SPARKJOB_FAULT_H_INCLUDED_ */
