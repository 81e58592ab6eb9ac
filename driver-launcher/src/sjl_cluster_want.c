
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */


#include "sjl_cluster_want.h"
#include "sjl_config.h"
#include "sjl_setting.h"
#include "sjl_setup.h"

#include <fcntl.h>
#include <sys/stat.h>


#define SJL_WANT_DEPTH     16           /* of queues within queues */
#define SJL_WANT_OVERHEAD  384          /* MiB at least, as in Spark */
#define SJL_WANT_QUEUES    256          /* bytes of their names in a message */


/* a process that a cluster has to find room for */

typedef struct {
    const char  *what;
    const char  *memory;                /* settings */
    const char  *other;                 /* the same, in another word, or NULL */
    const char  *overhead;
    const char  *factor;
    const char  *cores;
    const char  *label;                 /* of YARN's nodes that it may be on */
    int64_t      usual;                 /* MiB, when nothing is said */
} sjl_want_process_t;


static const char *sjl_want_either(const sjl_context_t *ctx, const char *name,
    const char *other);
static int64_t sjl_want_memory(const sjl_context_t *ctx,
    const sjl_want_process_t *p);
static int64_t sjl_want_total(const sjl_context_t *ctx,
    const sjl_want_process_t *p);
static int64_t sjl_want_cores(const sjl_context_t *ctx,
    const sjl_want_process_t *p);
static const sjl_want_process_t *sjl_want_master(const sjl_context_t *ctx);
static char *sjl_want_queue(const sjl_context_t *ctx, const char *where,
    const json_t *scheduler);
static const json_t *sjl_want_find_queue(const json_t *queues,
    const char *wanted, const char *parent, int *automatic, char **names,
    unsigned depth);
static char *sjl_want_nodes(const sjl_context_t *ctx,
    const sjl_want_process_t *p, const char *where, const json_t *nodes);
static int sjl_want_labelled(const json_t *node, const char *label);
static char *sjl_want_too_large(const sjl_context_t *ctx,
    const sjl_want_process_t *p, const char *where, int64_t memory,
    int64_t cores, const char *limit);
static char *sjl_want_worker(const sjl_context_t *ctx,
    const sjl_want_process_t *p, const char *where, int64_t memory,
    int64_t cores);
static int64_t sjl_want_number(const json_t *object, const char *name);
static char *sjl_want_template(const sjl_context_t *ctx, const char *name);
static const char *sjl_want_no_file(const char *path);


static const sjl_want_process_t  sjl_want_executor = {
    "an executor", "spark.executor.memory", "memory-per-node",
    "spark.executor.memoryOverhead", "spark.executor.memoryOverheadFactor",
    "spark.executor.cores", "spark.yarn.executor.nodeLabelExpression", 1024
};

static const sjl_want_process_t  sjl_want_am = {
    "the application master", "spark.yarn.am.memory", NULL,
    "spark.yarn.am.memoryOverhead", NULL, "spark.yarn.am.cores",
    "spark.yarn.am.nodeLabelExpression", 512
};

static const sjl_want_process_t  sjl_want_driver = {
    "the driver", "spark.driver.memory", NULL, "spark.driver.memoryOverhead",
    "spark.driver.memoryOverheadFactor", "spark.driver.cores",
    "spark.yarn.am.nodeLabelExpression", 1024
};


/* each of these names of settings has another one */

static const char *const  sjl_want_prefixes[] = { "", "launcher." };


const char *
sjl_want_setting(const sjl_context_t *ctx, const char *name)
{
    return sjl_want_either(ctx, name, NULL);
}


/* what the request says by either name wins over the cluster's by the first */

