// Erased means gone: a marker is looked for in every decrypted page of the store and of its
// backups, and in the bytes of every file.
#include "core/base/mem.h"
#include "core/crypto/keyring.h"
#include "core/db/vfs.h"
#include "core/store/consent.h"
#include "core/store/schema.h"
#include "core/store/store_impl.h"
#include "core/store/usage.h"
#include "tests/unit/store/store_support.h"

#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Folding and stemming leave these as they are.
#define MARKER "zqxjkvbw"
static const char marker[] = MARKER;

static struct scratch scratch;

static int setup(void **state) {
    (void)state;
    scratch_init(&scratch);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    scratch_done(&scratch);
    return 0;
}

// --- looking for it -----------------------------------------------------------------------------

// Pages of the database at `path` (below the scratch folder) that hold the marker in the clear.
static int pages_with_marker(const char *path, unsigned flags) {
    char full[256];
    struct keyring *keys = NULL;
    struct vfs *vfs = NULL;
    struct db *db = NULL;
    (void)snprintf(full, sizeof full, "%s/%s", scratch.dir, path);
    assert_int_equal(keyring_open(scratch.dir, 0, &keys, NULL), 0);
    assert_int_equal(vfs_open(full, keys, flags, &vfs, NULL), 0);
    assert_int_equal(db_open(vfs, 0, &db, NULL), 0);
    int64_t n = 0;
    assert_int_equal(db_one_int(db, "PRAGMA page_count", NULL, 0, &n, NULL), 1);
    assert_int_equal(db_checkpoint(db, true, NULL), 0);
    assert_true(n > 0);

    sqlite3_file *file = NULL;
    assert_int_equal(sqlite3_file_control(db_handle(db), "main", SQLITE_FCNTL_FILE_POINTER, &file),
                     SQLITE_OK);
    int found = 0;
    static unsigned char page[VFS_PAGE_BYTES];
    for (int64_t i = 0; i < n; i++) {
        assert_int_equal(file->pMethods->xRead(file, page, sizeof page, i * VFS_PAGE_BYTES),
                         SQLITE_OK);
        found += memmem(page, sizeof page, marker, strlen(marker)) != NULL;
    }
    db_close(db);
    vfs_close(vfs);
    keyring_free(keys);
    return found;
}

static int files_found;
static int search_file(const char *path, const struct stat *st, int kind, struct FTW *where) {
    (void)where;
    if (kind != FTW_F || !st->st_size)
        return 0;
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char *bytes = mem_alloc((size_t)st->st_size);
    size_t n = fread(bytes, 1, (size_t)st->st_size, f);
    files_found += memmem(bytes, n, marker, strlen(marker)) != NULL;
    mem_free(bytes);
    (void)fclose(f);
    return 0;
}

static int files_with_marker(void) {
    files_found = 0;
    assert_int_equal(nftw(scratch.dir, search_file, 16, FTW_PHYS), 0);
    return files_found;
}

// --- writing it ---------------------------------------------------------------------------------

static void remember_marked(struct store *s, int i, char *ret_uid) {
    char text[512], subject[64], thread[64], tags[64];
    (void)snprintf(text, sizeof text,
                   "the secret word %d is " MARKER "%d and it fills a line or two of text so that "
                   "pages split and cells move between them: %0*d",
                   i, i, i % 300, 0);
    (void)snprintf(subject, sizeof subject, MARKER " subject %d", i);
    (void)snprintf(thread, sizeof thread, "thread-" MARKER "%d", i % 3);
    (void)snprintf(tags, sizeof tags, MARKER "tag%d\nshared", i);
    const struct note note = {.text = text,
                              .kind = NOTE_FACT,
                              .subject = subject,
                              .thread = thread,
                              .tags = tags,
                              .source = MARKER,
                              .workspace = "/home/" MARKER};
    const struct origin origin = {.session = "5e55", .seq = (uint64_t)i + 1};
    assert_int_equal(remember(s, &note, &origin, ret_uid), 0);
}

static void remember_plain(struct store *s, int i, char *ret_uid) {
    char text[256];
    (void)snprintf(text, sizeof text, "note %d about apples, pears and the weather, kept", i);
    const struct note note = {.text = text, .tags = "shared"};
    assert_int_equal(remember(s, &note, NULL, ret_uid), 0);
}

