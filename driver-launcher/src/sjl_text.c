
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_text.h"

#include <ctype.h>


typedef struct {
    unsigned char  first;               /* up to the next row's */
    unsigned char  left;
    unsigned char  min;
    unsigned char  max;
} sjl_text_lead_t;


static const sjl_text_lead_t *sjl_text_lead(unsigned char byte);


static const char *const  sjl_text_keywords[] = {
    "False", "None", "True", "and", "as", "assert", "async", "await", "break",
    "class", "continue", "def", "del", "elif", "else", "except", "finally",
    "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield"
};


/* what may follow a character's first byte; overlong forms are no characters */

static const sjl_text_lead_t  sjl_text_leads[] = {
    { 0xc2, 1, 0x80, 0xbf },
    { 0xe0, 2, 0xa0, 0xbf },
    { 0xe1, 2, 0x80, 0xbf },
    { 0xed, 2, 0x80, 0x9f },            /* surrogates would follow */
    { 0xee, 2, 0x80, 0xbf },
    { 0xf0, 3, 0x90, 0xbf },
    { 0xf1, 3, 0x80, 0xbf },
    { 0xf4, 3, 0x80, 0x8f }
};


int
sjl_text_check(sjl_text_t *text, const char *p, size_t n)
{
    size_t                  i;
    unsigned char           byte;
    const sjl_text_lead_t  *lead;

    for (i = 0; i < n; i++) {
        byte = (unsigned char) p[i];

        if (text->left) {
            if (byte < text->min || byte > text->max) {
                return SJL_ERROR;
            }

            text->left--;
            text->min = 0x80;
            text->max = 0xbf;
            continue;
        }

        if (byte && byte < 0x80) {
            continue;
        }

        lead = sjl_text_lead(byte);

        if (lead == NULL) {
            return SJL_ERROR;
        }

        text->left = lead->left;
        text->min = lead->min;
        text->max = lead->max;
    }

    return SJL_OK;
}


static const sjl_text_lead_t *
sjl_text_lead(unsigned char byte)
{
    size_t                  i;
    const sjl_text_lead_t  *lead;

    lead = NULL;

    for (i = 0; i < sjl_nelts(sjl_text_leads); i++) {
        if (byte >= sjl_text_leads[i].first && byte <= 0xf4) {
            lead = &sjl_text_leads[i];
        }
    }

    return lead;
}


int
sjl_text_end(const sjl_text_t *text)
{
    return text->left ? SJL_ERROR : SJL_OK;
}


/* of characters beyond ASCII Python itself knows which are letters */

int
sjl_text_is_module(const char *name)
{
    size_t       i;
    const char  *p;

    for (p = name; *p; p++) {
        if (!isalpha((unsigned char) *p) && *p != '_' && !(*p & 0x80)
            && (p == name || !isdigit((unsigned char) *p)))
        {
            return 0;
        }
    }

    for (i = 0; i < sjl_nelts(sjl_text_keywords); i++) {
        if (strcmp(name, sjl_text_keywords[i]) == 0) {
            return 0;
        }
    }

    return *name != '\0';
}
