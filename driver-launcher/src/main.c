
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_config.h"
#include "sjl_dump.h"
#include "sjl_server.h"

#include <getopt.h>


static int sjl_main_usage(void);
static int sjl_main_run(void);
static int sjl_main_test(void);
static int sjl_main_dump(void);


int
main(int argc, char *const *argv)
{
    int         opt, test, rc;
    size_t      i;
    json_t     *errors, *error;
    const char *file;

    file = NULL;
    test = 0;

    for (opt = getopt(argc, argv, "c:tV"); opt != -1;
         opt = getopt(argc, argv, "c:tV"))
    {
        switch (opt) {

        case 'c':
            file = optarg;
            break;

        case 't':
            test = 1;
            break;

        case 'V':
            (void) printf("sparkjob-launcher %s, protocol %d\n", SJL_VERSION,
                          SJP_VERSION);
            return 0;

        default:
            return sjl_main_usage();
        }
    }

    if (file == NULL || argc - optind > 1
        || (argc - optind == 1 && strcmp(argv[optind], "dump") != 0))
    {
        return sjl_main_usage();
    }

    sjl_conf = sjl_config_read(file, &errors);

    json_array_foreach(errors, i, error) {
        (void) fprintf(stderr, "%s\n", json_string_value(error));
    }

    json_decref(errors);

    if (sjl_conf == NULL) {
        return 1;
    }

    rc = test ? sjl_main_test() : argc > optind ? sjl_main_dump()
         : sjl_main_run();

    sjl_config_free(sjl_conf);

    return rc;
}


static int
sjl_main_usage(void)
{
    (void) fprintf(stderr,
                   "usage: sparkjob-launcher [-t] -c FILE\n"
                   "       sparkjob-launcher dump -c FILE\n"
                   "       sparkjob-launcher -V\n"
                   "\n"
                   "  -c FILE   the configuration\n"
                   "  -t        only check it\n"
                   "  -V        print the version\n"
                   "  dump      print the state of the launcher that runs\n");
    return 2;
}


static int
sjl_main_run(void)
{
    return sjl_server_run() == SJL_OK ? 0 : 1;
}


static int
sjl_main_test(void)
{
    (void) printf("configuration file %s is fine\n", sjl_conf->file);

    return 0;
}


static int
sjl_main_dump(void)
{
    return sjl_dump_ask(sjl_conf->channel_socket) == SJL_OK ? 0 : 1;
}
