
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_ticket.h"
#include "sjl_command.h"
#include "sjl_driver.h"
#include "sjl_files.h"
#include "sjl_krb5.h"
#include "sjl_setup.h"
#include "sjl_tokens.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <utlist.h>


#define SJL_TICKET_PERIOD   1.          /* seconds between two looks */
#define SJL_TICKET_TIMEOUT  10.         /* for an answer of the KDC */
#define SJL_TICKET_PAUSE    30          /* after a failure, at most */
#define SJL_TICKET_MAX      8           /* that are renewed at once */
#define SJL_TICKET_LINES    3           /* of what kinit says */
#define SJL_TICKET_TAIL     500
#define SJL_TICKET_CONF     "/etc/krb5.conf"


struct sjl_ticket_s {
    sjl_ticket_t  **place;              /* NULL: nobody wants to know */
    sjl_process_t   process;
    char           *who;
    char           *to;
    char           *told;               /* KRB5_CONFIG, or NULL */
    char           *principal;          /* the cluster may go meanwhile */
    char           *keytab;
    char           *file;               /* that kinit writes */
    char           *log;
    char           *conf;
    unsigned        got:1;
    sjl_ticket_pt   done;
    void           *data;

    sjl_ticket_t   *next;
    sjl_ticket_t   *prev;
};


static void sjl_ticket_look(struct ev_loop *loop, ev_timer *timer, int events);
static sjl_context_t *sjl_ticket_next(void);
static int sjl_ticket_due(const sjl_context_t *ctx);
static void sjl_ticket_renewed(void *data, char *why);
static sjl_ticket_t *sjl_ticket_make(sjl_ticket_t **place, const char *id,
    const char *who, const sjl_cluster_t *cluster,
    const sjl_library_t *library);
static int sjl_ticket_run(sjl_ticket_t *ticket);
static int sjl_ticket_strict(const sjl_ticket_t *ticket);
static int sjl_ticket_spawn(sjl_ticket_t *ticket, char *program);
static void sjl_ticket_exited(sjl_process_t *p, int status);
static int sjl_ticket_take(sjl_file_op_t *op);
static void sjl_ticket_taken(sjl_file_op_t *op);
static char *sjl_ticket_words(const sjl_ticket_t *ticket,
    const sjl_file_op_t *op);
static char *sjl_ticket_line(const sjl_ticket_t *ticket, const char *said);
static void sjl_ticket_end(sjl_ticket_t *ticket, char *why);
static int sjl_ticket_principal_ok(const char *principal);
static char *sjl_ticket_keytab_wrong(const char *path);


static sjl_ticket_t  *sjl_tickets;
static ev_timer       sjl_ticket_timer;
static int            sjl_ticket_ending;


void
sjl_ticket_start(void)
{
    ev_timer_init(&sjl_ticket_timer, sjl_ticket_look, SJL_TICKET_PERIOD,
                  SJL_TICKET_PERIOD);
    ev_timer_start(sjl_loop, &sjl_ticket_timer);
}


/* those of drivers that another launcher has started are due at once */

static void
sjl_ticket_look(struct ev_loop *loop, ev_timer *timer, int events)
{
    size_t          n;
    sjl_context_t  *ctx;

    (void) loop;
    (void) timer;
    (void) events;

    for (n = sjl_ticket_count(); n < SJL_TICKET_MAX; n++) {
        ctx = sjl_ticket_ending ? NULL : sjl_ticket_next();

        if (ctx == NULL) {
            return;
        }

        if (ctx->row.remote) {
            sjl_tokens_get(ctx);

        } else {
            sjl_ticket_get(ctx, sjl_ticket_renewed);
        }
    }
}


/* a KDC that is silent for many is not to keep those of another one waiting */

static sjl_context_t *
sjl_ticket_next(void)
{
    sjl_context_t  *ctx, *next, *first;

    first = NULL;

    HASH_ITER(hh, sjl_contexts, ctx, next) {
        if (sjl_ticket_due(ctx)
            && (first == NULL || ctx->ticket_due < first->ticket_due))
        {
            first = ctx;
        }
    }

    return first;
}


static int
sjl_ticket_due(const sjl_context_t *ctx)
{
    return !ctx->row.final && ctx->driver && ctx->ticket == NULL
           && ctx->ticket_due <= sjl_now()
           && (ctx->row.remote ? sjl_tokens_wanted(ctx)
                               : sjl_ticket_wanted(sjl_setup_cluster(ctx)));
}


static void
sjl_ticket_renewed(void *data, char *why)
{
    if (why) {
        sjl_ticket_again(data, why);
        free(why);
    }
}


