#include "federation/riblt.h"

#include "core/base/mem.h"

#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct pair { // 16 bytes as two words, for XOR
    uint64_t w[2];
};
struct cell {
    struct pair id, hash;
    int64_t count;
};
struct riblt {
    uint8_t scope[16];
    uint64_t count;
    struct cell cells[RIBLT_CELLS_MAX];
};

struct symbol {
    struct pair id, hash;
};
struct ids {
    uint8_t *list;
    uint32_t count, capacity;
};
struct wire_cell {
    struct pair id;
    uint64_t check;
    int64_t count;
};
struct riblt_diff {
    const struct riblt *mine;
    const struct riblt_check *check;
    uint64_t their_count;
    uint32_t cells, peeled; // cells below `peeled` have been looked at since they last changed
    uint32_t unsolved;      // cells that are not empty
    bool bad;
    struct ids theirs, ours;
    double spread;    // sum of squares for the estimate
    uint32_t samples; // cells in it
    struct wire_cell cell[RIBLT_CELLS_MAX];
    uint32_t queue[RIBLT_CELLS_MAX]; // cells that may be pure
    uint32_t queued;
    bool waits[RIBLT_CELLS_MAX]; // is in the queue
};

// ---------------------------------------------------------------------------- where an id goes

static struct pair pair_of(const uint8_t bytes[RIBLT_ID_BYTES]) {
    struct pair p;
    memcpy(&p, bytes, sizeof p);
    return p;
}

static struct symbol symbol_of(const struct riblt *t, struct pair id) {
    struct symbol s = {.id = id};
    uint8_t bytes[RIBLT_ID_BYTES], hash[crypto_shorthash_siphashx24_BYTES];
    memcpy(bytes, &id, sizeof bytes);
    (void)crypto_shorthash_siphashx24(hash, bytes, sizeof bytes, t->scope);
    memcpy(&s.hash, hash, sizeof s.hash);
    return s;
}

static void add_pair(struct pair *to, struct pair p) {
    to->w[0] ^= p.w[0];
    to->w[1] ^= p.w[1];
}

// The share of ids in cell i is 1 / (1 + i/2); the steps from cell to cell are drawn so (paper,
// section 4.2). IEEE 754 double: add, multiply, divide and sqrt round the same everywhere, and no
// sum follows a product here that a compiler could fuse with it.
struct walk {
    uint64_t state;
    uint64_t at; // cell
};
static struct walk walk_of(const struct symbol *s) {
    uint8_t bytes[8];
    memcpy(bytes, &s->hash, sizeof bytes);
    uint64_t state = 0; // the same on every machine
    for (int i = 7; i >= 0; i--)
        state = state << 8 | bytes[i];
    return (struct walk){.state = state};
}
static void walk_on(struct walk *w) {
    uint64_t x = w->state += 0x9e3779b97f4a7c15u; // splitmix64
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    x ^= x >> 31;
    double step = 4294967296.0 / sqrt((double)(x >> 11) * 2048.0 + 1.0) - 1.0;
    step = ceil(((double)w->at + 1.5) * step);
    // Never stays; far steps end behind every table.
    w->at += step < 1.0 ? 1 : step > RIBLT_CELLS_MAX ? RIBLT_CELLS_MAX : (uint64_t)step;
}

static double share(uint64_t i) {
    return 2.0 / (double)(i + 2);
}

static int64_t expected(uint64_t count, uint64_t i) {
    return (int64_t)(count * 2 / (i + 2));
}

// ------------------------------------------------------------------------------------ the table

struct riblt *riblt_new(const uint8_t scope[16]) {
    struct riblt *t = mem_zalloc(sizeof *t);
    if (t)
        memcpy(t->scope, scope, sizeof t->scope);
    return t;
}

void riblt_free(struct riblt *t) {
    mem_free(t);
}

struct riblt *riblt_copy(const struct riblt *t) {
    struct riblt *copy = mem_alloc(sizeof *copy);
    if (copy)
        memcpy(copy, t, sizeof *copy);
    return copy;
}

static void change(struct riblt *t, const uint8_t id[RIBLT_ID_BYTES], int64_t by) {
    struct symbol s = symbol_of(t, pair_of(id));
    for (struct walk w = walk_of(&s); w.at < RIBLT_CELLS_MAX; walk_on(&w)) {
        struct cell *c = &t->cells[w.at];
        add_pair(&c->id, s.id);
        add_pair(&c->hash, s.hash);
        c->count += by;
    }
    t->count = (uint64_t)((int64_t)t->count + by);
}

void riblt_add(struct riblt *t, const uint8_t id[RIBLT_ID_BYTES]) {
    change(t, id, 1);
}

void riblt_remove(struct riblt *t, const uint8_t id[RIBLT_ID_BYTES]) {
    change(t, id, -1);
}

uint64_t riblt_count(const struct riblt *t) {
    return t->count;
}

// --------------------------------------------------------------------------- the session's check

