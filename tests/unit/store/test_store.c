#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/store/schema.h"
#include "core/store/store_impl.h"
#include "tests/unit/store/store_support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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

static const struct note apples = {.text = "apples are kept in the cellar"};

static int remember_pears(struct db *db, void *ctx, struct buf *result, struct err *err) {
    struct note note = {.text = "pears", .text_bytes = 5};
    char superseded[NOTE_UID_BYTES];
    (void)ctx;
    (void)result;
    return memory_remember(db, &note, NULL, superseded, err);
}

static mode_t mode_of(const char *name) {
    char path[256];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/%s", scratch.dir, name);
    return stat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

// --- closing ------------------------------------------------------------------------------------

static int64_t log_bytes(void) {
    char path[256];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/store.db-wal", scratch.dir);
    return stat(path, &st) == 0 ? st.st_size : 0;
}

static int remember_much(struct db *db, void *ctx, struct buf *result, struct err *err) {
    static char text[16 * 1024];
    char superseded[NOTE_UID_BYTES];
    unsigned *count = ctx;
    (void)result;
    memset(text, 'a' + (int)(*count % 26), sizeof text);
    (void)snprintf(text, sizeof text, "%u", (*count)++);
    text[strlen(text)] = ' ';
    struct note note = {.text = text, .text_bytes = sizeof text};
    return memory_remember(db, &note, NULL, superseded, err);
}

static void store_that_is_waited_for_leaves_a_short_log(void **state) {
    (void)state;
    struct store *s = open_store(scratch.dir);
    assert_int_equal(store_write(s, NULL, remember_pears, NULL, NULL, NULL, NULL), 0);
    assert_true(log_bytes() > 0);
    int64_t before = log_bytes();
    store_close_soon(s);
    assert_int_equal(log_bytes(), before); // not a byte was written, nothing had to be synced
    s = open_store(scratch.dir);
    struct store_info info;
    assert_int_equal(store_info(s, &info, NULL), 0);
    assert_int_equal(info.notes, 1);
    assert_true(info.head_ok);
    assert_false(info.check_running); // it was closed in order
    // A long one would cost the next opening more than the syncs that are saved.
    unsigned count = 0;
    while (log_bytes() <= STORE_LOG_LEFT_BYTES)
        assert_int_equal(store_write(s, NULL, remember_much, &count, NULL, NULL, NULL), 0);
    store_close_soon(s);
    assert_int_equal(log_bytes(), 0);
    s = open_store(scratch.dir);
    assert_int_equal(store_info(s, &info, NULL), 0);
    assert_int_equal(info.notes, 1 + count);
    store_close(s);
    assert_int_equal(log_bytes(), 0);
    store_close_soon(NULL);
}

// --- first use ----------------------------------------------------------------------------------

static void first_use_makes_a_private_store(void **state) {
    (void)state;
    char dir[256];
    (void)snprintf(dir, sizeof dir, "%s/new/state", scratch.dir);
    (void)umask(0);
    struct store *s = open_store(dir);
    struct store_info info;
    assert_int_equal(store_state(s), STORE_OPEN);
    assert_int_equal(store_info(s, &info, NULL), 0);
    assert_int_equal(info.notes, 0);
    assert_int_equal(info.handoffs, 0);
    assert_int_equal(info.schema_version, schema_newest(schema_steps));
    assert_true(info.head_ok);
    assert_false(info.read_only);
    assert_int_equal(mode_of("new/state"), 0700);
    assert_int_equal(mode_of("new/state/store.db"), 0600);
    assert_int_equal(mode_of("new/state/store.keys"), 0600);
    assert_int_equal(mode_of("new/state/owner.lock"), 0600);
    assert_int_equal(mode_of("new/state/key"), 0600);
    assert_false(file_exists(dir, "backups"));
    store_close(s);
    (void)umask(022);
}

static void what_was_remembered_is_there_after_reopening(void **state) {
    (void)state;
    char uid[NOTE_UID_BYTES];
    struct store *s = open_store(scratch.dir);
    assert_int_equal(remember(s, &apples, NULL, uid), 0);
    store_close(s);
    s = open_store(scratch.dir);
    assert_true(has_note(s, uid));
    assert_int_equal(count_notes(s), 1);
    store_close(s);
}

static void a_repeat_after_reopening_returns_the_first_result(void **state) {
    (void)state;
    const struct origin origin = {.session = "0123456789abcdef0123456789abcdef", .seq = 3};
    char first[NOTE_UID_BYTES], second[NOTE_UID_BYTES];
    struct store *s = open_store(scratch.dir);
    assert_int_equal(remember(s, &apples, &origin, first), 0);
    store_close(s);
    s = open_store(scratch.dir);
    assert_int_equal(remember(s, &apples, &origin, second), 0);
    assert_string_equal(first, second);
    assert_int_equal(count_notes(s), 1);
    store_close(s);
}

// --- refusals -----------------------------------------------------------------------------------

static void a_second_opening_is_refused_and_names_the_holder(void **state) {
    (void)state;
    struct store *s = open_store(scratch.dir), *other = NULL;
    struct err err;
    char pid[16];
    (void)snprintf(pid, sizeof pid, "%ld", (long)getpid());
    assert_int_equal(try_open(scratch.dir, &other, &err), ERR_BUSY);
    assert_non_null(strstr(err.message, pid));
    store_close(s);
    s = open_store(scratch.dir);
    store_close(s);
}

static void a_network_file_system_is_refused(void **state) {
    (void)state;
    struct store *s = NULL;
    struct err err;
    (void)setenv("PAIRED_TEST_FSTYPE", "nfs", 1);
    assert_int_equal(try_open(scratch.dir, &s, &err), ERR_UNSUPPORTED);
    (void)unsetenv("PAIRED_TEST_FSTYPE");
    assert_non_null(strstr(err.message, "nfs"));
    assert_false(file_exists(scratch.dir, "store.db"));
    assert_false(file_exists(scratch.dir, "key"));
}

static void a_store_without_its_keys_is_refused_and_left_alone(void **state) {
    (void)state;
    char keys[256], away[256], uid[NOTE_UID_BYTES];
    struct store *s = open_store(scratch.dir);
    struct err err;
    assert_int_equal(remember(s, &apples, NULL, uid), 0);
    store_close(s);
    (void)snprintf(keys, sizeof keys, "%s/store.keys", scratch.dir);
    (void)snprintf(away, sizeof away, "%s/away", scratch.dir);
    assert_int_equal(rename(keys, away), 0);
    assert_int_equal(try_open(scratch.dir, &s, &err), ERR_KEY);
    assert_true(err.message[0] != '\0');
    assert_int_equal(rename(away, keys), 0);
    s = open_store(scratch.dir);
    assert_true(has_note(s, uid));
    store_close(s);
}

static void a_folder_of_another_shape_is_refused(void **state) {
    (void)state;
    char path[256];
    struct store *s = NULL;
    (void)snprintf(path, sizeof path, "%s/file", scratch.dir);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_true(try_open(path, &s, NULL) < 0);
    assert_null(s);
}

// --- versions -----------------------------------------------------------------------------------

struct steps {
    struct schema_step step[64];
    int count;
};
static struct steps first_steps(int n) {
    struct steps t = {.count = n};
    memcpy(t.step, schema_steps, (size_t)n * sizeof t.step[0]);
    return t;
}

static struct store *open_steps(const struct steps *t) {
    const struct store_config config = {.dir = scratch.dir, .readers = 2};
    struct store *s = NULL;
    struct err err = {0};
    if (store_open_steps(&config, t->step, &s, &err) < 0)
        fail_msg("store_open_steps: %s", err_text(&err));
    return s;
}

static struct steps future_steps(void) {
    struct steps t = first_steps(schema_newest(schema_steps));
    t.step[t.count] = (struct schema_step){t.count + 1, "9999_future", "CREATE TABLE future (x);"};
    return t;
}

static void a_newer_schema_is_read_and_not_written(void **state) {
    (void)state;
    struct steps future = future_steps();
    char uid[NOTE_UID_BYTES];
    struct store *s = open_steps(&future);
    assert_int_equal(remember(s, &apples, NULL, uid), 0);
    store_close(s);

    s = open_store(scratch.dir);
    struct store_info info;
    struct err err;
    assert_int_equal(store_info(s, &info, NULL), 0);
    assert_true(info.read_only);
    assert_true(has_note(s, uid));
    assert_int_equal(store_write(s, NULL, NULL, NULL, NULL, NULL, &err), ERR_VERSION);
    assert_non_null(strstr(err.message, "newer"));
    assert_int_equal(store_housekeep(s, NULL), ERR_VERSION);
    assert_int_equal(store_erase(s, NULL, 0, NULL, NULL), ERR_VERSION);
    assert_int_equal(store_key_rotate(s, NULL), ERR_VERSION);
    store_close(s);

    s = open_steps(&future);
    assert_true(has_note(s, uid));
    store_close(s);
}

static size_t count_backups(void) {
    char path[256];
    size_t n = 0;
    (void)snprintf(path, sizeof path, "%s/backups", scratch.dir);
    DIR *d = opendir(path);
    if (!d)
        return 0;
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    (void)closedir(d);
    return n;
}

static void an_older_schema_is_backed_up_and_brought_up_to_date(void **state) {
    (void)state;
    char uid[NOTE_UID_BYTES];
    struct store *s = open_store(scratch.dir);
    assert_int_equal(remember(s, &apples, NULL, uid), 0);
    store_close(s);
    assert_int_equal(count_backups(), 0);

    struct steps future = future_steps();
    s = open_steps(&future);
    assert_int_equal(count_backups(), 1);
    assert_true(has_note(s, uid));
    struct store_info info;
    assert_int_equal(store_info(s, &info, NULL), 0);
    assert_int_equal(info.schema_version, future.count + 1);
    store_close(s);
    s = open_steps(&future); // and only once
    assert_int_equal(count_backups(), 1);
    store_close(s);
}

static void a_step_that_fails_leaves_the_store_as_it_was(void **state) {
    (void)state;
    char uid[NOTE_UID_BYTES];
    struct store *s = open_store(scratch.dir);
    struct err err;
    assert_int_equal(remember(s, &apples, NULL, uid), 0);
    store_close(s);
    struct steps broken = future_steps();
    broken.step[broken.count].sql = "CREATE TABLE future (x); INSERT INTO nowhere VALUES (1);";
    const struct store_config config = {.dir = scratch.dir, .readers = 2};
    assert_true(store_open_steps(&config, broken.step, &s, &err) < 0);
    assert_non_null(strstr(err.message, "9999_future"));
    s = open_store(scratch.dir);
    assert_true(has_note(s, uid));
    assert_int_equal(remember(s, &apples, NULL, NULL), 0);
    store_close(s);
}

static void only_the_latest_backups_are_kept(void **state) {
    (void)state;
    struct steps t = first_steps(schema_newest(schema_steps));
    struct store *s = open_steps(&t);
    store_close(s);
    static char names[STORE_BACKUPS_MAX + 2][16], sqls[STORE_BACKUPS_MAX + 2][48];
    for (int i = 0; i < STORE_BACKUPS_MAX + 2; i++) {
        (void)snprintf(names[i], sizeof names[i], "%04d_more", t.count + 1);
        (void)snprintf(sqls[i], sizeof sqls[i], "CREATE TABLE more%d (x);", i);
        t.step[t.count] = (struct schema_step){t.count + 1, names[i], sqls[i]};
        t.count++;
        s = open_steps(&t);
        store_close(s);
    }
    assert_int_equal(count_backups(), STORE_BACKUPS_MAX);
}

static void what_an_interrupted_backup_left_is_removed(void **state) {
    (void)state;
    char path[256];
    struct store *s = open_store(scratch.dir);
    store_close(s);
    (void)snprintf(path, sizeof path, "%s/backups", scratch.dir);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/backups/0000000000001-schema-1.part", scratch.dir);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/backups/0000000000001-schema-1.part/store.db",
                   scratch.dir);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    s = open_store(scratch.dir);
    assert_int_equal(count_backups(), 0);
    store_close(s);
}

