#include "server/dispatch.h"

#include "core/base/mem.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

// --- a table of capabilities made for the test

struct echo_input {
    struct text text;
    int64_t times;
    struct text_array list;
};
static const struct field echo_fields[] = {
    {.name = "text",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct echo_input, text),
     .max = 100},
    {.name = "times",
     .type = FIELD_INT,
     .offset = offsetof(struct echo_input, times),
     .min = 1,
     .max = 9},
    {.name = "list", .type = FIELD_STRING_ARRAY, .offset = offsetof(struct echo_input, list)},
    {0},
};

static sem_t started, release;
static atomic_int runs;

static int run_echo(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct echo_input *in = input;
    (void)err;
    atomic_fetch_add(&runs, 1);
    for (int64_t i = 0; i < (in->times ? in->times : 1); i++)
        (void)buf_append(&answer->text, in->text.data, in->text.len);
    (void)buf_printf(&answer->text, " %s %s %s %d", call->caller->client,
                     call->caller->workspace ? call->caller->workspace : "-", call->caller->face,
                     call->confirmed);
    answer->structured = json_pack("{s:i}", "ok", 1);
    return 0;
}

static int run_write(struct call *call, const void *input, struct answer *answer, struct err *err) {
    (void)call;
    (void)input;
    (void)err;
    answer->changed = json_pack("[s]", "memory://note/n1");
    answer->list_changed = true;
    return 0;
}

static int run_ask(struct call *call, const void *input, struct answer *answer, struct err *err) {
    (void)input;
    (void)err;
    if (!call->confirmed)
        answer->ask = json_pack("{s:s}", "message", "really?");
    return 0;
}

static int run_fail(struct call *call, const void *input, struct answer *answer, struct err *err) {
    (void)call;
    (void)input;
    (void)buf_puts(&answer->text, "half an answer");
    return err_set(err, ERR_FULL, "the disk is full");
}

static int run_until_cancelled(struct call *call, const void *input, struct answer *answer,
                               struct err *err) {
    (void)input;
    (void)answer;
    (void)sem_post(&started);
    while (!job_cancelled(call->job))
        (void)usleep(1000);
    return err_set(err, ERR_CANCELLED, "stopped");
}

static int run_deaf(struct call *call, const void *input, struct answer *answer, struct err *err) {
    (void)call;
    (void)input;
    (void)err;
    (void)sem_post(&started);
    (void)sem_wait(&release);
    answer->list_changed = true;
    return 0;
}

static int run_progress(struct call *call, const void *input, struct answer *answer,
                        struct err *err) {
    (void)input;
    (void)answer;
    (void)err;
    for (int i = 1; i <= 1000; i++) // a flood: at most ten a second get through
        call_progress(call, i, 1000, "step");
    (void)usleep(120 * 1000);
    call_progress(call, 1001, -1, NULL);
    (void)usleep(20 * 1000);
    return 0;
}

// Waits twice for the loop, and says "a" there each time.
struct waits {
    int times, begun, stopped, dropped;
    bool hang;
};
static struct waits waits;

static void waits_begin(void *state, struct call *call) {
    struct waits *w = state;
    w->begun++;
    call_say(call, "a", 1);
    if (!w->hang)
        call_resume(call);
    else
        (void)sem_post(&started);
}
static void waits_stop(void *state) {
    ((struct waits *)state)->stopped++;
}
static void waits_drop(void *state) {
    ((struct waits *)state)->dropped++;
}

static int run_waits(struct call *call, const void *input, struct answer *answer, struct err *err) {
    (void)input;
    (void)err;
    call->pause = (struct call_pause){&waits, waits_begin, waits_stop, waits_drop};
    if (waits.times++ < 2)
        return CALL_WAIT;
    (void)buf_printf(&answer->text, "begun %d", waits.begun);
    return 0;
}

