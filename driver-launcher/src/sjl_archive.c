
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_archive.h"
#include "sjl_command.h"
#include "sjl_config.h"
#include "sjl_folder.h"
#include "sjl_process.h"
#include "sjl_share.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <utlist.h>


#define SJL_ARCHIVE_FIRST    1.         /* seconds until the first look */
#define SJL_ARCHIVE_PERIOD   60.
#define SJL_ARCHIVE_PAUSE    60.        /* after a failure, doubled each time */
#define SJL_ARCHIVE_LONGEST  3600.
#define SJL_ARCHIVE_MAX      1800.      /* that making one may take */
#define SJL_ARCHIVE_NICE     19
#define SJL_ARCHIVE_OTHERS   2          /* for other jars that are kept */

#define SJL_ARCHIVE_EXT      ".jsa"
#define SJL_ARCHIVE_NAME     (2 * SJL_HASH_LEN + sizeof(SJL_ARCHIVE_EXT))
#define SJL_ARCHIVE_LOG      "failed.log"


typedef struct sjl_archive_s  sjl_archive_t;

struct sjl_archive_s {
    char           *library;            /* the set's name */
    char           *file;               /* NULL: there is none yet */
    double          pause;              /* after a failure */
    int64_t         due;                /* not made before, since one failed */
    const char     *watched;            /* by whom, which has been said */
    sjl_archive_t  *next;
};


static sjl_archive_t *sjl_archive_add(const char *library);
static sjl_library_t *sjl_archive_library(void);
static void sjl_archive_next(void);
static void sjl_archive_look(struct ev_loop *loop, ev_timer *timer,
    int events);
static void sjl_archive_wait(double seconds);
static int sjl_archive_find(sjl_file_op_t *op);
static int sjl_archive_is(const struct dirent *entry);
static int sjl_archive_newest(const struct dirent **a,
    const struct dirent **b);
static int sjl_archive_check(sjl_file_op_t *op, const char *name);
static void sjl_archive_remove(sjl_file_op_t *op, const char *name);
static void sjl_archive_found(sjl_file_op_t *op);
static int sjl_archive_is_useless(sjl_archive_t *archive);
static void sjl_archive_make(void);
static int sjl_archive_folder(sjl_file_op_t *op);
static void sjl_archive_spawn(sjl_file_op_t *op);
static int sjl_archive_run(const char *folder);
static void sjl_archive_exited(sjl_process_t *p, int status);
static int sjl_archive_keep(sjl_file_op_t *op);
static int sjl_archive_store(sjl_file_op_t *op, const char *file);
static void sjl_archive_kept(sjl_file_op_t *op);
static void sjl_archive_failed(const char *why);


static ev_timer        sjl_archive_timer;
static int             sjl_archive_started;
static int             sjl_archive_looking;
static int             sjl_archive_ending;

/* for the sets that drivers were started with; and whose turn it is */
static sjl_archive_t  *sjl_archives;
static sjl_archive_t  *sjl_archive_now;

/* of the one that is being made: the folder's name, and what it is for */
static char            sjl_archive_id[SJL_ID_LEN + 1];
static char            sjl_archive_for[SJL_HASH_LEN + 1];
static sjl_process_t   sjl_archive_process;


void
sjl_archive_start(void)
{
    ev_init(&sjl_archive_timer, sjl_archive_look);

    sjl_archive_started = 1;
    (void) sjl_archive_add(SJL_LIBRARY_DEFAULT);
    sjl_archive_wait(SJL_ARCHIVE_FIRST);
}


static sjl_archive_t *
sjl_archive_add(const char *library)
{
    sjl_archive_t  *archive;

    LL_FOREACH(sjl_archives, archive) {
        if (strcmp(archive->library, library) == 0) {
            return archive;
        }
    }

    archive = sjl_alloc(sizeof(sjl_archive_t));
    archive->library = sjl_strdup(library);
    LL_APPEND(sjl_archives, archive);

    return archive;
}


