
/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 *
 * Which addresses callbacks and URIs may reach, whatever a name resolves to.
 */


#include "unit.h"
#include "sjl_outbound.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>


static int
may(const char *rules, const char *host, const char *ip, int port)
{
    int                  rc;
    json_t              *list;
    struct sockaddr_in   in;
    struct sockaddr_in6  in6;

    list = json_loads(rules, 0, NULL);
    assert_non_null(list);

    memset(&in, 0, sizeof(in));
    memset(&in6, 0, sizeof(in6));

    if (inet_pton(AF_INET, ip, &in.sin_addr) == 1) {
        in.sin_family = AF_INET;
        in.sin_port = htons((uint16_t) port);
        rc = sjl_outbound_may(list, host, (struct sockaddr *) &in);

    } else {
        assert_int_equal(inet_pton(AF_INET6, ip, &in6.sin6_addr), 1);
        in6.sin6_family = AF_INET6;
        in6.sin6_port = htons((uint16_t) port);
        rc = sjl_outbound_may(list, host, (struct sockaddr *) &in6);
    }

    json_decref(list);

    return rc;
}


static void
test_what_is_refused_by_itself(void **state)
{
    size_t  i;

    static const char *const  refused[] = {
        "127.0.0.1", "127.255.255.255", "0.0.0.0", "0.1.2.3", "169.254.169.254",
        "224.0.0.1", "239.1.1.1", "255.255.255.255", "::", "::1", "fe80::1",
        "febf::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.0.1",
        "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1", "2002:a9fe:1::",
        "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254",
        "fd20:ce::254", "64:ff9b:1::7f00:1", "2001:0:1::1",
        "::ffff:0:127.0.0.1", "::ffff:0:169.254.169.254"
    };

    static const char *const  fine[] = {
        "10.0.0.1", "192.168.1.1", "172.16.0.1", "8.8.8.8", "128.0.0.1",
        "126.255.255.255", "169.253.0.1", "223.255.255.255", "1.0.0.0",
        "255.255.255.254", "2001:db8::1", "fd00::1", "fec0::1",
        "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"
    };

    for (i = 0; i < sjl_nelts(refused); i++) {
        if (may("[]", "h", refused[i], 80)) {
            fail_msg("%s may be reached", refused[i]);
        }
    }

    for (i = 0; i < sjl_nelts(fine); i++) {
        if (!may("[]", "h", fine[i], 80)) {
            fail_msg("%s may not be reached", fine[i]);
        }
    }
}


/* by itself, and by IPv6 addresses that stand for it */

static void
test_addresses_of_this_host_are_refused(void **state)
{
    char                  text[64], rule[80], held[80];
    struct ifaddrs       *ifa, *list;
    struct sockaddr_in   *in;
    struct sockaddr_in6  *in6;

    assert_int_equal(getifaddrs(&list), 0);

    for (ifa = list; ifa; ifa = ifa->ifa_next) {
        in = (struct sockaddr_in *) ifa->ifa_addr;
        in6 = (struct sockaddr_in6 *) ifa->ifa_addr;

        if (in && in->sin_family == AF_INET) {
            assert_non_null(inet_ntop(AF_INET, &in->sin_addr, text,
                                      sizeof(text)));
            (void) snprintf(held, sizeof(held), "64:ff9b::%s", text);
            assert_false(may("[]", "h", held, 80));

        } else if (in && in->sin_family == AF_INET6) {
            assert_non_null(inet_ntop(AF_INET6, &in6->sin6_addr, text,
                                      sizeof(text)));
        } else {
            continue;
        }

        if (may("[]", "h", text, 80)) {
            fail_msg("%s of this host may be reached", text);
        }

        (void) snprintf(rule, sizeof(rule), "[\"%s\"]", text);
        assert_true(may(rule, "h", text, 80));
    }

    freeifaddrs(list);
}


