#include "core/base/mem.h"
#include "core/route/route_choose.h"
#include "tests/unit/route/tests.h"

#include <math.h>

static const struct route_model strong = {.name = "strong",
                                          .prices = {5, .5, 6.25, 10, 25},
                                          .context = 200000,
                                          .cache_min = 1024,
                                          .cache_seconds = 300,
                                          .writes_cost = true,
                                          .tools = true,
                                          .images = true};
static const struct route_model cheap = {.name = "cheap",
                                         .prices = {.25, .025, .25, .25, 2},
                                         .context = 128000,
                                         .cache_min = 1024,
                                         .cache_seconds = 300,
                                         .tools = true};
static const struct route_model local = {.name = "local", .context = 32000, .cache_seconds = 300};

enum { STRONG, CHEAP, LOCAL, MODELS };

// 10,000 tokens in, 600 out: 0.065, 0.0037 and 0 dollars.
static void candidates(struct route_candidate c[MODELS], double p_strong, double p_cheap,
                       double p_local) {
    static const struct route_model *const models[] = {&strong, &cheap, &local};
    const double p[] = {p_strong, p_cheap, p_local};
    for (int i = 0; i < MODELS; i++)
        c[i] =
            (struct route_candidate){.backend = (uint32_t)i + 1,
                                     .account = i == LOCAL   ? "here"
                                                : i == CHEAP ? "openai"
                                                             : "anthropic",
                                     .name = models[i]->name,
                                     .model = models[i],
                                     .local = i == LOCAL,
                                     .granted = true,
                                     .standing = {.usable = true, .headroom = 1, .exhausts_ms = -1},
                                     .p_ok = p[i],
                                     .expected = {.uncached = 10000, .output = 600}};
}

static const struct route_policy balanced = {.mode = ROUTE_MODE_BALANCED};
static const struct route_need a_question = {
    .origin = ROUTE_ORIGIN_CHAT, .prompt_tokens = 10000, .output_tokens = 600};

static struct route_choice choose(const struct route_policy *p, const struct route_need *n,
                                  const struct route_candidate *c) {
    struct route_choice choice;
    struct err err = {0};
    if (route_choose(p, n, c, MODELS, &choice, &err) < 0)
        fail_msg("%s", err_text(&err));
    return choice;
}

static void the_cheapest_way_to_a_solved_task_is_taken(void **state) {
    (void)state;
    struct route_candidate c[MODELS];
    candidates(c, .95, .90, .30);
    struct route_choice r = choose(&balanced, &a_question, c);
    assert_int_equal(r.chosen, CHEAP); // 0.0037 + 0.10 against 0.065 + 0.05
    assert_int_equal(r.reason[CHEAP], ROUTE_REASON_CHOSEN);
    assert_int_equal(r.reason[STRONG], ROUTE_REASON_DEARER);
    assert_int_equal(r.reason[LOCAL], ROUTE_REASON_BELOW_FLOOR);
    assert_int_equal(r.fallbacks, 2);
    assert_int_equal(r.fallback[0], STRONG); // good ones before possible ones
    assert_true(fabs(r.usd[STRONG] - .065) < 1e-9 && fabs(r.solved[STRONG] - .115) < 1e-9);
    // A failure that costs much makes the strong one the cheaper.
    struct route_policy dear = {.mode = ROUTE_MODE_BALANCED, .value_usd = 10};
    assert_int_equal(choose(&dear, &a_question, c).chosen, STRONG);
    // A check that notices failures makes trying cheap again.
    struct route_need checked = a_question;
    checked.accepts = .95;
    checked.rejects = .90;
    candidates(c, .95, .86, .30);
    assert_int_equal(choose(&dear, &a_question, c).chosen, STRONG);
    assert_int_equal(choose(&dear, &checked, c).chosen, CHEAP);
}

