#include "core/db/vfs.h"

#include "tests/unit/db/vfs_fixture.h"

#include <sqlite3.h>

static int check(struct fixture *f, struct buf *report) {
    return vfs_check(f->vfs, NULL, NULL, report, &f->err);
}

// A crash: the files as they are while the connection is open, put back after it was closed.
static void crash(struct fixture *f) {
    static const char *const names[] = {"store.db", "store.db-wal", "store.head"};
    uint8_t *bytes[3];
    size_t n[3];
    for (size_t i = 0; i < 3; i++)
        bytes[i] = fixture_read(f, names[i], &n[i]);
    fixture_close(f);
    for (size_t i = 0; i < 3; i++) {
        fixture_write(f, names[i], bytes[i], n[i]);
        free(bytes[i]);
    }
}

static void text_is_in_no_file_at_any_time(void **state) {
    struct fixture *f = *state;
    assert_int_equal(db_script(f->db, "PRAGMA cache_size=10", &f->err), 0);
    for (int i = 0; i < 5; i++) {
        fixture_insert(f, 200); // spills
        assert_false(fixture_marker_found(f));
    }
    assert_int_equal(db_script(f->db,
                               "CREATE INDEX t_body ON t(body);"
                               "CREATE TEMP TABLE x AS SELECT * FROM t ORDER BY body DESC;"
                               "INSERT INTO f(f) VALUES('rebuild')",
                               &f->err),
                     0);
    assert_false(fixture_marker_found(f));
    assert_int_equal(db_script(f->db, "VACUUM", &f->err), 0);
    assert_false(fixture_marker_found(f));
    assert_int_equal(db_checkpoint(f->db, true, &f->err), 0);
    assert_false(fixture_marker_found(f));
    // Names of tables, too, and SQLite's own magic words.
    size_t n = 0;
    uint8_t *bytes = fixture_read(f, "store.db", &n);
    assert_null(memmem(bytes, n, "CREATE", 6));
    assert_null(memmem(bytes, n, "SQLite", 6));
    free(bytes);
}

static void journals_and_temporary_files_are_refused(void **state) {
    struct fixture *f = *state;
    fixture_insert(f, 50);
    assert_int_equal(db_script(f->db, "PRAGMA temp_store=FILE; PRAGMA temp.cache_size=1", &f->err),
                     0);
    int r =
        db_script(f->db, "CREATE TEMP TABLE x AS SELECT a.body || b.body FROM t a, t b", &f->err);
    assert_int_equal(r, ERR_IO); // it wanted a file
    (void)db_script(f->db, "PRAGMA journal_mode=DELETE", &f->err);
    (void)db_script(f->db, "INSERT INTO t(body) VALUES('" MARKER "')", &f->err);
    (void)db_script(f->db, "VACUUM INTO 'copy.db'", &f->err);
    (void)db_script(f->db, "ATTACH '/tmp/paired_never' AS y; CREATE TABLE y.t(a)", &f->err);
    assert_int_not_equal(access("/tmp/paired_never", F_OK), 0);
    assert_int_not_equal(access("copy.db", F_OK), 0);
    assert_false(fixture_marker_found(f));
    assert_int_not_equal(access(fixture_path(f, "store.db-journal"), F_OK), 0);
    assert_int_not_equal(access(fixture_path(f, "store.db-shm"), F_OK), 0);
}

static void one_process_owns_the_file(void **state) {
    struct fixture *f = *state;
    struct vfs *second = NULL;
    char pid[32];
    assert_int_equal(vfs_open(fixture_path(f, "store.db"), f->keys, 0, &second, &f->err), ERR_BUSY);
    (void)snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    assert_non_null(strstr(f->err.message, pid));
}

