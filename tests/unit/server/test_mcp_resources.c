// Resources, templates, prompts, completion and skills.
#include "tests/unit/server/mcp_client.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static int64_t code(const json_t *answer) {
    return json_integer_value(mcp_at(answer, "error.code"));
}

static int setup(void **state) {
    *state = mcp_client_start(NULL, false);
    return 0;
}

static int teardown(void **state) {
    mcp_client_stop(*state, false);
    return 0;
}

static void remember(struct mcp_client *c, const char *arguments, char uid[32]) {
    AUTO_FREE char *params = mem_format("{\"name\":\"remember\",\"arguments\":%s}", arguments);
    json_t *a = mcp_client_modern(c, "tools/call", params, "{}");
    if (uid)
        snprintf(uid, 32, "%s", mcp_text(a, "result.structuredContent.uid"));
    assert_true(*mcp_text(a, "result.structuredContent.uid"));
    json_decref(a);
}

static json_t *read_uri(struct mcp_client *c, const char *uri) {
    AUTO_FREE char *params = mem_format("{\"uri\":\"%s\"}", uri);
    return mcp_client_modern(c, "resources/read", params, "{}");
}

static void expect_content(struct mcp_client *c, const char *uri, const char *words) {
    json_t *a = read_uri(c, uri);
    const char *text = mcp_text(a, "result.contents.0.text");
    if (!strstr(text, words))
        fail_msg("%s: expected \"%s\" in: %s%s", uri, words, text, mcp_text(a, "error.message"));
    assert_string_equal(mcp_text(a, "result.contents.0.uri"), uri);
    json_decref(a);
}

static void notes_are_read_by_uid_tag_and_recency(void **state) {
    struct mcp_client *c = *state;
    char uid[32], uri[64];
    expect_content(c, "memory://recent", "Nothing has been noted");
    remember(c,
             "{\"text\":\"Bilby burrows are deep\",\"kind\":\"fact\",\"subject\":\"bilby\","
             "\"tags\":[\"field work\",\"x\"]}",
             uid);
    snprintf(uri, sizeof uri, "memory://note/%s", uid);
    expect_content(c, uri, "Bilby burrows are deep");
    expect_content(c, uri, "subject: bilby");
    expect_content(c, "memory://recent", "Bilby burrows are deep");
    expect_content(c, "memory://tag/field%20work", "Bilby burrows are deep");
    expect_content(c, "memory://tag/x", uid);
    expect_content(c, "paired://status", "\"");
    json_t *a = read_uri(c, "paired://status");
    json_t *status = json_loads(mcp_text(a, "result.contents.0.text"), 0, NULL);
    assert_true(json_is_object(status));
    json_decref(status);
    json_decref(a);
}

static void a_resource_that_is_not_there_has_the_code_of_its_era(void **state) {
    static const char *const missing[] = {"memory://note/n222222222222222",
                                          "memory://note/",
                                          "memory://note/%zz",
                                          "memory://note/../../etc/passwd",
                                          "memory://tag/nobody",
                                          "memory://handoff/h222222222222222",
                                          "memory://",
                                          "paired://other",
                                          "skill://paired/none/SKILL.md",
                                          "skill://paired/paired-memory",
                                          "test://static-text", // a fixture
                                          "file:///etc/passwd",
                                          ""};
    struct mcp_client *c = *state;
    mcp_client_initialize(c, "2025-11-25", "{}");
    for (size_t i = 0; i < COUNT_OF(missing); i++) {
        AUTO_FREE char *params = mem_format("{\"uri\":\"%s\"}", missing[i]);
        json_t *legacy = mcp_client_call(c, "resources/read", params);
        json_t *modern = mcp_client_modern(c, "resources/read", params, "{}");
        if (code(legacy) != -32002 || code(modern) != -32602)
            fail_msg("%s: %d, %d", missing[i], (int)code(legacy), (int)code(modern));
        assert_string_equal(mcp_text(modern, "error.data.uri"), missing[i]);
        json_decref(legacy);
        json_decref(modern);
    }
    json_t *a = mcp_client_call(c, "resources/read", "{}");
    assert_int_equal(code(a), -32602);
    json_decref(a);
}

