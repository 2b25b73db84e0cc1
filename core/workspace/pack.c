#include "core/workspace/pack.h"

#include "core/base/mem.h"
#include "core/base/tokens.h"
#include "core/workspace/pack_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Value per token: probability / (tokens + OVERHEAD) ^ EXPONENT. The overhead keeps one-line
// functions from filling the pack. Both were chosen on a plateau: 40 to 150 and .9 to 1.4 do the
// same.
static const double OVERHEAD = 60, EXPONENT = 1.2;
// Share of the budget for signatures: pointers to files that have no body in the pack cost some 30
// tokens each and are what lets a model ask for more.
static const double TAIL_SHARE = .1;
// No single function may take more than this share of the budget.
static const double PART_SHARE = .6;
static const double BYTES_PER_TOKEN = 4.2; // of code, before it is counted

enum {
    HEADER_TOKENS = 14, // "path:line in Class" and a line break
    CLASS_TOKENS = 150, // a class that is larger is shown by its head
    HEAD_BYTES = 600,   // of a class or of a file without functions
    SIGNATURE_BYTES = 300,
    ROUND_TOKENS = 8 // the estimate by parts and the count of the whole differ by less a part
};

struct choice { // candidates in the order in which they are tried
    double value;
    uint32_t index; // into ranking.units
};

