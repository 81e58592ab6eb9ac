
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_dispatch.h"
#include "sjl_batch.h"
#include "sjl_binary.h"
#include "sjl_change.h"
#include "sjl_channel.h"
#include "sjl_complete.h"
#include "sjl_context.h"
#include "sjl_data.h"
#include "sjl_dump.h"
#include "sjl_history.h"
#include "sjl_job.h"
#include "sjl_limit.h"
#include "sjl_link.h"
#include "sjl_purge.h"
#include "sjl_read.h"
#include "sjl_spool.h"
#include "sjl_statement.h"
#include "sjl_thrift.h"
#include "sjl_ui.h"


typedef struct {
    const char   *name;
    char          from;
    void        (*handler)(sjl_conn_t *c, sjl_frame_t *f);
} sjl_message_t;


/* a message that others send us and that has no line here does not compile */

#define SJL_ON_HELLO           sjl_channel_hello
#define SJL_ON_PING            sjl_channel_ping
#define SJL_ON_PONG            sjl_channel_pong
#define SJL_ON_SNAPSHOT        sjl_history_snapshot
#define SJL_ON_DUMP            sjl_dump
#define SJL_ON_BINARY_PUT      sjl_binary_put
#define SJL_ON_BINARY_DELETE   sjl_binary_delete
#define SJL_ON_BINARY_GET      sjl_binary_get
#define SJL_ON_CONTEXT_CREATE  sjl_context_create
#define SJL_ON_CONTEXT_DELETE  sjl_context_delete
#define SJL_ON_CONTEXT_RESET   sjl_context_reset
#define SJL_ON_JOB_SUBMIT      sjl_job_submit
#define SJL_ON_JOB_KILL        sjl_job_kill
#define SJL_ON_JOB_GET         sjl_read_job
#define SJL_ON_JOB_LIST        sjl_history_list
#define SJL_ON_JOB_RESULT      sjl_read_result
#define SJL_ON_JOB_CONFIG      sjl_read_config
#define SJL_ON_LINK_HELLO      sjl_link_hello
#define SJL_ON_LINK_READY      sjl_link_ready
#define SJL_ON_LINK_FAILED     sjl_link_failed
#define SJL_ON_LINK_RESPAWN    sjl_link_respawn
#define SJL_ON_LINK_STARTED    sjl_link_started
#define SJL_ON_LINK_REFUSED    sjl_link_refused
#define SJL_ON_LINK_RESULT     sjl_link_result
#define SJL_ON_LINK_STOPPED    sjl_link_stopped
#define SJL_ON_CONTEXT_REPLACE sjl_context_replace
#define SJL_ON_CONTEXT_LOG     sjl_context_log
#define SJL_ON_CONTEXT_GET     sjl_context_get
#define SJL_ON_CONTEXT_UI      sjl_ui_find
#define SJL_ON_JOB_LOG         sjl_read_log
#define SJL_ON_JOB_PURGE       sjl_purge_jobs
#define SJL_ON_STATEMENT_SUBMIT sjl_statement_submit
#define SJL_ON_STATEMENT_GET   sjl_statement_get
#define SJL_ON_STATEMENT_LIST  sjl_statement_list
#define SJL_ON_STATEMENT_CANCEL sjl_statement_cancel
#define SJL_ON_STATEMENT_CODE  sjl_statement_code
#define SJL_ON_SESSION_COMPLETE sjl_complete_ask
#define SJL_ON_DATA_PUT        sjl_data_put
#define SJL_ON_DATA_LIST       sjl_data_list
#define SJL_ON_DATA_DELETE     sjl_data_delete
#define SJL_ON_DATA_RESET      sjl_data_reset
#define SJL_ON_CLUSTER_LIST    sjl_change_list
#define SJL_ON_CLUSTER_PUT     sjl_change_put
#define SJL_ON_CLUSTER_DELETE  sjl_change_delete
#define SJL_ON_LIBRARY_LIST    sjl_change_list
#define SJL_ON_LIBRARY_PUT     sjl_change_put
#define SJL_ON_LIBRARY_DELETE  sjl_change_delete
#define SJL_ON_LIBRARY_PROBE   sjl_change_probe
#define SJL_ON_BATCH_CREATE    sjl_batch_create
#define SJL_ON_BATCH_GET       sjl_batch_get
#define SJL_ON_BATCH_LIST      sjl_batch_list
#define SJL_ON_BATCH_LOG       sjl_batch_log
#define SJL_ON_BATCH_DELETE    sjl_batch_delete
#define SJL_ON_LINK_RESOLVE    sjl_link_resolve
#define SJL_ON_LINK_PROGRESS   sjl_link_progress
#define SJL_ON_LINK_PIECE      sjl_spool_piece
#define SJL_ON_LINK_STATUS     sjl_link_status
#define SJL_ON_LINK_FETCH      sjl_link_fetch
#define SJL_ON_LINK_LOG        sjl_link_log
#define SJL_ON_LINK_COMPLETED  sjl_complete_answered
#define SJL_ON_CONTEXT_TOKEN   sjl_thrift_token
#define SJL_ON_CONTEXT_THRIFT  sjl_thrift_switch
#define SJL_ON_CONTEXT_JDBC    sjl_thrift_find
#define SJL_ON_LINK_THRIFT_IS  sjl_thrift_switched
#define SJL_ON_LINK_LOGIN      sjl_thrift_login


