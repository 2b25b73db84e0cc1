// Capabilities of the command line about pairing: quick calls, which the command line repeats until
// the pairing is over.
#include "core/base/mem.h"
#include "core/crypto/secret.h"
#include "core/store/consent.h"
#include "server/cap_admin.h"
#include "server/cap_fed.h"
#include "server/fed_pair.h"
#include "server/grants_ask.h"

#include <stddef.h>
#include <string.h>

enum { ADDRESS_BYTES_MAX = NET_ADDR_TEXT_MAX - 1 };

struct pair_input {
    struct text name, code;
    struct text_array give, want, addresses, take;
    int64_t act;
    bool yes;
};
#define NAMES(member)                                                                              \
    {                                                                                              \
        .name = #member, .type = FIELD_STRING_ARRAY,                                               \
        .offset = offsetof(struct pair_input, member), .max = PAIR_SCOPES_MAX                      \
    }
#define ACT(more)                                                                                  \
    {                                                                                              \
        .name = "act", .type = FIELD_INT, .flags = (more),                                         \
        .offset = offsetof(struct pair_input, act), .min = 0, .max = INT64_MAX                     \
    }
#define NAME                                                                                       \
    {                                                                                              \
        .name = "name", .type = FIELD_STRING, .flags = FIELD_REQUIRED,                             \
        .offset = offsetof(struct pair_input, name), .min = 1, .max = PAIR_NAME_BYTES_MAX          \
    }
static const struct field open_fields[] = {NAME, NAMES(give), NAMES(want), {0}};
static const struct field guess_fields[] = {NAME,
                                            NAMES(give),
                                            NAMES(want),
                                            {.name = "code",
                                             .type = FIELD_STRING,
                                             .flags = FIELD_REQUIRED,
                                             .offset = offsetof(struct pair_input, code),
                                             .min = 1,
                                             .max = PAIR_TYPED_BYTES_MAX},
                                            {.name = "addresses",
                                             .type = FIELD_STRING_ARRAY,
                                             .offset = offsetof(struct pair_input, addresses),
                                             .max = PAIRWORK_ADDRS_MAX},
                                            {0}};
static const struct field act_fields[] = {ACT(0), {0}};
static const struct field answer_fields[] = {ACT(FIELD_REQUIRED),
                                             {.name = "yes",
                                              .type = FIELD_BOOL,
                                              .flags = FIELD_REQUIRED,
                                              .offset = offsetof(struct pair_input, yes)},
                                             NAMES(give),
                                             NAMES(take),
                                             {0}};

// Kinds that there are grants of: whatever else is named, by us or the peer, cannot be granted.
static int read_kinds(const struct text_array *a, struct pair_scopes *ret, struct err *err) {
    for (size_t i = 0; i < a->count; i++) {
        char kind[CONSENT_WORD_BYTES_MAX + 1];
        struct text t = a->items[i];
        (void)snprintf(kind, sizeof kind, "%.*s", (int)t.len, t.data);
        if (t.len >= sizeof kind || !consent_kind_federated(kind))
            return err_set(err, ERR_INVAL, "no such kind to share: %.*s", (int)t.len, t.data);
        int r = pair_scopes_add(ret, t.data, t.len, err);
        if (r < 0)
            return r;
    }
    return 0;
}

// --- opening, guessing ---------------------------------------------------------------------------

struct beginning {
    char name[PAIR_NAME_BYTES_MAX + 1];
    struct pair_scopes give, want;
    struct text typed; // guest
    struct net_addr addrs[PAIRWORK_ADDRS_MAX];
    size_t addrs_n;
    char code[PAIR_CODE_BYTES_MAX]; // host
    uint64_t act;
    uint16_t port;
    char identity[IDENTITY_SHORT_BYTES];
};

static int begin(struct fed_core *core, void *arg, struct err *err) {
    struct beginning *b = arg;
    struct pairwork *work = fed_pair_work(fed_pair_of(core));
    AUTO_BUF chain = BUF_INIT(CHAIN_BYTES_MAX);
    int r = identity_chain(core->id, &chain);
    if (r < 0)
        return err_set(err, r, "our own proof of identity could not be put together");
    struct pairing_terms terms = {.name = b->name,
                                  .chain = chain.data,
                                  .chain_n = chain.len,
                                  .give = b->give,
                                  .want = b->want};
    b->port = node_port(core->node);
    fed_pair_watched(fed_pair_of(core));
    identity_short(identity_key(core->id), b->identity);
    return b->typed.data ? pairwork_guess(work, b->typed.data, b->typed.len, &terms, b->addrs,
                                          b->addrs_n, &b->act, err)
                         : pairwork_open(work, &terms, b->code, &b->act, err);
}

