
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_owner.h"
#include "sparkjob_json.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/random.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <uuid/uuid.h>


#define SJL_ALLOC_SMALL  1024
#define SJL_JSON_FIRST   1024           /* bytes, most texts have less */


static void sjl_no_memory(size_t n);
static char *sjl_error_json(const char *class, const char *message,
    const char *more);
static size_t sjl_text_char(const unsigned char *p);


struct ev_loop  *sjl_loop;


/*
 * A thread's own cache of small blocks is what malloc() looks into, and glibc's
 * calloc() does not; that of a large block knows which pages are zero already.
 */

void *
sjl_alloc(size_t n)
{
    void  *p;

    if (n <= SJL_ALLOC_SMALL) {
        p = sjl_alloc_raw(n);
        memset(p, 0, n);

        return p;
    }

    p = calloc(1, n);

    if (p == NULL) {
        sjl_no_memory(n);
    }

    return p;
}


void *
sjl_alloc_raw(size_t n)
{
    void  *p;

    p = malloc(n);

    if (p == NULL) {
        sjl_no_memory(n);
    }

    return p;
}


static void
sjl_no_memory(size_t n)
{
    sjl_log(SJL_LOG_CRIT, "%zu bytes of memory cannot be had, giving up", n);
    abort();
}


char *
sjl_memdup(const void *p, size_t n)
{
    char  *copy;

    if (p == NULL) {
        return NULL;
    }

    copy = sjl_alloc_raw(n + 1);
    memcpy(copy, p, n);
    copy[n] = '\0';

    return copy;
}


char *
sjl_strdup(const char *s)
{
    return s ? sjl_memdup(s, strlen(s)) : NULL;
}


char *
sjl_format(const char *fmt, ...)
{
    int       n;
    char     *s;
    va_list   args;

    va_start(args, fmt);
    n = vasprintf(&s, fmt, args);
    va_end(args);

    if (n == -1) {
        sjl_no_memory(strlen(fmt));
    }

    return s;
}


int64_t
sjl_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


int64_t
sjl_ticks(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


void
sjl_random_hex(char *p, size_t n)
{
    unsigned char  bytes[64];

    if (n > sizeof(bytes) || getrandom(bytes, n, 0) != (ssize_t) n) {
        sjl_log(SJL_LOG_CRIT, "getrandom(%zu) failed: %s", n, strerror(errno));
        abort();
    }

    sjl_hex(p, bytes, n);
}


void
sjl_hex(char *p, const unsigned char *bytes, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        (void) sprintf(p + 2 * i, "%02x", bytes[i]);
    }
}


void
sjl_id_make(char *p)
{
    uuid_t  id;

    uuid_generate_random(id);
    uuid_unparse_lower(id, p);
}


int
sjl_id_ok(const char *s)
{
    size_t  i;

    for (i = 0; i < SJL_ID_LEN; i++) {

        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (s[i] != '-') {
                return 0;
            }

            continue;
        }

        if (s[i] == '\0' || strchr("0123456789abcdef", s[i]) == NULL) {
            return 0;
        }
    }

    return s[i] == '\0';
}


void
sjl_hash(char *p, const void *data, size_t n)
{
    unsigned       len;
    unsigned char  md[EVP_MAX_MD_SIZE];

    if (EVP_Digest(data, n, md, &len, EVP_sha256(), NULL) != 1) {
        sjl_log(SJL_LOG_ALERT, "EVP_Digest() of %zu bytes failed", n);
        abort();
    }

    sjl_hex(p, md, len);
}


int
sjl_same_secret(const char *a, const char *b)
{
    size_t  n;

    n = strlen(a);

    return n == strlen(b) && CRYPTO_memcmp(a, b, n) == 0;
}


void
sjl_free_secret(char *s)
{
    if (s) {
        OPENSSL_cleanse(s, strlen(s));
        free(s);
    }
}


char *
sjl_json_text(const json_t *value)
{
    char    *text, first[SJL_JSON_FIRST];
    size_t   n;

    n = sjp_json_write(value, first, sizeof(first));
    text = sjl_alloc_raw(n + 1);

    if (n <= sizeof(first)) {
        memcpy(text, first, n);

    } else {
        (void) sjp_json_write(value, text, n);
    }

    text[n] = '\0';

    return text;
}


