// server/models_verdict and models_found: each way in which a backend fails has a name and says
// what to do; servers are told apart by what they say.
#include "core/base/utf.h"
#include "server/models_found.h"
#include "server/models_verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct model_facts usual = {.backend = "work",
                                         .host = "api.example.com",
                                         .key_env = "",
                                         .has_key = true,
                                         .wants_key = true,
                                         .network = true,
                                         .said = "",
                                         .now = "2026-11-28 04:00 UTC"};

static void expect(const struct model_facts *f, const char *name, const char *what,
                   const char *help) {
    struct model_verdict v;
    model_judge(f, &v);
    if (strcmp(model_problem_name(v.problem), name) != 0 || !strstr(v.what, what) ||
        !strstr(v.help, help))
        fail_msg("wanted %s, %s, %s; got %s, %s, %s", name, what, help,
                 model_problem_name(v.problem), v.what, v.help);
    assert_null(strchr(v.what, '{'));
    assert_null(strchr(v.help, '{'));
}

static void what_no_answer_means(void **state) {
    const struct {
        enum http_failure failure;
        bool local, network;
        const char *proxy, *said, *name, *what, *help;
    } cases[] = {
        {HTTP_DNS, false, true, NULL, "Could not resolve", "dns", "api.example.com", "resolv.conf"},
        {HTTP_DNS, false, false, NULL, "", "no-network", "no network", "agents"},
        {HTTP_CONNECT, false, true, NULL, "refused", "down", "(refused)", "firewall"},
        {HTTP_CONNECT, false, false, NULL, "", "no-network", "no network", "Connect it"},
        {HTTP_CONNECT, true, false, NULL, "", "down", "nothing answers", "Start the server"},
        {HTTP_CONNECT, false, true, "http://p:1", "", "proxy", "http://p:1", "NO_PROXY"},
        {HTTP_PROXY, false, true, "http://p:1", "", "proxy", "http://p:1", "paired stop"},
        {HTTP_RESET, false, true, "http://p:1", "CONNECT tunnel failed, response 407", "proxy",
         "407", "HTTPS_PROXY"},
        {HTTP_RESET, false, true, NULL, "", "cut", "cut", "VPN"},
        {HTTP_STALL, false, true, NULL, "", "cut", "cut", "Try again"},
        {HTTP_TIMEOUT, false, true, NULL, "", "slow", "in time", "firewall"},
        {HTTP_TIMEOUT, true, true, NULL, "", "slow", "in time", "loading a model"},
        {HTTP_TIMEOUT, false, false, NULL, "", "no-network", "no network", "Connect it"},
        {HTTP_TLS, false, true, NULL, "SSL certificate problem: self-signed certificate", "tls",
         "self-signed", "update-ca-certificates"},
        {HTTP_TLS, false, true, NULL, "SSL certificate problem: certificate is not yet valid",
         "clock", "which says 2026-11-28 04:00 UTC", "timedatectl"},
        {HTTP_TLS, false, true, NULL, "SSL certificate problem: certificate has expired", "clock",
         "another time", "timedatectl"},
        {HTTP_PROTOCOL, false, true, NULL, "", "not-this-api", "does not speak", "--replace"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct model_facts f = usual;
        f.failure = cases[i].failure;
        f.local = cases[i].local;
        f.network = cases[i].network;
        f.proxy = cases[i].proxy;
        f.said = cases[i].said;
        expect(&f, cases[i].name, cases[i].what, cases[i].help);
    }
}

static void what_an_answer_means(void **state) {
    struct model_facts f = usual;
    (void)state;
    f.status = 200;
    expect(&f, "not-this-api", "does not speak this API", "--url");
    f.understood = true;
    expect(&f, "ok", "", "");
    f.status = 401;
    f.fault = ROUTE_FAULT_AUTH;
    f.key_env = "A_KEY";
    expect(&f, "bad-key", "not accepted", "A_KEY");
    f.key_env = "";
    expect(&f, "bad-key", "not accepted", "backends add work --replace --key-stdin");
    f.has_key = false;
    expect(&f, "no-key", "no key", "backends add work --replace --key-stdin");
    f.wants_key = false;
    expect(&f, "bad-key", "not accepted", "It wants a key");
    f.status = 403;
    expect(&f, "not-allowed", "not allowed", "console");
    f.status = 404;
    f.fault = ROUTE_FAULT_MODEL;
    expect(&f, "not-this-api", "does not speak", "--family");
    f.model = "gpt-9";
    expect(&f, "model", "gpt-9", "--model MODEL");
    f.status = 402;
    f.fault = ROUTE_FAULT_BILLING;
    f.said = "no credit";
    expect(&f, "no-credit", "(no credit)", "Pay it up");
    f.status = 429;
    f.fault = ROUTE_FAULT_QUOTA;
    expect(&f, "no-credit", "quota", "backends add");
    f.fault = ROUTE_FAULT_RATE;
    expect(&f, "rate", "too often", "Wait a minute");
    f.status = 307;
    f.fault = ROUTE_FAULT_REQUEST;
    expect(&f, "not-this-api", "does not speak", "--url");
}

// Each fault, with every status, ends in a sentence and an advice, whatever the facts are.
static void nothing_ends_without_advice(void **state) {
    static const int statuses[] = {0, 301, 400, 401, 403, 404, 408, 429, 500, 503, 529};
    (void)state;
    for (int fault = 0; fault < ROUTE_FAULTS; fault++)
        for (size_t s = 0; s < sizeof statuses / sizeof *statuses; s++)
            for (int local = 0; local < 2; local++) {
                struct model_facts f = usual;
                struct model_verdict v;
                f.fault = (enum route_fault)fault;
                f.status = statuses[s];
                f.local = local;
                model_judge(&f, &v);
                assert_int_not_equal(v.problem, MODEL_FINE);
                assert_true(v.what[0] && v.help[0]);
            }
}

static void what_a_backend_says_cannot_grow(void **state) {
    char long_text[2000];
    struct model_facts f = usual;
    struct model_verdict v;
    (void)state;
    memset(long_text, '\xc3', sizeof long_text - 1); // begins a character each, and ends none
    long_text[sizeof long_text - 1] = '\0';
    f.failure = HTTP_CONNECT;
    f.said = f.host = f.backend = f.proxy = long_text;
    model_judge(&f, &v);
    assert_true(strlen(v.what) < sizeof v.what && strlen(v.help) < sizeof v.help);
    assert_true(v.what[0] && v.help[0]);
    assert_true(utf_valid(v.what, strlen(v.what)) && utf_valid(v.help, strlen(v.help)));
}

static struct found_answer good(const char *body) {
    return (struct found_answer){.status = 200, .body = body, .n = strlen(body)};
}

static void servers_are_told_apart(void **state) {
    struct found_answer none[FOUND_ASKS] = {{0}}, some[FOUND_ASKS] = {{0}};
    struct found_answer list = good("{\"data\":[]}"), refused = {.status = 401, .body = ""};
    struct wire_models m = {0};
    (void)state;
    assert_int_equal(found_identify(&list, true, &m, none), FOUND_SERVER);
    assert_int_equal(found_identify(&list, false, &m, none), FOUND_NOTHING);
    assert_int_equal(found_identify(&refused, false, &m, none), FOUND_LOCKED);
    refused.body = "{\"error\":{\"message\":\"this is paired's gateway: start\"}}";
    refused.n = strlen(refused.body);
    assert_int_equal(found_identify(&refused, false, &m, none), FOUND_PAIRED);
    some[FOUND_ASK_OLLAMA] = good("{\"version\":\"0.12\"}");
    assert_int_equal(found_identify(&list, true, &m, some), FOUND_OLLAMA);
    some[FOUND_ASK_KOBOLD] = good("{\"result\":\"KoboldCpp\"}");
    assert_int_equal(found_identify(&list, true, &m, some), FOUND_KOBOLDCPP);
    some[FOUND_ASK_KOBOLD] = good("[1]");
    some[FOUND_ASK_LMSTUDIO] = good("{\"data\":[{\"id\":\"a\",\"publisher\":\"b\"}]}");
    assert_int_equal(found_identify(&list, true, &m, some), FOUND_LMSTUDIO);
    some[FOUND_ASK_LMSTUDIO] = good("{\"data\":[{\"id\":\"a\"}]}");
    some[FOUND_ASK_PROPS] = good("{\"default_generation_settings\":{}}");
    assert_int_equal(found_identify(&list, true, &m, some), FOUND_LLAMACPP);
    (void)strcpy(m.owner, "vllm");
    assert_int_equal(found_identify(&list, true, &m, some), FOUND_VLLM);
    for (int k = 1; k < FOUND_KINDS; k++)
        assert_true(found_names[k].what[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_no_answer_means),
        cmocka_unit_test(what_an_answer_means),
        cmocka_unit_test(nothing_ends_without_advice),
        cmocka_unit_test(what_a_backend_says_cannot_grow),
        cmocka_unit_test(servers_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
