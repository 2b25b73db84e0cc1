// What the files of the snapshot share; nobody else includes it.
#pragma once

#include "core/workspace/index_impl.h"
#include "core/workspace/paths.h"

enum { SNAPSHOT_NOTES_MAX = 12, SNAPSHOT_NOTE_BYTES_MAX = 160 };

// Tables and which of their slots stand for a file of this snapshot.
struct layer {
    struct tables *tables; // NULL: none
    uint32_t *file;        // of each slot; UINT32_MAX: none any more
};
// Where imports lead, as far as it was asked: made when first asked for.
struct import_memo {
    uint32_t *first;          // of each file, in `target`
    _Atomic int32_t target[]; // IMPORT_UNASKED, or what paths_resolve said
};
enum { IMPORT_UNASKED = -2 };
struct snapshot {
    atomic_uint refs;
    uint64_t generation;
    enum facts_tier tier;
    struct root *root;
    uint32_t count;
    struct snapshot_file *files;
    struct entry **entries;
    struct layer base, changed; // changed: the files that base does not know as they are
    struct paths *paths;
    _Atomic(struct import_memo *) imports;
    unsigned note_count;
    char notes[SNAPSHOT_NOTES_MAX][SNAPSHOT_NOTE_BYTES_MAX];
};
