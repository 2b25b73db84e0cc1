#include "core/store/recall_expand.h"

#include <string.h>

enum { PREFIX_BYTES_MIN = 3 };
static const float prefix_weight = 0.7F;

// Leaps from term to term: the vocabulary is a view of the index, one row per note and term.
int question_expand(struct db *db, struct question *q, size_t concept, struct err *err) {
    const struct alternative own = q->concepts[concept].alternatives[0];
    size_t before = q->concepts[concept].count;
    if (own.len < PREFIX_BYTES_MIN)
        return 0;
    char from[WORD_BYTES_MAX + 16], to[WORD_BYTES_MAX + 16];
    size_t from_bytes = own.len;
    memcpy(from, own.term, own.len);
    memcpy(to, own.term, own.len);
    to[own.len] = (char)0xFF; // above every byte of UTF-8
    int r = 1;
    for (size_t i = before; r == 1 && i < ALTERNATIVES_MAX; i++) {
        struct db_rows *rows = NULL;
        r = db_rows_open(
            db, "SELECT term FROM note_vocabulary WHERE term >= ?1 AND term < ?2 LIMIT 1",
            (struct db_value[]){db_text_n(from, from_bytes), db_text_n(to, own.len + 1)}, 2, &rows,
            err);
        if (r == 0)
            r = db_rows_next(rows, err);
        if (r == 1) {
            size_t n = 0;
            const char *term = db_col_text(rows, 0, &n);
            n = n < WORD_BYTES_MAX ? n : WORD_BYTES_MAX;
            memcpy(from, term, n);
            from[n] = 1; // the next term is above this: terms have no control characters
            from_bytes = n + 1;
            question_add(q, concept, from, n, prefix_weight);
        }
        db_rows_close(rows);
    }
    return r < 0 ? r : (int)(q->concepts[concept].count - before);
}
