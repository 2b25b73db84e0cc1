#include "core/base/linediff.h"

#include "core/base/mem.h"

#include <string.h>

enum { BOXES_FIRST = 64 };

struct side {
    uint32_t *line; // number of the line's text: equal lines have equal numbers
    uint32_t count;
    bool *changed;
};

struct text_line {
    const char *text; // NULL: an empty slot
    uint64_t hash;
    uint32_t bytes, number;
};

struct table { // open addressing, at least twice as many slots as lines
    struct text_line *slots;
    uint32_t mask, next;
};

struct box { // a part of both texts that is still to be compared
    uint32_t a0, a1, b0, b1;
};

struct seen { // of one line text within a box
    uint32_t in_a, in_b, at_a, at_b;
};

struct work {
    struct side a, b;
    struct table table;
    int32_t *trace; // furthest points of each round, one after another
    struct seen *seen;
    uint32_t *pile, *before; // of the longest increasing run of anchors
    struct box *boxes;
    uint32_t box_count, box_cap;
    bool exact;
};

static uint32_t count_lines(const char *s, size_t n) {
    uint32_t lines = 0;
    for (const char *at = s, *end = s + n; at < end && lines <= LINEDIFF_LINES_MAX; lines++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        at = stop ? stop + 1 : end;
    }
    return lines;
}

static uint32_t number_of(struct table *t, const char *s, size_t n) {
    uint64_t hash = UINT64_C(0xCBF29CE484222325); // FNV-1a
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)s[i]) * UINT64_C(0x100000001B3);
    hash ^= hash >> 29;
    for (uint32_t at = (uint32_t)hash & t->mask;; at = (at + 1) & t->mask) {
        struct text_line *l = &t->slots[at];
        if (!l->text) {
            *l = (struct text_line){.text = s, .hash = hash, .bytes = (uint32_t)n};
            return l->number = t->next++;
        }
        if (l->hash == hash && l->bytes == n && memcmp(l->text, s, n) == 0)
            return l->number;
    }
}

static void number_lines(struct table *t, const char *s, size_t n, struct side *side) {
    uint32_t i = 0;
    for (const char *at = s, *end = s + n; at < end; i++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        const char *next = stop ? stop + 1 : end;
        side->line[i] = number_of(t, at, (size_t)(next - at));
        at = next;
    }
}

static void mark(bool *changed, uint32_t from, uint32_t to) {
    if (to > from)
        memset(changed + from, true, to - from);
}

// The round in which both ends are reached, or -1. Round d's points are 2d+1 numbers at trace[d*d]:
// how far along the first text one gets with d differences, for each diagonal -d..d.
static int32_t rounds(struct work *w, const struct box *x) {
    int32_t n = (int32_t)(x->a1 - x->a0), m = (int32_t)(x->b1 - x->b0);
    const uint32_t *a = w->a.line + x->a0, *b = w->b.line + x->b0;
    for (int32_t d = 0; d <= LINEDIFF_COST_MAX && d <= n + m; d++) {
        int32_t *now = w->trace + d * d + d;
        const int32_t *last = d ? w->trace + (d - 1) * (d - 1) + d - 1 : now;
        for (int32_t k = -d; k <= d; k += 2) {
            int32_t i = 0;
            if (d > 0)
                i = k == -d || (k != d && last[k - 1] < last[k + 1]) ? last[k + 1]
                                                                     : last[k - 1] + 1;
            while (i < n && i - k < m && i - k >= 0 && a[i] == b[i - k])
                i++;
            now[k] = i;
            if (i >= n && i - k >= m)
                return d;
        }
    }
    return -1;
}

// Back from the end, marking each difference.
static void trace_back(struct work *w, const struct box *x, int32_t d) {
    int32_t i = (int32_t)(x->a1 - x->a0), k = i - (int32_t)(x->b1 - x->b0);
    for (; d > 0; d--) {
        const int32_t *last = w->trace + (d - 1) * (d - 1) + d - 1;
        bool down = k == -d || (k != d && last[k - 1] < last[k + 1]);
        k = down ? k + 1 : k - 1;
        i = last[k];
        if (down)
            w->b.changed[x->b0 + (uint32_t)(i - k)] = true;
        else
            w->a.changed[x->a0 + (uint32_t)i] = true;
    }
}

