// Capabilities of the command line about federation: on and off, who is there, what was tried.
#include "server/cap_fed.h"

#include "core/base/mem.h"
#include "core/store/consent.h"
#include "federation/pair_message.h"
#include "server/cap_admin.h"
#include "server/fed_discovery.h"
#include "server/fed_groups.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SETTLE_MS = 5000, APPLY_STEP_MS = 20, PREFIX_MIN = 4 };

void fed_hex(const uint8_t *bytes, size_t n, char *ret) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        ret[2 * i] = digits[bytes[i] >> 4];
        ret[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret[2 * n] = 0;
}

// --- on, off, status

struct status {
    json_t *out;
};

static int read_status(struct fed_core *core, void *arg, struct err *err) {
    struct status *s = arg;
    char identity[IDENTITY_SHORT_BYTES], device[IDENTITY_SHORT_BYTES];
    struct node_stats stats;
    (void)err;
    node_stats(core->node, &stats);
    identity_short(identity_key(core->id), identity);
    identity_short(identity_device(core->id), device);
    (void)json_object_update_new(
        s->out, json_pack("{sI ss ss sI sI sI sI}", "port", (json_int_t)node_port(core->node),
                          "identity", identity, "device", device, "since_ms",
                          (json_int_t)core->since_ms, "peers", (json_int_t)stats.peers, "connected",
                          (json_int_t)stats.in_use, "refused", (json_int_t)stats.refused));
    (void)json_object_set_new(s->out, "discovery", fed_discovery_report(core));
    return 0;
}

static int answer_status(struct call *call, struct answer *answer, struct err *err) {
    struct services *services = call->services;
    const struct conf *conf = __atomic_load_n(&services->conf, __ATOMIC_ACQUIRE);
    struct err why = {0};
    enum fed_state state = fed_settled(services->fed, SETTLE_MS, &why);
    json_t *out = json_pack("{ss sb}", "state", fed_state_name(state), "enabled",
                            conf_bool(conf, "federation.enabled"));
    if (!out)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (why.code)
        (void)json_object_set_new(out, "why", json_string(err_text(&why)));
    struct status s = {.out = out};
    if (state == FED_RUNNING)
        (void)fed_run(services, read_status, &s, NULL);
    return admin_answer(answer, out, err);
}

static int run_status(struct call *call, const void *input, struct answer *answer,
                      struct err *err) {
    (void)input;
    return answer_status(call, answer, err);
}

struct apply_input {
    bool on;
};
static const struct field apply_fields[] = {
    {.name = "on",
     .type = FIELD_BOOL,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct apply_input, on)},
    {0},
};

// The command line has written the setting: the engine reads it now, not at its next start.
static int run_apply(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct apply_input *in = input;
    struct services *services = call->services;
    uint64_t until = env_now_mono_ns() + (uint64_t)SETTLE_MS * 1000000;
    services->reload(services);
    while (env_now_mono_ns() < until && !job_cancelled(call->job)) {
        enum fed_state state = fed_state(services->fed, NULL);
        const struct conf *conf = __atomic_load_n(&services->conf, __ATOMIC_ACQUIRE);
        bool read = conf_bool(conf, "federation.enabled") == in->on;
        if (read && (in->on ? state != FED_OFF : state == FED_OFF))
            break;
        (void)usleep(APPLY_STEP_MS * 1000);
    }
    return answer_status(call, answer, err);
}

// --- the end of it

static int run_erase(struct call *call, const void *input, struct answer *answer, struct err *err) {
    struct fed_erased sum;
    (void)input;
    int r = fed_erase(call->services, &sum, err);
    return r < 0 ? r
                 : admin_answer(answer,
                                json_pack("{sI sI sI sI}", "friends", (json_int_t)sum.friends,
                                          "records", (json_int_t)sum.records, "taken_back",
                                          (json_int_t)sum.taken_back, "confirmed",
                                          (json_int_t)sum.confirmed),
                                err);
}

// --- peers

struct listing {
    struct fed_core *core;
    json_t *out;
    bool failed;
};

