
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The tables in shared memory: a cache of what the launcher knows.
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
 *
 * When the pool is full the records that have been final for the longest go
 * first.  "horizon" is the latest start of a job that may be missing: a list
 * that comes down to there, and the look-up of an unknown id while there is a
 * horizon, are the launcher's.
 */


#include <ngx_http_sparkjob_module.h>


#define NGX_HTTP_SPARKJOB_EVICT_MAX    64
#define NGX_HTTP_SPARKJOB_LOAD_SILENT  5000
#define NGX_HTTP_SPARKJOB_LIST_CHUNK   (128 * 1024)


typedef struct {
    ngx_rbtree_node_t           by_key;
    ngx_rbtree_node_t           by_start;       /* jobs only */
    ngx_queue_t                 final;          /* if record.final */
    ngx_uint_t                  generation;
    ngx_http_sparkjob_record_t  record;
} ngx_http_sparkjob_node_t;


typedef struct {
    ngx_rbtree_t       by_key[NGX_HTTP_SPARKJOB_NKINDS];
    ngx_rbtree_node_t  key_sentinel[NGX_HTTP_SPARKJOB_NKINDS];
    ngx_rbtree_t       by_start;
    ngx_rbtree_node_t  start_sentinel;
    ngx_queue_t        final;                   /* the latest one first */

    uint64_t           epoch;                   /* 0: nothing yet */
    uint64_t           seq;
    uint64_t           horizon;                 /* 0: nothing is missing */
    uint64_t           load_horizon;
    ngx_uint_t         generation;
    ngx_pid_t          loader;
    ngx_msec_t         loader_time;

    ngx_uint_t         dirty;
    ngx_uint_t         loaded;                  /* there was a snapshot */
    ngx_uint_t         complete;                /* of this epoch, and is whole */
    ngx_uint_t         overflow;                /* of contexts or binaries */
} ngx_http_sparkjob_sh_t;


/* where a walk over a tree goes on after the lock was given up */

typedef struct {
    ngx_rbtree_key_t   key;
    size_t             len;
    u_char             data[NGX_HTTP_SPARKJOB_NAME_MAX];
} ngx_http_sparkjob_cursor_t;


/* what one hold of the lock copied */

typedef struct {
    u_char            *data;
    size_t             size;
    size_t             used;
    ngx_uint_t         n;
    ngx_uint_t         done;
    ngx_uint_t         missing;
} ngx_http_sparkjob_chunk_t;


static ngx_http_sparkjob_sh_t *ngx_http_sparkjob_zone_lock(
    ngx_http_sparkjob_zone_t *zone);
static void ngx_http_sparkjob_zone_unlock(ngx_http_sparkjob_zone_t *zone);
static ngx_int_t ngx_http_sparkjob_zone_setup_locked(ngx_slab_pool_t *shpool);
static ngx_http_sparkjob_node_t *ngx_http_sparkjob_zone_find_locked(
    ngx_http_sparkjob_sh_t *sh, ngx_http_sparkjob_kind_e kind, ngx_str_t *key);
static ngx_uint_t ngx_http_sparkjob_zone_fresh_locked(
    ngx_http_sparkjob_zone_t *zone, ngx_http_sparkjob_sh_t *sh);
static void ngx_http_sparkjob_zone_copy_locked(ngx_http_sparkjob_sh_t *sh,
    ngx_http_sparkjob_query_t *query, ngx_http_sparkjob_cursor_t *cursor,
    ngx_http_sparkjob_chunk_t *chunk);
static ngx_int_t ngx_http_sparkjob_zone_take_locked(
    ngx_http_sparkjob_chunk_t *chunk, ngx_http_sparkjob_record_t *rec);
static ngx_rbtree_node_t *ngx_http_sparkjob_zone_after_locked(
    ngx_rbtree_t *tree, ngx_http_sparkjob_cursor_t *cursor);
static void ngx_http_sparkjob_zone_put_locked(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_sh_t *sh, ngx_http_sparkjob_record_t *rec,
    ngx_uint_t force);
