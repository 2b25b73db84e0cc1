#include "core/store/recall_query.h"

#include "core/base/mem.h"
#include "core/store/recall_synonyms.h"

#include <math.h>
#include <string.h>

static const float synonym_weight = 0.55F; // of what counts as the word, beside the word itself

struct parser {
    struct question *q;
    bool stops; // take stop words
    size_t place;
};

static bool is_word(const struct word *w, const char *s) {
    return w->plain_len == strlen(s) && memcmp(w->plain, s, w->plain_len) == 0;
}

static size_t concept_of(const struct question *q, uint32_t hash) {
    const struct lookup_slot *s = question_find(q, hash);
    return s ? s->concept : CONCEPTS_MAX;
}

void question_add(struct question *q, size_t i, const char *term, size_t n, float weight) {
    struct concept *c = &q->concepts[i];
    uint32_t hash = word_hash(term, n);
    if (!hash || n > WORD_BYTES_MAX || c->count == ALTERNATIVES_MAX || question_find(q, hash))
        return;
    struct alternative *a = &c->alternatives[c->count++];
    memcpy(a->term, term, n);
    a->len = n;
    a->hash = hash;
    a->weight = weight;
    size_t k = hash >> 2;
    while (q->slots[k & (LOOKUP_SLOTS - 1)].hash)
        k++;
    q->slots[k & (LOOKUP_SLOTS - 1)] =
        (struct lookup_slot){.hash = hash, .weight = weight, .concept = (uint32_t)i};
    q->may_have[hash >> 2 & (FILTER_SLOTS - 1)] = true;
}

static void cue(struct question *q, const struct word *w) {
    if (is_word(w, "when") || is_word(w, "date"))
        q->cues |= CUE_WHEN;
}

static void on_word(void *ctx, const struct word *w) {
    struct parser *p = ctx;
    struct question *q = p->q;
    bool extra = w->flags & WORD_EXTRA;
    if (!extra)
        p->place++;
    cue(q, w);
    // Of a script in pairs the single characters are in every other note.
    if (extra && (unsigned char)w->term[0] >= 0x80 && w->len <= 4)
        return;
    bool stop = word_is_stop(w->plain, w->plain_len);
    if (stop && !p->stops)
        return;
    size_t known = concept_of(q, w->hash);
    if (known < CONCEPTS_MAX || q->count == CONCEPTS_MAX)
        return;
    q->concepts[q->count] = (struct concept){
        .stop = stop, .name = w->flags & WORD_NAME, .whole = extra, .place = p->place};
    q->count++;
    question_add(q, q->count - 1, w->term, w->len, 1);
    if (!q->concepts[q->count - 1].count) // its hash is the empty mark
        q->count--;
}

struct expansion {
    struct question *q;
    size_t concept;
};

static void on_synonym(void *ctx, const char *term, size_t n) {
    const struct expansion *e = ctx;
    question_add(e->q, e->concept, term, n, synonym_weight);
}

void question_parse(const char *text, size_t n, struct question *ret) {
    memset(ret, 0, sizeof *ret);
    struct parser p = {.q = ret};
    words_each(text, n, on_word, &p);
    if (!ret->count) { // nothing but stop words: then they are what is looked for
        p.stops = true;
        p.place = 0;
        words_each(text, n, on_word, &p);
    }
    for (size_t i = 0; i < ret->count; i++) {
        const struct alternative own = ret->concepts[i].alternatives[0];
        if (!ret->concepts[i].name)
            synonyms_each(own.term, own.len, on_synonym,
                          &(struct expansion){.q = ret, .concept = i});
    }
}

void concept_set_df(struct concept *c, int64_t df, int64_t notes) {
    double n = (double)(notes > df ? notes : df);
    c->df = df;
    c->idf = log(1 + (n - (double)df + 0.5) / ((double)df + 0.5));
}
