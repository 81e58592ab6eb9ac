
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Records: from the launcher's JSON to a block of memory.
 */


#include <ngx_http_sparkjob_module.h>


/* what a row has beside the strings of its record */
#define NGX_HTTP_SPARKJOB_RENDERED_MAX  512


typedef struct {
    char        *name;
    ngx_uint_t   n;
} ngx_http_sparkjob_member_t;


typedef struct {
    ngx_str_t    name;
    ngx_uint_t   final;
} ngx_http_sparkjob_state_t;


typedef struct {
    char                        *name;
    char                        *start;
    ngx_http_sparkjob_member_t  *members;
    ngx_http_sparkjob_state_t   *states;
    ngx_uint_t                   nstates;
    ngx_uint_t                   rendered;  /* one bit for each string */
    u_char                    *(*render)(u_char *p, ngx_uint_t n,
                                     ngx_http_sparkjob_record_t *rec,
                                     ngx_str_t *s);
} ngx_http_sparkjob_shape_t;


static ngx_http_sparkjob_record_t *ngx_http_sparkjob_record_alloc(
    ngx_http_sparkjob_channel_t *ch, ngx_pool_t *pool, ngx_str_t *s);
static void ngx_http_sparkjob_record_fill(ngx_http_sparkjob_shape_t *shape,
    ngx_http_sparkjob_record_t *rec, ngx_str_t *s);
static ngx_int_t ngx_http_sparkjob_record_state(
    ngx_http_sparkjob_shape_t *shape, json_t *meta,
    ngx_http_sparkjob_record_t *rec);
static ngx_int_t ngx_http_sparkjob_record_payload(json_t *meta);
static char *ngx_http_sparkjob_record_shown(json_t *meta, ngx_str_t *s);
static void ngx_http_sparkjob_record_job(json_t *meta,
    ngx_http_sparkjob_job_part_t *job);
static void ngx_http_sparkjob_record_session(json_t *meta,
    ngx_http_sparkjob_session_part_t *session);
static uint64_t ngx_http_sparkjob_meta_number(json_t *meta, const char *name);


static ngx_http_sparkjob_member_t  ngx_http_sparkjob_job_members[] = {
    { "id", NGX_HTTP_SPARKJOB_KEY },
    { "class", NGX_HTTP_SPARKJOB_JOB_CLASS },
    { "context", NGX_HTTP_SPARKJOB_JOB_CONTEXT },
    { "contextId", NGX_HTTP_SPARKJOB_JOB_CONTEXT_ID },
    { "user", NGX_HTTP_SPARKJOB_USER },
    { NULL, 0 }
};


static ngx_http_sparkjob_member_t  ngx_http_sparkjob_context_members[] = {
    { "name", NGX_HTTP_SPARKJOB_KEY },
    { "id", NGX_HTTP_SPARKJOB_CONTEXT_ID },
    { "user", NGX_HTTP_SPARKJOB_USER },
    { "applicationId", NGX_HTTP_SPARKJOB_CONTEXT_APP },
    { "url", NGX_HTTP_SPARKJOB_CONTEXT_URL },
    { "reason", NGX_HTTP_SPARKJOB_CONTEXT_REASON },
    { NULL, 0 }
};


static ngx_http_sparkjob_member_t  ngx_http_sparkjob_binary_members[] = {
    { "name", NGX_HTTP_SPARKJOB_KEY },
    { "type", NGX_HTTP_SPARKJOB_BINARY_TYPE },
    { NULL, 0 }
};


#define SJP_X(sym, name, final)  { ngx_string(name), final },

static ngx_http_sparkjob_state_t  ngx_http_sparkjob_job_states[] = {
    SJP_JOB_STATES(SJP_X)
};

static ngx_http_sparkjob_state_t  ngx_http_sparkjob_context_states[] = {
    SJP_CONTEXT_STATES(SJP_X)
};

#undef SJP_X


static ngx_http_sparkjob_shape_t
    ngx_http_sparkjob_shapes[NGX_HTTP_SPARKJOB_NKINDS] =
{
    { "job", "start", ngx_http_sparkjob_job_members,
      ngx_http_sparkjob_job_states, SJP_JOB_NSTATES,
      1 << NGX_HTTP_SPARKJOB_ROW | 1 << NGX_HTTP_SPARKJOB_JOB_PROGRESS,
      ngx_http_sparkjob_job_render },

    { "context", "start", ngx_http_sparkjob_context_members,
      ngx_http_sparkjob_context_states, SJP_CONTEXT_NSTATES,
      1 << NGX_HTTP_SPARKJOB_ROW | 1 << NGX_HTTP_SPARKJOB_SESSION,
      ngx_http_sparkjob_context_render },

    { "binary", "time", ngx_http_sparkjob_binary_members, NULL, 0,
      1 << NGX_HTTP_SPARKJOB_ROW | 1 << NGX_HTTP_SPARKJOB_BINARY_JAR_ROW,
      ngx_http_sparkjob_binary_render }
};


