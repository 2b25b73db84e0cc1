#include "server/fed_audit.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/store/checkpoints.h"
#include "federation/cosign.h"
#include "server/fed_impl.h"
#include "server/fed_names.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

// --- what a round has ----------------------------------------------------------------------------

struct friend {
    uint8_t device[CHECKPOINT_KEY_BYTES], identity[CHECKPOINT_KEY_BYTES];
    struct cosigned_last last; // that the store knows of
    struct cosign_request request;
    bool asked, stale;
    int64_t entry; // of the audit log, that says that it is asked
    int code;      // what came of it; 0: `kept`
    struct cosign_kept kept;
    char problem[ERR_MESSAGE_BYTES_MAX];
};

// Lives until the last answer has come, also when nobody waits for it any more.
struct round {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned pending; // answers
    bool abandoned;   // by the worker
    uint8_t own[CHECKPOINT_KEY_BYTES];
    struct checkpoint_row row; // that is shown
    bool any;                  // … there is one
    size_t count;
    struct friend friends[FED_AUDIT_PEERS_MAX];
};

static struct round *round_new(void) {
    struct round *r = mem_zalloc(sizeof *r);
    pthread_condattr_t attributes;
    if (!r)
        return NULL;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&r->lock, NULL);
    (void)pthread_cond_init(&r->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return r;
}

static void round_free(struct round *r) {
    (void)pthread_cond_destroy(&r->changed);
    (void)pthread_mutex_destroy(&r->lock);
    mem_free(r);
}

// The worker's end of it.
static void round_leave(struct round *r) {
    (void)pthread_mutex_lock(&r->lock);
    r->abandoned = true;
    bool last = r->pending == 0;
    (void)pthread_mutex_unlock(&r->lock);
    if (last)
        round_free(r);
}

// --- on the federation's thread ------------------------------------------------------------------

static int note_grant(void *ctx, const char *kind, const char *audience,
                      enum consent_direction direction) {
    uint8_t key[CONSENT_IDENTITY_BYTES];
    const uint8_t *wanted = ctx;
    (void)kind;
    (void)direction;
    return strcmp(audience, CONSENT_EVERYONE) == 0 ||
           (consent_friend_key(audience, key) && memcmp(key, wanted, sizeof key) == 0);
}

struct finding {
    struct fed_core *core;
    struct round *round;
};

static void note_peer(void *ctx, const struct peersdb_peer *p) {
    struct finding *f = ctx;
    struct round *r = f->round;
    uint8_t identity[CHECKPOINT_KEY_BYTES];
    memcpy(identity, p->identity, sizeof identity);
    if (r->count == FED_AUDIT_PEERS_MAX || !node_session_find(f->core->node, p->device) ||
        fed_grants_each(f->core->grants, env_wall_ms(f->core->env), note_grant, identity) == 0)
        return;
    struct friend *one = &r->friends[r->count++];
    memcpy(one->device, p->device, sizeof one->device);
    memcpy(one->identity, p->identity, sizeof one->identity);
}

static int find_friends(struct fed_core *core, void *arg, struct err *err) {
    struct finding f = {core, arg};
    memcpy(f.round->own, identity_device(core->id), sizeof f.round->own);
    return peersdb_peers(core->peersdb, note_peer, &f, err);
}

static int sign(struct fed_core *core, void *arg, struct err *err) {
    struct checkpoint_row *row = arg;
    if (identity_revoked(core->id))
        return err_set(err, ERR_PERM, "this device was revoked by another of yours");
    memcpy(row->device, identity_device(core->id), sizeof row->device);
    identity_sign(core->id, row->text, row->text_bytes, row->signature);
    return 0;
}

struct ask {
    struct round *round;
    struct friend *of;
};

static void settle(struct ask *a, const struct cosign_kept *k, bool stale, int code,
                   const char *problem) {
    struct round *r = a->round;
    (void)pthread_mutex_lock(&r->lock);
    a->of->code = code;
    a->of->stale = stale;
    if (k)
        a->of->kept = *k;
    (void)snprintf(a->of->problem, sizeof a->of->problem, "%s", problem);
    bool last = --r->pending == 0 && r->abandoned;
    (void)pthread_cond_signal(&r->changed);
    (void)pthread_mutex_unlock(&r->lock);
    if (last)
        round_free(r);
    mem_free(a);
}

