// protocol/hop: any bytes, any split; what comes out is within the limits and the same for each
// split.
#include "protocol/hop.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct digest {
    const uint8_t *wire; // the frames, written again, are the bytes that were read
    size_t at;
};

static int on_frame(void *ctx, const struct hop_frame *f, struct err *err) {
    struct digest *d = ctx;
    uint8_t head[HOP_HEADER_BYTES];
    (void)err;
    if (f->bytes > HOP_BODY_BYTES_MAX)
        abort();
    uint8_t time[HOP_TIME_BYTES];
    size_t time_bytes = f->flags & HOP_TIMED ? sizeof time : 0;
    for (size_t i = 0; i < time_bytes; i++)
        time[i] = (uint8_t)(f->arrival_ns >> (8 * i));
    const uint8_t *wire = d->wire + d->at;
    hop_header(head, f->type, f->flags, f->seq, f->bytes + time_bytes);
    if (memcmp(head, wire, sizeof head) != 0 || memcmp(time, wire + sizeof head, time_bytes) != 0 ||
        memcmp(f->body, wire + sizeof head + time_bytes, f->bytes) != 0)
        abort();
    d->at += sizeof head + time_bytes + f->bytes;
    return 0;
}

static int run(const uint8_t *data, size_t size, size_t step, size_t *ret_at) {
    struct digest d = {.wire = data};
    struct hop_reader *r = hop_reader_new(on_frame, &d);
    if (!r)
        abort();
    int code = 0;
    for (size_t at = 0; code == 0 && at < size; at += step)
        code = hop_feed(r, data + at, size - at < step ? size - at : step, NULL);
    hop_reader_free(r);
    *ret_at = d.at;
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const size_t steps[] = {1, 3, 17, 100};
    size_t whole, split;
    int r = run(data, size, size + 1, &whole);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (run(data, size, steps[i], &split) != r || split != whole)
            abort();
    return 0;
}
