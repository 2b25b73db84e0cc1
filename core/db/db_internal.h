// Between the files of core/db only.
#pragma once

#include "core/base/err.h"
#include "core/db/db.h"

#include <assert.h>

struct sqlite3;
struct sqlite3_stmt;

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

// db_ids.c: the function ids() of a connection, and its argument. SQLite's results.
int db_ids_register(struct sqlite3 *handle);
int db_ids_bind(struct sqlite3_stmt *stmt, int i, const void *list);
// db_visit.c: the function visit() of a connection, and its argument.
int db_visit_register(struct sqlite3 *handle);
int db_visit_bind(struct sqlite3_stmt *stmt, int i, const void *visitor);

// The system's reason of this thread's last failure inside the VFS, once; 0: it was not the system.
int vfs_take_errno(void);
