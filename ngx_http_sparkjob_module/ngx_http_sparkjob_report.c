
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * /jobs: the reports, the configuration, and killing.
 */


#include <ngx_http_sparkjob_module.h>


static ngx_int_t ngx_http_sparkjob_job_known(ngx_http_request_t *r,
    ngx_http_sparkjob_record_t *rec);
static ngx_int_t ngx_http_sparkjob_job_told(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_job_stored(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_job_configured(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static ngx_int_t ngx_http_sparkjob_job_killed(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg);
static u_char *ngx_http_sparkjob_duration(u_char *p, uint64_t ms);
static u_char *ngx_http_sparkjob_progress(u_char *p,
    ngx_http_sparkjob_record_t *rec);


/* what reports have beside the strings of their record */
#define NGX_HTTP_SPARKJOB_REPORT_MAX  512


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_get_call = {
    SJP_JOB_GET,
    ngx_http_sparkjob_job_told,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_result_call = {
    SJP_JOB_RESULT,
    ngx_http_sparkjob_job_stored,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_config_call = {
    SJP_JOB_CONFIG,
    ngx_http_sparkjob_job_configured,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


static ngx_http_sparkjob_call_t  ngx_http_sparkjob_kill_call = {
    SJP_JOB_KILL,
    ngx_http_sparkjob_job_killed,
    NULL,
    NULL,
    ngx_http_sparkjob_reply_expired,
    NULL,
    0
};


ngx_int_t
ngx_http_sparkjob_job_get(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_http_sparkjob_ctx_t      *ctx;
    ngx_http_sparkjob_record_t   *rec;
    ngx_http_sparkjob_channel_t  *ch;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    rc = ngx_http_sparkjob_zone_get(ctx->zone, NGX_HTTP_SPARKJOB_JOB,
                                    &ctx->name, &ctx->owner, r->pool, &rec);

    /*
     * Others may have left the queue since the zone was told of a place in it,
     * and a launcher that has just begun knows places only when drivers have
     * come back; but an old place is better than none while it is away.
     */

    ch = ctx->zone->channel;

    if (rc == NGX_OK && rec->payload != NGX_HTTP_SPARKJOB_NO_ROOM
        && ((rec->of.job.queue == 0 && rec->state != SJP_JOB_STARTED)
            || ch == NULL || !ch->up))
    {
        return ngx_http_sparkjob_job_known(r, rec);
    }

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_job_ask_named(r, &ngx_http_sparkjob_get_call);
}


/* of the job that the path names */

ngx_int_t
ngx_http_sparkjob_job_ask_named(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call)
{
    ngx_http_sparkjob_ctx_t       *ctx;
    ngx_http_sparkjob_loc_conf_t  *slcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sparkjob_module);

    if (!ngx_http_sparkjob_id_valid(&ctx->name)) {
        return ngx_http_sparkjob_no_such_job(r);
    }

    return ngx_http_sparkjob_job_ask(r, call, &ctx->name, slcf->reply_timeout);
}


/* a question that says but which job it is about */

ngx_int_t
ngx_http_sparkjob_job_ask(ngx_http_request_t *r,
    ngx_http_sparkjob_call_t *call, ngx_str_t *id, ngx_msec_t timeout)
{
    json_t                   *meta;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    meta = json_pack("{s:s%, s:s%}",
                     "id", ngx_http_sparkjob_text(id),
                     "user", ngx_http_sparkjob_text(&ctx->user));

    meta = ngx_http_sparkjob_meta_with(meta, "owner", &ctx->owner);

    return ngx_http_sparkjob_ask(r, call, meta, 0, timeout);
}


static ngx_int_t
ngx_http_sparkjob_job_known(ngx_http_request_t *r,
    ngx_http_sparkjob_record_t *rec)
{
    ngx_chain_t                 *place;
    ngx_http_sparkjob_ctx_t     *ctx;
    ngx_http_sparkjob_format_t  *format;

    if (rec->payload != NGX_HTTP_SPARKJOB_STORED) {
        return ngx_http_sparkjob_report(r, NGX_HTTP_OK, rec, NULL);
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);
    format = ngx_http_sparkjob_format(rec);

    if (format != ngx_http_sparkjob_formats) {
        place = ngx_http_sparkjob_result_place(r, &ctx->name, format);

        return place ? ngx_http_sparkjob_report(r, NGX_HTTP_OK, rec, place)
                     : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->data = rec;

    return ngx_http_sparkjob_job_ask_named(r, &ngx_http_sparkjob_result_call);
}


static ngx_int_t
ngx_http_sparkjob_job_told(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_http_sparkjob_record_t  *rec;

    rec = ngx_http_sparkjob_record_told(r, NGX_HTTP_SPARKJOB_JOB, msg);
    if (rec == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_job_known(r, rec);
}


static ngx_int_t
ngx_http_sparkjob_job_stored(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_chain_t              *payload;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    payload = ngx_http_sparkjob_payload(r, msg);
    if (payload == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sparkjob_report(r, NGX_HTTP_OK, ctx->data, payload);
}


ngx_int_t
ngx_http_sparkjob_job_config(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_job_ask_named(r, &ngx_http_sparkjob_config_call);
}


static ngx_int_t
ngx_http_sparkjob_job_configured(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    return ngx_http_sparkjob_reply_payload(r, NGX_HTTP_OK, msg);
}


ngx_int_t
ngx_http_sparkjob_job_delete(ngx_http_request_t *r)
{
    return ngx_http_sparkjob_job_ask_named(r, &ngx_http_sparkjob_kill_call);
}


/* the odd key "ERROR" is the original's */

static ngx_int_t
ngx_http_sparkjob_job_killed(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg)
{
    ngx_buf_t                   *b;
    ngx_str_t                    error, text;
    ngx_http_sparkjob_ctx_t     *ctx;
    ngx_http_sparkjob_record_t  *rec;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    rec = ngx_http_sparkjob_record_told(r, NGX_HTTP_SPARKJOB_JOB, msg);
    if (rec == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!rec->final) {
        ngx_str_set(&text, "The job has been told to stop, but still runs");

        return ngx_http_sparkjob_reply_text(r, NGX_HTTP_ACCEPTED,
                   (char *) ngx_http_sparkjob_state_name(rec->kind,
                                                         rec->state)->data,
                   &text);
    }

    if (rec->state == SJP_JOB_FINISHED) {
        return ngx_http_sparkjob_reply_error(r, NGX_HTTP_NOT_FOUND,
                                             "No running job with ID %V",
                                             &ctx->name);
    }

    error = ngx_http_sparkjob_record_string(rec, NGX_HTTP_SPARKJOB_PAYLOAD);

    b = ngx_create_temp_buf(r->pool,
                            sizeof("{\"status\":\"KILLED\",\"ERROR\":null}")
                            + error.len);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rec->state == SJP_JOB_KILLED) {
        b->last = ngx_sprintf(b->last, "{\"status\":\"KILLED\"}");

    } else if (error.len) {
        b->last = ngx_sprintf(b->last, "{\"status\":\"ERROR\",\"ERROR\":%V}",
                              &error);

    } else {
        b->last = ngx_sprintf(b->last, "{\"status\":\"ERROR\"}");
    }

    return ngx_http_sparkjob_reply_buf(r, NGX_HTTP_OK, b);
}


ngx_int_t
ngx_http_sparkjob_no_such_job(ngx_http_request_t *r)
{
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    return ngx_http_sparkjob_reply_error(r, NGX_HTTP_NOT_FOUND,
                                         "No such job ID %V", &ctx->name);
}


/* "result" is what comes instead of the record's own payload, or NULL */

ngx_int_t
ngx_http_sparkjob_report(ngx_http_request_t *r, ngx_uint_t status,
    ngx_http_sparkjob_record_t *rec, ngx_chain_t *result)
{
    ngx_buf_t                *b;
    ngx_str_t                 progress, payload;
    ngx_http_sparkjob_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    progress = ngx_http_sparkjob_record_progress(rec);
    payload = ngx_http_sparkjob_record_string(rec, NGX_HTTP_SPARKJOB_PAYLOAD);

    if (rec->payload == NGX_HTTP_SPARKJOB_NO_PAYLOAD) {
        payload.len = 0;
    }

    b = ngx_create_temp_buf(r->pool, rec->len[NGX_HTTP_SPARKJOB_ROW]
                                     + progress.len
                                     + sizeof(",\"result\":}")
                                     + payload.len);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_http_sparkjob_row(b->last, rec, NGX_HTTP_SPARKJOB_ROW,
                                    &ctx->own_json);

    if (progress.len) {
        b->last = ngx_cpymem(b->last, progress.data, progress.len);
    }

    if (result || payload.len) {
        b->last = ngx_cpymem(b->last, ",\"result\":",
                             sizeof(",\"result\":") - 1);
    }

    if (result) {
        return ngx_http_sparkjob_reply_around(r, status, b, result);
    }

    b->last = ngx_cpymem(b->last, payload.data, payload.len);
    *b->last++ = '}';

    return ngx_http_sparkjob_reply_buf(r, status, b);
}


/* room for what a record is told as: its strings, encoded, and the rest */

size_t
ngx_http_sparkjob_report_len(ngx_http_sparkjob_record_t *rec)
{
    size_t      len;
    ngx_str_t   s;
    ngx_uint_t  i;

    len = NGX_HTTP_SPARKJOB_REPORT_MAX;

    for (i = 0; i < NGX_HTTP_SPARKJOB_PAYLOAD; i++) {
        s = ngx_http_sparkjob_record_string(rec, i);
        len += ngx_http_sparkjob_json_len(&s);
    }

    return len;
}


/* without the result */

u_char *
ngx_http_sparkjob_job_report(u_char *p, ngx_http_sparkjob_record_t *rec,
    ngx_str_t *own)
{
    ngx_str_t  progress;

    progress = ngx_http_sparkjob_record_progress(rec);

    p = ngx_http_sparkjob_row(p, rec, NGX_HTTP_SPARKJOB_ROW, own);

    if (progress.len) {
        p = ngx_cpymem(p, progress.data, progress.len);
    }

    *p++ = '}';

    return p;
}


/* the report, without progress, result and the last brace */

u_char *
ngx_http_sparkjob_job_render(u_char *p, ngx_uint_t n,
    ngx_http_sparkjob_record_t *rec, ngx_str_t *s)
{
    u_char  *start;

    if (n == NGX_HTTP_SPARKJOB_JOB_PROGRESS) {
        return ngx_http_sparkjob_progress(p, rec);
    }

    start = p;

    p = ngx_sprintf(p, "{\"jobId\":\"%V\",\"startTime\":\"",
                    &s[NGX_HTTP_SPARKJOB_KEY]);
    p = ngx_http_sparkjob_time(p, rec->start);
    p = ngx_sprintf(p, "\",\"classPath\":\"");
    p = ngx_http_sparkjob_json(p, &s[NGX_HTTP_SPARKJOB_JOB_CLASS]);
    p = ngx_sprintf(p, "\",\"context\":\"");
    rec->own = p - start;
    p = s[NGX_HTTP_SPARKJOB_JOB_CONTEXT].len
        ? ngx_http_sparkjob_json(p, &s[NGX_HTTP_SPARKJOB_JOB_CONTEXT])
        : ngx_sprintf(p, "<<ad-hoc>>");
    p = ngx_sprintf(p, "\",\"contextId\":\"%V\",\"duration\":\"",
                    &s[NGX_HTTP_SPARKJOB_JOB_CONTEXT_ID]);
    p = rec->end ? ngx_http_sparkjob_duration(p, rec->end > rec->start
                                                 ? rec->end - rec->start : 0)
                 : ngx_sprintf(p, "Job not done yet");

    p = ngx_sprintf(p, "\",\"status\":\"%V\"",
                    ngx_http_sparkjob_state_name(rec->kind, rec->state));

    return rec->of.job.queue ? ngx_sprintf(p, ",\"queuePosition\":%uD",
                                           rec->of.job.queue)
                             : p;
}


/* seconds as Java prints a double: without needless zeroes, but one digit */

static u_char *
ngx_http_sparkjob_duration(u_char *p, uint64_t ms)
{
    p = ngx_sprintf(p, "%uL.%03uL", ms / 1000, ms % 1000);

    while (p[-1] == '0' && p[-2] != '.') {
        p--;
    }

    return ngx_cpymem(p, " secs", sizeof(" secs") - 1);
}


#define NGX_HTTP_SPARKJOB_PROGRESS_FORMAT                                     \
    ",\"progress\":{\"stages\":%uD,\"stagesDone\":%uD,\"tasks\":%uD,"         \
    "\"tasksDone\":%uD,\"tasksFailed\":%uD,\"percent\":%ui}"

/* ten digits at most, where the format has three characters */
#define NGX_HTTP_SPARKJOB_PROGRESS_LEN                                        \
    (sizeof(NGX_HTTP_SPARKJOB_PROGRESS_FORMAT) - 1                            \
     + 7 * NGX_HTTP_SPARKJOB_NPROGRESS)


/* final records are as long as need be, others keep their room */

static u_char *
ngx_http_sparkjob_progress(u_char *p, ngx_http_sparkjob_record_t *rec)
{
    u_char      *last;
    uint32_t    *n;
    ngx_uint_t   percent;

    n = rec->of.job.progress;
    last = p + NGX_HTTP_SPARKJOB_PROGRESS_LEN;

    if (n[NGX_HTTP_SPARKJOB_STAGES]) {
        percent = n[NGX_HTTP_SPARKJOB_TASKS]
                  ? (uint64_t) n[NGX_HTTP_SPARKJOB_TASKS_DONE] * 100
                    / n[NGX_HTTP_SPARKJOB_TASKS]
                  : 0;

        p = ngx_sprintf(p, NGX_HTTP_SPARKJOB_PROGRESS_FORMAT,
                        n[NGX_HTTP_SPARKJOB_STAGES],
                        n[NGX_HTTP_SPARKJOB_STAGES_DONE],
                        n[NGX_HTTP_SPARKJOB_TASKS],
                        n[NGX_HTTP_SPARKJOB_TASKS_DONE],
                        n[NGX_HTTP_SPARKJOB_TASKS_FAILED],
                        ngx_min(percent, 100));
    }

    if (rec->final) {
        return p;
    }

    ngx_memset(p, ' ', last - p);

    return last;
}
