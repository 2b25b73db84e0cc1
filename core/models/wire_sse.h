// Server-sent events: bytes in, the data of each event out. Names, ids and retry times of events
// are not kept: none of the model APIs says anything there that its data does not.
// Pure; one owner. Source: WHATWG HTML 9.2.6 (interpreting an event stream).
#pragma once

#include "core/base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct wire_sse {
    struct buf line;  // a line whose end has not come
    struct buf data;  // the data of the event so far
    size_t bytes_max; // of one event, and of one line
    unsigned bom;     // bytes of the byte order mark seen; 3: no longer looked for
    bool has_data;    // even if empty
    bool after_cr;    // a line feed that comes now belongs to the line before
};

// `data` is borrowed during the call. A negative return ends the feed and becomes its result.
typedef int wire_sse_event(void *ctx, const char *data, size_t n);

void wire_sse_init(struct wire_sse *s, size_t bytes_max);
void wire_sse_done(struct wire_sse *s);
// Any split of the stream. ERR_LIMIT, ERR_NOMEM, or what `event` returned.
int wire_sse_feed(struct wire_sse *s, const char *bytes, size_t n, wire_sse_event *event,
                  void *ctx);
// The stream ended. The specification throws away an event without its empty line; servers that
// leave that line out are common enough that it is handed over here.
int wire_sse_end(struct wire_sse *s, wire_sse_event *event, void *ctx);
