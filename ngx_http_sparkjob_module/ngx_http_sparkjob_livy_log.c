
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Logs in Livy's dialect: lines by number, of which there are as many as the
 * end of the file has.  Livy, too, keeps but the last ones.
 */


#include <ngx_http_sparkjob_livy.h>


static u_char *ngx_http_sparkjob_livy_log_end(u_char *p, u_char *last);


/*
 * Of a file of any length the last "tail" bytes, and behind them what else is
 * to be told; the descriptor stays.
 */

ngx_int_t
ngx_http_sparkjob_livy_log_read(ngx_http_request_t *r,
    ngx_http_sparkjob_message_t *msg, size_t tail, ngx_str_t *more,
    ngx_http_sparkjob_livy_log_t *log)
{
    off_t             size, from;
    u_char           *p;
    ssize_t           n;
    ngx_str_t         text;
    ngx_file_t        file;
    ngx_file_info_t   fi;

    if (msg->fd == -1 || ngx_fd_info(msg->fd, &fi) == NGX_FILE_ERROR
        || !ngx_is_file(&fi))
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, ngx_errno,
                      "sparkjob launcher sent no descriptor of a log");
        return NGX_ERROR;
    }

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.fd = msg->fd;
    file.log = r->connection->log;
    ngx_str_set(&file.name, "sparkjob log");

    size = ngx_file_size(&fi);
    from = ngx_max(size - (off_t) tail, 0);

    log->start = ngx_pnalloc(r->pool, size - from + 1 + more->len);
    if (log->start == NULL) {
        return NGX_ERROR;
    }

    n = (size > from) ? ngx_read_file(&file, log->start, size - from, from) : 0;

    if (n == NGX_ERROR) {
        return NGX_ERROR;
    }

    log->last = log->start + n;
    log->total = 0;

    /* the first line is a part of one where the file is longer */

    if (from) {
        p = ngx_strlchr(log->start, log->last, LF);
        log->start = p ? p + 1 : log->start;
    }

    if (more->len) {
        if (log->last > log->start && log->last[-1] != LF) {
            *log->last++ = LF;
        }

        log->last = ngx_cpymem(log->last, more->data, more->len);
    }

    text.data = log->start;
    text.len = log->last - log->start;
    ngx_http_sparkjob_clean_utf8(&text);

    for (p = log->start;
         p < log->last;
         p = ngx_http_sparkjob_livy_log_end(p, log->last) + 1)
    {
        log->total++;
    }

    return NGX_OK;
}


static u_char *
ngx_http_sparkjob_livy_log_end(u_char *p, u_char *last)
{
    p = ngx_strlchr(p, last, LF);

    return p ? p : last;
}


/* which lines are meant: from a number on, or the last ones */

void
ngx_http_sparkjob_livy_log_page(ngx_http_sparkjob_livy_log_t *log,
    ngx_http_sparkjob_livy_page_t *page)
{
    ngx_int_t  total;

    total = log->total;

    if (page->size < 0 || page->size > total) {
        page->size = total;
    }

    if (page->from < 0) {
        page->from = total - page->size;
    }

    page->size = ngx_max(ngx_min(page->size, total - page->from), 0);
}


/* room for all of its lines as JSON */

size_t
ngx_http_sparkjob_livy_log_len(ngx_http_sparkjob_livy_log_t *log)
{
    ngx_str_t  text;

    text.data = log->start;
    text.len = log->last - log->start;

    return ngx_http_sparkjob_json_len(&text)
           + log->total * (sizeof("\"\",") - 1);
}


/* strings with commas between */

u_char *
ngx_http_sparkjob_livy_log_lines(u_char *p, ngx_http_sparkjob_livy_log_t *log,
    ngx_http_sparkjob_livy_page_t *page)
{
    u_char     *s, *end;
    ngx_int_t   n;
    ngx_str_t   line;

    n = 0;

    for (s = log->start; s < log->last; s = end + 1, n++) {
        end = ngx_http_sparkjob_livy_log_end(s, log->last);

        if (n < page->from) {
            continue;
        }

        if (n - page->from >= page->size) {
            break;
        }

        line.data = s;
        line.len = end - s;

        if (n != page->from) {
            *p++ = ',';
        }

        *p++ = '"';
        p = ngx_http_sparkjob_json(p, &line);
        *p++ = '"';
    }

    return p;
}