static json_t *attempts_of(const struct node_diagnosis *d) {
    static const char *const sources[] = {[NODE_BEACON] = "beacon",
                                          [NODE_MDNS] = "mdns",
                                          [NODE_SEEN] = "seen",
                                          [NODE_SAVED] = "saved",
                                          [NODE_TYPED] = "typed"};
    json_t *list = json_array();
    for (uint32_t i = 0; i < d->attempts_n; i++) {
        const struct node_attempt *a = &d->attempts[i];
        char address[NET_ADDR_TEXT_MAX];
        net_addr_format(&a->addr, address);
        (void)json_array_append_new(
            list, json_pack("{ss ss sI sI ss ss}", "address", address, "from", sources[a->source],
                            "time_ms", (json_int_t)a->wall_ms, "took_ms", (json_int_t)a->took_ms,
                            "code", a->code ? err_name(a->code) : "ok", "text", a->text));
    }
    return list;
}

static void put_diagnosis(struct fed_core *core, const uint8_t *device, json_t *peer) {
    static const char *const states[] = {[NODE_NO_ADDRESS] = "no address",
                                         [NODE_WAITING] = "waiting",
                                         [NODE_DIALLING] = "dialling",
                                         [NODE_CONNECTED] = "connected"};
    struct node_diagnosis d;
    struct node_session *s = node_session_find(core->node, device);
    if (node_diagnose(core->node, device, &d) < 0)
        return;
    (void)json_object_update_new(
        peer,
        json_pack("{ss sb sI sI ss so}", "state", states[d.state], "refused", d.refused,
                  "state_since_ms", (json_int_t)d.since_ms, "failures", (json_int_t)d.failures,
                  "next_step", d.next_step ? d.next_step : "", "attempts", attempts_of(&d)));
    if (d.next_ms != UINT64_MAX && d.state != NODE_CONNECTED)
        (void)json_object_set_new(peer, "next_try_ms", json_integer((json_int_t)d.next_ms));
    if (!s)
        return;
    struct link_info info;
    link_info(node_session_link(s), &info);
    (void)json_object_update_new(peer,
                                 json_pack("{sI sI sI}", "bytes_in", (json_int_t)info.bytes_in,
                                           "bytes_out", (json_int_t)info.bytes_out, "round_trip_us",
                                           (json_int_t)info.round_trip_us));
}

static void put_peer(void *ctx, const struct peersdb_peer *p) {
    struct listing *l = ctx;
    char device[FED_HEX_BYTES], identity[FED_HEX_BYTES], words[IDENTITY_SHORT_BYTES];
    fed_hex(p->device, sizeof p->device, device);
    fed_hex(p->identity, sizeof p->identity, identity);
    identity_short(p->identity, words);
    json_t *peer = json_pack("{ss ss ss ss ss sI sI sI sI sI sI sI}", "name", p->name, "short",
                             words, "device", device, "identity", identity, "address", p->address,
                             "paired_ms", (json_int_t)p->paired_ms, "seen_ms",
                             (json_int_t)p->seen_ms, "arrived", (json_int_t)p->arrived, "accepted",
                             (json_int_t)p->accepted, "rejected", (json_int_t)p->rejected, "forged",
                             (json_int_t)p->forged, "improper", (json_int_t)p->improper);
    if (peer)
        put_diagnosis(l->core, p->device, peer);
    l->failed |= !peer || json_array_append_new(l->out, peer) < 0;
}

static int list_peers(struct fed_core *core, void *arg, struct err *err) {
    struct listing *l = arg;
    l->core = core;
    int r = peersdb_peers(core->peersdb, put_peer, l, err);
    if (r == 0 && l->failed)
        return err_set(err, ERR_NOMEM, "out of memory");
    return r < 0 ? r : 0;
}

static int run_peers(struct call *call, const void *input, struct answer *answer, struct err *err) {
    struct listing l = {.out = json_array()};
    (void)input;
    int r = l.out ? fed_run(call->services, list_peers, &l, err)
                  : err_set(err, ERR_NOMEM, "out of memory");
    if (r < 0) {
        json_decref(l.out);
        return r;
    }
    return admin_answer(answer, json_pack("{so}", "peers", l.out), err);
}

// --- one peer

struct search {
    struct text who;
    struct peersdb_peer *ret;
    unsigned by_name, by_key;
    char names[256];
};

static bool begins(const uint8_t *key, struct text who) {
    char hex[FED_HEX_BYTES];
    fed_hex(key, RECORD_KEY_BYTES, hex);
    return who.len >= PREFIX_MIN && who.len < sizeof hex && memcmp(hex, who.data, who.len) == 0;
}