static void
test_rules_name_exceptions(void **state)
{
    assert_true(may("[\"127.0.0.1\"]", "x", "127.0.0.1", 1));
    assert_false(may("[\"127.0.0.1\"]", "x", "127.0.0.2", 1));
    assert_true(may("[\"127.0.0.1:80\"]", "x", "127.0.0.1", 80));
    assert_false(may("[\"127.0.0.1:80\"]", "x", "127.0.0.1", 81));
    assert_true(may("[\"127.0.0.0/8\"]", "x", "127.9.9.9", 1));
    assert_false(may("[\"127.0.0.0/16\"]", "x", "127.1.0.0", 1));
    assert_true(may("[\"127.0.0.0/15\"]", "x", "127.1.0.0", 1));
    assert_false(may("[\"10.0.0.0/8\"]", "x", "127.0.0.1", 1));
    assert_true(may("[\"0.0.0.0/0\"]", "x", "127.0.0.1", 1));
    assert_false(may("[\"0.0.0.0/0\"]", "x", "::1", 1));
    assert_true(may("[\"::1\"]", "x", "::1", 1));
    assert_true(may("[\"[::1]:80\"]", "x", "::1", 80));
    assert_false(may("[\"[::1]:80\"]", "x", "::1", 81));
    assert_true(may("[\"fe80::/10\"]", "x", "fe80::5", 1));
    assert_true(may("[\"127.0.0.1\"]", "x", "::ffff:127.0.0.1", 1));

    /* a name is the URL's, not the address's */

    assert_true(may("[\"hooks.internal\"]", "hooks.internal", "127.0.0.1", 1));
    assert_true(may("[\"Hooks.Internal:80\"]", "hooks.internal.", "127.0.0.1",
                    80));
    assert_false(may("[\"hooks.internal:80\"]", "hooks.internal", "127.0.0.1",
                     81));
    assert_false(may("[\"hooks.internal\"]", "other", "127.0.0.1", 1));
    assert_false(may("[\"hooks.internal\"]", "hooks.internal.evil.org",
                     "127.0.0.1", 1));
    assert_true(may("[\"a\", \"b\", \"127.0.0.1\"]", "c", "127.0.0.1", 1));
}


/* before anything is looked up */

static void
test_addresses_in_urls(void **state)
{
    json_t  *none, *rules;
    size_t   i;

    static const char *const  refused[] = {
        "127.0.0.1:80", "0.0.0.0:80", "169.254.169.254:80", "[::1]:80",
        "[::ffff:127.0.0.1]:443", "[fe80::1]:80"
    };

    static const char *const  fine[] = {
        "10.0.0.1:80", "localhost:80", "h:1", "127.0.0.1.org:80", "[fd01::1]:80"
    };

    none = json_array();
    rules = json_loads("[\"127.0.0.1:80\", \"[::1]:80\"]", 0, NULL);

    for (i = 0; i < sjl_nelts(refused); i++) {
        assert_false(sjl_outbound_may_text(none, refused[i]));
    }

    for (i = 0; i < sjl_nelts(fine); i++) {
        assert_true(sjl_outbound_may_text(none, fine[i]));
    }

    assert_true(sjl_outbound_may_text(rules, "127.0.0.1:80"));
    assert_false(sjl_outbound_may_text(rules, "127.0.0.1:81"));
    assert_true(sjl_outbound_may_text(rules, "[::1]:80"));

    json_decref(none);
    json_decref(rules);
}


static void
test_what_is_a_rule(void **state)
{
    size_t  i;

    static const char *const  good[] = {
        "a", "a.b-c_d.org", "a:1", "a:65535", "1.2.3.4", "1.2.3.4:80",
        "1.2.3.4/0", "1.2.3.4/32", "::1", "::/0", "fe80::/10", "[::1]",
        "[::1]:80", "3com.com"
    };

    static const char *const  bad[] = {
        "", ":80", "a:", "a:0", "a:65536", "a:x", "a b", "a/8", "1.2.3.4/33",
        "1.2.3.4/", "1.2.3.4/x", "1.2.3", "1.2.3.4.5", "256.1.1.1", "::/129",
        "[::1", "[::1]x", "[::1]:", "[a]", "[1.2.3.4]", "http://a", "a/b", "*",
        "a:80:90", "a@b"
    };

    for (i = 0; i < sjl_nelts(good); i++) {
        if (!sjl_outbound_rule_ok(good[i])) {
            fail_msg("\"%s\" is no rule", good[i]);
        }
    }

    for (i = 0; i < sjl_nelts(bad); i++) {
        if (sjl_outbound_rule_ok(bad[i])) {
            fail_msg("\"%s\" is a rule", bad[i]);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_what_is_refused_by_itself),
        cmocka_unit_test(test_addresses_of_this_host_are_refused),
        cmocka_unit_test(test_rules_name_exceptions),
        cmocka_unit_test(test_addresses_in_urls),
        cmocka_unit_test(test_what_is_a_rule)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
