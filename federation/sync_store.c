// peers.db as what sync reads and writes.
#include "federation/sync.h"

static uint32_t epoch(void *self) {
    return peersdb_epoch(self);
}
static int newest(void *self, const uint8_t *scope, int64_t *ret, struct err *err) {
    return peersdb_newest(self, scope, ret, err);
}
struct each {
    sync_id_fn *fn;
    void *ctx;
};
static int each_id(void *ctx, int64_t seq, const uint8_t id[RECORD_ID_BYTES], const uint8_t *bytes,
                   size_t n) {
    const struct each *e = ctx;
    (void)seq, (void)bytes, (void)n;
    return e->fn(e->ctx, id);
}
static int ids(void *self, const uint8_t *scope, sync_id_fn *fn, void *ctx, struct err *err) {
    return peersdb_ids(self, scope, each_id, &(struct each){fn, ctx}, err);
}
static int ids_after(void *self, const uint8_t *scope, const uint8_t *after, sync_id_fn *fn,
                     void *ctx, struct err *err) {
    return peersdb_ids_after(self, scope, after, 8, each_id, &(struct each){fn, ctx}, err);
}
static int after(void *self, const uint8_t *scope, int64_t seq, const uint8_t *skip, bool orders,
                 peersdb_record_fn *fn, void *ctx, struct err *err) {
    return peersdb_after(self, scope, seq, skip, orders, fn, ctx, err);
}
static int find(void *self, const uint8_t *scope, const uint8_t *prefix, size_t n, struct buf *out,
                struct err *err) {
    return peersdb_find(self, scope, prefix, n, out, err);
}
static int put(void *self, const uint8_t *from, const uint8_t *scope, struct peersdb_item *items,
               size_t n, const struct peersdb_cursor *cursor, int64_t now_ms, struct err *err) {
    return peersdb_put(self, from, scope, items, n, cursor, now_ms, err);
}
static int cursor(void *self, const uint8_t *from, const uint8_t *scope, struct peersdb_cursor *ret,
                  struct err *err) {
    return peersdb_cursor_get(self, from, scope, ret, err);
}
static int improper(void *self, const uint8_t *from, int64_t count, struct err *err) {
    return peersdb_improper(self, from, count, err);
}

struct sync_store sync_store_peersdb(struct peersdb *p) {
    static const struct sync_store_ops ops = {.epoch = epoch,
                                              .newest = newest,
                                              .ids = ids,
                                              .ids_after = ids_after,
                                              .after = after,
                                              .find = find,
                                              .put = put,
                                              .cursor = cursor,
                                              .improper = improper};
    return (struct sync_store){.ops = &ops, .self = p};
}