/* what we send ourselves has a name only */

#define SJL_FROM_M(sym)  'M', SJL_ON_##sym
#define SJL_FROM_D(sym)  'D', SJL_ON_##sym
#define SJL_FROM_B(sym)  'D', SJL_ON_##sym
#define SJL_FROM_A(sym)  'A', SJL_ON_##sym
#define SJL_FROM_L(sym)  'L', NULL
#define SJL_FROM_C(sym)  'C', NULL

#define SJL_X(sym, num, name, from)  [num] = { name, SJL_FROM_##from(sym) },

static const sjl_message_t  sjl_messages[] = {
    SJP_MESSAGES(SJL_X)
};

#undef SJL_X


int
sjl_dispatch(sjl_conn_t *c, sjl_frame_t *f)
{
    const sjl_message_t  *m;

    if (f->type >= sjl_nelts(sjl_messages)
        || sjl_messages[f->type].name == NULL)
    {
        sjl_log(SJL_LOG_ERR, "connection %u sent a message of unknown type %u",
                c->number, (unsigned) f->type);
        return SJL_ERROR;
    }

    m = &sjl_messages[f->type];

    if (c->role == SJL_ROLE_UNKNOWN
        && (f->type == SJP_HELLO || f->type == SJP_LINK_HELLO))
    {
        c->role = (sjl_role_e) m->from;

    } else if (!c->greeted) {
        sjl_log(SJL_LOG_ERR, "connection %u sent \"%s\" before it said hello",
                c->number, m->name);
        return SJL_ERROR;
    }

    if ((m->from != (char) c->role && m->from != 'A')
        || (c->driver && c->role != SJL_ROLE_DRIVER))
    {
        sjl_log(SJL_LOG_ERR, "connection %u may not send \"%s\"", c->number,
                m->name);
        return SJL_ERROR;
    }

    if (m->from == SJL_ROLE_MODULE && f->stream == 0) {
        sjl_log(SJL_LOG_ERR, "connection %u sent \"%s\" on stream 0",
                c->number, m->name);
        return SJL_ERROR;
    }

    sjl_log(SJL_LOG_DEBUG, "connection %u: \"%s\", stream %u, payload %zu%s",
            c->number, m->name, (unsigned) f->stream, f->size,
            f->fd == -1 ? "" : ", descriptor");

    SPARKJOB_FAULT(m->from == SJL_ROLE_MODULE ? "frame.channel" : "frame.link");

    if (sjl_limit_message(c, f) == SJL_OK) {
        m->handler(c, f);
    }

    return SJL_OK;
}
