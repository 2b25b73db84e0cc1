// Where is it: names, words, paths and stack traces lead to the file and function that a reader of
// the shop would name.
#include "tests/unit/workspace/search_support.h"

#include "core/base/mem.h"
#include "core/workspace/locate.h"

static struct locate_result *ask_with(const struct shop *s, const struct locate_want *want) {
    struct locate_result *r = NULL;
    struct err err = {0};
    if (locate(s->search, want, &r, &err) < 0)
        fail_msg("locate: %s", err.message);
    return r;
}

static struct locate_result *ask(const struct shop *s, const char *text) {
    return ask_with(s, &(struct locate_want){.text = text, .bytes = strlen(text)});
}

static void first_is(const struct shop *s, const char *text, const char *path, const char *symbol) {
    struct locate_result *r = ask(s, text);
    assert_true(r->file_count > 0);
    if (strcmp(shop_path(s, r->files[0].file), path) != 0)
        fail_msg("\"%s\" is %s, not %s", text, shop_path(s, r->files[0].file), path);
    assert_true(!symbol || r->symbol_count > 0);
    if (symbol && strcmp(shop_name(s, r->symbols[0].place), symbol) != 0)
        fail_msg("\"%s\" is %s, not %s", text, shop_name(s, r->symbols[0].place), symbol);
    for (uint32_t i = 0; i < r->file_count; i++) {
        assert_true(r->files[i].score > 0);
        assert_true(i == 0 || r->files[i].score <= r->files[i - 1].score);
        assert_true(r->files[i].reasons.count > 0);
    }
    locate_free(r);
}

static void names_lead_to_their_definitions(void **state) {
    struct shop s;
    (void)state;
    shop_open(&s, NULL);
    first_is(&s, "round_cents", "shop/tax.py", "round_cents");
    first_is(&s, "Cart.total_price", "shop/cart.py", "total_price");
    first_is(&s, "receipt_checksum", "native/checksum.c", "receipt_checksum");
    first_is(&s, "format_money", "shop/invoice.py", "format_money"); // not the vendored one
    shop_close(&s);
}

static void words_lead_to_what_is_about_them(void **state) {
    struct shop s;
    (void)state;
    shop_open(&s, NULL);
    first_is(&s, "Fix rounding of half a cent", "shop/tax.py", "round_cents");
    first_is(&s, "adding an item with a negative quantity should fail", "shop/cart.py", "add_item");
    first_is(&s, "cannot connect to the SMTP server", "shop/mail.py", "connect_smtp");
    shop_close(&s);
}

static void paths_and_stack_traces_count(void **state) {
    struct shop s;
    (void)state;
    shop_open(&s, NULL);
    first_is(&s, "something is odd in shop/mail.py", "shop/mail.py", NULL);
    first_is(&s,
             "It breaks\n\nTraceback (most recent call last):\n"
             "  File \"/home/x/shop/invoice.py\", line 10, in <module>\n"
             "    x()\n"
             "  File \"/home/x/shop/mail.py\", line 7, in connect_smtp\n"
             "    raise ConnectionError()\n",
             "shop/mail.py", "connect_smtp");
    struct locate_result *r = ask(&s, "panic at native/checksum.c:7: out of range");
    assert_string_equal(shop_path(&s, r->files[0].file), "native/checksum.c");
    assert_string_equal(shop_name(&s, r->symbols[0].place), "receipt_checksum");
    assert_int_equal(r->symbols[0].reasons.at[0].why, WHY_FRAME);
    locate_free(r);
    shop_close(&s);
}