char *
sjl_error_text(const char *class, const char *message, const char *more)
{
    char    *text, *said, *rest;
    size_t   max;

    said = sjl_strdup(message);
    rest = sjl_strdup(more);

    /* how long a text gets as JSON depends on what is in it */

    for (max = SJP_PAYLOAD_MAX; /* void */ ; max /= 2) {

        sjl_text_cut(said, max);
        sjl_text_clean(said);

        if (rest) {
            sjl_text_cut(rest, max);
            sjl_text_clean(rest);
        }

        text = sjl_error_json(class, said, rest);

        if (strlen(text) <= SJP_PAYLOAD_MAX) {
            break;
        }

        free(text);
    }

    free(said);
    free(rest);

    return text;
}


static char *
sjl_error_json(const char *class, const char *message, const char *more)
{
    char    *stack, *text;
    json_t  *error;

    stack = sjl_format("%s: %s%s%s", class, message, more ? "\n" : "",
                       more ? more : "");

    error = json_pack("{s:s, s:s, s:s}", "message", message, "errorClass",
                      class, "stack", stack);

    text = sjl_json_text(error);

    json_decref(error);
    free(stack);

    return text;
}


void
sjl_text_clean(char *s)
{
    size_t  n;

    while (*s) {
        n = sjl_text_char((unsigned char *) s);

        if (n == 0) {
            *s = '?';
            n = 1;
        }

        s += n;
    }
}


/* the length of the character at p, 0 if it is none that may stay */

static size_t
sjl_text_char(const unsigned char *p)
{
    size_t    i, n;
    uint32_t  code;

    if (*p < 0x80) {
        return *p >= ' ' || *p == '\n' || *p == '\t';
    }

    n = *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;
    code = *p & (0xff >> (n + 1));

    if (*p < 0xc2 || *p > 0xf4) {
        return 0;
    }

    for (i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        code = code << 6 | (p[i] & 0x3f);
    }

    if ((n == 3 && code < 0x800) || (n == 4 && code < 0x10000)
        || (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff)
    {
        return 0;
    }

    return n;
}


void
sjl_why_set(sjl_why_t *why, int err, const char *fmt, ...)
{
    va_list  args;

    why->code = err == ENOSPC || err == EDQUOT ? SJP_ERR_NO_SPACE
                                               : SJP_ERR_STORAGE_FAILED;

    va_start(args, fmt);
    (void) vsnprintf(why->text, sizeof(why->text), fmt, args);
    va_end(args);
}


void
sjl_text_cut(char *s, size_t max)
{
    if (strlen(s) <= max) {
        return;
    }

    while (max && ((unsigned char) s[max] & 0xc0) == 0x80) {
        max--;
    }

    s[max] = '\0';
}


/* what lies there is the driver's doing, so it may be anything */

int
sjl_file_open_log(const char *path, int make, size_t *size)
{
    int          fd, err;
    struct stat  sb;

    (void) sjl_owner_enter(path);

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK
                    |(make ? O_CREAT : 0), 0600);
    err = errno;

    sjl_owner_leave();
    errno = err;

    if (fd == -1 && errno == ENOENT) {
        fd = memfd_create("log", MFD_CLOEXEC);
    }

    if (fd == -1) {
        sjl_log(SJL_LOG_CRIT, "open(\"%s\") failed: %s", path,
                strerror(errno));
        return -1;
    }

    if (fstat(fd, &sb) == -1 || !S_ISREG(sb.st_mode)) {
        sjl_log(SJL_LOG_ERR, "log \"%s\" is no regular file", path);
        (void) close(fd);
        return -1;
    }

    *size = (size_t) sb.st_size;

    return fd;
}


char *
sjl_file_tail(const char *path, off_t from, unsigned lines, size_t max)
{
    int          fd;
    char        *s, *p;
    off_t        offset;
    ssize_t      n;
    struct stat  sb;

    (void) sjl_owner_enter(path);
    fd = open(path, O_RDONLY|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK);
    sjl_owner_leave();

    if (fd == -1) {
        return NULL;
    }

    s = NULL;

    if (fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode) && sb.st_size > from) {
        s = sjl_alloc(max + 1);
        offset = sb.st_size - (off_t) max;
        n = pread(fd, s, max, offset > from ? offset : from);
        s[n > 0 ? n : 0] = '\0';
    }

    (void) close(fd);

    if (s == NULL) {
        return NULL;
    }

    for (p = s + strlen(s); p > s && p[-1] == '\n'; p--) {
        p[-1] = '\0';
    }

    while (p > s && (p[-1] != '\n' || --lines > 0)) {
        p--;
    }

    memmove(s, p, strlen(p) + 1);
    sjl_text_clean(s);

    return s;
}