static char  *ngx_http_sparkjob_payloads[] = {
    "none",
    "result",
    "error",
    "stored",
    NULL
};


static char  *ngx_http_sparkjob_progress_members[] = {
    "stages",
    "stagesDone",
    "tasks",
    "tasksDone",
    "tasksFailed"
};


ngx_int_t
ngx_http_sparkjob_record(ngx_http_sparkjob_channel_t *ch, ngx_pool_t *pool,
    ngx_http_sparkjob_kind_e kind, json_t *meta, ngx_str_t *payload,
    ngx_http_sparkjob_record_t **record)
{
    char                        *shown, *livy;
    ngx_int_t                    type;
    ngx_str_t                    s[NGX_HTTP_SPARKJOB_NMEMBERS];
    ngx_http_sparkjob_shape_t   *shape;
    ngx_http_sparkjob_record_t  *rec;
    ngx_http_sparkjob_member_t  *member;

    *record = NULL;
    shown = NULL;
    livy = NULL;

    shape = &ngx_http_sparkjob_shapes[kind];

    ngx_memzero(s, sizeof(s));

    for (member = shape->members; member->name; member++) {
        ngx_http_sparkjob_meta_string(meta, member->name, &s[member->n]);
    }

    type = ngx_http_sparkjob_record_payload(meta);

    if (s[NGX_HTTP_SPARKJOB_KEY].len == 0
        || s[NGX_HTTP_SPARKJOB_KEY].len > SJP_NAME_MAX
        || type == NGX_ERROR)
    {
        goto invalid;
    }

    if (type == NGX_HTTP_SPARKJOB_RESULT || type == NGX_HTTP_SPARKJOB_ERROR) {
        s[NGX_HTTP_SPARKJOB_PAYLOAD] = *payload;

    } else if (kind == NGX_HTTP_SPARKJOB_CONTEXT) {
        shown = ngx_http_sparkjob_record_shown(meta,
                                           &s[NGX_HTTP_SPARKJOB_CONTEXT_SHOWN]);
        livy = ngx_http_sparkjob_livy_record(meta, s);
    }

    rec = ngx_http_sparkjob_record_alloc(ch, pool, s);
    if (rec == NULL) {
        free(shown);
        free(livy);
        return NGX_ERROR;
    }

    ngx_memzero(rec, sizeof(ngx_http_sparkjob_record_t));

    rec->kind = kind;
    rec->payload = type;
    rec->rev = ngx_http_sparkjob_meta_number(meta, "rev");
    rec->start = ngx_http_sparkjob_meta_number(meta, shape->start);
    rec->end = ngx_http_sparkjob_meta_number(meta, "end");

    if (kind == NGX_HTTP_SPARKJOB_JOB) {
        ngx_http_sparkjob_record_job(meta, &rec->of.job);

    } else if (kind == NGX_HTTP_SPARKJOB_CONTEXT) {
        ngx_http_sparkjob_record_session(meta, &rec->of.session);
    }

    if (ngx_http_sparkjob_record_state(shape, meta, rec) != NGX_OK) {
        goto invalid;
    }

    ngx_http_sparkjob_record_fill(shape, rec, s);

    free(shown);
    free(livy);

    *record = rec;

    return NGX_OK;

invalid:

    free(shown);
    free(livy);

    ngx_log_error(NGX_LOG_ERR, ch->log, 0,
                  "sparkjob launcher at %V sent an invalid record of a %s, "
                  "key \"%V\"", &ch->zone->addr->name, shape->name,
                  &s[NGX_HTTP_SPARKJOB_KEY]);

    return NGX_DECLINED;
}


ngx_http_sparkjob_record_t *
ngx_http_sparkjob_record_told(ngx_http_request_t *r,
    ngx_http_sparkjob_kind_e kind, ngx_http_sparkjob_message_t *msg)
{
    ngx_http_sparkjob_ctx_t     *ctx;
    ngx_http_sparkjob_record_t  *rec;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sparkjob_module);

    (void) ngx_http_sparkjob_record(ctx->zone->channel, r->pool, kind,
                                    json_object_get(msg->meta, "record"),
                                    &msg->payload, &rec);

    return rec;
}


