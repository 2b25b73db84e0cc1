#include "core/route/route_prefix.h"

#define NONE SIZE_MAX

static bool in_order(const struct route_part *parts, size_t n) {
    for (size_t i = 1; i < n; i++)
        if (parts[i].kind < parts[i - 1].kind)
            return false;
    return true;
}

static size_t last_up_to(const struct route_part *parts, size_t n, enum route_part_kind kind) {
    size_t found = NONE;
    for (size_t i = 0; i < n && parts[i].kind <= kind; i++)
        found = i;
    return found;
}

// The end of the request before this one: what stands in front of the last answer.
static size_t end_before(const struct route_part *parts, size_t n) {
    for (size_t i = n; i-- > 1;)
        if (parts[i].kind == ROUTE_PART_HISTORY && parts[i].answer)
            return i - 1;
    return NONE;
}

static int64_t tokens_to(const struct route_part *parts, size_t last) {
    int64_t sum = 0;
    for (size_t i = 0; i <= last; i++)
        sum += parts[i].tokens > 0 ? parts[i].tokens : 0;
    return sum;
}

static void mark(const struct route_part *parts, size_t at, int64_t cache_min,
                 struct route_prefix *ret) {
    if (at == NONE || parts[at].kind == ROUTE_PART_VOLATILE)
        return;
    int64_t tokens = tokens_to(parts, at);
    bool longer = ret->count == 0 || (at > ret->after[ret->count - 1] && tokens > ret->tokens);
    if (!longer || tokens < cache_min || tokens == 0)
        return;
    ret->after[ret->count++] = at;
    ret->tokens = tokens;
}

bool route_prefix_plan(const struct route_part *parts, size_t n, int64_t cache_min, bool goes_on,
                       struct route_prefix *ret) {
    *ret = (struct route_prefix){0};
    if (!in_order(parts, n))
        return false;
    mark(parts, last_up_to(parts, n, ROUTE_PART_SYSTEM), cache_min, ret);
    mark(parts, last_up_to(parts, n, ROUTE_PART_PROJECT), cache_min, ret);
    mark(parts, end_before(parts, n), cache_min, ret);
    if (goes_on)
        mark(parts, last_up_to(parts, n, ROUTE_PART_HISTORY), cache_min, ret);
    return true;
}
