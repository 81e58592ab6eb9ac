
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_request.h"
#include "sjl_db.h"
#include "sjl_state.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <utlist.h>


/* milliseconds for which a disk is taken to be full if nothing shows more */
#define SJL_REQUEST_FULL  10000


static void sjl_request_free(sjl_request_t *r);


static size_t     sjl_requests;
static sjl_why_t  sjl_request_full;
static int64_t    sjl_request_full_at;
static size_t     sjl_request_full_kept;    /* sjl_db_kept() of then */


sjl_request_t *
sjl_request_make(sjl_conn_t *c, const sjl_frame_t *f)
{
    sjl_request_t  *r;

    r = sjl_alloc(sizeof(sjl_request_t));
    r->conn = c;
    r->stream = f->stream;

    DL_APPEND(c->requests, r);
    sjl_requests++;

    return r;
}


size_t
sjl_request_count(void)
{
    return sjl_requests;
}


int
sjl_request_unpack(sjl_request_t *r, sjl_frame_t *f, const char *fmt, ...)
{
    int           rc;
    va_list       args;
    json_error_t  err;

    /* much of it goes on in other frames, with more beside it */

    if (f->meta_size > SJP_META_MAX / 4) {
        sjl_log(SJL_LOG_ERR, "connection %u sent %zu bytes of metadata",
                r->conn->number, f->meta_size);
        sjl_request_refuse(r, SJP_ERR_BAD_REQUEST, "too much metadata");
        return SJL_ERROR;
    }

    va_start(args, fmt);
    rc = json_vunpack_ex(f->meta, &err, 0, fmt, args);
    va_end(args);

    if (rc == -1) {
        sjl_log(SJL_LOG_ERR, "connection %u sent a bad request: %s",
                r->conn->number, err.text);
        sjl_request_refuse(r, SJP_ERR_BAD_REQUEST, err.text);
        return SJL_ERROR;
    }

    return SJL_OK;
}


int
sjl_request_file(sjl_request_t *r, const sjl_frame_t *f, size_t *size)
{
    struct stat  sb;

    *size = f->size;

    if (f->fd == -1) {
        return SJL_OK;
    }

    if (fstat(f->fd, &sb) == -1 || !S_ISREG(sb.st_mode)) {
        sjl_log(SJL_LOG_ERR, "connection %u passed a body that is no file",
                r->conn->number);
        sjl_request_refuse(r, SJP_ERR_BAD_REQUEST, "the body is no file");
        return SJL_ERROR;
    }

    *size = (size_t) sb.st_size;

    return SJL_OK;
}


int
sjl_request_body(sjl_request_t *r, sjl_frame_t *f, char **body, size_t *size)
{
    char  *p;

    *body = NULL;

    if (sjl_request_file(r, f, size) == SJL_ERROR) {
        return SJL_ERROR;
    }

    if (f->fd == -1) {
        if (f->size) {
            *body = sjl_memdup(f->payload, f->size);
        }

        return SJL_OK;
    }

    if (*size == 0 || *size > SJP_PAYLOAD_MAX) {
        return SJL_OK;
    }

    p = sjl_alloc(*size + 1);

    if (pread(f->fd, p, *size, 0) != (ssize_t) *size) {
        sjl_log(SJL_LOG_ERR, "connection %u passed a body that cannot be read",
                r->conn->number);
        sjl_request_refuse(r, SJP_ERR_BAD_REQUEST, "the body cannot be read");
        free(p);
        return SJL_ERROR;
    }

    *body = p;

    return SJL_OK;
}


void
sjl_request_reply(sjl_request_t *r, json_t *meta, const void *payload,
    size_t size)
{
    SPARKJOB_FAULT("reply.send");

    if (r->conn) {
        sjl_conn_send(r->conn, SJP_REPLY, r->stream, meta, payload, size, -1);
    }

    json_decref(meta);
    sjl_request_free(r);
}


