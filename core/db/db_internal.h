// Between the files of core/db only.
#pragma once

#include "core/base/err.h"
#include "core/db/db.h"

#include <assert.h>

struct sqlite3;

// ERR_* of an (extended) SQLite result, and the same with its sentence.
int db_code(int rc);
int db_error(struct sqlite3 *handle, int rc, struct err *err);

// Settings of the whole library; before anything else of SQLite's is called. Any thread, any number
// of times.
void db_library_start(void);

// As db_open_plain, through the VFS registered under vfs_name (NULL: SQLite's own).
int db_open_named(const char *path, const char *vfs_name, struct vfs *v, unsigned flags,
                  struct db **ret, struct err *err);
struct vfs *db_vfs(struct db *db); // NULL for a plain connection
