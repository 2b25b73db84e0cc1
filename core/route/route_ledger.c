#include "core/route/route_ledger.h"

#include "core/base/mem.h"
#include "core/route/route_ledger_impl.h"

#include <math.h>
#include <string.h>

// From this share on a window is watched, and from that it is spared while its rate is unknown.
static const double WATCHED = .5, NEARLY = .9;

const char *route_state_name(enum route_state state) {
    static const char *const names[] = {"ok", "conserve", "probing", "waiting", "spent"};
    return (unsigned)state < COUNT_OF(names) ? names[state] : "unknown";
}

int route_ledger_new(struct route_ledger **ret, struct err *err) {
    struct route_ledger *l = mem_zalloc(sizeof *l);
    if (!l)
        return err_set(err, ERR_NOMEM, "out of memory for the quota ledger");
    *ret = l;
    return 0;
}

void route_ledger_free(struct route_ledger *l) {
    mem_free(l);
}

uint64_t route_ledger_changes(const struct route_ledger *l) {
    return l->changes;
}

bool ledger_name_fits(const char *name, size_t max) {
    size_t n = name ? strnlen(name, max) : 0;
    if (n == 0 || n >= max)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)name[i] <= ' ' || name[i] == 0x7F)
            return false;
    return true;
}

struct account *ledger_account(struct route_ledger *l, const char *name, bool make) {
    for (size_t i = 0; i < l->account_count; i++)
        if (strcmp(l->accounts[i].name, name) == 0)
            return &l->accounts[i];
    if (!make || l->account_count == ROUTE_ACCOUNTS_MAX)
        return NULL;
    struct account *a = &l->accounts[l->account_count++];
    *a = (struct account){.wait_ms = 0};
    memcpy(a->name, name, strlen(name) + 1);
    return a;
}

// When the table is full, the one that was closed, or else opened, the longest ago makes room.
struct breaker_slot *ledger_breaker(struct route_ledger *l, const char *account, const char *model,
                                    bool make) {
    size_t oldest = 0;
    for (size_t i = 0; i < l->breaker_count; i++) {
        struct breaker_slot *b = &l->breakers[i];
        if (strcmp(b->account, account) == 0 && strcmp(b->model, model) == 0)
            return b;
        if (b->breaker.until_ms < l->breakers[oldest].breaker.until_ms)
            oldest = i;
    }
    if (!make)
        return NULL;
    struct breaker_slot *b = l->breaker_count < ROUTE_BREAKERS_MAX
                                 ? &l->breakers[l->breaker_count++]
                                 : &l->breakers[oldest];
    *b = (struct breaker_slot){.breaker = {0}};
    memcpy(b->account, account, strlen(account) + 1);
    memcpy(b->model, model, strlen(model) + 1);
    return b;
}

int route_ledger_declare(struct route_ledger *l, const char *account, const char *window,
                         enum route_unit unit, double limit, int64_t length_ms, struct err *err) {
    if (!ledger_name_fits(account, ROUTE_NAME_BYTES_MAX) ||
        !ledger_name_fits(window, ROUTE_WINDOW_NAME_BYTES_MAX))
        return err_set(err, ERR_INVAL, "a quota needs the names of an account and of a window");
    if (unit >= ROUTE_UNIT_SHARE || !(limit > 0 && limit < 1e15) || length_ms < 1000 ||
        length_ms > INT64_C(400) * 86400 * 1000)
        return err_set(err, ERR_INVAL,
                       "quota %s of %s: a limit above 0 in 1 second to 400 days is needed", window,
                       account);
    struct account *a = ledger_account(l, account, true);
    struct window *w = a ? ledger_window(a, window, true) : NULL;
    if (!w)
        return err_set(err, ERR_LIMIT, "more than %d accounts, or more than %d quotas of one",
                       ROUTE_ACCOUNTS_MAX, ROUTE_WINDOWS_MAX);
    if (!w->declared || w->unit != unit || w->length_ms != length_ms) {
        w->used = w->own = 0;
        w->reset_ms = w->read_ms = -1;
    }
    w->declared = true;
    w->unit = unit;
    w->limit = limit;
    w->length_ms = length_ms;
    l->changes++;
    return 0;
}

// What is under way on an account, as if it had been spent. Forgets tickets that never ended.
static struct route_spend under_way(struct route_ledger *l, const struct account *a,
                                    int64_t now_ms) {
    struct route_spend sum = {0};
    for (size_t i = 0; i < l->ticket_top; i++) {
        struct ticket *t = &l->tickets[i];
        if (t->id == 0 || &l->accounts[t->account] != a)
            continue;
        if (now_ms - t->begun_ms > ROUTE_TICKET_AGE_MS_MAX) {
            t->id = 0;
            continue;
        }
        sum.requests += t->expected.requests;
        sum.tokens_in += t->expected.tokens_in;
        sum.tokens_out += t->expected.tokens_out;
        sum.usd += t->expected.usd;
    }
    return sum;
}

static void worse(struct route_standing *s, enum route_state state, int64_t ready_ms,
                  const char *window) {
    bool later = state == s->state && ready_ms > s->ready_ms; // all of them have to be over
    if (state < s->state || (state == s->state && !later))
        return;
    s->state = state;
    s->ready_ms = ready_ms;
    memcpy(s->window, window, strlen(window) + 1);
}