static ngx_uint_t ngx_http_sparkjob_zone_newer(
    ngx_http_sparkjob_record_t *old, ngx_http_sparkjob_record_t *rec);
static ngx_http_sparkjob_node_t *ngx_http_sparkjob_zone_alloc_locked(
    ngx_http_sparkjob_zone_t *zone, ngx_http_sparkjob_sh_t *sh, size_t size);
static ngx_int_t ngx_http_sparkjob_zone_evict_locked(
    ngx_http_sparkjob_zone_t *zone, ngx_http_sparkjob_sh_t *sh);
static void ngx_http_sparkjob_zone_remove_locked(
    ngx_http_sparkjob_zone_t *zone, ngx_http_sparkjob_sh_t *sh,
    ngx_http_sparkjob_node_t *node);
static void ngx_http_sparkjob_zone_sweep_locked(
    ngx_http_sparkjob_zone_t *zone, ngx_http_sparkjob_sh_t *sh);
static void ngx_http_sparkjob_zone_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *rbnode, ngx_rbtree_node_t *sentinel);
static ngx_http_sparkjob_node_t *ngx_http_sparkjob_zone_node(
    ngx_rbtree_node_t *rbnode);
static ngx_rbtree_key_t ngx_http_sparkjob_zone_key(u_char *data, size_t len);
static ngx_int_t ngx_http_sparkjob_zone_cmp(ngx_rbtree_key_t key, u_char *data,
    size_t len, ngx_rbtree_node_t *rbnode);


#define ngx_http_sparkjob_record_key(rec)  ((u_char *) ((rec) + 1))


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

    return ngx_http_sparkjob_zone_setup_locked(zone->shpool);
}


static ngx_int_t
ngx_http_sparkjob_zone_setup_locked(ngx_slab_pool_t *shpool)
{
    ngx_uint_t               i;
    ngx_http_sparkjob_sh_t  *sh;

    sh = ngx_slab_calloc_locked(shpool, sizeof(ngx_http_sparkjob_sh_t));
    if (sh == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_HTTP_SPARKJOB_NKINDS; i++) {
        ngx_rbtree_init(&sh->by_key[i], &sh->key_sentinel[i],
                        ngx_http_sparkjob_zone_insert);
    }

    ngx_rbtree_init(&sh->by_start, &sh->start_sentinel,
                    ngx_http_sparkjob_zone_insert);

    ngx_queue_init(&sh->final);

    shpool->data = sh;
    shpool->log_nomem = 0;

    return NGX_OK;
}