static void other_keys_are_told_from_damage(void **state) {
    struct fixture *f = *state;
    size_t n = 0;
    fixture_close(f);
    (void)unlink(fixture_path(f, "store.keys"));
    uint8_t *db = fixture_read(f, "store.db", &n);
    (void)unlink(fixture_path(f, "store.db"));
    assert_int_equal(keyring_open(f->dir, KEYRING_CREATE, &f->keys, &f->err), 0);
    keyring_free(f->keys);
    f->keys = NULL;
    fixture_write(f, "store.db", db, n);
    assert_int_equal(fixture_open(f, 0), ERR_KEY);
    db[3] = '2';
    fixture_write(f, "store.db", db, n);
    assert_int_equal(fixture_open(f, 0), ERR_VERSION);
    free(db);
}

static void a_locked_keyring_opens_nothing(void **state) {
    struct fixture *f = *state;
    int64_t id = 0;
    keyring_test_argon_bytes(64 * 1024);
    assert_int_equal(keyring_add_passphrase(f->keys, "correct horse", 13, false, NULL, &f->err), 0);
    assert_int_equal(keyring_find(f->keys, "key-file", &id, &f->err), 0);
    assert_int_equal(keyring_remove(f->keys, id, &f->err), 0);
    fixture_close(f);
    assert_int_equal(fixture_open(f, 0), ERR_LOCKED);
    assert_int_equal(keyring_open(f->dir, 0, &f->keys, &f->err), 0);
    assert_int_equal(keyring_unlock(f->keys, "correct horse", 13, &f->err), 0);
    assert_int_equal(vfs_open(fixture_path(f, "store.db"), f->keys, 0, &f->vfs, &f->err), 0);
}

static void what_was_committed_survives_a_crash(void **state) {
    struct fixture *f = *state;
    assert_int_equal(db_script(f->db, "PRAGMA cache_size=10; PRAGMA wal_autocheckpoint=0", &f->err),
                     0);
    fixture_insert(f, 300);
    // A transaction that spilled and was rolled back leaves frames behind; another overwrites some.
    assert_int_equal(db_begin(f->db, true, &f->err), 0);
    assert_int_equal(db_run(f->db, "UPDATE t SET body = body || 'x'", NULL, 0, &f->err), 0);
    db_rollback(f->db);
    fixture_insert(f, 3);
    crash(f);
    assert_int_equal(fixture_open(f, 0), 0);
    assert_int_equal(fixture_count(f), 303);
    assert_int_equal(check(f, NULL), 0);
}

static void a_crash_after_a_passive_checkpoint_raises_no_alarm(void **state) {
    struct fixture *f = *state;
    struct db *reader = NULL;
    int64_t n = 0;
    assert_int_equal(db_checkpoint(f->db, true, &f->err), 0);
    assert_int_equal(db_script(f->db, "PRAGMA wal_autocheckpoint=0", &f->err), 0);
    fixture_insert(f, 50);
    assert_int_equal(db_open(f->vfs, DB_READ_ONLY, &reader, &f->err), 0);
    assert_int_equal(db_begin(reader, false, &f->err), 0);
    assert_int_equal(db_one_int(reader, "SELECT count(*) FROM t", NULL, 0, &n, &f->err), 1);
    fixture_insert(f, 50);
    assert_int_equal(db_checkpoint(f->db, false, &f->err), 0); // up to the reader only
    assert_int_equal(check(f, NULL), 0);
    db_rollback(reader);
    db_close(reader);
    crash(f);
    assert_int_equal(fixture_open(f, 0), 0);
    assert_int_equal(fixture_count(f), 100);
    assert_int_equal(check(f, NULL), 0);
}

