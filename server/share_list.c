// What was shared and with whom, what came and from whom, and what the user says of it.
#include "core/base/mem.h"
#include "federation/records.h"
#include "server/cap_admin.h"
#include "server/cap_fed.h"
#include "server/cap_models.h"
#include "server/share.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct field share_list_fields[] = {
    {.name = "from",
     .type = FIELD_STRING,
     .offset = offsetof(struct share_list_input, from),
     .max = SHARE_TO_BYTES_MAX},
    {.name = "id",
     .type = FIELD_STRING,
     .offset = offsetof(struct share_list_input, id),
     .max = 2 * RECORD_ID_BYTES},
    {.name = "kind",
     .type = FIELD_STRING,
     .offset = offsetof(struct share_list_input, kind),
     .max = PAYLOAD_WORD_BYTES_MAX},
    {0},
};
const struct field share_judge_fields[] = {
    {.name = "id",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct share_judge_input, id),
     .min = SHARE_ID_DIGITS_MIN,
     .max = 2 * RECORD_ID_BYTES},
    {.name = "accept", .type = FIELD_BOOL, .offset = offsetof(struct share_judge_input, accept)},
    {0},
};

static const char *state_name(enum peersdb_state s) {
    static const char *const names[] = {[PEERSDB_QUARANTINED] = "new",
                                        [PEERSDB_OFFERED] = "offered",
                                        [PEERSDB_ACCEPTED] = "accepted",
                                        [PEERSDB_REJECTED] = "rejected",
                                        [PEERSDB_DELETED] = "deleted"};
    return names[s];
}

// --- reading scopes

struct item {
    uint8_t id[RECORD_ID_BYTES], author[RECORD_KEY_BYTES], refers[RECORD_ID_BYTES];
    int64_t created_ms;
    enum record_kind kind;
    char who[PEERSDB_NAME_BYTES_MAX + 16];
};
struct listing {
    struct fed_core *core;
    const struct share_list_input *in;
    bool out; // ours; else what came
    bool show;
    unsigned kinds;
    uint8_t from[RECORD_KEY_BYTES];
    bool has_from;
    struct item *items;
    uint32_t count, capacity;
    const char *who; // of the scope that is read
    json_t *list;
};
enum { ITEMS_MAX = 200 * 1000 };

static bool begins_with(const uint8_t id[RECORD_ID_BYTES], struct text digits) {
    char hex[2 * RECORD_ID_BYTES + 1];
    fed_hex(id, RECORD_ID_BYTES, hex);
    return digits.len <= 2 * RECORD_ID_BYTES &&
           (!digits.len || memcmp(hex, digits.data, digits.len) == 0);
}

// Tags are not for people, and of others' receipts and revocations the lists say what they did.
static bool is_listed(const struct listing *l, const struct record *r, const uint8_t *id) {
    struct payload p;
    bool own = memcmp(r->author, identity_key(l->core->id), sizeof r->author) == 0;
    if (r->kind == RECORD_RECEIPT)
        return l->out && !own;
    if (own != l->out || (l->has_from && memcmp(r->author, l->from, sizeof r->author) != 0))
        return false;
    if (r->kind == RECORD_REVOCATION)
        return l->out;
    return begins_with(id, l->in->id) &&
           payload_parse((const char *)r->body, r->body_bytes, &p, NULL) == 0 &&
           p.form != PAYLOAD_TAGS;
}

static int note_item(void *ctx, int64_t seq, const uint8_t id[RECORD_ID_BYTES],
                     const uint8_t *bytes, size_t n) {
    struct listing *l = ctx;
    struct record r;
    (void)seq;
    if (record_parse(bytes, n, &r, NULL) < 0 || !is_listed(l, &r, id))
        return 0;
    void *list = l->items;
    int e = mem_grow(&list, l->count, &l->capacity, sizeof *l->items, ITEMS_MAX);
    l->items = list;
    if (e < 0)
        return e == ERR_LIMIT ? 1 : e;
    struct item *x = &l->items[l->count++];
    *x = (struct item){.created_ms = r.created_ms, .kind = r.kind};
    memcpy(x->id, id, sizeof x->id);
    memcpy(x->author, r.author, sizeof x->author);
    if (r.refers)
        memcpy(x->refers, r.refers_to, sizeof x->refers);
    (void)snprintf(x->who, sizeof x->who, "%s", l->who);
    return 0;
}

static int read_scope(void *ctx, const struct scope *scope, const uint8_t *other, const char *who,
                      struct err *err) {
    struct listing *l = ctx;
    uint8_t id[RECORD_SCOPE_BYTES];
    (void)other;
    l->who = who;
    scope_id(scope, id);
    int r = peersdb_after(l->core->peersdb, id, 0, NULL, false, note_item, l, err);
    return r > 0 ? 0 : r;
}

