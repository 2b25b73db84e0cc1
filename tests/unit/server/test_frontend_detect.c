// Source taken in directly: the executable's half of server/ is not in the library under test.
#include "server/frontend_detect.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
// cmocka wants those three before it.
#include <cmocka.h>

#define ACP                                                                                        \
    "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\" : "   \
    "1}}\n"
#define MCP                                                                                        \
    "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":"     \
    "\"2025-11-25\"}}\n"

static const struct {
    const char *bytes;
    bool end;
    enum frontend_protocol expected;
} cases[] = {
    {MCP, false, FRONTEND_MCP},
    {ACP, false, FRONTEND_ACP},
    {" \r\n" MCP, false, FRONTEND_MCP},
    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"server/discover\"}\n", false, FRONTEND_MCP},
    {"{\"jsonrpc\":", false, FRONTEND_UNDECIDED},
    {"{\"jsonrpc\":", true, FRONTEND_MCP}, // a cut line is answered with MCP's error
    {"[1]\n", false, FRONTEND_MCP},
    {"Content-Length: 10\r\n", false, FRONTEND_LSP},
    {"content-type: x\r\n", false, FRONTEND_LSP},
    {"Cont", false, FRONTEND_UNDECIDED},
    {"Cont", true, FRONTEND_UNKNOWN},
    {"GET / HTTP/1.1\r\n", false, FRONTEND_UNKNOWN},
    {"", false, FRONTEND_UNDECIDED},
    {"\n\n", true, FRONTEND_UNKNOWN},
};

static void first_bytes_tell_the_protocol(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(frontend_detect(cases[i].bytes, strlen(cases[i].bytes), cases[i].end),
                         cases[i].expected);
}

static void a_prefix_is_undecided_or_decides_the_same(void **state) {
    (void)state;
    static const char *const wires[] = {MCP, ACP, "Content-Length: 1\r\n\r\n1"};
    static const enum frontend_protocol expected[] = {FRONTEND_MCP, FRONTEND_ACP, FRONTEND_LSP};
    for (size_t w = 0; w < 3; w++) {
        for (size_t n = 0; n <= strlen(wires[w]); n++) {
            enum frontend_protocol p = frontend_detect(wires[w], n, false);
            assert_true(p == FRONTEND_UNDECIDED || p == expected[w]);
        }
        assert_int_equal(frontend_detect(wires[w], strlen(wires[w]), false), expected[w]);
    }
}

static void a_first_line_without_end_is_bounded(void **state) {
    (void)state;
    static char line[DETECT_BYTES_MAX];
    memset(line, ' ', sizeof line);
    line[0] = '{';
    assert_int_equal(frontend_detect(line, sizeof line - 1, false), FRONTEND_UNDECIDED);
    assert_int_equal(frontend_detect(line, sizeof line, false), FRONTEND_MCP);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_bytes_tell_the_protocol),
        cmocka_unit_test(a_prefix_is_undecided_or_decides_the_same),
        cmocka_unit_test(a_first_line_without_end_is_bounded),
    };
    return cmocka_run_group_tests_name("server/frontend_detect", tests, NULL, NULL);
}