/* room for the strings, and for two that are rendered from them */

static ngx_http_sparkjob_record_t *
ngx_http_sparkjob_record_alloc(ngx_http_sparkjob_channel_t *ch,
    ngx_pool_t *pool, ngx_str_t *s)
{
    size_t                       size, strings;
    ngx_uint_t                   i;
    ngx_http_sparkjob_record_t  *rec;

    strings = 0;

    for (i = 0; i < NGX_HTTP_SPARKJOB_NMEMBERS; i++) {

        if (i != NGX_HTTP_SPARKJOB_PAYLOAD) {
            strings += ngx_http_sparkjob_json_len(&s[i]);
        }
    }

    size = sizeof(ngx_http_sparkjob_record_t) + strings
           + 2 * (strings + NGX_HTTP_SPARKJOB_RENDERED_MAX)
           + s[NGX_HTTP_SPARKJOB_PAYLOAD].len;

    if (pool) {
        return ngx_palloc(pool, size);
    }

    if (size > ch->scratch_size) {

        rec = ngx_alloc(size, ch->log);
        if (rec == NULL) {
            return NULL;
        }

        if (ch->scratch) {
            ngx_free(ch->scratch);
        }

        ch->scratch = rec;
        ch->scratch_size = size;
    }

    return ch->scratch;
}


static void
ngx_http_sparkjob_record_fill(ngx_http_sparkjob_shape_t *shape,
    ngx_http_sparkjob_record_t *rec, ngx_str_t *s)
{
    u_char      *p, *start;
    ngx_uint_t   i;

    p = (u_char *) (rec + 1);

    for (i = 0; i < NGX_HTTP_SPARKJOB_NSTRINGS; i++) {
        start = p;

        if (shape->rendered & (1 << i)) {
            p = shape->render(p, i, rec, s);

        } else if (s[i].len) {
            p = ngx_cpymem(p, s[i].data, s[i].len);
        }

        rec->len[i] = p - start;
    }

    rec->size = p - (u_char *) rec;
}


/* what is to be removed comes with little more than its key */

