#include "core/store/blobs.h"

#include "core/base/mem.h"
#include "tests/unit/store/store_support.h"

#include <stdio.h>
#include <string.h>

static int setup(void **state) {
    *state = open_plain();
    return 0;
}

static int teardown(void **state) {
    db_close(*state);
    return 0;
}

static void bytes_come_back_under_their_key(void **state) {
    AUTO_BUF out = BUF_INIT(BLOB_BYTES_MAX);
    assert_int_equal(blob_get(*state, "w", &out, NULL), 0);
    assert_int_equal(blob_put(*state, "w", "a\0b", 3, 1, NULL), 0);
    assert_int_equal(blob_put(*state, "w", "c\0d", 3, 2, NULL), 0);
    assert_int_equal(blob_get(*state, "w", &out, NULL), 1);
    assert_int_equal(out.len, 3);
    assert_memory_equal(out.data, "c\0d", 3);
    assert_int_equal(blob_put(*state, "w", NULL, 0, 3, NULL), 0);
    assert_int_equal(blob_get(*state, "w", &out, NULL), 0);
}

static int note(void *ctx, const struct blob *b, struct err *err) {
    (void)err;
    return buf_printf(ctx, "%s=%.*s@%d ", b->key, (int)b->n, (const char *)b->bytes,
                      (int)b->changed_ms);
}

static void those_with_a_prefix_come_in_order(void **state) {
    AUTO_BUF out = BUF_INIT(1000), all = BUF_INIT(1000);
    static const char *const keys[] = {"q/b", "q/\xc3\xa4", "q/a", "r", "q", "p/z"};
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        assert_int_equal(blob_put(*state, keys[i], "x", 1, (int64_t)i, NULL), 0);
    assert_int_equal(blob_each(*state, "q/", note, &out, NULL), 0);
    assert_string_equal(out.data, "q/a=x@2 q/b=x@0 q/\xc3\xa4=x@1 ");
    assert_int_equal(blob_each(*state, "", note, &all, NULL), 0);
    assert_string_equal(all.data, "p/z=x@5 q=x@4 q/a=x@2 q/b=x@0 q/\xc3\xa4=x@1 r=x@3 ");
}

static void maxima_are_kept(void **state) {
    char *large = mem_zalloc(BLOB_BYTES_MAX + 1);
    char key[BLOB_KEY_BYTES_MAX + 2];
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    assert_int_equal(blob_put(*state, key, "x", 1, 1, NULL), ERR_LIMIT);
    assert_int_equal(blob_put(*state, "", "x", 1, 1, NULL), ERR_INVAL);
    assert_int_equal(blob_put(*state, "l", large, BLOB_BYTES_MAX + 1, 1, NULL), ERR_LIMIT);
    assert_int_equal(blob_put(*state, "l", large, BLOB_BYTES_MAX, 1, NULL), 0);
    mem_free(large);
    for (int i = 1; i < BLOBS_MAX; i++) {
        (void)snprintf(key, sizeof key, "k%d", i);
        assert_int_equal(blob_put(*state, key, "x", 1, 1, NULL), 0);
    }
    assert_int_equal(blob_put(*state, "more", "x", 1, 1, NULL), ERR_LIMIT);
    assert_int_equal(blob_put(*state, "l", "y", 1, 1, NULL), 0);
}

static void every_failed_allocation_is_told(void **state) {
    for (uint64_t nth = 1; nth < 100; nth++) {
        AUTO_BUF out = BUF_INIT(4096);
        mem_fail_at(nth);
        int r = blob_put(*state, "k", "abc", 3, 1, NULL);
        if (r == 0)
            r = blob_get(*state, "k", &out, NULL);
        if (r == 1)
            r = blob_each(*state, "k", note, &out, NULL);
        bool reached = mem_count() >= nth;
        mem_fail_at(0);
        assert_true(r == 0 || r == ERR_NOMEM);
        if (!reached)
            return;
    }
    fail_msg("it never got through");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_come_back_under_their_key, setup, teardown),
        cmocka_unit_test_setup_teardown(those_with_a_prefix_come_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(maxima_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(every_failed_allocation_is_told, setup, teardown),
    };
    return cmocka_run_group_tests_name("store/blobs", tests, NULL, NULL);
}
