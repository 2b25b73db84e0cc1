// One pairing: its phases, and the guest's search for the host.
#include "federation/pairwork.h"

#include "core/base/mem.h"
#include "core/crypto/secret.h"
#include "federation/pairwork_impl.h"

#include <assert.h>
#include <string.h>

static void on_timer(void *ctx);

uint64_t pairwork_ms(const struct pairwork *w) {
    return env_mono_ns(w->config.env) / 1000000;
}

// --- life ----------------------------------------------------------------------------------------

struct pairwork *pairwork_new(const struct pairwork_config *config) {
    struct pairwork *w = mem_zalloc(sizeof *w);
    if (!w)
        return NULL;
    w->config = *config;
    w->pairing = pairing_new(config->env, &pairwork_events, w);
    if (!w->pairing) {
        mem_free(w);
        return NULL;
    }
    env_random(config->env, &w->acts, sizeof w->acts);
    w->acts >>= 24; // exact as a JSON number
    return w;
}

// What only a guest that seeks needs.
static void forget_guess(struct pairwork *w) {
    secret_free(w->code);
    w->code = NULL;
    mem_free(w->chain);
    w->chain = NULL;
    w->number = 0;
    w->candidates_n = 0;
}

void pairwork_tried(struct pairwork *w) {
    secret_free(w->code);
    w->code = NULL;
}

void pairwork_free(struct pairwork *w) {
    if (!w)
        return;
    for (size_t i = 0; i < PAIRING_SESSIONS_MAX; i++)
        assert(!w->exchanges[i]);
    env_timer_cancel(w->config.env, w->timer);
    forget_guess(w);
    pairing_free(w->pairing);
    mem_free(w);
}

struct node_service pairwork_service(struct pairwork *w) {
    return (struct node_service){.methods = pairwork_methods, .gone = pair_attempt_gone, .ctx = w};
}

void pairwork_start(struct pairwork *w, struct node *n) {
    w->node = n;
}

void pairwork_door(struct pairwork *w) {
    bool open = w->state.phase == PAIRWORK_OPEN;
    for (size_t i = 0; i < PAIRING_SESSIONS_MAX; i++)
        open |= w->exchanges[i] != NULL;
    node_open_door(w->node, open);
}

// --- phases --------------------------------------------------------------------------------------

void pairwork_timer(struct pairwork *w, uint64_t ms) {
    env_timer_cancel(w->config.env, w->timer);
    w->timer = env_timer_start(w->config.env, ms, on_timer, w);
    // Without a timer the links' own limits end it, later and with less to say.
}

void pairwork_phase(struct pairwork *w, enum pairwork_phase phase, uint64_t ms) {
    w->state.phase = phase;
    w->state.serial++;
    w->until_ms = ms ? pairwork_ms(w) + ms : 0;
    env_timer_cancel(w->config.env, w->timer);
    w->timer = NULL;
    pairwork_door(w);
}

void pairwork_failed(struct pairwork *w, const struct err *why) {
    w->current = NULL;
    forget_guess(w);
    w->state.code = why->code;
    memcpy(w->state.text, why->message, sizeof w->state.text);
    pairwork_phase(w, PAIRWORK_FAILED, 0);
}

static bool under_way(const struct pairwork *w) {
    return w->state.phase > PAIRWORK_IDLE && w->state.phase < PAIRWORK_PAIRED;
}

static int begin(struct pairwork *w, struct err *err) {
    if (w->state.phase == PAIRWORK_OPEN)
        return err_set(err, ERR_EXISTS,
                       "a pairing code is open here already; the other side types it, or it is "
                       "withdrawn first");
    return under_way(w) ? err_set(err, ERR_BUSY, "a pairing is under way; end it first") : 0;
}

static void begun(struct pairwork *w, bool host, const struct pairing_terms *terms) {
    pairwork_undoubt(w);
    struct pairwork_state fresh = {.act = ++w->acts, .serial = w->state.serial, .host = host};
    fresh.offered = terms->give;
    fresh.asked = terms->want;
    w->state = fresh;
    w->current = NULL;
}

int pairwork_open(struct pairwork *w, const struct pairing_terms *terms,
                  char code[PAIR_CODE_BYTES_MAX], uint64_t *ret_act, struct err *err) {
    int r = begin(w, err);
    if (r == 0)
        r = pairing_offer(w->pairing, terms, code, err);
    if (r < 0)
        return r;
    begun(w, true, terms);
    pairwork_phase(w, PAIRWORK_OPEN, PAIRING_OFFER_MS);
    *ret_act = w->state.act;
    return 0;
}

