
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Bodies of type multipart/form-data: where their parts lie in the file that
 * has them.  Nothing of the parts themselves is held in memory.
 */


#ifndef _SJL_MULTIPART_H_INCLUDED_
#define _SJL_MULTIPART_H_INCLUDED_


#include "sjl.h"


/* characters of a boundary, parts of a body, bytes of a part's header */
#define SJL_MULTIPART_BOUNDARY  70
#define SJL_MULTIPART_PARTS     64
#define SJL_MULTIPART_HEADER    4096


typedef struct {
    char   *name;
    char   *filename;                   /* NULL: it is no file */
    off_t   start;
    off_t   size;
} sjl_part_t;


typedef struct {
    sjl_part_t  parts[SJL_MULTIPART_PARTS];
    size_t      n;
} sjl_multipart_t;


/*
 * Fills boundary (SJL_MULTIPART_BOUNDARY + 1 bytes) by a Content-Type.  Returns
 * whether that is multipart/form-data; the boundary is empty if it has none
 * that can be one.
 */
int sjl_multipart_type(const char *type, char *boundary);

/*
 * Finds the parts in a file; on any thread.  Returns SJL_OK or SJL_ERROR, and
 * *why is what is wrong then.
 */
int sjl_multipart_read(sjl_multipart_t *multipart, int fd,
    const char *boundary, const char **why);

/* the part of a name, or else of a file's name, or NULL */
sjl_part_t *sjl_multipart_find(sjl_multipart_t *multipart, const char *name);

/*
 * The SHA-256 of names, files' names and contents of all parts, whatever stands
 * between them, since each client invents another boundary for each request; on
 * any thread.  Returns SJL_OK, or SJL_ERROR and sets errno.
 */
int sjl_multipart_hash(const sjl_multipart_t *multipart, int fd, char *sha256);

void sjl_multipart_clear(sjl_multipart_t *multipart);


#endif /* _SJL_MULTIPART_H_INCLUDED_ */
