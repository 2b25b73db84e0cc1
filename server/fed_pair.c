// What pairing needs of the engine, on the federation's thread.
#include "server/fed_pair.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/crypto/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)PAIRING_SECRET_BYTES == (int)PEERSDB_SECRET_BYTES, "one secret");

struct fed_pair {
    struct fed_core *core;
    struct pairwork *work;
    uint64_t act; // of `take`
    struct pair_scopes take;
    uint64_t settled; // the last whose grants were given, and which they are
    struct pair_scopes given, taken;
    int code;
    struct env_timer *unwatched;
};

// A device that is known keeps what the user, or the network, has said of it.
static int keep_peer(struct fed_core *core, const struct pairing_peer *p, const char *address,
                     struct peers_entry *entry, struct err *err) {
    struct peersdb_peer peer = {0};
    int r = peersdb_peer_get(core->peersdb, p->chain.device, &peer, NULL);
    if (r < 0 && r != ERR_NOT_FOUND)
        return err_set(err, r, "who is paired could not be read");
    memcpy(peer.device, p->chain.device, sizeof peer.device);
    memcpy(peer.identity, p->chain.current, sizeof peer.identity);
    memcpy(peer.name, p->name, sizeof p->name);
    peer.paired_ms = env_wall_ms(core->env);
    if (*address)
        (void)snprintf(peer.address, sizeof peer.address, "%s", address);
    entry->seen_ms = peer.seen_ms;
    entry->in_s = peer.in_s;
    entry->out_s = peer.out_s;
    return peersdb_peer_put(core->peersdb, &peer, err);
}

static int on_paired(void *ctx, const struct pairing_result *r, const struct net_addr *address,
                     struct peers_entry *entry, struct err *err) {
    struct fed_pair *p = ctx;
    struct peersdb *db = p->core->peersdb;
    const struct pairing_peer *peer = r->peer;
    struct peersdb_peer before;
    char text[NET_ADDR_TEXT_MAX] = "";
    if (address->port != 0)
        net_addr_format(address, text);
    bool known = peersdb_peer_get(db, peer->chain.device, &before, NULL) == 0;
    int code = peersdb_certify(db, &peer->chain, peer->chain_bytes, peer->chain_n,
                               env_wall_ms(p->core->env), err);
    if (code == 0)
        code = keep_peer(p->core, peer, text, entry, err);
    if (code == 0)
        code = peersdb_secret_put(db, peer->chain.device, r->secret, err);
    if (code < 0 && !known) // a certificate alone lets nobody in
        (void)peersdb_peer_remove(db, peer->chain.device, NULL);
    if (code == 0)
        log_line(LOG_INFO, "federation", "paired role=%s own=%d", r->host ? "host" : "guest",
                 peer->own_identity);
    return code;
}

static void on_unpaired(void *ctx, const uint8_t *device) {
    struct fed_pair *p = ctx;
    struct err err = {0};
    int r = peersdb_peer_remove(p->core->peersdb, device, &err);
    log_line(r < 0 ? LOG_WARN : LOG_INFO, "federation", "pairing taken back code=%s",
             err_name(r < 0 ? r : 0));
}

static void on_alarm(void *ctx, enum pairing_alarm what, const uint8_t *device) {
    char who[IDENTITY_SHORT_BYTES];
    (void)ctx;
    identity_short(device, who);
    log_line(LOG_WARN, "federation", "pairing alarm=%s device=%s",
             what == PAIRING_ALARM_GUESS ? "guess" : "impostor", who);
}

// --- grants --------------------------------------------------------------------------------------

struct settling { // made on the thread, used by one worker, which frees it
    struct services *services;
    struct fed_pair *part; // only compared
    uint64_t act;
    uint8_t identity[IDENTITY_KEY_BYTES];
    struct pair_scopes give, take; // to be granted; then what was
    int code;
};

enum consent_direction fed_pair_direction(const char *kind, bool give) {
    return (strcmp(kind, CONSENT_TASK) == 0) == give ? CONSENT_IN : CONSENT_OUT;
}

static int grant_each(struct store *store, const char *audience, struct pair_scopes *kinds,
                      bool give, struct err *err) {
    struct pair_scopes given = {0};
    int r = 0;
    for (size_t i = 0; i < kinds->n && r == 0; i++) {
        const char *kind = kinds->names[i];
        const struct consent_what what = {kind, audience, fed_pair_direction(kind, give), NULL};
        if (!consent_kind_federated(kind))
            continue; // of a newer version than ours
        r = consent_grant(store, NULL, &what, 0, "cli", err);
        if (r == 0)
            r = pair_scopes_add(&given, kind, strlen(kind), err);
    }
    *kinds = given;
    return r;
}

