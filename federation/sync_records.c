// Batches of records: made, sent within the window, taken apart, stored, acknowledged.
#include "core/base/mem.h"
#include "federation/sync_impl.h"

#include <string.h>
#include <zstd.h>

enum {
    RAW_BYTES_MAX = SYNC_BATCH_BYTES + RECORD_BYTES_MAX + 4 * SYNC_BATCH_RECORDS,
    ZSTD_LEVEL = 1,
    BAD_MAX = 64, // records of a session that are forged or none
    AUTHOR_AT = 8 // in a record's bytes; the device's key follows it
};

// ------------------------------------------------------------------------------------ sending

struct batch {
    struct buf raw;
    uint32_t n;
    int64_t seq, skip_orders_to;
    bool full, orders_only; // the rest is not let go
};

static bool has_room(const struct batch *b) {
    return b->n < SYNC_BATCH_RECORDS && b->raw.len < SYNC_BATCH_BYTES;
}

static int add(struct batch *b, const uint8_t *bytes, size_t n) {
    out_varint(&b->raw, n);
    (void)buf_append(&b->raw, bytes, n);
    b->n++;
    return b->raw.failed ? ERR_NOMEM : 0;
}

static int add_row(void *ctx, int64_t seq, const uint8_t id[RECORD_ID_BYTES], const uint8_t *bytes,
                   size_t n) {
    struct batch *b = ctx;
    (void)id;
    if (!has_room(b)) {
        b->full = true;
        return 1;
    }
    b->seq = seq;
    if (bytes[1] == RECORD_REVOCATION && seq <= b->skip_orders_to)
        return 0;
    if (b->orders_only && !is_order(bytes))
        return 0;
    return add(b, bytes, n);
}

static int fill_after(struct sync_session *s, struct lane *l, struct job *j, struct batch *b,
                      struct err *err) {
    struct sync_store *store = &s->sync->store;
    int64_t newest = 0;
    int e = store->ops->newest(store->self, l->scope, &newest, err);
    if (e == 0 && j->orders) {
        b->seq = j->orders_seq;
        e = store->ops->after(store->self, l->scope, j->orders_seq, s->config.peer, true, add_row,
                              b, err);
        j->orders = b->full;
        j->orders_seq = b->full ? b->seq : newest;
        b->seq = 0; // moves no cursor
        if (e < 0 || b->n)
            return e;
    }
    if (e < 0)
        return e;
    b->seq = j->seq;
    b->skip_orders_to = j->orders_seq;
    e = store->ops->after(store->self, l->scope, j->seq, s->config.peer, false, add_row, b, err);
    if (!b->full && b->seq < newest)
        b->seq = newest;
    j->seq = b->seq;
    j->active = b->full;
    return e;
}

static int fill_ids(struct sync_session *s, struct lane *l, struct job *j, struct batch *b,
                    struct err *err) {
    struct sync_store *store = &s->sync->store;
    AUTO_BUF one = BUF_INIT(RECORD_BYTES_MAX);
    for (; j->at < j->n && has_room(b); j->at++) {
        buf_clear(&one);
        int e = store->ops->find(store->self, l->scope, j->prefixes + (size_t)j->at * PREFIX_BYTES,
                                 PREFIX_BYTES, &one, err);
        if (e == 0)
            e = b->orders_only && !is_order((const uint8_t *)one.data)
                    ? 0
                    : add(b, (const uint8_t *)one.data, one.len);
        else if (e == ERR_NOT_FOUND && (++s->unknown, true))
            e = s->unknown > SYNC_UNKNOWN_MAX
                    ? session_improper(s, 1, "asks for records that there are not", err)
                    : 0;
        if (e < 0)
            return e;
    }
    j->active = j->at < j->n;
    return 0;
}

static int send_batch(struct sync_session *s, struct lane *l, int job, struct batch *b,
                      struct err *err) {
    struct sync_store *store = &s->sync->store;
    if (b->raw.failed)
        return err_set(err, ERR_NOMEM, "no memory for records to send");
    size_t bound = ZSTD_compressBound(b->raw.len);
    AUTO_FREE uint8_t *packed = mem_alloc(bound);
    if (!packed)
        return err_set(err, ERR_NOMEM, "no memory for records to send");
    size_t n = ZSTD_compress(packed, bound, b->raw.data, b->raw.len, ZSTD_LEVEL);
    bool smaller = !ZSTD_isError(n) && n < b->raw.len;
    AUTO_BUF m = BUF_INIT(0);
    out_begin(&m, SYNC_RECORDS, l);
    out_uint(&m, 1,
             (smaller ? RECORDS_ZSTD : 0) | (job == JOB_PUSH ? RECORDS_PUSH : 0) |
                 (b->orders_only ? RECORDS_ORDERS : 0));
    out_varint(&m, job == JOB_AFTER ? store->ops->epoch(store->self) : 0);
    // With orders alone the cursor stays: what lies between may be allowed another day.
    out_varint(&m, job == JOB_AFTER && !b->orders_only ? (uint64_t)b->seq : 0);
    out_varint(&m, b->raw.len);
    (void)buf_append(&m, smaller ? packed : (uint8_t *)b->raw.data, smaller ? n : b->raw.len);
    l->in_flight++;
    l->sent += job == JOB_AFTER ? b->n : 0;
    return sync_session_send(s, &m);
}

