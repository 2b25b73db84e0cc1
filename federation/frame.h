// Frames of a link (federation/link.h says their form): bytes in, whole frames out; and the bodies,
// compressed where that pays. No I/O; one owner. Memory grows with what has arrived, never with
// what a length announces.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum frame_kind {
    FRAME_MESSAGE = 1,
    FRAME_BLOB = 2,
    FRAME_PING = 3,
    FRAME_PONG = 4,
    FRAME_GOODBYE = 5
};
enum {
    FRAME_ZSTD = 1,       // flag: the body is one zstd frame that states its size
    FRAME_HEAD_BYTES = 6, // length, kind, flags
    FRAME_STREAM_BYTES = 4,
    FRAME_HEAD_BYTES_MAX = FRAME_HEAD_BYTES + FRAME_STREAM_BYTES,
    FRAME_PING_BYTES = 8, // of a ping's and a pong's body, exactly
    FRAME_GOODBYE_BYTES_MAX = 64,
    FRAME_PACK_BYTES_MIN = 512 // smaller bodies are not worth a try
};

struct frame {
    enum frame_kind kind;
    uint32_t stream;     // of a blob
    const uint8_t *body; // as the sender wrote it; borrowed
    size_t bytes;
};
// A negative return ends the feed and becomes its result.
typedef int frame_fn(void *ctx, const struct frame *f, struct err *err);

// {0} is ready for use, with the limits set by frame_limits.
struct frame_reader {
    uint8_t head[FRAME_HEAD_BYTES];
    size_t head_bytes;
    size_t wait;     // bytes of the frame after its head; valid once the head is whole
    struct buf body; // the stream's number and the body, as far as they have arrived
    size_t frame_max, plain_max;
};
// What follows a length, and a body once decompressed, at most. Holds for frames whose head is
// still to come.
void frame_limits(struct frame_reader *r, size_t frame_max, size_t plain_max);
// Any split of the stream. ERR_PARSE, ERR_LIMIT: the stream cannot go on; ERR_NOMEM; or what fn
// said.
int frame_feed(struct frame_reader *r, const uint8_t *bytes, size_t n, frame_fn *fn, void *ctx,
               struct err *err);
void frame_reader_done(struct frame_reader *r);

// Appends one whole frame. `body` is compressed when that saves an eighth of it. ERR_LIMIT: over
// `frame_max` also so, or over `plain_max`; ERR_NOMEM. On failure nothing is appended.
int frame_put(struct buf *out, const struct frame *f, size_t frame_max, size_t plain_max);
