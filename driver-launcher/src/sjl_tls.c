
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_tls.h"
#include "sjl_certificate.h"
#include "sjl_config.h"

#include <openssl/err.h>


/* what a record holds */
#define SJL_TLS_RECORD  (16 * 1024)


static SSL_CTX *sjl_tls_make(const char *certificate, const char *key,
    uid_t user, char **why);
static EVP_PKEY *sjl_tls_files(const char *certificate, const char *key,
    uid_t user, char **why);
static int sjl_tls_pin_make(SSL_CTX *ctx, char *pin);
static ssize_t sjl_tls_read(sjl_io_t *io, void *p, size_t n);
static ssize_t sjl_tls_write(sjl_io_t *io, const struct iovec *iov, size_t n,
    int fd);
static ssize_t sjl_tls_failed(sjl_io_t *io, int rc);
static void sjl_tls_close(sjl_io_t *io);


static const sjl_io_type_t  sjl_io_tls = {
    sjl_tls_read, sjl_tls_write, sjl_tls_close
};


static SSL_CTX  *sjl_tls_ctx;
static char      sjl_tls_digits[SJL_HASH_LEN + 1];


int
sjl_tls_init(void)
{
    char  *certificate, *key, *why;

    certificate = sjl_strdup(sjl_conf->link_certificate);
    key = sjl_strdup(sjl_conf->link_key);

    if (certificate == NULL) {
        certificate = sjl_format("%s/link.crt", sjl_conf->data_dir);
        key = sjl_format("%s/link.key", sjl_conf->data_dir);

        if (sjl_certificate_ensure(certificate, key) == SJL_ERROR) {
            free(certificate);
            free(key);
            return SJL_ERROR;
        }
    }

    sjl_tls_ctx = sjl_tls_make(certificate, key, geteuid(), &why);

    free(certificate);
    free(key);

    if (sjl_tls_ctx == NULL) {
        sjl_log(SJL_LOG_CRIT, "TLS of the drivers' link: %s", why);
        free(why);
        return SJL_ERROR;
    }

    return sjl_tls_pin_make(sjl_tls_ctx, sjl_tls_digits);
}


/* no tickets: drivers come seldom, and nothing of a session is to be kept */

static SSL_CTX *
sjl_tls_make(const char *certificate, const char *key, uid_t user, char **why)
{
    SSL_CTX     *ctx;
    EVP_PKEY    *pkey;
    const char  *what;

    pkey = sjl_tls_files(certificate, key, user, why);

    if (pkey == NULL) {
        return NULL;
    }

    ERR_clear_error();

    ctx = SSL_CTX_new(TLS_server_method());
    what = ctx == NULL || !SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION)
           || !SSL_CTX_set_num_tickets(ctx, 0) ? "OpenSSL"
           : SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1
             ? certificate
           : SSL_CTX_use_PrivateKey(ctx, pkey) != 1
             || SSL_CTX_check_private_key(ctx) != 1 ? key
           : NULL;

    EVP_PKEY_free(pkey);

    if (what) {
        *why = sjl_format("\"%s\": %s", what,
                          ERR_reason_error_string(ERR_peek_last_error()));
        ERR_clear_error();
        SSL_CTX_free(ctx);
        return NULL;
    }

    (void) SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    (void) SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION
                                    |SSL_OP_IGNORE_UNEXPECTED_EOF);
    (void) SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE
                                 |SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
                                 |SSL_MODE_RELEASE_BUFFERS);

    return ctx;
}


/* OpenSSL would wait for whoever writes to a FIFO */

static EVP_PKEY *
sjl_tls_files(const char *certificate, const char *key, uid_t user, char **why)
{
    int          fd;
    struct stat  sb;

    fd = sjl_certificate_open(certificate, &sb, why);

    if (fd == -1) {
        return NULL;
    }

    (void) close(fd);

    return sjl_certificate_key(key, user, why);
}


static int
sjl_tls_pin_make(SSL_CTX *ctx, char *pin)
{
    int             n;
    unsigned char  *der;

    der = NULL;
    n = i2d_PUBKEY(X509_get0_pubkey(SSL_CTX_get0_certificate(ctx)), &der);

    if (n <= 0) {
        sjl_log(SJL_LOG_CRIT, "TLS of the drivers' link: %s",
                ERR_reason_error_string(ERR_peek_last_error()));
        ERR_clear_error();
        return SJL_ERROR;
    }

    sjl_hash(pin, der, (size_t) n);
    OPENSSL_free(der);

    return SJL_OK;
}


