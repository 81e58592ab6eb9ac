
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_multipart.h"

#include <openssl/evp.h>


#define SJL_MULTIPART_CHUNK  (64 * 1024)
#define SJL_MULTIPART_TYPE   "multipart/form-data"


static const char *sjl_multipart_parameter(const char *header,
    const char *name, char *value, size_t size);
static off_t sjl_multipart_search(int fd, off_t from, const char *text,
    size_t len);
static off_t sjl_multipart_part(sjl_multipart_t *multipart, int fd,
    off_t start, const char **why);
static int sjl_multipart_disposition(sjl_part_t *part, char *header);
static int sjl_multipart_hash_part(EVP_MD_CTX *md, const sjl_part_t *part,
    int fd);


int
sjl_multipart_type(const char *type, char *boundary)
{
    size_t  n;

    n = sizeof(SJL_MULTIPART_TYPE) - 1;

    if (strncasecmp(type, SJL_MULTIPART_TYPE, n) != 0
        || (type[n] != '\0' && type[n] != ';' && type[n] != ' '))
    {
        return 0;
    }

    if (sjl_multipart_parameter(type, "boundary", boundary,
                                SJL_MULTIPART_BOUNDARY + 1)
        == NULL)
    {
        *boundary = '\0';
    }

    return 1;
}


/*
 * What "; name=value" or "; name="value"" says in a header's value.  Returns
 * the value, or NULL: there is none, or it is too long.
 */

static const char *
sjl_multipart_parameter(const char *header, const char *name, char *value,
    size_t size)
{
    size_t       i, n;
    const char  *p;

    n = strlen(name);

    for (p = strchr(header, ';'); p; p = strchr(p, ';')) {
        p += 1 + strspn(p + 1, " \t");

        if (strncasecmp(p, name, n) != 0 || p[n] != '=') {
            continue;
        }

        p += n + 1;

        if (*p != '"') {
            i = strcspn(p, "; \t");

            if (i >= size) {
                return NULL;
            }

            memcpy(value, p, i);
            value[i] = '\0';

            return value;
        }

        for (i = 0, p++; *p && *p != '"' && i < size - 1; i++) {
            p += *p == '\\' && (p[1] == '"' || p[1] == '\\');
            value[i] = *p++;
        }

        value[i] = '\0';

        return *p == '"' ? value : NULL;
    }

    return NULL;
}


int
sjl_multipart_read(sjl_multipart_t *multipart, int fd, const char *boundary,
    const char **why)
{
    char    delimiter[SJL_MULTIPART_BOUNDARY + 5], tail[2];
    off_t   at, next;
    size_t  len;

    len = (size_t) snprintf(delimiter, sizeof(delimiter), "\r\n--%s", boundary);

    /* nothing need stand before the first one */

    at = sjl_multipart_search(fd, 0, delimiter + 2, len - 2);

    if (*boundary == '\0' || at == -1) {
        *why = "the body has no part: its boundary is not in it";
        return SJL_ERROR;
    }

    at += (off_t) len - 2;

    for ( ;; ) {

        if (pread(fd, tail, 2, at) != 2) {
            *why = "the body ends within a part";
            return SJL_ERROR;
        }

        if (memcmp(tail, "--", 2) == 0) {
            return SJL_OK;
        }

        if (memcmp(tail, "\r\n", 2) != 0) {
            *why = "a boundary has more behind it than the end of its line";
            return SJL_ERROR;
        }

        if (multipart->n == SJL_MULTIPART_PARTS) {
            *why = "the body has too many parts";
            return SJL_ERROR;
        }

        at = sjl_multipart_part(multipart, fd, at + 2, why);

        if (at == -1) {
            return SJL_ERROR;
        }

        /* one that is empty may have its header's last line end as its own */

        next = sjl_multipart_search(fd, at - 2, delimiter, len);

        if (next == -1) {
            *why = "the body ends within a part";
            return SJL_ERROR;
        }

        multipart->parts[multipart->n - 1].start = at;
        multipart->parts[multipart->n - 1].size = next < at ? 0 : next - at;

        at = next + (off_t) len;
    }
}


/* where a text is found next, or -1 */

static off_t
sjl_multipart_search(int fd, off_t from, const char *text, size_t len)
{
    char     *chunk, *found;
    off_t     at;
    ssize_t   n;

    chunk = sjl_alloc_raw(SJL_MULTIPART_CHUNK);
    at = -1;

    for ( ;; ) {
        n = pread(fd, chunk, SJL_MULTIPART_CHUNK, from);

        if (n < (ssize_t) len) {
            break;
        }

        found = memmem(chunk, (size_t) n, text, len);

        if (found) {
            at = from + (found - chunk);
            break;
        }

        from += n - (ssize_t) len + 1;
    }

    free(chunk);

    return at;
}