static int newest_first(const void *a, const void *b) {
    const struct item *x = a, *y = b;
    if (x->created_ms != y->created_ms)
        return x->created_ms > y->created_ms ? -1 : 1;
    return memcmp(x->id, y->id, sizeof x->id);
}

// --- as JSON

static json_t *title_of(const struct payload *p) {
    struct text t = p->title.len ? p->title : p->form == PAYLOAD_METRIC ? p->name : p->text;
    const char *end = t.len ? memchr(t.data, '\n', t.len) : NULL;
    return json_stringn(t.len ? t.data : "", end ? (size_t)(end - t.data) : t.len);
}

static int put_record(struct listing *l, const struct item *x, struct err *err) {
    AUTO_BUF bytes = BUF_INIT(RECORD_BYTES_MAX);
    enum peersdb_state state;
    struct record r;
    struct payload p;
    char hex[2 * RECORD_ID_BYTES + 1], name[PEERSDB_NAME_BYTES_MAX];
    int e = peersdb_get(l->core->peersdb, x->id, &bytes, &state, err);
    if (e < 0)
        return e;
    if (record_parse((const uint8_t *)bytes.data, bytes.len, &r, NULL) < 0 ||
        payload_parse((const char *)r.body, r.body_bytes, &p, NULL) < 0)
        return 0;
    if (!l->out && state == PEERSDB_QUARANTINED) { // it is shown now
        e = peersdb_set_state(l->core->peersdb, x->id, PEERSDB_OFFERED, err);
        state = PEERSDB_OFFERED;
    }
    if (e < 0)
        return e;
    fed_hex(x->id, sizeof x->id, hex);
    share_name_of(l->core, x->author, name);
    json_t *item = json_pack(
        "{ss ss ss ss sI sI ss so sI}", "id", hex, "kind", record_kind_name(x->kind), "from", name,
        "to", l->out ? x->who : "you", "created_ms", (json_int_t)r.created_ms, "expires_ms",
        (json_int_t)r.expires_ms, "state", l->out ? "shared" : state_name(state), "title",
        title_of(&p), "bytes", (json_int_t)r.body_bytes);
    if (item && l->show)
        (void)json_object_set_new(item, "body", json_stringn((const char *)r.body, r.body_bytes));
    return item && json_array_append_new(l->list, item) == 0
               ? 0
               : err_set(err, ERR_NOMEM, "out of memory");
}

// A revocation of ours stands for what it took back; who has deleted it says so by a receipt.
static int put_taken_back(struct listing *l, const struct item *x, struct err *err) {
    char hex[2 * RECORD_ID_BYTES + 1];
    json_t *receipts = json_array();
    if (!begins_with(x->refers, l->in->id)) {
        json_decref(receipts);
        return 0;
    }
    for (uint32_t i = 0; i < l->count; i++) {
        char name[PEERSDB_NAME_BYTES_MAX];
        if (l->items[i].kind != RECORD_RECEIPT ||
            memcmp(l->items[i].refers, x->id, sizeof x->id) != 0)
            continue;
        share_name_of(l->core, l->items[i].author, name);
        (void)json_array_append_new(receipts, json_pack("{ss sI}", "from", name, "time_ms",
                                                        (json_int_t)l->items[i].created_ms));
    }
    fed_hex(x->refers, sizeof x->refers, hex);
    json_t *item =
        json_pack("{ss ss ss sI ss so}", "id", hex, "kind", "", "to", x->who, "created_ms",
                  (json_int_t)x->created_ms, "state", "taken back", "receipts", receipts);
    return item && json_array_append_new(l->list, item) == 0
               ? 0
               : err_set(err, ERR_NOMEM, "out of memory");
}

static int list_all(struct fed_core *core, void *arg, struct err *err) {
    struct listing *l = arg;
    struct peersdb_peer peer;
    int r = 0;
    l->core = core;
    if (l->in->from.len) {
        r = fed_peer_find(core, l->in->from, &peer, err);
        memcpy(l->from, peer.identity, r == 0 ? sizeof l->from : 0);
        l->has_from = r == 0;
    }
    if (r == 0)
        r = share_scopes_each(core, l->kinds, l->out, read_scope, l, err);
    if (r == 0 && l->count)
        qsort(l->items, l->count, sizeof *l->items, newest_first);
    for (uint32_t i = 0; r == 0 && i < l->count && json_array_size(l->list) < SHARE_LIST_MAX; i++)
        if (l->items[i].kind == RECORD_REVOCATION)
            r = put_taken_back(l, &l->items[i], err);
        else if (l->items[i].kind != RECORD_RECEIPT)
            r = put_record(l, &l->items[i], err);
    return r;
}