static const struct capability first_table[] = {
    {.name = "echo",
     .flags = CAP_READ_ONLY | CAP_TOOL,
     .input = echo_fields,
     .input_size = sizeof(struct echo_input),
     .run = run_echo},
    {.name = "write", .flags = CAP_TOOL, .run = run_write},
    {.name = "ask", .flags = CAP_DESTRUCTIVE, .run = run_ask},
    {.name = "fail", .run = run_fail},
    {0},
};
static const struct capability second_table[] = {
    {.name = "wait", .flags = CAP_READ_ONLY, .run = run_until_cancelled},
    {.name = "deaf", .run = run_deaf},
    {.name = "progress", .flags = CAP_LONG, .run = run_progress},
    {.name = "keys", .flags = CAP_CLI_ONLY, .run = run_write},
    {.name = "waits", .flags = CAP_READ_ONLY, .run = run_waits, .deadline_ms = 50},
    {0},
};
static const struct capability *const tables[] = {first_table, second_table, NULL};

// --- an engine of nothing but loop, pool and dispatch

struct bench {
    struct loop *loop;
    struct pool *pool;
    struct dispatch *dispatch;
    struct services services;
    struct loop_timer *guard;
    bool timed_out;
    int changes, list_changes;
    char uri[64];
};

struct outcome { // of one call
    struct bench *bench;
    int done, r;
    char text[200], message[ERR_MESSAGE_BYTES_MAX], ask[64];
    bool structured;
    int progressed, changes_before;
    double last, total;
    int64_t handle;
    char said[16];
};

static void on_changed(void *ctx, json_t *uris, bool list_changed) {
    struct bench *b = ctx;
    b->changes++;
    b->list_changes += list_changed;
    const char *uri = json_string_value(json_array_get(uris, 0));
    (void)snprintf(b->uri, sizeof b->uri, "%s", uri ? uri : "");
}

static void on_guard(void *ctx) {
    struct bench *b = ctx;
    b->timed_out = true;
    loop_stop(b->loop);
}

static int setup(void **state) {
    static struct bench b;
    b = (struct bench){0};
    atomic_store(&runs, 0);
    if (sem_init(&started, 0, 0) | sem_init(&release, 0, 0))
        return -1;
    if (loop_new(&b.loop, NULL) < 0 || pool_new(b.loop, 2, &b.pool, NULL) < 0 ||
        loop_timer_new(b.loop, on_guard, &b, &b.guard) < 0)
        return -1;
    struct dispatch_config config = {.loop = b.loop,
                                     .pool = b.pool,
                                     .services = &b.services,
                                     .tables = tables,
                                     .changed = on_changed,
                                     .ctx = &b};
    *state = &b;
    return dispatch_new(&config, &b.dispatch, NULL);
}

static int teardown(void **state) {
    struct bench *b = *state;
    dispatch_free(b->dispatch);
    pool_free(b->pool);
    loop_free(b->loop);
    return 0;
}

static void on_progress(void *ctx, double done, double total, const char *message) {
    struct outcome *o = ctx;
    o->progressed++;
    o->last = done;
    o->total = total;
    (void)message;
}

static void on_said(void *ctx, const char *text, size_t n) {
    struct outcome *o = ctx;
    (void)strncat(o->said, text, n);
}

static void on_done(void *ctx, int r, struct answer *answer, const struct err *err) {
    struct outcome *o = ctx;
    o->done++;
    o->r = r;
    o->changes_before = o->bench->changes;
    if (r < 0)
        (void)snprintf(o->message, sizeof o->message, "%s", err_text(err));
    if (answer->text.data)
        (void)snprintf(o->text, sizeof o->text, "%s", answer->text.data);
    const char *ask = json_string_value(json_object_get(answer->ask, "message"));
    (void)snprintf(o->ask, sizeof o->ask, "%s", ask ? ask : "");
    o->structured = answer->structured != NULL;
    loop_stop(o->bench->loop);
}