static int push(struct work *w, struct box x, struct err *err) {
    if (w->box_count == w->box_cap) {
        uint32_t cap = w->box_cap ? w->box_cap * 2 : BOXES_FIRST;
        struct box *fresh = mem_realloc(w->boxes, cap * sizeof *fresh);
        if (!fresh)
            return err_set(err, ERR_NOMEM, "out of memory");
        w->boxes = fresh;
        w->box_cap = cap;
    }
    w->boxes[w->box_count++] = x;
    return 0;
}

// Lines that stand once on each side of the box, as many as keep their order: piles hold the line
// of `a` that ends the best run of each length. Returns the length; the run goes backwards by
// `before`.
static uint32_t anchors(struct work *w, const struct box *x) {
    for (uint32_t i = x->a0; i < x->a1; i++)
        w->seen[w->a.line[i]] = (struct seen){0};
    for (uint32_t k = x->b0; k < x->b1; k++)
        w->seen[w->b.line[k]] = (struct seen){0};
    for (uint32_t i = x->a0; i < x->a1; i++) {
        w->seen[w->a.line[i]].in_a++;
        w->seen[w->a.line[i]].at_a = i;
    }
    for (uint32_t k = x->b0; k < x->b1; k++) {
        w->seen[w->b.line[k]].in_b++;
        w->seen[w->b.line[k]].at_b = k;
    }
    uint32_t length = 0;
    for (uint32_t i = x->a0; i < x->a1; i++) {
        const struct seen *s = &w->seen[w->a.line[i]];
        if (s->in_a != 1 || s->in_b != 1)
            continue;
        uint32_t low = 0, high = length;
        while (low < high) {
            uint32_t mid = (low + high) / 2;
            if (w->seen[w->a.line[w->pile[mid]]].at_b < s->at_b)
                low = mid + 1;
            else
                high = mid;
        }
        w->before[i] = low ? w->pile[low - 1] : UINT32_MAX;
        w->pile[low] = i;
        length += low == length;
    }
    return length;
}

static int split(struct work *w, const struct box *x, struct err *err) {
    w->exact = false;
    uint32_t length = anchors(w, x);
    if (length == 0) {
        mark(w->a.changed, x->a0, x->a1);
        mark(w->b.changed, x->b0, x->b1);
        return 0;
    }
    uint32_t a1 = x->a1, b1 = x->b1;
    for (uint32_t at = w->pile[length - 1]; at != UINT32_MAX; at = w->before[at]) {
        uint32_t b = w->seen[w->a.line[at]].at_b;
        int r = push(w, (struct box){at + 1, a1, b + 1, b1}, err);
        if (r < 0)
            return r;
        a1 = at;
        b1 = b;
    }
    return push(w, (struct box){x->a0, a1, x->b0, b1}, err);
}

static int compare(struct work *w, struct err *err) {
    int r = push(w, (struct box){0, w->a.count, 0, w->b.count}, err);
    while (r == 0 && w->box_count > 0) {
        struct box x = w->boxes[--w->box_count];
        while (x.a0 < x.a1 && x.b0 < x.b1 && w->a.line[x.a0] == w->b.line[x.b0])
            x.a0++, x.b0++;
        while (x.a0 < x.a1 && x.b0 < x.b1 && w->a.line[x.a1 - 1] == w->b.line[x.b1 - 1])
            x.a1--, x.b1--;
        if (x.a0 == x.a1 || x.b0 == x.b1) {
            mark(w->a.changed, x.a0, x.a1);
            mark(w->b.changed, x.b0, x.b1);
            continue;
        }
        int32_t d = rounds(w, &x);
        if (d >= 0)
            trace_back(w, &x, d);
        else
            r = split(w, &x, err);
    }
    return r;
}