static const char *
sjl_want_either(const sjl_context_t *ctx, const char *name, const char *other)
{
    char           *whole;
    size_t          i, j;
    json_t         *value;
    const char     *text;
    sjl_cluster_t  *cluster;
    const json_t   *layers[3];

    cluster = sjl_setup_cluster(ctx);

    layers[0] = ctx->settings;
    layers[1] = cluster ? cluster->settings : NULL;
    layers[2] = sjl_conf->context_settings;

    if (cluster && strcmp(name, "spark.master") == 0) {
        return cluster->master;
    }

    text = NULL;

    for (i = 0; text == NULL && i < sjl_nelts(layers); i++) {

        for (j = 0; text == NULL && j < sjl_nelts(sjl_want_prefixes); j++) {
            whole = sjl_format("%s%s", sjl_want_prefixes[j], name);
            value = json_object_get(layers[i], whole);
            text = json_string_value(value);
            free(whole);
        }

        if (text == NULL && other) {
            text = json_string_value(json_object_get(layers[i], other));
        }
    }

    return text;
}


/* MiB; not above 0: it is not known, what is wrong Spark will say */

static int64_t
sjl_want_memory(const sjl_context_t *ctx, const sjl_want_process_t *p)
{
    const char  *text;

    text = sjl_want_either(ctx, p->memory, p->other);

    return text ? sjl_setting_size(text) : p->usual;
}


/* with what Spark adds when it asks YARN */

static int64_t
sjl_want_total(const sjl_context_t *ctx, const sjl_want_process_t *p)
{
    double       factor;
    int64_t      memory, overhead;
    const char  *text;

    memory = sjl_want_memory(ctx, p);

    if (memory <= 0) {
        return 0;
    }

    text = sjl_want_setting(ctx, p->overhead);

    if (text) {
        overhead = sjl_setting_size(text);
        return memory + (overhead > 0 ? overhead : 0);
    }

    text = p->factor ? sjl_want_setting(ctx, p->factor) : NULL;
    factor = text ? strtod(text, NULL) : 0.1;
    overhead = (int64_t) (factor * (double) memory);

    return memory + (overhead > SJL_WANT_OVERHEAD ? overhead
                                                  : SJL_WANT_OVERHEAD);
}


static int64_t
sjl_want_cores(const sjl_context_t *ctx, const sjl_want_process_t *p)
{
    const char  *text;

    text = sjl_want_setting(ctx, p->cores);

    return text ? strtoll(text, NULL, 10) : 1;
}


/* what YARN starts first: with the driver in it, or for one that is here */

static const sjl_want_process_t *
sjl_want_master(const sjl_context_t *ctx)
{
    return ctx->row.remote ? &sjl_want_driver : &sjl_want_am;
}


char *
sjl_want_yarn_scheduler(const sjl_context_t *ctx, const char *where,
    const json_t *answer)
{
    char          *wrong;
    int64_t        memory, cores;
    const json_t  *info, *largest;

    info = json_object_get(json_object_get(answer, "scheduler"),
                           "schedulerInfo");
    wrong = sjl_want_queue(ctx, where, info);

    if (wrong) {
        return wrong;
    }

    largest = json_object_get(info, "maximumAllocation");
    memory = sjl_want_number(largest, "memory");
    cores = sjl_want_number(largest, "vCores");

    wrong = sjl_want_too_large(ctx, &sjl_want_executor, where, memory, cores,
                               "gives a container at most");

    return wrong ? wrong
           : sjl_want_too_large(ctx, sjl_want_master(ctx), where, memory,
                                cores, "gives a container at most");
}


/* other schedulers make queues when they are needed */

static char *
sjl_want_queue(const sjl_context_t *ctx, const char *where,
    const json_t *scheduler)
{
    int            automatic;
    char          *names, *wrong;
    const char    *type, *queue, *state;
    const json_t  *found;

    type = json_string_value(json_object_get(scheduler, "type"));

    if (type == NULL || strcmp(type, "capacityScheduler") != 0) {
        return NULL;
    }

    queue = sjl_want_setting(ctx, "spark.yarn.queue");
    queue = queue ? queue : "default";

    automatic = 0;
    wrong = NULL;
    names = sjl_strdup("");

    found = sjl_want_find_queue(json_object_get(scheduler, "queues"), queue,
                                "root", &automatic, &names, 0);
    state = json_string_value(json_object_get(found, "state"));

    if (found == NULL && !automatic) {
        wrong = sjl_format("spark.yarn.queue: there is no queue \"%s\" on %s, "
                           "it has%s", queue, where, names);

    } else if (state && strcmp(state, "RUNNING") != 0) {
        wrong = sjl_format("spark.yarn.queue: the queue \"%s\" on %s is %s, "
                           "it takes no applications", queue, where, state);
    }

    free(names);

    return wrong;
}