static void tests_come_first_only_when_asked_for(void **state) {
    struct shop s;
    (void)state;
    shop_open(&s, NULL);
    first_is(&s, "Cart.add_item and its quantity", "shop/cart.py", "add_item");
    struct locate_result *r = ask(&s, "fix test that add_item refuses quantity zero");
    assert_true(r->tests);
    assert_string_equal(shop_path(&s, r->files[0].file), "tests/test_cart.py");
    locate_free(r);
    static const char text[] = "add_item refuses quantity zero";
    r = ask_with(
        &s, &(struct locate_want){.text = text, .bytes = strlen(text), .tests = LOCATE_TESTS_YES});
    assert_string_equal(shop_path(&s, r->files[0].file), "tests/test_cart.py");
    locate_free(r);
    r = ask_with(
        &s, &(struct locate_want){.text = text, .bytes = strlen(text), .tests = LOCATE_TESTS_NO});
    assert_string_equal(shop_path(&s, r->files[0].file), "shop/cart.py");
    for (uint32_t i = 0; i < r->file_count; i++)
        assert_null(strstr(shop_path(&s, r->files[i].file), "tests/"));
    locate_free(r);
    shop_close(&s);
}

static void answers_stay_below_the_folder_asked_for(void **state) {
    struct shop s;
    (void)state;
    shop_open(&s, NULL);
    struct locate_result *r = ask_with(
        &s, &(struct locate_want){.text = "format_money", .bytes = 12, .under = "vendor/"});
    assert_int_equal(r->file_count, 1);
    assert_string_equal(shop_path(&s, r->files[0].file), "vendor/money/money.py");
    locate_free(r);
    r = ask_with(&s, &(struct locate_want){.text = "cart tax", .bytes = 8, .files = 1});
    assert_int_equal(r->file_count, 1);
    locate_free(r);
    shop_close(&s);
}

static void nothing_is_found_in_silence(void **state) {
    struct shop s;
    (void)state;
    shop_open(&s, NULL);
    static const char *const texts[] = {"", "\n\n\n", "zebra_crossing quagga", "!!! ??? ---"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct locate_result *r = ask(&s, texts[i]);
        assert_int_equal(r->file_count, 0);
        assert_int_equal(r->symbol_count, 0);
        locate_free(r);
    }
    struct locate_result *r = ask(&s, "the cart calls `frob_cart` of `round_cents`");
    assert_string_equal(r->unknown, "frob_cart");
    locate_free(r);
    shop_close(&s);
    shop_empty(&s);
    r = ask(&s, "round_cents");
    assert_int_equal(r->file_count, 0);
    locate_free(r);
    shop_close(&s);
}

// --- history ------------------------------------------------------------------------------------

static double churn_of(void *ctx, const char *path) {
    (void)ctx;
    return strcmp(path, "shop/mail.py") == 0 ? 40 : 1;
}

static unsigned coupled_of(void *ctx, const char *path, const char **ret_path, double *ret_share,
                           unsigned max) {
    (void)ctx;
    if (strcmp(path, "shop/tax.py") != 0 || max < 2)
        return 0;
    ret_path[0] = "gone/long/ago.py"; // history knows files that are no more
    ret_share[0] = 1;
    ret_path[1] = "native/checksum.c";
    ret_share[1] = .9;
    return 2;
}

static void messages_of(void *ctx, const char *path,
                        void (*on_text)(void *to, const char *text, size_t bytes), void *to) {
    (void)ctx;
    if (strcmp(path, "native/checksum.c") == 0)
        on_text(to, "receipts: survive a rotten barcode", 34);
}

static void history_is_heard(void **state) {
    struct shop s;
    (void)state;
    const struct search_history h = {
        .churn = churn_of, .coupled = coupled_of, .messages = messages_of};
    shop_open(&s, &h);
    first_is(&s, "rotten barcode again", "native/checksum.c", NULL); // no file has these words
    struct locate_result *r = ask(&s, "round half a cent of the tax up on the receipt");
    bool coupled = false;
    assert_string_equal(shop_path(&s, r->files[0].file), "shop/tax.py");
    for (uint32_t i = 1; i < r->file_count; i++)
        for (uint32_t k = 0; k < r->files[i].reasons.count; k++)
            coupled = coupled || (r->files[i].reasons.at[k].why == WHY_COUPLED &&
                                  strstr(r->files[i].reasons.at[k].text, "shop/tax.py"));
    assert_true(coupled);
    locate_free(r);
    shop_close(&s);
}

