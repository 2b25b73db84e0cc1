// Names to the files that hold them: definitions, mentions and words of a set of files, as sorted
// arrays of 12 bytes an occurrence. Each of the three is made when first asked for, under a lock;
// otherwise immutable, counted, any thread.
//
// Files are numbered by their slot, the place in the set; a snapshot says which slots still stand
// for a file of its own, so that one saved file needs no new tables but small ones beside them.
#pragma once

#include "core/workspace/entry.h"

enum table_kind { TABLE_DEFINITIONS, TABLE_MENTIONS, TABLE_WORDS, TABLE_KINDS };
enum { TABLE_POSTS_MAX = 64 * 1024 * 1024 };

struct tables;
struct table_post {
    uint32_t hash, slot;
    uint32_t at; // index of the symbol, reference or word in the file's facts
};

// References the entries. NULL when out of memory.
struct tables *tables_new(struct entry *const *entries, uint32_t count);
struct tables *tables_ref(struct tables *t); // accepts NULL
void tables_put(struct tables *t);           // accepts NULL
uint32_t tables_count(const struct tables *t);
const struct entry *tables_entry(const struct tables *t, uint32_t slot);

uint32_t tables_hash(const char *name, size_t n);
// All occurrences with this hash, by slot and position: the caller compares names. ERR_NOMEM.
int tables_find(struct tables *t, enum table_kind kind, uint32_t hash,
                const struct table_post **ret, uint32_t *ret_count);
// The name at a post.
const char *tables_name(const struct facts *f, enum table_kind kind, uint32_t at);
// What there is to go through without a table: how many, and which of them count.
uint32_t tables_items(const struct facts *f, enum table_kind kind);
bool tables_is_post(const struct facts *f, enum table_kind kind, uint32_t at);
size_t tables_bytes(struct tables *t);
