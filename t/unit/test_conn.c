
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Connections over a real socket: frames in any pieces, descriptors both ways.
 */


#include "unit.h"
#include "sjl_channel.h"
#include "sjl_config.h"
#include "sjl_conn.h"
#include "sjl_listen.h"

#include <dirent.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>


static char  *folder;
static int    peer;
static int    never;
static int    fds_at_start;


static int
open_fds(void)
{
    int   n;
    DIR  *dir;

    n = 0;
    dir = opendir("/proc/self/fd");
    assert_non_null(dir);

    while (readdir(dir)) {
        n++;
    }

    (void) closedir(dir);

    return n;
}


static int
setup(void **state)
{
    char    *path;
    json_t  *errors;

    folder = unit_folder();
    path = sjl_format("%s/c.json", folder);
    unit_write(path, "{\"data_dir\": \".\", \"channel\": {\"socket\": \"s\"},"
               " \"driver\": {\"command\": [\"x\"]}}");

    sjl_conf = sjl_config_read(path, &errors);
    assert_non_null(sjl_conf);
    json_decref(errors);
    free(path);

    sjl_log_level = SJL_LOG_ALERT;
    sjl_loop = ev_loop_new(EVFLAG_AUTO);
    sjl_channel_init();

    assert_int_equal(sjl_listen(sjl_conf->channel_socket, 0600), SJL_OK);
    (void) ev_run(sjl_loop, EVRUN_NOWAIT);
    fds_at_start = open_fds();

    return 0;
}


static int
teardown(void **state)
{
    sjl_listen_stop();
    sjl_conn_stop();
    sjl_config_free(sjl_conf);
    ev_loop_destroy(sjl_loop);
    unit_remove(folder);

    return 0;
}


static void
turn(void)
{
    unit_run(&never, 20);
}


static int
connect_peer(void **state)
{
    struct timeval      tv;
    struct sockaddr_un  addr;

    memset(&addr, 0, sizeof(addr));
    addr.sun_family = AF_UNIX;
    (void) strcpy(addr.sun_path, sjl_conf->channel_socket);

    peer = socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0);
    assert_int_equal(connect(peer, (struct sockaddr *) &addr, sizeof(addr)), 0);

    tv.tv_sec = 2;
    tv.tv_usec = 0;
    assert_int_equal(setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)),
                     0);
    turn();

    return 0;
}


static int
close_peer(void **state)
{
    (void) close(peer);
    turn();
    assert_null(sjl_conns);
    assert_int_equal(open_fds(), fds_at_start);

    return 0;
}


static void
send_frame(int type, uint32_t stream, const char *meta, const int *fds,
    size_t nfds)
{
    char             frame[4096];
    size_t           n;
    sjp_header_t     h;
    struct iovec     iov;
    struct msghdr    msg;
    struct cmsghdr  *cmsg;

    union {
        struct cmsghdr  align;
        char            space[CMSG_SPACE(128 * sizeof(int))];
    } control;

    n = strlen(meta);
    h.length = (uint32_t) n;
    h.type = (uint16_t) type;
    h.flags = nfds ? SJP_FLAG_FD : 0;
    h.stream = stream;
    h.meta = (uint32_t) n;

    sjp_header_encode((unsigned char *) frame, &h);
    memcpy(frame + SJP_HEADER_SIZE, meta, n);

    iov.iov_base = frame;
    iov.iov_len = SJP_HEADER_SIZE + n;
    memset(&msg, 0, sizeof(msg));
    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;

    if (nfds) {
        memset(&control, 0, sizeof(control));
        msg.msg_control = control.space;
        msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
        cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(nfds * sizeof(int));
        memcpy(CMSG_DATA(cmsg), fds, nfds * sizeof(int));
    }

    assert_int_equal(sendmsg(peer, &msg, 0), SJP_HEADER_SIZE + n);
}


/* one frame; *fd is what came with its first byte, or -1 */

