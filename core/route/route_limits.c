#include "core/route/route_limits.h"

#include "core/route/route_time.h"

#include <math.h>
#include <string.h>

enum { HEADER_NAME_BYTES_MAX = 80, MS_SECOND = 1000, SKEW_MS_MIN = 2000 };

const char *route_fault_name(enum route_fault fault) {
    static const char *const names[ROUTE_FAULTS] = {"none",   "rate",    "quota",     "overloaded",
                                                    "server", "timeout", "auth",      "billing",
                                                    "model",  "context", "signature", "request"};
    return (unsigned)fault < ROUTE_FAULTS ? names[fault] : "unknown";
}

void route_limits_init(struct route_limits *l) {
    *l = (struct route_limits){.retry_after_ms = -1, .should_retry = -1};
}

// The window of that name, made when it is new; NULL when the name is unfit or there is no room.
static struct route_limit *window_of(struct route_limits *l, const char *name, size_t n) {
    if (n == 0 || n >= ROUTE_WINDOW_NAME_BYTES_MAX)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') ||
              name[i] == '-' || name[i] == '_' || name[i] == '.'))
            return NULL;
    for (size_t i = 0; i < l->count; i++)
        if (strlen(l->items[i].window) == n && memcmp(l->items[i].window, name, n) == 0)
            return &l->items[i];
    if (l->count == ROUTE_LIMITS_MAX)
        return NULL;
    struct route_limit *item = &l->items[l->count++];
    *item = (struct route_limit){
        .limit = NAN, .remaining = NAN, .used_share = NAN, .reset_ms = -1, .length_ms = -1};
    memcpy(item->window, name, n);
    return item;
}

struct slice {
    const char *s;
    size_t n;
};

static bool slice_is(struct slice a, const char *word) {
    return a.n == strlen(word) && memcmp(a.s, word, a.n) == 0;
}
static bool cut_front(struct slice *a, const char *word) {
    size_t len = strlen(word);
    if (a->n < len || memcmp(a->s, word, len) != 0)
        return false;
    a->s += len;
    a->n -= len;
    return true;
}
static bool cut_back(struct slice *a, const char *word) {
    size_t len = strlen(word);
    if (a->n < len || memcmp(a->s + a->n - len, word, len) != 0)
        return false;
    a->n -= len;
    return true;
}

// A point in time: RFC 3339, seconds or milliseconds since 1970, or how long from now.
static void set_reset(struct route_limit *item, struct slice value, int64_t now_ms) {
    int64_t ms;
    double number;
    if (route_parse_number(value.s, value.n, &number) && number > 1e9) {
        item->reset_ms = (int64_t)(number > 1e12 ? fmin(number, 1e16) : number * MS_SECOND);
        item->reset_theirs = true;
    } else if (route_parse_duration(value.s, value.n, &ms)) {
        item->reset_ms = now_ms + ms;
        item->reset_theirs = false;
    } else if (route_parse_rfc3339(value.s, value.n, &ms)) {
        item->reset_ms = ms;
        item->reset_theirs = true;
    }
}

// anthropic-ratelimit-<window>-<figure>
static void anthropic(struct route_limits *l, struct slice rest, struct slice value,
                      int64_t now_ms) {
    struct route_limit *w;
    double number;
    if (cut_front(&rest, "unified-")) {
        if (cut_back(&rest, "-utilization")) {
            if (route_parse_number(value.s, value.n, &number) &&
                (w = window_of(l, rest.s, rest.n)) != NULL)
                w->used_share = number;
        } else if (cut_back(&rest, "-reset")) {
            if ((w = window_of(l, rest.s, rest.n)) != NULL)
                set_reset(w, value, now_ms);
        } else if (cut_back(&rest, "-status") && !slice_is(rest, "overage") &&
                   (w = window_of(l, rest.s, rest.n)) != NULL) {
            w->rejected = slice_is(value, "rejected");
        }
        return;
    }
    bool limit = cut_back(&rest, "-limit"), remaining = !limit && cut_back(&rest, "-remaining");
    if (limit || remaining) {
        if (route_parse_number(value.s, value.n, &number) &&
            (w = window_of(l, rest.s, rest.n)) != NULL)
            *(limit ? &w->limit : &w->remaining) = number;
    } else if (cut_back(&rest, "-reset") && (w = window_of(l, rest.s, rest.n)) != NULL) {
        set_reset(w, value, now_ms);
    }
}

