#include "core/loop/pool.h"
#include "tests/unit/loop/loop_fixture.h"

#include "core/base/mem.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 3, MANY = 2000 };

struct stage { // one test's view of its pool
    struct fixture *f;
    struct pool *pool;
    size_t done, cancelled, stop_at;
    atomic_size_t ran;
    char order[64]; // letters, as the jobs ran (one worker only)
    size_t order_count;
    sem_t started, release;
};

struct task {
    struct stage *stage;
    char letter;
    unsigned worker;
    bool was_cancelled, saw_cancel, finished;
};

// Which worker takes a job is certain only when all of them wait: one that has just started, or
// just finished, takes from the queue like any other.
static void settle(const struct stage *s, unsigned threads) {
    while (pool_idle(s->pool) != threads)
        (void)usleep(100); // bounded by the test's time limit
}

static void stage_open(struct stage *s, void **state, unsigned threads) {
    *s = (struct stage){.f = *state};
    assert_int_equal(sem_init(&s->started, 0, 0) | sem_init(&s->release, 0, 0), 0);
    assert_int_equal(pool_new(s->f->loop, threads, &s->pool, NULL), 0);
    settle(s, threads);
}

static void stage_close(struct stage *s) {
    pool_free(s->pool);
    assert_int_equal(sem_destroy(&s->started) | sem_destroy(&s->release), 0);
}

static void run_quick(void *ctx, struct job *job) {
    struct task *t = ctx;
    t->worker = pool_worker_index(job);
    atomic_fetch_add(&t->stage->ran, 1);
}

static void run_letter(void *ctx, struct job *job) { // only on the one worker that does such jobs
    struct task *t = ctx;
    t->worker = pool_worker_index(job);
    t->stage->order[t->stage->order_count++] = t->letter;
}

static void run_until_released(void *ctx, struct job *job) {
    struct task *t = ctx;
    t->worker = pool_worker_index(job);
    (void)sem_post(&t->stage->started);
    (void)sem_wait(&t->stage->release);
}

static void run_until_cancelled(void *ctx, struct job *job) {
    struct task *t = ctx;
    (void)sem_post(&t->stage->started);
    while (!job_cancelled(job))
        (void)usleep(1000);
    t->saw_cancel = true;
}

static void on_done(void *ctx, bool cancelled) {
    struct task *t = ctx;
    assert_false(t->finished); // exactly once
    t->finished = true;
    t->was_cancelled = cancelled;
    t->stage->cancelled += cancelled;
    if (++t->stage->done == t->stage->stop_at)
        loop_stop(t->stage->f->loop);
}

static void submit(struct stage *s, enum pool_priority prio, job_run_fn *run, struct task *t,
                   struct job **job) {
    t->stage = s;
    assert_int_equal(pool_submit(s->pool, prio, run, on_done, t, job), 0);
}

static void every_job_runs_and_completes_exactly_once(void **state) {
    static struct task tasks[MANY];
    struct stage s;
    stage_open(&s, state, THREADS);
    memset(tasks, 0, sizeof tasks);
    s.stop_at = MANY;
    for (size_t i = 0; i < MANY; i++)
        submit(&s, (enum pool_priority)(i % 3), run_quick, &tasks[i], NULL);
    fixture_run(s.f);
    assert_int_equal(atomic_load(&s.ran), MANY);
    assert_int_equal(s.cancelled, 0);
    assert_int_equal(pool_queued(s.pool), 0);
    for (size_t i = 0; i < MANY; i++) {
        assert_true(tasks[i].finished && tasks[i].worker < THREADS);
        if (i % 3 != POOL_INTERACTIVE)
            assert_true(tasks[i].worker != 0); // that one is kept for interactive work
    }
    stage_close(&s);
}

