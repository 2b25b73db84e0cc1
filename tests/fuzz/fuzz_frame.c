// federation/frame: any bytes, any split; what comes out is within the limits, the same for each
// split, and is read back as it was when it is written again.
#include "core/base/buf.h"
#include "federation/frame.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FRAME_MAX = 64 * 1024, PLAIN_MAX = 256 * 1024 };

struct digest {
    uint64_t sum, frames;
    bool again; // writes and reads each frame once more
};

static uint64_t mix(uint64_t h, const uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001b3ULL;
    return h;
}

static int on_again(void *ctx, const struct frame *f, struct err *err) {
    const struct frame *was = ctx;
    (void)err;
    if (f->kind != was->kind || f->bytes != was->bytes || f->stream != was->stream ||
        (f->bytes && memcmp(f->body, was->body, f->bytes) != 0))
        abort();
    return 0;
}

static int on_frame(void *ctx, const struct frame *f, struct err *err) {
    struct digest *d = ctx;
    (void)err;
    if (f->bytes > PLAIN_MAX)
        abort();
    uint8_t head[5] = {(uint8_t)f->kind, (uint8_t)f->stream, (uint8_t)(f->stream >> 8),
                       (uint8_t)(f->stream >> 16), (uint8_t)(f->stream >> 24)};
    d->sum = mix(mix(d->sum, head, sizeof head), f->body, f->bytes);
    d->frames++;
    if (d->again) {
        AUTO_BUF out = BUF_INIT(0);
        struct frame_reader r = {0};
        struct frame was = *f;
        frame_limits(&r, 2 * PLAIN_MAX, PLAIN_MAX);
        if (frame_put(&out, f, 2 * PLAIN_MAX, PLAIN_MAX) < 0 ||
            frame_feed(&r, (const uint8_t *)out.data, out.len, on_again, &was, NULL) < 0)
            abort();
        frame_reader_done(&r);
    }
    return 0;
}

static int run(const uint8_t *data, size_t size, size_t step, struct digest *d) {
    struct frame_reader r = {0};
    int code = 0;
    frame_limits(&r, FRAME_MAX, PLAIN_MAX);
    for (size_t at = 0; code == 0 && at < size; at += step) {
        code = frame_feed(&r, data + at, size - at < step ? size - at : step, on_frame, d, NULL);
        if (r.body.cap > 2 * (size + 64)) // memory follows what came
            abort();
    }
    frame_reader_done(&r);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const size_t steps[] = {1, 3, 17, 100};
    struct digest whole = {.again = true};
    int code = run(data, size, size + 1, &whole);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct digest split = {0};
        if (run(data, size, steps[i], &split) != code || split.sum != whole.sum ||
            split.frames != whole.frames)
            abort();
    }
    return 0;
}
