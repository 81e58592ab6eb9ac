
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The payloads of a link's messages: bytes, files in the context's folder, or
 * what has come in pieces.
 */


#ifndef _SJL_LINK_BODY_H_INCLUDED_
#define _SJL_LINK_BODY_H_INCLUDED_


#include "sjl_context.h"


/*
 * The configuration that a context was made with, for its driver.  A long one
 * goes as a file that the driver may delete; ours stays, for the case that
 * another driver has to be started.  Returns NULL, or why the body cannot be
 * had, to be freed.
 */
char *sjl_link_body(sjl_context_t *ctx, json_t *meta, char **body,
    size_t *size);

/*
 * The file, to be freed, that the payload of a message is; *file is NULL if it
 * is none.  SJL_ERROR: it names one that it may not, which is logged.
 */
int sjl_link_file(sjl_conn_t *c, const sjl_frame_t *f, char **file);

/*
 * The error that came with a frame.  One that comes as a file is too long to be
 * kept, and told of; what comes without one is told by its name.
 */
char *sjl_link_error(sjl_frame_t *f, const char *file, int code,
    const char *name, size_t *size);


#endif /* _SJL_LINK_BODY_H_INCLUDED_ */
