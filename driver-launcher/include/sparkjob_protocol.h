
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The protocol between the three kinds of process: the frame codec, the
 * messages, the states and the error codes.  docs/protocol.md says what each
 * message means; t/vectors/frames.json holds frames that every implementation
 * must read and write alike.
 *
 *    0       4       6       8       12      16
 *    +-------+-------+-------+-------+-------+----------+---------+
 *    | length| type  | flags | stream|  meta | metadata | payload |
 *    +-------+-------+-------+-------+-------+----------+---------+
 *
 * All numbers are unsigned and in network byte order.  "length" counts the
 * bytes behind the header, "meta" those of them that are metadata (a JSON
 * object in UTF-8), the rest is payload: bytes that nobody on the way parses.
 */


#ifndef _SPARKJOB_PROTOCOL_H_INCLUDED_
#define _SPARKJOB_PROTOCOL_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define SJP_VERSION        1

#define SJP_HEADER_SIZE    16
#define SJP_META_MAX       (256 * 1024)
#define SJP_PAYLOAD_MAX    (64 * 1024)
#define SJP_LENGTH_MAX     (SJP_META_MAX + SJP_PAYLOAD_MAX)

/* bytes of the name of a context or a binary, and of a job's class */
#define SJP_NAME_MAX       255
#define SJP_CLASS_MAX      1024

/*
 * Drivers have this class built in; with a format behind a dot the result is
 * not JSON, and comes as a file.
 */
#define SJP_CLASS_SQL      "sparkjob.sql"

/* this one too: its class path is the context's from then on */
#define SJP_CLASS_BINARIES "sparkjob.binaries"

/* of what the names of a user's contexts begin with: more has to follow */
#define SJP_OWN_MAX        (SJP_NAME_MAX - 32)

/* bytes of a statement's code that are told with its record */
#define SJP_CODE_MAX       (16 * 1024)

/* the payload is the content of the descriptor that came with the frame */
#define SJP_FLAG_FD        0x0001
#define SJP_FLAGS          SJP_FLAG_FD


/*
 * X(symbol, number, name, who sends it)
 *
 *    M  module, on the channel
 *    L  launcher, on the channel
 *    C  launcher, on a driver's link ("commands")
 *    D  driver, on its link
 *    B  both, on a link
 *    A  anybody
 */