static int job_ended(struct sync_session *s, struct lane *l, int job, struct err *err) {
    if (job == JOB_PUSH)
        return pull_tell(s, l);
    if (job == JOB_AFTER && !l->done_due)
        return 0;
    AUTO_BUF b = BUF_INIT(0);
    out_begin(&b, SYNC_DONE, l);
    int e = sync_session_send(s, &b);
    if (job == JOB_AFTER) {
        l->done_due = false;
        l->served_dry = l->sent == 0;
        if (e == 0)
            e = pull_heal(s, l, err);
    }
    return e;
}

int lane_pump(struct sync_session *s, struct lane *l, struct err *err) {
    int e = 0;
    for (int job = 0; e == 0 && job < JOBS; job++) {
        struct job *j = &l->jobs[job];
        while (e == 0 && j->active && l->in_flight < SYNC_WINDOW && !s->late.len) {
            unsigned allow = lane_allow(s, l);
            if (!(allow & SYNC_SEND_ORDERS)) // withdrawn meanwhile
                return lane_stop_sending(s, l);
            l->held_back |= !(allow & SYNC_SEND);
            struct batch b = {.raw = BUF_INIT(RAW_BYTES_MAX), .orders_only = !(allow & SYNC_SEND)};
            e = (job == JOB_AFTER ? fill_after : fill_ids)(s, l, j, &b, err);
            if (e == 0 && b.n)
                e = send_batch(s, l, job, &b, err);
            if (e == 0 && !j->active)
                e = job_ended(s, l, job, err);
            buf_done(&b.raw);
        }
    }
    return e < 0 ? e : lane_again(s, l, err);
}

int records_ack(struct sync_session *s, struct lane *l, struct err *err) {
    if (!l->in_flight && !l->refused)
        return session_improper(s, 1, "acknowledges what was not sent", err);
    l->in_flight -= l->in_flight > 0;
    return lane_pump(s, l, err);
}

// ----------------------------------------------------------------------------------- arriving

struct header {
    unsigned flags;
    struct peersdb_cursor cursor;
    uint64_t raw;
};

static int by_prefix(const uint8_t *id, const uint8_t *list, uint32_t n) { // 1: it is in it
    uint32_t low = 0, high = n;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        int c = memcmp(list + (size_t)mid * PREFIX_BYTES, id, PREFIX_BYTES);
        if (c == 0)
            return 1;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return 0;
}

// Records of a batch, borrowed from it. How many, or ERR_PARSE.
static int split(const uint8_t *raw, size_t n, struct peersdb_item items[SYNC_BATCH_RECORDS],
                 struct err *err) {
    struct in in = {.at = raw, .end = raw + n};
    int count = 0;
    while (!in.bad && in.at < in.end && count < SYNC_BATCH_RECORDS) {
        size_t bytes = (size_t)in_varint(&in);
        struct peersdb_item *item = &items[count++];
        *item = (struct peersdb_item){.bytes = in_bytes(&in, bytes), .n = bytes};
        in.bad |= bytes < RECORD_BYTES_MIN || bytes > RECORD_BYTES_MAX;
    }
    if (in.bad || in.at != in.end || !count)
        return err_set(err, ERR_PARSE, "a batch of records is malformed");
    return count;
}

static int all_wanted(struct sync_session *s, struct lane *l, struct peersdb_item *items, int n,
                      struct err *err) {
    for (int i = 0; i < n; i++) {
        uint8_t id[RECORD_ID_BYTES];
        records_id(items[i].bytes, items[i].n, id);
        if (l->pull != PULL_WANT || !l->wanted_left || !by_prefix(id, l->wanted, l->wanted_n))
            return session_improper(s, 1, "sends records that nobody asked for", err);
        l->wanted_left--;
    }
    return 0;
}

static int count_results(struct sync_session *s, const struct peersdb_item *items, int n,
                         struct err *err) {
    for (int i = 0; i < n; i++) {
        int r = items[i].result;
        s->info.stored += r > 0;
        s->info.known += r == 0;
        s->info.refused += r < 0;
        s->bad += r == ERR_KEY || r == ERR_PARSE;
    }
    return s->bad > BAD_MAX ? err_set(err, ERR_PERM, "the peer sends forged records") : 0;
}

