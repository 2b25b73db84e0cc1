// Shared by the tests of memory and recall: a database in memory with the store's schema, notes
// with short names instead of uids.
#pragma once

#include "core/store/memory.h"

// cmocka wants these four first
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define DAY_MS (INT64_C(86400) * 1000)
#define NOW_MS INT64_C(1750000000000) // 2025-06-15T15:06:40Z, a Sunday

struct db *memory_open(void);
// Remembers; what is 0 or NULL in `n` is filled with defaults. Returns a copy of the uid that lives
// until the end of the program.
const char *memory_put(struct db *db, struct note n);
#define PUT(db, ...) memory_put(db, (struct note){__VA_ARGS__})

// The query with NOW_MS, limit 10 and the text's length where it says nothing. Release with
// recall_result_done.
struct recall_result memory_ask(struct db *db, struct recall_query q);
// ASK(db, "words", .limit = 3): further members of the query follow the words.
#define ASK(db, ...) memory_ask(db, (struct recall_query){.kind = -1, .text = __VA_ARGS__})
// Place of the note in the result from 0, or -1.
int memory_rank(const struct recall_result *r, const char *uid);
// Asks, and says at which place `uid` comes.
#define RANK(db, uid, ...)                                                                         \
    __extension__({                                                                                \
        struct recall_result asked_ = ASK(db, __VA_ARGS__);                                        \
        int rank_ = memory_rank(&asked_, uid);                                                     \
        recall_result_done(&asked_);                                                               \
        rank_;                                                                                     \
    })
// The same among the notes of one kind.
int memory_rank_of_kind(struct db *db, const char *uid, const char *words, enum note_kind kind);
// Rows of all ordinary tables in which a text or blob contains the word; and whether the full-text
// index still has it.
int64_t memory_traces(struct db *db, const char *word);
