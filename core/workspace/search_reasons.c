// Why a file or a symbol was found, in clauses that people and models can read.
#include "core/base/mem.h"
#include "core/code/words.h"
#include "core/workspace/search_score.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { SAID_BYTES_MAX = 64 * 1024 }; // of the question, looked through for its own words

static void put(struct search_reasons *ret, enum search_why why, double share, const char *text) {
    uint32_t at = ret->count;
    if (!(share > 0))
        return;
    while (at && (double)ret->at[at - 1].share < share)
        at--;
    if (at == SEARCH_REASONS_MAX)
        return;
    uint32_t last = ret->count < SEARCH_REASONS_MAX ? ret->count : SEARCH_REASONS_MAX - 1;
    memmove(&ret->at[at + 1], &ret->at[at], (last - at) * sizeof ret->at[0]);
    ret->count = last + 1;
    ret->at[at] = (struct search_reason){.why = why, .share = (float)share};
    size_t n = strlen(text), max = sizeof ret->at[at].text - 1;
    if (n > max) { // on a character's border
        for (n = max; n && ((unsigned char)text[n] & 0xC0) == 0x80;)
            n--;
    }
    memcpy(ret->at[at].text, text, n);
}

static void finish(struct search_reasons *ret) {
    float sum = 0;
    for (uint32_t i = 0; i < ret->count; i++)
        sum += ret->at[i].share;
    for (uint32_t i = 0; sum > 0 && i < ret->count; i++)
        ret->at[i].share /= sum;
}

// Is the word in the file, or in this unit of it? Words are sorted.
static bool has_word(const struct search *s, uint32_t file, uint32_t unit, const struct term *t) {
    const struct facts *facts = search_facts(s, file);
    const struct search_file *f = &s->files[file];
    uint32_t low = 0, high = facts ? facts->word_count : 0;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        const char *text = facts_text(facts, facts_word(facts, middle)->word);
        if (strncmp(text, t->word, t->n) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; facts && low < facts->word_count; low++) {
        const struct fact_word *word = facts_word(facts, low);
        const char *text = facts_text(facts, word->word);
        if (strncmp(text, t->word, t->n) != 0 || text[t->n] != '\0')
            return false; // the word itself comes before those that it begins
        if (word->scope < f->units &&
            (unit == f->first || s->owner[f->first + word->scope] == unit))
            return true;
    }
    return false;
}

struct same_stem {
    const struct term *term;
    bool is;
};
static int compare_stem(void *ctx, const char *word, size_t n) {
    struct same_stem *c = ctx;
    c->is |= n == c->term->n && memcmp(word, c->term->word, n) == 0;
    return 0;
}

// As the question has it: terms are stems.
static const char *as_said(const struct query *q, const struct term *t, size_t *ret_n) {
    size_t end = q->bytes < SAID_BYTES_MAX ? q->bytes : SAID_BYTES_MAX;
    for (size_t i = 0; i < end;) {
        size_t begin = i;
        while (i < end && isalpha((unsigned char)q->text[i]))
            i++;
        struct same_stem c = {t, false};
        if (i - begin >= t->n && i - begin <= TERM_BYTES_MAX &&
            strncasecmp(q->text + begin, t->word, t->n < 2 ? t->n : 2) == 0)
            (void)words_of_text(q->text + begin, i - begin, compare_stem, &c);
        *ret_n = i - begin;
        if (c.is)
            return q->text + begin;
        i += i == begin;
    }
    *ret_n = t->n;
    return t->word;
}

// The words of the text that say most of those in this unit, or in the file (its head).
static void shared_words(const struct search *s, const struct ranking *r, uint32_t file,
                         uint32_t unit, char *ret, size_t size) {
    enum { WORDS = 4, LOOKED_AT = 60 };
    size_t n = (size_t)snprintf(ret, size, "words"), found = 0;
    for (uint32_t i = 0; i < r->query.term_count && i < LOOKED_AT && found < WORDS; i++) {
        const struct term *t = &r->query.terms[r->query.by_worth[i]];
        if (!(t->worth > 0))
            break;
        if (!has_word(s, file, unit, t))
            continue;
        size_t bytes;
        const char *word = as_said(&r->query, t, &bytes);
        if (n + bytes + 3 < size)
            n += (size_t)snprintf(ret + n, size - n, "%s %.*s", found++ ? "," : "", (int)bytes,
                                  word);
    }
}

