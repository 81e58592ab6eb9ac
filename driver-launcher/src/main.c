
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_backup.h"
#include "sjl_batch.h"
#include "sjl_check.h"
#include "sjl_cluster.h"
#include "sjl_config.h"
#include "sjl_dump.h"
#include "sjl_library.h"
#include "sjl_server.h"

#include <getopt.h>
#include <sys/stat.h>


static int sjl_main_usage(void);
static int sjl_main_run(char *const *args);
static int sjl_main_test(char *const *args);
static int sjl_main_dump(char *const *args);
static int sjl_main_check(char *const *args);
static int sjl_main_backup(char *const *args);


/* SJL_ERROR: it has failed, and has said why */

static const struct {
    const char  *name;
    int          nargs;
    int        (*run)(char *const *args);
} sjl_main_commands[] = {
    { "dump", 0, sjl_main_dump },
    { "check", 0, sjl_main_check },
    { "backup", 1, sjl_main_backup }
};


int
main(int argc, char *const *argv)
{
    int          opt, rc;
    int        (*run)(char *const *args);
    size_t       i;
    json_t      *errors, *error;
    const char  *file;

    file = NULL;
    run = sjl_main_run;

    /* whatever it writes, a backup too, is nobody else's */

    (void) umask(0077);

    json_set_alloc_funcs(sjl_alloc_raw, free);

    /* only the launcher itself starts that, see sjl_batch_wait.c */

    if (argc > 3 && strcmp(argv[1], "wait") == 0) {
        return sjl_batch_wait(argv + 2);
    }

    for (opt = getopt(argc, argv, "c:tV"); opt != -1;
         opt = getopt(argc, argv, "c:tV"))
    {
        switch (opt) {

        case 'c':
            file = optarg;
            break;

        case 't':
            run = sjl_main_test;
            break;

        case 'V':
            (void) printf("sparkjob-launcher %s, protocol %d\n", SJL_VERSION,
                          SJP_VERSION);
            return 0;

        default:
            return sjl_main_usage();
        }
    }

    for (i = 0; argc > optind && i < sjl_nelts(sjl_main_commands); i++) {
        if (strcmp(argv[optind], sjl_main_commands[i].name) == 0
            && argc - optind == 1 + sjl_main_commands[i].nargs)
        {
            run = sjl_main_commands[i].run;
            break;
        }
    }

    if (file == NULL
        || (argc > optind && i == sjl_nelts(sjl_main_commands)))
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

    rc = run(argv + optind + (argc > optind));

    sjl_config_free(sjl_conf);

    return rc == SJL_OK ? 0 : 1;
}


static int
sjl_main_usage(void)
{
    (void) fprintf(stderr,
                   "usage: sparkjob-launcher [-t] -c FILE\n"
                   "       sparkjob-launcher dump -c FILE\n"
                   "       sparkjob-launcher check -c FILE\n"
                   "       sparkjob-launcher backup FOLDER -c FILE\n"
                   "       sparkjob-launcher -V\n"
                   "\n"
                   "  -c FILE   the configuration\n"
                   "  -t        only check it\n"
                   "  -V        print the version\n"
                   "  dump      print the state of the launcher that runs\n"
                   "  check     print what is wrong with its data folder\n"
                   "  backup    copy its data folder, also while it runs\n");
    return 2;
}


static int
sjl_main_run(char *const *args)
{
    (void) args;

    return sjl_server_run();
}


/* a launcher starts without them all the same, for contexts of the others */

static int
sjl_main_test(char *const *args)
{
    int      rc;
    size_t   i;
    json_t  *wrong, *sentence;

    (void) args;

    sjl_library_configure();
    sjl_cluster_configure();

    wrong = sjl_resource_look_fixed();
    rc = json_array_size(wrong) ? SJL_ERROR : SJL_OK;

    json_array_foreach(wrong, i, sentence) {
        (void) fprintf(stderr, "%s: %s\n", sjl_conf->file,
                       json_string_value(sentence));
    }

    json_decref(wrong);

    if (rc == SJL_OK) {
        (void) printf("configuration file %s is fine\n", sjl_conf->file);
    }

    return rc;
}


static int
sjl_main_dump(char *const *args)
{
    (void) args;

    return sjl_dump_ask(sjl_conf->channel_socket);
}


static int
sjl_main_check(char *const *args)
{
    (void) args;

    return sjl_check(sjl_conf->data_dir);
}


static int
sjl_main_backup(char *const *args)
{
    return sjl_backup(sjl_conf->data_dir, args[0]);
}
