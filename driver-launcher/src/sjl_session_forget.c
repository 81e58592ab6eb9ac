
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * A session that has died is not shown any longer, since somebody wants it to
 * be deleted.
 */


#include "sjl_session.h"
#include "sjl_channel.h"
#include "sjl_db.h"


typedef struct {
    sjl_db_op_t         op;
    sjl_request_t      *request;
    sjl_context_row_t   row;
} sjl_session_op_t;


static void sjl_session_found(void *data, sjl_request_t *r,
    const sjl_context_row_t *row);
static int sjl_session_run_forget(sjl_db_op_t *op, sjl_dao_t *dao);
static void sjl_session_forgotten(sjl_db_op_t *op);


void
sjl_session_forget(sjl_request_t *r, const char *session, const char *own)
{
    sjl_session_look(r, session, own, sjl_session_found, NULL);
}


static void
sjl_session_found(void *data, sjl_request_t *r, const sjl_context_row_t *row)
{
    sjl_session_op_t  *sop;

    (void) data;

    if (row == NULL) {
        return;
    }

    sop = sjl_alloc(sizeof(sjl_session_op_t));
    sop->request = r;
    sop->op.run = sjl_session_run_forget;
    sop->op.done = sjl_session_forgotten;
    sop->op.keeps = 1;

    sjl_row_copy(&sjl_contexts_table, &sop->row, row);
    sjl_db_add(&sop->op, 0);
}


static int
sjl_session_run_forget(sjl_db_op_t *op, sjl_dao_t *dao)
{
    return dao->type->session_forget(dao, sjl_container(op, sjl_session_op_t,
                                                        op)->row.id);
}


static void
sjl_session_forgotten(sjl_db_op_t *op)
{
    sjl_session_op_t  *sop;

    sop = sjl_container(op, sjl_session_op_t, op);

    if (op->rc == SJL_ERROR) {
        sjl_request_storage_failed(sop->request, &op->why);

    } else {
        sop->row.until = 0;
        sop->row.rev++;

        sjl_channel_publish("put", "context", sjl_session_record(&sop->row),
                            NULL, 0);
        sjl_request_reply(sop->request, NULL, NULL, 0);
    }

    sjl_row_clear(&sjl_contexts_table, &sop->row);
    free(sop);
}
