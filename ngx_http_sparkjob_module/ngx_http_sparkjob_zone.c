
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The zone in shared memory: a cache of what the launcher knows.
 *
 * The mutex of the slab pool guards everything here.  All workers write: each
 * of them gets all events from the launcher, and whoever is first puts an
 * event into the tables.  A worker may be killed at any point.  The master
 * then unlocks the mutex; the next one to lock it finds "dirty" set if the
 * dead one was writing, and throws everything away, the slab pool's own
 * structures included.  Losing the tables loses nothing: a snapshot fills
 * them again.
 *
 * One worker at a time, the loader, takes a snapshot.  Its channel carries the
 * snapshot and the events in one order, so it applies both as they come.  The
 * channels of the others may be ahead of it or behind, so that until it is
 * done they apply only what is safe in any order: newer revisions of jobs and
 * contexts.  What has not been touched in the end is not known to the launcher
 * any more, and goes.
 */


#include <ngx_http_sparkjob_table.h>


#define NGX_HTTP_SPARKJOB_LOAD_SILENT  5000

/* jobs that a filter leaves out until the launcher is asked instead */
#define NGX_HTTP_SPARKJOB_PASSED_MAX   8192

/*
 * How long, in ms, until it is tried whether all contexts and binaries fit
 * again, and how often that time is doubled while they do not.
 */
#define NGX_HTTP_SPARKJOB_LOAD_ROOM    2000
#define NGX_HTTP_SPARKJOB_CROWDED_MAX  5


/* a walk over a table, in pieces: the lock is given up now and then */

typedef struct {
    ngx_http_sparkjob_cursor_t  cursor;
    u_char                      name[SJP_NAME_MAX];
    ngx_uint_t                  passed;         /* that were not wanted */
    ngx_uint_t                  done;
    ngx_uint_t                  missing;
} ngx_http_sparkjob_walk_t;


static ngx_http_sparkjob_sh_t *ngx_http_sparkjob_zone_lock(
    ngx_http_sparkjob_zone_t *zone);
static ngx_http_sparkjob_sh_t *ngx_http_sparkjob_zone_rebuild_locked(
    ngx_http_sparkjob_zone_t *zone);
static void ngx_http_sparkjob_zone_unlock(ngx_http_sparkjob_zone_t *zone);
static ngx_uint_t ngx_http_sparkjob_zone_fresh_locked(
    ngx_http_sparkjob_zone_t *zone, ngx_http_sparkjob_sh_t *sh);
static void ngx_http_sparkjob_zone_walk_locked(ngx_http_sparkjob_sh_t *sh,
    ngx_http_sparkjob_query_t *query, ngx_http_sparkjob_rows_t *rows,
    ngx_http_sparkjob_walk_t *walk);
static ngx_uint_t ngx_http_sparkjob_zone_is(ngx_http_sparkjob_record_t *rec,
    ngx_uint_t n, ngx_str_t *wanted);
static ngx_pid_t ngx_http_sparkjob_zone_lost_loader(
    ngx_http_sparkjob_zone_t *zone);
static size_t ngx_http_sparkjob_zone_alive_locked(ngx_http_sparkjob_sh_t *sh,
    ngx_http_sparkjob_state_walk_t *walk, u_char *buf, size_t size);


/*
 * On a reload the old workers go on using the tables meanwhile, and this runs
 * in the master: so it only takes over pointers.
 */

ngx_int_t
ngx_http_sparkjob_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_sparkjob_zone_t  *ozone = data;

    ngx_http_sparkjob_zone_t  *zone;

    zone = shm_zone->data;

    if (ozone) {

        if (ozone->addr->name.len != zone->addr->name.len
            || ngx_strncmp(ozone->addr->name.data, zone->addr->name.data,
                           zone->addr->name.len)
               != 0)
        {
            ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                          "sparkjob_zone \"%V\" has its launcher at \"%V\", "
                          "while it was at \"%V\" before; use another name "
                          "for the zone, or restart nginx",
                          &zone->name, &zone->addr->name, &ozone->addr->name);
            return NGX_ERROR;
        }

        zone->shpool = ozone->shpool;

        return NGX_OK;
    }

    zone->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (shm_zone->shm.exists) {
        return NGX_OK;
    }

    return ngx_http_sparkjob_table_init_locked(zone->shpool);
}