#define SJP_MESSAGES(X)                                                       \
    X(HELLO,            1, "hello",            M)                             \
    X(WELCOME,          2, "welcome",          L)                             \
    X(PING,             3, "ping",             A)                             \
    X(PONG,             4, "pong",             A)                             \
    X(REPLY,            5, "reply",            L)                             \
    X(SNAPSHOT,         6, "snapshot",         M)                             \
    X(RECORD,           7, "record",           L)                             \
    X(EVENT,            8, "event",            L)                             \
    X(DUMP,             9, "dump",             M)                             \
    X(BINARY_PUT,      16, "binary-put",       M)                             \
    X(BINARY_DELETE,   17, "binary-delete",    M)                             \
    X(BINARY_GET,      18, "binary-get",       M)                             \
    X(CONTEXT_CREATE,  24, "context-create",   M)                             \
    X(CONTEXT_DELETE,  25, "context-delete",   M)                             \
    X(CONTEXT_RESET,   26, "context-reset",    M)                             \
    X(CONTEXT_REPLACE, 27, "context-replace",  M)                             \
    X(CONTEXT_LOG,     28, "context-log",      M)                             \
    X(CONTEXT_GET,     29, "context-get",      M)                             \
    X(CONTEXT_UI,      30, "context-ui",       M)                             \
    X(CONTEXT_THRIFT,  31, "context-thrift",   M)                             \
    X(JOB_SUBMIT,      32, "job-submit",       M)                             \
    X(JOB_KILL,        33, "job-kill",         M)                             \
    X(JOB_GET,         34, "job-get",          M)                             \
    X(JOB_LIST,        35, "job-list",         M)                             \
    X(JOB_RESULT,      36, "job-result",       M)                             \
    X(JOB_CONFIG,      37, "job-config",       M)                             \
    X(JOB_LOG,         38, "job-log",          M)                             \
    X(JOB_PURGE,       39, "job-purge",        M)                             \
    X(STATEMENT_SUBMIT, 40, "statement-submit", M)                            \
    X(STATEMENT_GET,   41, "statement-get",    M)                             \
    X(STATEMENT_LIST,  42, "statement-list",   M)                             \
    X(STATEMENT_CANCEL, 43, "statement-cancel", M)                            \
    X(STATEMENT_CODE,  44, "statement-code",   M)                             \
    X(SESSION_COMPLETE, 45, "session-complete", M)                            \
    X(CONTEXT_TOKEN,   46, "context-token",    M)                             \
    X(CONTEXT_JDBC,    47, "context-jdbc",     M)                             \
    X(DATA_PUT,        48, "data-put",         M)                             \
    X(DATA_LIST,       49, "data-list",        M)                             \
    X(DATA_DELETE,     50, "data-delete",      M)                             \
    X(DATA_RESET,      51, "data-reset",       M)                             \
    X(CLUSTER_LIST,    52, "cluster-list",     M)                             \
    X(CLUSTER_PUT,     53, "cluster-put",      M)                             \
    X(CLUSTER_DELETE,  54, "cluster-delete",   M)                             \
    X(LIBRARY_LIST,    55, "library-list",     M)                             \
    X(LIBRARY_PUT,     56, "library-put",      M)                             \
    X(LIBRARY_DELETE,  57, "library-delete",   M)                             \
    X(LIBRARY_PROBE,   58, "library-probe",    M)                             \
    X(BATCH_CREATE,   104, "batch-create",     M)                             \
    X(BATCH_GET,      105, "batch-get",        M)                             \
    X(BATCH_LIST,     106, "batch-list",       M)                             \
    X(BATCH_LOG,      107, "batch-log",        M)                             \
    X(BATCH_DELETE,   108, "batch-delete",     M)                             \
    X(LINK_HELLO,      64, "link-hello",       D)                             \
    X(LINK_CONTEXT,    65, "link-context",     C)                             \
    X(LINK_READY,      66, "link-ready",       D)                             \
    X(LINK_FAILED,     67, "link-failed",      D)                             \
    X(LINK_RESPAWN,    68, "link-respawn",     D)                             \
    X(LINK_RUN,        69, "link-run",         C)                             \
    X(LINK_STARTED,    70, "link-started",     D)                             \
    X(LINK_REFUSED,    71, "link-refused",     D)                             \
    X(LINK_RESULT,     72, "link-result",      D)                             \
    X(LINK_ACK,        73, "link-ack",         C)                             \
    X(LINK_KILL,       74, "link-kill",        C)                             \
    X(LINK_STOP,       75, "link-stop",        C)                             \
    X(LINK_STOPPED,    76, "link-stopped",     D)                             \
    X(LINK_RESOLVE,    77, "link-resolve",     D)                             \
    X(LINK_PROGRESS,   78, "link-progress",    D)                             \
    X(LINK_PIECE,      79, "link-piece",       B)                             \
    X(LINK_ASSIGN,     80, "link-assign",      C)                             \
    X(LINK_FETCH,      81, "link-fetch",       D)                             \
    X(LINK_BLOB,       82, "link-blob",        C)                             \
    X(LINK_LOG,        83, "link-log",         D)                             \
    X(LINK_STATUS,     84, "link-status",      D)                             \
    X(LINK_LOGGED,     85, "link-logged",      C)                             \
    X(LINK_COMPLETE,   86, "link-complete",    C)                             \
    X(LINK_COMPLETED,  87, "link-completed",   D)                             \
    X(LINK_THRIFT,     88, "link-thrift",      C)                             \
    X(LINK_THRIFT_IS,  89, "link-thrift-is",   D)                             \
    X(LINK_LOGIN,      90, "link-login",       D)                             \
    X(LINK_LOGGED_IN,  91, "link-logged-in",   C)                             \
    X(LINK_TOKENS,     92, "link-tokens",      C)


/* X(symbol, name, final) */

#define SJP_CONTEXT_STATES(X)                                                 \
    X(STARTED,    "STARTED",    0)                                            \
    X(RUNNING,    "RUNNING",    0)                                            \
    X(STOPPING,   "STOPPING",   0)                                            \
    X(RESTARTING, "RESTARTING", 0)                                            \
    X(FINISHED,   "FINISHED",   1)                                            \
    X(ERROR,      "ERROR",      1)                                            \
    X(KILLED,     "KILLED",     1)