static void
read_frame(sjp_header_t *h, char *body, size_t size, int *fd)
{
    int              i;
    char             header[SJP_HEADER_SIZE];
    struct pollfd    ready;
    struct iovec     iov;
    struct msghdr    msg;
    struct cmsghdr  *cmsg;

    union {
        struct cmsghdr  align;
        char            space[CMSG_SPACE(sizeof(int))];
    } control;

    /* a sanitizer may need many turns */

    ready.fd = peer;
    ready.events = POLLIN;

    for (i = 0; i < 200; i++) {
        turn();

        if (poll(&ready, 1, 0) == 1) {
            break;
        }
    }

    iov.iov_base = header;
    iov.iov_len = sizeof(header);
    memset(&msg, 0, sizeof(msg));
    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    msg.msg_control = control.space;
    msg.msg_controllen = sizeof(control.space);

    assert_int_equal(recvmsg(peer, &msg, MSG_WAITALL), SJP_HEADER_SIZE);
    assert_null(sjp_header_decode((unsigned char *) header, h));
    assert_true(h->length < size);

    if (h->length) {
        assert_int_equal(recv(peer, body, h->length, MSG_WAITALL), h->length);
    }

    body[h->length] = '\0';

    *fd = -1;
    cmsg = CMSG_FIRSTHDR(&msg);

    if (cmsg) {
        assert_int_equal(cmsg->cmsg_len, CMSG_LEN(sizeof(int)));
        memcpy(fd, CMSG_DATA(cmsg), sizeof(int));
    }
}


static void
hello(void)
{
    int           fd;
    char          body[512];
    sjp_header_t  h;

    send_frame(SJP_HELLO, 1, "{\"protocol\":1}", NULL, 0);
    read_frame(&h, body, sizeof(body), &fd);
    assert_int_equal(h.type, SJP_WELCOME);
    assert_int_equal(fd, -1);
}


static void
test_a_frame_may_come_byte_by_byte(void **state)
{
    int           i, fd;
    char          body[512];
    sjp_header_t  h;

    static const char  ping[] = "\0\0\0\2\0\3\0\0\0\0\0\7\0\0\0\2{}";

    hello();

    for (i = 0; i < 18; i++) {
        assert_int_equal(send(peer, ping + i, 1, 0), 1);
        unit_run(&never, 2);
    }

    read_frame(&h, body, sizeof(body), &fd);
    assert_int_equal(h.type, SJP_PONG);
    assert_int_equal(h.stream, 7);
}


static void
test_many_frames_may_come_at_once(void **state)
{
    int           i, fd;
    char          body[512];
    sjp_header_t  h;

    hello();

    for (i = 1; i <= 100; i++) {
        send_frame(SJP_PING, (uint32_t) i, "", NULL, 0);
    }

    for (i = 1; i <= 100; i++) {
        read_frame(&h, body, sizeof(body), &fd);
        assert_int_equal(h.type, SJP_PONG);
        assert_int_equal(h.stream, i);
    }
}


static void
test_descriptors_go_with_their_own_frames(void **state)
{
    int           i, fd, file;
    char          body[512], text[32], name[8];
    sjp_header_t  h;

    hello();

    /* a frame without one stands between, and they must not slip to it */

    for (i = 0; i < 3; i++) {
        file = memfd_create("t", MFD_CLOEXEC);
        (void) snprintf(text, sizeof(text), "file %d", i);
        assert_int_equal(pwrite(file, text, 6, 0), 6);

        sjl_conn_send(sjl_conns, SJP_RECORD, 5, NULL, "x", 1, -1);
        sjl_conn_send(sjl_conns, SJP_REPLY, (uint32_t) i + 10, NULL, NULL, 0,
                      file);
    }

    for (i = 0; i < 3; i++) {
        read_frame(&h, body, sizeof(body), &fd);
        assert_int_equal(h.type, SJP_RECORD);
        assert_int_equal(fd, -1);

        read_frame(&h, body, sizeof(body), &fd);
        assert_int_equal(h.stream, i + 10);
        assert_int_equal(h.flags, SJP_FLAG_FD);
        assert_int_not_equal(fd, -1);

        (void) snprintf(text, sizeof(text), "file %d", i);
        memset(name, 0, sizeof(name));
        assert_int_equal(pread(fd, name, 6, 0), 6);
        assert_string_equal(name, text);
        (void) close(fd);
    }
}


static void
test_a_long_payload_goes_as_a_file(void **state)
{
    int           fd;
    char          body[512], *text;
    sjp_header_t  h;

    hello();

    text = sjl_alloc(SJP_PAYLOAD_MAX + 1);
    memset(text, 'x', SJP_PAYLOAD_MAX + 1);
    sjl_conn_send(sjl_conns, SJP_REPLY, 3, NULL, text, SJP_PAYLOAD_MAX + 1, -1);

    read_frame(&h, body, sizeof(body), &fd);
    assert_int_equal(h.flags, SJP_FLAG_FD);
    assert_int_equal(lseek(fd, 0, SEEK_END), SJP_PAYLOAD_MAX + 1);

    (void) close(fd);
    free(text);
}


