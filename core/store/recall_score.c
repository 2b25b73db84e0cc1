#include "core/store/recall_score.h"

#include "core/base/mem.h"
#include "core/store/memory_impl.h"
#include "core/store/recall_dates.h"

// Found by trying round values on development data; none of them matters in its second digit.
static const double saturation = 0.6;       // BM25's k1: a second occurrence adds little
static const double length_share = 0.4;     // BM25's b
static const double from_previous = 0.5;    // a neighbour's word counts as so much of an own one:
static const double from_next = 0.3;        // an answer needs its question more than the reverse
static const double from_before_last = 0.1; // of the score of the note two before
static const double from_thread = 0.2;      // of the best score in the thread
static const double near_bonus = 0.3;       // per pair of concepts that stand as in the question
static const double source_bonus = 0.3;     // for a note of the person the question names
static const double source_in_text = 0.25;  // that name in a text: mostly somebody speaking to them
static const double question_malus = 0.15;  // a note that asks does not answer
static const double date_bonus = 0.35;      // of the whole question's weight
static const double when_bonus = 0.2;       // "when": for a text with words of time

struct scorer {
    struct docs *docs;
    const struct question *q;
    struct date_hints dates;
    double weights[CONCEPTS_MAX];
    uint32_t speakers; // concepts that are a source of one of the notes
    double total;      // of weights
    double mean_words;
};

static bool is_source(const struct docs *d, uint32_t hash) {
    for (size_t i = 0; i < d->count; i++)
        if (d->items[i].source == hash && !d->items[i].spare)
            return true;
    return false;
}

static void weigh_concepts(struct scorer *s) {
    for (size_t c = 0; c < s->q->count; c++) {
        const struct concept *concept = &s->q->concepts[c];
        s->weights[c] = concept->idf;
        if (concept->name && is_source(s->docs, concept->alternatives[0].hash)) {
            s->speakers |= (uint32_t)1 << c;
            s->weights[c] *= source_in_text;
        }
        s->total += s->weights[c];
    }
}

static double length_norm(const struct scorer *s, const struct doc *doc) {
    return 1 - length_share + length_share * (double)doc->words / s->mean_words;
}

static bool is_by_speaker(const struct scorer *s, const struct doc *doc) {
    for (uint32_t m = s->speakers; m; m &= m - 1)
        if (s->q->concepts[__builtin_ctz(m)].alternatives[0].hash == doc->source)
            return true;
    return false;
}

static bool has_trait(const struct doc *doc, unsigned trait) {
    return doc->state >> STATE_TRAITS_SHIFT & trait;
}

static double own_score(const struct scorer *s, const struct doc *doc) {
    const struct doc *previous = docs_find(s->docs, doc->prev_id);
    const struct doc *next = docs_find(s->docs, doc->next_id);
    double own_share = 1 / length_norm(s, doc);
    double previous_share = previous ? from_previous / length_norm(s, previous) : 0;
    double next_share = next ? from_next / length_norm(s, next) : 0;
    double score = 0;
    for (size_t c = 0; c < s->q->count; c++) {
        double tf = (double)doc->tf[c] * own_share;
        if (previous)
            tf += (double)previous->tf[c] * previous_share;
        if (next)
            tf += (double)next->tf[c] * next_share;
        score += s->weights[c] * tf * (saturation + 1) / (tf + saturation);
    }
    if (score <= 0)
        return 0;
    score += near_bonus * (double)doc->near;
    if (is_by_speaker(s, doc))
        score *= 1 + source_bonus;
    if (has_trait(doc, TRAIT_QUESTION))
        score *= 1 - question_malus;
    return score;
}

// --- threads -------------------------------------------------------------------------------------
struct thread_best {
    int64_t id; // 0: empty
    float best;
};
struct threads {
    struct thread_best *slots;
    size_t count; // power of two
};

static struct thread_best *thread_slot(const struct threads *t, int64_t id) {
    size_t k = (size_t)((uint64_t)id * 0x9E3779B97F4A7C15U >> 40);
    for (;; k++) {
        struct thread_best *slot = &t->slots[k & (t->count - 1)];
        if (slot->id == id || !slot->id)
            return slot;
    }
}

static bool threads_fill(struct threads *t, const struct docs *d) {
    t->count = 64;
    while (t->count < d->count * 2)
        t->count *= 2;
    t->slots = mem_zalloc(t->count * sizeof *t->slots);
    if (!t->slots)
        return false;
    for (size_t i = 0; i < d->count; i++) {
        const struct doc *doc = &d->items[i];
        if (!doc->thread)
            continue;
        struct thread_best *slot = thread_slot(t, doc->thread);
        slot->id = doc->thread;
        if (doc->own > slot->best)
            slot->best = doc->own;
    }
    return true;
}

// --- all together --------------------------------------------------------------------------------
static double final_score(const struct scorer *s, const struct threads *t, const struct doc *doc) {
    double score = (double)doc->own;
    const struct doc *previous = docs_find(s->docs, doc->prev_id);
    const struct doc *before = previous ? docs_find(s->docs, previous->prev_id) : NULL;
    if (before)
        score += from_before_last * (double)before->own;
    if (doc->own > 0) {
        if (doc->thread)
            score += from_thread * (double)thread_slot(t, doc->thread)->best;
        score += date_bonus * s->total * dates_fit(&s->dates, doc->created_ms);
    }
    if ((s->q->cues & CUE_WHEN) && has_trait(doc, TRAIT_TEMPORAL))
        score *= 1 + when_bonus;
    return score;
}

static double mean_words(const struct docs *d) {
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < d->count; i++) {
        if (d->items[i].spare)
            continue;
        sum += (double)d->items[i].words;
        n++;
    }
    return n ? sum / (double)n : 1;
}

int docs_score(struct docs *d, const struct question *q, const struct recall_query *query,
               struct err *err) {
    if (!d->count)
        return 0;
    struct scorer s = {.docs = d, .q = q, .mean_words = mean_words(d)};
    dates_parse(query->text, query->text_bytes, query->now_ms, &s.dates);
    weigh_concepts(&s);
    for (size_t i = 0; i < d->count; i++)
        if (!d->items[i].spare)
            d->items[i].own = (float)own_score(&s, &d->items[i]);
    struct threads threads = {0};
    if (!threads_fill(&threads, d))
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < d->count; i++)
        if (!d->items[i].spare)
            d->items[i].score = (float)final_score(&s, &threads, &d->items[i]);
    mem_free(threads.slots);
    return 0;
}
