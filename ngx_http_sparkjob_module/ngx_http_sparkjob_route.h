
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The lines of the route tables, of which each dialect has one.
 */


#ifndef _NGX_HTTP_SPARKJOB_ROUTE_H_INCLUDED_
#define _NGX_HTTP_SPARKJOB_ROUTE_H_INCLUDED_


#include <ngx_http_sparkjob_module.h>


#define NGX_HTTP_SPARKJOB_BODY_NONE  0
#define NGX_HTTP_SPARKJOB_BODY_READ  1


#define ngx_http_sparkjob_get(pattern, handler, role)                         \
    { NGX_HTTP_GET, ngx_string(pattern), NGX_HTTP_SPARKJOB_BODY_NONE,         \
      handler, NGX_HTTP_SPARKJOB_##role, NGX_HTTP_SPARKJOB_##role }
#define ngx_http_sparkjob_delete(pattern, handler, role)                      \
    { NGX_HTTP_DELETE, ngx_string(pattern), NGX_HTTP_SPARKJOB_BODY_NONE,      \
      handler, NGX_HTTP_SPARKJOB_##role, NGX_HTTP_SPARKJOB_##role }
#define ngx_http_sparkjob_replace(pattern, handler, role)                     \
    { NGX_HTTP_PUT, ngx_string(pattern), NGX_HTTP_SPARKJOB_BODY_READ,         \
      handler, NGX_HTTP_SPARKJOB_##role, NGX_HTTP_SPARKJOB_##role }
#define ngx_http_sparkjob_post(pattern, handler, role)                        \
    { NGX_HTTP_POST, ngx_string(pattern), NGX_HTTP_SPARKJOB_BODY_READ,        \
      handler, NGX_HTTP_SPARKJOB_##role, NGX_HTTP_SPARKJOB_##role }

/* what concerns all that there is, or all that the user has */

#define ngx_http_sparkjob_put(pattern, handler, role)                         \
    { NGX_HTTP_PUT, ngx_string(pattern), NGX_HTTP_SPARKJOB_BODY_NONE,         \
      handler, NGX_HTTP_SPARKJOB_ADMIN, NGX_HTTP_SPARKJOB_##role }
#define ngx_http_sparkjob_purge(pattern, handler, role)                       \
    { NGX_HTTP_DELETE, ngx_string(pattern), NGX_HTTP_SPARKJOB_BODY_NONE,      \
      handler, NGX_HTTP_SPARKJOB_ADMIN, NGX_HTTP_SPARKJOB_##role }


#endif /* _NGX_HTTP_SPARKJOB_ROUTE_H_INCLUDED_ */
