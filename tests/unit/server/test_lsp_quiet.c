#include "server/lsp_quiet.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { DOC = 7, OTHER = 8, SHOWN_MAX = 20000 };

static struct {
    uint64_t keys[SHOWN_MAX];
    uint32_t count;
} shown;

static void show(void *ctx, uint64_t key) {
    assert_ptr_equal(ctx, &shown);
    assert_true(shown.count < SHOWN_MAX);
    shown.keys[shown.count++] = key;
}

static struct lsp_quiet *start(void) {
    shown.count = 0;
    struct lsp_quiet *q = lsp_quiet_new();
    assert_non_null(q);
    return q;
}

static uint64_t type(struct lsp_quiet *q, uint64_t now, unsigned letters, unsigned gap) {
    for (unsigned i = 0; i < letters; i++, now += gap)
        lsp_quiet_edit(q, now, DOC, 10, 10, true);
    return now;
}

static void nobody_types_nothing_waits(void **state) {
    (void)state;
    struct lsp_quiet *q = start();
    lsp_quiet_hold(q, 5, show, &shown, 1);
    assert_int_equal(shown.count, 1);
    assert_true(lsp_quiet_due(q) == UINT64_MAX);
    lsp_quiet_free(q);
}

static void held_until_the_pause_and_in_order(void **state) {
    (void)state;
    struct lsp_quiet *q = start();
    uint64_t now = type(q, 1000, 5, 100);
    for (uint64_t key = 1; key <= 3; key++)
        lsp_quiet_hold(q, now, show, &shown, key);
    lsp_quiet_hold(q, now, show, &shown, 2); // known already
    assert_int_equal(shown.count, 0);
    uint64_t due = lsp_quiet_due(q);
    assert_int_equal(due, 1400 + LSP_QUIET_PAUSE_MS);
    lsp_quiet_tick(q, due - 1);
    assert_int_equal(shown.count, 0);
    lsp_quiet_tick(q, due);
    assert_int_equal(shown.count, 3);
    for (uint64_t key = 1; key <= 3; key++)
        assert_int_equal(shown.keys[key - 1], key);
    lsp_quiet_hold(q, due + 1, show, &shown, 9); // still pausing
    assert_int_equal(shown.count, 4);
    lsp_quiet_free(q);
}

static void boundaries_let_go_at_once(void **state) {
    static const enum lsp_boundary all[] = {LSP_BOUNDARY_SAVE, LSP_BOUNDARY_RUN, LSP_BOUNDARY_LEAVE,
                                            LSP_BOUNDARY_ASKED};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        struct lsp_quiet *q = start();
        uint64_t now = type(q, 1000, 5, 100);
        lsp_quiet_hold(q, now, show, &shown, 1);
        lsp_quiet_boundary(q, now, all[i]);
        assert_int_equal(shown.count, 1);
        // A question does not finish the word; the others do.
        assert_int_equal(lsp_quiet_line_busy(q, now, DOC, 10), all[i] == LSP_BOUNDARY_ASKED);
        lsp_quiet_free(q);
    }
    struct lsp_quiet *q = start();
    uint64_t now = type(q, 1000, 5, 100);
    lsp_quiet_hold(q, now, show, &shown, 1);
    lsp_quiet_edit(q, now, DOC, 400, 400, true); // far away: the block was left
    assert_int_equal(shown.count, 1);
    lsp_quiet_hold(q, now, show, &shown, 2);
    lsp_quiet_edit(q, now + 50, OTHER, 400, 400, true);
    assert_int_equal(shown.count, 2);
    lsp_quiet_hold(q, now + 60, show, &shown, 3);
    lsp_quiet_set_off(q, now + 60, true);
    assert_int_equal(shown.count, 3);
    lsp_quiet_hold(q, now + 61, show, &shown, 4);
    assert_int_equal(shown.count, 4);
    lsp_quiet_free(q);
}

static void the_edited_line_waits_longer(void **state) {
    (void)state;
    struct lsp_quiet *q = start();
    uint64_t now = type(q, 1000, 5, 100) - 100;
    assert_true(lsp_quiet_line_busy(q, now + LSP_QUIET_PAUSE_MS, DOC, 10));
    assert_false(lsp_quiet_line_busy(q, now + LSP_QUIET_PAUSE_MS, DOC, 11));
    assert_false(lsp_quiet_line_busy(q, now + LSP_QUIET_PAUSE_MS, OTHER, 10));
    assert_false(lsp_quiet_line_busy(q, now + 3 * LSP_QUIET_PAUSE_MS, DOC, 10));
    assert_true(lsp_quiet_line_busy(q, now + 10, DOC, 10));
    lsp_quiet_boundary(q, now + 11, LSP_BOUNDARY_SAVE);
    assert_false(lsp_quiet_line_busy(q, now + 12, DOC, 10));
    lsp_quiet_free(q);
}

