// protocol/framing: whatever the bytes, and however they are split, the same messages come out.
#include "protocol/framing.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BODY_MAX = 200 };

struct digest {
    uint64_t hash;
    size_t messages;
};

static void add(struct digest *d, const char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        d->hash = (d->hash ^ (unsigned char)bytes[i]) * 1099511628211U;
    d->hash = (d->hash ^ 0x100) * 1099511628211U;
    d->messages++;
}

static int on_message(void *ctx, const char *body, size_t n, struct err *err) {
    (void)err;
    if (n > BODY_MAX)
        abort();
    add(ctx, body, n);
    return 0;
}

static int on_oversize(void *ctx, const char *head, size_t head_bytes, size_t total,
                       struct err *err) {
    (void)err;
    if (head_bytes > BODY_MAX || total <= BODY_MAX)
        abort();
    add(ctx, head, head_bytes);
    add(ctx, (const char *)&total, sizeof total);
    return 0;
}

static int run(enum framing_kind kind, const uint8_t *data, size_t size, size_t step,
               struct digest *ret) {
    static const struct framing_events events = {.message = on_message, .oversize = on_oversize};
    *ret = (struct digest){.hash = 14695981039346656037U};
    struct framing *f = framing_new(kind, BODY_MAX, &events, ret);
    if (!f)
        abort();
    int r = 0;
    for (size_t at = 0; r == 0 && at < size; at += step)
        r = framing_feed(f, data + at, size - at < step ? size - at : step, NULL);
    if (r == 0)
        r = framing_end(f, NULL);
    framing_free(f);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const size_t steps[] = {1, 2, 7, 64};
    for (int kind = FRAMING_CONTENT_LENGTH; kind <= FRAMING_LINES; kind++) {
        struct digest whole, split;
        int r = run((enum framing_kind)kind, data, size, size + 1, &whole);
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
            int q = run((enum framing_kind)kind, data, size, steps[i], &split);
            if (q != r || split.hash != whole.hash || split.messages != whole.messages)
                abort();
        }
    }
    return 0;
}
