// Finds the idioms of a body of code: small pieces that come again and again with other names.
// Files go in one after the other, patterns come out: of subtrees, of windows of 2 to 4 statements,
// of depth cuts, and of what the members of a cut have in common (anti-unification). Edits, before
// and after, go in as pairs of texts.
//
// Memory is bounded: a table of forms by hash that drops what was seen once when it is full (lossy
// counting), and the texts of forms seen in two files. The same files in the same order give the
// same result. One thread at a time.
//
// Sources: Allamanis, Sutton 2014 (Haggis); Rolim et al. 2018 (Revisar); Manku, Motwani 2002.
#pragma once

#include "core/base/err.h"
#include "core/code/pattern.h"

struct miner;

struct miner_options {
    uint32_t entries_max; // 0 = 1,000,000 forms (64 bytes each)
    uint32_t text_max;    // 0 = 64 MB of texts
};
struct miner_source { // of one file or edit
    uint64_t author;  // any number that stands for one; 0 = not known
    uint64_t project; // likewise
    bool secret;      // the secret scanner marked it: nothing is taken from it
};
struct miner_gates {       // 0 = the default
    uint32_t files_min;    // 3
    uint32_t authors_min;  // 2, when authors are known
    uint32_t projects_min; // 1
    uint32_t patterns_max; // 200 of each language
};

enum mined_level { MINED_SUBTREE, MINED_WINDOW, MINED_CUT, MINED_GENERAL, MINED_EDIT };
struct mined {
    struct pattern *pattern;
    uint32_t count;   // occurrences
    uint32_t files;   // for MINED_GENERAL at least so many
    uint32_t authors; // at least so many; 0 = not known
    uint32_t projects;
    double bits; // saved: what it is ranked by
    enum mined_level level;
};

struct miner *miner_new(const struct miner_options *o); // NULL when out of memory
void miner_free(struct miner *m);                       // accepts NULL
// One parsed file. Vendored, generated and test files are better left out: their idioms are
// nobody's or everybody's. ERR_NOMEM, ERR_LIMIT.
int miner_add(struct miner *m, const struct syntax *s, const struct miner_source *source,
              struct err *err);
// One function before and after a change. 0 as well when nothing can be learnt from it; ERR_NOMEM,
// ERR_UNSUPPORTED (no grammar).
int miner_add_edit(struct miner *m, enum lang lang, const char *before, size_t before_bytes,
                   const char *after, size_t after_bytes, const struct miner_source *source,
                   struct err *err);
// The same in two steps, for who keeps what a change taught: the text of the edit
// (docs/PATTERNS.md; nothing is appended when nothing can be learnt), and later that text.
int miner_edit_text(struct miner *m, enum lang lang, const char *before, size_t before_bytes,
                    const char *after, size_t after_bytes, struct buf *ret, struct err *err);
// Edits of one file follow one another: `same_file` says that the one before was of the same, so
// that the gates count files. 0 as well for a text that is no edit.
int miner_add_edit_text(struct miner *m, enum lang lang, const char *text, size_t bytes,
                        const struct miner_source *source, bool same_file, struct err *err);
// The patterns that pass the gates, best first. May be called more than once. *ret: mined_free.
int miner_finish(struct miner *m, const struct miner_gates *gates, struct mined **ret,
                 uint32_t *ret_count, struct err *err);
void mined_free(struct mined *list, uint32_t count); // accepts NULL
const char *mined_level_name(enum mined_level level);
