
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_krb5.h"
#include "sjl_files.h"
#include "sjl_share.h"

#include <fcntl.h>
#include <sys/stat.h>


static char *sjl_krb5_includes(const char *told);
static char *sjl_krb5_write(const char *text);
static int sjl_krb5_store(const char *path, const char *text);


const char *
sjl_krb5_conf(const json_t *environment)
{
    const char  *told;

    told = json_string_value(json_object_get(environment, "KRB5_CONFIG"));

    return told ? told : getenv("KRB5_CONFIG");
}


char *
sjl_krb5_java(const json_t *environment)
{
    char        *text, *path;
    const char  *told;

    told = sjl_krb5_conf(environment);

    if (told == NULL || strchr(told, ':') == NULL) {
        return sjl_strdup(told);
    }

    text = sjl_krb5_includes(told);
    path = sjl_krb5_write(text);
    free(text);

    return path;
}


/* of what two of them say the first one's counts, for both MIT and Java */

static char *
sjl_krb5_includes(const char *told)
{
    char  *files, *file, *text, *longer, *save;

    text = sjl_strdup("");
    files = sjl_strdup(told);

    for (file = strtok_r(files, ":", &save); file;
         file = strtok_r(NULL, ":", &save))
    {
        if (access(file, R_OK) == -1) {
            continue;
        }

        longer = sjl_format("%sinclude %s\n", text, file);
        free(text);
        text = longer;
    }

    free(files);

    return text;
}


/*
 * JVMs that run may look into it at any time: there is one for each list, and
 * what it says is in its name.
 */

static char *
sjl_krb5_write(const char *text)
{
    char         hash[SJL_HASH_LEN + 1], *path, *tmp;
    struct stat  sb;

    sjl_hash(hash, text, strlen(text));
    path = sjl_format("%s/krb5-%.16s.conf", sjl_files_root, hash);

    if (stat(path, &sb) == 0 && sb.st_size == (off_t) strlen(text)) {
        return path;
    }

    tmp = sjl_format("%s/tmp/krb5-%.16s.conf", sjl_files_root, hash);

    if (sjl_krb5_store(tmp, text) == SJL_ERROR || rename(tmp, path) == -1) {
        sjl_log(SJL_LOG_CRIT, "\"%s\" cannot be written: %s", path,
                strerror(errno));
    }

    free(tmp);

    return path;
}


static int
sjl_krb5_store(const char *path, const char *text)
{
    int     fd, rc;
    size_t  n;

    n = strlen(text);
    fd = open(path, O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0600);

    if (fd == -1) {
        return SJL_ERROR;
    }

    rc = write(fd, text, n) == (ssize_t) n
         && fchmod(fd, sjl_share_mode()) == 0 ? SJL_OK : SJL_ERROR;
    (void) close(fd);

    return rc;
}
