
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What Livy's API shows of batches.  The last lines of their logs are read by
 * the file thread: a page has many of them, on a disk that may be slow.
 */


#include "sjl_batch.h"
#include "sjl_files.h"


#define SJL_BATCH_LINES  10             /* of its log are shown with it */
#define SJL_BATCH_TAIL   (16 * 1024)


typedef struct {
    sjl_request_t  *request;
    json_t         *meta;
    json_t         *shown;              /* an array, with reasons as logs */
    char          **logs;               /* their paths */
    size_t          n;
    int             alone;              /* it is told without the array */
    char           *text;
} sjl_batch_show_t;


static json_t *sjl_batch_shown(sjl_batch_t *b);
static json_t *sjl_batch_text(const char *text);
static int sjl_batch_show_read(sjl_file_op_t *op);
static json_t *sjl_batch_show_lines(const char *path, json_t *reason);
static void sjl_batch_show_done(sjl_file_op_t *op);


void
sjl_batch_show(sjl_request_t *r, json_t *meta, sjl_batch_t **batches, size_t n,
    int alone)
{
    size_t             i;
    sjl_batch_show_t  *show;

    show = sjl_alloc(sizeof(sjl_batch_show_t));
    show->request = r;
    show->meta = meta;
    show->shown = json_array();
    show->logs = sjl_alloc((n + 1) * sizeof(char *));
    show->n = n;
    show->alone = alone;

    for (i = 0; i < n; i++) {
        (void) json_array_append_new(show->shown, sjl_batch_shown(batches[i]));
        show->logs[i] = sjl_batch_path(batches[i], SJL_BATCH_LOG);
    }

    sjl_file_op_add(sjl_file_op_make(sjl_batch_show_read, sjl_batch_show_done,
                                     show));
}


static json_t *
sjl_batch_shown(sjl_batch_t *b)
{
    json_t  *reason;

    reason = json_array();

    if (b->row.reason) {
        (void) json_array_append_new(reason, json_string(b->row.reason));
    }

    return json_pack("{s:I, s:o, s:o, s:o, s:s, s:o, s:{s:n, s:o, s:n}, s:o}",
                     "id", (json_int_t) b->row.number,
                     "name", sjl_batch_text(b->row.name),
                     "owner", sjl_batch_text(*b->row.user ? b->row.user : NULL),
                     "proxyUser", sjl_batch_text(b->row.proxy_user),
                     "state", sjl_batch_state(b),
                     "appId", sjl_batch_text(b->application ? b->application
                                             : b->row.application),
                     "appInfo", "driverLogUrl",
                     "sparkUiUrl", sjl_batch_text(b->url ? b->url
                                                  : b->row.url),
                     "executorLogUrls",
                     "log", reason);
}


/* whatever is not known is told, too */

static json_t *
sjl_batch_text(const char *text)
{
    return text ? json_string(text) : json_null();
}


/* on the file thread, as long as that has it nobody else does */

static int
sjl_batch_show_read(sjl_file_op_t *op)
{
    size_t             i;
    json_t            *batch;
    sjl_batch_show_t  *show;

    show = op->data;

    json_array_foreach(show->shown, i, batch) {
        (void) json_object_set_new(batch, "log",
                                   sjl_batch_show_lines(show->logs[i],
                                       json_object_get(batch, "log")));
    }

    show->text = sjl_json_text(show->alone ? json_array_get(show->shown, 0)
                                           : show->shown);

    return SJL_OK;
}


static json_t *
sjl_batch_show_lines(const char *path, json_t *reason)
{
    char    *tail, *line, *save;
    json_t  *lines;

    lines = json_array();
    tail = sjl_file_tail(path, 0, SJL_BATCH_LINES, SJL_BATCH_TAIL);

    for (line = tail ? strtok_r(tail, "\n", &save) : NULL;
         line;
         line = strtok_r(NULL, "\n", &save))
    {
        (void) json_array_append_new(lines, json_string(line));
    }

    (void) json_array_extend(lines, reason);
    free(tail);

    return lines;
}


static void
sjl_batch_show_done(sjl_file_op_t *op)
{
    size_t             i;
    sjl_batch_show_t  *show;

    show = op->data;

    sjl_request_reply_long(show->request, show->meta, show->text,
                           strlen(show->text));

    for (i = 0; i < show->n; i++) {
        free(show->logs[i]);
    }

    json_decref(show->shown);
    free(show->logs);
    free(show->text);
    free(show);
    sjl_file_op_free(op);
}
