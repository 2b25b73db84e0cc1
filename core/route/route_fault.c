// What kind of failure an answer is: by its status, its quota windows and the error object in its
// body.
#include "core/base/fields.h"
#include "core/route/route_limits.h"
#include "core/route/route_time.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

// What the bodies of all families have between them.
struct told {
    struct text type, code, status, message;
    bool daily; // Google names the quota: …PerDay…
};

static struct text text_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    struct text t = {json_string_value(value), json_string_length(value)};
    return t;
}

static bool word_in(struct text t, const char *const *words) {
    for (size_t i = 0; words[i]; i++)
        if (text_is(t, words[i]))
            return true;
    return false;
}

// Whether `t` holds `words` in any case; looks at its first KiB.
static bool says(struct text t, const char *words) {
    size_t len = strlen(words), n = t.len < 1024 ? t.len : 1024;
    for (size_t i = 0; i + len <= n; i++) {
        size_t k = 0;
        while (k < len) {
            char c = t.data[i + k];
            if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != words[k])
                break;
            k++;
        }
        if (k == len)
            return true;
    }
    return false;
}

static bool known(const struct told *t, const char *const *words) {
    return word_in(t->type, words) || word_in(t->code, words) || word_in(t->status, words);
}

// "resets_at": seconds since 1970, "resets_in_seconds": from now (usage_limit_reached of Codex
// plans).
static void read_reset(struct route_limits *l, const json_t *error, int64_t now_ms) {
    const json_t *at = json_object_get(error, "resets_at");
    const json_t *in = json_object_get(error, "resets_in_seconds");
    double most = ROUTE_DURATION_DAYS_MAX * 86400.0, seconds = -1;
    if (json_is_number(in))
        seconds = json_number_value(in);
    else if (json_is_number(at))
        seconds = json_number_value(at) - (double)(now_ms + l->skew_ms) / 1000;
    if (seconds >= 0 && seconds <= most && l->retry_after_ms < 0)
        l->retry_after_ms = (int64_t)ceil(seconds * 1000);
}

// google.rpc: RetryInfo {"retryDelay":"34s"}, QuotaFailure {"violations":[{"quotaId":"…PerDay…"}]}
static void read_google(struct route_limits *l, const json_t *error, struct told *told) {
    const json_t *details = json_object_get(error, "details"), *item, *violation;
    size_t i, k;
    json_array_foreach(details, i, item) {
        struct text delay = text_of(item, "retryDelay");
        int64_t ms;
        if (i == 16)
            break;
        if (delay.data && l->retry_after_ms < 0 && route_parse_duration(delay.data, delay.len, &ms))
            l->retry_after_ms = ms;
        json_array_foreach(json_object_get(item, "violations"), k, violation) {
            if (k == 16)
                break;
            told->daily |= says(text_of(violation, "quotaId"), "perday");
        }
    }
}

static void read_body(struct route_limits *l, const json_t *root, struct told *told,
                      int64_t now_ms) {
    if (json_is_array(root))
        root = json_array_get(root, 0);
    const json_t *error = json_object_get(root, "error");
    if (json_is_string(error)) { // Ollama: {"error":"model not found"}
        told->message = text_of(root, "error");
        return;
    }
    if (!json_is_object(error))
        error = root;
    told->type = text_of(error, "type");
    told->code = text_of(error, "code");
    told->status = text_of(error, "status");
    told->message = text_of(error, "message");
    read_reset(l, error, now_ms);
    read_google(l, error, told);
}

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

static const char *const quota_words[] = {"insufficient_quota",         "usage_limit_reached",
                                          "usage_limit_exceeded",       "quota_exceeded",
                                          "billing_hard_limit_reached", NULL};
static const char *const billing_words[] = {"billing_error", "billing_not_active",
                                            "usage_not_included", "payment_required", NULL};
static const char *const overloaded_words[] = {"overloaded_error",     "overloaded", "UNAVAILABLE",
                                               "server_is_overloaded", "slow_down",  NULL};
static const char *const context_words[] = {"context_length_exceeded", "request_too_large",
                                            "model_context_window_exceeded", NULL};
static const char *const model_words[] = {"not_found_error", "model_not_found", "NOT_FOUND", NULL};
static const char *const auth_words[] = {"authentication_error", "permission_error",
                                         "invalid_api_key",      "UNAUTHENTICATED",
                                         "PERMISSION_DENIED",    NULL};
static const char *const rate_words[] = {
    "rate_limit_error", "rate_limit_exceeded", "RESOURCE_EXHAUSTED", "tokens", "requests", NULL};
