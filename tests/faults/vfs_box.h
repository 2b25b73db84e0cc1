// A keyring, an encrypted database and one connection, and what the tests do with their files.
#pragma once

#include "core/crypto/keyring.h"
#include "core/db/db.h"
#include "core/db/vfs.h"

#include <stdint.h>

enum { BOX_PATH_BYTES = 512 };
#define BOX_MARKER "xyzzymarkerplugh" // in every text: must be in no file

struct box {
    struct keyring *keys;
    struct vfs *vfs;
    struct db *db;
};

#define REQUIRE(condition, ...)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n  ", __FILE__, __LINE__, #condition);                      \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

int box_open(struct box *b, const char *dir, unsigned vfs_flags, struct err *err);
void box_close(struct box *b); // any part may be missing

// Independent of the library: xorshift64.
uint64_t box_random(uint64_t *state);
uint64_t box_below(uint64_t *state, uint64_t n);

void box_mkdir(const char *dir);
void box_clear(const char *dir);                      // removes its files
void box_copy(const char *from, const char *to);      // all files of a directory
void box_copy_file(const char *from, const char *to); // one; nothing when `from` is missing
uint8_t *box_read(const char *path, size_t *ret_n);   // malloc; NULL when missing
void box_write(const char *path, const void *bytes, size_t n);
bool box_marker_found(const char *dir); // in any file