static void answered(void *ctx, const struct cosign_kept *k, bool stale, const struct err *err) {
    settle(ctx, k, stale, err ? err->code : 0, err ? err_text(err) : "");
}

static int ask_friends(struct fed_core *core, void *arg, struct err *err) {
    struct round *r = arg;
    (void)err;
    for (size_t i = 0; i < r->count; i++) {
        struct friend *f = &r->friends[i];
        struct node_session *s = node_session_find(core->node, f->device);
        struct ask *a = f->asked ? mem_zalloc(sizeof *a) : NULL;
        struct err why = {0};
        if (!a) {
            if (f->asked)
                f->code = ERR_NOMEM;
            continue;
        }
        *a = (struct ask){r, f};
        (void)pthread_mutex_lock(&r->lock);
        r->pending++;
        (void)pthread_mutex_unlock(&r->lock);
        int e = s ? cosign_ask(s, r->own, &f->request, answered, a, &why)
                  : err_set(&why, ERR_CLOSED, "it went away");
        if (e < 0)
            settle(a, NULL, false, e, err_text(&why));
    }
    return 0;
}

// --- the checkpoint ------------------------------------------------------------------------------

struct making {
    struct services *services;
    struct round *round;
    int64_t now_ms;
    struct checkpoint_next next;
};

static int keep_next(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const struct making *m = ctx;
    const struct checkpoint_row *row = &m->round->row;
    (void)result;
    return checkpoints_add(db, row->text, row->text_bytes, row->device, row->signature,
                           &m->next.frontier, err);
}

static int take_row(void *ctx, const struct checkpoint_row *row, struct err *err) {
    struct round *r = ctx;
    (void)err;
    r->row = *row; // the newest is the last
    r->any = true;
    return 0;
}

// The newest of this device, when nothing was written since that would be worth another one.
static int make_checkpoint(struct store *s, struct making *m, struct err *err) {
    struct checkpoint_row *row = &m->round->row;
    struct db *db = NULL;
    int r = store_reader_get(s, &db, err);
    if (r < 0)
        return r;
    r = checkpoints_each(db, 0, take_row, m->round, err);
    if (r == 0)
        r = checkpoints_next(db, m->now_ms, &m->next, err);
    store_reader_put(s, db);
    if (r < 0 ||
        (r == 1 && m->round->any && memcmp(row->device, m->round->own, sizeof row->device) == 0))
        return r < 0 ? r : 0;
    row->checkpoint = m->next.checkpoint;
    row->text_bytes = checkpoint_format(&row->checkpoint, row->text);
    r = fed_run(m->services, sign, row, err);
    return r < 0 ? r : store_write(s, NULL, keep_next, m, NULL, NULL, err);
}

// --- whom to ask, and with what ------------------------------------------------------------------

bool fed_audit_due(const struct cosigned_last *last, int64_t entries, int64_t now_ms) {
    int64_t now_s = now_ms / 1000;
    if (last->entries >= entries)
        return false;
    // A clock that went back must not silence it.
    return !last->entries || entries - last->entries >= FED_AUDIT_ENTRIES ||
           now_s - last->time_s >= FED_AUDIT_HOUR_S || last->time_s - now_s >= FED_AUDIT_HOUR_S;
}

static int take_root(void *ctx, const struct checkpoint_row *row, struct err *err) {
    (void)err;
    memcpy(ctx, row->checkpoint.root, sizeof row->checkpoint.root);
    return 0;
}

static void no_longer(struct friend *f, int64_t entries) {
    (void)snprintf(
        f->problem, sizeof f->problem,
        f->last.entries > entries
            ? "it has cosigned %lld entries of this log, which now has fewer: it was cut "
              "or made anew"
            : "it has cosigned %lld entries of this log, which are no longer its "
              "beginning: it was rewritten",
        (long long)f->last.entries);
}

// A log that does not hold what was cosigned is not shown again: the friend would take it for
// forgery, hour after hour, also where somebody has put a backup back.
static int prove(struct db *db, const struct checkpoint *c, struct friend *f, struct err *err) {
    uint8_t before[CHECKPOINT_ROOT_BYTES] = {0};
    struct tree_proof *proof = &f->request.proof;
    int r = checkpoints_consistency(db, f->last.entries, c->entries, proof, err);
    if (r == 0)
        r = checkpoints_each(db, f->last.entries, take_root, before, err);
    if (r < 0)
        return r;
    f->asked = tree_consistency_holds((uint64_t)f->last.entries, (uint64_t)c->entries, proof,
                                      before, c->root);
    if (!f->asked)
        no_longer(f, c->entries);
    return 0;
}