static void look(void *ctx, const struct peersdb_peer *p) {
    struct search *s = ctx;
    bool name = text_is(s->who, p->name);
    bool key = begins(p->device, s->who) || begins(p->identity, s->who);
    if (!name && !key)
        return;
    // A whole name is meant before the beginning of a key.
    if (name ? s->by_name++ == 0 : s->by_name == 0 && s->by_key == 0)
        *s->ret = *p;
    s->by_key += !name;
    char hex[FED_HEX_BYTES];
    size_t n = strlen(s->names);
    fed_hex(p->device, sizeof p->device, hex);
    (void)snprintf(s->names + n, sizeof s->names - n, "%s%.8s", n ? ", " : "", hex);
}

int fed_peer_find(struct fed_core *core, struct text who, struct peersdb_peer *ret,
                  struct err *err) {
    struct search s = {.who = who, .ret = ret};
    int r = peersdb_peers(core->peersdb, look, &s, err);
    if (r < 0)
        return r;
    unsigned found = s.by_name ? s.by_name : s.by_key;
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "no such peer: paired peers lists them");
    if (found > 1)
        return err_set(err, ERR_EXISTS, "several are meant, say which device: %s", s.names);
    return 0;
}

struct peer_input {
    struct text peer, value;
};
static const struct field peer_fields[] = {
    {.name = "peer",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct peer_input, peer),
     .min = 1,
     .max = PEERSDB_NAME_BYTES_MAX},
    {.name = "value",
     .type = FIELD_STRING,
     .offset = offsetof(struct peer_input, value),
     .max = PEERSDB_NAME_BYTES_MAX - 1},
    {0},
};

static int set_address(struct fed_core *core, void *arg, struct err *err) {
    const struct peer_input *in = arg;
    struct peersdb_peer peer;
    struct net_addr address;
    int r = fed_peer_find(core, in->peer, &peer, err);
    if (r == 0)
        r = net_addr_parse(in->value.data, in->value.len, &address, err);
    if (r < 0)
        return r;
    net_addr_format(&address, peer.address);
    r = peersdb_peer_put(core->peersdb, &peer, err);
    if (r == 0)
        node_hint(core->node, peer.device, &address, NODE_TYPED);
    return r;
}

static int rename_peer(struct fed_core *core, void *arg, struct err *err) {
    const struct peer_input *in = arg;
    struct peersdb_peer peer;
    int r = fed_peer_find(core, in->peer, &peer, err);
    if (r < 0)
        return r;
    if (!pair_name_good(in->value.data, in->value.len))
        return err_set(err, ERR_INVAL,
                       "a name has 1 to %d bytes of text without controls or invisible characters",
                       (int)PAIR_NAME_BYTES_MAX);
    memcpy(peer.name, in->value.data, in->value.len);
    peer.name[in->value.len] = 0;
    return peersdb_peer_put(core->peersdb, &peer, err);
}

struct removal {
    struct text who;
    char identity[FED_HEX_BYTES];
    bool last; // no other device of this friend is paired
};

struct others {
    const struct peersdb_peer *than;
    unsigned n;
};
static void count_others(void *ctx, const struct peersdb_peer *p) {
    struct others *o = ctx;
    o->n += memcmp(p->identity, o->than->identity, sizeof p->identity) == 0 &&
            memcmp(p->device, o->than->device, sizeof p->device) != 0;
}

static int remove_peer(struct fed_core *core, void *arg, struct err *err) {
    struct removal *x = arg;
    struct peersdb_peer peer;
    int r = fed_peer_find(core, x->who, &peer, err);
    if (r < 0)
        return r;
    struct others others = {.than = &peer};
    fed_hex(peer.identity, sizeof peer.identity, x->identity);
    r = peersdb_peers(core->peersdb, count_others, &others, err);
    if (r < 0)
        return r;
    x->last = others.n == 0;
    node_peer_remove(core->node, peer.device); // first: nothing more leaves
    return peersdb_peer_remove(core->peersdb, peer.device, err);
}

static int forget_grants(struct services *services, const char *identity, struct err *err) {
    char audience[CONSENT_AUDIENCE_BYTES_MAX + 1];
    int64_t ended;
    struct store *s = services->store(services, err);
    (void)snprintf(audience, sizeof audience, CONSENT_FRIEND "%s", identity);
    return s ? consent_forget(s, &(struct origin){0}, audience, "forgotten", &ended, err) : ERR_IO;
}

