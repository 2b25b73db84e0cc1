#include "core/loop/mailbox.h"

#include "core/base/mem.h"

#include <assert.h>
#include <pthread.h>
#include <stdint.h>

struct mailbox {
    mailbox_fn *fn;
    void *ctx;
    pthread_mutex_t lock;   // guards everything below
    struct loop_wake *wake; // NULL once closed
    size_t references;
    size_t capacity, first, count; // ring
    void *ring[];
};

static void *pop(struct mailbox *m) { // lock held, count > 0
    void *message = m->ring[m->first];
    m->first = m->first + 1 == m->capacity ? 0 : m->first + 1;
    m->count--;
    return message;
}

static void on_wake(void *ctx) {
    struct mailbox *m = mailbox_ref(ctx); // fn may close it
    (void)pthread_mutex_lock(&m->lock);
    // What was there when the wake-up came; senders that post faster than we work must not keep
    // the loop from everything else.
    for (size_t n = m->count; n && m->count && m->wake; n--) {
        void *message = pop(m);
        (void)pthread_mutex_unlock(&m->lock);
        m->fn(m->ctx, message);
        (void)pthread_mutex_lock(&m->lock);
    }
    if (m->count && m->wake)
        loop_wake_send(m->wake);
    (void)pthread_mutex_unlock(&m->lock);
    mailbox_unref(m);
}

int mailbox_new(struct loop *l, size_t capacity, mailbox_fn *fn, void *ctx, struct mailbox **ret,
                struct err *err) {
    if (capacity == 0 || capacity > MAILBOX_CAPACITY_MAX)
        return err_set(err, ERR_INVAL, "a mailbox holds 1 to %d messages", MAILBOX_CAPACITY_MAX);
    struct mailbox *m = mem_zalloc(sizeof *m + capacity * sizeof m->ring[0]);
    if (!m)
        return err_set(err, ERR_NOMEM, "out of memory");
    m->fn = fn;
    m->ctx = ctx;
    m->capacity = capacity;
    m->references = 1;
    (void)pthread_mutex_init(&m->lock, NULL); // cannot fail without attributes
    int r = loop_wake_new(l, on_wake, m, &m->wake);
    if (r < 0) {
        (void)pthread_mutex_destroy(&m->lock);
        mem_free(m);
        return err_set(err, r, "out of memory or descriptors");
    }
    *ret = m;
    return 0;
}

int mailbox_post(struct mailbox *m, void *message) {
    int r = 0;
    (void)pthread_mutex_lock(&m->lock);
    if (!m->wake) {
        r = ERR_CLOSED;
    } else if (m->count == m->capacity) {
        r = ERR_BUSY;
    } else {
        size_t last = m->first + m->count;
        m->ring[last >= m->capacity ? last - m->capacity : last] = message;
        // Under the lock, so that closing cannot free the wake in between. One wake-up serves all
        // messages until the queue is empty again.
        if (m->count++ == 0)
            loop_wake_send(m->wake);
    }
    (void)pthread_mutex_unlock(&m->lock);
    return r;
}

struct mailbox *mailbox_ref(struct mailbox *m) {
    (void)pthread_mutex_lock(&m->lock);
    m->references++;
    (void)pthread_mutex_unlock(&m->lock);
    return m;
}

void mailbox_unref(struct mailbox *m) {
    if (!m)
        return;
    (void)pthread_mutex_lock(&m->lock);
    size_t left = --m->references;
    (void)pthread_mutex_unlock(&m->lock);
    if (left)
        return;
    assert(!m->wake); // the owner's reference goes by mailbox_close
    (void)pthread_mutex_destroy(&m->lock);
    mem_free(m);
}

void mailbox_close(struct mailbox *m, void (*drop)(void *message)) {
    if (!m)
        return;
    (void)pthread_mutex_lock(&m->lock);
    struct loop_wake *wake = m->wake;
    m->wake = NULL;
    while (m->count) {
        void *message = pop(m);
        (void)pthread_mutex_unlock(&m->lock);
        if (drop)
            drop(message);
        (void)pthread_mutex_lock(&m->lock);
    }
    (void)pthread_mutex_unlock(&m->lock);
    loop_wake_free(wake);
    mailbox_unref(m);
}