void
sjl_ticket_again(sjl_context_t *ctx, const char *why)
{
    int64_t  pause;

    pause = sjl_conf->ticket_renewal < SJL_TICKET_PAUSE
            ? sjl_conf->ticket_renewal : SJL_TICKET_PAUSE;
    ctx->ticket_due = sjl_now() + pause * 1000;

    sjl_log(SJL_LOG_ERR, "context %s %s: %s; tried again in %d s",
            ctx->row.name, ctx->row.id, why, (int) pause);
}


int
sjl_ticket_wanted(const sjl_cluster_t *cluster)
{
    return cluster && cluster->principal && cluster->keytab;
}


void
sjl_ticket_get(sjl_context_t *ctx, sjl_ticket_pt done)
{
    char  *who;

    /* one for the driver before is none for the next one */

    sjl_ticket_forget(&ctx->ticket);
    ctx->ticket_due = sjl_now() + sjl_conf->ticket_renewal * 1000;

    who = sjl_format("context %s %s", ctx->row.name, ctx->row.id);
    sjl_ticket_get_for(&ctx->ticket, ctx->row.id, who, sjl_setup_cluster(ctx),
                       sjl_setup_library(ctx), done, ctx);
    free(who);
}


void
sjl_ticket_get_for(sjl_ticket_t **place, const char *id, const char *who,
    const sjl_cluster_t *cluster, const sjl_library_t *library,
    sjl_ticket_pt done, void *data)
{
    sjl_ticket_t  *ticket;

    ticket = sjl_ticket_make(place, id, who, cluster, library);
    ticket->done = done;
    ticket->data = data;

    if (sjl_ticket_run(ticket) == SJL_ERROR) {
        sjl_ticket_end(ticket, sjl_format("Kerberos: there is no ticket for "
                                          "%s: \"%s\" could not be started, "
                                          "the launcher's log tells why",
                                          ticket->principal, sjl_conf->kinit));
        return;
    }

    sjl_process_within(&ticket->process, SJL_TICKET_TIMEOUT);
}


static sjl_ticket_t *
sjl_ticket_make(sjl_ticket_t **place, const char *id, const char *who,
    const sjl_cluster_t *cluster, const sjl_library_t *library)
{
    char           name[33];
    sjl_ticket_t  *ticket;

    sjl_random_hex(name, 16);

    ticket = sjl_alloc(sizeof(sjl_ticket_t));
    ticket->place = place;
    ticket->who = sjl_strdup(who);
    ticket->to = sjl_path_context(id, SJL_TICKET_FILE);
    ticket->told = sjl_strdup(sjl_krb5_conf(library ? library->environment
                                                    : NULL));
    ticket->principal = sjl_strdup(cluster->principal);
    ticket->keytab = sjl_strdup(cluster->keytab);
    ticket->file = sjl_format("%s/tmp/%s", sjl_files_root, name);
    ticket->log = sjl_format("%s/tmp/%s.log", sjl_files_root, name);
    ticket->conf = sjl_format("%s/tmp/%s.conf", sjl_files_root, name);
    ticket->process.exited = sjl_ticket_exited;

    *place = ticket;
    DL_APPEND(sjl_tickets, ticket);

    return ticket;
}


static int
sjl_ticket_run(sjl_ticket_t *ticket)
{
    int    rc;
    char  *program;

    program = sjl_command_program(sjl_conf->kinit);

    if (program == NULL) {
        sjl_log(SJL_LOG_CRIT, "there is no program \"%s\" to get a ticket of "
                "Kerberos with", sjl_conf->kinit);
        return SJL_ERROR;
    }

    rc = sjl_ticket_strict(ticket);

    if (rc == SJL_OK && sjl_ticket_spawn(ticket, program) == SJL_ERROR) {
        (void) unlink(ticket->conf);
        rc = SJL_ERROR;
    }

    free(program);

    return rc;
}


/*
 * kinit would put up with a clock that is wrong, and Java, which has to use
 * the ticket, does not: so it is told here.
 */

static int
sjl_ticket_strict(const sjl_ticket_t *ticket)
{
    int  fd, rc;

    static const char  text[] = "[libdefaults]\nkdc_timesync = 0\n";

    fd = open(ticket->conf, O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600);

    if (fd != -1
        && write(fd, text, sizeof(text) - 1) == (ssize_t) sizeof(text) - 1)
    {
        rc = SJL_OK;

    } else {
        rc = SJL_ERROR;
        sjl_log(SJL_LOG_CRIT, "\"%s\" cannot be written: %s", ticket->conf,
                strerror(errno));
        (void) unlink(ticket->conf);
    }

    if (fd != -1) {
        (void) close(fd);
    }

    return rc;
}