static void judge(struct account *a, struct window *w, const struct route_spend *pending,
                  const struct route_spend *expected, int64_t now_ms, struct route_standing *s) {
    if (w->limit <= 0 || (w->read_ms < 0 && !w->declared))
        return;
    double used = ledger_window_now(w, now_ms) + ledger_units(w, pending);
    double share = used / w->limit, need = ledger_window_need(w, expected);
    double rate = ledger_window_rate(w, now_ms);
    int64_t end = ledger_window_end(w);
    s->headroom = fmin(s->headroom, fmax(1 - share, 0));
    // Nothing used yet: a request that is larger than the whole window is the provider's to refuse.
    bool full = w->rejected || (used > 0 && used + need > w->limit);
    if (full) {
        worse(s, ledger_window_short(w, now_ms) ? ROUTE_STATE_WAITING : ROUTE_STATE_SPENT, end,
              w->name);
        return;
    }
    if (ledger_window_short(w, now_ms) || share < WATCHED)
        return;
    double left = w->limit - used;
    bool runs_out = rate > 0 && end >= 0 && left / rate < (double)(end - now_ms);
    if (runs_out) {
        int64_t at = now_ms + (int64_t)(left / rate);
        if (s->exhausts_ms < 0 || at < s->exhausts_ms)
            s->exhausts_ms = at;
    }
    if (runs_out || (rate <= 0 && share >= NEARLY))
        worse(s, ROUTE_STATE_CONSERVE, 0, w->name);
    (void)a;
}

void route_ledger_standing(struct route_ledger *l, const char *account, const char *model,
                           const struct route_spend *expected, int64_t now_ms,
                           struct route_standing *ret) {
    *ret = (struct route_standing){.headroom = 1, .exhausts_ms = -1};
    struct account *a = ledger_account(l, account, false);
    if (a) {
        struct route_spend pending = under_way(l, a, now_ms);
        for (size_t i = 0; i < a->count; i++)
            ledger_window_roll(a, &a->windows[i], now_ms);
        for (size_t i = 0; i < a->count; i++)
            if (ledger_window_concerns(&a->windows[i], model))
                judge(a, &a->windows[i], &pending, expected, now_ms, ret);
        if (a->blocked && now_ms < a->until_ms)
            worse(ret, ROUTE_STATE_SPENT, a->until_ms, "");
        else if (a->blocked || a->probing)
            worse(ret, ROUTE_STATE_PROBING, 0, "");
        if (now_ms < a->wait_ms)
            worse(ret, ROUTE_STATE_WAITING, a->wait_ms, "");
    }
    ret->usable = ret->state <= ROUTE_STATE_PROBING;
    ret->guessed = ret->state == ROUTE_STATE_SPENT && a->blocked && a->backoff_ms > 0;
    if (ret->state == ROUTE_STATE_PROBING && a->probe_ms &&
        now_ms - a->probe_ms < ROUTE_PROBE_LOST_MS) {
        ret->usable = false;
        ret->ready_ms = -1;
    }
    struct breaker_slot *b = ledger_breaker(l, account, model, false);
    if (!b)
        return;
    ret->breaker = route_breaker_state(&b->breaker, now_ms);
    if (!route_breaker_allows(&b->breaker, now_ms)) {
        ret->usable = false;
        if (ret->ready_ms >= 0 && ret->ready_ms < b->breaker.until_ms)
            ret->ready_ms = b->breaker.until_ms;
    }
}

static struct ticket *free_ticket(struct route_ledger *l, int64_t now_ms) {
    for (size_t i = 0; i < ROUTE_TICKETS_MAX; i++)
        if (l->tickets[i].id == 0 || now_ms - l->tickets[i].begun_ms > ROUTE_TICKET_AGE_MS_MAX) {
            if (i >= l->ticket_top)
                l->ticket_top = i + 1;
            return &l->tickets[i];
        }
    return NULL;
}

static void give_back(struct route_ledger *l, struct ticket *t) {
    t->id = 0;
    while (l->ticket_top > 0 && l->tickets[l->ticket_top - 1].id == 0)
        l->ticket_top--;
}

int route_ledger_begin(struct route_ledger *l, const char *account, const char *model,
                       const struct route_spend *expected, int64_t now_ms, uint64_t *ret_ticket,
                       struct err *err) {
    if (!ledger_name_fits(account, ROUTE_NAME_BYTES_MAX) ||
        !ledger_name_fits(model, ROUTE_NAME_BYTES_MAX))
        return err_set(err, ERR_INVAL, "a request needs the names of an account and of a model");
    struct ticket *t = free_ticket(l, now_ms);
    struct account *a = t ? ledger_account(l, account, true) : NULL;
    if (!a)
        return err_set(err, ERR_BUSY, "more than %d requests under way, or more than %d accounts",
                       ROUTE_TICKETS_MAX, ROUTE_ACCOUNTS_MAX);
    *t = (struct ticket){.id = ++l->last_ticket,
                         .account = (uint16_t)(a - l->accounts),
                         .expected = *expected,
                         .begun_ms = now_ms};
    memcpy(t->model, model, strlen(model) + 1);
    if (a->probing || (a->blocked && now_ms >= a->until_ms)) {
        t->probe = true;
        a->probe_ms = now_ms > 0 ? now_ms : 1;
    }
    struct breaker_slot *b = ledger_breaker(l, account, model, false);
    if (b)
        route_breaker_begin(&b->breaker, now_ms);
    *ret_ticket = t->id;
    return 0;
}