static void the_list_is_paged_complete_and_bounded(void **state) {
    struct mcp_client *c = *state;
    enum { NOTES = 120 };
    for (int i = 0; i < NOTES; i++) {
        AUTO_FREE char *text = mem_format("{\"text\":\"note number %d\"}", i);
        remember(c, text, NULL);
    }
    json_t *seen = json_object();
    AUTO_FREE char *params = mem_strdup("{}");
    int pages = 0, notes = 0;
    for (;;) {
        json_t *a = mcp_client_modern(c, "resources/list", params, "{}");
        const json_t *list = mcp_at(a, "result.resources");
        assert_true(json_is_array(list));
        assert_string_equal(mcp_text(a, "result.cacheScope"), "private");
        for (size_t i = 0; i < json_array_size(list); i++) {
            const char *uri = mcp_text(json_array_get(list, i), "uri");
            assert_null(json_object_get(seen, uri)); // each once
            assert_int_equal(json_object_set_new(seen, uri, json_true()), 0);
            notes += strncmp(uri, "memory://note/", 14) == 0;
            assert_true(*mcp_text(json_array_get(list, i), "name"));
        }
        pages++;
        const char *cursor = mcp_text(a, "result.nextCursor");
        mem_free(params);
        params = *cursor ? mem_format("{\"cursor\":\"%s\"}", cursor) : NULL;
        json_decref(a);
        if (!params)
            break;
    }
    assert_int_equal(notes, NOTES);
    assert_int_equal(pages, 3);
    assert_non_null(json_object_get(seen, "memory://recent"));
    json_decref(seen);
}

static void a_cursor_that_was_not_given_out_is_refused(void **state) {
    static const char *const methods[] = {
        "tools/list", "resources/list", "resources/templates/list", "prompts/list", "skills/list"};
    static const char *const wrong[] = {"\"\"",
                                        "\"x\"",
                                        "\"cjE\"",
                                        "7",
                                        "\"////\"",
                                        "[\"r\"]",
                                        "\"cjEubn4wMDAwMDAwMA\"",
                                        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""};
    for (size_t m = 0; m < COUNT_OF(methods); m++) {
        for (size_t i = 0; i < COUNT_OF(wrong); i++) {
            AUTO_FREE char *params = mem_format("{\"cursor\":%s}", wrong[i]);
            json_t *a = mcp_client_modern(*state, methods[m], params, "{}");
            assert_int_equal(code(a), -32602);
            json_decref(a);
        }
        json_t *a = mcp_client_modern(*state, methods[m], "{\"cursor\":null}", "{}");
        assert_non_null(mcp_at(a, "result"));
        json_decref(a);
    }
}

// --- prompts

static json_t *get_prompt(struct mcp_client *c, const char *params) {
    return mcp_client_modern(c, "prompts/get", params, "{}");
}

static void prompts_bring_what_the_memory_holds(void **state) {
    struct mcp_client *c = *state;
    remember(c, "{\"text\":\"The quoll database moved to host nine\"}", NULL);
    json_t *a = get_prompt(c, "{\"name\":\"recall\",\"arguments\":{\"topic\":\"quoll\"}}");
    assert_string_equal(mcp_text(a, "result.messages.0.role"), "user");
    assert_non_null(strstr(mcp_text(a, "result.messages.0.content.text"), "host nine"));
    json_decref(a);
    a = get_prompt(c, "{\"name\":\"remember\",\"arguments\":{\"text\":\"T\",\"tags\":\"a, b\"}}");
    assert_non_null(strstr(mcp_text(a, "result.messages.0.content.text"), "Tags: a, b"));
    json_decref(a);
    a = get_prompt(c, "{\"name\":\"resume\"}");
    assert_non_null(strstr(mcp_text(a, "result.messages.0.content.text"), "No session has handed"));
    json_decref(a);
    a = get_prompt(c, "{\"name\":\"handoff\",\"arguments\":{\"next\":\"fix the test\"}}");
    assert_non_null(strstr(mcp_text(a, "result.messages.0.content.text"), "fix the test"));
    json_decref(a);
}

static void a_handoff_comes_back_as_prompt_and_resource(void **state) {
    struct mcp_client *c = *state;
    json_t *a = mcp_client_modern(c, "tools/call",
                                  "{\"name\":\"handoff\",\"arguments\":{\"title\":\"Port to arm\","
                                  "\"next\":\"run the tests\",\"files\":[\"a.c\",\"b.c\"]}}",
                                  "{}");
    assert_true(json_is_false(mcp_at(a, "result.isError")));
    json_decref(a);
    expect_content(c, "memory://handoff/latest", "Port to arm");
    expect_content(c, "memory://handoff/latest", "- b.c");
    a = get_prompt(c, "{\"name\":\"resume\"}");
    assert_non_null(strstr(mcp_text(a, "result.messages.0.content.text"), "run the tests"));
    json_decref(a);
    a = get_prompt(c, "{\"name\":\"resume\",\"arguments\":{\"handoff\":\"h222222222222222\"}}");
    assert_int_equal(code(a), -32602);
    json_decref(a);
}

