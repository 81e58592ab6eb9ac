
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Numbers that count up by one and are given once only, also by later
 * launchers, whatever becomes of what has them.
 */


#ifndef _SJL_NUMBER_H_INCLUDED_
#define _SJL_NUMBER_H_INCLUDED_


#include "sjl_dao.h"


typedef enum {
    SJL_NUMBER_SESSION = 0,
    SJL_NUMBER_BATCH,
    SJL_NNUMBERS
} sjl_number_e;


/* the next one, from 0 */
int64_t sjl_number_take(sjl_number_e which);

/*
 * On the database thread, in the transaction that keeps what has a number: it
 * and smaller ones are not given again.  Returns what the DAO does.
 */
int sjl_number_keep(sjl_dao_t *dao, sjl_number_e which, int64_t number);

/* a row that another launcher has left */
void sjl_number_adopt(const sjl_number_row_t *row);


#endif /* _SJL_NUMBER_H_INCLUDED_ */