static int64_t call_full(struct bench *b, struct outcome *o, const char *name, const char *json,
                         uint64_t deadline_ms, bool confirmed, struct err *err) {
    json_t *arguments = json ? json_loads(json, 0, NULL) : NULL;
    char client[] = "tester", workspace[] = "/w"; // gone when the call returns
    *o = (struct outcome){.bench = b};
    struct dispatch_request req = {
        .capability = name,
        .arguments = arguments,
        .caller = {.face = "mcp", .session = "s", .client = client, .workspace = workspace},
        .deadline_ms = deadline_ms,
        .confirmed = confirmed,
        .progress = on_progress,
        .said = on_said,
        .done = on_done,
        .ctx = o,
    };
    o->handle = dispatch_call(b->dispatch, &req, err);
    json_decref(arguments);
    return o->handle;
}

static void run_loop(struct bench *b) {
    loop_timer_start(b->guard, 10000, 0);
    assert_int_equal(loop_run(b->loop, NULL), 0);
    loop_timer_stop(b->guard);
    assert_false(b->timed_out);
}

static void call(struct bench *b, struct outcome *o, const char *name, const char *json) {
    assert_true(call_full(b, o, name, json, 0, false, NULL) > 0);
    run_loop(b);
    assert_int_equal(o->done, 1);
}

// --- tests

static void rows_are_found_by_name_and_in_order(void **state) {
    struct bench *b = *state;
    assert_ptr_equal(dispatch_find(b->dispatch, "echo"), &first_table[0]);
    assert_ptr_equal(dispatch_find(b->dispatch, "wait"), &second_table[0]);
    assert_null(dispatch_find(b->dispatch, "Echo"));
    for (size_t i = 0; i < 4; i++) {
        assert_ptr_equal(dispatch_at(b->dispatch, i), &first_table[i]);
        assert_ptr_equal(dispatch_at(b->dispatch, 4 + i), &second_table[i]);
    }
    assert_ptr_equal(dispatch_at(b->dispatch, 8), &second_table[4]);
    assert_null(dispatch_at(b->dispatch, 9));
}

static void a_call_runs_with_its_arguments_and_caller(void **state) {
    struct outcome o;
    call(*state, &o, "echo", "{\"text\":\"ab\",\"times\":2,\"list\":[\"x\"]}");
    assert_int_equal(o.r, 0);
    assert_string_equal(o.text, "abab tester /w mcp 0");
    assert_true(o.structured);
}

static void done_comes_from_the_loop_not_from_within_the_call(void **state) {
    struct outcome o;
    assert_true(call_full(*state, &o, "echo", "{\"text\":\"a\"}", 0, false, NULL) > 0);
    (void)usleep(20 * 1000);
    assert_int_equal(o.done, 0);
    run_loop(*state);
    assert_int_equal(o.done, 1);
}

static void absent_arguments_are_an_empty_object(void **state) {
    struct outcome o;
    struct err err;
    call(*state, &o, "write", NULL);
    assert_int_equal(o.r, 0);
    assert_int_equal(call_full(*state, &o, "echo", NULL, 0, false, &err), ERR_INVAL);
}

static void a_refusal_names_argument_and_rule(void **state) {
    static const struct {
        const char *json, *says;
    } bad[] = {
        {"{}", "text"},
        {"{\"text\":7}", "text"},
        {"{\"text\":\"a\",\"times\":10}", "times"},
        {"{\"text\":\"a\",\"list\":[\"x\",1]}", "list[1]"},
        {"[]", "object"},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct outcome o;
        struct err err = {0};
        assert_int_equal(call_full(*state, &o, "echo", bad[i].json, 0, false, &err), ERR_INVAL);
        assert_int_equal(err.code, ERR_INVAL);
        assert_non_null(strstr(err.message, bad[i].says));
        assert_int_equal(o.done, 0);
    }
    assert_int_equal(atomic_load(&runs), 0);
}

static void unknown_and_private_capabilities_are_refused(void **state) {
    struct bench *b = *state;
    struct outcome o = {.bench = b};
    struct err err = {0};
    assert_int_equal(call_full(b, &o, "nothing", NULL, 0, false, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "nothing"));
    assert_int_equal(call_full(b, &o, "keys", NULL, 0, false, &err), ERR_PERM);
    struct dispatch_request req = {.capability = "keys",
                                   .caller = {.face = "cli", .client = "cli"},
                                   .done = on_done,
                                   .ctx = &o};
    assert_true(dispatch_call(b->dispatch, &req, NULL) > 0);
    run_loop(b);
    assert_int_equal(o.r, 0);
}

