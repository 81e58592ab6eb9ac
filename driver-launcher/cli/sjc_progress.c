
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjc_progress.h"


#define SJC_PROGRESS_BAR    30
#define SJC_PROGRESS_EVERY  100


static int sjc_progress_sent(void *data, curl_off_t dltotal, curl_off_t dlnow,
    curl_off_t ultotal, curl_off_t ulnow);


static struct {
    char     *text;
    int64_t   drawn;
} sjc_progress;


char *
sjc_progress_text(const char *label, double part, const char *more)
{
    int   n;
    char  bar[SJC_PROGRESS_BAR + 1];

    part = part < 0 ? 0 : part > 1 ? 1 : part;
    n = (int) (part * SJC_PROGRESS_BAR);

    memset(bar, '-', SJC_PROGRESS_BAR);
    memset(bar, '#', n);
    bar[SJC_PROGRESS_BAR] = '\0';

    return sjc_format("%s [%s] %3d%%%s%s", label, bar, (int) (part * 100),
                      *more ? "  " : "", more);
}


void
sjc_progress_show(const char *label, double part, const char *more)
{
    if (!isatty(STDERR_FILENO)) {
        return;
    }

    free(sjc_progress.text);
    sjc_progress.text = sjc_progress_text(label, part, more);

    sjc_progress_again();
}


void
sjc_progress_hide(void)
{
    if (sjc_progress.text) {
        (void) fprintf(stderr, "\r\033[K");
    }
}


void
sjc_progress_again(void)
{
    if (sjc_progress.text) {
        (void) fprintf(stderr, "\r\033[K%s", sjc_progress.text);
        (void) fflush(stderr);
    }
}


void
sjc_progress_end(void)
{
    if (sjc_progress.text) {
        (void) fprintf(stderr, "\n");
        free(sjc_progress.text);
        sjc_progress.text = NULL;
    }
}


void
sjc_progress_upload(CURL *curl)
{
    (void) curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void) curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, sjc_progress_sent);
}


static int
sjc_progress_sent(void *data, curl_off_t dltotal, curl_off_t dlnow,
    curl_off_t ultotal, curl_off_t ulnow)
{
    char     *more;
    int64_t   now;

    (void) data;
    (void) dltotal;
    (void) dlnow;

    now = sjc_now();

    if (ultotal == 0
        || (ulnow < ultotal && now - sjc_progress.drawn < SJC_PROGRESS_EVERY))
    {
        return 0;
    }

    sjc_progress.drawn = now;

    more = sjc_format("%.1f of %.1f MB", (double) ulnow / 1e6,
                      (double) ultotal / 1e6);
    sjc_progress_show("upload", (double) ulnow / (double) ultotal, more);
    free(more);

    return 0;
}
