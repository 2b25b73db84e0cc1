#include "tests/support/channel_plain.h"

#include "core/base/mem.h"

#include <string.h>

enum { MARK_BYTES = 4, HELLO_BYTES = MARK_BYTES + CHANNEL_KEY_BYTES + CHANNEL_BINDING_BYTES };
static const uint8_t mark[MARK_BYTES] = {'p', 'l', 'n', '1'};

struct plain {
    struct channel channel;
    struct channel_events ev;
    void *ctx;
    bool started, ready, expects;
    uint8_t expect[CHANNEL_KEY_BYTES];
    uint8_t ours[HELLO_BYTES], theirs[HELLO_BYTES];
    size_t theirs_bytes;
    uint8_t binding[CHANNEL_BINDING_BYTES];
};

static int start(struct channel *c, struct err *err) {
    struct plain *p = (struct plain *)(void *)c;
    (void)err;
    if (!p->started)
        p->ev.wire(p->ctx, p->ours, sizeof p->ours);
    p->started = true;
    return 0;
}

static int judge(struct plain *p, struct err *err) {
    const uint8_t *key = p->theirs + MARK_BYTES;
    if (memcmp(p->theirs, mark, sizeof mark) != 0)
        return err_set(err, ERR_PARSE, "the other side speaks another protocol");
    if (p->expects && memcmp(key, p->expect, CHANNEL_KEY_BYTES) != 0)
        return err_set(err, ERR_KEY, "the other side has another key than expected");
    for (size_t i = 0; i < CHANNEL_BINDING_BYTES; i++)
        p->binding[i] = p->ours[MARK_BYTES + CHANNEL_KEY_BYTES + i] ^
                        p->theirs[MARK_BYTES + CHANNEL_KEY_BYTES + i];
    p->ready = true;
    p->ev.ready(p->ctx);
    return 0;
}

static int feed(struct channel *c, const uint8_t *bytes, size_t n, struct err *err) {
    struct plain *p = (struct plain *)(void *)c;
    if (!p->ready) {
        size_t want = sizeof p->theirs - p->theirs_bytes, got = n < want ? n : want;
        memcpy(p->theirs + p->theirs_bytes, bytes, got);
        p->theirs_bytes += got;
        if (p->theirs_bytes < sizeof p->theirs)
            return 0;
        int code = judge(p, err);
        if (code < 0)
            return code;
        bytes += got;
        n -= got;
    }
    if (n)
        p->ev.plain(p->ctx, bytes, n);
    return 0;
}

static int write_bytes(struct channel *c, const void *bytes, size_t n, struct err *err) {
    struct plain *p = (struct plain *)(void *)c;
    if (!p->ready)
        return err_set(err, ERR_CLOSED, "the channel is not ready");
    p->ev.wire(p->ctx, bytes, n);
    return 0;
}

static void end(struct channel *c) {
    (void)c;
}

static void destroy(struct channel *c) {
    mem_free(c);
}

static const uint8_t *peer(const struct channel *c) {
    return ((const struct plain *)(const void *)c)->theirs + MARK_BYTES;
}

static const uint8_t *binding(const struct channel *c) {
    return ((const struct plain *)(const void *)c)->binding;
}

static const struct channel_ops plain_ops = {start, feed, write_bytes, end, destroy, peer, binding};

static int make(void *self, bool outgoing, const uint8_t *expect, const struct channel_events *ev,
                void *ctx, struct channel **ret, struct err *err) {
    struct channel_plain_self *s = self;
    struct plain *p = mem_zalloc(sizeof *p);
    (void)outgoing;
    if (!p)
        return err_set(err, ERR_NOMEM, "out of memory");
    p->channel.ops = &plain_ops;
    p->ev = *ev;
    p->ctx = ctx;
    p->expects = expect;
    if (expect)
        memcpy(p->expect, expect, sizeof p->expect);
    memcpy(p->ours, mark, sizeof mark);
    memcpy(p->ours + MARK_BYTES, s->key, sizeof s->key);
    env_random(s->env, p->ours + MARK_BYTES + CHANNEL_KEY_BYTES, CHANNEL_BINDING_BYTES);
    *ret = &p->channel;
    return 0;
}

struct channel_maker channel_plain_maker(struct channel_plain_self *self) {
    return (struct channel_maker){.make = make, .self = self};
}