static void a_failure_carries_its_reason_and_no_half_answer(void **state) {
    struct outcome o;
    call(*state, &o, "fail", NULL);
    assert_int_equal(o.r, ERR_FULL);
    assert_string_equal(o.message, "the disk is full");
    assert_string_equal(o.text, "");
}

static void a_write_tells_what_changed_after_its_answer(void **state) {
    struct bench *b = *state;
    struct outcome o;
    call(b, &o, "write", NULL);
    assert_int_equal(o.changes_before, 0);
    assert_int_equal(b->changes, 1);
    assert_int_equal(b->list_changes, 1);
    assert_string_equal(b->uri, "memory://note/n1");
    call(b, &o, "echo", "{\"text\":\"a\"}");
    assert_int_equal(b->changes, 1);
}

static void a_question_is_asked_and_then_confirmed(void **state) {
    struct bench *b = *state;
    struct outcome o;
    call(b, &o, "ask", NULL);
    assert_string_equal(o.ask, "really?");
    assert_true(call_full(b, &o, "ask", NULL, 0, true, NULL) > 0);
    run_loop(b);
    assert_string_equal(o.ask, "");
}

static void cancelling_ends_a_running_call_once(void **state) {
    struct bench *b = *state;
    struct outcome o;
    int64_t handle = call_full(b, &o, "wait", NULL, 0, false, NULL);
    assert_int_equal(sem_wait(&started), 0);
    dispatch_cancel(b->dispatch, handle);
    dispatch_cancel(b->dispatch, handle);
    assert_int_equal(o.done, 0);
    run_loop(b);
    assert_int_equal(o.r, ERR_CANCELLED);
    dispatch_cancel(b->dispatch, handle); // over: nothing
    dispatch_cancel(b->dispatch, 0);
    dispatch_cancel(b->dispatch, INT64_MAX);
    assert_int_equal(o.done, 1);
}

static void a_late_cancel_does_not_meet_the_next_call(void **state) {
    struct bench *b = *state;
    struct outcome first, second;
    int64_t handle = call_full(b, &first, "echo", "{\"text\":\"a\"}", 0, false, NULL);
    run_loop(b);
    assert_true(call_full(b, &second, "echo", "{\"text\":\"b\"}", 0, false, NULL) > 0);
    assert_true(second.handle != handle);
    dispatch_cancel(b->dispatch, handle);
    run_loop(b);
    assert_int_equal(second.r, 0);
}

static void a_queued_call_is_cancelled_without_running(void **state) {
    struct bench *b = *state;
    struct outcome deaf, queued;
    assert_true(call_full(b, &deaf, "deaf", NULL, 0, false, NULL) > 0);
    assert_int_equal(sem_wait(&started), 0); // the only worker for such work is taken
    assert_true(call_full(b, &queued, "write", NULL, 0, false, NULL) > 0);
    dispatch_cancel(b->dispatch, queued.handle);
    run_loop(b);
    assert_int_equal(queued.r, ERR_CANCELLED);
    assert_int_equal(deaf.done, 0);
    assert_int_equal(sem_post(&release), 0);
    run_loop(b);
    assert_int_equal(deaf.r, 0);
}

static void a_deadline_stops_a_call_that_listens(void **state) {
    struct bench *b = *state;
    struct outcome o;
    assert_true(call_full(b, &o, "wait", NULL, 20, false, NULL) > 0);
    run_loop(b);
    assert_int_equal(o.r, ERR_TIMEOUT);
    assert_non_null(strstr(o.message, "wait"));
}

