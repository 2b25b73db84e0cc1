// The ledger as bytes of core/base/wire.h: "PQL2", number of rows, for each: kind, unit, flags (1
// declared, 2 rejected), account and name, eight figures (float64) and six times and counts (i64)
// in the order of struct route_row; FNV-1a 64 of all before.
#include "core/base/wire.h"
#include "core/route/route_ledger.h"
#include "core/route/route_prior.h"

#include <string.h>

enum { FIGURES = 8, TIMES = 6 };

static void put_row(struct buf *out, const struct route_row *r) {
    const double figures[FIGURES] = {r->limit,   r->used, r->rate, r->other_rate,
                                     r->per_usd, r->step, r->mean, r->deviation};
    const int64_t times[TIMES] = {r->reset_ms, r->length_ms,  r->read_ms,
                                  r->until_ms, r->backoff_ms, r->failures};
    wire_put_u32(out, r->kind);
    wire_put_u32(out, r->unit);
    wire_put_u32(out, (r->declared ? 1U : 0U) | (r->rejected ? 2U : 0U));
    wire_put_string(out, r->account);
    wire_put_string(out, r->name);
    (void)buf_append(out, figures, sizeof figures);
    (void)buf_append(out, times, sizeof times);
}

int route_ledger_write(const struct route_ledger *l, struct buf *out, struct err *err) {
    size_t begin = out->len, cursor = 0, count = 0;
    struct route_row row;
    while (route_ledger_row(l, &cursor, &row))
        count++;
    (void)buf_append(out, "PQL2", 4);
    wire_put_u32(out, (uint32_t)count);
    for (cursor = 0; route_ledger_row(l, &cursor, &row);)
        put_row(out, &row);
    if (!out->failed)
        wire_put_u64(out, route_fnv(out->data + begin, out->len - begin));
    return out->failed ? err_set(err, ERR_NOMEM, "out of memory for the quota ledger") : 0;
}

static void take_name(struct wire *in, char ret[ROUTE_NAME_BYTES_MAX]) {
    size_t n;
    const char *name = wire_text(in, &n);
    if (n >= ROUTE_NAME_BYTES_MAX) {
        in->failed = true;
        return;
    }
    memcpy(ret, name, n + 1);
}

static bool take_row(struct wire *in, struct route_row *r) {
    double figures[FIGURES];
    int64_t times[TIMES];
    *r = (struct route_row){.kind = (enum route_row_kind)wire_u32(in)};
    r->unit = (enum route_unit)wire_u32(in);
    uint32_t flags = wire_u32(in);
    r->declared = flags & 1;
    r->rejected = (flags >> 1) & 1;
    take_name(in, r->account);
    take_name(in, r->name);
    wire_take(in, figures, sizeof figures);
    wire_take(in, times, sizeof times);
    r->limit = figures[0];
    r->used = figures[1];
    r->rate = figures[2];
    r->other_rate = figures[3];
    r->per_usd = figures[4];
    r->step = figures[5];
    r->mean = figures[6];
    r->deviation = figures[7];
    r->reset_ms = times[0];
    r->length_ms = times[1];
    r->read_ms = times[2];
    r->until_ms = times[3];
    r->backoff_ms = times[4];
    r->failures = times[5];
    return !in->failed;
}

int route_ledger_read(struct route_ledger *l, const void *bytes, size_t n, struct err *err) {
    static const char damaged[] = "what was kept of the quotas is damaged";
    if (n < 16 || memcmp(bytes, "PQL", 3) != 0)
        return err_set(err, ERR_CORRUPT, "%s", damaged);
    struct wire sum = wire_of((const char *)bytes + n - 8, 8);
    if (wire_u64(&sum) != route_fnv(bytes, n - 8))
        return err_set(err, ERR_CORRUPT, "%s", damaged);
    if (((const char *)bytes)[3] != '2')
        return err_set(err, ERR_VERSION, "what was kept of the quotas is of another version");
    struct wire in = wire_of((const char *)bytes + 4, n - 12);
    for (uint32_t count = wire_u32(&in); count; count--) {
        struct route_row row;
        if (!take_row(&in, &row))
            return err_set(err, ERR_CORRUPT, "%s", damaged);
        (void)route_ledger_restore(l, &row, NULL); // one that cannot be is left out
    }
    return 0;
}
