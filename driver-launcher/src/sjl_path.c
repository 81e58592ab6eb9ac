
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Where files lie.
 */


#include "sjl_files.h"


/* where an id tells its version */
#define SJL_PATH_VERSION  14


static const char *const  sjl_files_extensions[][2] = {
    { "Jar", ".jar" }, { "Egg", ".egg" }, { "Wheel", ".whl" },
    { "Python", ".py" }
};


char  *sjl_files_root;


const char *
sjl_files_extension(const char *type)
{
    size_t  i;

    for (i = 0; i < sjl_nelts(sjl_files_extensions); i++) {
        if (strcmp(sjl_files_extensions[i][0], type) == 0) {
            return sjl_files_extensions[i][1];
        }
    }

    return NULL;
}


const char *
sjl_files_type(const char *path)
{
    size_t  i, len, n;

    len = strlen(path);

    for (i = 0; i < sjl_nelts(sjl_files_extensions); i++) {
        n = strlen(sjl_files_extensions[i][1]);

        if (len > n
            && strcmp(path + len - n, sjl_files_extensions[i][1]) == 0)
        {
            return sjl_files_extensions[i][0];
        }
    }

    return NULL;
}


char *
sjl_path_binaries(void)
{
    return sjl_format("%s/binaries", sjl_files_root);
}


char *
sjl_path_binary(const char *sha256, const char *type)
{
    return sjl_format("%s/binaries/%s%s", sjl_files_root, sha256,
                      sjl_files_extension(type));
}


char *
sjl_path_context(const char *id, const char *file)
{
    return sjl_format("%s/contexts/%s%s", sjl_files_root, id, file);
}


char *
sjl_path_job_body(const char *context, const char *id)
{
    return sjl_format("%s/contexts/%s/in/%s.conf", sjl_files_root, context, id);
}


char *
sjl_path_job_log(const char *context, const char *id)
{
    return sjl_format("%s/contexts/%s/logs/%s.log", sjl_files_root, context,
                      id);
}


/*
 * Ids of version 7 begin with the time, so that all of them would be in one
 * folder: these are told apart by their end.
 */

char *
sjl_path_result(const char *id, const char *suffix)
{
    const char  *part;

    part = id[SJL_PATH_VERSION] == '7' ? id + SJL_ID_LEN - 2 : id;

    return sjl_format("%s/results/%.2s/%s%s", sjl_files_root, part, id, suffix);
}


/* one of the 256 folders of results */

char *
sjl_path_results(unsigned part)
{
    return sjl_format("%s/results/%02x", sjl_files_root, part);
}


char *
sjl_path_data(const char *file)
{
    return sjl_format("%s/data/%s", sjl_files_root, file);
}
