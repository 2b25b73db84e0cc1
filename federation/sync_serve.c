// The side of sync that answers.
#include "core/base/mem.h"
#include "federation/sync_impl.h"

#include <string.h>

enum {
    JOB_IDS_MAX = 32 * SYNC_WANT_MAX,
    CELLS_SERVED_MAX = 2 * SYNC_CELLS_TRIES * RIBLT_CELLS_MAX
};

void serve_follow(struct lane *l, int64_t seq) {
    struct job *j = &l->jobs[JOB_AFTER];
    *j = (struct job){.active = true, .orders = true, .seq = seq, .orders_seq = seq};
    l->follows = true;
}

static int send_cells(struct sync_session *s, struct lane *l, uint32_t from, uint32_t n,
                      struct err *err) {
    struct sync_store *store = &s->sync->store;
    struct sync_set *set = NULL;
    int64_t newest = 0;
    int e = sync_set_of(s->sync, l->scope, &set, err);
    if (e == 0)
        e = store->ops->newest(store->self, l->scope, &newest, err);
    if (e < 0)
        return e;
    n = set ? n : 0; // none: by list, please
    l->cells_served += n;
    if (l->cells_served > CELLS_SERVED_MAX)
        return session_improper(s, 1, "asks for cells without end", err);
    AUTO_BUF b = BUF_INIT(0);
    out_begin(&b, SYNC_CELLS, l);
    out_uint(&b, 4, set ? set->version : 0);
    out_varint(&b, set ? riblt_count(set->table) : 0);
    out_varint(&b, store->ops->epoch(store->self));
    out_varint(&b, (uint64_t)newest);
    out_varint(&b, from);
    out_varint(&b, n);
    if (n && riblt_write(set->table, s->check, from, n, &b) < 0)
        return err_set(err, ERR_NOMEM, "no memory to reconcile records");
    if (from == 0) {
        serve_follow(l, newest);
        l->jobs[JOB_AFTER].active = false; // only what comes
        l->served = true;
    }
    return sync_session_send(s, &b);
}

// By cursor, whatever is after it: what may go of it is decided record by record.
static int serve_after(struct lane *l, int64_t seq) {
    serve_follow(l, seq);
    l->done_due = l->served = true;
    l->sent = 0;
    return 0;
}

static int send_same(struct sync_session *s, struct lane *l, bool receive, bool with_cursor,
                     int64_t newest) {
    struct sync_store *store = &s->sync->store;
    struct peersdb_cursor ours = {0};
    int e = store->ops->cursor(store->self, s->config.peer, l->scope, &ours, NULL);
    if (e < 0)
        return e;
    AUTO_BUF b = BUF_INIT(0);
    out_begin(&b, SYNC_SAME, l);
    out_uint(&b, 1,
             (receive ? SAME_WANT : 0) | (with_cursor ? SAME_CURSOR : 0) |
                 (receive && !ours.epoch ? SAME_TELL : 0));
    if (with_cursor) {
        out_varint(&b, store->ops->epoch(store->self));
        out_varint(&b, (uint64_t)newest);
    }
    return sync_session_send(s, &b);
}

static int send_done(struct sync_session *s, struct lane *l) {
    AUTO_BUF b = BUF_INIT(0);
    out_begin(&b, SYNC_DONE, l);
    return sync_session_send(s, &b);
}

struct hello {
    bool want, cells;
    uint64_t count, digest;
    struct peersdb_cursor cursor;
};

static int answer(struct sync_session *s, struct lane *l, const struct hello *h, unsigned allow,
                  struct err *err) {
    struct sync_store *store = &s->sync->store;
    struct sync_set *set = NULL;
    int64_t newest = 0;
    uint32_t epoch = store->ops->epoch(store->self);
    int e = sync_set_of(s->sync, l->scope, &set, err);
    if (e == 0)
        e = store->ops->newest(store->self, l->scope, &newest, err);
    if (e < 0)
        return e;
    bool serve = h->want && allow & SYNC_SEND_ORDERS, receive = allow & SYNC_RECEIVE_ORDERS;
    bool whole = allow & SYNC_SEND, shown = allow & (SYNC_SEND | SYNC_RECEIVE);
    bool current = h->cursor.epoch == epoch && h->cursor.seq <= newest;
    l->following |= receive && !s->config.outgoing;
    l->differs = !set || !shown || h->count != riblt_count(set->table) ||
                 h->digest != riblt_digest(set->table, s->check);
    l->served_dry = false;
    if (!l->differs) {
        if (serve)
            serve_follow(l, newest);
        l->jobs[JOB_AFTER].active = false;
        l->served = true;
        return send_same(s, l, receive, serve && (!current || h->cursor.seq != newest), newest);
    }
    if (serve && whole && (!current || h->cells)) // what they have and we lack they will push
        return send_cells(s, l, 0, RIBLT_FIRST_CELLS, err);
    if (receive && !s->config.outgoing && l->pull == PULL_NONE)
        e = pull_hello(s, l, false, err);
    if (e == 0 && serve)
        return serve_after(l, current && !h->cells ? h->cursor.seq : 0);
    return e < 0 ? e : send_done(s, l);
}