static ngx_int_t
ngx_http_sparkjob_record_state(ngx_http_sparkjob_shape_t *shape, json_t *meta,
    ngx_http_sparkjob_record_t *rec)
{
    ngx_str_t  name;
    ngx_int_t  state;

    if (shape->nstates == 0 || json_object_get(meta, "state") == NULL) {
        return NGX_OK;
    }

    if (ngx_http_sparkjob_meta_string(meta, "state", &name) != NGX_OK) {
        return NGX_ERROR;
    }

    state = ngx_http_sparkjob_state_number(rec->kind, &name);

    if (state == NGX_ERROR) {
        return NGX_ERROR;
    }

    rec->state = state;
    rec->final = shape->states[state].final;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sparkjob_record_payload(json_t *meta)
{
    ngx_int_t    n;
    const char  *name;

    name = json_string_value(json_object_get(meta, "payload"));

    if (name == NULL) {
        return NGX_HTTP_SPARKJOB_NO_PAYLOAD;
    }

    for (n = 0; ngx_http_sparkjob_payloads[n]; n++) {

        if (ngx_strcmp(ngx_http_sparkjob_payloads[n], name) == 0) {
            return n;
        }
    }

    return NGX_ERROR;
}


/* the members of an object with a comma before each; to be freed, or NULL */

static char *
ngx_http_sparkjob_record_shown(json_t *meta, ngx_str_t *s)
{
    char    *text;
    json_t  *shown;

    shown = json_object_get(meta, "shown");

    if (!json_is_object(shown) || json_object_size(shown) == 0) {
        return NULL;
    }

    text = json_dumps(shown, JSON_COMPACT);

    if (text) {
        text[0] = ',';
        s->data = (u_char *) text;
        s->len = ngx_strlen(text) - 1;
    }

    return text;
}


/* an event that tells of progress only has the numbers in its record itself */

static void
ngx_http_sparkjob_record_job(json_t *meta, ngx_http_sparkjob_job_part_t *job)
{
    json_t      *numbers;
    uint64_t     value;
    ngx_uint_t   n;

    job->micros = ngx_http_sparkjob_meta_number(meta, "runMicros");
    job->queue = ngx_http_sparkjob_meta_number(meta, "queue");

    numbers = json_object_get(meta, "progress");

    if (numbers == NULL) {
        numbers = meta;
    }

    for (n = 0; n < NGX_HTTP_SPARKJOB_NPROGRESS; n++) {
        value = ngx_http_sparkjob_meta_number(numbers,
                                       ngx_http_sparkjob_progress_members[n]);
        job->progress[n] = ngx_min(value, NGX_MAX_INT32_VALUE);
    }
}


/* the number of a context that is none is that of no session */

static void
ngx_http_sparkjob_record_session(json_t *meta,
    ngx_http_sparkjob_session_part_t *session)
{
    json_t  *number;

    number = json_object_get(meta, "session");

    session->number = json_is_integer(number) ? json_integer_value(number) : -1;
    session->until = ngx_http_sparkjob_meta_number(meta, "until");
    session->busy = json_is_true(json_object_get(meta, "busy"));
}


static uint64_t
ngx_http_sparkjob_meta_number(json_t *meta, const char *name)
{
    json_int_t  n;

    n = json_integer_value(json_object_get(meta, name));

    return n > 0 ? n : 0;
}


/* NGX_DECLINED and an empty string: there is no such member */

ngx_int_t
ngx_http_sparkjob_meta_string(json_t *meta, const char *name,
    ngx_str_t *value)
{
    json_t  *member;

    member = json_object_get(meta, name);

    if (!json_is_string(member)) {
        ngx_str_null(value);
        return NGX_DECLINED;
    }

    value->data = (u_char *) json_string_value(member);
    value->len = json_string_length(member);

    return NGX_OK;
}


ngx_int_t
ngx_http_sparkjob_record_kind(json_t *meta, ngx_http_sparkjob_kind_e *kind)
{
    ngx_uint_t   n;
    const char  *name;

    name = json_string_value(json_object_get(meta, "kind"));

    for (n = 0; name && n < NGX_HTTP_SPARKJOB_NKINDS; n++) {

        if (ngx_strcmp(ngx_http_sparkjob_shapes[n].name, name) == 0) {
            *kind = n;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


ngx_str_t
ngx_http_sparkjob_record_string(ngx_http_sparkjob_record_t *rec, ngx_uint_t n)
{
    ngx_str_t   s;
    ngx_uint_t  i;

    s.data = (u_char *) (rec + 1);
    s.len = rec->len[n];

    for (i = 0; i < n; i++) {
        s.data += rec->len[i];
    }

    return s;
}


/* of two records with one key: contexts that follow each other share a name */

ngx_uint_t
ngx_http_sparkjob_record_same(ngx_http_sparkjob_record_t *one,
    ngx_http_sparkjob_record_t *other)
{
    ngx_str_t  id, oid;

    if (one->kind != NGX_HTTP_SPARKJOB_CONTEXT) {
        return 1;
    }

    id = ngx_http_sparkjob_record_string(one, NGX_HTTP_SPARKJOB_CONTEXT_ID);
    oid = ngx_http_sparkjob_record_string(other, NGX_HTTP_SPARKJOB_CONTEXT_ID);

    return ngx_memn2cmp(id.data, oid.data, id.len, oid.len) == 0;
}


/*
 * The member of a report, from its comma on; empty if there was no progress.
 * While the job runs its string in the record has room to grow, filled with
 * blanks.
 */

ngx_str_t
ngx_http_sparkjob_record_progress(ngx_http_sparkjob_record_t *rec)
{
    ngx_str_t  s;

    /* most have none, and lists ask for each row */

    if (rec->kind != NGX_HTTP_SPARKJOB_JOB
        || rec->of.job.progress[NGX_HTTP_SPARKJOB_STAGES] == 0)
    {
        ngx_str_null(&s);
        return s;
    }

    s = ngx_http_sparkjob_record_string(rec, NGX_HTTP_SPARKJOB_JOB_PROGRESS);

    while (s.len && s.data[s.len - 1] == ' ') {
        s.len--;
    }

    return s;
}


ngx_str_t *
ngx_http_sparkjob_state_name(ngx_http_sparkjob_kind_e kind, ngx_uint_t state)
{
    return &ngx_http_sparkjob_shapes[kind].states[state].name;
}


ngx_int_t
ngx_http_sparkjob_state_number(ngx_http_sparkjob_kind_e kind, ngx_str_t *name)
{
    ngx_uint_t                  n;
    ngx_http_sparkjob_shape_t  *shape;

    shape = &ngx_http_sparkjob_shapes[kind];

    for (n = 0; n < shape->nstates; n++) {

        if (shape->states[n].name.len == name->len
            && ngx_strncmp(shape->states[n].name.data, name->data, name->len)
               == 0)
        {
            return n;
        }
    }

    return NGX_ERROR;
}