static void an_old_page_is_found(void **state) {
    struct fixture *f = *state;
    size_t n = 0, m = 0;
    fixture_insert(f, 300);
    assert_int_equal(db_checkpoint(f->db, true, &f->err), 0);
    uint8_t *old = fixture_read(f, "store.db", &n);
    assert_int_equal(db_run(f->db, "UPDATE t SET body = 'y' || body", NULL, 0, &f->err), 0);
    assert_int_equal(db_checkpoint(f->db, true, &f->err), 0);
    fixture_close(f);
    uint8_t *now = fixture_read(f, "store.db", &m);
    size_t page = 0;
    for (size_t p = 2; p < n / 4096 && !page; p++)
        if (memcmp(old + p * 4096, now + p * 4096, 4096) != 0)
            page = p;
    assert_int_not_equal(page, 0);
    memcpy(now + page * 4096, old + page * 4096, 4096);
    fixture_write(f, "store.db", now, m);
    assert_int_equal(fixture_open(f, 0), 0); // opening looks at the log only
    AUTO_BUF report = BUF_INIT(0);
    assert_int_equal(check(f, &report), ERR_CORRUPT);
    assert_non_null(strstr(report.data, "not the newest"));
    struct vfs_info info;
    vfs_info(f->vfs, &info);
    assert_false(info.head_ok);
    fixture_insert(f, 1);
    fixture_close(f);
    assert_int_equal(fixture_open(f, 0), 0); // remembered until it is accepted
    vfs_info(f->vfs, &info);
    assert_false(info.head_ok);
    assert_int_equal(vfs_accept(f->vfs, &f->err), 0);
    assert_int_equal(check(f, NULL), 0);
    free(old);
    free(now);
}

// While the store is open, the next reader of the page sees it.
static void a_page_exchanged_behind_our_back_is_refused(void **state) {
    struct fixture *f = *state;
    size_t n = 0, m = 0;
    fixture_insert(f, 300);
    assert_int_equal(db_checkpoint(f->db, true, &f->err), 0);
    uint8_t *old = fixture_read(f, "store.db", &n);
    assert_int_equal(db_run(f->db, "UPDATE t SET body = 'y' || body", NULL, 0, &f->err), 0);
    assert_int_equal(db_checkpoint(f->db, true, &f->err), 0);
    uint8_t *now = fixture_read(f, "store.db", &m);
    memcpy(now + 4096, old + 4096, n - 4096 < m - 4096 ? n - 4096 : m - 4096);
    fixture_write(f, "store.db", now, m);
    struct db *reader = NULL;
    int64_t sum = 0;
    assert_int_equal(db_open(f->vfs, DB_READ_ONLY, &reader, &f->err), 0);
    assert_int_equal(db_one_int(reader, "SELECT sum(length(body)) FROM t", NULL, 0, &sum, &f->err),
                     ERR_CORRUPT);
    db_close(reader);
    assert_int_equal(check(f, NULL), ERR_CORRUPT);
    free(old);
    free(now);
}

static int sum_of(struct fixture *f, struct db *reader, int64_t *ret) {
    int r = db_one_int(reader, "SELECT sum(length(body)) FROM t", NULL, 0, ret, &f->err);
    return r == 1 ? 0 : r;
}

// Changes a bit of the text of every page but the first; what seals the pages stays.
static void flip_all_texts(struct fixture *f) {
    size_t n = 0;
    uint8_t *bytes = fixture_read(f, "store.db", &n);
    for (size_t p = 1; p < n / VFS_PAGE_BYTES; p++)
        bytes[p * VFS_PAGE_BYTES + 100] ^= 1;
    fixture_write(f, "store.db", bytes, n);
    free(bytes);
}

// Another connection's commit empties SQLite's cache; the pages it left alone are not decrypted
// again, which the damage below them shows. It is found once they are forgotten, and by a check.
static void a_page_in_memory_serves_as_long_as_its_seal_is_in_the_file(void **state) {
    struct fixture *f = *state;
    struct db *reader = NULL;
    int64_t before = 0, after = 0;
    fixture_insert(f, 300);
    assert_int_equal(db_checkpoint(f->db, true, &f->err), 0);
    assert_int_equal(db_open(f->vfs, DB_READ_ONLY, &reader, &f->err), 0);
    assert_int_equal(sum_of(f, reader, &before), 0);
    flip_all_texts(f);
    assert_int_equal(db_run(f->db, "INSERT INTO t(body) VALUES('z')", NULL, 0, &f->err), 0);
    assert_int_equal(sum_of(f, reader, &after), 0);
    assert_int_equal(after, before + 1);
    assert_int_equal(check(f, NULL), ERR_CORRUPT);
    vfs_trim(f->vfs);
    assert_int_equal(db_run(f->db, "INSERT INTO t(body) VALUES('z')", NULL, 0, &f->err), 0);
    assert_int_equal(sum_of(f, reader, &after), ERR_CORRUPT);
    db_close(reader);
}

