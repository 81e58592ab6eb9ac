
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_copy.h"

#include <sys/sendfile.h>
#include <sys/stat.h>


static int sjl_copy_whole(int from, int to);


int
sjl_copy(int from, off_t at, int to, off_t size)
{
    off_t    end;
    ssize_t  n;

    for (end = at + size; at < end; /* void */ ) {
        n = sendfile(to, from, &at, (size_t) (end - at));

        if (n == 0) {
            errno = ENODATA;
        }

        if (n <= 0) {
            return SJL_ERROR;
        }
    }

    return SJL_OK;
}


int
sjl_copy_file(const char *from, int flags, const char *to)
{
    int  in, out, rc, err;

    in = open(from, O_RDONLY|O_CLOEXEC|flags);

    if (in == -1) {
        return SJL_ERROR;
    }

    out = open(to, O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600);
    rc = out == -1 ? SJL_ERROR : sjl_copy_whole(in, out);

    err = errno;
    (void) close(in);

    if (out != -1 && close(out) == -1 && rc == SJL_OK) {
        err = errno;
        rc = SJL_ERROR;
    }

    errno = err;

    return rc;
}


static int
sjl_copy_whole(int from, int to)
{
    struct stat  sb;

    if (fstat(from, &sb) == -1
        || (sjl_copy(from, 0, to, sb.st_size) == SJL_ERROR && errno != ENODATA)
        || fsync(to) == -1)
    {
        return SJL_ERROR;
    }

    return SJL_OK;
}
