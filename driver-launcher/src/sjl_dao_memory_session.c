
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Sessions and their statements in memory.
 */


#include "sjl_dao_memory.h"

#include <utlist.h>


static const sjl_job_row_t *sjl_memory_statement(const sjl_entry_t *entry,
    const char *context);


int
sjl_memory_context_session(sjl_dao_t *dao, int64_t session, sjl_dao_row_pt fn,
    void *data)
{
    sjl_entry_t  *entry;

    DL_FOREACH(sjl_memory(dao)->contexts.list, entry) {
        if (session >= 0
            && ((sjl_context_row_t *) entry->row)->session == session)
        {
            fn(data, entry->row);
        }
    }

    return SJL_OK;
}


/* about: that they end in the order in which they began */

int
sjl_memory_context_shown(sjl_dao_t *dao, int64_t now, int64_t limit,
    sjl_dao_row_pt fn, void *data)
{
    sjl_entry_t  *entry, *list;

    list = sjl_memory(dao)->contexts.list;

    for (entry = list ? list->prev : NULL; entry && limit > 0;
         entry = entry == list ? NULL : entry->prev)
    {
        if (((sjl_context_row_t *) entry->row)->until > now) {
            fn(data, entry->row);
            limit--;
        }
    }

    return SJL_OK;
}


/* about: all that died, and in the order in which they began */

int
sjl_memory_session_list(sjl_dao_t *dao, int64_t now, int64_t limit,
    sjl_dao_row_pt fn, void *data)
{
    sjl_entry_t              *entry, *list;
    const sjl_context_row_t  *row;

    (void) limit;

    list = sjl_memory(dao)->contexts.list;

    for (entry = list ? list->prev : NULL; entry;
         entry = entry == list ? NULL : entry->prev)
    {
        row = (const sjl_context_row_t *) entry->row;

        if (row->session >= 0 && (!row->final || row->until > now)) {
            fn(data, row);
        }
    }

    return SJL_OK;
}


int
sjl_memory_session_forget(sjl_dao_t *dao, const char *id)
{
    sjl_entry_t        *entry;
    sjl_memory_t       *m;
    sjl_context_row_t   context;

    m = sjl_memory(dao);
    entry = sjl_memory_find(&m->contexts, id);

    if (entry && ((sjl_context_row_t *) entry->row)->final) {
        context = *(sjl_context_row_t *) entry->row;
        context.until = 0;
        context.rev++;
        sjl_memory_replace(m, &m->contexts, entry, &context);
    }

    return SJL_OK;
}


int
sjl_memory_statement_get(sjl_dao_t *dao, const char *context, int64_t number,
    sjl_dao_row_pt fn, void *data)
{
    sjl_entry_t          *entry;
    const sjl_job_row_t  *row;

    DL_FOREACH(sjl_memory(dao)->jobs.list, entry) {
        row = sjl_memory_statement(entry, context);

        if (row && row->statement == number) {
            fn(data, row);
        }
    }

    return SJL_OK;
}


static const sjl_job_row_t *
sjl_memory_statement(const sjl_entry_t *entry, const char *context)
{
    const sjl_job_row_t  *row;

    row = entry->row;

    return row->statement >= 0 && strcmp(row->context_id, context) == 0
           ? row : NULL;
}


/* they are added in the order of their numbers */

int
sjl_memory_statement_list(sjl_dao_t *dao, const sjl_statements_t *statements,
    sjl_dao_row_pt fn, void *data)
{
    int64_t               skip, left;
    sjl_entry_t          *entry, *list, *next;
    const sjl_job_row_t  *row;

    list = sjl_memory(dao)->jobs.list;
    skip = statements->skip;
    left = statements->limit;

    for (entry = list && statements->down ? list->prev : list;
         entry && left > 0;
         entry = next)
    {
        next = !statements->down ? entry->next
               : entry == list ? NULL : entry->prev;
        row = sjl_memory_statement(entry, statements->context);

        if (row == NULL
            || (statements->down ? row->statement >= statements->after
                                 : row->statement <= statements->after)
            || skip-- > 0)
        {
            continue;
        }

        fn(data, row);
        left--;
    }

    return SJL_OK;
}


int
sjl_memory_statement_count(sjl_dao_t *dao, const char *context, int64_t *count)
{
    sjl_entry_t  *entry;

    *count = 0;

    DL_FOREACH(sjl_memory(dao)->jobs.list, entry) {
        *count += sjl_memory_statement(entry, context) != NULL;
    }

    return SJL_OK;
}


void
sjl_memory_statement_added(sjl_memory_t *m, const sjl_job_row_t *row)
{
    sjl_entry_t        *entry;
    sjl_context_row_t   context;

    if (row->statement < 0) {
        return;
    }

    entry = sjl_memory_find(&m->contexts, row->context_id);

    if (entry == NULL) {
        return;
    }

    context = *(sjl_context_row_t *) entry->row;

    if (context.statements <= row->statement) {
        context.statements = row->statement + 1;
        sjl_memory_replace(m, &m->contexts, entry, &context);
    }
}
