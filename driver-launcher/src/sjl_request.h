
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * A request of a module.  Whoever holds one answers it once; whether the
 * module is still there is not the holder's concern.
 */


#ifndef _SJL_REQUEST_H_INCLUDED_
#define _SJL_REQUEST_H_INCLUDED_


#include "sjl_conn.h"


/*
 * A module that comes back sends what was not answered again, at once.  So it
 * is only for this long after its hello, in milliseconds, that a submission may
 * be one that the database knows and memory has forgotten, unless its id is
 * made from a client's key, which may come again at any time; and a deletion
 * one that was done already.
 */
#define SJL_REQUEST_AGAIN  5000


struct sjl_request_s {
    sjl_conn_t     *conn;               /* NULL: the module has gone away */
    uint32_t        stream;
    unsigned        early:1;            /* it wants the row, not the end */
    unsigned        traced:1;           /* it wants the end, and its trace */

    sjl_request_t  *next;               /* of the connection */
    sjl_request_t  *prev;
    sjl_request_t  *waiting;            /* of the holder */
};


sjl_request_t *sjl_request_make(sjl_conn_t *c, const sjl_frame_t *f);

/* how many were not answered yet */
size_t sjl_request_count(void);

/*
 * Reads members of the metadata, as json_unpack() does.  When one is missing
 * or of another type the request is answered by bad-request, and SJL_ERROR
 * comes back.
 */
int sjl_request_unpack(sjl_request_t *r, sjl_frame_t *f, const char *fmt, ...);

/*
 * Checks that the descriptor that came, if one did, is a regular file; *size
 * is its length.  If it is not, the request is answered, and SJL_ERROR comes
 * back.
 */
int sjl_request_file(sjl_request_t *r, const sjl_frame_t *f, size_t *size);

/*
 * Reads a body of at most SJP_PAYLOAD_MAX bytes to memory: *body, to be freed.
 * A longer one is left as f->fd, with *body NULL; *size is its length then as
 * well.  On failure the request is answered, and SJL_ERROR comes back.
 */
int sjl_request_body(sjl_request_t *r, sjl_frame_t *f, char **body,
    size_t *size);

/* answers; the metadata is released, NULL is {} */
void sjl_request_reply(sjl_request_t *r, json_t *meta, const void *payload,
    size_t size);
void sjl_request_welcome(sjl_request_t *r, json_t *meta);
void sjl_request_reply_file(sjl_request_t *r, json_t *meta, int fd);

/* the same, with a payload of any length, which goes as a file if it is long */
void sjl_request_reply_long(sjl_request_t *r, json_t *meta,
    const void *payload, size_t size);
void sjl_request_refuse(sjl_request_t *r, sjp_error_e code, const char *name);
void sjl_request_refuse_error(sjl_request_t *r, sjp_error_e code,
    const char *name, const void *error, size_t size);

/* no-space or storage-failed, with the storage's own words */
void sjl_request_storage_failed(sjl_request_t *r, const sjl_why_t *why);

/* why changes are not taken, or the last one was not; NULL: they are */
const sjl_why_t *sjl_request_trouble(void);

/*
 * Whether a deletion, just made, comes again on a new channel, and was asked
 * for before what has the name now: that is to stay.
 */
int sjl_request_is_before(const sjl_request_t *r, int64_t asked,
    int64_t since);

/* a part of the answer, before the reply */
void sjl_request_record(sjl_request_t *r, const json_t *meta,
    const void *payload, size_t size);

/* the connection is closed: nobody waits for its requests any longer */
void sjl_request_orphan(sjl_conn_t *c);


#endif /* _SJL_REQUEST_H_INCLUDED_ */