void
sjl_archive_again(void)
{
    sjl_archive_t  *archive;

    LL_FOREACH(sjl_archives, archive) {
        archive->pause = 0.;
        archive->due = 0;
    }

    if (!sjl_conf->archive) {
        sjl_process_signal(&sjl_archive_process, SIGKILL);
    }

    if (sjl_archive_process.pid == 0) {
        sjl_archive_wait(0.);
    }
}


static void
sjl_archive_wait(double seconds)
{
    ev_timer_stop(sjl_loop, &sjl_archive_timer);
    ev_timer_set(&sjl_archive_timer, seconds, 0.);
    ev_timer_start(sjl_loop, &sjl_archive_timer);
}


static void
sjl_archive_look(struct ev_loop *loop, ev_timer *timer, int events)
{
    size_t          n;
    sjl_file_op_t  *op;
    sjl_archive_t  *archive;
    sjl_library_t  *library;

    (void) loop;
    (void) timer;
    (void) events;

    if (sjl_archive_looking || sjl_archive_process.pid) {
        return;
    }

    if (!sjl_conf->archive || json_array_size(sjl_conf->command)) {

        LL_FOREACH(sjl_archives, archive) {
            free(archive->file);
            archive->file = NULL;
        }

        return;
    }

    library = sjl_archive_library();
    LL_COUNT(sjl_archives, archive, n);

    sjl_archive_looking = 1;

    op = sjl_file_op_make(sjl_archive_find, sjl_archive_found, NULL);
    op->body = sjl_command_archived(library);
    op->from = sjl_strdup(sjl_archive_now->file);
    op->max = n - 1 + SJL_ARCHIVE_OTHERS;

    sjl_file_op_add(op);
}


/*
 * The set whose turn it is; those that are not there any longer have none, nor
 * have those that somebody else has put in the place of one that was ours.
 */

static sjl_library_t *
sjl_archive_library(void)
{
    sjl_archive_t  *gone;
    sjl_library_t  *library;

    for ( ;; ) {

        if (sjl_archive_now == NULL) {
            sjl_archive_now = sjl_archives;
        }

        library = sjl_library_find(sjl_archive_now->library);

        if (library && sjl_library_is_ours(library)) {
            return library;
        }

        gone = sjl_archive_now;
        sjl_archive_now = gone->next;
        LL_DELETE(sjl_archives, gone);

        free(gone->library);
        free(gone->file);
        free(gone);
    }
}


static void
sjl_archive_next(void)
{
    sjl_archive_now = sjl_archive_now->next;

    sjl_archive_wait(sjl_archive_now ? 0. : SJL_ARCHIVE_PERIOD);
}


/*
 * On the file thread.  "from" is one that was looked at before; "to" becomes
 * the one that fits, if there is any, and "sha256" what it has to be for.  What
 * else is in the folder is of other sets, or was left by others, and goes, but
 * for the newest "max".
 */

static int
sjl_archive_find(sjl_file_op_t *op)
{
    int              i, n;
    size_t           others;
    char            *folder;
    struct dirent  **entries;

    sjl_command_hash(op->sha256, op->body);

    folder = sjl_format("%s/archives", sjl_files_root);
    n = scandir(folder, &entries, sjl_archive_is, sjl_archive_newest);

    if (n == -1) {
        (void) sjl_files_fail(op, "scandir", folder);
        free(folder);
        return SJL_ERROR;
    }

    others = 0;

    for (i = 0; i < n; i++) {

        if (strncmp(entries[i]->d_name, op->sha256, SJL_HASH_LEN) == 0
            && op->to == NULL && sjl_archive_check(op, entries[i]->d_name))
        {
            op->to = sjl_format("%s/%s", folder, entries[i]->d_name);

        } else if (strlen(entries[i]->d_name) != SJL_ARCHIVE_NAME
                   || strncmp(entries[i]->d_name, op->sha256, SJL_HASH_LEN) == 0
                   || ++others > op->max)
        {
            sjl_archive_remove(op, entries[i]->d_name);
        }

        free(entries[i]);
    }

    free(entries);
    free(folder);

    return SJL_OK;
}