static void a_call_that_does_not_listen_is_answered_for_at_its_deadline(void **state) {
    struct bench *b = *state;
    struct outcome o;
    assert_true(call_full(b, &o, "deaf", NULL, 20, false, NULL) > 0);
    run_loop(b);
    assert_int_equal(o.r, ERR_TIMEOUT);
    assert_int_equal(b->changes, 0);
    assert_int_equal(sem_post(&release), 0);
    // Its effect, when it comes after all, is still told to others; its caller hears nothing more.
    while (b->changes == 0) {
        struct outcome tick;
        call(b, &tick, "echo", "{\"text\":\"a\"}");
    }
    assert_int_equal(o.done, 1);
}

static void what_was_finished_before_its_cancel_counts_as_done(void **state) {
    struct bench *b = *state;
    struct outcome o;
    assert_true(call_full(b, &o, "deaf", NULL, 0, false, NULL) > 0);
    assert_int_equal(sem_wait(&started), 0);
    dispatch_cancel(b->dispatch, o.handle);
    assert_int_equal(sem_post(&release), 0);
    run_loop(b);
    assert_int_equal(o.r, 0);
    assert_int_equal(b->changes, 1);
}

static void progress_is_told_at_most_ten_times_a_second(void **state) {
    struct outcome o;
    call(*state, &o, "progress", NULL);
    assert_int_equal(o.r, 0);
    assert_int_equal(o.progressed, 2);
    assert_true(o.last > 1000);
    assert_true(o.total < 0);
}

static void freeing_completes_what_is_open(void **state) {
    struct bench *b = *state;
    struct outcome o[3];
    for (size_t i = 0; i < 3; i++)
        assert_true(call_full(b, &o[i], i ? "write" : "wait", NULL, 0, false, NULL) > 0);
    dispatch_free(b->dispatch);
    pool_free(b->pool);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(o[i].done, 1);
    assert_int_equal(o[0].r, ERR_CANCELLED);
    b->dispatch = NULL;
    b->pool = NULL;
}

static void many_calls_at_once_all_get_their_own_answer(void **state) {
    enum { CALLS = 500 };
    static struct outcome o[CALLS];
    struct bench *b = *state;
    for (int i = 0; i < CALLS; i++) {
        char json[64];
        (void)snprintf(json, sizeof json, "{\"text\":\"%d\"}", i);
        assert_true(call_full(b, &o[i], "echo", json, 0, false, NULL) > 0);
    }
    for (int i = 0; i < CALLS; i++) {
        char expected[64];
        (void)snprintf(expected, sizeof expected, "%d tester /w mcp 0", i);
        while (!o[i].done)
            run_loop(b);
        assert_string_equal(o[i].text, expected);
    }
}

static void every_failed_allocation_is_a_clean_refusal(void **state) {
    struct bench *b = *state;
    int failures = 0;
    for (uint64_t nth = 1; nth < 60; nth++) {
        struct outcome o = {.bench = b};
        struct err err = {0};
        json_t *arguments = json_pack("{s:s, s:[s]}", "text", "a", "list", "x");
        struct dispatch_request req = {.capability = "echo",
                                       .arguments = arguments,
                                       .caller = {.face = "mcp", .client = "c"},
                                       .done = on_done,
                                       .ctx = &o};
        mem_fail_at(nth);
        int64_t handle = dispatch_call(b->dispatch, &req, &err);
        mem_fail_at(0);
        if (handle > 0) {
            run_loop(b);
        } else {
            assert_int_equal(handle, ERR_NOMEM);
            failures++;
        }
        json_decref(arguments);
    }
    assert_true(failures >= 5);
}

static void a_call_waits_in_between_without_a_worker(void **state) {
    struct bench *b = *state;
    struct outcome o;
    waits = (struct waits){0};
    assert_true(call_full(b, &o, "waits", NULL, 10000, false, NULL) > 0);
    run_loop(b);
    assert_int_equal(o.r, 0);
    assert_string_equal(o.text, "begun 2");
    assert_string_equal(o.said, "aa");
    assert_int_equal(waits.stopped, 0);
    assert_int_equal(waits.dropped, 1);
}

