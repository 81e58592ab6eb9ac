
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * sparkjob: the server's API from a command line.
 */


#include "sjc_command.h"


typedef struct {
    const char      *words;     /* one or two */
    const char      *args;      /* for people */
    int              min;
    int              max;
    uint64_t         options;
    sjc_command_pt   run;
    const char      *help;
} sjc_command_t;


static sjc_exit_e sjc_main_run(int argc, char **argv);
static const sjc_command_t *sjc_main_find(int argc, char **argv, int *words);
static sjc_exit_e sjc_main_call(const sjc_command_t *command, int argc,
    char **argv);
static sjc_exit_e sjc_main_unknown(int argc, char **argv);
static void sjc_main_help(FILE *out);
static void sjc_main_help_line(FILE *out, const sjc_command_t *command);
static void sjc_main_help_command(const sjc_command_t *command);


#define SJC_CONFIGURED  (sjc_bit(SJC_CONFIG)|sjc_bit(SJC_HOCON)               \
                         |sjc_bit(SJC_IDEMPOTENCY)|sjc_bit(SJC_ASYNC))

#define SJC_TOLD        (sjc_bit(SJC_CONFIG)|sjc_bit(SJC_HOCON))

#define SJC_FILTERS     (sjc_bit(SJC_STATUS)|sjc_bit(SJC_WITHIN)              \
                         |sjc_bit(SJC_OWNER))


static const sjc_command_t  sjc_commands[] = {

    { "upload", "NAME FILE", 2, 2, sjc_bit(SJC_TYPE), sjc_binary_upload,
      "upload a binary; the suffix tells its type" },
    { "binaries", "", 0, 0, 0, sjc_binary_list, "what is uploaded" },
    { "binaries list", "", 0, 0, 0, sjc_binary_list, "the same" },
    { "binaries show", "NAME", 1, 1, 0, sjc_binary_show, "one of them" },
    { "binaries delete", "NAME", 1, 1, 0, sjc_binary_delete,
      "delete all versions of it" },

    { "data", "", 0, 0, 0, sjc_data_list, "data files on the server" },
    { "data list", "", 0, 0, 0, sjc_data_list, "the same" },
    { "data upload", "PREFIX FILE", 2, 2, 0, sjc_data_upload,
      "upload a file; prints its path there" },
    { "data delete", "PATH", 1, 1, 0, sjc_data_delete, "delete one" },
    { "data reset", "", 0, 0, 0, sjc_data_reset, "delete all" },

    { "contexts", "", 0, 0, 0, sjc_context_list, "contexts that are alive" },
    { "contexts reset", "", 0, 0, sjc_bit(SJC_ASYNC), sjc_context_reset,
      "stop all, start those of the configuration again" },
    { "context create", "NAME", 1, 1, SJC_CONFIGURED|sjc_bit(SJC_SET),
      sjc_context_create, "start a context" },
    { "context show", "NAME", 1, 1, 0, sjc_context_show, "one of them" },
    { "context restart", "NAME", 1, 1, SJC_CONFIGURED|sjc_bit(SJC_SET),
      sjc_context_restart, "again, with these settings" },
    { "context delete", "NAME", 1, 1, sjc_bit(SJC_FORCE), sjc_context_delete,
      "stop it" },
    { "context log", "NAME", 1, 1, sjc_bit(SJC_FOLLOW)|sjc_bit(SJC_TAIL),
      sjc_context_log, "what its driver wrote" },

    { "clusters", "", 0, 0, 0, sjc_cluster_list, "clusters by name" },
    { "clusters show", "NAME", 1, 1, 0, sjc_cluster_show, "one of them" },
    { "clusters create", "NAME", 1, 1, SJC_TOLD, sjc_cluster_create,
      "make one, of a JSON object" },
    { "clusters change", "NAME", 1, 1, SJC_TOLD, sjc_cluster_change,
      "the same in the place of one" },
    { "clusters delete", "NAME", 1, 1, 0, sjc_cluster_delete, "delete it" },

    { "library-sets", "", 0, 0, 0, sjc_library_list,
      "sets of Spark, Hadoop and Java" },
    { "library-sets show", "NAME", 1, 1, 0, sjc_library_show,
      "one of them, and what was found" },
    { "library-sets create", "NAME", 1, 1, SJC_TOLD|sjc_bit(SJC_PROBE),
      sjc_library_create, "make one, of a JSON object" },
    { "library-sets change", "NAME", 1, 1, SJC_TOLD|sjc_bit(SJC_PROBE),
      sjc_library_change, "the same in the place of one" },
    { "library-sets probe", "NAME", 1, 1, sjc_bit(SJC_PROBE),
      sjc_library_probe, "look at one, change nothing" },
    { "library-sets delete", "NAME", 1, 1, 0, sjc_library_delete,
      "delete it" },

    { "submit", "", 0, 0,
      SJC_CONFIGURED|sjc_bit(SJC_CP)|sjc_bit(SJC_CLASS)|sjc_bit(SJC_CONTEXT)
      |sjc_bit(SJC_SYNC)|sjc_bit(SJC_WAIT)|sjc_bit(SJC_FOLLOW)
      |sjc_bit(SJC_TIMEOUT)|sjc_bit(SJC_CALLBACK),
      sjc_submit, "start a job; prints its id, or its result if waited for" },

    { "jobs", "", 0, 0,
      SJC_FILTERS|sjc_bit(SJC_CLASS)|sjc_bit(SJC_FROM)|sjc_bit(SJC_TO)
      |sjc_bit(SJC_LIMIT)|sjc_bit(SJC_ALL),
      sjc_job_list, "jobs, newest first" },
    { "job", "ID", 1, 1, 0, sjc_job_show, "one of them" },
    { "result", "ID", 1, 1, 0, sjc_job_result, "its result" },
    { "config", "ID", 1, 1, 0, sjc_job_config, "its configuration" },
    { "log", "ID", 1, 1, sjc_bit(SJC_FOLLOW)|sjc_bit(SJC_TAIL), sjc_job_log,
      "what it printed and logged" },
    { "follow", "ID", 1, 1, sjc_bit(SJC_TIMEOUT), sjc_follow,
      "log (stderr) and progress until it ends, then its result" },
    { "kill", "ID", 1, 1, 0, sjc_job_kill, "end it" },
    { "purge", "", 0, 0, SJC_FILTERS|sjc_bit(SJC_BEFORE), sjc_job_purge,
      "delete records of jobs that ended --before" },

    { "events", "", 0, 0,
      sjc_bit(SJC_WITHIN)|sjc_bit(SJC_OWNER)|sjc_bit(SJC_KIND)
      |sjc_bit(SJC_TIMEOUT),
      sjc_events, "what happens, as it happens" },
    { "dump", "", 0, 0, 0, sjc_dump,
      "contexts, jobs without an end, binaries and data" },

    { NULL, NULL, 0, 0, 0, NULL, NULL }
};


