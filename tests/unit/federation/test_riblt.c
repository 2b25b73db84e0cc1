#include "federation/riblt.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t scope[16] = "scope", key[RIBLT_KEY_BYTES] = "session";
static struct riblt_check check;

static int prepare(void **state) {
    (void)state;
    riblt_check_init(&check, key);
    return 0;
}

static void id_of(uint64_t n, uint8_t ret[RIBLT_ID_BYTES]) {
    for (int half = 0; half < 2; half++) {
        uint64_t x = (n * 2 + (uint64_t)half + 1) * 0x9e3779b97f4a7c15u;
        x = (x ^ x >> 31) * 0xbf58476d1ce4e5b9u;
        for (int i = 0; i < 8; i++)
            ret[half * 8 + i] = (uint8_t)(x >> 8 * i);
    }
}

static void add_range(struct riblt *t, uint64_t from, uint64_t to) {
    uint8_t id[RIBLT_ID_BYTES];
    for (uint64_t i = from; i < to; i++) {
        id_of(i, id);
        riblt_add(t, id);
    }
}

// As many cells as are needed, in pieces of `step`; what solve said in the end.
static int reconcile(const struct riblt *theirs, struct riblt_diff *d, uint32_t step) {
    int e = 0;
    while (e == 0 && riblt_diff_cells(d) < RIBLT_CELLS_MAX) {
        AUTO_BUF cells = BUF_INIT(0);
        assert_int_equal(riblt_write(theirs, &check, riblt_diff_cells(d), step, &cells), 0);
        assert_int_equal(riblt_diff_feed(d, (uint8_t *)cells.data, cells.len, step, NULL), 0);
        e = riblt_diff_solve(d, NULL);
    }
    return e;
}

static void assert_ids(const uint8_t *ids, size_t n, uint64_t from, uint64_t to) {
    assert_int_equal(n, to - from);
    for (uint64_t i = from; i < to; i++) {
        uint8_t id[RIBLT_ID_BYTES];
        bool found = false;
        id_of(i, id);
        for (size_t k = 0; k < n && !found; k++)
            found = memcmp(ids + k * RIBLT_ID_BYTES, id, sizeof id) == 0;
        assert_true(found);
    }
    for (size_t k = 1; k < n; k++)
        assert_true(memcmp(ids + (k - 1) * 16, ids + k * 16, 16) < 0);
}

static void differences_on_both_sides_are_found(void **state) {
    (void)state;
    static const uint64_t sizes[][2] = {{0, 0},  {1, 0},  {0, 1},     {3, 4},
                                        {10, 0}, {0, 90}, {300, 200}, {2000, 100}};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        uint64_t more = sizes[i][0], less = sizes[i][1];
        struct riblt *mine = riblt_new(scope), *theirs = riblt_new(scope);
        add_range(mine, 0, 1000 + less);
        add_range(theirs, 0, 1000);
        add_range(theirs, 5000, 5000 + more);
        struct riblt_diff *d = riblt_diff_new(mine, &check, riblt_count(theirs));
        assert_int_equal(reconcile(theirs, d, 32), 1);
        size_t n = 0;
        const uint8_t *ids = riblt_diff_theirs(d, &n);
        assert_ids(ids, n, 5000, 5000 + more);
        ids = riblt_diff_ours(d, &n);
        assert_ids(ids, n, 1000, 1000 + less);
        assert_true(riblt_diff_cells(d) <= 32 + 2 * (more + less));
        assert_true((riblt_digest(mine, &check) == riblt_digest(theirs, &check)) ==
                    (more + less == 0));
        riblt_diff_free(d);
        riblt_free(mine), riblt_free(theirs);
    }
}

static void a_table_with_all_removed_is_as_new(void **state) {
    (void)state;
    struct riblt *t = riblt_new(scope), *fresh = riblt_new(scope);
    uint8_t id[RIBLT_ID_BYTES];
    add_range(t, 0, 500);
    for (uint64_t i = 0; i < 500; i++) {
        id_of(i, id);
        riblt_remove(t, id);
    }
    AUTO_BUF a = BUF_INIT(0);
    AUTO_BUF b = BUF_INIT(0);
    assert_int_equal(riblt_write(t, &check, 0, RIBLT_CELLS_MAX, &a), 0);
    assert_int_equal(riblt_write(fresh, &check, 0, RIBLT_CELLS_MAX, &b), 0);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    assert_int_equal(riblt_write(t, &check, RIBLT_CELLS_MAX, 1, &a), ERR_LIMIT);
    assert_int_equal(riblt_write(t, &check, 1, RIBLT_CELLS_MAX, &a), ERR_LIMIT);
    riblt_free(t), riblt_free(fresh);
}

static void cells_of_another_session_solve_nothing(void **state) {
    (void)state;
    struct riblt_check *other = mem_alloc(sizeof *other);
    const uint8_t other_key[RIBLT_KEY_BYTES] = "another session";
    riblt_check_init(other, other_key);
    struct riblt *mine = riblt_new(scope), *theirs = riblt_new(scope);
    add_range(theirs, 0, 3);
    struct riblt_diff *d = riblt_diff_new(mine, other, 3);
    AUTO_BUF cells = BUF_INIT(0);
    assert_int_equal(riblt_write(theirs, &check, 0, 64, &cells), 0);
    assert_int_equal(riblt_diff_feed(d, (uint8_t *)cells.data, cells.len, 64, NULL), 0);
    assert_int_equal(riblt_diff_solve(d, NULL), 0);
    size_t n = 1;
    (void)riblt_diff_theirs(d, &n);
    assert_int_equal(n, 0);
    riblt_diff_free(d);
    riblt_free(mine), riblt_free(theirs);
    mem_free(other);
}

