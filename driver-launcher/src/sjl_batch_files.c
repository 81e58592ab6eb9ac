
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The folder of a batch.  Once it is made it is the user's that the batch runs
 * as: nothing that is read there is believed further than he could go himself.
 */


#include "sjl_batch_draft.h"
#include "sjl_copy.h"
#include "sjl_folder.h"
#include "sjl_share.h"
#include "sjl_submitter.h"

#include <limits.h>
#include <sys/stat.h>


#define SJL_BATCH_TEXT   (1024 * 1024)  /* of a request at most */
#define SJL_BATCH_SHORT  (64 * 1024)    /* of files that tell of it */


static int sjl_batch_draft_refuse(sjl_batch_draft_t *draft, const char *why);
static int sjl_batch_draft_local(sjl_batch_draft_t *draft);
static char *sjl_batch_draft_real(const char *text);
static int sjl_batch_draft_readable(const json_t *folders, const char *path);
static void sjl_batch_draft_lists(sjl_batch_draft_t *draft);
static int sjl_batch_draft_fill(sjl_file_op_t *op, sjl_batch_draft_t *draft,
    const char *folder);
static int sjl_batch_draft_copy(sjl_file_op_t *op, sjl_batch_place_t *place);
static int sjl_batch_draft_write(sjl_file_op_t *op, const char *path,
    const char *text);
static char *sjl_batch_draft_give(sjl_batch_draft_t *draft,
    const char *folder);


/* the folder itself last but for what is in it */

static const char *const  sjl_batch_parts[] = {
    "", "/in", "/tmp", "/" SJL_BATCH_PLAN, "/" SJL_SUBMITTER_PROPERTIES
};

#define SJL_BATCH_FOLDERS  3            /* of these */


char *
sjl_batch_path(const sjl_batch_t *b, const char *file)
{
    char  *name, *path;

    name = sjl_format("/%s", file);
    path = sjl_path_context(b->row.id, name);
    free(name);

    return path;
}


char *
sjl_batch_read(const sjl_batch_t *b, const char *file)
{
    int           fd;
    char         *path, *text;
    ssize_t       n;
    struct stat   sb;

    path = sjl_batch_path(b, file);

    (void) sjl_owner_enter(path);
    fd = open(path, O_RDONLY|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK);
    sjl_owner_leave();
    free(path);

    if (fd == -1) {
        return NULL;
    }

    text = NULL;

    if (fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode)) {
        text = sjl_alloc(SJL_BATCH_SHORT + 1);
        n = pread(fd, text, SJL_BATCH_SHORT, 0);
        text[n > 0 ? n : 0] = '\0';
    }

    (void) close(fd);

    return text;
}


int
sjl_batch_draft_read(sjl_file_op_t *op)
{
    off_t               start, size;
    sjl_part_t         *part;
    const char         *why;
    struct stat         sb;
    sjl_batch_draft_t  *draft;

    draft = op->data;

    if (fstat(op->fd, &sb) == -1) {
        return sjl_files_fail(op, "fstat", "the body");
    }

    start = 0;
    size = sb.st_size;

    if (draft->is_multipart) {

        if (sjl_multipart_read(&draft->multipart, op->fd, draft->boundary,
                               &why)
            == SJL_ERROR)
        {
            return sjl_batch_draft_refuse(draft, why);
        }

        part = sjl_multipart_find(&draft->multipart, SJL_BATCH_REQUEST);

        if (part == NULL) {
            return sjl_batch_draft_refuse(draft, "the body has no part \""
                                          SJL_BATCH_REQUEST "\", which is to "
                                          "have the request as JSON");
        }

        start = part->start;
        size = part->size;
    }

    if (draft->again) {

        if (sjl_batch_hash(op, &draft->multipart) == SJL_ERROR) {
            return SJL_ERROR;
        }

        memcpy(draft->hash, op->sha256, sizeof(draft->hash));
    }

    if (size > SJL_BATCH_TEXT) {
        return sjl_batch_draft_refuse(draft, "the request is longer than 1 "
                                      "MiB");
    }

    draft->text = sjl_alloc((size_t) size + 1);
    draft->len = (size_t) size;

    return pread(op->fd, draft->text, draft->len, start) == (ssize_t) size
           ? SJL_OK : sjl_files_fail(op, "pread", "the body");
}


