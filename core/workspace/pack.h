// Context for a text under a token budget: the functions it is most likely about, whole, then the
// signatures around them, as a model can read it.
//
// How: candidates are functions (and the heads of classes and files), valued by the scores of
// locate.h; the budget is filled by value per token, where a file's first part counts extra, so
// that a budget spent on one large function does not hide four other files. Ranges that touch are
// joined. Output: "path:line" on a line, then plain code (padded line numbers cost 41 % more
// tokens).
//
// Pure over a search; reads the texts of the files it takes from (snapshot_text); any thread;
// deterministic.
#pragma once

#include "core/workspace/search.h"

enum {
    PACK_TOKENS_DEFAULT = 4000,
    PACK_TOKENS_MIN = 64,
    PACK_TOKENS_MAX = 200000,
    PACK_PARTS_MAX = 2000,
    PACK_FOCUS_MAX = 64
};

struct pack_want {
    const char *text; // what it is for; borrowed
    size_t bytes;
    uint32_t tokens;           // 0 = PACK_TOKENS_DEFAULT; o200k (core/base/tokens.h)
    const struct place *focus; // taken first, whole, when they fit; borrowed
    uint32_t focus_count;
    const char *under; // only paths that begin with this; NULL = all
    bool tests;        // tests count like other code; else only when the text speaks of them
};
enum pack_kind {
    PACK_BODY,      // the whole symbol
    PACK_SIGNATURE, // [start, body) of it, with "…" for what was left out
    PACK_HEAD       // the beginning of a file or class: imports, fields
};
struct pack_part {
    uint32_t file;
    uint32_t symbol; // of the file's facts; UINT32_MAX: the file's head
    enum pack_kind kind;
    uint32_t start, end;     // bytes of the file
    uint32_t line, end_line; // 1-based, both inside
    double score;
    struct search_reasons reasons;
};
struct pack {
    uint32_t part_count;
    struct pack_part *parts; // in the order of the text: files by their best part, then by position
    uint32_t file_count;
    char *text; // terminated
    size_t text_bytes;
    uint32_t tokens;   // of the text: <= want.tokens
    uint32_t left_out; // candidates with a score that did not fit
    uint32_t unread;   // files whose content has changed since the snapshot, left out
    bool tests;
};
// Nothing found: part_count 0, empty text. ERR_INVAL: budget outside of the limits. ERR_NOMEM.
int pack_make(const struct search *s, const struct pack_want *want, struct pack **ret,
              struct err *err);
void pack_free(struct pack *p); // accepts NULL
