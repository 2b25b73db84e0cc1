// Maps: what is used most comes first, focus and question move it, the budget holds.
#include "tests/unit/workspace/search_support.h"

#include "core/base/mem.h"
#include "core/base/tokens.h"
#include "core/workspace/map.h"

static struct code_map *make(const struct shop *s, const struct map_want *want) {
    struct code_map *m = NULL;
    struct err err = {0};
    if (map_make(s->search, want, &m, &err) < 0)
        fail_msg("map: %s", err.message);
    assert_int_equal(strlen(m->text), m->text_bytes);
    assert_int_equal(tokens_count(m->text, m->text_bytes), m->tokens);
    return m;
}

static double score_of(const struct shop *s, const struct code_map *m, const char *name) {
    for (uint32_t i = 0; i < m->line_count; i++)
        if (strcmp(shop_name(s, m->lines[i].place), name) == 0)
            return m->lines[i].score;
    return 0;
}

static void what_others_use_comes_first(void **state) {
    struct shop s;
    (void)state;
    shop_open(&s, NULL);
    struct code_map *m = make(&s, &(struct map_want){0});
    assert_true(m->line_count > 5);
    assert_true(score_of(&s, m, "round_cents") > score_of(&s, m, "render_invoice"));
    assert_true(score_of(&s, m, "Cart") > score_of(&s, m, "send_mail"));
    assert_non_null(strstr(m->text, "shop/tax.py:\n"));
    assert_non_null(strstr(m->text, "  9: def round_cents(amount)\n"));
    assert_non_null(strstr(m->text, "  4: class Cart\n"));
    assert_null(strstr(m->text, "test_add_item"));
    map_free(m);
    shop_close(&s);
}

static void the_budget_holds(void **state) {
    struct shop s;
    (void)state;
    shop_open(&s, NULL);
    uint32_t lines = 0;
    for (uint32_t budget = 16; budget < 400; budget += 5) {
        struct code_map *m = make(&s, &(struct map_want){.tokens = budget});
        assert_true(m->tokens <= budget);
        assert_true(m->line_count >= lines); // more room, never less
        lines = m->line_count;
        map_free(m);
    }
    assert_true(lines > 5);
    struct code_map *m;
    struct map_want want = {.tokens = 3};
    assert_int_equal(map_make(s.search, &want, &m, NULL), ERR_INVAL);
    want.tokens = MAP_TOKENS_MAX + 1;
    assert_int_equal(map_make(s.search, &want, &m, NULL), ERR_INVAL);
    shop_close(&s);
}

static void focus_and_question_move_it(void **state) {
    struct shop s;
    (void)state;
    shop_open(&s, NULL);
    struct code_map *plain = make(&s, &(struct map_want){0});
    struct place mail = shop_find(&s, "send_mail");
    struct code_map *m = make(&s, &(struct map_want){.files = &mail.file, .file_count = 1});
    assert_true(score_of(&s, m, "send_mail") > score_of(&s, plain, "send_mail"));
    map_free(m);
    m = make(&s, &(struct map_want){.symbols = &mail, .symbol_count = 1, .tokens = 30});
    assert_true(strncmp(m->text, "shop/mail.py:\n", 14) == 0);
    map_free(m);
    m = make(&s, &(struct map_want){.query = "smtp server", .query_bytes = 11, .tokens = 40});
    assert_true(strncmp(m->text, "shop/mail.py:\n", 14) == 0);
    map_free(m);
    m = make(&s, &(struct map_want){.under = "native/"});
    assert_int_equal(m->line_count, 1);
    map_free(m);
    map_free(plain);
    const uint32_t nowhere = 9999;
    struct map_want want = {.files = &nowhere, .file_count = 1};
    assert_int_equal(map_make(s.search, &want, &m, NULL), ERR_INVAL);
    shop_close(&s);
}

static void nothing_gives_an_empty_map(void **state) {
    struct shop s;
    (void)state;
    shop_empty(&s);
    struct code_map *m = make(&s, &(struct map_want){0});
    assert_int_equal(m->line_count, 0);
    assert_string_equal(m->text, "");
    map_free(m);
    shop_close(&s);
}

static void the_same_tree_gives_the_same_bytes(void **state) {
    struct shop a, b;
    (void)state;
    shop_open(&a, NULL);
    shop_open(&b, NULL);
    struct code_map *x = make(&a, &(struct map_want){0}), *y = make(&b, &(struct map_want){0});
    assert_string_equal(x->text, y->text);
    struct code_map *z = make(&a, &(struct map_want){0}); // the graph is there by now
    assert_string_equal(x->text, z->text);
    map_free(x);
    map_free(y);
    map_free(z);
    shop_close(&a);
    shop_close(&b);
}

static void each_failed_allocation_is_reported(void **state) {
    const struct map_want want = {.query = "round cents", .query_bytes = 11};
    struct shop s;
    (void)state;
    shop_open(&s, NULL);
    bool done = false;
    for (uint64_t n = 1; !done; n++) {
        const struct search_config c = {.snapshot = s.snapshot};
        struct search *search = NULL;
        struct code_map *m = NULL;
        assert_int_equal(search_new(&c, &search, NULL), 0); // a fresh one: without its graph
        mem_fail_at(n);
        int e = map_make(search, &want, &m, NULL);
        done = mem_count() < n;
        mem_fail_at(0);
        assert_true(e == 0 || e == ERR_NOMEM);
        assert_true(!done || e == 0);
        map_free(m);
        search_free(search);
        assert_true(n < 1000);
    }
    shop_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_others_use_comes_first),
        cmocka_unit_test(the_budget_holds),
        cmocka_unit_test(focus_and_question_move_it),
        cmocka_unit_test(nothing_gives_an_empty_map),
        cmocka_unit_test(the_same_tree_gives_the_same_bytes),
        cmocka_unit_test(each_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests_name("workspace/map", tests, NULL, NULL);
}