static int collect(const struct work *w, struct linediff *ret, struct err *err) {
    uint32_t i = 0, k = 0, cap = 0;
    while (i < w->a.count || k < w->b.count) {
        if (i < w->a.count && k < w->b.count && !w->a.changed[i] && !w->b.changed[k]) {
            i++, k++;
            continue;
        }
        if (ret->count == cap) {
            cap = cap ? cap * 2 : 16;
            struct line_change *fresh = mem_realloc(ret->changes, cap * sizeof *fresh);
            if (!fresh)
                return err_set(err, ERR_NOMEM, "out of memory");
            ret->changes = fresh;
        }
        struct line_change *c = &ret->changes[ret->count++];
        *c = (struct line_change){.old_start = i, .new_start = k};
        while (i < w->a.count && w->a.changed[i])
            i++, c->old_count++;
        while (k < w->b.count && w->b.changed[k])
            k++, c->new_count++;
    }
    return 0;
}

static int prepare(struct work *w, struct err *err) {
    uint32_t lines = w->a.count + w->b.count, slots = 16;
    while (slots < 2 * lines)
        slots *= 2;
    size_t rounds_max = lines < LINEDIFF_COST_MAX ? lines : LINEDIFF_COST_MAX;
    w->table.mask = slots - 1;
    w->table.slots = mem_zalloc(slots * sizeof *w->table.slots);
    w->a.line = mem_alloc((w->a.count + 1U) * sizeof *w->a.line);
    w->b.line = mem_alloc((w->b.count + 1U) * sizeof *w->b.line);
    w->a.changed = mem_zalloc(w->a.count + 1U);
    w->b.changed = mem_zalloc(w->b.count + 1U);
    w->trace = mem_alloc((rounds_max + 1) * (rounds_max + 1) * sizeof *w->trace);
    w->seen = mem_alloc((lines + 1U) * sizeof *w->seen);
    w->pile = mem_alloc((w->a.count + 1U) * sizeof *w->pile);
    w->before = mem_alloc((w->a.count + 1U) * sizeof *w->before);
    return w->table.slots && w->a.line && w->b.line && w->a.changed && w->b.changed && w->trace &&
                   w->seen && w->pile && w->before
               ? 0
               : err_set(err, ERR_NOMEM, "out of memory");
}

static void work_done(struct work *w) {
    mem_free(w->table.slots);
    mem_free(w->a.line);
    mem_free(w->b.line);
    mem_free(w->a.changed);
    mem_free(w->b.changed);
    mem_free(w->trace);
    mem_free(w->seen);
    mem_free(w->pile);
    mem_free(w->before);
    mem_free(w->boxes);
}

int linediff(const char *a, size_t a_bytes, const char *b, size_t b_bytes, struct linediff *ret,
             struct err *err) {
    *ret = (struct linediff){.exact = true};
    if (a_bytes > LINEDIFF_BYTES_MAX || b_bytes > LINEDIFF_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a text is too large to be compared");
    struct work w = {.exact = true};
    w.a.count = count_lines(a, a_bytes);
    w.b.count = count_lines(b, b_bytes);
    if (w.a.count > LINEDIFF_LINES_MAX || w.b.count > LINEDIFF_LINES_MAX)
        return err_set(err, ERR_LIMIT, "a text has too many lines to be compared");
    int r = prepare(&w, err);
    if (r == 0) {
        number_lines(&w.table, a, a_bytes, &w.a);
        number_lines(&w.table, b, b_bytes, &w.b);
        r = compare(&w, err);
    }
    if (r == 0)
        r = collect(&w, ret, err);
    if (r < 0)
        linediff_done(ret);
    ret->old_lines = w.a.count;
    ret->new_lines = w.b.count;
    ret->exact = w.exact;
    work_done(&w);
    return r;
}

void linediff_done(struct linediff *d) {
    mem_free(d->changes);
    *d = (struct linediff){0};
}