static int note_settled(struct fed_core *core, void *arg, struct err *err) {
    const struct settling *s = arg;
    struct fed_pair *p = fed_pair_of(core);
    (void)err;
    if (p == s->part) {
        p->settled = s->act;
        p->given = s->give;
        p->taken = s->take;
        p->code = s->code;
    }
    return 0;
}

static void settle(void *ctx, bool ended) {
    struct settling *s = ctx;
    struct err err = {0};
    if (!ended) {
        char audience[CONSENT_AUDIENCE_BYTES_MAX + 1];
        struct store *store = s->services->store(s->services, &err);
        consent_friend(s->identity, audience);
        s->code = store ? grant_each(store, audience, &s->give, true, &err) : err.code;
        if (s->code == 0)
            s->code = grant_each(store, audience, &s->take, false, &err);
        if (s->code < 0)
            log_line(LOG_WARN, "federation", "grants of a pairing not given code=%s",
                     err_name(s->code));
        (void)fed_run(s->services, note_settled, s, NULL);
    }
    mem_free(s);
}

static void on_confirmed(void *ctx, const struct pairwork_state *state) {
    struct fed_pair *p = ctx;
    struct services *services = p->core->services;
    struct settling *s = mem_zalloc(sizeof *s);
    int r = s ? 0 : ERR_NOMEM;
    if (s) {
        *s = (struct settling){
            .services = services, .part = p, .act = state->act, .give = state->granted};
        memcpy(s->identity, state->identity, sizeof s->identity);
        for (size_t i = 0; p->act == state->act && i < p->take.n; i++)
            if (pair_scopes_has(&state->received, p->take.names[i]))
                (void)pair_scopes_add(&s->take, p->take.names[i], strlen(p->take.names[i]), NULL);
        r = services->work(services, settle, s);
    }
    if (r == 0)
        return;
    mem_free(s);
    p->settled = state->act;
    p->given = p->taken = (struct pair_scopes){0};
    p->code = r;
}

static const struct pairwork_owner owner = {on_paired, on_unpaired, on_confirmed, on_alarm};

// --- part ----------------------------------------------------------------------------------------

static uint64_t watched_ms(void) {
    const char *test = getenv("PAIRED_TEST_PAIR_WATCHED_MS");
    return test ? strtoull(test, NULL, 10) : FED_PAIR_WATCHED_MS;
}

static void on_unwatched(void *ctx) {
    struct fed_pair *p = ctx;
    struct pairwork_state s;
    p->unwatched = NULL;
    pairwork_state(p->work, &s);
    if (s.phase > PAIRWORK_IDLE && s.phase < PAIRWORK_KEEPING &&
        pairwork_cancel(p->work, 0, NULL) == 0)
        log_line(LOG_INFO, "federation", "a pairing was ended: nobody waited for it");
}

void fed_pair_watched(struct fed_pair *p) {
    env_timer_cancel(p->core->env, p->unwatched);
    p->unwatched = env_timer_start(p->core->env, watched_ms(), on_unwatched, p);
}

static int make(struct fed_core *core, void **ret, struct node_service *service, struct err *err) {
    struct fed_pair *p = mem_zalloc(sizeof *p);
    struct pairwork_config config = {.env = core->env, .owner = &owner, .ctx = p};
    memcpy(config.key, identity_device(core->id), sizeof config.key);
    if (p)
        p->work = pairwork_new(&config);
    if (!p || !p->work) {
        mem_free(p);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    p->core = core;
    *service = pairwork_service(p->work);
    *ret = p;
    return 0;
}

static int start(struct fed_core *core, void *part, struct err *err) {
    struct fed_pair *p = part;
    (void)err;
    pairwork_start(p->work, core->node);
    return 0;
}

static void done(void *part) {
    struct fed_pair *p = part;
    env_timer_cancel(p->core->env, p->unwatched);
    pairwork_free(p->work);
    mem_free(p);
}

const struct fed_part fed_part_pair = {.make = make, .start = start, .done = done};

struct fed_pair *fed_pair_of(struct fed_core *core) {
    return core->part[FED_PAIR];
}

struct pairwork *fed_pair_work(struct fed_pair *p) {
    return p->work;
}

void fed_pair_take(struct fed_pair *p, uint64_t act, const struct pair_scopes *take) {
    p->act = act;
    p->take = *take;
}

bool fed_pair_granted(struct fed_pair *p, uint64_t act, struct pair_scopes *ret_give,
                      struct pair_scopes *ret_take, int *ret_code) {
    if (p->settled != act)
        return false;
    *ret_give = p->given;
    *ret_take = p->taken;
    *ret_code = p->code;
    return true;
}