/*
 * A queue that takes applications, by its name or its whole path; the names of
 * all that are there are gathered.
 */

static const json_t *
sjl_want_find_queue(const json_t *queues, const char *wanted,
    const char *parent, int *automatic, char **names, unsigned depth)
{
    int            same;
    char          *path, *longer;
    size_t         i;
    json_t        *queue;
    const char    *name;
    const json_t  *found, *inner;

    found = NULL;

    json_array_foreach(json_object_get(queues, "queue"), i, queue) {

        name = json_string_value(json_object_get(queue, "queueName"));
        inner = json_object_get(queue, "queues");

        if (name == NULL) {
            continue;
        }

        *automatic |= json_is_true(json_object_get(queue,
                                               "autoCreateChildQueueEnabled"));

        path = sjl_format("%s.%s", parent, name);
        same = strcmp(name, wanted) == 0 || strcmp(path, wanted) == 0;

        if (json_is_object(inner) && depth < SJL_WANT_DEPTH) {
            found = sjl_want_find_queue(inner, wanted, path, automatic, names,
                                        depth + 1);

        } else if (same) {
            found = queue;

        } else if (strlen(*names) < SJL_WANT_QUEUES) {
            longer = sjl_format("%s%s %s", *names, **names ? "," : "", name);
            free(*names);
            *names = longer;
        }

        free(path);

        if (found) {
            return found;
        }
    }

    return NULL;
}


char *
sjl_want_yarn_nodes(const sjl_context_t *ctx, const char *where,
    const json_t *answer)
{
    char          *wrong;
    const json_t  *nodes;

    nodes = json_object_get(json_object_get(answer, "nodes"), "node");
    wrong = sjl_want_nodes(ctx, &sjl_want_executor, where, nodes);

    return wrong ? wrong
                 : sjl_want_nodes(ctx, sjl_want_master(ctx), where, nodes);
}


static char *
sjl_want_nodes(const sjl_context_t *ctx, const sjl_want_process_t *p,
    const char *where, const json_t *nodes)
{
    size_t       i, fit;
    json_t      *node;
    int64_t      memory, cores, n;
    const char  *label;

    fit = 0;
    memory = 0;
    cores = 0;
    label = sjl_want_setting(ctx, p->label);

    json_array_foreach(nodes, i, node) {

        if (label && *label && !sjl_want_labelled(node, label)) {
            continue;
        }

        fit++;

        n = sjl_want_number(node, "usedMemoryMB")
            + sjl_want_number(node, "availMemoryMB");
        memory = n > memory ? n : memory;

        n = sjl_want_number(node, "usedVirtualCores")
            + sjl_want_number(node, "availableVirtualCores");
        cores = n > cores ? n : cores;
    }

    if (fit == 0 && json_array_size(nodes)) {
        return sjl_format("%s: %s may be on nodes with the label \"%s\" only, "
                          "and %s has none of these", p->label, p->what, label,
                          where);
    }

    return sjl_want_too_large(ctx, p, where, memory, cores,
                              "has no node with more than");
}


static int
sjl_want_labelled(const json_t *node, const char *label)
{
    size_t       i;
    json_t      *value;
    const char  *name;

    json_array_foreach(json_object_get(node, "nodeLabels"), i, value) {
        name = json_string_value(value);

        if (name && strcmp(name, label) == 0) {
            return 1;
        }
    }

    return 0;
}


/* a limit of 0 is none: nothing is there yet, or nothing is told */

