// What friends' records have earned, and how well the user's privacy is kept.
#include "core/base/mem.h"
#include "core/privacy/metric.h"
#include "core/privacy/score.h"
#include "federation/reputation.h"
#include "server/cap_admin.h"
#include "server/cap_fed.h"
#include "server/share.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

// --- reputation: of a friend, all devices together

struct friends {
    json_t *list;
    uint8_t done[TAGS_PEERS_MAX][RECORD_KEY_BYTES];
    uint32_t count;
    struct fed_core *core;
    struct text who; // empty: all
    uint8_t only[RECORD_KEY_BYTES];
    bool failed;
};
struct adding {
    const uint8_t *identity;
    struct reputation_facts facts;
};

static void add_device(void *ctx, const struct peersdb_peer *p) {
    struct adding *a = ctx;
    if (memcmp(p->identity, a->identity, sizeof p->identity) != 0)
        return;
    a->facts.arrived += p->arrived;
    a->facts.accepted += p->accepted;
    a->facts.rejected += p->rejected;
    a->facts.improper += p->improper;
    a->facts.forged += p->forged;
}

static void put_friend(void *ctx, const struct peersdb_peer *p) {
    struct friends *f = ctx;
    struct adding a = {.identity = p->identity};
    struct reputation r;
    if (f->who.len && memcmp(f->only, p->identity, sizeof f->only) != 0)
        return;
    for (uint32_t i = 0; i < f->count; i++)
        if (memcmp(f->done[i], p->identity, sizeof f->done[i]) == 0)
            return;
    if (f->count == TAGS_PEERS_MAX)
        return;
    memcpy(f->done[f->count++], p->identity, sizeof f->done[0]);
    (void)peersdb_peers(f->core->peersdb, add_device, &a, NULL);
    reputation_of(&a.facts, &r);
    json_t *reasons = json_array();
    for (size_t i = 0; i < r.count; i++)
        (void)json_array_append_new(reasons, json_string(r.reasons[i]));
    char hex[FED_HEX_BYTES];
    fed_hex(p->identity, sizeof p->identity, hex);
    json_t *item = json_pack("{ss ss sI so}", "name", p->name, "identity", hex, "score",
                             (json_int_t)r.score, "reasons", reasons);
    f->failed |= !item || json_array_append_new(f->list, item) < 0;
}

static int list_friends(struct fed_core *core, void *arg, struct err *err) {
    struct friends *f = arg;
    struct peersdb_peer peer;
    f->core = core;
    int r = f->who.len ? fed_peer_find(core, f->who, &peer, err) : 0;
    if (r == 0 && f->who.len)
        memcpy(f->only, peer.identity, sizeof f->only);
    if (r == 0)
        r = peersdb_peers(core->peersdb, put_friend, f, err);
    return r < 0 ? r : f->failed ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

int share_reputation(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct share_list_input *in = input;
    struct friends *f = mem_zalloc(sizeof *f);
    json_t *list = json_array();
    int r = f && list ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0) {
        f->list = list;
        f->who = in->from;
        r = fed_run(call->services, list_friends, f, err);
    }
    mem_free(f);
    if (r == 0)
        return admin_answer(answer, json_pack("{so}", "friends", list), err);
    json_decref(list);
    return r;
}

// --- the score

static int count_grant(void *ctx, const struct consent_row *row, struct err *err) {
    struct score_facts *f = ctx;
    (void)err;
    if (strcmp(row->kind, CONSENT_BACKEND) == 0) {
        f->backends++;
        return 0;
    }
    if (row->direction != CONSENT_OUT)
        return 0;
    f->out_everyone += strcmp(row->audience, CONSENT_EVERYONE) == 0;
    f->out_group += strncmp(row->audience, CONSENT_GROUP, sizeof CONSENT_GROUP - 1) == 0;
    f->out_friend += strncmp(row->audience, CONSENT_FRIEND, sizeof CONSENT_FRIEND - 1) == 0;
    f->without_end += row->expires_ms == 0;
    return 0;
}

