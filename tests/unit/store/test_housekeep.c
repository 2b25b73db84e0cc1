#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/store/store_impl.h"
#include "tests/unit/store/store_support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static struct scratch scratch;
#define DAY_MS (24LL * 60 * 60 * 1000)

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

static struct store *open_rotating(int64_t days) {
    const struct store_config config = {
        .dir = scratch.dir, .readers = 4, .wall_ms = test_clock, .rotate_days = days};
    struct store *s = NULL;
    struct err err = {0};
    if (store_open(&config, &s, &err) < 0)
        fail_msg("store_open: %s", err_text(&err));
    return s;
}

static int64_t rows_of(struct store *s, const char *sql) {
    struct db *db = NULL;
    int64_t n = -1;
    assert_int_equal(store_reader_get(s, &db, NULL), 0);
    assert_int_equal(db_one_int(db, sql, NULL, 0, &n, NULL), 1);
    store_reader_put(s, db);
    return n;
}

static int forget(struct db *db, void *ctx, struct buf *result, struct err *err) {
    (void)result;
    return memory_forget(db, ctx, err);
}

static void expired_notes_are_erased_and_others_kept(void **state) {
    (void)state;
    int64_t now_ms = env_now_wall_ms();
    const struct note kept = {.text = "kept"},
                      brief = {.text = "brief", .expires_ms = now_ms + 1000};
    char kept_uid[NOTE_UID_BYTES], brief_uid[NOTE_UID_BYTES];
    test_clock_set(now_ms);
    struct store *s = open_store(scratch.dir);
    assert_int_equal(remember(s, &kept, NULL, kept_uid), 0);
    for (int i = 0; i < 200; i++)
        assert_int_equal(remember(s, &brief, NULL, brief_uid), 0);
    assert_int_equal(store_housekeep(s, NULL), 0);
    assert_int_equal(rows_of(s, "SELECT count(*) FROM note"), 201);
    test_clock_set(now_ms + 1000);
    assert_int_equal(store_housekeep(s, NULL), 0);
    assert_int_equal(rows_of(s, "SELECT count(*) FROM note"), 1);
    assert_true(has_note(s, kept_uid));
    store_close(s);
}

static void forgotten_notes_are_erased(void **state) {
    (void)state;
    const struct note note = {.text = "to be forgotten"};
    char uid[NOTE_UID_BYTES];
    struct store *s = open_store(scratch.dir);
    assert_int_equal(remember(s, &note, NULL, uid), 0);
    assert_int_equal(store_write(s, NULL, forget, uid, NULL, NULL, NULL), 0);
    assert_false(has_note(s, uid));
    assert_int_equal(count_notes(s), 0);
    assert_int_equal(rows_of(s, "SELECT count(*) FROM note"), 1);
    assert_int_equal(store_housekeep(s, NULL), 0);
    assert_int_equal(rows_of(s, "SELECT count(*) FROM note"), 0);
    store_close(s);
}

static void records_of_origins_are_kept_a_day(void **state) {
    (void)state;
    int64_t now_ms = env_now_wall_ms();
    const struct note note = {.text = "x"};
    test_clock_set(now_ms);
    struct store *s = open_store(scratch.dir);
    for (uint64_t i = 1; i <= 1200; i++) {
        const struct origin origin = {.session = "5e55", .seq = i};
        assert_int_equal(remember(s, &note, &origin, NULL), 0);
    }
    test_clock_set(now_ms + DAY_MS);
    assert_int_equal(store_housekeep(s, NULL), 0);
    assert_int_equal(rows_of(s, "SELECT count(*) FROM applied"), 1200);
    test_clock_set(now_ms + DAY_MS + 1);
    assert_int_equal(store_housekeep(s, NULL), 0);
    assert_int_equal(rows_of(s, "SELECT count(*) FROM applied"), 0);
    store_close(s);
}