/* its header; where its content begins comes back, or -1 */

static off_t
sjl_multipart_part(sjl_multipart_t *multipart, int fd, off_t start,
    const char **why)
{
    char         header[SJL_MULTIPART_HEADER + 1], *end, *line, *next;
    ssize_t      n;
    sjl_part_t  *part;

    n = pread(fd, header, SJL_MULTIPART_HEADER, start);
    header[n > 0 ? n : 0] = '\0';

    end = strstr(header, "\r\n\r\n");
    part = &multipart->parts[multipart->n++];

    if (end == NULL) {
        *why = "a part has no header, or one that is too long";
        return -1;
    }

    end[2] = '\0';

    for (line = header; *line; line = next) {
        next = strstr(line, "\r\n");
        *next = '\0';
        next += 2;

        if (strncasecmp(line, "Content-Disposition:", 20) == 0
            && sjl_multipart_disposition(part, line + 20) == SJL_OK)
        {
            return start + (end + 4 - header);
        }
    }

    *why = "a part has no name: its Content-Disposition has to be form-data "
           "and have one";

    return -1;
}


static int
sjl_multipart_disposition(sjl_part_t *part, char *header)
{
    char  value[SJL_MULTIPART_HEADER];

    header += strspn(header, " \t");

    if (strncasecmp(header, "form-data", 9) != 0
        || sjl_multipart_parameter(header, "name", value, sizeof(value))
           == NULL
        || *value == '\0')
    {
        return SJL_ERROR;
    }

    part->name = sjl_strdup(value);

    if (sjl_multipart_parameter(header, "filename", value, sizeof(value))) {
        part->filename = sjl_strdup(value);
    }

    return SJL_OK;
}


sjl_part_t *
sjl_multipart_find(sjl_multipart_t *multipart, const char *name)
{
    size_t  i;

    for (i = 0; i < multipart->n; i++) {
        if (strcmp(multipart->parts[i].name, name) == 0) {
            return &multipart->parts[i];
        }
    }

    for (i = 0; i < multipart->n; i++) {
        if (multipart->parts[i].filename
            && strcmp(multipart->parts[i].filename, name) == 0)
        {
            return &multipart->parts[i];
        }
    }

    return NULL;
}


int
sjl_multipart_hash(const sjl_multipart_t *multipart, int fd, char *sha256)
{
    int             rc;
    size_t          i;
    unsigned        len;
    EVP_MD_CTX     *md;
    unsigned char   digest[EVP_MAX_MD_SIZE];

    errno = ENOMEM;
    md = EVP_MD_CTX_new();
    rc = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 ? SJL_OK
                                                              : SJL_ERROR;

    for (i = 0; i < multipart->n && rc == SJL_OK; i++) {
        rc = sjl_multipart_hash_part(md, &multipart->parts[i], fd);
    }

    if (rc == SJL_OK && EVP_DigestFinal_ex(md, digest, &len) == 1) {
        sjl_hex(sha256, digest, len);

    } else {
        rc = SJL_ERROR;
    }

    EVP_MD_CTX_free(md);

    return rc;
}


/* what comes is told apart by the sizes before it */

static int
sjl_multipart_hash_part(EVP_MD_CTX *md, const sjl_part_t *part, int fd)
{
    int      rc;
    char    *chunk, *head;
    off_t    at, left;
    ssize_t  n;

    head = sjl_format("%jd %zu %zu %s%s", (intmax_t) part->size,
                      strlen(part->name),
                      part->filename ? strlen(part->filename) + 1 : 0,
                      part->name, part->filename ? part->filename : "");
    chunk = sjl_alloc_raw(SJL_MULTIPART_CHUNK);

    rc = EVP_DigestUpdate(md, head, strlen(head)) == 1 ? SJL_OK : SJL_ERROR;

    for (at = 0; at < part->size && rc == SJL_OK; at += n) {
        left = part->size - at;

        n = pread(fd, chunk, left < SJL_MULTIPART_CHUNK ? (size_t) left
                                                        : SJL_MULTIPART_CHUNK,
                  part->start + at);

        if (n <= 0 || EVP_DigestUpdate(md, chunk, (size_t) n) != 1) {
            rc = SJL_ERROR;
        }
    }

    free(chunk);
    free(head);

    return rc;
}


void
sjl_multipart_clear(sjl_multipart_t *multipart)
{
    size_t  i;

    for (i = 0; i < multipart->n; i++) {
        free(multipart->parts[i].name);
        free(multipart->parts[i].filename);
    }

    memset(multipart, 0, sizeof(sjl_multipart_t));
}
