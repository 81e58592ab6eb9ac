
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The options: one table for all commands; a command names those it takes.
 */


#ifndef _SJC_OPTION_H_INCLUDED_
#define _SJC_OPTION_H_INCLUDED_


#include "sjc.h"


/* X(symbol, letter, name, its value or NULL, help) */

#define SJC_OPTIONS(X)                                                        \
    X(URL, 0, "url", "URL",                                                   \
      "the server (SPARKJOB_URL; http://127.0.0.1:8090)")                     \
    X(USER, 'u', "user", "NAME[:PASSWORD]",                                   \
      "who you are (SPARKJOB_USER, or netrc)")                                \
    X(NETRC, 0, "netrc-file", "FILE", "instead of ~/.netrc")                  \
    X(CACERT, 0, "cacert", "FILE", "who may vouch for the server")            \
    X(CERT, 0, "cert", "FILE", "your certificate")                            \
    X(KEY, 0, "key", "FILE", "the certificate's private key")                 \
    X(INSECURE, 'k', "insecure", NULL, "do not check who the server is")      \
    X(JSON, 0, "json", NULL, "print the server's JSON")                       \
    X(HELP, 'h', "help", NULL, "print this")                                  \
    X(VERSION, 'V', "version", NULL, "print the version")                     \
    X(TYPE, 0, "type", "TYPE",                                                \
      "jar, egg, wheel or python, when the suffix does not tell")             \
    X(CP, 0, "cp", "NAMES",                                                   \
      "binaries and URIs of the class path, separated by commas")             \
    X(CLASS, 0, "class", "CLASS", "main class of the job")                    \
    X(CONTEXT, 'c', "context", "NAME", "the context (none: one of its own)")  \
    X(WITHIN, 'c', "context", "NAME", "only those of this context")           \
    X(CONFIG, 0, "config", "FILE", "configuration (HOCON; - is stdin)")       \
    X(HOCON, 'e', "hocon", "TEXT", "configuration, as text")                  \
    X(SET, 's', "set", "NAME=VALUE", "a setting; may be given many times")    \
    X(SYNC, 0, "sync", NULL, "the server waits for the result, 10 s or "      \
      "--timeout")                                                            \
    X(WAIT, 'w', "wait", NULL, "wait for the end, and print the result")      \
    X(FOLLOW, 'f', "follow", NULL, "go on until the end")                     \
    X(TIMEOUT, 't', "timeout", "SECONDS", "how long to wait")                 \
    X(ASYNC, 0, "async", NULL, "do not wait, not even until it runs")         \
    X(IDEMPOTENCY, 0, "idempotency-key", "TEXT",                              \
      "the same key gives the same thing, when sent again")                   \
    X(CALLBACK, 0, "callback", "URL", "where the server posts the result")    \
    X(STATUS, 0, "status", "STATE", "only those in this state")               \
    X(OWNER, 0, "owner", "NAME", "only those of this user")                   \
    X(FROM, 0, "from", "TIME", "started at or after (ISO, or ms)")            \
    X(TO, 0, "to", "TIME", "started at or before (ISO, or ms)")               \
    X(BEFORE, 0, "before", "TIME", "ended before (ISO, or ms)")               \
    X(LIMIT, 'n', "limit", "N", "how many at most (50)")                      \
    X(ALL, 'a', "all", NULL, "all of them")                                   \
    X(TAIL, 0, "tail", "LINES", "only the last lines of it")                  \
    X(KIND, 0, "kind", "KINDS", "only job, context, binary; with commas")     \
    X(FORCE, 0, "force", NULL, "also while jobs run")                         \
    X(PROBE, 0, "probe", "URI", "a file or folder that has to be readable")


#define SJC_X(sym, letter, name, value, help)  SJC_##sym,
typedef enum { SJC_OPTIONS(SJC_X) SJC_NOPTIONS } sjc_option_e;
#undef SJC_X


#define sjc_bit(option)  ((uint64_t) 1 << (option))

/* what every command takes: all before the commands' own */
#define SJC_GLOBAL  (sjc_bit(SJC_TYPE) - 1)


/*
 * Takes the options out of argv, whose first element is passed over; with
 * "first" up to the first word that is none.  Returns where the words begin,
 * or -1: stderr has said why.
 */
int sjc_option_parse(int argc, char **argv, uint64_t allowed, int first);

/* the last value given, "" of a flag, or NULL */
const char *sjc_option(sjc_option_e option);

/* the n-th value given, or NULL */
const char *sjc_option_nth(sjc_option_e option, size_t n);

/* a line of help for each option that is in "which" */
void sjc_option_help(FILE *out, uint64_t which);

void sjc_option_free(void);


#endif /* _SJC_OPTION_H_INCLUDED_ */
