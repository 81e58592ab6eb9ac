
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The tables in shared memory.  ngx_http_sparkjob_zone.c tells who may write
 * to them, and when.
 *
 * Records are found by their key, jobs also by their start, contexts that are
 * sessions by their number.  A name is that of its newest context; a session
 * that has died, and whose name is another's since, has its number only as long
 * as it is shown.  When the pool is full the records that have been final for
 * the longest go first.  "horizon" is the latest start of a job that may be
 * missing: a list that comes down to there, and the look-up of an unknown id
 * while there is a horizon, are the launcher's.
 */


#include <ngx_http_sparkjob_table.h>


#define NGX_HTTP_SPARKJOB_EVICT_MAX  64


#define ngx_http_sparkjob_table_is_session(rec)                               \
    ((rec)->kind == NGX_HTTP_SPARKJOB_CONTEXT && (rec)->of.session.number >= 0)

#define ngx_http_sparkjob_table_is_named(rec)                                 \
    ((rec)->kind != NGX_HTTP_SPARKJOB_CONTEXT || !(rec)->of.session.nameless)


static ngx_uint_t ngx_http_sparkjob_table_name_locked(
    ngx_http_sparkjob_zone_t *zone, ngx_http_sparkjob_sh_t *sh,
    ngx_http_sparkjob_record_t *rec, ngx_uint_t force);
static ngx_uint_t ngx_http_sparkjob_table_stays(
    ngx_http_sparkjob_record_t *rec);
static void ngx_http_sparkjob_table_link_locked(ngx_http_sparkjob_sh_t *sh,
    ngx_http_sparkjob_node_t *node);
static ngx_uint_t ngx_http_sparkjob_table_newer(
    ngx_http_sparkjob_record_t *old, ngx_http_sparkjob_record_t *rec);
static ngx_http_sparkjob_node_t *ngx_http_sparkjob_table_alloc_locked(
    ngx_http_sparkjob_zone_t *zone, ngx_http_sparkjob_sh_t *sh, size_t size);
static ngx_int_t ngx_http_sparkjob_table_evict_locked(
    ngx_http_sparkjob_zone_t *zone, ngx_http_sparkjob_sh_t *sh);
static void ngx_http_sparkjob_table_sweep_tree_locked(
    ngx_http_sparkjob_zone_t *zone, ngx_http_sparkjob_sh_t *sh,
    ngx_rbtree_t *tree);
static void ngx_http_sparkjob_table_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *rbnode, ngx_rbtree_node_t *sentinel);
static ngx_http_sparkjob_node_t *ngx_http_sparkjob_table_node(
    ngx_rbtree_node_t *rbnode);
static ngx_rbtree_key_t ngx_http_sparkjob_table_key(u_char *data, size_t len);
static ngx_int_t ngx_http_sparkjob_table_cmp(
    ngx_http_sparkjob_cursor_t *cursor, ngx_rbtree_node_t *rbnode);


ngx_int_t
ngx_http_sparkjob_table_init_locked(ngx_slab_pool_t *shpool)
{
    ngx_uint_t               i;
    ngx_http_sparkjob_sh_t  *sh;

    sh = ngx_slab_calloc_locked(shpool, sizeof(ngx_http_sparkjob_sh_t));
    if (sh == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_HTTP_SPARKJOB_NKINDS; i++) {
        ngx_rbtree_init(&sh->by_key[i], &sh->key_sentinel[i],
                        ngx_http_sparkjob_table_insert);
    }

    ngx_rbtree_init(&sh->by_start, &sh->start_sentinel,
                    ngx_http_sparkjob_table_insert);

    ngx_rbtree_init(&sh->by_session, &sh->session_sentinel,
                    ngx_http_sparkjob_table_insert);

    SPARKJOB_FAULT("zone.rebuild");

    ngx_queue_init(&sh->final);
    ngx_queue_init(&sh->alive);

    sh->ring = ngx_http_sparkjob_ring_init_locked(shpool);
    if (sh->ring == NULL) {
        return NGX_ERROR;
    }

    /*
     * whoever was loading, if these are not the first tables, must not take a
     * later load for its own
     */

    sh->generation = (ngx_uint_t) ngx_random() << 31 | ngx_random();

    shpool->log_nomem = 0;

    /* there is "data" when all of it is there */

    ngx_memory_barrier();

    shpool->data = sh;

    return NGX_OK;
}