// x-ratelimit-<figure>[-<window>]; without one it is requests that are counted.
static void openai(struct route_limits *l, struct slice rest, struct slice value, int64_t now_ms) {
    double number;
    bool limit = cut_front(&rest, "limit"), remaining = !limit && cut_front(&rest, "remaining");
    bool reset = !limit && !remaining && cut_front(&rest, "reset");
    if (!limit && !remaining && !reset)
        return;
    if (rest.n == 0)
        rest = (struct slice){"requests", 8};
    else if (!cut_front(&rest, "-"))
        return;
    bool readable = route_parse_number(value.s, value.n, &number);
    struct route_limit *w = reset || readable ? window_of(l, rest.s, rest.n) : NULL;
    if (!w)
        return;
    if (reset)
        set_reset(w, value, now_ms);
    else
        *(limit ? &w->limit : &w->remaining) = number;
}

// x-codex-{primary,secondary}-<figure>
static void codex(struct route_limits *l, struct slice rest, struct slice value, int64_t now_ms) {
    static const char *const windows[] = {"primary", "secondary"};
    double number;
    struct route_limit *w = NULL;
    if (!route_parse_number(value.s, value.n, &number))
        return;
    for (size_t i = 0; i < 2 && !w; i++)
        if (cut_front(&rest, windows[i]))
            w = window_of(l, windows[i], strlen(windows[i]));
    if (!w)
        return;
    if (slice_is(rest, "-used-percent")) {
        w->used_share = number / 100;
    } else if (slice_is(rest, "-window-minutes") && number <= ROUTE_DURATION_DAYS_MAX * 1440.0) {
        w->length_ms = (int64_t)(number * 60 * MS_SECOND);
    } else if (slice_is(rest, "-reset-at")) {
        set_reset(w, value, now_ms);
    } else if (slice_is(rest, "-reset-after-seconds") &&
               number <= ROUTE_DURATION_DAYS_MAX * 86400.0) {
        w->reset_ms = now_ms + (int64_t)(number * MS_SECOND);
        w->reset_theirs = false;
    }
}

static void retry_after(struct route_limits *l, struct slice value, int64_t now_ms) {
    double seconds;
    int64_t at;
    if (l->retry_after_ms >= 0)
        return; // retry-after-ms is the finer one
    if (route_parse_number(value.s, value.n, &seconds) &&
        seconds <= ROUTE_DURATION_DAYS_MAX * 86400.0)
        l->retry_after_ms = (int64_t)ceil(seconds * MS_SECOND);
    else if (route_parse_http_date(value.s, value.n, &at) &&
             at - now_ms <= (int64_t)ROUTE_DURATION_DAYS_MAX * 86400 * MS_SECOND)
        l->retry_after_ms = at > now_ms ? at - now_ms : 0;
}

void route_limits_header(struct route_limits *l, const char *name, size_t name_len,
                         const char *value, size_t value_len, int64_t now_ms) {
    char lower[HEADER_NAME_BYTES_MAX];
    struct slice v = {value, value_len}, rest = {lower, name_len};
    double number;
    int64_t ms;
    if (name_len > sizeof lower || value_len > 256)
        return;
    for (size_t i = 0; i < name_len; i++)
        lower[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 32) : name[i];
    while (v.n && (v.s[v.n - 1] == ' ' || v.s[v.n - 1] == '\t'))
        v.n--;
    while (v.n && (*v.s == ' ' || *v.s == '\t')) {
        v.s++;
        v.n--;
    }
    if (cut_front(&rest, "anthropic-ratelimit-")) {
        anthropic(l, rest, v, now_ms);
    } else if (cut_front(&rest, "x-ratelimit-")) {
        openai(l, rest, v, now_ms);
    } else if (cut_front(&rest, "x-codex-")) {
        codex(l, rest, v, now_ms);
    } else if (slice_is(rest, "retry-after")) {
        retry_after(l, v, now_ms);
    } else if (slice_is(rest, "retry-after-ms")) {
        if (route_parse_number(v.s, v.n, &number) && number <= 86400e3 * ROUTE_DURATION_DAYS_MAX)
            l->retry_after_ms = (int64_t)ceil(number);
    } else if (slice_is(rest, "x-should-retry")) {
        l->should_retry = slice_is(v, "true") ? 1 : slice_is(v, "false") ? 0 : -1;
    } else if (slice_is(rest, "date")) {
        if (route_parse_http_date(v.s, v.n, &ms))
            l->skew_ms = ms - now_ms;
    }
}

