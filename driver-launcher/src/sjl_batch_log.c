
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Lines of a batch's log, as Livy counts them: what was said stands between two
 * headings.  Both of its streams are one here, in the order in which they were
 * written, and behind them stands why it has ended, unless it was successful.
 */


#include "sjl_batch.h"
#include "sjl_config.h"
#include "sjl_files.h"


#define SJL_BATCH_LOG_CHUNK   (256 * 1024)
#define SJL_BATCH_LOG_LINE    (64 * 1024)       /* longer ones are cut */
#define SJL_BATCH_LOG_ANSWER  (8 * 1024 * 1024)


typedef struct {
    sjl_request_t  *request;
    int64_t         number;
    int64_t         from;
    int64_t         size;
    int64_t         total;
    off_t           begin;              /* where the first line is, or before */
    char           *reason;             /* why it has ended so, or NULL */
    json_t         *lines;
    size_t          bytes;
    FILE           *file;
} sjl_batch_lines_t;


static int sjl_batch_log_read(sjl_file_op_t *op);
static void sjl_batch_log_begin(sjl_batch_lines_t *lines);
static int64_t sjl_batch_log_count(sjl_batch_lines_t *lines);
static void sjl_batch_log_take(sjl_batch_lines_t *lines, int64_t said,
    int64_t end);
static int sjl_batch_log_line(FILE *file, char *line);
static void sjl_batch_log_add(sjl_batch_lines_t *lines, char *line);
static void sjl_batch_log_answer(sjl_file_op_t *op);


void
sjl_batch_log(sjl_conn_t *c, sjl_frame_t *f)
{
    size_t              size, max;
    json_int_t          from, count;
    const char         *which, *owner;
    sjl_batch_t        *b;
    sjl_request_t      *r;
    sjl_file_op_t      *op;
    sjl_batch_lines_t  *lines;

    r = sjl_request_make(c, f);
    owner = NULL;

    if (sjl_request_unpack(r, f, "{s:s, s:I, s:I, s?s}", "batch", &which,
                           "from", &from, "size", &count, "owner", &owner)
        == SJL_ERROR)
    {
        return;
    }

    b = sjl_batch_which(which, owner);

    if (b == NULL) {
        sjl_request_refuse(r, SJP_ERR_NO_SUCH_BATCH, which);
        return;
    }

    lines = sjl_alloc(sizeof(sjl_batch_lines_t));
    lines->request = r;
    lines->number = b->row.number;
    lines->from = from;
    lines->size = count;
    lines->reason = sjl_strdup(b->row.reason);

    op = sjl_file_op_make(sjl_batch_log_read, sjl_batch_log_answer, lines);
    op->from = sjl_batch_path(b, SJL_BATCH_LOG);
    op->fd = sjl_file_open_log(op->from, 0, &size);

    /* the batch's user may have put anything in its place, of any length */

    max = (size_t) sjl_conf->batch_log * 1024 * 1024;
    lines->begin = (off_t) (size > max ? size - max : 0);

    sjl_file_op_add(op);
}


static int
sjl_batch_log_read(sjl_file_op_t *op)
{
    int                 fd, rc;
    FILE               *file;
    int64_t             said, end;
    sjl_batch_lines_t  *lines;

    lines = op->data;
    lines->lines = json_array();

    fd = op->fd == -1 ? -1 : dup(op->fd);
    file = fd == -1 ? NULL : fdopen(fd, "r");

    if (file == NULL) {
        rc = sjl_files_fail(op, "open", op->from);

        if (fd != -1) {
            (void) close(fd);
        }

        return rc;
    }

    lines->file = file;

    sjl_batch_log_begin(lines);
    said = sjl_batch_log_count(lines);
    lines->total = said + 2 + (lines->reason != NULL);

    if (lines->size < 0 || lines->size > lines->total) {
        lines->size = lines->total;
    }

    if (lines->from < 0) {
        lines->from = lines->total - lines->size;

    } else if (lines->from > lines->total) {
        lines->from = lines->total;
    }

    end = lines->from + lines->size;
    end = end < lines->total ? end : lines->total;

    sjl_batch_log_take(lines, said, end);

    (void) fclose(file);

    return SJL_OK;
}


static void
sjl_batch_log_begin(sjl_batch_lines_t *lines)
{
    (void) fseeko(lines->file, lines->begin, SEEK_SET);
}


/* what has no line end yet is a line, too */

static int64_t
sjl_batch_log_count(sjl_batch_lines_t *lines)
{
    char        *chunk, last;
    size_t       n;
    int64_t      count;
    const char  *p, *end;

    chunk = sjl_alloc_raw(SJL_BATCH_LOG_CHUNK);
    count = 0;
    last = '\n';

    for (n = fread(chunk, 1, SJL_BATCH_LOG_CHUNK, lines->file);
         n;
         n = fread(chunk, 1, SJL_BATCH_LOG_CHUNK, lines->file))
    {
        end = chunk + n;
        last = end[-1];

        for (p = memchr(chunk, '\n', n);
             p;
             p = memchr(p + 1, '\n', (size_t) (end - p - 1)))
        {
            count++;
        }
    }

    free(chunk);
    sjl_batch_log_begin(lines);

    return count + (last != '\n');
}


/* an answer that would be too long ends before that */

static void
sjl_batch_log_take(sjl_batch_lines_t *lines, int64_t said, int64_t end)
{
    char      heading[] = "stdout: ", other[] = "\nstderr: ", *line;
    int64_t   i;

    line = sjl_alloc_raw(SJL_BATCH_LOG_LINE + 2);

    for (i = 0; i < end && lines->bytes < SJL_BATCH_LOG_ANSWER; i++) {

        if (i == 0 || i > said) {

            if (i >= lines->from) {
                sjl_batch_log_add(lines, i == 0 ? heading
                                  : i == said + 1 ? other : lines->reason);
            }

            continue;
        }

        if (!sjl_batch_log_line(lines->file, line)) {
            break;
        }

        if (i >= lines->from) {
            sjl_batch_log_add(lines, line);
        }
    }

    free(line);
}


/* as much of the next one as is told, and a byte; 0: there is none */

static int
sjl_batch_log_line(FILE *file, char *line)
{
    int     c;
    size_t  n;

    n = 0;

    for (c = getc_unlocked(file);
         c != EOF && c != '\n';
         c = getc_unlocked(file))
    {
        if (n <= SJL_BATCH_LOG_LINE) {
            line[n++] = (char) c;
        }
    }

    line[n] = '\0';

    return c != EOF || n;
}


static void
sjl_batch_log_add(sjl_batch_lines_t *lines, char *line)
{
    if (strlen(line) > SJL_BATCH_LOG_LINE) {
        sjl_text_cut(line, SJL_BATCH_LOG_LINE);
    }

    sjl_text_clean(line);
    lines->bytes += strlen(line) + 1;

    (void) json_array_append_new(lines->lines, json_string(line));
}


static void
sjl_batch_log_answer(sjl_file_op_t *op)
{
    char               *text;
    sjl_batch_lines_t  *lines;

    lines = op->data;

    if (op->rc == SJL_ERROR) {
        sjl_request_storage_failed(lines->request, &op->why);

    } else {
        text = sjl_json_text(lines->lines);
        sjl_request_reply_long(lines->request,
                               json_pack("{s:I, s:I, s:I}", "batch",
                                         (json_int_t) lines->number, "from",
                                         (json_int_t) lines->from, "total",
                                         (json_int_t) lines->total),
                               text, strlen(text));
        free(text);
    }

    json_decref(lines->lines);
    free(lines->reason);
    free(lines);
    sjl_file_op_free(op);
}