static void a_call_that_waits_is_stopped_by_its_own_deadline(void **state) {
    struct bench *b = *state;
    struct outcome o;
    waits = (struct waits){.hang = true};
    assert_true(call_full(b, &o, "waits", NULL, 0, false, NULL) > 0); // 50 ms: the row's
    run_loop(b);
    assert_int_equal(o.r, ERR_TIMEOUT);
    assert_int_equal(o.done, 1);
    assert_int_equal(waits.stopped, 1);
    assert_int_equal(waits.dropped, 1);
    assert_int_equal(pool_busy(b->pool), 0);
}

static void cancel_waiting(void *ctx) {
    struct outcome *o = ctx;
    assert_int_equal(o->done, 0);
    dispatch_cancel(o->bench->dispatch, o->handle);
    assert_int_equal(o->done, 0); // later, from the loop
}

static void a_call_that_waits_is_cancelled(void **state) {
    struct bench *b = *state;
    struct outcome o;
    struct loop_timer *soon;
    waits = (struct waits){.hang = true};
    assert_true(call_full(b, &o, "waits", NULL, 60000, false, NULL) > 0);
    assert_int_equal(loop_timer_new(b->loop, cancel_waiting, &o, &soon), 0);
    loop_timer_start(soon, 100, 0);
    run_loop(b);
    assert_int_equal(o.r, ERR_CANCELLED);
    assert_int_equal(waits.begun, 1);
    assert_int_equal(waits.stopped, 1);
    assert_int_equal(waits.dropped, 1);
    loop_timer_free(soon);
}

static void stop_soon(void *ctx) {
    loop_stop(((struct bench *)ctx)->loop);
}

static void freeing_takes_back_what_waits(void **state) {
    struct bench *b = *state;
    struct outcome o;
    struct loop_timer *soon;
    waits = (struct waits){.hang = true};
    assert_true(call_full(b, &o, "waits", NULL, 60000, false, NULL) > 0);
    assert_int_equal(loop_timer_new(b->loop, stop_soon, b, &soon), 0);
    while (!waits.begun) {
        loop_timer_start(soon, 10, 0);
        run_loop(b);
    }
    dispatch_free(b->dispatch);
    b->dispatch = NULL;
    assert_int_equal(o.r, ERR_CANCELLED);
    assert_int_equal(waits.stopped, 1);
    assert_int_equal(waits.dropped, 1);
    loop_timer_free(soon);
}

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_BENCH(rows_are_found_by_name_and_in_order),
        WITH_BENCH(a_call_runs_with_its_arguments_and_caller),
        WITH_BENCH(done_comes_from_the_loop_not_from_within_the_call),
        WITH_BENCH(absent_arguments_are_an_empty_object),
        WITH_BENCH(a_refusal_names_argument_and_rule),
        WITH_BENCH(unknown_and_private_capabilities_are_refused),
        WITH_BENCH(a_failure_carries_its_reason_and_no_half_answer),
        WITH_BENCH(a_write_tells_what_changed_after_its_answer),
        WITH_BENCH(a_question_is_asked_and_then_confirmed),
        WITH_BENCH(cancelling_ends_a_running_call_once),
        WITH_BENCH(a_late_cancel_does_not_meet_the_next_call),
        WITH_BENCH(a_queued_call_is_cancelled_without_running),
        WITH_BENCH(a_deadline_stops_a_call_that_listens),
        WITH_BENCH(a_call_that_does_not_listen_is_answered_for_at_its_deadline),
        WITH_BENCH(what_was_finished_before_its_cancel_counts_as_done),
        WITH_BENCH(progress_is_told_at_most_ten_times_a_second),
        WITH_BENCH(freeing_completes_what_is_open),
        WITH_BENCH(many_calls_at_once_all_get_their_own_answer),
        WITH_BENCH(every_failed_allocation_is_a_clean_refusal),
        WITH_BENCH(a_call_waits_in_between_without_a_worker),
        WITH_BENCH(a_call_that_waits_is_stopped_by_its_own_deadline),
        WITH_BENCH(a_call_that_waits_is_cancelled),
        WITH_BENCH(freeing_takes_back_what_waits),
    };
    return cmocka_run_group_tests_name("server/dispatch", tests, NULL, NULL);
}