int
main(int argc, char **argv)
{
    sjc_exit_e   rc;
    static char  name[] = "sparkjob";

    if (argc == 0) {
        return SJC_WRONG_USE;
    }

    /* getopt's own sentences begin with it */
    argv[0] = name;

    rc = sjc_main_run(argc, argv);

    sjc_http_free();
    sjc_option_free();

    /* what nobody could write must not look well */

    if (fflush(stdout) != 0 || ferror(stdout)) {
        rc = rc ? rc : sjc_say(SJC_WRONG_USE, "stdout cannot be written: %s",
                               strerror(errno));
    }

    return rc;
}


static sjc_exit_e
sjc_main_run(int argc, char **argv)
{
    int                   n, words;
    const sjc_command_t  *command;

    n = sjc_option_parse(argc, argv, SJC_GLOBAL, 1);

    if (n == -1) {
        return SJC_WRONG_USE;
    }

    if (sjc_option(SJC_VERSION)) {
        (void) puts("sparkjob " SJC_RELEASE);
        return SJC_OK;
    }

    if (n == argc) {
        sjc_main_help(sjc_option(SJC_HELP) ? stdout : stderr);
        return sjc_option(SJC_HELP) ? SJC_OK : SJC_WRONG_USE;
    }

    command = sjc_main_find(argc - n, argv + n, &words);

    if (command == NULL) {
        return sjc_main_unknown(argc - n, argv + n);
    }

    n += words - 1;
    argv[n] = argv[0];

    return sjc_main_call(command, argc - n, argv + n);
}


