
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What workers and drivers send to the launcher, one message a line:
 *
 *    <type + '0'> <metadata> TAB <payload>
 *
 * "#" before it sends the payload as a descriptor, "%" sends it from the wrong
 * side.  In the metadata $C, $S and $T stand for the context's id, its secret
 * and its token of the driver that was started last.  Lines with "!" tell what
 * happens to a peer, see the table.
 */


#include "launcher.h"


#define FUZZ_LINES  24
#define FUZZ_META   8192

#define FUZZ_WORKER  0
#define FUZZ_DRIVER  1


static void fuzz_line(char *line);
static void fuzz_event(char event);
static void fuzz_exit(void);
static void fuzz_die(void);
static void fuzz_away(void);
static void fuzz_back(void);
static void fuzz_hello(void);
static void fuzz_worker_away(void);
static void fuzz_message(char *line);
static void fuzz_fill(char *meta, size_t size, const char *text);


static const struct {
    char    event;
    void  (*happen)(void);
} fuzz_events[] = {
    { 'x', fuzz_exit },                 /* the driver exits */
    { 'k', fuzz_die },                  /* the driver is killed */
    { 'a', fuzz_away },                 /* the driver's link breaks */
    { 'b', fuzz_back },                 /* it comes back */
    { 'h', fuzz_hello },                /* it says hello, the first time */
    { 'w', fuzz_worker_away }           /* the worker is gone */
};


#define FUZZ_X(sym, num, name, from)  [num] = #from,
static const char *const  fuzz_from[] = { SJP_MESSAGES(FUZZ_X) };
#undef FUZZ_X


static int       fuzz_ends[2] = { -1, -1 };
static uint32_t  fuzz_stream;


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
    int    n;
    char  *text, *line, *next;

    fuzz_launcher_begin();

    text = sjl_memdup(size ? (const void *) data : "", size);
    next = text;

    for (n = 0; next && n < FUZZ_LINES; n++) {
        line = strsep(&next, "\n");
        fuzz_line(line);
        fuzz_launcher_settle(fuzz_ends, sjl_nelts(fuzz_ends));
    }

    free(text);

    fuzz_launcher_reset(fuzz_ends, sjl_nelts(fuzz_ends));

    return 0;
}


static void
fuzz_line(char *line)
{
    if (line[0] == '\0') {
        return;
    }

    if (line[0] == '!') {
        fuzz_event(line[1]);
        return;
    }

    fuzz_message(line);
}


static void
fuzz_event(char event)
{
    size_t  i;

    for (i = 0; i < sjl_nelts(fuzz_events); i++) {
        if (fuzz_events[i].event == event) {
            fuzz_events[i].happen();
        }
    }
}


static void
fuzz_exit(void)
{
    (void) fuzz_launcher_exit(0);
}


static void
fuzz_die(void)
{
    (void) fuzz_launcher_exit(9);
}


static void
fuzz_away(void)
{
    if (fuzz_ends[FUZZ_DRIVER] != -1) {
        (void) close(fuzz_ends[FUZZ_DRIVER]);
        fuzz_ends[FUZZ_DRIVER] = -1;
    }
}


static void
fuzz_back(void)
{
    char  line[] = "p{\"protocol\":1,\"context\":\"$C\",\"token\":\"$T\"}";

    fuzz_away();
    fuzz_message(line);
}


static void
fuzz_hello(void)
{
    char  line[] = "p{\"protocol\":1,\"context\":\"$C\",\"secret\":\"$S\"}";

    fuzz_away();
    fuzz_message(line);
}


static void
fuzz_worker_away(void)
{
    if (fuzz_ends[FUZZ_WORKER] != -1) {
        (void) close(fuzz_ends[FUZZ_WORKER]);
        fuzz_ends[FUZZ_WORKER] = -1;
    }
}


static void
fuzz_message(char *line)
{
    int          file, wrong, side;
    char        *text, meta[FUZZ_META];
    unsigned     type;

    file = line[0] == '#';
    line += file;
    wrong = line[0] == '%';
    line += wrong;

    type = (unsigned char) *line - (unsigned) '0';
    text = *line ? strsep(&line, "\t") + 1 : line;

    fuzz_fill(meta, sizeof(meta), text);

    side = FUZZ_WORKER;

    if (type < sjl_nelts(fuzz_from) && fuzz_from[type]
        && (fuzz_from[type][0] == 'D') != wrong)
    {
        side = FUZZ_DRIVER;
    }

    if (fuzz_ends[side] == -1) {
        fuzz_ends[side] = fuzz_launcher_connect();

        if (side == FUZZ_WORKER) {
            fuzz_stream = 1;
            fuzz_launcher_send(fuzz_ends[side], SJP_HELLO, fuzz_stream,
                               "{\"protocol\":1}", "", 0);
        }
    }

    fuzz_launcher_send(fuzz_ends[side], type, ++fuzz_stream, meta,
                       line ? line : "", file);
}


static void
fuzz_fill(char *meta, size_t size, const char *text)
{
    char        *p, *last;
    const char  *value;

    p = meta;
    last = meta + size - 1;

    for ( /* void */ ; *text && p < last; text++) {

        value = *text != '$' ? NULL
                : text[1] == 'C' ? fuzz_driver.context
                : text[1] == 'S' ? fuzz_driver.secret
                : text[1] == 'T' ? fuzz_driver.token
                : NULL;

        if (value == NULL) {
            *p++ = *text;
            continue;
        }

        text++;
        p += snprintf(p, (size_t) (last - p), "%s", value);

        if (p > last) {
            p = last;
        }
    }

    *p = '\0';
}
