// An edit (pattern.h) applied where its form from before stands: names and literals of the place go
// into the text from after. What comes out is not believed but tried: the new text is parsed, it
// has no new errors, exactly the form from after stands there, with nothing else of the tree moved.
// Any thread; parses once for each application.
#pragma once

#include "core/base/buf.h"
#include "core/code/patterns.h"

// Says the text from after all that is to be written? Not with `$...`, and not with a name or a
// literal that the form from before does not have; never in languages where `$` is a sign of its
// own.
bool pattern_can_apply(const struct pattern *p);

struct pattern_application {
    uint32_t start, end; // bytes that are replaced
    struct buf text;     // by this; the caller's: buf_done()
};
// At a match of patterns_match() in the tree `s`, which has no place for comments in what goes.
// Layout: one line break for one of the pattern's, indented as the line where it begins. 1: *ret;
// 0: it cannot be applied here; ERR_NOMEM.
int pattern_apply(const struct pattern *p, const struct syntax *s, const struct pattern_match *m,
                  struct pattern_application *ret, struct err *err);
