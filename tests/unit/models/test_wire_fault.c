#include "core/models/wire.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct row {
    enum wire_family family;
    int status;
    const char *body;
    enum wire_fault fault;
    int64_t retry_ms;
};

#define ANTHROPIC(type, text)                                                                      \
    "{\"type\":\"error\",\"error\":{\"type\":\"" type "\",\"message\":\"" text                     \
    "\"},\"request_id\":\"req_1\"}"
#define OPENAI(type, code, text)                                                                   \
    "{\"error\":{\"message\":\"" text "\",\"type\":\"" type "\",\"param\":null,\"code\":" code "}" \
    "}"
#define GEMINI(code, status, text, details)                                                        \
    "{\"error\":{\"code\":" code ",\"message\":\"" text "\",\"status\":\"" status                  \
    "\",\"details\":[" details "]}}"
#define QUOTA_ID(id)                                                                               \
    "{\"@type\":\"type.googleapis.com/"                                                            \
    "google.rpc.QuotaFailure\",\"violations\":[{\"quotaId\":\"" id                                 \
    "\"}]},{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"20s\"}"

// As the vendors' references and their clients' bug reports show them.
static const struct row rows[] = {
    {WIRE_ANTHROPIC, 429,
     ANTHROPIC("rate_limit_error", "This request would exceed your organization's rate limit of "
                                   "50,000 input tokens per minute"),
     WIRE_FAULT_RATE, -1},
    {WIRE_ANTHROPIC, 400,
     ANTHROPIC("invalid_request_error",
               "Your credit balance is too low to access the Anthropic API"),
     WIRE_FAULT_QUOTA, -1},
    {WIRE_ANTHROPIC, 400,
     ANTHROPIC("invalid_request_error",
               "You have reached your specified API usage limits. You will "
               "regain access on 2026-12-01 at 00:00 UTC."),
     WIRE_FAULT_QUOTA, -1},
    {WIRE_ANTHROPIC, 402, ANTHROPIC("billing_error", "x"), WIRE_FAULT_QUOTA, -1},
    {WIRE_ANTHROPIC, 529, ANTHROPIC("overloaded_error", "Overloaded"), WIRE_FAULT_OVERLOAD, -1},
    {WIRE_ANTHROPIC, 500, ANTHROPIC("api_error", "Internal server error"), WIRE_FAULT_SERVER, -1},
    {WIRE_ANTHROPIC, 401, ANTHROPIC("authentication_error", "invalid x-api-key"), WIRE_FAULT_KEY,
     -1},
    {WIRE_ANTHROPIC, 403, ANTHROPIC("permission_error", "x"), WIRE_FAULT_KEY, -1},
    {WIRE_ANTHROPIC, 404, ANTHROPIC("not_found_error", "model: claude-0"), WIRE_FAULT_MODEL, -1},
    {WIRE_ANTHROPIC, 404, ANTHROPIC("not_found_error", "Not Found"), WIRE_FAULT_REQUEST, -1},
    {WIRE_ANTHROPIC, 400,
     ANTHROPIC("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
     WIRE_FAULT_TOO_LONG, -1},
    {WIRE_ANTHROPIC, 413, ANTHROPIC("request_too_large", "Request exceeds the maximum size"),
     WIRE_FAULT_TOO_LONG, -1},
    {WIRE_ANTHROPIC, 400,
     ANTHROPIC("invalid_request_error",
               "messages.1.content.0: Invalid `signature` in `thinking` block"),
     WIRE_FAULT_SIGNATURE, -1},
    {WIRE_ANTHROPIC, 400, ANTHROPIC("invalid_request_error", "max_tokens: must be positive"),
     WIRE_FAULT_REQUEST, -1},
    {WIRE_CHAT, 429,
     OPENAI("tokens", "\"rate_limit_exceeded\"",
            "Rate limit reached for gpt-x on tokens per min (TPM): Limit 30000, Used 29000. Please "
            "try again in 1m12.5s."),
     WIRE_FAULT_RATE, 72500},
    {WIRE_CHAT, 429,
     OPENAI("insufficient_quota", "\"insufficient_quota\"",
            "You exceeded your current quota, please check your plan and billing details."),
     WIRE_FAULT_QUOTA, -1},
    {WIRE_CHAT, 429,
     OPENAI("tokens", "\"rate_limit_exceeded\"",
            "Request too large for gpt-x on tokens per min (TPM): Limit 30000, Requested 45123."),
     WIRE_FAULT_TOO_LONG, -1},
    {WIRE_RESPONSES, 429,
     "{\"error\":{\"type\":\"usage_limit_reached\",\"message\":\"The usage limit has been "
     "reached\","
     "\"plan_type\":\"plus\",\"resets_in_seconds\":3600}}",
     WIRE_FAULT_QUOTA, 3600000},
    {WIRE_CHAT, 400,
     OPENAI("invalid_request_error", "\"context_length_exceeded\"", "too many tokens"),
     WIRE_FAULT_TOO_LONG, -1},
    {WIRE_CHAT, 404,
     OPENAI("invalid_request_error", "\"model_not_found\"", "The model `x` does not exist"),
     WIRE_FAULT_MODEL, -1},
    {WIRE_CHAT, 401,
     OPENAI("invalid_request_error", "\"invalid_api_key\"", "Incorrect API key provided: sk-a***b"),
     WIRE_FAULT_KEY, -1},
    {WIRE_RESPONSES, 400,
     OPENAI("invalid_request_error", "\"invalid_encrypted_content\"", "could not be verified"),
     WIRE_FAULT_SIGNATURE, -1},
    {WIRE_CHAT, 503, OPENAI("server_error", "null", "The engine is currently overloaded"),
     WIRE_FAULT_OVERLOAD, -1},
    // llama.cpp, vLLM, Ollama, FastAPI, nginx
    {WIRE_CHAT, 503,
     "{\"error\":{\"code\":503,\"message\":\"Loading model\",\"type\":\"unavailable_error\"}}",
     WIRE_FAULT_OVERLOAD, -1},
    {WIRE_CHAT, 500,
     "{\"error\":{\"code\":500,\"message\":\"the request exceeds the available context size\","
     "\"type\":\"server_error\"}}",
     WIRE_FAULT_TOO_LONG, -1},
    {WIRE_CHAT, 400,
     "{\"object\":\"error\",\"message\":\"This model's maximum context length is 4096 tokens\","
     "\"type\":\"BadRequestError\",\"code\":400}",
     WIRE_FAULT_TOO_LONG, -1},
    {WIRE_CHAT, 404, "{\"error\":\"model 'x' not found, try pulling it first\"}", WIRE_FAULT_MODEL,
     -1},
    {WIRE_CHAT, 422, "{\"detail\":\"wrong\"}", WIRE_FAULT_REQUEST, -1},
    {WIRE_CHAT, 502, "<html><body>Bad Gateway</body></html>", WIRE_FAULT_SERVER, -1},
    {WIRE_CHAT, 404, "404 page not found\n", WIRE_FAULT_REQUEST, -1},
    {WIRE_CHAT, 429, "", WIRE_FAULT_RATE, -1},
    {WIRE_CHAT, 408, "", WIRE_FAULT_SERVER, -1},
    {WIRE_CHAT, 302, "", WIRE_FAULT_GARBAGE, -1},
    {WIRE_CHAT, 200, "{\"a\":", WIRE_FAULT_GARBAGE, -1},
    {WIRE_GEMINI, 429,
     GEMINI("429", "RESOURCE_EXHAUSTED", "You exceeded your current quota",
            QUOTA_ID("GenerateRequestsPerMinutePerProjectPerModel-FreeTier")),
     WIRE_FAULT_RATE, 20000},
    {WIRE_GEMINI, 429,
     GEMINI("429", "RESOURCE_EXHAUSTED", "You exceeded your current quota",
            QUOTA_ID("GenerateRequestsPerDayPerProjectPerModel-FreeTier")),
     WIRE_FAULT_QUOTA, 20000},
    {WIRE_GEMINI, 429,
     "[" GEMINI("429", "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).",
                "") "]",
     WIRE_FAULT_RATE, -1},
    {WIRE_GEMINI, 503, GEMINI("503", "UNAVAILABLE", "The model is overloaded.", ""),
     WIRE_FAULT_OVERLOAD, -1},
    {WIRE_GEMINI, 400,
     GEMINI("400", "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.",
            "{\"reason\":\"API_KEY_INVALID\"}"),
     WIRE_FAULT_KEY, -1},
    {WIRE_GEMINI, 404,
     GEMINI("404", "NOT_FOUND", "models/x is not found for API version v1beta", ""),
     WIRE_FAULT_MODEL, -1},
    {WIRE_GEMINI, 400,
     GEMINI("400", "INVALID_ARGUMENT",
            "The input token count (1200000) exceeds the maximum number of tokens allowed", ""),
     WIRE_FAULT_TOO_LONG, -1},
    {WIRE_GEMINI, 400,
     GEMINI("400", "INVALID_ARGUMENT",
            "Function call is missing a thought_signature in functionCall parts.", ""),
     WIRE_FAULT_SIGNATURE, -1},
};

static void errors_are_told_by_what_they_mean(void **state) {
    AUTO_BUF text = BUF_INIT(0);
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct wire_event e;
        wire_read_fault(rows[i].family, rows[i].status, rows[i].body, strlen(rows[i].body), &e,
                        &text);
        if (e.fault != rows[i].fault || e.retry_after_ms != rows[i].retry_ms)
            fail_msg("%d %s: %d after %lld", rows[i].status, rows[i].body, (int)e.fault,
                     (long long)e.retry_after_ms);
        assert_int_equal(e.kind, WIRE_ERROR);
        assert_true(e.n > 0 && e.text == text.data);
        assert_null(memchr(e.text, '<', e.n)); // no pages
    }
}

