
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What the launcher says: one handler for each type of message.
 */


#include <ngx_http_sparkjob_module.h>
#include <sparkjob_json.h>


typedef ngx_int_t (*ngx_http_sparkjob_message_pt)(
    ngx_http_sparkjob_channel_t *ch, ngx_http_sparkjob_message_t *msg);


static ngx_int_t ngx_http_sparkjob_message_welcome(
    ngx_http_sparkjob_channel_t *ch, ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_message_ping(
    ngx_http_sparkjob_channel_t *ch, ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_message_pong(
    ngx_http_sparkjob_channel_t *ch, ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_message_reply(
    ngx_http_sparkjob_channel_t *ch, ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_message_record(
    ngx_http_sparkjob_channel_t *ch, ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_message_event(
    ngx_http_sparkjob_channel_t *ch, ngx_http_sparkjob_message_t *msg);
static ngx_http_sparkjob_op_e ngx_http_sparkjob_message_op(json_t *meta);


static struct {
    ngx_uint_t                     type;
    ngx_uint_t                     early;   /* may come before the welcome */
    ngx_http_sparkjob_message_pt   handler;
} ngx_http_sparkjob_messages[] = {
    { SJP_EVENT, 0, ngx_http_sparkjob_message_event },
    { SJP_REPLY, 1, ngx_http_sparkjob_message_reply },
    { SJP_RECORD, 0, ngx_http_sparkjob_message_record },
    { SJP_WELCOME, 1, ngx_http_sparkjob_message_welcome },
    { SJP_PING, 0, ngx_http_sparkjob_message_ping },
    { SJP_PONG, 0, ngx_http_sparkjob_message_pong },
    { 0, 0, NULL }
};


static char  *ngx_http_sparkjob_ops[NGX_HTTP_SPARKJOB_NOPS] = {
    "put",
    "remove",
    "progress",
    "busy"
};


ngx_int_t
ngx_http_sparkjob_message(ngx_http_sparkjob_channel_t *ch,
    ngx_http_sparkjob_message_t *msg, u_char *meta, size_t len)
{
    ngx_int_t     rc;
    ngx_uint_t    i;
    json_error_t  error;

    for (i = 0; ngx_http_sparkjob_messages[i].type != msg->type; i++) {

        if (ngx_http_sparkjob_messages[i].handler == NULL) {
            break;
        }
    }

    if (ngx_http_sparkjob_messages[i].handler == NULL
        || (!ch->up && !ngx_http_sparkjob_messages[i].early))
    {
        ngx_log_error(NGX_LOG_ERR, ch->log, 0,
                      "sparkjob launcher at %V sent a message of type %ui, "
                      "which it may not%s", &ch->zone->addr->name, msg->type,
                      ch->up ? "" : " before its welcome");
        return NGX_ERROR;
    }

    if (len) {
        msg->meta = sjp_json_read((char *) meta, len, &error);

    } else {
        msg->meta = json_object();
        error.text[0] = '\0';
    }

    if (!json_is_object(msg->meta)) {
        ngx_log_error(NGX_LOG_ERR, ch->log, 0,
                      "sparkjob launcher at %V sent a message of type %ui "
                      "whose metadata is no JSON object %s",
                      &ch->zone->addr->name, msg->type,
                      msg->meta ? "" : error.text);
        json_decref(msg->meta);
        return NGX_ERROR;
    }

    rc = ngx_http_sparkjob_messages[i].handler(ch, msg);

    json_decref(msg->meta);

    return rc;
}


static ngx_int_t
ngx_http_sparkjob_message_welcome(ngx_http_sparkjob_channel_t *ch,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_int_t   rc;
    json_int_t  protocol, epoch;

    protocol = json_integer_value(json_object_get(msg->meta, "protocol"));
    epoch = json_integer_value(json_object_get(msg->meta, "epoch"));

    if (ch->up || protocol != SJP_VERSION || epoch == 0) {
        ngx_log_error(NGX_LOG_ERR, ch->log, 0,
                      "sparkjob launcher at %V sent an unexpected welcome: "
                      "protocol %L, epoch %L", &ch->zone->addr->name,
                      (int64_t) protocol, (int64_t) epoch);
        return NGX_ERROR;
    }

    ngx_log_error(NGX_LOG_INFO, ch->log, 0,
                  "sparkjob_zone \"%V\": connected to the launcher at %V",
                  &ch->zone->name, &ch->zone->addr->name);

    ch->up = 1;
    ch->complained = 0;
    ch->epoch = epoch;
    ch->seen = json_integer_value(json_object_get(msg->meta, "seq"));
    ch->checked = 0;

    rc = SPARKJOB_FAILS("channel.welcome") ? NGX_ERROR
                                           : ngx_http_sparkjob_load(ch, 0);

    if (rc == NGX_OK) {
        ngx_http_sparkjob_op_up(ch);
        ngx_http_sparkjob_ask_again(ch);
        ngx_http_sparkjob_hub_up(ch);
    }

    return rc;
}


/* asks for a snapshot if this worker is the one to do it */

ngx_int_t
ngx_http_sparkjob_load(ngx_http_sparkjob_channel_t *ch, ngx_uint_t tick)
{
    if (!ngx_http_sparkjob_zone_load(ch, tick)) {
        return NGX_OK;
    }

    ch->loading = 1;
    ch->load_stream = ngx_http_sparkjob_op_stream(ch);
    ch->load_limit = ch->zone->shm_zone->shm.size / 1024;
    ch->load_final = 0;
    ch->load_contexts = 0;
    ch->load_oldest = 0;

    return ngx_http_sparkjob_frame_send(ch, SJP_SNAPSHOT, ch->load_stream,
                      json_pack("{s:I}", "jobs", (json_int_t) ch->load_limit));
}


static ngx_int_t
ngx_http_sparkjob_message_ping(ngx_http_sparkjob_channel_t *ch,
    ngx_http_sparkjob_message_t *msg)
{
    return ngx_http_sparkjob_frame_send(ch, SJP_PONG, msg->stream, NULL);
}


static ngx_int_t
ngx_http_sparkjob_message_pong(ngx_http_sparkjob_channel_t *ch,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_str_t  error, why;

    ngx_http_sparkjob_meta_string(msg->meta, "error", &error);
    ngx_http_sparkjob_meta_string(msg->meta, "name", &why);

    ch->pings = 0;
    ch->ponged = ngx_current_msec;
    ch->trouble = ngx_min(why.len, NGX_HTTP_SPARKJOB_WHY_MAX);
    ch->full = (error.len == sizeof("no-space") - 1
                && ngx_strncmp(error.data, "no-space", error.len) == 0);

    ngx_memcpy(ch->why, why.data, ch->trouble);

    return NGX_OK;
}


static ngx_int_t
ngx_http_sparkjob_message_reply(ngx_http_sparkjob_channel_t *ch,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_str_t  error, name;

    if (ch->up && !(ch->loading && msg->stream == ch->load_stream)) {
        return ngx_http_sparkjob_op_answer(ch, msg);
    }

    if (!ch->up
        || ngx_http_sparkjob_meta_string(msg->meta, "error", &error) == NGX_OK)
    {
        ngx_http_sparkjob_meta_string(msg->meta, "error", &error);
        ngx_http_sparkjob_meta_string(msg->meta, "name", &name);

        ngx_log_error(NGX_LOG_ERR, ch->log, 0,
                      "sparkjob launcher at %V refused to %s: %V, \"%V\"",
                      &ch->zone->addr->name,
                      ch->up ? "give a snapshot" : "welcome this worker",
                      &error, &name);
        return NGX_ERROR;
    }

    ch->loading = 0;

    ngx_http_sparkjob_zone_load_end(ch,
                      json_integer_value(json_object_get(msg->meta, "seq")));

    return NGX_OK;
}


static ngx_int_t
ngx_http_sparkjob_message_record(ngx_http_sparkjob_channel_t *ch,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_int_t                    rc;
    ngx_http_sparkjob_kind_e     kind;
    ngx_http_sparkjob_record_t  *rec;

    if (!ch->loading || msg->stream != ch->load_stream) {
        return ngx_http_sparkjob_op_answer(ch, msg);
    }

    if (ngx_http_sparkjob_record_kind(msg->meta, &kind) != NGX_OK) {
        return NGX_OK;
    }

    rc = ngx_http_sparkjob_record(ch, NULL, kind,
                                  json_object_get(msg->meta, "record"),
                                  &msg->payload, &rec);
    if (rc != NGX_OK) {
        return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
    }

    if (kind == NGX_HTTP_SPARKJOB_JOB && rec->final) {

        if (ch->load_final == 0 || rec->start < ch->load_oldest) {
            ch->load_oldest = rec->start;
        }

        ch->load_final++;

    } else if (kind == NGX_HTTP_SPARKJOB_CONTEXT && rec->final) {
        ch->load_contexts++;
    }

    ngx_http_sparkjob_zone_load_record(ch, rec);

    return NGX_OK;
}


static ngx_int_t
ngx_http_sparkjob_message_event(ngx_http_sparkjob_channel_t *ch,
    ngx_http_sparkjob_message_t *msg)
{
    uint64_t                     seq;
    ngx_http_sparkjob_op_e       op;
    ngx_http_sparkjob_kind_e     kind;
    ngx_http_sparkjob_record_t  *rec;

    op = ngx_http_sparkjob_message_op(msg->meta);
    seq = json_integer_value(json_object_get(msg->meta, "seq"));

    rec = NULL;

    /*
     * A later launcher may know kinds and operations that are of no interest
     * here.  They are left out, and so is a record that is not valid: a new
     * connection would but bring it again.
     */

    if (op != NGX_HTTP_SPARKJOB_NOPS
        && ngx_http_sparkjob_record_kind(msg->meta, &kind) == NGX_OK
        && ngx_http_sparkjob_record(ch, NULL, kind,
                                    json_object_get(msg->meta, "record"),
                                    &msg->payload, &rec)
           == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    ch->seen = seq;

    if (SPARKJOB_FAILS("event.take")
        || ngx_http_sparkjob_hub_event(ch, seq, rec, op) != NGX_OK)
    {
        return NGX_ERROR;
    }

    SPARKJOB_FAULT("event.taken");

    if (rec && op == NGX_HTTP_SPARKJOB_OP_PUT
        && rec->kind == NGX_HTTP_SPARKJOB_JOB)
    {
        ngx_http_sparkjob_wake(ch, rec);
    }

    return NGX_OK;
}


static ngx_http_sparkjob_op_e
ngx_http_sparkjob_message_op(json_t *meta)
{
    const char              *name;
    ngx_http_sparkjob_op_e   op;

    name = json_string_value(json_object_get(meta, "op"));

    for (op = 0; name && op < NGX_HTTP_SPARKJOB_NOPS; op++) {

        if (ngx_strcmp(ngx_http_sparkjob_ops[op], name) == 0) {
            return op;
        }
    }

    return NGX_HTTP_SPARKJOB_NOPS;
}
