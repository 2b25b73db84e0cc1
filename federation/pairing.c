// The life of codes and sessions.
#include "federation/pairing.h"

#include "core/base/mem.h"
#include "core/crypto/secret.h"
#include "federation/pairing_impl.h"

#include <assert.h>
#include <string.h>

static int no_memory(struct err *err) {
    return err_set(err, ERR_NOMEM, "out of memory");
}

uint64_t pairing_now_ms(const struct pairing *p) {
    return env_mono_ns(p->env) / 1000000;
}

struct pairing *pairing_new(struct env *env, const struct pairing_events *events, void *ctx) {
    struct pairing *p = mem_zalloc(sizeof *p);
    if (!p)
        return NULL;
    p->env = env;
    p->events = events;
    p->ctx = ctx;
    env_random(env, p->spent_key, sizeof p->spent_key);
    return p;
}

static void offer_done(struct pairing *p) {
    env_timer_cancel(p->env, p->offer.timer);
    secret_free(p->offer.code);
    mem_free(p->offer.side);
    p->offer = (struct pairing_offer){0};
}

void pairing_free(struct pairing *p) {
    if (!p)
        return;
    for (size_t i = 0; i < PAIRING_SESSIONS_MAX; i++)
        assert(!p->sessions[i]);
    offer_done(p);
    secret_wipe(p, sizeof *p);
    mem_free(p);
}

// ------------------------------------------------------------------------------------------- terms

static int side_of(const struct pairing_terms *terms, struct pairing_side **ret, struct err *err) {
    size_t n = strlen(terms->name);
    if (!pair_name_good(terms->name, n))
        return err_set(err, ERR_INVAL, "a name has 1 to %d bytes of plain text",
                       PAIR_NAME_BYTES_MAX);
    AUTO_FREE struct chain *c = mem_alloc(sizeof *c);
    AUTO_FREE struct pairing_side *side = mem_zalloc(sizeof *side);
    if (!c || !side)
        return no_memory(err);
    // Whether its certificate has ended is the other side's to say.
    int r = chain_verify(terms->chain, terms->chain_n, &(struct chain_expect){0}, c, err);
    if (r < 0)
        return r == ERR_NOMEM || r == ERR_PERM ? r : err_context(err, ERR_INVAL, "own identity");
    memcpy(side->name, terms->name, n);
    memcpy(side->chain, terms->chain, terms->chain_n);
    side->chain_n = terms->chain_n;
    memcpy(side->device, c->device, sizeof side->device);
    memcpy(side->identity, c->current, sizeof side->identity);
    side->give = terms->give;
    side->want = terms->want;
    *ret = TAKE(side);
    return 0;
}

struct pairing_side *pairing_side_copy(const struct pairing_side *side) {
    struct pairing_side *ret = mem_alloc(sizeof *ret);
    if (ret)
        *ret = *side;
    return ret;
}

// ------------------------------------------------------------------------------------------- offer

static void on_expired(void *ctx) {
    struct pairing *p = ctx;
    p->offer.timer = NULL;
    pairing_end_offer(p, PAIRING_EXPIRED, NULL);
}

int pairing_offer(struct pairing *p, const struct pairing_terms *terms,
                  char ret[PAIR_CODE_BYTES_MAX], struct err *err) {
    if (pairing_number(p) != 0)
        return err_set(err, ERR_EXISTS, "a pairing code is open already; withdraw it first");
    struct pairing_offer *o = &p->offer;
    int r = side_of(terms, &o->side, err);
    if (r < 0)
        return r;
    o->code = secret_alloc(PAIR_CODE_BYTES_MAX);
    o->timer = env_timer_start(p->env, PAIRING_OFFER_MS, on_expired, p);
    if (!o->code || !o->timer) {
        offer_done(p);
        return no_memory(err);
    }
    struct pair_code code;
    pair_code_draw(p->env, &code);
    pair_code_format(&code, o->code);
    memcpy(ret, o->code, PAIR_CODE_BYTES_MAX);
    o->number = code.number;
    secret_wipe(&code, sizeof code);
    o->mono_ms = pairing_now_ms(p);
    o->wall_ms = env_wall_ms(p->env);
    o->open = true;
    return 0;
}

// A machine that slept stops the one clock, a user who sets the other one the other.
static bool is_late(const struct pairing *p) {
    return pairing_now_ms(p) - p->offer.mono_ms >= PAIRING_OFFER_MS ||
           env_wall_ms(p->env) - p->offer.wall_ms >= PAIRING_OFFER_MS;
}

struct pairing_offer *pairing_open_offer(struct pairing *p, uint16_t number,
                                         const struct pairing_session *except) {
    if (p->offer.open && is_late(p))
        pairing_end_offer(p, PAIRING_EXPIRED, except);
    return p->offer.open && p->offer.number == number ? &p->offer : NULL;
}

uint16_t pairing_number(struct pairing *p) {
    return p->offer.open && pairing_open_offer(p, p->offer.number, NULL) ? p->offer.number : 0;
}