static ngx_http_sparkjob_sh_t *
ngx_http_sparkjob_zone_lock(ngx_http_sparkjob_zone_t *zone)
{
    ngx_slab_pool_t         *shpool;
    ngx_http_sparkjob_sh_t  *sh;

    shpool = zone->shpool;

    ngx_shmtx_lock(&shpool->mutex);

    SPARKJOB_FAULT("zone.locked");

    sh = shpool->data;

    return (sh && !sh->dirty) ? sh
                              : ngx_http_sparkjob_zone_rebuild_locked(zone);
}


/* this worker may die as well: until all is made there is no "data" */

static ngx_http_sparkjob_sh_t *
ngx_http_sparkjob_zone_rebuild_locked(ngx_http_sparkjob_zone_t *zone)
{
    ngx_slab_pool_t  *shpool;

    shpool = zone->shpool;
    zone->reset = 1;

    shpool->data = NULL;

    ngx_memory_barrier();

    ngx_slab_init(shpool);

    /* cannot fail: the pool is empty, and it was large enough before */
    (void) ngx_http_sparkjob_table_init_locked(shpool);

    return shpool->data;
}


static void
ngx_http_sparkjob_zone_unlock(ngx_http_sparkjob_zone_t *zone)
{
    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (zone->reset) {
        zone->reset = 0;

        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                      "a worker died while it wrote to sparkjob_zone \"%V\", "
                      "loading it anew", &zone->name);

        if (zone->channel) {
            ngx_http_sparkjob_channel_soon(zone->channel);
        }
    }

    if (zone->full) {
        zone->full = 0;

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "sparkjob_zone \"%V\" is too small for the contexts and "
                      "binaries that there are", &zone->name);
    }
}


#define ngx_http_sparkjob_zone_write(sh)                                      \
    (sh)->dirty = 1;                                                          \
    ngx_memory_barrier()

#define ngx_http_sparkjob_zone_written(sh)                                    \
    ngx_memory_barrier();                                                     \
    (sh)->dirty = 0


/*
 * NGX_OK: a copy of the record is in *rec.  NGX_DECLINED: the launcher is to be
 * asked.  It may have told others already of what is not here: another worker,
 * or another nginx, beside which this one is upgraded.  With an owner, what is
 * another user's is as good as not there.
 */

ngx_int_t
ngx_http_sparkjob_zone_get(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_kind_e kind, ngx_str_t *key, ngx_str_t *owner,
    ngx_pool_t *pool, ngx_http_sparkjob_record_t **rec)
{
    size_t                     size, room;
    ngx_http_sparkjob_sh_t    *sh;
    ngx_http_sparkjob_node_t  *node;

    for (room = 1024; /* void */ ; room = size) {

        *rec = ngx_palloc(pool, room);
        if (*rec == NULL) {
            return NGX_ERROR;
        }

        size = 0;
        sh = ngx_http_sparkjob_zone_lock(zone);

        node = ngx_http_sparkjob_table_find_locked(sh, kind, key);

        if (node && owner
            && !ngx_http_sparkjob_zone_is(&node->record,
                                          NGX_HTTP_SPARKJOB_USER, owner))
        {
            node = NULL;
        }

        if (node) {
            size = node->record.size;

            if (size <= room) {
                ngx_memcpy(*rec, &node->record, size);
            }
        }

        ngx_http_sparkjob_zone_unlock(zone);

        if (size <= room) {
            return size ? NGX_OK : NGX_DECLINED;
        }
    }
}


/* whether what this worker has heard of is in the tables, and all else too */

static ngx_uint_t
ngx_http_sparkjob_zone_fresh_locked(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_sh_t *sh)
{
    ngx_http_sparkjob_channel_t  *ch;

    ch = zone->channel;

    return sh->complete
           && ch
           && ch->epoch == sh->epoch
           && ch->seen <= sh->seq;
}


