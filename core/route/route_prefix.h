// Where a provider that wants to be told (Anthropic's `cache_control`) should keep the beginning of
// a request, so that the next request of the conversation, or another conversation of the
// workspace, reads it for a tenth of the price. Others keep beginnings by themselves: for them the
// order of the parts is all there is to do. A pure function: no I/O, no clock, any thread.
//
// Who composes a request puts its parts in this order, the longest-lived first:
//   tools      the same for all requests of an agent
//   system     the same for all requests of an agent
//   project    a map of the workspace, notes: the same until the workspace changes
//   history    turns; each is sent again with every later one, and nothing in it changes
//   volatile   time, open file, cursor: another one each time, and so the last
// A part that changes makes all parts behind it new.
//
// A provider takes ROUTE_PREFIX_MARKS_MAX marks. One costs a write of what lies between it and the
// mark before (1.25 x input), and pays from the first time that it is read (0.1 x): marks stand
//   1. behind the last tool or system part        read by other conversations, too
//   2. behind the project's parts                 likewise
//   3. behind what the last request had as its end  what was written then is found again, however
//                                                   many blocks a turn has added since (providers
//                                                   look back a limited number of blocks)
//   4. behind the last part of the history        for the next request
// and none where the provider would not keep it (shorter than `cache_min`) or where the same bytes
// have one already. Source: Anthropic, "Prompt caching" (order, four breakpoints, minimum lengths,
// 20 blocks looked back).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ROUTE_PREFIX_MARKS_MAX = 4 };

enum route_part_kind {
    ROUTE_PART_TOOLS,
    ROUTE_PART_SYSTEM,
    ROUTE_PART_PROJECT,
    ROUTE_PART_HISTORY,
    ROUTE_PART_VOLATILE,
    ROUTE_PART_KINDS
};
struct route_part {
    enum route_part_kind kind;
    int64_t tokens; // an estimate will do
    bool answer; // of the history: the model said it. What stands before the last one was the end
                 // of the request before
};
struct route_prefix {
    size_t count;
    size_t after[ROUTE_PREFIX_MARKS_MAX]; // places of parts, ascending: a mark behind each
    int64_t tokens;                       // in front of the last mark
};
// `cache_min`: the shortest beginning that the provider keeps, in tokens. `goes_on`: more requests
// of this conversation are likely; without, nothing is written that only they would read.
// false, and no mark: the parts are not in order (a part of an earlier kind stands behind one of a
// later kind).
bool route_prefix_plan(const struct route_part *parts, size_t n, int64_t cache_min, bool goes_on,
                       struct route_prefix *ret);