ngx_http_sparkjob_node_t *
ngx_http_sparkjob_table_find_locked(ngx_http_sparkjob_sh_t *sh,
    ngx_http_sparkjob_kind_e kind, ngx_str_t *key)
{
    ngx_int_t                   rc;
    ngx_rbtree_node_t          *rbnode, *sentinel;
    ngx_http_sparkjob_cursor_t  cursor;

    rbnode = sh->by_key[kind].root;
    sentinel = sh->by_key[kind].sentinel;

    cursor.key = ngx_http_sparkjob_table_key(key->data, key->len);
    cursor.order = 0;
    cursor.name = *key;

    while (rbnode != sentinel) {

        rc = ngx_http_sparkjob_table_cmp(&cursor, rbnode);

        if (rc == 0) {
            return ngx_http_sparkjob_table_node(rbnode);
        }

        rbnode = (rc < 0) ? rbnode->left : rbnode->right;
    }

    return NULL;
}


/* that of the very same one: a name may be another context's by now */

ngx_http_sparkjob_node_t *
ngx_http_sparkjob_table_same_locked(ngx_http_sparkjob_sh_t *sh,
    ngx_http_sparkjob_record_t *rec)
{
    ngx_str_t                    key;
    ngx_rbtree_node_t           *rbnode;
    ngx_http_sparkjob_node_t    *node;
    ngx_http_sparkjob_cursor_t   cursor;

    key.data = ngx_http_sparkjob_record_key(rec);
    key.len = rec->len[NGX_HTTP_SPARKJOB_KEY];

    node = ngx_http_sparkjob_table_find_locked(sh, rec->kind, &key);

    if (node && ngx_http_sparkjob_record_same(&node->record, rec)) {
        return node;
    }

    if (!ngx_http_sparkjob_table_is_session(rec)) {
        return NULL;
    }

    cursor.key = (ngx_rbtree_key_t) rec->of.session.number;
    cursor.order = (uint64_t) -1;
    ngx_str_null(&cursor.name);

    rbnode = ngx_http_sparkjob_table_after_locked(&sh->by_session, &cursor);

    /* until a snapshot is loaded another launcher's may have the number, too */

    while (rbnode && rbnode->key == cursor.key) {
        node = ngx_http_sparkjob_table_node(rbnode);

        if (ngx_http_sparkjob_record_same(&node->record, rec)) {
            return node;
        }

        rbnode = ngx_rbtree_next(&sh->by_session, rbnode);
    }

    return NULL;
}


/* the first node behind the cursor, which may itself be gone */

ngx_rbtree_node_t *
ngx_http_sparkjob_table_after_locked(ngx_rbtree_t *tree,
    ngx_http_sparkjob_cursor_t *cursor)
{
    ngx_rbtree_node_t  *rbnode, *after;

    rbnode = tree->root;
    after = NULL;

    while (rbnode != tree->sentinel) {

        if (ngx_http_sparkjob_table_cmp(cursor, rbnode) < 0) {
            after = rbnode;
            rbnode = rbnode->left;

        } else {
            rbnode = rbnode->right;
        }
    }

    return after;
}


ngx_http_sparkjob_record_t *
ngx_http_sparkjob_table_record(ngx_rbtree_node_t *rbnode)
{
    return &ngx_http_sparkjob_table_node(rbnode)->record;
}


/* a session that has died is shown for a while */

ngx_uint_t
ngx_http_sparkjob_table_is_shown(ngx_http_sparkjob_record_t *rec)
{
    ngx_http_sparkjob_session_part_t  *session;

    session = &rec->of.session;

    return session->number >= 0
           && (!rec->final
               || (json_int_t) session->until > ngx_http_sparkjob_now());
}