static int save_marked_handoff(struct db *db, void *ctx, struct buf *result, struct err *err) {
    struct handoff h = {.title = MARKER, .next = MARKER, .workspace = "/home/" MARKER};
    (void)ctx;
    int r = handoff_save(db, &h, err);
    return r < 0 ? r : buf_append(result, h.uid, sizeof h.uid);
}

static int answer_with_text(struct db *db, void *ctx, struct buf *result, struct err *err) {
    (void)db;
    (void)ctx;
    (void)err;
    return buf_puts(result, "you wrote " MARKER);
}

enum { MARKED = 120, PLAIN = 300 };

static void fill(struct store *s, char uids[MARKED][NOTE_UID_BYTES], char *plain_uid) {
    const struct origin origin = {.session = "a115", .seq = 1};
    for (int i = 0; i < PLAIN; i++) {
        remember_plain(s, i, plain_uid);
        if (i < MARKED)
            remember_marked(s, i, uids[i]);
    }
    assert_int_equal(store_write(s, NULL, save_marked_handoff, NULL, NULL, NULL, NULL), 0);
    assert_int_equal(store_write(s, &origin, answer_with_text, NULL, NULL, NULL, NULL), 0);
}

// ------------------------------------------------------------------------------------------------

static char uids[MARKED][NOTE_UID_BYTES];

static void the_search_finds_what_is_there(void **state) {
    (void)state;
    char plain[NOTE_UID_BYTES];
    struct store *s = open_store(scratch.dir);
    fill(s, uids, plain);
    assert_true(file_exists(scratch.dir, "store.db-wal"));
    assert_int_equal(files_with_marker(), 0); // nor in the log
    store_close(s);
    assert_true(pages_with_marker("store.db", 0) > 10);
    assert_int_equal(files_with_marker(), 0); // encrypted
}

static void notes_erased_by_uid_leave_no_trace(void **state) {
    (void)state;
    char plain[NOTE_UID_BYTES];
    const char *list[MARKED];
    struct store *s = open_store(scratch.dir);
    fill(s, uids, plain);
    for (int i = 0; i < MARKED; i++)
        list[i] = uids[i];
    assert_int_equal(store_erase(s, list, MARKED, NULL, NULL), MARKED);
    assert_int_equal(count_notes(s), PLAIN);
    assert_true(has_note(s, plain));
    assert_false(has_note(s, uids[0]));
    // The handoff was not asked for.
    assert_int_equal(store_erase(s, NULL, 0, "/home/" MARKER, NULL), 1);
    assert_int_equal(store_check(s, NULL, NULL, NULL, NULL), 0);
    store_close(s);
    assert_int_equal(pages_with_marker("store.db", 0), 0);
    assert_int_equal(files_with_marker(), 0);
}

static void a_workspace_is_erased_with_its_handoffs_and_name(void **state) {
    (void)state;
    char plain[NOTE_UID_BYTES];
    struct store *s = open_store(scratch.dir);
    fill(s, uids, plain);
    assert_int_equal(store_erase(s, NULL, 0, "/home/" MARKER, NULL), MARKED + 1);
    assert_int_equal(count_notes(s), PLAIN);
    store_close(s);
    assert_int_equal(pages_with_marker("store.db", 0), 0);
}

static void everything_is_erased(void **state) {
    (void)state;
    char plain[NOTE_UID_BYTES];
    struct store *s = open_store(scratch.dir);
    fill(s, uids, plain);
    assert_int_equal(store_erase(s, NULL, 0, NULL, NULL), MARKED + PLAIN + 1);
    assert_int_equal(count_notes(s), 0);
    remember_plain(s, 1, plain);
    assert_int_equal(count_notes(s), 1);
    store_close(s);
    assert_int_equal(pages_with_marker("store.db", 0), 0);
}

