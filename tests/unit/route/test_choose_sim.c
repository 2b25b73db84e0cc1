// Sessions replayed with the cache price model: what the router spends against staying with the
// best model, with caches that are warm and that go cold, on traffic as coding agents make it.
// Success is weighed too: what was saved by failing more often is no saving.
#include "core/route/route_choose.h"
#include "tests/unit/route/tests.h"

#include <math.h>

enum { SESSIONS = 300, MODELS = 3 };
static const double VALUE = .10; // what one turn that goes wrong costs, in dollars

static const struct route_model models[MODELS] = {
    {.name = "strong",
     .prices = {5, .5, 6.25, 10, 25},
     .context = 400000,
     .cache_min = 1024,
     .cache_seconds = 300,
     .writes_cost = true,
     .tools = true},
    {.name = "middle",
     .prices = {1, .1, 1.25, 2, 5},
     .context = 400000,
     .cache_min = 1024,
     .cache_seconds = 300,
     .writes_cost = true,
     .tools = true},
    {.name = "small",
     .prices = {.25, .025, .25, .25, 2},
     .context = 400000,
     .cache_min = 1024,
     .cache_seconds = 300,
     .tools = true},
};

struct bill {
    double usd, lost; // lost: failures at what a solved task is worth
};

// Probability that a model does a request of that origin, by how hard the session is (0..1).
static double likely(int model, enum route_origin o, double hard) {
    static const double able[MODELS] = {.95, .90, .82}, drop[MODELS] = {.15, .35, .60};
    double asks =
        o == ROUTE_ORIGIN_TITLE || o == ROUTE_ORIGIN_BACKGROUND || o == ROUTE_ORIGIN_SUMMARY ? .05
        : o == ROUTE_ORIGIN_CHAT || o == ROUTE_ORIGIN_SEARCH ? .5 * hard
                                                             : hard;
    return able[model] - drop[model] * asks;
}

struct session {
    enum route_origin origin;
    double hard;
    int turns;
    int64_t prefix, added, output, gap_ms;
};

static struct session some_session(struct dice *d) {
    struct session s = {.hard = dice_unit(d)};
    double kind = dice_unit(d);
    if (kind < .35) // what clients send beside the work
        s = (struct session){ROUTE_ORIGIN_TITLE, s.hard, 1, 0, 800, 20, 0};
    else if (kind < .5)
        s = (struct session){ROUTE_ORIGIN_SUMMARY, s.hard, 1, 0, 9000, 500, 0};
    else if (kind < .75)
        s = (struct session){ROUTE_ORIGIN_CHAT, s.hard, 1 + (int)(dice_next(d) % 6), 3000, 600, 500,
                             40 * SECOND};
    else
        s = (struct session){
            ROUTE_ORIGIN_EDIT, s.hard, 5 + (int)(dice_next(d) % 60), 18000, 1500, 500, 15 * SECOND};
    return s;
}

static struct route_candidate candidate(int m, const struct session *s,
                                        const struct route_caches *caches, int64_t prompt,
                                        int64_t stable, int64_t now) {
    return (struct route_candidate){.backend = (uint32_t)m + 1,
                                    .account = "a",
                                    .name = models[m].name,
                                    .model = &models[m],
                                    .granted = true,
                                    .standing = {.usable = true, .headroom = 1, .exhausts_ms = -1},
                                    .p_ok = likely(m, s->origin, s->hard),
                                    .expected =
                                        route_cache_expect(caches, (uint32_t)m + 1, &models[m],
                                                           prompt, stable, s->output, now)};
}

static void pay(struct bill *bill, struct route_caches *caches, const struct route_candidate *c,
                int64_t now) {
    bill->usd += route_cost_usd(c->model, &c->expected);
    route_cache_note(caches, c->backend, c->model, &c->expected, now);
}

// `only`: the model that is always taken, or -1: the router's choice. With a check (95/90) an
// answer of edits that it refuses is made again by the strong model.
static struct bill play(const struct session *s, int only, bool check, uint64_t seed) {
    struct route_caches caches = {{{0}}};
    struct route_policy policy = {.mode = ROUTE_MODE_BALANCED, .value_usd = VALUE};
    struct bill bill = {0, 0};
    struct dice dice = {seed};
    int64_t prompt = s->prefix, now = NOON;
    uint32_t at = 0;
    bool checked = check && s->origin == ROUTE_ORIGIN_EDIT;
    for (int turn = 0; turn < s->turns; turn++) {
        int64_t stable = turn ? prompt : 0;
        prompt += s->added;
        struct route_need need = {.origin = s->origin,
                                  .prompt_tokens = prompt,
                                  .output_tokens = s->output,
                                  .turns = turn,
                                  .turn = {prompt - s->added, s->added, s->output},
                                  .sticky = at,
                                  .accepts = checked ? .95 : 0,
                                  .rejects = checked ? .90 : 0};
        struct route_candidate c[MODELS];
        for (int m = 0; m < MODELS; m++)
            c[m] = candidate(m, s, &caches, prompt, stable, now);
        struct route_choice choice = {.chosen = only};
        if (only < 0)
            assert_int_equal(route_choose(&policy, &need, c, MODELS, &choice, NULL), 0);
        const struct route_candidate *chosen = &c[choice.chosen];
        bool right = dice_unit(&dice) < chosen->p_ok;
        bool refused =
            checked && chosen->model != &models[0] && dice_unit(&dice) < (right ? .05 : .90);
        pay(&bill, &caches, chosen, now);
        if (refused) {
            pay(&bill, &caches, &c[0], now);
            right = dice_unit(&dice) < c[0].p_ok;
        }
        bill.lost += right ? 0 : VALUE;
        at = chosen->backend;
        prompt += s->output;
        now += s->gap_ms;
    }
    return bill;
}

static void replay(bool check, double saved_least, int dearer_most) {
    struct dice dice = {2026};
    struct bill routed = {0, 0}, sticky = {0, 0};
    int dearer = 0;
    for (int i = 0; i < SESSIONS; i++) {
        struct session s = some_session(&dice);
        struct bill a = play(&s, -1, check, (uint64_t)i), b = play(&s, 0, check, (uint64_t)i);
        dearer += a.usd > b.usd * (1 + 1e-9);
        routed.usd += a.usd;
        sticky.usd += b.usd;
        routed.lost += a.lost;
        sticky.lost += b.lost;
    }
    print_message("%s: $%.2f against $%.2f with the best model throughout (-%.0f %%); failures at "
                  "$%.2f each: $%.2f "
                  "against $%.2f; %d of %d sessions dearer\n",
                  check ? "edits are checked" : "no check", routed.usd, sticky.usd,
                  100 * (1 - routed.usd / sticky.usd), VALUE, routed.lost, sticky.lost, dearer,
                  SESSIONS);
    assert_true(dearer <= dearer_most);
    assert_true(routed.usd <= sticky.usd * (1 - saved_least));
    assert_true(routed.usd + routed.lost <=
                sticky.usd + sticky.lost); // and all in all it is worth it
}

static void no_session_is_dearer_than_with_the_best_model(void **state) {
    (void)state;
    replay(false, .10, 0);
}

static void with_a_check_a_third_is_saved(void **state) {
    (void)state;
    replay(true, .30, SESSIONS / 10); // by bad luck of the check a few are
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_session_is_dearer_than_with_the_best_model),
        cmocka_unit_test(with_a_check_a_third_is_saved)};
    return cmocka_run_group_tests_name("route/choose_sim", tests, NULL, NULL);
}