/*
 * Adds the rows of all records that the query wants: jobs newest first,
 * anything else by name.  NGX_AGAIN: there has been no snapshot yet, or jobs
 * are missing here.  NGX_ABORT: the launcher is to be asked, since the zone has
 * no room for all contexts and binaries, or had to give up sessions that have
 * died and are still shown, or a filter leaves out so many jobs that the worker
 * would be held up for long.
 */

ngx_int_t
ngx_http_sparkjob_zone_list(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_query_t *query, ngx_http_sparkjob_rows_t *rows)
{
    ngx_uint_t                 loaded, overflow;
    ngx_http_sparkjob_sh_t    *sh;
    ngx_http_sparkjob_walk_t   walk;

    ngx_memzero(&walk.cursor, sizeof(ngx_http_sparkjob_cursor_t));
    walk.passed = 0;
    walk.done = 0;
    walk.missing = 0;

    if (query->kind == NGX_HTTP_SPARKJOB_JOB) {
        walk.cursor.key = ~(ngx_rbtree_key_t) query->to;
        walk.cursor.order = (uint64_t) -1;

    } else if (query->sessions) {
        walk.cursor.order = (uint64_t) -1;
    }

    do {
        if (ngx_http_sparkjob_rows_grow(rows) != NGX_OK) {
            return NGX_ERROR;
        }

        sh = ngx_http_sparkjob_zone_lock(zone);

        loaded = sh->loaded;
        overflow = query->kind != NGX_HTTP_SPARKJOB_JOB
                   && (sh->overflow
                       || (query->sessions
                           && (json_int_t) sh->unlisted
                              > ngx_http_sparkjob_now()));

        ngx_http_sparkjob_zone_walk_locked(sh, query, rows, &walk);

        ngx_http_sparkjob_zone_unlock(zone);

        if (!loaded || walk.missing) {
            return NGX_AGAIN;
        }

        if (rows->n == query->limit && !walk.done
            && walk.passed > NGX_HTTP_SPARKJOB_PASSED_MAX)
        {
            /* whether there is another one is not worth more */
            rows->more = 1;
            return NGX_OK;
        }

        if (overflow
            || (walk.passed > NGX_HTTP_SPARKJOB_PASSED_MAX && !walk.done
                && query->kind == NGX_HTTP_SPARKJOB_JOB
                && zone->channel && zone->channel->up))
        {
            return NGX_ABORT;
        }

    } while (!walk.done);

    return NGX_OK;
}


static void
ngx_http_sparkjob_zone_walk_locked(ngx_http_sparkjob_sh_t *sh,
    ngx_http_sparkjob_query_t *query, ngx_http_sparkjob_rows_t *rows,
    ngx_http_sparkjob_walk_t *walk)
{
    ngx_uint_t                   visits, jobs;
    ngx_rbtree_t                *tree;
    ngx_rbtree_node_t           *rbnode, *last;
    ngx_http_sparkjob_record_t  *rec;

    jobs = (query->kind == NGX_HTTP_SPARKJOB_JOB);
    tree = jobs ? &sh->by_start
                : query->sessions ? &sh->by_session : &sh->by_key[query->kind];

    last = NULL;
    rbnode = ngx_http_sparkjob_table_after_locked(tree, &walk->cursor);

    for (visits = 0; visits < NGX_HTTP_SPARKJOB_BATCH; visits++) {

        rec = rbnode ? ngx_http_sparkjob_table_record(rbnode) : NULL;

        if (rec == NULL
            || (jobs && (rec->start <= sh->horizon
                         || rec->start < query->from)))
        {
            walk->done = 1;
            rows->more = jobs && sh->horizon && sh->horizon >= query->from;
            walk->missing = (rows->more && rows->n < query->limit);
            return;
        }

        if (ngx_http_sparkjob_zone_wanted(query, rec)) {

            if (rows->n == query->limit) {
                rows->more = 1;
                walk->done = 1;
                return;
            }

            if (jobs && rec->payload == NGX_HTTP_SPARKJOB_NO_ROOM
                && rec->state != SJP_JOB_FINISHED)
            {
                walk->missing = 1;
                return;
            }

            if (ngx_http_sparkjob_rows_put(rows, rec) != NGX_OK) {
                break;
            }

        } else {
            walk->passed++;
        }

        last = rbnode;
        rbnode = ngx_rbtree_next(tree, rbnode);
    }

    /* what the cursor points to may be gone when the lock is held again */

    if (last) {
        ngx_http_sparkjob_table_cursor_locked(last, &walk->cursor);
        ngx_memcpy(walk->name, walk->cursor.name.data, walk->cursor.name.len);
        walk->cursor.name.data = walk->name;
    }
}