static void the_policy_is_the_users(void **state) {
    (void)state;
    struct route_candidate c[MODELS];
    candidates(c, .95, .90, .30);
    struct route_policy p = {.mode = ROUTE_MODE_LOCAL};
    struct route_choice r = choose(&p, &a_question, c);
    assert_int_equal(r.chosen, LOCAL);
    assert_int_equal(r.reason[STRONG], ROUTE_REASON_NOT_LOCAL);
    assert_int_equal(r.fallbacks, 0);
    p.mode = ROUTE_MODE_BEST;
    assert_int_equal(choose(&p, &a_question, c).chosen, STRONG);
    p.mode = ROUTE_MODE_CHEAPEST;
    assert_int_equal(choose(&p, &a_question, c).chosen, CHEAP);
    p.floor = .94;
    assert_int_equal(choose(&p, &a_question, c).chosen, STRONG);
    p.floor = .99; // nobody reaches it: the best way there is, and it says so
    assert_int_equal(choose(&p, &a_question, c).reason[LOCAL], ROUTE_REASON_ONLY);
    struct route_need title = a_question;
    title.origin = ROUTE_ORIGIN_TITLE;
    candidates(c, .95, .90, .60);
    p.floor = 0;
    assert_int_equal(choose(&p, &title, c).chosen, LOCAL); // good enough for a title, and free
    c[LOCAL].granted = false;
    assert_int_equal(choose(&p, &title, c).reason[LOCAL], ROUTE_REASON_NOT_GRANTED);
    assert_int_equal(choose(&p, &title, c).chosen, CHEAP);
}

static void a_budget_is_never_exceeded(void **state) {
    (void)state;
    struct route_candidate c[MODELS];
    candidates(c, .95, .30, .20);
    struct route_policy p = {.mode = ROUTE_MODE_BEST, .budget_usd = {1, 20}, .spent_usd = {.93, 2}};
    assert_int_equal(choose(&p, &a_question, c).chosen, STRONG);
    assert_true(fabs(choose(&p, &a_question, c).budget_left - .07) < 1e-9);
    p.spent_usd[0] = .94;
    struct route_choice r = choose(&p, &a_question, c);
    assert_int_equal(r.reason[STRONG], ROUTE_REASON_OVER_BUDGET);
    assert_int_equal(r.chosen, CHEAP);
    p.spent_usd[0] = 0;
    p.spent_usd[1] = 21; // of the month
    r = choose(&p, &a_question, c);
    assert_int_equal(r.chosen, LOCAL);
    assert_true(r.budget_left == 0);
}

static void what_cannot_serve_is_left_out_with_its_reason(void **state) {
    (void)state;
    struct route_candidate c[MODELS];
    candidates(c, .95, .90, .85);
    struct route_need n = a_question;
    n.tools = n.images = true;
    struct route_choice r = choose(&balanced, &n, c);
    assert_int_equal(r.chosen, STRONG);
    assert_int_equal(r.reason[CHEAP], ROUTE_REASON_NO_IMAGES);
    assert_int_equal(r.reason[LOCAL], ROUTE_REASON_NO_TOOLS);
    n = a_question;
    n.prompt_tokens = 150000;
    r = choose(&balanced, &n, c);
    assert_int_equal(r.chosen, STRONG);
    assert_int_equal(r.reason[CHEAP], ROUTE_REASON_TOO_SMALL);
    c[STRONG].standing =
        (struct route_standing){.state = ROUTE_STATE_SPENT, .ready_ms = NOON + HOUR};
    r = choose(&balanced, &n, c);
    assert_int_equal(r.chosen, -1);
    assert_int_equal(r.ready, STRONG);
    assert_int_equal(r.ready_ms, NOON + HOUR);
    // The soonest of several is named; a breaker is told from a quota.
    candidates(c, .95, .90, .85);
    c[STRONG].standing =
        (struct route_standing){.state = ROUTE_STATE_WAITING, .ready_ms = NOON + MINUTE};
    c[CHEAP].standing =
        (struct route_standing){.breaker = ROUTE_BREAKER_OPEN, .ready_ms = NOON + SECOND};
    c[LOCAL].granted = false;
    r = choose(&balanced, &a_question, c);
    assert_int_equal(r.ready, CHEAP);
    assert_int_equal(r.reason[CHEAP], ROUTE_REASON_BROKEN);
    assert_int_equal(r.reason[STRONG], ROUTE_REASON_WAITING);
}