/* drivers that run, and have to come back, know the key and no other */

void
sjl_tls_reload(void)
{
    char      pin[SJL_HASH_LEN + 1], *why;
    SSL_CTX  *ctx;

    if (sjl_tls_ctx == NULL || sjl_conf->link_certificate == NULL) {
        return;
    }

    ctx = sjl_tls_make(sjl_conf->link_certificate, sjl_conf->link_key,
                       geteuid(), &why);

    if (ctx == NULL) {
        sjl_log(SJL_LOG_ERR, "the certificate of the drivers' link stays as it "
                "was: %s", why);
        free(why);
        return;
    }

    if (sjl_tls_pin_make(ctx, pin) == SJL_ERROR
        || strcmp(pin, sjl_tls_digits) != 0)
    {
        sjl_log(SJL_LOG_ERR, "the certificate of the drivers' link stays as it "
                "was: that in \"%s\" has another key, which no driver knows",
                sjl_conf->link_certificate);
        SSL_CTX_free(ctx);
        return;
    }

    SSL_CTX_free(sjl_tls_ctx);
    sjl_tls_ctx = ctx;
}


void
sjl_tls_free(void)
{
    SSL_CTX_free(sjl_tls_ctx);
    sjl_tls_ctx = NULL;
}


char *
sjl_tls_wrong(const char *certificate, const char *key, uid_t user)
{
    char  *why;

    SSL_CTX_free(sjl_tls_make(certificate, key, user, &why));

    return why;
}


const char *
sjl_tls_pin(void)
{
    return sjl_tls_digits;
}


int
sjl_tls_start(sjl_io_t *io)
{
    ERR_clear_error();

    io->ssl = SSL_new(sjl_tls_ctx);

    if (io->ssl == NULL || SSL_set_fd(io->ssl, io->fd) != 1) {
        sjl_log(SJL_LOG_CRIT, "SSL_new() failed: %s",
                ERR_reason_error_string(ERR_peek_last_error()));
        SSL_free(io->ssl);
        io->ssl = NULL;
        return SJL_ERROR;
    }

    SSL_set_accept_state(io->ssl);
    io->type = &sjl_io_tls;

    return SJL_OK;
}


static ssize_t
sjl_tls_read(sjl_io_t *io, void *p, size_t n)
{
    int  rc;

    ERR_clear_error();

    rc = SSL_read(io->ssl, p, (int) n);
    io->read_waits = SSL_want(io->ssl) == SSL_WRITING;

    return rc > 0 ? rc : sjl_tls_failed(io, rc);
}


/*
 * Small frames share a record.  What could not be sent is gathered again, with
 * what has come behind it: OpenSSL wants no less than it had, and the same
 * bytes.
 */

static ssize_t
sjl_tls_write(sjl_io_t *io, const struct iovec *iov, size_t n, int fd)
{
    int     rc;
    size_t  i, len, part;

    static char  record[SJL_TLS_RECORD];

    (void) fd;

    len = 0;

    for (i = 0; i < n && len < SJL_TLS_RECORD; i++) {
        part = SJL_TLS_RECORD - len;

        if (part > iov[i].iov_len) {
            part = iov[i].iov_len;
        }

        memcpy(record + len, iov[i].iov_base, part);
        len += part;
    }

    ERR_clear_error();

    rc = SSL_write(io->ssl, record, (int) len);
    io->write_waits = SSL_want(io->ssl) == SSL_READING;

    return rc > 0 ? rc : sjl_tls_failed(io, rc);
}


static ssize_t
sjl_tls_failed(sjl_io_t *io, int rc)
{
    int  err;

    err = errno;

    switch (SSL_get_error(io->ssl, rc)) {

    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        errno = EAGAIN;
        return -1;

    case SSL_ERROR_ZERO_RETURN:
        return 0;

    case SSL_ERROR_SYSCALL:
        errno = err ? err : ECONNRESET;
        io->failed = 1;
        return -1;

    default:
        io->why = ERR_reason_error_string(ERR_peek_error());
        io->failed = 1;
        errno = EPROTO;
        return -1;
    }
}


/* a last word only where the other side may still listen */

static void
sjl_tls_close(sjl_io_t *io)
{
    ERR_clear_error();

    if (!io->failed && SSL_is_init_finished(io->ssl)) {
        (void) SSL_shutdown(io->ssl);
    }

    SSL_free(io->ssl);
    io->ssl = NULL;

    (void) close(io->fd);
}
