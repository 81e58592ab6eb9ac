
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The bar on the last line of a terminal; nothing when stderr is none.
 */


#ifndef _SJC_PROGRESS_H_INCLUDED_
#define _SJC_PROGRESS_H_INCLUDED_


#include "sjc.h"

#include <curl/curl.h>


/* the bar as text, to be freed: "label [#####-----]  50%  more" */
char *sjc_progress_text(const char *label, double part, const char *more);

/* draws it in place of the one before */
void sjc_progress_show(const char *label, double part, const char *more);

/* takes the bar away, so that other text can be written; _again puts it back */
void sjc_progress_hide(void);
void sjc_progress_again(void);

/* the bar stays as it is, what comes next is on a new line */
void sjc_progress_end(void);

/* shows how much of the body has been sent */
void sjc_progress_upload(CURL *curl);


#endif /* _SJC_PROGRESS_H_INCLUDED_ */