static int of_act(const struct pairwork *w, uint64_t act, struct err *err) {
    return act == w->state.act ? 0 : err_set(err, ERR_NOT_FOUND, "this pairing is over");
}

int pairwork_answer(struct pairwork *w, uint64_t act, bool yes, const struct pair_scopes *granted,
                    struct err *err) {
    int r = of_act(w, act, err);
    if (r < 0)
        return r;
    if (w->state.phase == PAIRWORK_FAILED)
        return err_set(err, ERR_CLOSED, "%s", w->state.text);
    if (w->state.phase != PAIRWORK_ASKING)
        return err_set(err, ERR_INVAL, "there is nothing to answer in this pairing");
    return pair_attempt_answer(w->current, yes, granted, err);
}

int pairwork_cancel(struct pairwork *w, uint64_t act, struct err *err) {
    int r = act ? of_act(w, act, err) : 0;
    if (r < 0 || !under_way(w))
        return r;
    if (w->state.phase == PAIRWORK_KEEPING)
        return err_set(err, ERR_BUSY, "both sides have agreed, and it is being stored");
    struct err why = {0};
    (void)err_set(&why, ERR_CANCELLED, "pairing was ended here");
    struct pair_attempt *e = w->current;
    pairwork_failed(w, &why); // first: what follows finds no pairing to fail
    pairing_withdraw(w->pairing);
    if (e)
        pair_attempt_end(e);
    return 0;
}

void pairwork_state(struct pairwork *w, struct pairwork_state *ret) {
    (void)pairing_number(w->pairing); // a machine that slept: ends the code now
    uint64_t now = pairwork_ms(w);
    *ret = w->state;
    ret->left_ms = w->until_ms > now ? w->until_ms - now : 0;
}

uint16_t pairwork_number(struct pairwork *w) {
    return pairing_number(w->pairing);
}

uint16_t pairwork_sought(const struct pairwork *w) {
    return w->state.phase == PAIRWORK_SEEKING ? w->number : 0;
}

// --- the search ----------------------------------------------------------------------------------

struct visit { // under way; cannot be called off
    struct pairwork *w;
    uint64_t act;
    struct net_addr addr;
};

static struct candidate *candidate_of(struct pairwork *w, const struct net_addr *a) {
    for (uint32_t i = 0; i < w->candidates_n; i++)
        if (net_addr_equal(&w->candidates[i].addr, a))
            return &w->candidates[i];
    return NULL;
}

static void visited(void *ctx, struct node_session *s, const struct err *why) {
    struct visit v = *(struct visit *)ctx;
    struct pairwork *w = v.w;
    struct err err = {0};
    mem_free(ctx);
    struct candidate *c = v.act == w->state.act ? candidate_of(w, &v.addr) : NULL;
    if (!c || w->state.phase != PAIRWORK_SEEKING) {
        if (c) // another one answered first; this one's turn may come yet
            c->state = CANDIDATE_WAITING;
        if (s)
            node_session_close(s, "unused");
        return;
    }
    c->state = CANDIDATE_DONE;
    if (!s) {
        char text[NET_ADDR_TEXT_MAX];
        net_addr_format(&v.addr, text);
        w->last = *why;
        (void)err_context(&w->last, why->code, "%s", text);
        pairwork_seek(w);
    } else if (pair_attempt_guess(w, s, &v.addr, &err) < 0) {
        pairwork_failed(w, &err);
    }
}

static int visit(struct pairwork *w, struct candidate *c, struct err *err) {
    struct visit *v = mem_alloc(sizeof *v);
    if (!v)
        return err_set(err, ERR_NOMEM, "out of memory");
    *v = (struct visit){w, w->state.act, c->addr};
    int r = node_visit(w->node, &c->addr, visited, v, err);
    if (r < 0)
        mem_free(v);
    return r;
}

static void give_up(struct pairwork *w) {
    struct err why = w->last;
    if (why.code == 0)
        (void)err_set(&why, ERR_NOT_FOUND,
                      "no engine nearby has the pairing code %u open; is it on the same network? "
                      "Its address can be given: --at HOST:PORT",
                      w->number);
    pairwork_failed(w, &why);
}

