// The rows of the grammar, for payload*.c only.
#pragma once

#include "core/privacy/payload.h"

enum line_kind {
    LINE_WORD,    // struct text: a-z 0-9 . -
    LINE_TITLE,   // struct text: one line of UTF-8
    LINE_LINK,    // struct text: printable ASCII without blanks
    LINE_CHOICE,  // enum as unsigned: index in `choices`
    LINE_BUCKET,  // int64_t: a power of two
    LINE_NUMBER,  // int64_t: decimal
    LINE_EPSILON, // int64_t: millionths, written with six decimals
    LINE_MONTH,   // struct text: YYYY-MM
    LINE_DATE,    // struct text: YYYY-MM-DD
    LINE_LABELS,  // repeated words, ascending
    LINE_TAGS     // repeated, 32 hexadecimal digits, ascending
};
struct line_row {
    const char *name;
    enum line_kind kind;
    bool optional;
    size_t offset; // in struct payload; of LABELS and TAGS not used
    const char *const *choices;
    int64_t min, max; // NUMBER
};
struct form_rows {
    const char *name;
    const struct line_row *rows; // ends with name == NULL
    size_t text_max;             // 0: has none
    bool text_optional;
};
extern const struct form_rows payload_forms[PAYLOAD_FORMS];

bool payload_word_good(struct text t);
bool payload_title_good(struct text t);
bool payload_link_good(struct text t);
bool payload_date_good(struct text t, bool month);
bool payload_text_good(struct text t, size_t max);