void riblt_check_init(struct riblt_check *c, const uint8_t key[RIBLT_KEY_BYTES]) {
    static const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES] = "checks";
    uint8_t stream[RIBLT_ID_BYTES * 8 * 8]; // a random word for each bit of a hash
    (void)crypto_stream_chacha20(stream, sizeof stream, nonce, key);
    const uint8_t *at = stream;
    for (int byte = 0; byte < RIBLT_ID_BYTES; byte++) {
        c->map[byte][0] = 0;
        for (int bit = 0; bit < 8; bit++) {
            uint64_t word = 0;
            for (int i = 0; i < 8; i++)
                word = word << 8 | *at++;
            for (int low = 0; low < 1 << bit; low++)
                c->map[byte][low | 1 << bit] = c->map[byte][low] ^ word;
        }
    }
    sodium_memzero(stream, sizeof stream);
}

static uint64_t check_of(const struct riblt_check *c, const struct pair *hash) {
    uint8_t bytes[RIBLT_ID_BYTES];
    uint64_t v = 0;
    memcpy(bytes, hash, sizeof bytes);
    for (int i = 0; i < RIBLT_ID_BYTES; i++)
        v ^= c->map[i][bytes[i]];
    return v;
}

uint64_t riblt_digest(const struct riblt *t, const struct riblt_check *c) {
    return check_of(c, &t->cells[0].hash); // cell 0 has every id
}

// ------------------------------------------------------------------------------------- the wire

int riblt_write(const struct riblt *t, const struct riblt_check *c, uint32_t from, uint32_t n,
                struct buf *out) {
    if (n > RIBLT_CELLS_MAX || from > RIBLT_CELLS_MAX - n)
        return ERR_LIMIT;
    int e = buf_reserve(out, (size_t)n * RIBLT_CELL_BYTES_MAX);
    for (uint32_t i = from; e == 0 && i < from + n; i++) {
        const struct cell *cell = &t->cells[i];
        uint8_t bytes[RIBLT_CELL_BYTES_MAX];
        uint64_t check = check_of(c, &cell->hash);
        int64_t rest = cell->count - expected(t->count, i);
        uint64_t zigzag = (uint64_t)rest << 1 ^ (rest < 0 ? UINT64_MAX : 0);
        memcpy(bytes, &cell->id, RIBLT_ID_BYTES);
        for (int k = 0; k < 8; k++)
            bytes[16 + k] = (uint8_t)(check >> 8 * (7 - k));
        size_t at = 24;
        for (; zigzag > 0x7f; zigzag >>= 7)
            bytes[at++] = (uint8_t)(zigzag | 0x80);
        bytes[at++] = (uint8_t)zigzag;
        e = buf_append(out, bytes, at);
    }
    return e;
}

// Moves *at on; false: cut off, too long, or not in its shortest form.
static bool read_varint(const uint8_t **at, const uint8_t *end, uint64_t *ret) {
    uint64_t v = 0;
    for (int shift = 0; shift < 63; shift += 7) {
        if (*at == end)
            return false;
        uint8_t byte = *(*at)++;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *ret = v;
            return byte != 0 || shift == 0;
        }
    }
    return false;
}