static void header(enum wire_family family, const char *name, const char *value,
                   struct wire_event *e) {
    wire_read_fault_header(family, name, strlen(name), value, strlen(value), e);
}

static void header_fields_tell_when_and_whose(void **state) {
    struct wire_event e = {.fault = WIRE_FAULT_RATE, .retry_after_ms = -1};
    (void)state;
    header(WIRE_CHAT, "Retry-After", "Fri, 27 Nov 2026 00:00:00 GMT", &e);
    header(WIRE_CHAT, "x-other", "3", &e);
    assert_int_equal(e.retry_after_ms, -1);
    header(WIRE_CHAT, "Retry-After", "12", &e);
    assert_int_equal(e.retry_after_ms, 12000);
    header(WIRE_CHAT, "retry-after-ms", "1500.5", &e);
    assert_int_equal(e.retry_after_ms, 1500);
    header(WIRE_CHAT, "retry-after", "2", &e); // the same, rounded
    assert_int_equal(e.retry_after_ms, 1500);
    header(WIRE_CHAT, "retry-after", "99", &e); // the later one counts
    assert_int_equal(e.retry_after_ms, 99000);
    header(WIRE_ANTHROPIC, "anthropic-ratelimit-unified-status", "allowed", &e);
    header(WIRE_RESPONSES, "x-codex-primary-used-percent", "99.9", &e);
    assert_int_equal(e.fault, WIRE_FAULT_RATE);
    header(WIRE_ANTHROPIC, "anthropic-ratelimit-unified-status", "rejected", &e);
    assert_int_equal(e.fault, WIRE_FAULT_QUOTA);
    e.fault = WIRE_FAULT_RATE;
    header(WIRE_RESPONSES, "x-codex-secondary-used-percent", "100", &e);
    assert_int_equal(e.fault, WIRE_FAULT_QUOTA);
    e.fault = WIRE_FAULT_OVERLOAD; // only a 429 can be the account's
    header(WIRE_RESPONSES, "x-codex-secondary-used-percent", "100", &e);
    assert_int_equal(e.fault, WIRE_FAULT_OVERLOAD);
}

