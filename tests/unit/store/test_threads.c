// Eight writers and eight readers at once: nobody is told "busy", nothing is lost.
#include "core/base/env.h"
#include "core/base/mem.h"
#include "tests/unit/store/store_support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 8, WRITES = 60 };

static struct scratch scratch;

struct worker {
    struct store *store;
    int index;
    atomic_bool *stop;
    int failures; // ERR_BUSY and everything else
    int reads;
    uint64_t took_ns[WRITES];
    pthread_t thread;
};

static void *write_notes(void *arg) {
    struct worker *w = arg;
    for (int i = 0; i < WRITES; i++) {
        char text[96];
        (void)snprintf(text, sizeof text, "writer %d takes note number %d", w->index, i);
        const struct note note = {.text = text};
        uint64_t start_ns = env_now_mono_ns();
        w->failures += remember(w->store, &note, NULL, NULL) < 0;
        w->took_ns[i] = env_now_mono_ns() - start_ns;
    }
    return NULL;
}

static int recall_once(struct store *s) {
    struct db *db = NULL;
    int r = store_reader_get(s, &db, NULL);
    if (r < 0)
        return r;
    const struct recall_query q = {
        .text = "note number", .text_bytes = 11, .limit = 10, .kind = -1, .now_ms = 1};
    struct recall_result result = {0};
    r = memory_recall(db, &q, &result, NULL);
    recall_result_done(&result);
    store_reader_put(s, db);
    return r;
}

static void *read_notes(void *arg) {
    struct worker *w = arg;
    while (!atomic_load(w->stop)) {
        w->failures += recall_once(w->store) < 0;
        w->reads++;
    }
    return NULL;
}

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void eight_writers_and_eight_readers_never_see_busy(void **state) {
    (void)state;
    static struct worker writers[THREADS], readers[THREADS];
    static uint64_t all[THREADS * WRITES];
    atomic_bool stop = false;
    scratch_init(&scratch);
    struct store *s = open_store(scratch.dir);
    for (int i = 0; i < THREADS; i++) {
        readers[i] = (struct worker){.store = s, .index = i, .stop = &stop};
        writers[i] = (struct worker){.store = s, .index = i, .stop = &stop};
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_notes, &readers[i]), 0);
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_notes, &writers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(writers[i].thread, NULL);
    atomic_store(&stop, true);
    int reads = 0;
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(readers[i].thread, NULL);
        assert_int_equal(writers[i].failures, 0);
        assert_int_equal(readers[i].failures, 0);
        reads += readers[i].reads;
        memcpy(all + i * WRITES, writers[i].took_ns, sizeof writers[i].took_ns);
    }
    assert_true(reads > 0);
    assert_int_equal(count_notes(s), THREADS * WRITES);
    qsort(all, COUNT_OF(all), sizeof all[0], compare);
    print_message("%d writes beside %d reads: p50 %.2f ms, p99 %.2f ms\n", THREADS * WRITES, reads,
                  (double)all[COUNT_OF(all) / 2] / 1e6,
                  (double)all[COUNT_OF(all) * 99 / 100] / 1e6);
    store_close(s);
    scratch_done(&scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_writers_and_eight_readers_never_see_busy),
    };
    return cmocka_run_group_tests_name("store/threads", tests, NULL, NULL);
}