/* as ourselves: the keytab is closed to drivers */

static int
sjl_ticket_spawn(sjl_ticket_t *ticket, char *program)
{
    int           rc;
    char         *folder, *conf, *path, *home, *argv[8], *envp[5];
    sjl_login_t   login;
    sjl_owner_t   owner;
    sjl_spawn_t   spawn;

    folder = sjl_format("%s/tmp", sjl_files_root);
    path = sjl_format("PATH=%s", getenv("PATH") ? getenv("PATH") : "");
    home = sjl_format("HOME=%s", getenv("HOME") ? getenv("HOME") : "/");
    conf = sjl_format("KRB5_CONFIG=%s:%s", ticket->conf,
                      ticket->told ? ticket->told : SJL_TICKET_CONF);

    argv[0] = program;
    argv[1] = (char *) "-k";
    argv[2] = (char *) "-t";
    argv[3] = ticket->keytab;
    argv[4] = (char *) "-c";
    argv[5] = ticket->file;
    argv[6] = ticket->principal;
    argv[7] = NULL;

    envp[0] = (char *) "LC_ALL=C";
    envp[1] = path;
    envp[2] = home;
    envp[3] = conf;
    envp[4] = NULL;

    owner.uid = geteuid();
    owner.gid = getegid();
    sjl_login_make(&login, &owner);

    memset(&spawn, 0, sizeof(spawn));
    spawn.argv = argv;
    spawn.envp = envp;
    spawn.input = "";
    spawn.folder = folder;
    spawn.log = ticket->log;
    spawn.group = -1;
    spawn.login = &login;

    rc = sjl_process_spawn(&ticket->process, &spawn);

    sjl_login_free(&login);
    free(folder);
    free(path);
    free(home);
    free(conf);

    return rc;
}


static void
sjl_ticket_exited(sjl_process_t *p, int status)
{
    sjl_ticket_t   *ticket;
    sjl_file_op_t  *op;

    ticket = sjl_container(p, sjl_ticket_t, process);
    ticket->got = WIFEXITED(status) && WEXITSTATUS(status) == 0;

    op = sjl_file_op_make(sjl_ticket_take, sjl_ticket_taken, ticket);
    op->from = sjl_strdup(ticket->file);
    op->to = ticket->place ? sjl_strdup(ticket->to) : NULL;

    sjl_file_op_add(op);
}


/*
 * On the file thread: a driver reads either the old tickets or the new ones.
 * Of one that was not got the log tells why.
 */

static int
sjl_ticket_take(sjl_file_op_t *op)
{
    int                  rc;
    const sjl_ticket_t  *ticket;

    ticket = op->data;
    rc = SJL_OK;

    if (op->to && ticket->got) {
        op->fd = open(op->from, O_RDONLY|O_CLOEXEC|O_NOFOLLOW);

        rc = op->fd == -1 ? sjl_files_fail(op, "open", op->from)
                          : sjl_files_copy(op);

        if (op->fd != -1) {
            (void) close(op->fd);
            op->fd = -1;
        }

    } else if (op->to) {
        op->body = sjl_file_tail(ticket->log, 0, SJL_TICKET_LINES,
                                 SJL_TICKET_TAIL);
    }

    (void) unlink(op->from);
    (void) unlink(ticket->log);
    (void) unlink(ticket->conf);

    return rc;
}


static void
sjl_ticket_taken(sjl_file_op_t *op)
{
    char          *why;
    sjl_ticket_t  *ticket;

    ticket = op->data;
    why = NULL;

    if (ticket->place) {
        why = sjl_ticket_words(ticket, op);
    }

    sjl_file_op_free(op);
    sjl_ticket_end(ticket, why);
}


static char *
sjl_ticket_words(const sjl_ticket_t *ticket, const sjl_file_op_t *op)
{
    char  *line, *text;

    if (ticket->got && op->rc == SJL_OK) {
        return NULL;
    }

    line = sjl_ticket_line(ticket, ticket->got ? op->why.text
                                               : op->body ? op->body : "");
    text = ticket->process.late
           ? sjl_format("Kerberos: there is no ticket for %s: no KDC has "
                        "answered within %d s", ticket->principal,
                        (int) SJL_TICKET_TIMEOUT)
           : sjl_format("Kerberos: there is no ticket for %s: %s",
                        ticket->principal,
                        *line ? line : "kinit has failed without a word");
    free(line);
    sjl_text_clean(text);

    sjl_log(SJL_LOG_ERR, "%s: %s (keytab \"%s\")", ticket->who, text,
            ticket->keytab);

    return text;
}


/* which keytab it was is nobody's affair but the launcher's */

