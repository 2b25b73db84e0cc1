#include "tests/unit/store/store_support.h"

#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/crypto/keyring.h"
#include "core/store/schema.h"

#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Atomic int64_t clock_ms;

int64_t test_clock(void) {
    int64_t ms = atomic_load(&clock_ms);
    return ms ? ms : env_now_wall_ms();
}

void test_clock_set(int64_t ms) {
    atomic_store(&clock_ms, ms);
}

void scratch_init(struct scratch *s) {
    (void)snprintf(s->dir, sizeof s->dir, "/tmp/paired-store-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    keyring_test_argon_bytes(64 * 1024);
    test_clock_set(0);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where) {
    (void)st;
    (void)kind;
    (void)where;
    (void)remove(path);
    return 0;
}

void scratch_done(struct scratch *s) {
    (void)nftw(s->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    test_clock_set(0);
}

int try_open(const char *dir, struct store **ret, struct err *err) {
    const struct store_config config = {.dir = dir, .readers = 4, .wall_ms = test_clock};
    return store_open(&config, ret, err);
}

struct db *open_plain(void) {
    struct db *db = NULL;
    struct err err = {0};
    assert_int_equal(db_open_plain(":memory:", DB_CREATE, &db, NULL), 0);
    if (schema_migrate(db, schema_steps, 1, &err) < 0)
        fail_msg("schema_migrate: %s", err_text(&err));
    return db;
}

struct store *open_store(const char *dir) {
    struct store *s = NULL;
    struct err err = {0};
    if (try_open(dir, &s, &err) < 0)
        fail_msg("store_open: %s", err_text(&err));
    return s;
}

static int remember_in(struct db *db, void *ctx, struct buf *result, struct err *err) {
    struct note note = *(const struct note *)ctx;
    char superseded[NOTE_UID_BYTES];
    int r = memory_remember(db, &note, NULL, superseded, err);
    return r < 0 ? r : buf_append(result, note.uid, sizeof note.uid);
}

int remember(struct store *s, const struct note *note, const struct origin *origin, char *ret_uid) {
    struct note copy = *note;
    AUTO_BUF result = BUF_INIT(0);
    if (!copy.text_bytes && copy.text)
        copy.text_bytes = strlen(copy.text);
    int r = store_write(s, origin, remember_in, &copy, &result, NULL, NULL);
    if (r == 0 && ret_uid)
        memcpy(ret_uid, result.data, NOTE_UID_BYTES);
    return r;
}

int64_t count_notes(struct store *s) {
    struct store_info info;
    assert_int_equal(store_info(s, &info, NULL), 0);
    return info.notes;
}

bool has_note(struct store *s, const char *uid) {
    struct db *db = NULL;
    struct recall_result result = {0};
    assert_int_equal(store_reader_get(s, &db, NULL), 0);
    int r = memory_get(db, uid, &result, NULL);
    recall_result_done(&result);
    store_reader_put(s, db);
    return r == 0;
}

bool file_exists(const char *dir, const char *name) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}