void pairwork_seek(struct pairwork *w) {
    struct candidate *next = NULL;
    bool more = false, visiting = false;
    for (uint32_t i = 0; i < w->candidates_n; i++) {
        struct candidate *c = &w->candidates[i];
        if (c->state == CANDIDATE_WAITING && !next) {
            c->state = CANDIDATE_DONE;
            if (visit(w, c, &w->last) == 0) {
                c->state = CANDIDATE_VISITED;
                next = c;
            }
        }
        more |= c->state == CANDIDATE_WAITING;
        visiting |= c->state == CANDIDATE_VISITED;
    }
    uint64_t now = pairwork_ms(w);
    if ((w->typed && !visiting) || now >= w->until_ms) {
        give_up(w);
        return;
    }
    uint64_t left = w->until_ms - now;
    pairwork_timer(w, more && left > PAIRWORK_STAGGER_MS ? PAIRWORK_STAGGER_MS : left);
}

static int keep_guess(struct pairwork *w, const char *code, size_t n,
                      const struct pairing_terms *terms, struct err *err) {
    struct pair_code parsed;
    int r = pair_code_parse(code, n, &parsed, err); // bounds n, too
    if (r < 0)
        return r;
    size_t name_n = strlen(terms->name);
    if (!pair_name_good(terms->name, name_n) || terms->chain_n > CHAIN_BYTES_MAX)
        return err_set(err, ERR_INVAL, "a name has 1 to %d bytes of plain text",
                       PAIR_NAME_BYTES_MAX);
    forget_guess(w);
    w->code = secret_alloc(PAIR_CODE_BYTES_MAX);
    w->chain = mem_alloc(terms->chain_n);
    if (!w->code || !w->chain) {
        secret_wipe(&parsed, sizeof parsed);
        forget_guess(w);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    pair_code_format(&parsed, w->code);
    w->number = parsed.number;
    secret_wipe(&parsed, sizeof parsed);
    memcpy(w->chain, terms->chain, terms->chain_n);
    memcpy(w->name, terms->name, name_n + 1);
    w->terms = *terms;
    w->terms.name = w->name;
    w->terms.chain = w->chain;
    return 0;
}

int pairwork_guess(struct pairwork *w, const char *code, size_t n,
                   const struct pairing_terms *terms, const struct net_addr *addrs, size_t addrs_n,
                   uint64_t *ret_act, struct err *err) {
    int r = begin(w, err);
    if (r == 0 && addrs_n > PAIRWORK_ADDRS_MAX)
        r = err_set(err, ERR_LIMIT, "more than %d addresses", PAIRWORK_ADDRS_MAX);
    if (r == 0)
        r = keep_guess(w, code, n, terms, err);
    if (r < 0)
        return r;
    begun(w, false, terms);
    w->last = (struct err){0};
    w->typed = addrs_n > 0;
    for (size_t i = 0; i < addrs_n; i++)
        if (!candidate_of(w, &addrs[i]))
            w->candidates[w->candidates_n++] = (struct candidate){.addr = addrs[i]};
    pairwork_phase(w, PAIRWORK_SEEKING, PAIRWORK_SEEK_MS);
    *ret_act = w->state.act;
    pairwork_seek(w);
    return 0;
}

void pairwork_found(struct pairwork *w, uint16_t number, const struct net_addr *a) {
    if (number == 0 || number != pairwork_sought(w) || w->typed || a->port == 0 ||
        w->candidates_n >= PAIRWORK_ADDRS_MAX || candidate_of(w, a))
        return;
    w->candidates[w->candidates_n++] = (struct candidate){.addr = *a};
    pairwork_seek(w);
}

static void on_timer(void *ctx) {
    struct pairwork *w = ctx;
    struct err why = {0};
    w->timer = NULL;
    if (w->state.phase == PAIRWORK_SEEKING) {
        pairwork_seek(w);
    } else if (w->state.phase == PAIRWORK_UNCONFIRMED) {
        pairwork_doubt_due(w);
    } else if (w->state.phase == PAIRWORK_KEEPING && w->current) {
        (void)err_set(&why, ERR_TIMEOUT, "%s did not store the pairing in time; nothing was kept",
                      w->state.name);
        pair_attempt_fail(w->current, &why);
    }
}