static void an_old_data_key_is_replaced(void **state) {
    (void)state;
    int64_t now_ms = env_now_wall_ms();
    const struct note note = {.text = "written under the first key"};
    char uid[NOTE_UID_BYTES];
    struct store_info before, after;
    struct store *s = open_rotating(90);
    assert_int_equal(remember(s, &note, NULL, uid), 0);
    assert_int_equal(store_info(s, &before, NULL), 0);
    test_clock_set(now_ms + 89 * DAY_MS);
    assert_int_equal(store_housekeep(s, NULL), 0);
    assert_int_equal(store_info(s, &after, NULL), 0);
    assert_int_equal(after.dek_epoch, before.dek_epoch);

    test_clock_set(now_ms + 91 * DAY_MS);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(store_housekeep(s, NULL), 0);
        assert_int_equal(store_info(s, &after, NULL), 0);
        if (!after.rotation_running)
            break;
    }
    assert_false(after.rotation_running);
    assert_true(after.dek_epoch > before.dek_epoch);
    assert_int_equal(after.rotation_percent, 100);
    assert_true(has_note(s, uid));
    assert_int_equal(store_check(s, NULL, NULL, NULL, NULL), 0);
    store_close(s);
    test_clock_set(0);
    s = open_store(scratch.dir);
    assert_true(has_note(s, uid));
    store_close(s);
}

static void a_key_that_may_grow_old_stays(void **state) {
    (void)state;
    struct store_info before, after;
    struct store *s = open_rotating(0);
    assert_int_equal(store_info(s, &before, NULL), 0);
    test_clock_set(env_now_wall_ms() + 4000 * DAY_MS);
    assert_int_equal(store_housekeep(s, NULL), 0);
    assert_int_equal(store_info(s, &after, NULL), 0);
    assert_int_equal(after.dek_epoch, before.dek_epoch);
    store_close(s);
}

// --- a user writes while a rotation runs --------------------------------------------------------

struct user {
    struct store *store;
    atomic_bool stop;
    uint64_t worst_ns;
    int writes;
};

static void *keep_writing(void *arg) {
    struct user *u = arg;
    const struct note note = {.text = "written during the rotation", .text_bytes = 27};
    while (!atomic_load(&u->stop)) {
        uint64_t start_ns = env_now_mono_ns();
        if (remember(u->store, &note, NULL, NULL) < 0)
            return u;
        uint64_t took_ns = env_now_mono_ns() - start_ns;
        u->worst_ns = took_ns > u->worst_ns ? took_ns : u->worst_ns;
        u->writes++;
    }
    return NULL;
}

static void writes_go_on_while_a_rotation_runs(void **state) {
    (void)state;
    static char text[4000];
    memset(text, 'a', sizeof text - 1);
    const struct note note = {.text = text};
    struct store *s = open_store(scratch.dir);
    for (int i = 0; i < 500; i++)
        assert_int_equal(remember(s, &note, NULL, NULL), 0);
    struct user user = {.store = s};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, keep_writing, &user), 0);
    assert_int_equal(store_key_rotate(s, NULL), 0);
    struct store_info info;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(store_housekeep(s, NULL), 0);
        assert_int_equal(store_info(s, &info, NULL), 0);
        if (!info.rotation_running)
            break;
    }
    atomic_store(&user.stop, true);
    void *failed = NULL;
    (void)pthread_join(thread, &failed);
    assert_null(failed);
    assert_false(info.rotation_running);
    assert_true(user.writes > 0);
    print_message("%d writes during the rotation, the slowest took %.1f ms\n", user.writes,
                  (double)user.worst_ns / 1e6);
    assert_int_equal(count_notes(s), 500 + user.writes);
    assert_int_equal(store_check(s, NULL, NULL, NULL, NULL), 0);
    store_close(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(expired_notes_are_erased_and_others_kept),
        TEST(forgotten_notes_are_erased),
        TEST(records_of_origins_are_kept_a_day),
        TEST(an_old_data_key_is_replaced),
        TEST(a_key_that_may_grow_old_stays),
        TEST(writes_go_on_while_a_rotation_runs),
    };
    return cmocka_run_group_tests_name("store/housekeep", tests, NULL, NULL);
}
