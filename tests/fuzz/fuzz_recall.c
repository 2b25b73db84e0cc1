// A note's text to its terms, a question to its concepts and dates, stored words back out of a
// blob: whatever the bytes are, terms keep to their alphabet and the index's syntax cannot be
// reached.
#include "core/base/mem.h"
#include "core/store/recall_dates.h"
#include "core/store/recall_query.h"
#include "core/store/recall_words.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool holds) {
    if (!holds)
        abort();
}

static void on_word(void *ctx, const struct word *w) {
    size_t *count = ctx;
    check(w->len > 0 && w->len < WORD_BYTES_MAX + 8);
    for (size_t i = 0; i < w->len; i++) {
        unsigned char c = (unsigned char)w->term[i];
        check((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80);
    }
    (*count)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const uint8_t none[1];
    const char *text = (const char *)(n ? data : none);
    size_t count = 0;
    words_each(text, n, on_word, &count);

    static struct question q;
    question_parse(text, n, &q);
    check(q.count <= CONCEPTS_MAX);
    for (size_t i = 0; i < q.count; i++) {
        check(q.concepts[i].count > 0 && q.concepts[i].count <= ALTERNATIVES_MAX);
        check(question_find(&q, q.concepts[i].alternatives[0].hash)->concept == i);
    }
    struct date_hints dates;
    dates_parse(text, n, INT64_C(1750000000000), &dates);
    double fit = dates_fit(&dates, INT64_C(1740000000000));
    check(fit >= 0 && fit <= 1);

    struct words_of_note words;
    struct words_packed packed;
    if (words_of_note(&(struct words_source){.text = text, .text_bytes = n}, &words, NULL) == 0) {
        check(words_unpack(words.packed.data, words.packed.len, &packed));
        check(packed.total <= count);
        words_of_note_done(&words);
    }
    uint32_t sum = 0;
    if (words_unpack(text, n, &packed))
        for (size_t i = 0; i < packed.total; i++)
            sum += words_at(&packed, i);
    check(sum != 1 || packed.total); // the reads are not optimised away
    return 0;
}
