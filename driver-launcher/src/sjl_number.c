
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_number.h"
#include "sjl_state.h"


typedef struct {
    const char  *name;
    int64_t      next;
} sjl_number_kept_t;


static void sjl_number_found(void *data, const void *row);


static const char *const  sjl_number_names[] = { "session", "batch", NULL };

static int64_t  sjl_numbers[SJL_NNUMBERS];


int64_t
sjl_number_take(sjl_number_e which)
{
    return sjl_numbers[which]++;
}


/* what has to be tried again may come after a larger one */

int
sjl_number_keep(sjl_dao_t *dao, sjl_number_e which, int64_t number)
{
    sjl_number_row_t   row;
    sjl_number_kept_t  kept;

    kept.name = sjl_number_names[which];
    kept.next = -1;

    if (dao->type->row_all(dao, &sjl_numbers_table, sjl_number_found, &kept)
        != SJL_OK)
    {
        return SJL_ERROR;
    }

    if (kept.next > number) {
        return SJL_OK;
    }

    memset(&row, 0, sizeof(sjl_number_row_t));
    row.name = (char *) (uintptr_t) sjl_number_names[which];
    row.next = number + 1;

    return dao->type->row_put(dao, &sjl_numbers_table, &row);
}


static void
sjl_number_found(void *data, const void *row)
{
    sjl_number_kept_t       *kept;
    const sjl_number_row_t  *number;

    kept = data;
    number = row;

    if (strcmp(number->name, kept->name) == 0) {
        kept->next = number->next;
    }
}


void
sjl_number_adopt(const sjl_number_row_t *row)
{
    int  which;

    which = sjl_name_find(sjl_number_names, row->name);

    if (which != -1 && row->next > sjl_numbers[which]) {
        sjl_numbers[which] = row->next;
    }
}
