
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What modules ask for batches: to make one, and about those that are there.
 */


#include "sjl_batch_draft.h"
#include "sjl_config.h"
#include "sjl_db.h"
#include "sjl_folder.h"
#include "sjl_limit.h"
#include "sjl_number.h"
#include "sjl_server.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <utlist.h>


#define SJL_BATCH_PAGE  1000            /* at most so many are listed */


/* a key that was used before */

typedef struct {
    sjl_request_t    *request;
    char              id[SJL_ID_LEN + 1];
    char              boundary[SJL_MULTIPART_BOUNDARY + 1];
    unsigned          is_multipart:1;
    sjl_multipart_t   multipart;
} sjl_batch_again_t;


static void sjl_batch_again(sjl_request_t *r, sjl_frame_t *f, const char *id);
static int sjl_batch_again_hash(sjl_file_op_t *op);
static void sjl_batch_again_hashed(sjl_file_op_t *op);
static sjl_batch_draft_t *sjl_batch_create_draft(sjl_request_t *r,
    sjl_frame_t *f, const char *id);
static int sjl_batch_create_fd(sjl_request_t *r, sjl_frame_t *f);
static int sjl_batch_create_may(sjl_request_t *r);
static void sjl_batch_create_text(sjl_file_op_t *op);
static void sjl_batch_create_placed(sjl_file_op_t *op);
static void sjl_batch_create_end(sjl_file_op_t *op);
static sjl_batch_t *sjl_batch_asked(sjl_request_t *r, sjl_frame_t *f);
static json_t *sjl_batch_stated(sjl_batch_t *b);
static void sjl_batch_refresh(sjl_batch_t *b);


void
sjl_batch_create(sjl_conn_t *c, sjl_frame_t *f)
{
    int             fd, again;
    const char     *id;
    sjl_batch_t    *b;
    sjl_request_t  *r;
    sjl_file_op_t  *op;

    r = sjl_request_make(c, f);
    again = 0;

    if (sjl_request_unpack(r, f, "{s:s, s?b}", "id", &id, "again", &again)
        == SJL_ERROR)
    {
        return;
    }

    if (!sjl_id_ok(id)) {
        sjl_request_refuse(r, SJP_ERR_BAD_REQUEST, "id");
        return;
    }

    /* a module that comes back asks again */

    b = sjl_batch_find(id);

    if (b && b->kept && again) {
        sjl_batch_again(r, f, id);
        return;
    }

    if (b && b->kept) {
        sjl_batch_tell(b, r);
        return;
    }

    if (b) {
        LL_APPEND2(b->creators, r, waiting);
        return;
    }

    if (!sjl_limit_take(r, f->fd) || !sjl_batch_create_may(r)) {
        return;
    }

    fd = sjl_batch_create_fd(r, f);

    if (fd == -1) {
        return;
    }

    op = sjl_file_op_make(sjl_batch_draft_read, sjl_batch_create_text, NULL);
    op->fd = fd;
    op->data = sjl_batch_create_draft(r, f, id);

    if (op->data == NULL) {
        sjl_file_op_free(op);

    } else {
        sjl_file_op_add(op);
    }
}


/* a key that stood for something else is refused */

static void
sjl_batch_again(sjl_request_t *r, sjl_frame_t *f, const char *id)
{
    int                 fd;
    const char         *type;
    sjl_file_op_t      *op;
    sjl_batch_again_t  *again;

    type = json_string_value(json_object_get(f->meta, "type"));
    fd = sjl_batch_create_fd(r, f);

    if (fd == -1) {
        return;
    }

    again = sjl_alloc(sizeof(sjl_batch_again_t));
    again->request = r;
    memcpy(again->id, id, SJL_ID_LEN);
    again->is_multipart = type && sjl_multipart_type(type, again->boundary);

    op = sjl_file_op_make(sjl_batch_again_hash, sjl_batch_again_hashed, again);
    op->fd = fd;

    sjl_file_op_add(op);
}


/* what cannot be read is not what was kept */

static int
sjl_batch_again_hash(sjl_file_op_t *op)
{
    const char         *why;
    sjl_batch_again_t  *again;

    again = op->data;

    if (again->is_multipart
        && sjl_multipart_read(&again->multipart, op->fd, again->boundary, &why)
           == SJL_ERROR)
    {
        return SJL_OK;
    }

    return sjl_batch_hash(op, &again->multipart);
}