ngx_uint_t
ngx_http_sparkjob_zone_wanted(ngx_http_sparkjob_query_t *query,
    ngx_http_sparkjob_record_t *rec)
{
    ngx_str_t  key;

    if (query->states
        && !(query->states & ngx_http_sparkjob_state_bit(rec->state)))
    {
        return 0;
    }

    if (rec->kind == NGX_HTTP_SPARKJOB_JOB) {
        return ngx_http_sparkjob_zone_is(rec, NGX_HTTP_SPARKJOB_JOB_CONTEXT,
                                         &query->context)
               && ngx_http_sparkjob_zone_is(rec, NGX_HTTP_SPARKJOB_USER,
                                            &query->user)
               && ngx_http_sparkjob_zone_is(rec, NGX_HTTP_SPARKJOB_JOB_CLASS,
                                            &query->class);
    }

    if (query->sessions && !ngx_http_sparkjob_table_is_shown(rec)) {
        return 0;
    }

    key = ngx_http_sparkjob_record_string(rec, NGX_HTTP_SPARKJOB_KEY);

    return query->own.len == 0
           || ngx_http_sparkjob_is_own(&query->own, key.data, key.len);
}


static ngx_uint_t
ngx_http_sparkjob_zone_is(ngx_http_sparkjob_record_t *rec, ngx_uint_t n,
    ngx_str_t *wanted)
{
    ngx_str_t  s;

    if (wanted->len == 0) {
        return 1;
    }

    s = ngx_http_sparkjob_record_string(rec, n);

    return s.len == wanted->len
           && ngx_memcmp(s.data, wanted->data, s.len) == 0;
}


void
ngx_http_sparkjob_zone_event(ngx_http_sparkjob_channel_t *ch, uint64_t seq,
    ngx_http_sparkjob_record_t *rec, ngx_http_sparkjob_op_e op,
    ngx_http_sparkjob_event_t *ev)
{
    ngx_uint_t                 mine, foreign;
    ngx_http_sparkjob_sh_t    *sh;
    ngx_http_sparkjob_node_t  *node;

    sh = ngx_http_sparkjob_zone_lock(ch->zone);

    mine = ch->loading && sh->generation == ch->generation;
    foreign = sh->loader && !mine;

    if (sh->epoch != ch->epoch
        || seq <= sh->seq
        || (foreign && (rec == NULL || op != NGX_HTTP_SPARKJOB_OP_PUT
                        || rec->kind == NGX_HTTP_SPARKJOB_BINARY)))
    {
        ngx_http_sparkjob_zone_unlock(ch->zone);
        return;
    }

    ngx_http_sparkjob_zone_write(sh);

    SPARKJOB_FAULT("event.dirty");

    if (rec && op == NGX_HTTP_SPARKJOB_OP_PUT) {
        ngx_http_sparkjob_table_put_locked(ch->zone, sh, rec, 0);

    } else if (rec) {
        node = ngx_http_sparkjob_table_same_locked(sh, rec);

        if (node && op == NGX_HTTP_SPARKJOB_OP_REMOVE) {
            ngx_http_sparkjob_table_remove_locked(ch->zone, sh, node);

        } else if (node && op == NGX_HTTP_SPARKJOB_OP_BUSY) {
            ngx_http_sparkjob_table_busy_locked(node, rec);

        } else if (node) {
            ngx_http_sparkjob_table_progress_locked(node, rec);
        }
    }

    if (rec && rec->kind != NGX_HTTP_SPARKJOB_JOB
        && (op == NGX_HTTP_SPARKJOB_OP_REMOVE || rec->final))
    {
        sh->room = sh->overflow;
    }

    if (mine || (!foreign && seq == sh->seq + 1)) {
        sh->seq = seq;
        ngx_http_sparkjob_ring_put_locked(sh->ring, seq, ev);
    }

    ngx_http_sparkjob_zone_written(sh);

    ngx_http_sparkjob_zone_unlock(ch->zone);
}


