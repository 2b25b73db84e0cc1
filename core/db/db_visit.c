// The function visit(?, …): hands a row's values to C from inside the statement, without the way
// out of SQLite's virtual machine and back in that a step per row takes, and a lookup per column.
#include "core/db/db_internal.h"

#include <sqlite3.h>

static const char pointer_type[] = "db_visitor"; // only db_value can bind one, as in db_ids.c

struct db_cells {
    sqlite3_value **values;
};

int db_visit_bind(struct sqlite3_stmt *stmt, int i, const void *visitor) {
    return sqlite3_bind_pointer(stmt, i, (void *)(uintptr_t)visitor, pointer_type, NULL);
}

int64_t db_cell_int(const struct db_cells *row, int i) {
    return sqlite3_value_int64(row->values[i]);
}

const void *db_cell_blob(const struct db_cells *row, int i, size_t *ret_len) {
    const void *bytes = sqlite3_value_blob(row->values[i]);
    *ret_len = bytes ? (size_t)sqlite3_value_bytes(row->values[i]) : 0;
    return bytes;
}

// True makes it a row of the result, at which the statement pauses.
static void visit(sqlite3_context *result, int argc, sqlite3_value **argv) {
    struct db_visitor *v = argc > 0 ? sqlite3_value_pointer(argv[0], pointer_type) : NULL;
    const struct db_cells row = {.values = argv + 1};
    if (!v)
        return; // NULL: no row
    v->result = v->fn(v->ctx, &row, v->err);
    sqlite3_result_int(result, v->result != 0);
}

int db_visit_register(struct sqlite3 *handle) {
    return sqlite3_create_function_v2(handle, "visit", -1, SQLITE_UTF8 | SQLITE_DIRECTONLY, NULL,
                                      visit, NULL, NULL, NULL);
}
