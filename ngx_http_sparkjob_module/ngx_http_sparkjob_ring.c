
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The ring: the latest events as watchers get them, in shared memory, so that
 * any worker can go on where another one, or the same one before a break, has
 * stopped.  It is one piece of the zone, taken when the zone is made: the
 * oldest events make room for the new ones.
 *
 * Events have consecutive numbers.  One that nobody can be told of has an empty
 * place; one that is too large for a piece ends the ring, and it begins anew.
 */


#include <ngx_http_sparkjob_table.h>


/* which part of the zone it takes, and how much at most */
#define NGX_HTTP_SPARKJOB_RING_PART   8
#define NGX_HTTP_SPARKJOB_RING_MAX    (16 * 1024 * 1024)

/* bytes for each place */
#define NGX_HTTP_SPARKJOB_RING_EVENT  256


static void ngx_http_sparkjob_ring_wrap_locked(
    ngx_http_sparkjob_ring_t *ring);
static void ngx_http_sparkjob_ring_room_locked(
    ngx_http_sparkjob_ring_t *ring, size_t size);


#define ngx_http_sparkjob_ring_place(ring, seq)                               \
    (&(ring)->places[(seq) % (ring)->nplaces])


/* NULL: there is no room for one */

ngx_http_sparkjob_ring_t *
ngx_http_sparkjob_ring_init_locked(ngx_slab_pool_t *shpool)
{
    size_t                     size, places;
    ngx_uint_t                 n;
    ngx_http_sparkjob_ring_t  *ring;

    size = (shpool->end - (u_char *) shpool) / NGX_HTTP_SPARKJOB_RING_PART;
    size = ngx_min(size, NGX_HTTP_SPARKJOB_RING_MAX);

    n = size / NGX_HTTP_SPARKJOB_RING_EVENT;
    places = n * sizeof(ngx_http_sparkjob_place_t);

    ring = ngx_slab_alloc_locked(shpool, size);
    if (ring == NULL) {
        return NULL;
    }

    ngx_memzero(ring, sizeof(ngx_http_sparkjob_ring_t));

    ring->places = (ngx_http_sparkjob_place_t *) (ring + 1);
    ring->nplaces = n;
    ring->data = (u_char *) ring->places + places;
    ring->size = size - places - sizeof(ngx_http_sparkjob_ring_t);

    ngx_http_sparkjob_ring_clear_locked(ring, 0);

    return ring;
}


/* nothing up to that event can be had from here */

void
ngx_http_sparkjob_ring_clear_locked(ngx_http_sparkjob_ring_t *ring,
    uint64_t seq)
{
    ring->first = seq + 1;
    ring->last = seq;
    ring->head = 0;
}


/* an event of that number, which may be NULL */

void
ngx_http_sparkjob_ring_put_locked(ngx_http_sparkjob_ring_t *ring, uint64_t seq,
    ngx_http_sparkjob_event_t *ev)
{
    size_t                      size;
    ngx_http_sparkjob_place_t  *place;

    size = ev ? ev->size : 0;

    if (seq != ring->last + 1) {
        ngx_http_sparkjob_ring_clear_locked(ring, seq - 1);
    }

    if (size > ngx_min(ring->size, NGX_HTTP_SPARKJOB_PIECE)) {
        ngx_http_sparkjob_ring_clear_locked(ring, seq);
        return;
    }

    if (ring->size - ring->head < size) {
        ngx_http_sparkjob_ring_wrap_locked(ring);
    }

    ngx_http_sparkjob_ring_room_locked(ring, size);

    place = ngx_http_sparkjob_ring_place(ring, seq);
    place->offset = ring->head;
    place->size = size;

    if (size) {
        ngx_memcpy(ring->data + ring->head, ev, size);
    }

    ring->head += size;
    ring->last = seq;
}


/* what lies behind the head is older than anything before it */

static void
ngx_http_sparkjob_ring_wrap_locked(ngx_http_sparkjob_ring_t *ring)
{
    while (ring->first <= ring->last
           && ngx_http_sparkjob_ring_place(ring, ring->first)->offset
              >= ring->head)
    {
        ring->first++;
    }

    ring->head = 0;
}


static void
ngx_http_sparkjob_ring_room_locked(ngx_http_sparkjob_ring_t *ring,
    size_t size)
{
    ngx_http_sparkjob_place_t  *place;

    while (ring->first <= ring->last) {
        place = ngx_http_sparkjob_ring_place(ring, ring->first);

        /* an empty place at the head may have older events behind it */

        if (ring->last - ring->first + 1 < ring->nplaces
            && (place->offset >= ring->head + size
                || place->offset < ring->head))
        {
            return;
        }

        ring->first++;
    }
}


/*
 * Copies events that came after *seq, as far as there is room, and counts *seq
 * up.  Returns how many bytes; 0: there are none, or not all of them.
 */

size_t
ngx_http_sparkjob_ring_copy_locked(ngx_http_sparkjob_ring_t *ring,
    uint64_t *seq, u_char *buf, size_t size)
{
    size_t                      used;
    ngx_http_sparkjob_place_t  *place;

    used = 0;

    while (*seq < ring->last) {
        place = ngx_http_sparkjob_ring_place(ring, *seq + 1);

        if (place->size > size - used) {
            break;
        }

        ngx_memcpy(buf + used, ring->data + place->offset, place->size);

        used += place->size;
        (*seq)++;
    }

    return used;
}
