// What a check has to say about one place, and the rules it can say it by. Any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum severity { SEVERITY_NOTE, SEVERITY_WARNING, SEVERITY_ERROR };

// One row of the table of rules (rules.c). Ids are stable: users mute by them.
struct rule {
    const char *id;    // "swallowed-error"
    const char *agent; // whose finding it is: "sherlock", "maya" …
    const char *title; // what is wrong, a few words
    const char *why;   // one sentence: what it costs
    const char *fix;   // one sentence: what to do
    enum severity severity;
    uint8_t confidence; // percent: precision it is held to
    bool review_only;   // reported on changed lines only: a whole tree would drown in it
    // A review of a change says it when asked only: of what was judged by hand on commits that
    // nothing was tuned on, fewer than 95 in 100 were right (docs/CHECKS.md).
    bool quiet;
};
enum { RULES_MAX = 256 };
const struct rule *rules_at(size_t i); // NULL past the end; sorted by id
const struct rule *rules_find(const char *id, size_t n);

enum { FINDING_MESSAGE_BYTES_MAX = 240, FINDING_FIX_BYTES_MAX = 400 };

struct finding {
    const struct rule *rule;
    uint32_t start, end;     // bytes in the file
    uint32_t line, end_line; // from 1
    uint32_t last_line;      // of the new function that it is about; 0: it is about none
    uint8_t confidence;      // percent; 0 = the rule's
    bool quiet;              // as the rule's, whatever that says
    char message[FINDING_MESSAGE_BYTES_MAX]; // says what is here; UTF-8; never a secret's value
    // A certain repair: replace [fix_start, fix_end) by fix_text. Only where it is valid by itself.
    bool has_fix;
    uint32_t fix_start, fix_end;
    char fix_text[FINDING_FIX_BYTES_MAX];
};

// Negative return stops the check and becomes its result.
typedef int finding_fn(void *ctx, const struct finding *f);