static int run_remove(struct call *call, const void *input, struct answer *answer,
                      struct err *err) {
    const struct peer_input *in = input;
    struct removal x = {.who = in->peer};
    int r = fed_run(call->services, remove_peer, &x, err);
    if (r == 0 && x.last)
        r = forget_grants(call->services, x.identity, err);
    return r < 0 ? r : admin_answer(answer, json_pack("{sb}", "last", x.last), err);
}

static int change(struct call *call, const void *input, fed_fn *fn, struct answer *answer,
                  struct err *err) {
    struct peer_input in = *(const struct peer_input *)input;
    if (!in.value.data)
        in.value = (struct text){"", 0};
    int r = fed_run(call->services, fn, &in, err);
    return r < 0 ? r : admin_answer(answer, json_object(), err);
}

static int run_address(struct call *call, const void *input, struct answer *answer,
                       struct err *err) {
    return change(call, input, set_address, answer, err);
}

static int run_rename(struct call *call, const void *input, struct answer *answer,
                      struct err *err) {
    return change(call, input, rename_peer, answer, err);
}

const struct capability capabilities_federation[] = {
    {.name = "federation status",
     .flags = CAP_CLI_ONLY | CAP_READ_ONLY | CAP_LOCAL,
     .run = run_status},
    {.name = "federation apply",
     .flags = CAP_CLI_ONLY | CAP_LOCAL,
     .input = apply_fields,
     .input_size = sizeof(struct apply_input),
     .run = run_apply},
    {.name = "federation erase",
     .flags = CAP_CLI_ONLY | CAP_DESTRUCTIVE,
     .run = run_erase,
     .deadline_ms = 120 * 1000},
    {.name = "peers list", .flags = CAP_CLI_ONLY | CAP_READ_ONLY, .run = run_peers},
    {.name = "peers address",
     .flags = CAP_CLI_ONLY,
     .input = peer_fields,
     .input_size = sizeof(struct peer_input),
     .run = run_address},
    {.name = "peers rename",
     .flags = CAP_CLI_ONLY,
     .input = peer_fields,
     .input_size = sizeof(struct peer_input),
     .run = run_rename},
    {.name = "peers remove",
     .flags = CAP_CLI_ONLY | CAP_DESTRUCTIVE,
     .input = peer_fields,
     .input_size = sizeof(struct peer_input),
     .run = run_remove},
    {.name = "groups list", .flags = CAP_CLI_ONLY | CAP_READ_ONLY, .run = fed_group_list},
    {.name = "groups new",
     .flags = CAP_CLI_ONLY,
     .input = group_fields,
     .input_size = sizeof(struct group_input),
     .run = fed_group_new},
    {.name = "groups join",
     .flags = CAP_CLI_ONLY,
     .input = group_fields,
     .input_size = sizeof(struct group_input),
     .run = fed_group_join},
    {.name = "groups leave",
     .flags = CAP_CLI_ONLY,
     .input = group_fields,
     .input_size = sizeof(struct group_input),
     .run = fed_group_leave},
    {.name = "identity show", .flags = CAP_CLI_ONLY | CAP_READ_ONLY, .run = fed_identity_show},
    {.name = "identity words", .flags = CAP_CLI_ONLY | CAP_READ_ONLY, .run = fed_identity_words},
    {.name = "identity stow", .flags = CAP_CLI_ONLY, .run = fed_identity_stow},
    {.name = "identity unstow",
     .flags = CAP_CLI_ONLY,
     .input = identity_words_fields,
     .input_size = sizeof(struct identity_words_input),
     .run = fed_identity_unstow},
    {.name = "identity rotate", .flags = CAP_CLI_ONLY, .run = fed_identity_rotate},
    {.name = "identity revoke",
     .flags = CAP_CLI_ONLY | CAP_DESTRUCTIVE,
     .input = identity_device_fields,
     .input_size = sizeof(struct identity_device_input),
     .run = fed_identity_revoke},
    {.name = "identity restore",
     .flags = CAP_CLI_ONLY | CAP_DESTRUCTIVE,
     .input = identity_words_fields,
     .input_size = sizeof(struct identity_words_input),
     .run = fed_identity_restore},
    {0},
};