#define SJP_JOB_STATES(X)                                                     \
    X(STARTED,    "STARTED",    0)                                            \
    X(RUNNING,    "RUNNING",    0)                                            \
    X(RESTARTING, "RESTARTING", 0)                                            \
    X(FINISHED,   "FINISHED",   1)                                            \
    X(ERROR,      "ERROR",      1)                                            \
    X(KILLED,     "KILLED",     1)

/* by the names of Livy's API */

#define SJP_BATCH_STATES(X)                                                   \
    X(STARTING,   "starting",   0)                                            \
    X(RUNNING,    "running",    0)                                            \
    X(SUCCESS,    "success",    1)                                            \
    X(DEAD,       "dead",       1)                                            \
    X(KILLED,     "killed",     1)


/*
 * X(symbol, name): what a session is for, and what a statement is written in;
 * any of the latter runs in a shared one.
 */

#define SJP_KINDS(X)                                                          \
    X(SHARED,     "shared")                                                   \
    X(SPARK,      "spark")                                                    \
    X(PYSPARK,    "pyspark")                                                  \
    X(SQL,        "sql")                                                      \
    X(SPARKR,     "sparkr")


/*
 * X(symbol, name): why a request was refused.  What a user reads is the
 * module's business (each dialect has its own words and HTTP codes); "name" in
 * the metadata of the answer is what the code speaks of.
 */

#define SJP_ERRORS(X)                                                         \
    X(BAD_REQUEST,          "bad-request")                                    \
    X(UNAVAILABLE,          "unavailable")                                    \
    X(INTERNAL,             "internal")                                       \
    X(STORAGE_FAILED,       "storage-failed")                                 \
    X(BAD_BINARY,           "bad-binary")                                     \
    X(NO_SUCH_BINARY,       "no-such-binary")                                 \
    X(BINARY_IN_USE,        "binary-in-use")                                  \
    X(CONTEXT_EXISTS,       "context-exists")                                 \
    X(NO_SUCH_CONTEXT,      "no-such-context")                                \
    X(CONTEXT_STOPPING,     "context-stopping")                               \
    X(CONTEXT_INIT_FAILED,  "context-init-failed")                            \
    X(CONTEXT_BAD_URL,      "context-bad-url")                                \
    X(TOO_MANY_CONTEXTS,    "too-many-contexts")                              \
    X(NO_SUCH_JOB,          "no-such-job")                                    \
    X(JOB_NOT_RUNNING,      "job-not-running")                                \
    X(NO_SLOTS,             "no-slots")                                       \
    X(BAD_CONFIG,           "bad-config")                                     \
    X(CLASS_NOT_FOUND,      "class-not-found")                                \
    X(WRONG_JOB_TYPE,       "wrong-job-type")                                 \
    X(LOADING_FAILED,       "loading-failed")                                 \
    X(LOADING_BAD_URL,      "loading-bad-url")                                \
    X(VALIDATION_FAILED,    "validation-failed")                              \
    X(NO_SUCH_DATA,         "no-such-data")                                   \
    X(QUEUE_FULL,           "queue-full")                                     \
    X(KEY_REUSED,           "key-reused")                                     \
    X(BAD_URI,              "bad-uri")                                        \
    X(BAD_SETTING,          "bad-setting")                                    \
    X(BAD_SOURCE,           "bad-source")                                     \
    X(NO_SPACE,             "no-space")                                       \
    X(OVERLOADED,           "overloaded")                                     \
    X(BAD_CALLBACK,         "bad-callback")                                   \
    X(NO_UI,                "no-ui")                                          \
    X(NO_THRIFT,            "no-thrift")                                      \
    X(NO_CONFIG,            "no-config")                                      \
    X(RESOURCE_EXISTS,      "resource-exists")                                \
    X(NO_SUCH_RESOURCE,     "no-such-resource")                               \
    X(RESOURCE_FIXED,       "resource-fixed")                                 \
    X(RESOURCE_IN_USE,      "resource-in-use")                                \
    X(BAD_RESOURCE,         "bad-resource")                                   \
    X(NO_SUCH_STATEMENT,    "no-such-statement")                              \
    X(SESSION_ENDED,        "session-ended")                                  \
    X(BAD_BATCH,            "bad-batch")                                      \
    X(NO_SUCH_BATCH,        "no-such-batch")                                  \
    X(NOT_ALLOWED,          "not-allowed")