int serve_hello(struct sync_session *s, struct lane *l, struct in *in, struct err *err) {
    (void)in_bytes(in, RECORD_SCOPE_BYTES); // compared already
    uint64_t flags = in_uint(in, 1);
    struct hello h = {.want = flags & HELLO_WANT, .cells = flags & HELLO_CELLS};
    h.count = in_varint(in);
    h.digest = in_uint(in, 8);
    h.cursor.epoch = (uint32_t)in_varint(in);
    h.cursor.seq = (int64_t)in_varint(in);
    if (in->bad || flags & ~(uint64_t)(HELLO_WANT | HELLO_CELLS))
        return err_set(err, ERR_PARSE, "a message of sync is malformed");
    unsigned allow = lane_allow(s, l);
    return allow ? answer(s, l, &h, allow, err)
                 : lane_refuse(s, l, REFUSE_SENDING | REFUSE_RECEIVING);
}

int serve_more(struct sync_session *s, struct lane *l, struct in *in, struct err *err) {
    uint64_t from = in_varint(in), n = in_varint(in);
    if (in->bad || !n || n > RIBLT_CELLS_MAX || from > RIBLT_CELLS_MAX - n || !from)
        return err_set(err, ERR_PARSE, "a message of sync is malformed");
    if (!l->served)
        return session_improper(s, 1, "asks for what was not offered", err);
    if (!(lane_allow(s, l) & SYNC_SEND))
        return lane_refuse(s, l, REFUSE_SENDING);
    return send_cells(s, l, (uint32_t)from, (uint32_t)n, err);
}

int serve_want(struct sync_session *s, struct lane *l, struct in *in, struct err *err) {
    size_t bytes = (size_t)(in->end - in->at);
    if (!bytes || bytes % PREFIX_BYTES || bytes / PREFIX_BYTES > SYNC_WANT_MAX)
        return err_set(err, ERR_PARSE, "a message of sync is malformed");
    const uint8_t *prefixes = in_bytes(in, bytes);
    if (!l->served || l->jobs[JOB_WANT].active)
        return session_improper(s, 1, "asks for what was not offered", err);
    if (!(lane_allow(s, l) & SYNC_SEND))
        return lane_refuse(s, l, REFUSE_SENDING);
    return serve_ids(s, l, JOB_WANT, prefixes, (uint32_t)(bytes / PREFIX_BYTES), err);
}

struct page {
    struct buf *out;
    uint32_t n;
    bool full;
    uint8_t last[PREFIX_BYTES];
};

static int put_prefix(void *ctx, const uint8_t id[RECORD_ID_BYTES]) {
    struct page *p = ctx;
    if (p->n && memcmp(p->last, id, PREFIX_BYTES) == 0)
        return 0;
    p->full = p->n == SYNC_PAGE_IDS;
    if (p->full)
        return 1;
    memcpy(p->last, id, PREFIX_BYTES);
    p->n++;
    return buf_append(p->out, id, PREFIX_BYTES) < 0;
}

int serve_list(struct sync_session *s, struct lane *l, struct in *in, struct err *err) {
    struct sync_store *store = &s->sync->store;
    uint64_t begun = in_uint(in, 1);
    const uint8_t *after = begun == 1 ? in_bytes(in, PREFIX_BYTES) : NULL;
    if (in->bad || begun > 1)
        return err_set(err, ERR_PARSE, "a message of sync is malformed");
    if (!l->served)
        return session_improper(s, 1, "asks for what was not offered", err);
    if (!(lane_allow(s, l) & SYNC_SEND))
        return lane_refuse(s, l, REFUSE_SENDING);
    AUTO_BUF b = BUF_INIT(0);
    out_begin(&b, SYNC_IDS, l);
    size_t last = b.len;
    out_uint(&b, 1, 1);
    struct page page = {.out = &b};
    int e = store->ops->ids_after(store->self, l->scope, after, put_prefix, &page, err);
    if (e < 0 || b.failed)
        return e < 0 ? e : err_set(err, ERR_NOMEM, "no memory for a list of ids");
    b.data[last] = !page.full;
    return sync_session_send(s, &b);
}

// Revocations go first, so that nobody is shown what was taken back.
int serve_ids(struct sync_session *s, struct lane *l, int job, const uint8_t *prefixes, uint32_t n,
              struct err *err) {
    struct sync_store *store = &s->sync->store;
    struct job *j = &l->jobs[job];
    uint32_t have = j->active ? j->n - j->at : 0;
    if (n > JOB_IDS_MAX - have)
        return err_set(err, ERR_LIMIT, "too many records to send at once");
    uint8_t *all = mem_alloc((size_t)(have + n) * PREFIX_BYTES + 1);
    if (!all)
        return err_set(err, ERR_NOMEM, "no memory for ids of records to send");
    if (have)
        memcpy(all, j->prefixes + (size_t)j->at * PREFIX_BYTES, (size_t)have * PREFIX_BYTES);
    uint8_t *front = all + (size_t)have * PREFIX_BYTES, *back = front + (size_t)n * PREFIX_BYTES;
    AUTO_BUF one = BUF_INIT(RECORD_BYTES_MAX);
    int e = 0;
    for (uint32_t i = 0; i < n && e != ERR_NOMEM; i++) {
        const uint8_t *prefix = prefixes + (size_t)i * PREFIX_BYTES;
        buf_clear(&one);
        e = store->ops->find(store->self, l->scope, prefix, PREFIX_BYTES, &one, NULL);
        bool order = e == 0 && one.data[1] == RECORD_REVOCATION;
        memcpy(order ? front : back - PREFIX_BYTES, prefix, PREFIX_BYTES);
        front += order ? PREFIX_BYTES : 0;
        back -= order ? 0 : PREFIX_BYTES;
    }
    mem_free(j->prefixes);
    *j = (struct job){.active = true, .prefixes = all, .n = have + n};
    return 0;
}
