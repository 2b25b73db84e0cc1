// Several readers, a writer, a check, a rotation and a backup on one encrypted database at once;
// run under ThreadSanitizer by the preset tsan.
#include "tests/unit/db/vfs_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { READERS = 3, COMMITS = 120, ROWS_PER_COMMIT = 5, ROTATIONS = 2 };

struct shared {
    struct fixture *f;
    atomic_bool stop;
    atomic_int_fast64_t committed;
    atomic_int_fast64_t reads, checks;
};

static double now_ms(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void must(int r, const struct err *err) {
    if (r < 0) {
        fprintf(stderr, "%s\n", err_text(err));
        abort();
    }
}

static void *read_all(void *ctx) {
    struct shared *s = ctx;
    struct err err = {0};
    struct db *db = NULL;
    int64_t last = 0;
    must(db_open(s->f->vfs, DB_READ_ONLY, &db, &err), &err);
    while (!atomic_load(&s->stop)) {
        int64_t least = atomic_load(&s->committed), n = 0, words = 0;
        must(db_begin(db, false, &err), &err);
        must(db_one_int(db, "SELECT count(*) FROM t", NULL, 0, &n, &err), &err);
        must(db_one_int(db, "SELECT count(*) FROM f WHERE f MATCH 'common'", NULL, 0, &words, &err),
             &err);
        db_rollback(db);
        // One snapshot, never behind what was acknowledged before it began.
        if (n != words || n < least || n < last || n % ROWS_PER_COMMIT)
            abort();
        last = n;
        atomic_fetch_add(&s->reads, 1);
    }
    db_close(db);
    return NULL;
}

static void *check_all(void *ctx) {
    struct shared *s = ctx;
    struct err err = {0};
    while (!atomic_load(&s->stop)) {
        AUTO_BUF report = BUF_INIT(0);
        int r = vfs_check(s->f->vfs, NULL, NULL, &report, &err);
        if (r < 0) {
            fprintf(stderr, "%s\n", report.data ? report.data : err_text(&err));
            abort();
        }
        struct vfs_info info;
        vfs_info(s->f->vfs, &info);
        atomic_fetch_add(&s->checks, 1);
    }
    return NULL;
}

static void *back_up(void *ctx) {
    struct shared *s = ctx;
    struct err err = {0};
    struct db *db = NULL;
    must(db_open(s->f->vfs, DB_READ_ONLY, &db, &err), &err);
    while (!atomic_load(&s->stop)) {
        (void)unlink(fixture_path(s->f, "copy.db"));
        must(vfs_backup(db, fixture_path(s->f, "copy.db"), NULL, NULL, &err), &err);
    }
    db_close(db);
    return NULL;
}

static int64_t must_begin(struct fixture *f) {
    must(vfs_rotate_begin(f->vfs, &f->err), &f->err);
    return 1;
}

static void write_and_rotate(struct shared *s) {
    struct fixture *f = s->f;
    int rotations = 0;
    int64_t left = 0;
    for (int i = 0; i < COMMITS; i++) {
        fixture_insert(f, ROWS_PER_COMMIT);
        atomic_fetch_add(&s->committed, ROWS_PER_COMMIT);
        if (i % 10 == 9)
            must(db_checkpoint(f->db, false, &f->err), &f->err);
        if (i % (COMMITS / ROTATIONS) == 0)
            left = must_begin(f);
        if (left > 0) {
            must(vfs_rotate_step(f->db, 20, &left, &f->err), &f->err);
            if (left == 0) {
                int r = vfs_rotate_finish(f->db, &f->err);
                assert_true(r == 0 || r == ERR_BUSY);
                left = r == ERR_BUSY;
                rotations += r == 0;
            }
        }
    }
    assert_true(rotations > 0);
}

static void readers_writer_check_rotation_and_backup_get_along(void **state) {
    struct shared s = {.f = *state};
    pthread_t readers[READERS], checker, copier;
    // A second writer's chance to wait is short: the truncating checkpoint of `finish` needs
    // readers to be between two snapshots.
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_all, &s), 0);
    assert_int_equal(pthread_create(&checker, NULL, check_all, &s), 0);
    assert_int_equal(pthread_create(&copier, NULL, back_up, &s), 0);
    write_and_rotate(&s);
    atomic_store(&s.stop, true);
    for (int i = 0; i < READERS; i++)
        (void)pthread_join(readers[i], NULL);
    (void)pthread_join(checker, NULL);
    (void)pthread_join(copier, NULL);
    assert_true(atomic_load(&s.reads) > READERS && atomic_load(&s.checks) > 0);
    assert_int_equal(vfs_check(s.f->vfs, NULL, NULL, NULL, &s.f->err), 0);
    assert_int_equal(fixture_count(s.f), COMMITS * ROWS_PER_COMMIT);
}

struct latency {
    struct fixture *f;
    atomic_bool stop;
    atomic_long reads, slow;
};
enum { LOOK_UPS = 1000, ROTATIONS_MAX = 50, SLOW_MS = 5 };

static void *look_up(void *ctx) {
    struct latency *l = ctx;
    struct err err = {0};
    struct db *db = NULL;
    must(db_open(l->f->vfs, DB_READ_ONLY, &db, &err), &err);
    must(db_script(db, "PRAGMA cache_size=5", &err), &err); // so that pages are read
    for (int64_t i = 1; !atomic_load(&l->stop); i++) {
        struct db_value v = db_int(1 + i * 7919 % 3000);
        int64_t n = 0;
        double t = now_ms();
        must(db_one_int(db, "SELECT length(body) FROM t WHERE id = ?1", &v, 1, &n, &err), &err);
        (void)atomic_fetch_add(&l->slow, now_ms() - t > SLOW_MS);
        (void)atomic_fetch_add(&l->reads, 1);
    }
    db_close(db);
    return NULL;
}

// Readers take no lock that a rotation holds. A loaded machine makes some of them slow by taking
// the processor away, a lock would make nearly all slow.
static void readers_do_not_wait_for_a_rotation(void **state) {
    struct latency l = {.f = *state};
    pthread_t reader;
    int64_t left = 1;
    fixture_insert(l.f, 3000);
    assert_int_equal(db_checkpoint(l.f->db, true, &l.f->err), 0);
    assert_int_equal(pthread_create(&reader, NULL, look_up, &l), 0);
    for (int i = 0; i < ROTATIONS_MAX && atomic_load(&l.reads) < LOOK_UPS; i++) {
        assert_int_equal(vfs_rotate_begin(l.f->vfs, &l.f->err), 0);
        for (left = 1; left > 0;)
            assert_int_equal(vfs_rotate_step(l.f->db, 256, &left, &l.f->err), 0);
        assert_int_equal(vfs_rotate_finish(l.f->db, &l.f->err), 0);
    }
    atomic_store(&l.stop, true);
    (void)pthread_join(reader, NULL);
    long reads = atomic_load(&l.reads), slow = atomic_load(&l.slow);
    print_message("reads while rotating: %ld, of them slower than %d ms: %ld\n", reads, SLOW_MS,
                  slow);
    assert_true(reads > 0 && slow * 5 <= reads);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(readers_writer_check_rotation_and_backup_get_along),
        TEST(readers_do_not_wait_for_a_rotation),
    };
    return cmocka_run_group_tests_name("db/threads", tests, NULL, NULL);
}