enum { LOG_HEADER_BYTES = 32, FRAME_HEADER_BYTES = 24, FRAME_BYTES = 24 + VFS_PAGE_BYTES };

// A bit of the text in each of the log's first n frames (0: all). Returns how many.
static size_t flip_frames(struct fixture *f, size_t frames) {
    size_t n = 0;
    uint8_t *bytes = fixture_read(f, "store.db-wal", &n);
    if (!frames)
        frames = (n - LOG_HEADER_BYTES) / FRAME_BYTES;
    for (size_t i = 0; i < frames; i++)
        bytes[LOG_HEADER_BYTES + i * FRAME_BYTES + FRAME_HEADER_BYTES + 100] ^= 1;
    fixture_write(f, "store.db-wal", bytes, n);
    free(bytes);
    return frames;
}

static void a_page_of_the_log_in_memory_serves_likewise(void **state) {
    struct fixture *f = *state;
    struct db *reader = NULL;
    int64_t before = 0, after = 0;
    assert_int_equal(db_script(f->db, "PRAGMA wal_autocheckpoint=0", &f->err), 0);
    fixture_insert(f, 300);
    assert_int_equal(db_open(f->vfs, DB_READ_ONLY, &reader, &f->err), 0);
    assert_int_equal(sum_of(f, reader, &before), 0);
    size_t frames = flip_frames(f, 0);
    assert_int_equal(db_run(f->db, "INSERT INTO t(body) VALUES('z')", NULL, 0, &f->err), 0);
    assert_int_equal(sum_of(f, reader, &after), 0);
    assert_int_equal(after, before + 1);
    vfs_trim(f->vfs);
    assert_int_equal(db_run(f->db, "INSERT INTO t(body) VALUES('z')", NULL, 0, &f->err), 0);
    assert_int_equal(sum_of(f, reader, &after), ERR_CORRUPT);
    flip_frames(f, frames);
    assert_int_equal(sum_of(f, reader, &after), 0);
    assert_int_equal(after, before + 2);
    db_close(reader);
}

// What memory knows of a frame is of one log: the same frame of the next one, with the old bytes
// put into its place, is refused as it was before there was a memory.
static void a_frame_of_an_older_log_is_not_served_from_memory(void **state) {
    struct fixture *f = *state;
    struct db *reader = NULL;
    int64_t sum = 0;
    size_t n = 0, m = 0;
    fixture_insert(f, 300);
    assert_int_equal(db_checkpoint(f->db, true, &f->err), 0);
    assert_int_equal(db_script(f->db, "PRAGMA wal_autocheckpoint=0", &f->err), 0);
    assert_int_equal(db_open(f->vfs, DB_READ_ONLY, &reader, &f->err), 0);
    assert_int_equal(db_run(f->db, "UPDATE t SET body = 'y' || body", NULL, 0, &f->err), 0);
    assert_int_equal(sum_of(f, reader, &sum), 0);
    uint8_t *old = fixture_read(f, "store.db-wal", &n);
    assert_int_equal(db_checkpoint(f->db, true, &f->err), 0);
    assert_int_equal(db_run(f->db, "UPDATE t SET body = 'x' || body", NULL, 0, &f->err), 0);
    uint8_t *now = fixture_read(f, "store.db-wal", &m);
    assert_true(m >= LOG_HEADER_BYTES + 2 * FRAME_BYTES && n >= m);
    uint8_t *both = mem_alloc(m);
    memcpy(both, now, LOG_HEADER_BYTES);
    memcpy(both + LOG_HEADER_BYTES, old + LOG_HEADER_BYTES, m - LOG_HEADER_BYTES);
    fixture_write(f, "store.db-wal", both, m);
    assert_int_equal(sum_of(f, reader, &sum), ERR_CORRUPT);
    fixture_write(f, "store.db-wal", now, m);
    assert_int_equal(sum_of(f, reader, &sum), 0);
    db_close(reader);
    mem_free(both);
    free(old);
    free(now);
}