static void a_quota_that_runs_out_is_kept_for_cheap_work(void **state) {
    (void)state;
    struct route_candidate c[MODELS];
    candidates(c, .95, .93, .30);
    c[CHEAP].account = "anthropic";
    c[STRONG].standing.state = c[CHEAP].standing.state = ROUTE_STATE_CONSERVE;
    struct route_policy p = {.mode = ROUTE_MODE_BEST};
    struct route_choice r = choose(&p, &a_question, c);
    assert_int_equal(r.chosen, CHEAP);
    assert_int_equal(r.reason[STRONG], ROUTE_REASON_SPARED);
    assert_int_equal(r.fallback[0], STRONG); // if all else fails
}

static void a_session_stays_where_its_cache_is_until_a_change_pays(void **state) {
    (void)state;
    struct route_candidate c[MODELS];
    candidates(c, .95, .95, .10);
    struct route_need n = a_question;
    n.prompt_tokens = 100000;
    n.sticky = STRONG + 1;
    n.turn = (struct route_turn){100000, 500, 300};
    c[STRONG].expected = (struct route_usage){.cached = 99500, .written = 500, .output = 300};
    c[CHEAP].expected = (struct route_usage){.uncached = 100000, .output = 300};
    // 100,000 tokens at 0.25 fill the other cache at once: cheaper in two turns.
    n.turns = 2;
    assert_int_equal(choose(&balanced, &n, c).chosen, CHEAP);
    // Against a model nearly as dear it takes long.
    static const struct route_model near = {.name = "near",
                                            .prices = {4, .4, 5, 8, 20},
                                            .cache_min = 1024,
                                            .cache_seconds = 300,
                                            .writes_cost = true};
    c[CHEAP].model = &near;
    c[CHEAP].expected = (struct route_usage){.written = 100000, .output = 300};
    double turns = route_switch_turns(&strong, &near, &n.turn);
    assert_true(turns > 30 && turns < 60);
    n.turns = 20;
    assert_int_equal(choose(&balanced, &n, c).chosen, STRONG);
    n.turns = 90;
    assert_int_equal(choose(&balanced, &n, c).chosen, CHEAP);
    // At the border of a task the cache does not hold it.
    n.turns = 2;
    n.border = true;
    n.turn = (struct route_turn){0, 500, 300};
    c[STRONG].expected = c[CHEAP].expected = (struct route_usage){.written = 3000, .output = 300};
    assert_int_equal(choose(&balanced, &n, c).chosen, CHEAP);
    // A session whose backend became too weak for what is asked leaves.
    n.border = false;
    n.sticky = LOCAL + 1;
    assert_true(choose(&balanced, &n, c).chosen != LOCAL);
}

static void one_request_in_fifty_explores_as_the_dice_say(void **state) {
    (void)state;
    struct route_candidate c[MODELS];
    struct route_policy p = {.mode = ROUTE_MODE_BALANCED, .explore = .02};
    struct route_need n = a_question;
    struct dice dice = {42};
    int explored = 0, again = 0;
    candidates(c, .95, .93, .30);
    for (int i = 0; i < 20000; i++) {
        n.dice[0] = dice_next(&dice);
        n.dice[1] = dice_next(&dice);
        struct route_choice r = choose(&p, &n, c), same = choose(&p, &n, c);
        again += r.chosen != same.chosen;
        explored += r.reason[r.chosen] == ROUTE_REASON_EXPLORED;
        assert_true(r.chosen != LOCAL); // never below the floor
    }
    assert_int_equal(again, 0);
    assert_true(explored > 300 && explored < 500);
    // Not in the middle of a session, nor when money is short.
    n.dice[0] = 0;
    n.sticky = CHEAP + 1;
    n.turn = (struct route_turn){9000, 500, 600};
    assert_int_equal(choose(&p, &n, c).chosen, CHEAP);
    n.sticky = 0;
    assert_int_equal(choose(&p, &n, c).reason[STRONG], ROUTE_REASON_EXPLORED);
    p.budget_usd[0] = 1;
    p.spent_usd[0] = .85;
    assert_int_equal(choose(&p, &n, c).chosen, CHEAP);
}

