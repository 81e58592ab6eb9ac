
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>


/* nobody looks at it, and a context may live for long */
#define SJL_CERTIFICATE_DAYS  36500


static EVP_PKEY *sjl_certificate_pkey(const char *certificate,
    const char *key);
static int sjl_certificate_no_passphrase(char *buf, int size, int rwflag,
    void *asked);
static X509 *sjl_certificate_make(EVP_PKEY *pkey);
static int sjl_certificate_write(const char *path, EVP_PKEY *pkey, X509 *x509);


int
sjl_certificate_ensure(const char *certificate, const char *key)
{
    int        rc;
    X509      *x509;
    EVP_PKEY  *pkey;

    if (access(certificate, F_OK) == 0 && access(key, F_OK) == 0) {
        return SJL_OK;
    }

    pkey = sjl_certificate_pkey(certificate, key);

    if (pkey == NULL) {
        return SJL_ERROR;
    }

    x509 = sjl_certificate_make(pkey);

    if (x509) {
        rc = sjl_certificate_write(certificate, NULL, x509);

    } else {
        sjl_log(SJL_LOG_CRIT, "a certificate cannot be made: %s",
                ERR_reason_error_string(ERR_peek_last_error()));
        ERR_clear_error();
        rc = SJL_ERROR;
    }

    if (rc == SJL_OK) {
        sjl_log(SJL_LOG_NOTICE, "certificate \"%s\" was made for the drivers' "
                "link", certificate);
    }

    X509_free(x509);
    EVP_PKEY_free(pkey);

    return rc;
}


/*
 * Drivers that run know the key: as long as there is one it is kept.  The
 * certificate of a lost one goes before another key comes, so that no crash
 * leaves two that do not fit.
 */

static EVP_PKEY *
sjl_certificate_pkey(const char *certificate, const char *key)
{
    char      *why;
    EVP_PKEY  *pkey;

    if (access(key, F_OK) == 0 || errno != ENOENT) {
        pkey = sjl_certificate_key(key, geteuid(), &why);

        if (pkey == NULL) {
            sjl_log(SJL_LOG_CRIT, "a certificate cannot be made for the key "
                    "%s", why);
            free(why);
        }

        return pkey;
    }

    if (unlink(certificate) == 0) {
        sjl_log(SJL_LOG_ERR, "key \"%s\" is lost and another one is made: "
                "drivers that run and know it cannot come back by TLS", key);
    }

    pkey = EVP_EC_gen("P-256");

    if (pkey == NULL) {
        sjl_log(SJL_LOG_CRIT, "a key cannot be made: %s",
                ERR_reason_error_string(ERR_peek_last_error()));
        ERR_clear_error();

    } else if (sjl_certificate_write(key, pkey, NULL) == SJL_ERROR) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }

    return pkey;
}


EVP_PKEY *
sjl_certificate_key(const char *path, uid_t user, char **why)
{
    int           fd, asked;
    FILE         *f;
    EVP_PKEY     *pkey;
    struct stat   sb;

    fd = sjl_certificate_open(path, &sb, why);

    if (fd == -1) {
        return NULL;
    }

    f = NULL;
    pkey = NULL;
    asked = 0;

    if (sb.st_mode & (S_IRWXG|S_IRWXO)) {
        *why = sjl_format("\"%s\", which is not its owner's alone (mode %03o)",
                          path, (unsigned) sb.st_mode & 0777);

    } else if (sb.st_uid != 0 && sb.st_uid != user) {
        *why = sjl_format("\"%s\", which belongs to user %d, neither root nor "
                          "the launcher's", path, (int) sb.st_uid);

    } else {
        f = fdopen(fd, "r");
        pkey = f ? PEM_read_PrivateKey(f, NULL, sjl_certificate_no_passphrase,
                                       &asked)
                 : NULL;
    }

    if (pkey == NULL && *why == NULL) {
        *why = asked ? sjl_format("\"%s\", which has a passphrase", path)
               : sjl_format("\"%s\": %s", path, f
                            ? ERR_reason_error_string(ERR_peek_last_error())
                            : strerror(errno));
    }

    ERR_clear_error();

    if (f) {
        (void) fclose(f);

    } else {
        (void) close(fd);
    }

    return pkey;
}


/* what is no file may have us wait for ever */

int
sjl_certificate_open(const char *path, struct stat *sb, char **why)
{
    int  fd;

    *why = NULL;
    fd = open(path, O_RDONLY|O_CLOEXEC|O_NONBLOCK|O_NOCTTY);

    if (fd == -1 || fstat(fd, sb) == -1) {
        *why = sjl_format("\"%s\": %s", path, strerror(errno));

    } else if (!S_ISREG(sb->st_mode)) {
        *why = sjl_format("\"%s\", which is no regular file", path);
    }

    if (*why && fd != -1) {
        (void) close(fd);
        fd = -1;
    }

    return fd;
}


/* nobody is there to be asked, and the terminal is no place to wait at */

static int
sjl_certificate_no_passphrase(char *buf, int size, int rwflag, void *asked)
{
    (void) buf;
    (void) size;
    (void) rwflag;

    *(int *) asked = 1;

    return -1;
}


static X509 *
sjl_certificate_make(EVP_PKEY *pkey)
{
    X509           *x509;
    X509_NAME      *name;
    uint64_t        serial;

    static const unsigned char  who[] = "sparkjob-launcher";

    x509 = X509_new();

    if (x509 == NULL) {
        return NULL;
    }

    name = X509_get_subject_name(x509);

    if (RAND_bytes((unsigned char *) &serial, sizeof(serial)) == 1
        && X509_set_version(x509, X509_VERSION_3)
        && ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), serial >> 1)
        && X509_gmtime_adj(X509_getm_notBefore(x509), -86400)
        && X509_time_adj_ex(X509_getm_notAfter(x509), SJL_CERTIFICATE_DAYS, 0,
                            NULL)
        && X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, who, -1, -1, 0)
        && X509_set_issuer_name(x509, name)
        && X509_set_pubkey(x509, pkey)
        && X509_sign(x509, pkey, EVP_sha256()))
    {
        return x509;
    }

    X509_free(x509);

    return NULL;
}


/* a key is nobody else's from its first byte on, and never half a file */

static int
sjl_certificate_write(const char *path, EVP_PKEY *pkey, X509 *x509)
{
    int    fd, ok;
    char  *tmp;
    FILE  *f;

    tmp = sjl_format("%s.new", path);
    (void) unlink(tmp);

    fd = open(tmp, O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC|O_NOFOLLOW, 0600);
    f = fd == -1 ? NULL : fdopen(fd, "w");

    ok = f && (pkey ? PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL)
                    : PEM_write_X509(f, x509));

    ok = ok && fflush(f) == 0 && fsync(fd) == 0 && rename(tmp, path) == 0;

    if (!ok) {
        sjl_log(SJL_LOG_CRIT, "writing \"%s\" failed: %s", path,
                strerror(errno));
        (void) unlink(tmp);
    }

    if (f) {
        (void) fclose(f);

    } else if (fd != -1) {
        (void) close(fd);
    }

    free(tmp);

    return ok ? SJL_OK : SJL_ERROR;
}
