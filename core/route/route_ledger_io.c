// The ledger as bytes. Little-endian: "PQL1", number of rows (u32), for each: kind, unit, flags (1
// declared, 2 rejected), length of account and of name (u8 each), the two names, eight figures
// (float64) and six times and counts (i64) in the order of struct route_row; FNV-1a 64 of all
// before.
#include "core/route/route_ledger.h"
#include "core/route/route_prior.h"

#include <string.h>

enum { FIGURES = 8, TIMES = 6, ROW_BYTES_MIN = 5 + 8 * (FIGURES + TIMES) };

static void put(struct buf *out, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        (void)buf_putc(out, (char)(value >> (8 * i) & 0xFF));
}

static void put_row(struct buf *out, const struct route_row *r) {
    const double figures[FIGURES] = {r->limit,   r->used, r->rate, r->other_rate,
                                     r->per_usd, r->step, r->mean, r->deviation};
    const int64_t times[TIMES] = {r->reset_ms, r->length_ms,  r->read_ms,
                                  r->until_ms, r->backoff_ms, r->failures};
    size_t account = strlen(r->account), name = strlen(r->name);
    put(out, r->kind, 1);
    put(out, r->unit, 1);
    put(out, (r->declared ? 1U : 0U) | (r->rejected ? 2U : 0U), 1);
    put(out, account, 1);
    put(out, name, 1);
    (void)buf_append(out, r->account, account);
    (void)buf_append(out, r->name, name);
    for (int i = 0; i < FIGURES; i++) {
        uint64_t bits;
        memcpy(&bits, &figures[i], 8);
        put(out, bits, 8);
    }
    for (int i = 0; i < TIMES; i++)
        put(out, (uint64_t)times[i], 8);
}

int route_ledger_write(const struct route_ledger *l, struct buf *out, struct err *err) {
    size_t begin = out->len, cursor = 0, count = 0;
    struct route_row row;
    while (route_ledger_row(l, &cursor, &row))
        count++;
    (void)buf_append(out, "PQL1", 4);
    put(out, count, 4);
    for (cursor = 0; route_ledger_row(l, &cursor, &row);)
        put_row(out, &row);
    if (!out->failed)
        put(out, route_fnv(out->data + begin, out->len - begin), 8);
    return out->failed ? err_set(err, ERR_NOMEM, "out of memory for the quota ledger") : 0;
}

struct input {
    const unsigned char *at, *end;
};

static uint64_t get(struct input *in, int bytes) { // the caller knows that they are there
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint64_t)*in->at++ << (8 * i);
    return value;
}

static bool get_row(struct input *in, struct route_row *r) {
    *r = (struct route_row){0};
    if (in->end - in->at < ROW_BYTES_MIN)
        return false;
    r->kind = (enum route_row_kind)get(in, 1);
    r->unit = (enum route_unit)get(in, 1);
    unsigned flags = (unsigned)get(in, 1);
    r->declared = flags & 1;
    r->rejected = (flags >> 1) & 1;
    size_t account = get(in, 1), name = get(in, 1);
    if (account >= sizeof r->account || name >= sizeof r->name ||
        (size_t)(in->end - in->at) < account + name + 8 * (FIGURES + TIMES))
        return false;
    memcpy(r->account, in->at, account);
    memcpy(r->name, in->at + account, name);
    in->at += account + name;
    double *const figures[FIGURES] = {&r->limit,   &r->used, &r->rate, &r->other_rate,
                                      &r->per_usd, &r->step, &r->mean, &r->deviation};
    int64_t *const times[TIMES] = {&r->reset_ms, &r->length_ms,  &r->read_ms,
                                   &r->until_ms, &r->backoff_ms, &r->failures};
    for (int i = 0; i < FIGURES; i++) {
        uint64_t bits = get(in, 8);
        memcpy(figures[i], &bits, 8);
    }
    for (int i = 0; i < TIMES; i++)
        *times[i] = (int64_t)get(in, 8);
    return true;
}

int route_ledger_read(struct route_ledger *l, const void *bytes, size_t n, struct err *err) {
    struct input in = {bytes, (const unsigned char *)bytes + n}, sum;
    if (n < 16 || memcmp(bytes, "PQL", 3) != 0)
        return err_set(err, ERR_CORRUPT, "what was kept of the quotas is damaged");
    sum.at = in.end - 8;
    if (get(&sum, 8) != route_fnv(bytes, n - 8))
        return err_set(err, ERR_CORRUPT, "what was kept of the quotas is damaged");
    if (in.at[3] != '1')
        return err_set(err, ERR_VERSION, "what was kept of the quotas is of another version");
    in.at += 4;
    in.end -= 8;
    for (uint64_t count = get(&in, 4); count; count--) {
        struct route_row row;
        if (!get_row(&in, &row))
            return err_set(err, ERR_CORRUPT, "what was kept of the quotas is damaged");
        (void)route_ledger_restore(l, &row, NULL); // one that cannot be is left out
    }
    return 0;
}
