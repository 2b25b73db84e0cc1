// What Maya's analyses stand on: addresses and routes, findings while they are collected.
#include "core/agents/maya_flows.h"
#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void addresses_are_brought_to_one_form(void **state) {
    static const struct {
        const char *address, *want; // NULL: not the program's own
    } cases[] = {
        {"/a/b/", "/a/b"},
        {"/a?x=1", "/a"},
        {"/a#top", "/a"},
        {"/", "/"},
        {"//x.org/a", NULL},
        {"https://x.org/a", NULL},
        {"a/b", NULL},
        {"", NULL},
        {"#/a", "/a"},
        {"/#/a/b", "/a/b"},
        {"{{ base }}/a", "/a"},
        {"/a/{{ id }}/b", "/a/*/b"},
        {"/a/x-{{ id }}", "/a/*"},
        {"/a/${id}", "/a/*"},
        {"/a/<%= id %>/c", "/a/*/c"},
        {"/a b", NULL},
        {"/a/{{ open", "/a/*"},
        {"/regular|expression", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char got[FLOWS_PATH_BYTES_MAX];
        bool is = flows_normal(cases[i].address, strlen(cases[i].address), true, got, sizeof got);
        if (is != (cases[i].want != NULL) || (is && strcmp(got, cases[i].want) != 0))
            fail_msg("%s: %s", cases[i].address, is ? got : "none");
    }
}

static void routes_answer_what_they_stand_for(void **state) {
    static const struct {
        const char *route, *address;
        bool below, answers; // below: as the route says it
    } cases[] = {
        {"/a/:id", "/a/7", false, true},
        {"/a/:id", "/a", false, false},
        {"/a/<int:id>/", "/a/7", false, true},
        {"/a/{id}/b", "/a/7/b", false, true},
        {"/a/{id}/b", "/a/7/c", false, false},
        {"/a/*", "/a/b/c", true, true},
        {"/a/*", "/a", true, true},
        {"/a", "/a/b", false, false},
        {"/a/[...rest]", "/a/b/c", true, true},
        {"/(group)/a", "/a", false, true},
        {"/a", "/*", false, true},
        {"/", "/", false, true},
        {"/", "/a", false, false},
        {"/a/(\\d+)", "/a/7", false, true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct flows f = {.report = NULL};
        struct flows_route r = {.method = "", .file = "x"};
        assert_int_equal(flows_add_route(&f, r, "", cases[i].route, strlen(cases[i].route)), 0);
        assert_int_equal(f.route_count, 1);
        if (f.routes[0].below != cases[i].below ||
            flows_match(&f.routes[0], cases[i].address) != cases[i].answers)
            fail_msg("%s %s: %s", cases[i].route, cases[i].address, f.routes[0].path);
        mem_free(f.routes);
        maya_pool_done(&f.pool);
    }
}

static const struct maya_rule rules[] = {{"first", "First", "Do."}, {"second", "Second", "Do."}};

static int collect(struct report_answer *ret) {
    struct maya_findings fs = {.rules = rules};
    struct report *r = report_new();
    int code = ERR_NOMEM;
    if (r) {
        struct maya_place others[MAYA_PLACES_MAX + 4] = {{0}};
        for (size_t i = 0; i < COUNT_OF(others); i++)
            others[i] = (struct maya_place){"c", (uint32_t)i + 1};
        maya_find(&fs, 1, (struct maya_place){"a", 1}, NULL, 0, "one");
        maya_find(&fs, 0, (struct maya_place){"b", 2}, NULL, 0, "two\n\xFF%s", "");
        maya_find(&fs, 0, (struct maya_place){"b", 1}, others, COUNT_OF(others), "three");
        code = maya_tell(&fs, r, NULL);
        if (code == 0)
            code = report_finish(r, &(struct report_page){.budget = 0}, ret, NULL);
    }
    maya_findings_done(&fs);
    report_free(r);
    return code;
}

static void findings_are_told_by_rule_and_place_on_one_line_each(void **state) {
    struct report_answer a;
    (void)state;
    assert_int_equal(collect(&a), 0);
    assert_string_equal(a.text.data, "First: 2. Do.\nb:1 [first] three\n  also c:1, c:2, c:3, c:4, "
                                     "c:5, c:6 and 4 more\nb:2 [first] two ?\nSecond: 1. Do.\na:1 "
                                     "[second] one\n");
    assert_int_equal(json_array_size(json_object_get(a.structured, "items")), 3);
    report_answer_done(&a);
}

static void every_failing_allocation_is_said(void **state) {
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct report_answer a = {0};
        mem_fail_at(n);
        int r = collect(&a);
        bool all = mem_count() < n;
        mem_fail_at(0);
        assert_true(r == 0 || r == ERR_NOMEM);
        report_answer_done(&a);
        if (all)
            break;
    }
}

static void kept_texts_stay_whatever_their_length(void **state) {
    struct maya_pool pool = {0};
    char large[40000];
    (void)state;
    (void)memset(large, 'x', sizeof large);
    const char *a = maya_keep(&pool, "small", 5), *b = maya_keep(&pool, large, sizeof large);
    const char *c = maya_keep(&pool, "", 0);
    assert_string_equal(a, "small");
    assert_int_equal(strlen(b), sizeof large);
    assert_string_equal(c, "");
    maya_pool_done(&pool);
}

int main(void) {
    mem_init_json();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_brought_to_one_form),
        cmocka_unit_test(routes_answer_what_they_stand_for),
        cmocka_unit_test(findings_are_told_by_rule_and_place_on_one_line_each),
        cmocka_unit_test(every_failing_allocation_is_said),
        cmocka_unit_test(kept_texts_stay_whatever_their_length),
    };
    return cmocka_run_group_tests_name("agents/maya", tests, NULL, NULL);
}