// --- a full disk --------------------------------------------------------------------------------

static void a_full_disk_is_named_and_the_store_goes_on_when_there_is_space(void **state) {
    (void)state;
    const struct vfs_fault full = {
        .ops = VFS_FAULT_WRITE, .nth = 1, .sticky = true, .errnum = ENOSPC};
    const struct origin origin = {.session = "5e55", .seq = 1};
    char uid[NOTE_UID_BYTES];
    struct err err = {0};
    struct store *s = open_store(scratch.dir);
    assert_int_equal(remember(s, &apples, NULL, uid), 0);
    vfs_test_fault(&full);
    assert_int_equal(store_write(s, &origin, remember_pears, NULL, NULL, NULL, &err), ERR_FULL);
    assert_non_null(strstr(err.message, scratch.dir));
    assert_non_null(strstr(err.message, "free"));
    assert_true(has_note(s, uid)); // reading goes on
    vfs_test_fault(NULL);
    assert_int_equal(store_write(s, &origin, remember_pears, NULL, NULL, NULL, NULL), 0);
    assert_int_equal(count_notes(s), 2);
    assert_int_equal(store_check(s, NULL, NULL, NULL, NULL), 0);
    store_close(s);
}

// --- locking ------------------------------------------------------------------------------------

static const char secret[] = "correct horse battery";

