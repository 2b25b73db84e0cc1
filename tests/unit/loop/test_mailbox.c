#include "core/loop/mailbox.h"
#include "tests/unit/loop/loop_fixture.h"

#include "core/base/mem.h"

#include <pthread.h>
#include <sched.h>

enum { SENDERS = 4, MESSAGES_EACH = 5000 };

struct inbox {
    struct fixture *f;
    struct mailbox *mailbox;
    size_t received, stop_at, close_at;
    uintptr_t last[SENDERS];
    bool out_of_order;
};

static size_t dropped;

static void drop(void *message) {
    (void)message;
    dropped++;
}

static void on_message(void *ctx, void *message) {
    struct inbox *in = ctx;
    uintptr_t value = (uintptr_t)message, sender = value / MESSAGES_EACH;
    if (sender < SENDERS && in->received) {
        in->out_of_order |= in->last[sender] && value <= in->last[sender];
        in->last[sender] = value;
    }
    in->received++;
    if (in->received == in->close_at) {
        mailbox_close(in->mailbox, drop);
        in->mailbox = NULL;
    }
    if (in->received == in->stop_at)
        loop_stop(in->f->loop);
}

static void *as_message(uintptr_t value) {
    return (void *)value;
}

static void a_wake_up_delivers_the_whole_queue_in_order(void **state) {
    struct inbox in = {.f = *state, .stop_at = 100};
    assert_int_equal(mailbox_new(in.f->loop, 100, on_message, &in, &in.mailbox, NULL), 0);
    for (uintptr_t i = 1; i <= 100; i++)
        assert_int_equal(mailbox_post(in.mailbox, as_message(i)), 0);
    fixture_run(in.f);
    assert_int_equal(in.received, 100);
    assert_false(in.out_of_order);
    mailbox_close(in.mailbox, NULL);
}

static void a_full_mailbox_refuses_and_the_sender_keeps_the_message(void **state) {
    struct inbox in = {.f = *state};
    assert_int_equal(mailbox_new(in.f->loop, 2, on_message, &in, &in.mailbox, NULL), 0);
    assert_int_equal(mailbox_post(in.mailbox, as_message(1)), 0);
    assert_int_equal(mailbox_post(in.mailbox, as_message(2)), 0);
    assert_int_equal(mailbox_post(in.mailbox, as_message(3)), ERR_BUSY);
    fixture_settle(in.f);
    assert_int_equal(in.received, 2);
    assert_int_equal(mailbox_post(in.mailbox, as_message(3)), 0); // there is room again
    dropped = 0;
    mailbox_close(in.mailbox, drop);
    assert_int_equal(dropped, 1);
}

static void a_closed_mailbox_answers_a_sender_that_holds_a_reference(void **state) {
    struct inbox in = {.f = *state};
    assert_int_equal(mailbox_new(in.f->loop, 2, on_message, &in, &in.mailbox, NULL), 0);
    struct mailbox *held = mailbox_ref(in.mailbox);
    mailbox_close(in.mailbox, NULL);
    assert_int_equal(mailbox_post(held, as_message(1)), ERR_CLOSED);
    mailbox_unref(held);
    mailbox_unref(NULL);
    mailbox_close(NULL, NULL);
}

static void a_receiver_may_close_while_it_receives(void **state) {
    struct inbox in = {.f = *state, .close_at = 3};
    assert_int_equal(mailbox_new(in.f->loop, 10, on_message, &in, &in.mailbox, NULL), 0);
    for (uintptr_t i = 1; i <= 10; i++)
        assert_int_equal(mailbox_post(in.mailbox, as_message(i)), 0);
    dropped = 0;
    fixture_settle(in.f);
    assert_int_equal(in.received, 3);
    assert_int_equal(dropped, 7);
}

struct sender {
    struct mailbox *mailbox;
    uintptr_t index;
    size_t refused;
};

static void *send_all(void *arg) {
    struct sender *s = arg;
    for (uintptr_t i = 0; i < MESSAGES_EACH; i++) {
        while (mailbox_post(s->mailbox, as_message(s->index * MESSAGES_EACH + i)) == ERR_BUSY) {
            s->refused++;
            (void)sched_yield();
        }
    }
    return NULL;
}

static void many_senders_lose_nothing_and_keep_their_order(void **state) {
    struct inbox in = {.f = *state, .stop_at = SENDERS * MESSAGES_EACH};
    struct sender senders[SENDERS];
    pthread_t threads[SENDERS];
    assert_int_equal(mailbox_new(in.f->loop, 64, on_message, &in, &in.mailbox, NULL), 0);
    for (uintptr_t i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){in.mailbox, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
    }
    fixture_run(in.f);
    for (size_t i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(in.received, SENDERS * MESSAGES_EACH);
    assert_false(in.out_of_order);
    mailbox_close(in.mailbox, NULL);
}

static void a_capacity_must_make_sense(void **state) {
    struct fixture *f = *state;
    struct mailbox *m;
    struct err err;
    assert_int_equal(mailbox_new(f->loop, 0, on_message, NULL, &m, &err), ERR_INVAL);
    assert_int_equal(mailbox_new(f->loop, SIZE_MAX, on_message, NULL, &m, &err), ERR_INVAL);
    for (uint64_t nth = 1; nth <= 2; nth++) {
        mem_fail_at(nth);
        assert_int_equal(mailbox_new(f->loop, 4, on_message, NULL, &m, &err), ERR_NOMEM);
    }
    mem_fail_at(0);
}

#define IN_LOOP(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_LOOP(a_wake_up_delivers_the_whole_queue_in_order),
        IN_LOOP(a_full_mailbox_refuses_and_the_sender_keeps_the_message),
        IN_LOOP(a_closed_mailbox_answers_a_sender_that_holds_a_reference),
        IN_LOOP(a_receiver_may_close_while_it_receives),
        IN_LOOP(many_senders_lose_nothing_and_keep_their_order),
        IN_LOOP(a_capacity_must_make_sense),
    };
    return cmocka_run_group_tests_name("loop/mailbox", tests, NULL, NULL);
}
