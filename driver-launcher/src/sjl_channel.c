
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_channel.h"
#include "sjl_config.h"
#include "sjl_driver.h"
#include "sjl_limit.h"
#include "sjl_request.h"
#include "sjl_state.h"


static int64_t  sjl_channel_epoch;
static int64_t  sjl_channel_seq;


void
sjl_channel_init(void)
{
    /* the clock may have been set back, but hardly to the same microsecond */

    struct timespec  ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    sjl_channel_epoch = (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
    sjl_channel_seq = 0;
}


void
sjl_channel_hello(sjl_conn_t *c, sjl_frame_t *f)
{
    int             protocol, pid, worker;
    json_t         *meta;
    sjl_request_t  *r;

    if (c->greeted) {
        sjl_log(SJL_LOG_ERR, "connection %u says hello a second time",
                c->number);
        sjl_conn_close(c);
        return;
    }

    r = sjl_request_make(c, f);
    pid = 0;
    worker = 0;

    if (sjl_request_unpack(r, f, "{s:i, s?i, s?i}", "protocol", &protocol,
                           "pid", &pid, "worker", &worker)
        == SJL_ERROR)
    {
        return;
    }

    if (protocol != SJP_VERSION) {
        sjl_log(SJL_LOG_ERR, "connection %u speaks protocol %d, not %d",
                c->number, protocol, SJP_VERSION);
        sjl_request_refuse(r, SJP_ERR_BAD_REQUEST, "protocol");
        sjl_conn_finish(c);
        return;
    }

    if (!sjl_limit_channel()) {
        sjl_log(SJL_LOG_ERR, "connection %u is one channel too many, "
                "limits.channels is %lld", c->number,
                (long long) sjl_conf->limit_channels);
        sjl_request_refuse(r, SJP_ERR_OVERLOADED, "channels");
        sjl_conn_finish(c);
        return;
    }

    c->greeted = 1;
    c->since = sjl_now();
    ev_timer_stop(sjl_loop, &c->timer);

    sjl_log(SJL_LOG_INFO, "connection %u is worker %d, process %d", c->number,
            worker, pid);

    meta = sjl_channel_position();
    (void) json_object_set_new(meta, "protocol", json_integer(SJP_VERSION));
    (void) json_object_set_new(meta, "version", json_string(SJL_VERSION));

    sjl_request_welcome(r, meta);
}


void
sjl_channel_ping(sjl_conn_t *c, sjl_frame_t *f)
{
    json_t           *meta;
    const sjl_why_t  *why;

    why = sjl_request_trouble();

    meta = why ? json_pack("{s:s, s:s}", "error", sjl_errors[why->code],
                           "name", why->text)
               : NULL;

    sjl_conn_send(c, SJP_PONG, f->stream, meta, NULL, 0, -1);
    json_decref(meta);
}


/* that it came shows that the peer lives; a dead one's connection is closed */

void
sjl_channel_pong(sjl_conn_t *c, sjl_frame_t *f)
{
    sjl_log(SJL_LOG_DEBUG, "connection %u lives, stream %u", c->number,
            (unsigned) f->stream);

    if (c->role == SJL_ROLE_DRIVER && c->data) {
        sjl_driver_answered(c->data);
    }
}


void
sjl_channel_publish(const char *op, const char *kind, json_t *record,
    const void *payload, size_t size)
{
    json_t  *meta;

    meta = json_pack("{s:s, s:s, s:o, s:I, s:I}", "op", op, "kind", kind,
                     "record", record, "epoch",
                     (json_int_t) sjl_channel_epoch, "seq",
                     (json_int_t) ++sjl_channel_seq);

    SPARKJOB_FAULT("event.publish");

    sjl_conn_broadcast(SJP_EVENT, meta, payload, size);

    json_decref(meta);
}


json_t *
sjl_channel_position(void)
{
    return json_pack("{s:I, s:I}", "epoch", (json_int_t) sjl_channel_epoch,
                     "seq", (json_int_t) sjl_channel_seq);
}
