// Questions of one tool are known to the others: of their workspace, of the last day, not one's
// own.
#include "server/asked.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { NOW = 1700000000 };
static const int64_t now_ms = NOW * 1000LL;

static void ask(const char *session, const char *root, const char *arguments, int64_t at_ms) {
    json_t *json = json_loads(arguments, 0, NULL);
    asked_note(&(struct asked_by){"mcp", session, "claude-code", root}, "Impact", json, at_ms);
    json_decref(json);
}

static void they_are_found_by_what_they_are_about(void **state) {
    struct asked list[4];
    (void)state;
    ask("s1", "/one", "{\"symbol\":\"total_of\"}", now_ms);
    ask("s1", "/one", "{\"path\":\"src/till.c\"}", now_ms + 1);
    ask("s2", "/one", "{\"question\":\"who calls rebate() here?\"}", now_ms + 2);
    assert_int_equal(asked_find("/one", NULL, "total_of", NULL, now_ms, list, 4), 1);
    assert_int_equal(asked_find("/one", NULL, "total", NULL, now_ms, list, 4), 0);
    assert_int_equal(asked_find("/one", NULL, "rebate", NULL, now_ms, list, 4), 1);
    assert_int_equal(asked_find("/one", "src/till.c", NULL, NULL, now_ms, list, 4), 1);
    assert_int_equal(asked_find("/one", "till.c", NULL, NULL, now_ms, list, 4), 1);
    assert_int_equal(asked_find("/one", NULL, "", NULL, now_ms, list, 4), 0);
    assert_int_equal(asked_find("/two", NULL, NULL, NULL, now_ms, list, 4), 0);
    assert_int_equal(asked_find("/one", NULL, NULL, "s1", now_ms, list, 4), 1);
    assert_int_equal(asked_find("/one", NULL, NULL, NULL, now_ms, list, 2), 2);
    assert_string_equal(list[0].about, "who calls rebate() here?"); // newest first
    assert_int_equal(asked_find("/one", NULL, NULL, NULL, now_ms + ASKED_AGE_MS + 3, list, 4), 0);
}

static void the_same_again_counts(void **state) {
    struct asked list[4];
    AUTO_BUF out = BUF_INIT(0);
    (void)state;
    for (int i = 0; i < 3; i++)
        ask("s", "/again", "{\"symbol\":\"f\\n\\u00e9\"}", now_ms + i);
    assert_int_equal(asked_find("/again", NULL, NULL, NULL, now_ms, list, 4), 1);
    assert_int_equal(list[0].times, 3);
    asked_put(&out, &list[0], now_ms + 60000);
    assert_non_null(strstr(out.data, "claude-code asked for Impact: f \xc3\xa9 (3 times), "));
}

static void it_is_bounded(void **state) {
    static struct asked list[ASKED_MAX + 1];
    char arguments[600], root[2000];
    (void)state;
    for (int i = 0; i < 2 * ASKED_MAX; i++) {
        (void)snprintf(
            arguments, sizeof arguments, "{\"text\":\"%d %.*s\"}", i, 400,
            "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9");
        ask("s", "/many", arguments, now_ms);
    }
    assert_int_equal(asked_find("/many", NULL, NULL, NULL, now_ms, list, ASKED_MAX + 1), ASKED_MAX);
    assert_memory_equal(list[0].about, "511 ", 4);
    memset(arguments, 'x', sizeof arguments);
    memcpy(arguments, "{\"text\":\"", 9);
    memcpy(arguments + 500, "\"}", 3);
    ask("s", "/long", arguments, now_ms);
    assert_int_equal(asked_find("/long", NULL, NULL, NULL, now_ms, list, 1), 1);
    assert_int_equal(strlen(list[0].about), ASKED_ABOUT_BYTES_MAX - 1);
    memset(root, 'r', sizeof root - 1);
    root[sizeof root - 1] = '\0';
    ask("s", root, "{}", now_ms); // no room for such a name
    assert_int_equal(asked_find(root, NULL, NULL, NULL, now_ms, list, 1), 0);
    ask("s", NULL, "{}", now_ms);
    mem_fail_at(1);
    asked_note(&(struct asked_by){"mcp", "s", "c", "/none"}, "t", NULL, now_ms);
    mem_fail_at(0);
    assert_int_equal(asked_find("/none", NULL, NULL, NULL, now_ms, list, 1), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_found_by_what_they_are_about),
        cmocka_unit_test(the_same_again_counts),
        cmocka_unit_test(it_is_bounded),
    };
    return cmocka_run_group_tests_name("server/asked", tests, NULL, NULL);
}
