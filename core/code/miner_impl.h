// Inside of miner*.c.
#pragma once

#include "core/code/miner.h"
#include "core/code/pattern_impl.h"

enum { TEXT_NONE = 0, TEXT_UNFIT = INT32_MAX };

struct entry {
    uint64_t hash;              // 0 = free
    uint64_t authors, projects; // bit sets of 64 by hash: counts are lower bounds
    uint32_t count, files, last_file;
    uint32_t text;  // 1 + offset in `texts`, TEXT_…
    uint32_t first; // in order of appearance, for ties
    uint16_t weight, holes;
    uint8_t lang, level;
};

struct frequency { // of a code in all files
    uint64_t code; // 0 = free
    uint32_t count;
};

struct miner {
    struct entry *table;
    uint32_t slots, used, entries_max, inserted;
    struct buf texts;
    struct frequency *frequencies;
    uint32_t frequency_slots, frequency_used;
    uint64_t nodes; // counted in `frequencies`
    uint32_t file;  // current, from 1
    struct miner_source source;
    struct form form, other;
    struct form_walk walk;
    uint64_t *hashes; // of the statements of `form`, by node
    uint32_t hash_capacity;
    struct syntax *old_tree, *new_tree; // of edits
    struct pattern_reader *reader;
    struct buf scratch;
};

// What is known of a form when it is met.
struct sighting {
    uint64_t hash;
    uint16_t weight, holes;
    enum mined_level level;
    enum lang lang;
};
// Counts a sighting. *ret: its entry when its text is wanted now, else NULL.
int miner_record(struct miner *m, const struct sighting *seen, struct entry **ret);
// Keeps the text in m->scratch for an entry; a negative `printed` marks it as not printable.
int miner_keep_text(struct miner *m, struct entry *e, int printed);
int miner_count_codes(struct miner *m, const struct form *f);
double miner_code_bits(const struct miner *m, const struct form_node *n);
// May such a walk be a pattern?
bool miner_is_useful(const struct form_walk *w);
uint64_t miner_mix(uint64_t x);

struct finalist {
    struct pattern *pattern;
    struct entry e; // copied; of a generalisation: made up
    double bits;
    bool dropped;
    uint32_t shared; // patterns taken that hold this one
};
struct finalists {
    struct finalist *list;
    uint32_t count, capacity;
};
int miner_add_finalist(struct finalists *f, struct pattern *p, const struct entry *e);
int miner_generalise(struct miner *m, struct finalists *f);

// Does the pattern's side fit at form node `i` (and its next neighbours)?
bool pattern_fits(const struct pattern_side *side, const struct form *f, uint32_t i);