static int read_beginning(const struct pair_input *in, struct beginning *b, struct err *err) {
    memcpy(b->name, in->name.data, in->name.len);
    int r =
        pair_name_good(b->name, in->name.len)
            ? 0
            : err_set(err, ERR_INVAL, "this name cannot be shown to others: give one by --name");
    if (r == 0)
        r = read_kinds(&in->give, &b->give, err);
    if (r == 0)
        r = read_kinds(&in->want, &b->want, err);
    for (size_t i = 0; i < in->addresses.count && r == 0; i++)
        r = net_addr_parse(in->addresses.items[i].data, in->addresses.items[i].len,
                           &b->addrs[b->addrs_n++], err);
    return r;
}

static int run_open(struct call *call, const void *input, struct answer *answer, struct err *err) {
    struct beginning b = {0};
    int r = read_beginning(input, &b, err);
    if (r == 0)
        r = fed_run(call->services, begin, &b, err);
    if (r == 0)
        r = admin_answer(answer,
                         json_pack("{sI ss sI sI ss}", "act", (json_int_t)b.act, "code", b.code,
                                   "left_ms", (json_int_t)PAIRING_OFFER_MS, "port",
                                   (json_int_t)b.port, "identity", b.identity),
                         err);
    secret_wipe(b.code, sizeof b.code);
    return r;
}

static int run_guess(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct pair_input *in = input;
    struct beginning b = {.typed = in->code};
    int r = read_beginning(in, &b, err);
    if (r == 0)
        r = fed_run(call->services, begin, &b, err);
    secret_wipe((char *)(uintptr_t)in->code.data, in->code.len); // of the request's own text
    return r < 0 ? r
                 : admin_answer(
                       answer,
                       json_pack("{sI ss}", "act", (json_int_t)b.act, "identity", b.identity), err);
}

// --- state ---------------------------------------------------------------------------------------

struct reading {
    struct pairwork_state s;
    bool settled;
    struct pair_scopes given, taken;
    int code; // of the grants
};

static int read_state(struct fed_core *core, void *arg, struct err *err) {
    struct reading *r = arg;
    (void)err;
    fed_pair_watched(fed_pair_of(core));
    pairwork_state(fed_pair_work(fed_pair_of(core)), &r->s);
    r->settled = r->s.phase == PAIRWORK_PAIRED &&
                 fed_pair_granted(fed_pair_of(core), r->s.act, &r->given, &r->taken, &r->code);
    return 0;
}

static void put_grants(const struct pair_scopes *kinds, bool give, json_t *list) {
    for (size_t i = 0; i < kinds->n; i++)
        (void)json_array_append_new(
            list, json_pack("{ss ss ss}", "kind", kinds->names[i], "way", give ? "give" : "take",
                            "direction",
                            consent_direction_name(fed_pair_direction(kinds->names[i], give))));
}

static json_t *names_of(const struct pair_scopes *s) {
    json_t *list = json_array();
    for (size_t i = 0; i < s->n; i++)
        (void)json_array_append_new(list, json_string(s->names[i]));
    return list;
}

// What the user can say yes to, in the words of the grants.
static void put_questions(const struct pairwork_state *s, bool give, json_t *list) {
    const struct pair_scopes *ours = give ? &s->offered : &s->asked;
    const struct pair_scopes *theirs = give ? &s->wants : &s->gives;
    char audience[CONSENT_AUDIENCE_BYTES_MAX + 1];
    const char *kind;
    consent_friend(s->identity, audience);
    for (size_t i = 0; (kind = consent_kind_at(i)) != NULL; i++) {
        bool here = pair_scopes_has(ours, kind), there = pair_scopes_has(theirs, kind);
        AUTO_BUF words = BUF_INIT(GRANTS_QUESTION_BYTES_MAX);
        const struct consent_what what = {kind, audience, fed_pair_direction(kind, give), NULL};
        if (!here && !there)
            continue;
        grants_put_words(&words, &what, s->name, "until you revoke it");
        (void)json_array_append_new(
            list, json_pack("{ss ss sb sb ss}", "kind", kind, "way", give ? "give" : "take", "here",
                            here, "there", there, "words", words.failed ? "" : words.data));
    }
}

