
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * A statement as JSON: a job's record in the words of Livy.  Its result is the
 * output, as the driver has made it, and passes through here untouched, from a
 * file where it is large.
 */


#include <ngx_http_sparkjob_livy_statement.h>


/* what a statement has beside its code and output */
#define NGX_HTTP_SPARKJOB_LIVY_STATEMENT  256


static ngx_chain_t *ngx_http_sparkjob_livy_output(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg, ngx_http_sparkjob_livy_statement_t *st);
static json_t *ngx_http_sparkjob_livy_traceback(json_t *error);
static ngx_chain_t *ngx_http_sparkjob_livy_buf(ngx_pool_t *pool, size_t size);
static const char *ngx_http_sparkjob_livy_statement_state(
    ngx_http_sparkjob_livy_statement_t *st);
static ngx_uint_t ngx_http_sparkjob_livy_done_of(
    ngx_http_sparkjob_record_t *rec);
static uint64_t ngx_http_sparkjob_livy_started(
    ngx_http_sparkjob_livy_statement_t *st);


ngx_int_t
ngx_http_sparkjob_livy_statement_take(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg, ngx_http_sparkjob_livy_statement_t *st)
{
    json_t     *record;
    ngx_str_t   code;

    st->rec = ngx_http_sparkjob_record_told(r, NGX_HTTP_SPARKJOB_JOB, msg);
    if (st->rec == NULL) {
        return NGX_ERROR;
    }

    record = json_object_get(msg->meta, "record");

    st->number = json_integer_value(json_object_get(record, "statement"));
    st->began = json_integer_value(json_object_get(record, "began"));
    st->killing = json_is_true(json_object_get(record, "killing"));
    st->id = ngx_http_sparkjob_record_string(st->rec, NGX_HTTP_SPARKJOB_KEY);

    if (!st->coded
        && ngx_http_sparkjob_meta_string(record, "code", &code) == NGX_OK)
    {
        st->code.len = code.len;

        st->code.data = ngx_pstrdup(r->pool, &code);
        if (st->code.data == NULL) {
            return NGX_ERROR;
        }

        st->coded = 1;
    }

    if (st->rec->payload == NGX_HTTP_SPARKJOB_STORED && msg->fd == -1
        && msg->payload.len == 0)
    {
        return NGX_OK;
    }

    if (st->rec->state == SJP_JOB_FINISHED || st->rec->state == SJP_JOB_ERROR) {
        st->output = ngx_http_sparkjob_livy_output(r, msg, st);
        return st->output ? NGX_OK : NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * What the code has done wrong is a result as well; an error is the driver's,
 * or the interpreter's, which is told in the same way: what is available has
 * output.
 */

static ngx_chain_t *
ngx_http_sparkjob_livy_output(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg, ngx_http_sparkjob_livy_statement_t *st)
{
    char         *text;
    size_t        len;
    json_t       *error, *output;
    ngx_str_t     bytes, name, value;
    ngx_chain_t  *cl;

    if (st->rec->state == SJP_JOB_FINISHED) {
        return ngx_http_sparkjob_payload(r, msg);
    }

    if (ngx_http_sparkjob_livy_bytes(r, msg, &bytes) != NGX_OK) {
        return NULL;
    }

    error = json_loadb((char *) bytes.data, bytes.len, 0, NULL);

    (void) ngx_http_sparkjob_meta_string(error, "errorClass", &name);
    (void) ngx_http_sparkjob_meta_string(error, "message", &value);

    output = json_pack("{s:s, s:I, s:s%, s:s%, s:o}",
                       "status", "error",
                       "execution_count", st->number,
                       "ename", ngx_http_sparkjob_text(&name),
                       "evalue", ngx_http_sparkjob_text(&value),
                       "traceback", ngx_http_sparkjob_livy_traceback(error));

    text = output ? json_dumps(output, JSON_COMPACT) : NULL;
    len = text ? ngx_strlen(text) : 0;

    cl = text ? ngx_http_sparkjob_livy_buf(r->pool, len) : NULL;

    if (cl) {
        cl->buf->last = ngx_cpymem(cl->buf->last, text, len);
    }

    free(text);
    json_decref(output);
    json_decref(error);

    return cl;
}


/* the lines of the stack, each with its end, as clients put them together */

static json_t *
ngx_http_sparkjob_livy_traceback(json_t *error)
{
    json_t      *lines;
    const char  *p, *end;

    lines = json_array();
    p = json_string_value(json_object_get(error, "stack"));

    for ( /* void */ ; p && *p; p = end) {
        end = strchr(p, LF);
        end = end ? end + 1 : p + ngx_strlen(p);

        (void) json_array_append_new(lines, json_stringn(p, end - p));
    }

    return lines;
}


static ngx_chain_t *
ngx_http_sparkjob_livy_buf(ngx_pool_t *pool, size_t size)
{
    ngx_chain_t  *cl;

    cl = ngx_alloc_chain_link(pool);
    if (cl == NULL) {
        return NULL;
    }

    cl->buf = ngx_create_temp_buf(pool, size);
    cl->next = NULL;

    return cl->buf ? cl : NULL;
}


ngx_chain_t *
ngx_http_sparkjob_livy_statement_chain(ngx_http_request_t *r,
    ngx_http_sparkjob_livy_statement_t *st)
{
    ngx_buf_t    *b;
    ngx_uint_t    done;
    ngx_chain_t  *head, *tail;

    head = ngx_http_sparkjob_livy_buf(r->pool, NGX_HTTP_SPARKJOB_LIVY_STATEMENT
                                      + ngx_http_sparkjob_json_len(&st->code));
    tail = ngx_http_sparkjob_livy_buf(r->pool,
                                      NGX_HTTP_SPARKJOB_LIVY_STATEMENT);

    if (head == NULL || tail == NULL) {
        return NULL;
    }

    b = head->buf;

    b->last = ngx_sprintf(b->last, "{\"id\":%L,\"code\":\"",
                          (int64_t) st->number);
    b->last = ngx_http_sparkjob_json(b->last, &st->code);
    b->last = ngx_sprintf(b->last, "\",\"state\":\"%s\",\"output\":",
                          ngx_http_sparkjob_livy_statement_state(st));

    if (st->output) {
        head->next = st->output;
        st->output->next = tail;

    } else {
        b->last = ngx_cpymem(b->last, "null", sizeof("null") - 1);
        head->next = tail;
    }

    b = tail->buf;
    done = ngx_http_sparkjob_livy_done_of(st->rec);

    b->last = ngx_sprintf(b->last, ",\"progress\":%ui.%03ui,\"started\":%uL,"
                          "\"completed\":%uL}", done / 1000, done % 1000,
                          ngx_http_sparkjob_livy_started(st),
                          st->rec->final ? st->rec->end : 0);

    return head;
}


static const char *
ngx_http_sparkjob_livy_statement_state(ngx_http_sparkjob_livy_statement_t *st)
{
    switch (st->rec->state) {

    case SJP_JOB_FINISHED:
    case SJP_JOB_ERROR:
        return "available";

    case SJP_JOB_KILLED:
        return "cancelled";

    default:
        return st->killing ? "cancelling"
               : st->rec->state == SJP_JOB_RUNNING ? "running" : "waiting";
    }
}


/* thousandths of its Spark work, as far as it is known; all of it at the end */

static ngx_uint_t
ngx_http_sparkjob_livy_done_of(ngx_http_sparkjob_record_t *rec)
{
    uint64_t  tasks, done;

    if (rec->final) {
        return 1000;
    }

    tasks = rec->of.job.progress[NGX_HTTP_SPARKJOB_TASKS];
    done = rec->of.job.progress[NGX_HTTP_SPARKJOB_TASKS_DONE];

    return tasks ? ngx_min(done * 1000 / tasks, 1000) : 0;
}


/* jobs begin when they are submitted, statements for Livy when they run */

static uint64_t
ngx_http_sparkjob_livy_started(ngx_http_sparkjob_livy_statement_t *st)
{
    uint64_t                     millis;
    ngx_http_sparkjob_record_t  *rec;

    rec = st->rec;

    if (rec->state == SJP_JOB_STARTED
        || (rec->final && rec->of.job.micros == 0))
    {
        /* it has not run yet, or never will */
        return 0;
    }

    if (!rec->final) {
        return st->began ? (uint64_t) st->began : rec->start;
    }

    millis = rec->of.job.micros / 1000;

    return millis < rec->end - rec->start ? rec->end - millis : rec->start;
}
