
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjc_option.h"

#include <getopt.h>


/* above all letters */
#define SJC_OPTION_BASE  256


typedef struct {
    sjc_option_e  option;
    char         *value;
} sjc_given_t;


static void sjc_option_add(sjc_option_e option, char *value);
static sjc_option_e sjc_option_found(int c, uint64_t allowed);


static const struct {
    char         letter;
    const char  *name;
    const char  *value;
    const char  *help;
} sjc_options[] = {
#define SJC_X(sym, letter, name, value, help)  { letter, name, value, help },
    SJC_OPTIONS(SJC_X)
#undef SJC_X
};


static struct {
    sjc_given_t  *list;
    size_t        n;
} sjc_given;


int
sjc_option_parse(int argc, char **argv, uint64_t allowed, int first)
{
    int             c;
    char            letters[2 * SJC_NOPTIONS + 2], *p;
    size_t          i, n;
    struct option   names[SJC_NOPTIONS + 1];

    p = letters;
    n = 0;

    if (first) {
        *p++ = '+';
    }

    for (i = 0; i < SJC_NOPTIONS; i++) {

        if (!(allowed & sjc_bit(i))) {
            continue;
        }

        names[n].name = sjc_options[i].name;
        names[n].has_arg = sjc_options[i].value != NULL;
        names[n].flag = NULL;
        names[n++].val = SJC_OPTION_BASE + (int) i;

        if (sjc_options[i].letter) {
            *p++ = sjc_options[i].letter;
        }

        if (sjc_options[i].letter && sjc_options[i].value) {
            *p++ = ':';
        }
    }

    memset(&names[n], 0, sizeof(struct option));
    *p = '\0';

    /* getopt's way to begin anew */
    optind = 0;

    while ((c = getopt_long(argc, argv, letters, names, NULL)) != -1) {

        if (c == '?') {
            return -1;
        }

        sjc_option_add(sjc_option_found(c, allowed), optarg);
    }

    return optind;
}


/* a letter may stand for one option here, and for another there */

static sjc_option_e
sjc_option_found(int c, uint64_t allowed)
{
    size_t  i;

    if (c >= SJC_OPTION_BASE) {
        return c - SJC_OPTION_BASE;
    }

    i = 0;

    while (!(allowed & sjc_bit(i)) || sjc_options[i].letter != c) {
        i++;
    }

    return i;
}


static void
sjc_option_add(sjc_option_e option, char *value)
{
    sjc_given_t  *list;

    list = sjc_alloc((sjc_given.n + 1) * sizeof(sjc_given_t));

    if (sjc_given.n) {
        memcpy(list, sjc_given.list, sjc_given.n * sizeof(sjc_given_t));
    }

    list[sjc_given.n].option = option;
    list[sjc_given.n].value = sjc_format("%s", value ? value : "");

    /* whoever looks at the processes need not see the password */

    if (option == SJC_USER && value) {
        memset(value, '*', strlen(value));
    }

    free(sjc_given.list);
    sjc_given.list = list;
    sjc_given.n++;
}


const char *
sjc_option(sjc_option_e option)
{
    size_t  i;

    for (i = sjc_given.n; i > 0; i--) {
        if (sjc_given.list[i - 1].option == option) {
            return sjc_given.list[i - 1].value;
        }
    }

    return NULL;
}


const char *
sjc_option_nth(sjc_option_e option, size_t n)
{
    size_t  i;

    for (i = 0; i < sjc_given.n; i++) {
        if (sjc_given.list[i].option == option && n-- == 0) {
            return sjc_given.list[i].value;
        }
    }

    return NULL;
}


void
sjc_option_help(FILE *out, uint64_t which)
{
    int     n;
    size_t  i;

    for (i = 0; i < SJC_NOPTIONS; i++) {

        if (!(which & sjc_bit(i))) {
            continue;
        }

        n = fprintf(out, sjc_options[i].letter ? "  -%c, " : "      ",
                    sjc_options[i].letter);
        n += fprintf(out, "--%s%s%s", sjc_options[i].name,
                     sjc_options[i].value ? " " : "",
                     sjc_options[i].value ? sjc_options[i].value : "");

        (void) fprintf(out, "%*s%s\n", n < 30 ? 30 - n : 1, "",
                       sjc_options[i].help);
    }
}


void
sjc_option_free(void)
{
    while (sjc_given.n) {
        free(sjc_given.list[--sjc_given.n].value);
    }

    free(sjc_given.list);
    sjc_given.list = NULL;
}
