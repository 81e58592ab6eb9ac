
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The ways that bytes go in and out: each of them under the same cases, TLS
 * with a client in this process; then addresses.
 */


#include "unit.h"
#include "sjl_certificate.h"
#include "sjl_config.h"
#include "sjl_endpoint.h"
#include "sjl_tls.h"

#include <sys/stat.h>


static char         *folder;
static sjl_config_t  conf;
static SSL_CTX      *client_ctx;


/* one end is ours, the other one a client's: a descriptor, or TLS over it */

typedef struct {
    sjl_io_t   io;
    int        fd;
    SSL       *ssl;
} pair_t;


static int
setup(void **state)
{
    folder = unit_folder();
    conf.data_dir = folder;
    sjl_conf = &conf;
    sjl_log_level = SJL_LOG_ALERT;

    assert_int_equal(sjl_tls_init(), SJL_OK);

    client_ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(client_ctx);

    return 0;
}


static int
teardown(void **state)
{
    SSL_CTX_free(client_ctx);
    sjl_tls_free();
    unit_remove(folder);

    return 0;
}


static void
open_pair(pair_t *p, int tls)
{
    int  fds[2];

    memset(p, 0, sizeof(pair_t));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM|SOCK_NONBLOCK, 0, fds), 0);

    p->fd = fds[1];
    p->io.fd = fds[0];
    p->io.type = &sjl_io_tcp;

    if (tls) {
        assert_int_equal(sjl_tls_start(&p->io), SJL_OK);

        p->ssl = SSL_new(client_ctx);
        assert_int_equal(SSL_set_fd(p->ssl, p->fd), 1);
        SSL_set_connect_state(p->ssl);
    }
}


static void
close_pair(pair_t *p)
{
    sjl_io_close(&p->io);
    SSL_free(p->ssl);
    (void) close(p->fd);
}


static ssize_t
client_write(pair_t *p, const void *data, size_t n)
{
    return p->ssl ? SSL_write(p->ssl, data, (int) n) : write(p->fd, data, n);
}


static ssize_t
client_read(pair_t *p, void *data, size_t n)
{
    return p->ssl ? SSL_read(p->ssl, data, (int) n) : read(p->fd, data, n);
}


static void
handshake(pair_t *p)
{
    int   i;
    char  c;

    for (i = 0; p->ssl && i < 10; i++) {
        (void) SSL_do_handshake(p->ssl);
        assert_int_equal(p->io.type->read(&p->io, &c, 1), -1);
        assert_int_equal(errno, EAGAIN);
    }

    assert_true(p->ssl == NULL || SSL_is_init_finished(p->ssl));
}


/* whatever sizes reading and writing have, and however full the socket is */

static void
bytes_come_in_order(int tls)
{
    char           out[50000], in[7000], back[3000];
    pair_t         p;
    size_t         i, sent, got, returned, answered;
    ssize_t        n;
    struct iovec   iov[3];

    for (i = 0; i < sizeof(out); i++) {
        out[i] = (char) (i * 7 % 251);
    }

    open_pair(&p, tls);
    handshake(&p);

    sent = got = returned = answered = 0;

    while (got < 40 * sizeof(out) || answered < 40 * sizeof(out)) {

        if (sent < 40 * sizeof(out)) {
            i = sent % sizeof(out);
            n = client_write(&p, out + i, sizeof(out) - i);
            sent += n > 0 ? (size_t) n : 0;
        }

        n = p.io.type->read(&p.io, in, sizeof(in));
        assert_true(n > 0 || (n == -1 && errno == EAGAIN));

        for (i = 0; n > 0 && i < (size_t) n; i++, got++) {
            assert_int_equal(in[i], out[got % sizeof(out)]);
        }

        /* three vectors, whose beginning is told again after EAGAIN */

        if (returned < 40 * sizeof(out)) {
            i = returned % sizeof(out);
            iov[0].iov_base = out + i;
            iov[0].iov_len = (sizeof(out) - i) / 3;
            iov[1].iov_base = out + i + iov[0].iov_len;
            iov[1].iov_len = iov[0].iov_len;
            iov[2].iov_base = out + i + 2 * iov[0].iov_len;
            iov[2].iov_len = sizeof(out) - i - 2 * iov[0].iov_len;

            n = p.io.type->write(&p.io, iov, 3, -1);
            assert_true(n > 0 || (n == -1 && errno == EAGAIN));
            returned += n > 0 ? (size_t) n : 0;
        }

        n = client_read(&p, back, sizeof(back));

        for (i = 0; n > 0 && i < (size_t) n; i++, answered++) {
            assert_int_equal(back[i], out[answered % sizeof(out)]);
        }
    }

    assert_int_equal(sjl_io_pending(&p.io), 0);
    close_pair(&p);
}


static void
test_bytes_come_in_order(void **state)
{
    bytes_come_in_order(0);
    bytes_come_in_order(1);
}


/* a record is taken from the socket as a whole, which is empty then */

static void
test_what_tls_has_taken_is_told(void **state)
{
    char    c[100];
    pair_t  p;

    open_pair(&p, 1);
    handshake(&p);

    assert_int_equal(SSL_write(p.ssl, "0123456789", 10), 10);
    assert_int_equal(p.io.type->read(&p.io, c, 4), 4);
    assert_int_equal(sjl_io_pending(&p.io), 1);
    assert_int_equal(p.io.type->read(&p.io, c, sizeof(c)), 6);
    assert_memory_equal(c, "456789", 6);
    assert_int_equal(sjl_io_pending(&p.io), 0);

    close_pair(&p);
}