static struct ticket *find_ticket(struct route_ledger *l, uint64_t id) {
    for (size_t i = 0; id && i < l->ticket_top; i++)
        if (l->tickets[i].id == id)
            return &l->tickets[i];
    return NULL;
}

// Takes the windows of an answer in; whether one of them, a long one, with a known end, is used up.
static bool read_windows(struct account *a, const struct route_limits *limits, int64_t now_ms) {
    bool named = false;
    for (size_t i = 0; i < limits->count; i++) {
        const struct route_limit *said = &limits->items[i];
        struct window *w = ledger_window(a, said->window, true);
        if (!w)
            continue;
        ledger_window_read(w, said, now_ms);
        named |= w->used >= w->limit && w->reset_ms > now_ms && !ledger_window_short(w, now_ms);
    }
    return named;
}

static void mark_rejected(struct account *a, int64_t now_ms) {
    for (size_t i = 0; i < a->count; i++)
        if (a->windows[i].used >= a->windows[i].limit && a->windows[i].reset_ms > now_ms)
            a->windows[i].rejected = true;
}

static void block(struct account *a, int64_t retry_after_ms, int64_t now_ms) {
    if (retry_after_ms < 0) {
        a->backoff_ms = route_backoff_next_ms(a->backoff_ms);
        retry_after_ms = a->backoff_ms;
    }
    a->blocked = true;
    a->until_ms = now_ms + retry_after_ms;
}

static void settle(struct account *a, const struct ticket *t, const struct route_limits *limits,
                   enum route_fault fault, int64_t now_ms) {
    int64_t wait = limits ? limits->retry_after_ms : -1;
    bool named = limits && read_windows(a, limits, now_ms);
    if (t->probe)
        a->probe_ms = 0;
    switch (fault) {
    case ROUTE_FAULT_QUOTA:
        a->probing = false;
        if (named)
            mark_rejected(a, now_ms);
        else
            block(a, wait, now_ms);
        return;
    case ROUTE_FAULT_AUTH:
    case ROUTE_FAULT_BILLING:
        block(a, -1, now_ms);
        return;
    case ROUTE_FAULT_RATE:
    case ROUTE_FAULT_OVERLOADED:
        if (wait >= 0 || fault == ROUTE_FAULT_RATE)
            a->wait_ms = now_ms + (wait >= 0 ? wait : 1000);
        return;
    case ROUTE_FAULT_SERVER:
    case ROUTE_FAULT_TIMEOUT:
        return; // says nothing about quotas
    default:
        a->blocked = a->probing = false;
        a->backoff_ms = 0;
    }
}

void route_ledger_end(struct route_ledger *l, uint64_t ticket, const struct route_spend *used,
                      const struct route_limits *limits, enum route_fault fault, int64_t now_ms) {
    struct ticket *t = find_ticket(l, ticket);
    if (!t)
        return;
    struct account *a = &l->accounts[t->account];
    for (size_t i = 0; i < a->count; i++) {
        ledger_window_roll(a, &a->windows[i], now_ms);
        if (ledger_window_concerns(&a->windows[i], t->model))
            ledger_window_spend(&a->windows[i], used, now_ms);
    }
    settle(a, t, limits, fault, now_ms);
    bool failed = fault == ROUTE_FAULT_SERVER || fault == ROUTE_FAULT_OVERLOADED ||
                  fault == ROUTE_FAULT_TIMEOUT || fault == ROUTE_FAULT_MODEL;
    struct breaker_slot *b = ledger_breaker(l, a->name, t->model, failed);
    if (b)
        route_breaker_end(&b->breaker, fault, now_ms);
    give_back(l, t);
    l->changes++;
}

void route_ledger_cancel(struct route_ledger *l, uint64_t ticket, int64_t now_ms) {
    struct ticket *t = find_ticket(l, ticket);
    (void)now_ms;
    if (!t)
        return;
    struct account *a = &l->accounts[t->account];
    if (t->probe)
        a->probe_ms = 0;
    struct breaker_slot *b = ledger_breaker(l, a->name, t->model, false);
    if (b)
        route_breaker_cancel(&b->breaker);
    give_back(l, t);
}

void route_ledger_forgive(struct route_ledger *l, const char *account) {
    struct account *a = ledger_account(l, account, false);
    if (a) {
        a->blocked = a->probing = false;
        a->backoff_ms = a->wait_ms = 0;
    }
    for (size_t i = 0; i < l->breaker_count; i++)
        if (strcmp(l->breakers[i].account, account) == 0)
            l->breakers[i].breaker = (struct route_breaker){.failures = 0};
    l->changes++;
}