static const char *const server_words[] = {"api_error", "server_error", "INTERNAL", NULL};

static enum route_fault too_many(const struct route_limits *l, const struct told *t,
                                 int64_t now_ms) {
    if (known(t, quota_words) || t->daily || long_window_spent(l, now_ms) ||
        l->retry_after_ms > ROUTE_WAIT_MS_MAX)
        return ROUTE_FAULT_QUOTA;
    return known(t, billing_words) ? ROUTE_FAULT_BILLING : ROUTE_FAULT_RATE;
}

// 400 and its like: providers tell apart by words what deserves a status of its own.
static enum route_fault bad_request(const struct told *t) {
    if (known(t, context_words) || says(t->message, "prompt is too long") ||
        says(t->message, "maximum context length") || says(t->message, "context window") ||
        says(t->message, "exceeds the available context size") ||
        says(t->message, "input token count"))
        return ROUTE_FAULT_CONTEXT;
    if (says(t->message, "signature") && says(t->message, "think"))
        return ROUTE_FAULT_SIGNATURE;
    if (known(t, billing_words) || says(t->message, "credit balance"))
        return ROUTE_FAULT_BILLING;
    if (says(t->message, "api key not valid")) // Google answers 400 to a wrong key
        return ROUTE_FAULT_AUTH;
    if (known(t, quota_words))
        return ROUTE_FAULT_QUOTA;
    return known(t, model_words) ? ROUTE_FAULT_MODEL : ROUTE_FAULT_REQUEST;
}

static enum route_fault by_status(const struct route_limits *l, const struct told *t, int status,
                                  int64_t now_ms) {
    if (status >= 200 && status < 300)
        return ROUTE_FAULT_NONE;
    switch (status) {
    case 401:
    case 403:
        return known(t, billing_words) ? ROUTE_FAULT_BILLING : ROUTE_FAULT_AUTH;
    case 402:
        return ROUTE_FAULT_BILLING;
    case 404:
        return ROUTE_FAULT_MODEL;
    case 408:
    case 504:
        return ROUTE_FAULT_TIMEOUT;
    case 409:
        return ROUTE_FAULT_SERVER; // a conflict of the moment: the SDKs try again
    case 413:
        return ROUTE_FAULT_CONTEXT;
    case 429:
        return too_many(l, t, now_ms);
    case 503:
    case 529:
        return ROUTE_FAULT_OVERLOADED;
    default:
        break;
    }
    if (status >= 400 && status < 500)
        return bad_request(t);
    return known(t, overloaded_words) ? ROUTE_FAULT_OVERLOADED : ROUTE_FAULT_SERVER;
}

static enum route_fault by_words(const struct route_limits *l, const struct told *t,
                                 int64_t now_ms) {
    if (known(t, quota_words) || known(t, rate_words))
        return too_many(l, t, now_ms);
    if (known(t, overloaded_words))
        return ROUTE_FAULT_OVERLOADED;
    if (known(t, auth_words))
        return ROUTE_FAULT_AUTH;
    if (known(t, server_words))
        return ROUTE_FAULT_SERVER;
    enum route_fault fault = bad_request(t);
    return fault == ROUTE_FAULT_REQUEST && !text_is(t->type, "invalid_request_error")
               ? ROUTE_FAULT_SERVER
               : fault;
}

static json_t *parse(const char *body, size_t n) {
    if (!body || n == 0 || n > ROUTE_BODY_BYTES_MAX)
        return NULL;
    return json_loadb(body, n, JSON_ALLOW_NUL, NULL);
}

enum route_fault route_limits_fault(struct route_limits *l, int status, const char *body, size_t n,
                                    int64_t now_ms) {
    struct told told = {0};
    if (!l->finished)
        route_limits_finish(l, now_ms);
    json_t *root = status >= 200 && status < 300 ? NULL : parse(body, n);
    if (root)
        read_body(l, root, &told, now_ms);
    enum route_fault fault = by_status(l, &told, status, now_ms);
    json_decref(root);
    return fault;
}

enum route_fault route_limits_stream_fault(struct route_limits *l, const char *body, size_t n,
                                           int64_t now_ms) {
    struct told told = {0};
    json_t *root = parse(body, n);
    if (!root)
        return ROUTE_FAULT_SERVER;
    read_body(l, root, &told, now_ms);
    enum route_fault fault = by_words(l, &told, now_ms);
    json_decref(root);
    return fault;
}