/* the name is not copied: it is good as long as the lock is held */

void
ngx_http_sparkjob_table_cursor_locked(ngx_rbtree_node_t *rbnode,
    ngx_http_sparkjob_cursor_t *cursor)
{
    ngx_http_sparkjob_node_t  *node;

    node = ngx_http_sparkjob_table_node(rbnode);

    cursor->key = rbnode->key;
    cursor->order = node->order;
    cursor->name = ngx_http_sparkjob_record_string(&node->record,
                                                   NGX_HTTP_SPARKJOB_KEY);
}


/*
 * "force": what the loader sees for the first time in this snapshot counts
 * whatever the zone had.
 */

void
ngx_http_sparkjob_table_put_locked(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_sh_t *sh, ngx_http_sparkjob_record_t *rec,
    ngx_uint_t force)
{
    size_t                     size;
    uint64_t                   order;
    ngx_uint_t                 named;
    ngx_http_sparkjob_node_t  *node;

    node = ngx_http_sparkjob_table_same_locked(sh, rec);

    if (node) {

        if (!(force && node->generation != sh->generation)
            && !ngx_http_sparkjob_table_newer(&node->record, rec))
        {
            node->generation = sh->generation;
            return;
        }

        order = node->order;
        ngx_http_sparkjob_table_remove_locked(zone, sh, node);

    } else {
        order = ++sh->order;
    }

    named = ngx_http_sparkjob_table_name_locked(zone, sh, rec, force);

    if (!named && !ngx_http_sparkjob_table_stays(rec)) {
        return;
    }

    SPARKJOB_FAULT("zone.put");

    size = rec->size;
    node = ngx_http_sparkjob_table_alloc_locked(zone, sh, size);

    if (node == NULL && rec->len[NGX_HTTP_SPARKJOB_PAYLOAD]) {
        size -= rec->len[NGX_HTTP_SPARKJOB_PAYLOAD];
        node = ngx_http_sparkjob_table_alloc_locked(zone, sh, size);
    }

    if (node == NULL) {

        if (rec->kind == NGX_HTTP_SPARKJOB_JOB) {
            sh->horizon = ngx_max(sh->horizon, rec->start);
            sh->load_horizon = ngx_max(sh->load_horizon, rec->start);

        } else {
            zone->full |= !sh->overflow;
            sh->overflow = 1;
            sh->load_overflow = 1;
        }

        return;
    }

    ngx_memcpy(&node->record, rec, size);

    if (size != rec->size) {
        node->record.size = size;
        node->record.len[NGX_HTTP_SPARKJOB_PAYLOAD] = 0;
        node->record.payload = NGX_HTTP_SPARKJOB_NO_ROOM;
    }

    node->order = order;

    if (rec->kind == NGX_HTTP_SPARKJOB_CONTEXT) {
        node->record.of.session.nameless = !named;
    }

    ngx_http_sparkjob_table_link_locked(sh, node);
}


/* whether the record has the name, which it may take from another context */

static ngx_uint_t
ngx_http_sparkjob_table_name_locked(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_sh_t *sh, ngx_http_sparkjob_record_t *rec,
    ngx_uint_t force)
{
    ngx_str_t                  key;
    ngx_http_sparkjob_node_t  *node;

    key.data = ngx_http_sparkjob_record_key(rec);
    key.len = rec->len[NGX_HTTP_SPARKJOB_KEY];

    node = rec->kind == NGX_HTTP_SPARKJOB_CONTEXT
           ? ngx_http_sparkjob_table_find_locked(sh, rec->kind, &key) : NULL;

    if (node == NULL) {
        return 1;
    }

    if (!(force && node->generation != sh->generation)
        && rec->start < node->record.start)
    {
        return 0;
    }

    if (ngx_http_sparkjob_table_stays(&node->record)) {
        ngx_rbtree_delete(&sh->by_key[rec->kind], &node->by_key);
        node->record.of.session.nameless = 1;

    } else {
        ngx_http_sparkjob_table_remove_locked(zone, sh, node);
    }

    return 1;
}


/* whether it is of use without its name */

