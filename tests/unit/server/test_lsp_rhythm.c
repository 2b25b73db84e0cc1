// The ring of edit times: what was seen, and what an editor tells of it.
#include "core/base/mem.h"
#include "server/lsp_rhythm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void see(struct lsp_rhythm *r, uint64_t at_ms, uint32_t inserted) {
    lsp_rhythm_seen(r, &(struct lsp_beat){.at_ms = at_ms, .inserted = inserted});
}

static void what_was_seen_comes_back_in_order(void **state) {
    struct lsp_rhythm *r = lsp_rhythm_new();
    struct lsp_beat out[8];
    (void)state;
    see(r, 100, 1);
    see(r, 90, 2); // a clock that goes back
    see(r, 200, 3);
    assert_int_equal(lsp_rhythm_since(r, 0, out, 8), 3);
    assert_int_equal(out[0].at_ms, 100);
    assert_int_equal(out[1].at_ms, 100);
    assert_int_equal(out[2].inserted, 3);
    assert_int_equal(lsp_rhythm_since(r, 101, out, 8), 1);
    assert_int_equal(lsp_rhythm_since(r, 0, out, 1), 3); // the newest
    assert_int_equal(out[0].inserted, 3);
    assert_int_equal(lsp_rhythm_since(r, 201, out, 8), 0);
    lsp_rhythm_free(r);
}

static void the_oldest_go_when_it_is_full(void **state) {
    struct lsp_rhythm *r = lsp_rhythm_new();
    static struct lsp_beat out[LSP_BEATS_MAX];
    struct lsp_rhythm_figures f;
    (void)state;
    for (uint32_t i = 0; i < LSP_BEATS_MAX + 7; i++)
        see(r, i, i);
    lsp_rhythm_figures(r, &f);
    assert_int_equal(f.kept, LSP_BEATS_MAX);
    assert_int_equal(f.seen, LSP_BEATS_MAX + 7);
    assert_int_equal(lsp_rhythm_since(r, 0, out, LSP_BEATS_MAX), LSP_BEATS_MAX);
    assert_int_equal(out[0].inserted, 7);
    assert_int_equal(out[LSP_BEATS_MAX - 1].inserted, LSP_BEATS_MAX + 6);
    lsp_rhythm_free(r);
}

static void what_is_told_stands_for_what_was_seen(void **state) {
    const struct lsp_beat told[] = {{.at_ms = 95, .inserted = 9}, {.at_ms = 97, .inserted = 8}};
    const struct lsp_beat wrong[] = {{.at_ms = 97}, {.at_ms = 95}};
    struct lsp_rhythm *r = lsp_rhythm_new();
    struct lsp_beat out[8];
    (void)state;
    see(r, 50, 1);
    see(r, 99, 2); // late: the editor had waited
    assert_int_equal(lsp_rhythm_told(r, told, 2), 0);
    assert_int_equal(lsp_rhythm_since(r, 0, out, 8), 3);
    assert_false(out[0].told);
    assert_true(out[1].told);
    assert_int_equal(out[2].inserted, 8);
    assert_int_equal(lsp_rhythm_told(r, wrong, 2), ERR_INVAL);
    assert_int_equal(lsp_rhythm_told(r, NULL, 0), 0);
    assert_int_equal(lsp_rhythm_since(r, 0, out, 8), 3);
    lsp_rhythm_free(r);
}

static void messages_are_checked(void **state) {
    static const char *const wrong[] = {
        "{}",
        "[]",
        "{\"edits\":{}}",
        "{\"edits\":[1]}",
        "{\"edits\":[{}]}",
        "{\"edits\":[{\"ago\":-1}]}",
        "{\"edits\":[{\"ago\":600001}]}",
        "{\"edits\":[{\"ago\":1e300}]}",
        "{\"edits\":[{\"ago\":true}]}",
        "{\"edits\":[{\"ago\":1,\"inserted\":-1}]}",
        "{\"edits\":[{\"ago\":1,\"removed\":99999999999}]}",
        "{\"edits\":[{\"ago\":1,\"reason\":\"\"}]}",
        "{\"edits\":[{\"ago\":1,\"reason\":null}]}",
        "{\"edits\":[{\"ago\":1},{\"ago\":2}]}",
    };
    static struct lsp_beat list[LSP_RHYTHM_BATCH_MAX];
    struct err err = {0};
    size_t n = 77;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        json_t *params = json_loads(wrong[i], 0, NULL);
        assert_int_equal(lsp_rhythm_read(params, 1000, list, &n, &err), ERR_INVAL);
        json_decref(params);
    }
    assert_int_equal(n, 77);
    json_t *params =
        json_loads("{\"edits\":[{\"ago\":2000},{\"ago\":1.75,\"inserted\":40,\"extra\":1},"
                   "{\"ago\":1,\"reason\":\"redo\"}]}",
                   0, NULL);
    assert_int_equal(lsp_rhythm_read(params, 1000, list, &n, &err), 0);
    json_decref(params);
    assert_int_equal(n, 3);
    assert_int_equal(list[0].at_ms, 0); // before the clock began
    assert_int_equal(list[1].at_ms, 999);
    assert_int_equal(list[0].kind, LSP_BEAT_TYPED);
    assert_int_equal(list[1].kind, LSP_BEAT_OTHER);
    assert_int_equal(list[2].kind, LSP_BEAT_REDO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_seen_comes_back_in_order),
        cmocka_unit_test(the_oldest_go_when_it_is_full),
        cmocka_unit_test(what_is_told_stands_for_what_was_seen),
        cmocka_unit_test(messages_are_checked),
    };
    return cmocka_run_group_tests_name("server/lsp_rhythm", tests, NULL, NULL);
}