int
sjl_batch_hash(sjl_file_op_t *op, const sjl_multipart_t *multipart)
{
    if (multipart->n == 0) {
        return sjl_files_hash(op);
    }

    return sjl_multipart_hash(multipart, op->fd, op->sha256) == SJL_OK
           ? SJL_OK : sjl_files_fail(op, "pread", "the body");
}


static int
sjl_batch_draft_refuse(sjl_batch_draft_t *draft, const char *why)
{
    free(draft->why);
    draft->why = sjl_strdup(why);

    return SJL_OK;
}


/* what is wrong with the request is no failure of ours: "why" says it */

int
sjl_batch_draft_place(sjl_file_op_t *op)
{
    int                 rc;
    char               *folder, *path;
    size_t              i;
    sjl_batch_draft_t  *draft;

    draft = op->data;

    if (!sjl_batch_draft_local(draft)) {
        return SJL_OK;
    }

    sjl_batch_draft_lists(draft);

    folder = sjl_path_context(draft->batch->row.id, "");

    /* an earlier launcher may have died in the middle of this */

    rc = sjl_folder_clear(op, folder);

    for (i = 0; i < SJL_BATCH_FOLDERS && rc == SJL_OK; i++) {
        path = sjl_format("%s%s", folder, sjl_batch_parts[i]);

        if (sjl_folder_add(path) == SJL_ERROR) {
            rc = sjl_files_fail(op, "mkdir", path);
        }

        free(path);
    }

    if (rc == SJL_OK) {
        rc = sjl_batch_draft_fill(op, draft, folder);
    }

    if (rc == SJL_OK) {
        path = sjl_batch_draft_give(draft, folder);

        if (path) {
            rc = sjl_files_fail(op, "lchown", path);
            free(path);
        }
    }

    /* the row that speaks of it follows */

    if (rc == SJL_OK) {
        folder[strlen(folder) - 1 - SJL_ID_LEN] = '\0';
        rc = sjl_files_sync_folder(op, folder);
    }

    free(folder);

    return rc;
}


/* whether all files of this host may be read, and are there */

static int
sjl_batch_draft_local(sjl_batch_draft_t *draft)
{
    size_t             i;
    sjl_batch_file_t  *file;

    for (i = 0; i < draft->want->nfiles; i++) {
        file = &draft->want->files[i];

        if (file->source != SJL_BATCH_LOCAL) {
            continue;
        }

        file->path = sjl_batch_draft_real(file->text);

        if (file->path == NULL
            || !sjl_batch_draft_readable(draft->readable, file->path))
        {
            draft->why = sjl_format("Local path %.300s cannot be added to user "
                                    "sessions: no such file is below a folder "
                                    "of the launcher's outbound.files",
                                    file->text);
            return 0;
        }
    }

    return 1;
}


/* without links, so that what is judged is what is meant; to be freed */

static char *
sjl_batch_draft_real(const char *text)
{
    char         path[PATH_MAX];
    size_t       n;
    unsigned     byte;
    const char  *p;

    p = text;

    if (*p != '/') {
        p = strchr(p, ':') + 1;
        p += strncmp(p, "///", 3) == 0 ? 2 : 0;
    }

    for (n = 0; *p && n < sizeof(path) - 1; n++) {

        if (*text != '/' && *p == '%' && sscanf(p + 1, "%2x", &byte) == 1) {
            path[n] = (char) byte;
            p += 3;

        } else {
            path[n] = *p++;
        }
    }

    path[n] = '\0';

    return *p || *path != '/' ? NULL : realpath(path, NULL);
}


static int
sjl_batch_draft_readable(const json_t *folders, const char *path)
{
    int      found;
    char    *folder;
    size_t   i, n;
    json_t  *value;

    found = 0;

    json_array_foreach(folders, i, value) {
        folder = realpath(json_string_value(value), NULL);
        n = folder ? strlen(folder) : 0;
        n -= n && folder[n - 1] == '/';

        found |= folder && strncmp(path, folder, n) == 0 && path[n] == '/';
        free(folder);
    }

    return found;
}


