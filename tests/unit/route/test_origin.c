#include "core/route/route_origin.h"
#include "tests/unit/route/tests.h"

#include <stdlib.h>

struct request {
    enum route_origin origin;
    const char *system, *user;
    uint32_t messages, tools;
    bool edit_tool, tool_result;
    int64_t output_max;
};

static enum route_origin origin_of(const struct request *r, const char **why) {
    struct route_hints h = {.system = r->system,
                            .user = r->user,
                            .system_len = r->system ? strlen(r->system) : 0,
                            .user_len = r->user ? strlen(r->user) : 0,
                            .messages = r->messages,
                            .tools = r->tools,
                            .edit_tool = r->edit_tool,
                            .tool_result = r->tool_result,
                            .output_max = r->output_max,
                            .said = -1};
    return route_origin_of(&h, why);
}

static void requests_are_told_apart_by_their_shape(void **state) {
    (void)state;
    static const struct request cases[] = {
        {ROUTE_ORIGIN_TITLE, "Generate a concise title for this coding session.", "Fix the parser",
         1, 0, 0, 0, 0},
        {ROUTE_ORIGIN_TITLE, "You are helpful", "Write a 5 word title of this conversation", 3, 0,
         0, 0, 30},
        {ROUTE_ORIGIN_BACKGROUND, "Analyze if this message indicates a new conversation topic.",
         "now do X", 1, 0, 0, 0, 0},
        {ROUTE_ORIGIN_BACKGROUND, NULL, "quota", 1, 0, 0, 0, 1},
        {ROUTE_ORIGIN_BACKGROUND, "Write a commit message for the diff.", "diff --git a b", 1, 0, 0,
         0, 200},
        {ROUTE_ORIGIN_BACKGROUND, NULL, "for (int i = 0; i <", 1, 0, 0, 0, 64},
        {ROUTE_ORIGIN_COMPACTION, "You are a coding agent",
         "Your task is to create a detailed summary of the conversation so far, paying close "
         "attention",
         40, 12, 1, 0, 0},
        {ROUTE_ORIGIN_COMPACTION,
         "You are a helpful assistant tasked with summarizing conversations.", "go", 30, 0, 0, 0,
         0},
        {ROUTE_ORIGIN_SUMMARY, NULL, "Summarize this web page: ...", 1, 0, 0, 0, 0},
        {ROUTE_ORIGIN_SUMMARY, "You summarise the output of tools.", "line 1", 1, 0, 0, 0, 0},
        {ROUTE_ORIGIN_SEARCH, "You are an assistant for performing a web search tool use",
         "libuv pipes", 1, 1, 0, 0, 0},
        {ROUTE_ORIGIN_SUBAGENT, "You are an agent for a coding CLI. Do what has been asked.",
         "find callers", 1, 9, 1, 0, 0},
        {ROUTE_ORIGIN_SUBAGENT, "You are a file search specialist.", "where is main", 5, 4, 0, 1,
         0},
        {ROUTE_ORIGIN_PLAN, "You are a coding agent",
         "Plan mode is active. The user wants a cache.", 3, 12, 1, 0, 0},
        {ROUTE_ORIGIN_PLAN, NULL, "Make a plan for moving to C23", 1, 0, 0, 0, 0},
        {ROUTE_ORIGIN_REVIEW, "You are a coding agent", "Review the last commit", 1, 12, 1, 0, 0},
        {ROUTE_ORIGIN_REVIEW, "You are a senior code reviewer.", "diff --git", 1, 0, 0, 0, 0},
        {ROUTE_ORIGIN_EDIT, "You are a coding agent", "Fix the crash in fields.c", 1, 12, 1, 0, 0},
        {ROUTE_ORIGIN_EDIT, "You are a coding agent", "ok", 21, 12, 1, 1, 0},
        {ROUTE_ORIGIN_EDIT, NULL, "Implement a ring buffer in C", 1, 0, 0, 0, 0},
        {ROUTE_ORIGIN_CHAT, NULL, "What is a futex?", 1, 0, 0, 0, 0},
        {ROUTE_ORIGIN_CHAT, NULL, "why does it say \"untitled\" here, in this conversation?", 3, 0,
         0, 0, 0},
        {ROUTE_ORIGIN_CHAT, NULL, NULL, 0, 0, 0, 0, 0},
        {ROUTE_ORIGIN_CHAT, NULL, "What does the prefix rule mean?", 1, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *why;
        enum route_origin o = origin_of(&cases[i], &why);
        if (o != cases[i].origin)
            fail_msg("case %zu (%s): %s, because \"%s\"", i, cases[i].user, route_origin_name(o),
                     why);
    }
}

static void what_an_agent_says_itself_is_believed(void **state) {
    (void)state;
    struct route_hints h = {.said = ROUTE_ORIGIN_REVIEW, .output_max = 1};
    assert_int_equal(route_origin_of(&h, NULL), ROUTE_ORIGIN_REVIEW);
    h.said = 99;
    assert_int_equal(route_origin_of(&h, NULL), ROUTE_ORIGIN_BACKGROUND);
    h = (struct route_hints){.said = -1, .tools = 1, .only_web_search = true};
    assert_int_equal(route_origin_of(&h, NULL), ROUTE_ORIGIN_SEARCH);
}

static void names_go_there_and_back(void **state) {
    (void)state;
    enum route_origin o;
    for (int i = 0; i < ROUTE_ORIGINS; i++) {
        assert_true(route_origin_parse(route_origin_name((enum route_origin)i), &o));
        assert_int_equal(o, i);
        struct route_demand d = route_origin_demand((enum route_origin)i);
        assert_true(d.floor > 0 && d.floor <= 1 && d.output_tokens > 0);
    }
    assert_false(route_origin_parse("nothing", &o));
}

static void only_the_ends_of_long_texts_are_searched(void **state) {
    (void)state;
    size_t n = 4u << 20;
    char *text = malloc(n); // exactly: a byte read too far is noticed
    assert_non_null(text);
    memset(text, 'a', n);
    memcpy(text + n / 2, " plan mode ", 11);
    struct route_hints h = {.user = text, .user_len = n, .tools = 3, .messages = 9, .said = -1};
    assert_int_equal(route_origin_of(&h, NULL), ROUTE_ORIGIN_CHAT);
    memcpy(text + n - 9, "plan mode", 9);
    text[n - 10] = ' ';
    assert_int_equal(route_origin_of(&h, NULL), ROUTE_ORIGIN_PLAN);
    free(text);
}

static void words_are_found_wherever_they_stand(void **state) {
    (void)state;
    static const char word[] = "Software Architect";
    enum { ROOM = 2100 };
    for (size_t n = sizeof word - 1; n < ROOM; n += n < 60 ? 1 : 509)
        for (size_t at = 0; at + sizeof word - 1 <= n; at += n < 60 ? 1 : 7) {
            char *text = malloc(n); // exactly: a byte read too far is noticed
            assert_non_null(text);
            memset(text, '-', n);
            memcpy(text + at, word, sizeof word - 1);
            struct route_hints h = {
                .system = text, .system_len = n, .tools = 3, .messages = 9, .said = -1};
            bool cut = n > 2048 && at + sizeof word - 1 > 1024 && at < n - 1024;
            if (!cut)
                assert_int_equal(route_origin_of(&h, NULL), ROUTE_ORIGIN_PLAN);
            if (at > 0 && !cut) { // within another word
                text[at - 1] = 'z';
                assert_int_equal(route_origin_of(&h, NULL), n > 2048 && at == n - 1024
                                                                ? ROUTE_ORIGIN_PLAN
                                                                : ROUTE_ORIGIN_CHAT);
            }
            free(text);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_told_apart_by_their_shape),
        cmocka_unit_test(what_an_agent_says_itself_is_believed),
        cmocka_unit_test(names_go_there_and_back),
        cmocka_unit_test(words_are_found_wherever_they_stand),
        cmocka_unit_test(only_the_ends_of_long_texts_are_searched),
    };
    return cmocka_run_group_tests_name("route/origin", tests, NULL, NULL);
}
