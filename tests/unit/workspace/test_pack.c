// Packs: never over the budget, every line as it stands in the file, the asked-for in front.
#include "tests/unit/workspace/search_support.h"

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/base/tokens.h"
#include "core/workspace/pack.h"

#include <stdlib.h>

static struct pack *make(const struct shop *s, const struct pack_want *want) {
    struct pack *p = NULL;
    struct err err = {0};
    if (pack_make(s->search, want, &p, &err) < 0)
        fail_msg("pack: %s", err.message);
    assert_int_equal(strlen(p->text), p->text_bytes);
    assert_int_equal(tokens_count(p->text, p->text_bytes), p->tokens);
    return p;
}

static struct pack *ask(const struct shop *s, const char *text, uint32_t tokens) {
    return make(s, &(struct pack_want){.text = text, .bytes = strlen(text), .tokens = tokens});
}

static void the_function_asked_for_is_there_whole(void **state) {
    struct shop s;
    (void)state;
    shop_open(&s, NULL);
    struct pack *p = ask(&s, "half a cent is rounded down", 200);
    assert_true(p->part_count > 0);
    assert_true(p->tokens <= 200);
    assert_non_null(strstr(p->text, "shop/tax.py:"));
    assert_non_null(strstr(p->text, "\ndef round_cents(amount):\n"
                                    "    # half a cent goes up\n"
                                    "    return int(amount * 100 + 0.5) / 100\n"));
    pack_free(p);
    // A method says whose it is.
    p = ask(&s, "quantity must be positive", 120);
    assert_non_null(strstr(p->text, "shop/cart.py:10 in Cart\n    def add_item("));
    pack_free(p);
    shop_close(&s);
}

static bool is_header(const char *line, char *path, unsigned *number) {
    const char *colon = strchr(line, ':');
    if (!colon || colon == line || line[0] == ' ' || colon - line > 60)
        return false;
    memcpy(path, line, (size_t)(colon - line));
    path[colon - line] = '\0';
    char *end;
    *number = (unsigned)strtoul(colon + 1, &end, 10);
    return strchr(path, '.') && end > colon + 1 && (*end == '\0' || strncmp(end, " in ", 4) == 0);
}

// Every line below a header is the file's line of that number.
static void check_lines(const struct shop *s, const struct pack *p) {
    AUTO_FREE char *text = mem_strdup(p->text);
    AUTO_BUF file = BUF_INIT(0);
    const char *at = NULL;
    char path[64];
    unsigned number;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        if (is_header(line, path, &number)) {
            int64_t i = snapshot_find(s->snapshot, path, strlen(path));
            assert_true(i >= 0);
            buf_clear(&file);
            assert_int_equal(snapshot_text(s->snapshot, (uint32_t)i, &file, NULL), 0);
            for (at = file.data; number > 1; number--)
                at = strchr(at, '\n') + 1;
            continue;
        }
        assert_non_null(at);
        while (*at == '\n')
            at++;
        assert_memory_equal(at, line, strlen(line));
        assert_true(at[strlen(line)] == '\n');
        at += strlen(line) + 1;
    }
}

static void no_budget_is_passed_and_no_line_is_made_up(void **state) {
    static const char text[] = "total price of the invoice: tax, cents, mail, cart, checksum";
    struct shop s;
    (void)state;
    shop_open(&s, NULL);
    uint32_t last = 0;
    for (uint32_t budget = PACK_TOKENS_MIN; budget < 1200; budget += 7) {
        struct pack *p = ask(&s, text, budget);
        assert_true(p->tokens <= budget);
        check_lines(&s, p);
        last = p->part_count;
        pack_free(p);
    }
    assert_true(last > 5); // and all of it is used
    shop_close(&s);
}

static void ranges_that_touch_are_one(void **state) {
    struct shop s;
    (void)state;
    shop_open(&s, NULL);
    struct pack *p = ask(&s, "with_tax round_cents: tax on a net amount, half a cent", 2000);
    const char *first = strstr(p->text, "shop/tax.py:");
    assert_non_null(first);
    assert_null(strstr(first + 1, "shop/tax.py:"));
    assert_non_null(strstr(p->text, "(1 + RATE))\n\n\ndef round_cents"));
    pack_free(p);
    shop_close(&s);
}

