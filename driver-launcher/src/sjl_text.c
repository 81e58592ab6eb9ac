
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_text.h"


typedef struct {
    unsigned char  first;               /* up to the next row's */
    unsigned char  left;
    unsigned char  min;
    unsigned char  max;
} sjl_text_lead_t;


static const sjl_text_lead_t *sjl_text_lead(unsigned char byte);


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