static ngx_uint_t
ngx_http_sparkjob_table_stays(ngx_http_sparkjob_record_t *rec)
{
    return rec->final
           && rec->kind == NGX_HTTP_SPARKJOB_CONTEXT
           && ngx_http_sparkjob_table_is_shown(rec);
}


static void
ngx_http_sparkjob_table_link_locked(ngx_http_sparkjob_sh_t *sh,
    ngx_http_sparkjob_node_t *node)
{
    ngx_http_sparkjob_record_t  *rec;

    rec = &node->record;

    node->generation = sh->generation;
    node->stamp = ++sh->stamp;

    node->by_key.key = ngx_http_sparkjob_table_key(
                                         ngx_http_sparkjob_record_key(rec),
                                         rec->len[NGX_HTTP_SPARKJOB_KEY]);
    node->by_key.data = 0;

    if (ngx_http_sparkjob_table_is_named(rec)) {
        ngx_rbtree_insert(&sh->by_key[rec->kind], &node->by_key);
    }

    if (rec->kind == NGX_HTTP_SPARKJOB_JOB) {
        node->by_start.key = ~(ngx_rbtree_key_t) rec->start;
        node->by_start.data = 1;
        ngx_rbtree_insert(&sh->by_start, &node->by_start);

    } else if (ngx_http_sparkjob_table_is_session(rec)) {
        node->by_start.key = (ngx_rbtree_key_t) rec->of.session.number;
        node->by_start.data = 1;
        ngx_rbtree_insert(&sh->by_session, &node->by_start);
    }

    if (rec->final) {
        ngx_queue_insert_head(&sh->final, &node->queue);

    } else {
        ngx_queue_insert_head(&sh->alive, &node->queue);
    }
}


static ngx_uint_t
ngx_http_sparkjob_table_newer(ngx_http_sparkjob_record_t *old,
    ngx_http_sparkjob_record_t *rec)
{
    return rec->kind == NGX_HTTP_SPARKJOB_BINARY ? rec->start >= old->start
                                                 : rec->rev > old->rev;
}


static ngx_http_sparkjob_node_t *
ngx_http_sparkjob_table_alloc_locked(ngx_http_sparkjob_zone_t *zone,
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

        if (ngx_http_sparkjob_table_evict_locked(zone, sh) != NGX_OK) {
            break;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_sparkjob_table_evict_locked(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_sh_t *sh)
{
    uint64_t                   until;
    ngx_queue_t               *q;
    ngx_http_sparkjob_node_t  *node;

    if (ngx_queue_empty(&sh->final)) {
        return NGX_DECLINED;
    }

    q = ngx_queue_last(&sh->final);
    node = ngx_queue_data(q, ngx_http_sparkjob_node_t, queue);

    if (node->record.kind == NGX_HTTP_SPARKJOB_JOB) {
        sh->horizon = ngx_max(sh->horizon, node->record.start);
        sh->load_horizon = ngx_max(sh->load_horizon, node->record.start);

    } else {
        until = node->record.of.session.until;

        sh->forgotten = 1;
        sh->load_forgotten = 1;
        sh->unlisted = ngx_max(sh->unlisted, until);
        sh->load_unlisted = ngx_max(sh->load_unlisted, until);
    }

    ngx_http_sparkjob_table_remove_locked(zone, sh, node);

    return NGX_OK;
}


void
ngx_http_sparkjob_table_remove_locked(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_sh_t *sh, ngx_http_sparkjob_node_t *node)
{
    if (ngx_http_sparkjob_table_is_named(&node->record)) {
        ngx_rbtree_delete(&sh->by_key[node->record.kind], &node->by_key);
    }

    if (node->record.kind == NGX_HTTP_SPARKJOB_JOB) {
        ngx_rbtree_delete(&sh->by_start, &node->by_start);

    } else if (ngx_http_sparkjob_table_is_session(&node->record)) {
        ngx_rbtree_delete(&sh->by_session, &node->by_start);
    }

    ngx_queue_remove(&node->queue);

    ngx_slab_free_locked(zone->shpool, node);
}


/* "rec" has nothing but progress; what is final has its last one */

void
ngx_http_sparkjob_table_progress_locked(ngx_http_sparkjob_node_t *node,
    ngx_http_sparkjob_record_t *rec)
{
    ngx_str_t  room, s;

    if (node->record.kind != NGX_HTTP_SPARKJOB_JOB || node->record.final) {
        return;
    }

    room = ngx_http_sparkjob_record_string(&node->record,
                                           NGX_HTTP_SPARKJOB_JOB_PROGRESS);
    s = ngx_http_sparkjob_record_string(rec, NGX_HTTP_SPARKJOB_JOB_PROGRESS);

    if (s.len == room.len) {
        ngx_memcpy(room.data, s.data, s.len);
        ngx_memcpy(node->record.of.job.progress, rec->of.job.progress,
                   sizeof(rec->of.job.progress));
    }
}


/* "rec" has nothing but whose statements run, or do so no longer */

void
ngx_http_sparkjob_table_busy_locked(ngx_http_sparkjob_node_t *node,
    ngx_http_sparkjob_record_t *rec)
{
    ngx_http_sparkjob_livy_mark(&node->record, rec->of.session.busy);
}


/* removes what the snapshot did not have */

void
ngx_http_sparkjob_table_sweep_locked(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_sh_t *sh)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_SPARKJOB_NKINDS; i++) {
        ngx_http_sparkjob_table_sweep_tree_locked(zone, sh, &sh->by_key[i]);
    }

    /* some have nothing but a number */

    ngx_http_sparkjob_table_sweep_tree_locked(zone, sh, &sh->by_session);
}


