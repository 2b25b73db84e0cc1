// What the exchange of records needs of the engine: which scopes a friend and we have in common,
// what the grants let through, whose devices are believed.
#include "server/fed_exchange.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "server/fed_groups.h"
#include "server/fed_impl.h"

#include <string.h>

enum { KINDS = RECORD_MILESTONE, WAYS = 3, SLOTS = 64 };

// The scopes that we may share with an identity, by their ids: hashing them for each message would
// cost more than all else that is asked.
struct slot {
    bool used;
    uint8_t identity[RECORD_KEY_BYTES];
    uint8_t ids[KINDS][WAYS][RECORD_SCOPE_BYTES];
};
enum { OURS, THEIRS, ALL }; // who writes in it

struct fed_exchange {
    struct fed_core *core;
    struct exchange *exchange;
    struct exchange_owner owner;
    struct slot slots[SLOTS];
};

static struct scope scope_of(const struct fed_exchange *x, const uint8_t *identity, unsigned kind,
                             unsigned way) {
    const uint8_t *own = identity_key(x->core->id);
    struct scope s = {.kind = (enum record_kind)kind,
                      .audience = way == ALL ? SCOPE_EVERYONE : SCOPE_FRIEND};
    memcpy(s.author, way == OURS ? own : identity, sizeof s.author);
    memcpy(s.reader, way == OURS ? identity : own, sizeof s.reader);
    return s;
}

static const struct slot *slot_of(struct fed_exchange *x, const uint8_t *identity) {
    struct slot *slot = &x->slots[identity[0] % SLOTS];
    if (slot->used && memcmp(slot->identity, identity, sizeof slot->identity) == 0)
        return slot;
    slot->used = true;
    memcpy(slot->identity, identity, sizeof slot->identity);
    for (unsigned kind = 1; kind <= KINDS; kind++)
        for (unsigned way = 0; way < WAYS; way++) {
            struct scope s = scope_of(x, identity, kind, way);
            scope_id(&s, slot->ids[kind - 1][way]);
        }
    return slot;
}

// What sync may do. A record that was let go once can always be taken back: revocations, and the
// receipts that answer them, need no grant.
static unsigned allowed(struct fed_exchange *x, const uint8_t *identity, unsigned kind,
                        unsigned way) {
    struct scope s = scope_of(x, identity, kind, way);
    return fed_grants_scope(x->core->grants, &s, identity_key(x->core->id),
                            env_wall_ms(x->core->env)) |
           SYNC_SEND_ORDERS | SYNC_RECEIVE_ORDERS;
}

// --- groups in common with a session: few, and asked for by their friends only

struct look {
    struct fed_exchange *x;
    const uint8_t *scope; // that is looked for
    unsigned bits;
    exchange_scope_fn *fn; // or all that are open
    void *fn_ctx;
};

static void look_at_group(void *ctx, const struct group *g) {
    struct look *l = ctx;
    const struct fed_core *core = l->x->core;
    struct scope s = {.audience = SCOPE_GROUP};
    memcpy(s.group, g->name, sizeof s.group);
    memcpy(s.secret, g->secret, sizeof s.secret);
    for (unsigned kind = 1; kind <= KINDS; kind++) {
        uint8_t id[RECORD_SCOPE_BYTES];
        s.kind = (enum record_kind)kind;
        scope_id(&s, id);
        unsigned bits =
            fed_grants_scope(core->grants, &s, identity_key(core->id), env_wall_ms(core->env)) |
            SYNC_SEND_ORDERS | SYNC_RECEIVE_ORDERS;
        if (l->scope && memcmp(id, l->scope, sizeof id) == 0)
            l->bits = bits;
        if (l->fn && bits & (unsigned)(SYNC_SEND | SYNC_RECEIVE))
            l->fn(l->fn_ctx, id);
    }
}

static unsigned on_allow(void *ctx, const struct exchange_peer *peer,
                         const uint8_t scope[RECORD_SCOPE_BYTES]) {
    struct fed_exchange *x = ctx;
    const struct slot *slot = slot_of(x, peer->identity);
    for (unsigned kind = 1; kind <= KINDS; kind++)
        for (unsigned way = 0; way < WAYS; way++)
            if (memcmp(slot->ids[kind - 1][way], scope, RECORD_SCOPE_BYTES) == 0)
                return allowed(x, peer->identity, kind, way);
    struct look look = {.x = x, .scope = scope};
    groups_common(fed_groups_of(x->core), peer->device, look_at_group, &look);
    return look.bits;
}

// Those that are open, and those in which something lies that may have to be taken back.
static void on_scopes(void *ctx, const struct exchange_peer *peer, exchange_scope_fn *fn,
                      void *fn_ctx) {
    struct fed_exchange *x = ctx;
    const struct slot *slot = slot_of(x, peer->identity);
    for (unsigned kind = 1; kind <= KINDS; kind++)
        for (unsigned way = 0; way < WAYS; way++) {
            int64_t newest = 0;
            const uint8_t *id = slot->ids[kind - 1][way];
            bool open =
                allowed(x, peer->identity, kind, way) & (unsigned)(SYNC_SEND | SYNC_RECEIVE);
            if (!open && peersdb_newest(x->core->peersdb, id, &newest, NULL) == 0)
                open = newest > 0;
            if (open)
                fn(fn_ctx, id);
        }
    struct look look = {.x = x, .fn = fn, .fn_ctx = fn_ctx};
    groups_common(fed_groups_of(x->core), peer->device, look_at_group, &look);
}