// Memory may still hold the page as it was before; the file says which one counts.
static void a_page_that_was_written_anew_is_not_served_from_memory(void **state) {
    struct fixture *f = *state;
    struct db *reader = NULL;
    int64_t sum = 0, longer = 0;
    fixture_insert(f, 300);
    assert_int_equal(db_checkpoint(f->db, true, &f->err), 0);
    assert_int_equal(db_open(f->vfs, DB_READ_ONLY, &reader, &f->err), 0);
    assert_int_equal(sum_of(f, reader, &sum), 0);
    assert_int_equal(db_run(f->db, "UPDATE t SET body = 'y' || body", NULL, 0, &f->err), 0);
    assert_int_equal(db_checkpoint(f->db, true, &f->err), 0); // readers look into the file now
    assert_int_equal(sum_of(f, reader, &longer), 0);
    assert_int_equal(longer, sum + 300);
    int64_t left = 1;
    assert_int_equal(vfs_rotate_begin(f->vfs, &f->err), 0);
    while (left)
        assert_int_equal(vfs_rotate_step(f->db, 100, &left, &f->err), 0);
    assert_int_equal(vfs_rotate_finish(f->db, &f->err), 0);
    assert_int_equal(db_run(f->db, "INSERT INTO t(body) VALUES('z')", NULL, 0, &f->err), 0);
    assert_int_equal(sum_of(f, reader, &sum), 0);
    assert_int_equal(sum, longer + 1);
    db_close(reader);
    assert_int_equal(check(f, NULL), 0);
}

static void a_log_that_lost_a_commit_is_refused_until_accepted(void **state) {
    struct fixture *f = *state;
    size_t n = 0;
    assert_int_equal(db_script(f->db, "PRAGMA wal_autocheckpoint=0", &f->err), 0);
    fixture_insert(f, 5);
    fixture_insert(f, 5);
    crash(f);
    uint8_t *log = fixture_read(f, "store.db-wal", &n);
    fixture_write(f, "store.db-wal", log, n - 24 - 4096);
    assert_int_equal(fixture_open(f, 0), ERR_CORRUPT);
    assert_non_null(strstr(f->err.message, "lost"));
    assert_int_equal(fixture_open(f, 0), ERR_CORRUPT); // nothing was changed by asking
    assert_int_equal(fixture_open(f, VFS_ACCEPT_DAMAGE), 0);
    assert_int_equal(fixture_count(f), 5);
    assert_int_equal(check(f, NULL), ERR_CORRUPT);
    assert_int_equal(vfs_accept(f->vfs, &f->err), 0);
    assert_int_equal(check(f, NULL), 0);
    fixture_close(f);
    assert_int_equal(fixture_open(f, 0), 0);
    free(log);
}

static void a_missing_database_is_not_made_anew(void **state) {
    struct fixture *f = *state;
    fixture_insert(f, 5);
    fixture_close(f);
    assert_int_equal(rename(fixture_path(f, "store.db"), fixture_path(f, "copy.db")), 0);
    assert_int_equal(fixture_open(f, VFS_CREATE), ERR_CORRUPT);
    assert_int_equal(rename(fixture_path(f, "copy.db"), fixture_path(f, "store.db")), 0);
    assert_int_equal(fixture_open(f, VFS_CREATE), 0);
}