static void
ngx_http_sparkjob_table_sweep_tree_locked(ngx_http_sparkjob_zone_t *zone,
    ngx_http_sparkjob_sh_t *sh, ngx_rbtree_t *tree)
{
    ngx_rbtree_node_t         *rbnode, *next;
    ngx_http_sparkjob_node_t  *node;

    if (tree->root == tree->sentinel) {
        return;
    }

    rbnode = ngx_rbtree_min(tree->root, tree->sentinel);

    for ( /* void */ ; rbnode; rbnode = next) {
        next = ngx_rbtree_next(tree, rbnode);
        node = ngx_http_sparkjob_table_node(rbnode);

        if (node->generation != sh->generation) {
            ngx_http_sparkjob_table_remove_locked(zone, sh, node);
        }
    }
}


static void
ngx_http_sparkjob_table_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *rbnode, ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t           **p;
    ngx_http_sparkjob_cursor_t    cursor;

    ngx_http_sparkjob_table_cursor_locked(rbnode, &cursor);

    for ( ;; ) {

        p = (ngx_http_sparkjob_table_cmp(&cursor, temp) < 0) ? &temp->left
                                                             : &temp->right;

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
ngx_http_sparkjob_table_node(ngx_rbtree_node_t *rbnode)
{
    if (rbnode->data) {
        return ngx_rbtree_data(rbnode, ngx_http_sparkjob_node_t, by_start);
    }

    return ngx_rbtree_data(rbnode, ngx_http_sparkjob_node_t, by_key);
}


/* the first bytes as a number, so that a tree is in the order of its keys */

static ngx_rbtree_key_t
ngx_http_sparkjob_table_key(u_char *data, size_t len)
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
ngx_http_sparkjob_table_cmp(ngx_http_sparkjob_cursor_t *cursor,
    ngx_rbtree_node_t *rbnode)
{
    ngx_http_sparkjob_node_t  *node;

    if (cursor->key != rbnode->key) {
        return cursor->key < rbnode->key ? -1 : 1;
    }

    node = ngx_http_sparkjob_table_node(rbnode);

    if (rbnode->data) {
        return (cursor->order < node->order) - (cursor->order > node->order);
    }

    return ngx_memn2cmp(cursor->name.data,
                        ngx_http_sparkjob_record_key(&node->record),
                        cursor->name.len,
                        node->record.len[NGX_HTTP_SPARKJOB_KEY]);
}