static char *
sjl_ticket_line(const sjl_ticket_t *ticket, const char *said)
{
    char        *line, *text;
    const char  *at;

    static const char  kinit[] = "kinit: ";

    if (strncmp(said, kinit, sizeof(kinit) - 1) == 0) {
        said += sizeof(kinit) - 1;
    }

    line = sjl_memdup(said, strcspn(said, "\n"));
    at = strstr(line, ticket->keytab);

    if (at == NULL) {
        return line;
    }

    text = sjl_format("%.*s...%s", (int) (at - line), line,
                      at + strlen(ticket->keytab));
    free(line);

    return text;
}


static void
sjl_ticket_end(sjl_ticket_t *ticket, char *why)
{
    void           *data;
    sjl_ticket_t  **place;
    sjl_ticket_pt   done;

    place = ticket->place;
    done = ticket->done;
    data = ticket->data;

    DL_DELETE(sjl_tickets, ticket);

    free(ticket->who);
    free(ticket->to);
    free(ticket->told);
    free(ticket->principal);
    free(ticket->keytab);
    free(ticket->file);
    free(ticket->log);
    free(ticket->conf);
    free(ticket);

    if (place) {
        *place = NULL;
        done(data, why);
    }
}


void
sjl_ticket_forget(sjl_ticket_t **place)
{
    if (*place == NULL) {
        return;
    }

    sjl_process_signal(&(*place)->process, SIGKILL);

    (*place)->place = NULL;
    *place = NULL;
}


void
sjl_ticket_check(const char *principal, const char *keytab, json_t *wrong)
{
    char  *text;

    text = NULL;

    if (principal && !sjl_ticket_principal_ok(principal)) {
        text = sjl_format("principal: expected name@REALM or "
                          "name/host@REALM, got \"%.100s\"", principal);

    } else if (principal && keytab == NULL) {
        text = sjl_format("keytab: expected the path of a keytab of %.300s, "
                          "got nothing", principal);

    } else if (principal == NULL && keytab) {
        text = sjl_strdup("principal: expected whose keytab it is, "
                          "got nothing");

    } else if (keytab) {
        text = sjl_ticket_keytab_wrong(keytab);
    }

    if (text) {
        sjl_resource_say(wrong, text);
    }
}


/* it becomes an argument of kinit, which is to see no option in it */

static int
sjl_ticket_principal_ok(const char *principal)
{
    size_t       len;
    const char  *at;

    at = strrchr(principal, '@');

    if (*principal == '-' || at == NULL || at == principal || at[1] == '\0') {
        return 0;
    }

    for (len = 0; principal[len]; len++) {
        if ((unsigned char) principal[len] <= ' ' || principal[len] == 0x7f) {
            return 0;
        }
    }

    return 1;
}


static char *
sjl_ticket_keytab_wrong(const char *path)
{
    int          fd;
    char        *text;
    ssize_t      n;
    struct stat  sb;
    uint8_t      head[2];

    if (*path != '/') {
        return sjl_format("keytab: expected an absolute path, got \"%.300s\"",
                          path);
    }

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NONBLOCK|O_NOCTTY);

    if (fd == -1) {
        return sjl_format("keytab: \"%.300s\" cannot be read by the launcher: "
                          "%s", path, strerror(errno));
    }

    text = NULL;
    n = read(fd, head, sizeof(head));

    if (fstat(fd, &sb) == -1 || !S_ISREG(sb.st_mode)) {
        text = sjl_format("keytab: \"%.300s\" is no file", path);

    } else if (n != sizeof(head) || head[0] != 5
               || (head[1] != 1 && head[1] != 2))
    {
        text = sjl_format("keytab: \"%.300s\" is no keytab", path);

    } else if (sb.st_mode & 077) {
        text = sjl_format("keytab: \"%.300s\" is open to others than its "
                          "owner (mode %04o), expected 0600 or 0400", path,
                          (unsigned) sb.st_mode & 07777);
    }

    (void) close(fd);

    return text;
}


void
sjl_ticket_stop(void)
{
    sjl_context_t  *ctx, *next;

    sjl_ticket_ending = 1;

    /* contexts without a driver are for the next launcher to go on with */

    HASH_ITER(hh, sjl_contexts, ctx, next) {
        sjl_ticket_forget(&ctx->ticket);
    }
}


size_t
sjl_ticket_count(void)
{
    size_t         n;
    sjl_ticket_t  *ticket;

    DL_COUNT(sjl_tickets, ticket, n);

    return n;
}


void
sjl_ticket_leave(void)
{
    sjl_ticket_t  *ticket;

    DL_FOREACH(sjl_tickets, ticket) {
        sjl_process_forget(&ticket->process);
    }
}
