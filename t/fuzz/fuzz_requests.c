
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What clients send to the module, and what the launcher says to it.  The
 * request comes first; behind a line "." come the launcher's frames, one a line:
 *
 *    <type + '0'> <metadata> TAB <payload>
 *
 * They go to the request that the module has made last, events to nobody; "#"
 * before one sends the payload as a descriptor.  "!" lets a second pass.
 */


#include "module.h"


#define FUZZ_LINES  16


static void fuzz_line(char *line, uint32_t stream);


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
    int       n;
    char     *text, *answers, *line;
    uint32_t  stream, asked;

    text = malloc(size + 1);
    fuzz_check(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';

    fuzz_module_begin();
    fuzz_module_welcome();

    answers = memmem(text, size, "\n.\n", 3);

    if (answers) {
        size = (size_t) (answers - text) + 1;
        answers += 3;
    }

    (void) fuzz_module_client(text, size);

    stream = 0;

    for (n = 0; answers && n < FUZZ_LINES; n++) {

        while (fuzz_module_asked(&asked)) {
            stream = asked;
        }

        line = strsep(&answers, "\n");
        fuzz_line(line, stream);
        fuzz_module_settle();
    }

    free(text);

    fuzz_module_end();

    return 0;
}


static void
fuzz_line(char *line, uint32_t stream)
{
    int       file;
    char     *meta;
    unsigned  type;

    if (line[0] == '!') {
        fuzz_module_pass(1000);
        return;
    }

    file = line[0] == '#';
    line += file;

    if (*line == '\0') {
        return;
    }

    type = (unsigned char) *line - (unsigned) '0';
    meta = strsep(&line, "\t") + 1;

    fuzz_module_frame(type, type == SJP_EVENT ? 0 : stream, meta,
                      line ? line : "", file);
}
