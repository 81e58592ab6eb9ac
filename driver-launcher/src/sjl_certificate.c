
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_certificate.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>


/* nobody looks at it, and a context may live for long */
#define SJL_CERTIFICATE_DAYS  36500


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

    pkey = EVP_EC_gen("P-256");
    x509 = pkey ? sjl_certificate_make(pkey) : NULL;

    if (x509 == NULL) {
        sjl_log(SJL_LOG_CRIT, "a certificate cannot be made: %s",
                ERR_reason_error_string(ERR_peek_last_error()));
        ERR_clear_error();
        EVP_PKEY_free(pkey);
        return SJL_ERROR;
    }

    /* the certificate last: with it both are there */

    rc = sjl_certificate_write(key, pkey, NULL);

    if (rc == SJL_OK) {
        rc = sjl_certificate_write(certificate, NULL, x509);
    }

    if (rc == SJL_OK) {
        sjl_log(SJL_LOG_NOTICE, "certificate \"%s\" was made for the drivers' "
                "link", certificate);
    }

    X509_free(x509);
    EVP_PKEY_free(pkey);

    return rc;
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
