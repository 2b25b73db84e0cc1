// First use: the words are put before anything is granted, once, and to whoever can agree.
#include "server/grants_ask.h"

#include "core/base/mem.h"
#include "tests/unit/server/cap_bench.h"
#include "tests/unit/server/mcp_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define FRIEND "friend:1111111111111111111111111111111111111111111111111111111111111111"

// A capability that lets a pattern go, as server/share does.
struct share_input {
    bool confirm, mine_too;
};
static const struct field share_fields[] = {
    {.name = "confirm", .type = FIELD_BOOL, .offset = offsetof(struct share_input, confirm)},
    {.name = "mine_too", .type = FIELD_BOOL, .offset = offsetof(struct share_input, mine_too)},
    {0},
};

static int run_share(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct share_input *in = input;
    const struct grants_first first = {.what = {"pattern", FRIEND, CONSENT_OUT, "/w"},
                                       .who = "Anna",
                                       .purpose = "One pattern is about to leave."};
    struct consent_pass pass = {0};
    if (in->mine_too && !call->confirmed) { // a question of its own, with other words
        answer->ask = json_pack("{ss}", "message", "Really?");
        return 0;
    }
    int r = grants_ask_first(call, &first, &pass, answer, err);
    if (r <= 0)
        return r;
    answer->structured = json_pack("{sb}", "left", pass.grant > 0);
    return 0;
}

static const struct capability table[] = {
    {.name = "share_it",
     .title = "Share",
     .description = "Share",
     .flags = CAP_TOOL,
     .input = share_fields,
     .input_size = sizeof(struct share_input),
     .run = run_share},
    {0},
};
static const struct capability *const tables[] = {table, NULL};

static int setup(void **state) {
    if (cap_setup(state) < 0)
        return -1;
    struct bench *b = *state;
    dispatch_free(b->dispatch);
    struct dispatch_config config = {
        .loop = b->loop, .pool = b->pool, .services = &b->services, .tables = tables};
    return dispatch_new(&config, &b->dispatch, NULL);
}

static int share(struct bench *b, const char *json, bool confirmed) {
    return cap_call_json(b, "share_it", cap_parse(json), confirmed);
}

static bool granted(struct bench *b) {
    const struct consent_what what = {"pattern", FRIEND, CONSENT_OUT, "/w"};
    struct consent_pass pass;
    return consent_check(b->store, &what, &pass, NULL) == 0;
}

static const char *asked(const struct bench *b, const char *member) {
    const char *text = json_string_value(json_object_get(b->ask, member));
    return text ? text : "";
}

static void the_first_use_asks_in_the_words_of_its_kind(void **state) {
    struct bench *b = *state;
    assert_int_equal(share(b, "{}", false), 0);
    const char *message = asked(b, "message");
    assert_non_null(strstr(message, "One pattern is about to leave."));
    assert_non_null(strstr(message, "This lets patterns go to Anna, of /w"));
    assert_non_null(strstr(message, consent_words("pattern", CONSENT_OUT)));
    assert_string_equal(asked(b, "instead"),
                        "paired consent grant pattern " FRIEND " --out --workspace /w");
    assert_non_null(strstr(asked(b, "about"), "paired consent revoke pattern"));
    assert_null(json_object_get(b->structured, "left"));
    assert_false(granted(b));
    assert_int_equal(share(b, "{}", true), 0); // the user agreed
    assert_true(json_is_true(json_object_get(b->structured, "left")));
    assert_true(granted(b));
    assert_int_equal(share(b, "{}", false), 0); // and is not asked again
    assert_null(b->ask);
}

static void agreement_to_another_question_grants_nothing(void **state) {
    struct bench *b = *state;
    assert_int_equal(share(b, "{'mine_too':true}", false), 0);
    assert_string_equal(asked(b, "message"), "Really?");
    assert_int_equal(share(b, "{'mine_too':true}", true), 0); // agreed to that, not to these words
    assert_non_null(strstr(asked(b, "message"), "This lets patterns go to Anna"));
    assert_false(granted(b));
    (void)snprintf(b->session, sizeof b->session, "s2"); // nor what another session was asked
    assert_int_equal(share(b, "{}", true), 0);
    assert_non_null(b->ask);
    assert_false(granted(b));
    assert_int_equal(share(b, "{}", true), 0);
    assert_true(granted(b));
}

static void one_agreement_is_one_grant(void **state) {
    struct bench *b = *state;
    const struct consent_what what = {"pattern", FRIEND, CONSENT_OUT, "/w"};
    int64_t ended = 0;
    bool still = false;
    assert_int_equal(share(b, "{}", false), 0);
    assert_int_equal(share(b, "{}", true), 0);
    assert_int_equal(consent_revoke(b->store, NULL, &what, false, &ended, &still, NULL), 0);
    assert_int_equal(share(b, "{}", true), 0);
    assert_non_null(b->ask);
    assert_false(granted(b));
}

static void a_model_does_not_agree_for_its_user(void **state) {
    struct bench *b = *state;
    assert_int_equal(share(b, "{}", false), 0);
    assert_int_equal(share(b, "{'confirm':true}", true), ERR_PERM);
    assert_non_null(strstr(b->message, "in a terminal"));
    assert_false(granted(b));
}