// "5h", "7d", "7d_opus": the length stands in the name.
static int64_t length_in_name(const char *window) {
    int64_t n = 0;
    size_t at = 0;
    while (at < 4 && window[at] >= '0' && window[at] <= '9')
        n = n * 10 + (window[at++] - '0');
    if (n == 0 || (window[at] != 'h' && window[at] != 'd' && window[at] != 'm') ||
        (window[at + 1] != '\0' && window[at + 1] != '_' && window[at + 1] != '-'))
        return -1;
    return n * MS_SECOND * (window[at] == 'm' ? 60 : window[at] == 'h' ? 3600 : 86400);
}

void route_limits_finish(struct route_limits *l, int64_t now_ms) {
    size_t kept = 0;
    // A date of HTTP is a whole second: small differences say nothing.
    int64_t skew = l->skew_ms > SKEW_MS_MIN || l->skew_ms < -SKEW_MS_MIN ? l->skew_ms : 0;
    int64_t far = now_ms + (int64_t)ROUTE_DURATION_DAYS_MAX * 86400 * MS_SECOND;
    for (size_t i = 0; i < l->count; i++) {
        struct route_limit *w = &l->items[i];
        if (w->reset_theirs && w->reset_ms >= 0) {
            w->reset_ms -= skew;
            w->reset_theirs = false;
        }
        if (w->reset_ms > far)
            w->reset_ms = -1;
        if (w->length_ms < 0)
            w->length_ms = length_in_name(w->window);
        if (isnan(w->used_share) && w->limit > 0 && !isnan(w->remaining))
            w->used_share = 1 - w->remaining / w->limit;
        if (isnan(w->used_share) && isnan(w->remaining) && !w->rejected)
            continue;
        l->items[kept++] = *w;
    }
    l->count = kept;
    l->finished = true;
}

int64_t route_retry_delay_ms(const struct route_limits *l, unsigned attempt, uint32_t random) {
    if (l && l->retry_after_ms >= 0)
        return l->retry_after_ms < ROUTE_WAIT_MS_MAX ? l->retry_after_ms : ROUTE_WAIT_MS_MAX;
    int64_t delay = 500;
    for (unsigned i = 0; i < attempt && delay < 8000; i++)
        delay *= 2;
    return delay - (int64_t)((uint64_t)delay / 4 * random / UINT32_MAX);
}

// --- failures

// One that is used up and does not begin anew soon.
static bool long_window_spent(const struct route_limits *l, int64_t now_ms) {
    for (size_t i = 0; i < l->count; i++) {
        const struct route_limit *w = &l->items[i];
        if (!(w->rejected || w->used_share >= 1 || w->remaining <= 0))
            continue;
        if (w->reset_ms >= 0 ? w->reset_ms > now_ms + ROUTE_WAIT_MS_MAX
                             : w->length_ms > ROUTE_WAIT_MS_MAX)
            return true;
    }
    return false;
}

enum route_fault route_limits_judge(struct route_limits *l, enum route_fault fault,
                                    int64_t retry_after_ms, int64_t resets_at_s, int64_t now_ms) {
    const int64_t most_s = INT64_C(86400) * ROUTE_DURATION_DAYS_MAX;
    route_limits_finish(l, now_ms);
    if (l->retry_after_ms < 0 && retry_after_ms >= 0 && retry_after_ms <= most_s * MS_SECOND)
        l->retry_after_ms = retry_after_ms;
    if (l->retry_after_ms < 0 && resets_at_s > 0 && resets_at_s < INT64_MAX / MS_SECOND) {
        int64_t ms = resets_at_s * MS_SECOND - (now_ms + l->skew_ms);
        if (ms >= 0 && ms <= most_s * MS_SECOND)
            l->retry_after_ms = ms;
    }
    bool quota = long_window_spent(l, now_ms) || l->retry_after_ms > ROUTE_WAIT_MS_MAX;
    return fault == ROUTE_FAULT_RATE && quota ? ROUTE_FAULT_QUOTA : fault;
}