static void a_wrong_prompt_or_argument_is_named(void **state) {
    static const struct {
        const char *params, *named;
    } cases[] = {
        {"{}", "name"},
        {"{\"name\":\"nothing\"}", "nothing"},
        {"{\"name\":\"test_simple_prompt\"}", "test_simple_prompt"}, // a fixture
        {"{\"name\":\"recall\"}", "topic"},
        {"{\"name\":\"recall\",\"arguments\":{\"topic\":7}}", "topic"},
        {"{\"name\":\"remember\",\"arguments\":{\"text\":\"\"}}", "text"},
        {"{\"name\":\"recall\",\"arguments\":[]}", "arguments"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        json_t *a = get_prompt(*state, cases[i].params);
        assert_int_equal(code(a), -32602);
        assert_non_null(strstr(mcp_text(a, "error.message"), cases[i].named));
        json_decref(a);
    }
}

// --- completion

static json_t *complete(struct mcp_client *c, const char *ref, const char *name,
                        const char *value) {
    AUTO_FREE char *params = mem_format(
        "{\"ref\":%s,\"argument\":{\"name\":\"%s\",\"value\":\"%s\"}}", ref, name, value);
    return mcp_client_modern(c, "completion/complete", params, "{}");
}

static void tags_and_uids_are_completed(void **state) {
    struct mcp_client *c = *state;
    char uid[32], prefix[5];
    remember(c, "{\"text\":\"a\",\"tags\":[\"release\",\"review\",\"other\"]}", uid);
    json_t *a = complete(c, "{\"type\":\"ref/prompt\",\"name\":\"remember\"}", "tags", "other, re");
    assert_int_equal(json_array_size(mcp_at(a, "result.completion.values")), 2);
    assert_true(json_is_false(mcp_at(a, "result.completion.hasMore")));
    json_decref(a);
    a = complete(c, "{\"type\":\"ref/resource\",\"uri\":\"memory://tag/{tag}\"}", "tag", "rel");
    assert_string_equal(mcp_text(a, "result.completion.values.0"), "release");
    json_decref(a);
    snprintf(prefix, sizeof prefix, "%.4s", uid);
    a = complete(c, "{\"type\":\"ref/resource\",\"uri\":\"memory://note/{uid}\"}", "uid", prefix);
    assert_string_equal(mcp_text(a, "result.completion.values.0"), uid);
    json_decref(a);
    a = complete(c, "{\"type\":\"ref/prompt\",\"name\":\"remember\"}", "text", "any");
    assert_int_equal(json_array_size(mcp_at(a, "result.completion.values")), 0);
    json_decref(a);
}

static void completion_of_unknown_things_is_refused(void **state) {
    struct mcp_client *c = *state;
    static const struct {
        const char *ref, *argument;
    } cases[] = {{"{\"type\":\"ref/prompt\",\"name\":\"nothing\"}", "x"},
                 {"{\"type\":\"ref/prompt\",\"name\":\"recall\"}", "nothing"},
                 {"{\"type\":\"ref/resource\",\"uri\":\"memory://note/{x}\"}", "uid"},
                 {"{\"type\":\"ref/resource\",\"uri\":\"memory://note/{uid}\"}", "x"},
                 {"{\"type\":\"ref/tool\",\"name\":\"recall\"}", "x"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        json_t *a = complete(c, cases[i].ref, cases[i].argument, "");
        assert_int_equal(code(a), -32602);
        json_decref(a);
    }
}

// --- skills

static void every_skill_file_has_the_digest_that_is_told(void **state) {
    struct mcp_client *c = *state;
    json_t *list = mcp_client_modern(c, "skills/list", NULL, "{}");
    const json_t *skills = mcp_at(list, "result.skills");
    assert_in_range(json_array_size(skills), 1, 20);
    for (size_t i = 0; i < json_array_size(skills); i++) {
        const json_t *skill = json_array_get(skills, i);
        AUTO_FREE char *params = mem_format("{\"uri\":\"%s\"}", mcp_text(skill, "uri"));
        json_t *one = mcp_client_modern(c, "skills/get", params, "{}");
        assert_true(json_equal(mcp_at(one, "result.skill"), skill));
        json_decref(one);
        const json_t *resources = mcp_at(skill, "resources");
        for (size_t k = 0; k < json_array_size(resources); k++) {
            const json_t *file = json_array_get(resources, k);
            json_t *a = read_uri(c, mcp_text(file, "uri"));
            const char *text = mcp_text(a, "result.contents.0.text");
            uint8_t sum[crypto_hash_sha256_BYTES];
            char hex[65], digest[80];
            crypto_hash_sha256(sum, (const uint8_t *)text, strlen(text));
            sodium_bin2hex(hex, sizeof hex, sum, sizeof sum);
            snprintf(digest, sizeof digest, "sha256:%s", hex);
            assert_string_equal(mcp_text(file, "digest"), digest);
            assert_int_equal(json_integer_value(mcp_at(file, "size")), strlen(text));
            json_decref(a);
        }
    }
    json_decref(list);
}

static void skill_directories_are_listed(void **state) {
    struct mcp_client *c = *state;
    static const char *const dirs[] = {"skill://paired/paired-memory",
                                       "skill://paired/paired-memory/references/"};
    for (size_t i = 0; i < COUNT_OF(dirs); i++) {
        AUTO_FREE char *params = mem_format("{\"uri\":\"%s\"}", dirs[i]);
        json_t *a = mcp_client_modern(c, "resources/directory/read", params, "{}");
        assert_true(json_array_size(mcp_at(a, "result.resources")) > 0);
        json_decref(a);
    }
    static const char *const wrong[] = {"skill://paired/", "skill://paired/none",
                                        "skill://paired/paired-memory/SKILL.md",
                                        "skill://paired/paired-mem", "memory://recent"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        AUTO_FREE char *params = mem_format("{\"uri\":\"%s\"}", wrong[i]);
        json_t *a = mcp_client_modern(c, "resources/directory/read", params, "{}");
        assert_int_equal(code(a), -32602);
        json_decref(a);
    }
}

// --- without a store

static void a_broken_store_takes_away_nothing_but_the_memory(void **state) {
    char profile[] = "/tmp/paired-broken-XXXXXX", path[256];
    (void)state;
    assert_non_null(mkdtemp(profile));
    snprintf(path, sizeof path, "%s/state", profile);
    assert_int_equal(mkdir(path, 0700), 0);
    static const char *const files[] = {"store.db", "store.keys", "store.head", "key"};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        snprintf(path, sizeof path, "%s/state/%s", profile, files[i]);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs("this is no store", f);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(chmod(path, 0600), 0);
    }
    struct mcp_client *c = mcp_client_start(profile, false);
    static const char *const served[] = {"server/discover", "tools/list", "prompts/list",
                                         "resources/list", "skills/list"};
    for (size_t i = 0; i < COUNT_OF(served); i++) {
        json_t *a = mcp_client_modern(c, served[i], NULL, "{}");
        if (!mcp_at(a, "result"))
            fail_msg("%s: %s", served[i], mcp_text(a, "error.message"));
        json_decref(a);
    }
    json_t *a = mcp_client_modern(c, "tools/call", "{\"name\":\"recall\"}", "{}");
    assert_true(json_is_true(mcp_at(a, "result.isError")));
    assert_true(strlen(mcp_text(a, "result.content.0.text")) > 20); // says what is wrong
    json_decref(a);
    a = read_uri(c, "memory://recent");
    assert_int_equal(code(a), -32603);
    json_decref(a);
    expect_content(c, "skill://paired/paired-memory/SKILL.md", "recall");
    mcp_client_stop(c, false);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        FRESH(notes_are_read_by_uid_tag_and_recency),
        FRESH(a_resource_that_is_not_there_has_the_code_of_its_era),
        FRESH(the_list_is_paged_complete_and_bounded),
        FRESH(a_cursor_that_was_not_given_out_is_refused),
        FRESH(prompts_bring_what_the_memory_holds),
        FRESH(a_handoff_comes_back_as_prompt_and_resource),
        FRESH(a_wrong_prompt_or_argument_is_named),
        FRESH(tags_and_uids_are_completed),
        FRESH(completion_of_unknown_things_is_refused),
        FRESH(every_skill_file_has_the_digest_that_is_told),
        FRESH(skill_directories_are_listed),
        cmocka_unit_test(a_broken_store_takes_away_nothing_but_the_memory),
    };
    return cmocka_run_group_tests_name("server/mcp_resources", tests, NULL, NULL);
}
