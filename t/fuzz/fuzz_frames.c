
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Bytes that a peer of the launcher sends: the first byte says how long the
 * pieces are that they come in.
 */


#include "launcher.h"

#include <sys/socket.h>


#define FUZZ_PIECES  64


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void) argc;
    (void) argv;

    fuzz_launcher_start();

    return 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int     end;
    size_t  n, piece;

    if (size < 2) {
        return 0;
    }

    fuzz_launcher_begin();

    piece = *data++;
    size--;

    if (piece == 0 || piece * FUZZ_PIECES < size) {
        piece = size / FUZZ_PIECES + 1;
    }

    end = fuzz_launcher_connect();

    while (end != -1 && size) {
        n = size < piece ? size : piece;
        (void) send(end, data, n, MSG_NOSIGNAL);
        data += n;
        size -= n;
        fuzz_launcher_settle(&end, 1);
    }

    fuzz_launcher_reset(&end, 1);

    return 0;
}