static int on_chain(void *ctx, struct buf *out, struct err *err) {
    struct fed_exchange *x = ctx;
    (void)err;
    return identity_chain(x->core->id, out);
}

static void on_learn(void *ctx, const uint8_t *statement, size_t n) {
    struct fed_exchange *x = ctx;
    struct err err = {0};
    bool was = identity_revoked(x->core->id);
    int r = identity_learn(x->core->id, statement, n, &err);
    if (r == 0)
        r = exchange_identity_changed(x->exchange, &err);
    if (r < 0)
        log_line(LOG_WARN, "federation", "statement not taken code=%s", err_name(r));
    else if (!was && identity_revoked(x->core->id))
        log_line(LOG_WARN, "federation", "this device was revoked by another of ours");
}

static void on_revoked(void *ctx, const uint8_t device[RECORD_KEY_BYTES]) {
    struct fed_exchange *x = ctx;
    node_peer_remove(x->core->node, device);
}

// The friend stays the friend under its new key: what was granted to it names that one from now on.
struct rename {
    struct services *services;
    char from[CONSENT_AUDIENCE_BYTES_MAX + 1], to[CONSENT_AUDIENCE_BYTES_MAX + 1];
};

static void rename_grants(void *ctx, bool ended) {
    struct rename *n = ctx;
    struct err err = {0};
    struct store *s = ended ? NULL : n->services->store(n->services, &err);
    if (s && consent_rename(s, n->from, n->to, &err) < 0)
        log_line(LOG_WARN, "federation", "grants not renamed code=%s", err_name(err.code));
    mem_free(n);
}

static void on_rotated(void *ctx, const uint8_t device[RECORD_KEY_BYTES],
                       const uint8_t before[RECORD_KEY_BYTES],
                       const uint8_t now[RECORD_KEY_BYTES]) {
    struct fed_exchange *x = ctx;
    struct rename *n = mem_zalloc(sizeof *n);
    (void)device;
    if (!n)
        return; // nothing goes to the new key until it is granted: closed, not open
    n->services = x->core->services;
    consent_friend(before, n->from);
    consent_friend(now, n->to);
    if (n->services->work(n->services, rename_grants, n) < 0)
        mem_free(n);
}

// --- the part

static int sign(void *ctx, const void *bytes, size_t n, uint8_t ret[RECORD_SIGNATURE_BYTES],
                struct err *err) {
    const struct fed_core *core = ctx;
    if (identity_revoked(core->id))
        return err_set(err, ERR_PERM, "this device was revoked by another of yours");
    identity_sign(core->id, bytes, n, ret);
    return 0;
}

static int make(struct fed_core *core, void **ret, struct node_service *service, struct err *err) {
    struct fed_exchange *x = mem_zalloc(sizeof *x);
    if (!x)
        return err_set(err, ERR_NOMEM, "out of memory");
    x->core = core;
    x->owner = (struct exchange_owner){.scopes = on_scopes,
                                       .allow = on_allow,
                                       .chain = on_chain,
                                       .learn = on_learn,
                                       .revoked = on_revoked,
                                       .rotated = on_rotated};
    struct exchange_config config = {.env = core->env,
                                     .peers = core->peersdb,
                                     .signer = {.sign = sign, .ctx = core},
                                     .owner = &x->owner,
                                     .ctx = x};
    memcpy(config.signer.author, identity_key(core->id), sizeof config.signer.author);
    memcpy(config.signer.device, identity_device(core->id), sizeof config.signer.device);
    int r = exchange_new(&config, &x->exchange, err);
    if (r < 0) {
        mem_free(x);
        return r;
    }
    exchange_service(x->exchange, service);
    *ret = x;
    return 0;
}

static void done(void *part) {
    struct fed_exchange *x = part;
    exchange_free(x->exchange);
    mem_free(x);
}

static void grants(struct fed_core *core, void *part) {
    struct fed_exchange *x = part;
    (void)core;
    exchange_grants_changed(x->exchange);
}

static void changed(struct fed_core *core, void *part, enum peersdb_change what,
                    const uint8_t scope[RECORD_SCOPE_BYTES], const uint8_t id[RECORD_ID_BYTES],
                    const uint8_t *by) {
    struct fed_exchange *x = part;
    (void)core;
    exchange_changed(x->exchange, what, scope, id, by);
}

const struct fed_part fed_part_exchange = {
    .make = make, .done = done, .grants = grants, .changed = changed};

struct exchange *fed_exchange_of(struct fed_core *core) {
    struct fed_exchange *x = core->part[FED_EXCHANGE];
    return x->exchange;
}
