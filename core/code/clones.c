// Winnowing: of the hashes of all runs of RUN tokens, the smallest of each WINDOW neighbours is
// kept. Two texts that share RUN + WINDOW - 1 tokens or more share a fingerprint.
#include "core/code/clones.h"

#include "core/base/mem.h"
#include "core/code/clones_impl.h"
#include "core/code/clones_lex.h"

#include <string.h>

static const uint64_t FACTOR = 0x9E3779B97F4A7C15U; // of the rolling hash, modulo 2^64

struct gram { // a run of tokens
    uint32_t hash, line, token;
};
static const uint32_t NEVER = UINT32_MAX; // hash of a run that makes no fingerprint

struct winnow {
    struct clone_token ring[CLONES_RUN];
    struct gram window[CLONES_WINDOW];
    uint64_t rolling, drop; // drop: FACTOR^CLONES_RUN
    uint32_t tokens;
    uint32_t words;    // among the ring's tokens
    uint32_t grams;    // seen
    uint32_t smallest; // place in `window`
    uint32_t last;     // 1 + token of the last fingerprint
    struct fact_clone *out;
    uint32_t count, capacity;
};

static int emit(struct winnow *w, const struct gram *g) {
    if (g->hash == NEVER || g->token + 1 == w->last || w->count == FACTS_CLONES_MAX)
        return 0;
    if (w->count == w->capacity) {
        uint32_t capacity = w->capacity ? w->capacity * 2 : 64;
        struct fact_clone *out = mem_realloc(w->out, capacity * sizeof *out);
        if (!out)
            return ERR_NOMEM;
        w->out = out;
        w->capacity = capacity;
    }
    w->out[w->count++] = (struct fact_clone){.hash = g->hash, .line = g->line, .token = g->token};
    w->last = g->token + 1;
    return 0;
}

// Of equal hashes the last one, so that runs of one repeated token give few fingerprints.
static int add_gram(struct winnow *w, struct gram g) {
    uint32_t place = w->grams++ % CLONES_WINDOW;
    w->window[place] = g;
    if (w->grams < CLONES_WINDOW) { // the first window is not complete
        if (w->grams == 1 || g.hash <= w->window[w->smallest].hash)
            w->smallest = place;
        return 0;
    }
    if (g.hash <= w->window[w->smallest].hash) {
        w->smallest = place;
    } else if (w->smallest == place) {                  // it has left the window
        for (uint32_t k = 1; k <= CLONES_WINDOW; k++) { // from the oldest
            uint32_t at = (place + k) % CLONES_WINDOW;
            if (k == 1 || w->window[at].hash <= w->window[w->smallest].hash)
                w->smallest = at;
        }
    }
    return emit(w, &w->window[w->smallest]);
}

// Runs with few names are tables of numbers and brackets, alike without having been copied.
static int add_token(struct winnow *w, struct clone_token t) {
    struct clone_token *slot = &w->ring[w->tokens % CLONES_RUN];
    w->rolling = w->rolling * FACTOR + t.hash;
    if (w->tokens >= CLONES_RUN) {
        w->rolling -= w->drop * slot->hash;
        w->words -= slot->kind == CLONE_WORD;
    }
    w->words += t.kind == CLONE_WORD;
    *slot = t;
    w->tokens++;
    if (w->tokens < CLONES_RUN)
        return 0;
    uint32_t first = w->tokens - CLONES_RUN;
    struct gram g = {.line = w->ring[first % CLONES_RUN].line, .token = first, .hash = NEVER};
    if (w->words * CLONES_WORDS_SHARE >= CLONES_RUN) {
        uint64_t h = (w->rolling ^ w->rolling >> 29) * 0xBF58476D1CE4E5B9U;
        g.hash = (uint32_t)(h >> 32) - ((uint32_t)(h >> 32) == NEVER);
    }
    return add_gram(w, g);
}

static int winnow_text(struct winnow *w, struct clone_lexer *x) {
    struct clone_token t;
    while (clone_lexer_next(x, &t)) {
        int r = add_token(w, t);
        if (r < 0)
            return r;
    }
    // A text of less than a window's runs has one fingerprint all the same.
    if (w->grams && w->grams < CLONES_WINDOW)
        return emit(w, &w->window[w->smallest]);
    return 0;
}

int clones_fingerprint(enum lang lang, const char *text, size_t bytes, struct fact_clone **ret,
                       uint32_t *ret_count, uint32_t *ret_tokens, struct err *err) {
    struct winnow w = {.drop = 1};
    struct clone_lexer x;
    if (clone_lexer_start(&x, lang, text, bytes)) {
        for (int k = 0; k < CLONES_RUN; k++)
            w.drop *= FACTOR;
        if (winnow_text(&w, &x) < 0) {
            mem_free(w.out);
            return err_set(err, ERR_NOMEM, "out of memory");
        }
    }
    *ret = w.out;
    *ret_count = w.count;
    *ret_tokens = w.tokens;
    return 0;
}
