// Message framing of the two stdio protocols. Bytes in, messages out; does no I/O, knows no loop,
// one owner. Sources: LSP 3.17 "Base Protocol" (Content-Length header); MCP 2025-11-25 "Transports,
// stdio" (one JSON per line).
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum framing_kind { FRAMING_CONTENT_LENGTH, FRAMING_LINES };
enum {
    FRAMING_BODY_BYTES_MAX = 64 * 1024 * 1024,
    FRAMING_SKIP_BYTES_MAX = 1024 * 1024 * 1024, // a Content-Length beyond it is no message
    FRAMING_HEADER_BYTES_MAX = 4096,
    FRAMING_HEAD_BYTES = 64 * 1024,
    FRAMING_PART_BYTES = 64 * 1024
};

struct framing;

struct framing_events {
    // One complete body, borrowed. A negative return stops the feed and becomes its result.
    int (*message)(void *ctx, const char *body, size_t n, struct err *err);
    // A body over the maximum: its first FRAMING_HEAD_BYTES and its length so far; the rest is
    // skipped, memory stays bounded, and the stream goes on with the next message.
    int (*oversize)(void *ctx, const char *head, size_t head_bytes, size_t total_bytes,
                    struct err *err);
    // Optional, Content-Length only: of a body of `total` bytes the first n have come, at least
    // FRAMING_PART_BYTES and not all of them. Called after each more of them; `message` is called
    // at the end all the same. Borrowed.
    int (*part)(void *ctx, const char *body, size_t n, size_t total, struct err *err);
};

// `body_max` <= FRAMING_BODY_BYTES_MAX. NULL when out of memory.
struct framing *framing_new(enum framing_kind kind, size_t body_max,
                            const struct framing_events *ev, void *ctx);
void framing_free(struct framing *f); // accepts NULL

// Any split of the byte stream. 0, or ERR_PARSE (cannot be resynchronised: bad header), ERR_LIMIT
// (Content-Length over FRAMING_SKIP_BYTES_MAX), ERR_NOMEM, or what a callback returned.
// Lines: CR before LF is dropped, empty lines are ignored; the last line without LF is delivered by
// framing_end.
int framing_feed(struct framing *f, const void *bytes, size_t n, struct err *err);
// Within `message`: gives the body's memory to the caller, where it has some of its own. false: the
// body lies in the input.
bool framing_take(struct framing *f, struct buf *ret);
int framing_end(struct framing *f, struct err *err);
