#include "core/base/mem.h"
#include "core/route/route_catalogue.h"
#include "tests/unit/route/tests.h"

#define MODEL        "\"name\":\"m\",\"family\":\"openai\",\"input\":1,\"output\":2"
#define LIST(models) "{\"version\":1,\"models\":[" models "]}"

static struct route_catalogue *catalogue(const char *text) {
    struct route_catalogue *c;
    struct err err = {0};
    if (route_catalogue_new(text, text ? strlen(text) : 0, &c, &err) < 0)
        fail_msg("%s", err_text(&err));
    return c;
}

static void the_embedded_list_is_sound(void **state) {
    (void)state;
    struct route_catalogue *c = catalogue(NULL);
    assert_true(route_catalogue_count(c) >= 10);
    assert_true(strlen(route_catalogue_prices_of(c)) == 7);
    for (size_t i = 0; i < route_catalogue_count(c); i++) {
        const struct route_model *m = route_catalogue_at(c, i);
        if (i && strcmp(route_catalogue_at(c, i - 1)->name, m->name) >= 0)
            fail_msg("%s is not in order", m->name);
        if (m->prices.cached > m->prices.input || m->prices.write < m->prices.input ||
            m->prices.write_1h < m->prices.write || m->prices.output < m->prices.input ||
            m->context < 1000 || m->skill <= 0)
            fail_msg("%s: figures that cannot be", m->name);
    }
    route_catalogue_free(c);
    route_catalogue_free(NULL);
}

static void names_are_found_in_the_forms_backends_use(void **state) {
    (void)state;
    struct route_catalogue *c = catalogue(NULL);
    static const char *const pairs[][2] = {
        {"claude-opus-4-5", "claude-opus-4-5"},
        {"claude-opus-4-5-20251101", "claude-opus-4-5"},
        {"anthropic/Claude-Opus-4-5", "claude-opus-4-5"},
        {"claude-haiku-4-5@20251001", "claude-haiku-4-5"},
        {"openai/gpt-5-mini:free", "gpt-5-mini"},
        {"gpt-5-2025-08-07", "gpt-5"},
        {"gemini-2.5-flash-lite-preview", "gemini-2.5-flash-lite"},
        {"gpt-52", NULL},
        {"llama-3", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        const struct route_model *m = route_catalogue_find(c, pairs[i][0]);
        if (!m != !pairs[i][1] || (m && strcmp(m->name, pairs[i][1]) != 0))
            fail_msg("%s is found as %s", pairs[i][0], m ? m->name : "nothing");
    }
    route_catalogue_free(c);
}

static void the_users_list_lies_over_it(void **state) {
    (void)state;
    struct route_catalogue *c = catalogue(
        LIST("{\"name\":\"GPT-5\",\"family\":\"openai\",\"input\":7,\"output\":70,\"future\":{}},"
             "{\"name\":\"mine\",\"family\":\"local\",\"input\":0,\"output\":0}"));
    struct route_catalogue *plain = catalogue(NULL);
    assert_int_equal(route_catalogue_count(c), route_catalogue_count(plain) + 1);
    assert_true(route_catalogue_find(c, "gpt-5")->prices.input == 7);
    assert_true(route_catalogue_find(c, "gpt-5")->prices.cached == 7); // nothing said: no rebate
    assert_int_equal(route_catalogue_find(c, "mine")->family, ROUTE_FAMILY_LOCAL);
    assert_string_equal(route_catalogue_prices_of(c), route_catalogue_prices_of(plain));
    route_catalogue_free(c);
    route_catalogue_free(plain);
}

static void wrong_lists_are_refused_with_their_place(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
        int code;
    } cases[] = {
        {"{", "line 1", ERR_PARSE},
        {"[]", "object", ERR_INVAL},
        {"{\"version\":2,\"models\":[]}", "version", ERR_LIMIT},
        {"{\"models\":[]}", "version", ERR_INVAL},
        {LIST("{\"name\":\"m\",\"family\":\"openai\",\"input\":1}"), "models[0].output", ERR_INVAL},
        {LIST("{\"name\":\"m\",\"family\":\"acme\",\"input\":1,\"output\":2}"), "models[0].family",
         ERR_INVAL},
        {LIST("{" MODEL ",\"cached\":-1}"), "models[0].cached", ERR_INVAL},
        {LIST("{" MODEL ",\"context\":-5}"), "models[0].context", ERR_INVAL},
        {LIST("{" MODEL ",\"skill\":99}"), "models[0].skill", ERR_INVAL},
        {LIST("{" MODEL ",\"long\":{\"from\":0,\"input\":1,\"output\":1}}"), "models[0].long.from",
         ERR_INVAL},
        {LIST("{" MODEL ",\"input\":2}"), "duplicate", ERR_PARSE},
        {LIST("{" MODEL "},{" MODEL "}"), "twice", ERR_INVAL},
        {LIST("{\"name\":\"a b\",\"family\":\"openai\",\"input\":1,\"output\":2}"), "blank",
         ERR_INVAL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct route_catalogue *c;
        struct err err = {0};
        int r = route_catalogue_new(cases[i].text, strlen(cases[i].text), &c, &err);
        if (r != cases[i].code || !strstr(err.message, cases[i].says))
            fail_msg("%s: %s, \"%s\"", cases[i].text, err_name(r), err.message);
    }
}

static void a_model_nobody_lists_is_not_taken_for_a_cheap_one(void **state) {
    (void)state;
    struct route_catalogue *c = catalogue(NULL);
    struct route_model m;
    route_catalogue_unlisted(c, "brand-new", false, &m);
    for (size_t i = 0; i < route_catalogue_count(c); i++)
        assert_true(m.prices.output >= route_catalogue_at(c, i)->prices.output);
    route_catalogue_unlisted(c, "llama", true, &m);
    assert_true(m.prices.output == 0 && m.family == ROUTE_FAMILY_LOCAL);
    route_catalogue_free(c);
}

static void every_failing_allocation_is_survived(void **state) {
    (void)state;
    static const char text[] = LIST("{" MODEL "}");
    mem_init_json();
    for (uint64_t n = 1;; n++) {
        struct route_catalogue *c = NULL;
        mem_fail_at(n);
        int r = route_catalogue_new(text, strlen(text), &c, NULL);
        bool ran_through = mem_count() < n;
        mem_fail_at(0);
        if (r == 0)
            route_catalogue_free(c);
        else
            assert_true(r == ERR_NOMEM || r == ERR_PARSE); // jansson cannot always tell
        if (ran_through) {
            assert_int_equal(r, 0);
            break;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_embedded_list_is_sound),
        cmocka_unit_test(names_are_found_in_the_forms_backends_use),
        cmocka_unit_test(the_users_list_lies_over_it),
        cmocka_unit_test(wrong_lists_are_refused_with_their_place),
        cmocka_unit_test(a_model_nobody_lists_is_not_taken_for_a_cheap_one),
        cmocka_unit_test(every_failing_allocation_is_survived),
    };
    return cmocka_run_group_tests_name("route/catalogue", tests, NULL, NULL);
}