static int store(struct sync_session *s, struct lane *l, const struct header *h,
                 struct peersdb_item *items, int n, struct err *err) {
    struct sync_store *to = &s->sync->store;
    const struct peersdb_cursor *cursor = NULL;
    if (h->cursor.epoch && h->cursor.seq) {
        bool busy = l->pull != PULL_NONE && l->pull != PULL_ASKED; // base moves it in the end
        cursor = busy ? NULL : &h->cursor;
        if (busy && l->base.epoch == h->cursor.epoch && l->base.seq < h->cursor.seq)
            l->base.seq = h->cursor.seq;
    }
    l->dry = false;
    int e = to->ops->put(to->self, s->config.peer, l->scope, items, (size_t)n, cursor, sync_now(s),
                         err);
    if (e == ERR_LIMIT) { // full: no acknowledgement, and no more until the user has looked
        pull_end(s, l);
        l->following = false;
        return lane_refuse(s, l, REFUSE_RECEIVING | REFUSE_FULL);
    }
    if (e == 0)
        e = count_results(s, items, n, err);
    if (e < 0)
        return e;
    AUTO_BUF b = BUF_INIT(0);
    out_begin(&b, SYNC_ACK, l);
    return sync_session_send(s, &b);
}

static int unpack(const struct header *h, const uint8_t *bytes, size_t n, uint8_t *raw,
                  struct err *err) {
    if (!(h->flags & RECORDS_ZSTD)) {
        if (n != h->raw)
            return err_set(err, ERR_PARSE, "a batch of records is malformed");
        memcpy(raw, bytes, n);
        return 0;
    }
    size_t got = ZSTD_decompress(raw, h->raw, bytes, n);
    return !ZSTD_isError(got) && got == h->raw
               ? 0
               : err_set(err, ERR_PARSE, "a batch of records is not what it was packed from");
}

// Without SYNC_RECEIVE only orders come in. How many are left; the cursor then stays.
static int orders_of(struct sync_session *s, struct peersdb_item *items, int n) {
    int left = 0;
    for (int i = 0; i < n; i++)
        if (is_order(items[i].bytes))
            items[left++] = items[i];
    s->info.refused += (uint64_t)(n - left);
    return left;
}

// Whether a certificate has been asked for, of an author of these.
static bool must_wait(struct sync_session *s, const struct peersdb_item *items, int n) {
    const struct sync_session_config *c = &s->config;
    const uint8_t *last = NULL;
    for (int i = 0; s->patient && c->author && i < n; i++) {
        const uint8_t *keys = items[i].bytes + AUTHOR_AT;
        if (last && memcmp(last, keys, (size_t)2 * RECORD_KEY_BYTES) == 0)
            continue;
        last = keys;
        s->waiting |= c->author(c->ctx, keys, keys + RECORD_KEY_BYTES) > 0;
    }
    return s->waiting;
}

static int take_batch(struct sync_session *s, struct lane *l, struct header *h,
                      const uint8_t *bytes, size_t n, struct err *err) {
    AUTO_FREE uint8_t *raw = mem_alloc(h->raw);
    AUTO_FREE struct peersdb_item *items = mem_alloc(SYNC_BATCH_RECORDS * sizeof *items);
    if (!raw || !items)
        return err_set(err, ERR_NOMEM, "no memory for records that came");
    int e = unpack(h, bytes, n, raw, err);
    int count = e == 0 ? split(raw, h->raw, items, err) : e;
    if (count < 0)
        return count;
    if (must_wait(s, items, count))
        return 0; // it comes again
    if (!h->cursor.epoch && !(h->flags & RECORDS_PUSH)) {
        if (l->pull != PULL_WANT && l->refused)
            return 0; // asked for before a refusal; it comes when it is asked for again
        e = all_wanted(s, l, items, count, err);
    }
    if (e == 0 && !(lane_allow(s, l) & SYNC_RECEIVE)) {
        h->cursor.seq = 0;
        count = orders_of(s, items, count);
    }
    return e < 0 ? e : store(s, l, h, items, count, err);
}

int records_arrive(struct sync_session *s, struct lane *l, struct in *in, struct err *err) {
    struct header h = {.flags = (unsigned)in_uint(in, 1)};
    h.cursor.epoch = (uint32_t)in_varint(in);
    h.cursor.seq = (int64_t)in_varint(in);
    h.raw = in_varint(in);
    const uint8_t *bytes = in->at;
    size_t n = (size_t)(in->end - in->at);
    in->at = in->end;
    if (in->bad || h.flags & ~(unsigned)(RECORDS_ZSTD | RECORDS_PUSH | RECORDS_ORDERS) || !h.raw ||
        (h.flags & RECORDS_PUSH && h.cursor.epoch))
        return err_set(err, ERR_PARSE, "a batch of records is malformed");
    if (h.raw > RAW_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a batch of records has over %d bytes", RAW_BYTES_MAX);
    if (!(lane_allow(s, l) & SYNC_RECEIVE_ORDERS)) // withdrawn while they were under way
        return lane_refuse(s, l, REFUSE_RECEIVING);
    if ((h.flags & RECORDS_PUSH && !l->served) || (h.cursor.epoch && !l->following)) {
        if (l->refused) // sent before they could know
            return 0;
        return session_improper(s, 1, "sends records that nobody asked for", err);
    }
    return take_batch(s, l, &h, bytes, n, err);
}
