#include "server/models_wait.h"

#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/loop/mailbox.h"
#include "server/gateway.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LOOK_MS = 10, LETTERS_MAX = 64 };

struct wait { // two references: of the worker, and of the loop's side
    struct wait *next;
    struct model_waits *all;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int refs;
    bool done;
    int r;
    struct err err;
    struct buf text;
    bool filled;
    char mark[MODEL_MARK_BYTES_MAX + 1];

    // the loop's
    struct model_ask ask;
    char *workspace; // of ask: the worker may be gone by then
    struct model_run *run;
    struct wire_reader *reader;
};
struct letter { // from a worker to the loop
    struct wait *wait;
    bool stop;
};
struct model_waits {
    struct gateway *gateway;
    struct mailbox *mailbox;
    struct wait *running; // loop
    bool stopped;         // loop
    pthread_mutex_t lock;
    unsigned waiting; // workers, under the lock
};

static void wait_unref(struct wait *w) {
    (void)pthread_mutex_lock(&w->lock);
    int left = --w->refs;
    (void)pthread_mutex_unlock(&w->lock);
    if (left)
        return;
    (void)pthread_mutex_destroy(&w->lock);
    (void)pthread_cond_destroy(&w->changed);
    wire_reader_free(w->reader);
    buf_done(&w->ask.body);
    buf_done(&w->text);
    mem_free(w->workspace);
    mem_free(w);
}

// --- on the loop

static void tell(struct wait *w, int r, const char *why) {
    (void)pthread_mutex_lock(&w->lock);
    w->r = r < 0 ? err_set(&w->err, r, "%s", why) : 0;
    w->done = true;
    (void)pthread_cond_signal(&w->changed);
    (void)pthread_mutex_unlock(&w->lock);
}

// Over, whatever came of it: the loop lets go.
static void leave(struct wait *w) {
    struct wait **at = &w->all->running;
    while (*at && *at != w)
        at = &(*at)->next;
    if (*at)
        *at = w->next;
    w->run = NULL;
    wait_unref(w);
}

static int on_event(void *ctx, const struct wire_event *e) {
    struct wait *w = ctx;
    if (e->kind == WIRE_START)
        w->filled = e->id && strcmp(e->id, MODEL_FILLED_ID) == 0;
    if (e->kind == WIRE_TEXT && w->text.len + e->n <= MODEL_WAIT_TEXT_BYTES_MAX)
        (void)buf_append(&w->text, e->text, e->n);
    return 0;
}

static void on_begin(void *ctx, bool stream, const struct http_header *headers, size_t n) {
    struct wait *w = ctx;
    (void)headers;
    (void)n;
    (void)wire_reader_new(WIRE_ANTHROPIC, stream, &w->reader);
}

static int on_bytes(void *ctx, const char *bytes, size_t n) {
    struct wait *w = ctx;
    if (w->reader)
        (void)wire_read(w->reader, bytes, n, on_event, w, NULL);
    return 0;
}

static void on_done(void *ctx, const struct model_result *result) {
    struct wait *w = ctx;
    bool whole = result->whole && w->reader && wire_read_end(w->reader, on_event, w, NULL) == 0;
    tell(w, whole ? 0 : ERR_IO, result->message[0] ? result->message : "the answer was cut");
    leave(w);
}

static void begin(struct wait *w) {
    static const struct model_events events = {on_begin, on_bytes, on_done};
    struct err err = {0};
    struct models *m = w->all->stopped ? NULL : gateway_models_of(w->all->gateway, &err);
    int r = m ? models_ask(m, &w->ask, &events, w, &w->run, &err) : ERR_CANCELLED;
    if (r < 0) {
        tell(w, r, err_text(&err));
        wait_unref(w);
        return;
    }
    w->next = w->all->running;
    w->all->running = w;
}

static void on_letter(void *ctx, void *message) {
    struct letter *l = message;
    struct wait *w = l->wait;
    (void)ctx;
    if (!l->stop)
        begin(w);
    else if (w->run) {
        model_cancel(w->run);
        leave(w);
    }
    if (l->stop)
        wait_unref(w); // the letter's own
    mem_free(l);
}

static void drop_letter(void *message) {
    struct letter *l = message;
    wait_unref(l->wait);
    mem_free(l);
}

