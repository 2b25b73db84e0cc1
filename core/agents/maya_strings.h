// Inside of maya_strings*.c: what people read, in catalogues of translations and in code.
#pragma once

#include "core/agents/maya.h"

enum {
    STRINGS_CATALOGUES_MAX = 4000,
    STRINGS_TEXTS_MAX = 100000, // messages that are compared with each other
    STRINGS_CALLEES_MAX = 4096, // names that are called with a text
    STRINGS_LISTED_MAX = 6      // keys named in one finding
};

enum strings_rule {
    RULE_MISSING_KEY,
    RULE_PLACEHOLDER,
    RULE_MISSING_TRANSLATION,
    RULE_UNTRANSLATED,
    RULE_EXTRA_KEY,
    RULE_UNUSED_KEY,
    RULE_HARD_CODED,
    RULE_TWO_SPELLINGS,
    RULE_TERM,
    RULE_CASE,
    RULE_ENDING,
    RULE_ELLIPSIS,
    RULE_SLIP
};

struct strings_catalogue {
    const char *path, *set, *language; // set: the path without its language
    enum catalogue_format format;
    struct catalogue c;
    uint32_t *order; // of entries by key, then position
    bool base;       // the language that the program is written in
};

struct strings_text {                       // a message in the program's own language
    const char *path, *text, *key, *family; // key: of a catalogue; family: who says it in code
    uint32_t line;
};

struct strings_callee { // a name that is called with texts: does it translate?
    const char *name;
    uint32_t hits, misses; // texts that are keys; that look like keys, and are none
};
struct strings_miss {
    const char *path, *key;
    uint32_t callee, line;
};
struct strings_gap {            // something that a translation lacks or has otherwise
    const char *base, *message; // equal for several languages: told once
    enum strings_rule rule;
    struct maya_place at, original;
};
struct strings_plain { // a text in markup that is not translated
    const char *path, *text;
    uint32_t line, translated; // translations in the same file
};

struct strings {
    struct report *report;
    struct maya_findings findings;
    struct maya_pool pool;
    struct strings_catalogue *catalogues;
    uint32_t catalogue_count, catalogue_capacity;
    struct strings_text *texts;
    uint32_t text_count, text_capacity;
    struct strings_callee *callees;
    uint32_t callee_count, callee_capacity;
    struct strings_miss *misses;
    uint32_t miss_count, miss_capacity;
    struct strings_gap *gaps;
    uint32_t gap_count, gap_capacity;
    struct strings_plain *plain;
    uint32_t plain_count, plain_capacity;
    // keys of all base catalogues
    uint32_t *table; // 1 + index into keys
    uint32_t table_size;
    struct strings_key *keys;
    uint32_t key_count;
    const char **parts; // beginnings and ends of keys that code puts together, "a." and ".b"
    uint32_t part_count, part_capacity;
    uint32_t code_files, key_uses;
    bool keyed; // some keys are names, not texts
    bool cut;
};
struct strings_key {
    uint32_t catalogue, entry;
    uint64_t hash;
    bool used;
};

// --- maya_strings_sets.c: catalogues with each other
int strings_add_catalogue(struct strings *s, const struct maya_file *f,
                          const struct catalogue_place *place);
int strings_sort_catalogues(struct strings *s); // drops what is none, picks the base of each set
int strings_compare(struct strings *s);
static inline const char *strings_key_of(const struct strings_catalogue *c, uint32_t entry) {
    return c->c.pool.data + c->c.entries[entry].key;
}
static inline const char *strings_text_of(const struct strings_catalogue *c, uint32_t entry) {
    return c->c.pool.data + c->c.entries[entry].text;
}

// --- maya_strings_keys.c: catalogues and code
int strings_make_keys(struct strings *s);
// l: NULL for what is no code.
int strings_use_of_file(struct strings *s, const struct maya_file *f, const struct literals *l);
void strings_tell_keys(struct strings *s);

// --- maya_strings_texts.c: messages with each other
int strings_texts_of_file(struct strings *s, const struct maya_file *f, const struct literals *l);
int strings_texts_of_catalogues(struct strings *s);
int strings_tell_texts(struct strings *s);
