
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Where the UI of a driver is: sockets that listen, and whose they are.
 */


#include "unit.h"
#include "sjl_ui.h"

#include <arpa/inet.h>
#include <sys/wait.h>


/* a socket that is bound to that address, at any port */

static int
test_bound(const char *address, unsigned *port)
{
    int                   fd, v6;
    socklen_t             len;
    struct sockaddr_in6   in6;
    struct sockaddr_in   *in;

    v6 = strchr(address, ':') != NULL;
    in = (struct sockaddr_in *) (void *) &in6;

    memset(&in6, 0, sizeof(in6));
    in6.sin6_family = v6 ? AF_INET6 : AF_INET;
    len = v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

    assert_int_equal(inet_pton(in6.sin6_family, address,
                               v6 ? (void *) &in6.sin6_addr
                                  : (void *) &in->sin_addr), 1);

    fd = socket(in6.sin6_family, SOCK_STREAM|SOCK_CLOEXEC, 0);
    assert_true(fd != -1);

    if (bind(fd, (struct sockaddr *) &in6, len) == -1) {
        close(fd);
        return -1;
    }

    assert_int_equal(getsockname(fd, (struct sockaddr *) &in6, &len), 0);
    *port = ntohs(in6.sin6_port);

    return fd;
}


static void
test_listener(void **state)
{
    int       fd;
    char     *host;
    size_t    i;
    unsigned  port;

    static const struct {
        const char  *address;
        const char  *host;
    } tests[] = {
        { "127.0.0.1", "127.0.0.1" },
        { "127.0.0.2", "127.0.0.2" },
        { "0.0.0.0", "127.0.0.1" },
        { "::1", "[::1]" },
        { "::", "127.0.0.1" },
        { "::ffff:127.0.0.3", "127.0.0.3" },
        { "::ffff:0.0.0.0", "127.0.0.1" }
    };

    for (i = 0; i < sjl_nelts(tests); i++) {
        fd = test_bound(tests[i].address, &port);

        /* there are machines without IPv6 */

        if (fd == -1) {
            assert_non_null(strchr(tests[i].address, ':'));
            continue;
        }

        assert_null(sjl_ui_listener(getpid(), port));

        assert_int_equal(listen(fd, 1), 0);

        host = sjl_ui_listener(getpid(), port);
        assert_non_null(host);
        assert_string_equal(host, tests[i].host);
        free(host);

        close(fd);
        assert_null(sjl_ui_listener(getpid(), port));
    }
}


static void
test_of_another(void **state)
{
    int       fd, ends[2];
    char     *host, c;
    pid_t     pid;
    unsigned  port;

    assert_int_equal(pipe(ends), 0);

    /* a process that is there before the socket, and has not got it */

    pid = fork();

    if (pid == 0) {
        close(ends[1]);
        _exit(read(ends[0], &c, 1) == 0 ? 0 : 1);
    }

    close(ends[0]);

    fd = test_bound("127.0.0.1", &port);
    assert_int_equal(listen(fd, 1), 0);

    host = sjl_ui_listener(getpid(), port);
    assert_non_null(host);
    free(host);

    assert_null(sjl_ui_listener(pid, port));
    assert_null(sjl_ui_listener(getpid(), port + 1));

    close(ends[1]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);

    assert_null(sjl_ui_listener(pid, port));

    close(fd);
}


static void
test_peer(void **state)
{
    int                 fd, client, server, pair[2];
    char               *host;
    unsigned            port;
    socklen_t           len;
    struct sockaddr_in  in;

    fd = test_bound("127.0.0.1", &port);
    assert_int_equal(listen(fd, 1), 0);

    len = sizeof(in);
    assert_int_equal(getsockname(fd, (struct sockaddr *) &in, &len), 0);

    client = test_bound("127.0.0.5", &port);
    assert_int_equal(connect(client, (struct sockaddr *) &in, sizeof(in)), 0);
    server = accept(fd, NULL, NULL);
    assert_true(server != -1);

    host = sjl_ui_peer(server);
    assert_non_null(host);
    assert_string_equal(host, "127.0.0.5");
    free(host);

    close(server);
    close(client);
    close(fd);

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_null(sjl_ui_peer(pair[0]));
    close(pair[0]);
    close(pair[1]);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_listener),
        cmocka_unit_test(test_of_another),
        cmocka_unit_test(test_peer)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
