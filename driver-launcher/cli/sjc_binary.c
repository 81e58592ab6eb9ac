
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Binaries, and data files.
 */


#include "sjc_command.h"

#include <strings.h>
#include <sys/stat.h>


static const char *sjc_binary_media(const char *file);
static sjc_exit_e sjc_binary_send(const char *path, const char *file,
    const char *media);
static void sjc_binary_print_list(const json_t *answer);
static void sjc_binary_print(const json_t *answer);
static void sjc_data_print_list(const json_t *answer);
static sjc_exit_e sjc_binary_remove(const char *folder, const char *name);


static const struct {
    const char  *type;
    const char  *suffix;
    const char  *media;
} sjc_binary_types[] = {
    { "jar", ".jar", "application/java-archive" },
    { "egg", ".egg", "application/python-egg" },
    { "wheel", ".whl", "application/python-wheel" },
    { "python", ".py", "text/x-python" }
};


static const sjc_column_t  sjc_binary_columns[] = {
    { "NAME", "name" },
    { "TYPE", "binary-type" },
    { "UPLOADED", "upload-time" },
    { NULL, NULL }
};


static const sjc_column_t  sjc_binary_members[] = {
    { "name", "app-name" },
    { "type", "binary-type" },
    { "uploaded", "upload-time" },
    { NULL, NULL }
};


static const sjc_column_t  sjc_data_columns[] = {
    { "FILE", "name" },
    { NULL, NULL }
};


sjc_exit_e
sjc_binary_upload(char *const *args)
{
    sjc_buf_t    path;
    sjc_exit_e   rc;
    const char  *media;

    media = sjc_binary_media(args[1]);

    if (media == NULL) {
        return SJC_WRONG_USE;
    }

    memset(&path, 0, sizeof(sjc_buf_t));
    sjc_path(&path, "/binaries/", args[0], NULL);

    rc = sjc_binary_send(path.data, args[1], media);

    sjc_buf_free(&path);

    return rc;
}


/* NULL: it has been told why there is none */

static const char *
sjc_binary_media(const char *file)
{
    size_t       i, len;
    const char  *type, *suffix;

    type = sjc_option(SJC_TYPE);
    len = strlen(file);

    for (i = 0; i < sjc_nelts(sjc_binary_types); i++) {
        suffix = sjc_binary_types[i].suffix;

        if (type ? strcasecmp(type, sjc_binary_types[i].type) == 0
            : len > strlen(suffix)
              && strcasecmp(file + len - strlen(suffix), suffix) == 0)
        {
            return sjc_binary_types[i].media;
        }
    }

    (void) sjc_say(SJC_WRONG_USE, "\"%s\" is no type of a binary: jar, egg, "
                   "wheel or python (.jar .egg .whl .py)", type ? type : file);

    return NULL;
}


static sjc_exit_e
sjc_binary_send(const char *path, const char *file, const char *media)
{
    sjc_exit_e     rc;
    struct stat    sb;
    sjc_request_t  request;

    memset(&request, 0, sizeof(sjc_request_t));
    request.method = "POST";
    request.path = path;
    request.type = media;
    request.file = strcmp(file, "-") == 0 ? stdin : fopen(file, "r");

    if (request.file == NULL) {
        return sjc_say(SJC_WRONG_USE, "\"%s\" cannot be read: %s", file,
                       strerror(errno));
    }

    /* a folder can be opened, too */

    if (fstat(fileno(request.file), &sb) == 0 && S_ISDIR(sb.st_mode)) {
        rc = sjc_say(SJC_WRONG_USE, "\"%s\" cannot be read: %s", file,
                     strerror(EISDIR));

    } else {
        rc = sjc_command_do(&request);
    }

    if (request.file != stdin) {
        (void) fclose(request.file);
    }

    return rc;
}


sjc_exit_e
sjc_binary_list(char *const *args)
{
    (void) args;

    return sjc_command_get("/binaries", sjc_binary_print_list);
}


static void
sjc_binary_print_list(const json_t *answer)
{
    json_t  *rows;

    rows = sjc_print_named(answer);
    sjc_print_table(sjc_binary_columns, rows);
    json_decref(rows);
}


sjc_exit_e
sjc_binary_show(char *const *args)
{
    sjc_buf_t   path;
    sjc_exit_e  rc;

    memset(&path, 0, sizeof(sjc_buf_t));
    sjc_path(&path, "/binaries/", args[0], NULL);

    rc = sjc_command_get(path.data, sjc_binary_print);

    sjc_buf_free(&path);

    return rc;
}


static void
sjc_binary_print(const json_t *answer)
{
    sjc_print_object(sjc_binary_members, answer);
}


sjc_exit_e
sjc_binary_delete(char *const *args)
{
    return sjc_binary_remove("/binaries/", args[0]);
}


static sjc_exit_e
sjc_binary_remove(const char *folder, const char *name)
{
    sjc_buf_t      path;
    sjc_exit_e     rc;
    sjc_request_t  request;

    memset(&path, 0, sizeof(sjc_buf_t));
    sjc_path(&path, folder, name, NULL);

    memset(&request, 0, sizeof(sjc_request_t));
    request.method = "DELETE";
    request.path = path.data;

    rc = sjc_command_do(&request);

    sjc_buf_free(&path);

    return rc;
}


sjc_exit_e
sjc_data_list(char *const *args)
{
    (void) args;

    return sjc_command_get("/data", sjc_data_print_list);
}


static void
sjc_data_print_list(const json_t *answer)
{
    json_t  *rows;

    rows = sjc_print_names(answer);
    sjc_print_table(sjc_data_columns, rows);
    json_decref(rows);
}


sjc_exit_e
sjc_data_upload(char *const *args)
{
    sjc_buf_t   path;
    sjc_exit_e  rc;

    memset(&path, 0, sizeof(sjc_buf_t));
    sjc_path(&path, "/data/", args[0], NULL);

    rc = sjc_binary_send(path.data, args[1], NULL);

    sjc_buf_free(&path);

    return rc;
}


sjc_exit_e
sjc_data_delete(char *const *args)
{
    return sjc_binary_remove("/data/", args[0]);
}


sjc_exit_e
sjc_data_reset(char *const *args)
{
    sjc_request_t  request;

    (void) args;

    memset(&request, 0, sizeof(sjc_request_t));
    request.method = "PUT";
    request.path = "/data?reset=reboot";

    return sjc_command_do(&request);
}