static void what_is_in_focus_comes_whatever_the_text_says(void **state) {
    struct shop s;
    (void)state;
    shop_open(&s, NULL);
    const struct place focus = shop_find(&s, "connect_smtp");
    struct pack *p = make(&s, &(struct pack_want){.text = "half a cent of tax",
                                                  .bytes = 18,
                                                  .tokens = 300,
                                                  .focus = &focus,
                                                  .focus_count = 1});
    assert_true(strncmp(p->text, "shop/mail.py:6\ndef connect_smtp():", 34) == 0);
    assert_non_null(strstr(p->text, "def round_cents"));
    pack_free(p);
    const struct place nowhere = {.file = 9999};
    struct pack_want want = {.text = "", .focus = &nowhere, .focus_count = 1};
    assert_int_equal(pack_make(s.search, &want, &p, NULL), ERR_INVAL);
    shop_close(&s);
}

static void tests_and_other_folders_stay_out(void **state) {
    struct shop s;
    (void)state;
    shop_open(&s, NULL);
    static const char text[] = "add_item refuses quantity zero";
    struct pack *p = ask(&s, text, 2000);
    assert_null(strstr(p->text, "tests/test_cart.py"));
    pack_free(p);
    p = make(&s, &(struct pack_want){.text = text, .bytes = strlen(text), .tests = true});
    assert_non_null(strstr(p->text, "tests/test_cart.py"));
    pack_free(p);
    p = make(&s, &(struct pack_want){.text = text, .bytes = strlen(text), .under = "native/"});
    assert_null(strstr(p->text, "shop/"));
    pack_free(p);
    shop_close(&s);
}

static void nothing_found_is_an_empty_pack(void **state) {
    struct shop s;
    struct pack *p = NULL;
    (void)state;
    shop_open(&s, NULL);
    p = ask(&s, "zebra quagga", 0);
    assert_int_equal(p->part_count, 0);
    assert_string_equal(p->text, "");
    assert_int_equal(p->tokens, 0);
    pack_free(p);
    struct pack_want want = {.text = "cart", .bytes = 4, .tokens = PACK_TOKENS_MIN - 1};
    assert_int_equal(pack_make(s.search, &want, &p, NULL), ERR_INVAL);
    want.tokens = PACK_TOKENS_MAX + 1;
    assert_int_equal(pack_make(s.search, &want, &p, NULL), ERR_INVAL);
    shop_close(&s);
    shop_empty(&s);
    p = ask(&s, "cart", 0);
    assert_int_equal(p->part_count, 0);
    pack_free(p);
    shop_close(&s);
}

static void a_file_that_changed_since_is_left_out(void **state) {
    struct shop s;
    (void)state;
    shop_open(&s, NULL);
    tree_write(&s.tree, "shop/tax.py", "def other():\n    pass\n");
    struct pack *p = ask(&s, "half a cent of tax is rounded; total price of the cart", 500);
    assert_null(strstr(p->text, "shop/tax.py"));
    assert_non_null(strstr(p->text, "shop/cart.py"));
    assert_int_equal(p->unread, 1);
    pack_free(p);
    shop_close(&s);
}

static void each_failed_allocation_is_reported(void **state) {
    const struct pack_want want = {
        .text = "half a cent of the total price", .bytes = 30, .tokens = 400};
    struct shop s;
    (void)state;
    shop_open(&s, NULL);
    bool done = false;
    for (uint64_t n = 1; !done; n++) {
        struct pack *p = NULL;
        mem_fail_at(n);
        int e = pack_make(s.search, &want, &p, NULL);
        done = mem_count() < n;
        mem_fail_at(0);
        assert_true(e == 0 || e == ERR_NOMEM);
        assert_true(!done || e == 0);
        pack_free(p);
        assert_true(n < 1000);
    }
    shop_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_function_asked_for_is_there_whole),
        cmocka_unit_test(no_budget_is_passed_and_no_line_is_made_up),
        cmocka_unit_test(ranges_that_touch_are_one),
        cmocka_unit_test(what_is_in_focus_comes_whatever_the_text_says),
        cmocka_unit_test(tests_and_other_folders_stay_out),
        cmocka_unit_test(nothing_found_is_an_empty_pack),
        cmocka_unit_test(a_file_that_changed_since_is_left_out),
        cmocka_unit_test(each_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests_name("workspace/pack", tests, NULL, NULL);
}
