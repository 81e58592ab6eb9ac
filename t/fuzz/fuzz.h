
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What the fuzzers share.  A broken promise ends the process, which makes the
 * fuzzer keep the input.
 */


#ifndef _FUZZ_H_INCLUDED_
#define _FUZZ_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define fuzz_check(promise)                                                   \
    do {                                                                      \
        if (!(promise)) {                                                     \
            (void) fprintf(stderr, "%s:%d: broken: %s\n", __FILE__,           \
                           __LINE__, #promise);                               \
            abort();                                                          \
        }                                                                     \
    } while (0)


int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* a new folder, in memory where there is such a place; gone with the process */
const char *fuzz_folder(void);

/* writes a file in that folder, and returns its path */
const char *fuzz_file(const char *name, const void *data, size_t size);

/* sends a frame, with its payload as text or as a file's descriptor */
void fuzz_send(int fd, unsigned type, uint32_t stream, const char *meta,
    size_t size, const char *payload, int file);


#endif /* _FUZZ_H_INCLUDED_ */