static void
sjl_batch_again_hashed(sjl_file_op_t *op)
{
    const char         *hash;
    sjl_batch_t        *b;
    sjl_batch_again_t  *again;

    again = op->data;

    b = sjl_batch_find(again->id);
    hash = b && b->kept
           ? json_string_value(json_object_get(b->spec, "request")) : NULL;

    if (op->rc == SJL_ERROR) {
        sjl_request_storage_failed(again->request, &op->why);

    } else if (hash == NULL || strcmp(hash, op->sha256) != 0) {
        sjl_request_refuse(again->request, SJP_ERR_KEY_REUSED, again->id);

    } else {
        sjl_batch_tell(b, again->request);
    }

    sjl_multipart_clear(&again->multipart);
    free(again);
    sjl_file_op_free(op);
}


/* NULL: it is answered */

static sjl_batch_draft_t *
sjl_batch_create_draft(sjl_request_t *r, sjl_frame_t *f, const char *id)
{
    int                 anybody, again;
    const char         *user, *type, *proxy, *otherwise, *owner;
    sjl_batch_draft_t  *draft;

    user = "";
    type = "";
    proxy = NULL;
    otherwise = NULL;
    owner = NULL;
    anybody = 0;
    again = 0;

    if (sjl_request_unpack(r, f, "{s?s, s?s, s?s, s?s, s?s, s?b, s?b}",
                           "user", &user, "type", &type, "proxyUser", &proxy,
                           "proxyDefault", &otherwise, "owner", &owner,
                           "anybody", &anybody, "again", &again)
        == SJL_ERROR)
    {
        return NULL;
    }

    draft = sjl_alloc(sizeof(sjl_batch_draft_t));
    draft->batch = sjl_batch_make(id, user);
    draft->code = SJP_ERR_BAD_BATCH;
    draft->owner = sjl_strdup(owner);
    draft->proxy_user = sjl_strdup(proxy);
    draft->proxy_default = sjl_strdup(otherwise);
    draft->anybody = anybody ? 1 : 0;
    draft->again = again ? 1 : 0;
    draft->settings = json_object();
    draft->options = json_array();
    draft->hosts = json_array();
    draft->is_multipart = sjl_multipart_type(type, draft->boundary) ? 1 : 0;

    LL_APPEND2(draft->batch->creators, r, waiting);

    return draft;
}


static int
sjl_batch_create_may(sjl_request_t *r)
{
    const sjl_why_t  *why;

    if (sjl_server_ending()) {
        sjl_request_refuse(r, SJP_ERR_UNAVAILABLE, "the launcher is ending");
        return 0;
    }

    why = sjl_db_trouble();

    if (why) {
        sjl_request_storage_failed(r, why);
        return 0;
    }

    if ((int64_t) sjl_batch_alive() >= sjl_conf->max_batches) {
        sjl_request_refuse(r, SJP_ERR_TOO_MANY_CONTEXTS, "");
        return 0;
    }

    return 1;
}


/* a short body has no file yet; -1: it is answered */

static int
sjl_batch_create_fd(sjl_request_t *r, sjl_frame_t *f)
{
    int     fd;
    size_t  size;

    if (sjl_request_file(r, f, &size) == SJL_ERROR) {
        return -1;
    }

    if (f->fd != -1) {
        fd = f->fd;
        f->fd = -1;
        return fd;
    }

    fd = memfd_create("request", MFD_CLOEXEC);

    if (fd == -1 || write(fd, f->payload, f->size) != (ssize_t) f->size) {
        sjl_log(SJL_LOG_CRIT, "a request of %zu bytes cannot be kept: %s",
                f->size, strerror(errno));
        sjl_request_refuse(r, SJP_ERR_INTERNAL, "no memory for the request");

        if (fd != -1) {
            (void) close(fd);
        }

        return -1;
    }

    return fd;
}


/* the request's text is there: it is judged, and then its files follow */

static void
sjl_batch_create_text(sjl_file_op_t *op)
{
    sjl_batch_draft_t  *draft;

    draft = op->data;

    if (op->rc == SJL_ERROR || draft->why
        || sjl_batch_draft_judge(draft) == SJL_ERROR)
    {
        sjl_batch_create_end(op);
        return;
    }

    op->run = sjl_batch_draft_place;
    op->done = sjl_batch_create_placed;

    sjl_file_op_add(op);
}


static void
sjl_batch_create_placed(sjl_file_op_t *op)
{
    json_t             *spec;
    sjl_batch_t        *b;
    sjl_batch_draft_t  *draft;

    draft = op->data;
    b = draft->batch;

    if (op->rc == SJL_ERROR || draft->why) {
        sjl_folder_remove(sjl_path_context(b->row.id, ""));
        sjl_batch_create_end(op);
        return;
    }

    spec = sjl_batch_draft_spec(draft);

    b->spec = spec;
    b->row.spec = sjl_json_text(spec);
    b->row.proxy_user = sjl_strdup(draft->want->proxy_user);
    b->row.number = sjl_number_take(SJL_NUMBER_BATCH);

    sjl_log(SJL_LOG_INFO, "batch %lld %s is made by \"%s\"",
            (long long) b->row.number, b->row.id, b->row.user);

    sjl_batch_add(b);

    sjl_batch_draft_free(draft);
    sjl_file_op_free(op);
}


