// What reading a file of the tree once says to all who ask of it: its secrets, its marked places,
// and of the findings that the index knows their names and which of them a comment silences. It
// follows from the content, so it is worked out once for each (derived.h), by several threads.
#pragma once

#include "core/agents/agents.h"
#include "core/base/wire.h"

struct snapshot_file;

enum { READING_MARK_BYTES_MAX = 160 };

struct reading { // of one file; borrowed during the call
    uint32_t secret_count, mark_count, known_count;
    const char *secrets, *marks, *known, *end; // where each begins
};
struct reading_secret {
    const char *rule, *what, *shown;
    uint32_t line, column;
    uint8_t confidence;
    bool fixture, ignored;
    uint64_t print;
};
struct reading_mark {
    const char *text; // from the mark to the end of its line
    uint32_t line;
};
struct reading_known {
    uint32_t finding; // facts_finding(f->facts, finding)
    bool ignored;
    uint64_t print;
};
// Each is called as often as there are such, with w = wire_of the right part, which it consumes.
struct wire reading_secrets(const struct reading *r);
struct wire reading_marks(const struct reading *r);
struct wire reading_knowns(const struct reading *r);
void reading_next_secret(struct wire *w, struct reading_secret *ret);
void reading_next_mark(struct wire *w, struct reading_mark *ret);
void reading_next_known(struct wire *w, struct reading_known *ret);

typedef bool reading_want_fn(void *ctx, const struct snapshot_file *f);
// Files in order of the snapshot; those that have changed meanwhile are left out: the next question
// sees them. A negative return stops.
typedef int reading_fn(void *ctx, uint32_t file, const struct reading *r, struct err *err);
int reading_each(struct agent_call *call, const struct snapshot *s, reading_want_fn *want,
                 reading_fn *fn, void *ctx, struct err *err);
