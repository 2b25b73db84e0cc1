// A directory with a keyring, an encrypted database and one connection.
#pragma once

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/crypto/keyring.h"
#include "core/db/db.h"
#include "core/db/vfs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MARKER "xyzzymarkerplugh"

struct fixture {
    char dir[64];
    struct keyring *keys;
    struct vfs *vfs;
    struct db *db;
    struct err err;
};

int fixture_setup(void **state);                     // open, with tables `t` and `f` (FTS5)
int fixture_teardown(void **state);                  // also checks that no unknown file was left
int fixture_open(struct fixture *f, unsigned flags); // ERR_*; nothing open on failure
void fixture_close(struct fixture *f);
const char *fixture_path(const struct fixture *f, const char *name);
void fixture_insert(struct fixture *f, int n); // one transaction; bodies carry the marker
int64_t fixture_count(struct fixture *f);
uint8_t *fixture_read(struct fixture *f, const char *name, size_t *ret_n); // free()
void fixture_write(struct fixture *f, const char *name, const void *bytes, size_t n);
bool fixture_marker_found(struct fixture *f);
