#include "tests/unit/federation/sync_pair.h"

#include "core/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const uint8_t ends_scope[RECORD_SCOPE_BYTES] = {0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53,
                                                0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53};

static int64_t wall(void *self) {
    return ((struct end *)self)->now_ms;
}
static const struct env_ops env_ops = {.wall_ms = wall};

static int send(void *ctx, const void *bytes, size_t n) {
    struct end *e = ctx;
    if (e->capacity && e->queued >= e->capacity)
        return ERR_BUSY;
    struct message *m = malloc(sizeof *m + n);
    assert(m);
    *m = (struct message){.n = n};
    memcpy(m->bytes, bytes, n);
    *e->last = m;
    e->last = &m->next;
    e->queued++;
    e->sent_bytes += n + PAIR_FRAME_BYTES;
    return 0;
}

static unsigned allow(void *ctx, const uint8_t scope[RECORD_SCOPE_BYTES]) {
    return memcmp(scope, ends_scope, RECORD_SCOPE_BYTES) == 0 ? ((struct end *)ctx)->allow : 0;
}

static void changed(void *ctx, enum peersdb_change what, const uint8_t *scope, const uint8_t *id,
                    const uint8_t *by) {
    struct end *e = ctx;
    (void)by;
    if (e->sync)
        sync_changed(e->sync, what, scope, id);
}

static void end_open(struct end *e, struct db *db, uint8_t seed) {
    *e = (struct end){.allow = SYNC_SEND | SYNC_RECEIVE, .now_ms = MAKER_NOW_MS};
    e->last = &e->first;
    e->env = (struct env){&env_ops, e};
    maker_init(&e->author, seed);
    if (!db)
        assert(db_open_plain(":memory:", DB_CREATE, &db, NULL) == 0);
    e->db = db;
    struct peersdb_config config = {
        .epoch = seed, .now_ms = MAKER_NOW_MS, .change = changed, .ctx = e};
    assert(peersdb_open(db, &config, &e->p, NULL) == 0);
    e->sync = sync_new(&e->env, sync_store_peersdb(e->p));
    assert(e->sync);
}

static void befriend(struct end *e, struct end *other) {
    struct peersdb_peer peer = {.name = "other"};
    memcpy(peer.device, other->author.signer.device, 32);
    memcpy(peer.identity, other->author.signer.author, 32);
    assert(peersdb_peer_put(e->p, &peer, NULL) == 0);
    assert(peersdb_device_put(e->p, e->author.signer.device, e->author.signer.author, NULL) == 0);
}

void ends_open(struct pair *p, struct db *db_a, struct db *db_b) {
    end_open(&p->a, db_a, 1);
    end_open(&p->b, db_b, 2);
    befriend(&p->a, &p->b);
    befriend(&p->b, &p->a);
    ends_connect(p);
}

static void connect(struct end *e, struct end *other, bool outgoing) {
    struct sync_session_config config = {
        .key = "of this session", .outgoing = outgoing, .send = send, .allow = allow, .ctx = e};
    memcpy(config.peer, other->author.signer.device, 32);
    assert(sync_session_new(e->sync, &config, &e->session, NULL) == 0);
}

void ends_connect(struct pair *p) {
    connect(&p->a, &p->b, true);
    connect(&p->b, &p->a, false);
}

static struct message *take(struct end *e) {
    struct message *m = e->first;
    if (m) {
        e->first = m->next;
        e->last = e->first ? e->last : &e->first;
        e->queued--;
    }
    return m;
}

static void end_disconnect(struct end *e) {
    sync_session_free(e->session);
    e->session = NULL;
    for (struct message *m; (m = take(e));)
        free(m);
    e->result = 0;
}

void ends_disconnect(struct pair *p) {
    end_disconnect(&p->a);
    end_disconnect(&p->b);
}

static void end_close(struct end *e) {
    sync_free(e->sync);
    e->sync = NULL;
    peersdb_close(e->p);
    db_close(e->db);
}

void ends_close(struct pair *p) {
    ends_disconnect(p);
    end_close(&p->a);
    end_close(&p->b);
}

static bool deliver(struct end *from, struct end *to) {
    size_t n = from->queued;
    for (size_t i = 0; i < n && !to->result; i++) {
        struct message *m = take(from);
        to->result = sync_feed(to->session, m->bytes, m->n, &to->err);
        free(m);
    }
    if (n && !from->result)
        from->result = sync_drained(from->session, &from->err);
    return n;
}

uint64_t ends_run(struct pair *p, uint64_t rounds) {
    uint64_t half = 0;
    bool any = true;
    while (any && half < 2 * rounds && !p->a.result && !p->b.result) {
        any = deliver(&p->a, &p->b);
        any |= deliver(&p->b, &p->a);
        half += 2 * any;
    }
    return half / 2;
}

enum { AT_ONCE = 256 };

static void put(struct end *e, struct peersdb_item *items, size_t n) {
    assert(peersdb_put(e->p, NULL, ends_scope, items, n, NULL, e->now_ms, NULL) == 0);
    for (size_t i = 0; i < n; i++)
        assert(items[i].result == 1);
}

static void add(struct end *author, struct end *a, struct end *b, uint64_t n, size_t body_n) {
    static uint8_t body[RECORD_BODY_BYTES_MAX];
    static struct buf bytes[AT_ONCE];
    struct peersdb_item items[AT_ONCE] = {{0}};
    while (n) {
        size_t some = n < AT_ONCE ? (size_t)n : AT_ONCE;
        for (size_t i = 0; i < some; i++) {
            struct record r = maker_record(&author->author, body, body_n);
            maker_sign(&author->author, &r, &bytes[i], items[i].id);
            items[i].bytes = (const uint8_t *)bytes[i].data;
            items[i].n = bytes[i].len;
        }
        put(a, items, some);
        if (b)
            put(b, items, some);
        for (size_t i = 0; i < some; i++)
            buf_done(&bytes[i]);
        n -= some;
    }
}

void ends_add(struct end *e, uint64_t n, size_t body_n) {
    add(e, e, NULL, n, body_n);
    sync_pump(e->sync);
}

void ends_add_both(struct pair *p, uint64_t n, size_t body_n) {
    add(&p->a, &p->a, &p->b, n, body_n);
}

struct sum {
    uint64_t count;
    uint8_t x[RECORD_ID_BYTES];
};

static int sum_id(void *ctx, int64_t seq, const uint8_t *id, const uint8_t *bytes, size_t n) {
    struct sum *s = ctx;
    (void)seq, (void)bytes, (void)n;
    s->count++;
    for (int i = 0; i < RECORD_ID_BYTES; i++)
        s->x[i] ^= id[i];
    return 0;
}

uint64_t ends_count(struct end *e) {
    struct sum s = {0};
    assert(peersdb_ids(e->p, ends_scope, sum_id, &s, NULL) == 0);
    return s.count;
}

bool ends_same(struct pair *p) {
    struct sum a = {0}, b = {0};
    assert(peersdb_ids(p->a.p, ends_scope, sum_id, &a, NULL) == 0);
    assert(peersdb_ids(p->b.p, ends_scope, sum_id, &b, NULL) == 0);
    return memcmp(&a, &b, sizeof a) == 0;
}