static char *
sjl_want_too_large(const sjl_context_t *ctx, const sjl_want_process_t *p,
    const char *where, int64_t memory, int64_t cores, const char *limit)
{
    int64_t  wanted;

    wanted = sjl_want_total(ctx, p);

    if (memory > 0 && wanted > memory) {
        return sjl_format("%s: %s needs %lld MiB with its overhead, and %s %s "
                          "%lld MiB", p->memory, p->what, (long long) wanted,
                          where, limit, (long long) memory);
    }

    wanted = sjl_want_cores(ctx, p);

    if (cores > 0 && wanted > cores) {
        return sjl_format("%s: %s needs %lld cores, and %s %s %lld",
                          p->cores, p->what, (long long) wanted, where, limit,
                          (long long) cores);
    }

    return NULL;
}


char *
sjl_want_standalone(const sjl_context_t *ctx, const char *where,
    const json_t *answer)
{
    char        *wrong;
    size_t       i;
    json_t      *worker;
    int64_t      memory, cores, n;
    const char  *state;

    memory = 0;
    cores = 0;

    json_array_foreach(json_object_get(answer, "workers"), i, worker) {
        state = json_string_value(json_object_get(worker, "state"));

        if (state == NULL || strcmp(state, "ALIVE") != 0) {
            continue;
        }

        n = sjl_want_number(worker, "memory");
        memory = n > memory ? n : memory;

        n = sjl_want_number(worker, "cores");
        cores = n > cores ? n : cores;
    }

    wrong = sjl_want_worker(ctx, &sjl_want_executor, where, memory, cores);

    return wrong || ctx->row.remote == NULL ? wrong
           : sjl_want_worker(ctx, &sjl_want_driver, where, memory, cores);
}


static char *
sjl_want_worker(const sjl_context_t *ctx, const sjl_want_process_t *p,
    const char *where, int64_t memory, int64_t cores)
{
    int64_t  wanted;

    wanted = sjl_want_memory(ctx, p);

    if (memory > 0 && wanted > memory) {
        return sjl_format("%s: %s needs %lld MiB, and %s has no worker with "
                          "more than %lld MiB", p->memory, p->what,
                          (long long) wanted, where, (long long) memory);
    }

    wanted = sjl_want_cores(ctx, p);

    if (cores > 0 && wanted > cores) {
        return sjl_format("%s: %s needs %lld cores, and %s has no worker with "
                          "more than %lld", p->cores, p->what,
                          (long long) wanted, where, (long long) cores);
    }

    return NULL;
}


static int64_t
sjl_want_number(const json_t *object, const char *name)
{
    return (int64_t) json_number_value(json_object_get(object, name));
}


/* the driver's own is read by who submits it */

char *
sjl_want_kubernetes(const sjl_context_t *ctx)
{
    char  *wrong;

    wrong = sjl_want_template(ctx, "spark.kubernetes.executor.podTemplateFile");

    return wrong || ctx->row.remote == NULL ? wrong
           : sjl_want_template(ctx, "spark.kubernetes.driver.podTemplateFile");
}


/* with the rights of whom the driver runs as; Spark fetches other URIs */

static char *
sjl_want_template(const sjl_context_t *ctx, const char *name)
{
    const char  *path, *why;

    path = sjl_want_setting(ctx, name);

    if (path && strncmp(path, "file:", 5) == 0) {
        path += strncmp(path, "file:///", 8) == 0 ? 7 : 5;
    }

    if (path == NULL || *path != '/') {
        return NULL;
    }

    sjl_owner_enter_user(&ctx->owner);
    why = sjl_want_no_file(path);
    sjl_owner_leave();

    return why ? sjl_format("%s: \"%s\" %s", name, path, why) : NULL;
}


static const char *
sjl_want_no_file(const char *path)
{
    int          fd;
    const char  *why;
    struct stat  sb;

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NONBLOCK);

    if (fd == -1) {
        return errno == ENOENT || errno == ENOTDIR
               ? "is not there" : "cannot be read by the driver's user";
    }

    why = fstat(fd, &sb) == -1 || !S_ISREG(sb.st_mode)
          ? "is no file" : sb.st_size == 0 ? "is empty" : NULL;

    (void) close(fd);

    return why;
}
