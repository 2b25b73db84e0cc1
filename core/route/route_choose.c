#include "core/route/route_choose.h"

#include "core/base/mem.h"

#include <math.h>
#include <string.h>

// Room that an answer needs in the context when nothing is said of it, and a tie between prices.
enum { ANSWER_TOKENS = 1024 };
static const double TIE = 1e-9, VALUE_USD = 1;

static const char *const modes[] = {"balanced", "cheapest", "best", "local"};

bool route_mode_parse(const char *name, enum route_mode *ret) {
    for (size_t i = 0; i < COUNT_OF(modes); i++)
        if (strcmp(modes[i], name) == 0) {
            *ret = (enum route_mode)i;
            return true;
        }
    return false;
}

struct pick {
    const struct route_policy *policy;
    const struct route_need *need;
    const struct route_candidate *of;
    struct route_choice *c;
    bool open[ROUTE_CANDIDATES_MAX]; // nothing forbids it
    bool good[ROUTE_CANDIDATES_MAX]; // open, above the floor and not spared
};

static bool dark(const struct route_standing *s, enum route_reason *why) {
    if (s->usable)
        return false;
    *why = s->breaker == ROUTE_BREAKER_OPEN ||
                   (s->breaker == ROUTE_BREAKER_HALF_OPEN && s->state <= ROUTE_STATE_CONSERVE)
               ? ROUTE_REASON_BROKEN
           : s->state == ROUTE_STATE_WAITING ? ROUTE_REASON_WAITING
           : s->state == ROUTE_STATE_PROBING ? ROUTE_REASON_PROBED
                                             : ROUTE_REASON_SPENT;
    return true;
}

static bool over_budget(const struct route_policy *p, double usd) {
    for (int i = 0; i < 2; i++)
        if (p->budget_usd[i] > 0 && p->spent_usd[i] + usd > p->budget_usd[i])
            return true;
    return false;
}

// Why a candidate cannot be used at all; ROUTE_REASON_CHOSEN when it can.
static enum route_reason forbidden(const struct pick *k, size_t i) {
    const struct route_candidate *a = &k->of[i];
    const struct route_need *need = k->need;
    enum route_reason why;
    int64_t answer = need->output_tokens > ANSWER_TOKENS ? need->output_tokens : ANSWER_TOKENS;
    if (k->policy->mode == ROUTE_MODE_LOCAL && !a->local)
        return ROUTE_REASON_NOT_LOCAL;
    if (!a->granted)
        return ROUTE_REASON_NOT_GRANTED;
    if (a->refuted)
        return ROUTE_REASON_REFUTED;
    if (a->model->context > 0 && need->prompt_tokens + answer > a->model->context)
        return ROUTE_REASON_TOO_SMALL;
    if (need->tools && !a->model->tools)
        return ROUTE_REASON_NO_TOOLS;
    if (need->images && !a->model->images)
        return ROUTE_REASON_NO_IMAGES;
    if (k->c->usd[i] > 0 && over_budget(k->policy, k->c->usd[i]))
        return ROUTE_REASON_OVER_BUDGET;
    return dark(&a->standing, &why) ? why : ROUTE_REASON_CHOSEN;
}

static double value_of(const struct route_policy *p) {
    return p->value_usd > 0 ? p->value_usd : VALUE_USD;
}

// What it costs to have the task solved if `i` tries first: a failure that the check notices goes
// to whichever other one is then cheapest, or is given up; one that it does not notice is lost.
static double to_solve(const struct pick *k, size_t i) {
    double value = value_of(k->policy), after = value, p = k->of[i].p_ok;
    for (size_t j = 0; j < k->c->count; j++)
        if (j != i && k->open[j] && k->of[j].p_ok > p)
            after = fmin(after, k->c->usd[j] + (1 - k->of[j].p_ok) * value);
    double noticed = k->need->rejects, refused = p * (1 - k->need->accepts);
    if (k->need->accepts <= 0) // no check: nothing is noticed, nothing refused
        noticed = refused = 0;
    // A right answer that is refused costs the next one too, but is likely to be right again.
    double again = refused > 0 ? fmin(after, value) : 0;
    return k->c->usd[i] + (1 - p) * (noticed * after + (1 - noticed) * value) + refused * again;
}

