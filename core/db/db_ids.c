// The table-valued function ids(?): a list of ids that a statement goes through in its order. One
// statement then reads many rows of a table by id, for a third of what a statement each costs.
#include "core/db/db_internal.h"

#include <sqlite3.h>
#include <string.h>

enum { COLUMN_PLACE, COLUMN_LIST };
static const char pointer_type[] = "db_ids"; // only db_value can bind one: no SQL text can make it

struct ids_cursor {
    sqlite3_vtab_cursor base;
    const struct db_ids *list;
    size_t at;
    int64_t id; // number `at` of the list
    bool end;
};

int db_ids_bind(struct sqlite3_stmt *stmt, int i, const void *list) {
    // SQLite hands it back as it came; nothing writes through it.
    return sqlite3_bind_pointer(stmt, i, (void *)(uintptr_t)list, pointer_type, NULL);
}

static int ids_connect(sqlite3 *handle, void *aux, int argc, const char *const *argv,
                       sqlite3_vtab **ret, char **ret_err) {
    (void)aux, (void)argc, (void)argv, (void)ret_err;
    int rc = sqlite3_declare_vtab(handle, "CREATE TABLE x (place INTEGER, list HIDDEN)");
    if (rc != SQLITE_OK)
        return rc;
    (void)sqlite3_vtab_config(handle, SQLITE_VTAB_DIRECTONLY); // not for views and triggers
    *ret = sqlite3_malloc(sizeof **ret);
    if (!*ret)
        return SQLITE_NOMEM;
    memset(*ret, 0, sizeof **ret);
    return SQLITE_OK;
}

static int ids_disconnect(sqlite3_vtab *table) {
    sqlite3_free(table);
    return SQLITE_OK;
}

static int ids_best_index(sqlite3_vtab *table, sqlite3_index_info *info) {
    (void)table;
    for (int i = 0; i < info->nConstraint; i++) {
        if (info->aConstraint[i].iColumn != COLUMN_LIST || !info->aConstraint[i].usable ||
            info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ)
            continue;
        info->aConstraintUsage[i].argvIndex = 1;
        info->aConstraintUsage[i].omit = 1;
        info->estimatedCost = 100;
        info->estimatedRows = 100;
        return SQLITE_OK;
    }
    return SQLITE_CONSTRAINT; // without a list there is nothing to go through
}

static int ids_open(sqlite3_vtab *table, sqlite3_vtab_cursor **ret) {
    (void)table;
    struct ids_cursor *c = sqlite3_malloc(sizeof *c);
    if (!c)
        return SQLITE_NOMEM;
    *c = (struct ids_cursor){0};
    *ret = &c->base;
    return SQLITE_OK;
}

static struct ids_cursor *cursor_of(sqlite3_vtab_cursor *base) {
    return (struct ids_cursor *)(void *)base; // its first member
}

static int ids_close(sqlite3_vtab_cursor *base) {
    sqlite3_free(cursor_of(base));
    return SQLITE_OK;
}

static void ids_load(struct ids_cursor *c) {
    const struct db_ids *list = c->list;
    if (!list)
        c->end = true;
    else if (list->next)
        c->end = !list->next(list->ctx, &c->id);
    else if (c->at < list->count)
        c->id = list->items[c->at];
    else
        c->end = true;
}

static int ids_filter(sqlite3_vtab_cursor *base, int number, const char *text, int argc,
                      sqlite3_value **argv) {
    (void)number, (void)text;
    struct ids_cursor *c = cursor_of(base);
    c->list = argc > 0 ? sqlite3_value_pointer(argv[0], pointer_type) : NULL;
    c->at = 0;
    c->end = false;
    ids_load(c);
    return SQLITE_OK;
}

static int ids_next(sqlite3_vtab_cursor *base) {
    struct ids_cursor *c = cursor_of(base);
    c->at++;
    ids_load(c);
    return SQLITE_OK;
}

static int ids_eof(sqlite3_vtab_cursor *base) {
    return cursor_of(base)->end;
}

static int ids_column(sqlite3_vtab_cursor *base, sqlite3_context *result, int column) {
    if (column == COLUMN_PLACE)
        sqlite3_result_int64(result, (sqlite3_int64)cursor_of(base)->at);
    return SQLITE_OK;
}

// The id itself: SQLite asks for a rowid with less ado than for a column.
static int ids_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret) {
    *ret = cursor_of(base)->id;
    return SQLITE_OK;
}

int db_ids_register(struct sqlite3 *handle) {
    static const sqlite3_module module = {.iVersion = 0,
                                          .xConnect = ids_connect, // without xCreate: always there
                                          .xBestIndex = ids_best_index,
                                          .xDisconnect = ids_disconnect,
                                          .xOpen = ids_open,
                                          .xClose = ids_close,
                                          .xFilter = ids_filter,
                                          .xNext = ids_next,
                                          .xEof = ids_eof,
                                          .xColumn = ids_column,
                                          .xRowid = ids_rowid};
    return sqlite3_create_module(handle, "ids", &module, NULL);
}
