
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * What goes to a driver, wherever it is.
 */


#include "sjl_context.h"
#include "sjl_driver.h"

#include <sys/stat.h>


static int sjl_driver_send_file(sjl_driver_t *d, sjp_type_e type,
    json_t *meta);


int
sjl_driver_is_elsewhere(const sjl_driver_t *d)
{
    return d && d->remote;
}


int
sjl_driver_is_remote(const sjl_driver_t *d)
{
    return d && d->conn && d->conn->io.remote;
}


void
sjl_driver_send(sjl_driver_t *d, sjp_type_e type, json_t *meta,
    const void *payload, size_t size)
{
    if (d && d->conn && !sjl_driver_send_file(d, type, meta)) {
        sjl_conn_send(d->conn, type, 0, meta, payload, size, -1);
    }

    json_decref(meta);
}


/*
 * A driver elsewhere cannot read our files: it gets their bytes.  One that we
 * cannot read either it will not find, and tell.
 */

static int
sjl_driver_send_file(sjl_driver_t *d, sjp_type_e type, json_t *meta)
{
    int           fd;
    const char   *path;
    struct stat   sb;

    path = json_string_value(json_object_get(meta, "file"));

    if (path == NULL || !d->conn->io.remote) {
        return 0;
    }

    (void) sjl_owner_enter(path);
    fd = open(path, O_RDONLY|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK);
    sjl_owner_leave();

    if (fd == -1 || fstat(fd, &sb) == -1 || !S_ISREG(sb.st_mode)) {
        sjl_log(SJL_LOG_CRIT, "driver %d: \"%s\" cannot be sent: %s",
                (int) d->process.pid, path, strerror(errno));

        if (fd != -1) {
            (void) close(fd);
        }

        return 0;
    }

    (void) json_object_del(meta, "file");
    (void) json_object_set_new(meta, "spooled", json_integer(sb.st_size));

    sjl_conn_send_file(d->conn, type, meta, fd, sb.st_size);

    return 1;
}
