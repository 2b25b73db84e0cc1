// The store's schema: numbered SQL files (core/store/schema/NNNN_words.sql, built in), applied in
// order, each in one transaction together with its number (PRAGMA user_version) and a checksum of
// its text. A file that was released is never edited; a change is a new file.
#pragma once

#include "core/base/err.h"
#include "core/db/db.h"

#include <stdint.h>

struct schema_step {
    int version; // 1, 2, 3 … without a gap; 0 ends a table
    const char *name;
    const char *sql;
};
extern const struct schema_step schema_steps[]; // what this build knows

enum schema_fit {
    SCHEMA_EMPTY,   // a new file
    SCHEMA_OLDER,   // schema_migrate will bring it up
    SCHEMA_CURRENT, // nothing to do
    SCHEMA_NEWER    // of a newer build: to be read, not written
};

int schema_newest(const struct schema_step *steps);

// Says how the database relates to `steps`. ERR_CORRUPT: a number without its record; ERR_VERSION:
// a step was applied with another text than this build has under that number.
int schema_inspect(struct db *db, const struct schema_step *steps, enum schema_fit *ret_fit,
                   int64_t *ret_version, struct err *err);

// Applies what is missing. An interruption leaves the last whole step; calling again goes on.
int schema_migrate(struct db *db, const struct schema_step *steps, int64_t now_ms, struct err *err);
