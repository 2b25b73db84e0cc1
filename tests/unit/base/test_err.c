#include "core/base/err.h"

#include "core/base/mem.h"
#include "tests/unit/base/tests.h"

#include <errno.h>

static void a_message_is_kept_and_prefixed(void **state) {
    (void)state;
    struct err err = {0};
    assert_int_equal(err_set(&err, ERR_INVAL, "no %s", "way"), ERR_INVAL);
    assert_int_equal(err_context(&err, ERR_INVAL, "line %d", 3), ERR_INVAL);
    assert_string_equal(err_text(&err), "line 3: no way");
    assert_int_equal(err_set(NULL, ERR_IO, "nobody listens"), ERR_IO);
    assert_int_equal(err_context(NULL, ERR_IO, "nobody"), ERR_IO);
}

static void errno_becomes_one_of_our_codes(void **state) {
    (void)state;
    struct err err = {0};
    assert_int_equal(err_errno(&err, ENOSPC, "cannot write %s", "x"), ERR_FULL);
    assert_memory_equal(err.message, "cannot write x: ", 16);
    assert_int_equal(err_errno(NULL, EACCES, "x"), ERR_PERM);
    assert_int_equal(err_errno(NULL, ENOENT, "x"), ERR_NOT_FOUND);
    assert_int_equal(err_errno(NULL, ECONNREFUSED, "x"), ERR_CLOSED);
    assert_int_equal(err_errno(NULL, EMFILE, "x"), ERR_LIMIT);
    assert_int_equal(err_errno(NULL, 9999, "x"), ERR_IO);
}

static void an_endless_message_is_cut(void **state) {
    (void)state;
    char big[2000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    struct err err = {0};
    (void)err_errno(&err, EIO, "%s", big);
    assert_int_equal(strlen(err.message), ERR_MESSAGE_BYTES_MAX - 1);
    (void)err_context(&err, ERR_IO, "%s", big);
    assert_int_equal(strlen(err.message), ERR_MESSAGE_BYTES_MAX - 1);
}

static void every_code_has_a_name_and_a_text(void **state) {
    (void)state;
    for (int code = 0; code >= ERR_UNSUPPORTED; code--) {
        struct err err = {.code = code};
        assert_string_not_equal(err_name(code), "unknown");
        assert_string_not_equal(err_text(&err), "unknown error");
    }
    assert_string_equal(err_name(-999), "unknown");
    assert_string_equal(err_text(NULL), "no error");
}

static void a_chosen_allocation_fails_once(void **state) {
    (void)state;
    mem_fail_at(2);
    void *first = mem_alloc(0);
    void *second = mem_zalloc(8);
    void *third = mem_realloc(first, 64);
    assert_int_equal(mem_count(), 3);
    mem_fail_at(0);
    assert_non_null(first);
    assert_null(second);
    assert_non_null(third);
    mem_free(third);
    mem_free(NULL);
    AUTO_FREE char *text = mem_format("%s-%d", "n", 5);
    assert_string_equal(text, "n-5");
    AUTO_FREE char *copy = mem_strndup("a\0b", 3);
    assert_memory_equal(copy, "a\0b", 4);
    char *moved = TAKE(copy);
    assert_null(copy);
    mem_free(moved);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_kept_and_prefixed),
        cmocka_unit_test(errno_becomes_one_of_our_codes),
        cmocka_unit_test(an_endless_message_is_cut),
        cmocka_unit_test(every_code_has_a_name_and_a_text),
        cmocka_unit_test(a_chosen_allocation_fails_once),
    };
    return cmocka_run_group_tests_name("base/err", tests, NULL, NULL);
}
