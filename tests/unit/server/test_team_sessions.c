// Conversations in the store: found by name, bound to their folder, gone when nobody went on.
#include "server/team_sessions.h"

#include "core/base/mem.h"
#include "server/acp_kept.h"
#include "server/team.h"

#include "tests/unit/server/cap_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const int64_t begin_ms = 1795000000000, day = 24 * 3600 * 1000;

static struct call call_of(struct bench *b, const struct caller *caller, int64_t now_ms) {
    return (struct call){.services = &b->services, .caller = caller, .now_ms = now_ms};
}

static struct text text_of(const char *s) {
    return (struct text){s, strlen(s)};
}

static int keep(struct bench *b, const char *workspace, const char *id, const char *question,
                int64_t now_ms, uint64_t seq) {
    const struct caller caller = {.face = "cli",
                                  .session = "00112233445566778899aabbccddeeff",
                                  .seq = seq,
                                  .client = "",
                                  .workspace = workspace};
    struct call call = call_of(b, &caller, now_ms);
    struct err err = {0};
    json_t *talk = json_pack("{s:s, s:[]}", "agent", "team", "messages");
    int r = team_sessions_keep(&call, id, "team", talk, text_of(question), text_of("said"), &err);
    json_decref(talk);
    return r;
}

static int find(struct bench *b, const char *face, const char *workspace, const char *name,
                char ret[SESSION_ID_BYTES]) {
    const struct caller caller = {.face = face, .client = "", .workspace = workspace};
    struct call call = call_of(b, &caller, begin_ms);
    struct err err = {0};
    return team_sessions_find(&call, text_of(name), ret, &err);
}

static int load(struct bench *b, const char *workspace, const char *id) {
    const struct caller caller = {.face = "cli", .client = "", .workspace = workspace};
    struct call call = call_of(b, &caller, begin_ms);
    struct err err = {0};
    json_t *talk = NULL;
    int r = team_sessions_load(&call, id, &talk, &err);
    json_decref(talk);
    return r;
}

static void they_are_found_by_name(void **state) {
    struct bench *b = *state;
    char id[SESSION_ID_BYTES];
    assert_int_equal(keep(b, "/w", "chat-aa01", "first", begin_ms, 1), 0);
    assert_int_equal(keep(b, "/w", "chat-aa02", "second", begin_ms + 1, 2), 0);
    assert_int_equal(keep(b, "/v", "chat-bb03", "elsewhere", begin_ms + 2, 3), 0);
    assert_int_equal(find(b, "cli", "/w", "last", id), 0);
    assert_string_equal(id, "chat-aa02");
    assert_int_equal(find(b, "cli", "/w", "aa01", id), 0);
    assert_string_equal(id, "chat-aa01");
    assert_int_equal(find(b, "cli", "/w", "chat-aa02", id), 0);
    assert_int_equal(find(b, "cli", "/w", "aa", id), ERR_INVAL); // two
    assert_int_equal(find(b, "cli", "/w", "chat-bb03", id), ERR_NOT_FOUND);
    assert_int_equal(find(b, "mcp", "/v", "last", id), 0);
    assert_string_equal(id, "chat-bb03");
    assert_int_equal(find(b, "cli", "/w", "../x", id), ERR_INVAL);
    assert_int_equal(find(b, "cli", "/w", "", id), ERR_INVAL);
    assert_int_equal(find(b, "acp", "/w", "chat-new", id), 0); // its own, kept or not
    assert_int_equal(load(b, "/w", "chat-aa01"), 0);
    assert_int_equal(load(b, "/v", "chat-aa01"), ERR_NOT_FOUND);
}

static void old_ones_go(void **state) {
    struct bench *b = *state;
    char id[SESSION_ID_BYTES];
    assert_int_equal(keep(b, "/w", "chat-aa01", "first", begin_ms, 1), 0);
    assert_int_equal(keep(b, "/w", "chat-aa02", "second", begin_ms + 50 * day, 2), 0);
    assert_int_equal(keep(b, "/w", "chat-aa03", "third", begin_ms + TEAM_DAYS_MAX * day, 3), 0);
    assert_int_equal(load(b, "/w", "chat-aa01"), 0); // to the day
    assert_int_equal(keep(b, "/w", "chat-aa03", "again", begin_ms + TEAM_DAYS_MAX * day + 1, 4), 0);
    assert_int_equal(load(b, "/w", "chat-aa01"), ERR_NOT_FOUND);
    assert_int_equal(find(b, "cli", "/w", "aa01", id), ERR_NOT_FOUND);
    assert_int_equal(load(b, "/w", "chat-aa02"), 0);
}

static void what_is_too_long_is_refused_whole(void **state) {
    struct bench *b = *state;
    const struct caller caller = {.face = "cli", .client = "", .workspace = "/w", .seq = 1};
    struct call call = call_of(b, &caller, begin_ms);
    struct err err = {0};
    char *long_text = mem_alloc(300 * 1024);
    assert_non_null(long_text);
    memset(long_text, 'x', 300 * 1024);
    json_t *talk = json_pack("{s:s%}", "map", long_text, 300 * 1024);
    assert_true(
        team_sessions_keep(&call, "chat-aa01", "team", talk, text_of("q"), text_of("s"), &err) < 0);
    json_decref(talk);
    mem_free(long_text);
    assert_int_equal(load(b, "/w", "chat-aa01"), ERR_NOT_FOUND);
}

static void ids_are_of_the_request(void **state) {
    (void)state;
    struct caller caller = {.session = "00112233445566778899aabbccddeeff", .seq = 7};
    char one[SESSION_ID_BYTES], again[SESSION_ID_BYTES], other[SESSION_ID_BYTES];
    team_sessions_id(&caller, one);
    team_sessions_id(&caller, again);
    caller.seq++;
    team_sessions_id(&caller, other);
    assert_string_equal(one, again);
    assert_string_not_equal(one, other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(they_are_found_by_name, cap_setup, cap_teardown),
        cmocka_unit_test_setup_teardown(old_ones_go, cap_setup, cap_teardown),
        cmocka_unit_test_setup_teardown(what_is_too_long_is_refused_whole, cap_setup, cap_teardown),
        cmocka_unit_test(ids_are_of_the_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
