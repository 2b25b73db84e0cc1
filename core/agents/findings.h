// Findings as they are reported: collected over files, told apart from what was there before,
// silenced where the user said so, in one order. One owner, one thread.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/code/finding.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { FINDINGS_MAX = 10000, FINDINGS_MUTES_MAX = 2000 };

// Rules of review itself, beside those of the tree checks (core/code/rules.c).
extern const struct rule review_complexity, review_copied, review_secret, review_dead_export;
const struct rule *review_rule_find(const char *id, size_t n); // of both tables

struct reported {
    const struct rule *rule;
    const char *path, *message, *fix; // fix: what it would become; NULL
    uint32_t line, end_line;
    uint32_t last_line;          // of a new function that it is about; 0: of none
    uint32_t start, end;         // bytes; end 0: not known
    uint32_t fix_start, fix_end; // bytes that `fix` replaces; both 0 where that is not known
    uint8_t confidence;
    uint64_t print; // stable name: rule, path and the line's text, whatever its number
    bool quiet;     // said when asked only (struct rule)
    bool hot;       // in a file that changes much and is complex
};
struct findings {
    struct reported *list;
    uint32_t count, capacity;
    uint32_t known, muted, ignored; // left out: was there before, by mute, by a comment
    uint32_t quiet;                 // and those that nobody asked for
    bool cut;
};
void findings_done(struct findings *f); // accepts a zeroed one

// Name of a finding without its number: the same before and after lines moved.
uint64_t finding_print(const struct rule *rule, const char *path, const char *text, size_t bytes,
                       uint32_t line);
// Does a comment on its line or the one above say `paired:ignore` (alone, or with this rule's id)?
bool finding_ignored(const char *text, size_t bytes, uint32_t line, const struct rule *rule);
int findings_add(struct findings *f, const struct finding *x, const char *path, uint64_t print,
                 struct err *err);
// Those of a rule that overlap in one file become the longest of them, which says how many more
// places it stands at.
void findings_join(struct findings *f, const struct rule *rule);
// Takes out those of a rule whose lines are said to stand at that many places: a frame that the
// project writes again and again on purpose, no copy that slipped in.
void findings_leave_habits(struct findings *f, const struct rule *rule, uint32_t places);
// Makes quiet those about new functions that are copies: of which one finding of `copies` covers
// three lines in five or more. What was copied was as hard before.
void findings_doubt_copied(struct findings *f, const struct rule *copies);
// Takes out the quiet ones.
void findings_leave_quiet(struct findings *f);
// Severity, confidence, then place; equal ones once.
void findings_sort(struct findings *f);

// Mutes: [{"rule", "path"?, "print"?, "reason"?}]. Takes out what they name; a path names a file or
// a folder.
void findings_mute(struct findings *f, const json_t *mutes);
void findings_baseline(struct findings *f, const json_t *prints); // array of "16 hex digits"

// SARIF 2.1.0 (OASIS), one run.
int findings_sarif(const struct findings *f, struct buf *out);
const char *severity_name(enum severity s); // "note", "warning", "error"