static void a_passphrase_locks_and_unlocks(void **state) {
    (void)state;
    char uid[NOTE_UID_BYTES];
    struct err err;
    struct db *db = NULL;
    struct store_info info;
    struct store *s = open_store(scratch.dir);
    assert_int_equal(remember(s, &apples, NULL, uid), 0);
    assert_int_equal(store_key_passphrase(s, secret, strlen(secret), true, false, NULL), 0);
    assert_int_equal(store_lock(s, NULL), 0);
    assert_int_equal(store_state(s), STORE_LOCKED);
    assert_int_equal(store_lock(s, NULL), 0);

    assert_int_equal(remember(s, &apples, NULL, NULL), ERR_LOCKED);
    assert_int_equal(store_reader_get(s, &db, &err), ERR_LOCKED);
    assert_non_null(strstr(err.message, "unlock"));
    assert_int_equal(store_housekeep(s, NULL), ERR_LOCKED);
    assert_int_equal(store_info(s, &info, NULL), 0);
    assert_int_equal(info.state, STORE_LOCKED);

    assert_int_equal(store_unlock(s, "wrong horse", 11, NULL), ERR_KEY);
    assert_int_equal(store_state(s), STORE_LOCKED);
    assert_int_equal(store_unlock(s, secret, strlen(secret), NULL), 0);
    assert_true(has_note(s, uid));
    store_close(s);

    s = open_store(scratch.dir);
    assert_int_equal(store_state(s), STORE_LOCKED);
    assert_int_equal(store_unlock(s, secret, strlen(secret), NULL), 0);
    assert_true(has_note(s, uid));
    store_close(s);
}