static int
sjl_archive_is(const struct dirent *entry)
{
    return entry->d_name[0] != '.'
           && strcmp(entry->d_name, SJL_ARCHIVE_LOG) != 0;
}


/* by name where the times cannot be had: the order is one in any case */

static int
sjl_archive_newest(const struct dirent **a, const struct dirent **b)
{
    int            i;
    char          *path;
    struct stat    sb[2];
    const char    *names[2];

    names[0] = (*a)->d_name;
    names[1] = (*b)->d_name;

    for (i = 0; i < 2; i++) {
        path = sjl_format("%s/archives/%s", sjl_files_root, names[i]);

        if (stat(path, &sb[i]) == -1) {
            sb[i].st_mtime = 0;
        }

        free(path);
    }

    return sb[0].st_mtime < sb[1].st_mtime ? 1
           : sb[0].st_mtime > sb[1].st_mtime ? -1
           : strcmp(names[0], names[1]);
}


/*
 * A JVM looks at the header only; what is damaged behind it would be executed.
 * Who has been looked at once is believed.
 */

static int
sjl_archive_check(sjl_file_op_t *op, const char *name)
{
    int             same;
    char           *path;
    sjl_file_op_t   file;

    path = sjl_format("%s/archives/%s", sjl_files_root, name);

    if (op->from && strcmp(op->from, path) == 0 && access(path, R_OK) == 0) {
        free(path);
        return 1;
    }

    memset(&file, 0, sizeof(file));
    file.fd = open(path, O_RDONLY|O_CLOEXEC|O_NOFOLLOW);
    free(path);

    if (file.fd == -1) {
        return 0;
    }

    same = sjl_files_hash(&file) == SJL_OK
           && strncmp(name + SJL_HASH_LEN + 1, file.sha256, SJL_HASH_LEN) == 0;

    (void) close(file.fd);

    return same;
}


static void
sjl_archive_remove(sjl_file_op_t *op, const char *name)
{
    char  *path;

    path = sjl_format("%s/archives/%s", sjl_files_root, name);

    if (sjl_folder_remove_tree(path) == SJL_ERROR) {
        (void) sjl_files_fail(op, "remove", path);
    }

    free(path);
}


static void
sjl_archive_found(sjl_file_op_t *op)
{
    sjl_archive_t  *archive;

    sjl_archive_looking = 0;

    if (sjl_archive_ending) {
        sjl_file_op_free(op);
        return;
    }

    if (*op->why.text) {
        sjl_log(SJL_LOG_CRIT, "%s", op->why.text);
    }

    archive = sjl_archive_now;

    if (op->to
        && (archive->file == NULL || strcmp(op->to, archive->file) != 0))
    {
        sjl_log(SJL_LOG_NOTICE, "drivers with library set %s start with the "
                "classes in \"%s\"", archive->library, op->to);
    }

    free(archive->file);
    archive->file = sjl_strdup(op->to);
    memcpy(sjl_archive_for, op->sha256, sizeof(sjl_archive_for));

    if (op->rc == SJL_OK && op->to == NULL && sjl_now() >= archive->due
        && !sjl_archive_is_useless(archive))
    {
        sjl_archive_make();

    } else {
        sjl_archive_next();
    }

    sjl_file_op_free(op);
}


/* no driver with these options could have it, nor can one be made with them */

static int
sjl_archive_is_useless(sjl_archive_t *archive)
{
    const char     *watched;
    sjl_library_t  *library;

    library = sjl_library_find(archive->library);
    watched = library ? sjl_command_watched(library, NULL) : NULL;

    if (watched && archive->watched != watched) {
        sjl_log(SJL_LOG_NOTICE, "drivers with library set %s start without an "
                "archive of their classes: they have \"%s\" among their "
                "options", archive->library, watched);
    }

    archive->watched = watched;

    return watched != NULL;
}