/* it is not to be */

static void
sjl_batch_create_end(sjl_file_op_t *op)
{
    sjl_request_t      *r, *next;
    sjl_batch_draft_t  *draft;

    draft = op->data;

    LL_FOREACH_SAFE2(draft->batch->creators, r, next, waiting) {
        if (op->rc == SJL_ERROR) {
            sjl_request_storage_failed(r, &op->why);

        } else {
            sjl_request_refuse(r, draft->code, draft->why);
        }
    }

    sjl_batch_free(draft->batch);
    sjl_batch_draft_free(draft);
    sjl_file_op_free(op);
}


void
sjl_batch_tell(sjl_batch_t *b, sjl_request_t *r)
{
    sjl_batch_show(r, sjl_batch_stated(b), &b, 1, 1);
}


static json_t *
sjl_batch_stated(sjl_batch_t *b)
{
    sjl_batch_refresh(b);

    return json_pack("{s:I, s:s}", "batch", (json_int_t) b->row.number,
                     "state", sjl_batch_state(b));
}


static void
sjl_batch_refresh(sjl_batch_t *b)
{
    if (!sjl_batch_final(b)) {
        sjl_batch_look(b);
    }
}


/* the one that a question is about; NULL: it is answered */

static sjl_batch_t *
sjl_batch_asked(sjl_request_t *r, sjl_frame_t *f)
{
    const char   *which, *owner;
    sjl_batch_t  *b;

    owner = NULL;

    if (sjl_request_unpack(r, f, "{s:s, s?s}", "batch", &which, "owner", &owner)
        == SJL_ERROR)
    {
        return NULL;
    }

    b = sjl_batch_which(which, owner);

    if (b == NULL) {
        sjl_request_refuse(r, SJP_ERR_NO_SUCH_BATCH, which);
    }

    return b;
}


void
sjl_batch_get(sjl_conn_t *c, sjl_frame_t *f)
{
    sjl_batch_t    *b;
    sjl_request_t  *r;

    r = sjl_request_make(c, f);
    b = sjl_batch_asked(r, f);

    if (b == NULL) {
        return;
    }

    if (json_is_true(json_object_get(f->meta, "brief"))) {
        sjl_request_reply(r, sjl_batch_stated(b), NULL, 0);

    } else {
        sjl_batch_tell(b, r);
    }
}


void
sjl_batch_list(sjl_conn_t *c, sjl_frame_t *f)
{
    size_t           n;
    json_int_t       i, from, size;
    const char      *owner;
    sjl_batch_t     *b, *next, **there;
    sjl_request_t   *r;

    r = sjl_request_make(c, f);
    owner = NULL;

    if (sjl_request_unpack(r, f, "{s:I, s:I, s?s}", "from", &from, "size",
                           &size, "owner", &owner)
        == SJL_ERROR)
    {
        return;
    }

    there = sjl_alloc((HASH_COUNT(sjl_batches) + 1) * sizeof(sjl_batch_t *));
    n = 0;

    HASH_ITER(hh, sjl_batches, b, next) {
        if (sjl_batch_there(b, owner)) {
            there[n++] = b;
        }
    }

    from = from < 0 || from > (json_int_t) n ? (json_int_t) n : from;
    size = size < 0 || size > SJL_BATCH_PAGE ? SJL_BATCH_PAGE : size;
    size = size > (json_int_t) n - from ? (json_int_t) n - from : size;

    for (i = from; i < from + size; i++) {
        sjl_batch_refresh(there[i]);
    }

    sjl_batch_show(r, json_pack("{s:I, s:I}", "from", from, "total",
                                (json_int_t) n),
                   there + from, (size_t) size, 0);
    free(there);
}


void
sjl_batch_delete(sjl_conn_t *c, sjl_frame_t *f)
{
    const char     *user;
    sjl_batch_t    *b;
    sjl_request_t  *r;

    r = sjl_request_make(c, f);
    b = sjl_batch_asked(r, f);

    if (b == NULL) {
        return;
    }

    user = json_string_value(json_object_get(f->meta, "user"));

    sjl_log(SJL_LOG_INFO, "batch %lld %s is deleted by \"%s\"",
            (long long) b->row.number, b->row.id, user ? user : "");

    LL_APPEND2(b->deleters, r, waiting);

    if (b->row.stopping) {
        return;
    }

    b->row.stopping = sjl_now();

    if (sjl_batch_final(b)) {
        sjl_batch_remove(b);

    } else {
        sjl_batch_save(b);
        sjl_batch_stop(b);
    }
}