static void a_store_that_opens_unasked_cannot_be_locked(void **state) {
    (void)state;
    struct err err;
    struct store *s = open_store(scratch.dir);
    assert_int_equal(store_lock(s, &err), ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "passphrase"));
    assert_int_equal(store_state(s), STORE_OPEN);
    assert_int_equal(remember(s, &apples, NULL, NULL), 0);
    store_close(s);
}

static void a_lock_waits_for_readers_and_gives_up_in_time(void **state) {
    (void)state;
    struct db *db = NULL;
    struct store *s = open_store(scratch.dir);
    assert_int_equal(store_key_passphrase(s, secret, strlen(secret), true, false, NULL), 0);
    assert_int_equal(store_reader_get(s, &db, NULL), 0);
    uint64_t start_ns = env_now_mono_ns();
    assert_int_equal(store_lock(s, NULL), ERR_BUSY);
    assert_true(env_now_mono_ns() - start_ns < 10000000000U);
    assert_int_equal(store_state(s), STORE_OPEN);
    store_reader_put(s, db);
    assert_int_equal(store_lock(s, NULL), 0);
    store_close(s);
}

// --- readers ------------------------------------------------------------------------------------

static void a_reader_that_is_not_to_be_had_is_refused_in_time(void **state) {
    (void)state;
    const struct store_config config = {.dir = scratch.dir, .readers = 1};
    struct store *s = NULL;
    struct db *db = NULL, *second = NULL;
    assert_int_equal(store_open(&config, &s, NULL), 0);
    assert_int_equal(store_reader_get(s, &db, NULL), 0);
    uint64_t start_ns = env_now_mono_ns();
    assert_int_equal(store_reader_get(s, &second, NULL), ERR_BUSY);
    uint64_t waited_ms = (env_now_mono_ns() - start_ns) / 1000000;
    assert_in_range(waited_ms, STORE_READER_WAIT_MS - 50, STORE_READER_WAIT_MS + 3000);
    store_reader_put(s, db);
    assert_int_equal(store_reader_get(s, &second, NULL), 0);
    store_reader_put(s, second);
    store_close(s);
}

static void a_reader_cannot_write(void **state) {
    (void)state;
    struct db *db = NULL;
    struct store *s = open_store(scratch.dir);
    assert_int_equal(store_reader_get(s, &db, NULL), 0);
    assert_true(db_run(db, "DELETE FROM note", NULL, 0, NULL) < 0);
    store_reader_put(s, db);
    store_close(s);
}