// --- any input ----------------------------------------------------------------------------------

static void equal_answers(const struct locate_result *a, const struct locate_result *b) {
    assert_int_equal(a->file_count, b->file_count);
    assert_int_equal(a->symbol_count, b->symbol_count);
    for (uint32_t i = 0; i < a->file_count; i++)
        assert_memory_equal(&a->files[i], &b->files[i], sizeof a->files[i]);
    for (uint32_t i = 0; i < a->symbol_count; i++)
        assert_memory_equal(&a->symbols[i], &b->symbols[i], sizeof a->symbols[i]);
}

static void any_text_is_answered_and_always_the_same(void **state) {
    static const char *const words[] = {
        "cart",        "\n",       "```",    "File \"shop/tax.py\", line ",
        "99999999999", "`",        "<!--",   "-->",
        "::",          "->",       "a.b.c.", "\xff\xfe",
        "(",           "##",       "shop/",  "x.c",
        ":12:",        "https://", "tax",    "\t",
        "\r\n",        "**Env:",   "é",      "0.1",
        "quantity",    "__init__", "...",    "Cart"};
    struct shop s, again;
    uint64_t random = 7;
    (void)state;
    shop_open(&s, NULL);
    shop_open(&again, NULL);
    for (int round = 0; round < 300; round++) {
        char text[2048];
        size_t n = 0;
        for (uint32_t k = tree_random(&random) % 60; k; k--) {
            const char *w = words[tree_random(&random) % (sizeof words / sizeof *words)];
            memcpy(text + n, w, strlen(w));
            n += strlen(w);
            if (tree_random(&random) % 2)
                text[n++] = tree_random(&random) % 9 ? ' ' : (char)tree_random(&random);
        }
        AUTO_FREE char *exact = mem_strndup(text, n); // so that a read past the end is seen
        const struct locate_want want = {.text = exact, .bytes = n};
        struct locate_result *a = ask_with(&s, &want), *b = ask_with(&again, &want);
        equal_answers(a, b);
        locate_free(a);
        locate_free(b);
    }
    shop_close(&again);
    shop_close(&s);
}

static void each_failed_allocation_is_reported(void **state) {
    static const char text[] = "total_price is wrong in shop/cart.py:15\n\nround half a cent";
    const struct locate_want want = {.text = text, .bytes = sizeof text - 1};
    struct shop s;
    (void)state;
    shop_open(&s, NULL);
    bool done = false;
    for (uint64_t n = 1; !done; n++) {
        const struct search_config c = {.snapshot = s.snapshot};
        struct search *search = NULL;
        struct locate_result *r = NULL;
        mem_fail_at(n);
        int e = search_new(&c, &search, NULL);
        if (e == 0)
            e = locate(search, &want, &r, NULL);
        done = mem_count() < n;
        mem_fail_at(0);
        assert_true(e == 0 || e == ERR_NOMEM);
        assert_true(!done || e == 0);
        locate_free(r);
        search_free(search);
        assert_true(n < 1000);
    }
    shop_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_lead_to_their_definitions),
        cmocka_unit_test(words_lead_to_what_is_about_them),
        cmocka_unit_test(paths_and_stack_traces_count),
        cmocka_unit_test(tests_come_first_only_when_asked_for),
        cmocka_unit_test(answers_stay_below_the_folder_asked_for),
        cmocka_unit_test(nothing_is_found_in_silence),
        cmocka_unit_test(history_is_heard),
        cmocka_unit_test(any_text_is_answered_and_always_the_same),
        cmocka_unit_test(each_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests_name("workspace/locate", tests, NULL, NULL);
}