static void urgent_work_overtakes_and_equals_keep_their_order(void **state) {
    struct stage s;
    stage_open(&s, state, 2);
    struct task hold[2] = {{0}}, low[2] = {{.letter = 'x'}, {.letter = 'y'}},
                middle[2] = {{.letter = 'm'}, {.letter = 'n'}}, high = {.letter = 'a'};
    // Both workers are busy; what is queued then is for worker 1 to sort out.
    submit(&s, POOL_INTERACTIVE, run_until_released, &hold[0], NULL);
    submit(&s, POOL_NORMAL, run_until_released, &hold[1], NULL);
    assert_int_equal(sem_wait(&s.started) | sem_wait(&s.started), 0);
    submit(&s, POOL_BACKGROUND, run_letter, &low[0], NULL);
    submit(&s, POOL_NORMAL, run_letter, &middle[0], NULL);
    submit(&s, POOL_BACKGROUND, run_letter, &low[1], NULL);
    submit(&s, POOL_NORMAL, run_letter, &middle[1], NULL);
    assert_int_equal(pool_queued(s.pool), 4);
    s.stop_at = 6;
    assert_int_equal(sem_post(&s.release) | sem_post(&s.release), 0);
    fixture_run(s.f);
    assert_string_equal(s.order, "mnxy");

    // Interactive before all of them, when the kept worker is busy too.
    settle(&s, 2);
    memset(s.order, 0, sizeof s.order);
    s.order_count = 0;
    hold[0] = hold[1] = low[0] = middle[0] = (struct task){0};
    low[0].letter = 'x';
    middle[0].letter = 'm';
    struct task kept = {0};
    submit(&s, POOL_INTERACTIVE, run_until_cancelled, &kept, NULL);
    submit(&s, POOL_NORMAL, run_until_released, &hold[1], NULL);
    assert_int_equal(sem_wait(&s.started) | sem_wait(&s.started), 0);
    submit(&s, POOL_BACKGROUND, run_letter, &low[0], NULL);
    submit(&s, POOL_NORMAL, run_letter, &middle[0], NULL);
    submit(&s, POOL_INTERACTIVE, run_letter, &high, NULL);
    s.stop_at = 10; // all but `kept`
    assert_int_equal(sem_post(&s.release), 0);
    fixture_run(s.f);
    assert_string_equal(s.order, "amx");
    stage_close(&s);
    assert_true(kept.finished && kept.was_cancelled && kept.saw_cancel);
}

static void interactive_work_does_not_wait_for_long_jobs(void **state) {
    struct stage s;
    stage_open(&s, state, THREADS);
    struct task slow[THREADS - 1] = {{0}}, quick = {0};
    for (size_t i = 0; i < THREADS - 1; i++)
        submit(&s, POOL_BACKGROUND, run_until_released, &slow[i], NULL);
    for (size_t i = 0; i < THREADS - 1; i++)
        assert_int_equal(sem_wait(&s.started), 0);
    s.stop_at = 1;
    submit(&s, POOL_INTERACTIVE, run_quick, &quick, NULL);
    fixture_run(s.f);
    assert_true(quick.finished);
    assert_int_equal(quick.worker, 0);
    for (size_t i = 0; i < THREADS - 1; i++)
        assert_int_equal(sem_post(&s.release), 0);
    s.stop_at = THREADS;
    fixture_run(s.f);
    stage_close(&s);
}

static void a_queued_job_is_cancelled_without_running(void **state) {
    struct stage s;
    stage_open(&s, state, 2);
    struct task hold = {0}, queued = {0};
    struct job *job;
    submit(&s, POOL_NORMAL, run_until_released, &hold, NULL);
    assert_int_equal(sem_wait(&s.started), 0);
    submit(&s, POOL_NORMAL, run_quick, &queued, &job);
    job_cancel(job);
    job_cancel(job); // again, while its completion is on the way
    assert_int_equal(pool_queued(s.pool), 0);
    assert_false(queued.finished); // from the loop, not from within the call
    s.stop_at = 1;
    fixture_run(s.f);
    assert_true(queued.finished && queued.was_cancelled);
    assert_int_equal(atomic_load(&s.ran), 0);
    s.stop_at = 2;
    assert_int_equal(sem_post(&s.release), 0);
    fixture_run(s.f);
    assert_false(hold.was_cancelled);
    stage_close(&s);
}

static void a_running_job_sees_that_it_is_cancelled(void **state) {
    struct stage s;
    stage_open(&s, state, 2);
    struct task t = {0};
    struct job *job;
    submit(&s, POOL_INTERACTIVE, run_until_cancelled, &t, &job);
    assert_int_equal(sem_wait(&s.started), 0);
    job_cancel(job);
    s.stop_at = 1;
    fixture_run(s.f);
    assert_true(t.saw_cancel && t.was_cancelled);
    stage_close(&s);
}

static void a_full_queue_refuses(void **state) {
    static struct task tasks[POOL_QUEUE_MAX + 1];
    struct stage s;
    stage_open(&s, state, 2);
    memset(tasks, 0, sizeof tasks);
    struct task hold = {0}, quick = {0};
    submit(&s, POOL_NORMAL, run_until_released, &hold, NULL);
    assert_int_equal(sem_wait(&s.started), 0);
    for (size_t i = 0; i < POOL_QUEUE_MAX; i++)
        submit(&s, POOL_NORMAL, run_quick, &tasks[i], NULL);
    assert_int_equal(
        pool_submit(s.pool, POOL_NORMAL, run_quick, on_done, &tasks[POOL_QUEUE_MAX], NULL),
        ERR_BUSY);
    submit(&s, POOL_INTERACTIVE, run_quick, &quick, NULL); // its worker is idle: no queue needed
    s.stop_at = POOL_QUEUE_MAX + 2;
    assert_int_equal(sem_post(&s.release), 0);
    fixture_run(s.f);
    assert_false(tasks[POOL_QUEUE_MAX].finished);
    stage_close(&s);
}