static json_t *state_json(const struct pairwork_state *s) {
    static const char *const phases[] = {[PAIRWORK_IDLE] = "idle",
                                         [PAIRWORK_OPEN] = "open",
                                         [PAIRWORK_SEEKING] = "seeking",
                                         [PAIRWORK_EXCHANGING] = "exchanging",
                                         [PAIRWORK_ASKING] = "asking",
                                         [PAIRWORK_ANSWERED] = "answered",
                                         [PAIRWORK_KEEPING] = "keeping",
                                         [PAIRWORK_PAIRED] = "paired",
                                         [PAIRWORK_UNCONFIRMED] = "unconfirmed",
                                         [PAIRWORK_FAILED] = "failed"};
    json_t *out =
        json_pack("{sI sI ss ss sI ss}", "act", (json_int_t)s->act, "serial", (json_int_t)s->serial,
                  "phase", phases[s->phase], "role", s->host ? "host" : "guest", "left_ms",
                  (json_int_t)s->left_ms, "text", s->text);
    if (out && s->code)
        (void)json_object_set_new(out, "code", json_string(err_name(s->code)));
    if (!out || !s->met)
        return out;
    char identity[FED_HEX_BYTES], device[FED_HEX_BYTES], words[IDENTITY_SHORT_BYTES];
    fed_hex(s->identity, sizeof s->identity, identity);
    fed_hex(s->device, sizeof s->device, device);
    identity_short(s->identity, words);
    json_t *questions = json_array();
    if (s->phase == PAIRWORK_ASKING) {
        put_questions(s, true, questions);
        put_questions(s, false, questions);
    }
    (void)json_object_update_new(
        out, json_pack("{ss ss ss ss sb sb so so so so so}", "name", s->name, "short", words,
                       "identity", identity, "device", device, "own", s->own_identity, "known",
                       s->known, "gives", names_of(&s->gives), "wants", names_of(&s->wants),
                       "granted", names_of(&s->granted), "received", names_of(&s->received),
                       "questions", questions));
    return out;
}

static int run_state(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct pair_input *in = input;
    struct reading *r = mem_zalloc(sizeof *r);
    if (!r)
        return err_set(err, ERR_NOMEM, "out of memory");
    int code = fed_run(call->services, read_state, r, err);
    if (code == 0 && in->act != 0 && (uint64_t)in->act != r->s.act)
        code = err_set(err, ERR_NOT_FOUND,
                       "this pairing is over: the engine, or its federation, was started anew, or "
                       "another was begun; paired peers lists who is paired");
    json_t *out = code == 0 ? state_json(&r->s) : NULL;
    if (out && r->settled) {
        json_t *grants = json_array();
        put_grants(&r->given, true, grants);
        put_grants(&r->taken, false, grants);
        (void)json_object_set_new(out, "grants", grants);
        if (r->code)
            (void)json_object_set_new(out, "not_granted", json_string(err_name(r->code)));
    }
    mem_free(r);
    return code < 0 ? code : admin_answer(answer, out, err);
}

// --- answering, ending ---------------------------------------------------------------------------

struct answering {
    uint64_t act;
    bool yes;
    struct pair_scopes give, take;
};

static int give_answer(struct fed_core *core, void *arg, struct err *err) {
    const struct answering *a = arg;
    fed_pair_take(fed_pair_of(core), a->act, &a->take);
    return pairwork_answer(fed_pair_work(fed_pair_of(core)), a->act, a->yes, &a->give, err);
}

static int run_answer(struct call *call, const void *input, struct answer *answer,
                      struct err *err) {
    const struct pair_input *in = input;
    struct answering a = {.act = (uint64_t)in->act, .yes = in->yes};
    int r = read_kinds(&in->give, &a.give, err);
    if (r == 0)
        r = read_kinds(&in->take, &a.take, err);
    if (r == 0)
        r = fed_run(call->services, give_answer, &a, err);
    return r < 0 ? r : admin_answer(answer, json_object(), err);
}

static int cancel(struct fed_core *core, void *arg, struct err *err) {
    return pairwork_cancel(fed_pair_work(fed_pair_of(core)), *(uint64_t *)arg, err);
}

static int run_cancel(struct call *call, const void *input, struct answer *answer,
                      struct err *err) {
    uint64_t act = (uint64_t)((const struct pair_input *)input)->act;
    int r = fed_run(call->services, cancel, &act, err);
    return r < 0 ? r : admin_answer(answer, json_object(), err);
}

#define ROW(words, table, function)                                                                \
    {                                                                                              \
        .name = (words), .flags = CAP_CLI_ONLY, .input = (table),                                  \
        .input_size = sizeof(struct pair_input), .run = (function)                                 \
    }
const struct capability capabilities_pair[] = {
    ROW("pair open", open_fields, run_open),    ROW("pair guess", guess_fields, run_guess),
    ROW("pair state", act_fields, run_state),   ROW("pair answer", answer_fields, run_answer),
    ROW("pair cancel", act_fields, run_cancel), {0}};