static struct pairing_session *next_unproved(const struct pairing *p,
                                             const struct pairing_session *except) {
    for (size_t i = 0; i < PAIRING_SESSIONS_MAX; i++) {
        struct pairing_session *s = p->sessions[i];
        if (s && s != except && s->state == PAIRING_HOST_PROOF)
            return s;
    }
    return NULL;
}

void pairing_end_offer(struct pairing *p, enum pairing_end why,
                       const struct pairing_session *except) {
    static const char *const texts[] = {
        [PAIRING_USED] = "the pairing code has been used by another",
        [PAIRING_GUESSED] = "the pairing code died of a wrong guess",
        [PAIRING_EXPIRED] = "the pairing code has run out of time",
        [PAIRING_WITHDRAWN] = "the pairing code was withdrawn",
    };
    if (!p->offer.open)
        return;
    offer_done(p); // first: what follows may open the next
    struct err err = {0};
    (void)err_set(&err, why == PAIRING_EXPIRED ? ERR_TIMEOUT : ERR_CLOSED, "%s", texts[why]);
    struct pairing_session *s;
    while ((s = next_unproved(p, except)))
        pairing_end(s, PAIR_CLOSED, &err);
    p->events->offer_ended(p->ctx, why);
}

void pairing_withdraw(struct pairing *p) {
    pairing_end_offer(p, PAIRING_WITHDRAWN, NULL);
}

// ------------------------------------------------------------------------------------- spent codes

bool pairing_is_spent(struct pairing *p, const uint8_t hash[32]) {
    uint64_t now = pairing_now_ms(p);
    for (size_t i = 0; i < PAIRING_SPENT_MAX; i++) {
        if (now - p->spent[i].mono_ms >= PAIRING_OFFER_MS)
            p->spent[i].used = false;
        if (p->spent[i].used && memcmp(p->spent[i].hash, hash, 32) == 0)
            return true;
    }
    return false;
}

int pairing_spend(struct pairing *p, const uint8_t hash[32], struct err *err) {
    if (pairing_is_spent(p, hash))
        return err_set(err, ERR_PERM,
                       "this pairing code has been tried already; ask for a new one");
    for (size_t i = 0; i < PAIRING_SPENT_MAX; i++)
        if (!p->spent[i].used) {
            memcpy(p->spent[i].hash, hash, 32);
            p->spent[i].mono_ms = pairing_now_ms(p);
            p->spent[i].used = true;
            return 0;
        }
    return err_set(err, ERR_LIMIT, "too many pairing codes were tried within ten minutes");
}

// ---------------------------------------------------------------------------------------- sessions

static void on_timeout(void *ctx) {
    struct pairing_session *s = ctx;
    struct err err = {0};
    s->timer = NULL;
    (void)err_set(&err, ERR_TIMEOUT,
                  s->state == PAIRING_JUDGING ? "pairing was not confirmed in time"
                                              : "the other side does not go on with pairing");
    pairing_end(s, PAIR_CLOSED, &err);
}

int pairing_set_timer(struct pairing_session *s, uint64_t ms, struct err *err) {
    env_timer_cancel(s->p->env, s->timer);
    s->timer = env_timer_start(s->p->env, ms, on_timeout, s);
    return s->timer ? 0 : no_memory(err);
}

static int session_new(struct pairing *p, bool host, const struct pairing_link *link, void *ctx,
                       struct pairing_session **ret, struct err *err) {
    if (secret_equal(link->own_device, link->peer_device, sizeof link->own_device))
        return err_set(err, ERR_INVAL, "this is a link of this engine to itself");
    size_t slot = 0;
    while (slot < PAIRING_SESSIONS_MAX && p->sessions[slot])
        slot++;
    if (slot == PAIRING_SESSIONS_MAX)
        return err_set(err, ERR_LIMIT, "too many try to pair at once");
    struct pairing_session *s = mem_zalloc(sizeof *s);
    if (!s)
        return no_memory(err);
    s->p = p;
    s->ctx = ctx;
    s->host = host;
    s->link = *link;
    s->timer = env_timer_start(p->env, PAIRING_EXCHANGE_MS, on_timeout, s);
    if (!s->timer) {
        mem_free(s);
        return no_memory(err);
    }
    p->sessions[slot] = s;
    *ret = s;
    return 0;
}

static void session_free(struct pairing_session *s) {
    for (size_t i = 0; i < PAIRING_SESSIONS_MAX; i++)
        if (s->p->sessions[i] == s)
            s->p->sessions[i] = NULL;
    env_timer_cancel(s->p->env, s->timer);
    cpace_free(s->cpace);
    secret_free(s->keys);
    mem_free(s->introduction);
    mem_free(s->side);
    mem_free(s);
}

// Silent: secrets and the timer go at once, the rest with pairing_close.
static void shut(struct pairing_session *s) {
    s->state = PAIRING_OVER;
    env_timer_cancel(s->p->env, s->timer);
    s->timer = NULL;
    cpace_free(s->cpace);
    s->cpace = NULL;
    secret_free(s->keys);
    s->keys = NULL;
}