/*
 * X(symbol): when a job that is traced was where, in microseconds of
 * CLOCK_MONOTONIC, in this order in the metadata "trace".  The times from
 * DRIVER_IN to DRIVER_OUT are the driver's.
 */

#define SJP_TRACE(X)                                                          \
    X(LAUNCHER_IN)                                                            \
    X(LINK_OUT)                                                               \
    X(DRIVER_IN)                                                              \
    X(BEGUN)                                                                  \
    X(RUN)                                                                    \
    X(RAN)                                                                    \
    X(DRIVER_OUT)                                                             \
    X(LINK_BACK)                                                              \
    X(COMMITTED)


#define SJP_X(sym, num, name, from)  SJP_##sym = num,
typedef enum { SJP_MESSAGES(SJP_X) } sjp_type_e;
#undef SJP_X

#define SJP_X(sym, name, final)  SJP_CONTEXT_##sym,
typedef enum {
    SJP_CONTEXT_STATES(SJP_X) SJP_CONTEXT_NSTATES
} sjp_context_state_e;
#undef SJP_X

#define SJP_X(sym, name, final)  SJP_JOB_##sym,
typedef enum { SJP_JOB_STATES(SJP_X) SJP_JOB_NSTATES } sjp_job_state_e;
#undef SJP_X

#define SJP_X(sym, name)  SJP_KIND_##sym,
typedef enum { SJP_KINDS(SJP_X) SJP_NKINDS } sjp_kind_e;
#undef SJP_X

#define SJP_X(sym, name, final)  SJP_BATCH_##sym##_STATE,
typedef enum { SJP_BATCH_STATES(SJP_X) SJP_BATCH_NSTATES } sjp_batch_state_e;
#undef SJP_X

#define SJP_X(sym)  SJP_TRACE_##sym,
typedef enum { SJP_TRACE(SJP_X) SJP_TRACE_NTIMES } sjp_trace_e;
#undef SJP_X

#define SJP_X(sym, name)  SJP_ERR_##sym,
typedef enum { SJP_ERRORS(SJP_X) SJP_NERRORS } sjp_error_e;
#undef SJP_X


typedef struct {
    uint32_t  length;
    uint16_t  type;
    uint16_t  flags;
    uint32_t  stream;
    uint32_t  meta;
} sjp_header_t;


static inline uint32_t
sjp_get32(const unsigned char *p)
{
    return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
           | (uint32_t) p[2] << 8 | p[3];
}


static inline void
sjp_put32(unsigned char *p, uint32_t n)
{
    p[0] = (unsigned char) (n >> 24);
    p[1] = (unsigned char) (n >> 16);
    p[2] = (unsigned char) (n >> 8);
    p[3] = (unsigned char) n;
}


/* writes the SJP_HEADER_SIZE bytes of *h to p */

static inline void
sjp_header_encode(unsigned char *p, const sjp_header_t *h)
{
    sjp_put32(p, h->length);
    p[4] = (unsigned char) (h->type >> 8);
    p[5] = (unsigned char) h->type;
    p[6] = (unsigned char) (h->flags >> 8);
    p[7] = (unsigned char) h->flags;
    sjp_put32(p + 8, h->stream);
    sjp_put32(p + 12, h->meta);
}


/*
 * Reads SJP_HEADER_SIZE bytes from p.  Returns NULL, or what is wrong with
 * the header: the connection cannot be used any longer then, since nobody
 * knows where the next frame begins.
 */

static inline const char *
sjp_header_decode(const unsigned char *p, sjp_header_t *h)
{
    h->length = sjp_get32(p);
    h->type = (uint16_t) (p[4] << 8 | p[5]);
    h->flags = (uint16_t) (p[6] << 8 | p[7]);
    h->stream = sjp_get32(p + 8);
    h->meta = sjp_get32(p + 12);

    if (h->flags & ~SJP_FLAGS) {
        return "unknown flags";
    }

    if (h->meta > SJP_META_MAX) {
        return "metadata too long";
    }

    if (h->length < h->meta) {
        return "metadata longer than the frame";
    }

    if (h->length - h->meta > SJP_PAYLOAD_MAX) {
        return "payload too long";
    }

    if ((h->flags & SJP_FLAG_FD) && h->length != h->meta) {
        return "both a payload and a descriptor";
    }

    return NULL;
}


#endif /* _SPARKJOB_PROTOCOL_H_INCLUDED_ */