static int use_backend(struct db *db, void *ctx, struct buf *result, struct err *err) {
    (void)ctx;
    (void)result;
    const struct audit_entry entry = {.time_ms = 1,
                                      .event = AUDIT_SEND,
                                      .kind = "backend",
                                      .audience = "a",
                                      .purpose = "ask",
                                      .model = "m",
                                      .workspace = "/home/" MARKER};
    const struct usage u = {.at_ms = 1,
                            .agent = "alex",
                            .backend = "a",
                            .model = "m",
                            .session = "s",
                            .workspace = "/home/" MARKER,
                            .sum = {.requests = 1}};
    int r = audit_append(db, &entry, NULL, err);
    return r < 0 ? r : usage_add(db, &u, err);
}

static void what_a_workspace_sent_and_was_granted_leaves_no_trace_of_its_path(void **state) {
    (void)state;
    const struct consent_what what = {CONSENT_BACKEND, "a", CONSENT_OUT, "/home/" MARKER};
    struct audit_state before, after;
    struct db *db = NULL;
    struct store *s = open_store(scratch.dir);
    for (int i = 0; i < 50; i++)
        assert_int_equal(store_write(s, NULL, use_backend, NULL, NULL, NULL, NULL), 0);
    assert_int_equal(consent_grant(s, NULL, &what, 0, "cli", NULL), 0);
    assert_int_equal(store_reader_get(s, &db, NULL), 0);
    assert_int_equal(audit_verify(db, NULL, NULL, NULL, &before, NULL), 0);
    store_reader_put(s, db);
    // One row of usage, the grant, what 51 entries were tied to it by, and the path.
    assert_int_equal(store_erase(s, NULL, 0, "/home/" MARKER, NULL), 1 + 1 + 51 + 1);
    assert_int_equal(store_reader_get(s, &db, NULL), 0);
    assert_int_equal(audit_verify(db, NULL, NULL, NULL, &after, NULL), 0);
    store_reader_put(s, db);
    assert_int_equal(after.entries, 51);
    assert_memory_equal(before.root, after.root, sizeof before.root);
    store_close(s);
    assert_int_equal(pages_with_marker("store.db", 0), 0);
}

static void what_does_not_exist_erases_nothing(void **state) {
    (void)state;
    char plain[NOTE_UID_BYTES];
    static const char *const unknown[] = {"naaaaaaaaaaaaaaa", "haaaaaaaaaaaaaaa", "", "x"};
    struct store *s = open_store(scratch.dir);
    remember_plain(s, 1, plain);
    assert_int_equal(store_erase(s, unknown, COUNT_OF(unknown), NULL, NULL), 0);
    assert_int_equal(store_erase(s, NULL, 0, "/nowhere", NULL), 0);
    assert_int_equal(count_notes(s), 1);
    store_close(s);
}

static void a_repeat_of_an_erased_write_does_not_bring_it_back(void **state) {
    (void)state;
    struct store *s = open_store(scratch.dir);
    const struct origin origin = {.session = "5e55", .seq = 9};
    const struct note note = {.text = "once"};
    char uid[NOTE_UID_BYTES];
    assert_int_equal(remember(s, &note, &origin, uid), 0);
    const char *list[] = {uid};
    assert_int_equal(store_erase(s, list, 1, NULL, NULL), 1);
    assert_int_equal(remember(s, &note, &origin, NULL), ERR_EXISTS);
    assert_int_equal(count_notes(s), 0);
    store_close(s);
}

// Rows of many sizes that come, grow, shrink and go: their cells move between pages, and copies of
// them stay in what the pages do not use. secure_delete alone does not reach those: without
// rebuilding the file this test finds the marker.
struct churn {
    uint64_t random;
    char marked[600][NOTE_UID_BYTES];
    const char *list[600];
    size_t count;
};

static uint64_t churn_random(struct churn *c, uint64_t below) {
    c->random ^= c->random << 13;
    c->random ^= c->random >> 7;
    c->random ^= c->random << 17;
    return (c->random >> 11) % below;
}