// Whether `i` is to be preferred to `j`.
static bool better(const struct pick *k, size_t i, size_t j) {
    double a, b;
    switch (k->policy->mode) {
    case ROUTE_MODE_BEST:
        a = -k->of[i].p_ok;
        b = -k->of[j].p_ok;
        break;
    case ROUTE_MODE_CHEAPEST:
        a = k->c->usd[i];
        b = k->c->usd[j];
        break;
    default:
        a = k->c->solved[i];
        b = k->c->solved[j];
    }
    if (fabs(a - b) > TIE)
        return a < b;
    if (fabs(k->c->usd[i] - k->c->usd[j]) > TIE)
        return k->c->usd[i] < k->c->usd[j];
    return i < j;
}

static int best_of(const struct pick *k, const bool *among) {
    int best = -1;
    for (size_t i = 0; i < k->c->count; i++)
        if (among[i] && (best < 0 || better(k, i, (size_t)best)))
            best = (int)i;
    return best;
}

// The floor is relative to the best model at hand; what the policy asks for holds as it stands.
static double floor_of(const struct pick *k) {
    double best = 0;
    for (size_t i = 0; i < k->c->count; i++)
        if (k->open[i])
            best = fmax(best, k->of[i].p_ok);
    return fmax(route_origin_demand(k->need->origin).floor * best, k->policy->floor);
}

// Probability that the answer is right in the end: where a check sends refused ones on to the best
// model, that counts too.
static double in_the_end(const struct pick *k, size_t i) {
    double p = k->of[i].p_ok, best = 0, accepts = k->need->accepts;
    if (accepts <= 0)
        return p;
    for (size_t j = 0; j < k->c->count; j++)
        if (k->open[j] && j != i)
            best = fmax(best, k->of[j].p_ok);
    double refused = p * (1 - accepts) + (1 - p) * k->need->rejects;
    return fmax(p, p * accepts + refused * best);
}

// An account that is spared does only what its cheapest model can do.
static bool spared(const struct pick *k, size_t i) {
    if (k->of[i].standing.state != ROUTE_STATE_CONSERVE)
        return false;
    for (size_t j = 0; j < k->c->count; j++)
        if (strcmp(k->of[j].account, k->of[i].account) == 0 &&
            k->of[j].model->prices.output < k->of[i].model->prices.output)
            return true;
    return false;
}

static void judge(struct pick *k) {
    struct route_choice *c = k->c;
    for (size_t i = 0; i < c->count; i++) {
        c->reason[i] = forbidden(k, i);
        k->open[i] = c->reason[i] == ROUTE_REASON_CHOSEN;
    }
    c->floor = floor_of(k);
    for (size_t i = 0; i < c->count; i++) {
        c->solved[i] = to_solve(k, i);
        if (!k->open[i])
            continue;
        bool low = in_the_end(k, i) < c->floor - TIE, spare = spared(k, i);
        k->good[i] = !low && !spare;
        if (!k->good[i])
            c->reason[i] = low ? ROUTE_REASON_BELOW_FLOOR : ROUTE_REASON_SPARED;
    }
}

// What the rest of the session costs with a backend: turns with a warm cache, the failures among
// them, and filling the cache first where it is cold.
static double rest_of_session(const struct pick *k, size_t i, bool warm) {
    const struct route_turn *turn = &k->need->turn;
    const struct route_model *m = k->of[i].model;
    double turns = (double)route_turns_left(k->need->turns);
    double each = route_turn_usd(m, turn, true), failures = k->c->solved[i] - k->c->usd[i];
    if (k->policy->mode == ROUTE_MODE_CHEAPEST)
        failures = 0;
    return turns * (each + failures) + (warm ? 0 : route_turn_usd(m, turn, false) - each);
}

// The session's backend, if it is still good and leaving it would not pay; else the best one.
static int stay(const struct pick *k, int best) {
    const struct route_need *need = k->need;
    int at = -1, to = -1;
    for (size_t i = 0; i < k->c->count && need->sticky && !need->border; i++)
        if (k->of[i].backend == need->sticky && k->good[i])
            at = (int)i;
    if (at < 0)
        return best;
    if (k->policy->mode == ROUTE_MODE_BEST)
        return k->of[best].p_ok > k->of[at].p_ok + TIE ? best : at;
    double least = rest_of_session(k, (size_t)at, true);
    for (size_t i = 0; i < k->c->count; i++) {
        double cost = k->good[i] ? rest_of_session(k, i, false) : INFINITY;
        if ((int)i != at && cost < least - TIE) {
            least = cost;
            to = (int)i;
        }
    }
    if (to >= 0)
        return to;
    if (best != at) {
        double turns = route_switch_turns(k->of[at].model, k->of[best].model, &need->turn);
        k->c->stay_turns = isinf(turns) ? 0 : turns;
        k->c->reason[at] = ROUTE_REASON_STICKY;
    }
    return at;
}

