// What counts as a place in the code, which places were shown, and which statements have none.
#include "server/team_budget.h"
#include "server/team_cite.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct team_seen seen;

static int setup(void **state) {
    (void)state;
    mem_init_json();
    assert_int_equal(team_seen_add(&seen, "src/till.c", 10, 3, 9), 0);
    assert_int_equal(team_seen_add(&seen, "a/src/till.c", 12, 40, 40), 0);
    return 0;
}
static int teardown(void **state) {
    (void)state;
    team_seen_done(&seen);
    return 0;
}

static struct team_verdict judge(const char *text) {
    struct team_verdict v;
    assert_int_equal(team_verdict_make(text, strlen(text), &seen, &v), 0);
    return v;
}

static void expect(const char *text, unsigned checked, unsigned unchecked, unsigned uncited) {
    struct team_verdict v = judge(text);
    if (v.checked != checked || v.unchecked != unchecked || v.uncited_count != uncited)
        fail_msg("\"%s\": %u, %u, %u", text, v.checked, v.unchecked, v.uncited_count);
    team_verdict_done(&v);
}

static void places_are_told_from_other_words_with_colons(void **state) {
    (void)state;
    expect("src/till.c:5", 1, 0, 0);
    expect("`src/till.c:3-9`", 1, 0, 0);
    expect("(./src/till.c:4)", 1, 0, 0);
    expect("till.c:4", 1, 0, 0);
    expect("src/till.c:40", 1, 0, 0); // of a/src/till.c
    expect("src/till.c:5:12", 1, 0, 0);
    expect("src/till.c:3\xE2\x80\x93"
           "9",
           1, 0, 0);
    expect("ill.c:4", 0, 1, 0); // not from a folder on
    expect("src/till.c:2", 0, 1, 0);
    expect("src/till.c:3-10", 0, 1, 0);
    expect("src/till.c:9-40", 1, 0, 0); // each end was shown, if of two files
    expect("src/till.c:0 src/till.c: x/y:z", 0, 0, 1);
    expect("10:30 and Note:5 and 127.0.0.1:80 and http://host:80/", 0, 0, 1);
    expect("src/till.c:99999999999999999999", 0, 1, 0);
    expect(":::5 ::", 0, 0, 0);
    expect("", 0, 0, 0);
}

static void statements_without_a_place_are_counted(void **state) {
    (void)state;
    expect("It is a very slow function.", 0, 0, 1);
    expect("It is slow.", 0, 0, 0); // says nothing about anything
    expect("Is it a slow function, too?", 0, 0, 0);
    expect("The functions of it are these:\n- one adds the prices up\n", 0, 0, 1);
    expect("# It is a very slow function", 0, 0, 0);
    expect("```\nIt is a very slow function.\n```\n", 0, 0, 0);
    expect("It adds all prices up (src/till.c:5). It never checks any of them.", 1, 0, 1);
    expect("It adds all prices up,\nas one can see in src/till.c:5.", 1, 0, 0);
    expect("It works e.g. for small numbers and for others, v1.2 included.", 0, 0, 1);
    expect("1. first it adds all prices\n2. then it returns the sum\n", 0, 0, 2);
    expect("first it adds all prices\n\nthen it returns the sum", 0, 0, 2);
}

static void what_was_not_shown_is_marked_in_its_place(void **state) {
    (void)state;
    struct team_verdict v = judge("See `b.c:1`, src/till.c:5 and (c/d.c:2).");
    assert_string_equal(v.text.data,
                        "See `b.c:1` (not checked), src/till.c:5 and (c/d.c:2) (not checked).");
    assert_int_equal(json_array_size(v.citations), 3);
    team_verdict_done(&v);
}

