// What a model's answer says about the code, against what tools have returned: places (path:line,
// path:line-line) that no tool has shown are marked, statements without any place are listed.
// Pure; one thread at a time.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    TEAM_SPANS_MAX = 4096,    // more are not remembered: what cites them is not checked
    TEAM_CITATIONS_MAX = 200, // of one answer; the rest is not looked at, and counted
    TEAM_UNCITED_MAX = 20,    // shown; all are counted
    TEAM_UNCITED_BYTES = 160  // of each
};

struct team_span {
    char *path;
    uint32_t from, to; // lines, both inside
};
struct team_seen {
    struct team_span *spans;
    uint32_t count, room;
};
void team_seen_done(struct team_seen *s);
// ERR_NOMEM. What is no line is passed over, and what is beyond the maximum.
int team_seen_add(struct team_seen *s, const char *path, size_t n, int64_t from, int64_t to);
// Every object with a path and a line, at any depth up to eight: an answer of an agent.
int team_seen_answer(struct team_seen *s, const json_t *answer);
// Was each end of it shown? `path` may be the end of a path, from a folder on.
bool team_seen_holds(const struct team_seen *s, const char *path, size_t n, int64_t from,
                     int64_t to);
json_t *team_seen_json(const struct team_seen *s);           // new; NULL: out of memory
int team_seen_read(struct team_seen *s, const json_t *kept); // ERR_NOMEM

struct team_verdict {
    struct buf text;   // with " (not checked)" behind what no tool has shown
    json_t *citations; // [{"path", "line", "end_line"?, "checked"}]
    json_t *uncited;   // the first statements without a place
    unsigned checked, unchecked, uncited_count, left_out;
};
// ERR_NOMEM. In any case team_verdict_done.
int team_verdict_make(const char *text, size_t n, const struct team_seen *seen,
                      struct team_verdict *ret);
void team_verdict_done(struct team_verdict *v);