static int prepare(struct db *db, struct making *m, struct friend *f, bool now, struct err *err) {
    const struct checkpoint_row *row = &m->round->row;
    int64_t entries = row->checkpoint.entries;
    int r = checkpoints_last(db, f->device, &f->last, err);
    if (r == 0 && f->last.entries > entries)
        no_longer(f, entries);
    if (r < 0 || (now ? f->last.entries >= entries : !fed_audit_due(&f->last, entries, m->now_ms)))
        return r;
    f->request = (struct cosign_request){.text_bytes = row->text_bytes, .before = f->last.entries};
    memcpy(f->request.text, row->text, sizeof f->request.text);
    memcpy(f->request.signature, row->signature, sizeof f->request.signature);
    f->asked = f->last.entries == 0;
    if (!f->asked)
        r = prove(db, &row->checkpoint, f, err);
    return r == ERR_NOT_FOUND ? 0 : r; // too long ago: what it needs is no longer kept
}

static int prepare_all(struct store *s, struct making *m, bool now, struct err *err) {
    struct db *db = NULL;
    int r = store_reader_get(s, &db, err);
    if (r < 0)
        return r;
    for (size_t i = 0; r == 0 && i < m->round->count; i++)
        r = prepare(db, m, &m->round->friends[i], now, err);
    store_reader_put(s, db);
    return r;
}

// --- the audit of it -----------------------------------------------------------------------------

static struct audit_entry entry_of(const struct making *m, const struct friend *f, char *audience) {
    consent_friend(f->identity, audience);
    return (struct audit_entry){.time_ms = m->now_ms,
                                .kind = "audit",
                                .audience = audience,
                                .purpose = "checkpoint to cosign",
                                .model = ""};
}

static int note_asking(struct db *db, void *ctx, struct buf *result, struct err *err) {
    struct making *m = ctx;
    int r = 0;
    (void)result;
    for (size_t i = 0; r == 0 && i < m->round->count; i++) {
        struct friend *f = &m->round->friends[i];
        char audience[CONSENT_AUDIENCE_BYTES_MAX + 1];
        struct audit_entry e = entry_of(m, f, audience);
        e.event = AUDIT_SEND;
        e.bytes_out = (int64_t)(f->request.text_bytes + sizeof f->request.signature +
                                (size_t)f->request.proof.count * TREE_HASH_BYTES);
        if (f->asked)
            r = audit_append(db, &e, &f->entry, err);
    }
    return r;
}

static int note_answer(struct db *db, const struct making *m, const struct friend *f,
                       struct err *err) {
    char audience[CONSENT_AUDIENCE_BYTES_MAX + 1];
    struct audit_entry e = entry_of(m, f, audience);
    e.event = AUDIT_END;
    e.outcome = f->code || f->stale ? AUDIT_FAILED : AUDIT_OK;
    e.ref = f->entry;
    return audit_append(db, &e, NULL, err);
}

// What it cosigned; also of what it had before, which may be more than this log has now.
static int keep_answer(struct db *db, const struct friend *f, const uint8_t *own, struct err *err) {
    struct cosignature c = {.time_s = f->kept.time_s};
    struct checkpoint of;
    int r = checkpoint_parse(f->kept.text, f->kept.text_bytes, &of, err);
    if (r == 0 && f->stale)
        r = checkpoints_add(db, f->kept.text, f->kept.text_bytes, own, f->kept.signature, NULL,
                            err);
    if (r < 0)
        return r;
    c.entries = of.entries;
    memcpy(c.key, f->device, sizeof c.key);
    memcpy(c.signature, f->kept.cosignature, sizeof c.signature);
    return checkpoints_cosign(db, &c, err);
}

static int keep_answers(struct db *db, void *ctx, struct buf *result, struct err *err) {
    struct making *m = ctx;
    int r = 0;
    (void)result;
    for (size_t i = 0; r == 0 && i < m->round->count; i++) {
        struct friend *f = &m->round->friends[i];
        struct err why = {0};
        if (!f->asked)
            continue;
        r = note_answer(db, m, f, err);
        // That one does not fit is a finding about the log, not a failure of the round.
        if (r == 0 && f->code == 0 && keep_answer(db, f, m->round->own, &why) < 0 && !f->problem[0])
            (void)snprintf(f->problem, sizeof f->problem, "%s", err_text(&why));
    }
    return r;
}