static int kinds_of(struct text kind, unsigned *ret, struct err *err) {
    *ret = 0;
    for (unsigned k = RECORD_PATTERN; k <= RECORD_MILESTONE; k++)
        if (!kind.len || text_is(kind, record_kind_name(k)))
            *ret |= 1U << k;
    return *ret ? 0
                : err_set(err, ERR_INVAL,
                          "kind: pattern, template, resource, metric, decision or "
                          "milestone");
}

static int list(struct call *call, const struct share_list_input *in, bool out,
                struct answer *answer, struct err *err) {
    struct listing l = {.in = in, .out = out, .show = in->id.len > 0, .list = json_array()};
    int r = l.list ? kinds_of(in->kind, &l.kinds, err) : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0 && in->id.len && in->id.len < SHARE_ID_DIGITS_MIN)
        r = err_set(err, ERR_INVAL, "id: at least %d digits", SHARE_ID_DIGITS_MIN);
    if (r == 0)
        r = fed_run(call->services, list_all, &l, err);
    mem_free(l.items);
    if (r == 0)
        return admin_answer(answer, json_pack("{so}", "records", l.list), err);
    json_decref(l.list);
    return r;
}

int share_list(struct call *call, const void *input, struct answer *answer, struct err *err) {
    return list(call, input, true, answer, err);
}

int share_arrivals(struct call *call, const void *input, struct answer *answer, struct err *err) {
    return list(call, input, false, answer, err);
}

// --- one record, by the beginning of its id

struct choosing {
    struct listing l;
    bool accept, take_back;
    uint8_t id[RECORD_ID_BYTES];
};

static int choose(struct fed_core *core, struct choosing *c, struct err *err) {
    c->l.core = core;
    int r = share_scopes_each(core, c->l.kinds, c->l.out, read_scope, &c->l, err);
    uint32_t found = 0;
    for (uint32_t i = 0; r == 0 && i < c->l.count; i++) {
        const struct item *x = &c->l.items[i];
        if (x->kind == RECORD_REVOCATION || x->kind == RECORD_RECEIPT)
            continue;
        found += !found || memcmp(c->id, x->id, sizeof x->id) != 0;
        memcpy(c->id, x->id, sizeof c->id);
    }
    if (r == 0 && found != 1)
        r = found ? err_set(err, ERR_EXISTS, "several records begin with that: give more digits")
                  : err_set(err, ERR_NOT_FOUND, "no record begins with that");
    return r;
}

static int judge(struct fed_core *core, void *arg, struct err *err) {
    struct choosing *c = arg;
    int r = choose(core, c, err);
    if (r == 0 && !c->take_back)
        r = peersdb_set_state(core->peersdb, c->id, c->accept ? PEERSDB_ACCEPTED : PEERSDB_REJECTED,
                              err);
    return r;
}

static int with_one(struct call *call, struct choosing *c, struct err *err) {
    int r = kinds_of((struct text){0}, &c->l.kinds, err);
    if (r == 0)
        r = fed_run(call->services, judge, c, err);
    mem_free(c->l.items);
    return r;
}

static int answer_id(struct answer *answer, const uint8_t id[RECORD_ID_BYTES], const char *state,
                     struct err *err) {
    char hex[2 * RECORD_ID_BYTES + 1];
    fed_hex(id, RECORD_ID_BYTES, hex);
    return admin_answer(answer, json_pack("{ss ss}", "id", hex, "state", state), err);
}

int share_judge(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct share_judge_input *in = input;
    const struct share_list_input by = {.id = in->id};
    struct choosing c = {.l = {.in = &by}, .accept = in->accept};
    int r = with_one(call, &c, err);
    return r < 0 ? r : answer_id(answer, c.id, in->accept ? "accepted" : "rejected", err);
}

int share_take_back(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct share_take_back_input *in = input;
    const struct share_list_input by = {.id = in->id};
    struct choosing c = {.l = {.in = &by, .out = true}, .take_back = true};
    uint8_t revocation[RECORD_ID_BYTES];
    char reason[RECORD_REASON_BYTES_MAX + 1];
    int r = models_copy("reason", in->reason, reason, sizeof reason, err);
    if (r == 0)
        r = with_one(call, &c, err);
    if (r == 0)
        r = fed_take_back(call->services, c.id, reason[0] ? reason : NULL, revocation, err);
    return r < 0 ? r : answer_id(answer, c.id, "taken back", err);
}