/*
 * Whether the caller is to load a snapshot, which it has become the loader of
 * then: the zone is empty, or the last loader is gone.  A channel that has just
 * been welcomed knows the launcher's epoch best; later, on a tick, the zone may
 * be found to have missed an event for so long that nobody, whose channel was
 * behind, is going to fill it in any more.
 */

ngx_uint_t
ngx_http_sparkjob_zone_load(ngx_http_sparkjob_channel_t *ch, ngx_uint_t tick)
{
    ngx_pid_t                lost;
    ngx_uint_t               load;
    ngx_http_sparkjob_sh_t  *sh;

    lost = ngx_http_sparkjob_zone_lost_loader(ch->zone);

    sh = ngx_http_sparkjob_zone_lock(ch->zone);

    if (sh->epoch == 0 || (sh->epoch != ch->epoch && !tick)) {
        load = 1;

    } else if (sh->epoch != ch->epoch) {
        load = 0;

    } else if (sh->loader) {
        load = (sh->loader != ngx_pid
                && (sh->loader == lost
                    || (ngx_msec_int_t) (ngx_current_msec - sh->loader_time)
                       > NGX_HTTP_SPARKJOB_LOAD_SILENT))
               || (sh->loader == ngx_pid && !ch->loading);

    } else {
        load = !sh->complete
               || (tick && sh->seq < ch->checked)
               || (tick && sh->room
                   && (ngx_msec_int_t) (ngx_current_msec - sh->loader_time)
                      > (NGX_HTTP_SPARKJOB_LOAD_ROOM << sh->crowded));
    }

    if (load) {
        ngx_http_sparkjob_zone_write(sh);

        sh->epoch = ch->epoch;
        sh->seq = ch->seen;
        sh->loader = ngx_pid;
        sh->loader_time = ngx_current_msec;
        sh->load_horizon = 0;
        sh->load_forgotten = 0;
        sh->load_unlisted = 0;
        sh->load_overflow = 0;
        sh->complete = 0;
        sh->room = 0;
        sh->generation++;

        ngx_http_sparkjob_ring_clear_locked(sh->ring, sh->seq);

        ngx_http_sparkjob_zone_written(sh);

        ch->generation = sh->generation;
    }

    ngx_http_sparkjob_zone_unlock(ch->zone);

    return load;
}


/* the loader, if there is one that exists no longer; otherwise 0 */

static ngx_pid_t
ngx_http_sparkjob_zone_lost_loader(ngx_http_sparkjob_zone_t *zone)
{
    ngx_pid_t                loader;
    ngx_http_sparkjob_sh_t  *sh;

    sh = ngx_http_sparkjob_zone_lock(zone);
    loader = sh->loader;
    ngx_http_sparkjob_zone_unlock(zone);

    if (loader && kill(loader, 0) == -1 && ngx_errno == NGX_ESRCH) {
        return loader;
    }

    return 0;
}


void
ngx_http_sparkjob_zone_load_record(ngx_http_sparkjob_channel_t *ch,
    ngx_http_sparkjob_record_t *rec)
{
    ngx_http_sparkjob_sh_t  *sh;

    sh = ngx_http_sparkjob_zone_lock(ch->zone);

    if (sh->generation == ch->generation) {
        ngx_http_sparkjob_zone_write(sh);

        SPARKJOB_FAULT("load.record");

        sh->loader_time = ngx_current_msec;
        ngx_http_sparkjob_table_put_locked(ch->zone, sh, rec, 1);

        ngx_http_sparkjob_zone_written(sh);
    }

    ngx_http_sparkjob_zone_unlock(ch->zone);
}