static void freeing_the_pool_completes_everything_that_was_accepted(void **state) {
    static struct task tasks[100];
    struct stage s;
    stage_open(&s, state, 2);
    memset(tasks, 0, sizeof tasks);
    struct task running = {0};
    submit(&s, POOL_NORMAL, run_until_cancelled, &running, NULL);
    assert_int_equal(sem_wait(&s.started), 0);
    for (size_t i = 0; i < COUNT_OF(tasks); i++)
        submit(&s, POOL_BACKGROUND, run_quick, &tasks[i], NULL);
    stage_close(&s);
    assert_int_equal(s.done, COUNT_OF(tasks) + 1);
    assert_int_equal(s.cancelled, COUNT_OF(tasks) + 1);
    assert_int_equal(atomic_load(&s.ran), 0);
    assert_true(running.saw_cancel);
}

struct chain {
    struct task task;
    int left;
};

static void submit_next(void *ctx, bool cancelled) {
    struct chain *c = ctx;
    assert_false(cancelled);
    if (c->left-- == 0)
        loop_stop(c->task.stage->f->loop);
    else
        assert_int_equal(
            pool_submit(c->task.stage->pool, POOL_INTERACTIVE, run_quick, submit_next, c, NULL), 0);
}

static void a_completion_may_submit_again(void **state) {
    struct stage s;
    stage_open(&s, state, 2);
    struct chain c = {.task.stage = &s, .left = 1000};
    submit_next(&c, false);
    fixture_run(s.f);
    assert_int_equal(atomic_load(&s.ran), 1000);
    stage_close(&s);
}

static void an_idle_pool_does_not_keep_the_loop_running(void **state) {
    struct stage s;
    stage_open(&s, state, 2);
    struct task t = {0};
    loop_timer_free(s.f->guard);
    s.f->guard = NULL;
    submit(&s, POOL_NORMAL, run_quick, &t, NULL);
    assert_int_equal(loop_run(s.f->loop, NULL), 0);
    assert_true(t.finished); // but a job does
    stage_close(&s);
}

struct look {
    struct task task;
    char name[16];
    size_t stack_bytes;
    bool blocked;
};

static void run_look(void *ctx, struct job *job) {
    struct look *look = ctx;
    pthread_attr_t attributes;
    sigset_t mask;
    (void)job;
    (void)pthread_getname_np(pthread_self(), look->name, sizeof look->name);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
    look->blocked = sigismember(&mask, SIGTERM) == 1;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        (void)pthread_attr_getstacksize(&attributes, &look->stack_bytes);
        (void)pthread_attr_destroy(&attributes);
    }
}

static void workers_have_names_bounded_stacks_and_no_signals(void **state) {
    struct stage s;
    stage_open(&s, state, 2);
    struct look look = {.task.stage = &s};
    s.stop_at = 1;
    assert_int_equal(pool_submit(s.pool, POOL_NORMAL, run_look, on_done, &look, NULL), 0);
    fixture_run(s.f);
    assert_string_equal(look.name, "paired-work1");
    assert_true(look.blocked);
    assert_true(look.stack_bytes && look.stack_bytes <= 4 * 1024 * 1024);
    stage_close(&s);
}

static void a_pool_that_cannot_be_made_leaves_nothing_behind(void **state) {
    struct fixture *f = *state;
    struct pool *p;
    struct err err;
    assert_int_equal(pool_new(f->loop, 1, &p, &err), ERR_INVAL);
    assert_int_equal(pool_new(f->loop, 100000, &p, &err), ERR_INVAL);
    for (uint64_t nth = 1; nth <= 2; nth++) {
        mem_fail_at(nth);
        assert_int_equal(pool_new(f->loop, 2, &p, &err), ERR_NOMEM);
    }
    mem_fail_at(0);
    assert_int_equal(pool_new(f->loop, 2, &p, &err), 0);
    mem_fail_at(1);
    assert_int_equal(pool_submit(p, POOL_NORMAL, run_quick, on_done, NULL, NULL), ERR_NOMEM);
    mem_fail_at(0);
    pool_free(p);
    pool_free(NULL);
}

#define IN_LOOP(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_LOOP(every_job_runs_and_completes_exactly_once),
        IN_LOOP(urgent_work_overtakes_and_equals_keep_their_order),
        IN_LOOP(interactive_work_does_not_wait_for_long_jobs),
        IN_LOOP(a_queued_job_is_cancelled_without_running),
        IN_LOOP(a_running_job_sees_that_it_is_cancelled),
        IN_LOOP(a_full_queue_refuses),
        IN_LOOP(freeing_the_pool_completes_everything_that_was_accepted),
        IN_LOOP(a_completion_may_submit_again),
        IN_LOOP(an_idle_pool_does_not_keep_the_loop_running),
        IN_LOOP(workers_have_names_bounded_stacks_and_no_signals),
        IN_LOOP(a_pool_that_cannot_be_made_leaves_nothing_behind),
    };
    return cmocka_run_group_tests_name("loop/pool", tests, NULL, NULL);
}