static void written_errors_have_the_familys_status(void **state) {
    static const int statuses[WIRE_FAMILIES][WIRE_FAULT_GARBAGE + 1] = {
        {500, 429, 429, 529, 500, 401, 404, 400, 400, 400, 502},
        {500, 429, 429, 503, 500, 401, 404, 400, 400, 400, 502},
        {500, 429, 429, 503, 500, 401, 404, 400, 400, 400, 502},
        {500, 429, 429, 503, 500, 401, 404, 400, 400, 400, 502},
    };
    (void)state;
    for (unsigned family = 0; family < WIRE_FAMILIES; family++)
        for (unsigned f = WIRE_FAULT_RATE; f <= WIRE_FAULT_GARBAGE; f++) {
            AUTO_BUF out = BUF_INIT(0), text = BUF_INIT(0);
            struct wire_event e;
            int status = wire_write_fault((enum wire_family)family, (enum wire_fault)f,
                                          "so \"it\" is", &out);
            assert_int_equal(status, statuses[family][f]);
            json_t *tree = json_loadb(out.data, out.len, 0, NULL);
            assert_non_null(json_object_get(tree, "error"));
            json_decref(tree);
            wire_read_fault((enum wire_family)family, status, out.data, out.len, &e, &text);
            assert_non_null(strstr(text.data, "so \"it\" is"));
            // What only a message or a header tells is the next best when read again.
            if (f != WIRE_FAULT_QUOTA && f != WIRE_FAULT_SIGNATURE && f != WIRE_FAULT_MODEL &&
                f != WIRE_FAULT_GARBAGE)
                assert_int_equal(e.fault, f);
        }
    AUTO_BUF out = BUF_INIT(0);
    // What Claude Code looks for to shorten its history.
    assert_int_equal(wire_write_fault(WIRE_ANTHROPIC, WIRE_FAULT_TOO_LONG, "x", &out), 400);
    assert_non_null(strstr(out.data, "\"message\":\"prompt is too long: x\""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_told_by_what_they_mean),
        cmocka_unit_test(header_fields_tell_when_and_whose),
        cmocka_unit_test(written_errors_have_the_familys_status),
    };
    return cmocka_run_group_tests_name("models/wire_fault", tests, NULL, NULL);
}
