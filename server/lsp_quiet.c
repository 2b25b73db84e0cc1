#include "server/lsp_quiet.h"

#include "core/base/mem.h"

#include <string.h>

enum {
    GAPS_MIN = 12,     // before they say anything
    GAP_MAX_MS = 5000, // a longer one is a pause itself, not rhythm
    BUSY_PAUSES = 3,   // without an edit, until the line counts as left
    BLOCK_LINES = 30,  // further away than that is another block
    PERCENTILE = 90,
    PAUSE_PERCENT = 150 // of that percentile of the gaps
};

struct held {
    lsp_quiet_fn *fn;
    void *ctx;
    uint64_t key, since_ms;
};

struct lsp_quiet {
    bool off, typing; // typing: since the last boundary there was an edit
    bool any;         // an edit at all
    uint64_t last_ms; // edit by hand
    uint64_t document;
    uint32_t first_line, last_line; // of the last edit
    bool line_left;
    uint16_t gaps[LSP_QUIET_GAPS];
    uint32_t gap_count, gap_next, pause_ms;
    struct held *held;
    uint32_t count, capacity;
    struct lsp_quiet_figures figures;
};

struct lsp_quiet *lsp_quiet_new(void) {
    struct lsp_quiet *q = mem_zalloc(sizeof *q);
    if (q)
        q->pause_ms = LSP_QUIET_PAUSE_MS;
    return q;
}

void lsp_quiet_free(struct lsp_quiet *q) {
    if (!q)
        return;
    mem_free(q->held);
    mem_free(q);
}

// --- rhythm --------------------------------------------------------------------------------------

static void learn_pause(struct lsp_quiet *q) {
    uint16_t sorted[LSP_QUIET_GAPS];
    uint32_t n = 0;
    if (q->gap_count < GAPS_MIN)
        return;
    for (uint32_t i = 0; i < q->gap_count; i++) { // insertion: nearly nothing to do for 64
        uint32_t at = n++;
        for (; at && sorted[at - 1] > q->gaps[i]; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = q->gaps[i];
    }
    uint32_t pause = sorted[(n - 1) * PERCENTILE / 100] * PAUSE_PERCENT / 100U;
    q->pause_ms = pause < LSP_QUIET_PAUSE_MIN_MS   ? LSP_QUIET_PAUSE_MIN_MS
                  : pause > LSP_QUIET_PAUSE_MAX_MS ? LSP_QUIET_PAUSE_MAX_MS
                                                   : pause;
}

static void note_gap(struct lsp_quiet *q, uint64_t gap_ms) {
    if (gap_ms > GAP_MAX_MS)
        return;
    q->gaps[q->gap_next] = (uint16_t)gap_ms;
    q->gap_next = (q->gap_next + 1) % LSP_QUIET_GAPS;
    if (q->gap_count < LSP_QUIET_GAPS)
        q->gap_count++;
    learn_pause(q);
}

// --- holding -------------------------------------------------------------------------------------

static void note_release(struct lsp_quiet *q, const struct held *h, uint64_t now_ms) {
    uint64_t ms = now_ms > h->since_ms ? now_ms - h->since_ms : 0;
    q->figures.released++;
    if (ms > q->figures.longest_ms)
        q->figures.longest_ms = (uint32_t)ms;
}

// In order. What is held anew meanwhile waits for the next boundary.
static void release(struct lsp_quiet *q, uint64_t now_ms) {
    struct held *list = TAKE(q->held);
    uint32_t count = q->count;
    q->count = q->capacity = 0;
    for (uint32_t i = 0; i < count; i++) {
        note_release(q, &list[i], now_ms);
        list[i].fn(list[i].ctx, list[i].key);
    }
    mem_free(list);
}

static bool is_same(const struct held *h, lsp_quiet_fn *fn, const void *ctx, uint64_t key) {
    return h->fn == fn && h->ctx == ctx && h->key == key;
}

static bool has_room(struct lsp_quiet *q) {
    if (q->count < q->capacity)
        return true;
    if (q->capacity >= LSP_QUIET_HELD_MAX)
        return false;
    uint32_t capacity = q->capacity ? q->capacity * 2 : 16;
    struct held *held = mem_realloc(q->held, capacity * sizeof *held);
    if (!held)
        return false;
    q->held = held;
    q->capacity = capacity;
    return true;
}

void lsp_quiet_hold(struct lsp_quiet *q, uint64_t now_ms, lsp_quiet_fn *fn, void *ctx,
                    uint64_t key) {
    lsp_quiet_tick(q, now_ms);
    if (!lsp_quiet_typing(q, now_ms)) {
        fn(ctx, key);
        return;
    }
    for (uint32_t i = 0; i < q->count; i++)
        if (is_same(&q->held[i], fn, ctx, key))
            return;
    q->figures.held++;
    struct held item = {fn, ctx, key, now_ms};
    if (has_room(q)) {
        q->held[q->count++] = item;
        return;
    }
    release(q, now_ms); // order is kept: the older ones first
    note_release(q, &item, now_ms);
    fn(ctx, key);
}

void lsp_quiet_drop(struct lsp_quiet *q, const void *ctx, uint64_t key) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < q->count; i++)
        if (q->held[i].ctx != ctx || q->held[i].key != key)
            q->held[kept++] = q->held[i];
    q->figures.released += q->count - kept;
    q->count = kept;
}