void search_file_reasons(const struct search *s, const struct ranking *r,
                         const struct ranked_file *f, struct search_reasons *ret) {
    char text[256];
    const float *x = f->x, *w = search_file_weights();
    *ret = (struct search_reasons){0};
    double words = (double)(w[FF_BODY] * x[FF_BODY] + w[FF_BEST] * x[FF_BEST] +
                            w[FF_TITLE] * x[FF_TITLE] + w[FF_PAIRS] * x[FF_PAIRS]);
    if (x[FF_FRAME] > 0)
        put(ret, WHY_FRAME, 4 * (double)x[FF_FRAME], "in the stack trace");
    if (x[FF_NAMED] > 0)
        put(ret, WHY_PATH, 2 * (double)x[FF_NAMED], "the text names this file");
    if (words > 0) {
        shared_words(s, r, f->file, s->files[f->file].first, text, sizeof text);
        if (strcmp(text, "words") != 0)
            put(ret, WHY_WORDS, words, text);
    }
    if (x[FF_PATH] > .2F)
        put(ret, WHY_PATH, (double)(w[FF_PATH] * x[FF_PATH]), "its path has words of the text");
    if (x[FF_NAME] > .2F) {
        snprintf(text, sizeof text, "defines %s", search_name(s, f->best));
        if (f->best != s->files[f->file].first)
            put(ret, WHY_NAME, (double)(w[FF_NAME] * x[FF_NAME]), text);
    }
    put(ret, WHY_CALLS, (double)(w[FF_NEAR] * x[FF_NEAR]) / 2, "called by what was found");
    put(ret, WHY_MESSAGE, (double)(w[FF_MESSAGE] * x[FF_MESSAGE]),
        "earlier commits of it said the same");
    if (s->files[f->file].often)
        put(ret, WHY_CHURN, (double)(w[FF_CHURN] * x[FF_CHURN]) / 2, "changes often");
    if (x[FF_COUPLED] > 0) {
        snprintf(text, sizeof text, "changes together with %s",
                 snapshot_file(s->snapshot, f->coupled_with)->path);
        put(ret, WHY_COUPLED, (double)(w[FF_COUPLED] * x[FF_COUPLED]), text);
    }
    finish(ret);
}

void search_unit_reasons(const struct search *s, const struct ranking *r,
                         const struct ranked_unit *u, struct search_reasons *ret) {
    char text[256];
    const float *x = u->x;
    *ret = (struct search_reasons){0};
    if (x[UF_FRAME] > 0)
        put(ret, WHY_FRAME, 4 * (double)x[UF_FRAME], "in the stack trace");
    if (x[UF_EXACT] > .05F) {
        snprintf(text, sizeof text, "the text names %s", search_name(s, u->unit));
        put(ret, WHY_NAME, .5 + 2 * (double)x[UF_EXACT], text);
    } else if (x[UF_NAME] > .1F) {
        put(ret, WHY_NAME, 1.2 * (double)x[UF_NAME], "its name has words of the text");
    }
    shared_words(s, r, s->file_of[u->unit], u->unit, text, sizeof text);
    if (strcmp(text, "words") != 0)
        put(ret, WHY_WORDS, (double)(1.2F * x[UF_BODY] + x[UF_COVER] + x[UF_TITLE] + x[UF_PAIRS]),
            text);
    put(ret, WHY_CALLS, .5 * (double)x[UF_CALLED], "called by what was found");
    put(ret, WHY_CALLS, .3 * (double)x[UF_CALLS], "calls what was found");
    finish(ret);
}