static int by_value(const void *a, const void *b) {
    const struct choice *x = a, *y = b;
    if (x->value > y->value || x->value < y->value)
        return x->value > y->value ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static struct pack_part *part_of(struct packing *p, uint32_t file, uint32_t start, uint32_t end) {
    for (uint32_t i = 0; i < p->part_count; i++)
        if (p->parts[i].file == file && p->parts[i].start <= start && end <= p->parts[i].end)
            return &p->parts[i];
    return NULL;
}

static bool has_file(const struct packing *p, uint32_t file) {
    for (uint32_t i = 0; i < p->part_count; i++)
        if (p->parts[i].file == file)
            return true;
    return false;
}

// A body that begins on a line of its own is not part of the signature.
static void cut_body(const struct pack_file *f, struct pack_part *part) {
    uint32_t end = part->end < f->text.len ? part->end : (uint32_t)f->text.len, at = end;
    while (at > part->start && (f->text.data[at - 1] == ' ' || f->text.data[at - 1] == '\t'))
        at--;
    if (at > part->start && f->text.data[at - 1] == '\n')
        part->end = at;
}

// Adds the part when it fits under `limit`. 1 = added, 0 = not.
static int add_part(struct packing *p, struct pack_part *part, double limit, double part_max,
                    struct err *err) {
    struct err inner = {0};
    struct pack_file *f = pack_open(p, part->file, &inner);
    if (!f)
        return inner.code == ERR_NOMEM ? err_set(err, ERR_NOMEM, "out of memory") : 0;
    if (part->kind == PACK_SIGNATURE)
        cut_body(f, part);
    pack_widen(f, &part->start, &part->end);
    if (part->end <= part->start || part_of(p, part->file, part->start, part->end) ||
        p->part_count == PACK_PARTS_MAX)
        return 0;
    double left = limit - p->tokens;
    if (left < HEADER_TOKENS)
        return 0;
    size_t max = (size_t)(part_max < left ? part_max : left) + 1, n;
    size_t seen = tokens_count_until(f->text.data + part->start, part->end - part->start, max, &n);
    if (seen < part->end - part->start || (double)n > part_max ||
        p->tokens + HEADER_TOKENS + (double)n > limit)
        return 0;
    part->line = pack_line(f, part->start);
    part->end_line = pack_line(f, part->end - 1);
    p->tokens += HEADER_TOKENS + (uint32_t)n;
    p->parts[p->part_count++] = *part;
    return 1;
}

static struct pack_part make_part(const struct packing *p, uint32_t unit, enum pack_kind kind) {
    const struct search *s = p->s;
    uint32_t file = s->file_of[unit];
    const struct fact_symbol *y = search_symbol(s, unit);
    struct pack_part part = {
        .file = file, .symbol = y ? unit - s->files[file].first - 1 : UINT32_MAX, .kind = kind};
    if (!y) {
        part.end = HEAD_BYTES;
        return part;
    }
    part.start = y->start;
    part.end = y->end;
    uint32_t max = kind == PACK_HEAD ? HEAD_BYTES : SIGNATURE_BYTES;
    if (kind == PACK_SIGNATURE && y->body > y->start && y->body < y->end)
        part.end = y->body; // cut_body when the text is open
    if (kind != PACK_BODY && part.end - part.start > max)
        part.end = part.start + max;
    if (kind == PACK_HEAD) { // up to the first member with a body
        const struct facts *facts = search_facts(s, file);
        for (uint32_t i = part.symbol + 1; i < facts->symbol_count; i++) {
            const struct fact_symbol *m = facts_symbol(facts, i);
            if (m->scope == part.symbol + 1 && symbol_is_function(m) && m->start > y->start) {
                part.end = m->start - 1 < part.end ? m->start - 1 : part.end;
                break;
            }
        }
    }
    return part;
}

static enum pack_kind kind_of(const struct fact_symbol *y) {
    bool large = (y->end - y->start) / BYTES_PER_TOKEN > CLASS_TOKENS;
    return !symbol_is_function(y) && symbol_is_scope(y) && large ? PACK_HEAD : PACK_BODY;
}

static int add_focus(struct packing *p, const struct pack_want *want, double limit,
                     struct err *err) {
    for (uint32_t i = 0; i < want->focus_count && i < PACK_FOCUS_MAX; i++) {
        const struct place *at = &want->focus[i];
        if (at->file >= p->s->file_count || at->symbol + 1 >= p->s->files[at->file].units)
            return err_set(err, ERR_INVAL, "a symbol in focus is not in the workspace");
        uint32_t unit = p->s->files[at->file].first + 1 + at->symbol;
        struct pack_part part = make_part(p, unit, PACK_BODY);
        part.score = 1;
        part.reasons = (struct search_reasons){
            .count = 1, .at = {{.why = WHY_FOCUS, .share = 1, .text = "asked for"}}};
        int r = add_part(p, &part, limit, limit, err);
        if (r == 0) { // too large: its signature at least
            part.kind = PACK_SIGNATURE;
            struct pack_part short_part = make_part(p, unit, PACK_SIGNATURE);
            part.start = short_part.start;
            part.end = short_part.end;
            r = add_part(p, &part, limit, limit, err);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_bodies(struct packing *p, double limit, double part_max, uint32_t *left_out,
                      struct err *err) {
    const struct ranking *k = p->ranking;
    AUTO_FREE struct choice *order = mem_alloc((k->unit_count + 1) * sizeof *order);
    if (!order)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < k->unit_count; i++) {
        const struct fact_symbol *y = search_symbol(p->s, k->units[i].unit);
        double tokens = (y->end - y->start) / BYTES_PER_TOKEN;
        if (kind_of(y) == PACK_HEAD && tokens > CLASS_TOKENS)
            tokens = CLASS_TOKENS;
        order[i] = (struct choice){.value = k->units[i].score / pow(tokens + OVERHEAD, EXPONENT),
                                   .index = i};
    }
    qsort(order, k->unit_count, sizeof *order, by_value);
    for (uint32_t i = 0; i < k->unit_count; i++) {
        const struct ranked_unit *u = &k->units[order[i].index];
        const struct fact_symbol *y = search_symbol(p->s, u->unit);
        struct pack_part part = make_part(p, u->unit, kind_of(y));
        // Without opening the file: it cannot fit, by far.
        if ((part.end - part.start) / BYTES_PER_TOKEN / 2 + HEADER_TOKENS > limit - p->tokens) {
            ++*left_out;
            continue;
        }
        part.score = u->score;
        int r = add_part(p, &part, limit, part_max, err);
        if (r < 0)
            return r;
        *left_out += r == 0;
        if (r && p->part_count)
            search_unit_reasons(p->s, k, u, &p->parts[p->part_count - 1].reasons);
    }
    return 0;
}

// Signatures: first of the files that are likely and not there yet, then of what was likely and
// did not fit.
static int add_signatures(struct packing *p, double limit, struct err *err) {
    const struct ranking *k = p->ranking;
    for (uint32_t i = 0; i < k->file_count; i++) {
        const struct ranked_file *f = &k->files[i];
        if (has_file(p, f->file))
            continue;
        struct pack_part part = make_part(p, f->best, PACK_SIGNATURE);
        if (part.symbol == UINT32_MAX)
            part.kind = PACK_HEAD;
        part.score = f->score * 1e-3; // behind every body
        int r = add_part(p, &part, limit, limit, err);
        if (r < 0)
            return r;
        if (r)
            search_file_reasons(p->s, k, f, &p->parts[p->part_count - 1].reasons);
        if (p->tokens + HEADER_TOKENS * 2 > limit)
            return 0;
    }
    for (uint32_t i = 0; i < k->unit_count && p->tokens + HEADER_TOKENS * 2 <= limit; i++) {
        const struct ranked_unit *u = &k->units[i];
        struct pack_part part = make_part(p, u->unit, PACK_SIGNATURE);
        part.score = u->score * 1e-3;
        int r = add_part(p, &part, limit, limit, err);
        if (r < 0)
            return r;
        if (r)
            search_unit_reasons(p->s, k, u, &p->parts[p->part_count - 1].reasons);
    }
    return 0;
}

// Writes, counts, and takes the least part out while it is too much (the parts were counted one by
// one, which comes out a little different).
static int settle(struct packing *p, uint32_t budget, struct pack *ret, struct err *err) {
    for (;;) {
        AUTO_BUF text = BUF_INIT(0);
        int r = pack_write(p, &text, err);
        if (r < 0)
            return r;
        size_t tokens = tokens_count(text.data ? text.data : "", text.len);
        if (tokens <= budget) {
            ret->tokens = (uint32_t)tokens;
            ret->text_bytes = text.len;
            ret->text = text.len ? buf_take(&text) : mem_strdup("");
            return ret->text ? 0 : err_set(err, ERR_NOMEM, "out of memory");
        }
        uint32_t least = 0;
        for (uint32_t i = 1; i < p->part_count; i++)
            if (p->parts[i].score < p->parts[least].score)
                least = i;
        p->parts[least] = p->parts[--p->part_count];
    }
}

static int choose(struct packing *p, const struct pack_want *want, uint32_t budget,
                  struct pack *ret, struct err *err) {
    double bodies = budget * (1 - TAIL_SHARE);
    int r = add_focus(p, want, bodies, err);
    if (r == 0)
        r = add_bodies(p, bodies, budget * PART_SHARE, &ret->left_out, err);
    if (r == 0)
        r = add_signatures(p, budget - ROUND_TOKENS, err);
    if (r == 0)
        r = settle(p, budget, ret, err);
    return r;
}

int pack_make(const struct search *s, const struct pack_want *want, struct pack **ret,
              struct err *err) {
    uint32_t budget = want->tokens ? want->tokens : PACK_TOKENS_DEFAULT;
    if (budget < PACK_TOKENS_MIN || budget > PACK_TOKENS_MAX)
        return err_set(err, ERR_INVAL, "a pack has %d to %d tokens", PACK_TOKENS_MIN,
                       PACK_TOKENS_MAX);
    struct ranking ranking = {0};
    struct rank_want rank = {.text = want->text,
                             .bytes = want->bytes,
                             .under = want->under,
                             .tests = want->tests,
                             .code_only = true,
                             .leave_tests = true};
    struct packing p = {.s = s, .ranking = &ranking};
    struct pack *k = mem_zalloc(sizeof *k);
    p.files = mem_zalloc(PACK_TEXTS_MAX * sizeof *p.files);
    p.parts = mem_alloc(PACK_PARTS_MAX * sizeof *p.parts);
    int r = k && p.files && p.parts ? search_rank(s, &rank, &ranking, err)
                                    : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0)
        r = choose(&p, want, budget, k, err);
    if (r == 0) {
        k->parts = TAKE(p.parts);
        k->part_count = p.part_count;
        for (uint32_t i = 0; i < k->part_count; i++)
            k->file_count += !i || k->parts[i].file != k->parts[i - 1].file;
        k->unread = p.unread;
        k->tests = ranking.tests;
        *ret = TAKE(k);
    }
    ranking_done(&ranking);
    pack_close(&p);
    mem_free(p.parts);
    pack_free(k);
    return r;
}

void pack_free(struct pack *p) {
    if (!p)
        return;
    mem_free(p->parts);
    mem_free(p->text);
    mem_free(p);
}
