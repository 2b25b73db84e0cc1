// What was written comes back in its order; what is cut, anywhere, gives zeros and says so.
#include "core/base/wire.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void write_all(struct buf *b) {
    wire_put_u32(b, 7);
    wire_put_string(b, "text");
    wire_put_u64(b, 1ULL << 40);
    wire_put_text(b, "", 0);
    wire_put_text(b, "a\0b", 3);
}

static void what_was_written_comes_back(void **state) {
    AUTO_BUF b = BUF_INIT(0);
    size_t n = 0;
    (void)state;
    write_all(&b);
    struct wire w = wire_of(b.data, b.len);
    assert_int_equal(wire_u32(&w), 7);
    assert_string_equal(wire_text(&w, &n), "text");
    assert_int_equal(n, 4);
    assert_int_equal(wire_u64(&w), 1ULL << 40);
    assert_string_equal(wire_text(&w, NULL), "");
    assert_false(wire_done(&w));
    assert_memory_equal(wire_text(&w, &n), "a\0b", 4);
    assert_int_equal(n, 3);
    assert_true(wire_done(&w));
    assert_int_equal(wire_u32(&w), 0); // past the end
    assert_false(wire_done(&w));
}

static void what_is_cut_anywhere_is_never_done(void **state) {
    AUTO_BUF b = BUF_INIT(0);
    (void)state;
    write_all(&b);
    for (size_t n = 0; n < b.len; n++) {
        AUTO_FREE char *cut = mem_alloc(n + 1); // its end is where the sanitizer looks
        assert_non_null(cut);
        memcpy(cut, b.data, n);
        struct wire w = wire_of(n ? cut : NULL, n);
        (void)wire_u32(&w);
        (void)wire_text(&w, NULL);
        (void)wire_u64(&w);
        (void)wire_text(&w, NULL);
        (void)wire_text(&w, NULL);
        assert_false(wire_done(&w));
    }
}

static void a_text_without_its_end_is_none(void **state) {
    AUTO_BUF b = BUF_INIT(0);
    size_t n = 1;
    (void)state;
    wire_put_text(&b, "text", 4);
    b.data[b.len - 1] = 'x';
    struct wire w = wire_of(b.data, b.len);
    assert_string_equal(wire_text(&w, &n), "");
    assert_int_equal(n, 0);
    assert_true(w.failed);
    static const uint32_t long_one[] = {UINT32_MAX, 0};
    w = wire_of(long_one, sizeof long_one);
    assert_string_equal(wire_text(&w, &n), "");
    assert_true(w.failed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_comes_back),
        cmocka_unit_test(what_is_cut_anywhere_is_never_done),
        cmocka_unit_test(a_text_without_its_end_is_none),
    };
    return cmocka_run_group_tests_name("base/wire", tests, NULL, NULL);
}