// --- one round -----------------------------------------------------------------------------------

// Each request has an end of its own, long before this one: then nothing of it is read any more.
static int wait_for_answers(struct round *r, struct err *err) {
    struct timespec until;
    int e = 0;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += FED_AUDIT_WAIT_MS / 1000;
    (void)pthread_mutex_lock(&r->lock);
    while (r->pending && e == 0)
        e = pthread_cond_timedwait(&r->changed, &r->lock, &until);
    bool all = r->pending == 0;
    (void)pthread_mutex_unlock(&r->lock);
    return all ? 0 : err_set(err, ERR_TIMEOUT, "federation did not answer");
}

// A friend has cosigned more than there is now, or another log: what a log that was cut or made
// anew cannot hide.
static void judge(struct making *m, struct friend *f) {
    struct checkpoint of;
    const struct checkpoint *ours = &m->round->row.checkpoint;
    if (!f->asked || f->code || !f->stale ||
        checkpoint_parse(f->kept.text, f->kept.text_bytes, &of, NULL) < 0)
        return;
    bool other = memcmp(of.log, ours->log, sizeof of.log) != 0;
    if (!other && of.entries <= ours->entries)
        return; // we had lost what it has: the next round goes on from there
    (void)snprintf(f->problem, sizeof f->problem,
                   other ? "it has cosigned another log of this device, of %lld entries: this one "
                           "was made anew"
                         : "it has cosigned %lld entries of this log, which now has fewer: it was "
                           "cut or made anew",
                   (long long)of.entries);
    log_line(LOG_ERROR, "audit", "a friend has cosigned entries=%lld that are not there",
             (long long)of.entries);
}

static json_t *report(struct making *m, const struct fed_names *names) {
    json_t *peers = json_array();
    for (size_t i = 0; i < m->round->count; i++) {
        const struct friend *f = &m->round->friends[i];
        char who[FED_NAMED_BYTES_MAX], device[2 * CHECKPOINT_KEY_BYTES + 1];
        struct checkpoint of = {.entries = f->last.entries};
        if (f->asked && f->code == 0)
            (void)checkpoint_parse(f->kept.text, f->kept.text_bytes, &of, NULL);
        fed_names_put(names, f->device, who);
        for (size_t k = 0; k < sizeof f->device; k++)
            (void)snprintf(device + 2 * k, 3, "%02x", f->device[k]);
        json_t *one = json_pack("{ss ss sb sI}", "device", device, "who", who, "asked", f->asked,
                                "entries", (json_int_t)of.entries);
        if (one && f->problem[0])
            (void)json_object_set_new(one, "problem", json_string(f->problem));
        (void)json_array_append_new(peers, one);
    }
    return json_pack("{sI so}", "entries", (json_int_t)m->round->row.checkpoint.entries, "peers",
                     peers);
}

static int one_round(struct store *s, struct making *m, bool now, struct err *err) {
    int r = fed_run(m->services, find_friends, m->round, err);
    if (r == 0)
        r = make_checkpoint(s, m, err);
    if (r == 0)
        r = prepare_all(s, m, now, err);
    size_t asked = 0;
    for (size_t i = 0; r == 0 && i < m->round->count; i++)
        asked += m->round->friends[i].asked;
    if (r < 0 || !asked)
        return r;
    r = store_write(s, NULL, note_asking, m, NULL, NULL, err); // before anything leaves
    if (r == 0)
        r = fed_run(m->services, ask_friends, m->round, err);
    if (r < 0)
        return r;
    r = wait_for_answers(m->round, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < m->round->count; i++)
        judge(m, &m->round->friends[i]);
    return store_write(s, NULL, keep_answers, m, NULL, NULL, err);
}

int fed_audit_round(struct services *s, bool now, json_t **ret, struct err *err) {
    struct store *store = s->store(s, err);
    struct fed_names names = {.off = true};
    if (!store)
        return err && err->code ? err->code : ERR_IO;
    struct making m = {.services = s, .round = round_new(), .now_ms = env_now_wall_ms()};
    if (!m.round)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = one_round(store, &m, now, err);
    if (r == 0 && ret) {
        (void)fed_names_load(s, &names, NULL);
        *ret = report(&m, &names);
        r = *ret ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    }
    fed_names_done(&names);
    round_leave(m.round);
    return r;
}
