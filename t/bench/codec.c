
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * codec FOLDER COUNT: so many frames through a connection of the launcher,
 * both ways, for t/bench/counts.py, which counts instructions.  Nothing here
 * depends on time or on what else runs.
 */


#include "sjl.h"
#include "sjl_channel.h"
#include "sjl_config.h"
#include "sjl_conn.h"
#include "sjl_listen.h"

#include <sys/socket.h>
#include <sys/un.h>


/* as long as those of a job that is submitted, and that has ended */

#define CODEC_ASKED                                                           \
    "{\"id\":\"01234567-89ab-4cde-8f01-23456789abcd\",\"cp\":[\"examples\"]," \
    "\"class\":\"spark.jobserver.WordCountExample\",\"context\":\"demo\","    \
    "\"sync\":true,\"user\":\"somebody\"}"

#define CODEC_TOLD  "{\"a\":2,\"b\":2,\"c\":1,\"see\":1}"


static void codec_start(const char *folder);
static void codec_connect(void);
static void codec_ask(sjp_type_e type, const char *meta);
static void codec_turn(void);
static void codec_check(int good, const char *what);


static int     codec_peer;
static size_t  codec_read;


int
main(int argc, char **argv)
{
    long      i;
    size_t    before;
    json_t   *record;

    codec_check(argc == 3, "usage: codec FOLDER COUNT");

    codec_start(argv[1]);
    codec_connect();

    record = json_pack("{s:s, s:s, s:s, s:i, s:s, s:b}",
                       "id", "01234567-89ab-4cde-8f01-23456789abcd",
                       "state", "FINISHED",
                       "class", "spark.jobserver.WordCountExample",
                       "size", (int) sizeof(CODEC_TOLD) - 1,
                       "context", "demo", "sync", 1);
    codec_check(record != NULL, "json_pack()");

    for (i = 0; i < atol(argv[2]); i++) {
        before = codec_read;

        codec_ask(SJP_PING, CODEC_ASKED);
        sjl_conn_broadcast(SJP_EVENT, record, CODEC_TOLD,
                           sizeof(CODEC_TOLD) - 1);
        codec_turn();

        codec_check(codec_read > before + 2 * SJP_HEADER_SIZE, "frames");
    }

    json_decref(record);
    sjl_listen_stop();
    sjl_conn_stop();

    return 0;
}


static void
codec_start(const char *folder)
{
    FILE    *f;
    json_t  *errors;

    codec_check(chdir(folder) == 0, folder);

    f = fopen("launcher.json", "w");
    codec_check(f != NULL, "launcher.json");
    codec_check(fputs("{\"data_dir\": \".\", \"channel\": {\"socket\": \"s\"},"
                      " \"driver\": {\"command\": [\"x\"]}}", f) >= 0
                && fclose(f) == 0, "launcher.json");

    sjl_conf = sjl_config_read("launcher.json", &errors);
    codec_check(sjl_conf != NULL, "configuration");
    json_decref(errors);

    sjl_log_level = SJL_LOG_ALERT;
    sjl_loop = ev_loop_new(EVFLAG_AUTO);
    sjl_channel_init();
}


static void
codec_connect(void)
{
    struct sockaddr_un  addr;

    memset(&addr, 0, sizeof(addr));
    addr.sun_family = AF_UNIX;
    (void) strcpy(addr.sun_path, "s");

    codec_peer = socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK, 0);

    codec_check(sjl_listen(sjl_conf->channel_socket, 0600) == SJL_OK,
                "sjl_listen()");
    codec_check(connect(codec_peer, (struct sockaddr *) &addr, sizeof(addr))
                == 0, "connect()");
    codec_turn();

    codec_ask(SJP_HELLO, "{\"protocol\":1,\"pid\":1,\"worker\":0}");
    codec_turn();
    codec_check(codec_read > SJP_HEADER_SIZE, "welcome");
}


static void
codec_ask(sjp_type_e type, const char *meta)
{
    char          frame[1024];
    size_t        size;
    sjp_header_t  h;

    h.meta = (uint32_t) strlen(meta);
    h.length = h.meta;
    h.type = (uint16_t) type;
    h.flags = 0;
    h.stream = 1;

    size = SJP_HEADER_SIZE + h.meta;
    codec_check(size <= sizeof(frame), "room");

    sjp_header_encode((unsigned char *) frame, &h);
    memcpy(frame + SJP_HEADER_SIZE, meta, h.meta);

    codec_check(send(codec_peer, frame, size, 0) == (ssize_t) size, "send()");
}


/* reading, and then writing, which happens as the next turn begins */

static void
codec_turn(void)
{
    int      i;
    char     buf[65536];
    ssize_t  n;

    for (i = 0; i < 2; i++) {
        (void) ev_run(sjl_loop, EVRUN_NOWAIT);
    }

    while ((n = recv(codec_peer, buf, sizeof(buf), 0)) > 0) {
        codec_read += (size_t) n;
    }
}


static void
codec_check(int good, const char *what)
{
    if (!good) {
        perror(what);
        exit(1);
    }
}