// --- boundaries ----------------------------------------------------------------------------------

static bool has_paused(const struct lsp_quiet *q, uint64_t now_ms) {
    return now_ms >= q->last_ms + q->pause_ms;
}

bool lsp_quiet_typing(const struct lsp_quiet *q, uint64_t now_ms) {
    return q->typing && !q->off && !has_paused(q, now_ms);
}

bool lsp_quiet_line_busy(const struct lsp_quiet *q, uint64_t now_ms, uint64_t document,
                         uint32_t line) {
    return q->any && !q->off && !q->line_left && document == q->document && line >= q->first_line &&
           line <= q->last_line && now_ms < q->last_ms + (uint64_t)q->pause_ms * BUSY_PAUSES;
}

static bool is_elsewhere(const struct lsp_quiet *q, uint64_t document, uint32_t first,
                         uint32_t last) {
    return document != q->document || first > q->last_line + BLOCK_LINES ||
           last + BLOCK_LINES < q->first_line;
}

void lsp_quiet_edit(struct lsp_quiet *q, uint64_t now_ms, uint64_t document, uint32_t first_line,
                    uint32_t last_line, bool typed) {
    if (!typed)
        return;
    if (q->count && now_ms >= q->held[0].since_ms + LSP_QUIET_HELD_MS)
        release(q, now_ms);
    // A pause that ended before anybody looked lets nothing go: now would be the wrong moment.
    if (q->any && is_elsewhere(q, document, first_line, last_line))
        lsp_quiet_boundary(q, now_ms, LSP_BOUNDARY_LEAVE);
    else if (q->any && now_ms >= q->last_ms)
        note_gap(q, now_ms - q->last_ms);
    q->any = q->typing = true;
    q->line_left = false;
    q->last_ms = now_ms;
    q->document = document;
    q->first_line = first_line;
    q->last_line = last_line;
}

void lsp_quiet_boundary(struct lsp_quiet *q, uint64_t now_ms, enum lsp_boundary what) {
    q->typing = false;
    if (what != LSP_BOUNDARY_ASKED) // he looks up, but the word is not finished
        q->line_left = true;
    release(q, now_ms);
}

void lsp_quiet_set_off(struct lsp_quiet *q, uint64_t now_ms, bool off) {
    q->off = off;
    if (off)
        release(q, now_ms);
}

uint64_t lsp_quiet_due(const struct lsp_quiet *q) {
    if (!q->count)
        return UINT64_MAX;
    uint64_t pause = q->last_ms + q->pause_ms, late = q->held[0].since_ms + LSP_QUIET_HELD_MS;
    return pause < late ? pause : late;
}

void lsp_quiet_tick(struct lsp_quiet *q, uint64_t now_ms) {
    if (q->typing && has_paused(q, now_ms))
        q->typing = false;
    if (q->count && now_ms >= lsp_quiet_due(q))
        release(q, now_ms);
}

void lsp_quiet_figures(const struct lsp_quiet *q, struct lsp_quiet_figures *ret) {
    *ret = q->figures;
    ret->waiting = q->count;
    ret->pause_ms = q->pause_ms;
}