static void
sjl_archive_make(void)
{
    sjl_file_op_t  *op;

    sjl_id_make(sjl_archive_id);

    op = sjl_file_op_make(sjl_archive_folder, sjl_archive_spawn, NULL);
    op->to = sjl_format("%s/archives/%s", sjl_files_root, sjl_archive_id);

    sjl_archive_looking = 1;
    sjl_file_op_add(op);
}


static int
sjl_archive_folder(sjl_file_op_t *op)
{
    return sjl_folder_add(op->to) == SJL_ERROR
           ? sjl_files_fail(op, "mkdir", op->to) : SJL_OK;
}


static void
sjl_archive_spawn(sjl_file_op_t *op)
{
    sjl_archive_looking = 0;

    if (sjl_archive_ending) {
        sjl_file_op_free(op);
        return;
    }

    if (op->rc == SJL_ERROR) {
        sjl_archive_failed(op->why.text);

    } else if (sjl_archive_run(op->to) == SJL_ERROR) {
        sjl_folder_remove(sjl_strdup(op->to));
        sjl_archive_failed("its process could not be started");

    } else {
        sjl_log(SJL_LOG_INFO, "process %d makes an archive of the classes that "
                "drivers share", (int) sjl_archive_process.pid);
        sjl_process_within(&sjl_archive_process, SJL_ARCHIVE_MAX);
    }

    sjl_file_op_free(op);
}


static int
sjl_archive_run(const char *folder)
{
    int             rc;
    char           *log, *archive;
    sjl_login_t     login;
    sjl_owner_t     owner;
    sjl_spawn_t     spawn;
    sjl_command_t   cmd;
    sjl_library_t  *library;

    library = sjl_library_find(sjl_archive_now->library);

    if (library == NULL || !sjl_library_is_ours(library)) {
        return SJL_ERROR;
    }

    owner.uid = geteuid();
    owner.gid = getegid();
    sjl_login_make(&login, &owner);

    archive = sjl_format("%s/new", folder);
    log = sjl_format("%s/log", folder);

    rc = sjl_command_archive(&cmd, sjl_archive_id, folder, archive, library,
                             &login);

    if (rc == SJL_OK) {
        spawn.argv = cmd.argv;
        spawn.envp = cmd.envp;
        spawn.input = "";
        spawn.folder = folder;
        spawn.log = log;
        spawn.group = -1;
        spawn.nice = SJL_ARCHIVE_NICE;
        spawn.login = &login;

        sjl_archive_process.exited = sjl_archive_exited;
        rc = sjl_process_spawn(&sjl_archive_process, &spawn);
        sjl_command_free(&cmd);
    }

    sjl_login_free(&login);
    free(archive);
    free(log);

    return rc;
}


static void
sjl_archive_exited(sjl_process_t *p, int status)
{
    sjl_file_op_t  *op;

    op = sjl_file_op_make(sjl_archive_keep, sjl_archive_kept, NULL);
    op->from = sjl_format("%s/archives/%s", sjl_files_root, sjl_archive_id);
    op->body = sjl_strdup(sjl_archive_for);
    op->bad = status != 0;

    if (status) {
        op->to = p->late ? sjl_format("its JVM has not ended within %d s",
                                      (int) SJL_ARCHIVE_MAX)
                         : sjl_process_words(status);
    }

    sjl_archive_looking = 1;
    sjl_file_op_add(op);
}


/* on the file thread: keeps what its folder "from" has; the folder goes */