/* the settings that name the files of a use, now that all have their paths */

static void
sjl_batch_draft_lists(sjl_batch_draft_t *draft)
{
    char              *list;
    size_t             i;
    const char        *key, *before;
    sjl_batch_file_t  *file;

    for (i = 0; i < draft->want->nfiles; i++) {
        file = &draft->want->files[i];
        key = sjl_batch_want_key(file->use);

        if (key == NULL) {
            continue;
        }

        before = json_string_value(json_object_get(draft->settings, key));
        list = sjl_format("%s%s%s%s", before ? before : "", before ? "," : "",
                          file->path, file->fragment ? file->fragment : "");

        (void) json_object_set_new(draft->settings, key, json_string(list));
        free(list);
    }
}


static int
sjl_batch_draft_fill(sjl_file_op_t *op, sjl_batch_draft_t *draft,
    const char *folder)
{
    int      rc;
    char    *path, *text;
    size_t   i;

    rc = SJL_OK;

    for (i = 0; i < draft->nplaces && rc == SJL_OK; i++) {
        rc = sjl_batch_draft_copy(op, &draft->places[i]);
    }

    if (rc == SJL_OK) {
        path = sjl_format("%s/" SJL_BATCH_PLAN, folder);
        rc = sjl_batch_draft_write(op, path, draft->plan);
        free(path);
    }

    if (rc == SJL_OK) {
        path = sjl_format("%s/" SJL_SUBMITTER_PROPERTIES, folder);
        text = sjl_submitter_properties(draft->settings);
        rc = sjl_batch_draft_write(op, path, text);
        free(path);
        free(text);
    }

    if (rc == SJL_OK) {
        path = sjl_format("%s/in", folder);
        rc = sjl_files_sync_folder(op, path);
        free(path);
    }

    return rc == SJL_OK ? sjl_files_sync_folder(op, folder) : rc;
}


/* a binary stays what it was, whatever becomes of its name */

static int
sjl_batch_draft_copy(sjl_file_op_t *op, sjl_batch_place_t *place)
{
    int  fd, rc;

    if (place->from) {
        return link(place->from, place->to) == -1
               ? sjl_files_fail(op, "link", place->to) : SJL_OK;
    }

    fd = open(place->to, O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600);

    if (fd == -1) {
        return sjl_files_fail(op, "open", place->to);
    }

    rc = sjl_copy(op->fd, place->part->start, fd, place->part->size)
         == SJL_ERROR
         ? sjl_files_fail(op, "sendfile", place->to) : SJL_OK;

    if (rc == SJL_OK && fsync(fd) == -1) {
        rc = sjl_files_fail(op, "fsync", place->to);
    }

    (void) close(fd);

    return rc;
}


static int
sjl_batch_draft_write(sjl_file_op_t *op, const char *path, const char *text)
{
    int     fd, rc;
    size_t  n;

    n = strlen(text);
    fd = open(path, O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600);

    if (fd == -1) {
        return sjl_files_fail(op, "open", path);
    }

    rc = write(fd, text, n) != (ssize_t) n || fsync(fd) == -1
         ? sjl_files_fail(op, "write", path) : SJL_OK;

    (void) close(fd);

    return rc;
}


/* binaries are not his: he could change them for all others */

static char *
sjl_batch_draft_give(sjl_batch_draft_t *draft, const char *folder)
{
    char    *failed;
    size_t   i;

    static const char *const  itself[] = { "" };

    for (i = 0; i < draft->nplaces; i++) {

        if (draft->places[i].from) {
            continue;
        }

        failed = sjl_share_give(draft->places[i].to, itself, 1,
                                &draft->batch->owner);

        if (failed) {
            return failed;
        }
    }

    return sjl_share_give(folder, sjl_batch_parts, sjl_nelts(sjl_batch_parts),
                          &draft->batch->owner);
}