static void a_backup_is_whole_and_outlives_a_rotation(void **state) {
    struct fixture *f = *state;
    struct vfs *copy = NULL;
    struct db *db = NULL;
    int64_t n = 0, left = 1;
    fixture_insert(f, 200);
    assert_int_equal(vfs_backup(f->db, fixture_path(f, "copy.db"), NULL, NULL, &f->err), 0);
    assert_int_equal(vfs_backup(f->db, fixture_path(f, "copy.db"), NULL, NULL, &f->err),
                     ERR_EXISTS);
    assert_false(fixture_marker_found(f));
    fixture_insert(f, 1);
    assert_int_equal(vfs_rotate_begin(f->vfs, &f->err), 0);
    while (left)
        assert_int_equal(vfs_rotate_step(f->db, 100, &left, &f->err), 0);
    assert_int_equal(vfs_rotate_finish(f->db, &f->err), 0);
    assert_int_equal(vfs_open(fixture_path(f, "copy.db"), f->keys, 0, &copy, &f->err), 0);
    assert_int_equal(db_open(copy, 0, &db, &f->err), 0);
    assert_int_equal(db_one_int(db, "SELECT count(*) FROM t", NULL, 0, &n, &f->err), 1);
    assert_int_equal(n, 200);
    assert_int_equal(db_run(db, "INSERT INTO f(f) VALUES('integrity-check')", NULL, 0, &f->err), 0);
    db_close(db);
    assert_int_equal(vfs_check(copy, NULL, NULL, NULL, &f->err), 0);
    vfs_close(copy);
}

static bool at_once(void *ctx) {
    (void)ctx;
    return true;
}

static void a_cancelled_backup_leaves_nothing(void **state) {
    struct fixture *f = *state;
    for (int i = 0; i < 12; i++)
        fixture_insert(f, 1000);
    assert_int_equal(vfs_backup(f->db, fixture_path(f, "copy.db"), at_once, NULL, &f->err),
                     ERR_CANCELLED);
    assert_int_not_equal(access(fixture_path(f, "copy.db"), F_OK), 0);
    assert_int_equal(vfs_check(f->vfs, at_once, NULL, NULL, &f->err), ERR_CANCELLED);
    assert_int_equal(check(f, NULL), 0); // the next check is not in its way
}

static void rotation_leaves_nothing_under_the_old_key(void **state) {
    struct fixture *f = *state;
    struct vfs_info info;
    size_t n = 0;
    int64_t left = 1;
    fixture_insert(f, 500);
    assert_int_equal(db_checkpoint(f->db, true, &f->err), 0);
    uint8_t *old = fixture_read(f, "store.db", &n);
    assert_int_equal(vfs_rotate_begin(f->vfs, &f->err), 0);
    vfs_info(f->vfs, &info);
    assert_int_equal(info.epoch, 2);
    assert_true(info.rotating);
    assert_int_equal(info.rotate_left, info.pages);
    assert_int_equal(vfs_rotate_finish(f->db, &f->err), ERR_BUSY);
    assert_int_equal(vfs_rotate_step(f->db, 10, &left, &f->err), 0);
    assert_int_equal(left, info.pages - 10);
    assert_int_equal(check(f, NULL), 0);
    crash(f); // half-way: both keys are needed
    assert_int_equal(fixture_open(f, 0), 0);
    assert_int_equal(vfs_rotate_begin(f->vfs, &f->err), 0); // goes on
    fixture_insert(f, 5);
    while (left)
        assert_int_equal(vfs_rotate_step(f->db, 64, &left, &f->err), 0);
    assert_int_equal(vfs_rotate_finish(f->db, &f->err), 0);
    vfs_info(f->vfs, &info);
    assert_int_equal(info.epoch, 2);
    assert_false(info.rotating);
    assert_int_equal(fixture_count(f), 505);
    assert_int_equal(check(f, NULL), 0);
    fixture_close(f);
    assert_int_equal(fixture_open(f, 0), 0);
    assert_int_equal(fixture_count(f), 505);
    fixture_close(f);
    size_t m = 0;
    uint8_t *now = fixture_read(f, "store.db", &m);
    fixture_write(f, "store.db", old, n); // an old copy: its key is gone
    assert_true(fixture_open(f, VFS_ACCEPT_DAMAGE) < 0);
    fixture_write(f, "store.db", now, m);
    assert_int_equal(fixture_open(f, 0), 0);
    free(old);
    free(now);
}