static uint32_t pause_of(unsigned gap, unsigned letters) {
    struct lsp_quiet_figures f;
    struct lsp_quiet *q = start();
    (void)type(q, 1000, letters, gap);
    lsp_quiet_figures(q, &f);
    lsp_quiet_free(q);
    return f.pause_ms;
}

static void the_pause_follows_the_user(void **state) {
    (void)state;
    assert_int_equal(pause_of(100, 5), LSP_QUIET_PAUSE_MS);       // not known yet
    assert_int_equal(pause_of(100, 100), LSP_QUIET_PAUSE_MIN_MS); // fast
    assert_int_equal(pause_of(900, 100), 1350);                   // slow, or an editor that waits
    assert_int_equal(pause_of(4000, 100), LSP_QUIET_PAUSE_MAX_MS);
    // What was not typed by hand is no rhythm and no reason to be quiet.
    struct lsp_quiet *q = start();
    for (unsigned i = 0; i < 100; i++)
        lsp_quiet_edit(q, 1000 + i, DOC, 1, 2, false);
    assert_false(lsp_quiet_typing(q, 1100));
    lsp_quiet_free(q);
}

static void a_thousand_held_are_not_lost(void **state) {
    (void)state;
    struct lsp_quiet *q = start();
    uint64_t now = type(q, 1000, 5, 100);
    for (uint64_t key = 0; key < LSP_QUIET_HELD_MAX + 5; key++)
        lsp_quiet_hold(q, now, show, &shown, key);
    assert_int_equal(shown.count, LSP_QUIET_HELD_MAX + 1);
    lsp_quiet_boundary(q, now, LSP_BOUNDARY_SAVE);
    assert_int_equal(shown.count, LSP_QUIET_HELD_MAX + 5);
    for (uint64_t key = 0; key < shown.count; key++)
        assert_int_equal(shown.keys[key], key);
    lsp_quiet_free(q);
}

static void without_memory_it_is_shown(void **state) {
    (void)state;
    struct lsp_quiet *q = start();
    uint64_t now = type(q, 1000, 5, 100);
    mem_fail_at(1);
    lsp_quiet_hold(q, now, show, &shown, 1);
    mem_fail_at(0);
    assert_int_equal(shown.count, 1);
    lsp_quiet_hold(q, now, show, &shown, 2);
    lsp_quiet_drop(q, &shown, 2);
    lsp_quiet_boundary(q, now, LSP_BOUNDARY_SAVE);
    assert_int_equal(shown.count, 1);
    lsp_quiet_free(q);
}

// A day of somebody who hardly pauses: everything comes, in order, and within ten minutes.
static void a_simulated_day(void **state) {
    (void)state;
    struct lsp_quiet *q = start();
    uint64_t now = 0, next = 1, seed = 42;
    while (next <= 5000) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        uint32_t dice = (uint32_t)(seed >> 33);
        now += dice % 23 ? 40 + dice % 300 : dice % 4000;
        if (lsp_quiet_due(q) <= now)
            lsp_quiet_tick(q, now);
        if (dice % 5 == 0) {
            uint32_t before = shown.count;
            bool typing = lsp_quiet_typing(q, now);
            lsp_quiet_hold(q, now, show, &shown, next++);
            assert_int_equal(shown.count, typing ? before : before + 1);
        } else {
            lsp_quiet_edit(q, now, DOC, 10 + dice % 3, 10 + dice % 3, true);
        }
    }
    lsp_quiet_boundary(q, now, LSP_BOUNDARY_SAVE);
    assert_int_equal(shown.count, 5000);
    for (uint32_t i = 0; i < shown.count; i++)
        assert_int_equal(shown.keys[i], i + 1);
    struct lsp_quiet_figures f;
    lsp_quiet_figures(q, &f);
    assert_true(f.held > 1000 && f.held == f.released);
    assert_true(f.longest_ms <= LSP_QUIET_HELD_MS);
    lsp_quiet_free(q);
}

static void ten_minutes_at_most(void **state) {
    (void)state;
    struct lsp_quiet *q = start();
    lsp_quiet_edit(q, 0, DOC, 1, 1, true);
    lsp_quiet_hold(q, 1, show, &shown, 1);
    uint64_t now = 0;
    while (!shown.count) { // typing without a breath
        now += 200;
        lsp_quiet_edit(q, now, DOC, 1, 1, true);
        if (lsp_quiet_due(q) <= now)
            lsp_quiet_tick(q, now);
        assert_true(now <= LSP_QUIET_HELD_MS + 200);
    }
    assert_true(now >= LSP_QUIET_HELD_MS);
    lsp_quiet_free(q);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_types_nothing_waits),
        cmocka_unit_test(held_until_the_pause_and_in_order),
        cmocka_unit_test(boundaries_let_go_at_once),
        cmocka_unit_test(the_edited_line_waits_longer),
        cmocka_unit_test(the_pause_follows_the_user),
        cmocka_unit_test(a_thousand_held_are_not_lost),
        cmocka_unit_test(without_memory_it_is_shown),
        cmocka_unit_test(a_simulated_day),
        cmocka_unit_test(ten_minutes_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
