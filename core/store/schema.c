#include "core/store/schema.h"

#include "core/base/mem.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { CHECKSUM_BYTES = 32 };

static void checksum(const char *sql, unsigned char ret[CHECKSUM_BYTES]) {
    (void)crypto_generichash(ret, CHECKSUM_BYTES, (const unsigned char *)sql, strlen(sql), NULL, 0);
}

int schema_newest(const struct schema_step *steps) {
    int newest = 0;
    for (; steps->version; steps++)
        newest = steps->version;
    return newest;
}

static const struct schema_step *step_find(const struct schema_step *steps, int64_t version) {
    for (; steps->version; steps++)
        if (steps->version == version)
            return steps;
    return NULL;
}

// Every number up to user_version has its record; those this build knows have the same text.
static int verify_records(struct db *db, const struct schema_step *steps, int64_t version,
                          struct err *err) {
    struct db_rows *rows = NULL;
    int r = db_rows_open(db, "SELECT version, checksum, name FROM migrations ORDER BY version",
                         NULL, 0, &rows, err);
    if (r < 0)
        return r;
    int64_t last = 0;
    while ((r = db_rows_next(rows, err)) > 0) {
        last = db_col_int(rows, 0);
        const struct schema_step *step = step_find(steps, last);
        if (!step)
            continue;
        unsigned char want[CHECKSUM_BYTES];
        checksum(step->sql, want);
        size_t n = 0;
        const void *have = db_col_blob(rows, 1, &n);
        if (!have || n != sizeof want || memcmp(have, want, n) != 0) {
            r = err_set(err, ERR_VERSION,
                        "the store was made by a build whose schema step %d differs from this "
                        "one's; open it with that build and export it",
                        step->version);
            break;
        }
    }
    db_rows_close(rows);
    if (r == 0 && last != version)
        r = err_set(err, ERR_CORRUPT,
                    "the store says schema version %lld, but its record ends at %lld; "
                    "restore a backup",
                    (long long)version, (long long)last);
    return r;
}

int schema_inspect(struct db *db, const struct schema_step *steps, enum schema_fit *ret_fit,
                   int64_t *ret_version, struct err *err) {
    int64_t version = 0, objects = 0;
    int r = db_one_int(db, "PRAGMA user_version", NULL, 0, &version, err);
    if (r < 0)
        return r;
    if (version == 0) {
        r = db_one_int(db, "SELECT count(*) FROM sqlite_schema", NULL, 0, &objects, err);
        if (r < 0)
            return r;
        if (objects)
            return err_set(err, ERR_CORRUPT,
                           "the database has tables but no schema version: it is not paired's");
        *ret_version = 0;
        *ret_fit = SCHEMA_EMPTY;
        return 0;
    }
    r = verify_records(db, steps, version, err);
    if (r < 0)
        return r;
    int newest = schema_newest(steps);
    *ret_version = version;
    *ret_fit = version < newest ? SCHEMA_OLDER : version == newest ? SCHEMA_CURRENT : SCHEMA_NEWER;
    return 0;
}

static int apply_inside(struct db *db, const struct schema_step *step, int64_t now_ms,
                        struct err *err) {
    int r = db_script(db, step->sql, err);
    if (r < 0)
        return r;
    unsigned char sum[CHECKSUM_BYTES];
    checksum(step->sql, sum);
    const struct db_value values[] = {db_int(step->version), db_text(step->name),
                                      db_blob(sum, sizeof sum), db_int(now_ms)};
    r = db_run(db,
               "INSERT INTO migrations (version, name, checksum, applied_ms) VALUES (?1, ?2, ?3, "
               "?4)",
               values, COUNT_OF(values), err);
    if (r < 0)
        return r;
    char pragma[48]; // a pragma takes no bound value; ours is an int of our own table
    (void)snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", step->version);
    return db_script(db, pragma, err);
}

static int apply(struct db *db, const struct schema_step *step, int64_t now_ms, struct err *err) {
    int r = db_begin(db, true, err);
    if (r < 0)
        return r;
    r = apply_inside(db, step, now_ms, err);
    if (r == 0)
        r = db_commit(db, err);
    if (r < 0)
        db_rollback(db);
    return r;
}

int schema_migrate(struct db *db, const struct schema_step *steps, int64_t now_ms,
                   struct err *err) {
    int64_t version = 0;
    int r = db_one_int(db, "PRAGMA user_version", NULL, 0, &version, err);
    for (; r >= 0 && steps->version; steps++) {
        if (steps->version <= version)
            continue;
        r = apply(db, steps, now_ms, err);
        if (r < 0)
            return err_context(err, r, "the store could not be brought to schema %s", steps->name);
    }
    return r < 0 ? r : 0;
}