static void
ends(int tls, int orderly)
{
    char    c;
    pair_t  p;

    open_pair(&p, tls);
    handshake(&p);

    if (tls && orderly) {
        (void) SSL_shutdown(p.ssl);
    }

    assert_int_equal(shutdown(p.fd, SHUT_WR), 0);
    assert_int_equal(p.io.type->read(&p.io, &c, 1), 0);

    close_pair(&p);
}


static void
test_an_end_is_an_end(void **state)
{
    ends(0, 0);
    ends(1, 0);
    ends(1, 1);
}


static void
test_what_is_no_tls_is_the_peers_fault(void **state)
{
    char    c;
    pair_t  p;

    open_pair(&p, 1);
    assert_int_equal(write(p.fd, "GET / HTTP/1.0\r\n\r\n", 18), 18);

    assert_int_equal(p.io.type->read(&p.io, &c, 1), -1);
    assert_int_equal(errno, EPROTO);
    assert_non_null(p.io.why);

    close_pair(&p);
}


static void
test_the_client_sees_the_key_that_drivers_are_told(void **state)
{
    int             n;
    char            hash[SJL_HASH_LEN + 1];
    X509           *x509;
    pair_t          p;
    unsigned char  *der;

    open_pair(&p, 1);
    handshake(&p);

    assert_string_equal(SSL_get_version(p.ssl), "TLSv1.3");

    der = NULL;
    x509 = SSL_get1_peer_certificate(p.ssl);
    n = i2d_PUBKEY(X509_get0_pubkey(x509), &der);
    assert_true(n > 0);

    sjl_hash(hash, der, (size_t) n);
    assert_string_equal(hash, sjl_tls_pin());

    OPENSSL_free(der);
    X509_free(x509);
    close_pair(&p);
}


static void
test_a_certificate_is_made_once(void **state)
{
    char         *crt, *key, *why;
    ino_t         ino;
    struct stat   sb;

    crt = sjl_format("%s/link.crt", folder);
    key = sjl_format("%s/link.key", folder);

    assert_int_equal(stat(key, &sb), 0);
    assert_int_equal(sb.st_mode & 0777, 0600);
    ino = sb.st_ino;

    assert_int_equal(sjl_certificate_ensure(crt, key), SJL_OK);
    assert_int_equal(stat(key, &sb), 0);
    assert_true(sb.st_ino == ino);
    assert_null(sjl_tls_wrong(crt, key, geteuid()));

    /* drivers know the key, whatever becomes of the certificate */

    assert_int_equal(unlink(crt), 0);
    why = sjl_tls_wrong(crt, key, geteuid());
    assert_non_null(why);
    free(why);

    assert_int_equal(sjl_certificate_ensure(crt, key), SJL_OK);
    assert_null(sjl_tls_wrong(crt, key, geteuid()));
    assert_int_equal(stat(key, &sb), 0);
    assert_true(sb.st_ino == ino);

    /* a lost key is another one */

    assert_int_equal(unlink(key), 0);
    assert_int_equal(sjl_certificate_ensure(crt, key), SJL_OK);
    assert_null(sjl_tls_wrong(crt, key, geteuid()));

    free(crt);
    free(key);
}


static void
test_addresses(void **state)
{
    char            *text;
    size_t           i;
    sjl_endpoint_t   e;

    static const struct {
        const char  *text;
        int          loopback;
        int          wildcard;
    } good[] = {
        { "127.0.0.1:1", 1, 0 },
        { "127.255.0.9:65535", 1, 0 },
        { "[::1]:8079", 1, 0 },
        { "0.0.0.0:8079", 0, 1 },
        { "[::]:8079", 0, 1 },
        { "128.0.0.1:8079", 0, 0 },
        { "[::ffff:127.0.0.1]:8079", 0, 0 },
        { "[fe80::1]:8079", 0, 0 }
    };

    static const char *const  bad[] = {
        "", ":", ":1", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0",
        "127.0.0.1:65536", "127.0.0.1:+1", "127.0.0.1: 1", "127.0.0.1:1 ",
        "127.0.0.1:999999",
        "::1:8079", "[::1]", "[127.0.0.1]:1", "[]:1", "[::1:1", "localhost:1",
        "127.1:1", "1.2.3.4.5:1"
    };

    for (i = 0; i < sjl_nelts(good); i++) {
        assert_int_equal(sjl_endpoint_parse(good[i].text, &e), SJL_OK);
        assert_int_equal(sjl_endpoint_loopback(&e), good[i].loopback);
        assert_int_equal(sjl_endpoint_wildcard(&e), good[i].wildcard);
        assert_true(sjl_endpoint_ok(good[i].text));

        text = sjl_endpoint_text(&e);
        assert_string_equal(text, good[i].text);
        free(text);
    }

    for (i = 0; i < sjl_nelts(bad); i++) {
        assert_int_equal(sjl_endpoint_parse(bad[i], &e), SJL_ERROR);
    }

    assert_true(sjl_endpoint_ok("launcher-1.example.org:8079"));
    assert_false(sjl_endpoint_ok("a b:1"));
    assert_false(sjl_endpoint_ok("a/b:1"));
    assert_false(sjl_endpoint_ok("a"));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_bytes_come_in_order),
        cmocka_unit_test(test_what_tls_has_taken_is_told),
        cmocka_unit_test(test_an_end_is_an_end),
        cmocka_unit_test(test_what_is_no_tls_is_the_peers_fault),
        cmocka_unit_test(test_the_client_sees_the_key_that_drivers_are_told),
        cmocka_unit_test(test_a_certificate_is_made_once),
        cmocka_unit_test(test_addresses)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