void
sjl_request_welcome(sjl_request_t *r, json_t *meta)
{
    sjl_conn_send(r->conn, SJP_WELCOME, r->stream, meta, NULL, 0, -1);

    json_decref(meta);
    sjl_request_free(r);
}


void
sjl_request_reply_file(sjl_request_t *r, json_t *meta, int fd)
{
    if (r->conn) {
        sjl_conn_send(r->conn, SJP_REPLY, r->stream, meta, NULL, 0, fd);

    } else {
        (void) close(fd);
    }

    json_decref(meta);
    sjl_request_free(r);
}


void
sjl_request_reply_long(sjl_request_t *r, json_t *meta, const void *payload,
    size_t size)
{
    int      fd;
    size_t   done;
    ssize_t  n;

    if (size <= SJP_PAYLOAD_MAX) {
        sjl_request_reply(r, meta, payload, size);
        return;
    }

    fd = memfd_create("reply", MFD_CLOEXEC);

    for (done = 0; fd != -1 && done < size; done += (size_t) n) {
        n = write(fd, (const char *) payload + done, size - done);

        if (n == -1) {
            (void) close(fd);
            fd = -1;
            break;
        }
    }

    if (fd == -1) {
        sjl_log(SJL_LOG_CRIT, "a reply of %zu bytes cannot be kept: %s", size,
                strerror(errno));
        json_decref(meta);
        sjl_request_refuse(r, SJP_ERR_INTERNAL, "no memory for the reply");
        return;
    }

    sjl_request_reply_file(r, meta, fd);
}


void
sjl_request_refuse(sjl_request_t *r, sjp_error_e code, const char *name)
{
    sjl_request_refuse_error(r, code, name, NULL, 0);
}


void
sjl_request_refuse_error(sjl_request_t *r, sjp_error_e code, const char *name,
    const void *error, size_t size)
{
    json_t  *meta;

    meta = json_pack("{s:s, s:s}", "error", sjl_errors[code], "name",
                     name ? name : "");

    sjl_log(SJL_LOG_DEBUG, "refused: %s \"%s\"", sjl_errors[code],
            name ? name : "");

    sjl_request_reply(r, meta, error, size);
}


void
sjl_request_storage_failed(sjl_request_t *r, const sjl_why_t *why)
{
    char  *text;

    if (why->code == SJP_ERR_NO_SPACE) {
        sjl_request_full = *why;
        sjl_request_full_at = sjl_now();
        sjl_request_full_kept = sjl_db_kept();
    }

    text = sjl_error_text("java.io.IOException", why->text, NULL);

    sjl_request_refuse_error(r, why->code, "", text, strlen(text));

    free(text);
}


/* a disk is known to be full only by what does not fit, and what fits later */

const sjl_why_t *
sjl_request_trouble(void)
{
    const sjl_why_t  *why;

    why = sjl_db_trouble();

    if (why == NULL
        && sjl_request_full_kept == sjl_db_kept()
        && sjl_now() - sjl_request_full_at < SJL_REQUEST_FULL)
    {
        why = &sjl_request_full;
    }

    return why;
}


int
sjl_request_is_before(const sjl_request_t *r, int64_t asked, int64_t since)
{
    return asked && since > asked
           && sjl_now() - r->conn->since < SJL_REQUEST_AGAIN;
}


void
sjl_request_record(sjl_request_t *r, const json_t *meta, const void *payload,
    size_t size)
{
    if (r->conn) {
        sjl_conn_send(r->conn, SJP_RECORD, r->stream, meta, payload, size, -1);
    }
}


static void
sjl_request_free(sjl_request_t *r)
{
    if (r->conn) {
        DL_DELETE(r->conn->requests, r);
    }

    sjl_requests--;
    free(r);
}


void
sjl_request_orphan(sjl_conn_t *c)
{
    sjl_request_t  *r, *next;

    DL_FOREACH_SAFE(c->requests, r, next) {
        r->conn = NULL;
    }

    c->requests = NULL;
}