static void questions_are_bounded_and_the_oldest_is_put_again(void **state) {
    struct bench *b = *state;
    (void)snprintf(b->session, sizeof b->session, "first");
    assert_int_equal(share(b, "{}", false), 0);
    for (int i = 0; i < GRANTS_ASKED_MAX; i++) {
        (void)snprintf(b->session, sizeof b->session, "other%d", i);
        assert_int_equal(share(b, "{}", false), 0);
    }
    (void)snprintf(b->session, sizeof b->session, "first");
    assert_int_equal(share(b, "{}", true), 0);
    assert_non_null(b->ask);
    assert_false(granted(b));
}

// --- the same through a real session of MCP

static json_t *call(struct mcp_client *c, const char *arguments, const char *more,
                    const char *capabilities) {
    AUTO_FREE char *params =
        mem_format("{\"name\":\"share_it\",\"arguments\":%s%s}", arguments, more);
    return mcp_client_modern(c, "tools/call", params, capabilities);
}

static json_t *grants_of(struct mcp_client *c) {
    struct mcp_client *cli = mcp_client_join_as(c, "cli");
    mcp_client_send(cli,
                    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"paired/call\",\"params\":{"
                    "\"capability\":\"consent list\"}}",
                    0, 1);
    json_t *answer = mcp_client_next(cli, MCP_CLIENT_WAIT_MS, NULL);
    mcp_client_stop(cli, false);
    json_t *grants = json_incref(mcp_at(answer, "result.structured.grants"));
    json_decref(answer);
    return grants;
}

static size_t count_grants(struct mcp_client *c) {
    json_t *grants = grants_of(c);
    size_t n = json_array_size(grants);
    json_decref(grants);
    return n;
}

static void an_mcp_client_asks_its_user_and_the_grant_says_so(void **state) {
    static const char elicit[] = "{\"elicitation\":{}}";
    (void)state;
    mcp_client_more = table;
    struct mcp_client *c = mcp_client_start(NULL, false);
    json_t *asked = call(c, "{}", "", elicit);
    assert_string_equal(mcp_text(asked, "result.resultType"), "input_required");
    const char *message = mcp_text(asked, "result.inputRequests.confirm.params.message");
    assert_non_null(strstr(message, consent_words("pattern", CONSENT_OUT)));
    assert_non_null(strstr(mcp_text(asked, "result.inputRequests.confirm.params.requestedSchema."
                                           "properties.confirm.description"),
                           "End it at any time: paired consent revoke pattern"));
    assert_int_equal(count_grants(c), 0);
    static const char answer[] =
        ",\"requestState\":\"%s\",\"inputResponses\":{\"confirm\":{\"action\":\"%s\","
        "\"content\":{\"confirm\":%s}}}";
    const char *token = mcp_text(asked, "result.requestState");
    AUTO_FREE char *no = mem_format(answer, token, "decline", "false");
    AUTO_FREE char *yes = mem_format(answer, token, "accept", "true");
    json_t *a = call(c, "{}", no, elicit);
    assert_true(json_is_true(mcp_at(a, "result.isError")));
    assert_int_equal(count_grants(c), 0);
    json_decref(a);
    a = call(c, "{}", yes, elicit);
    assert_true(json_is_true(mcp_at(a, "result.structuredContent.left")));
    json_decref(a);
    json_t *grants = grants_of(c);
    assert_int_equal(json_array_size(grants), 1);
    assert_string_equal(mcp_text(grants, "0.given_by"), "mcp");
    json_decref(grants);
    a = call(c, "{}", "", elicit); // not again
    assert_true(json_is_true(mcp_at(a, "result.structuredContent.left")));
    json_decref(a);
    json_decref(asked);
    mcp_client_stop(c, false);
    mcp_client_more = NULL;
}

static void an_mcp_client_that_cannot_ask_is_told_what_to_run(void **state) {
    (void)state;
    mcp_client_more = table;
    struct mcp_client *c = mcp_client_start(NULL, false);
    json_t *a = call(c, "{}", "", "{}");
    const char *text = mcp_text(a, "result.content.0.text");
    assert_true(json_is_true(mcp_at(a, "result.isError")));
    assert_non_null(strstr(text, "in a terminal: paired consent grant pattern " FRIEND));
    assert_null(strstr(text, "\"confirm\": true")); // a model is not invited to agree
    json_decref(a);
    a = call(c, "{\"confirm\":true}", "", "{}");
    assert_true(json_is_true(mcp_at(a, "result.isError")));
    json_decref(a);
    assert_int_equal(count_grants(c), 0);
    mcp_client_stop(c, false);
    mcp_client_more = NULL;
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, cap_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_first_use_asks_in_the_words_of_its_kind),
        TEST(agreement_to_another_question_grants_nothing),
        TEST(one_agreement_is_one_grant),
        TEST(a_model_does_not_agree_for_its_user),
        TEST(questions_are_bounded_and_the_oldest_is_put_again),
        cmocka_unit_test(an_mcp_client_asks_its_user_and_the_grant_says_so),
        cmocka_unit_test(an_mcp_client_that_cannot_ask_is_told_what_to_run),
    };
    return cmocka_run_group_tests_name("server/grants_ask", tests, NULL, NULL);
}