static ngx_http_sparkjob_sh_t *
ngx_http_sparkjob_zone_lock(ngx_http_sparkjob_zone_t *zone)
{
    ngx_slab_pool_t         *shpool;
    ngx_http_sparkjob_sh_t  *sh;

    shpool = zone->shpool;

    ngx_shmtx_lock(&shpool->mutex);

    sh = shpool->data;

    if (sh->dirty) {
        zone->reset = 1;

        ngx_slab_init(shpool);

        /* cannot fail: the pool is empty, and it was large enough before */
        (void) ngx_http_sparkjob_zone_setup_locked(shpool);

        sh = shpool->data;
    }

    return sh;
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
 * NGX_OK: a copy of the record is in *rec.  NGX_DECLINED: there is no such
 * thing.  NGX_AGAIN: not here, but the launcher may know more.  NGX_ABORT: the
 * zone could not take all contexts and binaries.
 */

ngx_int_t
ngx_http_sparkjob_zone_get(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_kind_e kind, ngx_str_t *key, ngx_pool_t *pool,
    ngx_http_sparkjob_record_t **rec)
{
    size_t                     size, room;
    ngx_int_t                  rc;
    ngx_http_sparkjob_sh_t    *sh;
    ngx_http_sparkjob_node_t  *node;

    for (room = 1024; /* void */ ; room = size) {

        *rec = ngx_palloc(pool, room);
        if (*rec == NULL) {
            return NGX_ERROR;
        }

        size = 0;
        sh = ngx_http_sparkjob_zone_lock(zone);

        node = ngx_http_sparkjob_zone_find_locked(sh, kind, key);

        if (node) {
            size = node->record.size;

            if (size <= room) {
                ngx_memcpy(*rec, &node->record, size);
            }

            rc = NGX_OK;

        } else if (kind != NGX_HTTP_SPARKJOB_JOB) {
            rc = !sh->loaded ? NGX_AGAIN
                             : sh->overflow ? NGX_ABORT : NGX_DECLINED;

        } else {
            rc = ngx_http_sparkjob_zone_fresh_locked(zone, sh)
                 && sh->horizon == 0 ? NGX_DECLINED : NGX_AGAIN;
        }

        ngx_http_sparkjob_zone_unlock(zone);

        if (size <= room) {
            return rc;
        }
    }
}


static ngx_http_sparkjob_node_t *
ngx_http_sparkjob_zone_find_locked(ngx_http_sparkjob_sh_t *sh,
    ngx_http_sparkjob_kind_e kind, ngx_str_t *key)
{
    ngx_int_t           rc;
    ngx_rbtree_key_t    k;
    ngx_rbtree_node_t  *rbnode, *sentinel;

    rbnode = sh->by_key[kind].root;
    sentinel = sh->by_key[kind].sentinel;

    k = ngx_http_sparkjob_zone_key(key->data, key->len);

    while (rbnode != sentinel) {

        rc = ngx_http_sparkjob_zone_cmp(k, key->data, key->len, rbnode);

        if (rc == 0) {
            return ngx_http_sparkjob_zone_node(rbnode);
        }

        rbnode = (rc < 0) ? rbnode->left : rbnode->right;
    }

    return NULL;
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
 * Appends copies (ngx_http_sparkjob_record_t *) to recs: jobs newest first and
 * without the results of the finished ones, anything else by name.  Returns as
 * ngx_http_sparkjob_zone_get() does.
 */

ngx_int_t
ngx_http_sparkjob_zone_list(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_query_t *query, ngx_pool_t *pool, ngx_array_t *recs)
{
    u_char                       *p;
    ngx_uint_t                    loaded, overflow;
    ngx_http_sparkjob_sh_t       *sh;
    ngx_http_sparkjob_chunk_t     chunk;
    ngx_http_sparkjob_cursor_t    cursor;
    ngx_http_sparkjob_record_t  **rec;

    ngx_memzero(&chunk, sizeof(ngx_http_sparkjob_chunk_t));

    cursor.key = 0;
    cursor.len = 0;

    chunk.size = NGX_HTTP_SPARKJOB_LIST_CHUNK;

    while (!chunk.done) {

        chunk.data = ngx_palloc(pool, chunk.size);
        if (chunk.data == NULL) {
            return NGX_ERROR;
        }

        chunk.used = 0;

        sh = ngx_http_sparkjob_zone_lock(zone);

        loaded = sh->loaded;
        overflow = sh->overflow;

        ngx_http_sparkjob_zone_copy_locked(sh, query, &cursor, &chunk);

        ngx_http_sparkjob_zone_unlock(zone);

        if (!loaded || chunk.missing) {
            return NGX_AGAIN;
        }

        if (overflow && query->kind != NGX_HTTP_SPARKJOB_JOB) {
            return NGX_ABORT;
        }

        for (p = chunk.data; p < chunk.data + chunk.used;
             p += ngx_align((*rec)->size, NGX_ALIGNMENT))
        {
            rec = ngx_array_push(recs);
            if (rec == NULL) {
                return NGX_ERROR;
            }

            *rec = (ngx_http_sparkjob_record_t *) p;
        }
    }

    return NGX_OK;
}


static void
ngx_http_sparkjob_zone_copy_locked(ngx_http_sparkjob_sh_t *sh,
    ngx_http_sparkjob_query_t *query, ngx_http_sparkjob_cursor_t *cursor,
    ngx_http_sparkjob_chunk_t *chunk)
{
    ngx_uint_t                   visits, states;
    ngx_rbtree_t                *tree;
    ngx_rbtree_node_t           *rbnode;
    ngx_http_sparkjob_record_t  *rec;

    tree = &sh->by_key[query->kind];
    states = query->states;

    if (query->kind == NGX_HTTP_SPARKJOB_JOB) {
        tree = &sh->by_start;
    }

    rbnode = ngx_http_sparkjob_zone_after_locked(tree, cursor);

    for (visits = 0; visits < NGX_HTTP_SPARKJOB_BATCH; visits++) {

        if (chunk->n == query->limit) {
            chunk->done = 1;
            return;
        }

        if (rbnode == NULL) {
            chunk->done = 1;
            chunk->missing = tree == &sh->by_start && sh->horizon;
            return;
        }

        rec = &ngx_http_sparkjob_zone_node(rbnode)->record;

        if (tree == &sh->by_start && rec->start <= sh->horizon) {
            chunk->missing = 1;
            return;
        }

        if (states == 0 || states & ngx_http_sparkjob_state_bit(rec->state)) {

            if (rec->payload == NGX_HTTP_SPARKJOB_NO_ROOM
                && rec->state != SJP_JOB_FINISHED)
            {
                chunk->missing = 1;
                return;
            }

            if (ngx_http_sparkjob_zone_take_locked(chunk, rec) != NGX_OK) {
                return;
            }
        }

        cursor->key = rbnode->key;
        cursor->len = rec->len[NGX_HTTP_SPARKJOB_KEY];
        ngx_memcpy(cursor->data, ngx_http_sparkjob_record_key(rec),
                   cursor->len);

        rbnode = ngx_rbtree_next(tree, rbnode);
    }
}


/* NGX_DECLINED: the chunk is full; a chunk always takes one record */

static ngx_int_t
ngx_http_sparkjob_zone_take_locked(ngx_http_sparkjob_chunk_t *chunk,
    ngx_http_sparkjob_record_t *rec)
{
    size_t                       size, room;
    ngx_http_sparkjob_record_t  *copy;

    size = rec->size;

    if (rec->payload == NGX_HTTP_SPARKJOB_RESULT) {
        size -= rec->len[NGX_HTTP_SPARKJOB_PAYLOAD];
    }

    room = ngx_align(size, NGX_ALIGNMENT);

    if (room > chunk->size - chunk->used) {

        if (chunk->used == 0) {
            chunk->size = room;
        }

        return NGX_DECLINED;
    }

    copy = (ngx_http_sparkjob_record_t *) (chunk->data + chunk->used);

    ngx_memcpy(copy, rec, size);

    copy->size = size;

    if (rec->payload == NGX_HTTP_SPARKJOB_RESULT) {
        copy->len[NGX_HTTP_SPARKJOB_PAYLOAD] = 0;
        copy->payload = NGX_HTTP_SPARKJOB_NO_PAYLOAD;
    }

    chunk->used += room;
    chunk->n++;

    return NGX_OK;
}


/* the first node behind the cursor, which may itself be gone */

static ngx_rbtree_node_t *
ngx_http_sparkjob_zone_after_locked(ngx_rbtree_t *tree,
    ngx_http_sparkjob_cursor_t *cursor)
{
    ngx_rbtree_node_t  *rbnode, *after;

    rbnode = tree->root;
    after = NULL;

    while (rbnode != tree->sentinel) {

        if (ngx_http_sparkjob_zone_cmp(cursor->key, cursor->data, cursor->len,
                                       rbnode)
            < 0)
        {
            after = rbnode;
            rbnode = rbnode->left;

        } else {
            rbnode = rbnode->right;
        }
    }

    return after;
}


void
ngx_http_sparkjob_zone_event(ngx_http_sparkjob_channel_t *ch, uint64_t seq,
    ngx_http_sparkjob_record_t *rec, ngx_uint_t remove)
{
    ngx_str_t                  key;
    ngx_uint_t                 mine, foreign;
    ngx_http_sparkjob_sh_t    *sh;
    ngx_http_sparkjob_node_t  *node;

    ngx_str_null(&key);

    if (rec) {
        key.data = ngx_http_sparkjob_record_key(rec);
        key.len = rec->len[NGX_HTTP_SPARKJOB_KEY];
    }

    sh = ngx_http_sparkjob_zone_lock(ch->zone);

    mine = ch->loading && sh->generation == ch->generation;
    foreign = sh->loader && !mine;

    if (sh->epoch != ch->epoch
        || seq <= sh->seq
        || (foreign && (rec == NULL || remove
                        || rec->kind == NGX_HTTP_SPARKJOB_BINARY)))
    {
        ngx_http_sparkjob_zone_unlock(ch->zone);
        return;
    }

    ngx_http_sparkjob_zone_write(sh);

    if (rec && remove) {
        node = ngx_http_sparkjob_zone_find_locked(sh, rec->kind, &key);

        if (node) {
            ngx_http_sparkjob_zone_remove_locked(ch->zone, sh, node);
        }

    } else if (rec) {
        ngx_http_sparkjob_zone_put_locked(ch->zone, sh, rec, 0);
    }

    if (mine || (!foreign && seq == sh->seq + 1)) {
        sh->seq = seq;
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
    ngx_uint_t               load;
    ngx_http_sparkjob_sh_t  *sh;

    sh = ngx_http_sparkjob_zone_lock(ch->zone);

    if (sh->epoch == 0 || (sh->epoch != ch->epoch && !tick)) {
        load = 1;

    } else if (sh->epoch != ch->epoch) {
        load = 0;

    } else if (sh->loader) {
        load = (sh->loader != ngx_pid
                && (ngx_current_msec - sh->loader_time
                    > NGX_HTTP_SPARKJOB_LOAD_SILENT
                    || (kill(sh->loader, 0) == -1 && ngx_errno == NGX_ESRCH)))
               || (sh->loader == ngx_pid && !ch->loading);

    } else {
        load = !sh->complete || (tick && sh->seq < ch->checked);
    }

    if (load) {
        ngx_http_sparkjob_zone_write(sh);

        sh->epoch = ch->epoch;
        sh->seq = ch->seen;
        sh->loader = ngx_pid;
        sh->loader_time = ngx_current_msec;
        sh->load_horizon = 0;
        sh->complete = 0;
        sh->overflow = 0;
        sh->generation++;

        ngx_http_sparkjob_zone_written(sh);

        ch->generation = sh->generation;
    }

    ngx_http_sparkjob_zone_unlock(ch->zone);

    return load;
}


void
ngx_http_sparkjob_zone_load_record(ngx_http_sparkjob_channel_t *ch,
    ngx_http_sparkjob_record_t *rec)
{
    ngx_http_sparkjob_sh_t  *sh;

    sh = ngx_http_sparkjob_zone_lock(ch->zone);

    if (sh->generation == ch->generation) {
        ngx_http_sparkjob_zone_write(sh);

        sh->loader_time = ngx_current_msec;
        ngx_http_sparkjob_zone_put_locked(ch->zone, sh, rec, 1);

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

        ngx_http_sparkjob_zone_sweep_locked(ch->zone, sh);

        sh->horizon = sh->load_horizon;

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
        sh->loader = 0;
    }

    ngx_http_sparkjob_zone_unlock(ch->zone);
}


/*
 * "force": what the loader sees for the first time in this snapshot counts
 * whatever the zone had.
 */

static void
ngx_http_sparkjob_zone_put_locked(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_sh_t *sh, ngx_http_sparkjob_record_t *rec,
    ngx_uint_t force)
{
    size_t                     size;
    ngx_str_t                  key;
    ngx_http_sparkjob_node_t  *node;

    key.data = ngx_http_sparkjob_record_key(rec);
    key.len = rec->len[NGX_HTTP_SPARKJOB_KEY];

    node = ngx_http_sparkjob_zone_find_locked(sh, rec->kind, &key);

    if (node) {

        if (!(force && node->generation != sh->generation)
            && !ngx_http_sparkjob_zone_newer(&node->record, rec))
        {
            node->generation = sh->generation;
            return;
        }

        ngx_http_sparkjob_zone_remove_locked(zone, sh, node);
    }

    size = rec->size;
    node = ngx_http_sparkjob_zone_alloc_locked(zone, sh, size);

    if (node == NULL && rec->len[NGX_HTTP_SPARKJOB_PAYLOAD]) {
        size -= rec->len[NGX_HTTP_SPARKJOB_PAYLOAD];
        node = ngx_http_sparkjob_zone_alloc_locked(zone, sh, size);
    }

    if (node == NULL) {

        if (rec->kind == NGX_HTTP_SPARKJOB_JOB) {
            sh->horizon = ngx_max(sh->horizon, rec->start);
            sh->load_horizon = ngx_max(sh->load_horizon, rec->start);

        } else if (!sh->overflow) {
            sh->overflow = 1;
            zone->full = 1;
        }

        return;
    }

    ngx_memcpy(&node->record, rec, size);

    if (size != rec->size) {
        node->record.size = size;
        node->record.len[NGX_HTTP_SPARKJOB_PAYLOAD] = 0;
        node->record.payload = NGX_HTTP_SPARKJOB_NO_ROOM;
    }

    node->generation = sh->generation;

    node->by_key.key = ngx_http_sparkjob_zone_key(key.data, key.len);
    node->by_key.data = 0;
    ngx_rbtree_insert(&sh->by_key[rec->kind], &node->by_key);

    if (rec->kind == NGX_HTTP_SPARKJOB_JOB) {
        node->by_start.key = ~(ngx_rbtree_key_t) rec->start;
        node->by_start.data = 1;
        ngx_rbtree_insert(&sh->by_start, &node->by_start);
    }

    if (rec->final) {
        ngx_queue_insert_head(&sh->final, &node->final);
    }
}


static ngx_uint_t
ngx_http_sparkjob_zone_newer(ngx_http_sparkjob_record_t *old,
    ngx_http_sparkjob_record_t *rec)
{
    ngx_str_t  oid, id;

    if (rec->kind == NGX_HTTP_SPARKJOB_BINARY) {
        return rec->start >= old->start;
    }

    if (rec->kind == NGX_HTTP_SPARKJOB_CONTEXT) {
        oid = ngx_http_sparkjob_record_string(old,
                                              NGX_HTTP_SPARKJOB_CONTEXT_ID);
        id = ngx_http_sparkjob_record_string(rec, NGX_HTTP_SPARKJOB_CONTEXT_ID);

        if (oid.len != id.len || ngx_memcmp(oid.data, id.data, id.len) != 0) {
            return rec->start >= old->start;
        }
    }

    return rec->rev > old->rev;
}


static ngx_http_sparkjob_node_t *
ngx_http_sparkjob_zone_alloc_locked(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_sh_t *sh, size_t size)
{
    ngx_uint_t                 n;
    ngx_http_sparkjob_node_t  *node;

    size += offsetof(ngx_http_sparkjob_node_t, record);

    for (n = 0; n <= NGX_HTTP_SPARKJOB_EVICT_MAX; n++) {

        node = ngx_slab_alloc_locked(zone->shpool, size);

        if (node) {
            return node;
        }

        if (ngx_http_sparkjob_zone_evict_locked(zone, sh) != NGX_OK) {
            break;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_sparkjob_zone_evict_locked(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_sh_t *sh)
{
    ngx_queue_t               *q;
    ngx_http_sparkjob_node_t  *node;

    if (ngx_queue_empty(&sh->final)) {
        return NGX_DECLINED;
    }

    q = ngx_queue_last(&sh->final);
    node = ngx_queue_data(q, ngx_http_sparkjob_node_t, final);

    if (node->record.kind == NGX_HTTP_SPARKJOB_JOB) {
        sh->horizon = ngx_max(sh->horizon, node->record.start);
        sh->load_horizon = ngx_max(sh->load_horizon, node->record.start);
    }

    ngx_http_sparkjob_zone_remove_locked(zone, sh, node);

    return NGX_OK;
}


static void
ngx_http_sparkjob_zone_remove_locked(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_sh_t *sh, ngx_http_sparkjob_node_t *node)
{
    ngx_rbtree_delete(&sh->by_key[node->record.kind], &node->by_key);

    if (node->record.kind == NGX_HTTP_SPARKJOB_JOB) {
        ngx_rbtree_delete(&sh->by_start, &node->by_start);
    }

    if (node->record.final) {
        ngx_queue_remove(&node->final);
    }

    ngx_slab_free_locked(zone->shpool, node);
}


/* removes what the snapshot did not have */

static void
ngx_http_sparkjob_zone_sweep_locked(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_sh_t *sh)
{
    ngx_uint_t                 i;
    ngx_rbtree_t              *tree;
    ngx_rbtree_node_t         *rbnode, *next;
    ngx_http_sparkjob_node_t  *node;

    for (i = 0; i < NGX_HTTP_SPARKJOB_NKINDS; i++) {
        tree = &sh->by_key[i];

        if (tree->root == tree->sentinel) {
            continue;
        }

        rbnode = ngx_rbtree_min(tree->root, tree->sentinel);

        for ( /* void */ ; rbnode; rbnode = next) {
            next = ngx_rbtree_next(tree, rbnode);
            node = ngx_http_sparkjob_zone_node(rbnode);

            if (node->generation != sh->generation) {
                ngx_http_sparkjob_zone_remove_locked(zone, sh, node);
            }
        }
    }
}


static void
ngx_http_sparkjob_zone_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *rbnode, ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t           **p;
    ngx_http_sparkjob_record_t   *rec;

    rec = &ngx_http_sparkjob_zone_node(rbnode)->record;

    for ( ;; ) {

        p = (ngx_http_sparkjob_zone_cmp(rbnode->key,
                                        ngx_http_sparkjob_record_key(rec),
                                        rec->len[NGX_HTTP_SPARKJOB_KEY], temp)
             < 0)
            ? &temp->left : &temp->right;

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = rbnode;
    rbnode->parent = temp;
    rbnode->left = sentinel;
    rbnode->right = sentinel;
    ngx_rbt_red(rbnode);
}


/* "data" tells which of its two trees a tree node links */

static ngx_http_sparkjob_node_t *
ngx_http_sparkjob_zone_node(ngx_rbtree_node_t *rbnode)
{
    if (rbnode->data) {
        return ngx_rbtree_data(rbnode, ngx_http_sparkjob_node_t, by_start);
    }

    return ngx_rbtree_data(rbnode, ngx_http_sparkjob_node_t, by_key);
}


/* the first bytes as a number, so that a tree is in the order of its keys */

static ngx_rbtree_key_t
ngx_http_sparkjob_zone_key(u_char *data, size_t len)
{
    ngx_uint_t        i;
    ngx_rbtree_key_t  key;

    key = 0;

    for (i = 0; i < sizeof(ngx_rbtree_key_t); i++) {
        key = key << 8 | (i < len ? data[i] : 0);
    }

    return key;
}


static ngx_int_t
ngx_http_sparkjob_zone_cmp(ngx_rbtree_key_t key, u_char *data, size_t len,
    ngx_rbtree_node_t *rbnode)
{
    ngx_http_sparkjob_record_t  *rec;

    if (key != rbnode->key) {
        return key < rbnode->key ? -1 : 1;
    }

    rec = &ngx_http_sparkjob_zone_node(rbnode)->record;

    return ngx_memn2cmp(data, ngx_http_sparkjob_record_key(rec), len,
                        rec->len[NGX_HTTP_SPARKJOB_KEY]);
}