/* two words are looked for before one */

static const sjc_command_t *
sjc_main_find(int argc, char **argv, int *words)
{
    char                 *two;
    const sjc_command_t  *command, *found;

    found = NULL;
    two = sjc_format("%s %s", argv[0], argc > 1 ? argv[1] : "");

    for (command = sjc_commands; command->words; command++) {

        if (strcmp(command->words, two) == 0) {
            found = command;
            *words = 2;
            break;
        }

        if (strcmp(command->words, argv[0]) == 0) {
            found = command;
            *words = 1;
        }
    }

    free(two);

    return found;
}


static sjc_exit_e
sjc_main_call(const sjc_command_t *command, int argc, char **argv)
{
    int         n, given;
    sjc_exit_e  rc;

    n = sjc_option_parse(argc, argv, SJC_GLOBAL|command->options, 0);

    if (n == -1) {
        return sjc_say(SJC_WRONG_USE, "see sparkjob %s --help",
                       command->words);
    }

    if (sjc_option(SJC_HELP)) {
        sjc_main_help_command(command);
        return SJC_OK;
    }

    given = argc - n;

    if (given < command->min || given > command->max) {
        return sjc_say(SJC_WRONG_USE, "usage: sparkjob %s%s%s [options]",
                       command->words, *command->args ? " " : "",
                       command->args);
    }

    rc = sjc_http_init();

    return rc == SJC_OK ? command->run(argv + n) : rc;
}


static sjc_exit_e
sjc_main_unknown(int argc, char **argv)
{
    int                   help;
    size_t                len;
    sjc_buf_t             list;
    sjc_exit_e            rc;
    const sjc_command_t  *command;

    help = sjc_option(SJC_HELP) != NULL
           || (argc > 1 && (strcmp(argv[1], "--help") == 0
                            || strcmp(argv[1], "-h") == 0));

    memset(&list, 0, sizeof(sjc_buf_t));
    len = strlen(argv[0]);

    for (command = sjc_commands; command->words; command++) {

        if (strncmp(command->words, argv[0], len) == 0
            && command->words[len] == ' ')
        {
            sjc_buf_print(&list, "%s%s", list.len ? ", " : "",
                          command->words + len + 1);

            if (help) {
                sjc_main_help_line(stdout, command);
            }
        }
    }

    if (list.len && help) {
        rc = SJC_OK;

    } else if (list.len) {
        rc = sjc_say(SJC_WRONG_USE, "%s wants one of: %s", argv[0], list.data);

    } else {
        rc = sjc_say(SJC_WRONG_USE, "there is no command \"%s\": see sparkjob "
                     "--help", argv[0]);
    }

    sjc_buf_free(&list);

    return rc;
}


static void
sjc_main_help(FILE *out)
{
    const sjc_command_t  *command;

    (void) fprintf(out, "usage: sparkjob [options] COMMAND [arguments]\n\n");

    for (command = sjc_commands; command->words; command++) {
        sjc_main_help_line(out, command);
    }

    (void) fprintf(out, "\nOptions of every command (sparkjob COMMAND --help "
                   "tells the others):\n\n");
    sjc_option_help(out, SJC_GLOBAL);

    (void) fprintf(out, "\nEnds with 0: done, the job FINISHED; 1: the job "
                   "ended ERROR or KILLED; 2: wrong\nuse, or stdout cannot be "
                   "written; 3: the server refused (4xx); 4: the server\n"
                   "failed (5xx) or does not answer; 5: the wait was too "
                   "short.\n");
}


static void
sjc_main_help_line(FILE *out, const sjc_command_t *command)
{
    int  n;

    n = fprintf(out, "  %s %s", command->words, command->args);
    (void) fprintf(out, "%*s%s\n", n < 30 ? 30 - n : 1, "", command->help);
}


static void
sjc_main_help_command(const sjc_command_t *command)
{
    (void) printf("usage: sparkjob %s%s%s [options]\n\n%s\n", command->words,
                  *command->args ? " " : "", command->args, command->help);

    if (command->options) {
        (void) putchar('\n');
        sjc_option_help(stdout, command->options);
    }

    (void) putchar('\n');
    sjc_option_help(stdout, SJC_GLOBAL);
}
