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
    enum route_fault fault;
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
     ROUTE_FAULT_RATE, -1},
    {WIRE_ANTHROPIC, 400,
     ANTHROPIC("invalid_request_error",
               "Your credit balance is too low to access the Anthropic API"),
     ROUTE_FAULT_BILLING, -1},
    {WIRE_ANTHROPIC, 400,
     ANTHROPIC("invalid_request_error",
               "You have reached your specified API usage limits. You will "
               "regain access on 2026-12-01 at 00:00 UTC."),
     ROUTE_FAULT_QUOTA, -1},
    {WIRE_ANTHROPIC, 402, ANTHROPIC("billing_error", "x"), ROUTE_FAULT_BILLING, -1},
    {WIRE_ANTHROPIC, 402, "", ROUTE_FAULT_BILLING, -1},
    {WIRE_ANTHROPIC, 403, ANTHROPIC("billing_error", "x"), ROUTE_FAULT_BILLING, -1},
    {WIRE_ANTHROPIC, 529, ANTHROPIC("overloaded_error", "Overloaded"), ROUTE_FAULT_OVERLOADED, -1},
    {WIRE_ANTHROPIC, 500, ANTHROPIC("api_error", "Internal server error"), ROUTE_FAULT_SERVER, -1},
    {WIRE_ANTHROPIC, 401, ANTHROPIC("authentication_error", "invalid x-api-key"), ROUTE_FAULT_AUTH,
     -1},
    {WIRE_ANTHROPIC, 403, ANTHROPIC("permission_error", "x"), ROUTE_FAULT_AUTH, -1},
    {WIRE_ANTHROPIC, 404, ANTHROPIC("not_found_error", "model: claude-0"), ROUTE_FAULT_MODEL, -1},
    {WIRE_ANTHROPIC, 404, ANTHROPIC("not_found_error", "Not Found"), ROUTE_FAULT_MODEL, -1},
    {WIRE_ANTHROPIC, 400,
     ANTHROPIC("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
     ROUTE_FAULT_CONTEXT, -1},
    {WIRE_ANTHROPIC, 413, ANTHROPIC("request_too_large", "Request exceeds the maximum size"),
     ROUTE_FAULT_CONTEXT, -1},
    {WIRE_ANTHROPIC, 400,
     ANTHROPIC("invalid_request_error",
               "messages.1.content.0: Invalid `signature` in `thinking` block"),
     ROUTE_FAULT_SIGNATURE, -1},
    {WIRE_ANTHROPIC, 400, ANTHROPIC("invalid_request_error", "max_tokens: must be positive"),
     ROUTE_FAULT_REQUEST, -1},
    {WIRE_CHAT, 429,
     OPENAI("tokens", "\"rate_limit_exceeded\"",
            "Rate limit reached for gpt-x on tokens per min (TPM): Limit 30000, Used 29000. Please "
            "try again in 1m12.5s."),
     ROUTE_FAULT_RATE, 72500},
    {WIRE_CHAT, 429,
     OPENAI("insufficient_quota", "\"insufficient_quota\"",
            "You exceeded your current quota, please check your plan and billing details."),
     ROUTE_FAULT_QUOTA, -1},
    {WIRE_CHAT, 429,
     OPENAI("tokens", "\"rate_limit_exceeded\"",
            "Request too large for gpt-x on tokens per min (TPM): Limit 30000, Requested 45123."),
     ROUTE_FAULT_CONTEXT, -1},
    {WIRE_RESPONSES, 429,
     "{\"error\":{\"type\":\"usage_limit_reached\",\"message\":\"The usage limit has been "
     "reached\","
     "\"plan_type\":\"plus\",\"resets_in_seconds\":3600}}",
     ROUTE_FAULT_QUOTA, 3600000},
    {WIRE_CHAT, 400,
     OPENAI("invalid_request_error", "\"context_length_exceeded\"", "too many tokens"),
     ROUTE_FAULT_CONTEXT, -1},
    {WIRE_CHAT, 404,
     OPENAI("invalid_request_error", "\"model_not_found\"", "The model `x` does not exist"),
     ROUTE_FAULT_MODEL, -1},
    {WIRE_CHAT, 401,
     OPENAI("invalid_request_error", "\"invalid_api_key\"", "Incorrect API key provided: sk-a***b"),
     ROUTE_FAULT_AUTH, -1},
    {WIRE_RESPONSES, 400,
     OPENAI("invalid_request_error", "\"invalid_encrypted_content\"", "could not be verified"),
     ROUTE_FAULT_SIGNATURE, -1},
    {WIRE_CHAT, 503, OPENAI("server_error", "null", "The engine is currently overloaded"),
     ROUTE_FAULT_OVERLOADED, -1},
    // llama.cpp, vLLM, Ollama, FastAPI, nginx
    {WIRE_CHAT, 503,
     "{\"error\":{\"code\":503,\"message\":\"Loading model\",\"type\":\"unavailable_error\"}}",
     ROUTE_FAULT_OVERLOADED, -1},
    {WIRE_CHAT, 500,
     "{\"error\":{\"code\":500,\"message\":\"the request exceeds the available context size\","
     "\"type\":\"server_error\"}}",
     ROUTE_FAULT_CONTEXT, -1},
    {WIRE_CHAT, 400,
     "{\"object\":\"error\",\"message\":\"This model's maximum context length is 4096 tokens\","
     "\"type\":\"BadRequestError\",\"code\":400}",
     ROUTE_FAULT_CONTEXT, -1},
    {WIRE_CHAT, 404, "{\"error\":\"model 'x' not found, try pulling it first\"}", ROUTE_FAULT_MODEL,
     -1},
    {WIRE_CHAT, 422, "{\"detail\":\"wrong\"}", ROUTE_FAULT_REQUEST, -1},
    {WIRE_CHAT, 502, "<html><body>Bad Gateway</body></html>", ROUTE_FAULT_SERVER, -1},
    {WIRE_CHAT, 404, "404 page not found\n", ROUTE_FAULT_MODEL, -1},
    {WIRE_CHAT, 429, "", ROUTE_FAULT_RATE, -1},
    {WIRE_CHAT, 408, "", ROUTE_FAULT_TIMEOUT, -1},
    {WIRE_CHAT, 504, "", ROUTE_FAULT_TIMEOUT, -1},
    {WIRE_CHAT, 409, "", ROUTE_FAULT_SERVER, -1},
    {WIRE_CHAT, 413, "", ROUTE_FAULT_CONTEXT, -1},
    {WIRE_CHAT, 503, "", ROUTE_FAULT_OVERLOADED, -1},
    {WIRE_CHAT, 500, ANTHROPIC("overloaded_error", "x"), ROUTE_FAULT_OVERLOADED, -1},
    {WIRE_CHAT, 0, "", ROUTE_FAULT_SERVER, -1},
    // within a stream
    {WIRE_CHAT, 0, ANTHROPIC("overloaded_error", "x"), ROUTE_FAULT_OVERLOADED, -1},
    {WIRE_CHAT, 0, ANTHROPIC("api_error", "x"), ROUTE_FAULT_SERVER, -1},
    {WIRE_CHAT, 0, "{\"type\":\"error\",\"code\":\"rate_limit_exceeded\"}", ROUTE_FAULT_RATE, -1},
    {WIRE_CHAT, 0, "{\"error\":{\"code\":\"insufficient_quota\"}}", ROUTE_FAULT_QUOTA, -1},
    {WIRE_CHAT, 0, ANTHROPIC("invalid_request_error", "no"), ROUTE_FAULT_REQUEST, -1},
    {WIRE_GEMINI, 0, "[{\"error\":{\"status\":\"UNAVAILABLE\"}}]", ROUTE_FAULT_OVERLOADED, -1},
    {WIRE_CHAT, 0, "{}", ROUTE_FAULT_SERVER, -1},
    {WIRE_CHAT, 302, "", ROUTE_FAULT_SERVER, -1},
    {WIRE_CHAT, 200, "{\"a\":", ROUTE_FAULT_SERVER, -1},
    {WIRE_GEMINI, 429,
     GEMINI("429", "RESOURCE_EXHAUSTED", "You exceeded your current quota",
            QUOTA_ID("GenerateRequestsPerMinutePerProjectPerModel-FreeTier")),
     ROUTE_FAULT_RATE, 20000},
    {WIRE_GEMINI, 429,
     GEMINI("429", "RESOURCE_EXHAUSTED", "You exceeded your current quota",
            QUOTA_ID("GenerateRequestsPerDayPerProjectPerModel-FreeTier")),
     ROUTE_FAULT_QUOTA, 20000},
    {WIRE_GEMINI, 429,
     "[" GEMINI("429", "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).",
                "") "]",
     ROUTE_FAULT_RATE, -1},
    {WIRE_GEMINI, 503, GEMINI("503", "UNAVAILABLE", "The model is overloaded.", ""),
     ROUTE_FAULT_OVERLOADED, -1},
    {WIRE_GEMINI, 400,
     GEMINI("400", "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.",
            "{\"reason\":\"API_KEY_INVALID\"}"),
     ROUTE_FAULT_AUTH, -1},
    {WIRE_GEMINI, 404,
     GEMINI("404", "NOT_FOUND", "models/x is not found for API version v1beta", ""),
     ROUTE_FAULT_MODEL, -1},
    {WIRE_GEMINI, 400,
     GEMINI("400", "INVALID_ARGUMENT",
            "The input token count (1200000) exceeds the maximum number of tokens allowed", ""),
     ROUTE_FAULT_CONTEXT, -1},
    {WIRE_GEMINI, 400,
     GEMINI("400", "INVALID_ARGUMENT",
            "Function call is missing a thought_signature in functionCall parts.", ""),
     ROUTE_FAULT_SIGNATURE, -1},
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

static void the_end_of_a_quota_is_read(void **state) {
    AUTO_BUF text = BUF_INIT(0);
    struct wire_event e;
    static const char codex[] =
        "{\"error\":{\"type\":\"usage_limit_reached\",\"resets_at\":1795827600}}";
    (void)state;
    wire_read_fault(WIRE_RESPONSES, 429, codex, strlen(codex), &e, &text);
    assert_int_equal(e.fault, ROUTE_FAULT_QUOTA);
    assert_int_equal(e.resets_at_s, 1795827600);
    assert_int_equal(e.retry_after_ms, -1);
}

static void written_errors_have_the_familys_status(void **state) {
    static const int anthropic[ROUTE_FAULTS] = {500, 429, 429, 529, 502, 504,
                                                401, 402, 404, 400, 400, 400};
    static const int others[ROUTE_FAULTS] = {500, 429, 429, 503, 502, 504,
                                             401, 402, 404, 400, 400, 400};
    (void)state;
    for (unsigned family = 0; family < WIRE_FAMILIES; family++)
        for (unsigned f = ROUTE_FAULT_RATE; f < ROUTE_FAULTS; f++) {
            AUTO_BUF out = BUF_INIT(0), text = BUF_INIT(0);
            struct wire_event e;
            int status = wire_write_fault((enum wire_family)family, (enum route_fault)f,
                                          "so \"it\" is", &out);
            assert_int_equal(status, (family == WIRE_ANTHROPIC ? anthropic : others)[f]);
            json_t *tree = json_loadb(out.data, out.len, 0, NULL);
            assert_non_null(json_object_get(tree, "error"));
            json_decref(tree);
            wire_read_fault((enum wire_family)family, status, out.data, out.len, &e, &text);
            assert_non_null(strstr(text.data, "so \"it\" is"));
            // What only a message or a header tells is the next best when read again.
            if (f != ROUTE_FAULT_QUOTA && f != ROUTE_FAULT_SIGNATURE)
                assert_int_equal(e.fault, f);
        }
    AUTO_BUF out = BUF_INIT(0);
    // What Claude Code looks for to shorten its history.
    assert_int_equal(wire_write_fault(WIRE_ANTHROPIC, ROUTE_FAULT_CONTEXT, "x", &out), 400);
    assert_non_null(strstr(out.data, "\"message\":\"prompt is too long: x\""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_told_by_what_they_mean),
        cmocka_unit_test(the_end_of_a_quota_is_read),
        cmocka_unit_test(written_errors_have_the_familys_status),
    };
    return cmocka_run_group_tests_name("models/wire_fault", tests, NULL, NULL);
}
