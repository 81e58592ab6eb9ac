
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The module in a real nginx of one process, whose clients and whose launcher
 * the fuzzer is itself.  Time stands still unless the fuzzer moves it.
 */


#ifndef _FUZZ_MODULE_H_INCLUDED_
#define _FUZZ_MODULE_H_INCLUDED_


#include "fuzz.h"
#include "sparkjob_protocol.h"


/* the launcher's end of the channel, or -1 */
extern int  fuzz_channel;


void fuzz_module_start(void);

/* connects the channel, and says how many things are open */
void fuzz_module_begin(void);

/* has the launcher welcome the module and give an empty snapshot */
void fuzz_module_welcome(void);

/* a client's connection that has sent this much; it does not block */
int fuzz_module_client(const void *request, size_t size);

/* lets nginx work until it has nothing to do; reads what clients get */
void fuzz_module_settle(void);

/* so many milliseconds pass */
void fuzz_module_pass(unsigned milliseconds);

/* what the module has asked for: stream, type; 0: nothing more */
unsigned fuzz_module_asked(uint32_t *stream);

/* a frame of the launcher's; "$E" is its epoch, "$Q" the next number */
void fuzz_module_frame(unsigned type, uint32_t stream, const char *meta,
    const char *payload, int file);

/*
 * Closes all, and lets all times run out; checks that nothing is left: no
 * request, no connection, no descriptor.
 */
void fuzz_module_end(void);


#endif /* _FUZZ_MODULE_H_INCLUDED_ */