static void a_snapshot_left_open_ends_with_the_loan(void **state) {
    (void)state;
    struct db *db = NULL;
    struct store *s = open_store(scratch.dir);
    int64_t n = -1;
    assert_int_equal(store_reader_get(s, &db, NULL), 0);
    assert_int_equal(db_begin(db, false, NULL), 0);
    assert_int_equal(db_one_int(db, "SELECT count(*) FROM note", NULL, 0, &n, NULL), 1);
    store_reader_put(s, db);
    assert_int_equal(remember(s, &apples, NULL, NULL), 0);
    assert_int_equal(store_reader_get(s, &db, NULL), 0);
    assert_int_equal(db_one_int(db, "SELECT count(*) FROM note", NULL, 0, &n, NULL), 1);
    assert_int_equal(n, 1);
    store_reader_put(s, db);
    store_close(s);
}

// --- after a crash ------------------------------------------------------------------------------

static void an_unclean_end_is_followed_by_a_check_in_the_background(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct store *s = NULL;
        const struct store_config config = {.dir = scratch.dir, .readers = 2};
        int r = store_open(&config, &s, NULL);
        r = r < 0 ? r : remember(s, &apples, NULL, NULL);
        _exit(r < 0 ? 1 : 0); // without closing
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 0);

    struct store *s = open_store(scratch.dir);
    assert_int_equal(count_notes(s), 1);
    struct store_info info = {.check_running = true};
    while (info.check_running) {
        assert_int_equal(store_info(s, &info, NULL), 0);
        (void)usleep(1000);
    }
    assert_int_equal(info.check_result, 0);
    assert_false(s->unclean);
    store_close(s);
    s = open_store(scratch.dir);
    assert_null(s->checker); // clean this time
    store_close(s);
}

static void a_sound_store_passes_its_check_and_a_damaged_one_does_not(void **state) {
    (void)state;
    char path[256];
    AUTO_BUF report = BUF_INIT(0);
    struct store *s = open_store(scratch.dir);
    for (int i = 0; i < 50; i++)
        assert_int_equal(remember(s, &apples, NULL, NULL), 0);
    assert_int_equal(store_check(s, NULL, NULL, &report, NULL), 0);
    assert_int_equal(report.len, 0);
    store_close(s);

    (void)snprintf(path, sizeof path, "%s/store.db", scratch.dir);
    int fd = open(path, O_RDWR);
    unsigned char byte;
    const off_t at = 3 * 4096 + 1000;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    (void)close(fd);

    struct err err = {0};
    int r = try_open(scratch.dir, &s, &err);
    if (r == 0) { // the page may not be one that opening reads
        r = store_check(s, NULL, NULL, &report, &err);
        assert_true(report.len > 0);
        store_close(s);
    }
    assert_int_equal(r, ERR_CORRUPT);
}

static bool at_once(void *ctx) {
    (void)ctx;
    return true;
}

static void a_check_can_be_cancelled(void **state) {
    (void)state;
    struct store *s = open_store(scratch.dir);
    for (int i = 0; i < 300; i++)
        assert_int_equal(remember(s, &apples, NULL, NULL), 0);
    assert_int_equal(store_check(s, at_once, NULL, NULL, NULL), ERR_CANCELLED);
    assert_int_equal(store_check(s, NULL, NULL, NULL, NULL), 0);
    store_close(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(first_use_makes_a_private_store),
        TEST(store_that_is_waited_for_leaves_a_short_log),
        TEST(what_was_remembered_is_there_after_reopening),
        TEST(a_repeat_after_reopening_returns_the_first_result),
        TEST(a_second_opening_is_refused_and_names_the_holder),
        TEST(a_network_file_system_is_refused),
        TEST(a_store_without_its_keys_is_refused_and_left_alone),
        TEST(a_folder_of_another_shape_is_refused),
        TEST(a_newer_schema_is_read_and_not_written),
        TEST(an_older_schema_is_backed_up_and_brought_up_to_date),
        TEST(a_step_that_fails_leaves_the_store_as_it_was),
        TEST(only_the_latest_backups_are_kept),
        TEST(what_an_interrupted_backup_left_is_removed),
        TEST(a_full_disk_is_named_and_the_store_goes_on_when_there_is_space),
        TEST(a_passphrase_locks_and_unlocks),
        TEST(a_store_that_opens_unasked_cannot_be_locked),
        TEST(a_lock_waits_for_readers_and_gives_up_in_time),
        TEST(a_reader_that_is_not_to_be_had_is_refused_in_time),
        TEST(a_reader_cannot_write),
        TEST(a_snapshot_left_open_ends_with_the_loan),
        TEST(an_unclean_end_is_followed_by_a_check_in_the_background),
        TEST(a_sound_store_passes_its_check_and_a_damaged_one_does_not),
        TEST(a_check_can_be_cancelled),
    };
    return cmocka_run_group_tests_name("store/store", tests, NULL, NULL);
}