static void the_file_shrinks_and_grows(void **state) {
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        fixture_insert(f, 800);
        assert_int_equal(db_script(f->db, "DELETE FROM t WHERE id % 3; VACUUM", &f->err), 0);
        assert_int_equal(db_checkpoint(f->db, true, &f->err), 0);
        assert_int_equal(check(f, NULL), 0);
    }
    fixture_close(f);
    assert_int_equal(fixture_open(f, 0), 0);
    assert_int_equal(check(f, NULL), 0);
}

static void erased_words_are_in_no_page(void **state) {
    struct fixture *f = *state;
    fixture_insert(f, 100);
    assert_int_equal(db_script(f->db,
                               "DELETE FROM t; DELETE FROM f; INSERT INTO f(f) VALUES('optimize')",
                               &f->err),
                     0);
    assert_int_equal(db_checkpoint(f->db, true, &f->err), 0);
    // The text of every page, as SQLite gets it.
    sqlite3_file *file = NULL;
    uint8_t page[VFS_PAGE_BYTES];
    struct vfs_info info;
    vfs_info(f->vfs, &info);
    assert_int_equal(
        sqlite3_file_control(db_handle(f->db), "main", SQLITE_FCNTL_FILE_POINTER, &file),
        SQLITE_OK);
    for (int64_t i = 0; i < info.pages; i++) {
        assert_int_equal(file->pMethods->xRead(file, page, sizeof page, i * VFS_PAGE_BYTES),
                         SQLITE_OK);
        assert_null(memmem(page, sizeof page, MARKER, sizeof MARKER - 1));
        assert_null(memmem(page, sizeof page, "common", 6));
    }
}

static void every_failing_allocation_is_an_error(void **state) {
    struct fixture *f = *state;
    fixture_insert(f, 20);
    bool done = false;
    for (uint64_t n = 1; !done && n < 300; n++) {
        crash(f);
        assert_int_equal(keyring_open(f->dir, 0, &f->keys, &f->err), 0);
        mem_fail_at(n);
        int r = vfs_open(fixture_path(f, "store.db"), f->keys, 0, &f->vfs, &f->err);
        if (r == 0)
            r = db_open(f->vfs, 0, &f->db, &f->err);
        if (r == 0)
            r = db_run(f->db, "INSERT INTO t(body) VALUES('z')", NULL, 0, &f->err);
        if (r == 0)
            r = check(f, NULL);
        done = mem_count() < n;
        mem_fail_at(0);
        assert_true(done ? r == 0 : r == ERR_NOMEM || r == ERR_IO || r == 0);
        fixture_close(f);
        assert_int_equal(fixture_open(f, 0), 0);
        assert_true(fixture_count(f) >= 20);
    }
    assert_true(done);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(text_is_in_no_file_at_any_time),
        TEST(journals_and_temporary_files_are_refused),
        TEST(one_process_owns_the_file),
        TEST(other_keys_are_told_from_damage),
        TEST(a_locked_keyring_opens_nothing),
        TEST(what_was_committed_survives_a_crash),
        TEST(a_crash_after_a_passive_checkpoint_raises_no_alarm),
        TEST(an_old_page_is_found),
        TEST(a_page_exchanged_behind_our_back_is_refused),
        TEST(a_page_in_memory_serves_as_long_as_its_seal_is_in_the_file),
        TEST(a_page_of_the_log_in_memory_serves_likewise),
        TEST(a_frame_of_an_older_log_is_not_served_from_memory),
        TEST(a_page_that_was_written_anew_is_not_served_from_memory),
        TEST(a_log_that_lost_a_commit_is_refused_until_accepted),
        TEST(a_missing_database_is_not_made_anew),
        TEST(a_backup_is_whole_and_outlives_a_rotation),
        TEST(a_cancelled_backup_leaves_nothing),
        TEST(rotation_leaves_nothing_under_the_old_key),
        TEST(the_file_shrinks_and_grows),
        TEST(erased_words_are_in_no_page),
        TEST(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests_name("db/vfs", tests, NULL, NULL);
}