static int explore(const struct pick *k, int chosen) {
    size_t others = 0;
    bool sticky = k->need->sticky && !k->need->border;
    if (k->policy->mode == ROUTE_MODE_BEST || sticky || k->c->budget_left < .2 ||
        k->need->dice[0] / 4294967296.0 >= k->policy->explore)
        return chosen;
    for (size_t i = 0; i < k->c->count; i++)
        others += k->good[i] && (int)i != chosen && k->of[i].standing.state == ROUTE_STATE_OK;
    if (others == 0)
        return chosen;
    size_t nth = k->need->dice[1] % others;
    for (size_t i = 0; i < k->c->count; i++)
        if (k->good[i] && (int)i != chosen && k->of[i].standing.state == ROUTE_STATE_OK &&
            nth-- == 0) {
            k->c->reason[i] = ROUTE_REASON_EXPLORED;
            return (int)i;
        }
    return chosen;
}

static void name_the_others(struct pick *k) {
    struct route_choice *c = k->c;
    bool left[ROUTE_CANDIDATES_MAX];
    for (int round = 0; round < 2; round++) { // good ones first, then those that are only possible
        for (size_t i = 0; i < c->count; i++)
            left[i] = (int)i != c->chosen && k->open[i] && k->good[i] == (round == 0);
        for (int next; (next = best_of(k, left)) >= 0; left[next] = false)
            c->fallback[c->fallbacks++] = next;
    }
    for (size_t i = 0; i < c->count; i++)
        if (k->good[i] && (int)i != c->chosen)
            c->reason[i] = k->policy->mode == ROUTE_MODE_BEST || c->usd[i] <= c->usd[c->chosen]
                               ? ROUTE_REASON_WEAKER
                               : ROUTE_REASON_DEARER;
}

static void wait_for(struct pick *k) {
    struct route_choice *c = k->c;
    for (size_t i = 0; i < c->count; i++) {
        bool in_time = c->reason[i] == ROUTE_REASON_WAITING || c->reason[i] == ROUTE_REASON_SPENT ||
                       c->reason[i] == ROUTE_REASON_BROKEN;
        int64_t at = k->of[i].standing.ready_ms;
        if (in_time && at > 0 && (c->ready < 0 || at < c->ready_ms)) {
            c->ready = (int)i;
            c->ready_ms = at;
        }
    }
}

static double budget_left(const struct route_policy *p) {
    double left = 1;
    for (int i = 0; i < 2; i++)
        if (p->budget_usd[i] > 0)
            left = fmin(left, fmax(1 - p->spent_usd[i] / p->budget_usd[i], 0));
    return left;
}

int route_choose(const struct route_policy *policy, const struct route_need *need,
                 const struct route_candidate *candidates, size_t n, struct route_choice *ret,
                 struct err *err) {
    struct pick k = {.policy = policy, .need = need, .of = candidates, .c = ret};
    if (n > ROUTE_CANDIDATES_MAX)
        return err_set(err, ERR_INVAL, "more than %d backends to choose from",
                       ROUTE_CANDIDATES_MAX);
    *ret = (struct route_choice){
        .chosen = -1, .ready = -1, .count = n, .budget_left = budget_left(policy)};
    for (size_t i = 0; i < n; i++) {
        if (!(candidates[i].p_ok >= 0 && candidates[i].p_ok <= 1) || candidates[i].backend == 0)
            return err_set(err, ERR_INVAL,
                           "backend %zu has no number, or a probability outside 0 to 1", i);
        ret->usd[i] = route_cost_usd(candidates[i].model, &candidates[i].expected);
    }
    judge(&k);
    int best = best_of(&k, k.good);
    if (best >= 0) {
        ret->chosen = explore(&k, stay(&k, best));
    } else if ((best = best_of(&k, k.open)) >= 0) {
        ret->chosen = best;
        ret->reason[best] = ROUTE_REASON_ONLY;
    } else {
        wait_for(&k);
        return 0;
    }
    enum route_reason why = ret->reason[ret->chosen];
    name_the_others(&k);
    ret->reason[ret->chosen] = why;
    return 0;
}