static bool read_cell(const uint8_t **at, const uint8_t *end, struct wire_cell *ret) {
    uint64_t zigzag;
    if (end - *at < 25)
        return false;
    ret->id = pair_of(*at);
    ret->check = 0;
    for (int k = 0; k < 8; k++)
        ret->check = ret->check << 8 | (*at)[16 + k];
    *at += 24;
    if (!read_varint(at, end, &zigzag))
        return false;
    ret->count = (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
    return true;
}

// ----------------------------------------------------------------------------- the difference

struct riblt_diff *riblt_diff_new(const struct riblt *mine, const struct riblt_check *c,
                                  uint64_t their_count) {
    struct riblt_diff *d = mem_zalloc(sizeof *d);
    if (d) {
        d->mine = mine;
        d->check = c;
        d->their_count = their_count;
    }
    return d;
}

void riblt_diff_free(struct riblt_diff *d) {
    if (!d)
        return;
    mem_free(d->theirs.list);
    mem_free(d->ours.list);
    mem_free(d);
}

static bool is_empty(const struct wire_cell *c) {
    return !c->count && !c->check && !(c->id.w[0] | c->id.w[1]);
}

static void look_at(struct riblt_diff *d, uint32_t i) {
    if (d->waits[i] || (d->cell[i].count != 1 && d->cell[i].count != -1))
        return;
    d->waits[i] = true;
    d->queue[d->queued++] = i;
}

// Takes `s` out of the cells [from, …) that have it.
static void take_out(struct riblt_diff *d, const struct symbol *s, int64_t side, uint32_t from) {
    uint64_t check = check_of(d->check, &s->hash);
    for (struct walk w = walk_of(s); w.at < d->cells; walk_on(&w)) {
        if (w.at < from)
            continue;
        struct wire_cell *c = &d->cell[w.at];
        bool was = is_empty(c);
        add_pair(&c->id, s->id);
        c->check ^= check;
        c->count -= side;
        d->unsolved = d->unsolved + was - is_empty(c);
        look_at(d, (uint32_t)w.at);
    }
}

static void measure(struct riblt_diff *d, uint64_t i, int64_t count) {
    if (i == 0)
        return;
    double p = share(i), net = (double)d->their_count - (double)d->mine->count;
    double off = (double)count - p * net;
    d->spread += off * off / (p * (1.0 - p));
    d->samples++;
}

static void take_solved(struct riblt_diff *d, const struct ids *ids, int64_t side, uint32_t from) {
    for (uint32_t i = 0; i < ids->count; i++) {
        struct symbol s = symbol_of(d->mine, pair_of(ids->list + (size_t)i * RIBLT_ID_BYTES));
        take_out(d, &s, side, from);
    }
}

int riblt_diff_feed(struct riblt_diff *d, const uint8_t *bytes, size_t bytes_n, uint32_t n,
                    struct err *err) {
    const uint8_t *at = bytes, *end = bytes + bytes_n;
    uint32_t from = d->cells;
    if (n > RIBLT_CELLS_MAX - from)
        return err_set(err, ERR_LIMIT, "more than %d cells to reconcile", RIBLT_CELLS_MAX);
    for (uint32_t i = from; i < from + n; i++) {
        struct wire_cell *c = &d->cell[i];
        const struct cell *own = &d->mine->cells[i];
        if (!read_cell(&at, end, c))
            return err_set(err, ERR_PARSE, "cells to reconcile are malformed");
        add_pair(&c->id, own->id);
        c->check ^= check_of(d->check, &own->hash);
        // Foreign numbers may wrap; a count that is none is never solved.
        c->count = (int64_t)((uint64_t)c->count + (uint64_t)expected(d->their_count, i) -
                             (uint64_t)own->count);
        measure(d, i, c->count);
        d->unsolved += !is_empty(c);
    }
    if (at != end)
        return err_set(err, ERR_PARSE, "bytes follow the cells to reconcile");
    d->cells += n;
    take_solved(d, &d->theirs, 1, from);
    take_solved(d, &d->ours, -1, from);
    for (uint32_t i = from; i < d->cells; i++)
        look_at(d, i);
    return 0;
}

static int keep(struct ids *ids, struct pair id) {
    int e =
        mem_grow((void **)&ids->list, ids->count, &ids->capacity, RIBLT_ID_BYTES, RIBLT_CELLS_MAX);
    if (e == 0)
        memcpy(ids->list + (size_t)ids->count++ * RIBLT_ID_BYTES, &id, sizeof id);
    return e;
}

static int by_id(const void *a, const void *b) {
    return memcmp(a, b, RIBLT_ID_BYTES);
}

static void sort(struct ids *ids) {
    if (ids->count)
        qsort(ids->list, ids->count, RIBLT_ID_BYTES, by_id);
}

int riblt_diff_solve(struct riblt_diff *d, struct err *err) {
    while (!d->bad && d->queued) {
        uint32_t i = d->queue[--d->queued];
        const struct wire_cell *c = &d->cell[i];
        d->waits[i] = false;
        if (c->count != 1 && c->count != -1)
            continue;
        struct symbol s = symbol_of(d->mine, c->id);
        if (check_of(d->check, &s.hash) != c->check)
            continue; // several that add up to one
        int64_t side = c->count;
        int e = keep(side > 0 ? &d->theirs : &d->ours, s.id);
        if (e == ERR_NOMEM)
            return err_set(err, e, "no memory for what is to be reconciled");
        // An honest difference has fewer ids than cells; one solved again and again is crafted.
        d->bad = e < 0 || (uint64_t)d->theirs.count + d->ours.count > d->cells;
        take_out(d, &s, side, 0);
    }
    if (d->bad)
        return err_set(err, ERR_CORRUPT, "the cells to reconcile contradict each other");
    if (d->unsolved || !d->cells)
        return 0;
    if ((uint64_t)d->theirs.count - d->ours.count != d->their_count - d->mine->count)
        return err_set(err, ERR_CORRUPT, "the cells to reconcile are not of the set they name");
    sort(&d->theirs);
    sort(&d->ours);
    return 1;
}

uint32_t riblt_diff_cells(const struct riblt_diff *d) {
    return d->cells;
}

uint64_t riblt_diff_estimate(const struct riblt_diff *d) {
    uint64_t a = d->their_count, b = d->mine->count, net = a > b ? a - b : b - a;
    double guess = d->samples ? d->spread / d->samples : 0;
    if (guess > 1e15)
        return UINT64_MAX;
    return (double)net > guess * 0.7 ? net : (uint64_t)guess;
}

const uint8_t *riblt_diff_theirs(const struct riblt_diff *d, size_t *ret_n) {
    *ret_n = d->theirs.count;
    return d->theirs.list;
}

const uint8_t *riblt_diff_ours(const struct riblt_diff *d, size_t *ret_n) {
    *ret_n = d->ours.count;
    return d->ours.list;
}
