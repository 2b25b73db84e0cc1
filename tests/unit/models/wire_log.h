// Events as text, one a line, so that a test can say what it expects.
#pragma once

#include "core/models/wire.h"

struct wire_log {
    struct buf text;
    bool joined; // pieces of a block that follow each other in one line
    enum wire_kind last;
    struct wire_writer *to; // also written there, into `out`
    struct buf *out;
    int wrote;  // the first failure of that
    int refuse; // what the sink returns
};

int wire_log_event(void *ctx, const struct wire_event *e);
// Reads the whole answer, ends it; what the reader said last. The log grows in any case.
int wire_log_read(enum wire_family family, bool stream, const char *bytes, size_t n,
                  struct wire_log *log);
// A file below tests/fuzz/seeds/wire_read.
void wire_log_seed(const char *name, struct buf *ret);
