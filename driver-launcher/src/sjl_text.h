
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Whether bytes that come in pieces are text in UTF-8, and names are Python's.
 */


#ifndef _SJL_TEXT_H_INCLUDED_
#define _SJL_TEXT_H_INCLUDED_


#include "sjl.h"


/* all zero at first */

typedef struct {
    unsigned       left;                /* bytes of the present character */
    unsigned char  min;                 /* of the next one of them */
    unsigned char  max;
} sjl_text_t;


/* returns SJL_OK, or SJL_ERROR if no text goes on like this */
int sjl_text_check(sjl_text_t *text, const char *p, size_t n);

/* SJL_ERROR: the text ends within a character */
int sjl_text_end(const sjl_text_t *text);

/* whether a module of Python can be called so */
int sjl_text_is_module(const char *name);


#endif /* _SJL_TEXT_H_INCLUDED_ */