static void a_flood_of_places_is_bounded(void **state) {
    (void)state;
    AUTO_BUF text = {0};
    for (int i = 0; i < 1000; i++)
        (void)buf_printf(&text, "a/b.c:%d nothing is said here.\n\n", i + 1);
    struct team_verdict v;
    assert_int_equal(team_verdict_make(text.data, text.len, &seen, &v), 0);
    assert_int_equal(json_array_size(v.citations), TEAM_CITATIONS_MAX);
    assert_int_equal(v.left_out, 1000 - TEAM_CITATIONS_MAX);
    team_verdict_done(&v);
}

static void answers_are_walked_and_kept(void **state) {
    (void)state;
    struct team_seen s = {0}, again = {0};
    json_t *answer =
        json_loads("{\"items\":[{\"path\":\"x.c\",\"line\":4,\"parts\":[{\"path\":\"y.c\","
                   "\"line\":7,\"end_line\":9}]},{\"path\":\"z.c\"},{\"line\":3},"
                   "{\"path\":5,\"line\":1},{\"path\":\"n.c\",\"line\":-4}]}",
                   0, NULL);
    assert_int_equal(team_seen_answer(&s, answer), 0);
    assert_int_equal(s.count, 2);
    assert_true(team_seen_holds(&s, "y.c", 3, 7, 9));
    assert_false(team_seen_holds(&s, "y.c", 3, 7, 10));
    assert_false(team_seen_holds(&s, "z.c", 3, 1, 1));
    json_t *kept = team_seen_json(&s);
    assert_int_equal(team_seen_read(&again, kept), 0);
    assert_true(team_seen_holds(&again, "x.c", 3, 4, 4));
    for (int i = 0; i < TEAM_SPANS_MAX + 100; i++)
        assert_int_equal(team_seen_add(&again, "f.c", 3, 2 * i + 1, 2 * i + 1), 0);
    assert_int_equal(again.count, TEAM_SPANS_MAX);
    json_decref(kept);
    json_decref(answer);
    team_seen_done(&s);
    team_seen_done(&again);
}

static void memory_that_is_not_there_is_told(void **state) {
    (void)state;
    static const char text[] = "See b.c:1 and src/till.c:5. Nobody has ever tested this at all.";
    int r = -1;
    for (uint64_t n = 1; r < 0; n++) {
        struct team_verdict v;
        mem_fail_at(n);
        r = team_verdict_make(text, sizeof text - 1, &seen, &v);
        mem_fail_at(0);
        if (r == 0) { // jansson passes a failed member over where json_pack is told so: never a lie
            assert_int_equal(v.checked, 1);
            assert_int_equal(v.unchecked, 1);
        }
        team_verdict_done(&v);
        assert_true(n < 1000);
    }
}

static void budgets_are_told_apart(void **state) {
    (void)state;
    struct team_budget b = {.tokens_max = 1000, .turns_max = 3, .cost_max = 10000, .until_ns = 100};
    char why[TEAM_WHY_BYTES];
    assert_null(team_budget_against(&b, 1000, 99, why));
    assert_non_null(strstr(team_budget_against(&b, 1001, 99, why), "ask.tokens"));
    assert_non_null(strstr(team_budget_against(&b, 1, 100, why), "ask.seconds"));
    b.turns = 2;
    b.cost = 6666; // 3333 each: the next one just fits
    assert_null(team_budget_against(&b, 1, 99, why));
    b.cost = 6670;
    assert_non_null(strstr(team_budget_against(&b, 1, 99, why), "1 cents (ask.cents)"));
    b.turns = 3;
    assert_non_null(strstr(team_budget_against(&b, 1, 99, why), "3 requests (ask.turns)"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_told_from_other_words_with_colons),
        cmocka_unit_test(statements_without_a_place_are_counted),
        cmocka_unit_test(what_was_not_shown_is_marked_in_its_place),
        cmocka_unit_test(a_flood_of_places_is_bounded),
        cmocka_unit_test(answers_are_walked_and_kept),
        cmocka_unit_test(memory_that_is_not_there_is_told),
        cmocka_unit_test(budgets_are_told_apart),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