static int read_keys(struct store *s, struct score_facts *f, struct err *err) {
    json_t *slots = NULL, *slot;
    size_t i;
    bool file = false;
    int r = store_key_list(s, &slots, err);
    if (r < 0)
        return r;
    json_array_foreach(slots, i, slot) {
        const char *type = json_string_value(json_object_get(slot, "type"));
        file |= type && strcmp(type, "key-file") == 0;
        f->recovery |= type && strcmp(type, "recovery") == 0;
    }
    f->locked_by_more = !file;
    json_decref(slots);
    return 0;
}

static int read_budget(struct store *s, int64_t now_ms, struct score_facts *f, struct err *err) {
    time_t now = (time_t)(now_ms / 1000);
    struct tm tm;
    char month[8];
    if (!gmtime_r(&now, &tm))
        return 0;
    int last = tm.tm_year * 12 + tm.tm_mon - 1; // the newest month that is over
    (void)snprintf(month, sizeof month, "%04d-%02d", (last / 12 + 1900) % 10000, last % 12 + 1);
    f->epsilon_max = METRIC_EPSILON_MONTH;
    return share_metric_spent(s, month, &f->epsilon, err);
}

struct waiting {
    struct fed_core *core;
    int64_t count;
};

static int count_waiting(void *ctx, int64_t seq, const uint8_t id[RECORD_ID_BYTES],
                         const uint8_t *bytes, size_t n) {
    struct waiting *w = ctx;
    enum peersdb_state state;
    AUTO_BUF out = BUF_INIT(RECORD_BYTES_MAX);
    struct record r;
    struct payload p;
    (void)seq;
    if (record_parse(bytes, n, &r, NULL) < 0 ||
        memcmp(r.author, identity_key(w->core->id), sizeof r.author) == 0 ||
        payload_parse((const char *)r.body, r.body_bytes, &p, NULL) < 0 || p.form == PAYLOAD_TAGS)
        return 0;
    if (peersdb_get(w->core->peersdb, id, &out, &state, NULL) == 0)
        w->count += state == PEERSDB_QUARANTINED;
    return w->count >= SHARE_LIST_MAX;
}

static int wait_scope(void *ctx, const struct scope *scope, const uint8_t *other, const char *who,
                      struct err *err) {
    struct waiting *w = ctx;
    uint8_t id[RECORD_SCOPE_BYTES];
    (void)other, (void)who;
    scope_id(scope, id);
    int r = peersdb_after(w->core->peersdb, id, 0, NULL, false, count_waiting, w, err);
    return r > 0 ? 0 : r;
}

static int read_waiting(struct fed_core *core, void *arg, struct err *err) {
    struct waiting *w = arg;
    w->core = core;
    return share_scopes_each(core, ~0U, false, wait_scope, w, err);
}

static int read_facts(struct call *call, struct score_facts *f, struct err *err) {
    const struct conf *conf = __atomic_load_n(&call->services->conf, __ATOMIC_ACQUIRE);
    struct waiting w = {0};
    struct db *db = NULL;
    int r = 0;
    struct store *s = admin_store(call, &r, err);
    f->secrets_refused = strcmp(conf_string(conf, "models.secrets"), "refuse") == 0;
    if (s)
        r = read_keys(s, f, err);
    if (s && r == 0)
        r = read_budget(s, call->now_ms, f, err);
    if (s && r == 0)
        r = store_reader_get(s, &db, err);
    if (s && r == 0)
        r = consent_each(db, false, NULL, CONSENT_STANDING_MAX, count_grant, f, err);
    if (db)
        store_reader_put(s, db);
    if (r == 0 && fed_run(call->services, read_waiting, &w, NULL) == 0) // off: nothing waits
        f->waiting = w.count;
    return r;
}

int share_privacy(struct call *call, const void *input, struct answer *answer, struct err *err) {
    struct score_facts facts = {0};
    struct score score;
    json_t *points = json_array();
    (void)input;
    int r = points ? read_facts(call, &facts, err) : err_set(err, ERR_NOMEM, "out of memory");
    if (r < 0) {
        json_decref(points);
        return r;
    }
    score_of(&facts, &score);
    for (size_t i = 0; i < SCORE_POINTS; i++) {
        const struct score_point *p = &score.points[i];
        (void)json_array_append_new(points, json_pack("{ss si si ss ss*}", "name", p->name, "got",
                                                      p->got, "of", p->of, "reason", p->reason,
                                                      "advice", p->advice));
    }
    return admin_answer(answer, json_pack("{si so}", "score", score.score, "points", points), err);
}
