// Patterns of code as readable text: the whole of what is stored, shown and shared of one.
//
//     if ($A == NULL) {
//         return $N;
//     }
//
// $A … $Z (without C, N, S; then $A1 …) are names, the same letter the same name; $S, $N, $C are
// any string, number, character; `$...` is any expression, and in a block or among arguments any
// number of them. An edit is two such texts with a line `=>` between them; there literals are
// numbered ($S3). docs/PATTERNS.md has the format. Any version of a grammar reads the text again
// and comes to the same form and the same id. Any thread; a pattern is constant.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/code/form.h"

enum {
    PATTERN_TEXT_BYTES_MAX = 4096,
    PATTERN_STATEMENTS_MAX = 4,
    PATTERN_NODES_MIN = 6,
    PATTERN_NODES_MAX = 64,
    PATTERN_METAVARIABLES_MAX = 24,
    PATTERN_HOLES_PERCENT_MAX = 60,
    PATTERN_ID_BYTES = 16
};

struct pattern_side {
    struct form_node *nodes; // [count + 1], depths from 0
    uint32_t count;
    uint32_t statements; // neighbours at depth 0
    uint64_t hash;       // of the form
    uint64_t cut_hash;   // of its depth cut; of the form itself when a window
    uint16_t weight;     // nodes, keywords not counted
    uint16_t holes;      // of them not fixed
    uint16_t repeats;    // uses of a name beyond its first
    uint16_t kept;       // names of the standard library
    uint16_t cut;        // `$...`
};
struct pattern {
    enum lang lang;
    char *text; // in the one layout that equal patterns share
    uint8_t id[PATTERN_ID_BYTES];
    uint16_t metavariables;
    bool edit;
    struct pattern_side before, after; // `after` of edits only
};

// Memory that parsing uses, kept between calls. One user at a time.
struct pattern_reader;
struct pattern_reader *pattern_reader_new(void); // NULL when out of memory
void pattern_reader_free(struct pattern_reader *r);

// Reads a text as a pattern. ERR_PARSE (no code of this language), ERR_INVAL (holds a name, literal
// or construct that patterns do not have), ERR_LIMIT, ERR_UNSUPPORTED (no grammar), ERR_NOMEM.
int pattern_parse(struct pattern_reader *r, enum lang lang, const char *text, size_t bytes,
                  struct pattern **ret, struct err *err);
void pattern_free(struct pattern *p); // accepts NULL
bool pattern_equal(const struct pattern *a, const struct pattern *b);
void pattern_id_text(const struct pattern *p, char ret[2 * PATTERN_ID_BYTES + 1]); // hexadecimal

// Numbers of metavariables given out while one pattern is printed.
struct pattern_names {
    uint32_t name[64];
    uint32_t count;
    bool literals; // numbered too: edits
    bool full;     // more than fit were asked for
};
// Appends the text of `statements` neighbouring subtrees from form node `from` on. `holes`: form
// nodes that become `$...` (for lists: what is in them); may be NULL. `cut`: as in form_walk_add.
// ERR_UNSUPPORTED: cannot be written as a pattern.
int pattern_print(struct buf *out, const struct syntax *s, const struct form *f, uint32_t from,
                  uint32_t statements, const uint8_t *holes, bool cut, struct pattern_names *names);