int model_waits_new(struct loop *l, struct gateway *g, struct model_waits **ret, struct err *err) {
    struct model_waits *w = mem_zalloc(sizeof *w);
    if (!w)
        return err_set(err, ERR_NOMEM, "out of memory");
    w->gateway = g;
    int r = mailbox_new(l, LETTERS_MAX, on_letter, w, &w->mailbox, err);
    if (r < 0) {
        mem_free(w);
        return r;
    }
    (void)pthread_mutex_init(&w->lock, NULL);
    *ret = w;
    return 0;
}

void model_waits_stop(struct model_waits *w) {
    if (!w)
        return;
    w->stopped = true;
    while (w->running) {
        struct wait *one = w->running;
        model_cancel(one->run);
        tell(one, ERR_CANCELLED, "the engine is ending");
        leave(one);
    }
}

void model_waits_free(struct model_waits *w) {
    if (!w)
        return;
    mailbox_close(w->mailbox, drop_letter);
    (void)pthread_mutex_destroy(&w->lock);
    mem_free(w);
}

// --- on a worker

static int post(struct wait *w, bool stop) {
    struct letter *l = mem_alloc(sizeof *l);
    if (!l)
        return ERR_NOMEM;
    *l = (struct letter){w, stop};
    (void)pthread_mutex_lock(&w->lock);
    w->refs++; // of the loop, or of the letter that tells it to stop
    (void)pthread_mutex_unlock(&w->lock);
    int r = mailbox_post(w->all->mailbox, l);
    if (r < 0)
        drop_letter(l);
    return r;
}

static struct wait *wait_new(struct model_waits *all, struct model_ask *ask) {
    struct wait *w = mem_zalloc(sizeof *w);
    pthread_condattr_t attributes;
    if (!w)
        return NULL;
    w->workspace = ask->workspace ? mem_strdup(ask->workspace) : NULL;
    if (ask->workspace && !w->workspace) {
        mem_free(w);
        return NULL;
    }
    w->all = all;
    w->refs = 1;
    w->ask = *ask;
    w->ask.workspace = w->workspace;
    (void)snprintf(w->mark, sizeof w->mark, "%s", ask->mark ? ask->mark : "");
    w->ask.mark = w->mark;
    ask->body = (struct buf){0};
    w->text = BUF_INIT(MODEL_WAIT_TEXT_BYTES_MAX);
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return w;
}

static bool look(struct wait *w) { // waits a moment; is it done?
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LOOK_MS * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_mutex_lock(&w->lock);
    if (!w->done)
        (void)pthread_cond_timedwait(&w->changed, &w->lock, &until);
    bool done = w->done;
    (void)pthread_mutex_unlock(&w->lock);
    return done;
}

static int wait_for(struct wait *w, unsigned ms, bool (*cancelled)(void *ctx), void *ctx,
                    struct buf *ret, bool *ret_filled, struct err *err) {
    uint64_t until = env_now_mono_ns() + (uint64_t)ms * 1000000;
    int r = post(w, false);
    if (r < 0)
        return err_set(err, r, "paired has too much to do just now");
    while (!look(w)) {
        bool gone = cancelled && cancelled(ctx);
        if (!gone && env_now_mono_ns() < until)
            continue;
        (void)post(w, true);
        return err_set(err, gone ? ERR_CANCELLED : ERR_TIMEOUT, "no answer in time");
    }
    // The loop has told its last, and touches the text no more.
    if (w->r < 0)
        return err_set(err, w->r, "%s", err_text(&w->err));
    *ret = w->text;
    *ret_filled = w->filled;
    w->text = (struct buf){0};
    return 0;
}

static bool enter(struct model_waits *all) {
    (void)pthread_mutex_lock(&all->lock);
    bool may = all->waiting < MODEL_WAITERS_MAX;
    all->waiting += may;
    (void)pthread_mutex_unlock(&all->lock);
    return may;
}

static void go(struct model_waits *all) {
    (void)pthread_mutex_lock(&all->lock);
    all->waiting--;
    (void)pthread_mutex_unlock(&all->lock);
}

int model_wait(struct model_waits *all, struct model_ask *ask, unsigned ms,
               bool (*cancelled)(void *ctx), void *ctx, struct buf *ret, bool *ret_filled,
               struct err *err) {
    if (!enter(all)) {
        buf_done(&ask->body);
        return err_set(err, ERR_BUSY, "a model is asked already");
    }
    struct wait *w = wait_new(all, ask);
    int r = w ? wait_for(w, ms, cancelled, ctx, ret, ret_filled, err)
              : err_set(err, ERR_NOMEM, "out of memory");
    if (w)
        wait_unref(w);
    else
        buf_done(&ask->body);
    go(all);
    return r;
}