void
ngx_http_sparkjob_zone_load_end(ngx_http_sparkjob_channel_t *ch, uint64_t seq)
{
    ngx_http_sparkjob_sh_t  *sh;

    sh = ngx_http_sparkjob_zone_lock(ch->zone);

    if (sh->generation == ch->generation) {
        ngx_http_sparkjob_zone_write(sh);

        SPARKJOB_FAULT("load.end");

        ngx_http_sparkjob_table_sweep_locked(ch->zone, sh);

        sh->horizon = sh->load_horizon;
        sh->forgotten = sh->load_forgotten
                        || ch->load_contexts >= ch->load_limit;

        sh->unlisted = sh->load_unlisted;
        sh->overflow = sh->load_overflow;

        sh->crowded = !sh->overflow ? 0
                      : ngx_min(sh->crowded + 1, NGX_HTTP_SPARKJOB_CROWDED_MAX);

        if (ch->load_final >= ch->load_limit) {
            sh->horizon = ngx_max(sh->horizon, ch->load_oldest);
        }

        sh->seq = ngx_max(sh->seq, seq);
        sh->loader = 0;
        sh->loaded = 1;
        sh->complete = 1;

        ngx_http_sparkjob_zone_written(sh);
    }

    ngx_http_sparkjob_zone_unlock(ch->zone);
}


void
ngx_http_sparkjob_zone_load_abort(ngx_http_sparkjob_channel_t *ch)
{
    ngx_http_sparkjob_sh_t  *sh;

    sh = ngx_http_sparkjob_zone_lock(ch->zone);

    if (sh->generation == ch->generation) {
        ngx_http_sparkjob_zone_write(sh);

        sh->loader = 0;

        ngx_http_sparkjob_zone_written(sh);
    }

    ngx_http_sparkjob_zone_unlock(ch->zone);
}


/*
 * Copies events of that epoch which came after *seq, and counts *seq up.
 * NGX_OK: there are *size bytes of them (0: none that anybody can be told of).
 * NGX_DONE: there are no later ones.  NGX_DECLINED: what came after *seq is not
 * there any more, or of another epoch.  NGX_AGAIN: the zone is being loaded, or
 * is behind this worker's channel.
 */

ngx_int_t
ngx_http_sparkjob_zone_events(ngx_http_sparkjob_zone_t *zone, uint64_t epoch,
    uint64_t *seq, u_char *buf, size_t *size)
{
    uint64_t                      before;
    ngx_int_t                     rc;
    ngx_http_sparkjob_sh_t       *sh;
    ngx_http_sparkjob_channel_t  *ch;

    ch = zone->channel;
    before = *seq;

    sh = ngx_http_sparkjob_zone_lock(zone);

    if (!sh->complete || (ch->up && ch->epoch != sh->epoch)) {
        rc = NGX_AGAIN;

    } else if (epoch != sh->epoch
               || sh->ring->last != sh->seq
               || *seq + 1 < sh->ring->first
               || *seq > sh->seq)
    {
        rc = NGX_DECLINED;

    } else {
        *size = ngx_http_sparkjob_ring_copy_locked(sh->ring, seq, buf, *size);

        if (*seq != before) {
            rc = NGX_OK;

        } else {
            rc = ch->epoch == sh->epoch && sh->seq < ch->seen ? NGX_AGAIN
                                                              : NGX_DONE;
        }
    }

    ngx_http_sparkjob_zone_unlock(zone);

    return rc;
}


/*
 * Copies records of what is not final, without payloads, in the order in which
 * they have changed.  The first call, with walk->end 0, notes where the zone
 * stands: what changes later is left out, an event after walk->seq tells of
 * it.  NGX_OK: there are *size bytes.  NGX_DONE: there are no more.  NGX_AGAIN:
 * the zone is being loaded.
 */

