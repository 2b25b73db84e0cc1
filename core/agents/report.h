// An answer while it is being made: a title, items with their text and their JSON side by side, and
// notes of what was not looked at. report_finish cuts it into pages by a token budget, so that no
// capability does so by itself. One owner, one thread.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    REPORT_ITEMS_MAX = 20000, // more are counted, not kept
    REPORT_ITEM_BYTES_MAX = 256 * 1024,
    REPORT_NOTES_MAX = 32,
    REPORT_TEXT_BYTES_MAX = 16 * 1024 * 1024
};

struct report;
struct report *report_new(void);    // NULL when out of memory
void report_free(struct report *r); // accepts NULL

// One line above everything: what was asked of what, and the sum of it. The last one counts.
void report_title(struct report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
// What is said instead of items when there are none.
void report_nothing(struct report *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// One result. `object` is stolen (NULL: out of memory, makes report_finish fail). Text without a
// newline at its end, one or more lines; the format belongs to us, foreign text only by %s.
void report_item(struct report *r, json_t *object, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void report_item_text(struct report *r, json_t *object, const char *text, size_t n);
// A heading that stands above the items that follow, repeated on later pages.
void report_group(struct report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
// What was not looked at, or is not certain. Equal ones are said once.
void report_note(struct report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
// A member of the structured answer beside the items. `value` is stolen.
void report_set(struct report *r, const char *name, json_t *value);
uint32_t report_count(const struct report *r);
void report_failed(struct report *r); // out of memory on the way: report_finish says so

// For who keeps answers (core/workspace/derived.h). What passes (a file that changed meanwhile, a
// limit of time) may come otherwise another time: then nothing is written.
void report_passing(struct report *r);
bool report_write(const struct report *r, struct buf *ret); // false also when out of memory
// Into a fresh one, all or (false) nothing: what was written, by this build.
bool report_read(struct report *r, const void *bytes, size_t n);

struct report_answer {
    json_t *structured; // {"title", "items": […], "total", "next"?, "notes": […], …}
    struct buf text;
    uint32_t tokens; // of text
};
void report_answer_done(struct report_answer *a);

struct report_page {
    uint32_t budget;    // tokens of the text; 0 = no limit: everything
    const char *cursor; // of the page before; not terminated; NULL: the first
    size_t cursor_bytes;
    uint32_t question; // hash of the arguments: a cursor belongs to one question
};
// ERR_INVAL: the cursor is not one of ours, or of another question. ERR_NOMEM.
int report_finish(struct report *r, const struct report_page *page, struct report_answer *ret,
                  struct err *err);
