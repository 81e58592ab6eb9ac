
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The format is in SQLite's documentation: a header, then frames of a header
 * and a page each.  The checksum of a frame goes on from that of the frame
 * before; its salts are the log's, unless it was left by an older log.
 */


#include "sjl_wal.h"


#define SJL_WAL_HEADER  32
#define SJL_WAL_FRAME   24
#define SJL_WAL_MAGIC   0x377f0682
#define SJL_WAL_PAGE    65536           /* the largest */


typedef struct {
    uint32_t  a;
    uint32_t  b;
    int       big;                      /* numbers are summed up as such */
} sjl_wal_sum_t;


static size_t sjl_wal_frames(int fd, const unsigned char *header);
static void sjl_wal_add(sjl_wal_sum_t *sum, const unsigned char *p, size_t n);


size_t
sjl_wal_lost(const char *path)
{
    int            fd;
    size_t         lost;
    unsigned char  header[SJL_WAL_HEADER];

    fd = open(path, O_RDONLY|O_CLOEXEC);

    if (fd == -1) {
        return 0;
    }

    lost = 0;

    if (pread(fd, header, sizeof(header), 0) == SJL_WAL_HEADER) {
        lost = sjl_wal_frames(fd, header);
    }

    (void) close(fd);

    return lost;
}


/* a frame with the size of the database is the last one of its commit */

static size_t
sjl_wal_frames(int fd, const unsigned char *header)
{
    int             good;
    size_t          size, lost;
    off_t           offset;
    uint32_t        page;
    sjl_wal_sum_t   sum;
    unsigned char  *frame;

    page = sjp_get32(header + 8);

    if ((sjp_get32(header) & ~1U) != SJL_WAL_MAGIC
        || page < 512 || page > SJL_WAL_PAGE)
    {
        return 0;
    }

    memset(&sum, 0, sizeof(sum));
    sum.big = header[3] & 1;
    sjl_wal_add(&sum, header, 24);

    size = SJL_WAL_FRAME + page;
    frame = sjl_alloc(size);
    lost = 0;
    good = sum.a == sjp_get32(header + 24) && sum.b == sjp_get32(header + 28);

    for (offset = SJL_WAL_HEADER;
         pread(fd, frame, size, offset) == (ssize_t) size;
         offset += (off_t) size)
    {
        if (memcmp(frame + 8, header + 16, 8) != 0) {
            break;
        }

        sjl_wal_add(&sum, frame, 8);
        sjl_wal_add(&sum, frame + SJL_WAL_FRAME, page);

        good = good && sum.a == sjp_get32(frame + 16)
               && sum.b == sjp_get32(frame + 20);
        lost += !good && sjp_get32(frame + 4) != 0;
    }

    free(frame);

    return lost;
}


static void
sjl_wal_add(sjl_wal_sum_t *sum, const unsigned char *p, size_t n)
{
    size_t    i;
    uint32_t  x, y;

    for (i = 0; i < n; i += 8) {
        x = sjp_get32(p + i);
        y = sjp_get32(p + i + 4);

        if (!sum->big) {
            x = __builtin_bswap32(x);
            y = __builtin_bswap32(y);
        }

        sum->a += x + sum->b;
        sum->b += y + sum->a;
    }
}