static void refuse(struct pairing_session *s, enum pair_reason reason) {
    if (s->state != PAIRING_OVER && reason)
        (void)pairing_send(s, &(struct pair_message){.type = PAIR_REFUSE, .reason = reason}, NULL);
}

void pairing_end(struct pairing_session *s, enum pair_reason reason, const struct err *why) {
    if (s->state == PAIRING_OVER)
        return;
    refuse(s, reason);
    shut(s);
    s->p->events->over(s->ctx, s, NULL, why);
}

void pairing_finish(struct pairing_session *s) {
    struct pairing_result result = {
        .peer = &s->peer, .granted = s->granted, .received = s->received, .host = s->host};
    memcpy(result.secret, s->keys->secret, sizeof result.secret);
    shut(s);
    s->p->events->over(s->ctx, s, &result, NULL);
    secret_wipe(result.secret, sizeof result.secret);
}

void pairing_close(struct pairing_session *s) {
    if (!s)
        return;
    refuse(s, PAIR_CLOSED);
    session_free(s);
}

// Label, keys of both devices, the link's binding, the number: every field of fixed length, so that
// no two links have the same bytes. Who is which is also in the associated data.
int pairing_exchange(struct pairing_session *s, const char *code, const uint8_t sid[PAIR_SID_BYTES],
                     struct err *err) {
    static const char label[] = "paired/pair/v1";
    const uint8_t *guest = s->host ? s->link.peer_device : s->link.own_device;
    const uint8_t *host = s->host ? s->link.own_device : s->link.peer_device;
    uint8_t ci[sizeof label + 3 * PAIRING_LINK_BYTES], random[CPACE_RANDOM_BYTES];
    memcpy(ci, label, sizeof label);
    memcpy(ci + sizeof label, guest, PAIRING_LINK_BYTES);
    memcpy(ci + sizeof label + PAIRING_LINK_BYTES, host, PAIRING_LINK_BYTES);
    memcpy(ci + sizeof label + 2 * PAIRING_LINK_BYTES, s->link.binding, PAIRING_LINK_BYTES);
    const char *ad = s->host ? "host" : "guest";
    struct cpace_config config = {.role = s->host ? CPACE_RESPONDER : CPACE_INITIATOR,
                                  .prs = {code, strlen(code)},
                                  .ci = {ci, sizeof ci},
                                  .sid = {sid, PAIR_SID_BYTES},
                                  .ad = {ad, strlen(ad)}};
    env_random(s->p->env, random, sizeof random);
    int r = cpace_new(&config, random, &s->cpace, err);
    secret_wipe(random, sizeof random);
    return r;
}

static int start_guess(struct pairing_session *s, const char *typed, size_t n, struct err *err) {
    struct pair_code code;
    int r = pair_code_parse(typed, n, &code, err);
    if (r < 0)
        return r;
    char text[PAIR_CODE_BYTES_MAX];
    struct pair_message m = {.type = PAIR_HELLO, .number = code.number};
    pair_code_format(&code, text);
    secret_hash(s->p->spent_key, text, strlen(text), NULL, 0, s->spent);
    if (pairing_is_spent(s->p, s->spent))
        r = err_set(err, ERR_PERM, "this pairing code has been tried already; ask for a new one");
    env_random(s->p->env, m.sid, sizeof m.sid);
    if (r == 0)
        r = pairing_exchange(s, text, m.sid, err);
    secret_wipe(text, sizeof text);
    secret_wipe(&code, sizeof code);
    if (r < 0)
        return r;
    s->number = m.number;
    memcpy(m.share, cpace_message(s->cpace), sizeof m.share);
    s->state = PAIRING_GUEST_REPLY;
    return pairing_send(s, &m, err);
}

int pairing_guess(struct pairing *p, const char *code, size_t n, const struct pairing_link *link,
                  const struct pairing_terms *terms, void *session_ctx,
                  struct pairing_session **ret, struct err *err) {
    struct pairing_session *s = NULL;
    int r = session_new(p, false, link, session_ctx, &s, err);
    if (r < 0)
        return r;
    r = side_of(terms, &s->side, err);
    if (r == 0 && memcmp(s->side->device, link->own_device, sizeof s->side->device) != 0)
        r = err_set(err, ERR_INVAL, "own identity: the certificate is of another device");
    if (r == 0)
        r = start_guess(s, code, n, err);
    if (r < 0)
        session_free(s);
    else
        *ret = s;
    return r;
}

int pairing_accept(struct pairing *p, const struct pairing_link *link, void *session_ctx,
                   struct pairing_session **ret, struct err *err) {
    static const uint8_t busy[] = {PAIR_VERSION, PAIR_REFUSE, PAIR_BUSY};
    int r = session_new(p, true, link, session_ctx, ret, err);
    if (r == 0)
        (*ret)->state = PAIRING_HOST_FIRST;
    else if (r == ERR_LIMIT)
        p->events->send(session_ctx, busy, sizeof busy);
    return r;
}
