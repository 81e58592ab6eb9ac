
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Bytes that the launcher sends to a module with requests that wait: the first
 * byte says how long the pieces are that they come in, its highest bit whether
 * the module has been welcomed.
 */


#include "module.h"

#include <sys/socket.h>


#define FUZZ_PIECES  32


static const char *const  fuzz_requests[] = {
    "POST /contexts/c HTTP/1.0\r\n\r\n",
    "POST /jobs?classPath=C&cp=j&context=c&sync=true HTTP/1.0\r\n\r\n",
    "GET /events HTTP/1.0\r\n\r\n",
    "GET /jobs/00000000-0000-4000-8000-000000000001 HTTP/1.0\r\n\r\n",
    "GET /jobs?status=FINISHED&limit=5 HTTP/1.0\r\n\r\n"
};


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void) argc;
    (void) argv;

    fuzz_module_start();

    return 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t    i, n, piece;
    uint32_t  stream;

    if (size < 2) {
        return 0;
    }

    fuzz_module_begin();

    if (*data & 0x80) {
        fuzz_module_welcome();
    }

    piece = *data++ & 0x7f;
    size--;

    if (piece * FUZZ_PIECES < size) {
        piece = size / FUZZ_PIECES + 1;
    }

    for (i = 0; i < sizeof(fuzz_requests) / sizeof(fuzz_requests[0]); i++) {
        (void) fuzz_module_client(fuzz_requests[i], strlen(fuzz_requests[i]));
    }

    while (fuzz_channel != -1 && size) {
        n = size < piece ? size : piece;
        (void) send(fuzz_channel, data, n, MSG_NOSIGNAL);
        data += n;
        size -= n;
        fuzz_module_settle();

        while (fuzz_module_asked(&stream)) {
            /* void */
        }
    }

    fuzz_module_end();

    return 0;
}
