#include "federation/net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int parse(const char *text, struct net_addr *ret) {
    return net_addr_parse(text, strlen(text), ret, NULL);
}

static void an_address_is_written_as_it_was_read(void **state) {
    (void)state;
    static const char *const texts[] = {"192.168.1.5:7443", "[fe80::1%2]:7443", "[::1]:1",
                                        "[2001:db8::5:1]:65535", "0.0.0.0:80"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct net_addr a = {0};
        char text[NET_ADDR_TEXT_MAX];
        assert_int_equal(parse(texts[i], &a), 0);
        net_addr_format(&a, text);
        assert_string_equal(text, texts[i]);
    }
}

static void what_is_no_address_is_refused_and_nothing_is_written(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        ":",
                                        "host:7443",
                                        "192.168.1.5",
                                        "192.168.1.5:",
                                        "1.2.3:5",
                                        "1.2.3.4:0",
                                        "1.2.3.4:-1",
                                        "1.2.3.4:65536",
                                        "1.2.3.4:07",
                                        "::1:7443",
                                        "[::1]",
                                        "[]:5",
                                        "[::1%]:5",
                                        "[::1%0]:5",
                                        "[::1%a]:5",
                                        "[1.2.3.4]:5",
                                        "1.2.3.4 :5",
                                        "[fe80::1%1%2]:5",
                                        "[::1]x:5",
                                        "1.2.3.4:5 ",
                                        "1.2.3.4:+5",
                                        "[::1%99999999999]:5"};
    struct net_addr a = {.port = 77};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(parse(texts[i], &a), ERR_INVAL);
    assert_int_equal(net_addr_parse("1.2.3.4\0:5", 10, &a, NULL), ERR_INVAL);
    char large[300];
    memset(large, '1', sizeof large);
    assert_int_equal(net_addr_parse(large, sizeof large, &a, NULL), ERR_INVAL);
    assert_int_equal(a.port, 77);
}

static void hosts_and_ports_are_told_apart(void **state) {
    (void)state;
    struct net_addr a = {0}, b = {0}, c = {0};
    assert_int_equal(parse("10.0.0.1:5", &a), 0);
    assert_int_equal(parse("10.0.0.1:6", &b), 0);
    assert_int_equal(parse("[::ffff:10.0.0.1]:5", &c), 0);
    assert_true(net_addr_same_host(&a, &b));
    assert_false(net_addr_equal(&a, &b));
    assert_true(net_addr_equal(&a, &c));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_written_as_it_was_read),
        cmocka_unit_test(what_is_no_address_is_refused_and_nothing_is_written),
        cmocka_unit_test(hosts_and_ports_are_told_apart),
    };
    return cmocka_run_group_tests_name("federation/net", tests, NULL, NULL);
}