static int churn_once(struct db *db, struct churn *c, struct err *err) {
    char text[2048], workspace[64];
    bool mark = churn_random(c, 3) == 0;
    size_t n = 0;
    for (size_t words = 1 + churn_random(c, 120); words; words--)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s ", mark ? marker : "plainwrd");
    (void)snprintf(workspace, sizeof workspace, "/%d/%s", (int)churn_random(c, 1000),
                   mark ? marker : "plainwrd");
    struct handoff h = {.title = "t",
                        .next = "n",
                        .summary = text,
                        .workspace = workspace,
                        .created_ms = 1 + (int64_t)churn_random(c, 1000000)};
    (void)snprintf(h.uid, sizeof h.uid, "h%015llu", // the same pages in every run
                   (unsigned long long)churn_random(c, 1000000000000000));
    int r = handoff_save(db, &h, err);
    if (r == 0 && mark) {
        memcpy(c->marked[c->count], h.uid, sizeof h.uid);
        c->list[c->count] = c->marked[c->count];
        c->count++;
    }
    const struct db_value some = db_int((int64_t)churn_random(c, 1000));
    if (r == 0)
        r = db_run(db,
                   "UPDATE handoffs SET summary = substr(summary, 1, 9 + (?1 * id) % 900), "
                   "files = CASE WHEN (?1 + id) % 2 THEN substr(summary, 1, 300) END "
                   "WHERE (?1 * 7 + id) % 40 = 0",
                   &some, 1, err);
    if (r == 0)
        r = db_run(db,
                   "DELETE FROM handoffs WHERE (?1 * 11 + id) % 2000 = 0 AND workspace NOT "
                   "LIKE '%plain%'",
                   &some, 1, err);
    return r;
}

static int churn_some(struct db *db, void *ctx, struct buf *result, struct err *err) {
    int r = 0;
    (void)result;
    for (int i = 0; r == 0 && i < 20; i++)
        r = churn_once(db, ctx, err);
    return r;
}

static void copies_of_moved_rows_are_overwritten(void **state) {
    (void)state;
    static struct churn churn;
    churn = (struct churn){.random = 88172645463325252U};
    struct store *s = open_store(scratch.dir);
    for (int i = 0; i < 60; i++)
        assert_int_equal(store_write(s, NULL, churn_some, &churn, NULL, NULL, NULL), 0);
    assert_true(store_erase(s, churn.list, churn.count, NULL, NULL) > 200);
    store_close(s);
    assert_int_equal(pages_with_marker("store.db", 0), 0);
}

// --- backups ------------------------------------------------------------------------------------

static char backup_name[128];
static int find_backup(const char *path, const struct stat *st, int kind, struct FTW *where) {
    (void)st;
    if (kind == FTW_F && strstr(path, "/backups/") && strcmp(path + where->base, "store.db") == 0)
        (void)snprintf(backup_name, sizeof backup_name, "%s", path + strlen(scratch.dir) + 1);
    return 0;
}

static struct schema_step grown[16];
static struct store *open_grown(void) {
    int n = schema_newest(schema_steps);
    memcpy(grown, schema_steps, (size_t)n * sizeof grown[0]);
    grown[n] = (struct schema_step){n + 1, "9999_more", "CREATE TABLE more (x);"};
    const struct store_config config = {.dir = scratch.dir, .readers = 2};
    struct store *s = NULL;
    assert_int_equal(store_open_steps(&config, grown, &s, NULL), 0);
    backup_name[0] = '\0';
    assert_int_equal(nftw(scratch.dir, find_backup, 16, FTW_PHYS), 0);
    return s;
}

static void a_backup_loses_what_the_store_loses_and_keeps_the_rest(void **state) {
    (void)state;
    char plain[NOTE_UID_BYTES];
    struct store *s = open_store(scratch.dir);
    fill(s, uids, plain);
    store_close(s);
    s = open_grown();
    assert_true(backup_name[0] != '\0');
    store_close(s);
    assert_true(pages_with_marker(backup_name, VFS_BACKUP) > 10);

    s = open_grown();
    assert_int_equal(store_erase(s, NULL, 0, "/home/" MARKER, NULL), MARKED + 1);
    store_close(s);
    assert_int_equal(pages_with_marker("store.db", 0), 0);
    assert_int_equal(pages_with_marker(backup_name, VFS_BACKUP), 0);

    struct keyring *keys = NULL;
    struct vfs *vfs = NULL;
    struct db *db = NULL;
    char path[256];
    int64_t n = 0;
    (void)snprintf(path, sizeof path, "%s/%s", scratch.dir, backup_name);
    assert_int_equal(keyring_open(scratch.dir, 0, &keys, NULL), 0);
    assert_int_equal(vfs_open(path, keys, VFS_BACKUP, &vfs, NULL), 0);
    assert_int_equal(db_open(vfs, 0, &db, NULL), 0);
    assert_int_equal(db_one_int(db, "SELECT count(*) FROM note", NULL, 0, &n, NULL), 1);
    assert_int_equal(n, PLAIN);
    db_close(db);
    vfs_close(vfs);
    keyring_free(keys);
}

