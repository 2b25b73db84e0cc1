// Shared by the tests of the store: a private folder, a store in it, notes.
#pragma once

#include "core/store/memory.h"
#include "core/store/store.h"

// cmocka wants these four first
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// A new folder, removed with everything in it by scratch_done. Argon2id is made cheap.
struct scratch {
    char dir[128];
};
void scratch_init(struct scratch *s);
void scratch_done(struct scratch *s);

struct db *open_plain(void);               // in memory, unencrypted, with the schema of a store
int64_t test_clock(void);                  // the clock of stores opened here
void test_clock_set(int64_t ms);           // 0: the real one
struct store *open_store(const char *dir); // fails the test when it cannot
int try_open(const char *dir, struct store **ret, struct err *err);

// Remembers and returns the uid in a buffer of NOTE_UID_BYTES.
int remember(struct store *s, const struct note *note, const struct origin *origin, char *ret_uid);
int64_t count_notes(struct store *s);
bool has_note(struct store *s, const char *uid);
bool file_exists(const char *dir, const char *name);
