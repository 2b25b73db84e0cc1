#include "core/store/writer.h"

#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/store/schema.h"

// cmocka wants these four first
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct fixture {
    struct db *db;
    struct writer *writer;
};

static int setup(void **state) {
    struct fixture *f = mem_zalloc(sizeof *f);
    assert_int_equal(db_open_plain(":memory:", DB_CREATE, &f->db, NULL), 0);
    assert_int_equal(schema_migrate(f->db, schema_steps, 1, NULL), 0);
    assert_int_equal(db_script(f->db, "CREATE TABLE item (name TEXT UNIQUE)", NULL), 0);
    assert_int_equal(writer_start(f->db, env_now_wall_ms, &f->writer, NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    writer_stop(f->writer);
    db_close(f->db);
    mem_free(f);
    return 0;
}

static int64_t count_job_result;
static int count_job(struct db *db, void *ctx, struct err *err) {
    (void)ctx;
    return db_one_int(db, "SELECT count(*) FROM item", NULL, 0, &count_job_result, err) == 1 ? 0
                                                                                             : -1;
}

static int64_t count_items(struct fixture *f) {
    assert_int_equal(writer_exclusive(f->writer, count_job, NULL, NULL), 0);
    return count_job_result;
}

// --- writes of the tests ------------------------------------------------------------------------

struct put {
    const char *name;
    int then; // what the write returns after its insert
    size_t blob_bytes;
    int runs;
};

static int put(struct db *db, void *ctx, struct buf *result, struct err *err) {
    struct put *p = ctx;
    p->runs++;
    const struct db_value name = db_text(p->name);
    int r = db_run(db, "INSERT INTO item (name) VALUES (?1)", &name, 1, err);
    if (r == 0 && p->blob_bytes) {
        const struct db_value size = db_int((int64_t)p->blob_bytes);
        r = db_run(db, "INSERT INTO item (name) VALUES (hex(randomblob(?1)))", &size, 1, err);
    }
    if (r < 0)
        return r;
    (void)buf_printf(result, "put %s", p->name);
    return p->then < 0 ? err_set(err, p->then, "refused by the test") : 0;
}

// Keeps the writer busy until `go`, so that what is queued meanwhile forms one group.
struct gate {
    sem_t entered, go;
};
static int wait_at_gate(struct db *db, void *ctx, struct err *err) {
    struct gate *g = ctx;
    (void)db;
    (void)err;
    (void)sem_post(&g->entered);
    (void)sem_wait(&g->go);
    return 0;
}

struct background {
    struct writer *writer;
    struct put put;
    struct gate *gate;
    struct origin origin;
    struct buf result;
    bool repeated;
    int r;
    struct err err;
    pthread_t thread;
};
static void *run_put(void *arg) {
    struct background *b = arg;
    b->r = writer_write(b->writer, &b->origin, put, &b->put, &b->result, &b->repeated, &b->err);
    return NULL;
}
static void *run_gate(void *arg) {
    struct background *b = arg;
    b->r = writer_exclusive(b->writer, wait_at_gate, b->gate, &b->err);
    return NULL;
}

// Queues all puts behind a closed gate, in order, opens it and waits for the answers.
static void run_group(struct fixture *f, struct background *puts, size_t n) {
    struct gate gate;
    (void)sem_init(&gate.entered, 0, 0);
    (void)sem_init(&gate.go, 0, 0);
    struct background keeper = {.writer = f->writer, .gate = &gate};
    assert_int_equal(pthread_create(&keeper.thread, NULL, run_gate, &keeper), 0);
    (void)sem_wait(&gate.entered);
    for (size_t i = 0; i < n; i++) {
        puts[i].writer = f->writer;
        assert_int_equal(pthread_create(&puts[i].thread, NULL, run_put, &puts[i]), 0);
        while (writer_queued(f->writer) < i + 1)
            (void)usleep(100);
    }
    (void)sem_post(&gate.go);
    (void)pthread_join(keeper.thread, NULL);
    for (size_t i = 0; i < n; i++)
        (void)pthread_join(puts[i].thread, NULL);
    (void)sem_destroy(&gate.entered);
    (void)sem_destroy(&gate.go);
}

static void done(struct background *puts, size_t n) {
    for (size_t i = 0; i < n; i++)
        buf_done(&puts[i].result);
}

// ------------------------------------------------------------------------------------------------

static void a_write_is_committed_and_returns_what_it_recorded(void **state) {
    struct fixture *f = *state;
    struct put p = {.name = "one"};
    AUTO_BUF result = BUF_INIT(0);
    bool repeated = true;
    assert_int_equal(buf_puts(&result, "before "), 0);
    assert_int_equal(writer_write(f->writer, NULL, put, &p, &result, &repeated, NULL), 0);
    assert_string_equal(result.data, "before put one");
    assert_false(repeated);
    assert_int_equal(count_items(f), 1);
}

static void a_repeated_origin_returns_the_first_result_and_runs_nothing(void **state) {
    struct fixture *f = *state;
    const struct origin origin = {.session = "5e55", .seq = UINT64_MAX - 1};
    struct put p = {.name = "once"};
    AUTO_BUF first = BUF_INIT(0);
    AUTO_BUF second = BUF_INIT(0);
    bool repeated = true;
    assert_int_equal(writer_write(f->writer, &origin, put, &p, &first, &repeated, NULL), 0);
    assert_false(repeated);
    p.name = "never";
    assert_int_equal(writer_write(f->writer, &origin, put, &p, &second, &repeated, NULL), 0);
    assert_true(repeated);
    assert_string_equal(first.data, "put once");
    assert_string_equal(second.data, "put once");
    assert_int_equal(p.runs, 1);
    assert_int_equal(count_items(f), 1);
}

static void a_failed_write_is_not_recorded_and_may_be_repeated(void **state) {
    struct fixture *f = *state;
    const struct origin origin = {.session = "5e55", .seq = 1};
    struct put p = {.name = "later", .then = ERR_TIMEOUT};
    struct err err;
    bool repeated = false;
    assert_int_equal(writer_write(f->writer, &origin, put, &p, NULL, NULL, &err), ERR_TIMEOUT);
    assert_string_equal(err.message, "refused by the test");
    assert_int_equal(count_items(f), 0);
    p.then = 0;
    assert_int_equal(writer_write(f->writer, &origin, put, &p, NULL, &repeated, NULL), 0);
    assert_false(repeated);
    assert_int_equal(count_items(f), 1);
}

static void the_same_origin_twice_in_one_group_applies_once(void **state) {
    struct fixture *f = *state;
    struct background puts[] = {
        {.put = {.name = "first"}, .origin = {"5e55", 7}},
        {.put = {.name = "second"}, .origin = {"5e55", 7}},
    };
    run_group(f, puts, COUNT_OF(puts));
    assert_int_equal(puts[0].r, 0);
    assert_int_equal(puts[1].r, 0);
    assert_true(puts[0].repeated != puts[1].repeated);
    assert_string_equal(puts[0].result.data, puts[1].result.data);
    assert_int_equal(puts[0].put.runs + puts[1].put.runs, 1);
    assert_int_equal(count_items(f), 1);
    done(puts, COUNT_OF(puts));
}

static void a_failing_write_leaves_its_neighbours_in_the_group_alone(void **state) {
    struct fixture *f = *state;
    struct background puts[] = {
        {.put = {.name = "a"}},
        {.put = {.name = "b", .then = ERR_INVAL}},
        {.put = {.name = "a"}}, // breaks UNIQUE
        {.put = {.name = "c"}},
    };
    run_group(f, puts, COUNT_OF(puts));
    assert_int_equal(puts[0].r, 0);
    assert_int_equal(puts[1].r, ERR_INVAL);
    assert_int_equal(puts[2].r, ERR_EXISTS);
    assert_int_equal(puts[3].r, 0);
    assert_int_equal(puts[1].result.len, 0);
    assert_string_equal(puts[3].result.data, "put c");
    assert_int_equal(count_items(f), 2);
    // One shared transaction sufficed: nobody was run again.
    for (size_t i = 0; i < COUNT_OF(puts); i++)
        assert_int_equal(puts[i].put.runs, 1);
    done(puts, COUNT_OF(puts));
}

static int limit_pages(struct db *db, void *ctx, struct err *err) {
    const int *pages = ctx;
    char sql[64];
    int64_t now = 0;
    (void)db_one_int(db, "PRAGMA page_count", NULL, 0, &now, err);
    (void)snprintf(sql, sizeof sql, "PRAGMA max_page_count = %d", (int)now + *pages);
    return db_script(db, sql, err);
}

static void a_write_too_large_for_the_disk_does_not_take_its_neighbours_with_it(void **state) {
    struct fixture *f = *state;
    int room = 4;
    assert_int_equal(writer_exclusive(f->writer, limit_pages, &room, NULL), 0);
    struct background puts[] = {
        {.put = {.name = "small"}, .origin = {"5e55", 1}},
        {.put = {.name = "huge", .blob_bytes = 200000}, .origin = {"5e55", 2}},
        {.put = {.name = "also small"}, .origin = {"5e55", 3}},
    };
    run_group(f, puts, COUNT_OF(puts));
    assert_int_equal(puts[0].r, 0);
    assert_int_equal(puts[1].r, ERR_FULL);
    assert_int_equal(puts[2].r, 0);
    assert_string_equal(puts[0].result.data, "put small");
    assert_int_equal(count_items(f), 2);

    // With space again the same request goes through.
    room = 1000;
    assert_int_equal(writer_exclusive(f->writer, limit_pages, &room, NULL), 0);
    assert_int_equal(writer_write(f->writer, &puts[1].origin, put, &puts[1].put, NULL, NULL, NULL),
                     0);
    assert_int_equal(count_items(f), 4);
    done(puts, COUNT_OF(puts));
}

static int end_transaction(struct db *db, void *ctx, struct buf *result, struct err *err) {
    (void)ctx;
    (void)result;
    return db_commit(db, err);
}

static void a_write_may_not_end_the_transaction(void **state) {
    struct fixture *f = *state;
    struct put p = {.name = "after"};
    assert_int_equal(writer_write(f->writer, NULL, end_transaction, NULL, NULL, NULL, NULL),
                     ERR_INVAL);
    assert_int_equal(writer_write(f->writer, NULL, put, &p, NULL, NULL, NULL), 0);
    assert_int_equal(count_items(f), 1);
}

static int leave_transaction_open(struct db *db, void *ctx, struct err *err) {
    (void)ctx;
    return db_begin(db, true, err);
}

static void a_job_that_leaves_a_transaction_open_is_rolled_back(void **state) {
    struct fixture *f = *state;
    struct put p = {.name = "after"};
    assert_int_equal(writer_exclusive(f->writer, leave_transaction_open, NULL, NULL), 0);
    assert_int_equal(writer_write(f->writer, NULL, put, &p, NULL, NULL, NULL), 0);
}

static int record_much(struct db *db, void *ctx, struct buf *result, struct err *err) {
    (void)db;
    (void)err;
    size_t *n = ctx;
    return buf_reserve(result, *n) < 0 ? ERR_NOMEM : (result->len += *n, 0);
}

static void a_result_beyond_its_maximum_fails_the_write(void **state) {
    struct fixture *f = *state;
    const struct origin origin = {.session = "5e55", .seq = 1};
    AUTO_BUF result = BUF_INIT(2 * WRITER_RESULT_BYTES_MAX);
    size_t n = WRITER_RESULT_BYTES_MAX + 1;
    assert_int_equal(writer_write(f->writer, &origin, record_much, &n, &result, NULL, NULL),
                     ERR_LIMIT);
}

static void an_answer_that_was_erased_is_told_from_one_never_given(void **state) {
    struct fixture *f = *state;
    const struct origin origin = {.session = "5e55", .seq = 1};
    struct put p = {.name = "x"};
    assert_int_equal(writer_write(f->writer, &origin, put, &p, NULL, NULL, NULL), 0);
    writer_stop(f->writer);
    assert_int_equal(db_script(f->db, "UPDATE applied SET result = NULL", NULL), 0);
    assert_int_equal(writer_start(f->db, env_now_wall_ms, &f->writer, NULL), 0);
    assert_int_equal(writer_write(f->writer, &origin, put, &p, NULL, NULL, NULL), ERR_EXISTS);
    assert_int_equal(p.runs, 1);
}

static void a_full_queue_refuses_at_once_and_loses_nothing(void **state) {
    struct fixture *f = *state;
    static struct background puts[WRITER_QUEUE_MAX];
    static char names[WRITER_QUEUE_MAX][16];
    struct gate gate;
    (void)sem_init(&gate.entered, 0, 0);
    (void)sem_init(&gate.go, 0, 0);
    struct background keeper = {.writer = f->writer, .gate = &gate};
    assert_int_equal(pthread_create(&keeper.thread, NULL, run_gate, &keeper), 0);
    (void)sem_wait(&gate.entered);
    pthread_attr_t small;
    (void)pthread_attr_init(&small);
    (void)pthread_attr_setstacksize(&small, 256 * 1024);
    for (size_t i = 0; i < WRITER_QUEUE_MAX; i++) {
        (void)snprintf(names[i], sizeof names[i], "%zu", i);
        puts[i] = (struct background){.writer = f->writer, .put = {.name = names[i]}};
        assert_int_equal(pthread_create(&puts[i].thread, &small, run_put, &puts[i]), 0);
    }
    (void)pthread_attr_destroy(&small);
    while (writer_queued(f->writer) < WRITER_QUEUE_MAX)
        (void)usleep(1000);
    struct put p = {.name = "one too many"};
    assert_int_equal(writer_write(f->writer, NULL, put, &p, NULL, NULL, NULL), ERR_BUSY);
    (void)sem_post(&gate.go);
    (void)pthread_join(keeper.thread, NULL);
    for (size_t i = 0; i < WRITER_QUEUE_MAX; i++) {
        (void)pthread_join(puts[i].thread, NULL);
        assert_int_equal(puts[i].r, 0);
        buf_done(&puts[i].result);
    }
    assert_int_equal(p.runs, 0);
    assert_int_equal(count_items(f), WRITER_QUEUE_MAX);
    (void)sem_destroy(&gate.entered);
    (void)sem_destroy(&gate.go);
}

static void out_of_memory_fails_a_write_cleanly_wherever_it_happens(void **state) {
    struct fixture *f = *state;
    for (uint64_t nth = 1;; nth++) {
        const struct origin origin = {.session = "5e55", .seq = nth};
        char name[32];
        (void)snprintf(name, sizeof name, "item %d", (int)nth);
        struct put p = {.name = name};
        int64_t before = count_items(f);
        AUTO_BUF result = BUF_INIT(0);
        mem_fail_at(nth);
        int r = writer_write(f->writer, &origin, put, &p, &result, NULL, NULL);
        bool reached = mem_count() >= nth;
        mem_fail_at(0);
        assert_int_equal(count_items(f), before + (r == 0));
        if (r < 0)
            assert_int_equal(r, ERR_NOMEM);
        if (!reached) {
            assert_int_equal(r, 0);
            break;
        }
    }
}

// --- idle time ----------------------------------------------------------------------------------

static atomic_int idle_runs, idle_left;

static int idle_step(struct db *db, struct err *err) {
    (void)err;
    atomic_fetch_add(&idle_runs, 1);
    // What a failed or unfinished step leaves open must not swallow the next write.
    (void)db_begin(db, true, NULL);
    return atomic_fetch_sub(&idle_left, 1) > 1;
}

static void wait_for_runs(int runs) {
    for (int ms = 0; atomic_load(&idle_runs) < runs && ms < 20000; ms += 5)
        (void)usleep(5000);
    assert_int_equal(atomic_load(&idle_runs), runs);
}

static void idle_work_follows_writes_only(void **state) {
    struct fixture *f = *state;
    atomic_store(&idle_runs, 0);
    atomic_store(&idle_left, 3);
    writer_set_idle(f->writer, idle_step);
    (void)count_items(f); // a job is no write
    (void)usleep(2 * WRITER_IDLE_MS * 1000);
    assert_int_equal(atomic_load(&idle_runs), 0);
    struct put a = {.name = "a"}, b = {.name = "b"};
    assert_int_equal(writer_write(f->writer, NULL, put, &a, NULL, NULL, NULL), 0);
    wait_for_runs(3); // until it said that nothing is left
    (void)usleep(2 * WRITER_IDLE_MS * 1000);
    assert_int_equal(atomic_load(&idle_runs), 3);
    atomic_store(&idle_left, 1);
    assert_int_equal(writer_write(f->writer, NULL, put, &b, NULL, NULL, NULL), 0);
    wait_for_runs(4);
    assert_int_equal(count_items(f), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_write_is_committed_and_returns_what_it_recorded, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_repeated_origin_returns_the_first_result_and_runs_nothing,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_write_is_not_recorded_and_may_be_repeated, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_same_origin_twice_in_one_group_applies_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_failing_write_leaves_its_neighbours_in_the_group_alone,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_write_too_large_for_the_disk_does_not_take_its_neighbours_with_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_write_may_not_end_the_transaction, setup, teardown),
        cmocka_unit_test_setup_teardown(a_job_that_leaves_a_transaction_open_is_rolled_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_result_beyond_its_maximum_fails_the_write, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_answer_that_was_erased_is_told_from_one_never_given,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_queue_refuses_at_once_and_loses_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(out_of_memory_fails_a_write_cleanly_wherever_it_happens,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(idle_work_follows_writes_only, setup, teardown),
    };
    return cmocka_run_group_tests_name("store/writer", tests, NULL, NULL);
}
