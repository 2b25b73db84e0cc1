// What stands in the body of a shared record, as lines of text in one canonical layout, so that
// what a person is shown before it leaves is, byte for byte, what leaves. docs/FEDERATION.md,
// "Bodies", has the grammar. Strict: one value has one encoding, and what would not be written the
// same way is refused. Bytes in, values out and back; what may be said in them is
// core/privacy/look's to judge. Any thread; no clock, no store.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/fields.h"

#include <stdint.h>

enum payload_form {
    PAYLOAD_PATTERN = 1,
    PAYLOAD_TAGS, // which patterns its author holds, for who holds them too: core/privacy/tags.h
    PAYLOAD_TEMPLATE,
    PAYLOAD_RESOURCE,
    PAYLOAD_METRIC,
    PAYLOAD_DECISION,
    PAYLOAD_MILESTONE,
    PAYLOAD_FORMS
};
// "pattern", "tags" …: as the first line says it.
const char *payload_form_name(unsigned form);

enum {
    PAYLOAD_BYTES_MAX = 64 * 1024,
    PAYLOAD_TITLE_BYTES_MAX = 200,
    PAYLOAD_LINK_BYTES_MAX = 2000,
    PAYLOAD_WORD_BYTES_MAX = 32,
    PAYLOAD_LABELS_MAX = 16,
    PAYLOAD_TAG_BYTES = 16,
    PAYLOAD_TAGS_MAX = 1600,
    PAYLOAD_BUCKET_MAX = 1024,
    PAYLOAD_PATTERN_BYTES_MAX = 4096, // text of a pattern
    PAYLOAD_TEMPLATE_BYTES_MAX = 32 * 1024,
    PAYLOAD_TEXT_BYTES_MAX = 48 * 1024 // of the others
};

enum payload_rule { PAYLOAD_IDIOM, PAYLOAD_EDIT };
enum payload_decided { // of a decision
    PAYLOAD_PROPOSED,
    PAYLOAD_ACCEPTED,
    PAYLOAD_REJECTED,
    PAYLOAD_REPLACED
};
enum payload_reached { PAYLOAD_PLANNED, PAYLOAD_REACHED, PAYLOAD_MISSED, PAYLOAD_DROPPED };

// All texts are borrowed. What a form does not have is zero.
struct payload {
    enum payload_form form;
    struct text language;          // pattern, template: as language_name says it
    enum payload_rule rule;        // pattern
    int64_t files, times;          // pattern: powers of two, see payload_bucket
    int64_t epoch;                 // tags: month, 12 * year + month - 1
    struct text tags;              // tags: lines as they stand; payload_tag reads one
    uint32_t tag_count;            //
    struct text title, link, text; // link: resource; text: all but tags and metric
    struct text labels[PAYLOAD_LABELS_MAX];
    uint32_t label_count;
    struct text name, period;        // metric: which; the month it counts, YYYY-MM
    int64_t epsilon, per_day, value; // metric: millionths; most that one day can add; noised count
    struct text date;                // decision, milestone: YYYY-MM-DD
    enum payload_decided decided;    // decision
    enum payload_reached reached;    // milestone
};

// Exactly `n` bytes. ERR_VERSION (of a newer format), ERR_LIMIT, ERR_PARSE (says in which line).
int payload_parse(const char *bytes, size_t n, struct payload *ret, struct err *err);
// Appends the canonical bytes. ERR_INVAL (a value that cannot stand there), ERR_LIMIT, ERR_NOMEM.
// Of PAYLOAD_TAGS the tags have to be ascending, without repetition.
int payload_format(const struct payload *p, struct buf *out, struct err *err);

// i < p->tag_count
void payload_tag(const struct payload *p, uint32_t i, uint8_t ret[PAYLOAD_TAG_BYTES]);
// The lines of `count` tags, for payload.tags.
int payload_put_tags(struct buf *out, const uint8_t (*tags)[PAYLOAD_TAG_BYTES], uint32_t count);

// The largest power of two that is not larger, PAYLOAD_BUCKET_MAX at most; 1 for less than one.
int64_t payload_bucket(int64_t count);

// Makes of any text one that can stand in a body: tabs, line ends of other systems, blanks at line
// ends and runs of empty lines become what the layout has, what hides or is no UTF-8 goes. The
// result may be empty. ERR_LIMIT, ERR_NOMEM.
int payload_tidy(const char *text, size_t n, bool one_line, struct buf *out, struct err *err);