// Sets whose ids and hashes add up to those of one id would be taken for it by a check that is the
// same for everyone; here a sum is believed when its map under a secret is right. A cell that says
// it is an id it is not is not believed.
static void a_cell_that_lies_about_its_check_is_not_solved(void **state) {
    (void)state;
    struct riblt *mine = riblt_new(scope), *theirs = riblt_new(scope);
    add_range(theirs, 0, 1);
    AUTO_BUF cells = BUF_INIT(0);
    assert_int_equal(riblt_write(theirs, &check, 0, 8, &cells), 0);
    for (size_t bit = 0; bit < 24 * 8; bit++) {
        struct riblt_diff *d = riblt_diff_new(mine, &check, 1);
        cells.data[bit / 8] = (char)(cells.data[bit / 8] ^ 1 << bit % 8);
        assert_int_equal(riblt_diff_feed(d, (uint8_t *)cells.data, cells.len, 8, NULL), 0);
        assert_true(riblt_diff_solve(d, NULL) <= 0);
        cells.data[bit / 8] = (char)(cells.data[bit / 8] ^ 1 << bit % 8);
        riblt_diff_free(d);
    }
    riblt_free(mine), riblt_free(theirs);
}

static void malformed_cells_are_refused(void **state) {
    (void)state;
    struct riblt *mine = riblt_new(scope);
    uint8_t cell[40] = {0};
    static const struct {
        uint8_t tail[12];
        size_t n;
        int e;
    } cases[] = {
        {{0}, 24, ERR_PARSE},
        {{0}, 26, ERR_PARSE},
        {{0}, 25, 0},
        {{0x80, 0}, 26, ERR_PARSE},
        {{0x80}, 25, ERR_PARSE},
        {{0x80, 1}, 26, 0},
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, 34, ERR_PARSE},
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, 33, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct riblt_diff *d = riblt_diff_new(mine, &check, 0);
        memcpy(cell + 24, cases[i].tail, sizeof cases[i].tail);
        assert_int_equal(riblt_diff_feed(d, cell, cases[i].n, 1, NULL), cases[i].e);
        riblt_diff_free(d);
    }
    struct riblt_diff *d = riblt_diff_new(mine, &check, UINT64_MAX);
    assert_int_equal(riblt_diff_feed(d, cell, 40, RIBLT_CELLS_MAX + 1, NULL), ERR_LIMIT);
    riblt_diff_free(d);
    riblt_free(mine);
}

static void the_estimate_is_of_the_right_size(void **state) {
    (void)state;
    struct riblt *mine = riblt_new(scope), *theirs = riblt_new(scope);
    add_range(mine, 0, 22000);
    add_range(theirs, 2000, 24000); // 4,000 differ, and the counts are equal
    struct riblt_diff *d = riblt_diff_new(mine, &check, riblt_count(theirs));
    AUTO_BUF cells = BUF_INIT(0);
    assert_int_equal(riblt_write(theirs, &check, 0, 32, &cells), 0);
    assert_int_equal(riblt_diff_feed(d, (uint8_t *)cells.data, cells.len, 32, NULL), 0);
    assert_in_range(riblt_diff_estimate(d), 2000, 8000);
    riblt_diff_free(d);
    riblt_free(mine), riblt_free(theirs);
}

static void every_failed_allocation_is_told(void **state) {
    (void)state;
    struct riblt *mine = riblt_new(scope), *theirs = riblt_new(scope);
    add_range(theirs, 0, 100);
    AUTO_BUF cells = BUF_INIT(0);
    assert_int_equal(riblt_write(theirs, &check, 0, 400, &cells), 0);
    bool whole = false;
    for (uint64_t nth = 1; !whole && nth < 50; nth++) {
        mem_fail_at(nth);
        struct riblt_diff *d = riblt_diff_new(mine, &check, 100);
        int e = d ? riblt_diff_feed(d, (uint8_t *)cells.data, cells.len, 400, NULL) : ERR_NOMEM;
        e = e < 0 ? e : riblt_diff_solve(d, NULL);
        mem_fail_at(0);
        assert_true(e == ERR_NOMEM || e == 1);
        whole = e == 1;
        riblt_diff_free(d);
    }
    assert_true(whole);
    riblt_free(mine), riblt_free(theirs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(differences_on_both_sides_are_found),
        cmocka_unit_test(a_table_with_all_removed_is_as_new),
        cmocka_unit_test(cells_of_another_session_solve_nothing),
        cmocka_unit_test(a_cell_that_lies_about_its_check_is_not_solved),
        cmocka_unit_test(malformed_cells_are_refused),
        cmocka_unit_test(the_estimate_is_of_the_right_size),
        cmocka_unit_test(every_failed_allocation_is_told),
    };
    return cmocka_run_group_tests_name("federation/riblt", tests, prepare, NULL);
}
