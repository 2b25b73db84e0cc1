// "There is a helper for this": copies, renamed copies and other ways to write the same are found,
// different code is not.
#include "tests/unit/workspace/search_support.h"

#include "core/base/mem.h"
#include "core/workspace/similar.h"

static struct similar_result *find(const struct shop *s, const struct similar_want *want) {
    struct similar_result *r = NULL;
    struct err err = {0};
    if (similar_find(s->search, want, &r, &err) < 0)
        fail_msg("similar: %s", err.message);
    return r;
}

static struct similar_result *find_text(const struct shop *s, enum lang lang, const char *text) {
    return find(s, &(struct similar_want){.text = text, .bytes = strlen(text), .lang = lang});
}

static void a_renamed_copy_is_a_copy(void **state) {
    struct shop s;
    (void)state;
    if (!language_has_tree(LANG_PYTHON))
        skip();
    shop_open(&s, NULL);
    struct similar_result *r =
        find_text(&s, LANG_PYTHON,
                  "def to_text(value, unit):\n    return '%.2f %s' % (round_cents(value), unit)\n");
    assert_true(r->count >= 1);
    assert_string_equal(shop_name(&s, r->hits[0].place), "format_money");
    assert_string_equal(shop_path(&s, r->hits[0].place.file), "shop/invoice.py");
    similar_free(r);
    shop_close(&s);
}

static void other_words_for_the_same_are_found(void **state) {
    struct shop s;
    (void)state;
    shop_open(&s, NULL);
    struct similar_result *r = find_text(&s, LANG_PYTHON,
                                         "def notify(address, body):\n"
                                         "    server = connect_smtp()\n"
                                         "    server.send(address, 'note', body)\n"
                                         "    log('sent')\n");
    assert_true(r->count >= 1);
    assert_string_equal(shop_name(&s, r->hits[0].place), "send_mail");
    assert_true(r->hits[0].how & SIMILAR_CALLS);
    assert_true(r->hits[0].score < 1);
    assert_non_null(strstr(r->hits[0].shared, "connect_smtp"));
    similar_free(r);
    shop_close(&s);
}

static void a_symbol_is_not_like_itself(void **state) {
    struct shop s;
    (void)state;
    shop_open(&s, NULL);
    tree_write(&s.tree, "shop/copy.py",
               "def half_up(value):\n    # half a cent goes up\n"
               "    return int(value * 100 + 0.5) / 100\n");
    search_free(s.search);
    snapshot_put(s.snapshot);
    index_close(s.index);
    shop_index(&s, NULL);
    struct place at = shop_find(&s, "round_cents");
    struct similar_result *r = find(&s, &(struct similar_want){.symbol = &at});
    assert_int_equal(r->count, 1);
    assert_string_equal(shop_name(&s, r->hits[0].place), "half_up");
    similar_free(r);
    shop_close(&s);
}

static void what_is_unlike_is_not_named(void **state) {
    struct shop s;
    (void)state;
    shop_open(&s, NULL);
    static const char *const texts[] = {"",
                                        "\n",
                                        "x = 1\n",
                                        "def zebra(q):\n    return q ** 3\n",
                                        "def a(:\n  ((((",
                                        "\xff\xfe\x01"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct similar_result *r = find_text(&s, LANG_PYTHON, texts[i]);
        assert_int_equal(r->count, 0);
        similar_free(r);
    }
    shop_close(&s);
    shop_empty(&s);
    struct similar_result *r = find_text(&s, LANG_PYTHON, "def f(a):\n    return g(a)\n");
    assert_int_equal(r->count, 0);
    similar_free(r);
    shop_close(&s);
}

static void tests_are_searched_when_asked_for(void **state) {
    static const char text[] = "cart = Cart()\ncart.add_item('pear', 0)\n";
    struct shop s;
    (void)state;
    shop_open(&s, NULL);
    struct similar_want want = {
        .text = text, .bytes = strlen(text), .lang = LANG_PYTHON, .tests = true, .floor = .1};
    struct similar_result *r = find(&s, &want);
    for (uint32_t i = 0; i < r->count; i++)
        assert_true(r->hits[i].score >= .1 && r->hits[i].score <= 1);
    similar_free(r);
    shop_close(&s);
}

static void wrong_questions_are_refused(void **state) {
    struct shop s;
    struct similar_result *r = NULL;
    (void)state;
    shop_open(&s, NULL);
    struct place nowhere = {.file = 0, .symbol = 60000}, at = shop_find(&s, "round_cents");
    assert_int_equal(similar_find(s.search, &(struct similar_want){0}, &r, NULL), ERR_INVAL);
    assert_int_equal(
        similar_find(s.search, &(struct similar_want){.text = "a", .symbol = &at}, &r, NULL),
        ERR_INVAL);
    assert_int_equal(similar_find(s.search, &(struct similar_want){.symbol = &nowhere}, &r, NULL),
                     ERR_INVAL);
    struct similar_want large = {.text = "", .bytes = SIMILAR_FRAGMENT_BYTES_MAX + 1};
    assert_int_equal(similar_find(s.search, &large, &r, NULL), ERR_LIMIT);
    shop_close(&s);
}

static void each_failed_allocation_is_reported(void **state) {
    struct shop s;
    (void)state;
    shop_open(&s, NULL);
    struct place at = shop_find(&s, "send_mail");
    const struct similar_want want = {.symbol = &at};
    bool done = false;
    for (uint64_t n = 1; !done; n++) {
        struct similar_result *r = NULL;
        mem_fail_at(n);
        int e = similar_find(s.search, &want, &r, NULL);
        done = mem_count() < n;
        mem_fail_at(0);
        assert_true(e == 0 || e == ERR_NOMEM);
        assert_true(!done || e == 0);
        similar_free(r);
        assert_true(n < 1000);
    }
    shop_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_renamed_copy_is_a_copy),
        cmocka_unit_test(other_words_for_the_same_are_found),
        cmocka_unit_test(a_symbol_is_not_like_itself),
        cmocka_unit_test(what_is_unlike_is_not_named),
        cmocka_unit_test(tests_are_searched_when_asked_for),
        cmocka_unit_test(wrong_questions_are_refused),
        cmocka_unit_test(each_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests_name("workspace/similar", tests, NULL, NULL);
}