/* it logs two alerts, since nothing should ever get that long */

static void
test_an_answer_that_does_not_fit_is_an_answer(void **state)
{
    int            fd;
    char           body[512], *text;
    json_t        *meta;
    sjp_header_t   h;

    hello();

    text = sjl_alloc(SJP_META_MAX + 1);
    memset(text, 'x', SJP_META_MAX);
    meta = json_pack("{s:s}", "name", text);

    sjl_conn_send(sjl_conns, SJP_REPLY, 3, meta, NULL, 0, -1);
    sjl_conn_broadcast(SJP_EVENT, NULL, text, SJP_PAYLOAD_MAX + 1);
    sjl_conn_send(sjl_conns, SJP_PONG, 4, NULL, NULL, 0, -1);

    read_frame(&h, body, sizeof(body), &fd);
    assert_int_equal(h.type, SJP_REPLY);
    assert_int_equal(h.stream, 3);
    assert_string_equal(body, "{\"error\":\"internal\","
                        "\"name\":\"the answer is too long\"}");

    read_frame(&h, body, sizeof(body), &fd);
    assert_int_equal(h.type, SJP_PONG);

    json_decref(meta);
    free(text);
}


/* it is longer than a socket takes: what is sent meanwhile waits, but a ping */

static void
test_a_file_goes_in_pieces_and_a_ping_between(void **state)
{
    int            fd, file, pinged;
    char          *body;
    size_t         size, sum;
    json_t        *meta;
    sjp_header_t   h;

    hello();

    size = 3000001;
    body = sjl_alloc(SJP_PAYLOAD_MAX + 512);
    file = memfd_create("t", MFD_CLOEXEC);
    assert_int_equal(ftruncate(file, (off_t) size), 0);
    assert_int_equal(pwrite(file, "end", 3, (off_t) size - 3), 3);

    meta = json_pack("{s:s}", "id", "i");
    sjl_conn_send_file(sjl_conns, SJP_LINK_RUN, meta, file, (off_t) size);
    sjl_conn_send(sjl_conns, SJP_LINK_KILL, 0, meta, NULL, 0, -1);
    turn();
    assert_true(sjl_conns->queued < 2 * SJP_PAYLOAD_MAX);
    sjl_conn_send(sjl_conns, SJP_PING, 0, NULL, NULL, 0, -1);

    pinged = 0;
    sum = 0;

    for ( ;; ) {
        read_frame(&h, body, SJP_PAYLOAD_MAX + 512, &fd);

        if (h.type == SJP_LINK_RUN) {
            break;
        }

        if (h.type == SJP_PING) {
            pinged = 1;
            continue;
        }

        assert_int_equal(h.type, SJP_LINK_PIECE);
        sum += h.length;

        if (sum == size) {
            assert_string_equal(body + h.length - 3, "end");
        }
    }

    assert_true(pinged);
    assert_int_equal(sum, size);

    read_frame(&h, body, SJP_PAYLOAD_MAX + 512, &fd);
    assert_int_equal(h.type, SJP_LINK_KILL);

    json_decref(meta);
    free(body);
}


/* its message cannot be sent: what comes behind the file is sent all the same */

static void
test_a_file_may_be_the_last(void **state)
{
    int            fd, file;
    char           body[512], *text;
    json_t        *meta;
    sjp_header_t   h;

    hello();

    file = memfd_create("t", MFD_CLOEXEC);
    assert_int_equal(pwrite(file, "file", 4, 0), 4);

    text = sjl_alloc(SJP_META_MAX + 1);
    memset(text, 'x', SJP_META_MAX);
    meta = json_pack("{s:s}", "id", text);

    sjl_conn_send_file(sjl_conns, SJP_LINK_RUN, meta, file, 4);
    sjl_conn_send(sjl_conns, SJP_PING, 0, NULL, NULL, 0, -1);
    turn();
    sjl_conn_send(sjl_conns, SJP_LINK_STOP, 0, NULL, NULL, 0, -1);

    read_frame(&h, body, sizeof(body), &fd);
    assert_int_equal(h.type, SJP_PING);
    read_frame(&h, body, sizeof(body), &fd);
    assert_int_equal(h.type, SJP_LINK_PIECE);
    read_frame(&h, body, sizeof(body), &fd);
    assert_int_equal(h.type, SJP_LINK_STOP);

    json_decref(meta);
    free(text);
}