static void a_backup_that_cannot_be_read_is_removed_by_an_erase(void **state) {
    (void)state;
    char plain[NOTE_UID_BYTES], path[256];
    struct store *s = open_store(scratch.dir);
    fill(s, uids, plain);
    store_close(s);
    s = open_grown();
    (void)snprintf(path, sizeof path, "%s/%s", scratch.dir, backup_name);
    assert_int_equal(truncate(path, 5000), 0);
    assert_int_equal(store_erase(s, NULL, 0, "/home/" MARKER, NULL), MARKED + 1);
    assert_int_equal(access(path, F_OK), -1);
    store_close(s);
}

// --- interrupted and hindered -------------------------------------------------------------------

static void an_erase_hindered_by_a_reader_is_finished_by_housekeeping(void **state) {
    (void)state;
    char plain[NOTE_UID_BYTES];
    struct db *db = NULL;
    struct err err;
    struct store *s = open_store(scratch.dir);
    bool owed = false;
    fill(s, uids, plain);
    assert_int_equal(store_reader_get(s, &db, NULL), 0);
    assert_int_equal(store_erase(s, NULL, 0, "/home/" MARKER, &err), ERR_BUSY);
    assert_non_null(strstr(err.message, "traces"));
    store_reader_put(s, db);
    assert_false(has_note(s, uids[0])); // gone from every answer at once
    assert_int_equal(store_scrub_owed(s, &owed, NULL), 0);
    assert_true(owed);
    store_close(s);

    s = open_store(scratch.dir);
    assert_int_equal(store_housekeep(s, NULL), 0);
    assert_int_equal(store_scrub_owed(s, &owed, NULL), 0);
    assert_false(owed);
    store_close(s);
    assert_int_equal(pages_with_marker("store.db", 0), 0);
}

static void a_full_disk_leaves_the_scrub_owed(void **state) {
    (void)state;
    char plain[NOTE_UID_BYTES];
    struct store *s = open_store(scratch.dir);
    bool owed = false;
    fill(s, uids, plain);
    // The rows' own commit goes through; the rebuilt file does not fit.
    struct vfs_fault fault = {.ops = VFS_FAULT_WRITE, .nth = 700, .sticky = true, .errnum = 28};
    vfs_test_fault(&fault);
    int64_t r = store_erase(s, NULL, 0, "/home/" MARKER, NULL);
    vfs_test_fault(NULL);
    if (r < 0) {
        assert_int_equal(r, ERR_FULL);
        assert_int_equal(store_scrub_owed(s, &owed, NULL), 0);
        if (!owed) // it did not come to the rows either
            assert_true(has_note(s, uids[0]));
    }
    assert_int_equal(store_erase(s, NULL, 0, "/home/" MARKER, NULL) >= 0, 1);
    assert_int_equal(store_housekeep(s, NULL), 0);
    store_close(s);
    assert_int_equal(pages_with_marker("store.db", 0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_search_finds_what_is_there),
        TEST(notes_erased_by_uid_leave_no_trace),
        TEST(a_workspace_is_erased_with_its_handoffs_and_name),
        TEST(everything_is_erased),
        TEST(what_a_workspace_sent_and_was_granted_leaves_no_trace_of_its_path),
        TEST(what_does_not_exist_erases_nothing),
        TEST(copies_of_moved_rows_are_overwritten),
        TEST(a_repeat_of_an_erased_write_does_not_bring_it_back),
        TEST(a_backup_loses_what_the_store_loses_and_keeps_the_rest),
        TEST(a_backup_that_cannot_be_read_is_removed_by_an_erase),
        TEST(an_erase_hindered_by_a_reader_is_finished_by_housekeeping),
        TEST(a_full_disk_leaves_the_scrub_owed),
    };
    return cmocka_run_group_tests_name("store/erase", tests, NULL, NULL);
}
