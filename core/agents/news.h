// What of a changed file is news: findings and functions held against those of the text before, so
// that nobody is told of what an edit only touched, moved or copied along. Values in, values out;
// one owner, one thread.
#pragma once

#include "core/code/finding.h"
#include "core/code/syntax.h"
#include "core/workspace/diff.h"

enum {
    NEWS_NAME_BYTES_MAX = 96,
    NEWS_COGNITIVE_MIN = 15, // SonarSource's threshold for a function
    NEWS_COGNITIVE_STEP = 5, // by less is no news
    NEWS_COGNITIVE_PART = 4, // nor by less than this part (1/4) of what it was
};

// --- findings
struct news_finding {
    const struct rule *rule;
    uint64_t print; // findings.h
    uint32_t line;
};
struct news_findings {
    struct news_finding *list; // mem_free
    uint32_t count, capacity;
};
// At most `max`: more are left out. ERR_NOMEM.
int news_note(struct news_findings *f, struct news_finding x, uint32_t max, struct err *err);
// Takes out of `old` what stands in the new text too: outside of the change (`untouched`) and on
// touched lines. ret_new[i]: pending->list[i] was not there. It was when its line is the same one,
// wherever it stands; or when the lines that the edit replaced had a finding of the same rule, each
// of which excuses one.
void news_findings(const struct diff *d, const struct diff_file *f, struct news_findings *old,
                   const struct news_findings *untouched, const struct news_findings *pending,
                   bool *ret_new);

// --- functions
struct news_function {
    char name[NEWS_NAME_BYTES_MAX]; // "" without one; an assigned lambda has what it is assigned to
    uint32_t line, end_line;
    unsigned cognitive;
    int64_t before; // news_functions: of the old ones; < 0: none
    bool touched;   // by the change
    bool harder;    // much harder to follow than it was, and to be told of
};
// Every function and lambda of the tree, in order of position. *ret of *ret_count: mem_free.
int news_measure(const struct syntax *s, struct news_function **ret, uint32_t *ret_count,
                 struct err *err);
// Fills `before`, `touched` and `harder` of `now`. A function is the one before that stood on the
// same line, counted through the hunks; where its head was edited, one of its name, or what the
// same edit replaced. Growth is told of once: of the named function around, not of its callbacks,
// not for new ones in it that are easy by themselves, and not of functions around that did not grow
// themselves. `d` NULL: all is touched, nothing was before. ERR_NOMEM.
int news_functions(const struct diff *d, const struct diff_file *f, struct news_function *now,
                   uint32_t n, const struct news_function *before, uint32_t before_count,
                   struct err *err);

// --- what moved
struct news_hashes {
    uint64_t *list; // sorted
    uint32_t count, capacity;
};
// What the change removed somewhere: pairs of neighbouring lines, lines that say much by
// themselves, and runs of four tokens. Made when first asked.
struct news_removed {
    struct news_hashes pairs, said, runs;
    bool made;
};
// Was the line of `text`, together with the one before or behind, removed elsewhere by this change?
// Layout does not matter, nor do blank lines. ERR_NOMEM, or 0 or 1.
int news_is_moved(struct news_removed *r, const struct diff *d, const char *text, size_t bytes,
                  uint32_t line, struct err *err);
// Was what the line says removed elsewhere by this change, whatever stands around it now? For a
// comment, whose words nobody writes twice by chance: four words or more. ERR_NOMEM, or 0 or 1.
int news_is_said_again(struct news_removed *r, const struct diff *d, const char *text, size_t bytes,
                       uint32_t line, struct err *err);
struct news_piece { // lines `line` to `end_line` of a text
    const char *text;
    size_t bytes;
    uint32_t line, end_line;
};
// *ret: how much of a piece of the new text was there before, in percent of its different runs of
// tokens: removed somewhere by this change, edited on the way perhaps, or on lines of `f` that it
// left alone (NULL: those do not count). ERR_NOMEM.
int news_known_percent(struct news_removed *r, const struct diff *d, const struct diff_file *f,
                       struct news_piece piece, unsigned *ret, struct err *err);
void news_removed_done(struct news_removed *r); // accepts a zeroed one