ngx_int_t
ngx_http_sparkjob_zone_alive(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_state_walk_t *walk, u_char *buf, size_t *size)
{
    ngx_int_t                rc;
    ngx_http_sparkjob_sh_t  *sh;

    sh = ngx_http_sparkjob_zone_lock(zone);

    if (walk->end == 0 && sh->complete) {
        walk->epoch = sh->epoch;
        walk->seq = sh->seq;
        walk->last = 0;
        walk->end = sh->stamp + 1;
    }

    if (walk->end == 0) {
        rc = NGX_AGAIN;

    } else {
        *size = ngx_http_sparkjob_zone_alive_locked(sh, walk, buf, *size);
        rc = *size ? NGX_OK : NGX_DONE;
    }

    ngx_http_sparkjob_zone_unlock(zone);

    return rc;
}


static size_t
ngx_http_sparkjob_zone_alive_locked(ngx_http_sparkjob_sh_t *sh,
    ngx_http_sparkjob_state_walk_t *walk, u_char *buf, size_t size)
{
    size_t                       len, room, used;
    ngx_queue_t                 *q;
    ngx_http_sparkjob_node_t    *node;
    ngx_http_sparkjob_record_t  *rec;

    used = 0;

    for (q = ngx_queue_last(&sh->alive);
         q != ngx_queue_sentinel(&sh->alive);
         q = ngx_queue_prev(q))
    {
        node = ngx_queue_data(q, ngx_http_sparkjob_node_t, queue);

        if (node->stamp >= walk->end) {
            break;
        }

        if (node->stamp <= walk->last) {
            continue;
        }

        len = node->record.size - node->record.len[NGX_HTTP_SPARKJOB_PAYLOAD];
        room = ngx_align(len, NGX_ALIGNMENT);

        if (room > size - used && (used || size == 0)) {
            break;
        }

        walk->last = node->stamp;

        if (room > size) {
            /* no launcher of ours says that much of what is alive */
            continue;
        }

        rec = (ngx_http_sparkjob_record_t *) (buf + used);

        ngx_memcpy(rec, &node->record, len);
        rec->size = room;
        rec->len[NGX_HTTP_SPARKJOB_PAYLOAD] = 0;

        used += room;
    }

    return used;
}


/*
 * NGX_OK: *rec is a copy of the record, without payload.  NGX_DECLINED: there
 * is none.  NGX_ABORT: there may be one, for which the zone, or *rec, has no
 * room.  NGX_AGAIN: the zone is being loaded, or another worker has yet to
 * write what this one knows to be there.
 */

ngx_int_t
ngx_http_sparkjob_zone_peek(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_kind_e kind, ngx_str_t *key,
    ngx_http_sparkjob_record_t *rec, size_t room)
{
    size_t                     len;
    ngx_int_t                  rc;
    ngx_uint_t                 lost;
    ngx_http_sparkjob_sh_t    *sh;
    ngx_http_sparkjob_node_t  *node;

    sh = ngx_http_sparkjob_zone_lock(zone);

    node = ngx_http_sparkjob_table_find_locked(sh, kind, key);

    lost = (kind == NGX_HTTP_SPARKJOB_JOB) ? sh->horizon != 0
                                           : sh->overflow || sh->forgotten;

    rc = (node || lost) ? NGX_ABORT : NGX_DECLINED;
    rc = (node || ngx_http_sparkjob_zone_fresh_locked(zone, sh)) ? rc
                                                                 : NGX_AGAIN;

    if (node) {
        len = node->record.size - node->record.len[NGX_HTTP_SPARKJOB_PAYLOAD];

        if (len <= room) {
            ngx_memcpy(rec, &node->record, len);
            rec->size = len;
            rec->len[NGX_HTTP_SPARKJOB_PAYLOAD] = 0;
            rc = NGX_OK;
        }
    }

    ngx_http_sparkjob_zone_unlock(zone);

    return rc;
}
