#include "core/route/route_price.h"
#include "tests/unit/route/tests.h"

#include <math.h>

static struct route_model model(double input, double output, bool writes_cost) {
    return (struct route_model){.prices = {input, input * .1, writes_cost ? input * 1.25 : input,
                                           writes_cost ? input * 2 : input, output},
                                .cache_min = 1024,
                                .cache_seconds = 300,
                                .writes_cost = writes_cost};
}

static void each_kind_of_token_has_its_price(void **state) {
    (void)state;
    struct route_model m = model(5, 25, true);
    struct route_usage u = {1000, 100000, 4000, 2000, 500};
    // 5,000 + 50,000 + 25,000 + 20,000 + 12,500 millionths of a dollar
    assert_int_equal(route_cost_nusd(&m, &u), 112500000);
    assert_true(fabs(route_cost_usd(&m, &u) - .1125) < 1e-12);
    assert_int_equal(route_cost_uncached_nusd(&m, &u), 547500000);
    m.long_from = 100000;
    m.long_prices = (struct route_prices){10, 1, 12.5, 20, 50};
    assert_int_equal(route_cost_nusd(&m, &u), 225000000);
    struct route_usage huge = {INT64_MAX / 8, INT64_MAX / 8, INT64_MAX / 8, 0, INT64_MAX / 8};
    assert_true(route_cost_nusd(&m, &huge) > 0);
    struct route_usage none = {0};
    assert_int_equal(route_cost_nusd(&m, &none), 0);
}

static void a_warm_prefix_is_read_and_a_cold_one_written(void **state) {
    (void)state;
    struct route_model m = model(5, 25, true), automatic = model(2, 8, false);
    struct route_caches c = {0};
    struct route_usage u = route_cache_expect(&c, 1, &m, 50000, 50000, 100, NOON);
    assert_int_equal(u.written, 50000);
    assert_int_equal(u.cached, 0);
    route_cache_note(&c, 1, &m, &u, NOON);
    u = route_cache_expect(&c, 1, &m, 52000, 50000, 100, NOON + MINUTE);
    assert_int_equal(u.cached, 50000);
    assert_int_equal(u.written, 2000);
    assert_int_equal(u.uncached, 0);
    // The prefix was changed at 10,000; the time is over; another backend has nothing.
    assert_int_equal(route_cache_expect(&c, 1, &m, 52000, 10000, 0, NOON).cached, 10000);
    assert_int_equal(route_cache_expect(&c, 1, &m, 52000, 50000, 0, NOON + 5 * MINUTE).cached, 0);
    assert_int_equal(route_cache_expect(&c, 2, &m, 52000, 50000, 0, NOON).cached, 0);
    route_cache_cut(&c, 500);
    assert_int_equal(route_cache_expect(&c, 1, &m, 52000, 50000, 0, NOON).cached,
                     0); // below the least
    // Where the cache works by itself nothing is billed for writing, and all is kept.
    u = route_cache_expect(&c, 3, &automatic, 3000, 3000, 10, NOON);
    assert_int_equal(u.uncached, 3000);
    route_cache_note(&c, 3, &automatic, &u, NOON);
    assert_int_equal(route_cache_expect(&c, 3, &automatic, 3500, 3000, 10, NOON).cached, 3000);
    // Short prompts are never cached.
    u = route_cache_expect(&c, 4, &m, 900, 900, 10, NOON);
    assert_int_equal(u.uncached, 900);
    // An hour that was paid for is remembered, and the coldest makes room.
    struct route_usage hour = {.written_1h = 9000};
    route_cache_note(&c, 5, &m, &hour, NOON);
    for (uint32_t backend = 6; backend < 12; backend++)
        route_cache_note(&c, backend, &m, &(struct route_usage){.written = 5000}, NOON + backend);
    assert_int_equal(route_cache_expect(&c, 5, &m, 9000, 9000, 0, NOON + 59 * MINUTE).cached, 9000);
    assert_int_equal(route_cache_expect(&c, 3, &automatic, 3500, 3000, 10, NOON).cached, 0);
}

// Pays turn by turn, with caches that are warm throughout.
static double session_usd(const struct route_model *m, const struct route_turn *t, int turns,
                          bool begins_cold) {
    double usd = 0;
    for (int i = 0; i < turns; i++) {
        bool cold = i == 0 && begins_cold;
        struct route_usage u = {.cached = cold ? 0 : t->prefix,
                                .written = (cold ? t->prefix : 0) + t->added,
                                .output = t->output};
        usd += route_cost_usd(m, &u);
    }
    return usd;
}

static void a_change_pays_exactly_from_the_break_even_on(void **state) {
    (void)state;
    struct route_model strong = model(5, 25, true), cheap = model(1, 5, true);
    struct route_turn prefix_only = {100000, 0, 0};
    assert_true(fabs(route_switch_turns(&strong, &cheap, &prefix_only) - 11.5 / 4) < 1e-9);
    struct route_model middle = model(3, 15, true);
    assert_true(fabs(route_switch_turns(&middle, &cheap, &prefix_only) - 11.5 / 2) < 1e-9);
    assert_true(isinf(route_switch_turns(&cheap, &strong, &prefix_only)));
    assert_true(isinf(route_switch_turns(&strong, &strong, &prefix_only)));
    static const struct route_turn turns[] = {
        {100000, 0, 0}, {100000, 2000, 500}, {3000, 500, 800}, {400000, 100, 50}};
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
        double even = route_switch_turns(&strong, &cheap, &turns[i]);
        for (int n = 1; n < 20; n++) {
            bool cheaper =
                session_usd(&cheap, &turns[i], n, true) < session_usd(&strong, &turns[i], n, false);
            if (cheaper != (n > even) && fabs(n - even) > 1e-6)
                fail_msg("turn %zu: break-even %.3f, but at %d it is %s", i, even, n,
                         cheaper ? "cheaper" : "not cheaper");
        }
    }
}

static void a_session_is_expected_to_go_on(void **state) {
    (void)state;
    assert_int_equal(route_turns_left(0), ROUTE_TURNS_LEFT_MIN);
    assert_int_equal(route_turns_left(17), 17);
    assert_int_equal(route_turns_left(100000), ROUTE_TURNS_LEFT_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_token_has_its_price),
        cmocka_unit_test(a_warm_prefix_is_read_and_a_cold_one_written),
        cmocka_unit_test(a_change_pays_exactly_from_the_break_even_on),
        cmocka_unit_test(a_session_is_expected_to_go_on),
    };
    return cmocka_run_group_tests_name("route/price", tests, NULL, NULL);
}
