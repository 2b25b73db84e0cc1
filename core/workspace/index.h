// The index of one workspace: every file that counts, with its facts (core/code/facts.h), kept
// current and kept small. Two tiers: a lexical pass over all files answers first, trees follow in
// the background. What was worked out once is kept in the store under the content's hash, so that a
// restart, a branch switch or a second clone costs a look at the files, not a parse.
//
// A snapshot is an immutable view: readers hold one as long as they like while files change. All
// calls block and belong on pool workers; any thread.
//
// The tree is untrusted: no symlink is followed, nothing outside of the root is opened (openat2
// RESOLVE_BENEATH, or a check per component), nothing is executed, sizes and depths are limited.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/code/facts.h"

#include <stdbool.h>
#include <stdint.h>

struct index;
struct snapshot;
struct store;

enum {
    INDEX_FILES_MAX = 400000,
    INDEX_DEPTH_MAX = 64,                        // folders
    INDEX_FILE_BYTES_MAX = 2 * 1024 * 1024,      // larger files are known by name only
    INDEX_LEXICAL_ONLY_BYTES = 256 * 1024 * 1024 // a tree of files larger than this stays lexical
};

struct index_config {
    const char *root;     // absolute, exists; copied
    struct store *store;  // for the cache; NULL: none
    unsigned threads;     // 0 = processors, at most 4
    const char *excludes; // file of the user's own ignore rules; "" none; NULL as git finds it
};
// Cheap: nothing is read yet. ERR_NOT_FOUND, ERR_PERM, ERR_NOMEM.
int index_open(const struct index_config *c, struct index **ret, struct err *err);
void index_close(struct index *ix); // stops the background pass; snapshots stay valid. Accepts NULL

struct index_want {
    enum facts_tier tier;         // TIER_LEXICAL: what is there soonest; TIER_TREE: waits for trees
    unsigned ms;                  // how long to wait for it; then the best there is. 0 = no limit
    bool (*cancelled)(void *ctx); // may be NULL
    void *ctx;
};
// Looks for changes first (stat of every known folder and file; contents only of what changed).
// ERR_CANCELLED, ERR_NOT_FOUND (root is gone), ERR_NOMEM.
int index_get(struct index *ix, const struct index_want *want, struct snapshot **ret,
              struct err *err);
// What is known now, without looking for changes: for those who must not wait. NULL: nothing yet,
// or out of memory. Put it back.
struct snapshot *index_newest(struct index *ix);
void snapshot_put(struct snapshot *s); // accepts NULL

// An editor's unsaved text of a file stands for the one on disk until it is given back (NULL).
int index_overlay(struct index *ix, const char *path, const char *text, size_t bytes,
                  struct err *err);

enum file_flags {
    FILE_TEST = 1,
    FILE_VENDORED = 2, // other people's: vendor/, third_party/, node_modules/ …
    FILE_GENERATED = 4,
    FILE_DOCUMENT = 8, // prose
    FILE_CONFIG = 16,  // data, build files
    FILE_BINARY = 32,
    FILE_TOO_LARGE = 64,
    FILE_UNREADABLE = 128,
    FILE_SYMLINK = 256, // known by name, not followed
    FILE_SUBMODULE = 512,
    FILE_EXAMPLE = 1024,
    FILE_MIGRATION = 2048 // how a database was changed once: written, run, never touched again
};
struct snapshot_file {
    const char *path; // from the root, '/'; any bytes but NUL
    enum lang lang;
    uint16_t flags; // enum file_flags
    float weight;   // 1 for source of this project, down to 0.05 for vendored, generated
    uint64_t bytes;
    int64_t mtime_ns;
    uint8_t hash[FACTS_HASH_BYTES]; // BLAKE2b of the content; zero: not read
    const struct facts *facts;      // NULL: known by name only
};

enum facts_tier snapshot_tier(const struct snapshot *s); // the lowest of its code files
uint64_t snapshot_generation(const struct snapshot *s);  // grows with every change of the index
uint32_t snapshot_count(const struct snapshot *s);
const struct snapshot_file *snapshot_file(const struct snapshot *s, uint32_t i); // sorted by path
int64_t snapshot_find(const struct snapshot *s, const char *path, size_t n);     // < 0: unknown

struct place { // a symbol
    uint32_t file, symbol;
};
// Definitions of exactly this name, in order of file and position. Returns how many there are;
// writes at most `max`.
uint32_t snapshot_definitions(const struct snapshot *s, const char *name, size_t n,
                              struct place *ret, uint32_t max);
struct mention {
    uint32_t file, ref; // facts_ref(file's facts, ref)
};
uint32_t snapshot_mentions(const struct snapshot *s, const char *name, size_t n,
                           struct mention *ret, uint32_t max);
// Files that hold this folded word (core/code/words.h), with how often.
struct word_hit {
    uint32_t file;
    uint32_t word; // first index into the file's words with this word; they are sorted by word
};
uint32_t snapshot_word(const struct snapshot *s, const char *word, size_t n, struct word_hit *ret,
                       uint32_t max);
// Resolves an import of `file` to a file of the workspace; < 0: outside, or not known.
int64_t snapshot_import(const struct snapshot *s, uint32_t file, uint32_t import);

// The content that the facts were made of. ERR_BUSY: it has changed since (take a new snapshot).
int snapshot_text(const struct snapshot *s, uint32_t file, struct buf *ret, struct err *err);
// What was not looked at and why, one line each: "3 files over 2 MB: known by name only".
const char *snapshot_note(const struct snapshot *s, unsigned i); // NULL past the end

struct index_figures {
    uint32_t files, code_files, symbols, cached, parsed_lexical, parsed_tree;
    uint64_t bytes, facts_bytes;
    unsigned first_symbols_ms, full_ms, refresh_us;
    bool background; // trees are still being made, or the cache is being written
};
void index_figures(struct index *ix, struct index_figures *ret);
