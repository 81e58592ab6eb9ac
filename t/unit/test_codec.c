
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * The frame codec against the vectors that all implementations share.
 */


#include "unit.h"


static json_t *vectors(const char *part);
static size_t unhex(const char *hex, unsigned char *p);


static json_t *
vectors(const char *part)
{
    json_t      *all, *list;
    const char  *file;

    file = getenv("VECTORS");
    all = json_load_file(file ? file : "t/vectors/frames.json", 0, NULL);
    assert_non_null(all);

    list = json_incref(json_object_get(all, part));
    assert_true(json_array_size(list) > 0);

    json_decref(all);

    return list;
}


static size_t
unhex(const char *hex, unsigned char *p)
{
    size_t    n;
    unsigned  byte;

    for (n = 0; *hex; hex++) {
        if (*hex == ' ') {
            continue;
        }

        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        p[n++] = (unsigned char) byte;
        hex++;
    }

    return n;
}


static void
test_good_frames_are_read_and_written_alike(void **state)
{
    size_t          i, n, len;
    json_t         *list, *v;
    const char     *meta;
    sjp_header_t    h;
    unsigned char   frame[512], payload[512], header[SJP_HEADER_SIZE];

    list = vectors("good");

    json_array_foreach(list, i, v) {
        n = unhex(json_string_value(json_object_get(v, "hex")), frame);
        len = unhex(json_string_value(json_object_get(v, "payload")), payload);
        meta = json_string_value(json_object_get(v, "meta"));

        assert_null(sjp_header_decode(frame, &h));
        assert_int_equal(h.type,
                         json_integer_value(json_object_get(v, "type")));
        assert_int_equal(h.flags,
                         json_integer_value(json_object_get(v, "flags")));
        assert_int_equal(h.stream,
                         json_integer_value(json_object_get(v, "stream")));
        assert_int_equal(h.meta, strlen(meta));
        assert_int_equal(h.length, strlen(meta) + len);
        assert_int_equal(n, SJP_HEADER_SIZE + h.length);

        if (h.meta) {
            assert_memory_equal(frame + SJP_HEADER_SIZE, meta, h.meta);
        }

        if (len) {
            assert_memory_equal(frame + SJP_HEADER_SIZE + h.meta, payload, len);
        }

        sjp_header_encode(header, &h);
        assert_memory_equal(header, frame, SJP_HEADER_SIZE);
    }

    json_decref(list);
}


static void
test_bad_frames_are_refused_with_their_reason(void **state)
{
    size_t          i;
    json_t         *list, *v;
    const char     *err;
    sjp_header_t    h;
    unsigned char   frame[512];

    list = vectors("bad");

    json_array_foreach(list, i, v) {
        (void) unhex(json_string_value(json_object_get(v, "hex")), frame);

        err = sjp_header_decode(frame, &h);

        assert_non_null(err);
        assert_string_equal(err,
                            json_string_value(json_object_get(v, "error")));
    }

    json_decref(list);
}


static void
test_limits_are_inclusive(void **state)
{
    sjp_header_t   h, back;
    unsigned char  p[SJP_HEADER_SIZE];

    h.type = SJP_RECORD;
    h.flags = 0;
    h.stream = 1;
    h.meta = SJP_META_MAX;
    h.length = SJP_LENGTH_MAX;

    sjp_header_encode(p, &h);
    assert_null(sjp_header_decode(p, &back));
    assert_memory_equal(&h, &back, sizeof(h));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_good_frames_are_read_and_written_alike),
        cmocka_unit_test(test_bad_frames_are_refused_with_their_reason),
        cmocka_unit_test(test_limits_are_inclusive)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
