
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * A launcher within the fuzzer: the real one but for its clients, which the
 * fuzzer is itself, its drivers' processes, which are descriptors, and what
 * it posts to, which answers 200.  Its rows are in memory.
 */


#ifndef _FUZZ_LAUNCHER_H_INCLUDED_
#define _FUZZ_LAUNCHER_H_INCLUDED_


#include "fuzz.h"
#include "sjl_conn.h"


/* the driver that was started last */

typedef struct {
    char  context[SJL_ID_LEN + 1];
    char  secret[128];
    char  token[128];               /* as its welcome has told it */
} fuzz_driver_t;


extern fuzz_driver_t  fuzz_driver;


void fuzz_launcher_start(void);

/* before each input */
void fuzz_launcher_begin(void);

/* a new connection to it; the fuzzer's end, which does not block */
int fuzz_launcher_connect(void);

/* sends a frame; "file": its payload goes as a descriptor */
void fuzz_launcher_send(int end, unsigned type, uint32_t stream,
    const char *meta, const char *payload, int file);

/* lets it work until it has nothing to do, and reads what it sends */
void fuzz_launcher_settle(int *ends, size_t n);

/* lets the driver that was started last end; 0: there is none */
int fuzz_launcher_exit(int status);

/*
 * Closes all, ends all, and forgets all; checks that nothing is left: no
 * context, no driver, no connection, no descriptor.
 */
void fuzz_launcher_reset(int *ends, size_t n);


#endif /* _FUZZ_LAUNCHER_H_INCLUDED_ */