static int
sjl_archive_keep(sjl_file_op_t *op)
{
    int    rc;
    char  *log, *kept, *file;

    log = sjl_format("%s/log", op->from);
    file = sjl_format("%s/new", op->from);
    kept = sjl_format("%s/archives/" SJL_ARCHIVE_LOG, sjl_files_root);

    rc = op->bad ? SJL_ERROR : sjl_archive_store(op, file);

    /* why it failed is in its log */

    if (rc == SJL_ERROR && rename(log, kept) == -1 && errno != ENOENT) {
        (void) sjl_files_fail(op, "rename", log);
    }

    if (sjl_folder_remove_tree(op->from) == SJL_ERROR) {
        (void) sjl_files_fail(op, "remove", op->from);
    }

    free(log);
    free(file);
    free(kept);

    return rc;
}


static int
sjl_archive_store(sjl_file_op_t *op, const char *file)
{
    int    rc;
    char  *path, *folder;

    op->fd = open(file, O_RDONLY|O_CLOEXEC|O_NOFOLLOW);

    if (op->fd == -1) {
        return sjl_files_fail(op, "open", file);
    }

    if (sjl_files_hash(op) == SJL_ERROR
        || fchmod(op->fd, sjl_share_mode()) == -1 || fsync(op->fd) == -1)
    {
        return sjl_files_fail(op, "fsync", file);
    }

    folder = sjl_format("%s/archives", sjl_files_root);
    path = sjl_format("%s/%s-%s" SJL_ARCHIVE_EXT, folder, op->body,
                      op->sha256);

    rc = rename(file, path) == -1 ? sjl_files_fail(op, "rename", path)
                                  : sjl_files_sync_folder(op, folder);
    free(folder);
    free(path);

    return rc;
}


static void
sjl_archive_kept(sjl_file_op_t *op)
{
    sjl_archive_looking = 0;

    if (sjl_archive_ending || !sjl_conf->archive) {
        /* there is no need for more */

    } else if (op->rc == SJL_ERROR) {
        sjl_archive_failed(op->to ? op->to : op->why.text);

    } else {
        sjl_archive_now->pause = 0.;
        sjl_archive_wait(0.);
    }

    sjl_file_op_free(op);
}


static void
sjl_archive_failed(const char *why)
{
    sjl_archive_t  *archive;

    archive = sjl_archive_now;

    archive->pause = archive->pause > 0. ? 2 * archive->pause
                                         : SJL_ARCHIVE_PAUSE;

    if (archive->pause > SJL_ARCHIVE_LONGEST) {
        archive->pause = SJL_ARCHIVE_LONGEST;
    }

    archive->due = sjl_now() + (int64_t) (archive->pause * 1000.);

    sjl_log(SJL_LOG_ERR, "no archive of classes was made for library set %s, "
            "drivers start without: %s (archives/" SJL_ARCHIVE_LOG " may tell "
            "more); tried again in %d s", archive->library, why,
            (int) archive->pause);

    sjl_archive_next();
}


const char *
sjl_archive_path(const char *library)
{
    sjl_archive_t  *archive;

    if (!sjl_conf->archive || !sjl_archive_started || sjl_archive_ending) {
        return NULL;
    }

    LL_FOREACH(sjl_archives, archive) {
        if (strcmp(archive->library, library) == 0) {
            return archive->file;
        }
    }

    if (!sjl_library_is_ours(sjl_library_find(library))) {
        return NULL;
    }

    (void) sjl_archive_add(library);

    if (sjl_archive_process.pid == 0) {
        sjl_archive_wait(SJL_ARCHIVE_FIRST);
    }

    return NULL;
}


int
sjl_archive_owns(pid_t session)
{
    return sjl_archive_process.pid && sjl_archive_process.pid == session;
}


void
sjl_archive_stop(void)
{
    if (!sjl_archive_started) {
        return;
    }

    sjl_archive_ending = 1;

    ev_timer_stop(sjl_loop, &sjl_archive_timer);
    sjl_process_signal(&sjl_archive_process, SIGKILL);
}


int
sjl_archive_busy(void)
{
    return sjl_archive_process.pid != 0;
}


void
sjl_archive_leave(void)
{
    sjl_process_forget(&sjl_archive_process);
}
