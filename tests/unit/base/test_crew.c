// Each item is done once, by no more workers than asked for, and the lowest failure is the answer.
#include "core/base/crew.h"

#include "core/base/err.h"
#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { ITEMS = 5000 };
struct work {
    atomic_uint done[ITEMS];
    atomic_bool busy[CREW_MAX];
    atomic_bool shared; // two at once were the same worker
    uint32_t fails, fails_too;
};

static int one(void *ctx, unsigned worker, uint32_t item) {
    struct work *w = ctx;
    if (worker >= CREW_MAX || atomic_exchange(&w->busy[worker], true))
        w->shared = true;
    (void)atomic_fetch_add(&w->done[item], 1);
    if (worker < CREW_MAX)
        w->busy[worker] = false;
    return item == w->fails ? ERR_IO : item == w->fails_too ? ERR_CANCELLED : 0;
}

static void each_item_is_done_once(void **state) {
    static const uint32_t counts[] = {0, 1, 2, 3, CREW_MAX * CREW_WORTH_PER_HAND, ITEMS};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        struct work *w = mem_zalloc(sizeof *w);
        assert_non_null(w);
        w->fails = w->fails_too = UINT32_MAX;
        assert_int_equal(crew_run(counts[i], one, w), 0);
        for (uint32_t k = 0; k < ITEMS; k++)
            assert_int_equal(w->done[k], k < counts[i]);
        assert_false(w->shared);
        mem_free(w);
    }
}

static void the_lowest_failure_is_the_answer(void **state) {
    (void)state;
    for (int i = 0; i < 50; i++) {
        struct work *w = mem_zalloc(sizeof *w);
        uint32_t done = 0;
        assert_non_null(w);
        w->fails = 100;
        w->fails_too = 101; // perhaps done beside it, and earlier
        assert_int_equal(crew_run(ITEMS, one, w), ERR_IO);
        for (uint32_t k = 0; k < ITEMS; k++) {
            assert_true(w->done[k] <= 1);
            assert_true(k > 100 || w->done[k] == 1);
            done += w->done[k];
        }
        assert_true(done < ITEMS); // the rest was not begun
        mem_free(w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_item_is_done_once),
        cmocka_unit_test(the_lowest_failure_is_the_answer),
    };
    return cmocka_run_group_tests_name("base/crew", tests, NULL, NULL);
}
