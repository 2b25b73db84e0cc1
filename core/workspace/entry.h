// What the index keeps of one file: how it was found, and what was made of its content. Parts are
// counted and immutable once other threads may see them, so that snapshots, tables and the index
// share them; any thread. Only for the files of the index.
#pragma once

#include "core/code/facts.h"
#include "core/workspace/index.h"
#include "core/workspace/walk.h"

#include <stdatomic.h>

struct root { // the workspace's folder
    atomic_uint refs;
    int fd;
    char path[];
};
struct root *root_ref(struct root *r);
void root_put(struct root *r); // accepts NULL; closes

struct text { // of an editor
    atomic_uint refs;
    size_t bytes;
    char data[];
};
struct text *text_new(const char *data, size_t bytes); // NULL when out of memory
struct text *text_ref(struct text *t);                 // accepts NULL
void text_put(struct text *t);                         // accepts NULL

struct unit { // the facts of one content
    atomic_uint refs;
    const struct facts *facts;
    _Atomic int64_t block; // of the store's cache; 0: it has them not
};
struct unit *unit_new(struct facts *facts); // takes, also when it fails: NULL when out of memory
struct unit *unit_ref(struct unit *u);      // accepts NULL
void unit_put(struct unit *u);              // accepts NULL

enum entry_state {
    ENTRY_NEW,     // its content has not been looked at; facts are those of an older one, if any
    ENTRY_LEXICAL, // the tree is still to come
    ENTRY_DONE
};
struct entry {
    atomic_uint refs;
    struct unit *unit; // NULL: known by name only
    struct text *text; // instead of the file
    struct walk_stat stat;
    uint64_t bytes; // of the content that the facts were made of
    int64_t block;  // of the store's cache, where the facts are to be had; 0: none
    uint8_t hash[FACTS_HASH_BYTES];
    uint8_t lang, state;
    bool racy, hashed;
    uint16_t flags; // enum file_flags
    uint16_t path_bytes;
    char path[];
};
struct entry *entry_new(const char *path, size_t n); // NULL when out of memory
// With the path, stat, hash and references of `e`.
struct entry *entry_copy(const struct entry *e);
struct entry *entry_ref(struct entry *e);
void entry_put(struct entry *e); // accepts NULL
void entry_set_unit(struct entry *e,
                    struct unit *u); // takes a reference of its own; before sharing