static void
closed(void)
{
    char  c;

    turn();
    assert_int_equal(recv(peer, &c, 1, 0), 0);
}


static void
test_a_missing_descriptor_ends_the_connection(void **state)
{
    static const char  put[] = "\0\0\0\0\0\20\0\1\0\0\0\1\0\0\0\0";

    hello();
    assert_int_equal(send(peer, put, SJP_HEADER_SIZE, 0), SJP_HEADER_SIZE);
    closed();
}


static void
test_descriptors_without_frames_are_not_kept(void **state)
{
    int     fds[SJL_IO_FDS + 1];
    size_t  i;

    hello();

    for (i = 0; i < sjl_nelts(fds); i++) {
        fds[i] = peer;
    }

    send_frame(SJP_PING, 1, "", fds, sjl_nelts(fds));
    turn();
    assert_null(sjl_conns);
}


static void
test_nothing_comes_before_hello(void **state)
{
    send_frame(SJP_PING, 1, "", NULL, 0);
    closed();
}


static void
test_hello_is_said_once(void **state)
{
    hello();
    send_frame(SJP_HELLO, 2, "{\"protocol\":1}", NULL, 0);
    closed();
}


static void
test_what_the_other_side_sends_is_refused(void **state)
{
    hello();
    send_frame(SJP_WELCOME, 1, "{}", NULL, 0);
    closed();
}


static void
refused(int type, const char *meta, const char *name)
{
    int           fd;
    char          body[512], *text;
    sjp_header_t  h;

    send_frame(type, 1, meta, NULL, 0);
    read_frame(&h, body, sizeof(body), &fd);
    assert_int_equal(h.type, SJP_REPLY);

    text = sjl_format("{\"error\":\"bad-request\",\"name\":\"%s\"}", name);
    assert_string_equal(body, text);
    free(text);
}


/* who asks for them could not find them: the module's zone has no room */

static void
test_names_that_no_record_holds_are_refused(void **state)
{
    char  name[SJP_CLASS_MAX + 2], *meta;

    hello();

    memset(name, 'n', SJP_CLASS_MAX + 1);
    name[SJP_CLASS_MAX + 1] = '\0';

    meta = sjl_format("{\"id\":\"01234567-89ab-cdef-0123-456789abcdef\","
                      "\"cp\":[],\"class\":\"%s\"}", name);
    refused(SJP_JOB_SUBMIT, meta, "class");
    free(meta);

    name[SJP_NAME_MAX + 1] = '\0';

    meta = sjl_format("{\"id\":\"01234567-89ab-cdef-0123-456789abcdef\","
                      "\"name\":\"%s\"}", name);
    refused(SJP_CONTEXT_CREATE, meta, "name");
    free(meta);

    meta = sjl_format("{\"type\":\"Jar\",\"name\":\"%s\"}", name);
    refused(SJP_BINARY_PUT, meta, "name");
    free(meta);
}


static void
test_a_peer_that_does_not_read_is_closed(void **state)
{
    int    i;
    char  *text;

    hello();
    text = sjl_alloc(SJP_PAYLOAD_MAX);

    for (i = 0; i < 2000 && sjl_conns; i++) {
        sjl_conn_send(sjl_conns, SJP_RECORD, 1, NULL, text, SJP_PAYLOAD_MAX,
                      -1);

        if (i % 100 == 0) {
            (void) ev_run(sjl_loop, EVRUN_NOWAIT);
        }
    }

    assert_null(sjl_conns);
    assert_true(i > 900);
    free(text);
}


#define TEST(test)                                                            \
    cmocka_unit_test_setup_teardown(test, connect_peer, close_peer)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        TEST(test_a_frame_may_come_byte_by_byte),
        TEST(test_many_frames_may_come_at_once),
        TEST(test_descriptors_go_with_their_own_frames),
        TEST(test_a_long_payload_goes_as_a_file),
        TEST(test_a_file_goes_in_pieces_and_a_ping_between),
        TEST(test_a_file_may_be_the_last),
        TEST(test_an_answer_that_does_not_fit_is_an_answer),
        TEST(test_a_missing_descriptor_ends_the_connection),
        TEST(test_descriptors_without_frames_are_not_kept),
        TEST(test_nothing_comes_before_hello),
        TEST(test_hello_is_said_once),
        TEST(test_what_the_other_side_sends_is_refused),
        TEST(test_names_that_no_record_holds_are_refused),
        TEST(test_a_peer_that_does_not_read_is_closed)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