static void the_choice_explains_itself(void **state) {
    (void)state;
    struct route_candidate c[MODELS];
    candidates(c, .95, .90, .30);
    struct route_choice r = choose(&balanced, &a_question, c);
    AUTO_BUF text = BUF_INIT(0), json = BUF_INIT(0);
    assert_int_equal(route_choice_explain(&r, &a_question, c, &text), 0);
    assert_string_equal(
        text.data,
        "chat, at least 86 % likely to be right\n"
        "cheap (openai): 90 %, $0.0037, $0.1037 to a solved task; chosen\n"
        "strong (anthropic): 95 %, $0.0650, $0.1150 to a solved task; possible, but dearer\n"
        "local (here): 30 %, $0.0000, $0.7000 to a solved task; below the quality floor\n");
    assert_int_equal(route_choice_json(&r, &a_question, c, &json), 0);
    assert_non_null(strstr(json.data, "\"chosen\":{\"model\":\"cheap\""));
    for (int i = 0; i < MODELS; i++)
        c[i].granted = false;
    r = choose(&balanced, &a_question, c);
    buf_clear(&text);
    buf_clear(&json);
    assert_int_equal(route_choice_explain(&r, &a_question, c, &text), 0);
    assert_non_null(strstr(text.data, "no backend can be used now"));
    assert_int_equal(route_choice_json(&r, &a_question, c, &json), 0);
    assert_non_null(strstr(json.data, "\"chosen\":null"));
    for (int i = 0; i < ROUTE_REASONS; i++)
        assert_true(strlen(route_reason_text((enum route_reason)i)) > 3);
}

static void impossible_figures_are_refused(void **state) {
    (void)state;
    struct route_candidate c[ROUTE_CANDIDATES_MAX + 1];
    struct route_choice r;
    struct err err;
    candidates(c, .95, NAN, .30);
    assert_int_equal(route_choose(&balanced, &a_question, c, MODELS, &r, &err), ERR_INVAL);
    candidates(c, .95, .9, .30);
    c[0].backend = 0;
    assert_int_equal(route_choose(&balanced, &a_question, c, MODELS, &r, &err), ERR_INVAL);
    assert_int_equal(route_choose(&balanced, &a_question, c, ROUTE_CANDIDATES_MAX + 1, &r, &err),
                     ERR_INVAL);
    assert_int_equal(route_choose(&balanced, &a_question, c, 0, &r, &err), 0);
    assert_int_equal(r.chosen, -1);
    enum route_mode m;
    assert_true(route_mode_parse("local", &m) && m == ROUTE_MODE_LOCAL);
    assert_false(route_mode_parse("fast", &m));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cheapest_way_to_a_solved_task_is_taken),
        cmocka_unit_test(the_policy_is_the_users),
        cmocka_unit_test(a_budget_is_never_exceeded),
        cmocka_unit_test(what_cannot_serve_is_left_out_with_its_reason),
        cmocka_unit_test(a_quota_that_runs_out_is_kept_for_cheap_work),
        cmocka_unit_test(a_session_stays_where_its_cache_is_until_a_change_pays),
        cmocka_unit_test(one_request_in_fifty_explores_as_the_dice_say),
        cmocka_unit_test(the_choice_explains_itself),
        cmocka_unit_test(impossible_figures_are_refused),
    };
    return cmocka_run_group_tests_name("route/choose", tests, NULL, NULL);
}
