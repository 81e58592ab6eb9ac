
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_link_body.h"
#include "sjl_files.h"
#include "sjl_spool.h"
#include "sjl_state.h"

#include <sys/stat.h>


static int sjl_link_owns(const sjl_context_t *ctx, const char *path);


/* what was wrong with what a code without an error names */

static const char *const  sjl_link_words[SJP_NERRORS] = {
    [SJP_ERR_CLASS_NOT_FOUND] = " was not found",
    [SJP_ERR_WRONG_JOB_TYPE] = " is no job of the context's kind"
};


char *
sjl_link_body(sjl_context_t *ctx, json_t *meta, char **body, size_t *size)
{
    int          fd;
    char        *path, *copy, *why;
    struct stat  sb;

    *size = 0;
    *body = NULL;
    why = NULL;

    path = sjl_path_context(ctx->row.id, "/context.conf");
    copy = sjl_path_context(ctx->row.id, "/in/context.conf");

    (void) sjl_owner_enter(path);

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NOFOLLOW);

    if (fd == -1) {
        if (errno != ENOENT) {
            why = sjl_format("open(\"%s\") failed: %s", path,
                             strerror(errno));
        }

        goto done;
    }

    if (fstat(fd, &sb) == -1) {
        why = sjl_format("fstat(\"%s\") failed: %s", path, strerror(errno));

    } else if (sb.st_size <= SJP_PAYLOAD_MAX) {
        *size = (size_t) sb.st_size;
        *body = sjl_alloc(*size + 1);

        if (pread(fd, *body, *size, 0) != (ssize_t) *size) {
            why = sjl_format("pread(\"%s\") failed: %s", path,
                             strerror(errno));
            free(*body);
            *body = NULL;
        }

    } else if (sjl_driver_is_remote(ctx->driver)) {
        (void) json_object_set_new(meta, "file", json_string(path));

    } else if (link(path, copy) == -1 && errno != EEXIST) {
        why = sjl_format("link(\"%s\") failed: %s", copy, strerror(errno));

    } else {
        (void) json_object_set_new(meta, "file", json_string(copy));
    }

    (void) close(fd);

done:

    sjl_owner_leave();
    free(path);
    free(copy);

    return why;
}


int
sjl_link_file(sjl_conn_t *c, const sjl_frame_t *f, char **file)
{
    json_t        *spooled;
    const char    *path;
    sjl_driver_t  *d;

    *file = NULL;

    d = c->data;
    path = json_string_value(json_object_get(f->meta, "file"));
    spooled = json_object_get(f->meta, "spooled");

    if (spooled) {
        *file = sjl_spool_take(c, json_integer_value(spooled));

    } else if (path && d && d->context && !c->io.remote
               && sjl_link_owns(d->context, path))
    {
        *file = sjl_strdup(path);
    }

    if ((path || spooled) && *file == NULL) {
        sjl_log(SJL_LOG_ERR, "connection %u from %s passes what is not its: "
                "file \"%s\", %lld bytes", c->number, c->name,
                path ? path : "",
                (long long) json_integer_value(spooled));
        return SJL_ERROR;
    }

    return SJL_OK;
}


/* only what lies in the context's own folder is taken */

static int
sjl_link_owns(const sjl_context_t *ctx, const char *path)
{
    int      owns;
    char    *folder;
    size_t   len;

    folder = sjl_path_context(ctx->row.id, "/");
    len = strlen(folder);

    owns = strncmp(path, folder, len) == 0 && strstr(path + len, "..") == NULL;

    free(folder);

    return owns;
}


char *
sjl_link_error(sjl_frame_t *f, const char *file, int code, const char *name,
    size_t *size)
{
    char        *text, *message;
    const char  *words;

    sjl_spool_remove(file);

    if (f->size) {
        *size = f->size;
        return sjl_memdup(f->payload, f->size);
    }

    if (file) {
        message = sjl_strdup("The error was too long to be kept, the driver's "
                             "log may tell it");

    } else {
        words = sjl_link_words[code];
        message = sjl_format("%s%s", *name ? name : sjl_errors[code],
                             words ? words : "");
    }

    text = sjl_error_text("java.lang.RuntimeException", message, NULL);
    *size = strlen(text);

    free(message);

    return text;
}
